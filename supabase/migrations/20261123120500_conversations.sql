-- 500_conversations.sql: who writes to whom on WhatsApp, and what was said. The inbox is in 830_pages.sql.

------------------------------------------------------------------------------------------------
-- Identities and consent
------------------------------------------------------------------------------------------------
create table public.contact_identities (
  org_id     uuid not null,
  kind       text not null,
  value      text not null,
  contact_id uuid not null,
  changed_at timestamptz,
  created_at timestamptz not null default now(),
  primary key (org_id, kind, value),
  constraint identity_is_of_a_contact_of_its_organization foreign key (org_id, contact_id)
    references public.contacts (org_id, id) on delete cascade,
  constraint identity_kind_is_known check (kind in ('wa_id', 'user_id'))
);
comment on table public.contact_identities is
  'Every id under which WhatsApp has named a contact. Ids change (a new number, a new BSUID); old ones keep leading to the same person.';
comment on column public.contact_identities.org_id is 'The organization; Meta scopes BSUIDs to a business, so ids are never shared.';
comment on column public.contact_identities.kind is 'wa_id: phone number without plus. user_id: business-scoped user id (BSUID), for instance IN.4000….';
comment on column public.contact_identities.value is 'The id, verbatim.';
comment on column public.contact_identities.contact_id is 'The person.';
comment on column public.contact_identities.changed_at is 'When WhatsApp said that the person changed to this id; null: it was met in a message. The newest is current.';
comment on column public.contact_identities.created_at is 'When Flow first saw the id.';
create index contact_identities_contact on public.contact_identities (org_id, contact_id);
alter table public.contact_identities enable row level security;
create policy "Members see the identities of their contacts" on public.contact_identities
  for select to authenticated using (org_id = any (array(select private.my_org_ids())));
grant select on public.contact_identities to authenticated;

create table public.consent_events (
  org_id     uuid not null,
  id         bigint generated always as identity,
  contact_id uuid not null,
  at         timestamptz not null,
  decision   text not null,
  source     text not null,
  evidence   jsonb not null default '{}',
  source_ref text not null,
  created_at timestamptz not null default now(),
  primary key (org_id, id),
  constraint consent_event_is_of_a_contact_of_its_organization foreign key (org_id, contact_id)
    references public.contacts (org_id, id) on delete restrict,
  constraint consent_event_is_counted_once unique (org_id, source_ref),
  constraint consent_decision_is_known check (decision in ('opt_in', 'opt_out'))
);
comment on table public.consent_events is
  'Append-only: each time a person asked to stop, or to start again, and how we know. contacts.opted_out_at is its latest word.';
comment on column public.consent_events.org_id is 'The organization.';
comment on column public.consent_events.id is 'Running number.';
comment on column public.consent_events.contact_id is 'Who decided.';
comment on column public.consent_events.at is 'When they decided (Meta''s instant of the message).';
comment on column public.consent_events.decision is 'opt_out or opt_in.';
comment on column public.consent_events.source is 'How it reached us: inbound (a message), meta (an error code or preference), person (an employee).';
comment on column public.consent_events.evidence is 'The exact words, or the error.';
comment on column public.consent_events.source_ref is 'What makes the event unique, for instance the wamid; a repeat changes nothing.';
comment on column public.consent_events.created_at is 'When Flow stored it.';
create index consent_events_contact on public.consent_events (org_id, contact_id, at desc, id desc);
alter table public.consent_events enable row level security;
create policy "Members see the consent of their contacts" on public.consent_events
  for select to authenticated using (org_id = any (array(select private.my_org_ids())));
grant select on public.consent_events to authenticated;
create trigger consent_events_are_append_only before delete on public.consent_events
  for each row execute function private.forbid_change();
-- Only whose word it was may be corrected: two contacts may turn out to be one person (680_contact_merge.sql).
create trigger consent_events_are_never_changed before update on public.consent_events
  for each row when ((old.org_id, old.id, old.at, old.decision, old.source, old.evidence, old.source_ref, old.created_at)
    is distinct from (new.org_id, new.id, new.at, new.decision, new.source, new.evidence, new.source_ref, new.created_at))
  execute function private.forbid_change();
create trigger consent_events_are_never_truncated before truncate on public.consent_events
  for each statement execute function private.forbid_change();

create function private.settle_consent(org_id uuid, contact_id uuid) returns void
  language sql volatile security definer set search_path = ''
as $$
  -- In one and the same second, "stop" counts.
  update public.contacts c
     set opted_out_at = (select case when e.decision = 'opt_out' then e.at end from public.consent_events e
                          where e.org_id = c.org_id and e.contact_id = c.id order by e.at desc, e.decision desc limit 1)
   where c.org_id = settle_consent.org_id and c.id = settle_consent.contact_id
$$;
comment on function private.settle_consent is 'Sets contacts.opted_out_at from the latest word of the person.';

create function private.record_consent(org_id uuid, contact_id uuid, at timestamptz, decision text, source text,
                                       evidence jsonb, source_ref text) returns void
  language plpgsql volatile security definer set search_path = ''
as $$
begin
  -- Locked first: of two words at the same moment, the second transaction sees the first one's.
  perform from public.contacts c where c.org_id = record_consent.org_id and c.id = record_consent.contact_id for no key update;
  insert into public.consent_events (org_id, contact_id, at, decision, source, evidence, source_ref)
  values (record_consent.org_id, record_consent.contact_id, record_consent.at, record_consent.decision,
          record_consent.source, record_consent.evidence, record_consent.source_ref)
  on conflict on constraint consent_event_is_counted_once do nothing;
  perform private.settle_consent(record_consent.org_id, record_consent.contact_id);
end;
$$;
comment on function private.record_consent is
  'Appends a consent event (once per source_ref) and sets contacts.opted_out_at from the latest one, in whatever order they come.';

------------------------------------------------------------------------------------------------
-- Conversations
------------------------------------------------------------------------------------------------
create table public.conversations (
  org_id            uuid not null,
  id                uuid not null default gen_random_uuid(),
  number_id         uuid not null,
  contact_id        uuid not null,
  status            text not null default 'open',
  assignee_id       uuid,
  window_expires_at timestamptz,
  unread_count      int not null default 0,
  last_message_at   timestamptz not null default '-infinity',
  last_message_text text,
  created_at        timestamptz not null default now(),
  referral          jsonb,
  primary key (org_id, id),
  constraint conversation_is_unique_per_number_and_contact unique (org_id, number_id, contact_id),
  constraint conversation_is_on_a_number_of_its_organization foreign key (org_id, number_id)
    references public.whatsapp_numbers (org_id, id) on delete restrict,
  constraint conversation_is_with_a_contact_of_its_organization foreign key (org_id, contact_id)
    references public.contacts (org_id, id) on delete restrict,
  constraint conversation_assignee_is_a_member foreign key (org_id, assignee_id)
    references public.memberships (org_id, user_id) on delete set null (assignee_id),
  constraint conversation_status_is_known check (status in ('open', 'resolved')),
  constraint conversation_unread_is_not_negative check (unread_count >= 0)
) with (fillfactor = 80);
comment on table public.conversations is 'One thread for each number of the organization and each contact.';
comment on column public.conversations.org_id is 'The organization.';
comment on column public.conversations.id is 'The thread.';
comment on column public.conversations.number_id is 'The organization''s number.';
comment on column public.conversations.contact_id is 'The person.';
comment on column public.conversations.status is 'open or resolved; a new message opens it again.';
comment on column public.conversations.assignee_id is 'The member who answers; null: nobody yet.';
comment on column public.conversations.window_expires_at is
  'End of the 24-hour customer service window (the last message of the customer, by Meta''s clock, plus 24 hours); free-form messages go until then. Null: they never wrote.';
comment on column public.conversations.unread_count is 'Messages of the customer since somebody last read the thread.';
comment on column public.conversations.last_message_at is 'Time of the newest message; orders the inbox.';
comment on column public.conversations.last_message_text is 'Beginning of the newest message, for the inbox.';
comment on column public.conversations.created_at is 'When the thread began.';
comment on column public.conversations.referral is
  'The ads or posts that brought the person: {"first", "latest"}, each what Meta said of it with "at" and "wamid"; null: none did.';
create index conversations_inbox on public.conversations (org_id, status, last_message_at desc, id desc);
-- org_id second: an index that begins with it looks, on a young table without statistics, as good as the key itself.
create index conversations_contact on public.conversations (contact_id, org_id);
create index conversations_assignee on public.conversations (assignee_id, org_id);
alter table public.conversations enable row level security;
create policy "Members see their organization's conversations" on public.conversations
  for select to authenticated using (org_id = any (array(select private.my_org_ids())));
grant select on public.conversations to authenticated;

------------------------------------------------------------------------------------------------
-- Messages: the history and the outbox in one table
------------------------------------------------------------------------------------------------
create table public.messages (
  org_id          uuid not null,
  id              bigint generated always as identity,
  conversation_id uuid not null,
  contact_id      uuid not null,
  direction       text not null,
  kind            text not null,
  body            jsonb not null,
  text            text,
  status          text not null,
  wamid           text,
  context_wamid   text,
  client_token    uuid,
  origin          text not null,
  sender_id       uuid,
  at              timestamptz not null default now(),
  created_at      timestamptz not null default now(),
  sent_at         timestamptz,
  delivered_at    timestamptz,
  read_at         timestamptz,
  played_at       timestamptz,
  failed_at       timestamptz,
  error_code      int,
  error_message   text,
  pricing         jsonb,
  attempts        int not null default 0,
  settle_at       timestamptz,
  resent_at       timestamptz,
  needs_attention boolean not null default false,
  reactions       jsonb,
  edits           jsonb,
  revoked_at      timestamptz,
  imported_at     timestamptz,
  status_notes    jsonb,
  primary key (org_id, id),
  constraint message_is_in_a_conversation_of_its_organization foreign key (org_id, conversation_id)
    references public.conversations (org_id, id) on delete restrict,
  constraint message_is_of_a_contact_of_its_organization foreign key (org_id, contact_id)
    references public.contacts (org_id, id) on delete restrict,
  constraint message_direction_is_known check (direction in ('inbound', 'outbound')),
  constraint message_status_is_known check (status in
    ('received', 'queued', 'sending', 'uncertain', 'sent', 'delivered', 'read', 'failed', 'cancelled')),
  constraint message_is_received_when_inbound check ((direction = 'inbound') = (status = 'received')),
  constraint message_origin_is_known check (origin in ('customer', 'person', 'greeting', 'operator', 'phone', 'confirmation', 'broadcast', 'sequence', 'api'))
) with (fillfactor = 85);
comment on table public.messages is
  'Every message in both directions. Outbound rows are the outbox too: queued → sending → sent → delivered → read, or failed, '
  'cancelled, or uncertain (Meta''s answer was lost; a status webhook settles it).';
comment on column public.messages.org_id is 'The organization.';
comment on column public.messages.id is 'Running number; outbound messages of one conversation are sent in its order.';
comment on column public.messages.conversation_id is 'The thread.';
comment on column public.messages.contact_id is 'The person at the other end.';
comment on column public.messages.direction is 'inbound or outbound.';
comment on column public.messages.kind is 'Meta''s message type (text, template, image, …), as sent by Meta for inbound, known or not.';
comment on column public.messages.body is
  'Outbound: the content as Meta''s send API takes it, {"text": {…}}. Inbound: the whole message object as Meta sent it.';
comment on column public.messages.text is 'The words a person would read, for the thread and for search; null when there are none.';
comment on column public.messages.status is
  'received (inbound); queued, sending, uncertain, sent, delivered, read, failed, cancelled (outbound). Follows from the instants: never backwards.';
comment on column public.messages.wamid is 'Meta''s id of the message; null until Meta gave one.';
comment on column public.messages.context_wamid is 'The wamid of the message that this one answers; null: none.';
comment on column public.messages.client_token is 'The sender''s own id of the request: the same token twice is one message.';
comment on column public.messages.origin is 'customer, person (dashboard), greeting (automatic), operator (command line), phone (the business''s own phone), confirmation (of an opt-out), broadcast, sequence (both automatic), api (a program of the organization).';
comment on column public.messages.sender_id is 'The member who wrote it; null for automatic and inbound messages and for people who left. No foreign key: it outlives the membership.';
comment on column public.messages.at is 'Where the message stands in the thread: Meta''s instant for inbound, the moment of writing for outbound.';
comment on column public.messages.created_at is 'When the row was stored.';
comment on column public.messages.sent_at is 'Meta''s instant of the status sent.';
comment on column public.messages.delivered_at is 'Meta''s instant of the first status delivered.';
comment on column public.messages.read_at is 'Meta''s instant of the first status read (or played).';
comment on column public.messages.played_at is 'Meta''s instant of the first status played (voice messages).';
comment on column public.messages.failed_at is 'Meta''s instant of the status failed, or when Flow gave up.';
comment on column public.messages.error_code is 'Meta''s error code (private.meta_error_codes says what it means), 0 for a refusal of Flow''s own.';
comment on column public.messages.error_message is 'Why it failed or waits, in words.';
comment on column public.messages.pricing is 'The pricing objects that Meta sent, by status: {"sent": {…}, "delivered": {…}}.';
comment on column public.messages.attempts is 'How often Meta was asked to send it.';
comment on column public.messages.settle_at is 'While uncertain: when a decision falls due if no status webhook has come.';
comment on column public.messages.resent_at is 'When it was queued a second time because no trace of the first send came; once only.';
comment on column public.messages.needs_attention is 'True: uncertain for too long, a person must decide between sending again and giving up.';
comment on column public.messages.reactions is 'Reactions by who reacted: {"<wa_id or user_id>": {"emoji", "at", "wamid"}}; emoji null: taken back.';
comment on column public.messages.edits is 'Versions by the wamid of the edit: {"<wamid>": {"at", "message"}}; body keeps the original, text shows the newest.';
comment on column public.messages.revoked_at is 'When the sender deleted it for everyone.';
comment on column public.messages.imported_at is
  'When it was imported from the phone app''s history; null: it came live. Nothing automatic follows an import; its instants are all that of the message.';
comment on column public.messages.status_notes is
  'What Meta said beyond the status, by its word: {"failed": {"at", "errors"}, "deleted": {"at"}}, the earliest of each; null: nothing.';
create index messages_thread on public.messages (org_id, conversation_id, at desc, id desc);
create index messages_contact on public.messages (contact_id, org_id, at desc);
create unique index message_wamid_is_unique_in_organization on public.messages (org_id, wamid) where wamid is not null;
create unique index message_client_token_is_unique_in_organization on public.messages (org_id, client_token) where client_token is not null;
create index messages_outbox on public.messages (org_id, conversation_id, id) where status = 'queued';
create index messages_window_closed on public.messages (org_id, conversation_id, failed_at) where error_code = 131047;
create index messages_attention on public.messages (org_id, conversation_id) where needs_attention;
create index messages_to_settle on public.messages (settle_at) where settle_at is not null;

alter table public.messages enable row level security;
create policy "Members see their organization's messages" on public.messages
  for select to authenticated using (org_id = any (array(select private.my_org_ids())));
grant select on public.messages to authenticated;

create function private.close_window(org_id uuid, conversation_id uuid) returns void
  language sql volatile security definer set search_path = ''
as $$
  -- Worked out from all that is known, so that the order in which Meta tells it does not matter.
  update public.conversations c
     set window_expires_at = (
           select least(w.last_at + interval '24 hours',
                        (select min(m.failed_at) from public.messages m
                          where m.org_id = c.org_id and m.conversation_id = c.id and m.error_code = 131047 and m.failed_at > w.last_at))
             from (select max(i.at) as last_at from public.messages i
                    where i.org_id = c.org_id and i.conversation_id = c.id and i.direction = 'inbound') w)
   where c.org_id = close_window.org_id and c.id = close_window.conversation_id and c.window_expires_at is not null
$$;
comment on function private.close_window is
  'Ends the window of a conversation where Meta said so (131047), unless the customer has written since.';

create table private.parked_updates (
  org_id     uuid not null,
  wamid      text not null,
  digest     bytea not null,
  kind       text not null,
  item       jsonb not null,
  created_at timestamptz not null default now(),
  primary key (org_id, wamid, digest),
  constraint parked_update_is_of_an_organization foreign key (org_id) references public.organizations (id) on delete restrict,
  constraint parked_kind_is_known check (kind in ('status', 'change'))
);
comment on table private.parked_updates is
  'Statuses, reactions, edits and revokes whose message Flow does not know yet; applied when its wamid appears.';
comment on column private.parked_updates.org_id is 'The organization.';
comment on column private.parked_updates.wamid is 'The message that the update names.';
comment on column private.parked_updates.digest is 'SHA-256 of the item: a repeat is parked once.';
comment on column private.parked_updates.kind is 'status, or change (reaction, edit, revoke).';
comment on column private.parked_updates.item is 'The update as Meta sent it.';
comment on column private.parked_updates.created_at is 'When it was parked; swept after 30 days.';
alter table private.parked_updates enable row level security;

------------------------------------------------------------------------------------------------
-- Pages
------------------------------------------------------------------------------------------------
create function public.conversation_messages(org_id uuid, conversation_id uuid, page_size int default 30,
                                             before_at timestamptz default null, before_id bigint default null,
                                             after_at timestamptz default null, after_id bigint default null, around bigint default null)
  returns setof public.messages
  language plpgsql stable security invoker set search_path = '' set plan_cache_mode = 'force_generic_plan'
as $$
#variable_conflict use_column
declare
  -- No coalesce inside a query: under RLS the planner treats it as leaky and loses the index.
  v_at    timestamptz := coalesce(before_at, 'infinity');
  v_id    bigint := coalesce(before_id, 9223372036854775807);
  v_limit int := least(greatest(page_size, 1), 200);
begin
  if around is not null then
    select m.at, m.id into v_at, v_id from public.messages m
     where m.org_id = conversation_messages.org_id and m.id = conversation_messages.around
       and m.conversation_id = conversation_messages.conversation_id;
    if not found then
      return;
    end if;
    return query
    with newer as materialized (
      select m.* from public.messages m
       where m.org_id = conversation_messages.org_id and m.conversation_id = conversation_messages.conversation_id and (m.at, m.id) > (v_at, v_id)
       order by m.at, m.id limit v_limit / 2),
    older as materialized (
      select m.* from public.messages m
       where m.org_id = conversation_messages.org_id and m.conversation_id = conversation_messages.conversation_id and (m.at, m.id) <= (v_at, v_id)
       order by m.at desc, m.id desc limit v_limit - v_limit / 2)
    select * from newer union all select * from older order by at desc, id desc;
  elsif after_at is not null then
    v_id := coalesce(after_id, 9223372036854775807);
    return query
    with newer as materialized (
      select m.* from public.messages m
       where m.org_id = conversation_messages.org_id and m.conversation_id = conversation_messages.conversation_id
         and (m.at, m.id) > (conversation_messages.after_at, v_id)
       order by m.at, m.id limit v_limit)
    select * from newer order by at desc, id desc;
  else
    return query
    select m.* from public.messages m
     where m.org_id = conversation_messages.org_id and m.conversation_id = conversation_messages.conversation_id
       and (m.at, m.id) < (v_at, v_id)
     order by m.at desc, m.id desc
     limit v_limit;
  end if;
end;
$$;
comment on function public.conversation_messages is
  'One page of a thread, newest first, at most 200. The last row''s at and id as before_ ask for the page before it; the first row''s as after_ for the '
  'nearest page after it; around (a message id, for instance of a search result) gives that message with its neighbours, or nothing when it is not there.';
grant execute on function public.conversation_messages to authenticated;

create function private.mark_read(org_id uuid, conversation_id uuid) returns void
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_conversation public.conversations := private.lock_conversation(mark_read.org_id, mark_read.conversation_id);
begin
  perform private.signal_read(mark_read.org_id, mark_read.conversation_id);
  update public.conversations c set unread_count = 0
   where c.org_id = v_conversation.org_id and c.id = v_conversation.id and c.unread_count <> 0;
  insert into public.conversation_reads as r (org_id, conversation_id, user_id, read_to)
  values (v_conversation.org_id, v_conversation.id, auth.uid(), v_conversation.last_message_at)
  on conflict (org_id, conversation_id, user_id) do update set read_to = excluded.read_to, read_at = now()
   where r.read_to < excluded.read_to;
  update public.notifications n set read_at = now(), push_at = null
   where n.org_id = v_conversation.org_id and n.user_id = auth.uid() and n.key = 'message:' || v_conversation.id and n.read_at is null;
end;
$$;
comment on function private.mark_read is 'Body of public.mark_read. Definer: nobody may write these tables directly.';
create function public.mark_read(org_id uuid, conversation_id uuid) returns void
  language sql volatile set search_path = ''
begin atomic
  select private.mark_read(org_id, conversation_id);
end;
comment on function public.mark_read is 'The person who asks has read the conversation to its end: their own position moves there, and the team''s unread count is 0. Raises PT404.';
grant execute on function private.mark_read, public.mark_read to authenticated;

create function private.mark_unread(org_id uuid, conversation_id uuid) returns void
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_conversation public.conversations := private.lock_conversation(mark_unread.org_id, mark_unread.conversation_id);
begin
  update public.conversations c set unread_count = 1
   where c.org_id = v_conversation.org_id and c.id = v_conversation.id and c.unread_count = 0;
end;
$$;
comment on function private.mark_unread is 'Body of public.mark_unread. Definer: nobody may write this table directly.';
create function public.mark_unread(org_id uuid, conversation_id uuid) returns void
  language sql volatile set search_path = ''
begin atomic
  select private.mark_unread(org_id, conversation_id);
end;
comment on function public.mark_unread is 'Puts a conversation back among the unread ones of the team, with a count of 1; one that is unread stays as it is. Raises PT404.';
grant execute on function private.mark_unread, public.mark_unread to authenticated;
