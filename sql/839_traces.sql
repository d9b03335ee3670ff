-- 839_traces.sql: the trace of a lead, for its organization; and of anything by its id, for Flow's operators.

create function private.steps_of_lead(lead public.leads) returns setof private.trace_step
  language plpgsql stable security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  l    public.leads := steps_of_lead.lead;
  v_id text := (steps_of_lead.lead).id::text;
begin
  return next row(l.received_at, 'written', 'lead', v_id, 'customer', null, jsonb_build_object('source', l.source_kind))::private.trace_step;
  return query
    select t.at, 'received', 'lead', v_id, a.kind, null::text, jsonb_build_object('way', t.way, 'run_id', t.run)
      from private.lead_arrivals p join public.lead_sources a on a.org_id = p.org_id and a.id = p.source_id
     cross join lateral (values (p.pulled_at, 'pull', p.pulled_by), (p.pushed_at, 'push', p.pushed_by)) t (at, way, run)
     where p.org_id = l.org_id and p.lead_id = l.id and t.at is not null;
  -- A lead that a message made: the webhook that brought it.
  return query
    select w.received_at, 'received', 'lead', v_id, 'meta', null::text, jsonb_build_object('event_id', w.id, 'message_id', m.id::text, 'trace_id', w.trace_id)
      from public.messages m cross join lateral private.webhooks_of(m) w
     where l.source_kind = 'whatsapp' and m.org_id = l.org_id and m.wamid = l.raw ->> 'wamid' and w.received_at <= l.created_at + interval '1 minute';
  return next row(l.created_at, 'stored', 'lead', v_id, null, null, null)::private.trace_step;
  return query
    select a.at, a.kind, 'lead', v_id, case when a.actor is not null then 'person' when a.details ? 'rule' then 'rule' else 'job' end, coalesce(a.actor::text, a.details ->> 'rule'),
           jsonb_build_object('message_id', a.details ->> 'message_id', 'send_at', a.details ->> 'send_at', 'reason', case a.kind when 'greeting_skipped' then a.details ->> 'reason' end)
      from public.lead_activities a where a.org_id = l.org_id and a.lead_id = l.id and a.kind not in ('noted', 'received') order by a.id limit 100;
  return query
    select s.* from public.lead_clocks k join public.messages m on m.org_id = k.org_id and m.id in (k.greeting_id, k.reply_id)
     cross join lateral private.steps_of_message(m) s
     where k.org_id = l.org_id and k.lead_id = l.id;
end;
$$;
comment on function private.steps_of_lead is
  'What happened to a lead: written where it was asked, received (way: pull or push, run_id; or event_id of the message that made it), stored, what was done to it (assigned, greeting_queued, greeting_skipped '
  'with its reason, moved, …), and the steps of its greeting and of the first reply. Definer: reads closed tables.';

create function private.trace_json(kind text, id text, org_id uuid, steps private.trace_step[], links jsonb) returns jsonb
  language sql immutable security invoker set search_path = ''
as $$
  select jsonb_build_object('kind', trace_json.kind, 'id', trace_json.id, 'org_id', trace_json.org_id, 'steps', private.steps_json(steps), 'links', coalesce(links, '[]'))
$$;
comment on function private.trace_json is 'A trace: {kind: message, lead, webhook or request, id, org_id, steps: as private.steps_json, links: [{kind, id}]}.';

create function private.links_of(steps private.trace_step[], own text) returns jsonb
  language sql immutable security invoker set search_path = ''
as $$
  select coalesce(jsonb_agg(distinct jsonb_build_object('kind', x.kind, 'id', x.id)), '[]')
    from unnest(steps) s
   cross join lateral (values ('webhook', s.notes ->> 'event_id'), ('run', s.notes ->> 'run_id'), ('lead', s.notes ->> 'lead_id'), ('message', s.notes ->> 'message_id'),
                              ('request', s.notes ->> 'trace_id'), (s.kind, s.id)) x (kind, id)
   where x.id is not null and x.id <> own
$$;
comment on function private.links_of is 'What the steps of a trace name beside it itself: [{kind: webhook, run, lead, message, request, id}].';

create function private.trace_of_lead(lead public.leads) returns jsonb
  language plpgsql stable security definer set search_path = ''
as $$
declare
  v_steps private.trace_step[] := array(select s from private.steps_of_lead(lead) s);
begin
  return private.trace_json('lead', lead.id::text, lead.org_id, v_steps, private.links_of(v_steps, lead.id::text));
end;
$$;
comment on function private.trace_of_lead is 'The trace of a lead.';

create function private.lead_trace(org_id uuid, lead_id uuid) returns jsonb
  language plpgsql stable security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_lead public.leads;
begin
  perform private.require_role(lead_trace.org_id, 'agent');
  select l.* into v_lead from public.leads l where l.org_id = lead_trace.org_id and l.id = lead_trace.lead_id;
  if not found then
    raise sqlstate 'PT404' using message = 'There is no such lead.', detail = 'lead_not_found', hint = 'Reload the page.';
  end if;
  return private.trace_of_lead(v_lead);
end;
$$;
comment on function private.lead_trace is 'Body of public.lead_trace. Definer: reads closed tables.';

create function public.lead_trace(org_id uuid, lead_id uuid) returns jsonb
  language sql stable set search_path = ''
begin atomic
  select private.lead_trace(lead_trace.org_id, lead_trace.lead_id);
end;
comment on function public.lead_trace is
  'How it went with a lead, from the enquiry over its greeting to the first reply: as private.trace_json. Agents. Raises PT404 lead_not_found.';
grant execute on function private.lead_trace, public.lead_trace to authenticated;

-- Operators ----------------------------------------------------------------------------------------------------------------

create function private.trace_of_message(message public.messages) returns jsonb
  language plpgsql stable security definer set search_path = ''
as $$
declare
  v_steps private.trace_step[] := array(select s from private.steps_of_message(message) s);
begin
  return private.trace_json('message', message.id::text, message.org_id, v_steps, private.links_of(v_steps, message.id::text) || (
    select coalesce(jsonb_agg(jsonb_build_object('kind', 'lead', 'id', k.lead_id)), '[]') from public.lead_clocks k where k.org_id = message.org_id and k.greeting_id = message.id));
end;
$$;
comment on function private.trace_of_message is 'The trace of a message, with the lead that it greeted.';

create function private.trace_of_request(id text) returns jsonb
  language plpgsql stable security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_trace text := case when trace_of_request.id ~ '^[0-9a-f]{32}$' then trace_of_request.id end;
  v_from  timestamptz;
  v_until timestamptz;
  v_steps private.trace_step[];
begin
  if v_trace is null then
    -- An id that Flow gave (UUIDv7) says when; another one is looked for in the last hour.
    v_from := case when trace_of_request.id ~ '^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-'
                   then to_timestamp(('x' || lpad(replace(left(trace_of_request.id, 13), '-', ''), 16, '0'))::bit(64)::bigint / 1000.0) - interval '1 minute'
                   else now() - interval '1 hour' end;
    v_until := least(v_from + interval '1 hour', now() + interval '1 minute');
  end if;
  v_steps := array(
    select x.step from (
      select row(r.occurred_at, 'requested', 'request', r.request_id, case when r.user_id is not null then 'person' end, r.user_id::text,
                 jsonb_build_object('method', r.method, 'route', r.route, 'status', r.status, 'duration_ms', r.duration_ms, 'db_ms', r.db_ms, 'upstream_ms', r.upstream_ms,
                                    'org_id', r.org_id, 'release', r.release, 'trace_id', r.trace_id))::private.trace_step as step
        from private.request_log r
       where case when v_trace is not null then r.trace_id = v_trace else r.request_id = trace_of_request.id and r.occurred_at between v_from and v_until end
      union all
      select row(c.occurred_at, case c.direction when 'in' then 'webhook' else 'called' end, 'request', c.request_id, c.provider, null,
                 jsonb_build_object('operation', c.operation, 'type', c.type, 'status', c.status, 'code', c.provider_code, 'duration_ms', c.duration_ms, 'attempt', c.attempt,
                                    'provider_request_id', c.provider_request_id, 'org_id', c.org_id, 'trace_id', c.trace_id))::private.trace_step
        from private.api_calls c
       where case when v_trace is not null then c.trace_id = v_trace else c.request_id = trace_of_request.id and c.occurred_at between v_from and v_until end
      union all
      select row(j.occurred_at, 'ran', 'request', j.request_id, 'job', j.job,
                 jsonb_build_object('outcome', j.outcome, 'duration_ms', j.duration_ms, 'queue_wait_ms', j.queue_wait_ms, 'trace_id', j.trace_id))::private.trace_step
        from private.job_runs j
       where case when v_trace is not null then j.trace_id = v_trace else j.request_id = trace_of_request.id and j.occurred_at between v_from and v_until end
      union all
      select row(e.occurred_at, 'error', 'request', e.request_id, e.side, null,
                 jsonb_build_object('type', e.type, 'fingerprint', e.fingerprint, 'route', e.route, 'org_id', e.org_id, 'trace_id', e.trace_id))::private.trace_step
        from private.error_events e
       where case when v_trace is not null then e.trace_id = v_trace else e.request_id = trace_of_request.id and e.occurred_at between v_from and v_until end
      limit 500) x);
  if cardinality(v_steps) = 0 then
    return null;
  end if;
  return private.trace_json('request', trace_of_request.id, null, v_steps, private.links_of(v_steps, trace_of_request.id) || (
    select coalesce(jsonb_agg(jsonb_build_object('kind', 'webhook', 'id', w.id::text)), '[]')
      from (select min(s.at) - interval '1 minute' as a, max(s.at) + interval '1 minute' as b, array_agg(distinct s.notes ->> 'trace_id') as traces from unnest(v_steps) s) span
      join private.webhook_events w on w.received_at between span.a and span.b and w.trace_id = any (span.traces)));
end;
$$;
comment on function private.trace_of_request is
  'The trace of a request id, or of a W3C trace id (then of all that it went through: requests, calls, jobs, errors), with the webhooks that it brought; null when nothing is kept of it.';

create function worker.trace(id text) returns jsonb
  language plpgsql stable security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_id      text := btrim(coalesce(trace.id, ''));
  v_number  bigint := case when v_id ~ '^(flow\.)?[0-9]{1,18}$' then ltrim(v_id, 'flow.')::bigint end;
  v_uuid    uuid := case when v_id ~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then v_id::uuid end;
  v_message public.messages;
  v_lead    public.leads;
  v_effects private.event_effects;
  v_found   jsonb := '[]';
begin
  -- No index names a message or a lead without its organization: each organization is asked by its key.
  for v_message in
    select m.* from public.organizations o cross join lateral (select x.* from public.messages x where x.org_id = o.id and x.id = v_number) m where v_number is not null
    union all
    select m.* from public.organizations o cross join lateral (select x.* from public.messages x where x.org_id = o.id and x.wamid = v_id) m where v_id like 'wamid.%'
    union all
    select m.* from public.organizations o cross join lateral (select x.* from public.messages x where x.org_id = o.id and x.client_token = v_uuid) m where v_uuid is not null
  loop
    v_found := v_found || private.trace_of_message(v_message);
  end loop;
  for v_lead in
    select l.* from public.organizations o cross join lateral (select x.* from public.leads x where x.org_id = o.id and x.id = v_uuid) l where v_uuid is not null
  loop
    v_found := v_found || private.trace_of_lead(v_lead);
  end loop;
  for v_effects in
    select e.* from private.webhook_events w join private.event_effects e on e.received_at = w.received_at and e.event_id = w.id
     where w.id = v_number and v_id not like 'flow.%' order by e.org_id
  loop
    v_found := v_found || private.trace_json('webhook', v_effects.event_id::text, v_effects.org_id, array(select s from private.steps_of_event(v_effects) s),
                                             private.links_of_event(v_effects));
  end loop;
  if v_id ~ '^[A-Za-z0-9_-]{8,64}$' then
    v_found := v_found || coalesce(private.trace_of_request(v_id), '[]');
  end if;
  return jsonb_build_object('id', case when v_id like 'wamid.%' then 'wamid' else v_id end, 'found', v_found);
end;
$$;
comment on function worker.trace is
  'What happened to whatever has an id: a message (its number, flow.NUMBER, Meta''s wamid, the browser''s token), a lead, a webhook (its number), a request, a W3C trace: {id, found: [as private.trace_json]}. '
  'No contents, no people but ids, and no wamid, which holds a telephone number. For operators.';
grant execute on function worker.trace to service_role;
