-- 980_retaining.sql: what is too old goes, a batch a transaction, so that nobody waits; what goes when is in 979_retention.sql.
--
-- pg_cron calls private.retain every few seconds: it goes on with the run that is open, or begins the class that is due, or does
-- nothing. A batch passes over rows that somebody else has, and begins the next one behind them. Files are the workers' to delete.

-- One batch of each way: {rows, bytes, cursor, is_done} --------------------------------------------------------------------------

create function private.expire_rows(class private.retention_classes, batch int) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
declare
  t       record;
  v_gone  bigint;
  v_size  bigint;
  v_rows  bigint := 0;
  v_bytes bigint := 0;
begin
  for t in
    select x.table_name, x.expired,
           (expire_rows.class).is_held and exists (select from pg_catalog.pg_attribute a where a.attrelid = to_regclass(x.table_name) and a.attname = 'org_id') as asks_holds
      from private.retention_tables x where x.class = (expire_rows.class).class and x.expired is not null and to_regclass(x.table_name) is not null order by 1
  loop
    execute format('with gone as (delete from %1$s t where t.ctid = any (array(select t.ctid from %1$s t where %2$s%3$s limit $2%4$s)) returning pg_column_size(t.*) as size)
                    select count(*), coalesce(sum(size), 0) from gone', t.table_name, t.expired,
                   case when t.asks_holds then ' and (t.org_id is null or not private.is_held(t.org_id))' else '' end,
                   case when has_table_privilege(t.table_name, 'update') then ' for update skip locked' else '' end)       -- pg_cron's own may only be deleted
      into v_gone, v_size using now() - (expire_rows.class).keeps, batch - v_rows;
    v_rows := v_rows + v_gone;
    v_bytes := v_bytes + v_size;
    exit when v_rows >= batch;
  end loop;
  return jsonb_build_object('rows', v_rows, 'bytes', v_bytes, 'is_done', v_rows < batch);
end;
$$;
comment on function private.expire_rows is 'Deletes up to batch rows of the class''s tables that are too old and not held.';

create function private.expire_events(class private.retention_classes, batch int) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_days   int := extract(day from (expire_events.class).keeps)::int;
  v_before timestamptz := (current_date - v_days)::timestamptz;
  v_bytes  bigint;
  v_rows   bigint;
  v_more   bigint;
begin
  select coalesce(sum(pg_total_relation_size(c.oid)), 0) into v_bytes
    from pg_catalog.pg_inherits i join pg_catalog.pg_class c on c.oid = i.inhrelid
   where i.inhparent in ('private.webhook_events'::regclass, 'private.event_effects'::regclass) and c.relname ~ '_[0-9]{8}$'
     and to_date(right(c.relname, 8), 'YYYYMMDD') < current_date - v_days;
  select count(*) filter (where x like '-%') into v_rows from unnest(private.roll_webhook_events(v_days)) x;
  delete from private.webhook_events_default w where w.ctid = any (array(
    select t.ctid from private.webhook_events_default t where t.received_at < v_before
       and not exists (select from private.event_effects e where (e.received_at, e.event_id) = (t.received_at, t.id) and private.is_held(e.org_id)) limit batch));
  get diagnostics v_more = row_count;
  delete from private.event_effects_default e where e.ctid = any (array(
    select t.ctid from private.event_effects_default t where t.received_at < v_before and not private.is_held(t.org_id)
       and not exists (select from private.webhook_events_default w where (w.received_at, w.id) = (t.received_at, t.event_id)) limit batch));
  return jsonb_build_object('rows', v_rows + v_more, 'bytes', v_bytes, 'is_done', v_more < batch);
end;
$$;
comment on function private.expire_events is 'Makes the days that come, drops those that are over, and deletes what lay outside of any day and is held no more. Rows: days and bodies.';

create function private.retire_messages(org_id uuid, cutoff timestamptz, after bigint, batch int) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_ids     bigint[];
  v_threads uuid[];
  v_last    bigint;
  v_young   boolean;
  v_rows    bigint;
  v_bytes   bigint;
begin
  -- Ids grow as rows are stored, so the key itself is in the order of age: no index is kept for this.
  select array_agg(p.id) filter (where p.created_at < cutoff and p.status not in ('queued', 'sending', 'uncertain')
                                   and not exists (select from private.legal_holds h where h.org_id = retire_messages.org_id and h.contact_id = p.contact_id and h.lifted_at is null)),
         array_agg(distinct p.conversation_id) filter (where p.created_at < cutoff), max(p.id), coalesce(min(p.created_at) >= cutoff + interval '1 day', true) or count(*) < batch
    into v_ids, v_threads, v_last, v_young
    from (select m.id, m.conversation_id, m.contact_id, m.created_at, m.status from public.messages m
           where m.org_id = retire_messages.org_id and m.id > coalesce(retire_messages.after, 0) order by m.id limit batch) p;
  update public.conversations c set last_message_text = null
   where c.org_id = retire_messages.org_id and c.id = any (array(
     select x.id from public.conversations x
      where x.org_id = retire_messages.org_id and x.id = any (v_threads) and x.last_message_at < cutoff and x.last_message_text is not null for no key update skip locked));
  with gone as (
    delete from public.messages m where m.org_id = retire_messages.org_id and m.id = any (array(
      select x.id from public.messages x where x.org_id = retire_messages.org_id and x.id = any (v_ids) for update skip locked))
    returning m.wamid, pg_column_size(m.*) as size),
  facts as (
    update private.billing_facts f set phones = '{}', user_ids = '{}'
      from gone g where f.org_id = retire_messages.org_id and f.wamid = g.wamid and (f.phones, f.user_ids) is distinct from ('{}', '{}'))
  select count(*), coalesce(sum(g.size), 0) into v_rows, v_bytes from gone g;
  return jsonb_build_object('rows', v_rows, 'bytes', v_bytes, 'after', v_last, 'is_done', v_young);
end;
$$;
comment on function private.retire_messages is
  'Looks at batch messages of an organization behind an id, and deletes those that are older than cutoff, settled and not held; in the books'' facts the number goes, what it cost stays. after: the id to go on behind.';

create function private.retire_contacts(org_id uuid, cutoff timestamptz, after jsonb, batch int) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_due   uuid[];
  v_kept  uuid[];
  v_seen  int;
  v_last  jsonb;
  v_found uuid[];
begin
  select array_agg(p.id order by p.created_at, p.id), count(*), (array_agg(jsonb_build_object('at', p.created_at, 'id', p.id) order by p.created_at desc, p.id desc))[1]
    into v_found, v_seen, v_last
    from (select c.id, c.created_at from public.contacts c
           where c.org_id = retire_contacts.org_id and c.created_at < cutoff
             and (c.created_at, c.id) > (coalesce((after ->> 'at')::timestamptz, '-infinity'), coalesce((after ->> 'id')::uuid, '00000000-0000-0000-0000-000000000000'))
           order by c.created_at, c.id limit batch) p;
  -- Locked, then looked at once more: whoever writes just now has the row first.
  select array_agg(c.id) into v_due from public.contacts c
   where c.org_id = retire_contacts.org_id and c.id = any (array(
     select x.id from public.contacts x where x.org_id = retire_contacts.org_id and x.id = any (v_found) and private.is_quiet(x.org_id, x.id, cutoff)
        and not private.is_held(x.org_id, x.id)
        and (x.retired_at is null or x.name is not null or x.company is not null or x.email is not null or exists (select from public.leads l where l.org_id = x.org_id and l.contact_id = x.id)
             or exists (select from public.conversations t where t.contact_id = x.id and t.org_id = x.org_id))
      order by x.id for update skip locked));
  if v_due is not null then
    perform private.forget_children('public.contacts', retire_contacts.org_id, v_due, '{public.contact_points,public.contact_identities,public.consent_events,public.messages}');
    select array_agg(distinct e.contact_id) into v_kept from public.consent_events e where e.org_id = retire_contacts.org_id and e.contact_id = any (v_due);
    update public.contacts c
       set name = null, name_at = null, phone_given = null, email = null, company = null, address = null, city = null, state = null, pincode = null,
           username = null, username_at = null, greeted_at = null, custom = '{}', retired_at = now()
     where c.org_id = retire_contacts.org_id and c.id = any (v_kept);
    delete from public.contact_points p where p.org_id = retire_contacts.org_id and p.contact_id = any (v_kept) and p.kind = 'email';
    perform private.forget_likeness(retire_contacts.org_id, k) from unnest(v_kept) k;
    delete from public.contacts c where c.org_id = retire_contacts.org_id and c.id = any (v_due) and c.id <> all (coalesce(v_kept, '{}'));
  end if;
  return jsonb_build_object('rows', coalesce(cardinality(v_due), 0), 'bytes', 0, 'after', v_last, 'is_done', v_seen < batch);
end;
$$;
comment on function private.retire_contacts is
  'Looks at batch contacts of an organization older than cutoff, behind after {at, id}; those who are quiet and not held go with their leads, tasks, notes and threads. Of one with consent the numbers stay, for as long as the class consent says.';

create function private.retire_consent(class private.retention_classes, batch int) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
declare
  c      record;
  v_many bigint;
  v_rows bigint := 0;
begin
  for c in
    select x.org_id, x.id, x.opted_out_at from public.contacts x
     where x.retired_at < now() - (retire_consent.class).keeps and private.is_quiet(x.org_id, x.id, now() - (retire_consent.class).keeps) and not private.is_held(x.org_id, x.id)
       and (x.opted_out_at is null or exists (select from public.consent_events e where e.org_id = x.org_id and e.contact_id = x.id))
     order by x.retired_at limit least(batch, 500) for update skip locked
  loop
    delete from public.consent_events e where e.org_id = c.org_id and e.contact_id = c.id;
    get diagnostics v_many = row_count;
    v_rows := v_rows + v_many + 1;
    if c.opted_out_at is null then             -- else the number stays, so that the stop is still obeyed
      perform private.forget_children('public.contacts', c.org_id, array[c.id]);
      delete from public.contacts x where x.org_id = c.org_id and x.id = c.id;
    end if;
  end loop;
  return jsonb_build_object('rows', v_rows, 'bytes', 0, 'is_done', v_rows = 0);
end;
$$;
comment on function private.retire_consent is 'Consent of contacts who were removed longer ago than the class keeps it, and what was left of them; the number of who asked to stop stays.';

create function private.blank_payloads(org_id uuid, cutoff timestamptz, after jsonb, batch int) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_ids  uuid[];
  v_seen int;
  v_last jsonb;
begin
  select array_agg(p.id) filter (where p.raw <> '{}' and p.created_at < cutoff and not private.is_held(blank_payloads.org_id, p.contact_id)), count(*),
         (array_agg(jsonb_build_object('at', p.received_at, 'id', p.id) order by p.received_at desc, p.id desc))[1]
    into v_ids, v_seen, v_last
    from (select l.id, l.received_at, l.created_at, l.contact_id, l.raw from public.leads l
           where l.org_id = blank_payloads.org_id and l.received_at < cutoff
             and (l.received_at, l.id) > (coalesce((after ->> 'at')::timestamptz, '-infinity'), coalesce((after ->> 'id')::uuid, '00000000-0000-0000-0000-000000000000'))
           order by l.received_at, l.id limit batch) p;
  update public.leads l set raw = '{}' where l.org_id = blank_payloads.org_id and l.id = any (array(
    select x.id from public.leads x where x.org_id = blank_payloads.org_id and x.id = any (v_ids) order by x.id for no key update skip locked));
  update public.lead_activities a set details = a.details - 'item'
   where a.org_id = blank_payloads.org_id and a.lead_id = any (v_ids) and a.kind = 'conflicting_copy' and a.details ? 'item';
  return jsonb_build_object('rows', coalesce(cardinality(v_ids), 0), 'bytes', 0, 'after', v_last, 'is_done', v_seen < batch);
end;
$$;
comment on function private.blank_payloads is 'Empties leads.raw, and copies of it, of batch leads of an organization that are older than cutoff, behind after {at, id}.';

-- Runs ---------------------------------------------------------------------------------------------------------------------

create function private.next_organization(class text, after uuid) returns uuid
  language sql stable security definer set search_path = ''
as $$
  select o.id from public.organizations o
   where (next_organization.after is null or o.id > next_organization.after) and o.deleted_at is null
     and private.retention_cutoff(o.id, next_organization.class) is not null
     and not exists (select from private.legal_holds h where h.org_id = o.id and h.contact_id is null and h.lifted_at is null)
   order by o.id limit 1
$$;
comment on function private.next_organization is 'The next organization of which a class removes something by age: it is not held, not being deleted, and its setting or the default says so. Definer: beneath RLS.';

create function private.note_part(run private.retention_runs, org_id uuid, rows bigint, bytes bigint) returns void
  language sql volatile security definer set search_path = ''
as $$
  insert into private.retention_runs as r (org_id, part_of, class, finished_at, rows, bytes)
  select note_part.org_id, (note_part.run).id, (note_part.run).class, clock_timestamp(), note_part.rows, note_part.bytes where note_part.rows > 0
  on conflict on constraint retention_of_an_organization_is_counted_once_a_run
  do update set rows = r.rows + excluded.rows, bytes = r.bytes + excluded.bytes, finished_at = excluded.finished_at
$$;
comment on function private.note_part is 'Counts what a run took of an organization.';

create function private.retain_step(class private.retention_classes, run private.retention_runs, batch int) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_org   uuid := ((retain_step.run).cursor ->> 'org_id')::uuid;
  v_what  text := (retain_step.run).cursor ->> 'what';
  v_after jsonb := (retain_step.run).cursor -> 'after';
  v_step  jsonb;
begin
  case (retain_step.class).how
  when 'rows' then return private.expire_rows(class, batch);
  when 'partitions' then return case (retain_step.class).class when 'webhooks' then private.expire_events(class, batch) else private.expire_telemetry((retain_step.class).class, batch) end;
  when 'consent' then return private.retire_consent(class, batch);
  else null;
  end case;
  if v_org is null or private.retention_cutoff(v_org, (retain_step.class).class) is null or private.is_held(v_org) then
    v_org := private.next_organization((retain_step.class).class, v_org);
    v_what := null;
    v_after := null;
  end if;
  if v_org is null then
    return jsonb_build_object('rows', 0, 'bytes', 0, 'is_done', true);
  end if;
  if (retain_step.class).how = 'payloads' then
    v_step := private.blank_payloads(v_org, private.retention_cutoff(v_org, (retain_step.class).class), v_after, batch);
  elsif v_what is null then
    v_step := private.retire_messages(v_org, private.retention_cutoff(v_org, (retain_step.class).class), v_after::bigint, batch);
  else
    v_step := private.retire_contacts(v_org, private.retention_cutoff(v_org, (retain_step.class).class), v_after, least(batch, 500));
  end if;
  perform private.note_part(run, v_org, (v_step ->> 'rows')::bigint, (v_step ->> 'bytes')::bigint);
  if not (v_step ->> 'is_done')::boolean then
    return v_step || jsonb_build_object('cursor', jsonb_build_object('org_id', v_org, 'what', v_what, 'after', v_step -> 'after'));
  elsif (retain_step.class).how = 'conversations' and v_what is null then
    return v_step || jsonb_build_object('is_done', false, 'cursor', jsonb_build_object('org_id', v_org, 'what', 'contacts'));
  end if;
  v_org := private.next_organization((retain_step.class).class, v_org);
  return v_step || jsonb_build_object('is_done', v_org is null, 'cursor', jsonb_build_object('org_id', v_org));
end;
$$;
comment on function private.retain_step is 'One batch of a run: {rows, bytes, is_done, cursor}. A class that organizations set goes from one to the next.';

create function private.is_retention_due(class private.retention_classes) returns boolean
  language sql stable security definer set search_path = ''
as $$
  -- A night begins at two in the morning in India.
  select (is_retention_due.class).how <> 'never' and coalesce((
    select case when (is_retention_due.class).every < interval '1 day' then r.started_at < now() - (is_retention_due.class).every
                else r.started_at < date_trunc('day', now() - interval '20 hours 30 minutes', 'UTC') + interval '20 hours 30 minutes' end
      from private.retention_runs r where r.class = (is_retention_due.class).class and r.org_id is null and r.mode = 'real' order by r.started_at desc limit 1), true)
$$;
comment on function private.is_retention_due is 'Whether a class has had no run yet this night, or this hour. Definer: reads a closed table.';

create function private.open_run(class text default null, of_files boolean default false) returns private.retention_runs
  language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_run private.retention_runs;
begin
  select r.* into v_run from private.retention_runs r join private.retention_classes c on c.class = r.class
   where r.finished_at is null and r.org_id is null and r.mode = 'real' and (c.how = 'files') = open_run.of_files and (open_run.class is null or r.class = open_run.class)
   order by r.id limit 1;
  if not found then
    insert into private.retention_runs (class)
    select c.class from private.retention_classes c
     where c.how <> 'never' and (c.how = 'files') = open_run.of_files and case when open_run.class is null then private.is_retention_due(c) else c.class = open_run.class end
     order by c.place limit 1
    returning * into v_run;
  end if;
  return v_run;
end;
$$;
comment on function private.open_run is 'The run that goes on, or one begun now for the first class that is due (or for this class, due or not); null when none is.';

create function private.retain(batch int default 5000, class text default null) returns jsonb
  language plpgsql volatile security definer set search_path = '' set lock_timeout = '1s'
as $$
declare
  v_run   private.retention_runs;
  v_class private.retention_classes;
  v_step  jsonb;
begin
  if not pg_try_advisory_xact_lock(hashtextextended('flow.retention', 0)) then
    return jsonb_build_object('class', null, 'is_busy', true);
  end if;
  v_run := private.open_run(retain.class);
  if v_run.id is null then
    if (private.open_run(of_files => true)).id is not null then
      perform private.wake('retention', interval '30 seconds');
    end if;
    return jsonb_build_object('class', null);
  end if;
  select c.* into v_class from private.retention_classes c where c.class = v_run.class;
  begin
    perform set_config('flow.retaining', v_class.class, true);       -- append-only tables give way (private.is_expired)
    v_step := private.retain_step(v_class, v_run, retain.batch);
    perform set_config('flow.retaining', '', true);
  exception
    when lock_not_available or deadlock_detected then      -- somebody works there just now: the same batch comes again
      return jsonb_build_object('class', v_run.class, 'rows', 0, 'is_done', false);
    when others then                                       -- kept for the alarm; the other classes go on, and tomorrow it is tried again
      update private.retention_runs r set finished_at = clock_timestamp(), error = left(sqlstate || ': ' || sqlerrm, 500) where r.id = v_run.id;
      return jsonb_build_object('class', v_run.class, 'rows', 0, 'is_done', true, 'error', sqlstate);
  end;
  update private.retention_runs r
     set rows = r.rows + (v_step ->> 'rows')::bigint, bytes = r.bytes + (v_step ->> 'bytes')::bigint, cursor = coalesce(v_step -> 'cursor', r.cursor),
         finished_at = case when (v_step ->> 'is_done')::boolean then clock_timestamp() end
   where r.id = v_run.id;
  return jsonb_build_object('class', v_run.class, 'rows', v_step -> 'rows', 'is_done', v_step -> 'is_done');
end;
$$;
comment on function private.retain is
  'One small transaction of clearing out: goes on with the open run, or begins what is due (or this class, due or not). Returns {class, rows, is_done}; class null: nothing to do. Wakes the job that deletes files. Run by cron.';

create function worker.retain(batch int default 5000) returns jsonb
  language sql volatile security definer set search_path = ''
as $$
  select private.retain(retain.batch)
$$;
comment on function worker.retain is 'private.retain, for the job: also where pg_cron is missing.';

-- Files --------------------------------------------------------------------------------------------------------------------

create function worker.files_to_expire(batch int default 100) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_run   private.retention_runs := private.open_run(of_files => true);
  v_org   uuid := (v_run.cursor ->> 'org_id')::uuid;
  v_until timestamptz;
  v_files jsonb;
  v_seen  int := 0;
begin
  if v_run.id is null then
    return jsonb_build_object('run_id', null);
  elsif v_org is null or (v_run.cursor ->> 'is_done')::boolean or private.is_held(v_org) then
    v_org := private.next_organization(v_run.class, v_org);
  end if;
  while v_org is not null loop
    v_until := greatest(private.retention_cutoff(v_org, v_run.class), private.retention_cutoff(v_org, 'conversations'));
    -- A file that came in goes with its message, or when it is old; one that was sent, when it is old.
    select jsonb_agg(jsonb_build_object('media_id', f.id, 'path', f.path)) into v_files from (
      select m.id, m.path from public.media m
       where m.org_id = v_org and m.direction = 'inbound' and m.message_id is null and (m.status <> 'pending' or m.lease is null)
      union
      (select m.id, m.path from public.media m
        where m.org_id = v_org and m.stored_at is not null and m.created_at < v_until and m.status <> 'pending'
          and not exists (select from public.messages x join private.legal_holds h on h.org_id = x.org_id and h.contact_id = x.contact_id and h.lifted_at is null
                           where x.org_id = m.org_id and x.id = m.message_id)
        order by m.created_at limit files_to_expire.batch)
      limit files_to_expire.batch) f;
    v_seen := v_seen + 1;
    exit when v_files is not null or v_seen >= 200;
    v_org := private.next_organization(v_run.class, v_org);
  end loop;
  update private.retention_runs r
     set cursor = jsonb_build_object('org_id', v_org, 'is_done', v_files is null), finished_at = case when v_org is null then clock_timestamp() end where r.id = v_run.id;
  return jsonb_build_object('run_id', v_run.id, 'org_id', v_org, 'files', v_files);
end;
$$;
comment on function worker.files_to_expire is
  'Files of one organization in the bucket "media" that are too old: {run_id, org_id, files: [{media_id, path}]}. files null: none in 200 organizations. Delete them through the Storage API, then call worker.files_expired, until run_id or org_id is null.';

create function worker.files_expired(run bigint, org_id uuid, files jsonb) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_run   private.retention_runs;
  v_ids   uuid[] := array(select (f ->> 'media_id')::uuid from jsonb_array_elements(files_expired.files) f);
  v_rows  bigint;
  v_bytes bigint;
begin
  select r.* into v_run from private.retention_runs r where r.id = files_expired.run for update;
  select count(*), coalesce(sum(m.bytes), 0) into v_rows, v_bytes from public.media m where m.org_id = files_expired.org_id and m.id = any (v_ids);
  delete from public.media m
   where m.org_id = files_expired.org_id and m.id = any (v_ids) and m.direction = 'inbound' and m.message_id is null;
  update public.media m
     set status = 'failed', error_slug = 'removed_by_age', error = 'It was removed because of its age', stored_at = null, bytes = null, sha256 = null, filename = null, next_at = null, lease = null
   where m.org_id = files_expired.org_id and m.id = any (v_ids);
  update private.retention_runs r set rows = r.rows + v_rows, bytes = r.bytes + v_bytes where r.id = v_run.id;
  perform private.note_part(v_run, files_expired.org_id, v_rows, v_bytes);
  return jsonb_build_object('rows', v_rows);
end;
$$;
comment on function worker.files_expired is 'These files, as worker.files_to_expire gave them, are gone from the bucket: the row of one whose message is still there says so, the others go. Returns {rows}.';
grant execute on function worker.retain, worker.files_to_expire, worker.files_expired to service_role;
