-- 363_enquiry_forms.sql: enquiry forms that Flow hosts for an organization; a submission is a lead, or refused as spam.

create table public.enquiry_forms (
  org_id      uuid not null references public.organizations on delete restrict,
  id          uuid not null default gen_random_uuid(),
  source_id   uuid not null,
  slug        text not null,
  title       text not null,
  intro       text,
  thanks      text,
  privacy_url text,
  fields      jsonb not null,
  products    text[] not null default '{}',
  frames      text[] not null default '{}',
  greet       boolean not null default true,
  is_on       boolean not null default true,
  created_at  timestamptz not null default now(),
  updated_at  timestamptz not null default now(),
  primary key (org_id, id),
  constraint form_source_is_of_the_organization foreign key (org_id, source_id) references public.lead_sources (org_id, id) on delete restrict,
  constraint form_title_has_1_to_120_characters check (title = btrim(title) and length(title) between 1 and 120),
  constraint form_texts_are_short check (length(concat(intro, thanks)) <= 2000),
  constraint form_privacy_address_is_https check (privacy_url ~ '^https://[^\s<>"]{3,500}$'),
  constraint form_fields_are_an_object check (jsonb_typeof(fields) = 'object'),
  constraint form_has_at_most_50_products check (cardinality(products) <= 50),
  constraint form_frames_are_sites check (array_to_string(frames, ' ') ~ '^(https://[a-z0-9.-]+(:[0-9]{1,5})?( |$)){0,10}$')
);
comment on table public.enquiry_forms is 'Forms at /f/<slug> on which anybody can enquire at an organization.';
comment on column public.enquiry_forms.org_id is 'The organization.';
comment on column public.enquiry_forms.id is 'Names the form inside the organization.';
comment on column public.enquiry_forms.source_id is 'The source that its leads come from: one a form.';
comment on column public.enquiry_forms.slug is 'What its address ends in. Not a secret, but not to be guessed; a new one makes the old address worthless.';
comment on column public.enquiry_forms.title is 'Its heading.';
comment on column public.enquiry_forms.intro is 'A sentence under the heading; null: none.';
comment on column public.enquiry_forms.thanks is 'What is said after it was sent; null: Flow''s own words.';
comment on column public.enquiry_forms.privacy_url is 'The organization''s privacy policy, linked beside the consent.';
comment on column public.enquiry_forms.fields is 'Which fields are shown: {name, phone, email, company, city, product, message: required, optional or hidden}. Phone or e-mail is always asked.';
comment on column public.enquiry_forms.products is 'What can be chosen as product; empty: typed.';
comment on column public.enquiry_forms.frames is 'Sites that may show the form in a frame.';
comment on column public.enquiry_forms.greet is 'Whether who agreed to messages is greeted as the greeting rules say.';
comment on column public.enquiry_forms.is_on is 'False: its address says that the form is closed.';
comment on column public.enquiry_forms.created_at is 'When it was made.';
comment on column public.enquiry_forms.updated_at is 'When it was last changed.';
create unique index enquiry_forms_slug on public.enquiry_forms (slug);
create index enquiry_forms_source on public.enquiry_forms (org_id, source_id);
alter table public.enquiry_forms enable row level security;
create policy "Members can see the forms of their organization" on public.enquiry_forms
  for select to authenticated using (org_id = any (array(select private.my_org_ids())));
grant select on public.enquiry_forms to authenticated;
create trigger enquiry_forms_touch before update on public.enquiry_forms for each row execute function private.touch_updated_at();

create table public.enquiry_form_days (
  org_id   uuid not null,
  form_id  uuid not null,
  day      date not null,
  accepted int not null default 0,
  refused  int not null default 0,
  primary key (org_id, form_id, day),
  constraint form_day_is_of_a_form foreign key (org_id, form_id) references public.enquiry_forms (org_id, id) on delete cascade
);
comment on table public.enquiry_form_days is 'How often each form was sent, by day in the organization''s time zone.';
comment on column public.enquiry_form_days.org_id is 'The organization.';
comment on column public.enquiry_form_days.form_id is 'The form.';
comment on column public.enquiry_form_days.day is 'The day.';
comment on column public.enquiry_form_days.accepted is 'Submissions that became leads, or joined one.';
comment on column public.enquiry_form_days.refused is 'Submissions refused as spam or as too many; nothing of them is kept.';
alter table public.enquiry_form_days enable row level security;
create policy "Members can see how often the forms of their organization were sent" on public.enquiry_form_days
  for select to authenticated using (org_id = any (array(select private.my_org_ids())));
grant select on public.enquiry_form_days to authenticated;

create table private.form_senders (
  org_id      uuid not null,
  form_id     uuid not null,
  sender_hash bytea not null,
  hour        timestamptz not null,
  times       int not null default 1,
  primary key (org_id, form_id, sender_hash, hour),
  constraint form_sender_is_of_a_form foreign key (org_id, form_id) references public.enquiry_forms (org_id, id) on delete cascade
);
comment on table private.form_senders is 'How often a network sent a form in an hour; kept for a day.';
comment on column private.form_senders.org_id is 'The organization.';
comment on column private.form_senders.form_id is 'The form.';
comment on column private.form_senders.sender_hash is 'Keyed hash of the network''s address, made by the worker: the address itself is not kept.';
comment on column private.form_senders.hour is 'The hour.';
comment on column private.form_senders.times is 'How often.';
create index form_senders_old on private.form_senders (hour);
alter table private.form_senders enable row level security;

-- Setting one up ---------------------------------------------------------------------------------------------

create function private.form_fields(given jsonb) returns jsonb
  language plpgsql immutable set search_path = ''
as $$
declare
  c_known constant text[] := array['name', 'phone', 'email', 'company', 'city', 'product', 'message'];
  v_fields jsonb := '{"name": "required", "phone": "required", "email": "optional", "company": "hidden", "city": "hidden", "product": "optional", "message": "optional"}';
begin
  if given is null then
    return v_fields;
  elsif jsonb_typeof(given) <> 'object' or exists (
    select from jsonb_each_text(given) f where f.key <> all (c_known) or f.value is null or f.value not in ('required', 'optional', 'hidden')
  ) then
    raise sqlstate 'PT422' using message = 'A field is required, optional or hidden.', detail = 'fields_invalid', hint = 'Fields: ' || array_to_string(c_known, ', ') || '.';
  end if;
  v_fields := v_fields || given;
  if v_fields ->> 'phone' <> 'required' and v_fields ->> 'email' <> 'required' then
    raise sqlstate 'PT422' using message = 'A form asks for a phone number or an e-mail address.', detail = 'fields_unreachable', hint = 'Make one of them required.';
  end if;
  return v_fields;
end;
$$;
comment on function private.form_fields is 'Which fields a form shows, with what was not said as usual. Raises PT422 fields_invalid, fields_unreachable.';

create function private.save_enquiry_form(org_id uuid, form jsonb, form_id uuid) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_org    uuid := save_enquiry_form.org_id;
  v_id     uuid := save_enquiry_form.form_id;
  v_old    public.enquiry_forms;
  v_new    public.enquiry_forms;
  v_key    text;
begin
  perform private.require_role(v_org, 'admin');
  if jsonb_typeof(form) is distinct from 'object' then
    raise sqlstate 'PT422' using message = 'A form is an object.', detail = 'not_an_object', hint = 'Give its title at least.';
  end if;
  select k into v_key from jsonb_object_keys(form) k
   where k not in ('title', 'intro', 'thanks', 'privacy_url', 'fields', 'products', 'frames', 'greet', 'is_on') limit 1;
  if found then
    raise sqlstate 'PT422' using message = format('A form has no "%s".', v_key), detail = 'setting_unknown',
      hint = 'It has title, intro, thanks, privacy_url, fields, products, frames, greet, is_on.';
  end if;
  perform from public.organizations o where o.id = v_org for no key update;
  if v_id is not null then
    select f.* into v_old from public.enquiry_forms f where (f.org_id, f.id) = (v_org, v_id) for no key update;
    if not found then
      raise sqlstate 'PT404' using message = 'There is no such form.', detail = 'form_not_found';
    end if;
  elsif (select count(*) from public.enquiry_forms f where f.org_id = v_org) >= 20 then
    raise sqlstate 'PT409' using message = 'There are 20 forms already.', detail = 'too_many_forms', hint = 'Change one of them.';
  end if;
  v_new := v_old;
  v_new.title := case when form ? 'title' then left(regexp_replace(btrim(form ->> 'title'), '\s+', ' ', 'g'), 121) else v_old.title end;
  v_new.intro := case when form ? 'intro' then nullif(btrim(form ->> 'intro'), '') else v_old.intro end;
  v_new.thanks := case when form ? 'thanks' then nullif(btrim(form ->> 'thanks'), '') else v_old.thanks end;
  v_new.privacy_url := case when form ? 'privacy_url' then nullif(btrim(form ->> 'privacy_url'), '') else v_old.privacy_url end;
  v_new.fields := private.form_fields(case when form ? 'fields' then form -> 'fields' else v_old.fields end);
  v_new.products := case when jsonb_typeof(form -> 'products') = 'array'
    then array(select p from (select distinct on (p) left(btrim(x), 200) as p, n from jsonb_array_elements_text(form -> 'products') with ordinality u (x, n)) d where p <> '' order by n)
    else coalesce(v_old.products, '{}') end;
  v_new.frames := case when jsonb_typeof(form -> 'frames') = 'array'
    then array(select lower(rtrim(btrim(x), '/')) from jsonb_array_elements_text(form -> 'frames') x) else coalesce(v_old.frames, '{}') end;
  v_new.greet := coalesce((form ->> 'greet')::boolean, v_old.greet, true);
  v_new.is_on := coalesce((form ->> 'is_on')::boolean, v_old.is_on, true);
  if v_new.title is null or length(v_new.title) not between 1 and 120 then
    raise sqlstate 'PT422' using message = 'A form has a title of 1 to 120 characters.', detail = 'title_invalid', hint = 'Field: title.';
  elsif v_new.privacy_url !~ '^https://[^\s<>"]{3,500}$' then
    raise sqlstate 'PT422' using message = 'The privacy policy has an address that begins with https://.', detail = 'privacy_url_invalid', hint = 'Field: privacy_url.';
  elsif array_to_string(v_new.frames, ' ') !~ '^(https://[a-z0-9.-]+(:[0-9]{1,5})?( |$)){0,10}$' then
    raise sqlstate 'PT422' using message = 'A site is written like https://www.example.com.', detail = 'frames_invalid', hint = 'At most ten of them.';
  elsif length(concat(v_new.intro, v_new.thanks)) > 2000 or cardinality(v_new.products) > 50 then
    raise sqlstate 'PT422' using message = 'The texts have at most 2,000 characters, and there are at most 50 products.', detail = 'form_too_long', hint = 'Shorten them.';
  end if;
  if v_id is null then
    insert into public.lead_sources (org_id, kind, name) values (v_org, 'form', v_new.title) returning id into v_new.source_id;
    insert into public.enquiry_forms (org_id, source_id, slug, title, intro, thanks, privacy_url, fields, products, frames, greet, is_on)
    values (v_org, v_new.source_id, private.new_slug(), v_new.title, v_new.intro, v_new.thanks, v_new.privacy_url, v_new.fields, v_new.products, v_new.frames, v_new.greet, v_new.is_on)
    returning * into v_new;
  else
    update public.enquiry_forms f
       set title = v_new.title, intro = v_new.intro, thanks = v_new.thanks, privacy_url = v_new.privacy_url, fields = v_new.fields,
           products = v_new.products, frames = v_new.frames, greet = v_new.greet, is_on = v_new.is_on
     where (f.org_id, f.id) = (v_org, v_id) returning f.* into v_new;
    update public.lead_sources s set name = v_new.title where (s.org_id, s.id) = (v_org, v_new.source_id) and s.name <> v_new.title;
  end if;
  perform private.audit(v_org, 'form.saved', 'enquiry_form', v_new.id::text, '{}');
  return jsonb_build_object('form_id', v_new.id, 'slug', v_new.slug);
exception when invalid_text_representation then
  raise sqlstate 'PT422' using message = 'greet and is_on are true or false.', detail = 'setting_invalid', hint = 'Fields: greet, is_on.';
end;
$$;
comment on function private.save_enquiry_form is 'Body of public.save_enquiry_form. Definer: nobody may write the table.';

create function private.new_slug() returns text
  language sql volatile set search_path = ''
as $$ select translate(encode(extensions.gen_random_bytes(12), 'base64'), '+/=', '-_') $$;
comment on function private.new_slug is 'Sixteen characters that nobody guesses.';

create function public.save_enquiry_form(org_id uuid, form jsonb, form_id uuid default null) returns jsonb
  language sql volatile set search_path = ''
begin atomic
  select private.save_enquiry_form(org_id, form, form_id);
end;
comment on function public.save_enquiry_form is
  'Makes an enquiry form, or changes one: {title, intro, thanks, privacy_url, fields: {name, phone, email, company, city, product, message: required, optional or hidden}, products: [text], frames: [site], greet, is_on}; what is not given stays. Admins. '
  'Returns {form_id, slug}: it stands at /f/<slug>. Raises PT403, PT404 form_not_found, PT409 too_many_forms, PT422.';
grant execute on function private.save_enquiry_form, public.save_enquiry_form to authenticated;

create function private.move_enquiry_form(org_id uuid, form_id uuid) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_slug text := private.new_slug();
begin
  perform private.require_role(move_enquiry_form.org_id, 'admin');
  update public.enquiry_forms f set slug = v_slug where (f.org_id, f.id) = (move_enquiry_form.org_id, move_enquiry_form.form_id);
  if not found then
    raise sqlstate 'PT404' using message = 'There is no such form.', detail = 'form_not_found';
  end if;
  perform private.audit(move_enquiry_form.org_id, 'form.moved', 'enquiry_form', move_enquiry_form.form_id::text, '{}');
  return jsonb_build_object('form_id', move_enquiry_form.form_id, 'slug', v_slug);
end;
$$;
comment on function private.move_enquiry_form is 'Body of public.move_enquiry_form. Definer: nobody may write the table.';
create function public.move_enquiry_form(org_id uuid, form_id uuid) returns jsonb
  language sql volatile set search_path = ''
begin atomic
  select private.move_enquiry_form(org_id, form_id);
end;
comment on function public.move_enquiry_form is 'Gives a form another address, at once; the old one leads nowhere. Admins. Returns {form_id, slug}. Raises PT403, PT404 form_not_found.';
grant execute on function private.move_enquiry_form, public.move_enquiry_form to authenticated;

-- What the worker asks ----------------------------------------------------------------------------------------

create function worker.enquiry_form(slug text) returns jsonb
  language sql stable security definer set search_path = ''
as $$
  select jsonb_build_object('organization', o.name, 'country', o.country, 'title', f.title, 'intro', f.intro, 'thanks', f.thanks, 'privacy_url', f.privacy_url,
           'fields', f.fields, 'products', f.products, 'frames', f.frames, 'is_on', f.is_on)
    from public.enquiry_forms f join public.organizations o on o.id = f.org_id
   where f.slug = enquiry_form.slug and o.deleted_at is null
$$;
comment on function worker.enquiry_form is 'What the page at /f/<slug> shows, or null when there is none. Definer: service_role holds no tables.';
grant execute on function worker.enquiry_form(text) to service_role;

create function worker.submit_form(slug text, visit text, sender_hash text, lead jsonb, is_spam boolean default false) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  c_an_hour constant int := 20;
  v_form    public.enquiry_forms;
  v_zone    text;
  v_times   int;
  v_stored  jsonb;
  v_contact uuid;
  v_is_ok   boolean := not submit_form.is_spam;
begin
  select f.* into v_form from public.enquiry_forms f join public.organizations o on o.id = f.org_id
   where f.slug = submit_form.slug and f.is_on and o.deleted_at is null;
  if not found then
    raise sqlstate 'PT404' using message = 'This form is closed.', detail = 'form_closed';
  end if;
  select o.time_zone into v_zone from public.organizations o where o.id = v_form.org_id;
  if v_is_ok then
    insert into private.form_senders as s (org_id, form_id, sender_hash, hour)
    values (v_form.org_id, v_form.id, decode(submit_form.sender_hash, 'hex'), date_trunc('hour', now()))
        on conflict (org_id, form_id, sender_hash, hour) do update set times = s.times + 1
    returning s.times into v_times;
    v_is_ok := v_times <= c_an_hour;
  end if;
  if v_is_ok then
    v_stored := private.store_leads(v_form.org_id, v_form.source_id, jsonb_build_array(
      (submit_form.lead - 'consent') || jsonb_build_object('external_id', submit_form.visit, 'greet',
        case when v_form.greet and submit_form.lead ->> 'consent' = 'true' then null::boolean else false end)));
    if v_stored #> '{errors,0}' is not null and v_stored #>> '{errors,0,reason}' <> 'conflicting_copy' then
      raise sqlstate 'PT422' using message = 'This enquiry cannot be stored.', detail = 'lead_refused', hint = v_stored #>> '{errors,0,reason}';
    end if;
    if v_stored -> 'inserted' = '1' and submit_form.lead ->> 'consent' = 'true' then
      -- Whoever types a number into a form need not be its owner: a form never takes back a "stop".
      select c.id into v_contact from public.leads l join public.contacts c on (c.org_id, c.id) = (l.org_id, l.contact_id)
       where l.org_id = v_form.org_id and l.source_id = v_form.source_id and l.external_id = submit_form.visit and c.opted_out_at is null;
      if found then
        perform private.record_consent(v_form.org_id, v_contact, now(), 'opt_in', 'form',
          jsonb_build_object('form_id', v_form.id, 'title', v_form.title), 'form ' || submit_form.visit);
      end if;
    end if;
  end if;
  insert into public.enquiry_form_days as d (org_id, form_id, day, accepted, refused)
  values (v_form.org_id, v_form.id, (now() at time zone v_zone)::date, v_is_ok::int, (not v_is_ok)::int)
      on conflict (org_id, form_id, day) do update set accepted = d.accepted + excluded.accepted, refused = d.refused + excluded.refused
   where v_stored is null or v_stored -> 'inserted' = '1';
  return jsonb_build_object('accepted', v_is_ok, 'too_many', coalesce(v_times > c_an_hour, false));
end;
$$;
comment on function worker.submit_form is
  'Takes what somebody sent with a form: visit is the id of the page they were shown (sent twice it is one lead), sender_hash the keyed hash of their network, lead as private.read_lead takes it, with consent: true when they agreed to messages. '
  'is_spam: only counted. Returns {accepted, too_many: more than 20 in an hour from that network}. Raises PT404 form_closed, PT422. Definer: service_role holds no tables.';
grant execute on function worker.submit_form(text, text, text, jsonb, boolean) to service_role;
