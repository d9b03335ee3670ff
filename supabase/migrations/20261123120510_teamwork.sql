-- 510_teamwork.sql: several people, one inbox: who answers, what is done, labels, notes among themselves, who has read what.

------------------------------------------------------------------------------------------------
-- What happened to a conversation
------------------------------------------------------------------------------------------------
create table public.conversation_events (
  org_id          uuid not null,
  id              bigint generated always as identity,
  conversation_id uuid not null,
  at              timestamptz not null default clock_timestamp(),
  actor           uuid,
  kind            text not null,
  details         jsonb not null default '{}',
  primary key (org_id, id),
  constraint conversation_event_is_of_a_conversation_of_its_organization foreign key (org_id, conversation_id)
    references public.conversations (org_id, id) on delete restrict,
  constraint conversation_event_kind_is_known check (kind in ('assigned', 'resolved', 'reopened', 'labelled', 'unlabelled', 'merged')),
  constraint conversation_event_details_is_an_object check (jsonb_typeof(details) = 'object')
);
comment on table public.conversation_events is 'Append-only: what people, and new messages, did to a conversation; shown between its messages.';
comment on column public.conversation_events.org_id is 'The organization.';
comment on column public.conversation_events.id is 'Running number; ties of `at` are ordered by it.';
comment on column public.conversation_events.conversation_id is 'The thread.';
comment on column public.conversation_events.at is 'When it happened; of two who waited for each other, the later is later.';
comment on column public.conversation_events.actor is 'The member who did it; null: Flow itself, for instance because the customer wrote. No foreign key: it outlives the membership.';
comment on column public.conversation_events.kind is 'assigned, resolved, reopened, labelled, unlabelled, merged.';
comment on column public.conversation_events.details is 'assigned: {from, to} members or null; labelled, unlabelled: {label_id, name}; merged: {merged}.';
create index conversation_events_timeline on public.conversation_events (org_id, conversation_id, at desc, id desc);
alter table public.conversation_events enable row level security;
create policy "Members see what happened to their conversations" on public.conversation_events
  for select to authenticated using (org_id = any (array(select private.my_org_ids())));
grant select on public.conversation_events to authenticated;
create trigger conversation_events_are_append_only before delete on public.conversation_events
  for each row execute function private.forbid_change();
-- Only the thread may change: two contacts may turn out to be one person (680_contact_merge.sql).
create trigger conversation_events_are_never_changed before update on public.conversation_events
  for each row when ((old.org_id, old.id, old.at, old.actor, old.kind, old.details)
    is distinct from (new.org_id, new.id, new.at, new.actor, new.kind, new.details))
  execute function private.forbid_change();
create trigger conversation_events_are_never_truncated before truncate on public.conversation_events
  for each statement execute function private.forbid_change();

create function private.tg_conversations__note_event() returns trigger
  language plpgsql volatile security definer set search_path = ''
as $$
begin
  if new.status is distinct from old.status then
    insert into public.conversation_events (org_id, conversation_id, actor, kind)
    values (new.org_id, new.id, auth.uid(), case new.status when 'resolved' then 'resolved' else 'reopened' end);
  end if;
  if new.assignee_id is distinct from old.assignee_id then
    insert into public.conversation_events (org_id, conversation_id, actor, kind, details)
    values (new.org_id, new.id, auth.uid(), 'assigned', jsonb_build_object('from', old.assignee_id, 'to', new.assignee_id));
  end if;
  return null;
end;
$$;
comment on function private.tg_conversations__note_event is
  'Every change of status or assignee is an event, whoever made it: a person, a new message, or a member who left. Definer: nobody may write events directly.';
create trigger conversations_note_event after update of status, assignee_id on public.conversations
  for each row when (old.status is distinct from new.status or old.assignee_id is distinct from new.assignee_id)
  execute function private.tg_conversations__note_event();

create function private.lock_conversation(org_id uuid, conversation_id uuid) returns public.conversations
  language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_conversation public.conversations;
begin
  perform private.require_role(lock_conversation.org_id, 'agent');
  select c.* into v_conversation from public.conversations c
   where c.org_id = lock_conversation.org_id and c.id = lock_conversation.conversation_id for no key update;
  if not found then
    raise sqlstate 'PT404' using message = 'There is no such conversation', detail = 'conversation_unknown', hint = 'Reload the inbox.';
  end if;
  return v_conversation;
end;
$$;
comment on function private.lock_conversation is
  'The conversation, for a member who is about to change something about it; until the transaction ends nobody else does. Raises PT401, PT404.';

------------------------------------------------------------------------------------------------
-- Who answers, and whether it is done
------------------------------------------------------------------------------------------------
create function private.assign_conversation(org_id uuid, conversation_id uuid, assignee_id uuid) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_conversation public.conversations := private.lock_conversation(assign_conversation.org_id, assign_conversation.conversation_id);
begin
  if assign_conversation.assignee_id is not null then
    perform from public.memberships m
     where m.org_id = assign_conversation.org_id and m.user_id = assign_conversation.assignee_id for key share;
    if not found then
      raise sqlstate 'PT422' using message = 'A conversation belongs to a member of the organization', detail = 'not_a_member',
        hint = 'Choose somebody of the team.';
    end if;
  end if;
  update public.conversations c set assignee_id = assign_conversation.assignee_id
   where c.org_id = v_conversation.org_id and c.id = v_conversation.id and c.assignee_id is distinct from assign_conversation.assignee_id;
  return jsonb_build_object('conversation_id', v_conversation.id, 'assignee_id', assign_conversation.assignee_id, 'was', v_conversation.assignee_id);
end;
$$;
comment on function private.assign_conversation is 'Body of public.assign_conversation. Definer: nobody may write conversations directly.';
create function public.assign_conversation(org_id uuid, conversation_id uuid, assignee_id uuid default null) returns jsonb
  language sql volatile set search_path = ''
begin atomic
  select private.assign_conversation(org_id, conversation_id, assignee_id);
end;
comment on function public.assign_conversation is
  'Gives a conversation to a member, or with null to nobody; of two at once the later counts, and both are events. Returns '
  '{conversation_id, assignee_id, was}. Raises PT404, PT422 not_a_member.';
grant execute on function private.assign_conversation, public.assign_conversation to authenticated;

create function private.set_conversation_status(org_id uuid, conversation_id uuid, status text) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_conversation public.conversations := private.lock_conversation(set_conversation_status.org_id, set_conversation_status.conversation_id);
begin
  update public.conversations c set status = set_conversation_status.status
   where c.org_id = v_conversation.org_id and c.id = v_conversation.id and c.status <> set_conversation_status.status;
  return jsonb_build_object('conversation_id', v_conversation.id, 'status', set_conversation_status.status, 'was', v_conversation.status);
end;
$$;
comment on function private.set_conversation_status is 'Body of public.resolve_conversation and public.reopen_conversation.';

create function private.resolve_conversation(org_id uuid, conversation_id uuid) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
begin
  return private.set_conversation_status(resolve_conversation.org_id, resolve_conversation.conversation_id, 'resolved');
end;
$$;
comment on function private.resolve_conversation is 'Body of public.resolve_conversation. Definer: nobody may write conversations directly.';
create function public.resolve_conversation(org_id uuid, conversation_id uuid) returns jsonb
  language sql volatile set search_path = ''
begin atomic
  select private.resolve_conversation(org_id, conversation_id);
end;
comment on function public.resolve_conversation is
  'Puts a conversation away; it keeps its assignee, and the customer''s next message opens it again. Returns {conversation_id, status, was}. Raises PT404.';
grant execute on function private.resolve_conversation, public.resolve_conversation to authenticated;

create function private.reopen_conversation(org_id uuid, conversation_id uuid) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
begin
  return private.set_conversation_status(reopen_conversation.org_id, reopen_conversation.conversation_id, 'open');
end;
$$;
comment on function private.reopen_conversation is 'Body of public.reopen_conversation. Definer: nobody may write conversations directly.';
create function public.reopen_conversation(org_id uuid, conversation_id uuid) returns jsonb
  language sql volatile set search_path = ''
begin atomic
  select private.reopen_conversation(org_id, conversation_id);
end;
comment on function public.reopen_conversation is 'Opens a resolved conversation again. Returns {conversation_id, status, was}. Raises PT404.';
grant execute on function private.reopen_conversation, public.reopen_conversation to authenticated;

------------------------------------------------------------------------------------------------
-- Labels
------------------------------------------------------------------------------------------------
create table public.labels (
  org_id     uuid not null references public.organizations on delete restrict,
  id         uuid not null default gen_random_uuid(),
  name       text not null,
  colour     text not null default '#6b7280',
  created_by uuid,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  primary key (org_id, id),
  constraint label_name_is_short check (length(name) between 1 and 40),
  constraint label_colour_is_hexadecimal check (colour ~ '^#[0-9a-f]{6}$')
);
comment on table public.labels is 'Words that an organization sorts its conversations by.';
comment on column public.labels.org_id is 'The organization.';
comment on column public.labels.id is 'Known to conversation_labels.';
comment on column public.labels.name is 'As written by who made it; unique in the organization, however it is capitalized.';
comment on column public.labels.colour is 'As #rrggbb.';
comment on column public.labels.created_by is 'The member who made it. No foreign key: it outlives the membership.';
comment on column public.labels.created_at is 'When it was made.';
comment on column public.labels.updated_at is 'When it was last changed.';
create unique index label_name_is_unique_in_organization on public.labels (org_id, lower(name));
alter table public.labels enable row level security;
create policy "Members see the labels of their organization" on public.labels
  for select to authenticated using (org_id = any (array(select private.my_org_ids())));
grant select on public.labels to authenticated;
create trigger labels_touch before update on public.labels for each row execute function private.touch_updated_at();

create table public.conversation_labels (
  org_id          uuid not null,
  conversation_id uuid not null,
  label_id        uuid not null,
  added_by        uuid,
  added_at        timestamptz not null default now(),
  primary key (org_id, conversation_id, label_id),
  constraint labelled_conversation_is_of_the_organization foreign key (org_id, conversation_id)
    references public.conversations (org_id, id) on delete restrict,
  constraint label_of_conversation_is_of_the_organization foreign key (org_id, label_id)
    references public.labels (org_id, id) on delete cascade
);
comment on table public.conversation_labels is 'Which conversation carries which label.';
comment on column public.conversation_labels.org_id is 'The organization.';
comment on column public.conversation_labels.conversation_id is 'The thread.';
comment on column public.conversation_labels.label_id is 'The label.';
comment on column public.conversation_labels.added_by is 'The member who put it there. No foreign key: it outlives the membership.';
comment on column public.conversation_labels.added_at is 'When.';
create index conversation_labels_label on public.conversation_labels (org_id, label_id, conversation_id);
alter table public.conversation_labels enable row level security;
create policy "Members see the labels of their conversations" on public.conversation_labels
  for select to authenticated using (org_id = any (array(select private.my_org_ids())));
grant select on public.conversation_labels to authenticated;

create function private.label_words(name text, colour text, out name_ text, out colour_ text)
  language plpgsql immutable set search_path = ''
as $$
begin
  name_ := btrim(regexp_replace(normalize(coalesce(name, ''), NFC), '\s+', ' ', 'g'));
  colour_ := lower(coalesce(colour, '#6b7280'));
  if length(name_) not between 1 and 40 then
    raise sqlstate 'PT422' using message = 'The name of a label has 1 to 40 characters', detail = 'label_name';
  elsif colour_ !~ '^#[0-9a-f]{6}$' then
    raise sqlstate 'PT422' using message = 'A colour is written #rrggbb', detail = 'label_colour';
  end if;
end;
$$;
comment on function private.label_words is 'A label''s name with single spaces and its colour in small letters, or a refusal (422).';

create function private.add_label(org_id uuid, name text, colour text) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_words record;
  v_id    uuid;
begin
  perform private.require_role(add_label.org_id, 'agent');
  select * into v_words from private.label_words(add_label.name, add_label.colour);
  insert into public.labels (org_id, name, colour, created_by)
  values (add_label.org_id, v_words.name_, v_words.colour_, auth.uid())
  on conflict (org_id, lower(name)) do nothing
  returning id into v_id;
  if v_id is null then
    raise sqlstate 'PT409' using message = format('There is already a label "%s"', v_words.name_), detail = 'label_exists', hint = 'Use that one.';
  end if;
  perform private.audit(add_label.org_id, 'label.created', 'label', v_id::text);
  return jsonb_build_object('label_id', v_id);
end;
$$;
comment on function private.add_label is 'Body of public.add_label. Definer: nobody may write labels directly.';
create function public.add_label(org_id uuid, name text, colour text default null) returns jsonb
  language sql volatile set search_path = ''
begin atomic
  select private.add_label(org_id, name, colour);
end;
comment on function public.add_label is 'Makes a label; returns {label_id}. Raises PT409 label_exists, PT422.';
grant execute on function private.add_label, public.add_label to authenticated;

create function private.change_label(org_id uuid, label_id uuid, name text, colour text) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_words record;
begin
  perform private.require_role(change_label.org_id, 'admin');
  select * into v_words from private.label_words(change_label.name, change_label.colour);
  begin
    update public.labels l set name = v_words.name_, colour = v_words.colour_
     where l.org_id = change_label.org_id and l.id = change_label.label_id;
  exception when unique_violation then
    raise sqlstate 'PT409' using message = format('There is already a label "%s"', v_words.name_), detail = 'label_exists', hint = 'Choose another name.';
  end;
  if not found then
    raise sqlstate 'PT404' using message = 'There is no such label', detail = 'label_unknown', hint = 'Reload the labels.';
  end if;
  perform private.audit(change_label.org_id, 'label.changed', 'label', change_label.label_id::text, '{"fields": ["name", "colour"]}');
  return jsonb_build_object('label_id', change_label.label_id);
end;
$$;
comment on function private.change_label is 'Body of public.change_label. Definer: nobody may write labels directly.';
create function public.change_label(org_id uuid, label_id uuid, name text, colour text default null) returns jsonb
  language sql volatile set search_path = ''
begin atomic
  select private.change_label(org_id, label_id, name, colour);
end;
comment on function public.change_label is 'Gives a label another name and colour, for admins; returns {label_id}. Raises PT404, PT409 label_exists, PT422.';
grant execute on function private.change_label, public.change_label to authenticated;

create function private.delete_label(org_id uuid, label_id uuid) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_count int;
begin
  perform private.require_role(delete_label.org_id, 'admin');
  perform from public.labels l where l.org_id = delete_label.org_id and l.id = delete_label.label_id for update;
  if not found then
    raise sqlstate 'PT404' using message = 'There is no such label', detail = 'label_unknown', hint = 'Reload the labels.';
  end if;
  delete from public.conversation_labels c where c.org_id = delete_label.org_id and c.label_id = delete_label.label_id;
  get diagnostics v_count = row_count;
  delete from public.labels l where l.org_id = delete_label.org_id and l.id = delete_label.label_id;
  perform private.audit(delete_label.org_id, 'label.deleted', 'label', delete_label.label_id::text, jsonb_build_object('conversations', v_count));
  return jsonb_build_object('label_id', delete_label.label_id, 'conversations', v_count);
end;
$$;
comment on function private.delete_label is 'Body of public.delete_label. Definer: nobody may write labels directly.';
create function public.delete_label(org_id uuid, label_id uuid) returns jsonb
  language sql volatile set search_path = ''
begin atomic
  select private.delete_label(org_id, label_id);
end;
comment on function public.delete_label is
  'Removes a label everywhere, for admins. Returns {label_id, conversations: how many carried it}. Raises PT404.';
grant execute on function private.delete_label, public.delete_label to authenticated;

create function private.label_conversation(org_id uuid, conversation_id uuid, label_id uuid, is_on boolean) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_conversation public.conversations := private.lock_conversation(label_conversation.org_id, label_conversation.conversation_id);
  v_name  text;
  v_count int;
begin
  select l.name into v_name from public.labels l
   where l.org_id = label_conversation.org_id and l.id = label_conversation.label_id for key share;
  if not found then
    raise sqlstate 'PT404' using message = 'There is no such label', detail = 'label_unknown', hint = 'Reload the labels.';
  end if;
  if coalesce(label_conversation.is_on, true) then
    insert into public.conversation_labels (org_id, conversation_id, label_id, added_by)
    values (v_conversation.org_id, v_conversation.id, label_conversation.label_id, auth.uid())
    on conflict (org_id, conversation_id, label_id) do nothing;
  else
    delete from public.conversation_labels c
     where c.org_id = v_conversation.org_id and c.conversation_id = v_conversation.id and c.label_id = label_conversation.label_id;
  end if;
  get diagnostics v_count = row_count;
  if v_count > 0 then
    insert into public.conversation_events (org_id, conversation_id, actor, kind, details)
    values (v_conversation.org_id, v_conversation.id, auth.uid(),
            case when coalesce(label_conversation.is_on, true) then 'labelled' else 'unlabelled' end,
            jsonb_build_object('label_id', label_conversation.label_id, 'name', v_name));
  end if;
  return jsonb_build_object('conversation_id', v_conversation.id, 'label_id', label_conversation.label_id, 'changed', v_count > 0);
end;
$$;
comment on function private.label_conversation is 'Body of public.label_conversation. Definer: nobody may write these tables directly.';
create function public.label_conversation(org_id uuid, conversation_id uuid, label_id uuid, is_on boolean default true) returns jsonb
  language sql volatile set search_path = ''
begin atomic
  select private.label_conversation(org_id, conversation_id, label_id, is_on);
end;
comment on function public.label_conversation is
  'Puts a label on a conversation, or with is_on false takes it off; twice changes nothing. Returns {conversation_id, label_id, changed}. Raises PT404.';
grant execute on function private.label_conversation, public.label_conversation to authenticated;

------------------------------------------------------------------------------------------------
-- Notes: what colleagues tell each other, never the customer
------------------------------------------------------------------------------------------------
create table public.conversation_notes (
  org_id          uuid not null,
  id              uuid not null default gen_random_uuid(),
  conversation_id uuid not null,
  author_id       uuid not null,
  text            text not null,
  client_token    uuid,
  created_at      timestamptz not null default clock_timestamp(),
  edited_at       timestamptz,
  primary key (org_id, id),
  constraint note_is_on_a_conversation_of_its_organization foreign key (org_id, conversation_id)
    references public.conversations (org_id, id) on delete restrict,
  constraint note_is_not_too_long check (length(text) between 1 and 10000)
);
comment on table public.conversation_notes is 'What members write for each other beside a conversation; customers never see it.';
comment on column public.conversation_notes.org_id is 'The organization.';
comment on column public.conversation_notes.id is 'Named when it is changed.';
comment on column public.conversation_notes.conversation_id is 'The thread.';
comment on column public.conversation_notes.author_id is 'Who wrote it, and alone may change it. No foreign key: it outlives the membership.';
comment on column public.conversation_notes.text is 'The words.';
comment on column public.conversation_notes.client_token is 'The writer''s own id of the request: the same token twice is one note.';
comment on column public.conversation_notes.created_at is 'When it was written; its place in the thread.';
comment on column public.conversation_notes.edited_at is 'When its author last changed it; null: never.';
create index conversation_notes_timeline on public.conversation_notes (org_id, conversation_id, created_at desc, id desc);
create unique index note_client_token_is_unique_for_its_author on public.conversation_notes (org_id, author_id, client_token) where client_token is not null;
alter table public.conversation_notes enable row level security;
create policy "Members see the notes on their conversations" on public.conversation_notes
  for select to authenticated using (org_id = any (array(select private.my_org_ids())));
grant select on public.conversation_notes to authenticated;

create table public.note_mentions (
  org_id  uuid not null,
  note_id uuid not null,
  user_id uuid not null,
  primary key (org_id, note_id, user_id),
  constraint mention_is_in_a_note_of_its_organization foreign key (org_id, note_id)
    references public.conversation_notes (org_id, id) on delete cascade,
  constraint mention_is_of_a_member foreign key (org_id, user_id)
    references public.memberships (org_id, user_id) on delete cascade
);
comment on table public.note_mentions is 'Whom a note calls by name.';
comment on column public.note_mentions.org_id is 'The organization.';
comment on column public.note_mentions.note_id is 'The note.';
comment on column public.note_mentions.user_id is 'The member.';
create index note_mentions_member on public.note_mentions (org_id, user_id, note_id);
alter table public.note_mentions enable row level security;
create policy "Members see who is mentioned in their notes" on public.note_mentions
  for select to authenticated using (org_id = any (array(select private.my_org_ids())));
grant select on public.note_mentions to authenticated;

create function private.mention(org_id uuid, note_id uuid, mentions uuid[]) returns void
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
begin
  if exists (select from unnest(mention.mentions) u (id) where not exists (
               select from public.memberships m where m.org_id = mention.org_id and m.user_id = u.id)) then
    raise sqlstate 'PT422' using message = 'Only members of the organization can be mentioned', detail = 'not_a_member', hint = 'Choose somebody of the team.';
  end if;
  delete from public.note_mentions n
   where n.org_id = mention.org_id and n.note_id = mention.note_id and n.user_id <> all (coalesce(mention.mentions, '{}'));
  insert into public.note_mentions (org_id, note_id, user_id)
  select distinct mention.org_id, mention.note_id, u.id from unnest(mention.mentions) u (id)
  on conflict (org_id, note_id, user_id) do nothing;
end;
$$;
comment on function private.mention is 'Makes these members, and nobody else, the ones that a note mentions. Raises PT422.';

create function private.note_words(text text) returns text
  language plpgsql immutable set search_path = ''
as $$
declare
  v_text text := btrim(coalesce(text, ''), E' \t\r\n');
begin
  if length(v_text) not between 1 and 10000 then
    raise sqlstate 'PT422' using message = 'A note has 1 to 10,000 characters', detail = 'note_length';
  end if;
  return v_text;
end;
$$;
comment on function private.note_words is 'The words of a note without blanks around them, or a refusal (422).';

create function private.add_note(org_id uuid, conversation_id uuid, text text, mentions uuid[], client_token uuid) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_conversation public.conversations := private.lock_conversation(add_note.org_id, add_note.conversation_id);
  v_id uuid;
begin
  insert into public.conversation_notes (org_id, conversation_id, author_id, text, client_token)
  values (v_conversation.org_id, v_conversation.id, auth.uid(), private.note_words(add_note.text), add_note.client_token)
  on conflict (org_id, author_id, client_token) where client_token is not null do nothing
  returning id into v_id;
  if v_id is null then
    select n.id into v_id from public.conversation_notes n
     where n.org_id = add_note.org_id and n.author_id = auth.uid() and n.client_token = add_note.client_token;
  else
    perform private.mention(add_note.org_id, v_id, add_note.mentions);
  end if;
  return jsonb_build_object('note_id', v_id);
end;
$$;
comment on function private.add_note is 'Body of public.add_note. Definer: nobody may write notes directly.';
create function public.add_note(org_id uuid, conversation_id uuid, text text, mentions uuid[] default null, client_token uuid default null) returns jsonb
  language sql volatile set search_path = ''
begin atomic
  select private.add_note(org_id, conversation_id, text, mentions, client_token);
end;
comment on function public.add_note is
  'Writes a note for colleagues and mentions some of them; the same client_token twice is one note. Returns {note_id}. Raises PT404, PT422.';
grant execute on function private.add_note, public.add_note to authenticated;

create function private.own_note(org_id uuid, note_id uuid) returns public.conversation_notes
  language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_note public.conversation_notes;
begin
  perform private.require_role(own_note.org_id, 'agent');
  select n.* into v_note from public.conversation_notes n where n.org_id = own_note.org_id and n.id = own_note.note_id for update;
  if not found then
    raise sqlstate 'PT404' using message = 'There is no such note', detail = 'note_unknown', hint = 'Reload the conversation.';
  elsif v_note.author_id is distinct from auth.uid() then
    raise sqlstate 'PT409' using message = 'Only who wrote a note can change it', detail = 'note_of_somebody_else', hint = 'Write a note of your own.';
  end if;
  return v_note;
end;
$$;
comment on function private.own_note is 'The note, locked, for its author. Raises PT401, PT404, PT409.';

create function private.edit_note(org_id uuid, note_id uuid, text text, mentions uuid[]) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_note public.conversation_notes := private.own_note(edit_note.org_id, edit_note.note_id);
begin
  update public.conversation_notes n set text = private.note_words(edit_note.text), edited_at = now()
   where n.org_id = v_note.org_id and n.id = v_note.id and n.text is distinct from private.note_words(edit_note.text);
  if edit_note.mentions is not null then
    perform private.mention(v_note.org_id, v_note.id, edit_note.mentions);
  end if;
  return jsonb_build_object('note_id', v_note.id);
end;
$$;
comment on function private.edit_note is 'Body of public.edit_note. Definer: nobody may write notes directly.';
create function public.edit_note(org_id uuid, note_id uuid, text text, mentions uuid[] default null) returns jsonb
  language sql volatile set search_path = ''
begin atomic
  select private.edit_note(org_id, note_id, text, mentions);
end;
comment on function public.edit_note is
  'Changes a note of one''s own; mentions null leaves them as they are. Returns {note_id}. Raises PT404, PT409 note_of_somebody_else, PT422.';
grant execute on function private.edit_note, public.edit_note to authenticated;

create function private.delete_note(org_id uuid, note_id uuid) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_note public.conversation_notes := private.own_note(delete_note.org_id, delete_note.note_id);
begin
  delete from public.conversation_notes n where n.org_id = v_note.org_id and n.id = v_note.id;
  return jsonb_build_object('note_id', v_note.id);
end;
$$;
comment on function private.delete_note is 'Body of public.delete_note. Definer: nobody may write notes directly.';
create function public.delete_note(org_id uuid, note_id uuid) returns jsonb
  language sql volatile set search_path = ''
begin atomic
  select private.delete_note(org_id, note_id);
end;
comment on function public.delete_note is
  'Removes a note of one''s own. Returns {note_id}. Raises PT404, PT409 note_of_somebody_else.';
grant execute on function private.delete_note, public.delete_note to authenticated;

------------------------------------------------------------------------------------------------
-- Who has read how far
------------------------------------------------------------------------------------------------
create table public.conversation_reads (
  org_id          uuid not null,
  conversation_id uuid not null,
  user_id         uuid not null,
  read_to         timestamptz not null,
  read_at         timestamptz not null default now(),
  primary key (org_id, conversation_id, user_id),
  constraint read_is_of_a_conversation_of_its_organization foreign key (org_id, conversation_id)
    references public.conversations (org_id, id) on delete restrict,
  constraint read_is_by_a_member foreign key (org_id, user_id)
    references public.memberships (org_id, user_id) on delete cascade
) with (fillfactor = 80);
comment on table public.conversation_reads is
  'How far each member has read each conversation. Unread for a person is what the customer wrote after that, counted to 99; conversations.unread_count is the team''s.';
comment on column public.conversation_reads.org_id is 'The organization.';
comment on column public.conversation_reads.conversation_id is 'The thread.';
comment on column public.conversation_reads.user_id is 'The member.';
comment on column public.conversation_reads.read_to is 'The place in the thread (messages.at) of the newest message that they have seen; it only grows.';
comment on column public.conversation_reads.read_at is 'When they looked.';
create index conversation_reads_member on public.conversation_reads (org_id, user_id);
alter table public.conversation_reads enable row level security;
create policy "Members see who has read their conversations" on public.conversation_reads
  for select to authenticated using (org_id = any (array(select private.my_org_ids())));
grant select on public.conversation_reads to authenticated;

------------------------------------------------------------------------------------------------
-- Two conversations that become one (680_contact_merge.sql)
------------------------------------------------------------------------------------------------
create function private.merge_teamwork(org_id uuid, kept uuid, gone uuid) returns void
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
begin
  update public.conversation_notes n set conversation_id = merge_teamwork.kept
   where n.org_id = merge_teamwork.org_id and n.conversation_id = merge_teamwork.gone;
  update public.conversation_events e set conversation_id = merge_teamwork.kept
   where e.org_id = merge_teamwork.org_id and e.conversation_id = merge_teamwork.gone;
  insert into public.conversation_labels (org_id, conversation_id, label_id, added_by, added_at)
  select l.org_id, merge_teamwork.kept, l.label_id, l.added_by, l.added_at from public.conversation_labels l
   where l.org_id = merge_teamwork.org_id and l.conversation_id = merge_teamwork.gone order by l.label_id
  on conflict (org_id, conversation_id, label_id) do nothing;
  delete from public.conversation_labels l where l.org_id = merge_teamwork.org_id and l.conversation_id = merge_teamwork.gone;
  -- Who had read only one of the two keeps the position of that one: what is newer in the other is unread.
  insert into public.conversation_reads as r (org_id, conversation_id, user_id, read_to, read_at)
  select g.org_id, merge_teamwork.kept, g.user_id, g.read_to, g.read_at from public.conversation_reads g
   where g.org_id = merge_teamwork.org_id and g.conversation_id = merge_teamwork.gone order by g.user_id
  on conflict (org_id, conversation_id, user_id) do update
    set read_to = greatest(r.read_to, excluded.read_to), read_at = greatest(r.read_at, excluded.read_at);
  delete from public.conversation_reads r where r.org_id = merge_teamwork.org_id and r.conversation_id = merge_teamwork.gone;
  insert into public.conversation_events (org_id, conversation_id, actor, kind, details)
  values (merge_teamwork.org_id, merge_teamwork.kept, auth.uid(), 'merged', jsonb_build_object('merged', merge_teamwork.gone));
end;
$$;
comment on function private.merge_teamwork is 'Moves the notes, events, labels and read positions of one conversation to another, which keeps its own.';
