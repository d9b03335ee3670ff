-- 610_sending.sql: who may send what to whom: members in a conversation, the operator to anybody.

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
      if num_nonnulls(v_item ->> 'text', v_item ->> 'template', v_item ->> 'message') <> 1 then
        raise sqlstate 'PT422' using message = 'Give either a text, a template or a message', detail = 'message_invalid', hint = 'One of the three.';
      end if;
      v_message := private.compose_message(send_messages.org_id, v_number.id, v_contact, case
        when v_item ->> 'message' is not null then v_item -> 'message'
        when v_item ->> 'text' is not null then jsonb_build_object('kind', 'text', 'text', v_item ->> 'text')
        else jsonb_build_object('kind', 'template', 'template', v_item ->> 'template', 'language', v_item ->> 'language',
                                'params', v_item -> 'params') end);
      if v_message ->> 'kind' <> 'template' then
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
  'params: [values] or {name: value} | message: as private.compose_message takes it, client_token?}], at most 1,000. Returns '
  '{message_ids} in the order given. Raises PT404, PT409, PT422, each naming the item.';
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
  loop
    select i.contact_id into v_id from public.contact_identities i
     where i.org_id = contact_for_sending.org_id and i.kind = case when v_phone is null then 'user_id' else 'wa_id' end
       and i.value = coalesce(ltrim(v_phone, '+'), contact_for_sending.recipient);
    exit when not found;
    -- Who is merged away at this moment is looked for again.
    perform from public.contacts c where c.org_id = contact_for_sending.org_id and c.id = v_id for key share;
    if found then
      return v_id;
    end if;
  end loop;
  if v_phone is null then
    raise sqlstate 'PT404' using message = 'No contact has this WhatsApp user id', detail = 'contact_unknown',
      hint = 'A user id is known once the person has written.';
  end if;
  return private.resolve_contact(contact_for_sending.org_id, jsonb_build_object('phone', v_phone, 'phone_given', contact_for_sending.recipient));
end;
$$;
comment on function private.contact_for_sending is
  'The contact of a phone number (made when unknown) or of a user id. Raises PT404 contact_unknown, PT422 recipient_invalid, phone_invalid.';

create function private.send_spec(org_id uuid, conversation_id uuid, spec jsonb, origin text, sender_id uuid, client_token uuid) returns bigint
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_conversation public.conversations;
  v_message      jsonb;
  v_id           bigint;
begin
  select c.* into v_conversation from public.conversations c
   where c.org_id = send_spec.org_id and c.id = send_spec.conversation_id;
  if not found then
    raise sqlstate 'PT404' using message = 'There is no such conversation', detail = 'conversation_unknown', hint = 'Reload the inbox.';
  end if;
  if send_spec.client_token is not null then
    select m.id into v_id from public.messages m where m.org_id = send_spec.org_id and m.client_token = send_spec.client_token;
    if found then
      return v_id;                    -- asked again: also when the window has closed meanwhile
    end if;
  end if;
  if not exists (select from public.whatsapp_numbers n
                  where n.org_id = v_conversation.org_id and n.id = v_conversation.number_id and n.status <> 'disconnected') then
    raise sqlstate 'PT409' using message = 'The number of this conversation is not connected', detail = 'number_not_connected',
      hint = 'Connect the number again to answer.';
  end if;
  v_message := private.compose_message(v_conversation.org_id, v_conversation.number_id, v_conversation.contact_id, spec);
  if v_message ->> 'kind' <> 'template' then
    perform private.require_open_window(v_conversation.org_id, v_conversation.id);
  end if;
  return private.enqueue_message(v_conversation.org_id, v_conversation.number_id, v_conversation.contact_id, v_message,
                                 send_spec.origin, send_spec.sender_id, send_spec.client_token);
end;
$$;
comment on function private.send_spec is
  'Queues a message, given as private.compose_message takes it, in a conversation, and returns its id; the same client_token again returns '
  'the same id. Asks nobody''s leave: callers do. Raises PT404 conversation_unknown, PT409 number_not_connected, PT422 window_closed and as '
  'private.compose_message.';

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

create function private.send_message(org_id uuid, conversation_id uuid, message jsonb, client_token uuid) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
begin
  perform private.require_conversation(send_message.org_id, send_message.conversation_id);
  return jsonb_build_object('message_id', private.send_spec(send_message.org_id, send_message.conversation_id, send_message.message,
                                                            'person', (select auth.uid()), send_message.client_token));
end;
$$;
comment on function private.send_message is 'public.send_message behind its door.';
create function public.send_message(org_id uuid, conversation_id uuid, message jsonb, client_token uuid default null) returns jsonb
  language sql volatile set search_path = ''
begin atomic
  select private.send_message(org_id, conversation_id, message, client_token);
end;
comment on function public.send_message is
  'Queues a message of any kind in a conversation: {kind: text, template, image, video, audio, document, sticker, location, contacts or '
  'interactive, its fields, context_wamid: the message it answers}, as private.compose_message lists them; all but templates need an open '
  '24-hour window; client_token makes a repeat harmless. Returns {message_id}. Raises PT404, PT409, and PT422 that names the field.';
grant execute on function private.send_message, public.send_message to authenticated;

create function public.send_text(org_id uuid, conversation_id uuid, body text, client_token uuid default null, context_wamid text default null)
  returns jsonb language sql volatile set search_path = ''
begin atomic
  select private.send_message(org_id, conversation_id,
    jsonb_build_object('kind', 'text', 'text', body, 'context_wamid', context_wamid), client_token);
end;
comment on function public.send_text is
  'Queues a free-form text in a conversation whose 24-hour window is open; client_token makes a repeat harmless; context_wamid quotes a '
  'message. Returns {message_id}. Raises PT404 conversation_unknown, PT409 number_not_connected, PT422 window_closed, text_empty, text_too_long.';
grant execute on function public.send_text to authenticated;

create function public.send_template(org_id uuid, conversation_id uuid, template text, language text, params jsonb default '[]',
                                     client_token uuid default null)
  returns jsonb language sql volatile set search_path = ''
begin atomic
  select private.send_message(org_id, conversation_id,
    jsonb_build_object('kind', 'template', 'template', template, 'language', language, 'params', params), client_token);
end;
comment on function public.send_template is
  'Queues a template in a conversation; params is a list of body values, or an object for named ones. Returns {message_id}. '
  'Raises PT404, PT409 and PT422 as private.template_message does.';
grant execute on function public.send_template to authenticated;

create function private.start_conversation(org_id uuid, contact_id uuid, number_id uuid) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_number  uuid;
  v_contact public.contacts;
begin
  perform private.require_role(start_conversation.org_id, 'agent');
  select c.* into v_contact from public.contacts c where c.org_id = start_conversation.org_id and c.id = start_conversation.contact_id;
  if not found then
    raise sqlstate 'PT404' using message = 'There is no such contact', detail = 'contact_unknown', hint = 'Reload the contacts.';
  elsif num_nonnulls(v_contact.wa_id, v_contact.phone, v_contact.user_id) = 0 then
    raise sqlstate 'PT422' using message = 'The contact has no phone number', detail = 'contact_without_address', hint = 'Add one first.';
  end if;
  if start_conversation.number_id is null then
    -- Where they were last written with, else the organization's first number.
    select c.number_id into v_number from public.conversations c
      join public.whatsapp_numbers n on (n.org_id, n.id) = (c.org_id, c.number_id) and n.status <> 'disconnected'
     where c.contact_id = start_conversation.contact_id and c.org_id = start_conversation.org_id
     order by c.last_message_at desc, c.id limit 1;
    v_number := coalesce(v_number, (private.sending_number(start_conversation.org_id)).id);
  else
    select n.id into v_number from public.whatsapp_numbers n
     where n.org_id = start_conversation.org_id and n.id = start_conversation.number_id and n.status <> 'disconnected';
    if not found then
      raise sqlstate 'PT409' using message = 'The organization has no such connected WhatsApp number', detail = 'number_not_connected',
        hint = 'Connect the number first.';
    end if;
  end if;
  return jsonb_build_object('conversation_id', private.open_conversation(start_conversation.org_id, v_number, start_conversation.contact_id));
end;
$$;
comment on function private.start_conversation is 'public.start_conversation behind its door.';
create function public.start_conversation(org_id uuid, contact_id uuid, number_id uuid default null) returns jsonb
  language sql volatile set search_path = ''
begin atomic
  select private.start_conversation(org_id, contact_id, number_id);
end;
comment on function public.start_conversation is
  'The conversation with a contact, made when there is none: on the given number, else on the one that last wrote with them, else on the '
  'first. Returns {conversation_id}. Raises PT404 contact_unknown, PT409 number_not_connected, PT422 contact_without_address.';
grant execute on function private.start_conversation, public.start_conversation to authenticated;
