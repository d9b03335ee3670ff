-- 940_imports.sql: what the job `imports` claims and reports. Each step names its lease; a worker that lost it changes nothing.

create function private.wake_imports() returns void
  language plpgsql volatile security definer set search_path = ''
as $$
begin
  if exists (select from public.lead_imports i where i.next_at <= now())
     or exists (select from public.lead_imports i where i.file_removed_at is null and i.finished_at <= now() - interval '10 seconds') then
    perform private.wake('imports', interval '2 seconds');
  end if;
end;
$$;
comment on function private.wake_imports is 'For the sweep: wakes the job when an import is due, or the file of one that ended is still there.';

create function worker.import_uploaded(org_id uuid, import_id uuid) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
begin
  update public.lead_imports i set next_at = now()
   where i.org_id = import_uploaded.org_id and i.id = import_uploaded.import_id and i.status = 'uploaded' and i.next_at = 'infinity';
  if not found then
    raise sqlstate 'PT404' using message = 'No such upload is going on.', detail = 'import_not_found', hint = 'Upload the file again.';
  end if;
  perform private.wake('imports');
  return private.find_import(import_uploaded.org_id, import_uploaded.import_id);
end;
$$;
comment on function worker.import_uploaded is 'The bytes of an upload are in the bucket: it may be read. Returns the import. Raises PT404 import_not_found.';

create function worker.drop_import(org_id uuid, import_id uuid) returns void
  language sql volatile security definer set search_path = ''
as $$
  delete from public.lead_imports i
   where i.org_id = drop_import.org_id and i.id = drop_import.import_id and i.status = 'uploaded' and i.next_at = 'infinity'
$$;
comment on function worker.drop_import is 'Forgets an upload of which nothing was kept.';

create function private.fail_import(org_id uuid, import_id uuid, slug text, words text) returns void
  language sql volatile security definer set search_path = ''
as $$
  update public.lead_imports i
     set status = 'failed', finished_at = now(), next_at = null, lease = null, error_slug = left(fail_import.slug, 64), error = left(fail_import.words, 500)
   where i.org_id = fail_import.org_id and i.id = fail_import.import_id
$$;
comment on function private.fail_import is 'Ends an import with the reason; what is stored stays, and can be undone.';

create function worker.claim_import(lease_seconds int default 120, org_id uuid default null, import_id uuid default null) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_import public.lead_imports;
  v_tries  int := 0;
begin
  loop
    select i.* into v_import from public.lead_imports i
     where i.next_at <= now()
       and (claim_import.org_id is null or i.org_id = claim_import.org_id) and (claim_import.import_id is null or i.id = claim_import.import_id)
       -- One at a time of an organization: they would wait for each other's people.
       and not exists (select from public.lead_imports o where o.org_id = i.org_id and o.id <> i.id and o.lease is not null and o.next_at > now())
     order by i.next_at, i.id limit 1 for no key update skip locked;
    if not found then
      return '{"import": null}';
    end if;
    v_tries := v_tries + 1;
    exit when v_import.attempts < 5 or v_tries > 100;
    if v_import.status = 'undoing' then
      update public.lead_imports i set next_at = now() + interval '1 hour', attempts = 0, lease = null where i.org_id = v_import.org_id and i.id = v_import.id;
    else
      perform private.fail_import(v_import.org_id, v_import.id, 'worker_died', 'Five attempts broke off at the same place of the file.');
    end if;
  end loop;
  update public.lead_imports i
     set lease = gen_random_uuid(), next_at = now() + make_interval(secs => claim_import.lease_seconds), attempts = i.attempts + 1,
         status = case i.status when 'ready' then 'running' else i.status end
   where i.org_id = v_import.org_id and i.id = v_import.id returning i.* into v_import;
  return jsonb_build_object('import', jsonb_build_object(
    'lease', v_import.lease, 'org_id', v_import.org_id, 'import_id', v_import.id,
    'task', case v_import.status when 'uploaded' then 'read' when 'undoing' then 'undo' else 'run' end,
    'path', v_import.path, 'sha256', v_import.sha256, 'choices', v_import.choices, 'mapping', v_import.mapping,
    'reading', v_import.reading - 'preview', 'next_row', v_import.next_row,
    'number', (select coalesce(max(b.number) + 1, 0) from private.lead_import_batches b
                where b.org_id = v_import.org_id and b.import_id = v_import.id and b.pass = v_import.pass)));
end;
$$;
comment on function worker.claim_import is
  'Hands out the import that is due longest, one of an organization at a time, or the one asked for: {import: {lease, org_id, import_id, task: read | run | undo, path, sha256, choices, '
  'mapping, reading, next_row, number: of its next batch}}, or {import: null}. Fails what broke off five times without progress.';

create function private.leased_import(org_id uuid, import_id uuid, lease uuid) returns public.lead_imports
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_import public.lead_imports;
begin
  select i.* into v_import from public.lead_imports i
   where i.org_id = leased_import.org_id and i.id = leased_import.import_id for no key update;
  if not found or v_import.lease is distinct from leased_import.lease or v_import.lease is null then
    raise sqlstate 'PT409' using message = 'Another worker has this import, or it was cancelled.', detail = 'lease_lost';
  end if;
  return v_import;
end;
$$;
comment on function private.leased_import is 'The import, locked, for the worker whose lease still holds. Raises PT409 lease_lost.';

create function worker.record_import_reading(org_id uuid, import_id uuid, lease uuid, reading jsonb) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_import public.lead_imports := private.leased_import(record_import_reading.org_id, record_import_reading.import_id, record_import_reading.lease);
begin
  update public.lead_imports i
     set status = 'read', reading = record_import_reading.reading, rows_total = (record_import_reading.reading ->> 'rows')::int,
         next_at = null, lease = null, attempts = 0
   where i.org_id = v_import.org_id and i.id = v_import.id and i.status = 'uploaded' returning i.* into v_import;
  if found then
    perform private.go_on_with_sheet(v_import);
  end if;
  return '{}';
end;
$$;
comment on function worker.record_import_reading is 'What reading a file found (lead_imports.reading); a person is to confirm it now. Raises PT409 lease_lost.';

create function worker.record_import_rows(org_id uuid, import_id uuid, lease uuid, batch jsonb, lease_seconds int default 120) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_import public.lead_imports := private.leased_import(record_import_rows.org_id, record_import_rows.import_id, record_import_rows.lease);
  b        jsonb := record_import_rows.batch;
  v_items  private.import_item[];
  v_change jsonb;
  v_stored jsonb;
  v_errors jsonb;
  v_counts jsonb;
  v_erased int[];
begin
  if v_import.status <> 'running' then
    raise sqlstate 'PT409' using message = 'The import is not running.', detail = 'lease_lost';
  end if;
  if (b ->> 'from')::int >= v_import.next_row then                 -- else: it was stored, and the answer was lost
    v_items := private.import_items(v_import.org_id, v_import.source_id, b -> 'items');
    -- Others who store the same people wait here, before anything is written.
    perform private.lock_people(v_import.org_id, array(
      select x from unnest(v_items) i
       cross join lateral (select private.read_person(i.item -> 'person') as who offset 0) p
       cross join lateral unnest(array[(p.who).phone, (p.who).email, v_import.source_id::text || i.external_id] || (p.who).phones || (p.who).emails) x));
    -- Of erased people nothing is looked at: not to count, not to change, not to store.
    v_erased := private.suppressed_people(v_import.org_id, array(select private.read_person(i.item -> 'person') from unnest(v_items) i));
    b := jsonb_set(b, '{errors}', (b -> 'errors') || coalesce((
      select jsonb_agg(jsonb_build_object('row', v_items[n].row, 'code', 'suppressed') order by n) from unnest(v_erased) n), '[]'));
    v_items := array(select v_items[n] from generate_subscripts(v_items, 1) n where not n = any (v_erased) order by n);
    v_change := private.change_imported(v_import, v_items);
    v_stored := case when v_import.is_check then private.check_import_rows(v_import, v_items) else private.store_import_rows(v_import, v_items) end;
    v_errors := (b -> 'errors') || (v_change -> 'errors') || (v_stored -> 'errors');
    insert into private.lead_import_rows (org_id, import_id, pass, row, outcome, column_name, code, raw)
    select v_import.org_id, v_import.id, v_import.pass, (e ->> 'row')::int, 'error', left(e ->> 'column', 200), left(e ->> 'code', 64), left(e ->> 'raw', 200)
      from jsonb_array_elements(v_errors) e;
    v_counts := jsonb_build_object(
      'new', v_stored -> 'new', 'updated', v_change -> 'updated', 'blank', b -> 'blank', 'error', jsonb_array_length(v_errors),
      'greetable', v_stored -> 'greetable',
      'known', cardinality(v_items) - (v_stored ->> 'new')::int - (v_change ->> 'updated')::int
               - jsonb_array_length(v_change -> 'errors') - jsonb_array_length(v_stored -> 'errors'));
    insert into private.lead_import_batches (org_id, import_id, pass, number, row_from, row_to, counts)
    values (v_import.org_id, v_import.id, v_import.pass, (b ->> 'number')::int, (b ->> 'from')::int, (b ->> 'to')::int, v_counts);
    update public.lead_imports i
       set next_row = (b ->> 'to')::int + 1, attempts = 0, next_at = clock_timestamp() + make_interval(secs => record_import_rows.lease_seconds),
           rows_new = i.rows_new + (v_counts ->> 'new')::int, rows_known = i.rows_known + (v_counts ->> 'known')::int,
           rows_updated = i.rows_updated + (v_counts ->> 'updated')::int, rows_blank = i.rows_blank + (v_counts ->> 'blank')::int,
           rows_error = i.rows_error + (v_counts ->> 'error')::int, greetable = i.greetable + (v_counts ->> 'greetable')::int
     where i.org_id = v_import.org_id and i.id = v_import.id;
  end if;
  return jsonb_build_object('others_wait', exists (select from public.lead_imports o where o.next_at <= now() and o.org_id <> v_import.org_id));
end;
$$;
comment on function worker.record_import_rows is
  'Stores a batch, or in a dry run counts it: {number, from, to: rows of the file, items: [{row, external_id, row_hash, item}], blank, errors: [{row, column, code, raw}]}, in one '
  'transaction; the same batch again changes nothing. Renews the lease. Returns {others_wait: another organization''s import is due}. Raises PT409 lease_lost.';

create function worker.finish_import(org_id uuid, import_id uuid, lease uuid, outcome jsonb) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_import public.lead_imports := private.leased_import(finish_import.org_id, finish_import.import_id, finish_import.lease);
begin
  case finish_import.outcome ->> 'outcome'
    when 'later' then
      update public.lead_imports i set lease = null, next_at = now() + make_interval(secs => coalesce((finish_import.outcome ->> 'seconds')::int, 0)),
             attempts = i.attempts - 1
       where i.org_id = v_import.org_id and i.id = v_import.id;
    when 'failed' then
      perform private.fail_import(v_import.org_id, v_import.id, finish_import.outcome ->> 'slug', finish_import.outcome ->> 'words');
    when 'done' then
      if v_import.is_check then
        update public.lead_imports i
           set status = 'read', lease = null, next_at = null, attempts = 0, checked = jsonb_build_object(
                 'new', i.rows_new, 'known', i.rows_known, 'updated', i.rows_updated, 'blank', i.rows_blank, 'error', i.rows_error,
                 'greetable', i.greetable, 'mapping', i.mapping)
         where i.org_id = v_import.org_id and i.id = v_import.id;
      else
        update public.lead_imports i
           set status = 'done', lease = null, next_at = null, attempts = 0, finished_at = now()
         where i.org_id = v_import.org_id and i.id = v_import.id;
      end if;
    else
      raise sqlstate 'PT422' using message = 'An import ends done or failed, or goes on later.', detail = 'outcome_unknown';
  end case;
  return private.find_import(finish_import.org_id, finish_import.import_id);
end;
$$;
comment on function worker.finish_import is
  'Gives a lease back: {outcome: done | failed {slug, words} | later {seconds}}. A dry run that is done waits to be confirmed again. Returns the import. Raises PT409 lease_lost, PT422 outcome_unknown.';

create function worker.undo_import_rows(org_id uuid, import_id uuid, lease uuid, batch int default 500, lease_seconds int default 120) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_import public.lead_imports := private.leased_import(undo_import_rows.org_id, undo_import_rows.import_id, undo_import_rows.lease);
  v_done   jsonb;
begin
  if v_import.status <> 'undoing' then
    raise sqlstate 'PT409' using message = 'The import is not being undone.', detail = 'lease_lost';
  end if;
  v_done := private.undo_import_rows(v_import, least(greatest(undo_import_rows.batch, 1), 5000));
  update public.lead_imports i
     set undo = jsonb_build_object(
           'removed', (i.undo ->> 'removed')::int + (v_done ->> 'removed')::int, 'restored', (i.undo ->> 'restored')::int + (v_done ->> 'restored')::int,
           'contacts_removed', (i.undo ->> 'contacts_removed')::int + (v_done ->> 'contacts_removed')::int,
           'contacts_stayed', (i.undo ->> 'contacts_stayed')::int + (v_done ->> 'contacts_stayed')::int,
           'stayed', (select coalesce(jsonb_object_agg(s.key, s.n), '{}')
                        from (select a.key, sum(a.value::int) as n from (
                                select * from jsonb_each_text(i.undo -> 'stayed') union all select * from jsonb_each_text(v_done -> 'stayed')) a
                               group by 1) s)),
         attempts = 0,
         status = case (v_done ->> 'looked_at')::int when 0 then 'undone' else 'undoing' end,
         lease = case (v_done ->> 'looked_at')::int when 0 then null else i.lease end,
         next_at = case (v_done ->> 'looked_at')::int when 0 then null else clock_timestamp() + make_interval(secs => undo_import_rows.lease_seconds) end
   where i.org_id = v_import.org_id and i.id = v_import.id;
  return jsonb_build_object('more', (v_done ->> 'looked_at')::int > 0);
end;
$$;
comment on function worker.undo_import_rows is 'Takes back a batch of rows in one transaction; renews the lease. Returns {more}. Raises PT409 lease_lost.';

create function worker.import_files_to_remove() returns jsonb
  language sql stable security definer set search_path = ''
as $$
  select jsonb_build_object('paths', coalesce(jsonb_agg(i.path), '[]'))
    from (select f.path from public.lead_imports f where f.file_removed_at is null and f.finished_at is not null order by f.finished_at limit 100) i
$$;
comment on function worker.import_files_to_remove is 'Files of imports that ended, to be deleted from the bucket: {paths}. Then call worker.import_files_removed.';

create function worker.import_files_removed(paths jsonb) returns void
  language sql volatile security definer set search_path = ''
as $$
  update public.lead_imports i set file_removed_at = now()
   where i.path in (select jsonb_array_elements_text(import_files_removed.paths)) and i.file_removed_at is null and i.finished_at is not null
$$;
comment on function worker.import_files_removed is 'These files are gone from the bucket.';

create function private.clean_imports() returns void
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
begin
  perform private.fail_import(i.org_id, i.id, 'interrupted', 'The upload was interrupted: send the file again.')
     from public.lead_imports i where i.next_at = 'infinity' and i.created_at < now() - interval '1 hour';
  update public.lead_imports i set status = 'cancelled', finished_at = now(), error_slug = 'not_confirmed', error = 'Nobody confirmed the columns for seven days.'
   where i.status = 'read' and i.created_at < now() - interval '7 days';
  update public.lead_imports i set reading = i.reading - 'preview'
   where i.finished_at < now() - interval '30 days' and i.reading ? 'preview';
end;
$$;
comment on function private.clean_imports is 'Hourly: ends uploads that broke off and imports that nobody confirmed; drops previews after 30 days (they hold cells as given).';
grant execute on function worker.import_uploaded, worker.drop_import, worker.claim_import, worker.record_import_reading, worker.record_import_rows,
  worker.finish_import, worker.undo_import_rows, worker.import_files_to_remove, worker.import_files_removed to service_role;
