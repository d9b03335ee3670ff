-- 992_installation.sql: what an installation must have, as far as the database can see it.

create function worker.installation() returns jsonb
  language plpgsql stable security definer set search_path = ''
as $$
declare
  v_buckets jsonb := '[]';
begin
  if to_regclass('storage.buckets') is not null then
    execute $q$ select coalesce(jsonb_agg(w order by w), '[]') from unnest(array['exports', 'imports', 'media']) w
                 where not exists (select from storage.buckets b where b.id = w and not b.public) $q$ into v_buckets;
  end if;
  return jsonb_build_object(
    'postgres', current_setting('server_version_num')::int / 10000,
    'missing', (select coalesce(jsonb_agg(e.name order by e.name), '[]')
                  from (values ('pg_cron', to_regclass('cron.job') is not null),
                               ('pg_net', to_regprocedure('net.http_post(text,jsonb,jsonb,jsonb,integer)') is not null),
                               ('pg_trgm', exists (select from pg_catalog.pg_extension x where x.extname = 'pg_trgm')),
                               ('pgcrypto', exists (select from pg_catalog.pg_extension x where x.extname = 'pgcrypto')),
                               ('supabase_vault', to_regclass('vault.decrypted_secrets') is not null)) e (name, is_there) where not e.is_there),
    'unscheduled', (select coalesce(jsonb_agg(u), '[]') from private.unscheduled_chores() u),
    'failed_chores', (select coalesce(jsonb_agg(jsonb_build_object('name', c.name, 'sqlstate', c.failed) order by c.name), '[]')
                        from private.chores c where c.failed is not null),
    'buckets', v_buckets,
    'keys', (select count(*) from private.credential_keys k where k.state <> 'retired'),
    'lost_keys', (select coalesce(jsonb_agg(k.vault_name order by k.key_id), '[]') from private.credential_keys k
                   where k.state <> 'retired' and not exists (select from vault.secrets s where s.name = k.vault_name)),
    'broken_indexes', (select coalesce(jsonb_agg(i.indexrelid::regclass::text order by 1), '[]') from pg_catalog.pg_index i
                         join pg_catalog.pg_class c on c.oid = i.indexrelid join pg_catalog.pg_namespace n on n.oid = c.relnamespace
                        where not i.indisvalid and n.nspname in ('public', 'private')));
end;
$$;
comment on function worker.installation is
  'What an installation must have: {postgres: major version, missing: extensions, unscheduled: chores that pg_cron does not run, failed_chores: [{name, sqlstate}], '
  'buckets: private buckets that are missing, keys: how many seal credentials, lost_keys: those that Vault lacks, broken_indexes}. No secret is told.';
grant execute on function worker.installation to service_role;
