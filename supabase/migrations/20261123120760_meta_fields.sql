-- 760_meta_fields.sql: webhook fields other than messages: whose they are, in which order they count, and who handles each.

create table private.field_marks (
  org_id uuid not null references public.organizations (id) on delete cascade,
  key    text not null,
  at     timestamptz not null,
  digest bytea not null,
  value  jsonb,
  primary key (org_id, key)
);
comment on table private.field_marks is
  'The newest event of each kind that was applied to each thing, so that an older one that comes later, or the same one again, changes nothing.';
comment on column private.field_marks.org_id is 'The organization.';
comment on column private.field_marks.key is 'What the events are about: account:<id>:ban, template:<id>:status, …';
comment on column private.field_marks.at is 'Meta''s time of the event.';
comment on column private.field_marks.digest is 'SHA-256 of the event: of two in one second, the same one always counts.';
comment on column private.field_marks.value is 'What the event said, where later events build on it.';
alter table private.field_marks enable row level security;

create type private.field_event as (
  org_id uuid, account_id uuid, number_id uuid, waba_id text, at timestamptz, value jsonb, event_id bigint
);
comment on type private.field_event is 'One change of a field, with the account or number that it is about.';

create function private.is_news(e private.field_event, key text, state jsonb default null, at timestamptz default null) returns boolean
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
begin
  insert into private.field_marks as f (org_id, key, at, digest, value)
  values ((e).org_id, is_news.key, coalesce(is_news.at, (e).at), sha256(convert_to((e).value::text, 'UTF8')), is_news.state)
  on conflict (org_id, key) do update set at = excluded.at, digest = excluded.digest, value = excluded.value
   where (f.at, f.digest) < (excluded.at, excluded.digest);
  return found;
end;
$$;
comment on function private.is_news is
  'Whether the event is newer than all before it under this key; if so it is noted (with its state), and the caller applies it. Two at once wait for each other.';

------------------------------------------------------------------------------------------------
-- Routing
------------------------------------------------------------------------------------------------
create function private.route_field(u private.meta_update, at timestamptz, event_id bigint) returns jsonb
  language plpgsql stable security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_value    jsonb := case when jsonb_typeof(u.item -> 'value') = 'object' then u.item -> 'value' else '{}' end;
  v_number   text := coalesce(u.phone_number_id, case when u.field = 'messaging_handovers' then v_value #>> '{recipient,phone_number_id}' end);
  v_display  text;
  v_waba     text := u.waba_id;
  v_business text;
  v_targets  jsonb;
begin
  if u.field = 'account_update' then
    v_waba := coalesce(v_value #>> '{waba_info,waba_id}', v_waba);
  elsif u.field in ('phone_number_quality_update', 'phone_number_name_update', 'security', 'business_username_updates') and v_number is null then
    v_display := regexp_replace(coalesce(v_value ->> 'display_phone_number', ''), '\D', '', 'g');
    if v_display = '' then
      return jsonb_build_object('problem', 'number_missing');
    end if;
  elsif u.field = 'account_alerts' and v_value ->> 'entity_type' ~* 'phone' then
    v_number := v_value ->> 'entity_id';
  elsif u.field = 'account_alerts' and v_value ->> 'entity_type' ~* 'business$' then
    v_business := v_value ->> 'entity_id';
  elsif u.field = 'account_alerts' and v_value ->> 'entity_type' ~* '^(waba|whatsapp)' then
    v_waba := v_value ->> 'entity_id';
  end if;

  select jsonb_agg(jsonb_build_object('org_id', t.org_id, 'account_id', t.account_id, 'number_id', t.number_id, 'waba_id', t.waba_id,
                                      'live', t.live, 'own', t.own)
                   order by t.org_id, t.account_id, t.number_id) into v_targets
    from (select a.org_id, a.id as account_id, n.id as number_id, a.waba_id,
                 a.status <> 'disconnected' and coalesce(n.status, '') <> 'disconnected' as live,
                 v_number is null or u.field in ('messaging_handovers', 'account_alerts') or a.waba_id = u.waba_id as own
            from public.whatsapp_accounts a
            left join public.whatsapp_numbers n on (n.org_id, n.account_id) = (a.org_id, a.id)
                 and (n.phone_number_id = v_number or v_number is null and v_display = regexp_replace(n.display_phone, '\D', '', 'g'))
           where case when v_number is not null then n.id is not null
                      when v_display is not null then a.waba_id = v_waba and n.id is not null
                      -- An alert about the business: its accounts; or the account that Meta sent it to, if its business is not known yet.
                      when v_business is not null then a.business_id = v_business or a.business_id is null and a.waba_id = u.waba_id
                      else a.waba_id = v_waba end) t;
  if v_targets is null then
    return jsonb_build_object('problem', case when v_number is not null or v_display is not null then 'unknown_number' else 'unknown_account' end);
  elsif not v_targets @> '[{"own": true}]' then
    return jsonb_build_object('problem', 'number_not_in_account');
  end if;
  select jsonb_agg(t) into v_targets from jsonb_array_elements(v_targets) t where (t ->> 'live')::boolean and (t ->> 'own')::boolean;
  return jsonb_build_object('targets', coalesce(v_targets, '[]'));
end;
$$;
comment on function private.route_field is
  'Whom a field is about: {targets: [{org_id, account_id, number_id, waba_id}]}, none when all are disconnected; or {problem} when Flow '
  'knows no such number or account: then nobody guesses.';

------------------------------------------------------------------------------------------------
-- Dispatch
------------------------------------------------------------------------------------------------
create function private.apply_field(event_id bigint, u private.meta_update, at timestamptz) returns text
  language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_route  jsonb;
  v_target jsonb;
begin
  -- Not subscribed to, or of nobody's account: the stored event is all there is to keep.
  if u.field in ('calls', 'flows', 'automatic_events', 'tracking_events', 'payment_configuration_update', 'partner_solutions',
                 'business_status_update') or u.field ~ '^group_' then
    return 'kept';
  elsif u.field not in ('messages', 'messaging_handovers', 'standby', 'account_settings_update')
    and to_regprocedure(format('private.%I(private.field_event)', 'on_' || left(u.field, 60))) is null then
    raise sqlstate 'PT422' using message = left(u.field, 200), detail = 'unknown_field';
  end if;
  if u.field = 'account_update' and u.item #>> '{value,event}' in ('PARTNER_ADDED', 'PARTNER_APP_INSTALLED') then
    perform private.note_partner(coalesce(u.item #>> '{value,waba_info,waba_id}', u.waba_id), u.item #>> '{value,event}');
    return 'applied';                          -- of a WABA that is only about to be connected
  end if;
  v_route := private.route_field(u, at, event_id);
  if v_route ? 'problem' then
    raise sqlstate 'PT422' using message = 'Flow knows no such number or account', detail = v_route ->> 'problem';
  elsif v_route -> 'targets' = '[]' or u.field in ('messaging_handovers', 'standby', 'account_settings_update') then
    return 'kept';
  elsif u.field <> 'messages' and jsonb_typeof(u.item -> 'value') is distinct from 'object' then
    raise sqlstate 'PT422' using message = 'The field has no value', detail = 'value_not_an_object';
  elsif u.field = 'messages' then
    return 'applied';                          -- errors alone, or user_actions: there is nothing to change
  end if;
  for v_target in select t from jsonb_array_elements(v_route -> 'targets') t loop
    execute format('select private.%I($1)', 'on_' || u.field)
      using row ((v_target ->> 'org_id')::uuid, (v_target ->> 'account_id')::uuid, (v_target ->> 'number_id')::uuid, v_target ->> 'waba_id',
                 apply_field.at, u.item -> 'value', apply_field.event_id)::private.field_event;
  end loop;
  return 'applied';
end;
$$;
comment on function private.apply_field is
  'Hands a field to private.on_<field> for each account or number that it is about. Returns applied or kept; raises PT422 unknown_field, '
  'unknown_account, unknown_number, … and whatever its handler raises.';

create function private.apply_fields(event_id bigint, fields private.meta_update[], out dead int, out kept int)
  language plpgsql volatile security definer set search_path = ''
as $$
declare
  u       private.meta_update;
  v_came  timestamptz;
  v_state text;
  v_words text;
  v_slug  text;
begin
  dead := 0;
  kept := 0;
  select e.received_at into v_came from private.webhook_events e where e.id = apply_fields.event_id;
  v_came := coalesce(v_came, now());
  foreach u in array fields loop
    for v_try in 1 .. 3 loop
      begin
        -- A time far ahead would shut out all that follows.
        if private.apply_field(apply_fields.event_id, u, case when u.at <= v_came + interval '1 day' then u.at else v_came end) = 'kept' then
          kept := kept + 1;
        end if;
        exit;
      exception when others then
        get stacked diagnostics v_state = returned_sqlstate, v_words = message_text, v_slug = pg_exception_detail;
        if v_state ~ '^(40|53|55|57|58)' then
          raise;                               -- as in apply_split: a repeat may cure it
        elsif v_state in ('23503', '23505') and v_try < 3 then
          continue;                            -- two posts at the same moment met the same new person: now it is to be seen
        end if;
        insert into private.dead_letters (event_id, org_id, reason, detail, item)
        values (apply_fields.event_id, u.org_id, case when v_state = 'PT422' then v_slug else v_state end, v_words, u.item);
        dead := dead + 1;
        exit;
      end;
    end loop;
  end loop;
end;
$$;
comment on function private.apply_fields is
  'Applies fields other than messages, each by itself: one that cannot be applied is a dead letter, its neighbours go through. Returns how many died and how many were only kept.';

------------------------------------------------------------------------------------------------
-- Preferences
------------------------------------------------------------------------------------------------
create function private.field_list(e private.field_event, name text) returns setof jsonb
  language plpgsql stable set search_path = ''
as $$
begin
  if jsonb_typeof((e).value -> name) is distinct from 'array' then
    raise sqlstate 'PT422' using message = format('%s is no list', name), detail = 'list_missing';
  end if;
  return query select i from jsonb_array_elements((e).value -> name) i;
end;
$$;
comment on function private.field_list is 'The items of a list in a field. Raises PT422 list_missing.';

create function private.field_text(e private.field_event, variadic path text[]) returns text
  language plpgsql stable set search_path = ''
as $$
begin
  if jsonb_typeof((e).value #> path) is distinct from 'string' or btrim((e).value #>> path) = '' then
    raise sqlstate 'PT422' using message = format('%s is missing', array_to_string(path, '.')), detail = path[cardinality(path)] || '_missing';
  end if;
  return left((e).value #>> path, 1024);
end;
$$;
comment on function private.field_text is 'A text that a field must carry. Raises PT422 <name>_missing.';

create function private.on_user_preferences(e private.field_event) returns void
  language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_wish    jsonb;
  v_sender  private.meta_update;
begin
  for v_wish in select private.field_list(e, 'user_preferences') loop
    continue when coalesce(v_wish ->> 'value', '') not in ('stop', 'resume');       -- signup says nothing of messages
    if coalesce(v_wish ->> 'timestamp', '') !~ '^[0-9]{1,11}$' then
      raise sqlstate 'PT422' using message = 'The preference has no time', detail = 'timestamp_invalid';
    end if;
    v_sender := row (0, 'message', 'messages', (e).waba_id, null,
      jsonb_build_object('from', v_wish -> 'wa_id', 'from_user_id', v_wish -> 'user_id'), null, null,
      (e).org_id, (e).number_id, null, to_timestamp((v_wish ->> 'timestamp')::bigint), null)::private.meta_update;
    v_sender := (private.meet_senders(array[v_sender]))[1];
    continue when v_sender.org_id is null;              -- late news of an erased person
    if v_sender.contact_id is null then
      raise sqlstate 'PT422' using message = 'The preference names nobody', detail = 'sender_missing';
    end if;
    perform private.record_consent(v_sender.org_id, v_sender.contact_id, v_sender.at,
      case v_wish ->> 'value' when 'stop' then 'opt_out' else 'opt_in' end, 'meta', v_wish,
      'preference:' || encode(sha256(convert_to(v_wish::text, 'UTF8')), 'hex'));
  end loop;
end;
$$;
comment on function private.on_user_preferences is
  'user_preferences: a customer told WhatsApp to stop or resume this business''s marketing; a consent event each. PT422 when it names nobody.';
