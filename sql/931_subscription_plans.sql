-- 931_subscription_plans.sql: what can be subscribed to, who sells it, through whom it is paid; the same for every organization, decided by the operator.

create table private.subscription_plans (
  id            uuid primary key default gen_random_uuid(),
  code          text not null,
  version       int not null,
  name          text not null,
  period        text not null,
  amount_net    bigint not null,
  gst_percent   numeric(6, 3) not null,
  amount_gross  bigint not null,
  currency      text not null default 'INR',
  is_per_seat   boolean not null,
  trial_days    int not null,
  created_at    timestamptz not null default now(),
  constraint subscription_plan_version_is_unique unique (code, version),
  constraint subscription_plan_code_is_plain check (code ~ '^[a-z][a-z0-9-]{0,39}$'),
  constraint subscription_plan_period_is_known check (period in ('monthly', 'yearly')),
  constraint subscription_plan_is_in_rupees check (currency = 'INR'),
  constraint subscription_plan_amounts_fit check (amount_net >= 0 and amount_gross = round(amount_net * (100 + gst_percent) / 100)),
  constraint subscription_plan_trial_fits check (trial_days between 0 and 365)
);
comment on table private.subscription_plans is 'Versions of what an organization can subscribe to. Immutable: a new price is a new version, and who subscribed to the one before keeps it.';
comment on column private.subscription_plans.id is 'The version.';
comment on column private.subscription_plans.code is 'The plan: free is what holds without a subscription.';
comment on column private.subscription_plans.version is 'Counts from 1 in a plan.';
comment on column private.subscription_plans.name is 'As people read it, and as the invoice says.';
comment on column private.subscription_plans.period is 'monthly or yearly.';
comment on column private.subscription_plans.amount_net is 'Paise for a period and unit, before GST.';
comment on column private.subscription_plans.gst_percent is 'GST in it.';
comment on column private.subscription_plans.amount_gross is 'Paise with GST, half-up: what the supplier debits for one unit.';
comment on column private.subscription_plans.currency is 'INR.';
comment on column private.subscription_plans.is_per_seat is 'True: priced and limited for each seat, so the quantity may be above one.';
comment on column private.subscription_plans.trial_days is 'Days before the first debit, for who never subscribed before.';
comment on column private.subscription_plans.created_at is 'When it was imported.';
alter table private.subscription_plans enable row level security;

create table private.plan_features (
  plan_id  uuid not null references private.subscription_plans (id) on delete restrict,
  key      text not null,
  value    bigint,
  primary key (plan_id, key),
  constraint plan_feature_is_known check (key in ('seats', 'numbers', 'leads_per_month')),
  constraint plan_feature_is_a_count check (value >= 0)
);
comment on table private.plan_features is 'What a version of a plan allows; what is not named there is unlimited. Immutable.';
comment on column private.plan_features.plan_id is 'The version.';
comment on column private.plan_features.key is 'seats, numbers or leads_per_month.';
comment on column private.plan_features.value is 'At most so many; null: unlimited.';
alter table private.plan_features enable row level security;

create table private.plans_on_offer (
  code      text primary key,
  plan_id   uuid not null references private.subscription_plans (id) on delete restrict,
  position  int not null
);
comment on table private.plans_on_offer is 'The versions that can be subscribed to now: the last file that was imported.';
comment on column private.plans_on_offer.code is 'The plan.';
comment on column private.plans_on_offer.plan_id is 'Its version.';
comment on column private.plans_on_offer.position is 'Order on the page.';
create index plans_on_offer_plan on private.plans_on_offer (plan_id);
alter table private.plans_on_offer enable row level security;

create table private.plan_providers (
  plan_id        uuid not null references private.subscription_plans (id) on delete restrict,
  provider       text not null,
  mode           text not null,
  provider_plan  text not null,
  primary key (plan_id, provider, mode),
  constraint plan_of_provider_is_one_of_ours unique (provider, mode, provider_plan)
);
comment on table private.plan_providers is 'The id of a version at a supplier, made there when it was first needed.';
comment on column private.plan_providers.plan_id is 'The version.';
comment on column private.plan_providers.provider is 'razorpay or stripe.';
comment on column private.plan_providers.mode is 'test or live.';
comment on column private.plan_providers.provider_plan is 'The supplier''s id.';
alter table private.plan_providers enable row level security;

create table private.payment_providers (
  provider    text not null,
  mode        text not null,
  account     text,
  is_default  boolean not null,
  primary key (provider, mode),
  constraint payment_provider_is_known check (provider in ('razorpay', 'stripe') and mode in ('test', 'live'))
);
comment on table private.payment_providers is 'Through whom money comes.';
comment on column private.payment_providers.provider is 'razorpay or stripe.';
comment on column private.payment_providers.mode is 'test or live.';
comment on column private.payment_providers.account is 'Our account there, which webhooks must name; null: not checked.';
comment on column private.payment_providers.is_default is 'True for the one that new subscriptions and links go to.';
create unique index payment_provider_by_default_is_one on private.payment_providers (is_default) where is_default;
alter table private.payment_providers enable row level security;

create table private.billing_sellers (
  id           bigint generated always as identity primary key,
  set_at       timestamptz not null default now(),
  legal_name   text not null,
  gstin        text,
  state_code   text not null,
  address      text not null,
  email        text,
  prefix       text not null,
  sac          text not null,
  gst_percent  numeric(6, 3) not null,
  constraint seller_prefix_leaves_room check (prefix ~ '^[A-Z0-9]{1,2}$' and prefix !~ '^0'),
  constraint seller_sac_is_a_code check (sac ~ '^[0-9]{4,8}$'),
  constraint seller_gst_is_a_percentage check (gst_percent between 0 and 100)
);
comment on table private.billing_sellers is 'Who issues the invoices; the newest row holds, and an invoice keeps its own copy. Append-only.';
comment on column private.billing_sellers.id is 'Running number.';
comment on column private.billing_sellers.set_at is 'When the operator set it.';
comment on column private.billing_sellers.legal_name is 'Legal name.';
comment on column private.billing_sellers.gstin is 'GSTIN; null: not registered, then no tax is shown as such by the operator''s own decision.';
comment on column private.billing_sellers.state_code is 'State of GST, two digits.';
comment on column private.billing_sellers.address is 'Address as printed.';
comment on column private.billing_sellers.email is 'Where questions go.';
comment on column private.billing_sellers.prefix is 'First part of the numbers of invoices: FL/2627/000001.';
comment on column private.billing_sellers.sac is 'Services accounting code of what is sold.';
comment on column private.billing_sellers.gst_percent is 'GST in percent.';
alter table private.billing_sellers enable row level security;

create table private.coupons (
  code         text primary key,
  percent      numeric(5, 2),
  amount_net   bigint,
  cycles       int not null,
  plans        text[],
  valid_until  timestamptz,
  max_uses     int,
  uses         int not null default 0,
  constraint coupon_code_is_plain check (code ~ '^[A-Z0-9-]{3,40}$'),
  constraint coupon_takes_a_part_or_an_amount check (num_nonnulls(percent, amount_net) = 1 and coalesce(percent, 1) > 0 and coalesce(percent, 1) <= 100 and coalesce(amount_net, 1) > 0),
  constraint coupon_is_for_some_cycles check (cycles between 1 and 12),
  constraint coupon_is_not_overused check (uses >= 0 and (max_uses is null or uses <= max_uses))
);
comment on table private.coupons is
  'Reductions of the first cycles. Indian mandates take no other price later, so these cycles are paid at once, reduced, when the mandate is made, and the debits begin after them.';
comment on column private.coupons.code is 'As people type it.';
comment on column private.coupons.percent is 'Taken off, in percent; or';
comment on column private.coupons.amount_net is 'taken off each cycle, in paise before GST.';
comment on column private.coupons.cycles is 'How many cycles.';
comment on column private.coupons.plans is 'For these plans; null: for all.';
comment on column private.coupons.valid_until is 'Until then; null: for ever.';
comment on column private.coupons.max_uses is 'So often; null: as often as wanted. An organization once.';
comment on column private.coupons.uses is 'So often used.';
alter table private.coupons enable row level security;

create trigger subscription_plans_forbid_change before update or delete on private.subscription_plans for each row execute function private.forbid_change();
create trigger plan_features_forbid_change before update or delete on private.plan_features for each row execute function private.forbid_change();
create trigger billing_sellers_forbid_change before update or delete on private.billing_sellers for each row execute function private.forbid_change();

------------------------------------------------------------------------------------------------
-- Numbers of GST
------------------------------------------------------------------------------------------------
create function private.state_name(code text) returns text
  language sql immutable security invoker set search_path = ''
as $$
  select (jsonb '{"01": "Jammu and Kashmir", "02": "Himachal Pradesh", "03": "Punjab", "04": "Chandigarh", "05": "Uttarakhand", "06": "Haryana", "07": "Delhi",
    "08": "Rajasthan", "09": "Uttar Pradesh", "10": "Bihar", "11": "Sikkim", "12": "Arunachal Pradesh", "13": "Nagaland", "14": "Manipur", "15": "Mizoram",
    "16": "Tripura", "17": "Meghalaya", "18": "Assam", "19": "West Bengal", "20": "Jharkhand", "21": "Odisha", "22": "Chhattisgarh", "23": "Madhya Pradesh",
    "24": "Gujarat", "26": "Dadra and Nagar Haveli and Daman and Diu", "27": "Maharashtra", "29": "Karnataka", "30": "Goa", "31": "Lakshadweep",
    "32": "Kerala", "33": "Tamil Nadu", "34": "Puducherry", "35": "Andaman and Nicobar Islands", "36": "Telangana", "37": "Andhra Pradesh", "38": "Ladakh",
    "97": "Other Territory"}') ->> code
$$;
comment on function private.state_name is 'The state or union territory of a GST code of two digits; null when there is none.';

create function private.gstin_is_valid(gstin text) returns boolean
  language plpgsql immutable security invoker set search_path = ''
as $$
declare
  v_digits constant text := '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ';
  v_part   int;
  v_sum    int := 0;
begin
  if coalesce(gstin, '') !~ '^[0-9]{2}[A-Z]{5}[0-9]{4}[A-Z][1-9A-Z]Z[0-9A-Z]$' or private.state_name(left(gstin, 2)) is null then
    return false;
  end if;
  for i in 1 .. 14 loop
    v_part := (position(substr(gstin, i, 1) in v_digits) - 1) * (2 - i % 2);
    v_sum := v_sum + v_part / 36 + v_part % 36;
  end loop;
  return substr(v_digits, (36 - v_sum % 36) % 36 + 1, 1) = right(gstin, 1);
end;
$$;
comment on function private.gstin_is_valid is 'Whether a GSTIN is written right: state, PAN, entity, Z and the check digit. Not whether it is registered.';

------------------------------------------------------------------------------------------------
-- Plans
------------------------------------------------------------------------------------------------
create function private.subscription_plan_json(plan private.subscription_plans) returns jsonb
  language sql stable security definer set search_path = ''
as $$
  select jsonb_build_object('id', (plan).id, 'code', (plan).code, 'version', (plan).version, 'name', (plan).name, 'period', (plan).period, 'interval', 1,
    'amount_net', (plan).amount_net, 'gst_percent', trim_scale((plan).gst_percent)::text, 'amount_gross', (plan).amount_gross, 'currency', (plan).currency,
    'per_seat', (plan).is_per_seat, 'trial_days', (plan).trial_days,
    'features', (select coalesce(jsonb_object_agg(f.key, f.value), '{}') from private.plan_features f where f.plan_id = (plan).id))
$$;
comment on function private.subscription_plan_json is
  'A version as it is told: {id, code, version, name, period, interval, amount_net, gst_percent, amount_gross, currency, per_seat, trial_days, features}.';

create function private.count_field(given jsonb, name text, path text, most bigint, is_needed boolean default true) returns bigint
  language plpgsql immutable set search_path = ''
as $$
begin
  if coalesce(given -> name, 'null') = 'null' then
    if is_needed then
      perform private.refuse_field(path || '.' || name, 'is missing', 'field_missing');
    end if;
    return null;
  elsif jsonb_typeof(given -> name) <> 'number' or given ->> name !~ '^[0-9]{1,15}$' or (given ->> name)::bigint > most then
    perform private.refuse_field(path || '.' || name, format('is not a whole number from 0 to %s', most), 'field_invalid');
  end if;
  return (given ->> name)::bigint;
end;
$$;
comment on function private.count_field is 'A whole number of an object, from 0 to most; null when absent and not needed. Raises PT422 field_missing, field_invalid.';

create function private.percent_field(given jsonb, name text, path text) returns numeric
  language plpgsql immutable set search_path = ''
as $$
begin
  if jsonb_typeof(given -> name) is distinct from 'string' or given ->> name !~ '^[0-9]{1,3}(\.[0-9]{1,2})?$' or (given ->> name)::numeric > 100 then
    perform private.refuse_field(path || '.' || name, 'is not a percentage as text, like "18"', 'field_invalid');
  end if;
  return (given ->> name)::numeric;
end;
$$;
comment on function private.percent_field is 'A percentage of an object, written as text. Raises PT422 field_invalid.';

create function worker.import_plans(file jsonb) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_percent numeric;
  v_given   jsonb;
  v_n       bigint;
  v_path    text;
  v_plan    private.subscription_plans;
  v_new     jsonb;
  v_before  jsonb;
  v_codes   text[] := '{}';
  v_out     jsonb := '[]';
begin
  perform private.known_fields(file, 'file', array['currency', 'gst_percent', 'plans']);
  if coalesce(file ->> 'currency', 'INR') <> 'INR' then
    perform private.refuse_field('file.currency', 'is not INR', 'field_invalid');
  end if;
  v_percent := private.percent_field(file, 'gst_percent', 'file');
  perform pg_advisory_xact_lock(hashtextextended('flow.subscription_plans', 0));
  delete from private.plans_on_offer;
  for v_given, v_n in select p, n from jsonb_array_elements(private.list_field(file, 'plans', 'file', 50)) with ordinality u (p, n) loop
    v_path := format('file.plans[%s]', v_n - 1);
    perform private.known_fields(v_given, v_path, array['code', 'name', 'period', 'amount_net', 'per_seat', 'trial_days', 'features']);
    v_plan.code := private.text_field(v_given, 'code', v_path, 40);
    v_plan.name := private.text_field(v_given, 'name', v_path, 100);
    v_plan.period := coalesce(v_given ->> 'period', 'monthly');
    v_plan.amount_net := private.count_field(v_given, 'amount_net', v_path, 1000000000);
    v_plan.is_per_seat := coalesce(private.flag_field(v_given, 'per_seat', v_path), false);
    v_plan.trial_days := coalesce(private.count_field(v_given, 'trial_days', v_path, 365, false), 0);
    if v_plan.code !~ '^[a-z][a-z0-9-]{0,39}$' or v_plan.code = any (v_codes) then
      perform private.refuse_field(v_path || '.code', 'is not a plain word of its own, like growth-yearly', 'field_invalid');
    elsif v_plan.period not in ('monthly', 'yearly') then
      perform private.refuse_field(v_path || '.period', 'is neither monthly nor yearly', 'field_invalid');
    elsif (v_plan.code = 'free') <> (v_plan.amount_net = 0) then
      perform private.refuse_field(v_path || '.amount_net', 'is 0 for the plan free and for no other', 'field_invalid');
    end if;
    v_codes := v_codes || v_plan.code;
    perform private.known_fields(coalesce(v_given -> 'features', '{}'), v_path || '.features', array['seats', 'numbers', 'leads_per_month']);
    v_new := (select coalesce(jsonb_object_agg(k, private.count_field(v_given -> 'features', k, v_path || '.features', 1000000000, false)), '{}')
                from jsonb_object_keys(coalesce(v_given -> 'features', '{}')) k);
    v_plan.gst_percent := v_percent;
    v_plan.amount_gross := round(v_plan.amount_net * (100 + v_percent) / 100);
    v_plan.currency := 'INR';
    v_new := jsonb_build_object('name', v_plan.name, 'period', v_plan.period, 'amount_net', v_plan.amount_net, 'gst_percent', trim_scale(v_percent)::text,
                                'per_seat', v_plan.is_per_seat, 'trial_days', v_plan.trial_days, 'features', v_new);
    select p.id, p.version into v_plan.id, v_plan.version from private.subscription_plans p where p.code = v_plan.code order by p.version desc limit 1;
    v_before := (select private.subscription_plan_json(p) from private.subscription_plans p where p.id = v_plan.id);
    if v_before is null or not v_before @> v_new or v_before -> 'features' <> v_new -> 'features' then
      v_before := null;
      insert into private.subscription_plans (code, version, name, period, amount_net, gst_percent, amount_gross, is_per_seat, trial_days)
      values (v_plan.code, coalesce(v_plan.version, 0) + 1, v_plan.name, v_plan.period, v_plan.amount_net, v_percent, v_plan.amount_gross,
              v_plan.is_per_seat, v_plan.trial_days) returning id, version into v_plan.id, v_plan.version;
      insert into private.plan_features (plan_id, key, value)
      select v_plan.id, f.key, nullif(f.value, 'null')::bigint from jsonb_each(v_new -> 'features') f;
    end if;
    insert into private.plans_on_offer (code, plan_id, position) values (v_plan.code, v_plan.id, v_n);
    v_out := v_out || jsonb_build_object('code', v_plan.code, 'version', v_plan.version, 'is_new', v_before is null, 'amount_net', v_plan.amount_net,
      'amount_gross', v_plan.amount_gross, 'warnings', case when v_plan.amount_gross > 1500000 then jsonb '["above_mandate_limit"]' else '[]' end);
  end loop;
  return jsonb_build_object('plans', v_out);
end;
$$;
comment on function worker.import_plans is
  'What is on offer from now on: {currency: INR, gst_percent: text, plans: [{code, name, period: monthly | yearly, amount_net: paise, per_seat, trial_days, features: '
  '{seats, numbers, leads_per_month: count or null for unlimited}}]}; free has the amount 0. What differs from its newest version is a new one. Returns {plans: [{code, '
  'version, is_new, amount_net, amount_gross, warnings}]}; above_mandate_limit: a debit above ₹15,000 has to be confirmed each time. Raises PT422 that names the field.';

create function worker.subscription_plans() returns jsonb
  language sql stable security definer set search_path = ''
as $$
  select jsonb_build_object('plans', coalesce(jsonb_agg(private.subscription_plan_json(p) || jsonb_build_object('is_current', o.code is not null,
           'provider_ids', (select coalesce(jsonb_object_agg(x.provider, x.modes), '{}')
                              from (select v.provider, jsonb_object_agg(v.mode, v.provider_plan) as modes from private.plan_providers v where v.plan_id = p.id group by 1) x))
         order by o.position nulls last, p.code, p.version), '[]'))
    from private.subscription_plans p left join private.plans_on_offer o on o.plan_id = p.id
$$;
comment on function worker.subscription_plans is 'Every version: {plans: [private.subscription_plan_json, is_current, provider_ids: {provider: {mode: id}}]}.';

create function worker.set_plan_provider(plan_id uuid, provider text, mode text, provider_plan text) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_before text;
begin
  if not exists (select from private.subscription_plans p where p.id = set_plan_provider.plan_id) then
    raise sqlstate 'PT404' using message = 'There is no such plan', detail = 'plan_unknown', hint = 'flow plans list';
  end if;
  insert into private.plan_providers (plan_id, provider, mode, provider_plan)
  values (set_plan_provider.plan_id, set_plan_provider.provider, set_plan_provider.mode, set_plan_provider.provider_plan) on conflict do nothing;
  select p.provider_plan into v_before from private.plan_providers p
   where (p.plan_id, p.provider, p.mode) = (set_plan_provider.plan_id, set_plan_provider.provider, set_plan_provider.mode);
  if v_before is distinct from set_plan_provider.provider_plan then
    raise sqlstate 'PT409' using message = 'The plan has another id at this supplier, or the id is another plan''s', detail = 'plan_has_provider', hint = 'A new price is a new version of the plan.';
  end if;
  return jsonb_build_object('provider_plan', v_before);
end;
$$;
comment on function worker.set_plan_provider is 'Notes the id of a version at a supplier: {provider_plan}. Raises PT404 plan_unknown, PT409 plan_has_provider.';
grant execute on function worker.import_plans, worker.subscription_plans, worker.set_plan_provider to service_role;
