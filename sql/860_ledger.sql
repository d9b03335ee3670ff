-- 860_ledger.sql: the usage ledger. What statuses tell of a message, and the entries that follow from it; 870_pricing.sql decides the price.

------------------------------------------------------------------------------------------------
-- The ledger
------------------------------------------------------------------------------------------------
create table public.usage_ledger (
  org_id          uuid not null,
  id              bigint generated always as identity,
  wamid           text not null,
  entry           text not null,
  amount          numeric(12, 6) not null,
  currency        text not null,
  category        text,
  pricing_type    text,
  billable_at     timestamptz not null,
  needs_review    boolean not null default false,
  review_reason   text,
  reverses        bigint,
  statement_month text not null,
  version         int not null,
  is_billed       boolean not null,
  account_id      uuid not null,
  number_id       uuid not null,
  message_id      bigint,
  source          text not null,
  market          text,
  time_zone       text,
  rate            numeric(12, 6),
  rate_verified   boolean,
  note            text,
  recorded_at     timestamptz not null default now(),
  primary key (org_id, id),
  constraint ledger_entry_is_of_a_number_of_its_organization foreign key (org_id, number_id)
    references public.whatsapp_numbers (org_id, id) on delete restrict,
  constraint ledger_entry_reverses_one_of_its_organization foreign key (org_id, reverses)
    references public.usage_ledger (org_id, id) on delete restrict,
  constraint ledger_entry_kind_is_known check (entry in ('meta_cost', 'markup')),
  constraint ledger_amount_is_negative_only_when_it_reverses check (reverses is not null and amount <= 0 or reverses is null and amount >= 0),
  constraint ledger_review_has_a_reason_and_no_amount check (needs_review = (review_reason is not null) and (not needs_review or amount = 0)),
  constraint ledger_source_is_known check (source in ('meta', 'card', 'free', 'cbp', 'review', 'markup')),
  constraint ledger_month_is_a_month check (statement_month ~ '^[0-9]{4,6}-(0[1-9]|1[0-2])$')
);
comment on table public.usage_ledger is
  'What each delivered message cost: Meta''s part and Flow''s markup as entries of their own. Append-only, for its owner role too: a correction takes the '
  'old entry back (reverses) and books anew. The sum by (wamid, entry) is the final figure; the rules are numbered R1 to R33 in the comments.';
comment on column public.usage_ledger.org_id is 'The organization.';
comment on column public.usage_ledger.id is 'Running number.';
comment on column public.usage_ledger.wamid is 'Meta''s id of the message. At most one entry of a kind is neither taken back nor takes back.';
comment on column public.usage_ledger.entry is 'meta_cost: what Meta asks. markup: what Flow adds, only for messages that Flow sent (R24).';
comment on column public.usage_ledger.amount is 'Six decimals, half away from zero, rounded once (R20); before GST. Negative in a row that takes back.';
comment on column public.usage_ledger.currency is 'ISO 4217: that of the WhatsApp Business account, INR where it is not known.';
comment on column public.usage_ledger.category is 'What Meta billed it as, with underscore; null when Meta named none.';
comment on column public.usage_ledger.pricing_type is 'regular, free_customer_service, free_entry_point, …, as Meta said; cbp for conversation pricing before July 2025.';
comment on column public.usage_ledger.billable_at is 'The earliest instant at which Meta says it was delivered, read or played (R7).';
comment on column public.usage_ledger.needs_review is 'The price is not known, and is never guessed (R14); resolves by itself when Meta tells it.';
comment on column public.usage_ledger.review_reason is
  'missing_pricing, conflicting_pricing, group_message, unknown_model, cbp_after_end, missing_type, unknown_type, unknown_subtype, free_with_cost, bad_cost, '
  'cost_currency, missing_category, unknown_category, market_unknown, recipient_conflict, zone_unknown, no_rate or markup_too_large; null: no review.';
comment on column public.usage_ledger.reverses is 'The entry that this row takes back; null otherwise.';
comment on column public.usage_ledger.statement_month is 'YYYY-MM: the month in India of the billable moment, or the first open one after it when that is closed (R27, R28).';
comment on column public.usage_ledger.version is 'Counts the bookings of a wamid; a row that takes back has that of the row taken back.';
comment on column public.usage_ledger.is_billed is 'Whether the organization owes the amount to Flow: its markup, and Meta''s cost where Flow pays Meta (R25).';
comment on column public.usage_ledger.account_id is 'The WhatsApp Business account. No foreign key: books outlive it.';
comment on column public.usage_ledger.number_id is 'The number that sent it.';
comment on column public.usage_ledger.message_id is 'The message, when Flow sent it; no foreign key: the entry outlives the message.';
comment on column public.usage_ledger.source is 'Where the amount comes from: meta named it, the rate card, free, cbp, review (none yet), or the plan''s markup.';
comment on column public.usage_ledger.market is 'The market whose card was used; null where none was needed.';
comment on column public.usage_ledger.time_zone is 'The account''s time zone that decided the day of the rate.';
comment on column public.usage_ledger.rate is 'The rate of the card; in a markup that of the cost it belongs to.';
comment on column public.usage_ledger.rate_verified is 'Whether that rate was verified.';
comment on column public.usage_ledger.note is 'Why an entry was taken back, in words; null otherwise.';
comment on column public.usage_ledger.recorded_at is 'When it was booked.';
create unique index ledger_entry_is_booked_once on public.usage_ledger (org_id, wamid, entry, version) where reverses is null;
create unique index ledger_entry_is_taken_back_once on public.usage_ledger (org_id, reverses) where reverses is not null;
create index usage_ledger_month on public.usage_ledger (org_id, statement_month, id);
create index usage_ledger_newest on public.usage_ledger (org_id, billable_at desc, id desc) where reverses is null;
create index usage_ledger_number on public.usage_ledger (org_id, number_id);
create index usage_ledger_reverses on public.usage_ledger (org_id, reverses);
alter table public.usage_ledger enable row level security;
create policy "Members can read what their organization's messages cost" on public.usage_ledger
  for select to authenticated using (org_id = any (array(select private.my_org_ids())));
grant select on public.usage_ledger to authenticated;
create trigger usage_ledger_forbid_change before update or delete on public.usage_ledger
  for each row execute function private.forbid_change();
create trigger usage_ledger_forbid_truncate before truncate on public.usage_ledger
  for each statement execute function private.forbid_change();

------------------------------------------------------------------------------------------------
-- What statuses told
------------------------------------------------------------------------------------------------
create table private.billing_facts (
  org_id           uuid not null references public.organizations (id) on delete restrict,
  wamid            text not null,
  number_id        uuid not null,
  delivered_at     timestamptz,
  delivered_prices text[] not null default '{}',
  sent_prices      text[] not null default '{}',
  other_prices     text[] not null default '{}',
  phones           text[] not null default '{}',
  user_ids         text[] not null default '{}',
  message_id       bigint,
  is_group         boolean not null default false,
  is_from_phone    boolean not null default false,
  is_live          boolean not null default false,
  cost_id          bigint,
  markup_id        bigint,
  version          int not null default 0,
  priced_at        timestamptz,
  time_zone        text,
  currency         text,
  primary key (org_id, wamid)
) with (fillfactor = 70);
comment on table private.billing_facts is
  'All that statuses ever told of a wamid that its price depends on, joined so that order and repetition cannot matter; and which entries are booked for it.';
comment on column private.billing_facts.org_id is 'The organization.';
comment on column private.billing_facts.wamid is 'Meta''s id of the message.';
comment on column private.billing_facts.number_id is 'The number. No foreign key: it outlives the number.';
comment on column private.billing_facts.delivered_at is 'The earliest instant of a status delivered, read or played: the billable moment; null: none came, nothing is billed.';
comment on column private.billing_facts.delivered_prices is 'Different prices of statuses delivered, read and played, in the normal form of private.normal_price.';
comment on column private.billing_facts.sent_prices is 'The same of statuses sent: Meta''s estimate.';
comment on column private.billing_facts.other_prices is 'The same of all other statuses.';
comment on column private.billing_facts.phones is 'Different recipient_id of all its statuses.';
comment on column private.billing_facts.user_ids is 'Different recipient_user_id of all its statuses.';
comment on column private.billing_facts.message_id is 'The message of this organization that a status named as callback data. No foreign key: it outlives the message.';
comment on column private.billing_facts.is_group is 'A status was of a group message.';
comment on column private.billing_facts.is_from_phone is 'An echo or the history of the phone app named it: sent there, free.';
comment on column private.billing_facts.is_live is 'A status came while the number was connected here.';
comment on column private.billing_facts.cost_id is 'The live entry of Meta''s cost. No foreign key: it is written together with the entry.';
comment on column private.billing_facts.markup_id is 'The live entry of the markup. No foreign key: it is written together with the entry.';
comment on column private.billing_facts.version is 'Bookings so far.';
comment on column private.billing_facts.priced_at is 'Since when it has a price, null while it has none: rates and plans count as they were known then.';
comment on column private.billing_facts.time_zone is 'The zone it was priced in; a later change of the account''s zone reprices nothing.';
comment on column private.billing_facts.currency is 'The currency it was priced in.';
create index billing_facts_in_review on private.billing_facts (org_id, wamid) where cost_id is not null and priced_at is null;
alter table private.billing_facts enable row level security;

create function private.join_texts(one text[], other text[]) returns text[]
  language plpgsql immutable set search_path = ''
as $$
begin
  return case when other is null or other <@ one then one else array(select distinct t from unnest(one || other) t order by 1) end;
end;
$$;
comment on function private.join_texts is 'Both sets of texts as one, sorted, each once.';

create function private.normal_price(pricing jsonb) returns text
  language plpgsql immutable set search_path = ''
as $$
declare
  v_type   text := left(nullif(pricing ->> 'type', ''), 100);
  v_cost   jsonb := pricing -> 'cost';
  v_given  text;
  v_amount text;
begin
  if jsonb_typeof(pricing) is distinct from 'object' or pricing = '{}' then
    return null;
  elsif jsonb_typeof(v_cost) = 'object' then
    v_given := v_cost ->> 'amount';
    if jsonb_typeof(v_cost -> 'amount') in ('number', 'string') and v_given <> '' then
      -- From its JSON text, as it stands; what is no finite number, or beyond all prices, is kept as such.
      v_amount := case when length(v_given) < 1000 and v_given ~ '^\s*[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,3})?\s*$'
                       then trim_scale(btrim(v_given, E' \t\r\n')::numeric)::text else 'bad' end;
    elsif coalesce(v_given, '') <> '' then
      v_amount := 'bad';
    end if;
  elsif coalesce(v_cost, 'null') not in ('null', '""') then
    v_amount := 'bad';
  end if;
  return jsonb_build_array(
    coalesce(left(nullif(pricing ->> 'pricing_model', ''), 100), case when v_type is not null then 'PMP' end), v_type,
    case pricing ->> 'category' when 'authentication-international' then 'authentication_international'
                                else left(nullif(pricing ->> 'category', ''), 100) end,
    left(nullif(pricing ->> 'subtype', ''), 100), v_amount, left(nullif(v_cost ->> 'currency', ''), 100))::text;
end;
$$;
comment on function private.normal_price is
  'The normal form of a status''s pricing, in which two are compared: text of [model, type, category, subtype, cost amount as a number or "bad", cost '
  'currency]; null when it says nothing. Rule R13.';

create function private.share_rates() returns void
  language sql volatile security definer set search_path = ''
as $$
  select pg_advisory_xact_lock_shared(hashtextextended('flow.rate_cards', 0))
$$;
comment on function private.share_rates is
  'Waits for an import of rates under way, and holds the next one up until the transaction ends. Taken before facts are locked.';

create function private.meter_statuses(statuses private.meta_update[]) returns void
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_orgs   uuid[];
  v_wamids text[];
begin
  if cardinality(statuses) = 0 then
    return;
  end if;
  perform private.share_rates();
  with said as materialized (
    select u.org_id, u.item ->> 'id' as wamid, u.number_id, u.at, u.number_status <> 'disconnected' as is_live,
           u.item ->> 'status' in ('delivered', 'read', 'played') as is_delivery, u.item ->> 'status' = 'sent' as is_sent,
           private.normal_price(u.item -> 'pricing') as price, substring(u.item ->> 'recipient_id' from '^\+?([0-9]{1,20})$') as phone,
           substring(u.item ->> 'recipient_user_id' from '^[A-Z]{2}\..+') as user_id,
           coalesce(u.item ->> 'recipient_type' = 'group' or u.item #>> '{pricing,category}' like 'group\_%'
                    or u.item #>> '{pricing,type}' = 'free_group_customer_service', false) as is_group,
           (select m.id from public.messages m
             where m.org_id = u.org_id and m.direction = 'outbound'
               and m.id = substring(u.item ->> 'biz_opaque_callback_data' from '^flow\.([0-9]{1,18})$')::bigint) as message_id
      from unnest(statuses) u
  ), told as (
    select s.org_id, s.wamid, (array_agg(s.number_id order by s.number_id))[1] as number_id, min(s.at) filter (where s.is_delivery) as delivered_at,
           coalesce(array_agg(distinct s.price) filter (where s.is_delivery and s.price is not null), '{}') as delivered_prices,
           coalesce(array_agg(distinct s.price) filter (where s.is_sent and s.price is not null), '{}') as sent_prices,
           coalesce(array_agg(distinct s.price) filter (where s.is_delivery is not true and s.is_sent is not true and s.price is not null), '{}') as other_prices,
           coalesce(array_agg(distinct s.phone) filter (where s.phone is not null), '{}') as phones,
           coalesce(array_agg(distinct s.user_id) filter (where s.user_id is not null), '{}') as user_ids,
           min(s.message_id) as message_id, bool_or(s.is_group) as is_group, bool_or(s.is_live) as is_live
      from said s group by 1, 2 order by 1, 2
  ), kept as (
    insert into private.billing_facts as f (org_id, wamid, number_id, delivered_at, delivered_prices, sent_prices, other_prices, phones, user_ids,
                                            message_id, is_group, is_live)
    select t.org_id, t.wamid, t.number_id, t.delivered_at, t.delivered_prices, t.sent_prices, t.other_prices, t.phones, t.user_ids, t.message_id,
           t.is_group, t.is_live
      from told t
    on conflict (org_id, wamid) do update
      set number_id = least(f.number_id, excluded.number_id), delivered_at = least(f.delivered_at, excluded.delivered_at),
          delivered_prices = private.join_texts(f.delivered_prices, excluded.delivered_prices),
          sent_prices = private.join_texts(f.sent_prices, excluded.sent_prices),
          other_prices = private.join_texts(f.other_prices, excluded.other_prices),
          phones = private.join_texts(f.phones, excluded.phones), user_ids = private.join_texts(f.user_ids, excluded.user_ids),
          message_id = least(f.message_id, excluded.message_id), is_group = f.is_group or excluded.is_group, is_live = f.is_live or excluded.is_live
      -- A repeat changes nothing, and so books nothing.
      where excluded.delivered_at < f.delivered_at or excluded.delivered_at is not null and f.delivered_at is null
         or not (excluded.delivered_prices <@ f.delivered_prices and excluded.sent_prices <@ f.sent_prices and excluded.other_prices <@ f.other_prices
                 and excluded.phones <@ f.phones and excluded.user_ids <@ f.user_ids)
         or excluded.message_id < f.message_id or excluded.message_id is not null and f.message_id is null
         or excluded.is_group and not f.is_group or excluded.is_live and not f.is_live or excluded.number_id < f.number_id
    returning f.org_id, f.wamid, f.delivered_at)
  select array_agg(k.org_id), array_agg(k.wamid) into v_orgs, v_wamids from kept k where k.delivered_at is not null;
  perform private.book(v_orgs, v_wamids);
end;
$$;
comment on function private.meter_statuses is
  'Joins what routed statuses tell into the facts of their wamids, whether or not Flow has a message for them (R1), and books what follows. In any order '
  'and any number of times with one result.';

create function private.meter_known(orgs uuid[], wamids text[]) returns void
  language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_orgs   uuid[];
  v_wamids text[];
begin
  if wamids is null then
    return;
  end if;
  perform private.share_rates();
  -- Also of whoever has had the same number: a wamid that turns out to be another organization's leaves their ledger.
  select array_agg(f.org_id order by f.org_id, f.wamid), array_agg(f.wamid order by f.org_id, f.wamid) into v_orgs, v_wamids
    from private.billing_facts f
   where f.wamid = any (wamids) and f.delivered_at is not null
     and f.org_id in (select o.org_id from public.whatsapp_numbers n join public.whatsapp_numbers o on o.phone_number_id = n.phone_number_id
                       where n.org_id = any (orgs));
  perform private.book(v_orgs, v_wamids);
  -- What had its price before it was known as ours need not be set aside any more.
  with priced as (
    select s.org_id, s.message_id from unnest(v_orgs, v_wamids) k (org_id, wamid)
      join private.billing_facts f on (f.org_id, f.wamid) = (k.org_id, k.wamid) and f.priced_at is not null
      join public.messages m on (m.org_id, m.wamid) = (k.org_id, k.wamid)
      join private.spend_holds s on (s.org_id, s.message_id) = (m.org_id, m.id) and not s.is_over
     order by s.org_id, s.message_id for update of s skip locked)
  update private.spend_holds s set is_over = true from priced p where (s.org_id, s.message_id) = (p.org_id, p.message_id);
end;
$$;
comment on function private.meter_known is
  'Books anew what had been delivered before Flow knew that it sent it: the markup is written then (R24). Given the organizations and wamids that just became known.';

create function private.meter_phone(org_id uuid, number_id uuid, wamids text[]) returns void
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_wamids text[];
begin
  perform private.share_rates();
  with marked as (
    insert into private.billing_facts as f (org_id, wamid, number_id, is_from_phone)
    select meter_phone.org_id, w.wamid, meter_phone.number_id, true
      from (select distinct unnest(wamids) as wamid order by 1) w
     where exists (select from private.billing_facts b where b.org_id = meter_phone.org_id and b.wamid = w.wamid)
        or not exists (select from public.messages m where m.org_id = meter_phone.org_id and m.wamid = w.wamid and m.origin in ('phone', 'customer'))
    on conflict (org_id, wamid) do update set is_from_phone = true where not f.is_from_phone
    returning f.wamid, f.delivered_at)
  select array_agg(m.wamid) into v_wamids from marked m where m.delivered_at is not null;
  if v_wamids is not null then
    perform private.book(array_fill(meter_phone.org_id, array[cardinality(v_wamids)]), v_wamids);
  end if;
end;
$$;
comment on function private.meter_phone is
  'What an echo or the history of the phone app names has no entry, whatever its statuses say (R6). Messages that only the phone sent are known by their '
  'row already.';

------------------------------------------------------------------------------------------------
-- Booking
------------------------------------------------------------------------------------------------
create table public.ledger_closings (
  org_id         uuid primary key references public.organizations (id) on delete restrict,
  closed_through date not null,
  constraint closing_is_by_months check (extract(day from closed_through) = 1)
);
comment on table public.ledger_closings is 'Through which month the ledger of an organization is closed; no row: nothing is.';
comment on column public.ledger_closings.org_id is 'The organization.';
comment on column public.ledger_closings.closed_through is 'First day of the last closed month; months before it that had no entries are closed with it.';
alter table public.ledger_closings enable row level security;
create policy "Members can see which months of their organization are closed" on public.ledger_closings
  for select to authenticated using (org_id = any (array(select private.my_org_ids())));
grant select on public.ledger_closings to authenticated;

create function private.ledger_lock(org_id uuid) returns bigint
  language sql immutable security invoker set search_path = ''
as $$
  select hashtextextended('flow.usage_ledger ' || ledger_lock.org_id, 0)
$$;
comment on function private.ledger_lock is 'Advisory lock of an organization''s ledger: shared by whoever books, exclusive for whoever closes a month.';

create function private.month_text(day date) returns text
  language sql immutable security invoker set search_path = ''
as $$
  select repeat('0', 4 - length(extract(year from month_text.day)::int::text)) || extract(year from month_text.day)::int
         || '-' || lpad(extract(month from month_text.day)::int::text, 2, '0')
$$;
comment on function private.month_text is 'A month as YYYY-MM; the year has more digits where Meta''s clock says so.';

create function private.later_month(month text, closed_through date) returns boolean
  language sql immutable security invoker set search_path = ''
as $$
  -- As texts they compare while the year has four digits; Meta's clock may say more (R10).
  select (length(later_month.month), later_month.month) > (length(private.month_text(closed_through)), private.month_text(closed_through))
$$;
comment on function private.later_month is 'Whether a month YYYY-MM is still open, given through which day''s month the ledger is closed.';

create function private.open_month(at timestamptz, closed_through date) returns date
  language sql immutable security invoker set search_path = ''
as $$
  select greatest(date_trunc('month', private.india_day(open_month.at)::timestamp)::date, (open_month.closed_through + interval '1 month')::date)
$$;
comment on function private.open_month is 'The month in India of an instant, or the first open one when that is closed.';

create type private.price as (
  amount numeric, currency text, category text, pricing_type text, review_reason text, source text, market text, time_zone text, rate numeric,
  rate_verified boolean
);
comment on type private.price is 'What a delivered message costs at Meta, or why that is not known.';

create type private.booking as (
  org_id uuid, wamid text, number_id uuid, account_id uuid, message_id bigint, billable_at timestamptz, closed_through date, price private.price,
  markup numeric, is_meta_billed boolean, version int, cost_id bigint, markup_id bigint, moves_cost boolean, moves_markup boolean
);
comment on type private.booking is 'What is to be booked for a wamid: the price that follows from its facts (null: none), and what differs from the live entries.';

create function private.weigh(facts private.billing_facts, now_at timestamptz) returns private.booking
  language plpgsql stable security definer set search_path = ''
as $$
declare
  b         private.booking;
  v_zone    text;
  v_money   text;
  v_message record;
  v_plan    public.billing_plans;
  v_cost    public.usage_ledger;
  v_markup  public.usage_ledger;
  v_is_late boolean;
  v_known_at timestamptz := coalesce((facts).priced_at, weigh.now_at);
begin
  b.org_id := (facts).org_id;
  b.wamid := (facts).wamid;
  b.number_id := (facts).number_id;
  b.billable_at := (facts).delivered_at;
  b.version := (facts).version;
  b.cost_id := (facts).cost_id;
  b.markup_id := (facts).markup_id;
  select a.id, coalesce((facts).time_zone, a.time_zone), coalesce((facts).currency, a.currency) into b.account_id, v_zone, v_money
    from public.whatsapp_numbers n join public.whatsapp_accounts a on (a.org_id, a.id) = (n.org_id, n.account_id)
   where n.org_id = b.org_id and n.id = b.number_id;
  select c.closed_through into b.closed_through from public.ledger_closings c where c.org_id = b.org_id;
  select m.id, m.origin into v_message from public.messages m where m.org_id = b.org_id and m.wamid = b.wamid and m.direction = 'outbound';
  b.message_id := case when v_message.origin is distinct from 'phone' then coalesce(v_message.id, (facts).message_id) end;

  if b.billable_at is not null and not (facts).is_from_phone and v_message.origin is distinct from 'phone'
     and (b.message_id is not null
          or (facts).is_live
             -- Sent for whoever had the number before, or charged to them already: it is in their ledger.
             and not exists (select from public.whatsapp_numbers n
                               join public.whatsapp_numbers o on o.phone_number_id = n.phone_number_id and o.org_id <> n.org_id
                              where n.org_id = b.org_id and n.id = b.number_id
                                and (exists (select from public.messages m where (m.org_id, m.wamid) = (o.org_id, b.wamid))
                                     or (facts).cost_id is null and exists (select from private.billing_facts f
                                          where (f.org_id, f.wamid) = (o.org_id, b.wamid) and f.cost_id is not null)))) then
    b.price := private.price_of(facts, v_zone, v_money, v_known_at);
    if (b.price).amount > 0 then
      v_plan := private.billing_plan(b.org_id, v_known_at);
      b.is_meta_billed := v_plan.meta_billing = 'flow';
      if b.message_id is not null then
        b.markup := private.markup_on((b.price).amount, private.markup_rule(v_plan, (b.price).category, b.billable_at));
        if b.markup >= 1000000 then
          b.markup := 0;
          b.price.amount := 0;
          b.price.review_reason := 'markup_too_large';
          b.price.source := 'review';
        end if;
      end if;
    end if;
  end if;

  b.markup := coalesce(b.markup, 0);
  b.is_meta_billed := coalesce(b.is_meta_billed, false);
  if b.cost_id is not null then
    select l.* into v_cost from public.usage_ledger l where l.org_id = b.org_id and l.id = b.cost_id;
    select l.* into v_markup from public.usage_ledger l where l.org_id = b.org_id and l.id = b.markup_id;
    -- In a closed month another moment alone books nothing (R28).
    v_is_late := v_cost.billable_at <> b.billable_at
                 and (b.closed_through is null or private.later_month(v_cost.statement_month, b.closed_through));
    b.moves_cost := (b.price).source is null or v_is_late
      or (v_cost.amount, v_cost.currency, v_cost.category, v_cost.pricing_type, v_cost.review_reason)
         is distinct from ((b.price).amount, (b.price).currency, (b.price).category, (b.price).pricing_type, (b.price).review_reason);
    b.moves_markup := coalesce(v_markup.amount, 0) <> b.markup or v_markup.id is not null and (b.moves_cost or v_is_late);
  else
    b.moves_cost := (b.price).source is not null;
    b.moves_markup := b.markup > 0;
  end if;
  return b;
end;
$$;
comment on function private.weigh is
  'What is to be booked for a wamid, from its facts and its live entries; looks, and changes nothing. now_at: as of when rates and plan count for what has no price yet.';

create function private.book(orgs uuid[], wamids text[]) returns int
  language plpgsql volatile security definer set search_path = '' set plan_cache_mode = 'force_generic_plan' set enable_seqscan = off
as $$
#variable_conflict use_column
declare
  v_now      timestamptz := clock_timestamp();
  v_bookings private.booking[];
  v_orgs     uuid[];
  v_ids      bigint[];
  v_notes    text[];
begin
  if wamids is null then
    return 0;
  end if;
  perform pg_advisory_xact_lock_shared(private.ledger_lock(o)) from (select distinct unnest(orgs) as o order by 1) k;
  if current_setting('transaction_isolation') <> 'read committed' then
    -- A rebuild: its picture may be older than a closing. Then it fails here (40001), and does not book into a closed month.
    insert into public.ledger_closings (org_id, closed_through) select distinct o, date '0001-01-01' from unnest(orgs) o on conflict do nothing;
    perform from public.ledger_closings c where c.org_id = any (orgs) for share;
  end if;
  -- Locked in one order; and looked at by the next statement, which sees what others committed meanwhile.
  perform from unnest(orgs, wamids) k (org_id, wamid) join private.billing_facts f on (f.org_id, f.wamid) = (k.org_id, k.wamid)
   order by f.org_id, f.wamid for no key update of f;
  select array_agg(w) into v_bookings
    from (select private.weigh(f, v_now) as w from unnest(orgs, wamids) k (org_id, wamid)
            join private.billing_facts f on (f.org_id, f.wamid) = (k.org_id, k.wamid) offset 0) x
   where (w).moves_cost or (w).moves_markup;
  if v_bookings is null then
    return 0;
  end if;

  select array_agg(b.org_id), array_agg(x.id),
         array_agg(case when (b.price).source is null then 'Sent from the phone app, or for another organization'
                        when (b.price).review_reason is not null then 'The price is in doubt' else 'Meta told another price or moment' end)
    into v_orgs, v_ids, v_notes
    from unnest(v_bookings) b
   cross join lateral (values (b.cost_id, b.moves_cost), (b.markup_id, b.moves_markup)) x (id, moves)
   where x.moves and x.id is not null;
  if v_ids is not null then
    insert into public.usage_ledger (org_id, wamid, entry, amount, currency, category, pricing_type, billable_at, needs_review, review_reason, reverses,
                                     statement_month, version, is_billed, account_id, number_id, message_id, source, market, time_zone, rate, rate_verified, note)
    select l.org_id, l.wamid, l.entry, -l.amount, l.currency, l.category, l.pricing_type, l.billable_at, l.needs_review, l.review_reason, l.id,
           case when c.closed_through is null or private.later_month(l.statement_month, c.closed_through) then l.statement_month
                else private.month_text((c.closed_through + interval '1 month')::date) end,
           l.version, l.is_billed, l.account_id, l.number_id, l.message_id, l.source, l.market, l.time_zone, l.rate, l.rate_verified,
           case when l.needs_review and k.note like 'Meta%' then 'The price is known now' else k.note end
      from unnest(v_orgs, v_ids, v_notes) k (org_id, id, note)
      join public.usage_ledger l on (l.org_id, l.id) = (k.org_id, k.id)
      left join public.ledger_closings c on c.org_id = l.org_id
     order by l.org_id, l.id;
    update private.billing_facts f
       set cost_id = case when b.moves_cost then null else f.cost_id end, markup_id = case when b.moves_markup then null else f.markup_id end
      from unnest(v_bookings) b where (f.org_id, f.wamid) = (b.org_id, b.wamid);
  end if;

  with booked as (
    insert into public.usage_ledger (org_id, wamid, entry, amount, currency, category, pricing_type, billable_at, needs_review, review_reason,
                                     statement_month, version, is_billed, account_id, number_id, message_id, source, market, time_zone, rate, rate_verified)
    select b.org_id, b.wamid, e.entry, e.amount, coalesce((b.price).currency, 'INR'), (b.price).category, (b.price).pricing_type, b.billable_at,
           e.reason is not null, e.reason, private.month_text(private.open_month(b.billable_at, b.closed_through)), b.version + 1, e.is_billed,
           b.account_id, b.number_id, b.message_id, e.source, (b.price).market, (b.price).time_zone, (b.price).rate, (b.price).rate_verified
      from unnest(v_bookings) b
     cross join lateral (
       select 'meta_cost' as entry, (b.price).amount, (b.price).review_reason as reason, b.is_meta_billed as is_billed, (b.price).source
        where b.moves_cost and (b.price).source is not null
       union all
       select 'markup', b.markup, null, true, 'markup' where b.moves_markup and b.markup > 0) e
     order by b.org_id, b.wamid, e.entry
    returning org_id, wamid, entry, id, version, needs_review, time_zone, currency, source
  ), told as (
    select b.org_id, b.wamid, max(b.id) filter (where b.entry = 'meta_cost') as cost_id, max(b.id) filter (where b.entry = 'markup') as markup_id,
           max(b.version) as version, bool_or(b.entry = 'meta_cost' and not b.needs_review) as is_priced,
           bool_or(b.needs_review) as is_in_review, max(b.time_zone) as time_zone,
           max(b.currency) filter (where b.source in ('card', 'meta')) as currency
      from booked b group by 1, 2)
  update private.billing_facts f
     set cost_id = coalesce(t.cost_id, f.cost_id), markup_id = coalesce(t.markup_id, f.markup_id), version = t.version,
         -- From its first price on, a message keeps what was known then: rates, plan, zone, currency.
         priced_at = case when t.is_in_review then null when t.is_priced then coalesce(f.priced_at, v_now) else f.priced_at end,
         time_zone = case when t.is_priced then coalesce(f.time_zone, t.time_zone) else f.time_zone end,
         currency = case when t.is_priced then coalesce(f.currency, t.currency) else f.currency end
    from told t where (f.org_id, f.wamid) = (t.org_id, t.wamid);
  return cardinality(v_bookings);
end;
$$;
comment on function private.book is
  'Books what follows from the facts of these wamids and is not booked yet: a first entry, or one taken back and booked anew. A closed month never changes: '
  'what comes late goes to the first open one (R28). Returns how many wamids changed.';

create function private.price_reviews(reasons text[], account_id uuid default null) returns int
  language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_orgs   uuid[];
  v_wamids text[];
  v_org    uuid := '00000000-0000-0000-0000-000000000000';
  v_wamid  text := '';
  v_count  int := 0;
begin
  loop
    select array_agg(x.org_id), array_agg(x.wamid) into v_orgs, v_wamids from (
      select f.org_id, f.wamid from private.billing_facts f
        join public.usage_ledger l on (l.org_id, l.id) = (f.org_id, f.cost_id)
       where f.cost_id is not null and f.priced_at is null and l.review_reason = any (reasons)
         and (price_reviews.account_id is null or l.account_id = price_reviews.account_id)
         and (f.org_id, f.wamid) > (v_org, v_wamid)
       order by f.org_id, f.wamid limit 1000) x;
    exit when v_wamids is null;
    v_count := v_count + private.book(v_orgs, v_wamids);
    v_org := v_orgs[cardinality(v_orgs)];
    v_wamid := v_wamids[cardinality(v_wamids)];
  end loop;
  return v_count;
end;
$$;
comment on function private.price_reviews is
  'Looks once more at messages without a price for one of these reasons, of one account or of all: a rate, a zone or a currency may be known by now. Returns how many changed.';

create function private.tg_whatsapp_accounts__prices_what_waited() returns trigger
  language plpgsql volatile security definer set search_path = ''
as $$
begin
  perform private.price_reviews(array['zone_unknown', 'cost_currency', 'no_rate'], new.id);
  return null;
end;
$$;
comment on function private.tg_whatsapp_accounts__prices_what_waited is 'The time zone or the currency of an account became known: what waited for it is priced.';
create trigger accounts_price_what_waited after update on public.whatsapp_accounts
  for each row when (old.time_zone is null and new.time_zone is not null or old.currency is null and new.currency is not null)
  execute function private.tg_whatsapp_accounts__prices_what_waited();
