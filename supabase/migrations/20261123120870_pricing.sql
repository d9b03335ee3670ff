-- 870_pricing.sql: from what Meta said of a delivered message to its price: one decision, in the order of the rules R3 and R11 to R19.

create function private.review(reason text, price private.price) returns private.price
  language plpgsql immutable set search_path = ''
as $$
begin
  price.amount := 0;
  price.review_reason := reason;
  price.source := 'review';
  return price;
end;
$$;
comment on function private.review is 'A price that a person or a later status must settle: amount 0, with the reason.';

create function private.price_of(facts private.billing_facts, time_zone text, currency text, known_at timestamptz) returns private.price
  language plpgsql stable security definer set search_path = ''
as $$
declare
  p          private.price;
  v_prices   text[];
  v_said     jsonb;
  v_model    text;
  v_subtype  text;
  v_amount   text;
  v_markets  text[];
  v_rate     public.rate_cards;
begin
  p.currency := price_of.currency;
  -- The highest class of statuses of which any carries a price; taken whole, nothing is filled in from another (R11).
  v_prices := case when cardinality((facts).delivered_prices) > 0 then (facts).delivered_prices
                   when cardinality((facts).sent_prices) > 0 then (facts).sent_prices else (facts).other_prices end;
  v_said := v_prices[1]::jsonb;
  if cardinality(v_prices) = 1 then
    v_model := v_said ->> 0;
    p.pricing_type := v_said ->> 1;
    p.category := v_said ->> 2;
    v_subtype := v_said ->> 3;
    v_amount := v_said ->> 4;
  end if;

  if (facts).is_group then
    return private.review('group_message', p);
  elsif cardinality(v_prices) = 0 then
    return private.review('missing_pricing', p);
  elsif cardinality(v_prices) > 1 then
    return private.review('conflicting_pricing', p);
  elsif v_model = 'CBP' then
    p.pricing_type := 'cbp';
    if price_of.time_zone is null then
      return private.review('zone_unknown', p);
    end if;
    p.time_zone := price_of.time_zone;
    if (facts).delivered_at at time zone price_of.time_zone >= timestamp '2025-07-01 00:00' then
      return private.review('cbp_after_end', p);
    end if;
    p.amount := 0;
    p.source := 'cbp';
    return p;
  elsif v_model is distinct from 'PMP' then
    return private.review('unknown_model', p);
  elsif v_subtype = 'paid_exempt' or p.pricing_type like 'free\_%' then
    if v_amount is not null and (v_amount = 'bad' or v_amount::numeric <> 0) then
      return private.review('free_with_cost', p);
    end if;
    p.amount := 0;
    p.source := 'free';
    return p;
  elsif p.pricing_type is null then
    return private.review('missing_type', p);
  elsif p.pricing_type <> 'regular' then
    return private.review('unknown_type', p);
  elsif v_subtype is not null then
    return private.review('unknown_subtype', p);
  elsif v_amount is not null or v_said ->> 5 is not null then
    -- Meta named the amount: neither category, market nor card are asked (R17).
    if v_amount is null or v_said ->> 5 is null or v_amount = 'bad' then
      return private.review('bad_cost', p);
    elsif v_amount::numeric < 0 or v_amount::numeric >= 1000000 or round(v_amount::numeric, 6) >= 1000000 then
      return private.review('bad_cost', p);
    elsif v_said ->> 5 is distinct from price_of.currency then
      return private.review('cost_currency', p);
    end if;
    p.amount := round(v_amount::numeric, 6);
    p.source := 'meta';
    return p;
  elsif p.category is null then
    return private.review('missing_category', p);
  elsif p.category not in ('marketing', 'marketing_lite', 'utility', 'authentication', 'authentication_international', 'service',
                           'referral_conversion', 'general_purpose_ai') then
    return private.review('unknown_category', p);
  end if;

  v_markets := private.market_of_recipients((facts).phones, (facts).user_ids);
  if cardinality(v_markets) > 1 then
    return private.review('recipient_conflict', p);
  elsif cardinality(v_markets) = 0 then
    v_markets := array[private.market_of_message((facts).org_id, (facts).wamid, (facts).message_id)];
  end if;
  if coalesce(v_markets[1], '?') = '?' then
    return private.review('market_unknown', p);
  end if;
  p.market := v_markets[1];
  if price_of.time_zone is null then
    return private.review('zone_unknown', p);
  end if;
  p.time_zone := price_of.time_zone;
  v_rate := private.rate_at(p.market, p.category, price_of.currency, ((facts).delivered_at at time zone p.time_zone)::date, price_of.known_at);
  if v_rate.id is null then
    return private.review('no_rate', p);
  end if;
  p.amount := v_rate.rate;
  p.rate := v_rate.rate;
  p.rate_verified := v_rate.verified;
  p.source := 'card';
  return p;
end;
$$;
comment on function private.price_of is
  'Meta''s price of a delivered message by what statuses told of it, the account''s time zone and currency, and the cards as known at an instant. Nothing is '
  'inferred: what is missing, unknown or contradictory is a review with its reason (R14). The checks stand in the order of the rules.';

create function private.market_of_message(org_id uuid, wamid text, message_id bigint) returns text
  language plpgsql stable security definer set search_path = ''
as $$
declare
  v_contact public.contacts;
begin
  select c.* into v_contact from public.messages m join public.contacts c on (c.org_id, c.id) = (m.org_id, m.contact_id)
   where m.org_id = market_of_message.org_id and (m.wamid = market_of_message.wamid or m.id = market_of_message.message_id)
   order by m.wamid = market_of_message.wamid desc nulls last limit 1;
  return coalesce(private.market_of_phone(coalesce(v_contact.wa_id, v_contact.phone)),
                  (select c.market from private.market_codes c
                    where v_contact.wa_id is null and v_contact.phone is null and c.kind = 'iso'
                      and c.code = substring(v_contact.user_id from '^([A-Z]{2})\.')));
end;
$$;
comment on function private.market_of_message is
  'The market of a message''s recipient as Flow knows them, for when no status names one (R18); null: not known, or no such message.';
