-- 951_audiences.sql: who a broadcast is for, how fast it may go, and what people see of it. 952_broadcasts.sql has its tables.

create function private.filter_words(filter jsonb, name text, pattern text, most int default 100) returns text[]
  language plpgsql immutable set search_path = ''
as $$
declare
  v_given jsonb := nullif(filter -> name, 'null');
  v_words text[];
begin
  if v_given is null then
    return null;
  elsif jsonb_typeof(v_given) <> 'array' then
    v_given := jsonb_build_array(v_given);
  end if;
  if jsonb_array_length(v_given) not between 1 and most then
    perform private.refuse_field('filter.' || name, format('takes 1 to %s values', most), 'filter_invalid');
  elsif v_given @? '$[*] ? (@.type() != "string")' then
    perform private.refuse_field('filter.' || name, 'is not text', 'filter_invalid');
  end if;
  v_words := array(select distinct lower(btrim(w)) from jsonb_array_elements_text(v_given) w);
  if exists (select from unnest(v_words) w where w !~ pattern) then
    perform private.refuse_field('filter.' || name, 'has a value that it cannot have', 'filter_invalid');
  end if;
  return v_words;
end;
$$;
comment on function private.filter_words is 'One value or a list of a filter, folded to lower case; null when absent. Raises PT422 filter_invalid.';

create function private.broadcast_audience(org_id uuid, filter jsonb) returns table (contact_id uuid, reason text)
  language plpgsql stable security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  c_id      constant text := '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$';
  v_ids     uuid[] := private.filter_words(filter, 'contact_ids', c_id, 100000)::uuid[];
  v_sources uuid[] := private.filter_words(filter, 'source_id', c_id)::uuid[];
  v_stages  uuid[] := private.filter_words(filter, 'stage_id', c_id)::uuid[];
  v_owners  uuid[] := private.filter_words(filter, 'owner_id', c_id)::uuid[];
  v_types   text[] := private.filter_words(filter, 'lead_type', '^.{1,40}$');
  v_states  text[] := private.filter_words(filter, 'state', '^.{1,200}$');
  v_cities  text[] := private.filter_words(filter, 'city', '^.{1,200}$');
  v_people  uuid[] := private.lead_people(broadcast_audience.org_id, nullif(filter -> 'leads', 'null'));
  v_replied boolean := private.flag_field(filter, 'has_replied', 'filter');
  v_since   timestamptz;
  v_from    timestamptz;
  v_to      timestamptz;
  v_name    text;
begin
  foreach v_name in array array['received_from', 'received_to'] loop
    if filter ->> v_name is not null and not pg_input_is_valid(filter ->> v_name, 'timestamptz') then
      perform private.refuse_field('filter.' || v_name, 'is not an instant', 'filter_invalid');
    end if;
  end loop;
  v_from := (filter ->> 'received_from')::timestamptz;
  v_to := (filter ->> 'received_to')::timestamptz;
  if filter ->> 'not_written_for_days' is not null then
    if filter ->> 'not_written_for_days' !~ '^[1-9][0-9]{0,3}$' then
      perform private.refuse_field('filter.not_written_for_days', 'is not a whole number of days from 1', 'filter_invalid');
    end if;
    v_since := now() - make_interval(days => (filter ->> 'not_written_for_days')::int);
  end if;
  return query
    with people as materialized (
      select c.id, c.created_at, c.opted_out_at is not null as is_out,
             case when c.wa_id is not null then c.wa_id
                  when c.phone is not null and coalesce(c.phone_kind, 'mobile') in ('mobile', 'fixed_line_or_mobile') then ltrim(c.phone, '+')
                  else c.user_id end as address
        from public.contacts c
       where c.org_id = broadcast_audience.org_id
         and (v_ids is null or c.id = any (v_ids))
         and (v_states is null or lower(btrim(c.state)) = any (v_states))
         and (v_cities is null or lower(btrim(c.city)) = any (v_cities))
         and (v_people is null or c.id in (select unnest(v_people)))
         and (num_nonnulls(v_sources, v_stages, v_owners, v_types, v_from, v_to) = 0
              or exists (select from public.leads l
                          where l.org_id = c.org_id and l.contact_id = c.id
                            and (v_sources is null or l.source_id = any (v_sources)) and (v_stages is null or l.stage_id = any (v_stages))
                            and (v_owners is null or l.owner_id = any (v_owners)) and (v_types is null or lower(l.lead_type) = any (v_types))
                            and (v_from is null or l.received_at >= v_from) and (v_to is null or l.received_at < v_to)))
         and (v_replied is null
              or v_replied = exists (select from public.messages m where m.contact_id = c.id and m.org_id = c.org_id and m.direction = 'inbound'))
         and (v_since is null
              or not exists (select from public.messages m where m.contact_id = c.id and m.org_id = c.org_id and m.at > v_since and m.status <> 'cancelled')))
    select p.id, case when p.address is null then 'no_number'
                      when bool_or(p.is_out) over (partition by p.address) then 'opted_out'
                      when row_number() over (partition by p.address order by p.created_at, p.id) > 1 then 'duplicate' end
      from people p;
end;
$$;
comment on function private.broadcast_audience is
  'Who a filter means, each with the reason why they would be skipped (no_number, opted_out, duplicate) or null. All that is given must hold: contact_ids, state, city; leads: a '
  'filter of private.lead_condition that lets one of their leads through; one lead with source_id, stage_id, owner_id, lead_type, received_from, received_to (before it); has_replied; '
  'not_written_for_days: no message either way. Values or lists. Raises PT422.';

create function private.broadcast_pace(messages_per_second int) returns numeric
  language sql immutable set search_path = ''
as $$
  select messages_per_second * 0.6
$$;
comment on function private.broadcast_pace is 'Messages a second of all broadcasts of a number: two thirds of what the outbox sends, so that the rest is free for people.';

create function private.broadcast_share(messaging_limit int) returns numeric
  language sql immutable set search_path = ''
as $$
  select floor(messaging_limit * 0.9)
$$;
comment on function private.broadcast_share is 'How many people of Meta''s daily limit broadcasts may write to: a tenth is left for people and greetings.';

------------------------------------------------------------------------------------------------
-- What people see
------------------------------------------------------------------------------------------------
create function private.broadcast_shown(org_id uuid, broadcast_id uuid) returns jsonb
  language plpgsql stable security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_counts jsonb;
begin
  select jsonb_object_agg(k.outcome, coalesce(n.count, 0)) into v_counts
    from unnest('{waiting,queued,uncertain,sent,delivered,read,failed,skipped}'::text[]) k (outcome)
    left join (select r.outcome, count(*) as count from public.broadcast_recipients r
                where r.org_id = broadcast_shown.org_id and r.broadcast_id = broadcast_shown.broadcast_id group by 1) n on n.outcome = k.outcome;
  return (
    select jsonb_build_object('broadcast_id', b.id, 'name', b.name, 'state', b.state, 'number', n.phone_number_id, 'template', b.template_name,
             'language', b.language, 'mapping', b.mapping, 'category', b.category, 'filter', b.filter, 'created_at', b.created_at, 'starts_at', b.starts_at,
             'waits_for', b.waits_for, 'paused_for', b.paused_for, 'paused_reason', b.paused_reason, 'paused_at', b.paused_at, 'ended_at', b.ended_at,
             'total', b.total, 'counts', v_counts || jsonb_build_object('replied',
               (select count(*) from public.broadcast_recipients r where r.org_id = b.org_id and r.broadcast_id = b.id and r.replied_at is not null)),
             'skipped', (select coalesce(jsonb_object_agg(k.reason, k.count), '{}')
                           from (select r.reason, count(*) as count from public.broadcast_recipients r
                                  where r.org_id = b.org_id and r.broadcast_id = b.id and r.outcome = 'skipped' group by 1) k))
      from public.broadcasts b join public.whatsapp_numbers n on (n.org_id, n.id) = (b.org_id, b.number_id)
     where b.org_id = broadcast_shown.org_id and b.id = broadcast_shown.broadcast_id);
end;
$$;
comment on function private.broadcast_shown is
  'A broadcast as people see it: its row, counts by outcome (each person counts once, where they are now; replied beside) and skipped by reason.';

create function private.broadcasts_shown(org_id uuid, broadcast_id uuid, before_at timestamptz, before_id uuid, page_size int) returns jsonb
  language plpgsql stable security definer set search_path = ''
as $$
#variable_conflict use_column
begin
  if broadcast_id is not null then
    perform private.find_broadcast(broadcasts_shown.org_id, broadcast_id);
  end if;
  return (select coalesce(jsonb_agg(private.broadcast_shown(broadcasts_shown.org_id, k.id) order by k.created_at desc, k.id desc), '[]')
            from (select b.id, b.created_at from public.broadcasts b
                   where b.org_id = broadcasts_shown.org_id and (broadcasts_shown.broadcast_id is null or b.id = broadcasts_shown.broadcast_id)
                     and (before_at is null or (b.created_at, b.id) < (before_at, coalesce(before_id, '00000000-0000-0000-0000-000000000000')))
                   order by b.created_at desc, b.id desc limit least(greatest(coalesce(page_size, 20), 1), 100)) k);
end;
$$;
comment on function private.broadcasts_shown is 'What public.list_broadcasts tells. Asks nobody''s leave: callers do.';
create function private.list_broadcasts(org_id uuid, broadcast_id uuid, before_at timestamptz, before_id uuid, page_size int) returns jsonb
  language plpgsql stable security definer set search_path = ''
as $$
begin
  perform private.require_role(list_broadcasts.org_id, 'agent');
  return private.broadcasts_shown(list_broadcasts.org_id, list_broadcasts.broadcast_id, list_broadcasts.before_at, list_broadcasts.before_id, list_broadcasts.page_size);
end;
$$;
comment on function private.list_broadcasts is 'public.list_broadcasts behind its door.';
create function public.list_broadcasts(org_id uuid, broadcast_id uuid default null, before_at timestamptz default null, before_id uuid default null,
                                       page_size int default 20) returns jsonb
  language sql stable set search_path = ''
begin atomic
  select private.list_broadcasts(org_id, broadcast_id, before_at, before_id, page_size);
end;
comment on function public.list_broadcasts is
  'Broadcasts, the newest first, or one: [{broadcast_id, name, state, number, template, language, mapping, category, filter, created_at, starts_at, waits_for, paused_for, '
  'paused_reason, paused_at, ended_at, total, counts: {waiting, queued, uncertain, sent, delivered, read, failed, skipped, replied}, skipped: {reason: people}}]. '
  'The next page begins before the created_at and id of the last. Members. Raises PT404.';

create function private.broadcast_outcomes(org_id uuid, broadcast_id uuid, outcome text, after_id uuid, page_size int) returns jsonb
  language plpgsql stable security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_after uuid := coalesce(after_id, '00000000-0000-0000-0000-000000000000');
begin
  perform private.require_role(broadcast_outcomes.org_id, 'agent');
  perform private.find_broadcast(broadcast_outcomes.org_id, broadcast_id);
  return (
    select coalesce(jsonb_agg(jsonb_build_object('contact_id', k.contact_id, 'name', c.name, 'phone', coalesce('+' || c.wa_id, c.phone), 'outcome', k.outcome,
             'reason', k.reason, 'words', coalesce(k.words, m.error_message), 'error_code', m.error_code, 'message_id', k.message_id, 'conversation_id', m.conversation_id,
             'sent_at', m.sent_at, 'delivered_at', m.delivered_at, 'read_at', m.read_at, 'replied_at', k.replied_at) order by k.contact_id), '[]')
      from (select r.* from public.broadcast_recipients r
             where r.org_id = broadcast_outcomes.org_id and r.broadcast_id = broadcast_outcomes.broadcast_id and r.contact_id > v_after
               and case broadcast_outcomes.outcome when 'replied' then r.replied_at is not null else true end
               and (broadcast_outcomes.outcome is null or broadcast_outcomes.outcome = 'replied' or r.outcome = broadcast_outcomes.outcome)
             order by r.contact_id limit least(greatest(coalesce(page_size, 50), 1), 500)) k
      join public.contacts c on (c.org_id, c.id) = (k.org_id, k.contact_id)
      left join public.messages m on (m.org_id, m.id) = (k.org_id, k.message_id));
end;
$$;
comment on function private.broadcast_outcomes is 'public.broadcast_outcomes behind its door.';
create function public.broadcast_outcomes(org_id uuid, broadcast_id uuid, outcome text default null, after_id uuid default null, page_size int default 50) returns jsonb
  language sql stable set search_path = ''
begin atomic
  select private.broadcast_outcomes(org_id, broadcast_id, outcome, after_id, page_size);
end;
comment on function public.broadcast_outcomes is
  'Who a broadcast is for and what became of each, all or those of one outcome (replied too): [{contact_id, name, phone, outcome, reason, words, error_code, message_id, '
  'conversation_id, sent_at, delivered_at, read_at, replied_at}] in the order of contact_id, after after_id. Members. Raises PT404.';
grant execute on function private.list_broadcasts, public.list_broadcasts, private.broadcast_outcomes, public.broadcast_outcomes to authenticated;

------------------------------------------------------------------------------------------------
-- What operators do
------------------------------------------------------------------------------------------------
create function worker.broadcasts(org_id uuid, broadcast_id uuid default null, page_size int default 20) returns jsonb
  language plpgsql stable security definer set search_path = ''
as $$
begin
  perform private.require_organization(broadcasts.org_id);
  return jsonb_build_object('broadcasts', private.broadcasts_shown(broadcasts.org_id, broadcasts.broadcast_id, null, null, broadcasts.page_size));
end;
$$;
comment on function worker.broadcasts is '{broadcasts: as public.list_broadcasts}, for the operator. Raises PT404.';

create function worker.preview_broadcast(org_id uuid, broadcast_id uuid) returns jsonb
  language plpgsql stable security definer set search_path = ''
as $$
begin
  perform private.require_organization(preview_broadcast.org_id);
  return private.work_out_broadcast(preview_broadcast.org_id, null, preview_broadcast.broadcast_id);
end;
$$;
comment on function worker.preview_broadcast is 'public.preview_broadcast of a stored broadcast, for the operator. Raises PT404.';

create function worker.steer_broadcast(org_id uuid, broadcast_id uuid, step text, send_at timestamptz default null) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
begin
  perform private.require_organization(steer_broadcast.org_id);
  if steer_broadcast.step is null or steer_broadcast.step not in ('start', 'pause', 'resume', 'cancel') then
    raise sqlstate 'PT422' using message = 'A broadcast can start, pause, resume or cancel', detail = 'step_unknown', hint = 'One of the four.';
  end if;
  return private.steer_broadcast(steer_broadcast.org_id, steer_broadcast.broadcast_id, steer_broadcast.step, steer_broadcast.send_at);
end;
$$;
comment on function worker.steer_broadcast is 'private.steer_broadcast for the operator: start, pause, resume or cancel. Raises PT404, PT409, PT422.';
grant execute on function worker.broadcasts, worker.preview_broadcast, worker.steer_broadcast to service_role;
