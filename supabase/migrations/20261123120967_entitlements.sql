-- 967_entitlements.sql: what an organization may have and do: one function that says so, asked by the pages and by the transactions that would add to it.

create table private.entitlement_overrides (
  org_id  uuid not null references public.organizations (id) on delete restrict,
  key     text not null,
  value   bigint,
  until   timestamptz,
  set_at  timestamptz not null default now(),
  primary key (org_id, key),
  constraint override_is_of_a_feature check (key in ('seats', 'numbers', 'leads_per_month')),
  constraint override_is_a_count check (value >= 0)
);
comment on table private.entitlement_overrides is 'Limits that the operator gave one organization in place of its plan''s.';
comment on column private.entitlement_overrides.org_id is 'The organization.';
comment on column private.entitlement_overrides.key is 'seats, numbers or leads_per_month.';
comment on column private.entitlement_overrides.value is 'At most so many; null: unlimited.';
comment on column private.entitlement_overrides.until is 'Until then; null: for good.';
comment on column private.entitlement_overrides.set_at is 'When.';
alter table private.entitlement_overrides enable row level security;

create function private.month_of_india(at timestamptz default now()) returns timestamptz
  language sql stable security invoker set search_path = ''
as $$
  select date_trunc('month', at at time zone interval '05:30') at time zone interval '05:30'
$$;
comment on function private.month_of_india is 'When the month in India began.';

create function private.used(org_id uuid, key text) returns bigint
  language plpgsql stable security definer set search_path = ''
as $$
begin
  return case used.key
    when 'seats' then (select count(*) from public.memberships m where m.org_id = used.org_id)
                    + (select count(*) from public.invitations i where i.org_id = used.org_id and i.accepted_at is null and i.revoked_at is null and i.expires_at > now())
    when 'numbers' then (select count(*) from public.whatsapp_numbers n where n.org_id = used.org_id and n.status <> 'disconnected')
    when 'leads_per_month' then (select count(*) from public.leads l where l.org_id = used.org_id and l.received_at >= private.month_of_india()) end;
end;
$$;
comment on function private.used is 'How much of a feature is in use: members and open invitations, connected numbers, leads received in this month of India.';

create function private.entitlement_limit(org_id uuid, key text, access jsonb) returns bigint
  language plpgsql stable security definer set search_path = ''
as $$
declare
  v_plan  uuid := (access ->> 'plan_id')::uuid;
  v_value bigint;
begin
  select o.value into v_value from private.entitlement_overrides o
   where o.org_id = entitlement_limit.org_id and o.key = entitlement_limit.key and coalesce(o.until, 'infinity') > now();
  if found then
    return v_value;
  elsif v_plan is null then
    v_plan := (select o.plan_id from private.plans_on_offer o where o.code = 'free');
  end if;
  return (select f.value * case when f.key = 'seats' and p.is_per_seat then coalesce((access ->> 'quantity')::bigint, 1) else 1 end
            from private.plan_features f join private.subscription_plans p on p.id = f.plan_id where f.plan_id = v_plan and f.key = entitlement_limit.key);
end;
$$;
comment on function private.entitlement_limit is 'The limit of a feature: the operator''s override, else the plan''s, else that of the plan free; null: unlimited, as all is before plans were imported.';

create function private.entitlement(org_id uuid, key text) returns jsonb
  language plpgsql stable security definer set search_path = ''
as $$
declare
  v_access  jsonb := private.access(entitlement.org_id);
  v_is_open boolean := v_access ->> 'access' <> 'read_only';
  v_limit   bigint;
  v_used    bigint;
begin
  if entitlement.key = 'export' then
    return jsonb_build_object('allowed', true, 'limit', null, 'used', null, 'reason', null);
  elsif entitlement.key = 'send' then
    return jsonb_build_object('allowed', v_is_open, 'limit', null, 'used', null, 'reason', case when not v_is_open then 'subscription_suspended' end);
  elsif entitlement.key in ('seats', 'numbers', 'leads_per_month') then
    v_limit := private.entitlement_limit(entitlement.org_id, entitlement.key, v_access);
    v_used := private.used(entitlement.org_id, entitlement.key);
    -- Leads are never refused: allowed stays true, the reason is the flag.
    return jsonb_build_object('allowed', entitlement.key = 'leads_per_month' or v_is_open and (v_limit is null or v_used < v_limit), 'limit', v_limit, 'used', v_used,
      'reason', case when v_used >= v_limit and (entitlement.key <> 'leads_per_month' or v_used > v_limit) then 'limit_reached'
                     when not v_is_open and entitlement.key <> 'leads_per_month' then 'subscription_suspended' end);
  end if;
  raise sqlstate 'PT422' using message = 'This is nothing that a plan limits', detail = 'entitlement_unknown', hint = 'seats, numbers, leads_per_month, send, export.';
end;
$$;
comment on function private.entitlement is
  'Whether one more of a feature may be added, or something done: seats, numbers, leads_per_month (never refused, flagged), send, export (always): {allowed, limit: null for unlimited, used, reason: limit_reached | '
  'subscription_suspended | null}. Raises PT422 entitlement_unknown.';

create function private.require_plan_fits(org_id uuid, plan private.subscription_plans, quantity int) returns void
  language plpgsql stable security definer set search_path = ''
as $$
declare
  v_over record;
begin
  select f.key, private.used(require_plan_fits.org_id, f.key) as used, f.value * case when f.key = 'seats' and (plan).is_per_seat then require_plan_fits.quantity else 1 end as room into v_over
    from private.plan_features f
   where f.plan_id = (plan).id and f.key in ('seats', 'numbers')
     and not exists (select from private.entitlement_overrides o where o.org_id = require_plan_fits.org_id and o.key = f.key and coalesce(o.until, 'infinity') > now())
     and private.used(require_plan_fits.org_id, f.key) > f.value * case when f.key = 'seats' and (plan).is_per_seat then require_plan_fits.quantity else 1 end
   order by f.key limit 1;
  if found then
    raise sqlstate 'PT409' using detail = case v_over.key when 'seats' then 'plan_lacks_seats' else 'plan_lacks_numbers' end,
      message = format(case v_over.key when 'seats' then 'There are %s people and open invitations, and this plan has room for %s'
                                       else '%s WhatsApp numbers are connected, and this plan has room for %s' end, v_over.used, v_over.room),
      hint = case v_over.key when 'seats' then 'Remove people or invitations first, or choose more seats or a larger plan.' else 'Disconnect numbers first, or choose a larger plan.' end;
  end if;
end;
$$;
comment on function private.require_plan_fits is
  'Whether what is in use fits into a plan, before it is chosen: nobody is thrown out by a smaller one. An operator''s limit goes before the plan''s. Raises PT409 plan_lacks_seats, plan_lacks_numbers.';

create function private.entitlements(org_id uuid) returns jsonb
  language plpgsql stable security definer set search_path = ''
as $$
begin
  perform private.require_role(entitlements.org_id, 'agent');
  return (select jsonb_object_agg(k, private.entitlement(entitlements.org_id, k)) from unnest(array['seats', 'numbers', 'leads_per_month', 'send', 'export']) k)
      || jsonb_build_object('access', private.access(entitlements.org_id) ->> 'access', 'banner', private.access(entitlements.org_id) ->> 'banner');
end;
$$;
comment on function private.entitlements is 'public.entitlements behind its door.';
create function public.entitlements(org_id uuid) returns jsonb
  language sql stable set search_path = ''
begin atomic
  select private.entitlements(org_id);
end;
comment on function public.entitlements is
  'What the organization may have and do, for members: {seats, numbers, leads_per_month, send, export: each {allowed, limit, used, reason}, access: plan | read_only | free, banner}. Raises PT404.';
grant execute on function private.entitlements, public.entitlements to authenticated;

create function worker.set_entitlement(org_id uuid, key text, value bigint, until timestamptz default null, is_lifted boolean default false) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
begin
  perform private.require_organization(set_entitlement.org_id);
  if coalesce(set_entitlement.key, '') not in ('seats', 'numbers', 'leads_per_month') or set_entitlement.value < 0 then
    raise sqlstate 'PT422' using message = 'A limit is of seats, numbers or leads_per_month, and not negative', detail = 'entitlement_unknown', hint = 'null for unlimited.';
  end if;
  delete from private.entitlement_overrides o where o.org_id = set_entitlement.org_id and o.key = set_entitlement.key;
  if not set_entitlement.is_lifted then
    insert into private.entitlement_overrides (org_id, key, value, until) values (set_entitlement.org_id, set_entitlement.key, set_entitlement.value, set_entitlement.until);
  end if;
  perform private.audit(set_entitlement.org_id, 'billing.limit_set', 'entitlement', set_entitlement.key,
                        jsonb_build_object('value', set_entitlement.value, 'until', set_entitlement.until, 'is_lifted', set_entitlement.is_lifted));
  return private.entitlement(set_entitlement.org_id, set_entitlement.key);
end;
$$;
comment on function worker.set_entitlement is
  'Gives an organization a limit of its own (null: unlimited), until an instant or for good; is_lifted: takes it back. Returns private.entitlement. Raises PT404, PT422 entitlement_unknown.';
grant execute on function worker.set_entitlement to service_role;

------------------------------------------------------------------------------------------------
-- In the transaction that adds
------------------------------------------------------------------------------------------------
create function private.require_room(org_id uuid, key text) returns void
  language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_access jsonb;
  v_limit  bigint;
begin
  -- One who adds at a time: the second counts what the first has added. Taken last, so that nobody waits for two.
  perform pg_advisory_xact_lock(hashtextextended('flow.entitlement.' || require_room.key || require_room.org_id, 0));
  v_access := private.access(require_room.org_id);
  if v_access ->> 'access' = 'read_only' then
    raise sqlstate 'PT402' using message = 'The subscription is suspended: nothing can be added', detail = 'subscription_suspended', hint = 'An owner settles it on the page Billing.';
  end if;
  v_limit := private.entitlement_limit(require_room.org_id, require_room.key, v_access);
  if v_limit is not null and private.used(require_room.org_id, require_room.key) > v_limit then
    raise sqlstate 'PT402' using detail = 'limit_reached', hint = 'An owner can choose a larger plan on the page Billing.',
      message = case require_room.key when 'seats' then format('The plan has room for %s people, open invitations included', v_limit)
                                      else format('The plan has room for %s WhatsApp numbers', v_limit) end;
  end if;
end;
$$;
comment on function private.require_room is
  'After something was added, in its transaction: raises PT402 limit_reached when there is more than the plan allows, PT402 subscription_suspended when nothing may be added.';

create function private.tg_adds_to_plan() returns trigger
  language plpgsql volatile security definer set search_path = ''
as $$
begin
  perform private.require_room(new.org_id, tg_argv[0]);
  return null;
end;
$$;
comment on function private.tg_adds_to_plan is 'Trigger after what adds to a limited feature, which its argument names: private.require_room.';

create trigger memberships_have_room after insert on public.memberships for each row execute function private.tg_adds_to_plan('seats');
create trigger invitations_have_room after insert on public.invitations for each row execute function private.tg_adds_to_plan('seats');
create trigger invitations_renewed_have_room after update of expires_at on public.invitations
  for each row when (new.accepted_at is null and new.revoked_at is null and old.expires_at <= now()) execute function private.tg_adds_to_plan('seats');
create trigger numbers_have_room after insert on public.whatsapp_numbers
  for each row when (new.status <> 'disconnected') execute function private.tg_adds_to_plan('numbers');
create trigger numbers_back_have_room after update of status on public.whatsapp_numbers
  for each row when (old.status = 'disconnected' and new.status <> 'disconnected') execute function private.tg_adds_to_plan('numbers');

create function private.is_read_only(org_id uuid) returns boolean
  language plpgsql stable security definer set search_path = ''
as $$
begin
  return private.access(is_read_only.org_id) ->> 'access' = 'read_only';
end;
$$;
comment on function private.is_read_only is 'Whether an organization may only read: nothing of it is sent, what comes in is stored, exports work.';

create function private.require_sending(org_id uuid, origin text) returns void
  language plpgsql stable security definer set search_path = ''
as $$
begin
  -- What confirms an opt-out is owed to the customer.
  if require_sending.origin is distinct from 'confirmation' and private.is_read_only(require_sending.org_id) then
    raise sqlstate 'PT402' using message = 'The subscription is suspended: nothing is sent until it is settled', detail = 'subscription_suspended', hint = 'An owner settles it on the page Billing.';
  end if;
end;
$$;
comment on function private.require_sending is 'Raises PT402 subscription_suspended when an organization may not send.';

create function private.suspended(orgs uuid[]) returns uuid[]
  language plpgsql stable security definer set search_path = ''
as $$
begin
  -- Most organizations owe nothing: only those that do are looked at closely.
  return array(select s.org_id from public.subscriptions s
                where s.org_id = any (orgs) and s.place = 'current' and (s.status in ('past_due', 'paused') or s.arrears_since is not null) and private.is_read_only(s.org_id));
end;
$$;
comment on function private.suspended is 'Which of these organizations may not send.';
