-- 946_lead_bulk.sql: one change to many leads, taken back as a whole within a day; and everything that happened around one lead.

create table public.bulk_actions (
  org_id     uuid not null references public.organizations on delete restrict,
  id         uuid not null default gen_random_uuid(),
  actor      uuid,
  action     text not null,
  details    jsonb not null,
  leads      int not null,
  at         timestamptz not null default now(),
  undone_at  timestamptz,
  undone_by  uuid,
  restored   int,
  primary key (org_id, id),
  constraint bulk_action_is_known check (action in ('assign', 'move', 'tag', 'untag', 'close'))
);
comment on table public.bulk_actions is 'Changes that somebody made to many leads at once.';
comment on column public.bulk_actions.org_id is 'The organization.';
comment on column public.bulk_actions.id is 'The undo token.';
comment on column public.bulk_actions.actor is 'Who did it.';
comment on column public.bulk_actions.action is 'assign, move, tag, untag or close.';
comment on column public.bulk_actions.details is 'To whom, to which stage, which tag, as it was asked.';
comment on column public.bulk_actions.leads is 'How many leads it changed.';
comment on column public.bulk_actions.at is 'When. For 24 hours it can be taken back.';
comment on column public.bulk_actions.undone_at is 'When it was taken back; null while it stands.';
comment on column public.bulk_actions.undone_by is 'Who took it back.';
comment on column public.bulk_actions.restored is 'How many leads are again as they were; null while it stands.';
create index bulk_actions_newest on public.bulk_actions (org_id, at desc, id desc);
alter table public.bulk_actions enable row level security;
create policy "Members can read what was done to many of their leads at once"
  on public.bulk_actions for select to authenticated using (org_id = any (array(select private.my_org_ids())));
grant select on public.bulk_actions to authenticated;

create table private.bulk_items (
  org_id   uuid not null,
  bulk_id  uuid not null,
  lead_id  uuid not null,
  version  int not null,
  before   jsonb not null,
  primary key (org_id, bulk_id, lead_id),
  constraint bulk_item_is_of_an_action_of_its_organization foreign key (org_id, bulk_id) references public.bulk_actions (org_id, id) on delete cascade,
  constraint bulk_item_is_a_lead_of_its_organization foreign key (org_id, lead_id) references public.leads (org_id, id) on delete cascade
);
comment on table private.bulk_items is 'How each lead was before a change to many; kept for a day.';
comment on column private.bulk_items.org_id is 'The organization.';
comment on column private.bulk_items.bulk_id is 'The change.';
comment on column private.bulk_items.lead_id is 'The lead.';
comment on column private.bulk_items.version is 'Its version after the change: another one now means that somebody has changed it since.';
comment on column private.bulk_items.before is 'What the change overwrote: stage_id, owner_id, won_at, lost_at, closed_reason, value, currency.';
create index bulk_items_lead on private.bulk_items (org_id, lead_id);
alter table private.bulk_items enable row level security;

create function private.checked_bulk(org_id uuid, action text, change jsonb) returns jsonb
  language plpgsql stable security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_org    uuid := checked_bulk.org_id;
  v_change jsonb := coalesce(checked_bulk.change, '{}');
  v_fields text[] := case checked_bulk.action when 'assign' then array['owner_id'] when 'move' then array['stage_id']
                       when 'close' then array['stage_id', 'reason_id', 'value', 'currency'] when 'tag' then array['tag_id'] when 'untag' then array['tag_id'] end;
  v_name   text;
  v_worth  record;
begin
  if v_fields is null then
    raise sqlstate 'PT422' using message = 'There is no such action.', detail = 'action_unknown', hint = 'assign, move, tag, untag or close.';
  end if;
  perform private.known_fields(v_change, 'change', v_fields);
  v_change := jsonb_strip_nulls(v_change);
  for v_name in select k from jsonb_object_keys(v_change) k where k like '%\_id' loop
    if jsonb_typeof(v_change -> v_name) <> 'string' or not pg_input_is_valid(v_change ->> v_name, 'uuid') then
      perform private.refuse_field('change.' || v_name, 'is not an id', 'field_invalid');
    end if;
  end loop;
  case checked_bulk.action
    when 'assign' then
      if v_change ? 'owner_id' and not exists (select from public.memberships m where m.org_id = v_org and m.user_id = (v_change ->> 'owner_id')::uuid) then
        raise sqlstate 'PT422' using message = 'A lead belongs to a member of the organization.', detail = 'not_a_member', hint = 'Reload the team.';
      end if;
    when 'move' then
      if not exists (select from public.pipeline_stages s where s.org_id = v_org and s.id = (v_change ->> 'stage_id')::uuid) then
        raise sqlstate 'PT422' using message = 'There is no such stage.', detail = 'stage_not_found', hint = 'Reload the pipeline.';
      end if;
    when 'close' then
      perform private.closing_stage(v_org, (v_change ->> 'stage_id')::uuid, (v_change ->> 'reason_id')::uuid);
      if v_change ? 'value' and not pg_input_is_valid(v_change ->> 'value', 'numeric') then
        perform private.refuse_field('change.value', 'is not an amount', 'field_invalid');
      end if;
      select * into v_worth from private.checked_value_of_lead((v_change ->> 'value')::numeric, v_change ->> 'currency');
      v_change := v_change || jsonb_strip_nulls(jsonb_build_object('value', v_worth.value_::text, 'currency', v_worth.currency_));
    else
      if not exists (select from public.tags t where t.org_id = v_org and t.id = (v_change ->> 'tag_id')::uuid) then
        raise sqlstate 'PT422' using message = 'There is no such tag.', detail = 'tag_not_found', hint = 'Reload the tags.';
      end if;
  end case;
  return v_change;
end;
$$;
comment on function private.checked_bulk is
  'What a change to many leads is to do, once everything it names exists. Raises PT422 action_unknown, field_unknown, field_invalid, not_a_member, stage_not_found, '
  'stage_is_open, reason_not_found, value_invalid, currency_invalid, tag_not_found.';

create function private.places_of(items private.bulk_items[]) returns table (at tid, before jsonb)
  language plpgsql stable security definer set search_path = '' rows 5000
as $$
begin
  return query
    select k.at, i.before from unnest(items) i
     cross join lateral (select x.ctid as at from public.leads x where x.org_id = i.org_id and x.id between i.lead_id and i.lead_id order by x.id limit 1) k;
end;
$$;
comment on function private.places_of is
  'Where leads of a change to many stand in their table, and how they were before; for a statement that changes them, once they are locked. Definer: called beneath RLS.';

create function private.bulk_leads(org_id uuid, action text, change jsonb, lead_ids uuid[], filter jsonb) returns jsonb
  language plpgsql volatile security definer set search_path = '' set enable_seqscan = off
as $$
#variable_conflict use_column
declare
  c_most   constant int := 5000;
  v_org    uuid := bulk_leads.org_id;
  v_change jsonb;
  v_ids    uuid[];
  v_bulk   uuid := gen_random_uuid();
  v_items  private.bulk_items[];
  v_tag    uuid;
  v_count  int;
  v_kind   text := case bulk_leads.action when 'assign' then 'assigned' when 'move' then 'moved' when 'tag' then 'tagged' when 'untag' then 'untagged' end;
begin
  perform private.require_role(v_org, 'agent');
  v_change := private.checked_bulk(v_org, bulk_leads.action, bulk_leads.change);
  v_tag := (v_change ->> 'tag_id')::uuid;
  if (bulk_leads.lead_ids is null) = (bulk_leads.filter is null) then
    raise sqlstate 'PT422' using message = 'Name leads or a filter.', detail = 'leads_or_filter', hint = 'One of the two.';
  elsif bulk_leads.lead_ids is not null then
    v_ids := array(select distinct i from unnest(bulk_leads.lead_ids) i where i is not null);
  else
    execute format('select array(select l.id from public.leads l where %s limit %s)', private.lead_condition(v_org, bulk_leads.filter), c_most + 1) into v_ids;
  end if;
  if cardinality(v_ids) > c_most then
    raise sqlstate 'PT422' using message = 'At most 5,000 leads at once.', detail = 'too_many_leads', hint = 'Narrow the filter, or do it in parts.';
  end if;
  -- One order for everybody, so that two who change the same leads wait for each other and never in a circle. Rows are looked up by a range of one
  -- key in its order, and changed by place: only the key's index serves that, whatever the statistics (300_contacts.sql); nor is a whole table read for it.
  v_ids := array(
    select k.id from (select i from unnest(v_ids) i order by i) u
     cross join lateral (select l.id from public.leads l where l.org_id = v_org and l.id between u.i and u.i order by l.id limit 1 for no key update) k);
  if v_tag is not null then
    perform from public.tags t where t.org_id = v_org and t.id = v_tag for key share;
    if not found then
      raise sqlstate 'PT422' using message = 'There is no such tag.', detail = 'tag_not_found', hint = 'Reload the tags.';
    end if;
  end if;
  v_items := array(
    select row(v_org, v_bulk, l.id, l.version + 1, jsonb_build_object('stage_id', l.stage_id, 'owner_id', l.owner_id, 'won_at', l.won_at, 'lost_at', l.lost_at,
               'closed_reason', l.closed_reason, 'value', l.value::text, 'currency', l.currency))::private.bulk_items
      from unnest(v_ids) u (id)
     cross join lateral (select x.* from public.leads x where x.org_id = v_org and x.id between u.id and u.id order by x.id limit 1) l
     where case bulk_leads.action
             when 'assign' then l.owner_id is distinct from (v_change ->> 'owner_id')::uuid
             when 'move' then l.stage_id <> (v_change ->> 'stage_id')::uuid
             when 'tag' then not exists (select from public.lead_tags t where t.org_id = v_org and t.lead_id = l.id and t.tag_id = v_tag)
               and (select count(*) from public.lead_tags t where t.org_id = v_org and t.lead_id = l.id) < 50
             when 'untag' then exists (select from public.lead_tags t where t.org_id = v_org and t.lead_id = l.id and t.tag_id = v_tag)
             else l.stage_id <> (v_change ->> 'stage_id')::uuid or l.closed_reason is distinct from (v_change ->> 'reason_id')::uuid
               or v_change ? 'value' and (l.value, l.currency) is distinct from ((v_change ->> 'value')::numeric, v_change ->> 'currency') end);
  v_count := cardinality(v_items);
  if v_count > 0 then
    insert into public.bulk_actions (org_id, id, actor, action, details, leads) values (v_org, v_bulk, auth.uid(), bulk_leads.action, v_change, v_count);
    insert into private.bulk_items select u.* from unnest(v_items) u;
    if bulk_leads.action = 'tag' then
      insert into public.lead_tags (org_id, lead_id, tag_id) select v_org, i.lead_id, v_tag from unnest(v_items) i;
    elsif bulk_leads.action = 'untag' then
      delete from public.lead_tags t using unnest(v_items) i where t.org_id = v_org and t.lead_id = i.lead_id and t.tag_id = v_tag;
    end if;
    update public.leads l
       set owner_id = case when bulk_leads.action = 'assign' then (v_change ->> 'owner_id')::uuid else l.owner_id end,
           stage_id = case when bulk_leads.action in ('move', 'close') then (v_change ->> 'stage_id')::uuid else l.stage_id end,
           value = case when v_change ? 'value' then (v_change ->> 'value')::numeric else l.value end,
           currency = case when v_change ? 'value' then v_change ->> 'currency' else l.currency end,
           version = l.version + 1
      from private.places_of(v_items) p where l.ctid = p.at;
    if bulk_leads.action = 'close' then
      update public.leads l set closed_reason = (v_change ->> 'reason_id')::uuid
        from private.places_of(v_items) p where l.ctid = p.at and l.closed_reason is distinct from (v_change ->> 'reason_id')::uuid;
      v_kind := private.closing_stage(v_org, (v_change ->> 'stage_id')::uuid, (v_change ->> 'reason_id')::uuid);
    end if;
    insert into public.lead_activities (org_id, lead_id, actor, kind, details)
    select v_org, i.lead_id, auth.uid(), v_kind, jsonb_strip_nulls(jsonb_build_object('bulk', v_bulk, 'tag', v_tag,
             'from', case bulk_leads.action when 'assign' then i.before -> 'owner_id' when 'move' then i.before -> 'stage_id' when 'close' then i.before -> 'stage_id' end,
             'to', case bulk_leads.action when 'assign' then v_change -> 'owner_id' else v_change -> 'stage_id' end,
             'reason', v_change -> 'reason_id', 'value', v_change -> 'value', 'currency', v_change -> 'currency'))
      from unnest(v_items) i order by i.lead_id;
    perform private.audit(v_org, 'leads.' || bulk_leads.action, 'bulk_action', v_bulk::text, jsonb_build_object('leads', v_count));
  end if;
  return jsonb_build_object('undo_token', case when v_count > 0 then v_bulk end, 'changed', v_count, 'unchanged', cardinality(v_ids) - v_count,
    'not_found', case when bulk_leads.lead_ids is not null then (select count(distinct i) from unnest(bulk_leads.lead_ids) i) - cardinality(v_ids) else 0 end);
end;
$$;
comment on function private.bulk_leads is 'Body of public.bulk_leads. Definer: nobody may write leads directly.';
create function public.bulk_leads(org_id uuid, action text, change jsonb, lead_ids uuid[] default null, filter jsonb default null) returns jsonb
  language sql volatile set search_path = ''
begin atomic
  select private.bulk_leads(org_id, action, change, lead_ids, filter);
end;
comment on function public.bulk_leads is
  'One change to at most 5,000 leads, named by id or by a filter as lead_list takes it: assign {owner_id or null}, move {stage_id}, tag or untag {tag_id}, close '
  '{stage_id, reason_id, value, currency}. All or nothing. Returns {undo_token (null when nothing changed), changed, unchanged, not_found}. Raises PT404, PT422 '
  'leads_or_filter, too_many_leads, action_unknown, field_unknown, field_invalid, and what the single changes raise.';
grant execute on function private.bulk_leads, public.bulk_leads to authenticated;

create function private.undo_bulk(org_id uuid, undo_token uuid) returns jsonb
  language plpgsql volatile security definer set search_path = '' set enable_seqscan = off
as $$
#variable_conflict use_column
declare
  v_org    uuid := undo_bulk.org_id;
  v_role   text := private.require_role(undo_bulk.org_id, 'agent');
  v_bulk   public.bulk_actions;
  v_tag    uuid;
  v_items  private.bulk_items[];
  v_stages uuid[];
  v_owners uuid[];
  v_stayed jsonb;
  v_lacks_tag boolean;
begin
  select b.* into v_bulk from public.bulk_actions b where b.org_id = v_org and b.id = undo_bulk.undo_token for no key update;
  if not found then
    raise sqlstate 'PT404' using message = 'There is no such change.', detail = 'bulk_not_found', hint = 'Reload what was changed.';
  elsif v_bulk.actor is distinct from auth.uid() and private.role_rank(v_role) < private.role_rank('admin') then
    raise sqlstate 'PT403' using message = 'Only who made this change, or an admin, may take it back.', detail = 'role_too_low', hint = 'Ask them.';
  elsif v_bulk.undone_at is not null then
    raise sqlstate 'PT409' using message = 'This change was taken back already.', detail = 'already_undone', hint = 'Reload the leads.';
  elsif v_bulk.at < now() - interval '24 hours' then
    raise sqlstate 'PT409' using message = 'A change can be taken back for 24 hours.', detail = 'too_late_to_undo', hint = 'Change the leads again.';
  end if;
  v_tag := (v_bulk.details ->> 'tag_id')::uuid;
  v_items := array(select i from private.bulk_items i where i.org_id = v_org and i.bulk_id = v_bulk.id order by i.lead_id);
  perform k.id from unnest(v_items) i
    cross join lateral (select l.id from public.leads l where l.org_id = v_org and l.id between i.lead_id and i.lead_id order by l.id limit 1 for no key update) k;
  v_stages := array(select s.id from public.pipeline_stages s where s.org_id = v_org and s.id in (select (i.before ->> 'stage_id')::uuid from unnest(v_items) i)
                     order by s.id for key share);
  v_owners := array(select m.user_id from public.memberships m where m.org_id = v_org and m.user_id in (select (i.before ->> 'owner_id')::uuid from unnest(v_items) i)
                     order by m.user_id for key share);
  perform from public.tags t where t.org_id = v_org and t.id = v_tag for key share;
  v_lacks_tag := v_bulk.action = 'untag' and not found;
  -- Left as they are: whoever changed them since meant it; and what a lead would go back to may be gone.
  with items as (
    select i, case
             when l.version <> i.version then 'changed_since'
             when v_bulk.action in ('move', 'close') and (i.before ->> 'stage_id')::uuid <> all (v_stages) then 'stage_removed'
             when v_bulk.action = 'assign' and i.before ->> 'owner_id' is not null and (i.before ->> 'owner_id')::uuid <> all (v_owners) then 'owner_left'
             when v_lacks_tag then 'tag_removed' end as why
      from unnest(v_items) i
     cross join lateral (select x.version from public.leads x where x.org_id = v_org and x.id between i.lead_id and i.lead_id order by x.id limit 1) l)
  select coalesce(array_agg(t.i) filter (where t.why is null), '{}'),
         coalesce(jsonb_agg(jsonb_build_object('lead_id', (t.i).lead_id, 'reason', t.why) order by (t.i).lead_id) filter (where t.why is not null), '[]')
    into v_items, v_stayed from items t;
  if v_bulk.action = 'tag' then
    delete from public.lead_tags t using unnest(v_items) i where t.org_id = v_org and t.lead_id = i.lead_id and t.tag_id = v_tag;
  elsif v_bulk.action = 'untag' then
    insert into public.lead_tags (org_id, lead_id, tag_id) select v_org, i.lead_id, v_tag from unnest(v_items) i on conflict do nothing;
  end if;
  update public.leads l
     set owner_id = case when v_bulk.action = 'assign' then (p.before ->> 'owner_id')::uuid else l.owner_id end,
         stage_id = case when v_bulk.action in ('move', 'close') then (p.before ->> 'stage_id')::uuid else l.stage_id end,
         version = l.version + 1
    from private.places_of(v_items) p where l.ctid = p.at;
  if v_bulk.action in ('move', 'close') then
    update public.leads l
       set won_at = (p.before ->> 'won_at')::timestamptz, lost_at = (p.before ->> 'lost_at')::timestamptz, closed_reason = (p.before ->> 'closed_reason')::uuid,
           value = (p.before ->> 'value')::numeric, currency = p.before ->> 'currency'
      from private.places_of(v_items) p where l.ctid = p.at;
  end if;
  insert into public.lead_activities (org_id, lead_id, actor, kind, details)
  select v_org, i.lead_id, auth.uid(), 'undone', jsonb_build_object('bulk', v_bulk.id, 'action', v_bulk.action)
           || case when v_bulk.action in ('move', 'close') then jsonb_build_object('from', v_bulk.details -> 'stage_id', 'to', i.before -> 'stage_id') else '{}' end
    from unnest(v_items) i order by i.lead_id;
  update public.bulk_actions b set undone_at = now(), undone_by = auth.uid(), restored = cardinality(v_items) where b.org_id = v_org and b.id = v_bulk.id;
  delete from private.bulk_items i where i.org_id = v_org and i.bulk_id = v_bulk.id;
  perform private.audit(v_org, 'leads.undone', 'bulk_action', v_bulk.id::text, jsonb_build_object('leads', cardinality(v_items)));
  return jsonb_build_object('restored', cardinality(v_items), 'stayed', v_stayed);
end;
$$;
comment on function private.undo_bulk is 'Body of public.undo_bulk. Definer: nobody may write leads directly.';
create function public.undo_bulk(org_id uuid, undo_token uuid) returns jsonb
  language sql volatile set search_path = ''
begin atomic
  select private.undo_bulk(org_id, undo_token);
end;
comment on function public.undo_bulk is
  'Takes a change to many leads back, once, within 24 hours, by who made it or an admin. Leads that somebody has changed since stay as they are. Returns {restored, '
  'stayed: [{lead_id, reason: changed_since, stage_removed, owner_left or tag_removed}]}. Raises PT403, PT404, PT409 already_undone, too_late_to_undo.';
grant execute on function private.undo_bulk, public.undo_bulk to authenticated;

create function private.sweep_lead_work() returns void
  language plpgsql volatile security definer set search_path = ''
as $$
begin
  delete from public.saved_views v where v.owner_id is null and not v.is_shared;
end;
$$;
comment on function private.sweep_lead_work is 'Forgets the own views of people who left.';

-- Everything around one lead ---------------------------------------------------------------------------------------------

create function private.lead_timeline(org_id uuid, lead_id uuid, before_at timestamptz, before_key text, page_size int) returns jsonb
  language plpgsql stable security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_org     uuid := lead_timeline.org_id;
  v_limit   int := least(greatest(coalesce(page_size, 50), 1), 200);
  v_at      timestamptz := coalesce(before_at, 'infinity');
  v_key     text := coalesce(before_key, '~') collate "C";
  v_contact uuid;
  v_items   jsonb;
begin
  perform private.require_role(v_org, 'agent');
  select l.contact_id into v_contact from public.leads l where l.org_id = v_org and l.id = lead_timeline.lead_id;
  if not found then
    raise sqlstate 'PT404' using message = 'There is no such lead.', detail = 'lead_not_found', hint = 'Reload the leads.';
  end if;
  with acts as (
    select a.at, 'a' || lpad(a.id::text, 19, '0') as key, a.id, a.kind, a.actor, a.details from public.lead_activities a
     where a.org_id = v_org and a.lead_id = lead_timeline.lead_id and a.at <= v_at
       and (a.at < v_at or 'a' || lpad(a.id::text, 19, '0') < v_key collate "C")
     order by a.at desc, a.id desc limit v_limit + 1
  ), said as (
    select m.at, 'm' || lpad(m.id::text, 19, '0') as key, m.id from public.messages m
     where m.contact_id = v_contact and m.org_id = v_org and m.at <= v_at
       and (m.at < v_at or 'm' || lpad(m.id::text, 19, '0') < v_key collate "C")
     order by m.at desc, m.id desc limit v_limit + 1
  ), notes as (
    select n.created_at as at, 'n' || n.id::text as key, n.id from public.conversation_notes n
      join public.conversations v on v.org_id = n.org_id and v.id = n.conversation_id
     where v.contact_id = v_contact and v.org_id = v_org and n.created_at <= v_at and (n.created_at < v_at or 'n' || n.id::text < v_key collate "C")
     order by n.created_at desc, n.id desc limit v_limit + 1
  ), page as (
    select x.* from (
      select a.at, a.key, a.id as number, null::uuid as note from acts a
      union all select s.at, s.key, s.id, null from said s
      union all select n.at, n.key, null, n.id from notes n) x
     order by x.at desc, x.key collate "C" desc limit v_limit + 1
  )
  select jsonb_agg(jsonb_build_object('at', p.at, 'key', p.key) || case left(p.key, 1)
      when 'a' then (select jsonb_build_object('type', 'activity', 'kind', a.kind, 'actor', a.actor, 'details', a.details)
                       from public.lead_activities a where a.org_id = v_org and a.id = p.number)
      when 'm' then (select jsonb_build_object('type', 'message', 'message_id', m.id, 'conversation_id', m.conversation_id, 'direction', m.direction, 'kind', m.kind,
                         'text', case when m.revoked_at is null then m.text end, 'status', m.status, 'origin', m.origin, 'actor', m.sender_id,
                         'cost', (select jsonb_build_object('amount', sum(e.amount)::text, 'currency', min(e.currency)) from public.usage_ledger e
                                   where e.org_id = v_org and e.wamid = m.wamid and e.reverses is null
                                     and not exists (select from public.usage_ledger r where r.org_id = e.org_id and r.reverses = e.id) having count(*) > 0))
                       from public.messages m where m.org_id = v_org and m.id = p.number)
      else (select jsonb_build_object('type', 'note', 'note_id', n.id, 'conversation_id', n.conversation_id, 'actor', n.author_id, 'text', n.text)
              from public.conversation_notes n where n.org_id = v_org and n.id = p.note) end
      order by p.at desc, p.key collate "C" desc) into v_items from page p;
  return jsonb_build_object('items', coalesce((select jsonb_agg(e order by n) from jsonb_array_elements(v_items) with ordinality u (e, n) where n <= v_limit), '[]'),
    'next', case when jsonb_array_length(v_items) > v_limit then
      jsonb_build_object('before_at', v_items -> (v_limit - 1) -> 'at', 'before_key', v_items -> (v_limit - 1) -> 'key') end);
end;
$$;
comment on function private.lead_timeline is 'Body of public.lead_timeline. Definer: it reads five tables by key; it asks for membership itself.';
create function public.lead_timeline(org_id uuid, lead_id uuid, before_at timestamptz default null, before_key text default null, page_size int default 50) returns jsonb
  language sql stable set search_path = ''
begin atomic
  select private.lead_timeline(org_id, lead_id, before_at, before_key, page_size);
end;
comment on function public.lead_timeline is
  'All that happened around a lead, newest first, at most 200: what was done with it (activity, notes on it among them), messages of its person with what each '
  'cost, notes on their conversations. {items: [{at, key, type, …}], next: {before_at, before_key} or null}. Raises PT404.';
grant execute on function private.lead_timeline, public.lead_timeline to authenticated;
