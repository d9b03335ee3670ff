-- 386_assignment_rules.sql: writing the rules by which new leads go to people.

create function private.rule_words(rule jsonb, name text, most_characters int default 100) returns text[]
  language plpgsql immutable set search_path = ''
as $$
declare
  v_given jsonb := coalesce(nullif(rule -> name, 'null'), '[]');
  v_field text := 'rule.' || name;
begin
  if jsonb_typeof(v_given) <> 'array' then
    perform private.refuse_field(v_field, 'is not a list', 'field_invalid');
  end if;
  if jsonb_array_length(v_given) > 100 or exists (select from jsonb_array_elements(v_given) e
       where jsonb_typeof(e) <> 'string' or btrim(e #>> '{}') = '' or length(e #>> '{}') > most_characters) then
    perform private.refuse_field(v_field, 'is not a list of up to 100 words', 'field_invalid');
  end if;
  return array(select distinct lower(btrim(e)) from jsonb_array_elements_text(v_given) e order by 1);
end;
$$;
comment on function private.rule_words is 'A list of words of a rule in small letters, each once; empty when it names none. Raises PT422 field_invalid.';

create function private.rule_ids(rule jsonb, name text) returns uuid[]
  language plpgsql immutable set search_path = ''
as $$
declare
  v_words text[] := private.rule_words(rule, name);
begin
  if exists (select from unnest(v_words) w where not pg_input_is_valid(w, 'uuid')) then
    perform private.refuse_field('rule.' || name, 'is not a list of ids', 'field_invalid');
  end if;
  return v_words::uuid[];
end;
$$;
comment on function private.rule_ids is 'A list of ids of a rule; empty when it names none. Raises PT422 field_invalid.';

create function private.checked_assignment_rule(org_id uuid, rule jsonb) returns public.assignment_rules
  language plpgsql stable security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_org  uuid := checked_assignment_rule.org_id;
  v_rule public.assignment_rules;
  v_name text;
begin
  perform private.known_fields(rule, 'rule', array['name', 'is_on', 'source_kinds', 'source_ids', 'states', 'cities', 'products', 'tag_ids', 'custom', 'target', 'user_id',
    'group_id', 'outside_hours']);
  v_rule.name := private.name_for_people(rule ->> 'name');
  if rule -> 'is_on' is not null and jsonb_typeof(rule -> 'is_on') <> 'boolean' then
    perform private.refuse_field('rule.is_on', 'is not true or false', 'field_invalid');
  end if;
  v_rule.is_on := coalesce((rule ->> 'is_on')::boolean, true);
  v_rule.source_kinds := private.rule_words(rule, 'source_kinds');
  v_rule.source_ids := private.rule_ids(rule, 'source_ids');
  v_rule.states := private.rule_words(rule, 'states');
  v_rule.cities := private.rule_words(rule, 'cities');
  v_rule.products := private.rule_words(rule, 'products');
  v_rule.tag_ids := private.rule_ids(rule, 'tag_ids');
  v_rule.custom := coalesce(nullif(rule -> 'custom', 'null'), '{}');
  v_rule.target := rule ->> 'target';
  v_rule.outside_hours := coalesce(rule ->> 'outside_hours', 'wait');
  perform private.require_outside_hours(v_rule.outside_hours);
  if jsonb_typeof(v_rule.custom) <> 'object' or length(v_rule.custom::text) > 4000 then
    perform private.refuse_field('rule.custom', 'is not an object of keys and values', 'field_invalid');
  elsif exists (select from unnest(v_rule.source_kinds) k where k not in ('indiamart', 'sheet', 'upload', 'manual', 'form', 'whatsapp')) then
    perform private.refuse_field('rule.source_kinds', 'names a kind that there is not', 'field_invalid');
  elsif exists (select from unnest(v_rule.source_ids) i where not exists (select from public.lead_sources s where s.org_id = v_org and s.id = i)) then
    raise sqlstate 'PT422' using message = 'There is no such source.', detail = 'source_not_found', hint = 'Reload the sources.';
  elsif exists (select from unnest(v_rule.tag_ids) i where not exists (select from public.tags t where t.org_id = v_org and t.id = i)) then
    raise sqlstate 'PT422' using message = 'There is no such tag.', detail = 'tag_not_found', hint = 'Reload the tags.';
  elsif v_rule.target is null or v_rule.target not in ('member', 'group', 'nobody') then
    perform private.refuse_field('rule.target', 'is not member, group or nobody', 'field_invalid');
  end if;
  foreach v_name in array array['user_id', 'group_id'] loop
    if rule ->> v_name is not null and not pg_input_is_valid(rule ->> v_name, 'uuid') then
      perform private.refuse_field('rule.' || v_name, 'is not an id', 'field_invalid');
    end if;
  end loop;
  if v_rule.target = 'member' then
    v_rule.user_id := (rule ->> 'user_id')::uuid;
    if not exists (select from public.memberships m where m.org_id = v_org and m.user_id = v_rule.user_id) then
      raise sqlstate 'PT422' using message = 'A lead goes to a member of the organization.', detail = 'not_a_member', hint = 'Reload the team.';
    end if;
  elsif v_rule.target = 'group' then
    v_rule.group_id := (rule ->> 'group_id')::uuid;
    if not exists (select from public.assignment_groups g where g.org_id = v_org and g.id = v_rule.group_id) then
      raise sqlstate 'PT422' using message = 'There is no such group.', detail = 'group_not_found', hint = 'Reload the groups.';
    end if;
  end if;
  return v_rule;
end;
$$;
comment on function private.checked_assignment_rule is
  'A rule as somebody wants it, once everything it names exists. Raises PT422 field_unknown, field_invalid, name_invalid, source_not_found, tag_not_found, not_a_member, '
  'group_not_found, outside_hours_unknown.';

create function private.save_assignment_rule(org_id uuid, rule jsonb, assignment_rule_id uuid) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_org  uuid := save_assignment_rule.org_id;
  v_id   uuid := save_assignment_rule.assignment_rule_id;
  v_rule public.assignment_rules;
begin
  perform private.lock_assignment(v_org);
  v_rule := private.checked_assignment_rule(v_org, save_assignment_rule.rule);
  if v_id is null then
    if (select count(*) from public.assignment_rules r where r.org_id = v_org) >= 100 then
      raise sqlstate 'PT409' using message = 'An organization has at most 100 rules.', detail = 'too_many_rules', hint = 'Remove one that is not used.';
    end if;
    insert into public.assignment_rules (org_id, position, name, target, user_id, group_id)
    select v_org, coalesce(max(r.position), 0) + 1, v_rule.name, v_rule.target, v_rule.user_id, v_rule.group_id from public.assignment_rules r where r.org_id = v_org
    returning id into v_id;
  end if;
  update public.assignment_rules r
     set name = v_rule.name, is_on = v_rule.is_on, source_kinds = v_rule.source_kinds, source_ids = v_rule.source_ids, states = v_rule.states,
         cities = v_rule.cities, products = v_rule.products, tag_ids = v_rule.tag_ids, custom = v_rule.custom, target = v_rule.target,
         user_id = v_rule.user_id, group_id = v_rule.group_id, outside_hours = v_rule.outside_hours
   where r.org_id = v_org and r.id = v_id;
  if not found then
    raise sqlstate 'PT404' using message = 'There is no such rule.', detail = 'rule_not_found', hint = 'Reload the rules.';
  end if;
  perform private.look_again(v_org);
  perform private.audit(v_org, 'assignment_rule.saved', 'assignment_rule', v_id::text);
  return jsonb_build_object('assignment_rule_id', v_id);
end;
$$;
comment on function private.save_assignment_rule is 'Body of public.save_assignment_rule. Definer: nobody may write rules directly.';
create function public.save_assignment_rule(org_id uuid, rule jsonb, assignment_rule_id uuid default null) returns jsonb
  language sql volatile set search_path = ''
begin atomic
  select private.save_assignment_rule(org_id, rule, assignment_rule_id);
end;
comment on function public.save_assignment_rule is
  'Adds a rule after all others, or replaces one, for admins: {name, is_on, source_kinds, source_ids, states, cities, products: words, tag_ids, custom: {key: value}, '
  'target: member (user_id), group (group_id) or nobody, outside_hours: assign, wait or skip (of a member)}; conditions left out fit every lead. Returns '
  '{assignment_rule_id}. Raises PT403, PT404, PT409 too_many_rules, PT422 as private.checked_assignment_rule.';

create function private.delete_assignment_rule(org_id uuid, assignment_rule_id uuid) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
begin
  perform private.lock_assignment(delete_assignment_rule.org_id);
  delete from public.assignment_rules r where r.org_id = delete_assignment_rule.org_id and r.id = delete_assignment_rule.assignment_rule_id;
  if not found then
    raise sqlstate 'PT404' using message = 'There is no such rule.', detail = 'rule_not_found', hint = 'Reload the rules.';
  end if;
  perform private.look_again(delete_assignment_rule.org_id);
  perform private.audit(delete_assignment_rule.org_id, 'assignment_rule.deleted', 'assignment_rule', delete_assignment_rule.assignment_rule_id::text);
  return jsonb_build_object('assignment_rule_id', delete_assignment_rule.assignment_rule_id);
end;
$$;
comment on function private.delete_assignment_rule is 'Body of public.delete_assignment_rule. Definer: nobody may write rules directly.';
create function public.delete_assignment_rule(org_id uuid, assignment_rule_id uuid) returns jsonb
  language sql volatile set search_path = ''
begin atomic
  select private.delete_assignment_rule(org_id, assignment_rule_id);
end;
comment on function public.delete_assignment_rule is 'Removes a rule, for admins; leads that it gave stay. Returns {assignment_rule_id}. Raises PT403, PT404.';

create function private.order_assignment_rules(org_id uuid, rule_ids uuid[]) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
begin
  perform private.lock_assignment(order_assignment_rules.org_id);
  if array(select r.id from public.assignment_rules r where r.org_id = order_assignment_rules.org_id order by r.id)
     is distinct from array(select i from unnest(order_assignment_rules.rule_ids) i order by i) then
    raise sqlstate 'PT422' using message = 'Name every rule once.', detail = 'order_incomplete', hint = 'Reload the rules.';
  end if;
  update public.assignment_rules r set position = u.position from unnest(order_assignment_rules.rule_ids) with ordinality u (id, position)
   where r.org_id = order_assignment_rules.org_id and r.id = u.id;
  perform private.look_again(order_assignment_rules.org_id);
  perform private.audit(order_assignment_rules.org_id, 'assignment_rule.ordered', 'organization', order_assignment_rules.org_id::text);
  return jsonb_build_object('rules', cardinality(order_assignment_rules.rule_ids));
end;
$$;
comment on function private.order_assignment_rules is 'Body of public.order_assignment_rules. Definer: nobody may write rules directly.';
create function public.order_assignment_rules(org_id uuid, rule_ids uuid[]) returns jsonb
  language sql volatile set search_path = ''
begin atomic
  select private.order_assignment_rules(org_id, rule_ids);
end;
comment on function public.order_assignment_rules is 'Puts all rules in order, for admins; returns {rules}. Raises PT403, PT404, PT422 order_incomplete.';
grant execute on function private.save_assignment_rule, public.save_assignment_rule, private.delete_assignment_rule, public.delete_assignment_rule,
  private.order_assignment_rules, public.order_assignment_rules to authenticated;
