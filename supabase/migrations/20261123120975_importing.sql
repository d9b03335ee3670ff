-- 975_importing.sql: an archive is loaded into an empty organization, in one transaction, and nothing of it acts.

-- What would send, call, remind or be seen stands still when it arrives ---------------------------------------------------
update private.export_tables t set arrives = a.arrives::jsonb from (values
  ('public.whatsapp_accounts', $${"status": "'disconnected'", "credential_id": "null", "disconnected_at": "coalesce(r.disconnected_at, now())"}$$),
  ('public.whatsapp_numbers', $${"status": "'disconnected'", "pin_credential_id": "null", "paused_until": "null", "paused_reason": "null", "disconnected_at": "coalesce(r.disconnected_at, now())"}$$),
  ('public.lead_sources', $${"is_active": "r.is_active and r.kind not in ('indiamart', 'sheet')", "base_url": "null", "credential_id": "null", "next_allowed_at": "null",
    "requested_at": "null", "lease_run": "null", "lease_expires_at": "null", "push_token_at": "null",
    "state": "case when r.kind in ('indiamart', 'sheet') then 'disconnected' else r.state end",
    "disconnected_at": "case when r.kind in ('indiamart', 'sheet') then coalesce(r.disconnected_at, now()) else r.disconnected_at end"}$$),
  ('public.sheet_sources', $${"is_on": "false"}$$),
  ('public.enquiry_forms', $${"is_on": "false", "slug": "case when exists (select from public.enquiry_forms f where f.slug = r.slug) then private.new_slug() else r.slug end"}$$),
  ('public.greeting_settings', $${"is_on": "false"}$$),
  ('public.sequences', $${"is_on": "false"}$$),
  ('public.sequence_enrollments', $${"state": "case when r.state = 'active' then 'stopped' else r.state end", "ended_at": "coalesce(r.ended_at, now())",
    "reason": "case when r.state = 'active' then 'Loaded from an archive' else r.reason end"}$$),
  ('public.broadcasts', $${"state": "case when r.state in ('running', 'paused') then 'cancelled' else r.state end", "next_at": "case when r.state in ('running', 'paused') then 'infinity' else r.next_at end", "paused_for": "null", "paused_reason": "null", "paused_at": "null",
    "ended_at": "case when r.state in ('running', 'paused') then now() else r.ended_at end"}$$),
  ('public.scheduled_messages', $${"status": "case when r.status = 'waiting' then 'cancelled' else r.status end", "settled_at": "coalesce(r.settled_at, now())"}$$),
  ('public.messages', $${"status": "case when r.status in ('queued', 'sending', 'uncertain') then 'cancelled' else r.status end", "settle_at": "null"}$$),
  ('public.media', $${"status": "case when r.status = 'pending' then 'failed' else r.status end", "next_at": "null", "lease": "null",
    "path": "$1 || substr(r.path, coalesce(nullif(position('/' in r.path), 0), length(r.path) + 1))"}$$),
  ('public.tasks', $${"reminded_at": "case when r.remind_at <= now() then coalesce(r.reminded_at, r.remind_at) else r.reminded_at end"}$$)) a (table_name, arrives)
 where t.table_name = a.table_name;

-- Triggers that act on a new row are told of none that is loaded: all of them, but those that make anew what is not exported.
do $$
declare
  v_trigger text;
begin
  for v_trigger in
    select pg_get_triggerdef(t.oid) from pg_trigger t join private.export_catalogue c on c.relation = t.tgrelid and c.class = 'data'
     where not t.tgisinternal and t.tgtype & 4 = 4
       and t.tgname not in ('contacts_queue_new', 'contact_points_queue_added', 'leads_keep_words_on_insert', 'message_templates_know_themselves')
  loop
    execute regexp_replace(
      regexp_replace(v_trigger, '^CREATE TRIGGER', 'create or replace trigger'),
      '( WHEN \((.*)\))? EXECUTE FUNCTION ',
      ' when (coalesce(current_setting(''flow.importing'', true), '''') = ''''' || case when v_trigger like '% WHEN (%' then ' and \2' else '' end || ') execute function ');
  end loop;
end;
$$;

create function private.load_order() returns setof text
  language sql stable set search_path = ''
as $$
  with recursive data as (
    select c.table_name, c.relation from private.export_catalogue c where c.class = 'data'),
  keys as (
    select distinct d.table_name as child, p.table_name as parent from pg_catalog.pg_constraint k
      join data d on d.relation = k.conrelid join data p on p.relation = k.confrelid where k.contype = 'f' and k.conrelid <> k.confrelid),
  chains as (
    select d.table_name, d.table_name as at, 0 as length from data d
    union
    select h.table_name, k.parent, h.length + 1 from chains h join keys k on k.child = h.at where h.length < 30)
  select h.table_name from chains h group by h.table_name order by max(h.length), h.table_name
$$;
comment on function private.load_order is 'Tables that an import loads, those that others refer to first.';

create function private.begin_load(org_id uuid) returns jsonb
  language plpgsql volatile set search_path = ''
as $$
declare
  v_table text;
  v_found boolean;
begin
  perform 1 from public.organizations o where o.id = begin_load.org_id and o.deleted_at is null for update;
  if not found then
    raise sqlstate 'PT404' using message = 'There is no such organization', detail = 'organization_not_found';
  end if;
  foreach v_table in array array['public.contacts', 'public.leads', 'public.whatsapp_accounts', 'public.lead_sources', 'public.broadcasts', 'public.sequences', 'public.usage_ledger'] loop
    execute format('select exists (select from %s where org_id = $1)', v_table) into v_found using begin_load.org_id;
    if v_found then
      raise sqlstate 'PT409' using message = 'The organization is not empty', detail = 'organization_not_empty', hint = 'Load an archive into an organization that has just been made.';
    end if;
  end loop;
  perform set_config('flow.importing', begin_load.org_id::text, true);
  -- What a new organization starts with makes room for what the archive has.
  for v_table in select t.name from private.load_order() with ordinality t (name, n) order by t.n desc loop
    execute format('delete from %s where org_id = $1', v_table) using begin_load.org_id;
  end loop;
  create temporary table loading (line jsonb not null) on commit drop;
  return jsonb_build_object('tables', (select jsonb_agg(jsonb_build_object('table', t.name, 'columns', to_jsonb(c.columns)) order by t.n)
    from private.load_order() with ordinality t (name, n) join private.export_catalogue c on c.table_name = t.name));
end;
$$;
comment on function private.begin_load is
  'Begins to load an archive, in a transaction of the operator''s own: makes pg_temp.loading (line), into which the lines of one table after the other are copied. '
  'Returns {tables: [{table, columns}] in the order to load}. Raises PT404, PT409 organization_not_empty.';

create function private.let_go_of_strangers(org_id uuid, relation oid) returns bigint
  language plpgsql volatile set search_path = ''
as $$
declare
  v_key  record;
  v_gone bigint := 0;
  v_many bigint;
begin
  for v_key in
    select k.confrelid::regclass::text as parent, k.confdeltype = 'n' as is_nulled, k.confdelsetcols,
           string_agg(format('p.%I = (l.line ->> %L)::%s', f.attname, c.attname, format_type(c.atttypid, c.atttypmod)), ' and ') filter (where c.attname <> 'org_id') as is_same,
           string_agg(format('l.line ->> %L is not null', c.attname), ' and ') filter (where c.attname <> 'org_id') as is_given,
           string_agg(format('%L, null', c.attname), ', ') filter (where c.attnum = any (k.confdelsetcols)) as nulls
      from pg_catalog.pg_constraint k, unnest(k.conkey, k.confkey) u (here, there), pg_catalog.pg_attribute c, pg_catalog.pg_attribute f
     where k.contype = 'f' and k.conrelid = let_go_of_strangers.relation and k.confrelid not in ('public.organizations'::regclass, k.conrelid)
       and c.attrelid = k.conrelid and c.attnum = u.here and f.attrelid = k.confrelid and f.attnum = u.there
     group by k.oid, k.confrelid, k.confdeltype, k.confdelsetcols
  loop
    if v_key.is_nulled then
      execute format('update pg_temp.loading l set line = l.line || jsonb_build_object(%s) where %s and not exists (select from %s p where p.org_id = $1 and %s)',
                     v_key.nulls, v_key.is_given, v_key.parent, v_key.is_same) using let_go_of_strangers.org_id;
    else
      execute format('delete from pg_temp.loading l where %s and not exists (select from %s p where p.org_id = $1 and %s)', v_key.is_given, v_key.parent, v_key.is_same)
        using let_go_of_strangers.org_id;
      get diagnostics v_many = row_count;
      v_gone := v_gone + v_many;
    end if;
  end loop;
  return v_gone;
end;
$$;
comment on function private.let_go_of_strangers is
  'Of the lines in pg_temp.loading, those that refer to something that is not there (a member who is none here, a row that was made while the archive was) lose the reference, '
  'or go, as the foreign key says of a row that is deleted. Returns how many went.';

create function private.load_table(org_id uuid, table_name text) returns jsonb
  language plpgsql volatile set search_path = '' set timezone = 'UTC' set intervalstyle = 'iso_8601'
as $$
declare
  v_table   private.export_catalogue;
  v_columns text;
  v_values  text;
  v_found   bigint;
  v_left    bigint;
  v_wrong   text;
  v_most    bigint;
begin
  select c.* into strict v_table from private.export_catalogue c where c.table_name = load_table.table_name and c.class = 'data';
  analyze pg_temp.loading;
  select count(*), min(case when jsonb_typeof(l.line) <> 'object' then 'a line that is no object' else (l.line - v_table.columns)::text end)
           filter (where jsonb_typeof(l.line) <> 'object' or l.line - v_table.columns <> '{}')
    into v_found, v_wrong from pg_temp.loading l;
  if v_wrong is not null then
    raise sqlstate 'PT422' using message = format('%s holds what this release does not know: %s', load_table.table_name, left(v_wrong, 100)), detail = 'archive_unknown';
  end if;
  v_left := private.let_go_of_strangers(load_table.org_id, v_table.relation);
  select string_agg(format('%I', a.attname), ', ' order by a.attnum),
         string_agg(case when a.attname = 'org_id' then '$1' else coalesce(v_table.arrives ->> a.attname, format('r.%I', a.attname)) end, ', ' order by a.attnum)
    into v_columns, v_values
    from pg_catalog.pg_attribute a
   where a.attrelid = v_table.relation and a.attname = any (v_table.columns) and a.attgenerated = '';
  execute format('insert into %1$s (%2$s) overriding system value select %3$s from pg_temp.loading l, lateral jsonb_populate_record(null::%1$s, l.line) r',
                 load_table.table_name, v_columns, v_values) using load_table.org_id;
  -- Numbers that the archive brought are not given out again.
  for v_wrong in select a.attname from pg_catalog.pg_attribute a where a.attrelid = v_table.relation and a.attidentity <> '' loop
    execute format('select max(%I) from %s where org_id = $1', v_wrong, load_table.table_name) into v_most using load_table.org_id;
    if v_most > 4503599627370496 then
      raise sqlstate 'PT422' using message = format('%s has a number that is too large', load_table.table_name), detail = 'archive_number';
    elsif v_most is not null then
      perform setval(s.name, v_most) from (select pg_get_serial_sequence(load_table.table_name, v_wrong) as name) s, pg_catalog.pg_sequences q
        where s.name in (format('%I.%I', q.schemaname, q.sequencename)) and coalesce(q.last_value, 0) < v_most;
    end if;
  end loop;
  truncate pg_temp.loading;
  return jsonb_build_object('rows', v_found, 'left', v_left);
end;
$$;
comment on function private.load_table is
  'Moves the lines in pg_temp.loading into a table of the organization; ids stay, connections are cut, nothing is woken. Returns {rows: lines there were, left: of them not loaded}. '
  'Raises PT422 archive_unknown, archive_number.';

create function private.finish_load(org_id uuid, counts jsonb) returns void
  language plpgsql volatile set search_path = ''
as $$
begin
  perform private.audit(finish_load.org_id, 'organization.archive_loaded', 'organization', finish_load.org_id::text, jsonb_build_object('rows', finish_load.counts));
  drop table pg_temp.loading;
  perform set_config('flow.importing', '', true);
end;
$$;
comment on function private.finish_load is 'Ends what private.begin_load began, and notes what was loaded, {table: rows}, in the audit log.';
