-- 620_claims.sql: what a dispatcher may send now, handed out under a lease.

create function private.expire_leases(uncertain_after_seconds int) returns int
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_lanes private.send_lanes[];
begin
  -- The dispatcher died, or its answer is late: the call may have reached Meta, so nobody may send again yet.
  with gone as (
    select l.org_id, l.conversation_id from private.send_lanes l
     where l.lease is not null and l.next_at <= now()
     order by l.org_id, l.conversation_id limit 500 for update skip locked)
  select array_agg(l) into v_lanes from private.send_lanes l join gone g using (org_id, conversation_id);
  if v_lanes is null then
    return 0;
  end if;
  update public.messages m
     set status = 'uncertain', settle_at = now() + make_interval(secs => uncertain_after_seconds),
         error_message = 'Meta''s answer was lost; waiting for its status'
    from unnest(v_lanes) l
   where (m.org_id, m.id) = (l.org_id, l.message_id) and m.status = 'sending';
  update private.send_lanes l
     set lease = null, late_lease = l.lease, next_at = now() + interval '60 seconds'
    from unnest(v_lanes) x
   where (l.org_id, l.conversation_id) = (x.org_id, x.conversation_id);
  return cardinality(v_lanes);
end;
$$;
comment on function private.expire_leases is
  'Messages of dispatchers that never reported become uncertain; their lanes wait 60 seconds for a status, then go on.';

create function worker.claim_messages(batch int default 40, lease_seconds int default 60, uncertain_after_seconds int default 900)
  returns jsonb
  language plpgsql volatile security definer set search_path = '' set plan_cache_mode = 'force_generic_plan' set enable_seqscan = off
as $$
#variable_conflict use_column
declare
  v_lease    uuid := gen_random_uuid();
  v_orgs     uuid[];
  v_threads  uuid[];
  v_heads    jsonb;
  v_limited  boolean;
  v_messages jsonb;
  v_tokens   jsonb := '{}';
  v_token    text;
  v_dead     uuid[] := '{}';
  v_account  record;
  v_wait     timestamptz;
  v_halted   uuid[];
begin
  perform private.expire_leases(uncertain_after_seconds);
  with numbers as materialized (
    select b.org_id, b.number_id, n.messages_per_second as rate,
           least(greatest(1, n.messages_per_second * 0.1),
                 b.tokens + greatest(0, extract(epoch from clock_timestamp() - b.refilled_at)) * n.messages_per_second * 0.9) as tokens
      from private.number_lanes b
      join public.whatsapp_numbers n on (n.org_id, n.id) = (b.org_id, b.number_id)
      join public.whatsapp_accounts a on (a.org_id, a.id) = (n.org_id, n.account_id)
     where b.blocked_until <= now()
       and (n.status = 'connected' or n.status = 'paused' and n.paused_until <= now())
       and a.status = 'connected' and a.credential_id is not null
       and exists (select from private.send_lanes l
                    where l.org_id = b.org_id and l.number_id = b.number_id and l.next_at <= now() and l.lease is null)
     order by b.refilled_at limit 200
     for no key update of b skip locked
  ), picked as materialized (
    select s.* from numbers n cross join lateral (
      select l.org_id, l.conversation_id, l.number_id,
             least(45, l.pair_tokens + greatest(0, extract(epoch from clock_timestamp() - l.pair_refilled_at)) / 6) as pair_tokens
        from private.send_lanes l
       where l.org_id = n.org_id and l.number_id = n.number_id and l.next_at <= now() and l.lease is null
       order by l.next_at
       limit floor(n.tokens)::int
       for update skip locked) s
     limit claim_messages.batch
  ), spent as (
    update private.number_lanes b
       set tokens = n.tokens - (select count(*) from picked p where p.pair_tokens >= 1 and (p.org_id, p.number_id) = (b.org_id, b.number_id)),
           refilled_at = greatest(b.refilled_at, clock_timestamp())
      from numbers n where (b.org_id, b.number_id) = (n.org_id, n.number_id)
       -- Who got nothing this time keeps an older refilled_at, and so comes first next time.
       and exists (select from picked p where (p.org_id, p.number_id) = (b.org_id, b.number_id))
  ), leased as (
    update private.send_lanes l
       set lease = case when p.pair_tokens >= 1 then v_lease end,
           next_at = now() + case when p.pair_tokens >= 1 then make_interval(secs => claim_messages.lease_seconds)
                                  else make_interval(secs => ceil((1 - p.pair_tokens) * 6)::int) end,
           pair_tokens = case when p.pair_tokens >= 1 then p.pair_tokens - 1 else p.pair_tokens end,
           pair_refilled_at = clock_timestamp(), message_id = null, late_lease = null
      from picked p
     where (l.org_id, l.conversation_id) = (p.org_id, p.conversation_id)
    returning l.org_id, l.conversation_id, l.lease)
  select array_agg(org_id), array_agg(conversation_id) into v_orgs, v_threads from leased where lease is not null;

  if v_orgs is not null then
    v_halted := private.suspended(v_orgs);
    -- A second statement on purpose: it sees what other dispatchers committed before the lanes were locked (supabase.md §9).
    select bool_or(a.messaging_limit is not null),
           jsonb_agg(jsonb_build_object('org_id', k.org_id, 'conversation_id', k.conversation_id, 'message_id', m.id,
             'account_id', a.id, 'phone_number_id', n.phone_number_id,
             'tier', case when a.messaging_limit is not null and m.kind = 'template'
                           and (c.window_expires_at is null or c.window_expires_at <= now())
                          then jsonb_build_object('portfolio', coalesce(a.business_id, a.id::text), 'limit', a.messaging_limit,
                                                  'contact_id', c.contact_id) end,
             'refusal', case
               when m.id is null then null
               when k.org_id = any (v_halted) and m.origin <> 'confirmation'
                 then jsonb_build_object('status', case when m.origin in ('greeting', 'broadcast', 'sequence') then 'cancelled' else 'failed' end,
                                         'words', 'The subscription is suspended: nothing is sent until it is settled')
               when m.kind <> 'template' and (c.window_expires_at is null or c.window_expires_at <= now())
                 then jsonb '{"status": "failed", "words": "The 24-hour window is closed: send a template instead"}'
               when p.opted_out_at is not null and (m.origin in ('greeting', 'broadcast', 'sequence') or t.category = 'MARKETING')
                 then jsonb '{"status": "cancelled", "words": "They asked not to receive messages"}'
               when m.origin in ('broadcast', 'sequence') and private.automatic_refusal(m.org_id, m.id, m.origin, t.category, t.status <> 'APPROVED' or t.blocked_reason is not null) is not null
                 then private.automatic_refusal(m.org_id, m.id, m.origin, t.category, t.status <> 'APPROVED' or t.blocked_reason is not null)
               when m.kind = 'template' and t.id is not null and (t.status <> 'APPROVED' or t.blocked_reason is not null)
                 then jsonb '{"status": "failed", "words": "The template is not approved any more"}'
               when m.kind = 'template' and t.id is not null and not private.fits_template(m.body -> 'template', t.parameters)
                 then jsonb '{"status": "failed", "words": "The template was changed after this message was written: send it again"}'
               when p.wa_id is null and p.phone is null and p.user_id is null
                 then jsonb '{"status": "failed", "words": "The contact has no WhatsApp address"}'
             end,
             'payload', jsonb_build_object('messaging_product', 'whatsapp', 'recipient_type', 'individual', 'type', m.kind,
                          'biz_opaque_callback_data', 'flow.' || m.id)
                        || case when coalesce(p.wa_id, p.phone) is not null
                                then jsonb_build_object('to', coalesce(p.wa_id, ltrim(p.phone, '+')))
                                else jsonb_build_object('recipient', p.user_id) end
                        || case when m.context_wamid is not null
                                then jsonb_build_object('context', jsonb_build_object('message_id', m.context_wamid)) else '{}' end
                        || m.body)) into v_limited, v_heads
      from unnest(v_orgs, v_threads) k (org_id, conversation_id)
      join public.conversations c on (c.org_id, c.id) = (k.org_id, k.conversation_id)
      join public.contacts p on (p.org_id, p.id) = (c.org_id, c.contact_id)
      join public.whatsapp_numbers n on (n.org_id, n.id) = (c.org_id, c.number_id)
      join public.whatsapp_accounts a on (a.org_id, a.id) = (n.org_id, n.account_id)
      left join lateral (
        select q.* from public.messages q
         -- A range of one value, in its order: only the outbox index serves that, whatever the statistics.
         where q.org_id = k.org_id and q.conversation_id between k.conversation_id and k.conversation_id and q.status = 'queued'
         order by q.conversation_id, q.id limit 1) m on true
      left join public.message_templates t on m.kind = 'template' and (t.org_id, t.account_id, t.name, t.language)
           = (n.org_id, n.account_id, m.body #>> '{template,name}', m.body #>> '{template,language,code}');

    for v_account in select distinct (h ->> 'org_id')::uuid as org_id, (h ->> 'account_id')::uuid as id
                       from jsonb_array_elements(v_heads) h where h ->> 'message_id' is not null and h ->> 'refusal' is null loop
      begin
        select private.open_credential(a.org_id, a.credential_id, 'dispatch') into v_token
          from public.whatsapp_accounts a
         where a.org_id = v_account.org_id and a.id = v_account.id and a.status = 'connected';
      exception when sqlstate 'PT503' then
        -- Its key is missing from Vault: only this account waits, until the operator has put it back.
        v_dead := v_dead || v_account.id;
        update private.number_lanes b set blocked_until = now() + interval '30 seconds'
          from public.whatsapp_numbers n
         where (n.org_id, n.account_id) = (v_account.org_id, v_account.id) and (b.org_id, b.number_id) = (n.org_id, n.id);
        continue;
      end;
      if v_token is null then
        v_dead := v_dead || v_account.id;
        perform private.ask_reconnect(v_account.org_id, v_account.id, 'The access token cannot be read: connect WhatsApp again');
      else
        v_tokens := v_tokens || jsonb_build_object(v_account.id::text, v_token);
      end if;
    end loop;
    if v_limited then
      v_heads := private.hold_over_limit(v_heads, v_dead);
    end if;
    if exists (select from public.wallets w where w.org_id = any (v_orgs)) then
      v_heads := private.hold_spending(v_heads, v_dead);
    end if;

    update public.messages m
       set status = coalesce(h.refusal ->> 'status', 'sending'),
           attempts = m.attempts + case when h.hold_until is null then 1 else 0 end,
           error_code = case when h.refusal is not null and h.hold_until is null then 0 end,
           error_message = h.refusal ->> 'words',
           failed_at = case when h.refusal ->> 'status' = 'failed' then now() end
      from jsonb_to_recordset(v_heads) h (org_id uuid, message_id bigint, account_id uuid, refusal jsonb, hold_until timestamptz)
     where (m.org_id, m.id) = (h.org_id, h.message_id) and h.account_id <> all (v_dead);
    update private.send_lanes l
       set message_id = case when x.goes then x.message_id end,
           lease = case when x.goes then l.lease end,
           next_at = case when x.goes then l.next_at when x.message_id is not null then coalesce(x.hold_until, now()) end,
           is_held = x.hold_until is not null
      from (select h.*, coalesce(h.message_id is not null and h.refusal is null and h.account_id <> all (v_dead), false) as goes
              from jsonb_to_recordset(v_heads) h (org_id uuid, conversation_id uuid, message_id bigint, account_id uuid, refusal jsonb,
                                                  hold_until timestamptz)) x
     where (l.org_id, l.conversation_id) = (x.org_id, x.conversation_id);
    select jsonb_agg(h - '{refusal,conversation_id,tier}'::text[] order by (h ->> 'message_id')::bigint) into v_messages
      from jsonb_array_elements(v_heads) h
     where h ->> 'message_id' is not null and h ->> 'refusal' is null and (h ->> 'account_id')::uuid <> all (v_dead);
  end if;

  select min(greatest(l.next_at, b.blocked_until,
                      b.refilled_at + make_interval(secs => greatest(0, 1 - b.tokens)::float8 / (n.messages_per_second * 0.9)))) into v_wait
    from private.number_lanes b
    join public.whatsapp_numbers n on (n.org_id, n.id) = (b.org_id, b.number_id) and n.status = 'connected'
    join public.whatsapp_accounts a on (a.org_id, a.id) = (n.org_id, n.account_id) and a.status = 'connected' and a.credential_id is not null
    cross join lateral (select s.next_at from private.send_lanes s
                         where s.org_id = b.org_id and s.number_id = b.number_id and s.next_at is not null and s.lease is null
                         order by s.next_at limit 1) l;
  return jsonb_build_object('lease', v_lease, 'messages', coalesce(v_messages, '[]'), 'tokens', v_tokens,
    'signals', exists (select from private.signals s where s.next_at <= now()),
    'wait_ms', case when v_wait is not null
                    then greatest(0, ceil(extract(epoch from v_wait - clock_timestamp()) * 1000)::bigint) end);
end;
$$;
comment on function worker.claim_messages is
  'Hands out at most batch messages under one lease: oldest first in a conversation, within the number''s throughput and the pair limit, '
  'window open or template, credentials live. Returns {lease, tokens: {account_id: token}, messages: [{message_id, org_id, account_id, '
  'phone_number_id, payload}], wait_ms: until the next one is due, null when the outbox is empty, signals: whether worker.claim_signals has '
  'some}. What is over Meta''s messaging limit waits. Every claim must be answered by worker.record_results before lease_seconds have passed, else its messages are uncertain.';
grant execute on function worker.claim_messages to service_role;
