-- 832_sheet_runs.sql: looking at a sheet: one run at a time under a lease, and a change handed to the imports.

create function private.begin_sheet_run(source public.lead_sources, wants text, lease_seconds int) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_run   uuid := gen_random_uuid();
  v_sheet public.sheet_sources;
begin
  select s.* into strict v_sheet from public.sheet_sources s where (s.org_id, s.source_id) = ((source).org_id, (source).id);
  insert into public.sync_runs (org_id, id, source_id, kind, requested_by, min_interval_seconds)
  values ((source).org_id, v_run, (source).id, begin_sheet_run.wants, (source).requested_by, 60);
  update public.lead_sources s
     set last_called_at = now(), next_allowed_at = now() + interval '1 minute', lease_run = v_run,
         lease_expires_at = now() + make_interval(secs => begin_sheet_run.lease_seconds), requested_at = null, requested_by = null
   where (s.org_id, s.id) = ((source).org_id, (source).id);
  return jsonb_build_object('run_id', v_run, 'org_id', (source).org_id, 'source_id', (source).id, 'spreadsheet_id', v_sheet.spreadsheet_id, 'gid', v_sheet.gid,
    -- Somebody who asks by hand wants the rows looked at again, whatever Drive says.
    'version', case when begin_sheet_run.wants = 'manual' then null else v_sheet.version end,
    'sha256', (select i.sha256 from public.lead_imports i where i.org_id = v_sheet.org_id and i.id = v_sheet.import_id and i.status = 'done'));
end;
$$;
comment on function private.begin_sheet_run is 'Leases a sheet and opens its run. The caller holds the source. Definer: called beneath RLS.';

create function private.sheet_is_busy(org_id uuid, source_id uuid) returns boolean
  language sql stable security definer set search_path = ''
as $$
  select exists (select from public.lead_imports i
                  where i.org_id = sheet_is_busy.org_id and i.source_id = sheet_is_busy.source_id and i.status in ('uploaded', 'read', 'ready', 'running', 'undoing')
                    -- One whose bytes never came belongs to a run, and the run's lease guards it.
                    and i.next_at is distinct from 'infinity')
$$;
comment on function private.sheet_is_busy is 'Whether an earlier change of the sheet is still being stored, or waits for somebody to match its columns.';

create function worker.claim_sheets(lease_seconds int default 120, batch int default 4, org_id uuid default null, source_id uuid default null, manual boolean default false)
  returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_source public.lead_sources;
  v_sheets jsonb := '[]';
begin
  if claim_sheets.manual then
    select s.* into v_source from public.lead_sources s join public.organizations o on o.id = s.org_id and o.deleted_at is null
     where s.kind = 'sheet' and s.is_active and s.disconnected_at is null and s.org_id = claim_sheets.org_id
       and (claim_sheets.source_id is null or s.id = claim_sheets.source_id)
     order by s.created_at, s.id limit 1 for no key update of s;
    if not found then
      raise sqlstate 'PT404' using message = 'No sheet is connected.', detail = 'source_not_found';
    end if;
    if v_source.lease_expires_at <= now() then
      perform private.end_lost_run(v_source);
      v_source.lease_run := null;
    end if;
    perform private.check_may_sync_sheet(v_source);
    return jsonb_build_object('sheets', jsonb_build_array(private.begin_sheet_run(v_source, 'manual', claim_sheets.lease_seconds)));
  end if;
  for v_source in
    select s.* from public.lead_sources s where s.kind = 'sheet' and s.is_active and s.lease_expires_at <= now() for no key update of s skip locked
  loop
    perform private.end_lost_run(v_source);
  end loop;
  for v_source in
    select s.* from public.lead_sources s
     where s.kind = 'sheet' and s.is_active and s.disconnected_at is null and s.lease_run is null
       and (s.requested_at is not null or s.state in ('ok', 'rate_limited', 'failing'))
       and coalesce(s.next_allowed_at, '-infinity') <= now()
       and exists (select from public.organizations o where o.id = s.org_id and o.deleted_at is null)
       and not private.sheet_is_busy(s.org_id, s.id)
     order by s.requested_at nulls last, s.next_allowed_at nulls first limit claim_sheets.batch for no key update of s skip locked
  loop
    v_sheets := v_sheets || private.begin_sheet_run(v_source, case when v_source.requested_at is null then 'live' else 'manual' end, claim_sheets.lease_seconds);
  end loop;
  return jsonb_build_object('sheets', v_sheets);
end;
$$;
comment on function worker.claim_sheets is
  'Hands out sheets that are due, one lease each: {sheets: [{run_id, org_id, source_id, spreadsheet_id, gid, version and sha256: what is known already}]}. manual: the one named, or 409 sync_running or sync_too_soon with retry_at. Definer: service_role holds no tables.';

create function private.check_may_sync_sheet(source public.lead_sources) returns void
  language plpgsql stable security definer set search_path = ''
as $$
begin
  if (source).lease_run is not null or private.sheet_is_busy((source).org_id, (source).id) then
    raise sqlstate 'PT409' using message = 'This sheet is being read already, or its columns wait to be matched.', detail = 'sync_running',
      hint = private.retry_at(greatest((source).next_allowed_at, now()) + interval '1 second');
  elsif (source).last_called_at > now() - interval '1 minute' or (source).state = 'rate_limited' and (source).next_allowed_at > now() then
    raise sqlstate 'PT409' using message = 'This sheet was read a moment ago. Try again later.', detail = 'sync_too_soon',
      hint = private.retry_at(greatest((source).last_called_at + interval '1 minute',
                                       case when (source).state = 'rate_limited' then (source).next_allowed_at end) + interval '1 second');
  end if;
end;
$$;
comment on function private.check_may_sync_sheet is 'Refuses (409) a person''s sync while one runs, or a minute after one, with the time it may run.';

create function private.sync_sheet(org_id uuid, sheet_id uuid) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_source public.lead_sources;
begin
  perform private.require_role(sync_sheet.org_id, 'agent');
  select s.* into v_source from public.lead_sources s
   where s.org_id = sync_sheet.org_id and s.id = sync_sheet.sheet_id and s.kind = 'sheet' and s.is_active and s.disconnected_at is null for no key update;
  if not found then
    raise sqlstate 'PT404' using message = 'There is no such sheet.', detail = 'source_not_found';
  end if;
  if v_source.lease_expires_at <= now() then
    perform private.end_lost_run(v_source);
    v_source.lease_run := null;
  end if;
  perform private.check_may_sync_sheet(v_source);
  if v_source.requested_at > now() - interval '1 minute' then
    raise sqlstate 'PT409' using message = 'This sheet is about to be read.', detail = 'sync_running', hint = private.retry_at(v_source.requested_at + interval '1 minute');
  end if;
  update public.lead_sources s set requested_at = now(), requested_by = auth.uid(), next_allowed_at = null where (s.org_id, s.id) = (v_source.org_id, v_source.id);
  perform private.wake('sheets');
  return jsonb_build_object('source_id', v_source.id, 'requested_at', now());
end;
$$;
comment on function private.sync_sheet is 'Body of public.sync_sheet. Definer: nobody may write sources directly.';
create function public.sync_sheet(org_id uuid, sheet_id uuid) returns jsonb
  language sql volatile set search_path = ''
begin atomic
  select private.sync_sheet(org_id, sheet_id);
end;
comment on function public.sync_sheet is 'Asks for a sheet to be read now; its run appears in sync_runs. Members. Returns {source_id, requested_at}. Raises PT404, PT409 sync_running or sync_too_soon with retry_at.';
grant execute on function private.sync_sheet, public.sync_sheet to authenticated;

create function private.held_sheet_run(org_id uuid, run_id uuid) returns public.lead_sources
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_source public.lead_sources;
begin
  select s.* into v_source from public.lead_sources s where s.org_id = held_sheet_run.org_id and s.lease_run = held_sheet_run.run_id for no key update;
  if not found or v_source.disconnected_at is not null then
    raise sqlstate 'PT409' using message = 'The sheet was disconnected, or another worker reads it.', detail = 'lease_lost';
  end if;
  return v_source;
end;
$$;
comment on function private.held_sheet_run is 'The source of a run that still holds its lease, locked. Raises PT409 lease_lost. Definer: called beneath RLS.';

create function worker.sheet_run_goes_on(org_id uuid, run_id uuid) returns void
  language plpgsql volatile security definer set search_path = ''
as $$
begin
  perform private.held_sheet_run(sheet_run_goes_on.org_id, sheet_run_goes_on.run_id);
end;
$$;
comment on function worker.sheet_run_goes_on is 'Asked before each call to Google: nothing is called after a disconnect. Raises PT409 lease_lost. Definer: service_role holds no tables.';

create function worker.begin_sheet_import(org_id uuid, run_id uuid, bytes bigint, sha256 text) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_source public.lead_sources := private.held_sheet_run(begin_sheet_import.org_id, begin_sheet_import.run_id);
  v_id     uuid := gen_random_uuid();
begin
  insert into public.lead_imports (org_id, id, source_id, filename, bytes, sha256, path)
  values (v_source.org_id, v_id, v_source.id, left(v_source.name, 240), begin_sheet_import.bytes, begin_sheet_import.sha256, v_source.org_id || '/' || v_id);
  return jsonb_build_object('import_id', v_id, 'path', v_source.org_id || '/' || v_id);
end;
$$;
comment on function worker.begin_sheet_import is 'Makes the import for what was read; the bytes go to path, then worker.finish_sheet_run. Returns {import_id, path}. Raises PT409 lease_lost. Definer: service_role holds no tables.';

create function worker.finish_sheet_run(org_id uuid, run_id uuid, outcome text, details jsonb default '{}') returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  c_poll   constant interval := interval '5 minutes';
  v_source public.lead_sources := private.held_sheet_run(finish_sheet_run.org_id, finish_sheet_run.run_id);
  v_wait   interval;
begin
  if outcome not in ('unchanged', 'changed', 'access_lost', 'too_large', 'rate_limited', 'failing') then
    raise sqlstate 'PT422' using message = 'A run of a sheet does not end like this.', detail = 'outcome_unknown';
  end if;
  if outcome = 'changed' then
    update public.sheet_sources s
       set version = details ->> 'version', tab = left(details ->> 'tab', 200), changed_at = now(), import_id = (details ->> 'import_id')::uuid
     where (s.org_id, s.source_id) = (v_source.org_id, v_source.id);
    update public.lead_imports i set next_at = now()
     where i.org_id = v_source.org_id and i.id = (details ->> 'import_id')::uuid and i.status = 'uploaded';
    perform private.wake('imports');
  end if;
  if outcome = 'unchanged' and details ? 'version' then
    update public.sheet_sources s set version = details ->> 'version' where (s.org_id, s.source_id) = (v_source.org_id, v_source.id);
  end if;
  v_wait := case outcome when 'rate_limited' then make_interval(secs => greatest(coalesce((details ->> 'seconds')::int, 65), 65))
                         when 'failing' then least(c_poll * (v_source.failures + 1), interval '1 hour') else c_poll end;
  if outcome = 'rate_limited' then
    -- One identity reads for everybody: they all wait.
    update public.lead_sources s set next_allowed_at = greatest(s.next_allowed_at, now() + v_wait)
     where s.kind = 'sheet' and s.is_active and s.lease_run is null and s.disconnected_at is null;
  end if;
  update public.sync_runs r
     set finished_at = now(), received = coalesce((details ->> 'rows')::int, 0), is_complete = finish_sheet_run.outcome in ('unchanged', 'changed'),
         outcome = case finish_sheet_run.outcome when 'unchanged' then 'empty' when 'changed' then 'ok' when 'rate_limited' then 'rate_limited'
                                                 when 'access_lost' then 'key_rejected' when 'too_large' then 'bad_request' else 'server_error' end,
         http_status = (details ->> 'status')::int, message = left(details ->> 'words', 500)
   where (r.org_id, r.id) = (v_source.org_id, finish_sheet_run.run_id);
  update public.lead_sources s
     set lease_run = null, lease_expires_at = null, next_allowed_at = now() + v_wait, failures = case when outcome = 'failing' then s.failures + 1 else 0 end,
         state = case when outcome = 'unchanged' and s.state in ('needs_mapping', 'header_changed') then s.state
                      when outcome in ('unchanged', 'changed') then 'ok' else outcome end,
         state_message = case when outcome = 'unchanged' and s.state in ('needs_mapping', 'header_changed') then s.state_message
                              when outcome not in ('unchanged', 'changed') then left(details ->> 'words', 500) end
   where (s.org_id, s.id) = (v_source.org_id, v_source.id);
  return jsonb_build_object('run_id', finish_sheet_run.run_id, 'outcome', outcome, 'next_allowed_at', now() + v_wait);
end;
$$;
comment on function worker.finish_sheet_run is
  'Ends a run: unchanged {version} | changed {import_id, version, tab, rows} | access_lost, too_large, failing {words, status} | rate_limited {seconds}: then every sheet waits. Details are an object. Returns {run_id, outcome, next_allowed_at}. Raises PT409 lease_lost. Definer: service_role holds no tables.';
grant execute on function worker.claim_sheets, worker.sheet_run_goes_on, worker.begin_sheet_import, worker.finish_sheet_run to service_role;

-- From a change to its rows ------------------------------------------------------------------------------------

create function private.keep_sheet_mapping(import public.lead_imports) returns void
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
begin
  update public.sheet_sources s
     set mapping = jsonb_build_object('country', (import).mapping -> 'country', 'columns', (
           select jsonb_object_agg(m.value, (import).reading #> array['columns', m.key, 'name']) from jsonb_each_text((import).mapping -> 'columns') m))
   where s.org_id = (import).org_id and s.source_id = (import).source_id;
  if found then
    update public.lead_sources s set state = 'ok', state_message = null where (s.org_id, s.id) = ((import).org_id, (import).source_id);
  end if;
end;
$$;
comment on function private.keep_sheet_mapping is 'Remembers, for a sheet, which header somebody matched with which field. Definer: called beneath RLS.';

create function private.go_on_with_sheet(import public.lead_imports) returns void
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_sheet   public.sheet_sources;
  v_columns jsonb := '{}';
  v_lost    text[] := '{}';
  v_field   record;
  v_at      int[];
begin
  select s.* into v_sheet from public.sheet_sources s where s.org_id = (import).org_id and s.source_id = (import).source_id;
  if not found then
    return;
  elsif v_sheet.mapping is null then
    update public.lead_sources s set state = 'needs_mapping', state_message = 'Somebody has to match the columns of this sheet once.'
     where (s.org_id, s.id) = (v_sheet.org_id, v_sheet.source_id);
    return;
  end if;
  for v_field in select m.key as field, m.value as header from jsonb_each_text(v_sheet.mapping -> 'columns') m order by 1 loop
    v_at := array(select c.ordinality::int - 1 from jsonb_array_elements((import).reading -> 'columns') with ordinality c where c.value ->> 'name' = v_field.header);
    if cardinality(v_at) = 1 then
      v_columns := v_columns || jsonb_build_object(v_at[1]::text, v_field.field);
    else
      v_lost := v_lost || v_field.header;
    end if;
  end loop;
  if v_lost <> '{}' then
    perform private.fail_import((import).org_id, (import).id, 'header_changed', 'Columns are gone or stand twice: ' || array_to_string(v_lost, ', ') || '.');
    update public.lead_sources s
       set state = 'header_changed', state_message = left('Columns of this sheet are gone or stand twice: ' || array_to_string(v_lost, ', ') || '. Rename them back, or match the columns again.', 500)
     where (s.org_id, s.id) = (v_sheet.org_id, v_sheet.source_id);
    return;
  end if;
  update public.lead_imports i
     set status = 'ready', next_at = now(), attempts = 0, pass = i.pass + 1, next_row = 0, mapping = jsonb_build_object('columns', v_columns, 'country', v_sheet.mapping -> 'country'),
         -- Whoever stood there at the first reading is no new enquiry.
         greet = v_sheet.greet and exists (select from public.lead_imports o where o.org_id = i.org_id and o.source_id = i.source_id and o.id <> i.id and o.status = 'done' and not o.is_check),
         is_check = false
   where (i.org_id, i.id) = ((import).org_id, (import).id);
  update public.lead_sources s set state = 'ok', state_message = null
   where (s.org_id, s.id) = (v_sheet.org_id, v_sheet.source_id) and s.state in ('needs_mapping', 'header_changed');
  perform private.wake('imports');
end;
$$;
comment on function private.go_on_with_sheet is
  'What becomes of a sheet''s change once its header was read: its rows are stored by the mapping of header names that was confirmed; without one, or when a header is gone, it waits for somebody. Definer: called beneath RLS.';
