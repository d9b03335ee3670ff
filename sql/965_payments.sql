-- 965_payments.sql: money that came or went, booked once: whatever told of it, in whatever order, however often.

create function private.expected_charges(s public.subscriptions) returns table (amount bigint, purpose text)
  language plpgsql stable security definer set search_path = ''
as $$
declare
  v_cycle bigint := (select p.amount_gross from private.subscription_plans p where p.id = (s).plan_id) * (s).quantity;
begin
  if (s).upfront > 0 and (s).upfront_paid_at is null then
    return query select (s).upfront, 'upfront';
  end if;
  return query select v_cycle, 'subscription';
end;
$$;
comment on function private.expected_charges is 'What a subscription may be debited now, in paise, and what for: what is paid once at the mandate, and a cycle.';

create function private.book_subscription(payment public.payments) returns text
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_row     public.subscriptions;
  v_plan    private.subscription_plans;
  v_purpose text;
  v_net     bigint;
begin
  select s.* into v_row from public.subscriptions s where s.org_id = (payment).org_id and s.id = (payment).subscription_id;
  select p.* into v_plan from private.subscription_plans p where p.id = v_row.plan_id;
  select e.purpose into v_purpose from private.expected_charges(v_row) e where e.amount = (payment).amount order by e.purpose desc limit 1;
  if v_purpose is null then
    return case when (payment).amount <= 500 then 'mandate_check' else 'amount_differs' end;
  end if;
  v_net := case v_purpose when 'upfront' then v_row.upfront_net else v_plan.amount_net * v_row.quantity end;
  perform private.issue_invoice(v_row.org_id, v_purpose, jsonb_build_array(jsonb_build_object(
    'description', 'Flow ' || v_plan.name || ', ' || v_plan.period || case v_purpose when 'upfront' then ', first cycles with coupon ' || v_row.coupon else '' end,
    'quantity', case v_purpose when 'upfront' then 1 else v_row.quantity end,
    'unit_net', case v_purpose when 'upfront' then v_net else v_plan.amount_net end, 'amount', v_net)), v_net, (payment).amount, (payment).id);
  if v_purpose = 'upfront' then
    update public.subscriptions s set upfront_paid_at = coalesce((payment).captured_at, now()), paid_until = greatest(s.paid_until, s.start_at)
     where s.org_id = v_row.org_id and s.id = v_row.id;
  end if;
  return v_purpose;
end;
$$;
comment on function private.book_subscription is
  'Books a captured debit of a subscription: its invoice, once. Returns what it paid, or mandate_check (₹5 at most, given back by the supplier), or amount_differs.';

create function private.book_link(payment public.payments) returns text
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_intent private.billing_intents;
  v_row    public.subscriptions;
begin
  select i.* into v_intent from private.billing_intents i where i.org_id = (payment).org_id and i.id = (payment).intent_id;
  if v_intent.paid_at is not null then
    return 'paid_already';
  elsif v_intent.amount <> (payment).amount then
    return 'amount_differs';
  end if;
  select s.* into v_row from public.subscriptions s where s.org_id = v_intent.org_id and s.id = v_intent.subscription_id;
  if v_intent.purpose = 'usage' then
    update public.invoices n set payment_id = (payment).id where n.org_id = v_intent.org_id and n.id = v_intent.invoice_id;
  else
    perform private.issue_invoice(v_intent.org_id, v_intent.purpose, jsonb_build_array(jsonb_build_object('description', v_intent.params ->> 'description',
      'quantity', 1, 'unit_net', v_intent.amount_net, 'amount', v_intent.amount_net)), v_intent.amount_net, (payment).amount, (payment).id);
  end if;
  update private.billing_intents i set paid_at = coalesce((payment).captured_at, now()), link_status = 'paid' where i.org_id = v_intent.org_id and i.id = v_intent.id;
  if v_intent.purpose = 'top_up' then
    perform worker.top_up(v_intent.org_id, (v_intent.amount_net / 100.0)::numeric(16, 2)::text, 'Payment ' || (payment).provider_id,
                          md5((payment).provider || (payment).mode || (payment).provider_id)::uuid);
  elsif v_intent.purpose = 'arrears' then
    update public.subscriptions s set covered_until = greatest(s.covered_until, s.current_end) where s.org_id = v_row.org_id and s.id = v_row.id;
  elsif v_intent.purpose = 'proration' then
    update public.subscriptions s set granted_plan_id = v_intent.plan_id, granted_quantity = v_intent.quantity, granted_until = s.current_end
     where s.org_id = v_row.org_id and s.id = v_row.id;
    perform private.schedule_successor(v_row, v_intent.plan_id, v_intent.quantity);
  end if;
  return v_intent.purpose;
end;
$$;
comment on function private.book_link is
  'Books a captured payment of a link: its invoice, once, and what it was for: the wallet, the higher plan for the rest of the cycle with the subscription that follows, or a cycle in arrears. Returns '
  'what it paid, or amount_differs, or paid_already.';

create function private.book_payment(payment public.payments) returns public.payments
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_word    text;
  v_payment public.payments;
begin
  v_word := case
    when (payment).currency <> 'INR' then 'currency_differs'
    when not exists (select from public.organizations o where o.id = (payment).org_id and o.deleted_at is null) then 'organization_deleted'
    when (private.seller()).id is null then 'seller_missing'
    when (payment).subscription_id is not null then private.book_subscription(payment)
    else private.book_link(payment) end;
  update public.payments p
     set purpose = case when v_word not in ('currency_differs', 'organization_deleted', 'seller_missing', 'amount_differs', 'paid_already') then v_word end,
         quarantine = case when v_word in ('currency_differs', 'organization_deleted', 'seller_missing', 'amount_differs', 'paid_already') then v_word end
   where p.org_id = (payment).org_id and p.id = (payment).id returning p.* into v_payment;
  if v_payment.quarantine is distinct from (payment).quarantine and v_payment.quarantine is not null then
    perform private.audit(v_payment.org_id, 'payment.quarantined', 'payment', v_payment.id::text, jsonb_build_object('why', v_payment.quarantine, 'amount', v_payment.amount));
  end if;
  return v_payment;
end;
$$;
comment on function private.book_payment is 'Books captured money, or says in quarantine why it is not: then there is neither an invoice nor anything it would have paid for.';

create function worker.record_payment(provider text, mode text, entity jsonb) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_ranks   constant text[] := array['created', 'authorized', 'failed', 'captured', 'refunded'];
  v_status  text := entity ->> 'status';
  v_payment public.payments;
  v_before  public.payments;
  v_invoice public.invoices;
begin
  if coalesce(entity ->> 'provider_id', '') = '' or v_status is null or v_status <> all (v_ranks) or coalesce(entity ->> 'amount', '') !~ '^[0-9]{1,12}$'
     or coalesce(entity ->> 'currency', '') !~ '^[A-Z]{3}$' then
    raise sqlstate 'PT422' using message = 'This is no payment: it lacks an id, a known status, whole paise or a currency', detail = 'payment_invalid', hint = 'See worker.record_payment.';
  end if;
  select p.org_id, p.subscription_id, p.intent_id into v_payment.org_id, v_payment.subscription_id, v_payment.intent_id
    from public.payments p where (p.provider, p.mode, p.provider_id) = (record_payment.provider, record_payment.mode, entity ->> 'provider_id');
  if not found then
    select i.org_id, i.id into v_payment.org_id, v_payment.intent_id from private.billing_intents i
     where i.provider = record_payment.provider and i.mode = record_payment.mode and i.kind = 'payment_link'
       and (i.provider_id = entity ->> 'payment_link_id' or i.order_id = entity ->> 'order_id') limit 1;
    if not found then
      select s.org_id, s.id into v_payment.org_id, v_payment.subscription_id from public.subscriptions s
       where (s.provider, s.mode, s.provider_id) = (record_payment.provider, record_payment.mode, entity ->> 'subscription_provider_id');
    end if;
    if v_payment.org_id is null then
      return jsonb_build_object('outcome', 'unknown');
    end if;
  end if;
  -- Of two who tell of one payment at once the second finds what the first has done.
  perform private.lock_billing(v_payment.org_id);
  insert into public.payments (org_id, provider, mode, provider_id, subscription_id, intent_id, amount, currency, status)
  values (v_payment.org_id, record_payment.provider, record_payment.mode, entity ->> 'provider_id', v_payment.subscription_id, v_payment.intent_id,
          (entity ->> 'amount')::bigint, entity ->> 'currency', 'created')
  on conflict do nothing;
  select p.* into v_before from public.payments p
   where (p.provider, p.mode, p.provider_id) = (record_payment.provider, record_payment.mode, entity ->> 'provider_id');
  update public.payments p
     -- Failed never overwrites captured, and captured may follow failed: a status only goes on.
     set status = v_ranks[greatest(array_position(v_ranks, p.status), array_position(v_ranks, v_status))],
         order_id = coalesce(entity ->> 'order_id', p.order_id), invoice_provider_id = coalesce(entity ->> 'invoice_provider_id', p.invoice_provider_id),
         method = coalesce(left(entity ->> 'method', 40), p.method),
         error_code = case when array_position(v_ranks, v_status) >= array_position(v_ranks, p.status) then left(entity ->> 'error_code', 100) else p.error_code end,
         captured_at = coalesce(p.captured_at, case when v_status in ('captured', 'refunded') then coalesce((entity ->> 'captured_at')::timestamptz, (entity ->> 'fetched_at')::timestamptz, now()) end),
         read_at = now()
   where p.org_id = v_before.org_id and p.id = v_before.id returning p.* into v_payment;
  -- Its amount was told once; another one later is another's, and is not believed.
  if v_payment.amount <> (entity ->> 'amount')::bigint or v_payment.currency <> entity ->> 'currency' then
    return jsonb_build_object('outcome', 'quarantined', 'payment_id', v_payment.id, 'status', v_payment.status, 'purpose', v_payment.purpose, 'quarantine', 'amount_differs');
  elsif v_payment.status in ('captured', 'refunded') and v_payment.purpose is null then
    v_payment := private.book_payment(v_payment);
  end if;
  select n.* into v_invoice from public.invoices n where n.org_id = v_payment.org_id and n.payment_id = v_payment.id;
  return jsonb_build_object('org_id', v_payment.org_id, 'payment_id', v_payment.id, 'status', v_payment.status, 'purpose', v_payment.purpose, 'quarantine', v_payment.quarantine,
    'invoice_id', v_invoice.id, 'invoice_number', v_invoice.number,
    'wallet_credit', case when v_payment.purpose = 'top_up' then v_invoice.taxable end,
    'outcome', case when v_payment.quarantine is not null then 'quarantined' when v_payment.purpose = 'mandate_check' then 'mandate_check'
                    when (v_payment.status, v_payment.purpose) is not distinct from (v_before.status, v_before.purpose) then 'unchanged' else 'recorded' end);
end;
$$;
comment on function worker.record_payment is
  'Books a payment as the supplier tells of it, once: {provider_id, order_id, payment_link_id, invoice_provider_id, subscription_provider_id, amount: paise, currency, status: created | authorized | '
  'captured | refunded | failed, method, error_code, captured_at, fetched_at}. Returns {outcome: recorded | unchanged | unknown | quarantined | mandate_check, org_id, payment_id, status, purpose, '
  'invoice_id, invoice_number, wallet_credit, quarantine}. Raises PT422 payment_invalid.';

create function worker.record_refund(provider text, mode text, entity jsonb) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_status  text := entity ->> 'status';
  v_payment public.payments;
  v_refund  public.refunds;
  v_before  text;
  v_invoice public.invoices;
  v_note    public.invoices;
  v_balance numeric;
begin
  if coalesce(entity ->> 'provider_id', '') = '' or coalesce(v_status, '') not in ('pending', 'processed', 'failed') or coalesce(entity ->> 'amount', '') !~ '^[1-9][0-9]{0,11}$' then
    raise sqlstate 'PT422' using message = 'This is no refund: it lacks an id, a known status or whole paise', detail = 'refund_invalid', hint = 'See worker.record_refund.';
  end if;
  perform private.lock_billing(p.org_id) from public.payments p
   where (p.provider, p.mode, p.provider_id) = (record_refund.provider, record_refund.mode, entity ->> 'payment_provider_id');
  select p.* into v_payment from public.payments p
   where (p.provider, p.mode, p.provider_id) = (record_refund.provider, record_refund.mode, entity ->> 'payment_provider_id');
  if not found then
    return jsonb_build_object('outcome', 'unknown');
  end if;
  select r.* into v_refund from public.refunds r where (r.provider, r.mode, r.provider_id) = (record_refund.provider, record_refund.mode, entity ->> 'provider_id');
  v_before := v_refund.status;
  if v_before is null and (v_payment.refunded + (entity ->> 'amount')::bigint > v_payment.amount or coalesce(entity ->> 'currency', v_payment.currency) <> v_payment.currency)
     or (v_refund.amount, v_refund.payment_id) <> ((entity ->> 'amount')::bigint, v_payment.id) then
    perform private.audit(v_payment.org_id, 'payment.quarantined', 'payment', v_payment.id::text, jsonb_build_object('why', 'refund_differs', 'amount', entity -> 'amount'));
    return jsonb_build_object('outcome', 'quarantined', 'quarantine', 'amount_differs', 'org_id', v_payment.org_id);
  end if;
  insert into public.refunds as r (org_id, provider, mode, provider_id, payment_id, amount, status)
  values (v_payment.org_id, record_refund.provider, record_refund.mode, entity ->> 'provider_id', v_payment.id, (entity ->> 'amount')::bigint, v_status)
  on conflict (provider, mode, provider_id) do update
    set status = case when r.status = 'pending' then excluded.status else r.status end, read_at = now() returning r.* into v_refund;
  if v_refund.status = 'processed' and v_before is distinct from 'processed' then
    update public.payments p set refunded = p.refunded + v_refund.amount, status = case when p.refunded + v_refund.amount = p.amount then 'refunded' else p.status end
     where p.org_id = v_payment.org_id and p.id = v_payment.id;
    select n.* into v_invoice from public.invoices n where n.org_id = v_payment.org_id and n.payment_id = v_payment.id;
    if found then
      v_note := private.issue_credit_note(v_refund, v_invoice);
      if v_payment.purpose = 'top_up' then
        update public.wallets w set balance = w.balance - v_note.taxable / 100.0 where w.org_id = v_payment.org_id returning w.balance into v_balance;
        insert into public.wallet_entries (org_id, kind, amount, month, balance_after, note)
        values (v_payment.org_id, 'topup', -v_note.taxable / 100.0, private.month_text(private.india_day(now())), v_balance, 'Refund ' || v_refund.provider_id);
      end if;
    end if;
  end if;
  select n.* into v_note from public.invoices n where n.org_id = v_refund.org_id and n.refund_id = v_refund.id;
  return jsonb_build_object('outcome', case when v_before is not distinct from v_refund.status then 'unchanged' else 'recorded' end, 'org_id', v_refund.org_id, 'refund_id', v_refund.id,
                            'status', v_refund.status, 'credit_note_id', v_note.id, 'credit_note_number', v_note.number);
end;
$$;
comment on function worker.record_refund is
  'Books a refund as the supplier tells of it, once: {provider_id, payment_provider_id, amount: paise, currency, status: pending | processed | failed}. A processed one gets its credit note, and what '
  'had gone into the wallet leaves it. Returns {outcome: recorded | unchanged | unknown (record the payment first) | quarantined, org_id, refund_id, status, credit_note_id, credit_note_number}. '
  'Raises PT422 refund_invalid.';
grant execute on function worker.record_payment, worker.record_refund to service_role;

create function worker.refund_payment(payment_id text, amount bigint default null) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_payment public.payments;
  v_intent  private.billing_intents;
  v_left    bigint;
  v_amount  bigint;
begin
  select p.* into v_payment from private.payment_providers s join public.payments p on (p.provider, p.mode, p.provider_id) = (s.provider, s.mode, refund_payment.payment_id);
  if found then
    perform private.lock_billing(v_payment.org_id);
    select p.* into v_payment from public.payments p where p.org_id = v_payment.org_id and p.id = v_payment.id;      -- as it stands now
  end if;
  if v_payment.id is null or v_payment.status not in ('captured', 'refunded') then
    raise sqlstate 'PT404' using message = 'No money was received by this payment', detail = 'payment_unknown', hint = 'Give the supplier''s id, as pay_….';
  end if;
  -- Asked twice within a day, it is the same wish: nobody gets money twice because a command was repeated.
  select i.* into v_intent from private.billing_intents i
   where i.org_id = v_payment.org_id and i.kind = 'refund' and i.params ->> 'payment_provider_id' = v_payment.provider_id and i.status in ('open', 'done')
     and i.created_at > now() - interval '1 day' and i.amount = coalesce(refund_payment.amount, i.amount) order by i.created_at desc limit 1;
  if v_intent.id is null then
    v_left := v_payment.amount - v_payment.refunded
      - (select coalesce(sum(r.amount), 0) from public.refunds r where r.org_id = v_payment.org_id and r.payment_id = v_payment.id and r.status = 'pending')
      - (select coalesce(sum(i.amount), 0) from private.billing_intents i
          where i.org_id = v_payment.org_id and i.kind = 'refund' and i.status = 'open' and i.params ->> 'payment_provider_id' = v_payment.provider_id);
    v_amount := coalesce(refund_payment.amount, v_left);
    if v_left = 0 then
      raise sqlstate 'PT409' using message = 'All of this payment was given back', detail = 'refunded_already', hint = 'There is nothing to do.';
    elsif v_amount not between 1 and v_left then
      raise sqlstate 'PT422' using message = format('From 1 to %s paise can be given back', v_left), detail = 'amount_invalid', hint = 'Leave the amount out to give back all that is left.';
    end if;
    v_intent.id := gen_random_uuid();
    insert into private.billing_intents (org_id, id, kind, provider, mode, amount, params)
    values (v_payment.org_id, v_intent.id, 'refund', v_payment.provider, v_payment.mode, v_amount,
            jsonb_build_object('payment_provider_id', v_payment.provider_id, 'amount', v_amount, 'idempotency_key', v_intent.id)) returning * into v_intent;
    perform private.audit(v_payment.org_id, 'payment.refund_asked', 'payment', v_payment.id::text, jsonb_build_object('amount', v_amount));
    perform private.wake('billing');
  end if;
  return jsonb_build_object('intent_id', v_intent.id, 'org_id', v_intent.org_id, 'amount', v_intent.amount, 'status', v_intent.status);
end;
$$;
comment on function worker.refund_payment is
  'Gives money back, for the operator: payment_id is the supplier''s, amount in paise, null for all that is left. Its credit note follows when the supplier has done it. Asked again within a day for the '
  'same amount, it is the same refund. Returns {intent_id, org_id, amount, status: open | done}. Raises PT404 payment_unknown, PT409 refunded_already, PT422 amount_invalid.';
grant execute on function worker.refund_payment to service_role;

-- A refund takes out of the wallet what the payment had put into it: in statements both are top-ups.
alter table public.wallet_entries drop constraint wallet_topup_is_positive;
alter table public.wallet_entries add constraint wallet_topup_is_something check (kind <> 'topup' or amount <> 0);
comment on column public.wallet_entries.kind is 'topup: money in, before GST, or out again by a refund. usage: ledger entries settled together (a correction may give back).';
