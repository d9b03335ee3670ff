-- 480_template_messages.sql: a message made from a template and its values, refused here rather than by Meta.

create function private.clean_parameter(value text) returns text
  language sql immutable set search_path = ''
as $$
  select left(btrim(regexp_replace(regexp_replace(value, '\s*[\r\n\t\v\f\u0085\u2028\u2029]+\s*', ' ', 'g'), ' {4,}', '   ', 'g')), 1024)
$$;
comment on function private.clean_parameter is
  'A template value as Meta takes it: no newline or tab, at most three spaces in a row (error 132012), at most 1,024 characters.';

create function private.refuse_template(template text, part text, problem text) returns void
  language plpgsql immutable set search_path = ''
as $$
begin
  raise sqlstate 'PT422' using message = format('Template "%s": %s %s', template, part, problem), detail = 'template_parameters',
    hint = 'Look at what the template takes, part by part: Meta refuses anything else.';
end;
$$;
comment on function private.refuse_template is 'Raises PT422 template_parameters, naming the template and the part: "body value 2", "button 1".';

create function private.template_value(template text, part text, value jsonb, longest int) returns text
  language plpgsql immutable set search_path = ''
as $$
declare
  v_value text;
begin
  if value is null or jsonb_typeof(value) not in ('string', 'number') then
    perform private.refuse_template(template, part, case when coalesce(jsonb_typeof(value), 'null') = 'null' then 'is missing' else 'is not text' end);
  end if;
  v_value := private.clean_parameter(value #>> '{}');
  -- What shows nothing at all is empty for Meta too.
  if v_value ~ '^[\s\u00ad\u200b-\u200f\u2060\ufeff]*$' then
    perform private.refuse_template(template, part, 'is empty');
  elsif length(v_value) > longest then
    perform private.refuse_template(template, part, format('has %s characters, WhatsApp takes %s', length(v_value), longest));
  end if;
  return v_value;
end;
$$;
comment on function private.template_value is 'One value, cleaned; refused when it is missing, no text, empty or too long.';

create function private.url_suffix(value text) returns text
  language sql immutable set search_path = ''
as $$
  select string_agg(case when c ~ '^[A-Za-z0-9._~:/?#@!$&''()*+,;=%-]$' then c
                         else regexp_replace(upper(encode(convert_to(c, 'UTF8'), 'hex')), '(..)', '%\1', 'g') end, '' order by i)
    from regexp_split_to_table(value, '') with ordinality u (c, i)
$$;
comment on function private.url_suffix is 'The end of a button''s address, with what may not stand in an address written as %XX.';

create function private.fill_placeholders(words text, names text[], filled text[]) returns text
  language plpgsql immutable set search_path = ''
as $$
declare
  v_rest text := words;
  v_done text := '';
  v_hit  text[];
  v_at   int;
begin
  -- From left to right, so that a value which looks like a placeholder stays as it is.
  loop
    v_hit := regexp_match(v_rest, '(\{\{\s*([A-Za-z0-9_]+)\s*\}\})');
    exit when v_hit is null;
    v_at := strpos(v_rest, v_hit[1]);
    v_done := v_done || left(v_rest, v_at - 1) || coalesce(filled[array_position(names, v_hit[2])], v_hit[1]);
    v_rest := substr(v_rest, v_at + length(v_hit[1]));
  end loop;
  return v_done || v_rest;
end;
$$;
comment on function private.fill_placeholders is 'A text with its placeholders replaced by values; those without one stay.';

create function private.is_by_part(params jsonb, named text[]) returns boolean
  language sql immutable set search_path = ''
as $$
  select case when jsonb_typeof(params) = 'object' then
    not exists (select from jsonb_object_keys(params) k where k not in ('header', 'body', 'buttons'))
    and not (params <> '{}' and not exists (select from jsonb_each(params) e (k, v) where k <> all (named) or jsonb_typeof(v) in ('array', 'object')))
    else false end
$$;
comment on function private.is_by_part is
  'Whether values are given by part ({header, body, buttons}) rather than as the body''s; a template whose own names are such words means its body.';

create function private.text_values(template text, part text, given jsonb, names text[], is_named boolean, longest int) returns text[]
  language plpgsql immutable set search_path = ''
as $$
declare
  v_given  jsonb := coalesce(nullif(given, 'null'), '[]');
  v_count  int := cardinality(names);
  v_filled text[] := '{}';
  v_wrong  text;
begin
  if part = 'header' and jsonb_typeof(v_given) in ('string', 'number') then
    v_given := jsonb_build_array(v_given);
  end if;
  if is_named and jsonb_typeof(v_given) = 'array' and v_given @? '$[0]'
     and not v_given @? '$[*] ? (@.type() != "string" || !(@ like_regex "^[A-Za-z0-9_]+="))' then
    -- ["name=Asha", …], as the command line gives them
    select jsonb_object_agg(split_part(v, '=', 1), substr(v, strpos(v, '=') + 1)) into v_given from jsonb_array_elements_text(v_given) v;
  end if;
  if jsonb_typeof(v_given) = 'array' then
    if jsonb_array_length(v_given) <> v_count then
      raise sqlstate 'PT422' using message = format('Template "%s" takes %s values in its %s, %s were given', template, v_count, part, jsonb_array_length(v_given)),
        detail = 'template_parameters', hint = 'Give exactly as many values as the template has placeholders.';
    end if;
    for i in 1 .. v_count loop
      v_filled[i] := private.template_value(template, format('%s value %s', part, case when is_named then names[i] else i::text end), v_given -> (i - 1), longest);
    end loop;
  elsif jsonb_typeof(v_given) = 'object' and (is_named or v_given = '{}' or names @> array(select jsonb_object_keys(v_given))) then
    select string_agg(n, ', ' order by i) into v_wrong from unnest(names) with ordinality u (n, i) where coalesce(v_given -> n, 'null') = 'null';
    if v_wrong is not null then
      raise sqlstate 'PT422' using message = format('Template "%s" needs a value for %s in its %s', template, v_wrong, part),
        detail = 'template_parameters', hint = 'Give every named value.';
    end if;
    select string_agg(k, ', ' order by k) into v_wrong from jsonb_object_keys(v_given) k where k <> all (names);
    if v_wrong is not null then
      raise sqlstate 'PT422' using message = format('Template "%s" has no value named %s in its %s', template, v_wrong, part),
        detail = 'template_parameters', hint = 'Look at the names in the template.';
    end if;
    for i in 1 .. v_count loop
      v_filled[i] := private.template_value(template, format('%s value %s', part, names[i]), v_given -> names[i], longest);
    end loop;
  else
    raise sqlstate 'PT422' using message = format('Template "%s" takes a list of values in its %s', template, part),
      detail = 'template_parameters', hint = 'Names are for templates with named placeholders.';
  end if;
  return v_filled;
end;
$$;
comment on function private.text_values is
  'The values of a header''s or body''s text, cleaned, in the order of its placeholders: from a list, an object by name, or a list of "name=value".';

create function private.media_header(org_id uuid, account_id uuid, template text, format text, given jsonb, phone_number_id text) returns jsonb
  language plpgsql stable security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_given  jsonb := case when jsonb_typeof(given) = 'array' and jsonb_array_length(given) = 1 then given -> 0 else given end;
  v_kind   text := lower(media_header.format);
  v_number text := media_header.phone_number_id;
  v_media  jsonb;
begin
  if jsonb_typeof(v_given) = 'string' then
    v_given := case when v_given ->> 0 ~ '^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$'
                    then jsonb_build_object('media_id', v_given) else jsonb_build_object('link', v_given) end;
  end if;
  if coalesce(jsonb_typeof(v_given), 'null') <> 'object' then
    perform private.refuse_template(template, 'header', format('needs %s', case when v_kind = 'location' then 'a location' else 'the ' || v_kind end));
  end if;
  if v_kind = 'location' then
    if coalesce(v_given ->> 'latitude', '') !~ '^-?[0-9]{1,2}(\.[0-9]{1,20})?$' or abs((v_given ->> 'latitude')::numeric) > 90
       or coalesce(v_given ->> 'longitude', '') !~ '^-?[0-9]{1,3}(\.[0-9]{1,20})?$' or abs((v_given ->> 'longitude')::numeric) > 180 then
      perform private.refuse_template(template, 'header', 'needs a latitude (-90 to 90) and a longitude (-180 to 180)');
    end if;
    return jsonb_build_object('parameter', jsonb_build_object('type', 'location', 'location', jsonb_build_object(
      'latitude', v_given ->> 'latitude', 'longitude', v_given ->> 'longitude',
      'name', private.template_value(template, 'header name', v_given -> 'name', 1024),
      'address', private.template_value(template, 'header address', v_given -> 'address', 1024))));
  end if;
  if v_given ->> 'media_id' is not null then
    if v_given ->> 'media_id' !~ '^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$' then
      perform private.refuse_template(template, 'header', 'names no stored file: media_id is a UUID');
    end if;
    if v_number is null then
      select n.phone_number_id into v_number from public.whatsapp_numbers n
       where n.org_id = media_header.org_id and n.account_id = media_header.account_id and n.status <> 'disconnected'
       order by n.connected_at, n.id limit 1;
    end if;
    v_media := private.media_for_sending(media_header.org_id, (v_given ->> 'media_id')::uuid, v_kind, v_number);
    return jsonb_build_object('media_id', v_given -> 'media_id', 'parameter', jsonb_build_object('type', v_kind, v_kind, jsonb_strip_nulls(
      jsonb_build_object('id', v_media -> 'id', 'filename',
        case when v_kind = 'document' then coalesce(private.clean_parameter(v_given ->> 'filename'), v_media ->> 'filename') end))));
  end if;
  if coalesce(v_given ->> 'link', '') !~ '^https://[A-Za-z0-9.-]+\.[A-Za-z]{2,}(:[0-9]{1,5})?(/[^\s]*)?$' or length(v_given ->> 'link') > 2000 then
    perform private.refuse_template(template, 'header', format('needs the %s: a stored file (media_id) or an https link', v_kind));
  end if;
  return jsonb_build_object('parameter', jsonb_build_object('type', v_kind, v_kind, jsonb_strip_nulls(jsonb_build_object('link', v_given -> 'link',
    'filename', case when v_kind = 'document' then nullif(left(private.clean_parameter(v_given ->> 'filename'), 240), '') end))));
end;
$$;
comment on function private.media_header is
  'The header parameter of a template with a file or a place: from {media_id} (a file in public.media), {link, filename?}, the UUID or the https link alone, '
  'or {latitude, longitude, name, address}. Returns {parameter, media_id?}. Raises PT422 template_parameters, and what private.media_for_sending raises.';

create function private.button_values(template text, buttons jsonb, given jsonb) returns jsonb
  language plpgsql immutable set search_path = ''
as $$
declare
  v_given  jsonb := coalesce(nullif(given, 'null'), '[]');
  v_needed int[] := array(select (b ->> 'index')::int from jsonb_array_elements(buttons) b where b ->> 'needs' = 'required' order by 1);
  v_values jsonb := '{}';
  v_item   jsonb;
  v_at     int;
begin
  if jsonb_typeof(v_given) = 'object' then
    select coalesce(jsonb_agg(jsonb_build_object('index', k, 'value', v)), '[]') into v_given from jsonb_each(v_given) e (k, v);
  elsif jsonb_typeof(v_given) <> 'array' then
    perform private.refuse_template(template, 'buttons', 'are given as a list');
  end if;
  for v_item, v_at in select v, i from jsonb_array_elements(v_given) with ordinality u (v, i) loop
    if jsonb_typeof(v_item) = 'object' then
      if coalesce(v_item ->> 'index', '') !~ '^[0-9]{1,2}$' or (v_item ->> 'index')::int >= jsonb_array_length(buttons) then
        perform private.refuse_template(template, 'buttons', format('have no index %s: the template has %s', coalesce(v_item ->> 'index', '-'), jsonb_array_length(buttons)));
      elsif v_values ? (v_item ->> 'index')::int::text then
        perform private.refuse_template(template, format('button %s', (v_item ->> 'index')::int + 1), 'is given twice');
      end if;
      v_values := v_values || jsonb_build_object((v_item ->> 'index')::int::text, v_item -> 'value');
    elsif v_at > cardinality(v_needed) then
      perform private.refuse_template(template, 'buttons', format('take %s values, %s were given', cardinality(v_needed), jsonb_array_length(v_given)));
    elsif v_values ? v_needed[v_at]::text then
      perform private.refuse_template(template, format('button %s', v_needed[v_at] + 1), 'is given twice');
    else
      v_values := v_values || jsonb_build_object(v_needed[v_at]::text, v_item);
    end if;
  end loop;
  return v_values;
end;
$$;
comment on function private.button_values is
  'The values of buttons by index: from [{index, value}], {index: value}, or a list of values for the buttons that must have one, in order.';

create function private.template_message(org_id uuid, account_id uuid, template text, language text, params jsonb, phone_number_id text default null)
  returns jsonb
  language plpgsql stable security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_template   public.message_templates;
  v_params     jsonb := coalesce(nullif(params, 'null'), '[]');
  v_takes      jsonb;
  v_is_named   boolean;
  v_is_code    boolean;
  v_names      text[];
  v_filled     text[];
  v_part       jsonb;
  v_button     jsonb;
  v_value      text;
  v_url        text;
  v_buttons    jsonb;
  v_header     jsonb;
  v_components jsonb := '[]';
  v_texts      text[] := '{}';
  v_text       text;
begin
  select t.* into v_template from public.message_templates t
   where t.org_id = template_message.org_id and t.account_id = template_message.account_id
     and t.name = template_message.template and t.language = template_message.language;
  v_takes := v_template.parameters;
  if v_template.id is null then
    raise sqlstate 'PT422' using message = format('There is no template "%s" in language "%s"', template, language),
      detail = 'template_unknown', hint = 'Sync the templates, or choose one that exists.';
  elsif v_template.status <> 'APPROVED' then
    raise sqlstate 'PT422' using message = format('Template "%s" is not approved (%s)', template, v_template.status),
      detail = 'template_not_approved', hint = 'Wait for Meta''s approval, or choose another template.';
  elsif v_template.blocked_reason is not null then
    raise sqlstate 'PT422' using message = format('Template "%s" is blocked: %s', template, v_template.blocked_reason),
      detail = 'template_blocked', hint = 'Correct the template at Meta and sync again.';
  elsif v_takes ->> 'unsupported' is not null then
    raise sqlstate 'PT422' using message = format('Template "%s" has a part that Flow cannot send: %s', template, v_takes ->> 'unsupported'),
      detail = 'template_unsupported', hint = 'Choose a template with a header, body, footer and buttons only.';
  end if;
  v_is_named := v_template.parameter_format = 'NAMED';
  v_is_code := v_template.category = 'AUTHENTICATION';
  if not private.is_by_part(v_params, v_template.body_param_names) then
    v_params := jsonb_build_object('body', v_params);
  end if;

  -- Header
  if v_takes #>> '{header,format}' in ('IMAGE', 'VIDEO', 'DOCUMENT', 'LOCATION') then
    v_header := private.media_header(template_message.org_id, template_message.account_id, template, v_takes #>> '{header,format}',
                                     v_params -> 'header', template_message.phone_number_id);
    v_components := v_components || jsonb_build_object('type', 'header', 'parameters', jsonb_build_array(v_header -> 'parameter'));
  elsif coalesce(v_params -> 'header', 'null') not in ('null', '[]', '{}') or jsonb_typeof(v_takes -> 'header') = 'object' then
    v_names := array(select n from jsonb_array_elements_text(coalesce(v_takes #> '{header,names}', '[]')) n);
    v_filled := private.text_values(template, 'header', v_params -> 'header', v_names, v_is_named, 60);
    v_text := (select private.fill_placeholders(c ->> 'text', v_names, v_filled) from jsonb_array_elements(v_template.components) c
                where upper(c ->> 'type') = 'HEADER' limit 1);
    if length(v_text) > 60 then
      perform private.refuse_template(template, 'header', format('would have %s characters, WhatsApp takes 60', length(v_text)));
    end if;
    v_texts := v_texts || v_text;
    if cardinality(v_names) > 0 then
      v_components := v_components || jsonb_build_object('type', 'header', 'parameters', private.text_parameters(v_names, v_filled, v_is_named));
    end if;
  end if;

  -- Body
  v_names := array(select n from jsonb_array_elements_text(v_takes #> '{body,names}') n);
  v_filled := private.text_values(template, 'body', v_params -> 'body', v_names, v_is_named, case when v_is_code then 15 else 1024 end);
  v_text := (select private.fill_placeholders(coalesce(c ->> 'text', '{{1}}'), v_names, v_filled) from jsonb_array_elements(v_template.components) c
              where upper(c ->> 'type') = 'BODY' limit 1);
  if length(v_text) > 1024 then
    perform private.refuse_template(template, 'body', format('would have %s characters, WhatsApp takes 1024', length(v_text)));
  end if;
  v_texts := v_texts || v_text;
  if cardinality(v_names) > 0 then
    v_components := v_components || jsonb_build_object('type', 'body', 'parameters', private.text_parameters(v_names, v_filled, v_is_named));
  end if;

  -- Buttons
  if v_takes -> 'buttons' <> '[]' or coalesce(v_params -> 'buttons', 'null') not in ('null', '[]', '{}') then
    v_buttons := private.button_values(template, v_takes -> 'buttons', v_params -> 'buttons');
    for v_button in select b from jsonb_array_elements(v_takes -> 'buttons') b loop
      v_part := nullif(v_buttons -> (v_button ->> 'index'), 'null');
      if v_button ->> 'type' = 'OTP' then
        if v_part is not null and private.template_value(template, format('button %s', (v_button ->> 'index')::int + 1), v_part, 15)
                                  is distinct from v_filled[1] then
          perform private.refuse_template(template, format('button %s', (v_button ->> 'index')::int + 1), 'carries the same code as the body');
        end if;
        v_value := v_filled[1];
      elsif v_part is null then
        if v_button ->> 'needs' = 'required' then
          perform private.refuse_template(template, format('button %s', (v_button ->> 'index')::int + 1), 'needs a value');
        elsif v_button ->> 'type' <> 'FLOW' then
          continue;
        end if;
        v_value := 'unused';                  -- Meta's own word for a flow token that nobody looks at
      elsif v_button ->> 'needs' is null then
        perform private.refuse_template(template, format('button %s', (v_button ->> 'index')::int + 1), 'takes no value');
      else
        v_value := private.template_value(template, format('button %s', (v_button ->> 'index')::int + 1), v_part,
          case v_button ->> 'type' when 'COPY_CODE' then 15 when 'QUICK_REPLY' then 128 when 'FLOW' then 200 else 1024 end);
      end if;
      if v_button ->> 'type' = 'URL' then
        v_value := private.url_suffix(v_value);
        select b ->> 'url' into v_url from jsonb_array_elements(v_template.components) c, jsonb_array_elements(c -> 'buttons') with ordinality u (b, i)
         where upper(c ->> 'type') = 'BUTTONS' and i = (v_button ->> 'index')::int + 1;
        if length(v_url) + length(v_value) > 2000 then
          perform private.refuse_template(template, format('button %s', (v_button ->> 'index')::int + 1), 'would lead to an address of over 2000 characters');
        end if;
      end if;
      v_components := v_components || jsonb_build_object('type', 'button', 'index', v_button ->> 'index',
        'sub_type', case v_button ->> 'type' when 'OTP' then 'url' else lower(v_button ->> 'type') end,
        'parameters', jsonb_build_array(case v_button ->> 'type'
          when 'QUICK_REPLY' then jsonb_build_object('type', 'payload', 'payload', v_value)
          when 'COPY_CODE' then jsonb_build_object('type', 'coupon_code', 'coupon_code', v_value)
          when 'FLOW' then jsonb_build_object('type', 'action', 'action', jsonb_build_object('flow_token', v_value))
          else jsonb_build_object('type', 'text', 'text', v_value) end));
    end loop;
  end if;

  v_texts := v_texts || array(select c ->> 'text' from jsonb_array_elements(v_template.components) c
                               where upper(c ->> 'type') = 'FOOTER' and c ->> 'text' is not null);
  return jsonb_strip_nulls(jsonb_build_object('kind', 'template', 'text', array_to_string(v_texts, E'\n'),
    'media_id', v_header -> 'media_id', 'needs_phone', case when v_is_code then true end,
    'body', jsonb_build_object('template', jsonb_build_object('name', template, 'language', jsonb_build_object('code', language),
      'components', case when v_components <> '[]' then v_components end))));
end;
$$;
comment on function private.template_message is
  'A message {kind, body, text, media_id?, needs_phone?} from a template and its values: a list or an object for the body alone, or {header, body, buttons} '
  '(private.media_header, private.button_values). Raises PT422 template_unknown, template_not_approved, template_blocked, template_unsupported or '
  'template_parameters, naming the part: no error 132xxx can be queued. needs_phone: private.require_phone before it is queued.';

create function private.text_parameters(names text[], filled text[], is_named boolean) returns jsonb
  language sql immutable set search_path = ''
as $$
  select jsonb_agg(case when is_named then jsonb_build_object('type', 'text', 'parameter_name', names[i], 'text', filled[i])
                        else jsonb_build_object('type', 'text', 'text', filled[i]) end order by i)
    from generate_series(1, cardinality(names)) i
$$;
comment on function private.text_parameters is 'The parameters of a header''s or body''s text, in Meta''s form.';

create function private.require_phone(org_id uuid, contact_id uuid) returns void
  language plpgsql stable security definer set search_path = ''
as $$
begin
  if not exists (select from public.contacts c where c.org_id = require_phone.org_id and c.id = require_phone.contact_id
                    and (c.wa_id is not null or c.phone is not null)) then
    raise sqlstate 'PT422' using message = 'A code can be sent to a phone number only, and WhatsApp hides this person''s', detail = 'recipient_needs_phone',
      hint = 'Ask for the number first.';
  end if;
end;
$$;
comment on function private.require_phone is
  'Raises PT422 recipient_needs_phone for a contact known by a WhatsApp user id alone: authentication templates to one fail with 131062.';

create function private.fits_template(template jsonb, parameters jsonb) returns boolean
  language plpgsql immutable set search_path = ''
as $$
declare
  v_parts jsonb := coalesce(template -> 'components', '[]');
begin
  return coalesce(jsonb_array_length(jsonb_path_query_first(v_parts, '$[*] ? (@.type == "body").parameters')), 0)
           = coalesce((parameters #>> '{body,count}')::int, 0)
     and v_parts @? '$[*] ? (@.type == "header")'
           = (coalesce(parameters #>> '{header,format}', 'TEXT') <> 'TEXT' or coalesce((parameters #>> '{header,count}')::int, 0) > 0)
     and not exists (select from jsonb_array_elements(parameters -> 'buttons') b
                      where b ->> 'needs' = 'required'
                        and not exists (select from jsonb_array_elements(v_parts) c
                                         where c ->> 'type' = 'button' and c ->> 'index' = b ->> 'index'));
end;
$$;
comment on function private.fits_template is
  'Whether a message''s {name, language, components} still has the values that the template takes: it may have been edited at Meta since the message was written.';
