-- 838_trace.sql: what happened to a message or a webhook, step by step: when, by whom, and what it is linked to. Never its content.

alter table private.webhook_events add column trace_id text default private.trace_id();
comment on column private.webhook_events.trace_id is 'W3C trace id of the request that brought it, where it bore one. No foreign key: it is nobody''s row.';

create type private.trace_step as (at timestamptz, step text, kind text, id text, who text, who_id text, notes jsonb);
comment on type private.trace_step is
  'One step: when; what happened (written, received, verified, stored, applied, queued, called, sent, delivered, read, failed, …); to what (message, lead, webhook, request) and which; by whom '
  '(customer, person, rule, broadcast, sequence, program, operator, phone, meta, indiamart, job, …) and which of them; and what else is known, without content and people.';

create function private.steps_json(steps private.trace_step[]) returns jsonb
  language sql immutable security invoker set search_path = ''
as $$
  select coalesce(jsonb_agg(jsonb_strip_nulls(jsonb_build_object('at', s.at, 'step', s.step, 'kind', s.kind, 'id', s.id, 'by', s.who, 'by_id', s.who_id) || coalesce(s.notes, '{}'))
                            -- Meta tells whole seconds: within its second a step stands where Flow heard of it.
                            order by coalesce(least((s.notes ->> 'told_at')::timestamptz, s.at + interval '999 milliseconds'), s.at), s.n), '[]')
    from unnest(steps) with ordinality s (at, step, kind, id, who, who_id, notes, n)
   where s.at is not null
$$;
comment on function private.steps_json is
  'Steps as they are told, the oldest first: [{at, step, kind, id, by?, by_id?, and of what is known: event_id, told_at: when Flow heard of it, trace_id, run_id, status, code, duration_ms, attempt, reason, …}].';

-- A message ---------------------------------------------------------------------------------------------------------------

create function private.sender_of(message public.messages, out who text, out who_id text)
  language plpgsql stable security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  m public.messages := sender_of.message;
begin
  who := case m.origin when 'greeting' then 'rule' when 'confirmation' then 'rule' else m.origin end;
  who_id := case m.origin
    when 'person' then m.sender_id::text
    when 'greeting' then (select s.rule_id::text from public.scheduled_messages s where s.org_id = m.org_id and s.message_id = m.id limit 1)
    when 'broadcast' then (select r.broadcast_id::text from public.broadcast_recipients r where r.org_id = m.org_id and r.message_id = m.id limit 1)
    when 'sequence' then (select e.sequence_id::text from public.sequence_enrollments e where e.org_id = m.org_id and e.message_id = m.id limit 1) end;
end;
$$;
comment on function private.sender_of is 'Who made a message: person, rule, broadcast, sequence, operator (a program or the command line), phone, customer; and which of them, where it is known.';

create function private.steps_of_message(message public.messages) returns setof private.trace_step
  language plpgsql stable security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  m      public.messages := steps_of_message.message;
  v_id   text := (steps_of_message.message).id::text;
  v_who  record;
  v_told private.trace_step[];
begin
  select * into v_who from private.sender_of(m);
  -- What Meta told of it, from the webhooks themselves, as long as they are kept.
  v_told := array(
    select row(case x.kind when 'status' then x.at else w.received_at end, case x.kind when 'status' then x.item ->> 'status' else 'received' end, 'message', v_id, 'meta', null,
               jsonb_build_object('event_id', w.id, 'told_at', w.received_at, 'trace_id', w.trace_id, 'code', x.item #>> '{errors,0,code}'))::private.trace_step
      from private.webhooks_of(m) w
     cross join lateral (select (u.update).* from private.updates_of(private.route_updates(private.meta_updates(w.body))) u
                          where u.of_org = m.org_id and (u.update).kind in ('message', 'status') and (u.update).item ->> 'id' = m.wamid) x);
  if m.direction = 'inbound' then
    return next row(m.at, 'written', 'message', v_id, 'customer', null, null)::private.trace_step;
    return next row(m.created_at, 'stored', 'message', v_id, null, null, null)::private.trace_step;
    return query select r.read_at, 'read', 'message', v_id, 'person', r.user_id::text, null::jsonb from public.conversation_reads r
      where r.org_id = m.org_id and r.conversation_id = m.conversation_id and r.read_to >= m.at;
  else
    return query select s.created_at, 'scheduled', 'message', v_id, case when s.created_by is null then 'rule' else 'person' end, coalesce(s.created_by, s.rule_id)::text,
                        jsonb_build_object('send_at', s.send_at, 'lead_id', s.lead_id)
                   from public.scheduled_messages s where s.org_id = m.org_id and s.message_id = m.id;
    return next row(m.created_at, 'queued', 'message', v_id, v_who.who, v_who.who_id, null)::private.trace_step;
    return query
      select c.occurred_at, 'called', 'message', v_id, 'job', 'dispatch',
             jsonb_build_object('status', c.status, 'code', c.provider_code, 'duration_ms', c.duration_ms, 'attempt', c.attempt, 'trace_id', c.trace_id)
        from private.api_calls c
       where c.provider = 'meta' and c.idempotency_key = 'flow.' || m.id
         and c.occurred_at between greatest(m.created_at, coalesce(m.sent_at, m.failed_at, m.created_at) - interval '10 minutes') - interval '1 second'
                               and coalesce(m.sent_at, m.failed_at, m.created_at) + interval '10 minutes';
    return next row(m.resent_at, 'sent_again', 'message', v_id, 'job', 'dispatch', null)::private.trace_step;
  end if;
  return query select (s).* from unnest(v_told) s;
  -- And what is noted of it, where its webhook has gone.
  return query
    select t.at, t.step, 'message', v_id, 'meta', null::text, case t.step when 'failed' then jsonb_build_object('code', m.error_code) end
      from (values (m.sent_at, 'sent'), (m.delivered_at, 'delivered'), (m.read_at, 'read'), (m.played_at, 'played'), (m.failed_at, 'failed')) t (at, step)
     where m.direction = 'outbound' and t.at is not null and not exists (select from unnest(v_told) k where k.step = t.step);
  return query select f.stored_at, 'file_stored', 'message', v_id, 'job', 'media', jsonb_build_object('attempt', f.attempts)
                 from public.media f where f.org_id = m.org_id and f.message_id = m.id and f.stored_at is not null;
end;
$$;
comment on function private.steps_of_message is
  'What happened to a message. Inbound: written, received (event_id), stored, read by whom, file_stored. Outbound: scheduled, queued by whom, called (the call to Meta, with its trace id), sent, delivered, read, '
  'played, failed (as Meta told, with the webhook that did). Definer: reads closed tables.';

-- A webhook ---------------------------------------------------------------------------------------------------------------

create function private.steps_of_event(effects private.event_effects) returns setof private.trace_step
  language plpgsql stable security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  e       private.event_effects := steps_of_event.effects;
  v_id    text := (steps_of_event.effects).event_id::text;
  v_trace text := (select w.trace_id from private.webhook_events w where w.received_at = (steps_of_event.effects).received_at and w.id = (steps_of_event.effects).event_id);
begin
  if e.lag is not null then
    return next row(e.received_at - e.lag, 'written', 'webhook', v_id, 'meta', null, null)::private.trace_step;
  end if;
  return next row(e.received_at, 'received', 'webhook', v_id, 'meta', null, jsonb_build_object('trace_id', v_trace))::private.trace_step;
  -- Only what bears Meta's signature is stored at all.
  return next row(e.received_at, 'verified', 'webhook', v_id, null, null, null)::private.trace_step;
  return next row(e.received_at, 'stored', 'webhook', v_id, null, null, null)::private.trace_step;
  return next row(e.received_at, 'applied', 'webhook', v_id, null, null,
                  jsonb_build_object('messages', e.messages, 'statuses', e.statuses, 'kept', e.kept, 'dead', e.dead))::private.trace_step;
  return query select d.created_at, 'failed', 'webhook', v_id, null::text, null::text, jsonb_build_object('reason', d.reason, 'attempt', d.attempts, 'resolved_at', d.resolved_at)
                 from private.dead_letters d where d.event_id = e.event_id and d.org_id = e.org_id order by d.id limit 100;
  return next row(e.replayed_at, 'applied_again', 'webhook', v_id, null, null, null)::private.trace_step;
end;
$$;
comment on function private.steps_of_event is
  'What happened to a webhook, as its organization may know: written (by Meta''s time), received, verified, stored, applied, failed (each part that waits or waited among the dead letters), applied_again.';

create function private.links_of_event(effects private.event_effects) returns jsonb
  language sql stable security definer set search_path = ''
as $$
  select coalesce(jsonb_agg(distinct jsonb_build_object('kind', 'message', 'id', m.id::text)), '[]')
    from private.webhook_events w
   cross join lateral private.updates_of(private.route_updates(private.meta_updates(w.body))) u
    join public.messages m on m.org_id = (effects).org_id and (u.update).kind in ('message', 'status') and m.wamid = (u.update).item ->> 'id'
   where w.received_at = (effects).received_at and w.id = (effects).event_id and u.of_org = (effects).org_id
$$;
comment on function private.links_of_event is 'The messages that a webhook brought or told of: [{kind, id}].';
