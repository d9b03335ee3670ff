-- 681_duplicates.sql: contacts that are likely the same person: found by themselves, with reasons; a member merges them, or says that they are not.
--
-- A trigger queues a contact that appears or changes. A job works the queue off: it writes the contact's blocking keys and compares it with
-- those who share one, never with everybody. A key that more than 100 contacts share says nothing and is passed over, so the work for each
-- contact is bounded however many there are.

create table private.duplicate_queue (
  org_id     uuid not null,
  contact_id uuid not null,
  queued_at  timestamptz not null default clock_timestamp(),
  primary key (org_id, contact_id),
  constraint queued_contact_is_of_its_organization foreign key (org_id, contact_id) references public.contacts (org_id, id) on delete cascade
);
comment on table private.duplicate_queue is 'Contacts that appeared or changed and have not been compared with others since.';
comment on column private.duplicate_queue.org_id is 'The organization.';
comment on column private.duplicate_queue.contact_id is 'The contact.';
comment on column private.duplicate_queue.queued_at is 'Since when; the oldest is next.';
create index duplicate_queue_oldest on private.duplicate_queue (queued_at, org_id, contact_id);
alter table private.duplicate_queue enable row level security;

create table private.duplicate_keys (
  org_id     uuid not null,
  contact_id uuid not null,
  key        text not null,
  primary key (org_id, contact_id, key),
  constraint key_is_of_a_contact_of_its_organization foreign key (org_id, contact_id) references public.contacts (org_id, id) on delete cascade
);
comment on table private.duplicate_keys is 'By what a contact may be recognized as another: who shares no key with it is never compared with it.';
comment on column private.duplicate_keys.org_id is 'The organization.';
comment on column private.duplicate_keys.contact_id is 'The contact.';
comment on column private.duplicate_keys.key is 'Kind and folded value: m: address, p: last nine digits, c: company and first letters of the name, n: name and place, t: beginning of a word of the name and place.';
create index duplicate_keys_key on private.duplicate_keys (org_id, key, contact_id);
alter table private.duplicate_keys enable row level security;
-- No policies and no grants: only the functions below read these two.

create table public.likely_duplicates (
  org_id     uuid not null,
  one        uuid not null,
  other      uuid not null,
  reasons    text[] not null,
  score      int not null,
  found_at   timestamptz not null default now(),
  denied_at  timestamptz,
  denied_by  uuid,
  primary key (org_id, one, other),
  constraint likely_one_is_a_contact_of_the_organization foreign key (org_id, one) references public.contacts (org_id, id) on delete cascade,
  constraint likely_other_is_a_contact_of_the_organization foreign key (org_id, other) references public.contacts (org_id, id) on delete cascade,
  constraint likely_pair_is_in_order check (one < other),
  constraint likely_score_is_percent check (score between 0 and 100)
);
comment on table public.likely_duplicates is 'Two contacts that may be one person. What members said about a pair is kept, whatever is found later.';
comment on column public.likely_duplicates.org_id is 'The organization.';
comment on column public.likely_duplicates.one is 'The contact with the lower id.';
comment on column public.likely_duplicates.other is 'The contact with the higher id.';
comment on column public.likely_duplicates.reasons is
  'Why: gave_their_number, same_number_written_differently, same_number_other_country, same_email, same_name_and_company, similar_name_and_company, same_name_and_place, similar_name_and_place.';
comment on column public.likely_duplicates.score is 'How likely, 0 to 100; private.likeness_words says it in words.';
comment on column public.likely_duplicates.found_at is 'When it was first found.';
comment on column public.likely_duplicates.denied_at is 'When a member said that they are not the same; null: nobody has.';
comment on column public.likely_duplicates.denied_by is 'That member. No foreign key: it outlives the membership.';
create index likely_duplicates_list on public.likely_duplicates (org_id, score desc, one, other) where denied_at is null;
create index likely_duplicates_other on public.likely_duplicates (org_id, other);
alter table public.likely_duplicates enable row level security;
create policy "Members can read which contacts are likely the same"
  on public.likely_duplicates for select to authenticated
  using (org_id = any (array(select private.my_org_ids())));
grant select on public.likely_duplicates to authenticated;

------------------------------------------------------------------------------------------------
-- The queue
------------------------------------------------------------------------------------------------
create function private.tg_contacts__queue_new() returns trigger
  language plpgsql volatile security definer set search_path = ''
as $$
begin
  insert into private.duplicate_queue (org_id, contact_id)
  select n.org_id, n.id from new_contacts n order by 1, 2
      on conflict do nothing;
  return null;
end;
$$;
comment on function private.tg_contacts__queue_new is 'New contacts are compared with others, later.';
create trigger contacts_queue_new after insert on public.contacts referencing new table as new_contacts
  for each statement execute function private.tg_contacts__queue_new();

create function private.queue_likeness(org_id uuid, contact_id uuid) returns void
  language sql volatile security definer set search_path = ''
as $$
  -- The newer time tells the job that what it has read is no longer true.
  insert into private.duplicate_queue (org_id, contact_id) values (queue_likeness.org_id, queue_likeness.contact_id)
      on conflict (org_id, contact_id) do update set queued_at = excluded.queued_at
$$;
comment on function private.queue_likeness is 'This contact is to be compared with others again.';

create function private.tg_contacts__queue_changed() returns trigger
  language plpgsql volatile security definer set search_path = ''
as $$
begin
  perform private.queue_likeness(new.org_id, new.id);
  return null;
end;
$$;
comment on function private.tg_contacts__queue_changed is 'Contacts that changed in what they are recognized by are compared with others again, later.';
create trigger contacts_queue_changed after update of name, company, city, state, pincode, phone_given, phone, email on public.contacts
  for each row when ((old.name, old.company, old.city, old.state, old.pincode, old.phone_given, old.phone, old.email)
    is distinct from (new.name, new.company, new.city, new.state, new.pincode, new.phone_given, new.phone, new.email))
  execute function private.tg_contacts__queue_changed();

create function private.tg_contact_points__queue() returns trigger
  language plpgsql volatile security definer set search_path = ''
as $$
begin
  -- The first ones come and change with their contact, which queues itself.
  perform private.queue_likeness(p.org_id, p.contact_id)
     from (select distinct n.org_id, n.contact_id from new_points n where not n.is_primary order by 1, 2) p;
  return null;
end;
$$;
comment on function private.tg_contact_points__queue is 'A further number or address: its contact is compared with others again, later.';
create trigger contact_points_queue_added after insert on public.contact_points referencing new table as new_points
  for each statement execute function private.tg_contact_points__queue();

------------------------------------------------------------------------------------------------
-- Keys and likeness
------------------------------------------------------------------------------------------------
create function private.fold_name(words text) returns text
  language plpgsql immutable security invoker set search_path = ''
as $$
begin
  return nullif(btrim(regexp_replace(regexp_replace(lower(normalize(left(fold_name.words, 200), NFKC)), '[!-/:-@\[-`{-~।॥]+', ' ', 'g'),
    '(\m(mr|mrs|ms|dr|shri|smt|sri|pvt|private|ltd|limited|llp|inc|co|company|and|the)\M|\s)+', ' ', 'g')), '');
end;
$$;
comment on function private.fold_name is 'A name or company as it is compared: lower case, no punctuation, titles or legal forms; null when nothing is left.';

create function private.name_words(words text) returns text[]
  language plpgsql immutable security invoker set search_path = ''
as $$
begin
  return array(select distinct w from regexp_split_to_table(private.fold_name(name_words.words), '\s+') w where length(w) > 0 order by 1 limit 6);
end;
$$;
comment on function private.name_words is 'The words of a folded name, each once, in order: Kumar Rajesh is Rajesh Kumar.';

create function private.contact_keys(contact public.contacts) returns text[]
  language plpgsql stable security definer set search_path = ''
as $$
declare
  v_words   text[] := private.name_words((contact).name);
  v_company text := private.fold_name((contact).company);
  v_places  text[] := array(select distinct private.fold_name(p) from unnest(array[(contact).city, (contact).state, (contact).pincode]) p where private.fold_name(p) is not null);
  v_given   text := regexp_replace((contact).phone_given, '\D', '', 'g');
begin
  return array(
    select 'm:' || p.value from public.contact_points p where p.org_id = (contact).org_id and p.contact_id = (contact).id and p.kind = 'email'
    union select 'p:' || right(p.value, 9) from public.contact_points p where p.org_id = (contact).org_id and p.contact_id = (contact).id and p.kind = 'phone'
    union select 'p:' || right(v_given, 9) where length(v_given) between 9 and 16
    union select 'c:' || left(v_company, 60) || ':' || array_to_string(array(select left(w, 2) from unnest(v_words) w order by 1), '') where v_company is not null and v_words <> '{}'
    union select 'c:' || left(v_company, 60) || ':' || left(w, 4) from unnest(v_words) w where v_company is not null and length(w) >= 3
    union select 'n:' || p || ':' || array_to_string(array(select left(w, 2) from unnest(v_words) w order by 1), '') from unnest(v_places) p where cardinality(v_words) > 1
    union select 'n:' || p || ':' || left(array_to_string(v_words, ' '), 60) from unnest(v_places) p where cardinality(v_words) > 1
    union select 't:' || p || ':' || left(w, 4) from unnest(v_places) p, unnest(v_words) w where cardinality(v_words) > 1 and length(w) >= 4);
end;
$$;
comment on function private.contact_keys is 'The blocking keys of a contact, of private.duplicate_keys.';

create function private.likeness(a public.contacts, b public.contacts, out reasons text[], out score int)
  language plpgsql stable security definer set search_path = ''
as $$
declare
  v_name_a  text := array_to_string(private.name_words((a).name), ' ');
  v_name_b  text := array_to_string(private.name_words((b).name), ' ');
  v_alike   int := 0;
  v_company int := 0;
  v_place   boolean;
  v_unlike  int := 100;
  r         text;
begin
  reasons := '{}';
  if v_name_a <> '' and v_name_b <> '' then
    v_alike := (extensions.similarity(v_name_a, v_name_b) * 100)::int;
  end if;
  if private.fold_name((a).company) is not null and private.fold_name((b).company) is not null then
    v_company := (extensions.similarity(private.fold_name((a).company), private.fold_name((b).company)) * 100)::int;
  end if;
  v_place := coalesce(private.fold_name((a).city) = private.fold_name((b).city), false) or coalesce((a).pincode = (b).pincode, false)
             or ((a).city is null or (b).city is null) and coalesce(private.fold_name((a).state) = private.fold_name((b).state), false);
  with numbers as (
    select p.contact_id = (a).id as is_a, ltrim(p.value, '+') as digits from public.contact_points p
     where p.org_id = (a).org_id and p.contact_id in ((a).id, (b).id) and p.kind = 'phone'
    union select x.is_a, regexp_replace(x.given, '\D', '', 'g') from (values (true, (a).phone_given), (false, (b).phone_given)) x (is_a, given)
     where length(regexp_replace(x.given, '\D', '', 'g')) between 9 and 16
  )
  select max(case when right(x.digits, 10) = right(y.digits, 10) then 'same_number_written_differently'
                  when right(x.digits, 9) = right(y.digits, 9) then 'same_number_other_country' end) into r
    from numbers x join numbers y on x.is_a and not y.is_a
   where right(x.digits, 9) = right(y.digits, 9);
  reasons := reasons || case when r is not null then array[r] else '{}' end;
  if exists (select from public.contact_points p join public.contact_points q on q.org_id = p.org_id and q.kind = 'email' and q.value = p.value and q.contact_id = (b).id
              where p.org_id = (a).org_id and p.contact_id = (a).id and p.kind = 'email') then
    reasons := reasons || 'same_email'::text;
  end if;
  if v_alike >= 50 and v_company >= 70 then
    reasons := reasons || case when v_alike = 100 then 'same_name_and_company' else 'similar_name_and_company' end;
  end if;
  if v_alike >= 60 and v_place and position(' ' in v_name_a) > 0 and position(' ' in v_name_b) > 0 then
    reasons := reasons || case when v_alike = 100 then 'same_name_and_place' else 'similar_name_and_place' end;
  end if;
  -- Each reason leaves less room for doubt; a name that is quite another gives some back.
  foreach r in array reasons loop
    v_unlike := v_unlike * (100 - case r when 'same_number_written_differently' then 85 when 'same_number_other_country' then 65 when 'same_email' then 60
                                         when 'same_name_and_company' then 75 when 'similar_name_and_company' then 55
                                         when 'same_name_and_place' then 50 else 35 end) / 100;
  end loop;
  score := 100 - v_unlike;
  if v_name_a <> '' and v_name_b <> '' and v_alike < 20 then
    score := score * 7 / 10;
  elsif v_alike >= 80 and reasons && '{same_email,same_number_written_differently,same_number_other_country}' then
    score := score + (100 - score) / 2;
  end if;
end;
$$;
comment on function private.likeness is 'Why two contacts may be one person, and how likely, 0 to 100; no reasons and 0 when nothing speaks for it.';

create function private.likeness_words(score int) returns text
  language sql immutable security invoker set search_path = ''
as $$
  select case when score >= 90 then 'almost certain' when score >= 75 then 'very likely' when score >= 55 then 'likely' else 'possible' end
$$;
comment on function private.likeness_words is 'A score in words: almost certain (90 and more), very likely (75), likely (55), possible.';

create function private.reason_words(reason text) returns text
  language sql immutable security invoker set search_path = ''
as $$
  select case reason
    when 'gave_their_number' then 'One gave the other''s number as a further one'
    when 'same_number_written_differently' then 'The same last ten digits: one number, written in two ways'
    when 'same_number_other_country' then 'The same number, read for two countries'
    when 'same_email' then 'The same e-mail address'
    when 'same_name_and_company' then 'The same name at the same company'
    when 'similar_name_and_company' then 'Similar names at the same company'
    when 'same_name_and_place' then 'The same name in the same place'
    when 'similar_name_and_place' then 'Very similar names in the same place' end
$$;
comment on function private.reason_words is 'A reason of likely_duplicates as a sentence.';

create function private.note_claim(org_id uuid, one uuid, other uuid) returns void
  language sql volatile security definer set search_path = ''
as $$
  insert into public.likely_duplicates as d (org_id, one, other, reasons, score)
  values (note_claim.org_id, least(note_claim.one, note_claim.other), greatest(note_claim.one, note_claim.other), '{gave_their_number}', 80)
      on conflict (org_id, one, other) do update
     set reasons = case when 'gave_their_number' = any (d.reasons) then d.reasons else d.reasons || 'gave_their_number'::text end, score = greatest(d.score, 80)
$$;
comment on function private.note_claim is 'An enquiry of one contact came with a number that is the other''s: both are likely one.';

create function private.forget_likeness(org_id uuid, contact_id uuid) returns void
  language plpgsql volatile security definer set search_path = ''
as $$
begin
  delete from private.duplicate_queue q where q.org_id = forget_likeness.org_id and q.contact_id = forget_likeness.contact_id;
  delete from private.duplicate_keys k where k.org_id = forget_likeness.org_id and k.contact_id = forget_likeness.contact_id;
  delete from public.likely_duplicates d where d.org_id = forget_likeness.org_id and d.one = forget_likeness.contact_id;
  delete from public.likely_duplicates d where d.org_id = forget_likeness.org_id and d.other = forget_likeness.contact_id;
end;
$$;
comment on function private.forget_likeness is 'Nothing is kept by which a contact could be recognized as another.';
