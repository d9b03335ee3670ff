-- 40_whatsapp.sql: the WhatsApp Business accounts, numbers and templates that an organization has connected.

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
  'Meta''s timezone_id of the account; Meta''s days, months and rate changes begin in it.';
comment on column public.whatsapp_accounts.status is
  'connected: in use. reconnect: Meta refuses the token, an owner must connect again. disconnected: by the organization.';
comment on column public.whatsapp_accounts.status_reason is 'Why the account is not connected, in words.';
comment on column public.whatsapp_accounts.credential_id is 'The sealed system-user token in private.credentials; null after a disconnect.';
comment on column public.whatsapp_accounts.meta_user_id is
  'App-scoped id of the person who connected; Meta''s deauthorize callback names it. Null for a token given by hand.';
comment on column public.whatsapp_accounts.connected_at is 'When the account was last connected.';
comment on column public.whatsapp_accounts.disconnected_at is 'When the organization disconnected it; null while connected.';
create index whatsapp_accounts_waba on public.whatsapp_accounts (waba_id);
create index whatsapp_accounts_credential on public.whatsapp_accounts (org_id, credential_id);

alter table public.whatsapp_accounts enable row level security;
create policy "Members see their organization's WhatsApp accounts" on public.whatsapp_accounts
  for select to authenticated using (org_id = any (array(select private.my_org_ids())));
grant select (org_id, id, waba_id, name, currency, time_zone, status, status_reason, connected_at, disconnected_at)
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
  connected_at        timestamptz not null default now(),
  disconnected_at     timestamptz,
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
comment on column public.whatsapp_numbers.connected_at is 'When the number was last connected.';
comment on column public.whatsapp_numbers.disconnected_at is 'When the number was disconnected; null while connected.';
create unique index number_is_live_in_one_organization on public.whatsapp_numbers (phone_number_id) where status <> 'disconnected';
create index whatsapp_numbers_phone on public.whatsapp_numbers (phone_number_id);
create index whatsapp_numbers_account on public.whatsapp_numbers (org_id, account_id);
create index whatsapp_numbers_pin on public.whatsapp_numbers (org_id, pin_credential_id);

alter table public.whatsapp_numbers enable row level security;
create policy "Members see their organization's WhatsApp numbers" on public.whatsapp_numbers
  for select to authenticated using (org_id = any (array(select private.my_org_ids())));
grant select (org_id, id, account_id, phone_number_id, display_phone, verified_name, quality_rating,
              messages_per_second, status, paused_until, paused_reason, connected_at, disconnected_at)
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
  synced_at        timestamptz not null default now(),
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
comment on column public.message_templates.rejected_reason is 'Why Meta rejected it; null otherwise.';
comment on column public.message_templates.blocked_reason is
  'Set when Meta refused a send because of the template (codes 132000 and others); cleared when the template changes.';
comment on column public.message_templates.synced_at is 'When the row was last read from Meta.';

alter table public.message_templates enable row level security;
create policy "Members see their organization's templates" on public.message_templates
  for select to authenticated using (org_id = any (array(select private.my_org_ids())));
grant select on public.message_templates to authenticated;

------------------------------------------------------------------------------------------------
-- Connecting and disconnecting
------------------------------------------------------------------------------------------------
create function private.refuse_taken_number(org_id uuid, phone_number_id text) returns void
  language plpgsql stable security definer set search_path = ''
as $$
begin
  if exists (select from public.whatsapp_numbers n
              where n.phone_number_id = refuse_taken_number.phone_number_id
                and n.org_id <> refuse_taken_number.org_id and n.status <> 'disconnected') then
    raise sqlstate 'PT409' using message = 'This WhatsApp number is connected to another organization',
      detail = 'number_taken', hint = 'Disconnect it there first.';
  end if;
end;
$$;
comment on function private.refuse_taken_number is 'Raises PT409 number_taken when another organization holds the number.';

create function worker.begin_connect(org_id uuid, waba_id text, phone_number_id text) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
begin
  if begin_connect.waba_id !~ '^[0-9]{1,32}$' or begin_connect.phone_number_id !~ '^[0-9]{1,32}$' then
    raise sqlstate 'PT422' using message = 'A WABA id and a phone number id are digits only',
      detail = 'bad_id', hint = 'Copy both from WhatsApp Manager.';
  end if;
  perform worker.organization(begin_connect.org_id);
  perform private.refuse_taken_number(begin_connect.org_id, begin_connect.phone_number_id);
  return jsonb_build_object('org_id', begin_connect.org_id);
end;
$$;
comment on function worker.begin_connect is
  'Asked before Meta is called to connect a number. Raises PT404 for an unknown organization, PT409 number_taken, PT422 bad_id.';
grant execute on function worker.begin_connect to service_role;

create function worker.finish_connect(org_id uuid, connection jsonb) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_number  jsonb := finish_connect.connection -> 'number';
  v_token   uuid;
  v_pin     uuid;
  v_account public.whatsapp_accounts;
  v_row     public.whatsapp_numbers;
begin
  perform worker.organization(finish_connect.org_id);
  perform private.refuse_taken_number(finish_connect.org_id, v_number ->> 'phone_number_id');
  if coalesce(connection ->> 'token', '') = '' then
    raise sqlstate 'PT422' using message = 'An access token is needed to connect', detail = 'token_missing',
      hint = 'Give the system user''s token.';
  end if;
  select a.* into v_account from public.whatsapp_accounts a
   where a.org_id = finish_connect.org_id and a.waba_id = connection ->> 'waba_id' for update;
  if v_account.credential_id is not null then
    perform private.revoke_credential(finish_connect.org_id, v_account.credential_id);
  end if;
  v_token := private.put_credential(finish_connect.org_id, 'meta_token', connection ->> 'token');
  insert into public.whatsapp_accounts as a (org_id, waba_id, name, currency, time_zone, credential_id, meta_user_id)
  values (finish_connect.org_id, connection ->> 'waba_id', connection #>> '{account,name}', connection #>> '{account,currency}',
          connection #>> '{account,time_zone}', v_token, connection ->> 'meta_user_id')
  on conflict on constraint account_is_connected_once_in_organization do update
    set name = excluded.name, currency = excluded.currency, time_zone = excluded.time_zone,
        credential_id = excluded.credential_id, meta_user_id = coalesce(excluded.meta_user_id, a.meta_user_id),
        status = 'connected', status_reason = null, connected_at = now(), disconnected_at = null
  returning a.* into v_account;
  if connection ->> 'pin' is not null then
    v_pin := private.put_credential(finish_connect.org_id, 'registration_pin', connection ->> 'pin');
  end if;
  begin
    insert into public.whatsapp_numbers as n (org_id, account_id, phone_number_id, display_phone, verified_name,
                                              quality_rating, messages_per_second, pin_credential_id)
    values (finish_connect.org_id, v_account.id, v_number ->> 'phone_number_id', v_number ->> 'display_phone',
            v_number ->> 'verified_name', v_number ->> 'quality_rating',
            coalesce((v_number ->> 'messages_per_second')::int, 80), v_pin)
    on conflict on constraint number_is_connected_once_in_organization do update
      set account_id = excluded.account_id, display_phone = excluded.display_phone, verified_name = excluded.verified_name,
          quality_rating = excluded.quality_rating, messages_per_second = excluded.messages_per_second,
          pin_credential_id = coalesce(excluded.pin_credential_id, n.pin_credential_id),
          status = 'connected', paused_until = null, paused_reason = null, connected_at = now(), disconnected_at = null
    returning n.* into v_row;
  exception when unique_violation then      -- two organizations at the same moment: the index decides
    perform private.refuse_taken_number(finish_connect.org_id, v_number ->> 'phone_number_id');
    raise;
  end;
  insert into private.number_lanes (org_id, number_id, tokens) values (v_row.org_id, v_row.id, v_row.messages_per_second)
  on conflict (org_id, number_id) do nothing;
  perform private.audit(finish_connect.org_id, 'whatsapp.connected', 'whatsapp_number', v_row.id::text,
                        jsonb_build_object('waba_id', v_account.waba_id, 'phone_number_id', v_row.phone_number_id));
  return jsonb_build_object('account_id', v_account.id, 'number_id', v_row.id, 'display_phone', v_row.display_phone,
                            'verified_name', v_row.verified_name);
end;
$$;
comment on function worker.finish_connect is
  'Stores a connection that the worker proved at Meta: {waba_id, account: {name, currency, time_zone}, number: {phone_number_id, '
  'display_phone, verified_name, quality_rating, messages_per_second}, token, pin?, meta_user_id?}. Connecting again replaces the '
  'token and resumes what waited. Returns {account_id, number_id, display_phone, verified_name}. Raises PT404, PT409 number_taken, PT422.';
grant execute on function worker.finish_connect to service_role;

create function private.disconnect_whatsapp(org_id uuid, number_id uuid) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_numbers int := 0;
  v_cleanup jsonb := '[]';
  v_account record;
begin
  update public.whatsapp_numbers n
     set status = 'disconnected', disconnected_at = now(), paused_until = null, paused_reason = null
   where n.org_id = disconnect_whatsapp.org_id and n.status <> 'disconnected'
     and (disconnect_whatsapp.number_id is null or n.id = disconnect_whatsapp.number_id);
  get diagnostics v_numbers = row_count;
  for v_account in
    select a.id, a.waba_id, a.credential_id from public.whatsapp_accounts a
     where a.org_id = disconnect_whatsapp.org_id and a.status <> 'disconnected'
       and not exists (select from public.whatsapp_numbers n
                        where n.org_id = a.org_id and n.account_id = a.id and n.status <> 'disconnected')
     order by a.id for update
  loop
    if v_account.credential_id is not null then
      v_cleanup := v_cleanup || jsonb_build_object('waba_id', v_account.waba_id, 'token',
        private.open_credential(disconnect_whatsapp.org_id, v_account.credential_id, 'disconnect'));
      perform private.revoke_credential(disconnect_whatsapp.org_id, v_account.credential_id);
    end if;
    update public.whatsapp_accounts a
       set status = 'disconnected', disconnected_at = now(), status_reason = 'Disconnected by the organization'
     where a.org_id = disconnect_whatsapp.org_id and a.id = v_account.id;
  end loop;
  perform private.cancel_queued(disconnect_whatsapp.org_id, 'The WhatsApp number was disconnected');
  if v_numbers > 0 then
    perform private.audit(disconnect_whatsapp.org_id, 'whatsapp.disconnected', 'whatsapp_number',
                          coalesce(disconnect_whatsapp.number_id::text, 'all'),
                          jsonb_build_object('numbers', v_numbers));
  end if;
  return jsonb_build_object('disconnected', v_numbers, 'cleanup', v_cleanup);
end;
$$;
comment on function private.disconnect_whatsapp is
  'Halts one number (or all, null) in one transaction: nothing new is claimed, queued messages are cancelled, the token of an '
  'account without a live number is blanked. Returns {disconnected, cleanup: [{waba_id, token}]}; the token is handed out this '
  'one last time, so that unsubscribing at Meta can follow.';

create function worker.disconnect_whatsapp(org_id uuid, phone_number_id text default null) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_number uuid;
begin
  perform worker.organization(disconnect_whatsapp.org_id);
  if disconnect_whatsapp.phone_number_id is not null then
    select n.id into v_number from public.whatsapp_numbers n
     where n.org_id = disconnect_whatsapp.org_id and n.phone_number_id = disconnect_whatsapp.phone_number_id;
    if not found then
      raise sqlstate 'PT404' using message = 'The organization has no such WhatsApp number', detail = 'number_unknown',
        hint = 'Look at the numbers of the organization.';
    end if;
  end if;
  return private.disconnect_whatsapp(disconnect_whatsapp.org_id, v_number);
end;
$$;
comment on function worker.disconnect_whatsapp is 'private.disconnect_whatsapp for the operator; the number by Meta''s id, null for all. Raises PT404.';
grant execute on function worker.disconnect_whatsapp to service_role;

create function private.disconnect_my_whatsapp(org_id uuid, number_id uuid) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
begin
  perform private.require_role(disconnect_my_whatsapp.org_id, 'admin');
  if disconnect_my_whatsapp.number_id is not null and not exists (
       select from public.whatsapp_numbers n
        where n.org_id = disconnect_my_whatsapp.org_id and n.id = disconnect_my_whatsapp.number_id) then
    raise sqlstate 'PT404' using message = 'The organization has no such WhatsApp number', detail = 'number_unknown',
      hint = 'Look at the numbers of the organization.';
  end if;
  return private.disconnect_whatsapp(disconnect_my_whatsapp.org_id, disconnect_my_whatsapp.number_id) - 'cleanup';
end;
$$;
comment on function private.disconnect_my_whatsapp is 'private.disconnect_whatsapp for an admin; tokens stay in the database.';

create function public.disconnect_whatsapp(org_id uuid, number_id uuid default null) returns jsonb
  language sql volatile set search_path = ''
begin atomic
  select private.disconnect_my_whatsapp(org_id, number_id);
end;
comment on function public.disconnect_whatsapp is
  'Disconnects a WhatsApp number (null: all) at once; queued messages are cancelled. Admins. Returns {disconnected}. Raises PT403, PT404.';
grant execute on function private.disconnect_my_whatsapp, public.disconnect_whatsapp to authenticated;

create function worker.account_access(org_id uuid) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_accounts jsonb;
begin
  perform worker.organization(account_access.org_id);
  select jsonb_agg(jsonb_build_object('account_id', a.id, 'waba_id', a.waba_id,
           'token', private.open_credential(a.org_id, a.credential_id, 'template_sync')) order by a.connected_at) into v_accounts
    from public.whatsapp_accounts a
   where a.org_id = account_access.org_id and a.status = 'connected' and a.credential_id is not null;
  return jsonb_build_object('accounts', coalesce(v_accounts, '[]'));
end;
$$;
comment on function worker.account_access is
  'The connected accounts of an organization with their tokens, for one template sync: {accounts: [{account_id, waba_id, token}]}.';
grant execute on function worker.account_access to service_role;

------------------------------------------------------------------------------------------------
-- Template sync
------------------------------------------------------------------------------------------------
create function private.template_parameters(components jsonb) returns text[]
  language sql immutable set search_path = ''
as $$
  select coalesce(array_agg(p.name order by p.first), '{}') from (
    select m.hit[1] as name, min(m.at) as first
      from jsonb_array_elements(case when jsonb_typeof(components) = 'array' then components else '[]' end) c,
           regexp_matches(c ->> 'text', '\{\{\s*([A-Za-z0-9_]+)\s*\}\}', 'g') with ordinality m (hit, at)
     where upper(c ->> 'type') = 'BODY'
     group by 1) p
$$;
comment on function private.template_parameters is
  'The placeholders of a template''s body in the order of their first appearance: {1,2} or {name,product}.';

create function worker.store_templates(org_id uuid, account_id uuid, templates jsonb) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_count int;
begin
  if not exists (select from public.whatsapp_accounts a where a.org_id = store_templates.org_id and a.id = store_templates.account_id) then
    raise sqlstate 'PT404' using message = 'The organization has no such WhatsApp account', detail = 'account_unknown',
      hint = 'Connect the account first.';
  end if;
  with given as (
    select distinct on (t ->> 'name', t ->> 'language') t, private.template_parameters(t -> 'components') as params
      from jsonb_array_elements(templates) t
     where t ->> 'name' is not null and t ->> 'language' is not null
     order by t ->> 'name', t ->> 'language'
  ), gone as (
    update public.message_templates m set status = 'DELETED', synced_at = now()
     where m.org_id = store_templates.org_id and m.account_id = store_templates.account_id and m.status <> 'DELETED'
       and not exists (select from given g where (g.t ->> 'name', g.t ->> 'language') = (m.name, m.language))
  )
  insert into public.message_templates as m (org_id, account_id, meta_id, name, language, status, category, parameter_format,
                                             body_params, body_param_names, components, rejected_reason)
  select store_templates.org_id, store_templates.account_id, g.t ->> 'id', g.t ->> 'name', g.t ->> 'language',
         upper(coalesce(g.t ->> 'status', 'PENDING')), upper(coalesce(g.t ->> 'category', 'UTILITY')),
         case when upper(g.t ->> 'parameter_format') = 'NAMED' then 'NAMED' else 'POSITIONAL' end,
         cardinality(g.params), case when upper(g.t ->> 'parameter_format') = 'NAMED' then g.params else '{}' end,
         coalesce(g.t -> 'components', '[]'), nullif(g.t ->> 'rejected_reason', 'NONE')
    from given g order by g.t ->> 'name', g.t ->> 'language'
  on conflict on constraint template_is_unique_in_account do update
    set meta_id = excluded.meta_id, status = excluded.status, category = excluded.category,
        parameter_format = excluded.parameter_format, body_params = excluded.body_params,
        body_param_names = excluded.body_param_names, components = excluded.components,
        rejected_reason = excluded.rejected_reason, synced_at = now(),
        blocked_reason = case when (m.components, m.status) is distinct from (excluded.components, excluded.status)
                              then null else m.blocked_reason end;
  get diagnostics v_count = row_count;
  return jsonb_build_object('templates', v_count);
end;
$$;
comment on function worker.store_templates is
  'Stores the whole answer of GET /{waba}/message_templates (its data[]) for one account; what the answer no longer has becomes '
  'DELETED. Returns {templates}. Raises PT404.';
grant execute on function worker.store_templates to service_role;
