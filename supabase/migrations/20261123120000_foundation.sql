-- 000_foundation.sql: extensions, schemas and privileges; all is closed here, and opened by name next to what is opened.

-- Extensions come before the default privileges below: where the role that runs this file is itself a
-- superuser, the functions of a later extension would lose their grant to PUBLIC, and with it their operators.
create schema if not exists extensions;
create extension if not exists pgcrypto with schema extensions;
create extension if not exists pg_trgm with schema extensions;

-- The embedded stack brings these three as stand-ins with the same names and signatures, not as extensions.
do $$
begin
  if exists (select from pg_catalog.pg_available_extensions where name = 'supabase_vault') then
    create extension if not exists supabase_vault;
  end if;
  if exists (select from pg_catalog.pg_available_extensions where name = 'pg_cron') then
    create extension if not exists pg_cron;
  end if;
  if exists (select from pg_catalog.pg_available_extensions where name = 'pg_net') then
    create extension if not exists pg_net with schema extensions;
  end if;
end;
$$;

create schema if not exists worker;
create schema if not exists private;
comment on schema worker is
  'What the workers call with the secret key: security definer functions, each filtering by what it is handed. No '
  'tables.';
comment on schema private is
  'Not in the API: credentials, raw events, and the security definer functions behind policies and RPCs.';

-- Only this global form takes back the built-in EXECUTE to PUBLIC; the form with "in schema" would change nothing.
alter default privileges revoke execute on functions from public;
-- The form with "in schema" takes back what older projects added schema by schema.
alter default privileges in schema public revoke all on tables from public, anon, authenticated, service_role;
alter default privileges in schema public revoke all on sequences from public, anon, authenticated, service_role;
alter default privileges in schema public revoke all on functions from public, anon, authenticated, service_role;
alter default privileges in schema worker revoke all on tables from public, anon, authenticated, service_role;
alter default privileges in schema worker revoke all on sequences from public, anon, authenticated, service_role;
alter default privileges in schema worker revoke all on functions from public, anon, authenticated, service_role;
alter default privileges in schema private revoke all on tables from public, anon, authenticated, service_role;
alter default privileges in schema private revoke all on sequences from public, anon, authenticated, service_role;
alter default privileges in schema private revoke all on functions from public, anon, authenticated, service_role;

revoke all on schema public from public, anon, authenticated, service_role;
revoke all on schema worker from public, anon, authenticated, service_role;
revoke all on schema private from public, anon, authenticated, service_role;
grant usage on schema public to authenticated;
grant usage on schema worker to service_role;
-- Nobody gets private: policies and `begin atomic` wrappers need EXECUTE on its functions, but no USAGE on the schema.

-- On some platforms `extensions` belongs to another role; then its owner decides, and nothing of ours lives there.
do $$
begin
  revoke all on schema extensions from public, anon;
exception when insufficient_privilege then
  raise notice 'schema extensions is not ours to close: %', sqlerrm;
end;
$$;

create function private.forbid_change() returns trigger
  language plpgsql volatile security invoker set search_path = ''
as $$
begin
  -- An organization that is deleted takes its rows along (972_purging.sql); asked only where a purge may run.
  if tg_level = 'ROW' and coalesce(current_setting('flow.purging', true), '') <> '' then
    if private.is_purging(old.org_id) then
      return case tg_op when 'DELETE' then old else new end;
    end if;
  end if;
  -- What is older than it may become goes (980_retaining.sql).
  if tg_level = 'ROW' and tg_op = 'DELETE' and coalesce(current_setting('flow.retaining', true), '') <> '' then
    if private.is_expired(tg_table_schema || '.' || tg_table_name, to_jsonb(old)) then
      return old;
    end if;
  end if;
  -- Of a person who is erased the rows stay, and their values go (977_erasing.sql).
  if tg_level = 'ROW' and tg_op = 'UPDATE' and coalesce(current_setting('flow.erasing', true), '') <> '' then
    if private.is_erasing(old.org_id) then
      return new;
    end if;
  end if;
  raise sqlstate 'PT405' using
    message = format('%s.%s is append-only: %s is refused', tg_table_schema, tg_table_name, lower(tg_op)),
    detail = 'append_only',
    hint = 'Write a new row that corrects the old one.';
end;
$$;
comment on function private.forbid_change is
  'Trigger for append-only tables: before update or delete for each row, before truncate for each statement. Binds '
  'the owner too.';

create function private.touch_updated_at() returns trigger
  language plpgsql volatile security invoker set search_path = ''
as $$
begin
  new.updated_at := now();
  return new;
end;
$$;
comment on function private.touch_updated_at is 'Trigger before update for each row: keeps updated_at true.';

create function private.retry_at(at timestamptz) returns text
  language sql stable security invoker set search_path = ''
as $$
  select 'retry_at=' || to_char(retry_at.at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')
$$;
comment on function private.retry_at is
  'The hint of a refusal that ends by itself; the workers turn it into the field retry_at of the error.';

create function private.known_zone(name text) returns text
  language plpgsql stable security invoker set search_path = ''
as $$
begin
  -- Asked of one name: pg_timezone_names reads every file of the time zone database, which takes 20 ms and more.
  -- Without a digit it is no rule of POSIX (IST-5:30), with a place no abbreviation (IST), both of which Postgres takes too.
  if name !~ '^([A-Z][A-Za-z]+(/[A-Z][A-Za-z_-]+){1,2}|Etc/GMT[+-]?[0-9]{1,2}|UTC|GMT)$' then
    return null;
  end if;
  perform now() at time zone name;
  return name;
exception when invalid_parameter_value then
  return null;
end;
$$;
comment on function private.known_zone is
  'The IANA name of a time zone that Postgres knows (Asia/Kolkata, UTC), else null: prices are never cut by a zone that is none.';

create function private.request_header(name text) returns text
  language sql stable security invoker set search_path = ''
as $$
  select left(nullif(current_setting('request.headers', true), '')::json ->> lower(request_header.name), 200)
$$;
comment on function private.request_header is
  'A header of the API request being served, or null outside one. Written by the caller: for the record, never for a '
  'decision.';
