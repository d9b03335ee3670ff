-- 947_webhook_events.sql: what happens becomes an event for the endpoints that want it, set by set, in the transaction in which it happens.
--
-- Where nobody wants it, a statement pays for one look at a small table; where somebody does, for two inserts.

create function private.wanting(orgs uuid[], type text) returns uuid[]
  language plpgsql stable security definer set search_path = ''
as $$
begin
  -- Disabled ones count: what they miss is in the log, to be replayed.
  return array(select distinct e.org_id from public.webhook_endpoints e where e.org_id = any (wanting.orgs) and wanting.type = any (e.events));
end;
$$;
comment on function private.wanting is 'Which of these organizations have an endpoint that wants events of a type.';

create function private.note_outgoing(type text, events jsonb) returns void
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_ids bigint[];
  v_orgs uuid[];
begin
  with noted as (
    insert into private.outgoing_events (org_id, type, key, data)
    select n.org_id, note_outgoing.type, n.key, n.data
      from rows from (jsonb_to_recordset(note_outgoing.events) as (org_id uuid, key text, data jsonb)) with ordinality n (org_id, key, data, place)
     order by n.place
        on conflict on constraint outgoing_event_is_told_once do nothing
    returning org_id, id)
  select array_agg(n.org_id), array_agg(n.id) into v_orgs, v_ids from noted n;
  insert into private.outgoing_deliveries (org_id, endpoint_id, event_id, next_at)
  select e.org_id, e.id, n.id, case e.state when 'active' then now() end
    from unnest(v_orgs, v_ids) n (org_id, id)
    join public.webhook_endpoints e on e.org_id = n.org_id and note_outgoing.type = any (e.events) and e.state <> 'disabled';
  if found then
    perform private.wake('deliveries', interval '1 second');
  end if;
end;
$$;
comment on function private.note_outgoing is 'Writes events [{org_id, key, data}] of one type down, each key once, with a delivery for each endpoint that wants them. Definer: the tables are closed to all.';

create function private.tg_leads__tell_programs() returns trigger
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_orgs uuid[];
begin
  if not exists (select from public.webhook_endpoints) then
    return null;
  end if;
  v_orgs := private.wanting(array(select distinct n.org_id from new_rows n), 'lead.created');
  if v_orgs <> '{}' then
    perform private.note_outgoing('lead.created', (
      select jsonb_agg(jsonb_build_object('org_id', n.org_id, 'data', jsonb_build_object('lead_id', n.id, 'contact_id', n.contact_id, 'source', n.source_kind,
               'stage_id', n.stage_id, 'owner_id', n.owner_id, 'received_at', n.received_at)) order by n.received_at, n.id)
        from new_rows n where n.org_id = any (v_orgs)));
  end if;
  return null;
end;
$$;
comment on function private.tg_leads__tell_programs is 'Tells endpoints of new leads. Definer: the tables are closed to all.';
create trigger leads_tell_programs after insert on public.leads referencing new table as new_rows
  for each statement when (coalesce(current_setting('flow.importing', true), '') = '') execute function private.tg_leads__tell_programs();

create function private.tg_leads__tell_programs_of_changes() returns trigger
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_type   text;
  v_orgs   uuid[];
  v_events jsonb;
begin
  if not exists (select from public.webhook_endpoints) then
    return null;
  end if;
  foreach v_type in array array['lead.stage_changed', 'lead.won', 'lead.lost', 'lead.assigned'] loop
    v_orgs := private.wanting(array(select distinct n.org_id from new_rows n), v_type);
    continue when v_orgs = '{}';
    select jsonb_agg(jsonb_build_object('org_id', n.org_id, 'data', jsonb_build_object('lead_id', n.id, 'contact_id', n.contact_id, 'version', n.version) || case v_type
             when 'lead.stage_changed' then jsonb_build_object('from_stage_id', o.stage_id, 'stage_id', n.stage_id)
             when 'lead.assigned' then jsonb_build_object('from_owner_id', o.owner_id, 'owner_id', n.owner_id)
             else jsonb_build_object('stage_id', n.stage_id, 'reason_id', n.closed_reason, 'value', n.value::text, 'currency', n.currency) end) order by n.id) into v_events
      from new_rows n join old_rows o on (o.org_id, o.id) = (n.org_id, n.id)
     where n.org_id = any (v_orgs) and case v_type
             when 'lead.stage_changed' then n.stage_id <> o.stage_id
             when 'lead.assigned' then n.owner_id is distinct from o.owner_id
             when 'lead.won' then n.won_at is not null and o.won_at is null
             else n.lost_at is not null and o.lost_at is null end;
    if v_events is not null then
      perform private.note_outgoing(v_type, v_events);
    end if;
  end loop;
  return null;
end;
$$;
comment on function private.tg_leads__tell_programs_of_changes is 'Tells endpoints of leads that moved, were won, lost or given to somebody, by whatever way. Definer: the tables are closed to all.';
create trigger leads_tell_programs_of_changes after update on public.leads referencing old table as old_rows new table as new_rows
  for each statement execute function private.tg_leads__tell_programs_of_changes();

create function private.tg_messages__tell_programs() returns trigger
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_orgs uuid[];
begin
  if not exists (select from public.webhook_endpoints) then
    return null;
  end if;
  v_orgs := private.wanting(array(select distinct n.org_id from new_rows n), 'message.received');
  if v_orgs <> '{}' and exists (select from new_rows n where n.org_id = any (v_orgs) and n.direction = 'inbound' and n.imported_at is null) then
    perform private.note_outgoing('message.received', (
      select jsonb_agg(jsonb_build_object('org_id', n.org_id, 'data', jsonb_build_object('message_id', n.id, 'conversation_id', n.conversation_id, 'contact_id', n.contact_id,
               'kind', n.kind, 'at', n.at)) order by n.at, n.id)
        from new_rows n where n.org_id = any (v_orgs) and n.direction = 'inbound' and n.imported_at is null));
  end if;
  return null;
end;
$$;
comment on function private.tg_messages__tell_programs is 'Tells endpoints of messages that came in; not of history. Definer: the tables are closed to all.';
create trigger messages_tell_programs after insert on public.messages referencing new table as new_rows
  for each statement when (coalesce(current_setting('flow.importing', true), '') = '') execute function private.tg_messages__tell_programs();

create function private.tg_messages__tell_programs_of_statuses() returns trigger
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_orgs   uuid[];
  v_events jsonb;
begin
  if not exists (select from public.webhook_endpoints) then
    return null;
  end if;
  v_orgs := private.wanting(array(select distinct n.org_id from new_rows n), 'message.status');
  if v_orgs = '{}' then
    return null;
  end if;
  -- The key, not the row before, says whether it is news: a table of the rows before would cost every webhook as much again.
  select jsonb_agg(jsonb_build_object('org_id', n.org_id, 'key', format('status %s %s', n.id, n.status), 'data', jsonb_strip_nulls(jsonb_build_object('message_id', n.id,
           'conversation_id', n.conversation_id, 'contact_id', n.contact_id, 'status', n.status, 'at', s.at, 'error_code', n.error_code))) order by n.id) into v_events
    from new_rows n,
         lateral (select case n.status when 'sent' then n.sent_at when 'delivered' then n.delivered_at when 'read' then n.read_at when 'failed' then n.failed_at end) s (at)
   where n.org_id = any (v_orgs) and n.direction = 'outbound' and n.imported_at is null and n.status in ('sent', 'delivered', 'read', 'failed')
     and coalesce(s.at, now()) > now() - interval '7 days';
  if v_events is not null then
    perform private.note_outgoing('message.status', v_events);
  end if;
  return null;
end;
$$;
comment on function private.tg_messages__tell_programs_of_statuses is
  'Tells endpoints what became of messages, each status once. What changes more than a week later is not told: by then the keys that know it may be going. Definer: the tables are closed to all.';
create trigger messages_tell_programs_of_statuses after update on public.messages referencing new table as new_rows
  for each statement execute function private.tg_messages__tell_programs_of_statuses();

-- Rarer things, row by row -------------------------------------------------------------------------------------

create function private.tell_programs(org_id uuid, type text, data jsonb, key text default null) returns void
  language plpgsql volatile security definer set search_path = ''
as $$
begin
  if private.wanting(array[tell_programs.org_id], tell_programs.type) <> '{}' then
    perform private.note_outgoing(tell_programs.type, jsonb_build_array(jsonb_build_object('org_id', tell_programs.org_id, 'key', tell_programs.key, 'data', tell_programs.data)));
  end if;
end;
$$;
comment on function private.tell_programs is 'Tells endpoints of one event. Definer: the tables are closed to all.';

create function private.tg_tells_programs() returns trigger
  language plpgsql volatile security definer set search_path = ''
as $$
begin
  case tg_argv[0]
  when 'contact.opted_out' then
    perform private.tell_programs(new.org_id, tg_argv[0], jsonb_build_object('contact_id', new.id, 'at', new.opted_out_at));
  when 'conversation.assigned' then
    perform private.tell_programs(new.org_id, tg_argv[0], jsonb_build_object('conversation_id', new.id, 'contact_id', new.contact_id, 'from_assignee_id', old.assignee_id, 'assignee_id', new.assignee_id));
  when 'task.completed' then
    perform private.tell_programs(new.org_id, tg_argv[0], jsonb_build_object('task_id', new.id, 'lead_id', new.lead_id, 'contact_id', new.contact_id, 'closed_by', new.closed_by, 'at', new.closed_at));
  when 'number.attention' then
    perform private.tell_programs(new.org_id, tg_argv[0], jsonb_build_object('account_id', new.account_id, 'number_id', new.number_id, 'kind', new.kind, 'level', new.level, 'since', new.since));
  end case;
  return null;
end;
$$;
comment on function private.tg_tells_programs is 'Tells endpoints of the event that its argument names. Definer: the tables are closed to all.';
create trigger contacts_tell_programs after update of opted_out_at on public.contacts
  for each row when (old.opted_out_at is null and new.opted_out_at is not null) execute function private.tg_tells_programs('contact.opted_out');
create trigger conversations_tell_programs after update of assignee_id on public.conversations
  for each row when (old.assignee_id is distinct from new.assignee_id) execute function private.tg_tells_programs('conversation.assigned');
create trigger tasks_tell_programs after update of status on public.tasks
  for each row when (old.status is distinct from new.status and new.status = 'done') execute function private.tg_tells_programs('task.completed');
create trigger findings_tell_programs after insert on public.whatsapp_health for each row execute function private.tg_tells_programs('number.attention');
create trigger findings_that_grow_tell_programs after update of level on public.whatsapp_health
  for each row when (old.level is distinct from new.level) execute function private.tg_tells_programs('number.attention');
