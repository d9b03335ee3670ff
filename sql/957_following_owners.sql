-- 957_following_owners.sql: who is told when a lead or a note is theirs, and conversations that go to who has the lead.

create function private.tg_leads__follow_owner() returns trigger
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
begin
  if not exists (select from new_leads n join old_leads o on o.org_id = n.org_id and o.id = n.id where n.owner_id is distinct from o.owner_id and n.owner_id is not null) then
    return null;
  end if;
  -- Of many at once a person is told once.
  insert into public.notifications (org_id, user_id, kind, actor, many, lead_id)
  select n.org_id, n.owner_id, 'lead_assigned', auth.uid(), count(*), case when count(*) = 1 then (array_agg(n.id))[1] end
    from new_leads n join old_leads o on o.org_id = n.org_id and o.id = n.id
   where n.owner_id is distinct from o.owner_id and n.owner_id is not null and n.owner_id is distinct from auth.uid()
   group by 1, 2;
  with given as (
    select distinct on (n.org_id, n.contact_id) n.org_id, n.contact_id, n.owner_id
      from new_leads n join old_leads o on o.org_id = n.org_id and o.id = n.id
     where n.owner_id is distinct from o.owner_id and n.owner_id is not null
     order by n.org_id, n.contact_id, n.received_at desc, n.id
  ), threads as (
    select v.org_id, v.id, g.owner_id from given g
     cross join lateral (select c.org_id, c.id from public.conversations c
                          where c.contact_id between g.contact_id and g.contact_id and c.org_id = g.org_id and c.assignee_id is null
                          order by c.contact_id, c.org_id) v
  ), locked as (
    select c.org_id, c.id from public.conversations c where (c.org_id, c.id) in (select t.org_id, t.id from threads t) order by c.org_id, c.id for no key update)
  update public.conversations c set assignee_id = t.owner_id from threads t join locked k on k.org_id = t.org_id and k.id = t.id
   where c.org_id = t.org_id and c.id = t.id and c.assignee_id is null;
  return null;
end;
$$;
comment on function private.tg_leads__follow_owner is
  'After leads change: whoever has them now is told, unless they took them themselves, and answers conversations of those people that nobody answers yet. Definer: called beneath RLS.';
create trigger leads_follow_owner after update on public.leads referencing old table as old_leads new table as new_leads
  for each statement execute function private.tg_leads__follow_owner();

create function private.tg_conversations__take_owner() returns trigger
  language plpgsql volatile security definer set search_path = ''
as $$
begin
  new.assignee_id := (
    select l.owner_id from public.leads l join public.pipeline_stages s on s.org_id = l.org_id and s.id = l.stage_id and s.kind = 'open'
     where l.org_id = new.org_id and l.contact_id between new.contact_id and new.contact_id and l.owner_id is not null
     order by l.contact_id, l.received_at desc, l.id limit 1);
  return new;
end;
$$;
comment on function private.tg_conversations__take_owner is 'A new conversation goes to who has the person''s newest open lead. Definer: called beneath RLS.';
create trigger conversations_take_owner before insert on public.conversations
  for each row when (new.assignee_id is null) execute function private.tg_conversations__take_owner();

create function private.tg_note_mentions__tell() returns trigger
  language plpgsql volatile security definer set search_path = ''
as $$
begin
  insert into public.notifications (org_id, user_id, kind, key, actor, conversation_id, note_id)
  select n.org_id, new.user_id, 'mention', 'note:' || n.id, n.author_id, n.conversation_id, n.id
    from public.conversation_notes n where n.org_id = new.org_id and n.id = new.note_id and n.author_id <> new.user_id
      on conflict (org_id, user_id, key) where key is not null do nothing;
  return null;
end;
$$;
comment on function private.tg_note_mentions__tell is 'Whom a note calls by name is told, once a note. Definer: nobody may write notifications directly.';
create trigger note_mentions_tell after insert on public.note_mentions
  for each row execute function private.tg_note_mentions__tell();
