-- 820_indiamart_runs.sql: handing out a call to IndiaMART, taking in its answer, and what IndiaMART pushes.

-- Windows --------------------------------------------------------------------------------------------------

create function private.sync_window(
  source public.lead_sources, wants text, out kind text, out window_from timestamptz, out window_to timestamptz,
  out gap_from timestamptz, out gap_to timestamptz)
  language plpgsql stable security definer set search_path = ''
as $$
declare
  c_longest constant int := 7 * 86400 - 60;                    -- seconds: IndiaMART answers seven days at most
  v_now timestamptz := date_trunc('second', now());            -- its times have no fractions
  v_horizon timestamptz := v_now - interval '365 days' + interval '1 hour';
  v_source public.lead_sources := sync_window.source;
  v_covered tstzmultirange;
  v_again tstzmultirange;
  v_hole tstzrange;
  v_size int;
  v_overlap interval;
  v_hour int;
begin
  select c.covered, case when now() >= c.key_at + interval '24 hours' then c.again end into v_covered, v_again
    from private.source_coverage c where c.org_id = v_source.org_id and c.source_id = v_source.id;
  v_covered := coalesce(v_covered, '{}');

  -- History: the newest stretch before the live window that is not covered; then what a new key may have held back.
  if v_source.live_at > v_horizon and coalesce(v_source.backfill_after, '-infinity') <= now() then
    select h into v_hole
      from (values (1, tstzmultirange(tstzrange(v_horizon, v_source.live_at)) - v_covered),
                   (2, tstzmultirange(tstzrange(v_horizon, v_source.live_at)) * v_again)) r (turn, holes)
     cross join unnest(r.holes) h
     order by r.turn, upper(h) desc limit 1;
  end if;

  sync_window.kind := sync_window.wants;
  if sync_window.kind is null then
    select extract(hour from now() at time zone o.time_zone) into v_hour
      from public.organizations o where o.id = v_source.org_id;
    sync_window.kind := case
      when v_hole is not null and v_source.last_turn = 'live' then 'backfill'
      when v_source.live_at > v_now - make_interval(secs => c_longest) and v_source.last_turn is distinct from 'sweep'
       and (v_source.swept_at < now() - interval '36 hours'
         or (v_source.swept_at < now() - interval '20 hours' and v_hour between 1 and 4)) then 'sweep'
      else 'live' end;
  end if;

  v_size := coalesce(case when sync_window.kind = 'backfill' then v_source.backfill_window_seconds
                          else v_source.live_window_seconds end, c_longest);
  -- Fifteen minutes twice, for late leads and an unknown boundary; never more than half a window, or nothing would move.
  v_overlap := make_interval(secs => least(900, v_size / 2));
  if sync_window.kind = 'backfill' then
    sync_window.window_to := least(date_trunc('second', upper(v_hole)) + v_overlap, v_now);
    sync_window.window_from := greatest(
      sync_window.window_to - make_interval(secs => v_size), date_trunc('second', lower(v_hole)) - v_overlap, v_horizon);
  elsif sync_window.kind = 'sweep' then
    -- After a long silence one sweep follows the other until it is caught up: late leads of that time were seen by none.
    sync_window.window_from := greatest(date_trunc('second', v_source.swept_at) - interval '6 days' - v_overlap, v_horizon);
    sync_window.window_to := least(sync_window.window_from + make_interval(secs => v_size), v_now);
  elsif v_source.live_at is null then
    sync_window.window_from := v_now - make_interval(secs => v_size);
    sync_window.window_to := v_now;
  else
    sync_window.window_from := least(v_source.live_at, v_now) - v_overlap;
    if sync_window.window_from < v_horizon then
      if v_source.live_at < v_horizon then
        sync_window.gap_from := v_source.live_at;
        sync_window.gap_to := v_horizon;
      end if;
      sync_window.window_from := v_horizon;
    end if;
    sync_window.window_to := least(sync_window.window_from + make_interval(secs => v_size), v_now);
  end if;
end;
$$;
comment on function private.sync_window is
  'The time to ask for next, and of which kind (wants, or null: live and history take turns, a sweep of the last days once a night). Newest first; then history backwards, up to 365 days less an hour. Definer: reads coverage.';

-- Handing out ----------------------------------------------------------------------------------------------

create function private.end_lost_run(source public.lead_sources) returns void
  language plpgsql volatile security definer set search_path = ''
as $$
begin
  update public.sync_runs r
     set finished_at = now(), outcome = 'lost', message = 'The worker went away before it had an answer; the window is asked for again.'
   where r.org_id = (end_lost_run.source).org_id and r.id = (end_lost_run.source).lease_run and r.finished_at is null;
  update public.lead_sources s set lease_run = null, lease_expires_at = null
   where s.org_id = (end_lost_run.source).org_id and s.id = (end_lost_run.source).id;
end;
$$;
comment on function private.end_lost_run is 'Ends a run whose lease is over. The caller holds the source. Definer: called beneath RLS.';

create function private.begin_run(
  source public.lead_sources, wants text, min_interval_seconds int, lease_seconds int) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_source public.lead_sources := begin_run.source;
  v_key text;
  v_window record;
  v_run_id uuid := gen_random_uuid();
begin
  begin
    v_key := private.open_credential(v_source.org_id, v_source.credential_id, 'indiamart');
  exception when sqlstate 'PT503' then
    v_key := null;
  end;
  if v_key is null then
    update public.lead_sources s
       set state = 'key_unreadable', state_message = 'The stored IndiaMART key cannot be read. Enter it again.',
           requested_at = null, requested_by = null,
           next_allowed_at = now() + make_interval(secs => 10 * begin_run.min_interval_seconds)
     where s.org_id = v_source.org_id and s.id = v_source.id;
    return null;
  end if;
  select w.* into v_window from private.sync_window(v_source, begin_run.wants) w;
  insert into public.sync_runs (org_id, id, source_id, kind, requested_by, window_from, window_to, gap_from, gap_to, min_interval_seconds)
  values (v_source.org_id, v_run_id, v_source.id, v_window.kind, coalesce(v_source.requested_by, auth.uid()), v_window.window_from,
          v_window.window_to, v_window.gap_from, v_window.gap_to, begin_run.min_interval_seconds);
  if v_window.gap_from is not null then
    update private.source_coverage c set lost = c.lost + (tstzmultirange(tstzrange(v_window.gap_from, v_window.gap_to)) - c.covered)
     where c.org_id = v_source.org_id and c.source_id = v_source.id;
  end if;
  update private.source_coverage c set wanted_from = now() - interval '365 days' + interval '1 hour'
   where c.org_id = v_source.org_id and c.source_id = v_source.id and c.wanted_from is null;
  -- Stamped before the call: a call that fails, or whose worker dies, counts for the interval as well.
  update public.lead_sources s
     set last_called_at = now(), next_allowed_at = now() + make_interval(secs => begin_run.min_interval_seconds),
         lease_run = v_run_id, lease_expires_at = now() + make_interval(secs => begin_run.lease_seconds),
         last_turn = case when v_window.kind = 'manual' then 'live' else v_window.kind end,
         requested_at = null, requested_by = null
   where s.org_id = v_source.org_id and s.id = v_source.id;
  return jsonb_build_object(
    'run_id', v_run_id, 'org_id', v_source.org_id, 'source_id', v_source.id, 'kind', v_window.kind, 'key', v_key,
    'base_url', v_source.base_url, 'window_from', v_window.window_from, 'window_to', v_window.window_to);
end;
$$;
comment on function private.begin_run is
  'Leases a source that may be called now, stamps the call and opens the run; null when its key cannot be read. The caller holds the source. Definer: called beneath RLS.';

create function private.check_may_sync(source public.lead_sources) returns void
  language plpgsql stable security invoker set search_path = ''
as $$
declare
  v_source public.lead_sources := check_may_sync.source;
begin
  if v_source.lease_run is not null then
    raise sqlstate 'PT409' using message = 'This source is being synchronized already.', detail = 'sync_running',
      hint = private.retry_at(greatest(v_source.next_allowed_at, now()) + interval '1 second');
  end if;
  if v_source.next_allowed_at > now() then
    raise sqlstate 'PT409' using
      message = coalesce(v_source.state_message, 'IndiaMART allows one call in a while.') || ' Try again later.',
      detail = 'sync_too_soon', hint = private.retry_at(v_source.next_allowed_at + interval '1 second');
  end if;
end;
$$;
comment on function private.check_may_sync is
  'Refuses (409) a person''s sync while one runs or the interval is not over, with the time it may run, rounded up to a second.';

create function worker.claim_syncs(
  min_interval_seconds int, lease_seconds int, batch int default 10, manual boolean default false,
  source_id uuid default null, org_id uuid default null) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_source public.lead_sources;
  v_sync jsonb;
  v_syncs jsonb := '[]';
begin
  if claim_syncs.min_interval_seconds < 0 or claim_syncs.lease_seconds < 1 or claim_syncs.batch not between 1 and 100 then
    raise sqlstate 'PT422' using message = 'The interval, lease or batch makes no sense.', detail = 'bad_argument';
  end if;

  if claim_syncs.manual then
    select s.* into v_source
      from public.lead_sources s join public.organizations o on o.id = s.org_id and o.deleted_at is null
     where s.kind = 'indiamart' and s.is_active and s.credential_id is not null
       and (s.org_id = claim_syncs.org_id or claim_syncs.org_id is null)
       and (s.id = claim_syncs.source_id or claim_syncs.source_id is null)
       and (claim_syncs.org_id is not null or claim_syncs.source_id is not null)
       for no key update of s;
    if not found then
      raise sqlstate 'PT404' using message = 'IndiaMART is not connected.', detail = 'source_not_found';
    end if;
    if v_source.lease_expires_at <= now() then
      perform private.end_lost_run(v_source);
      v_source.lease_run := null;
    end if;
    perform private.check_may_sync(v_source);
    v_sync := private.begin_run(v_source, 'manual', claim_syncs.min_interval_seconds, claim_syncs.lease_seconds);
    if v_sync is null then
      return jsonb_build_object('syncs', v_syncs);
    end if;
    return jsonb_build_object('syncs', jsonb_build_array(v_sync));
  end if;

  for v_source in
    select s.* from public.lead_sources s
     where s.kind = 'indiamart' and s.is_active and s.lease_expires_at <= now()
       for no key update of s skip locked
  loop
    perform private.end_lost_run(v_source);
  end loop;

  for v_source in
    select s.* from public.lead_sources s
     where s.kind = 'indiamart' and s.is_active and s.credential_id is not null and s.lease_run is null
       and (s.next_allowed_at is null or s.next_allowed_at <= now())
       and (s.org_id = claim_syncs.org_id or claim_syncs.org_id is null)
       and (s.id = claim_syncs.source_id or claim_syncs.source_id is null)
       and exists (select from public.organizations o where o.id = s.org_id and o.deleted_at is null)
     order by s.requested_at nulls last, s.next_allowed_at nulls first
     limit claim_syncs.batch
       for no key update of s skip locked
  loop
    v_sync := private.begin_run(
      v_source, case when v_source.requested_at is not null then 'manual' end,
      claim_syncs.min_interval_seconds, claim_syncs.lease_seconds);
    if v_sync is not null then
      v_syncs := v_syncs || jsonb_build_array(v_sync);
    end if;
  end loop;
  return jsonb_build_object(
    'syncs', v_syncs,
    'next_at', (select min(s.next_allowed_at) from public.lead_sources s
                 where s.kind = 'indiamart' and s.is_active and s.credential_id is not null and s.lease_run is null));
end;
$$;
comment on function worker.claim_syncs is
  'Hands out sources that are due, one lease each: {"syncs": [{run_id, org_id, source_id, kind, key, base_url, window_from, window_to}], "next_at"}. manual: the one source named, or 409 sync_running or sync_too_soon with retry_at. Never two runs of a source, never sooner than the interval. Definer: service_role holds no tables.';
grant execute on function worker.claim_syncs(int, int, int, boolean, uuid, uuid) to service_role;

create function private.request_sync(org_id uuid, source_id uuid) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_source public.lead_sources;
begin
  perform private.require_role(request_sync.org_id, 'agent');
  select s.* into v_source from public.lead_sources s
   where s.org_id = request_sync.org_id and s.id = request_sync.source_id and s.kind = 'indiamart'
     and s.is_active and s.credential_id is not null
     for no key update;
  if not found then
    raise sqlstate 'PT404' using message = 'IndiaMART is not connected.', detail = 'source_not_found';
  end if;
  if v_source.lease_expires_at <= now() then
    perform private.end_lost_run(v_source);
    v_source.lease_run := null;
  end if;
  perform private.check_may_sync(v_source);
  if v_source.requested_at > now() - interval '1 minute' then
    raise sqlstate 'PT409' using message = 'This source is about to be synchronized.', detail = 'sync_running',
      hint = private.retry_at(v_source.requested_at + interval '1 minute');
  end if;
  update public.lead_sources s set requested_at = now(), requested_by = auth.uid()
   where s.org_id = v_source.org_id and s.id = v_source.id;
  perform private.wake('indiamart');
  return jsonb_build_object('source_id', v_source.id, 'requested_at', now());
end;
$$;
comment on function private.request_sync is 'Body of public.request_sync. Definer: nobody may write sources directly.';

create function public.request_sync(org_id uuid, source_id uuid) returns jsonb
  language sql volatile security invoker set search_path = ''
begin atomic
  select private.request_sync(request_sync.org_id, request_sync.source_id);
end;
comment on function public.request_sync is
  'Asks for a synchronization now; its run appears in sync_runs. 409 sync_running or sync_too_soon with retry_at.';
grant execute on function public.request_sync(uuid, uuid), private.request_sync(uuid, uuid) to authenticated;

-- Taking in an answer --------------------------------------------------------------------------------------

create function private.sync_message(outcome text, reason text, is_complete boolean) returns text
  language sql immutable security invoker set search_path = ''
as $$
  select case sync_message.outcome
    when 'ok' then case when not sync_message.is_complete
      then 'IndiaMART left out some leads of this time; it is asked for again in smaller steps.' end
    when 'not_released' then 'IndiaMART releases leads from before the key was generated 24 hours later; they are fetched tomorrow.'
    when 'rate_limited' then 'IndiaMART allows one call in five minutes; another program may be using the same key.'
    when 'blocked' then 'IndiaMART has switched the key off for 15 minutes after too many calls; another program may be using it.'
    when 'key_rejected' then case sync_message.reason
      when 'expired' then 'IndiaMART says the key has expired because it was not used for seven days. Generate a new key and enter it.'
      when 'replaced' then 'IndiaMART says that a newer key was generated. Enter the newer key.'
      else 'IndiaMART does not accept the key. Enter the key shown at seller.indiamart.com, Lead Manager, CRM API.' end
    when 'bad_request' then 'IndiaMART did not understand the request. This is a fault of Flow; its operators must look.'
    when 'server_error' then 'IndiaMART had an error; the same time is asked for again.'
    when 'unreadable' then 'IndiaMART''s answer could not be read, or none came; the same time is asked for again.' end
$$;
comment on function private.sync_message is 'What an outcome says to people. Ours: the provider''s own words are never shown.';

create function worker.ingest_leads(run_id uuid, answer jsonb) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_answer jsonb := ingest_leads.answer;
  v_outcome text := v_answer ->> 'outcome';
  v_run public.sync_runs;
  v_source public.lead_sources;
  v_leads jsonb := case when jsonb_typeof(v_answer -> 'leads') = 'array' then v_answer -> 'leads' else '[]' end;
  v_complete boolean := coalesce((v_answer ->> 'complete')::boolean, false);
  v_stored jsonb;
  v_covers boolean;
  v_covered tstzmultirange;
  v_newest tstzrange;
  v_horizon timestamptz := now() - interval '365 days' + interval '1 hour';
  v_half int;
  v_failures int;
  v_wait numeric;
  v_message text;
begin
  if v_outcome is null or v_outcome not in (
    'ok', 'empty', 'not_released', 'rate_limited', 'blocked', 'key_rejected', 'bad_request', 'server_error', 'unreadable'
  ) then
    raise sqlstate 'PT422' using message = 'There is no such outcome.', detail = 'bad_outcome';
  end if;
  -- First the source, then the run, then people: everywhere in this order.
  select s.* into v_source from public.lead_sources s
    join public.sync_runs r on r.org_id = s.org_id and r.source_id = s.id
   where r.id = ingest_leads.run_id for no key update of s;
  select r.* into v_run from public.sync_runs r where r.id = ingest_leads.run_id for no key update;
  if not found then
    raise sqlstate 'PT404' using message = 'There is no such run.', detail = 'run_not_found';
  end if;
  -- A lost run's answer that comes after all is as good as any; every other finished run is finished.
  if (v_run.outcome is not null and v_run.outcome <> 'lost') or v_run.kind = 'push' then
    return private.sync_run(v_run);
  end if;
  if v_source.disconnected_at is not null
     or not exists (select from public.organizations o where o.id = v_run.org_id and o.deleted_at is null) then
    update public.sync_runs r set finished_at = now(), outcome = 'disconnected', message = 'Disconnected; the answer is thrown away.'
     where r.org_id = v_run.org_id and r.id = v_run.id
    returning r.* into v_run;
    return private.sync_run(v_run);
  end if;

  if v_run.kind = 'backfill' then
    -- Nobody is greeted for what they asked months ago.
    v_leads := coalesce((select jsonb_agg(case when jsonb_typeof(l.value) = 'object' then l.value || '{"greet": false}' else l.value end
                                          order by l.ordinality)
                           from jsonb_array_elements(v_leads) with ordinality l), '[]');
  end if;
  v_stored := private.store_leads(v_run.org_id, v_run.source_id, v_leads);

  perform private.note_arrivals(v_run.org_id, v_run.source_id, v_run.id, 'pull', v_leads);

  v_covers := (v_outcome = 'ok' and v_complete) or v_outcome = 'empty';
  if v_covers then
    insert into private.source_coverage as c (org_id, source_id, covered)
    values (v_run.org_id, v_run.source_id, tstzmultirange(tstzrange(v_run.window_from, v_run.window_to)))
        on conflict (org_id, source_id) do update set covered = c.covered + excluded.covered, again = case
          when v_run.started_at >= c.key_at + interval '24 hours' then c.again - excluded.covered
          when v_run.started_at >= c.key_at then c.again + (excluded.covered * tstzmultirange(tstzrange(null, c.key_at)))
          else c.again end
    returning c.covered into v_covered;
  else
    select c.covered into v_covered from private.source_coverage c
     where c.org_id = v_run.org_id and c.source_id = v_run.source_id;
  end if;
  select r into v_newest from unnest(v_covered) r order by upper(r) desc limit 1;
  if (v_covers and (v_run.kind in ('live', 'manual') or (v_run.kind = 'sweep' and v_source.live_at >= v_run.window_from)))
     -- History that is not released yet must not hold up what is new; the hole is filled tomorrow.
     or (v_outcome = 'not_released' and v_run.kind in ('live', 'manual')) then
    v_source.live_at := greatest(v_source.live_at, v_run.window_to);
  end if;
  v_half := greatest(60, extract(epoch from v_run.window_to - v_run.window_from)::int / 2);
  v_failures := case when v_outcome in ('server_error', 'unreadable') then v_source.failures + 1
                     when v_outcome in ('ok', 'empty', 'not_released') then 0
                     else v_source.failures end;
  v_wait := case v_outcome
    when 'blocked' then 2.7
    when 'key_rejected' then 10
    when 'bad_request' then 10
    when 'server_error' then least(2 ^ least(v_failures - 1, 10), 10)
    when 'unreadable' then least(2 ^ least(v_failures - 1, 10), 10)
    else 1 end;
  v_message := private.sync_message(v_outcome, v_answer ->> 'reason', v_complete);

  update public.lead_sources s
     set live_at = v_source.live_at,
         covered_from = lower(v_newest), covered_to = upper(v_newest),
         backfill_after = case when v_outcome = 'not_released' then now() + interval '24 hours' else s.backfill_after end,
         backfill_done_at = coalesce(s.backfill_done_at, case
           when v_covers and isempty(tstzmultirange(tstzrange(v_horizon, v_source.live_at)) - v_covered) then now() end),
         live_window_seconds = case
           when v_run.kind = 'backfill' then s.live_window_seconds
           when v_outcome = 'ok' and not v_complete then v_half
           when v_covers and s.live_window_seconds < 302400 then s.live_window_seconds * 2
           when v_covers then null
           else s.live_window_seconds end,
         backfill_window_seconds = case
           when v_run.kind <> 'backfill' then s.backfill_window_seconds
           when v_outcome = 'ok' and not v_complete then v_half
           when v_covers and s.backfill_window_seconds < 302400 then s.backfill_window_seconds * 2
           when v_covers then null
           else s.backfill_window_seconds end,
         swept_at = case when v_run.kind = 'sweep' and v_covers then greatest(s.swept_at, least(v_run.started_at, v_run.window_to + interval '6 days'))
                         else s.swept_at end,
         failures = v_failures,
         state = case when v_outcome in ('ok', 'empty', 'not_released') then 'ok'
                      when v_outcome in ('server_error', 'unreadable') then 'failing'
                      else v_outcome end,
         state_message = v_message,
         next_allowed_at = greatest(
           s.next_allowed_at, clock_timestamp() + make_interval(secs => (v_wait * v_run.min_interval_seconds)::float8)),
         lease_run = case when s.lease_run = v_run.id then null else s.lease_run end,
         lease_expires_at = case when s.lease_run = v_run.id then null else s.lease_expires_at end
   where s.org_id = v_run.org_id and s.id = v_run.source_id
  returning s.* into v_source;
  update public.sync_runs r
     set finished_at = clock_timestamp(), outcome = v_outcome, http_status = (v_answer ->> 'http_status')::int,
         code = left(v_answer ->> 'code', 20), reason = left(v_answer ->> 'reason', 20), is_complete = case when v_outcome in ('ok', 'empty') then v_complete or v_outcome = 'empty' end,
         received = jsonb_array_length(v_leads), inserted = (v_stored ->> 'inserted')::int, known = (v_stored ->> 'known')::int,
         suppressed = (v_stored ->> 'suppressed')::int, errors = v_stored -> 'errors', note = left(v_answer ->> 'message', 2048),
         message = nullif(concat_ws(' ', v_message, case when r.gap_from is not null then
           'Leads of a time before this were too old to be fetched.' end), '')
   where r.org_id = v_run.org_id and r.id = v_run.id
  returning r.* into v_run;
  return private.sync_run(v_run) || jsonb_build_object('next_allowed_at', v_source.next_allowed_at);
end;
$$;
comment on function worker.ingest_leads is
  'Takes in the answer of a run in one transaction: leads, row errors, coverage, when the next call may be, the run itself; returns the run. The same run twice changes nothing. answer: {outcome, http_status, code, complete, reason, message, leads}. Definer: service_role holds no tables.';
grant execute on function worker.ingest_leads(uuid, jsonb) to service_role;

-- Push -----------------------------------------------------------------------------------------------------

create function worker.rotate_push_token(org_id uuid, token_sha256 text) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_source_id uuid;
begin
  perform private.require_organization(rotate_push_token.org_id);
  if rotate_push_token.token_sha256 !~ '^[0-9a-f]{64}$' then
    raise sqlstate 'PT422' using message = 'The hash of a push token has 64 hexadecimal digits.', detail = 'bad_token_hash';
  end if;
  insert into public.lead_sources (org_id, kind, name) values (rotate_push_token.org_id, 'indiamart', 'IndiaMART')
      on conflict do nothing;
  update public.lead_sources s
     set push_token_sha256 = decode(rotate_push_token.token_sha256, 'hex'), push_token_at = now(), is_active = true, disconnected_at = null,
         key_sha256 = case when s.disconnected_at is null then s.key_sha256 end,
         state = case s.state when 'disconnected' then 'ok' else s.state end
   where s.org_id = rotate_push_token.org_id and s.kind = 'indiamart'
  returning s.id into v_source_id;
  perform private.audit(rotate_push_token.org_id, 'source.push_token_rotated', 'lead_source', v_source_id::text, '{}');
  return jsonb_build_object('source_id', v_source_id);
end;
$$;
comment on function worker.rotate_push_token is
  'Puts a new push token in the place of the old one, which is refused from now on; connects a source that only pushes, if need be. Returns {"source_id"}. Definer: service_role holds no tables.';
grant execute on function worker.rotate_push_token(uuid, text) to service_role;

create function worker.push_leads(token_sha256 text, items jsonb) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_source public.lead_sources;
  v_stored jsonb;
  v_run public.sync_runs;
begin
  if push_leads.token_sha256 ~ '^[0-9a-f]{64}$' then
    select s.* into v_source
      from public.lead_sources s join public.organizations o on o.id = s.org_id and o.deleted_at is null
     where s.push_token_sha256 = decode(push_leads.token_sha256, 'hex') and s.is_active;
  end if;
  if v_source.id is null then
    raise sqlstate 'PT401' using message = 'This address takes no leads.', detail = 'push_token_unknown';
  end if;
  if push_leads.items = '[]' then
    return '{}';          -- nothing in it: nothing to log
  end if;
  v_stored := private.store_leads(v_source.org_id, v_source.id, push_leads.items);
  insert into public.sync_runs (org_id, source_id, kind, finished_at, outcome, received, inserted, known, suppressed, errors)
  values (v_source.org_id, v_source.id, 'push', clock_timestamp(), 'ok', jsonb_array_length(push_leads.items),
          (v_stored ->> 'inserted')::int, (v_stored ->> 'known')::int, (v_stored ->> 'suppressed')::int, v_stored -> 'errors')
  returning * into v_run;
  perform private.note_arrivals(v_source.org_id, v_source.id, v_run.id, 'push', push_leads.items);
  return private.sync_run(v_run);
end;
$$;
comment on function worker.push_leads is
  'Stores leads that IndiaMART pushed, by the same way as fetched ones; what cannot be stored is kept with its raw object in the run''s errors. 401 for an unknown token. Definer: service_role holds no tables.';
grant execute on function worker.push_leads(text, jsonb) to service_role;
