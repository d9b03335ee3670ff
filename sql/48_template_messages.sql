-- 48_template_messages.sql: a message made from a template and its values, refused here rather than by Meta.

create function private.clean_parameter(value text) returns text
  language sql immutable set search_path = ''
as $$
  select left(btrim(regexp_replace(regexp_replace(value, '[\s]*[\r\n\t]+[\s]*', ' ', 'g'), ' {4,}', '   ', 'g')), 1024)
$$;
comment on function private.clean_parameter is
  'A template value as Meta takes it: no newline or tab, at most three spaces in a row (error 132012), at most 1,024 characters.';

create function private.template_message(org_id uuid, account_id uuid, template text, language text, params jsonb) returns jsonb
  language plpgsql stable security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_template public.message_templates;
  v_values   jsonb := coalesce(nullif(params, 'null'), '[]');
  v_given    int;
  v_missing  text;
  v_text     text;
  v_body     jsonb;
begin
  select t.* into v_template from public.message_templates t
   where t.org_id = template_message.org_id and t.account_id = template_message.account_id
     and t.name = template_message.template and t.language = template_message.language;
  if not found then
    raise sqlstate 'PT422' using message = format('There is no template "%s" in language "%s"', template, language),
      detail = 'template_unknown', hint = 'Sync the templates, or choose one that exists.';
  elsif v_template.status <> 'APPROVED' then
    raise sqlstate 'PT422' using message = format('Template "%s" is not approved (%s)', template, v_template.status),
      detail = 'template_not_approved', hint = 'Wait for Meta''s approval, or choose another template.';
  elsif v_template.blocked_reason is not null then
    raise sqlstate 'PT422' using message = format('Template "%s" is blocked: %s', template, v_template.blocked_reason),
      detail = 'template_blocked', hint = 'Correct the template at Meta and sync again.';
  end if;
  if v_template.parameter_format = 'NAMED' and jsonb_typeof(v_values) = 'array' and v_values @? '$[0]'
     and not v_values @? '$[*] ? (!(@ like_regex "^[A-Za-z0-9_]+="))' then
    -- ["name=Asha", …], as the command line gives them
    select jsonb_object_agg(split_part(v, '=', 1), substr(v, strpos(v, '=') + 1)) into v_values from jsonb_array_elements_text(v_values) v;
  end if;
  if jsonb_typeof(v_values) = 'object' and v_template.parameter_format = 'NAMED' then
    select string_agg(n, ', ') into v_missing from unnest(v_template.body_param_names) n where v_values ->> n is null;
    if v_missing is not null then
      raise sqlstate 'PT422' using message = format('Template "%s" needs a value for %s', template, v_missing),
        detail = 'template_parameters', hint = 'Give every named value.';
    end if;
    select string_agg(k, ', ') into v_missing from jsonb_object_keys(v_values) k where k <> all (v_template.body_param_names);
    if v_missing is not null then
      raise sqlstate 'PT422' using message = format('Template "%s" has no value named %s', template, v_missing),
        detail = 'template_parameters', hint = 'Look at the names in the template.';
    end if;
  elsif jsonb_typeof(v_values) = 'array' then
    v_given := jsonb_array_length(v_values);
    if v_given <> v_template.body_params then
      raise sqlstate 'PT422' using message = format('Template "%s" takes %s values, %s were given', template, v_template.body_params, v_given),
        detail = 'template_parameters', hint = 'Give exactly as many values as the template has placeholders.';
    end if;
    if v_template.parameter_format = 'NAMED' then
      select jsonb_object_agg(n, v_values -> (i::int - 1)) into v_values
        from unnest(v_template.body_param_names) with ordinality u (n, i);
      v_values := coalesce(v_values, '{}');
    end if;
  else
    raise sqlstate 'PT422' using message = format('Template "%s" takes a list of values', template),
      detail = 'template_parameters', hint = 'Names are for templates with named placeholders.';
  end if;
  if exists (select from jsonb_path_query(v_values, '$.*') v where jsonb_typeof(v) not in ('string', 'number') or btrim(v #>> '{}') = '')
     or exists (select from jsonb_array_elements(case jsonb_typeof(v_values) when 'array' then v_values else '[]' end) v
                 where jsonb_typeof(v) not in ('string', 'number') or btrim(v #>> '{}') = '') then
    raise sqlstate 'PT422' using message = format('A value for template "%s" is empty or not text', template),
      detail = 'template_parameters', hint = 'Meta refuses empty values.';
  end if;
  v_text := (select string_agg(c ->> 'text', E'\n') from jsonb_array_elements(v_template.components) c where upper(c ->> 'type') = 'BODY');
  if jsonb_typeof(v_values) = 'array' then
    select jsonb_agg(jsonb_build_object('type', 'text', 'text', private.clean_parameter(v #>> '{}')) order by i) into v_body
      from jsonb_array_elements(v_values) with ordinality u (v, i);
    for v_given in 1 .. jsonb_array_length(v_values) loop
      v_text := regexp_replace(v_text, '\{\{\s*' || v_given || '\s*\}\}',
                               replace(private.clean_parameter(v_values ->> (v_given - 1)), '\', '\\'), 'g');
    end loop;
  else
    select jsonb_agg(jsonb_build_object('type', 'text', 'parameter_name', n, 'text', private.clean_parameter(v_values ->> n)) order by i)
      into v_body from unnest(v_template.body_param_names) with ordinality u (n, i);
    foreach v_missing in array v_template.body_param_names loop
      v_text := regexp_replace(v_text, '\{\{\s*' || v_missing || '\s*\}\}',
                               replace(private.clean_parameter(v_values ->> v_missing), '\', '\\'), 'g');
    end loop;
  end if;
  return jsonb_build_object('kind', 'template', 'text', v_text, 'body', jsonb_build_object('template', jsonb_strip_nulls(
    jsonb_build_object('name', template, 'language', jsonb_build_object('code', language),
      'components', case when v_body is not null then jsonb_build_array(jsonb_build_object('type', 'body', 'parameters', v_body)) end))));
end;
$$;
comment on function private.template_message is
  'A message {kind, body, text} from a template and its body values: a list in order, an object by name, or for a named template a list of "name=value". Raises PT422 template_unknown, '
  'template_not_approved, template_blocked or template_parameters: error 132000 cannot be queued.';
