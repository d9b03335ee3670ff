-- 670_scheduled.sql: messages that are to leave later: what a member wrote for tomorrow, greetings that wait for a delay or quiet hours.

create table public.scheduled_messages (
  org_id          uuid not null references public.organizations (id) on delete restrict,
  id              uuid not null default gen_random_uuid(),
  conversation_id uuid not null,
  spec            jsonb not null,
  text            text,
  send_at         timestamptz not null,
  origin          text not null,
  created_by      uuid,
  lead_id         uuid,
  rule_id         uuid,
  status          text not null default 'waiting',
  message_id      bigint,
  problem         text,
  client_token    uuid,
  created_at      timestamptz not null default now(),
  settled_at      timestamptz,
  primary key (org_id, id),
  constraint scheduled_is_in_a_conversation_of_its_organization foreign key (org_id, conversation_id)
    references public.conversations (org_id, id) on delete restrict,
  constraint scheduled_is_for_a_lead_of_its_organization foreign key (org_id, lead_id)
    references public.leads (org_id, id) on delete set null (lead_id),
  constraint scheduled_is_by_a_rule_of_its_organization foreign key (org_id, rule_id)
    references public.greeting_rules (org_id, id) on delete set null (rule_id),
  constraint scheduled_became_a_message_of_its_organization foreign key (org_id, message_id)
    references public.messages (org_id, id) on delete set null (message_id),
  constraint scheduled_status_is_known check (status in ('waiting', 'sent', 'cancelled', 'failed')),
  constraint scheduled_origin_is_known check (origin in ('person', 'greeting', 'operator')),
  constraint scheduled_is_settled_when_it_waits_no_more check ((status = 'waiting') = (settled_at is null))
);
comment on table public.scheduled_messages is
  'Messages that wait for their moment. When it comes each is looked at again and goes into the outbox, is cancelled or fails; exactly one of these, once.';
comment on column public.scheduled_messages.org_id is 'The organization.';
comment on column public.scheduled_messages.id is 'Flow''s id; the message that it becomes carries it as client_token.';
comment on column public.scheduled_messages.conversation_id is 'Where it will be sent.';
comment on column public.scheduled_messages.spec is 'The message as public.send_message takes it: {kind, …}.';
comment on column public.scheduled_messages.text is 'The words a person would read.';
comment on column public.scheduled_messages.send_at is 'Not before this.';
comment on column public.scheduled_messages.origin is 'person (dashboard), greeting (automatic) or operator.';
comment on column public.scheduled_messages.created_by is 'The member who scheduled it; null for greetings. No foreign key: it is sent though they leave.';
comment on column public.scheduled_messages.lead_id is 'Greetings: the lead that is greeted.';
comment on column public.scheduled_messages.rule_id is 'Greetings: the rule that wanted it; null when the rule is gone.';
comment on column public.scheduled_messages.status is 'waiting, sent (in the outbox: messages tells what became of it), cancelled or failed.';
comment on column public.scheduled_messages.message_id is 'The message that it became.';
comment on column public.scheduled_messages.problem is 'Why it was cancelled or failed, in words.';
comment on column public.scheduled_messages.client_token is 'The scheduler''s own id of the request: the same token twice is one scheduled message.';
comment on column public.scheduled_messages.created_at is 'When it was scheduled.';
comment on column public.scheduled_messages.settled_at is 'When it was sent, cancelled or failed; null while it waits.';
create index scheduled_messages_due on public.scheduled_messages (send_at, org_id, id) where status = 'waiting';
create index scheduled_messages_conversation on public.scheduled_messages (org_id, conversation_id, send_at);
create index scheduled_messages_lead on public.scheduled_messages (org_id, lead_id);
create index scheduled_messages_rule on public.scheduled_messages (org_id, rule_id);
create index scheduled_messages_message on public.scheduled_messages (org_id, message_id);
create unique index scheduled_client_token_is_unique_in_organization on public.scheduled_messages (org_id, client_token) where client_token is not null;
alter table public.scheduled_messages enable row level security;
create policy "Members see what their organization has scheduled" on public.scheduled_messages
  for select to authenticated using (org_id = any (array(select private.my_org_ids())));
grant select on public.scheduled_messages to authenticated;

------------------------------------------------------------------------------------------------
-- Scheduling
------------------------------------------------------------------------------------------------
create function private.schedule_message(org_id uuid, conversation_id uuid, spec jsonb, send_at timestamptz, origin text, sender_id uuid,
                                         client_token uuid default null, lead_id uuid default null, rule_id uuid default null,
                                         words text default null) returns uuid
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_id uuid;
begin
  insert into public.scheduled_messages (org_id, conversation_id, spec, text, send_at, origin, created_by, lead_id, rule_id, client_token)
  values (schedule_message.org_id, schedule_message.conversation_id, schedule_message.spec, schedule_message.words, schedule_message.send_at,
          schedule_message.origin, schedule_message.sender_id, schedule_message.lead_id, schedule_message.rule_id, schedule_message.client_token)
  on conflict (org_id, client_token) where client_token is not null do nothing
  returning id into v_id;
  if v_id is null then
    select s.id into v_id from public.scheduled_messages s
     where s.org_id = schedule_message.org_id and s.client_token = schedule_message.client_token;
  end if;
  return v_id;
end;
$$;
comment on function private.schedule_message is
  'Stores a message to be sent later and returns its id; the same client_token again returns the same id. Checks nothing: callers do.';

create function private.require_send_at(send_at timestamptz) returns void
  language plpgsql stable set search_path = ''
as $$
begin
  if send_at is null or send_at <= now() then
    raise sqlstate 'PT422' using message = 'The time to send at is not in the future', detail = 'send_at_passed', hint = 'Choose a later time.';
  elsif send_at > now() + interval '90 days' then
    raise sqlstate 'PT422' using message = 'Messages are scheduled for 90 days ahead at most', detail = 'send_at_too_far', hint = 'Choose an earlier time.';
  end if;
end;
$$;
comment on function private.require_send_at is 'Raises PT422 send_at_passed or send_at_too_far unless the instant lies in the coming 90 days.';

create function private.schedule_my_message(org_id uuid, conversation_id uuid, message jsonb, send_at timestamptz, client_token uuid) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_conversation public.conversations;
  v_message      jsonb;
  v_id           uuid;
begin
  perform private.require_conversation(schedule_my_message.org_id, schedule_my_message.conversation_id);
  if schedule_my_message.client_token is not null then
    select s.id into v_id from public.scheduled_messages s
     where s.org_id = schedule_my_message.org_id and s.client_token = schedule_my_message.client_token;
  end if;
  select c.* into v_conversation from public.conversations c
   where c.org_id = schedule_my_message.org_id and c.id = schedule_my_message.conversation_id;
  if v_id is null then
    perform private.require_send_at(schedule_my_message.send_at);
    if not exists (select from public.whatsapp_numbers n
                    where n.org_id = v_conversation.org_id and n.id = v_conversation.number_id and n.status <> 'disconnected') then
      raise sqlstate 'PT409' using message = 'The number of this conversation is not connected', detail = 'number_not_connected',
        hint = 'Connect the number again to answer.';
    end if;
    v_message := private.compose_message(v_conversation.org_id, v_conversation.number_id, v_conversation.contact_id, schedule_my_message.message);
    v_id := private.schedule_message(v_conversation.org_id, v_conversation.id, schedule_my_message.message, schedule_my_message.send_at,
      'person', (select auth.uid()), schedule_my_message.client_token, words => v_message ->> 'text');
  end if;
  return (select jsonb_build_object('scheduled_id', s.id, 'send_at', s.send_at, 'status', s.status,
            'needs_answer', s.status = 'waiting' and s.spec ->> 'kind' is distinct from 'template'
                            and coalesce(v_conversation.window_expires_at, '-infinity') <= s.send_at)
            from public.scheduled_messages s where s.org_id = schedule_my_message.org_id and s.id = v_id);
end;
$$;
comment on function private.schedule_my_message is 'public.schedule_message behind its door.';
create function public.schedule_message(org_id uuid, conversation_id uuid, message jsonb, send_at timestamptz, client_token uuid default null)
  returns jsonb language sql volatile set search_path = ''
begin atomic
  select private.schedule_my_message(org_id, conversation_id, message, send_at, client_token);
end;
comment on function public.schedule_message is
  'Schedules a message, as public.send_message takes it, for a moment in the coming 90 days; it is checked now and again then. Returns {scheduled_id, '
  'send_at, status, needs_answer: the 24-hour window will be closed unless they write}. Raises PT404 conversation_unknown, PT409 number_not_connected, PT422.';
grant execute on function private.schedule_my_message, public.schedule_message to authenticated;

create function private.waiting_message(org_id uuid, scheduled_id uuid) returns public.scheduled_messages
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_waiting public.scheduled_messages;
begin
  perform private.require_role(waiting_message.org_id, 'agent');
  select s.* into v_waiting from public.scheduled_messages s
   where s.org_id = waiting_message.org_id and s.id = waiting_message.scheduled_id for update;
  if not found then
    raise sqlstate 'PT404' using message = 'There is no such scheduled message', detail = 'scheduled_unknown', hint = 'Reload the conversation.';
  elsif v_waiting.status <> 'waiting' then
    raise sqlstate 'PT409' using message = format('The message does not wait any more: it is %s', v_waiting.status), detail = 'scheduled_settled',
      hint = 'Reload the conversation.';
  end if;
  return v_waiting;
end;
$$;
comment on function private.waiting_message is 'A scheduled message of the member''s organization that still waits, locked. Raises PT404 scheduled_unknown, PT409 scheduled_settled.';

create function private.cancel_scheduled(org_id uuid, scheduled_id uuid) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_waiting public.scheduled_messages := private.waiting_message(cancel_scheduled.org_id, cancel_scheduled.scheduled_id);
begin
  perform private.settle_scheduled(v_waiting, 'cancelled', 'A member cancelled it');
  return jsonb_build_object('scheduled_id', v_waiting.id, 'status', 'cancelled');
end;
$$;
comment on function private.cancel_scheduled is 'public.cancel_scheduled behind its door.';
create function public.cancel_scheduled(org_id uuid, scheduled_id uuid) returns jsonb
  language sql volatile set search_path = ''
begin atomic
  select private.cancel_scheduled(org_id, scheduled_id);
end;
comment on function public.cancel_scheduled is
  'Cancels a message that still waits for its moment. Any member. Returns {scheduled_id, status}. Raises PT404 scheduled_unknown, PT409 scheduled_settled.';

create function private.reschedule(org_id uuid, scheduled_id uuid, send_at timestamptz) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_waiting public.scheduled_messages := private.waiting_message(reschedule.org_id, reschedule.scheduled_id);
begin
  perform private.require_send_at(reschedule.send_at);
  update public.scheduled_messages s set send_at = reschedule.send_at where s.org_id = v_waiting.org_id and s.id = v_waiting.id;
  return jsonb_build_object('scheduled_id', v_waiting.id, 'send_at', reschedule.send_at, 'status', 'waiting');
end;
$$;
comment on function private.reschedule is 'public.reschedule behind its door.';
create function public.reschedule(org_id uuid, scheduled_id uuid, send_at timestamptz) returns jsonb
  language sql volatile set search_path = ''
begin atomic
  select private.reschedule(org_id, scheduled_id, send_at);
end;
comment on function public.reschedule is
  'Gives a message that still waits another moment, in the coming 90 days. Any member. Returns {scheduled_id, send_at, status}. Raises PT404, PT409 scheduled_settled, PT422.';
grant execute on function private.cancel_scheduled, public.cancel_scheduled, private.reschedule, public.reschedule to authenticated;

------------------------------------------------------------------------------------------------
-- Release
------------------------------------------------------------------------------------------------
create function private.settle_scheduled(scheduled public.scheduled_messages, status text, problem text, message_id bigint default null) returns void
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
begin
  update public.scheduled_messages s
     set status = settle_scheduled.status, problem = settle_scheduled.problem, message_id = settle_scheduled.message_id, settled_at = now()
   where s.org_id = (scheduled).org_id and s.id = (scheduled).id;
  if (scheduled).lead_id is not null then
    insert into public.lead_activities (org_id, lead_id, actor, kind, details)
    values ((scheduled).org_id, (scheduled).lead_id, auth.uid(), case settle_scheduled.status when 'sent' then 'greeting_queued' else 'greeting_skipped' end,
            case settle_scheduled.status when 'sent' then jsonb_build_object('message_id', settle_scheduled.message_id)
                                         else jsonb_build_object('reason', settle_scheduled.problem) end);
  end if;
end;
$$;
comment on function private.settle_scheduled is 'Ends the wait of a scheduled message that the caller has locked, and notes it in the timeline of the lead that it greets.';

create function private.scheduled_obstacle(scheduled public.scheduled_messages, contact public.contacts) returns text
  language plpgsql stable security definer set search_path = ''
as $$
declare
  v_rule public.greeting_rules;
  v_asked boolean;
begin
  if not exists (select from public.organizations o where o.id = (scheduled).org_id and o.deleted_at is null) then
    return 'The organization was deleted';
  elsif (scheduled).origin <> 'greeting' then
    -- Who schedules a message to somebody who has opted out knows it; who opts out afterwards is left alone.
    return case when (contact).opted_out_at >= date_trunc('second', (scheduled).created_at) then 'They asked not to receive messages' end;
  elsif (contact).opted_out_at is not null then
    return 'They asked not to receive messages';
  end if;
  select r.* into v_rule from public.greeting_rules r where r.org_id = (scheduled).org_id and r.id = (scheduled).rule_id;
  select l.greet_requested into v_asked from public.leads l where l.org_id = (scheduled).org_id and l.id = (scheduled).lead_id;
  if not coalesce(v_rule.is_on, false) then
    return 'The greeting was switched off';
  elsif v_rule.paused_at is not null then
    return 'The greeting is paused: ' || v_rule.paused_reason;
  elsif v_asked is not true and not exists (select from public.greeting_settings g where g.org_id = (scheduled).org_id and g.is_on) then
    return 'The greeting was switched off';
  end if;
  -- The newest first: Meta's instants are whole seconds.
  return (select case when m.direction = 'inbound' then 'They have written meanwhile' else 'Somebody has written to them meanwhile' end
            from public.messages m
           where m.contact_id = (contact).id and m.org_id = (scheduled).org_id and m.at >= date_trunc('second', (scheduled).created_at)
             and m.origin not in ('greeting', 'broadcast', 'sequence') and m.status <> 'cancelled'
           order by m.at desc limit 1);
end;
$$;
comment on function private.scheduled_obstacle is
  'Why a scheduled message is not to be sent any more, in words; null: it is. Greetings give way to whatever was said since, to a rule or setting switched off and to a pause.';

create function private.release_one(org_id uuid, scheduled_id uuid) returns boolean
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_contact   public.contacts;
  v_scheduled public.scheduled_messages;
  v_at        timestamptz;
  v_problem   text;
  v_id        bigint;
  v_state     text;
  v_words     text;
begin
  -- Contact first, as everywhere. Nobody is waited for: what is busy comes again in two seconds.
  select p.* into v_contact from public.contacts p
   where p.org_id = release_one.org_id and p.id = (
           select c.contact_id from public.scheduled_messages s
             join public.conversations c on (c.org_id, c.id) = (s.org_id, s.conversation_id)
            where s.org_id = release_one.org_id and s.id = release_one.scheduled_id)
     for no key update skip locked;
  if not found then
    return false;
  end if;
  select s.* into v_scheduled from public.scheduled_messages s
   where s.org_id = release_one.org_id and s.id = release_one.scheduled_id and s.status = 'waiting' and s.send_at <= now()
     for update skip locked;
  if not found or not exists (select from public.conversations c where c.org_id = v_scheduled.org_id and c.id = v_scheduled.conversation_id
                                and c.contact_id = v_contact.id)
     or not private.hold_lane(v_scheduled.org_id, v_scheduled.conversation_id) then
    return false;
  end if;
  begin
    v_problem := private.scheduled_obstacle(v_scheduled, v_contact);
    if v_problem is null and v_scheduled.origin = 'greeting' then
      v_at := private.after_quiet_hours(v_scheduled.org_id, now());
      if v_at > now() then          -- it comes late, or quiet hours were set meanwhile
        update public.scheduled_messages s set send_at = v_at where s.org_id = v_scheduled.org_id and s.id = v_scheduled.id;
        return false;
      end if;
    end if;
    if v_problem is null then
      v_id := private.send_spec(v_scheduled.org_id, v_scheduled.conversation_id, v_scheduled.spec, v_scheduled.origin, v_scheduled.created_by,
                                v_scheduled.id);
      perform private.settle_scheduled(v_scheduled, 'sent', null, v_id);
      return true;
    end if;
    v_state := 'cancelled';
  exception when others then
    get stacked diagnostics v_state = returned_sqlstate, v_words = message_text;
    if v_state ~ '^(40|53|55|57|58)' then
      return false;                -- the moment's fault: it waits on
    end if;
    v_problem := case when v_state ~ '^PT4' then v_words else format('It could not be sent (%s)', v_state) end;
    v_state := case when v_state = 'PT409' and v_scheduled.origin = 'greeting' then 'cancelled' else 'failed' end;
  end;
  if v_scheduled.origin = 'greeting' then
    -- Nothing went out, so the next lead of this person is greeted.
    update public.contacts c set greeted_at = null
     where c.org_id = v_contact.org_id and c.id = v_contact.id and c.greeted_at = v_scheduled.created_at;
  end if;
  perform private.settle_scheduled(v_scheduled, v_state, v_problem);
  return true;
end;
$$;
comment on function private.release_one is
  'Sends, cancels or fails one scheduled message whose moment has come; returns whether it did. What somebody else holds is left for the next time.';

create function private.release_scheduled(batch int default 100) returns int
  language plpgsql volatile security definer set search_path = '' set lock_timeout = '2s'
as $$
declare
  v_due      record;
  v_released int := 0;
begin
  for v_due in
    select s.org_id, s.id from public.scheduled_messages s
     where s.status = 'waiting' and s.send_at <= now() order by s.send_at, s.org_id, s.id limit release_scheduled.batch
  loop
    v_released := v_released + private.release_one(v_due.org_id, v_due.id)::int;
  end loop;
  return v_released;
end;
$$;
comment on function private.release_scheduled is
  'Every two seconds: whatever is due goes out, is cancelled or fails, each by itself; any number of these may run at once. Returns how many were settled.';

create function private.cancel_greetings(org_id uuid, rule_id uuid, reason text) returns int
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_count int := 0;
  v_waiting public.scheduled_messages;
begin
  perform from public.contacts p
   where p.org_id = cancel_greetings.org_id and p.id in (
           select c.contact_id from public.scheduled_messages s
             join public.conversations c on (c.org_id, c.id) = (s.org_id, s.conversation_id)
            where s.org_id = cancel_greetings.org_id and s.origin = 'greeting' and s.status = 'waiting'
              and (cancel_greetings.rule_id is null or s.rule_id = cancel_greetings.rule_id))
   order by p.id for no key update;
  for v_waiting in
    select s.* from public.scheduled_messages s
     where s.org_id = cancel_greetings.org_id and s.origin = 'greeting' and s.status = 'waiting'
       and (cancel_greetings.rule_id is null or s.rule_id = cancel_greetings.rule_id)
       and (cancel_greetings.rule_id is not null
            or not exists (select from public.leads l where (l.org_id, l.id) = (s.org_id, s.lead_id) and l.greet_requested))
     order by s.id for update
  loop
    update public.contacts p set greeted_at = null
      from public.conversations c
     where (c.org_id, c.id) = (v_waiting.org_id, v_waiting.conversation_id) and (p.org_id, p.id) = (c.org_id, c.contact_id)
       and p.greeted_at = v_waiting.created_at;
    perform private.settle_scheduled(v_waiting, 'cancelled', cancel_greetings.reason);
    v_count := v_count + 1;
  end loop;
  return v_count;
end;
$$;
comment on function private.cancel_greetings is
  'Cancels the waiting greetings of an organization (of one rule, or with null of all that nobody asked for by hand), with the reason in words. Returns how many.';
