-- 161_telemetry_writing.sql: how telemetry gets in: in batches, waiting for nobody, one bad row without its neighbours.

create function private.trace_id() returns text
  language sql stable security invoker set search_path = ''
as $$
  select nullif(substring(private.request_header('traceparent') from '^[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}$'), repeat('0', 32))
$$;
comment on function private.trace_id is
  'The W3C trace id of the API request being served, or null. Written by the caller: for the record, never for a decision.';

create function private.network_of(address inet) returns cidr
  language sql immutable security invoker set search_path = ''
as $$
  select network(set_masklen(network_of.address, least(masklen(network_of.address), case family(network_of.address) when 4 then 24 else 48 end)))
$$;
comment on function private.network_of is 'The network of an address: /24, or /48 of IPv6.';

create function private.known_organization(org_id uuid) returns uuid
  language sql stable security invoker set search_path = ''
as $$
  select o.id from public.organizations o where o.id = known_organization.org_id and o.deleted_at is null
$$;
comment on function private.known_organization is 'The organization, or null where there is none or it is being deleted: what comes late leaves nothing with it.';

create function private.fingerprint(side text, type text, frames jsonb) returns text
  language sql immutable security invoker set search_path = ''
as $$
  with f as (
    select n, value ->> 'file' as file, value ->> 'function' as name, coalesce(value ->> 'in_app', 'true') = 'true' as is_own
      from jsonb_array_elements(case jsonb_typeof(frames) when 'array' then frames else '[]' end) with ordinality e (value, n)),
  own as (
    select f.* from f where f.is_own or not exists (select from f where is_own) order by n limit 5)
  select encode(sha256(convert_to(concat_ws(E'\n', side, type, (select string_agg(concat(file, ':', name), E'\n' order by n) from own)), 'UTF8')), 'hex')
$$;
comment on function private.fingerprint is
  'SHA-256, hexadecimal, of side, type and the innermost five frames of Flow''s own code (of any, where there is none), without lines: the same error after an edit above it.';

create function private.note_error(error jsonb, side text) returns void
  language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_at      timestamptz := least(coalesce((error ->> 'occurred_at')::timestamptz, now()), now());
  v_type    text := left(error ->> 'type', 200);
  v_message text := left(coalesce(error ->> 'message', ''), 1000);
  v_frames  jsonb := coalesce(error -> 'frames', '[]');
  v_print   text := private.fingerprint(note_error.side, v_type, v_frames);
begin
  insert into private.error_events (occurred_at, org_id, user_id, request_id, trace_id, release, side, type, message, frames, fingerprint, route, source)
  values (v_at, private.known_organization((error ->> 'org_id')::uuid), (error ->> 'user_id')::uuid, error ->> 'request_id', error ->> 'trace_id', error ->> 'release', note_error.side,
          v_type, v_message, v_frames, v_print, error ->> 'route', left(error ->> 'source', 200));
  insert into private.error_groups as g (fingerprint, side, type, message, first_seen, last_seen)
  values (v_print, note_error.side, v_type, v_message, v_at, v_at)
      on conflict (fingerprint) do update
     set count = g.count + 1, first_seen = least(g.first_seen, excluded.first_seen), last_seen = greatest(g.last_seen, excluded.last_seen),
         message = case when excluded.last_seen >= g.last_seen then excluded.message else g.message end,
         state = case when g.state = 'resolved' and excluded.last_seen > g.settled_at then 'open' else g.state end,
         reopened_at = case when g.state = 'resolved' and excluded.last_seen > g.settled_at then excluded.last_seen else g.reopened_at end;
end;
$$;
comment on function private.note_error is
  'Notes one error, already scrubbed, and counts it in its group; one that was resolved is open again. error: {occurred_at, org_id, user_id, request_id, trace_id, release, type, message, frames: [{file, line, function, in_app}] innermost first, route, source}; side: server or browser. '
  'Who notes several does so in the order of their fingerprints. Raises what the tables'' checks raise.';

create function private.write_telemetry(rows jsonb) returns int
  language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_many int;
  v_all  int := 0;
  e      jsonb;
begin
  insert into private.request_log (occurred_at, org_id, user_id, request_id, trace_id, release, method, route, status, duration_ms, db_ms, db_calls, upstream_ms, bytes_out, ip_prefix, os, browser, device)
  select least(coalesce(x.occurred_at, now()), now()), private.known_organization(x.org_id), x.user_id, x.request_id, x.trace_id, x.release, x.method, x.route, x.status, x.duration_ms, x.db_ms, x.db_calls,
         x.upstream_ms, x.bytes_out, private.network_of(x.ip_prefix), x.os, x.browser, x.device
    from jsonb_to_recordset(rows -> 'requests') x (occurred_at timestamptz, org_id uuid, user_id uuid, request_id text, trace_id text, release text, method text, route text, status int,
         duration_ms numeric, db_ms numeric, db_calls int, upstream_ms numeric, bytes_out bigint, ip_prefix inet, os text, browser text, device text);
  get diagnostics v_many = row_count;
  v_all := v_all + v_many;
  insert into private.api_calls (occurred_at, org_id, request_id, trace_id, release, direction, provider, operation, endpoint, type, status, provider_code, provider_subcode, duration_ms, attempt,
                                 provider_request_id, idempotency_key, lag_ms)
  select least(coalesce(x.occurred_at, now()), now()), private.known_organization(x.org_id), x.request_id, x.trace_id, x.release, coalesce(x.direction, 'out'), x.provider, x.operation, x.endpoint, x.type, x.status,
         x.provider_code, x.provider_subcode, x.duration_ms, x.attempt, x.provider_request_id, x.idempotency_key, x.lag_ms
    from jsonb_to_recordset(rows -> 'calls') x (occurred_at timestamptz, org_id uuid, request_id text, trace_id text, release text, direction text, provider text, operation text, endpoint text, type text,
         status int, provider_code text, provider_subcode text, duration_ms numeric, attempt int, provider_request_id text, idempotency_key text, lag_ms bigint);
  get diagnostics v_many = row_count;
  v_all := v_all + v_many;
  insert into private.job_runs (occurred_at, request_id, trace_id, release, job, queue_wait_ms, duration_ms, attempt, outcome, counts)
  select least(coalesce(x.occurred_at, now()), now()), x.request_id, x.trace_id, x.release, x.job, x.queue_wait_ms, x.duration_ms, x.attempt, x.outcome, coalesce(x.counts, '{}')
    from jsonb_to_recordset(rows -> 'jobs') x (occurred_at timestamptz, request_id text, trace_id text, release text, job text, queue_wait_ms numeric, duration_ms numeric, attempt int, outcome text, counts jsonb);
  get diagnostics v_many = row_count;
  v_all := v_all + v_many;
  for e in select x.value from jsonb_array_elements(rows -> 'errors') x (value) order by private.fingerprint('server', left(x.value ->> 'type', 200), x.value -> 'frames') loop
    perform private.note_error(e, 'server');
    v_all := v_all + 1;
  end loop;
  return v_all;
end;
$$;
comment on function private.write_telemetry is 'Writes rows of worker.record_telemetry, all or none. Returns how many.';

create function worker.record_telemetry(rows jsonb) returns jsonb
  language plpgsql volatile security definer set search_path = '' set lock_timeout = '300ms' set statement_timeout = '500ms'
as $$
declare
  v_recorded int := 0;
  v_refused  int := 0;
  v_dropped  int := coalesce((rows ->> 'dropped')::int, 0);
  x          record;
begin
  perform set_config('synchronous_commit', 'off', true);       -- a crash may cost the last rows; nobody waits for the disk
  begin
    v_recorded := private.write_telemetry(rows);
  exception
    when lock_not_available or query_canceled or deadlock_detected then
      raise;                                                     -- not now, for none of them
    when others then
      for x in select k.key as kind, i.value as item from jsonb_each(rows) k, jsonb_array_elements(case jsonb_typeof(k.value) when 'array' then k.value else '[]' end) i loop
        begin
          v_recorded := v_recorded + private.write_telemetry(jsonb_build_object(x.kind, jsonb_build_array(x.item)));
        exception
          when lock_not_available or query_canceled or deadlock_detected then raise;
          when others then v_refused := v_refused + 1;
        end;
      end loop;
  end;
  if v_dropped > 0 or v_refused > 0 then
    insert into private.telemetry_losses as l (hour, dropped, refused) values (date_trunc('hour', now()), v_dropped, v_refused)
        on conflict (hour) do update set dropped = l.dropped + excluded.dropped, refused = l.refused + excluded.refused;
  end if;
  return jsonb_build_object('recorded', v_recorded, 'refused', v_refused);
end;
$$;
comment on function worker.record_telemetry is
  'Writes a batch of telemetry: {requests, errors, calls, jobs: [rows with the names of request_log, error_events, api_calls, job_runs], dropped: rows that the worker let go since the last batch}. A row that no table takes is refused '
  'without its neighbours; unknown organizations become null; it waits for no lock longer than 0.3 s. Returns {recorded, refused}. Workers are trusted with whose the rows are.';
grant execute on function worker.record_telemetry to service_role;
