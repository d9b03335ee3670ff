-- 850_billing_plans.sql: what Flow adds to Meta's prices, who pays Meta, and which GST applies: by organization, decided by the operator.

create table public.billing_plans (
  org_id        uuid not null references public.organizations (id) on delete restrict,
  id            bigint generated always as identity,
  meta_billing  text not null,
  supply        text not null,
  gst_percent   numeric(6, 3) not null,
  markup        jsonb not null,
  set_at        timestamptz not null default clock_timestamp(),
  superseded_at timestamptz,
  primary key (org_id, id),
  constraint plan_payer_of_meta_is_known check (meta_billing in ('customer', 'flow')),
  constraint plan_supply_is_known check (supply in ('intra', 'inter')),
  constraint plan_gst_is_a_percentage check (gst_percent between 0 and 100),
  constraint plan_markup_is_a_list check (jsonb_typeof(markup) = 'array')
);
comment on table public.billing_plans is
  'How an organization is billed for messages. One row is in force; those before it stay, because what was priced by them stays so. No row: Meta bills the '
  'customer, no markup, GST 18 % across states.';
comment on column public.billing_plans.org_id is 'The organization.';
comment on column public.billing_plans.id is 'Running number.';
comment on column public.billing_plans.meta_billing is
  'customer: the organization pays Meta itself, Flow bills the markup. flow: Flow pays Meta and bills both.';
comment on column public.billing_plans.supply is 'intra: supplier and customer are in one state, CGST and SGST. inter: IGST.';
comment on column public.billing_plans.gst_percent is 'GST on what is billed, in percent.';
comment on column public.billing_plans.markup is
  'Versions [{from: day in India, percent?, per_message?, minimum?, categories?: {category: {percent?, per_message?, minimum?}}}], amounts as text; the '
  'latest that has begun on the day of the message holds, and a rule for the category replaces the general one.';
comment on column public.billing_plans.set_at is 'When the operator set it.';
comment on column public.billing_plans.superseded_at is 'When the next plan took its place; null: in force.';
create unique index plan_in_force_is_one on public.billing_plans (org_id) where superseded_at is null;
alter table public.billing_plans enable row level security;
create policy "Members can read how their organization is billed" on public.billing_plans
  for select to authenticated using (org_id = any (array(select private.my_org_ids())));
grant select on public.billing_plans to authenticated;

create function private.billing_plan(org_id uuid, known_at timestamptz default 'infinity') returns public.billing_plans
  language plpgsql stable security definer set search_path = ''
as $$
declare
  v_plan public.billing_plans;
begin
  select p.* into v_plan from public.billing_plans p
   where p.org_id = billing_plan.org_id and p.set_at <= billing_plan.known_at and (p.superseded_at is null or p.superseded_at > billing_plan.known_at)
   order by p.id desc limit 1;
  if not found then
    v_plan := row (billing_plan.org_id, null, 'customer', 'inter', 18, '[]', '-infinity', null)::public.billing_plans;
  end if;
  return v_plan;
end;
$$;
comment on function private.billing_plan is 'The plan of an organization as it was known at an instant, or the default one.';

create function private.india_day(at timestamptz) returns date
  language sql immutable security invoker set search_path = ''
as $$
  select (india_day.at at time zone interval '05:30')::date
$$;
comment on function private.india_day is 'The day in India, by which Flow''s own prices and months go. India has no daylight saving time.';

create function private.markup_rule(plan public.billing_plans, category text, at timestamptz) returns jsonb
  language plpgsql stable security definer set search_path = ''
as $$
declare
  v_day      date := private.india_day(markup_rule.at);
  v_category text := case markup_rule.category when 'marketing_lite' then 'marketing' else markup_rule.category end;
  v_version  jsonb;
begin
  if (plan).markup = '[]' then
    return null;
  end if;
  select v into v_version from jsonb_array_elements((plan).markup) v
   where (v ->> 'from')::date <= v_day order by (v ->> 'from')::date desc limit 1;
  return coalesce(v_version #> array['categories', v_category], v_version - 'categories');
end;
$$;
comment on function private.markup_rule is
  'The rule {percent?, per_message?, minimum?} for a category at an instant: the latest version of that day in India, and in it the category''s own rule '
  'in place of the general one; marketing_lite follows marketing. Null before the first version. Rules R22, R23.';

create function private.markup_on(cost numeric, rule jsonb) returns numeric
  language sql immutable security invoker set search_path = ''
as $$
  select case when markup_on.cost > 0 and markup_on.rule is not null then
    greatest(coalesce((rule ->> 'minimum')::numeric, 0),
             round(markup_on.cost * coalesce((rule ->> 'percent')::numeric, 0) / 100 + coalesce((rule ->> 'per_message')::numeric, 0), 6)) else 0 end
$$;
comment on function private.markup_on is
  'Flow''s part of one message, six decimals, half away from zero: the greater of the minimum and percent of Meta''s cost plus the amount per message; '
  'nothing on what costs nothing. Rule R21.';

create function private.checked_rule(rule jsonb, path text, names text[]) returns jsonb
  language plpgsql immutable set search_path = ''
as $$
declare
  v_name text;
begin
  perform private.known_fields(rule, path, names);
  foreach v_name in array array['percent', 'per_message', 'minimum'] loop
    if coalesce(rule -> v_name, 'null') = 'null' then
      continue;
    elsif jsonb_typeof(rule -> v_name) <> 'string' then
      perform private.refuse_field(path || '.' || v_name, 'is not text: write amounts like "10" or "0.05"', 'field_invalid');
    elsif rule ->> v_name !~ '^[0-9]{1,5}(\.[0-9]{1,6})?$' or v_name = 'percent' and (rule ->> v_name)::numeric > 1000 then
      perform private.refuse_field(path || '.' || v_name, 'is not an amount from 0 to ' || case v_name when 'percent' then '1000' else '99999' end
                                   || ' with at most six decimals', 'field_invalid');
    end if;
  end loop;
  return jsonb_strip_nulls(rule);
end;
$$;
comment on function private.checked_rule is 'A markup rule whose amounts are text within bounds. Raises PT422 that names the field.';

create function private.checked_markup(markup jsonb) returns jsonb
  language plpgsql immutable set search_path = ''
as $$
declare
  v_known   constant text[] := array['marketing', 'utility', 'authentication', 'authentication_international', 'service', 'referral_conversion', 'general_purpose_ai'];
  v_version jsonb;
  v_n       bigint;
  v_path    text;
  v_days    date[] := '{}';
  v_rules   jsonb;
  v_row     record;
  v_out     jsonb := '[]';
begin
  for v_version, v_n in select v, n - 1 from jsonb_array_elements(private.list_field(jsonb_build_object('markup', markup), 'markup', 'plan', 200, false))
                                   with ordinality u (v, n) loop
    v_path := format('plan.markup[%s]', v_n);
    v_version := private.checked_rule(v_version, v_path, array['from', 'percent', 'per_message', 'minimum', 'categories']);
    if coalesce(v_version ->> 'from', '') !~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}$' then
      perform private.refuse_field(v_path || '.from', 'is not a day like 2026-10-01', 'field_invalid');
    elsif (v_version ->> 'from')::date = any (v_days) then
      perform private.refuse_field(v_path || '.from', 'is the day of another version too', 'field_invalid');
    elsif coalesce(jsonb_typeof(v_version -> 'categories'), 'object') <> 'object' then
      perform private.refuse_field(v_path || '.categories', 'is not an object', 'field_invalid');
    end if;
    v_days := v_days || (v_version ->> 'from')::date;
    v_rules := '{}';
    for v_row in select replace(key, '-', '_') as category, value as rule from jsonb_each(coalesce(v_version -> 'categories', '{}')) loop
      if v_row.category <> all (v_known) then
        perform private.refuse_field(v_path || '.categories.' || left(v_row.category, 40), 'is not a category that Meta bills', 'field_unknown');
      end if;
      v_rules := v_rules || jsonb_build_object(v_row.category,
        private.checked_rule(v_row.rule, v_path || '.categories.' || v_row.category, array['percent', 'per_message', 'minimum']));
    end loop;
    v_out := v_out || jsonb_build_array(v_version || case when v_version ? 'categories' then jsonb_build_object('categories', v_rules) else '{}' end);
  end loop;
  return v_out;
exception when datetime_field_overflow or invalid_datetime_format then
  perform private.refuse_field(v_path || '.from', 'is not a day of the calendar', 'field_invalid');
end;
$$;
comment on function private.checked_markup is 'The versions of a markup, checked. Raises PT422 that names the field.';

create function private.plan_json(plan public.billing_plans) returns jsonb
  language sql stable security definer set search_path = ''
as $$
  select jsonb_build_object('org_id', (plan).org_id, 'meta_billing', (plan).meta_billing, 'supply', (plan).supply,
    'gst_percent', trim_scale((plan).gst_percent)::text, 'markup', (plan).markup, 'set_at', nullif((plan).set_at, '-infinity'))
$$;
comment on function private.plan_json is 'A plan as worker.set_billing_plan takes it.';

create function worker.billing_plan(org_id uuid) returns jsonb
  language plpgsql stable security definer set search_path = ''
as $$
begin
  perform private.require_organization(billing_plan.org_id);
  return private.plan_json(private.billing_plan(billing_plan.org_id));
end;
$$;
comment on function worker.billing_plan is 'The plan in force: {org_id, meta_billing, supply, gst_percent, markup, set_at: null for the default}. Raises PT404.';
grant execute on function worker.billing_plan to service_role;

create function worker.set_billing_plan(org_id uuid, plan jsonb) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_plan public.billing_plans;
begin
  perform from public.organizations o where o.id = set_billing_plan.org_id and o.deleted_at is null for no key update;
  perform private.require_organization(set_billing_plan.org_id);
  perform private.known_fields(plan, 'plan', array['meta_billing', 'supply', 'gst_percent', 'markup']);
  v_plan.meta_billing := coalesce(plan ->> 'meta_billing', 'customer');
  v_plan.supply := coalesce(plan ->> 'supply', 'inter');
  if v_plan.meta_billing not in ('customer', 'flow') then
    perform private.refuse_field('plan.meta_billing', 'is neither customer nor flow', 'field_invalid');
  elsif v_plan.supply not in ('intra', 'inter') then
    perform private.refuse_field('plan.supply', 'is neither intra nor inter', 'field_invalid');
  elsif coalesce(jsonb_typeof(plan -> 'gst_percent'), 'string') not in ('string', 'null')
     or coalesce(plan ->> 'gst_percent', '18') !~ '^[0-9]{1,3}(\.[0-9]{1,3})?$' or (plan ->> 'gst_percent')::numeric > 100 then
    perform private.refuse_field('plan.gst_percent', 'is not a percentage as text, like "18"', 'field_invalid');
  end if;
  v_plan.gst_percent := coalesce((plan ->> 'gst_percent')::numeric, 18);
  v_plan.markup := private.checked_markup(plan -> 'markup');
  -- Nobody prices meanwhile: each message is priced by the plan before, or by this one, and stays so.
  perform pg_advisory_xact_lock(private.ledger_lock(set_billing_plan.org_id));
  update public.billing_plans p set superseded_at = clock_timestamp() where p.org_id = set_billing_plan.org_id and p.superseded_at is null;
  insert into public.billing_plans (org_id, meta_billing, supply, gst_percent, markup)
  values (set_billing_plan.org_id, v_plan.meta_billing, v_plan.supply, v_plan.gst_percent, v_plan.markup) returning * into v_plan;
  perform private.audit(set_billing_plan.org_id, 'billing.plan_set', 'billing_plan', v_plan.id::text, private.plan_json(v_plan) - 'org_id' - 'set_at');
  return private.plan_json(v_plan);
end;
$$;
comment on function worker.set_billing_plan is
  'Replaces the plan of an organization for messages that are not priced yet: {meta_billing: customer | flow, supply: intra | inter, gst_percent, markup: '
  'as in billing_plans.markup}; what is absent is as without a plan. Returns it. Raises PT404, PT422 that names the field.';
grant execute on function worker.set_billing_plan to service_role;
