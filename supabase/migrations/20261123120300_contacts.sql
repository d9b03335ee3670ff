-- 300_contacts.sql: the people an organization may talk to, and how an incoming person finds the contact they already are.

-- Tables ---------------------------------------------------------------------------------------------------

create table public.contacts (
  org_id        uuid not null references public.organizations on delete restrict,
  id            uuid not null default gen_random_uuid(),
  name          text,
  name_at       timestamptz,
  phone         text,
  phone_given   text,
  phone_kind    text,
  country       text,
  email         text,
  company       text,
  address       text,
  city          text,
  state         text,
  pincode       text,
  wa_id         text,
  user_id       text,
  opted_out_at  timestamptz,
  greeted_at    timestamptz,
  custom        jsonb not null default '{}',
  created_at    timestamptz not null default now(),
  updated_at    timestamptz not null default now(),
  username      text,
  username_at   timestamptz,
  parent_user_id text,
  primary key (org_id, id),
  constraint contact_phone_is_unique_in_organization unique (org_id, phone),
  constraint contact_wa_id_is_unique_in_organization unique (org_id, wa_id),
  constraint contact_user_id_is_unique_in_organization unique (org_id, user_id),
  constraint contact_phone_is_e164 check (phone ~ '^\+[1-9][0-9]{6,14}$'),
  constraint contact_phone_kind_is_known check (phone_kind in ('mobile', 'fixed_line', 'fixed_line_or_mobile', 'other')),
  constraint contact_email_is_lower_case check (email = lower(email)),
  constraint contact_custom_is_an_object check (jsonb_typeof(custom) = 'object')
);
comment on table public.contacts is 'A person or firm that enquired or wrote; one row a person in an organization, however often they come back.';
comment on column public.contacts.org_id is 'The organization.';
comment on column public.contacts.id is 'Known to leads and conversations.';
comment on column public.contacts.name is 'As a person, a lead source or WhatsApp gave it; null while nobody has. A marketplace''s placeholder is never stored.';
comment on column public.contacts.name_at is
  'Meta''s time of the WhatsApp profile name that is now in name; null when a person or a lead source gave the name.';
comment on column public.contacts.phone is 'E.164 with the plus sign; null when no given number is valid.';
comment on column public.contacts.phone_given is 'The number as it was given, before it was parsed.';
comment on column public.contacts.phone_kind is 'What libphonenumber says of the number; null when nobody has asked it.';
comment on column public.contacts.country is 'ISO 3166 code as the source gave it; null when it gave none.';
comment on column public.contacts.email is 'Lower-cased; not unique, firms share addresses.';
comment on column public.contacts.company is 'As given.';
comment on column public.contacts.address is 'As given.';
comment on column public.contacts.city is 'As given; marketplaces sometimes put a PIN code here.';
comment on column public.contacts.state is 'As given.';
comment on column public.contacts.pincode is 'As given.';
comment on column public.contacts.wa_id is 'WhatsApp''s own number for this person, without plus; null until WhatsApp has told it.';
comment on column public.contacts.user_id is 'WhatsApp''s business-scoped user id; null until WhatsApp has told it.';
comment on column public.contacts.opted_out_at is 'Set when the person asked for no more messages; nothing that Flow sends by itself goes out while it is set.';
comment on column public.contacts.greeted_at is 'When the last automatic greeting was queued; null when never.';
comment on column public.contacts.custom is 'What the organization adds: field to value. Flow reads nothing here.';
comment on column public.contacts.created_at is 'When Flow first knew the person.';
comment on column public.contacts.updated_at is 'Last change of the row.';
comment on column public.contacts.username is 'The WhatsApp username of the person''s profile; null while WhatsApp has told none.';
comment on column public.contacts.username_at is 'Meta''s time of the message that told the username; the newest counts.';
comment on column public.contacts.parent_user_id is 'WhatsApp''s user id at the business''s parent portfolio; null while WhatsApp has told none.';

create index contacts_email on public.contacts (org_id, email, created_at, id) where email is not null;
create index contacts_newest on public.contacts (org_id, created_at desc, id desc);
-- By what a list calls them: a list of leads sorted by name walks it. Cut, because nothing bounds a name and an entry must fit its page.
create index contacts_by_name on public.contacts (org_id, (lower(left(coalesce(nullif(name, ''), nullif(company, '')), 100)) collate "C"), id);

alter table public.contacts enable row level security;
create policy "Members can read the contacts of their organizations"
  on public.contacts for select to authenticated
  using (org_id = any (array(select private.my_org_ids())));
create policy "Members can correct the contacts of their organizations"
  on public.contacts for update to authenticated
  using (org_id = any (array(select private.my_org_ids_as('agent', 'admin', 'owner'))))
  with check (org_id = any (array(select private.my_org_ids_as('agent', 'admin', 'owner'))));
grant select on public.contacts to authenticated;
grant update (name, email, company, address, city, state, pincode, custom) on public.contacts to authenticated;

-- Names: a person's correction stands against later WhatsApp profile names -----------------------------------

create function private.tg_contacts__note_corrections() returns trigger
  language plpgsql volatile security invoker set search_path = ''
as $$
begin
  -- Functions run as their owner; two profile names of one second leave name_at as it is.
  if current_user = 'authenticated' and new.name is distinct from old.name and new.name_at is not distinct from old.name_at then
    new.name_at := null;
  end if;
  new.email := lower(nullif(btrim(new.email), ''));
  new.updated_at := now();
  return new;
end;
$$;
comment on function private.tg_contacts__note_corrections is
  'A name that a person changes is no profile name any more: name_at becomes null. Keeps email lower-cased and updated_at true.';
create trigger contacts_note_corrections
  before update on public.contacts
  for each row execute function private.tg_contacts__note_corrections();

-- Reading a person -------------------------------------------------------------------------------------------

create type private.person as (
  name text, phone text, phone_given text, phone_kind text, country text, email text,
  company text, address text, city text, state text, pincode text, phones text[], emails text[]
);
comment on type private.person is 'A person as a source gave them, cleaned: input of private.resolve_contacts.';

create function private.clean_text(value text, max_length int) returns text
  language sql immutable security invoker set search_path = ''
as $$
  select nullif(left(btrim(clean_text.value), clean_text.max_length), '')
$$;
comment on function private.clean_text is 'Trimmed and capped; null when nothing is left.';

create function private.read_points(given jsonb, form text, first text) returns text[]
  language plpgsql immutable security invoker set search_path = ''
as $$
begin
  if jsonb_typeof(read_points.given) is distinct from 'array' then
    return null;
  end if;
  return nullif(array(
    select p.value from (select distinct lower(btrim(e.value)) as value from jsonb_array_elements_text(read_points.given) e) p
     where p.value ~ read_points.form and length(p.value) <= 254 and p.value is distinct from read_points.first
     order by p.value limit 10), '{}');
end;
$$;
comment on function private.read_points is 'At most ten further numbers or addresses that have this form, without the first; null when there are none.';

create function private.read_person(person jsonb) returns private.person
  language plpgsql immutable security invoker set search_path = ''
as $$
declare
  v_given jsonb := case when jsonb_typeof(read_person.person) = 'object' then read_person.person else '{}' end;
  v_phone text := btrim(v_given ->> 'phone');
  v_is_e164 boolean := coalesce(v_phone ~ '^\+[1-9][0-9]{6,14}$', false);
  v_email text := lower(private.clean_text(v_given ->> 'email', 254));
  v_kind text := v_given ->> 'phone_kind';
  v_phones text[] := private.read_points(v_given -> 'phones', '^\+[1-9][0-9]{6,14}$', v_phone);
  v_emails text[] := private.read_points(v_given -> 'emails', '^[^@\s]+@[^@\s]+$', v_email);
begin
  -- Who has a further one has a first one.
  if not v_is_e164 and v_phones is not null then
    v_phone := v_phones[1];
    v_kind := null;
    v_is_e164 := true;
  end if;
  if not coalesce(v_email ~ '^[^@\s]+@[^@\s]+$', false) then
    v_email := v_emails[1];
  end if;
  return row(
    private.clean_text(v_given ->> 'name', 200),
    case when v_is_e164 then v_phone end,
    private.clean_text(coalesce(v_given ->> 'phone_given', v_given ->> 'phone'), 100),
    case when not v_is_e164 then null
         when v_kind in ('mobile', 'fixed_line', 'fixed_line_or_mobile', 'other') then v_kind
         -- Indian mobile numbers can be told without libphonenumber.
         when v_kind is null and v_phone ~ '^\+91[6-9][0-9]{9}$' then 'mobile' end,
    case when upper(v_given ->> 'country') ~ '^[A-Z]{2}$' then upper(v_given ->> 'country') end,
    case when v_email ~ '^[^@\s]+@[^@\s]+$' then v_email end,
    private.clean_text(v_given ->> 'company', 300),
    private.clean_text(v_given ->> 'address', 1000),
    private.clean_text(v_given ->> 'city', 200),
    private.clean_text(v_given ->> 'state', 200),
    private.clean_text(v_given ->> 'pincode', 20),
    array_remove(v_phones, v_phone),
    array_remove(v_emails, v_email)
  )::private.person;
end;
$$;
comment on function private.read_person is
  'Reads {name, phone, phone_given, phone_kind, country, email, company, address, city, state, pincode, phones, emails: further ones}. A number that is not E.164 counts as none and stays in phone_given.';

-- Finding or making contacts -----------------------------------------------------------------------------------

-- Two batches that bring the same new person must end in one contact, and neither may wait for the other in a
-- circle. Every batch first takes the locks of all its people in ascending order. 128 of them an organization, so
-- that a batch of any size holds few; two people who share one merely wait for each other.
create function private.lock_people(org_id uuid, identities text[]) returns void
  language plpgsql volatile security invoker set search_path = ''
as $$
declare
  v_bucket int;
begin
  for v_bucket in
    select distinct hashtext(i) & 127 from unnest(lock_people.identities) i where i is not null order by 1
  loop
    perform pg_advisory_xact_lock(hashtext('flow.people.' || lock_people.org_id), v_bucket);
  end loop;
end;
$$;
comment on function private.lock_people is
  'Holds, until the transaction ends, everybody else who stores one of these phones, addresses or lead ids. Once a transaction, before the first write.';

create function private.resolve_contacts(org_id uuid, people private.person[]) returns uuid[]
  language plpgsql volatile security definer set search_path = '' set plan_cache_mode = 'force_generic_plan'
as $$
#variable_conflict use_column
declare
  v_org_id uuid := resolve_contacts.org_id;
  v_people private.person[] := resolve_contacts.people;
  v_new uuid[];
  v_ids uuid[];
begin
  -- Look-ups are subqueries that ask for a range of one value and its order: only the index on that value serves them.
  -- A plan made while the table was empty would else walk all contacts of the organization for each person.

  -- 1. A contact known by e-mail alone gets the number that now comes with the address. A number goes to one contact,
  --    should its batch name several addresses, and a contact gets one number.
  with newcomer as (
    select distinct on (u.phone) u.ordinality, u.phone, u.phone_given, u.phone_kind,
           (select c.at from public.contact_points k
             cross join lateral (select o.ctid as at from public.contacts o
                                  where o.org_id = v_org_id and o.id between k.contact_id and k.contact_id and o.phone is null order by o.id limit 1) c
             where k.org_id = v_org_id and k.kind = 'email' and k.value between u.email and u.email
             order by k.value, k.created_at, k.contact_id limit 1) as at
      from unnest(v_people) with ordinality u
     where u.phone is not null and u.email is not null
       and (select k.contact_id from public.contact_points k
       where k.org_id = v_org_id and k.kind = 'phone' and k.value between u.phone and u.phone order by k.value limit 1) is null
     order by u.phone, u.ordinality
  ), chosen as materialized (
    select distinct on (n.at) n.* from newcomer n where n.at is not null order by n.at, n.ordinality
  )
  update public.contacts c
     set phone = n.phone, phone_given = n.phone_given, phone_kind = n.phone_kind
    from chosen n
   where c.ctid = n.at;

  -- 2. One contact for each number that nobody has.
  insert into public.contacts (org_id, phone, phone_given, phone_kind, name, country, email, company, address, city, state, pincode)
  select distinct on (u.phone) v_org_id, u.phone, u.phone_given, u.phone_kind, u.name, u.country, u.email, u.company, u.address, u.city, u.state, u.pincode
    from unnest(v_people) with ordinality u
   where u.phone is not null
     and (select k.contact_id from public.contact_points k
       where k.org_id = v_org_id and k.kind = 'phone' and k.value between u.phone and u.phone order by k.value limit 1) is null
   order by u.phone, u.ordinality
      on conflict do nothing;

  -- 3. One for each address without a number that nobody has, not even somebody in this batch.
  insert into public.contacts (org_id, email)
  select distinct v_org_id, u.email from unnest(v_people) u
   where u.phone is null and u.email is not null
     and (select k.contact_id from public.contact_points k
       where k.org_id = v_org_id and k.kind = 'email' and k.value between u.email and u.email order by k.value limit 1) is null
     and not exists (select from unnest(v_people) o where o.phone is not null and o.email = u.email)
   order by u.email;

  -- 4. Who has neither cannot be recognized: a contact each.
  v_new := array(select gen_random_uuid() from unnest(v_people) u);
  insert into public.contacts (org_id, id)
  select v_org_id, v_new[u.ordinality] from unnest(v_people) with ordinality u
   where u.phone is null and u.email is null;

  -- 5. Who is who. An address alone may also belong to somebody with a number in this batch.
  v_ids := array(
    select case
        when u.phone is not null then
          (select k.contact_id from public.contact_points k
       where k.org_id = v_org_id and k.kind = 'phone' and k.value between u.phone and u.phone order by k.value limit 1)
        when u.email is null then v_new[u.ordinality]
        else coalesce(
          (select k.contact_id from public.contact_points k
            where k.org_id = v_org_id and k.kind = 'email' and k.value between u.email and u.email
            order by k.value, k.created_at, k.contact_id limit 1),
          (select k.contact_id from public.contact_points k,
                 (select o.phone from unnest(v_people) with ordinality o
                   where o.phone is not null and o.email = u.email order by o.ordinality limit 1) same
            where k.org_id = v_org_id and k.kind = 'phone' and k.value between same.phone and same.phone order by k.value limit 1)) end
      from unnest(v_people) with ordinality u
     order by u.ordinality);

  -- 6. Fill what is empty, never change what is there. Rows are locked in order of their ids.
  with given as materialized (
    select v_ids[u.ordinality] as id,
           (array_agg(u.name order by u.ordinality) filter (where u.name is not null))[1] as name,
           (array_agg(u.phone_given order by u.ordinality) filter (where u.phone_given is not null))[1] as phone_given,
           (array_agg(u.phone_kind order by u.ordinality) filter (where u.phone_kind is not null))[1] as phone_kind,
           (array_agg(u.country order by u.ordinality) filter (where u.country is not null))[1] as country,
           (array_agg(u.email order by u.ordinality) filter (where u.email is not null))[1] as email,
           (array_agg(u.company order by u.ordinality) filter (where u.company is not null))[1] as company,
           (array_agg(u.address order by u.ordinality) filter (where u.address is not null))[1] as address,
           (array_agg(u.city order by u.ordinality) filter (where u.city is not null))[1] as city,
           (array_agg(u.state order by u.ordinality) filter (where u.state is not null))[1] as state,
           (array_agg(u.pincode order by u.ordinality) filter (where u.pincode is not null))[1] as pincode
      from unnest(v_people) with ordinality u
     group by 1
     order by 1
  ), lacking as materialized (
    select g.id, c.at
      from given g
     cross join lateral (
       select k.ctid as at from public.contacts k
        where k.org_id = v_org_id and k.id between g.id and g.id
          and ((k.name is null and g.name is not null)
            or (k.phone_given is null and g.phone_given is not null)
            or (k.phone_kind is null and k.phone is not null and g.phone_kind is not null)
            or (k.country is null and g.country is not null)
            or (k.email is null and g.email is not null)
            or (k.company is null and g.company is not null)
            or (k.address is null and g.address is not null)
            or (k.city is null and g.city is not null)
            or (k.state is null and g.state is not null)
            or (k.pincode is null and g.pincode is not null))
        order by k.id limit 1
          for no key update) c
  )
  update public.contacts c
     set name = coalesce(c.name, g.name),
         phone_given = coalesce(c.phone_given, g.phone_given),
         phone_kind = coalesce(c.phone_kind, case when c.phone is not null then g.phone_kind end),
         country = coalesce(c.country, g.country),
         email = coalesce(c.email, g.email),
         company = coalesce(c.company, g.company),
         address = coalesce(c.address, g.address),
         city = coalesce(c.city, g.city),
         state = coalesce(c.state, g.state),
         pincode = coalesce(c.pincode, g.pincode)
    from lacking l join given g on g.id = l.id
   where c.ctid = l.at;

  -- 7. What else they can be reached by.
  perform private.add_given_points(v_org_id, v_ids, v_people);
  return v_ids;
end;
$$;
comment on function private.resolve_contacts is
  'The contact of each person, in their order: the one that any of whose numbers it is, else the one with the same e-mail address, else a new one. Two people with one address and two numbers stay two: a message to the wrong number is worse than a double. Fills empty fields only. The caller holds private.lock_people. Definer: called beneath RLS.';

create function private.resolve_contact(org_id uuid, person jsonb) returns uuid
  language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_person private.person := private.read_person(resolve_contact.person);
begin
  perform private.lock_people(resolve_contact.org_id, array[v_person.phone, v_person.email] || v_person.phones || v_person.emails);
  perform private.refuse_suppressed(resolve_contact.org_id, v_person);
  return (private.resolve_contacts(resolve_contact.org_id, array[v_person]))[1];
end;
$$;
comment on function private.resolve_contact is
  'private.resolve_contacts for one person given as JSON; takes the locks itself. Raises PT409 suppressed for an erased person whom nobody has met again. Definer: called beneath RLS.';
