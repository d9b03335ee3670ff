-- 630_results.sql: what became of sends: recorded, tried again, settled, decided, cancelled.

------------------------------------------------------------------------------------------------
-- Recording
------------------------------------------------------------------------------------------------
create function private.apply_error(org_id uuid, number_id uuid, conversation_id uuid, contact_id uuid, message_id bigint,
                                    rule private.meta_error_codes, body jsonb, at timestamptz) returns void
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
begin
  -- Who got nothing does not count towards Meta's messaging limit.
  delete from private.tier_uses u where u.message_id = apply_error.message_id and u.org_id = apply_error.org_id;
  case (rule).action
  when 'pause_number' then
    update public.whatsapp_numbers n
       set status = 'paused', paused_reason = (rule).words,
           paused_until = case when (rule).pause_seconds is not null then now() + make_interval(secs => (rule).pause_seconds) end
     where n.org_id = apply_error.org_id and n.status = 'connected'
       and (n.id = apply_error.number_id
            or (rule).delay_scope = 'account' and n.account_id = (
                 select o.account_id from public.whatsapp_numbers o where o.org_id = apply_error.org_id and o.id = apply_error.number_id));
  when 'reauthorize' then
    perform private.ask_reconnect(n.org_id, n.account_id, (rule).words)
       from public.whatsapp_numbers n where n.org_id = apply_error.org_id and n.id = apply_error.number_id;
  when 'opt_out' then
    perform private.record_consent(apply_error.org_id, apply_error.contact_id, apply_error.at, 'opt_out', 'meta',
      jsonb_build_object('code', (rule).code), 'error:' || apply_error.message_id);
  when 'window_closed' then
    perform private.close_window(apply_error.org_id, apply_error.conversation_id);
  when 'template_fix' then
    update public.message_templates t set blocked_reason = coalesce((rule).words, 'Meta refuses it') || ' (' || (rule).code || ')'
      from public.whatsapp_numbers n
     where n.org_id = apply_error.org_id and n.id = apply_error.number_id
       and (t.org_id, t.account_id, t.name, t.language)
         = (n.org_id, n.account_id, apply_error.body #>> '{template,name}', apply_error.body #>> '{template,language,code}');
  else
    null;
  end case;
end;
$$;
comment on function private.apply_error is 'What an error does beyond its message: pause the number, ask to reconnect, opt out, close the window, block the template.';

create function worker.record_results(lease uuid, results jsonb, uncertain_after_seconds int default 900) returns jsonb
  language plpgsql volatile security definer set search_path = '' set plan_cache_mode = 'force_generic_plan' set enable_seqscan = off
as $$
#variable_conflict use_column
declare
  v_orgs    uuid[];
  v_threads uuid[];
  v_ids     bigint[];
  v_wamids  text[];
  v_done    int := 0;
  v_late    int := 0;
  r         record;
  v_rule    private.meta_error_codes;
  v_delay   numeric;
  v_again   boolean;
  v_queued  text;
begin
  select array_agg(x.wamid) filter (where x.wamid is not null) into v_wamids
    from jsonb_to_recordset(results) x (wamid text);

  -- 1. Lock: the lanes, in their order. A lane that has passed to somebody else is not ours to move.
  with lanes as (
    select l.org_id, l.conversation_id, l.message_id, l.lease from private.send_lanes l
     where (l.org_id, l.conversation_id) in (
       select m.org_id, m.conversation_id from jsonb_to_recordset(results) x (org_id uuid, message_id bigint)
         join public.messages m on (m.org_id, m.id) = (x.org_id, x.message_id))
     order by l.org_id, l.conversation_id for update)
  select array_agg(org_id), array_agg(conversation_id), array_agg(message_id) into v_orgs, v_threads, v_ids
    from lanes where lease = record_results.lease;

  -- 2. Accepted by Meta is the truth, in time or late.
  update public.messages m
     set wamid = x.wamid, settle_at = null, needs_attention = false, error_code = null, error_message = null,
         failed_at = null, status = 'sent'
    from (select distinct on (r.org_id, r.wamid) r.* from jsonb_to_recordset(results) r (org_id uuid, message_id bigint, outcome text, wamid text)
           where r.outcome = 'accepted' and r.wamid is not null order by r.org_id, r.wamid, r.message_id) x
   where (m.org_id, m.id) = (x.org_id, x.message_id) and m.wamid is null
     and not exists (select from public.messages o where (o.org_id, o.wamid) = (x.org_id, x.wamid));
  get diagnostics v_done = row_count;

  -- 3. Everything else, lane by lane: rare, and each has its own consequences.
  for r in
    select x.org_id, x.message_id, x.outcome, x.title, x.details, m.conversation_id, m.contact_id, m.attempts, m.body, m.created_at, l.number_id,
           n.status <> 'disconnected' as is_live,
           case when x.code between 0 and 2147483647 then x.code::int end as code,
           case when x.http_status between 100 and 599 then x.http_status::int end as http_status,
           case when x.retry_after between 0 and 86400 then x.retry_after end as retry_after
      from jsonb_to_recordset(results) x (org_id uuid, message_id bigint, outcome text, wamid text, http_status numeric, code numeric,
                                          title text, details text, retry_after numeric)
      join public.messages m on (m.org_id, m.id) = (x.org_id, x.message_id)
      join private.send_lanes l on (l.org_id, l.conversation_id) = (m.org_id, m.conversation_id) and l.message_id = m.id
      join public.whatsapp_numbers n on (n.org_id, n.id) = (l.org_id, l.number_id)
     where not (x.outcome = 'accepted' and x.wamid is not null)
       and (l.lease = record_results.lease and m.status = 'sending'
            -- Late, but nobody has touched it since, and a refusal is a refusal.
            or l.lease is null and l.late_lease = record_results.lease and m.status = 'uncertain'
               and x.outcome in ('error', 'not_sent', 'released'))
     order by x.org_id, m.conversation_id
  loop
    v_done := v_done + 1;
    v_queued := case when r.is_live then 'queued' else 'cancelled' end;      -- a disconnect has emptied the queue meanwhile
    if r.outcome = 'released' then                        -- never left: as if it had not been claimed
      update public.messages m set status = v_queued, attempts = m.attempts - 1, settle_at = null, error_message = null
       where m.org_id = r.org_id and m.id = r.message_id;
      update private.send_lanes l set lease = null, message_id = null, next_at = now()
       where l.org_id = r.org_id and l.conversation_id = r.conversation_id;
    elsif r.outcome = 'not_sent' then                     -- Meta could not be reached: safe to try again, for a day
      v_again := r.created_at > now() - interval '24 hours';
      -- Not an attempt: an outage must not use up those that a real error allows. Who has waited longer waits longer again.
      update public.messages m
         set status = case when v_again then v_queued else 'failed' end, failed_at = case when not v_again then now() end,
             attempts = m.attempts - 1, settle_at = null, error_code = case when not v_again then 0 end,
             error_message = 'Meta could not be reached'
       where m.org_id = r.org_id and m.id = r.message_id;
      update private.send_lanes l
         set lease = null, message_id = null,
             next_at = now() + make_interval(secs => least(60, 2 + extract(epoch from now() - r.created_at) / 4)::float8 * (0.5 + random() / 2))
       where l.org_id = r.org_id and l.conversation_id = r.conversation_id;
    elsif r.outcome = 'error' then
      v_rule := private.meta_error_rule(r.code, r.http_status);
      v_again := (v_rule).action in ('retry', 'pause_number', 'reauthorize') and r.attempts < (v_rule).max_attempts;
      v_delay := coalesce(r.retry_after, case when (v_rule).base_seconds is not null then
        least((v_rule).cap_seconds, (v_rule).base_seconds * power(case when r.code = 131056 then 4 else 2 end::numeric, least(r.attempts, 12) - 1))
          * (0.75 + random()::numeric / 2) end, 1);
      update public.messages m
         set status = case when v_again then v_queued else 'failed' end,
             failed_at = case when not v_again then now() end, settle_at = null,
             error_code = r.code, error_message = coalesce((v_rule).words, nullif(concat_ws(': ', r.title, r.details), ''), 'Meta refused the message')
       where m.org_id = r.org_id and m.id = r.message_id;
      update private.send_lanes l
         set lease = null, message_id = null, next_at = case when v_again then now() + make_interval(secs => v_delay::float8) else now() end
       where l.org_id = r.org_id and l.conversation_id = r.conversation_id;
      if v_again and (v_rule).delay_scope = 'number' then
        update private.number_lanes b set blocked_until = greatest(b.blocked_until, now() + make_interval(secs => v_delay::float8)), tokens = 0
         where b.org_id = r.org_id and b.number_id = r.number_id;
      end if;
      perform private.apply_error(r.org_id, r.number_id, r.conversation_id, r.contact_id, r.message_id, v_rule, r.body, now());
    else                                                  -- unknown: it may have been sent
      update public.messages m
         set status = 'uncertain', settle_at = now() + make_interval(secs => uncertain_after_seconds),
             error_message = 'Meta''s answer was lost; waiting for its status'
       where m.org_id = r.org_id and m.id = r.message_id;
      update private.send_lanes l set lease = null, next_at = now() + interval '60 seconds'
       where l.org_id = r.org_id and l.conversation_id = r.conversation_id;
    end if;
  end loop;

  -- 4. Lanes whose message is settled go on with the next one, if there is one.
  update private.send_lanes l
     set lease = null, message_id = null,
         next_at = case when private.has_queued(l.org_id, l.conversation_id) then now() end
    from unnest(v_orgs, v_threads, v_ids) k (org_id, conversation_id, message_id)
    join public.messages m on (m.org_id, m.id) = (k.org_id, k.message_id)
   where (l.org_id, l.conversation_id) = (k.org_id, k.conversation_id) and l.lease = record_results.lease
     and m.status not in ('queued', 'sending', 'uncertain');

  -- 5. What Meta said of these wamids before we knew them.
  v_late := private.apply_parked(v_wamids, (select array_agg(distinct x.org_id) from jsonb_to_recordset(results) x (org_id uuid)));
  perform private.meter_known((select array_agg(distinct x.org_id) from jsonb_to_recordset(results) x (org_id uuid)), v_wamids);
  return jsonb_build_object('recorded', v_done, 'parked', v_late);
end;
$$;
comment on function worker.record_results is
  'Records what became of claimed messages: [{org_id, message_id, outcome: accepted (wamid) | error (http_status, code, title, details, '
  'retry_after?) | unknown (may have been sent) | not_sent (never reached Meta) | released (never tried)}]. The error-code table decides '
  'retry, fail, pause, reconnect. Safe to repeat. Returns {recorded, parked: statuses that had come before}.';
grant execute on function worker.record_results to service_role;

------------------------------------------------------------------------------------------------
-- Uncertain, cancelled
------------------------------------------------------------------------------------------------
create function private.requeue(org_id uuid, message_id bigint) returns void
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_conversation uuid;
begin
  select m.conversation_id into v_conversation from public.messages m where m.org_id = requeue.org_id and m.id = requeue.message_id;
  update private.send_lanes l
     set next_at = case when l.lease is null then now() else l.next_at end,
         message_id = case when l.message_id = requeue.message_id then null else l.message_id end
   where l.org_id = requeue.org_id and l.conversation_id = v_conversation;
  update public.messages m
     set status = 'queued', resent_at = now(), settle_at = null, needs_attention = false, error_message = null
   where m.org_id = requeue.org_id and m.id = requeue.message_id and m.status = 'uncertain';
end;
$$;
comment on function private.requeue is 'Queues an uncertain message once more, in its old place of the conversation.';

create function private.settle_uncertain() returns int
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  r       record;
  v_count int := 0;
begin
  for r in
    select m.org_id, m.id, m.resent_at, m.conversation_id, n.status <> 'disconnected' as is_live,
           case when m.origin = 'broadcast' then 'ask_person'        -- nobody may get a broadcast twice
                when m.kind = 'template' then coalesce(s.uncertain_template, 'resend_once')
                else coalesce(s.uncertain_text, 'ask_person') end as choice,
           m.kind = 'template' or c.window_expires_at > now() as may_go
      from public.messages m
      join public.conversations c on (c.org_id, c.id) = (m.org_id, m.conversation_id)
      join public.whatsapp_numbers n on (n.org_id, n.id) = (c.org_id, c.number_id)
      left join public.messaging_settings s on s.org_id = m.org_id
     where m.settle_at <= now() and m.status = 'uncertain'
     order by m.org_id, m.conversation_id, m.id limit 500
  loop
    -- Lane first, then message: the order that everybody keeps. What is busy comes with the next sweep.
    continue when not private.hold_lane(r.org_id, r.conversation_id);
    if r.choice = 'resend_once' and r.may_go and r.resent_at is null and r.is_live
       and exists (select from public.messages m where m.org_id = r.org_id and m.id = r.id and m.status = 'uncertain' and m.settle_at <= now()) then
      perform private.requeue(r.org_id, r.id);
    else
      update public.messages m
         set settle_at = null, needs_attention = true,
             error_message = 'Nobody knows whether this was delivered: send again, or give up'
       where m.org_id = r.org_id and m.id = r.id and m.status = 'uncertain' and m.settle_at <= now();
    end if;
    v_count := v_count + 1;
  end loop;
  return v_count;
end;
$$;
comment on function private.settle_uncertain is
  'Uncertain messages without a trace in time: sent once more, or left to a person, as the organization chose for templates and for the '
  'rest; without a choice templates are sent once more.';

create function private.resolve_uncertain(org_id uuid, message_id bigint, decision text) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_conversation uuid;
  v_is_live      boolean;
begin
  select m.conversation_id, n.status <> 'disconnected' into v_conversation, v_is_live from public.messages m
    join public.conversations c on (c.org_id, c.id) = (m.org_id, m.conversation_id)
    join public.whatsapp_numbers n on (n.org_id, n.id) = (c.org_id, c.number_id)
   where m.org_id = resolve_uncertain.org_id and m.id = resolve_uncertain.message_id;
  perform from private.send_lanes l where l.org_id = resolve_uncertain.org_id and l.conversation_id = v_conversation for update;
  if not exists (select from public.messages m where m.org_id = resolve_uncertain.org_id and m.id = resolve_uncertain.message_id
                    and m.status = 'uncertain') then
    raise sqlstate 'PT409' using message = 'This message is not waiting for a decision', detail = 'message_not_uncertain',
      hint = 'Reload the conversation.';
  end if;
  case decision
  when 'resend' then
    if not v_is_live then
      raise sqlstate 'PT409' using message = 'The number of this conversation is not connected', detail = 'number_not_connected',
        hint = 'Connect the number again, or give up.';
    end if;
    perform private.requeue(resolve_uncertain.org_id, resolve_uncertain.message_id);
  when 'give_up' then
    update public.messages m
       set status = 'failed', failed_at = now(), settle_at = null, needs_attention = false, error_code = 0,
           error_message = 'Given up: Meta''s answer was lost'
     where m.org_id = resolve_uncertain.org_id and m.id = resolve_uncertain.message_id;
  else
    raise sqlstate 'PT422' using message = 'Decide resend or give_up', detail = 'decision_unknown', hint = 'One of the two.';
  end case;
  return jsonb_build_object('message_id', resolve_uncertain.message_id, 'decision', decision);
end;
$$;
comment on function private.resolve_uncertain is 'Decides an uncertain message: resend or give_up. Raises PT409 message_not_uncertain, PT422.';

create function private.resolve_my_uncertain(org_id uuid, message_id bigint, decision text) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
begin
  perform private.require_role(resolve_my_uncertain.org_id, 'agent');
  return private.resolve_uncertain(resolve_my_uncertain.org_id, resolve_my_uncertain.message_id, resolve_my_uncertain.decision);
end;
$$;
comment on function private.resolve_my_uncertain is 'private.resolve_uncertain for a member.';
create function public.resolve_uncertain(org_id uuid, message_id bigint, decision text) returns jsonb
  language sql volatile set search_path = ''
begin atomic
  select private.resolve_my_uncertain(org_id, message_id, decision);
end;
comment on function public.resolve_uncertain is
  'A person''s decision on a message whose fate Meta never told: resend or give_up. Returns {message_id, decision}. Raises PT404, PT409, PT422.';
grant execute on function private.resolve_my_uncertain, public.resolve_uncertain to authenticated;

create function worker.resolve_uncertain(org_id uuid, message_id bigint, decision text) returns jsonb
  language sql volatile security definer set search_path = ''
as $$
  select private.resolve_uncertain(resolve_uncertain.org_id, resolve_uncertain.message_id, resolve_uncertain.decision)
$$;
comment on function worker.resolve_uncertain is 'private.resolve_uncertain for the operator.';
grant execute on function worker.resolve_uncertain to service_role;

create function private.cancel_queued(org_id uuid, reason text) returns int
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_threads uuid[];
  v_count   int;
begin
  -- Lanes of live numbers are left alone; those of dead ones forget their queue. Messages under way are recorded when they end.
  -- Nobody is waited for: who holds one lane may be waiting for another that is held here. Theirs come with the next sweep.
  select array_agg(d.conversation_id) into v_threads from (
    select l.conversation_id from private.send_lanes l
      join public.whatsapp_numbers n on (n.org_id, n.id) = (l.org_id, l.number_id)
     where l.org_id = cancel_queued.org_id and n.status = 'disconnected' and l.next_at is not null
       for update of l skip locked) d;
  update public.messages m set status = 'cancelled', error_message = cancel_queued.reason
   where m.org_id = cancel_queued.org_id and m.conversation_id = any (v_threads) and m.status = 'queued';
  get diagnostics v_count = row_count;
  update private.send_lanes l set next_at = null
   where l.org_id = cancel_queued.org_id and l.conversation_id = any (v_threads) and l.lease is null;
  return v_count;
end;
$$;
comment on function private.cancel_queued is
  'Cancels what is queued on the disconnected numbers of an organization, but for lanes that somebody else has locked just now. Returns how many.';
