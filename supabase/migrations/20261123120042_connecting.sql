-- 42_connecting.sql: connecting a WhatsApp number that the worker has proven at Meta.

create function private.refuse_taken_number(org_id uuid, phone_number_id text) returns void
  language plpgsql stable security definer set search_path = ''
as $$
begin
  if exists (select from public.whatsapp_numbers n
              where n.phone_number_id = refuse_taken_number.phone_number_id
                and n.org_id <> refuse_taken_number.org_id and n.status <> 'disconnected') then
    raise sqlstate 'PT409' using message = 'This WhatsApp number is connected to another organization',
      detail = 'number_taken', hint = 'Disconnect it there first.';
  end if;
end;
$$;
comment on function private.refuse_taken_number is 'Raises PT409 number_taken when another organization holds the number.';

create function worker.begin_connect(org_id uuid, waba_id text, phone_number_id text) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
begin
  if begin_connect.waba_id !~ '^[0-9]{1,32}$' or begin_connect.phone_number_id !~ '^[0-9]{1,32}$' then
    raise sqlstate 'PT422' using message = 'A WABA id and a phone number id are digits only',
      detail = 'bad_id', hint = 'Copy both from WhatsApp Manager.';
  end if;
  perform worker.organization(begin_connect.org_id);
  perform private.refuse_taken_number(begin_connect.org_id, begin_connect.phone_number_id);
  return jsonb_build_object('org_id', begin_connect.org_id);
end;
$$;
comment on function worker.begin_connect is
  'Asked before Meta is called to connect a number. Raises PT404 for an unknown organization, PT409 number_taken, PT422 bad_id.';
grant execute on function worker.begin_connect to service_role;

create function worker.finish_connect(org_id uuid, connection jsonb) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_number  jsonb := finish_connect.connection -> 'number';
  v_token   uuid;
  v_pin     uuid;
  v_account public.whatsapp_accounts;
  v_row     public.whatsapp_numbers;
begin
  perform worker.organization(finish_connect.org_id);
  perform private.refuse_taken_number(finish_connect.org_id, v_number ->> 'phone_number_id');
  if coalesce(connection ->> 'token', '') = '' then
    raise sqlstate 'PT422' using message = 'An access token is needed to connect', detail = 'token_missing',
      hint = 'Give the system user''s token.';
  end if;
  select a.* into v_account from public.whatsapp_accounts a
   where a.org_id = finish_connect.org_id and a.waba_id = connection ->> 'waba_id' for update;
  if v_account.credential_id is not null then
    perform private.revoke_credential(finish_connect.org_id, v_account.credential_id);
  end if;
  v_token := private.put_credential(finish_connect.org_id, 'meta_token', connection ->> 'token');
  insert into public.whatsapp_accounts as a (org_id, waba_id, name, currency, time_zone, credential_id, meta_user_id)
  values (finish_connect.org_id, connection ->> 'waba_id', connection #>> '{account,name}', connection #>> '{account,currency}',
          connection #>> '{account,time_zone}', v_token, connection ->> 'meta_user_id')
  on conflict on constraint account_is_connected_once_in_organization do update
    set name = excluded.name, currency = excluded.currency, time_zone = excluded.time_zone,
        credential_id = excluded.credential_id, meta_user_id = excluded.meta_user_id,
        status = 'connected', status_reason = null, connected_at = now(), disconnected_at = null
  returning a.* into v_account;
  if connection ->> 'pin' is not null then
    v_pin := private.put_credential(finish_connect.org_id, 'registration_pin', connection ->> 'pin');
  end if;
  begin
    insert into public.whatsapp_numbers as n (org_id, account_id, phone_number_id, display_phone, verified_name,
                                              quality_rating, messages_per_second, pin_credential_id)
    values (finish_connect.org_id, v_account.id, v_number ->> 'phone_number_id', v_number ->> 'display_phone',
            v_number ->> 'verified_name', v_number ->> 'quality_rating',
            coalesce((v_number ->> 'messages_per_second')::int, 80), v_pin)
    on conflict on constraint number_is_connected_once_in_organization do update
      set account_id = excluded.account_id, display_phone = excluded.display_phone, verified_name = excluded.verified_name,
          quality_rating = excluded.quality_rating, messages_per_second = excluded.messages_per_second,
          pin_credential_id = coalesce(excluded.pin_credential_id, n.pin_credential_id),
          status = 'connected', paused_until = null, paused_reason = null, connected_at = now(), disconnected_at = null
    returning n.* into v_row;
  exception when unique_violation then      -- two organizations at the same moment: the index decides
    perform private.refuse_taken_number(finish_connect.org_id, v_number ->> 'phone_number_id');
    raise;
  end;
  insert into private.number_lanes (org_id, number_id, tokens) values (v_row.org_id, v_row.id, v_row.messages_per_second)
  on conflict (org_id, number_id) do nothing;
  perform private.audit(finish_connect.org_id, 'whatsapp.connected', 'whatsapp_number', v_row.id::text,
                        jsonb_build_object('waba_id', v_account.waba_id, 'phone_number_id', v_row.phone_number_id));
  return jsonb_build_object('account_id', v_account.id, 'number_id', v_row.id, 'display_phone', v_row.display_phone,
                            'verified_name', v_row.verified_name);
end;
$$;
comment on function worker.finish_connect is
  'Stores a connection that the worker proved at Meta: {waba_id, account: {name, currency, time_zone}, number: {phone_number_id, '
  'display_phone, verified_name, quality_rating, messages_per_second}, token, pin?, meta_user_id?}. Connecting again replaces the '
  'token and resumes what waited. Returns {account_id, number_id, display_phone, verified_name}. Raises PT404, PT409 number_taken, PT422.';
grant execute on function worker.finish_connect to service_role;
