-- 900_statements.sql: a month of the ledger, closed into a statement that adds up and never changes.

create table public.usage_statements (
  org_id       uuid not null references public.organizations (id) on delete restrict,
  month        text not null,
  currency     text not null,
  closed_at    timestamptz not null default now(),
  meta_billing text not null,
  supply       text not null,
  gst_percent  numeric(6, 3) not null,
  messages     int not null,
  meta_cost    numeric(18, 6) not null,
  markup       numeric(18, 6) not null,
  billed       numeric(18, 6) not null,
  round_off    numeric(18, 6) not null,
  taxable      numeric(16, 2) not null,
  cgst         numeric(16, 2) not null,
  sgst         numeric(16, 2) not null,
  igst         numeric(16, 2) not null,
  total        numeric(16, 2) not null,
  wallet       jsonb,
  primary key (org_id, month, currency),
  constraint statement_month_is_a_month check (month ~ '^[0-9]{4}-(0[1-9]|1[0-2])$'),
  constraint statement_is_rounded_by_half_a_paisa_at_most check (taxable = billed + round_off and abs(round_off) <= 0.005),
  constraint statement_total_adds_up check (total = taxable + cgst + sgst + igst),
  constraint statement_tax_is_of_one_kind check (case supply when 'intra' then igst = 0 and cgst = sgst else cgst = 0 and sgst = 0 end),
  constraint statement_wallet_adds_up check (
    wallet is null or (wallet ->> 'closing')::numeric = (wallet ->> 'opening')::numeric + (wallet ->> 'topups')::numeric - (wallet ->> 'usage')::numeric)
);
comment on table public.usage_statements is
  'Closed months (India) of an organization''s ledger, one for each currency that its accounts are billed in. Immutable, for its owner role too.';
comment on column public.usage_statements.org_id is 'The organization.';
comment on column public.usage_statements.month is 'YYYY-MM.';
comment on column public.usage_statements.currency is 'Of all its amounts.';
comment on column public.usage_statements.closed_at is 'When it was closed.';
comment on column public.usage_statements.meta_billing is 'Who paid Meta, by the plan in force at the close: customer or flow.';
comment on column public.usage_statements.supply is 'intra: CGST and SGST; inter: IGST.';
comment on column public.usage_statements.gst_percent is 'GST, in percent.';
comment on column public.usage_statements.messages is 'Messages booked, less those taken back.';
comment on column public.usage_statements.meta_cost is 'Exact sum of Meta''s costs.';
comment on column public.usage_statements.markup is 'Exact sum of markups.';
comment on column public.usage_statements.billed is 'Exact sum of what the organization owes to Flow, before GST (R25).';
comment on column public.usage_statements.round_off is 'taxable less billed: at most half a paisa (R30).';
comment on column public.usage_statements.taxable is 'billed, rounded once to paise, half away from zero.';
comment on column public.usage_statements.cgst is 'Central GST (R32).';
comment on column public.usage_statements.sgst is 'State GST.';
comment on column public.usage_statements.igst is 'Integrated GST.';
comment on column public.usage_statements.total is 'taxable and taxes.';
comment on column public.usage_statements.wallet is
  '{prepaid, opening, topups, usage, closing} before GST, null without a wallet. Prepaid: the tax was paid at top-up and is shown, not charged again (R31).';
alter table public.usage_statements enable row level security;
create policy "Members can read their organization's statements" on public.usage_statements
  for select to authenticated using (org_id = any (array(select private.my_org_ids())));
grant select on public.usage_statements to authenticated;
create trigger usage_statements_forbid_change before update or delete on public.usage_statements
  for each row execute function private.forbid_change();
create trigger usage_statements_forbid_truncate before truncate on public.usage_statements
  for each statement execute function private.forbid_change();

create table public.usage_statement_lines (
  org_id        uuid not null,
  month         text not null,
  currency      text not null,
  line          int not null,
  category      text not null,
  pricing_type  text,
  number_id     uuid not null,
  rate          numeric(12, 6),
  rate_verified boolean,
  messages      int not null,
  meta_cost     numeric(18, 6) not null,
  markup        numeric(18, 6) not null,
  billed        numeric(18, 6) not null,
  primary key (org_id, month, currency, line),
  constraint statement_line_is_of_a_statement foreign key (org_id, month, currency)
    references public.usage_statements (org_id, month, currency) on delete restrict,
  constraint statement_line_is_of_a_number foreign key (org_id, number_id)
    references public.whatsapp_numbers (org_id, id) on delete restrict
);
comment on table public.usage_statement_lines is 'What a statement consists of, by category, number and rate. Immutable.';
comment on column public.usage_statement_lines.org_id is 'The organization.';
comment on column public.usage_statement_lines.month is 'YYYY-MM.';
comment on column public.usage_statement_lines.currency is 'Of the amounts.';
comment on column public.usage_statement_lines.line is 'Order in the statement.';
comment on column public.usage_statement_lines.category is 'Category that Meta billed; unknown where it named none; needs_review and cbp stand apart, without amounts (R29).';
comment on column public.usage_statement_lines.pricing_type is 'regular, free_customer_service, …';
comment on column public.usage_statement_lines.number_id is 'The number.';
comment on column public.usage_statement_lines.rate is 'Rate of the card; null where Meta named the cost, or it was free.';
comment on column public.usage_statement_lines.rate_verified is 'Whether the rate was verified.';
comment on column public.usage_statement_lines.messages is 'Messages booked, less those taken back.';
comment on column public.usage_statement_lines.meta_cost is 'Exact sum.';
comment on column public.usage_statement_lines.markup is 'Exact sum.';
comment on column public.usage_statement_lines.billed is 'Exact sum of what is owed to Flow.';
create index usage_statement_lines_number on public.usage_statement_lines (org_id, number_id);
alter table public.usage_statement_lines enable row level security;
create policy "Members can read the lines of their organization's statements" on public.usage_statement_lines
  for select to authenticated using (org_id = any (array(select private.my_org_ids())));
grant select on public.usage_statement_lines to authenticated;
create trigger usage_statement_lines_forbid_change before update or delete on public.usage_statement_lines
  for each row execute function private.forbid_change();
create trigger usage_statement_lines_forbid_truncate before truncate on public.usage_statement_lines
  for each statement execute function private.forbid_change();

------------------------------------------------------------------------------------------------
-- From the ledger
------------------------------------------------------------------------------------------------
create function private.month_day(month text) returns date
  language plpgsql immutable set search_path = ''
as $$
begin
  if coalesce(month_day.month, '') !~ '^(?!0000)[0-9]{4}-(0[1-9]|1[0-2])$' then
    raise sqlstate 'PT422' using message = 'The month is not written like 2026-10', detail = 'month_invalid', hint = 'Four digits, a hyphen, two digits.';
  end if;
  return (month_day.month || '-01')::date;
end;
$$;
comment on function private.month_day is 'The first day of a month YYYY-MM. Raises PT422 month_invalid.';

create function private.ledger_lines(org_id uuid, month text) returns setof public.usage_statement_lines
  language plpgsql stable security definer set search_path = ''
as $$
begin
  return query
    select ledger_lines.org_id, ledger_lines.month, g.currency, (row_number() over (partition by g.currency
             order by array_position(array['marketing', 'marketing_lite', 'utility', 'authentication', 'authentication_international', 'service',
                                           'referral_conversion', 'general_purpose_ai', 'unknown', 'needs_review', 'cbp'], g.category) nulls last,
                      g.category, g.pricing_type, g.number_id, g.rate))::int,
           g.category, g.pricing_type, g.number_id, g.rate, g.rate_verified, g.messages, g.meta_cost, g.markup, g.billed
      from (select l.currency, case when l.needs_review then 'needs_review' when l.source = 'cbp' then 'cbp' else coalesce(l.category, 'unknown') end as category,
                   case when not l.needs_review then l.pricing_type end as pricing_type, l.number_id, l.rate, bool_and(l.rate_verified) as rate_verified,
                   coalesce(sum(case when l.reverses is null then 1 else -1 end) filter (where l.entry = 'meta_cost'), 0)::int as messages,
                   coalesce(sum(l.amount) filter (where l.entry = 'meta_cost'), 0)::numeric(18, 6) as meta_cost,
                   coalesce(sum(l.amount) filter (where l.entry = 'markup'), 0)::numeric(18, 6) as markup,
                   coalesce(sum(l.amount) filter (where l.is_billed), 0)::numeric(18, 6) as billed
              from public.usage_ledger l
             where l.org_id = ledger_lines.org_id and l.statement_month = ledger_lines.month
             group by 1, 2, 3, 4, 5) g
     where g.messages <> 0 or g.meta_cost <> 0 or g.markup <> 0 or g.billed <> 0;
end;
$$;
comment on function private.ledger_lines is 'The lines of a month, worked out from its entries; what was booked and taken back within it leaves no line.';

create function private.taxed(billed numeric, plan public.billing_plans) returns jsonb
  language plpgsql immutable set search_path = ''
as $$
declare
  v_taxable numeric := round(billed, 2);
  v_half    numeric := case when (plan).supply = 'intra' then round(v_taxable * (plan).gst_percent / 200, 2) else 0 end;
  v_whole   numeric := case when (plan).supply = 'inter' then round(v_taxable * (plan).gst_percent / 100, 2) else 0 end;
begin
  return jsonb_build_object('taxable', v_taxable, 'round_off', v_taxable - billed, 'cgst', v_half, 'sgst', v_half, 'igst', v_whole,
                            'total', v_taxable + 2 * v_half + v_whole);
end;
$$;
comment on function private.taxed is
  'What is due on an exact sum: {taxable: rounded once to paise, round_off, cgst, sgst, igst, total}. Same state: half the percentage twice, each rounded; '
  'else the whole (R30 to R32).';

create function private.draft_statements(org_id uuid, month text) returns setof public.usage_statements
  language plpgsql stable security definer set search_path = ''
as $$
declare
  v_plan public.billing_plans := private.billing_plan(draft_statements.org_id);
begin
  return query
    select draft_statements.org_id, draft_statements.month, s.currency, now(), v_plan.meta_billing, v_plan.supply, v_plan.gst_percent, s.messages,
           s.meta_cost, s.markup, s.billed, t.round_off, t.taxable, t.cgst, t.sgst, t.igst, t.total,
           case when s.currency = 'INR' then private.wallet_month(draft_statements.org_id, draft_statements.month) end
      from (select x.currency, sum(x.messages)::int as messages, sum(x.meta_cost)::numeric(18, 6) as meta_cost, sum(x.markup)::numeric(18, 6) as markup,
                   sum(x.billed)::numeric(18, 6) as billed
              from (select l.currency, l.messages, l.meta_cost, l.markup, l.billed from private.ledger_lines(draft_statements.org_id, draft_statements.month) l
                    union all select 'INR', 0, 0, 0, 0) x group by 1) s
     cross join lateral jsonb_to_record(private.taxed(s.billed, v_plan))
             t (taxable numeric(16, 2), round_off numeric(18, 6), cgst numeric(16, 2), sgst numeric(16, 2), igst numeric(16, 2), total numeric(16, 2))
     order by s.currency <> 'INR', s.currency;
end;
$$;
comment on function private.draft_statements is
  'The statements of a month as they would be closed now, one for each currency; INR first, also when it is empty.';

create function private.statement_json(statement public.usage_statements, is_closed boolean) returns jsonb
  language plpgsql stable security definer set search_path = ''
as $$
declare
  v_lines   public.usage_statement_lines[];
  v_by_kind jsonb;
  v_details jsonb;
begin
  if is_closed then
    select array_agg(l order by l.line) into v_lines from public.usage_statement_lines l
     where (l.org_id, l.month, l.currency) = ((statement).org_id, (statement).month, (statement).currency);
  else
    select array_agg(l order by l.line) into v_lines from private.ledger_lines((statement).org_id, (statement).month) l where l.currency = (statement).currency;
  end if;
  select jsonb_agg(jsonb_build_object('category', k.category, 'messages', k.messages, 'meta_cost', k.meta_cost::text, 'markup', k.markup::text,
                                      'billed', k.billed::text) order by k.line) into v_by_kind
    from (select l.category, min(l.line) as line, sum(l.messages)::int as messages, sum(l.meta_cost) as meta_cost, sum(l.markup) as markup,
                 sum(l.billed) as billed from unnest(v_lines) l group by 1) k;
  select jsonb_agg(jsonb_build_object('category', l.category, 'pricing_type', l.pricing_type, 'number_id', l.number_id, 'display_phone', n.display_phone,
                                      'rate', l.rate::text, 'verified', l.rate_verified, 'messages', l.messages, 'meta_cost', l.meta_cost::text,
                                      'markup', l.markup::text, 'billed', l.billed::text) order by l.line) into v_details
    from unnest(v_lines) l join public.whatsapp_numbers n on (n.org_id, n.id) = (l.org_id, l.number_id);
  return jsonb_build_object('org_id', (statement).org_id, 'organization', (select o.name from public.organizations o where o.id = (statement).org_id),
    'month', (statement).month, 'closed', is_closed, 'closed_at', case when is_closed then (statement).closed_at end, 'currency', (statement).currency,
    'meta_billing', (statement).meta_billing, 'supply', (statement).supply, 'gst_percent', trim_scale((statement).gst_percent)::text,
    'messages', (statement).messages, 'lines', coalesce(v_by_kind, '[]'), 'details', coalesce(v_details, '[]'),
    'meta_cost', round((statement).meta_cost, 6)::text, 'markup', round((statement).markup, 6)::text, 'billed', round((statement).billed, 6)::text,
    'round_off', round((statement).round_off, 6)::text, 'taxable', round((statement).taxable, 2)::text, 'cgst', round((statement).cgst, 2)::text,
    'sgst', round((statement).sgst, 2)::text, 'igst', round((statement).igst, 2)::text, 'total', round((statement).total, 2)::text,
    'wallet', (statement).wallet);
end;
$$;
comment on function private.statement_json is 'A statement with its lines (by category) and details (by category, number and rate), all amounts as text.';

create function private.statement(org_id uuid, month text) returns jsonb
  language plpgsql stable security definer set search_path = ''
as $$
declare
  v_day    date := private.month_day(statement.month);
  v_closed boolean;
  v_all    jsonb;
begin
  v_closed := exists (select from public.ledger_closings c where c.org_id = statement.org_id and c.closed_through >= v_day);
  if exists (select from public.usage_statements s where s.org_id = statement.org_id and s.month = statement.month) then
    select jsonb_agg(private.statement_json(s, true) order by s.currency <> 'INR', s.currency) into v_all
      from public.usage_statements s where s.org_id = statement.org_id and s.month = statement.month;
  else
    -- Also a month without entries that a later one closed with it.
    select jsonb_agg(private.statement_json(s, false) || jsonb_build_object('closed', v_closed) order by s.currency <> 'INR', s.currency) into v_all
      from private.draft_statements(statement.org_id, statement.month) s;
  end if;
  if jsonb_array_length(v_all) > 1 and v_all #> '{0,lines}' = '[]' then
    v_all := v_all - 0;                        -- nothing in INR: the account's own currency is the statement
  end if;
  return (v_all -> 0) || jsonb_build_object('others', v_all - 0);
end;
$$;
comment on function private.statement is
  'The statement of a month: as it was closed, or a preview of an open one (closed: false). Other currencies stand in others. Raises PT422 month_invalid.';

create function private.my_statement(org_id uuid, month text) returns jsonb
  language plpgsql stable security definer set search_path = ''
as $$
begin
  perform private.require_role(my_statement.org_id, 'agent');
  return private.statement(my_statement.org_id, my_statement.month);
end;
$$;
comment on function private.my_statement is 'public.statement behind its door.';
create function public.statement(org_id uuid, month text) returns jsonb
  language sql stable set search_path = ''
begin atomic
  select private.my_statement(org_id, month);
end;
comment on function public.statement is
  'A month''s statement of the organization, for its members: {month, closed, lines by category, details by category, number and rate, meta_cost, markup, '
  'billed, round_off, taxable, cgst, sgst, igst, total (text), wallet, others}. An open month is a preview. Raises PT404, PT422 month_invalid.';
grant execute on function private.my_statement, public.statement to authenticated;

create function worker.statement(org_id uuid, month text) returns jsonb
  language plpgsql stable security definer set search_path = ''
as $$
begin
  perform private.require_organization(statement.org_id);
  return private.statement(statement.org_id, statement.month);
end;
$$;
comment on function worker.statement is 'private.statement for the operator. Raises PT404, PT422.';
grant execute on function worker.statement to service_role;

------------------------------------------------------------------------------------------------
-- Closing
------------------------------------------------------------------------------------------------
create function worker.close_month(org_id uuid, month text) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_day     date := private.month_day(close_month.month);
  v_before  date;
  v_earlier text;
  v_sums    record;
begin
  perform private.require_organization(close_month.org_id);
  -- Waits for whoever is booking; who comes after sees the month closed.
  perform pg_advisory_xact_lock(private.ledger_lock(close_month.org_id));
  select c.closed_through into v_before from public.ledger_closings c where c.org_id = close_month.org_id;
  if v_before >= v_day then
    return private.statement(close_month.org_id, close_month.month);        -- closed is closed: asked again, the same answer
  elsif v_day + interval '1 month' > private.india_day(now()) then
    raise sqlstate 'PT409' using message = format('%s is not over yet', close_month.month), detail = 'month_not_over',
      hint = private.retry_at((v_day + interval '1 month') at time zone interval '05:30');
  end if;
  select min(l.statement_month) into v_earlier from public.usage_ledger l
   where l.org_id = close_month.org_id and l.statement_month < close_month.month and length(l.statement_month) = 7
     and (v_before is null or l.statement_month > private.month_text(v_before));
  if v_earlier is not null then
    raise sqlstate 'PT409' using message = format('%s is still open: months close in order', v_earlier), detail = 'earlier_month_open',
      hint = format('Close %s first.', v_earlier);
  end if;

  insert into public.usage_statements select d.* from private.draft_statements(close_month.org_id, close_month.month) d;
  insert into public.usage_statement_lines select l.* from private.ledger_lines(close_month.org_id, close_month.month) l;
  -- Added up the other way round: entries against statement, lines against statement.
  for v_sums in
    select s.currency, s.meta_cost, s.markup, s.billed, s.messages, e.*, k.*
      from public.usage_statements s
     cross join lateral (
       select coalesce(sum(l.amount) filter (where l.entry = 'meta_cost'), 0) as e_cost, coalesce(sum(l.amount) filter (where l.entry = 'markup'), 0) as e_markup,
              coalesce(sum(l.amount) filter (where l.is_billed), 0) as e_billed
         from public.usage_ledger l where l.org_id = s.org_id and l.statement_month = s.month and l.currency = s.currency) e
     cross join lateral (
       select coalesce(sum(x.meta_cost), 0) as k_cost, coalesce(sum(x.markup), 0) as k_markup, coalesce(sum(x.billed), 0) as k_billed,
              coalesce(sum(x.messages), 0) as k_messages
         from public.usage_statement_lines x where (x.org_id, x.month, x.currency) = (s.org_id, s.month, s.currency)) k
     where s.org_id = close_month.org_id and s.month = close_month.month
  loop
    if (v_sums.meta_cost, v_sums.markup, v_sums.billed) is distinct from (v_sums.e_cost, v_sums.e_markup, v_sums.e_billed)
       or (v_sums.meta_cost, v_sums.markup, v_sums.billed, v_sums.messages)
          is distinct from (v_sums.k_cost, v_sums.k_markup, v_sums.k_billed, v_sums.k_messages) then
      raise sqlstate 'PT500' using message = format('The statement of %s in %s does not add up, and was not closed', close_month.month, v_sums.currency),
        detail = 'statement_does_not_add_up', hint = 'Tell the developers; nothing was changed.';
    end if;
  end loop;
  insert into public.ledger_closings as c (org_id, closed_through) values (close_month.org_id, v_day)
  on conflict (org_id) do update set closed_through = excluded.closed_through;
  perform private.audit(close_month.org_id, 'ledger.closed', 'usage_statement', close_month.month);
  return private.statement(close_month.org_id, close_month.month);
end;
$$;
comment on function worker.close_month is
  'Closes a month (YYYY-MM, India) of an organization into its statements, and returns it; a closed one is returned as it was closed. Months without '
  'entries before it are closed with it. Raises PT404, PT409 month_not_over (with retry_at) or earlier_month_open, PT422 month_invalid, PT500 when the '
  'statement does not add up.';
grant execute on function worker.close_month to service_role;

create function worker.check_ledger(org_id uuid) returns jsonb
  language plpgsql stable security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_found jsonb;
begin
  perform private.require_organization(check_ledger.org_id);
  select coalesce(jsonb_agg(d.found), '[]') into v_found from (
    select jsonb_build_object('what', 'statement_differs_from_entries', 'month', s.month, 'currency', s.currency) as found
      from public.usage_statements s
      left join lateral (
        select sum(l.messages) as messages, sum(l.meta_cost) as meta_cost, sum(l.markup) as markup, sum(l.billed) as billed
          from private.ledger_lines(s.org_id, s.month) l where l.currency = s.currency) l on true
     where s.org_id = check_ledger.org_id
       and (s.messages, s.meta_cost, s.markup, s.billed)
           is distinct from (coalesce(l.messages, 0), coalesce(l.meta_cost, 0), coalesce(l.markup, 0), coalesce(l.billed, 0))
    union all
    select jsonb_build_object('what', 'entry_in_a_closed_month_without_statement', 'month', e.month, 'currency', e.currency)
      from (select distinct l.statement_month as month, l.currency from public.usage_ledger l where l.org_id = check_ledger.org_id) e
      join public.ledger_closings c on c.org_id = check_ledger.org_id and not private.later_month(e.month, c.closed_through)
     where not exists (select from public.usage_statements s where (s.org_id, s.month, s.currency) = (check_ledger.org_id, e.month, e.currency))
    union all
    select jsonb_build_object('what', 'taken_back_with_another_amount', 'id', r.id)
      from public.usage_ledger r join public.usage_ledger l on (l.org_id, l.id) = (r.org_id, r.reverses)
     where r.org_id = check_ledger.org_id and (-r.amount, r.entry, r.wamid, r.currency, r.is_billed)
           is distinct from (l.amount, l.entry, l.wamid, l.currency, l.is_billed)
    union all
    select jsonb_build_object('what', 'more_than_one_live_entry', 'wamid', l.wamid, 'entry', l.entry)
      from public.usage_ledger l
     where l.org_id = check_ledger.org_id and l.reverses is null
       and not exists (select from public.usage_ledger r where r.org_id = l.org_id and r.reverses = l.id)
     group by l.wamid, l.entry having count(*) > 1
    limit 100) d;
  return jsonb_build_object('ok', v_found = '[]', 'differences', v_found,
    'months', (select count(*) from public.usage_statements s where s.org_id = check_ledger.org_id),
    'entries', (select count(*) from public.usage_ledger l where l.org_id = check_ledger.org_id));
end;
$$;
comment on function worker.check_ledger is
  'Recomputes closed months from their entries, and looks at what was taken back: {ok, months, entries, differences: at most 100}. Raises PT404.';
grant execute on function worker.check_ledger to service_role;
