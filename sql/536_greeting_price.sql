-- 536_greeting_price.sql: what greeting somebody new would cost, said before the lead is added.

create function private.greeting_price(org_id uuid, country text, source text) returns jsonb
  language plpgsql stable security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_rule     record;
  v_zone     text;
  v_currency text;
  v_category text;
  v_rate     numeric;
  v_markup   numeric;
  v_market   text;
begin
  perform private.require_role(greeting_price.org_id, 'agent');
  -- As private.choose_greeting does for a lead without a type that somebody wants greeted.
  select r.* into v_rule from public.greeting_rules r join public.greeting_settings g on g.org_id = r.org_id
   where r.org_id = greeting_price.org_id and r.is_on
     and (r.source_id is null or r.source_id in (select s.id from public.lead_sources s where s.org_id = greeting_price.org_id and s.kind = greeting_price.source))
   order by (r.lead_types = '{}') desc, r.is_default, r.position, r.id limit 1;
  if not found then
    return '{"greets": false, "reason": "no_greeting"}';
  end if;
  select a.time_zone, coalesce(a.currency, 'INR') into v_zone, v_currency
    from public.whatsapp_numbers n join public.whatsapp_accounts a on (a.org_id, a.id) = (n.org_id, n.account_id)
   where n.org_id = greeting_price.org_id and n.status <> 'disconnected'
   order by n.id is distinct from v_rule.number_id, n.connected_at, n.id limit 1;
  if not found then
    return '{"greets": false, "reason": "not_connected"}';
  elsif v_rule.paused_at is not null then
    return jsonb_build_object('greets', false, 'reason', 'paused', 'words', v_rule.paused_reason);
  end if;
  v_category := lower(v_rule.category);
  select k.market into v_market from private.market_codes k where k.kind = 'iso' and k.code = greeting_price.country;
  select x.rate into v_rate
    from private.rate_at(v_market, v_category, v_currency, (now() at time zone coalesce(v_zone, 'Asia/Kolkata'))::date, clock_timestamp()) x;
  v_markup := private.markup_on(v_rate, private.markup_rule(private.billing_plan(greeting_price.org_id), v_category, now()));
  return jsonb_build_object('greets', true, 'template', v_rule.template_name, 'category', v_category, 'currency', v_currency,
    'price', round(v_rate + v_markup, 6)::text);
end;
$$;
comment on function private.greeting_price is 'Body of public.greeting_price. Definer: rates of markets are nobody''s table to read.';
create function public.greeting_price(org_id uuid, country text default 'IN', source text default 'manual') returns jsonb
  language sql stable set search_path = ''
begin atomic
  select private.greeting_price(org_id, country, source);
end;
comment on function public.greeting_price is
  'What greeting a new person of a country (ISO, two letters) costs, who comes from a kind of source (manual, upload): {greets, template, category, '
  'currency, price: text, with markup, before GST; null when no rate covers the country}, or {greets: false, reason: no_greeting, not_connected or paused, words}. Members. Raises PT404.';
grant execute on function private.greeting_price, public.greeting_price to authenticated;
