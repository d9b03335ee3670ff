-- 360_lead_intake.sql: the one way in for leads of every source, and what people do with a lead.

-- The one way in ---------------------------------------------------------------------------------------------

create type private.lead_item as (
  index int, external_id text, lead_type text, title text, product text, message text, received_at timestamptz,
  received_at_given text, greet boolean, problems text[], who private.person, raw jsonb, refused text
);
comment on type private.lead_item is 'A lead as a source gave it, read from JSON; refused is why it cannot be stored, or null.';

create function private.read_lead(item jsonb, index int) returns private.lead_item
  language plpgsql stable security invoker set search_path = ''
as $$
declare
  v_item jsonb := case when jsonb_typeof(read_lead.item) = 'object' then read_lead.item else '{}' end;
  v_raw jsonb := coalesce(v_item -> 'raw', read_lead.item);
  v_external_id text := btrim(v_item ->> 'external_id');
  v_who private.person := private.read_person(v_item -> 'person');
  v_at timestamptz;
  v_problems text[] := '{}';
begin
  if jsonb_typeof(v_item -> 'problems') = 'array' then
    v_problems := array(select left(p, 40) from jsonb_array_elements_text(v_item -> 'problems') p);
  end if;
  if pg_input_is_valid(v_item ->> 'received_at', 'timestamptz') then
    v_at := (v_item ->> 'received_at')::timestamptz;
  end if;
  -- Not readable, or no instant at all ('infinity'), or one that no buyer can have enquired at.
  if v_at is null or v_at not between '2000-01-01' and now() + interval '2 days' then
    if v_item ->> 'received_at' is not null then
      v_problems := v_problems || 'received_at_unreadable'::text;
    end if;
    v_at := now();
  end if;
  if v_who.phone is null and v_item #>> '{person,phone}' <> '' then
    v_problems := v_problems || 'phone_invalid'::text;
  end if;
  if v_who.phone is null and v_who.email is null then
    v_problems := v_problems || 'unreachable'::text;
  end if;
  return row(
    read_lead.index,
    v_external_id,
    private.clean_text(v_item ->> 'lead_type', 20),
    private.clean_text(v_item ->> 'title', 500),
    private.clean_text(v_item ->> 'product', 500),
    private.clean_text(v_item ->> 'message', 20000),
    v_at,
    left(v_item ->> 'received_at_given', 100),
    case when jsonb_typeof(v_item -> 'greet') = 'boolean' then (v_item ->> 'greet')::boolean end,
    array(select distinct p from unnest(v_problems) p order by p),
    v_who,
    v_raw,
    case when v_item ->> 'error' <> '' then left(v_item ->> 'error', 200)
         when jsonb_typeof(read_lead.item) is distinct from 'object' then 'not_an_object'
         when coalesce(v_external_id, '') = '' then 'no_id'
         when length(v_external_id) > 200 then 'id_too_long' end
  )::private.lead_item;
end;
$$;
comment on function private.read_lead is
  'Reads {external_id, lead_type, received_at, received_at_given, title, product, message, problems, person, raw, greet}. Refuses only what has no usable id, or carries an error of its own.';

-- All or nothing; private.store_lead_items below halves what fails.
create function private.store_lead_set(org_id uuid, source_id uuid, items private.lead_item[]) returns jsonb
  language plpgsql volatile security definer set search_path = '' set plan_cache_mode = 'force_generic_plan'
as $$
#variable_conflict use_column
declare
  v_org_id uuid := store_lead_set.org_id;
  v_source_id uuid := store_lead_set.source_id;
  v_kind text;
  v_stage_id uuid := private.first_stage(store_lead_set.org_id);
  v_fresh private.lead_item[];
  v_contacts uuid[];
  v_ids uuid[] := '{}';
  v_conflicts jsonb := '[]';
  v_conflict record;
begin
  select s.kind into v_kind from public.lead_sources s where s.org_id = v_org_id and s.id = v_source_id;

  -- The first copy of an id stands, in this batch as against what is stored.
  with copies as (
    select u as item, u.external_id, u.index, row_number() over (partition by u.external_id order by u.index) as copy
      from unnest(store_lead_set.items) u
  )
  select array_agg(c.item order by c.index) into v_fresh
    from copies c
   where c.copy = 1
     -- A range of one value, in its order: only the index on it serves that, whatever the statistics (300_contacts.sql).
     and (select l.id from public.leads l
           where l.org_id = v_org_id and l.source_id = v_source_id and l.external_id between c.external_id and c.external_id
           order by l.external_id limit 1) is null;

  if v_fresh is not null then
    v_contacts := private.resolve_contacts(v_org_id, array(select u.who from unnest(v_fresh) u order by u.index));
    with stored as (
      insert into public.leads (
        org_id, contact_id, source_id, source_kind, external_id, lead_type, stage_id, title, product, message, phone,
        received_at, received_at_given, greet_requested, problems, raw)
      select v_org_id, v_contacts[f.ordinality], v_source_id, v_kind, f.external_id, f.lead_type, v_stage_id, f.title, f.product,
             f.message, (f.who).phone, f.received_at, f.received_at_given, f.greet, f.problems, f.raw
        from unnest(v_fresh) with ordinality f
       order by f.ordinality
          on conflict do nothing
      returning id, external_id
    ), noted as (
      insert into public.lead_activities (org_id, lead_id, actor, kind)
      select v_org_id, s.id, auth.uid(), 'received' from stored s
    )
    select coalesce(array_agg(s.id order by f.index), '{}') into v_ids
      from stored s join unnest(v_fresh) f on f.external_id = s.external_id;
  end if;

  -- Another type and another number under a known id is not a repetition: somebody should look.
  for v_conflict in
    select u.index, u.raw, l.id, 'conflicting_copy' = any (l.problems) as is_flagged
      from unnest(store_lead_set.items) u
     cross join lateral (
       select k.id, k.lead_type, k.phone, k.problems from public.leads k
        where k.org_id = v_org_id and k.source_id = v_source_id and k.external_id between u.external_id and u.external_id
        order by k.external_id limit 1) l
     where l.lead_type is distinct from u.lead_type and l.phone is distinct from (u.who).phone
     order by u.index
  loop
    v_conflicts := v_conflicts
      || jsonb_build_object('index', v_conflict.index, 'reason', 'conflicting_copy', 'item', v_conflict.raw);
    if not v_conflict.is_flagged then
      update public.leads l set problems = l.problems || 'conflicting_copy'::text
       where l.org_id = v_org_id and l.id = v_conflict.id and not 'conflicting_copy' = any (l.problems);
      insert into public.lead_activities (org_id, lead_id, kind, details)
      values (v_org_id, v_conflict.id, 'conflicting_copy', jsonb_build_object('item', v_conflict.raw));
    end if;
  end loop;

  return jsonb_build_object(
    'inserted', cardinality(v_ids), 'known', cardinality(store_lead_set.items) - cardinality(v_ids),
    'errors', v_conflicts, 'lead_ids', to_jsonb(v_ids));
end;
$$;
comment on function private.store_lead_set is
  'Stores leads that were read, set by set: one statement each for contacts, leads and activities. Known ids change nothing. Definer: called beneath RLS.';

create function private.store_lead_items(org_id uuid, source_id uuid, items private.lead_item[], attempt int default 1) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_items private.lead_item[] := store_lead_items.items;
  v_half int := cardinality(store_lead_items.items) / 2;
  v_state text;
  v_message text;
  a jsonb;
  b jsonb;
begin
  begin
    return private.store_lead_set(store_lead_items.org_id, store_lead_items.source_id, v_items);
  exception when others then
    get stacked diagnostics v_state = returned_sqlstate, v_message = message_text;
    -- Not the leads' fault; the caller repeats the whole batch.
    if v_state ~ '^(40|53|55|57|58)' then
      raise;
    end if;
  end;
  if v_half = 0 and v_state in ('23503', '23505') and store_lead_items.attempt < 3 then
    -- Somebody else, a webhook perhaps, made this contact meanwhile, or made it one with another; now it is to be seen.
    return private.store_lead_items(store_lead_items.org_id, store_lead_items.source_id, v_items, store_lead_items.attempt + 1);
  end if;
  if v_half = 0 then
    return jsonb_build_object('inserted', 0, 'known', 0, 'lead_ids', '[]'::jsonb, 'errors', jsonb_build_array(jsonb_build_object(
      'index', v_items[1].index, 'reason', 'refused: ' || v_state || ' ' || v_message, 'item', v_items[1].raw)));
  end if;
  a := private.store_lead_items(store_lead_items.org_id, store_lead_items.source_id, v_items[1 : v_half]);
  b := private.store_lead_items(store_lead_items.org_id, store_lead_items.source_id, v_items[v_half + 1 :]);
  return jsonb_build_object(
    'inserted', (a ->> 'inserted')::int + (b ->> 'inserted')::int, 'known', (a ->> 'known')::int + (b ->> 'known')::int,
    'errors', (a -> 'errors') || (b -> 'errors'), 'lead_ids', (a -> 'lead_ids') || (b -> 'lead_ids'));
end;
$$;
comment on function private.store_lead_items is
  'private.store_lead_set; a set that fails is halved until the culprits stand alone and become errors, while their neighbours are stored. Definer: called beneath RLS.';

create function private.store_leads(org_id uuid, source_id uuid, items jsonb) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  c_set constant int := 500;
  v_items private.lead_item[];
  v_inserted int := 0;
  v_known int := 0;
  v_errors jsonb;
  v_ids jsonb := '[]';
  v_part jsonb;
  v_erased int[];
begin
  if jsonb_typeof(store_leads.items) is distinct from 'array' then
    raise sqlstate 'PT422' using message = 'Leads come as a list.', detail = 'not_a_list';
  end if;
  if not exists (select from public.lead_sources s where s.org_id = store_leads.org_id and s.id = store_leads.source_id) then
    raise sqlstate 'PT404' using message = 'There is no such source of leads.', detail = 'source_not_found';
  end if;
  select coalesce(array_agg(r.lead order by r.ordinality) filter (where (r.lead).refused is null), '{}'),
         coalesce(jsonb_agg(jsonb_build_object('index', (r.lead).index, 'reason', (r.lead).refused, 'item', (r.lead).raw)
                            order by r.ordinality) filter (where (r.lead).refused is not null), '[]')
    into v_items, v_errors
    from (select private.read_lead(i.value, i.ordinality::int - 1) as lead, i.ordinality
            from jsonb_array_elements(store_leads.items) with ordinality i offset 0) r;
  perform private.lock_people(store_leads.org_id, array(
    select x from unnest(v_items) u
     cross join lateral unnest(array[(u.who).phone, (u.who).email, store_leads.source_id::text || u.external_id] || (u.who).phones || (u.who).emails) x));
  v_erased := private.suppressed_people(store_leads.org_id, array(select u.who from unnest(v_items) u));
  if cardinality(v_erased) > 0 then
    v_items := array(select v_items[i] from generate_subscripts(v_items, 1) i where not i = any (v_erased));
  end if;
  for i in 0 .. (cardinality(v_items) - 1) / c_set loop
    exit when cardinality(v_items) = 0;
    v_part := private.store_lead_items(
      store_leads.org_id, store_leads.source_id, v_items[i * c_set + 1 : (i + 1) * c_set]);
    v_inserted := v_inserted + (v_part ->> 'inserted')::int;
    v_known := v_known + (v_part ->> 'known')::int;
    v_errors := v_errors || (v_part -> 'errors');
    v_ids := v_ids || (v_part -> 'lead_ids');
  end loop;
  return jsonb_build_object('inserted', v_inserted, 'known', v_known, 'errors', v_errors, 'lead_ids', v_ids, 'suppressed', cardinality(v_erased));
end;
$$;
comment on function private.store_leads is
  'The one way in: stores what is new, ignores what is known, reports what cannot be stored with its raw object: {inserted, known, errors: [{index, reason, item}], lead_ids, suppressed: how many were of erased people, of whom nothing is kept}. Calling it twice changes nothing. Definer: called beneath RLS.';

-- By hand ----------------------------------------------------------------------------------------------------

create function private.add_lead_by_hand(org_id uuid, lead jsonb) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_org_id uuid := add_lead_by_hand.org_id;
  v_lead jsonb := add_lead_by_hand.lead;
  v_source_id uuid;
  v_external_id text;
  v_stored jsonb;
begin
  if jsonb_typeof(v_lead) is distinct from 'object' then
    raise sqlstate 'PT422' using message = 'A lead is an object.', detail = 'not_an_object';
  end if;
  if v_lead ->> 'phone' <> '' and v_lead ->> 'phone' !~ '^\+[1-9][0-9]{6,14}$' then
    raise sqlstate 'PT422' using
      message = 'This is not a complete telephone number.', detail = 'phone_invalid',
      hint = 'Write it with plus sign and country code: +919812345678.';
  end if;
  if coalesce(v_lead ->> 'name', '') = '' and coalesce(v_lead ->> 'phone', '') = '' and coalesce(v_lead ->> 'email', '') = '' then
    raise sqlstate 'PT422' using message = 'A lead needs a name, a telephone number or an e-mail address.', detail = 'lead_is_empty';
  end if;
  v_source_id := private.own_source(v_org_id, 'manual');
  v_external_id := coalesce(private.clean_text(v_lead ->> 'client_token', 200), gen_random_uuid()::text);
  v_stored := private.store_leads(v_org_id, v_source_id, jsonb_build_array(jsonb_build_object(
    'external_id', v_external_id, 'title', v_lead -> 'title', 'product', v_lead -> 'product', 'message', v_lead -> 'message',
    'greet', v_lead -> 'greet', 'person', v_lead, 'raw', v_lead)));
  if (v_stored ->> 'suppressed')::int > 0 then
    perform private.raise_suppressed();
  elsif v_stored #> '{errors,0}' is not null and v_stored #>> '{errors,0,reason}' <> 'conflicting_copy' then
    raise sqlstate 'PT422' using
      message = 'This lead cannot be stored.', detail = 'lead_refused', hint = v_stored #>> '{errors,0,reason}';
  end if;
  return (
    select jsonb_build_object('lead_id', l.id, 'contact_id', l.contact_id) from public.leads l
     where l.org_id = v_org_id and l.source_id = v_source_id and l.external_id = v_external_id);
end;
$$;
comment on function private.add_lead_by_hand is
  'Stores one lead that a person typed: {name, phone, phone_given, phone_kind, email, company, …, title, product, message, greet, client_token}. The same client_token again is the same lead. Definer: called beneath RLS.';

create function worker.add_lead(org_id uuid, lead jsonb) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
begin
  perform private.require_organization(add_lead.org_id);
  return private.add_lead_by_hand(add_lead.org_id, add_lead.lead);
end;
$$;
comment on function worker.add_lead is
  'A lead added by an operator; returns {"lead_id", "contact_id"}. Definer: service_role holds no tables.';
grant execute on function worker.add_lead(uuid, jsonb) to service_role;

create function private.add_lead(org_id uuid, lead jsonb) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
begin
  perform private.require_role(add_lead.org_id, 'agent');
  return private.add_lead_by_hand(add_lead.org_id, add_lead.lead);
end;
$$;
comment on function private.add_lead is 'Body of public.add_lead. Definer: nobody may write these tables directly.';

create function public.add_lead(org_id uuid, lead jsonb) returns jsonb
  language sql volatile security invoker set search_path = ''
begin atomic
  select private.add_lead(add_lead.org_id, add_lead.lead);
end;
comment on function public.add_lead is
  'Adds a lead by hand: {name, phone as E.164, email, company, product, message, greet, client_token, …}; returns {"lead_id", "contact_id"}.';
grant execute on function public.add_lead(uuid, jsonb), private.add_lead(uuid, jsonb) to authenticated;

-- Working a lead ---------------------------------------------------------------------------------------------

create function private.lead_for_change(org_id uuid, lead_id uuid, version int) returns public.leads
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_lead public.leads;
begin
  perform private.require_role(lead_for_change.org_id, 'agent');
  select l.* into v_lead from public.leads l
   where l.org_id = lead_for_change.org_id and l.id = lead_for_change.lead_id
     for no key update;
  if not found then
    raise sqlstate 'PT404' using message = 'There is no such lead.', detail = 'lead_not_found';
  end if;
  if v_lead.version is distinct from lead_for_change.version then
    raise sqlstate 'PT409' using
      message = 'Somebody else has changed this lead meanwhile.', detail = 'lead_changed', hint = 'version=' || v_lead.version;
  end if;
  return v_lead;
end;
$$;
comment on function private.lead_for_change is
  'The lead, locked, for a member who has seen this version of it; else a refusal, 409 with the version it has now. Definer: nobody may write leads directly.';

create function private.move_lead(org_id uuid, lead_id uuid, stage_id uuid, version int) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_lead public.leads := private.lead_for_change(move_lead.org_id, move_lead.lead_id, move_lead.version);
begin
  if not exists (select from public.pipeline_stages s where s.org_id = move_lead.org_id and s.id = move_lead.stage_id) then
    raise sqlstate 'PT422' using message = 'There is no such stage.', detail = 'stage_not_found';
  end if;
  if v_lead.stage_id <> move_lead.stage_id then
    update public.leads l set stage_id = move_lead.stage_id, version = l.version + 1
     where l.org_id = v_lead.org_id and l.id = v_lead.id
    returning l.version into v_lead.version;
    insert into public.lead_activities (org_id, lead_id, actor, kind, details)
    values (v_lead.org_id, v_lead.id, auth.uid(), 'moved',
            jsonb_build_object('from', v_lead.stage_id, 'to', move_lead.stage_id));
  end if;
  return jsonb_build_object('lead_id', v_lead.id, 'stage_id', move_lead.stage_id, 'version', v_lead.version);
end;
$$;
comment on function private.move_lead is 'Body of public.move_lead. Definer: nobody may write leads directly.';

create function public.move_lead(org_id uuid, lead_id uuid, stage_id uuid, version int) returns jsonb
  language sql volatile security invoker set search_path = ''
begin atomic
  select private.move_lead(move_lead.org_id, move_lead.lead_id, move_lead.stage_id, move_lead.version);
end;
comment on function public.move_lead is
  'Puts a lead into another stage; returns {"lead_id", "stage_id", "version"}. 409 lead_changed, with hint version=N, when it is no longer as the caller saw it.';
grant execute on function public.move_lead(uuid, uuid, uuid, int), private.move_lead(uuid, uuid, uuid, int) to authenticated;

create function private.assign_lead(org_id uuid, lead_id uuid, owner_id uuid, version int) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_lead public.leads := private.lead_for_change(assign_lead.org_id, assign_lead.lead_id, assign_lead.version);
begin
  if assign_lead.owner_id is not null and not exists (
    select from public.memberships m where m.org_id = assign_lead.org_id and m.user_id = assign_lead.owner_id
  ) then
    raise sqlstate 'PT422' using message = 'A lead belongs to a member of the organization.', detail = 'not_a_member';
  end if;
  if v_lead.owner_id is distinct from assign_lead.owner_id then
    update public.leads l set owner_id = assign_lead.owner_id, version = l.version + 1
     where l.org_id = v_lead.org_id and l.id = v_lead.id
    returning l.version into v_lead.version;
    insert into public.lead_activities (org_id, lead_id, actor, kind, details)
    values (v_lead.org_id, v_lead.id, auth.uid(), 'assigned',
            jsonb_build_object('from', v_lead.owner_id, 'to', assign_lead.owner_id));
  end if;
  return jsonb_build_object('lead_id', v_lead.id, 'owner_id', assign_lead.owner_id, 'version', v_lead.version);
end;
$$;
comment on function private.assign_lead is 'Body of public.assign_lead. Definer: nobody may write leads directly.';

create function public.assign_lead(org_id uuid, lead_id uuid, owner_id uuid, version int) returns jsonb
  language sql volatile security invoker set search_path = ''
begin atomic
  select private.assign_lead(assign_lead.org_id, assign_lead.lead_id, assign_lead.owner_id, assign_lead.version);
end;
comment on function public.assign_lead is
  'Gives a lead to a member, or with null to nobody; returns {"lead_id", "owner_id", "version"}. 409 as move_lead.';
grant execute on function public.assign_lead(uuid, uuid, uuid, int), private.assign_lead(uuid, uuid, uuid, int) to authenticated;

create function private.note_lead(org_id uuid, lead_id uuid, text text) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_text text := private.clean_text(note_lead.text, 10000);
  v_id bigint;
begin
  perform private.require_role(note_lead.org_id, 'agent');
  if v_text is null then
    raise sqlstate 'PT422' using message = 'The note is empty.', detail = 'note_is_empty';
  end if;
  insert into public.lead_activities (org_id, lead_id, actor, kind, details)
  select l.org_id, l.id, auth.uid(), 'noted', jsonb_build_object('text', v_text)
    from public.leads l where l.org_id = note_lead.org_id and l.id = note_lead.lead_id
  returning id into v_id;
  if v_id is null then
    raise sqlstate 'PT404' using message = 'There is no such lead.', detail = 'lead_not_found';
  end if;
  return jsonb_build_object('activity_id', v_id);
end;
$$;
comment on function private.note_lead is 'Body of public.note_lead. Definer: nobody may write these tables directly.';

create function public.note_lead(org_id uuid, lead_id uuid, text text) returns jsonb
  language sql volatile security invoker set search_path = ''
begin atomic
  select private.note_lead(note_lead.org_id, note_lead.lead_id, note_lead.text);
end;
comment on function public.note_lead is 'Writes a note on a lead; returns {"activity_id"}.';
grant execute on function public.note_lead(uuid, uuid, text), private.note_lead(uuid, uuid, text) to authenticated;
