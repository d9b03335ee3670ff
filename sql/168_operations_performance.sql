-- 168_operations_performance.sql: how fast Flow is, for its own people: requests, pages, calls to others, jobs.

create function private.recent_performance(since timestamptz) returns table (kind text, name text, count bigint, failed bigint, p50 numeric, p75 numeric, p95 numeric, p99 numeric, max numeric)
  language sql stable security definer set search_path = '' set work_mem = '64MB'
as $$
  -- Each table is summed up by its own columns, all percentiles of one from one sort: a million rows in a second.
  select 'request', x.method || ' ' || coalesce(x.route, '(none)'), x.count, x.failed, x.p[1], x.p[2], x.p[3], x.p[4], x.max
    from (select r.method, r.route, count(*) as count, count(*) filter (where r.status >= 500) as failed, percentile_disc(array[0.5, 0.75, 0.95, 0.99]) within group (order by r.duration_ms) as p, max(r.duration_ms) as max
            from private.request_log r where r.occurred_at >= since group by r.method, r.route) x
  union all
  select 'call', x.provider || ' ' || x.operation, x.count, x.failed, x.p[1], x.p[2], x.p[3], x.p[4], x.max
    from (select c.provider, c.operation, count(*) as count, count(*) filter (where c.status is null or c.status >= 400) as failed, percentile_disc(array[0.5, 0.75, 0.95, 0.99]) within group (order by c.duration_ms) as p, max(c.duration_ms) as max
            from private.api_calls c where c.occurred_at >= since group by c.provider, c.operation) x
  union all
  select 'job', x.job, x.count, x.failed, x.p[1], x.p[2], x.p[3], x.p[4], x.max
    from (select j.job, count(*) as count, count(*) filter (where j.outcome = 'failed') as failed, percentile_disc(array[0.5, 0.75, 0.95, 0.99]) within group (order by j.duration_ms) as p, max(j.duration_ms) as max
            from private.job_runs j where j.occurred_at >= since group by j.job) x
  union all
  select 'page ' || m.name, x.route, m.count, 0, m.p[1], m.p[2], m.p[3], m.p[4], m.max
    from (select v.route, count(*) as count, percentile_disc(array[0.5, 0.75, 0.95, 0.99]) within group (order by v.visible_ms) as seen, max(v.visible_ms) as seen_max,
                 count(v.load_ms) as load_count, percentile_disc(array[0.5, 0.75, 0.95, 0.99]) within group (order by v.load_ms) as load, max(v.load_ms) as load_max, count(v.ttfb_ms) as ttfb_count, percentile_disc(array[0.5, 0.75, 0.95, 0.99]) within group (order by v.ttfb_ms) as ttfb, max(v.ttfb_ms) as ttfb_max,
                 count(v.lcp_ms) as lcp_count, percentile_disc(array[0.5, 0.75, 0.95, 0.99]) within group (order by v.lcp_ms) as lcp, max(v.lcp_ms) as lcp_max, count(v.inp_ms) as inp_count, percentile_disc(array[0.5, 0.75, 0.95, 0.99]) within group (order by v.inp_ms) as inp, max(v.inp_ms) as inp_max,
                 count(v.cls) as cls_count, percentile_disc(array[0.5, 0.75, 0.95, 0.99]) within group (order by v.cls * 1000) as cls, max(v.cls * 1000) as cls_max
            from private.page_views v where v.occurred_at >= since and v.navigation <> 'return' group by v.route) x
    cross join lateral (values ('opened', x.count, x.seen, x.seen_max::numeric), ('load', x.load_count, x.load, x.load_max), ('ttfb', x.ttfb_count, x.ttfb, x.ttfb_max), ('lcp', x.lcp_count, x.lcp, x.lcp_max),
                               ('inp', x.inp_count, x.inp, x.inp_max), ('cls', x.cls_count, x.cls, x.cls_max)) m (name, count, p, max)
   where m.count > 0
$$;
comment on function private.recent_performance is 'Figures of the rows since an instant, by kind and name.';

create function private.daily_performance(since date) returns table (kind text, name text, count bigint, failed bigint, p50 numeric, p75 numeric, p95 numeric, p99 numeric, max numeric)
  language sql stable security definer set search_path = ''
as $$
  select x.kind, x.name, sum(x.count)::bigint, coalesce(sum(x.count) filter (where x.is_failed), 0)::bigint, sum(x.p50_ms * x.count) / sum(x.count), sum(x.p75_ms * x.count) / sum(x.count),
         sum(x.p95_ms * x.count) / sum(x.count), sum(x.p99_ms * x.count) / sum(x.count), max(x.max_ms)
    from (select case d.kind when 'page' then 'page ' || d.outcome else d.kind end as kind, d.name, d.count, d.p50_ms, d.p75_ms, d.p95_ms, d.p99_ms, d.max_ms,
                 case d.kind when 'request' then d.outcome = '5xx' when 'call' then d.outcome in ('4xx', '5xx', 'none') when 'job' then d.outcome = 'failed' else false end as is_failed
            from private.telemetry_daily d where d.day >= since and d.kind in ('request', 'call', 'job', 'page') and d.count > 0) x
   group by x.kind, x.name
$$;
comment on function private.daily_performance is 'Figures of the days since one, by kind and name: a percentile is the mean of the days'' own, each by how often it was measured.';

create function private.operations_performance(span text) returns jsonb
  language plpgsql stable security definer set search_path = '' set timezone = 'UTC'
as $$
#variable_conflict use_column
declare
  v_days  int := case operations_performance.span when 'week' then 7 when 'month' then 30 when 'quarter' then 90 end;
  v_since timestamptz := case operations_performance.span when 'hour' then now() - interval '1 hour' when 'day' then now() - interval '1 day' else (current_date - v_days)::timestamptz end;
begin
  perform private.require_staff();
  if v_since is null then
    raise sqlstate 'PT422' using message = 'There is no such span.', detail = 'span_unknown', hint = 'Give hour, day, week, month or quarter.';
  end if;
  return (
    with f as materialized (
      select * from private.recent_performance(v_since) where v_days is null
      union all
      select * from private.daily_performance(v_since::date) where v_days is not null),
    most as (
      select x.* from (select f.*, row_number() over (partition by f.kind order by f.count desc, f.name) as place from f) x where x.place <= 100),
    said as (
      select m.kind, m.count, m.name, jsonb_build_object('name', m.name, 'count', m.count, 'failed', m.failed, 'p50', round(m.p50, 1), 'p95', round(m.p95, 1), 'p99', round(m.p99, 1), 'max', round(m.max, 1)) as line
        from most m where m.kind in ('request', 'call', 'job')),
    pages as (
      select m.name, max(m.count) filter (where m.kind = 'page opened') as opened,
             jsonb_object_agg(substr(m.kind, 6), case m.kind when 'page cls' then round(m.p75 / 1000, 3) when 'page opened' then round(m.p50) else round(m.p75) end) as figures
        from most m where m.kind like 'page %' group by m.name)
    select jsonb_build_object('span', operations_performance.span, 'since', v_since, 'until', case when v_days is null then now() else current_date::timestamptz end, 'is_daily', v_days is not null,
      'requests', coalesce((select jsonb_agg(s.line order by s.count desc, s.name) from said s where s.kind = 'request'), '[]'),
      'calls', coalesce((select jsonb_agg(s.line order by s.count desc, s.name) from said s where s.kind = 'call'), '[]'),
      'jobs', coalesce((select jsonb_agg(s.line order by s.count desc, s.name) from said s where s.kind = 'job'), '[]'),
      'pages', coalesce((select jsonb_agg((p.figures - 'opened') || jsonb_build_object('name', p.name, 'count', coalesce(p.opened, 0), 'seen', p.figures -> 'opened') order by p.opened desc nulls last, p.name) from pages p), '[]')));
end;
$$;
comment on function private.operations_performance is 'Body of public.operations_performance. Definer: telemetry is closed to all.';

create function public.operations_performance(span text default 'hour') returns jsonb
  language sql stable set search_path = ''
begin atomic
  select private.operations_performance(operations_performance.span);
end;
comment on function public.operations_performance is
  'How fast Flow was. span: hour, day (from the rows themselves), week, month, quarter (whole days until last midnight, UTC, from their daily figures; a percentile is the mean of the days'' own). Returns {span, since, until, is_daily, requests, calls, jobs: '
  '[{name, count, failed, p50, p95, p99, max: milliseconds}], pages: [{name, count: times opened, seen: median milliseconds to be seen, load, ttfb, lcp, inp (milliseconds), cls: each at the 75th percentile}]}, the hundred most frequent of each. '
  'Failed: 5xx of a request, anything but 2xx and 3xx of a call. Flow''s own people. Raises PT404, PT422 span_unknown.';
grant execute on function private.operations_performance, public.operations_performance to authenticated;
