-- 966_supplier_work.sql: what suppliers send, stored before it is answered; what is wanted of them, handed out under a lease; what is read again each hour.

create table private.payment_events (
  id           bigint generated always as identity primary key,
  provider     text not null,
  mode         text not null,
  event_id     text not null,
  type         text not null,
  provider_ts  timestamptz,
  received_at  timestamptz not null default now(),
  body_sha256  text not null,
  body         jsonb,
  status       text not null default 'received',
  attempts     int not null default 0,
  next_at      timestamptz not null default now(),
  lease_until  timestamptz,
  error        text,
  done_at      timestamptz,
  constraint payment_event_is_stored_once unique (provider, mode, event_id),
  constraint payment_event_status_is_known check (status in ('received', 'processed', 'ignored', 'quarantined', 'failed')),
  constraint payment_event_hash_is_a_sha256 check (body_sha256 ~ '^[0-9a-f]{64}$')
);
comment on table private.payment_events is 'Webhooks of payment suppliers: hints that something is to be read there. Of no organization until then; bodies go after 7 days, what is in quarantine after 30.';
comment on column private.payment_events.id is 'Running number.';
comment on column private.payment_events.provider is 'razorpay or stripe.';
comment on column private.payment_events.mode is 'test or live, by the address it came to.';
comment on column private.payment_events.event_id is 'The supplier''s id of the event, else the hash of its body.';
comment on column private.payment_events.type is 'subscription.charged, …';
comment on column private.payment_events.provider_ts is 'When it happened, in the supplier''s words.';
comment on column private.payment_events.received_at is 'When it came.';
comment on column private.payment_events.body_sha256 is 'Of the bytes whose signature was checked.';
comment on column private.payment_events.body is 'The body without means of payment and people; null once it was removed.';
comment on column private.payment_events.status is 'received; processed; ignored: of no interest; quarantined: not believed; failed.';
comment on column private.payment_events.attempts is 'How often it was handed out.';
comment on column private.payment_events.next_at is 'When it is handed out next.';
comment on column private.payment_events.lease_until is 'Somebody works on it until then.';
comment on column private.payment_events.error is 'Why, as a slug.';
comment on column private.payment_events.done_at is 'When it was settled.';
create index payment_events_due on private.payment_events (next_at, id) where status = 'received';
create index payment_events_bodies on private.payment_events (received_at) where body is not null;
create index payment_events_quarantined on private.payment_events (id) where status in ('quarantined', 'failed');
alter table private.payment_events enable row level security;

create function private.bare_event(body jsonb) returns jsonb
  language plpgsql immutable set search_path = ''
as $$
declare
  v_means constant text[] := array['card', 'card_id', 'vpa', 'upi', 'bank', 'bank_account', 'wallet', 'token', 'token_id', 'acquirer_data', 'emi', 'email', 'contact', 'customer_details',
    'payment_method_details', 'payment_method', 'billing_details', 'customer_email', 'receipt_email', 'source', 'shipping', 'customer_address', 'customer_name', 'customer_phone'];
  v_bare  jsonb := body;
begin
  if jsonb_typeof(body -> 'payload') = 'object' then
    v_bare := v_bare || jsonb_build_object('payload', (
      select coalesce(jsonb_object_agg(p.key, case when jsonb_typeof(p.value -> 'entity') = 'object' then jsonb_build_object('entity', (p.value -> 'entity') - (
               case when p.key = 'subscription' then array_remove(v_means, 'payment_method') else v_means end)) else '{}' end), '{}') from jsonb_each(body -> 'payload') p));
  elsif v_bare ? 'payload' then
    v_bare := v_bare - 'payload';
  end if;
  if jsonb_typeof(body #> '{data,object}') = 'object' then
    v_bare := v_bare || jsonb_build_object('data', jsonb_build_object('object', (body #> '{data,object}') - v_means));
  elsif v_bare ? 'data' then
    v_bare := v_bare - 'data';
  end if;
  return v_bare;
end;
$$;
comment on function private.bare_event is 'An event without what tells of means of payment and of people: no card, handle, bank, address or phone is stored. A subscription''s payment_method is a word.';

create function worker.store_payment_event(provider text, mode text, event_id text, type text, provider_ts timestamptz, body_sha256 text, body jsonb) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_key     text := coalesce(nullif(store_payment_event.event_id, ''), store_payment_event.body_sha256);
  v_account text := (select p.account from private.payment_providers p where (p.provider, p.mode) = (store_payment_event.provider, store_payment_event.mode));
  v_named   text := coalesce(body ->> 'account_id', body ->> 'account');
  v_row     private.payment_events;
begin
  if coalesce(store_payment_event.provider, '') not in ('razorpay', 'stripe') or coalesce(store_payment_event.mode, '') not in ('test', 'live')
     or coalesce(store_payment_event.body_sha256, '') !~ '^[0-9a-f]{64}$' or coalesce(store_payment_event.type, '') = '' then
    raise sqlstate 'PT422' using message = 'This is no event of a payment supplier', detail = 'event_invalid', hint = 'See worker.store_payment_event.';
  end if;
  insert into private.payment_events (provider, mode, event_id, type, provider_ts, body_sha256, body, status, error, done_at)
  select store_payment_event.provider, store_payment_event.mode, left(v_key, 200), left(store_payment_event.type, 100), store_payment_event.provider_ts, store_payment_event.body_sha256,
         private.bare_event(store_payment_event.body), w.status, w.error, case when w.status <> 'received' then now() end
    from (select case when v_account is not null and (v_named <> v_account or v_named is null and store_payment_event.provider = 'razorpay') then 'quarantined'
                      when store_payment_event.type = 'malformed' then 'quarantined'
                      when store_payment_event.type !~ case store_payment_event.provider when 'razorpay' then '^(subscription|invoice|payment|order|refund|payment_link)\.'
                             else '^(customer\.subscription|invoice|charge|checkout\.session|payment_intent|refund)\.' end then 'ignored' else 'received' end,
                 case when store_payment_event.type = 'malformed' then 'malformed'
                      when v_account is not null and (v_named <> v_account or v_named is null and store_payment_event.provider = 'razorpay') then 'account_differs' end) w (status, error)
  on conflict do nothing returning * into v_row;
  if found then
    if v_row.status = 'received' then
      perform private.wake('billing');
    end if;
    return jsonb_build_object('is_new', true, 'id', v_row.id, 'status', v_row.status);
  end if;
  select e.* into v_row from private.payment_events e where (e.provider, e.mode, e.event_id) = (store_payment_event.provider, store_payment_event.mode, left(v_key, 200));
  return jsonb_build_object('is_new', false, 'id', v_row.id, 'status', v_row.status);
end;
$$;
comment on function worker.store_payment_event is
  'Stores a webhook whose signature was checked, once, and wakes the job: event_id null: the hash of the body is its name; body_sha256: 64 hex digits. Returns {is_new, id, status: received | ignored '
  '(of no interest) | quarantined (of another account, or signed bytes that are no event: type malformed)}; a repeat tells how the first stands. Raises PT422 event_invalid.';

create function private.backoff(attempts int) returns interval
  language sql volatile security invoker set search_path = ''
as $$
  select make_interval(secs => (least(3600, 10 * 2 ^ least(greatest(attempts - 1, 0), 10)) * (0.75 + random() / 2))::int)
$$;
comment on function private.backoff is 'How long to wait after so many attempts: 10 s, doubled each time, an hour at most, a quarter more or less.';

create function worker.claim_payment_events(batch int default 20, lease_seconds int default 120) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_ids    bigint[];
  v_events jsonb;
begin
  -- Who died often over it does so again: it is looked at by a person.
  update private.payment_events e set status = 'failed', error = 'gave_up', done_at = now() where e.status = 'received' and e.next_at <= now() and e.attempts >= 12
     and coalesce(e.lease_until, '-infinity') <= now();
  v_ids := array(select e.id from private.payment_events e
                  where e.status = 'received' and e.next_at <= now() and coalesce(e.lease_until, '-infinity') <= now()
                  order by e.next_at, e.id limit least(greatest(batch, 1), 100) for update skip locked);
  with claimed as (
    update private.payment_events e set attempts = e.attempts + 1, lease_until = now() + make_interval(secs => lease_seconds) where e.id = any (v_ids) returning e.*)
  select jsonb_agg(jsonb_build_object('id', c.id, 'provider', c.provider, 'mode', c.mode, 'event_id', c.event_id, 'type', c.type, 'provider_ts', c.provider_ts,
                                      'received_at', c.received_at, 'attempts', c.attempts, 'body', c.body) order by c.id) into v_events from claimed c;
  return jsonb_build_object('events', coalesce(v_events, '[]'), 'more', exists (select from private.payment_events e
    where e.status = 'received' and e.next_at <= now() and coalesce(e.lease_until, '-infinity') <= now()));
end;
$$;
comment on function worker.claim_payment_events is
  'Hands out events under a lease: {events: [{id, provider, mode, event_id, type, provider_ts, received_at, attempts, body}], more}. Each is answered by worker.finish_payment_event.';

create function worker.finish_payment_event(id bigint, status text, error text default null, retry_at timestamptz default null) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_row private.payment_events;
begin
  if coalesce(finish_payment_event.status, '') not in ('processed', 'ignored', 'quarantined', 'failed', 'retry') then
    raise sqlstate 'PT422' using message = 'An event ends processed, ignored, quarantined, failed, or is tried again', detail = 'status_unknown', hint = 'One of these, or retry.';
  end if;
  select e.* into v_row from private.payment_events e where e.id = finish_payment_event.id for update;
  if not found then
    raise sqlstate 'PT404' using message = 'There is no such event', detail = 'event_unknown';
  elsif v_row.status <> 'received' then
    return jsonb_build_object('id', v_row.id, 'status', v_row.status);
  end if;
  update private.payment_events e
     set lease_until = null, error = left(finish_payment_event.error, 200),
         status = case when finish_payment_event.status <> 'retry' then finish_payment_event.status
                       when e.attempts >= 8 or e.received_at < now() - interval '24 hours' then 'quarantined' else 'received' end,
         next_at = coalesce(finish_payment_event.retry_at, now() + private.backoff(e.attempts)),
         done_at = case when finish_payment_event.status <> 'retry' or e.attempts >= 8 or e.received_at < now() - interval '24 hours' then now() end
   where e.id = v_row.id returning * into v_row;
  return jsonb_build_object('id', v_row.id, 'status', v_row.status);
end;
$$;
comment on function worker.finish_payment_event is
  'Settles an event: processed, ignored, quarantined, failed; or retry, at retry_at or after a while, which becomes quarantined after 8 attempts or a day. error: a slug. Returns {id, status}. Raises PT404, PT422.';

------------------------------------------------------------------------------------------------
-- What is wanted
------------------------------------------------------------------------------------------------
create function private.intent_params(i private.billing_intents) returns jsonb
  language plpgsql stable security definer set search_path = ''
as $$
declare
  v_sub      public.subscriptions;
  v_plan     private.subscription_plans;
  v_account  public.billing_accounts;
  v_customer jsonb;
  v_notes    jsonb := jsonb_build_object('flow_intent', (i).id, 'flow_org_id', (i).org_id);
begin
  select s.* into v_sub from public.subscriptions s where s.org_id = (i).org_id and s.id = (i).subscription_id;
  select b.* into v_account from public.billing_accounts b where b.org_id = (i).org_id;
  v_customer := jsonb_build_object('id', v_account.customers #>> array[(i).provider, (i).mode], 'name', v_account.legal_name, 'email', v_account.email);
  if (i).kind = 'subscription_create' then
    select p.* into v_plan from private.subscription_plans p where p.id = v_sub.plan_id;
    return jsonb_build_object('quantity', v_sub.quantity, 'total_count', case v_plan.period when 'yearly' then 10 else 120 end,
      'start_at', case when v_sub.start_at > now() + interval '15 minutes' then v_sub.start_at end, 'customer_notify', true, 'customer', v_customer, 'notes', v_notes,
      'expire_by', case when v_sub.start_at > now() + interval '15 minutes' then null else now() + interval '7 days' end,
      'plan', private.subscription_plan_json(v_plan) - 'features' || jsonb_build_object('provider_plan',
        (select p.provider_plan from private.plan_providers p where (p.plan_id, p.provider, p.mode) = (v_plan.id, (i).provider, (i).mode))),
      'addons', case when v_sub.upfront > 0 then jsonb_build_array(jsonb_build_object('name', 'Flow ' || v_plan.name || ', first cycles', 'amount', v_sub.upfront, 'currency', 'INR')) else '[]' end);
  elsif (i).kind = 'payment_link' then
    return jsonb_build_object('amount', (i).amount, 'currency', 'INR', 'description', (i).params ->> 'description', 'reference', replace((i).id::text, '-', ''),
      'customer', v_customer, 'expire_by', now() + interval '14 days', 'notes', v_notes, 'purpose', (i).purpose);
  end if;
  return (i).params || jsonb_build_object('notes', v_notes) || case when v_sub.id is not null then jsonb_build_object('provider_id', v_sub.provider_id) else '{}' end;
end;
$$;
comment on function private.intent_params is 'What the supplier''s call needs, as things stand now.';

create function private.is_doable(i private.billing_intents) returns boolean
  language sql stable security definer set search_path = ''
as $$
  select (i).kind in ('subscription_create', 'payment_link', 'payment_link_cancel', 'refund')
      or exists (select from public.subscriptions s where s.org_id = (i).org_id and s.id = (i).subscription_id and s.provider_id is not null)
$$;
comment on function private.is_doable is 'Whether an intent can be done now: what is not made yet can neither be ended nor paused.';

create function worker.claim_billing_intents(batch int default 10, lease_seconds int default 120) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_ids     uuid[];
  v_intents jsonb;
begin
  v_ids := array(select i.id from private.billing_intents i
                  where i.status = 'open' and i.next_at <= now() and coalesce(i.lease_until, '-infinity') <= now()
                    and private.is_doable(i)
                  order by i.next_at, i.created_at limit least(greatest(batch, 1), 100) for update skip locked);
  with claimed as (
    update private.billing_intents i set attempts = i.attempts + 1, lease_until = now() + make_interval(secs => lease_seconds) where i.id = any (v_ids) returning i.*)
  select jsonb_agg(jsonb_build_object('id', c.id, 'org_id', c.org_id, 'kind', c.kind, 'provider', c.provider, 'mode', c.mode, 'attempts', c.attempts,
                                      'params', private.intent_params(c)) order by c.created_at) into v_intents from claimed c;
  return jsonb_build_object('intents', coalesce(v_intents, '[]'), 'more', cardinality(v_ids) = least(greatest(batch, 1), 100));
end;
$$;
comment on function worker.claim_billing_intents is
  'Hands out what is to be done at suppliers under a lease: {intents: [{id, org_id, kind, provider, mode, attempts: above one means look whether it was made before, params}], more}. Each is answered by '
  'worker.finish_billing_intent.';

create function worker.finish_billing_intent(id uuid, result jsonb) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_intent private.billing_intents;
  v_sub    public.subscriptions;
begin
  perform private.lock_billing(i.org_id) from private.billing_intents i where i.id = finish_billing_intent.id;
  select i.* into v_intent from private.billing_intents i where i.id = finish_billing_intent.id for update;
  if not found then
    raise sqlstate 'PT404' using message = 'There is no such intent', detail = 'intent_unknown';
  elsif v_intent.status <> 'open' then
    return jsonb_build_object('id', v_intent.id, 'status', v_intent.status);
  elsif result ->> 'error' is not null then
    update private.billing_intents i
       set lease_until = null, error = left(result ->> 'error', 200),
           status = case when coalesce((result ->> 'final')::boolean, false) or i.attempts >= 10 then 'failed' else 'open' end,
           done_at = case when coalesce((result ->> 'final')::boolean, false) or i.attempts >= 10 then now() end,
           next_at = coalesce((result ->> 'retry_at')::timestamptz, now() + private.backoff(i.attempts))
     where i.id = v_intent.id returning * into v_intent;
    if v_intent.status = 'failed' and v_intent.kind = 'subscription_create' then
      update public.subscriptions s set status = 'incomplete_expired', provider_status = 'expired', ended_at = now() where s.org_id = v_intent.org_id and s.id = v_intent.subscription_id;
      update private.billing_intents i set status = 'void', done_at = now() where i.org_id = v_intent.org_id and i.subscription_id = v_intent.subscription_id and i.status = 'open';
      perform private.settle_places(v_intent.org_id);
    elsif v_intent.status = 'failed' and v_intent.kind = 'subscription_cancel' then
      update public.subscriptions s set cancel_at_end = false where s.org_id = v_intent.org_id and s.id = v_intent.subscription_id;
    end if;
    return jsonb_build_object('id', v_intent.id, 'status', v_intent.status);
  elsif v_intent.kind in ('subscription_create', 'payment_link') and coalesce(result ->> 'provider_id', '') = '' then
    raise sqlstate 'PT422' using message = 'What was made has an id', detail = 'provider_id_missing', hint = 'Give provider_id, or an error.';
  end if;
  update private.billing_intents i
     set status = 'done', done_at = now(), lease_until = null, error = null, provider_id = coalesce(result ->> 'provider_id', i.provider_id),
         order_id = coalesce(result ->> 'order_id', i.order_id), short_url = coalesce(result ->> 'short_url', i.short_url),
         link_status = case when i.kind = 'payment_link' then 'created' end, read_at = now()
   where i.id = v_intent.id returning * into v_intent;
  if v_intent.kind = 'subscription_create' then
    update public.subscriptions s set provider_id = result ->> 'provider_id', short_url = coalesce(result ->> 'short_url', s.short_url), provider_status = 'created'
     where s.org_id = v_intent.org_id and s.id = v_intent.subscription_id returning s.* into v_sub;
  end if;
  if result -> 'entity' is not null and v_intent.kind like 'subscription%' then
    perform worker.apply_subscription(v_intent.provider, v_intent.mode, result -> 'entity');
  elsif result -> 'entity' is not null and v_intent.kind = 'refund' then
    perform worker.record_refund(v_intent.provider, v_intent.mode, result -> 'entity');
  end if;
  return jsonb_build_object('id', v_intent.id, 'status', v_intent.status);
end;
$$;
comment on function worker.finish_billing_intent is
  'Answers an intent: {provider_id, short_url, order_id, entity} as its kind asks for, or {error: slug, final: true when trying again is of no use, retry_at}; ten attempts at most. Returns {id, status: done | '
  'open | failed}; an answer that comes twice changes nothing. Raises PT404, PT422 provider_id_missing.';

create function worker.read_payment_link(intent_id uuid, status text) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
begin
  update private.billing_intents i set read_at = now(), link_status = case when i.paid_at is null then left(read_payment_link.status, 20) else i.link_status end
   where i.id = read_payment_link.intent_id and i.kind = 'payment_link';
  return jsonb_build_object('intent_id', intent_id, 'status', (select i.link_status from private.billing_intents i where i.id = read_payment_link.intent_id));
end;
$$;
comment on function worker.read_payment_link is 'Notes how a link was found at the supplier: created, partially_paid, paid, expired, cancelled. Money is booked by worker.record_payment alone. Returns {intent_id, status}.';

create function worker.due_billing_work(batch int default 100) returns jsonb
  language plpgsql stable security definer set search_path = ''
as $$
declare
  v_work jsonb;
begin
  v_work := jsonb_build_object(
    'subscriptions', (select coalesce(jsonb_agg(to_jsonb(x)), '[]') from (
       select s.provider, s.mode, s.provider_id, s.org_id from public.subscriptions s
        where s.provider_id is not null and s.ended_at is null and s.read_at < now() - interval '1 hour' and not private.is_over(s.status) order by s.read_at limit batch) x),
    'payments', (select coalesce(jsonb_agg(to_jsonb(x)), '[]') from (
       select p.provider, p.mode, p.provider_id from public.payments p
        where (p.status in ('created', 'authorized', 'failed') or p.quarantine is not null) and p.read_at < now() - interval '1 hour' and p.created_at > now() - interval '7 days'
        order by p.read_at limit batch) x),
    'payment_links', (select coalesce(jsonb_agg(to_jsonb(x)), '[]') from (
       select i.id as intent_id, i.provider, i.mode, i.provider_id from private.billing_intents i
        where i.kind = 'payment_link' and i.status = 'done' and i.paid_at is null and coalesce(i.link_status, '') not in ('expired', 'cancelled')
          and i.read_at < now() - interval '1 hour' order by i.read_at limit batch) x),
    'refunds', (select coalesce(jsonb_agg(to_jsonb(x)), '[]') from (
       select r.provider, r.mode, r.provider_id from public.refunds r where r.status = 'pending' and r.read_at < now() - interval '1 hour' order by r.read_at limit batch) x));
  return v_work || jsonb_build_object('more', exists (select from jsonb_each(v_work) w where jsonb_array_length(w.value) = batch));
end;
$$;
comment on function worker.due_billing_work is
  'What was not read for an hour and may have changed: {subscriptions: [{provider, mode, provider_id, org_id}], payments: [{provider, mode, provider_id}] of the last 7 days, payment_links: [{intent_id, provider, '
  'mode, provider_id}], refunds: [{provider, mode, provider_id}], more}. What is read and applied is not due any more.';
grant execute on function worker.store_payment_event, worker.claim_payment_events, worker.finish_payment_event, worker.claim_billing_intents, worker.finish_billing_intent,
  worker.read_payment_link, worker.due_billing_work to service_role;
