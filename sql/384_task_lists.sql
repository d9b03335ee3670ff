-- 384_task_lists.sql: tasks as lists show them, a person's day, and the reminders.

create function private.task_card(task public.tasks) returns jsonb
  language sql stable security definer set search_path = ''
as $$
  select jsonb_build_object('id', (task).id, 'kind', (task).kind, 'title', (task).title, 'note', (task).note, 'lead_id', (task).lead_id,
    'contact_id', coalesce((task).contact_id, l.contact_id), 'name', c.name, 'phone', coalesce(c.phone, l.phone), 'about', coalesce(l.product, l.title),
    'assignee_id', (task).assignee_id, 'former_assignee_id', (task).former_assignee_id, 'due_at', (task).due_at,
    'is_overdue', (task).status = 'open' and (task).due_at < now(), 'remind_minutes', (task).remind_minutes, 'remind_at', (task).remind_at,
    'reminded_at', (task).reminded_at, 'status', (task).status, 'closed_at', (task).closed_at, 'closed_by', (task).closed_by,
    'created_by', (task).created_by, 'created_at', (task).created_at, 'version', (task).version)
    from (values (1)) one
    left join public.leads l on l.org_id = (task).org_id and l.id = (task).lead_id
    left join public.contacts c on c.org_id = (task).org_id and c.id = coalesce((task).contact_id, l.contact_id)
$$;
comment on function private.task_card is 'A task as people see it, with whom and what it is about. Definer: called beneath RLS, after its caller asked for membership.';

create function private.task_day(org_id uuid, out starts_at timestamptz, out ends_at timestamptz, out time_zone text)
  language sql stable security definer set search_path = ''
as $$
  select (now() at time zone o.time_zone)::date::timestamp at time zone o.time_zone,
         ((now() at time zone o.time_zone)::date + 1)::timestamp at time zone o.time_zone, o.time_zone
    from public.organizations o where o.id = task_day.org_id
$$;
comment on function private.task_day is 'Today in the organization''s time zone: from starts_at until just before ends_at.';

create function private.task_condition(org_id uuid, filter jsonb) returns text
  language plpgsql stable security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_filter jsonb := jsonb_strip_nulls(coalesce(filter, '{}'));
  v_result text := format('t.org_id = %L::uuid', task_condition.org_id);
  v_status text := coalesce(v_filter ->> 'status', 'open');
  v_ends   timestamptz := (select d.ends_at from private.task_day(task_condition.org_id) d);
begin
  perform private.known_fields(coalesce(filter, '{}'), 'filter', array['assignee', 'status', 'lead', 'contact', 'kind', 'when']);
  if v_status not in ('open', 'done', 'cancelled') then
    perform private.refuse_field('filter.status', 'is not open, done or cancelled', 'field_invalid');
  end if;
  v_result := v_result || format(' and t.status = %L', v_status);
  case v_filter ->> 'assignee'
    when 'me' then v_result := v_result || format(' and t.assignee_id = %L::uuid', auth.uid());
    when 'nobody' then v_result := v_result || ' and t.assignee_id is null';
    when 'left' then v_result := v_result || ' and t.former_assignee_id is not null';
    else
      if v_filter ? 'assignee' then
        v_result := v_result || format(' and t.assignee_id = any (%L::uuid[])', private.filter_ids(v_filter, 'assignee'));
      end if;
  end case;
  if v_filter ? 'lead' then
    v_result := v_result || format(' and t.lead_id = any (%L::uuid[])', private.filter_ids(v_filter, 'lead'));
  end if;
  if v_filter ? 'contact' then      -- of the person, whether on them or on one of their leads
    v_result := v_result || format(' and t.id in (select x.id from public.tasks x where x.org_id = %1$L::uuid and x.contact_id = any (%2$L::uuid[])
      union all select x.id from public.leads l join public.tasks x on x.org_id = l.org_id and x.lead_id = l.id where l.org_id = %1$L::uuid and l.contact_id = any (%2$L::uuid[]))',
      task_condition.org_id, private.filter_ids(v_filter, 'contact'));
  end if;
  if v_filter ? 'kind' then
    v_result := v_result || format(' and t.kind = %L', left(v_filter ->> 'kind', 20));
  end if;
  if v_filter ? 'when' then
    v_result := v_result || case v_filter ->> 'when'
      when 'overdue' then format(' and t.due_at < %L::timestamptz', now())
      when 'today' then format(' and t.due_at >= %L::timestamptz and t.due_at < %L::timestamptz', now(), v_ends)
      when 'next' then format(' and t.due_at >= %L::timestamptz', v_ends) end;
    if v_result is null then
      perform private.refuse_field('filter.when', 'is not overdue, today or next', 'field_invalid');
    end if;
  end if;
  return v_result;
end;
$$;
comment on function private.task_condition is
  'A filter as a condition on tasks t of one organization; every value in it is quoted: {assignee: me, nobody, left (who had it left), id or ids, status: open unless said, '
  'lead, contact: id or ids, kind, when: overdue, today (what is left of it) or next (from tomorrow)}. Raises PT422 field_unknown, field_invalid.';

create function private.task_list(org_id uuid, filter jsonb, after_at timestamptz, after_id uuid, page_size int) returns jsonb
  language plpgsql stable security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_limit int := least(greatest(coalesce(page_size, 50), 1), 200);
  v_tasks jsonb;
begin
  perform private.require_role(task_list.org_id, 'agent');
  execute format('select jsonb_agg(private.task_card(x) order by x.due_at, x.id) from (select t.* from public.tasks t where %s%s order by t.due_at, t.id limit %s) x',
                 private.task_condition(task_list.org_id, task_list.filter),
                 case when after_at is not null then format(' and (t.due_at, t.id) > (%L::timestamptz, %L::uuid)', after_at,
                   coalesce(after_id, 'ffffffff-ffff-ffff-ffff-ffffffffffff')) end, v_limit + 1)
    into v_tasks;
  return jsonb_build_object(
    'tasks', coalesce((select jsonb_agg(e order by n) from jsonb_array_elements(v_tasks) with ordinality u (e, n) where n <= v_limit), '[]'),
    'next', case when jsonb_array_length(v_tasks) > v_limit then
      jsonb_build_object('after_at', v_tasks -> (v_limit - 1) -> 'due_at', 'after_id', v_tasks -> (v_limit - 1) -> 'id') end);
end;
$$;
comment on function private.task_list is 'Body of public.task_list. Definer: row level security would keep some filters from their index; it asks for membership itself.';
create function public.task_list(org_id uuid, filter jsonb default '{}', after_at timestamptz default null, after_id uuid default null, page_size int default 50) returns jsonb
  language sql stable set search_path = ''
begin atomic
  select private.task_list(org_id, filter, after_at, after_id, page_size);
end;
comment on function public.task_list is
  'Tasks that a filter lets through (private.task_condition says what it may ask), the first due first, at most 200: {tasks: [{id, kind, title, note, lead_id, '
  'contact_id, name, phone, about, assignee_id, former_assignee_id, due_at, is_overdue, remind_minutes, remind_at, reminded_at, status, closed_at, closed_by, '
  'created_by, created_at, version}], next: {after_at, after_id} or null}. Raises PT404, PT422 field_unknown, field_invalid.';

create function private.my_day(org_id uuid, page_size int) returns jsonb
  language plpgsql stable security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_result jsonb;
  v_filter jsonb;
  v_count  bigint;
  v_when   text;
begin
  select jsonb_build_object('time_zone', d.time_zone, 'now', now(), 'day', (now() at time zone d.time_zone)::date) into v_result
    from private.task_day(my_day.org_id) d;
  foreach v_when in array array['overdue', 'today', 'next'] loop
    v_filter := jsonb_build_object('assignee', 'me', 'when', v_when);
    execute format('select count(*) from (select from public.tasks t where %s limit 1000) x', private.task_condition(my_day.org_id, v_filter)) into v_count;
    v_result := v_result || jsonb_build_object(v_when, jsonb_build_object('count', v_count)
      || private.task_list(my_day.org_id, v_filter, null, null, coalesce(page_size, 20)));
  end loop;
  return v_result;
end;
$$;
comment on function private.my_day is 'Body of public.my_day. Definer, as private.task_list, which asks who calls.';
create function public.my_day(org_id uuid, page_size int default 20) returns jsonb
  language sql stable set search_path = ''
begin atomic
  select private.my_day(org_id, page_size);
end;
comment on function public.my_day is
  'Open tasks of the person who asks: {time_zone, now, day, overdue, today (what is left of it), next (from tomorrow)}, each {count (to 1,000), tasks, next} as '
  'task_list gives with the filter {assignee: "me", when}. Raises PT404.';
grant execute on function private.task_list, public.task_list, private.my_day, public.my_day to authenticated;

create function private.remind_tasks(batch int default 1000) returns int
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_count int;
begin
  -- Two schedulers at once take different tasks; the key keeps a moment from being told twice whatever the clock does.
  with due as (
    select t.org_id, t.id from public.tasks t join public.memberships m on m.org_id = t.org_id and m.user_id = t.assignee_id
     where t.remind_at <= now() and t.status = 'open' and t.reminded_at is null and t.assignee_id is not null
       and exists (select from public.organizations o where o.id = t.org_id and o.deleted_at is null)
     order by t.remind_at limit remind_tasks.batch for no key update of t skip locked for key share of m skip locked      -- whoever is just leaving is told nothing
  ), told as (
    update public.tasks t set reminded_at = now() from due d where t.org_id = d.org_id and t.id = d.id
    returning t.org_id, t.id, t.assignee_id, t.lead_id, t.contact_id, t.reminders)
  insert into public.notifications (org_id, user_id, kind, key, lead_id, contact_id, task_id)
  select t.org_id, t.assignee_id, 'task_due', format('task:%s:%s', t.id, t.reminders), t.lead_id, t.contact_id, t.id from told t
      on conflict (org_id, user_id, key) where key is not null do nothing;
  get diagnostics v_count = row_count;
  return v_count;
end;
$$;
comment on function private.remind_tasks is
  'Tells assignees of tasks whose reminder is due, each moment once; what nobody has yet waits until somebody does. Every few seconds. Returns how many were told.';
