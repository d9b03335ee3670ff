-- 301_contact_points.sql: all telephone numbers and e-mail addresses that a contact is known by; contacts.phone and .email are the first of them.

create table public.contact_points (
  org_id     uuid not null,
  contact_id uuid not null,
  kind       text not null,
  value      text not null,
  label      text,
  source     text not null default 'lead',
  is_primary boolean not null default false,
  created_at timestamptz not null default now(),
  primary key (org_id, contact_id, kind, value),
  constraint contact_point_is_of_a_contact_of_its_organization foreign key (org_id, contact_id)
    references public.contacts (org_id, id) on delete cascade,
  constraint contact_point_kind_is_known check (kind in ('phone', 'email')),
  constraint contact_point_is_e164_or_lower_case check (
    case kind when 'phone' then value ~ '^\+[1-9][0-9]{6,14}$' else value = lower(btrim(value)) and value <> '' end),
  constraint contact_point_label_is_short check (label = btrim(label) and length(label) between 1 and 40),
  constraint contact_point_source_is_known check (source in ('lead', 'whatsapp', 'person'))
);
comment on table public.contact_points is
  'Every number and address of a contact, the first one too. A number leads to one contact of an organization; an address may be shared, as a firm''s is.';
comment on column public.contact_points.org_id is 'The organization.';
comment on column public.contact_points.contact_id is 'The person.';
comment on column public.contact_points.kind is 'phone or email.';
comment on column public.contact_points.value is 'E.164 with the plus sign; or the address, trimmed and lower-cased.';
comment on column public.contact_points.label is 'What a member calls it: office, wife, 1 to 40 characters; null: nothing.';
comment on column public.contact_points.source is 'lead: came with an enquiry or a file; whatsapp: they wrote from it; person: a member typed it.';
comment on column public.contact_points.is_primary is 'It is contacts.phone or contacts.email. Set by the trigger on contacts alone.';
comment on column public.contact_points.created_at is 'When Flow first knew that it is theirs; of several who share an address, the earliest gets what comes by it alone.';
create unique index contact_phone_leads_to_one_contact on public.contact_points (org_id, value) where kind = 'phone';
create index contact_points_email on public.contact_points (org_id, value, created_at, contact_id) where kind = 'email';
alter table public.contact_points enable row level security;
create policy "Members can read the numbers and addresses of their contacts"
  on public.contact_points for select to authenticated
  using (org_id = any (array(select private.my_org_ids())));
grant select on public.contact_points to authenticated;

-- In step with contacts --------------------------------------------------------------------------------------

create function private.tg_contacts__add_points() returns trigger
  language plpgsql volatile security definer set search_path = ''
as $$
begin
  insert into public.contact_points (org_id, contact_id, kind, value, source, is_primary)
  select n.org_id, n.id, x.kind, x.value, case when coalesce(n.wa_id, n.user_id) is null then 'lead' else 'whatsapp' end, true
    from new_contacts n
   cross join lateral (values ('phone', n.phone), ('email', nullif(lower(btrim(n.email)), ''))) x (kind, value)
   where x.value is not null
   order by 1, 2, 3;
  return null;
end;
$$;
comment on function private.tg_contacts__add_points is 'A new contact''s number and address are its first points. Raises 23505 when another contact holds the number: whoever stores it looks again.';
create trigger contacts_add_points after insert on public.contacts referencing new table as new_contacts
  for each statement execute function private.tg_contacts__add_points();

create function private.tg_contacts__keep_points() returns trigger
  language plpgsql volatile security definer set search_path = ''
as $$
begin
  if new.phone is distinct from old.phone then
    -- The old number stays: who writes or enquires from it is still this person.
    update public.contact_points p set is_primary = false where p.org_id = new.org_id and p.contact_id = new.id and p.kind = 'phone' and p.is_primary;
  end if;
  if new.email is distinct from old.email then
    -- Another address is a correction. public.make_contact_point_primary keeps the one it puts back.
    delete from public.contact_points p where p.org_id = new.org_id and p.contact_id = new.id and p.kind = 'email' and p.value = old.email;
  end if;
  insert into public.contact_points (org_id, contact_id, kind, value, source, is_primary)
  select new.org_id, new.id, x.kind, x.value, case when auth.uid() is not null then 'person' when new.wa_id = ltrim(x.value, '+') then 'whatsapp' else 'lead' end, true
    from (values ('phone', new.phone, old.phone), ('email', new.email, old.email)) x (kind, value, before)
   where x.value is distinct from x.before and x.value is not null
      on conflict (org_id, contact_id, kind, value) do update set is_primary = true;
  return null;
end;
$$;
comment on function private.tg_contacts__keep_points is 'The one place that keeps points in step when a contact''s first number or address changes. Raises 23505 when another contact holds the number.';
create trigger contacts_keep_points after update of phone, email on public.contacts
  for each row when (old.phone is distinct from new.phone or old.email is distinct from new.email)
  execute function private.tg_contacts__keep_points();

create function private.add_given_points(org_id uuid, ids uuid[], people private.person[]) returns void
  language plpgsql volatile security definer set search_path = '' set plan_cache_mode = 'force_generic_plan'
as $$
#variable_conflict use_column
declare
  v_org_id uuid := add_given_points.org_id;
begin
  insert into public.contact_points (org_id, contact_id, kind, value)
  select distinct v_org_id, ids[u.ordinality], x.kind, x.value
    from unnest(people) with ordinality u
   cross join lateral (
     select 'phone', p from unnest(u.phones) p union all
     select 'email', e from unnest(u.emails) e union all
     select 'email', u.email where u.email is not null) x (kind, value)
   where (select k.value from public.contact_points k
           where k.org_id = v_org_id and k.contact_id between ids[u.ordinality] and ids[u.ordinality] and k.kind = x.kind and k.value = x.value
           order by k.contact_id limit 1) is null
   order by 2, 3, 4
      on conflict do nothing;
  if exists (select from unnest(people) u where cardinality(u.phones) > 0) then
    -- A further number that is somebody else's already may be a colleague's: nothing is joined by itself, a member is asked.
    perform private.note_claim(v_org_id, c.one, c.other)
       from (select distinct ids[u.ordinality] as one, k.contact_id as other
               from unnest(people) with ordinality u
              cross join lateral unnest(u.phones) p
               join public.contact_points k on k.org_id = v_org_id and k.kind = 'phone' and k.value = p
              where k.contact_id <> ids[u.ordinality] order by 1, 2) c;
  end if;
end;
$$;
comment on function private.add_given_points is
  'Further numbers and addresses that came with these people become points of their contacts (ids, in the order of people). A number that another contact holds stays there, and both are shown as likely duplicates.';

-- What members do ----------------------------------------------------------------------------------------------

create function private.read_point(kind text, value text) returns text
  language plpgsql immutable security invoker set search_path = ''
as $$
declare
  v_value text := case read_point.kind when 'phone' then btrim(read_point.value) when 'email' then lower(btrim(read_point.value)) end;
begin
  if read_point.kind is null or read_point.kind not in ('phone', 'email') then
    raise sqlstate 'PT422' using message = 'A contact has telephone numbers and e-mail addresses.', detail = 'kind_unknown', hint = 'phone or email.';
  elsif read_point.kind = 'phone' and coalesce(v_value, '') !~ '^\+[1-9][0-9]{6,14}$' then
    raise sqlstate 'PT422' using message = 'This is not a complete telephone number.', detail = 'phone_invalid',
      hint = 'Write it with plus sign and country code: +919812345678.';
  elsif read_point.kind = 'email' and (coalesce(v_value, '') !~ '^[^@\s]+@[^@\s]+$' or length(v_value) > 254) then
    raise sqlstate 'PT422' using message = 'This is not an e-mail address.', detail = 'email_invalid', hint = 'Write it like name@example.com.';
  end if;
  return v_value;
end;
$$;
comment on function private.read_point is 'The value as it is stored. Raises PT422 kind_unknown, phone_invalid, email_invalid.';

create function private.hold_contact(org_id uuid, contact_id uuid, kind text, value text) returns public.contacts
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_contact public.contacts;
begin
  perform private.require_role(hold_contact.org_id, 'agent');
  perform private.lock_people(hold_contact.org_id, array[private.read_point(hold_contact.kind, hold_contact.value)]);
  select c.* into v_contact from public.contacts c where c.org_id = hold_contact.org_id and c.id = hold_contact.contact_id for no key update;
  if not found then
    raise sqlstate 'PT404' using message = 'There is no such contact.', detail = 'contact_unknown', hint = 'Reload the page.';
  end if;
  perform private.refuse_erasing(hold_contact.org_id, array[hold_contact.contact_id]);
  return v_contact;
end;
$$;
comment on function private.hold_contact is 'The contact, locked, for a member who is about to change this point; leads with the same point wait. Raises PT401, PT404, PT422.';

create function private.contact_points_of(org_id uuid, contact_id uuid) returns jsonb
  language plpgsql stable security definer set search_path = ''
as $$
#variable_conflict use_column
begin
  return jsonb_build_object('contact_id', contact_points_of.contact_id, 'points', (
    select coalesce(jsonb_agg(jsonb_build_object('kind', p.kind, 'value', p.value, 'label', p.label, 'source', p.source, 'is_primary', p.is_primary)
             order by p.kind desc, p.is_primary desc, p.created_at, p.value), '[]')
      from public.contact_points p where p.org_id = contact_points_of.org_id and p.contact_id = contact_points_of.contact_id));
end;
$$;
comment on function private.contact_points_of is 'A contact''s points, numbers first, the primary before the others: {contact_id, points: [{kind, value, label, source, is_primary}]}.';

create function private.refuse_taken(org_id uuid, contact_id uuid, kind text, value text) returns void
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_holder uuid;
begin
  select p.contact_id into v_holder from public.contact_points p
   where p.org_id = refuse_taken.org_id and p.kind = refuse_taken.kind and p.value = refuse_taken.value and p.contact_id <> refuse_taken.contact_id
   order by p.created_at limit 1;
  if found then
    raise sqlstate 'PT409' using message = format('This %s is another contact''s already.', case refuse_taken.kind when 'phone' then 'number' else 'address' end),
      detail = 'point_taken', hint = 'contact_id=' || v_holder;
  end if;
end;
$$;
comment on function private.refuse_taken is 'Raises PT409 point_taken, naming the contact, when another one has this number or address.';

create function private.add_contact_point(org_id uuid, contact_id uuid, kind text, value text, label text) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_contact public.contacts := private.hold_contact(add_contact_point.org_id, add_contact_point.contact_id, add_contact_point.kind, add_contact_point.value);
  v_kind    text := add_contact_point.kind;
  v_value   text := private.read_point(add_contact_point.kind, add_contact_point.value);
  v_label   text := private.clean_text(add_contact_point.label, 40);
begin
  perform private.refuse_taken(v_contact.org_id, v_contact.id, v_kind, v_value);
  if (select count(*) from public.contact_points p where p.org_id = v_contact.org_id and p.contact_id = v_contact.id) >= 50 then
    raise sqlstate 'PT422' using message = 'A contact has at most 50 numbers and addresses.', detail = 'points_too_many', hint = 'Remove one that is not used.';
  end if;
  begin
    insert into public.contact_points as p (org_id, contact_id, kind, value, label, source)
    values (v_contact.org_id, v_contact.id, v_kind, v_value, v_label, 'person')
        on conflict (org_id, contact_id, kind, value) do update set label = coalesce(excluded.label, p.label);
  exception when unique_violation then         -- they have just written for the first time
    perform private.refuse_taken(v_contact.org_id, v_contact.id, v_kind, v_value);
    raise;
  end;
  update public.contacts c
     set phone = case when v_kind = 'phone' then coalesce(c.phone, v_value) else c.phone end,
         email = case when v_kind = 'email' then coalesce(c.email, v_value) else c.email end
   where c.org_id = v_contact.org_id and c.id = v_contact.id and (v_kind = 'phone' and c.phone is null or v_kind = 'email' and c.email is null);
  perform private.audit(v_contact.org_id, 'contact.point_added', 'contact', v_contact.id::text, jsonb_build_object('kind', v_kind));
  return private.contact_points_of(v_contact.org_id, v_contact.id);
end;
$$;
comment on function private.add_contact_point is 'Body of public.add_contact_point. Definer: nobody may write points directly.';
create function public.add_contact_point(org_id uuid, contact_id uuid, kind text, value text, label text default null) returns jsonb
  language sql volatile set search_path = ''
begin atomic
  select private.add_contact_point(org_id, contact_id, kind, value, label);
end;
comment on function public.add_contact_point is
  'Gives a contact a further number (kind phone, E.164) or address (kind email); its first becomes the primary. Again: changes the label only. Returns '
  '{contact_id, points: [{kind, value, label, source, is_primary}]}. Raises PT404, PT409 point_taken with hint contact_id=…, the contact that has it, PT422.';

create function private.remove_contact_point(org_id uuid, contact_id uuid, kind text, value text) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_contact public.contacts := private.hold_contact(remove_contact_point.org_id, remove_contact_point.contact_id, remove_contact_point.kind, remove_contact_point.value);
  v_value   text := private.read_point(remove_contact_point.kind, remove_contact_point.value);
begin
  if remove_contact_point.kind = 'phone' and v_value in (v_contact.phone, '+' || v_contact.wa_id) then
    raise sqlstate 'PT409' using message = 'Messages go to this number.', detail = 'point_in_use', hint = 'Make another number the primary one first.';
  elsif remove_contact_point.kind = 'phone' and exists (
    select from public.contact_identities i where i.org_id = v_contact.org_id and i.contact_id = v_contact.id and i.kind = 'wa_id' and '+' || i.value = v_value) then
    raise sqlstate 'PT409' using message = 'They wrote from this number on WhatsApp, so it stays theirs.', detail = 'point_in_use', hint = 'It cannot be removed.';
  end if;
  delete from public.contact_points p
   where p.org_id = v_contact.org_id and p.contact_id = v_contact.id and p.kind = remove_contact_point.kind and p.value = v_value;
  if found then
    update public.contacts c set email = null
     where c.org_id = v_contact.org_id and c.id = v_contact.id and remove_contact_point.kind = 'email' and c.email = v_value;
    perform private.queue_likeness(v_contact.org_id, v_contact.id);
    perform private.audit(v_contact.org_id, 'contact.point_removed', 'contact', v_contact.id::text, jsonb_build_object('kind', remove_contact_point.kind));
  end if;
  return private.contact_points_of(v_contact.org_id, v_contact.id);
end;
$$;
comment on function private.remove_contact_point is 'Body of public.remove_contact_point. Definer: nobody may write points directly.';
create function public.remove_contact_point(org_id uuid, contact_id uuid, kind text, value text) returns jsonb
  language sql volatile set search_path = ''
begin atomic
  select private.remove_contact_point(org_id, contact_id, kind, value);
end;
comment on function public.remove_contact_point is
  'Takes a number or address from a contact; one that is not there: nothing. The number that messages go to, or one they wrote from, stays. Returns as add_contact_point. Raises PT404, PT409 point_in_use, PT422.';

create function private.make_contact_point_primary(org_id uuid, contact_id uuid, kind text, value text) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_contact public.contacts := private.hold_contact(make_contact_point_primary.org_id, make_contact_point_primary.contact_id,
                                                    make_contact_point_primary.kind, make_contact_point_primary.value);
  v_value   text := private.read_point(make_contact_point_primary.kind, make_contact_point_primary.value);
  v_before  public.contact_points;
begin
  if not exists (select from public.contact_points p where p.org_id = v_contact.org_id and p.contact_id = v_contact.id
                    and p.kind = make_contact_point_primary.kind and p.value = v_value) then
    raise sqlstate 'PT404' using message = 'This contact has no such number or address.', detail = 'point_unknown', hint = 'Add it first.';
  end if;
  select p.* into v_before from public.contact_points p
   where p.org_id = v_contact.org_id and p.contact_id = v_contact.id and p.kind = 'email' and p.value = v_contact.email;
  -- What libphonenumber said was said of the other number.
  update public.contacts c
     set phone = case when make_contact_point_primary.kind = 'phone' then v_value else c.phone end,
         -- Answers go to the number they write from: that one changes only to another from which they have written.
         wa_id = coalesce((select i.value from public.contact_identities i
                            where i.org_id = c.org_id and i.contact_id = c.id and i.kind = 'wa_id' and '+' || i.value = v_value), c.wa_id),
         phone_kind = case when make_contact_point_primary.kind <> 'phone' or c.phone = v_value then c.phone_kind
                           when v_value ~ '^\+91[6-9][0-9]{9}$' then 'mobile' end,
         email = case when make_contact_point_primary.kind = 'email' then v_value else c.email end
   where c.org_id = v_contact.org_id and c.id = v_contact.id;
  if make_contact_point_primary.kind = 'email' and v_before.value <> v_value then
    insert into public.contact_points (org_id, contact_id, kind, value, label, source, created_at)
    values (v_before.org_id, v_before.contact_id, 'email', v_before.value, v_before.label, v_before.source, v_before.created_at);
  end if;
  perform private.audit(v_contact.org_id, 'contact.point_made_primary', 'contact', v_contact.id::text, jsonb_build_object('kind', make_contact_point_primary.kind));
  return private.contact_points_of(v_contact.org_id, v_contact.id);
end;
$$;
comment on function private.make_contact_point_primary is 'Body of public.make_contact_point_primary. Definer: nobody may write contacts'' numbers directly.';
create function public.make_contact_point_primary(org_id uuid, contact_id uuid, kind text, value text) returns jsonb
  language sql volatile set search_path = ''
begin atomic
  select private.make_contact_point_primary(org_id, contact_id, kind, value);
end;
comment on function public.make_contact_point_primary is
  'The contact''s first number or address from now on; the one before stays a point. On WhatsApp, a number they wrote from goes before one they did not. Returns as add_contact_point. Raises PT404 contact_unknown, point_unknown, PT422.';
grant execute on function private.add_contact_point, public.add_contact_point, private.remove_contact_point, public.remove_contact_point,
  private.make_contact_point_primary, public.make_contact_point_primary to authenticated;
