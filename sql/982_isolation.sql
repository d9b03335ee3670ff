-- 982_isolation.sql: whether organizations are kept apart, tried out on the running database and not believed.
--
-- A throw-away person with a throw-away organization tries to read, add, change and remove what is another's, and to call every function
-- of people in its name; the same without a session. What is tried comes from the catalogue, so that a new table is tried without being
-- named anywhere. All of it happens in one transaction that is rolled back before the answer is given.
--
-- A function that may make the throw-away organization runs as its owner, and Postgres lets nobody change their role inside of it. So
-- what is tried is tried by two functions that belong to roles of their own: flow_probe has what authenticated has, and nothing else;
-- flow_probe_anon what anon has. Policies and grants bind them as they bind whoever comes through the API.

do $$
begin
  if not exists (select from pg_catalog.pg_roles r where r.rolname = 'flow_probe') then
    create role flow_probe nologin;
  end if;
  if not exists (select from pg_catalog.pg_roles r where r.rolname = 'flow_probe_anon') then
    create role flow_probe_anon nologin;
  end if;
end;
$$;
grant authenticated to flow_probe;
grant anon to flow_probe_anon;
grant flow_probe, flow_probe_anon to current_user;

create table private.isolation_checks (
  id         bigint generated always as identity primary key,
  at         timestamptz not null default clock_timestamp(),
  asked_by   text not null,
  took_ms    int not null,
  tables     int not null,
  with_rows  int not null,
  functions  int not null,
  attempts   int not null,
  leaks      jsonb not null,
  constraint isolation_check_is_asked_by_somebody check (asked_by in ('owner', 'schedule')),
  constraint isolation_leaks_are_a_list check (jsonb_typeof(leaks) = 'array')
);
comment on table private.isolation_checks is 'What checks of the separation of organizations found. Holds nothing of any organization.';
comment on column private.isolation_checks.id is 'Grows with time.';
comment on column private.isolation_checks.at is 'When the check ended.';
comment on column private.isolation_checks.asked_by is 'owner: by the button on the Trust page; schedule: by itself, every night.';
comment on column private.isolation_checks.took_ms is 'How long it took.';
comment on column private.isolation_checks.tables is 'Tables and views that were attacked.';
comment on column private.isolation_checks.with_rows is 'How many of them held a row of somebody else, so that there was something to take.';
comment on column private.isolation_checks.functions is 'Functions of people that were called.';
comment on column private.isolation_checks.attempts is 'Statements that were tried.';
comment on column private.isolation_checks.leaks is
  'Those that were not refused, the first hundred: [{table: schema.name, or schema.name() of a function, what: read, add, change, remove, refer or call, who: member or anon}].';
create index isolation_checks_newest on private.isolation_checks (at desc);
alter table private.isolation_checks enable row level security;

-- Trying -----------------------------------------------------------------------------------------------------------------

create function private.try_statements(tries jsonb) returns jsonb
  language plpgsql volatile security invoker set search_path = '' set enable_seqscan = off
as $$
declare
  v_try   record;
  v_rows  bigint;
  v_leaks jsonb := '[]';
begin
  for v_try in select t.value ->> 'table' as "table", t.value ->> 'what' as what, t.value ->> 'sql' as query from jsonb_array_elements(tries) t loop
    begin
      execute v_try.query;
      get diagnostics v_rows = row_count;
      if v_rows > 0 then
        v_leaks := v_leaks || jsonb_build_object('table', v_try.table, 'what', v_try.what);
      end if;
    exception
      -- No privilege, or a policy; a view or table that such a statement cannot be for; a function that says: this is not yours.
      when insufficient_privilege or object_not_in_prerequisite_state or wrong_object_type or sqlstate 'PT404' or sqlstate 'PT403' then
        null;
      -- Whatever else went wrong went wrong behind the door.
      when others then
        v_leaks := v_leaks || jsonb_build_object('table', v_try.table, 'what', v_try.what);
    end;
  end loop;
  return v_leaks;
end;
$$;
comment on function private.try_statements is
  'Runs statements that must be refused or touch no row: [{table, what, sql}]; gives those that were not: [{table, what}]. Runs as who calls it, and is for the two functions below only.';

create function private.try_as_member(tries jsonb) returns jsonb
  language sql volatile security definer set search_path = ''
begin atomic
  select private.try_statements(tries);
end;
comment on function private.try_as_member is
  'private.try_statements with the rights of who signed in, in the name of request.jwt.claims. Definer, of flow_probe: policies and grants bind it.';

create function private.try_as_anon(tries jsonb) returns jsonb
  language sql volatile security definer set search_path = ''
begin atomic
  select private.try_statements(tries);
end;
comment on function private.try_as_anon is 'private.try_statements with the rights of who has no session. Definer, of flow_probe_anon.';

grant execute on function private.try_statements to flow_probe, flow_probe_anon;
-- Whoever gets a function must be allowed to make one there, for this moment.
grant create on schema private to flow_probe, flow_probe_anon;
alter function private.try_as_member owner to flow_probe;
alter function private.try_as_anon owner to flow_probe_anon;
revoke create on schema private from flow_probe, flow_probe_anon;

-- What is tried ----------------------------------------------------------------------------------------------------------

create function private.attacks_on_table(relation regclass, key text, org_id uuid, stranger uuid) returns jsonb
  language plpgsql stable security definer set search_path = ''
as $$
declare
  v_columns text;
  v_row     jsonb;
  v_victim  text := attacks_on_table.org_id;
  v_name    text := format('%I.%I', (select n.nspname from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace where c.oid = relation),
                           (select c.relname from pg_catalog.pg_class c where c.oid = relation));
  v_where   text;
  v_tries   jsonb;
begin
  select string_agg(quote_ident(a.attname), ', ') into v_columns
    from pg_catalog.pg_index i join pg_catalog.pg_attribute a on a.attrelid = i.indrelid and a.attnum = any (i.indkey::int2[])
   where i.indrelid = relation and i.indisprimary;
  v_columns := coalesce(v_columns, quote_ident(key));
  -- A row of who asks; where they have none, anybody's but the stranger's: whatever can be taken is a leak.
  execute format('select to_jsonb(t) from (select %s from %s where %I = $1 limit 1) t', v_columns, v_name, key) into v_row using attacks_on_table.org_id;
  if v_row is null then
    execute format('select to_jsonb(t) from (select %s from %s where %I <> $1 limit 1) t', v_columns, v_name, key) into v_row using stranger;
    v_victim := coalesce(v_row ->> key, v_victim);
  end if;
  v_where := coalesce((select string_agg(format('%I = %L', r.key, r.value), ' and ') from jsonb_each_text(v_row) r where r.value is not null),
                      format('%I = %L', key, v_victim));
  v_tries := jsonb_build_array(
    jsonb_build_object('what', 'read', 'sql', format('select 1 from %s where %I = %L limit 1', v_name, key, v_victim)),
    jsonb_build_object('what', 'add', 'sql', format('insert into %s (%I) values (%L)', v_name, key, v_victim)),
    jsonb_build_object('what', 'change', 'sql', format('update %1$s set %2$I = %2$I where %3$s', v_name, key, v_where)),
    jsonb_build_object('what', 'remove', 'sql', format('delete from %s where %s', v_name, v_where)))
    || coalesce((
      select jsonb_agg(jsonb_build_object('what', 'change', 'sql', format('update %1$s set %2$I = %2$I where %3$s', v_name, a.attname, v_where)))
        from pg_catalog.pg_attribute a
       where a.attrelid = relation and a.attnum > 0 and not a.attisdropped and a.attname <> key
         and pg_catalog.has_column_privilege('flow_probe', relation, a.attnum, 'update')), '[]');
  return jsonb_build_object('has_row', v_row is not null,
    'tries', (select jsonb_agg(t.value || jsonb_build_object('table', replace(v_name, '"', ''))) from jsonb_array_elements(v_tries) t));
end;
$$;
comment on function private.attacks_on_table is
  'Statements against one row that is not the stranger''s, of org_id if it has one: {has_row, tries: [{table, what, sql}]}. Definer: it looks for the row.';

create function private.attacks_on_functions(org_id uuid) returns jsonb
  language sql stable security definer set search_path = ''
as $$
  select coalesce(jsonb_agg(jsonb_build_object('table', f.name || '()', 'what', 'call', 'sql', format('select * from %s(%s)', f.name, f.args))), '[]')
    from (select 'public.' || quote_ident(p.proname) as name,
                 (select string_agg(format('%I => %s::%s', p.proargnames[u.i],
                           case when p.proargnames[u.i] = 'org_id' then quote_literal(attacks_on_functions.org_id)
                                when u.type = 'uuid'::regtype then quote_literal(gen_random_uuid())
                                when u.type = 'text'::regtype then quote_literal('x')
                                when u.type in ('int4'::regtype, 'int8'::regtype, 'numeric'::regtype) then '1'
                                when u.type = 'bool'::regtype then 'true'
                                when u.type = 'jsonb'::regtype then quote_literal('{}')
                                when u.type in ('timestamptz'::regtype, 'date'::regtype) then quote_literal('now')
                                when u.type = 'interval'::regtype then quote_literal('1 day')
                                else 'null' end, pg_catalog.format_type(u.type, null)), ', ' order by u.i)
                    from unnest(p.proargtypes::oid[]) with ordinality u (type, i)
                   where u.i <= p.pronargs - p.pronargdefaults or p.proargnames[u.i] = 'org_id') as args
            from pg_catalog.pg_proc p
           where p.pronamespace = 'public'::regnamespace and p.prokind = 'f' and p.proargnames[1 : p.pronargs] @> array['org_id']
             and p.proname not in ('run_isolation_check')) f
$$;
comment on function private.attacks_on_functions is
  'A call of each function of people that takes an organization, in the name of this one: [{table: name(), what: call, sql}]. Arguments that must be given are harmless: the first thing that each asks is who calls.';

create function private.attacks_on_files(org_id uuid) returns jsonb
  language plpgsql stable security definer set search_path = ''
as $$
declare
  v_path text;
begin
  if to_regclass('storage.objects') is null then
    return '[]';
  end if;
  select m.path into v_path from public.media m where m.org_id = attacks_on_files.org_id and m.path is not null limit 1;
  return jsonb_build_array(
    jsonb_build_object('table', 'storage.objects', 'what', 'read', 'sql', format('select 1 from storage.objects where bucket_id = %L and name = %L', 'media', v_path)),
    jsonb_build_object('table', 'storage.objects', 'what', 'remove', 'sql', format('delete from storage.objects where bucket_id = %L and name = %L', 'media', v_path)));
end;
$$;
comment on function private.attacks_on_files is 'Reading and removing a file that the organization got or sent: [{table, what, sql}].';

create function private.loose_references() returns jsonb
  language sql stable security definer set search_path = ''
as $$
  select coalesce(jsonb_agg(jsonb_build_object('table', format('%s.%s', c.relnamespace::regnamespace, c.relname), 'what', 'refer', 'who', 'member')), '[]')
    from pg_catalog.pg_constraint k join pg_catalog.pg_class c on c.oid = k.conrelid
   where k.contype = 'f' and c.relnamespace in ('public'::regnamespace, 'private'::regnamespace)
     and exists (select from pg_catalog.pg_attribute a where a.attrelid = k.confrelid and a.attname = 'org_id' and not a.attisdropped)
     and not exists (select from unnest(k.conkey, k.confkey) as pair (here, there)
                       join pg_catalog.pg_attribute a on (a.attrelid, a.attnum, a.attname) = (k.conrelid, pair.here, 'org_id')
                       join pg_catalog.pg_attribute b on (b.attrelid, b.attnum, b.attname) = (k.confrelid, pair.there, 'org_id'))
$$;
comment on function private.loose_references is
  'Foreign keys to tables of organizations that do not carry org_id, so that a row could refer to another''s: [{table, what: refer, who: member}]. With org_id in the key no such row can exist.';

-- The check --------------------------------------------------------------------------------------------------------------

create function private.try_isolation(org_id uuid) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_person    uuid := gen_random_uuid();
  v_email     text := format('stranger.%s@isolation.invalid', gen_random_uuid());
  v_stranger  uuid;
  v_table     record;
  v_attacks   jsonb;
  v_tries     jsonb := '[]';
  v_calls     jsonb;
  v_leaks     jsonb;
  v_loose     jsonb := private.loose_references();
  v_tables    int := 0;
  v_with_rows int := 0;
begin
  begin
    insert into auth.users (id, email) values (v_person, v_email);
    v_stranger := private.new_organization('Isolation check', v_person);
    for v_table in
      select c.oid::regclass as relation, a.attname::text as key
        from pg_catalog.pg_class c
        join pg_catalog.pg_attribute a on a.attrelid = c.oid and not a.attisdropped
         and a.attname = case when c.oid in ('public.organizations'::regclass, 'public.profiles'::regclass) then 'id' else 'org_id' end
       where c.relnamespace in ('public'::regnamespace, 'private'::regnamespace, 'worker'::regnamespace) and c.relkind in ('r', 'p', 'v', 'm', 'f')
       order by c.relnamespace::regnamespace::text, c.relname
    loop
      v_attacks := private.attacks_on_table(v_table.relation, v_table.key,
        case when v_table.relation = 'public.profiles'::regclass
             then (select m.user_id from public.memberships m where m.org_id = try_isolation.org_id order by m.created_at, m.user_id limit 1) else try_isolation.org_id end,
        case when v_table.relation = 'public.profiles'::regclass then v_person else v_stranger end);
      v_tries := v_tries || (v_attacks -> 'tries');
      v_tables := v_tables + 1;
      v_with_rows := v_with_rows + (v_attacks ->> 'has_row')::boolean::int;
    end loop;
    v_calls := private.attacks_on_functions(try_isolation.org_id);
    v_tries := v_tries || v_calls || private.attacks_on_files(try_isolation.org_id);
    -- The older names, too: where they are set, auth.uid() believes them first.
    perform set_config('request.jwt.claims', jsonb_build_object('sub', v_person, 'email', v_email, 'role', 'authenticated')::text, true),
            set_config('request.jwt.claim.sub', v_person::text, true), set_config('request.jwt.claim.role', 'authenticated', true),
            set_config('request.jwt.claim.email', v_email, true);
    v_leaks := (select coalesce(jsonb_agg(l.value || '{"who": "member"}'), '[]') from jsonb_array_elements(private.try_as_member(v_tries)) l);
    perform set_config('request.jwt.claims', '{"role": "anon"}', true), set_config('request.jwt.claim.sub', '', true),
            set_config('request.jwt.claim.role', 'anon', true), set_config('request.jwt.claim.email', '', true);
    v_leaks := v_leaks || (select coalesce(jsonb_agg(l.value || '{"who": "anon"}'), '[]') from jsonb_array_elements(private.try_as_anon(v_tries)) l);
    raise sqlstate 'FLW00';      -- nothing of all this has happened
  exception when sqlstate 'FLW00' then
    null;
  end;
  return jsonb_build_object('tables', v_tables, 'with_rows', v_with_rows, 'functions', jsonb_array_length(v_calls),
    'attempts', 2 * jsonb_array_length(v_tries),
    'leaks', (select coalesce(jsonb_agg(x.leak order by x.leak::text), '[]') from (select distinct l.value as leak from jsonb_array_elements(v_leaks || v_loose) l limit 100) x));
end;
$$;
comment on function private.try_isolation is
  'Attacks what an organization has, as a stranger with an organization of their own and without a session, and rolls all of it back: {tables, with_rows, functions, attempts, leaks: [{table, what, who}]}. '
  'Definer: makes the stranger, and knows the catalogue.';

create function private.check_isolation(org_id uuid, asked_by text) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_begun timestamptz := clock_timestamp();
  v_found jsonb := private.try_isolation(check_isolation.org_id);
  v_check private.isolation_checks;
begin
  insert into private.isolation_checks (asked_by, took_ms, tables, with_rows, functions, attempts, leaks)
  values (check_isolation.asked_by, (extract(epoch from clock_timestamp() - v_begun) * 1000)::int, (v_found ->> 'tables')::int, (v_found ->> 'with_rows')::int,
          (v_found ->> 'functions')::int, (v_found ->> 'attempts')::int, v_found -> 'leaks')
  returning * into v_check;
  return to_jsonb(v_check) - 'id' - 'asked_by';
end;
$$;
comment on function private.check_isolation is 'private.try_isolation, written down: {at, took_ms, tables, with_rows, functions, attempts, leaks}.';

create function private.run_isolation_check(org_id uuid) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_last timestamptz;
begin
  perform private.require_role(run_isolation_check.org_id, 'owner');
  perform pg_advisory_xact_lock(hashtextextended('flow.isolation ' || run_isolation_check.org_id, 0));
  select max(l.at) into v_last from public.audit_log l
   where l.org_id = run_isolation_check.org_id and l.at > now() - interval '1 minute' and l.action = 'isolation.checked';
  if v_last is not null then
    raise sqlstate 'PT429' using message = 'This was checked less than a minute ago.', detail = 'isolation_checked_just_now',
      hint = private.retry_at(v_last + interval '1 minute');
  end if;
  perform private.audit(run_isolation_check.org_id, 'isolation.checked', 'organization', run_isolation_check.org_id::text);
  return private.check_isolation(run_isolation_check.org_id, 'owner');
end;
$$;
comment on function private.run_isolation_check is 'Body of public.run_isolation_check. Definer: nobody may play somebody else directly.';

create function public.run_isolation_check(org_id uuid) returns jsonb
  language sql volatile set search_path = ''
begin atomic
  select private.run_isolation_check(org_id);
end;
comment on function public.run_isolation_check is
  'Tries, as a stranger and without a session, to read, add, change and remove rows of the organization in every table, and to call every function in its name; all of it is rolled back. For owners, once a minute. '
  'Returns {at, took_ms, tables, with_rows: tables that held something to take, functions, attempts, leaks: [{table, what: read, add, change, remove, refer or call, who: member or anon}]}. Raises PT403, PT404, PT429 isolation_checked_just_now.';
grant execute on function private.run_isolation_check, public.run_isolation_check to authenticated;

create function private.check_isolation_nightly() returns void
  language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_org   uuid;
  v_night timestamptz := (date_trunc('day', now() at time zone 'Asia/Kolkata' - interval '2 hours 17 minutes') + interval '2 hours 17 minutes') at time zone 'Asia/Kolkata';
begin
  if exists (select from private.isolation_checks c where c.at >= v_night and c.asked_by = 'schedule') then
    return;
  end if;
  -- Anybody: where they have no row in a table, a row of somebody else is attacked.
  select o.id into v_org from public.organizations o where o.deleted_at is null order by random() limit 1;
  if v_org is not null then
    perform private.check_isolation(v_org, 'schedule');
  end if;
end;
$$;
comment on function private.check_isolation_nightly is
  'Checks one organization, another each night: when none was checked by itself since it last was 02:17 in India. So a new installation is checked as soon as it has '
  'an organization, and a night that was missed is made up for. For the schedule, which asks every minute.';

create function worker.isolation_state() returns jsonb
  language sql stable security definer set search_path = ''
as $$
  select jsonb_build_object('at', c.at, 'leaks', coalesce(c.leaks, '[]'),
    'is_late', (select min(o.created_at) from public.organizations o where o.deleted_at is null) < now() - interval '48 hours'
               and coalesce(c.at, '-infinity') < now() - interval '48 hours')
    from (select) one left join lateral (select k.at, k.leaks from private.isolation_checks k order by k.at desc limit 1) c on true
$$;
comment on function worker.isolation_state is
  'How the last check of the separation of organizations ended: {at, leaks: [{table, what, who}], is_late: there are organizations for two days, and no check for as long}; at is null when there was none.';
grant execute on function worker.isolation_state to service_role;
