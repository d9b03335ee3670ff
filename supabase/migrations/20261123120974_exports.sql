-- 974_exports.sql: an owner asks for everything; a job builds the archive piece by piece, and it is gone after seven days.

create table private.organization_exports (
  org_id        uuid not null references public.organizations on delete restrict,
  id            uuid not null default gen_random_uuid(),
  requested_by  uuid,
  requested_at  timestamptz not null default now(),
  cutoff        timestamptz not null default now(),
  status        text not null default 'reading',
  at_table      text,
  after         jsonb,
  pieces        int not null default 0,
  rows          bigint not null default 0,
  bytes         bigint not null default 0,
  tables        jsonb not null default '{}',
  parts         jsonb not null default '[]',
  cursor        jsonb,
  attempts      int not null default 0,
  next_at       timestamptz default now(),
  lease         uuid,
  error         text,
  error_slug    text,
  finished_at   timestamptz,
  expires_at    timestamptz,
  tidied_at     timestamptz,
  removed_at    timestamptz,
  primary key (org_id, id),
  constraint export_status_is_known check (status in ('reading', 'writing', 'ready', 'failed', 'cancelled', 'expired')),
  constraint export_waits_only_while_under_way check ((status in ('reading', 'writing')) = (next_at is not null)),
  constraint export_has_an_end check ((status in ('reading', 'writing')) = (finished_at is null))
);
comment on table private.organization_exports is
  'Exports that owners asked for: reading (rows into pieces) → writing (pieces and files into the archive) → ready → expired; or failed, cancelled. The files are in the bucket "exports", under <org_id>/<id>/.';
comment on column private.organization_exports.org_id is 'The organization.';
comment on column private.organization_exports.id is 'Names the export.';
comment on column private.organization_exports.requested_by is 'The owner who asked.';
comment on column private.organization_exports.requested_at is 'When.';
comment on column private.organization_exports.cutoff is 'Rows that came to be later are left out.';
comment on column private.organization_exports.status is 'reading, writing, ready, failed, cancelled or expired.';
comment on column private.organization_exports.at_table is 'While reading: the table that is being read; null: the first.';
comment on column private.organization_exports.after is 'While reading: the key of the last row that is in a piece; null: none of the table is.';
comment on column private.organization_exports.pieces is 'How many pieces there are.';
comment on column private.organization_exports.rows is 'Rows in them.';
comment on column private.organization_exports.bytes is 'Bytes of those rows as JSON.';
comment on column private.organization_exports.tables is 'Rows by table, {table: rows}.';
comment on column private.organization_exports.parts is 'The files of the archive that are written, [{path, name, bytes, sha256, files}]: one, or several of about two gigabytes.';
comment on column private.organization_exports.cursor is 'While writing: where the next part begins, as the worker noted it.';
comment on column private.organization_exports.attempts is 'How often it was taken up without getting further.';
comment on column private.organization_exports.next_at is 'While under way: when it is taken up next, or when the worker that has it counts as dead.';
comment on column private.organization_exports.lease is 'The claim under which a worker has it; null: nobody.';
comment on column private.organization_exports.error is 'Why it failed or waits, in words.';
comment on column private.organization_exports.error_slug is 'The same for code.';
comment on column private.organization_exports.finished_at is 'When it was ready, or ended otherwise.';
comment on column private.organization_exports.expires_at is 'When its files are deleted: seven days after it was ready.';
comment on column private.organization_exports.tidied_at is 'When it had ended and nothing but its archive was left in the bucket.';
comment on column private.organization_exports.removed_at is 'When the last of its files was deleted.';
create unique index organization_has_one_export_under_way on private.organization_exports (org_id) where status in ('reading', 'writing');
create index organization_exports_due on private.organization_exports (next_at) where status in ('reading', 'writing');
create index organization_exports_with_files on private.organization_exports (expires_at) where removed_at is null and finished_at is not null;
alter table private.organization_exports enable row level security;

create table private.export_pieces (
  org_id     uuid not null,
  export_id  uuid not null,
  number     int not null,
  path       text not null,
  segments   jsonb not null,
  primary key (org_id, export_id, number),
  constraint piece_is_of_an_export foreign key (org_id, export_id) references private.organization_exports (org_id, id) on delete cascade
);
comment on table private.export_pieces is 'Pieces of an export that is being built, each some pages of rows. A worker that dies is followed by one that goes on after the last.';
comment on column private.export_pieces.org_id is 'The organization.';
comment on column private.export_pieces.export_id is 'The export.';
comment on column private.export_pieces.number is 'From 0 on.';
comment on column private.export_pieces.path is 'Name of the object in the bucket; each worker writes names of its own, so that none harms another''s.';
comment on column private.export_pieces.segments is 'What it holds, [{file, offset, length, rows}]: each a zlib stream of its own.';
alter table private.export_pieces enable row level security;

insert into private.table_classes (table_name, class, why) values
  ('private.organization_exports', 'purge', 'Data of the organization'), ('private.export_pieces', 'purge', 'Data of the organization');
insert into private.export_tables (table_name, class, why) values
  ('private.organization_exports', 'none', 'Work of Flow that is under way'), ('private.export_pieces', 'none', 'Work of Flow that is under way');

-- The bucket: nobody but the workers reads or writes it; people get an address for some minutes.
do $$
begin
  if to_regclass('storage.buckets') is not null then
    insert into storage.buckets (id, name, public, file_size_limit) values ('exports', 'exports', false, null)
    on conflict (id) do update set public = false, file_size_limit = null, allowed_mime_types = null;
  end if;
end;
$$;

create function private.export_as_told(export private.organization_exports) returns jsonb
  language sql stable set search_path = ''
as $$
  select jsonb_build_object('id', (export).id, 'status', (export).status, 'requested_by', (export).requested_by, 'requested_at', (export).requested_at,
    'cutoff', (export).cutoff, 'at_table', (export).at_table, 'rows', (export).rows, 'bytes', (export).bytes, 'tables', (export).tables,
    'parts', (select coalesce(jsonb_agg(jsonb_build_object('number', p.i - 1, 'name', p.x ->> 'name', 'bytes', (p.x ->> 'bytes')::bigint, 'sha256', p.x ->> 'sha256',
                'files', (p.x ->> 'files')::bigint) order by p.i), '[]') from jsonb_array_elements((export).parts) with ordinality p (x, i)),
    'error', (export).error, 'error_slug', (export).error_slug, 'finished_at', (export).finished_at, 'expires_at', (export).expires_at)
$$;
comment on function private.export_as_told is
  'An export for its owners: {id, status, requested_by, requested_at, cutoff, at_table, rows, bytes, tables: {table: rows}, parts: [{number, name, bytes, sha256, files}], error, error_slug, finished_at, expires_at}.';

-- Asking ------------------------------------------------------------------------------------------------------------------

create function private.request_export(org_id uuid) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_last   private.organization_exports;
  v_export private.organization_exports;
begin
  perform private.require_role(request_export.org_id, 'owner');
  perform private.require_recent_sign_in();
  perform 1 from public.organizations o where o.id = request_export.org_id for no key update;      -- two clicks wait for each other
  select e.* into v_last from private.organization_exports e
   where e.org_id = request_export.org_id and e.status <> 'failed' and (e.status <> 'cancelled' or e.rows > 0) order by e.requested_at desc limit 1;
  if v_last.status in ('reading', 'writing') then
    return private.export_as_told(v_last);
  elsif v_last.requested_at > now() - interval '24 hours' then
    raise sqlstate 'PT429' using message = 'There was an export within the last 24 hours.', detail = 'export_too_soon',
      hint = private.retry_at(v_last.requested_at + interval '24 hours');
  end if;
  insert into private.organization_exports (org_id, requested_by) values (request_export.org_id, auth.uid()) returning * into v_export;
  perform private.audit(request_export.org_id, 'organization.export_requested', 'export', v_export.id::text);
  perform private.wake('exports');
  return private.export_as_told(v_export);
end;
$$;
comment on function private.request_export is 'Body of public.request_export. Definer: writes a closed table.';

create function public.request_export(org_id uuid) returns jsonb
  language sql volatile set search_path = ''
begin atomic
  select private.request_export(request_export.org_id);
end;
comment on function public.request_export is
  'Asks for an archive of everything; one that is under way is given again. Owners who signed in within 15 minutes. Returns the export as public.list_exports does. '
  'Raises PT403 role_too_low, sign_in_again, PT429 export_too_soon (one in 24 hours, unless it failed).';

create function private.list_exports(org_id uuid) returns jsonb
  language plpgsql stable security definer set search_path = ''
as $$
begin
  perform private.require_role(list_exports.org_id, 'owner');
  return jsonb_build_object('exports', coalesce((select jsonb_agg(private.export_as_told(e) order by e.requested_at desc) from (
      select x.* from private.organization_exports x where x.org_id = list_exports.org_id order by x.requested_at desc limit 20) e), '[]'),
    'next_at', (select max(e.requested_at) + interval '24 hours' from private.organization_exports e
                 where e.org_id = list_exports.org_id and e.status <> 'failed' and (e.status <> 'cancelled' or e.rows > 0) and e.requested_at > now() - interval '24 hours'),
    'steps', (select count(*) from private.export_catalogue c where c.class <> 'none'),
    'exclusions', private.export_plan() -> 'exclusions');
end;
$$;
comment on function private.list_exports is 'Body of public.list_exports. Definer: reads a closed table.';

create function public.list_exports(org_id uuid) returns jsonb
  language sql stable set search_path = ''
begin atomic
  select private.list_exports(list_exports.org_id);
end;
comment on function public.list_exports is
  'The last 20 exports, newest first: {exports: [{id, status: reading, writing, ready, failed, cancelled or expired, requested_by, requested_at, cutoff, at_table, rows, bytes, tables: {table: rows}, '
  'parts: [{number, name, bytes, sha256, files}], error, error_slug, finished_at, expires_at}], next_at: when another may be asked for, null: now, steps: tables to read, '
  'exclusions: [{table, column?, why}]}. Owners.';

create function private.cancel_export(org_id uuid, export_id uuid) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_export private.organization_exports;
begin
  perform private.require_role(cancel_export.org_id, 'owner');
  update private.organization_exports e
     set status = case when e.status = 'ready' then 'expired' else 'cancelled' end, next_at = null, lease = null,
         finished_at = coalesce(e.finished_at, now()), expires_at = least(e.expires_at, now())
   where e.org_id = cancel_export.org_id and e.id = cancel_export.export_id and e.status in ('reading', 'writing', 'ready') returning * into v_export;
  if not found then
    raise sqlstate 'PT404' using message = 'There is no such export, or it has ended.', detail = 'export_not_found', hint = 'Reload the list.';
  end if;
  perform private.audit(cancel_export.org_id, 'organization.export_cancelled', 'export', v_export.id::text);
  perform private.wake('exports');
  return private.export_as_told(v_export);
end;
$$;
comment on function private.cancel_export is 'Body of public.cancel_export. Definer: writes a closed table.';

create function public.cancel_export(org_id uuid, export_id uuid) returns jsonb
  language sql volatile set search_path = ''
begin atomic
  select private.cancel_export(cancel_export.org_id, cancel_export.export_id);
end;
comment on function public.cancel_export is
  'Stops an export, or deletes the files of one that is ready before their time. Owners. Returns the export. Raises PT404 export_not_found.';

create function private.open_export(org_id uuid, export_id uuid, part int) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_export private.organization_exports;
begin
  perform private.require_role(open_export.org_id, 'owner');
  select e.* into v_export from private.organization_exports e where e.org_id = open_export.org_id and e.id = open_export.export_id;
  if v_export.status is distinct from 'ready' or v_export.expires_at <= now() or v_export.parts -> open_export.part is null then
    raise sqlstate 'PT404' using message = 'There is no such export, or it is not there any more.', detail = 'export_not_found', hint = 'Ask for another one.';
  end if;
  perform private.require_recent_sign_in();
  perform private.audit(open_export.org_id, 'organization.export_opened', 'export', v_export.id::text, jsonb_build_object('part', open_export.part));
  return jsonb_build_object('path', v_export.parts -> open_export.part ->> 'path', 'name', v_export.parts -> open_export.part ->> 'name');
end;
$$;
comment on function private.open_export is 'Body of public.open_export. Definer: reads a closed table.';

create function public.open_export(org_id uuid, export_id uuid, part int default 0) returns jsonb
  language sql volatile set search_path = ''
begin atomic
  select private.open_export(open_export.org_id, open_export.export_id, open_export.part);
end;
comment on function public.open_export is
  'Notes that an owner is about to download a part of an export, and names its object {path, name}; POST /api/exports/<id>/link makes the address. '
  'Owners who signed in within 15 minutes. Raises PT403 sign_in_again, PT404 export_not_found.';
grant execute on function private.request_export, public.request_export, private.list_exports, public.list_exports, private.cancel_export, public.cancel_export,
  private.open_export, public.open_export to authenticated;

-- The job -----------------------------------------------------------------------------------------------------------------

create function private.wake_exports() returns void
  language plpgsql volatile security definer set search_path = ''
as $$
begin
  if exists (select from private.organization_exports e where e.status in ('reading', 'writing') and e.next_at <= now())
     or exists (select from private.organization_exports e where e.removed_at is null and e.finished_at is not null and (e.tidied_at is null or e.expires_at <= now())) then
    perform private.wake('exports', interval '5 seconds');
  end if;
end;
$$;
comment on function private.wake_exports is 'For the sweep: wakes the job when an export is due, or the files of one have to go.';

create function worker.claim_export(lease_seconds int, org_id uuid default null) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_export private.organization_exports;
begin
  update private.organization_exports e
     set status = 'failed', next_at = null, lease = null, finished_at = now(), expires_at = now(), error = 'The organization is being deleted.', error_slug = 'organization_deleted'
    from public.organizations o where e.status in ('reading', 'writing') and o.id = e.org_id and o.deleted_at is not null;
  update private.organization_exports e set lease = gen_random_uuid(), attempts = e.attempts + 1, next_at = now() + make_interval(secs => lease_seconds)
   where (e.org_id, e.id) = (select d.org_id, d.id from private.organization_exports d
                              where d.status in ('reading', 'writing') and d.next_at <= now() and (claim_export.org_id is null or d.org_id = claim_export.org_id)
                              order by d.next_at limit 1 for update skip locked)
  returning * into v_export;
  if not found then
    return jsonb_build_object('export', null);
  end if;
  return jsonb_build_object('export', jsonb_build_object('org_id', v_export.org_id, 'export_id', v_export.id, 'lease', v_export.lease, 'status', v_export.status,
    'requested_by', v_export.requested_by, 'requested_at', v_export.requested_at, 'cutoff', v_export.cutoff, 'at_table', v_export.at_table, 'after', v_export.after,
    'pieces', v_export.pieces, 'parts', v_export.parts, 'cursor', v_export.cursor, 'attempts', v_export.attempts,
    'name', (select o.name from public.organizations o where o.id = v_export.org_id)) || private.export_plan());
end;
$$;
comment on function worker.claim_export is
  'Hands out an export that is due, under a lease: {export: null} or {export: {org_id, export_id, lease, status, requested_by, requested_at, cutoff, at_table, after, pieces, parts, cursor, attempts, name, '
  'tables, exclusions}}. Ends those of organizations that are being deleted.';

create function private.leased_export(org_id uuid, export_id uuid, lease uuid) returns private.organization_exports
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_export private.organization_exports;
begin
  select e.* into v_export from private.organization_exports e join public.organizations o on o.id = e.org_id and o.deleted_at is null
   where e.org_id = leased_export.org_id and e.id = leased_export.export_id and e.lease = leased_export.lease for update of e;
  if not found then
    raise sqlstate 'PT409' using message = 'Another worker has this export, or it was stopped.', detail = 'lease_lost';
  end if;
  return v_export;
end;
$$;
comment on function private.leased_export is 'The export that a worker has, locked; PT409 lease_lost when it has it no more.';

create function worker.record_export_piece(org_id uuid, export_id uuid, lease uuid, piece jsonb, read jsonb, at_table text, after jsonb, lease_seconds int)
  returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_export private.organization_exports := private.leased_export(record_export_piece.org_id, record_export_piece.export_id, record_export_piece.lease);
begin
  if v_export.status <> 'reading' or v_export.pieces <> (record_export_piece.piece ->> 'number')::int then
    raise sqlstate 'PT409' using message = 'This piece is not the next one.', detail = 'lease_lost';
  end if;
  insert into private.export_pieces values (v_export.org_id, v_export.id, v_export.pieces, piece ->> 'path', piece -> 'segments');
  update private.organization_exports e
     set pieces = e.pieces + 1, at_table = record_export_piece.at_table, after = record_export_piece.after, attempts = 0, error = null, error_slug = null,
         status = case when record_export_piece.at_table is null then 'writing' else 'reading' end, next_at = now() + make_interval(secs => lease_seconds),
         rows = e.rows + (record_export_piece.read ->> 'rows')::bigint, bytes = e.bytes + (record_export_piece.read ->> 'bytes')::bigint,
         tables = e.tables || (select coalesce(jsonb_object_agg(t.key, coalesce((e.tables ->> t.key)::bigint, 0) + t.value::bigint), '{}')
                                 from jsonb_each_text(record_export_piece.read -> 'tables') t)
   where (e.org_id, e.id) = (v_export.org_id, v_export.id);
  return '{}';
end;
$$;
comment on function worker.record_export_piece is
  'A piece {number, path, segments} rests in the bucket. read: {rows, bytes, tables: {table: rows}} of it; at_table, after: where the next begins, null: all is read. Raises PT409 lease_lost.';

create function worker.export_pieces(org_id uuid, export_id uuid, lease uuid) returns jsonb
  language sql volatile security definer set search_path = ''
as $$
  select jsonb_build_object('pieces', coalesce(jsonb_agg(jsonb_build_object('path', p.path, 'segments', p.segments) order by p.number), '[]'))
    from private.leased_export(export_pieces.org_id, export_pieces.export_id, export_pieces.lease) e
    join private.export_pieces p on p.org_id = e.org_id and p.export_id = e.id
$$;
comment on function worker.export_pieces is 'What the pieces of an export hold, {pieces: [{path, segments}]}. Raises PT409 lease_lost.';

create function worker.keep_export(org_id uuid, export_id uuid, lease uuid, lease_seconds int) returns jsonb
  language sql volatile security definer set search_path = ''
as $$
  update private.organization_exports x set next_at = now() + make_interval(secs => keep_export.lease_seconds)
    from private.leased_export(keep_export.org_id, keep_export.export_id, keep_export.lease) e where (x.org_id, x.id) = (e.org_id, e.id);
  select '{}'::jsonb
$$;
comment on function worker.keep_export is 'A worker that is still writing keeps its lease. Raises PT409 lease_lost.';

create function worker.record_export_part(org_id uuid, export_id uuid, lease uuid, part jsonb, cursor jsonb, lease_seconds int) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_export private.organization_exports := private.leased_export(record_export_part.org_id, record_export_part.export_id, record_export_part.lease);
begin
  update private.organization_exports e
     set parts = e.parts || jsonb_build_array(record_export_part.part), cursor = record_export_part.cursor, attempts = 0, next_at = now() + make_interval(secs => lease_seconds)
   where (e.org_id, e.id) = (v_export.org_id, v_export.id);
  return '{}';
end;
$$;
comment on function worker.record_export_part is 'A part of the archive {path, name, bytes, sha256, files} is written and was read again; cursor: where the next begins. Raises PT409 lease_lost.';

create function worker.finish_export(org_id uuid, export_id uuid, lease uuid, outcome jsonb) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_export private.organization_exports := private.leased_export(finish_export.org_id, finish_export.export_id, finish_export.lease);
  v_how    text := finish_export.outcome ->> 'outcome';
begin
  if v_how = 'later' and v_export.attempts < 20 then
    update private.organization_exports e
       set lease = null, next_at = now() + make_interval(secs => coalesce((outcome ->> 'seconds')::int, 0)), error = outcome ->> 'words', error_slug = outcome ->> 'slug'
     where (e.org_id, e.id) = (v_export.org_id, v_export.id);
    return '{}';
  end if;
  update private.organization_exports e
     set status = case when v_how = 'ready' then 'ready' else 'failed' end, lease = null, next_at = null, finished_at = now(), after = null, cursor = null,
         expires_at = now() + case when v_how = 'ready' then interval '7 days' else interval '0' end, error = outcome ->> 'words', error_slug = outcome ->> 'slug'
   where (e.org_id, e.id) = (v_export.org_id, v_export.id);
  delete from private.export_pieces p where p.org_id = v_export.org_id and p.export_id = v_export.id;
  return '{}';
end;
$$;
comment on function worker.finish_export is
  'How a turn ended: {outcome: ready, failed or later, seconds, slug, words}. What is put off twenty times without getting further has failed. Raises PT409 lease_lost.';

create function worker.exports_to_remove() returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_export private.organization_exports;
  v_paths  jsonb;
begin
  update private.organization_exports e set status = 'expired' where e.status = 'ready' and e.expires_at <= now();
  loop
    select e.* into v_export from private.organization_exports e
     where e.removed_at is null and e.finished_at is not null and (e.tidied_at is null or e.expires_at <= now()) order by e.expires_at limit 1 for update skip locked;
    if not found then
      return jsonb_build_object('paths', '[]'::jsonb);
    end if;
    if to_regclass('storage.objects') is not null then
      execute $q$ select jsonb_agg(o.name) from (select o.name from storage.objects o where o.bucket_id = 'exports' and o.name like $1 || '/%'
                    and not ($2 and o.name in (select p ->> 'path' from jsonb_array_elements($3) p)) limit 100) o $q$
        into v_paths using v_export.org_id || '/' || v_export.id, v_export.status = 'ready', v_export.parts;
    end if;
    if v_paths is not null then
      return jsonb_build_object('paths', v_paths);
    end if;
    update private.organization_exports e set tidied_at = now(), removed_at = case when e.status <> 'ready' then now() end
     where (e.org_id, e.id) = (v_export.org_id, v_export.id);
  end loop;
end;
$$;
comment on function worker.exports_to_remove is 'Up to 100 files in the bucket "exports" that are pieces of an export that ended, or whose time is over, {paths}: delete them through the Storage API and call again, until there are none.';
grant execute on function worker.claim_export, worker.record_export_piece, worker.export_pieces, worker.keep_export,
  worker.record_export_part, worker.finish_export, worker.exports_to_remove to service_role;
