-- 958_speed_to_lead.sql: how long a lead waits: enquiry → greeting delivered → first reply of a person.

create table public.lead_clocks (
  org_id           uuid not null,
  lead_id          uuid not null,
  greeting_id      bigint,
  greeted_at       timestamptz,
  replied_at       timestamptz,
  replied_by       uuid,
  reply_id         bigint,
  working_seconds  bigint,
  primary key (org_id, lead_id),
  constraint lead_clock_is_of_a_lead_of_its_organization foreign key (org_id, lead_id) references public.leads (org_id, id) on delete cascade
) with (fillfactor = 80);
comment on table public.lead_clocks is
  'When each lead was answered. It began at leads.received_at; a lead that has no row was neither greeted nor answered. Worked out from messages, whatever their order.';
comment on column public.lead_clocks.org_id is 'The organization.';
comment on column public.lead_clocks.lead_id is 'The lead.';
comment on column public.lead_clocks.greeting_id is 'The message that greeted it by itself; null: none. No foreign key: messages stay as long as the lead.';
comment on column public.lead_clocks.greeted_at is 'When that message was delivered, by Meta''s clock; null: not, or not yet.';
comment on column public.lead_clocks.replied_at is
  'When a person first wrote to the buyer after the enquiry, from the dashboard or the business''s phone, with a message that Meta took and did not fail; null: nobody has.';
comment on column public.lead_clocks.replied_by is 'The member who did; null: nobody, or from the phone. No foreign key: it outlives the membership.';
comment on column public.lead_clocks.reply_id is 'That message. No foreign key: the clock outlives it.';
comment on column public.lead_clocks.working_seconds is 'Seconds from enquiry to reply in which the organization was open, by its hours when the reply was known.';
create index lead_clocks_greeting on public.lead_clocks (org_id, greeting_id) where greeting_id is not null;
alter table public.lead_clocks enable row level security;
create policy "Members can read how fast their leads were answered"
  on public.lead_clocks for select to authenticated using (org_id = any (array(select private.my_org_ids())));
grant select on public.lead_clocks to authenticated;

-- Greeted --------------------------------------------------------------------------------------------------------------

create function private.tg_lead_activities__note_greeting() returns trigger
  language plpgsql volatile security definer set search_path = ''
as $$
begin
  insert into public.lead_clocks as k (org_id, lead_id, greeting_id) values (new.org_id, new.lead_id, (new.details ->> 'message_id')::bigint)
      on conflict (org_id, lead_id) do update set greeting_id = coalesce(k.greeting_id, excluded.greeting_id);
  return null;
end;
$$;
comment on function private.tg_lead_activities__note_greeting is 'A greeting that was queued is the one whose delivery counts. Definer: nobody may write clocks.';
create trigger lead_activities_note_greeting after insert on public.lead_activities
  for each row when (new.kind = 'greeting_queued' and new.details ? 'message_id') execute function private.tg_lead_activities__note_greeting();

create function private.tg_messages__note_greeting() returns trigger
  language plpgsql volatile security definer set search_path = ''
as $$
begin
  -- Who has read it has it, whether or not Meta said so.
  update public.lead_clocks k set greeted_at = least(new.delivered_at, new.read_at)
   where k.org_id = new.org_id and k.greeting_id = new.id and k.greeted_at is distinct from least(new.delivered_at, new.read_at);
  return null;
end;
$$;
comment on function private.tg_messages__note_greeting is 'A greeting is delivered: its instants are the earliest that Meta told, in whatever order. Definer: nobody may write clocks.';
create trigger messages_note_greeting after update of delivered_at, read_at on public.messages
  for each row when (new.origin = 'greeting' and (old.delivered_at is distinct from new.delivered_at or old.read_at is distinct from new.read_at))
  execute function private.tg_messages__note_greeting();

-- Answered -------------------------------------------------------------------------------------------------------------

create function private.first_reply(org_id uuid, contact_id uuid, since timestamptz, out id bigint, out at timestamptz, out sender_id uuid)
  language plpgsql stable security definer set search_path = ''
as $$
#variable_conflict use_column
begin
  select m.id, m.at, m.sender_id into first_reply.id, first_reply.at, first_reply.sender_id from public.messages m
   where m.contact_id between first_reply.contact_id and first_reply.contact_id and m.org_id = first_reply.org_id and m.at >= first_reply.since
     and m.direction = 'outbound' and m.origin in ('person', 'phone') and m.wamid is not null and m.status <> 'failed' and m.imported_at is null
   order by m.contact_id, m.org_id, m.at, m.id limit 1;
end;
$$;
comment on function private.first_reply is
  'The first message of a person, not of Flow itself, to a contact since then that Meta took and did not fail. Imported history does not count.';

create function private.settle_replies(org_id uuid, contact_id uuid, at timestamptz) returns void
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
begin
  insert into public.lead_clocks as k (org_id, lead_id, replied_at, replied_by, reply_id, working_seconds)
  select l.org_id, l.id, r.at, r.sender_id, r.id, case when r.at is not null then private.working_seconds(l.org_id, l.received_at, r.at) end
    from (select x.org_id, x.id, x.received_at, c.replied_at, c.lead_id is not null as has_clock from public.leads x
            left join public.lead_clocks c on c.org_id = x.org_id and c.lead_id = x.id
           where x.org_id = settle_replies.org_id and x.contact_id between settle_replies.contact_id and settle_replies.contact_id
             and x.received_at <= settle_replies.at and (c.replied_at is null or c.replied_at >= settle_replies.at)) l
   cross join lateral private.first_reply(l.org_id, settle_replies.contact_id, l.received_at) r
   where r.at is distinct from l.replied_at
   order by l.id
      on conflict (org_id, lead_id) do update
         set replied_at = excluded.replied_at, replied_by = excluded.replied_by, reply_id = excluded.reply_id, working_seconds = excluded.working_seconds;
end;
$$;
comment on function private.settle_replies is
  'Works out anew who first answered those leads of a contact for which a message of that moment may matter: not those answered before it. Definer: nobody may write clocks.';

create function private.tg_messages__note_reply() returns trigger
  language plpgsql volatile security definer set search_path = ''
as $$
begin
  perform private.settle_replies(new.org_id, new.contact_id, new.at);
  return null;
end;
$$;
comment on function private.tg_messages__note_reply is 'A person''s message was taken by Meta, failed, or came to another contact: the clocks of the contact''s leads may stop, or go on.';
create trigger messages_note_reply_on_insert after insert on public.messages
  for each row when (new.origin in ('person', 'phone') and new.wamid is not null and new.imported_at is null) execute function private.tg_messages__note_reply();
create trigger messages_note_reply_on_update after update of wamid, status, contact_id on public.messages
  for each row when (new.origin in ('person', 'phone') and new.imported_at is null and new.wamid is not null
    and (old.wamid is null or (old.status = 'failed') <> (new.status = 'failed') or old.contact_id <> new.contact_id))
  execute function private.tg_messages__note_reply();

create function private.tg_leads__note_reply() returns trigger
  language plpgsql volatile security definer set search_path = ''
as $$
begin
  -- An enquiry that reaches Flow late may have been answered already.
  insert into public.lead_clocks as k (org_id, lead_id, replied_at, replied_by, reply_id, working_seconds)
  select n.org_id, n.id, r.at, r.sender_id, r.id, private.working_seconds(n.org_id, n.received_at, r.at)
    from (select x.* from new_leads x where exists (
            select from public.conversations c where c.contact_id between x.contact_id and x.contact_id and c.org_id = x.org_id
               and c.last_message_at >= x.received_at)) n
   cross join lateral private.first_reply(n.org_id, n.contact_id, n.received_at) r
   where r.at is not null
   order by n.org_id, n.id
      on conflict (org_id, lead_id) do update
         set replied_at = excluded.replied_at, replied_by = excluded.replied_by, reply_id = excluded.reply_id, working_seconds = excluded.working_seconds;
  return null;
end;
$$;
comment on function private.tg_leads__note_reply is 'New leads whose person was already written to since the enquiry. Definer: nobody may write clocks.';
create trigger leads_note_reply after insert on public.leads referencing new table as new_leads
  for each statement execute function private.tg_leads__note_reply();

create function private.tg_leads__note_reply_of_other() returns trigger
  language plpgsql volatile security definer set search_path = ''
as $$
begin
  perform private.settle_replies(new.org_id, new.contact_id, new.received_at);
  return null;
end;
$$;
comment on function private.tg_leads__note_reply_of_other is 'A lead whose contact turned out to be another person may have been answered there.';
create trigger leads_note_reply_of_other after update of contact_id on public.leads
  for each row when (old.contact_id <> new.contact_id) execute function private.tg_leads__note_reply_of_other();

-- Shown ----------------------------------------------------------------------------------------------------------------

create function private.seconds_between(from_at timestamptz, to_at timestamptz) returns bigint
  language sql immutable set search_path = ''
as $$ select case when to_at is not null then floor(extract(epoch from greatest(to_at - from_at, interval '0')))::bigint end $$;
comment on function private.seconds_between is 'Whole seconds from one instant to another, 0 when they are not in order; null while the second is not known.';

create function private.lead_clock(org_id uuid, lead_id uuid) returns jsonb
  language plpgsql stable security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_clock jsonb;
begin
  perform private.require_role(lead_clock.org_id, 'agent');
  select jsonb_build_object('lead_id', l.id, 'received_at', l.received_at, 'now', now(), 'greeted_at', k.greeted_at, 'replied_at', k.replied_at,
      'replied_by', k.replied_by, 'greeting_seconds', private.seconds_between(l.received_at, k.greeted_at),
      'reply_seconds', private.seconds_between(l.received_at, k.replied_at),
      'working_seconds', coalesce(k.working_seconds, private.working_seconds(l.org_id, l.received_at, now())),
      'is_running', k.replied_at is null and l.won_at is null and l.lost_at is null, 'is_open_now', private.is_working(l.org_id, null, now()),
      'next_opening', private.next_opening(l.org_id, null, now())) into v_clock
    from public.leads l left join public.lead_clocks k on k.org_id = l.org_id and k.lead_id = l.id
   where l.org_id = lead_clock.org_id and l.id = lead_clock.lead_id;
  if not found then
    raise sqlstate 'PT404' using message = 'There is no such lead.', detail = 'lead_not_found', hint = 'Reload the leads.';
  end if;
  return v_clock;
end;
$$;
comment on function private.lead_clock is 'Body of public.lead_clock. Definer: it reads working hours by key.';
create function public.lead_clock(org_id uuid, lead_id uuid) returns jsonb
  language sql stable set search_path = ''
begin atomic
  select private.lead_clock(org_id, lead_id);
end;
comment on function public.lead_clock is
  'How long a lead has waited, or did: {lead_id, received_at, now, greeted_at, replied_at, replied_by, greeting_seconds, reply_seconds, working_seconds (until the reply, or '
  'now), is_running: still unanswered and open, is_open_now, next_opening}; seconds are whole, null while it has not happened. Raises PT404.';

create function private.report_period(org_id uuid, from_day date, to_day date, out from_at timestamptz, out to_at timestamptz)
  language plpgsql stable security definer set search_path = ''
as $$
begin
  if from_day is null or to_day is null or from_day > to_day or from_day < '2000-01-01' or to_day > '2100-12-31' or to_day - from_day > 1100 then
    raise sqlstate 'PT422' using message = 'A period runs from a day to a day, three years at most.', detail = 'period_invalid', hint = 'Check both days.';
  end if;
  select from_day::timestamp at time zone o.time_zone, (to_day + 1)::timestamp at time zone o.time_zone into from_at, to_at
    from public.organizations o where o.id = report_period.org_id;
end;
$$;
comment on function private.report_period is 'The instants of a period of days, both included, in the organization''s time zone: until just before to_at. Raises PT422 period_invalid.';

create function private.speed_to_lead(org_id uuid, from_day date, to_day date, dimension text) returns jsonb
  language plpgsql stable security definer set search_path = '' set jit = off
as $$
#variable_conflict use_column
declare
  v_org    uuid := speed_to_lead.org_id;
  v_from   timestamptz;
  v_to     timestamptz;
  v_result jsonb;
begin
  perform private.require_role(v_org, 'agent');
  if dimension is null or dimension not in ('source', 'person') then
    raise sqlstate 'PT422' using message = 'By source or by person.', detail = 'dimension_unknown', hint = 'source or person.';
  end if;
  select p.from_at, p.to_at into v_from, v_to from private.report_period(v_org, from_day, to_day) p;
  with cohort as materialized (
    select case when dimension = 'source' then l.source_id else coalesce(k.replied_by, l.owner_id) end as key,
           private.seconds_between(l.received_at, k.greeted_at) as greeting,
           private.seconds_between(l.received_at, k.replied_at) as reply, k.working_seconds as working
      from public.leads l left join public.lead_clocks k on k.org_id = l.org_id and k.lead_id = l.id
     where l.org_id = v_org and l.received_at >= v_from and l.received_at < v_to
  ), sums as (
    select c.key, grouping(c.key) = 1 as is_total, count(*) as leads, count(c.greeting) as greeted, count(c.reply) as replied,
           percentile_disc(0.5) within group (order by c.greeting) as greeting_median, percentile_disc(0.9) within group (order by c.greeting) as greeting_p90,
           percentile_disc(0.5) within group (order by c.reply) as reply_median, percentile_disc(0.9) within group (order by c.reply) as reply_p90,
           percentile_disc(0.5) within group (order by c.working) as working_median, percentile_disc(0.9) within group (order by c.working) as working_p90
      from cohort c group by grouping sets ((c.key), ())
  ), shown as (
    select s.is_total, s.leads, s.key, jsonb_build_object('key', s.key, 'name', case when s.is_total then null when dimension = 'source' then
             (select x.name from public.lead_sources x where x.org_id = v_org and x.id = s.key)
             else (select coalesce(p.name, p.email) from public.profiles p where p.id = s.key) end,
             'leads', s.leads, 'greeted', s.greeted, 'replied', s.replied, 'greeting_median', s.greeting_median, 'greeting_p90', s.greeting_p90,
             'reply_median', s.reply_median, 'reply_p90', s.reply_p90, 'working_median', s.working_median, 'working_p90', s.working_p90) as row
      from sums s)
  select jsonb_build_object('from_day', from_day, 'to_day', to_day, 'dimension', dimension,
    'total', (select x.row - 'key' - 'name' from shown x where x.is_total),
    'rows', (select coalesce(jsonb_agg(x.row order by x.leads desc, x.key), '[]') from shown x where not x.is_total)) into v_result;
  return v_result;
end;
$$;
comment on function private.speed_to_lead is 'Body of public.speed_to_lead. Definer: it joins by key what row level security would look at row by row.';
create function public.speed_to_lead(org_id uuid, from_day date, to_day date, dimension text default 'source') returns jsonb
  language sql stable set search_path = ''
begin atomic
  select private.speed_to_lead(org_id, from_day, to_day, dimension);
end;
comment on function public.speed_to_lead is
  'How fast leads received in these days (both included) were answered, by source, or by person: who first replied, else who has the lead; key null: the phone, or nobody. '
  '{from_day, to_day, dimension, total, rows: [{key, name, leads, greeted, replied, and median and p90 in whole seconds: greeting_ (delivered), reply_ (a person), working_ '
  '(that within opening hours)}]}, most leads first; null where there are none. Raises PT404, PT422 dimension_unknown, period_invalid.';
grant execute on function private.lead_clock, public.lead_clock, private.speed_to_lead, public.speed_to_lead to authenticated;
