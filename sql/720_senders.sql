-- 720_senders.sql: who wrote: the contact behind each inbound update, made or found, under whatever id.

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

create function private.hold_senders(updates private.meta_update[]) returns private.meta_update[]
  language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_known private.meta_update[] := updates;
  v_held  int;
begin
  loop
    -- A merge waits for this lock; who was merged away before it was had is looked for again.
    perform from public.contacts c
     where (c.org_id, c.id) in (select u.org_id, u.contact_id from unnest(v_known) u)
     order by c.org_id, c.id for no key update;
    get diagnostics v_held = row_count;
    exit when v_held = (select count(distinct (u.org_id, u.contact_id)) from unnest(v_known) u where u.contact_id is not null);
    v_known := private.find_senders(updates);
  end loop;
  return v_known;
end;
$$;
comment on function private.hold_senders is
  'The updates with their contacts, which are held until the transaction ends: nobody merges them away while something of theirs is stored.';

create function private.meet_senders(updates private.meta_update[]) returns private.meta_update[]
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_known private.meta_update[] := private.find_senders(updates);
  v_pair  record;
  v_made  jsonb;
begin
  if exists (select from unnest(v_known) u where u.contact_id is null) then
    v_known := private.without_suppressed(v_known);
    -- New to WhatsApp: they may be known by phone from a lead; else they are new to the organization.
    with made as (
      insert into public.contacts (org_id, wa_id, user_id, phone)
      select u.org_id, min(u.item ->> 'from'), min(u.item ->> 'from_user_id'),
             case when min(u.item ->> 'from') ~ '^[1-9][0-9]{6,14}$' then '+' || min(u.item ->> 'from') end
        from unnest(v_known) u
       where u.contact_id is null and coalesce(u.item ->> 'from', u.item ->> 'from_user_id') is not null
         and not exists (select from public.contact_points p where p.org_id = u.org_id and p.kind = 'phone' and p.value = '+' || (u.item ->> 'from'))
       group by u.org_id, coalesce(u.item ->> 'from', u.item ->> 'from_user_id')
       order by u.org_id, coalesce(u.item ->> 'from', u.item ->> 'from_user_id')
      on conflict do nothing
      returning org_id, id
    )
    select jsonb_agg(jsonb_build_object('org_id', m.org_id, 'id', m.id)) into v_made from made m;
    insert into public.contact_identities (org_id, kind, value, contact_id)
    select distinct on (u.org_id, u.item ->> 'from') u.org_id, 'wa_id', u.item ->> 'from', coalesce(c.id, p.contact_id)
      from unnest(v_known) u
      left join public.contacts c on (c.org_id, c.wa_id) = (u.org_id, u.item ->> 'from')
      left join public.contact_points p on p.kind = 'phone' and (p.org_id, p.value) = (u.org_id, '+' || (u.item ->> 'from'))
     where u.contact_id is null and coalesce(c.id, p.contact_id) is not null
     order by u.org_id, u.item ->> 'from'
    on conflict (org_id, kind, value) do nothing;
    insert into public.contact_identities (org_id, kind, value, contact_id)
    select distinct on (u.org_id, u.item ->> 'from_user_id') u.org_id, 'user_id', u.item ->> 'from_user_id', c.id
      from unnest(v_known) u
      join public.contacts c on (c.org_id, c.user_id) = (u.org_id, u.item ->> 'from_user_id')
     where u.contact_id is null
     order by u.org_id, u.item ->> 'from_user_id'
    on conflict (org_id, kind, value) do nothing;
    if v_made is not null then
      -- Another post may have met them at the same moment and told that they changed since: then their ids, now former ones,
      -- lead to its contact, which has taken the new ones and so did not stand in the way of this one. Nobody leads here: it goes.
      delete from public.contacts c using jsonb_to_recordset(v_made) m (org_id uuid, id uuid)
       where (c.org_id, c.id) = (m.org_id, m.id)
         and not exists (select from public.contact_identities i where (i.org_id, i.contact_id) = (m.org_id, m.id));
    end if;
    v_known := private.find_senders(v_known);
  end if;
  v_known := private.hold_senders(v_known);

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
        select p.contact_id from public.contact_points p
         where p.kind = 'phone' and (p.org_id, p.value) = (u.org_id, '+' || (u.item ->> 'from')) and p.contact_id <> u.contact_id
           -- Unless it is a former number of the sender: then somebody else may have it by now.
           and not exists (select from public.contact_identities n where n.org_id = u.org_id and n.contact_id = u.contact_id
                              and n.kind = 'wa_id' and n.changed_at is not null and n.value <> u.item ->> 'from')) o
     order by u.org_id, u.contact_id, o.contact_id limit 1;
    exit when not found;
    perform private.merge_contacts(v_pair.org_id, v_pair.contact_id, v_pair.other);
    v_known := private.find_senders(v_known);
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

  if exists (select from unnest(v_known) u where u.profile #> '{profile,username}' is not null or u.item ? 'from_parent_user_id') then
    update public.contacts c
       set username = case when s.at > coalesce(c.username_at, '-infinity') or s.at = c.username_at and s.username > c.username then s.username else c.username end,
           username_at = greatest(c.username_at, s.at),
           parent_user_id = greatest(c.parent_user_id, s.parent)
      from (select u.org_id, u.contact_id, max(u.at) filter (where u.profile #>> '{profile,username}' <> '') as at,
                   (array_agg(left(u.profile #>> '{profile,username}', 200) order by u.at desc, u.profile #>> '{profile,username}' desc)
                      filter (where u.profile #>> '{profile,username}' <> ''))[1] as username,
                   max(left(u.item ->> 'from_parent_user_id', 160)) as parent
              from unnest(v_known) u where u.contact_id is not null group by 1, 2) s
     where (c.org_id, c.id) = (s.org_id, s.contact_id)
       and (s.at > coalesce(c.username_at, '-infinity') or s.at = c.username_at and s.username > c.username
         or s.parent > coalesce(c.parent_user_id, ''));
  end if;
  return v_known;
end;
$$;
comment on function private.meet_senders is
  'Finds the contact of each inbound update by user id (BSUID), else WhatsApp number, else phone; makes the unknown, merges those who turn '
  'out to be one, notes new ids, newer profile names and usernames.';

create function private.settle_preview(org_id uuid, conversation_id uuid) returns void
  language plpgsql volatile security definer set search_path = ''
as $$
begin
  update public.conversations c set last_message_text = n.words
    from (select case when m.revoked_at is not null then 'This message was deleted' else left(coalesce(m.text, m.kind), 160) end as words
            from public.messages m
           where m.org_id = settle_preview.org_id and m.conversation_id = settle_preview.conversation_id
           order by m.at desc, m.wamid desc nulls first limit 1) n
   where c.org_id = settle_preview.org_id and c.id = settle_preview.conversation_id and c.last_message_text is distinct from n.words;
end;
$$;
comment on function private.settle_preview is 'Sets what the inbox shows of a conversation from its newest message, as it was last edited or deleted.';

create function private.inbound_text(item jsonb) returns text
  language plpgsql immutable set search_path = ''
as $$      -- plpgsql: its plan is kept, that of an SQL function is made anew for each caller
declare
  v_kind  text := item ->> 'type';
  v_words text;
begin
  case v_kind
  when 'text' then
    v_words := item #>> '{text,body}';
  when 'image', 'video', 'audio', 'sticker' then
    v_words := item #>> array[v_kind, 'caption'];
  when 'document' then
    v_words := coalesce(item #>> '{document,caption}', item #>> '{document,filename}');
  when 'button' then
    v_words := item #>> '{button,text}';
  when 'interactive' then
    v_words := coalesce(item #>> '{interactive,button_reply,title}', item #>> '{interactive,list_reply,title}', item #>> '{interactive,nfm_reply,body}',
                        item #>> '{interactive,body,text}', case when item #> '{interactive,nfm_reply}' is not null then 'Filled in a form' end);
  when 'location' then
    v_words := coalesce(nullif(concat_ws(', ', item #>> '{location,name}', item #>> '{location,address}'), ''),
                        (item #>> '{location,latitude}') || ', ' || (item #>> '{location,longitude}'));
  when 'contacts' then
    v_words := item #>> '{contacts,0,name,formatted_name}';
    if v_words is not null and jsonb_array_length(item -> 'contacts') > 1 then
      v_words := v_words || ' and ' || jsonb_array_length(item -> 'contacts') - 1 || ' more';
    end if;
  when 'order' then
    v_words := private.order_text(item -> 'order');
  when 'template' then
    v_words := 'Template ' || (item #>> '{template,name}');
  when 'media_placeholder' then
    v_words := 'A file that stayed on the phone';
  when 'unsupported' then
    v_words := 'WhatsApp does not pass on this kind of message' || coalesce(' (' || left(item #>> '{unsupported,type}', 64) || ')', '');
  else
    v_words := case when v_kind is null then 'A message of an unknown kind'
                    else 'A message of a kind that Flow does not know (' || left(v_kind, 64) || ')' end;
  end case;
  if v_words is null and jsonb_typeof(item -> 'errors') = 'array' and jsonb_array_length(item -> 'errors') > 0 then
    v_words := 'WhatsApp could not pass on this message' || coalesce(': ' || coalesce(item #>> '{errors,0,error_data,details}', item #>> '{errors,0,title}'), '');
  end if;
  return left(v_words, 65536);
end;
$$;
comment on function private.inbound_text is
  'The words of a message: its text, caption, button, name or order; a placeholder for what cannot be shown; null for a file without words.';

create function private.order_text(given jsonb) returns text
  language plpgsql immutable set search_path = ''
as $$
declare
  v_items text;
begin
  if jsonb_typeof(given -> 'product_items') = 'array' then
    select string_agg(concat_ws(' × ', i ->> 'quantity', i ->> 'product_retailer_id'), ', ' order by n) into v_items
      from jsonb_array_elements(given -> 'product_items') with ordinality u (i, n);
  end if;
  return 'Order' || coalesce(': ' || nullif(v_items, ''), '') || coalesce('. ' || nullif(btrim(given ->> 'text'), ''), '');
end;
$$;
comment on function private.order_text is 'An order in words: what was ordered, and the note that came with it.';
