-- 970_table_classes.sql: what happens to each table when an organization is deleted.

create table private.table_classes (
  table_name  text primary key,
  class       text not null,
  why         text not null,
  constraint table_class_is_known check (class in ('purge', 'anonymize', 'keep'))
);
comment on table private.table_classes is
  'What becomes of the rows of an organization that is deleted: every table with org_id stands here, or a test fails.';
comment on column private.table_classes.table_name is 'schema.table';
comment on column private.table_classes.class is 'purge: rows go; anonymize: rows stay without what tells of people and the business; keep: rows stay.';
comment on column private.table_classes.why is 'Why, in words for the certificate.';
alter table private.table_classes enable row level security;

insert into private.table_classes (table_name, class, why)
select t.name, 'purge', 'Data of the organization'
  from unnest(array[
    'private.account_checks', 'private.api_requests', 'private.assignment_queue', 'private.billing_facts', 'private.bulk_items', 'private.changes',
    'private.contact_merge_changes', 'private.credential_reads', 'private.credentials', 'private.dead_letters', 'private.duplicate_keys',
    'private.duplicate_queue', 'private.event_effects', 'private.field_marks', 'private.form_senders', 'private.imported_leads',
    'private.lead_arrivals', 'private.lead_import_batches', 'private.lead_import_rows', 'private.lead_words', 'private.listeners',
    'private.meta_cleanups', 'private.noted_costs', 'private.number_lanes', 'private.number_pulses', 'private.parked_updates',
    'private.reconciliation_runs', 'private.send_lanes', 'private.signals', 'private.source_coverage', 'private.spend_holds',
    'private.template_syncs', 'private.template_writes', 'private.tier_portfolios', 'private.tier_uses', 'private.usage_pending',
    'public.absences', 'public.api_keys', 'public.assignment_groups', 'public.assignment_members', 'public.assignment_rules',
    'public.broadcast_recipients', 'public.broadcasts', 'public.bulk_actions', 'public.close_reasons', 'public.consent_events',
    'public.consent_settings', 'public.consent_words', 'public.contact_identities', 'public.contact_merges', 'public.contact_points',
    'public.contacts', 'public.conversation_events', 'public.conversation_labels', 'public.conversation_notes', 'public.conversation_reads',
    'public.conversation_windows', 'public.conversations', 'public.enquiry_form_days', 'public.enquiry_forms', 'public.free_allowance',
    'public.greeting_rules', 'public.greeting_settings', 'public.holidays', 'public.import_mappings', 'public.invitations', 'public.labels',
    'public.lead_activities', 'public.lead_clocks', 'public.lead_fields', 'public.lead_imports', 'public.lead_sources', 'public.lead_tags',
    'public.leads', 'public.likely_duplicates', 'public.media', 'public.memberships', 'public.message_templates', 'public.messages',
    'public.messaging_settings', 'public.note_mentions', 'public.notifications', 'public.pipeline_stages', 'public.pipelines',
    'public.quick_replies', 'public.saved_views', 'public.scheduled_messages', 'public.sequence_enrollments', 'public.sequence_steps',
    'public.sequences', 'public.sheet_sources', 'public.source_costs', 'public.spending_warnings', 'public.sync_runs', 'public.tags',
    'public.tasks', 'public.usage_reconciliations', 'public.whatsapp_health', 'public.whatsapp_signups', 'public.working_hours',
    'private.entitlement_overrides', 'public.billing_accounts',
    'private.news', 'private.notification_settings', 'private.push_devices', 'private.pushes',
    'private.outgoing_deliveries', 'private.outgoing_events', 'public.webhook_endpoints']) t (name);

insert into private.table_classes (table_name, class, why)
select t.name, 'purge', 'Telemetry' from unnest(array['private.request_log', 'private.page_views', 'private.api_calls', 'private.error_events']) t (name);

insert into private.table_classes (table_name, class, why) values
  ('public.usage_ledger', 'anonymize', 'Books: what was charged, for eight financial years; messages are named by a pseudonym'),
  ('public.audit_log', 'anonymize', 'Evidence of what was done, for a year; without people and addresses'),
  ('public.whatsapp_accounts', 'anonymize', 'Books name the account by Flow''s own id; nothing of Meta''s is left'),
  ('public.whatsapp_numbers', 'anonymize', 'Books name the number by Flow''s own id; nothing of Meta''s is left'),
  ('public.usage_days', 'keep', 'Books: sums by day'),
  ('public.ledger_closings', 'keep', 'Books: which months are closed'),
  ('public.usage_statements', 'keep', 'Books: statements, for eight financial years'),
  ('public.usage_statement_lines', 'keep', 'Books: lines of statements'),
  ('public.wallets', 'keep', 'Books: the prepaid balance'),
  ('public.wallet_entries', 'keep', 'Books: payments into and out of the balance'),
  ('public.billing_plans', 'keep', 'Books: the terms that prices were made by'),
  ('public.subscriptions', 'keep', 'Books: what was subscribed to'),
  ('public.payments', 'keep', 'Books: payments, for eight financial years; no card or account'),
  ('public.refunds', 'keep', 'Books: refunds, for eight financial years'),
  ('public.invoices', 'keep', 'Books: invoices and credit notes as they were issued, for eight financial years'),
  ('private.billing_intents', 'anonymize', 'Books: links that payments came by; without who asked'),
  ('private.suppressions', 'keep', 'Keyed hashes of people who asked to be forgotten: so that nobody writes to them again');

create table private.anonymized_columns (
  table_name   text not null references private.table_classes on delete cascade,
  column_name  text not null,
  becomes      text not null,
  primary key (table_name, column_name)
);
comment on table private.anonymized_columns is 'What a column holds after a deletion, in tables of the class anonymize.';
comment on column private.anonymized_columns.table_name is 'schema.table';
comment on column private.anonymized_columns.column_name is 'The column.';
comment on column private.anonymized_columns.becomes is 'An expression over the row; $2 is a random word that is thrown away afterwards.';
alter table private.anonymized_columns enable row level security;

insert into private.anonymized_columns (table_name, column_name, becomes) values
  ('public.usage_ledger', 'wamid', $$'gone.' || encode(extensions.hmac(wamid, $2, 'sha256'), 'hex')$$),
  ('public.usage_ledger', 'message_id', 'null'),
  ('public.usage_ledger', 'note', 'null'),
  ('public.usage_ledger', 'review_reason', 'null'),
  ('public.audit_log', 'actor', 'null'),
  ('public.audit_log', 'ip', 'null'),
  ('public.audit_log', 'request_id', 'null'),
  ('public.audit_log', 'details', $$'{}'$$),
  ('private.billing_intents', 'requested_by', 'null'),
  ('private.billing_intents', 'short_url', 'null'),
  ('private.billing_intents', 'params', $$'{}'$$),
  ('public.whatsapp_accounts', 'waba_id', $$'0' || (('x' || substr(md5(id::text || $2), 1, 15))::bit(60)::bigint)::text$$),
  ('public.whatsapp_accounts', 'name', 'null'),
  ('public.whatsapp_accounts', 'meta_user_id', 'null'),
  ('public.whatsapp_accounts', 'business_id', 'null'),
  ('public.whatsapp_accounts', 'status_reason', 'null'),
  ('public.whatsapp_numbers', 'phone_number_id', $$'0' || (('x' || substr(md5(id::text || $2), 1, 15))::bit(60)::bigint)::text$$),
  ('public.whatsapp_numbers', 'display_phone', 'null'),
  ('public.whatsapp_numbers', 'verified_name', 'null'),
  ('public.whatsapp_numbers', 'username', 'null'),
  ('public.whatsapp_numbers', 'paused_reason', 'null');
