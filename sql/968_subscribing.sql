-- 968_subscribing.sql: what owners ask for: subscribe, change, pause, end, top up. Each is an intent first; the supplier is called after the commit.

create function private.require_billing(org_id uuid) returns private.payment_providers
  language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_provider private.payment_providers;
begin
  perform private.require_role(require_billing.org_id, 'owner');
  select p.* into v_provider from private.payment_providers p where p.is_default;
  if not found or (private.seller()).id is null then
    raise sqlstate 'PT409' using message = 'Payments are not set up in this installation', detail = 'billing_not_configured', hint = 'The operator sets the seller and the payment supplier.';
  end if;
  perform private.lock_billing(require_billing.org_id);
  -- The state is known before anything is charged.
  if not exists (select from public.billing_accounts b where b.org_id = require_billing.org_id) then
    raise sqlstate 'PT409' using message = 'First say to whom the invoice goes', detail = 'billing_account_missing', hint = 'Name, address and state; the GSTIN, if there is one.';
  end if;
  return v_provider;
end;
$$;
comment on function private.require_billing is
  'The supplier of new payments, for an owner whose organization can be invoiced, one at a time. Raises PT403, PT404, PT409 billing_not_configured, billing_account_missing.';

create function private.offered_plan(code text, quantity int) returns private.subscription_plans
  language plpgsql stable security definer set search_path = ''
as $$
declare
  v_plan private.subscription_plans;
begin
  select p.* into v_plan from private.plans_on_offer o join private.subscription_plans p on p.id = o.plan_id where o.code = offered_plan.code;
  if not found then
    raise sqlstate 'PT404' using message = 'There is no such plan', detail = 'plan_unknown', hint = 'Reload the page.';
  elsif v_plan.amount_net = 0 then
    raise sqlstate 'PT422' using message = 'This plan costs nothing: end the subscription to come back to it', detail = 'plan_is_free', hint = 'Cancel instead.';
  elsif coalesce(offered_plan.quantity, 0) < 1 or offered_plan.quantity > (case when v_plan.is_per_seat then 1000 else 1 end) then
    raise sqlstate 'PT422' using detail = 'quantity_invalid', hint = 'Choose another number.',
      message = case when v_plan.is_per_seat then 'The number of seats is from 1 to 1000' else 'There is one of this plan in an organization' end;
  end if;
  return v_plan;
end;
$$;
comment on function private.offered_plan is 'A plan that is on offer, for so many. Raises PT404 plan_unknown, PT422 plan_is_free, quantity_invalid.';

create function private.use_coupon(org_id uuid, code text, plan private.subscription_plans, quantity int) returns private.coupons
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_coupon private.coupons;
begin
  select c.* into v_coupon from private.coupons c where c.code = upper(btrim(use_coupon.code)) for no key update;
  if not found or v_coupon.valid_until <= now() or not ((plan).code = any (coalesce(v_coupon.plans, array[(plan).code]))) or v_coupon.uses >= v_coupon.max_uses
     or exists (select from public.subscriptions s where s.org_id = use_coupon.org_id and s.coupon = v_coupon.code and s.status not in ('incomplete', 'incomplete_expired')) then
    raise sqlstate 'PT422' using message = 'This coupon does not exist, has ended, was used, or is for another plan', detail = 'coupon_invalid', hint = 'Check how it is written, or go on without it.';
  end if;
  update private.coupons c set uses = c.uses + 1 where c.code = v_coupon.code;
  return v_coupon;
end;
$$;
comment on function private.use_coupon is 'Uses a coupon for a plan, once in an organization. Raises PT422 coupon_invalid.';

create function private.drop_incomplete(org_id uuid, place text) returns void
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_row public.subscriptions;
begin
  select s.* into v_row from public.subscriptions s where s.org_id = drop_incomplete.org_id and s.place = drop_incomplete.place;
  if found then
    update private.coupons c set uses = c.uses - 1 where c.code = v_row.coupon and v_row.status = 'incomplete' and c.uses > 0;
    update public.subscriptions s set place = null where s.org_id = v_row.org_id and s.id = v_row.id;
    perform private.end_subscription(v_row, false);
  end if;
end;
$$;
comment on function private.drop_incomplete is 'What stands in a place makes room: it is ended, unless it has; its coupon can be used again if it never began.';

create function private.new_subscription(org_id uuid, provider private.payment_providers, place text, plan private.subscription_plans, quantity int, start_at timestamptz,
                                         coupon private.coupons default null) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_row   public.subscriptions;
  v_each  bigint;
  v_start timestamptz := start_at;
begin
  v_row.upfront_net := 0;
  if (coupon).code is not null then
    v_each := (plan).amount_net * quantity;
    v_each := greatest(0, v_each - coalesce(round(v_each * (coupon).percent / 100)::bigint, (coupon).amount_net));
    v_row.upfront_net := v_each * (coupon).cycles;
    v_start := coalesce(start_at, now()) + case (plan).period when 'yearly' then interval '1 year' else interval '1 month' end * (coupon).cycles;
  end if;
  insert into public.subscriptions (org_id, place, provider, mode, plan_id, quantity, coupon, upfront_net, upfront, start_at)
  values (new_subscription.org_id, new_subscription.place, (provider).provider, (provider).mode, (plan).id, new_subscription.quantity, (coupon).code, v_row.upfront_net,
          round(v_row.upfront_net * (100 + (plan).gst_percent) / 100), v_start)
  returning * into v_row;
  return jsonb_build_object('intent_id', private.want(v_row.org_id, 'subscription_create', v_row), 'subscription_id', v_row.id, 'start_at', v_row.start_at, 'pay_now', case
      when v_row.upfront > 0 then v_row.upfront when v_row.start_at is null then (plan).amount_gross * v_row.quantity else 0 end,
    'charge', (plan).amount_gross * v_row.quantity, 'needs_confirmation', (plan).amount_gross * v_row.quantity > 1500000);
end;
$$;
comment on function private.new_subscription is
  'A subscription and the intent to make it: {intent_id, subscription_id, start_at, pay_now, charge: each cycle in paise with GST, needs_confirmation: each debit, being above ₹15,000}. The cycles of a coupon are '
  'paid at once, and debits begin after them.';

create function private.start_subscription(org_id uuid, plan_code text, quantity int, coupon text) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_provider  private.payment_providers := private.require_billing(start_subscription.org_id);
  v_plan      private.subscription_plans := private.offered_plan(plan_code, start_subscription.quantity);
  v_current   public.subscriptions;
  v_scheduled public.subscriptions;
  v_coupon    private.coupons;
  v_place     text := 'current';
  v_start     timestamptz;
  v_intent    uuid;
  v_made      jsonb;
begin
  select s.* into v_current from public.subscriptions s where s.org_id = start_subscription.org_id and s.place = 'current';
  if v_current.status = 'incomplete' and (v_current.plan_id, v_current.quantity) = (v_plan.id, start_subscription.quantity)
     and coalesce(v_current.coupon, '') = upper(btrim(coalesce(start_subscription.coupon, ''))) then
    -- Asked twice: it is the same wish.
    select i.id into v_intent from private.billing_intents i
     where i.org_id = v_current.org_id and i.subscription_id = v_current.id and i.kind = 'subscription_create' and i.status in ('open', 'done');
    if found then
      return jsonb_build_object('intent_id', v_intent, 'subscription_id', v_current.id, 'start_at', v_current.start_at, 'pay_now', case when v_current.upfront > 0 then v_current.upfront
        when v_current.start_at is null then v_plan.amount_gross * v_current.quantity else 0 end,
        'charge', v_plan.amount_gross * v_current.quantity, 'needs_confirmation', v_plan.amount_gross * v_current.quantity > 1500000);
    end if;
  end if;
  if v_current.status in ('trialing', 'active') and not v_current.cancel_at_end or v_current.status = 'past_due' and not private.is_halted(v_current.provider_status) then
    raise sqlstate 'PT409' using message = 'There is a subscription already', detail = 'subscribed_already', hint = 'Change its plan instead.';
  end if;
  select s.* into v_scheduled from public.subscriptions s where s.org_id = start_subscription.org_id and s.place = 'scheduled';
  if v_scheduled.status in ('trialing', 'active', 'past_due') then
    raise sqlstate 'PT409' using message = 'There is a subscription already that follows this one', detail = 'subscribed_already', hint = 'Cancel that one first.';
  end if;
  perform private.require_plan_fits(start_subscription.org_id, v_plan, start_subscription.quantity);
  perform private.drop_incomplete(start_subscription.org_id, 'scheduled');
  if v_current.id is null or v_current.status in ('incomplete', 'incomplete_expired')
     or private.is_over(v_current.status) and private.subscription_access(v_current, now()) ->> 'access' = 'free' then
    perform private.drop_incomplete(start_subscription.org_id, 'current');
  else
    v_place := 'scheduled';
    v_start := greatest(v_current.paid_until, v_current.covered_until, case when v_current.status in ('trialing', 'active') then v_current.current_end end);
    v_start := case when v_start > now() + interval '1 hour' then v_start end;
  end if;
  if nullif(btrim(start_subscription.coupon), '') is not null then
    v_coupon := private.use_coupon(start_subscription.org_id, start_subscription.coupon, v_plan, start_subscription.quantity);
  elsif v_place = 'current' and v_plan.trial_days > 0
        and not exists (select from public.subscriptions s where s.org_id = start_subscription.org_id and s.status not in ('incomplete', 'incomplete_expired')
                                                           and not (s.status = 'cancelled' and s.provider_id is null)) then
    v_start := now() + make_interval(days => v_plan.trial_days);
  end if;
  v_made := private.new_subscription(start_subscription.org_id, v_provider, v_place, v_plan, start_subscription.quantity, v_start, v_coupon);
  perform private.audit(start_subscription.org_id, 'subscription.started', 'subscription', v_made ->> 'subscription_id',
                        jsonb_build_object('plan', v_plan.code, 'version', v_plan.version, 'quantity', start_subscription.quantity, 'coupon', v_coupon.code));
  perform private.wake('billing');
  return v_made;
end;
$$;
comment on function private.start_subscription is 'public.start_subscription behind its door.';

create function private.plan_change(s public.subscriptions, plan private.subscription_plans, quantity int) returns jsonb
  language plpgsql stable security definer set search_path = ''
as $$
declare
  v_before private.subscription_plans;
  v_days   int;
  v_left   int;
  v_net    bigint := 0;
begin
  select p.* into v_before from private.subscription_plans p where p.id = (s).plan_id;
  if (s).status = 'active' and v_before.period = (plan).period and (s).current_end > now() then
    v_days := greatest(1, private.india_day((s).current_end) - private.india_day((s).current_start));
    v_left := least(v_days, private.india_day((s).current_end) - private.india_day(now()));
    v_net := greatest(0, round(((plan).amount_net * quantity - v_before.amount_net * (s).quantity)::numeric * v_left / v_days));
  end if;
  return jsonb_build_object('direction', case when (plan).amount_net * quantity > v_before.amount_net * (s).quantity then 'up' else 'down' end,
    'days_left', v_left, 'days', v_days, 'charge_net', case when v_net >= 100 then v_net else 0 end,
    'charge', case when v_net >= 100 then private.gross((s).org_id, v_net) else 0 end,
    'next_charge', (plan).amount_gross * quantity, 'starts_at', case when (s).status = 'trialing' then (s).start_at else (s).current_end end);
end;
$$;
comment on function private.plan_change is
  'What a change costs: {direction: up | down, days_left, days, charge_net, charge: paise for the rest of the cycle, the daily difference, next_charge, starts_at}. Down, to another period, in a trial, or less than a '
  'rupee: nothing now.';

create function private.changeable(org_id uuid, plan_code text, quantity int, out subscription public.subscriptions, out plan private.subscription_plans)
  language plpgsql volatile security definer set search_path = ''
as $$
begin
  plan := private.offered_plan(plan_code, changeable.quantity);
  select s.* into subscription from public.subscriptions s where s.org_id = changeable.org_id and s.place = 'current';
  if subscription.id is null or subscription.status not in ('trialing', 'active') or subscription.cancel_at_end and not exists (
       select from public.subscriptions x where x.org_id = changeable.org_id and x.place = 'scheduled') then
    raise sqlstate 'PT409' using message = 'There is no running subscription to change', detail = 'not_subscribed', hint = 'Subscribe instead, or pay what is open.';
  elsif (subscription.plan_id, subscription.quantity) = (plan.id, changeable.quantity) then
    raise sqlstate 'PT409' using message = 'This is the plan already', detail = 'nothing_to_change', hint = 'Choose another one.';
  elsif exists (select from public.subscriptions s where s.org_id = changeable.org_id and s.place = 'scheduled' and s.status in ('trialing', 'active')) then
    raise sqlstate 'PT409' using message = 'A change is authorized already and waits for the end of the cycle', detail = 'change_scheduled', hint = 'Change again after it.';
  end if;
  perform private.require_plan_fits(changeable.org_id, plan, changeable.quantity);
end;
$$;
comment on function private.changeable is
  'The current subscription, locked, and the plan to change it to. Raises PT404, PT409 not_subscribed, nothing_to_change, change_scheduled, plan_lacks_seats, plan_lacks_numbers, PT422.';

create function private.schedule_successor(s public.subscriptions, plan_id uuid, quantity int) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_plan     private.subscription_plans;
  v_provider private.payment_providers;
begin
  select p.* into v_plan from private.subscription_plans p where p.id = schedule_successor.plan_id;
  select p.* into v_provider from private.payment_providers p where (p.provider, p.mode) = ((s).provider, (s).mode);
  perform private.drop_incomplete((s).org_id, 'scheduled');
  return private.new_subscription((s).org_id, v_provider, 'scheduled', v_plan, schedule_successor.quantity, case when (s).status = 'trialing' then (s).start_at else (s).current_end end);
end;
$$;
comment on function private.schedule_successor is 'A subscription that begins where the cycle of this one ends; once it is authorized, this one is ended with its cycle. Returns private.new_subscription.';

create function private.new_link(org_id uuid, provider text, mode text, purpose text, amount_net bigint, amount bigint, description text, subscription_id uuid default null,
                                 plan_id uuid default null, quantity int default null, invoice_id bigint default null) returns uuid
  language sql volatile security definer set search_path = ''
as $$
  insert into private.billing_intents (org_id, kind, provider, mode, purpose, amount_net, amount, subscription_id, plan_id, quantity, invoice_id, params, requested_by)
  values (new_link.org_id, 'payment_link', new_link.provider, new_link.mode, new_link.purpose, new_link.amount_net, new_link.amount, new_link.subscription_id, new_link.plan_id,
          new_link.quantity, new_link.invoice_id, jsonb_build_object('description', new_link.description), auth.uid()) returning id
$$;
comment on function private.new_link is 'The intent of a payment link; returns its id.';

create function private.drop_links(org_id uuid, subscription_id uuid, purpose text) returns void
  language sql volatile security definer set search_path = ''
as $$
  insert into private.billing_intents (org_id, kind, provider, mode, params)
  select i.org_id, 'payment_link_cancel', i.provider, i.mode, jsonb_build_object('provider_id', i.provider_id) from private.billing_intents i
   where i.org_id = drop_links.org_id and i.subscription_id = drop_links.subscription_id and i.purpose = drop_links.purpose and i.status = 'done' and i.paid_at is null
     and coalesce(i.link_status, '') not in ('expired', 'cancelled');
  update private.billing_intents i set status = 'void', done_at = now(), link_status = 'cancelled'
   where i.org_id = drop_links.org_id and i.subscription_id = drop_links.subscription_id and i.purpose = drop_links.purpose and i.kind = 'payment_link' and i.status in ('open', 'done')
     and i.paid_at is null;
$$;
comment on function private.drop_links is 'Links of a purpose that nobody paid are not wanted any more.';

create function private.change_plan(org_id uuid, plan_code text, quantity int) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_provider private.payment_providers := private.require_billing(change_plan.org_id);
  v          record;
  v_change   jsonb;
begin
  select * into v from private.changeable(change_plan.org_id, plan_code, change_plan.quantity);
  v_change := private.plan_change(v.subscription, v.plan, change_plan.quantity);
  perform private.drop_links(change_plan.org_id, (v.subscription).id, 'proration');
  if (v_change ->> 'charge')::bigint > 0 then
    v_change := v_change || jsonb_build_object('subscription_id', null, 'intent_id', private.new_link(change_plan.org_id, v_provider.provider, v_provider.mode, 'proration',
      (v_change ->> 'charge_net')::bigint, (v_change ->> 'charge')::bigint, format('Flow %s, difference for %s of %s days', (v.plan).name, v_change ->> 'days_left', v_change ->> 'days'),
      (v.subscription).id, (v.plan).id, change_plan.quantity));
  else
    v_change := private.schedule_successor(v.subscription, (v.plan).id, change_plan.quantity) || v_change;
  end if;
  perform private.audit(change_plan.org_id, 'subscription.changed', 'subscription', (v.subscription).id::text,
                        jsonb_build_object('plan', (v.plan).code, 'quantity', change_plan.quantity, 'charge', v_change -> 'charge'));
  perform private.wake('billing');
  return v_change;
end;
$$;
comment on function private.change_plan is 'public.change_plan behind its door.';

create function private.preview_plan_change(org_id uuid, plan_code text, quantity int) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
declare
  v record;
begin
  perform private.require_role(preview_plan_change.org_id, 'owner');
  select * into v from private.changeable(preview_plan_change.org_id, plan_code, preview_plan_change.quantity);
  return private.plan_change(v.subscription, v.plan, preview_plan_change.quantity);
end;
$$;
comment on function private.preview_plan_change is 'public.preview_plan_change behind its door.';

create function public.start_subscription(org_id uuid, plan_code text, quantity int default 1, coupon text default null) returns jsonb
  language sql volatile set search_path = ''
begin atomic
  select private.start_subscription(org_id, plan_code, quantity, coupon);
end;
comment on function public.start_subscription is
  'Subscribes, for owners: {intent_id: ask public.billing_intent for the page to authorize it, subscription_id, start_at, pay_now, charge, needs_confirmation}. The first one begins after the plan''s trial; with a '
  'coupon its cycles are paid at once, reduced. What is asked twice is one. Raises PT403, PT404 plan_unknown, PT409 billing_not_configured, billing_account_missing, subscribed_already, plan_lacks_seats, plan_lacks_numbers, PT422.';
create function public.change_plan(org_id uuid, plan_code text, quantity int default 1) returns jsonb
  language sql volatile set search_path = ''
begin atomic
  select private.change_plan(org_id, plan_code, quantity);
end;
comment on function public.change_plan is
  'Changes the plan, for owners. Up: the daily difference is paid once by link and holds at once; down: nothing now. Either way a new mandate follows at the end of the cycle: {direction, days_left, days, '
  'charge_net, charge, next_charge, starts_at, intent_id, subscription_id}. Raises PT403, PT404, PT409 not_subscribed, nothing_to_change, change_scheduled, plan_lacks_seats, plan_lacks_numbers, PT422.';
create function public.preview_plan_change(org_id uuid, plan_code text, quantity int default 1) returns jsonb
  language sql volatile set search_path = ''
begin atomic
  select private.preview_plan_change(org_id, plan_code, quantity);
end;
comment on function public.preview_plan_change is 'What public.change_plan would cost, for owners: {direction, days_left, days, charge_net, charge, next_charge, starts_at}. Raises as it does.';
grant execute on function private.start_subscription, public.start_subscription, private.change_plan, public.change_plan, private.preview_plan_change, public.preview_plan_change to authenticated;

------------------------------------------------------------------------------------------------
-- Ending and pausing
------------------------------------------------------------------------------------------------
create function private.steer_subscription(org_id uuid, wish text, at_cycle_end boolean default false) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_row    public.subscriptions;
  v_intent uuid;
begin
  perform private.require_role(steer_subscription.org_id, 'owner');
  perform private.lock_billing(steer_subscription.org_id);
  select s.* into v_row from public.subscriptions s where s.org_id = steer_subscription.org_id and s.place = 'current';
  if v_row.id is null or private.is_over(v_row.status) or wish = 'pause' and v_row.status <> 'active' or wish = 'resume' and v_row.status <> 'paused' then
    -- Pausing one that is only authorized would cancel it at the supplier.
    raise sqlstate 'PT409' using message = format('There is no subscription to %s', wish), detail = 'not_subscribed', hint = 'Reload the page.';
  elsif wish = 'resume' and v_row.snapshot ->> 'paused_by' = 'customer' then
    raise sqlstate 'PT409' using message = 'It was paused in the UPI app, and only there it can be resumed', detail = 'only_customer_resumes', hint = 'Open the UPI app, or subscribe anew.';
  end if;
  if wish = 'cancel' then
    -- Also where it ends already, because another one was to follow it.
    perform private.drop_links(v_row.org_id, v_row.id, 'proration');
    perform private.drop_incomplete(v_row.org_id, 'scheduled');
    if v_row.cancel_at_end and at_cycle_end then
      select i.id into v_intent from private.billing_intents i
       where i.org_id = v_row.org_id and i.subscription_id = v_row.id and i.kind = 'subscription_cancel' and i.status in ('open', 'done') order by i.created_at desc limit 1;
    else
      v_intent := private.end_subscription(v_row, at_cycle_end and v_row.status = 'active');
    end if;
  else
    select i.id into v_intent from private.billing_intents i
     where i.org_id = v_row.org_id and i.subscription_id = v_row.id and i.kind = 'subscription_' || wish and i.status = 'open';
    v_intent := coalesce(v_intent, private.want(v_row.org_id, 'subscription_' || wish, v_row));
  end if;
  perform private.audit(v_row.org_id, 'subscription.' || case wish when 'cancel' then 'cancelled' when 'pause' then 'paused' else 'resumed' end, 'subscription', v_row.id::text,
                        case wish when 'cancel' then jsonb_build_object('at_cycle_end', at_cycle_end) else '{}' end);
  perform private.wake('billing');
  return jsonb_build_object('intent_id', v_intent, 'subscription_id', v_row.id, 'until', case when wish = 'cancel' and at_cycle_end and v_row.status = 'active' then v_row.current_end end);
end;
$$;
comment on function private.steer_subscription is 'Ends, pauses or resumes the current subscription for an owner: {intent_id, subscription_id, until}. A scheduled one goes with it. Raises PT403, PT404, PT409.';

create function public.cancel_subscription(org_id uuid, at_cycle_end boolean default true) returns jsonb
  language sql volatile set search_path = ''
begin atomic
  select private.steer_subscription(org_id, 'cancel', coalesce(at_cycle_end, true));
end;
comment on function public.cancel_subscription is
  'Ends the subscription, for owners: with its cycle, until when the plan holds, or now. What follows it is dropped. Returns {intent_id: null when nothing was begun, subscription_id, until}. Raises PT403, PT404, PT409 not_subscribed.';
create function public.pause_subscription(org_id uuid) returns jsonb
  language sql volatile set search_path = ''
begin atomic
  select private.steer_subscription(org_id, 'pause');
end;
comment on function public.pause_subscription is 'Pauses debits, for owners: the plan holds until the end of the cycle, then everything can only be read. Returns {intent_id, subscription_id, until}. Raises PT403, PT404, PT409 not_subscribed.';
create function public.resume_subscription(org_id uuid) returns jsonb
  language sql volatile set search_path = ''
begin atomic
  select private.steer_subscription(org_id, 'resume');
end;
comment on function public.resume_subscription is 'Resumes debits, for owners. Returns {intent_id, subscription_id, until}. Raises PT403, PT404, PT409 not_subscribed, only_customer_resumes.';
grant execute on function private.steer_subscription, public.cancel_subscription, public.pause_subscription, public.resume_subscription to authenticated;
