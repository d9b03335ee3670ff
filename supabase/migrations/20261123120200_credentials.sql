-- 200_credentials.sql: other people's keys and tokens: encrypted, opened only inside the function that needs them.
--
-- What an attacker gets from a copy of these tables is ciphertext. The keys are in Vault, made here in the database
-- from its own randomness: none is ever an argument, which a statement log would keep. A ciphertext carries the
-- organization, the row and the kind it was made for, so one that is copied to another row does not open.

-- Tables ---------------------------------------------------------------------------------------------------

create table private.credential_keys (
  key_id      int primary key,
  vault_name  text not null unique,
  state       text not null default 'active',
  created_at  timestamptz not null default now(),
  retired_at  timestamptz,
  constraint credential_key_state_is_known check (state in ('active', 'decrypt_only', 'retired')),
  constraint credential_key_is_retired_at_an_instant check ((state = 'retired') = (retired_at is not null))
);
comment on table private.credential_keys is
  'The versions of the key that seals credentials; the keys themselves are in Vault.';
comment on column private.credential_keys.key_id is 'Version; every credential names the one it is sealed with.';
comment on column private.credential_keys.vault_name is 'Name of the secret in Vault: flow_key_v1, flow_key_v2 …';
comment on column private.credential_keys.state is
  'active seals and opens (exactly one, once there is any); decrypt_only opens what is not yet resealed; retired is '
  'gone from Vault.';
comment on column private.credential_keys.created_at is 'When the key was made.';
comment on column private.credential_keys.retired_at is 'When the secret was taken out of Vault; null before.';

create table private.credentials (
  org_id      uuid not null references public.organizations on delete restrict,
  id          uuid not null default gen_random_uuid(),
  kind        text not null,
  hint        text,
  key_id      int not null references private.credential_keys,
  cipher      bytea,
  created_at  timestamptz not null default now(),
  updated_at  timestamptz not null default now(),
  revoked_at  timestamptz,
  removed_at  timestamptz,
  broken_at   timestamptz,
  kept_until  timestamptz,
  primary key (org_id, id),
  constraint credential_kind_is_a_slug check (kind ~ '^[a-z][a-z0-9_]{0,62}$'),
  constraint credential_has_a_cipher_until_revoked check ((cipher is null) = (revoked_at is not null and kept_until is null)),
  constraint credential_is_kept_only_when_revoked check (kept_until is null or revoked_at is not null),
  constraint credential_is_revoked_before_removed check (removed_at is null or revoked_at is not null)
);
comment on table private.credentials is
  'Secrets that an organization entrusted to Flow: Meta tokens, IndiaMART keys, refresh tokens.';
comment on column private.credentials.org_id is 'The organization; also inside the ciphertext.';
comment on column private.credentials.id is 'Named by the row that uses it; also inside the ciphertext.';
comment on column private.credentials.kind is
  'What it opens, as its owner calls it: whatsapp_token, indiamart_key; also inside the ciphertext.';
comment on column private.credentials.hint is
  'Last four characters, to tell two apart on a screen; null for a short secret and once removed.';
comment on column private.credentials.key_id is 'The key it is sealed with.';
comment on column private.credentials.cipher is
  'OpenPGP message, AES-256; null from the moment it is revoked, or from the end of what kept_until is for.';
comment on column private.credentials.created_at is 'When it was handed over.';
comment on column private.credentials.updated_at is 'When it was last sealed, revoked, or found broken or whole.';
comment on column private.credentials.revoked_at is 'When it was revoked; from then on it opens to nothing.';
comment on column private.credentials.removed_at is
  'When the sweep cleared a row that could not go because another row still names it; null otherwise.';
comment on column private.credentials.broken_at is
  'Since when it does not open (damaged, moved, or its key was changed); cleared when it opens again, null while '
  'whole.';
comment on column private.credentials.kept_until is
  'Revoked, but needed to take it back at the provider: the ciphertext stays at most until then, and only '
  'private.open_kept_credential opens it. Null: not kept.';

create table private.credential_reads (
  org_id         uuid not null references public.organizations on delete restrict,
  credential_id  uuid not null,
  purpose        text not null,
  at             timestamptz not null,
  reads          int not null default 1,
  primary key (org_id, credential_id, purpose, at)
);
comment on table private.credential_reads is
  'When a credential was opened, and what for: one row a minute for each purpose. Kept for as long as 979_retention.sql says.';
comment on column private.credential_reads.org_id is 'The organization of the credential.';
comment on column private.credential_reads.credential_id is 'The credential. No foreign key: the record outlives it.';
comment on column private.credential_reads.purpose is
  'The work that needed it, as its function calls it: dispatch, indiamart, rotation (sealed anew with another key).';
comment on column private.credential_reads.at is 'Start of the minute.';
comment on column private.credential_reads.reads is
  'How often in that minute; at least: simultaneous readers do not wait for each other to be counted.';

create unique index credential_key_is_active_once on private.credential_keys (state) where state = 'active';
create index credentials_sealed_with on private.credentials (key_id, org_id, id);
create index credentials_revoked on private.credentials (revoked_at)
  where revoked_at is not null and removed_at is null;
create index credentials_kept on private.credentials (kept_until) where kept_until is not null;
create index credential_reads_oldest on private.credential_reads (at);

alter table private.credential_keys enable row level security;
alter table private.credentials enable row level security;
alter table private.credential_reads enable row level security;
-- No policies and no grants: only the functions below read these tables.

-- Keys -----------------------------------------------------------------------------------------------------

create function private.make_credential_key() returns int
  language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_key_id int;
begin
  perform pg_advisory_xact_lock(hashtextextended('flow.credential_keys', 0));
  select coalesce(max(k.key_id), 0) + 1 into v_key_id from private.credential_keys k;
  update private.credential_keys k set state = 'decrypt_only' where k.state = 'active';
  perform vault.create_secret(
    encode(extensions.gen_random_bytes(32), 'base64'), 'flow_key_v' || v_key_id,
    'Seals the credentials that customers entrust to Flow.');
  insert into private.credential_keys (key_id, vault_name) values (v_key_id, 'flow_key_v' || v_key_id);
  return v_key_id;
end;
$$;
comment on function private.make_credential_key is
  'Makes a key of 32 random bytes in Vault and makes it the active one; the one before only opens from then on. '
  'Definer: Vault is open to this owner alone.';

create function private.active_key_id() returns int
  language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_key_id int;
begin
  -- The share lock keeps the key from being retired between this line and the commit of what is sealed with it.
  select k.key_id into v_key_id from private.credential_keys k where k.state = 'active' for share;
  if v_key_id is null then     -- the first credential ever, or a rotation committed while we waited for the lock
    perform pg_advisory_xact_lock(hashtextextended('flow.credential_keys', 0));
    select k.key_id into v_key_id from private.credential_keys k where k.state = 'active' for share;
  end if;
  return coalesce(v_key_id, private.make_credential_key());
end;
$$;
comment on function private.active_key_id is
  'The key to seal with, made at first use. Definer: it reads a table that is closed to all.';

create function private.credential_key(key_id int) returns text
  language plpgsql stable security definer set search_path = ''
as $$
declare
  v_key text;
begin
  select s.decrypted_secret into v_key
    from private.credential_keys k
    join vault.decrypted_secrets s on s.name = k.vault_name
   where k.key_id = credential_key.key_id and k.state <> 'retired';
  if v_key is null then        -- pgcrypto is strict: without this a missing key would make a null ciphertext, silently
    raise sqlstate 'PT503' using
      message = format('Key %s is missing from Vault, so credentials cannot be opened.', credential_key.key_id),
      detail = 'credential_key_missing',
      hint = format('Restore the secret flow_key_v%s in Vault.', credential_key.key_id);
  end if;
  return v_key;
end;
$$;
comment on function private.credential_key is
  'The key itself, or 503. Definer, and granted to nobody: only seal and unseal call it.';

-- Sealing and opening --------------------------------------------------------------------------------------

create function private.seal_credential(org_id uuid, id uuid, kind text, secret text, key_id int) returns bytea
  language sql volatile security definer set search_path = ''
as $$
  -- s2k-mode=1 hashes once instead of 65,000 times and more: right for 32 random bytes, wrong for a passphrase.
  select extensions.pgp_sym_encrypt(
    jsonb_build_object('o', seal_credential.org_id, 'i', seal_credential.id, 'k', seal_credential.kind,
                       's', seal_credential.secret)::text,
    private.credential_key(seal_credential.key_id),
    'cipher-algo=aes256, compress-algo=0, s2k-mode=1, s2k-digest-algo=sha256')
$$;
comment on function private.seal_credential is
  'Ciphertext of a secret, bound to its organization, row and kind. Definer: it reads the key.';

create function private.unseal_credential(credential private.credentials) returns text
  language plpgsql stable security definer set search_path = ''
as $$
declare
  v_key text := private.credential_key((unseal_credential.credential).key_id);
  v_envelope jsonb;
begin
  begin
    v_envelope := extensions.pgp_sym_decrypt((unseal_credential.credential).cipher, v_key)::jsonb;
  exception when external_routine_invocation_exception or data_exception then
    v_envelope := null;        -- another key, damaged bytes, or a plaintext that is no envelope
  end;
  if v_envelope ->> 'o' is distinct from (unseal_credential.credential).org_id::text
     or v_envelope ->> 'i' is distinct from (unseal_credential.credential).id::text
     or v_envelope ->> 'k' is distinct from (unseal_credential.credential).kind
     or v_envelope ->> 's' is null then
    raise sqlstate 'PT500' using
      message = format('A credential sealed with key %s cannot be opened.', (unseal_credential.credential).key_id),
      detail = 'credential_broken', hint = 'Connect the account again.';
  end if;
  return v_envelope ->> 's';
end;
$$;
comment on function private.unseal_credential is
  'The secret in a credential; 500 (naming the key, never data) when it does not open or was made for another row. '
  'Definer: it reads the key.';

create function private.put_credential(org_id uuid, kind text, secret text) returns uuid
  language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_id uuid := gen_random_uuid();
  v_key_id int;
begin
  perform private.require_organization(put_credential.org_id);
  if coalesce(length(put_credential.secret), 0) not between 1 and 8192 or put_credential.secret !~ '[^[:space:]]' then
    raise sqlstate 'PT422' using
      message = 'A key or token has 1 to 8192 characters.', detail = 'bad_credential';
  end if;
  v_key_id := private.active_key_id();
  insert into private.credentials (org_id, id, kind, hint, key_id, cipher)
  values (
    put_credential.org_id, v_id, put_credential.kind,
    case when length(put_credential.secret) >= 16 then right(put_credential.secret, 4) end,
    v_key_id,
    private.seal_credential(put_credential.org_id, v_id, put_credential.kind, put_credential.secret, v_key_id));
  perform private.audit(put_credential.org_id, 'credential.stored', 'credential', v_id::text,
                        jsonb_build_object('kind', put_credential.kind, 'key_id', v_key_id));
  return v_id;
end;
$$;
comment on function private.put_credential is
  'Seals a secret and returns the id to keep instead of it. Each call makes a new credential; revoke the one it '
  'replaces. Definer, for other functions only.';

create function private.note_credential_read(org_id uuid, credential_id uuid, purpose text) returns void
  language plpgsql volatile security definer set search_path = ''
as $$
begin
  -- Whoever does not get the lock reads in the same moment as one who does and is counting.
  if pg_try_advisory_xact_lock(hashtextextended(
       format('flow.credential_reads %s %s', note_credential_read.credential_id, note_credential_read.purpose), 0)) then
    insert into private.credential_reads as r (org_id, credential_id, purpose, at)
    values (note_credential_read.org_id, note_credential_read.credential_id, note_credential_read.purpose,
            date_trunc('minute', clock_timestamp()))
    on conflict on constraint credential_reads_pkey do update set reads = r.reads + 1;
  end if;
end;
$$;
comment on function private.note_credential_read is
  'Counts one opening, without ever waiting for another transaction. Definer: the table is closed to all.';

create function private.open_credential(org_id uuid, credential_id uuid, purpose text) returns text
  language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_credential private.credentials;
  v_secret text;
begin
  for v_try in 1 .. 2 loop
    select c.* into v_credential
      from private.credentials c
      join public.organizations o on o.id = c.org_id and o.deleted_at is null
     where c.org_id = open_credential.org_id and c.id = open_credential.credential_id and c.revoked_at is null;
    if not found then
      return null;
    end if;
    begin
      v_secret := private.unseal_credential(v_credential);
      exit;
    exception
      when sqlstate 'PT500' then
        v_secret := null;      -- one broken row must not stop the work of its neighbours
        exit;
      when sqlstate 'PT503' then
        if v_try = 2 then      -- the first time, a rotation may have ended between the row and its key
          raise;
        end if;
    end;
  end loop;
  if (v_secret is null) is distinct from (v_credential.broken_at is not null) then
    update private.credentials c
       set broken_at = case when v_secret is null then now() end, updated_at = now()
     where c.org_id = v_credential.org_id and c.id = v_credential.id and c.revoked_at is null;
    perform private.audit(v_credential.org_id,
                          case when v_secret is null then 'credential.broken' else 'credential.mended' end,
                          'credential', v_credential.id::text,
                          jsonb_build_object('kind', v_credential.kind, 'key_id', v_credential.key_id));
  end if;
  if v_secret is not null then
    perform private.note_credential_read(v_credential.org_id, v_credential.id, open_credential.purpose);
  end if;
  return v_secret;
end;
$$;
comment on function private.open_credential is
  'The secret, for the function that claims the work that needs it; null when unknown, revoked or broken; 503 when '
  'its key is missing from Vault. Counted in credential_reads. Definer, for other functions only.';

create function private.revoke_credential(org_id uuid, credential_id uuid) returns void
  language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_before private.credentials;
begin
  select c.* into v_before from private.credentials c
   where c.org_id = revoke_credential.org_id and c.id = revoke_credential.credential_id and c.cipher is not null
     for update;
  if not found then
    return;
  end if;
  update private.credentials c
     set cipher = null, revoked_at = coalesce(c.revoked_at, now()), kept_until = null, updated_at = now()
   where c.org_id = v_before.org_id and c.id = v_before.id;
  if v_before.revoked_at is null then
    perform private.audit(revoke_credential.org_id, 'credential.revoked', 'credential',
                          revoke_credential.credential_id::text, jsonb_build_object('kind', v_before.kind));
  end if;
end;
$$;
comment on function private.revoke_credential is
  'Blanks the ciphertext in this transaction, also one that was kept; a sweep removes the row. Unknown, null or '
  'blanked already: nothing happens. Definer, for other functions only.';

create function private.keep_revoked_credential(org_id uuid, credential_id uuid, keep_for interval) returns void
  language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_kind text;
begin
  update private.credentials c
     set revoked_at = now(), kept_until = now() + keep_revoked_credential.keep_for, updated_at = now()
   where c.org_id = keep_revoked_credential.org_id and c.id = keep_revoked_credential.credential_id
     and c.revoked_at is null
  returning c.kind into v_kind;
  if found then
    perform private.audit(keep_revoked_credential.org_id, 'credential.revoked', 'credential',
                          keep_revoked_credential.credential_id::text, jsonb_build_object('kind', v_kind));
  end if;
end;
$$;
comment on function private.keep_revoked_credential is
  'Revokes a credential, which nothing but private.open_kept_credential opens from then on, and keeps its ciphertext '
  'for a while so that the provider can be told. private.revoke_credential blanks it. Definer, for other functions only.';

create function private.open_kept_credential(org_id uuid, credential_id uuid, purpose text) returns text
  language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_credential private.credentials;
  v_secret text;
begin
  select c.* into v_credential from private.credentials c
   where c.org_id = open_kept_credential.org_id and c.id = open_kept_credential.credential_id
     and c.revoked_at is not null and c.cipher is not null and c.kept_until > now();
  if not found then
    return null;
  end if;
  begin
    v_secret := private.unseal_credential(v_credential);
  exception when sqlstate 'PT500' or sqlstate 'PT503' then
    return null;               -- it is of no use any more; nobody is asked to mend it
  end;
  perform private.note_credential_read(v_credential.org_id, v_credential.id, open_kept_credential.purpose);
  return v_secret;
end;
$$;
comment on function private.open_kept_credential is
  'The secret of a revoked credential while it is kept; null when it is not, or does not open. Only for taking it back '
  'at the provider. Counted in credential_reads. Definer, for other functions only.';

-- Rotation and removal -------------------------------------------------------------------------------------

create function private.retire_credential_keys() returns int
  language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_key private.credential_keys;
  v_retired int := 0;
begin
  -- "for update" waits for nobody and fails on a key that an open transaction is sealing with.
  for v_key in
    select k.* from private.credential_keys k where k.state = 'decrypt_only' order by k.key_id for update skip locked
  loop
    if not exists (select from private.credentials c where c.key_id = v_key.key_id and c.cipher is not null) then
      delete from vault.secrets s where s.name = v_key.vault_name;
      update private.credential_keys k set state = 'retired', retired_at = now() where k.key_id = v_key.key_id;
      v_retired := v_retired + 1;
    end if;
  end loop;
  return v_retired;
end;
$$;
comment on function private.retire_credential_keys is
  'Takes keys out of Vault that no ciphertext names any more. Definer: Vault is open to this owner alone.';

create function private.sweep_credentials() returns int
  language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_credential record;
  v_removed int := 0;
begin
  update private.credentials c set cipher = null, kept_until = null, updated_at = now() where c.kept_until <= now();
  for v_credential in
    select c.org_id, c.id from private.credentials c
     where c.revoked_at is not null and c.removed_at is null and c.cipher is null
     order by c.revoked_at limit 1000 for update skip locked
  loop
    begin
      delete from private.credentials c where c.org_id = v_credential.org_id and c.id = v_credential.id;
    exception when foreign_key_violation or not_null_violation or check_violation then
      update private.credentials c set removed_at = now(), hint = null, updated_at = now()
       where c.org_id = v_credential.org_id and c.id = v_credential.id;
    end;
    v_removed := v_removed + 1;
  end loop;
  perform private.retire_credential_keys();
  return v_removed;
end;
$$;
comment on function private.sweep_credentials is
  'Blanks what was kept for long enough; removes revoked credentials (of one that another row still names, all but the '
  'ids) and keys that nothing needs; returns how many credentials went. Definer, for the schedule.';

create function worker.rotate_keys() returns jsonb
  language sql volatile security definer set search_path = ''
as $$
  select jsonb_build_object('key_id', private.make_credential_key())
$$;
comment on function worker.rotate_keys is
  'Makes a new key the active one; returns {"key_id"}. Call worker.rotate_credentials afterwards until nothing '
  'remains. Definer: service_role holds no tables.';
grant execute on function worker.rotate_keys() to service_role;

create function worker.rotate_credentials(batch int default 200) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_key_id int := private.active_key_id();
  v_credential private.credentials;
  v_rotated int := 0;
  v_broken int := 0;
  v_remaining bigint;
begin
  for v_credential in
    select c.* from private.credentials c
     where c.key_id <> v_key_id and c.cipher is not null and c.broken_at is null
     order by c.key_id, c.org_id, c.id
     limit least(greatest(coalesce(rotate_credentials.batch, 200), 1), 1000)
       for update skip locked
  loop
    begin                      -- a savepoint for each row: the job is rare, and one bad row must not stop it
      update private.credentials c
         set cipher = private.seal_credential(
               c.org_id, c.id, c.kind, private.unseal_credential(v_credential), v_key_id),
             key_id = v_key_id, updated_at = now()
       where c.org_id = v_credential.org_id and c.id = v_credential.id;
      perform private.note_credential_read(v_credential.org_id, v_credential.id, 'rotation');
      v_rotated := v_rotated + 1;
    exception when sqlstate 'PT500' then
      update private.credentials c set broken_at = now(), updated_at = now()
       where c.org_id = v_credential.org_id and c.id = v_credential.id;
      perform private.audit(v_credential.org_id, 'credential.broken', 'credential', v_credential.id::text,
                            jsonb_build_object('kind', v_credential.kind, 'key_id', v_credential.key_id));
      v_broken := v_broken + 1;
    end;
  end loop;
  select count(*) into v_remaining from private.credentials c
   where c.key_id <> v_key_id and c.cipher is not null and c.broken_at is null;
  if v_remaining = 0 then
    perform private.retire_credential_keys();
  end if;
  return jsonb_build_object('key_id', v_key_id, 'rotated', v_rotated, 'broken', v_broken, 'remaining', v_remaining);
end;
$$;
comment on function worker.rotate_credentials is
  'Seals one batch again with the active key, while everything else goes on; returns {"key_id", "rotated", "broken", '
  '"remaining"}. A row that does not open is set aside and named in the audit log. Definer: service_role holds no '
  'tables.';
grant execute on function worker.rotate_credentials(int) to service_role;
