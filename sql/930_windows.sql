-- 930_windows.sql: conversation windows, recorded for information: when the customer could be answered freely, what Meta opened by an ad, which
-- categories were in use, and how many free service messages a number's month has had. What a message costs, Meta's word alone decides.
--
-- A window is a union of intervals, so any order of arrival and any repeat gives the same rows. Who writes windows of a conversation:
-- customer_service, whoever has the row of the conversation locked for (no key) update, as webhooks have before they store a message;
-- all other kinds, private.note_windows, one transaction at a time in an organization, while it shares the key of the conversation:
-- that keeps no webhook waiting, and a merge, which locks the conversation for update, comes before or after it.

------------------------------------------------------------------------------------------------
-- Tables
------------------------------------------------------------------------------------------------
create table public.conversation_windows (
  org_id          uuid not null,
  conversation_id uuid not null,
  kind            text not null,
  opened_at       timestamptz not null,
  closes_at       timestamptz not null,
  opened_by       text,
  messages        int not null,
  primary key (org_id, conversation_id, kind, opened_at),
  constraint window_is_of_a_conversation_of_its_organization foreign key (org_id, conversation_id)
    references public.conversations (org_id, id) on delete cascade,
  constraint window_kind_is_known check (kind in
    ('customer_service', 'entry_point', 'marketing', 'utility', 'authentication', 'service', 'other')),
  constraint window_closes_after_it_opens check (closes_at > opened_at),
  constraint window_has_messages check (messages > 0)
) with (fillfactor = 80);
comment on table public.conversation_windows is
  'Windows of conversations, open (closes_at is to come) and closed; those of one kind never overlap. For information: Meta''s price decides.';
comment on column public.conversation_windows.org_id is 'The organization.';
comment on column public.conversation_windows.conversation_id is 'The thread.';
comment on column public.conversation_windows.kind is
  'customer_service: 24 hours from each message of the customer, free-form messages may go. entry_point: 72 hours from the delivery of the first '
  'message that Meta let go free because of an ad. marketing, utility, authentication, service, other: 24 hours from each delivery billed as such.';
comment on column public.conversation_windows.opened_at is 'Meta''s instant of the message that opened it.';
comment on column public.conversation_windows.closes_at is
  'When it ends unless a message prolongs it, or ended; customer_service earlier where Meta said so (131047). The instant itself is outside.';
comment on column public.conversation_windows.opened_by is 'The wamid of the message that opened it.';
comment on column public.conversation_windows.messages is 'How many messages opened or prolonged it: the customer''s, or those billed under it.';
alter table public.conversation_windows enable row level security;
create policy "Members see the windows of their conversations" on public.conversation_windows
  for select to authenticated using (org_id = any (array(select private.my_org_ids())));
grant select on public.conversation_windows to authenticated;

create table public.free_allowance (
  org_id    uuid not null,
  number_id uuid not null,
  month     text not null,
  used      int not null,
  primary key (org_id, number_id, month),
  constraint allowance_is_of_a_number_of_its_organization foreign key (org_id, number_id)
    references public.whatsapp_numbers (org_id, id) on delete restrict,
  constraint allowance_month_is_a_month check (month ~ '^[0-9]{4,6}-(0[1-9]|1[0-2])$'),
  constraint allowance_is_not_negative check (used >= 0)
) with (fillfactor = 80);
comment on table public.free_allowance is
  'Free service messages by number and month, of the 1,000 that Meta gives. Counted from what Meta let go free, for information: nothing is decided by it.';
comment on column public.free_allowance.org_id is 'The organization.';
comment on column public.free_allowance.number_id is 'The number.';
comment on column public.free_allowance.month is 'YYYY-MM of the delivery, in the time zone of the WhatsApp Business account (India''s where it is not known).';
comment on column public.free_allowance.used is 'Delivered messages of category service that Meta let go free; those of the last seconds are not in it yet.';
alter table public.free_allowance enable row level security;
create policy "Members see the free messages of their numbers" on public.free_allowance
  for select to authenticated using (org_id = any (array(select private.my_org_ids())));
grant select on public.free_allowance to authenticated;

create table private.noted_costs (
  org_id          uuid not null,
  wamid           text not null,
  conversation_id uuid,
  kind            text not null,
  at              timestamptz not null,
  is_entry_point  boolean not null,
  number_id       uuid not null,
  month           text,
  primary key (org_id, wamid),
  constraint noted_cost_is_of_a_conversation_of_its_organization foreign key (org_id, conversation_id)
    references public.conversations (org_id, id) on delete cascade
);
comment on table private.noted_costs is
  'What windows and allowances know of the ledger: the live cost of each wamid that counts in one. Noting a change takes back what is here first.';
comment on column private.noted_costs.org_id is 'The organization.';
comment on column private.noted_costs.wamid is 'Meta''s id of the message.';
comment on column private.noted_costs.conversation_id is 'The thread; null: Flow has no such message, it counts in no window.';
comment on column private.noted_costs.kind is 'Kind of window that its category opens.';
comment on column private.noted_costs.at is 'When it was delivered.';
comment on column private.noted_costs.is_entry_point is 'Meta let it go free because of an ad.';
comment on column private.noted_costs.number_id is 'The number that sent it. No foreign key: it outlives the number.';
comment on column private.noted_costs.month is 'The month whose allowance it used; null: none.';
create index noted_costs_window on private.noted_costs (org_id, conversation_id, kind, at);
create index noted_costs_entry_point on private.noted_costs (org_id, conversation_id, at, wamid) where is_entry_point;
alter table private.noted_costs enable row level security;

------------------------------------------------------------------------------------------------
-- Intervals become windows
------------------------------------------------------------------------------------------------
create function private.window_kind(category text) returns text
  language plpgsql immutable set search_path = ''
as $$
begin
  return case when category in ('marketing', 'utility', 'authentication', 'service') then category
              when category = 'marketing_lite' then 'marketing' when category = 'authentication_international' then 'authentication' else 'other' end;
end;
$$;
comment on function private.window_kind is 'The kind of window that a message billed under a category opens; other: a rare category, or none named (yet).';

create type private.window_span as (
  org_id uuid, conversation_id uuid, kind text, opened_at timestamptz, closes_at timestamptz, opened_by text, messages int, was timestamptz
);
comment on type private.window_span is 'An interval that belongs to a window; was: it is a window that is there already, and that opened then.';

create function private.join_spans(spans private.window_span[]) returns setof private.window_span
  language plpgsql immutable set search_path = ''
as $$
begin
  if cardinality(spans) < 2 then
    return query select s.* from unnest(spans) s;
    return;
  end if;
  return query
    select p.org_id, p.conversation_id, p.kind, min(p.opened_at), max(p.closes_at), (array_agg(p.opened_by order by p.opened_at, p.opened_by))[1],
           sum(p.messages)::int, min(p.was)
      from (select b.*, count(*) filter (where b.begins) over (partition by b.org_id, b.conversation_id, b.kind order by b.opened_at) as place
              from (select s.*, coalesce(s.opened_at > max(s.closes_at) over (
                             partition by s.org_id, s.conversation_id, s.kind order by s.opened_at rows between unbounded preceding and 1 preceding),
                             true) as begins
                      from unnest(spans) s) b) p
     group by p.org_id, p.conversation_id, p.kind, p.place;
end;
$$;
comment on function private.join_spans is 'Intervals that overlap or touch become one, of each conversation and kind.';

create function private.widen_windows(spans private.window_span[]) returns void
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_joined private.window_span[] := array(select j from private.join_spans(spans) j);
  v_found  private.window_span[];
begin
  if cardinality(v_joined) = 0 then
    return;
  end if;
  -- Windows that they overlap or touch: of those that begin before an interval the last, and all that begin within it.
  select array_agg(row (f.*)::private.window_span) into v_found from (
    select distinct w.org_id, w.conversation_id, w.kind, w.opened_at, w.closes_at, w.opened_by, w.messages, w.opened_at
      from unnest(v_joined) s
     cross join lateral (
       select coalesce((select max(b.opened_at) from public.conversation_windows b
                         where b.org_id = s.org_id and b.conversation_id = s.conversation_id and b.kind = s.kind and b.opened_at <= s.opened_at),
                       s.opened_at) as opened_at offset 0) first
     cross join lateral (
       select l.* from public.conversation_windows l
        where l.org_id = s.org_id and l.conversation_id = s.conversation_id and l.kind = s.kind
          and l.opened_at between first.opened_at and s.closes_at and l.closes_at >= s.opened_at offset 0) w) f;
  if v_found is not null then
    v_joined := array(select j from private.join_spans(v_joined || v_found) j);
    delete from public.conversation_windows w using unnest(v_joined) j
     where w.org_id = j.org_id and w.conversation_id = j.conversation_id and w.kind = j.kind and w.opened_at > j.was and w.opened_at <= j.closes_at;
    update public.conversation_windows w
       set opened_at = j.opened_at, closes_at = j.closes_at, opened_by = j.opened_by, messages = j.messages
      from unnest(v_joined) j
     where w.org_id = j.org_id and w.conversation_id = j.conversation_id and w.kind = j.kind and w.opened_at = j.was;
  end if;
  insert into public.conversation_windows (org_id, conversation_id, kind, opened_at, closes_at, opened_by, messages)
  select j.org_id, j.conversation_id, j.kind, j.opened_at, j.closes_at, j.opened_by, j.messages from unnest(v_joined) j where j.was is null;
end;
$$;
comment on function private.widen_windows is
  'Joins intervals with each other and with the windows that they touch: opens new windows, widens some, makes one of several.';

create function private.refill_windows(org_id uuid, conversation_id uuid, kinds text[]) returns void
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  n        record;
  v_window public.conversation_windows;
begin
  delete from public.conversation_windows w
   where w.org_id = refill_windows.org_id and w.conversation_id = refill_windows.conversation_id and w.kind = any (kinds);
  if 'customer_service' = any (kinds) then
    perform private.widen_windows(array(
      select row (m.org_id, m.conversation_id, 'customer_service', m.at,
                  least(m.at + interval '24 hours', (select min(f.failed_at) from public.messages f
                    where f.org_id = m.org_id and f.conversation_id = m.conversation_id and f.error_code = 131047 and f.failed_at > m.at)),
                  m.wamid, 1, null)::private.window_span
        from public.messages m
       where m.org_id = refill_windows.org_id and m.conversation_id = refill_windows.conversation_id and m.direction = 'inbound'));
  end if;
  perform private.widen_windows(array(
    select row (c.org_id, c.conversation_id, c.kind, c.at, c.at + interval '24 hours', c.wamid, 1, null)::private.window_span
      from private.noted_costs c
     where c.org_id = refill_windows.org_id and c.conversation_id = refill_windows.conversation_id and c.kind = any (kinds)));
  if 'entry_point' = any (kinds) then
    -- Meta opens one at the delivery of the first answer, and it lasts 72 hours whatever follows.
    for n in
      select c.at, c.wamid, lead(c.at) over (order by c.at, c.wamid) as next_at from private.noted_costs c
       where c.org_id = refill_windows.org_id and c.conversation_id = refill_windows.conversation_id and c.is_entry_point
       order by c.at, c.wamid
    loop
      if v_window.closes_at is null then
        v_window := row (refill_windows.org_id, refill_windows.conversation_id, 'entry_point', n.at, n.at + interval '72 hours', n.wamid, 0);
      end if;
      v_window.messages := v_window.messages + 1;
      if n.next_at is null or n.next_at >= v_window.closes_at then
        insert into public.conversation_windows select v_window.*;
        v_window := null;
      end if;
    end loop;
  end if;
end;
$$;
comment on function private.refill_windows is
  'Works out the windows of some kinds of one conversation anew, from its messages and from the noted costs. Whoever calls it holds the right lock.';

create function private.rebuild_windows(org_id uuid, conversation_id uuid) returns void
  language plpgsql volatile security definer set search_path = ''
as $$
begin
  perform from public.conversations c where c.org_id = rebuild_windows.org_id and c.id = rebuild_windows.conversation_id for update;
  perform private.refill_windows(rebuild_windows.org_id, rebuild_windows.conversation_id,
    '{customer_service,entry_point,marketing,utility,authentication,service,other}');
end;
$$;
comment on function private.rebuild_windows is 'Works out all windows of a conversation anew; nobody else writes them meanwhile.';

create function private.merge_windows(org_id uuid, kept uuid, gone uuid) returns void
  language plpgsql volatile security definer set search_path = ''
as $$
begin
  update private.noted_costs c set conversation_id = merge_windows.kept
   where c.org_id = merge_windows.org_id and c.conversation_id = merge_windows.gone;
  delete from public.conversation_windows w where w.org_id = merge_windows.org_id and w.conversation_id = merge_windows.gone;
  perform private.rebuild_windows(merge_windows.org_id, merge_windows.kept);
end;
$$;
comment on function private.merge_windows is
  'Two conversations become one, and their messages have moved already: so do the costs, and the windows are worked out anew.';

------------------------------------------------------------------------------------------------
-- The customer service window follows the messages
------------------------------------------------------------------------------------------------
create function private.tg_messages__open_windows() returns trigger
  language plpgsql volatile security definer set search_path = '' set enable_seqscan = off
as $$
declare
  v_spans private.window_span[] := array(
    select row (n.org_id, n.conversation_id, 'customer_service', n.at,
                least(n.at + interval '24 hours', (select min(f.failed_at) from public.messages f
                  where f.org_id = n.org_id and f.conversation_id = n.conversation_id and f.error_code = 131047 and f.failed_at > n.at)),
                n.wamid, 1, null)::private.window_span
      from new_messages n where n.direction = 'inbound');
  v_one   private.window_span := v_spans[1];
  v_last  record;
begin
  if cardinality(v_spans) = 0 then
    return null;
  elsif cardinality(v_spans) = 1 then
    select w.opened_at, w.closes_at into v_last from public.conversation_windows w
     where w.org_id = v_one.org_id and w.conversation_id = v_one.conversation_id and w.kind = 'customer_service' order by w.opened_at desc limit 1;
    if not found or v_last.closes_at < v_one.opened_at then
      insert into public.conversation_windows (org_id, conversation_id, kind, opened_at, closes_at, opened_by, messages)
      values (v_one.org_id, v_one.conversation_id, v_one.kind, v_one.opened_at, v_one.closes_at, v_one.opened_by, 1);
      return null;
    elsif v_last.opened_at < v_one.opened_at then
      update public.conversation_windows w set closes_at = greatest(w.closes_at, v_one.closes_at), messages = w.messages + 1
       where w.org_id = v_one.org_id and w.conversation_id = v_one.conversation_id and w.kind = 'customer_service' and w.opened_at = v_last.opened_at;
      return null;
    end if;
  end if;
  perform private.widen_windows(v_spans);                  -- many at once, or an old one
  return null;
end;
$$;
comment on function private.tg_messages__open_windows is
  'Messages of customers open windows and prolong them, imported ones for their own time. Nearly always it is one, and the newest of its conversation.';
create trigger messages_open_windows after insert on public.messages referencing new table as new_messages
  for each statement execute function private.tg_messages__open_windows();

create function private.tg_messages__cut_windows() returns trigger
  language plpgsql volatile security definer set search_path = ''
as $$
begin
  perform from public.conversations c where c.org_id = new.org_id and c.id = new.conversation_id for no key update;
  perform private.refill_windows(new.org_id, new.conversation_id, '{customer_service}');
  return null;
end;
$$;
comment on function private.tg_messages__cut_windows is
  'Meta said that a window is closed, or took it back, or a rebuild corrected an instant: rare, so the windows are worked out anew.';
create trigger messages_cut_windows after update of error_code, failed_at, at on public.messages
  for each row when ((old.error_code = 131047 or new.error_code = 131047)
                       and (old.error_code, old.failed_at) is distinct from (new.error_code, new.failed_at)
                     or new.direction = 'inbound' and old.at <> new.at)
  execute function private.tg_messages__cut_windows();

------------------------------------------------------------------------------------------------
-- The others follow the ledger
------------------------------------------------------------------------------------------------
create function private.month_in_zone(at timestamptz, zone text) returns text
  language plpgsql immutable set search_path = ''
as $$
begin
  return private.month_text((at at time zone coalesce(zone, 'Asia/Kolkata'))::date);
exception when invalid_parameter_value then
  return private.month_text((at at time zone 'Asia/Kolkata')::date);
end;
$$;
comment on function private.month_in_zone is 'YYYY-MM of an instant in a time zone; in India''s where that is not known, or none.';

create function private.note_windows(orgs uuid[], ledger_ids bigint[]) returns void
  language plpgsql volatile security definer set search_path = '' set enable_seqscan = off
as $$
#variable_conflict use_column
declare
  v_orgs      uuid[];
  v_wamids    text[];
  v_held_orgs uuid[] := '{}';
  v_held      uuid[] := '{}';
  v_now       private.noted_costs[];
  v_was       private.noted_costs[];
  v_old       private.noted_costs[];
  v_new       private.noted_costs[];
  r           record;
begin
  select array_agg(k.org_id), array_agg(k.wamid) into v_orgs, v_wamids from (
    select distinct l.org_id, l.wamid from unnest(orgs, ledger_ids) x (org_id, id)
      join public.usage_ledger l on l.org_id = x.org_id and l.id = x.id
     order by 1, 2) k;
  if v_wamids is null then
    return;
  end if;
  perform pg_advisory_xact_lock(hashtextextended('flow.conversation_windows ' || o, 0)) from (select distinct unnest(v_orgs) as o order by 1) k;
  loop
    select array_agg(row (k.org_id, k.wamid, c.conversation_id, private.window_kind(l.category), l.billable_at,
                          l.pricing_type is not distinct from 'free_entry_point', l.number_id,
                          case when l.pricing_type = 'free_customer_service' and l.category = 'service' then private.month_in_zone(l.billable_at,
                            (select a.time_zone from public.whatsapp_accounts a where a.org_id = l.org_id and a.id = l.account_id)) end)::private.noted_costs)
      into v_now
      from unnest(v_orgs, v_wamids) k (org_id, wamid)
     cross join lateral (
       select e.* from public.usage_ledger e
        where e.org_id = k.org_id and e.wamid = k.wamid and e.entry = 'meta_cost' and e.reverses is null
          and not exists (select from public.usage_ledger t where t.org_id = e.org_id and t.reverses = e.id)
        order by e.version desc limit 1) l
      left join lateral (
       select m.conversation_id from public.messages m where m.org_id = k.org_id and m.id = l.message_id
       union all
       select m.conversation_id from public.messages m where l.message_id is null and m.org_id = k.org_id and m.wamid = k.wamid and m.direction = 'outbound'
       limit 1) c on true;
    select array_agg(n) into v_was from unnest(v_orgs, v_wamids) k (org_id, wamid)
      join private.noted_costs n on n.org_id = k.org_id and n.wamid = k.wamid;
    -- A conversation may just be going into another: looked at once more when its key is held.
    exit when not exists (select n.org_id, n.conversation_id from unnest(v_now || v_was) n where n.conversation_id is not null
                          except select h.org_id, h.id from unnest(v_held_orgs, v_held) h (org_id, id));
    with held as materialized (
      select c.org_id, c.id from public.conversations c
       where (c.org_id, c.id) in (select n.org_id, n.conversation_id from unnest(v_now || v_was) n)
       order by c.org_id, c.id for key share)
    select array_agg(h.org_id), array_agg(h.id) into v_held_orgs, v_held from held h;
  end loop;
  v_old := array(select row (x.*)::private.noted_costs from (select b.* from unnest(v_was) b except select a.* from unnest(v_now) a) x);
  v_new := array(select row (x.*)::private.noted_costs from (select a.* from unnest(v_now) a except select b.* from unnest(v_was) b) x
                  where x.conversation_id is not null or x.month is not null);

  delete from private.noted_costs n using unnest(v_old) o where n.org_id = o.org_id and n.wamid = o.wamid;
  insert into private.noted_costs select n.* from unnest(v_new) n order by n.org_id, n.wamid;

  for r in
    select x.org_id, x.number_id, x.month, sum(x.step)::int as step
      from (select n.org_id, n.number_id, n.month, 1 as step from unnest(v_new) n union all select o.org_id, o.number_id, o.month, -1 from unnest(v_old) o) x
     where x.month is not null group by 1, 2, 3 having sum(x.step) <> 0 order by 1, 2, 3
  loop
    update public.free_allowance f set used = f.used + r.step where f.org_id = r.org_id and f.number_id = r.number_id and f.month = r.month;
    if not found then
      insert into public.free_allowance (org_id, number_id, month, used) values (r.org_id, r.number_id, r.month, r.step);
    end if;
  end loop;

  -- What was taken back may leave a gap: these windows are worked out anew. What is only new makes windows wider.
  for r in
    select x.org_id, x.conversation_id, array_agg(distinct x.kind) as kinds
      from (select o.org_id, o.conversation_id, o.kind from unnest(v_old) o
            union all select b.org_id, b.conversation_id, 'entry_point' from unnest(v_old || v_new) b where b.is_entry_point) x
     where x.conversation_id is not null group by 1, 2 order by 1, 2
  loop
    perform private.refill_windows(r.org_id, r.conversation_id, r.kinds);
  end loop;
  perform private.widen_windows(array(
    select row (n.org_id, n.conversation_id, n.kind, n.at, n.at + interval '24 hours', n.wamid, 1, null)::private.window_span
      from unnest(v_new) n
     where n.conversation_id is not null
       and (n.org_id, n.conversation_id, n.kind) not in (select o.org_id, o.conversation_id, o.kind from unnest(v_old) o where o.conversation_id is not null)));
end;
$$;
comment on function private.note_windows is
  'Notes what these ledger entries say of their messages: windows by category, free entry points, and free service messages of the month. Any entries, in any '
  'order and any number of times: what counts is the live cost of their wamids now. Called when entries are settled.';

------------------------------------------------------------------------------------------------
-- Pages
------------------------------------------------------------------------------------------------
create function private.conversation_windows_of(org_id uuid, conversation_id uuid) returns setof public.conversation_windows
  language plpgsql stable security definer set search_path = ''
as $$
begin
  perform private.require_role(conversation_windows_of.org_id, 'agent');
  if not exists (select from public.conversations c where c.org_id = conversation_windows_of.org_id and c.id = conversation_windows_of.conversation_id) then
    raise sqlstate 'PT404' using message = 'There is no such conversation', detail = 'conversation_unknown', hint = 'Reload the inbox.';
  end if;
  return query
    select w.* from public.conversation_windows w
     where w.org_id = conversation_windows_of.org_id and w.conversation_id = conversation_windows_of.conversation_id
     order by w.opened_at desc, w.kind limit 200;
end;
$$;
comment on function private.conversation_windows_of is 'Body of public.conversation_windows_of.';
create function public.conversation_windows_of(org_id uuid, conversation_id uuid) returns setof public.conversation_windows
  language sql stable set search_path = ''
begin atomic
  select w.* from private.conversation_windows_of(org_id, conversation_id) w;
end;
comment on function public.conversation_windows_of is
  'The windows of a conversation, newest first, at most 200; open is what closes_at is to come. For information: Meta''s price decides. Raises PT404.';
grant execute on function private.conversation_windows_of, public.conversation_windows_of to authenticated;

create function private.message_window(org_id uuid, message_id bigint) returns setof public.conversation_windows
  language plpgsql stable security definer set search_path = ''
as $$
declare
  v_message public.messages;
begin
  perform private.require_role(message_window.org_id, 'agent');
  select m.* into v_message from public.messages m where m.org_id = message_window.org_id and m.id = message_window.message_id;
  if not found then
    raise sqlstate 'PT404' using message = 'There is no such message', detail = 'message_unknown', hint = 'Reload the conversation.';
  end if;
  return query
    select w.* from (
        -- Meta takes a message inside or outside, when it accepts it.
        select 'customer_service' as kind, coalesce(v_message.sent_at, v_message.delivered_at, v_message.at) as at
         where v_message.error_code is distinct from 131047
        union all
        select unnest(case when n.is_entry_point then array[n.kind, 'entry_point'] else array[n.kind] end), n.at
          from private.noted_costs n where n.org_id = v_message.org_id and n.wamid = v_message.wamid) k
     cross join lateral (
        select l.* from public.conversation_windows l
         where l.org_id = v_message.org_id and l.conversation_id = v_message.conversation_id and l.kind = k.kind and l.opened_at <= k.at
         order by l.opened_at desc limit 1) w
     where k.at < w.closes_at
     order by w.opened_at, w.kind;
end;
$$;
comment on function private.message_window is 'Body of public.message_window.';
create function public.message_window(org_id uuid, message_id bigint) returns setof public.conversation_windows
  language sql stable set search_path = ''
begin atomic
  select w.* from private.message_window(org_id, message_id) w;
end;
comment on function public.message_window is
  'The windows that a message fell into: the customer service window in which it came or went, that of the category it was billed under, and the free entry '
  'point if Meta let it go free for that. None of the last two before it is delivered. Raises PT404 message_unknown.';
grant execute on function private.message_window, public.message_window to authenticated;
