-- 530_live.sql: who looks at the screen sees what changes. Ids only, and only for organizations where somebody is looking.
--
-- Where Supabase Realtime is there, each change goes out on the private channel org:<org_id>. Everywhere, public.changes tells what
-- happened since a cursor; a page that listens to the channel asks it too, when it opens, when it comes back and every few minutes: that
-- keeps the channel alive and catches what a broken line lost.

create unlogged table private.listeners (
  org_id     uuid not null primary key references public.organizations on delete restrict,
  generation bigint not null default (extract(epoch from clock_timestamp()) * 1000000)::bigint,
  horizon    xid8,
  until      timestamptz not null
);
comment on table private.listeners is 'Organizations where somebody is looking; nothing is written down for others. Unlogged: after a crash everybody begins anew.';
comment on column private.listeners.org_id is 'The organization.';
comment on column private.listeners.generation is 'Another one each time that listening begins after a pause: a cursor of an earlier one has missed something.';
comment on column private.listeners.horizon is
  'Transactions before this one may not have seen that somebody listens; once they all have ended, nothing is missed any more. Null: nobody has asked since listening began.';
comment on column private.listeners.until is 'When listening ends unless somebody asks again.';
alter table private.listeners enable row level security;

create unlogged table private.changes (
  org_id uuid not null references public.organizations on delete restrict,
  id     bigint generated always as identity,
  xid    xid8 not null default pg_current_xact_id(),
  at     timestamptz not null default now(),
  items  jsonb,
  primary key (org_id, id)
);
comment on table private.changes is 'What statements changed, one row for each of them and organization, kept for an hour.';
comment on column private.changes.org_id is 'The organization.';
comment on column private.changes.id is 'Running number; says nothing about the order of commits.';
comment on column private.changes.xid is 'The transaction: a cursor is a snapshot, and what it did not see is new.';
comment on column private.changes.at is 'When its transaction began.';
comment on column private.changes.items is
  '[{conversation_id or lead_id, message_ids, kind}], message_ids null when they are many, kinds many_leads and bell without an id; null: too many conversations to name.';
create index changes_xid on private.changes (org_id, xid);
alter table private.changes enable row level security;

create function private.tell(org_id uuid, items jsonb) returns void
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
begin
  insert into private.changes (org_id, items) values (tell.org_id, tell.items);
  if to_regprocedure('realtime.send(jsonb,text,text,boolean)') is not null then
    execute 'select realtime.send($1, $2, $3, true)'
      using case when tell.items is null then '{"reset": true}' else jsonb_build_object('changes', tell.items) end, 'changes', 'org:' || tell.org_id;
  end if;
end;
$$;
comment on function private.tell is 'Writes down what changed, and broadcasts it where Realtime is.';

create function private.tg_messages__tell() returns trigger
  language plpgsql volatile security definer set search_path = ''
as $$
begin
  if not exists (select from private.listeners l where l.until > now()) then
    return null;
  end if;
  perform private.tell(o.org_id, o.items) from (
    select t.org_id, case when count(*) <= 200 then jsonb_agg(jsonb_build_object('conversation_id', t.conversation_id, 'kind', lower(tg_argv[0]),
                            'message_ids', case when cardinality(t.ids) <= 20 then t.ids end)) end as items
      from (select n.org_id, n.conversation_id, array_agg(n.id order by n.id) as ids from new_rows n
             where n.org_id in (select l.org_id from private.listeners l where l.until > now()) group by 1, 2) t
     group by t.org_id) o;
  return null;
end;
$$;
comment on function private.tg_messages__tell is 'Tells of messages that were added or changed. Definer: nobody may write changes directly.';
create trigger messages_tell_added after insert on public.messages referencing new table as new_rows
  for each statement execute function private.tg_messages__tell('added');
create trigger messages_tell_changed after update on public.messages referencing new table as new_rows
  for each statement execute function private.tg_messages__tell('changed');

create function private.tg_conversations__tell() returns trigger
  language plpgsql volatile security definer set search_path = ''
as $$
begin
  if not exists (select from private.listeners l where l.until > now()) then
    return null;
  end if;
  perform private.tell(o.org_id, o.items) from (
    select n.org_id, case when count(*) <= 200 then jsonb_agg(jsonb_build_object('conversation_id', n.id, 'kind', tg_argv[0])) end as items
      from new_rows n
     where n.org_id in (select l.org_id from private.listeners l where l.until > now())
     group by n.org_id) o;
  return null;
end;
$$;
comment on function private.tg_conversations__tell is 'Tells of conversations that began, changed or went into another one. Definer: nobody may write changes directly.';
create trigger conversations_tell_added after insert on public.conversations referencing new table as new_rows
  for each statement execute function private.tg_conversations__tell('conversation');
create trigger conversations_tell_changed after update on public.conversations referencing new table as new_rows
  for each statement execute function private.tg_conversations__tell('conversation');
create trigger conversations_tell_gone after delete on public.conversations referencing old table as new_rows
  for each statement execute function private.tg_conversations__tell('gone');

create function private.tg_notes__tell() returns trigger
  language plpgsql volatile security definer set search_path = ''
as $$
begin
  if not exists (select from private.listeners l where l.until > now()) then
    return null;
  end if;
  perform private.tell(o.org_id, o.items) from (
    select n.org_id, jsonb_agg(distinct jsonb_build_object('conversation_id', n.conversation_id, 'kind', tg_argv[0])) as items
      from new_rows n
     where n.org_id in (select l.org_id from private.listeners l where l.until > now())
     group by n.org_id) o;
  return null;
end;
$$;
comment on function private.tg_notes__tell is 'Tells of notes and events. Definer: nobody may write changes directly.';
create trigger conversation_notes_tell_added after insert on public.conversation_notes referencing new table as new_rows
  for each statement execute function private.tg_notes__tell('note');
create trigger conversation_notes_tell_changed after update on public.conversation_notes referencing new table as new_rows
  for each statement execute function private.tg_notes__tell('note');
create trigger conversation_notes_tell_gone after delete on public.conversation_notes referencing old table as new_rows
  for each statement execute function private.tg_notes__tell('note');
create trigger conversation_events_tell after insert on public.conversation_events referencing new table as new_rows
  for each statement execute function private.tg_notes__tell('event');

create trigger messages_are_news after insert on public.messages referencing new table as new_rows
  for each statement execute function private.tg_messages__are_news();

-- A cursor is "1.<generation>.<when it was given>.<w or s>.<snapshot>". What a snapshot did not see is new, in whatever order
-- transactions commit; nothing is told twice, and no long transaction holds anybody up. w: some transaction may have begun to write before
-- it could know that somebody listens; when the last of them has ended, one more reset makes up for what they did not tell.
create function private.changes(org_id uuid, cursor text, page_size int) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_limit    int := least(greatest(coalesce(page_size, 200), 1), 1000);
  v_listener private.listeners;
  v_parts    text[];
  v_old      pg_snapshot;
  v_new      pg_snapshot;
  v_waits    boolean := true;
  v_settled  boolean := false;
  v_reset    boolean;
  v_items    jsonb;
  v_count    int;
begin
  perform private.require_role(changes.org_id, 'agent');
  select l.* into v_listener from private.listeners l where l.org_id = changes.org_id;
  -- A minute early: who writes at the very end must not find the listener gone while this call prolongs it.
  if not found or v_listener.until < now() + interval '1 minute' then
    insert into private.listeners as l (org_id, until) values (changes.org_id, now() + interval '10 minutes')
    on conflict (org_id) do update
      set until = excluded.until, generation = greatest(excluded.generation, l.generation + 1), horizon = null
     where l.until < excluded.until - interval '9 minutes';
    select l.* into v_listener from private.listeners l where l.org_id = changes.org_id;
    v_reset := true;
  else
    if v_listener.horizon is null then
      update private.listeners l set horizon = pg_snapshot_xmax(pg_current_snapshot())
       where l.org_id = changes.org_id and l.horizon is null and l.generation = v_listener.generation;
      select l.* into v_listener from private.listeners l where l.org_id = changes.org_id;
    end if;
    if v_listener.until < now() + interval '5 minutes' then
      update private.listeners l set until = now() + interval '10 minutes' where l.org_id = changes.org_id;
    end if;
    v_settled := coalesce(pg_snapshot_xmin(pg_current_snapshot()) >= v_listener.horizon, false);
    if cursor ~ '^1\.[0-9]{1,18}\.[0-9]{1,12}\.[ws]\.[0-9]{1,18}:[0-9]{1,18}:[0-9,]*$' then
      v_parts := string_to_array(cursor, '.');
      if v_parts[2]::bigint = v_listener.generation and v_parts[3]::bigint > extract(epoch from now()) - 3300 then
        begin
          v_old := v_parts[5]::pg_snapshot;
        exception when invalid_text_representation then
          null;
        end;
      end if;
    end if;
    v_waits := v_old is null or v_parts[4] = 'w';
    v_reset := v_old is null or v_waits and v_settled;
  end if;
  -- One statement, so that what it sees is what the new cursor says it has seen.
  select pg_current_snapshot(), coalesce(jsonb_agg(t.item), '[]'), count(*), v_reset or coalesce(bool_or(t.is_all), false)
    into v_new, v_items, v_count, v_reset
    from (
      select bool_or(e.kind is null) as is_all, jsonb_strip_nulls(jsonb_build_object(
               'conversation_id', e.conversation_id, 'lead_id', e.lead_id, 'kinds', jsonb_agg(distinct e.kind),
               'message_ids', case when not bool_or(e.is_many) then jsonb_agg(distinct e.message_id) filter (where e.message_id is not null) end)) as item
        from (
          select i.conversation_id, i.lead_id, i.kind, m.id::bigint as message_id, i.kind in ('added', 'changed') and i.message_ids is null as is_many
            from private.changes c
            left join lateral jsonb_to_recordset(c.items) i (conversation_id uuid, lead_id uuid, kind text, message_ids jsonb) on true
            left join lateral jsonb_array_elements_text(i.message_ids) m (id) on true
           where not v_reset and c.org_id = changes.org_id and c.xid >= pg_snapshot_xmin(v_old) and not pg_visible_in_snapshot(c.xid, v_old)) e
       group by e.conversation_id, e.lead_id
       limit v_limit + 1) t;
  v_reset := v_reset or v_count > v_limit;
  -- Whoever asks for the first time reads its lists meanwhile, perhaps a moment before this call: the newest is told once more.
  if v_old is null and v_settled then
    select format('%1$s:%1$s:', least(min(c.xid), pg_snapshot_xmin(v_new))) into v_new
      from private.changes c where c.org_id = changes.org_id and c.at > now() - interval '30 seconds';
  end if;
  return jsonb_build_object(
      'cursor', concat_ws('.', '1', v_listener.generation, floor(extract(epoch from now())), case when v_settled then 's' else 'w' end, v_new),
      'changes', case when v_reset then '[]' else v_items end)
    || case when v_reset then '{"reset": true}' else '{}'::jsonb end;
end;
$$;
comment on function private.changes is 'Body of public.changes. Definer: nobody may read or write what it keeps.';
create function public.changes(org_id uuid, cursor text default null, page_size int default 200) returns jsonb
  language sql volatile set search_path = ''
begin atomic
  select private.changes(org_id, cursor, page_size);
end;
comment on function public.changes is
  'What changed since a cursor: {cursor, changes: [{conversation_id, kinds: added, changed (messages), conversation, gone, note, event, message_ids: '
  'unless they are many}, {lead_id, kinds: lead, lead_gone, activity}, {kinds: [many_leads]}, {kinds: [bell]} (somebody was told something)], reset: true when everything must be loaded again: first call, cursor older than 55 minutes, more than page_size '
  'conversations}. Returns at once; what happened in the half minute before a first call is told by the second one, for whoever loaded everything while the first was under way. Ask again within 9 minutes, or listening ends. Raises PT404.';
grant execute on function private.changes, public.changes to authenticated;

-- Who may listen to the channel of an organization. Topics are compared as text: a cast would make one odd name an error for everybody.
create function private.open_channel() returns void
  language plpgsql volatile set search_path = ''
as $$
begin
  if to_regclass('realtime.messages') is not null and to_regprocedure('realtime.topic()') is not null
     and not exists (select from pg_catalog.pg_policies p where (p.schemaname, p.tablename) = ('realtime', 'messages')
                        and p.policyname = 'Members may listen to what changes in their organizations') then
    execute 'create policy "Members may listen to what changes in their organizations" on realtime.messages for select to authenticated
      using (extension = ''broadcast'' and (select realtime.topic()) = any (array(select ''org:'' || o from private.my_org_ids_as(''agent'', ''admin'', ''owner'') o)))';
  end if;
end;
$$;
comment on function private.open_channel is 'Lets members listen to the channels of their organizations, where Realtime is; harmless to repeat.';
select private.open_channel();
