-- 730_statuses.sql: what Meta says became of our messages, in any order, any number of times, with one result.

create function private.join_notes(one jsonb, other jsonb) returns jsonb
  language plpgsql immutable set search_path = ''
as $$
begin
  return (select jsonb_object_agg(k.word, k.note) from (
    select distinct on (n.key) n.key as word, n.value as note
      from (select * from jsonb_each(coalesce(one, '{}')) union all select * from jsonb_each(coalesce(other, '{}'))) n
     order by n.key, (n.value ->> 'at')::bigint, n.value) k);
end;
$$;
comment on function private.join_notes is 'Two sets of notes as one: of each word the earliest.';

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
    select p.* from (
      select distinct on (u.position) u.org_id, u.item ->> 'id' as wamid, sha256(convert_to(u.item::text, 'UTF8')) as digest, 'status', u.item
        from unnest(statuses) u where u.position <> all (coalesce(v_at, '{}'))
       order by u.position, u.number_status = 'disconnected') p
     order by p.org_id, p.wamid, p.digest          -- in one order, whatever the order in the post
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

  -- What is no status, and every failure: noted, the earliest of each word.
  if exists (select from unnest(statuses) u where coalesce(u.item ->> 'status', '') not in ('sent', 'delivered', 'read', 'played')) then
    update public.messages m set status_notes = private.join_notes(m.status_notes, n.notes)
      from (select f.org_id, f.id, jsonb_object_agg(f.word, f.note) as notes
              from (select distinct on (k.org_id, k.id, w.word) k.org_id, k.id, w.word,
                           jsonb_strip_nulls(jsonb_build_object('at', (u.item ->> 'timestamp')::bigint, 'errors', u.item -> 'errors')) as note
                      from unnest(v_orgs, v_ids, v_at) k (org_id, id, position)
                      join unnest(statuses) u on u.position = k.position and u.org_id = k.org_id
                     cross join lateral (select left(coalesce(u.item ->> 'status', 'none'), 64) as word) w
                     where w.word not in ('sent', 'delivered', 'read', 'played')
                     order by k.org_id, k.id, w.word, u.at, u.item -> 'errors') f
             group by 1, 2) n
     where (m.org_id, m.id) = (n.org_id, n.id) and m.status_notes is distinct from private.join_notes(m.status_notes, n.notes);
  end if;

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
         next_at = case when private.has_queued(l.org_id, l.conversation_id) then now() end
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
