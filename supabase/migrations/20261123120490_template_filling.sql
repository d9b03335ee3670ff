-- 490_template_filling.sql: a template's values from a lead and its contact, and how the message will look.

create function private.greeting_value(field text, lead public.leads, contact public.contacts) returns text
  language plpgsql stable security definer set search_path = ''
as $$
declare
  v_fallback text := case when strpos(field, '|') > 0 then substr(field, strpos(field, '|') + 1) end;
  v_value    text;
begin
  v_value := case split_part(field, '|', 1)
    when 'name' then (contact).name
    when 'company' then (contact).company
    when 'product' then coalesce(nullif((lead).product, ''), (lead).title)
    when 'title' then (lead).title
    when 'city' then (contact).city
    when 'state' then (contact).state
    when 'phone' then (contact).phone
    when 'organization' then (select o.name from public.organizations o where o.id = coalesce((lead).org_id, (contact).org_id))
  end;
  return private.clean_parameter(coalesce(nullif(btrim(v_value), ''), nullif(btrim(v_fallback), ''),
    case split_part(field, '|', 1) when 'name' then 'there' when 'product' then 'your enquiry' else '-' end));
end;
$$;
comment on function private.greeting_value is 'One value of a template from a lead and its contact: "field" or "field|words when empty", or "text|words" for everybody; never empty.';

create function private.filled(mapping jsonb, lead public.leads, contact public.contacts) returns jsonb
  language plpgsql stable security definer set search_path = ''
as $$
declare
  v_field text := split_part(mapping #>> '{}', '|', 1);
begin
  case jsonb_typeof(mapping)
    when 'array' then
      return (select coalesce(jsonb_agg(private.filled(v, lead, contact) order by i), '[]') from jsonb_array_elements(mapping) with ordinality u (v, i));
    when 'object' then
      return (select coalesce(jsonb_object_agg(k, case when k = 'index' then v else private.filled(v, lead, contact) end), '{}') from jsonb_each(mapping) e (k, v));
    when 'string' then
      if v_field not in ('name', 'company', 'product', 'title', 'city', 'state', 'phone', 'organization', 'text') then
        raise sqlstate 'PT422' using message = format('A lead has no field %s', left(v_field, 60)), detail = 'field_unknown',
          hint = 'Fields: name, company, product, title, city, state, phone, organization; text|… is the same for everybody.';
      end if;
      return to_jsonb(private.greeting_value(mapping #>> '{}', lead, contact));
    else
      return mapping;
  end case;
end;
$$;
comment on function private.filled is 'A mapping with every field replaced by its value. Raises PT422 field_unknown.';

create function private.fill_template(org_id uuid, account_id uuid, template text, language text, mapping jsonb, lead_id uuid, contact_id uuid)
  returns jsonb
  language plpgsql stable security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_mapping  jsonb := coalesce(nullif(mapping, 'null'), '[]');
  v_template public.message_templates;
  v_lead     public.leads;
  v_contact  public.contacts;
begin
  select t.* into v_template from public.message_templates t
   where t.org_id = fill_template.org_id and t.account_id = fill_template.account_id
     and t.name = fill_template.template and t.language = fill_template.language;
  select l.* into v_lead from public.leads l where l.org_id = fill_template.org_id and l.id = fill_template.lead_id;
  select c.* into v_contact from public.contacts c
   where c.org_id = fill_template.org_id and c.id = coalesce(fill_template.contact_id, v_lead.contact_id);
  v_lead.org_id := fill_template.org_id;
  if private.is_by_part(v_mapping, coalesce(v_template.body_param_names, '{}'))
     and coalesce(v_template.parameters #>> '{header,format}', 'TEXT') <> 'TEXT' then
    -- A file or a place is given as it is, the same for everybody.
    return private.filled(v_mapping - 'header', v_lead, v_contact)
           || case when v_mapping ? 'header' then jsonb_build_object('header', v_mapping -> 'header') else '{}' end;
  end if;
  return private.filled(v_mapping, v_lead, v_contact);
end;
$$;
comment on function private.fill_template is
  'The params of private.template_message from a mapping of the same shape, whose values are "field" or "field|words when empty": name, company, product, '
  'title, city, state, phone, organization; or "text|words", the same for everybody. The header of a template with a file or a place is given as it is. Raises PT422 field_unknown.';

------------------------------------------------------------------------------------------------
-- Preview
------------------------------------------------------------------------------------------------
create function private.template_examples(components jsonb, names text[], part text) returns jsonb
  language sql immutable set search_path = ''
as $$
  select coalesce(jsonb_object_agg(n, coalesce(
           (select e -> 'example' from jsonb_array_elements(case jsonb_typeof(c #> array['example', lower(part) || '_text_named_params'])
              when 'array' then c #> array['example', lower(part) || '_text_named_params'] else '[]' end) e where e ->> 'param_name' = n limit 1),
           -- header_text is a list, body_text a list of lists
           case lower(part) when 'body' then c #> array['example', 'body_text', '0', (i - 1)::text] else c #> array['example', 'header_text', (i - 1)::text] end))
         , '{}')
    from jsonb_array_elements(components) c, unnest(names) with ordinality u (n, i)
   where upper(c ->> 'type') = upper(part)
$$;
comment on function private.template_examples is 'The example values that a template''s header or body was submitted with: {placeholder: example or null}.';

create function private.given_values(given jsonb, names text[]) returns jsonb
  language sql immutable set search_path = ''
as $$
  select case jsonb_typeof(given)
    when 'object' then given
    when 'array' then (select coalesce(jsonb_object_agg(n, given -> (i::int - 1)), '{}') from unnest(names) with ordinality u (n, i))
    when 'string' then (select coalesce(jsonb_object_agg(n, given), '{}') from unnest(names[1:1]) n)
    else '{}' end
$$;
comment on function private.given_values is 'Values however given, by placeholder; what is not given is null or absent. Checks nothing.';

create function private.preview_template(org_id uuid, template_id uuid, params jsonb, lead_id uuid, mapping jsonb) returns jsonb
  language plpgsql stable security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_template public.message_templates;
  v_params   jsonb := nullif(params, 'null');
  v_values   jsonb;
  v_names    text[];
  v_filled   text[];
  v_part     text;
  v_component jsonb;
  v_shown    jsonb := '{}';
  v_missing  jsonb := '[]';
  v_buttons  jsonb := '[]';
  v_button   jsonb;
  v_given    jsonb := '{}';
  v_problem  text;
  v_value    text;
  v_code     text;
begin
  perform private.require_role(preview_template.org_id, 'agent');
  select t.* into v_template from public.message_templates t
   where t.org_id = preview_template.org_id and t.id = preview_template.template_id;
  if not found then
    raise sqlstate 'PT404' using message = 'There is no such template', detail = 'template_unknown', hint = 'Reload the templates.';
  elsif preview_template.lead_id is not null and not exists (select from public.leads l
          where l.org_id = preview_template.org_id and l.id = preview_template.lead_id) then
    raise sqlstate 'PT404' using message = 'There is no such lead', detail = 'lead_unknown', hint = 'Reload the leads.';
  end if;
  if v_params is null and nullif(mapping, 'null') is not null then
    v_params := private.fill_template(preview_template.org_id, v_template.account_id, v_template.name, v_template.language, mapping,
                                      preview_template.lead_id, null);
  end if;
  if v_params is not null then
    begin
      perform private.template_message(preview_template.org_id, v_template.account_id, v_template.name, v_template.language, v_params);
    exception when sqlstate 'PT404' or sqlstate 'PT409' or sqlstate 'PT422' then
      v_problem := sqlerrm;
    end;
    if not private.is_by_part(v_params, v_template.body_param_names) then
      v_params := jsonb_build_object('body', v_params);
    end if;
  end if;
  foreach v_part in array array['header', 'body', 'footer'] loop
    select c into v_component from jsonb_array_elements(v_template.components) c where upper(c ->> 'type') = upper(v_part) limit 1;
    if v_component is null then
      v_shown := v_shown || jsonb_build_object(v_part, null);
      continue;
    elsif v_part = 'header' and upper(coalesce(v_component ->> 'format', 'TEXT')) <> 'TEXT' then
      v_shown := v_shown || jsonb_build_object('header', jsonb_build_object('format', upper(v_component ->> 'format'), 'given', v_params -> 'header'));
      if coalesce(v_params -> 'header', 'null') = 'null' then
        v_missing := v_missing || to_jsonb('header'::text);
      end if;
      continue;
    end if;
    v_names := array(select n from jsonb_array_elements_text(coalesce(v_template.parameters #> array[v_part, 'names'], '[]')) n);
    v_values := case when v_params is null then private.template_examples(v_template.components, v_names, v_part)
                     else private.given_values(v_params -> v_part, v_names) end;
    v_filled := '{}';
    for i in 1 .. cardinality(v_names) loop
      v_value := case when jsonb_typeof(v_values -> v_names[i]) in ('string', 'number')
                      then nullif(private.clean_parameter(v_values ->> v_names[i]), '') end;
      v_filled[i] := v_value;
      if v_value is null then
        v_missing := v_missing || to_jsonb(format('%s value %s', v_part, v_names[i]));
      end if;
    end loop;
    v_code := case when v_part = 'body' then v_filled[1] else v_code end;
    v_shown := v_shown || jsonb_build_object(v_part, private.fill_placeholders(coalesce(v_component ->> 'text', '{{1}}'), v_names, v_filled));
  end loop;
  begin
    v_given := private.button_values(v_template.name, v_template.parameters -> 'buttons', v_params -> 'buttons');
  exception when sqlstate 'PT422' then
    v_problem := coalesce(v_problem, sqlerrm);
  end;
  for v_button in
    select b || jsonb_build_object('index', i - 1, 'needs', v_template.parameters #>> array['buttons', (i - 1)::text, 'needs'])
      from jsonb_array_elements(v_template.components) c, jsonb_array_elements(c -> 'buttons') with ordinality u (b, i)
     where upper(c ->> 'type') = 'BUTTONS' order by i
  loop
    v_value := coalesce(v_given ->> (v_button ->> 'index'), case when v_template.category = 'AUTHENTICATION' then v_code end);
    if v_params is null then
      v_value := case jsonb_typeof(v_button -> 'example') when 'array' then v_button #>> '{example,0}' when 'string' then v_button ->> 'example' end;
    elsif v_value is null and v_button ->> 'needs' = 'required' and v_template.category <> 'AUTHENTICATION' then
      v_missing := v_missing || to_jsonb(format('button %s', (v_button ->> 'index')::int + 1));
    end if;
    v_buttons := v_buttons || jsonb_strip_nulls(jsonb_build_object('index', v_button -> 'index', 'type', v_button -> 'type', 'text', v_button -> 'text',
      'value', v_value, 'phone_number', v_button -> 'phone_number',
      'url', case when v_params is null and v_value ~ '^https?://' then v_value
                  else regexp_replace(v_button ->> 'url', '\{\{[^}]*\}\}', replace(coalesce(private.url_suffix(v_value), '…'), '\', '\\')) end));
  end loop;
  return v_shown || jsonb_build_object('buttons', v_buttons, 'missing', v_missing, 'problem', v_problem,
    'text', array_to_string(array[case jsonb_typeof(v_shown -> 'header') when 'string' then v_shown ->> 'header' end, v_shown ->> 'body', v_shown ->> 'footer'], E'\n'),
    'category', v_template.category, 'price_class', lower(v_template.category), 'status', v_template.status);
end;
$$;
comment on function private.preview_template is 'public.preview_template behind its door.';
create function public.preview_template(org_id uuid, template_id uuid, params jsonb default null, lead_id uuid default null, mapping jsonb default null)
  returns jsonb language sql volatile set search_path = ''
begin atomic
  select private.preview_template(org_id, template_id, params, lead_id, mapping);
end;
comment on function public.preview_template is
  'How a template will look: {header, body, footer, buttons, text, missing: what has no value, problem: why it could not be sent so, or null, category, '
  'price_class, status}. With params as a send takes them, with a mapping of fields and a lead, or with the template''s own examples. Raises PT404, PT422.';
grant execute on function private.preview_template, public.preview_template to authenticated;
