-- 383_tasks.sql: what is to be done for a lead or a contact, until when, by whom; reminders that come once.

create table public.tasks (
  org_id              uuid not null references public.organizations on delete restrict,
  id                  uuid not null default gen_random_uuid(),
  kind                text not null,
  title               text not null,
  note                text,
  lead_id             uuid,
  contact_id          uuid,
  assignee_id         uuid,
  former_assignee_id  uuid,
  due_at              timestamptz not null,
  remind_minutes      int,
  remind_at           timestamptz,
  reminded_at         timestamptz,
  reminders           int not null default 0,
  status              text not null default 'open',
  closed_at           timestamptz,
  closed_by           uuid,
  version             int not null default 1,
  client_token        uuid,
  created_by          uuid,
  created_at          timestamptz not null default now(),
  updated_at          timestamptz not null default now(),
  primary key (org_id, id),
  constraint task_is_on_a_lead_of_its_organization foreign key (org_id, lead_id) references public.leads (org_id, id) on delete restrict,
  constraint task_is_on_a_contact_of_its_organization foreign key (org_id, contact_id) references public.contacts (org_id, id) on delete restrict,
  constraint task_assignee_is_a_member foreign key (org_id, assignee_id) references public.memberships (org_id, user_id) on delete set null (assignee_id),
  constraint task_is_on_a_lead_or_a_contact check (num_nonnulls(lead_id, contact_id) > 0),
  constraint task_kind_is_known check (kind in ('call', 'write', 'visit', 'other')),
  constraint task_status_is_known check (status in ('open', 'done', 'cancelled')),
  constraint task_is_closed_at_some_time check ((status = 'open') = (closed_at is null)),
  constraint task_title_has_1_to_200_characters check (title = btrim(title) and length(title) between 1 and 200),
  constraint task_reminder_is_at_most_30_days_before check (remind_minutes between 0 and 43200)
) with (fillfactor = 85);
comment on table public.tasks is 'What somebody is to do for a lead or a contact. Any member may see and change every task of the organization.';
comment on column public.tasks.org_id is 'The organization.';
comment on column public.tasks.id is 'The task.';
comment on column public.tasks.kind is 'call, write, visit or other.';
comment on column public.tasks.title is 'What is to be done.';
comment on column public.tasks.note is 'More about it; null: nothing.';
comment on column public.tasks.lead_id is 'The lead; null: it is on a contact.';
comment on column public.tasks.contact_id is 'The contact; null: it is on a lead, whose contact it follows.';
comment on column public.tasks.assignee_id is 'Who is to do it; null: nobody yet, or they have left.';
comment on column public.tasks.former_assignee_id is 'Who was to do it when they left the organization, until somebody else is; null: nobody left. No foreign key: they left.';
comment on column public.tasks.due_at is 'Until when.';
comment on column public.tasks.remind_minutes is 'How long before it is due its assignee is reminded; null: never.';
comment on column public.tasks.remind_at is 'The next reminder, also after a snooze; null: none.';
comment on column public.tasks.reminded_at is 'When the reminder of remind_at was given; null: not yet.';
comment on column public.tasks.reminders is 'Counts the moments that a reminder was set for: each is told once.';
comment on column public.tasks.status is 'open, done or cancelled.';
comment on column public.tasks.closed_at is 'When it was done or cancelled; null while open.';
comment on column public.tasks.closed_by is 'Who did or cancelled it. No foreign key: it outlives the membership.';
comment on column public.tasks.version is 'Grows with each change by a person; a change that names another version is refused.';
comment on column public.tasks.client_token is 'The sender''s own id of the request: the same token twice is one task.';
comment on column public.tasks.created_by is 'Who entered it. No foreign key: it outlives the membership.';
comment on column public.tasks.created_at is 'When.';
comment on column public.tasks.updated_at is 'Last change.';
create index tasks_assignee on public.tasks (org_id, assignee_id, status, due_at, id);
create index tasks_due on public.tasks (org_id, status, due_at, id);
create index tasks_lead on public.tasks (org_id, lead_id, status, due_at, id);
create index tasks_contact on public.tasks (org_id, contact_id, status, due_at, id);
create index tasks_former_assignee on public.tasks (org_id, due_at, id) where former_assignee_id is not null and status = 'open';
create index tasks_to_remind on public.tasks (remind_at) where status = 'open' and reminded_at is null and assignee_id is not null;
create unique index task_client_token_is_unique_in_organization on public.tasks (org_id, client_token) where client_token is not null;
alter table public.tasks enable row level security;
create policy "Members can read the tasks of their organizations"
  on public.tasks for select to authenticated using (org_id = any (array(select private.my_org_ids())));
grant select on public.tasks to authenticated;
create trigger tasks_touch before update on public.tasks for each row execute function private.touch_updated_at();

-- Who left ---------------------------------------------------------------------------------------------------------

create function private.tg_memberships__hand_tasks_back() returns trigger
  language plpgsql volatile security definer set search_path = ''
as $$
begin
  with freed as (
    update public.tasks t set assignee_id = null, former_assignee_id = old.user_id
     where t.org_id = old.org_id and t.assignee_id = old.user_id and t.status = 'open'
    returning t.lead_id, t.id, t.title)
  insert into public.lead_activities (org_id, lead_id, actor, kind, details)
  select old.org_id, f.lead_id, auth.uid(), 'task_handed_back', jsonb_build_object('task', f.id, 'title', f.title, 'from', old.user_id)
    from freed f where f.lead_id is not null;
  return old;
end;
$$;
comment on function private.tg_memberships__hand_tasks_back is
  'Who leaves has no open tasks any more: nobody has them, and they are listed as left behind. Definer: nobody may write tasks directly.';
create trigger memberships_hand_tasks_back before delete on public.memberships
  for each row execute function private.tg_memberships__hand_tasks_back();

-- Writing ------------------------------------------------------------------------------------------------------------

create function private.checked_task(org_id uuid, given jsonb, task public.tasks) returns public.tasks
  language plpgsql stable security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_task  public.tasks := task;
  v_given jsonb := given;
  v_name  text;
begin
  perform private.known_fields(v_given, 'task', array['kind', 'title', 'note', 'lead_id', 'contact_id', 'assignee_id', 'due_at', 'remind_minutes']);
  foreach v_name in array array['lead_id', 'contact_id', 'assignee_id'] loop
    if v_given ->> v_name is not null and not pg_input_is_valid(v_given ->> v_name, 'uuid') then
      perform private.refuse_field('task.' || v_name, 'is not an id', 'field_invalid');
    end if;
  end loop;
  if v_given ? 'kind' then
    v_task.kind := v_given ->> 'kind';
  end if;
  if v_task.kind is null or v_task.kind not in ('call', 'write', 'visit', 'other') then
    perform private.refuse_field('task.kind', 'is not call, write, visit or other', 'field_invalid');
  end if;
  if v_given ? 'title' then
    v_task.title := regexp_replace(btrim(v_given ->> 'title', E' \t\r\n'), '\s+', ' ', 'g');
  end if;
  if v_task.title is null or length(v_task.title) not between 1 and 200 then
    perform private.refuse_field('task.title', 'has 1 to 200 characters', 'field_invalid');
  end if;
  if v_given ? 'note' then
    v_task.note := private.clean_text(v_given ->> 'note', 10000);
  end if;
  if v_given ? 'assignee_id' then
    v_task.assignee_id := (v_given ->> 'assignee_id')::uuid;
    v_task.former_assignee_id := null;
    if v_task.assignee_id is not null and not exists (
      select from public.memberships m where m.org_id = checked_task.org_id and m.user_id = v_task.assignee_id) then
      raise sqlstate 'PT422' using message = 'A task belongs to a member of the organization.', detail = 'not_a_member', hint = 'Reload the team.';
    end if;
  end if;
  if v_given ? 'due_at' then
    if not coalesce(pg_input_is_valid(v_given ->> 'due_at', 'timestamptz'), false) then
      perform private.refuse_field('task.due_at', 'is not a time', 'field_invalid');
    end if;
    v_task.due_at := (v_given ->> 'due_at')::timestamptz;
  end if;
  if v_task.due_at is null or v_task.due_at not between '2000-01-01' and now() + interval '10 years' then
    perform private.refuse_field('task.due_at', 'is not a time within ten years', 'field_invalid');
  end if;
  if v_given ? 'remind_minutes' then
    if v_given ->> 'remind_minutes' is not null and v_given ->> 'remind_minutes' !~ '^[0-9]{1,5}$' or (v_given ->> 'remind_minutes')::int > 43200 then
      perform private.refuse_field('task.remind_minutes', 'is not a number of minutes, 30 days at most', 'field_invalid');
    end if;
    v_task.remind_minutes := (v_given ->> 'remind_minutes')::int;
  end if;
  -- A reminder that has been given is not given again, unless it is set for another moment.
  if v_given ? 'due_at' or v_given ? 'remind_minutes' then
    v_task.remind_at := v_task.due_at - make_interval(mins => v_task.remind_minutes);
    if v_task.remind_at is distinct from (task).remind_at then
      v_task.reminded_at := null;
      v_task.reminders := v_task.reminders + 1;
    end if;
  end if;
  return v_task;
end;
$$;
comment on function private.checked_task is 'A task with what somebody wants of it, checked. Raises PT422 field_unknown, field_invalid, not_a_member.';

create function private.note_task(task public.tasks, kind text, details jsonb default '{}') returns void
  language sql volatile security definer set search_path = ''
as $$
  insert into public.lead_activities (org_id, lead_id, actor, kind, details)
  select (task).org_id, (task).lead_id, auth.uid(), note_task.kind, jsonb_build_object('task', (task).id, 'title', (task).title) || note_task.details
   where (task).lead_id is not null
$$;
comment on function private.note_task is 'A line about a task in the timeline of its lead, if it is on one.';

create function private.tell_assignee(task public.tasks) returns void
  language sql volatile security definer set search_path = ''
as $$
  insert into public.notifications (org_id, user_id, kind, actor, lead_id, contact_id, task_id)
  select (task).org_id, (task).assignee_id, 'task_assigned', auth.uid(), (task).lead_id, (task).contact_id, (task).id
   where (task).assignee_id is distinct from auth.uid() and (task).assignee_id is not null
$$;
comment on function private.tell_assignee is 'Tells who is to do a task, unless they gave it to themselves.';

create function private.add_task(org_id uuid, task jsonb, client_token uuid) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_task public.tasks;
begin
  perform private.require_role(add_task.org_id, 'agent');
  if jsonb_typeof(add_task.task) is distinct from 'object' or num_nonnulls(add_task.task ->> 'lead_id', add_task.task ->> 'contact_id') <> 1 then
    raise sqlstate 'PT422' using message = 'A task is on a lead or on a contact.', detail = 'lead_or_contact', hint = 'Name one of the two.';
  end if;
  v_task.kind := 'other';
  v_task.remind_minutes := 0;
  v_task.reminders := 0;
  v_task := private.checked_task(add_task.org_id, case when add_task.task ? 'assignee_id' then add_task.task
                                   else add_task.task || jsonb_build_object('assignee_id', auth.uid()) end, v_task);
  if add_task.task ->> 'lead_id' is not null and not exists (
       select from public.leads l where l.org_id = add_task.org_id and l.id = (add_task.task ->> 'lead_id')::uuid) then
    raise sqlstate 'PT404' using message = 'There is no such lead.', detail = 'lead_not_found', hint = 'Reload the leads.';
  elsif add_task.task ->> 'contact_id' is not null and not exists (
       select from public.contacts c where c.org_id = add_task.org_id and c.id = (add_task.task ->> 'contact_id')::uuid) then
    raise sqlstate 'PT404' using message = 'There is no such contact.', detail = 'contact_not_found', hint = 'Reload the contacts.';
  end if;
  insert into public.tasks (org_id, kind, title, note, lead_id, contact_id, assignee_id, due_at, remind_minutes, remind_at, reminders, client_token, created_by)
  values (add_task.org_id, v_task.kind, v_task.title, v_task.note, (add_task.task ->> 'lead_id')::uuid, (add_task.task ->> 'contact_id')::uuid,
          v_task.assignee_id, v_task.due_at, v_task.remind_minutes, v_task.remind_at, v_task.reminders, add_task.client_token, auth.uid())
      on conflict (org_id, client_token) where client_token is not null do nothing
  returning * into v_task;
  if v_task.id is null then
    select t.* into v_task from public.tasks t where t.org_id = add_task.org_id and t.client_token = add_task.client_token;
  else
    perform private.note_task(v_task, 'task_added', jsonb_build_object('due_at', v_task.due_at, 'assignee', v_task.assignee_id));
    perform private.tell_assignee(v_task);
  end if;
  return private.task_card(v_task);
end;
$$;
comment on function private.add_task is 'Body of public.add_task. Definer: nobody may write tasks directly.';
create function public.add_task(org_id uuid, task jsonb, client_token uuid default null) returns jsonb
  language sql volatile set search_path = ''
begin atomic
  select private.add_task(org_id, task, client_token);
end;
comment on function public.add_task is
  'Adds a task {lead_id or contact_id, title, due_at, kind: call, write, visit or other, note, assignee_id: the person who asks unless said, null for nobody, '
  'remind_minutes before it is due: 0 unless said, null for never}; the same client_token twice is one task. Returns the task as task_list does. Raises PT404, '
  'PT422 lead_or_contact, field_unknown, field_invalid, not_a_member.';

create function private.task_for_change(org_id uuid, task_id uuid, version int) returns public.tasks
  language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_task public.tasks;
begin
  perform private.require_role(task_for_change.org_id, 'agent');
  select t.* into v_task from public.tasks t where t.org_id = task_for_change.org_id and t.id = task_for_change.task_id for no key update;
  if not found then
    raise sqlstate 'PT404' using message = 'There is no such task.', detail = 'task_not_found', hint = 'Reload the tasks.';
  elsif v_task.version is distinct from task_for_change.version then
    raise sqlstate 'PT409' using message = 'Somebody else has changed this task meanwhile.', detail = 'task_changed', hint = 'version=' || v_task.version;
  end if;
  return v_task;
end;
$$;
comment on function private.task_for_change is
  'The task, locked, for a member who has seen this version of it. Raises PT404, PT409 task_changed with the version it has now. Definer: nobody may write tasks directly.';

create function private.change_task(org_id uuid, task_id uuid, version int, change jsonb) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_before public.tasks := private.task_for_change(change_task.org_id, change_task.task_id, change_task.version);
  v_task   public.tasks;
begin
  v_task := private.checked_task(change_task.org_id, change_task.change, v_before);
  if change_task.change ?| array['lead_id', 'contact_id'] then
    perform private.refuse_field('task', 'stays with its lead or contact', 'field_invalid');
  elsif v_task is not distinct from v_before then
    return private.task_card(v_before);
  end if;
  update public.tasks t
     set kind = v_task.kind, title = v_task.title, note = v_task.note, assignee_id = v_task.assignee_id, former_assignee_id = v_task.former_assignee_id,
         due_at = v_task.due_at, remind_minutes = v_task.remind_minutes, remind_at = v_task.remind_at, reminded_at = v_task.reminded_at,
         reminders = v_task.reminders, version = t.version + 1
   where t.org_id = v_before.org_id and t.id = v_before.id
  returning * into v_task;
  perform private.note_task(v_task, 'task_changed', jsonb_strip_nulls(jsonb_build_object(
    'due_at', case when v_task.due_at <> v_before.due_at then v_task.due_at end,
    'assignee', case when v_task.assignee_id is distinct from v_before.assignee_id then v_task.assignee_id end)));
  if v_task.assignee_id is distinct from v_before.assignee_id and v_task.status = 'open' then
    perform private.tell_assignee(v_task);
  end if;
  return private.task_card(v_task);
end;
$$;
comment on function private.change_task is 'Body of public.change_task. Definer: nobody may write tasks directly.';
create function public.change_task(org_id uuid, task_id uuid, version int, change jsonb) returns jsonb
  language sql volatile set search_path = ''
begin atomic
  select private.change_task(org_id, task_id, version, change);
end;
comment on function public.change_task is
  'Changes some of {kind, title, note, assignee_id, due_at, remind_minutes} of a task; another due time sets its reminder anew. Returns the task. Raises PT404, '
  'PT409 task_changed (hint version=N), PT422 field_unknown, field_invalid, not_a_member.';

create function private.set_task_status(org_id uuid, task_id uuid, version int, status text) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_task public.tasks := private.task_for_change(set_task_status.org_id, set_task_status.task_id, set_task_status.version);
begin
  if set_task_status.status is null or set_task_status.status not in ('open', 'done', 'cancelled') then
    raise sqlstate 'PT422' using message = 'A task is open, done or cancelled.', detail = 'status_unknown', hint = 'One of the three.';
  elsif v_task.status = set_task_status.status then
    return private.task_card(v_task);
  end if;
  -- Opened again it does not ring for a moment that has passed.
  update public.tasks t
     set status = set_task_status.status, version = t.version + 1,
         closed_at = case when set_task_status.status <> 'open' then now() end, closed_by = case when set_task_status.status <> 'open' then auth.uid() end,
         reminded_at = case when set_task_status.status = 'open' and t.remind_at <= now() then coalesce(t.reminded_at, now()) else t.reminded_at end
   where t.org_id = v_task.org_id and t.id = v_task.id
  returning * into v_task;
  perform private.note_task(v_task, case set_task_status.status when 'open' then 'task_reopened' when 'done' then 'task_done' else 'task_cancelled' end);
  return private.task_card(v_task);
end;
$$;
comment on function private.set_task_status is 'Body of public.set_task_status. Definer: nobody may write tasks directly.';
create function public.set_task_status(org_id uuid, task_id uuid, version int, status text) returns jsonb
  language sql volatile set search_path = ''
begin atomic
  select private.set_task_status(org_id, task_id, version, status);
end;
comment on function public.set_task_status is
  'Says that a task is done or cancelled, or open again; twice changes nothing. Returns the task. Raises PT404, PT409 task_changed, PT422 status_unknown.';

create function private.snooze_task(org_id uuid, task_id uuid, until timestamptz) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_task public.tasks;
begin
  perform private.require_role(snooze_task.org_id, 'agent');
  if snooze_task.until is null or snooze_task.until not between now() and now() + interval '1 year' then
    raise sqlstate 'PT422' using message = 'A reminder comes later, within a year.', detail = 'until_invalid', hint = 'Choose a time to come.';
  end if;
  update public.tasks t set remind_at = snooze_task.until, reminded_at = null, reminders = t.reminders + 1
   where t.org_id = snooze_task.org_id and t.id = snooze_task.task_id and t.status = 'open'
     and (t.remind_at is distinct from snooze_task.until or t.reminded_at is not null)
  returning * into v_task;
  if not found then
    select t.* into v_task from public.tasks t where t.org_id = snooze_task.org_id and t.id = snooze_task.task_id;
    if not found then
      raise sqlstate 'PT404' using message = 'There is no such task.', detail = 'task_not_found', hint = 'Reload the tasks.';
    elsif v_task.status <> 'open' then
      raise sqlstate 'PT409' using message = 'This task is not open any more.', detail = 'task_closed', hint = 'Open it again first.';
    end if;
  end if;
  return private.task_card(v_task);
end;
$$;
comment on function private.snooze_task is 'Body of public.snooze_task. Definer: nobody may write tasks directly.';
create function public.snooze_task(org_id uuid, task_id uuid, until timestamptz) returns jsonb
  language sql volatile set search_path = ''
begin atomic
  select private.snooze_task(org_id, task_id, until);
end;
comment on function public.snooze_task is
  'Has an open task ring (again) at that moment; when it is due stays. Returns the task. Raises PT404, PT409 task_closed, PT422 until_invalid.';
grant execute on function private.add_task, public.add_task, private.change_task, public.change_task, private.set_task_status, public.set_task_status,
  private.snooze_task, public.snooze_task to authenticated;
