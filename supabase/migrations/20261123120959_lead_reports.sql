-- 959_lead_reports.sql: what became of leads: by source, by person, by reason; and how they pass the stages of a pipeline.

create function private.paise(amount numeric) returns bigint
  language sql immutable set search_path = ''
as $$ select round(paise.amount * 100)::bigint $$;
comment on function private.paise is 'An amount in hundredths of its currency, rounded to whole ones; null of null.';

create function private.lead_report(org_id uuid, from_day date, to_day date, dimension text, currency text) returns jsonb
  language plpgsql stable security definer set search_path = '' set jit = off
as $$
#variable_conflict use_column
declare
  v_org    uuid := lead_report.org_id;
  v_money  text := upper(coalesce(lead_report.currency, 'INR'));
  v_from   timestamptz;
  v_to     timestamptz;
  v_result jsonb;
begin
  perform private.require_role(v_org, 'agent');
  if dimension is null or dimension not in ('source', 'person', 'lost_reason', 'won_reason') then
    raise sqlstate 'PT422' using message = 'By source, person, lost_reason or won_reason.', detail = 'dimension_unknown', hint = 'One of the four.';
  end if;
  select p.from_at, p.to_at into v_from, v_to from private.report_period(v_org, from_day, to_day) p;
  with cohort as materialized (
    select case dimension when 'source' then l.source_id when 'person' then l.owner_id else l.closed_reason end as key, k.replied_at is not null as is_contacted,
           l.won_at is not null as is_won, l.lost_at is not null as is_lost, l.currency as money, l.value as worth
      from public.leads l left join public.lead_clocks k on k.org_id = l.org_id and k.lead_id = l.id
     where l.org_id = v_org and l.received_at >= v_from and l.received_at < v_to
       and case dimension when 'lost_reason' then l.lost_at is not null when 'won_reason' then l.won_at is not null else true end
  ), sums as (
    select c.key, grouping(c.key) = 1 as is_total, count(*) as leads, count(*) filter (where c.is_contacted) as contacted,
           count(*) filter (where c.is_won) as won, count(*) filter (where c.is_lost) as lost,
           sum(c.worth) filter (where c.is_won and c.money = v_money) as won_value, sum(c.worth) filter (where c.is_lost and c.money = v_money) as lost_value,
           sum(c.worth) filter (where not c.is_won and not c.is_lost and c.money = v_money) as open_value
      from cohort c group by grouping sets ((c.key), ())
  ), shown as (
    select s.is_total, s.leads, s.key, jsonb_build_object('key', s.key, 'name', case when s.is_total then null
             when dimension = 'source' then (select x.name from public.lead_sources x where x.org_id = v_org and x.id = s.key)
             when dimension = 'person' then (select coalesce(p.name, p.email) from public.profiles p where p.id = s.key)
             else (select r.name from public.close_reasons r where r.org_id = v_org and r.id = s.key) end,
             'leads', s.leads, 'contacted', s.contacted, 'won', s.won, 'lost', s.lost, 'open', s.leads - s.won - s.lost,
             'won_value_paise', coalesce(private.paise(s.won_value), 0), 'lost_value_paise', coalesce(private.paise(s.lost_value), 0),
             'open_value_paise', coalesce(private.paise(s.open_value), 0)) as row
      from sums s)
  select jsonb_build_object('from_day', from_day, 'to_day', to_day, 'dimension', dimension, 'currency', v_money,
    'other_currencies', (select coalesce(jsonb_agg(distinct c.money), '[]') from cohort c where c.money <> v_money),
    'total', (select x.row - 'key' - 'name' from shown x where x.is_total),
    'rows', (select coalesce(jsonb_agg(x.row order by x.leads desc, x.key), '[]') from shown x where not x.is_total)) into v_result;
  return v_result;
end;
$$;
comment on function private.lead_report is 'Body of public.lead_report. Definer, as private.speed_to_lead.';
create function public.lead_report(org_id uuid, from_day date, to_day date, dimension text default 'source', currency text default 'INR') returns jsonb
  language sql stable set search_path = ''
begin atomic
  select private.lead_report(org_id, from_day, to_day, dimension, currency);
end;
comment on function public.lead_report is
  'What has become, until now, of the leads received in these days (both included): by source, by person (who has them), or those lost or won by reason. {from_day, to_day, '
  'dimension, currency, other_currencies (left out of values), total, rows: [{key (null: none), name, leads, contacted (a person wrote), won, lost, open, won_value_paise, '
  'lost_value_paise, open_value_paise: hundredths of the currency}]}, most leads first. Raises PT404, PT422 dimension_unknown, period_invalid.';

-- The funnel -----------------------------------------------------------------------------------------------------------

-- Only what changes the stage, so that a funnel reads these and not all that ever happened.
create index lead_activities_moves on public.lead_activities (org_id, lead_id, id) where kind in ('moved', 'won', 'lost', 'reopened', 'undone') and details ? 'to';

create function private.stage_funnel(org_id uuid, from_day date, to_day date, pipeline_id uuid) returns jsonb
  language plpgsql stable security definer set search_path = '' set jit = off
as $$
#variable_conflict use_column
declare
  v_org      uuid := stage_funnel.org_id;
  v_pipeline uuid := stage_funnel.pipeline_id;
  v_from     timestamptz;
  v_to       timestamptz;
  v_stages   jsonb;
begin
  perform private.require_role(v_org, 'agent');
  if v_pipeline is null then
    select p.id into v_pipeline from public.pipelines p where p.org_id = v_org order by p.position, p.id limit 1;
  end if;
  perform private.require_pipeline(v_org, v_pipeline);
  select p.from_at, p.to_at into v_from, v_to from private.report_period(v_org, from_day, to_day) p;
  with cohort as materialized (
    select l.id, l.stage_id, l.received_at, l.created_at from public.leads l where l.org_id = v_org and l.received_at >= v_from and l.received_at < v_to
  ), moves as materialized (
    select a.lead_id, a.id, a.at, a.details ->> 'from' as left_stage, a.details ->> 'to' as came_to from public.lead_activities a
     where a.org_id = v_org and a.kind in ('moved', 'won', 'lost', 'reopened', 'undone') and a.details ? 'to'
       and a.details ->> 'from' is distinct from a.details ->> 'to'
       and a.lead_id in (select c.id from cohort c)
  ), entries as (
    -- Where it started: what the first move left, or where it still is.
    select c.id as lead_id, 0::bigint as n, c.created_at as at,
           c.stage_id::text as stage from cohort c where not exists (select from moves m where m.lead_id = c.id)
    union all
    select f.lead_id, 0, c.created_at, f.left_stage from (select distinct on (m.lead_id) m.lead_id, m.left_stage from moves m order by m.lead_id, m.id) f
      join cohort c on c.id = f.lead_id
    union all
    select m.lead_id, m.id, m.at, m.came_to from moves m
  ), visits as materialized (
    select e.lead_id, e.stage, e.at, lead(e.at) over (partition by e.lead_id order by e.n) as left_at from entries e
  ), places as (
    select s.id::text as stage, s.name, s.kind, s.position, row_number() over (order by s.position, s.id) as place
      from public.pipeline_stages s where s.org_id = v_org and s.pipeline_id = v_pipeline
  ), reached as materialized (
    select v.lead_id, p.place, p.kind, max(p.place) filter (where p.kind <> 'lost') over (partition by v.lead_id) as furthest from visits v join places p on p.stage = v.stage
  ), entered as (
    select r.place, count(distinct r.lead_id) as many, count(distinct r.lead_id) filter (where r.furthest > r.place) as went_on from reached r group by 1
  ), stays as (
    select v.stage, percentile_disc(0.5) within group (order by floor(extract(epoch from v.left_at - v.at))::bigint) as median
      from visits v where v.left_at is not null group by 1
  ), present as (
    select c.stage_id::text as stage, count(*) as many from cohort c group by 1)
  select jsonb_agg(jsonb_build_object('stage_id', p.stage, 'name', p.name, 'kind', p.kind, 'entered', coalesce(e.many, 0), 'now_in', coalesce(n.many, 0),
           'median_seconds', s.median, 'went_on', case when p.kind = 'open' then coalesce(e.went_on, 0) end,
           'conversion_percent', case when p.kind = 'open' and e.many > 0 then round(e.went_on * 100.0 / e.many, 1)::text end) order by p.place) into v_stages
    from places p left join entered e on e.place = p.place left join stays s on s.stage = p.stage left join present n on n.stage = p.stage;
  return jsonb_build_object('from_day', from_day, 'to_day', to_day, 'pipeline_id', v_pipeline, 'stages', v_stages);
end;
$$;
comment on function private.stage_funnel is 'Body of public.stage_funnel. Definer, as private.speed_to_lead.';
create function public.stage_funnel(org_id uuid, from_day date, to_day date, pipeline_id uuid default null) returns jsonb
  language sql stable set search_path = ''
begin atomic
  select private.stage_funnel(org_id, from_day, to_day, pipeline_id);
end;
comment on function public.stage_funnel is
  'How the leads received in these days passed the stages of a pipeline, the first unless named, from their history: {from_day, to_day, pipeline_id, stages in order: '
  '[{stage_id, name, kind, entered (leads that were ever there), now_in, median_seconds of stays that ended, went_on (of open stages: those that came further, lost not '
  'counted), conversion_percent (text, one decimal)}]}. Raises PT404, PT422 period_invalid.';
grant execute on function private.lead_report, public.lead_report, private.stage_funnel, public.stage_funnel to authenticated;
