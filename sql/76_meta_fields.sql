-- 76_meta_fields.sql: webhook fields other than messages: templates, preferences, accounts, numbers.

create function private.apply_preferences(u private.meta_update) returns void
  language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_number  record;
  v_wish    jsonb;
  v_sender  private.meta_update;
begin
  select n.org_id, n.id, n.status into v_number from public.whatsapp_numbers n
    join public.whatsapp_accounts a on (a.org_id, a.id) = (n.org_id, n.account_id)
   where n.phone_number_id = u.phone_number_id and a.waba_id = u.waba_id
   order by n.status = 'disconnected', n.disconnected_at desc limit 1;
  if not found then
    raise sqlstate 'PT422' using message = 'The number belongs to nobody', detail = 'unknown_number';
  elsif v_number.status = 'disconnected' then
    return;                                    -- kept as stored, like its messages
  end if;
  for v_wish in select w from jsonb_array_elements(u.item #> '{value,user_preferences}') w loop
    continue when coalesce(v_wish ->> 'value', '') not in ('stop', 'resume');       -- signup says nothing of messages
    if coalesce(v_wish ->> 'timestamp', '') !~ '^[0-9]{1,11}$' then
      raise sqlstate 'PT422' using message = 'The preference has no time', detail = 'timestamp_invalid';
    end if;
    v_sender := row (u."position", 'message', 'messages', u.waba_id, u.phone_number_id,
      jsonb_build_object('from', v_wish -> 'wa_id', 'from_user_id', v_wish -> 'user_id'), null, null,
      v_number.org_id, v_number.id, v_number.status, to_timestamp((v_wish ->> 'timestamp')::bigint), null)::private.meta_update;
    v_sender := (private.meet_senders(array[v_sender]))[1];
    if v_sender.contact_id is null then
      raise sqlstate 'PT422' using message = 'The preference names nobody', detail = 'sender_missing';
    end if;
    perform private.record_consent(v_sender.org_id, v_sender.contact_id, v_sender.at,
      case v_wish ->> 'value' when 'stop' then 'opt_out' else 'opt_in' end, 'meta', v_wish,
      'preference:' || encode(sha256(convert_to(v_wish::text, 'UTF8')), 'hex'));
  end loop;
end;
$$;
comment on function private.apply_preferences is
  'The field user_preferences: a customer told WhatsApp to stop or resume this business''s marketing; a consent event each. PT422 when it names no known number or nobody.';

create function private.apply_fields(event_id bigint, fields private.meta_update[]) returns int
  language plpgsql volatile security definer set search_path = ''
as $$
declare
  u       private.meta_update;
  v_value jsonb;
  v_state text;
  v_words text;
  v_slug  text;
  v_dead  int := 0;
begin
  foreach u in array fields loop
    v_value := u.item -> 'value';
    if u.field = 'user_preferences' then
      begin
        perform private.apply_preferences(u);
      exception when others then
        get stacked diagnostics v_state = returned_sqlstate, v_words = message_text, v_slug = pg_exception_detail;
        if v_state ~ '^(40|53|55|57|58)' then
          raise;                               -- as in apply_split: a repeat may cure it
        end if;
        insert into private.dead_letters (event_id, reason, detail, item)
        values (apply_fields.event_id, case when v_state = 'PT422' then v_slug else v_state end, v_words, u.item);
        v_dead := v_dead + 1;
      end;
    elsif u.field = 'message_template_status_update' then
      update public.message_templates t
         set status = upper(coalesce(v_value ->> 'event', t.status)), rejected_reason = nullif(v_value ->> 'reason', 'NONE'), blocked_reason = null
        from public.whatsapp_accounts a
       where a.waba_id = u.waba_id and a.status <> 'disconnected' and (t.org_id, t.account_id) = (a.org_id, a.id)
         and t.name = v_value ->> 'message_template_name' and t.language = v_value ->> 'message_template_language';
    elsif u.field not in ('messages', 'template_category_update', 'message_template_quality_update', 'message_template_components_update',
        'account_update', 'account_review_update', 'account_alerts', 'account_settings_update', 'business_status_update', 'partner_solutions',
        'phone_number_quality_update', 'phone_number_name_update', 'business_capability_update', 'business_username_updates', 'security',
        'history', 'smb_message_echoes', 'smb_app_state_sync', 'messaging_handovers', 'standby', 'calls', 'flows',
        'automatic_events', 'tracking_events', 'payment_configuration_update')
        and u.field !~ '^group_' then
      insert into private.dead_letters (event_id, reason, detail, item)
      values (apply_fields.event_id, 'unknown_field', left(u.field, 200), u.item);
      v_dead := v_dead + 1;
    end if;                                    -- the others are known: their event is stored, and they change nothing of messages
  end loop;
  return v_dead;
end;
$$;
comment on function private.apply_fields is
  'Fields other than messages: a template''s status is set, a customer''s preference is consent, the rest of Meta''s list is kept as stored; an unknown field is a dead letter. Returns how many died.';
