-- 987_alarm_pages.sql: alarms as Flow's own people see them: in the dashboard, by `flow alarms` and in `flow doctor`.

create function private.operations_alarms(is_over boolean, before_id bigint, page_size int) returns jsonb
  language plpgsql stable security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_most int := least(greatest(coalesce(operations_alarms.page_size, 50), 1), 200);
begin
  perform private.require_staff();
  return (
    with page as (
      select a.* from private.alarms a
       where (a.resolved_at is not null) = operations_alarms.is_over and a.opened_at is not null and a.id < coalesce(operations_alarms.before_id, 9223372036854775807)
       order by a.id desc limit v_most)
    select jsonb_build_object(
      'evaluated_at', (select max(r.checked_at) from private.alarm_rules r),
      'alarms', coalesce(jsonb_agg(private.alarm_json(p) || jsonb_build_object('organization', o.name, 'acknowledged_by', coalesce(nullif(u.name, ''), u.email)) order by p.id desc), '[]'),
      'next', case when count(*) = v_most then min(p.id) end)
      from page p left join public.organizations o on o.id = p.org_id left join public.profiles u on u.id = p.acknowledged_by);
end;
$$;
comment on function private.operations_alarms is 'Body of public.operations_alarms. Definer: alarms are closed to all.';

create function public.operations_alarms(is_over boolean default false, before_id bigint default null, page_size int default 50) returns jsonb
  language sql stable set search_path = ''
begin atomic
  select private.operations_alarms(operations_alarms.is_over, operations_alarms.before_id, operations_alarms.page_size);
end;
comment on function public.operations_alarms is
  'Alarms that are open, or (is_over) were, newest first, those before an id: {evaluated_at: when rules were last looked at, alarms: [as private.alarm_json, with organization: its name, acknowledged_by: a name], '
  'next: before_id of the next page, or null}. For Flow''s own people. Raises PT404 for everybody else.';

create function private.take_alarm(alarm_id bigint, who uuid) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_alarm private.alarms;
begin
  select a.* into v_alarm from private.alarms a where a.id = take_alarm.alarm_id and a.opened_at is not null for update;
  if not found then
    raise sqlstate 'PT404' using message = 'There is no such alarm.', detail = 'alarm_unknown', hint = 'List the open ones again.';
  elsif v_alarm.resolved_at is not null then
    raise sqlstate 'PT409' using message = 'This alarm is over.', detail = 'alarm_over', hint = 'Nothing is to be done.';
  elsif v_alarm.acknowledged_at is null then
    update private.alarms a set acknowledged_at = now(), acknowledged_by = take_alarm.who, changes = a.changes + 1 where a.id = v_alarm.id returning a.* into v_alarm;
    perform private.wake('alarms');
  end if;
  return private.alarm_json(v_alarm);
end;
$$;
comment on function private.take_alarm is 'Somebody says that they look after an alarm; the first to say so is noted. Returns it. Raises PT404 alarm_unknown, PT409 alarm_over.';

create function private.acknowledge_alarm(alarm_id bigint) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
begin
  perform private.require_staff();
  return private.take_alarm(acknowledge_alarm.alarm_id, auth.uid());
end;
$$;
comment on function private.acknowledge_alarm is 'Body of public.acknowledge_alarm. Definer: alarms are closed to all.';

create function public.acknowledge_alarm(alarm_id bigint) returns jsonb
  language sql volatile set search_path = ''
begin atomic
  select private.acknowledge_alarm(acknowledge_alarm.alarm_id);
end;
comment on function public.acknowledge_alarm is
  'Says that the caller looks after an alarm: as private.alarm_json. For Flow''s own people. Raises PT404 (also for everybody else), alarm_unknown, PT409 alarm_over.';

create function private.alarms_are_late() returns boolean
  language sql stable security definer set search_path = ''
as $$
  -- A new installation has not looked yet: it counts from when its tables were made.
  select coalesce((select max(r.checked_at) from private.alarm_rules r), (select min(c.added_at) from private.retention_classes c)) < now() - interval '5 minutes'
$$;
comment on function private.alarms_are_late is 'Whether nobody has looked for alarms for five minutes.';

create function private.health_figures() returns jsonb
  language plpgsql stable security definer set search_path = ''
as $$
begin
  return jsonb_build_object(
    'evaluated_at', (select max(r.checked_at) from private.alarm_rules r), 'is_late', private.alarms_are_late(),
    'alarms', (select jsonb_build_object('critical', count(*) filter (where r.severity = 'critical'), 'warning', count(*) filter (where r.severity = 'warning'))
                 from private.alarms a join private.alarm_rules r using (rule) where a.resolved_at is null and a.opened_at is not null),
    'queues', private.queue_ages(),
    'requests', (select jsonb_build_object('many', count(*), 'errors', count(*) filter (where r.status >= 500),
                                           'p95_ms', percentile_disc(0.95) within group (order by r.duration_ms) filter (where r.route not like '/jobs/%'))
                   from private.request_log r where r.occurred_at > now() - interval '5 minutes'),
    'webhooks', (select coalesce(jsonb_agg(to_jsonb(w) order by w.provider), '[]') from (
      select c.provider, count(*) as many, max(c.occurred_at) as last_at, percentile_disc(0.5) within group (order by c.lag_ms) as lag_ms
        from private.api_calls c where c.direction = 'in' and c.occurred_at > now() - interval '1 hour' group by c.provider) w),
    'jobs', (select coalesce(jsonb_agg(jsonb_build_object('job', w.job, 'asked_at', nullif(w.asked_at, '-infinity'), 'ran_at', j.occurred_at, 'outcome', j.outcome,
                                                          'duration_ms', round(j.duration_ms)) order by w.job), '[]')
               from private.wakeups w
               left join lateral (select r.* from private.job_runs r where r.job = w.job and r.occurred_at > now() - interval '7 days' order by r.occurred_at desc limit 1) j on true),
    'missing_partitions', to_jsonb(private.missing_partitions()),
    'dead_letters', (select jsonb_build_object('waiting', count(*), 'last_hour', count(*) filter (where d.created_at > now() - interval '1 hour'))
                       from private.dead_letters d where d.resolved_at is null),
    'channels', (select jsonb_agg(jsonb_build_object('channel', k.channel, 'is_wanted', k.is_wanted, 'told_at', k.told_at, 'error', k.error) order by k.channel)
                   from private.alarm_channels k));
end;
$$;
comment on function private.health_figures is 'Body of public.operations_health.';

create function private.operations_health() returns jsonb
  language plpgsql stable security definer set search_path = ''
as $$
begin
  perform private.require_staff();
  return private.health_figures();
end;
$$;
comment on function private.operations_health is 'private.health_figures for Flow''s own people. Definer: telemetry is closed to all.';

create function public.operations_health() returns jsonb
  language sql stable set search_path = ''
begin atomic
  select private.operations_health();
end;
comment on function public.operations_health is
  'How Flow runs just now: {evaluated_at, is_late: nobody looks for alarms, alarms: {critical, warning}, queues: {messages, signals, media: seconds that the oldest waits}, requests of five minutes: {many, errors, p95_ms}, '
  'webhooks of an hour: [{provider, many, last_at, lag_ms}], jobs: [{job, asked_at, ran_at, outcome, duration_ms}], missing_partitions, dead_letters: {waiting, last_hour}, '
  'channels: [{channel, is_wanted, told_at, error}]}. Names nobody. For Flow''s own people. Raises PT404 for everybody else.';

grant execute on function private.operations_alarms, public.operations_alarms, private.acknowledge_alarm, public.acknowledge_alarm,
  private.operations_health, public.operations_health to authenticated;

-- Operators ----------------------------------------------------------------------------------------------------------------

create function worker.alarms(is_over boolean default false, most int default 50) returns jsonb
  language sql stable security definer set search_path = ''
as $$
  select jsonb_build_object('alarms', coalesce(jsonb_agg(p.told order by p.id desc), '[]'))
    from (select x.id, private.alarm_json(x) as told from private.alarms x where (x.resolved_at is not null) = alarms.is_over and x.opened_at is not null
           order by x.id desc limit least(greatest(alarms.most, 1), 500)) p
$$;
comment on function worker.alarms is 'Alarms that are open, or (is_over) were, newest first: {alarms: [as private.alarm_json]}.';

create function worker.acknowledge_alarm(alarm_id bigint) returns jsonb
  language sql volatile security definer set search_path = ''
as $$
  select private.take_alarm(acknowledge_alarm.alarm_id, null)
$$;
comment on function worker.acknowledge_alarm is 'public.acknowledge_alarm, for an operator at the command line.';

create function worker.look_at_alarms() returns jsonb
  language plpgsql stable security definer set search_path = ''
as $$
declare
  v_rule  private.alarm_rules;
  v_signs private.alarm_sign[];
  v_found jsonb := '[]';
  v_state text;
begin
  for v_rule in select r.* from private.alarm_rules r where not r.is_finding and r.rule <> 'rule_failed' order by r.severity, r.place loop
    v_state := null;
    begin
      v_signs := array(select s from private.alarm_signs(v_rule) s);
    exception when others then
      get stacked diagnostics v_state = returned_sqlstate;
      v_signs := array[row(v_rule.rule, null, null, format('The alarm %s cannot be looked at (SQLSTATE %s).', v_rule.rule, v_state))::private.alarm_sign];
    end;
    v_found := v_found || (
      select coalesce(jsonb_agg(jsonb_build_object('rule', v_rule.rule, 'severity', v_rule.severity, 'words', s.words, 'remedy', v_rule.remedy, 'alarm_id', case when a.opened_at is not null then a.id end,
                                                   'since', a.since, 'is_acknowledged', a.acknowledged_at is not null) order by s.subject), '[]')
        from unnest(v_signs) s left join private.alarms a on a.rule = v_rule.rule and a.subject = s.subject and a.resolved_at is null
       -- What has to last is told once it has: a job that was asked for a second ago may just be at work.
       where v_rule.holds = '0' or v_state is not null or a.since <= now() - v_rule.holds);
  end loop;
  return jsonb_build_object('signs', v_found, 'rules', (select count(*) from private.alarm_rules), 'evaluated_at', (select max(r.checked_at) from private.alarm_rules r),
    'is_late', private.alarms_are_late(),
    'channels', (select jsonb_agg(jsonb_build_object('channel', k.channel, 'is_wanted', k.is_wanted, 'error', k.error) order by k.channel) from private.alarm_channels k));
end;
$$;
comment on function worker.look_at_alarms is
  'What every rule sees just now and has seen for as long as it asks, noting nothing, for `flow doctor`: {signs: [{rule, severity, words, remedy, alarm_id and since of the open alarm or null, is_acknowledged}], rules, evaluated_at, '
  'is_late: nobody evaluates them, channels: [{channel, is_wanted, error}]}. Without the rules that are findings of organizations: those are told as such.';
grant execute on function worker.alarms, worker.acknowledge_alarm, worker.look_at_alarms to service_role;
