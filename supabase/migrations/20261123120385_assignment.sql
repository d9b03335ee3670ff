-- 385_assignment.sql: to whom new leads go: groups that take turns, and rules in order.

create table public.assignment_groups (
  org_id         uuid not null references public.organizations on delete restrict,
  id             uuid not null default gen_random_uuid(),
  name           text not null,
  outside_hours  text not null default 'wait',
  turns          bigint not null default 0,
  created_at     timestamptz not null default now(),
  primary key (org_id, id),
  constraint assignment_group_name_is_unique_in_organization unique (org_id, name),
  constraint assignment_group_name_has_1_to_60_characters check (name = btrim(name) and length(name) between 1 and 60),
  constraint assignment_group_outside_hours_is_known check (outside_hours in ('assign', 'wait', 'skip'))
);
comment on table public.assignment_groups is 'People who take turns: who has waited longest for a lead of the group gets the next one.';
comment on column public.assignment_groups.org_id is 'The organization.';
comment on column public.assignment_groups.id is 'The group.';
comment on column public.assignment_groups.name is 'Shown to people.';
comment on column public.assignment_groups.outside_hours is
  'assign: whoever is not away takes turns, at any hour; wait: only who works at the moment, and when nobody does the lead waits for the first who will; skip: then the rules go on.';
comment on column public.assignment_groups.turns is 'Leads given by turns so far.';
comment on column public.assignment_groups.created_at is 'When it was made.';

create table public.assignment_members (
  org_id      uuid not null,
  group_id    uuid not null,
  user_id     uuid not null,
  last_turn   bigint not null default 0,
  leads       bigint not null default 0,
  primary key (org_id, group_id, user_id),
  constraint assignment_member_is_of_a_group_of_its_organization foreign key (org_id, group_id) references public.assignment_groups (org_id, id) on delete cascade,
  constraint assignment_member_is_a_member foreign key (org_id, user_id) references public.memberships (org_id, user_id) on delete cascade
);
comment on table public.assignment_members is 'Who takes turns in which group; who leaves the organization leaves its groups.';
comment on column public.assignment_members.org_id is 'The organization.';
comment on column public.assignment_members.group_id is 'The group.';
comment on column public.assignment_members.user_id is 'The member.';
comment on column public.assignment_members.last_turn is 'The turn, of the group''s turns, in which they last got a lead.';
comment on column public.assignment_members.leads is 'How many leads the group gave them.';
create index assignment_members_member on public.assignment_members (org_id, user_id);

create table public.assignment_rules (
  org_id         uuid not null references public.organizations on delete restrict,
  id             uuid not null default gen_random_uuid(),
  position       int not null,
  name           text not null,
  is_on          boolean not null default true,
  source_kinds   text[] not null default '{}',
  source_ids     uuid[] not null default '{}',
  states         text[] not null default '{}',
  cities         text[] not null default '{}',
  products       text[] not null default '{}',
  tag_ids        uuid[] not null default '{}',
  custom         jsonb not null default '{}',
  target         text not null,
  user_id        uuid,
  group_id       uuid,
  outside_hours  text not null default 'wait',
  created_at     timestamptz not null default now(),
  updated_at     timestamptz not null default now(),
  primary key (org_id, id),
  constraint assignment_rule_is_to_a_member foreign key (org_id, user_id) references public.memberships (org_id, user_id) on delete set null (user_id),
  constraint assignment_rule_is_to_a_group_of_its_organization foreign key (org_id, group_id) references public.assignment_groups (org_id, id) on delete restrict,
  constraint assignment_rule_name_has_1_to_60_characters check (name = btrim(name) and length(name) between 1 and 60),
  constraint assignment_rule_target_is_known check (target in ('member', 'group', 'nobody')),
  constraint assignment_rule_outside_hours_is_known check (outside_hours in ('assign', 'wait', 'skip')),
  constraint assignment_rule_names_its_group check (target <> 'group' or group_id is not null),
  constraint assignment_rule_custom_is_an_object check (jsonb_typeof(custom) = 'object')
);
comment on table public.assignment_rules is
  'Tried in order on each new lead that nobody has: the first that fits, and whose people are there, decides. A rule without conditions fits every lead.';
comment on column public.assignment_rules.org_id is 'The organization.';
comment on column public.assignment_rules.id is 'The rule.';
comment on column public.assignment_rules.position is 'Rules are tried in this order.';
comment on column public.assignment_rules.name is 'Shown to people.';
comment on column public.assignment_rules.is_on is 'Off: as if it were not there.';
comment on column public.assignment_rules.source_kinds is 'Kinds of source: indiamart, sheet, …; empty: any.';
comment on column public.assignment_rules.source_ids is 'Sources; empty: any.';
comment on column public.assignment_rules.states is 'States of the contact, in small letters; empty: any.';
comment on column public.assignment_rules.cities is 'Cities of the contact, in small letters; empty: any.';
comment on column public.assignment_rules.products is 'Words in small letters, one of which the product or title contains; empty: any.';
comment on column public.assignment_rules.tag_ids is 'Tags, one of which the lead carries; empty: any.';
comment on column public.assignment_rules.custom is 'Values of own fields, all of which the lead has: {key: value}; {}: any.';
comment on column public.assignment_rules.target is 'member, group or nobody: nobody leaves the lead to whoever takes it.';
comment on column public.assignment_rules.user_id is 'member: who; null: they have left, and the rules go on.';
comment on column public.assignment_rules.group_id is 'group: which.';
comment on column public.assignment_rules.outside_hours is 'For a member, as assignment_groups.outside_hours; a group has its own.';
comment on column public.assignment_rules.created_at is 'When it was made.';
comment on column public.assignment_rules.updated_at is 'Last change.';
create index assignment_rules_order on public.assignment_rules (org_id, position, id);
create index assignment_rules_member on public.assignment_rules (org_id, user_id);
create index assignment_rules_group on public.assignment_rules (org_id, group_id);

alter table public.assignment_groups enable row level security;
alter table public.assignment_members enable row level security;
alter table public.assignment_rules enable row level security;
create policy "Members can read the assignment groups of their organizations"
  on public.assignment_groups for select to authenticated using (org_id = any (array(select private.my_org_ids())));
create policy "Members can read who takes turns in their organizations"
  on public.assignment_members for select to authenticated using (org_id = any (array(select private.my_org_ids())));
create policy "Members can read the assignment rules of their organizations"
  on public.assignment_rules for select to authenticated using (org_id = any (array(select private.my_org_ids())));
grant select on public.assignment_groups, public.assignment_members, public.assignment_rules to authenticated;
create trigger assignment_rules_touch before update on public.assignment_rules for each row execute function private.touch_updated_at();

create function private.lock_assignment(org_id uuid) returns void
  language plpgsql volatile security definer set search_path = ''
as $$
begin
  perform private.require_role(lock_assignment.org_id, 'admin');
  perform pg_advisory_xact_lock(hashtextextended('flow.assignment.' || lock_assignment.org_id, 0));
end;
$$;
comment on function private.lock_assignment is 'Asks for an admin, and lets one at a time change groups and rules of an organization. Raises PT403, PT404.';

create function private.require_outside_hours(outside_hours text) returns void
  language plpgsql immutable set search_path = ''
as $$
begin
  if require_outside_hours.outside_hours is null or require_outside_hours.outside_hours not in ('assign', 'wait', 'skip') then
    raise sqlstate 'PT422' using message = 'Outside working hours leads are assigned, wait, or skip who is off.', detail = 'outside_hours_unknown', hint = 'assign, wait or skip.';
  end if;
end;
$$;
comment on function private.require_outside_hours is 'Raises PT422 outside_hours_unknown unless it is assign, wait or skip.';

-- Groups -----------------------------------------------------------------------------------------------------------

create function private.save_assignment_group(org_id uuid, name text, user_ids uuid[], outside_hours text, group_id uuid) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_org  uuid := save_assignment_group.org_id;
  v_id   uuid := save_assignment_group.group_id;
  v_name text;
begin
  perform private.lock_assignment(v_org);
  v_name := private.name_for_people(save_assignment_group.name);
  perform private.require_outside_hours(save_assignment_group.outside_hours);
  if cardinality(save_assignment_group.user_ids) > 200 or exists (select from unnest(save_assignment_group.user_ids) u (id) where not exists (
       select from public.memberships m where m.org_id = v_org and m.user_id = u.id)) then
    raise sqlstate 'PT422' using message = 'Only members of the organization take turns, 200 at most.', detail = 'not_a_member', hint = 'Reload the team.';
  elsif exists (select from public.assignment_groups g where g.org_id = v_org and g.name = v_name and g.id is distinct from v_id) then
    raise sqlstate 'PT409' using message = format('There is already a group "%s".', v_name), detail = 'group_exists', hint = 'Choose another name.';
  elsif v_id is null and (select count(*) from public.assignment_groups g where g.org_id = v_org) >= 100 then
    raise sqlstate 'PT409' using message = 'An organization has at most 100 groups.', detail = 'too_many_groups', hint = 'Remove one that is not used.';
  elsif v_id is null then
    insert into public.assignment_groups (org_id, name, outside_hours) values (v_org, v_name, save_assignment_group.outside_hours) returning id into v_id;
  else
    update public.assignment_groups g set name = v_name, outside_hours = save_assignment_group.outside_hours where g.org_id = v_org and g.id = v_id;
    if not found then
      raise sqlstate 'PT404' using message = 'There is no such group.', detail = 'group_not_found', hint = 'Reload the groups.';
    end if;
  end if;
  delete from public.assignment_members m where m.org_id = v_org and m.group_id = v_id and m.user_id <> all (coalesce(save_assignment_group.user_ids, '{}'));
  insert into public.assignment_members (org_id, group_id, user_id)
  select distinct v_org, v_id, u.id from unnest(save_assignment_group.user_ids) u (id)
      on conflict (org_id, group_id, user_id) do nothing;
  perform private.look_again(v_org);
  perform private.audit(v_org, 'assignment_group.saved', 'assignment_group', v_id::text);
  return jsonb_build_object('group_id', v_id);
end;
$$;
comment on function private.save_assignment_group is 'Body of public.save_assignment_group. Definer: nobody may write groups directly.';
create function public.save_assignment_group(org_id uuid, name text, user_ids uuid[], outside_hours text default 'wait', group_id uuid default null) returns jsonb
  language sql volatile set search_path = ''
begin atomic
  select private.save_assignment_group(org_id, name, user_ids, outside_hours, group_id);
end;
comment on function public.save_assignment_group is
  'Makes a group of people who take turns, or changes one; for admins. outside_hours: assign, wait or skip. Who stays keeps their place; who is new is next. Returns '
  '{group_id}. Raises PT403, PT404, PT409 group_exists, too_many_groups, PT422 name_invalid, not_a_member, outside_hours_unknown.';

create function private.delete_assignment_group(org_id uuid, group_id uuid) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
begin
  perform private.lock_assignment(delete_assignment_group.org_id);
  if exists (select from public.assignment_rules r where r.org_id = delete_assignment_group.org_id and r.group_id = delete_assignment_group.group_id) then
    raise sqlstate 'PT409' using message = 'A rule gives leads to this group.', detail = 'group_in_use', hint = 'Change the rule first.';
  end if;
  delete from public.assignment_groups g where g.org_id = delete_assignment_group.org_id and g.id = delete_assignment_group.group_id;
  if not found then
    raise sqlstate 'PT404' using message = 'There is no such group.', detail = 'group_not_found', hint = 'Reload the groups.';
  end if;
  perform private.audit(delete_assignment_group.org_id, 'assignment_group.deleted', 'assignment_group', delete_assignment_group.group_id::text);
  return jsonb_build_object('group_id', delete_assignment_group.group_id);
end;
$$;
comment on function private.delete_assignment_group is 'Body of public.delete_assignment_group. Definer: nobody may write groups directly.';
create function public.delete_assignment_group(org_id uuid, group_id uuid) returns jsonb
  language sql volatile set search_path = ''
begin atomic
  select private.delete_assignment_group(org_id, group_id);
end;
comment on function public.delete_assignment_group is 'Removes a group that no rule names, for admins; returns {group_id}. Raises PT403, PT404, PT409 group_in_use.';
grant execute on function private.save_assignment_group, public.save_assignment_group, private.delete_assignment_group, public.delete_assignment_group to authenticated;
