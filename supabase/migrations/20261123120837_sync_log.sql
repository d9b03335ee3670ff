-- 837_sync_log.sql: what came in by itself, what became of it, and trying again what failed.

create index event_effects_dead on private.event_effects (org_id, received_at, event_id) where dead > 0;

create function private.sync_log(org_id uuid, source text, show text, before_at timestamptz, before_key text, page_size int) returns jsonb
  language plpgsql stable security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_at   timestamptz := coalesce(sync_log.before_at, 'infinity');
  v_key  text := coalesce(sync_log.before_key, '~');
  v_most int := least(greatest(coalesce(sync_log.page_size, 50), 1), 200);
begin
  perform private.require_role(sync_log.org_id, 'agent');
  if sync_log.source not in ('whatsapp', 'indiamart', 'google_sheet', 'file') then
    raise sqlstate 'PT422' using message = 'There is no such source.', detail = 'source_unknown', hint = 'Give whatsapp, indiamart, google_sheet, file or null for all.';
  elsif sync_log.show is null or sync_log.show not in ('news', 'failures', 'all') then
    raise sqlstate 'PT422' using message = 'Show news, failures or all.', detail = 'show_unknown', hint = 'Give one of the three.';
  end if;
  return (
    with page as (
      (select e.received_at as at, 'whatsapp:' || lpad(e.event_id::text, 19, '0') as key, 'whatsapp' as source,
              case when e.dead = 0 then 'ok' when e.dead < e.messages + e.statuses + cardinality(e.fields) then 'partly' else 'failed' end as state,
              jsonb_build_object('event_id', e.event_id, 'messages', e.messages, 'statuses', e.statuses, 'fields', e.fields, 'kept', e.kept,
                                 'dead', e.dead, 'lag_seconds', round(extract(epoch from e.lag))::bigint, 'replayed_at', e.replayed_at) as details
         from private.event_effects e
        where e.org_id = sync_log.org_id and coalesce(sync_log.source, 'whatsapp') = 'whatsapp'
          and case sync_log.show when 'all' then true when 'failures' then e.dead > 0
                   else e.messages > 0 or e.dead > 0 or e.fields <> '{}' end
          and e.received_at <= v_at and (e.received_at, 'whatsapp:' || lpad(e.event_id::text, 19, '0')) < (v_at, v_key)
        order by e.received_at desc, e.event_id desc limit v_most)
      union all
      (select r.started_at, 'run:' || r.id, s.kind,
              case when r.outcome is null then 'running' when r.outcome not in ('ok', 'empty') then 'failed' when r.errors <> '[]' then 'partly' else 'ok' end,
              jsonb_build_object('run_id', r.id, 'name', s.name, 'kind', r.kind, 'outcome', r.outcome, 'words', r.message, 'received', r.received,
                                 'inserted', r.inserted, 'known', r.known, 'set_aside', jsonb_array_length(r.errors), 'window_from', r.window_from,
                                 'window_to', r.window_to, 'finished_at', r.finished_at)
         from public.sync_runs r join public.lead_sources s on (s.org_id, s.id) = (r.org_id, r.source_id)
        where r.org_id = sync_log.org_id and coalesce(sync_log.source, s.kind) = s.kind
          and case sync_log.show when 'all' then true when 'failures' then r.outcome not in ('ok', 'empty') or r.errors <> '[]'
                   else r.outcome is distinct from 'empty' and not (r.outcome = 'ok' and r.inserted = 0 and r.errors = '[]') end
          and r.started_at <= v_at and (r.started_at, 'run:' || r.id) < (v_at, v_key)
        order by r.started_at desc, r.id desc limit v_most)
      union all
      (select i.created_at, 'import:' || i.id, 'file',
              case i.status when 'failed' then 'failed' when 'done' then case when i.rows_error > 0 then 'partly' else 'ok' end
                            when 'undone' then 'ok' when 'cancelled' then 'ok' else 'running' end,
              jsonb_build_object('import_id', i.id, 'name', i.filename, 'status', i.status, 'words', i.error, 'received', i.rows_total,
                                 'inserted', i.rows_new, 'known', i.rows_known, 'set_aside', i.rows_error, 'finished_at', i.finished_at)
         from public.lead_imports i join public.lead_sources s on (s.org_id, s.id) = (i.org_id, i.source_id)
        where i.org_id = sync_log.org_id and coalesce(sync_log.source, 'file') = 'file' and s.kind <> 'google_sheet'
          and (sync_log.show <> 'failures' or i.status = 'failed' or i.rows_error > 0)
          and i.created_at <= v_at and (i.created_at, 'import:' || i.id) < (v_at, v_key)
        order by i.created_at desc, i.id desc limit v_most)
      order by at desc, key desc limit v_most)
    select jsonb_build_object(
      'items', coalesce(jsonb_agg(jsonb_build_object('at', p.at, 'key', p.key, 'source', p.source, 'state', p.state) || p.details order by p.at desc, p.key desc), '[]'),
      'next', case when count(*) = v_most then (array_agg(jsonb_build_object('before_at', p.at, 'before_key', p.key) order by p.at, p.key))[1] end)
      from page p);
end;
$$;
comment on function private.sync_log is 'Body of public.sync_log. Definer: reads closed tables.';

create function public.sync_log(org_id uuid, source text default null, show text default 'news', before_at timestamptz default null,
                                before_key text default null, page_size int default 50) returns jsonb
  language sql stable set search_path = ''
begin atomic
  select private.sync_log(sync_log.org_id, sync_log.source, sync_log.show, sync_log.before_at, sync_log.before_key, sync_log.page_size);
end;
comment on function public.sync_log is
  'What came in by itself, newest first: webhooks of Meta (30 days), runs and pushes of lead sources, files. source: whatsapp, indiamart, google_sheet, file or null; '
  'show: news (without runs that brought nothing and webhooks that hold but statuses), failures, all. Returns {items: [{at, key, source, state: ok, partly, failed or running, and of a webhook {event_id, messages, statuses, '
  'fields, kept, dead, lag_seconds, replayed_at}; of a run {run_id, name, kind, outcome, words, received, inserted, known, set_aside, window_from, window_to, finished_at}; of a file '
  '{import_id, name, status, words, received, inserted, known, set_aside, finished_at}}], next: {before_at, before_key} or null}. Agents. Raises PT422 source_unknown, show_unknown.';

-- One event ------------------------------------------------------------------------------------------------------------

create function private.own_event(org_id uuid, event_id bigint, received_at timestamptz) returns private.event_effects
  language plpgsql stable security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_effects private.event_effects;
begin
  select e.* into v_effects from private.event_effects e
   where e.org_id = own_event.org_id and e.received_at = own_event.received_at and e.event_id = own_event.event_id;
  if not found then
    raise sqlstate 'PT404' using message = 'There is no such event.', detail = 'event_unknown', hint = 'Events are kept for 30 days.';
  end if;
  return v_effects;
end;
$$;
comment on function private.own_event is 'What an event was for an organization. Raises PT404 event_unknown, also for an event of others.';

create function private.event_trace(org_id uuid, event_id bigint, received_at timestamptz) returns jsonb
  language plpgsql stable security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_effects private.event_effects;
  v_body    bytea;
  v_updates private.meta_update[];
begin
  perform private.require_role(event_trace.org_id, 'admin');
  v_effects := private.own_event(event_trace.org_id, event_trace.event_id, event_trace.received_at);
  select e.body into v_body from private.webhook_events e where e.received_at = v_effects.received_at and e.id = v_effects.event_id;
  select array_agg(u.update order by (u.update).position) into v_updates
    from private.updates_of(private.route_updates(private.meta_updates(v_body))) u where u.of_org = event_trace.org_id;
  return jsonb_build_object(
    'event_id', v_effects.event_id, 'received_at', v_effects.received_at, 'lag_seconds', round(extract(epoch from v_effects.lag))::bigint,
    'replayed_at', v_effects.replayed_at, 'kept', v_effects.kept, 'steps', private.steps_json(array(select s from private.steps_of_event(v_effects) s)), 'count', coalesce(cardinality(v_updates), 0),
    'updates', (
      select coalesce(jsonb_agg(jsonb_build_object('kind', u.kind, 'field', u.field, 'at', u.at, 'item', u.item,
                                                   'message_id', m.id, 'conversation_id', m.conversation_id) order by u.position), '[]')
        from unnest(v_updates[1:100]) u
        left join public.messages m on m.org_id = event_trace.org_id and u.kind in ('message', 'status') and m.wamid = u.item ->> 'id'),
    'failures', (
      select coalesce(jsonb_agg(jsonb_build_object('reason', d.reason, 'words', d.detail, 'item', d.item, 'attempts', d.attempts, 'at', d.created_at) order by d.id), '[]')
        from (select l.* from private.dead_letters l
               where l.event_id = v_effects.event_id and l.org_id = event_trace.org_id and l.resolved_at is null order by l.id limit 100) d));
end;
$$;
comment on function private.event_trace is 'Body of public.event_trace. Definer: reads closed tables.';

create function public.event_trace(org_id uuid, event_id bigint, received_at timestamptz) returns jsonb
  language sql stable set search_path = ''
begin atomic
  select private.event_trace(event_trace.org_id, event_trace.event_id, event_trace.received_at);
end;
comment on function public.event_trace is
  'One webhook as the organization may see it (its own updates only, the first 100), named by event_id and received_at of public.sync_log: {event_id, received_at, lag_seconds, replayed_at, kept, steps: as private.steps_json, count, '
  'updates: [{kind, field, at, item: as Meta sent it, message_id, conversation_id}], failures: [{reason, words, item, attempts, at}]}. Admins. Raises PT404 event_unknown.';

create function private.replay_event(org_id uuid, event_id bigint, received_at timestamptz) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_effects private.event_effects;
  v_tried   timestamptz;
begin
  perform private.require_role(replay_event.org_id, 'admin');
  v_effects := private.own_event(replay_event.org_id, replay_event.event_id, replay_event.received_at);
  if not pg_try_advisory_xact_lock(hashtextextended('flow.replay.' || v_effects.event_id, 0)) then
    raise sqlstate 'PT409' using message = 'This event is just being tried again.', detail = 'replay_running', hint = 'Look again in a moment.';
  end if;
  select max(d.created_at) into v_tried from private.dead_letters d
   where d.event_id = v_effects.event_id and d.org_id = replay_event.org_id and d.resolved_at is null;
  if v_tried is null then
    raise sqlstate 'PT409' using message = 'Nothing of this event failed.', detail = 'nothing_to_replay', hint = 'Reload the log.';
  elsif v_tried > clock_timestamp() - interval '10 seconds' then
    raise sqlstate 'PT429' using message = 'This event was tried only just now.', detail = 'replay_too_soon', hint = private.retry_at(v_tried + interval '10 seconds');
  end if;
  perform worker.replay(v_effects.event_id);
  perform private.audit(replay_event.org_id, 'event.replayed', 'webhook_event', v_effects.event_id::text);
  return jsonb_build_object('event_id', v_effects.event_id, 'dead', (
    select e.dead from private.event_effects e
     where e.org_id = replay_event.org_id and e.received_at = v_effects.received_at and e.event_id = v_effects.event_id));
end;
$$;
comment on function private.replay_event is 'Body of public.replay_event. Definer: applies a stored event.';

create function public.replay_event(org_id uuid, event_id bigint, received_at timestamptz) returns jsonb
  language sql volatile set search_path = ''
begin atomic
  select private.replay_event(replay_event.org_id, replay_event.event_id, replay_event.received_at);
end;
comment on function public.replay_event is
  'Applies a webhook again of which something failed; what is stored already does not change. Returns {event_id, dead: how much fails still}. Admins. '
  'Raises PT404 event_unknown, PT409 nothing_to_replay, replay_running, PT429 replay_too_soon with retry_at.';

-- One message ----------------------------------------------------------------------------------------------------------

create function private.webhooks_of(message public.messages) returns setof private.webhook_events
  language sql stable security definer set search_path = ''
as $$
  -- Meta tells of a message within minutes; looked for in the organization's own webhooks around each instant.
  select distinct on (w.received_at, w.id) w.*
    from (select distinct t.at from unnest(array[(message).created_at, (message).sent_at, (message).delivered_at, (message).read_at, (message).played_at, (message).failed_at]) t (at)
           where t.at is not null) t
    join private.event_effects e on e.org_id = (message).org_id and e.received_at between t.at - interval '2 minutes' and t.at + interval '10 minutes'
    join private.webhook_events w on w.received_at = e.received_at and w.id = e.event_id
   where (message).wamid is not null
     and (position(convert_to((message).wamid, 'UTF8') in w.body) > 0
          or position(convert_to(replace((message).wamid, '/', '\/'), 'UTF8') in w.body) > 0)      -- as Meta writes it in JSON
   order by w.received_at, w.id
$$;
comment on function private.webhooks_of is 'The stored webhooks that name a message.';

create function private.message_trace(org_id uuid, message_id bigint) returns jsonb
  language plpgsql stable security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_message public.messages;
begin
  perform private.require_role(message_trace.org_id, 'agent');
  select m.* into v_message from public.messages m where m.org_id = message_trace.org_id and m.id = message_trace.message_id;
  if not found then
    raise sqlstate 'PT404' using message = 'There is no such message.', detail = 'message_not_found', hint = 'Reload the conversation.';
  end if;
  return jsonb_build_object(
    'webhooks', (
      select coalesce(jsonb_agg(jsonb_build_object('event_id', w.id, 'received_at', w.received_at) order by w.received_at, w.id), '[]') from private.webhooks_of(v_message) w),
    'file', (
      select jsonb_build_object('status', f.status, 'bytes', f.bytes, 'stored_at', f.stored_at, 'attempts', f.attempts, 'words', f.error)
        from public.media f where f.org_id = message_trace.org_id and f.message_id = v_message.id limit 1),
    'ledger', (
      select coalesce(jsonb_agg(jsonb_build_object('at', l.recorded_at, 'entry', l.entry, 'amount', l.amount, 'currency', l.currency, 'category', l.category) order by l.id), '[]')
        from public.usage_ledger l where l.org_id = message_trace.org_id and l.wamid = v_message.wamid),
    'attempts', v_message.attempts, 'stored_at', v_message.created_at, 'wamid', v_message.wamid,
    'steps', private.steps_json(array(select s from private.steps_of_message(v_message) s)));
end;
$$;
comment on function private.message_trace is 'Body of public.message_trace. Definer: reads closed tables.';

create function public.message_trace(org_id uuid, message_id bigint) returns jsonb
  language sql stable set search_path = ''
begin atomic
  select private.message_trace(message_trace.org_id, message_trace.message_id);
end;
comment on function public.message_trace is
  'What happened to a message beside its own times: {stored_at, wamid, attempts, webhooks: [{event_id, received_at}] of Meta that told of it, file: {status, bytes, stored_at, attempts, words} or null, '
  'ledger: [{at, entry, amount, currency, category}], steps: as private.steps_json}. Agents. Raises PT404 message_not_found.';

grant execute on function private.sync_log, private.event_trace, private.replay_event, private.message_trace to authenticated;
grant execute on function public.sync_log, public.event_trace, public.replay_event, public.message_trace to authenticated;
