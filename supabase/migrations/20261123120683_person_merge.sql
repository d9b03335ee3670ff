-- 683_person_merge.sql: a member makes two contacts one. The moving itself is 680_contact_merge.sql; here it is written down row by row,
-- so that 684_person_unmerge.sql can take it back.

create table public.contact_merges (
  org_id      uuid not null,
  id          uuid not null default gen_random_uuid(),
  survivor_id uuid not null,
  merged_id   uuid not null,
  merged_at   timestamptz not null default now(),
  merged_by   uuid,
  moved       jsonb not null,
  seq         bigint generated always as identity,
  consent_to  bigint not null default 0,
  undone_at   timestamptz,
  undone_by   uuid,
  closed_at   timestamptz,
  closed_for  text,
  primary key (org_id, id),
  constraint merge_survivor_is_a_contact_of_the_organization foreign key (org_id, survivor_id) references public.contacts (org_id, id) on delete cascade,
  constraint merge_is_closed_for_a_reason check ((closed_at is null) = (closed_for is null) and closed_for in ('automatic', 'erased'))
);
comment on table public.contact_merges is 'Each time a member made two contacts one. Can be undone for 30 days, the newest of a contact first.';
comment on column public.contact_merges.org_id is 'The organization.';
comment on column public.contact_merges.id is 'What public.undo_merge takes.';
comment on column public.contact_merges.survivor_id is 'The contact that is left; follows it when that one is merged too.';
comment on column public.contact_merges.merged_id is 'The contact that went; it comes back under this id. No foreign key: it is gone.';
comment on column public.contact_merges.merged_at is 'When.';
comment on column public.contact_merges.merged_by is 'The member. No foreign key: it outlives the membership.';
comment on column public.contact_merges.moved is 'What the contact that went had: {table: rows}.';
comment on column public.contact_merges.seq is 'Grows with each merge: the newest of a contact is undone first.';
comment on column public.contact_merges.consent_to is 'The newest consent event of either when they were merged; later ones came while they were one.';
comment on column public.contact_merges.undone_at is 'When it was undone; null: it stands.';
comment on column public.contact_merges.undone_by is 'The member who undid it.';
comment on column public.contact_merges.closed_at is 'Since when it cannot be undone any more, before its time; null: it can.';
comment on column public.contact_merges.closed_for is 'automatic: WhatsApp has proven since that the survivor and somebody else are one; erased: the person was.';
create index contact_merges_survivor on public.contact_merges (org_id, survivor_id, seq desc);
create index contact_merges_merged on public.contact_merges (org_id, merged_id);
alter table public.contact_merges enable row level security;
create policy "Members can read which contacts were made one"
  on public.contact_merges for select to authenticated
  using (org_id = any (array(select private.my_org_ids())));
grant select on public.contact_merges to authenticated;

create table private.contact_merge_changes (
  org_id   uuid not null,
  merge_id uuid not null,
  tab      text not null,
  key      jsonb not null,
  before   jsonb,
  after    jsonb,
  primary key (org_id, merge_id, tab, key),
  constraint change_is_of_a_merge foreign key (org_id, merge_id) references public.contact_merges (org_id, id) on delete cascade,
  constraint change_changes_something check (before is distinct from after)
);
comment on table private.contact_merge_changes is 'What a merge changed, row by row. Holds what the merged contact was: dropped after 30 days, on undo, and on erasure.';
comment on column private.contact_merge_changes.org_id is 'The organization.';
comment on column private.contact_merge_changes.merge_id is 'The merge.';
comment on column private.contact_merge_changes.tab is 'The table, with its schema.';
comment on column private.contact_merge_changes.key is 'The primary key of the row: {column: value}.';
comment on column private.contact_merge_changes.before is 'The row before; of one that only changed, its changed columns; null: the merge made it.';
comment on column private.contact_merge_changes.after is 'The same after the merge; null: the merge removed it.';
alter table private.contact_merge_changes enable row level security;
-- No policies and no grants.

create type private.row_image as (tab text, key jsonb, image jsonb);
comment on type private.row_image is 'A row of some table: its name, its primary key, its columns.';

------------------------------------------------------------------------------------------------
-- What refers to a contact, or to one of its conversations: asked of the catalogue, so that no table is forgotten
------------------------------------------------------------------------------------------------
create function private.contact_references() returns table (tab regclass, col name, target regclass)
  language sql stable security definer set search_path = ''
as $$
  select k.conrelid::regclass, a.attname, k.confrelid::regclass
    from pg_catalog.pg_constraint k
   cross join lateral unnest(k.conkey, k.confkey) u (here, there)
    join pg_catalog.pg_attribute f on f.attrelid = k.confrelid and f.attnum = u.there and f.attname = 'id'
    join pg_catalog.pg_attribute a on a.attrelid = k.conrelid and a.attnum = u.here
   where k.contype = 'f' and k.confrelid in ('public.contacts'::regclass, 'public.conversations'::regclass)
     -- Worked out from the contact or conversation itself, and worked out anew.
     and k.conrelid::regclass::text not in ('private.duplicate_queue', 'private.duplicate_keys', 'private.send_lanes', 'public.conversation_windows')
   order by k.conrelid <> 'public.conversations'::regclass, k.conrelid <> 'public.messages'::regclass, k.conrelid::regclass::text, a.attname
$$;
comment on function private.contact_references is 'Every column with a foreign key to contacts or conversations, conversations first and messages second: the order in which rows are locked.';

create function private.move_references(target regclass, org_id uuid, kept uuid, gone uuid) returns void
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  r    record;
  v_at tid;
begin
  for r in select c.tab, c.col from private.contact_references() c where c.target = move_references.target and c.tab <> 'public.likely_duplicates'::regclass loop
    begin
      execute format('update %s set %I = $2 where org_id = $1 and %I = $3', r.tab, r.col, r.col)
        using move_references.org_id, move_references.kept, move_references.gone;
    exception when unique_violation then
      -- Both have one of these: that of who stays stands, the rest is moved one by one.
      for v_at in execute format('select ctid from %s where org_id = $1 and %I = $2 for update', r.tab, r.col) using move_references.org_id, move_references.gone loop
        begin
          execute format('update %s set %I = $2 where ctid = $1', r.tab, r.col) using v_at, move_references.kept;
        exception when unique_violation then
          execute format('delete from %s where ctid = $1', r.tab) using v_at;
        end;
      end loop;
    end;
  end loop;
end;
$$;
comment on function private.move_references is
  'Everything with a foreign key to one contact (or conversation) refers to another from now on; where both have what only one may have, the kept one''s stands.';

create function private.merge_points(org_id uuid, kept uuid, gone uuid) returns void
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
begin
  delete from public.contact_points g using public.contact_points k
   where g.org_id = merge_points.org_id and g.contact_id = merge_points.gone
     and k.org_id = g.org_id and k.contact_id = merge_points.kept and k.kind = g.kind and k.value = g.value;
  update public.contact_points p set contact_id = merge_points.kept, is_primary = false
   where p.org_id = merge_points.org_id and p.contact_id = merge_points.gone;
  -- Who is not the one is not the other either.
  insert into public.likely_duplicates as d (org_id, one, other, reasons, score, denied_at, denied_by)
  select x.org_id, least(merge_points.kept, x.who), greatest(merge_points.kept, x.who), x.reasons, x.score, x.denied_at, x.denied_by
    from (select l.*, case when l.one = merge_points.gone then l.other else l.one end as who from public.likely_duplicates l
           where l.org_id = merge_points.org_id and l.one = merge_points.gone
          union all
          select l.*, l.one from public.likely_duplicates l where l.org_id = merge_points.org_id and l.other = merge_points.gone) x
   where x.who <> merge_points.kept and x.denied_at is not null
      on conflict (org_id, one, other) do update set denied_at = excluded.denied_at, denied_by = excluded.denied_by where d.denied_at is null;
  perform private.queue_likeness(merge_points.org_id, merge_points.kept);
end;
$$;
comment on function private.merge_points is 'Moves numbers and addresses of one contact to another, none of them primary, and what members said about who is not the same.';

create function private.close_merges(org_id uuid, contact_id uuid) returns void
  language sql volatile security definer set search_path = ''
as $$
  update public.contact_merges m set closed_at = now(), closed_for = 'automatic'
   where m.org_id = close_merges.org_id and m.survivor_id = close_merges.contact_id and m.undone_at is null and m.closed_at is null
$$;
comment on function private.close_merges is 'WhatsApp has proven that this contact and another are one: what members merged into either before cannot be told apart any more.';

create function private.forget_merges(org_id uuid, contact_id uuid) returns void
  language plpgsql volatile security definer set search_path = ''
as $$
begin
  delete from private.contact_merge_changes h using public.contact_merges m
   where (h.org_id, h.merge_id) = (m.org_id, m.id) and m.org_id = forget_merges.org_id and forget_merges.contact_id in (m.survivor_id, m.merged_id);
  update public.contact_merges m set closed_at = now(), closed_for = 'erased'
   where m.org_id = forget_merges.org_id and forget_merges.contact_id in (m.survivor_id, m.merged_id) and m.undone_at is null and m.closed_at is null;
end;
$$;
comment on function private.forget_merges is 'No merge of this contact can be undone any more, and nothing of who was merged is kept: for erasure.';

create function private.row_images(org_id uuid, contact_ids uuid[]) returns setof private.row_image
  language plpgsql stable security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  r         record;
  v_threads uuid[] := array(select c.id from public.conversations c where c.org_id = row_images.org_id and c.contact_id = any (row_images.contact_ids));
begin
  return query select 'public.contacts', jsonb_build_object('org_id', c.org_id, 'id', c.id), to_jsonb(c)
                 from public.contacts c where c.org_id = row_images.org_id and c.id = any (row_images.contact_ids);
  for r in
    select c.tab::text as name, c.tab,
           string_agg(format('t.%I = any (%s)', c.col, case c.target when 'public.contacts'::regclass then '$2' else '$3' end), ' or ') as mine,
           string_agg(distinct format('%L, t.%I', c.col, c.col), ', ') as columns
      from private.contact_references() c
     group by 1, 2
  loop
    -- Messages and leads only move: a long history is not copied for it.
    return query execute format('select %L, jsonb_build_object(%s), %s from %s t where t.org_id = $1 and (%s)', r.name,
      (select string_agg(format('%L, t.%I', a.attname, a.attname), ', ' order by a.attnum) from pg_catalog.pg_index i
         join pg_catalog.pg_attribute a on a.attrelid = i.indrelid and a.attnum = any (i.indkey::int2[]) where i.indrelid = r.tab and i.indisprimary),
      case when r.name in ('public.messages', 'public.leads') then format('jsonb_build_object(%s)', r.columns) else 'to_jsonb(t)' end, r.tab, r.mine)
      using row_images.org_id, row_images.contact_ids, v_threads;
  end loop;
end;
$$;
comment on function private.row_images is 'These contacts, and every row that refers to one of them or to one of their conversations.';

------------------------------------------------------------------------------------------------
-- Before it is done
------------------------------------------------------------------------------------------------
create function private.references_of(org_id uuid, contact_id uuid) returns jsonb
  language plpgsql stable security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_threads uuid[] := array(select c.id from public.conversations c where c.org_id = references_of.org_id and c.contact_id = references_of.contact_id);
  v_counts  jsonb := '{}';
  v_many    bigint;
  r         record;
begin
  for r in
    select t.relname as name, c.tab, string_agg(format('t.%I = any (%s)', c.col, case c.target when 'public.contacts'::regclass then '$2' else '$3' end), ' or ') as mine
      from private.contact_references() c join pg_catalog.pg_class t on t.oid = c.tab
     where t.relnamespace = 'public'::regnamespace and c.tab not in ('public.likely_duplicates'::regclass, 'public.contact_merges'::regclass)
     group by 1, 2 order by 1
  loop
    execute format('select count(*) from %s t where t.org_id = $1 and (%s)', r.tab, r.mine) into v_many
      using references_of.org_id, array[references_of.contact_id], v_threads;
    if v_many > 0 then
      v_counts := v_counts || jsonb_build_object(r.name, v_many);
    end if;
  end loop;
  return v_counts;
end;
$$;
comment on function private.references_of is 'How many rows of each table people see are a contact''s: {leads: 2, messages: 14, …}; a table without any is left out.';

create function private.merge_fields(survivor public.contacts, other public.contacts, picks jsonb) returns jsonb
  language plpgsql stable security definer set search_path = ''
as $$
declare
  c_fields constant text[] := '{name,phone,email,company,address,city,state,pincode,country}';
  v_bad    text;
begin
  select string_agg(p.key, ', ') into v_bad from jsonb_each(case when jsonb_typeof(picks) = 'object' then picks else '{}' end) p
   where not p.key = any (c_fields) or p.value not in ('"survivor"', '"other"');
  if v_bad is not null or jsonb_typeof(picks) is distinct from 'object' then
    raise sqlstate 'PT422' using message = coalesce('This cannot be picked: ' || left(v_bad, 200), 'Picks are an object.'), detail = 'picks_invalid',
      hint = 'Say survivor or other for name, phone, email, company, address, city, state, pincode, country.';
  end if;
  return (
    select jsonb_object_agg(f, jsonb_build_object('survivor', to_jsonb(survivor) -> f, 'other', to_jsonb(other) -> f,
             'kept', case when picks ->> f = 'other' and to_jsonb(other) ->> f is not null or to_jsonb(survivor) ->> f is null then to_jsonb(other) -> f else to_jsonb(survivor) -> f end))
      from unnest(c_fields) f);
end;
$$;
comment on function private.merge_fields is 'Of each field both values and the one that will stand, {field: {survivor, other, kept}}: the survivor''s unless it is empty or the other one was picked. Raises PT422 picks_invalid.';

create function private.preview_merge(org_id uuid, survivor_id uuid, other_id uuid, picks jsonb) returns jsonb
  language plpgsql stable security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_survivor public.contacts;
  v_other    public.contacts;
begin
  perform private.require_role(preview_merge.org_id, 'agent');
  select c.* into v_survivor from public.contacts c where c.org_id = preview_merge.org_id and c.id = preview_merge.survivor_id;
  select c.* into v_other from public.contacts c where c.org_id = preview_merge.org_id and c.id = preview_merge.other_id;
  if v_survivor.id is null or v_other.id is null then
    raise sqlstate 'PT404' using message = 'There are no two such contacts.', detail = 'contact_unknown', hint = 'Reload the list.';
  elsif v_survivor.id = v_other.id then
    raise sqlstate 'PT422' using message = 'This is one and the same contact.', detail = 'same_contact', hint = 'Choose two.';
  end if;
  return jsonb_build_object(
    'survivor', private.contact_card(v_survivor.org_id, v_survivor.id), 'other', private.contact_card(v_other.org_id, v_other.id),
    'fields', private.merge_fields(v_survivor, v_other, coalesce(preview_merge.picks, '{}')),
    'moves', private.references_of(v_other.org_id, v_other.id),
    'conversations_united', (select count(*) from public.conversations o join public.conversations s on (s.org_id, s.number_id) = (o.org_id, o.number_id)
                              where o.org_id = v_other.org_id and o.contact_id = v_other.id and s.contact_id = v_survivor.id),
    'opted_out', v_survivor.opted_out_at is not null or v_other.opted_out_at is not null,
    'denied', exists (select from public.likely_duplicates d where d.org_id = v_other.org_id and d.one = least(v_survivor.id, v_other.id)
                         and d.other = greatest(v_survivor.id, v_other.id) and d.denied_at is not null));
end;
$$;
comment on function private.preview_merge is 'Body of public.preview_merge. Definer: counts of many tables in one question.';
create function public.preview_merge(org_id uuid, survivor_id uuid, other_id uuid, picks jsonb default '{}') returns jsonb
  language sql stable set search_path = ''
begin atomic
  select private.preview_merge(org_id, survivor_id, other_id, picks);
end;
comment on function public.preview_merge is
  'What public.merge_contacts with the same arguments would do: {survivor, other: as in list_duplicates, fields: {field: {survivor, other, kept}}, moves: {table: rows of the other}, conversations_united, '
  'opted_out: of the one that is left, denied: somebody said that they are not the same}. Raises PT404, PT422.';
grant execute on function private.preview_merge, public.preview_merge to authenticated;
