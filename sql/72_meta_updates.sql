-- 72_meta_updates.sql: what each update of a webhook changes. Set by set, in any order, any number of times, with one result.
-- Locks are taken in one order everywhere: contacts, lanes, conversations, messages.

------------------------------------------------------------------------------------------------
-- Who wrote
------------------------------------------------------------------------------------------------
create function private.find_senders(updates private.meta_update[]) returns private.meta_update[]
  language plpgsql stable security definer set search_path = ''
as $$
begin
  return (select array_agg(row (u.position, u.kind, u.field, u.waba_id, u.phone_number_id, u.item, u.profile, u.problem, u.org_id, u.number_id,
           u.number_status, u.at, coalesce(b.contact_id, w.contact_id))::private.meta_update order by u.position)
    from unnest(updates) u
    left join public.contact_identities b on (b.org_id, b.kind, b.value) = (u.org_id, 'user_id', u.item ->> 'from_user_id')
    left join public.contact_identities w on (w.org_id, w.kind, w.value) = (u.org_id, 'wa_id', u.item ->> 'from'));
end;
$$;
comment on function private.find_senders is 'The updates with the contact that their user id (BSUID), else their WhatsApp number, leads to.';

create function private.meet_senders(updates private.meta_update[]) returns private.meta_update[]
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_known private.meta_update[] := private.find_senders(updates);
  v_pair  record;
begin
  if exists (select from unnest(v_known) u where u.contact_id is null) then
    -- New to WhatsApp: they may be known by phone from a lead; else they are new to the organization.
    insert into public.contacts (org_id, wa_id, user_id, phone)
    select u.org_id, min(u.item ->> 'from'), min(u.item ->> 'from_user_id'),
           case when min(u.item ->> 'from') ~ '^[1-9][0-9]{6,14}$' then '+' || min(u.item ->> 'from') end
      from unnest(v_known) u
     where u.contact_id is null and coalesce(u.item ->> 'from', u.item ->> 'from_user_id') is not null
     group by u.org_id, coalesce(u.item ->> 'from', u.item ->> 'from_user_id')
     order by u.org_id, coalesce(u.item ->> 'from', u.item ->> 'from_user_id')
    on conflict do nothing;
    insert into public.contact_identities (org_id, kind, value, contact_id)
    select distinct on (u.org_id, u.item ->> 'from') u.org_id, 'wa_id', u.item ->> 'from', coalesce(c.id, p.id)
      from unnest(v_known) u
      left join public.contacts c on (c.org_id, c.wa_id) = (u.org_id, u.item ->> 'from')
      left join public.contacts p on (p.org_id, p.phone) = (u.org_id, '+' || (u.item ->> 'from'))
     where u.contact_id is null and coalesce(c.id, p.id) is not null
     order by u.org_id, u.item ->> 'from'
    on conflict (org_id, kind, value) do nothing;
    insert into public.contact_identities (org_id, kind, value, contact_id)
    select distinct on (u.org_id, u.item ->> 'from_user_id') u.org_id, 'user_id', u.item ->> 'from_user_id', c.id
      from unnest(v_known) u
      join public.contacts c on (c.org_id, c.user_id) = (u.org_id, u.item ->> 'from_user_id')
     where u.contact_id is null
     order by u.org_id, u.item ->> 'from_user_id'
    on conflict (org_id, kind, value) do nothing;
    v_known := private.find_senders(updates);
  end if;

  -- An id that came together with a known one leads to the same person from now on.
  if exists (select from unnest(v_known) u where u.contact_id is not null and (
       u.item ->> 'from' is not null and not exists (select from public.contact_identities i
         where (i.org_id, i.kind, i.value) = (u.org_id, 'wa_id', u.item ->> 'from'))
       or u.item ->> 'from_user_id' is not null and not exists (select from public.contact_identities i
         where (i.org_id, i.kind, i.value) = (u.org_id, 'user_id', u.item ->> 'from_user_id')))) then
    insert into public.contact_identities (org_id, kind, value, contact_id)
    select distinct on (u.org_id, k.kind, k.value) u.org_id, k.kind, k.value, u.contact_id
      from unnest(v_known) u
      cross join lateral (values ('wa_id', u.item ->> 'from'), ('user_id', u.item ->> 'from_user_id')) k (kind, value)
     where u.contact_id is not null and k.value is not null
     order by u.org_id, k.kind, k.value
    on conflict (org_id, kind, value) do nothing;
    perform private.settle_identity(k.org_id, k.contact_id)
       from (select distinct u.org_id, u.contact_id from unnest(v_known) u where u.contact_id is not null order by 1, 2) k
      where (select count(*) from public.contact_identities i where i.org_id = k.org_id and i.contact_id = k.contact_id) > 2;
  end if;

  -- An event that carries two ids, known apart until now: both are one person.
  loop
    select u.org_id, u.contact_id, o.contact_id as other into v_pair
      from unnest(v_known) u
      cross join lateral (
        select i.contact_id from public.contact_identities i
         where (i.org_id, i.kind, i.value) = (u.org_id, 'wa_id', u.item ->> 'from') and i.contact_id <> u.contact_id
        union all
        select c.id from public.contacts c where (c.org_id, c.phone) = (u.org_id, '+' || (u.item ->> 'from')) and c.id <> u.contact_id
           -- Unless it is a former number of the sender: then somebody else may have it by now.
           and not exists (select from public.contact_identities n where n.org_id = u.org_id and n.contact_id = u.contact_id
                              and n.kind = 'wa_id' and n.changed_at is not null and n.value <> u.item ->> 'from')) o
     order by u.org_id, u.contact_id, o.contact_id limit 1;
    exit when not found;
    perform private.merge_contacts(v_pair.org_id, v_pair.contact_id, v_pair.other);
    v_known := private.find_senders(updates);
  end loop;

  -- Missing ids, and the newest profile name where WhatsApp is the only one who gave a name.
  update public.contacts c
     set wa_id = coalesce(c.wa_id, s.wa_id), user_id = coalesce(c.user_id, s.user_id), phone = coalesce(c.phone, s.phone),
         country = coalesce(c.country, substring(coalesce(c.user_id, s.user_id) from '^([A-Z]{2})\.')),
         name = case when s.name is not null and (c.name is null or c.name_at < s.at or c.name_at = s.at and c.name < s.name) then s.name else c.name end,
         name_at = case when s.name is not null and (c.name is null or c.name_at < s.at or c.name_at = s.at and c.name < s.name) then s.at else c.name_at end
    from (select u.org_id, u.contact_id, min(u.item ->> 'from') as wa_id, min(u.item ->> 'from_user_id') as user_id,
                 case when min(u.item ->> 'from') ~ '^[1-9][0-9]{6,14}$' then '+' || min(u.item ->> 'from') end as phone,
                 (array_agg(left(u.profile #>> '{profile,name}', 200) order by u.at desc, u.profile #>> '{profile,name}' desc)
                    filter (where btrim(u.profile #>> '{profile,name}') <> ''))[1] as name,
                 max(u.at) filter (where btrim(u.profile #>> '{profile,name}') <> '') as at
            from unnest(v_known) u where u.contact_id is not null group by 1, 2) s
   where (c.org_id, c.id) = (s.org_id, s.contact_id)
     and (s.name is not null and (c.name is null or c.name_at < s.at or c.name_at = s.at and c.name < s.name)
       or c.wa_id is null and s.wa_id is not null or c.user_id is null and s.user_id is not null
       or c.phone is null and s.phone is not null
       or c.country is null and s.user_id is not null);
  return v_known;
end;
$$;
comment on function private.meet_senders is
  'Finds the contact of each inbound update by user id (BSUID), else WhatsApp number, else phone; makes the unknown, merges those who turn '
  'out to be one, notes new ids and newer profile names.';

create function private.settle_preview(org_id uuid, conversation_id uuid) returns void
  language sql volatile security definer set search_path = ''
as $$
  update public.conversations c set last_message_text = n.words
    from (select left(coalesce(m.text, m.kind), 160) as words from public.messages m
           where m.org_id = settle_preview.org_id and m.conversation_id = settle_preview.conversation_id
           order by m.at desc, m.wamid desc nulls first limit 1) n
   where c.org_id = settle_preview.org_id and c.id = settle_preview.conversation_id and c.last_message_text is distinct from n.words
$$;
comment on function private.settle_preview is 'Sets what the inbox shows of a conversation from its newest message.';

create function private.inbound_text(item jsonb) returns text
  language plpgsql immutable set search_path = ''
as $$      -- plpgsql: its plan is kept, that of an SQL function is made anew for each caller
begin
  return (select left(case item ->> 'type'
    when 'text' then item #>> '{text,body}'
    when 'button' then item #>> '{button,text}'
    when 'interactive' then coalesce(item #>> '{interactive,button_reply,title}', item #>> '{interactive,list_reply,title}', item #>> '{interactive,nfm_reply,body}')
    when 'document' then coalesce(item #>> '{document,caption}', item #>> '{document,filename}')
    when 'location' then concat_ws(', ', item #>> '{location,name}', item #>> '{location,address}')
    when 'contacts' then item #>> '{contacts,0,name,formatted_name}'
    else item #>> array[item ->> 'type', 'caption']
  end, 65536));
end;
$$;
comment on function private.inbound_text is 'The words of an inbound message: its text, caption, button or name; null when it has none.';

------------------------------------------------------------------------------------------------
-- Statuses
------------------------------------------------------------------------------------------------
create function private.apply_statuses(statuses private.meta_update[], park boolean) returns int
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_orgs   uuid[];
  v_ids    bigint[];
  v_at     bigint[];
  v_round  int := 0;
  v_failed record;
begin
  loop
    select array_agg(x.org_id), array_agg(x.id), array_agg(x.position) into v_orgs, v_ids, v_at from (
      select u.org_id, coalesce(w.id, o.id) as id, u.position from unnest(statuses) u
        left join public.messages w on (w.org_id, w.wamid) = (u.org_id, u.item ->> 'id')
        left join public.messages o on w.id is null and (o.org_id, o.id)
             = (u.org_id, substring(u.item ->> 'biz_opaque_callback_data' from '^flow\.([0-9]{1,18})$')::bigint)
             and o.direction = 'outbound' and (o.wamid is null or o.wamid = u.item ->> 'id')
       where coalesce(w.id, o.id) is not null) x;
    exit when v_round > 0 or not park or not exists (select from unnest(statuses) u where u.position <> all (coalesce(v_at, '{}')));
    -- Not ours, or not ours yet: kept until its wamid appears. Looked up once more afterwards: it may have appeared meanwhile.
    insert into private.parked_updates (org_id, wamid, digest, kind, item)
    select distinct on (u.position) u.org_id, u.item ->> 'id', sha256(convert_to(u.item::text, 'UTF8')), 'status', u.item
      from unnest(statuses) u where u.position <> all (coalesce(v_at, '{}'))
     order by u.position, u.number_status = 'disconnected'
    on conflict do nothing;
    v_round := 1;
  end loop;
  if v_ids is null then
    return 0;
  end if;

  perform from private.send_lanes l
   where (l.org_id, l.conversation_id) in (
     select m.org_id, m.conversation_id from unnest(v_orgs, v_ids) k (org_id, id)
       join public.messages m on (m.org_id, m.id) = (k.org_id, k.id) where m.status in ('uncertain', 'queued', 'sending'))
   order by l.org_id, l.conversation_id for update;

  perform from public.messages m
   where (m.org_id, m.id) in (select k.org_id, k.id from unnest(v_orgs, v_ids) k (org_id, id))
   order by m.org_id, m.id for no key update;

  -- Failures that are new: what they mean for the number, the account, the template, the person.
  for v_failed in
    select distinct on (m.org_id, m.id) m.org_id, m.id, m.conversation_id, m.contact_id, m.body, c.number_id, u.at,
           private.meta_error_rule(case when u.item #>> '{errors,0,code}' ~ '^[0-9]{1,9}$' then (u.item #>> '{errors,0,code}')::int end, null) as rule
      from unnest(v_orgs, v_ids, v_at) k (org_id, id, position)
      join unnest(statuses) u on u.position = k.position and u.org_id = k.org_id
      join public.messages m on (m.org_id, m.id) = (k.org_id, k.id)
      join public.conversations c on (c.org_id, c.id) = (m.org_id, m.conversation_id)
     where u.item ->> 'status' = 'failed' and (m.failed_at is null or m.error_code = 0)
     order by m.org_id, m.id, u.at
  loop
    perform private.apply_error(v_failed.org_id, v_failed.number_id, v_failed.conversation_id, v_failed.contact_id, v_failed.id,
                                v_failed.rule, v_failed.body, v_failed.at);
  end loop;

  with said as (
    select k.org_id, k.id, max(u.item ->> 'id') as wamid,
           min(u.at) filter (where u.item ->> 'status' = 'sent') as sent_at,
           min(u.at) filter (where u.item ->> 'status' = 'delivered') as delivered_at,
           min(u.at) filter (where u.item ->> 'status' in ('read', 'played')) as read_at,
           min(u.at) filter (where u.item ->> 'status' = 'played') as played_at,
           min(u.at) filter (where u.item ->> 'status' = 'failed') as failed_at,
           (array_agg(u.item #> '{errors,0}' order by u.at) filter (where u.item ->> 'status' = 'failed'))[1] as error,
           jsonb_object_agg(u.item ->> 'status', u.item -> 'pricing') filter (where jsonb_typeof(u.item -> 'pricing') = 'object') as pricing
      from unnest(v_orgs, v_ids, v_at) k (org_id, id, position)
      join unnest(statuses) u on u.position = k.position and u.org_id = k.org_id
     where u.item ->> 'status' in ('sent', 'delivered', 'read', 'played', 'failed')
     group by 1, 2)
  update public.messages m
     set wamid = coalesce(m.wamid, s.wamid),
         sent_at = least(m.sent_at, s.sent_at), delivered_at = least(m.delivered_at, s.delivered_at),
         read_at = least(m.read_at, s.read_at), played_at = least(m.played_at, s.played_at), failed_at = least(o.failed_at, s.failed_at),
         -- The status follows from the instants alone, so their order of arrival cannot matter.
         status = case when coalesce(m.read_at, s.read_at) is not null then 'read'
                       when coalesce(m.delivered_at, s.delivered_at) is not null then 'delivered'
                       when coalesce(o.failed_at, s.failed_at) is not null then 'failed' else 'sent' end,
         -- The first failure is the one that is told.
         error_code = case when o.failed_at is null and s.failed_at is null then null
                           when s.failed_at >= o.failed_at or s.failed_at is null then m.error_code
                           when s.error ->> 'code' ~ '^[0-9]{1,9}$' then (s.error ->> 'code')::int end,
         error_message = case when o.failed_at is null and s.failed_at is null then null
                              when s.failed_at >= o.failed_at or s.failed_at is null then m.error_message
                              else coalesce((select r.words from private.meta_error_codes r
                                       where r.code = case when s.error ->> 'code' ~ '^[0-9]{1,9}$' then (s.error ->> 'code')::int end),
                                     s.error #>> '{error_data,details}', s.error ->> 'title', 'WhatsApp did not deliver it') end,
         pricing = case when s.pricing is null then m.pricing else coalesce(m.pricing, '{}') || s.pricing end,
         settle_at = null, needs_attention = false
    from said s
    -- A failure of Flow's own making (it gave up) does not stand against a word of Meta's.
    join lateral (select case when x.error_code is distinct from 0 then x.failed_at end as failed_at from public.messages x
                   where (x.org_id, x.id) = (s.org_id, s.id)) o on true
   where (m.org_id, m.id) = (s.org_id, s.id);
  perform private.close_window(c.org_id, c.conversation_id)
     from (select distinct m.org_id, m.conversation_id from unnest(v_orgs, v_ids) k (org_id, id)
             join public.messages m on (m.org_id, m.id) = (k.org_id, k.id) where m.error_code = 131047
            order by 1, 2) c;

  -- Settled, whoever was sending it: the lane goes on with the next one.
  update private.send_lanes l
     set message_id = null, lease = null,
         next_at = case when exists (select from public.messages q where q.org_id = l.org_id and q.conversation_id = l.conversation_id
                                        and q.status = 'queued') then now() end
    from unnest(v_orgs, v_ids) k (org_id, id)
   where l.org_id = k.org_id and l.message_id = k.id
     and l.conversation_id = (select m.conversation_id from public.messages m where (m.org_id, m.id) = (k.org_id, k.id)
                                 and m.status not in ('queued', 'sending', 'uncertain'));
  return cardinality(v_ids);
end;
$$;
comment on function private.apply_statuses is
  'Applies statuses to their messages, found by wamid or by our own callback data; those of unknown messages are parked. Instants are the '
  'earliest seen, the status follows from them, so duplicates and disorder change nothing. A trace of an uncertain message settles it.';

create function private.apply_parked(wamids text[], orgs uuid[]) returns int
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_updates private.meta_update[];
begin
  if wamids is null or not exists (select from private.parked_updates p where p.org_id = any (orgs) and p.wamid = any (wamids)) then
    return 0;
  end if;
  with taken as (
    delete from private.parked_updates p where p.org_id = any (orgs) and p.wamid = any (wamids)
    returning p.org_id, p.kind, p.item)
  select array_agg(row (t.n, t.kind, 'messages', null, null, t.item, null, null, t.org_id, null, null,
                        to_timestamp((t.item ->> 'timestamp')::bigint), null)::private.meta_update order by t.n) into v_updates
    from (select row_number() over () as n, taken.* from taken) t;
  perform private.apply_changes((select array_agg(u) from unnest(v_updates) u where u.kind = 'change'));
  perform private.apply_statuses((select array_agg(u) from unnest(v_updates) u where u.kind = 'status'), false);
  return cardinality(v_updates);
end;
$$;
comment on function private.apply_parked is 'Applies what had come before the messages with these wamids were known. Returns how many.';

------------------------------------------------------------------------------------------------
-- Reactions, edits, revokes, changed identities
------------------------------------------------------------------------------------------------
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
  end loop;
end;
$$;
comment on function private.apply_changes is
  'Reactions (the latest of each person stands), edits (all versions kept, the newest shown) and revokes; those of unknown messages are parked.';

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
  insert into public.contact_identities as i (org_id, kind, value, contact_id, changed_at)
  select u.org_id, k.kind, k.value, v_contact, k.at
    from (values ('wa_id', v_new_wa, u.at), ('user_id', v_new_user, u.at), ('user_id', v_old_user, null)) k (kind, value, at)
   where k.value is not null
   order by k.kind, k.value
  on conflict (org_id, kind, value) do update set changed_at = greatest(i.changed_at, excluded.changed_at);
  -- Whoever is already known by the new number or id is this person: their message was quicker than this news.
  for v_other in
    select i.contact_id from public.contact_identities i
     where i.org_id = u.org_id and (i.kind, i.value) in (('wa_id', v_new_wa), ('user_id', v_new_user)) and i.contact_id <> v_contact
    union select c.id from public.contacts c where c.org_id = u.org_id and c.phone = '+' || v_new_wa and c.id <> v_contact
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

------------------------------------------------------------------------------------------------
-- All together
------------------------------------------------------------------------------------------------
create function private.apply_updates(messages private.meta_update[], statuses private.meta_update[]) returns void
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_messages private.meta_update[];
  v_new      jsonb;
  u          private.meta_update;
begin
  if cardinality(messages) > 0 then
    v_messages := private.meet_senders(messages);
    if exists (select from unnest(v_messages) u where u.contact_id is null and u.item ->> 'type' is distinct from 'system') then
      raise sqlstate 'PT422' using message = 'The message names no sender', detail = 'sender_missing';
    end if;
    if exists (select from unnest(v_messages) u where u.item ->> 'type' = 'system') then
      for u in select x.* from unnest(v_messages) x where x.item ->> 'type' = 'system' order by x.at, x.position loop
        perform private.apply_identity((private.find_senders(array[u]))[1]);
      end loop;
      v_messages := private.find_senders(v_messages);      -- some may have become one
    end if;
  end if;
  if cardinality(statuses) > 0 then
    perform private.apply_statuses(statuses, true);
  end if;
  if cardinality(messages) = 0 then
    return;
  end if;

  insert into public.conversations (org_id, number_id, contact_id)
  select distinct u.org_id, u.number_id, u.contact_id from unnest(v_messages) u
   where coalesce(u.item ->> 'type', 'unknown') not in ('reaction', 'edit', 'revoke', 'system')
     and not exists (select from public.conversations c where (c.org_id, c.number_id, c.contact_id) = (u.org_id, u.number_id, u.contact_id))
   order by 1, 2, 3
  on conflict on constraint conversation_is_unique_per_number_and_contact do nothing;

  with threads as materialized (
    select c.org_id, c.id, c.number_id, c.contact_id from public.conversations c
     where (c.org_id, c.number_id, c.contact_id) in (select x.org_id, x.number_id, x.contact_id from unnest(v_messages) x
              where coalesce(x.item ->> 'type', 'unknown') not in ('reaction', 'edit', 'revoke', 'system'))
     order by c.org_id, c.id for no key update
  ), added as (
    insert into public.messages (org_id, conversation_id, contact_id, direction, kind, body, text, status, wamid, context_wamid, origin, at)
    select u.org_id, t.id, u.contact_id, 'inbound', left(coalesce(u.item ->> 'type', 'unknown'), 64), u.item, private.inbound_text(u.item), 'received',
           u.item ->> 'id', u.item #>> '{context,id}', 'customer', u.at
      from unnest(v_messages) u
      join threads t on (t.org_id, t.number_id, t.contact_id) = (u.org_id, u.number_id, u.contact_id)
     where coalesce(u.item ->> 'type', 'unknown') not in ('reaction', 'edit', 'revoke', 'system')
     order by u.org_id, u.item ->> 'id'
    on conflict (org_id, wamid) where wamid is not null do nothing
    returning org_id, id, conversation_id, contact_id, wamid, at, text, kind
  ), counted as (
    select a.org_id, a.conversation_id, count(*) as n, max(a.at) as last_at,
           (array_agg(left(coalesce(a.text, a.kind), 160) order by a.at desc, a.wamid desc))[1] as last_text,
           (array_agg(a.wamid order by a.at desc, a.wamid desc))[1] as last_wamid
      from added a group by 1, 2
  ), told as (
    -- Only rows that are new count, so a repeat changes nothing.
    update public.conversations c
       set unread_count = c.unread_count + k.n, status = 'open',
           window_expires_at = greatest(c.window_expires_at, k.last_at + interval '24 hours'),
           last_message_text = case when k.last_at > c.last_message_at
                                      or k.last_at = c.last_message_at and not exists (
                                           select from public.messages e where e.org_id = c.org_id and e.conversation_id = c.id
                                              and e.at = k.last_at and e.wamid > k.last_wamid)
                                    then k.last_text else c.last_message_text end,
           last_message_at = greatest(c.last_message_at, k.last_at)
      from counted k where (c.org_id, c.id) = (k.org_id, k.conversation_id)
  )
  select jsonb_agg(jsonb_build_object('org_id', a.org_id, 'wamid', a.wamid, 'conversation_id', a.conversation_id, 'contact_id', a.contact_id, 'at', a.at,
                                      'text', case when a.kind in ('text', 'button') and length(a.text) <= 64 then a.text end)) into v_new
    from added a;

  perform private.apply_changes((select array_agg(x order by x.at, x.position) from unnest(v_messages) x
                                  where x.item ->> 'type' in ('reaction', 'edit', 'revoke')));
  if v_new is not null then
    perform private.close_window(n.org_id, n.conversation_id)
       from (select distinct x.org_id, x.conversation_id from jsonb_to_recordset(v_new) x (org_id uuid, conversation_id uuid) order by 1, 2) n
      where exists (select from public.messages m where m.org_id = n.org_id and m.conversation_id = n.conversation_id and m.error_code = 131047);
    perform private.record_consent(n.org_id, n.contact_id, n.at, private.consent_word(n.text), 'inbound', jsonb_build_object('text', n.text), n.wamid)
       from jsonb_to_recordset(v_new) n (org_id uuid, wamid text, contact_id uuid, at timestamptz, text text)
      where n.text is not null and private.consent_word(n.text) is not null;
    perform private.apply_parked((select array_agg(n ->> 'wamid') from jsonb_array_elements(v_new) n),
                                 (select array_agg(distinct (n ->> 'org_id')::uuid) from jsonb_array_elements(v_new) n));
  end if;
end;
$$;
comment on function private.apply_updates is 'Applies routed messages and statuses as one set; raises on the first that cannot be applied.';

create function private.apply_fields(event_id bigint, fields private.meta_update[]) returns int
  language plpgsql volatile security definer set search_path = ''
as $$
declare
  u       private.meta_update;
  v_value jsonb;
  v_dead  int := 0;
begin
  foreach u in array fields loop
    v_value := u.item -> 'value';
    if u.field = 'message_template_status_update' then
      update public.message_templates t
         set status = upper(coalesce(v_value ->> 'event', t.status)), rejected_reason = nullif(v_value ->> 'reason', 'NONE'), blocked_reason = null
        from public.whatsapp_accounts a
       where a.waba_id = u.waba_id and a.status <> 'disconnected' and (t.org_id, t.account_id) = (a.org_id, a.id)
         and t.name = v_value ->> 'message_template_name' and t.language = v_value ->> 'message_template_language';
    elsif u.field not in ('messages', 'template_category_update', 'message_template_quality_update', 'message_template_components_update',
        'account_update', 'account_review_update', 'account_alerts', 'account_settings_update', 'business_status_update', 'partner_solutions',
        'phone_number_quality_update', 'phone_number_name_update', 'business_capability_update', 'business_username_updates', 'security',
        'user_preferences', 'history', 'smb_message_echoes', 'smb_app_state_sync', 'messaging_handovers', 'standby', 'calls', 'flows',
        'automatic_events', 'tracking_events', 'payment_configuration_update')
        and u.field !~ '^group_' then
      insert into private.dead_letters (event_id, reason, detail, item)
      values (apply_fields.event_id, 'unknown_field', left(u.field, 200), u.item);
      v_dead := v_dead + 1;
    end if;                                    -- the others are known: their event is stored, and they change nothing of messages
  end loop;
  return v_dead;
end;
$$;
comment on function private.apply_fields is
  'Fields other than messages: a template''s status is set, the rest of Meta''s list is kept as stored; an unknown field is a dead letter. Returns how many died.';
