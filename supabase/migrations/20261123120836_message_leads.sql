-- 836_message_leads.sql: a first message from somebody unknown is a lead, if the organization wants that.

create type private.first_message as (
  org_id uuid, contact_id uuid, message_id bigint, wamid text, at timestamptz, text text, phone text, referral jsonb
);
comment on type private.first_message is 'What somebody wrote first, of the messages that were just stored.';

create function private.make_message_leads(heard jsonb) returns void
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_first private.first_message[];
  v_org   uuid;
begin
  with heard as materialized (
    select m.org_id, m.contact_id, count(*) as many, min(m.at) as at, (array_agg(m.id order by m.at, m.wamid))[1] as first_id
      from jsonb_to_recordset(make_message_leads.heard) x (org_id uuid, wamid text)
      join public.messages m on (m.org_id, m.wamid) = (x.org_id, x.wamid)
     group by 1, 2
  ), unknown as materialized (
    -- Known are most: by a lead of another source, or by one that somebody works on or that is of an earlier message.
    select h.*, l.id as lead_id from heard h
      left join lateral (
        select k.id, k.source_kind, k.received_at, k.version from public.leads k
         where k.org_id = h.org_id and k.contact_id = h.contact_id
         order by k.source_kind = 'whatsapp', k.version desc, k.received_at limit 1) l on true
     where l.id is null or l.source_kind = 'whatsapp' and l.version = 1 and l.received_at > h.at
  )
  select array_agg(row (m.org_id, m.contact_id, m.id, m.wamid, m.at, m.text, c.phone, r.referral)::private.first_message order by m.org_id, m.contact_id)
    into v_first
    from unknown u
    join public.messages m on (m.org_id, m.id) = (u.org_id, u.first_id)
    join public.contacts c on (c.org_id, c.id) = (u.org_id, u.contact_id)
    left join public.messaging_settings s on s.org_id = u.org_id
   cross join lateral (select case when jsonb_typeof(m.body -> 'referral') = 'object' then m.body -> 'referral' end as referral) r
   where (s.leads_from is null or s.leads_from = 'everyone' or s.leads_from = 'ads' and r.referral is not null)
     -- Known too: anything that was written between us before, which is more messages than have just come.
     and (u.lead_id is not null
       or (select count(*) from (select from public.messages o where o.contact_id = u.contact_id and o.org_id = u.org_id limit u.many + 1) o) <= u.many);
  if v_first is null then
    return;
  end if;
  update public.leads l
     set received_at = f.at, message = f.text, title = left(f.referral ->> 'headline', 500),
         raw = jsonb_strip_nulls(jsonb_build_object('wamid', f.wamid, 'referral', f.referral))
    from unnest(v_first) f
   where l.org_id = f.org_id and l.contact_id = f.contact_id;
  for v_org in select distinct f.org_id from unnest(v_first) f order by 1 loop
    perform private.own_source(v_org, 'whatsapp');
  end loop;
  with made as (
    insert into public.leads (org_id, contact_id, source_id, source_kind, external_id, stage_id, title, message, phone, received_at, greet_requested, raw)
    select f.org_id, f.contact_id, s.id, 'whatsapp', f.contact_id::text, private.first_stage(f.org_id), left(f.referral ->> 'headline', 500),
           f.text, f.phone, f.at, false, jsonb_strip_nulls(jsonb_build_object('wamid', f.wamid, 'referral', f.referral))
      from unnest(v_first) f
      join public.lead_sources s on (s.org_id, s.kind) = (f.org_id, 'whatsapp')
     where not exists (select from public.leads l where l.org_id = f.org_id and l.contact_id = f.contact_id)
     order by f.org_id, f.contact_id
        on conflict do nothing
    returning org_id, id
  )
  insert into public.lead_activities (org_id, lead_id, kind) select m.org_id, m.id, 'received' from made m;
end;
$$;
comment on function private.make_message_leads is
  'Makes a lead of the first message of each unknown person among messages just stored, [{org_id, wamid}], with the ad that brought them (referral) in raw; nobody who has just written is greeted. '
  'Of two messages in either order the lead is that of the earlier one. Definer: called beneath RLS.';
