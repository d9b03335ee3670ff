-- 370_imports.sql: files of leads (CSV, XLSX): their tables, and how an upload begins. 390_import_rows.sql stores and takes back rows,
-- 810_import_requests.sql has what people ask, 940_imports.sql what the job does.
-- uploaded → read → ready → running → done | failed | cancelled; then undoing → undone.

create table public.lead_imports (
  org_id           uuid not null references public.organizations (id) on delete restrict,
  id               uuid not null default gen_random_uuid(),
  source_id        uuid not null,
  filename         text,
  bytes            bigint not null,
  sha256           text not null,
  path             text not null,
  status           text not null default 'uploaded',
  created_by       uuid,
  created_at       timestamptz not null default now(),
  choices          jsonb not null default '{}',
  reading          jsonb,
  mapping          jsonb,
  greet            boolean not null default false,
  is_check         boolean not null default false,
  pass             int not null default 0,
  next_row         int not null default 0,
  rows_total       int,
  rows_new         int not null default 0,
  rows_known       int not null default 0,
  rows_updated     int not null default 0,
  rows_blank       int not null default 0,
  rows_error       int not null default 0,
  greetable        int not null default 0,
  checked          jsonb,
  undo             jsonb,
  error            text,
  error_slug       text,
  finished_at      timestamptz,
  file_removed_at  timestamptz,
  attempts         int not null default 0,
  next_at          timestamptz default 'infinity',
  lease            uuid,
  primary key (org_id, id),
  constraint import_is_of_a_source_of_its_organization foreign key (org_id, source_id)
    references public.lead_sources (org_id, id) on delete restrict,
  constraint import_status_is_known check (
    status in ('uploaded', 'read', 'ready', 'running', 'done', 'failed', 'cancelled', 'undoing', 'undone')),
  constraint import_waits_only_while_there_is_work check ((status in ('uploaded', 'ready', 'running', 'undoing')) = (next_at is not null)),
  constraint import_ends_once check ((status in ('done', 'failed', 'cancelled', 'undoing', 'undone')) = (finished_at is not null)),
  constraint import_counts_add_up check (
    status <> 'done' or rows_total = rows_new + rows_known + rows_updated + rows_blank + rows_error),
  constraint import_sha256_is_hex check (sha256 ~ '^[0-9a-f]{64}$'),
  constraint import_has_1_byte_to_20_mb check (bytes between 1 and 20971520)
);
comment on table public.lead_imports is 'Files of leads that somebody uploaded, what was found in them and what became of their rows.';
comment on column public.lead_imports.org_id is 'The organization.';
comment on column public.lead_imports.id is 'Flow''s id of the import.';
comment on column public.lead_imports.source_id is 'The organization''s one source of kind upload, so that a person who stands in two files is known in the second; or a sheet (831_sheet_sources.sql), each by itself.';
comment on column public.lead_imports.filename is 'As the sender named it; never part of path.';
comment on column public.lead_imports.bytes is 'Size of the file.';
comment on column public.lead_imports.sha256 is 'SHA-256 of the file in hex: the same file again asks first.';
comment on column public.lead_imports.path is 'Name of the object in the bucket "imports".';
comment on column public.lead_imports.status is
  'uploaded: to be read. read: a person is to confirm the mapping. ready, running: being stored, or checked. done, failed, cancelled: over. undoing, undone: taken back.';
comment on column public.lead_imports.created_by is 'The member; null for an operator, and for what Flow read from a sheet.';
comment on column public.lead_imports.created_at is 'When the upload began.';
comment on column public.lead_imports.choices is 'What a person chose against what was detected: {sheet, encoding, delimiter, header_row}.';
comment on column public.lead_imports.reading is
  'What was found: {format, encoding, delimiter, sheets, sheet, header_row, rows, fingerprint, columns: [{name, field, date_order}], preview: 20 rows, notes}; null until read.';
comment on column public.lead_imports.mapping is 'What was confirmed: {columns: {"0": "name", …}, country}; null until then.';
comment on column public.lead_imports.greet is 'Whether the new leads of this import are greeted: ticked by a person who was shown how many.';
comment on column public.lead_imports.is_check is 'The pass that runs, or ran last, is a dry run: it stores no lead.';
comment on column public.lead_imports.pass is 'How often its rows were gone through, dry runs included.';
comment on column public.lead_imports.next_row is 'The row of the file with which the pass goes on.';
comment on column public.lead_imports.rows_total is 'Rows below the header; null until read.';
comment on column public.lead_imports.rows_new is 'Of these, so far in this pass: became a lead.';
comment on column public.lead_imports.rows_known is 'Were known already, from another file or an earlier row.';
comment on column public.lead_imports.rows_updated is 'Changed fields that nobody has touched since the last import.';
comment on column public.lead_imports.rows_blank is 'Were empty.';
comment on column public.lead_imports.rows_error is 'Could not be stored: public.import_errors tells why.';
comment on column public.lead_imports.greetable is 'New rows with a mobile number whose owner has not opted out: at most so many would be greeted.';
comment on column public.lead_imports.checked is 'What the last dry run counted, and for which mapping: {new, known, updated, blank, error, greetable, mapping}; null: none.';
comment on column public.lead_imports.undo is 'What undoing did: {removed, restored, contacts_removed, contacts_stayed, stayed: {reason: rows}}; null: not undone.';
comment on column public.lead_imports.error is 'Why it failed, in words.';
comment on column public.lead_imports.error_slug is 'The same for code.';
comment on column public.lead_imports.finished_at is 'When it ended; it can be undone for seven days from then.';
comment on column public.lead_imports.file_removed_at is 'When the file was deleted from the bucket.';
comment on column public.lead_imports.attempts is 'Claims since it last made progress.';
comment on column public.lead_imports.next_at is 'While there is work: when it is due, or when the worker that has it counts as dead. Infinity: its bytes are still coming in.';
comment on column public.lead_imports.lease is 'The claim under which a worker has it; null: nobody.';
create index lead_imports_newest on public.lead_imports (org_id, created_at desc, id desc);
create index lead_imports_source on public.lead_imports (org_id, source_id);
create index lead_imports_same on public.lead_imports (org_id, sha256);
create index lead_imports_due on public.lead_imports (next_at) where next_at is not null;
create index lead_imports_files on public.lead_imports (finished_at) where file_removed_at is null;

create table public.import_mappings (
  org_id       uuid not null references public.organizations (id) on delete restrict,
  fingerprint  text not null,
  mapping      jsonb not null,
  used_by      uuid,
  used_at      timestamptz not null default now(),
  primary key (org_id, fingerprint),
  constraint mapping_fingerprint_is_hex check (fingerprint ~ '^[0-9a-f]{64}$')
);
comment on table public.import_mappings is 'Which mapping was confirmed for which headers: suggested when they come again.';
comment on column public.import_mappings.org_id is 'The organization.';
comment on column public.import_mappings.fingerprint is 'SHA-256 of the header''s names, in their order.';
comment on column public.import_mappings.mapping is 'As lead_imports.mapping.';
comment on column public.import_mappings.used_by is 'Who confirmed it last; null for an operator.';
comment on column public.import_mappings.used_at is 'When.';

create table private.lead_import_batches (
  org_id     uuid not null,
  import_id  uuid not null,
  pass       int not null,
  number     int not null,
  row_from   int not null,
  row_to     int not null,
  counts     jsonb not null,
  stored_at  timestamptz not null default now(),
  primary key (org_id, import_id, pass, number),
  constraint batch_is_of_an_import foreign key (org_id, import_id) references public.lead_imports (org_id, id) on delete cascade
);
comment on table private.lead_import_batches is 'What was stored of an import, a batch a transaction: the same batch again changes nothing.';
comment on column private.lead_import_batches.org_id is 'The organization.';
comment on column private.lead_import_batches.import_id is 'The import.';
comment on column private.lead_import_batches.pass is 'As lead_imports.pass.';
comment on column private.lead_import_batches.number is 'Counts from 0.';
comment on column private.lead_import_batches.row_from is 'First row of the file in it.';
comment on column private.lead_import_batches.row_to is 'Last row.';
comment on column private.lead_import_batches.counts is '{new, known, updated, blank, error, greetable}.';
comment on column private.lead_import_batches.stored_at is 'When.';

create table private.lead_import_rows (
  org_id        uuid not null,
  import_id     uuid not null,
  pass          int not null,
  row           int not null,
  outcome       text not null,
  external_id   text,
  lead_id       uuid,
  contact_id    uuid,
  column_name   text,
  code          text,
  raw           text,
  before        jsonb,
  undone_at     timestamptz,
  stayed        text,
  primary key (org_id, import_id, pass, row),
  constraint row_is_of_an_import foreign key (org_id, import_id) references public.lead_imports (org_id, id) on delete cascade,
  constraint row_outcome_is_known check (outcome in ('new', 'updated', 'error'))
);
comment on table private.lead_import_rows is 'Rows of an import that did something or could not; known and blank ones are only counted.';
comment on column private.lead_import_rows.org_id is 'The organization.';
comment on column private.lead_import_rows.import_id is 'The import.';
comment on column private.lead_import_rows.pass is 'As lead_imports.pass.';
comment on column private.lead_import_rows.row is 'Row of the file, as a spreadsheet counts.';
comment on column private.lead_import_rows.outcome is 'new, updated or error.';
comment on column private.lead_import_rows.external_id is 'Its identity; null for errors.';
comment on column private.lead_import_rows.lead_id is 'The lead it made or changed; no foreign key: it outlives the lead. Null for errors and dry runs.';
comment on column private.lead_import_rows.contact_id is 'The contact that it made; null when the person was known. No foreign key: it outlives the contact.';
comment on column private.lead_import_rows.column_name is 'Of an error: the column.';
comment on column private.lead_import_rows.code is 'Of an error: no_phone_or_email, phone_invalid, phone_lost_digits, id_reused, …';
comment on column private.lead_import_rows.raw is 'Of an error: the cell as given, cut.';
comment on column private.lead_import_rows.before is 'Of an update: {lead: {field: [before, after]}, contact: …, given, row_hash, import_id} to take it back.';
comment on column private.lead_import_rows.undone_at is 'When undoing looked at it.';
comment on column private.lead_import_rows.stayed is 'Why undoing left it: worked_on, in_another_import, changed_since, in_use, gone; null: it did not.';
create index lead_import_rows_identity on private.lead_import_rows (org_id, import_id, pass, external_id) where outcome = 'new' and lead_id is null;

create table private.imported_leads (
  org_id     uuid not null,
  lead_id    uuid not null,
  import_id  uuid not null,
  row_hash   text not null,
  given      jsonb not null,
  primary key (org_id, lead_id),
  constraint imported_lead_is_a_lead foreign key (org_id, lead_id) references public.leads (org_id, id) on delete cascade,
  constraint imported_lead_is_of_an_import foreign key (org_id, import_id) references public.lead_imports (org_id, id) on delete cascade
);
comment on table private.imported_leads is 'What the last import that changed a lead gave: only fields that still hold it may be changed by the next.';
comment on column private.imported_leads.org_id is 'The organization.';
comment on column private.imported_leads.lead_id is 'The lead.';
comment on column private.imported_leads.import_id is 'The import that made it or changed it last.';
comment on column private.imported_leads.row_hash is 'Digest of the row''s values: the same row again is known at once.';
comment on column private.imported_leads.given is 'Field to value, of the lead and of its contact.';
create index imported_leads_import on private.imported_leads (org_id, import_id);

alter table public.lead_imports enable row level security;
alter table public.import_mappings enable row level security;
alter table private.lead_import_batches enable row level security;
alter table private.lead_import_rows enable row level security;
alter table private.imported_leads enable row level security;
create policy "Members see the imports of their organizations" on public.lead_imports
  for select to authenticated using (org_id = any (array(select private.my_org_ids())));
create policy "Members see the mappings their organizations confirmed" on public.import_mappings
  for select to authenticated using (org_id = any (array(select private.my_org_ids())));
grant select (org_id, id, source_id, filename, bytes, sha256, status, created_by, created_at, choices, reading, mapping, greet, is_check, pass,
              next_row, rows_total, rows_new, rows_known, rows_updated, rows_blank, rows_error, greetable, checked, undo, error, error_slug,
              finished_at, file_removed_at) on public.lead_imports to authenticated;
grant select on public.import_mappings to authenticated;

-- The bucket: nobody but the workers reads or writes it.
do $$
begin
  if to_regclass('storage.buckets') is not null then
    insert into storage.buckets (id, name, public, file_size_limit) values ('imports', 'imports', false, 20971520)
    on conflict (id) do update set public = false, file_size_limit = excluded.file_size_limit, allowed_mime_types = null;
  end if;
end;
$$;

------------------------------------------------------------------------------------------------
-- Uploading
------------------------------------------------------------------------------------------------
create function private.upload_source(org_id uuid) returns uuid
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_id uuid;
begin
  perform pg_advisory_xact_lock(hashtextextended('flow.upload_source ' || upload_source.org_id, 0));
  select s.id into v_id from public.lead_sources s
   where s.org_id = upload_source.org_id and s.kind = 'upload' order by s.created_at, s.id limit 1;
  if not found then
    insert into public.lead_sources (org_id, kind, name) values (upload_source.org_id, 'upload', 'Uploaded files') returning id into v_id;
  end if;
  return v_id;
end;
$$;
comment on function private.upload_source is 'The organization''s source for leads of files, made when first needed.';

create function private.new_import(org_id uuid, filename text, bytes bigint, sha256 text, is_confirmed boolean) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_org_id uuid := new_import.org_id;
  v_id     uuid := gen_random_uuid();
  v_before public.lead_imports;
begin
  if coalesce(new_import.bytes, 0) not between 1 and 20971520 then
    raise sqlstate 'PT422' using message = 'A file of leads has 1 byte to 20 MB.', detail = 'import_size', hint = 'Split it into several files.';
  elsif new_import.sha256 is null or new_import.sha256 !~ '^[0-9a-f]{64}$' then
    raise sqlstate 'PT422' using message = 'The file''s digest is not a SHA-256.', detail = 'import_digest', hint = 'Upload the file again.';
  elsif (select count(*) from public.lead_imports i where i.org_id = v_org_id and i.status in ('uploaded', 'ready', 'running', 'undoing')) >= 10 then
    raise sqlstate 'PT409' using message = 'Ten files are being imported already.', detail = 'imports_busy', hint = 'Wait until one is done.';
  end if;
  select i.* into v_before from public.lead_imports i
   where i.org_id = v_org_id and i.sha256 = new_import.sha256 and i.status not in ('failed', 'cancelled', 'undone')
   order by i.created_at desc limit 1;
  if found and not coalesce(new_import.is_confirmed, false) then
    raise sqlstate 'PT409' using message = format('This very file was uploaded on %s.', to_char(v_before.created_at at time zone 'Asia/Kolkata', 'FMDD FMMonth YYYY')),
      detail = 'same_file', hint = 'Upload it again and say that it is meant.';
  end if;
  insert into public.lead_imports (org_id, id, source_id, filename, bytes, sha256, path, created_by)
  values (v_org_id, v_id, private.upload_source(v_org_id), private.clean_text(new_import.filename, 240), new_import.bytes, new_import.sha256,
          v_org_id || '/' || v_id, auth.uid());
  perform private.audit(v_org_id, 'import.uploaded', 'lead_import', v_id::text);
  return jsonb_build_object('import_id', v_id, 'path', v_org_id || '/' || v_id);
end;
$$;
comment on function private.new_import is 'Makes the row of a file whose bytes are about to be put into the bucket; the doors below end here.';

create function private.begin_import(org_id uuid, filename text, bytes bigint, sha256 text, is_confirmed boolean) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
begin
  perform private.require_role(begin_import.org_id, 'admin');
  return private.new_import(begin_import.org_id, begin_import.filename, begin_import.bytes, begin_import.sha256, begin_import.is_confirmed);
end;
$$;
comment on function private.begin_import is 'public.begin_import behind its door.';
create function public.begin_import(org_id uuid, filename text, bytes bigint, sha256 text, is_confirmed boolean default false) returns jsonb
  language sql volatile set search_path = ''
begin atomic
  select private.begin_import(org_id, filename, bytes, sha256, is_confirmed);
end;
comment on function public.begin_import is
  'The first step of POST /api/imports; admins. Returns {import_id, path}. Raises PT409 same_file unless is_confirmed, imports_busy, PT422 import_size, import_digest.';

create function worker.begin_import(org_id uuid, filename text, bytes bigint, sha256 text, is_confirmed boolean default false) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
begin
  perform private.require_organization(begin_import.org_id);
  return private.new_import(begin_import.org_id, begin_import.filename, begin_import.bytes, begin_import.sha256, begin_import.is_confirmed);
end;
$$;
comment on function worker.begin_import is 'The same for an operator.';
grant execute on function worker.begin_import to service_role;
grant execute on function private.begin_import, public.begin_import to authenticated;
