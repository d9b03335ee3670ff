-- 780_rebuild.sql: the state of conversations and messages worked out anew from the stored events, and held against what is there.
-- A shadow of the organization, with the same ids, is filled by the same code as the first time and thrown away; only what differs
-- is corrected. Nobody waits for it: it locks no row that it does not correct.

create function private.number_was_connected(org_id uuid, number_id uuid, at timestamptz) returns boolean
  language sql stable security definer set search_path = ''
as $$
  select coalesce((select l.action = 'whatsapp.connected' from public.audit_log l
                    where l.org_id = number_was_connected.org_id and l.action in ('whatsapp.connected', 'whatsapp.disconnected')
                      and l.object_id in (number_was_connected.number_id::text, 'all') and l.at <= number_was_connected.at
                    order by l.at desc, l.id desc limit 1), true)
$$;
comment on function private.number_was_connected is
  'Whether the organization had the number connected at that moment, by its audit log: what came in between is kept, applied to nothing.';

create function private.shadow_organization(org_id uuid, since timestamptz) returns uuid
  language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_shadow uuid := gen_random_uuid();
begin
  insert into public.organizations (id, name, time_zone, country)
  select v_shadow, o.name, o.time_zone, o.country from public.organizations o where o.id = shadow_organization.org_id;
  insert into public.consent_settings (org_id, confirm_opt_out) values (v_shadow, false);     -- a shadow answers nobody
  insert into public.whatsapp_accounts (org_id, id, waba_id)
  select v_shadow, a.id, a.waba_id from public.whatsapp_accounts a where a.org_id = shadow_organization.org_id;
  insert into public.whatsapp_numbers (org_id, id, account_id, phone_number_id, status)
  select v_shadow, n.id, n.account_id, n.phone_number_id, 'disconnected'
    from public.whatsapp_numbers n where n.org_id = shadow_organization.org_id;
  insert into public.contacts (org_id, id, name, name_at, phone, phone_kind, wa_id, user_id, created_at)
  select v_shadow, c.id, c.name, c.name_at, c.phone, c.phone_kind, c.wa_id, c.user_id, c.created_at
    from public.contacts c where c.org_id = shadow_organization.org_id;
  insert into public.contact_points (org_id, contact_id, kind, value)
  select v_shadow, p.contact_id, p.kind, p.value from public.contact_points p where p.org_id = shadow_organization.org_id and p.kind = 'phone'
      on conflict do nothing;
  insert into public.contact_identities (org_id, kind, value, contact_id, changed_at)
  select v_shadow, i.kind, i.value, i.contact_id, i.changed_at
    from public.contact_identities i where i.org_id = shadow_organization.org_id;
  insert into public.conversations (org_id, id, number_id, contact_id)
  select v_shadow, c.id, c.number_id, c.contact_id from public.conversations c where c.org_id = shadow_organization.org_id;
  -- What Flow itself knows, not Meta: what was written here, and under which wamid Meta took it.
  insert into public.messages (org_id, id, conversation_id, contact_id, direction, kind, body, text, status, wamid, context_wamid,
                               origin, at, created_at, failed_at, error_code, error_message)
  overriding system value
  select v_shadow, m.id, m.conversation_id, m.contact_id, m.direction, m.kind, m.body, m.text,
         case when m.wamid is not null then 'sent' when m.status = 'failed' then 'failed' else 'cancelled' end,
         m.wamid, m.context_wamid, m.origin, m.at, m.created_at,
         case when m.wamid is null then m.failed_at end, case when m.wamid is null then m.error_code end,
         case when m.wamid is null then m.error_message end
    from public.messages m
   where m.org_id = shadow_organization.org_id and m.created_at >= shadow_organization.since and m.origin not in ('customer', 'phone');
  -- What came before the oldest stored event cannot be worked out any more: it is taken as it is.
  insert into public.messages (org_id, id, conversation_id, contact_id, direction, kind, body, text, status, wamid, context_wamid,
                               origin, at, created_at, sent_at, delivered_at, read_at, played_at, failed_at, error_code, error_message,
                               pricing, reactions, edits, revoked_at, imported_at, status_notes)
  overriding system value
  select v_shadow, m.id, m.conversation_id, m.contact_id, m.direction, m.kind, m.body, m.text,
         case when m.status in ('queued', 'sending', 'uncertain') then 'cancelled' else m.status end, m.wamid, m.context_wamid,
         m.origin, m.at, m.created_at, m.sent_at, m.delivered_at, m.read_at, m.played_at, m.failed_at, m.error_code, m.error_message,
         m.pricing, m.reactions, m.edits, m.revoked_at, m.imported_at, m.status_notes
    from public.messages m
   where m.org_id = shadow_organization.org_id and m.created_at < shadow_organization.since;
  return v_shadow;
end;
$$;
comment on function private.shadow_organization is
  'Copies an organization''s numbers, people, threads and what Flow wrote since an instant, all under their own ids, into a new organization without any of Meta''s news.';

create function private.events_naming(org_id uuid) returns setof private.webhook_events
  language plpgsql stable security definer set search_path = ''
as $$
declare
  v_ids bytea[];
begin
  select array_agg(convert_to(k.id, 'UTF8')) into v_ids from (
    select n.phone_number_id as id from public.whatsapp_numbers n where n.org_id = events_naming.org_id
    union select a.waba_id from public.whatsapp_accounts a where a.org_id = events_naming.org_id) k;
  return query
    select e.* from private.webhook_events e
     where e.provider = 'meta' and exists (select from unnest(v_ids) i where position(i in e.body) > 0)
     order by e.received_at, e.id;
end;
$$;
comment on function private.events_naming is 'The stored events whose bytes name an account or number of the organization, oldest first: those that may concern it, and few others.';

create function private.replay_field(event_id bigint, u private.meta_update) returns void
  language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_event private.field_event := row (u.org_id, (select n.account_id from public.whatsapp_numbers n where n.org_id = u.org_id and n.id = u.number_id),
                                      u.number_id, u.waba_id, u.at, u.item -> 'value', replay_field.event_id)::private.field_event;
begin
  case u.field
    when 'smb_message_echoes' then perform private.on_smb_message_echoes(v_event);
    when 'history' then perform private.on_history(v_event);
  end case;
exception when others then
  if sqlstate ~ '^(40|53|55|57|58)' then
    raise;
  end if;                                      -- a dead letter then, and now
end;
$$;
comment on function private.replay_field is 'Hands a field that brings messages to its handler, for the shadow.';

create function private.replay_into_shadow(org_id uuid, shadow uuid) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_event    record;
  v_updates  private.meta_update[];
  v_messages private.meta_update[] := '{}';
  v_statuses private.meta_update[] := '{}';
  v_field    private.meta_update;
  v_events   int := 0;
  v_all      int;
  v_count    bigint := 0;
  v_applied  int := 0;
begin
  for v_event in select * from private.events_naming(replay_into_shadow.org_id) loop
    begin
      v_updates := private.meta_updates(v_event.body);
    exception when sqlstate 'PT422' then
      continue;                                -- a dead letter then, and now
    end;
    v_events := v_events + 1;
    v_all := cardinality(v_updates);
    -- Numbered through: a position names one update of the whole set, which holds those of many events.
    select array_agg(row (v_count + u.n, u.kind, u.field, u.waba_id, u.phone_number_id, u.item, u.profile, null, replay_into_shadow.shadow,
             n.id, 'connected', u.at, null)::private.meta_update order by u.n) into v_updates
      from unnest(v_updates) with ordinality u ("position", kind, field, waba_id, phone_number_id, item, profile, problem, org_id,
                                                number_id, number_status, at, contact_id, n)
      join public.whatsapp_numbers n on n.org_id = replay_into_shadow.org_id and n.phone_number_id = u.phone_number_id
      join public.whatsapp_accounts a on (a.org_id, a.id) = (n.org_id, n.account_id) and a.waba_id = u.waba_id
     where u.problem is null
       and (u.kind = 'status' or private.number_was_connected(replay_into_shadow.org_id, n.id, v_event.received_at));
    v_applied := v_applied + coalesce(cardinality(v_updates), 0);
    v_messages := v_messages || coalesce((select array_agg(u order by u.position) from unnest(v_updates) u where u.kind = 'message'), '{}');
    v_statuses := v_statuses || coalesce((select array_agg(u order by u.position) from unnest(v_updates) u where u.kind = 'status'), '{}');
    -- Of the fields, those that bring messages: what the business sent from its phone, and the phone's history.
    for v_field in select u.* from unnest(v_updates) u where u.kind = 'field' and u.field in ('smb_message_echoes', 'history') loop
      perform private.replay_field(v_event.id, v_field);
    end loop;
    v_count := v_count + v_all;
    if cardinality(v_messages) + cardinality(v_statuses) >= 500 then
      perform private.apply_split(v_event.id, v_messages, v_statuses);
      v_messages := '{}';
      v_statuses := '{}';
    end if;
  end loop;
  perform private.apply_split(0, v_messages, v_statuses);
  return jsonb_build_object('events', v_events, 'updates', v_applied);
end;
$$;
comment on function private.replay_into_shadow is
  'Applies every stored event of an organization''s numbers to its shadow, in sets of some hundred updates. Returns {events, updates}.';

create function private.compare_with_shadow(org_id uuid, shadow uuid, since timestamptz) returns jsonb
  language plpgsql stable security definer set search_path = ''
as $$
declare
  -- What is not Meta's news: Flow's own ids, and the bookkeeping of sending.
  v_own      text[] := '{org_id,id,created_at,client_token,sender_id,attempts,settle_at,resent_at,needs_attention,imported_at}';
  v_messages jsonb;
  v_threads  jsonb;
  v_compared int;
begin
  select count(*) filter (where r.id is not null),
         jsonb_agg(jsonb_build_object('message_id', r.id, 'wamid', coalesce(r.wamid, s.wamid),
           'problem', case when r.id is null then 'missing' when s.id is null then 'without_event' else 'differs' end,
           'columns', case when r.id is not null and s.id is not null then (
              select jsonb_agg(a.key order by a.key) from jsonb_each(to_jsonb(r) - v_own) a
               where a.value is distinct from to_jsonb(s) -> a.key
                 and not (a.key = 'reactions' and coalesce(r.reactions, '{}') - 'business' = coalesce(s.reactions, '{}') - 'business')) end,
           'row', case when s.id is not null then to_jsonb(s) - v_own end))
           filter (where r.id is null or s.id is null
                      or jsonb_set(to_jsonb(r) - v_own, '{reactions}', coalesce(r.reactions, '{}') - 'business')
                         <> jsonb_set(to_jsonb(s) - v_own, '{reactions}', coalesce(s.reactions, '{}') - 'business'))
    into v_compared, v_messages
    from (select m.* from public.messages m
           where m.org_id = compare_with_shadow.org_id and m.created_at >= compare_with_shadow.since
             and (m.wamid is not null or m.direction = 'inbound') and coalesce(m.wamid, '') not like 'erased.%') r
    full join (select m.* from public.messages m
                where m.org_id = compare_with_shadow.shadow and m.created_at >= compare_with_shadow.since
                  and m.wamid not like 'erased.%') s on s.wamid = r.wamid;

  with recomputed as (
    select c.id, w.window_expires_at, l.last_message_at, l.last_message_text
      from public.conversations c
      left join lateral (
        select least(i.last_at + interval '24 hours',
                     (select min(m.failed_at) from public.messages m where m.org_id = c.org_id and m.conversation_id = c.id
                         and m.error_code = 131047 and m.failed_at > i.last_at)) as window_expires_at
          from (select max(m.at) as last_at from public.messages m
                  left join public.messages o on o.org_id = compare_with_shadow.org_id and o.wamid = m.wamid
                 where m.org_id = c.org_id and m.conversation_id = c.id and m.direction = 'inbound'
                   -- What was a day old when the phone's history brought it opened no window.
                   and (o.imported_at is null or m.at > o.imported_at - interval '24 hours')) i) w on true
      left join lateral (
        select m.at as last_message_at, left(coalesce(m.text, m.kind), 160) as last_message_text from public.messages m
         where m.org_id = c.org_id and m.conversation_id = c.id order by m.at desc, m.wamid desc nulls first limit 1) l on true
     where c.org_id = compare_with_shadow.shadow)
  select jsonb_agg(jsonb_build_object('conversation_id', r.id,
           'columns', (select jsonb_agg(k.name) from (values
              ('window_expires_at', r.window_expires_at is distinct from s.window_expires_at),
              ('last_message_at', r.last_message_at is distinct from coalesce(s.last_message_at, '-infinity')),
              ('last_message_text', r.last_message_text is distinct from s.last_message_text)) k (name, differs) where k.differs),
           'row', jsonb_build_object('window_expires_at', s.window_expires_at, 'last_message_at', coalesce(s.last_message_at, '-infinity'),
                                     'last_message_text', s.last_message_text)))
    into v_threads
    from public.conversations r
    join recomputed s on s.id = r.id
   where r.org_id = compare_with_shadow.org_id and not exists (select from public.contacts e where e.org_id = r.org_id and e.id = r.contact_id and e.erased_at is not null)
     and (r.window_expires_at, r.last_message_at, r.last_message_text)
         is distinct from (s.window_expires_at, coalesce(s.last_message_at, '-infinity'), s.last_message_text);
  return jsonb_build_object('messages', v_compared, 'wrong_messages', coalesce(v_messages, '[]'), 'wrong_threads', coalesce(v_threads, '[]'));
end;
$$;
comment on function private.compare_with_shadow is
  'Holds messages since an instant, and all conversations, against the shadow''s. Returns {messages: compared, wrong_messages: [{message_id, '
  'wamid, problem: differs | missing | without_event, columns, row}], wrong_threads: [{conversation_id, columns, row}]}.';

create function private.correct_from_shadow(org_id uuid, differences jsonb) returns int
  language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_count int;
  v_total int := 0;
begin
  perform from public.conversations c
   where c.org_id = correct_from_shadow.org_id
     and c.id in (select (t ->> 'conversation_id')::uuid from jsonb_array_elements(differences -> 'wrong_threads') t)
   order by c.id for update;
  update public.conversations c
     set (window_expires_at, last_message_at, last_message_text) = (t.window_expires_at, t.last_message_at, t.last_message_text)
    from (select (w ->> 'conversation_id')::uuid as id, x.* from jsonb_array_elements(differences -> 'wrong_threads') w
           cross join lateral jsonb_to_record(w -> 'row') x (window_expires_at timestamptz, last_message_at timestamptz, last_message_text text)) t
   where c.org_id = correct_from_shadow.org_id and c.id = t.id;
  get diagnostics v_count = row_count;
  v_total := v_total + v_count;
  update public.messages m
     set (text, status, at, sent_at, delivered_at, read_at, played_at, failed_at, error_code, error_message, pricing, reactions, edits, revoked_at,
        status_notes)
       = (x.text, x.status, x.at, x.sent_at, x.delivered_at, x.read_at, x.played_at, x.failed_at, x.error_code, x.error_message, x.pricing,
          nullif(coalesce(x.reactions, '{}') || case when m.reactions ? 'business'
                   then jsonb_build_object('business', m.reactions -> 'business') else '{}' end, '{}'), x.edits, x.revoked_at, x.status_notes)
    from jsonb_array_elements(differences -> 'wrong_messages') w
    cross join lateral jsonb_populate_record(null::public.messages, w -> 'row') x
   where w ->> 'problem' = 'differs' and m.org_id = correct_from_shadow.org_id and m.id = (w ->> 'message_id')::bigint;
  get diagnostics v_count = row_count;
  return v_total + v_count;
end;
$$;
comment on function private.correct_from_shadow is 'Sets what compare_with_shadow found wrong, of messages and conversations that are there. Returns how many.';

create function private.rebuild(org_id uuid, correct boolean default true) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_since    timestamptz;
  v_shadow   uuid;
  v_replayed jsonb;
  v_found    jsonb;
  v_event    bigint;
  v_missing  int;
  v_orphans  int;
  v_done     int := 0;
begin
  perform worker.organization(rebuild.org_id);
  if current_setting('transaction_isolation') not in ('repeatable read', 'serializable') then
    raise sqlstate 'PT400' using message = 'Rebuilding needs one picture of the database', detail = 'isolation_too_low',
      hint = 'Begin the transaction with isolation level repeatable read.';
  end if;
  select coalesce(min(e.received_at), 'infinity') into v_since from private.webhook_events e;
  begin
    v_shadow := private.shadow_organization(rebuild.org_id, v_since);
    v_replayed := private.replay_into_shadow(rebuild.org_id, v_shadow);
    v_found := private.compare_with_shadow(rebuild.org_id, v_shadow, v_since);
    raise sqlstate 'FL001';                    -- the shadow goes; what was found stays in the variables
  exception when sqlstate 'FL001' then
    null;
  end;
  select count(*) filter (where w ->> 'problem' = 'missing'), count(*) filter (where w ->> 'problem' = 'without_event')
    into v_missing, v_orphans from jsonb_array_elements(v_found -> 'wrong_messages') w;
  if rebuild.correct then
    v_done := private.correct_from_shadow(rebuild.org_id, v_found);
    if v_missing > 0 then
      for v_event in select e.id from private.events_naming(rebuild.org_id) e loop
        perform worker.replay(v_event);
      end loop;
      select v_done + count(*) into v_done
        from jsonb_array_elements(v_found -> 'wrong_messages') w
        join public.messages m on m.org_id = rebuild.org_id and m.wamid = w ->> 'wamid'
       where w ->> 'problem' = 'missing';
    end if;
  end if;
  return v_replayed || jsonb_build_object('messages', v_found -> 'messages',
    'conversations', (select count(*) from public.conversations c where c.org_id = rebuild.org_id),
    'equal', v_found -> 'wrong_messages' = '[]' and v_found -> 'wrong_threads' = '[]',
    'wrong_messages', jsonb_array_length(v_found -> 'wrong_messages') - v_missing - v_orphans, 'missing_messages', v_missing,
    'messages_without_event', v_orphans, 'wrong_conversations', jsonb_array_length(v_found -> 'wrong_threads'), 'corrected', v_done,
    'examples', (select coalesce(jsonb_agg(x - 'row'), '[]') from (
        select w as x from jsonb_array_elements((v_found -> 'wrong_messages') || (v_found -> 'wrong_threads')) w limit 20) f));
end;
$$;
comment on function private.rebuild is
  'Works out the messages and conversations of an organization anew from the stored events (kept 30 days) and compares; with correct, what '
  'differs or is missing is put right, nothing is deleted. For an operator''s direct connection, isolation repeatable read. Returns {events, '
  'updates, messages, conversations: compared; equal; wrong_messages, missing_messages, messages_without_event, wrong_conversations, corrected; '
  'examples: ids and columns, no texts}. Raises PT400 isolation_too_low, PT404.';
