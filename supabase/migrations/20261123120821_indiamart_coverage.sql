-- 821_indiamart_coverage.sql: by which way each lead came, which times were answered completely, what is missing and why.

-- Arrivals -------------------------------------------------------------------------------------------------

create table private.lead_arrivals (
  org_id       uuid not null,
  lead_id      uuid not null,
  source_id    uuid not null,
  received_at  timestamptz not null,
  pulled_at    timestamptz,
  pulled_by    uuid,
  pushed_at    timestamptz,
  pushed_by    uuid,
  way          text not null generated always as (
    case when pushed_at is null then 'pull' when pulled_at is null then 'push' else 'both' end) stored,
  primary key (org_id, lead_id),
  constraint arrival_is_of_a_lead foreign key (org_id, lead_id) references public.leads (org_id, id) on delete cascade,
  constraint arrival_is_of_a_source foreign key (org_id, source_id) references public.lead_sources (org_id, id) on delete cascade,
  constraint arrival_came_by_a_way check (pulled_at is not null or pushed_at is not null)
);
comment on table private.lead_arrivals is
  'By which ways a lead of a source that is both fetched and pushed came, and when first by each. Written with the lead, in one transaction.';
comment on column private.lead_arrivals.org_id is 'The organization.';
comment on column private.lead_arrivals.lead_id is 'The lead.';
comment on column private.lead_arrivals.source_id is 'Its source.';
comment on column private.lead_arrivals.received_at is 'When the buyer enquired, as on the lead.';
comment on column private.lead_arrivals.pulled_at is 'When a fetched answer first held it; null while none did.';
comment on column private.lead_arrivals.pulled_by is 'That run.';
comment on column private.lead_arrivals.pushed_at is 'When it was first pushed; null while it was not.';
comment on column private.lead_arrivals.pushed_by is 'That run.';
comment on column private.lead_arrivals.way is 'pull, push or both.';

create index lead_arrivals_day on private.lead_arrivals (org_id, source_id, received_at);
create index lead_arrivals_way on private.lead_arrivals (org_id, source_id, way, received_at desc, lead_id desc);
create index sync_runs_window on public.sync_runs (org_id, source_id, window_to) where kind <> 'push';
create index sync_runs_pushes on public.sync_runs (org_id, source_id, started_at desc) where kind = 'push';
create index sync_runs_set_aside on public.sync_runs (org_id, source_id, started_at desc) where errors <> '[]';
alter table private.lead_arrivals enable row level security;
-- No policies and no grants: only the functions below read this table.

create function private.note_arrivals(org_id uuid, source_id uuid, run_id uuid, way text, items jsonb) returns void
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
begin
  insert into private.lead_arrivals as a (org_id, lead_id, source_id, received_at, pulled_at, pulled_by, pushed_at, pushed_by)
  select note_arrivals.org_id, l.id, note_arrivals.source_id, l.received_at,
         case note_arrivals.way when 'pull' then clock_timestamp() end, case note_arrivals.way when 'pull' then note_arrivals.run_id end,
         case note_arrivals.way when 'push' then clock_timestamp() end, case note_arrivals.way when 'push' then note_arrivals.run_id end
    from (select distinct btrim(i.value ->> 'external_id') as external_id from jsonb_array_elements(note_arrivals.items) i) x
   cross join lateral (
     select k.id, k.received_at from public.leads k
      where k.org_id = note_arrivals.org_id and k.source_id = note_arrivals.source_id
        and k.external_id between x.external_id and x.external_id order by k.external_id limit 1) l
    left join private.lead_arrivals n on n.org_id = note_arrivals.org_id and n.lead_id = l.id
   -- What is noted already is not written again: a sweep reads a week of known leads every night.
   where case note_arrivals.way when 'pull' then n.pulled_at else n.pushed_at end is null
   order by l.id
      on conflict (org_id, lead_id) do update
     set pulled_at = coalesce(a.pulled_at, excluded.pulled_at), pulled_by = coalesce(a.pulled_by, excluded.pulled_by),
         pushed_at = coalesce(a.pushed_at, excluded.pushed_at), pushed_by = coalesce(a.pushed_by, excluded.pushed_by);
end;
$$;
comment on function private.note_arrivals is
  'Notes that these items, as private.store_leads just took them, came by a way (pull or push) with a run. Only the first time by each way counts. Definer: called beneath RLS.';

-- Gaps -----------------------------------------------------------------------------------------------------

create type private.coverage_gap as (
  gap_from timestamptz, gap_to timestamptz, state text, reason text, calls int, run_id uuid, tried_at timestamptz
);
comment on type private.coverage_gap is
  'A time that is not proven complete. state: missing (still to be fetched), lost (too old to be fetched), held_back (answered, but in the first day of a key, so read again). '
  'reason: of the last call that failed for it; not_asked when none was made; held_back as said. calls: how many failed.';

create function private.run_reason(outcome text, reason text) returns text
  language sql immutable security invoker set search_path = ''
as $$
  select case run_reason.outcome
    when 'ok' then 'incomplete' when 'rate_limited' then 'quota' when 'blocked' then 'key_blocked'
    when 'key_rejected' then 'key_' || coalesce(run_reason.reason, 'incorrect') when 'bad_request' then 'flow_fault'
    when 'server_error' then 'supplier_error' when 'unreadable' then 'no_answer' when 'lost' then 'worker_lost'
    else run_reason.outcome end
$$;
comment on function private.run_reason is 'Why a call left its time open, as a slug: incomplete, quota, key_blocked, key_expired, supplier_error, no_answer, worker_lost, …';

create function private.coverage_gaps(source public.lead_sources) returns setof private.coverage_gap
  language plpgsql stable security definer set search_path = ''
as $$
declare
  v_source public.lead_sources := coverage_gaps.source;
  v_now timestamptz := date_trunc('second', now());
  v_horizon timestamptz := v_now - interval '365 days' + interval '1 hour';
  v_coverage private.source_coverage;
  v_open tstzmultirange;
  v_tried tstzmultirange;
begin
  select c.* into v_coverage from private.source_coverage c where c.org_id = v_source.org_id and c.source_id = v_source.id;
  if v_coverage.wanted_from is null then
    return;
  end if;
  -- No window is longer than seven days: that bounds what the index is read for.
  v_open := tstzmultirange(tstzrange(v_coverage.wanted_from, v_now)) - v_coverage.covered;
  select coalesce(range_agg(tstzrange(r.window_from, r.window_to)), '{}') into v_tried
    from unnest(v_open) g
    join public.sync_runs r on r.org_id = v_source.org_id and r.source_id = v_source.id and r.kind <> 'push'
                           and r.window_to > lower(g) and r.window_to <= upper(g) + interval '7 days' and r.window_from < upper(g)
   where r.finished_at is not null and r.is_complete is not true;
  return query
    select lower(p.piece), upper(p.piece), p.state,
           case when p.held then 'held_back' else coalesce(private.run_reason(f.outcome, f.reason), 'not_asked') end,
           coalesce(f.calls, 0), f.id, f.started_at
      from (select u.piece, case when upper(u.piece) <= v_horizon then 'lost' else 'missing' end as state, false as held
              from unnest(array[tstzmultirange(tstzrange(null, v_horizon)), tstzmultirange(tstzrange(v_horizon, null))]) age (age)
             cross join unnest(array[v_tried, tstzmultirange(tstzrange(null, null)) - v_tried]) tried (tried)
             cross join unnest(v_open * age * tried) u (piece)
            union all
            select u.piece, case when upper(u.piece) <= v_horizon then 'lost' else 'held_back' end, true
              from unnest(array[tstzmultirange(tstzrange(null, v_horizon)), tstzmultirange(tstzrange(v_horizon, null))]) age (age)
             cross join unnest(v_coverage.again * age) u (piece)) p
      left join lateral (
        select r.outcome, r.reason, r.id, r.started_at, count(*) over ()::int as calls from public.sync_runs r
         where not p.held and r.org_id = v_source.org_id and r.source_id = v_source.id and r.kind <> 'push'
           and r.window_to > lower(p.piece) and r.window_to <= upper(p.piece) + interval '7 days' and r.window_from < upper(p.piece)
           and r.finished_at is not null and r.is_complete is not true
         order by r.started_at desc limit 1) f on true
     order by 1 desc;
end;
$$;
comment on function private.coverage_gaps is
  'All times since wanted_from that are not proven complete, newest first; what no call was made for stands apart from what calls failed for. Empty before the first call. Definer: reads coverage.';

-- Hours and days -------------------------------------------------------------------------------------------

create function private.coverage_slots(source public.lead_sources, slots tstzrange[]) returns jsonb
  language plpgsql stable security definer set search_path = ''
as $$
declare
  v_source public.lead_sources := coverage_slots.source;
  v_now timestamptz := date_trunc('second', now());
  v_coverage private.source_coverage;
  v_gaps private.coverage_gap[] := array(select g from private.coverage_gaps(coverage_slots.source) g);
begin
  select c.* into v_coverage from private.source_coverage c where c.org_id = v_source.org_id and c.source_id = v_source.id;
  return (
    select coalesce(jsonb_agg(jsonb_build_object(
             'from', lower(s.slot), 'to', upper(s.slot),
             'state', case when v_coverage.wanted_from is null or upper(s.slot) <= v_coverage.wanted_from then 'not_wanted'
                           when lower(s.slot) > v_now then 'to_come'
                           when s.open > interval '0' and s.covered > interval '0' then
                             case when upper(s.slot) > v_now and s.gap_state is distinct from 'lost' then 'running' else 'partial' end
                           when s.open > interval '0' then coalesce(s.gap_state, 'missing')
                           when s.again > interval '0' then coalesce(s.gap_state, 'held_back')
                           when upper(s.slot) > v_now then 'running' else 'complete' end,
             'covered_seconds', extract(epoch from s.covered)::int, 'open_seconds', extract(epoch from s.open)::int,
             'reason', s.reason,
             'run_id', r.id, 'run_kind', r.kind, 'answered_at', r.finished_at, 'answers', coalesce(r.answers, 0),
             'failed', coalesce(f.failed, '{}'), 'leads', a.leads) order by s.ordinality), '[]')
      from (select u.slot, u.ordinality,
                   private.seconds_of(tstzmultirange(u.slot) * coalesce(v_coverage.covered, '{}')) as covered,
                   private.seconds_of(tstzmultirange(u.slot * tstzrange(v_coverage.wanted_from, v_now)) - v_coverage.covered) as open,
                   private.seconds_of(tstzmultirange(u.slot) * coalesce(v_coverage.again, '{}')) as again,
                   g.state as gap_state, g.reason
              from unnest(coverage_slots.slots) with ordinality u (slot, ordinality)
              left join lateral (
                select (x.g).state, (x.g).reason from (select unnest(v_gaps) as g) x
                 where (x.g).gap_from < upper(u.slot) and (x.g).gap_to > lower(u.slot)
                 order by (x.g).state = 'held_back', (x.g).gap_to desc limit 1) g on true) s
      left join lateral (
        select k.id, k.kind, k.finished_at, count(*) over ()::int as answers from public.sync_runs k
         where k.org_id = v_source.org_id and k.source_id = v_source.id and k.kind <> 'push' and k.is_complete
           and k.window_to > lower(s.slot) and k.window_to <= upper(s.slot) + interval '7 days' and k.window_from < upper(s.slot)
         order by (k.window_from <= lower(s.slot) and k.window_to >= least(upper(s.slot), v_now)) desc, k.started_at desc limit 1) r on true
      left join lateral (
        select jsonb_object_agg(x.reason, x.calls) as failed
          from (select private.run_reason(k.outcome, k.reason) as reason, count(*) as calls from public.sync_runs k
                 where k.org_id = v_source.org_id and k.source_id = v_source.id and k.kind <> 'push'
                   and k.finished_at is not null and k.is_complete is not true
                   and k.window_to > lower(s.slot) and k.window_to <= upper(s.slot) + interval '7 days' and k.window_from < upper(s.slot)
                 group by 1) x) f on true
     cross join lateral private.arrival_counts(v_source.org_id, v_source.id, s.slot) a (leads));
end;
$$;
comment on function private.coverage_slots is
  'For each stretch of time: [{from, to, state, covered_seconds, open_seconds, reason, run_id, run_kind, answered_at, answers, failed, leads}]. '
  'state: complete, running (up to now), partial, missing, lost, held_back, not_wanted (before history), to_come. '
  'run_id: the newest complete answer for it, one that holds all of it before others; answers: how many touch it; failed: {reason: calls}. Definer: reads coverage.';

create function private.seconds_of(stretches tstzmultirange) returns interval
  language sql immutable security invoker set search_path = ''
as $$
  select coalesce(sum(upper(u) - lower(u)), interval '0') from unnest(seconds_of.stretches) u
$$;
comment on function private.seconds_of is 'How long bounded stretches of time are together.';

create function private.arrival_counts(org_id uuid, source_id uuid, stretch tstzrange) returns jsonb
  language sql stable security definer set search_path = ''
as $$
  select jsonb_build_object(
           'all', count(*), 'pull_only', count(*) filter (where a.way = 'pull'), 'push_only', count(*) filter (where a.way = 'push'),
           'both', count(*) filter (where a.way = 'both'),
           'push_first', count(*) filter (where a.pushed_at <= a.pulled_at), 'pull_first', count(*) filter (where a.pulled_at < a.pushed_at),
           'push_earlier_seconds', extract(epoch from percentile_disc(0.5) within group (order by a.pulled_at - a.pushed_at)
                                     filter (where a.pushed_at <= a.pulled_at))::int,
           'pull_earlier_seconds', extract(epoch from percentile_disc(0.5) within group (order by a.pushed_at - a.pulled_at)
                                     filter (where a.pulled_at < a.pushed_at))::int)
    from private.lead_arrivals a
   where a.org_id = arrival_counts.org_id and a.source_id = arrival_counts.source_id
     and a.received_at >= lower(arrival_counts.stretch) and a.received_at < upper(arrival_counts.stretch)
$$;
comment on function private.arrival_counts is
  'Leads of a stretch of time, by when the buyer enquired: {all, pull_only, push_only, both, push_first, pull_first, push_earlier_seconds, pull_earlier_seconds}; '
  'the seconds are medians, null without such leads. Definer: reads a closed table.';

-- Proof ----------------------------------------------------------------------------------------------------

create function private.stretches(times tstzmultirange) returns jsonb
  language sql immutable security invoker set search_path = ''
as $$
  select coalesce(jsonb_agg(jsonb_build_object('from', lower(u), 'to', upper(u)) order by u), '[]') from unnest(stretches.times) u
$$;
comment on function private.stretches is 'Stretches of time as [{from, to}], oldest first.';

create function private.coverage_proof(source public.lead_sources) returns jsonb
  language sql stable security definer set search_path = ''
as $$
  select jsonb_build_object(
           'agrees', coalesce(c.covered, '{}') = r.answered, 'answers', r.answers, 'covered', private.stretches(c.covered),
           'unproven', private.stretches(c.covered - r.answered), 'unrecorded', private.stretches(r.answered - coalesce(c.covered, '{}')))
    from (select count(*) as answers, coalesce(range_agg(tstzrange(k.window_from, k.window_to)), '{}') as answered
            from public.sync_runs k
           where k.org_id = (coverage_proof.source).org_id and k.source_id = (coverage_proof.source).id and k.is_complete and k.kind <> 'push') r
    left join private.source_coverage c on c.org_id = (coverage_proof.source).org_id and c.source_id = (coverage_proof.source).id
$$;
comment on function private.coverage_proof is
  'Adds up the windows of all complete answers anew and compares: {agrees, answers, covered, unproven: covered without an answer, unrecorded: answered but not covered}, '
  'each a list of {from, to}. Definer: reads coverage.';
