-- 305_suppression.sql: people who are never to be stored again, known by keyed hashes alone.

create table private.suppressions (
  org_id uuid not null references public.organizations on delete restrict,
  hash   bytea not null,
  kind   text not null,
  at     timestamptz not null default now(),
  primary key (org_id, hash),
  constraint suppressed_value_kind_is_known check (kind in ('phone', 'email'))
);
comment on table private.suppressions is
  'Phones and e-mail addresses that leads may not bring back: of people who were erased, or asked never to be stored. The hash outlives them, the value does not.';
comment on column private.suppressions.org_id is 'The organization.';
comment on column private.suppressions.hash is 'HMAC-SHA256 of organization and value under a key in Vault: without that key nobody can try numbers.';
comment on column private.suppressions.kind is 'phone (E.164) or email (lower-case).';
comment on column private.suppressions.at is 'Since when. An enquiry that somebody makes later themselves (marketplace, form) is a new one.';
alter table private.suppressions enable row level security;

create function private.suppression_key() returns text
  language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_key text;
begin
  select s.decrypted_secret into v_key from vault.decrypted_secrets s where s.name = 'flow_suppression_key';
  if v_key is null then
    perform pg_advisory_xact_lock(hashtextextended('flow.suppression_key', 0));
    select s.decrypted_secret into v_key from vault.decrypted_secrets s where s.name = 'flow_suppression_key';
    if v_key is null then
      v_key := encode(extensions.gen_random_bytes(32), 'base64');
      perform vault.create_secret(v_key, 'flow_suppression_key', 'Hashes what may not be stored again. Losing it forgets the list.');
    end if;
  end if;
  return v_key;
end;
$$;
comment on function private.suppression_key is 'The key of the hashes, made at first use. Definer: Vault is open to this owner alone.';

create function private.suppression_hash(org_id uuid, value text, key text) returns bytea
  language sql immutable set search_path = ''
as $$ select extensions.hmac(org_id::text || ' ' || value, key, 'sha256') $$;
comment on function private.suppression_hash is 'What stands for a phone (E.164) or e-mail address (lower-case) in private.suppressions; null for null.';

create function private.suppressed_since(org_id uuid, people private.person[]) returns timestamptz[]
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_key text;
begin
  -- Most organizations have erased nobody: they pay for one look.
  if not exists (select from private.suppressions s where s.org_id = suppressed_since.org_id) then
    return null;
  end if;
  v_key := private.suppression_key();
  return array(
    select (select max(s.at) from private.suppressions s
             where s.org_id = suppressed_since.org_id
               and s.hash in (private.suppression_hash(suppressed_since.org_id, p.phone, v_key), private.suppression_hash(suppressed_since.org_id, p.email, v_key)))
      from unnest(suppressed_since.people) with ordinality p order by p.ordinality);
end;
$$;
comment on function private.suppressed_since is
  'For each person since when they are suppressed, by phone or address, or null; null altogether when the organization suppresses nobody. Definer: called beneath RLS.';

create function private.suppress_values(org_id uuid, phones text[], emails text[]) returns int
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_key   text := private.suppression_key();
  v_count int;
begin
  insert into private.suppressions (org_id, hash, kind)
  select distinct suppress_values.org_id, private.suppression_hash(suppress_values.org_id, g.value, v_key), g.kind
    from (select 'phone', p from unnest(suppress_values.phones) p union all select 'email', lower(e) from unnest(suppress_values.emails) e) g (kind, value)
   where g.value is not null
   order by 2
      on conflict (org_id, hash) do update set at = now();
  get diagnostics v_count = row_count;
  return v_count;
end;
$$;
comment on function private.suppress_values is 'Puts phones and addresses on the list; what is on it already counts from now. Returns how many. Definer: nobody may write the table.';

create function private.checked_person(phone text, email text) returns void
  language plpgsql immutable set search_path = ''
as $$
begin
  if checked_person.phone !~ '^\+[1-9][0-9]{6,14}$' then
    raise sqlstate 'PT422' using message = 'This is not a complete telephone number.', detail = 'phone_invalid', hint = 'Write it like +919812345678.';
  elsif checked_person.email !~ '^[^@\s]+@[^@\s]+$' then
    raise sqlstate 'PT422' using message = 'This is not an e-mail address.', detail = 'email_invalid', hint = 'Write it like name@example.com.';
  elsif checked_person.phone is null and checked_person.email is null then
    raise sqlstate 'PT422' using message = 'Give a phone number or an e-mail address.', detail = 'person_missing', hint = 'Fields: phone, email.';
  end if;
end;
$$;
comment on function private.checked_person is 'Refuses what is no E.164 number, no address, or neither. Raises PT422 phone_invalid, email_invalid, person_missing.';

create function private.suppress_person(org_id uuid, phone text, email text) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_count int;
begin
  perform private.require_role(suppress_person.org_id, 'owner');
  perform private.checked_person(suppress_person.phone, suppress_person.email);
  v_count := private.suppress_values(suppress_person.org_id, array[suppress_person.phone], array[suppress_person.email]);
  perform private.audit(suppress_person.org_id, 'suppression.added', 'suppression', suppress_person.org_id::text, jsonb_build_object('values', v_count));
  return jsonb_build_object('suppressed', v_count);
end;
$$;
comment on function private.suppress_person is 'Body of public.suppress_person. Definer: nobody may write the table.';
create function public.suppress_person(org_id uuid, phone text default null, email text default null) returns jsonb
  language sql volatile set search_path = ''
begin atomic
  select private.suppress_person(org_id, phone, email);
end;
comment on function public.suppress_person is
  'Never store leads with this phone (E.164) or e-mail address again: somebody asked for that. What is stored stays; erase it apart. Owners. Returns {suppressed}. Raises PT403, PT404, PT422 phone_invalid, email_invalid, person_missing.';
grant execute on function private.suppress_person, public.suppress_person to authenticated;

create function private.allow_person(org_id uuid, phone text, email text, reason text) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_key    text := private.suppression_key();
  v_reason text := private.clean_text(allow_person.reason, 500);
  v_count  int;
begin
  perform private.require_role(allow_person.org_id, 'owner');
  perform private.checked_person(allow_person.phone, allow_person.email);
  if v_reason is null then
    raise sqlstate 'PT422' using message = 'Say how the person agreed to be stored again.', detail = 'reason_missing', hint = 'It is kept in the audit log.';
  end if;
  delete from private.suppressions s
   where s.org_id = allow_person.org_id
     and s.hash in (private.suppression_hash(allow_person.org_id, allow_person.phone, v_key), private.suppression_hash(allow_person.org_id, lower(allow_person.email), v_key));
  get diagnostics v_count = row_count;
  perform private.audit(allow_person.org_id, 'suppression.lifted', 'suppression', allow_person.org_id::text, jsonb_build_object('values', v_count));
  return jsonb_build_object('allowed', v_count);
end;
$$;
comment on function private.allow_person is 'Body of public.allow_person. Definer: nobody may write the table.';
create function public.allow_person(org_id uuid, reason text, phone text default null, email text default null) returns jsonb
  language sql volatile set search_path = ''
begin atomic
  select private.allow_person(org_id, phone, email, reason);
end;
comment on function public.allow_person is
  'Takes a phone (E.164) or e-mail address off the list: the person agreed again. Owners, audited. Returns {allowed: how many were on it}. Raises PT403, PT404, PT422 reason_missing, phone_invalid, email_invalid, person_missing.';
grant execute on function private.allow_person, public.allow_person to authenticated;

create function private.suppressed_people(org_id uuid) returns jsonb
  language plpgsql stable security definer set search_path = ''
as $$
#variable_conflict use_column
begin
  perform private.require_role(suppressed_people.org_id, 'admin');
  return (select jsonb_build_object('phones', count(*) filter (where s.kind = 'phone'), 'emails', count(*) filter (where s.kind = 'email'), 'newest', max(s.at))
            from private.suppressions s where s.org_id = suppressed_people.org_id);
end;
$$;
comment on function private.suppressed_people is 'Body of public.suppressed_people. Definer: the table is closed to all.';
create function public.suppressed_people(org_id uuid) returns jsonb
  language sql stable set search_path = ''
begin atomic
  select private.suppressed_people(org_id);
end;
comment on function public.suppressed_people is 'How many phones and addresses may not be stored again: {phones, emails, newest}; which they are nobody can tell. Admins. Raises PT403, PT404.';
grant execute on function private.suppressed_people, public.suppressed_people to authenticated;
