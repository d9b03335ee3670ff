-- 953_broadcast_sending.sql: a broadcast goes out, in small portions behind whatever people write, and stops when something is wrong.

------------------------------------------------------------------------------------------------
-- What stands in the way
------------------------------------------------------------------------------------------------
create function private.broadcast_obstacle(broadcast public.broadcasts, out kind text, out words text)
  language plpgsql stable security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_number   public.whatsapp_numbers;
  v_account  public.whatsapp_accounts;
  v_category text;
  v_state    text;
begin
  select n.* into v_number from public.whatsapp_numbers n where n.org_id = (broadcast).org_id and n.id = (broadcast).number_id;
  select a.* into v_account from public.whatsapp_accounts a where a.org_id = v_number.org_id and a.id = v_number.account_id;
  if v_number.status = 'disconnected' or v_account.status <> 'connected' or v_account.credential_id is null then
    kind := 'number';
    words := 'The number is not connected';
  elsif v_number.status = 'paused' and coalesce(v_number.paused_until, 'infinity') > now() then
    kind := 'number';
    words := 'The number is paused' || coalesce(': ' || v_number.paused_reason, '');
  elsif private.is_read_only((broadcast).org_id) then
    kind := 'spending';
    words := 'The subscription is suspended: nothing is sent until it is settled';
  else
    begin
      perform private.template_message((broadcast).org_id, v_account.id, (broadcast).template_name, (broadcast).language,
        private.fill_template((broadcast).org_id, v_account.id, (broadcast).template_name, (broadcast).language,
                              private.plain_mapping((broadcast).mapping), null, null), v_number.phone_number_id);
    exception when sqlstate 'PT422' or sqlstate 'PT409' or sqlstate 'PT404' then
      get stacked diagnostics words = message_text;
      kind := 'template';
      return;
    end;
    select t.category into v_category from public.message_templates t
     where t.org_id = (broadcast).org_id and t.account_id = v_account.id and t.name = (broadcast).template_name and t.language = (broadcast).language;
    if v_category <> (broadcast).category then
      kind := 'category';
      words := private.category_words((broadcast).template_name, (broadcast).category, v_category);
    end if;
  end if;
end;
$$;
comment on function private.broadcast_obstacle is
  'Why a broadcast cannot go on: kind (number, template, category) and words; both null when nothing is in the way. Looks as a send does.';

create function private.pause_broadcast(org_id uuid, broadcast_id uuid, kind text, words text) returns boolean
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
begin
  update public.broadcasts b
     set state = 'paused', paused_for = pause_broadcast.kind, paused_reason = left(pause_broadcast.words, 1000), paused_at = now(), waits_for = null
   where b.org_id = pause_broadcast.org_id and b.id = pause_broadcast.broadcast_id and b.state = 'running';
  if found then
    perform private.audit(pause_broadcast.org_id, 'broadcast.paused', 'broadcast', pause_broadcast.broadcast_id::text, jsonb_build_object('for', kind));
  end if;
  return found;
end;
$$;
comment on function private.pause_broadcast is
  'Pauses a running broadcast, with the reason in words; returns whether it ran. What it has in the outbox is refused at the claim and waits again.';

create function private.check_broadcasts(org_id uuid, template public.message_templates) returns void
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_broadcast public.broadcasts;
  v_obstacle  record;
begin
  for v_broadcast in
    select b.* from public.broadcasts b join public.whatsapp_numbers n on (n.org_id, n.id) = (b.org_id, b.number_id)
     where b.org_id = check_broadcasts.org_id and b.state = 'running' and n.account_id = (template).account_id
       and b.template_name = (template).name and b.language = (template).language
     order by b.id for no key update of b
  loop
    select * into v_obstacle from private.broadcast_obstacle(v_broadcast);
    if v_obstacle.kind is not null then
      perform private.pause_broadcast(v_broadcast.org_id, v_broadcast.id, v_obstacle.kind, v_obstacle.words);
    end if;
  end loop;
end;
$$;
comment on function private.check_broadcasts is 'Called when a template may have changed: running broadcasts that cannot go on with it pause in the same transaction.';

create function private.automatic_refusal(org_id uuid, message_id bigint, origin text, category text, is_barred boolean) returns jsonb
  language plpgsql stable security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_state    text;
  v_accepted text;
  v_words    text;
begin
  if origin = 'broadcast' then
    select b.state, b.category into v_state, v_accepted from public.broadcast_recipients r
      join public.broadcasts b on (b.org_id, b.id) = (r.org_id, r.broadcast_id)
     where r.org_id = automatic_refusal.org_id and r.message_id = automatic_refusal.message_id;
    v_words := case when v_state is null then 'It belongs to no broadcast any more'
                    when v_state not in ('running', 'done') then format('The broadcast is %s', v_state) end;  -- done: somebody sends an uncertain one again
  else
    select e.state into v_state from public.sequence_enrollments e
     where e.org_id = automatic_refusal.org_id and e.message_id = automatic_refusal.message_id;
    v_words := case when v_state is distinct from 'active' then 'The sequence has ended' end;
  end if;
  v_words := case when v_words is not null then v_words when is_barred then 'The template is not approved any more'
                  when category <> v_accepted then 'The template''s price class has changed' end;
  return case when v_words is not null then jsonb_build_object('status', 'cancelled', 'words', v_words) end;
end;
$$;
comment on function private.automatic_refusal is
  'At the claim: why a message of a broadcast or a sequence does not leave, as {status: cancelled, words}; null: it goes. Cancelled, it is not lost: its recipient waits again.';

------------------------------------------------------------------------------------------------
-- Into the outbox
------------------------------------------------------------------------------------------------
create function private.hold_thread(org_id uuid, number_id uuid, contact_id uuid) returns uuid
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_thread uuid := private.open_conversation(hold_thread.org_id, hold_thread.number_id, hold_thread.contact_id);
begin
  if not private.hold_lane(hold_thread.org_id, v_thread) then
    return null;
  end if;
  perform from public.conversations c where c.org_id = hold_thread.org_id and c.id = v_thread for no key update skip locked;
  return case when found then v_thread end;
end;
$$;
comment on function private.hold_thread is
  'The conversation with a contact, made when there is none, its lane and then itself locked without waiting; null when somebody is busy with it.';

create function private.newest_lead(org_id uuid, contact_id uuid) returns uuid
  language sql stable security definer set search_path = ''
as $$
  select l.id from public.leads l where l.org_id = newest_lead.org_id and l.contact_id = newest_lead.contact_id order by l.received_at desc, l.id desc limit 1
$$;
comment on function private.newest_lead is 'The newest lead of a contact; null when there is none.';

create function private.skip_recipient(org_id uuid, broadcast_id uuid, contact_id uuid, reason text, words text) returns void
  language sql volatile security definer set search_path = ''
as $$
  update public.broadcast_recipients r set outcome = 'skipped', reason = skip_recipient.reason, words = skip_recipient.words
   where r.org_id = skip_recipient.org_id and r.broadcast_id = skip_recipient.broadcast_id and r.contact_id = skip_recipient.contact_id
     and r.outcome = 'waiting'
$$;
comment on function private.skip_recipient is 'A recipient who waits gets nothing, for a reason and in words.';

create function private.release_recipient(broadcast public.broadcasts, number public.whatsapp_numbers, recipient public.broadcast_recipients, due interval) returns boolean
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_contact public.contacts;
  v_thread  uuid;
  v_lane    private.send_lanes;
  v_message jsonb;
  v_id      bigint;
  v_state   text;
  v_words   text;
begin
  -- The contact first, as everywhere. Nobody is waited for; who is busy comes with the next portion.
  select p.* into v_contact from public.contacts p where p.org_id = (broadcast).org_id and p.id = (recipient).contact_id for no key update skip locked;
  if not found then
    return false;
  elsif v_contact.opted_out_at is not null then
    perform private.skip_recipient((broadcast).org_id, (broadcast).id, v_contact.id, 'opted_out', 'They asked not to receive messages');
    return false;
  elsif num_nonnulls(v_contact.wa_id, v_contact.phone, v_contact.user_id) = 0 then
    perform private.skip_recipient((broadcast).org_id, (broadcast).id, v_contact.id, 'no_number', 'The contact has no WhatsApp address');
    return false;
  end if;
  v_thread := private.hold_thread((broadcast).org_id, (broadcast).number_id, v_contact.id);
  if v_thread is null then
    return false;
  end if;
  select l.* into v_lane from private.send_lanes l where l.org_id = (broadcast).org_id and l.conversation_id = v_thread;
  begin
    v_message := private.template_message((broadcast).org_id, (number).account_id, (broadcast).template_name, (broadcast).language,
      private.fill_template((broadcast).org_id, (number).account_id, (broadcast).template_name, (broadcast).language,
        private.plain_mapping((broadcast).mapping), private.newest_lead((broadcast).org_id, v_contact.id), v_contact.id), (number).phone_number_id);
    v_id := private.enqueue_message((broadcast).org_id, (broadcast).number_id, v_contact.id, v_message, 'broadcast', null,
      md5('broadcast:' || (broadcast).id || ':' || v_contact.id || ':' || (recipient).attempt)::uuid);
  exception when others then
    get stacked diagnostics v_state = returned_sqlstate, v_words = message_text;
    if v_state !~ '^PT4' then
      raise;
    end if;
    perform private.skip_recipient((broadcast).org_id, (broadcast).id, v_contact.id, 'values', v_words);
    return false;
  end;
  -- One after the other: a person's message, due at once, passes those that are not due yet.
  update private.send_lanes l set next_at = now() + release_recipient.due
   where l.org_id = (broadcast).org_id and l.conversation_id = v_thread and v_lane.next_at is null and l.lease is null;
  update public.broadcast_recipients r set outcome = 'queued', message_id = v_id, words = null
   where r.org_id = (recipient).org_id and r.broadcast_id = (recipient).broadcast_id and r.contact_id = (recipient).contact_id;
  return true;
end;
$$;
comment on function private.release_recipient is
  'Queues the message of one recipient, whose row is locked, due after an interval; or skips them. Returns whether it queued one; false also for who is busy just now.';

create function private.release_broadcast(broadcast public.broadcasts, batch int) returns int
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_obstacle  record;
  v_number    public.whatsapp_numbers;
  v_account   public.whatsapp_accounts;
  v_recipient public.broadcast_recipients;
  v_zone      text := (select o.time_zone from public.organizations o where o.id = (broadcast).org_id and o.deleted_at is null);
  v_at        timestamptz := private.after_quiet_hours((broadcast).org_id, now());
  v_pace      numeric;
  v_ahead     int;
  v_people    int;
  v_used      int;
  v_room      numeric;
  v_released  int := 0;
begin
  select * into v_obstacle from private.broadcast_obstacle(broadcast);
  if v_obstacle.kind is not null or v_zone is null then
    perform private.pause_broadcast((broadcast).org_id, (broadcast).id, coalesce(v_obstacle.kind, 'error'), coalesce(v_obstacle.words, 'The organization was deleted'));
    return 0;
  elsif v_at > now() then
    update public.broadcasts b set next_at = v_at, waits_for = format('Quiet hours until %s', to_char(v_at at time zone v_zone, 'HH24:MI'))
     where b.org_id = (broadcast).org_id and b.id = (broadcast).id;
    return 0;
  end if;
  select n.* into v_number from public.whatsapp_numbers n where n.org_id = (broadcast).org_id and n.id = (broadcast).number_id;
  select a.* into v_account from public.whatsapp_accounts a where a.org_id = v_number.org_id and a.id = v_number.account_id;
  v_pace := private.broadcast_pace(v_number.messages_per_second);
  select count(*) filter (where b.number_id = v_number.id), count(*) into v_ahead, v_people
    from public.broadcasts b join public.broadcast_recipients r on (r.org_id, r.broadcast_id) = (b.org_id, b.id) and r.outcome = 'queued'
   where b.org_id = (broadcast).org_id and b.state in ('running', 'paused');
  -- Five seconds of work ahead at most: the sweep comes every two.
  v_room := least(batch, greatest(1, floor(v_pace * 5)) - v_ahead);
  if v_account.messaging_limit is not null then
    select count(*), min(u.at) into v_used, v_at from private.tier_uses u
     where u.org_id = (broadcast).org_id and u.portfolio = coalesce(v_account.business_id, v_account.id::text) and u.at > now() - interval '24 hours';
    v_room := least(v_room, private.broadcast_share(v_account.messaging_limit) - v_used - v_people);
    if v_used >= private.broadcast_share(v_account.messaging_limit) then
      v_at := coalesce(v_at, now()) + interval '24 hours';
      -- The limit may be raised meanwhile: it is looked at every ten minutes.
      update public.broadcasts b set next_at = least(v_at, now() + interval '10 minutes'),
             waits_for = format('Meta''s daily limit of %s people, of which a tenth is left for you, is reached; goes on at %s',
                                v_account.messaging_limit, to_char(v_at at time zone v_zone, 'HH24:MI'))
       where b.org_id = (broadcast).org_id and b.id = (broadcast).id;
      return 0;
    end if;
  end if;
  for v_recipient in
    select r.* from public.broadcast_recipients r
     where r.org_id = (broadcast).org_id and r.broadcast_id = (broadcast).id and r.outcome = 'waiting'
     order by r.contact_id limit greatest(0, v_room)::int for update skip locked
  loop
    v_released := v_released + private.release_recipient(broadcast, v_number, v_recipient, (v_ahead + v_released) / v_pace * interval '1 second')::int;
  end loop;
  update public.broadcasts b
     set waits_for = null, released_at = case when v_released > 0 then clock_timestamp() else b.released_at end,
         (state, ended_at) = (select case when o.is_open then b.state else 'done' end, case when not o.is_open then now() end
                                from (select exists (select from public.broadcast_recipients r where r.org_id = b.org_id and r.broadcast_id = b.id
                                                        and r.outcome in ('waiting', 'queued')) as is_open) o)
   where b.org_id = (broadcast).org_id and b.id = (broadcast).id;
  return v_released;
end;
$$;
comment on function private.release_broadcast is
  'One portion of a broadcast whose row is locked: as much as keeps five seconds of its number''s work ahead, within Meta''s daily limit and outside quiet hours; pauses '
  'it when something is in the way, ends it when nothing is left. Returns how many it queued.';

create function private.release_broadcasts(batch int default 250) returns int
  language plpgsql volatile security definer set search_path = '' set lock_timeout = '2s'
as $$
declare
  v_broadcast public.broadcasts;
  v_until     timestamptz := clock_timestamp() + interval '1 second';
  v_released  int := 0;
  v_state     text;
begin
  for v_broadcast in
    select b.* from public.broadcasts b where b.state = 'running' and b.next_at <= now()
     order by b.released_at nulls first, b.org_id, b.id limit 20 for no key update skip locked
  loop
    exit when clock_timestamp() > v_until;
    begin
      v_released := v_released + private.release_broadcast(v_broadcast, release_broadcasts.batch);
    exception when others then
      get stacked diagnostics v_state = returned_sqlstate;
      if v_state !~ '^(40|53|55|57|58)' then      -- else the moment's fault: it goes on in two seconds
        perform private.pause_broadcast(v_broadcast.org_id, v_broadcast.id, 'error', format('It could not go on (%s)', v_state));
      end if;
    end;
  end loop;
  return v_released;
end;
$$;
comment on function private.release_broadcasts is
  'Every two seconds: a portion of each running broadcast goes into the outbox, who has waited longest first, for a second at most; any number of these may run at once.';

------------------------------------------------------------------------------------------------
-- What became of them
------------------------------------------------------------------------------------------------
create function private.tg_messages__tells_its_broadcast() returns trigger
  language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_broadcast public.broadcasts;
  v_obstacle  record;
begin
  if new.status <> 'cancelled' then
    update public.broadcast_recipients r set outcome = case new.status when 'sending' then 'queued' else new.status end
     where r.org_id = new.org_id and r.message_id = new.id and r.outcome <> case new.status when 'sending' then 'queued' else new.status end;
    return null;
  end if;
  -- The broadcast is locked first: one that is cancelled just now leaves nobody waiting.
  select b.* into v_broadcast from public.broadcast_recipients r join public.broadcasts b on (b.org_id, b.id) = (r.org_id, r.broadcast_id)
   where r.org_id = new.org_id and r.message_id = new.id for no key update of b;
  if not found then
    return null;
  elsif exists (select from public.contacts c where c.org_id = new.org_id and c.id = new.contact_id and c.opted_out_at is not null) then
    update public.broadcast_recipients r set outcome = 'skipped', reason = 'opted_out', words = new.error_message
     where r.org_id = new.org_id and r.message_id = new.id;
    return null;
  end if;
  -- It never left, so they are still to get it, unless the broadcast is over.
  update public.broadcast_recipients r
     set outcome = case v_broadcast.state when 'cancelled' then 'skipped' when 'done' then 'failed' else 'waiting' end,
         reason = case v_broadcast.state when 'cancelled' then 'cancelled' end,
         words = new.error_message, message_id = null, attempt = r.attempt + 1
   where r.org_id = new.org_id and r.message_id = new.id;
  if v_broadcast.state = 'running' then
    select * into v_obstacle from private.broadcast_obstacle(v_broadcast);
    perform private.pause_broadcast(v_broadcast.org_id, v_broadcast.id, coalesce(v_obstacle.kind, 'spending'), coalesce(v_obstacle.words, new.error_message, 'Something stopped it'));
  end if;
  return null;
end;
$$;
comment on function private.tg_messages__tells_its_broadcast is
  'A broadcast''s message tells its recipient what became of it. One that was stopped before it left is taken back, and what stopped it (wallet, cap, number, template) pauses the broadcast.';
create trigger messages_tell_their_broadcast after update of status on public.messages
  for each row when (new.origin = 'broadcast' and old.status is distinct from new.status)
  execute function private.tg_messages__tells_its_broadcast();

create function private.tg_messages__answer_a_broadcast() returns trigger
  language plpgsql volatile security definer set search_path = '' set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off
as $$
begin
  if not exists (select from new_messages n where n.direction = 'inbound' and n.imported_at is null) then
    return null;
  end if;
  update public.broadcast_recipients r set replied_at = n.at
    from (select i.org_id, i.contact_id, min(i.at) as at from new_messages i
           where i.direction = 'inbound' and i.imported_at is null group by 1, 2 order by 1, 2) n
   where r.org_id = n.org_id and r.contact_id = n.contact_id and r.outcome in ('sent', 'delivered', 'read', 'uncertain') and r.replied_at is null
     -- Meta's instants are whole seconds.
     and exists (select from public.messages m where m.org_id = r.org_id and m.id = r.message_id
                    and date_trunc('second', m.at) <= n.at and m.at > n.at - interval '7 days');
  return null;
end;
$$;
comment on function private.tg_messages__answer_a_broadcast is 'Who writes within seven days of a broadcast has replied to it.';
create trigger messages_answer_a_broadcast after insert on public.messages referencing new table as new_messages
  for each statement execute function private.tg_messages__answer_a_broadcast();

create function private.merge_broadcasts(org_id uuid, kept uuid, gone uuid) returns void
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  r       record;
  v_rank  constant text[] := '{skipped,failed,waiting,queued,uncertain,sent,delivered,read}';
  v_loser public.broadcast_recipients;
begin
  for r in
    select k.broadcast_id, array_position(v_rank, k.outcome) >= array_position(v_rank, g.outcome) as stays
      from public.broadcast_recipients g
      join public.broadcast_recipients k on (k.org_id, k.broadcast_id) = (g.org_id, g.broadcast_id) and k.contact_id = merge_broadcasts.kept
     where g.org_id = merge_broadcasts.org_id and g.contact_id = merge_broadcasts.gone order by 1
       for update
  loop
    -- The row goes before its message, which would else be taken back and sent after all. The lane is locked: nobody claims it now.
    delete from public.broadcast_recipients d
     where d.org_id = merge_broadcasts.org_id and d.broadcast_id = r.broadcast_id
       and d.contact_id = case when r.stays then merge_broadcasts.gone else merge_broadcasts.kept end
    returning d.* into v_loser;
    update public.messages m set status = 'cancelled', error_message = 'The same person gets this broadcast already'
     where m.org_id = merge_broadcasts.org_id and m.id = v_loser.message_id and m.status = 'queued';
    update public.broadcasts b set total = b.total - 1 where b.org_id = merge_broadcasts.org_id and b.id = r.broadcast_id;
  end loop;
  update public.broadcast_recipients m set contact_id = merge_broadcasts.kept where m.org_id = merge_broadcasts.org_id and m.contact_id = merge_broadcasts.gone;
end;
$$;
comment on function private.merge_broadcasts is
  'Two contacts become one: where both are recipients, the one that came furthest stays, and the other''s message is cancelled while it has not left.';
