-- 880_estimates.sql: what a message will cost, said before it is sent. A range, because windows and free allowances are decided by Meta at the delivery.

create type private.estimate as (
  category text, market text, currency text, meta_low numeric, meta_high numeric, markup_low numeric, markup_high numeric, billed_low numeric,
  billed_high numeric, reason text
);
comment on type private.estimate is 'What one message costs at least and at most, in the account''s currency before GST; or the reason why that is not known in advance.';

create function private.estimate_words(reason text) returns text
  language sql immutable security invoker set search_path = ''
as $$
  select case estimate_words.reason
    when 'market_unknown' then 'no rate card covers the recipient''s country' when 'no_rate' then 'there is no rate for this category today'
    when 'zone_unknown' then 'the account''s time zone is not known' when 'category_unknown' then 'the template is not known' else estimate_words.reason end
$$;
comment on function private.estimate_words is 'The reason of an estimate in words.';

create function private.estimate_one(org_id uuid, number_id uuid, contact_id uuid, conversation_id uuid, category text) returns private.estimate
  language plpgsql stable security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  e          private.estimate;
  v_zone     text;
  v_contact  public.contacts;
  v_thread   public.conversations;
  v_rate     public.rate_cards;
  v_rule     jsonb;
  v_plan     public.billing_plans;
  v_local    timestamp;
  v_may_free boolean;
begin
  select a.time_zone, coalesce(a.currency, 'INR') into v_zone, e.currency
    from public.whatsapp_numbers n join public.whatsapp_accounts a on (a.org_id, a.id) = (n.org_id, n.account_id)
   where n.org_id = estimate_one.org_id and n.id = estimate_one.number_id;
  select c.* into v_contact from public.contacts c where c.org_id = estimate_one.org_id and c.id = estimate_one.contact_id;
  select c.* into v_thread from public.conversations c where c.org_id = estimate_one.org_id and c.id = estimate_one.conversation_id;
  e.category := estimate_one.category;
  e.market := coalesce(private.market_of_phone(coalesce(v_contact.wa_id, v_contact.phone)),
                       (select k.market from private.market_codes k where v_contact.wa_id is null and v_contact.phone is null and k.kind = 'iso'
                           and k.code = substring(v_contact.user_id from '^([A-Z]{2})\.')));
  e.reason := case when e.category is null then 'category_unknown' when e.market is null then 'market_unknown' when v_zone is null then 'zone_unknown' end;
  if e.reason is not null then
    return e;
  end if;
  v_local := now() at time zone v_zone;
  v_rate := private.rate_at(e.market, e.category, e.currency, v_local::date, clock_timestamp());
  if v_rate.id is null then
    e.reason := 'no_rate';
    return e;
  end if;
  v_may_free :=
    -- A free entry point covers every category.
    exists (select from public.conversation_windows w
             where w.org_id = estimate_one.org_id and w.conversation_id = estimate_one.conversation_id and w.kind = 'entry_point' and w.closes_at > now())
    or (v_thread.referral #>> '{latest,at}')::bigint > extract(epoch from now())::bigint - 72 * 3600
    or e.category = 'service' and coalesce((select f.used from public.free_allowance f
         where f.org_id = estimate_one.org_id and f.number_id = estimate_one.number_id and f.month = private.month_text(v_local::date)), 0) < 1000;
  v_plan := private.billing_plan(estimate_one.org_id);
  v_rule := private.markup_rule(v_plan, e.category, now());
  e.meta_high := v_rate.rate;
  e.markup_high := private.markup_on(e.meta_high, v_rule);
  e.meta_low := case when v_may_free then 0 else e.meta_high end;
  e.markup_low := private.markup_on(e.meta_low, v_rule);
  e.billed_low := e.markup_low + case v_plan.meta_billing when 'flow' then e.meta_low else 0 end;
  e.billed_high := e.markup_high + case v_plan.meta_billing when 'flow' then e.meta_high else 0 end;
  return e;
end;
$$;
comment on function private.estimate_one is
  'What a message of a category (service for everything but templates) to a contact costs now, at least and at most: nothing at least while a free entry '
  'point or the number''s 1,000 free service messages may cover it.';

create function private.estimate_messages(org_id uuid, message jsonb, contact_ids uuid[], number_id uuid, conversation_id uuid) returns jsonb
  language plpgsql stable security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_number   public.whatsapp_numbers;
  v_thread   public.conversations;
  v_category text := 'service';
  v_template public.message_templates;
  v_whole    record;
  v_unknown  jsonb;
  v_wallet   record;
begin
  perform private.require_role(estimate_messages.org_id, 'agent');
  if jsonb_typeof(message) is distinct from 'object' or coalesce(message ->> 'kind', '') not in
       ('template', 'text', 'image', 'video', 'audio', 'document', 'sticker', 'location', 'contacts', 'interactive') then
    raise sqlstate 'PT422' using message = 'The message has no kind that can be sent', detail = 'message_invalid', hint = 'Give {"kind": "text"}, or a template.';
  end if;
  if conversation_id is not null then
    select c.* into v_thread from public.conversations c where c.org_id = estimate_messages.org_id and c.id = estimate_messages.conversation_id;
    if not found then
      raise sqlstate 'PT404' using message = 'There is no such conversation', detail = 'conversation_unknown', hint = 'Reload the inbox.';
    end if;
    if number_id <> v_thread.number_id then
      raise sqlstate 'PT422' using message = 'The conversation belongs to another number', detail = 'number_of_another', hint = 'Name the conversation alone.';
    end if;
    contact_ids := array[v_thread.contact_id];
    number_id := v_thread.number_id;
  end if;
  contact_ids := array(select distinct i from unnest(contact_ids) i where i is not null);
  if coalesce(cardinality(contact_ids), 0) not between 1 and 10000 then
    raise sqlstate 'PT422' using message = 'Name the people: one conversation, or 1 to 10,000 contacts', detail = 'recipients_invalid', hint = 'Estimate a larger audience in parts.';
  end if;
  if (select count(*) from public.contacts p where p.org_id = estimate_messages.org_id and p.id = any (contact_ids)) < cardinality(contact_ids) then
    raise sqlstate 'PT404' using message = 'One of the contacts does not exist', detail = 'contact_unknown', hint = 'Reload the contacts.';
  end if;
  if number_id is null then
    v_number := private.sending_number(estimate_messages.org_id);
  else
    select n.* into v_number from public.whatsapp_numbers n where n.org_id = estimate_messages.org_id and n.id = estimate_messages.number_id;
    if not found then
      raise sqlstate 'PT404' using message = 'The organization has no such number', detail = 'number_unknown', hint = 'Reload the numbers.';
    end if;
  end if;
  if message ->> 'kind' = 'template' then
    select t.* into v_template from public.message_templates t
     where t.org_id = estimate_messages.org_id and t.account_id = v_number.account_id and t.name = message ->> 'template' and t.language = message ->> 'language';
    if not found then
      raise sqlstate 'PT404' using message = 'The account has no such template', detail = 'template_unknown', hint = 'Sync the templates.';
    end if;
    v_category := lower(v_template.category);
  end if;

  with priced as materialized (
    select private.estimate_one(estimate_messages.org_id, v_number.id, p.id, c.id, v_category) as e
      from unnest(contact_ids) k (id)
      join public.contacts p on p.org_id = estimate_messages.org_id and p.id = k.id
      left join public.conversations c on (c.org_id, c.number_id, c.contact_id) = (p.org_id, v_number.id, p.id))
  select count(*) as messages, min((e).currency) as currency, count(*) filter (where (e).reason is not null) as unknown,
         coalesce(sum((e).meta_low), 0) as meta_low, coalesce(sum((e).meta_high), 0) as meta_high,
         coalesce(sum((e).markup_low), 0) as markup_low, coalesce(sum((e).markup_high), 0) as markup_high,
         coalesce(sum((e).billed_low), 0) as billed_low, coalesce(sum((e).billed_high), 0) as billed_high,
         (select jsonb_agg(jsonb_build_object('reason', r.reason, 'words', private.estimate_words(r.reason), 'messages', r.n) order by r.reason)
            from (select (x.e).reason as reason, count(*) as n from priced x where (x.e).reason is not null group by 1) r) as reasons
    into v_whole from priced;
  select w.* into v_wallet from public.wallets w where w.org_id = estimate_messages.org_id;
  return jsonb_build_object('messages', v_whole.messages, 'category', v_category, 'currency', v_whole.currency,
    'low', round(v_whole.meta_low + v_whole.markup_low, 6)::text, 'high', round(v_whole.meta_high + v_whole.markup_high, 6)::text,
    'meta_low', round(v_whole.meta_low, 6)::text, 'meta_high', round(v_whole.meta_high, 6)::text,
    'markup_low', round(v_whole.markup_low, 6)::text, 'markup_high', round(v_whole.markup_high, 6)::text,
    'billed_low', round(v_whole.billed_low, 6)::text, 'billed_high', round(v_whole.billed_high, 6)::text,
    'unknown', v_whole.unknown, 'reasons', coalesce(v_whole.reasons, '[]'),
    'fits_wallet', case when v_wallet.is_prepaid and v_whole.currency = 'INR' then
      v_wallet.allow_negative or v_whole.unknown = 0 and (v_whole.billed_high = 0 or v_whole.billed_high <= v_wallet.balance - v_wallet.held) end);
end;
$$;
comment on function private.estimate_messages is 'public.estimate_messages behind its door.';
create function public.estimate_messages(org_id uuid, message jsonb, contact_ids uuid[] default null, number_id uuid default null, conversation_id uuid default null)
  returns jsonb language sql stable set search_path = ''
begin atomic
  select private.estimate_messages(org_id, message, contact_ids, number_id, conversation_id);
end;
comment on function public.estimate_messages is
  'What a message would cost, before it is sent: message {kind, template?, language?} to a conversation, or to 1 to 10,000 contacts from a number (default: the '
  'first). Returns {messages, category, currency, low, high, meta_low, meta_high, markup_low, markup_high, billed_low, billed_high (text, before GST), '
  'unknown: messages whose price is not known, reasons: [{reason, words, messages}], fits_wallet: null unless a prepaid wallet pays it}. Raises PT404, PT409, PT422.';
grant execute on function private.estimate_messages, public.estimate_messages to authenticated;
