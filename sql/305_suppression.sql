-- 305_suppression.sql: people who were erased stay erased: keyed hashes of what they were known by, which every way in asks.
--
-- The rule (rights and retention): what others hand in about an erased person (files, sheets, marketplaces, the API, the phone's
-- address book and history, Flow's own sends) is not stored. A person who writes on WhatsApp after the erasure has acted themselves:
-- they are met as somebody new, of whom nothing is known, and the entry stays: an old file must not give the new record its old
-- data back. Only an owner takes an entry off the list, saying why.

create table private.suppressions (
  org_id        uuid not null references public.organizations on delete restrict,
  hash          bytea not null,
  kind          text not null,
  person_id     uuid not null,
  suppressed_at timestamptz not null default now(),
  refused       int not null default 0,
  refused_at    timestamptz,
  returned_at   timestamptz,
  lifted_at     timestamptz,
  lifted_by     uuid,
  lifted_why    text,
  primary key (org_id, hash),
  constraint suppression_kind_is_known check (kind in ('phone', 'email', 'user_id')),
  constraint suppression_hash_is_sha256 check (octet_length(hash) = 32),
  constraint suppression_is_lifted_for_a_reason check ((lifted_at is null) = (lifted_why is null))
);
comment on table private.suppressions is 'What erased people were known by, as HMAC-SHA-256 under a key in Vault: enough to recognize them, not enough to learn who they were.';
comment on column private.suppressions.org_id is 'The organization; also inside the hash, so that nobody is recognized across organizations.';
comment on column private.suppressions.hash is 'HMAC of organization, kind and value: E.164, lower-case address, or user id (BSUID).';
comment on column private.suppressions.kind is 'phone, email or user_id.';
comment on column private.suppressions.person_id is 'The contact that was erased: what belongs together is lifted together. No foreign key: it outlives the contact.';
comment on column private.suppressions.suppressed_at is 'Since when. A message of theirs from after it is a new beginning.';
comment on column private.suppressions.refused is 'How often something of theirs was turned away.';
comment on column private.suppressions.refused_at is 'When last.';
comment on column private.suppressions.returned_at is 'When they wrote by themselves after the erasure; null: they did not.';
comment on column private.suppressions.lifted_at is 'When an owner took it off the list; null: it counts.';
comment on column private.suppressions.lifted_by is 'That owner. No foreign key: it outlives the membership.';
comment on column private.suppressions.lifted_why is 'How they came to agree, in the owner''s words.';
create index suppressions_person on private.suppressions (org_id, person_id);
alter table private.suppressions enable row level security;
-- No policies and no grants: only the functions below read this table.

create function private.suppression_key() returns bytea
  language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_key text;
begin
  select s.decrypted_secret into v_key from vault.decrypted_secrets s where s.name = 'flow_suppression_key';
  if v_key is null then
    perform pg_advisory_xact_lock(hashtextextended('flow.suppression_key', 0));
    select s.decrypted_secret into v_key from vault.decrypted_secrets s where s.name = 'flow_suppression_key';
  end if;
  if v_key is null then
    if exists (select from private.suppressions) then     -- a new key would recognize nobody, and say nothing
      raise sqlstate 'PT503' using message = 'The key of the suppression list is missing from Vault.', detail = 'suppression_key_missing',
        hint = 'Restore the secret flow_suppression_key in Vault.';
    end if;
    v_key := encode(extensions.gen_random_bytes(32), 'base64');
    perform vault.create_secret(v_key, 'flow_suppression_key', 'Recognizes erased people. Never changed: hashes cannot be made anew.');
  end if;
  return decode(v_key, 'base64');
end;
$$;
comment on function private.suppression_key is 'The key of the list, 32 random bytes, made in Vault at first use. Raises PT503 when it is lost. Definer, and granted to nobody.';

create function private.suppression_hash(key bytea, org_id uuid, kind text, value text) returns bytea
  language sql immutable security invoker set search_path = ''
as $$
  select extensions.hmac(convert_to(concat_ws(chr(31), suppression_hash.org_id, suppression_hash.kind, suppression_hash.value), 'UTF8'), suppression_hash.key, 'sha256')
$$;
comment on function private.suppression_hash is 'HMAC-SHA-256 of organization, kind and value under the key of private.suppression_key.';

create function private.suppressed_points(org_id uuid, kinds text[], given text[]) returns bytea[]
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_key bytea;
begin
  -- Nearly every organization has erased nobody: no key is read for them, nothing is hashed.
  perform from private.suppressions s where s.org_id = suppressed_points.org_id and s.lifted_at is null limit 1;
  if not found then
    return array_fill(null::bytea, array[cardinality(given)]);
  end if;
  v_key := private.suppression_key();
  return array(
    select (select s.hash from private.suppressions s
             where s.org_id = suppressed_points.org_id and s.lifted_at is null
               and s.hash = private.suppression_hash(v_key, suppressed_points.org_id, g.kind, g.value))
      from unnest(kinds, given) with ordinality g (kind, value, n) order by g.n);
end;
$$;
comment on function private.suppressed_points is 'For each of these points (kind: phone, email, user_id; value as it is stored) the hash under which it is suppressed, or null.';

create function private.is_suppressed(org_id uuid, kind text, value text) returns boolean
  language plpgsql volatile security definer set search_path = ''
as $$
begin
  return (private.suppressed_points(is_suppressed.org_id, array[is_suppressed.kind], array[is_suppressed.value]))[1] is not null;
end;
$$;
comment on function private.is_suppressed is 'Whether this number, address or user id is an erased person''s.';

create function private.suppressed_people(org_id uuid, people private.person[]) returns int[]
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_places int[];
  v_hashes bytea[];
begin
  perform from private.suppressions s where s.org_id = suppressed_people.org_id and s.lifted_at is null limit 1;
  if not found then
    return '{}';
  end if;
  with points as (
    select u.ordinality::int as place, x.kind, x.value from unnest(people) with ordinality u
     cross join lateral (
       select 'phone', u.phone union all select 'email', u.email
       union all select 'phone', p from unnest(u.phones) p union all select 'email', e from unnest(u.emails) e) x (kind, value)
     where x.value is not null
  ), asked as (
    select array_agg(p.place order by p.place, p.kind, p.value) as places,
           private.suppressed_points(suppressed_people.org_id, array_agg(p.kind order by p.place, p.kind, p.value), array_agg(p.value order by p.place, p.kind, p.value)) as hashes
      from points p
  )
  select array_agg(distinct h.place), array_agg(distinct h.hash) into v_places, v_hashes
    from asked a cross join lateral unnest(a.places, a.hashes) h (place, hash) where h.hash is not null;
  update private.suppressions s set refused = s.refused + 1, refused_at = now()
   where (s.org_id, s.hash) in (select k.org_id, k.hash from private.suppressions k
                                 where k.org_id = suppressed_people.org_id and k.hash = any (v_hashes) order by k.hash for update);
  return coalesce(v_places, '{}');
end;
$$;
comment on function private.suppressed_people is 'Which of these people, by their places from 1, are erased ones by any number or address they come with; each of those counts as refused.';

create function private.raise_suppressed() returns void
  language plpgsql immutable security invoker set search_path = ''
as $$
begin
  raise sqlstate 'PT409' using message = 'This person was erased at their own wish.', detail = 'suppressed',
    hint = 'If they have come back and agreed, an owner can take them off the list.';
end;
$$;
comment on function private.raise_suppressed is 'Raises PT409 suppressed.';

create function private.refuse_suppressed(org_id uuid, person private.person) returns void
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
begin
  -- Who came back by themselves has a contact, and may be answered.
  if not exists (select from public.contact_points p where p.org_id = refuse_suppressed.org_id and p.kind = 'phone' and p.value = (person).phone)
     and (private.is_suppressed(refuse_suppressed.org_id, 'phone', (person).phone) or private.is_suppressed(refuse_suppressed.org_id, 'email', (person).email)) then
    perform private.raise_suppressed();
  end if;
end;
$$;
comment on function private.refuse_suppressed is 'Raises PT409 suppressed for an erased person who has not come back.';

------------------------------------------------------------------------------------------------
-- On and off the list
------------------------------------------------------------------------------------------------
create function private.suppress_points(org_id uuid, person_id uuid, kinds text[], given text[]) returns int
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_key  bytea := private.suppression_key();
  v_many int;
begin
  insert into private.suppressions as s (org_id, hash, kind, person_id)
  select distinct on (h.hash) suppress_points.org_id, h.hash, h.kind, suppress_points.person_id
    from (select private.suppression_hash(v_key, suppress_points.org_id, g.kind, g.value) as hash, g.kind
            from unnest(kinds, given) g (kind, value) where g.value <> '') h
   order by h.hash
      on conflict (org_id, hash) do update
     set person_id = excluded.person_id, suppressed_at = now(), returned_at = null, lifted_at = null, lifted_by = null, lifted_why = null;
  get diagnostics v_many = row_count;
  return v_many;
end;
$$;
comment on function private.suppress_points is 'Puts numbers (E.164), addresses and user ids of one person on the list; again, or after an exception: from now. Returns how many.';

create function private.suppress_contact(org_id uuid, contact_id uuid) returns int
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_kinds text[];
  v_given text[];
begin
  select array_agg(k.kind), array_agg(k.value) into v_kinds, v_given from private.points_of(suppress_contact.org_id, suppress_contact.contact_id) k;
  perform private.forget_merges(suppress_contact.org_id, suppress_contact.contact_id);
  perform private.forget_likeness(suppress_contact.org_id, suppress_contact.contact_id);
  return private.suppress_points(suppress_contact.org_id, suppress_contact.contact_id, v_kinds, v_given);
end;
$$;
comment on function private.suppress_contact is
  'For erasure, in its transaction and before it deletes anything: puts all that a contact is or was known by on the list, and forgets what could bring it back (merges that could be undone, keys of likely duplicates). Returns how many entries.';

create function private.suppression_counts(org_id uuid) returns jsonb
  language plpgsql stable security definer set search_path = ''
as $$
#variable_conflict use_column
begin
  perform private.require_role(suppression_counts.org_id, 'admin');
  return (
    select jsonb_build_object(
      'people', count(distinct s.person_id) filter (where s.lifted_at is null),
      'phones', count(*) filter (where s.kind = 'phone' and s.lifted_at is null), 'emails', count(*) filter (where s.kind = 'email' and s.lifted_at is null),
      'user_ids', count(*) filter (where s.kind = 'user_id' and s.lifted_at is null),
      'refused', coalesce(sum(s.refused), 0), 'last_refused_at', max(s.refused_at),
      'returned', count(distinct s.person_id) filter (where s.returned_at is not null and s.lifted_at is null),
      'lifted', count(distinct s.person_id) filter (where s.lifted_at is not null))
      from private.suppressions s where s.org_id = suppression_counts.org_id);
end;
$$;
comment on function private.suppression_counts is 'Body of public.suppression_counts. Definer: the list is closed to all.';
create function public.suppression_counts(org_id uuid) returns jsonb
  language sql stable set search_path = ''
begin atomic
  select private.suppression_counts(org_id);
end;
comment on function public.suppression_counts is
  'How long the suppression list is, never what is on it: {people, phones, emails, user_ids, refused: arrivals turned away, last_refused_at, returned: people who wrote by themselves since, lifted: people whom an owner took off}. For admins.';

create function private.lift_suppression(org_id uuid, kind text, value text, evidence text) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_hash   bytea;
  v_person uuid;
  v_many   int;
begin
  perform private.require_role(lift_suppression.org_id, 'owner');
  if private.clean_text(lift_suppression.evidence, 500) is null then
    raise sqlstate 'PT422' using message = 'Say how they came to agree.', detail = 'evidence_missing', hint = 'For instance: called us on Monday and asked for a quotation.';
  end if;
  v_hash := (private.suppressed_points(lift_suppression.org_id, array[lift_suppression.kind],
               array[case lift_suppression.kind when 'user_id' then btrim(lift_suppression.value) else private.read_point(lift_suppression.kind, lift_suppression.value) end]))[1];
  if v_hash is null then
    raise sqlstate 'PT404' using message = 'Nobody with this number or address is on the list.', detail = 'suppression_unknown', hint = 'Nothing has to be done.';
  end if;
  select s.person_id into v_person from private.suppressions s where s.org_id = lift_suppression.org_id and s.hash = v_hash;
  update private.suppressions s
     set lifted_at = now(), lifted_by = auth.uid(), lifted_why = private.clean_text(lift_suppression.evidence, 500)
   where (s.org_id, s.hash) in (select k.org_id, k.hash from private.suppressions k
                                 where k.org_id = lift_suppression.org_id and k.person_id = v_person and k.lifted_at is null order by k.hash for update);
  get diagnostics v_many = row_count;
  perform private.audit(lift_suppression.org_id, 'suppression.lifted', 'contact', v_person::text, jsonb_build_object('entries', v_many, 'kind', lift_suppression.kind));
  return jsonb_build_object('lifted', v_many);
end;
$$;
comment on function private.lift_suppression is 'Body of public.lift_suppression. Definer: the list is closed to all.';
create function public.lift_suppression(org_id uuid, kind text, value text, evidence text) returns jsonb
  language sql volatile set search_path = ''
begin atomic
  select private.lift_suppression(org_id, kind, value, evidence);
end;
comment on function public.lift_suppression is
  'An owner''s exception: this person contacted us again and agreed. kind phone (E.164), email or user_id, and how they agreed; everything that was known of the person comes off the list, and is audited. '
  'Returns {lifted: entries}. Raises PT403, PT404 suppression_unknown, PT422.';
grant execute on function private.suppression_counts, public.suppression_counts, private.lift_suppression, public.lift_suppression to authenticated;
