-- 640_signals.sql: read receipts, typing indicators and reactions: calls to Meta that are no messages and may be repeated.

create table private.signals (
  org_id          uuid not null,
  id              bigint generated always as identity,
  conversation_id uuid not null,
  kind            text not null,
  wamid           text not null,
  emoji           text,
  next_at         timestamptz,
  attempts        int not null default 0,
  lease           uuid,
  is_changed      boolean not null default false,
  created_at      timestamptz not null default now(),
  primary key (org_id, id),
  constraint signal_is_of_a_conversation foreign key (org_id, conversation_id)
    references public.conversations (org_id, id) on delete cascade,
  constraint signal_is_one_per_message unique (org_id, conversation_id, kind, wamid),
  constraint signal_kind_is_known check (kind in ('read', 'typing', 'reaction'))
);
comment on table private.signals is
  'What waits to be told to Meta beside messages. Repeating does no harm there, so a lost answer is simply tried again. Locked before messages.';
comment on column private.signals.org_id is 'The organization.';
comment on column private.signals.id is 'Running number.';
comment on column private.signals.conversation_id is 'The thread.';
comment on column private.signals.kind is 'read (receipt), typing (indicator), reaction.';
comment on column private.signals.wamid is 'The message that is read, answered or reacted to.';
comment on column private.signals.emoji is 'The reaction; null takes it back.';
comment on column private.signals.next_at is 'When it is due; while leased, when the lease expires; null: sent, kept so that typing is not sent again at once.';
comment on column private.signals.attempts is 'How often Meta was asked.';
comment on column private.signals.lease is 'Set while a dispatcher is sending it.';
comment on column private.signals.is_changed is 'Another emoji was chosen while the last one was under way: send again.';
comment on column private.signals.created_at is 'When it was asked for; typing is forgotten after 10 seconds, everything after a day.';
create index signals_due on private.signals (next_at) where next_at is not null;
alter table private.signals enable row level security;

------------------------------------------------------------------------------------------------
-- Asking
------------------------------------------------------------------------------------------------
create function private.newest_inbound(org_id uuid, conversation_id uuid) returns text
  language plpgsql stable security definer set search_path = ''
as $$
begin
  return (select m.wamid from public.messages m
           where m.org_id = newest_inbound.org_id and m.conversation_id = newest_inbound.conversation_id
             and m.direction = 'inbound' and m.wamid is not null
           order by m.at desc, m.id desc limit 1);
end;
$$;
comment on function private.newest_inbound is 'The wamid of the customer''s newest message in a conversation.';

create function private.shows_reading(org_id uuid, conversation_id uuid) returns boolean
  language plpgsql stable security definer set search_path = ''
as $$
begin
  return coalesce((select s.send_read_receipts from public.messaging_settings s where s.org_id = shows_reading.org_id), true)
     and exists (select from public.conversations c
                   join public.whatsapp_numbers n on (n.org_id, n.id) = (c.org_id, c.number_id)
                   join public.whatsapp_accounts a on (a.org_id, a.id) = (n.org_id, n.account_id)
                  where c.org_id = shows_reading.org_id and c.id = shows_reading.conversation_id
                    and n.status = 'connected' and a.status = 'connected');
end;
$$;
comment on function private.shows_reading is 'Whether the organization lets customers see that they are read, and the number can tell them.';

create function private.signal_read(org_id uuid, conversation_id uuid) returns void
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_wamid text;
begin
  if not exists (select from public.conversations c where c.org_id = signal_read.org_id and c.id = signal_read.conversation_id and c.unread_count > 0)
     or not private.shows_reading(signal_read.org_id, signal_read.conversation_id) then
    return;
  end if;
  v_wamid := private.newest_inbound(signal_read.org_id, signal_read.conversation_id);
  if v_wamid is null then
    return;
  end if;
  -- Reading the newest reads all before it.
  delete from private.signals s where s.org_id = signal_read.org_id and s.conversation_id = signal_read.conversation_id and s.kind = 'read'
     and s.wamid <> v_wamid;
  insert into private.signals (org_id, conversation_id, kind, wamid, next_at)
  values (signal_read.org_id, signal_read.conversation_id, 'read', v_wamid, now())
  on conflict on constraint signal_is_one_per_message do nothing;
  perform private.wake('dispatch');
end;
$$;
comment on function private.signal_read is
  'Queues a read receipt for the newest message of a conversation that has unread ones, if the organization wants receipts. Called by private.mark_read, before the count.';

create function private.show_typing(org_id uuid, conversation_id uuid) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_wamid text;
begin
  perform private.require_conversation(show_typing.org_id, show_typing.conversation_id);
  if not private.shows_reading(show_typing.org_id, show_typing.conversation_id)
     or not exists (select from public.conversations c where c.org_id = show_typing.org_id and c.id = show_typing.conversation_id
                       and c.window_expires_at > now()) then
    return '{"shown": false}';
  end if;
  v_wamid := private.newest_inbound(show_typing.org_id, show_typing.conversation_id);
  delete from private.signals s where s.org_id = show_typing.org_id and s.conversation_id = show_typing.conversation_id and s.kind = 'typing'
     and (s.created_at <= now() - interval '10 seconds' or s.wamid is distinct from v_wamid);
  insert into private.signals (org_id, conversation_id, kind, wamid, next_at)
  select show_typing.org_id, show_typing.conversation_id, 'typing', v_wamid, now() where v_wamid is not null
  on conflict on constraint signal_is_one_per_message do nothing;      -- told less than 10 seconds ago
  if found then
    perform private.wake('dispatch');
  end if;
  return jsonb_build_object('shown', v_wamid is not null);
end;
$$;
comment on function private.show_typing is 'public.show_typing behind its door.';
create function public.show_typing(org_id uuid, conversation_id uuid) returns jsonb
  language sql volatile set search_path = ''
begin atomic
  select private.show_typing(org_id, conversation_id);
end;
comment on function public.show_typing is
  'Shows the customer that somebody is writing, for up to 25 seconds; call it while a person types, Meta is told once in 10 seconds. At Meta it '
  'marks their message as read too, so it does nothing where read receipts are off, and nothing outside the window. Returns {shown}. Raises PT404.';
grant execute on function private.show_typing, public.show_typing to authenticated;

create function private.is_one_emoji(words text) returns boolean
  language plpgsql immutable set search_path = ''
as $$
declare
  -- A picture, the presentation or skin colour it is shown in, and a tag sequence (the flags of parts of countries).
  v_one constant text := '[©®‼⁉™ℹ↔-↪⌚-⏿Ⓜ▪-◾☀-➿⤴⤵⬅-⭕〰〽㊗㊙\U0001F000-\U0001F1E5\U0001F200-\U0001FAFF][\uFE0F\U0001F3FB-\U0001F3FF]*[\U000E0020-\U000E007F]*';
begin
  return octet_length(words) <= 32
     and words ~ ('^(' || v_one || '(\u200D' || v_one || ')*|[\U0001F1E6-\U0001F1FF]{2}|[0-9#*]\uFE0F?\u20E3)$');
end;
$$;
comment on function private.is_one_emoji is 'Whether the text is a single emoji: with skin colour, joined ones, flags and keycaps; at most 32 bytes.';

create function private.react(org_id uuid, conversation_id uuid, message_id bigint, emoji text) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_emoji text := nullif(emoji, '');
  v_wamid text;
begin
  perform private.require_conversation(react.org_id, react.conversation_id);
  select m.wamid into v_wamid from public.messages m
   where m.org_id = react.org_id and m.id = react.message_id and m.conversation_id = react.conversation_id;
  if not found then
    raise sqlstate 'PT404' using message = 'There is no such message in this conversation', detail = 'message_unknown', hint = 'Reload the conversation.';
  elsif v_wamid is null then
    raise sqlstate 'PT409' using message = 'The message has not been sent yet', detail = 'message_not_sent', hint = 'React once it is sent.';
  elsif not private.is_one_emoji(v_emoji) then
    raise sqlstate 'PT422' using message = 'A reaction is one emoji', detail = 'emoji_invalid', hint = 'Choose one; none takes the reaction back.';
  elsif not exists (select from public.conversations c join public.whatsapp_numbers n on (n.org_id, n.id) = (c.org_id, c.number_id)
                     where c.org_id = react.org_id and c.id = react.conversation_id and n.status <> 'disconnected') then
    raise sqlstate 'PT409' using message = 'The number of this conversation is not connected', detail = 'number_not_connected',
      hint = 'Connect the number again to react.';
  end if;
  perform private.require_open_window(react.org_id, react.conversation_id);
  -- While one is under way its lease stays: two at once might reach Meta in the wrong order.
  insert into private.signals as s (org_id, conversation_id, kind, wamid, emoji, next_at)
  values (react.org_id, react.conversation_id, 'reaction', v_wamid, v_emoji, now())
  on conflict on constraint signal_is_one_per_message do update
    set emoji = excluded.emoji, attempts = 0, created_at = now(), is_changed = s.lease is not null,
        next_at = case when s.lease is null then now() else s.next_at end;
  update public.messages m
     set reactions = coalesce(m.reactions, '{}') || jsonb_build_object('business', jsonb_build_object(
           'emoji', v_emoji, 'at', floor(extract(epoch from now()))::bigint, 'by', (select auth.uid())))
   where m.org_id = react.org_id and m.id = react.message_id;
  perform private.wake('dispatch');
  return jsonb_build_object('message_id', react.message_id, 'emoji', v_emoji);
end;
$$;
comment on function private.react is 'public.react behind its door.';
create function public.react(org_id uuid, conversation_id uuid, message_id bigint, emoji text default null) returns jsonb
  language sql volatile set search_path = ''
begin atomic
  select private.react(org_id, conversation_id, message_id, emoji);
end;
comment on function public.react is
  'Reacts to a message with one emoji (null or empty: takes it back): at once in messages.reactions under "business", then at Meta; should '
  'Meta refuse, the entry gets "failed" with the reason. Returns {message_id, emoji}. Raises PT404, PT409, PT422 emoji_invalid, window_closed.';
grant execute on function private.react, public.react to authenticated;

------------------------------------------------------------------------------------------------
-- Telling Meta
------------------------------------------------------------------------------------------------
create function private.end_reaction(org_id uuid, wamid text, own_wamid text, words text) returns void
  language plpgsql volatile security definer set search_path = ''
as $$
begin
  update public.messages m
     set reactions = jsonb_set(m.reactions, '{business}', (m.reactions -> 'business') - 'failed'
           || jsonb_strip_nulls(jsonb_build_object('wamid', end_reaction.own_wamid, 'failed', end_reaction.words)))
   where m.org_id = end_reaction.org_id and m.wamid = end_reaction.wamid and m.reactions ? 'business';
end;
$$;
comment on function private.end_reaction is 'Notes at our reaction to a message how it ended: Meta''s id of it, or why it failed.';

create function worker.claim_signals(batch int default 20, lease_seconds int default 30) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_lease   uuid := gen_random_uuid();
  v_signals jsonb := '[]';
  v_tokens  jsonb := '{}';
  v_token   text;
  v_words   text;
  r         record;
begin
  for r in
    select s.org_id, s.id, s.conversation_id, s.kind, s.wamid, s.emoji, s.created_at, n.phone_number_id, n.status as number_status,
           a.id as account_id, a.status as account_status, a.credential_id, c.window_expires_at, p.wa_id, p.phone, p.user_id
      from private.signals s
      join public.conversations c on (c.org_id, c.id) = (s.org_id, s.conversation_id)
      join public.contacts p on (p.org_id, p.id) = (c.org_id, c.contact_id)
      join public.whatsapp_numbers n on (n.org_id, n.id) = (c.org_id, c.number_id)
      join public.whatsapp_accounts a on (a.org_id, a.id) = (n.org_id, n.account_id)
     where s.next_at <= now()
     order by s.next_at, s.id
     limit least(greatest(claim_signals.batch, 0), 200)
     for update of s skip locked
  loop
    v_words := case
      when r.number_status = 'disconnected' or r.account_status = 'disconnected' then 'The WhatsApp number was disconnected'
      when r.created_at < now() - interval '24 hours' then 'It could not be sent for a day'
      when r.kind <> 'read' and (r.window_expires_at is null or r.window_expires_at <= now()) then 'The 24-hour window is closed'
      when r.kind = 'typing' and r.created_at < now() - interval '10 seconds' then 'Too late'
      when r.kind = 'reaction' and num_nonnulls(r.wa_id, r.phone, r.user_id) = 0 then 'The contact has no WhatsApp address' end;
    if v_words is not null then
      delete from private.signals s where s.org_id = r.org_id and s.id = r.id;
      if r.kind = 'reaction' then
        perform private.end_reaction(r.org_id, r.wamid, null, v_words);
      end if;
      continue;
    end if;
    v_token := v_tokens ->> r.account_id::text;
    if v_token is null and r.number_status = 'connected' and r.account_status = 'connected' and r.credential_id is not null then
      begin
        v_token := private.open_credential(r.org_id, r.credential_id, 'dispatch');
      exception when sqlstate 'PT503' then
        v_token := null;                                       -- its key is missing from Vault: it waits
      end;
    end if;
    if v_token is null or r.number_status <> 'connected' or r.account_status <> 'connected' then
      update private.signals s set next_at = now() + interval '60 seconds', lease = null where s.org_id = r.org_id and s.id = r.id;
      continue;
    end if;
    v_tokens := v_tokens || jsonb_build_object(r.account_id::text, v_token);
    update private.signals s
       set lease = v_lease, attempts = s.attempts + 1, is_changed = false,
           next_at = now() + make_interval(secs => claim_signals.lease_seconds)
     where s.org_id = r.org_id and s.id = r.id;
    v_signals := v_signals || jsonb_build_object('signal_id', r.id, 'org_id', r.org_id, 'account_id', r.account_id, 'kind', r.kind,
      'phone_number_id', r.phone_number_id, 'payload', jsonb_build_object('messaging_product', 'whatsapp') || case r.kind
        when 'read' then jsonb_build_object('status', 'read', 'message_id', r.wamid)
        when 'typing' then jsonb_build_object('status', 'read', 'message_id', r.wamid, 'typing_indicator', '{"type": "text"}'::jsonb)
        else jsonb_build_object('recipient_type', 'individual', 'type', 'reaction',
               'reaction', jsonb_build_object('message_id', r.wamid, 'emoji', coalesce(r.emoji, '')))
             || case when coalesce(r.wa_id, r.phone) is not null then jsonb_build_object('to', coalesce(r.wa_id, ltrim(r.phone, '+')))
                     else jsonb_build_object('recipient', r.user_id) end end);
  end loop;
  return jsonb_build_object('lease', v_lease, 'signals', v_signals, 'tokens', v_tokens);
end;
$$;
comment on function worker.claim_signals is
  'Hands out due signals under one lease; forgets those that came too late, puts off those whose number is paused. Returns {lease, tokens: '
  '{account_id: token}, signals: [{signal_id, org_id, account_id, phone_number_id, kind, payload}]}; answered by worker.record_signals, else '
  'they are due again after lease_seconds.';
grant execute on function worker.claim_signals to service_role;

create function worker.record_signals(lease uuid, results jsonb) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_done  int := 0;
  v_rule  private.meta_error_codes;
  v_again boolean;
  r       record;
begin
  for r in
    select s.org_id, s.id, s.conversation_id, s.kind, s.wamid, s.attempts, s.is_changed, c.number_id, c.contact_id, x.outcome, x.title, x.details,
           x.wamid as own_wamid,
           case when x.code between 0 and 2147483647 then x.code::int end as code,
           case when x.http_status between 100 and 599 then x.http_status::int end as http_status,
           case when x.retry_after between 0 and 86400 then x.retry_after end as retry_after
      from jsonb_to_recordset(results) x (org_id uuid, signal_id bigint, outcome text, wamid text, http_status numeric, code numeric,
                                          title text, details text, retry_after numeric)
      join private.signals s on (s.org_id, s.id) = (x.org_id, x.signal_id) and s.lease = record_signals.lease
      join public.conversations c on (c.org_id, c.id) = (s.org_id, s.conversation_id)
     order by s.org_id, s.id for update of s
  loop
    v_done := v_done + 1;
    v_rule := case when r.outcome = 'error' then private.meta_error_rule(r.code, r.http_status) end;
    if r.outcome = 'error' and (v_rule).action in ('pause_number', 'reauthorize', 'window_closed') then
      perform private.apply_error(r.org_id, r.number_id, r.conversation_id, r.contact_id, null, v_rule, null, now());
    end if;
    if r.is_changed then                                       -- what Meta said was about another emoji
      update private.signals s set lease = null, is_changed = false, next_at = now() where s.org_id = r.org_id and s.id = r.id;
    elsif r.outcome = 'released' then
      update private.signals s set lease = null, next_at = now(), attempts = s.attempts - 1 where s.org_id = r.org_id and s.id = r.id;
    elsif r.outcome = 'accepted' and r.kind <> 'reaction' or r.kind = 'typing' then
      update private.signals s set lease = null, next_at = null where s.org_id = r.org_id and s.id = r.id;
    elsif r.outcome = 'accepted' then
      delete from private.signals s where s.org_id = r.org_id and s.id = r.id;
      perform private.end_reaction(r.org_id, r.wamid, r.own_wamid, null);
    else
      v_again := r.attempts < case r.kind when 'read' then 2 else 5 end
                 and (r.outcome <> 'error' or (v_rule).action in ('retry', 'pause_number', 'reauthorize'));
      if v_again then
        update private.signals s
           set lease = null,
               next_at = now() + make_interval(secs => coalesce(r.retry_after, 2 * power(3, r.attempts - 1) * (0.75 + random() / 2))::float8)
         where s.org_id = r.org_id and s.id = r.id;
      else
        delete from private.signals s where s.org_id = r.org_id and s.id = r.id;
        if r.kind = 'reaction' then
          perform private.end_reaction(r.org_id, r.wamid, null, coalesce((v_rule).words, nullif(concat_ws(': ', r.title, r.details), ''),
            case r.outcome when 'error' then 'Meta refused the reaction' else 'Meta could not be reached' end));
        end if;
      end if;
    end if;
  end loop;
  return jsonb_build_object('recorded', v_done);
end;
$$;
comment on function worker.record_signals is
  'Records what became of claimed signals: [{org_id, signal_id, outcome: accepted (wamid of a reaction) | error (http_status, code, title, '
  'details, retry_after?) | unknown | not_sent | released}]. A reaction is tried 5 times, a receipt twice, typing once. Returns {recorded}.';
grant execute on function worker.record_signals to service_role;
