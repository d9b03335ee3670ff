-- 61_sending.sql: who may send what to whom: members in a conversation, the operator to anybody.

create function private.require_open_window(org_id uuid, conversation_id uuid) returns void
  language plpgsql stable security definer set search_path = ''
as $$
begin
  if not exists (select from public.conversations c
                  where c.org_id = require_open_window.org_id and c.id = require_open_window.conversation_id
                    and c.window_expires_at > now()) then
    raise sqlstate 'PT422' using message = 'The 24-hour window of this conversation is closed', detail = 'window_closed',
      hint = 'Send a template; their answer opens the window.';
  end if;
end;
$$;
comment on function private.require_open_window is 'Raises PT422 window_closed unless free-form messages may go to the conversation now.';

create function private.sending_number(org_id uuid, phone_number_id text default null) returns public.whatsapp_numbers
  language plpgsql stable security definer set search_path = ''
as $$
declare
  v_number public.whatsapp_numbers;
begin
  select n.* into v_number from public.whatsapp_numbers n
   where n.org_id = sending_number.org_id and n.status <> 'disconnected'
     and (sending_number.phone_number_id is null or n.phone_number_id = sending_number.phone_number_id)
   order by n.connected_at, n.id limit 1;
  if not found then
    raise sqlstate 'PT409' using detail = 'number_not_connected', hint = 'Connect the number first.',
      message = case when sending_number.phone_number_id is null then 'The organization has no connected WhatsApp number'
                     else 'The organization has no such connected WhatsApp number' end;
  end if;
  return v_number;
end;
$$;
comment on function private.sending_number is
  'The connected number with this phone number id, or the organization''s first. Raises PT409 number_not_connected.';

create function worker.send_messages(org_id uuid, items jsonb) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_item    jsonb;
  v_at      bigint;
  v_to      text;
  v_number  public.whatsapp_numbers;
  v_contact uuid;
  v_message jsonb;
  v_ids     bigint[] := '{}';
  v_text    text;
  v_detail  text;
  v_hint    text;
  v_state   text;
begin
  perform worker.organization(send_messages.org_id);
  if jsonb_typeof(items) <> 'array' or jsonb_array_length(items) > 1000 then
    raise sqlstate 'PT422' using message = 'Give a list of at most 1,000 messages', detail = 'items_invalid', hint = 'Send it in parts.';
  end if;
  for v_item, v_at in select i, n from jsonb_array_elements(items) with ordinality u (i, n) loop
    begin
      v_to := btrim(v_item ->> 'to');
      v_number := private.sending_number(send_messages.org_id, v_item ->> 'from');
      v_contact := private.contact_for_sending(send_messages.org_id, v_to);
      if (v_item ->> 'text' is null) = (v_item ->> 'template' is null) then
        raise sqlstate 'PT422' using message = 'Give either a text or a template', detail = 'message_invalid', hint = 'One of the two.';
      elsif v_item ->> 'template' is not null then
        v_message := private.template_message(send_messages.org_id, v_number.account_id, v_item ->> 'template',
                                              coalesce(v_item ->> 'language', 'en'), v_item -> 'params');
      else
        v_message := private.text_message(v_item ->> 'text');
        perform private.require_open_window(send_messages.org_id,
                  private.open_conversation(send_messages.org_id, v_number.id, v_contact));
      end if;
      v_ids := v_ids || private.enqueue_message(send_messages.org_id, v_number.id, v_contact, v_message, 'operator', null,
                                                (v_item ->> 'client_token')::uuid);
    exception when others then
      get stacked diagnostics v_state = returned_sqlstate, v_text = message_text, v_detail = pg_exception_detail, v_hint = pg_exception_hint;
      if v_state !~ '^PT4' then
        raise;
      end if;
      raise exception using errcode = v_state, detail = v_detail, hint = v_hint,
        message = case when jsonb_array_length(items) = 1 then v_text else format('Message %s of %s: %s', v_at, jsonb_array_length(items), v_text) end;
    end;
  end loop;
  return jsonb_build_object('message_ids', to_jsonb(v_ids));
end;
$$;
comment on function worker.send_messages is
  'Queues messages for the operator, all or none: items [{to: E.164 or user id, from?: phone number id, text | template, language, '
  'params: [values] or {name: value}, client_token?}], at most 1,000. Returns {message_ids} in the order given. Raises PT404, PT409, '
  'PT422, each naming the item.';
grant execute on function worker.send_messages to service_role;

create function private.contact_for_sending(org_id uuid, recipient text) returns uuid
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_phone text := case when contact_for_sending.recipient ~ '^\+?[0-9 ()-]{7,24}$'
                       then '+' || regexp_replace(contact_for_sending.recipient, '\D', '', 'g') end;
  v_id    uuid;
begin
  if v_phone is null and coalesce(contact_for_sending.recipient, '') !~ '^[A-Z]{2}\.[A-Za-z0-9.]{1,157}$' then
    raise sqlstate 'PT422' using message = 'The recipient is neither a phone number in E.164 form nor a WhatsApp user id',
      detail = 'recipient_invalid', hint = 'Write it like +919810000011.';
  end if;
  if v_phone is not null and v_phone !~ '^\+[1-9][0-9]{6,14}$' then
    raise sqlstate 'PT422' using message = 'The phone number is not in E.164 form', detail = 'phone_invalid', hint = 'Write it like +919810000011.';
  end if;
  select i.contact_id into v_id from public.contact_identities i
   where i.org_id = contact_for_sending.org_id and i.kind = case when v_phone is null then 'user_id' else 'wa_id' end
     and i.value = coalesce(ltrim(v_phone, '+'), contact_for_sending.recipient);
  if v_id is not null then
    return v_id;
  elsif v_phone is null then
    raise sqlstate 'PT404' using message = 'No contact has this WhatsApp user id', detail = 'contact_unknown',
      hint = 'A user id is known once the person has written.';
  end if;
  return private.resolve_contact(contact_for_sending.org_id, jsonb_build_object('phone', v_phone, 'phone_given', contact_for_sending.recipient));
end;
$$;
comment on function private.contact_for_sending is
  'The contact of a phone number (made when unknown) or of a user id. Raises PT404 contact_unknown, PT422 recipient_invalid, phone_invalid.';

create function private.send_in_conversation(org_id uuid, conversation_id uuid, message jsonb, client_token uuid, needs_window boolean)
  returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_conversation public.conversations;
begin
  select c.* into v_conversation from public.conversations c
   where c.org_id = send_in_conversation.org_id and c.id = send_in_conversation.conversation_id;
  if not exists (select from public.whatsapp_numbers n
                  where n.org_id = v_conversation.org_id and n.id = v_conversation.number_id and n.status <> 'disconnected') then
    raise sqlstate 'PT409' using message = 'The number of this conversation is not connected', detail = 'number_not_connected',
      hint = 'Connect the number again to answer.';
  end if;
  if needs_window then
    perform private.require_open_window(v_conversation.org_id, v_conversation.id);
  end if;
  return jsonb_build_object('message_id', private.enqueue_message(v_conversation.org_id, v_conversation.number_id,
    v_conversation.contact_id, message, 'person', (select auth.uid()), send_in_conversation.client_token));
end;
$$;
comment on function private.send_in_conversation is 'Queues a member''s message in a conversation that the caller has checked. Raises PT409, PT422.';

create function private.require_conversation(org_id uuid, conversation_id uuid) returns uuid
  language plpgsql stable security definer set search_path = ''
as $$
declare
  v_account uuid;
begin
  perform private.require_role(require_conversation.org_id, 'agent');
  select n.account_id into v_account from public.conversations c
    join public.whatsapp_numbers n on (n.org_id, n.id) = (c.org_id, c.number_id)
   where c.org_id = require_conversation.org_id and c.id = require_conversation.conversation_id;
  if not found then
    raise sqlstate 'PT404' using message = 'There is no such conversation', detail = 'conversation_unknown', hint = 'Reload the inbox.';
  end if;
  return v_account;
end;
$$;
comment on function private.require_conversation is 'The account of a conversation of the member''s organization. Raises PT401, PT404.';

create function private.send_text(org_id uuid, conversation_id uuid, body text, client_token uuid, context_wamid text) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
begin
  perform private.require_conversation(send_text.org_id, send_text.conversation_id);
  return private.send_in_conversation(send_text.org_id, send_text.conversation_id,
    private.text_message(send_text.body) || jsonb_build_object('context_wamid', send_text.context_wamid), send_text.client_token, true);
end;
$$;
comment on function private.send_text is 'public.send_text behind its door.';
create function public.send_text(org_id uuid, conversation_id uuid, body text, client_token uuid default null, context_wamid text default null)
  returns jsonb language sql volatile set search_path = ''
begin atomic
  select private.send_text(org_id, conversation_id, body, client_token, context_wamid);
end;
comment on function public.send_text is
  'Queues a free-form text in a conversation whose 24-hour window is open; client_token makes a repeat harmless; context_wamid quotes a '
  'message. Returns {message_id}. Raises PT404 conversation_unknown, PT409 number_not_connected, PT422 window_closed, text_empty, text_too_long.';
grant execute on function private.send_text, public.send_text to authenticated;

create function private.send_template(org_id uuid, conversation_id uuid, template text, language text, params jsonb, client_token uuid)
  returns jsonb language plpgsql volatile security definer set search_path = ''
as $$
begin
  return private.send_in_conversation(send_template.org_id, send_template.conversation_id,
    private.template_message(send_template.org_id, private.require_conversation(send_template.org_id, send_template.conversation_id),
                             send_template.template, send_template.language, send_template.params),
    send_template.client_token, false);
end;
$$;
comment on function private.send_template is 'public.send_template behind its door.';
create function public.send_template(org_id uuid, conversation_id uuid, template text, language text, params jsonb default '[]',
                                     client_token uuid default null)
  returns jsonb language sql volatile set search_path = ''
begin atomic
  select private.send_template(org_id, conversation_id, template, language, params, client_token);
end;
comment on function public.send_template is
  'Queues a template in a conversation; params is a list of body values, or an object for named ones. Returns {message_id}. '
  'Raises PT404, PT409 and PT422 as private.template_message does.';
grant execute on function private.send_template, public.send_template to authenticated;
