-- 685_person_unmerge.sql: a merge is taken back: what it moved returns, whatever has been done to it since.
--
-- What stays as it is: what arrived since the merge stays with the survivor, except leads that gave one of the other's numbers, which follow
-- the number; what the merge ended (a second copy of a broadcast, a second run of a sequence) stays ended, so that an undo sends nothing;
-- fields that somebody has changed since keep the change; an opt-out since the merge counts for both, as nobody can tell whose it was.

create function private.undo_obstacle(merge public.contact_merges) returns text
  language sql stable security definer set search_path = ''
as $$
  select case
    when (merge).undone_at is not null then 'undone'
    when (merge).closed_at is not null then 'merge_closed'
    when (merge).merged_at < now() - interval '30 days' then 'merge_too_old'
    when exists (select from public.contact_merges l where l.org_id = (merge).org_id and l.survivor_id = (merge).survivor_id and l.undone_at is null
                    and l.seq > (merge).seq) then 'merge_undo_order' end
$$;
comment on function private.undo_obstacle is 'Why a merge cannot be undone: undone, merge_closed, merge_too_old, merge_undo_order (a later one of the same contact comes first); null: it can.';

create function private.hold_merge(org_id uuid, merge_id uuid) returns public.contact_merges
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_merge    public.contact_merges;
  v_survivor uuid;
  v_points   text[];
  v_kinds    text[];
  v_taken    uuid;
begin
  select m.* into v_merge from public.contact_merges m where m.org_id = hold_merge.org_id and m.id = hold_merge.merge_id;
  if not found then
    raise sqlstate 'PT404' using message = 'There is no such merge.', detail = 'merge_unknown', hint = 'Reload the page.';
  end if;
  v_survivor := v_merge.survivor_id;
  perform private.hold_people(v_merge.org_id, array[v_survivor]);
  select m.* into v_merge from public.contact_merges m where m.org_id = hold_merge.org_id and m.id = hold_merge.merge_id for update;
  if v_merge.id is null or v_merge.survivor_id <> v_survivor then
    raise sqlstate 'PT409' using message = 'The contact is being merged at this moment.', detail = 'contact_busy', hint = 'Try again.';
  elsif v_merge.undone_at is not null then
    return v_merge;
  end if;
  case private.undo_obstacle(v_merge)
    when 'merge_closed' then
      raise sqlstate 'PT409' using detail = 'merge_closed', hint = 'It stays as it is.', message = case v_merge.closed_for
        when 'erased' then 'The person was erased since.' else 'WhatsApp has shown since that this contact and another are one person: they cannot be told apart any more.' end;
    when 'merge_too_old' then
      raise sqlstate 'PT409' using message = 'A merge can be undone for 30 days.', detail = 'merge_too_old', hint = 'Make a new contact, and move what is theirs by hand.';
    when 'merge_undo_order' then
      raise sqlstate 'PT409' using message = 'This contact was merged again since.', detail = 'merge_undo_order', hint = 'Undo the newest merge first.';
    else null;
  end case;
  select array_agg(p.kind), array_agg(p.value) into v_kinds, v_points from private.merged_points(v_merge) p;
  if exists (select from unnest(private.suppressed_points(v_merge.org_id, v_kinds, v_points)) h where h is not null) then
    raise sqlstate 'PT409' using message = 'The person who would come back was erased.', detail = 'suppressed', hint = 'It stays as it is.';
  end if;
  select p.contact_id into v_taken from public.contact_points p
   where p.org_id = v_merge.org_id and p.kind = 'phone' and p.value = any (v_points) and p.contact_id <> v_survivor limit 1;
  if found then
    raise sqlstate 'PT409' using message = 'A number of who would come back is another contact''s by now.', detail = 'point_taken', hint = 'contact_id=' || v_taken;
  elsif exists (select from private.send_lanes l join public.conversations c on (c.org_id, c.id) = (l.org_id, l.conversation_id)
                 where c.org_id = v_merge.org_id and c.contact_id = v_survivor and l.lease is not null for update of l) then
    raise sqlstate 'PT409' using message = 'A message to this contact is on its way at this moment.', detail = 'message_under_way', hint = 'Try again in a minute.';
  end if;
  return v_merge;
end;
$$;
comment on function private.hold_merge is
  'The merge, with its survivor and lanes locked, when it can be undone or was undone already. Raises PT404 merge_unknown, PT409 contact_busy, merge_closed, merge_too_old, merge_undo_order, suppressed, point_taken, message_under_way.';

create function private.merged_points(merge public.contact_merges) returns table (kind text, value text, image jsonb)
  language sql stable security definer set search_path = ''
as $$
  select h.key ->> 'kind', h.key ->> 'value', h.before from private.contact_merge_changes h
   where h.org_id = (merge).org_id and h.merge_id = (merge).id and h.tab = 'public.contact_points' and h.after is null
     and h.key ->> 'contact_id' = (merge).merged_id::text
$$;
comment on function private.merged_points is 'The numbers and addresses that the merged contact had, each with its whole row.';

create function private.restore_contacts(merge public.contact_merges) returns void
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_survivor jsonb := (select to_jsonb(c) from public.contacts c where c.org_id = (merge).org_id and c.id = (merge).survivor_id);
  v_other    jsonb;
  v_change   private.contact_merge_changes;
  v_back     jsonb;
begin
  select h.before into v_other from private.contact_merge_changes h
   where h.org_id = (merge).org_id and h.merge_id = (merge).id and h.tab = 'public.contacts' and h.after is null;
  select h.* into v_change from private.contact_merge_changes h
   where h.org_id = (merge).org_id and h.merge_id = (merge).id and h.tab = 'public.contacts' and h.after is not null;
  -- What the merge changed and nobody since; and, whoever set it, what can be only one contact's and is the other's.
  select jsonb_object_agg(k, coalesce(v_change.before -> k, 'null')) into v_back
    from unnest(array['name', 'name_at', 'phone', 'phone_given', 'phone_kind', 'country', 'email', 'company', 'address', 'city', 'state', 'pincode', 'wa_id', 'user_id', 'opted_out_at',
                      'greeted_at', 'custom', 'created_at', 'username', 'username_at', 'parent_user_id']) k
   where v_change.after ? k and v_survivor -> k = v_change.after -> k
      or k in ('wa_id', 'user_id') and v_survivor ->> k = v_other ->> k
      or k = 'phone' and exists (select from private.merged_points(merge) p where p.kind = 'phone' and p.value = v_survivor ->> 'phone');
  if v_back is not null then
    execute format('update public.contacts c set (%s) = (select %s from jsonb_populate_record(c, $1)) where c.org_id = $2 and c.id = $3',
      (select string_agg(quote_ident(k), ', ' order by k) || ', updated_at' from jsonb_object_keys(v_back) k),
      (select string_agg(quote_ident(k), ', ' order by k) || ', now()' from jsonb_object_keys(v_back) k))
      using v_back, (merge).org_id, (merge).survivor_id;
  end if;
  -- Points go before who they belong to comes: a number leads to one contact.
  delete from public.contact_points p using private.contact_merge_changes h
   where p.org_id = (merge).org_id and p.contact_id = (merge).survivor_id and h.org_id = p.org_id and h.merge_id = (merge).id and h.tab = 'public.contact_points'
     and h.before is null and h.key ->> 'contact_id' = p.contact_id::text and h.key ->> 'kind' = p.kind and h.key ->> 'value' = p.value;
  insert into public.contacts select (jsonb_populate_record(null::public.contacts, v_other)).*;
  insert into public.contact_points as p
  select (jsonb_populate_record(null::public.contact_points, m.image)).* from private.merged_points(merge) m
      on conflict (org_id, contact_id, kind, value) do update
     set label = excluded.label, source = excluded.source, created_at = excluded.created_at;
end;
$$;
comment on function private.restore_contacts is 'The merged contact comes back as it was, with its points; the survivor loses what it had from it, unless somebody has changed it since.';

create function private.restore_recipients(merge public.contact_merges) returns void
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  r     record;
  v_row jsonb;
begin
  for r in
    select g.before as other, s.before as survivor, s.key is not null as is_moved from private.contact_merge_changes g
      left join private.contact_merge_changes s on s.org_id = g.org_id and s.merge_id = g.merge_id and s.tab = g.tab
            and s.key = g.key || jsonb_build_object('contact_id', (merge).survivor_id) and s.after is not null
     where g.org_id = (merge).org_id and g.merge_id = (merge).id and g.tab = 'public.broadcast_recipients' and g.after is null
       and g.key ->> 'contact_id' = (merge).merged_id::text order by g.key
  loop
    if r.is_moved then          -- theirs is the row that the survivor has now, and with it what became of it since
      update public.broadcast_recipients b set contact_id = (merge).merged_id
       where b.org_id = (merge).org_id and b.broadcast_id = (r.other ->> 'broadcast_id')::uuid and b.contact_id = (merge).survivor_id;
    end if;
    continue when r.is_moved and r.survivor is null;
    v_row := r.other || case when r.is_moved then r.survivor || jsonb_build_object('contact_id', (merge).survivor_id) else '{}' end;
    if v_row ->> 'outcome' in ('waiting', 'queued') then
      v_row := v_row || '{"outcome": "skipped", "reason": "duplicate", "words": "They were one contact with another recipient when it was sent"}';
    end if;
    insert into public.broadcast_recipients select (jsonb_populate_record(null::public.broadcast_recipients, v_row)).* on conflict do nothing;
    if found then
      update public.broadcasts b set total = b.total + 1 where b.org_id = (merge).org_id and b.id = (v_row ->> 'broadcast_id')::uuid;
    end if;
  end loop;
end;
$$;
comment on function private.restore_recipients is 'Each of the two is a recipient again where they were; what had not been sent to the second is not sent any more.';

create function private.restore_references(merge public.contact_merges) returns void
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  r record;
begin
  for r in
    select c.tab, c.tab::text as name, c.col, a.atttypid::regtype as type,
           (select string_agg(format('t.%I = (h.key ->> %L)::%s', k.attname, k.attname, k.atttypid::regtype), ' and ')
              from pg_catalog.pg_index i join pg_catalog.pg_attribute k on k.attrelid = i.indrelid and k.attnum = any (i.indkey::int2[])
             where i.indrelid = c.tab and i.indisprimary) as same,
           exists (select from pg_catalog.pg_index i where i.indrelid = c.tab and i.indisprimary and a.attnum = any (i.indkey::int2[])) as is_key,
           (select string_agg(quote_ident(k.attname), ', ' order by k.attnum) from pg_catalog.pg_attribute k
             where k.attrelid = c.tab and k.attnum > 0 and not k.attisdropped and k.attgenerated = '') as columns
      from private.contact_references() c
      join pg_catalog.pg_attribute a on a.attrelid = c.tab and a.attname = c.col
     where c.tab::text not in ('public.contact_points', 'public.broadcast_recipients')
  loop
    if r.is_key then             -- a move made another row of it: that one goes, the old one comes
      execute format('delete from %s t using private.contact_merge_changes h where h.org_id = $1 and h.merge_id = $2 and h.tab = $3 and h.before is null and %s', r.tab, r.same)
        using (merge).org_id, (merge).id, r.name;
    else
      execute format('update %s t set %I = (h.before ->> %L)::%s from private.contact_merge_changes h
                       where h.org_id = $1 and h.merge_id = $2 and h.tab = $3 and h.before ? %L and h.after ? %L and %s and t.%I = (h.after ->> %L)::%s',
        r.tab, r.col, r.col, r.type, r.col, r.col, r.same, r.col, r.col, r.type) using (merge).org_id, (merge).id, r.name;
    end if;
    execute format('insert into %s (%s) overriding system value select %s from private.contact_merge_changes h
                     cross join lateral jsonb_populate_record(null::%s, h.before) t where h.org_id = $1 and h.merge_id = $2 and h.tab = $3 and h.after is null order by h.key
                        on conflict do nothing', r.tab, r.columns, (select string_agg('t.' || x, ', ') from unnest(string_to_array(r.columns, ', ')) x), r.tab)
      using (merge).org_id, (merge).id, r.name;
  end loop;
end;
$$;
comment on function private.restore_references is 'Every row that the merge moved refers to the merged contact, or to its conversation, again; rows that it removed come back. Rows that somebody has moved since stay there.';
