-- 823_indiamart_status.sql: the doors to coverage and states: for an organization's people, its operators and `flow doctor`.

create function private.indiamart_of(org_id uuid) returns public.lead_sources
  language plpgsql stable security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_source public.lead_sources;
begin
  select s.* into v_source from public.lead_sources s where s.org_id = indiamart_of.org_id and s.kind = 'indiamart';
  if not found then
    raise sqlstate 'PT404' using message = 'IndiaMART is not connected.', detail = 'source_not_found',
      hint = 'Enter the key of seller.indiamart.com, Lead Manager, CRM API.';
  end if;
  return v_source;
end;
$$;
comment on function private.indiamart_of is 'An organization''s IndiaMART source, also a disconnected one. Raises PT404 source_not_found.';

create function private.time_zone_of(org_id uuid) returns text
  language sql stable security definer set search_path = ''
as $$
  select o.time_zone from public.organizations o where o.id = time_zone_of.org_id
$$;
comment on function private.time_zone_of is 'An organization''s time zone. Definer: called beneath RLS.';

create function private.gap_as_told(gap private.coverage_gap) returns jsonb
  language sql immutable security invoker set search_path = ''
as $$
  select jsonb_build_object(
    'from', (gap_as_told.gap).gap_from, 'to', (gap_as_told.gap).gap_to, 'state', (gap_as_told.gap).state, 'reason', (gap_as_told.gap).reason,
    'words', private.gap_words((gap_as_told.gap).state, (gap_as_told.gap).reason), 'calls', (gap_as_told.gap).calls,
    'run_id', (gap_as_told.gap).run_id, 'tried_at', (gap_as_told.gap).tried_at)
$$;
comment on function private.gap_as_told is 'A gap as people see it: {from, to, state, reason, words, calls, run_id, tried_at}.';

create function private.find_indiamart_status(org_id uuid) returns jsonb
  language plpgsql stable security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_source public.lead_sources := private.indiamart_of(find_indiamart_status.org_id);
  v_zone text := private.time_zone_of(find_indiamart_status.org_id);
  v_history jsonb := private.history_progress(v_source);
  v_gaps private.coverage_gap[] := array(select g from private.coverage_gaps(v_source) g);
  v_covered tstzmultirange;
  v_answer public.sync_runs;
begin
  select c.covered into v_covered from private.source_coverage c where c.org_id = v_source.org_id and c.source_id = v_source.id;
  select r.* into v_answer from public.sync_runs r
   where r.org_id = v_source.org_id and r.source_id = v_source.id and r.kind <> 'push' and r.is_complete order by r.started_at desc limit 1;
  return jsonb_build_object(
    'source_id', v_source.id, 'time_zone', v_zone, 'is_connected', v_source.disconnected_at is null,
    'has_key', v_source.credential_id is not null, 'has_push', v_source.push_token_sha256 is not null, 'state', v_source.state,
    'summary', private.coverage_summary(v_source, v_zone, (v_history ->> 'ends_at')::timestamptz),
    'findings', (select coalesce(jsonb_agg(to_jsonb(f) order by f.level, f.code), '[]') from private.indiamart_findings(v_source) f),
    'next_call_at', case when v_source.credential_id is not null and v_source.is_active then greatest(v_source.next_allowed_at, now()) end,
    'is_running', v_source.lease_expires_at > now(), 'last_called_at', v_source.last_called_at,
    'covered_from', lower(v_covered), 'covered_to', upper(v_covered),
    'last_answer', case when v_answer.id is not null then jsonb_build_object(
      'run_id', v_answer.id, 'kind', v_answer.kind, 'at', v_answer.finished_at, 'from', v_answer.window_from, 'to', v_answer.window_to,
      'received', v_answer.received, 'inserted', v_answer.inserted) end,
    'late_leads_looked_for_at', v_source.swept_at,
    'history', v_history,
    'gaps', (select coalesce(jsonb_agg(private.gap_as_told(g) order by g.gap_from desc), '[]') from unnest(v_gaps[:20]) g),
    'gap_count', cardinality(v_gaps),
    'calls_24h', (select coalesce(jsonb_object_agg(x.outcome, x.calls), '{}') from (
      select r.outcome, count(*) as calls from public.sync_runs r
       where r.org_id = v_source.org_id and r.source_id = v_source.id and r.kind <> 'push' and r.outcome is not null
         and r.started_at > now() - interval '24 hours' group by 1) x),
    'last_push_at', (select max(r.started_at) from public.sync_runs r
                      where r.org_id = v_source.org_id and r.source_id = v_source.id and r.kind = 'push'),
    'leads_7d', private.arrival_counts(v_source.org_id, v_source.id, tstzrange(now() - interval '7 days', now() + interval '2 days')),
    'set_aside_30d', (select coalesce(sum(jsonb_array_length(r.errors)), 0) from public.sync_runs r
                       where r.org_id = v_source.org_id and r.source_id = v_source.id and r.errors <> '[]' and r.started_at > now() - interval '30 days'));
end;
$$;
comment on function private.find_indiamart_status is
  'Body of public.indiamart_status and worker.indiamart_status. Raises PT404 source_not_found. Definer: called beneath RLS.';

create function worker.indiamart_status(org_id uuid) returns jsonb
  language plpgsql stable security definer set search_path = ''
as $$
begin
  perform private.require_organization(indiamart_status.org_id);
  return private.find_indiamart_status(indiamart_status.org_id);
end;
$$;
comment on function worker.indiamart_status is 'public.indiamart_status, for an operator. Raises PT404.';

create function worker.indiamart_problems() returns jsonb
  language sql stable security definer set search_path = ''
as $$
  select jsonb_build_object(
    'sources', (select count(*) from public.lead_sources s where s.kind = 'indiamart' and s.disconnected_at is null),
    'findings', (select coalesce(jsonb_agg(to_jsonb(p) order by p.level, p.since), '[]') from (
      select f.*, o.name as who, s.org_id
        from public.lead_sources s
        join public.organizations o on o.id = s.org_id and o.deleted_at is null
       cross join lateral private.indiamart_findings(s) f
       where s.kind = 'indiamart' and s.disconnected_at is null
       order by f.level, f.since limit 50) p))
$$;
comment on function worker.indiamart_problems is
  'For the operator: {sources: how many are connected, findings: [{code, level, since, until, words, remedy, who, org_id}], the first 50, problems first}.';
grant execute on function worker.indiamart_status(uuid), worker.indiamart_problems() to service_role;

-- For people -----------------------------------------------------------------------------------------------

create function private.indiamart_status(org_id uuid) returns jsonb
  language plpgsql stable security definer set search_path = ''
as $$
begin
  perform private.require_role(indiamart_status.org_id, 'agent');
  return private.find_indiamart_status(indiamart_status.org_id);
end;
$$;
comment on function private.indiamart_status is 'Body of public.indiamart_status. Definer: reads coverage.';

create function public.indiamart_status(org_id uuid) returns jsonb
  language sql stable set search_path = ''
begin atomic
  select private.indiamart_status(indiamart_status.org_id);
end;
comment on function public.indiamart_status is
  'How IndiaMART stands: {source_id, time_zone, is_connected, has_key, has_push, state, summary, findings: [{code, level, since, until, words, remedy}], next_call_at, is_running, '
  'last_called_at, covered_from, covered_to, last_answer: {run_id, kind, at, from, to, received, inserted}, late_leads_looked_for_at, history: {wanted_from, reachable_from, '
  'wanted_seconds, fetched_seconds, open_seconds, lost_seconds, calls_left, held_until, read_again_from, ends_at, done_at}, gaps: the newest 20 as indiamart_gaps tells them, gap_count, '
  'calls_24h: {outcome: calls}, last_push_at, leads_7d, set_aside_30d}. Agents. Raises PT404 source_not_found.';

create function private.indiamart_days(org_id uuid, before date, page int) returns jsonb
  language plpgsql stable security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_source public.lead_sources;
  v_zone text;
  v_page int := least(greatest(coalesce(indiamart_days.page, 31), 1), 92);
  v_last date;
  v_first date;
  v_start date;
begin
  perform private.require_role(indiamart_days.org_id, 'agent');
  v_source := private.indiamart_of(indiamart_days.org_id);
  v_zone := private.time_zone_of(indiamart_days.org_id);
  select (least(c.wanted_from, (select min(a.received_at) from private.lead_arrivals a where a.org_id = v_source.org_id and a.source_id = v_source.id)) at time zone v_zone)::date
    into v_first from private.source_coverage c where c.org_id = v_source.org_id and c.source_id = v_source.id;
  v_last := least(indiamart_days.before - 1, (now() at time zone v_zone)::date);
  v_last := coalesce(v_last, (now() at time zone v_zone)::date);
  v_start := greatest(v_last - v_page + 1, coalesce(v_first, v_last));
  return (
    with days as (
      select d::date as day, tstzrange(d at time zone v_zone, (d + interval '1 day') at time zone v_zone) as slot
        from generate_series(v_last::timestamp, v_start::timestamp, interval '-1 day') d)
    select jsonb_build_object(
             'time_zone', v_zone,
             'days', coalesce(jsonb_agg(s.value || jsonb_build_object('day', d.day) order by d.day desc), '[]'),
             'next', case when v_start > v_first then v_start end)
      from (select array_agg(days.slot order by days.day desc) as slots, array_agg(days.day order by days.day desc) as of from days) w
     cross join lateral jsonb_array_elements(private.coverage_slots(v_source, w.slots)) with ordinality s
     cross join lateral (select w.of[s.ordinality::int] as day) d);
end;
$$;
comment on function private.indiamart_days is 'Body of public.indiamart_days. Definer: reads coverage.';

create function public.indiamart_days(org_id uuid, before date default null, page int default 31) returns jsonb
  language sql stable set search_path = ''
begin atomic
  select private.indiamart_days(indiamart_days.org_id, indiamart_days.before, indiamart_days.page);
end;
comment on function public.indiamart_days is
  'Coverage by day of the organization''s time zone, newest first, of days before a day (page: at most 92): {time_zone, days: [{day, from, to, state, covered_seconds, open_seconds, reason, run_id, '
  'run_kind, answered_at, answers, failed: {reason: calls}, leads: {all, pull_only, push_only, both, push_first, pull_first, push_earlier_seconds, pull_earlier_seconds}}], next: `before` of the next page}. '
  'state: complete, running, partial, missing, lost, held_back, not_wanted, to_come. Agents. Raises PT404 source_not_found.';

create function private.indiamart_hours(org_id uuid, day date) returns jsonb
  language plpgsql stable security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_source public.lead_sources;
  v_zone text;
  v_day date;
begin
  perform private.require_role(indiamart_hours.org_id, 'agent');
  v_source := private.indiamart_of(indiamart_hours.org_id);
  v_zone := private.time_zone_of(indiamart_hours.org_id);
  v_day := coalesce(indiamart_hours.day, (now() at time zone v_zone)::date);
  if v_day not between '2000-01-01' and '2100-01-01' then
    raise sqlstate 'PT422' using message = 'There is nothing to tell about this day.', detail = 'day_invalid', hint = 'Give a day of this century.';
  end if;
  return jsonb_build_object('time_zone', v_zone, 'day', v_day, 'hours', private.coverage_slots(v_source, array(
    select tstzrange(h, h + interval '1 hour')
      from generate_series(v_day::timestamp at time zone v_zone, ((v_day + 1)::timestamp at time zone v_zone) - interval '1 hour', interval '1 hour') h)));
end;
$$;
comment on function private.indiamart_hours is 'Body of public.indiamart_hours. Definer: reads coverage.';

create function public.indiamart_hours(org_id uuid, day date default null) returns jsonb
  language sql stable set search_path = ''
begin atomic
  select private.indiamart_hours(indiamart_hours.org_id, indiamart_hours.day);
end;
comment on function public.indiamart_hours is
  'A day''s hours in the organization''s time zone (23 to 25 of them), each as a day of public.indiamart_days: {time_zone, day, hours: […]}. day: null is today. Agents. Raises PT404, PT422 day_invalid.';

create function private.indiamart_gaps(org_id uuid, before timestamptz, page int) returns jsonb
  language plpgsql stable security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_source public.lead_sources;
begin
  perform private.require_role(indiamart_gaps.org_id, 'agent');
  v_source := private.indiamart_of(indiamart_gaps.org_id);
  return (
    select jsonb_build_object('gaps', coalesce(jsonb_agg(private.gap_as_told(g) order by g.gap_from desc), '[]'), 'next', min(g.gap_from))
      from (select x.* from private.coverage_gaps(v_source) x where x.gap_from < coalesce(indiamart_gaps.before, 'infinity')
             order by x.gap_from desc limit least(greatest(coalesce(indiamart_gaps.page, 50), 1), 200)) g);
end;
$$;
comment on function private.indiamart_gaps is 'Body of public.indiamart_gaps. Definer: reads coverage.';

create function public.indiamart_gaps(org_id uuid, before timestamptz default null, page int default 50) returns jsonb
  language sql stable set search_path = ''
begin atomic
  select private.indiamart_gaps(indiamart_gaps.org_id, indiamart_gaps.before, indiamart_gaps.page);
end;
comment on function public.indiamart_gaps is
  'Times that are not proven complete, newest first, those that begin before an instant: {gaps: [{from, to, state, reason, words, calls, run_id, tried_at}], next: `before` of the next page}. '
  'state: missing, lost, held_back. Agents. Raises PT404 source_not_found.';

create function private.indiamart_arrivals(org_id uuid, way text, before timestamptz, before_id uuid, page int) returns jsonb
  language plpgsql stable security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_source public.lead_sources;
begin
  perform private.require_role(indiamart_arrivals.org_id, 'agent');
  if indiamart_arrivals.way is null or indiamart_arrivals.way not in ('pull', 'push', 'both') then
    raise sqlstate 'PT422' using message = 'Leads come by pull, by push or by both.', detail = 'way_unknown', hint = 'Give pull, push or both.';
  end if;
  v_source := private.indiamart_of(indiamart_arrivals.org_id);
  return (
    select jsonb_build_object('leads', coalesce(jsonb_agg(to_jsonb(p) order by p.received_at desc, p.lead_id desc), '[]'))
      from (select a.lead_id, l.external_id, l.lead_type, a.received_at, a.pulled_at, a.pushed_at, a.pulled_by, a.pushed_by,
                   extract(epoch from a.pulled_at - a.pushed_at)::int as push_earlier_seconds
              from private.lead_arrivals a join public.leads l on l.org_id = a.org_id and l.id = a.lead_id
             where a.org_id = v_source.org_id and a.source_id = v_source.id and a.way = indiamart_arrivals.way
               and (a.received_at, a.lead_id) < (coalesce(indiamart_arrivals.before, 'infinity'), coalesce(indiamart_arrivals.before_id, 'ffffffff-ffff-ffff-ffff-ffffffffffff'))
             order by a.received_at desc, a.lead_id desc limit least(greatest(coalesce(indiamart_arrivals.page, 50), 1), 200)) p);
end;
$$;
comment on function private.indiamart_arrivals is 'Body of public.indiamart_arrivals. Definer: reads a closed table.';

create function public.indiamart_arrivals(org_id uuid, way text, before timestamptz default null, before_id uuid default null, page int default 50) returns jsonb
  language sql stable set search_path = ''
begin atomic
  select private.indiamart_arrivals(indiamart_arrivals.org_id, indiamart_arrivals.way, indiamart_arrivals.before, indiamart_arrivals.before_id, indiamart_arrivals.page);
end;
comment on function public.indiamart_arrivals is
  'Leads that came by one way only (pull, push) or by both, newest first, after the last of a page (its received_at and lead_id): '
  '{leads: [{lead_id, external_id, lead_type, received_at, pulled_at, pushed_at, pulled_by, pushed_by, push_earlier_seconds}]}. Agents. Raises PT404, PT422 way_unknown.';

create function private.indiamart_proof(org_id uuid) returns jsonb
  language plpgsql stable security definer set search_path = ''
as $$
begin
  perform private.require_role(indiamart_proof.org_id, 'agent');
  return private.coverage_proof(private.indiamart_of(indiamart_proof.org_id));
end;
$$;
comment on function private.indiamart_proof is 'Body of public.indiamart_proof. Definer: reads coverage.';

create function public.indiamart_proof(org_id uuid) returns jsonb
  language sql stable set search_path = ''
begin atomic
  select private.indiamart_proof(indiamart_proof.org_id);
end;
comment on function public.indiamart_proof is
  'Checks coverage against the sync log: {agrees, answers, covered: [{from, to}], unproven, unrecorded}; the last two are empty when it agrees. Agents. Raises PT404 source_not_found.';

grant execute on function private.indiamart_status, public.indiamart_status, private.indiamart_days, public.indiamart_days, private.indiamart_hours, public.indiamart_hours,
  private.indiamart_gaps, public.indiamart_gaps, private.indiamart_arrivals, public.indiamart_arrivals, private.indiamart_proof, public.indiamart_proof to authenticated;
