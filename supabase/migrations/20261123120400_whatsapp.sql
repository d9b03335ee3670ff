-- 400_whatsapp.sql: the WhatsApp Business accounts, numbers and templates that an organization has connected.

------------------------------------------------------------------------------------------------
-- Accounts (WABA)
------------------------------------------------------------------------------------------------
create table public.whatsapp_accounts (
  org_id          uuid not null references public.organizations (id) on delete restrict,
  id              uuid not null default gen_random_uuid(),
  waba_id         text not null,
  name            text,
  currency        text,
  time_zone       text,
  status          text not null default 'connected',
  status_reason   text,
  credential_id   uuid,
  meta_user_id    text,
  business_id     text,
  messaging_limit int,
  review_status   text,
  connected_at    timestamptz not null default now(),
  disconnected_at timestamptz,
  primary key (org_id, id),
  constraint account_is_connected_once_in_organization unique (org_id, waba_id),
  constraint account_status_is_known check (status in ('connected', 'reconnect', 'disconnected')),
  constraint waba_id_is_digits check (waba_id ~ '^[0-9]{1,32}$'),
  constraint account_credential_is_of_organization foreign key (org_id, credential_id)
    references private.credentials (org_id, id) on delete set null (credential_id)
);
comment on table public.whatsapp_accounts is
  'WhatsApp Business accounts (WABA) that an organization connected. Kept after a disconnect: history needs them.';
comment on column public.whatsapp_accounts.org_id is 'The organization.';
comment on column public.whatsapp_accounts.id is 'Flow''s id of the account.';
comment on column public.whatsapp_accounts.waba_id is 'Meta''s id of the WhatsApp Business account.';
comment on column public.whatsapp_accounts.name is 'The account''s name at Meta.';
comment on column public.whatsapp_accounts.currency is 'ISO 4217 currency that Meta bills the account in.';
comment on column public.whatsapp_accounts.time_zone is
  'IANA name of the account''s time zone; Meta''s days, months and rate changes begin in it. Null: not known.';
comment on column public.whatsapp_accounts.status is
  'connected: in use. reconnect: Meta refuses the token, an owner must connect again. disconnected: by the organization.';
comment on column public.whatsapp_accounts.status_reason is 'Why the account is not connected, in words.';
comment on column public.whatsapp_accounts.credential_id is 'The sealed system-user token in private.credentials; null after a disconnect.';
comment on column public.whatsapp_accounts.meta_user_id is
  'App-scoped id of the person who connected; Meta''s deauthorize callback names it. Null for a token given by hand.';
comment on column public.whatsapp_accounts.business_id is 'Meta''s id of the business portfolio that owns the account; messaging limits and BSUIDs are per portfolio. Null: not known.';
comment on column public.whatsapp_accounts.messaging_limit is
  'How many different people may be written to outside windows in 24 rolling hours, for the whole portfolio; null: not known, or unlimited.';
comment on column public.whatsapp_accounts.review_status is 'Meta''s review of the account: APPROVED, REJECTED, PENDING; null: never told.';
comment on column public.whatsapp_accounts.connected_at is 'When the account was last connected.';
comment on column public.whatsapp_accounts.disconnected_at is 'When the organization disconnected it; null while connected.';
create index whatsapp_accounts_waba on public.whatsapp_accounts (waba_id);
create index whatsapp_accounts_credential on public.whatsapp_accounts (org_id, credential_id);

alter table public.whatsapp_accounts enable row level security;
create policy "Members see their organization's WhatsApp accounts" on public.whatsapp_accounts
  for select to authenticated using (org_id = any (array(select private.my_org_ids())));
grant select (org_id, id, waba_id, name, currency, time_zone, status, status_reason, business_id, messaging_limit, review_status,
              connected_at, disconnected_at)
  on public.whatsapp_accounts to authenticated;

------------------------------------------------------------------------------------------------
-- Numbers
------------------------------------------------------------------------------------------------
create table public.whatsapp_numbers (
  org_id              uuid not null,
  id                  uuid not null default gen_random_uuid(),
  account_id          uuid not null,
  phone_number_id     text not null,
  display_phone       text,
  verified_name       text,
  quality_rating      text,
  messages_per_second int not null default 80,
  status              text not null default 'connected',
  paused_until        timestamptz,
  paused_reason       text,
  pin_credential_id   uuid,
  name_status         text,
  verification_status text,
  platform_type       text,
  is_on_phone_app     boolean not null default false,
  username            text,
  heard_at            timestamptz,
  connected_at        timestamptz not null default now(),
  disconnected_at     timestamptz,
  history_progress    int,
  primary key (org_id, id),
  constraint number_is_in_an_account_of_its_organization foreign key (org_id, account_id)
    references public.whatsapp_accounts (org_id, id) on delete restrict,
  constraint number_pin_is_of_organization foreign key (org_id, pin_credential_id)
    references private.credentials (org_id, id) on delete set null (pin_credential_id),
  constraint number_is_connected_once_in_organization unique (org_id, phone_number_id),
  constraint number_status_is_known check (status in ('connected', 'paused', 'disconnected')),
  constraint number_throughput_is_positive check (messages_per_second > 0),
  constraint phone_number_id_is_digits check (phone_number_id ~ '^[0-9]{1,32}$')
);
comment on table public.whatsapp_numbers is
  'WhatsApp numbers of an organization. One number is live in one organization only; a disconnected row stays for its history.';
comment on column public.whatsapp_numbers.org_id is 'The organization.';
comment on column public.whatsapp_numbers.id is 'Flow''s id of the number.';
comment on column public.whatsapp_numbers.account_id is 'The account (WABA) that the number belongs to.';
comment on column public.whatsapp_numbers.phone_number_id is 'Meta''s id of the number; webhooks and sends name it.';
comment on column public.whatsapp_numbers.display_phone is 'The number as Meta shows it, for instance +91 11400 00001.';
comment on column public.whatsapp_numbers.verified_name is 'The business name that Meta approved for the number.';
comment on column public.whatsapp_numbers.quality_rating is 'Meta''s rating: GREEN, YELLOW, RED or UNKNOWN.';
comment on column public.whatsapp_numbers.messages_per_second is
  'Throughput that Meta grants (80, by upgrade 1,000, with the phone app 20); dispatch stays within it.';
comment on column public.whatsapp_numbers.status is
  'connected: sends. paused: keeps its queue until the cause ends. disconnected: nothing is called any more.';
comment on column public.whatsapp_numbers.paused_until is 'When a paused number resumes by itself; null: by an event from Meta or by hand.';
comment on column public.whatsapp_numbers.paused_reason is 'Why the number is paused, in words.';
comment on column public.whatsapp_numbers.pin_credential_id is 'The sealed two-step PIN that Flow registered the number with; null when Flow did not register it.';
comment on column public.whatsapp_numbers.name_status is 'Meta''s decision on the display name: APPROVED, DECLINED, PENDING_REVIEW, …; null: not known.';
comment on column public.whatsapp_numbers.verification_status is 'Whether the number was verified by code at Meta: VERIFIED, EXPIRED, NOT_VERIFIED; null: not known.';
comment on column public.whatsapp_numbers.platform_type is 'Where Meta runs the number: CLOUD_API, ON_PREMISE, NOT_APPLICABLE; null: not known.';
comment on column public.whatsapp_numbers.is_on_phone_app is 'Coexistence: the business also uses the number in the WhatsApp Business app.';
comment on column public.whatsapp_numbers.username is 'The WhatsApp username that Meta granted the business; null: none.';
comment on column public.whatsapp_numbers.heard_at is 'When a webhook last named the number (noted at most once a minute).';
comment on column public.whatsapp_numbers.connected_at is 'When the number was last connected.';
comment on column public.whatsapp_numbers.disconnected_at is 'When the number was disconnected; null while connected.';
comment on column public.whatsapp_numbers.history_progress is
  'How much of the phone app''s history has come, in percent; null: none was asked for, or the business declined.';
create unique index number_is_live_in_one_organization on public.whatsapp_numbers (phone_number_id) where status <> 'disconnected';
create index whatsapp_numbers_phone on public.whatsapp_numbers (phone_number_id);
create index whatsapp_numbers_account on public.whatsapp_numbers (org_id, account_id);
create index whatsapp_numbers_pin on public.whatsapp_numbers (org_id, pin_credential_id);

alter table public.whatsapp_numbers enable row level security;
create policy "Members see their organization's WhatsApp numbers" on public.whatsapp_numbers
  for select to authenticated using (org_id = any (array(select private.my_org_ids())));
grant select (org_id, id, account_id, phone_number_id, display_phone, verified_name, quality_rating,
              messages_per_second, status, paused_until, paused_reason, name_status, verification_status, platform_type,
              is_on_phone_app, username, heard_at, connected_at, disconnected_at, history_progress)
  on public.whatsapp_numbers to authenticated;

------------------------------------------------------------------------------------------------
-- Templates
------------------------------------------------------------------------------------------------
create table public.message_templates (
  org_id           uuid not null,
  id               uuid not null default gen_random_uuid(),
  account_id       uuid not null,
  meta_id          text,
  name             text not null,
  language         text not null,
  status           text not null,
  category         text not null,
  parameter_format text not null default 'POSITIONAL',
  body_params      int not null default 0,
  body_param_names text[] not null default '{}',
  components       jsonb not null default '[]',
  rejected_reason  text,
  blocked_reason   text,
  quality          text,
  category_was     text,
  category_at      timestamptz,
  synced_at        timestamptz not null default now(),
  parameters       jsonb not null default '{}',
  primary key (org_id, id),
  constraint template_is_of_an_account_of_its_organization foreign key (org_id, account_id)
    references public.whatsapp_accounts (org_id, id) on delete restrict,
  constraint template_is_unique_in_account unique (org_id, account_id, name, language),
  constraint template_parameter_format_is_known check (parameter_format in ('POSITIONAL', 'NAMED')),
  constraint template_parameters_are_counted check (body_params >= 0)
);
comment on table public.message_templates is 'Message templates as Meta holds them; key (account, name, language). Read from Meta by template sync.';
comment on column public.message_templates.org_id is 'The organization.';
comment on column public.message_templates.id is 'Flow''s id of the template.';
comment on column public.message_templates.account_id is 'The account (WABA) that owns the template.';
comment on column public.message_templates.meta_id is 'Meta''s id of the template.';
comment on column public.message_templates.name is 'The template''s name.';
comment on column public.message_templates.language is 'The template''s language, for instance en or hi.';
comment on column public.message_templates.status is
  'Meta''s status: APPROVED, PENDING, REJECTED, PAUSED, DISABLED, …; DELETED when a sync no longer finds it. Only APPROVED is sent.';
comment on column public.message_templates.category is 'MARKETING, UTILITY or AUTHENTICATION; Meta may change it, and with it the price.';
comment on column public.message_templates.parameter_format is 'POSITIONAL ({{1}}) or NAMED ({{name}}).';
comment on column public.message_templates.body_params is 'How many values the body takes.';
comment on column public.message_templates.body_param_names is 'The names of the body''s values, in order; empty when positional.';
comment on column public.message_templates.components is 'The components as Meta gave them.';
comment on column public.message_templates.rejected_reason is 'Why Meta rejected, paused or disabled it; null otherwise.';
comment on column public.message_templates.blocked_reason is
  'Set when Meta refused a send because of the template (codes 132000 and others); cleared when the template changes.';
comment on column public.message_templates.quality is 'Meta''s quality score: GREEN, YELLOW, RED or UNKNOWN; null: never told.';
comment on column public.message_templates.category_was is 'The category before Meta last changed it; null: never changed.';
comment on column public.message_templates.category_at is 'When Meta changed the category.';
comment on column public.message_templates.synced_at is
  'When the row was last known to be as Meta has it: read, told by a webhook, or written; what was read before that does not change it.';
comment on column public.message_templates.parameters is
  'What a send must give, by part, worked out from components: {header: {format, names, count} or null, body: {names, count}, '
  'buttons: [{index, type, needs: required, optional or null}], unsupported: the part that Flow cannot send, or null}.';

alter table public.message_templates enable row level security;
create policy "Members see their organization's templates" on public.message_templates
  for select to authenticated using (org_id = any (array(select private.my_org_ids())));
grant select on public.message_templates to authenticated;
