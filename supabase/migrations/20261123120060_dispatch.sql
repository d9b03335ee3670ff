-- 60_dispatch.sql: how messages leave. One lane a conversation keeps its order, one bucket a number keeps its speed.

------------------------------------------------------------------------------------------------
-- Lanes
------------------------------------------------------------------------------------------------
create table private.number_lanes (
  org_id        uuid not null,
  number_id     uuid not null,
  tokens        numeric(12, 3) not null,
  refilled_at   timestamptz not null default now(),
  blocked_until timestamptz not null default '-infinity',
  primary key (org_id, number_id),
  constraint number_lane_is_of_a_number foreign key (org_id, number_id)
    references public.whatsapp_numbers (org_id, id) on delete cascade
) with (fillfactor = 50);
comment on table private.number_lanes is 'Token bucket of each number: a tenth of its messages per second in store, refilled at nine tenths.';
comment on column private.number_lanes.org_id is 'The organization.';
comment on column private.number_lanes.number_id is 'The number.';
comment on column private.number_lanes.tokens is 'Messages that might have been claimed at refilled_at.';
comment on column private.number_lanes.refilled_at is 'When tokens was last counted; also who was served last.';
comment on column private.number_lanes.blocked_until is 'Meta asked the whole number to wait until then.';
alter table private.number_lanes enable row level security;

create table private.send_lanes (
  org_id           uuid not null,
  conversation_id  uuid not null,
  number_id        uuid not null,
  next_at          timestamptz,
  lease            uuid,
  late_lease       uuid,
  message_id       bigint,
  pair_tokens      numeric(8, 3) not null default 45,
  pair_refilled_at timestamptz not null default now(),
  primary key (org_id, conversation_id),
  constraint lane_is_of_a_conversation foreign key (org_id, conversation_id)
    references public.conversations (org_id, id) on delete cascade,
  constraint lane_is_of_a_number foreign key (org_id, number_id)
    references public.whatsapp_numbers (org_id, id) on delete cascade
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 500);
comment on table private.send_lanes is
  'One lane for each conversation that ever sent: at most one message of it is under way. Locked before its messages, always.';
comment on column private.send_lanes.org_id is 'The organization.';
comment on column private.send_lanes.conversation_id is 'The conversation.';
comment on column private.send_lanes.number_id is 'The number that sends.';
comment on column private.send_lanes.next_at is 'When the next queued message is due; while leased, when the lease expires; null: nothing to send.';
comment on column private.send_lanes.lease is 'Set while a dispatcher holds the lane; its results are known by it.';
comment on column private.send_lanes.late_lease is 'The lease that ran out over message_id: a refusal that comes late is still believed.';
comment on column private.send_lanes.message_id is 'The message under way, or the uncertain one that holds the lane for a minute.';
comment on column private.send_lanes.pair_tokens is 'Bucket of Meta''s pair limit: 45 at once, then one message in 6 seconds to one person.';
comment on column private.send_lanes.pair_refilled_at is 'When pair_tokens was last counted.';
create index send_lanes_due on private.send_lanes (org_id, number_id, next_at) where next_at is not null and lease is null;
create index send_lanes_leased on private.send_lanes (next_at) where lease is not null;
create index send_lanes_number on private.send_lanes (org_id, number_id);
alter table private.send_lanes enable row level security;

------------------------------------------------------------------------------------------------
-- Into the outbox
------------------------------------------------------------------------------------------------
create function private.open_conversation(org_id uuid, number_id uuid, contact_id uuid) returns uuid
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_id uuid;
begin
  loop
    select c.id into v_id from public.conversations c
     where c.org_id = open_conversation.org_id and c.number_id = open_conversation.number_id
       and c.contact_id = open_conversation.contact_id;
    exit when found;
    insert into public.conversations (org_id, number_id, contact_id)
    values (open_conversation.org_id, open_conversation.number_id, open_conversation.contact_id)
    on conflict on constraint conversation_is_unique_per_number_and_contact do nothing
    returning id into v_id;
    exit when found;
  end loop;
  return v_id;
end;
$$;
comment on function private.open_conversation is 'The conversation of a number with a contact, made when there is none.';

create function private.enqueue_message(org_id uuid, number_id uuid, contact_id uuid, message jsonb, origin text,
                                        sender_id uuid default null, client_token uuid default null) returns bigint
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_conversation uuid := private.open_conversation(enqueue_message.org_id, enqueue_message.number_id, enqueue_message.contact_id);
  v_id bigint;
begin
  -- The lane is locked before the id is drawn, so ids follow the order of commits in a conversation.
  insert into private.send_lanes as l (org_id, conversation_id, number_id, next_at)
  values (enqueue_message.org_id, v_conversation, enqueue_message.number_id, now())
  on conflict (org_id, conversation_id) do update set next_at = coalesce(l.next_at, now());
  if enqueue_message.client_token is not null then
    select m.id into v_id from public.messages m
     where m.org_id = enqueue_message.org_id and m.client_token = enqueue_message.client_token;
    if found then
      return v_id;
    end if;
  end if;
  insert into public.messages (org_id, conversation_id, contact_id, direction, kind, body, text, status, origin, sender_id,
                               client_token, context_wamid)
  values (enqueue_message.org_id, v_conversation, enqueue_message.contact_id, 'outbound', message ->> 'kind', message -> 'body',
          message ->> 'text', 'queued', enqueue_message.origin, enqueue_message.sender_id, enqueue_message.client_token,
          message ->> 'context_wamid')
  returning id into v_id;
  update public.conversations c
     set last_message_at = greatest(c.last_message_at, now()), last_message_text = left(message ->> 'text', 160)
   where c.org_id = enqueue_message.org_id and c.id = v_conversation;
  return v_id;
end;
$$;
comment on function private.enqueue_message is
  'Queues one message {kind, body, text, context_wamid?} to a contact and returns its id; the same client_token again returns the same id. Checks nothing: callers do.';

create function private.clean_parameter(value text) returns text
  language sql immutable set search_path = ''
as $$
  select left(btrim(regexp_replace(regexp_replace(value, '[\s]*[\r\n\t]+[\s]*', ' ', 'g'), ' {4,}', '   ', 'g')), 1024)
$$;
comment on function private.clean_parameter is
  'A template value as Meta takes it: no newline or tab, at most three spaces in a row (error 132012), at most 1,024 characters.';

create function private.template_message(org_id uuid, account_id uuid, template text, language text, params jsonb) returns jsonb
  language plpgsql stable security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_template public.message_templates;
  v_values   jsonb := coalesce(nullif(params, 'null'), '[]');
  v_given    int;
  v_missing  text;
  v_text     text;
  v_body     jsonb;
begin
  select t.* into v_template from public.message_templates t
   where t.org_id = template_message.org_id and t.account_id = template_message.account_id
     and t.name = template_message.template and t.language = template_message.language;
  if not found then
    raise sqlstate 'PT422' using message = format('There is no template "%s" in language "%s"', template, language),
      detail = 'template_unknown', hint = 'Sync the templates, or choose one that exists.';
  elsif v_template.status <> 'APPROVED' then
    raise sqlstate 'PT422' using message = format('Template "%s" is not approved (%s)', template, v_template.status),
      detail = 'template_not_approved', hint = 'Wait for Meta''s approval, or choose another template.';
  elsif v_template.blocked_reason is not null then
    raise sqlstate 'PT422' using message = format('Template "%s" is blocked: %s', template, v_template.blocked_reason),
      detail = 'template_blocked', hint = 'Correct the template at Meta and sync again.';
  end if;
  if v_template.parameter_format = 'NAMED' and jsonb_typeof(v_values) = 'array' and v_values @? '$[0]'
     and not v_values @? '$[*] ? (!(@ like_regex "^[A-Za-z0-9_]+="))' then
    -- ["name=Asha", …], as the command line gives them
    select jsonb_object_agg(split_part(v, '=', 1), substr(v, strpos(v, '=') + 1)) into v_values from jsonb_array_elements_text(v_values) v;
  end if;
  if jsonb_typeof(v_values) = 'object' and v_template.parameter_format = 'NAMED' then
    select string_agg(n, ', ') into v_missing from unnest(v_template.body_param_names) n where v_values ->> n is null;
    if v_missing is not null then
      raise sqlstate 'PT422' using message = format('Template "%s" needs a value for %s', template, v_missing),
        detail = 'template_parameters', hint = 'Give every named value.';
    end if;
    select string_agg(k, ', ') into v_missing from jsonb_object_keys(v_values) k where k <> all (v_template.body_param_names);
    if v_missing is not null then
      raise sqlstate 'PT422' using message = format('Template "%s" has no value named %s', template, v_missing),
        detail = 'template_parameters', hint = 'Look at the names in the template.';
    end if;
  elsif jsonb_typeof(v_values) = 'array' then
    v_given := jsonb_array_length(v_values);
    if v_given <> v_template.body_params then
      raise sqlstate 'PT422' using message = format('Template "%s" takes %s values, %s were given', template, v_template.body_params, v_given),
        detail = 'template_parameters', hint = 'Give exactly as many values as the template has placeholders.';
    end if;
    if v_template.parameter_format = 'NAMED' then
      select jsonb_object_agg(n, v_values -> (i::int - 1)) into v_values
        from unnest(v_template.body_param_names) with ordinality u (n, i);
      v_values := coalesce(v_values, '{}');
    end if;
  else
    raise sqlstate 'PT422' using message = format('Template "%s" takes a list of values', template),
      detail = 'template_parameters', hint = 'Names are for templates with named placeholders.';
  end if;
  if exists (select from jsonb_path_query(v_values, '$.*') v where jsonb_typeof(v) not in ('string', 'number') or btrim(v #>> '{}') = '')
     or exists (select from jsonb_array_elements(case jsonb_typeof(v_values) when 'array' then v_values else '[]' end) v
                 where jsonb_typeof(v) not in ('string', 'number') or btrim(v #>> '{}') = '') then
    raise sqlstate 'PT422' using message = format('A value for template "%s" is empty or not text', template),
      detail = 'template_parameters', hint = 'Meta refuses empty values.';
  end if;
  v_text := (select string_agg(c ->> 'text', E'\n') from jsonb_array_elements(v_template.components) c where upper(c ->> 'type') = 'BODY');
  if jsonb_typeof(v_values) = 'array' then
    select jsonb_agg(jsonb_build_object('type', 'text', 'text', private.clean_parameter(v #>> '{}')) order by i) into v_body
      from jsonb_array_elements(v_values) with ordinality u (v, i);
    for v_given in 1 .. jsonb_array_length(v_values) loop
      v_text := regexp_replace(v_text, '\{\{\s*' || v_given || '\s*\}\}',
                               replace(private.clean_parameter(v_values ->> (v_given - 1)), '\', '\\'), 'g');
    end loop;
  else
    select jsonb_agg(jsonb_build_object('type', 'text', 'parameter_name', n, 'text', private.clean_parameter(v_values ->> n)) order by i)
      into v_body from unnest(v_template.body_param_names) with ordinality u (n, i);
    foreach v_missing in array v_template.body_param_names loop
      v_text := regexp_replace(v_text, '\{\{\s*' || v_missing || '\s*\}\}',
                               replace(private.clean_parameter(v_values ->> v_missing), '\', '\\'), 'g');
    end loop;
  end if;
  return jsonb_build_object('kind', 'template', 'text', v_text, 'body', jsonb_build_object('template', jsonb_strip_nulls(
    jsonb_build_object('name', template, 'language', jsonb_build_object('code', language),
      'components', case when v_body is not null then jsonb_build_array(jsonb_build_object('type', 'body', 'parameters', v_body)) end))));
end;
$$;
comment on function private.template_message is
  'A message {kind, body, text} from a template and its body values: a list in order, an object by name, or for a named template a list of "name=value". Raises PT422 template_unknown, '
  'template_not_approved, template_blocked or template_parameters: error 132000 cannot be queued.';

create function private.text_message(body text) returns jsonb
  language plpgsql immutable set search_path = ''
as $$
begin
  if coalesce(btrim(body), '') = '' then
    raise sqlstate 'PT422' using message = 'The text is empty', detail = 'text_empty', hint = 'Write something.';
  elsif length(body) > 4096 then
    raise sqlstate 'PT422' using message = format('The text has %s characters, WhatsApp takes 4096', length(body)),
      detail = 'text_too_long', hint = 'Send it in parts.';
  end if;
  return jsonb_build_object('kind', 'text', 'text', body, 'body',
    jsonb_build_object('text', jsonb_build_object('body', body, 'preview_url', body ~* 'https?://')));
end;
$$;
comment on function private.text_message is 'A message {kind, body, text} of plain text. Raises PT422 text_empty, text_too_long.';

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

------------------------------------------------------------------------------------------------
-- Out of the outbox: claim
------------------------------------------------------------------------------------------------
create function private.expire_leases(uncertain_after_seconds int) returns int
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_lanes private.send_lanes[];
begin
  -- The dispatcher died, or its answer is late: the call may have reached Meta, so nobody may send again yet.
  with gone as (
    select l.org_id, l.conversation_id from private.send_lanes l
     where l.lease is not null and l.next_at <= now()
     order by l.org_id, l.conversation_id limit 500 for update skip locked)
  select array_agg(l) into v_lanes from private.send_lanes l join gone g using (org_id, conversation_id);
  if v_lanes is null then
    return 0;
  end if;
  update public.messages m
     set status = 'uncertain', settle_at = now() + make_interval(secs => uncertain_after_seconds),
         error_message = 'Meta''s answer was lost; waiting for its status'
    from unnest(v_lanes) l
   where (m.org_id, m.id) = (l.org_id, l.message_id) and m.status = 'sending';
  update private.send_lanes l
     set lease = null, late_lease = l.lease, next_at = now() + interval '60 seconds'
    from unnest(v_lanes) x
   where (l.org_id, l.conversation_id) = (x.org_id, x.conversation_id);
  return cardinality(v_lanes);
end;
$$;
comment on function private.expire_leases is
  'Messages of dispatchers that never reported become uncertain; their lanes wait 60 seconds for a status, then go on.';

create function worker.claim_messages(batch int default 40, lease_seconds int default 60, uncertain_after_seconds int default 900)
  returns jsonb
  language plpgsql volatile security definer set search_path = '' set plan_cache_mode = 'force_generic_plan' set enable_seqscan = off
as $$
#variable_conflict use_column
declare
  v_lease    uuid := gen_random_uuid();
  v_orgs     uuid[];
  v_threads  uuid[];
  v_heads    jsonb;
  v_messages jsonb;
  v_tokens   jsonb := '{}';
  v_token    text;
  v_dead     uuid[] := '{}';
  v_account  record;
  v_wait     timestamptz;
begin
  perform private.expire_leases(uncertain_after_seconds);
  with numbers as materialized (
    select b.org_id, b.number_id, n.messages_per_second as rate,
           least(greatest(1, n.messages_per_second * 0.1),
                 b.tokens + greatest(0, extract(epoch from clock_timestamp() - b.refilled_at)) * n.messages_per_second * 0.9) as tokens
      from private.number_lanes b
      join public.whatsapp_numbers n on (n.org_id, n.id) = (b.org_id, b.number_id)
      join public.whatsapp_accounts a on (a.org_id, a.id) = (n.org_id, n.account_id)
     where b.blocked_until <= now()
       and (n.status = 'connected' or n.status = 'paused' and n.paused_until <= now())
       and a.status = 'connected' and a.credential_id is not null
       and exists (select from private.send_lanes l
                    where l.org_id = b.org_id and l.number_id = b.number_id and l.next_at <= now() and l.lease is null)
     order by b.refilled_at limit 200
     for no key update of b skip locked
  ), picked as materialized (
    select s.* from numbers n cross join lateral (
      select l.org_id, l.conversation_id, l.number_id,
             least(45, l.pair_tokens + greatest(0, extract(epoch from clock_timestamp() - l.pair_refilled_at)) / 6) as pair_tokens
        from private.send_lanes l
       where l.org_id = n.org_id and l.number_id = n.number_id and l.next_at <= now() and l.lease is null
       order by l.next_at
       limit floor(n.tokens)::int
       for update skip locked) s
     limit claim_messages.batch
  ), spent as (
    update private.number_lanes b
       set tokens = n.tokens - (select count(*) from picked p where p.pair_tokens >= 1 and (p.org_id, p.number_id) = (b.org_id, b.number_id)),
           refilled_at = greatest(b.refilled_at, clock_timestamp())
      from numbers n where (b.org_id, b.number_id) = (n.org_id, n.number_id)
       -- Who got nothing this time keeps an older refilled_at, and so comes first next time.
       and exists (select from picked p where (p.org_id, p.number_id) = (b.org_id, b.number_id))
  ), leased as (
    update private.send_lanes l
       set lease = case when p.pair_tokens >= 1 then v_lease end,
           next_at = now() + case when p.pair_tokens >= 1 then make_interval(secs => claim_messages.lease_seconds)
                                  else make_interval(secs => ceil((1 - p.pair_tokens) * 6)::int) end,
           pair_tokens = case when p.pair_tokens >= 1 then p.pair_tokens - 1 else p.pair_tokens end,
           pair_refilled_at = clock_timestamp(), message_id = null, late_lease = null
      from picked p
     where (l.org_id, l.conversation_id) = (p.org_id, p.conversation_id)
    returning l.org_id, l.conversation_id, l.lease)
  select array_agg(org_id), array_agg(conversation_id) into v_orgs, v_threads from leased where lease is not null;

  if v_orgs is not null then
    -- A second statement on purpose: it sees what other dispatchers committed before the lanes were locked (supabase.md §9).
    select jsonb_agg(jsonb_build_object('org_id', k.org_id, 'conversation_id', k.conversation_id, 'message_id', m.id,
             'account_id', a.id, 'phone_number_id', n.phone_number_id,
             'refusal', case
               when m.id is null then null
               when m.kind <> 'template' and (c.window_expires_at is null or c.window_expires_at <= now())
                 then 'The 24-hour window is closed: send a template instead'
               when p.opted_out_at is not null and (m.origin = 'greeting' or t.category = 'MARKETING')
                 then 'They asked not to receive messages'
               when m.kind = 'template' and t.id is not null and (t.status <> 'APPROVED' or t.blocked_reason is not null)
                 then 'The template is not approved any more'
               when p.wa_id is null and p.phone is null and p.user_id is null then 'The contact has no WhatsApp address'
             end,
             'payload', jsonb_build_object('messaging_product', 'whatsapp', 'recipient_type', 'individual', 'type', m.kind,
                          'biz_opaque_callback_data', 'flow.' || m.id)
                        || case when coalesce(p.wa_id, p.phone) is not null
                                then jsonb_build_object('to', coalesce(p.wa_id, ltrim(p.phone, '+')))
                                else jsonb_build_object('recipient', p.user_id) end
                        || case when m.context_wamid is not null
                                then jsonb_build_object('context', jsonb_build_object('message_id', m.context_wamid)) else '{}' end
                        || m.body)) into v_heads
      from unnest(v_orgs, v_threads) k (org_id, conversation_id)
      join public.conversations c on (c.org_id, c.id) = (k.org_id, k.conversation_id)
      join public.contacts p on (p.org_id, p.id) = (c.org_id, c.contact_id)
      join public.whatsapp_numbers n on (n.org_id, n.id) = (c.org_id, c.number_id)
      join public.whatsapp_accounts a on (a.org_id, a.id) = (n.org_id, n.account_id)
      left join lateral (
        select q.* from public.messages q
         where q.org_id = k.org_id and q.conversation_id = k.conversation_id and q.status = 'queued'
         order by q.id limit 1) m on true
      left join public.message_templates t on m.kind = 'template' and (t.org_id, t.account_id, t.name, t.language)
           = (n.org_id, n.account_id, m.body #>> '{template,name}', m.body #>> '{template,language,code}');

    for v_account in select distinct (h ->> 'org_id')::uuid as org_id, (h ->> 'account_id')::uuid as id
                       from jsonb_array_elements(v_heads) h where h ->> 'message_id' is not null and h ->> 'refusal' is null loop
      begin
        select private.open_credential(a.org_id, a.credential_id, 'dispatch') into v_token
          from public.whatsapp_accounts a
         where a.org_id = v_account.org_id and a.id = v_account.id and a.status = 'connected';
      exception when sqlstate 'PT503' then
        -- Its key is missing from Vault: only this account waits, until the operator has put it back.
        v_dead := v_dead || v_account.id;
        update private.number_lanes b set blocked_until = now() + interval '30 seconds'
          from public.whatsapp_numbers n
         where (n.org_id, n.account_id) = (v_account.org_id, v_account.id) and (b.org_id, b.number_id) = (n.org_id, n.id);
        continue;
      end;
      if v_token is null then
        v_dead := v_dead || v_account.id;
        update public.whatsapp_accounts a set status = 'reconnect', status_reason = 'The access token cannot be read: connect WhatsApp again'
         where a.org_id = v_account.org_id and a.id = v_account.id and a.status = 'connected';
      else
        v_tokens := v_tokens || jsonb_build_object(v_account.id::text, v_token);
      end if;
    end loop;

    update public.messages m
       set status = case when h.refusal is null then 'sending' when h.refusal ~ 'asked not' then 'cancelled' else 'failed' end,
           attempts = m.attempts + 1,
           error_code = case when h.refusal is not null then 0 end,
           error_message = h.refusal,
           failed_at = case when h.refusal is not null and h.refusal !~ 'asked not' then now() end
      from jsonb_to_recordset(v_heads) h (org_id uuid, message_id bigint, account_id uuid, refusal text)
     where (m.org_id, m.id) = (h.org_id, h.message_id) and h.account_id <> all (v_dead);
    update private.send_lanes l
       set message_id = case when x.goes then x.message_id end,
           lease = case when x.goes then l.lease end,
           next_at = case when x.goes then l.next_at when x.message_id is not null then now() end
      from (select h.*, coalesce(h.message_id is not null and h.refusal is null and h.account_id <> all (v_dead), false) as goes
              from jsonb_to_recordset(v_heads) h (org_id uuid, conversation_id uuid, message_id bigint, account_id uuid, refusal text)) x
     where (l.org_id, l.conversation_id) = (x.org_id, x.conversation_id);
    select jsonb_agg(h - 'refusal' - 'conversation_id' order by (h ->> 'message_id')::bigint) into v_messages
      from jsonb_array_elements(v_heads) h
     where h ->> 'message_id' is not null and h ->> 'refusal' is null and (h ->> 'account_id')::uuid <> all (v_dead);
  end if;

  select min(greatest(l.next_at, b.blocked_until,
                      b.refilled_at + make_interval(secs => greatest(0, 1 - b.tokens)::float8 / (n.messages_per_second * 0.9)))) into v_wait
    from private.number_lanes b
    join public.whatsapp_numbers n on (n.org_id, n.id) = (b.org_id, b.number_id) and n.status = 'connected'
    join public.whatsapp_accounts a on (a.org_id, a.id) = (n.org_id, n.account_id) and a.status = 'connected'
    cross join lateral (select s.next_at from private.send_lanes s
                         where s.org_id = b.org_id and s.number_id = b.number_id and s.next_at is not null and s.lease is null
                         order by s.next_at limit 1) l;
  return jsonb_build_object('lease', v_lease, 'messages', coalesce(v_messages, '[]'), 'tokens', v_tokens,
    'wait_ms', case when v_wait is not null
                    then greatest(0, ceil(extract(epoch from v_wait - clock_timestamp()) * 1000)::bigint) end);
end;
$$;
comment on function worker.claim_messages is
  'Hands out at most batch messages under one lease: oldest first in a conversation, within the number''s throughput and the pair limit, '
  'window open or template, credentials live. Returns {lease, tokens: {account_id: token}, messages: [{message_id, org_id, account_id, '
  'phone_number_id, payload}], wait_ms: until the next one is due, null when the outbox is empty}. Every claim must be answered by '
  'worker.record_results before lease_seconds have passed, else its messages are uncertain.';
grant execute on function worker.claim_messages to service_role;

------------------------------------------------------------------------------------------------
-- Out of the outbox: record
------------------------------------------------------------------------------------------------
create function private.apply_error(org_id uuid, number_id uuid, conversation_id uuid, contact_id uuid, message_id bigint,
                                    rule private.meta_error_codes, body jsonb, at timestamptz) returns void
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
begin
  case (rule).action
  when 'pause_number' then
    update public.whatsapp_numbers n
       set status = 'paused', paused_reason = (rule).words,
           paused_until = case when (rule).pause_seconds is not null then now() + make_interval(secs => (rule).pause_seconds) end
     where n.org_id = apply_error.org_id and n.id = apply_error.number_id and n.status = 'connected';
  when 'reauthorize' then
    update public.whatsapp_accounts a set status = 'reconnect', status_reason = (rule).words
      from public.whatsapp_numbers n
     where n.org_id = apply_error.org_id and n.id = apply_error.number_id
       and (a.org_id, a.id) = (n.org_id, n.account_id) and a.status = 'connected';
  when 'opt_out' then
    perform private.record_consent(apply_error.org_id, apply_error.contact_id, apply_error.at, 'opt_out', 'meta',
      jsonb_build_object('code', (rule).code), 'error:' || apply_error.message_id);
  when 'window_closed' then
    perform private.close_window(apply_error.org_id, apply_error.conversation_id);
  when 'template_fix' then
    update public.message_templates t set blocked_reason = coalesce((rule).words, 'Meta refuses it') || ' (' || (rule).code || ')'
      from public.whatsapp_numbers n
     where n.org_id = apply_error.org_id and n.id = apply_error.number_id
       and (t.org_id, t.account_id, t.name, t.language)
         = (n.org_id, n.account_id, apply_error.body #>> '{template,name}', apply_error.body #>> '{template,language,code}');
  else
    null;
  end case;
end;
$$;
comment on function private.apply_error is 'What an error does beyond its message: pause the number, ask to reconnect, opt out, close the window, block the template.';

create function worker.record_results(lease uuid, results jsonb, uncertain_after_seconds int default 900) returns jsonb
  language plpgsql volatile security definer set search_path = '' set plan_cache_mode = 'force_generic_plan' set enable_seqscan = off
as $$
#variable_conflict use_column
declare
  v_orgs    uuid[];
  v_threads uuid[];
  v_ids     bigint[];
  v_wamids  text[];
  v_done    int := 0;
  v_late    int := 0;
  r         record;
  v_rule    private.meta_error_codes;
  v_delay   numeric;
  v_again   boolean;
  v_queued  text;
begin
  select array_agg(x.wamid) filter (where x.wamid is not null) into v_wamids
    from jsonb_to_recordset(results) x (wamid text);

  -- 1. Lock: the lanes, in their order. A lane that has passed to somebody else is not ours to move.
  with lanes as (
    select l.org_id, l.conversation_id, l.message_id, l.lease from private.send_lanes l
     where (l.org_id, l.conversation_id) in (
       select m.org_id, m.conversation_id from jsonb_to_recordset(results) x (org_id uuid, message_id bigint)
         join public.messages m on (m.org_id, m.id) = (x.org_id, x.message_id))
     order by l.org_id, l.conversation_id for update)
  select array_agg(org_id), array_agg(conversation_id), array_agg(message_id) into v_orgs, v_threads, v_ids
    from lanes where lease = record_results.lease;

  -- 2. Accepted by Meta is the truth, in time or late.
  update public.messages m
     set wamid = x.wamid, settle_at = null, needs_attention = false, error_code = null, error_message = null,
         failed_at = null, status = 'sent'
    from (select distinct on (r.org_id, r.wamid) r.* from jsonb_to_recordset(results) r (org_id uuid, message_id bigint, outcome text, wamid text)
           where r.outcome = 'accepted' and r.wamid is not null order by r.org_id, r.wamid, r.message_id) x
   where (m.org_id, m.id) = (x.org_id, x.message_id) and m.wamid is null
     and not exists (select from public.messages o where (o.org_id, o.wamid) = (x.org_id, x.wamid));
  get diagnostics v_done = row_count;

  -- 3. Everything else, lane by lane: rare, and each has its own consequences.
  for r in
    select x.org_id, x.message_id, x.outcome, x.title, x.details, m.conversation_id, m.contact_id, m.attempts, m.body, m.created_at, l.number_id,
           n.status <> 'disconnected' as is_live,
           case when x.code between 0 and 2147483647 then x.code::int end as code,
           case when x.http_status between 100 and 599 then x.http_status::int end as http_status,
           case when x.retry_after between 0 and 86400 then x.retry_after end as retry_after
      from jsonb_to_recordset(results) x (org_id uuid, message_id bigint, outcome text, wamid text, http_status numeric, code numeric,
                                          title text, details text, retry_after numeric)
      join public.messages m on (m.org_id, m.id) = (x.org_id, x.message_id)
      join private.send_lanes l on (l.org_id, l.conversation_id) = (m.org_id, m.conversation_id) and l.message_id = m.id
      join public.whatsapp_numbers n on (n.org_id, n.id) = (l.org_id, l.number_id)
     where not (x.outcome = 'accepted' and x.wamid is not null)
       and (l.lease = record_results.lease and m.status = 'sending'
            -- Late, but nobody has touched it since, and a refusal is a refusal.
            or l.lease is null and l.late_lease = record_results.lease and m.status = 'uncertain'
               and x.outcome in ('error', 'not_sent', 'released'))
     order by x.org_id, m.conversation_id
  loop
    v_done := v_done + 1;
    v_queued := case when r.is_live then 'queued' else 'cancelled' end;      -- a disconnect has emptied the queue meanwhile
    if r.outcome = 'released' then                        -- never left: as if it had not been claimed
      update public.messages m set status = v_queued, attempts = m.attempts - 1, settle_at = null, error_message = null
       where m.org_id = r.org_id and m.id = r.message_id;
      update private.send_lanes l set lease = null, message_id = null, next_at = now()
       where l.org_id = r.org_id and l.conversation_id = r.conversation_id;
    elsif r.outcome = 'not_sent' then                     -- Meta could not be reached: safe to try again, for a day
      v_again := r.created_at > now() - interval '24 hours';
      -- Not an attempt: an outage must not use up those that a real error allows. Who has waited longer waits longer again.
      update public.messages m
         set status = case when v_again then v_queued else 'failed' end, failed_at = case when not v_again then now() end,
             attempts = m.attempts - 1, settle_at = null, error_code = case when not v_again then 0 end,
             error_message = 'Meta could not be reached'
       where m.org_id = r.org_id and m.id = r.message_id;
      update private.send_lanes l
         set lease = null, message_id = null,
             next_at = now() + make_interval(secs => least(60, 2 + extract(epoch from now() - r.created_at) / 4)::float8 * (0.5 + random() / 2))
       where l.org_id = r.org_id and l.conversation_id = r.conversation_id;
    elsif r.outcome = 'error' then
      v_rule := private.meta_error_rule(r.code, r.http_status);
      v_again := (v_rule).action in ('retry', 'pause_number', 'reauthorize') and r.attempts < (v_rule).max_attempts;
      v_delay := coalesce(r.retry_after, case when (v_rule).base_seconds is not null then
        least((v_rule).cap_seconds, (v_rule).base_seconds * power(case when r.code = 131056 then 4 else 2 end::numeric, least(r.attempts, 12) - 1))
          * (0.75 + random()::numeric / 2) end, 1);
      update public.messages m
         set status = case when v_again then v_queued else 'failed' end,
             failed_at = case when not v_again then now() end, settle_at = null,
             error_code = r.code, error_message = coalesce((v_rule).words, nullif(concat_ws(': ', r.title, r.details), ''), 'Meta refused the message')
       where m.org_id = r.org_id and m.id = r.message_id;
      update private.send_lanes l
         set lease = null, message_id = null, next_at = case when v_again then now() + make_interval(secs => v_delay::float8) else now() end
       where l.org_id = r.org_id and l.conversation_id = r.conversation_id;
      if v_again and (v_rule).delay_scope = 'number' then
        update private.number_lanes b set blocked_until = greatest(b.blocked_until, now() + make_interval(secs => v_delay::float8)), tokens = 0
         where b.org_id = r.org_id and b.number_id = r.number_id;
      end if;
      perform private.apply_error(r.org_id, r.number_id, r.conversation_id, r.contact_id, r.message_id, v_rule, r.body, now());
    else                                                  -- unknown: it may have been sent
      update public.messages m
         set status = 'uncertain', settle_at = now() + make_interval(secs => uncertain_after_seconds),
             error_message = 'Meta''s answer was lost; waiting for its status'
       where m.org_id = r.org_id and m.id = r.message_id;
      update private.send_lanes l set lease = null, next_at = now() + interval '60 seconds'
       where l.org_id = r.org_id and l.conversation_id = r.conversation_id;
    end if;
  end loop;

  -- 4. Lanes whose message is settled go on with the next one, if there is one.
  update private.send_lanes l
     set lease = null, message_id = null,
         next_at = case when exists (select from public.messages q where q.org_id = l.org_id and q.conversation_id = l.conversation_id
                                        and q.status = 'queued') then now() end
    from unnest(v_orgs, v_threads, v_ids) k (org_id, conversation_id, message_id)
    join public.messages m on (m.org_id, m.id) = (k.org_id, k.message_id)
   where (l.org_id, l.conversation_id) = (k.org_id, k.conversation_id) and l.lease = record_results.lease
     and m.status not in ('queued', 'sending', 'uncertain');

  -- 5. What Meta said of these wamids before we knew them.
  v_late := private.apply_parked(v_wamids, (select array_agg(distinct x.org_id) from jsonb_to_recordset(results) x (org_id uuid)));
  return jsonb_build_object('recorded', v_done, 'parked', v_late);
end;
$$;
comment on function worker.record_results is
  'Records what became of claimed messages: [{org_id, message_id, outcome: accepted (wamid) | error (http_status, code, title, details, '
  'retry_after?) | unknown (may have been sent) | not_sent (never reached Meta) | released (never tried)}]. The error-code table decides '
  'retry, fail, pause, reconnect. Safe to repeat. Returns {recorded, parked: statuses that had come before}.';
grant execute on function worker.record_results to service_role;

------------------------------------------------------------------------------------------------
-- Uncertain, cancelled
------------------------------------------------------------------------------------------------
create function private.requeue(org_id uuid, message_id bigint) returns void
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_conversation uuid;
begin
  select m.conversation_id into v_conversation from public.messages m where m.org_id = requeue.org_id and m.id = requeue.message_id;
  update private.send_lanes l
     set next_at = case when l.lease is null then now() else l.next_at end,
         message_id = case when l.message_id = requeue.message_id then null else l.message_id end
   where l.org_id = requeue.org_id and l.conversation_id = v_conversation;
  update public.messages m
     set status = 'queued', resent_at = now(), settle_at = null, needs_attention = false, error_message = null
   where m.org_id = requeue.org_id and m.id = requeue.message_id and m.status = 'uncertain';
end;
$$;
comment on function private.requeue is 'Queues an uncertain message once more, in its old place of the conversation.';

create function private.settle_uncertain() returns int
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  r       record;
  v_count int := 0;
begin
  for r in
    select m.org_id, m.id, m.kind, m.resent_at, m.conversation_id, n.status <> 'disconnected' as is_live from public.messages m
      join public.conversations c on (c.org_id, c.id) = (m.org_id, m.conversation_id)
      join public.whatsapp_numbers n on (n.org_id, n.id) = (c.org_id, c.number_id)
     where m.settle_at <= now() and m.status = 'uncertain'
     order by m.org_id, m.conversation_id, m.id limit 500
  loop
    -- Lane first, then message: the order that everybody keeps.
    perform from private.send_lanes l where l.org_id = r.org_id and l.conversation_id = r.conversation_id for update;
    if r.kind = 'template' and r.resent_at is null and r.is_live
       and exists (select from public.messages m where m.org_id = r.org_id and m.id = r.id and m.status = 'uncertain' and m.settle_at <= now()) then
      perform private.requeue(r.org_id, r.id);
    else
      update public.messages m
         set settle_at = null, needs_attention = true,
             error_message = 'Nobody knows whether this was delivered: send again, or give up'
       where m.org_id = r.org_id and m.id = r.id and m.status = 'uncertain' and m.settle_at <= now();
    end if;
    v_count := v_count + 1;
  end loop;
  return v_count;
end;
$$;
comment on function private.settle_uncertain is
  'Uncertain messages without a trace in time: a template is sent once more, a free-form message waits for a person.';

create function private.resolve_uncertain(org_id uuid, message_id bigint, decision text) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_conversation uuid;
  v_is_live      boolean;
begin
  select m.conversation_id, n.status <> 'disconnected' into v_conversation, v_is_live from public.messages m
    join public.conversations c on (c.org_id, c.id) = (m.org_id, m.conversation_id)
    join public.whatsapp_numbers n on (n.org_id, n.id) = (c.org_id, c.number_id)
   where m.org_id = resolve_uncertain.org_id and m.id = resolve_uncertain.message_id;
  perform from private.send_lanes l where l.org_id = resolve_uncertain.org_id and l.conversation_id = v_conversation for update;
  if not exists (select from public.messages m where m.org_id = resolve_uncertain.org_id and m.id = resolve_uncertain.message_id
                    and m.status = 'uncertain') then
    raise sqlstate 'PT409' using message = 'This message is not waiting for a decision', detail = 'message_not_uncertain',
      hint = 'Reload the conversation.';
  end if;
  case decision
  when 'resend' then
    if not v_is_live then
      raise sqlstate 'PT409' using message = 'The number of this conversation is not connected', detail = 'number_not_connected',
        hint = 'Connect the number again, or give up.';
    end if;
    perform private.requeue(resolve_uncertain.org_id, resolve_uncertain.message_id);
  when 'give_up' then
    update public.messages m
       set status = 'failed', failed_at = now(), settle_at = null, needs_attention = false, error_code = 0,
           error_message = 'Given up: Meta''s answer was lost'
     where m.org_id = resolve_uncertain.org_id and m.id = resolve_uncertain.message_id;
  else
    raise sqlstate 'PT422' using message = 'Decide resend or give_up', detail = 'decision_unknown', hint = 'One of the two.';
  end case;
  return jsonb_build_object('message_id', resolve_uncertain.message_id, 'decision', decision);
end;
$$;
comment on function private.resolve_uncertain is 'Decides an uncertain message: resend or give_up. Raises PT409 message_not_uncertain, PT422.';

create function private.resolve_my_uncertain(org_id uuid, message_id bigint, decision text) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
begin
  perform private.require_role(resolve_my_uncertain.org_id, 'agent');
  return private.resolve_uncertain(resolve_my_uncertain.org_id, resolve_my_uncertain.message_id, resolve_my_uncertain.decision);
end;
$$;
comment on function private.resolve_my_uncertain is 'private.resolve_uncertain for a member.';
create function public.resolve_uncertain(org_id uuid, message_id bigint, decision text) returns jsonb
  language sql volatile set search_path = ''
begin atomic
  select private.resolve_my_uncertain(org_id, message_id, decision);
end;
comment on function public.resolve_uncertain is
  'A person''s decision on a message whose fate Meta never told: resend or give_up. Returns {message_id, decision}. Raises PT404, PT409, PT422.';
grant execute on function private.resolve_my_uncertain, public.resolve_uncertain to authenticated;

create function worker.resolve_uncertain(org_id uuid, message_id bigint, decision text) returns jsonb
  language sql volatile security definer set search_path = ''
as $$
  select private.resolve_uncertain(resolve_uncertain.org_id, resolve_uncertain.message_id, resolve_uncertain.decision)
$$;
comment on function worker.resolve_uncertain is 'private.resolve_uncertain for the operator.';
grant execute on function worker.resolve_uncertain to service_role;

create function private.cancel_queued(org_id uuid, reason text) returns int
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_count int;
begin
  -- Lanes of live numbers are left alone; those of dead ones forget their queue. Messages under way are recorded when they end.
  perform from private.send_lanes l
    join public.whatsapp_numbers n on (n.org_id, n.id) = (l.org_id, l.number_id)
   where l.org_id = cancel_queued.org_id and n.status = 'disconnected' and l.next_at is not null
   order by l.org_id, l.conversation_id for update of l;
  update public.messages m set status = 'cancelled', error_message = cancel_queued.reason
    from public.conversations c
    join public.whatsapp_numbers n on (n.org_id, n.id) = (c.org_id, c.number_id)
   where m.org_id = cancel_queued.org_id and m.status = 'queued'
     and (c.org_id, c.id) = (m.org_id, m.conversation_id) and n.status = 'disconnected';
  get diagnostics v_count = row_count;
  update private.send_lanes l set next_at = null
    from public.whatsapp_numbers n
   where l.org_id = cancel_queued.org_id and (n.org_id, n.id) = (l.org_id, l.number_id) and n.status = 'disconnected' and l.lease is null;
  return v_count;
end;
$$;
comment on function private.cancel_queued is 'Cancels what is queued on the disconnected numbers of an organization. Returns how many.';
