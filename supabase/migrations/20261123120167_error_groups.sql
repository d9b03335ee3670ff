-- 167_error_groups.sql: the errors that happen, for Flow's own people: which, how often, where, and what was done about them.

create function private.operations_errors(state text, side text, before_at timestamptz, before_key text, page_size int) returns jsonb
  language plpgsql stable security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_most int := least(greatest(coalesce(operations_errors.page_size, 50), 1), 100);
begin
  perform private.require_staff();
  if operations_errors.state is null or operations_errors.state not in ('open', 'resolved', 'ignored') then
    raise sqlstate 'PT422' using message = 'An error is open, resolved or ignored.', detail = 'state_unknown', hint = 'Give one of the three.';
  end if;
  return (
    with page as (
      select g.* from private.error_groups g
       where g.state = operations_errors.state and g.side = coalesce(operations_errors.side, g.side)
         and (g.last_seen, g.fingerprint) < (coalesce(operations_errors.before_at, 'infinity'), coalesce(operations_errors.before_key, '~'))
       order by g.last_seen desc, g.fingerprint desc limit v_most)
    select jsonb_build_object(
      'counts', (select jsonb_object_agg(s, (select count(*) from (select from private.error_groups g where g.state = s limit 1000) x)) from unnest(array['open', 'resolved', 'ignored']) s),
      'items', coalesce(jsonb_agg(to_jsonb(p) - 'settled_by' order by p.last_seen desc, p.fingerprint desc), '[]'),
      'next', case when count(*) = v_most then (array_agg(jsonb_build_object('before_at', p.last_seen, 'before_key', p.fingerprint) order by p.last_seen, p.fingerprint))[1] end)
      from page p);
end;
$$;
comment on function private.operations_errors is 'Body of public.operations_errors. Definer: telemetry is closed to all.';

create function public.operations_errors(state text default 'open', side text default null, before_at timestamptz default null, before_key text default null, page_size int default 50) returns jsonb
  language sql stable set search_path = ''
begin atomic
  select private.operations_errors(operations_errors.state, operations_errors.side, operations_errors.before_at, operations_errors.before_key, operations_errors.page_size);
end;
comment on function public.operations_errors is
  'Groups of errors in a state (open, resolved, ignored), of a side (server, browser; null: both), the one that happened last first, at most 100: {counts: {open, resolved, ignored}, each counted to 1,000; items: [{fingerprint, side, type, message, first_seen, '
  'last_seen, count, state, settled_at, reopened_at: when it came back}], next: {before_at, before_key} or null}. Flow''s own people. Raises PT404, PT422 state_unknown.';

create function private.operations_error(fingerprint text) returns jsonb
  language plpgsql stable security definer set search_path = '' set timezone = 'UTC'
as $$
#variable_conflict use_column
declare
  v_group private.error_groups;
begin
  perform private.require_staff();
  select g.* into v_group from private.error_groups g where g.fingerprint = operations_error.fingerprint;
  if not found then
    raise sqlstate 'PT404' using message = 'There is no such error.', detail = 'error_unknown', hint = 'Errors are kept for 90 days.';
  end if;
  return (
    with latest as materialized (
      select e.* from private.error_events e where e.fingerprint = v_group.fingerprint order by e.occurred_at desc limit 1000)
    select to_jsonb(v_group) - 'settled_by' || jsonb_build_object(
      'looked_at', (select count(*) from latest), 'organizations', (select count(distinct l.org_id) from latest l), 'people', (select count(distinct l.user_id) from latest l),
      'releases', (select coalesce(jsonb_agg(jsonb_build_object('release', r.release, 'count', r.count) order by r.last desc), '[]')
                     from (select l.release, count(*) as count, max(l.occurred_at) as last from latest l group by l.release order by 3 desc limit 10) r),
      'routes', (select coalesce(jsonb_agg(jsonb_build_object('route', r.route, 'count', r.count) order by r.count desc), '[]')
                   from (select l.route, count(*) as count from latest l group by l.route order by 2 desc limit 10) r),
      'events', (select coalesce(jsonb_agg(jsonb_build_object('at', l.occurred_at, 'message', l.message, 'route', l.route, 'source', l.source, 'release', l.release, 'trace_id', l.trace_id,
                                                              'request_id', l.request_id, 'frames', l.frames) order by l.occurred_at desc), '[]')
                   from (select x.* from latest x order by x.occurred_at desc limit 20) l)));
end;
$$;
comment on function private.operations_error is 'Body of public.operations_error. Definer: telemetry is closed to all.';

create function public.operations_error(fingerprint text) returns jsonb
  language sql stable set search_path = ''
begin atomic
  select private.operations_error(operations_error.fingerprint);
end;
comment on function public.operations_error is
  'One group of errors, as public.operations_errors tells it, with what its latest thousand events say: {…, looked_at, organizations, people: how many, releases: [{release, count}], routes: [{route, count}], events: the last 20, '
  '[{at, message, route, source, release, trace_id, request_id, frames: [{file, line, function, in_app}]}]}. Flow''s own people. Raises PT404.';

create function private.settle_error(fingerprint text, state text) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_who   uuid := private.require_staff();
  v_group private.error_groups;
begin
  if settle_error.state is null or settle_error.state not in ('open', 'resolved', 'ignored') then
    raise sqlstate 'PT422' using message = 'An error is open, resolved or ignored.', detail = 'state_unknown', hint = 'Give one of the three.';
  end if;
  update private.error_groups g set state = settle_error.state, settled_at = now(), settled_by = v_who, reopened_at = case when settle_error.state = 'open' then g.reopened_at end
   where g.fingerprint = settle_error.fingerprint returning g.* into v_group;
  if not found then
    raise sqlstate 'PT404' using message = 'There is no such error.', detail = 'error_unknown', hint = 'Errors are kept for 90 days.';
  end if;
  return jsonb_build_object('fingerprint', v_group.fingerprint, 'state', v_group.state);
end;
$$;
comment on function private.settle_error is 'Body of public.settle_error. Definer: telemetry is closed to all.';

create function public.settle_error(fingerprint text, state text) returns jsonb
  language sql volatile set search_path = ''
begin atomic
  select private.settle_error(settle_error.fingerprint, settle_error.state);
end;
comment on function public.settle_error is
  'Says of a group of errors that it is resolved (it opens again when it comes back), ignored (it does not) or open: {fingerprint, state}. Flow''s own people. Raises PT404, PT422 state_unknown.';
grant execute on function private.operations_errors, public.operations_errors, private.operations_error, public.operations_error, private.settle_error, public.settle_error to authenticated;
