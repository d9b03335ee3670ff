-- 45_disconnecting.sql: letting a WhatsApp number go, at once and whole.

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
