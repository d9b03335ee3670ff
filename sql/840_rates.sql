-- 840_rates.sql: what Meta asks for a delivered message, by market, category, currency and day; and which market a person belongs to.

------------------------------------------------------------------------------------------------
-- Markets
------------------------------------------------------------------------------------------------
create table private.market_codes (
  kind   text not null,
  code   text not null,
  market text not null,
  primary key (kind, code),
  constraint market_code_kind_is_known check (kind in ('calling_code', 'iso', 'name')),
  constraint market_calling_code_is_digits check (kind <> 'calling_code' or code ~ '^[1-9][0-9]{0,6}$'),
  constraint market_iso_is_two_letters check (kind <> 'iso' or code ~ '^[A-Z]{2}$')
);
comment on table private.market_codes is
  'How a recipient leads to a market of Meta''s rate cards: by the calling code of the phone number, or by the ISO prefix of the user id (BSUID). '
  'Written by rate imports.';
comment on column private.market_codes.kind is 'calling_code: digits without plus, the longest that fits decides. iso: country. name: the market''s name on its card, lower case.';
comment on column private.market_codes.code is 'The code.';
comment on column private.market_codes.market is 'The market: rate_cards.market.';
alter table private.market_codes enable row level security;

create function private.market_of_phone(wa_id text) returns text
  language plpgsql stable security definer set search_path = ''
as $$
declare
  v_digits text := ltrim(market_of_phone.wa_id, '+');
begin
  return (select c.market from private.market_codes c
           where c.kind = 'calling_code'
             and c.code = any (array[left(v_digits, 1), left(v_digits, 2), left(v_digits, 3), left(v_digits, 4), left(v_digits, 5), left(v_digits, 6), left(v_digits, 7)])
           order by length(c.code) desc limit 1);
end;
$$;
comment on function private.market_of_phone is
  'The market of a WhatsApp number (with or without plus), by its calling code; null when no card covers that code.';

create function private.market_of_recipients(phones text[], user_ids text[]) returns text[]
  language plpgsql stable security definer set search_path = ''
as $$
begin
  -- A phone is what Meta bills by; a user id only says something while no status names a phone.
  if cardinality(phones) > 0 then
    return array(select distinct coalesce(private.market_of_phone(p), '?') from unnest(phones) p order by 1);
  end if;
  return array(select distinct coalesce(c.market, '?') from unnest(user_ids) u
                 left join private.market_codes c on c.kind = 'iso' and c.code = substring(u from '^([A-Z]{2})\.') order by 1);
end;
$$;
comment on function private.market_of_recipients is
  'The markets of the phones that statuses named as recipients, or else of the user ids; ? stands for one that no card covers. Rule R18.';

------------------------------------------------------------------------------------------------
-- Rates
------------------------------------------------------------------------------------------------
create table public.rate_cards (
  id            bigint generated always as identity primary key,
  market        text not null,
  market_name   text not null,
  currency      text not null,
  category      text not null,
  pricing_type  text not null default 'regular',
  tier_from     bigint not null default 1,
  tier_to       bigint,
  rate          numeric(12, 6) not null,
  valid_from    date not null,
  valid_to      date,
  verified      boolean not null default false,
  source        text,
  note          text,
  imported_at   timestamptz not null default clock_timestamp(),
  superseded_at timestamptz,
  constraint rate_market_is_short check (market ~ '^[A-Z][A-Z0-9_]{1,29}$'),
  constraint rate_currency_is_iso_4217 check (currency ~ '^[A-Z]{3}$'),
  constraint rate_category_is_known check (category in
    ('marketing', 'utility', 'authentication', 'authentication_international', 'service', 'referral_conversion', 'general_purpose_ai')),
  constraint rate_is_for_what_is_billed check (pricing_type = 'regular'),
  constraint rate_is_not_negative check (rate >= 0),
  constraint rate_tier_is_a_range check (tier_from >= 1 and (tier_to is null or tier_to >= tier_from)),
  constraint rate_period_is_a_range check (valid_to is null or valid_to >= valid_from)
);
comment on table public.rate_cards is
  'Meta''s rates, a row a period. Everybody who belongs to an organization may read them; only an operator imports. Nothing is ever removed: a rate '
  'that turns out to be another is superseded, and what was priced by it stays priced by it.';
comment on column public.rate_cards.id is 'Running number.';
comment on column public.rate_cards.market is 'Meta''s market: the ISO code of its country, or a short name where a market has many.';
comment on column public.rate_cards.market_name is 'The market in words.';
comment on column public.rate_cards.currency is 'ISO 4217 currency of the card: that of the WhatsApp Business account.';
comment on column public.rate_cards.category is 'Category that Meta bills. marketing_lite has no rows: it follows marketing.';
comment on column public.rate_cards.pricing_type is 'regular: the only type that is billed.';
comment on column public.rate_cards.tier_from is 'First message of the volume tier, counted by Meta per portfolio and month. Flow books the list rate: 1.';
comment on column public.rate_cards.tier_to is 'Last message of the volume tier; null: no end.';
comment on column public.rate_cards.rate is 'Price of one delivered message, before GST.';
comment on column public.rate_cards.valid_from is 'First day, from 00:00:00 in the time zone of the WhatsApp Business account.';
comment on column public.rate_cards.valid_to is 'Last day, to its last second there; null: until told otherwise.';
comment on column public.rate_cards.verified is 'Whether several independent readings agree; an unverified rate is used, and marked on each entry.';
comment on column public.rate_cards.source is 'Where the rate was read.';
comment on column public.rate_cards.note is 'What else is to be known about it.';
comment on column public.rate_cards.imported_at is 'When Flow learned of it.';
comment on column public.rate_cards.superseded_at is 'When a later import gave another rate for the same days; null: in force.';
create unique index rate_begins_once on public.rate_cards (market, currency, category, tier_from, valid_from) where superseded_at is null;
create index rate_cards_lookup on public.rate_cards (market, category, currency, valid_from);
alter table public.rate_cards enable row level security;
-- Not of any organization: Meta's published prices, the same for all.
create policy "People who signed in can read the rates" on public.rate_cards for select to authenticated using (true);
grant select on public.rate_cards to authenticated;

create function private.rate_at(market text, category text, currency text, day date, known_at timestamptz) returns public.rate_cards
  language plpgsql stable security definer set search_path = ''
as $$
declare
  v_rate     public.rate_cards;
  v_category text := case rate_at.category when 'marketing_lite' then 'marketing' else rate_at.category end;
begin
  select r.* into v_rate from public.rate_cards r
   where r.market = rate_at.market and r.category = v_category and r.currency = rate_at.currency and r.tier_from = 1
     and r.valid_from <= rate_at.day and (r.valid_to is null or r.valid_to >= rate_at.day)
     and r.imported_at <= rate_at.known_at and (r.superseded_at is null or r.superseded_at > rate_at.known_at)
   order by r.valid_from desc, r.id desc limit 1;
  return v_rate;
end;
$$;
comment on function private.rate_at is
  'The list rate of a category in a market and currency on a day of the account''s time zone, as it was known at an instant; null when there is none: '
  'never that of another market or a neighbouring period. Rules R8, R19.';

------------------------------------------------------------------------------------------------
-- Import
------------------------------------------------------------------------------------------------
create function private.refuse_card(place text, words text, slug text default 'rate_card_invalid') returns void
  language plpgsql immutable set search_path = ''
as $$
begin
  raise sqlstate 'PT422' using message = place || ': ' || words, detail = slug, hint = 'Correct the file; nothing of it was imported.';
end;
$$;
comment on function private.refuse_card is 'Raises PT422 about one place of a rate card.';

create function private.card_day(given jsonb, name text, place text, is_needed boolean) returns date
  language plpgsql immutable set search_path = ''
as $$
begin
  if coalesce(given ->> name, '') = '' then
    if is_needed then
      perform private.refuse_card(place || '.' || name, 'is missing: a day like 2026-10-01');
    end if;
    return null;
  elsif given ->> name !~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}$' then
    perform private.refuse_card(place || '.' || name, 'is not a day like 2026-10-01');
  end if;
  return (given ->> name)::date;
exception when datetime_field_overflow or invalid_datetime_format then
  perform private.refuse_card(place || '.' || name, 'is not a day of the calendar');
end;
$$;
comment on function private.card_day is 'A day of a rate card, YYYY-MM-DD; null when absent and not needed. Raises PT422.';

create function private.card_codes(card jsonb, name text, pattern text, words text) returns text[]
  language plpgsql immutable set search_path = ''
as $$
declare
  v_given jsonb := card -> name;
  v_codes text[];
begin
  if jsonb_typeof(v_given) = 'string' then
    v_given := jsonb_build_array(v_given);
  elsif coalesce(v_given, 'null') = 'null' then
    return '{}';
  elsif jsonb_typeof(v_given) <> 'array' then
    perform private.refuse_card(name, 'is not a list');
  end if;
  select array_agg(ltrim(c, '+')) into v_codes from jsonb_array_elements_text(v_given) c;
  if exists (select from unnest(v_codes) c where c is null or c !~ pattern) then
    perform private.refuse_card(name, words);
  end if;
  return coalesce(v_codes, '{}');
end;
$$;
comment on function private.card_codes is 'A list of codes of a rate card (one text, or a list), each fitting a pattern; empty when absent. Raises PT422.';

create function private.card_market(card jsonb) returns text
  language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_name   text := btrim(card ->> 'market');
  v_isos   text[] := private.card_codes(card, 'iso', '^[A-Z]{2}$', 'is not an ISO country code like IN');
  v_codes  text[] := private.card_codes(card, 'calling_codes', '^[1-9][0-9]{0,6}$', 'is not a list of calling codes like "91"');
  v_market text;
  v_taken  record;
begin
  if coalesce(v_name, '') = '' or length(v_name) > 100 then
    perform private.refuse_card('market', 'is missing: the name of the market, like India');
  end if;
  select c.market into v_market from private.market_codes c
   where c.kind = 'name' and c.code = lower(v_name) or c.kind = 'iso' and c.code = any (v_isos)
   order by c.kind = 'name' desc limit 1;
  if v_market is null then
    if cardinality(v_isos) = 0 then
      perform private.refuse_card('iso', 'is missing, and the market is not known yet: the ISO code of its country, and calling_codes', 'market_unknown');
    elsif cardinality(v_codes) = 0 then
      perform private.refuse_card('calling_codes', 'is missing, and the market is not known yet: like ["91"]', 'market_unknown');
    end if;
    v_market := v_isos[1];
  end if;
  select c.kind, c.code, c.market into v_taken from private.market_codes c
   where c.market <> v_market and (c.kind = 'iso' and c.code = any (v_isos) or c.kind = 'calling_code' and c.code = any (v_codes)) limit 1;
  if found then
    perform private.refuse_card(case v_taken.kind when 'iso' then 'iso' else 'calling_codes' end,
                                format('%s belongs to the market %s already', v_taken.code, v_taken.market), 'market_taken');
  end if;
  insert into private.market_codes (kind, code, market)
  select 'name', lower(v_name), v_market
  union all select 'iso', i, v_market from unnest(v_isos) i
  union all select 'calling_code', c, v_market from unnest(v_codes) c
  on conflict do nothing;
  return v_market;
end;
$$;
comment on function private.card_market is 'The market of a rate card, made known with its countries and calling codes when it is new. Raises PT422.';

create function private.end_rate(id bigint, last_day date) returns void
  language plpgsql volatile security definer set search_path = ''
as $$
begin
  -- A copy, not a change: what was priced while the rate was open is looked at again as it was known then.
  update public.rate_cards r set superseded_at = clock_timestamp() where r.id = end_rate.id;
  insert into public.rate_cards (market, market_name, currency, category, tier_from, tier_to, rate, valid_from, valid_to, verified, source, note)
  select r.market, r.market_name, r.currency, r.category, r.tier_from, r.tier_to, r.rate, r.valid_from, end_rate.last_day, r.verified, r.source, r.note
    from public.rate_cards r where r.id = end_rate.id;
end;
$$;
comment on function private.end_rate is 'Gives a rate its last day: the row is superseded by one that has it.';

create function private.import_rates(card jsonb) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_market     text;
  v_currency   text := card ->> 'currency';
  v_row        jsonb;
  v_n          bigint;
  v_place      text;
  v_category   text;
  v_from       date;
  v_to         date;
  v_tier       bigint;
  v_known      public.rate_cards;
  v_open       bigint;
  v_rows       public.rate_cards[] := '{}';
  v_next       date;
  v_added      int := 0;
  v_replaced   int := 0;
  v_closed     int := 0;
  v_unchanged  int := 0;
  v_bad        record;
begin
  -- One import at a time, and nobody prices meanwhile: each message is priced by the rates before, or by these, and stays so.
  perform pg_advisory_xact_lock(hashtextextended('flow.rate_cards', 0));
  if jsonb_typeof(card) is distinct from 'object' then
    perform private.refuse_card('the file', 'is not an object');
  elsif jsonb_typeof(card -> 'rates') is distinct from 'array' or card -> 'rates' = '[]' then
    perform private.refuse_card('rates', 'is missing: a list of rates');
  elsif jsonb_array_length(card -> 'rates') > 2000 then
    perform private.refuse_card('rates', 'has more than 2,000 rows: one file is one market');
  elsif coalesce(v_currency, '') !~ '^[A-Z]{3}$' then
    perform private.refuse_card('currency', 'is missing: an ISO code like INR');
  end if;
  v_market := private.card_market(card);
  for v_row, v_n in select r, n - 1 from jsonb_array_elements(card -> 'rates') with ordinality u (r, n) order by r ->> 'from', n loop
    v_place := format('rates[%s]', v_n);
    if jsonb_typeof(v_row) <> 'object' then
      perform private.refuse_card(v_place, 'is not an object');
    end if;
    v_category := replace(v_row ->> 'category', '-', '_');
    if v_category is null or v_category not in
         ('marketing', 'utility', 'authentication', 'authentication_international', 'service', 'referral_conversion', 'general_purpose_ai') then
      perform private.refuse_card(v_place || '.category', case when coalesce(v_row ->> 'category', '') = '' then 'is missing'
                                   else format('%s is not a category that Meta bills', v_row ->> 'category') end);
    elsif coalesce(jsonb_typeof(v_row -> 'rate'), 'null') = 'number' then
      -- A JSON number has passed through binary in many a program that wrote the file.
      perform private.refuse_card(v_place || '.rate', format('is a number: write it as text, "%s"', v_row ->> 'rate'), 'rate_is_a_number');
    elsif coalesce(v_row ->> 'rate', '') !~ '^[0-9]{1,6}(\.[0-9]{1,6})?$' then
      perform private.refuse_card(v_place || '.rate', 'is not an amount like "0.1150" with at most six decimals');
    elsif coalesce(v_row ->> 'pricing_type', v_row ->> 'type', 'regular') <> 'regular' then
      perform private.refuse_card(v_place || '.pricing_type', 'is not regular: nothing else is billed');
    elsif coalesce(v_row ->> 'tier_from', '1') !~ '^[1-9][0-9]{0,17}$' or coalesce(v_row ->> 'tier_to', '1') !~ '^[1-9][0-9]{0,17}$' then
      perform private.refuse_card(v_place || '.tier_from', 'and tier_to are not numbers of messages');
    elsif (v_row ->> 'tier_to')::bigint < coalesce(v_row ->> 'tier_from', '1')::bigint then
      perform private.refuse_card(v_place || '.tier_to', 'is before tier_from');
    elsif exists (select from jsonb_array_elements_text(case coalesce(jsonb_typeof(v_row -> 'pricing_category'), 'null') when 'array' then v_row -> 'pricing_category'
                                                             when 'null' then '[]' else jsonb_build_array(v_row -> 'pricing_category') end) p
                   where replace(p, '-', '_') not in (v_category, case v_category when 'marketing' then 'marketing_lite' else v_category end)) then
      perform private.refuse_card(v_place || '.pricing_category', 'names another category than the row''s own');
    end if;
    v_from := private.card_day(v_row, 'from', v_place, true);
    v_to := private.card_day(v_row, 'to', v_place, false);
    v_tier := coalesce(v_row ->> 'tier_from', '1')::bigint;
    if v_to < v_from then
      perform private.refuse_card(v_place || '.to', 'is before from');
    elsif exists (select from unnest(v_rows) o
                   where (o.category, o.tier_from) = (v_category, v_tier) and (o.valid_to is null or o.valid_to >= v_from)) then
      perform private.refuse_card(v_place || '.from', format('%s: overlaps another rate of the file', v_category), 'rates_overlap');
    end if;
    v_rows := v_rows || row (null, v_market, null, v_currency, v_category, 'regular', v_tier, null, 0, v_from, v_to, false, null, null, null,
                             null)::public.rate_cards;

    select r.* into v_known from public.rate_cards r
     where (r.market, r.currency, r.category, r.tier_from, r.valid_from) = (v_market, v_currency, v_category, v_tier, v_from) and r.superseded_at is null;
    if not found then
      -- The rate before it was open: it ends where this one begins.
      select r.id into v_open from public.rate_cards r
       where (r.market, r.currency, r.category, r.tier_from) = (v_market, v_currency, v_category, v_tier)
         and r.superseded_at is null and r.valid_to is null and r.valid_from < v_from;
      if found then
        perform private.end_rate(v_open, v_from - 1);
        v_closed := v_closed + 1;
      end if;
      v_added := v_added + 1;
    elsif v_known.rate = (v_row ->> 'rate')::numeric and v_known.verified = coalesce((v_row ->> 'verified')::boolean, false) then
      if v_known.valid_to is distinct from v_to and v_to is not null then
        perform private.end_rate(v_known.id, v_to);
        v_closed := v_closed + 1;
      else
        v_unchanged := v_unchanged + 1;
      end if;
      continue;
    else
      update public.rate_cards r set superseded_at = clock_timestamp() where r.id = v_known.id;
      v_replaced := v_replaced + 1;
      v_to := coalesce(v_to, v_known.valid_to);
    end if;
    insert into public.rate_cards (market, market_name, currency, category, tier_from, tier_to, rate, valid_from, valid_to, verified, source, note)
    values (v_market, btrim(card ->> 'market'), v_currency, v_category, v_tier, (v_row ->> 'tier_to')::bigint, (v_row ->> 'rate')::numeric, v_from, v_to,
            coalesce((v_row ->> 'verified')::boolean, false), left(coalesce(v_row ->> 'basis', v_row ->> 'source', card ->> 'source'), 500),
            left(v_row ->> 'note', 1000));
  end loop;

  for v_bad in
    select r.category, r.valid_from, r.valid_to, lead(r.valid_from) over w as next_from
      from public.rate_cards r where r.market = v_market and r.currency = v_currency and r.superseded_at is null
    window w as (partition by r.category, r.tier_from order by r.valid_from)
  loop
    v_next := v_bad.next_from;
    if v_next is not null and (v_bad.valid_to is null or v_bad.valid_to >= v_next) then
      perform private.refuse_card('rates', format('%s: the rate from %s overlaps the one from %s', v_bad.category, v_bad.valid_from, v_next), 'rates_overlap');
    elsif v_next is not null and v_bad.valid_to < v_next - 1 then
      perform private.refuse_card('rates', format('%s: no rate from %s to %s', v_bad.category, v_bad.valid_to + 1, v_next - 1), 'rates_have_a_gap');
    end if;
  end loop;
  return jsonb_build_object('market', v_market, 'currency', v_currency, 'added', v_added, 'replaced', v_replaced, 'closed', v_closed,
                            'unchanged', v_unchanged);
exception when invalid_text_representation then
  perform private.refuse_card(coalesce(v_place, 'the file'), 'verified is neither true nor false');
end;
$$;
comment on function private.import_rates is 'Body of worker.import_rates.';

create function worker.import_rates(card jsonb) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_done jsonb := private.import_rates(import_rates.card);
begin
  -- What waited for a rate is priced now.
  return v_done || jsonb_build_object('priced', private.price_reviews(array['no_rate', 'market_unknown', 'recipient_conflict']));
end;
$$;
comment on function worker.import_rates is
  'Imports one rate card, all or nothing: {market, iso?, calling_codes?, currency, source?, rates: [{category, rate (text), from, to (days, to '
  'inclusive), verified?, basis?, note?, pricing_category?, tier_from?, tier_to?}]}. A rate for days that have one is replaced for what is not priced '
  'yet; an open one ends where the next begins. Afterwards there is no overlap and no gap. Returns {market, currency, added, replaced, closed, unchanged, '
  'priced: messages that had waited for it}. Raises PT422, naming the place.';
grant execute on function worker.import_rates to service_role;

-- The India card in INR, as several public readings of Meta's card of 1 July and 1 October 2026 agree (taken down on 23 November 2026).
select private.import_rates('{
  "market": "India", "iso": "IN", "calling_codes": ["91"], "currency": "INR", "source": "public readings of Meta''s INR rate card, November 2026",
  "rates": [
    {"category": "marketing", "rate": "0.7846", "from": "2025-07-01", "to": "2025-12-31", "verified": true},
    {"category": "marketing", "rate": "0.8631", "from": "2026-01-01", "verified": true, "note": "With a maximum price Meta bills that price or less and names it."},
    {"category": "utility", "rate": "0.1150", "from": "2025-07-01", "to": "2026-09-30", "verified": true, "note": "Free inside the customer service window."},
    {"category": "utility", "rate": "0.1150", "from": "2026-10-01", "verified": true, "note": "Charged inside the customer service window too."},
    {"category": "authentication", "rate": "0.1150", "from": "2025-07-01", "verified": true},
    {"category": "authentication_international", "rate": "2.3000", "from": "2025-07-01", "to": "2026-03-31", "verified": false, "note": "Third parties only."},
    {"category": "authentication_international", "rate": "2.4971", "from": "2026-04-01", "verified": true, "note": "For businesses outside India that Meta made eligible."},
    {"category": "service", "rate": "0.0000", "from": "2024-11-01", "to": "2026-09-30", "verified": true},
    {"category": "service", "rate": "0.1150", "from": "2026-10-01", "verified": true, "note": "After 1,000 free ones a number and month."},
    {"category": "referral_conversion", "rate": "0.0000", "from": "2024-11-01", "verified": true}
  ]}');
