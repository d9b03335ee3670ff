-- 961_source_costs.sql: what sources of leads cost, held against what their leads brought.

create table public.source_costs (
  org_id       uuid not null references public.organizations on delete restrict,
  id           uuid not null default gen_random_uuid(),
  source_id    uuid not null,
  kind         text not null default 'other',
  first_month  date not null,
  months       int not null default 1,
  amount       numeric(14, 2) not null,
  currency     text not null default 'INR',
  note         text,
  created_by   uuid,
  created_at   timestamptz not null default now(),
  updated_at   timestamptz not null default now(),
  primary key (org_id, id),
  constraint source_cost_is_of_a_source_of_its_organization foreign key (org_id, source_id) references public.lead_sources (org_id, id) on delete cascade,
  constraint source_cost_kind_is_known check (kind in ('package', 'advertising', 'other')),
  constraint source_cost_begins_with_a_month check (extract(day from first_month) = 1 and first_month between '2000-01-01' and '2100-12-01'),
  constraint source_cost_is_for_1_to_60_months check (months between 1 and 60),
  constraint source_cost_is_positive check (amount > 0),
  constraint source_cost_currency_has_three_letters check (currency ~ '^[A-Z]{3}$')
);
comment on table public.source_costs is 'What an organization pays for a source, entered by hand: a month''s advertising, or a package (IndiaMART''s) spread evenly over its months.';
comment on column public.source_costs.org_id is 'The organization.';
comment on column public.source_costs.id is 'The cost.';
comment on column public.source_costs.source_id is 'The source.';
comment on column public.source_costs.kind is 'package, advertising or other.';
comment on column public.source_costs.first_month is 'First day of the first month that it is for.';
comment on column public.source_costs.months is 'For how many months; each bears an equal part.';
comment on column public.source_costs.amount is 'All of it.';
comment on column public.source_costs.currency is 'ISO 4217 code of the amount.';
comment on column public.source_costs.note is 'In words; null: none.';
comment on column public.source_costs.created_by is 'Who entered it. No foreign key: it outlives the membership.';
comment on column public.source_costs.created_at is 'When.';
comment on column public.source_costs.updated_at is 'Last change.';
create index source_costs_source on public.source_costs (org_id, source_id, first_month);
alter table public.source_costs enable row level security;
create policy "Members can read what their sources cost"
  on public.source_costs for select to authenticated using (org_id = any (array(select private.my_org_ids())));
grant select on public.source_costs to authenticated;
create trigger source_costs_touch before update on public.source_costs for each row execute function private.touch_updated_at();

create function private.save_source_cost(org_id uuid, source_id uuid, first_month text, amount numeric, months int, currency text, kind text, note text, cost_id uuid) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_org   uuid := save_source_cost.org_id;
  v_id    uuid := save_source_cost.cost_id;
  v_worth record;
  v_month date;
begin
  perform private.require_role(v_org, 'admin');
  v_month := private.month_day(save_source_cost.first_month);
  select * into v_worth from private.checked_value_of_lead(save_source_cost.amount, save_source_cost.currency);
  if coalesce(v_worth.value_, 0) = 0 then
    raise sqlstate 'PT422' using message = 'A cost is an amount above 0.', detail = 'amount_invalid', hint = 'Check the amount.';
  elsif save_source_cost.months is null or save_source_cost.months not between 1 and 60 then
    raise sqlstate 'PT422' using message = 'A cost is for 1 to 60 months.', detail = 'months_invalid', hint = 'A package of a year is for 12.';
  elsif save_source_cost.kind is null or save_source_cost.kind not in ('package', 'advertising', 'other') then
    raise sqlstate 'PT422' using message = 'A cost is a package, advertising or other.', detail = 'kind_unknown', hint = 'One of the three.';
  elsif not exists (select from public.lead_sources s where s.org_id = v_org and s.id = save_source_cost.source_id) then
    raise sqlstate 'PT404' using message = 'There is no such source of leads.', detail = 'source_not_found', hint = 'Reload the sources.';
  elsif v_id is null then
    insert into public.source_costs (org_id, source_id, kind, first_month, months, amount, currency, note, created_by)
    values (v_org, save_source_cost.source_id, save_source_cost.kind, v_month, save_source_cost.months, v_worth.value_, v_worth.currency_,
            private.clean_text(save_source_cost.note, 500), auth.uid())
    returning id into v_id;
  else
    update public.source_costs c
       set source_id = save_source_cost.source_id, kind = save_source_cost.kind, first_month = v_month, months = save_source_cost.months, amount = v_worth.value_,
           currency = v_worth.currency_, note = private.clean_text(save_source_cost.note, 500)
     where c.org_id = v_org and c.id = v_id;
    if not found then
      raise sqlstate 'PT404' using message = 'There is no such cost.', detail = 'cost_not_found', hint = 'Reload the costs.';
    end if;
  end if;
  perform private.audit(v_org, 'source_cost.saved', 'source_cost', v_id::text);
  return jsonb_build_object('cost_id', v_id);
end;
$$;
comment on function private.save_source_cost is 'Body of public.save_source_cost. Definer: nobody may write costs directly.';
create function public.save_source_cost(org_id uuid, source_id uuid, first_month text, amount numeric, months int default 1, currency text default 'INR',
                                        kind text default 'other', note text default null, cost_id uuid default null) returns jsonb
  language sql volatile set search_path = ''
begin atomic
  select private.save_source_cost(org_id, source_id, first_month, amount, months, currency, kind, note, cost_id);
end;
comment on function public.save_source_cost is
  'Enters what a source costs from a month (YYYY-MM) on, spread over so many months, or changes an entry; for admins. kind: package, advertising or other. Returns '
  '{cost_id}. Raises PT403, PT404, PT422 month_invalid, amount_invalid, value_invalid, months_invalid, currency_invalid, kind_unknown.';

create function private.delete_source_cost(org_id uuid, cost_id uuid) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_cost public.source_costs;
begin
  perform private.require_role(delete_source_cost.org_id, 'admin');
  delete from public.source_costs c where c.org_id = delete_source_cost.org_id and c.id = delete_source_cost.cost_id returning * into v_cost;
  if not found then
    raise sqlstate 'PT404' using message = 'There is no such cost.', detail = 'cost_not_found', hint = 'Reload the costs.';
  end if;
  perform private.audit(delete_source_cost.org_id, 'source_cost.deleted', 'source_cost', delete_source_cost.cost_id::text);
  return jsonb_build_object('cost_id', v_cost.id, 'source_id', v_cost.source_id, 'first_month', to_char(v_cost.first_month, 'YYYY-MM'), 'months', v_cost.months,
    'amount', v_cost.amount::text, 'currency', v_cost.currency, 'kind', v_cost.kind, 'note', v_cost.note);
end;
$$;
comment on function private.delete_source_cost is 'Body of public.delete_source_cost. Definer: nobody may write costs directly.';
create function public.delete_source_cost(org_id uuid, cost_id uuid) returns jsonb
  language sql volatile set search_path = ''
begin atomic
  select private.delete_source_cost(org_id, cost_id);
end;
comment on function public.delete_source_cost is 'Removes a cost that was entered, for admins; returns it as it was last: {cost_id, source_id, first_month ("2026-11"), months, amount (text), currency, kind, note}. Raises PT403, PT404.';

create function private.source_returns(org_id uuid, from_month text, to_month text, currency text) returns jsonb
  language plpgsql stable security definer set search_path = '' set jit = off
as $$
#variable_conflict use_column
declare
  v_org    uuid := source_returns.org_id;
  v_money  text := upper(coalesce(source_returns.currency, 'INR'));
  v_first  date;
  v_last   date;
  v_from   timestamptz;
  v_to     timestamptz;
  v_result jsonb;
begin
  perform private.require_role(v_org, 'agent');
  v_first := private.month_day(from_month);
  v_last := private.month_day(to_month);
  select p.from_at, p.to_at into v_from, v_to from private.report_period(v_org, v_first, (v_last + interval '1 month' - interval '1 day')::date) p;
  with leads as (
    select l.source_id, count(*) as leads, count(*) filter (where l.won_at is not null) as won, sum(l.value) filter (where l.won_at is not null and l.currency = v_money) as won_value
      from public.leads l where l.org_id = v_org and l.received_at >= v_from and l.received_at < v_to group by 1
  ), own as (
    select c.source_id, sum(c.amount * greatest(0, (
             select count(*) from generate_series(c.first_month::timestamp, c.first_month + make_interval(months => c.months - 1), interval '1 month') m
              where m::date between v_first and v_last)) / c.months) as cost
      from public.source_costs c
     where c.org_id = v_org and c.currency = v_money and c.first_month <= v_last and c.first_month + make_interval(months => c.months) > v_first group by 1
  ), sent as (
    select d.source_id, sum(d.meta_cost + d.markup) as cost from public.usage_days d
     where d.org_id = v_org and d.currency = v_money and d.day >= v_first and d.day < (v_last + interval '1 month')::date and d.source_id is not null group by 1
  ), sources as (
    select s.id, s.name, coalesce(l.leads, 0) as leads, coalesce(l.won, 0) as won, coalesce(private.paise(l.won_value), 0) as won_value,
           coalesce(private.paise(o.cost), 0) as own_cost, coalesce(private.paise(m.cost), 0) as message_cost
      from public.lead_sources s left join leads l on l.source_id = s.id left join own o on o.source_id = s.id left join sent m on m.source_id = s.id
     where s.org_id = v_org and (l.leads > 0 or o.cost > 0 or m.cost > 0)
  ), sums as (
    select s.id, s.name, s.leads, s.won, s.won_value, s.own_cost, s.message_cost, s.own_cost + s.message_cost as cost, false as is_total from sources s
    union all
    select null, null, sum(s.leads), sum(s.won), sum(s.won_value), sum(s.own_cost), sum(s.message_cost), sum(s.own_cost + s.message_cost), true from sources s
  ), shown as (
    select u.is_total, u.won_value, u.id, jsonb_build_object('source_id', u.id, 'name', u.name, 'leads', coalesce(u.leads, 0), 'won', coalesce(u.won, 0),
             'won_value_paise', coalesce(u.won_value, 0), 'own_cost_paise', coalesce(u.own_cost, 0), 'message_cost_paise', coalesce(u.message_cost, 0),
             'cost_paise', coalesce(u.cost, 0), 'cost_per_lead_paise', round(u.cost / nullif(u.leads, 0))::bigint, 'cost_per_won_paise', round(u.cost / nullif(u.won, 0))::bigint,
             'gain_paise', coalesce(u.won_value - u.cost, 0), 'return_percent', round((u.won_value - u.cost) * 100 / nullif(u.cost, 0), 1)::text) as row
      from sums u)
  select jsonb_build_object('from_month', from_month, 'to_month', to_month, 'currency', v_money,
    'total', (select x.row - 'source_id' - 'name' from shown x where x.is_total),
    'sources', (select coalesce(jsonb_agg(x.row order by x.won_value desc, x.id), '[]') from shown x where not x.is_total)) into v_result;
  return v_result;
end;
$$;
comment on function private.source_returns is 'Body of public.source_returns. Definer, as private.speed_to_lead.';
create function public.source_returns(org_id uuid, from_month text, to_month text, currency text default 'INR') returns jsonb
  language sql stable set search_path = ''
begin atomic
  select private.source_returns(org_id, from_month, to_month, currency);
end;
comment on function public.source_returns is
  'What sources cost and brought, from month to month (YYYY-MM, both included): {from_month, to_month, currency, total, sources: [{source_id, name, leads and won (received '
  'then), won_value_paise, own_cost_paise (entered, each month its part), message_cost_paise (of days in those months, before GST), cost_paise, cost_per_lead_paise, '
  'cost_per_won_paise, gain_paise, return_percent (gain against cost, text)}]}; null where it cannot be divided. Raises PT404, PT422 month_invalid, period_invalid.';
grant execute on function private.save_source_cost, public.save_source_cost, private.delete_source_cost, public.delete_source_cost, private.source_returns,
  public.source_returns to authenticated;
