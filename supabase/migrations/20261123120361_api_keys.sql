-- 361_api_keys.sql: keys with which an organization's own programs come in. The database keeps their hashes, rights and pace.

create function private.api_scopes() returns text[]
  language sql immutable security invoker set search_path = ''
as $$
  select array['contacts:read', 'contacts:write', 'conversations:read', 'leads:read', 'leads:write', 'messages:send', 'tasks:read', 'tasks:write',
               'templates:read', 'usage:read', 'webhooks:manage']
$$;
comment on function private.api_scopes is 'What a key may be allowed.';

create table public.api_keys (
  org_id       uuid not null references public.organizations on delete restrict,
  id           uuid not null default gen_random_uuid(),
  name         text not null,
  hint         text not null,
  key_sha256   bytea not null,
  scopes       text[] not null,
  created_by   uuid,
  created_at   timestamptz not null default now(),
  expires_at   timestamptz,
  revoked_at   timestamptz,
  replaced_by  uuid,
  used_at      timestamptz,
  primary key (org_id, id),
  constraint api_key_name_has_1_to_60_characters check (name = btrim(name) and length(name) between 1 and 60),
  constraint api_key_scopes_are_known check (scopes <@ private.api_scopes() and scopes <> '{}'),
  constraint api_key_hash_is_a_sha256 check (length(key_sha256) = 32),
  constraint api_key_is_replaced_by_one_of_the_organization foreign key (org_id, replaced_by)
    references public.api_keys (org_id, id) on delete set null (replaced_by)
);
comment on table public.api_keys is 'Keys of an organization''s own programs. A key is shown once, when it is made; here is its hash.';
comment on column public.api_keys.org_id is 'The organization that a key speaks for.';
comment on column public.api_keys.id is 'Names the key where the key itself must not stand.';
comment on column public.api_keys.name is 'What people call it: the program that uses it.';
comment on column public.api_keys.hint is 'Its last four characters, by which people recognize it.';
comment on column public.api_keys.key_sha256 is 'SHA-256 of the key: 256 random bits need no salt.';
comment on column public.api_keys.scopes is 'What it may do: of private.api_scopes(), each resource:right.';
comment on column public.api_keys.created_by is 'Who made it; null when their account is gone. No foreign key: it outlives the account.';
comment on column public.api_keys.created_at is 'When it was made.';
comment on column public.api_keys.expires_at is 'From when on it is refused; null: never. A key that was rotated ends a day later.';
comment on column public.api_keys.revoked_at is 'When somebody revoked it; null while it is in use.';
comment on column public.api_keys.replaced_by is 'The key that was made when this one was rotated.';
comment on column public.api_keys.used_at is 'When it was last used, to the minute.';
create unique index api_keys_hash on public.api_keys (key_sha256);
create index api_keys_replaced on public.api_keys (org_id, replaced_by) where replaced_by is not null;
alter table public.api_keys enable row level security;
create policy "Admins can see the keys of their organization" on public.api_keys
  for select to authenticated using (org_id = any (array(select private.my_org_ids_as('admin', 'owner'))));
grant select (org_id, id, name, hint, scopes, created_by, created_at, expires_at, revoked_at, replaced_by, used_at)
  on public.api_keys to authenticated;

create table private.api_requests (
  org_id      uuid not null references public.organizations on delete restrict,
  request_key text not null,
  body_sha256 bytea not null,
  answer      jsonb,
  at          timestamptz not null default now(),
  primary key (org_id, request_key),
  constraint api_request_key_has_1_to_200_characters check (length(request_key) between 1 and 200)
);
comment on table private.api_requests is 'What was answered under an idempotency key, kept for seven days: the same request again gets the same answer and stores nothing.';
comment on column private.api_requests.org_id is 'The organization.';
comment on column private.api_requests.request_key is 'The Idempotency-Key that the caller chose.';
comment on column private.api_requests.body_sha256 is 'Hash of the request: another one under the same key is a mistake of the caller.';
comment on column private.api_requests.answer is 'What was answered.';
comment on column private.api_requests.at is 'When.';
create index api_requests_old on private.api_requests (at);
alter table private.api_requests enable row level security;

-- Making and ending keys -------------------------------------------------------------------------------------

create function private.make_api_key(org_id uuid, name text, scopes text[], expires_at timestamptz) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_key text := 'flow_' || translate(encode(extensions.gen_random_bytes(32), 'base64'), '+/=', '-_');
  v_id  uuid;
begin
  perform from public.organizations o where o.id = make_api_key.org_id for no key update;
  if (select count(*) from public.api_keys k
       where k.org_id = make_api_key.org_id and k.revoked_at is null and (k.expires_at is null or k.expires_at > now())) >= 20 then
    raise sqlstate 'PT409' using message = 'There are 20 keys already.', detail = 'too_many_keys', hint = 'Revoke those that nobody uses.';
  end if;
  insert into public.api_keys (org_id, name, hint, key_sha256, scopes, created_by, expires_at)
  values (make_api_key.org_id, make_api_key.name, right(v_key, 4), sha256(convert_to(v_key, 'UTF8')), make_api_key.scopes, auth.uid(), make_api_key.expires_at)
  returning id into v_id;
  return jsonb_build_object('key_id', v_id, 'key', v_key);
end;
$$;
comment on function private.make_api_key is 'Makes a key and gives it, this once: {key_id, key}. Definer: nobody may write the table.';

create function private.new_api_key(org_id uuid, name text, scopes text[], expires_at timestamptz) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_name   text := regexp_replace(btrim(new_api_key.name), '\s+', ' ', 'g');
  v_scopes text[] := array(select distinct s from unnest(new_api_key.scopes) s order by s);
  v_made   jsonb;
begin
  if v_name is null or length(v_name) not between 1 and 60 then
    raise sqlstate 'PT422' using message = 'A key has a name of 1 to 60 characters.', detail = 'name_invalid', hint = 'Name the program that will use it.';
  elsif v_scopes = '{}' or not v_scopes <@ private.api_scopes() then
    raise sqlstate 'PT422' using message = 'Say what the key may do.', detail = 'scopes_invalid', hint = format('Scopes: %s.', array_to_string(private.api_scopes(), ', '));
  elsif new_api_key.expires_at <= now() then
    raise sqlstate 'PT422' using message = 'The key would have ended already.', detail = 'expiry_invalid', hint = 'Choose a later moment, or none.';
  end if;
  v_made := private.make_api_key(new_api_key.org_id, v_name, v_scopes, new_api_key.expires_at);
  perform private.audit(new_api_key.org_id, 'api_key.created', 'api_key', v_made ->> 'key_id', jsonb_build_object('scopes', v_scopes));
  return v_made;
end;
$$;
comment on function private.new_api_key is 'Checks what a key shall be, and makes it. Definer: nobody may write the table.';
create function private.create_api_key(org_id uuid, name text, scopes text[], expires_at timestamptz default null) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
begin
  perform private.require_role(create_api_key.org_id, 'admin');
  return private.new_api_key(create_api_key.org_id, create_api_key.name, create_api_key.scopes, create_api_key.expires_at);
end;
$$;
comment on function private.create_api_key is 'Body of public.create_api_key. Definer: nobody may write the table.';
create function worker.create_api_key(org_id uuid, name text, scopes text[], expires_at timestamptz default null) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
begin
  perform private.require_organization(create_api_key.org_id);
  return private.new_api_key(create_api_key.org_id, create_api_key.name, create_api_key.scopes, create_api_key.expires_at);
end;
$$;
comment on function worker.create_api_key is 'As public.create_api_key, for an operator. Definer: service_role holds no tables.';
grant execute on function worker.create_api_key to service_role;
create function public.create_api_key(org_id uuid, name text, scopes text[], expires_at timestamptz default null) returns jsonb
  language sql volatile set search_path = ''
begin atomic
  select private.create_api_key(org_id, name, scopes, expires_at);
end;
comment on function public.create_api_key is
  'Makes a key with some of the scopes of private.api_scopes(); for admins. Returns {key_id, key}: the key is shown this once. Raises PT403, PT404, PT409 too_many_keys, PT422 name_invalid, scopes_invalid, expiry_invalid.';
grant execute on function private.create_api_key, public.create_api_key to authenticated;

create function private.api_key_for_change(org_id uuid, key_id uuid) returns public.api_keys
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_key public.api_keys;
begin
  select k.* into v_key from public.api_keys k
   where k.org_id = api_key_for_change.org_id and k.id = api_key_for_change.key_id for no key update;
  if not found then
    raise sqlstate 'PT404' using message = 'There is no such key.', detail = 'api_key_not_found';
  end if;
  return v_key;
end;
$$;
comment on function private.api_key_for_change is 'A key, locked. Raises PT404. Definer: nobody may write the table.';

create function private.renew_api_key(org_id uuid, key_id uuid) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_old  public.api_keys;
  v_made jsonb;
begin
  v_old := private.api_key_for_change(renew_api_key.org_id, renew_api_key.key_id);
  if v_old.revoked_at is not null or v_old.expires_at <= now() or v_old.replaced_by is not null then
    raise sqlstate 'PT409' using message = 'This key has ended, or was rotated already.', detail = 'api_key_ended', hint = 'Make a new one.';
  end if;
  v_made := private.make_api_key(v_old.org_id, v_old.name, v_old.scopes, v_old.expires_at);
  update public.api_keys k
     set replaced_by = (v_made ->> 'key_id')::uuid, expires_at = least(k.expires_at, now() + interval '1 day')
   where (k.org_id, k.id) = (v_old.org_id, v_old.id) returning k.expires_at into v_old.expires_at;
  perform private.audit(v_old.org_id, 'api_key.rotated', 'api_key', v_old.id::text, jsonb_build_object('replaced_by', v_made ->> 'key_id'));
  return v_made || jsonb_build_object('old_expires_at', v_old.expires_at);
end;
$$;
comment on function private.renew_api_key is 'Makes a key like another, which ends in a day. Definer: nobody may write the table.';
create function private.rotate_api_key(org_id uuid, api_key_id uuid) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
begin
  perform private.require_role(rotate_api_key.org_id, 'admin');
  return private.renew_api_key(rotate_api_key.org_id, rotate_api_key.api_key_id);
end;
$$;
comment on function private.rotate_api_key is 'Body of public.rotate_api_key. Definer: nobody may write the table.';
create function worker.rotate_api_key(org_id uuid, api_key_id uuid) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
begin
  perform private.require_organization(rotate_api_key.org_id);
  return private.renew_api_key(rotate_api_key.org_id, rotate_api_key.api_key_id);
end;
$$;
comment on function worker.rotate_api_key is 'As public.rotate_api_key, for an operator. Definer: service_role holds no tables.';
grant execute on function worker.rotate_api_key to service_role;
create function public.rotate_api_key(org_id uuid, api_key_id uuid) returns jsonb
  language sql volatile set search_path = ''
begin atomic
  select private.rotate_api_key(org_id, api_key_id);
end;
comment on function public.rotate_api_key is
  'Makes a new key with the name and scopes of an old one, which works for one more day; for admins. Returns {key_id, key, old_expires_at}. Raises PT403, PT404, PT409 api_key_ended, too_many_keys.';
grant execute on function private.rotate_api_key, public.rotate_api_key to authenticated;

create function private.end_api_key(org_id uuid, key_id uuid) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_key public.api_keys;
begin
  v_key := private.api_key_for_change(end_api_key.org_id, end_api_key.key_id);
  if v_key.revoked_at is null then
    update public.api_keys k set revoked_at = now() where (k.org_id, k.id) = (v_key.org_id, v_key.id);
    perform private.audit(v_key.org_id, 'api_key.revoked', 'api_key', v_key.id::text, '{}');
  end if;
  return jsonb_build_object('key_id', v_key.id);
end;
$$;
comment on function private.end_api_key is 'Ends a key at once. Definer: nobody may write the table.';
create function private.revoke_api_key(org_id uuid, api_key_id uuid) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
begin
  perform private.require_role(revoke_api_key.org_id, 'admin');
  return private.end_api_key(revoke_api_key.org_id, revoke_api_key.api_key_id);
end;
$$;
comment on function private.revoke_api_key is 'Body of public.revoke_api_key. Definer: nobody may write the table.';
create function worker.revoke_api_key(org_id uuid, api_key_id uuid) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
begin
  perform private.require_organization(revoke_api_key.org_id);
  return private.end_api_key(revoke_api_key.org_id, revoke_api_key.api_key_id);
end;
$$;
comment on function worker.revoke_api_key is 'As public.revoke_api_key, for an operator. Definer: service_role holds no tables.';
grant execute on function worker.revoke_api_key to service_role;
create function public.revoke_api_key(org_id uuid, api_key_id uuid) returns jsonb
  language sql volatile set search_path = ''
begin atomic
  select private.revoke_api_key(org_id, api_key_id);
end;
comment on function public.revoke_api_key is 'Ends a key at once; twice is once; for admins. Returns {key_id}. Raises PT403, PT404.';
grant execute on function private.revoke_api_key, public.revoke_api_key to authenticated;

create function worker.api_keys(org_id uuid) returns jsonb
  language plpgsql stable security definer set search_path = ''
as $$
#variable_conflict use_column
begin
  perform private.require_organization(api_keys.org_id);
  return jsonb_build_object('keys', (
    select coalesce(jsonb_agg(jsonb_build_object('key_id', k.id, 'name', k.name, 'hint', k.hint, 'scopes', k.scopes, 'created_at', k.created_at,
             'expires_at', k.expires_at, 'used_at', k.used_at,
             'state', case when k.revoked_at is not null then 'revoked' when k.expires_at <= now() then 'ended' when k.replaced_by is not null then 'rotated' else 'active' end)
             order by k.created_at desc, k.id), '[]')
      from public.api_keys k where k.org_id = api_keys.org_id));
end;
$$;
comment on function worker.api_keys is 'An organization''s keys, the newest first, for an operator: {keys: [{key_id, name, hint, scopes, state, …}]}. Definer: service_role holds no tables.';
grant execute on function worker.api_keys to service_role;

-- Coming in with one -----------------------------------------------------------------------------------------

create function private.use_api_key(key_sha256 text, scope text, cost int) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  -- A bucket of 240, which fills by 4 a second. One lead or one request costs 1.
  c_bucket constant int := 240;
  c_second constant int := 4;
  v_key  public.api_keys;
  v_left numeric;
  v_wait interval;
begin
  select k.* into v_key from public.api_keys k join public.organizations o on o.id = k.org_id
   where k.key_sha256 = decode(case when use_api_key.key_sha256 ~ '^[0-9a-f]{64}$' then use_api_key.key_sha256 else '' end, 'hex')
     and k.revoked_at is null and (k.expires_at is null or k.expires_at > now()) and o.deleted_at is null;
  if not found then
    raise sqlstate 'PT401' using message = 'This API key is unknown, has ended or was revoked.', detail = 'api_key_unknown', hint = 'Make one in Settings, Developers.';
  elsif not coalesce(use_api_key.scope = any (v_key.scopes), true) then
    raise sqlstate 'PT403' using message = format('This API key may not do this: it lacks %s.', use_api_key.scope), detail = 'scope_missing',
      hint = 'Make a key with that scope.';
  end if;
  select d.remaining, d.wait into v_left, v_wait
    from private.draw('api_key', v_key.id::text, c_bucket, make_interval(secs => c_bucket / c_second), use_api_key.cost) d;
  if v_wait is not null then
    raise sqlstate 'PT429' using message = 'Too many requests with this API key.', detail = 'too_many_requests', hint = private.retry_at(clock_timestamp() + v_wait);
  end if;
  update public.api_keys k set used_at = date_trunc('minute', now())
   where (k.org_id, k.id) = (v_key.org_id, v_key.id) and k.used_at is distinct from date_trunc('minute', now());
  return jsonb_build_object('org_id', v_key.org_id, 'key_id', v_key.id, 'name', v_key.name, 'scopes', v_key.scopes, 'expires_at', v_key.expires_at,
    'pace', jsonb_build_object('limit', c_bucket, 'remaining', floor(v_left)::int, 'reset', ceil((c_bucket - v_left) / c_second)::int));
end;
$$;
comment on function private.use_api_key is
  'The key whose SHA-256 (hexadecimal) this is, if it may do what is asked (scope null: anything), within its pace: {org_id, key_id, name, scopes, expires_at, pace: {limit, remaining, reset: '
  'seconds until it is full}}. Raises PT401 api_key_unknown, PT403 scope_missing, PT429 too_many_requests with retry_at, which draw nothing. Definer: called beneath RLS.';
