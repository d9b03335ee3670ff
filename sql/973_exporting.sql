-- 973_exporting.sql: what an export holds of each table, and the pages it is read by; the same for one contact.

create table private.export_tables (
  table_name  text primary key,
  class       text not null,
  why         text not null,
  born        text,
  hidden      text[] not null default '{}',
  source      text,
  keys        text[],
  arrives     jsonb not null default '{}',
  constraint export_class_is_known check (class in ('data', 'record', 'none')),
  constraint export_source_has_keys check ((source is null) = (keys is null)),
  constraint export_arrives_is_an_object check (jsonb_typeof(arrives) = 'object')
);
comment on table private.export_tables is
  'What an export holds of each table: every table with org_id stands here, or a test fails. One that does not is exported whole, and not loaded by an import.';
comment on column private.export_tables.table_name is 'schema.table';
comment on column private.export_tables.class is 'data: exported, and loaded by an import; record: exported, and not loaded; none: not exported.';
comment on column private.export_tables.why is 'Of record and none: why, in words for the manifest; of data: what it is.';
comment on column private.export_tables.born is 'The column that says when a row came to be: later ones than the cut-off are left out; null: created_at where there is one.';
comment on column private.export_tables.hidden is 'Columns that are never exported: secrets and their hashes.';
comment on column private.export_tables.source is 'A query that gives the rows, with org_id, where the table has none of its own.';
comment on column private.export_tables.keys is 'Of a source: the columns that its pages follow.';
comment on column private.export_tables.arrives is
  'What columns become when a row is loaded, {column: expression over the row r; $1 is the organization}: what would act stands still, and connections are cut.';
alter table private.export_tables enable row level security;

insert into private.export_tables (table_name, class, why)
select t.name, 'data', 'Data of the organization'
  from unnest(array[
    'private.lead_arrivals', 'public.absences', 'public.assignment_groups', 'public.assignment_members', 'public.assignment_rules', 'public.broadcast_recipients',
    'public.broadcasts', 'public.close_reasons', 'public.consent_events', 'public.consent_settings', 'public.consent_words', 'public.contact_identities',
    'public.contact_points', 'public.contacts', 'public.conversation_events', 'public.conversation_labels', 'public.conversation_notes', 'public.conversation_reads',
    'public.conversation_windows', 'public.conversations', 'public.enquiry_form_days', 'public.enquiry_forms', 'public.greeting_rules', 'public.greeting_settings',
    'public.holidays', 'public.import_mappings', 'public.labels', 'public.lead_activities', 'public.lead_clocks', 'public.lead_fields', 'public.lead_sources',
    'public.lead_tags', 'public.leads', 'public.likely_duplicates', 'public.media', 'public.message_templates', 'public.messages', 'public.messaging_settings',
    'public.note_mentions', 'public.pipeline_stages', 'public.pipelines', 'public.quick_replies', 'public.saved_views', 'public.scheduled_messages',
    'public.sequence_enrollments', 'public.sequence_steps', 'public.sequences', 'public.sheet_sources', 'public.source_costs', 'public.tags', 'public.tasks',
    'public.whatsapp_accounts', 'public.whatsapp_numbers', 'public.working_hours']) t (name);

insert into private.export_tables (table_name, class, why)
select t.name, 'record', t.why
  from (values
    ('Books of Flow: what was charged where it was charged', array[
      'private.billing_facts', 'private.noted_costs', 'private.reconciliation_runs', 'public.billing_plans', 'public.free_allowance', 'public.ledger_closings',
      'public.spending_warnings', 'public.usage_days', 'public.usage_ledger', 'public.usage_reconciliations', 'public.usage_statement_lines',
      'public.usage_statements', 'public.wallet_entries', 'public.wallets']),
    ('Flow''s own business with the organization', array[
      'private.billing_intents', 'private.entitlement_overrides', 'public.billing_accounts', 'public.invoices', 'public.payments', 'public.refunds',
      'public.subscriptions']),
    ('How long data is kept is set anew', array['private.retention_settings']),
    ('Evidence of what was done there', array['private.erasures', 'private.legal_holds', 'private.retention_runs', 'public.support_grants', 'public.support_visits',
      'private.credential_reads', 'public.audit_log', 'public.notifications']),
    ('What members chose for themselves', array['private.notification_settings']),
    ('People join by invitation, keys are made anew', array['public.api_keys', 'public.invitations', 'public.memberships', 'public.webhook_endpoints']),
    ('How connections went; they are made anew', array[
      'private.meta_cleanups', 'private.source_coverage', 'private.template_writes', 'public.sync_runs', 'public.whatsapp_health', 'public.whatsapp_signups']),
    ('What came in, as it came; what followed from it is loaded', array[
      'private.dead_letters', 'private.event_effects', 'private.field_marks', 'private.parked_updates']),
    ('What programs of the organization were told, and what they answered', array['private.outgoing_deliveries', 'private.outgoing_events']),
    ('Can be taken back for a while, where it was done', array[
      'private.bulk_items', 'private.contact_merge_changes', 'private.imported_leads', 'private.lead_import_batches', 'private.lead_import_rows',
      'public.bulk_actions', 'public.contact_merges', 'public.lead_imports'])) c (why, names), lateral (select n, c.why from unnest(c.names) n) t (name, why);

insert into private.export_tables (table_name, class, why)
select t.name, 'none', t.why
  from (values
    ('Secrets', array['private.credentials']),
    ('Addresses of members'' devices, and what is on its way to them', array['private.news', 'private.push_devices', 'private.pushes']),
    ('Keyed hashes of people who asked to be forgotten', array['private.suppressions']),
    ('Hashes of the addresses that forms were sent from', array['private.form_senders']),
    ('Made anew from what is exported', array['private.duplicate_keys', 'private.lead_words']),
    ('Work of Flow that is under way', array[
      'private.account_checks', 'private.api_requests', 'private.assignment_queue', 'private.changes', 'private.duplicate_queue',
      'private.listeners', 'private.number_lanes', 'private.number_pulses', 'private.organization_deletions', 'private.send_lanes', 'private.signals',
      'private.spend_holds', 'private.template_syncs', 'private.tier_portfolios', 'private.tier_uses', 'private.usage_pending'])) c (why, names),
    lateral (select n, c.why from unnest(c.names) n) t (name, why);

insert into private.export_tables (table_name, class, why, born)
select t.name, 'record', 'How Flow ran for the organization', 'occurred_at' from unnest(array['private.request_log', 'private.page_views', 'private.api_calls', 'private.error_events']) t (name);

create function private.readable(bytes bytea) returns text
  language plpgsql immutable set search_path = ''
as $$
begin
  return convert_from(readable.bytes, 'UTF8');
exception when character_not_in_repertoire or untranslatable_character then
  return 'base64:' || encode(readable.bytes, 'base64');
end;
$$;
comment on function private.readable is 'Bytes that should be text, as text; where they are none, in base64 after "base64:".';

insert into private.export_tables (table_name, class, why, born, keys, source) values
  ('public.organizations', 'record', 'The organization itself', 'created_at', '{id}', 'select o.id as org_id, o.* from public.organizations o'),
  ('public.profiles', 'record', 'Names and addresses of its members', 'created_at', '{id}',
   'select m.org_id, p.* from public.memberships m join public.profiles p on p.id = m.user_id'),
  ('private.webhook_events', 'record', 'Webhooks as they came, but for those that hold something of others', 'received_at', '{received_at,id}', $$
    select e.org_id, e.received_at, e.event_id as id, w.provider, private.readable(w.body) as body, w.redacted_at, w.trace_id
      from private.event_effects e join private.webhook_events w on w.received_at = e.received_at and w.id = e.event_id
     where not exists (select from private.event_effects x where x.received_at = e.received_at and x.event_id = e.event_id and x.org_id <> e.org_id)$$);

update private.export_tables t set hidden = h.hidden from (values
  ('public.api_keys', array['key_sha256']), ('public.invitations', array['token_sha256']),
  ('public.lead_sources', array['key_sha256', 'push_token_sha256']), ('public.whatsapp_signups', array['state_hash']),
  ('private.field_marks', array['digest']), ('private.parked_updates', array['digest'])) h (table_name, hidden)
 where t.table_name = h.table_name;

update private.export_tables t set born = b.born from (values
  ('public.audit_log', 'at'), ('private.outgoing_events', 'at'), ('private.outgoing_deliveries', 'queued_at'), ('public.bulk_actions', 'at'), ('public.usage_ledger', 'recorded_at'), ('public.wallet_entries', 'at'),
  ('public.conversation_events', 'at'), ('public.lead_activities', 'at'), ('public.notifications', 'at'), ('public.sync_runs', 'started_at'),
  ('public.sequence_enrollments', 'started_at'), ('private.credential_reads', 'at'), ('private.event_effects', 'received_at')) b (table_name, born)
 where t.table_name = b.table_name;

-- Reading ---------------------------------------------------------------------------------------------------------------

create view private.export_catalogue with (security_invoker = on) as
  select n.nspname || '.' || c.relname as table_name, c.oid as relation, coalesce(t.class, 'record') as class,
         coalesce(t.why, 'New in this release') as why, coalesce(t.arrives, '{}') as arrives, t.source,
         array(select a.attname::text from pg_catalog.pg_attribute a
                where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attname <> all (coalesce(t.hidden, '{}')) order by a.attnum) as columns,
         coalesce(t.keys, array(select a.attname::text from pg_catalog.pg_index i, unnest(i.indkey::int2[]) with ordinality u (n, at)
                join pg_catalog.pg_attribute a on a.attnum = u.n
                where i.indrelid = c.oid and i.indisprimary and a.attrelid = c.oid and a.attname <> 'org_id' order by u.at)) as keys,
         coalesce(t.born, (select a.attname::text from pg_catalog.pg_attribute a where a.attrelid = c.oid and a.attname = 'created_at' and not a.attisdropped)) as born
    from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    left join private.export_tables t on t.table_name = n.nspname || '.' || c.relname
   where n.nspname in ('public', 'private') and c.relkind in ('r', 'p') and not c.relispartition
     and (t.source is not null or exists (select from pg_catalog.pg_attribute a where a.attrelid = c.oid and a.attname = 'org_id' and not a.attisdropped));
comment on view private.export_catalogue is 'Every table that holds rows of organizations, with how it is exported: from the catalogue of Postgres, so that a new table is exported too.';
comment on column private.export_catalogue.table_name is 'schema.table';
comment on column private.export_catalogue.relation is 'The table''s oid.';
comment on column private.export_catalogue.class is 'data, record or none, as in private.export_tables; record for a table that does not stand there.';
comment on column private.export_catalogue.why is 'In words.';
comment on column private.export_catalogue.arrives is 'As in private.export_tables.';
comment on column private.export_catalogue.source is 'As in private.export_tables.';
comment on column private.export_catalogue.columns is 'What is exported, in order.';
comment on column private.export_catalogue.keys is 'What pages follow: the primary key without org_id.';
comment on column private.export_catalogue.born is 'The column that is held against the cut-off; null: none.';

create function private.export_page(org_id uuid, table_name text, after jsonb, cutoff timestamptz, batch int) returns jsonb
  language plpgsql stable security definer set search_path = '' set timezone = 'UTC' set datestyle = 'ISO' set intervalstyle = 'iso_8601'
as $$
declare
  v_table  private.export_catalogue;
  v_where  text;
  v_keys   text;
  v_after  text;
  v_answer jsonb;
begin
  select c.* into v_table from private.export_catalogue c where c.table_name = export_page.table_name and c.class <> 'none';
  if not found then
    raise sqlstate 'PT404' using message = 'There is no such table in an export.', detail = 'table_unknown';
  elsif v_table.keys = '{}' and export_page.after is not null then
    return jsonb_build_object('lines', '', 'rows', 0, 'last', null);
  end if;
  v_where := 't.org_id = $1' || coalesce(' and t.' || quote_ident(v_table.born) || ' <= $3', '');
  select string_agg(format('t.%I', k.name), ', ' order by k.i),
         string_agg(format('($2 ->> %s)::%s', k.i - 1, format_type(a.atttypid, a.atttypmod)), ', ' order by k.i)
    into v_keys, v_after
    from unnest(v_table.keys) with ordinality k (name, i) join pg_catalog.pg_attribute a on a.attrelid = v_table.relation and a.attname = k.name;
  if export_page.after is not null then
    v_where := v_where || format(' and (%s) > (%s)', v_keys, v_after);
  end if;
  -- A page ends early where its lines come to 2 MB: few rows may be large.
  execute format($q$
    select jsonb_build_object('lines', coalesce(string_agg(w.line, e'\n' order by w.n), ''), 'rows', count(*),
             'last', case when count(*) > 0 and (max(w.found) = $4 or count(*) < max(w.found)) then (array_agg(w.key order by w.n desc))[1] end)
      from (select q.*, count(*) over () as found, sum(octet_length(q.line)) over (order by q.n) - octet_length(q.line) as before
              from (select row_to_json((select x from (select %1$s) x))::text as line, jsonb_build_array(%2$s) as key, row_number() over (%3$s) as n
                      from %4$s t where %5$s %3$s limit $4) q) w
     where w.before < 2000000 $q$,
    (select string_agg(format('t.%I', c), ', ') from unnest(v_table.columns) c), coalesce(v_keys, ''),
    coalesce('order by ' || v_keys, ''), coalesce('(' || v_table.source || ')', v_table.table_name), v_where)
    into v_answer using export_page.org_id, export_page.after, export_page.cutoff, export_page.batch;
  return v_answer;
end;
$$;
comment on function private.export_page is
  'Up to batch rows of an organization in a table, after a key, that came to be until the cut-off: {lines: one JSON object a line, rows, last: the key to go on after, null at the end}. '
  'Times in UTC. Raises PT404. Definer: reads closed tables.';

create function private.export_plan() returns jsonb
  language sql stable security definer set search_path = ''
as $$
  select jsonb_build_object(
    'tables', (select jsonb_agg(jsonb_build_object('table', c.table_name, 'columns', to_jsonb(c.columns), 'cut_off_by', c.born, 'is_loaded', c.class = 'data',
                        'why', c.why,
                        'changes', array(select k from jsonb_object_keys(c.arrives) k order by 1)) order by c.table_name) from private.export_catalogue c where c.class <> 'none'),
    'exclusions', (select jsonb_agg(e.x order by e.x ->> 'table', e.x ->> 'column') from (
      select jsonb_build_object('table', c.table_name, 'why', c.why) from private.export_catalogue c where c.class = 'none'
      union all
      select jsonb_build_object('table', t.table_name, 'column', h, 'why', 'A secret, or its hash') from private.export_tables t, unnest(t.hidden) h) e (x)))
$$;
comment on function private.export_plan is
  'What an export holds, {tables: [{table, columns, cut_off_by, is_loaded, why, changes: columns that an import changes}], exclusions: [{table, column?, why}]}. Definer: reads a closed table.';

create function worker.export_page(org_id uuid, table_name text, after jsonb, cutoff timestamptz, batch int default 2000) returns jsonb
  language sql stable security definer set search_path = ''
as $$
  select private.export_page(export_page.org_id, export_page.table_name, export_page.after, export_page.cutoff, export_page.batch)
$$;
comment on function worker.export_page is 'As private.export_page: {lines, rows, last}.';

create function worker.export_files(org_id uuid, after uuid, cutoff timestamptz, batch int default 500) returns jsonb
  language sql stable security definer set search_path = ''
as $$
  select jsonb_build_object('files', coalesce(jsonb_agg(jsonb_build_object('id', m.id, 'path', m.path, 'filename', m.filename, 'mime_type', m.mime_type, 'bytes', m.bytes,
           'sha256', m.sha256, 'message_id', m.message_id) order by m.id), '[]'), 'last', max(m.id::text))
    from (select f.* from public.media f where f.org_id = export_files.org_id and f.stored_at is not null and f.path like export_files.org_id || '/%'
             and f.created_at <= export_files.cutoff and (export_files.after is null or f.id > export_files.after) order by f.id limit export_files.batch) m
$$;
comment on function worker.export_files is 'Files of messages that rest in the bucket "media", after an id: {files: [{id, path, filename, mime_type, bytes, sha256, message_id}], last: null at the end}.';

create function worker.plan_export(org_id uuid) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_name text;
begin
  select o.name into v_name from public.organizations o where o.id = plan_export.org_id and o.deleted_at is null;
  if not found then
    raise sqlstate 'PT404' using message = 'There is no such organization', detail = 'organization_not_found';
  end if;
  perform private.audit(plan_export.org_id, 'organization.exported', 'organization', plan_export.org_id::text);
  return private.export_plan() || jsonb_build_object('name', v_name, 'cutoff', now());
end;
$$;
comment on function worker.plan_export is 'An operator exports an organization to a file: {name, cutoff, tables, exclusions}, as private.export_plan; a row of the audit log. Raises PT404.';
grant execute on function worker.export_page, worker.export_files, worker.plan_export to service_role;

-- One person --------------------------------------------------------------------------------------------------------------

create function private.contact_data(org_id uuid, contact_id uuid) returns jsonb
  language plpgsql volatile security definer set search_path = '' set timezone = 'UTC' set datestyle = 'ISO' set intervalstyle = 'iso_8601'
as $$
#variable_conflict use_column
declare
  v_most    constant int := 20000;
  v_leads   uuid[];
  v_threads uuid[];
  v_ids     bigint[];
  v_wamids  text[];
  v_table   private.export_catalogue;
  v_where   text;
  v_rows    jsonb;
  v_data    jsonb := '{}';
  v_cut     text[] := '{}';
begin
  perform private.require_role(contact_data.org_id, 'admin');
  perform 1 from public.contacts c where c.org_id = contact_data.org_id and c.id = contact_data.contact_id;
  if not found then
    raise sqlstate 'PT404' using message = 'There is no such person.', detail = 'contact_not_found', hint = 'They may have been merged or erased.';
  end if;
  v_leads := array(select l.id from public.leads l where l.org_id = contact_data.org_id and l.contact_id = contact_data.contact_id);
  v_threads := array(select c.id from public.conversations c where c.org_id = contact_data.org_id and c.contact_id = contact_data.contact_id);
  select coalesce(array_agg(m.id), '{}'), coalesce(array_agg(m.wamid) filter (where m.wamid is not null), '{}') into v_ids, v_wamids
    from public.messages m where m.org_id = contact_data.org_id and m.conversation_id = any (v_threads);
  for v_table in select c.* from private.export_catalogue c where c.class <> 'none' and c.source is null order by c.table_name loop
    select string_agg(format('t.%I = %s', a.attname, k.means), ' or ') into v_where
      from (values ('contact_id', '$2'), ('survivor_id', '$2'), ('merged_id', '$2'), ('one', '$2'), ('other', '$2'), ('lead_id', 'any ($3)'),
                   ('conversation_id', 'any ($4)'), ('message_id', 'any ($5)'), ('wamid', 'any ($6)'), ('object_id', 'any (array[$2::text] || $3::text[] || $4::text[])')) k (name, means)
      join pg_catalog.pg_attribute a on a.attrelid = v_table.relation and a.attname = k.name and not a.attisdropped
     where k.name <> 'message_id' or not exists (select from pg_catalog.pg_attribute w where w.attrelid = v_table.relation and w.attname = 'wamid');      -- that one is indexed
    v_where := case v_table.table_name when 'public.contacts' then 't.id = $2' when 'public.leads' then 't.contact_id = $2'
                                       when 'public.messages' then 't.conversation_id = any ($4)' when 'public.conversations' then 't.contact_id = $2' else v_where end;
    continue when v_where is null;
    execute format('select jsonb_agg(q.x) from (select to_jsonb((select x from (select %s) x)) as x from %s t where t.org_id = $1 and (%s) limit %s) q',
                   (select string_agg(format('t.%I', c), ', ') from unnest(v_table.columns) c), v_table.table_name, v_where, v_most + 1)
      into v_rows using contact_data.org_id, contact_data.contact_id, v_leads, v_threads, v_ids, v_wamids;
    if jsonb_array_length(v_rows) > v_most then
      v_cut := v_cut || v_table.table_name;
      v_rows := v_rows - v_most;
    end if;
    if v_rows is not null then
      v_data := v_data || jsonb_build_object(v_table.table_name, v_rows);
    end if;
  end loop;
  perform private.audit(contact_data.org_id, 'contact.data_given', 'contact', contact_data.contact_id::text);
  return jsonb_build_object('contact_id', contact_data.contact_id, 'at', now(), 'data', v_data, 'cut', to_jsonb(v_cut));
end;
$$;
comment on function private.contact_data is 'Body of public.contact_data. Definer: reads closed tables.';

create function public.contact_data(org_id uuid, contact_id uuid) returns jsonb
  language sql volatile set search_path = ''
begin atomic
  select private.contact_data(contact_data.org_id, contact_data.contact_id);
end;
comment on function public.contact_data is
  'Everything about one person, {contact_id, at, data: {table: [row]}, cut: tables of which 20,000 rows are given}: what they wrote and were sent, leads as they came, notes, consent, costs, '
  'what was done. Administrators; each call is a row of the audit log. Raises PT404 contact_not_found.';
grant execute on function private.contact_data, public.contact_data to authenticated;
