-- 382_notifications.sql: what a member should look at: their own inbox of things that happened, each told once.

create table public.notifications (
  org_id           uuid not null references public.organizations on delete restrict,
  id               bigint generated always as identity,
  user_id          uuid not null,
  kind             text not null,
  at               timestamptz not null default now(),
  key              text,
  actor            uuid,
  many             int not null default 1,
  lead_id          uuid,
  contact_id       uuid,
  task_id          uuid,
  conversation_id  uuid,
  note_id          uuid,
  read_at          timestamptz,
  primary key (org_id, id),
  constraint notification_is_for_a_member foreign key (org_id, user_id) references public.memberships (org_id, user_id) on delete cascade,
  constraint notification_kind_is_known check (kind in ('task_due', 'task_assigned', 'lead_assigned', 'mention')),
  constraint notification_is_of_one_or_more check (many > 0)
);
comment on table public.notifications is 'What a member is told; only they see it. It names things by id, so it holds nothing about a person. Kept for 90 days.';
comment on column public.notifications.org_id is 'The organization.';
comment on column public.notifications.id is 'Grows with time.';
comment on column public.notifications.user_id is 'Who is told.';
comment on column public.notifications.kind is 'task_due: a reminder; task_assigned, lead_assigned: somebody, or a rule, gave it to them; mention: in a note.';
comment on column public.notifications.at is 'When it happened.';
comment on column public.notifications.key is 'What it must not be told twice about, for one member; null: it cannot come twice.';
comment on column public.notifications.actor is 'Who did it; null: Flow did. No foreign key: it outlives the membership.';
comment on column public.notifications.many is 'lead_assigned, new_lead: how many leads; then lead_id is null unless it is one. new_message: how many messages.';
comment on column public.notifications.lead_id is 'The lead. No foreign key, as none of these ids: what they name may be gone.';
comment on column public.notifications.contact_id is 'The contact of a task that is on no lead. No foreign key: it may be gone.';
comment on column public.notifications.task_id is 'The task. No foreign key: it may be gone.';
comment on column public.notifications.conversation_id is 'The conversation of a note. No foreign key: it may be gone.';
comment on column public.notifications.note_id is 'The note. No foreign key: it may be gone.';
comment on column public.notifications.read_at is 'When they read it; null: not yet.';
create index notifications_inbox on public.notifications (org_id, user_id, id desc);
create index notifications_unread on public.notifications (org_id, user_id, id desc) where read_at is null;
create unique index notification_is_told_once on public.notifications (org_id, user_id, key) where key is not null;
create index notifications_age on public.notifications (at);

alter table public.notifications enable row level security;
create policy "Members can read what they themselves are told"
  on public.notifications for select to authenticated
  using (org_id = any (array(select private.my_org_ids())) and user_id = (select auth.uid()));
grant select on public.notifications to authenticated;

create function private.unread_notifications(org_id uuid) returns bigint
  language sql stable security definer set search_path = ''
as $$
  select count(*) from (select from public.notifications n
                         where n.org_id = unread_notifications.org_id and n.user_id = auth.uid() and n.read_at is null limit 100) x
$$;
comment on function private.unread_notifications is 'How many notifications the person who asks has not read, counted to 100.';

create function private.words_heard_last(org_id uuid, conversation_id uuid) returns text
  language plpgsql stable security definer set search_path = ''
as $$
#variable_conflict use_column
begin
  return (select left(m.text, 160) from public.messages m
           where m.org_id = words_heard_last.org_id and m.conversation_id = words_heard_last.conversation_id and m.direction = 'inbound'
           order by m.at desc, m.id desc limit 1);
end;
$$;
comment on function private.words_heard_last is 'How the newest message of a customer begins, whatever was answered since; null when it has no words. Definer: beneath RLS.';

create function private.my_notifications(org_id uuid, before_id bigint, only_unread boolean, page_size int) returns jsonb
  language plpgsql stable security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_limit int := least(greatest(coalesce(page_size, 30), 1), 100);
  v_last  bigint := coalesce(before_id, 9223372036854775807);
  v_items jsonb;
  v_quiet boolean;
  v_urgent boolean;
begin
  perform private.require_role(my_notifications.org_id, 'agent');
  select private.silent_until(s, now()) is not null, s.urgent_passes into v_quiet, v_urgent
    from private.notification_settings_of(my_notifications.org_id, auth.uid()) s;
  select jsonb_agg(jsonb_build_object('id', n.id, 'kind', n.kind, 'at', n.at, 'read_at', n.read_at, 'actor', n.actor, 'many', n.many, 'lead_id', n.lead_id,
           'contact_id', n.contact_id, 'task_id', n.task_id, 'conversation_id', n.conversation_id, 'note_id', n.note_id, 'ticket_id', n.ticket_id,
           'title', case when n.task_id is not null then t.title else coalesce(l.product, l.title) end, 'due_at', t.due_at,
           'name', c.name, 'text', case when n.kind = 'new_message' then private.words_heard_last(n.org_id, n.conversation_id) end,
           'is_silent', v_quiet and not (v_urgent and coalesce(n.key like 'number:problem:%', false))) order by n.id desc) into v_items
    from (select x.* from public.notifications x
           where x.org_id = my_notifications.org_id and x.user_id = auth.uid() and x.id < v_last and (x.read_at is null or not only_unread)
           order by x.id desc limit v_limit + 1) n
    left join public.tasks t on t.org_id = n.org_id and t.id = n.task_id
    left join public.leads l on l.org_id = n.org_id and l.id = n.lead_id
    left join public.conversations v on v.org_id = n.org_id and v.id = n.conversation_id
    left join public.contacts c on c.org_id = n.org_id and c.id = coalesce(l.contact_id, n.contact_id, v.contact_id);
  return jsonb_build_object('unread', private.unread_notifications(my_notifications.org_id),
    'items', coalesce((select jsonb_agg(e order by i) from jsonb_array_elements(v_items) with ordinality u (e, i) where i <= v_limit), '[]'),
    'next', case when jsonb_array_length(v_items) > v_limit then v_items -> (v_limit - 1) -> 'id' end);
end;
$$;
comment on function private.my_notifications is 'Body of public.my_notifications. Definer: it looks names up by key; it shows the asking person''s own only.';
create function public.my_notifications(org_id uuid, before_id bigint default null, only_unread boolean default false, page_size int default 30) returns jsonb
  language sql stable set search_path = ''
begin atomic
  select private.my_notifications(org_id, before_id, coalesce(only_unread, false), page_size);
end;
comment on function public.my_notifications is
  'What the person who asks was told, newest first, at most 100: {unread (counted to 100), items: [{id, kind, at, read_at, actor, many, lead_id, contact_id, task_id, '
  'conversation_id, note_id, ticket_id, title, due_at, name, text (how the newest message of the customer begins), is_silent (quiet hours or an absence hold, and it is nothing urgent)}], next: before_id of the next page or null}. Raises PT404.';

create function private.read_notifications(org_id uuid, ids bigint[]) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_count int;
begin
  perform private.require_role(read_notifications.org_id, 'agent');
  update public.notifications n set read_at = now()
   where n.org_id = read_notifications.org_id and n.user_id = auth.uid() and n.read_at is null
     and (read_notifications.ids is null or n.id = any (read_notifications.ids));
  get diagnostics v_count = row_count;
  return jsonb_build_object('read', v_count, 'unread', private.unread_notifications(read_notifications.org_id));
end;
$$;
comment on function private.read_notifications is 'Body of public.read_notifications. Definer: nobody may write notifications directly.';
create function public.read_notifications(org_id uuid, ids bigint[] default null) returns jsonb
  language sql volatile set search_path = ''
begin atomic
  select private.read_notifications(org_id, ids);
end;
comment on function public.read_notifications is
  'Marks notifications of the person who asks as read, or with null all of them; those of others are left alone. Returns {read, unread}. Raises PT404.';
grant execute on function private.my_notifications, public.my_notifications, private.read_notifications, public.read_notifications to authenticated;
