-- 70_meta_events.sql: what Meta tells us: stored as it came, taken apart into updates, each routed to its number.

------------------------------------------------------------------------------------------------
-- Stored events and dead letters
------------------------------------------------------------------------------------------------
create table private.webhook_events (
  id          bigint generated always as identity,
  received_at timestamptz not null default now(),
  provider    text not null default 'meta',
  body        bytea not null,
  primary key (received_at, id)
) partition by range (received_at);
comment on table private.webhook_events is
  'Every webhook body byte for byte, one partition a day (dropped whole when retention ends). The state of conversations can be rebuilt from it.';
comment on column private.webhook_events.id is 'Running number.';
comment on column private.webhook_events.received_at is 'When Flow stored it.';
comment on column private.webhook_events.provider is 'Who sent it: meta.';
comment on column private.webhook_events.body is 'The bytes; not jsonb, because an escaped NUL or a lone surrogate would not fit.';
alter table private.webhook_events enable row level security;
create index webhook_events_id on private.webhook_events (id);
create table private.webhook_events_default partition of private.webhook_events default;
comment on table private.webhook_events_default is 'Catches events of a day whose partition is missing: none is lost.';
alter table private.webhook_events_default enable row level security;

create function private.roll_webhook_events(keep_days int default 30, days_ahead int default 7) returns text[]
  language plpgsql volatile security definer set search_path = '' set timezone = 'UTC' set lock_timeout = '2s'
as $$
declare
  v_day  date;
  v_name text;
  v_log  text[] := '{}';
begin
  for v_day in select generate_series(current_date, current_date + days_ahead, interval '1 day')::date loop
    v_name := 'webhook_events_' || to_char(v_day, 'YYYYMMDD');
    if to_regclass('private.' || v_name) is null then
      -- Built apart, filled from the default partition, then attached: "partition of" fails once the default holds such rows.
      execute format('create table private.%I (like private.webhook_events including all excluding identity)', v_name);
      execute format('alter table private.%I enable row level security', v_name);
      execute format('comment on table private.%I is %L', v_name, 'Webhook events of ' || v_day);
      execute format('with moved as (delete from private.webhook_events_default where received_at >= %L and received_at < %L returning *)
                      insert into private.%I select * from moved', v_day::timestamptz, (v_day + 1)::timestamptz, v_name);
      execute format('alter table private.webhook_events attach partition private.%I for values from (%L) to (%L)',
                     v_name, v_day::timestamptz, (v_day + 1)::timestamptz);
      v_log := v_log || ('+' || v_name);
    end if;
  end loop;
  for v_name in
    select c.relname from pg_catalog.pg_inherits i join pg_catalog.pg_class c on c.oid = i.inhrelid
     where i.inhparent = 'private.webhook_events'::regclass and c.relname ~ '^webhook_events_[0-9]{8}$'
       and to_date(right(c.relname, 8), 'YYYYMMDD') < current_date - keep_days
  loop
    execute format('drop table private.%I', v_name);
    v_log := v_log || ('-' || v_name);
  end loop;
  return v_log;
end;
$$;
comment on function private.roll_webhook_events is
  'Makes the partitions of the coming days and drops those older than keep_days; returns what it made (+) and dropped (-). Run by cron, harmless to repeat.';

create table private.dead_letters (
  id          bigint generated always as identity primary key,
  event_id    bigint not null,
  org_id      uuid,
  reason      text not null,
  detail      text,
  item        jsonb,
  attempts    int not null default 1,
  created_at  timestamptz not null default now(),
  resolved_at timestamptz,
  constraint dead_letter_is_of_an_organization foreign key (org_id) references public.organizations (id) on delete restrict
);
comment on table private.dead_letters is
  'Updates (or whole bodies) that could not be applied, with the reason; flow replay tries them again. Their neighbours went through.';
comment on column private.dead_letters.id is 'Running number.';
comment on column private.dead_letters.event_id is 'The stored event that held it.';
comment on column private.dead_letters.org_id is 'The organization; null when it belongs to none that Flow knows.';
comment on column private.dead_letters.reason is 'A slug: not_json, too_deep, unknown_number, id_missing, …, or the SQLSTATE of an unforeseen error.';
comment on column private.dead_letters.detail is 'More words on the reason.';
comment on column private.dead_letters.item is 'The update; a JSON string when it is no JSON.';
comment on column private.dead_letters.attempts is 'How often it was tried.';
comment on column private.dead_letters.created_at is 'When it was put aside.';
comment on column private.dead_letters.resolved_at is 'When a replay tried it again (a new failure is a new row); null: waiting.';
create index dead_letters_waiting on private.dead_letters (event_id, id) where resolved_at is null;
create index dead_letters_org on private.dead_letters (org_id);
alter table private.dead_letters enable row level security;

------------------------------------------------------------------------------------------------
-- Bytes → document → updates
------------------------------------------------------------------------------------------------
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

create function private.whole_update("position" bigint, kind text, field text, waba_id text, phone_number_id text, item jsonb, problem text)
  returns private.meta_update language sql immutable set search_path = ''
as $$
  select row (whole_update."position", kind, field, waba_id, phone_number_id, item, null, problem, null, null, null, null, null)::private.meta_update
$$;
comment on function private.whole_update is 'An update that is not a message or status: a field, or something broken, with its problem.';

create function private.split_change(change jsonb, waba_id text, base bigint) returns setof private.meta_update
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
    return next private.whole_update(base, 'field', change ->> 'field', waba_id, v_number, change, case when change ->> 'field' is null then 'field_missing' end);
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
                  when coalesce(u.item ->> 'timestamp', '') !~ '^[0-9]{1,11}$' then 'timestamp_invalid'
                  when v_number is null then 'number_missing' end,
             null::uuid, null::uuid, null::text,
             case when u.item ->> 'timestamp' ~ '^[0-9]{1,11}$' then to_timestamp((u.item ->> 'timestamp')::bigint) end,
             null::uuid
        from (select 'message' as kind, m.item, m.n from jsonb_array_elements(v_value -> 'messages') with ordinality m (item, n)
              union all
              select 'status', s.item, 1000000 + s.n from jsonb_array_elements(v_value -> 'statuses') with ordinality s (item, n)) u;
    if coalesce(jsonb_array_length(v_value -> 'messages'), 0) + coalesce(jsonb_array_length(v_value -> 'statuses'), 0) = 0 then
      return next private.whole_update(base, 'field', 'messages', waba_id, v_number, change, null);     -- errors alone, user_actions
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
                                              e.entry ->> 'id', (e.eo * 100000 + c.co) * 10000000) u;
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
                                                                 (v_entry.eo * 100000 + v_change.co) * 10000000) u;
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

------------------------------------------------------------------------------------------------
-- The door
------------------------------------------------------------------------------------------------
create function private.apply_event(event_id bigint, body bytea) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_updates  private.meta_update[];
  v_messages private.meta_update[];
  v_statuses private.meta_update[];
  v_fields   private.meta_update[];
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
  v_updates := private.route_updates(v_updates);

  select array_agg(u) filter (where u.kind = 'message' and u.problem is null and u.number_status <> 'disconnected'),
         array_agg(u) filter (where u.kind = 'status' and u.problem is null),
         array_agg(u) filter (where u.kind = 'field' and u.problem is null),
         count(*) filter (where u.kind = 'message' and u.problem is null and u.number_status = 'disconnected')
    into v_messages, v_statuses, v_fields, v_kept
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
    v_count := private.apply_fields(event_id, v_fields);
    v_dead := v_dead + v_count;
  end if;
  v_applied := v_total - v_dead - v_kept;
  return jsonb_build_object('event_id', event_id, 'updates', v_total, 'applied', v_applied, 'kept', v_kept, 'dead', v_dead);
end;
$$;
comment on function private.apply_event is
  'Applies every update of a stored event; a repeat changes nothing. Returns {event_id, updates, applied, kept: for a disconnected number, dead}.';

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
    select e.id, e.body from private.webhook_events e
     where (replay.event_id is not null and e.id = replay.event_id)
        or (replay.event_id is null and e.id in (
              select d.event_id from private.dead_letters d
               where d.resolved_at is null and d.event_id > replay.after group by d.event_id order by d.event_id limit replay.batch))
     order by e.id
  loop
    update private.dead_letters d set resolved_at = now() where d.event_id = v_event.id and d.resolved_at is null;
    select max(d.attempts) into v_tries from private.dead_letters d where d.event_id = v_event.id;
    v_result := private.apply_event(v_event.id, v_event.body);
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
