-- 680_contact_merge.sql: two contacts that turn out to be one person become one.
-- WhatsApp names people by number and by user id, and may tell only later that both are the same person.

create function private.merge_conversations(org_id uuid, kept uuid, gone uuid) returns void
  language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_kept private.send_lanes;
  v_gone private.send_lanes;
begin
  perform from private.send_lanes l
   where l.org_id = merge_conversations.org_id and l.conversation_id in (merge_conversations.kept, merge_conversations.gone)
   order by l.conversation_id for update;
  perform from public.conversations c
   where c.org_id = merge_conversations.org_id and c.id in (merge_conversations.kept, merge_conversations.gone) order by c.id for update;
  select l.* into v_gone from private.send_lanes l where l.org_id = merge_conversations.org_id and l.conversation_id = merge_conversations.gone;
  if found then
    select l.* into v_kept from private.send_lanes l where l.org_id = merge_conversations.org_id and l.conversation_id = merge_conversations.kept;
    if not found then
      update private.send_lanes l set conversation_id = merge_conversations.kept
       where l.org_id = merge_conversations.org_id and l.conversation_id = merge_conversations.gone;
    else
      if v_gone.lease is not null and v_kept.lease is null then
        v_kept.lease := v_gone.lease;
        v_kept.message_id := v_gone.message_id;
        v_kept.next_at := v_gone.next_at;
      elsif v_kept.lease is null then
        v_kept.next_at := least(v_kept.next_at, v_gone.next_at);
      elsif v_gone.lease is not null then      -- both are sending: one answer cannot be waited for any more
        update public.messages m set status = 'uncertain', settle_at = now() + interval '15 minutes',
               error_message = 'Meta''s answer was lost; waiting for its status'
         where m.org_id = merge_conversations.org_id and m.id = v_gone.message_id and m.status = 'sending';
      end if;
      delete from private.send_lanes l where l.org_id = merge_conversations.org_id and l.conversation_id = merge_conversations.gone;
      -- The next claim finds the oldest queued message of both; a lane without one goes to rest.
      update private.send_lanes l
         set lease = v_kept.lease, message_id = v_kept.message_id, next_at = v_kept.next_at,
             pair_tokens = least(l.pair_tokens, v_gone.pair_tokens)
       where l.org_id = merge_conversations.org_id and l.conversation_id = merge_conversations.kept;
    end if;
  end if;
  update private.signals s set conversation_id = merge_conversations.kept
   where s.org_id = merge_conversations.org_id and s.conversation_id = merge_conversations.gone;
  update public.messages m set conversation_id = merge_conversations.kept
   where m.org_id = merge_conversations.org_id and m.conversation_id = merge_conversations.gone;
  update public.scheduled_messages s set conversation_id = merge_conversations.kept
   where s.org_id = merge_conversations.org_id and s.conversation_id = merge_conversations.gone;
  update public.conversations k
     set status = case when 'open' in (k.status, g.status) then 'open' else k.status end,
         assignee_id = coalesce(k.assignee_id, g.assignee_id),
         window_expires_at = greatest(k.window_expires_at, g.window_expires_at),
         unread_count = k.unread_count + g.unread_count,
         last_message_text = case when k.last_message_at >= g.last_message_at then k.last_message_text else g.last_message_text end,
         last_message_at = greatest(k.last_message_at, g.last_message_at),
         created_at = least(k.created_at, g.created_at), referral = private.join_referrals(k.referral, g.referral)
    from public.conversations g
   where (k.org_id, k.id) = (merge_conversations.org_id, merge_conversations.kept)
     and (g.org_id, g.id) = (merge_conversations.org_id, merge_conversations.gone);
  perform private.merge_teamwork(merge_conversations.org_id, merge_conversations.kept, merge_conversations.gone);
  perform private.merge_windows(merge_conversations.org_id, merge_conversations.kept, merge_conversations.gone);
  perform private.move_references('public.conversations', merge_conversations.org_id, merge_conversations.kept, merge_conversations.gone);
  delete from public.conversations c where c.org_id = merge_conversations.org_id and c.id = merge_conversations.gone;
  perform private.settle_preview(merge_conversations.org_id, merge_conversations.kept);
  if exists (select from public.messages m where m.org_id = merge_conversations.org_id and m.conversation_id = merge_conversations.kept
                and m.error_code = 131047) then
    perform private.close_window(merge_conversations.org_id, merge_conversations.kept);
  end if;
end;
$$;
comment on function private.merge_conversations is
  'Moves the messages, the lane and the counts of one conversation into another of the same number, and removes it.';

create function private.merge_contacts(org_id uuid, one uuid, other uuid, survivor uuid default null) returns void
  language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_kept public.contacts;
  v_gone public.contacts;
  r      record;
begin
  perform from public.contacts c where c.org_id = merge_contacts.org_id and c.id in (merge_contacts.one, merge_contacts.other) order by c.id for update;
  select c.* into v_kept from public.contacts c
   where c.org_id = merge_contacts.org_id and c.id in (merge_contacts.one, merge_contacts.other)
   order by c.id is not distinct from merge_contacts.survivor desc, c.created_at, c.id limit 1;
  select c.* into v_gone from public.contacts c
   where c.org_id = merge_contacts.org_id and c.id in (merge_contacts.one, merge_contacts.other) and c.id <> v_kept.id;
  if not found then
    return;                        -- somebody else was quicker
  end if;
  for r in
    select k.id as kept, g.id as gone from public.conversations g
      join public.conversations k on (k.org_id, k.number_id) = (g.org_id, g.number_id) and k.contact_id = v_kept.id
     where g.org_id = merge_contacts.org_id and g.contact_id = v_gone.id order by g.id
  loop
    perform private.merge_conversations(merge_contacts.org_id, r.kept, r.gone);
  end loop;
  perform private.merge_broadcasts(merge_contacts.org_id, v_kept.id, v_gone.id);
  perform private.merge_sequences(merge_contacts.org_id, v_kept.id, v_gone.id);
  perform private.merge_points(merge_contacts.org_id, v_kept.id, v_gone.id);
  perform private.move_references('public.contacts', merge_contacts.org_id, v_kept.id, v_gone.id);
  if merge_contacts.survivor is null then
    perform private.close_merges(merge_contacts.org_id, v_kept.id);
  end if;
  delete from public.contacts c where c.org_id = merge_contacts.org_id and c.id = v_gone.id;
  update public.contacts c
     set (name, name_at) = (
           -- A name that a person gave stands; of two profile names, the newer.
           select n.name, n.at from (values (1, v_kept.name, v_kept.name_at), (2, v_gone.name, v_gone.name_at)) n (side, name, at)
            order by n.name is null, n.at is not null, n.at desc, case when n.at is not null then n.name end desc, n.side limit 1),
         phone = coalesce(c.phone, v_gone.phone),
         phone_given = coalesce(c.phone_given, v_gone.phone_given),
         phone_kind = case when c.phone is not null then c.phone_kind else v_gone.phone_kind end,
         country = coalesce(c.country, v_gone.country), email = coalesce(c.email, v_gone.email),
         company = coalesce(c.company, v_gone.company), address = coalesce(c.address, v_gone.address),
         city = coalesce(c.city, v_gone.city), state = coalesce(c.state, v_gone.state), pincode = coalesce(c.pincode, v_gone.pincode),
         (username, username_at) = (
           select n.username, n.at from (values (v_kept.username, v_kept.username_at), (v_gone.username, v_gone.username_at)) n (username, at)
            order by n.at desc nulls last, n.username desc limit 1),
         parent_user_id = greatest(c.parent_user_id, v_gone.parent_user_id),
         greeted_at = greatest(c.greeted_at, v_gone.greeted_at), custom = v_gone.custom || c.custom, erase_at = coalesce(c.erase_at, v_gone.erase_at),
         created_at = least(c.created_at, v_gone.created_at)
   where c.org_id = merge_contacts.org_id and c.id = v_kept.id;
  perform private.settle_identity(merge_contacts.org_id, v_kept.id);
  perform private.settle_consent(merge_contacts.org_id, v_kept.id);
  perform private.audit(merge_contacts.org_id, 'contact.merged', 'contact', v_kept.id::text, jsonb_build_object('merged', v_gone.id));
end;
$$;
comment on function private.merge_contacts is
  'Makes two contacts one, the survivor if given, else the older: everything with a foreign key to the other moves; empty fields are filled, consent is worked out again.';

create function private.settle_identity(org_id uuid, contact_id uuid) returns void
  language sql volatile security definer set search_path = ''
as $$
  update public.contacts c
     set wa_id = w.value, user_id = coalesce(b.value, c.user_id),
         -- A number that WhatsApp says they changed to replaces the one on file.
         phone = case when w.value !~ '^[1-9][0-9]{6,14}$' then c.phone
                      when w.changed_at is not null then '+' || w.value else coalesce(c.phone, '+' || w.value) end,
         phone_kind = case when w.changed_at is not null and '+' || w.value is distinct from c.phone then null else c.phone_kind end,
         country = coalesce(c.country, substring(b.value from '^([A-Z]{2})\.'))
    from (values (settle_identity.org_id, settle_identity.contact_id)) k (org_id, contact_id)
    left join lateral (
      select i.value, i.changed_at from public.contact_identities i
       where i.org_id = k.org_id and i.contact_id = k.contact_id and i.kind = 'wa_id'
       order by i.changed_at desc nulls last, i.value limit 1) w on true
    left join lateral (
      select i.value from public.contact_identities i
       where i.org_id = k.org_id and i.contact_id = k.contact_id and i.kind = 'user_id'
       order by i.changed_at desc nulls last, i.value limit 1) b on true
   where c.org_id = k.org_id and c.id = k.contact_id
$$;
comment on function private.settle_identity is
  'Sets the number and user id that a contact is written to: of all they are known by, the one they changed to last.';
