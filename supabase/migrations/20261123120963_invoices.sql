-- 963_invoices.sql: payments and refunds as suppliers tell of them, and the GST invoices and credit notes that Flow issues: numbered without a gap, never changed.

create table public.payments (
  org_id              uuid not null references public.organizations (id) on delete restrict,
  id                  bigint generated always as identity,
  provider            text not null,
  mode                text not null,
  provider_id         text not null,
  subscription_id     uuid,
  intent_id           uuid,
  order_id            text,
  invoice_provider_id text,
  amount              bigint not null,
  currency            text not null,
  status              text not null,
  method              text,
  error_code          text,
  purpose             text,
  quarantine          text,
  refunded            bigint not null default 0,
  captured_at         timestamptz,
  created_at          timestamptz not null default now(),
  read_at             timestamptz not null default now(),
  primary key (org_id, id),
  constraint payment_is_one_at_the_supplier unique (provider, mode, provider_id),
  constraint payment_is_of_a_subscription foreign key (org_id, subscription_id) references public.subscriptions (org_id, id) on delete restrict,
  constraint payment_is_of_an_intent foreign key (org_id, intent_id) references private.billing_intents (org_id, id) on delete restrict,
  constraint payment_is_for_something check (num_nonnulls(subscription_id, intent_id) > 0),
  constraint payment_status_is_known check (status in ('created', 'authorized', 'failed', 'captured', 'refunded')),
  constraint payment_purpose_is_known check (purpose in ('subscription', 'upfront', 'mandate_check', 'top_up', 'proration', 'usage', 'arrears')),
  constraint payment_amounts_fit check (amount >= 0 and refunded between 0 and amount)
);
comment on table public.payments is 'Money, one row for each payment of the supplier, whichever of its events told of it. No card, account or handle is stored.';
comment on column public.payments.org_id is 'The organization.';
comment on column public.payments.id is 'Running number.';
comment on column public.payments.provider is 'razorpay or stripe.';
comment on column public.payments.mode is 'test or live.';
comment on column public.payments.provider_id is 'Its id there.';
comment on column public.payments.subscription_id is 'The subscription it was debited for; or';
comment on column public.payments.intent_id is 'the link it was paid by.';
comment on column public.payments.order_id is 'The supplier''s order.';
comment on column public.payments.invoice_provider_id is 'The supplier''s own invoice, which is not ours.';
comment on column public.payments.amount is 'Paise.';
comment on column public.payments.currency is 'INR, or it is in quarantine.';
comment on column public.payments.status is 'created, authorized, failed, captured, refunded: it only goes that way on.';
comment on column public.payments.method is 'card, upi, netbanking, emandate: a word.';
comment on column public.payments.error_code is 'The supplier''s word for a failure.';
comment on column public.payments.purpose is 'What it paid; null while it is not booked.';
comment on column public.payments.quarantine is 'Why captured money is not booked: amount_differs, currency_differs, paid_already, seller_missing, organization_deleted; null: nothing is wrong.';
comment on column public.payments.refunded is 'Paise given back.';
comment on column public.payments.captured_at is 'When it was captured.';
comment on column public.payments.created_at is 'When Flow first heard of it.';
comment on column public.payments.read_at is 'When it was last read there.';
create index payments_subscription on public.payments (org_id, subscription_id);
create index payments_intent on public.payments (org_id, intent_id);
create index payments_quarantined on public.payments (org_id, id) where quarantine is not null;
create index payments_undecided on public.payments (read_at) where status in ('created', 'authorized', 'failed') or quarantine is not null;
alter table public.payments enable row level security;
create policy "Owners can read the payments of their organization" on public.payments
  for select to authenticated using (org_id = any (array(select private.my_org_ids_as('owner'))));
grant select on public.payments to authenticated;

create table public.refunds (
  org_id       uuid not null references public.organizations (id) on delete restrict,
  id           bigint generated always as identity,
  provider     text not null,
  mode         text not null,
  provider_id  text not null,
  payment_id   bigint not null,
  amount       bigint not null,
  status       text not null,
  created_at   timestamptz not null default now(),
  read_at      timestamptz not null default now(),
  primary key (org_id, id),
  constraint refund_is_one_at_the_supplier unique (provider, mode, provider_id),
  constraint refund_is_of_a_payment foreign key (org_id, payment_id) references public.payments (org_id, id) on delete restrict,
  constraint refund_status_is_known check (status in ('pending', 'processed', 'failed')),
  constraint refund_is_of_something check (amount > 0)
);
comment on table public.refunds is 'Money given back, one row for each refund of the supplier.';
comment on column public.refunds.org_id is 'The organization.';
comment on column public.refunds.id is 'Running number.';
comment on column public.refunds.provider is 'razorpay or stripe.';
comment on column public.refunds.mode is 'test or live.';
comment on column public.refunds.provider_id is 'Its id there.';
comment on column public.refunds.payment_id is 'The payment.';
comment on column public.refunds.amount is 'Paise.';
comment on column public.refunds.status is 'pending, processed or failed.';
comment on column public.refunds.created_at is 'When Flow first heard of it.';
comment on column public.refunds.read_at is 'When it was last read there.';
create index refunds_payment on public.refunds (org_id, payment_id);
create index refunds_pending on public.refunds (read_at) where status = 'pending';
alter table public.refunds enable row level security;
create policy "Owners can read the refunds of their organization" on public.refunds
  for select to authenticated using (org_id = any (array(select private.my_org_ids_as('owner'))));
grant select on public.refunds to authenticated;

create table public.invoices (
  org_id           uuid not null references public.organizations (id) on delete restrict,
  id               bigint generated always as identity,
  kind             text not null,
  series           text not null,
  fy               text not null,
  seq              int not null,
  number           text not null,
  issued_at        timestamptz not null default now(),
  issued_on        date not null,
  purpose          text not null,
  seller           jsonb not null,
  buyer            jsonb not null,
  place_of_supply  text not null,
  lines            jsonb not null,
  gst_percent      numeric(6, 3) not null,
  taxable          bigint not null,
  cgst             bigint not null,
  sgst             bigint not null,
  igst             bigint not null,
  round_off        bigint not null,
  total            bigint not null,
  currency         text not null default 'INR',
  payment_id       bigint,
  refund_id        bigint,
  corrects         bigint,
  statement_month  text,
  irn              text,
  ack_no           text,
  ack_at           timestamptz,
  signed_qr        text,
  primary key (org_id, id),
  constraint invoice_number_is_consecutive_in_its_year unique (series, fy, seq),
  constraint invoice_number_is_unique unique (number),
  constraint invoice_number_is_as_the_rule_says check (number ~ '^[A-Z1-9][A-Z0-9/-]{0,15}$' and seq > 0),
  constraint invoice_is_of_a_payment foreign key (org_id, payment_id) references public.payments (org_id, id) on delete restrict,
  constraint credit_note_is_of_a_refund foreign key (org_id, refund_id) references public.refunds (org_id, id) on delete restrict,
  constraint credit_note_corrects_an_invoice foreign key (org_id, corrects) references public.invoices (org_id, id) on delete restrict,
  constraint invoice_kind_fits check (kind = 'invoice' and num_nonnulls(refund_id, corrects) = 0 or kind = 'credit_note' and num_nonnulls(refund_id, corrects) = 2),
  constraint invoice_adds_up check (total = taxable + cgst + sgst + igst + round_off and total > 0 and least(taxable, cgst, sgst, igst) >= 0),
  constraint invoice_is_rounded_by_little check (abs(round_off) <= 10000),
  constraint invoice_tax_is_of_one_kind check (igst = 0 or cgst = 0 and sgst = 0),
  constraint invoice_purpose_is_known check (purpose in ('subscription', 'upfront', 'top_up', 'proration', 'usage', 'arrears'))
);
comment on table public.invoices is 'GST invoices and credit notes. Issued once, never changed, kept for eight financial years; only the payment of a usage invoice and the e-invoice''s fields are filled in later, once.';
comment on column public.invoices.org_id is 'The buyer.';
comment on column public.invoices.id is 'Running number.';
comment on column public.invoices.kind is 'invoice or credit_note.';
comment on column public.invoices.series is 'First part of the number: the seller''s prefix, with CN for credit notes.';
comment on column public.invoices.fy is 'Financial year in India, April to March: 2627.';
comment on column public.invoices.seq is 'Counts from 1 in a series and year, without gaps.';
comment on column public.invoices.number is 'As printed: FL/2627/000001; at most 16 characters.';
comment on column public.invoices.issued_at is 'When.';
comment on column public.invoices.issued_on is 'The day in India.';
comment on column public.invoices.purpose is 'What was sold.';
comment on column public.invoices.seller is 'Copy of the seller.';
comment on column public.invoices.buyer is 'Copy of the buyer.';
comment on column public.invoices.place_of_supply is 'State code: that of the buyer.';
comment on column public.invoices.lines is '[{description, sac, quantity, unit_net, amount}] in paise before GST; their amounts are taxable.';
comment on column public.invoices.gst_percent is 'In percent.';
comment on column public.invoices.taxable is 'Paise before GST.';
comment on column public.invoices.cgst is 'Central GST, where seller and place of supply are one state.';
comment on column public.invoices.sgst is 'State or union territory GST, as much.';
comment on column public.invoices.igst is 'Integrated GST, else.';
comment on column public.invoices.round_off is 'What makes it equal to the charge: odd paise.';
comment on column public.invoices.total is 'The charge.';
comment on column public.invoices.currency is 'INR.';
comment on column public.invoices.payment_id is 'The payment; null: not paid yet, or a credit note.';
comment on column public.invoices.refund_id is 'Of a credit note: the refund.';
comment on column public.invoices.corrects is 'Of a credit note: the invoice.';
comment on column public.invoices.statement_month is 'Of usage: the month of the statement.';
comment on column public.invoices.irn is 'E-invoice: reference number.';
comment on column public.invoices.ack_no is 'E-invoice: acknowledgement.';
comment on column public.invoices.ack_at is 'E-invoice: when.';
comment on column public.invoices.signed_qr is 'E-invoice: the signed code to print.';
create unique index invoice_is_one_for_a_payment on public.invoices (org_id, payment_id) where payment_id is not null;
create unique index credit_note_is_one_for_a_refund on public.invoices (org_id, refund_id) where refund_id is not null;
create unique index invoice_is_one_for_a_statement on public.invoices (org_id, statement_month) where statement_month is not null and kind = 'invoice';
create index invoices_corrects on public.invoices (org_id, corrects);
alter table public.invoices enable row level security;
create policy "Owners can read the invoices of their organization" on public.invoices
  for select to authenticated using (org_id = any (array(select private.my_org_ids_as('owner'))));
grant select on public.invoices to authenticated;

create table private.invoice_counters (
  series  text not null,
  fy      text not null,
  last    int not null,
  primary key (series, fy)
);
comment on table private.invoice_counters is 'The last number of each series and year. Its row stays locked until the invoice is committed or rolled back: so there is no gap.';
comment on column private.invoice_counters.series is 'The series.';
comment on column private.invoice_counters.fy is 'The financial year.';
comment on column private.invoice_counters.last is 'The last number given.';
alter table private.invoice_counters enable row level security;

create function private.tg_invoices__forbid_change() returns trigger
  language plpgsql volatile security invoker set search_path = ''
as $$
declare
  v_once constant text[] := array['payment_id', 'irn', 'ack_no', 'ack_at', 'signed_qr'];
begin
  if tg_op = 'DELETE' or to_jsonb(new) - v_once <> to_jsonb(old) - v_once
     or exists (select from unnest(v_once) k where to_jsonb(old) -> k <> 'null' and to_jsonb(old) -> k <> to_jsonb(new) -> k) then
    raise sqlstate 'PT405' using message = 'An invoice is never changed', detail = 'append_only', hint = 'Issue a credit note.';
  end if;
  return new;
end;
$$;
comment on function private.tg_invoices__forbid_change is 'Trigger: an issued invoice stays as it is, but for fields that are filled in once. Binds the owner role too.';
create trigger invoices_forbid_change before update or delete on public.invoices for each row execute function private.tg_invoices__forbid_change();
create trigger invoices_forbid_truncate before truncate on public.invoices for each statement execute function private.forbid_change();

------------------------------------------------------------------------------------------------
-- Issuing
------------------------------------------------------------------------------------------------
create function private.financial_year(day date) returns text
  language sql immutable security invoker set search_path = ''
as $$
  select to_char(day - interval '3 months', 'YY') || to_char(day + interval '9 months', 'YY')
$$;
comment on function private.financial_year is 'The Indian financial year of a day: April 2026 to March 2027 is 2627.';

create function private.gst_on(taxable bigint, percent numeric, is_one_state boolean, out cgst bigint, out sgst bigint, out igst bigint)
  language sql immutable security invoker set search_path = ''
as $$
  select case when is_one_state then round(taxable * percent / 200) else 0 end, case when is_one_state then round(taxable * percent / 200) else 0 end,
         case when is_one_state then 0 else round(taxable * percent / 100) end
$$;
comment on function private.gst_on is 'GST on paise, in paise, half-up: in one state half the percentage twice, each rounded; else the whole.';

create function private.next_number(series text, fy text) returns int
  language sql volatile security definer set search_path = ''
as $$
  insert into private.invoice_counters as c (series, fy, last) values (next_number.series, next_number.fy, 1)
  on conflict (series, fy) do update set last = c.last + 1 returning c.last
$$;
comment on function private.next_number is 'The next number of a series; whoever comes meanwhile waits for the end of this transaction. Called last, right before the insert.';

create function private.buyer(org_id uuid) returns jsonb
  language plpgsql stable security definer set search_path = ''
as $$
declare
  v_buyer jsonb;
begin
  select jsonb_build_object('legal_name', b.legal_name, 'gstin', b.gstin, 'state_code', b.state_code, 'state', private.state_name(b.state_code),
                            'address', b.address, 'email', b.email) into v_buyer
    from public.billing_accounts b where b.org_id = buyer.org_id;
  if found then
    return v_buyer;
  end if;
  -- Without an address on record the place of supply is that of the supplier.
  return (select jsonb_build_object('legal_name', o.name, 'gstin', null, 'state_code', (private.seller()).state_code,
            'state', private.state_name((private.seller()).state_code), 'address', null, 'email', null) from public.organizations o where o.id = buyer.org_id);
end;
$$;
comment on function private.buyer is 'The buyer as an invoice copies it: {legal_name, gstin, state_code, state, address, email}.';

create function private.gross(org_id uuid, net bigint) returns bigint
  language plpgsql stable security definer set search_path = ''
as $$
declare
  v_seller private.billing_sellers := private.seller();
  v_gst    record;
begin
  v_gst := private.gst_on(net, coalesce(v_seller.gst_percent, 18), v_seller.state_code = private.buyer(gross.org_id) ->> 'state_code');
  return net + v_gst.cgst + v_gst.sgst + v_gst.igst;
end;
$$;
comment on function private.gross is 'Paise with GST, as the organization is charged for so much before GST.';

create function private.issue_invoice(org_id uuid, purpose text, lines jsonb, taxable bigint, total bigint, payment_id bigint default null, statement_month text default null)
  returns public.invoices
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_seller  private.billing_sellers := private.seller();
  v_buyer   jsonb := private.buyer(issue_invoice.org_id);
  v_day     date := private.india_day(now());
  v_fy      text := private.financial_year(v_day);
  v_gst     record;
  v_seq     int;
  v_invoice public.invoices;
begin
  if v_seller.id is null then
    raise sqlstate 'PT409' using message = 'Nobody was named who issues the invoices', detail = 'seller_missing', hint = 'flow billing seller';
  end if;
  v_gst := private.gst_on(taxable, v_seller.gst_percent, v_seller.state_code = v_buyer ->> 'state_code');
  v_seq := private.next_number(v_seller.prefix, v_fy);
  insert into public.invoices (org_id, kind, series, fy, seq, number, issued_on, purpose, seller, buyer, place_of_supply, lines, gst_percent, taxable, cgst, sgst, igst,
                               round_off, total, payment_id, statement_month)
  values (issue_invoice.org_id, 'invoice', v_seller.prefix, v_fy, v_seq, private.invoice_number(v_seller.prefix, v_fy, v_seq), v_day, issue_invoice.purpose,
          to_jsonb(v_seller) - '{id,set_at,gst_percent}'::text[] || jsonb_build_object('state', private.state_name(v_seller.state_code)), v_buyer, v_buyer ->> 'state_code',
          (select jsonb_agg(l || jsonb_build_object('sac', v_seller.sac) order by n) from jsonb_array_elements(issue_invoice.lines) with ordinality u (l, n)),
          v_seller.gst_percent, issue_invoice.taxable, v_gst.cgst, v_gst.sgst, v_gst.igst,
          issue_invoice.total - issue_invoice.taxable - v_gst.cgst - v_gst.sgst - v_gst.igst, issue_invoice.total, issue_invoice.payment_id, issue_invoice.statement_month)
  returning * into v_invoice;
  perform private.audit(issue_invoice.org_id, 'invoice.issued', 'invoice', v_invoice.number, jsonb_build_object('purpose', issue_invoice.purpose, 'total', v_invoice.total));
  return v_invoice;
end;
$$;
comment on function private.issue_invoice is
  'Issues an invoice over a charge: lines [{description, quantity, unit_net, amount}] whose amounts are taxable, total is what is charged. Raises PT409 seller_missing.';

create function private.invoice_number(series text, fy text, seq int) returns text
  language sql immutable security invoker set search_path = ''
as $$
  select series || '/' || fy || '/' || lpad(seq::text, greatest(6, length(seq::text)), '0')
$$;
comment on function private.invoice_number is 'As printed: FL/2627/000001.';

create function private.issue_credit_note(refund public.refunds, invoice public.invoices) returns public.invoices
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_prior record;
  v_day   date := private.india_day(now());
  v_fy    text := private.financial_year(v_day);
  v_note  public.invoices := invoice;
  v_gst   record;
begin
  select coalesce(sum(c.taxable), 0)::bigint as taxable, coalesce(sum(c.cgst), 0)::bigint as cgst, coalesce(sum(c.sgst), 0)::bigint as sgst, coalesce(sum(c.igst), 0)::bigint as igst,
         coalesce(sum(c.total), 0)::bigint as total into v_prior
    from public.invoices c where c.org_id = (invoice).org_id and c.corrects = (invoice).id;
  if v_prior.total + (refund).amount = (invoice).total then
    -- The last of it: what is left, so that all credit notes together are the invoice.
    v_note.taxable := (invoice).taxable - v_prior.taxable;
    v_note.cgst := (invoice).cgst - v_prior.cgst;
    v_note.sgst := (invoice).sgst - v_prior.sgst;
    v_note.igst := (invoice).igst - v_prior.igst;
  else
    v_note.taxable := least(round((refund).amount * 100 / (100 + (invoice).gst_percent)), (invoice).taxable - v_prior.taxable);
    v_gst := private.gst_on(v_note.taxable, (invoice).gst_percent, (invoice).seller ->> 'state_code' = (invoice).place_of_supply);
    v_note.cgst := least(v_gst.cgst, (invoice).cgst - v_prior.cgst);
    v_note.sgst := least(v_gst.sgst, (invoice).sgst - v_prior.sgst);
    v_note.igst := least(v_gst.igst, (invoice).igst - v_prior.igst);
  end if;
  v_note.series := (invoice).series || 'CN';
  v_note.seq := private.next_number(v_note.series, v_fy);
  insert into public.invoices (org_id, kind, series, fy, seq, number, issued_on, purpose, seller, buyer, place_of_supply, lines, gst_percent, taxable, cgst, sgst, igst,
                               round_off, total, refund_id, corrects, statement_month)
  values (v_note.org_id, 'credit_note', v_note.series, v_fy, v_note.seq, private.invoice_number(v_note.series, v_fy, v_note.seq), v_day, v_note.purpose, v_note.seller,
          v_note.buyer, v_note.place_of_supply,
          jsonb_build_array(jsonb_build_object('description', 'Credit for ' || (invoice).number, 'sac', (invoice).seller ->> 'sac', 'quantity', 1,
                                               'unit_net', v_note.taxable, 'amount', v_note.taxable)),
          v_note.gst_percent, v_note.taxable, v_note.cgst, v_note.sgst, v_note.igst, (refund).amount - v_note.taxable - v_note.cgst - v_note.sgst - v_note.igst,
          (refund).amount, (refund).id, (invoice).id, v_note.statement_month)
  returning * into v_note;
  perform private.audit(v_note.org_id, 'invoice.credited', 'invoice', v_note.number, jsonb_build_object('corrects', (invoice).number, 'total', v_note.total));
  return v_note;
end;
$$;
comment on function private.issue_credit_note is 'Issues a credit note over a refund, in its own series; all notes of an invoice that is refunded whole add up to it, tax by tax.';
