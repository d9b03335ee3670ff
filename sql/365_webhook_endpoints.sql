-- 365_webhook_endpoints.sql: addresses of an organization's own programs that are told what happens: whose, which events, with which secret.

create function private.webhook_types() returns text[]
  language sql immutable security invoker set search_path = ''
as $$
  select array['contact.opted_out', 'conversation.assigned', 'lead.assigned', 'lead.created', 'lead.lost', 'lead.stage_changed', 'lead.won', 'message.received',
               'message.status', 'number.attention', 'task.completed']
$$;
comment on function private.webhook_types is 'What an endpoint may want to be told.';

create table public.webhook_endpoints (
  org_id                  uuid not null references public.organizations on delete restrict,
  id                      uuid not null default gen_random_uuid(),
  url                     text not null,
  description             text,
  events                  text[] not null,
  state                   text not null default 'active',
  reason                  text,
  credential_id           uuid not null,
  previous_credential_id  uuid,
  previous_until          timestamptz,
  failures                int not null default 0,
  failing_since           timestamptz,
  retry_at                timestamptz,
  delivered_at            timestamptz,
  created_by              uuid,
  created_at              timestamptz not null default now(),
  primary key (org_id, id),
  constraint endpoint_url_has_at_most_2000_characters check (length(url) <= 2000),
  constraint endpoint_description_has_1_to_200_characters check (description = btrim(description) and length(description) between 1 and 200),
  constraint endpoint_events_are_known check (events <@ private.webhook_types() and events <> '{}'),
  constraint endpoint_state_is_known check (state in ('active', 'paused', 'disabled')),
  constraint endpoint_reason_is_known check ((state = 'disabled') = (reason is not null) and reason in ('gone', 'failing', 'no_secret')),
  constraint endpoint_secret_is_of_its_organization foreign key (org_id, credential_id) references private.credentials (org_id, id) on delete restrict,
  constraint endpoint_previous_secret_is_of_its_organization foreign key (org_id, previous_credential_id)
    references private.credentials (org_id, id) on delete set null (previous_credential_id)
);
comment on table public.webhook_endpoints is 'Where an organization wants to be told of its own events: addresses that it chose and answers for.';
comment on column public.webhook_endpoints.org_id is 'The organization.';
comment on column public.webhook_endpoints.id is 'The endpoint.';
comment on column public.webhook_endpoints.url is 'https, a public name, port 443 or above 1023; loopback only where Flow itself runs on loopback.';
comment on column public.webhook_endpoints.description is 'What people call it; null: nothing.';
comment on column public.webhook_endpoints.events is 'Which types it wants, of private.webhook_types().';
comment on column public.webhook_endpoints.state is 'active; paused: by a person, deliveries wait; disabled: by Flow, nothing new is lined up.';
comment on column public.webhook_endpoints.reason is 'Why it is disabled: gone (it answered 410), failing (nothing was taken for three days), no_secret (its secret cannot be opened: a new one mends it); null otherwise.';
comment on column public.webhook_endpoints.credential_id is 'The secret that deliveries are signed with.';
comment on column public.webhook_endpoints.previous_credential_id is 'The secret before the last rotation; null: none.';
comment on column public.webhook_endpoints.previous_until is 'Until then deliveries are signed with both; null without one.';
comment on column public.webhook_endpoints.failures is 'Failed deliveries in a row.';
comment on column public.webhook_endpoints.failing_since is 'When the first of them failed; null while all is well.';
comment on column public.webhook_endpoints.retry_at is 'Nothing is sent before this; null while all is well.';
comment on column public.webhook_endpoints.delivered_at is 'When it last took a delivery; null: never.';
comment on column public.webhook_endpoints.created_by is 'Who added it; null: a program. No foreign key: it outlives the account.';
comment on column public.webhook_endpoints.created_at is 'When it was added.';
create index webhook_endpoints_secret on public.webhook_endpoints (org_id, credential_id);
create index webhook_endpoints_previous_secret on public.webhook_endpoints (org_id, previous_credential_id) where previous_credential_id is not null;
alter table public.webhook_endpoints enable row level security;
create policy "Admins can see the webhook endpoints of their organization" on public.webhook_endpoints
  for select to authenticated using (org_id = any (array(select private.my_org_ids_as('admin', 'owner'))));
grant select (org_id, id, url, description, events, state, reason, previous_until, failures, failing_since, retry_at, delivered_at, created_by, created_at)
  on public.webhook_endpoints to authenticated;

create table private.outgoing_events (
  org_id  uuid not null references public.organizations on delete restrict,
  id      bigint generated always as identity,
  type    text not null,
  key     text,
  at      timestamptz not null default now(),
  data    jsonb not null,
  primary key (org_id, id),
  constraint outgoing_event_is_told_once unique (org_id, key),
  constraint outgoing_event_type_is_known check (type = any (private.webhook_types() || 'test'::text))
);
comment on table private.outgoing_events is 'What happened, as endpoints are told of it: ids and words of Flow''s own, nothing that a person said. Only of organizations that have an endpoint for it; kept for 30 days.';
comment on column private.outgoing_events.org_id is 'The organization.';
comment on column private.outgoing_events.id is 'Grows: the order in which Flow noted it.';
comment on column private.outgoing_events.type is 'Of private.webhook_types(), or test.';
comment on column private.outgoing_events.key is 'What it must not be told twice about; null: it cannot come twice.';
comment on column private.outgoing_events.at is 'When Flow noted it.';
comment on column private.outgoing_events.data is 'What it was, by ids.';
create index outgoing_events_age on private.outgoing_events (at);
create index outgoing_events_since on private.outgoing_events (org_id, at, id);
alter table private.outgoing_events enable row level security;

create table private.outgoing_deliveries (
  org_id        uuid not null,
  endpoint_id   uuid not null,
  event_id      bigint not null,
  state         text not null default 'pending',
  queued_at     timestamptz not null default now(),
  next_at       timestamptz,
  attempts      int not null default 0,
  attempted_at  timestamptz,
  duration_ms   int,
  status        int,
  response      text,
  problem       text,
  primary key (org_id, endpoint_id, event_id),
  constraint delivery_is_to_an_endpoint foreign key (org_id, endpoint_id) references public.webhook_endpoints (org_id, id) on delete cascade,
  constraint delivery_is_of_an_event foreign key (org_id, event_id) references private.outgoing_events (org_id, id) on delete cascade,
  constraint delivery_state_is_known check (state in ('pending', 'delivered', 'failed')),
  constraint delivery_waits_only_while_pending check (next_at is null or state = 'pending'),
  constraint delivery_response_is_short check (length(response) <= 500)
);
comment on table private.outgoing_deliveries is 'Which event went to which endpoint, and what it answered. Kept with the event.';
comment on column private.outgoing_deliveries.org_id is 'The organization.';
comment on column private.outgoing_deliveries.endpoint_id is 'The endpoint.';
comment on column private.outgoing_deliveries.event_id is 'The event.';
comment on column private.outgoing_deliveries.state is 'pending; delivered: it answered 2xx; failed: given up after three days, or when the endpoint was disabled.';
comment on column private.outgoing_deliveries.queued_at is 'When it was lined up, or last replayed.';
comment on column private.outgoing_deliveries.next_at is 'When it is due; while a worker has it, when it is due again; null: not pending, or the endpoint is paused.';
comment on column private.outgoing_deliveries.attempts is 'How often it was sent; a result that names another attempt is late, and not believed.';
comment on column private.outgoing_deliveries.attempted_at is 'When it was last sent.';
comment on column private.outgoing_deliveries.duration_ms is 'Milliseconds until the answer, the last time.';
comment on column private.outgoing_deliveries.status is 'HTTP status of the last answer; null: none came.';
comment on column private.outgoing_deliveries.response is 'Beginning of the last answer, 500 characters, without numbers, addresses and secrets.';
comment on column private.outgoing_deliveries.problem is 'Why no answer came, as a slug; null: one came.';
create index outgoing_deliveries_event on private.outgoing_deliveries (org_id, event_id);
create index outgoing_deliveries_due on private.outgoing_deliveries (next_at) where next_at is not null;
create index outgoing_deliveries_lane on private.outgoing_deliveries (org_id, endpoint_id, next_at) where next_at is not null;
alter table private.outgoing_deliveries enable row level security;

------------------------------------------------------------------------------------------------
-- Choosing and changing endpoints
------------------------------------------------------------------------------------------------
create function private.checked_webhook_url(url text) returns text
  language plpgsql stable security definer set search_path = ''
as $$
declare
  v_url   text := btrim(checked_webhook_url.url);
  v_parts text[] := regexp_match(v_url, '^https://([A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63})*\.[A-Za-z][A-Za-z0-9-]{0,61}[A-Za-z0-9])(?::([0-9]{1,5}))?(?:[/?][^\s#\\]*)?$');
begin
  if length(v_url) <= 2000 and v_url ~* '^https?://(127\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}|localhost|\[::1\])(:[0-9]{1,5})?(/[^\s#\\]*)?$'
     and exists (select from vault.decrypted_secrets s where s.name = 'flow_worker_url' and s.decrypted_secret ~* '^https?://(127\.|localhost[:/]|localhost$|\[::1\])') then
    return v_url;
  elsif v_parts is null or length(v_url) > 2000 or lower(v_parts[1]) ~ '(^|\.)(localhost|local|internal|localdomain|lan|home|arpa|onion)$'
        or coalesce(v_parts[2]::int, 443) not between 1024 and 65535 and coalesce(v_parts[2]::int, 443) <> 443 then
    raise sqlstate 'PT422' using message = 'url: this is no address that Flow may call.', detail = 'url_invalid',
      hint = 'Give https, a public host name and port 443 or above 1023, without a user name or #.';
  end if;
  return v_url;
end;
$$;
comment on function private.checked_webhook_url is
  'An address as it is stored: https to a public name; what the name leads to is looked at when it is called. Loopback only where Flow itself runs on loopback. Raises PT422 url_invalid. Definer: Vault is open to this owner alone.';

create function private.endpoint_for_change(org_id uuid, endpoint_id uuid) returns public.webhook_endpoints
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_endpoint public.webhook_endpoints;
begin
  select e.* into v_endpoint from public.webhook_endpoints e
   where e.org_id = endpoint_for_change.org_id and e.id = endpoint_for_change.endpoint_id for no key update;
  if not found then
    raise sqlstate 'PT404' using message = 'There is no such webhook endpoint.', detail = 'endpoint_not_found', hint = 'Reload the endpoints.';
  end if;
  return v_endpoint;
end;
$$;
comment on function private.endpoint_for_change is 'An endpoint, locked: before its deliveries, always. Raises PT404. Definer: nobody may write the table.';

create function private.endpoint_object(endpoint public.webhook_endpoints) returns jsonb
  language sql stable security definer set search_path = ''
as $$
  select jsonb_build_object('endpoint_id', (endpoint).id, 'url', (endpoint).url, 'description', (endpoint).description, 'events', (endpoint).events, 'state', (endpoint).state,
    'reason', (endpoint).reason, 'previous_secret_until', case when (endpoint).previous_until > now() then (endpoint).previous_until end, 'failing_since', (endpoint).failing_since,
    'delivered_at', (endpoint).delivered_at, 'created_at', (endpoint).created_at)
$$;
comment on function private.endpoint_object is 'An endpoint as people and programs see it; never its secret.';

create function private.new_webhook_secret() returns text
  language sql volatile security invoker set search_path = ''
as $$
  select 'whsec_' || encode(extensions.gen_random_bytes(32), 'base64')
$$;
comment on function private.new_webhook_secret is 'A secret as Standard Webhooks writes it: whsec_ and 32 random bytes in base64.';

create function private.save_endpoint(org_id uuid, endpoint_id uuid, given jsonb) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_endpoint public.webhook_endpoints;
  v_given    jsonb := given;
  v_secret   text;
begin
  perform private.known_fields(v_given, 'endpoint', array['url', 'description', 'events', 'state']);
  if private.is_read_only(org_id) then
    raise sqlstate 'PT402' using message = 'The subscription is suspended: nothing can be added or changed.', detail = 'subscription_suspended', hint = 'An owner settles it on the page Billing.';
  end if;
  if save_endpoint.endpoint_id is null then
    perform from public.organizations o where o.id = save_endpoint.org_id for no key update;
    if (select count(*) from public.webhook_endpoints e where e.org_id = save_endpoint.org_id) >= 10 then
      raise sqlstate 'PT409' using message = 'There are 10 webhook endpoints already.', detail = 'too_many_endpoints', hint = 'Remove one that nobody needs.';
    end if;
    v_endpoint.org_id := save_endpoint.org_id;
    v_endpoint.id := gen_random_uuid();
    v_endpoint.state := 'active';
  else
    v_endpoint := private.endpoint_for_change(save_endpoint.org_id, save_endpoint.endpoint_id);
  end if;
  if v_given ? 'url' or v_endpoint.url is null then
    v_endpoint.url := private.checked_webhook_url(coalesce(v_given ->> 'url', ''));
  end if;
  if v_given ? 'description' then
    v_endpoint.description := left(nullif(regexp_replace(btrim(v_given ->> 'description', E' \t\r\n'), '\s+', ' ', 'g'), ''), 200);
  end if;
  if v_given ? 'events' or v_endpoint.events is null then
    v_endpoint.events := array(select distinct e from jsonb_array_elements_text(case jsonb_typeof(v_given -> 'events') when 'array' then v_given -> 'events' else '[]' end) e order by 1);
    if v_endpoint.events = '{}' or not v_endpoint.events <@ private.webhook_types() then
      raise sqlstate 'PT422' using message = 'events: choose at least one, of those that there are.', detail = 'events_invalid', hint = array_to_string(private.webhook_types(), ', ');
    end if;
  end if;
  if v_given ? 'state' then
    if v_given ->> 'state' is null or v_given ->> 'state' not in ('active', 'paused') then
      raise sqlstate 'PT422' using message = 'state: an endpoint is active or paused.', detail = 'state_unknown', hint = 'One of the two.';
    end if;
    v_endpoint.state := v_given ->> 'state';
  end if;
  if save_endpoint.endpoint_id is null then
    v_secret := private.new_webhook_secret();
    v_endpoint.credential_id := private.put_credential(org_id, 'webhook_secret', v_secret);
    insert into public.webhook_endpoints (org_id, id, url, description, events, state, credential_id, created_by)
    values (v_endpoint.org_id, v_endpoint.id, v_endpoint.url, v_endpoint.description, v_endpoint.events, v_endpoint.state, v_endpoint.credential_id, auth.uid())
    returning * into v_endpoint;
    perform private.audit(org_id, 'webhook.added', 'webhook_endpoint', v_endpoint.id::text, jsonb_build_object('events', v_endpoint.events));
    return private.endpoint_object(v_endpoint) || jsonb_build_object('secret', v_secret);
  end if;
  -- Who makes it active, or gives it another address, begins anew.
  update public.webhook_endpoints e
     set url = v_endpoint.url, description = v_endpoint.description, events = v_endpoint.events, state = v_endpoint.state,
         reason = case when v_endpoint.state = 'disabled' then e.reason end,
         failures = case when v_given ?| array['url', 'state'] then 0 else e.failures end,
         failing_since = case when v_given ?| array['url', 'state'] then null else e.failing_since end,
         retry_at = case when v_given ?| array['url', 'state'] then null else e.retry_at end
   where e.org_id = v_endpoint.org_id and e.id = v_endpoint.id
  returning * into v_endpoint;
  if v_given ? 'state' then
    update private.outgoing_deliveries d set next_at = case v_endpoint.state when 'active' then now() end
     where d.org_id = v_endpoint.org_id and d.endpoint_id = v_endpoint.id and d.state = 'pending' and (d.next_at is null) = (v_endpoint.state = 'active');
  end if;
  perform private.audit(org_id, 'webhook.changed', 'webhook_endpoint', v_endpoint.id::text,
                        jsonb_build_object('fields', (select jsonb_agg(k order by k) from jsonb_object_keys(v_given) k), 'state', v_endpoint.state));
  return private.endpoint_object(v_endpoint);
end;
$$;
comment on function private.save_endpoint is
  'Adds an endpoint (endpoint_id null) from {url, events, description?, state?}, or changes some of these; what waits for a paused one goes on when it is active. Returns {endpoint_id, url, description, events, state, '
  'reason, previous_secret_until, failing_since, delivered_at, created_at}, a new one with its secret, this once. Raises PT402, PT404, PT409 too_many_endpoints, PT422 url_invalid, events_invalid, state_unknown, '
  'field_unknown. Definer: nobody may write the table.';

create function private.rotate_endpoint(org_id uuid, endpoint_id uuid) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_endpoint public.webhook_endpoints := private.endpoint_for_change(org_id, endpoint_id);
  v_secret   text := private.new_webhook_secret();
begin
  perform private.revoke_credential(org_id, v_endpoint.previous_credential_id);
  update public.webhook_endpoints e
     set previous_credential_id = e.credential_id, previous_until = now() + interval '1 day', credential_id = private.put_credential(v_endpoint.org_id, 'webhook_secret', v_secret)
   where e.org_id = v_endpoint.org_id and e.id = v_endpoint.id
  returning * into v_endpoint;
  perform private.audit(v_endpoint.org_id, 'webhook.rotated', 'webhook_endpoint', v_endpoint.id::text);
  return private.endpoint_object(v_endpoint) || jsonb_build_object('secret', v_secret);
end;
$$;
comment on function private.rotate_endpoint is 'Gives an endpoint a new secret; for a day deliveries are signed with the old one, too. Returns the endpoint with its secret, this once. Raises PT404. Definer: nobody may write the table.';

create function private.remove_endpoint(org_id uuid, endpoint_id uuid) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_endpoint public.webhook_endpoints := private.endpoint_for_change(org_id, endpoint_id);
begin
  delete from public.webhook_endpoints e where e.org_id = v_endpoint.org_id and e.id = v_endpoint.id;
  perform private.revoke_credential(v_endpoint.org_id, c) from unnest(array[v_endpoint.credential_id, v_endpoint.previous_credential_id]) c;
  perform private.audit(v_endpoint.org_id, 'webhook.removed', 'webhook_endpoint', v_endpoint.id::text);
  return jsonb_build_object('endpoint_id', v_endpoint.id);
end;
$$;
comment on function private.remove_endpoint is 'Removes an endpoint with its log, and revokes its secrets, in one transaction: nothing goes there afterwards. Returns {endpoint_id}. Raises PT404. Definer: nobody may write the table.';
