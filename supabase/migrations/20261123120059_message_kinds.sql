-- 59_message_kinds.sql: what a message of each kind may say, checked before it is queued.

create function private.text_message(body text) returns jsonb
  language plpgsql immutable set search_path = ''
as $$
begin
  if coalesce(btrim(body), '') = '' then
    raise sqlstate 'PT422' using message = 'The text is empty', detail = 'text_empty', hint = 'Write something.';
  elsif length(body) > 4096 then
    raise sqlstate 'PT422' using message = format('The text has %s characters, WhatsApp takes 4096', length(body)),
      detail = 'text_too_long', hint = 'Send it in parts.';
  end if;
  return jsonb_build_object('kind', 'text', 'text', body, 'body',
    jsonb_build_object('text', jsonb_build_object('body', body, 'preview_url', body ~* 'https?://')));
end;
$$;
comment on function private.text_message is 'A message {kind, body, text} of plain text. Raises PT422 text_empty, text_too_long.';
