-- 890_reconciliation.sql: the ledger held against Meta's own figures, by day, category and country; a difference is a row for a person to review.

------------------------------------------------------------------------------------------------
-- What was compared
------------------------------------------------------------------------------------------------
create table public.usage_reconciliations (
  org_id              uuid not null,
  account_id          uuid not null,
  day                 date not null,
  category            text not null,
  country             text not null,
  kind                text not null,
  id                  uuid not null default gen_random_uuid(),
  currency            text not null,
  ours_messages       bigint not null,
  ours_cost           numeric(18, 6) not null,
  meta_messages       bigint not null,
  meta_cost           numeric(18, 6) not null,
  difference_messages bigint not null generated always as (meta_messages - ours_messages) stored,
  difference_cost     numeric(18, 6) not null generated always as (meta_cost - ours_cost) stored,
  status              text not null,
  reviewed_by         uuid,
  reviewed_at         timestamptz,
  note                text,
  checked_at          timestamptz not null default now(),
  primary key (org_id, account_id, day, category, country, kind),
  constraint reconciliation_has_one_id unique (org_id, id),
  constraint reconciliation_is_of_an_account_of_its_organization foreign key (org_id, account_id)
    references public.whatsapp_accounts (org_id, id) on delete restrict,
  constraint reconciliation_kind_is_known check (kind in ('charged', 'free')),
  constraint reconciliation_status_is_known check (status in ('equal', 'differs', 'reviewed')),
  constraint reconciliation_is_equal_when_nothing_differs
    check ((status = 'equal') = (meta_messages = ours_messages and meta_cost = ours_cost)),
  constraint reconciliation_review_is_signed check ((status = 'reviewed') = (reviewed_at is not null) and (reviewed_at is null) = (note is null)),
  constraint reconciliation_country_is_short check (country ~ '^[A-Z][A-Z0-9_]{1,29}$')
);
comment on table public.usage_reconciliations is
  'Flow''s ledger beside Meta''s pricing analytics: a row for what either side has of a day. Meta''s figures are of the whole account, also of messages '
  'that another app sent. Written by the job reconcile.';
comment on column public.usage_reconciliations.org_id is 'The organization.';
comment on column public.usage_reconciliations.account_id is 'The WhatsApp Business account.';
comment on column public.usage_reconciliations.day is 'The day in the account''s time zone, compared once it is over.';
comment on column public.usage_reconciliations.category is 'What Meta billed the messages as, with underscore; unknown: none was named.';
comment on column public.usage_reconciliations.country is
  'The recipients'' market on the rate cards, mostly the ISO code of a country; a country of no card stands for itself. ZZ: not known.';
comment on column public.usage_reconciliations.kind is 'charged, or free: Meta''s type of price begins with free. What needs review counts as charged unless Meta said free.';
comment on column public.usage_reconciliations.id is 'For reviewing the row.';
comment on column public.usage_reconciliations.currency is 'ISO 4217: the account''s. Meta names none; what the ledger has in another one counts as messages without cost.';
comment on column public.usage_reconciliations.ours_messages is 'Messages in Flow''s ledger.';
comment on column public.usage_reconciliations.ours_cost is 'Meta''s cost by Flow''s ledger.';
comment on column public.usage_reconciliations.meta_messages is 'Messages by Meta''s figures.';
comment on column public.usage_reconciliations.meta_cost is 'Cost by Meta''s figures, six decimals.';
comment on column public.usage_reconciliations.difference_messages is 'Meta''s less ours.';
comment on column public.usage_reconciliations.difference_cost is 'Meta''s less ours.';
comment on column public.usage_reconciliations.status is
  'equal; differs: a person should look; reviewed: a person did. Figures that change afterwards open it again.';
comment on column public.usage_reconciliations.reviewed_by is 'Who reviewed it, by auth.uid(); no foreign key: it outlives the person''s account.';
comment on column public.usage_reconciliations.reviewed_at is 'When it was reviewed; null: not.';
comment on column public.usage_reconciliations.note is 'What the reviewer found.';
comment on column public.usage_reconciliations.checked_at is 'When it was last compared.';
create index usage_reconciliations_open on public.usage_reconciliations (org_id, day) where status = 'differs';
create index usage_reconciliations_day on public.usage_reconciliations (org_id, day);
alter table public.usage_reconciliations enable row level security;
create policy "Members can read how their organization's ledger compares with Meta" on public.usage_reconciliations
  for select to authenticated using (org_id = any (array(select private.my_org_ids())));
grant select on public.usage_reconciliations to authenticated;

------------------------------------------------------------------------------------------------
-- When to compare
------------------------------------------------------------------------------------------------
create table private.reconciliation_runs (
  org_id      uuid not null,
  account_id  uuid not null,
  next_at     timestamptz not null default now() + interval '1 hour',
  lease       uuid,
  lease_until timestamptz,
  done_month  date not null default (date_trunc('month', now()) - interval '1 month')::date,
  compared_at timestamptz,
  failures    int not null default 0,
  problem     text,
  primary key (org_id, account_id),
  constraint run_is_of_an_account_of_its_organization foreign key (org_id, account_id)
    references public.whatsapp_accounts (org_id, id) on delete cascade,
  constraint run_lease_ends check ((lease is null) = (lease_until is null)),
  constraint run_done_month_is_a_month check (extract(day from done_month) = 1)
);
comment on table private.reconciliation_runs is 'When each connected account is compared next; one worker at a time.';
comment on column private.reconciliation_runs.org_id is 'The organization.';
comment on column private.reconciliation_runs.account_id is 'The account.';
comment on column private.reconciliation_runs.next_at is 'When it is due: each morning of its time zone, later after a failure.';
comment on column private.reconciliation_runs.lease is 'Set while a worker has it.';
comment on column private.reconciliation_runs.lease_until is 'Until when that worker has it.';
comment on column private.reconciliation_runs.done_month is 'First day of the last month that was compared as a whole, or that was over when the account was connected.';
comment on column private.reconciliation_runs.compared_at is 'When the last closed day was last compared.';
comment on column private.reconciliation_runs.failures is 'Attempts in a row that failed.';
comment on column private.reconciliation_runs.problem is 'Why nothing could be compared the last time, in words; null: it could.';
create index reconciliation_runs_due on private.reconciliation_runs (next_at);
alter table private.reconciliation_runs enable row level security;

create function private.tg_whatsapp_accounts__is_reconciled() returns trigger
  language plpgsql volatile security definer set search_path = ''
as $$
begin
  if new.status = 'connected' then
    insert into private.reconciliation_runs as r (org_id, account_id) values (new.org_id, new.id)
    on conflict (org_id, account_id) do update set next_at = least(r.next_at, excluded.next_at), failures = 0;
  elsif new.status = 'disconnected' then
    delete from private.reconciliation_runs r where r.org_id = new.org_id and r.account_id = new.id;
  end if;
  return null;
end;
$$;
comment on function private.tg_whatsapp_accounts__is_reconciled is
  'A connected account is compared an hour later, as is one whose time zone or currency became known; a disconnected one no more.';
create trigger whatsapp_accounts_are_reconciled after insert or update of status, credential_id, time_zone, currency on public.whatsapp_accounts
  for each row execute function private.tg_whatsapp_accounts__is_reconciled();
insert into private.reconciliation_runs (org_id, account_id)
select a.org_id, a.id from public.whatsapp_accounts a where a.status = 'connected';

create function private.wake_reconciliation() returns void
  language plpgsql volatile security definer set search_path = ''
as $$
begin
  if exists (select from private.reconciliation_runs r
               join public.whatsapp_accounts a on (a.org_id, a.id) = (r.org_id, r.account_id)
              where r.next_at <= now() and (r.lease is null or r.lease_until <= now()) and a.status = 'connected') then
    perform private.wake('reconcile', interval '10 seconds');
  end if;
end;
$$;
comment on function private.wake_reconciliation is 'Part of the sweep: wakes the job reconcile when an account is due.';

create function private.day_begins(day date, time_zone text) returns timestamptz
  language plpgsql stable set search_path = ''
as $$
declare
  v_midnight timestamptz := day_begins.day::timestamp at time zone day_begins.time_zone;
begin
  -- Where clocks go back over midnight, it comes twice; the day has begun the first time.
  return case when ((v_midnight - interval '1 hour') at time zone day_begins.time_zone)::date = day_begins.day
              then v_midnight - interval '1 hour' else v_midnight end;
end;
$$;
comment on function private.day_begins is 'The first instant of a day in a time zone, also of one whose midnight is skipped or comes twice.';

create function private.month_given(month text) returns date
  language plpgsql immutable set search_path = ''
as $$
begin
  if month_given.month !~ '^[0-9]{4}-(0[1-9]|1[0-2])$' or month_given.month like '0000%' then
    raise sqlstate 'PT422' using message = 'The month is not a month like 2026-10', detail = 'month_invalid', hint = 'Write YYYY-MM.';
  end if;
  return (month_given.month || '-01')::date;
end;
$$;
comment on function private.month_given is 'The first day of a month that somebody wrote as YYYY-MM; null for null. Raises PT422 month_invalid.';

------------------------------------------------------------------------------------------------
-- The comparison
------------------------------------------------------------------------------------------------
create function private.days_to_compare(today date, done_month date, month date) returns daterange
  language sql immutable security invoker set search_path = ''
as $$
  select case
    when month is not null then daterange(month, greatest(month, least((month + interval '1 month')::date, today)))
    -- On the 2nd, or as soon after it as somebody comes, the month before as well.
    when extract(day from today) >= 2 and done_month < (date_trunc('month', today::timestamp) - interval '1 month')::date
      then daterange((date_trunc('month', today::timestamp) - interval '1 month')::date, today)
    else daterange(today - 3, today) end
$$;
comment on function private.days_to_compare is
  'Which days are due on a day of the account''s zone: the last three that are over, and from the 2nd on the whole month before unless it was done; or '
  'those of a given month that are over.';

create function worker.claim_reconciliations(batch int default 5, lease_seconds int default 180, org_id uuid default null, month text default null) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_lease    uuid := gen_random_uuid();
  v_month    date := private.month_given(claim_reconciliations.month);
  v_accounts jsonb := '[]';
  v_skipped  jsonb := '[]';
  v_busy     int;
  v_token    text;
  v_days     daterange;
  v_words    text;
  r          record;
begin
  if claim_reconciliations.org_id is not null then
    perform private.require_organization(claim_reconciliations.org_id);
  end if;
  for r in
    select k.org_id, k.account_id, k.done_month, a.waba_id, a.name, a.credential_id, a.currency, private.known_zone(a.time_zone) as zone
      from private.reconciliation_runs k
      join public.whatsapp_accounts a on (a.org_id, a.id) = (k.org_id, k.account_id)
     where a.status = 'connected' and (k.lease is null or k.lease_until <= now())
       and (k.next_at <= now() or k.org_id = claim_reconciliations.org_id)
       and (claim_reconciliations.org_id is null or k.org_id = claim_reconciliations.org_id)
     order by k.next_at, k.account_id limit claim_reconciliations.batch for update of k skip locked
  loop
    v_days := private.days_to_compare((now() at time zone r.zone)::date, r.done_month, v_month);
    v_words := case
      when r.zone is null then 'Flow does not know the account''s time zone, in which Meta''s days begin: connect it again once WhatsApp Manager shows one.'
      when r.currency is null then 'Flow does not know the account''s currency: connect it again once WhatsApp Manager shows one.'
      when isempty(v_days) then format('No day of %s is over yet in the account''s time zone.', claim_reconciliations.month) end;
    if v_words is not null then
      update private.reconciliation_runs k set problem = v_words, next_at = greatest(k.next_at, now() + interval '1 day')
       where k.org_id = r.org_id and k.account_id = r.account_id and (r.zone is null or r.currency is null);
      v_skipped := v_skipped || jsonb_build_object('org_id', r.org_id, 'account_id', r.account_id, 'waba_id', r.waba_id, 'name', r.name, 'words', v_words);
      continue;
    end if;
    begin
      v_token := private.open_credential(r.org_id, r.credential_id, 'reconcile');
      if v_token is null then
        v_words := 'The access token cannot be read: connect WhatsApp again';
        perform private.ask_reconnect(r.org_id, r.account_id, v_words);
      end if;
    exception when sqlstate 'PT503' then
      v_words := 'The key that opens the access token is not in Vault.';
      update private.reconciliation_runs k set problem = v_words, next_at = greatest(k.next_at, now() + interval '10 minutes')
       where k.org_id = r.org_id and k.account_id = r.account_id;
    end;
    if v_words is not null then
      v_skipped := v_skipped || jsonb_build_object('org_id', r.org_id, 'account_id', r.account_id, 'waba_id', r.waba_id, 'name', r.name, 'words', v_words);
      continue;
    end if;
    update private.reconciliation_runs k
       set lease = v_lease, lease_until = now() + make_interval(secs => claim_reconciliations.lease_seconds)
     where k.org_id = r.org_id and k.account_id = r.account_id;
    v_accounts := v_accounts || jsonb_build_object(
      'org_id', r.org_id, 'account_id', r.account_id, 'waba_id', r.waba_id, 'token', v_token,
      'start', extract(epoch from private.day_begins(lower(v_days), r.zone))::bigint,
      'end', extract(epoch from private.day_begins(upper(v_days), r.zone))::bigint,
      'days', (select jsonb_agg(d::date order by d) from generate_series(lower(v_days), upper(v_days) - 1, interval '1 day') d));
  end loop;
  select count(*) into v_busy from private.reconciliation_runs k
   where k.org_id = claim_reconciliations.org_id and k.lease <> v_lease and k.lease_until > now();
  return jsonb_build_object('lease', v_lease, 'accounts', v_accounts, 'skipped', v_skipped, 'busy', v_busy);
end;
$$;
comment on function worker.claim_reconciliations is
  'Hands out accounts that are due to be compared, or (org_id) those of one organization before their time, for the days of a month: {lease, accounts: '
  '[{org_id, account_id, waba_id, token, start, end: seconds, days}], skipped: [{org_id, account_id, waba_id, name, words}], busy: how many of that '
  'organization another worker has}. Each account is answered by worker.record_reconciliation. Raises PT404, PT422 month_invalid.';
grant execute on function worker.claim_reconciliations to service_role;

create function private.place_of(iso text) returns text
  language sql stable security definer set search_path = ''
as $$
  select coalesce((select c.market from private.market_codes c where c.kind = 'iso' and c.code = upper(place_of.iso)),
                  substring(upper(place_of.iso) from '^[A-Z]{2}$'), 'ZZ')
$$;
comment on function private.place_of is 'Where a country stands in a comparison: its market on the rate cards, else its ISO code, else ZZ.';

create function private.place_of_recipients(phones text[], user_ids text[]) returns text
  language plpgsql stable security definer set search_path = ''
as $$
declare
  v_markets text[] := private.market_of_recipients(phones, user_ids);
begin
  if cardinality(v_markets) = 1 and v_markets[1] <> '?' then
    return v_markets[1];
  end if;
  return private.place_of((select min(substring(u from '^([A-Z]{2})\.')) from unnest(user_ids) u));
end;
$$;
comment on function private.place_of_recipients is 'The same of a message whose price needed no market, by whom its statuses named.';

create function private.meta_points(points jsonb, time_zone text)
  returns table (day date, category text, country text, kind text, messages bigint, cost numeric, begins timestamptz)
  language sql stable security definer set search_path = ''
as $$
  select (p.begins at time zone meta_points.time_zone)::date, coalesce(nullif(replace(lower(p.category), '-', '_'), ''), 'unknown'),
         private.place_of(p.country), case when p.cost = 0 and upper(p.type) like 'FREE%' then 'free' else 'charged' end,
         p.volume, p.cost, p.begins
    from (select to_timestamp((x ->> 'start')::bigint) as begins, left(x ->> 'category', 100) as category, x ->> 'country' as country,
                 x ->> 'type' as type, (x ->> 'volume')::bigint as volume, round((x ->> 'cost')::numeric, 6) as cost
            from jsonb_array_elements(meta_points.points) x) p
$$;
comment on function private.meta_points is 'Meta''s points, in the words of the ledger.';

create function private.ledger_points(org_id uuid, account_id uuid, days date[], time_zone text, currency text)
  returns table (day date, category text, country text, kind text, messages bigint, cost numeric)
  language plpgsql stable security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_from timestamptz := private.day_begins((select min(d) from unnest(days) d), time_zone);
  v_to   timestamptz := private.day_begins((select max(d) + 1 from unnest(days) d), time_zone);
begin
  return query
    with live as materialized (
      select (l.billable_at at time zone ledger_points.time_zone)::date as day, coalesce(replace(l.category, '-', '_'), 'unknown') as category, l.market,
             case when l.amount = 0 and (l.pricing_type like 'free%' or l.pricing_type = 'cbp') then 'free' else 'charged' end as kind,
             case when l.currency = ledger_points.currency then l.amount else 0 end as cost,
             coalesce(f.phones, '{}') as phones, coalesce(f.user_ids, '{}') as user_ids
        from public.usage_ledger l
        left join private.billing_facts f on l.market is null and (f.org_id, f.wamid) = (l.org_id, l.wamid)
       where l.org_id = ledger_points.org_id and l.account_id = ledger_points.account_id and l.entry = 'meta_cost' and l.reverses is null
         and l.billable_at >= v_from and l.billable_at < v_to
         and not exists (select from public.usage_ledger t where t.org_id = l.org_id and t.reverses = l.id)
    ), places as materialized (
      select p.phones, p.user_ids, private.place_of_recipients(p.phones, p.user_ids) as place
        from (select distinct l.phones, l.user_ids from live l where l.market is null) p
    )
    select l.day, l.category, coalesce(l.market, p.place), l.kind, count(*), sum(l.cost)
      from live l left join places p on l.market is null and p.phones = l.phones and p.user_ids = l.user_ids
     where l.day = any (ledger_points.days)
     group by 1, 2, 3, 4;
end;
$$;
comment on function private.ledger_points is 'What the live entries of the ledger have of an account''s days, to be held against Meta''s points.';

create function private.compare_with_meta(org_id uuid, account_id uuid, days date[], points jsonb, time_zone text, currency text) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_rows    int;
  v_differs int;
begin
  with meta as (
    select p.day, p.category, p.country, p.kind, sum(p.messages) as messages, sum(p.cost) as cost
      from private.meta_points(compare_with_meta.points, compare_with_meta.time_zone) p where p.day = any (compare_with_meta.days) group by 1, 2, 3, 4
  ), ours as (
    select * from private.ledger_points(compare_with_meta.org_id, compare_with_meta.account_id, compare_with_meta.days, compare_with_meta.time_zone,
                                        compare_with_meta.currency)
  ), both_sides as (
    select day, category, country, kind, coalesce(o.messages, 0) as ours_messages, coalesce(o.cost, 0) as ours_cost,
           coalesce(m.messages, 0) as meta_messages, coalesce(m.cost, 0) as meta_cost
      from ours o full join meta m using (day, category, country, kind)
      -- What either side had before, and neither has now.
      full join (select r.day, r.category, r.country, r.kind from public.usage_reconciliations r
                  where r.org_id = compare_with_meta.org_id and r.account_id = compare_with_meta.account_id and r.day = any (compare_with_meta.days)) k
        using (day, category, country, kind)
  ), stored as (
    insert into public.usage_reconciliations as r (org_id, account_id, day, category, country, kind, currency, ours_messages, ours_cost, meta_messages,
                                                   meta_cost, status)
    select compare_with_meta.org_id, compare_with_meta.account_id, b.day, b.category, b.country, b.kind, compare_with_meta.currency, b.ours_messages,
           b.ours_cost, b.meta_messages, b.meta_cost,
           case when b.ours_messages = b.meta_messages and b.ours_cost = b.meta_cost then 'equal' else 'differs' end
      from both_sides b order by b.day, b.category, b.country, b.kind
    on conflict (org_id, account_id, day, category, country, kind) do update
      set (currency, ours_messages, ours_cost, meta_messages, meta_cost, checked_at, status, reviewed_by, reviewed_at, note)
        = (select excluded.currency, excluded.ours_messages, excluded.ours_cost, excluded.meta_messages, excluded.meta_cost, now(),
                  case when s.stays then r.status else excluded.status end, case when s.stays then r.reviewed_by end,
                  case when s.stays then r.reviewed_at end, case when s.stays then r.note end
             from (select r.status = 'reviewed'
                          and (r.currency, r.ours_messages, r.ours_cost, r.meta_messages, r.meta_cost)
                            = (excluded.currency, excluded.ours_messages, excluded.ours_cost, excluded.meta_messages, excluded.meta_cost) as stays) s)
    returning r.status)
  select count(*), count(*) filter (where s.status = 'differs') into v_rows, v_differs from stored s;
  return jsonb_build_object('rows', v_rows, 'differs', v_differs);
end;
$$;
comment on function private.compare_with_meta is
  'Stores how days compare, as often as wanted with one result. A reviewed row whose figures stand as they were stays reviewed. Returns {rows, differs}.';

create function worker.record_reconciliation(org_id uuid, account_id uuid, lease uuid, days jsonb, points jsonb default '[]', failure jsonb default null)
  returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_run     private.reconciliation_runs;
  v_account public.whatsapp_accounts;
  v_today   date;
  v_days    date[];
  v_words   text;
  v_counts  jsonb := jsonb_build_object('rows', 0, 'differs', 0);
begin
  select r.* into v_run from private.reconciliation_runs r
   where r.org_id = record_reconciliation.org_id and r.account_id = record_reconciliation.account_id and r.lease = record_reconciliation.lease for update;
  if not found then
    return jsonb_build_object('recorded', false);
  end if;
  select a.* into v_account from public.whatsapp_accounts a
   where a.org_id = v_run.org_id and a.id = v_run.account_id and a.status = 'connected' and a.currency is not null;
  v_account.time_zone := private.known_zone(v_account.time_zone);
  if v_account.time_zone is null or failure ->> 'access_lost' = 'true' then
    update private.reconciliation_runs r set lease = null, lease_until = null where r.org_id = v_run.org_id and r.account_id = v_run.account_id;
    if failure ->> 'access_lost' = 'true' then
      perform private.ask_reconnect(v_run.org_id, v_run.account_id, 'Meta says that the access token is no longer valid');
    end if;
    return jsonb_build_object('recorded', false);
  end if;

  v_today := (now() at time zone v_account.time_zone)::date;
  -- Of a day that goes on, both sides tell only a part.
  select array_agg(d::date order by d) into v_days from jsonb_array_elements_text(record_reconciliation.days) d where d::date < v_today;
  if failure is not null then
    v_words := coalesce(failure ->> 'words', 'Meta did not answer.');
  elsif jsonb_typeof(record_reconciliation.points) is distinct from 'array' or exists (
       select from jsonb_array_elements(record_reconciliation.points) x
        where coalesce(x ->> 'start', '') !~ '^[0-9]{1,11}$' or coalesce(x ->> 'volume', '') !~ '^[0-9]{1,15}$'
           or coalesce(x ->> 'cost', '') !~ '^-?[0-9]{1,11}(\.[0-9]{1,40})?$') then
    v_words := 'Meta''s figures cannot be read.';
  elsif exists (select from private.meta_points(record_reconciliation.points, v_account.time_zone) p
                 where p.begins <> private.day_begins(p.day, v_account.time_zone)) then
    v_words := format('Meta''s days do not begin at midnight in %s: they cannot be compared with the ledger''s.', v_account.time_zone);
  elsif v_days is not null then
    v_counts := private.compare_with_meta(v_run.org_id, v_run.account_id, v_days, record_reconciliation.points, v_account.time_zone, v_account.currency);
  end if;

  update private.reconciliation_runs r
     set lease = null, lease_until = null, problem = v_words, failures = case when v_words is null then 0 else r.failures + 1 end,
         compared_at = case when v_words is null and v_today - 1 = any (v_days) then now() else r.compared_at end,
         done_month = case when v_words is null then greatest(r.done_month, (
             select max(m.first) from (select date_trunc('month', d::timestamp)::date as first, count(distinct d) as days from unnest(v_days) d group by 1) m
              where m.days = extract(day from m.first + interval '1 month' - interval '1 day'))) else r.done_month end,
         next_at = case when v_words is not null then now() + interval '10 minutes' * power(2, least(r.failures, 6))::int * (0.75 + random() / 2)
                        when v_today - 1 = any (v_days) then private.day_begins(v_today + 1, v_account.time_zone) + interval '5 hours' * (1 + random() / 5)
                        else r.next_at end
   where r.org_id = v_run.org_id and r.account_id = v_run.account_id
  returning r.* into v_run;
  perform private.note_health(v_run.org_id, v_run.account_id, null, 'reconciliation', case when v_run.failures < 3 then 'ok' else 'warning' end,
    concat_ws(' ', 'The ledger could not be compared with Meta''s figures.', v_words), 'Nothing, unless it lasts: Flow asks again, at most half a day later.');
  return v_counts || jsonb_build_object('recorded', v_words is null, 'days', coalesce(cardinality(v_days), 0)) || jsonb_strip_nulls(jsonb_build_object('words', v_words));
end;
$$;
comment on function worker.record_reconciliation is
  'Compares days of an account with Meta''s points [{start: seconds, category, type, country, volume, cost: text}], or notes why there are none: failure '
  '{words, access_lost?: Meta refused the token}. Returns {recorded, days, rows, differs: rows that a person should look at, words?: why nothing was '
  'recorded}.';
grant execute on function worker.record_reconciliation to service_role;
