-- 948_webhook_delivering.sql: who delivers what next, signed; what became of it; endpoints that take nothing.

create function private.due_endpoints(many int) returns table (org_id uuid, endpoint_id uuid)
  language plpgsql stable security definer set search_path = ''
as $$
#variable_conflict use_column
begin
  -- From one endpoint with something pending to the next, by the index: however much waits for one, the others cost a look each.
  return query with recursive lanes as (
    (select d.org_id, d.endpoint_id from private.outgoing_deliveries d where d.next_at is not null order by d.org_id, d.endpoint_id limit 1)
    union all
    select n.org_id, n.endpoint_id from lanes l, lateral (
      select d.org_id, d.endpoint_id from private.outgoing_deliveries d
       where d.next_at is not null and (d.org_id, d.endpoint_id) > (l.org_id, l.endpoint_id) order by d.org_id, d.endpoint_id limit 1) n)
  select l.org_id, l.endpoint_id
    from lanes l
    join public.webhook_endpoints e on (e.org_id, e.id) = (l.org_id, l.endpoint_id) and e.state = 'active' and coalesce(e.retry_at, '-infinity') <= now()
    join public.organizations o on o.id = l.org_id and o.deleted_at is null
   cross join lateral (select min(d.next_at) as next_at from private.outgoing_deliveries d
                        where d.org_id = l.org_id and d.endpoint_id = l.endpoint_id and d.next_at is not null) f
   where f.next_at <= now() and not private.is_read_only(l.org_id)
   order by f.next_at limit due_endpoints.many;
end;
$$;
comment on function private.due_endpoints is
  'Endpoints to which something may go now, who has waited longest first: active ones, not within the pause after a failure, of organizations that are neither deleted nor suspended. Definer: the tables are closed to all.';

create function private.webhook_body(event private.outgoing_events) returns text
  language sql stable security invoker set search_path = ''
as $$
  select jsonb_build_object('id', 'evt_' || (event).id, 'type', (event).type, 'version', 1, 'timestamp', (event).at, 'sequence', (event).id, 'org_id', (event).org_id,
                            'data', (event).data)::text
$$;
comment on function private.webhook_body is 'What is posted of an event, the same bytes each time: {id, type, version, timestamp, sequence: grows, org_id, data}.';

create function private.webhook_signature(secret text, id text, at bigint, body text) returns text
  language sql immutable security invoker set search_path = ''
as $$
  select 'v1,' || encode(extensions.hmac(convert_to(webhook_signature.id || '.' || webhook_signature.at || '.' || webhook_signature.body, 'UTF8'),
                                         decode(substr(webhook_signature.secret, 7), 'base64'), 'sha256'), 'base64')
$$;
comment on function private.webhook_signature is 'The signature of Standard Webhooks: HMAC-SHA256 over id.timestamp.body, in base64; null without a secret.';

create function private.disable_endpoint(org_id uuid, endpoint_id uuid, reason text) returns void
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
begin
  update public.webhook_endpoints e set state = 'disabled', reason = disable_endpoint.reason, retry_at = null
   where e.org_id = disable_endpoint.org_id and e.id = disable_endpoint.endpoint_id and e.state <> 'disabled';
  if not found then
    return;
  end if;
  update private.outgoing_deliveries d set state = 'failed', next_at = null
   where d.org_id = disable_endpoint.org_id and d.endpoint_id = disable_endpoint.endpoint_id and d.state = 'pending';
  insert into public.notifications (org_id, user_id, kind, key)
  select m.org_id, m.user_id, 'webhook_disabled', format('webhook_disabled %s %s', disable_endpoint.endpoint_id, now()::date)
    from public.memberships m where m.org_id = disable_endpoint.org_id and m.role in ('admin', 'owner') order by m.user_id
      on conflict do nothing;
  perform private.audit(disable_endpoint.org_id, 'webhook.disabled', 'webhook_endpoint', disable_endpoint.endpoint_id::text, jsonb_build_object('reason', disable_endpoint.reason));
end;
$$;
comment on function private.disable_endpoint is 'Disables an endpoint: what waits for it is given up (the log keeps it, for a replay), admins and owners are told. Definer: the tables are closed to all.';

create function worker.claim_webhooks(batch int default 100, lease_seconds int default 60) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_lane     record;
  v_endpoint public.webhook_endpoints;
  v_secret   text;
  v_previous text;
  v_at       bigint := floor(extract(epoch from clock_timestamp()))::bigint;
  v_ids      bigint[];
  v_found    jsonb := '[]';
begin
  for v_lane in select d.org_id, d.endpoint_id from private.due_endpoints(50) d loop
    exit when jsonb_array_length(v_found) >= batch;
    -- Locked before its deliveries; who changes it just now keeps it for the next time.
    select e.* into v_endpoint from public.webhook_endpoints e
     where e.org_id = v_lane.org_id and e.id = v_lane.endpoint_id and e.state = 'active' for no key update skip locked;
    continue when not found;
    v_secret := private.open_credential(v_endpoint.org_id, v_endpoint.credential_id, 'webhooks');
    if v_secret is null then
      perform private.disable_endpoint(v_endpoint.org_id, v_endpoint.id, 'no_secret');
      continue;
    end if;
    v_previous := case when v_endpoint.previous_until > now() then private.open_credential(v_endpoint.org_id, v_endpoint.previous_credential_id, 'webhooks') end;
    -- One at a time to whoever takes nothing.
    v_ids := array(
      select d.event_id from private.outgoing_deliveries d
       where d.org_id = v_endpoint.org_id and d.endpoint_id = v_endpoint.id and d.next_at <= now()
       order by d.next_at, d.event_id limit case when v_endpoint.failures > 0 then 1 else 10 end for update skip locked);
    update private.outgoing_deliveries d set attempts = d.attempts + 1, attempted_at = now(), next_at = now() + make_interval(secs => lease_seconds)
     where d.org_id = v_endpoint.org_id and d.endpoint_id = v_endpoint.id and d.event_id = any (v_ids);
    select v_found || coalesce(jsonb_agg(jsonb_build_object('org_id', d.org_id, 'endpoint_id', d.endpoint_id, 'event_id', d.event_id, 'attempt', d.attempts, 'url', v_endpoint.url, 'body', b.body,
             'headers', jsonb_build_object('webhook-id', 'evt_' || e.id, 'webhook-timestamp', v_at::text, 'webhook-signature',
               concat_ws(' ', private.webhook_signature(v_secret, 'evt_' || e.id, v_at, b.body), private.webhook_signature(v_previous, 'evt_' || e.id, v_at, b.body))))
             order by e.id), '[]') into v_found
      from private.outgoing_deliveries d
      join private.outgoing_events e on (e.org_id, e.id) = (d.org_id, d.event_id)
     cross join lateral (select private.webhook_body(e) as body) b
     where d.org_id = v_endpoint.org_id and d.endpoint_id = v_endpoint.id and d.event_id = any (v_ids);
  end loop;
  return jsonb_build_object('deliveries', v_found);
end;
$$;
comment on function worker.claim_webhooks is
  'Hands out deliveries under a lease, at most ten of an endpoint, to no two callers: {deliveries: [{org_id, endpoint_id, event_id, attempt, url, headers, body}]}. They are signed here: secrets are opened for that and '
  'never leave the database. Definer: service_role holds no tables.';

create function private.webhook_wait(attempts int) returns interval
  language sql volatile security invoker set search_path = ''
as $$
  select make_interval(secs => (array[5, 300, 1800, 7200, 18000, 36000, 50400])[least(greatest(webhook_wait.attempts, 1), 7)] * (80 + floor(random() * 41)::int) / 100)
$$;
comment on function private.webhook_wait is 'How long to wait after so many attempts: 5 seconds to 14 hours, a fifth more or less so that many do not come back at once.';

create function worker.record_webhooks(results jsonb) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  c_patience constant interval := interval '3 days';
  v_endpoint public.webhook_endpoints;
  v_told     record;
  v_many     int := 0;
  v_disabled int := 0;
begin
  for v_endpoint in
    select e.* from public.webhook_endpoints e
     where (e.org_id, e.id) in (select r.org_id, r.endpoint_id from jsonb_to_recordset(results) r (org_id uuid, endpoint_id uuid))
     order by e.org_id, e.id for no key update
  loop
    with said as (
      select r.*, coalesce(r.status between 200 and 299, false) as is_taken from jsonb_to_recordset(results)
             r (org_id uuid, endpoint_id uuid, event_id bigint, attempt int, status int, duration_ms int, response text, problem text, retry_after int)
       where r.org_id = v_endpoint.org_id and r.endpoint_id = v_endpoint.id
    ), noted as (
      update private.outgoing_deliveries d
         set status = s.status, duration_ms = s.duration_ms, response = left(s.response, 500), problem = left(s.problem, 60),
             state = case when s.is_taken then 'delivered' when d.queued_at < now() - c_patience or v_endpoint.state = 'disabled' then 'failed' else 'pending' end,
             next_at = case when not s.is_taken and d.queued_at >= now() - c_patience and v_endpoint.state = 'active'
                            then now() + greatest(private.webhook_wait(d.attempts), make_interval(secs => s.retry_after)) end
        from said s
       where d.org_id = v_endpoint.org_id and d.endpoint_id = v_endpoint.id and d.event_id = s.event_id and d.attempts = s.attempt and d.state = 'pending'
      returning d.event_id, s.is_taken, s.status, s.retry_after)
    select count(*) as many, bool_or(n.is_taken) as any_taken, coalesce(bool_or(n.status = 410), false) as is_gone, max(n.retry_after) as wait into v_told from noted n;
    continue when v_told.many = 0;
    v_many := v_many + v_told.many;
    update public.webhook_endpoints e
       set delivered_at = case when v_told.any_taken then now() else e.delivered_at end,
           failures = case when v_told.any_taken then 0 else e.failures + 1 end,
           failing_since = case when v_told.any_taken then null else coalesce(e.failing_since, now()) end,
           -- Who takes nothing is left alone for a while, whatever waits: 5 seconds, 10, … at most ten minutes; or as long as they ask.
           retry_at = case when not v_told.any_taken then now() + make_interval(secs => greatest(v_told.wait, least(600, 5 * (1 << least(e.failures, 7))))) end
     where e.org_id = v_endpoint.org_id and e.id = v_endpoint.id
    returning * into v_endpoint;
    if v_told.is_gone or v_endpoint.failing_since < now() - c_patience then
      perform private.disable_endpoint(v_endpoint.org_id, v_endpoint.id, case when v_told.is_gone then 'gone' else 'failing' end);
      v_disabled := v_disabled + 1;
    end if;
  end loop;
  return jsonb_build_object('recorded', v_many, 'disabled', v_disabled);
end;
$$;
comment on function worker.record_webhooks is
  'Notes what became of claimed deliveries [{org_id, endpoint_id, event_id, attempt, status, duration_ms, response, problem, retry_after: seconds that the receiver asks for}]: taken with 2xx; else again by private.webhook_wait, or later when asked for, for three days; 410 disables the endpoint, '
  'and so does taking nothing for three days. A result of another attempt is not believed. Returns {recorded, disabled}. Definer: service_role holds no tables.';
grant execute on function worker.claim_webhooks, worker.record_webhooks to service_role;

create function private.wake_deliveries() returns void
  language plpgsql volatile security definer set search_path = ''
as $$
begin
  if exists (select from private.outgoing_deliveries d where d.next_at <= now()) and exists (select from private.due_endpoints(1)) then
    perform private.wake('deliveries', interval '1 second');
  end if;
end;
$$;
comment on function private.wake_deliveries is 'Wakes the job `deliveries` when something is due that may go.';

create function private.end_webhook_secrets() returns void
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_endpoint public.webhook_endpoints;
begin
  for v_endpoint in select e.* from public.webhook_endpoints e where e.previous_until <= now() order by e.org_id, e.id for no key update skip locked loop
    update public.webhook_endpoints e set previous_credential_id = null, previous_until = null where e.org_id = v_endpoint.org_id and e.id = v_endpoint.id;
    perform private.revoke_credential(v_endpoint.org_id, v_endpoint.previous_credential_id);
  end loop;
end;
$$;
comment on function private.end_webhook_secrets is 'Revokes secrets whose day after a rotation is over: hourly. They sign nothing before that either.';
