-- 950_api_work.sql: operations of the API on contacts, conversations, messages, templates, tasks, and what a month used.

create function private.api_contact_objects(org_id uuid, ids uuid[]) returns jsonb
  language sql stable security definer set search_path = ''
as $$
  select coalesce(jsonb_agg(jsonb_build_object(
           'contact_id', c.id, 'name', c.name, 'phone', c.phone, 'email', c.email, 'company', c.company, 'address', c.address, 'city', c.city, 'state', c.state,
           'pincode', c.pincode, 'opted_out_at', c.opted_out_at,
           'points', (select coalesce(jsonb_agg(jsonb_build_object('kind', p.kind, 'value', p.value, 'label', p.label) order by p.kind desc, p.is_primary desc, p.value), '[]')
                        from public.contact_points p where p.org_id = c.org_id and p.contact_id = c.id),
           'created_at', c.created_at, 'updated_at', c.updated_at) order by u.n), '[]')
    from unnest(api_contact_objects.ids) with ordinality u (id, n)
    join public.contacts c on c.org_id = api_contact_objects.org_id and c.id = u.id
$$;
comment on function private.api_contact_objects is 'Contacts as programs see them, in the order given. Definer: called beneath RLS.';

create function private.api_contacts_list(org_id uuid, args jsonb) returns jsonb
  language plpgsql stable security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_size  int := (args ->> 'page_size')::int;
  v_after record;
  v_ids   uuid[];
  v_page  jsonb;
begin
  select * into v_after from private.read_cursor('contacts', args ->> 'cursor', 'timestamptz', 'uuid');
  execute format('select array_agg(x.id order by x.created_at, x.id) from (select c.id, c.created_at from public.contacts c
                   where c.org_id = %L::uuid and c.created_at >= %L::timestamptz%s%s%s order by c.created_at, c.id limit %s) x',
      org_id, coalesce(args ->> 'since', '-infinity'),
      case when args ->> 'phone' is not null then format(' and c.id in (select p.contact_id from public.contact_points p where p.org_id = %L::uuid and p.value = %L and p.kind = ''phone'')',
                                                         org_id, args ->> 'phone') end,
      case when args ->> 'email' is not null then format(' and c.id in (select p.contact_id from public.contact_points p where p.org_id = %L::uuid and p.value = %L and p.kind = ''email'')',
                                                         org_id, lower(args ->> 'email')) end,
      case when v_after.key is not null then format(' and (c.created_at, c.id) > (%L::timestamptz, %L::uuid)', v_after.key, v_after.id) end, v_size + 1)
    into v_ids;
  v_page := private.api_contact_objects(org_id, v_ids);
  return private.api_page('contacts', v_page, v_size, 'contacts', 'created_at', 'contact_id');
end;
$$;
comment on function private.api_contacts_list is
  'Operation contacts.list: args {page_size, cursor, since, phone: E.164, email}, the first known first. Returns {contacts, next}. Raises PT422. Definer: called beneath RLS.';

create function private.api_contacts_show(org_id uuid, args jsonb) returns jsonb
  language plpgsql stable security definer set search_path = ''
as $$
declare
  v_contact jsonb := private.api_contact_objects(org_id, array[(args ->> 'contact_id')::uuid]) -> 0;
begin
  if v_contact is null then
    raise sqlstate 'PT404' using message = 'There is no such contact.', detail = 'contact_not_found';
  end if;
  return v_contact;
end;
$$;
comment on function private.api_contacts_show is 'Operation contacts.show: args {contact_id}. Raises PT404. Definer: called beneath RLS.';

create function private.api_contacts_change(org_id uuid, args jsonb) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
begin
  perform private.change_contact(org_id, (args ->> 'contact_id')::uuid, args -> 'change');
  return private.api_contacts_show(org_id, args);
end;
$$;
comment on function private.api_contacts_change is 'Operation contacts.change: args {contact_id, change: as public.change_contact}. Returns the contact. Raises PT404, PT422. Definer: called beneath RLS.';

create function private.api_contacts_consent(org_id uuid, args jsonb) returns jsonb
  language sql volatile security definer set search_path = ''
as $$
  select private.set_contact_consent(api_contacts_consent.org_id, (args ->> 'contact_id')::uuid, args ->> 'decision', args ->> 'evidence')
$$;
comment on function private.api_contacts_consent is 'Operation contacts.consent: args {contact_id, decision, evidence}. Returns {contact_id, opted_out_at}. Raises PT404, PT422. Definer: called beneath RLS.';

------------------------------------------------------------------------------------------------
-- Conversations and messages
------------------------------------------------------------------------------------------------
create function private.api_conversations_of(org_id uuid, ids uuid[]) returns jsonb
  language plpgsql stable security definer set search_path = ''
as $$
#variable_conflict use_column
begin
  return (
    select coalesce(jsonb_agg(jsonb_build_object('conversation_id', c.id, 'contact_id', c.contact_id, 'number_id', c.number_id, 'number', n.display_phone, 'status', c.status,
             'assignee_id', c.assignee_id, 'window_expires_at', c.window_expires_at, 'unread_count', c.unread_count, 'last_message_at', nullif(c.last_message_at, '-infinity'))
             order by u.n), '[]')
      from unnest(api_conversations_of.ids) with ordinality u (id, n)
      join public.conversations c on c.org_id = api_conversations_of.org_id and c.id = u.id
      join public.whatsapp_numbers n on (n.org_id, n.id) = (c.org_id, c.number_id));
end;
$$;
comment on function private.api_conversations_of is 'Conversations as programs see them, in the order given. Definer: called beneath RLS.';

create function private.api_conversations_list(org_id uuid, args jsonb) returns jsonb
  language plpgsql stable security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_size  int := (args ->> 'page_size')::int;
  v_after record;
  v_ids   uuid[];
  v_last  text;
begin
  select * into v_after from private.read_cursor('conversations', args ->> 'cursor', 'timestamptz', 'uuid');
  execute format('select array_agg(x.id order by x.last_message_at desc, x.id desc), (array_agg(x.last_message_at order by x.last_message_at desc, x.id desc))[%s]::text
                    from (select c.id, c.last_message_at from public.conversations c
                           where c.org_id = %L::uuid and c.status = %L%s%s%s order by c.last_message_at desc, c.id desc limit %s) x',
      v_size, org_id, args ->> 'status',
      case when args ->> 'contact_id' is not null then format(' and c.contact_id = %L::uuid', args ->> 'contact_id') end,
      case when args ->> 'assignee_id' is not null then format(' and c.assignee_id = %L::uuid', args ->> 'assignee_id') end,
      case when v_after.key is not null then format(' and (c.last_message_at, c.id) < (%L::timestamptz, %L::uuid)', v_after.key, v_after.id) end, v_size + 1)
    into v_ids, v_last;
  return jsonb_build_object('conversations', private.api_conversations_of(org_id, v_ids[1:v_size]),
    'next', case when cardinality(v_ids) > v_size then private.make_cursor('conversations', v_last, v_ids[v_size]::text) end);
end;
$$;
comment on function private.api_conversations_list is
  'Operation conversations.list: args {page_size, cursor, status: open or resolved, contact_id, assignee_id}, the last written in first. Returns {conversations, next}. Raises PT422. Definer: called beneath RLS.';

create function private.api_conversations_show(org_id uuid, args jsonb) returns jsonb
  language plpgsql stable security definer set search_path = ''
as $$
declare
  v_conversation jsonb := private.api_conversations_of(org_id, array[(args ->> 'conversation_id')::uuid]) -> 0;
begin
  if v_conversation is null then
    raise sqlstate 'PT404' using message = 'There is no such conversation.', detail = 'conversation_unknown';
  end if;
  return v_conversation;
end;
$$;
comment on function private.api_conversations_show is 'Operation conversations.show: args {conversation_id}. Raises PT404. Definer: called beneath RLS.';

create function private.api_messages_of(org_id uuid, ids bigint[]) returns jsonb
  language plpgsql stable security definer set search_path = ''
as $$
#variable_conflict use_column
begin
  return (
    select coalesce(jsonb_agg(jsonb_build_object('message_id', m.id, 'conversation_id', m.conversation_id, 'contact_id', m.contact_id, 'direction', m.direction, 'kind', m.kind,
             'text', m.text, 'status', m.status, 'origin', m.origin, 'sender_id', m.sender_id, 'wamid', m.wamid, 'context_wamid', m.context_wamid, 'at', m.at, 'sent_at', m.sent_at,
             'delivered_at', m.delivered_at, 'read_at', m.read_at, 'failed_at', m.failed_at, 'error_code', m.error_code, 'error_message', m.error_message) order by u.n), '[]')
      from unnest(api_messages_of.ids) with ordinality u (id, n)
      join public.messages m on m.org_id = api_messages_of.org_id and m.id = u.id);
end;
$$;
comment on function private.api_messages_of is 'Messages as programs see them, in the order given. Definer: called beneath RLS.';

create function private.api_messages_list(org_id uuid, args jsonb) returns jsonb
  language plpgsql stable security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_size  int := (args ->> 'page_size')::int;
  v_after record;
  v_at    timestamptz;
  v_id    bigint;
  v_ids   bigint[];
begin
  perform private.api_conversations_show(org_id, args);
  select * into v_after from private.read_cursor('messages', args ->> 'cursor', 'timestamptz', 'bigint');
  v_at := coalesce(v_after.key::timestamptz, 'infinity');
  v_id := coalesce(v_after.id::bigint, 9223372036854775807);
  v_ids := array(select m.id from public.messages m
                  where m.org_id = api_messages_list.org_id and m.conversation_id = (args ->> 'conversation_id')::uuid and (m.at, m.id) < (v_at, v_id)
                  order by m.at desc, m.id desc limit v_size + 1);
  return private.api_page('messages', private.api_messages_of(org_id, v_ids), v_size, 'messages', 'at', 'message_id');
end;
$$;
comment on function private.api_messages_list is 'Operation messages.list: args {conversation_id, page_size, cursor}, the newest first. Returns {messages, next}. Raises PT404, PT422. Definer: called beneath RLS.';

create function private.api_messages_show(org_id uuid, args jsonb) returns jsonb
  language plpgsql stable security definer set search_path = ''
as $$
declare
  v_message jsonb := private.api_messages_of(org_id, array[(args ->> 'message_id')::bigint]) -> 0;
begin
  if v_message is null then
    raise sqlstate 'PT404' using message = 'There is no such message.', detail = 'message_unknown';
  end if;
  return v_message;
end;
$$;
comment on function private.api_messages_show is 'Operation messages.show: args {message_id}. Raises PT404. Definer: called beneath RLS.';

create function private.api_messages_send(org_id uuid, args jsonb) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_contact      uuid := (args ->> 'contact_id')::uuid;
  v_conversation uuid := (args ->> 'conversation_id')::uuid;
  v_id           bigint;
begin
  if num_nonnulls(args ->> 'to', v_contact, v_conversation) <> 1 then
    raise sqlstate 'PT422' using message = 'Say who it is for: to, contact_id or conversation_id.', detail = 'recipient_missing', hint = 'One of the three.';
  elsif num_nonnulls(args ->> 'text', args ->> 'template') <> 1 then
    raise sqlstate 'PT422' using message = 'Give either a text or a template.', detail = 'message_invalid', hint = 'One of the two.';
  end if;
  perform private.require_sending(org_id, 'api');
  if v_conversation is null then
    v_contact := coalesce(v_contact, private.contact_for_sending(org_id, args ->> 'to'));
    v_conversation := private.start_conversation(org_id, v_contact, (args ->> 'number_id')::uuid) ->> 'conversation_id';
  end if;
  -- By itself: what it stores is seen by the next statement only.
  v_id := private.send_spec(org_id, v_conversation, case when args ->> 'text' is not null
    then jsonb_build_object('kind', 'text', 'text', args ->> 'text')
    else jsonb_strip_nulls(jsonb_build_object('kind', 'template', 'template', args #> '{template,name}', 'language', args #> '{template,language}', 'params', args #> '{template,params}'))
    end, 'api', null, null);
  return private.api_messages_of(org_id, array[v_id]) -> 0;
end;
$$;
comment on function private.api_messages_send is
  'Operation messages.send: args {one of to: E.164 or user id, contact_id, conversation_id; number_id?; text, within the 24-hour window, or template {name, language, params}}. Queues it and returns the message. Raises '
  'PT402, PT404, PT409, PT422 as everything that sends. Definer: called beneath RLS.';

create function private.api_templates_list(org_id uuid, args jsonb) returns jsonb
  language plpgsql stable security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_size  int := (args ->> 'page_size')::int;
  v_after record;
  v_rows  jsonb;
begin
  select * into v_after from private.read_cursor('templates', args ->> 'cursor', 'text', 'uuid');
  select jsonb_agg(jsonb_build_object('template_id', t.id, 'account_id', t.account_id, 'name', t.name, 'language', t.language, 'category', t.category, 'status', t.status,
           'blocked_reason', t.blocked_reason, 'parameter_format', t.parameter_format, 'body_params', t.body_params, 'body_param_names', t.body_param_names, 'components', t.components)
           order by t.name, t.id) into v_rows
    from (select m.* from public.message_templates m
           where m.org_id = api_templates_list.org_id and m.status <> 'DELETED' and (args ->> 'status' is null or m.status = args ->> 'status')
             and (v_after.key is null or (m.name, m.id) > (v_after.key, v_after.id::uuid))
           order by m.name, m.id limit v_size + 1) t;
  return private.api_page('templates', v_rows, v_size, 'templates', 'name', 'template_id');
end;
$$;
comment on function private.api_templates_list is 'Operation templates.list: args {page_size, cursor, status}, by name. Returns {templates, next}. Raises PT422. Definer: called beneath RLS.';

create function private.api_task_object(card jsonb) returns jsonb
  language sql immutable security invoker set search_path = ''
as $$
  -- Without the name and number of whom it is about: those are contacts:read.
  select jsonb_build_object('task_id', card -> 'id') || (card - '{id,name,phone,about,former_assignee_id,remind_at,reminded_at,is_overdue}'::text[])
$$;
comment on function private.api_task_object is 'A task as programs see it, from private.task_card.';

create function private.api_tasks_list(org_id uuid, args jsonb) returns jsonb
  language plpgsql stable security definer set search_path = ''
as $$
declare
  v_size   int := (args ->> 'page_size')::int;
  v_list   text := 'tasks ' || (args ->> 'status');
  v_filter jsonb := jsonb_strip_nulls(jsonb_build_object('status', args -> 'status', 'assignee', args -> 'assignee_id', 'lead', args -> 'lead_id', 'contact', args -> 'contact_id'));
  v_after  record;
  v_page   jsonb;
begin
  select * into v_after from private.read_cursor(v_list, args ->> 'cursor', 'timestamptz', 'uuid');
  if args ->> 'status' = 'open' then
    v_page := private.task_list(org_id, v_filter, v_after.key::timestamptz, v_after.id::uuid, v_size);
  else
    v_page := private.closed_tasks(org_id, v_filter, v_after.key::timestamptz, v_after.id::uuid, v_size);
  end if;
  return jsonb_build_object('tasks', (select coalesce(jsonb_agg(private.api_task_object(t) order by n), '[]') from jsonb_array_elements(v_page -> 'tasks') with ordinality u (t, n)),
    'next', case when v_page -> 'next' <> 'null' then
      private.make_cursor(v_list, coalesce(v_page #>> '{next,after_at}', v_page #>> '{next,before_at}'), coalesce(v_page #>> '{next,after_id}', v_page #>> '{next,before_id}')) end);
end;
$$;
comment on function private.api_tasks_list is
  'Operation tasks.list: args {page_size, cursor, status: open (the first due first), done or cancelled (the last closed first), assignee_id, lead_id, contact_id}. Returns {tasks, next}. Raises PT422. Definer: called '
  'beneath RLS.';

create function private.api_tasks_show(org_id uuid, args jsonb) returns jsonb
  language sql stable security definer set search_path = ''
as $$
  select private.api_task_object(private.get_task(api_tasks_show.org_id, (args ->> 'task_id')::uuid))
$$;
comment on function private.api_tasks_show is 'Operation tasks.show: args {task_id}. Raises PT404. Definer: called beneath RLS.';

create function private.api_tasks_add(org_id uuid, args jsonb) returns jsonb
  language sql volatile security definer set search_path = ''
as $$
  -- Whoever asks is nobody of the team: without an assignee it is nobody's.
  select private.api_task_object(private.add_task(api_tasks_add.org_id, '{"assignee_id": null}' || (args -> 'task'), null))
$$;
comment on function private.api_tasks_add is 'Operation tasks.add: args {task: as public.add_task}. Returns the task. Raises PT404, PT422. Definer: called beneath RLS.';

create function private.api_tasks_change(org_id uuid, args jsonb) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_change  jsonb := (args -> 'change') - '{version,status}'::text[];
  v_version int;
  v_card    jsonb;
begin
  select coalesce((args #>> '{change,version}')::int, t.version) into v_version from public.tasks t
   where t.org_id = api_tasks_change.org_id and t.id = (args ->> 'task_id')::uuid for no key update;
  v_card := private.change_task(org_id, (args ->> 'task_id')::uuid, v_version, v_change);
  if args #>> '{change,status}' is not null then
    v_card := private.set_task_status(org_id, (args ->> 'task_id')::uuid, (v_card ->> 'version')::int, args #>> '{change,status}');
  end if;
  return private.api_task_object(v_card);
end;
$$;
comment on function private.api_tasks_change is
  'Operation tasks.change: args {task_id, change: some of {version, status: open, done or cancelled, and as public.change_task}}; without a version it is changed as it stands. Returns the task. Raises PT404, PT409 '
  'task_changed, PT422. Definer: called beneath RLS.';

create function private.api_usage_show(org_id uuid, args jsonb) returns jsonb
  language plpgsql stable security definer set search_path = ''
as $$
declare
  v_usage jsonb := private.usage(org_id, args ->> 'month');
begin
  return jsonb_build_object('month', v_usage -> 'month', 'currency', v_usage -> 'currency', 'is_closed', v_usage -> 'closed', 'totals', v_usage -> 'totals', 'categories', v_usage -> 'categories');
end;
$$;
comment on function private.api_usage_show is 'Operation usage.show: args {month: YYYY-MM}. Returns {month, currency, is_closed, totals, categories}; amounts as text. Raises PT422. Definer: called beneath RLS.';
