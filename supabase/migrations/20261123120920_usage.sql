-- 920_usage.sql: what messages cost, summed up for people: by day, category, number, template, person and source of lead, down to the message.

------------------------------------------------------------------------------------------------
-- Sums
------------------------------------------------------------------------------------------------
create table private.usage_pending (
  org_id    uuid not null references public.organizations (id) on delete restrict,
  ledger_id bigint not null,
  primary key (org_id, ledger_id)
);
comment on table private.usage_pending is
  'Ledger entries that are not summed up yet. Written with the entry, taken away with the sums, in one transaction each: sums and rest are always the whole.';
comment on column private.usage_pending.org_id is 'The organization.';
comment on column private.usage_pending.ledger_id is 'The entry. No foreign key: entries are never removed.';
alter table private.usage_pending enable row level security;

create function private.tg_usage_ledger__is_to_be_summed() returns trigger
  language plpgsql volatile security definer set search_path = ''
as $$
begin
  insert into private.usage_pending (org_id, ledger_id) select n.org_id, n.id from new_entries n;
  return null;
end;
$$;
comment on function private.tg_usage_ledger__is_to_be_summed is 'New entries wait to be summed up and settled.';
create trigger usage_ledger_is_summed after insert on public.usage_ledger referencing new table as new_entries
  for each statement execute function private.tg_usage_ledger__is_to_be_summed();

create table public.usage_days (
  org_id       uuid not null,
  id           bigint generated always as identity,
  month        text not null,
  day          date not null,
  currency     text not null,
  category     text not null,
  pricing_type text,
  number_id    uuid not null,
  template     text,
  sender_id    uuid,
  source_id    uuid,
  messages     int not null,
  charged      int not null,
  free         int not null,
  meta_cost    numeric(18, 6) not null,
  markup       numeric(18, 6) not null,
  billed       numeric(18, 6) not null,
  primary key (org_id, id),
  constraint usage_day_is_of_a_number foreign key (org_id, number_id) references public.whatsapp_numbers (org_id, id) on delete restrict,
  constraint usage_day_is_one unique nulls not distinct
    (org_id, month, day, currency, category, pricing_type, number_id, template, sender_id, source_id)
) with (fillfactor = 80);
comment on table public.usage_days is 'The ledger summed up by day in India and by what people ask for; entries of the last seconds wait in private.usage_pending.';
comment on column public.usage_days.org_id is 'The organization.';
comment on column public.usage_days.id is 'Running number.';
comment on column public.usage_days.month is 'Statement month, YYYY-MM: later than the day where that month was closed already.';
comment on column public.usage_days.day is 'Day of the billable moment in India.';
comment on column public.usage_days.currency is 'Of the amounts.';
comment on column public.usage_days.category is 'As in a statement: unknown, needs_review and cbp stand apart.';
comment on column public.usage_days.pricing_type is 'regular, free_customer_service, …; null in review.';
comment on column public.usage_days.number_id is 'The number.';
comment on column public.usage_days.template is 'Name of the template; null for other messages and those that Flow did not send.';
comment on column public.usage_days.sender_id is 'The member who sent it; null for automatic ones and those that Flow did not send. No foreign key: it outlives the membership.';
comment on column public.usage_days.source_id is 'Source of the contact''s newest lead at that time; null without one. No foreign key: it outlives the source.';
comment on column public.usage_days.messages is 'Messages, less those taken back.';
comment on column public.usage_days.charged is 'Those that cost something.';
comment on column public.usage_days.free is 'Those that cost nothing; neither counts what needs review, nor conversation pricing.';
comment on column public.usage_days.meta_cost is 'Sum of Meta''s costs.';
comment on column public.usage_days.markup is 'Sum of markups.';
comment on column public.usage_days.billed is 'Sum of what is owed to Flow.';
create index usage_days_day on public.usage_days (org_id, day);
create index usage_days_number on public.usage_days (org_id, number_id);
alter table public.usage_days enable row level security;
create policy "Members can read their organization's daily usage" on public.usage_days
  for select to authenticated using (org_id = any (array(select private.my_org_ids())));
grant select on public.usage_days to authenticated;

create function private.message_of(org_id uuid, message_id bigint, wamid text) returns bigint
  language plpgsql stable security definer set search_path = ''
as $$
begin
  return coalesce(message_of.message_id, (select m.id from public.messages m
    where m.org_id = message_of.org_id and m.wamid = message_of.wamid and m.direction = 'outbound'));
end;
$$;
comment on function private.message_of is
  'The message of a ledger entry: as it was booked, or, where it was booked before Flow knew the wamid, the one that has it now; null: not Flow''s.';

create function private.sum_entries(orgs uuid[], ledger_ids bigint[]) returns setof public.usage_days
  language plpgsql stable security definer set search_path = ''
as $$
begin
  return query
    select l.org_id, null::bigint, l.statement_month, private.india_day(l.billable_at), l.currency,
           case when l.needs_review then 'needs_review' when l.source = 'cbp' then 'cbp' else coalesce(l.category, 'unknown') end,
           case when not l.needs_review then l.pricing_type end, l.number_id, m.body #>> '{template,name}', m.sender_id, s.source_id,
           coalesce(sum(case when l.reverses is null then 1 else -1 end) filter (where l.entry = 'meta_cost'), 0)::int,
           coalesce(sum(case when l.reverses is null then 1 else -1 end) filter (where l.entry = 'meta_cost' and l.amount <> 0), 0)::int,
           coalesce(sum(case when l.reverses is null then 1 else -1 end)
                      filter (where l.entry = 'meta_cost' and l.amount = 0 and not l.needs_review and l.source <> 'cbp'), 0)::int,
           coalesce(sum(l.amount) filter (where l.entry = 'meta_cost'), 0)::numeric(18, 6),
           coalesce(sum(l.amount) filter (where l.entry = 'markup'), 0)::numeric(18, 6),
           coalesce(sum(l.amount) filter (where l.is_billed), 0)::numeric(18, 6)
      from unnest(orgs, ledger_ids) k (org_id, id)
      join public.usage_ledger l on (l.org_id, l.id) = (k.org_id, k.id)
      left join public.messages m on m.org_id = l.org_id and m.id = private.message_of(l.org_id, l.message_id, l.wamid)
      left join lateral (
        select e.source_id from public.leads e
         where e.org_id = m.org_id and e.contact_id = m.contact_id and e.received_at <= m.at order by e.received_at desc, e.id limit 1) s on true
     group by 1, 3, 4, 5, 6, 7, 8, 9, 10, 11
     order by 1, 3, 4, 5, 6, 7, 8, 9, 10, 11;
end;
$$;
comment on function private.sum_entries is 'Ledger entries summed up as rows of usage_days (without id), ordered.';

create function private.settle_usage(org_id uuid default null, batch int default 20000) returns int
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_orgs  uuid[];
  v_ids   bigint[];
  v_total int := 0;
begin
  -- One at a time: whoever closes a month waits for its turn, the sweep leaves it to whoever is at it.
  if settle_usage.org_id is not null then
    perform pg_advisory_xact_lock(hashtextextended('flow.settle_usage', 0));
  elsif not pg_try_advisory_xact_lock(hashtextextended('flow.settle_usage', 0)) then
    return 0;
  end if;
  loop
    with taken as (
      delete from private.usage_pending p
       where (p.org_id, p.ledger_id) in (select q.org_id, q.ledger_id from private.usage_pending q
                                          where settle_usage.org_id is null or q.org_id = settle_usage.org_id
                                          order by q.org_id, q.ledger_id limit settle_usage.batch)
      returning p.org_id, p.ledger_id)
    select array_agg(t.org_id order by t.org_id, t.ledger_id), array_agg(t.ledger_id order by t.org_id, t.ledger_id) into v_orgs, v_ids from taken t;
    if v_ids is not null then
      insert into public.usage_days as d (org_id, month, day, currency, category, pricing_type, number_id, template, sender_id, source_id, messages,
                                          charged, free, meta_cost, markup, billed)
      select s.org_id, s.month, s.day, s.currency, s.category, s.pricing_type, s.number_id, s.template, s.sender_id, s.source_id, s.messages, s.charged, s.free, s.meta_cost,
             s.markup, s.billed from private.sum_entries(v_orgs, v_ids) s
      on conflict on constraint usage_day_is_one do update
        set messages = d.messages + excluded.messages, charged = d.charged + excluded.charged, free = d.free + excluded.free,
            meta_cost = d.meta_cost + excluded.meta_cost, markup = d.markup + excluded.markup,
            billed = d.billed + excluded.billed;
      perform private.note_windows(v_orgs, v_ids);
    end if;
    perform private.settle_wallets(coalesce(v_orgs, array[settle_usage.org_id]), coalesce(v_ids, '{}'));
    v_total := v_total + coalesce(cardinality(v_ids), 0);
    exit when settle_usage.org_id is null or v_ids is null;
  end loop;
  return v_total;
end;
$$;
comment on function private.settle_usage is
  'Sums up new ledger entries, takes what is billed from prepaid wallets, ends holds and notes windows: every two seconds a batch, or all of one '
  'organization. Returns how many entries.';

------------------------------------------------------------------------------------------------
-- Pages
------------------------------------------------------------------------------------------------
create function private.usage_rows(org_id uuid, month text) returns setof public.usage_days
  language plpgsql stable security definer set search_path = ''
as $$
declare
  v_ids bigint[];
begin
  select array_agg(p.ledger_id) into v_ids from private.usage_pending p join public.usage_ledger l on (l.org_id, l.id) = (p.org_id, p.ledger_id)
   where p.org_id = usage_rows.org_id and l.statement_month = usage_rows.month;
  return query select d.* from public.usage_days d where d.org_id = usage_rows.org_id and d.month = usage_rows.month;
  if v_ids is not null then
    return query select s.* from private.sum_entries(array_fill(usage_rows.org_id, array[cardinality(v_ids)]), v_ids) s;
  end if;
end;
$$;
comment on function private.usage_rows is 'The sums of a statement month, those of the last seconds included.';

create function private.usage(org_id uuid, month text) returns jsonb
  language plpgsql stable security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_day   date;
  v_rows  public.usage_days[];
  v_money text;
begin
  perform private.require_role(usage.org_id, 'agent');
  v_day := private.month_day(usage.month);
  select array_agg(r) into v_rows from private.usage_rows(usage.org_id, usage.month) r;
  v_money := coalesce((select r.currency from unnest(v_rows) r order by r.currency <> 'INR', r.currency limit 1), 'INR');
  return jsonb_build_object('month', usage.month, 'currency', v_money,
    'closed', exists (select from public.ledger_closings c where c.org_id = usage.org_id and c.closed_through >= v_day),
    'other_currencies', (select coalesce(jsonb_agg(distinct r.currency), '[]') from unnest(v_rows) r where r.currency <> v_money),
    'totals', (select private.usage_sums(array_agg(r)) from unnest(v_rows) r where r.currency = v_money),
    'days', (select coalesce(jsonb_agg(private.usage_sums(d.rows) || jsonb_build_object('day', d.day) order by d.day), '[]')
               from (select r.day, array_agg(r) as rows from unnest(v_rows) r where r.currency = v_money group by 1) d),
    'categories', (select coalesce(jsonb_agg(private.usage_sums(d.rows) || jsonb_build_object('category', d.category) order by d.category), '[]')
                     from (select r.category, array_agg(r) as rows from unnest(v_rows) r where r.currency = v_money group by 1) d),
    'numbers', (select coalesce(jsonb_agg(private.usage_sums(d.rows) || jsonb_build_object('number_id', n.id, 'display_phone', n.display_phone,
                         'free_service_used', coalesce(f.used, 0), 'free_service_limit', 1000) order by n.display_phone, n.id), '[]')
                  from public.whatsapp_numbers n
                  left join (select r.number_id, array_agg(r) as rows from unnest(v_rows) r where r.currency = v_money group by 1) d on d.number_id = n.id
                  left join public.free_allowance f on (f.org_id, f.number_id, f.month) = (n.org_id, n.id, usage.month)
                 where n.org_id = usage.org_id and (d.rows is not null or n.status <> 'disconnected')),
    'spending', private.spending(usage.org_id));
end;
$$;
comment on function private.usage is 'public.usage behind its door.';

create function private.usage_sums(rows public.usage_days[]) returns jsonb
  language plpgsql immutable set search_path = ''
as $$
begin
  return (select jsonb_build_object('messages', coalesce(sum(r.messages), 0),
      'charged', coalesce(sum(r.charged), 0), 'free', coalesce(sum(r.free), 0),
      'needs_review', coalesce(sum(r.messages) filter (where r.category = 'needs_review'), 0),
      'meta_cost', round(coalesce(sum(r.meta_cost), 0), 6)::text, 'markup', round(coalesce(sum(r.markup), 0), 6)::text,
      'total', round(coalesce(sum(r.meta_cost + r.markup), 0), 6)::text, 'billed', round(coalesce(sum(r.billed), 0), 6)::text)
    from unnest(rows) r);
end;
$$;
comment on function private.usage_sums is 'Sums of rows of usage_days: {messages, charged, free, needs_review, meta_cost, markup, total, billed}; amounts as text.';

create function public.usage(org_id uuid, month text) returns jsonb
  language sql stable set search_path = ''
begin atomic
  select private.usage(org_id, month);
end;
comment on function public.usage is
  'A month''s usage at a glance, for members: {month, currency, closed, totals, days, categories, numbers (with free_service_used of 1,000), each with '
  'messages, charged, free, needs_review, meta_cost, markup, total, billed (text, before GST); spending: wallet, caps, warnings}. Raises PT404, PT422 month_invalid.';
grant execute on function private.usage, public.usage to authenticated;

create function private.usage_by(org_id uuid, month text, dimension text) returns jsonb
  language plpgsql stable security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_from timestamptz;
  v_to   timestamptz;
begin
  perform private.require_role(usage_by.org_id, 'agent');
  v_from := private.month_day(usage_by.month)::timestamp at time zone interval '05:30';
  v_to := (private.month_day(usage_by.month) + interval '1 month')::timestamp at time zone interval '05:30';
  if dimension is null or dimension not in ('day', 'category', 'number', 'template', 'agent', 'source') then
    raise sqlstate 'PT422' using message = 'Ask by day, category, number, template, agent or source', detail = 'dimension_unknown', hint = 'One of the six.';
  end if;
  return (select coalesce(jsonb_agg(
      private.usage_sums(g.rows) || jsonb_build_object('key', g.key, 'label', case usage_by.dimension
        when 'number' then (select coalesce(n.display_phone, n.phone_number_id) from public.whatsapp_numbers n where n.org_id = usage_by.org_id and n.id::text = g.key)
        when 'agent' then (select coalesce(p.name, p.email) from public.profiles p where p.id::text = g.key)
        when 'source' then (select s.name from public.lead_sources s where s.org_id = usage_by.org_id and s.id::text = g.key) else g.key end)
      || case when usage_by.dimension = 'source' and g.key is not null then (
           select jsonb_build_object('leads', k.leads, 'won', k.won,
             'cost_per_lead', case when k.leads > 0 then round(g.cost / k.leads, 6)::text end,
             'cost_per_won_lead', case when k.won > 0 then round(g.cost / k.won, 6)::text end)
             from (select count(*) as leads, count(*) filter (where t.kind = 'won') as won
                     from public.leads l join public.pipeline_stages t on (t.org_id, t.id) = (l.org_id, l.stage_id)
                    where l.org_id = usage_by.org_id and l.source_id::text = g.key and l.received_at >= v_from and l.received_at < v_to) k) else '{}' end
      order by g.cost desc, g.key), '[]')
    from (select case usage_by.dimension when 'day' then r.day::text when 'category' then r.category when 'number' then r.number_id::text
                      when 'template' then r.template when 'agent' then r.sender_id::text else r.source_id::text end as key,
                 array_agg(r) as rows, sum(r.meta_cost + r.markup) as cost
            from private.usage_rows(usage_by.org_id, usage_by.month) r
           where r.currency = (select coalesce(min(x.currency) filter (where x.currency = 'INR'), min(x.currency), 'INR')
                                 from private.usage_rows(usage_by.org_id, usage_by.month) x)
           group by 1) g);
end;
$$;
comment on function private.usage_by is 'public.usage_by behind its door.';
create function public.usage_by(org_id uuid, month text, dimension text) returns jsonb
  language sql stable set search_path = ''
begin atomic
  select private.usage_by(org_id, month, dimension);
end;
comment on function public.usage_by is
  'A month''s usage by day, category, number, template, agent or source: a list [{key, label, messages, charged, free, needs_review, meta_cost, markup, total, '
  'billed}], the dearest first; key null: what has none. By source also leads and won leads of that month, cost_per_lead and cost_per_won_lead. Raises PT404, '
  'PT422 dimension_unknown, month_invalid.';
grant execute on function private.usage_by, public.usage_by to authenticated;

create function private.usage_messages(org_id uuid, month text, filter jsonb, after_id bigint, page_size int) returns jsonb
  language plpgsql stable security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_limit int := least(greatest(coalesce(page_size, 50), 1), 200);
  v_last  bigint := coalesce(after_id, 9223372036854775807);
begin
  perform private.month_day(usage_messages.month);
  return (select jsonb_build_object('messages', coalesce(jsonb_agg(x.row order by x.id desc), '[]'),
                                    'next', case when count(*) = v_limit then min(x.id) end)
    from (select l.id, jsonb_build_object('id', l.id, 'wamid', l.wamid, 'message_id', m.id, 'conversation_id', m.conversation_id,
                   'contact', coalesce(c.name, c.phone, c.wa_id), 'text', left(m.text, 160), 'template', m.body #>> '{template,name}',
                   'billable_at', l.billable_at, 'category', l.category, 'pricing_type', l.pricing_type, 'currency', l.currency, 'source', l.source,
                   'market', l.market, 'rate', l.rate::text, 'rate_verified', l.rate_verified, 'number_id', l.number_id,
                   'needs_review', l.needs_review, 'review_reason', l.review_reason, 'meta_cost', l.amount::text,
                   'markup', coalesce(k.amount, 0)::numeric(12, 6)::text,
                   'windows', (select coalesce(jsonb_agg(jsonb_build_object('kind', w.kind, 'opened_at', w.opened_at, 'closes_at', w.closes_at) order by w.kind), '[]')
                                 from public.conversation_windows w
                                where w.org_id = l.org_id and w.conversation_id = m.conversation_id
                                  and w.kind in ('customer_service', private.window_kind(l.category),
                                                 case l.pricing_type when 'free_entry_point' then 'entry_point' end)
                                  and w.opened_at <= l.billable_at and w.closes_at > l.billable_at)) as row
            from public.usage_ledger l
            left join public.messages m on m.org_id = l.org_id and m.id = private.message_of(l.org_id, l.message_id, l.wamid)
            left join public.contacts c on (c.org_id, c.id) = (m.org_id, m.contact_id)
            -- What was taken back later stands in this month as it stood in its statement.
            left join lateral (
              select x.amount from public.usage_ledger x
               where x.org_id = l.org_id and x.wamid = l.wamid and x.entry = 'markup' and x.reverses is null and x.statement_month = l.statement_month
                 and not exists (select from public.usage_ledger r where r.org_id = x.org_id and r.reverses = x.id and r.statement_month = x.statement_month)
               order by x.version desc limit 1) k on true
           where l.org_id = usage_messages.org_id and l.statement_month = usage_messages.month and l.id < v_last and l.entry = 'meta_cost' and l.reverses is null
             and not exists (select from public.usage_ledger r where r.org_id = l.org_id and r.reverses = l.id and r.statement_month = l.statement_month)
             and (filter ->> 'category' is null
                  or filter ->> 'category' = case when l.needs_review then 'needs_review' when l.source = 'cbp' then 'cbp' else coalesce(l.category, 'unknown') end)
             and (filter ->> 'number_id' is null or l.number_id::text = filter ->> 'number_id')
             and (filter ->> 'day' is null or private.india_day(l.billable_at)::text = filter ->> 'day')
             and (filter ->> 'template' is null or m.body #>> '{template,name}' = filter ->> 'template')
             and (filter ->> 'agent' is null or m.sender_id::text = filter ->> 'agent')
             and (filter ->> 'wamid' is null or l.wamid = filter ->> 'wamid')
             and (coalesce((filter ->> 'review')::boolean, false) is false or l.needs_review)
           order by l.id desc limit v_limit) x);
end;
$$;
comment on function private.usage_messages is 'Body of public.usage_messages and worker.ledger_entries: asks nobody''s leave.';

create function private.my_usage_messages(org_id uuid, month text, filter jsonb, after_id bigint, page_size int) returns jsonb
  language plpgsql stable security definer set search_path = ''
as $$
begin
  perform private.require_role(my_usage_messages.org_id, 'agent');
  perform private.known_fields(my_usage_messages.filter, 'filter', array['category', 'number_id', 'day', 'template', 'agent', 'wamid', 'review']);
  perform private.flag_field(my_usage_messages.filter, 'review', 'filter');
  return private.usage_messages(my_usage_messages.org_id, my_usage_messages.month, my_usage_messages.filter, my_usage_messages.after_id, my_usage_messages.page_size);
end;
$$;
comment on function private.my_usage_messages is 'public.usage_messages behind its door.';
create function public.usage_messages(org_id uuid, month text, filter jsonb default '{}', after_id bigint default null, page_size int default 50) returns jsonb
  language sql stable set search_path = ''
begin atomic
  select private.my_usage_messages(org_id, month, filter, after_id, page_size);
end;
comment on function public.usage_messages is
  'The messages behind a month''s usage, newest entries first: filter {category, number_id, day, template, agent, wamid, review}; at most 200 a page. Returns '
  '{messages: [{id, wamid, message_id, conversation_id, contact, text, billable_at, category, pricing_type, meta_cost, markup, rate, windows it fell into, '
  'needs_review, review_reason, …}], next: after_id of the next page, null at the end}. Raises PT404, PT422.';
grant execute on function private.my_usage_messages, public.usage_messages to authenticated;

create function worker.ledger_entries(org_id uuid, month text, wamid text default null, review_only boolean default false, after bigint default null) returns jsonb
  language plpgsql stable security definer set search_path = ''
as $$
begin
  perform private.require_organization(ledger_entries.org_id);
  return private.usage_messages(ledger_entries.org_id, ledger_entries.month,
    jsonb_strip_nulls(jsonb_build_object('wamid', ledger_entries.wamid, 'review', ledger_entries.review_only)), ledger_entries.after, 200);
end;
$$;
comment on function worker.ledger_entries is 'private.usage_messages for the operator: {messages, next}. Raises PT404, PT422.';

create function worker.rates(market text default null) returns jsonb
  language plpgsql stable security definer set search_path = ''
as $$
begin
  return jsonb_build_object('rates', (select coalesce(jsonb_agg(jsonb_build_object('market', r.market, 'market_name', r.market_name, 'currency', r.currency,
      'category', r.category, 'tier_from', r.tier_from, 'tier_to', r.tier_to, 'rate', r.rate::text, 'from', r.valid_from, 'to', r.valid_to, 'verified', r.verified, 'source', r.source, 'note', r.note)
      order by r.market, r.currency, r.category, r.tier_from, r.valid_from), '[]')
    from public.rate_cards r where r.superseded_at is null and (rates.market is null or r.market = rates.market)));
end;
$$;
comment on function worker.rates is 'The rates in force, of one market or all: {rates: [{market, market_name, currency, category, tier_from, tier_to, rate, from, to, verified, source, note}]}.';
grant execute on function worker.ledger_entries, worker.rates to service_role;

create function worker.ledger_problems() returns jsonb
  language plpgsql stable security definer set search_path = ''
as $$
begin
  return jsonb_build_object(
    'needs_review', (select coalesce(jsonb_object_agg(r.reason, r.n), '{}') from (
       select l.review_reason as reason, count(*) as n from private.billing_facts f join public.usage_ledger l on (l.org_id, l.id) = (f.org_id, f.cost_id)
        where f.cost_id is not null and f.priced_at is null and l.needs_review group by 1) r),
    'unpriced_accounts', (select count(*) from public.whatsapp_accounts a where a.status <> 'disconnected' and (a.time_zone is null or a.currency is null)),
    'unsettled', (select count(*) from private.usage_pending),
    'unsettled_since', (select min(l.recorded_at) from (select p.* from private.usage_pending p order by p.org_id, p.ledger_id limit 100) p
                          join public.usage_ledger l on (l.org_id, l.id) = (p.org_id, p.ledger_id)),
    'differences', (select count(*) from public.usage_reconciliations d where d.status = 'differs'));
end;
$$;
comment on function worker.ledger_problems is
  'What an operator should look at in the ledger: {needs_review: messages by reason, unpriced_accounts: without time zone or currency, unsettled: entries, '
  'unsettled_since, differences: open ones against Meta''s figures}.';
grant execute on function worker.ledger_problems to service_role;
