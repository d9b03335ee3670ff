-- 910_wallet.sql: what an organization may spend: a prepaid balance, held at the send and settled at the delivery, and caps on what goes out by itself.

------------------------------------------------------------------------------------------------
-- Tables
------------------------------------------------------------------------------------------------
create table public.wallets (
  org_id         uuid primary key references public.organizations (id) on delete restrict,
  is_prepaid     boolean not null default false,
  allow_negative boolean not null default false,
  balance        numeric(16, 6) not null default 0,
  held           numeric(16, 6) not null default 0,
  daily_cap      numeric(12, 2),
  monthly_cap    numeric(12, 2),
  updated_at     timestamptz not null default now(),
  constraint wallet_holds_are_not_negative check (held >= 0),
  constraint wallet_caps_are_not_negative check (daily_cap >= 0 and monthly_cap >= 0)
) with (fillfactor = 50);
comment on table public.wallets is
  'The limits of an organization''s spending in INR, before GST. Locked by whoever claims messages or settles, after lanes. No row: nothing is limited.';
comment on column public.wallets.org_id is 'The organization.';
comment on column public.wallets.is_prepaid is 'True: what is billed is taken from the balance, and a message that the rest of it cannot pay is refused.';
comment on column public.wallets.allow_negative is 'True: nothing is refused for lack of balance.';
comment on column public.wallets.balance is 'Top-ups less settled messages. Below zero only where allowed, or where Meta asked more than was held.';
comment on column public.wallets.held is 'Set aside for messages on their way; balance less held can be spent.';
comment on column public.wallets.daily_cap is 'At most so much a day (India), Meta''s cost and markup, before automatic messages stop; null: no cap.';
comment on column public.wallets.monthly_cap is 'The same a month.';
comment on column public.wallets.updated_at is 'When settings last changed.';
alter table public.wallets enable row level security;
create policy "Members can see their organization's wallet" on public.wallets
  for select to authenticated using (org_id = any (array(select private.my_org_ids())));
grant select on public.wallets to authenticated;

create table public.wallet_entries (
  org_id        uuid not null references public.organizations (id) on delete restrict,
  id            bigint generated always as identity,
  at            timestamptz not null default now(),
  kind          text not null,
  amount        numeric(16, 6) not null,
  month         text not null,
  messages      int,
  balance_after numeric(16, 6) not null,
  note          text,
  token         uuid,
  primary key (org_id, id),
  constraint wallet_entry_kind_is_known check (kind in ('topup', 'usage')),
  constraint wallet_topup_is_positive check (kind <> 'topup' or amount > 0)
);
comment on table public.wallet_entries is 'Every movement of a wallet''s balance. Append-only; the balance is their sum.';
comment on column public.wallet_entries.org_id is 'The organization.';
comment on column public.wallet_entries.id is 'Running number.';
comment on column public.wallet_entries.at is 'When it was booked.';
comment on column public.wallet_entries.kind is 'topup: money in, before GST. usage: ledger entries settled together (a correction may give back).';
comment on column public.wallet_entries.amount is 'INR, positive into the wallet.';
comment on column public.wallet_entries.month is 'YYYY-MM: for usage the statement month of its entries, else the month in India.';
comment on column public.wallet_entries.messages is 'Usage: of how many messages.';
comment on column public.wallet_entries.balance_after is 'The balance with it.';
comment on column public.wallet_entries.note is 'Why, in the operator''s words.';
comment on column public.wallet_entries.token is 'The asker''s own id of a top-up: the same again is one top-up.';
create unique index wallet_topup_is_booked_once on public.wallet_entries (org_id, token) where token is not null;
create index wallet_entries_month on public.wallet_entries (org_id, month);
alter table public.wallet_entries enable row level security;
create policy "Members can see the movements of their organization's wallet" on public.wallet_entries
  for select to authenticated using (org_id = any (array(select private.my_org_ids())));
grant select on public.wallet_entries to authenticated;
create trigger wallet_entries_forbid_change before update or delete on public.wallet_entries
  for each row execute function private.forbid_change();
create trigger wallet_entries_forbid_truncate before truncate on public.wallet_entries
  for each statement execute function private.forbid_change();

create table private.spend_holds (
  org_id     uuid not null,
  message_id bigint not null,
  amount     numeric(12, 6) not null,
  expected   numeric(12, 6) not null,
  held_at    timestamptz not null default now(),
  is_over    boolean not null default false,
  primary key (org_id, message_id),
  constraint hold_is_of_a_wallet foreign key (org_id) references public.wallets (org_id) on delete restrict,
  constraint hold_is_not_negative check (amount >= 0 and expected >= 0)
);
comment on table private.spend_holds is 'What is set aside for each message on its way: the most it may cost. Ends when its price is booked, when it fails, or after 30 days.';
comment on column private.spend_holds.org_id is 'The organization.';
comment on column private.spend_holds.message_id is 'The message. No foreign key: it would lock messages after wallets.';
comment on column private.spend_holds.amount is 'Held in the wallet: what would be billed; 0 for a wallet that is not prepaid.';
comment on column private.spend_holds.expected is 'What it may cost in all, for the caps.';
comment on column private.spend_holds.held_at is 'When it was claimed.';
comment on column private.spend_holds.is_over is 'The message failed or was cancelled: the next settling gives it back.';
create index spend_holds_over on private.spend_holds (org_id) where is_over;
create index spend_holds_oldest on private.spend_holds (held_at);
alter table private.spend_holds enable row level security;

create table public.spending_warnings (
  org_id  uuid not null references public.organizations (id) on delete restrict,
  period  text not null,
  begins  date not null,
  percent int not null,
  cap     numeric(12, 2) not null,
  spent   numeric(16, 6) not null,
  at      timestamptz not null default now(),
  primary key (org_id, period, begins, percent),
  constraint warning_period_is_known check (period in ('day', 'month')),
  constraint warning_percent_is_known check (percent in (50, 80, 100))
);
comment on table public.spending_warnings is 'When the spending of a day or month passed 50, 80 or 100 % of its cap: each once.';
comment on column public.spending_warnings.org_id is 'The organization.';
comment on column public.spending_warnings.period is 'day or month, of India.';
comment on column public.spending_warnings.begins is 'Its first day.';
comment on column public.spending_warnings.percent is '50, 80 or 100.';
comment on column public.spending_warnings.cap is 'The cap then.';
comment on column public.spending_warnings.spent is 'What was spent then, Meta''s cost and markup.';
comment on column public.spending_warnings.at is 'When it was noticed.';
alter table public.spending_warnings enable row level security;
create policy "Members can see warnings about their organization's spending" on public.spending_warnings
  for select to authenticated using (org_id = any (array(select private.my_org_ids())));
grant select on public.spending_warnings to authenticated;

------------------------------------------------------------------------------------------------
-- Spending so far
------------------------------------------------------------------------------------------------
create function private.spent(org_id uuid, since date) returns numeric
  language plpgsql stable security definer set search_path = ''
as $$
begin
  return coalesce((select sum(d.meta_cost + d.markup) from public.usage_days d
                    where d.org_id = spent.org_id and d.day between spent.since and private.india_day(now()) and d.currency = 'INR'), 0)
       + coalesce((select sum(l.amount) from private.usage_pending p join public.usage_ledger l on (l.org_id, l.id) = (p.org_id, p.ledger_id)
                    where p.org_id = spent.org_id and l.billable_at >= spent.since::timestamp at time zone interval '05:30'
                      and l.billable_at < (private.india_day(now()) + 1)::timestamp at time zone interval '05:30' and l.currency = 'INR'), 0);
end;
$$;
comment on function private.spent is 'What an organization''s messages cost since a day in India until today: Meta''s cost and markup, INR, before GST.';

create function private.wallet_month(org_id uuid, month text) returns jsonb
  language plpgsql stable security definer set search_path = ''
as $$
declare
  v_prepaid boolean;
  v_sums    record;
begin
  select w.is_prepaid into v_prepaid from public.wallets w where w.org_id = wallet_month.org_id;
  if not found then
    return null;
  end if;
  select coalesce(sum(e.amount) filter (where e.month < wallet_month.month), 0) as opening,
         coalesce(sum(e.amount) filter (where e.month = wallet_month.month and e.kind = 'topup'), 0) as topups,
         -coalesce(sum(e.amount) filter (where e.month = wallet_month.month and e.kind = 'usage'), 0) as usage,
         coalesce(sum(e.amount) filter (where e.month <= wallet_month.month), 0) as closing
    into v_sums
    from (select x.month, x.kind, x.amount from public.wallet_entries x where x.org_id = wallet_month.org_id
          -- What the next settling will take, so that a month that closes now has the whole of it.
          union all
          select l.statement_month, 'usage', -l.amount from private.usage_pending p join public.usage_ledger l on (l.org_id, l.id) = (p.org_id, p.ledger_id)
           where v_prepaid and p.org_id = wallet_month.org_id and l.is_billed and l.currency = 'INR') e
   where length(e.month) = 7;
  return jsonb_build_object('prepaid', v_prepaid, 'opening', round(v_sums.opening, 6)::text, 'topups', round(v_sums.topups, 6)::text,
                            'usage', round(v_sums.usage, 6)::text, 'closing', round(v_sums.closing, 6)::text, 'tax_included', v_prepaid);
end;
$$;
comment on function private.wallet_month is
  'The wallet in a statement: {prepaid, opening, topups, usage, closing} of the month''s movements, those to be settled next included, as text; null '
  'without a wallet.';

------------------------------------------------------------------------------------------------
-- Holding at the send
------------------------------------------------------------------------------------------------
create function private.rupees(amount numeric) returns text
  language sql immutable security invoker set search_path = ''
as $$
  select '₹' || case when scale(trim_scale(amount)) < 2 then round(amount, 2)::text else trim_scale(amount)::text end
$$;
comment on function private.rupees is 'An amount as people read it: ₹ and at least two decimals.';

create function private.hold_spending(heads jsonb, dead uuid[]) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_heads   jsonb := heads;
  v_org     uuid;
  v_wallet  public.wallets;
  v_today   date := private.india_day(now());
  v_month   date := date_trunc('month', private.india_day(now())::timestamp)::date;
  v_day     numeric;
  v_whole   numeric;
  v_price   private.estimate;
  v_expects numeric;
  v_bills   numeric;
  v_words   text;
  v_priced  bigint[];
  h         record;
begin
  for v_org in
    select distinct x.org_id from jsonb_to_recordset(heads) x (org_id uuid, account_id uuid, message_id bigint, refusal jsonb)
     where x.message_id is not null and x.refusal is null and x.account_id <> all (dead) order by 1
  loop
    select w.* into v_wallet from public.wallets w where w.org_id = v_org for no key update;
    continue when not found or not v_wallet.is_prepaid and num_nonnulls(v_wallet.daily_cap, v_wallet.monthly_cap) = 0;
    v_day := null;
    v_whole := null;
    for h in
      select x.n - 1 as place, (x.head ->> 'message_id')::bigint as message_id, m.origin, m.kind, c.id as conversation_id, c.number_id, c.contact_id,
             t.category as template_category
        from jsonb_array_elements(heads) with ordinality x (head, n)
        join public.messages m on m.org_id = v_org and m.id = (x.head ->> 'message_id')::bigint
        join public.conversations c on (c.org_id, c.id) = (m.org_id, m.conversation_id)
        left join public.message_templates t on m.kind = 'template' and t.org_id = v_org and t.account_id = (x.head ->> 'account_id')::uuid
             and (t.name, t.language) = (m.body #>> '{template,name}', m.body #>> '{template,language,code}')
       where (x.head ->> 'org_id')::uuid = v_org and coalesce(x.head -> 'refusal', 'null') = 'null' and (x.head ->> 'account_id')::uuid <> all (dead)
       order by m.id
    loop
      continue when exists (select from private.spend_holds s where s.org_id = v_org and s.message_id = h.message_id and not s.is_over);
      v_price := private.estimate_one(v_org, h.number_id, h.contact_id, h.conversation_id,
                                      case h.kind when 'template' then lower(h.template_category) else 'service' end);
      -- In rupees, as the wallet and the caps are.
      v_expects := case when (v_price).currency = 'INR' then (v_price).meta_high + (v_price).markup_high else 0 end;
      v_bills := case when (v_price).currency = 'INR' and v_wallet.is_prepaid then (v_price).billed_high else 0 end;
      v_words := null;
      if v_wallet.is_prepaid and not v_wallet.allow_negative then
        v_words := case
          when (v_price).reason is not null then 'Its price is not known in advance (' || private.estimate_words((v_price).reason) || '), and the wallet is prepaid'
          when v_bills > 0 and v_bills > v_wallet.balance - v_wallet.held
            then format('The wallet has %s left and this message may cost %s: top it up', private.rupees(greatest(0, v_wallet.balance - v_wallet.held)),
                        private.rupees(v_bills)) end;
      end if;
      if v_words is null and h.origin in ('greeting', 'confirmation', 'broadcast', 'sequence') and num_nonnulls(v_wallet.daily_cap, v_wallet.monthly_cap) > 0
         and ((v_price).reason is not null or v_expects > 0) then
        if v_day is null then
          -- What has its price already counts as spent, though its hold ends only at the next settling.
          v_priced := array(select l.message_id from private.usage_pending p join public.usage_ledger l on (l.org_id, l.id) = (p.org_id, p.ledger_id)
                             where p.org_id = v_org and l.entry = 'meta_cost' and not l.needs_review and l.message_id is not null);
          select private.spent(v_org, v_today) + coalesce(sum(s.expected) filter (where s.held_at >= v_today::timestamp at time zone interval '05:30'), 0),
                 private.spent(v_org, v_month) + coalesce(sum(s.expected), 0) into v_day, v_whole
            from private.spend_holds s
           where s.org_id = v_org and not s.is_over and s.held_at >= v_month::timestamp at time zone interval '05:30' and s.message_id <> all (v_priced);
        end if;
        v_words := case
          when (v_price).reason is not null then 'Its price is not known in advance (' || private.estimate_words((v_price).reason) || '), and spending is capped'
          when v_day + v_expects > v_wallet.daily_cap then format('The daily cap of %s is reached: nothing more goes out by itself today', private.rupees(v_wallet.daily_cap))
          when v_whole + v_expects > v_wallet.monthly_cap then format('The monthly cap of %s is reached: nothing more goes out by itself this month',
                                                                       private.rupees(v_wallet.monthly_cap)) end;
      end if;
      if v_words is not null then
        v_heads := jsonb_set(v_heads, array[h.place::text, 'refusal'], jsonb_build_object(
          'status', case when h.origin in ('greeting', 'confirmation', 'broadcast', 'sequence') then 'cancelled' else 'failed' end, 'words', v_words));
        delete from private.tier_uses u where u.message_id = h.message_id and u.org_id = v_org;
        continue;
      end if;
      -- What it may cost at most is set aside, also where it will most likely be free.
      insert into private.spend_holds as s (org_id, message_id, amount, expected) values (v_org, h.message_id, coalesce(v_bills, 0), coalesce(v_expects, 0))
      on conflict (org_id, message_id) do update set amount = s.amount + excluded.amount, expected = excluded.expected, held_at = now(), is_over = false;
      v_wallet.held := v_wallet.held + coalesce(v_bills, 0);
      v_day := v_day + v_expects;
      v_whole := v_whole + v_expects;
    end loop;
    update public.wallets w set held = v_wallet.held where w.org_id = v_org and w.held <> v_wallet.held;
  end loop;
  return v_heads;
end;
$$;
comment on function private.hold_spending is
  'Of the claimed heads {org_id, account_id, message_id, refusal}: sets aside what each may cost at most, and refuses those that the wallet cannot pay, or, '
  'of what goes out by itself, those beyond a cap. Concurrent claims wait for each other here, so that nobody overdraws.';

create function private.tg_messages__ends_its_hold() returns trigger
  language plpgsql volatile security definer set search_path = ''
as $$
begin
  update private.spend_holds s set is_over = true where s.org_id = new.org_id and s.message_id = new.id and not s.is_over;
  return null;
end;
$$;
comment on function private.tg_messages__ends_its_hold is 'A message that failed or was cancelled gives back what was set aside for it, at the next settling.';
create trigger messages_end_their_hold after update of status on public.messages
  for each row when (new.status in ('failed', 'cancelled') and old.status is distinct from new.status)
  execute function private.tg_messages__ends_its_hold();

------------------------------------------------------------------------------------------------
-- Settling
------------------------------------------------------------------------------------------------
create function private.settle_wallets(orgs uuid[], ledger_ids bigint[]) returns void
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  w       record;
  r       record;
  v_given numeric;
begin
  for w in
    select k.* from public.wallets k
     where k.org_id = any (orgs)
        or k.org_id in (select s.org_id from private.spend_holds s where s.is_over or s.held_at < now() - interval '30 days')
     order by k.org_id for no key update
  loop
    with ended as (
      delete from private.spend_holds s
       where s.org_id = w.org_id
         and (s.is_over or s.held_at < now() - interval '30 days'
              or s.message_id in (select l.message_id from unnest(orgs, ledger_ids) k (org_id, id)
                                    join public.usage_ledger l on (l.org_id, l.id) = (k.org_id, k.id)
                                   where k.org_id = w.org_id and l.entry = 'meta_cost' and l.reverses is null and not l.needs_review))
      returning s.amount)
    select coalesce(sum(e.amount), 0) into v_given from ended e;
    update public.wallets k set held = k.held - v_given where k.org_id = w.org_id and v_given > 0;
    if w.is_prepaid then
      for r in
        select l.statement_month as month, sum(l.amount) as amount, count(distinct l.wamid)::int as messages
          from unnest(orgs, ledger_ids) k (org_id, id) join public.usage_ledger l on (l.org_id, l.id) = (k.org_id, k.id)
         where k.org_id = w.org_id and l.is_billed and l.currency = 'INR' and l.amount <> 0
         group by 1 order by 1
      loop
        continue when r.amount = 0;
        update public.wallets k set balance = k.balance - r.amount where k.org_id = w.org_id returning k.balance into w.balance;
        insert into public.wallet_entries (org_id, kind, amount, month, messages, balance_after)
        values (w.org_id, 'usage', -r.amount, r.month, r.messages, w.balance);
      end loop;
    end if;
    perform private.warn_of_spending(w.org_id, w.daily_cap, w.monthly_cap);
  end loop;
end;
$$;
comment on function private.settle_wallets is
  'Takes settled ledger entries from prepaid wallets, ends the holds of what is priced, failed or older than 30 days, and notes warnings.';

create function private.warn_of_spending(org_id uuid, daily_cap numeric, monthly_cap numeric) returns void
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_day   date := private.india_day(now());
  v_month date := date_trunc('month', private.india_day(now())::timestamp)::date;
begin
  insert into public.spending_warnings (org_id, period, begins, percent, cap, spent)
  select warn_of_spending.org_id, c.period, c.begins, p.percent, c.cap, s.spent
    from (values ('day', v_day, warn_of_spending.daily_cap), ('month', v_month, warn_of_spending.monthly_cap)) c (period, begins, cap)
   cross join lateral (select private.spent(warn_of_spending.org_id, c.begins) as spent where c.cap is not null) s
   cross join (values (50), (80), (100)) p (percent)
   where s.spent > 0 and s.spent * 100 >= c.cap * p.percent
  on conflict do nothing;
end;
$$;
comment on function private.warn_of_spending is 'Notes which parts of its caps an organization''s spending has passed: 50, 80, 100 %.';

------------------------------------------------------------------------------------------------
-- Settings and top-ups
------------------------------------------------------------------------------------------------
create function private.amount_field(given jsonb, name text, pattern text) returns numeric
  language plpgsql immutable set search_path = ''
as $$
begin
  if coalesce(given -> name, 'null') = 'null' then
    return null;
  elsif jsonb_typeof(given -> name) <> 'string' or given ->> name !~ pattern then
    perform private.refuse_field(name, 'is not an amount in rupees as text, like "500" or "499.50"', 'amount_invalid');
  end if;
  return (given ->> name)::numeric;
end;
$$;
comment on function private.amount_field is 'An amount of an object, written as text; null when absent. Raises PT422 amount_invalid.';

create function private.spending(org_id uuid) returns jsonb
  language plpgsql stable security definer set search_path = ''
as $$
declare
  v_wallet public.wallets;
  v_day    date := private.india_day(now());
  v_month  date := date_trunc('month', private.india_day(now())::timestamp)::date;
begin
  select w.* into v_wallet from public.wallets w where w.org_id = spending.org_id;
  return jsonb_build_object('org_id', spending.org_id, 'prepaid', coalesce(v_wallet.is_prepaid, false), 'allow_negative', coalesce(v_wallet.allow_negative, false),
    'balance', coalesce(v_wallet.balance, 0.000000)::text, 'held', coalesce(v_wallet.held, 0.000000)::text,
    'available', (coalesce(v_wallet.balance, 0.000000) - coalesce(v_wallet.held, 0.000000))::text,
    'daily_cap', v_wallet.daily_cap::text, 'monthly_cap', v_wallet.monthly_cap::text,
    'spent_today', round(private.spent(spending.org_id, v_day), 6)::text, 'spent_this_month', round(private.spent(spending.org_id, v_month), 6)::text,
    'warnings', coalesce((select jsonb_agg(jsonb_build_object('period', w.period, 'percent', w.percent, 'cap', w.cap::text, 'at', w.at) order by w.period, w.percent)
                            from public.spending_warnings w
                           where w.org_id = spending.org_id and (w.period, w.begins) in (('day', v_day), ('month', v_month))), '[]'));
end;
$$;
comment on function private.spending is
  'Wallet and caps of an organization, and what it has spent: {prepaid, allow_negative, balance, held, available, daily_cap, monthly_cap, spent_today, '
  'spent_this_month (INR before GST, text), warnings: [{period, percent, cap, at}] of today and this month}.';

create function private.set_spending_caps(org_id uuid, caps jsonb) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_before public.wallets;
begin
  perform private.known_fields(caps, 'caps', array['daily', 'monthly']);
  insert into public.wallets (org_id) values (set_spending_caps.org_id) on conflict do nothing;
  select w.* into v_before from public.wallets w where w.org_id = set_spending_caps.org_id for no key update;
  update public.wallets w
     set daily_cap = case when caps ? 'daily' then private.amount_field(caps, 'daily', '^[0-9]{1,9}(\.[0-9]{1,2})?$') else w.daily_cap end,
         monthly_cap = case when caps ? 'monthly' then private.amount_field(caps, 'monthly', '^[0-9]{1,9}(\.[0-9]{1,2})?$') else w.monthly_cap end,
         updated_at = now()
   where w.org_id = set_spending_caps.org_id;
  perform private.audit(set_spending_caps.org_id, 'spending.caps_set', 'wallet', set_spending_caps.org_id::text,
                        jsonb_build_object('from', jsonb_build_object('daily', v_before.daily_cap::text, 'monthly', v_before.monthly_cap::text), 'to', caps));
  return private.spending(set_spending_caps.org_id);
end;
$$;
comment on function private.set_spending_caps is 'Sets caps {daily?, monthly?: text, null for none}; what is absent stays. Returns private.spending. Raises PT422.';

create function private.set_my_spending_caps(org_id uuid, caps jsonb) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
begin
  perform private.require_role(set_my_spending_caps.org_id, 'owner');
  return private.set_spending_caps(set_my_spending_caps.org_id, set_my_spending_caps.caps);
end;
$$;
comment on function private.set_my_spending_caps is 'public.set_spending_caps behind its door.';
create function public.set_spending_caps(org_id uuid, caps jsonb) returns jsonb
  language sql volatile set search_path = ''
begin atomic
  select private.set_my_spending_caps(org_id, caps);
end;
comment on function public.set_spending_caps is
  'Caps on what messages may cost before automatic ones stop, for owners: {daily?, monthly?: rupees as text, null for none}; what is absent stays. Returns '
  'the spending as public.spending. Raises PT403, PT404, PT422 amount_invalid.';
grant execute on function private.set_my_spending_caps, public.set_spending_caps to authenticated;

create function private.my_spending(org_id uuid) returns jsonb
  language plpgsql stable security definer set search_path = ''
as $$
begin
  perform private.require_role(my_spending.org_id, 'agent');
  return private.spending(my_spending.org_id);
end;
$$;
comment on function private.my_spending is 'public.spending behind its door.';
create function public.spending(org_id uuid) returns jsonb
  language sql stable set search_path = ''
begin atomic
  select private.my_spending(org_id);
end;
comment on function public.spending is
  'Wallet, caps, warnings and what was spent today and this month, for members: amounts in INR before GST, as text. Raises PT404.';
grant execute on function private.my_spending, public.spending to authenticated;

create function worker.spending(org_id uuid) returns jsonb
  language plpgsql stable security definer set search_path = ''
as $$
begin
  perform private.require_organization(spending.org_id);
  return private.spending(spending.org_id);
end;
$$;
comment on function worker.spending is 'private.spending for the operator. Raises PT404.';
create function worker.set_spending_caps(org_id uuid, caps jsonb) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
begin
  perform private.require_organization(set_spending_caps.org_id);
  return private.set_spending_caps(set_spending_caps.org_id, set_spending_caps.caps);
end;
$$;
comment on function worker.set_spending_caps is 'private.set_spending_caps for the operator. Raises PT404, PT422.';
grant execute on function worker.spending, worker.set_spending_caps to service_role;

create function worker.wallet(org_id uuid) returns jsonb
  language plpgsql stable security definer set search_path = ''
as $$
begin
  perform private.require_organization(wallet.org_id);
  return private.spending(wallet.org_id) || jsonb_build_object('entries', (
    select coalesce(jsonb_agg(jsonb_build_object('id', e.id, 'at', e.at, 'kind', e.kind, 'amount', e.amount::text, 'month', e.month, 'messages', e.messages,
                                                 'balance_after', e.balance_after::text, 'note', e.note) order by e.id desc), '[]')
      from (select * from public.wallet_entries e where e.org_id = wallet.org_id order by e.id desc limit 20) e));
end;
$$;
comment on function worker.wallet is 'private.spending and the 20 newest movements, for the operator. Raises PT404.';

create function worker.set_wallet(org_id uuid, settings jsonb) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
begin
  perform private.require_organization(set_wallet.org_id);
  perform private.known_fields(settings, 'settings', array['prepaid', 'allow_negative']);
  insert into public.wallets (org_id) values (set_wallet.org_id) on conflict do nothing;
  update public.wallets w
     set is_prepaid = coalesce(private.flag_field(settings, 'prepaid', 'settings'), w.is_prepaid),
         allow_negative = coalesce(private.flag_field(settings, 'allow_negative', 'settings'), w.allow_negative), updated_at = now()
   where w.org_id = set_wallet.org_id;
  perform private.audit(set_wallet.org_id, 'wallet.changed', 'wallet', set_wallet.org_id::text, settings);
  return private.spending(set_wallet.org_id);
end;
$$;
comment on function worker.set_wallet is
  'How a wallet works: {prepaid?, allow_negative?}; what is absent stays. From then on billed usage is taken from it. Returns private.spending. Raises PT404, PT422.';

create function worker.top_up(org_id uuid, amount text, note text default null, token uuid default null) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_amount  numeric := private.amount_field(jsonb_build_object('amount', top_up.amount), 'amount', '^[0-9]{1,9}(\.[0-9]{1,2})?$');
  v_balance numeric;
begin
  perform private.require_organization(top_up.org_id);
  if coalesce(v_amount, 0) = 0 then
    perform private.refuse_field('amount', 'is nothing', 'amount_invalid');
  end if;
  insert into public.wallets (org_id) values (top_up.org_id) on conflict do nothing;
  perform from public.wallets w where w.org_id = top_up.org_id for no key update;
  if not exists (select from public.wallet_entries e where e.org_id = top_up.org_id and e.token = top_up.token) then
    -- The first money makes it prepaid, also where only caps had been set.
    update public.wallets w
       set balance = w.balance + v_amount,
           is_prepaid = w.is_prepaid or not exists (select from public.wallet_entries e where e.org_id = top_up.org_id)
     where w.org_id = top_up.org_id returning w.balance into v_balance;
    insert into public.wallet_entries (org_id, kind, amount, month, balance_after, note, token)
    values (top_up.org_id, 'topup', v_amount, private.month_text(private.india_day(now())), v_balance, left(btrim(top_up.note), 500), top_up.token);
    perform private.audit(top_up.org_id, 'wallet.topped_up', 'wallet', top_up.org_id::text, jsonb_build_object('amount', v_amount::text));
    perform private.wake('dispatch');
  end if;
  return private.spending(top_up.org_id);
end;
$$;
comment on function worker.top_up is
  'Puts an amount (rupees before GST, as text) into a wallet, which the first one makes prepaid; the same token again is the same top-up. Returns '
  'private.spending. Raises PT404, PT422 amount_invalid.';
grant execute on function worker.wallet, worker.set_wallet, worker.top_up to service_role;
