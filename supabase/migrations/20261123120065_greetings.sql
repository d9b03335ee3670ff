-- 65_greetings.sql: a new lead is greeted by itself, if the organization wants it for that lead.

create table public.greeting_settings (
  org_id        uuid primary key references public.organizations (id) on delete restrict,
  is_on         boolean not null default false,
  template_name text not null,
  language      text not null default 'en',
  params        text[] not null default '{}',
  lead_types    text[] not null default '{W,P,WA}',
  number_id     uuid,
  repeat_after  interval not null default interval '30 days',
  max_lead_age  interval not null default interval '7 days',
  updated_at    timestamptz not null default now(),
  constraint greeting_number_is_of_its_organization foreign key (org_id, number_id)
    references public.whatsapp_numbers (org_id, id) on delete set null (number_id),
  constraint greeting_never_answers_a_catalogue_view check (not 'BIZ' = any (lead_types)),
  constraint greeting_periods_are_positive check (repeat_after >= interval '0' and max_lead_age > interval '0')
);
comment on table public.greeting_settings is 'What an organization says to a new lead, and to which. No row: nobody is greeted.';
comment on column public.greeting_settings.org_id is 'The organization.';
comment on column public.greeting_settings.is_on is 'Off: new leads are not greeted; one asked for by hand still is.';
comment on column public.greeting_settings.template_name is 'The template.';
comment on column public.greeting_settings.language is 'The template''s language.';
comment on column public.greeting_settings.params is
  'A lead''s field for each value of the body, in order: name, company, product, title, city, state, phone or organization; '
  '"name|there" gives the words to use when the field is empty.';
comment on column public.greeting_settings.lead_types is
  'Which leads, by their type: IndiaMART W (enquiry), P (call), WA (WhatsApp), B (buy lead: only by choice); never BIZ (catalogue view), never unknown ones.';
comment on column public.greeting_settings.number_id is 'The number that greets; null: the organization''s first.';
comment on column public.greeting_settings.repeat_after is 'The same person is not greeted again before this has passed.';
comment on column public.greeting_settings.max_lead_age is 'Older enquiries (a backfill, an outage) are stored but not greeted.';
comment on column public.greeting_settings.updated_at is 'When it was last changed.';
create index greeting_settings_number on public.greeting_settings (org_id, number_id);
alter table public.greeting_settings enable row level security;
create policy "Members see their organization's greeting" on public.greeting_settings
  for select to authenticated using (org_id = any (array(select private.my_org_ids())));
grant select on public.greeting_settings to authenticated;

create function private.greeting_value(field text, lead public.leads, contact public.contacts) returns text
  language plpgsql stable security definer set search_path = ''
as $$
declare
  v_fallback text := case when strpos(field, '|') > 0 then split_part(field, '|', 2) end;
  v_value    text;
begin
  v_value := case split_part(field, '|', 1)
    when 'name' then (contact).name
    when 'company' then (contact).company
    when 'product' then coalesce(nullif((lead).product, ''), (lead).title)
    when 'title' then (lead).title
    when 'city' then (contact).city
    when 'state' then (contact).state
    when 'phone' then (contact).phone
    when 'organization' then (select o.name from public.organizations o where o.id = (lead).org_id)
  end;
  return private.clean_parameter(coalesce(nullif(btrim(v_value), ''), nullif(btrim(v_fallback), ''),
    case split_part(field, '|', 1) when 'name' then 'there' when 'product' then 'your enquiry' else '-' end));
end;
$$;
comment on function private.greeting_value is 'One value of the greeting from a lead and its contact: "field" or "field|words when empty"; never empty.';

create function private.greet_lead(lead public.leads) returns text
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_setting public.greeting_settings;
  v_contact public.contacts;
  v_number  public.whatsapp_numbers;
  v_id      bigint;
begin
  if (lead).greet_requested is false or (lead).lead_type = 'BIZ' and (lead).greet_requested is null then
    return null;
  elsif (lead).lead_type = 'BIZ' then
    return 'Catalogue views are never greeted';
  end if;
  select g.* into v_setting from public.greeting_settings g where g.org_id = (lead).org_id;
  if not found then
    return case when (lead).greet_requested then 'No greeting is set up' end;
  elsif (lead).greet_requested is null and
        (not v_setting.is_on or not coalesce((lead).lead_type = any (v_setting.lead_types), false)
         or (lead).received_at < now() - v_setting.max_lead_age) then
    return null;
  end if;
  -- The row is locked: two leads of one person at the same moment are greeted once.
  select c.* into v_contact from public.contacts c where c.org_id = (lead).org_id and c.id = (lead).contact_id for no key update;
  if v_contact.wa_id is null and (v_contact.phone is null or
       -- A kind that nobody has looked up is trusted only when a person asked.
       coalesce(v_contact.phone_kind, case when (lead).greet_requested then 'mobile' else 'other' end) not in ('mobile', 'fixed_line_or_mobile')) then
    return 'The contact has no mobile number';
  elsif v_contact.opted_out_at is not null then
    return 'They asked not to receive messages';
  elsif v_contact.greeted_at > now() - v_setting.repeat_after then
    return 'They were greeted lately';
  end if;
  begin
    select n.* into v_number from public.whatsapp_numbers n
     where n.org_id = (lead).org_id and n.id = v_setting.number_id and n.status <> 'disconnected';
    if not found then
      v_number := private.sending_number((lead).org_id);
    end if;
    v_id := private.enqueue_message((lead).org_id, v_number.id, v_contact.id,
      private.template_message((lead).org_id, v_number.account_id, v_setting.template_name, v_setting.language,
        (select coalesce(jsonb_agg(private.greeting_value(f, lead, v_contact) order by i), '[]')
           from unnest(v_setting.params) with ordinality u (f, i))), 'greeting');
  exception when sqlstate 'PT409' or sqlstate 'PT422' then
    return sqlerrm;
  end;
  update public.contacts c set greeted_at = now() where c.org_id = (lead).org_id and c.id = v_contact.id;
  insert into public.lead_activities (org_id, lead_id, kind, details)
  values ((lead).org_id, (lead).id, 'greeting_queued', jsonb_build_object('message_id', v_id));
  return null;
end;
$$;
comment on function private.greet_lead is
  'Queues the greeting of a new lead if the settings want it. Returns why not, in words, when it was wanted but cannot be; null otherwise.';

create function private.tg_leads__greets() returns trigger
  language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_lead   public.leads;
  v_reason text;
begin
  for v_lead in select n.* from new_leads n order by n.org_id, n.contact_id, n.received_at, n.id loop
    v_reason := private.greet_lead(v_lead);
    if v_reason is not null then
      insert into public.lead_activities (org_id, lead_id, kind, details)
      values (v_lead.org_id, v_lead.id, 'greeting_skipped', jsonb_build_object('reason', v_reason));
    end if;
  end loop;
  return null;
end;
$$;
comment on function private.tg_leads__greets is 'After leads are stored: greet each, or note in its timeline why not.';
create trigger leads_are_greeted after insert on public.leads referencing new table as new_leads
  for each statement execute function private.tg_leads__greets();

create function private.set_greeting(org_id uuid, setting jsonb) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_old     public.greeting_settings;
  v_new     public.greeting_settings;
  v_number  public.whatsapp_numbers;
  v_bad     text;
begin
  select g.* into v_old from public.greeting_settings g where g.org_id = set_greeting.org_id;
  v_new.template_name := coalesce(setting ->> 'template', v_old.template_name);
  v_new.language := coalesce(setting ->> 'language', v_old.language, 'en');
  v_new.params := coalesce((select array_agg(p order by i) from jsonb_array_elements_text(
                              case jsonb_typeof(setting -> 'params') when 'array' then setting -> 'params' end) with ordinality u (p, i)),
                           case when jsonb_typeof(setting -> 'params') = 'array' then '{}' else v_old.params end, '{}');
  v_new.lead_types := coalesce((select array_agg(t) from jsonb_array_elements_text(
                              case jsonb_typeof(setting -> 'lead_types') when 'array' then setting -> 'lead_types' end) t),
                           v_old.lead_types, '{W,P,WA}');
  v_new.is_on := coalesce((setting ->> 'on')::boolean, v_old.is_on, true);
  if v_new.template_name is null then
    raise sqlstate 'PT422' using message = 'A greeting needs a template', detail = 'template_missing', hint = 'Name an approved template.';
  end if;
  select string_agg(f, ', ') into v_bad from unnest(v_new.params) f
   where split_part(f, '|', 1) not in ('name', 'company', 'product', 'title', 'city', 'state', 'phone', 'organization');
  if v_bad is not null then
    raise sqlstate 'PT422' using message = format('A lead has no field %s', v_bad), detail = 'field_unknown',
      hint = 'Fields: name, company, product, title, city, state, phone, organization.';
  elsif 'BIZ' = any (v_new.lead_types) then
    raise sqlstate 'PT422' using message = 'Catalogue views (BIZ) are never greeted: the buyer did not write to you', detail = 'lead_type_refused',
      hint = 'Leave BIZ out.';
  end if;
  v_number := private.sending_number(set_greeting.org_id, setting ->> 'number');
  if setting ->> 'number' is not null then
    v_new.number_id := v_number.id;
  else
    v_new.number_id := v_old.number_id;
  end if;
  -- The same check as a send: the template exists, is approved and takes this many values.
  perform private.template_message(set_greeting.org_id, v_number.account_id, v_new.template_name, v_new.language,
    (select coalesce(jsonb_agg('x'::text), '[]') from unnest(v_new.params)));
  insert into public.greeting_settings as g (org_id, is_on, template_name, language, params, lead_types, number_id)
  values (set_greeting.org_id, v_new.is_on, v_new.template_name, v_new.language, v_new.params, v_new.lead_types, v_new.number_id)
  on conflict (org_id) do update
    set is_on = excluded.is_on, template_name = excluded.template_name, language = excluded.language, params = excluded.params,
        lead_types = excluded.lead_types, number_id = excluded.number_id, updated_at = now()
  returning g.* into v_new;
  perform private.audit(set_greeting.org_id, 'greeting.changed', 'greeting', set_greeting.org_id::text, setting);
  return jsonb_build_object('on', v_new.is_on, 'template', v_new.template_name, 'language', v_new.language,
    'params', to_jsonb(v_new.params), 'lead_types', to_jsonb(v_new.lead_types));
end;
$$;
comment on function private.set_greeting is
  'Changes the greeting: {template, language, params: [field], on, lead_types, number: phone number id}; what is not given stays. '
  'Returns the setting. Raises PT409 number_not_connected, PT422 template_…, field_unknown, lead_type_refused.';

create function private.set_my_greeting(org_id uuid, setting jsonb) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
begin
  perform private.require_role(set_my_greeting.org_id, 'admin');
  return private.set_greeting(set_my_greeting.org_id, set_my_greeting.setting);
end;
$$;
comment on function private.set_my_greeting is 'private.set_greeting for an admin.';
create function public.set_greeting(org_id uuid, setting jsonb) returns jsonb
  language sql volatile set search_path = ''
begin atomic
  select private.set_my_greeting(org_id, setting);
end;
comment on function public.set_greeting is
  'Changes the greeting of new leads: {template, language, params: [field], on, lead_types, number}. Admins. Returns the setting. Raises PT403, PT404, PT409, PT422.';
grant execute on function private.set_my_greeting, public.set_greeting to authenticated;

create function worker.set_greeting(org_id uuid, setting jsonb) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
begin
  perform worker.organization(set_greeting.org_id);
  return private.set_greeting(set_greeting.org_id, set_greeting.setting);
end;
$$;
comment on function worker.set_greeting is 'private.set_greeting for the operator. Raises PT404 too.';
grant execute on function worker.set_greeting to service_role;
