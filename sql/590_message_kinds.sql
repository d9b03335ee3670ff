-- 590_message_kinds.sql: what a message of each kind may say, checked before it is queued. Limits are WhatsApp's.

------------------------------------------------------------------------------------------------
-- Kinds
------------------------------------------------------------------------------------------------
create function private.text_message(body text, preview_url boolean default null) returns jsonb
  language plpgsql immutable set search_path = ''
as $$
begin
  if coalesce(btrim(body, E' \t\r\n'), '') = '' then
    perform private.refuse_field('message.text', 'is empty', 'text_empty');
  elsif length(body) > 4096 then
    perform private.refuse_field('message.text', format('has %s characters, WhatsApp takes 4096', length(body)), 'text_too_long');
  end if;
  return jsonb_build_object('kind', 'text', 'text', body, 'body',
    jsonb_build_object('text', jsonb_build_object('body', body, 'preview_url', coalesce(preview_url, body ~* 'https?://'))));
end;
$$;
comment on function private.text_message is
  'A message {kind, body, text} of plain text; a preview of its first link unless told otherwise. Raises PT422 text_empty, text_too_long.';

create function private.media_part(org_id uuid, object jsonb, path text, kind text, phone_number_id text) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_media jsonb;
  v_part  jsonb;
  v_name  text;
begin
  if (object ->> 'media_id' is null) = (object ->> 'link' is null) then
    perform private.refuse_field(path || '.media_id', 'or link must say what to send, one of the two', 'field_missing');
  elsif object ->> 'link' is not null then
    v_part := jsonb_build_object('link', private.link_field(object, 'link', path));
  elsif object ->> 'media_id' !~ '^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$' then
    perform private.refuse_field(path || '.media_id', 'is not the id of a file', 'field_invalid');
  else
    v_media := private.media_for_sending(media_part.org_id, (object ->> 'media_id')::uuid, media_part.kind, media_part.phone_number_id);
    v_part := jsonb_build_object('id', v_media ->> 'id');
  end if;
  if media_part.kind = 'document' then
    v_name := coalesce(private.text_field(object, 'filename', path, 240, false), left(v_media ->> 'filename', 240));
    if v_name ~ '[/\\[:cntrl:]]' then
      perform private.refuse_field(path || '.filename', 'is not a file name', 'field_invalid');
    end if;
    v_part := v_part || jsonb_strip_nulls(jsonb_build_object('filename', v_name));
  end if;
  return v_part;
end;
$$;
comment on function private.media_part is
  'What Meta takes for a file, {id or link, filename?}, from {media_id or link, filename?}. Raises PT422, and PT404, PT409 of private.media_for_sending.';

create function private.media_message(org_id uuid, spec jsonb, kind text, phone_number_id text) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_part    jsonb;
  v_caption text;
begin
  perform private.known_fields(spec, 'message', array['kind', 'context_wamid', 'media_id', 'link'] || case media_message.kind
    when 'document' then array['caption', 'filename'] when 'audio' then array['voice'] when 'sticker' then '{}' else array['caption'] end);
  v_caption := private.text_field(spec, 'caption', 'message', 1024, false);
  v_part := private.media_part(media_message.org_id, spec, 'message', media_message.kind, media_message.phone_number_id)
         || jsonb_strip_nulls(jsonb_build_object('caption', v_caption));
  if private.flag_field(spec, 'voice', 'message') then
    v_part := v_part || '{"voice": true}';
  end if;
  return jsonb_build_object('kind', media_message.kind, 'body', jsonb_build_object(media_message.kind, v_part),
    'text', coalesce(v_caption, v_part ->> 'filename', case when (v_part ->> 'voice')::boolean then 'Voice message'
                     else case media_message.kind when 'image' then 'Photo' else initcap(media_message.kind) end end));
end;
$$;
comment on function private.media_message is
  'A message {kind, body, text} of an image, video, audio (voice: as a voice message), document or sticker. Raises as private.media_part.';

create function private.location_message(spec jsonb) returns jsonb
  language plpgsql immutable set search_path = ''
as $$
declare
  v_name    text;
  v_address text;
  r         record;
begin
  perform private.known_fields(spec, 'message', '{kind,context_wamid,latitude,longitude,name,address}');
  for r in select * from (values ('latitude', 90), ('longitude', 180)) v (field, most) loop
    if coalesce(jsonb_typeof(spec -> r.field), 'null') = 'null' then
      perform private.refuse_field('message.' || r.field, 'is missing', 'field_missing');
    elsif jsonb_typeof(spec -> r.field) <> 'number' then
      perform private.refuse_field('message.' || r.field, 'is not a number', 'field_invalid');
    elsif abs((spec ->> r.field)::numeric) > r.most then
      perform private.refuse_field('message.' || r.field, format('lies outside -%s to %s', r.most, r.most), 'field_invalid');
    end if;
  end loop;
  v_name := private.text_field(spec, 'name', 'message', 1000, false);
  v_address := private.text_field(spec, 'address', 'message', 1000, false);
  return jsonb_build_object('kind', 'location', 'body', jsonb_build_object('location', jsonb_strip_nulls(jsonb_build_object(
      'latitude', spec -> 'latitude', 'longitude', spec -> 'longitude', 'name', v_name, 'address', v_address))),
    'text', coalesce(nullif(concat_ws(', ', v_name, v_address), ''), format('Location %s, %s', spec ->> 'latitude', spec ->> 'longitude')));
end;
$$;
comment on function private.location_message is 'A message {kind, body, text} of a place {latitude, longitude, name?, address?}. Raises PT422.';

create function private.check_card(card jsonb, path text) returns void
  language plpgsql immutable set search_path = ''
as $$
declare
  v_one jsonb;
  v_at  bigint;
  r     record;
begin
  perform private.known_fields(card, path, '{name,phones,emails,urls,addresses,org,birthday}');
  perform private.known_fields(coalesce(card -> 'name', '{}'), path || '.name', '{formatted_name,first_name,last_name,middle_name,prefix,suffix}');
  perform private.text_field(coalesce(card -> 'name', '{}'), 'formatted_name', path || '.name', 256);
  perform private.text_field(card -> 'name', k, path || '.name', 256, false) from jsonb_object_keys(card -> 'name') k;
  for r in select * from (values ('phones', 'phone', '{phone,type,wa_id}'::text[]), ('emails', 'email', '{email,type}'), ('urls', 'url', '{url,type}'),
                                 ('addresses', null, '{street,city,state,zip,country,country_code,type}')) v (list, needed, names) loop
    for v_one, v_at in select e, n - 1 from jsonb_array_elements(private.list_field(card, r.list, path, 20, false)) with ordinality u (e, n) loop
      perform private.known_fields(v_one, format('%s.%s[%s]', path, r.list, v_at), r.names);
      perform private.text_field(v_one, k, format('%s.%s[%s]', path, r.list, v_at), 512, k is not distinct from r.needed) from unnest(r.names) k;
    end loop;
  end loop;
  if card ? 'org' then
    perform private.known_fields(card -> 'org', path || '.org', '{company,department,title}');
    perform private.text_field(card -> 'org', k, path || '.org', 256, false) from jsonb_object_keys(card -> 'org') k;
  end if;
  if coalesce(private.text_field(card, 'birthday', path, 10, false), '2000-01-01') !~ '^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])$' then
    perform private.refuse_field(path || '.birthday', 'is not a day written YYYY-MM-DD', 'field_invalid');
  end if;
end;
$$;
comment on function private.check_card is 'Raises PT422 unless the value is a contact card as WhatsApp takes it.';

create function private.contacts_message(spec jsonb) returns jsonb
  language plpgsql immutable set search_path = ''
as $$
declare
  v_cards jsonb;
begin
  perform private.known_fields(spec, 'message', '{kind,context_wamid,contacts}');
  v_cards := private.list_field(spec, 'contacts', 'message', 257);
  perform private.check_card(c, format('message.contacts[%s]', n - 1)) from jsonb_array_elements(v_cards) with ordinality u (c, n);
  -- Meta wants one more part of the name beside the formatted one.
  select jsonb_agg(case when c -> 'name' ?| '{first_name,last_name,middle_name,prefix,suffix}' then c
                        else jsonb_set(c, '{name,first_name}', c #> '{name,formatted_name}') end order by n) into v_cards
    from jsonb_array_elements(v_cards) with ordinality u (c, n);
  return jsonb_build_object('kind', 'contacts', 'body', jsonb_build_object('contacts', jsonb_strip_nulls(v_cards)),
    'text', (select left(string_agg(concat_ws(' ', c #>> '{name,formatted_name}', c #>> '{phones,0,phone}'), ', ' order by n), 4096)
               from jsonb_array_elements(v_cards) with ordinality u (c, n)));
end;
$$;
comment on function private.contacts_message is
  'A message {kind, body, text} of contact cards [{name: {formatted_name, …}, phones?, emails?, urls?, addresses?, org?, birthday?}]. Raises PT422.';

create function private.interactive_header(org_id uuid, header jsonb, phone_number_id text) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_kind text;
begin
  if jsonb_typeof(header) = 'string' then
    header := jsonb_build_object('text', header);
  end if;
  perform private.known_fields(header, 'message.header', '{text,image,video,document}');
  if (select count(*) from jsonb_object_keys(header)) <> 1 then
    perform private.refuse_field('message.header', 'must be one of text, image, video, document', 'field_invalid');
  end if;
  select k into v_kind from jsonb_object_keys(header) k;
  if v_kind = 'text' then
    return jsonb_build_object('type', 'text', 'text', private.text_field(header, 'text', 'message.header', 60));
  end if;
  perform private.known_fields(header -> v_kind, 'message.header.' || v_kind,
                               array['media_id', 'link'] || case v_kind when 'document' then array['filename'] else '{}' end);
  return jsonb_build_object('type', v_kind, v_kind, private.media_part(interactive_header.org_id, header -> v_kind,
                            'message.header.' || v_kind, v_kind, interactive_header.phone_number_id));
end;
$$;
comment on function private.interactive_header is
  'What Meta takes as the header of an interactive message: words, or one of {text, image, video, document}. Raises PT422 and as private.media_part.';

create function private.interactive_choices(spec jsonb) returns jsonb
  language plpgsql immutable set search_path = ''
as $$
declare
  v_buttons  jsonb;
  v_sections jsonb;
  v_one      jsonb;
  v_path     text;
  v_ids      text[] := '{}';
  v_titles   text[] := '{}';
  r          record;
begin
  if spec ->> 'type' = 'buttons' then
    v_buttons := private.list_field(spec, 'buttons', 'message', 3);
    for r in select e as one, format('message.buttons[%s]', n - 1) as path from jsonb_array_elements(v_buttons) with ordinality u (e, n) loop
      perform private.known_fields(r.one, r.path, '{id,title}');
      v_ids := v_ids || private.text_field(r.one, 'id', r.path, 256);
      v_titles := v_titles || private.text_field(r.one, 'title', r.path, 20);
      if (r.one ->> 'id') = any (v_ids[: cardinality(v_ids) - 1]) then
        perform private.refuse_field(r.path || '.id', 'is that of another button', 'field_doubled');
      elsif (r.one ->> 'title') = any (v_titles[: cardinality(v_titles) - 1]) then
        perform private.refuse_field(r.path || '.title', 'is that of another button', 'field_doubled');
      end if;
    end loop;
    return (select jsonb_build_object('buttons', jsonb_agg(jsonb_build_object('type', 'reply', 'reply', b) order by n))
              from jsonb_array_elements(v_buttons) with ordinality u (b, n));
  end if;
  perform private.text_field(spec, 'button', 'message', 20);
  v_sections := private.list_field(spec, 'sections', 'message', 10);
  for v_one, v_path in select e, format('message.sections[%s]', n - 1) from jsonb_array_elements(v_sections) with ordinality u (e, n) loop
    perform private.known_fields(v_one, v_path, '{title,rows}');
    perform private.text_field(v_one, 'title', v_path, 24, jsonb_array_length(v_sections) > 1);
    for r in select e as one, format('%s.rows[%s]', v_path, n - 1) as path
               from jsonb_array_elements(private.list_field(v_one, 'rows', v_path, 10)) with ordinality u (e, n) loop
      perform private.known_fields(r.one, r.path, '{id,title,description}');
      v_ids := v_ids || private.text_field(r.one, 'id', r.path, 200);
      perform private.text_field(r.one, 'title', r.path, 24);
      perform private.text_field(r.one, 'description', r.path, 72, false);
      if (r.one ->> 'id') = any (v_ids[: cardinality(v_ids) - 1]) then
        perform private.refuse_field(r.path || '.id', 'is that of another row', 'field_doubled');
      end if;
    end loop;
  end loop;
  if cardinality(v_ids) > 10 then
    perform private.refuse_field('message.sections', format('have %s rows in all, WhatsApp takes 10', cardinality(v_ids)), 'too_many');
  end if;
  return (select jsonb_build_object('button', spec ->> 'button', 'sections', jsonb_agg(jsonb_build_object('title', nullif(s ->> 'title', ''), 'rows', (
            select jsonb_agg(jsonb_build_object('id', w ->> 'id', 'title', w ->> 'title', 'description', nullif(w ->> 'description', '')) order by i)
              from jsonb_array_elements(s -> 'rows') with ordinality x (w, i))) order by n))
            from jsonb_array_elements(v_sections) with ordinality u (s, n));
end;
$$;
comment on function private.interactive_choices is 'What Meta takes as the buttons or the list of an interactive message. Raises PT422.';

create function private.interactive_message(org_id uuid, spec jsonb, phone_number_id text) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_type   text := spec ->> 'type';
  v_names  text[] := '{kind,context_wamid,type,body}';
  v_body   text;
  v_footer text;
  v_header jsonb;
  v_action jsonb;
begin
  case v_type
  when 'buttons' then v_names := v_names || '{header,footer,buttons}';
  when 'list' then v_names := v_names || '{header,footer,button,sections}';
  when 'cta_url' then v_names := v_names || '{header,footer,display_text,url}';
  when 'location_request_message', 'request_contact_info' then null;
  else perform private.refuse_field('message.type',
    'must be one of buttons, list, cta_url, location_request_message, request_contact_info', 'field_invalid');
  end case;
  perform private.known_fields(spec, 'message', v_names);
  v_body := private.text_field(spec, 'body', 'message', case v_type when 'list' then 4096 else 1024 end);
  v_footer := private.text_field(spec, 'footer', 'message', 60, false);
  if coalesce(spec -> 'header', 'null') <> 'null' then
    v_header := private.interactive_header(interactive_message.org_id, spec -> 'header', interactive_message.phone_number_id);
    if v_type = 'list' and v_header ->> 'type' <> 'text' then
      perform private.refuse_field('message.header', 'of a list must be text', 'field_invalid');
    end if;
  end if;
  v_action := case v_type
    when 'cta_url' then jsonb_build_object('name', 'cta_url', 'parameters', jsonb_build_object(
      'display_text', private.text_field(spec, 'display_text', 'message', 20), 'url', private.link_field(spec, 'url', 'message')))
    when 'location_request_message' then '{"name": "send_location"}'
    when 'request_contact_info' then '{"name": "request_contact_info"}'
    else private.interactive_choices(spec) end;
  return jsonb_build_object('kind', 'interactive',
    'body', jsonb_build_object('interactive', jsonb_strip_nulls(jsonb_build_object(
      'type', case v_type when 'buttons' then 'button' else v_type end, 'header', v_header, 'body', jsonb_build_object('text', v_body),
      'footer', case when v_footer is not null then jsonb_build_object('text', v_footer) end, 'action', v_action))),
    'text', concat_ws(E'\n', v_header ->> 'text', v_body, v_footer, (select string_agg('[' || w || ']', ' ') from (
      select b ->> 'title' as w from jsonb_array_elements(coalesce(spec -> 'buttons', '[]')) b
      union all select r ->> 'title' from jsonb_array_elements(coalesce(spec -> 'sections', '[]')) s, jsonb_array_elements(s -> 'rows') r
      union all select spec ->> 'display_text' where v_type = 'cta_url') words)));
end;
$$;
comment on function private.interactive_message is
  'A message {kind, body, text} with choices: type buttons {buttons: [{id, title}]}, list {button, sections: [{title?, rows: [{id, title, '
  'description?}]}]}, cta_url {display_text, url}, location_request_message or request_contact_info; each with body, the first three with '
  'header? and footer?. Raises PT422 and as private.media_part.';

------------------------------------------------------------------------------------------------
-- One door
------------------------------------------------------------------------------------------------
create function private.compose_message(org_id uuid, number_id uuid, contact_id uuid, spec jsonb) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_kind    text := spec ->> 'kind';
  v_context text;
  v_account uuid;
  v_phone   text;
  v_message jsonb;
begin
  if jsonb_typeof(spec) is distinct from 'object' then
    perform private.refuse_field('message', 'is not an object', 'field_invalid');
  end if;
  select n.account_id, n.phone_number_id into v_account, v_phone from public.whatsapp_numbers n
   where n.org_id = compose_message.org_id and n.id = compose_message.number_id;
  case v_kind
  when 'text' then
    perform private.known_fields(spec, 'message', '{kind,context_wamid,text,preview_url}');
    if coalesce(jsonb_typeof(spec -> 'text'), 'null') not in ('string', 'null') then
      perform private.refuse_field('message.text', 'is not text', 'field_invalid');
    end if;
    v_message := private.text_message(spec ->> 'text', private.flag_field(spec, 'preview_url', 'message'));
  when 'template' then
    perform private.known_fields(spec, 'message', '{kind,context_wamid,template,language,params}');
    v_message := private.template_message(compose_message.org_id, v_account, private.text_field(spec, 'template', 'message', 512),
                                          coalesce(private.text_field(spec, 'language', 'message', 20, false), 'en'), spec -> 'params', v_phone);
  when 'image', 'video', 'audio', 'document', 'sticker' then
    v_message := private.media_message(compose_message.org_id, spec, v_kind, v_phone);
  when 'location' then
    v_message := private.location_message(spec);
  when 'contacts' then
    v_message := private.contacts_message(spec);
  when 'interactive' then
    v_message := private.interactive_message(compose_message.org_id, spec, v_phone);
  else
    perform private.refuse_field('message.kind', 'must be one of text, template, image, video, audio, document, sticker, location, contacts, interactive',
                                 case when v_kind is null then 'field_missing' else 'kind_unknown' end);
  end case;
  v_context := private.text_field(spec, 'context_wamid', 'message', 512, false);
  if v_context is not null and not exists (
       select from public.messages m join public.conversations c on (c.org_id, c.id) = (m.org_id, m.conversation_id)
        where m.org_id = compose_message.org_id and m.wamid = v_context
          and c.number_id = compose_message.number_id and c.contact_id = compose_message.contact_id) then
    perform private.refuse_field('message.context_wamid', 'is no message of this conversation', 'context_unknown');
  end if;
  return v_message || jsonb_strip_nulls(jsonb_build_object('context_wamid', v_context, 'media_id', spec -> 'media_id'));
end;
$$;
comment on function private.compose_message is
  'A message {kind, body, text, context_wamid, media_id} to a contact, from {kind, the fields of that kind, context_wamid?}: text {text, '
  'preview_url?}, template {template, language, params}, image and video {media_id or link, caption?}, document {…, filename?}, audio {…, '
  'voice?}, sticker, location, contacts {contacts}, interactive {type, …}. Places count from 0: message.buttons[2]. Raises PT422 naming the '
  'field; PT404 and PT409 of the file or template. The 24-hour window is another''s concern: private.require_open_window.';
