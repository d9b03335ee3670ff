-- 976_erasure_rules.sql: what is left of one person who is erased: a rule for every table of an organization, and the words it is made of.
--
-- A contact becomes a stub without names; messages keep direction, time, kind, status and cost; leads keep stage, value and times. Meta's ids
-- of messages hold the person's number in another writing: they become pseudonyms under the key of the suppression list, always the same ones,
-- so that a status that comes late still finds its message.

create table private.erasure_rules (
  position   int primary key,
  table_name text not null,
  does       text not null,
  mine       text,
  keeps      text[] not null default '{}',
  why        text not null,
  constraint erasure_rule_does_something_known check (does in ('delete', 'blank', 'messages', 'with', 'events', 'nothing')),
  constraint erasure_rule_says_which_rows check ((does in ('delete', 'blank')) = (mine is not null))
);
comment on table private.erasure_rules is 'What becomes of a person''s rows when they are erased: every table with org_id stands here, or a test fails.';
comment on column private.erasure_rules.position is 'Their order: what finds its rows through another table comes before it.';
comment on column private.erasure_rules.table_name is 'schema.table';
comment on column private.erasure_rules.does is 'delete: rows go; blank: rows stay, their erased_columns change; messages: the same, a batch of messages with all that bears their ids; with: in the step of the messages; '
  'events: stored webhooks; nothing: nobody of the organization''s contacts stands there.';
comment on column private.erasure_rules.mine is
  'Which rows t are the person''s. $1 organization, $2 contact, $3 conversations, $4 leads, $5 pattern, $6 key of pseudonyms.';
comment on column private.erasure_rules.keeps is 'Of blank: columns that hold words and stay as they are.';
comment on column private.erasure_rules.why is 'Why so.';
alter table private.erasure_rules enable row level security;

create table private.erased_columns (
  table_name  text not null,
  column_name text not null,
  becomes     text not null,
  primary key (table_name, column_name)
);
comment on table private.erased_columns is 'What a column holds after an erasure, in tables of a rule that blanks.';
comment on column private.erased_columns.table_name is 'schema.table';
comment on column private.erased_columns.column_name is 'The column.';
comment on column private.erased_columns.becomes is 'An expression over the row t that changes nothing a second time; parameters as in erasure_rules.mine.';
alter table private.erased_columns enable row level security;

------------------------------------------------------------------------------------------------
-- What the rules are made of
------------------------------------------------------------------------------------------------
create function private.is_erasing(org_id uuid) returns boolean
  language sql stable security definer set search_path = ''
as $$
  select current_setting('flow.erasing', true) = is_erasing.org_id::text
     and exists (select from private.erasures e where e.org_id = is_erasing.org_id and e.status = 'erasing')
$$;
comment on function private.is_erasing is 'True within a step of an erasure in this organization: the only one before whom append-only tables let values go (never rows). Definer: reads a closed table.';

create function private.veiled(key bytea, org_id uuid, value text) returns text
  language sql immutable strict security invoker set search_path = ''
as $$
  select case when veiled.value like 'erased.%' then veiled.value
              else 'erased.' || encode(private.suppression_hash(veiled.key, veiled.org_id, 'pseudonym', veiled.value), 'hex') end
$$;
comment on function private.veiled is 'The pseudonym of an id of an erased person: always the same one in an organization, and without the key nobody finds the id behind it.';

create function private.masked(value text) returns text
  language plpgsql stable security definer set search_path = ''
as $$
declare
  v_digits text := ltrim(masked.value, '+');
  v_code   text;
begin
  if v_digits !~ '^[0-9]+$' then
    return substring(masked.value from '^[A-Z]{2}\.') || 'erased';
  end if;
  select c.code into v_code from private.market_codes c
   where c.kind = 'calling_code' and v_digits like c.code || '%' order by length(c.code) desc limit 1;
  return coalesce(v_code, '') || repeat('0', length(v_digits) - length(coalesce(v_code, '')));
end;
$$;
comment on function private.masked is 'A number of which the calling code is left, or a user id of which the country is: what a price needs. Definer: reads a closed table.';

create function private.tells(value text, pattern text) returns boolean
  language sql immutable security invoker set search_path = ''
as $$
  select coalesce(tells.value ~* tells.pattern, false)
$$;
comment on function private.tells is 'Whether a text holds one of the person''s numbers, addresses or ids.';

create function private.only_ids(given jsonb) returns jsonb
  language sql immutable security invoker set search_path = ''
as $$
  select coalesce(jsonb_object_agg(e.key, e.value), '{}') from jsonb_each(case when jsonb_typeof(given) = 'object' then given else '{}' end) e
   where jsonb_typeof(e.value) in ('number', 'boolean', 'null')
      or e.value #>> '{}' ~ '^([0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+(Z|[+-][0-9:]+))$'
$$;
comment on function private.only_ids is 'Of the details of an event: ids, numbers, instants and yes or no; no words.';

create function private.hidden(given jsonb, pattern text) returns jsonb
  language plpgsql immutable security invoker set search_path = ''
as $$
declare
  v_all boolean;
begin
  if not private.tells(given::text, hidden.pattern) then
    return given;
  elsif jsonb_typeof(given) = 'string' then
    return '""';
  end if;
  -- Where a number stands, a name stands beside it.
  v_all := exists (select from jsonb_each(case when jsonb_typeof(given) = 'object' then given else '{}' end) e
                    where jsonb_typeof(e.value) in ('string', 'number') and private.tells(e.value #>> '{}', hidden.pattern))
        or exists (select from jsonb_array_elements(case when jsonb_typeof(given) = 'array' then given else '[]' end) e
                    where jsonb_typeof(e) in ('string', 'number') and private.tells(e #>> '{}', hidden.pattern));
  if jsonb_typeof(given) = 'object' then
    return (select jsonb_object_agg(e.key, case when v_all then '""' else private.hidden(e.value, hidden.pattern) end) from jsonb_each(given) e);
  elsif jsonb_typeof(given) = 'array' then
    return (select jsonb_agg(case when v_all then '""' else private.hidden(e.value, hidden.pattern) end order by e.n) from jsonb_array_elements(given) with ordinality e (value, n));
  end if;
  return '""';
end;
$$;
comment on function private.hidden is 'A value without a person: of each list or object in which one of their numbers, addresses or ids stands, everything beside it is emptied too.';

create function private.pattern_of(org_id uuid, contact_id uuid) returns text
  language sql stable security definer set search_path = ''
as $$
  select string_agg(distinct case k.kind
    -- Numbers are written with and without code, with blanks and strokes between.
    -- (No look-around: it would make the search ten times as slow.)
    when 'phone' then '(?:^|[^0-9])' || case when k.value ~ '^\+91[0-9]{10}$' then '(?:0|(?:00)?91[ ().-]{0,3})?' else '(?:00)?' end
                      || regexp_replace(case when k.value ~ '^\+91[0-9]{10}$' then substr(k.value, 4) else ltrim(k.value, '+') end, '([0-9])(?=[0-9])', '\1[ ().-]{0,2}', 'g') || '(?:$|[^0-9])'
    when 'email' then '(?:^|[^a-z0-9._%+-])' || regexp_replace(k.value, '([^a-z0-9@])', '\\\1', 'gi') || '(?:$|[^a-z0-9.-]|\.(?:$|[^a-z0-9]))'
    else '(?:^|[^a-z0-9.])' || regexp_replace(k.value, '([^a-z0-9])', '\\\1', 'gi') || '(?:$|[^a-z0-9])' end, '|')
    from private.points_of(pattern_of.org_id, pattern_of.contact_id) k
$$;
comment on function private.pattern_of is 'A regular expression that finds what a contact is or was known by in text; null when that is nothing. Definer: called beneath RLS.';

------------------------------------------------------------------------------------------------
-- The rules
------------------------------------------------------------------------------------------------
insert into private.table_classes (table_name, class, why) values ('private.erasures', 'purge', 'Data of the organization');

insert into private.erasure_rules (position, table_name, does, mine, keeps, why) values
  -- What is found through messages comes before them; their pseudonyms are the same everywhere.
  (10, 'private.parked_updates', 'delete', $$private.tells(t.item::text, $5)$$, '{}', 'Updates that wait for a message'),
  (20, 'private.dead_letters', 'delete', $$private.tells(t.item::text, $5) or private.tells(t.item #>> '{}', $5)$$, '{}', 'Updates that could not be applied'),
  (30, 'private.api_requests', 'delete', $$private.tells(t.answer::text, $5) or t.answer::text ~ (select string_agg(l::text, '|') from unnest($4 || $3 || $2) l)$$, '{}', 'Answers kept for a day'),
  (35, 'private.outgoing_deliveries', 'blank', $$private.tells(t.response, $5)$$, '{state,problem}', 'What a program of the business answered'),
  (40, 'private.billing_facts', 'blank', $$private.tells(array_to_string(t.phones || t.user_ids, ' '), $5)$$,
       '{wamid,delivered_prices,sent_prices,other_prices,time_zone,currency}', 'Recipients: the country that a price follows from is left'),
  (50, 'private.field_marks', 'delete', $$private.tells(t.key, $5)$$, '{}', 'The phone''s address book'),
  (60, 'private.lead_import_rows', 'delete', $$t.lead_id = any ($4) or t.contact_id = $2 or private.tells(concat_ws(' ', t.raw, t.before::text, t.external_id), $5)$$, '{}', 'Rows of files'),
  (61, 'private.imported_leads', 'delete', $$t.lead_id = any ($4)$$, '{}', 'What a file gave'),
  (62, 'public.lead_imports', 'blank', $$private.tells(concat_ws(' ', t.filename, t.reading::text, t.checked::text, t.undo::text), $5)$$,
       '{sha256,path,status,choices,mapping,error,error_slug}', 'Samples of a file'),
  (70, 'public.sync_runs', 'blank', $$private.tells(concat_ws(' ', t.errors::text, t.note), $5)$$, '{kind,outcome,code,message,reason}', 'Rows of a source that could not be stored; the beginning of an answer that could not be read'),
  (80, 'public.saved_views', 'blank', $$private.tells(concat_ws(' ', t.name, t.filter::text), $5)$$, '{layout,sort}', 'A search for them'),
  (81, 'public.broadcasts', 'blank', $$private.tells(t.filter::text, $5)$$,
       '{name,state,template_name,language,mapping,category,waits_for,paused_for,paused_reason}', 'An audience that names them'),
  (90, 'private.bulk_items', 'delete', $$t.lead_id = any ($4)$$, '{}', 'What a change to many overwrote'),
  (100, 'public.scheduled_messages', 'delete', $$t.conversation_id = any ($3)$$, '{}', 'Messages that waited'),
  (110, 'private.signals', 'delete', $$t.conversation_id = any ($3)$$, '{}', 'Reactions under way'),
  (115, 'private.event_effects', 'events', null, '{}', 'Stored webhooks: their part is taken out, a body that was theirs alone goes; the counts of the log stay'),
  (120, 'public.media', 'delete', $$t.message_id in (select m.id from public.messages m where m.org_id = $1 and m.conversation_id = any ($3))
       and not exists (select from public.quick_replies q where q.org_id = $1 and q.media_id = t.id)$$, '{}', 'Files; their bytes went before'),
  (130, 'public.conversation_notes', 'delete', $$t.conversation_id = any ($3)$$, '{}', 'Notes'),
  (140, 'public.conversation_labels', 'delete', $$t.conversation_id = any ($3)$$, '{}', 'Labels say something of a person'),
  (150, 'public.conversation_events', 'blank', $$t.conversation_id = any ($3)$$, '{kind}', 'That something happened stays, without words'),
  (160, 'public.conversation_windows', 'blank', $$t.conversation_id = any ($3)$$, '{kind}', 'Windows that prices follow from'),
  (165, 'public.messages', 'messages', null, '{direction,kind,status,origin,pricing}', 'Stubs: direction, time, kind, status and cost'),
  (166, 'public.usage_ledger', 'with', null, '{entry,currency,category,pricing_type,review_reason,statement_month,source,market,time_zone,note}', 'Books: what was charged'),
  (167, 'private.noted_costs', 'with', null, '{kind,month}', 'Costs in windows'),
  (170, 'public.conversations', 'blank', $$t.contact_id = $2$$, '{status}', 'The thread of the stubs'),
  (180, 'public.consent_events', 'blank', $$t.contact_id = $2$$, '{decision,source}', 'That they agreed or declined, and when; not their words'),
  (190, 'public.leads', 'blank', $$t.contact_id = $2$$, '{source_kind,lead_type,problems,currency}', 'Deals keep stage, value and times'),
  (200, 'public.lead_activities', 'blank', $$t.lead_id = any ($4)$$, '{kind}', 'That something happened stays, without words'),
  (210, 'public.lead_tags', 'delete', $$t.lead_id = any ($4)$$, '{}', 'Tags say something of a person'),
  (220, 'private.lead_words', 'delete', $$t.lead_id = any ($4)$$, '{}', 'Words that leads are found by'),
  (221, 'private.assignment_queue', 'delete', $$t.lead_id = any ($4)$$, '{}', 'Nobody has to be found for it'),
  (230, 'public.tasks', 'blank', $$t.lead_id = any ($4) or t.contact_id = $2$$, '{kind,status}', 'That something was to be done stays, without words'),
  (240, 'public.notifications', 'delete', $$t.lead_id = any ($4) or t.contact_id = $2 or t.conversation_id = any ($3)$$, '{}', 'News about them'),
  (250, 'public.broadcast_recipients', 'blank', $$t.contact_id = $2$$, '{outcome,reason}', 'Counts of a broadcast stay'),
  (260, 'public.sequence_enrollments', 'blank', $$t.contact_id = $2$$, '{state,reason}', 'Counts of a sequence stay'),
  (270, 'private.contact_merge_changes', 'delete', $$t.merge_id in (select m.id from public.contact_merges m where m.org_id = $1 and $2 in (m.survivor_id, m.merged_id))$$, '{}', 'Who they were made one with'),
  (280, 'public.likely_duplicates', 'delete', $$$2 in (t.one, t.other)$$, '{}', 'Whom they resemble'),
  (290, 'private.duplicate_keys', 'delete', $$t.contact_id = $2$$, '{}', 'What they were recognized by'),
  (291, 'private.duplicate_queue', 'delete', $$t.contact_id = $2$$, '{}', 'Nobody resembles a stub'),
  (300, 'public.contact_identities', 'delete', $$t.contact_id = $2$$, '{}', 'WhatsApp''s names for them'),
  (310, 'public.contact_points', 'delete', $$t.contact_id = $2$$, '{}', 'Numbers and addresses'),
  (320, 'public.contacts', 'blank', $$t.id = $2$$, '{}', 'The stub'),
  (330, 'public.audit_log', 'blank', $$t.object_id = any ($3::text[] || $4::text[]) or t.object_id in (
       with recursive gone (id) as (select $2::text union select l.details ->> 'merged' from gone g join public.audit_log l on l.org_id = $1 and l.object_id = g.id and l.action = 'contact.merged') select g.id from gone g) or private.tells(concat_ws(' ', t.object_id, t.details::text), $5)$$,
       '{actor_role,action,object_type,request_id,ip}', 'What was done, by whom and when stays; not its values');

insert into private.erased_columns (table_name, column_name, becomes) values
  ('private.outgoing_deliveries', 'response', 'null'),
  ('public.messages', 'body', $$case when t.kind = 'template' then jsonb_strip_nulls(jsonb_build_object('template', jsonb_build_object('name', t.body #> '{template,name}'))) else '{}' end$$),
  ('public.messages', 'text', 'null'), ('public.messages', 'wamid', 'private.veiled($6, $1, t.wamid)'), ('public.messages', 'context_wamid', 'null'),
  ('public.messages', 'error_message', 'null'), ('public.messages', 'reactions', 'null'), ('public.messages', 'edits', 'null'), ('public.messages', 'status_notes', 'null'),
  ('public.usage_ledger', 'wamid', 'private.veiled($6, $1, t.wamid)'),
  ('private.noted_costs', 'wamid', 'private.veiled($6, $1, t.wamid)'),
  ('private.billing_facts', 'phones', $$(select coalesce(array_agg(distinct private.masked(p)), '{}') from unnest(t.phones) p)$$),
  ('private.billing_facts', 'user_ids', $$(select coalesce(array_agg(distinct private.masked(u)), '{}') from unnest(t.user_ids) u)$$),
  ('public.lead_imports', 'filename', $$case when private.tells(t.filename, $5) then null else t.filename end$$),
  ('public.lead_imports', 'reading', 'private.hidden(t.reading, $5)'),
  ('public.lead_imports', 'checked', 'private.hidden(t.checked, $5)'),
  ('public.lead_imports', 'undo', 'private.hidden(t.undo, $5)'),
  ('public.sync_runs', 'errors', 'private.hidden(t.errors, $5)'), ('public.sync_runs', 'note', 'case when not private.tells(t.note, $5) then t.note end'),
  ('public.saved_views', 'name', $$case when private.tells(t.name, $5) then 'Erased contact' else t.name end$$),
  ('public.saved_views', 'filter', 'private.hidden(t.filter, $5)'),
  ('public.broadcasts', 'filter', 'private.hidden(t.filter, $5)'),
  ('public.conversation_events', 'details', 'private.only_ids(t.details)'),
  ('public.conversation_windows', 'opened_by', 'private.veiled($6, $1, t.opened_by)'),
  ('public.conversations', 'last_message_text', 'null'),
  ('public.conversations', 'referral', 'null'),
  ('public.consent_events', 'evidence', $$'{}'$$),
  ('public.consent_events', 'source_ref', 'private.veiled($6, $1, t.source_ref)'),
  ('public.leads', 'external_id', $$case when private.tells(t.external_id, $5) then private.veiled($6, $1, t.external_id) else t.external_id end$$),
  ('public.leads', 'title', 'null'), ('public.leads', 'product', 'null'), ('public.leads', 'message', 'null'), ('public.leads', 'phone', 'null'),
  ('public.leads', 'received_at_given', 'null'), ('public.leads', 'raw', $$'{}'$$), ('public.leads', 'custom', $$'{}'$$),
  ('public.lead_activities', 'details', 'private.only_ids(t.details)'),
  ('public.tasks', 'title', $$'Erased contact'$$), ('public.tasks', 'note', 'null'),
  ('public.broadcast_recipients', 'words', 'null'),
  ('public.sequence_enrollments', 'problem', 'null'),
  ('public.contacts', 'name', $$'Erased contact'$$), ('public.contacts', 'phone', 'null'), ('public.contacts', 'phone_given', 'null'), ('public.contacts', 'phone_kind', 'null'),
  ('public.contacts', 'country', 'null'), ('public.contacts', 'email', 'null'), ('public.contacts', 'company', 'null'), ('public.contacts', 'address', 'null'),
  ('public.contacts', 'city', 'null'), ('public.contacts', 'state', 'null'), ('public.contacts', 'pincode', 'null'), ('public.contacts', 'wa_id', 'null'),
  ('public.contacts', 'user_id', 'null'), ('public.contacts', 'username', 'null'), ('public.contacts', 'parent_user_id', 'null'), ('public.contacts', 'custom', $$'{}'$$),
  ('public.audit_log', 'object_id', $$case when private.tells(t.object_id, $5) then private.veiled($6, $1, t.object_id) else t.object_id end$$),
  ('public.audit_log', 'details', 'private.only_ids(t.details)');

insert into private.erasure_rules (position, table_name, does, why)
select 1000 + row_number() over (), t.name, 'nothing', g.why from (values
  ('The business''s accounts and numbers at Meta', '{private.account_checks,private.meta_cleanups,private.number_lanes,private.number_pulses,private.tier_portfolios,public.whatsapp_accounts,public.whatsapp_health,public.whatsapp_numbers,public.whatsapp_signups}'::text[]),
  ('The business''s keys', '{private.credential_reads,private.credentials,public.api_keys,public.webhook_endpoints}'::text[]),
  ('Ids, instants and counts; no words of a contact', '{private.changes,private.erasures,private.lead_arrivals,private.lead_import_batches,private.listeners,private.outgoing_events,private.send_lanes,private.spend_holds,private.tier_uses,private.usage_pending,public.contact_merges,public.conversation_reads,public.enquiry_form_days,public.free_allowance,public.lead_clocks,public.note_mentions}'::text[]),
  ('Hashes of senders, and of the erased: who was erased is recognized by them', '{private.form_senders,private.suppressions}'::text[]),
  ('Flow''s own business with the organization', '{private.billing_intents,private.entitlement_overrides,public.billing_accounts,public.invoices,public.payments,public.refunds,public.subscriptions}'::text[]),
  ('How the organization''s data is kept, taken along and looked at', '{private.export_pieces,private.legal_holds,private.organization_exports,private.retention_runs,private.retention_settings,public.support_grants,public.support_visits}'::text[]),
  ('Books without people', '{private.reconciliation_runs,public.billing_plans,public.ledger_closings,public.spending_warnings,public.usage_days,public.usage_reconciliations,public.usage_statement_lines,public.usage_statements,public.wallet_entries,public.wallets}'::text[]),
  ('Ids of what is told within seconds, or within a day', '{private.news,private.pushes}'::text[]),
  ('Members, not contacts', '{private.notification_settings,private.push_devices,public.absences,public.assignment_groups,public.assignment_members,public.invitations,public.memberships,public.working_hours}'::text[]),
  ('What the business set, made or wrote for everybody', '{private.source_coverage,private.template_syncs,private.template_writes,public.assignment_rules,public.bulk_actions,public.close_reasons,public.consent_settings,public.consent_words,public.enquiry_forms,public.greeting_rules,public.greeting_settings,public.holidays,public.import_mappings,public.labels,public.lead_fields,public.lead_sources,public.message_templates,public.messaging_settings,public.pipeline_stages,public.pipelines,public.quick_replies,public.sequence_steps,public.sequences,public.sheet_sources,public.source_costs,public.tags}'::text[]),
  ('Telemetry: members, templates of paths and scrubbed words; no words of a contact', '{private.request_log,private.page_views,private.api_calls,private.error_events}'::text[]),
  ('The request to delete an organization', '{private.organization_deletions}'::text[])) g (why, tables)
 cross join lateral unnest(g.tables) t (name);
