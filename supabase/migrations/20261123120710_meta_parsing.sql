-- 710_meta_parsing.sql: from the bytes of a webhook to its updates, each routed to its number.

create function private.clean_json_text(body text) returns text
  language sql immutable set search_path = ''
as $$
  -- An escape counts only after an even number of backslashes. NUL goes; a surrogate without its other half becomes U+FFFD.
  select regexp_replace(regexp_replace(regexp_replace(body,
      '(?<!\\)((?:\\\\)*)\\u0000', '\1', 'g'),
      '(?<!\\)((?:\\\\)*)\\u([dD][89abAB][0-9a-fA-F]{2})(?!\\u[dD][c-fC-F][0-9a-fA-F]{2})', '\1\\ufffd', 'g'),
      '(?<!\\u[dD][89abAB][0-9a-fA-F]{2})(?<!\\)((?:\\\\)*)\\u([dD][c-fC-F][0-9a-fA-F]{2})', '\1\\ufffd', 'g')
$$;
comment on function private.clean_json_text is 'JSON text with its NUL escapes removed and lone surrogates replaced, so that jsonb takes it.';

create type private.meta_update as (
  position bigint, kind text, field text, waba_id text, phone_number_id text, item jsonb, profile jsonb, problem text,
  org_id uuid, number_id uuid, number_status text, at timestamptz, contact_id uuid
);
comment on type private.meta_update is
  'One update of a webhook: kind message | status | field | broken, the item as sent, the sender''s profile, and where it belongs.';

create function private.whole_update("position" bigint, kind text, field text, waba_id text, phone_number_id text, item jsonb, problem text,
                                     at timestamptz default null)
  returns private.meta_update language sql immutable set search_path = ''
as $$
  select row (whole_update."position", kind, field, waba_id, phone_number_id, item, null, problem, null, null, null, whole_update.at, null)::private.meta_update
$$;
comment on function private.whole_update is 'An update that is not a message or status: a field, or something broken, with its problem.';

create function private.entry_time(entry jsonb) returns timestamptz
  language plpgsql immutable set search_path = ''
as $$
begin
  return case when entry ->> 'time' ~ '^[0-9]{1,10}$' then to_timestamp((entry ->> 'time')::bigint)
              when entry ->> 'time' ~ '^[0-9]{13}$' then to_timestamp((entry ->> 'time')::bigint / 1000.0) end;
end;
$$;
comment on function private.entry_time is 'When Meta says that the changes of an entry happened, in seconds or milliseconds; null: it does not say.';

create function private.split_change(change jsonb, waba_id text, base bigint, at timestamptz default null) returns setof private.meta_update
  language plpgsql immutable set search_path = ''
as $$
declare
  v_value  jsonb := change -> 'value';
  v_number text := change #>> '{value,metadata,phone_number_id}';
  v_people jsonb;
begin
  if jsonb_typeof(change) is distinct from 'object' then
    return next private.whole_update(base, 'broken', null, waba_id, null, change, 'change_not_an_object');
  elsif change ->> 'field' is distinct from 'messages' then
    return next private.whole_update(base, 'field', change ->> 'field', waba_id, v_number, change,
                                     case when change ->> 'field' is null then 'field_missing' end, split_change.at);
  elsif jsonb_typeof(v_value) is distinct from 'object' then
    return next private.whole_update(base, 'broken', 'messages', waba_id, null, change, 'value_not_an_object');
  elsif coalesce(jsonb_typeof(v_value -> 'messages'), 'array') <> 'array' or coalesce(jsonb_typeof(v_value -> 'statuses'), 'array') <> 'array' then
    return next private.whole_update(base, 'broken', 'messages', waba_id, v_number, change, 'messages_not_a_list');
  else
    if jsonb_typeof(v_value -> 'contacts') = 'array' then
      select jsonb_object_agg(k.key, k.person) into v_people from (
        select p ->> 'wa_id' as key, p as person from jsonb_array_elements(v_value -> 'contacts') p
        union all select p ->> 'user_id', p from jsonb_array_elements(v_value -> 'contacts') p) k
       where k.key is not null;
    end if;
    return query
      select base + u.n, u.kind, 'messages', waba_id, v_number, u.item,
             coalesce(v_people -> (u.item ->> 'from_user_id'), v_people -> (u.item ->> 'from')),
             case when jsonb_typeof(u.item) <> 'object' then u.kind || '_not_an_object'
                  when coalesce(u.item ->> 'id', '') = '' then 'id_missing'
                  when length(u.item ->> 'id') > 512 then 'id_too_long'
                  when coalesce(u.item ->> 'timestamp', '') !~ '^[0-9]{1,12}$' then 'timestamp_invalid'
                  when v_number is null then 'number_missing' end,
             null::uuid, null::uuid, null::text,
             case when u.item ->> 'timestamp' ~ '^[0-9]{1,12}$' then to_timestamp((u.item ->> 'timestamp')::bigint) end,
             null::uuid
        from (select 'message' as kind, m.item, m.n from jsonb_array_elements(v_value -> 'messages') with ordinality m (item, n)
              union all
              select 'status', s.item, 1000000 + s.n from jsonb_array_elements(v_value -> 'statuses') with ordinality s (item, n)) u;
    if coalesce(jsonb_array_length(v_value -> 'messages'), 0) + coalesce(jsonb_array_length(v_value -> 'statuses'), 0) = 0 then
      return next private.whole_update(base, 'field', 'messages', waba_id, v_number, change, null, split_change.at);     -- errors alone, user_actions
    end if;
  end if;
end;
$$;
comment on function private.split_change is 'The updates of one change (jsonb) of a webhook, each with what is wrong with it, if anything.';

create function private.meta_updates(body bytea) returns private.meta_update[]
  language plpgsql stable security definer set search_path = ''
as $$
declare
  v_text    text;
  v_json    json;
  v_doc     jsonb;
  v_updates private.meta_update[] := '{}';
  v_one     private.meta_update[];
  v_entry   record;
  v_change  record;
begin
  begin
    v_text := convert_from(body, 'UTF8');
    v_doc := v_text::jsonb;
  exception
    when character_not_in_repertoire or untranslatable_character then
      if v_text is null then
        raise sqlstate 'PT422' using message = 'The body is not UTF-8', detail = 'not_json';
      end if;
    when others then
      null;       -- not for jsonb; perhaps JSON all the same
  end;
  if v_doc is null then
    begin
      v_json := v_text::json;               -- strict JSON? (does not look inside escapes and numbers)
    exception
      when statement_too_complex then
        raise sqlstate 'PT422' using message = 'The body is nested too deep', detail = 'too_deep';
      when others then
        raise sqlstate 'PT422' using message = 'The body is not JSON', detail = 'not_json';
    end;
    v_text := private.clean_json_text(v_text);
    begin
      v_doc := v_text::jsonb;
    exception when others then
      null;                                 -- a number that no numeric holds: taken apart as json below
    end;
  end if;

  if v_doc is not null then
    if strpos(v_text, repeat('[', 8)) > 0 or length(v_text) - length(replace(replace(v_text, '[', ''), '{', '')) > 95 then
      if v_doc @? 'strict $.**{95 to last} ? (@.type() == "object" || @.type() == "array")' then
        raise sqlstate 'PT422' using message = 'The body is nested over 95 levels', detail = 'too_deep';
      end if;
    end if;
    if jsonb_typeof(v_doc) <> 'object' or jsonb_typeof(v_doc -> 'entry') is distinct from 'array' then
      return array[private.whole_update(0, 'broken', null, null, null, v_doc, 'not_a_webhook')];
    end if;
    select coalesce(array_agg(u), '{}') into v_updates
      from jsonb_array_elements(v_doc -> 'entry') with ordinality e (entry, eo)
      cross join lateral (
        select c.change, c.co from jsonb_array_elements(
          case when jsonb_typeof(e.entry -> 'changes') = 'array' then e.entry -> 'changes' else '[null]' end) with ordinality c (change, co)) c
      cross join lateral private.split_change(case when jsonb_typeof(e.entry -> 'changes') = 'array' then c.change else e.entry end,
                                              e.entry ->> 'id', (e.eo * 100000 + c.co) * 10000000, private.entry_time(e.entry)) u;
    return v_updates;
  end if;

  -- Slow and rare: one change at a time, and within a broken one, one message at a time.
  if json_typeof(v_text::json -> 'entry') is distinct from 'array' then
    return array[private.whole_update(0, 'broken', null, null, null, to_jsonb(left(v_text, 65536)), 'not_a_webhook')];
  end if;
  for v_entry in select e.entry, e.eo from json_array_elements(v_text::json -> 'entry') with ordinality e (entry, eo) loop
    for v_change in select c.change, c.co from json_array_elements(v_entry.entry -> 'changes') with ordinality c (change, co) loop
      begin
        select array_agg(u) into v_one from private.split_change(v_change.change::jsonb, v_entry.entry ->> 'id',
                                                                 (v_entry.eo * 100000 + v_change.co) * 10000000,
                                                                 private.entry_time(jsonb_build_object('time', v_entry.entry ->> 'time'))) u;
        v_updates := v_updates || v_one;
      exception when others then
        v_updates := v_updates || private.split_broken_change(v_change.change, v_entry.entry ->> 'id', (v_entry.eo * 100000 + v_change.co) * 10000000);
      end;
    end loop;
  end loop;
  return v_updates;
end;
$$;
comment on function private.meta_updates is
  'The updates of a webhook body. Raises PT422 not_json or too_deep when the body as a whole cannot be read; anything smaller is an update with a problem.';

create function private.split_broken_change(change json, waba_id text, base bigint) returns private.meta_update[]
  language plpgsql immutable set search_path = ''
as $$
declare
  v_updates private.meta_update[] := '{}';
  v_one     private.meta_update[];
  v_item    record;
  v_frame   jsonb;
begin
  v_frame := jsonb_build_object('field', change ->> 'field', 'value', jsonb_build_object(
    'metadata', change #> '{value,metadata}', 'contacts', change #> '{value,contacts}'));
  for v_item in
    select 'messages' as list, i.item, i.n from json_array_elements(change #> '{value,messages}') with ordinality i (item, n)
    union all
    select 'statuses', i.item, 1000000 + i.n from json_array_elements(change #> '{value,statuses}') with ordinality i (item, n)
  loop
    begin
      select array_agg(u) into v_one from private.split_change(
        jsonb_set(v_frame, array['value', v_item.list], jsonb_build_array(v_item.item::jsonb)), waba_id, base + 2 * v_item.n) u;
      v_updates := v_updates || v_one;
    exception when others then
      v_updates := v_updates || private.whole_update(base + 2 * v_item.n, 'broken', 'messages', waba_id, null, to_jsonb(left(v_item.item::text, 65536)), 'value_out_of_range');
    end;
  end loop;
  return v_updates;
exception when others then
  return array[private.whole_update(base, 'broken', null, waba_id, null, to_jsonb(left(change::text, 65536)), 'value_out_of_range')];
end;
$$;
comment on function private.split_broken_change is 'split_change for a change of which some part does not fit jsonb: only that part is broken.';

create function private.route_updates(updates private.meta_update[]) returns private.meta_update[]
  language plpgsql stable security definer set search_path = ''
as $$
declare
  v_routed private.meta_update[];
begin
  select array_agg(row (u.position, u.kind, u.field, u.waba_id, u.phone_number_id, u.item, u.profile,
           case when u.problem is not null then u.problem
                when u.kind in ('message', 'status') and n.id is null then 'unknown_number'
                when u.kind in ('message', 'status') and u.waba_id is distinct from n.waba_id then 'number_not_in_account' end,
           n.org_id, n.id, n.status, u.at, null)::private.meta_update order by u.position) into v_routed
    from unnest(updates) u
    left join lateral (
      -- A number lives in one organization; its old rows elsewhere still take the statuses of what was sent there.
      select w.org_id, w.id, w.status, a.waba_id from public.whatsapp_numbers w
        join public.whatsapp_accounts a on (a.org_id, a.id) = (w.org_id, w.account_id)
       where w.phone_number_id = u.phone_number_id
       order by w.status = 'disconnected', w.disconnected_at desc
       limit case when u.kind = 'status' then null else 1 end) n on true;
  return coalesce(v_routed, '{}');
end;
$$;
comment on function private.route_updates is
  'Finds the organization and number of each update by phone number id within its WABA; a status comes once for each organization that ever held the number.';
