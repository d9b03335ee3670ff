-- 380_message_fields.sql: reading the fields of a message that somebody wants to send; each refusal names its field.

create function private.refuse_field(field text, words text, slug text) returns void
  language plpgsql immutable set search_path = ''
as $$
begin
  raise sqlstate 'PT422' using message = field || ' ' || words, detail = slug, hint = 'Correct it and send again.';
end;
$$;
comment on function private.refuse_field is 'Raises PT422 about one field of a message: its path, what is wrong with it, and a slug.';

create function private.known_fields(object jsonb, path text, names text[]) returns void
  language plpgsql immutable set search_path = ''
as $$
declare
  v_name text;
begin
  if jsonb_typeof(object) is distinct from 'object' then
    perform private.refuse_field(path, 'is not an object', 'field_invalid');
  end if;
  select k into v_name from jsonb_object_keys(object) k where k <> all (names) order by 1 limit 1;
  if found then
    perform private.refuse_field(path || '.' || left(v_name, 40), 'is not known here: take ' || array_to_string(names, ', '), 'field_unknown');
  end if;
end;
$$;
comment on function private.known_fields is 'Raises PT422 unless the value is an object with these fields only.';

create function private.text_field(object jsonb, name text, path text, most int, is_needed boolean default true) returns text
  language plpgsql immutable set search_path = ''
as $$
declare
  v_field text := path || '.' || name;
  v_text  text := object ->> name;
begin
  if v_text is null or not is_needed and v_text = '' then
    if is_needed then
      perform private.refuse_field(v_field, 'is missing', 'field_missing');
    end if;
    return null;
  elsif jsonb_typeof(object -> name) <> 'string' then
    perform private.refuse_field(v_field, 'is not text', 'field_invalid');
  elsif btrim(v_text, E' \t\r\n') = '' then
    perform private.refuse_field(v_field, 'is empty', 'field_missing');
  elsif length(v_text) > most then
    perform private.refuse_field(v_field, format('has %s characters, WhatsApp takes %s', length(v_text), most), 'field_too_long');
  end if;
  return v_text;
end;
$$;
comment on function private.text_field is 'A text of an object, at most so long; null when absent and not needed. Raises PT422 field_missing, field_invalid, field_too_long.';

create function private.list_field(object jsonb, name text, path text, most int, is_needed boolean default true) returns jsonb
  language plpgsql immutable set search_path = ''
as $$
declare
  v_field text := path || '.' || name;
  v_list  jsonb := coalesce(nullif(object -> name, 'null'), '[]');
begin
  if jsonb_typeof(v_list) <> 'array' then
    perform private.refuse_field(v_field, 'is not a list', 'field_invalid');
  elsif is_needed and v_list = '[]' then
    perform private.refuse_field(v_field, 'is missing', 'field_missing');
  elsif jsonb_array_length(v_list) > most then
    perform private.refuse_field(v_field, format('has %s entries, WhatsApp takes %s', jsonb_array_length(v_list), most), 'too_many');
  end if;
  return v_list;
end;
$$;
comment on function private.list_field is 'A list of an object, of at most so many; empty when absent and not needed. Raises PT422 field_missing, field_invalid, too_many.';

create function private.link_field(object jsonb, name text, path text) returns text
  language plpgsql immutable set search_path = ''
as $$
declare
  v_link text := private.text_field(object, name, path, 2000);
begin
  if v_link !~ '^https://[^\s/?#@]+\.[^\s/?#@]+([/?#]\S*)?$' then
    perform private.refuse_field(path || '.' || name, 'is not an https address', 'field_invalid');
  end if;
  return v_link;
end;
$$;
comment on function private.link_field is 'An https address of an object. Raises PT422 field_missing, field_invalid, field_too_long.';

create function private.flag_field(object jsonb, name text, path text) returns boolean
  language plpgsql immutable set search_path = ''
as $$
begin
  if coalesce(jsonb_typeof(object -> name), 'null') not in ('boolean', 'null') then
    perform private.refuse_field(path || '.' || name, 'is not true or false', 'field_invalid');
  end if;
  return (object ->> name)::boolean;
end;
$$;
comment on function private.flag_field is 'A true or false of an object, null when absent. Raises PT422 field_invalid.';
