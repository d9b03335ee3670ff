-- 969_billing_pages.sql: how billing stands, for owners and the operator; paying by link; usage that becomes invoices; what time alone brings about.

------------------------------------------------------------------------------------------------
-- Paying by link
------------------------------------------------------------------------------------------------
create function private.pay_by_link(org_id uuid, purpose text, amount_paise bigint) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_provider private.payment_providers := private.require_billing(pay_by_link.org_id);
  v_row      public.subscriptions;
  v_plan     private.subscription_plans;
  v_id       uuid;
begin
  if purpose = 'top_up' then
    if coalesce(amount_paise, 0) not between 10000 and 10000000 then
      perform private.refuse_field('amount_paise', 'is not from ₹100 to ₹1,00,000, in paise', 'amount_invalid');
    end if;
    v_id := private.new_link(pay_by_link.org_id, v_provider.provider, v_provider.mode, 'top_up', amount_paise, private.gross(pay_by_link.org_id, amount_paise), 'Flow wallet, for messages');
  else
    select s.* into v_row from public.subscriptions s where s.org_id = pay_by_link.org_id and s.place = 'current';
    if v_row.status is distinct from 'past_due' or v_row.covered_until > now() then
      raise sqlstate 'PT409' using message = 'Nothing is open', detail = 'nothing_due', hint = 'Reload the page.';
    end if;
    select i.id into v_id from private.billing_intents i where i.org_id = pay_by_link.org_id and i.subscription_id = v_row.id and i.purpose = 'arrears' and i.status in ('open', 'done')
       and i.paid_at is null and coalesce(i.link_status, '') not in ('expired', 'cancelled') and i.created_at >= coalesce(v_row.current_start, '-infinity');
    if not found then
      select p.* into v_plan from private.subscription_plans p where p.id = v_row.plan_id;
      v_id := private.new_link(pay_by_link.org_id, v_provider.provider, v_provider.mode, 'arrears', v_plan.amount_net * v_row.quantity, v_plan.amount_gross * v_row.quantity,
                               format('Flow %s, %s, by link', v_plan.name, v_plan.period), v_row.id);
    end if;
  end if;
  perform private.audit(pay_by_link.org_id, 'billing.link_asked', 'intent', v_id::text, jsonb_build_object('purpose', purpose, 'amount', amount_paise));
  perform private.wake('billing');
  return jsonb_build_object('intent_id', v_id, 'charge', (select i.amount from private.billing_intents i where i.id = v_id));
end;
$$;
comment on function private.pay_by_link is 'A payment link for an owner: into the wallet, or for the cycle whose debit failed. {intent_id, charge: paise with GST}. Raises PT403, PT404, PT409, PT422.';
create function public.top_up_wallet(org_id uuid, amount_paise bigint) returns jsonb
  language sql volatile set search_path = ''
begin atomic
  select private.pay_by_link(org_id, 'top_up', amount_paise);
end;
comment on function public.top_up_wallet is
  'A payment link that puts so many paise, before GST, into the wallet, for owners: {intent_id: ask public.billing_intent for its page, charge: paise with GST}. Raises PT403, PT404, PT409 billing_not_configured, '
  'billing_account_missing, PT422 amount_invalid.';
create function public.pay_arrears(org_id uuid) returns jsonb
  language sql volatile set search_path = ''
begin atomic
  select private.pay_by_link(org_id, 'arrears', null);
end;
comment on function public.pay_arrears is
  'A payment link for the cycle whose debit failed, for owners: {intent_id, charge}. Paid, the plan holds until its end; for the next one a new mandate is needed. Raises PT403, PT404, PT409 nothing_due.';

create function private.intent_json(intent private.billing_intents) returns jsonb
  language sql stable set search_path = ''
as $$
  select jsonb_build_object('id', (intent).id, 'kind', (intent).kind, 'purpose', (intent).purpose, 'status', (intent).status, 'short_url', (intent).short_url, 'amount', (intent).amount,
    'is_paid', (intent).paid_at is not null, 'link_status', (intent).link_status, 'error', (intent).error, 'created_at', (intent).created_at)
$$;
comment on function private.intent_json is 'An intent as owners see it.';

create function private.intent_as_told(org_id uuid, intent_id uuid) returns jsonb
  language plpgsql stable security definer set search_path = ''
as $$
declare
  v_told jsonb;
begin
  perform private.require_role(intent_as_told.org_id, 'owner');
  select private.intent_json(i) into v_told from private.billing_intents i where i.org_id = intent_as_told.org_id and i.id = intent_as_told.intent_id;
  if v_told is null then
    raise sqlstate 'PT404' using message = 'There is nothing of the kind', detail = 'intent_unknown', hint = 'Reload the page.';
  end if;
  return v_told;
end;
$$;
comment on function private.intent_as_told is 'public.billing_intent behind its door.';
create function public.billing_intent(org_id uuid, intent_id uuid) returns jsonb
  language sql stable set search_path = ''
begin atomic
  select private.intent_as_told(org_id, intent_id);
end;
comment on function public.billing_intent is
  'How something asked of the supplier stands, for owners: {id, kind, purpose, status: open | done | failed | void, short_url: where to pay or authorize, amount, is_paid, link_status, error, created_at}. Raises PT403, PT404 intent_unknown.';
grant execute on function private.pay_by_link, public.top_up_wallet, public.pay_arrears, private.intent_as_told, public.billing_intent to authenticated;

------------------------------------------------------------------------------------------------
-- Documents
------------------------------------------------------------------------------------------------
create function private.invoice_json(n public.invoices) returns jsonb
  language sql stable security definer set search_path = ''
as $$
  select to_jsonb(n) - '{org_id,series,seq,payment_id,refund_id,corrects,place_of_supply,gst_percent}'::text[] || jsonb_build_object(
    'gst_percent', trim_scale((n).gst_percent)::text, 'place_of_supply', jsonb_build_object('code', (n).place_of_supply, 'name', private.state_name((n).place_of_supply)),
    'sgst_label', case when (n).place_of_supply in ('04', '26', '31', '35', '38') then 'UTGST' else 'SGST' end,
    'payment', (select jsonb_build_object('provider_id', p.provider_id, 'method', p.method, 'captured_at', p.captured_at) from public.payments p where p.org_id = (n).org_id and p.id = (n).payment_id),
    'corrects', (select c.number from public.invoices c where c.org_id = (n).org_id and c.id = (n).corrects),
    'credited', (select coalesce(sum(c.total), 0) from public.invoices c where c.org_id = (n).org_id and c.corrects = (n).id))
$$;
comment on function private.invoice_json is
  'An invoice as it is told: {id, kind, number, fy, issued_at, issued_on, purpose, seller, buyer, place_of_supply: {code, name}, lines, gst_percent, taxable, cgst, sgst, sgst_label, igst, round_off, total (paise), currency, '
  'payment: {provider_id, method, captured_at} or null, corrects: number, credited, statement_month, irn, ack_no, ack_at, signed_qr}.';

create function private.list_invoices(org_id uuid, before_id bigint, page_size int) returns jsonb
  language plpgsql stable security definer set search_path = ''
as $$
declare
  v_limit int := least(greatest(coalesce(page_size, 30), 1), 100);
begin
  perform private.require_role(list_invoices.org_id, 'owner');
  return (select jsonb_build_object('invoices', coalesce(jsonb_agg(jsonb_build_object('id', x.id, 'kind', x.kind, 'number', x.number, 'issued_on', x.issued_on, 'purpose', x.purpose, 'total', x.total,
            'is_paid', x.kind = 'credit_note' or x.payment_id is not null) order by x.id desc), '[]'), 'next', case when count(*) = v_limit then min(x.id) end)
    from (select n.* from public.invoices n where n.org_id = list_invoices.org_id and n.id < coalesce(before_id, 9223372036854775807) order by n.id desc limit v_limit) x);
end;
$$;
comment on function private.list_invoices is 'public.list_invoices behind its door.';
create function public.list_invoices(org_id uuid, before_id bigint default null, page_size int default 30) returns jsonb
  language sql stable set search_path = ''
begin atomic
  select private.list_invoices(org_id, before_id, page_size);
end;
comment on function public.list_invoices is
  'Invoices and credit notes, newest first, at most 100, for owners: {invoices: [{id, kind, number, issued_on, purpose, total: paise, is_paid}], next: before_id of the next page or null}. Raises PT403, PT404.';

create function private.one_invoice(org_id uuid, invoice_id bigint) returns jsonb
  language plpgsql stable security definer set search_path = ''
as $$
declare
  v_row public.invoices;
begin
  select n.* into v_row from public.invoices n where n.org_id = one_invoice.org_id and n.id = one_invoice.invoice_id;
  if not found then
    raise sqlstate 'PT404' using message = 'There is no such invoice', detail = 'invoice_unknown', hint = 'Reload the list.';
  end if;
  return private.invoice_json(v_row);
end;
$$;
comment on function private.one_invoice is 'private.invoice_json of one. Raises PT404 invoice_unknown.';
create function private.my_invoice(org_id uuid, invoice_id bigint) returns jsonb
  language plpgsql stable security definer set search_path = ''
as $$
begin
  perform private.require_role(my_invoice.org_id, 'owner');
  return private.one_invoice(my_invoice.org_id, my_invoice.invoice_id);
end;
$$;
comment on function private.my_invoice is 'public.get_invoice behind its door.';
create function public.get_invoice(org_id uuid, invoice_id bigint) returns jsonb
  language sql stable set search_path = ''
begin atomic
  select private.my_invoice(org_id, invoice_id);
end;
comment on function public.get_invoice is 'One invoice whole, for owners, as private.invoice_json tells it. Raises PT403, PT404 invoice_unknown.';
create function worker.invoice(org_id uuid, invoice_id bigint) returns jsonb
  language sql stable security definer set search_path = ''
as $$
  select private.one_invoice(invoice.org_id, invoice.invoice_id)
$$;
comment on function worker.invoice is 'One invoice whole, for its PDF, as private.invoice_json tells it. Raises PT404 invoice_unknown.';
create function worker.set_einvoice(org_id uuid, invoice_id bigint, irn text, ack_no text, ack_at timestamptz, signed_qr text) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
begin
  update public.invoices n set irn = set_einvoice.irn, ack_no = set_einvoice.ack_no, ack_at = set_einvoice.ack_at, signed_qr = set_einvoice.signed_qr
   where n.org_id = set_einvoice.org_id and n.id = set_einvoice.invoice_id;
  return private.one_invoice(set_einvoice.org_id, set_einvoice.invoice_id);
end;
$$;
comment on function worker.set_einvoice is 'Fills in what the e-invoice portal answered, once. Returns the invoice. Raises PT404, PT405.';
grant execute on function private.list_invoices, public.list_invoices, private.my_invoice, public.get_invoice to authenticated;
grant execute on function worker.invoice, worker.set_einvoice to service_role;

------------------------------------------------------------------------------------------------
-- How it stands
------------------------------------------------------------------------------------------------
create function private.billing_state(org_id uuid) returns jsonb
  language plpgsql stable security definer set search_path = ''
as $$
declare
  v_access jsonb := private.access(billing_state.org_id);
  v_told   jsonb;
begin
  perform private.require_role(billing_state.org_id, 'owner');
  select jsonb_object_agg(s.place, jsonb_build_object('id', s.id, 'plan', private.subscription_plan_json(p), 'quantity', s.quantity, 'status', s.status, 'start_at', s.start_at,
           'current_start', s.current_start, 'current_end', s.current_end, 'next_charge_at', s.charge_at, 'next_charge', p.amount_gross * s.quantity, 'cancel_at_end', s.cancel_at_end,
           'grace_until', s.grace_until, 'paid_until', s.paid_until, 'payment_method', s.payment_method, 'short_url', s.short_url, 'coupon', s.coupon, 'upfront', s.upfront,
           'paused_by', s.snapshot ->> 'paused_by')) into v_told
    from public.subscriptions s join private.subscription_plans p on p.id = s.plan_id where s.org_id = billing_state.org_id and s.place is not null;
  return v_access - 'plan_id' || jsonb_build_object(
    'plan', (select private.subscription_plan_json(p) from private.subscription_plans p
              where p.id = coalesce((v_access ->> 'plan_id')::uuid, (select o.plan_id from private.plans_on_offer o where o.code = 'free'))),
    'subscription', v_told -> 'current', 'next', v_told -> 'scheduled',
    'account', (select to_jsonb(b) - 'org_id' - 'customers' || jsonb_build_object('state', private.state_name(b.state_code)) from public.billing_accounts b where b.org_id = billing_state.org_id),
    'is_configured', exists (select from private.payment_providers p where p.is_default) and (private.seller()).id is not null,
    'wallet', private.spending(billing_state.org_id) - 'org_id',
    'invoices', (select count(*) from public.invoices n where n.org_id = billing_state.org_id),
    'unpaid', (select coalesce(jsonb_agg(jsonb_build_object('number', n.number, 'total', n.total, 'issued_on', n.issued_on, 'short_url', i.short_url) order by n.id), '[]')
                 from public.invoices n left join private.billing_intents i on i.org_id = n.org_id and i.invoice_id = n.id and i.kind = 'payment_link' and i.status = 'done'
                where n.org_id = billing_state.org_id and n.purpose = 'usage' and n.kind = 'invoice' and n.payment_id is null),
    'intents', (select coalesce(jsonb_agg(private.intent_json(i) order by i.created_at desc), '[]') from private.billing_intents i
                 where i.org_id = billing_state.org_id and i.status in ('open', 'failed') and i.created_at > now() - interval '7 days'));
end;
$$;
comment on function private.billing_state is 'public.billing_state behind its door.';
create function public.billing_state(org_id uuid) returns jsonb
  language sql stable set search_path = ''
begin atomic
  select private.billing_state(org_id);
end;
comment on function public.billing_state is
  'How billing stands, for owners: {status, access: plan | read_only | free, banner: a key for words, until, plan: that holds (null: none was imported), quantity, subscription: {id, plan, quantity, status, start_at, '
  'current_start, current_end, next_charge_at, next_charge, cancel_at_end, grace_until, paid_until, payment_method, short_url, coupon, upfront, paused_by} or null, next: the same of what follows, account, '
  'is_configured, wallet: as public.spending, invoices: how many, unpaid: [{number, total, issued_on, short_url}], intents: open and failed ones of a week}. Amounts in paise. Raises PT403, PT404.';

create function private.list_plans(org_id uuid) returns jsonb
  language plpgsql stable security definer set search_path = ''
as $$
begin
  perform private.require_role(list_plans.org_id, 'owner');
  return jsonb_build_object('plans', (select coalesce(jsonb_agg(private.subscription_plan_json(p) order by o.position), '[]')
    from private.plans_on_offer o join private.subscription_plans p on p.id = o.plan_id));
end;
$$;
comment on function private.list_plans is 'public.list_plans behind its door.';
create function public.list_plans(org_id uuid) returns jsonb
  language sql stable set search_path = ''
begin atomic
  select private.list_plans(org_id);
end;
comment on function public.list_plans is 'What can be subscribed to, for owners: {plans: [private.subscription_plan_json]}. Raises PT403, PT404.';
grant execute on function private.billing_state, public.billing_state, private.list_plans, public.list_plans to authenticated;

------------------------------------------------------------------------------------------------
-- Usage
------------------------------------------------------------------------------------------------
create function worker.set_collection_mode(org_id uuid, collection_mode text) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
begin
  perform private.require_organization(set_collection_mode.org_id);
  if coalesce(set_collection_mode.collection_mode, '') not in ('wallet', 'postpaid') then
    raise sqlstate 'PT422' using message = 'Usage is collected from the wallet or postpaid', detail = 'collection_mode_unknown', hint = 'wallet or postpaid.';
  elsif set_collection_mode.collection_mode = 'postpaid' and ((private.seller()).id is null or not exists (select from private.payment_providers p where p.is_default)) then
    raise sqlstate 'PT409' using message = 'Payments are not set up in this installation', detail = 'billing_not_configured', hint = 'Set the seller and the payment supplier first.';
  end if;
  update public.billing_accounts b set collection_mode = set_collection_mode.collection_mode, updated_at = now() where b.org_id = set_collection_mode.org_id;
  if not found then
    raise sqlstate 'PT409' using message = 'It is not known yet to whom its invoices go', detail = 'billing_account_missing', hint = 'An owner sets it on the page Billing.';
  end if;
  -- The wallet does as it is told here: what is taken from it is not invoiced, and the other way round.
  perform worker.set_wallet(set_collection_mode.org_id, jsonb_build_object('prepaid', set_collection_mode.collection_mode = 'wallet'));
  return jsonb_build_object('org_id', set_collection_mode.org_id, 'collection_mode', set_collection_mode.collection_mode);
end;
$$;
comment on function worker.set_collection_mode is
  'How usage of an organization is collected from now on: wallet (prepaid, at the delivery), or postpaid (an invoice with a payment link when a month closes). Returns {org_id, collection_mode}. Raises PT404, PT409 '
  'billing_not_configured, billing_account_missing, PT422.';
grant execute on function worker.set_collection_mode to service_role;

create function private.tg_usage_statements__invoice() returns trigger
  language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_net      bigint := round(new.taxable * 100);
  v_invoice  public.invoices;
  v_provider private.payment_providers;
begin
  if exists (select from public.billing_accounts b where b.org_id = new.org_id and b.collection_mode = 'postpaid') then
    v_invoice := private.issue_invoice(new.org_id, 'usage', jsonb_build_array(jsonb_build_object('description', 'WhatsApp messages, ' || new.month, 'quantity', 1,
      'unit_net', v_net, 'amount', v_net)), v_net, private.gross(new.org_id, v_net), null, new.month);
    select p.* into v_provider from private.payment_providers p where p.is_default;
    perform private.new_link(new.org_id, v_provider.provider, v_provider.mode, 'usage', v_net, v_invoice.total, 'Invoice ' || v_invoice.number, null, null, null, v_invoice.id);
    perform private.tell_owners(new.org_id, 'billing_invoice', 'invoice:' || v_invoice.id);
  end if;
  return null;
end;
$$;
comment on function private.tg_usage_statements__invoice is 'A month that closes is invoiced, with a payment link, where usage is postpaid and was not taken from a wallet; less than a rupee is not.';
create trigger usage_statements_are_invoiced after insert on public.usage_statements
  for each row when (new.currency = 'INR' and new.taxable >= 1 and coalesce(new.wallet ->> 'prepaid', 'false') <> 'true')
  execute function private.tg_usage_statements__invoice();

------------------------------------------------------------------------------------------------
-- What time brings about
------------------------------------------------------------------------------------------------
alter table public.notifications drop constraint notification_kind_is_known;
alter table public.notifications add constraint notification_kind_is_known check (kind in ('task_due', 'task_assigned', 'lead_assigned', 'mention',
  'new_lead', 'new_message', 'number_needs_attention', 'billing_past_due', 'billing_halted', 'billing_suspended', 'billing_cancelled', 'billing_deletion', 'billing_invoice', 'webhook_disabled',
  'ticket_answered', 'ticket_access'));
comment on column public.notifications.kind is
  'task_due: a reminder; task_assigned, lead_assigned: somebody, or a rule, gave it to them; mention: in a note; new_lead, new_message: many came; number_needs_attention: for admins; for owners: billing_past_due: a debit failed, billing_halted: the supplier gave up, a week is left, '
  'billing_suspended, billing_cancelled: after 30 days, billing_deletion: after 90, billing_invoice: usage is to be paid; for admins and owners: webhook_disabled; ticket_answered: Flow''s support wrote; for owners, ticket_access: it asks to be let in.';

create function private.tell_owners(org_id uuid, kind text, key text) returns void
  language sql volatile security definer set search_path = ''
as $$
  insert into public.notifications (org_id, user_id, kind, key)
  select m.org_id, m.user_id, tell_owners.kind, tell_owners.key from public.memberships m where m.org_id = tell_owners.org_id and m.role = 'owner'
  on conflict do nothing
$$;
comment on function private.tell_owners is 'Tells each owner something about billing, once by its key.';

create function private.note_dunning(s public.subscriptions) returns void
  language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_kind text := jsonb '{"payment_failed": "billing_past_due", "payment_halted": "billing_halted", "suspended": "billing_suspended", "cancelled_unpaid": "billing_cancelled",
                         "deletion_notice": "billing_deletion"}' ->> (private.subscription_access(s, now()) ->> 'banner');
begin
  if v_kind is not null and (s).place = 'current' then
    perform private.tell_owners((s).org_id, v_kind, v_kind || ':' || (s).id || ':' || extract(epoch from (s).arrears_since)::bigint);
    if v_kind in ('billing_cancelled', 'billing_deletion') and not private.is_over((s).status)
       and not exists (select from private.billing_intents i where i.org_id = (s).org_id and i.subscription_id = (s).id and i.kind = 'subscription_cancel' and i.status in ('open', 'done')) then
      perform private.end_subscription(s, false);
      perform private.audit((s).org_id, 'subscription.cancelled', 'subscription', (s).id::text, jsonb_build_object('why', 'unpaid'));
    end if;
  end if;
end;
$$;
comment on function private.note_dunning is 'Tells owners how a subscription in arrears stands, once a step, and ends it at the supplier after 30 days.';

create function private.tend_billing() returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_row  public.subscriptions;
  v_many int := 0;
begin
  for v_row in
    select s.* from public.subscriptions s join public.organizations o on o.id = s.org_id and o.deleted_at is null
     where s.place = 'current' and s.arrears_since > now() - interval '120 days' order by s.org_id
  loop
    perform private.lock_billing(v_row.org_id);
    select s.* into v_row from public.subscriptions s where s.org_id = v_row.org_id and s.id = v_row.id;      -- as it stands now
    perform private.note_dunning(v_row);
    perform private.settle_places(v_row.org_id);
    v_many := v_many + 1;
  end loop;
  update private.payment_events e set body = null
   where e.body is not null and e.received_at < now() - case when e.status in ('received', 'quarantined', 'failed') then interval '30 days' else interval '7 days' end;
  return jsonb_build_object('arrears', v_many);
end;
$$;
comment on function private.tend_billing is 'Hourly: steps of dunning, and the bodies of old webhooks go. What may be done does not wait for it: private.access goes by the time.';
create function worker.tend_billing() returns jsonb
  language sql volatile security definer set search_path = ''
as $$
  select private.tend_billing()
$$;
comment on function worker.tend_billing is 'private.tend_billing, for hosts without pg_cron: {arrears: subscriptions that were looked at}.';

create function worker.billing_problems() returns jsonb
  language sql stable security definer set search_path = ''
as $$
  select jsonb_build_object(
    'events', (select coalesce(jsonb_agg(to_jsonb(x)), '[]') from (select e.id, e.provider, e.mode, e.type, e.status, e.error, e.received_at from private.payment_events e
                where e.status in ('quarantined', 'failed') and e.received_at > now() - interval '30 days' order by e.id desc limit 50) x),
    'payments', (select coalesce(jsonb_agg(to_jsonb(x)), '[]') from (select p.org_id, p.id, p.provider_id, p.amount, p.currency, p.quarantine, p.created_at from public.payments p
                  where p.quarantine is not null order by p.created_at desc limit 50) x),
    'intents', (select coalesce(jsonb_agg(to_jsonb(x)), '[]') from (select i.org_id, i.id, i.kind, i.error, i.created_at from private.billing_intents i
                 where i.status = 'failed' and i.created_at > now() - interval '30 days' order by i.created_at desc limit 50) x),
    'subscriptions', (select coalesce(jsonb_agg(to_jsonb(x)), '[]') from (select s.org_id, s.id, s.provider_id, s.quarantine from public.subscriptions s where s.quarantine is not null limit 50) x))
$$;
comment on function worker.billing_problems is 'What an operator should look at: {events: not believed, payments: captured and not booked, intents: refused by the supplier, subscriptions: read, and not believed}; at most 50 each.';
grant execute on function worker.tend_billing, worker.billing_problems to service_role;

create function private.halt_billing(org_id uuid) returns void
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_row public.subscriptions;
begin
  perform private.lock_billing(halt_billing.org_id);
  for v_row in select s.* from public.subscriptions s where s.org_id = halt_billing.org_id and not private.is_over(s.status) order by s.id loop
    perform private.end_subscription(v_row, false);
  end loop;
  update private.billing_intents i set status = 'void', done_at = now() where i.org_id = halt_billing.org_id and i.kind = 'payment_link' and i.status = 'open' and i.attempts = 0;
end;
$$;
comment on function private.halt_billing is 'An organization that is deleted pays nothing more: its subscriptions are ended at the supplier.';

create function private.wake_billing() returns void
  language plpgsql volatile security definer set search_path = ''
as $$
begin
  if exists (select from private.payment_events e where e.status = 'received' and e.next_at <= now() and coalesce(e.lease_until, '-infinity') <= now())
     or exists (select from private.billing_intents i where i.status = 'open' and i.next_at <= now() and coalesce(i.lease_until, '-infinity') <= now()
                   and private.is_doable(i)) then
    perform private.wake('billing', interval '1 second');
  elsif exists (select from private.wakeups w where w.job = 'billing' and w.asked_at < now() - interval '5 minutes')
        and exists (select from jsonb_each(worker.due_billing_work(1) - 'more') w where w.value <> '[]') then
    perform private.wake('billing', interval '5 minutes');
  end if;
end;
$$;
comment on function private.wake_billing is 'Wakes the job that talks to payment suppliers when it has work; every five minutes at most when that is only to read again what may have changed.';
