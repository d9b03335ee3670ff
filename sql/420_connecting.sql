-- 420_connecting.sql: storing an account and its number that the worker has proven at Meta.

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

create function private.lock_waba(org_id uuid, waba_id text) returns void
  language sql volatile security definer set search_path = ''
as $$
  select pg_advisory_xact_lock(hashtextextended(format('flow.whatsapp_account %s %s', lock_waba.org_id, lock_waba.waba_id), 0))
$$;
comment on function private.lock_waba is
  'Whoever stores tokens, PINs and numbers of one account does so one after the other, also before the account has a row.';

create function private.store_account(org_id uuid, connection jsonb, credential_id uuid) returns public.whatsapp_accounts
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_given   jsonb := connection -> 'account';
  v_before  uuid;
  v_account public.whatsapp_accounts;
begin
  select a.credential_id into v_before from public.whatsapp_accounts a
   where a.org_id = store_account.org_id and a.waba_id = connection ->> 'waba_id' for update;
  if v_before <> store_account.credential_id then
    perform private.revoke_credential(store_account.org_id, v_before);
  end if;
  insert into public.whatsapp_accounts as a (org_id, waba_id, name, currency, time_zone, credential_id, meta_user_id, business_id,
                                             messaging_limit, review_status)
  values (store_account.org_id, connection ->> 'waba_id', v_given ->> 'name', v_given ->> 'currency', private.known_zone(v_given ->> 'time_zone'),
          store_account.credential_id, connection ->> 'meta_user_id', v_given ->> 'business_id',
          (v_given ->> 'messaging_limit')::int, v_given ->> 'review_status')
  on conflict on constraint account_is_connected_once_in_organization do update
    set name = excluded.name, currency = coalesce(excluded.currency, a.currency), time_zone = coalesce(excluded.time_zone, a.time_zone),
        credential_id = excluded.credential_id, meta_user_id = excluded.meta_user_id,
        business_id = coalesce(excluded.business_id, a.business_id),
        -- A limit that Meta names as unlimited is null, and told apart from one that it did not name.
        messaging_limit = case when v_given ? 'messaging_limit' then excluded.messaging_limit else a.messaging_limit end,
        review_status = coalesce(excluded.review_status, a.review_status),
        status = 'connected', status_reason = null, connected_at = now(), disconnected_at = null
  returning a.* into v_account;
  return v_account;
end;
$$;
comment on function private.store_account is
  'The account of a connection with a token that is sealed already; the token before it is revoked. Connecting again ends a reconnect.';

create function private.store_number(org_id uuid, account_id uuid, number jsonb, pin_credential_id uuid) returns public.whatsapp_numbers
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_pin uuid;
  v_row public.whatsapp_numbers;
begin
  select n.pin_credential_id into v_pin from public.whatsapp_numbers n
   where n.org_id = store_number.org_id and n.phone_number_id = number ->> 'phone_number_id' for update;
  if v_pin <> store_number.pin_credential_id then
    perform private.revoke_credential(store_number.org_id, v_pin);
  end if;
  begin
    insert into public.whatsapp_numbers as n (org_id, account_id, phone_number_id, display_phone, verified_name, quality_rating,
                                              messages_per_second, pin_credential_id, name_status, verification_status, platform_type,
                                              is_on_phone_app)
    values (store_number.org_id, store_number.account_id, number ->> 'phone_number_id', number ->> 'display_phone',
            number ->> 'verified_name', number ->> 'quality_rating', coalesce((number ->> 'messages_per_second')::int, 80),
            store_number.pin_credential_id, number ->> 'name_status', number ->> 'verification_status', number ->> 'platform_type',
            coalesce((number ->> 'is_on_phone_app')::boolean, false))
    on conflict on constraint number_is_connected_once_in_organization do update
      set account_id = excluded.account_id, display_phone = excluded.display_phone, verified_name = excluded.verified_name,
          quality_rating = excluded.quality_rating, messages_per_second = excluded.messages_per_second,
          pin_credential_id = coalesce(excluded.pin_credential_id, n.pin_credential_id),
          name_status = coalesce(excluded.name_status, n.name_status),
          verification_status = coalesce(excluded.verification_status, n.verification_status),
          platform_type = coalesce(excluded.platform_type, n.platform_type), is_on_phone_app = excluded.is_on_phone_app,
          status = 'connected', paused_until = null, paused_reason = null, connected_at = now(), disconnected_at = null
    returning n.* into v_row;
  exception when unique_violation then      -- two organizations at the same moment: the index decides
    perform private.refuse_taken_number(store_number.org_id, number ->> 'phone_number_id');
    raise;
  end;
  insert into private.number_lanes (org_id, number_id, tokens) values (v_row.org_id, v_row.id, v_row.messages_per_second)
  on conflict (org_id, number_id) do nothing;
  return v_row;
end;
$$;
comment on function private.store_number is
  'The number of a connection; connecting again resumes what waited. A new PIN replaces the one before it. Raises PT409 number_taken.';

create function worker.finish_connect(org_id uuid, connection jsonb) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_phone   text := connection #>> '{number,phone_number_id}';
  v_signup  uuid := (connection ->> 'signup_id')::uuid;
  v_token   uuid;
  v_pin     uuid;
  v_account public.whatsapp_accounts;
  v_row     public.whatsapp_numbers;
begin
  perform worker.organization(finish_connect.org_id);
  perform private.lock_waba(finish_connect.org_id, connection ->> 'waba_id');
  perform private.refuse_taken_number(finish_connect.org_id, v_phone);
  if v_signup is not null then
    select s.token, s.pin into v_token, v_pin
      from private.signup_credentials(finish_connect.org_id, v_signup, connection ->> 'waba_id') s;
  elsif coalesce(connection ->> 'token', '') = '' then
    raise sqlstate 'PT422' using message = 'An access token is needed to connect', detail = 'token_missing',
      hint = 'Give the system user''s token.';
  else
    v_token := private.put_credential(finish_connect.org_id, 'meta_token', connection ->> 'token');
    if connection ->> 'pin' is not null then
      v_pin := private.put_credential(finish_connect.org_id, 'registration_pin', connection ->> 'pin');
    end if;
  end if;
  v_account := private.store_account(finish_connect.org_id, connection, v_token);
  if v_phone is not null then
    v_row := private.store_number(finish_connect.org_id, v_account.id, connection -> 'number', v_pin);
  end if;
  if v_signup is not null then
    perform private.settle_signup(finish_connect.org_id, v_signup, v_account.id, v_row.id);
  end if;
  perform private.audit(finish_connect.org_id, 'whatsapp.connected', case when v_row.id is null then 'whatsapp_account' else 'whatsapp_number' end,
                        coalesce(v_row.id, v_account.id)::text,
                        jsonb_strip_nulls(jsonb_build_object('waba_id', v_account.waba_id, 'phone_number_id', v_row.phone_number_id,
                                                             'signup_id', v_signup)));
  return jsonb_build_object('account_id', v_account.id, 'number_id', v_row.id, 'display_phone', v_row.display_phone,
                            'verified_name', v_row.verified_name);
end;
$$;
comment on function worker.finish_connect is
  'Stores a connection that the worker proved at Meta: {waba_id, account: {name, currency, time_zone, business_id, messaging_limit, '
  'review_status}, number?: {phone_number_id, display_phone, verified_name, quality_rating, messages_per_second, name_status, '
  'verification_status, platform_type, is_on_phone_app}, meta_user_id?, and signup_id, or token and pin?}. Without a number the account '
  'alone is connected. Connecting again replaces the token and resumes what waited. Returns {account_id, number_id, display_phone, '
  'verified_name}. Raises PT404, PT409 number_taken, signup_ended, PT422.';
grant execute on function worker.finish_connect to service_role;
