-- 600_outbox.sql: what waits to leave. One lane a conversation keeps its order, one bucket a number keeps its speed.

------------------------------------------------------------------------------------------------
-- Lanes
------------------------------------------------------------------------------------------------
create table private.number_lanes (
  org_id        uuid not null,
  number_id     uuid not null,
  tokens        numeric(12, 3) not null,
  refilled_at   timestamptz not null default now(),
  blocked_until timestamptz not null default '-infinity',
  primary key (org_id, number_id),
  constraint number_lane_is_of_a_number foreign key (org_id, number_id)
    references public.whatsapp_numbers (org_id, id) on delete cascade
) with (fillfactor = 50);
comment on table private.number_lanes is 'Token bucket of each number: a tenth of its messages per second in store, refilled at nine tenths.';
comment on column private.number_lanes.org_id is 'The organization.';
comment on column private.number_lanes.number_id is 'The number.';
comment on column private.number_lanes.tokens is 'Messages that might have been claimed at refilled_at.';
comment on column private.number_lanes.refilled_at is 'When tokens was last counted; also who was served last.';
comment on column private.number_lanes.blocked_until is 'Meta asked the whole number to wait until then.';
alter table private.number_lanes enable row level security;

create table private.send_lanes (
  org_id           uuid not null,
  conversation_id  uuid not null,
  number_id        uuid not null,
  next_at          timestamptz,
  lease            uuid,
  late_lease       uuid,
  message_id       bigint,
  pair_tokens      numeric(8, 3) not null default 45,
  pair_refilled_at timestamptz not null default now(),
  is_held          boolean not null default false,
  primary key (org_id, conversation_id),
  constraint lane_is_of_a_conversation foreign key (org_id, conversation_id)
    references public.conversations (org_id, id) on delete cascade,
  constraint lane_is_of_a_number foreign key (org_id, number_id)
    references public.whatsapp_numbers (org_id, id) on delete cascade
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 500);
comment on table private.send_lanes is
  'One lane for each conversation that ever sent: at most one message of it is under way. Locked before its messages, always.';
comment on column private.send_lanes.org_id is 'The organization.';
comment on column private.send_lanes.conversation_id is 'The conversation.';
comment on column private.send_lanes.number_id is 'The number that sends.';
comment on column private.send_lanes.next_at is 'When the next queued message is due; while leased, when the lease expires; null: nothing to send.';
comment on column private.send_lanes.lease is 'Set while a dispatcher holds the lane; its results are known by it.';
comment on column private.send_lanes.late_lease is 'The lease that ran out over message_id: a refusal that comes late is still believed.';
comment on column private.send_lanes.message_id is 'The message under way, or the uncertain one that holds the lane for a minute. No foreign key: the lane is freed by the message''s own result.';
comment on column private.send_lanes.pair_tokens is 'Bucket of Meta''s pair limit: 45 at once, then one message in 6 seconds to one person.';
comment on column private.send_lanes.pair_refilled_at is 'When pair_tokens was last counted.';
comment on column private.send_lanes.is_held is
  'Waits for Meta''s messaging limit until next_at; the person''s own message, or a higher limit, ends that early.';
create index send_lanes_due on private.send_lanes (org_id, number_id, next_at);
create index send_lanes_leased on private.send_lanes (next_at) where lease is not null;
create index send_lanes_held on private.send_lanes (org_id, conversation_id) where is_held;
alter table private.send_lanes enable row level security;

------------------------------------------------------------------------------------------------
-- Into the outbox
------------------------------------------------------------------------------------------------
create function private.open_conversation(org_id uuid, number_id uuid, contact_id uuid) returns uuid
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_id uuid;
begin
  loop
    select c.id into v_id from public.conversations c
     where c.org_id = open_conversation.org_id and c.number_id = open_conversation.number_id
       and c.contact_id = open_conversation.contact_id;
    exit when found;
    insert into public.conversations (org_id, number_id, contact_id)
    values (open_conversation.org_id, open_conversation.number_id, open_conversation.contact_id)
    on conflict on constraint conversation_is_unique_per_number_and_contact do nothing
    returning id into v_id;
    exit when found;
  end loop;
  return v_id;
end;
$$;
comment on function private.open_conversation is 'The conversation of a number with a contact, made when there is none.';

create function private.hold_lane(org_id uuid, conversation_id uuid) returns boolean
  language plpgsql volatile security definer set search_path = ''
as $$
begin
  perform from private.send_lanes l where l.org_id = hold_lane.org_id and l.conversation_id = hold_lane.conversation_id for update skip locked;
  return found or not exists (select from private.send_lanes l where l.org_id = hold_lane.org_id and l.conversation_id = hold_lane.conversation_id);
end;
$$;
comment on function private.hold_lane is
  'Locks the lane of a conversation without waiting, for what takes many in no order: who waits for nobody is in no deadlock. Returns false '
  'when somebody else has it; a conversation without a lane is nobody''s.';

create function private.has_queued(org_id uuid, conversation_id uuid) returns boolean
  language plpgsql stable security definer set search_path = ''
as $$
begin
  -- As in worker.claim_messages: the order makes sure of the index.
  perform from public.messages q
   where q.org_id = has_queued.org_id and q.conversation_id between has_queued.conversation_id and has_queued.conversation_id
     and q.status = 'queued'
   order by q.conversation_id, q.id limit 1;
  return found;
end;
$$;
comment on function private.has_queued is 'Whether a message of the conversation waits to be sent.';

create function private.enqueue_message(org_id uuid, number_id uuid, contact_id uuid, message jsonb, origin text,
                                        sender_id uuid default null, client_token uuid default null) returns bigint
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_conversation uuid;
  v_id bigint;
begin
  perform private.require_sending(enqueue_message.org_id, enqueue_message.origin);
  -- Contacts before lanes, as everywhere: somebody may be making this one and another one.
  perform from public.contacts c where c.org_id = enqueue_message.org_id and c.id = enqueue_message.contact_id for key share;
  if not found then
    raise sqlstate 'PT409' using message = 'This contact has just become one with another', detail = 'contact_merged', hint = 'Reload the page.';
  end if;
  perform private.refuse_erasing(enqueue_message.org_id, array[enqueue_message.contact_id]);
  v_conversation := private.open_conversation(enqueue_message.org_id, enqueue_message.number_id, enqueue_message.contact_id);
  if (message ->> 'needs_phone')::boolean then
    perform private.require_phone(enqueue_message.org_id, enqueue_message.contact_id);
  end if;
  -- The lane is locked before the id is drawn, so ids follow the order of commits in a conversation.
  insert into private.send_lanes as l (org_id, conversation_id, number_id, next_at)
  values (enqueue_message.org_id, v_conversation, enqueue_message.number_id, now())
  on conflict (org_id, conversation_id) do update set next_at = coalesce(l.next_at, now());
  if enqueue_message.client_token is not null then
    select m.id into v_id from public.messages m
     where m.org_id = enqueue_message.org_id and m.client_token = enqueue_message.client_token;
    if found then
      return v_id;
    end if;
  end if;
  insert into public.messages (org_id, conversation_id, contact_id, direction, kind, body, text, status, origin, sender_id,
                               client_token, context_wamid)
  values (enqueue_message.org_id, v_conversation, enqueue_message.contact_id, 'outbound', message ->> 'kind', message -> 'body',
          message ->> 'text', 'queued', enqueue_message.origin, enqueue_message.sender_id, enqueue_message.client_token,
          message ->> 'context_wamid')
  returning id into v_id;
  update public.conversations c
     set last_message_at = greatest(c.last_message_at, now()), last_message_text = left(message ->> 'text', 160)
   where c.org_id = enqueue_message.org_id and c.id = v_conversation;
  return v_id;
end;
$$;
comment on function private.enqueue_message is
  'Queues one message {kind, body, text, context_wamid?} to a contact and returns its id; the same client_token again returns the same id. Callers check; only a template that needs_phone is refused here (PT422 recipient_needs_phone), a contact that has just been merged away (PT409 contact_merged), and one that is erased or about to be.';
