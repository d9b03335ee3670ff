-- 169_recorded.sql: what Flow notes of its running, for those whom it concerns: the calls made for an organization, and the list of all that is noted.

create index api_calls_failed on private.api_calls (org_id, occurred_at, id) where org_id is not null and (status is null or status >= 400);

create function private.api_call_log(org_id uuid, show text, before_at timestamptz, before_id bigint, page_size int) returns jsonb
  language plpgsql stable security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_at   timestamptz := coalesce(api_call_log.before_at, 'infinity');
  v_id   bigint := coalesce(api_call_log.before_id, 9223372036854775807);
  v_most int := least(greatest(coalesce(api_call_log.page_size, 50), 1), 200);
begin
  perform private.require_role(api_call_log.org_id, 'admin');
  if api_call_log.show is null or api_call_log.show not in ('failures', 'all') then
    raise sqlstate 'PT422' using message = 'Show failures or all.', detail = 'show_unknown', hint = 'Give one of the two.';
  end if;
  return (
    with page as (
      (select c.* from private.api_calls c
        where api_call_log.show = 'all' and c.org_id = api_call_log.org_id and (c.occurred_at, c.id) < (v_at, v_id)
        order by c.occurred_at desc, c.id desc limit v_most)
      union all
      (select c.* from private.api_calls c
        where api_call_log.show = 'failures' and c.org_id = api_call_log.org_id and (c.status is null or c.status >= 400) and (c.occurred_at, c.id) < (v_at, v_id)
        order by c.occurred_at desc, c.id desc limit v_most))
    select jsonb_build_object(
      'items', coalesce(jsonb_agg(jsonb_build_object(
        'at', p.occurred_at, 'id', p.id, 'direction', p.direction, 'provider', p.provider, 'operation', p.operation, 'endpoint', p.endpoint, 'type', p.type, 'status', p.status, 'code', p.provider_code,
        'subcode', p.provider_subcode, 'duration_ms', p.duration_ms, 'attempt', p.attempt, 'provider_request_id', p.provider_request_id, 'lag_ms', p.lag_ms) order by p.occurred_at desc, p.id desc), '[]'),
      'next', case when count(*) = v_most then (array_agg(jsonb_build_object('before_at', p.occurred_at, 'before_id', p.id) order by p.occurred_at, p.id))[1] end)
      from page p);
end;
$$;
comment on function private.api_call_log is 'Body of public.api_call_log. Definer: telemetry is closed to all.';

create function public.api_call_log(org_id uuid, show text default 'all', before_at timestamptz default null, before_id bigint default null, page_size int default 50) returns jsonb
  language sql stable set search_path = ''
begin atomic
  select private.api_call_log(api_call_log.org_id, api_call_log.show, api_call_log.before_at, api_call_log.before_id, api_call_log.page_size);
end;
comment on function public.api_call_log is
  'The calls that Flow made to other services for an organization (90 days), newest first, at most 200. show: failures or all. Returns {items: [{at, id, direction: out, or in for a webhook, provider, operation, endpoint, type, status: null where no answer came, '
  'code, subcode: the provider''s, duration_ms, attempt, provider_request_id: to quote to their support, lag_ms}], next: {before_at, before_id} or null}. Admins. Raises PT403, PT404, PT422 show_unknown.';
grant execute on function private.api_call_log, public.api_call_log to authenticated;

create function private.what_is_recorded() returns jsonb
  language plpgsql stable security definer set search_path = ''
as $$
begin
  return (
    select jsonb_agg(jsonb_build_object('table', c.relname, 'what', obj_description(c.oid, 'pg_class'), 'keeps', 
             jsonb_build_object('months', extract(year from k.keeps)::int * 12 + extract(month from k.keeps)::int, 'days', extract(day from k.keeps)::int, 'hours', extract(hour from k.keeps)::int), 'is_of_somebody', f.is_of_somebody, 'fields', f.fields) order by k.place, k.keeps, c.relname)
      from private.retention_tables t
      join private.retention_classes k on k.class = t.class
      join pg_catalog.pg_class c on c.oid = to_regclass(t.table_name)
      cross join lateral (
        select jsonb_agg(jsonb_build_object('name', a.attname, 'what', col_description(c.oid, a.attnum)) order by a.attnum) filter (where a.attname <> 'id') as fields, bool_or(a.attname in ('org_id', 'user_id')) as is_of_somebody
          from pg_catalog.pg_attribute a where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped) f
     -- An alarm is worked out from these, and notes nothing of its own.
     where k.class in ('requests', 'diagnostics', 'figures') and t.table_name <> 'private.alarms' or t.table_name in ('private.paces', 'public.audit_log'));
end;
$$;
comment on function private.what_is_recorded is 'Body of public.what_is_recorded. Definer: reads closed tables; the same for everybody.';

create function public.what_is_recorded() returns jsonb
  language sql stable set search_path = ''
begin atomic
  select private.what_is_recorded();
end;
comment on function public.what_is_recorded is
  'All that Flow notes of its own running and of who did what, from the catalogue itself: [{table, what, keeps: {months, days, hours}, is_of_somebody: whether it can name an organization or a person, fields: [{name, what}]}]. Whoever has signed in.';
grant execute on function private.what_is_recorded, public.what_is_recorded to authenticated;
