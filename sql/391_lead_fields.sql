-- 391_lead_fields.sql: fields and tags that an organization adds to its leads.

create table public.lead_fields (
  org_id       uuid not null references public.organizations on delete restrict,
  id           uuid not null default gen_random_uuid(),
  key          text not null,
  label        text not null,
  kind         text not null,
  choices      text[] not null default '{}',
  is_required  boolean not null default false,
  position     int not null,
  archived_at  timestamptz,
  created_at   timestamptz not null default now(),
  primary key (org_id, id),
  constraint lead_field_key_is_unique_in_organization unique (org_id, key),
  constraint lead_field_key_is_a_word check (key ~ '^[a-z][a-z0-9_]{0,39}$'),
  constraint lead_field_label_has_1_to_60_characters check (label = btrim(label) and length(label) between 1 and 60),
  constraint lead_field_kind_is_known check (kind in ('text', 'number', 'date', 'yes_no', 'choice', 'phone', 'url')),
  constraint lead_field_has_choices_when_it_is_a_choice check ((kind = 'choice') = (cardinality(choices) > 0))
);
comment on table public.lead_fields is 'What an organization wants to know of its leads beside what Flow asks. Values are in leads.custom, by key.';
comment on column public.lead_fields.org_id is 'The organization.';
comment on column public.lead_fields.id is 'The field.';
comment on column public.lead_fields.key is 'What leads.custom calls it; never changes.';
comment on column public.lead_fields.label is 'Shown to people.';
comment on column public.lead_fields.kind is 'text, number, date, yes_no, choice, phone or url; never changes, since values of this kind are stored.';
comment on column public.lead_fields.choices is 'What a choice may be; empty for other kinds. A value that is no longer offered stays on its leads.';
comment on column public.lead_fields.is_required is 'Whoever fills in the fields of a lead must fill in this one.';
comment on column public.lead_fields.position is 'Order in forms.';
comment on column public.lead_fields.archived_at is 'Since when it is not asked any more; values stay. Null: asked.';
comment on column public.lead_fields.created_at is 'When it was made.';

alter table public.leads
  add column custom jsonb not null default '{}',
  add constraint lead_custom_is_an_object check (jsonb_typeof(custom) = 'object');
comment on column public.leads.custom is 'Values of the organization''s own fields: key of lead_fields to value, checked by private.checked_custom.';

create function private.custom_of(org_id uuid, custom jsonb) returns jsonb
  language sql immutable set search_path = ''
as $$ select jsonb_build_object(org_id::text, custom) $$;
comment on function private.custom_of is 'Custom values as their index has them: under the organization''s id, so that a look-up reads nothing of anybody else.';
create index leads_custom on public.leads using gin (private.custom_of(org_id, custom) jsonb_path_ops) where custom <> '{}';

create table public.tags (
  org_id      uuid not null references public.organizations on delete restrict,
  id          uuid not null default gen_random_uuid(),
  name        text not null,
  colour      text,
  created_at  timestamptz not null default now(),
  primary key (org_id, id),
  constraint tag_name_has_1_to_40_characters check (name = btrim(name) and length(name) between 1 and 40),
  constraint tag_colour_is_a_colour check (colour ~ '^#[0-9a-f]{6}$')
);
comment on table public.tags is 'Words that an organization puts on leads.';
comment on column public.tags.org_id is 'The organization.';
comment on column public.tags.id is 'What lead_tags.tag_id names.';
comment on column public.tags.name is 'Shown to people; two tags never differ in capitals alone.';
comment on column public.tags.colour is '#rrggbb; null: the dashboard chooses.';
comment on column public.tags.created_at is 'When it was made.';
create unique index tag_name_is_unique_in_organization on public.tags (org_id, lower(name));

create table public.lead_tags (
  org_id      uuid not null,
  lead_id     uuid not null,
  tag_id      uuid not null,
  created_at  timestamptz not null default now(),
  primary key (org_id, lead_id, tag_id),
  constraint tag_is_on_a_lead_of_its_organization foreign key (org_id, lead_id) references public.leads (org_id, id) on delete cascade,
  constraint lead_carries_a_tag_of_its_organization foreign key (org_id, tag_id) references public.tags (org_id, id) on delete restrict
);
comment on table public.lead_tags is 'Which lead carries which tag.';
comment on column public.lead_tags.org_id is 'The organization.';
comment on column public.lead_tags.lead_id is 'The lead.';
comment on column public.lead_tags.tag_id is 'The tag.';
comment on column public.lead_tags.created_at is 'When it was put there.';
create index lead_tags_tag on public.lead_tags (org_id, tag_id, lead_id);

alter table public.lead_fields enable row level security;
alter table public.tags enable row level security;
alter table public.lead_tags enable row level security;
create policy "Members can read the lead fields of their organizations"
  on public.lead_fields for select to authenticated using (org_id = any (array(select private.my_org_ids())));
create policy "Members can read the tags of their organizations"
  on public.tags for select to authenticated using (org_id = any (array(select private.my_org_ids())));
create policy "Members can read which of their leads carry which tag"
  on public.lead_tags for select to authenticated using (org_id = any (array(select private.my_org_ids())));
grant select on public.lead_fields, public.tags, public.lead_tags to authenticated;

-- Fields, for admins ---------------------------------------------------------------------------------------------

create function private.save_lead_field(org_id uuid, key text, label text, kind text, choices text[], is_required boolean, is_archived boolean) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  c_most    constant int := 100;
  v_label   text;
  v_choices text[];
  v_field   public.lead_fields;
begin
  perform private.require_role(save_lead_field.org_id, 'admin');
  perform pg_advisory_xact_lock(hashtextextended('flow.lead_fields.' || save_lead_field.org_id, 0));
  v_label := private.name_for_people(save_lead_field.label);
  -- Each choice once, trimmed, in the order given.
  v_choices := array(select c.word from (select left(btrim(u.word), 100) as word, min(u.n) as n
                                           from unnest(save_lead_field.choices) with ordinality u (word, n) group by 1) c
                      where c.word <> '' order by c.n);
  if save_lead_field.key is null or save_lead_field.key !~ '^[a-z][a-z0-9_]{0,39}$' then
    raise sqlstate 'PT422' using message = 'The key of a field is a word in small letters.', detail = 'key_invalid', hint = 'For example delivery_date.';
  elsif save_lead_field.kind is null or save_lead_field.kind not in ('text', 'number', 'date', 'yes_no', 'choice', 'phone', 'url') then
    raise sqlstate 'PT422' using message = 'There is no such kind of field.', detail = 'kind_unknown', hint = 'text, number, date, yes_no, choice, phone or url.';
  elsif (save_lead_field.kind = 'choice') <> (cardinality(v_choices) > 0) or cardinality(v_choices) > 200 then
    raise sqlstate 'PT422' using message = 'A choice has 1 to 200 choices, any other field has none.', detail = 'choices_invalid', hint = 'Check the choices.';
  end if;
  select f.* into v_field from public.lead_fields f where f.org_id = save_lead_field.org_id and f.key = save_lead_field.key;
  if v_field.id is not null and v_field.kind <> save_lead_field.kind then
    raise sqlstate 'PT409' using message = 'A field keeps its kind.', detail = 'kind_is_fixed', hint = 'Archive it and make another.';
  elsif not save_lead_field.is_archived and (v_field.id is null or v_field.archived_at is not null) and c_most <= (
    select count(*) from public.lead_fields f where f.org_id = save_lead_field.org_id and f.archived_at is null
  ) then
    raise sqlstate 'PT409' using message = 'An organization has at most 100 fields.', detail = 'too_many_fields', hint = 'Archive one that is not used.';
  end if;
  insert into public.lead_fields (org_id, key, label, kind, choices, is_required, position, archived_at)
  select save_lead_field.org_id, save_lead_field.key, v_label, save_lead_field.kind, v_choices, save_lead_field.is_required,
         coalesce(max(f.position), 0) + 1, case when save_lead_field.is_archived then now() end
    from public.lead_fields f where f.org_id = save_lead_field.org_id
      on conflict (org_id, key) do update
         set label = excluded.label, choices = excluded.choices, is_required = excluded.is_required,
             archived_at = case when excluded.archived_at is not null then coalesce(lead_fields.archived_at, excluded.archived_at) end
  returning * into v_field;
  perform private.audit(save_lead_field.org_id, 'lead_field.saved', 'lead_field', v_field.id::text);
  return to_jsonb(v_field) - 'org_id' - 'created_at';
end;
$$;
comment on function private.save_lead_field is 'Body of public.save_lead_field. Definer: nobody may write fields directly.';
create function public.save_lead_field(org_id uuid, key text, label text, kind text, choices text[] default '{}', is_required boolean default false,
                                       is_archived boolean default false) returns jsonb
  language sql volatile set search_path = ''
begin atomic
  select private.save_lead_field(org_id, key, label, kind, choices, coalesce(is_required, false), coalesce(is_archived, false));
end;
comment on function public.save_lead_field is
  'Makes a field, or changes that of this key in everything but its kind, archives it or brings it back; for admins. Returns the field. Raises PT403, PT404, '
  'PT409 kind_is_fixed, too_many_fields, PT422 name_invalid, key_invalid, kind_unknown, choices_invalid.';
grant execute on function private.save_lead_field, public.save_lead_field to authenticated;

create function private.order_lead_fields(org_id uuid, keys text[]) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
begin
  perform private.require_role(order_lead_fields.org_id, 'admin');
  perform pg_advisory_xact_lock(hashtextextended('flow.lead_fields.' || order_lead_fields.org_id, 0));
  if array(select f.key from public.lead_fields f where f.org_id = order_lead_fields.org_id and f.archived_at is null order by f.key)
     is distinct from array(select k from unnest(order_lead_fields.keys) k order by k) then
    raise sqlstate 'PT422' using message = 'Name every field once.', detail = 'order_incomplete', hint = 'Reload the fields.';
  end if;
  update public.lead_fields f set position = u.position from unnest(order_lead_fields.keys) with ordinality u (key, position)
   where f.org_id = order_lead_fields.org_id and f.key = u.key;
  perform private.audit(order_lead_fields.org_id, 'lead_field.ordered', 'organization', order_lead_fields.org_id::text);
  return jsonb_build_object('fields', cardinality(order_lead_fields.keys));
end;
$$;
comment on function private.order_lead_fields is 'Body of public.order_lead_fields. Definer: nobody may write fields directly.';
create function public.order_lead_fields(org_id uuid, keys text[]) returns jsonb
  language sql volatile set search_path = ''
begin atomic
  select private.order_lead_fields(org_id, keys);
end;
comment on function public.order_lead_fields is
  'Puts the fields that are asked in order, all of them, for admins; returns {fields}. Raises PT403, PT404, PT422 order_incomplete.';
grant execute on function private.order_lead_fields, public.order_lead_fields to authenticated;

-- Values -----------------------------------------------------------------------------------------------------------

create function private.checked_value(field public.lead_fields, value jsonb) returns jsonb
  language plpgsql stable set search_path = ''
as $$
declare
  v_type text := jsonb_typeof(value);
  v_text text := btrim(value #>> '{}');
begin
  if v_type = 'null' or (v_type = 'string' and v_text = '') then
    return 'null';
  end if;
  case (field).kind
    when 'text' then
      if v_type = 'string' and length(v_text) <= 2000 then return to_jsonb(v_text); end if;
    when 'number' then
      if (v_type = 'number' or v_type = 'string' and v_text ~ '^[-+]?[0-9]{1,15}(\.[0-9]{1,6})?$') and length(v_text) <= 24
         and abs(v_text::numeric) < 1e15 and scale(trim_scale(v_text::numeric)) <= 6 then
        return to_jsonb(trim_scale(v_text::numeric));
      end if;
    when 'date' then
      if v_type = 'string' and v_text ~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}$' and pg_input_is_valid(v_text, 'date') then return to_jsonb(v_text); end if;
    when 'yes_no' then
      if v_type = 'boolean' then return value; end if;
    when 'choice' then
      if v_type = 'string' and v_text = any ((field).choices) then return to_jsonb(v_text); end if;
    when 'phone' then
      if v_type = 'string' and v_text ~ '^\+[1-9][0-9]{6,14}$' then return to_jsonb(v_text); end if;
    when 'url' then
      if v_type = 'string' and v_text ~* '^https?://[^\s/?#]+\.[^\s]+$' and length(v_text) <= 2000 then return to_jsonb(v_text); end if;
  end case;
  return null;
end;
$$;
comment on function private.checked_value is 'A value as a field keeps it, JSON null for an empty one, or SQL null when it is none of its kind.';

create function private.checked_custom(org_id uuid, given jsonb, before jsonb default '{}') returns jsonb
  language plpgsql stable security definer set search_path = ''
as $$
declare
  v_field  public.lead_fields;
  v_result jsonb := before;
  v_value  jsonb;
  r        record;
begin
  if jsonb_typeof(given) is distinct from 'object' then
    raise sqlstate 'PT422' using message = 'Fields come as an object.', detail = 'not_an_object', hint = '{"key": value}';
  end if;
  for r in select e.key, e.value from jsonb_each(given) e loop
    select f.* into v_field from public.lead_fields f
     where f.org_id = checked_custom.org_id and f.key = r.key and f.archived_at is null;
    if not found then
      raise sqlstate 'PT422' using message = format('There is no field "%s".', left(r.key, 40)), detail = 'field_unknown', hint = 'Reload the fields.';
    end if;
    if r.value is not distinct from before -> r.key then      -- as it was: also a choice that is not offered any more
      continue;
    end if;
    v_value := private.checked_value(v_field, r.value);
    if v_value is null then
      raise sqlstate 'PT422' using message = format('"%s" is not filled in as it should be.', v_field.label), detail = 'value_invalid',
        hint = case v_field.kind when 'number' then 'A number with at most six decimals.' when 'date' then 'YYYY-MM-DD.' when 'yes_no' then 'true or false.'
                 when 'choice' then left('One of: ' || array_to_string(v_field.choices, ', '), 500) when 'phone' then 'Plus sign, country code, number.'
                 when 'url' then 'An address that begins with https://.' else 'At most 2,000 characters.' end;
    end if;
    v_result := case when v_value = 'null' then v_result - r.key else v_result || jsonb_build_object(r.key, v_value) end;
  end loop;
  select f.* into v_field from public.lead_fields f
   where f.org_id = checked_custom.org_id and f.is_required and f.archived_at is null and not v_result ? f.key order by f.position limit 1;
  if found then
    raise sqlstate 'PT422' using message = format('"%s" must be filled in.', v_field.label), detail = 'value_missing', hint = v_field.key;
  end if;
  return v_result;
end;
$$;
comment on function private.checked_custom is
  'Custom values after a change: those before with the given ones, null or empty to remove one. Raises PT422 not_an_object, field_unknown, value_invalid, '
  'value_missing. Definer: called beneath RLS.';

create function private.set_lead_fields(org_id uuid, lead_id uuid, version int, fields jsonb) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_lead   public.leads := private.lead_for_change(set_lead_fields.org_id, set_lead_fields.lead_id, set_lead_fields.version);
  v_custom jsonb := private.checked_custom(set_lead_fields.org_id, set_lead_fields.fields, v_lead.custom);
begin
  if v_custom <> v_lead.custom then
    update public.leads l set custom = v_custom, version = l.version + 1 where l.org_id = v_lead.org_id and l.id = v_lead.id
    returning l.version into v_lead.version;
    insert into public.lead_activities (org_id, lead_id, actor, kind, details)
    select v_lead.org_id, v_lead.id, auth.uid(), 'fields_set', jsonb_object_agg(k, jsonb_build_object('from', v_lead.custom -> k, 'to', v_custom -> k))
      from jsonb_object_keys(v_lead.custom || v_custom) k where v_lead.custom -> k is distinct from v_custom -> k;
  end if;
  return jsonb_build_object('lead_id', v_lead.id, 'custom', v_custom, 'version', v_lead.version);
end;
$$;
comment on function private.set_lead_fields is 'Body of public.set_lead_fields. Definer: nobody may write leads directly.';
create function public.set_lead_fields(org_id uuid, lead_id uuid, version int, fields jsonb) returns jsonb
  language sql volatile set search_path = ''
begin atomic
  select private.set_lead_fields(org_id, lead_id, version, fields);
end;
comment on function public.set_lead_fields is
  'Fills in fields of a lead: {key: value}, null to empty one, others stay. Returns {lead_id, custom, version}. Raises PT404, PT409 lead_changed, '
  'PT422 not_an_object, field_unknown, value_invalid, value_missing.';
grant execute on function private.set_lead_fields, public.set_lead_fields to authenticated;

-- Tags -------------------------------------------------------------------------------------------------------------

create function private.save_tag(org_id uuid, name text, colour text, tag_id uuid) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_name   text := left(regexp_replace(btrim(save_tag.name), '\s+', ' ', 'g'), 41);
  v_colour text := lower(nullif(btrim(save_tag.colour), ''));
  v_id     uuid := save_tag.tag_id;
begin
  perform private.require_role(save_tag.org_id, case when v_id is null then 'agent' else 'admin' end);
  if v_name is null or length(v_name) not between 1 and 40 then
    raise sqlstate 'PT422' using message = 'A tag has 1 to 40 characters.', detail = 'name_invalid', hint = 'Choose a shorter name.';
  elsif v_colour !~ '^#[0-9a-f]{6}$' then
    raise sqlstate 'PT422' using message = 'A colour looks like #1a2b3c.', detail = 'colour_invalid', hint = 'Choose one, or none.';
  end if;
  begin
    if v_id is null then
      insert into public.tags (org_id, name, colour) values (save_tag.org_id, v_name, v_colour) returning id into v_id;
    else
      update public.tags t set name = v_name, colour = v_colour where t.org_id = save_tag.org_id and t.id = v_id returning t.id into v_id;
    end if;
  exception when unique_violation then
    raise sqlstate 'PT409' using message = format('There is already a tag "%s".', v_name), detail = 'tag_exists', hint = 'Use that one.';
  end;
  if v_id is null then
    raise sqlstate 'PT404' using message = 'There is no such tag.', detail = 'tag_not_found', hint = 'Reload the tags.';
  end if;
  perform private.audit(save_tag.org_id, 'tag.saved', 'tag', v_id::text);
  return jsonb_build_object('tag_id', v_id);
end;
$$;
comment on function private.save_tag is 'Body of public.save_tag. Definer: nobody may write tags directly.';
create function public.save_tag(org_id uuid, name text, colour text default null, tag_id uuid default null) returns jsonb
  language sql volatile set search_path = ''
begin atomic
  select private.save_tag(org_id, name, colour, tag_id);
end;
comment on function public.save_tag is
  'Makes a tag, or with tag_id renames one, which is for admins; returns {tag_id}. Raises PT403, PT404, PT409 tag_exists, PT422 name_invalid, colour_invalid.';
grant execute on function private.save_tag, public.save_tag to authenticated;

create function private.delete_tag(org_id uuid, tag_id uuid) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_count int;
begin
  perform private.require_role(delete_tag.org_id, 'admin');
  perform from public.tags t where t.org_id = delete_tag.org_id and t.id = delete_tag.tag_id for update;
  if not found then
    raise sqlstate 'PT404' using message = 'There is no such tag.', detail = 'tag_not_found', hint = 'Reload the tags.';
  end if;
  delete from public.lead_tags t where t.org_id = delete_tag.org_id and t.tag_id = delete_tag.tag_id;
  get diagnostics v_count = row_count;
  delete from public.tags t where t.org_id = delete_tag.org_id and t.id = delete_tag.tag_id;
  perform private.audit(delete_tag.org_id, 'tag.deleted', 'tag', delete_tag.tag_id::text, jsonb_build_object('leads', v_count));
  return jsonb_build_object('tag_id', delete_tag.tag_id, 'leads', v_count);
end;
$$;
comment on function private.delete_tag is 'Body of public.delete_tag. Definer: nobody may write tags directly.';
create function public.delete_tag(org_id uuid, tag_id uuid) returns jsonb
  language sql volatile set search_path = ''
begin atomic
  select private.delete_tag(org_id, tag_id);
end;
comment on function public.delete_tag is 'Removes a tag everywhere, for admins; returns {tag_id, leads: how many carried it}. Raises PT403, PT404.';
grant execute on function private.delete_tag, public.delete_tag to authenticated;

create function private.tag_lead(org_id uuid, lead_id uuid, tag_id uuid, is_on boolean) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_version int;
  v_name    text;
  v_count   int;
begin
  perform private.require_role(tag_lead.org_id, 'agent');
  select l.version into v_version from public.leads l where l.org_id = tag_lead.org_id and l.id = tag_lead.lead_id for no key update;
  if not found then
    raise sqlstate 'PT404' using message = 'There is no such lead.', detail = 'lead_not_found';
  end if;
  select t.name into v_name from public.tags t where t.org_id = tag_lead.org_id and t.id = tag_lead.tag_id for key share;
  if not found then
    raise sqlstate 'PT404' using message = 'There is no such tag.', detail = 'tag_not_found', hint = 'Reload the tags.';
  end if;
  if tag_lead.is_on then
    if (select count(*) from public.lead_tags t where t.org_id = tag_lead.org_id and t.lead_id = tag_lead.lead_id and t.tag_id <> tag_lead.tag_id) >= 50 then
      raise sqlstate 'PT409' using message = 'A lead carries at most 50 tags.', detail = 'too_many_tags', hint = 'Take one off first.';
    end if;
    insert into public.lead_tags (org_id, lead_id, tag_id) values (tag_lead.org_id, tag_lead.lead_id, tag_lead.tag_id) on conflict do nothing;
  else
    delete from public.lead_tags t where t.org_id = tag_lead.org_id and t.lead_id = tag_lead.lead_id and t.tag_id = tag_lead.tag_id;
  end if;
  get diagnostics v_count = row_count;
  if v_count > 0 then
    update public.leads l set version = l.version + 1 where l.org_id = tag_lead.org_id and l.id = tag_lead.lead_id returning l.version into v_version;
    insert into public.lead_activities (org_id, lead_id, actor, kind, details)
    values (tag_lead.org_id, tag_lead.lead_id, auth.uid(), case when tag_lead.is_on then 'tagged' else 'untagged' end,
            jsonb_build_object('tag', tag_lead.tag_id, 'name', v_name));
  end if;
  return jsonb_build_object('lead_id', tag_lead.lead_id, 'tag_id', tag_lead.tag_id, 'is_on', tag_lead.is_on, 'version', v_version);
end;
$$;
comment on function private.tag_lead is 'Body of public.tag_lead. Definer: nobody may write tags directly.';
create function public.tag_lead(org_id uuid, lead_id uuid, tag_id uuid, is_on boolean default true) returns jsonb
  language sql volatile set search_path = ''
begin atomic
  select private.tag_lead(org_id, lead_id, tag_id, coalesce(is_on, true));
end;
comment on function public.tag_lead is
  'Puts a tag on a lead, or takes it off; twice is once. Returns {lead_id, tag_id, is_on, version}. Raises PT404 lead_not_found, tag_not_found, PT409 too_many_tags.';
grant execute on function private.tag_lead, public.tag_lead to authenticated;
