-- 364_api_calls.sql: the one door of the API: whose key it is, what it may do, how often, once or again; then the operation itself.

create table private.api_operations (
  name      text primary key,
  scope     text,
  is_write  boolean not null,
  constraint api_operation_is_named_resource_dot_verb check (name ~ '^[a-z]+\.[a-z]+$'),
  constraint api_operation_needs_a_known_scope check (scope = any (private.api_scopes()))
);
comment on table private.api_operations is 'What programs can ask for; the work of each is done by private.api_<resource>_<verb>(org_id, args).';
comment on column private.api_operations.name is 'resource.verb, as the workers'' table of routes names it.';
comment on column private.api_operations.scope is 'What the key must be allowed; null: any key.';
comment on column private.api_operations.is_write is 'Whether an Idempotency-Key makes a repeat harmless.';
alter table private.api_operations enable row level security;

insert into private.api_operations (name, scope, is_write) values
  ('key.show', null, false),
  ('leads.list', 'leads:read', false), ('leads.show', 'leads:read', false), ('leads.activities', 'leads:read', false),
  ('leads.add', 'leads:write', true), ('leads.change', 'leads:write', true), ('leads.note', 'leads:write', true),
  ('pipelines.list', 'leads:read', false), ('members.list', 'leads:read', false),
  ('contacts.list', 'contacts:read', false), ('contacts.show', 'contacts:read', false),
  ('contacts.change', 'contacts:write', true), ('contacts.consent', 'contacts:write', true),
  ('conversations.list', 'conversations:read', false), ('conversations.show', 'conversations:read', false),
  ('messages.list', 'conversations:read', false), ('messages.show', 'conversations:read', false), ('messages.send', 'messages:send', true),
  ('templates.list', 'templates:read', false),
  ('tasks.list', 'tasks:read', false), ('tasks.show', 'tasks:read', false), ('tasks.add', 'tasks:write', true), ('tasks.change', 'tasks:write', true),
  ('usage.show', 'usage:read', false),
  ('webhooks.list', 'webhooks:manage', false), ('webhooks.show', 'webhooks:manage', false), ('webhooks.add', 'webhooks:manage', true),
  ('webhooks.change', 'webhooks:manage', true), ('webhooks.remove', 'webhooks:manage', true), ('webhooks.rotate', 'webhooks:manage', true),
  ('webhooks.test', 'webhooks:manage', true), ('webhooks.replay', 'webhooks:manage', true), ('webhooks.deliveries', 'webhooks:manage', false);

------------------------------------------------------------------------------------------------
-- Who a program is to everything beneath
------------------------------------------------------------------------------------------------
create function private.is_program(org_id uuid) returns boolean
  language sql stable security invoker set search_path = ''
as $$
  select coalesce(current_setting('flow.program_of', true) = is_program.org_id::text, false)
$$;
comment on function private.is_program is
  'Whether this is a call with an API key of the organization: set by worker.call_api alone, for its transaction, and looked at only where nobody is signed in.';

create function private.program_key() returns jsonb
  language sql stable security invoker set search_path = ''
as $$
  select case when current_setting('flow.program_key', true) <> '' then jsonb_build_object('api_key', current_setting('flow.program_key', true)) else '{}' end
$$;
comment on function private.program_key is 'For the audit log: {api_key: its id} in a call with an API key, else {}.';

------------------------------------------------------------------------------------------------
-- Pages
------------------------------------------------------------------------------------------------
create function private.make_cursor(list text, key text, id text) returns text
  language sql immutable security invoker set search_path = ''
as $$
  select rtrim(translate(encode(convert_to(jsonb_build_array(make_cursor.list, make_cursor.key, make_cursor.id)::text, 'UTF8'), 'base64'), E'+/\n', '-_'), '=')
$$;
comment on function private.make_cursor is 'Where the next page of a list begins, as a text that means nothing to whoever keeps it.';

create function private.read_cursor(list text, cursor text, key_type text, id_type text, out key text, out id text)
  language plpgsql stable security invoker set search_path = ''
as $$
declare
  v_parts jsonb;
begin
  if read_cursor.cursor is null then
    return;
  end if;
  begin
    v_parts := convert_from(decode(translate(read_cursor.cursor, '-_', '+/') || repeat('=', (4 - length(read_cursor.cursor) % 4) % 4), 'base64'), 'UTF8')::jsonb;
    if jsonb_typeof(v_parts) <> 'array' or v_parts ->> 0 is distinct from read_cursor.list then
      v_parts := null;
    end if;
  exception when data_exception then
    v_parts := null;
  end;
  key := v_parts ->> 1;
  id := v_parts ->> 2;
  if not coalesce(pg_input_is_valid(key, read_cursor.key_type) and pg_input_is_valid(id, read_cursor.id_type), false) then
    raise sqlstate 'PT422' using message = 'cursor: this is not the next of a page of this list.', detail = 'cursor_invalid', hint = 'Begin without a cursor.';
  end if;
end;
$$;
comment on function private.read_cursor is 'What private.make_cursor was given, for a list of this name; nulls without a cursor. Raises PT422 cursor_invalid.';

------------------------------------------------------------------------------------------------
-- The door
------------------------------------------------------------------------------------------------
create function private.api_once(org_id uuid, request_key text, body_sha256 text) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_known private.api_requests;
begin
  -- Whoever comes second with the same key waits here for the first, and then reads its answer.
  insert into private.api_requests (org_id, request_key, body_sha256) values (api_once.org_id, api_once.request_key, decode(api_once.body_sha256, 'hex'))
      on conflict do nothing;
  if found then
    return null;
  end if;
  select q.* into v_known from private.api_requests q where q.org_id = api_once.org_id and q.request_key = api_once.request_key;
  if v_known.body_sha256 <> decode(api_once.body_sha256, 'hex') then
    raise sqlstate 'PT409' using message = 'This Idempotency-Key was used for another request.', detail = 'idempotency_key_reused', hint = 'Choose a new one for each request.';
  end if;
  return v_known.answer;
end;
$$;
comment on function private.api_once is
  'Notes that a request is under way under its idempotency key: null the first time, else what was answered then. Raises PT409 idempotency_key_reused for another request. Definer: the table is closed to all.';

create function worker.call_api(key_sha256 text, operation text, args jsonb default '{}', request_key text default null, body_sha256 text default null) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_operation private.api_operations;
  v_key       jsonb;
  v_answer    jsonb;
  v_again     boolean := false;
  v_state     text;
  v_message   text;
  v_detail    text;
  v_hint      text;
begin
  select o.* into v_operation from private.api_operations o where o.name = call_api.operation;
  if not found then
    raise sqlstate 'PT404' using message = 'There is no such operation.', detail = 'operation_unknown';
  end if;
  v_key := private.use_api_key(key_sha256, v_operation.scope,
                               greatest(case jsonb_typeof(args -> 'items') when 'array' then jsonb_array_length(args -> 'items') end, 1));
  perform set_config('flow.program_of', v_key ->> 'org_id', true), set_config('flow.program_key', v_key ->> 'key_id', true);
  begin
    if request_key is not null and v_operation.is_write then
      v_answer := private.api_once((v_key ->> 'org_id')::uuid, request_key, body_sha256);
      v_again := v_answer is not null;
    end if;
    if not v_again then
      execute format('select private.%I($1, $2)', 'api_' || replace(v_operation.name, '.', '_'))
        into v_answer using (v_key ->> 'org_id')::uuid, args || case v_operation.name when 'key.show' then jsonb_build_object('key', v_key) else '{}' end;
      if request_key is not null and v_operation.is_write then
        -- What is shown once stays shown once: the row that answers a repeat holds no secret.
        update private.api_requests q set answer = v_answer - 'secret'
         where q.org_id = (v_key ->> 'org_id')::uuid and q.request_key = call_api.request_key;
      end if;
    end if;
  -- A refusal is an answer: it costs as much as any, and what was begun for it is undone.
  exception when others then
    get stacked diagnostics v_state = returned_sqlstate, v_message = message_text, v_detail = pg_exception_detail, v_hint = pg_exception_hint;
    if v_state !~ '^PT4' then
      raise;
    end if;
  end;
  perform set_config('flow.program_of', '', true), set_config('flow.program_key', '', true);
  return jsonb_build_object('pace', v_key -> 'pace', 'is_repeat', v_again) || case when v_state is null then jsonb_build_object('answer', v_answer)
    else jsonb_build_object('refusal', jsonb_build_object('status', substr(v_state, 3)::int, 'message', v_message, 'detail', v_detail, 'hint', nullif(v_hint, ''))) end;
end;
$$;
comment on function worker.call_api is
  'Does one operation of private.api_operations for the holder of an API key (SHA-256, hexadecimal), whose organization it is of; args: what private.api_<resource>_<verb> says; request_key and body_sha256 (hexadecimal, of '
  'method, path and body) make the repeat of a write harmless. Returns {pace: {limit, remaining, reset}, is_repeat, answer or refusal: {status, message, detail, hint}}. Raises PT401, PT403, PT404, PT429. Definer: '
  'service_role holds no tables.';
grant execute on function worker.call_api(text, text, jsonb, text, text) to service_role;

create function private.api_key_show(org_id uuid, args jsonb) returns jsonb
  language sql stable security definer set search_path = ''
as $$
  select jsonb_build_object('org_id', o.id, 'organization', o.name, 'key_id', args #> '{key,key_id}', 'name', args #> '{key,name}', 'scopes', args #> '{key,scopes}',
           'expires_at', args #> '{key,expires_at}')
    from public.organizations o where o.id = api_key_show.org_id
$$;
comment on function private.api_key_show is 'Operation key.show: {org_id, organization, key_id, name, scopes, expires_at}. Definer: called beneath RLS.';
