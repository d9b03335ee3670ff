-- 790_field_handlers.sql: what Meta tells about templates, accounts and numbers: one function a field, newest event first.

------------------------------------------------------------------------------------------------
-- Templates
------------------------------------------------------------------------------------------------
create function private.named_template(e private.field_event) returns public.message_templates
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_template public.message_templates;
  v_name     text := private.field_text(e, 'message_template_name');
  v_language text := private.field_text(e, 'message_template_language');
begin
  select t.* into v_template from public.message_templates t
   where t.org_id = (e).org_id and t.account_id = (e).account_id and t.name = v_name and t.language = v_language for no key update;
  if not found then
    perform private.want_template_sync((e).org_id, (e).account_id);       -- made elsewhere: Meta tells the rest
  end if;
  return v_template;
end;
$$;
comment on function private.named_template is
  'The template that a field names; when Flow does not have it, a synchronization is asked for. Raises PT422 when none is named.';

create function private.take_category(e private.field_event, template public.message_templates, category text, previous text) returns void
  language plpgsql volatile security definer set search_path = ''
as $$
begin
  if (template).id is not null and coalesce(upper(category) in ('MARKETING', 'UTILITY', 'AUTHENTICATION'), false)
     and private.is_news(e, 'template:' || (template).id || ':category') then
    update public.message_templates t
       set category = upper(take_category.category), category_was = coalesce(upper(previous), t.category), category_at = (e).at
     where t.org_id = (e).org_id and t.id = (template).id
       and (t.category <> upper(take_category.category) or upper(previous) <> upper(take_category.category));
  end if;
end;
$$;
comment on function private.take_category is 'Notes a template''s category if the event is the newest that tells one; the one before is kept.';

create function private.on_message_template_status_update(e private.field_event) returns void
  language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_template public.message_templates := private.named_template(e);
  v_status   text := upper(private.field_text(e, 'event'));
begin
  if v_template.id is null then
    return;
  end if;
  perform private.take_category(e, v_template, (e).value ->> 'message_template_category', null);
  if not private.is_news(e, 'template:' || v_template.id || ':status') then
    return;
  end if;
  v_status := case when v_status in ('REINSTATED', 'UNARCHIVED') then 'APPROVED' else v_status end;
  update public.message_templates t
     set status = v_status, blocked_reason = null,
         rejected_reason = case when v_status <> 'APPROVED' then left(nullif(concat_ws(': ', nullif((e).value ->> 'reason', 'NONE'), nullif(concat_ws(' ',
           (e).value #>> '{rejection_info,reason}', (e).value #>> '{rejection_info,recommendation}', (e).value #>> '{other_info,description}',
           'Disabled on ' || ((e).value #>> '{disable_info,disable_date}')), '')), ''), 1024) end
   where t.org_id = (e).org_id and t.id = v_template.id;
  perform private.note_template_standing(e);
  perform private.template_changed((e).org_id, v_template.id);
end;
$$;
comment on function private.on_message_template_status_update is
  'message_template_status_update: the status and why; what is queued with a template that is not approved is refused when it is claimed, '
  'and greetings that use it are told.';

create function private.note_template_standing(e private.field_event) returns void
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_stopped text;
  v_red     text;
begin
  select string_agg(format('%s (%s)', t.name, t.language), ', ' order by t.name, t.language) filter (where t.status in ('PAUSED', 'DISABLED')),
         string_agg(format('%s (%s)', t.name, t.language), ', ' order by t.name, t.language) filter (where t.quality = 'RED')
    into v_stopped, v_red
    from public.message_templates t where t.org_id = (e).org_id and t.account_id = (e).account_id;
  perform private.note_health((e).org_id, (e).account_id, null, 'template_status', case when v_stopped is null then 'ok' else 'warning' end,
    coalesce('Meta has paused or disabled templates: ' || left(v_stopped, 900), 'No template is paused'), 'Improve them in WhatsApp Manager, or use others.');
  perform private.note_health((e).org_id, (e).account_id, null, 'template_quality', case when v_red is null then 'ok' else 'warning' end,
    coalesce('Customers dislike these templates; Meta may pause them: ' || left(v_red, 900), 'No template has a low quality'),
    'Send them to fewer people, or change their words.');
end;
$$;
comment on function private.note_template_standing is 'Says which templates of an account are paused or disabled, and which have a low quality.';

create function private.on_template_category_update(e private.field_event) returns void
  language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_template public.message_templates := private.named_template(e);
  v_correct  text := upper((e).value ->> 'correct_category');
  v_named    text := format('%s (%s)', (e).value ->> 'message_template_name', (e).value ->> 'message_template_language');
  v_when     text := case when (e).value ->> 'category_update_timestamp' ~ '^[0-9]{1,10}$'
    then to_char(to_timestamp(((e).value ->> 'category_update_timestamp')::bigint) at time zone 'UTC', 'YYYY-MM-DD') end;
  v_words    text;
begin
  if v_correct is not null then                -- a notice: nothing has changed yet
    v_words := format('Meta will count the template %s as %s%s', left(v_named, 600), left(v_correct, 30), ' from ' || v_when || ' on');
  else
    perform private.take_category(e, v_template, private.field_text(e, 'new_category'), (e).value ->> 'previous_category');
    v_words := format('Meta now counts the template %s as %s', left(v_named, 600), left(upper((e).value ->> 'new_category'), 30));
  end if;
  if private.is_news(e, 'account:' || (e).account_id || ':template_category') then
    perform private.note_health((e).org_id, (e).account_id, null, 'template_category', 'warning', v_words || ': its price changes',
      'Ask Meta for a review in WhatsApp Manager if that is wrong.');
  end if;
  if v_template.id is not null then
    perform private.template_changed((e).org_id, v_template.id);
  end if;
end;
$$;
comment on function private.on_template_category_update is
  'template_category_update: the new category and the one before; with correct_category it only announces a change, and from when.';

create function private.on_message_template_quality_update(e private.field_event) returns void
  language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_template public.message_templates := private.named_template(e);
  v_quality  text := upper(private.field_text(e, 'new_quality_score'));
begin
  if v_template.id is not null and private.is_news(e, 'template:' || v_template.id || ':quality') then
    update public.message_templates t set quality = v_quality where t.org_id = (e).org_id and t.id = v_template.id;
    perform private.note_template_standing(e);
  end if;
end;
$$;
comment on function private.on_message_template_quality_update is 'message_template_quality_update: the quality; a red one is told to people.';

create function private.on_message_template_components_update(e private.field_event) returns void
  language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_template public.message_templates := private.named_template(e);
begin
  if v_template.id is not null and private.is_news(e, 'template:' || v_template.id || ':components') then
    update public.message_templates t set synced_at = 'epoch' where t.org_id = (e).org_id and t.id = v_template.id;
    perform private.want_template_sync((e).org_id, (e).account_id);
  end if;
end;
$$;
comment on function private.on_message_template_components_update is
  'message_template_components_update: the content has changed at Meta; what Flow holds is old, and a synchronization is asked for.';

------------------------------------------------------------------------------------------------
-- Accounts
------------------------------------------------------------------------------------------------
create function private.settle_holds(org_id uuid, account_id uuid) returns void
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_words constant text[] := array['Meta has disabled the account', 'Meta restricts the account'];
  v_hold  record;
begin
  -- All that holds the account, whatever came first: a ban, a restriction that has not expired.
  select v_words[min(h.rank)] as words, nullif(max(coalesce(h.until, 'infinity')), 'infinity') as until into v_hold
    from (select case when f.key like '%:ban' then 1 else 2 end as rank, (f.value ->> 'until')::timestamptz as until
            from private.field_marks f
           where f.org_id = settle_holds.org_id
             and f.key in ('account:' || settle_holds.account_id || ':ban', 'account:' || settle_holds.account_id || ':restriction')
             and (f.value ->> 'holds')::boolean and coalesce((f.value ->> 'until')::timestamptz, 'infinity') > now()) h;
  if v_hold.words is not null then
    update public.whatsapp_numbers n set status = 'paused', paused_reason = v_hold.words, paused_until = v_hold.until
     where n.org_id = settle_holds.org_id and n.account_id = settle_holds.account_id and n.status <> 'disconnected';
  else
    update public.whatsapp_numbers n set status = 'connected', paused_reason = null, paused_until = null
     where n.org_id = settle_holds.org_id and n.account_id = settle_holds.account_id and n.status = 'paused' and n.paused_reason = any (v_words);
  end if;
end;
$$;
comment on function private.settle_holds is
  'Pauses the numbers of an account while Meta bans or restricts it, until the latest end that Meta gave; lets them go on when nothing holds it.';

create function private.on_restriction(e private.field_event) returns void
  language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_list  jsonb := case when jsonb_typeof((e).value -> 'restriction_info') = 'array' then (e).value -> 'restriction_info' else '[]' end;
  v_holds boolean;
  v_until timestamptz;
  v_words text;
begin
  -- Not being able to add numbers stops no message; an expiration of zero, or none, has no end.
  select count(*) > 0, nullif(max(case when r ->> 'expiration' ~ '^[1-9][0-9]{0,9}$' then to_timestamp((r ->> 'expiration')::bigint) else 'infinity' end), 'infinity')
    into v_holds, v_until
    from jsonb_array_elements(v_list) r where coalesce(r ->> 'restriction_type', '') !~ 'ADD_PHONE_NUMBER';
  select string_agg(lower(replace(left(r ->> 'restriction_type', 80), '_', ' ')), ', ' order by n) into v_words
    from jsonb_array_elements(v_list) with ordinality u (r, n);
  v_words := coalesce(v_words, lower(replace(left((e).value #>> '{violation_info,violation_type}', 80), '_', ' ')));
  if not private.is_news(e, 'account:' || (e).account_id || case when v_list = '[]' and (e).value ->> 'event' = 'ACCOUNT_VIOLATION' then ':violation' else ':restriction' end,
                         jsonb_build_object('holds', v_holds, 'until', v_until)) then
    return;
  end if;
  perform private.settle_holds((e).org_id, (e).account_id);
  perform private.note_health((e).org_id, (e).account_id, null, lower((e).value ->> 'event'),
    case when v_words is null or v_until < now() then 'ok' when v_holds then 'problem' else 'warning' end,
    'Meta ' || case (e).value ->> 'event' when 'ACCOUNT_VIOLATION' then 'says that the account broke its policies' else 'restricts the account' end
      || coalesce(': ' || left(v_words, 500), '') || coalesce(', until ' || to_char(v_until at time zone 'UTC', 'YYYY-MM-DD HH24:MI "UTC"'), ''),
    'Read the notice in WhatsApp Manager and ask Meta for a review.');
end;
$$;
comment on function private.on_restriction is
  'ACCOUNT_RESTRICTION and ACCOUNT_VIOLATION: the numbers pause until the restriction expires, or until Meta lifts it; a violation without restrictions is only told.';

create function private.on_account_update(e private.field_event) returns void
  language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_event text := private.field_text(e, 'event');
  v_ban   text := upper((e).value #>> '{ban_info,waba_ban_state}');
begin
  case v_event
  when 'PARTNER_REMOVED', 'PARTNER_APP_UNINSTALLED', 'ACCOUNT_DELETED', 'ACCOUNT_OFFBOARDED' then
    if private.is_news(e, 'account:' || (e).account_id || ':connection') then
      perform private.ask_reconnect((e).org_id, (e).account_id, case v_event
        when 'PARTNER_REMOVED' then 'Flow was removed from the WhatsApp account at Meta: connect it again'
        when 'PARTNER_APP_UNINSTALLED' then 'The Flow app was taken off the WhatsApp account at Meta: connect it again'
        when 'ACCOUNT_DELETED' then 'The WhatsApp account was deleted at Meta: connect another one'
        else 'The WhatsApp account was moved away from the platform at Meta: connect it again' end);
    end if;
  when 'ACCOUNT_RECONNECTED' then
    if private.is_news(e, 'account:' || (e).account_id || ':connection') then
      perform private.note_health((e).org_id, (e).account_id, null, 'reconnected', 'warning', 'Meta says that the account is connected again',
        'If Flow still asks for it, connect WhatsApp again.');
      update private.account_checks c set next_at = least(c.next_at, now()) where c.org_id = (e).org_id and c.account_id = (e).account_id;
    end if;
  when 'ACCOUNT_RESTRICTION', 'ACCOUNT_VIOLATION' then
    perform private.on_restriction(e);
  when 'DISABLED_UPDATE' then
    if private.is_news(e, 'account:' || (e).account_id || ':ban', jsonb_build_object('holds', coalesce(v_ban, 'DISABLE') = 'DISABLE')) then
      perform private.settle_holds((e).org_id, (e).account_id);
      perform private.note_health((e).org_id, (e).account_id, null, 'disabled',
        case when v_ban = 'REINSTATE' then 'ok' when v_ban = 'SCHEDULE_FOR_DISABLE' then 'warning' else 'problem' end,
        case when v_ban = 'REINSTATE' then 'Meta has reinstated the account'
             when v_ban = 'SCHEDULE_FOR_DISABLE' then 'Meta is about to disable the account' else 'Meta has disabled the account' end
          || coalesce(', ' || left((e).value #>> '{ban_info,waba_ban_date}', 40), ''),
        'Read the notice in WhatsApp Manager and ask Meta for a review.');
    end if;
  else
    null;                                      -- price tiers, places, and what Meta will think of: the stored event keeps them
  end case;
end;
$$;
comment on function private.on_account_update is
  'account_update: access withdrawn asks to connect again; bans and restrictions pause; the rest is kept as stored.';

create function private.on_account_review_update(e private.field_event) returns void
  language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_decision text := upper(private.field_text(e, 'decision'));
begin
  if private.is_news(e, 'account:' || (e).account_id || ':review') then
    update public.whatsapp_accounts a set review_status = v_decision where a.org_id = (e).org_id and a.id = (e).account_id;
    perform private.note_health((e).org_id, (e).account_id, null, 'review', case v_decision when 'REJECTED' then 'problem' else 'ok' end,
      'Meta''s review of the account: ' || left(lower(v_decision), 40), 'Read the reason in WhatsApp Manager and ask for another review.');
  end if;
end;
$$;
comment on function private.on_account_review_update is 'account_review_update: Meta''s decision on the account.';

create function private.on_account_alerts(e private.field_event) returns void
  language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_type   text := private.field_text(e, 'alert_info', 'alert_type');
  v_kind   text := 'alert_' || left(regexp_replace(lower(v_type), '[^a-z0-9]+', '_', 'g'), 50);
  v_level  text := case when upper((e).value #>> '{alert_info,alert_status}') in ('NONE', 'RESOLVED', 'INACTIVE', 'CLOSED') then 'ok'
                        when upper((e).value #>> '{alert_info,alert_severity}') = 'CRITICAL' then 'problem' else 'warning' end;
begin
  if private.is_news(e, coalesce('number:' || (e).number_id, 'account:' || (e).account_id) || ':' || v_kind) then
    perform private.note_health((e).org_id, (e).account_id, (e).number_id, v_kind, v_level,
      coalesce(left((e).value #>> '{alert_info,alert_description}', 1000), 'Meta: ' || lower(replace(v_type, '_', ' '))),
      'Look at the account in WhatsApp Manager.');
  end if;
end;
$$;
comment on function private.on_account_alerts is 'account_alerts: what Meta wants people to know, until it says that it is over.';

create function private.read_limit(given jsonb) returns int
  language plpgsql immutable set search_path = ''
as $$
declare
  v_given text := upper(given #>> '{}');
begin
  if v_given ~ '^[1-9][0-9]{0,8}$' then
    return v_given::int;
  elsif v_given ~ '^TIER_[1-9][0-9]{0,5}$' then
    return substr(v_given, 6)::int;
  elsif v_given ~ '^TIER_[1-9][0-9]{0,5}K$' then
    return rtrim(substr(v_given, 6), 'K')::int * 1000;
  elsif v_given in ('TIER_UNLIMITED', 'UNLIMITED', '-1') or v_given ~ '^TIER_NOT' then
    return null;
  end if;
  raise sqlstate 'PT422' using message = 'The messaging limit cannot be read', detail = 'limit_invalid';
end;
$$;
comment on function private.read_limit is 'A messaging limit, a number or TIER_2K; null: unlimited or not set. Raises PT422 limit_invalid.';

create function private.take_limit(e private.field_event, given jsonb) returns void
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_limit   int := private.read_limit(given);
  v_account uuid;
begin
  -- The limit is the portfolio's: every account of it that the organization has here.
  for v_account in
    select a.id from public.whatsapp_accounts a
      join public.whatsapp_accounts o on (o.org_id, o.id) = ((e).org_id, (e).account_id)
     where a.org_id = (e).org_id and (a.id = o.id or a.business_id = o.business_id) order by a.id
  loop
    if private.is_news(e, 'account:' || v_account || ':limit') then
      update public.whatsapp_accounts a set messaging_limit = v_limit where a.org_id = (e).org_id and a.id = v_account;
    end if;
  end loop;
end;
$$;
comment on function private.take_limit is 'Notes how many people may be written to in a day.';

create function private.on_business_capability_update(e private.field_event) returns void
  language plpgsql volatile security definer set search_path = ''
as $$
begin
  if (e).value ? 'max_daily_conversations_per_business' then
    perform private.take_limit(e, (e).value -> 'max_daily_conversations_per_business');
  end if;
end;
$$;
comment on function private.on_business_capability_update is 'business_capability_update: the messaging limit.';

------------------------------------------------------------------------------------------------
-- Numbers
------------------------------------------------------------------------------------------------
create function private.on_phone_number_quality_update(e private.field_event) returns void
  language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_event text := upper(private.field_text(e, 'event'));
begin
  if (e).value ? 'max_daily_conversations_per_business' or (e).value ? 'current_limit' then
    perform private.take_limit(e, coalesce((e).value -> 'max_daily_conversations_per_business', (e).value -> 'current_limit'));
  end if;
  if v_event = 'THROUGHPUT_UPGRADE' and private.is_news(e, 'number:' || (e).number_id || ':throughput') then
    update public.whatsapp_numbers n set messages_per_second = 1000 where n.org_id = (e).org_id and n.id = (e).number_id;
  elsif v_event in ('FLAGGED', 'UNFLAGGED') and private.is_news(e, 'number:' || (e).number_id || ':flag') then
    perform private.note_health((e).org_id, (e).account_id, (e).number_id, 'flagged', case v_event when 'FLAGGED' then 'warning' else 'ok' end,
      case v_event when 'FLAGGED' then 'Meta has flagged the number for low quality' else 'The number is not flagged any more' end,
      'Write only to those who expect it.');
  end if;
end;
$$;
comment on function private.on_phone_number_quality_update is 'phone_number_quality_update: the messaging limit, and the higher speed.';

create function private.on_phone_number_name_update(e private.field_event) returns void
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_decision text := upper(private.field_text(e, 'decision'));
  v_name     text := left((e).value ->> 'requested_verified_name', 200);
begin
  if v_decision = 'APPROVED' and private.is_news(e, 'number:' || (e).number_id || ':verified_name') then
    update public.whatsapp_numbers n set verified_name = coalesce(v_name, n.verified_name) where n.org_id = (e).org_id and n.id = (e).number_id;
  end if;
  if not private.is_news(e, 'number:' || (e).number_id || ':name') then
    return;
  end if;
  update public.whatsapp_numbers n set name_status = v_decision where n.org_id = (e).org_id and n.id = (e).number_id;
  if v_decision = 'APPROVED' then
    update public.whatsapp_numbers n set status = 'connected', paused_reason = null, paused_until = null
      from private.meta_error_codes r
     where n.org_id = (e).org_id and n.id = (e).number_id and n.status = 'paused' and r.code = 131037 and n.paused_reason = r.words;
    perform private.settle_holds((e).org_id, (e).account_id);
  end if;
  perform private.note_health((e).org_id, (e).account_id, (e).number_id, 'name',
    case when v_decision in ('DECLINED', 'REJECTED', 'EXPIRED') then 'warning' else 'ok' end,
    format('Meta''s decision on the name %s: %s', v_name, lower(v_decision)) || coalesce('. ' || nullif(left((e).value ->> 'rejection_reason', 300), 'NONE'), ''),
    'Ask for another display name in WhatsApp Manager.');
end;
$$;
comment on function private.on_phone_number_name_update is
  'phone_number_name_update: the decision and the name; an approval lets a number go on that was paused for want of one.';

create function private.on_business_username_updates(e private.field_event) returns void
  language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_status text := lower((e).value ->> 'status');
  v_name   text := left((e).value ->> 'username', 200);
begin
  if private.is_news(e, 'number:' || (e).number_id || ':username') then
    update public.whatsapp_numbers n
       set username = case when (e).value #>> '{context}' ~* 'revoked' or v_status in ('deleted', 'revoked', 'rejected') then null
                           when v_status in ('approved', 'active') or v_status is null then v_name else n.username end
     where n.org_id = (e).org_id and n.id = (e).number_id;
  end if;
end;
$$;
comment on function private.on_business_username_updates is 'business_username_updates: the username that Meta granted, or took back.';

create function private.on_security(e private.field_event) returns void
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_event text := upper(private.field_text(e, 'event'));
  v_pin   uuid;
begin
  if not private.is_news(e, 'number:' || (e).number_id || ':pin') then
    return;
  end if;
  if v_event in ('PIN_CHANGED', 'PIN_RESET_SUCCESS') then
    select n.pin_credential_id into v_pin from public.whatsapp_numbers n where n.org_id = (e).org_id and n.id = (e).number_id;
    if v_pin is not null then
      update public.whatsapp_numbers n set pin_credential_id = null where n.org_id = (e).org_id and n.id = (e).number_id;
      perform private.revoke_credential((e).org_id, v_pin);
    end if;
  end if;
  perform private.note_health((e).org_id, (e).account_id, (e).number_id, 'pin', 'warning', case v_event
      when 'PIN_CHANGED' then 'Somebody changed the number''s two-step PIN at Meta'
      when 'PIN_RESET_REQUEST' then 'Somebody asked Meta to reset the number''s two-step PIN'
      when 'PIN_RESET_SUCCESS' then 'The number''s two-step PIN was reset at Meta'
      else 'Meta reports on the number''s security: ' || left(lower(replace(v_event, '_', ' ')), 60) end,
    'If it was none of you, change it in WhatsApp Manager; Flow asks for it when it is needed.');
end;
$$;
comment on function private.on_security is 'security: people are told; a PIN that was changed or reset voids the one that Flow keeps.';
