-- 984_trust.sql: how it stands with what Flow promises an organization, as the database knows it just now.

create function private.closed_state() returns jsonb
  language sql stable security definer set search_path = ''
as $$
  with ns as (
    select n.oid from pg_catalog.pg_namespace n where n.nspname in ('public', 'private', 'worker')
  ), rel as (
    select c.oid, c.relkind, c.relrowsecurity from pg_catalog.pg_class c where c.relnamespace in (select ns.oid from ns) and c.relkind in ('r', 'p', 'v', 'm', 'f')
  )
  select jsonb_build_object(
    'tables', (select count(*) from rel where relkind in ('r', 'p')),
    'protected', (select count(*) from rel where relkind in ('r', 'p') and relrowsecurity),
    'anon_grants', (select count(*) from ns where pg_catalog.has_schema_privilege('anon', ns.oid, 'usage, create'))
      + (select count(*) from rel where pg_catalog.has_table_privilege('anon', rel.oid, 'select, insert, update, delete, truncate, references, trigger')
                                     or pg_catalog.has_any_column_privilege('anon', rel.oid, 'select, insert, update, references'))
      + (select count(*) from pg_catalog.pg_proc p where p.pronamespace in (select ns.oid from ns) and pg_catalog.has_function_privilege('anon', p.oid, 'execute')
            and not exists (select from pg_catalog.pg_depend d where d.classid = 'pg_catalog.pg_proc'::regclass and d.objid = p.oid and d.deptype = 'e')))
$$;
comment on function private.closed_state is
  'From the catalogue: {tables, protected: those with row level security, anon_grants: schemas, tables and functions of ours that somebody without a session may use}. Definer: sees all schemas.';

create function private.secrets_state(org_id uuid) returns jsonb
  language sql stable security definer set search_path = ''
as $$
  select jsonb_build_object(
    'key_version', (select k.key_id from private.credential_keys k where k.state = 'active'),
    'key_since', (select k.created_at from private.credential_keys k where k.state = 'active'),
    'sealed', (select count(*) from private.credentials c where c.org_id = secrets_state.org_id and c.cipher is not null and c.revoked_at is null),
    'broken', (select count(*) from private.credentials c where c.org_id = secrets_state.org_id and c.revoked_at is null and c.broken_at is not null),
    'reads', (select coalesce(sum(r.reads), 0) from private.credential_reads r where r.org_id = secrets_state.org_id and r.at > now() - interval '30 days'))
$$;
comment on function private.secrets_state is
  'The organization''s tokens and keys: {key_version, key_since: of the key that seals, null before the first credential; sealed, broken, reads: how often they were opened in 30 days}. Definer: closed tables.';

create function private.token_uses(org_id uuid) returns jsonb
  language sql stable security definer set search_path = ''
as $$
  select coalesce(jsonb_agg(jsonb_build_object('purpose', u.purpose, 'kind', u.kind, 'hint', u.hint, 'reads', u.reads, 'last_at', u.last_at) order by u.reads desc, u.purpose), '[]')
    from (select r.purpose, c.kind, c.hint, sum(r.reads) as reads, max(r.at) as last_at
            from private.credential_reads r left join private.credentials c on c.org_id = r.org_id and c.id = r.credential_id
           where r.org_id = token_uses.org_id and r.at > now() - interval '30 days'
           group by r.purpose, c.kind, c.hint order by sum(r.reads) desc limit 50) u
$$;
comment on function private.token_uses is
  'What opened the organization''s tokens and keys in 30 days: [{purpose, kind: null once the token is gone, hint: its last characters, reads, last_at: the minute}]. Definer: closed tables.';

create function private.support_state(org_id uuid) returns jsonb
  language sql stable security definer set search_path = ''
as $$
  select coalesce(jsonb_agg(jsonb_build_object('grant_id', g.id, 'reason', g.reason, 'granted_by', g.granted_by, 'granted_at', g.granted_at, 'expires_at', g.expires_at,
           'ended_at', g.ended_at, 'is_open', g.ended_at is null and g.expires_at > now(),
           'visits', (select coalesce(jsonb_agg(jsonb_build_object('name', coalesce(p.name, p.email), 'began_at', v.began_at) order by v.began_at), '[]')
                        from public.support_visits v left join public.profiles p on p.id = v.user_id where v.org_id = g.org_id and v.grant_id = g.id)) order by g.granted_at desc), '[]')
    from (select s.* from public.support_grants s where s.org_id = support_state.org_id order by s.granted_at desc limit 10) g
$$;
comment on function private.support_state is
  'The last ten times that support was let in: [{grant_id, reason, granted_by, granted_at, expires_at, ended_at, is_open, visits: [{name, began_at}]}]. Definer: members cannot see the profiles of support.';

create function private.last_retention(org_id uuid) returns jsonb
  language sql stable security definer set search_path = ''
as $$
  select jsonb_build_object('finished_at', max(r.finished_at) filter (where r.org_id is null), 'rows', coalesce(sum(r.rows) filter (where r.org_id is not null), 0),
                            'failed', count(*) filter (where r.error is not null))
    from private.retention_runs r
   where r.mode = 'real' and (r.org_id is null or r.org_id = last_retention.org_id) and r.started_at > now() - interval '48 hours'
$$;
comment on function private.last_retention is
  'How clearing out went in the last 48 hours: {finished_at: the last run, rows: of the organization that went, failed: runs}. Definer: a closed table.';

create function private.last_export(org_id uuid) returns jsonb
  language sql stable security definer set search_path = ''
as $$
  select coalesce((select jsonb_build_object('count', 1, 'status', e.status, 'requested_at', e.requested_at, 'finished_at', e.finished_at)
                     from private.organization_exports e where e.org_id = last_export.org_id order by e.requested_at desc limit 1), '{"count": 0}')
$$;
comment on function private.last_export is 'The organization''s last export: {count: 0 or 1, status, requested_at, finished_at}. Definer: a closed table.';

create function private.address_state() returns text
  language sql stable security definer set search_path = ''
as $$
  select case when s.decrypted_secret ~* '^https://' then 'https' when s.decrypted_secret is not null then 'loopback' end
    from (select) one left join vault.decrypted_secrets s on s.name = 'flow_worker_url'
$$;
comment on function private.address_state is
  'How the database reaches the workers: https; loopback: on the same machine, the only place where plain http is taken; null while nobody has told it. Definer: Vault is closed to all.';

create function private.trust_state(org_id uuid) returns jsonb
  language plpgsql stable security definer set search_path = ''
as $$
declare
  v_role  text := private.require_role(trust_state.org_id, 'agent');
  v_check private.isolation_checks;
begin
  select c.* into v_check from private.isolation_checks c order by c.at desc limit 1;
  return jsonb_build_object(
    'closed', private.closed_state(),
    'isolation', case when v_check.id is not null then to_jsonb(v_check) - 'id' - 'leaks'
                      || jsonb_build_object('leaks', jsonb_array_length(v_check.leaks), 'is_old', v_check.at < now() - interval '48 hours')
                      || case when v_role = 'owner' then jsonb_build_object('found', v_check.leaks) else '{}' end end,
    'secrets', private.secrets_state(trust_state.org_id),
    'uses', case when v_role = 'owner' then private.token_uses(trust_state.org_id) end,
    'webhooks_last_at', (select max(e.received_at) from private.event_effects e where e.org_id = trust_state.org_id),
    'support', private.support_state(trust_state.org_id),
    'retention', private.last_retention(trust_state.org_id),
    'export', private.last_export(trust_state.org_id),
    'late_deletions', (select count(*) from private.organization_deletions d
                        where d.status in ('scheduled', 'purging') and d.requested_at < now() - interval '25 days'),
    'address', private.address_state());
end;
$$;
comment on function private.trust_state is 'Body of public.trust_state. Definer: reads what is closed, and tells numbers.';

create function public.trust_state(org_id uuid) returns jsonb
  language sql stable set search_path = ''
begin atomic
  select private.trust_state(org_id);
end;
comment on function public.trust_state is
  'How it stands with what Flow promises: {closed: {tables, protected, anon_grants}, isolation: {at, asked_by, took_ms, tables, with_rows, functions, attempts, leaks: how many, is_old: longer than 48 hours ago, found: which, for owners} or null, '
  'secrets: {key_version, key_since, sealed, broken, reads}, uses: [{purpose, kind, hint, reads, last_at}] for owners, else null, webhooks_last_at, support: [{grant_id, reason, granted_by, granted_at, expires_at, ended_at, is_open, visits: [{name, began_at}]}], '
  'retention: {finished_at, rows, failed}, export: {count, status, requested_at, finished_at}, late_deletions, address: https, loopback or null}. For members. Raises PT404.';
grant execute on function private.trust_state, public.trust_state to authenticated;
