-- 964_subscription_states.sql: what the supplier says of a subscription becomes Flow's state, and from the state and the time follows what an organization may do.

create function private.neutral_status(provider text, word text) returns text
  language sql immutable security invoker set search_path = ''
as $$
  select case provider
    when 'razorpay' then jsonb '{"created": "incomplete", "authenticated": "trialing", "active": "active", "pending": "past_due", "halted": "past_due", "paused": "paused",
                                 "cancelled": "cancelled", "completed": "ended", "expired": "incomplete_expired"}' ->> word
    when 'stripe' then jsonb '{"incomplete": "incomplete", "trialing": "trialing", "active": "active", "past_due": "past_due", "unpaid": "past_due", "paused": "paused",
                               "canceled": "cancelled", "incomplete_expired": "incomplete_expired"}' ->> word end
$$;
comment on function private.neutral_status is 'Flow''s word for a supplier''s: incomplete, trialing, active, past_due, paused, cancelled, ended, incomplete_expired; null for what is unknown.';

create function private.is_halted(word text) returns boolean
  language sql immutable security invoker set search_path = ''
as $$
  select word in ('halted', 'unpaid')
$$;
comment on function private.is_halted is 'Whether the supplier has given up debiting.';

create function private.is_over(status text) returns boolean
  language sql immutable security invoker set search_path = ''
as $$
  select status in ('cancelled', 'ended', 'incomplete_expired')
$$;
comment on function private.is_over is 'Whether a status is final.';

create function private.subscription_access(s public.subscriptions, at timestamptz) returns jsonb
  language plpgsql stable set search_path = ''
as $$
declare
  v_access  text := 'free';
  v_banner  text;
  v_status  text := (s).status;
  v_until   timestamptz;
  v_arrears timestamptz := greatest((s).arrears_since, (s).covered_until);
  v_grace   timestamptz := greatest((s).grace_until, (s).covered_until + interval '7 days');
begin
  if v_status in ('trialing', 'active') then
    v_access := 'plan';
    if (s).cancel_at_end then
      v_banner := 'ends';
      v_until := (s).current_end;
    end if;
  elsif v_status = 'past_due' and not private.is_halted((s).provider_status) then
    v_access := 'plan';
    v_banner := 'payment_failed';
  elsif v_status = 'past_due' and at < (s).covered_until then
    v_access := 'plan';
    v_banner := 'mandate_needed';
    v_until := (s).covered_until;
  elsif v_status = 'past_due' and at < v_grace then
    v_access := 'plan';
    v_banner := 'payment_halted';
    v_until := v_grace;
  elsif v_status = 'past_due' then
    v_access := 'read_only';
    v_status := case when at < v_arrears + interval '30 days' then 'suspended' else 'cancelled' end;
    v_banner := case when at < v_arrears + interval '30 days' then 'suspended' when at < v_arrears + interval '90 days' then 'cancelled_unpaid' else 'deletion_notice' end;
  elsif v_status = 'paused' then
    v_access := case when at < (s).paid_until then 'plan' else 'read_only' end;
    v_banner := 'paused';
    v_until := (s).paid_until;
  elsif v_status in ('cancelled', 'ended') and at < greatest((s).paid_until, (s).covered_until) then
    v_access := 'plan';
    v_banner := case v_status when 'ended' then 'mandate_needed' else 'ends' end;
    v_until := greatest((s).paid_until, (s).covered_until);
  elsif v_status = 'cancelled' and v_arrears is not null then
    v_access := 'read_only';
    v_banner := case when at < v_arrears + interval '90 days' then 'cancelled_unpaid' else 'deletion_notice' end;
  end if;
  return jsonb_build_object('subscription_id', (s).id, 'status', v_status, 'access', v_access, 'banner', v_banner, 'until', v_until,
    'plan_id', case when v_access = 'free' then null when at < (s).granted_until then (s).granted_plan_id else (s).plan_id end,
    'quantity', case when at < (s).granted_until then (s).granted_quantity else (s).quantity end);
end;
$$;
comment on function private.subscription_access is
  'What a subscription gives at an instant: {subscription_id, status: its own, or suspended; or cancelled after 30 days of arrears, access: plan | read_only | free, banner: ends | payment_failed | '
  'mandate_needed | payment_halted | suspended | cancelled_unpaid | deletion_notice | paused | null, until, plan_id, quantity}. Arrears: grace 7 days from the halt, then read-only.';

create function private.access(org_id uuid, at timestamptz default now()) returns jsonb
  language plpgsql stable security definer set search_path = ''
as $$
declare
  v_current   public.subscriptions;
  v_scheduled public.subscriptions;
  v_access    jsonb;
begin
  select s.* into v_current from public.subscriptions s where s.org_id = access.org_id and s.place = 'current';
  if not found then
    return jsonb_build_object('subscription_id', null, 'status', null, 'access', 'free', 'banner', null, 'until', null, 'plan_id', null, 'quantity', null);
  end if;
  v_access := private.subscription_access(v_current, access.at);
  select s.* into v_scheduled from public.subscriptions s where s.org_id = access.org_id and s.place = 'scheduled' and s.status in ('trialing', 'active', 'past_due');
  if found and (v_access ->> 'access' <> 'plan' or v_scheduled.start_at <= access.at) then
    return private.subscription_access(v_scheduled, access.at);
  end if;
  return v_access;
end;
$$;
comment on function private.access is 'private.subscription_access of what holds for an organization at an instant: its current subscription, or the one that follows once it has begun.';

create function private.lock_billing(org_id uuid) returns void
  language sql volatile security definer set search_path = ''
as $$
  select pg_advisory_xact_lock(hashtextextended('flow.billing.' || lock_billing.org_id, 0))
$$;
comment on function private.lock_billing is
  'One at a time changes the billing of an organization: taken before its rows, which are then locked by nobody else. After it come the counter of invoices and the wallet.';

create function private.want(org_id uuid, kind text, subscription public.subscriptions, params jsonb default '{}') returns uuid
  language sql volatile security definer set search_path = ''
as $$
  insert into private.billing_intents (org_id, kind, provider, mode, subscription_id, params, requested_by)
  values (want.org_id, want.kind, (subscription).provider, (subscription).mode, (subscription).id, want.params, auth.uid()) returning id
$$;
comment on function private.want is 'Notes something to be done with a subscription at its supplier; returns the intent.';

create function private.end_subscription(s public.subscriptions, at_end boolean) returns uuid
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
begin
  if private.is_over((s).status) then
    return null;
  elsif (s).provider_id is null then
    -- Perhaps it is just being made: whoever makes it is told that it is not wanted, and ends it.
    update private.billing_intents i set status = 'void', done_at = now()
     where i.org_id = (s).org_id and i.subscription_id = (s).id and i.kind = 'subscription_create' and i.status = 'open' and i.attempts = 0;
    if found then
      update public.subscriptions x set status = 'cancelled', provider_status = 'cancelled', ended_at = now(), place = null where x.org_id = (s).org_id and x.id = (s).id;
      return null;
    end if;
  end if;
  update private.billing_intents i set status = 'void', done_at = now()
   where i.org_id = (s).org_id and i.subscription_id = (s).id and i.status = 'open' and i.kind in ('subscription_cancel', 'subscription_pause', 'subscription_resume');
  update public.subscriptions x set cancel_at_end = end_subscription.at_end where x.org_id = (s).org_id and x.id = (s).id;
  return private.want((s).org_id, 'subscription_cancel', s, jsonb_build_object('at_cycle_end', at_end));
end;
$$;
comment on function private.end_subscription is 'Asks for the end of a subscription, now or with its cycle; one that nobody has begun to make ends here. Returns the intent, null when there is nothing to do.';

create function private.settle_places(org_id uuid) returns void
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_current   public.subscriptions;
  v_scheduled public.subscriptions;
begin
  select s.* into v_scheduled from public.subscriptions s where s.org_id = settle_places.org_id and s.place = 'scheduled';
  if not found then
    return;
  end if;
  select s.* into v_current from public.subscriptions s where s.org_id = settle_places.org_id and s.place = 'current';
  if private.is_over(v_scheduled.status) then
    update public.subscriptions s set place = null where s.org_id = settle_places.org_id and s.id = v_scheduled.id;
  elsif v_scheduled.status <> 'incomplete' and (v_current.id is null or v_scheduled.status = 'active' or v_current.status not in ('trialing', 'active')
                                                and private.subscription_access(v_current, now()) ->> 'access' <> 'plan') then
    perform private.end_subscription(v_current, false) where v_current.id is not null;
    update public.subscriptions s set place = null where s.org_id = settle_places.org_id and s.id = v_current.id;
    update public.subscriptions s set place = 'current' where s.org_id = settle_places.org_id and s.id = v_scheduled.id;
  elsif v_scheduled.status <> 'incomplete' and not v_current.cancel_at_end then
    -- Its mandate is there: the one before ends with its cycle (or now, where no cycle has begun).
    perform private.end_subscription(v_current, v_current.status <> 'trialing');
  end if;
end;
$$;
comment on function private.settle_places is
  'The scheduled subscription takes the place of the current one once it is active, or once that one gives nothing any more; when it is authorized, the current one is to end with its cycle.';

create function worker.apply_subscription(provider text, mode text, entity jsonb, seen_at timestamptz default now()) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_row     public.subscriptions;
  v_word    text := entity ->> 'status';
  v_status  text := private.neutral_status(apply_subscription.provider, v_word);
  v_at      timestamptz := coalesce((entity ->> 'fetched_at')::timestamptz, apply_subscription.seen_at);
  v_outcome text := 'applied';
  v_wrong   text;
begin
  -- By the id that was stored, never by notes: anybody could write those.
  perform private.lock_billing(s.org_id) from public.subscriptions s
   where (s.provider, s.mode, s.provider_id) = (apply_subscription.provider, apply_subscription.mode, entity ->> 'provider_id');
  select s.* into v_row from public.subscriptions s
   where (s.provider, s.mode, s.provider_id) = (apply_subscription.provider, apply_subscription.mode, entity ->> 'provider_id');
  if not found then
    return jsonb_build_object('outcome', 'unknown');
  end if;
  v_wrong := case
    when v_status is null then 'status_unknown'
    when entity ->> 'plan_provider_id' is not null and not exists (select from private.plan_providers p
           where (p.plan_id, p.provider, p.mode, p.provider_plan) = (v_row.plan_id, v_row.provider, v_row.mode, entity ->> 'plan_provider_id')) then 'plan_differs'
    when coalesce(entity ->> 'quantity', '1') !~ '^[1-9][0-9]{0,4}$' or (entity ->> 'quantity')::int > 10000 then 'quantity_invalid' end;
  if v_wrong is not null then
    update public.subscriptions s set quarantine = v_wrong, read_at = now() where s.org_id = v_row.org_id and s.id = v_row.id;
    v_outcome := 'quarantined';
  elsif private.is_over(v_row.status) then
    v_outcome := 'final';
  elsif v_at < v_row.last_event_at or v_at = v_row.last_event_at and coalesce((entity ->> 'paid_count')::int, 0) < v_row.paid_count then
    v_outcome := 'stale';
  else
    update public.subscriptions s
       set provider_status = v_word, status = v_status, quantity = coalesce((entity ->> 'quantity')::int, s.quantity),
           start_at = coalesce((entity ->> 'start_at')::timestamptz, s.start_at),
           current_start = coalesce((entity ->> 'current_start')::timestamptz, s.current_start), current_end = coalesce((entity ->> 'current_end')::timestamptz, s.current_end),
           charge_at = (entity ->> 'charge_at')::timestamptz,
           ended_at = case when private.is_over(v_status) then coalesce((entity ->> 'ended_at')::timestamptz, v_at) end,
           paid_count = greatest(s.paid_count, coalesce((entity ->> 'paid_count')::int, 0)),
           -- While its debit fails the cycle has begun, but is not paid; one that is cancelled then was paid until the same moment.
           paid_until = case
             when v_status = 'past_due' then coalesce((entity ->> 'current_start')::timestamptz, s.paid_until)
             when v_status = 'cancelled' and s.arrears_since is not null then s.paid_until
             when coalesce((entity ->> 'paid_count')::int, 0) > 0 or v_status = 'active' then coalesce((entity ->> 'current_end')::timestamptz, s.paid_until)
             else greatest(s.paid_until, case when s.upfront_paid_at is not null then s.start_at end) end,
           arrears_since = case when v_status = 'past_due' then coalesce(s.arrears_since, v_at) when v_status in ('cancelled', 'paused') then s.arrears_since end,
           grace_until = case when private.is_halted(v_word) then coalesce(s.grace_until, v_at + interval '7 days') end,
           covered_until = case when v_status in ('past_due', 'cancelled') then s.covered_until end,
           cancel_at_end = s.cancel_at_end and not private.is_over(v_status),
           payment_method = coalesce(entity ->> 'payment_method', s.payment_method), short_url = coalesce(entity ->> 'short_url', s.short_url),
           snapshot = jsonb_strip_nulls(jsonb_build_object('paused_by', entity -> 'paused_by', 'has_scheduled_changes', entity -> 'has_scheduled_changes')),
           quarantine = null, last_event_at = v_at, read_at = now()
     where s.org_id = v_row.org_id and s.id = v_row.id returning s.* into v_row;
    update public.billing_accounts b
       set customers = jsonb_set(b.customers || jsonb_build_object(v_row.provider, coalesce(b.customers -> v_row.provider, '{}')), array[v_row.provider, v_row.mode], entity -> 'customer_id')
     where b.org_id = v_row.org_id and jsonb_typeof(entity -> 'customer_id') = 'string' and b.customers #>> array[v_row.provider, v_row.mode] is distinct from entity ->> 'customer_id';
    if v_row.place is null and not private.is_over(v_status) and v_status <> 'incomplete' then
      -- Authorized after it had been replaced: taken, where there is nothing else, and ended otherwise.
      update public.subscriptions s set place = 'current'
       where s.org_id = v_row.org_id and s.id = v_row.id and not exists (select from public.subscriptions c where c.org_id = v_row.org_id and c.place = 'current');
      if not found and not exists (select from private.billing_intents i where i.org_id = v_row.org_id and i.subscription_id = v_row.id and i.kind = 'subscription_cancel'
                                      and i.status in ('open', 'done')) then
        perform private.end_subscription(v_row, false);
      end if;
    end if;
    perform private.note_dunning(v_row);
    perform private.settle_places(v_row.org_id);
  end if;
  if v_outcome in ('final', 'stale') then
    update public.subscriptions s set read_at = now() where s.org_id = v_row.org_id and s.id = v_row.id;
  end if;
  return jsonb_build_object('outcome', v_outcome, 'org_id', v_row.org_id, 'subscription_id', v_row.id, 'status', v_row.status, 'provider_status', v_row.provider_status,
    'access', private.subscription_access(v_row, now()) ->> 'access', 'quarantine', v_wrong);
end;
$$;
comment on function worker.apply_subscription is
  'Applies what a supplier says of a subscription: {provider_id, plan_provider_id, status, quantity, current_start, current_end, start_at, paid_count, charge_at, ended_at, payment_method, paused_by, '
  'customer_id, short_url, fetched_at}. Final states stay, older news is ignored. Returns {outcome: applied | stale | final | unknown | quarantined, org_id, subscription_id, status, '
  'provider_status, access, quarantine: status_unknown | plan_differs | quantity_invalid}.';
grant execute on function worker.apply_subscription to service_role;
