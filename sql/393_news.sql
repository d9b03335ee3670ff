-- 393_news.sql: new leads, new messages and numbers in trouble become notifications, a moment after the transaction that brought them.
--
-- A webhook only appends one narrow row for each conversation it wrote to; who is to be told is decided here, set by set, every two seconds. Of one conversation a
-- person has one notification until they read it, of new leads one that counts them.

alter table public.notifications add column push_at timestamptz default now();
comment on column public.notifications.push_at is 'When the person''s devices are to be told (later, in quiet hours); null: that is settled.';
create index notifications_to_push on public.notifications (push_at) where push_at is not null;

create table private.news (
  org_id           uuid not null references public.organizations on delete restrict,
  id               bigint generated always as identity,
  conversation_id  uuid,
  lead_id          uuid,
  many             int not null default 1,
  newest_at        timestamptz not null,
  primary key (org_id, id),
  constraint news_is_of_a_conversation_or_a_lead check (num_nonnulls(conversation_id, lead_id) = 1)
);
comment on table private.news is 'What has come and nobody has been told of yet; rows stay for seconds.';
comment on column private.news.org_id is 'The organization.';
comment on column private.news.id is 'Running number.';
comment on column private.news.conversation_id is 'The conversation with new messages. No foreign key: it may be gone when it is told.';
comment on column private.news.lead_id is 'The new lead. No foreign key: it may be gone when it is told.';
comment on column private.news.many is 'How many messages.';
comment on column private.news.newest_at is 'The place in the thread (messages.at) of the newest of them; of a lead, when it came.';
create index news_in_order on private.news (id);
alter table private.news enable row level security;

create function private.tg_messages__are_news() returns trigger
  language plpgsql volatile security definer set search_path = ''
as $$
begin
  insert into private.news (org_id, conversation_id, many, newest_at)
  select n.org_id, n.conversation_id, count(*), max(n.at) from new_rows n where n.direction = 'inbound' and n.imported_at is null group by 1, 2;
  return null;
end;
$$;
comment on function private.tg_messages__are_news is 'Messages of customers are news; a phone''s history is none. Definer: the table is closed.';

create function private.tg_leads__are_news() returns trigger
  language plpgsql volatile security definer set search_path = ''
as $$
begin
  insert into private.news (org_id, lead_id, newest_at)
  select n.org_id, n.id, n.received_at from new_rows n where n.source_kind not in ('manual', 'upload');
  return null;
end;
$$;
comment on function private.tg_leads__are_news is 'Leads that came by themselves are news; who typed one in, or loaded a file, knows of it. Definer: the table is closed.';
create trigger leads_are_news after insert on public.leads referencing new table as new_rows
  for each statement when (coalesce(current_setting('flow.importing', true), '') = '') execute function private.tg_leads__are_news();

create function private.notify_messages(batch int) returns uuid[]
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_orgs  uuid[];
  v_users uuid[];
  v_ids   uuid[];
  v_many  int[];
begin
  with gone as (
    delete from private.news w using (select x.org_id, x.id from private.news x where x.conversation_id is not null order by x.id
                                       limit notify_messages.batch for update skip locked) t
     where w.org_id = t.org_id and w.id = t.id returning w.org_id, w.conversation_id, w.many, w.newest_at
  ), told as (
    select g.org_id, g.conversation_id, sum(g.many)::int as many, max(g.newest_at) as newest_at from gone g group by 1, 2
  ), audience as (
    select t.org_id, m.user_id, t.conversation_id, t.many
      from told t
      join public.organizations o on o.id = t.org_id and o.deleted_at is null
      join public.conversations v on v.org_id = t.org_id and v.id = t.conversation_id
      join public.memberships m on m.org_id = t.org_id
      left join private.notification_settings s on s.org_id = m.org_id and s.user_id = m.user_id
     where (v.assignee_id is not distinct from m.user_id or s.new_message = 'all' or v.assignee_id is null and s.new_message is distinct from 'mine')
       -- Who has the thread open has read it already.
       and not exists (select from public.conversation_reads r where r.org_id = t.org_id and r.conversation_id = t.conversation_id and r.user_id = m.user_id and r.read_to >= t.newest_at)
       and (s.user_id is null or 'new_message' = any (s.in_app || s.push)))
  select array_agg(a.org_id order by a.org_id, a.user_id, a.conversation_id), array_agg(a.user_id order by a.org_id, a.user_id, a.conversation_id),
         array_agg(a.conversation_id order by a.org_id, a.user_id, a.conversation_id), array_agg(a.many order by a.org_id, a.user_id, a.conversation_id)
    into v_orgs, v_users, v_ids, v_many from audience a;
  if v_orgs is null then
    return '{}';
  end if;
  -- What was read makes room: then this is something new. Where the bell does not count messages, having looked at the thread is reading.
  delete from public.notifications n using unnest(v_orgs, v_users, v_ids) a (org_id, user_id, conversation_id)
   where n.org_id = a.org_id and n.user_id = a.user_id and n.key = 'message:' || a.conversation_id and n.read_at is not null
     and (exists (select from public.conversation_reads r where r.org_id = n.org_id and r.conversation_id = a.conversation_id and r.user_id = n.user_id and r.read_at > n.at)
          or not exists (select from private.notification_settings s where s.org_id = n.org_id and s.user_id = n.user_id and not 'new_message' = any (s.in_app)));
  insert into public.notifications as n (org_id, user_id, kind, key, conversation_id, many)
  select a.org_id, a.user_id, 'new_message', 'message:' || a.conversation_id, a.conversation_id, a.many
    from unnest(v_orgs, v_users, v_ids, v_many) a (org_id, user_id, conversation_id, many)
  on conflict (org_id, user_id, key) where key is not null do update set many = n.many + excluded.many;
  return v_orgs;
end;
$$;
comment on function private.notify_messages is 'Tells of new messages, a batch of news at a time; of one conversation once until it is read. Returns the organizations. Definer: closed tables.';

create function private.notify_leads(batch int) returns uuid[]
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_orgs  uuid[];
  v_users uuid[];
  v_leads uuid[];
  v_many  int[];
begin
  -- A lead that rules are about to give to somebody waits: who gets it is told so by itself.
  with gone as (
    delete from private.news w using (
      select x.org_id, x.id from private.news x
       where x.lead_id is not null
         and not exists (select from private.assignment_queue q where q.org_id = x.org_id and q.lead_id = x.lead_id and q.due_at <= now() and q.created_at > now() - interval '1 minute')
       order by x.id limit notify_leads.batch for update skip locked) t
     where w.org_id = t.org_id and w.id = t.id returning w.org_id, w.lead_id
  ), audience as (
    select l.org_id, m.user_id, count(*)::int as many, (array_agg(l.id order by l.id))[1] as lead_id
      from gone g
      join public.organizations o on o.id = g.org_id and o.deleted_at is null
      join public.leads l on l.org_id = g.org_id and l.id = g.lead_id
      join public.memberships m on m.org_id = l.org_id
      left join private.notification_settings s on s.org_id = m.org_id and s.user_id = m.user_id
     where (l.owner_id is null and s.new_lead is distinct from 'mine' or s.new_lead = 'all' and l.owner_id <> m.user_id)
       and (s.user_id is null or 'new_lead' = any (s.in_app || s.push))
       -- Of who wrote first on WhatsApp the message tells, unless the person is told of no such message.
       and (l.source_kind <> 'whatsapp' or s.new_message = 'mine' or not 'new_message' = any (s.in_app || s.push))
     group by 1, 2)
  select array_agg(a.org_id order by a.org_id, a.user_id), array_agg(a.user_id order by a.org_id, a.user_id), array_agg(a.lead_id order by a.org_id, a.user_id),
         array_agg(a.many order by a.org_id, a.user_id)
    into v_orgs, v_users, v_leads, v_many from audience a;
  if v_orgs is null then
    return '{}';
  end if;
  -- One notification counts them all until it is read; it comes to the top again.
  with before as (
    delete from public.notifications n using unnest(v_orgs, v_users) a (org_id, user_id)
     where n.org_id = a.org_id and n.user_id = a.user_id and n.key = 'leads' returning n.org_id, n.user_id, case when n.read_at is null then n.many else 0 end as many)
  select array_agg(a.many + coalesce(b.many, 0) order by a.org_id, a.user_id) into v_many
    from unnest(v_orgs, v_users, v_many) a (org_id, user_id, many) left join before b on b.org_id = a.org_id and b.user_id = a.user_id;
  insert into public.notifications (org_id, user_id, kind, key, many, lead_id)
  select a.org_id, a.user_id, 'new_lead', 'leads', a.many, case when a.many = 1 then a.lead_id end
    from unnest(v_orgs, v_users, v_leads, v_many) a (org_id, user_id, lead_id, many)
  on conflict do nothing;
  return v_orgs;
end;
$$;
comment on function private.notify_leads is 'Tells of new leads that nobody has, and who wants it of all; who is given one is told of that instead. Returns the organizations. Definer: closed tables.';

create function private.notify_numbers() returns uuid[]
  language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_orgs uuid[];
begin
  -- What comes and goes within a day is told once.
  with told as (
    insert into public.notifications (org_id, user_id, kind, key)
    select h.org_id, m.user_id, 'number_needs_attention',
           format('number:%s:%s:%s:%s', h.level, coalesce(h.number_id, h.account_id), h.kind, (h.since at time zone 'UTC')::date)
      from public.whatsapp_health h
      join public.organizations o on o.id = h.org_id and o.deleted_at is null
      join public.memberships m on m.org_id = h.org_id and m.role in ('admin', 'owner')
     where h.since > now() - interval '1 hour'
     order by h.org_id, m.user_id
    on conflict (org_id, user_id, key) where key is not null do nothing returning org_id)
  select array_agg(distinct t.org_id) into v_orgs from told t;
  return coalesce(v_orgs, '{}');
end;
$$;
comment on function private.notify_numbers is 'Tells admins of what is newly wrong with a WhatsApp account or number, each finding once a day and level. Returns the organizations. Definer: closed tables.';

create function private.tend_news(batch int default 1000) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_orgs   uuid[];
  v_pushes int;
begin
  v_orgs := private.notify_messages(tend_news.batch) || private.notify_leads(tend_news.batch) || private.notify_numbers();
  perform private.tell(l.org_id, '[{"kind": "bell"}]') from private.listeners l where l.org_id = any (v_orgs) and l.until > now();
  v_pushes := private.spread_pushes(tend_news.batch);
  if exists (select from private.pushes p where p.next_at <= now()) then
    perform private.wake('push', interval '1 second');
  end if;
  return jsonb_build_object('told', cardinality(v_orgs), 'pushes', v_pushes);
end;
$$;
comment on function private.tend_news is
  'Every two seconds, in a transaction of its own: tells of news, and has devices told. Returns {told: notifications or organizations, pushes}. Definer: closed tables.';
