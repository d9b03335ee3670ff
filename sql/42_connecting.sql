-- 42_connecting.sql: connecting and disconnecting a WhatsApp number, and reading its templates.

------------------------------------------------------------------------------------------------
-- Connecting and disconnecting
------------------------------------------------------------------------------------------------
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
        credential_id = excluded.credential_id, meta_user_id = coalesce(excluded.meta_user_id, a.meta_user_id),
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

create function private.disconnect_whatsapp(org_id uuid, number_id uuid) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_numbers int := 0;
  v_cleanup jsonb := '[]';
  v_account record;
begin
  update public.whatsapp_numbers n
     set status = 'disconnected', disconnected_at = now(), paused_until = null, paused_reason = null
   where n.org_id = disconnect_whatsapp.org_id and n.status <> 'disconnected'
     and (disconnect_whatsapp.number_id is null or n.id = disconnect_whatsapp.number_id);
  get diagnostics v_numbers = row_count;
  for v_account in
    select a.id, a.waba_id, a.credential_id from public.whatsapp_accounts a
     where a.org_id = disconnect_whatsapp.org_id and a.status <> 'disconnected'
       and not exists (select from public.whatsapp_numbers n
                        where n.org_id = a.org_id and n.account_id = a.id and n.status <> 'disconnected')
     order by a.id for update
  loop
    if v_account.credential_id is not null then
      v_cleanup := v_cleanup || jsonb_build_object('waba_id', v_account.waba_id, 'token',
        private.open_credential(disconnect_whatsapp.org_id, v_account.credential_id, 'disconnect'));
      perform private.revoke_credential(disconnect_whatsapp.org_id, v_account.credential_id);
    end if;
    update public.whatsapp_accounts a
       set status = 'disconnected', disconnected_at = now(), status_reason = 'Disconnected by the organization'
     where a.org_id = disconnect_whatsapp.org_id and a.id = v_account.id;
  end loop;
  perform private.cancel_queued(disconnect_whatsapp.org_id, 'The WhatsApp number was disconnected');
  if v_numbers > 0 then
    perform private.audit(disconnect_whatsapp.org_id, 'whatsapp.disconnected', 'whatsapp_number',
                          coalesce(disconnect_whatsapp.number_id::text, 'all'),
                          jsonb_build_object('numbers', v_numbers));
  end if;
  return jsonb_build_object('disconnected', v_numbers, 'cleanup', v_cleanup);
end;
$$;
comment on function private.disconnect_whatsapp is
  'Halts one number (or all, null) in one transaction: nothing new is claimed, queued messages are cancelled, the token of an '
  'account without a live number is blanked. Returns {disconnected, cleanup: [{waba_id, token}]}; the token is handed out this '
  'one last time, so that unsubscribing at Meta can follow.';

create function worker.disconnect_whatsapp(org_id uuid, phone_number_id text default null) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_number uuid;
begin
  perform worker.organization(disconnect_whatsapp.org_id);
  if disconnect_whatsapp.phone_number_id is not null then
    select n.id into v_number from public.whatsapp_numbers n
     where n.org_id = disconnect_whatsapp.org_id and n.phone_number_id = disconnect_whatsapp.phone_number_id;
    if not found then
      raise sqlstate 'PT404' using message = 'The organization has no such WhatsApp number', detail = 'number_unknown',
        hint = 'Look at the numbers of the organization.';
    end if;
  end if;
  return private.disconnect_whatsapp(disconnect_whatsapp.org_id, v_number);
end;
$$;
comment on function worker.disconnect_whatsapp is 'private.disconnect_whatsapp for the operator; the number by Meta''s id, null for all. Raises PT404.';
grant execute on function worker.disconnect_whatsapp to service_role;

create function private.disconnect_my_whatsapp(org_id uuid, number_id uuid) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
begin
  perform private.require_role(disconnect_my_whatsapp.org_id, 'admin');
  if disconnect_my_whatsapp.number_id is not null and not exists (
       select from public.whatsapp_numbers n
        where n.org_id = disconnect_my_whatsapp.org_id and n.id = disconnect_my_whatsapp.number_id) then
    raise sqlstate 'PT404' using message = 'The organization has no such WhatsApp number', detail = 'number_unknown',
      hint = 'Look at the numbers of the organization.';
  end if;
  return private.disconnect_whatsapp(disconnect_my_whatsapp.org_id, disconnect_my_whatsapp.number_id) - 'cleanup';
end;
$$;
comment on function private.disconnect_my_whatsapp is 'private.disconnect_whatsapp for an admin; tokens stay in the database.';

create function public.disconnect_whatsapp(org_id uuid, number_id uuid default null) returns jsonb
  language sql volatile set search_path = ''
begin atomic
  select private.disconnect_my_whatsapp(org_id, number_id);
end;
comment on function public.disconnect_whatsapp is
  'Disconnects a WhatsApp number (null: all) at once; queued messages are cancelled. Admins. Returns {disconnected}. Raises PT403, PT404.';
grant execute on function private.disconnect_my_whatsapp, public.disconnect_whatsapp to authenticated;

create function worker.account_access(org_id uuid) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_accounts jsonb;
begin
  perform worker.organization(account_access.org_id);
  select jsonb_agg(jsonb_build_object('account_id', a.id, 'waba_id', a.waba_id,
           'token', private.open_credential(a.org_id, a.credential_id, 'template_sync')) order by a.connected_at) into v_accounts
    from public.whatsapp_accounts a
   where a.org_id = account_access.org_id and a.status = 'connected' and a.credential_id is not null;
  return jsonb_build_object('accounts', coalesce(v_accounts, '[]'));
end;
$$;
comment on function worker.account_access is
  'The connected accounts of an organization with their tokens, for one template sync: {accounts: [{account_id, waba_id, token}]}.';
grant execute on function worker.account_access to service_role;

------------------------------------------------------------------------------------------------
-- Template sync
------------------------------------------------------------------------------------------------
create function private.template_parameters(components jsonb) returns text[]
  language sql immutable set search_path = ''
as $$
  select coalesce(array_agg(p.name order by p.first), '{}') from (
    select m.hit[1] as name, min(m.at) as first
      from jsonb_array_elements(case when jsonb_typeof(components) = 'array' then components else '[]' end) c,
           regexp_matches(c ->> 'text', '\{\{\s*([A-Za-z0-9_]+)\s*\}\}', 'g') with ordinality m (hit, at)
     where upper(c ->> 'type') = 'BODY'
     group by 1) p
$$;
comment on function private.template_parameters is
  'The placeholders of a template''s body in the order of their first appearance: {1,2} or {name,product}.';

create function worker.store_templates(org_id uuid, account_id uuid, templates jsonb) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_count int;
begin
  if not exists (select from public.whatsapp_accounts a where a.org_id = store_templates.org_id and a.id = store_templates.account_id) then
    raise sqlstate 'PT404' using message = 'The organization has no such WhatsApp account', detail = 'account_unknown',
      hint = 'Connect the account first.';
  end if;
  with given as (
    select distinct on (t ->> 'name', t ->> 'language') t, private.template_parameters(t -> 'components') as params
      from jsonb_array_elements(templates) t
     where t ->> 'name' is not null and t ->> 'language' is not null
     order by t ->> 'name', t ->> 'language'
  ), gone as (
    update public.message_templates m set status = 'DELETED', synced_at = now()
     where m.org_id = store_templates.org_id and m.account_id = store_templates.account_id and m.status <> 'DELETED'
       and not exists (select from given g where (g.t ->> 'name', g.t ->> 'language') = (m.name, m.language))
  )
  insert into public.message_templates as m (org_id, account_id, meta_id, name, language, status, category, parameter_format,
                                             body_params, body_param_names, components, rejected_reason)
  select store_templates.org_id, store_templates.account_id, g.t ->> 'id', g.t ->> 'name', g.t ->> 'language',
         upper(coalesce(g.t ->> 'status', 'PENDING')), upper(coalesce(g.t ->> 'category', 'UTILITY')),
         case when upper(g.t ->> 'parameter_format') = 'NAMED' then 'NAMED' else 'POSITIONAL' end,
         cardinality(g.params), case when upper(g.t ->> 'parameter_format') = 'NAMED' then g.params else '{}' end,
         coalesce(g.t -> 'components', '[]'), nullif(g.t ->> 'rejected_reason', 'NONE')
    from given g order by g.t ->> 'name', g.t ->> 'language'
  on conflict on constraint template_is_unique_in_account do update
    set meta_id = excluded.meta_id, status = excluded.status, category = excluded.category,
        parameter_format = excluded.parameter_format, body_params = excluded.body_params,
        body_param_names = excluded.body_param_names, components = excluded.components,
        rejected_reason = excluded.rejected_reason, synced_at = now(),
        blocked_reason = case when (m.components, m.status) is distinct from (excluded.components, excluded.status)
                              then null else m.blocked_reason end;
  get diagnostics v_count = row_count;
  return jsonb_build_object('templates', v_count);
end;
$$;
comment on function worker.store_templates is
  'Stores the whole answer of GET /{waba}/message_templates (its data[]) for one account; what the answer no longer has becomes '
  'DELETED. Returns {templates}. Raises PT404.';
grant execute on function worker.store_templates to service_role;
