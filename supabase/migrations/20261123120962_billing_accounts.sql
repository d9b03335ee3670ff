-- 962_billing_accounts.sql: who sells and who buys, as invoices need it; which subscription an organization has; what is wanted from the supplier.

create table public.billing_accounts (
  org_id             uuid primary key references public.organizations (id) on delete restrict,
  legal_name         text not null,
  gstin              text,
  gstin_verified_at  timestamptz,
  state_code         text not null,
  address            text not null,
  email              text not null,
  collection_mode    text not null default 'wallet',
  customers          jsonb not null default '{}',
  updated_at         timestamptz not null default now(),
  constraint billing_gstin_has_its_check_digit check (gstin is null or private.gstin_is_valid(gstin)),
  constraint billing_gstin_is_of_its_state check (left(gstin, 2) = state_code),
  constraint billing_state_is_known check (private.state_name(state_code) is not null),
  constraint billing_collection_mode_is_known check (collection_mode in ('wallet', 'postpaid'))
);
comment on table public.billing_accounts is 'The organization as a buyer, as its invoices name it. An invoice keeps its own copy.';
comment on column public.billing_accounts.org_id is 'The organization.';
comment on column public.billing_accounts.legal_name is 'Name on the invoice.';
comment on column public.billing_accounts.gstin is 'Registration for GST; null: not registered.';
comment on column public.billing_accounts.gstin_verified_at is 'When somebody looked it up at the portal; null: only its check digit was looked at.';
comment on column public.billing_accounts.state_code is 'Place of supply: the state of the GSTIN, else of the address; two digits.';
comment on column public.billing_accounts.address is 'As printed.';
comment on column public.billing_accounts.email is 'For the supplier''s notices.';
comment on column public.billing_accounts.collection_mode is 'How usage is collected: wallet, prepaid; postpaid, by an invoice with a payment link after each month.';
comment on column public.billing_accounts.customers is 'Its id at suppliers: {provider: {mode: id}}.';
comment on column public.billing_accounts.updated_at is 'When it last changed.';
alter table public.billing_accounts enable row level security;
create policy "Owners can read how their organization is billed" on public.billing_accounts
  for select to authenticated using (org_id = any (array(select private.my_org_ids_as('owner'))));
grant select on public.billing_accounts to authenticated;

create table public.subscriptions (
  org_id           uuid not null references public.organizations (id) on delete restrict,
  id               uuid not null default gen_random_uuid(),
  place            text,
  provider         text not null,
  mode             text not null,
  provider_id      text,
  plan_id          uuid not null references private.subscription_plans (id) on delete restrict,
  quantity         int not null,
  coupon           text references private.coupons (code) on delete restrict,
  upfront_net      bigint not null default 0,
  upfront          bigint not null default 0,
  upfront_paid_at  timestamptz,
  provider_status  text not null default 'new',
  status           text not null default 'incomplete',
  start_at         timestamptz,
  current_start    timestamptz,
  current_end      timestamptz,
  charge_at        timestamptz,
  ended_at         timestamptz,
  paid_count       int not null default 0,
  paid_until       timestamptz,
  arrears_since    timestamptz,
  grace_until      timestamptz,
  covered_until    timestamptz,
  cancel_at_end    boolean not null default false,
  granted_plan_id  uuid references private.subscription_plans (id) on delete restrict,
  granted_quantity int,
  granted_until    timestamptz,
  payment_method   text,
  short_url        text,
  snapshot         jsonb not null default '{}',
  quarantine       text,
  last_event_at    timestamptz not null default '-infinity',
  read_at          timestamptz not null default now(),
  created_at       timestamptz not null default now(),
  primary key (org_id, id),
  constraint subscription_is_one_at_the_supplier unique (provider, mode, provider_id),
  constraint subscription_place_is_known check (place in ('current', 'scheduled')),
  constraint subscription_is_for_at_least_one check (quantity between 1 and 10000),
  constraint subscription_upfront_is_not_negative check (upfront_net >= 0 and upfront >= upfront_net),
  constraint subscription_status_is_known check (status in
    ('incomplete', 'trialing', 'active', 'past_due', 'paused', 'cancelled', 'ended', 'incomplete_expired')),
  constraint subscription_grant_is_whole check (num_nonnulls(granted_plan_id, granted_quantity, granted_until) in (0, 3))
);
comment on table public.subscriptions is
  'What an organization has subscribed to: one current, one that comes after it, and those before. Written by the functions below alone; what may be done now, '
  'private.access tells from it and the time.';
comment on column public.subscriptions.org_id is 'The organization.';
comment on column public.subscriptions.id is 'Flow''s own id.';
comment on column public.subscriptions.place is 'current; scheduled: takes its place; null: over, or replaced before it began.';
comment on column public.subscriptions.provider is 'razorpay or stripe.';
comment on column public.subscriptions.mode is 'test or live.';
comment on column public.subscriptions.provider_id is 'Its id there; null until it was made.';
comment on column public.subscriptions.plan_id is 'The version of the plan that it is charged by.';
comment on column public.subscriptions.quantity is 'Units.';
comment on column public.subscriptions.coupon is 'The coupon it began with.';
comment on column public.subscriptions.upfront_net is 'Paise before GST that are paid when the mandate is made, for the cycles of a coupon.';
comment on column public.subscriptions.upfront is 'The same with GST.';
comment on column public.subscriptions.upfront_paid_at is 'When it was paid.';
comment on column public.subscriptions.provider_status is 'The supplier''s word; new until it was made there.';
comment on column public.subscriptions.status is 'Flow''s word for it; suspended follows from grace_until and the time.';
comment on column public.subscriptions.start_at is 'When the debits begin; null: at once.';
comment on column public.subscriptions.current_start is 'Begin of the cycle.';
comment on column public.subscriptions.current_end is 'Its end.';
comment on column public.subscriptions.charge_at is 'The next debit, about; card debits begin a day and a half before.';
comment on column public.subscriptions.ended_at is 'When it ended.';
comment on column public.subscriptions.paid_count is 'Cycles paid, by the supplier''s count.';
comment on column public.subscriptions.paid_until is 'Until when it is paid: the end of the cycle, or its begin while the debit for it fails.';
comment on column public.subscriptions.arrears_since is 'Since when debits fail; kept when it is cancelled for that.';
comment on column public.subscriptions.grace_until is 'Set when the supplier has given up: until then the plan holds.';
comment on column public.subscriptions.covered_until is 'The end of the cycle that was paid by link, without a mandate.';
comment on column public.subscriptions.cancel_at_end is 'It was asked to end with the cycle.';
comment on column public.subscriptions.granted_plan_id is 'A higher plan whose difference was paid for the rest of the cycle,';
comment on column public.subscriptions.granted_quantity is 'how many of it,';
comment on column public.subscriptions.granted_until is 'and until when.';
comment on column public.subscriptions.payment_method is 'card, upi, emandate: a word, no number.';
comment on column public.subscriptions.short_url is 'The supplier''s page to authorize, or to pay by another means.';
comment on column public.subscriptions.snapshot is 'What was last read of it, in Flow''s words.';
comment on column public.subscriptions.quarantine is 'Why what was read was not believed; null: it was.';
comment on column public.subscriptions.last_event_at is 'When what is stored here was so at the supplier; older news is ignored.';
comment on column public.subscriptions.read_at is 'When it was last read there.';
comment on column public.subscriptions.created_at is 'When it was asked for.';
create unique index subscription_is_current_once on public.subscriptions (org_id) where place = 'current';
create unique index subscription_is_scheduled_once on public.subscriptions (org_id) where place = 'scheduled';
create index subscriptions_plan on public.subscriptions (plan_id);
create index subscriptions_granted_plan on public.subscriptions (granted_plan_id);
create index subscriptions_coupon on public.subscriptions (coupon);
create index subscriptions_in_arrears on public.subscriptions (org_id) where place = 'current' and arrears_since is not null;
create index subscriptions_unread on public.subscriptions (read_at) where provider_id is not null and ended_at is null;
alter table public.subscriptions enable row level security;
create policy "Owners can read the subscriptions of their organization" on public.subscriptions
  for select to authenticated using (org_id = any (array(select private.my_org_ids_as('owner'))));
grant select on public.subscriptions to authenticated;

create table private.billing_intents (
  org_id           uuid not null references public.organizations (id) on delete restrict,
  id               uuid not null default gen_random_uuid(),
  kind             text not null,
  provider         text not null,
  mode             text not null,
  subscription_id  uuid,
  purpose          text,
  plan_id          uuid references private.subscription_plans (id) on delete restrict,
  quantity         int,
  amount_net       bigint,
  amount           bigint,
  invoice_id       bigint,
  params           jsonb not null default '{}',
  status           text not null default 'open',
  attempts         int not null default 0,
  next_at          timestamptz not null default now(),
  lease_until      timestamptz,
  provider_id      text,
  order_id         text,
  short_url        text,
  link_status      text,
  paid_at          timestamptz,
  error            text,
  requested_by     uuid,
  read_at          timestamptz not null default now(),
  created_at       timestamptz not null default now(),
  done_at          timestamptz,
  primary key (org_id, id),
  constraint intent_is_of_a_subscription foreign key (org_id, subscription_id) references public.subscriptions (org_id, id) on delete restrict,
  constraint intent_kind_is_known check (kind in
    ('subscription_create', 'subscription_cancel', 'subscription_pause', 'subscription_resume', 'payment_link', 'payment_link_cancel', 'refund')),
  constraint intent_status_is_known check (status in ('open', 'done', 'failed', 'void')),
  constraint intent_link_has_an_amount_and_a_purpose check
    (kind <> 'payment_link' or amount > 0 and amount_net > 0 and purpose in ('top_up', 'proration', 'usage', 'arrears'))
);
comment on table private.billing_intents is
  'What is to be done at the supplier, written before it is called: its id goes there with what is made, so that a call whose answer was lost is found again.';
comment on column private.billing_intents.org_id is 'The organization.';
comment on column private.billing_intents.id is 'Goes to the supplier in notes.flow_intent.';
comment on column private.billing_intents.kind is 'What is to be done.';
comment on column private.billing_intents.provider is 'razorpay or stripe.';
comment on column private.billing_intents.mode is 'test or live.';
comment on column private.billing_intents.subscription_id is 'The subscription it is about.';
comment on column private.billing_intents.purpose is 'Of a link: top_up, proration, usage or arrears.';
comment on column private.billing_intents.plan_id is 'Of a proration: the plan that follows.';
comment on column private.billing_intents.quantity is 'Of a proration: how many of it.';
comment on column private.billing_intents.amount_net is 'Of a link: paise before GST.';
comment on column private.billing_intents.amount is 'Of a link or refund: paise in all.';
comment on column private.billing_intents.invoice_id is 'Of a link for usage: the invoice it pays. No foreign key: invoices are made after intents.';
comment on column private.billing_intents.params is 'What else its call needs.';
comment on column private.billing_intents.status is 'open; done; failed: the supplier refuses; void: not wanted any more.';
comment on column private.billing_intents.attempts is 'How often it was handed out.';
comment on column private.billing_intents.next_at is 'When it is handed out next.';
comment on column private.billing_intents.lease_until is 'Somebody works on it until then.';
comment on column private.billing_intents.provider_id is 'What was made there.';
comment on column private.billing_intents.order_id is 'Of a link: the supplier''s order.';
comment on column private.billing_intents.short_url is 'Where people pay or authorize.';
comment on column private.billing_intents.link_status is 'Of a link, as it was last read: created, partially_paid, paid, expired, cancelled.';
comment on column private.billing_intents.paid_at is 'Of a link: when its payment was booked.';
comment on column private.billing_intents.error is 'Why it was not done, as a slug.';
comment on column private.billing_intents.requested_by is 'The owner who asked; null: Flow itself. No foreign key: it outlives the account.';
comment on column private.billing_intents.read_at is 'Of a link: when it was last read there.';
comment on column private.billing_intents.created_at is 'When it was asked for.';
comment on column private.billing_intents.done_at is 'When it ended.';
create unique index billing_intents_id on private.billing_intents (id);
create index billing_intents_due on private.billing_intents (next_at) where status = 'open';
create index billing_intents_subscription on private.billing_intents (org_id, subscription_id);
create index billing_intents_plan on private.billing_intents (plan_id);
create unique index billing_intents_provider on private.billing_intents (provider, mode, kind, provider_id) where kind = 'payment_link';
create index billing_intents_order on private.billing_intents (provider, mode, order_id) where order_id is not null;
create index billing_intents_unpaid on private.billing_intents (read_at) where kind = 'payment_link' and status = 'done' and paid_at is null;
create index billing_intents_newest on private.billing_intents (org_id, created_at desc);
alter table private.billing_intents enable row level security;

------------------------------------------------------------------------------------------------
-- The seller, the supplier, coupons
------------------------------------------------------------------------------------------------
create function private.seller() returns private.billing_sellers
  language sql stable security definer set search_path = ''
as $$
  select s from private.billing_sellers s order by s.id desc limit 1
$$;
comment on function private.seller is 'Who issues invoices now; null fields while nobody was set.';

create function worker.seller() returns jsonb
  language sql stable security definer set search_path = ''
as $$
  select coalesce((select to_jsonb(s) - 'id' || jsonb_build_object('gst_percent', trim_scale(s.gst_percent)::text)
                     from private.billing_sellers s order by s.id desc limit 1), '{}')
$$;
comment on function worker.seller is 'The seller as worker.set_seller takes it, and set_at; {} while none was set.';

create function private.checked_party(party jsonb, path text) returns jsonb
  language plpgsql immutable set search_path = ''
as $$
declare
  v_gstin text := nullif(upper(btrim(coalesce(private.text_field(party, 'gstin', path, 15, false), ''))), '');
  v_state text := coalesce(nullif(btrim(coalesce(private.text_field(party, 'state_code', path, 2, false), '')), ''), left(v_gstin, 2));
begin
  if v_gstin is not null and not private.gstin_is_valid(v_gstin) then
    perform private.refuse_field(path || '.gstin', 'is not a GSTIN: its check digit does not fit', 'gstin_invalid');
  elsif v_state is null then
    perform private.refuse_field(path || '.state_code', 'is missing', 'field_missing');
  elsif private.state_name(v_state) is null then
    perform private.refuse_field(path || '.state_code', 'is no state of GST, like "29"', 'field_invalid');
  elsif left(v_gstin, 2) <> v_state then
    perform private.refuse_field(path || '.state_code', 'is not the state of the GSTIN', 'state_differs');
  end if;
  return jsonb_build_object('legal_name', btrim(private.text_field(party, 'legal_name', path, 200)), 'gstin', v_gstin, 'state_code', v_state,
    'address', btrim(private.text_field(party, 'address', path, 500)), 'email', lower(btrim(private.text_field(party, 'email', path, 254))));
end;
$$;
comment on function private.checked_party is
  'A seller or buyer {legal_name, gstin?, state_code: or that of the GSTIN, address, email}. Raises PT422 gstin_invalid, state_differs, field_missing, field_invalid.';

create function worker.set_seller(seller jsonb) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_party jsonb;
begin
  perform private.known_fields(seller, 'seller', array['legal_name', 'gstin', 'state_code', 'address', 'email', 'prefix', 'sac', 'gst_percent']);
  v_party := private.checked_party(seller, 'seller');
  if coalesce(seller ->> 'prefix', 'FL') !~ '^[A-Z1-9][A-Z0-9]?$' then
    perform private.refuse_field('seller.prefix', 'is not one or two capital letters or digits', 'field_invalid');
  elsif coalesce(seller ->> 'sac', '998315') !~ '^[0-9]{4,8}$' then
    perform private.refuse_field('seller.sac', 'is not a code of four to eight digits', 'field_invalid');
  end if;
  insert into private.billing_sellers (legal_name, gstin, state_code, address, email, prefix, sac, gst_percent)
  values (v_party ->> 'legal_name', v_party ->> 'gstin', v_party ->> 'state_code', v_party ->> 'address', v_party ->> 'email', coalesce(seller ->> 'prefix', 'FL'),
          coalesce(seller ->> 'sac', '998315'), case when seller ? 'gst_percent' then private.percent_field(seller, 'gst_percent', 'seller') else 18 end);
  return worker.seller();
end;
$$;
comment on function worker.set_seller is
  'Who issues invoices from now on: {legal_name, gstin, state_code, address, email, prefix: "FL", sac: "998315", gst_percent: "18"}. Returns worker.seller. Raises PT422 that names the field.';

create function worker.set_payment_provider(provider text, mode text, account text default null) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
begin
  if coalesce(set_payment_provider.provider, '') not in ('razorpay', 'stripe') or coalesce(set_payment_provider.mode, '') not in ('test', 'live') then
    raise sqlstate 'PT422' using message = 'The supplier is razorpay or stripe, the mode test or live', detail = 'provider_unknown', hint = 'One of these.';
  end if;
  update private.payment_providers p set is_default = false where p.is_default and (p.provider, p.mode) <> (set_payment_provider.provider, set_payment_provider.mode);
  insert into private.payment_providers (provider, mode, account, is_default) values (set_payment_provider.provider, set_payment_provider.mode, set_payment_provider.account, true)
  on conflict (provider, mode) do update set account = excluded.account, is_default = true;
  return worker.payment_provider();
end;
$$;
comment on function worker.set_payment_provider is 'Through whom money comes from now on, and our account there that webhooks must name (null: not checked). Returns worker.payment_provider. Raises PT422.';

create function worker.payment_provider() returns jsonb
  language sql stable security definer set search_path = ''
as $$
  select coalesce((select jsonb_build_object('provider', p.provider, 'mode', p.mode, 'account', p.account) from private.payment_providers p where p.is_default), '{"provider": null}')
$$;
comment on function worker.payment_provider is 'Through whom money comes: {provider, mode, account}; provider null: nobody was set.';

create function worker.save_coupon(coupon jsonb) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_row private.coupons;
begin
  perform private.known_fields(coupon, 'coupon', array['code', 'percent', 'amount_net', 'cycles', 'plans', 'valid_until', 'max_uses']);
  v_row.code := upper(btrim(private.text_field(coupon, 'code', 'coupon', 40)));
  if v_row.code !~ '^[A-Z0-9-]{3,40}$' then
    perform private.refuse_field('coupon.code', 'is not made of 3 to 40 letters, digits and hyphens', 'field_invalid');
  elsif num_nonnulls(coupon ->> 'percent', coupon ->> 'amount_net') <> 1 then
    perform private.refuse_field('coupon.percent', 'or amount_net is given, not both', 'field_invalid');
  end if;
  v_row.percent := case when coupon ? 'percent' then private.percent_field(coupon, 'percent', 'coupon') end;
  v_row.amount_net := private.count_field(coupon, 'amount_net', 'coupon', 1000000000, false);
  v_row.cycles := coalesce(private.count_field(coupon, 'cycles', 'coupon', 12, false), 1);
  v_row.max_uses := private.count_field(coupon, 'max_uses', 'coupon', 1000000, false);
  v_row.plans := case when coalesce(coupon -> 'plans', 'null') <> 'null'
                      then array(select jsonb_array_elements_text(private.list_field(coupon, 'plans', 'coupon', 50))) end;
  v_row.valid_until := (coupon ->> 'valid_until')::timestamptz;
  insert into private.coupons as c (code, percent, amount_net, cycles, plans, valid_until, max_uses)
  values (v_row.code, v_row.percent, v_row.amount_net, v_row.cycles, v_row.plans, v_row.valid_until, v_row.max_uses)
  on conflict (code) do update set percent = excluded.percent, amount_net = excluded.amount_net, cycles = excluded.cycles, plans = excluded.plans,
    valid_until = excluded.valid_until, max_uses = excluded.max_uses
  returning * into v_row;
  return to_jsonb(v_row);
exception when check_violation or invalid_datetime_format or datetime_field_overflow then
  raise sqlstate 'PT422' using message = 'The coupon takes nothing, too much, or for no cycle', detail = 'coupon_invalid', hint = 'percent 1 to 100 or amount_net above 0, cycles 1 to 12, max_uses not below its uses.';
end;
$$;
comment on function worker.save_coupon is
  'Makes or replaces a coupon: {code, percent: text | amount_net: paise, cycles: 1, plans: [code] or null, valid_until, max_uses}. Returns it with uses. Raises PT422.';
grant execute on function worker.seller, worker.set_seller, worker.set_payment_provider, worker.payment_provider, worker.save_coupon to service_role;

create function private.set_billing_account(org_id uuid, account jsonb) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_party jsonb;
  v_row   public.billing_accounts;
begin
  perform private.require_role(set_billing_account.org_id, 'owner');
  perform private.known_fields(account, 'account', array['legal_name', 'gstin', 'state_code', 'address', 'email']);
  v_party := private.checked_party(account, 'account');
  if v_party ->> 'email' !~ '^[^@[:space:][:cntrl:]]+@[^@[:space:][:cntrl:]]+$' then
    perform private.refuse_field('account.email', 'is not an e-mail address', 'field_invalid');
  end if;
  insert into public.billing_accounts as b (org_id, legal_name, gstin, state_code, address, email)
  values (set_billing_account.org_id, v_party ->> 'legal_name', v_party ->> 'gstin', v_party ->> 'state_code', v_party ->> 'address', v_party ->> 'email')
  on conflict (org_id) do update set legal_name = excluded.legal_name, gstin = excluded.gstin, state_code = excluded.state_code, address = excluded.address,
    email = excluded.email, updated_at = now(), gstin_verified_at = case when b.gstin = excluded.gstin then b.gstin_verified_at end
  returning b.* into v_row;
  perform private.audit(set_billing_account.org_id, 'billing.account_set', 'billing_account', set_billing_account.org_id::text,
                        jsonb_build_object('fields', array['legal_name', 'gstin', 'state_code', 'address', 'email']));
  return to_jsonb(v_row) - 'org_id' - 'customers' || jsonb_build_object('state', private.state_name(v_row.state_code));
end;
$$;
comment on function private.set_billing_account is 'public.set_billing_account behind its door.';
create function public.set_billing_account(org_id uuid, account jsonb) returns jsonb
  language sql volatile set search_path = ''
begin atomic
  select private.set_billing_account(org_id, account);
end;
comment on function public.set_billing_account is
  'The organization as a buyer, for owners: {legal_name, gstin?, state_code: needed without GSTIN, address, email}. Returns it with state, collection_mode, gstin_verified_at. '
  'Raises PT403, PT404, PT422 gstin_invalid, state_differs, field_missing, field_invalid.';
grant execute on function private.set_billing_account, public.set_billing_account to authenticated;
