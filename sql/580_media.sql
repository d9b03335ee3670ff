-- 580_media.sql: the files of messages. What customers send is fetched from Meta, what members send is uploaded to it; both rest in Storage.

create table public.media (
  org_id          uuid not null,
  id              uuid not null default gen_random_uuid(),
  number_id       uuid not null,
  message_id      bigint,
  direction       text not null,
  kind            text not null,
  mime_type       text,
  bytes           bigint,
  sha256          text,
  filename        text,
  path            text not null,
  meta_id         text,
  meta_expires_at timestamptz,
  status          text not null default 'pending',
  attempts        int not null default 0,
  next_at         timestamptz,
  lease           uuid,
  error           text,
  error_slug      text,
  created_by      uuid,
  created_at      timestamptz not null default now(),
  stored_at       timestamptz,
  primary key (org_id, id),
  constraint media_is_at_a_number_of_its_organization foreign key (org_id, number_id)
    references public.whatsapp_numbers (org_id, id) on delete restrict,
  constraint media_is_in_a_message_of_its_organization foreign key (org_id, message_id)
    references public.messages (org_id, id) on delete set null (message_id),
  constraint media_is_fetched_once_a_message unique (org_id, message_id, meta_id),
  constraint media_direction_is_known check (direction in ('inbound', 'outbound')),
  constraint media_kind_is_known check (kind in ('image', 'video', 'audio', 'document', 'sticker')),
  constraint media_status_is_known check (status in ('pending', 'stored', 'failed', 'refused')),
  constraint media_waits_only_while_pending check ((status = 'pending') = (next_at is not null)),
  constraint media_sha256_is_hex check (sha256 ~ '^[0-9a-f]{64}$')
) with (fillfactor = 85);
comment on table public.media is
  'Files of messages. The bytes are in the Storage bucket "media" under path; a member reads them with a signed address made for each look.';
comment on column public.media.org_id is 'The organization.';
comment on column public.media.id is 'Flow''s id of the file.';
comment on column public.media.number_id is 'The WhatsApp number that it came to, or was uploaded for: Meta''s ids are good for that number only.';
comment on column public.media.message_id is 'The message that carried it; null for an upload, and once the message is deleted.';
comment on column public.media.direction is 'inbound: Meta has it and Flow fetches it. outbound: a member uploaded it, and Flow hands it to Meta.';
comment on column public.media.kind is 'image, video, audio, document or sticker.';
comment on column public.media.mime_type is 'Inbound: what the webhook says. Outbound: what the bytes say.';
comment on column public.media.bytes is 'Size of what is stored; null until then.';
comment on column public.media.sha256 is 'SHA-256 in hex. Before an inbound file is stored: what the webhook promises; null when it promises none.';
comment on column public.media.filename is 'The name that the sender gave the file; null: none. Never part of path.';
comment on column public.media.path is 'Name of the object in the bucket: <org_id>/<year>/<month>/<id>.';
comment on column public.media.meta_id is 'Meta''s id of the file; null until an upload has one.';
comment on column public.media.meta_expires_at is 'When Meta forgets the id: 7 days after an inbound message, 30 after an upload (less a day, to be sure).';
comment on column public.media.status is
  'pending: being fetched, or uploaded. stored: here, and for outbound at Meta too. failed: it cannot be had, error says why. '
  'refused: Flow or Meta does not take it (size, type, digest, address).';
comment on column public.media.attempts is 'How often it was tried since it last began.';
comment on column public.media.next_at is 'While pending: when it is tried next, or when the worker that has it counts as dead. Infinity: its bytes are still coming in.';
comment on column public.media.lease is 'The claim under which a worker has it; null: nobody.';
comment on column public.media.error is 'Why it failed, was refused or is being tried again, in words.';
comment on column public.media.error_slug is 'The same for code: expired, gone, too_large, wrong_type, wrong_hash, wrong_size, foreign_host, too_slow, …';
comment on column public.media.created_by is 'The member who uploaded it; null for inbound and for people who left.';
comment on column public.media.created_at is 'When Flow heard of it.';
comment on column public.media.stored_at is 'When its bytes came to rest in the bucket.';
create index media_due on public.media (next_at) where status = 'pending';
create index media_forgotten on public.media (meta_expires_at) where direction = 'outbound' and status = 'stored';
create index media_message on public.media (org_id, message_id);
create index media_number on public.media (org_id, number_id);
create index media_meta on public.media (org_id, meta_id);

alter table public.media enable row level security;
create policy "Members see their organization's files" on public.media
  for select to authenticated using (org_id = any (array(select private.my_org_ids())));
grant select (org_id, id, number_id, message_id, direction, kind, mime_type, bytes, sha256, filename, path, meta_id, meta_expires_at, status,
              attempts, next_at, error, error_slug, created_by, created_at, stored_at)
  on public.media to authenticated;

------------------------------------------------------------------------------------------------
-- The bucket: members read what is in their organization's folder; only the workers write, with the secret key
------------------------------------------------------------------------------------------------
do $$
begin
  if to_regclass('storage.objects') is null then
    return;                     -- a bare Postgres
  end if;
  insert into storage.buckets (id, name, public, file_size_limit) values ('media', 'media', false, 104857600)
  on conflict (id) do update set public = false, file_size_limit = excluded.file_size_limit, allowed_mime_types = null;
  execute 'drop policy if exists "Members read the files of their organization" on storage.objects';
  execute $policy$
    create policy "Members read the files of their organization" on storage.objects for select to authenticated
      using (bucket_id = 'media' and (storage.foldername(name))[1] = any (array(select o::text from private.my_org_ids_as('agent', 'admin', 'owner') o)))
  $policy$;
end;
$$;

------------------------------------------------------------------------------------------------
-- What WhatsApp takes
------------------------------------------------------------------------------------------------
create function private.media_rules(kind text) returns jsonb
  language plpgsql immutable set search_path = ''
as $$
begin
  return case media_rules.kind
    when 'image' then jsonb '{"send_bytes": 5000000, "fetch_bytes": 5242880, "types": ["image/jpeg", "image/png"]}'
    when 'sticker' then jsonb '{"send_bytes": 500000, "still_bytes": 100000, "fetch_bytes": 524288, "types": ["image/webp"]}'
    when 'audio' then jsonb '{"send_bytes": 16000000, "fetch_bytes": 16777216,
                              "types": ["audio/aac", "audio/amr", "audio/mpeg", "audio/mp4", "audio/ogg"]}'
    when 'video' then jsonb '{"send_bytes": 16000000, "fetch_bytes": 16777216, "types": ["video/mp4", "video/3gpp"]}'
    when 'document' then jsonb '{"send_bytes": 100000000, "fetch_bytes": 104857600, "types": [
      "application/pdf", "text/plain", "application/msword", "application/vnd.ms-excel", "application/vnd.ms-powerpoint",
      "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
      "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
      "application/vnd.openxmlformats-officedocument.presentationml.presentation"]}'
  end;
end;
$$;
comment on function private.media_rules is
  'What may be sent as a kind, {types, send_bytes, still_bytes: of a sticker that does not move}, and how much Flow fetches of one, fetch_bytes; null for another kind.';

create function private.media_path(org_id uuid, id uuid) returns text
  language sql stable set search_path = ''
as $$
  select org_id || to_char(now() at time zone 'UTC', '/YYYY/MM/') || id
$$;
comment on function private.media_path is 'The name in the bucket of a file that begins now.';

------------------------------------------------------------------------------------------------
-- What customers send
------------------------------------------------------------------------------------------------
create function private.note_media(org_id uuid, message_id bigint, item jsonb, at timestamptz) returns boolean
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_file   jsonb := note_media.item -> (note_media.item ->> 'type');
  v_number uuid;
  v_id     uuid := gen_random_uuid();
begin
  if coalesce(v_file ->> 'id', '') !~ '^[0-9A-Za-z_-]{1,64}$' then
    return false;
  end if;
  select c.number_id into v_number
    from public.messages m join public.conversations c on (c.org_id, c.id) = (m.org_id, m.conversation_id)
   where m.org_id = note_media.org_id and m.id = note_media.message_id;
  insert into public.media (org_id, id, number_id, message_id, direction, kind, mime_type, sha256, filename, path, meta_id, meta_expires_at, next_at)
  values (note_media.org_id, v_id, v_number, note_media.message_id, 'inbound', note_media.item ->> 'type', left(v_file ->> 'mime_type', 200),
          case when v_file ->> 'sha256' ~* '^[0-9a-f]{64}$' then lower(v_file ->> 'sha256')
               when v_file ->> 'sha256' ~ '^[A-Za-z0-9+/]{43}=$' then encode(decode(v_file ->> 'sha256', 'base64'), 'hex') end,
          left(v_file ->> 'filename', 255), private.media_path(note_media.org_id, v_id), v_file ->> 'id',
          note_media.at + interval '7 days', now())
  on conflict on constraint media_is_fetched_once_a_message do nothing;
  return found;
end;
$$;
comment on function private.note_media is
  'Makes the row of the file in a message object of Meta''s, to be fetched; false when it has none, or it is known. Meta writes digests in base64 or in hex.';

create function private.tg_messages__note_media() returns trigger
  language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_message record;
  v_is_new  boolean := false;
begin
  if not exists (select from new_messages n where n.kind in ('image', 'video', 'audio', 'document', 'sticker')
                                              and (n.direction = 'inbound' or n.origin = 'phone')) then
    return null;
  end if;
  for v_message in
    select n.org_id, n.id, n.body || jsonb_build_object('type', n.kind) as item, n.at from new_messages n
     where n.kind in ('image', 'video', 'audio', 'document', 'sticker') and (n.direction = 'inbound' or n.origin = 'phone')
     order by n.org_id, n.id
  loop
    v_is_new := private.note_media(v_message.org_id, v_message.id, v_message.item, v_message.at) or v_is_new;
  end loop;
  if v_is_new then
    perform private.wake('media');
  end if;
  return null;
end;
$$;
comment on function private.tg_messages__note_media is
  'Files that customers send, and that the business sends from its phone, are noted and fetched as soon as the message is committed.';
create trigger messages_note_media after insert on public.messages referencing new table as new_messages
  for each statement execute function private.tg_messages__note_media();

create function private.tg_messages__note_edited_media() returns trigger
  language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_edit   record;
  v_is_new boolean := false;
begin
  for v_edit in
    select e.value -> 'message' as item, to_timestamp((e.value ->> 'at')::bigint) as at from jsonb_each(new.edits) e
     where not coalesce(old.edits, '{}') ? e.key and e.value #>> '{message,type}' in ('image', 'video', 'audio', 'document', 'sticker')
     order by e.key
  loop
    v_is_new := private.note_media(new.org_id, new.id, v_edit.item, v_edit.at) or v_is_new;
  end loop;
  if v_is_new then
    perform private.wake('media');
  end if;
  return null;
end;
$$;
comment on function private.tg_messages__note_edited_media is 'The same for a file that an edit brings.';
-- For each row, but of this one column: updates that leave it alone (statuses, claims) never come here.
create trigger messages_note_edited_media after update of edits on public.messages
  for each row when (new.edits is distinct from old.edits) execute function private.tg_messages__note_edited_media();

------------------------------------------------------------------------------------------------
-- The job
------------------------------------------------------------------------------------------------
create function private.settle_media() returns int
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_ended int;
begin
  with ended as (
    select m.org_id, m.id, n.status = 'disconnected' as is_off
      from public.media m join public.whatsapp_numbers n on (n.org_id, n.id) = (m.org_id, m.number_id)
     where m.status = 'pending' and (m.lease is null or m.next_at <= now())
       and (n.status = 'disconnected' and m.next_at <> 'infinity'
            or m.direction = 'inbound' and m.meta_expires_at <= now()
            or m.next_at = 'infinity' and m.created_at < now() - interval '1 hour')
     order by m.org_id, m.id limit 1000
     for update of m skip locked)
  update public.media m
     set status = 'failed', next_at = null, lease = null,
         error_slug = case when m.next_at = 'infinity' then 'interrupted' when e.is_off then 'disconnected' else 'expired' end,
         error = case when m.next_at = 'infinity' then 'The upload was interrupted: send the file again'
                      when e.is_off then 'The WhatsApp number was disconnected before the file was ' || case m.direction when 'inbound' then 'fetched' else 'handed to Meta' end
                      else 'Meta keeps a received file for 7 days, and they are over' || coalesce('. Last: ' || m.error, '') end
    from ended e where (m.org_id, m.id) = (e.org_id, e.id);
  get diagnostics v_ended = row_count;
  return v_ended;
end;
$$;
comment on function private.settle_media is
  'Gives up, with words, on files that cannot be had any more: the number is disconnected, Meta''s 7 days are over, an upload broke off.';

create function private.wake_media() returns void
  language plpgsql volatile security definer set search_path = ''
as $$
begin
  if not exists (select from public.media m where m.status = 'pending') then
    return;
  end if;
  perform private.settle_media();
  if exists (select from public.media m where m.status = 'pending' and m.next_at <= now()) then
    perform private.wake('media', interval '1 second');
  end if;
end;
$$;
comment on function private.wake_media is 'For the sweep: settles what cannot be had, and wakes the job when something is due.';

create function private.hand_out_media(org_ids uuid[], ids uuid[], lease_seconds int) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_lease   uuid := gen_random_uuid();
  v_account record;
  v_token   text;
  v_tokens  jsonb := '{}';
  v_items   jsonb;
begin
  for v_account in
    select a.org_id, a.id, a.credential_id, a.status from public.whatsapp_accounts a
     where (a.org_id, a.id) in (select n.org_id, n.account_id from unnest(hand_out_media.org_ids, hand_out_media.ids) k (org_id, id)
                                  join public.media m on (m.org_id, m.id) = (k.org_id, k.id)
                                  join public.whatsapp_numbers n on (n.org_id, n.id) = (m.org_id, m.number_id)
                                 where n.status <> 'disconnected')
     order by a.org_id, a.id
  loop
    v_token := null;
    if v_account.status = 'connected' and v_account.credential_id is not null then
      begin
        v_token := private.open_credential(v_account.org_id, v_account.credential_id, 'media');
      exception when sqlstate 'PT503' then
        null;                              -- its key is missing from Vault: these files wait, the others do not
      end;
    end if;
    if v_token is not null then
      v_tokens := v_tokens || jsonb_build_object(v_account.id, v_token);
    end if;
  end loop;

  with handed as (
    update public.media m
       set lease = case when v_tokens ? n.account_id::text then v_lease end,
           attempts = m.attempts + (v_tokens ? n.account_id::text)::int,
           next_at = now() + case when v_tokens ? n.account_id::text then make_interval(secs => hand_out_media.lease_seconds) else interval '2 minutes' end
      from unnest(hand_out_media.org_ids, hand_out_media.ids) k (org_id, id), public.whatsapp_numbers n
     where (m.org_id, m.id) = (k.org_id, k.id) and (n.org_id, n.id) = (m.org_id, m.number_id) and m.status = 'pending'
    returning m.*, n.account_id, n.phone_number_id)
  select jsonb_agg(jsonb_build_object('org_id', h.org_id, 'media_id', h.id, 'account_id', h.account_id, 'phone_number_id', h.phone_number_id,
           'direction', h.direction, 'kind', h.kind, 'mime_type', h.mime_type, 'sha256', h.sha256, 'bytes', h.bytes, 'filename', h.filename,
           'path', h.path, 'meta_id', h.meta_id, 'max_bytes', private.media_rules(h.kind) -> 'fetch_bytes'))
    into v_items
    from handed h where h.lease is not null;
  return jsonb_build_object('lease', v_lease, 'tokens', v_tokens, 'items', coalesce(v_items, '[]'));
end;
$$;
comment on function private.hand_out_media is
  'Leases files that the caller has locked; those of an account without a working token wait two minutes. Returns {lease, tokens: {account_id: token}, items}.';

create function worker.claim_media(batch int default 4, lease_seconds int default 240) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_orgs uuid[];
  v_ids  uuid[];
begin
  perform private.settle_media();
  with due as materialized (
    select m.org_id, m.id, m.next_at, row_number() over (partition by m.org_id, m.number_id order by m.next_at, m.id) as nth
      from (select d.* from public.media d where d.status = 'pending' and d.next_at <= now() order by d.next_at limit 1000) m
  ), picked as (
    select m.org_id, m.id from due d join public.media m on (m.org_id, m.id) = (d.org_id, d.id)
     where m.status = 'pending' and m.next_at <= now()
     order by d.nth, d.next_at
     limit least(greatest(claim_media.batch, 0), 100)
     for update of m skip locked)
  select array_agg(p.org_id), array_agg(p.id) into v_orgs, v_ids from picked p;
  return private.hand_out_media(coalesce(v_orgs, '{}'), coalesce(v_ids, '{}'), claim_media.lease_seconds);
end;
$$;
comment on function worker.claim_media is
  'Hands out at most batch files that are due, each number in turn, under one lease: {lease, tokens: {account_id: token}, items: [{org_id, media_id, '
  'account_id, phone_number_id, direction, kind, mime_type, sha256, bytes, filename, path, meta_id, max_bytes}]}. What is not answered by '
  'worker.record_media within lease_seconds is handed out again.';
grant execute on function worker.claim_media to service_role;

create function private.media_retry_at(attempts int) returns timestamptz
  language sql volatile set search_path = ''
as $$
  -- 10 s, 20 s, 40 s … 6 hours, each shortened by up to a half so that a crowd does not come back as one.
  select now() + least(10 * 2.0 ^ least(greatest(attempts, 1) - 1, 20), 21600) * (0.5 + random() / 2) * interval '1 second'
$$;
comment on function private.media_retry_at is 'When a file is tried again after so many attempts.';

create function private.settle_media_result(media public.media, result jsonb) returns void
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  m         public.media := settle_media_result.media;
  r         jsonb := settle_media_result.result;
  v_code    int := (settle_media_result.result ->> 'code')::int;
  v_action  text;
  v_slug    text := left(settle_media_result.result ->> 'slug', 64);
  v_words   text := left(settle_media_result.result ->> 'words', 500);
  v_account uuid;
  v_next    timestamptz;
begin
  if r ->> 'outcome' = 'stored' then
    update public.media x
       set status = 'stored', next_at = null, lease = null, error = null, error_slug = null, stored_at = now(),
           bytes = (r ->> 'bytes')::bigint, sha256 = r ->> 'sha256', mime_type = coalesce(x.mime_type, left(r ->> 'mime_type', 200))
     where (x.org_id, x.id) = (m.org_id, m.id);
    return;
  elsif r ->> 'outcome' = 'uploaded' then
    update public.media x
       set status = 'stored', next_at = null, lease = null, error = null, error_slug = null,
           meta_id = r ->> 'meta_id', meta_expires_at = now() + interval '29 days'
     where (x.org_id, x.id) = (m.org_id, m.id);
    return;
  end if;

  if v_code is not null then
    select a.action into v_action from private.meta_error_codes a where a.code = v_code;
    if v_code in (0, 102, 104, 190) then
      -- Not of an account that was connected while this file was under way: then it was the old token.
      select a.id into v_account
        from public.whatsapp_numbers n join public.whatsapp_accounts a on (a.org_id, a.id) = (n.org_id, n.account_id)
       where (n.org_id, n.id) = (m.org_id, m.number_id) and a.connected_at < now() - interval '5 minutes';
      if found then
        perform private.ask_reconnect(m.org_id, v_account, 'Meta no longer accepts the access token: connect WhatsApp again');
      end if;
      r := r || '{"outcome": "retry"}';
    elsif v_code = 100 and m.direction = 'inbound' then
      r := r || '{"outcome": "failed"}';
      v_slug := 'gone';
      v_words := 'Meta does not have the file any more';
    elsif v_action in ('fail', 'template_fix') then
      r := r || jsonb_build_object('outcome', case m.direction when 'outbound' then 'refused' else 'failed' end);
    else
      r := r || '{"outcome": "retry"}';
    end if;
    v_slug := coalesce(v_slug, 'meta_' || v_code);
  end if;

  if r ->> 'outcome' = 'retry' then
    -- What Meta itself says differently of the same file is asked once more, not for a week.
    if v_slug in ('wrong_hash', 'wrong_size', 'wrong_type', 'compressed') and m.error_slug = v_slug then
      r := r || '{"outcome": "refused"}';
      v_words := v_words || ' (twice)';
    elsif v_slug = 'gone' and m.attempts >= 4 or m.attempts >= 40 then       -- 40: about a week
      r := r || '{"outcome": "failed"}';
    end if;
  end if;
  if r ->> 'outcome' = 'retry' then
    v_next := greatest(private.media_retry_at(m.attempts), now() + make_interval(secs => least(coalesce((r ->> 'retry_after')::int, 0), 21600)));
  end if;
  update public.media x
     set status = case r ->> 'outcome' when 'retry' then 'pending' when 'refused' then 'refused' else 'failed' end,
         next_at = v_next, lease = null, error_slug = coalesce(v_slug, 'unknown'), error = coalesce(v_words, 'It failed for a reason that is not known')
   where (x.org_id, x.id) = (m.org_id, m.id);
end;
$$;
comment on function private.settle_media_result is 'What one result of a worker makes of a file; the caller has locked the row.';

create function worker.record_media(lease uuid, results jsonb) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_result record;
  v_media  public.media;
  v_told   jsonb := '[]';
begin
  for v_result in
    select (x ->> 'org_id')::uuid as org_id, (x ->> 'media_id')::uuid as media_id, x as result from jsonb_array_elements(record_media.results) x order by 1, 2
  loop
    select m.* into v_media from public.media m
     where m.org_id = v_result.org_id and m.id = v_result.media_id and m.status = 'pending'
       -- Late, but done: what is stored is stored, whoever has the lease now.
       and (m.lease = record_media.lease or v_result.result ->> 'outcome' in ('stored', 'uploaded'))
       for update;
    if found then
      perform private.settle_media_result(v_media, v_result.result);
      select v_told || jsonb_build_object('media_id', m.id, 'status', m.status, 'error', m.error) into v_told
        from public.media m where (m.org_id, m.id) = (v_media.org_id, v_media.id);
    end if;
  end loop;
  return jsonb_build_object('media', v_told);
end;
$$;
comment on function worker.record_media is
  'Takes the results of a claim: [{org_id, media_id, outcome: stored {bytes, sha256, mime_type} | uploaded {meta_id} | retry | refused | failed, '
  'slug, words, code: Meta''s error code, which then decides, retry_after}]. Returns {media: [{media_id, status, error}]}; results of a lease that is over change nothing.';
grant execute on function worker.record_media to service_role;

------------------------------------------------------------------------------------------------
-- What members send
------------------------------------------------------------------------------------------------
create function private.start_upload(org_id uuid, kind text, number_id uuid, conversation_id uuid, filename text) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_number public.whatsapp_numbers;
  v_id     uuid := gen_random_uuid();
  v_rules  jsonb := private.media_rules(start_upload.kind);
begin
  perform private.require_role(start_upload.org_id, 'agent');
  select n.* into v_number from public.whatsapp_numbers n
   where n.org_id = start_upload.org_id
     and n.id = coalesce(start_upload.number_id, (select c.number_id from public.conversations c
                                                   where c.org_id = start_upload.org_id and c.id = start_upload.conversation_id));
  if not found then
    raise sqlstate 'PT404' using message = 'There is no such conversation or number', detail = 'number_unknown', hint = 'Reload the page.';
  elsif v_rules is null then
    raise sqlstate 'PT422' using message = 'Send a file as image, video, audio, document or sticker', detail = 'media_kind', hint = 'Choose one of these kinds.';
  elsif v_number.status = 'disconnected' then
    raise sqlstate 'PT409' using message = 'The WhatsApp number is disconnected', detail = 'number_not_connected', hint = 'Connect it again.';
  end if;
  insert into public.media (org_id, id, number_id, direction, kind, filename, path, next_at, created_by)
  values (start_upload.org_id, v_id, v_number.id, 'outbound', start_upload.kind, left(start_upload.filename, 240),
          private.media_path(start_upload.org_id, v_id), 'infinity', auth.uid());
  return v_rules || jsonb_build_object('media_id', v_id, 'path', (select m.path from public.media m where m.org_id = start_upload.org_id and m.id = v_id));
end;
$$;
comment on function private.start_upload is 'Makes the row of a file that a member is about to upload, and says what may be in it.';

create function public.start_upload(org_id uuid, kind text, number_id uuid default null, conversation_id uuid default null, filename text default null)
  returns jsonb
  language sql volatile set search_path = ''
begin atomic
  select private.start_upload(org_id, kind, number_id, conversation_id, filename);
end;
comment on function public.start_upload is
  'The first step of POST /api/media, for the number of a conversation, or one by its id. Agents. Returns {media_id, path, types, send_bytes, still_bytes}. '
  'Raises PT404 number_unknown, PT409 number_not_connected, PT422 media_kind.';
grant execute on function private.start_upload, public.start_upload to authenticated;

create function worker.finish_upload(org_id uuid, media_id uuid, file jsonb, lease_seconds int default 240) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
begin
  update public.media m
     set bytes = (file ->> 'bytes')::bigint, sha256 = file ->> 'sha256', mime_type = file ->> 'mime_type', stored_at = now(), next_at = now()
   where m.org_id = finish_upload.org_id and m.id = finish_upload.media_id
     and m.direction = 'outbound' and m.status = 'pending' and m.next_at = 'infinity';
  if not found then
    raise sqlstate 'PT404' using message = 'No such upload is going on', detail = 'media_unknown', hint = 'Upload the file again.';
  end if;
  return private.hand_out_media(array[finish_upload.org_id], array[finish_upload.media_id], finish_upload.lease_seconds);
end;
$$;
comment on function worker.finish_upload is
  'The bytes of an upload are in the bucket: {bytes, sha256, mime_type}. Returns a claim of this one file, as worker.claim_media does. Raises PT404 media_unknown.';
grant execute on function worker.finish_upload to service_role;

create function worker.drop_upload(org_id uuid, media_id uuid) returns void
  language sql volatile security definer set search_path = ''
as $$
  delete from public.media m
   where m.org_id = drop_upload.org_id and m.id = drop_upload.media_id
     and m.direction = 'outbound' and m.status = 'pending' and m.next_at = 'infinity'
$$;
comment on function worker.drop_upload is 'Forgets an upload of which nothing was kept.';
grant execute on function worker.drop_upload to service_role;

create function private.media_for_sending(org_id uuid, media_id uuid, kind text, phone_number_id text) returns jsonb
  language plpgsql stable security definer set search_path = ''
as $$
declare
  v_media public.media;
begin
  select m.* into v_media from public.media m
    join public.whatsapp_numbers n on (n.org_id, n.id) = (m.org_id, m.number_id)
   where m.org_id = media_for_sending.org_id and m.id = media_for_sending.media_id and m.direction = 'outbound'
     and (media_for_sending.phone_number_id is null or n.phone_number_id = media_for_sending.phone_number_id);
  if not found then
    raise sqlstate 'PT404' using message = 'There is no such file for this number', detail = 'media_unknown', hint = 'Upload the file again.';
  elsif v_media.kind <> media_for_sending.kind then
    raise sqlstate 'PT422' using message = format('The file was uploaded as %s, not as %s', v_media.kind, media_for_sending.kind), detail = 'media_kind',
      hint = format('Send it as %s, or upload it again.', v_media.kind);
  elsif v_media.status <> 'stored' then
    raise sqlstate 'PT409' using message = coalesce('The file is not ready: ' || v_media.error, 'The file is still being uploaded'), detail = 'media_not_ready',
      hint = case v_media.status when 'pending' then 'Wait a moment.' else 'Upload the file again.' end;
  elsif v_media.meta_expires_at <= now() then
    raise sqlstate 'PT409' using message = 'Meta keeps an uploaded file for 30 days, and they are over', detail = 'media_expired',
      hint = 'Renew it with retry_media, and send it when it is stored.';
  end if;
  return jsonb_strip_nulls(jsonb_build_object('id', v_media.meta_id, 'filename', v_media.filename, 'mime_type', v_media.mime_type));
end;
$$;
comment on function private.media_for_sending is
  'What a message needs of an uploaded file: {id: Meta''s, filename, mime_type}. Raises PT404 media_unknown (also when it is for another number), '
  'PT409 media_not_ready, media_expired, PT422 media_kind.';

------------------------------------------------------------------------------------------------
-- Once more, and away
------------------------------------------------------------------------------------------------
create function private.retry_media(org_id uuid, media_id uuid) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_media public.media;
begin
  perform private.require_role(retry_media.org_id, 'agent');
  select m.* into v_media from public.media m where m.org_id = retry_media.org_id and m.id = retry_media.media_id for update;
  if not found then
    raise sqlstate 'PT404' using message = 'There is no such file', detail = 'media_unknown', hint = 'Reload the conversation.';
  elsif v_media.status = 'stored' and (v_media.direction = 'inbound' or v_media.meta_expires_at > now() + interval '7 days') then
    raise sqlstate 'PT409' using message = 'The file is there already', detail = 'media_stored', hint = 'Open it.';
  elsif v_media.direction = 'inbound' and v_media.meta_expires_at <= now() then
    raise sqlstate 'PT409' using message = 'Meta keeps a received file for 7 days, and they are over', detail = 'media_expired',
      hint = 'Ask the customer to send it again.';
  elsif v_media.direction = 'outbound' and v_media.stored_at is null then
    raise sqlstate 'PT409' using message = 'The upload did not arrive', detail = 'media_not_ready', hint = 'Upload the file again.';
  elsif exists (select from public.whatsapp_numbers n where (n.org_id, n.id) = (v_media.org_id, v_media.number_id) and n.status = 'disconnected') then
    raise sqlstate 'PT409' using message = 'The WhatsApp number is disconnected', detail = 'number_not_connected', hint = 'Connect it again.';
  end if;
  if v_media.lease is null then                    -- else a worker is at it just now
    update public.media m set status = 'pending', attempts = 0, next_at = now(), error = null, error_slug = null
     where m.org_id = v_media.org_id and m.id = v_media.id;
    perform private.wake('media');
  end if;
  return jsonb_build_object('media_id', v_media.id, 'status', 'pending');
end;
$$;
comment on function private.retry_media is 'Tries a file again at once, for a member; renews an upload that Meta has forgotten or soon will.';

create function public.retry_media(org_id uuid, media_id uuid) returns jsonb
  language sql volatile set search_path = ''
begin atomic
  select private.retry_media(org_id, media_id);
end;
comment on function public.retry_media is
  'Tries again to fetch a file, or hands an upload to Meta again when its 30 days are (nearly) over. Agents. Returns {media_id, status}. '
  'Raises PT404 media_unknown, PT409 media_stored, media_expired, media_not_ready, number_not_connected.';
grant execute on function private.retry_media, public.retry_media to authenticated;

create function private.renew_media() returns int
  language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_renewed int := 0;
begin
  if to_regclass('public.scheduled_messages') is not null then
    update public.media m set status = 'pending', attempts = 0, next_at = now()
     where m.direction = 'outbound' and m.status = 'stored' and m.meta_expires_at < now() + interval '2 days'
       and exists (select from public.scheduled_messages s
                    where s.org_id = m.org_id and s.status = 'waiting' and strpos(lower(s.spec::text), m.id::text) > 0);
    get diagnostics v_renewed = row_count;
  end if;
  return v_renewed;
end;
$$;
comment on function private.renew_media is
  'Hourly: uploads that Meta will soon forget and that a scheduled message still needs are handed to it again. Returns how many.';

create function worker.media_to_purge(org_id uuid, message_id bigint default null, batch int default 1000) returns jsonb
  language sql stable security definer set search_path = ''
as $$
  select jsonb_build_object('paths', coalesce(jsonb_agg(m.path), '[]')) from (
    select x.path from public.media x
     where x.org_id = media_to_purge.org_id and (media_to_purge.message_id is null or x.message_id = media_to_purge.message_id)
     order by x.id limit least(greatest(media_to_purge.batch, 1), 1000)) m
$$;
comment on function worker.media_to_purge is
  'Names in the bucket to delete through the Storage API, of an organization or of one message: {paths}. Then call worker.media_purged, until there are none.';
grant execute on function worker.media_to_purge to service_role;

create function worker.media_purged(org_id uuid, paths text[]) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_gone int;
begin
  delete from public.media m where m.org_id = media_purged.org_id and m.path = any (media_purged.paths);
  get diagnostics v_gone = row_count;
  return jsonb_build_object('purged', v_gone);
end;
$$;
comment on function worker.media_purged is 'Forgets files whose objects were deleted from the bucket. Returns {purged}.';
grant execute on function worker.media_purged to service_role;
