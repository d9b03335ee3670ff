-- 830_pages.sql: the inbox and what stands beside a thread, as pages.

create view public.conversation_cards with (security_invoker = on) as
  select c.org_id, c.id, c.number_id, c.contact_id, c.status, c.assignee_id, c.window_expires_at, c.unread_count,
         c.last_message_at, c.last_message_text, p.name as contact_name, p.phone as contact_phone,
         case when c.last_message_at > u.read_to then
           (select count(*)::int from (
              select from public.messages m
               where m.org_id = c.org_id and m.conversation_id = c.id and m.direction = 'inbound' and m.at > u.read_to
               order by m.at desc limit 99) unread)
           else 0 end as unread_by_me,
         array(select l.label_id from public.conversation_labels l
                where l.org_id = c.org_id and l.conversation_id = c.id order by l.added_at, l.label_id) as label_ids,
         exists (select from public.messages m where m.conversation_id = c.id and m.org_id = c.org_id and m.needs_attention) as needs_attention
    from public.conversations c
    join public.contacts p on (p.org_id, p.id) = (c.org_id, c.contact_id)
    cross join lateral (
      -- What came before somebody joined is not unread for them. (greatest, not coalesce: RLS keeps the index only with the former.)
      select greatest('-infinity'::timestamptz,
               (select j.created_at from public.memberships j where j.org_id = c.org_id and j.user_id = (select auth.uid())),
               (select r.read_to from public.conversation_reads r
                 where r.org_id = c.org_id and r.conversation_id = c.id and r.user_id = (select auth.uid()))) as read_to
      offset 0) u;
comment on view public.conversation_cards is 'Conversations with what the inbox shows of each, for the person who asks.';
comment on column public.conversation_cards.org_id is 'The organization.';
comment on column public.conversation_cards.id is 'The thread.';
comment on column public.conversation_cards.number_id is 'The organization''s number.';
comment on column public.conversation_cards.contact_id is 'The person.';
comment on column public.conversation_cards.status is 'open or resolved.';
comment on column public.conversation_cards.assignee_id is 'The member who answers; null: nobody yet.';
comment on column public.conversation_cards.window_expires_at is 'End of the customer service window; null: they never wrote.';
comment on column public.conversation_cards.unread_count is 'Messages of the customer since somebody last read the thread.';
comment on column public.conversation_cards.last_message_at is 'Time of the newest message.';
comment on column public.conversation_cards.last_message_text is 'Beginning of the newest message.';
comment on column public.conversation_cards.contact_name is 'The contact''s name; null while nobody has given one.';
comment on column public.conversation_cards.contact_phone is 'The contact''s number in E.164; null when it is not known.';
comment on column public.conversation_cards.unread_by_me is 'Messages of the customer since the person who asks last read the thread, at most 99.';
comment on column public.conversation_cards.label_ids is 'The labels, in the order in which they were put there.';
comment on column public.conversation_cards.needs_attention is 'True: a message waits for a person''s decision (messages.needs_attention).';
grant select on public.conversation_cards to authenticated;

create function private.cards(org_id uuid, ids uuid[]) returns setof public.conversation_cards
  language plpgsql stable security definer set search_path = '' set plan_cache_mode = 'force_generic_plan'
as $$
begin
  perform private.require_role(cards.org_id, 'agent');
  return query
  select v.* from unnest(cards.ids[1:200]) with ordinality p (id, n)
   cross join lateral (select w.* from public.conversation_cards w where w.org_id = cards.org_id and w.id = p.id offset 0) v
   order by p.n;
end;
$$;
comment on function private.cards is
  'Body of public.cards. Definer: it asks for membership once, where row level security would ask for it in each of the tables that a card is made of.';
create function public.cards(org_id uuid, ids uuid[]) returns setof public.conversation_cards
  language sql stable set search_path = ''
begin atomic
  select * from private.cards(org_id, ids);
end;
comment on function public.cards is
  'These conversations (at most 200), in the order asked for, as the inbox shows them: for those that public.changes names. Raises PT404.';
grant execute on function private.cards, public.cards to authenticated;

create function public.inbox(org_id uuid, status text default 'open', page_size int default 50,
                             before_at timestamptz default null, before_id uuid default null,
                             assignee text default 'any', assignee_id uuid default null, label_id uuid default null,
                             number_id uuid default null, unread_only boolean default false, attention_only boolean default false)
  returns setof public.conversation_cards
  language plpgsql stable security invoker set search_path = '' set plan_cache_mode = 'force_generic_plan'
as $$
#variable_conflict use_column
declare
  -- No coalesce inside the query: under RLS the planner treats it as leaky and loses the index (style: supabase.md §3).
  v_at    timestamptz := coalesce(before_at, 'infinity');
  v_id    uuid := coalesce(before_id, 'ffffffff-ffff-ffff-ffff-ffffffffffff');
  v_limit int := least(greatest(coalesce(page_size, 50), 1), 200);
  v_only  text := '';
  v_ids   uuid[];
begin
  case coalesce(assignee, 'any')
    when 'any' then null;
    when 'me' then v_only := ' and c.assignee_id = (select auth.uid())';
    when 'nobody' then v_only := ' and c.assignee_id is null';
    when 'given' then v_only := case when assignee_id is null then ' and c.assignee_id is not null' else ' and c.assignee_id = $6' end;
    else
      raise sqlstate 'PT422' using message = 'assignee is any, me, nobody or given', detail = 'assignee_unknown';
  end case;
  v_only := v_only
    || case when label_id is not null then
         ' and c.id = any (array(select l.conversation_id from public.conversation_labels l where l.org_id = $1 and l.label_id = $7))' else '' end
    || case when number_id is not null then ' and c.number_id = $8' else '' end
    || case when unread_only then ' and c.unread_count > 0' else '' end
    || case when attention_only then
         ' and c.id = any (array(select m.conversation_id from public.messages m where m.org_id = $1 and m.needs_attention))' else '' end;
  if v_only = '' then
    v_ids := array(
      select c.id from public.conversations c
       where c.org_id = inbox.org_id and c.status = inbox.status and (c.last_message_at, c.id) < (v_at, v_id)
       order by c.last_message_at desc, c.id desc limit v_limit);
  else
    execute 'select array(select c.id from public.conversations c
       where c.org_id = $1 and c.status = $2 and (c.last_message_at, c.id) < ($3, $4)' || v_only || '
       order by c.last_message_at desc, c.id desc limit $5)'
      into v_ids using inbox.org_id, inbox.status, v_at, v_id, v_limit, inbox.assignee_id, inbox.label_id, inbox.number_id;
  end if;
  if cardinality(v_ids) > 0 then
    return query select * from public.cards(inbox.org_id, v_ids);
  end if;
end;
$$;
comment on function public.inbox is
  'One page of the inbox, newest first, at most 200: status open or resolved; assignee any, me, nobody, or given (assignee_id; null: anybody); label_id; '
  'number_id; unread_only (by the team); attention_only. The last row''s last_message_at and id ask for the next page. Raises PT422.';
grant execute on function public.inbox to authenticated;

create function public.conversation_timeline(org_id uuid, conversation_id uuid, page_size int default 50,
                                             before_at timestamptz default null, after_at timestamptz default null)
  returns jsonb
  language plpgsql stable security invoker set search_path = '' set plan_cache_mode = 'force_generic_plan'
as $$
#variable_conflict use_column
declare
  v_before timestamptz := coalesce(before_at, 'infinity');
  v_after  timestamptz := coalesce(after_at, '-infinity');
  v_limit  int := least(greatest(coalesce(page_size, 50), 1), 200);
begin
  perform public.require_role(conversation_timeline.org_id, 'support');
  if not exists (select from public.conversations c where c.org_id = conversation_timeline.org_id and c.id = conversation_timeline.conversation_id) then
    raise sqlstate 'PT404' using message = 'There is no such conversation', detail = 'conversation_unknown', hint = 'Reload the inbox.';
  end if;
  return (
    with notes as materialized (
      select n.* from public.conversation_notes n
       where n.org_id = conversation_timeline.org_id and n.conversation_id = conversation_timeline.conversation_id
         and n.created_at < v_before and n.created_at >= v_after
       order by n.created_at desc, n.id desc limit v_limit),
    events as materialized (
      select e.* from public.conversation_events e
       where e.org_id = conversation_timeline.org_id and e.conversation_id = conversation_timeline.conversation_id
         and e.at < v_before and e.at >= v_after
       order by e.at desc, e.id desc limit v_limit)
    select jsonb_build_object(
      'notes', coalesce((select jsonb_agg(jsonb_build_object(
          'note_id', n.id, 'at', n.created_at, 'author_id', n.author_id, 'text', n.text, 'edited_at', n.edited_at,
          'mentions', array(select x.user_id from public.note_mentions x where x.org_id = n.org_id and x.note_id = n.id order by x.user_id))
          order by n.created_at desc, n.id desc) from notes n), '[]'),
      'events', coalesce((select jsonb_agg(jsonb_build_object(
          'event_id', e.id, 'at', e.at, 'actor', e.actor, 'kind', e.kind, 'details', e.details) order by e.at desc, e.id desc) from events e), '[]'),
      'labels', coalesce((select jsonb_agg(jsonb_build_object('label_id', l.id, 'name', l.name, 'colour', l.colour) order by c.added_at, l.id)
          from public.conversation_labels c join public.labels l on (l.org_id, l.id) = (c.org_id, c.label_id)
         where c.org_id = conversation_timeline.org_id and c.conversation_id = conversation_timeline.conversation_id), '[]'),
      'readers', coalesce((select jsonb_agg(jsonb_build_object('user_id', r.user_id, 'read_to', r.read_to, 'read_at', r.read_at) order by r.user_id)
          from public.conversation_reads r
         where r.org_id = conversation_timeline.org_id and r.conversation_id = conversation_timeline.conversation_id), '[]')));
end;
$$;
comment on function public.conversation_timeline is
  'What stands between the messages of a thread from after_at to before_at: {notes, events} newest first, at most page_size of each, and its {labels, readers}. Raises PT404.';
grant execute on function public.conversation_timeline to authenticated;

create function public.search_conversations(org_id uuid, query text, page_size int default 20) returns setof public.conversation_cards
  language sql stable set search_path = ''
begin atomic
  select * from private.cards(org_id, array(select private.search_conversations(org_id, query, page_size)));
end;
comment on function public.search_conversations is
  'Conversations, newest first, at most 100, whose contact''s name, company or e-mail address has all these words (the last as a beginning), or whose '
  'number is, begins with or (last 10, 7, 6, 5 or 4 digits) ends in these digits. Raises PT404.';
grant execute on function public.search_conversations to authenticated;
