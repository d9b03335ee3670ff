-- 686_undo_merge.sql: the undoing of a merge as members ask for it; its parts are in 685_person_unmerge.sql.

create function private.restore_conversations(merge public.contact_merges) returns void
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  r        record;
  v_back   jsonb;
  v_unread int;
begin
  for r in
    select (g.before ->> 'id')::uuid as gone, (g.before ->> 'unread_count')::int as unread, (g.before ->> 'number_id')::uuid as number_id,
           k.id as kept, k.unread_count, to_jsonb(k) as current, h.before, h.after
      from private.contact_merge_changes g
      join public.conversations k on k.org_id = g.org_id and k.number_id = (g.before ->> 'number_id')::uuid and k.contact_id = (merge).survivor_id
      left join private.contact_merge_changes h on h.org_id = g.org_id and h.merge_id = g.merge_id and h.tab = g.tab and h.key = jsonb_build_object('org_id', k.org_id, 'id', k.id)
     where g.org_id = (merge).org_id and g.merge_id = (merge).id and g.tab = 'public.conversations' and g.after is null order by k.id
  loop
    select jsonb_object_agg(x.key, x.value) into v_back from jsonb_each(r.before) x
     where x.key in ('assignee_id', 'status', 'created_at', 'referral') and r.current -> x.key = r.after -> x.key;
    v_unread := least(r.unread, r.unread_count);       -- what has been read since stays read
    update public.conversations c
       set (assignee_id, status, created_at, referral) = (select p.assignee_id, p.status, p.created_at, p.referral from jsonb_populate_record(c, coalesce(v_back, '{}')) p),
           unread_count = c.unread_count - v_unread
     where c.org_id = (merge).org_id and c.id = r.kept;
    update public.conversations c set unread_count = v_unread where c.org_id = (merge).org_id and c.id = r.gone;
    -- A message of theirs that held the lane, because Meta's answer was lost, is not in it any more.
    update private.send_lanes l set message_id = null, late_lease = null, next_at = now()
     where l.org_id = (merge).org_id and l.conversation_id = r.kept
       and exists (select from public.messages m where m.org_id = l.org_id and m.id = l.message_id and m.conversation_id = r.gone);
    if private.has_queued((merge).org_id, r.gone) then
      insert into private.send_lanes as l (org_id, conversation_id, number_id, next_at) values ((merge).org_id, r.gone, r.number_id, now())
          on conflict (org_id, conversation_id) do update set next_at = coalesce(l.next_at, now());
    end if;
    update public.conversations c
       set last_message_at = coalesce((select max(m.at) from public.messages m where m.org_id = c.org_id and m.conversation_id = c.id), '-infinity')
     where c.org_id = (merge).org_id and c.id in (r.kept, r.gone);
    perform private.settle_preview((merge).org_id, c), private.close_window((merge).org_id, c), private.rebuild_windows((merge).org_id, c) from unnest(array[r.kept, r.gone]) c;
  end loop;
end;
$$;
comment on function private.restore_conversations is 'Conversations that were united are two again: their messages have gone back, and counts, windows, previews and lanes follow them.';

create function private.restore_consent(merge public.contact_merges) returns void
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_out timestamptz;
begin
  -- The event that the merge wrote goes to whoever had asked to stop.
  update public.consent_events e set contact_id = (merge).merged_id
   where e.org_id = (merge).org_id and e.source_ref = 'merge:' || (merge).id
     and exists (select from public.contacts c where c.org_id = e.org_id and c.id = (merge).merged_id and c.opted_out_at is not null);
  if exists (select from public.consent_events e where e.org_id = (merge).org_id and e.contact_id = (merge).survivor_id
                and e.id > (merge).consent_to) then
    perform private.settle_consent((merge).org_id, (merge).survivor_id);
    select c.opted_out_at into v_out from public.contacts c where c.org_id = (merge).org_id and c.id = (merge).survivor_id;
    if v_out is not null then
      perform private.record_consent((merge).org_id, (merge).merged_id, v_out, 'opt_out', 'person', jsonb_build_object('merge_id', (merge).id, 'undone_by', auth.uid()), 'unmerge:' || (merge).id);
    end if;
  end if;
end;
$$;
comment on function private.restore_consent is 'Each has their own word again. A stop that came while both were one counts for both.';

create function private.undo_merge(org_id uuid, merge_id uuid) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_merge public.contact_merges;
  v_late  int := 0;
begin
  perform private.require_role(undo_merge.org_id, 'agent');
  v_merge := private.hold_merge(undo_merge.org_id, undo_merge.merge_id);
  if v_merge.undone_at is null then
    perform from private.send_lanes l where l.org_id = v_merge.org_id
        and l.conversation_id in (select c.id from public.conversations c where c.org_id = v_merge.org_id and c.contact_id = v_merge.survivor_id) order by l.conversation_id for update;
    perform from public.conversations c where c.org_id = v_merge.org_id and c.contact_id = v_merge.survivor_id order by c.id for update;
    begin
      perform private.restore_contacts(v_merge);
      perform private.restore_references(v_merge);
      perform private.restore_conversations(v_merge);
      perform private.restore_recipients(v_merge);
    exception when unique_violation or foreign_key_violation then
      raise sqlstate 'PT409' using message = 'Something of who would come back has gone elsewhere since.', detail = 'merge_cannot_be_undone', hint = 'Make a new contact, and move what is theirs by hand.';
    end;
    update public.leads l set contact_id = v_merge.merged_id
     where l.org_id = v_merge.org_id and l.contact_id = v_merge.survivor_id
     and l.created_at > v_merge.merged_at - interval '1 minute'          -- one that waited for the merge began before it
       and l.phone in (select p.value from private.merged_points(v_merge) p where p.kind = 'phone');
    get diagnostics v_late = row_count;
    perform private.restore_consent(v_merge);
    -- Nobody proposes them again.
    insert into public.likely_duplicates as d (org_id, one, other, reasons, score, denied_at, denied_by)
    values (v_merge.org_id, least(v_merge.survivor_id, v_merge.merged_id), greatest(v_merge.survivor_id, v_merge.merged_id), '{}', 0, now(), auth.uid())
        on conflict (org_id, one, other) do update set denied_at = now(), denied_by = auth.uid() where d.denied_at is null;
    perform private.queue_likeness(v_merge.org_id, v_merge.survivor_id);
    perform private.note_merge(v_merge.org_id, c, 'contact_unmerged', jsonb_build_object('merge_id', v_merge.id, 'merged', v_merge.merged_id))
       from unnest(array[v_merge.survivor_id, v_merge.merged_id]) c;
    perform private.audit(v_merge.org_id, 'contact.unmerged', 'contact', v_merge.survivor_id::text, jsonb_build_object('merged', v_merge.merged_id, 'merge_id', v_merge.id));
    update public.contact_merges m set undone_at = now(), undone_by = auth.uid() where m.org_id = v_merge.org_id and m.id = v_merge.id returning m.* into v_merge;
    delete from private.contact_merge_changes h where h.org_id = v_merge.org_id and h.merge_id = v_merge.id;
  end if;
  return jsonb_build_object('merge_id', v_merge.id, 'contact_id', v_merge.merged_id, 'survivor_id', v_merge.survivor_id, 'undone_at', v_merge.undone_at, 'late_leads', v_late);
end;
$$;
comment on function private.undo_merge is 'Body of public.undo_merge. Definer: nobody may write these tables directly.';
create function public.undo_merge(org_id uuid, merge_id uuid) returns jsonb
  language sql volatile set search_path = ''
begin atomic
  select private.undo_merge(org_id, merge_id);
end;
comment on function public.undo_merge is
  'Takes a merge back within 30 days: the merged contact returns under its old id with everything that was moved. What arrived since stays with the survivor, but leads that gave one of the other''s numbers (late_leads) follow it. '
  'Again: the same answer. Returns {merge_id, contact_id: who is back, survivor_id, undone_at, late_leads}. Raises PT404 merge_unknown, PT409 merge_too_old, merge_closed, merge_undo_order, suppressed, point_taken with hint contact_id=…, '
  'message_under_way, contact_busy, merge_cannot_be_undone.';
grant execute on function private.undo_merge, public.undo_merge to authenticated;
