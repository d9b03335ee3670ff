-- 972_purging.sql: a deleted organization's rows and files go, in small steps that can stop and go on at any time.

alter table private.table_classes add column is_done text;
comment on column private.table_classes.is_done is 'Of the class anonymize: an expression that is true for a row that has been done.';
update private.table_classes c set is_done = d.is_done from (values
  ('public.usage_ledger', $$wamid like 'gone.%'$$),
  ('public.audit_log', $$actor is null and ip is null and request_id is null and details = '{}'$$),
  ('private.billing_intents', $$requested_by is null and short_url is null and params = '{}'$$),
  ('public.whatsapp_accounts', $$waba_id like '0%' and name is null$$),
  ('public.whatsapp_numbers', $$phone_number_id like '0%' and display_phone is null$$)) d (table_name, is_done)
 where c.table_name = d.table_name;
alter table private.table_classes add constraint anonymized_rows_are_told_apart check ((class = 'anonymize') = (is_done is not null));

alter table private.organization_deletions add column people uuid[], add column word text;
comment on column private.organization_deletions.people is 'While it is under way: the members there were.';
comment on column private.organization_deletions.word is 'While it is under way: the random word that pseudonyms are made with.';

create function private.is_purging(org_id uuid) returns boolean
  language sql stable security definer set search_path = ''
as $$
  select current_setting('flow.purging', true) = is_purging.org_id::text
     and exists (select from private.organization_deletions d where d.org_id = is_purging.org_id and d.status = 'purging')
$$;
comment on function private.is_purging is
  'True within a step of private.purge_step for this organization: the only one before whom append-only tables give way. Definer: reads a closed table.';

create function private.is_due(deletion private.organization_deletions) returns boolean
  language plpgsql stable security definer set search_path = ''
as $$
begin
  -- What is still to be ended at Meta needs its sealed token; a cleanup that fails is given up after a day. A legal hold comes first.
  return (deletion).status in ('scheduled', 'purging') and (deletion).purge_at <= now()
     and not exists (select from private.meta_cleanups c where c.org_id = (deletion).org_id and c.status = 'open')
     and not exists (select from private.legal_holds h where h.org_id = (deletion).org_id and h.lifted_at is null);
end;
$$;
comment on function private.is_due is 'Whether rows of a deletion may go: its time has come, Meta has been told of the disconnect, and no legal hold keeps them. Definer: reads a closed table.';

create function private.purge_order() returns setof text
  language sql stable set search_path = ''
as $$
  with recursive keys as (
    select distinct k.conrelid::regclass::text as child, k.confrelid::regclass::text as parent
      from pg_catalog.pg_constraint k where k.contype = 'f' and k.conparentid = 0 and k.conrelid <> k.confrelid),
  chains as (
    select c.table_name, c.table_name as at, 0 as length from private.table_classes c where c.class = 'purge'
    union
    select h.table_name, k.parent, h.length + 1 from chains h join keys k on k.child = h.at where h.length < 30)
  select h.table_name from chains h group by h.table_name order by max(h.length) desc, h.table_name
$$;
comment on function private.purge_order is 'Tables of the class purge, those that refer to others first: in this order no foreign key refuses.';

create function private.purge_files(deletion private.organization_deletions) returns jsonb
  language plpgsql stable security definer set search_path = ''
as $$
declare
  v_files jsonb;
begin
  if to_regclass('storage.objects') is null then
    return null;
  end if;
  execute $q$
    select jsonb_build_object('bucket', f.bucket_id, 'paths', jsonb_agg(f.name))
      from (select o.bucket_id, o.name from storage.objects o
             where o.bucket_id = (select x.bucket_id from storage.objects x where x.name like $1 || '/%' limit 1) and o.name like $1 || '/%' limit 100) f
     group by f.bucket_id $q$ into v_files using (deletion).org_id::text;
  return v_files;
end;
$$;
comment on function private.purge_files is 'Up to 100 files of the organization in one bucket: {bucket, paths}; null when there is none left. They are deleted through the Storage API, which knows where the bytes are.';

create function private.purge_events(deletion private.organization_deletions, batch int) returns bigint
  language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_gone bigint;
begin
  with own as (
    select e.received_at, e.event_id from private.event_effects e where e.org_id = (deletion).org_id order by e.received_at, e.event_id limit batch),
  bodies as (
    -- A body that holds something of others stays for them until its day is dropped: 30 days at most.
    delete from private.webhook_events w using own o
     where w.received_at = o.received_at and w.id = o.event_id
       and not exists (select from private.event_effects x where x.received_at = o.received_at and x.event_id = o.event_id and x.org_id <> (deletion).org_id)),
  effects as (
    delete from private.event_effects e using own o
     where e.org_id = (deletion).org_id and e.received_at = o.received_at and e.event_id = o.event_id returning 1)
  select count(*) into v_gone from effects;
  return v_gone;
end;
$$;
comment on function private.purge_events is 'Deletes stored webhooks of the organization alone, with the note of what they held. Returns how many notes.';

create function private.purge_table(deletion private.organization_deletions, table_name text, batch int) returns bigint
  language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_gone bigint;
begin
  execute format('delete from %1$s where org_id = $1 and ctid = any (array(select ctid from %1$s where org_id = $1 limit $2))', purge_table.table_name)
    using (deletion).org_id, batch;
  get diagnostics v_gone = row_count;
  return v_gone;
end;
$$;
comment on function private.purge_table is 'Deletes up to batch rows of the organization from a table. Returns how many.';

create function private.anonymize_table(deletion private.organization_deletions, class private.table_classes, batch int) returns bigint
  language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_sets text;
  v_done bigint;
begin
  select string_agg(format('%I = %s', a.column_name, a.becomes), ', ') into v_sets
    from private.anonymized_columns a where a.table_name = (class).table_name;
  execute format('update %1$s set %2$s where org_id = $1 and $2 is not null and ctid = any (array(select ctid from %1$s where org_id = $1 and not coalesce(%3$s, false) limit $3))',
                 (class).table_name, v_sets, (class).is_done)
    using (deletion).org_id, (deletion).word, batch;
  get diagnostics v_done = row_count;
  return v_done;
end;
$$;
comment on function private.anonymize_table is 'Takes out of up to batch rows what tells of people and the business. Returns how many.';

create function private.finish_purge(deletion private.organization_deletions) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_deletion private.organization_deletions;
  v_facts    jsonb;
begin
  delete from auth.users u
   where u.id = any ((deletion).people) and not exists (select from public.memberships m where m.user_id = u.id);
  update public.organizations o set name = 'Deleted organization', time_zone = 'Asia/Kolkata', country = 'IN' where o.id = (deletion).org_id;
  v_facts := jsonb_build_object(
    'deletion_id', (deletion).id, 'requested_at', (deletion).requested_at, 'started_at', (deletion).started_at, 'finished_at', now(),
    'removed', (select coalesce(jsonb_object_agg(n.key, n.value), '{}') from jsonb_each((deletion).counts) n
                 where n.key not in (select c.table_name from private.table_classes c where c.class <> 'purge')),
    'anonymized', (select coalesce(jsonb_object_agg(n.key, n.value), '{}') from jsonb_each((deletion).counts) n
                    join private.table_classes c on c.table_name = n.key and c.class = 'anonymize'),
    'kept', (select jsonb_object_agg(c.table_name, c.why) from private.table_classes c where c.class <> 'purge'));
  update private.organization_deletions d
     set status = 'purged', finished_at = now(), requested_by = null, people = null, word = null,
         certificate = v_facts || jsonb_build_object('sha256', encode(extensions.digest(v_facts::text, 'sha256'), 'hex'))
   where d.id = (deletion).id returning * into v_deletion;
  return v_deletion.certificate;
end;
$$;
comment on function private.finish_purge is 'After the last row: accounts of people who belong to nothing else go, the organization loses its name, the certificate is written.';

create function private.remaining_rows(org_id uuid) returns jsonb
  language plpgsql stable security definer set search_path = ''
as $$
declare
  v_table text;
  v_found boolean;
  v_rest  jsonb := '{}';
begin
  for v_table in select c.table_name from private.table_classes c where c.class = 'purge' order by 1 loop
    execute format('select exists (select from %s where org_id = $1)', v_table) into v_found using remaining_rows.org_id;
    if v_found then
      v_rest := v_rest || jsonb_build_object(v_table, true);
    end if;
  end loop;
  return v_rest;
end;
$$;
comment on function private.remaining_rows is 'Tables of the class purge that still hold rows of an organization: {} when none does.';

create function worker.purge_step(batch int default 5000) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_deletion private.organization_deletions;
  v_class    private.table_classes;
  v_table    text;
  v_files    jsonb;
  v_gone     bigint;
begin
  select d.* into v_deletion from private.organization_deletions d
   where d.status in ('scheduled', 'purging') and d.purge_at <= now() and private.is_due(d)      -- the first two are the index's
   order by random() limit 1 for update skip locked;      -- one whose step fails does not hold up the others
  if not found then
    return jsonb_build_object('deletion_id', null);
  end if;
  if v_deletion.status = 'scheduled' then
    update private.organization_deletions d
       set status = 'purging', started_at = now(), word = encode(extensions.gen_random_bytes(32), 'hex'),
           people = (select array_agg(m.user_id) from public.memberships m where m.org_id = d.org_id)
     where d.id = v_deletion.id returning * into v_deletion;
  end if;
  v_files := private.purge_files(v_deletion);
  if v_files is not null then
    return jsonb_build_object('deletion_id', v_deletion.id, 'files', v_files);
  end if;
  perform set_config('flow.purging', v_deletion.org_id::text, true);
  v_gone := private.purge_events(v_deletion, purge_step.batch);
  v_table := 'private.event_effects';
  if v_gone = 0 then
    for v_table in select private.purge_order() loop
      v_gone := private.purge_table(v_deletion, v_table, purge_step.batch);
      exit when v_gone > 0;
    end loop;
  end if;
  if v_gone = 0 then
    for v_class in select c.* from private.table_classes c where c.class = 'anonymize' order by c.table_name loop
      v_table := v_class.table_name;
      v_gone := private.anonymize_table(v_deletion, v_class, purge_step.batch);
      exit when v_gone > 0;
    end loop;
  end if;
  if v_gone > 0 then
    update private.organization_deletions d
       set counts = d.counts || jsonb_build_object(v_table, coalesce((d.counts ->> v_table)::bigint, 0) + v_gone)
     where d.id = v_deletion.id;
    return jsonb_build_object('deletion_id', v_deletion.id, 'table', v_table, 'rows', v_gone);
  end if;
  return jsonb_build_object('deletion_id', v_deletion.id, 'certificate', private.finish_purge(v_deletion));
end;
$$;
comment on function worker.purge_step is
  'One small transaction of a deletion that is due. Returns {deletion_id: null} when nothing is; {deletion_id, files: {bucket, paths}}: delete these through the Storage API and call again; '
  '{deletion_id, table, rows}: that many went, call again; {deletion_id, certificate}: done.';

create function worker.files_purged(deletion_id uuid, bucket text, many int) returns void
  language sql volatile security definer set search_path = ''
as $$
  update private.organization_deletions d
     set counts = d.counts || jsonb_build_object('files in ' || bucket, coalesce((d.counts ->> ('files in ' || bucket))::bigint, 0) + many)
   where d.id = deletion_id
$$;
comment on function worker.files_purged is 'Counts files that were deleted from a bucket.';

create function worker.deletion_certificate(deletion_id uuid) returns jsonb
  language sql stable security definer set search_path = ''
as $$
  select jsonb_build_object('status', d.status, 'requested_at', d.requested_at, 'purge_at', d.purge_at, 'certificate', d.certificate)
    from private.organization_deletions d where d.id = deletion_certificate.deletion_id
$$;
comment on function worker.deletion_certificate is 'How a deletion stands, for whoever knows its id: {status, requested_at, purge_at, certificate}; null when there is none. Names nobody.';

create function worker.late_deletions() returns jsonb
  language plpgsql stable security definer set search_path = ''
as $$
begin
  return (
    select coalesce(jsonb_agg(jsonb_build_object('deletion_id', d.id, 'requested_at', d.requested_at, 'status', d.status) order by d.requested_at), '[]')
      from private.organization_deletions d
     where d.status in ('scheduled', 'purging') and d.requested_at < now() - interval '25 days'
       and not exists (select from private.legal_holds h where h.org_id = d.org_id and h.lifted_at is null));
end;
$$;
comment on function worker.late_deletions is 'Deletions that are 25 days old and not done, though no legal hold keeps them: five days before what is promised is broken.';
grant execute on function worker.purge_step, worker.files_purged, worker.deletion_certificate, worker.late_deletions to service_role;
