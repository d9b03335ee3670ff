-- 395_pushes.sql: what is on its way to devices: spread from notifications, handed to the worker under a lease, and done with when the push service has it.

create table private.pushes (
  org_id           uuid not null,
  id               bigint generated always as identity,
  device_id        uuid not null,
  kind             text not null,
  many             int not null default 1,
  counts           jsonb,
  notification_id  bigint,
  conversation_id  uuid,
  lead_id          uuid,
  task_id          uuid,
  topic            text not null,
  is_urgent        boolean not null default false,
  created_at       timestamptz not null default now(),
  expires_at       timestamptz not null,
  next_at          timestamptz not null default now(),
  attempts         int not null default 0,
  lease            uuid,
  primary key (org_id, id),
  constraint push_is_to_a_device_of_its_organization foreign key (org_id, device_id) references private.push_devices (org_id, id) on delete cascade,
  constraint push_topic_is_one_of_rfc_8030 check (topic ~ '^[A-Za-z0-9_-]{1,32}$'),
  constraint push_is_of_one_or_more check (many > 0)
);
comment on table private.pushes is 'Pushes that no push service has yet. They hold ids and counts, never words.';
comment on column private.pushes.org_id is 'The organization.';
comment on column private.pushes.id is 'Running number.';
comment on column private.pushes.device_id is 'Where it goes.';
comment on column private.pushes.kind is 'The kind of the notification; several: a summary; test: the person tried it.';
comment on column private.pushes.many is 'How many messages, leads or notifications.';
comment on column private.pushes.counts is 'Of a summary: {kind: how many}; null: it is of one kind.';
comment on column private.pushes.notification_id is 'The notification; null: a summary or a test. No foreign key: it may be gone.';
comment on column private.pushes.conversation_id is 'The conversation. No foreign key: it may be gone.';
comment on column private.pushes.lead_id is 'The lead. No foreign key: it may be gone.';
comment on column private.pushes.task_id is 'The task. No foreign key: it may be gone.';
comment on column private.pushes.topic is 'Of two with the same topic, a device that was away gets the newer one only.';
comment on column private.pushes.is_urgent is 'Whether a phone that saves its battery is woken.';
comment on column private.pushes.created_at is 'When it was spread.';
comment on column private.pushes.expires_at is 'From when on nobody wants it any more.';
comment on column private.pushes.next_at is 'When it may be claimed; while leased, when the lease runs out.';
comment on column private.pushes.attempts is 'How often it was claimed.';
comment on column private.pushes.lease is 'Set while a worker has it.';
create index pushes_due on private.pushes (next_at);
create index pushes_expiry on private.pushes (expires_at);
create index pushes_device on private.pushes (org_id, device_id);
alter table private.pushes enable row level security;

create function private.push_topic(kind text, about text) returns text
  language sql immutable set search_path = ''
as $$
  select left(translate(encode(extensions.digest(concat_ws(' ', kind, about), 'sha256'), 'base64'), '+/=', '-_'), 32)
$$;
comment on function private.push_topic is 'A topic of RFC 8030: tells the push service nothing, and is the same for the same thing.';

create function private.spread_to(org_id uuid, user_id uuid, ids bigint[]) returns int
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  s        private.notification_settings := private.notification_settings_of(spread_to.org_id, spread_to.user_id);
  v_until  timestamptz := private.silent_until(s, now());
  v_open   bigint[];
  v_now    bigint[];
  v_rest   bigint[];
  v_many   bigint;
  v_counts jsonb;
  v_made   int := 0;
  v_more   int;
begin
  -- Wanted on devices, and not read meanwhile; where the bell does not count a kind, looking at the thread is reading.
  v_open := array(
    select n.id from public.notifications n
     where n.org_id = spread_to.org_id and n.id = any (spread_to.ids) and private.told_group(n.kind) = any (s.push)
       and (n.read_at is null or not private.told_group(n.kind) = any (s.in_app) and not exists (
             select from public.conversation_reads r where r.org_id = n.org_id and r.conversation_id = n.conversation_id and r.user_id = n.user_id and r.read_at > n.at))
       and exists (select from private.push_devices d where d.org_id = n.org_id and d.user_id = n.user_id)
     order by n.id);
  v_now := case when v_until is null then v_open else array(
    select n.id from public.notifications n where n.org_id = spread_to.org_id and n.id = any (v_open) and s.urgent_passes and n.key like 'number:problem:%') end;
  -- A shower of news becomes a few pushes: after one, the next waits for ten seconds, and tells of all that came meanwhile.
  if v_until is null and exists (select from private.push_devices d where d.org_id = spread_to.org_id and d.user_id = spread_to.user_id and d.told_at > now() - interval '10 seconds') then
    v_until := now() + interval '10 seconds';
    v_now := array(select n.id from public.notifications n where n.org_id = spread_to.org_id and n.id = any (v_open) and n.key like 'number:problem:%');
  end if;
  update public.notifications n
     set push_at = case when n.id = any (v_open) and not n.id = any (v_now) then v_until end,
         read_at = case when private.told_group(n.kind) = any (s.in_app) then n.read_at else coalesce(n.read_at, now()) end
   where n.org_id = spread_to.org_id and n.id = any (spread_to.ids);
  if v_now = '{}' then
    return 0;
  end if;
  -- What does not work is told by itself; of the rest, one by itself and several as a summary.
  v_rest := array(select n.id from public.notifications n where n.org_id = spread_to.org_id and n.id = any (v_now) and n.kind <> 'number_needs_attention');
  insert into private.pushes (org_id, device_id, kind, many, notification_id, conversation_id, lead_id, task_id, topic, is_urgent, expires_at)
  select n.org_id, d.id, n.kind, n.many, n.id, n.conversation_id, n.lead_id, n.task_id,
         private.push_topic(n.kind, coalesce(n.conversation_id::text, case when n.kind = 'new_lead' then n.org_id::text else n.id::text end)),
         n.kind in ('task_due', 'number_needs_attention'), now() + interval '1 day'
    from public.notifications n join private.push_devices d on d.org_id = n.org_id and d.user_id = n.user_id
   where n.org_id = spread_to.org_id and n.id = any (v_now) and (cardinality(v_rest) = 1 or n.id <> all (v_rest));
  get diagnostics v_made = row_count;
  if cardinality(v_rest) > 1 then
    select sum(c.many), jsonb_object_agg(c.kind, c.many) into v_many, v_counts
      from (select private.told_group(n.kind) as kind, sum(n.many) as many from public.notifications n where n.org_id = spread_to.org_id and n.id = any (v_rest) group by 1) c;
    insert into private.pushes (org_id, device_id, kind, many, counts, topic, expires_at)
    select d.org_id, d.id, case when (select count(*) from jsonb_object_keys(v_counts)) = 1 then (select k from jsonb_object_keys(v_counts) k) else 'several' end,
           least(v_many, 1000000), v_counts, private.push_topic('several', d.org_id::text), now() + interval '1 day'
      from private.push_devices d where d.org_id = spread_to.org_id and d.user_id = spread_to.user_id;
    get diagnostics v_more = row_count;
    v_made := v_made + v_more;
  end if;
  if v_made > 0 then
    update private.push_devices d set told_at = now() where d.org_id = spread_to.org_id and d.user_id = spread_to.user_id;
  end if;
  return v_made;
end;
$$;
comment on function private.spread_to is
  'Turns a member''s notifications into pushes to their devices, or has them wait for the end of quiet hours or an absence; returns how many pushes. What waited '
  'together is told as one. Definer: closed tables.';

create function private.spread_pushes(batch int) returns int
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_made int := 0;
  r      record;
begin
  for r in
    select t.org_id, t.user_id, array_agg(t.id) as ids
      from (select n.org_id, n.user_id, n.id from public.notifications n where n.push_at <= now() order by n.push_at limit spread_pushes.batch for update skip locked) t
     group by 1, 2 order by 1, 2
  loop
    v_made := v_made + private.spread_to(r.org_id, r.user_id, r.ids);
  end loop;
  return v_made;
end;
$$;
comment on function private.spread_pushes is 'Looks at notifications whose devices are to be told; returns how many pushes it made. Definer: closed tables.';

-- What the worker asks ---------------------------------------------------------------------------------------------

create function private.push_payload(p private.pushes, d private.push_devices) returns jsonb
  language plpgsql stable security definer set search_path = ''
as $$
declare
  v_org  public.organizations;
  v_text jsonb;
begin
  select o.* into v_org from public.organizations o where o.id = (p).org_id;
  if v_org.push_shows_text and (p).conversation_id is not null and (p).kind = 'new_message'
     and (private.notification_settings_of((p).org_id, (d).user_id)).shows_text then
    select jsonb_build_object('name', left(c.name, 60), 'text', left(private.words_heard_last(v.org_id, v.id), 120)) into v_text
      from public.conversations v join public.contacts c on c.org_id = v.org_id and c.id = v.contact_id
     where v.org_id = (p).org_id and v.id = (p).conversation_id;
  end if;
  return jsonb_strip_nulls(jsonb_build_object('kind', (p).kind, 'many', coalesce((select n.many from public.notifications n where n.org_id = (p).org_id and n.id = (p).notification_id), (p).many), 'counts', (p).counts, 'org_id', (p).org_id, 'organization', left(v_org.name, 60),
    'lang', (d).language, 'notification_id', (p).notification_id, 'conversation_id', (p).conversation_id, 'lead_id', (p).lead_id, 'task_id', (p).task_id,
    'unread', (select count(*) from (select from public.notifications n where n.org_id = (p).org_id and n.user_id = (d).user_id and n.read_at is null limit 100) x),
    'preview', v_text));
end;
$$;
comment on function private.push_payload is
  'What a device is told: kind, counts, organization and ids; name and first words only where the person chose it and the organization allows it. At most some 900 bytes. Definer: beneath RLS.';

create function worker.claim_pushes(batch int default 50, lease_seconds int default 60) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_lease  uuid := gen_random_uuid();
  v_pushes jsonb := '[]';
  v_device private.push_devices;
  v_secret text;
  r        private.pushes;
begin
  delete from private.pushes p using (select x.org_id, x.id from private.pushes x where x.expires_at <= now() order by x.expires_at limit 1000 for update skip locked) t
   where p.org_id = t.org_id and p.id = t.id;
  for r in select p.* from private.pushes p where p.next_at <= now() order by p.next_at, p.id limit least(greatest(claim_pushes.batch, 1), 200) for update skip locked loop
    -- Looked at now, and not when it was spread: who left, signed out, lost the rank, or has read it is told nothing more.
    select d.* into v_device from private.push_devices d
      join public.memberships m on m.org_id = d.org_id and m.user_id = d.user_id
      join public.organizations o on o.id = d.org_id and o.deleted_at is null
     where d.org_id = r.org_id and d.id = r.device_id
       and (r.kind <> 'number_needs_attention' or m.role in ('admin', 'owner'))
       and (r.notification_id is null or exists (
             select from public.notifications n where n.org_id = r.org_id and n.id = r.notification_id
                and (n.read_at is null or not private.told_group(n.kind) = any ((private.notification_settings_of(n.org_id, n.user_id)).in_app))));
    if not found then
      delete from private.pushes p where p.org_id = r.org_id and p.id = r.id;
      continue;
    end if;
    v_secret := case when v_device.session_id is null or exists (select from auth.sessions e where e.id = v_device.session_id and e.user_id = v_device.user_id)
                     then private.open_credential(v_device.org_id, v_device.credential_id, 'push') end;
    if v_secret is null then
      delete from private.push_devices d where d.org_id = v_device.org_id and d.id = v_device.id;
      continue;
    end if;
    update private.pushes p set lease = v_lease, attempts = p.attempts + 1, next_at = now() + make_interval(secs => claim_pushes.lease_seconds)
     where p.org_id = r.org_id and p.id = r.id;
    v_pushes := v_pushes || jsonb_build_object('org_id', r.org_id, 'push_id', r.id, 'subscription', v_secret::jsonb, 'topic', r.topic,
      'urgency', case when r.is_urgent then 'high' else 'normal' end, 'ttl', greatest(floor(extract(epoch from r.expires_at - now()))::int, 0),
      'payload', private.push_payload(r, v_device));
  end loop;
  return jsonb_build_object('lease', v_lease, 'pushes', v_pushes);
end;
$$;
comment on function worker.claim_pushes is
  'Hands out pushes that are due, each to one worker at a time: {lease, pushes: [{org_id, push_id, subscription: {endpoint, p256dh, auth}, topic, urgency, ttl in seconds, payload}]}. '
  'Expired ones are gone; so are those of whom nobody is to be told any more. Definer: service_role holds no tables.';

create function worker.record_pushes(lease uuid, results jsonb) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_done int := 0;
  v_push private.pushes;
  r      record;
begin
  for r in select * from jsonb_to_recordset(record_pushes.results) x (org_id uuid, push_id bigint, outcome text, after_seconds int) order by 1, 2 loop
    select p.* into v_push from private.pushes p where p.org_id = r.org_id and p.id = r.push_id and p.lease = record_pushes.lease for update;
    continue when not found;
    v_done := v_done + 1;
    if r.outcome = 'gone' then
      delete from private.push_devices d where d.org_id = v_push.org_id and d.id = v_push.device_id;
      perform private.audit(v_push.org_id, 'push_device.ended', 'push_device', v_push.device_id::text);
    elsif r.outcome = 'retry' and v_push.attempts < 10 then
      update private.pushes p
         set lease = null, next_at = now() + make_interval(secs => least(greatest(coalesce(r.after_seconds, 0), 5 * power(2, v_push.attempts - 1)::int), 3600))
       where p.org_id = v_push.org_id and p.id = v_push.id;
    else
      delete from private.pushes p where p.org_id = v_push.org_id and p.id = v_push.id;
      if r.outcome = 'sent' then
        update private.push_devices d set pushed_at = now() where d.org_id = v_push.org_id and d.id = v_push.device_id;
      end if;
    end if;
  end loop;
  return jsonb_build_object('recorded', v_done);
end;
$$;
comment on function worker.record_pushes is
  'What became of claimed pushes: [{org_id, push_id, outcome, after_seconds}]. sent; gone: the device ends; retry: later, at least after_seconds, ten times at most; refused: not again. '
  'A lease that has run out records nothing. Returns {recorded}. Definer: service_role holds no tables.';
grant execute on function worker.claim_pushes, worker.record_pushes to service_role;
