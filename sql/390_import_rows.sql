-- 390_import_rows.sql: what the rows of a file do: become leads, change what nobody has touched, or say why not; and how that is taken back.

create type private.import_item as (row int, external_id text, row_hash text, item jsonb, given jsonb, copy bigint, lead_id uuid);
comment on type private.import_item is 'A row of a file, read: its identity, a digest, the lead as private.store_leads takes it, and how many rows of the batch had its identity before.';

create function private.import_items(org_id uuid, source_id uuid, items jsonb) returns private.import_item[]
  language plpgsql stable security definer set search_path = '' set plan_cache_mode = 'force_custom_plan'
as $$
#variable_conflict use_column
begin
  return array(
    select row(i.row, i.external_id, i.row_hash, i.item,
               jsonb_strip_nulls(jsonb_build_object('title', i.item -> 'title', 'product', i.item -> 'product', 'message', i.item -> 'message')
                 || jsonb_build_object('name', i.who -> 'name', 'email', i.who -> 'email', 'company', i.who -> 'company', 'address', i.who -> 'address',
                                       'city', i.who -> 'city', 'state', i.who -> 'state', 'pincode', i.who -> 'pincode', 'phone', i.who -> 'phone')),
               i.copy,
               -- A range of one value, in its order: only the index on it serves that (360_lead_intake.sql).
               (select l.id from public.leads l
                 where l.org_id = import_items.org_id and l.source_id = import_items.source_id
                   and l.external_id between i.external_id and i.external_id order by l.external_id limit 1)
           )::private.import_item
      from (select (x ->> 'row')::int as row, x ->> 'external_id' as external_id, x ->> 'row_hash' as row_hash, x -> 'item' as item,
                   x #> '{item,person}' as who,
                   row_number() over (partition by x ->> 'external_id' order by (x ->> 'row')::int) as copy
              from jsonb_array_elements(import_items.items) x) i
     order by i.row);
end;
$$;
comment on function private.import_items is 'The rows of a batch, [{row, external_id, row_hash, item}], with the lead that each is known as.';

create function private.import_change(org_id uuid, lead_id uuid, before jsonb, given jsonb) returns jsonb
  language plpgsql stable security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_now jsonb;
begin
  select jsonb_build_object('title', l.title, 'product', l.product, 'message', l.message, 'name', c.name, 'email', c.email, 'company', c.company,
           'address', c.address, 'city', c.city, 'state', c.state, 'pincode', c.pincode) into v_now
    from public.leads l join public.contacts c on (c.org_id, c.id) = (l.org_id, l.contact_id)
   where l.org_id = import_change.org_id and l.id = import_change.lead_id;
  return (
    select jsonb_object_agg(g.key, jsonb_build_array(v_now -> g.key, g.value)) from jsonb_each(import_change.given) g
     where v_now ? g.key and g.value <> v_now -> g.key
       -- Nobody has touched it: it holds what the last import gave, or nothing.
       and (v_now -> g.key = import_change.before -> g.key or v_now -> g.key = 'null'));
end;
$$;
comment on function private.import_change is
  'What a row may change of its lead and contact, {field: [now, then]}: fields that still hold what the last import gave, or nothing. Null: nothing. An emptied cell empties nothing.';

create function private.set_import_fields(org_id uuid, lead_id uuid, fields jsonb) returns void
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  f jsonb := set_import_fields.fields;
begin
  if f ?| array['name', 'email', 'company', 'address', 'city', 'state', 'pincode'] then
    update public.contacts c
       set name = case when f ? 'name' then f ->> 'name' else c.name end, name_at = case when f ? 'name' then null else c.name_at end,
           email = case when f ? 'email' then f ->> 'email' else c.email end,
           company = case when f ? 'company' then f ->> 'company' else c.company end,
           address = case when f ? 'address' then f ->> 'address' else c.address end,
           city = case when f ? 'city' then f ->> 'city' else c.city end,
           state = case when f ? 'state' then f ->> 'state' else c.state end,
           pincode = case when f ? 'pincode' then f ->> 'pincode' else c.pincode end
     where c.org_id = set_import_fields.org_id
       and c.id = (select l.contact_id from public.leads l where l.org_id = set_import_fields.org_id and l.id = set_import_fields.lead_id);
  end if;
  if f ?| array['title', 'product', 'message'] then
    update public.leads l
       set title = case when f ? 'title' then f ->> 'title' else l.title end,
           product = case when f ? 'product' then f ->> 'product' else l.product end,
           message = case when f ? 'message' then f ->> 'message' else l.message end
     where l.org_id = set_import_fields.org_id and l.id = set_import_fields.lead_id;
  end if;
end;
$$;
comment on function private.set_import_fields is 'Gives fields of a lead and of its contact these values.';

create function private.change_imported(import public.lead_imports, items private.import_item[]) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_row     record;
  v_change  jsonb;
  v_updated int := 0;
  v_errors  jsonb := '[]';
begin
  for v_row in
    select i.row, i.external_id, i.row_hash, i.given, i.lead_id, m.given as given_before, m.row_hash as hash_before, m.import_id
      from unnest(change_imported.items) i
      join private.imported_leads m on m.org_id = (import).org_id and m.lead_id = i.lead_id
     where i.copy = 1 and m.row_hash <> i.row_hash and m.import_id <> (import).id
     order by i.lead_id
  loop
    -- An id that now stands for somebody else: serial numbers of another list, most likely.
    if v_row.given ->> 'phone' <> v_row.given_before ->> 'phone' and lower(v_row.given ->> 'name') <> lower(v_row.given_before ->> 'name') then
      v_errors := v_errors || jsonb_build_object('row', v_row.row, 'code', 'id_reused', 'raw', left(v_row.external_id, 200));
      continue;
    end if;
    v_change := private.import_change((import).org_id, v_row.lead_id, v_row.given_before, v_row.given);
    continue when v_change is null;
    v_updated := v_updated + 1;
    continue when (import).is_check;
    perform private.set_import_fields((import).org_id, v_row.lead_id, (select jsonb_object_agg(c.key, c.value -> 1) from jsonb_each(v_change) c));
    update private.imported_leads m set import_id = (import).id, row_hash = v_row.row_hash, given = m.given || v_row.given
     where m.org_id = (import).org_id and m.lead_id = v_row.lead_id;
    insert into private.lead_import_rows (org_id, import_id, pass, row, outcome, external_id, lead_id, before)
    values ((import).org_id, (import).id, (import).pass, v_row.row, 'updated', v_row.external_id, v_row.lead_id,
            jsonb_build_object('change', v_change, 'given', v_row.given_before, 'row_hash', v_row.hash_before, 'import_id', v_row.import_id));
    insert into public.lead_activities (org_id, lead_id, kind, details)
    values ((import).org_id, v_row.lead_id, 'import_updated',
            jsonb_build_object('import_id', (import).id, 'fields', (select jsonb_agg(k order by k) from jsonb_object_keys(v_change) k)));
  end loop;
  return jsonb_build_object('updated', v_updated, 'errors', v_errors);
end;
$$;
comment on function private.change_imported is
  'What rows of known people change; a dry run only counts. A known id with another name and another number is an error, not a change. Returns {updated, errors}.';

create function private.check_import_rows(import public.lead_imports, items private.import_item[]) returns jsonb
  language plpgsql volatile security definer set search_path = '' set plan_cache_mode = 'force_custom_plan'
as $$
#variable_conflict use_column
declare
  v_new       int[];
  v_greetable int;
begin
  v_new := array(
    select i.row from unnest(check_import_rows.items) i
     where i.copy = 1 and i.lead_id is null
       and not exists (select from private.lead_import_rows r
                        where r.org_id = (import).org_id and r.import_id = (import).id and r.pass = (import).pass
                          and r.external_id = i.external_id and r.outcome = 'new' and r.lead_id is null)
     order by i.row);
  insert into private.lead_import_rows (org_id, import_id, pass, row, outcome, external_id)
  select (import).org_id, (import).id, (import).pass, i.row, 'new', i.external_id
    from unnest(check_import_rows.items) i where i.row = any (v_new);
  select count(distinct i.item #>> '{person,phone}') into v_greetable
    from unnest(check_import_rows.items) i
    left join public.contacts c on c.org_id = (import).org_id and c.phone = i.item #>> '{person,phone}'
   where i.row = any (v_new) and i.item #>> '{person,phone_kind}' in ('mobile', 'fixed_line_or_mobile') and c.opted_out_at is null;
  return jsonb_build_object('new', cardinality(v_new), 'greetable', v_greetable, 'errors', '[]'::jsonb);
end;
$$;
comment on function private.check_import_rows is 'A dry run: which rows would become leads. Remembers their identities for the batches that follow. Returns {new, greetable, errors}.';

create function private.store_import_rows(import public.lead_imports, items private.import_item[]) returns jsonb
  language plpgsql volatile security definer set search_path = '' set plan_cache_mode = 'force_custom_plan'
as $$
#variable_conflict use_column
declare
  v_rows   int[];
  v_stored jsonb;
  v_errors jsonb;
  v_new    int;
  v_greetable int;
begin
  v_rows := array(select i.row from unnest(store_import_rows.items) i where i.copy = 1 and i.lead_id is null order by i.row);
  if cardinality(v_rows) = 0 then
    return '{"new": 0, "greetable": 0, "errors": []}';
  end if;
  v_stored := private.store_leads((import).org_id, (import).source_id, (
    select jsonb_agg(i.item || jsonb_build_object('external_id', i.external_id, 'greet', (import).greet) order by i.row)
      from unnest(store_import_rows.items) i where i.row = any (v_rows)));
  select coalesce(jsonb_agg(jsonb_build_object('row', v_rows[(e ->> 'index')::int + 1], 'code', 'refused', 'raw', left(e ->> 'reason', 200))), '[]')
    into v_errors from jsonb_array_elements(v_stored -> 'errors') e where e ->> 'reason' <> 'conflicting_copy';
  with fresh as materialized (
    select i.row, i.external_id, i.row_hash, i.given, l.id, l.contact_id, c.created_at = now() as is_new, i.item #>> '{person,phone_kind}' as kind,
           c.opted_out_at, row_number() over (partition by l.contact_id order by i.row) as nth
      from unnest(store_import_rows.items) i
     cross join lateral (
       select k.id, k.contact_id, k.created_at from public.leads k
        where k.org_id = (import).org_id and k.source_id = (import).source_id and k.external_id between i.external_id and i.external_id
        order by k.external_id limit 1) l
     cross join lateral (
       select k.created_at, k.opted_out_at from public.contacts k
        where k.org_id = (import).org_id and k.id between l.contact_id and l.contact_id order by k.id limit 1) c
     where i.copy = 1 and i.lead_id is null and l.created_at = now()          -- else somebody else stored it meanwhile
  ), noted as (
    insert into private.lead_import_rows (org_id, import_id, pass, row, outcome, external_id, lead_id, contact_id)
    select (import).org_id, (import).id, (import).pass, f.row, 'new', f.external_id, f.id, case when f.is_new and f.nth = 1 then f.contact_id end
      from fresh f
  ), kept as (
    insert into private.imported_leads (org_id, lead_id, import_id, row_hash, given)
    select (import).org_id, f.id, (import).id, f.row_hash, f.given from fresh f
  )
  select count(*), count(distinct f.contact_id) filter (where f.kind in ('mobile', 'fixed_line_or_mobile') and f.opted_out_at is null)
    into v_new, v_greetable from fresh f;
  -- In a database that was empty until now, plans were made for empty tables; statistics make them anew.
  if v_new > 500 and exists (select from pg_catalog.pg_class r
                              where r.oid in ('public.contacts'::regclass, 'public.leads'::regclass) and r.reltuples < 1000) then
    analyze public.contacts;
    analyze public.leads;
  end if;
  return jsonb_build_object('new', v_new, 'greetable', v_greetable, 'errors', v_errors);
end;
$$;
comment on function private.store_import_rows is
  'Stores the rows whose identity nobody has by private.store_leads, and notes which leads and contacts they made. Returns {new, greetable, errors}.';

------------------------------------------------------------------------------------------------
-- Taking back
------------------------------------------------------------------------------------------------
create function private.restore_import_row(import public.lead_imports, undone private.lead_import_rows) returns text
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_before jsonb := (undone).before;
  v_now    jsonb;
  v_back   jsonb;
  v_reason text;
begin
  select case when m.import_id <> (import).id then 'in_another_import' end,
         jsonb_build_object('title', l.title, 'product', l.product, 'message', l.message, 'name', c.name, 'email', c.email, 'company', c.company,
                            'address', c.address, 'city', c.city, 'state', c.state, 'pincode', c.pincode)
    into v_reason, v_now
    from public.leads l join public.contacts c on (c.org_id, c.id) = (l.org_id, l.contact_id)
    left join private.imported_leads m on (m.org_id, m.lead_id) = (l.org_id, l.id)
   where l.org_id = (import).org_id and l.id = (undone).lead_id;
  if not found then
    return 'gone';
  elsif v_reason is not null then
    return v_reason;
  end if;
  select jsonb_object_agg(c.key, c.value -> 0) into v_back
    from jsonb_each(v_before -> 'change') c where v_now -> c.key = c.value -> 1;
  if v_back is not null then
    perform private.set_import_fields((import).org_id, (undone).lead_id, v_back);
  end if;
  update private.imported_leads m
     set import_id = (v_before ->> 'import_id')::uuid, row_hash = v_before ->> 'row_hash', given = v_before -> 'given'
   where m.org_id = (import).org_id and m.lead_id = (undone).lead_id;
  return case when (select count(*) from jsonb_object_keys(v_before -> 'change')) > (select count(*) from jsonb_object_keys(coalesce(v_back, '{}')))
              then 'changed_since' end;
end;
$$;
comment on function private.restore_import_row is 'Takes an update back where its fields still hold it. Returns why some stayed, or null.';

create function private.remove_imported(org_id uuid, lead_ids uuid[], contact_ids uuid[]) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_leads    uuid[] := remove_imported.lead_ids;
  v_contacts uuid[] := remove_imported.contact_ids;
  v_many     int := cardinality(remove_imported.lead_ids) + cardinality(remove_imported.contact_ids);
  a          jsonb;
  b          jsonb;
begin
  if v_many = 0 then
    return '{"leads": [], "contacts": []}';
  end if;
  begin
    delete from public.lead_activities a where a.org_id = remove_imported.org_id and a.lead_id = any (v_leads);
    delete from public.leads l where l.org_id = remove_imported.org_id and l.id = any (v_leads);
    delete from public.contacts c where c.org_id = remove_imported.org_id and c.id = any (v_contacts);
    return jsonb_build_object('leads', to_jsonb(v_leads), 'contacts', to_jsonb(v_contacts));
  exception when foreign_key_violation or restrict_violation then
    null;                               -- something that this file does not know of refers to one of them
  end;
  if v_many = 1 then
    return '{"leads": [], "contacts": []}';
  end if;
  if cardinality(v_contacts) > 0 and cardinality(v_leads) > 0 then
    a := private.remove_imported(remove_imported.org_id, v_leads, '{}');
    b := private.remove_imported(remove_imported.org_id, '{}', v_contacts);
  else
    a := private.remove_imported(remove_imported.org_id, v_leads[: cardinality(v_leads) / 2], v_contacts[: cardinality(v_contacts) / 2]);
    b := private.remove_imported(remove_imported.org_id, v_leads[cardinality(v_leads) / 2 + 1 :], v_contacts[cardinality(v_contacts) / 2 + 1 :]);
  end if;
  return jsonb_build_object('leads', (a -> 'leads') || (b -> 'leads'), 'contacts', (a -> 'contacts') || (b -> 'contacts'));
end;
$$;
comment on function private.remove_imported is
  'Deletes leads and contacts; a set that something else refers to is halved until the culprits stand alone and stay. Returns {leads, contacts} that went.';

create function private.undo_import_rows(import public.lead_imports, batch int) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_rows   private.lead_import_rows[];
  v_row    private.lead_import_rows;
  v_reason text;
  v_leads  uuid[];
  v_people uuid[];
  v_gone   jsonb;
  v_stayed jsonb := '{}';
  v_restored int := 0;
begin
  -- From the last row up: the row that made a contact goes after all others of that person.
  v_rows := array(
    select r from private.lead_import_rows r
     where r.org_id = (import).org_id and r.import_id = (import).id and r.pass = (import).pass and r.outcome in ('new', 'updated') and r.undone_at is null
     order by r.row desc limit undo_import_rows.batch);
  perform from public.contacts c where c.org_id = (import).org_id and c.id in (select u.contact_id from unnest(v_rows) u) order by c.id for update;
  perform from public.leads l where l.org_id = (import).org_id and l.id in (select u.lead_id from unnest(v_rows) u) order by l.id for update;
  update private.lead_import_rows r
     set undone_at = now(),
         stayed = case when r.outcome = 'new' then (
           select case when l.id is null then 'gone'
                       when m.import_id is distinct from r.import_id then 'in_another_import'
                       when l.version > 1 or exists (
                         select from public.lead_activities a where a.org_id = l.org_id and a.lead_id = l.id
                            and a.kind not in ('received', 'greeting_skipped', 'import_updated') and not (a.kind = 'assigned' and a.actor is null))
                         or l.owner_id is not null and not exists (      -- a rule that gave it to somebody is no work on it
                         select from public.lead_activities a where a.org_id = l.org_id and a.lead_id = l.id and a.kind = 'assigned' and a.actor is null) then 'worked_on' end
             from (values (r.lead_id)) k (id)
             left join public.leads l on l.org_id = r.org_id and l.id = k.id
             left join private.imported_leads m on m.org_id = r.org_id and m.lead_id = k.id) end
    from unnest(v_rows) u
   where r.org_id = u.org_id and r.import_id = u.import_id and r.pass = u.pass and r.row = u.row;
  select coalesce(array_agg(r.lead_id), '{}') into v_leads
    from unnest(v_rows) u join private.lead_import_rows r on (r.org_id, r.import_id, r.pass, r.row) = (u.org_id, u.import_id, u.pass, u.row)
   where r.outcome = 'new' and r.stayed is null;
  select coalesce(array_agg(c.id), '{}') into v_people
    from unnest(v_rows) u join public.contacts c on c.org_id = u.org_id and c.id = u.contact_id
   where c.updated_at = c.created_at
     and not exists (select from public.leads l where l.org_id = c.org_id and l.contact_id = c.id and not l.id = any (v_leads));
  v_gone := private.remove_imported((import).org_id, v_leads, v_people);
  update private.lead_import_rows r set stayed = 'in_use'
   where r.org_id = (import).org_id and r.import_id = (import).id and r.pass = (import).pass
     and r.row in (select u.row from unnest(v_rows) u where u.lead_id = any (v_leads) and not v_gone -> 'leads' ? u.lead_id::text);
  foreach v_row in array v_rows loop
    if v_row.outcome = 'updated' then
      v_reason := private.restore_import_row(import, v_row);
      v_restored := v_restored + (v_reason is null)::int;
      update private.lead_import_rows r set stayed = v_reason
       where r.org_id = v_row.org_id and r.import_id = v_row.import_id and r.pass = v_row.pass and r.row = v_row.row;
    end if;
  end loop;
  select coalesce(jsonb_object_agg(s.stayed, s.n), '{}') into v_stayed from (
    select r.stayed, count(*) as n from unnest(v_rows) u
      join private.lead_import_rows r on (r.org_id, r.import_id, r.pass, r.row) = (u.org_id, u.import_id, u.pass, u.row)
     where r.stayed is not null group by 1) s;
  return jsonb_build_object('looked_at', cardinality(v_rows), 'removed', jsonb_array_length(v_gone -> 'leads'), 'restored', v_restored,
    'contacts_removed', jsonb_array_length(v_gone -> 'contacts'),
    'contacts_stayed', (select count(*) from unnest(v_rows) u where u.contact_id is not null) - jsonb_array_length(v_gone -> 'contacts'),
    'stayed', v_stayed);
end;
$$;
comment on function private.undo_import_rows is
  'Takes back at most batch rows of an import in one transaction: leads that nobody has worked on, contacts that only they had, updates that still stand. Returns what went, what stayed and why.';
