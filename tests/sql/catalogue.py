"""The rules that every table, view, column, function and type keeps, each as one query that lists offenders.

A query reads `rel` (tables, views, sequences), `fn` (functions), `col` (columns of rel), `pol` (policies) and `acl`
(every privilege of a role on one of our objects, direct or through membership), of our schemas only. Each rule
carries a breach: SQL that makes exactly one offender, which proves that the rule can fail.
"""

from dataclasses import dataclass

OURS = """
with ns as (
  select n.oid, n.nspname from pg_namespace n where n.nspname in ('public', 'private', 'worker')
), rel as (
  select c.*, ns.nspname, ns.nspname || '.' || c.relname as name
    from pg_class c join ns on ns.oid = c.relnamespace
   where c.relkind in ('r', 'p', 'v', 'm', 'f', 'S')
     and not exists (select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')
), tab as (
  select * from rel where relkind in ('r', 'p')
), fn as (
  select p.*, ns.nspname, p.oid::regprocedure::text as name
    from pg_proc p join ns on ns.oid = p.pronamespace
   where not exists (select from pg_depend d where d.classid = 'pg_proc'::regclass and d.objid = p.oid and d.deptype = 'e')
), col as (
  select a.*, r.nspname, r.relkind, r.relispartition, r.name || '.' || a.attname as name
    from pg_attribute a join rel r on r.oid = a.attrelid
   where r.relkind <> 'S' and a.attnum > 0 and not a.attisdropped
), typ as (
  select t.*, ns.nspname || '.' || t.typname as name
    from pg_type t join ns on ns.oid = t.typnamespace
    left join pg_class c on c.oid = t.typrelid
   where t.typtype in ('d', 'e', 'r') or (t.typtype = 'c' and c.relkind = 'c')
), pol as (
  select p.*, r.nspname, r.name || ': ' || p.polname as name,
         coalesce(pg_get_expr(p.polqual, p.polrelid), '') || ' ' ||
         coalesce(pg_get_expr(p.polwithcheck, p.polrelid), '') as expression
    from pg_policy p join rel r on r.oid = p.polrelid
), who (role) as (
  values ('anon'), ('public'), ('authenticated'), ('service_role')
), acl (role, kind, nspname, name, privilege) as (
  select w.role, 'schema', ns.nspname, ns.nspname::text, p
    from ns, who w, unnest(array['usage', 'create']) p where has_schema_privilege(w.role, ns.oid, p)
  union all
  select w.role, 'table', r.nspname, r.name, p
    from rel r, who w, unnest(array['select', 'insert', 'update', 'delete', 'truncate', 'references', 'trigger']) p
   where r.relkind <> 'S' and has_table_privilege(w.role, r.oid, p)
  union all
  select w.role, 'column', c.nspname, c.name, p
    from col c, who w, unnest(array['select', 'insert', 'update', 'references']) p
   where has_column_privilege(w.role, c.attrelid, c.attnum, p)
  union all
  select w.role, 'sequence', r.nspname, r.name, p
    from rel r, who w, unnest(array['select', 'usage', 'update']) p
   where case r.relkind when 'S' then has_sequence_privilege(w.role, r.oid, p) end
  union all
  select w.role, 'function', f.nspname, f.name, 'execute'
    from fn f, who w where has_function_privilege(w.role, f.oid, 'execute')
)
"""


@dataclass(frozen=True)
class Rule:
    """What must be true of everything, how to find what it is not true of, and how to break it."""

    says: str
    offenders: str
    breach: str


RULES = (
    # Tables
    Rule(
        "every table has row level security",
        "select name from tab where not relrowsecurity",
        "create table private.zz (id int)",
    ),
    Rule(
        "no table forces or lifts row level security for its owner",
        "select name from tab where relforcerowsecurity",
        "alter table public.leads force row level security",
    ),
    Rule(
        "worker has no tables",
        "select name from rel where nspname = 'worker'",
        "create view worker.zz as select 1 as id",
    ),
    Rule(
        "views read with the rights of who asks",
        """
        select name from rel
         where relkind = 'v' and not coalesce(reloptions && array['security_invoker=on', 'security_invoker=true'], false)
        """,
        "create view public.zz as select id from public.leads",
    ),
    Rule(
        "no materialized view or foreign table",
        "select name from rel where relkind in ('m', 'f')",
        "create materialized view private.zz as select 1 as id",
    ),
    Rule(
        "everything belongs to postgres",
        """
        select name from rel where relowner <> 'postgres'::regrole
        union all select name from fn where proowner <> 'postgres'::regrole and (proname, proowner::regrole::text) not in
          (('try_as_member', 'flow_probe'), ('try_as_anon', 'flow_probe_anon'))
        """,
        "grant create on schema private to authenticated; grant usage on schema private to authenticated;"
        " set local role authenticated; create table private.zz (id int); reset role",
    ),
    Rule(
        "whom the check of the separation plays is nobody, and has what people have and nothing else",
        """
        select rolname::text from pg_roles
         where rolname ~ '^flow_' and (rolcanlogin or rolbypassrls or rolsuper or rolcreaterole or rolcreatedb or rolreplication or not rolinherit)
        union all
        select member::regrole || ' has ' || roleid::regrole from pg_auth_members
         where member::regrole::text ~ '^flow_' and (member::regrole::text, roleid::regrole::text) not in
           (('flow_probe', 'authenticated'), ('flow_probe_anon', 'anon'))
        union all
        select r.rolname || ' owns ' || fn.name from pg_roles r join fn on fn.proowner = r.oid
         where r.rolname ~ '^flow_' and fn.proname not in ('try_as_member', 'try_as_anon')
        """,
        "alter role flow_probe login",
    ),
    # Comments
    Rule(
        "every schema has a comment",
        "select nspname from ns where obj_description(oid, 'pg_namespace') is null",
        "comment on schema worker is null",
    ),
    Rule(
        "every table and view has a comment",
        """
        select name from rel
         where relkind <> 'S' and not relispartition and coalesce(obj_description(oid, 'pg_class'), '') = ''
        """,
        "comment on table public.leads is null",
    ),
    Rule(
        "every column has a comment",
        """
        select name from col
         where relkind <> 'S' and not relispartition and coalesce(col_description(attrelid, attnum), '') = ''
        """,
        "comment on column public.leads.title is null",
    ),
    Rule(
        "every function has a comment",
        "select name from fn where coalesce(obj_description(oid, 'pg_proc'), '') = ''",
        "comment on function worker.ping is null",
    ),
    Rule(
        "every type has a comment",
        "select name from typ where coalesce(obj_description(oid, 'pg_type'), '') = ''",
        "create type private.zz as (id int)",
    ),
    # Privileges
    Rule(
        "anon and PUBLIC hold nothing",
        "select role || ' may ' || privilege || ' ' || kind || ' ' || name from acl where role in ('anon', 'public')",
        "grant select (id) on public.leads to anon",
    ),
    Rule(
        "service_role holds nothing but execute in worker",
        """
        select privilege || ' ' || kind || ' ' || name from acl
         where role = 'service_role'
           and not (nspname = 'worker' and (kind, privilege) in (('function', 'execute'), ('schema', 'usage')))
        """,
        "grant select on public.leads to service_role",
    ),
    Rule(
        "service_role may execute all of worker",
        "select name from fn where nspname = 'worker' and not has_function_privilege('service_role', oid, 'execute')",
        "revoke execute on function worker.ping from service_role",
    ),
    Rule(
        "people hold nothing in private but execute, and nothing in worker",
        """
        select privilege || ' ' || kind || ' ' || name from acl
         where role = 'authenticated' and nspname <> 'public'
           and (nspname, kind) <> ('private', 'function')
        """,
        "grant usage on schema private to authenticated",
    ),
    Rule(
        "people may not truncate, refer to, or put triggers on tables, nor create",
        """
        select privilege || ' ' || kind || ' ' || name from acl
         where role = 'authenticated' and (privilege in ('truncate', 'references', 'trigger', 'create') or kind = 'sequence')
        """,
        "grant references (id) on public.leads to authenticated",
    ),
    Rule(
        "what people may do by column grant or table grant, a policy decides",
        """
        select distinct a.privilege || ' ' || a.name from acl a
         where a.role = 'authenticated' and a.kind = 'table' and a.nspname = 'public'
           and exists (select from tab t where t.name = a.name)
           and not exists (select from pol p join tab t on t.oid = p.polrelid
                            where t.name = a.name
                              and p.polcmd = case a.privilege when 'select' then 'r' when 'insert' then 'a'
                                                              when 'update' then 'w' when 'delete' then 'd' end)
        """,
        "grant delete on public.leads to authenticated",
    ),
    Rule(
        "default privileges give nobody anything",
        """
        select coalesce(d.defaclnamespace::regnamespace::text, 'every schema') || ': ' || a.privilege_type
               || ' on ' || d.defaclobjtype::text || ' to ' || coalesce(r.rolname, 'PUBLIC')
          from pg_default_acl d, aclexplode(d.defaclacl) a left join pg_roles r on r.oid = a.grantee
         where d.defaclrole = 'postgres'::regrole and a.grantee <> d.defaclrole
           and (d.defaclnamespace = 0 or d.defaclnamespace in (select oid from ns))
        """,
        "alter default privileges in schema public grant select on tables to authenticated",
    ),
    # Functions
    Rule(
        "every function has an empty search_path",
        "select name from fn where not coalesce(proconfig @> array['search_path=\"\"'], false)",
        "alter function worker.ping set search_path = public",
    ),
    Rule(
        "functions in public run as who asks",
        "select name from fn where nspname = 'public' and prosecdef",
        "alter function public.leave_organization(uuid) security definer",
    ),
    Rule(
        "functions in worker run as their owner",
        "select name from fn where nspname = 'worker' and not prosecdef",
        "alter function worker.ping security invoker",
    ),
    Rule(
        "functions that people may call in private run as their owner",
        """
        select name from fn
         where nspname = 'private' and not prosecdef and has_function_privilege('authenticated', oid, 'execute')
        """,
        "grant execute on function private.role_rank to authenticated",
    ),
    Rule(
        "functions in worker return jsonb or nothing",
        "select name from fn where nspname = 'worker' and (proretset or prorettype not in ('jsonb'::regtype, 'void'::regtype))",
        "create function worker.zz() returns int language sql as 'select 1'",
    ),
    Rule(
        "no name in the API means two functions",
        "select nspname || '.' || proname from fn where nspname <> 'private' group by nspname, proname having count(*) > 1",
        "create function worker.ping(again int) returns void language sql as ''",
    ),
    # Policies
    Rule(
        "a policy is for one action and for people who signed in",
        "select name from pol where polcmd = '*' or not polpermissive or polroles <> array['authenticated'::regrole::oid]",
        'create policy "Anybody may do it" on public.leads using (false)',
    ),
    Rule(
        "a policy is named by a sentence",
        r"select name from pol where polname !~ '^[A-Z][a-z]* .*[^.]$'",
        'alter policy "Members can read the leads of their organizations" on public.leads rename to leads_select',
    ),
    Rule(
        "a policy asks for the person's organizations once a query",
        r"""
        select name from pol
         where expression !~ 'ANY \(ARRAY\( SELECT private\.my_' and polrelid <> 'public.rate_cards'::regclass
            or regexp_replace(expression, 'ARRAY\( SELECT private\.my_\w+\(', '', 'g') ~ 'private\.'
        """,
        'create policy "Members can delete" on public.leads for delete to authenticated'
        " using (org_id in (select private.my_org_ids()))",
    ),
    Rule(
        "a policy that lets write asks for a role: who may only look has none",
        r"select name from pol where polcmd <> 'r' and expression ~ 'my_org_ids\(\)'",
        'create policy "Members can delete" on public.leads for delete to authenticated'
        " using (org_id = any (array(select private.my_org_ids())))",
    ),
    Rule(
        "a policy makes no bare auth call",
        r"select name from pol where regexp_replace(expression, 'SELECT auth\.\w+\(\)', '', 'g') ~ 'auth\.\w+\('",
        'create policy "Members can delete" on public.leads for delete to authenticated'
        " using (owner_id = auth.uid() and org_id = any (array(select private.my_org_ids())))",
    ),
    Rule(
        "policies are on tables of public only",
        "select name from pol where nspname <> 'public'",
        'create policy "Members can read" on private.credentials for select to authenticated'
        " using (org_id = any (array(select private.my_org_ids())))",
    ),
    # Keys
    Rule(
        "every table of public but organizations, profiles and Meta's rates is of a tenant",
        """
        select name from tab
         where nspname = 'public' and relname not in ('organizations', 'profiles', 'rate_cards')
           and not exists (select from col c where c.attrelid = tab.oid and c.attname = 'org_id' and c.attnotnull)
        """,
        "create table public.zz (id int primary key)",
    ),
    Rule(
        "the key of a tenant's table begins with org_id",
        """
        select t.name from tab t join col c on c.attrelid = t.oid and c.attname = 'org_id' and c.attnotnull
         where not exists (select from pg_constraint k where k.conrelid = t.oid and k.contype = 'p' and k.conkey[1] = c.attnum)
        """,
        "create table private.zz (id int primary key, org_id uuid not null)",
    ),
    Rule(
        "org_id leads to an organization",
        """
        select c.name from col c join tab t on t.oid = c.attrelid and not t.relispartition
         where c.attname = 'org_id' and c.attnotnull
           and not exists (select from pg_constraint k where k.conrelid = t.oid and k.contype = 'f' and c.attnum = any (k.conkey))
        """,
        "create table private.zz (org_id uuid primary key)",
    ),
    Rule(
        "a foreign key between tenants' tables carries org_id",
        """
        select t.name || ': ' || k.conname from pg_constraint k join tab t on t.oid = k.conrelid
         where k.contype = 'f' and exists (select from col a where a.attrelid = k.confrelid and a.attname = 'org_id')
           and not exists (select from unnest(k.conkey, k.confkey) as pair (here, there)
                            join col a on a.attrelid = k.conrelid and a.attnum = pair.here and a.attname = 'org_id'
                            join col b on b.attrelid = k.confrelid and b.attnum = pair.there and b.attname = 'org_id')
        """,
        "create unique index zz_id on public.leads (id); create table public.zz (lead_id uuid references public.leads (id))",
    ),
    Rule(
        "a foreign key has an index that covers it",
        """
        select t.name || ': ' || k.conname from pg_constraint k join tab t on t.oid = k.conrelid
         where k.contype = 'f' and not exists (
           select from pg_index i where i.indrelid = k.conrelid
              and (i.indkey::int2[])[0 : cardinality(k.conkey) - 1] @> k.conkey)
        """,
        "create table private.zz (user_id uuid references auth.users)",
    ),
    # Types
    Rule(
        "no enumerated types",
        "select name from typ where typtype = 'e'",
        "create type private.zz as enum ('a')",
    ),
    Rule(
        "no money and no number that rounds in binary",
        "select name from col where atttypid in ('real'::regtype, 'float8'::regtype, 'money'::regtype)",
        "alter table public.leads add zz float8",
    ),
    Rule(
        "instants have a time zone",
        "select name from col where atttypid in ('timestamp'::regtype, 'time'::regtype, 'timetz'::regtype)",
        "alter table public.leads add zz timestamp",
    ),
    Rule(
        "text has no length of its own but a named constraint",
        "select name from col where atttypid in ('varchar'::regtype, 'bpchar'::regtype)",
        "alter table public.leads add zz varchar(10)",
    ),
    Rule(
        "numbers count by identity, not by a sequence somebody would need rights to",
        """
        select c.name from col c join pg_attrdef d on (d.adrelid, d.adnum) = (c.attrelid, c.attnum)
         where pg_get_expr(d.adbin, d.adrelid) ~ 'nextval'
        """,
        "alter table public.leads add zz bigserial",
    ),
    Rule(
        "no constraint is left unchecked",
        "select t.name || ': ' || k.conname from pg_constraint k join tab t on t.oid = k.conrelid where not k.convalidated",
        "alter table public.leads add constraint zz check (version > 0) not valid",
    ),
)
