-- 162_telemetry_retention.sql: telemetry goes by whole days and months, after its days were summed up; and whether it is well.

create function private.telemetry_span(class text) returns text
  language sql immutable security invoker set search_path = ''
as $$
  select case telemetry_span.class when 'requests' then 'day' else 'month' end
$$;
comment on function private.telemetry_span is 'How long a time one partition of the tables of a class holds: day, or month.';

create function private.telemetry_tables(class text) returns setof text
  language plpgsql stable security definer set search_path = ''
as $$
begin
  return query
    select c.relname::text from private.retention_tables t join pg_catalog.pg_class c on c.oid = to_regclass(t.table_name) and c.relkind = 'p'
     where t.class = telemetry_tables.class and t.table_name not in ('private.webhook_events', 'private.event_effects') order by 1;
end;
$$;
comment on function private.telemetry_tables is 'The tables of a class that are cut by occurred_at. Definer: reads a closed table.';

create function private.roll_telemetry(class text) returns text[]
  language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_days int := (select extract(day from c.keeps)::int from private.retention_classes c where c.class = roll_telemetry.class);
  v_log  text[] := '{}';
  v_name text;
begin
  for v_name in select private.telemetry_tables(roll_telemetry.class) loop
    v_log := v_log || private.roll_partitions(v_name, v_days, 7, 'occurred_at', private.telemetry_span(roll_telemetry.class));
  end loop;
  return v_log;
end;
$$;
comment on function private.roll_telemetry is 'private.roll_partitions for the tables of a class. Harmless to repeat.';

create function private.roll_up_day(day date) returns void
  language sql volatile security definer set search_path = '' set timezone = 'UTC'
as $$
  insert into private.telemetry_daily (day, kind, name, outcome, count, total_ms, p50_ms, p75_ms, p95_ms, p99_ms, max_ms)
  select roll_up_day.day, x.kind, x.name, x.outcome, count(*), sum(x.ms), percentile_disc(0.5) within group (order by x.ms), percentile_disc(0.75) within group (order by x.ms),
         percentile_disc(0.95) within group (order by x.ms), percentile_disc(0.99) within group (order by x.ms), max(x.ms)
    from (select 'request' as kind, r.method || ' ' || coalesce(r.route, '(none)') as name, (r.status / 100) || 'xx' as outcome, r.duration_ms as ms from private.request_log r
           where r.occurred_at >= roll_up_day.day::timestamptz and r.occurred_at < (roll_up_day.day + 1)::timestamptz
          union all
          select 'call', c.provider || ' ' || c.operation, coalesce((c.status / 100) || 'xx', 'none'), c.duration_ms from private.api_calls c
           where c.occurred_at >= roll_up_day.day::timestamptz and c.occurred_at < (roll_up_day.day + 1)::timestamptz
          union all
          select 'job', j.job, j.outcome, j.duration_ms from private.job_runs j
           where j.occurred_at >= roll_up_day.day::timestamptz and j.occurred_at < (roll_up_day.day + 1)::timestamptz
          union all
          select 'error', e.side || ' ' || e.type, '', null from private.error_events e
           where e.occurred_at >= roll_up_day.day::timestamptz and e.occurred_at < (roll_up_day.day + 1)::timestamptz) x
   group by x.kind, x.name, x.outcome
  on conflict (day, kind, name, outcome) do nothing
$$;
comment on function private.roll_up_day is 'Sums up one day (UTC) into telemetry_daily; once.';

create function private.roll_up_telemetry() returns int
  language plpgsql volatile security definer set search_path = '' set timezone = 'UTC'
as $$
declare
  -- Ten minutes after midnight the last rows of a day have been written. What has gone already cannot be summed up.
  v_until date := (now() - interval '10 minutes')::date - 1;
  v_from  date := greatest((select max(d.day) + 1 from private.telemetry_daily d where d.kind <> 'page'), v_until - 29);
  v_days  int := 0;
begin
  for v_day in 0 .. v_until - v_from loop
    perform private.roll_up_day(v_from + v_day);
    perform private.roll_up_pages(v_from + v_day);
    v_days := v_days + 1;
  end loop;
  return v_days;
end;
$$;
comment on function private.roll_up_telemetry is 'Sums up every day that is over and was not summed up. Returns how many it looked at. Harmless to repeat.';

create function private.expire_telemetry(class text, batch int) returns jsonb
  language plpgsql volatile security definer set search_path = '' set timezone = 'UTC'
as $$
declare
  v_keeps  interval := (select c.keeps from private.retention_classes c where c.class = expire_telemetry.class);
  v_rows   bigint;
  v_more   bigint;
  v_step   jsonb;
  v_name   text;
begin
  perform private.roll_up_telemetry();
  select count(*) filter (where x like '-%') into v_rows from unnest(private.roll_telemetry(expire_telemetry.class)) x;
  for v_name in select private.telemetry_tables(expire_telemetry.class) loop
    execute format('delete from private.%1$I t where t.ctid = any (array(select d.ctid from private.%1$I d where d.occurred_at < $1 limit $2))', v_name || '_default')
      using now() - v_keeps, batch;
    get diagnostics v_more = row_count;
    v_rows := v_rows + v_more;
  end loop;
  v_step := private.expire_rows((select c from private.retention_classes c where c.class = expire_telemetry.class), batch);
  return v_step || jsonb_build_object('rows', v_rows + (v_step ->> 'rows')::bigint);
end;
$$;
comment on function private.expire_telemetry is
  'One batch of a class of telemetry: sums up the days that are over, makes the partitions that come, drops those that are over, and deletes what lay outside of any and what is not cut by time. Rows: partitions and rows.';

create function private.expired_telemetry(org_id uuid, class text) returns bigint
  language plpgsql stable security definer set search_path = '' set timezone = 'UTC'
as $$
declare
  v_before timestamptz := date_trunc(private.telemetry_span(expired_telemetry.class), now() - (select c.keeps from private.retention_classes c where c.class = expired_telemetry.class));
  v_name   text;
  v_many   bigint;
  v_rows   bigint := 0;
begin
  for v_name in select t.name from private.telemetry_tables(expired_telemetry.class) t (name)
                 where exists (select from pg_catalog.pg_attribute a where a.attrelid = to_regclass('private.' || t.name) and a.attname = 'org_id') loop
    execute format('select count(*) from private.%I t where t.org_id = $1 and t.occurred_at < $2', v_name) into v_many using expired_telemetry.org_id, v_before;
    v_rows := v_rows + v_many;
  end loop;
  return v_rows;
end;
$$;
comment on function private.expired_telemetry is 'How many rows of an organization the next run of a class of telemetry drops.';

create function private.missing_partitions(at timestamptz default now() + interval '1 day') returns text[]
  language plpgsql stable security definer set search_path = '' set timezone = 'UTC'
as $$
begin
  return (
    select coalesce(array_agg(x.name order by x.name), '{}') from (
      select t.name || '_' || to_char(missing_partitions.at, case private.telemetry_span(c.class) when 'day' then 'YYYYMMDD' else 'YYYYMM' end) as name
        from private.retention_classes c, private.telemetry_tables(c.class) t (name) where c.how = 'partitions'
      union all
      select t.name || '_' || to_char(missing_partitions.at, 'YYYYMMDD') from unnest(array['webhook_events', 'event_effects']) t (name)) x
     where to_regclass('private.' || x.name) is null);
end;
$$;
comment on function private.missing_partitions is 'Partitions of stored webhooks and telemetry that a row of this instant (tomorrow) would miss; it would go to the default one, and no retention drops that whole.';

create function private.queue_ages() returns jsonb
  language plpgsql stable security definer set search_path = ''
as $$
begin
  return (
    select jsonb_build_object(
      'messages', (select round(extract(epoch from greatest(now() - min(l.next_at), interval '0')), 1) from private.send_lanes l where l.next_at <= now()),
      'signals', (select round(extract(epoch from greatest(now() - min(s.next_at), interval '0')), 1) from private.signals s where s.next_at <= now()),
      'media', (select round(extract(epoch from greatest(now() - min(m.next_at), interval '0')), 1) from public.media m where m.status = 'pending' and m.next_at <= now())));
end;
$$;
comment on function private.queue_ages is 'How long the oldest work that is due has been waiting, in seconds, by queue: {messages, signals, media}; 0: none is.';

create function worker.telemetry_health() returns jsonb
  language sql stable security definer set search_path = ''
as $$
  select jsonb_build_object(
    'dropped', (select coalesce(sum(l.dropped), 0) from private.telemetry_losses l where l.hour > now() - interval '25 hours'),
    'refused', (select coalesce(sum(l.refused), 0) from private.telemetry_losses l where l.hour > now() - interval '25 hours'),
    'missing_partitions', to_jsonb(private.missing_partitions()), 'queues', private.queue_ages())
$$;
comment on function worker.telemetry_health is 'Whether telemetry is whole: {dropped, refused: rows of the last day, missing_partitions: [tomorrow''s], queues: as private.queue_ages}.';
grant execute on function worker.telemetry_health to service_role;
