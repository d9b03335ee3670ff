-- 740_changes.sql: reactions, edits, revokes and changed identities.

create function private.change_target(item jsonb) returns text
  language plpgsql immutable set search_path = ''
as $$      -- plpgsql: its plan is kept, that of an SQL function is made anew for each caller
begin
  return (select coalesce(item #>> '{reaction,message_id}', item #>> '{edit,original_message_id}', item #>> '{revoke,original_message_id}'));
end;
$$;
comment on function private.change_target is 'The wamid that a reaction, edit or revoke names; null for others.';

create function private.apply_changes(changes private.meta_update[]) returns void
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  u         private.meta_update;
  v_message public.messages;
  v_shown   jsonb;
begin
  foreach u in array coalesce(changes, '{}') loop
    if private.change_target(u.item) is null then
      raise sqlstate 'PT422' using message = 'The update does not name a message', detail = 'target_missing';
    end if;
    select m.* into v_message from public.messages m
     where m.org_id = u.org_id and m.wamid = private.change_target(u.item) for no key update;
    if not found then
      insert into private.parked_updates (org_id, wamid, digest, kind, item)
      values (u.org_id, private.change_target(u.item), sha256(convert_to(u.item::text, 'UTF8')), 'change', u.item)
      on conflict do nothing;
      continue;
    end if;
    if u.item ->> 'type' = 'reaction' then
      update public.messages m
         set reactions = coalesce(m.reactions, '{}') || jsonb_build_object(
               coalesce(u.item ->> 'from_user_id', u.item ->> 'from', ''), jsonb_build_object(
                 'emoji', nullif(u.item #>> '{reaction,emoji}', ''), 'at', (u.item ->> 'timestamp')::bigint, 'wamid', u.item ->> 'id'))
       where (m.org_id, m.id) = (v_message.org_id, v_message.id)
         and (coalesce((m.reactions #>> array[coalesce(u.item ->> 'from_user_id', u.item ->> 'from', ''), 'at'])::bigint, 0),
              coalesce(m.reactions #>> array[coalesce(u.item ->> 'from_user_id', u.item ->> 'from', ''), 'wamid'], ''))
             < ((u.item ->> 'timestamp')::bigint, u.item ->> 'id');
    elsif u.item ->> 'type' = 'edit' then
      update public.messages m
         set edits = coalesce(m.edits, '{}') || jsonb_build_object(u.item ->> 'id', jsonb_build_object(
                       'at', (u.item ->> 'timestamp')::bigint, 'message', u.item #> '{edit,message}'))
       where (m.org_id, m.id) = (v_message.org_id, v_message.id);
      update public.messages m
         set text = (select private.inbound_text(e.value -> 'message') from jsonb_each(m.edits) e
                      order by (e.value ->> 'at')::bigint desc, e.key desc limit 1)
       where (m.org_id, m.id) = (v_message.org_id, v_message.id);
    else
      update public.messages m set revoked_at = least(m.revoked_at, u.at) where (m.org_id, m.id) = (v_message.org_id, v_message.id);
    end if;
    if u.item ->> 'type' <> 'reaction' then
      v_shown := coalesce(v_shown, '[]') || jsonb_build_object('org_id', v_message.org_id, 'id', v_message.conversation_id);
    end if;
  end loop;
  if v_shown is not null then
    perform private.settle_preview(s.org_id, s.id)
       from (select distinct x.org_id, x.id from jsonb_to_recordset(v_shown) x (org_id uuid, id uuid) order by 1, 2) s;
  end if;
end;
$$;
comment on function private.apply_changes is
  'Reactions (the latest of each person stands), edits (all versions kept, the newest shown) and revokes; those of unknown messages are parked. '
  'The inbox shows the newest message as it now is.';

create function private.lock_conversations(updates private.meta_update[]) returns void
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
begin
  perform from public.conversations c
   where (c.org_id, c.id) in (
     select m.org_id, m.conversation_id from unnest(updates) u
       join public.messages m on (m.org_id, m.wamid) = (u.org_id, private.change_target(u.item))
      where u.item ->> 'type' in ('edit', 'revoke')
     union select k.org_id, k.id from unnest(updates) u
       join public.conversations k on (k.org_id, k.number_id, k.contact_id) = (u.org_id, u.number_id, u.contact_id))
   order by c.org_id, c.id for no key update;
end;
$$;
comment on function private.lock_conversations is
  'Locks, in their order and before any message, the conversations that these messages, edits and revokes will change.';

create function private.join_referrals(one jsonb, other jsonb) returns jsonb
  language plpgsql immutable set search_path = ''
as $$
begin
  return (select jsonb_build_object('first', (array_agg(r order by (r ->> 'at')::bigint, r ->> 'wamid'))[1],
                                    'latest', (array_agg(r order by (r ->> 'at')::bigint desc, r ->> 'wamid' desc))[1])
            from unnest(array[one -> 'first', one -> 'latest', other -> 'first', other -> 'latest']) r
           where r is not null having count(*) > 0);
end;
$$;
comment on function private.join_referrals is 'The first and the latest ad of two accounts of them; null when there is none.';

create function private.note_referrals(messages private.meta_update[]) returns void
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  u private.meta_update;
  r jsonb;
begin
  for u in select x.* from unnest(messages) x where jsonb_typeof(x.item -> 'referral') = 'object' order by x.org_id, x.number_id, x.contact_id loop
    r := u.item -> 'referral' || jsonb_build_object('at', (u.item ->> 'timestamp')::bigint, 'wamid', u.item ->> 'id');
    update public.conversations c
       set referral = private.join_referrals(c.referral, jsonb_build_object('first', r, 'latest', r))
     where (c.org_id, c.number_id, c.contact_id) = (u.org_id, u.number_id, u.contact_id)
       and c.referral is distinct from private.join_referrals(c.referral, jsonb_build_object('first', r, 'latest', r));
  end loop;
end;
$$;
comment on function private.note_referrals is 'Notes on the conversations which ad or post brought the person: the first and the latest.';

create function private.apply_identity(u private.meta_update) returns void
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_new_wa   text := coalesce(u.item #>> '{system,wa_id}', u.item #>> '{system,new_wa_id}');
  v_new_user text := u.item #>> '{system,user_id}';
  v_contact  uuid := u.contact_id;
  v_old_user text;
  v_other    uuid;
begin
  if u.item #>> '{system,type}' not in ('user_changed_number', 'customer_changed_number', 'user_changed_user_id') then
    return;                                                -- an identity check; nothing to follow
  end if;
  if v_contact is null then
    v_old_user := substring(u.item #>> '{system,body}' from 'from ([A-Z]{2}\.[A-Za-z0-9.]+)');     -- the only place that may name it (whatsapp.md §6)
    select i.contact_id into v_contact from public.contact_identities i
     where i.org_id = u.org_id and i.kind = 'user_id' and i.value in (v_old_user, v_new_user)
     order by i.value = v_old_user desc limit 1;
    if v_contact is null and coalesce(v_old_user, v_new_user) is not null then
      insert into public.contacts (org_id, user_id) values (u.org_id, coalesce(v_old_user, v_new_user)) returning id into v_contact;
      insert into public.contact_identities (org_id, kind, value, contact_id) values (u.org_id, 'user_id', coalesce(v_old_user, v_new_user), v_contact);
    end if;
  end if;
  if v_contact is null then
    raise sqlstate 'PT422' using message = 'The update names nobody', detail = 'sender_missing';
  end if;
  perform from public.contacts c where c.org_id = u.org_id and c.id = v_contact for update;
  if not found then      -- merged away since it was found: the caller looks again, or the new ids would stay with somebody else
    raise foreign_key_violation using message = 'The contact has become one with another';
  end if;
  insert into public.contact_identities as i (org_id, kind, value, contact_id, changed_at)
  select u.org_id, k.kind, k.value, v_contact, k.at
    from (values ('wa_id', v_new_wa, u.at), ('user_id', v_new_user, u.at), ('user_id', v_old_user, null)) k (kind, value, at)
   where k.value is not null
   order by k.kind, k.value
  on conflict (org_id, kind, value) do update set changed_at = greatest(i.changed_at, excluded.changed_at);
  -- Whoever is already known by the new number or id is this person: their message was quicker than this news. So is who became
  -- known by the old id while the insert waited.
  for v_other in
    select i.contact_id from public.contact_identities i
     where i.org_id = u.org_id and i.contact_id <> v_contact
       and (i.kind, i.value) in (('wa_id', v_new_wa), ('user_id', v_new_user), ('user_id', v_old_user))
    union select p.contact_id from public.contact_points p where p.org_id = u.org_id and p.kind = 'phone' and p.value = '+' || v_new_wa and p.contact_id <> v_contact
     order by 1
  loop
    perform private.merge_contacts(u.org_id, v_contact, v_other);
    select i.contact_id into v_contact from public.contact_identities i
     where i.org_id = u.org_id and (i.kind, i.value) in (('wa_id', v_new_wa), ('user_id', v_new_user)) limit 1;
  end loop;
  perform private.settle_identity(u.org_id, v_contact);
end;
$$;
comment on function private.apply_identity is
  'A customer changed number or user id: the contact takes the new one, the old one keeps leading to it; who is already known by the new one is merged.';
