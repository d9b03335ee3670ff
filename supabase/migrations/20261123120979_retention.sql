-- 979_retention.sql: how long everything lives, said in one place; what an organization sets of it, and what must not go for now.
--
-- Ages count from when Flow stored a row. A message that is too old goes as a row: the books name it by Meta's id and keep what it
-- cost, so nothing needs a stub. A contact goes once nothing of theirs is younger and no lead of theirs is open; while their consent
-- is evidence, only the numbers stay that it is evidence of. DPDP Rule 8(3) may ask for more from May 2027 on: then `least` grows.

create table private.retention_classes (
  class     text primary key,
  place     int not null unique,
  what      text not null,
  how       text not null,
  keeps     interval,
  least     int,
  most      int,
  every     interval not null default '1 day',
  is_held   boolean not null default true,
  law       text,
  added_at  timestamptz not null default now(),
  constraint retention_class_is_a_slug check (class ~ '^[a-z][a-z_]{0,39}$'),
  constraint retention_is_done_in_a_known_way check (how in ('rows', 'partitions', 'conversations', 'payloads', 'files', 'consent', 'never')),
  constraint retention_bounds_come_together check ((least is null) = (most is null) and least > 0 and least <= most),
  constraint retention_that_nobody_sets_is_given check (keeps is not null or least is not null or how = 'never')
);
comment on table private.retention_classes is 'How long what lives, and how it goes: the only place that says so.';
comment on column private.retention_classes.class is 'Its name.';
comment on column private.retention_classes.place is 'Order in which a night does them, and in which they are shown.';
comment on column private.retention_classes.what is 'What it is, in words.';
comment on column private.retention_classes.how is
  'rows: by the expressions of retention_tables, in batches; partitions: days are dropped; conversations, payloads, consent: by their own functions; files: by the workers'' job `retention`, through the Storage API; '
  'never: not by time.';
comment on column private.retention_classes.keeps is 'How long, where an organization sets nothing; null: as long as the contract.';
comment on column private.retention_classes.least is 'Fewest months that an organization may set; null: it sets nothing.';
comment on column private.retention_classes.most is 'Most months that it may set.';
comment on column private.retention_classes.every is 'How often it is done: a day means at night.';
comment on column private.retention_classes.is_held is 'Whether a legal hold keeps it; false for what is no record of anything.';
comment on column private.retention_classes.law is 'What the law asks for, and where; null: nothing in particular.';
comment on column private.retention_classes.added_at is 'Since when it is done at all.';
alter table private.retention_classes enable row level security;

create table private.retention_tables (
  table_name  text not null,
  class       text not null references private.retention_classes,
  expired     text,
  primary key (table_name, class)
);
comment on table private.retention_tables is 'The tables of each class: every table with org_id stands here, or a test fails.';
comment on column private.retention_tables.table_name is 'schema.table';
comment on column private.retention_tables.class is 'The class.';
comment on column private.retention_tables.expired is 'Of the way `rows`: an expression over the row t that is true once it may go; $1 is the instant before which things are old. Null: it goes by the class''s own way, or with others.';
create index retention_tables_class on private.retention_tables (class);
alter table private.retention_tables enable row level security;

insert into private.retention_classes (class, place, what, how, keeps, least, most, every, is_held, law) values
  ('conversations', 10, 'Messages; contacts of whom nothing is younger and no lead is open, with their leads, tasks and notes', 'conversations', null, 6, 36, '1 day', true,
   'DPDP Rule 8(3), in force from May 2027: at least a year from the processing. GDPR Art. 5(1)(e): no longer than needed.'),
  ('media', 20, 'Files of messages', 'files', '12 months', 6, 36, '1 day', true, null),
  ('lead_payloads', 30, 'Enquiries as their source sent them; what was read from them stays', 'payloads', null, 3, 36, '1 day', true, null),
  ('consent', 40, 'Consent: who agreed or declined, when and how', 'consent', '3 years', null, null, '1 day', true,
   'Kept for three years after the contact has gone, as evidence (GDPR Art. 7(1), DPDP s. 6(10)).'),
  ('webhooks', 50, 'Webhooks of Meta, byte for byte', 'partitions', '30 days', null, null, '1 hour', true, null),
  ('outgoing', 55, 'Events told to the organization''s own programs, and what they answered', 'rows', '30 days', null, null, '1 day', false, null),
  ('dead_letters', 60, 'Updates that could not be applied', 'rows', '30 days', null, null, '1 day', true, null),
  ('undo', 70, 'What undoing a merge or an import needs', 'rows', '30 days', null, null, '1 day', true, null),
  ('notifications', 80, 'Notifications of members', 'rows', '90 days', null, null, '1 day', true, null),
  ('sync_runs', 90, 'Log of the calls of lead sources', 'rows', '13 months', null, null, '1 day', true, null),
  ('requests', 94, 'Requests to Flow''s servers and pages opened, by the day', 'partitions', '30 days', null, null, '1 hour', false, null),
  ('diagnostics', 95, 'Errors, calls to other services and runs of jobs, by the month: a month goes once all of it is that old', 'partitions', '90 days', null, null, '1 hour', false, null),
  ('figures', 96, 'Daily figures of the service, without people and organizations', 'rows', '13 months', null, null, '1 day', false, null),
  ('access', 100, 'Who used which token, when and what for; what was ended at Meta', 'rows', '1 year', null, null, '1 day', true,
   'DPDP Rule 6(1)(e): a year; CERT-In 2022: 180 days.'),
  ('audit', 110, 'Audit log, and the log of clearing out', 'rows', '1 year', null, null, '1 day', true, 'DPDP Rule 6(1)(e): a year; CERT-In 2022: 180 days.'),
  ('books', 120, 'Invoices, payments and the usage ledger', 'never', null, null, null, '1 day', true,
   'Eight financial years: Companies Act 2013 s. 128(5); CGST Act s. 36. Never removed here.'),
  ('proofs', 130, 'Proof of erasures and deletions, by keyed hash or without names', 'never', null, null, null, '1 day', true, null),
  ('contract', 140, 'What the organization set up and works with', 'never', null, null, null, '1 day', true, null),
  ('template_writes', 150, 'Changes of templates: Meta counts them for a month', 'rows', '31 days', null, null, '1 day', false, null),
  ('answers', 160, 'Answers to programs, for repeats; how scheduled jobs ran', 'rows', '7 days', null, null, '1 day', false, null),
  ('signals', 170, 'Read receipts and typing signs that could not be sent', 'rows', '2 days', null, null, '1 day', false, null),
  ('day', 180, 'What a day needs: who counts for Meta''s daily limit, networks that sent forms, undo of changes to many leads, sign-ups not begun', 'rows', '1 day', null, null, '1 hour', false, null),
  ('feed', 190, 'Notices for open pages', 'rows', '1 hour', null, null, '1 hour', false, null);

insert into private.retention_tables (table_name, class, expired) values
  ('private.webhook_events', 'webhooks', null), ('private.event_effects', 'webhooks', null),
  ('private.outgoing_events', 'outgoing', 't.at < $1'), ('private.outgoing_deliveries', 'outgoing', null),
  ('private.dead_letters', 'dead_letters', 't.created_at < $1'), ('private.parked_updates', 'dead_letters', 't.created_at < $1'),
  ('private.contact_merge_changes', 'undo', 'exists (select from public.contact_merges m where (m.org_id, m.id) = (t.org_id, t.merge_id) and m.merged_at < $1)'),
  ('private.lead_import_rows', 'undo', $$exists (select from public.lead_imports i where (i.org_id, i.id) = (t.org_id, t.import_id)
      and (t.pass < i.pass or i.finished_at < $1 and i.status in ('done', 'failed', 'cancelled', 'undone')))$$),
  ('public.notifications', 'notifications', 't.at < $1'),
  ('public.sync_runs', 'sync_runs', 't.started_at < $1 and t.finished_at is not null'),
  ('private.request_log', 'requests', null), ('private.page_views', 'requests', null), ('private.api_calls', 'diagnostics', null), ('private.job_runs', 'diagnostics', null), ('private.error_events', 'diagnostics', null),
  ('private.error_groups', 'diagnostics', 't.last_seen < $1'), ('private.telemetry_losses', 'diagnostics', 't.hour < $1'), ('private.telemetry_daily', 'figures', 't.day < $1'),
  ('private.credential_reads', 'access', 't.at < $1'), ('private.meta_cleanups', 'access', 't.finished_at < $1'),
  ('public.audit_log', 'audit', 't.at < $1'), ('private.retention_runs', 'audit', 't.finished_at < $1'), ('private.isolation_checks', 'audit', 't.at < $1'),
  ('private.template_writes', 'template_writes', 't.begun_at < $1'),
  ('private.api_requests', 'answers', 't.at < $1'), ('cron.job_run_details', 'answers', 't.end_time < $1'),
  ('private.signals', 'signals', 't.created_at < $1'),
  ('private.tier_uses', 'day', 't.at < $1'), ('private.form_senders', 'day', 't.hour < $1'), ('private.paces', 'day', 't.seen_at < $1'),
  ('private.bulk_items', 'day', 'exists (select from public.bulk_actions b where (b.org_id, b.id) = (t.org_id, t.bulk_id) and b.at < $1)'),
  ('public.whatsapp_signups', 'day', $$t.status = 'begun' and t.state_expires_at < $1$$),
  ('private.pushes', 'day', 't.created_at < $1'), ('private.changes', 'feed', 't.at < $1'), ('private.listeners', 'feed', 't.until < $1'),
  ('public.media', 'media', null), ('public.consent_events', 'consent', null), ('public.leads', 'lead_payloads', null);

insert into private.retention_tables (table_name, class)
select t.name, c.class
  from (values
    ('conversations', array[
      'private.assignment_queue', 'private.duplicate_keys', 'private.duplicate_queue', 'private.imported_leads', 'private.lead_arrivals', 'private.lead_words',
      'private.noted_costs', 'private.send_lanes', 'public.broadcast_recipients', 'public.contact_identities', 'public.contact_merges', 'public.contact_points',
      'public.contacts', 'public.conversation_events', 'public.conversation_labels', 'public.conversation_notes', 'public.conversation_reads',
      'public.conversation_windows', 'public.conversations', 'public.lead_activities', 'public.lead_clocks', 'public.lead_tags', 'public.leads',
      'public.likely_duplicates', 'public.messages', 'public.note_mentions', 'public.scheduled_messages', 'public.sequence_enrollments', 'public.tasks']),
    ('books', array[
      'private.billing_facts', 'private.billing_intents', 'private.reconciliation_runs', 'private.spend_holds', 'private.usage_pending', 'public.billing_plans', 'public.free_allowance',
      'public.ledger_closings', 'public.spending_warnings', 'public.usage_days', 'public.usage_ledger', 'public.usage_reconciliations',
      'public.usage_statement_lines', 'public.usage_statements', 'public.wallet_entries', 'public.wallets',
      'public.invoices', 'public.payments', 'public.refunds', 'public.subscriptions']),
    ('proofs', array['private.erasures', 'private.legal_holds', 'private.organization_deletions', 'private.suppressions']),
    ('contract', array[
      'private.account_checks', 'private.news', 'private.notification_settings', 'private.push_devices', 'private.credentials', 'private.entitlement_overrides', 'private.export_pieces', 'private.field_marks', 'private.lead_import_batches', 'private.number_lanes',
      'private.number_pulses', 'private.organization_exports', 'private.retention_settings', 'private.source_coverage', 'private.template_syncs', 'private.tier_portfolios', 'public.absences',
      'public.api_keys', 'public.assignment_groups', 'public.assignment_members', 'public.assignment_rules', 'public.billing_accounts', 'public.broadcasts', 'public.bulk_actions',
      'public.close_reasons', 'public.consent_settings', 'public.consent_words', 'public.enquiry_form_days', 'public.enquiry_forms', 'public.greeting_rules',
      'public.greeting_settings', 'public.holidays', 'public.import_mappings', 'public.invitations', 'public.labels', 'public.lead_fields', 'public.lead_imports',
      'public.lead_sources', 'public.memberships', 'public.message_templates', 'public.messaging_settings', 'public.pipeline_stages', 'public.pipelines',
      'public.quick_replies', 'public.saved_views', 'public.sequence_steps', 'public.sequences', 'public.sheet_sources', 'public.source_costs', 'public.support_grants',
      'public.support_visits', 'public.tags', 'public.webhook_endpoints', 'public.whatsapp_accounts', 'public.whatsapp_health', 'public.whatsapp_numbers', 'public.working_hours'])) c (class, names), lateral unnest(c.names) t (name);

create table private.retention_settings (
  org_id  uuid not null references public.organizations on delete restrict,
  class   text not null references private.retention_classes,
  months  int not null,
  set_by  uuid,
  set_at  timestamptz not null default now(),
  primary key (org_id, class)
);
comment on table private.retention_settings is 'How long an organization wants to keep what it may set; no row: the default of the class.';
comment on column private.retention_settings.org_id is 'The organization.';
comment on column private.retention_settings.class is 'The class.';
comment on column private.retention_settings.months is 'Months from when Flow stored it.';
comment on column private.retention_settings.set_by is 'The owner. No foreign key: it outlives the membership.';
comment on column private.retention_settings.set_at is 'When.';
create index retention_settings_class on private.retention_settings (class, org_id);
alter table private.retention_settings enable row level security;

create table private.legal_holds (
  org_id       uuid not null references public.organizations on delete restrict,
  id           uuid not null default gen_random_uuid(),
  contact_id   uuid,
  reason       text not null,
  by_operator  boolean not null default false,
  set_by       uuid,
  set_at       timestamptz not null default now(),
  lifted_by    uuid,
  lifted_at    timestamptz,
  primary key (org_id, id),
  constraint hold_is_on_a_contact_of_its_organization foreign key (org_id, contact_id) references public.contacts (org_id, id) on delete cascade,
  constraint hold_has_a_reason check (reason = btrim(reason) and length(reason) between 1 and 500)
);
comment on table private.legal_holds is 'What must not be removed for now, because of a dispute or an order: nothing that a hold covers goes by age, and an organization with one is not purged.';
comment on column private.legal_holds.org_id is 'The organization.';
comment on column private.legal_holds.id is 'The hold.';
comment on column private.legal_holds.contact_id is 'The person whose messages, files and leads it covers; null: everything of the organization.';
comment on column private.legal_holds.reason is 'Why, in words for the owners.';
comment on column private.legal_holds.by_operator is 'Set by Flow (an order, a request of an authority); only Flow lifts it.';
comment on column private.legal_holds.set_by is 'The owner; null for Flow. No foreign key: it outlives the membership.';
comment on column private.legal_holds.set_at is 'Since when.';
comment on column private.legal_holds.lifted_by is 'The owner who lifted it; null for Flow.';
comment on column private.legal_holds.lifted_at is 'When; null: it holds.';
create index legal_holds_active on private.legal_holds (org_id, contact_id) where lifted_at is null;
create index legal_holds_contact on private.legal_holds (org_id, contact_id);
alter table private.legal_holds enable row level security;

create table private.retention_runs (
  id           bigint generated always as identity primary key,
  org_id       uuid references public.organizations on delete restrict,
  part_of      bigint,
  class        text not null references private.retention_classes,
  mode         text not null default 'real',
  started_at   timestamptz not null default clock_timestamp(),
  finished_at  timestamptz,
  rows         bigint not null default 0,
  bytes        bigint not null default 0,
  cursor       jsonb not null default '{}',
  error        text,
  constraint retention_mode_is_known check (mode in ('real', 'dry')),
  constraint retention_of_an_organization_is_counted_once_a_run unique (part_of, org_id)
);
comment on table private.retention_runs is 'Each run of a class over all organizations, and under it what it took of each organization; dry runs only count.';
comment on column private.retention_runs.id is 'Running number.';
comment on column private.retention_runs.org_id is 'Of a part, or a dry run: the organization; null: all.';
comment on column private.retention_runs.part_of is 'Of a part: the run. Only organizations of which something went have one. No foreign key: runs are of no organization.';
comment on column private.retention_runs.class is 'The class.';
comment on column private.retention_runs.mode is 'real, or dry.';
comment on column private.retention_runs.started_at is 'When its first batch began.';
comment on column private.retention_runs.finished_at is 'When its last batch ended; null: it goes on.';
comment on column private.retention_runs.rows is 'Rows (files, partitions) that went, or would go.';
comment on column private.retention_runs.bytes is 'Their size.';
comment on column private.retention_runs.cursor is 'Where it goes on.';
comment on column private.retention_runs.error is 'Why it ended early: SQLSTATE and message; the next night tries again.';
create index retention_runs_class on private.retention_runs (class, started_at desc) where org_id is null and mode = 'real';
create index retention_runs_open on private.retention_runs (id) where finished_at is null;
create index retention_runs_org on private.retention_runs (org_id, started_at desc);
alter table private.retention_runs enable row level security;

insert into private.table_classes (table_name, class, why) values
  ('private.legal_holds', 'purge', 'Data of the organization'), ('private.retention_runs', 'purge', 'Data of the organization'),
  ('private.retention_settings', 'purge', 'Data of the organization');

-- What a batch begins at. Append-only tables by age of all organizations: a few pages an index, nothing to write for.
create index audit_log_oldest on public.audit_log using brin (at) with (autosummarize = on);
create index sync_runs_oldest on public.sync_runs using brin (started_at) with (autosummarize = on);
create index media_oldest on public.media (org_id, created_at) where stored_at is not null;
create index media_without_message on public.media (org_id, id) where direction = 'inbound' and message_id is null;
alter table public.contacts add column retired_at timestamptz;
comment on column public.contacts.retired_at is 'When all but the numbers was removed by age: what stays is what the consent is evidence of; null: nothing was.';
create index contacts_retired on public.contacts (retired_at) where retired_at is not null;

-- Holds --------------------------------------------------------------------------------------------------------------------

create function private.is_held(org_id uuid, contact_id uuid default null) returns boolean
  language sql stable security definer set search_path = ''
as $$
  select exists (select from private.legal_holds h
                  where h.org_id = is_held.org_id and h.lifted_at is null and (h.contact_id is null or h.contact_id = is_held.contact_id))
$$;
comment on function private.is_held is 'Whether a legal hold covers everything of an organization, or this contact of it. Definer: reads a closed table.';

create function private.add_hold(org_id uuid, reason text, contact_id uuid, by_operator boolean) returns uuid
  language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_id uuid;
begin
  if private.clean_text(add_hold.reason, 500) is null then
    raise sqlstate 'PT422' using message = 'Say why it must be kept.', detail = 'reason_missing', hint = 'For instance: dispute about an order, until it is settled.';
  elsif add_hold.contact_id is not null and not exists (select from public.contacts c where c.org_id = add_hold.org_id and c.id = add_hold.contact_id) then
    raise sqlstate 'PT404' using message = 'There is no such contact', detail = 'contact_unknown', hint = 'Reload the page.';
  end if;
  insert into private.legal_holds (org_id, contact_id, reason, by_operator, set_by)
  values (add_hold.org_id, add_hold.contact_id, private.clean_text(add_hold.reason, 500), add_hold.by_operator, auth.uid()) returning id into v_id;
  perform private.audit(add_hold.org_id, 'legal_hold.started', 'legal_hold', v_id::text, jsonb_build_object('of', case when add_hold.contact_id is null then 'organization' else 'contact' end));
  return v_id;
end;
$$;
comment on function private.add_hold is 'Holds everything of an organization, or of one contact. Raises PT404 contact_unknown, PT422 reason_missing.';

create function private.lift_hold(org_id uuid, hold_id uuid, by_operator boolean) returns void
  language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_hold private.legal_holds;
begin
  select h.* into v_hold from private.legal_holds h where h.org_id = lift_hold.org_id and h.id = lift_hold.hold_id and h.lifted_at is null for update;
  if not found then
    raise sqlstate 'PT404' using message = 'There is no such hold.', detail = 'hold_unknown', hint = 'Reload the page.';
  elsif v_hold.by_operator and not lift_hold.by_operator then
    raise sqlstate 'PT409' using message = 'Flow set this hold, and only Flow lifts it.', detail = 'hold_of_flow', hint = 'Ask Flow''s support.';
  end if;
  update private.legal_holds h set lifted_at = now(), lifted_by = auth.uid() where h.org_id = v_hold.org_id and h.id = v_hold.id;
  perform private.audit(lift_hold.org_id, 'legal_hold.lifted', 'legal_hold', v_hold.id::text);
end;
$$;
comment on function private.lift_hold is 'Ends a hold. Raises PT404 hold_unknown, PT409 hold_of_flow.';

create function private.tg_organization_deletions__obey_holds() returns trigger
  language plpgsql volatile security definer set search_path = ''
as $$
begin
  -- Flow's own hold does not keep an owner from asking: everything stops, and the purge waits (private.is_due).
  if exists (select from private.legal_holds h where h.org_id = new.org_id and h.lifted_at is null and not h.by_operator) then
    raise sqlstate 'PT409' using message = 'A legal hold of yours says that this must be kept.', detail = 'legal_hold', hint = 'Lift it first, under Keeping data.';
  end if;
  return new;
end;
$$;
comment on function private.tg_organization_deletions__obey_holds is 'Who holds data does not delete it: PT409 legal_hold.';
create trigger organization_deletions_obey_holds before insert on private.organization_deletions
  for each row execute function private.tg_organization_deletions__obey_holds();

-- What is too old ---------------------------------------------------------------------------------------------------------

create function private.retention_cutoff(org_id uuid, class text, months int default null) returns timestamptz
  language sql stable security definer set search_path = ''
as $$
  select now() - coalesce(make_interval(months => coalesce(retention_cutoff.months, (
                            select s.months from private.retention_settings s where s.class = c.class and s.org_id = retention_cutoff.org_id))), c.keeps)
    from private.retention_classes c where c.class = retention_cutoff.class
$$;
comment on function private.retention_cutoff is 'The instant before which things of a class are too old, by the months given, else by the organization''s setting, else by the default; null: nothing is.';

create function private.is_quiet(org_id uuid, contact_id uuid, since timestamptz, but_old boolean default false) returns boolean
  language sql stable security definer set search_path = ''
as $$
  select not exists (select from public.messages m
                      where m.contact_id = is_quiet.contact_id and m.org_id = is_quiet.org_id
                        and (not is_quiet.but_old or m.created_at >= since or m.status in ('queued', 'sending', 'uncertain')))
     and not exists (select from public.leads l join public.pipeline_stages s on (s.org_id, s.id) = (l.org_id, l.stage_id)
                      where l.org_id = is_quiet.org_id and l.contact_id = is_quiet.contact_id
                        and (s.kind = 'open' or greatest(l.received_at, l.created_at, l.won_at, l.lost_at) >= since
                             or exists (select from public.lead_activities a where a.org_id = l.org_id and a.lead_id = l.id and a.at >= since)
                             or exists (select from public.tasks t where t.org_id = l.org_id and t.lead_id = l.id and (t.status = 'open' or t.closed_at >= since))))
     and not exists (select from public.tasks t
                      where t.org_id = is_quiet.org_id and t.contact_id = is_quiet.contact_id and (t.status = 'open' or t.closed_at >= since))
     and not exists (select from public.conversations c
                      where c.contact_id = is_quiet.contact_id and c.org_id = is_quiet.org_id
                        and (greatest(c.created_at, c.last_message_at) >= since
                             or exists (select from public.conversation_events v where v.org_id = c.org_id and v.conversation_id = c.id and v.at >= since)
                             or exists (select from public.conversation_notes n where n.org_id = c.org_id and n.conversation_id = c.id and n.created_at >= since)
                             or exists (select from public.scheduled_messages w where w.org_id = c.org_id and w.conversation_id = c.id and w.status = 'waiting')))
     and not exists (select from public.consent_events e where e.org_id = is_quiet.org_id and e.contact_id = is_quiet.contact_id and e.created_at >= since)
     and not exists (select from public.sequence_enrollments e where e.org_id = is_quiet.org_id and e.contact_id = is_quiet.contact_id and e.state = 'active')
     and not exists (select from public.broadcast_recipients r where r.org_id = is_quiet.org_id and r.contact_id = is_quiet.contact_id and r.outcome in ('waiting', 'queued', 'uncertain'))
$$;
comment on function private.is_quiet is 'Whether a contact has no message (but_old: none but settled ones that are older), no open lead or task, nothing under way, and nothing younger than an instant. Definer: beneath RLS.';

create function private.forget_children(parent regclass, org_id uuid, ids uuid[], kept text[] default '{}') returns void
  language plpgsql volatile security definer set search_path = ''
as $$
declare
  k       record;
  v_found uuid[];
begin
  -- The catalogue is asked, so that a table that comes later is not forgotten. Keys that null themselves are left to do so.
  for k in
    select c.conrelid::regclass as child, a.attname as col,
           exists (select from pg_catalog.pg_constraint x where x.contype = 'f' and x.confrelid = c.conrelid and x.confdeltype in ('a', 'r')) as has_children
      from pg_catalog.pg_constraint c join pg_catalog.pg_attribute a on a.attrelid = c.conrelid and a.attnum = any (c.conkey) and a.attname <> 'org_id'
     where c.contype = 'f' and c.confrelid = forget_children.parent and c.confdeltype in ('a', 'r', 'c') and c.conparentid = 0
       and c.conrelid::regclass::text <> all (forget_children.kept)
     order by has_children desc, c.conrelid::regclass::text
  loop
    if k.has_children then
      execute format('select array_agg(t.id) from %s t where t.org_id = $1 and t.%I = any ($2)', k.child, k.col) into v_found using forget_children.org_id, forget_children.ids;
      if v_found is not null then
        perform private.forget_children(k.child, forget_children.org_id, v_found);
      end if;
    end if;
    execute format('delete from %s t where t.org_id = $1 and t.%I = any ($2)', k.child, k.col) using forget_children.org_id, forget_children.ids;
  end loop;
end;
$$;
comment on function private.forget_children is 'Deletes all that hangs on these rows of an organization by a foreign key, and what hangs on that; but tables in kept.';

create function private.is_expired(table_name text, gone jsonb) returns boolean
  language sql stable security definer set search_path = ''
as $$
  select exists (
    select from private.retention_runs r join private.retention_tables t on t.class = r.class or r.class = 'consent' and t.class = 'conversations'
     where r.class = current_setting('flow.retaining', true) and r.finished_at is null and r.org_id is null and r.mode = 'real' and t.table_name = is_expired.table_name
       and (gone ->> 'at')::timestamptz < private.retention_cutoff((gone ->> 'org_id')::uuid, r.class)
       and not private.is_held((gone ->> 'org_id')::uuid, (gone ->> 'contact_id')::uuid))
$$;
comment on function private.is_expired is 'Whether a row of an append-only table may go: within a run of its class, older than the class keeps it, and not held. Definer: reads closed tables.';

create function private.keep_held_events(parent text, partition text) returns void
  language plpgsql volatile security definer set search_path = ''
as $$
begin
  execute format('alter table private.%I detach partition private.%I', parent, partition);
  if exists (select from private.legal_holds h where h.lifted_at is null and h.contact_id is null)
     and exists (select from private.retention_tables t join private.retention_classes c on c.class = t.class where t.table_name = 'private.' || parent and c.is_held) then
    -- Into the default partition, where the run looks for them once nobody holds them any more.
    execute format('insert into private.%1$I overriding system value select t.* from private.%2$I t where %3$s', parent || '_default', partition,
      case parent when 'webhook_events' then
        'exists (select from private.event_effects e where (e.received_at, e.event_id) = (t.received_at, t.id) and private.is_held(e.org_id))' else 'private.is_held(t.org_id)' end);
  end if;
end;
$$;
comment on function private.keep_held_events is 'Before a partition is dropped: takes it out of its table, and puts aside what a held organization has in it, where a hold keeps its class.';

select private.roll_webhook_events(), private.roll_telemetry('requests'), private.roll_telemetry('diagnostics');
