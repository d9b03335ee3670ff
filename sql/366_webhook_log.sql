-- 366_webhook_log.sql: what was delivered, and delivering again; the same for admins on their page and for programs with webhooks:manage.

create function private.endpoint_deliveries(org_id uuid, endpoint_id uuid, state text, before_event bigint, page_size int) returns jsonb
  language plpgsql stable security definer set search_path = ''
as $$
#variable_conflict use_column
begin
  if not exists (select from public.webhook_endpoints e where e.org_id = endpoint_deliveries.org_id and e.id = endpoint_deliveries.endpoint_id) then
    raise sqlstate 'PT404' using message = 'There is no such webhook endpoint.', detail = 'endpoint_not_found', hint = 'Reload the endpoints.';
  elsif endpoint_deliveries.state is not null and endpoint_deliveries.state not in ('pending', 'delivered', 'failed') then
    raise sqlstate 'PT422' using message = 'A delivery is pending, delivered or failed.', detail = 'state_unknown', hint = 'One of the three, or null for all.';
  end if;
  return (
    select jsonb_agg(jsonb_build_object('event_id', d.event_id, 'type', e.type, 'at', e.at, 'state', d.state, 'attempts', d.attempts, 'attempted_at', d.attempted_at,
             'next_at', d.next_at, 'status', d.status, 'duration_ms', d.duration_ms, 'response', d.response, 'problem', d.problem, 'data', e.data) order by d.event_id desc)
      from (select x.* from private.outgoing_deliveries x
             where x.org_id = endpoint_deliveries.org_id and x.endpoint_id = endpoint_deliveries.endpoint_id
               and x.event_id < coalesce(endpoint_deliveries.before_event, 9223372036854775807) and (endpoint_deliveries.state is null or x.state = endpoint_deliveries.state)
             order by x.event_id desc limit endpoint_deliveries.page_size + 1) d
      join private.outgoing_events e on (e.org_id, e.id) = (d.org_id, d.event_id));
end;
$$;
comment on function private.endpoint_deliveries is
  'Deliveries of an endpoint, the newest event first, one more than a page holds: [{event_id, type, at, state, attempts, attempted_at, next_at, status, duration_ms, response, problem, data}]. Raises PT404, PT422 '
  'state_unknown. Definer: the tables are closed to all.';

create function private.replay_endpoint(org_id uuid, endpoint_id uuid, event_id bigint, since timestamptz) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_endpoint public.webhook_endpoints := private.endpoint_for_change(org_id, endpoint_id);
  v_next     timestamptz := case v_endpoint.state when 'active' then now() end;
  v_many     int;
begin
  if num_nonnulls(replay_endpoint.event_id, replay_endpoint.since) <> 1 then
    raise sqlstate 'PT422' using message = 'Say which event, or since when.', detail = 'replay_invalid', hint = 'One of event_id and since.';
  elsif v_endpoint.state = 'disabled' then
    raise sqlstate 'PT409' using message = 'This endpoint is disabled.', detail = 'endpoint_disabled', hint = 'Make it active first.';
  elsif private.is_read_only(org_id) then
    raise sqlstate 'PT402' using message = 'The subscription is suspended: nothing is sent until it is settled.', detail = 'subscription_suspended', hint = 'An owner settles it on the page Billing.';
  end if;
  if replay_endpoint.event_id is not null and not exists (
       select from private.outgoing_events e where e.org_id = v_endpoint.org_id and e.id = replay_endpoint.event_id
          -- A test is of the endpoint that it was made for.
          and (e.type <> 'test' or exists (select from private.outgoing_deliveries d
                                            where (d.org_id, d.event_id, d.endpoint_id) = (e.org_id, e.id, v_endpoint.id)))) then
    raise sqlstate 'PT404' using message = 'There is no such event: they are kept for 30 days.', detail = 'event_not_found', hint = 'Reload the log.';
  end if;
  insert into private.outgoing_deliveries as d (org_id, endpoint_id, event_id, next_at)
  select e.org_id, v_endpoint.id, e.id, v_next from private.outgoing_events e
   where e.org_id = v_endpoint.org_id
     and (e.id = replay_endpoint.event_id or replay_endpoint.event_id is null and e.at >= replay_endpoint.since and e.type = any (v_endpoint.events))
   order by e.id
      on conflict on constraint outgoing_deliveries_pkey do update set state = 'pending', queued_at = now(), next_at = v_next
   -- Since an instant: what it has not taken. One that is named: again, whatever it said.
   where d.state <> 'pending' and (replay_endpoint.event_id is not null or d.state = 'failed');
  get diagnostics v_many = row_count;
  perform private.audit(v_endpoint.org_id, 'webhook.replayed', 'webhook_endpoint', v_endpoint.id::text,
                        jsonb_strip_nulls(jsonb_build_object('event_id', replay_endpoint.event_id, 'since', replay_endpoint.since, 'events', v_many)));
  if v_many > 0 and v_next is not null then
    perform private.wake('deliveries');
  end if;
  return jsonb_build_object('queued', v_many);
end;
$$;
comment on function private.replay_endpoint is
  'Lines up one event again, whatever became of it; or what it wants of all since an instant and has not taken. Under the ids that they had, so that a receiver knows them. Returns {queued}. Raises PT402, PT404, PT409 '
  'endpoint_disabled, PT422 replay_invalid. Definer: the tables are closed to all.';

create function private.test_endpoint(org_id uuid, endpoint_id uuid) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_endpoint public.webhook_endpoints := private.endpoint_for_change(org_id, endpoint_id);
  v_id       bigint;
begin
  if v_endpoint.state <> 'active' then
    raise sqlstate 'PT409' using message = 'This endpoint is not active.', detail = 'endpoint_not_active', hint = 'Make it active first.';
  elsif (select count(*) from private.outgoing_events e where e.org_id = v_endpoint.org_id and e.at > now() - interval '1 minute' and e.type = 'test') >= 10 then
    raise sqlstate 'PT429' using message = 'There were ten tests within a minute.', detail = 'too_many_tests', hint = private.retry_at(now() + interval '1 minute');
  elsif private.is_read_only(v_endpoint.org_id) then
    raise sqlstate 'PT402' using message = 'The subscription is suspended: nothing is sent until it is settled.', detail = 'subscription_suspended', hint = 'An owner settles it on the page Billing.';
  end if;
  insert into private.outgoing_events (org_id, type, data) values (v_endpoint.org_id, 'test', jsonb_build_object('endpoint_id', v_endpoint.id)) returning id into v_id;
  insert into private.outgoing_deliveries (org_id, endpoint_id, event_id, next_at) values (v_endpoint.org_id, v_endpoint.id, v_id, now());
  perform private.wake('deliveries');
  return jsonb_build_object('event_id', v_id);
end;
$$;
comment on function private.test_endpoint is 'Lines up an event of the type test for one endpoint. Returns {event_id}. Raises PT402, PT404, PT409 endpoint_not_active, PT429 too_many_tests. Definer: the tables are closed to all.';

------------------------------------------------------------------------------------------------
-- For admins
------------------------------------------------------------------------------------------------
create function private.save_webhook_endpoint(org_id uuid, endpoint jsonb, endpoint_id uuid) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
begin
  perform private.require_role(save_webhook_endpoint.org_id, 'admin');
  return private.save_endpoint(save_webhook_endpoint.org_id, save_webhook_endpoint.endpoint_id, save_webhook_endpoint.endpoint);
end;
$$;
comment on function private.save_webhook_endpoint is 'Body of public.save_webhook_endpoint. Definer: nobody may write the table.';
create function public.save_webhook_endpoint(org_id uuid, endpoint jsonb, endpoint_id uuid default null) returns jsonb
  language sql volatile set search_path = ''
begin atomic
  select private.save_webhook_endpoint(org_id, endpoint, endpoint_id);
end;
comment on function public.save_webhook_endpoint is
  'Adds a webhook endpoint {url, events, description?}, or changes some of {url, events, description, state: active or paused} of one; for admins. Returns {endpoint_id, url, description, events, state, reason, '
  'previous_secret_until, failing_since, delivered_at, created_at}; a new one with secret, shown this once. Raises PT402, PT403, PT404, PT409 too_many_endpoints, PT422 url_invalid, events_invalid, state_unknown, field_unknown.';

create function private.rotate_webhook_secret(org_id uuid, endpoint_id uuid) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
begin
  perform private.require_role(rotate_webhook_secret.org_id, 'admin');
  return private.rotate_endpoint(rotate_webhook_secret.org_id, rotate_webhook_secret.endpoint_id);
end;
$$;
comment on function private.rotate_webhook_secret is 'Body of public.rotate_webhook_secret. Definer: nobody may write the table.';
create function public.rotate_webhook_secret(org_id uuid, endpoint_id uuid) returns jsonb
  language sql volatile set search_path = ''
begin atomic
  select private.rotate_webhook_secret(org_id, endpoint_id);
end;
comment on function public.rotate_webhook_secret is
  'Gives an endpoint a new secret; deliveries are signed with both for a day; for admins. Returns the endpoint as save_webhook_endpoint, with secret, shown this once. Raises PT403, PT404.';

create function private.remove_webhook_endpoint(org_id uuid, endpoint_id uuid) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
begin
  perform private.require_role(remove_webhook_endpoint.org_id, 'admin');
  return private.remove_endpoint(remove_webhook_endpoint.org_id, remove_webhook_endpoint.endpoint_id);
end;
$$;
comment on function private.remove_webhook_endpoint is 'Body of public.remove_webhook_endpoint. Definer: nobody may write the table.';
create function public.remove_webhook_endpoint(org_id uuid, endpoint_id uuid) returns jsonb
  language sql volatile set search_path = ''
begin atomic
  select private.remove_webhook_endpoint(org_id, endpoint_id);
end;
comment on function public.remove_webhook_endpoint is 'Removes a webhook endpoint with its log; nothing goes there any more; for admins. Returns {endpoint_id}. Raises PT403, PT404.';

create function private.test_webhook_endpoint(org_id uuid, endpoint_id uuid) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
begin
  perform private.require_role(test_webhook_endpoint.org_id, 'admin');
  return private.test_endpoint(test_webhook_endpoint.org_id, test_webhook_endpoint.endpoint_id);
end;
$$;
comment on function private.test_webhook_endpoint is 'Body of public.test_webhook_endpoint. Definer: the tables are closed to all.';
create function public.test_webhook_endpoint(org_id uuid, endpoint_id uuid) returns jsonb
  language sql volatile set search_path = ''
begin atomic
  select private.test_webhook_endpoint(org_id, endpoint_id);
end;
comment on function public.test_webhook_endpoint is 'Sends an event of the type test to an endpoint; for admins. Returns {event_id}. Raises PT402, PT403, PT404, PT409 endpoint_not_active, PT429 too_many_tests.';

create function private.replay_webhooks(org_id uuid, endpoint_id uuid, outgoing_id bigint, since timestamptz) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
begin
  perform private.require_role(replay_webhooks.org_id, 'admin');
  return private.replay_endpoint(replay_webhooks.org_id, replay_webhooks.endpoint_id, replay_webhooks.outgoing_id, replay_webhooks.since);
end;
$$;
comment on function private.replay_webhooks is 'Body of public.replay_webhooks. Definer: the tables are closed to all.';
create function public.replay_webhooks(org_id uuid, endpoint_id uuid, outgoing_id bigint default null, since timestamptz default null) returns jsonb
  language sql volatile set search_path = ''
begin atomic
  select private.replay_webhooks(org_id, endpoint_id, outgoing_id, since);
end;
comment on function public.replay_webhooks is
  'Delivers an event again, or what an endpoint has not taken since an instant (30 days back at most); for admins. Returns {queued}. Raises PT402, PT403, PT404, PT409 endpoint_disabled, PT422 replay_invalid.';

create function private.webhook_deliveries(org_id uuid, endpoint_id uuid, state text, before_event bigint, page_size int) returns jsonb
  language plpgsql stable security definer set search_path = ''
as $$
declare
  v_size int := least(greatest(coalesce(webhook_deliveries.page_size, 50), 1), 100);
  v_page jsonb;
begin
  perform private.require_role(webhook_deliveries.org_id, 'admin');
  v_page := private.endpoint_deliveries(webhook_deliveries.org_id, webhook_deliveries.endpoint_id, webhook_deliveries.state, webhook_deliveries.before_event, v_size);
  return jsonb_build_object('deliveries', coalesce((select jsonb_agg(e order by n) from jsonb_array_elements(v_page) with ordinality u (e, n) where n <= v_size), '[]'),
    'next', case when jsonb_array_length(v_page) > v_size then jsonb_build_object('before_event', v_page -> (v_size - 1) -> 'event_id') end);
end;
$$;
comment on function private.webhook_deliveries is 'Body of public.webhook_deliveries. Definer: the tables are closed to all.';
create function public.webhook_deliveries(org_id uuid, endpoint_id uuid, state text default null, before_event bigint default null, page_size int default 50) returns jsonb
  language sql stable set search_path = ''
begin atomic
  select private.webhook_deliveries(org_id, endpoint_id, state, before_event, page_size);
end;
comment on function public.webhook_deliveries is
  'What went to a webhook endpoint and what it answered, the newest first, at most 100; for admins: {deliveries: [{event_id, type, at, state: pending, delivered or failed, attempts, attempted_at, next_at, status, '
  'duration_ms, response, problem, data}], next: {before_event} or null}. Raises PT403, PT404, PT422 state_unknown.';
grant execute on function private.save_webhook_endpoint, public.save_webhook_endpoint, private.rotate_webhook_secret, public.rotate_webhook_secret, private.remove_webhook_endpoint,
  public.remove_webhook_endpoint, private.test_webhook_endpoint, public.test_webhook_endpoint, private.replay_webhooks, public.replay_webhooks, private.webhook_deliveries,
  public.webhook_deliveries to authenticated;

------------------------------------------------------------------------------------------------
-- For programs
------------------------------------------------------------------------------------------------
create function private.api_webhooks_list(org_id uuid, args jsonb) returns jsonb
  language sql stable security definer set search_path = ''
as $$
  select jsonb_build_object('endpoints', coalesce(jsonb_agg(private.endpoint_object(e) order by e.created_at, e.id), '[]'))
    from public.webhook_endpoints e where e.org_id = api_webhooks_list.org_id
$$;
comment on function private.api_webhooks_list is 'Operation webhooks.list: {endpoints}, ten at most. Definer: called beneath RLS.';

create function private.api_webhooks_show(org_id uuid, args jsonb) returns jsonb
  language sql volatile security definer set search_path = ''
as $$
  select private.endpoint_object(private.endpoint_for_change(api_webhooks_show.org_id, (args ->> 'endpoint_id')::uuid))
$$;
comment on function private.api_webhooks_show is 'Operation webhooks.show: args {endpoint_id}. Raises PT404. Definer: called beneath RLS.';

create function private.api_webhooks_add(org_id uuid, args jsonb) returns jsonb
  language sql volatile security definer set search_path = ''
as $$
  select private.save_endpoint(api_webhooks_add.org_id, null, args -> 'endpoint')
$$;
comment on function private.api_webhooks_add is 'Operation webhooks.add: args {endpoint}. As private.save_endpoint. Definer: called beneath RLS.';

create function private.api_webhooks_change(org_id uuid, args jsonb) returns jsonb
  language sql volatile security definer set search_path = ''
as $$
  select private.save_endpoint(api_webhooks_change.org_id, (args ->> 'endpoint_id')::uuid, args -> 'change')
$$;
comment on function private.api_webhooks_change is 'Operation webhooks.change: args {endpoint_id, change}. As private.save_endpoint. Definer: called beneath RLS.';

create function private.api_webhooks_remove(org_id uuid, args jsonb) returns jsonb
  language sql volatile security definer set search_path = ''
as $$
  select private.remove_endpoint(api_webhooks_remove.org_id, (args ->> 'endpoint_id')::uuid)
$$;
comment on function private.api_webhooks_remove is 'Operation webhooks.remove: args {endpoint_id}. As private.remove_endpoint. Definer: called beneath RLS.';

create function private.api_webhooks_rotate(org_id uuid, args jsonb) returns jsonb
  language sql volatile security definer set search_path = ''
as $$
  select private.rotate_endpoint(api_webhooks_rotate.org_id, (args ->> 'endpoint_id')::uuid)
$$;
comment on function private.api_webhooks_rotate is 'Operation webhooks.rotate: args {endpoint_id}. As private.rotate_endpoint. Definer: called beneath RLS.';

create function private.api_webhooks_test(org_id uuid, args jsonb) returns jsonb
  language sql volatile security definer set search_path = ''
as $$
  select private.test_endpoint(api_webhooks_test.org_id, (args ->> 'endpoint_id')::uuid)
$$;
comment on function private.api_webhooks_test is 'Operation webhooks.test: args {endpoint_id}. As private.test_endpoint. Definer: called beneath RLS.';

create function private.api_webhooks_replay(org_id uuid, args jsonb) returns jsonb
  language sql volatile security definer set search_path = ''
as $$
  select private.replay_endpoint(api_webhooks_replay.org_id, (args ->> 'endpoint_id')::uuid, (args ->> 'event_id')::bigint, (args ->> 'since')::timestamptz)
$$;
comment on function private.api_webhooks_replay is 'Operation webhooks.replay: args {endpoint_id, event_id or since}. As private.replay_endpoint. Definer: called beneath RLS.';

create function private.api_webhooks_deliveries(org_id uuid, args jsonb) returns jsonb
  language plpgsql stable security definer set search_path = ''
as $$
declare
  v_size  int := (args ->> 'page_size')::int;
  v_after record;
begin
  select * into v_after from private.read_cursor('deliveries', args ->> 'cursor', 'timestamptz', 'bigint');
  return private.api_page('deliveries', private.endpoint_deliveries(org_id, (args ->> 'endpoint_id')::uuid, args ->> 'state', v_after.id::bigint, v_size), v_size, 'deliveries', 'at', 'event_id');
end;
$$;
comment on function private.api_webhooks_deliveries is 'Operation webhooks.deliveries: args {endpoint_id, page_size, cursor, state}. Returns {deliveries, next}, as public.webhook_deliveries. Raises PT404, PT422. Definer: called beneath RLS.';
