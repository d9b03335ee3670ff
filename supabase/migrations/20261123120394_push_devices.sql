-- 394_push_devices.sql: the browsers and phones that a person has Flow's notifications pushed to (RFC 8030).
--
-- Who holds a subscription can write to that device: address and keys are sealed as credentials are, and nobody reads them but the claim of a push.

create table private.push_devices (
  org_id           uuid not null,
  id               uuid not null default gen_random_uuid(),
  user_id          uuid not null,
  session_id       uuid,
  name             text not null,
  language         text not null,
  endpoint_sha256  bytea not null,
  credential_id    uuid not null,
  created_at       timestamptz not null default now(),
  told_at          timestamptz,
  pushed_at        timestamptz,
  primary key (org_id, id),
  constraint push_device_is_of_a_member foreign key (org_id, user_id) references public.memberships (org_id, user_id) on delete cascade,
  constraint push_device_is_sealed foreign key (org_id, credential_id) references private.credentials (org_id, id) on delete cascade,
  constraint push_device_is_known_once unique (org_id, endpoint_sha256),
  constraint push_device_name_has_1_to_60_characters check (name = btrim(name) and length(name) between 1 and 60),
  constraint push_device_language_is_known check (language in ('en', 'hi'))
);
comment on table private.push_devices is 'Where members have themselves told by push. A device goes with the membership, with the session it was added in, and when the push service says that it is gone.';
comment on column private.push_devices.org_id is 'The organization.';
comment on column private.push_devices.id is 'The device.';
comment on column private.push_devices.user_id is 'Whose it is.';
comment on column private.push_devices.session_id is 'The session it was last confirmed in; once that has ended, so has this. Null: the token named none. No foreign key: sessions are Supabase''s.';
comment on column private.push_devices.name is 'Browser and system, for the list.';
comment on column private.push_devices.language is 'In which its notifications are: en or hi.';
comment on column private.push_devices.endpoint_sha256 is 'Recognizes the subscription; the address itself is sealed.';
comment on column private.push_devices.credential_id is 'The sealed {endpoint, p256dh, auth}.';
comment on column private.push_devices.created_at is 'When it was added.';
comment on column private.push_devices.told_at is 'When something was last sent on its way to it; null: not yet.';
comment on column private.push_devices.pushed_at is 'When a push last arrived at its service; null: not yet.';
create index push_devices_member on private.push_devices (org_id, user_id);
create index push_devices_person on private.push_devices (user_id, endpoint_sha256);
create index push_devices_endpoint on private.push_devices (endpoint_sha256);
create index push_devices_credential on private.push_devices (org_id, credential_id);
alter table private.push_devices enable row level security;

create function private.tg_push_devices__revoke() returns trigger
  language plpgsql volatile security definer set search_path = ''
as $$
begin
  perform private.revoke_credential(old.org_id, old.credential_id);
  return null;
end;
$$;
comment on function private.tg_push_devices__revoke is 'With a device goes what could write to it. Definer: credentials are closed.';
create trigger push_devices_revoke after delete on private.push_devices
  for each row execute function private.tg_push_devices__revoke();

create function private.is_push_endpoint(endpoint text) returns boolean
  language sql immutable set search_path = ''
as $$
  -- No port, no name and password, nothing after a backslash: what this says the host is, every parser says. Loopback is the sandbox's; the worker's
  -- FLOW_PUSH_HOSTS must name it too.
  select coalesce(length(endpoint) <= 2048
     and (endpoint ~ '^https://(fcm\.googleapis\.com|updates\.push\.services\.mozilla\.com|web\.push\.apple\.com|([a-z0-9-]{1,60}\.){1,3}notify\.windows\.com)/[A-Za-z0-9._~:/?=&%+,;-]+$'
          or endpoint ~ '^http://127\.0\.0\.1:[0-9]{1,5}/[A-Za-z0-9._~:/?=&%+,;-]+$'), false)
$$;
comment on function private.is_push_endpoint is 'Whether an address is one of a known push service, written so that nobody can read it otherwise.';

create function private.push_devices_of(org_id uuid, user_id uuid) returns jsonb
  language plpgsql stable security definer set search_path = ''
as $$
begin
  return (select coalesce(jsonb_agg(jsonb_build_object('device_id', d.id, 'name', d.name, 'created_at', d.created_at, 'pushed_at', d.pushed_at) order by d.created_at, d.id), '[]')
            from private.push_devices d where d.org_id = push_devices_of.org_id and d.user_id = push_devices_of.user_id);
end;
$$;
comment on function private.push_devices_of is 'A member''s devices, without what could write to them: [{device_id, name, created_at, pushed_at}]. Definer: a closed table.';

create function private.add_push_device(org_id uuid, subscription jsonb, name text, language text) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_key      text := '^[A-Za-z0-9_-]+$';
  v_given    jsonb := add_push_device.subscription;
  v_endpoint text := v_given ->> 'endpoint';
  v_hash     bytea;
  v_name     text := left(btrim(regexp_replace(coalesce(add_push_device.name, ''), '[[:cntrl:]]|\s+', ' ', 'g')), 60);
  v_language text := case when add_push_device.language = 'hi' then 'hi' else 'en' end;
  v_session  uuid := case when pg_input_is_valid(auth.jwt() ->> 'session_id', 'uuid') then (auth.jwt() ->> 'session_id')::uuid end;
  v_id       uuid;
begin
  perform private.require_role(add_push_device.org_id, 'agent');
  if not private.is_push_endpoint(v_endpoint) then
    raise sqlstate 'PT422' using message = 'This browser''s push service is not one that Flow knows.', detail = 'endpoint_unknown', hint = 'Use Chrome, Edge, Firefox or Safari.';
  elsif coalesce(v_given #>> '{keys,p256dh}', '') !~ v_key or length(v_given #>> '{keys,p256dh}') <> 87
     or coalesce(v_given #>> '{keys,auth}', '') !~ v_key or length(v_given #>> '{keys,auth}') <> 22 then
    raise sqlstate 'PT422' using message = 'The browser gave no keys for its notifications.', detail = 'keys_invalid', hint = 'Try it again, or with another browser.';
  end if;
  v_hash := extensions.digest(v_endpoint, 'sha256');
  perform pg_advisory_xact_lock(hashtextextended('flow.push_devices ' || encode(v_hash, 'hex'), 0));
  perform pg_advisory_xact_lock(hashtextextended('flow.push_devices ' || auth.uid(), 0));
  -- Who holds the browser now is told, and nobody who had it before.
  delete from private.push_devices d where d.endpoint_sha256 = v_hash and d.user_id <> auth.uid();
  update private.push_devices d set session_id = v_session, language = v_language, name = coalesce(nullif(v_name, ''), d.name)
   where d.org_id = add_push_device.org_id and d.endpoint_sha256 = v_hash
     and exists (select from private.credentials c where c.org_id = d.org_id and c.id = d.credential_id and c.revoked_at is null)
  returning d.id into v_id;
  if not found then
    delete from private.push_devices d where d.org_id = add_push_device.org_id and d.endpoint_sha256 = v_hash;
    if (select count(distinct d.endpoint_sha256) from private.push_devices d where d.user_id = auth.uid() and d.endpoint_sha256 <> v_hash) >= 20 then
      raise sqlstate 'PT409' using message = 'You have 20 devices already.', detail = 'too_many_devices', hint = 'Remove one that you no longer use.';
    end if;
    insert into private.push_devices (org_id, user_id, session_id, name, language, endpoint_sha256, credential_id)
    values (add_push_device.org_id, auth.uid(), v_session, coalesce(nullif(v_name, ''), 'Browser'), v_language, v_hash,
            private.put_credential(add_push_device.org_id, 'push_device', jsonb_build_object('endpoint', v_endpoint, 'p256dh', v_given #>> '{keys,p256dh}',
                                                                                             'auth', v_given #>> '{keys,auth}')::text))
    returning id into v_id;
    perform private.audit(add_push_device.org_id, 'push_device.added', 'push_device', v_id::text);
  end if;
  return jsonb_build_object('device_id', v_id);
end;
$$;
comment on function private.add_push_device is 'Body of public.add_push_device. Definer: the table is closed.';

create function private.own_push_device(org_id uuid, device_id uuid) returns private.push_devices
  language plpgsql stable security definer set search_path = ''
as $$
declare
  v_device private.push_devices;
begin
  select d.* into v_device from private.push_devices d
   where d.org_id = own_push_device.org_id and d.id = own_push_device.device_id;
  if not found then
    raise sqlstate 'PT404' using message = 'There is no such device.', detail = 'device_not_found', hint = 'Reload the page.';
  elsif v_device.user_id <> auth.uid() then
    raise sqlstate 'PT409' using message = 'This is somebody else''s device.', detail = 'device_of_somebody_else', hint = 'Reload the page.';
  end if;
  return v_device;
end;
$$;
comment on function private.own_push_device is 'A device of the person who asks, for who has been let in. Raises PT404, PT409. Definer: a closed table.';

create function private.remove_push_device(org_id uuid, device_id uuid) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_device private.push_devices;
begin
  perform private.require_role(remove_push_device.org_id, 'agent');
  v_device := private.own_push_device(remove_push_device.org_id, remove_push_device.device_id);
  delete from private.push_devices d where d.org_id = v_device.org_id and d.id = v_device.id;
  perform private.audit(v_device.org_id, 'push_device.removed', 'push_device', v_device.id::text);
  return jsonb_build_object('devices', private.push_devices_of(v_device.org_id, v_device.user_id));
end;
$$;
comment on function private.remove_push_device is 'Body of public.remove_push_device. Definer: the table is closed.';

create function private.forget_push_devices(device_id uuid) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_count int;
begin
  if auth.uid() is null then
    raise sqlstate 'PT401' using message = 'Sign in first.', detail = 'not_signed_in';
  end if;
  delete from private.push_devices d
   where d.user_id = auth.uid()
     and (forget_push_devices.device_id is null
          or d.endpoint_sha256 in (select x.endpoint_sha256 from private.push_devices x where x.id = forget_push_devices.device_id));
  get diagnostics v_count = row_count;
  return jsonb_build_object('forgotten', v_count);
end;
$$;
comment on function private.forget_push_devices is 'Body of public.forget_push_devices. Definer: the table is closed.';

create function private.test_push(org_id uuid, device_id uuid) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_device private.push_devices;
begin
  perform private.require_role(test_push.org_id, 'agent');
  v_device := private.own_push_device(test_push.org_id, test_push.device_id);
  perform pg_advisory_xact_lock(hashtextextended('flow.push_test ' || v_device.id, 0));
  if not exists (select from private.pushes p where p.org_id = v_device.org_id and p.device_id = v_device.id and p.kind = 'test') then
    insert into private.pushes (org_id, device_id, kind, topic, is_urgent, expires_at)
    values (v_device.org_id, v_device.id, 'test', 'test', true, now() + interval '2 minutes');
  end if;
  perform private.wake('push', interval '1 second');
  return jsonb_build_object('device_id', v_device.id);
end;
$$;
comment on function private.test_push is 'Body of public.test_push. Definer: closed tables.';
