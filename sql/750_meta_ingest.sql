-- 750_meta_ingest.sql: the door for webhooks, and replay. Set by set, in any order, any number of times, with one result.
-- Locks are taken in one order everywhere: contacts, lanes, conversations, messages.

------------------------------------------------------------------------------------------------
-- Applying
------------------------------------------------------------------------------------------------
create function private.apply_updates(messages private.meta_update[], statuses private.meta_update[]) returns void
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_messages private.meta_update[];
  v_new      jsonb;
  v_decided  jsonb;
  v_has      record;
  u          private.meta_update;
begin
  if cardinality(messages) > 0 then
    v_messages := private.meet_senders(messages);
    select bool_or(x.contact_id is null and x.item ->> 'type' is distinct from 'system') as strangers,
           bool_or(x.item ->> 'type' = 'system') as news,
           bool_or(x.item ->> 'type' in ('edit', 'revoke')) as changes,
           bool_or(x.item ? 'referral') as referrals,
           bool_or(private.said_consent(x.org_id, x.item) is not null) as words into v_has
      from unnest(v_messages) x;
    if v_has.strangers then
      raise sqlstate 'PT422' using message = 'The message names no sender', detail = 'sender_missing';
    end if;
    if v_has.news then
      for u in select x.* from unnest(v_messages) x where x.item ->> 'type' = 'system' order by x.at, x.position loop
        perform private.apply_identity((private.find_senders(array[u]))[1]);
      end loop;
      v_messages := private.find_senders(v_messages);      -- some may have become one
    end if;
  end if;
  if cardinality(statuses) > 0 then
    perform private.apply_statuses(statuses, true);
  end if;
  if cardinality(messages) = 0 then
    return;
  end if;

  if v_has.words then
    select jsonb_agg(jsonb_build_object('org_id', x.org_id, 'wamid', x.item ->> 'id', 'number_id', x.number_id, 'contact_id', x.contact_id,
             'at', x.at, 'decision', private.said_consent(x.org_id, x.item), 'evidence', private.consent_evidence(x.item)) order by x.at, x.position)
      into v_decided from unnest(v_messages) x where private.said_consent(x.org_id, x.item) is not null;
    perform private.lock_for_answers(v_decided);
  end if;
  if v_has.changes then
    perform private.lock_conversations(v_messages);
  end if;

  insert into public.conversations (org_id, number_id, contact_id)
  select distinct u.org_id, u.number_id, u.contact_id from unnest(v_messages) u
   where coalesce(u.item ->> 'type', 'unknown') not in ('reaction', 'edit', 'revoke', 'system')
     and not exists (select from public.conversations c where (c.org_id, c.number_id, c.contact_id) = (u.org_id, u.number_id, u.contact_id))
   order by 1, 2, 3
  on conflict on constraint conversation_is_unique_per_number_and_contact do nothing;

  if exists (select from private.send_lanes l where l.is_held) then
    -- Who writes is inside the window: what waited for Meta's messaging limit may go. A lane that is in use looks by itself.
    update private.send_lanes l set next_at = now(), is_held = false
     where (l.org_id, l.conversation_id) in (
       select h.org_id, h.conversation_id from private.send_lanes h
         join public.conversations c on (c.org_id, c.id) = (h.org_id, h.conversation_id)
        where h.is_held and h.lease is null and h.next_at is not null
          and (c.org_id, c.number_id, c.contact_id) in (select x.org_id, x.number_id, x.contact_id from unnest(v_messages) x)
        order by h.org_id, h.conversation_id for update of h skip locked);
  end if;

  with threads as materialized (
    select c.org_id, c.id, c.number_id, c.contact_id from public.conversations c
     where (c.org_id, c.number_id, c.contact_id) in (select x.org_id, x.number_id, x.contact_id from unnest(v_messages) x
              where coalesce(x.item ->> 'type', 'unknown') not in ('reaction', 'edit', 'revoke', 'system'))
     order by c.org_id, c.id for no key update
  ), added as (
    insert into public.messages (org_id, conversation_id, contact_id, direction, kind, body, text, status, wamid, context_wamid, origin, at)
    select u.org_id, t.id, u.contact_id, 'inbound', left(coalesce(u.item ->> 'type', 'unknown'), 64), u.item, private.inbound_text(u.item), 'received',
           u.item ->> 'id', u.item #>> '{context,id}', 'customer', u.at
      from unnest(v_messages) u
      join threads t on (t.org_id, t.number_id, t.contact_id) = (u.org_id, u.number_id, u.contact_id)
     where coalesce(u.item ->> 'type', 'unknown') not in ('reaction', 'edit', 'revoke', 'system')
     order by u.org_id, u.item ->> 'id'
    on conflict (org_id, wamid) where wamid is not null do nothing
    returning org_id, conversation_id, wamid, at, text, kind
  ), counted as (
    select a.org_id, a.conversation_id, count(*) as n, max(a.at) as last_at,
           (array_agg(left(coalesce(a.text, a.kind), 160) order by a.at desc, a.wamid desc))[1] as last_text
      from added a group by 1, 2
  ), told as (
    -- Only rows that are new count, so a repeat changes nothing.
    update public.conversations c
       set unread_count = c.unread_count + k.n, status = 'open',
           window_expires_at = greatest(c.window_expires_at, k.last_at + interval '24 hours'),
           last_message_text = case when k.last_at > c.last_message_at then k.last_text else c.last_message_text end,
           last_message_at = greatest(c.last_message_at, k.last_at)
      from counted k where (c.org_id, c.id) = (k.org_id, k.conversation_id)
  )
  select jsonb_agg(jsonb_build_object('org_id', a.org_id, 'wamid', a.wamid, 'conversation_id', a.conversation_id, 'at', a.at)) into v_new
    from added a;
  if v_new is not null then
    -- Several of one second: which is shown is decided by a statement of its own, which sees what others stored meanwhile.
    perform private.settle_preview(t.org_id, t.conversation_id)
       from (select x.org_id, x.conversation_id, max(x.at) as at
               from jsonb_to_recordset(v_new) x (org_id uuid, conversation_id uuid, at timestamptz) group by 1, 2 order by 1, 2) t
      where exists (select from public.messages e
                     where e.org_id = t.org_id and e.conversation_id = t.conversation_id and e.at = t.at order by e.at desc, e.id desc offset 1);
  end if;

  if v_new is not null then
    perform private.make_message_leads(v_new);
  end if;
  perform private.apply_changes((select array_agg(x order by x.at, x.position) from unnest(v_messages) x
                                  where x.item ->> 'type' in ('reaction', 'edit', 'revoke')));
  if v_has.referrals then
    perform private.note_referrals(v_messages);
  end if;
  if v_new is not null then
    perform private.close_window(n.org_id, n.conversation_id)
       from (select distinct x.org_id, x.conversation_id from jsonb_to_recordset(v_new) x (org_id uuid, conversation_id uuid) order by 1, 2) n
      where exists (select from public.messages m where m.org_id = n.org_id and m.conversation_id = n.conversation_id and m.error_code = 131047);
    if v_decided is not null then
      perform private.take_consent(d.org_id, n.conversation_id, d.contact_id, d.at, d.decision, d.evidence, d.wamid, true)
         from jsonb_to_recordset(v_decided) d (org_id uuid, contact_id uuid, wamid text, at timestamptz, decision text, evidence jsonb)
         join jsonb_to_recordset(v_new) n (org_id uuid, wamid text, conversation_id uuid) on (n.org_id, n.wamid) = (d.org_id, d.wamid);
    end if;
    perform private.apply_parked((select array_agg(n ->> 'wamid') from jsonb_array_elements(v_new) n),
                                 (select array_agg(distinct (n ->> 'org_id')::uuid) from jsonb_array_elements(v_new) n));
  end if;
end;
$$;
comment on function private.apply_updates is 'Applies routed messages and statuses as one set; raises on the first that cannot be applied.';

------------------------------------------------------------------------------------------------
-- The door
------------------------------------------------------------------------------------------------
create function private.updates_of(updates private.meta_update[]) returns table (of_org uuid, update private.meta_update)
  language sql stable set search_path = ''
as $$
  select coalesce(u.org_id, a.org_id), u
    from unnest(updates) u
    left join public.whatsapp_accounts a on u.org_id is null and u.kind = 'field' and a.waba_id = u.waba_id and a.status <> 'disconnected'
   where coalesce(u.org_id, a.org_id) is not null
     and u.problem is distinct from 'number_not_in_account'
     -- The status of a message that whoever has the number now sent is nothing to whoever had it before.
     and not (u.kind = 'status' and u.number_status = 'disconnected')
$$;
comment on function private.updates_of is
  'Routed updates with the organizations that may see them: the one that has the number; for what concerns a whole WABA, each that has it connected.';

create function private.note_effects(event_id bigint, received_at timestamptz, updates private.meta_update[], dead int) returns void
  language plpgsql volatile security definer set search_path = ''
as $$
begin
  insert into private.event_effects as e (org_id, received_at, event_id, messages, statuses, fields, kept, dead, lag)
  select u.of_org, note_effects.received_at, note_effects.event_id,
         count(*) filter (where (u.update).kind = 'message'), count(*) filter (where (u.update).kind = 'status'),
         coalesce(array_agg(distinct (u.update).field) filter (where (u.update).kind = 'field'), '{}'),
         count(*) filter (where (u.update).kind = 'message' and (u.update).number_status = 'disconnected'),
         case when note_effects.dead = 0 then 0
              else (select count(*) from private.dead_letters d where d.event_id = note_effects.event_id and d.org_id = u.of_org and d.resolved_at is null) end,
         greatest(note_effects.received_at - min((u.update).at), interval '0')
    from private.updates_of(updates) u
   group by u.of_org
      on conflict on constraint event_effects_pkey do update
     set kept = excluded.kept, dead = excluded.dead, replayed_at = now();
end;
$$;
comment on function private.note_effects is
  'Notes for each organization that an event was for what it held and what became of it; a repeat notes that it was applied again.';

create function private.apply_event(event_id bigint, body bytea, received_at timestamptz default now()) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_updates  private.meta_update[];
  v_messages private.meta_update[];
  v_statuses private.meta_update[];
  v_fields   private.meta_update[];
  v_numbers  text[];
  v_total    int;
  v_applied  int := 0;
  v_kept     int := 0;
  v_dead     int := 0;
  v_count    int;
  v_slug     text;
  v_words    text;
begin
  begin
    v_updates := private.meta_updates(body);
  exception when sqlstate 'PT422' then
    get stacked diagnostics v_slug = pg_exception_detail, v_words = message_text;
    insert into private.dead_letters (event_id, reason, detail, item)
    values (apply_event.event_id, v_slug, v_words, to_jsonb(encode(substr(body, 1, 16384), 'escape')));
    return jsonb_build_object('event_id', event_id, 'updates', 0, 'applied', 0, 'kept', 0, 'dead', 1);
  end;
  v_total := cardinality(v_updates);
  -- A small set is planned once and for all (planning would cost more than running); a large one deserves a plan of its own.
  perform set_config('plan_cache_mode', case when v_total > 50 then 'force_custom_plan' else 'force_generic_plan' end, true);
  v_updates := private.veil_erased(event_id, received_at, private.route_updates(v_updates));

  select array_agg(u) filter (where u.kind = 'message' and u.problem is null and u.number_status <> 'disconnected'),
         array_agg(u) filter (where u.kind = 'status' and u.problem is null),
         array_agg(u) filter (where u.kind = 'field' and u.problem is null),
         count(*) filter (where u.kind = 'message' and u.problem is null and u.number_status = 'disconnected'),
         array_agg(distinct u.phone_number_id) filter (where u.number_status <> 'disconnected' and u.problem is null)
    into v_messages, v_statuses, v_fields, v_kept, v_numbers
    from unnest(v_updates) u;

  insert into private.dead_letters (event_id, org_id, reason, item)
  select apply_event.event_id, case when u.problem = 'number_not_in_account' then null else u.org_id end, u.problem, u.item
    from (select distinct on (u.position) u.* from unnest(v_updates) u order by u.position, u.problem nulls first) u
   where u.problem is not null;
  get diagnostics v_dead = row_count;

  if v_statuses is not null or v_messages is not null then
    v_count := private.apply_split(event_id, coalesce(v_messages, '{}'), coalesce(v_statuses, '{}'));
    v_dead := v_dead + v_count;
  end if;
  if v_fields is not null then
    select v_dead + f.dead, v_kept + f.kept into v_dead, v_kept from private.apply_fields(event_id, v_fields) f;
  end if;
  if v_numbers is not null then
    -- Last, and never waiting: nobody is held up by it, and it holds nobody up.
    update public.whatsapp_numbers n set heard_at = now()
     where (n.org_id, n.id) in (
       select w.org_id, w.id from public.whatsapp_numbers w
        where w.phone_number_id = any (v_numbers) and w.status <> 'disconnected' and (w.heard_at is null or w.heard_at < now() - interval '1 minute') for no key update skip locked);
  end if;
  perform private.note_effects(event_id, received_at, v_updates, v_dead);
  v_applied := v_total - v_dead - v_kept;
  return jsonb_build_object('event_id', event_id, 'updates', v_total, 'applied', v_applied, 'kept', v_kept, 'dead', v_dead);
end;
$$;
comment on function private.apply_event is
  'Applies every update of a stored event; a repeat changes nothing. Returns {event_id, updates, applied, kept: stored, but applied to '
  'nothing (a disconnected number, a field that Flow does not use), dead}.';

create function private.apply_split(event_id bigint, messages private.meta_update[], statuses private.meta_update[], attempt int default 1)
  returns int
  language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_state text;
  v_words text;
  v_slug  text;
  m       int := cardinality(messages) / 2;
  s       int := cardinality(statuses) / 2;
  v_one   private.meta_update;
begin
  if cardinality(messages) + cardinality(statuses) = 0 then
    return 0;
  end if;
  begin
    perform private.apply_updates(messages, statuses);
    perform private.meter_statuses(statuses);
    return 0;
  exception when others then
    get stacked diagnostics v_state = returned_sqlstate, v_words = message_text, v_slug = pg_exception_detail;
    if v_state ~ '^(40|53|55|57|58)' then
      raise;                                   -- the moment's fault, not the item's: the caller tries again
    end if;
  end;
  if cardinality(messages) + cardinality(statuses) = 1 then
    if v_state in ('23503', '23505') and attempt < 3 then
      -- Two posts at the same moment met the same new person, or found that two are one: now it is to be seen.
      return private.apply_split(event_id, messages, statuses, attempt + 1);
    end if;
    v_one := coalesce(messages[1], statuses[1]);
    insert into private.dead_letters (event_id, org_id, reason, detail, item)
    values (apply_split.event_id, v_one.org_id, case when v_state = 'PT422' then v_slug else v_state end, v_words, v_one.item);
    return 1;
  elsif cardinality(messages) > 0 and cardinality(statuses) > 0 then
    return private.apply_split(event_id, messages, '{}') + private.apply_split(event_id, '{}', statuses);
  end if;
  -- Halved until the culprits stand alone: a few set operations, not one savepoint for each item.
  return private.apply_split(event_id, messages[1 : m], statuses[1 : s])
       + private.apply_split(event_id, messages[m + 1 :], statuses[s + 1 :]);
end;
$$;
comment on function private.apply_split is
  'Applies a set; when it fails, halves it until the culprit stands alone and becomes a dead letter. Returns how many. Re-raises what a repeat may cure.';

create function worker.ingest_meta(body text) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_body bytea := decode(ingest_meta.body, 'base64');
  v_id   bigint;
begin
  insert into private.webhook_events (body) values (v_body) returning id into v_id;
  return private.apply_event(v_id, v_body);
end;
$$;
comment on function worker.ingest_meta is
  'Stores a verified webhook body (base64 of the raw bytes) and applies every update in it, in one transaction. Never refuses content: '
  'what cannot be applied is a dead letter. Returns {event_id, updates, applied, kept, dead}.';
grant execute on function worker.ingest_meta to service_role;

create function worker.replay(event_id bigint default null, batch int default 100, after bigint default 0) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_event   record;
  v_tries   int;
  v_result  jsonb;
  v_events  int := 0;
  v_applied int := 0;
  v_dead    int := 0;
  v_last    bigint := after;
begin
  if replay.event_id is not null and not exists (select from private.webhook_events e where e.id = replay.event_id) then
    raise sqlstate 'PT404' using message = 'There is no such event', detail = 'event_unknown', hint = 'Events are kept for 30 days.';
  end if;
  for v_event in
    select e.id, e.body, e.received_at from private.webhook_events e
     where (replay.event_id is not null and e.id = replay.event_id)
        or (replay.event_id is null and e.id in (
              select d.event_id from private.dead_letters d
               where d.resolved_at is null and d.event_id > replay.after group by d.event_id order by d.event_id limit replay.batch))
     order by e.id
  loop
    update private.dead_letters d set resolved_at = now() where d.event_id = v_event.id and d.resolved_at is null;
    select max(d.attempts) into v_tries from private.dead_letters d where d.event_id = v_event.id;
    v_result := private.apply_event(v_event.id, v_event.body, v_event.received_at);
    update private.dead_letters d set attempts = v_tries + 1 where d.event_id = v_event.id and d.resolved_at is null and v_tries is not null;
    v_events := v_events + 1;
    v_last := v_event.id;
    v_applied := v_applied + (v_result ->> 'applied')::int;
    v_dead := v_dead + (v_result ->> 'dead')::int;
  end loop;
  return jsonb_build_object('events', v_events, 'applied', v_applied, 'dead', v_dead, 'last_event_id', v_last,
    'remaining', (select count(distinct d.event_id) from private.dead_letters d where d.resolved_at is null and d.event_id > v_last));
end;
$$;
comment on function worker.replay is
  'Applies stored events again: one by its id, or (null) up to batch of those with waiting dead letters, from event id `after` on. What '
  'fails again is a new dead letter. Returns {events, applied, dead, last_event_id, remaining: events after it}. Raises PT404 event_unknown.';
grant execute on function worker.replay to service_role;
