-- 684_person_merging.sql: the merge that a member asked for, in one transaction.

create function private.hold_people(org_id uuid, contact_ids uuid[]) returns void
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
begin
  -- Leads of these people wait before they look anybody up; messages of theirs wait for the rows.
  perform private.lock_people(hold_people.org_id, array(
    select p.value from public.contact_points p where p.org_id = hold_people.org_id and p.contact_id = any (hold_people.contact_ids)));
  perform from public.contacts c where c.org_id = hold_people.org_id and c.id = any (hold_people.contact_ids) order by c.id for update;
end;
$$;
comment on function private.hold_people is 'Until the transaction ends nothing of these contacts arrives: leads, messages and other merges wait.';

create function private.apply_picks(org_id uuid, survivor public.contacts, other public.contacts, fields jsonb) returns void
  language sql volatile security definer set search_path = ''
as $$
  update public.contacts c
     set name = fields #>> '{name,kept}',
         name_at = case when fields #> '{name,kept}' is not distinct from fields #> '{name,survivor}' then (survivor).name_at else (other).name_at end,
         phone = fields #>> '{phone,kept}',
         phone_kind = case when fields #> '{phone,kept}' is not distinct from fields #> '{phone,survivor}' then (survivor).phone_kind else (other).phone_kind end,
         email = fields #>> '{email,kept}', company = fields #>> '{company,kept}', address = fields #>> '{address,kept}', city = fields #>> '{city,kept}',
         state = fields #>> '{state,kept}', pincode = fields #>> '{pincode,kept}', country = fields #>> '{country,kept}'
   where c.org_id = apply_picks.org_id and c.id = (survivor).id
$$;
comment on function private.apply_picks is 'Gives the survivor of a merge the values that private.merge_fields kept.';

create function private.note_merge(org_id uuid, contact_id uuid, kind text, details jsonb) returns void
  language sql volatile security definer set search_path = ''
as $$
  insert into public.lead_activities (org_id, lead_id, actor, kind, details)
  select l.org_id, l.id, auth.uid(), note_merge.kind, note_merge.details
    from public.leads l where l.org_id = note_merge.org_id and l.contact_id = note_merge.contact_id
   order by l.received_at desc limit 200
$$;
comment on function private.note_merge is 'A merge or its undoing in the timeline of each lead of a contact, of the newest 200.';

create function private.merge_by_person(org_id uuid, survivor_id uuid, other_id uuid, picks jsonb) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_org      uuid := merge_by_person.org_id;
  v_both     uuid[] := array[merge_by_person.survivor_id, merge_by_person.other_id];
  v_survivor public.contacts;
  v_other    public.contacts;
  v_done     public.contact_merges;
  v_fields   jsonb;
  v_moved    jsonb;
  v_before   private.row_image[];
  v_id       uuid := gen_random_uuid();
begin
  perform private.require_role(v_org, 'agent');
  if merge_by_person.survivor_id is not distinct from merge_by_person.other_id then
    raise sqlstate 'PT422' using message = 'This is one and the same contact.', detail = 'same_contact', hint = 'Choose two.';
  end if;
  perform private.hold_people(v_org, v_both);
  select c.* into v_survivor from public.contacts c where c.org_id = v_org and c.id = merge_by_person.survivor_id;
  select c.* into v_other from public.contacts c where c.org_id = v_org and c.id = merge_by_person.other_id;
  if v_survivor.id is null or v_other.id is null then
    -- Somebody else may have merged the same two a moment ago.
    select m.* into v_done from public.contact_merges m
     where m.org_id = v_org and m.undone_at is null and (m.merged_id = v_both[1] and m.survivor_id = v_both[2] or m.merged_id = v_both[2] and m.survivor_id = v_both[1])
     order by m.seq desc limit 1;
    if found and v_done.survivor_id = merge_by_person.survivor_id then
      return jsonb_build_object('merge_id', v_done.id, 'contact_id', v_done.survivor_id, 'moved', v_done.moved, 'undo_until', v_done.merged_at + interval '30 days');
    elsif found then
      raise sqlstate 'PT409' using message = 'Somebody has made these two one already, the other way round.', detail = 'already_merged', hint = 'contact_id=' || v_done.survivor_id;
    end if;
    raise sqlstate 'PT404' using message = 'There are no two such contacts.', detail = 'contact_unknown', hint = 'Reload the list.';
  end if;
  perform private.refuse_erasing(v_org, v_both);
  v_fields := private.merge_fields(v_survivor, v_other, coalesce(merge_by_person.picks, '{}'));
  v_moved := private.references_of(v_org, v_other.id);
  v_before := array(select i from private.row_images(v_org, v_both) i);

  perform private.merge_contacts(v_org, v_both[1], v_both[2], v_survivor.id);
  perform private.apply_picks(v_org, v_survivor, v_other, v_fields);
  -- Whoever of the two had asked to stop: they are one, and have asked to stop.
  if v_survivor.opted_out_at is not null or v_other.opted_out_at is not null then
    perform private.record_consent(v_org, v_survivor.id, now(), 'opt_out', 'person', jsonb_build_object('merge_id', v_id, 'person', auth.uid()), 'merge:' || v_id)
       from public.contacts c where c.org_id = v_org and c.id = v_survivor.id and c.opted_out_at is null;
  end if;
  perform private.note_merge(v_org, v_survivor.id, 'contact_merged', jsonb_build_object('merge_id', v_id, 'merged', v_other.id));

  insert into public.contact_merges (org_id, id, survivor_id, merged_id, merged_by, moved, consent_to)
  values (v_org, v_id, v_survivor.id, v_other.id, auth.uid(), v_moved,
          coalesce((select max(e.id) from public.consent_events e where e.org_id = v_org and e.contact_id = v_survivor.id), 0));
  insert into private.contact_merge_changes (org_id, merge_id, tab, key, before, after)
  select v_org, v_id, tab, key,
         case when b.image is null or a.image is null then b.image else (select jsonb_object_agg(x.key, x.value) from jsonb_each(b.image) x where x.value <> a.image -> x.key) end,
         case when b.image is null or a.image is null then a.image else (select jsonb_object_agg(x.key, x.value) from jsonb_each(a.image) x where x.value <> b.image -> x.key) end
    from unnest(v_before) b full join private.row_images(v_org, v_both) a using (tab, key)
   where b.image is distinct from a.image and not (tab = 'public.contact_merges' and b.image is null);       -- not this one
  return jsonb_build_object('merge_id', v_id, 'contact_id', v_survivor.id, 'moved', v_moved, 'undo_until', now() + interval '30 days');
end;
$$;
comment on function private.merge_by_person is 'Body of public.merge_contacts: holds both, moves everything, applies the picks, keeps an opt-out, and writes down what changed. Definer: nobody may write these tables directly.';
create function public.merge_contacts(org_id uuid, survivor_id uuid, other_id uuid, picks jsonb default '{}') returns jsonb
  language sql volatile set search_path = ''
begin atomic
  select private.merge_by_person(org_id, survivor_id, other_id, picks);
end;
comment on function public.merge_contacts is
  'Makes two contacts one, in one transaction: all of the other moves to the survivor, conversations of one number are united, an opt-out of either stays one. picks: {field: survivor or other}, else the survivor''s '
  'value unless it is empty. The same again: the same answer. Returns {merge_id, contact_id, moved: {table: rows}, undo_until}. Raises PT404 contact_unknown, PT409 already_merged with hint contact_id=…, PT422 same_contact, picks_invalid.';
grant execute on function private.merge_by_person, public.merge_contacts to authenticated;

create function private.list_merges(org_id uuid, contact_id uuid) returns jsonb
  language plpgsql stable security definer set search_path = ''
as $$
#variable_conflict use_column
begin
  perform private.require_role(list_merges.org_id, 'agent');
  if not exists (select from public.contacts c where c.org_id = list_merges.org_id and c.id = list_merges.contact_id) then
    raise sqlstate 'PT404' using message = 'There is no such contact.', detail = 'contact_unknown', hint = 'Reload the page.';
  end if;
  return jsonb_build_object('items', (
    select coalesce(jsonb_agg(jsonb_build_object('merge_id', m.id, 'merged_id', m.merged_id, 'merged_at', m.merged_at, 'merged_by', m.merged_by, 'moved', m.moved, 'undone_at', m.undone_at,
             'name', h.before ->> 'name', 'phone', h.before ->> 'phone', 'email', h.before ->> 'email', 'undo_until', m.merged_at + interval '30 days',
             'obstacle', private.undo_obstacle(m)) order by m.seq desc), '[]')
      from (select x.* from public.contact_merges x where x.org_id = list_merges.org_id and x.survivor_id = list_merges.contact_id order by x.seq desc limit 100) m
      left join private.contact_merge_changes h on h.org_id = m.org_id and h.merge_id = m.id and h.tab = 'public.contacts' and h.key = jsonb_build_object('org_id', m.org_id, 'id', m.merged_id)));
end;
$$;
comment on function private.list_merges is 'Body of public.list_merges. Definer: who was merged is in a closed table.';
create function public.list_merges(org_id uuid, contact_id uuid) returns jsonb
  language sql stable set search_path = ''
begin atomic
  select private.list_merges(org_id, contact_id);
end;
comment on function public.list_merges is
  'Who was merged into a contact, the newest 100 first: {items: [{merge_id, merged_id, name, phone, email: of who was merged, while it can be undone, merged_at, merged_by, moved, undone_at, undo_until, '
  'obstacle: why it cannot be undone (undone, merge_too_old, merge_closed, merge_undo_order) or null}]}. Raises PT404.';
grant execute on function private.list_merges, public.list_merges to authenticated;
