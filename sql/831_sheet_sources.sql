-- 831_sheet_sources.sql: Google Sheets that Flow reads by itself. What changed in one is a file of leads like any other (370_imports.sql): the
-- rules for rows, edits, errors and undoing are those of files. Here is which sheets, by which mapping, and how they stand.

create table public.sheet_sources (
  org_id         uuid not null references public.organizations on delete restrict,
  source_id      uuid not null,
  spreadsheet_id text not null,
  gid            bigint not null,
  tab            text not null,
  mapping        jsonb,
  greet          boolean not null default false,
  version        text,
  changed_at     timestamptz,
  import_id      uuid,
  is_on          boolean not null default true,
  connected_by   uuid,
  primary key (org_id, source_id),
  constraint sheet_is_a_source_of_the_organization foreign key (org_id, source_id) references public.lead_sources (org_id, id) on delete cascade,
  constraint sheet_import_is_of_the_organization foreign key (org_id, import_id) references public.lead_imports (org_id, id) on delete set null (import_id),
  constraint spreadsheet_id_is_googles check (spreadsheet_id ~ '^[A-Za-z0-9_-]{20,100}$'),
  constraint sheet_mapping_is_an_object check (jsonb_typeof(mapping) = 'object')
);
comment on table public.sheet_sources is 'Tabs of Google Sheets that are read every few minutes; their clock, lease and state are in lead_sources, their runs in sync_runs.';
comment on column public.sheet_sources.org_id is 'The organization.';
comment on column public.sheet_sources.source_id is 'The source, of kind sheet.';
comment on column public.sheet_sources.spreadsheet_id is 'Google''s id of the file.';
comment on column public.sheet_sources.gid is 'Google''s id of the tab: it stays when the tab is renamed.';
comment on column public.sheet_sources.tab is 'The tab''s name when it was last read.';
comment on column public.sheet_sources.mapping is '{columns: {field: header}, country} as a person confirmed it: by name, so that columns may move. Null: not confirmed yet.';
comment on column public.sheet_sources.greet is 'Whether people in new rows are greeted; never those of the first reading.';
comment on column public.sheet_sources.version is 'Drive''s version of what was last handed to the imports; null: nothing yet.';
comment on column public.sheet_sources.changed_at is 'When a change was last found.';
comment on column public.sheet_sources.import_id is 'The import that has, or had, the last change.';
comment on column public.sheet_sources.is_on is 'False once disconnected.';
comment on column public.sheet_sources.connected_by is 'Who connected it. No foreign key: it outlives the account.';
create unique index sheet_is_read_for_one_organization on public.sheet_sources (spreadsheet_id, gid) where is_on;
create index sheet_sources_import on public.sheet_sources (org_id, import_id) where import_id is not null;
alter table public.sheet_sources enable row level security;
create policy "Members can see the sheets of their organization" on public.sheet_sources
  for select to authenticated using (org_id = any (array(select private.my_org_ids())));
grant select on public.sheet_sources to authenticated;

create function private.tg_lead_sources__let_go_of_sheets() returns trigger
  language plpgsql volatile security definer set search_path = ''
as $$
begin
  update public.sheet_sources s set is_on = false where s.org_id = new.org_id and s.source_id = new.id;
  update public.lead_imports i set status = 'cancelled', finished_at = now(), next_at = null, lease = null, error_slug = 'disconnected', error = 'The sheet was disconnected.'
   where i.org_id = new.org_id and i.source_id = new.id and i.status in ('uploaded', 'read', 'ready', 'running');
  return null;
end;
$$;
comment on function private.tg_lead_sources__let_go_of_sheets is 'A sheet that is disconnected is read no more, and what was on its way into Flow stops. Definer: nobody may write these tables.';
create trigger lead_sources_let_go_of_sheets after update on public.lead_sources
  for each row when (new.kind = 'sheet' and new.disconnected_at is not null and old.disconnected_at is null)
  execute function private.tg_lead_sources__let_go_of_sheets();

-- Connecting -------------------------------------------------------------------------------------------------

create function private.begin_sheet(org_id uuid) returns jsonb
  language plpgsql stable security definer set search_path = ''
as $$
begin
  perform private.require_role(begin_sheet.org_id, 'admin');
  return (select jsonb_build_object('user_id', u.id, 'email', lower(u.email)) from auth.users u where u.id = auth.uid());
end;
$$;
comment on function private.begin_sheet is 'Body of public.begin_sheet. Definer: the address is that of auth.users, not an older one of a token.';
create function public.begin_sheet(org_id uuid) returns jsonb
  language sql stable set search_path = ''
begin atomic
  select private.begin_sheet(org_id);
end;
comment on function public.begin_sheet is 'What the worker asks, with the person''s own token, before it connects a sheet: {user_id, email}: who must own the sheet, or have shared it. Admins. Raises PT403, PT404.';
grant execute on function private.begin_sheet, public.begin_sheet to authenticated;

create function worker.connect_sheet(org_id uuid, sheet jsonb, user_id uuid default null) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_org  uuid := connect_sheet.org_id;
  v_file text := connect_sheet.sheet ->> 'spreadsheet_id';
  v_gid  bigint := (connect_sheet.sheet ->> 'gid')::bigint;
  v_id   uuid;
begin
  perform private.require_organization(v_org);
  perform pg_advisory_xact_lock(hashtextextended('flow.sheet ' || v_file, 0));
  if exists (select from public.sheet_sources s where s.spreadsheet_id = v_file and s.gid = v_gid and s.is_on and s.org_id <> v_org) then
    raise sqlstate 'PT409' using message = 'Another organization reads this sheet.', detail = 'sheet_taken', hint = 'Disconnect it there first.';
  end if;
  select s.source_id into v_id from public.sheet_sources s where s.org_id = v_org and s.spreadsheet_id = v_file and s.gid = v_gid;
  if not found then
    insert into public.lead_sources (org_id, kind, name)
    values (v_org, 'sheet', left(coalesce(sheet ->> 'title', 'Google Sheet') || ' · ' || (sheet ->> 'tab'), 200)) returning id into v_id;
    insert into public.sheet_sources (org_id, source_id, spreadsheet_id, gid, tab, connected_by)
    values (v_org, v_id, v_file, v_gid, left(sheet ->> 'tab', 200), connect_sheet.user_id);
  else
    update public.lead_sources s
       set is_active = true, disconnected_at = null, state = 'ok', state_message = null, failures = 0, next_allowed_at = null
     where (s.org_id, s.id) = (v_org, v_id) and s.disconnected_at is not null;
    update public.sheet_sources s set is_on = true, version = null, tab = left(sheet ->> 'tab', 200) where (s.org_id, s.source_id) = (v_org, v_id);
  end if;
  perform private.audit(v_org, 'source.connected', 'lead_source', v_id::text, '{"kind": "sheet"}');
  perform private.wake('sheets');
  return jsonb_build_object('source_id', v_id);
end;
$$;
comment on function worker.connect_sheet is
  'Begins to read a tab, {spreadsheet_id, gid, title, tab}, whose owner the worker has made sure of; connecting it again goes on where it was. Returns {source_id}. Raises PT404, PT409 sheet_taken. Definer: service_role holds no tables.';
grant execute on function worker.connect_sheet to service_role;

create function private.set_sheet(org_id uuid, sheet_id uuid, greet boolean) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
begin
  perform private.require_role(set_sheet.org_id, 'admin');
  update public.sheet_sources s set greet = coalesce(set_sheet.greet, s.greet)
   where s.org_id = set_sheet.org_id and s.source_id = set_sheet.sheet_id;
  if not found then
    raise sqlstate 'PT404' using message = 'There is no such sheet.', detail = 'source_not_found';
  end if;
  perform private.audit(set_sheet.org_id, 'sheet.changed', 'lead_source', set_sheet.sheet_id::text, jsonb_build_object('greet', set_sheet.greet));
  return jsonb_build_object('source_id', set_sheet.sheet_id, 'greet', set_sheet.greet);
end;
$$;
comment on function private.set_sheet is 'Body of public.set_sheet. Definer: nobody may write the table.';
create function public.set_sheet(org_id uuid, sheet_id uuid, greet boolean) returns jsonb
  language sql volatile set search_path = ''
begin atomic
  select private.set_sheet(org_id, sheet_id, greet);
end;
comment on function public.set_sheet is 'Whether people in new rows of a sheet are greeted from now on. Admins. Returns {source_id, greet}. Raises PT403, PT404 source_not_found.';
grant execute on function private.set_sheet, public.set_sheet to authenticated;

create function private.forget_sheet_mapping(org_id uuid, sheet_id uuid) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
begin
  perform private.require_role(forget_sheet_mapping.org_id, 'admin');
  update public.sheet_sources s set mapping = null, version = null
   where s.org_id = forget_sheet_mapping.org_id and s.source_id = forget_sheet_mapping.sheet_id and s.is_on;
  if not found then
    raise sqlstate 'PT404' using message = 'There is no such sheet.', detail = 'source_not_found';
  end if;
  update public.lead_imports i set status = 'cancelled', finished_at = now(), next_at = null, lease = null
   where i.org_id = forget_sheet_mapping.org_id and i.source_id = forget_sheet_mapping.sheet_id and i.status in ('uploaded', 'read', 'ready', 'running');
  update public.lead_sources s set state = 'ok', state_message = null, next_allowed_at = null
   where (s.org_id, s.id) = (forget_sheet_mapping.org_id, forget_sheet_mapping.sheet_id);
  perform private.wake('sheets');
  return jsonb_build_object('source_id', forget_sheet_mapping.sheet_id);
end;
$$;
comment on function private.forget_sheet_mapping is 'Body of public.forget_sheet_mapping. Definer: nobody may write these tables.';
create function public.forget_sheet_mapping(org_id uuid, sheet_id uuid) returns jsonb
  language sql volatile set search_path = ''
begin atomic
  select private.forget_sheet_mapping(org_id, sheet_id);
end;
comment on function public.forget_sheet_mapping is
  'Reads a sheet anew and lets somebody match its columns again, for instance when they were renamed. Admins. Returns {source_id}. Raises PT403, PT404 source_not_found.';
grant execute on function private.forget_sheet_mapping, public.forget_sheet_mapping to authenticated;

create function private.sheets_of(org_id uuid) returns jsonb
  language sql stable security definer set search_path = ''
as $$
    select coalesce(jsonb_agg(jsonb_build_object(
             'source_id', s.source_id, 'name', l.name, 'spreadsheet_id', s.spreadsheet_id, 'gid', s.gid, 'tab', s.tab, 'is_on', s.is_on,
             'mapping', s.mapping, 'greet', s.greet, 'state', l.state, 'words', l.state_message, 'changed_at', s.changed_at, 'checked_at', l.last_called_at,
             'next_allowed_at', l.next_allowed_at, 'is_running', l.lease_run is not null and l.lease_expires_at > now(),
             'import', case when i.id is not null then jsonb_build_object('import_id', i.id, 'status', i.status, 'created_at', i.created_at, 'rows_total', i.rows_total,
                         'rows_new', i.rows_new, 'rows_known', i.rows_known, 'rows_updated', i.rows_updated, 'rows_error', i.rows_error, 'error', i.error) end)
             order by l.created_at, s.source_id), '[]')
      from public.sheet_sources s
      join public.lead_sources l on (l.org_id, l.id) = (s.org_id, s.source_id)
      left join public.lead_imports i on (i.org_id, i.id) = (s.org_id, s.import_id)
     where s.org_id = sheets_of.org_id
$$;
comment on function private.sheets_of is 'An organization''s sheets as people see them. Definer: called beneath RLS.';

create function private.sheets(org_id uuid) returns jsonb
  language plpgsql stable security definer set search_path = ''
as $$
begin
  perform private.require_role(sheets.org_id, 'agent');
  return private.sheets_of(sheets.org_id);
end;
$$;
comment on function private.sheets is 'Body of public.sheets.';
create function public.sheets(org_id uuid) returns jsonb
  language sql stable set search_path = ''
begin atomic
  select private.sheets(org_id);
end;
comment on function public.sheets is
  'The organization''s sheets: [{source_id, name, spreadsheet_id, gid, tab, is_on, mapping: null while an import waits for somebody to match the columns, greet, state with words, changed_at, checked_at, next_allowed_at, is_running, import: the last one with its counts}]. Members. Raises PT404.';
grant execute on function private.sheets, public.sheets to authenticated;

create function worker.sheets(org_id uuid) returns jsonb
  language plpgsql stable security definer set search_path = ''
as $$
begin
  perform private.require_organization(sheets.org_id);
  return jsonb_build_object('sheets', private.sheets_of(sheets.org_id));
end;
$$;
comment on function worker.sheets is 'As public.sheets, for an operator: {sheets}. Definer: service_role holds no tables.';
grant execute on function worker.sheets to service_role;
