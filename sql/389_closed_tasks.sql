-- 389_closed_tasks.sql: tasks that are done or cancelled, the last first; and one task by itself.

create index tasks_closed on public.tasks (org_id, status, closed_at desc, id desc) where closed_at is not null;
create index tasks_assignee_closed on public.tasks (org_id, assignee_id, status, closed_at desc, id desc) where closed_at is not null;

create function private.closed_tasks(org_id uuid, filter jsonb, before_at timestamptz, before_id uuid, page_size int) returns jsonb
  language plpgsql stable security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_limit  int := least(greatest(coalesce(page_size, 50), 1), 200);
  v_filter jsonb := jsonb_build_object('status', 'done') || jsonb_strip_nulls(coalesce(filter, '{}'));
  v_tasks  jsonb;
begin
  perform private.require_role(closed_tasks.org_id, 'agent');
  if v_filter ->> 'status' not in ('done', 'cancelled') then
    perform private.refuse_field('filter.status', 'is not done or cancelled', 'field_invalid');
  end if;
  execute format('select jsonb_agg(private.task_card(x) order by x.closed_at desc, x.id desc) from (select t.* from public.tasks t where %s and t.closed_at is not null%s
                  order by t.closed_at desc, t.id desc limit %s) x',
                 private.task_condition(closed_tasks.org_id, v_filter),
                 case when before_at is not null then format(' and (t.closed_at, t.id) < (%L::timestamptz, %L::uuid)', before_at,
                   coalesce(before_id, '00000000-0000-0000-0000-000000000000')) end, v_limit + 1)
    into v_tasks;
  return jsonb_build_object(
    'tasks', coalesce((select jsonb_agg(e order by n) from jsonb_array_elements(v_tasks) with ordinality u (e, n) where n <= v_limit), '[]'),
    'next', case when jsonb_array_length(v_tasks) > v_limit then
      jsonb_build_object('before_at', v_tasks -> (v_limit - 1) -> 'closed_at', 'before_id', v_tasks -> (v_limit - 1) -> 'id') end);
end;
$$;
comment on function private.closed_tasks is 'Body of public.closed_tasks. Definer, as private.task_list.';
create function public.closed_tasks(org_id uuid, filter jsonb default '{}', before_at timestamptz default null, before_id uuid default null, page_size int default 50) returns jsonb
  language sql stable set search_path = ''
begin atomic
  select private.closed_tasks(org_id, filter, before_at, before_id, page_size);
end;
comment on function public.closed_tasks is
  'Tasks that are done (unless the filter says status cancelled), the one closed last first, at most 200; the filter is that of task_list: {tasks: as task_list, '
  'next: {before_at, before_id} or null}. Raises PT404, PT422 field_unknown, field_invalid.';

create function private.get_task(org_id uuid, task_id uuid) returns jsonb
  language plpgsql stable security definer set search_path = ''
as $$
declare
  v_task public.tasks;
begin
  perform private.require_role(get_task.org_id, 'agent');
  select t.* into v_task from public.tasks t where t.org_id = get_task.org_id and t.id = get_task.task_id;
  if not found then
    raise sqlstate 'PT404' using message = 'There is no such task.', detail = 'task_not_found', hint = 'Reload the tasks.';
  end if;
  return private.task_card(v_task);
end;
$$;
comment on function private.get_task is 'Body of public.get_task. Definer, as private.task_list.';
create function public.get_task(org_id uuid, task_id uuid) returns jsonb
  language sql stable set search_path = ''
begin atomic
  select private.get_task(org_id, task_id);
end;
comment on function public.get_task is 'One task, as task_list gives it. Raises PT404.';
grant execute on function private.closed_tasks, public.closed_tasks, private.get_task, public.get_task to authenticated;
