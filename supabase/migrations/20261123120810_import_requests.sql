-- 810_import_requests.sql: what people ask of imports of leads: to be shown, confirmed, cancelled, undone (370_imports.sql has the tables).

create function private.import_for_change(org_id uuid, import_id uuid, statuses text[]) returns public.lead_imports
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_import public.lead_imports;
begin
  select i.* into v_import from public.lead_imports i
   where i.org_id = import_for_change.org_id and i.id = import_for_change.import_id for no key update;
  if not found then
    raise sqlstate 'PT404' using message = 'There is no such import.', detail = 'import_not_found', hint = 'Reload the page.';
  elsif not v_import.status = any (import_for_change.statuses) then
    raise sqlstate 'PT409' using message = case v_import.status
        when 'uploaded' then 'The file is still being read.' when 'read' then 'The columns are not confirmed yet.'
        when 'ready' then 'The import waits to begin.' when 'running' then 'The import is running.' when 'done' then 'The import is done.'
        when 'failed' then 'The import has failed: ' || coalesce(v_import.error, '(no reason kept)') when 'cancelled' then 'The import was cancelled.'
        when 'undoing' then 'The import is being undone.' else 'The import was undone.' end,
      detail = 'import_is_' || v_import.status, hint = 'Reload the page.';
  end if;
  return v_import;
end;
$$;
comment on function private.import_for_change is 'The import, locked, if it is in one of these states. Raises PT404 import_not_found, PT409 import_is_<status>.';

create function private.import_as_told(import public.lead_imports) returns jsonb
  language sql stable security definer set search_path = ''
as $$
  select to_jsonb(import) - array['path', 'lease', 'next_at', 'attempts', 'id'] || jsonb_build_object(
    'import_id', (import).id,
    'undo_until', case when not (import).is_check and (import).pass > 0 and (import).status in ('done', 'failed', 'cancelled')
                       then (import).finished_at + interval '7 days' end)
$$;
comment on function private.import_as_told is 'An import as people see it; undo_until: until when it can be undone, null when it cannot.';

create function private.change_import(org_id uuid, import_id uuid, wish text, given jsonb) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  c_fields  constant text[] := '{external_id,name,phone,phone_2,email,email_2,company,address,city,state,pincode,country,title,product,message,received_at}';
  v_import  public.lead_imports := private.import_for_change(change_import.org_id, change_import.import_id, case change_import.wish
              when 'preview' then '{read}' when 'confirm' then '{read}' when 'cancel' then '{uploaded,read,ready,running}'
              else '{done,failed,cancelled}' end::text[]);
  g         jsonb := change_import.given;
  v_columns jsonb := change_import.given #> '{mapping,columns}';
  v_mapping jsonb;
begin
  if change_import.wish = 'preview' then
    if jsonb_typeof(g) is distinct from 'object' or exists (select from jsonb_each(g) k where not case k.key
         when 'encoding' then k.value <@ '["utf-8", "cp1252", "utf-16", "mixed"]' and jsonb_typeof(k.value) = 'string'
         when 'delimiter' then k.value <@ '[",", ";", "\t", "|"]' and jsonb_typeof(k.value) = 'string'
         when 'sheet' then jsonb_typeof(k.value) = 'string' and length(k.value #>> '{}') <= 200
         when 'header_row' then k.value::text ~ '^[0-9]{1,3}$' else false end) then
      raise sqlstate 'PT422' using message = 'This cannot be chosen.', detail = 'choice_invalid',
        hint = 'Choose of encoding (utf-8, cp1252, utf-16, mixed), delimiter, sheet and header_row (0: none).';
    end if;
    update public.lead_imports i set status = 'uploaded', choices = g, next_at = now(), attempts = 0, checked = null
     where i.org_id = v_import.org_id and i.id = v_import.id returning i.* into v_import;
  elsif change_import.wish = 'confirm' then
    if jsonb_typeof(v_columns) is distinct from 'object' or exists (
         select from jsonb_each(v_columns) k
          where k.key !~ '^[0-9]{1,3}$' or k.key::int >= jsonb_array_length(v_import.reading -> 'columns') or not k.value #>> '{}' = any (c_fields))
       or (select count(distinct k.value) <> count(*) from jsonb_each(v_columns) k) then
      raise sqlstate 'PT422' using message = 'The columns are not matched to fields.', detail = 'mapping_invalid',
        hint = 'Give {columns: {"0": field}}, each field once; fields: ' || array_to_string(c_fields, ', ') || '.';
    elsif not exists (select from jsonb_each(v_columns) k where k.value <@ '["phone", "email"]') then
      raise sqlstate 'PT422' using message = 'Say which column has the telephone number or the e-mail address.', detail = 'mapping_needs_phone',
        hint = 'Nobody can be recognized without one of them.';
    end if;
    v_mapping := jsonb_build_object('columns', v_columns, 'country', coalesce(
      (select upper(g #>> '{mapping,country}') where g #>> '{mapping,country}' ~* '^[a-z]{2}$'),
      (select o.country from public.organizations o where o.id = v_import.org_id)));
    if (g ->> 'greet')::boolean and not (g ->> 'is_check')::boolean
       and (v_import.checked ->> 'greetable' is distinct from g ->> 'greet_count' or v_import.checked -> 'mapping' is distinct from v_mapping) then
      raise sqlstate 'PT409' using message = coalesce(format('%s people would be greeted, by a dry run of this mapping: confirm that number.',
          case when v_import.checked -> 'mapping' = v_mapping then v_import.checked ->> 'greetable' end),
          'Let a dry run count first who would be greeted.'),
        detail = 'greet_count_unconfirmed', hint = 'Run with is_check, then confirm with greet_count as counted.';
    end if;
    update public.lead_imports i
       set status = 'ready', next_at = now(), attempts = 0, mapping = v_mapping, pass = i.pass + 1, next_row = 0,
           is_check = (g ->> 'is_check')::boolean, greet = (g ->> 'greet')::boolean and not (g ->> 'is_check')::boolean,
           rows_new = 0, rows_known = 0, rows_updated = 0, rows_blank = 0, rows_error = 0, greetable = 0
     where i.org_id = v_import.org_id and i.id = v_import.id returning i.* into v_import;
    insert into public.import_mappings as m (org_id, fingerprint, mapping, used_by)
    values (v_import.org_id, v_import.reading ->> 'fingerprint', v_mapping, auth.uid())
    on conflict (org_id, fingerprint) do update set mapping = excluded.mapping, used_by = excluded.used_by, used_at = now();
    if not v_import.is_check then
      perform private.keep_sheet_mapping(v_import);
      perform private.audit(v_import.org_id, 'import.started', 'lead_import', v_import.id::text, jsonb_build_object('greet', v_import.greet));
    end if;
  elsif change_import.wish = 'cancel' then
    update public.lead_imports i set status = 'cancelled', finished_at = now(), next_at = null, lease = null
     where i.org_id = v_import.org_id and i.id = v_import.id returning i.* into v_import;
    perform private.audit(v_import.org_id, 'import.cancelled', 'lead_import', v_import.id::text);
  else
    if v_import.is_check or v_import.pass = 0 then
      raise sqlstate 'PT409' using message = 'This import stored nothing.', detail = 'nothing_to_undo';
    elsif v_import.finished_at < now() - interval '7 days' then
      raise sqlstate 'PT409' using message = 'An import can be undone for seven days, and they are over.', detail = 'undo_too_late',
        hint = 'Delete its leads one by one.';
    end if;
    update public.lead_imports i set status = 'undoing', next_at = now(), attempts = 0,
           undo = '{"removed": 0, "restored": 0, "contacts_removed": 0, "contacts_stayed": 0, "stayed": {}}'
     where i.org_id = v_import.org_id and i.id = v_import.id returning i.* into v_import;
    perform private.audit(v_import.org_id, 'import.undone', 'lead_import', v_import.id::text);
  end if;
  perform private.wake('imports');
  return private.import_as_told(v_import);
end;
$$;
comment on function private.change_import is 'What a person wishes of an import, preview, confirm, cancel or undo; the doors below end here.';

create function private.ask_import(org_id uuid, import_id uuid, wish text, given jsonb) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
begin
  perform private.require_role(ask_import.org_id, 'admin');
  return private.change_import(ask_import.org_id, ask_import.import_id, ask_import.wish, ask_import.given);
end;
$$;
comment on function private.ask_import is 'private.change_import for admins.';

create function public.preview_import(org_id uuid, import_id uuid, choices jsonb) returns jsonb
  language sql volatile set search_path = ''
begin atomic
  select private.ask_import(org_id, import_id, 'preview', choices);
end;
comment on function public.preview_import is
  'Reads the file again with {sheet, encoding, delimiter, header_row} as chosen; admins. Returns the import. Raises PT404 import_not_found, PT409 import_is_<status>, PT422 choice_invalid.';

create function public.confirm_import(org_id uuid, import_id uuid, mapping jsonb, is_check boolean default false, greet boolean default false,
                                      greet_count int default null) returns jsonb
  language sql volatile set search_path = ''
begin atomic
  select private.ask_import(org_id, import_id, 'confirm', jsonb_build_object(
    'mapping', mapping, 'is_check', coalesce(is_check, false), 'greet', coalesce(greet, false), 'greet_count', greet_count));
end;
comment on function public.confirm_import is
  'Stores the rows by this mapping, {columns: {"0": field}, country}, or with is_check only counts; admins. greet needs the number that the dry run of this mapping counted as greet_count. '
  'Returns the import. Raises PT404, PT409 import_is_<status>, greet_count_unconfirmed, PT422 mapping_invalid, mapping_needs_phone.';

create function public.cancel_import(org_id uuid, import_id uuid) returns jsonb
  language sql volatile set search_path = ''
begin atomic
  select private.ask_import(org_id, import_id, 'cancel', '{}');
end;
comment on function public.cancel_import is 'Stops an import; what is stored stays, and can be undone. Admins. Returns the import. Raises PT404, PT409 import_is_<status>.';

create function public.undo_import(org_id uuid, import_id uuid) returns jsonb
  language sql volatile set search_path = ''
begin atomic
  select private.ask_import(org_id, import_id, 'undo', '{}');
end;
comment on function public.undo_import is
  'Within seven days takes back what an import stored and nobody has worked on since; admins. Returns the import. Raises PT404, PT409 import_is_<status>, nothing_to_undo, undo_too_late.';

create function worker.ask_import(org_id uuid, import_id uuid, wish text, given jsonb) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
begin
  if ask_import.wish is null or ask_import.wish not in ('preview', 'confirm', 'cancel', 'undo') then
    raise sqlstate 'PT422' using message = 'An import is previewed, confirmed, cancelled or undone.', detail = 'wish_unknown';
  end if;
  return private.change_import(ask_import.org_id, ask_import.import_id, ask_import.wish, ask_import.given);
end;
$$;
comment on function worker.ask_import is 'private.change_import for an operator: wish is preview, confirm, cancel or undo; given as the functions of people take it.';

create function private.find_import(org_id uuid, import_id uuid) returns jsonb
  language plpgsql stable security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_import public.lead_imports;
begin
  select i.* into v_import from public.lead_imports i where i.org_id = find_import.org_id and i.id = find_import.import_id;
  if not found then
    raise sqlstate 'PT404' using message = 'There is no such import.', detail = 'import_not_found', hint = 'Reload the page.';
  end if;
  return private.import_as_told(v_import) || jsonb_build_object('remembered', (
    select m.mapping from public.import_mappings m where m.org_id = v_import.org_id and m.fingerprint = v_import.reading ->> 'fingerprint'));
end;
$$;
comment on function private.find_import is 'One import as people see it, with the mapping that was confirmed for these headers before. Raises PT404 import_not_found.';

create function worker.import_status(org_id uuid, import_id uuid) returns jsonb
  language sql stable security definer set search_path = ''
as $$
  select private.find_import(org_id, import_id)
$$;
comment on function worker.import_status is 'One import, for an operator. Raises PT404 import_not_found.';

create function private.import_status(org_id uuid, import_id uuid) returns jsonb
  language plpgsql stable security definer set search_path = ''
as $$
begin
  perform private.require_role(import_status.org_id, 'agent');
  return private.find_import(import_status.org_id, import_status.import_id);
end;
$$;
comment on function private.import_status is 'public.import_status behind its door.';
create function public.import_status(org_id uuid, import_id uuid) returns jsonb
  language sql stable set search_path = ''
begin atomic
  select private.import_status(org_id, import_id);
end;
comment on function public.import_status is
  'One import with its preview, suggestion, progress and counts; remembered: the mapping confirmed for these headers before. Agents. Raises PT404 import_not_found.';

create function private.list_imports(org_id uuid, before_at timestamptz, page int) returns jsonb
  language plpgsql stable security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_before timestamptz := coalesce(list_imports.before_at, 'infinity');
begin
  perform private.require_role(list_imports.org_id, 'agent');
  return jsonb_build_object('imports', (
    select coalesce(jsonb_agg(private.import_as_told(i) - 'reading' order by i.created_at desc, i.id desc), '[]')
      from (select l.* from public.lead_imports l where l.org_id = list_imports.org_id and l.created_at < v_before
             order by l.created_at desc, l.id desc limit least(greatest(coalesce(list_imports.page, 50), 1), 200)) i));
end;
$$;
comment on function private.list_imports is 'public.list_imports behind its door.';
create function public.list_imports(org_id uuid, before_at timestamptz default null, page int default 50) returns jsonb
  language sql stable set search_path = ''
begin atomic
  select private.list_imports(org_id, before_at, page);
end;
comment on function public.list_imports is 'An organization''s imports, newest first, those begun before an instant: {imports}. Agents.';

create function private.import_errors(org_id uuid, import_id uuid, after_row int, page int) returns jsonb
  language plpgsql stable security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_pass int;
begin
  perform private.require_role(import_errors.org_id, 'agent');
  select i.pass into v_pass from public.lead_imports i where i.org_id = import_errors.org_id and i.id = import_errors.import_id;
  if not found then
    raise sqlstate 'PT404' using message = 'There is no such import.', detail = 'import_not_found', hint = 'Reload the page.';
  end if;
  return (
    select jsonb_build_object('rows', coalesce(jsonb_agg(to_jsonb(r) order by r.row), '[]'), 'next', max(r.row))
      from (select e.row, e.column_name as column, coalesce(e.stayed, e.code) as code, e.raw from private.lead_import_rows e
             where e.org_id = import_errors.org_id and e.import_id = import_errors.import_id and e.pass = v_pass
               and (e.outcome = 'error' or e.stayed is not null) and e.row > coalesce(import_errors.after_row, -1)
             order by e.row limit least(greatest(coalesce(import_errors.page, 1000), 1), 5000)) r);
end;
$$;
comment on function private.import_errors is 'public.import_errors behind its door.';
create function public.import_errors(org_id uuid, import_id uuid, after_row int default null, page int default 1000) returns jsonb
  language sql stable set search_path = ''
begin atomic
  select private.import_errors(org_id, import_id, after_row, page);
end;
comment on function public.import_errors is
  'Rows of an import that could not be stored, and after an undo those that stayed: {rows: [{row, column, code, raw}], next: after_row of the next page, null at the end}. Agents. Raises PT404 import_not_found.';
grant execute on function private.ask_import, public.preview_import, public.confirm_import, public.cancel_import, public.undo_import,
  private.import_status, public.import_status, private.list_imports, public.list_imports, private.import_errors, public.import_errors to authenticated;
grant execute on function worker.ask_import, worker.import_status to service_role;
