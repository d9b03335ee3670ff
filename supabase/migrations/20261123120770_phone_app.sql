-- 770_phone_app.sql: a number that is also used on the phone: what was sent there, its history, its address book.

create function private.keep_phone_messages(e private.field_event, items jsonb, import boolean) returns int
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_updates private.meta_update[];
  v_people  private.meta_update[];
  v_decided jsonb;
  v_new     jsonb;
  u         record;
begin
  -- Broken ones first, each by itself; then the others as one set.
  for u in select i.item from jsonb_array_elements(items) i (item) loop
    if jsonb_typeof(u.item -> 'message') is distinct from 'object' or coalesce(length(u.item #>> '{message,id}'), 0) not between 1 and 512
       or coalesce(u.item #>> '{message,timestamp}', '') !~ '^[0-9]{1,11}$'
       or jsonb_typeof(u.item -> 'person') is distinct from 'string' and jsonb_typeof(u.item -> 'user') is distinct from 'string' then
      insert into private.dead_letters (event_id, org_id, reason, item)
      values ((e).event_id, (e).org_id, case when jsonb_typeof(u.item -> 'message') is distinct from 'object' then 'message_not_an_object'
        when coalesce(length(u.item #>> '{message,id}'), 0) not between 1 and 512 then 'id_missing'
        when coalesce(u.item #>> '{message,timestamp}', '') !~ '^[0-9]{1,11}$' then 'timestamp_invalid' else 'sender_missing' end, u.item);
      items := (select coalesce(jsonb_agg(i), '[]') from jsonb_array_elements(items) i where i <> u.item);
      if length(u.item #>> '{message,id}') between 1 and 512 then
        perform private.meter_phone((e).org_id, (e).number_id, array[u.item #>> '{message,id}']);      -- named all the same
      end if;
    end if;
  end loop;

  -- The persons: met as if they had written, under whatever ids they are known.
  select array_agg(row (i.n, i.item ->> 'direction', 'messages', (e).waba_id, null,
           jsonb_strip_nulls(jsonb_build_object('from', i.item ->> 'person', 'from_user_id', i.item ->> 'user')), i.item -> 'profile', null,
           (e).org_id, (e).number_id, null, to_timestamp((i.item #>> '{message,timestamp}')::bigint), null)::private.meta_update order by i.n),
         array_agg(row (i.n, i.item ->> 'direction', 'messages', (e).waba_id, null, i.item -> 'message', null, null,
           (e).org_id, (e).number_id, null, to_timestamp((i.item #>> '{message,timestamp}')::bigint), null)::private.meta_update order by i.n)
    into v_people, v_updates
    from jsonb_array_elements(items) with ordinality i (item, n)
   where coalesce(i.item #>> '{message,type}', '') <> 'system';
  if v_updates is null then
    return 0;
  end if;
  v_people := private.meet_senders(v_people);
  v_updates := (select array_agg(row (m.position, m.kind, m.field, m.waba_id, null, m.item, null, null, m.org_id, m.number_id, null, m.at,
                                      p.contact_id)::private.meta_update order by m.position)
                  from unnest(v_updates) m join unnest(v_people) p on p.position = m.position);

  select jsonb_agg(jsonb_build_object('org_id', m.org_id, 'wamid', m.item ->> 'id', 'number_id', m.number_id, 'contact_id', m.contact_id, 'at', m.at,
           'decision', private.said_consent(m.org_id, m.item), 'evidence', private.consent_evidence(m.item)) order by m.at, m.position)
    into v_decided from unnest(v_updates) m where m.kind = 'inbound' and private.said_consent(m.org_id, m.item) is not null;
  if v_decided is not null then
    perform private.lock_for_answers(v_decided);
  end if;
  insert into public.conversations (org_id, number_id, contact_id)
  select distinct m.org_id, m.number_id, m.contact_id from unnest(v_updates) m
   where coalesce(m.item ->> 'type', 'unknown') not in ('reaction', 'edit', 'revoke')
   order by 1, 2, 3
  on conflict on constraint conversation_is_unique_per_number_and_contact do nothing;
  perform private.lock_conversations(v_updates);

  with added as (
    insert into public.messages (org_id, conversation_id, contact_id, direction, kind, body, text, status, wamid, context_wamid, origin, at,
                                 sent_at, delivered_at, read_at, played_at, failed_at, error_code, error_message, imported_at)
    select m.org_id, c.id, m.contact_id, m.kind, left(coalesce(m.item ->> 'type', 'unknown'), 64), m.item, private.inbound_text(m.item),
           case when m.kind = 'inbound' then 'received' when s.word in ('READ', 'PLAYED') then 'read' when s.word = 'DELIVERED' then 'delivered'
                when s.word in ('ERROR', 'FAILED') then 'failed' else 'sent' end,
           m.item ->> 'id', m.item #>> '{context,id}', case m.kind when 'inbound' then 'customer' else 'phone' end, m.at,
           case when m.kind = 'outbound' and coalesce(s.word, '') not in ('ERROR', 'FAILED') then m.at end,
           case when m.kind = 'outbound' and s.word = 'DELIVERED' then m.at end,
           case when m.kind = 'outbound' and s.word in ('READ', 'PLAYED') then m.at end,
           case when m.kind = 'outbound' and s.word = 'PLAYED' then m.at end,
           case when m.kind = 'outbound' and s.word in ('ERROR', 'FAILED') then m.at end,
           case when m.kind = 'outbound' and s.word in ('ERROR', 'FAILED') then 0 end,
           case when m.kind = 'outbound' and s.word in ('ERROR', 'FAILED') then 'The phone could not send it' end,
           case when import then now() end
      from unnest(v_updates) m
      join public.conversations c on (c.org_id, c.number_id, c.contact_id) = (m.org_id, m.number_id, m.contact_id)
     cross join lateral (select upper(m.item #>> '{history_context,status}') as word) s
     where coalesce(m.item ->> 'type', 'unknown') not in ('reaction', 'edit', 'revoke')
     order by m.org_id, m.item ->> 'id'
    on conflict (org_id, wamid) where wamid is not null do nothing
    returning org_id, conversation_id, direction, wamid, at
  ), counted as (
    select a.org_id, a.conversation_id, max(a.at) as last_at, max(a.at) filter (where a.direction = 'inbound') as heard_at from added a group by 1, 2
  ), told as (
    -- Nothing is unread and nothing opens again; only a customer's message of the last day leaves the window open.
    update public.conversations c
       set last_message_at = greatest(c.last_message_at, k.last_at),
           window_expires_at = case when k.heard_at > now() - interval '24 hours'
                                    then greatest(c.window_expires_at, k.heard_at + interval '24 hours') else c.window_expires_at end
      from counted k where (c.org_id, c.id) = (k.org_id, k.conversation_id)
  )
  select jsonb_agg(jsonb_build_object('org_id', a.org_id, 'wamid', a.wamid, 'conversation_id', a.conversation_id)) into v_new from added a;

  perform private.apply_changes((select array_agg(m order by m.at, m.position) from unnest(v_updates) m
                                  where m.item ->> 'type' in ('reaction', 'edit', 'revoke')));
  if exists (select from unnest(v_updates) m where m.kind = 'inbound' and m.item ? 'referral') then
    perform private.note_referrals((select array_agg(m) from unnest(v_updates) m where m.kind = 'inbound'));
  end if;
  perform private.meter_phone((e).org_id, (e).number_id, (select array_agg(m.item ->> 'id') from unnest(v_updates) m));
  if v_new is not null then
    if v_decided is not null then
      perform private.take_consent(d.org_id, n.conversation_id, d.contact_id, d.at, d.decision, d.evidence, d.wamid, false)
         from jsonb_to_recordset(v_decided) d (org_id uuid, contact_id uuid, wamid text, at timestamptz, decision text, evidence jsonb)
         join jsonb_to_recordset(v_new) n (org_id uuid, wamid text, conversation_id uuid) on (n.org_id, n.wamid) = (d.org_id, d.wamid);
    end if;
    perform private.apply_parked((select array_agg(n ->> 'wamid') from jsonb_array_elements(v_new) n), array[(e).org_id]);
    perform private.settle_preview(n.org_id, n.conversation_id)
       from (select distinct x.org_id, x.conversation_id from jsonb_to_recordset(v_new) x (org_id uuid, conversation_id uuid) order by 1, 2) n;
    return jsonb_array_length(v_new);
  end if;
  return 0;
end;
$$;
comment on function private.keep_phone_messages is
  'Stores messages that Flow did not carry: [{message, direction, person: number, user: user id, profile}]. They cost nothing and raise no '
  'unread count; imported ones set nothing going. Reactions, edits and revokes change what they name. One that cannot be read is a dead letter. Returns how many are new.';

create function private.field_people(e private.field_event) returns jsonb
  language plpgsql immutable set search_path = ''
as $$
begin
  return coalesce((select jsonb_object_agg(k.key, k.person) from (
    select p ->> 'wa_id' as key, p as person from jsonb_array_elements(case when jsonb_typeof((e).value -> 'contacts') = 'array' then (e).value -> 'contacts' end) p
    union all
    select p ->> 'user_id', p from jsonb_array_elements(case when jsonb_typeof((e).value -> 'contacts') = 'array' then (e).value -> 'contacts' end) p) k
   where k.key is not null), '{}');
end;
$$;
comment on function private.field_people is 'The contacts of a field by their number and their user id.';

create function private.on_smb_message_echoes(e private.field_event) returns void
  language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_people jsonb := private.field_people(e);
begin
  perform private.keep_phone_messages(e, (
    select coalesce(jsonb_agg(jsonb_strip_nulls(jsonb_build_object('message', m, 'direction', 'outbound', 'person', m -> 'to', 'user', m -> 'to_user_id',
             'profile', coalesce(v_people -> (m ->> 'to_user_id'), v_people -> (m ->> 'to'))))), '[]')
      from private.field_list(e, 'message_echoes') m), false);
end;
$$;
comment on function private.on_smb_message_echoes is
  'smb_message_echoes: what the business sent from its phone, shown in the thread as sent; it opens no window and is not billed.';

create function private.on_history(e private.field_event) returns void
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_people jsonb := private.field_people(e);
  v_own    text := regexp_replace((e).value #>> '{metadata,display_phone_number}', '\D', '', 'g');
  v_error  jsonb := (e).value #> '{errors,0}';
  v_chunk  jsonb;
  v_items  jsonb;
begin
  if v_error is null then
    for v_chunk in select private.field_list(e, 'history') loop
      v_error := coalesce(v_error, v_chunk #> '{errors,0}');
      select jsonb_agg(jsonb_strip_nulls(jsonb_build_object('message', m, 'direction', d.way,
               'person', case when t ->> 'id' !~ '^[A-Z]{2}\.' then t ->> 'id' end,
               'user', coalesce(case when t ->> 'id' ~ '^[A-Z]{2}\.' then t ->> 'id' end, case d.way when 'inbound' then m ->> 'from_user_id' else m ->> 'to_user_id' end),
               'profile', v_people -> (t ->> 'id')))) into v_items
        from jsonb_array_elements(case when jsonb_typeof(v_chunk -> 'threads') = 'array' then v_chunk -> 'threads' end) t
       cross join lateral jsonb_array_elements(case when jsonb_typeof(t -> 'messages') = 'array' then t -> 'messages' end) m
       cross join lateral (select case when m ->> 'from' = v_own or m ->> 'from' is null and (m ? 'to' or m ? 'to_user_id')
                                         or m ->> 'from' is not null and m ->> 'from' <> t ->> 'id' and m ->> 'from_user_id' is distinct from t ->> 'id'
                                            and not coalesce(m ->> 'from' ~ '^[0-9]+$' and t ->> 'id' ~ '^[A-Z]{2}\.', false)
                                       then 'outbound' else 'inbound' end as way) d;
      if v_items is not null then
        perform private.keep_phone_messages(e, v_items, true);
      end if;
      if v_chunk #>> '{metadata,progress}' ~ '^(100|[0-9]{1,2})$' then
        update public.whatsapp_numbers n set history_progress = greatest(n.history_progress, (v_chunk #>> '{metadata,progress}')::int)
         where n.org_id = (e).org_id and n.id = (e).number_id;
      end if;
    end loop;
  end if;
  if v_error is not null then
    perform private.note_health((e).org_id, (e).account_id, (e).number_id, 'history', 'warning',
      coalesce((select r.words from private.meta_error_codes r where r.code::text = v_error ->> 'code'),
               left(coalesce(v_error #>> '{error_data,details}', v_error ->> 'title'), 500), 'The history of the phone app could not be read'),
      coalesce((select r.remedy from private.meta_error_codes r where r.code::text = v_error ->> 'code'), 'Connect the number again to ask for it again.'));
  end if;
end;
$$;
comment on function private.on_history is
  'history: the phone app''s conversations, in chunks of any order, imported as they were: no automation, nothing unread, no cost; '
  'words of consent count from their own time. A business that declines is noted.';

create function private.on_smb_app_state_sync(e private.field_event) returns void
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_item    jsonb;
  v_phone   text;
  v_name    text;
  v_at      timestamptz;
  v_before  text;
  v_contact uuid;
begin
  for v_item in select s from private.field_list(e, 'state_sync') s order by s #>> '{contact,phone_number}', s #>> '{metadata,timestamp}' loop
    if jsonb_typeof(v_item) is distinct from 'object' then
      raise sqlstate 'PT422' using message = 'An entry is no object', detail = 'entry_not_an_object';
    end if;
    v_phone := '+' || ltrim(regexp_replace(v_item #>> '{contact,phone_number}', '[^0-9]', '', 'g'), '0');
    v_name := private.clean_text(coalesce(v_item #>> '{contact,full_name}', v_item #>> '{contact,first_name}'), 200);
    -- What is taken out of the phone stays here; and who has no number cannot be found again.
    continue when v_item ->> 'type' is distinct from 'contact' or v_item ->> 'action' is not distinct from 'remove'
               or coalesce(v_phone, '') !~ '^\+[1-9][0-9]{6,14}$' or v_name is null;
    v_at := case when v_item #>> '{metadata,timestamp}' ~ '^[0-9]{1,10}$' then to_timestamp((v_item #>> '{metadata,timestamp}')::bigint)
                 when v_item #>> '{metadata,timestamp}' ~ '^[0-9]{13}$' then to_timestamp((v_item #>> '{metadata,timestamp}')::bigint / 1000.0) else (e).at end;
    select i.contact_id into v_contact from public.contact_identities i
     where (i.org_id, i.kind, i.value) = ((e).org_id, 'wa_id', ltrim(v_phone, '+'));
    continue when not found and private.is_suppressed((e).org_id, 'phone', v_phone);
    select f.value ->> 'name' into v_before from private.field_marks f where f.org_id = (e).org_id and f.key = 'book:' || v_phone;
    continue when not private.is_news(row ((e).org_id, (e).account_id, (e).number_id, (e).waba_id, v_at, v_item, (e).event_id)::private.field_event,
                                      'book:' || v_phone, jsonb_build_object('name', v_name));
    if v_contact is null then
      v_contact := private.resolve_contact((e).org_id, jsonb_build_object('name', v_name, 'phone', v_phone));
    end if;
    -- An empty name is filled; one that came from the address book follows it.
    update public.contacts c set name = v_name, name_at = null
     where c.org_id = (e).org_id and c.id = v_contact and (c.name is null or c.name = v_before and c.name_at is null) and c.name is distinct from v_name;
  end loop;
end;
$$;
comment on function private.on_smb_app_state_sync is
  'smb_app_state_sync: the phone''s address book: contacts are made, and empty names filled; taking one out of the phone deletes nothing.';
