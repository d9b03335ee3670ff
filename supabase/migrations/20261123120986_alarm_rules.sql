-- 986_alarm_rules.sql: the rules of alarms, each with its look: one query over what is noted anyway, by an index, cheap enough for every minute.

create index dead_letters_new on private.dead_letters (created_at) where resolved_at is null;

insert into private.alarm_rules (rule, place, severity, threshold, unit, holds, clears, every, is_finding, remedy) values
  ('server_errors', 10, 'critical', 2, 'percent', '0', '5 minutes', '1 minute', false,
   'Look at the errors of the last minutes (Operations, Errors) and at the workers'' log; take the last release back if it began with it.'),
  ('slow_answers', 20, 'warning', 1500, 'ms', '2 minutes', '5 minutes', '1 minute', false,
   'Look which route is slow, and whether it waits for the database or for a service outside. More workers help only when they are busy themselves.'),
  ('webhook_lag', 30, 'warning', 60, 'seconds', '1 minute', '5 minutes', '1 minute', false,
   'See at Meta whether the app''s webhooks fail or wait (App dashboard, Webhooks), and whether the workers answer in time.'),
  ('number_silent', 40, 'warning', null, null, '0', '5 minutes', '1 minute', true,
   'Look at the app''s webhook in Meta''s dashboard, and at the account in `flow doctor`; write to the number from a phone.'),
  ('source_differs', 50, 'warning', null, null, '0', '30 minutes', '15 minutes', true,
   'The organization''s IndiaMART page says which leads came one way only; the key and the push address must be of one account.'),
  ('queue_old', 60, 'critical', 120, 'seconds', '0', '2 minutes', '1 minute', false,
   'See that the workers'' jobs run and answer, and that the database can reach them; `flow doctor` tries both.'),
  ('payment_quarantined', 70, 'warning', 0, 'many', '0', '1 minute', '1 minute', false, '`flow billing problems` names it and says why.'),
  ('dead_letters', 80, 'warning', 10, 'many', '0', '5 minutes', '1 minute', false, 'Look at the reason with `flow events`, mend it, and `flow replay`.'),
  ('retention_missed', 90, 'critical', null, null, '0', '1 minute', '15 minutes', false,
   'See that pg_cron runs `flow-retention` and wakes the job `retention`; or have a scheduler POST /jobs/retention.'),
  ('deletion_late', 100, 'critical', null, null, '0', '1 minute', '15 minutes', false, 'See that the job `purge` runs: POST /jobs/purge, or pg_cron''s `flow-sweep`.'),
  ('inquiry_overdue', 105, 'warning', 0, 'many', '0', '1 minute', '15 minutes', false, 'Operations, Support, Overdue: answer them; the law sets the time.'),
  ('isolation', 110, 'critical', null, null, '0', '1 minute', '5 minutes', false,
   'Look at the policies and grants of what is named: they differ from this release''s. Late: see that pg_cron runs `flow-isolation`, or press Check now on the Trust page.'),
  ('partition_missing', 120, 'critical', null, null, '0', '1 minute', '5 minutes', false, 'See that pg_cron runs `flow-retention`: it makes the partitions of the coming week.'),
  ('telemetry_lost', 130, 'warning', 0, 'many', '0', '1 minute', '1 minute', false, 'See in the workers'' log why batches were not written; a database that is busy, or a row that no table takes.'),
  ('credential_refused', 140, 'warning', null, null, '0', '5 minutes', '1 minute', true,
   'Only the organization can mend it: it connects WhatsApp again, or enters a new key. `flow doctor` says what for.'),
  ('cron_silent', 150, 'critical', null, null, '1 minute', '2 minutes', '1 minute', false, 'Look at cron.job_run_details for what went wrong, and that pg_cron is on.'),
  ('wakeup_unanswered', 160, 'critical', 300, 'seconds', '2 minutes', '2 minutes', '1 minute', false,
   'See that the workers run with FLOW_WORKERS including jobs, that FLOW_PUBLIC_URL reaches them from the database, and that both hold one job secret.'),
  ('rule_failed', 1000, 'critical', null, null, '0', '1 minute', '1 minute', false, 'An alarm cannot be looked at: what it watches over is not watched. Run `flow migrate`; else report it.');

-- The workers -------------------------------------------------------------------------------------------------------------

create function private.alarm_on_server_errors(rule private.alarm_rules) returns setof private.alarm_sign
  language sql stable security definer set search_path = ''
as $$
  select '', null::uuid, round(100.0 * x.bad / x.many, 1), format('%s of %s requests of the last five minutes ended in an error of Flow''s (HTTP 5xx).', x.bad, x.many)
    from (select count(*) as many, count(*) filter (where r.status >= 500) as bad from private.request_log r where r.occurred_at > now() - interval '5 minutes') x
   where x.many >= 20 and 100.0 * x.bad / x.many > (rule).threshold
$$;
comment on function private.alarm_on_server_errors is 'More requests than the threshold (percent) ended in a 5xx within five minutes; of 20 at least.';

create function private.alarm_on_slow_answers(rule private.alarm_rules) returns setof private.alarm_sign
  language sql stable security definer set search_path = ''
as $$
  select '', null::uuid, round(x.slow), format('One request in twenty took longer than %s s in the last five minutes.', round(x.slow / 1000, 1))
    from (select count(*) as many, percentile_disc(0.95) within group (order by r.duration_ms) as slow from private.request_log r
           where r.occurred_at > now() - interval '5 minutes' and r.route not like '/jobs/%') x
   where x.many >= 20 and x.slow > (rule).threshold
$$;
comment on function private.alarm_on_slow_answers is 'The 95th percentile of five minutes is above the threshold (ms); of 20 requests at least. Jobs take the time that they are given.';

create function private.alarm_on_webhook_lag(rule private.alarm_rules) returns setof private.alarm_sign
  language sql stable security definer set search_path = ''
as $$
  select x.provider, null::uuid, round(x.lag / 1000), format('Webhooks of %s came %s seconds after what they tell of (median of the last five minutes).', x.provider, round(x.lag / 1000))
    from (select c.provider, count(*) as many, percentile_disc(0.5) within group (order by c.lag_ms) as lag from private.api_calls c
           where c.direction = 'in' and c.lag_ms is not null and c.occurred_at > now() - interval '5 minutes' group by c.provider) x
   where x.many >= 3 and x.lag > (rule).threshold * 1000
$$;
comment on function private.alarm_on_webhook_lag is 'A provider''s webhooks come later than the threshold (seconds), in the middle; of three at least.';

create function private.alarm_on_wakeup_unanswered(rule private.alarm_rules) returns setof private.alarm_sign
  language plpgsql stable security definer set search_path = ''
as $$
begin
  return query
  select w.job, null::uuid, round(extract(epoch from now() - j.at)),
         format('The database asked for the job %s, and %s.', w.job, coalesce('it did not run since ' || to_char(j.at at time zone 'UTC', 'HH24:MI UTC'), 'it never ran'))
    from private.wakeups w
    left join lateral (select max(r.occurred_at) as at from private.job_runs r where r.job = w.job and r.occurred_at > w.asked_at - interval '1 day') j on true
   where exists (select from vault.secrets s where s.name = 'flow_worker_url') and w.asked_at > now() - interval '1 day' and w.asked_at > coalesce(j.at + interval '5 seconds', '-infinity')
     and coalesce(j.at, '-infinity') < now() - make_interval(secs => (rule).threshold::int);
end;
$$;
comment on function private.alarm_on_wakeup_unanswered is
  'A job was asked for, and no run of it began since; nor did one in the last seconds of the threshold, while which a long one may still be at work.';

create function private.alarm_on_cron_silent(rule private.alarm_rules) returns setof private.alarm_sign
  language plpgsql stable security definer set search_path = ''
as $$
begin
  if to_regclass('cron.job_run_details') is null then
    return;
  end if;
  -- A job's newest run, by the log's own key, backwards; what runs once a day has an alarm of its own (isolation).
  return query execute $q$
    with jobs as (
      select j.jobid, j.jobname, j.active, case when j.schedule ~ 'second' then interval '5 minutes' when j.schedule ~ '^\S+ \* ' then interval '130 minutes' end as most
        from cron.job j where j.jobname like 'flow-%' and j.database = current_database()),
    oldest as (select d.start_time as at from cron.job_run_details d order by d.runid limit 1)
    select k.jobname, null::uuid, null::numeric,
           case when not k.active then format('The cron job %s is switched off.', k.jobname)
                when d.status = 'failed' then format('The cron job %s failed.', k.jobname) else format('The cron job %s did not run for %s.', k.jobname, k.most) end
      from jobs k
      left join lateral (select r.status, r.start_time from cron.job_run_details r where r.jobid = k.jobid and k.most is not null and r.status <> 'running' order by r.runid desc limit 1) d on true
     where not k.active or k.most is not null and (d.status = 'failed' or coalesce(d.start_time, (select o.at from oldest o)) < now() - k.most)$q$;
end;
$$;
comment on function private.alarm_on_cron_silent is 'A cron job of Flow''s is off, failed at its last run, or has no run for longer than its schedule allows. Nothing where there is no pg_cron.';

create function private.alarm_on_telemetry_lost(rule private.alarm_rules) returns setof private.alarm_sign
  language sql stable security definer set search_path = ''
as $$
  select '', null::uuid, x.many, format('%s rows of telemetry were not written: %s were let go by the workers, %s were taken by no table.', x.many, x.dropped, x.refused)
    from (select sum(l.dropped + l.refused) as many, sum(l.dropped) as dropped, sum(l.refused) as refused from private.telemetry_losses l where l.hour > now() - interval '2 hours') x
   where x.many > (rule).threshold
$$;
comment on function private.alarm_on_telemetry_lost is 'More rows of telemetry than the threshold were lost in this hour or the one before.';

create function private.alarm_on_partition_missing(rule private.alarm_rules) returns setof private.alarm_sign
  language sql stable security definer set search_path = ''
as $$
  select m.name, null::uuid, null::numeric, format('The partition %s, which tomorrow''s rows need, is not there.', m.name)
    from unnest(private.missing_partitions()) m (name)
$$;
comment on function private.alarm_on_partition_missing is 'A partition that tomorrow''s rows need is missing.';

create function private.alarm_on_rule_failed(rule private.alarm_rules) returns setof private.alarm_sign
  language sql stable security definer set search_path = ''
as $$
  select r.rule, null::uuid, null::numeric, format('The alarm %s cannot be looked at (SQLSTATE %s).', r.rule, r.failed) from private.alarm_rules r where r.failed is not null
$$;
comment on function private.alarm_on_rule_failed is 'A rule''s look failed.';

-- What waits ---------------------------------------------------------------------------------------------------------------

create function private.alarm_on_queue_old(rule private.alarm_rules) returns setof private.alarm_sign
  language sql stable security definer set search_path = ''
as $$
  with waits as (
    -- Of numbers that may send: a number that is paused, or has lost its access, waits for a reason.
    select 'messages' as queue, b.org_id, l.next_at as due
      from private.number_lanes b
      join public.whatsapp_numbers n on (n.org_id, n.id) = (b.org_id, b.number_id) and n.status = 'connected'
      join public.whatsapp_accounts a on (a.org_id, a.id) = (n.org_id, n.account_id) and a.status = 'connected' and a.credential_id is not null
     cross join lateral (select x.next_at from private.send_lanes x where x.org_id = b.org_id and x.number_id = b.number_id and x.next_at <= now() order by x.next_at limit 1) l
     where b.blocked_until <= now()
    union all
    select 'media', null, m.next_at from public.media m where m.status = 'pending' and m.next_at <= now()
    union all
    select 'payments', null, e.next_at from private.payment_events e where e.status = 'received' and e.next_at <= now() and coalesce(e.lease_until, '-infinity') <= now())
  select w.queue, case when count(distinct w.org_id) = 1 then (array_agg(w.org_id))[1] end, round(extract(epoch from now() - min(w.due))),
         format('The oldest of what waits in the queue %s is due for %s seconds.', w.queue, round(extract(epoch from now() - min(w.due))))
    from waits w group by w.queue
  having now() - min(w.due) > make_interval(secs => (rule).threshold::int)
$$;
comment on function private.alarm_on_queue_old is 'Something is due for longer than the threshold (seconds), and nobody has taken it: messages, media, payments.';

create function private.alarm_on_dead_letters(rule private.alarm_rules) returns setof private.alarm_sign
  language sql stable security definer set search_path = ''
as $$
  select '', case when count(distinct coalesce(d.org_id, '00000000-0000-0000-0000-000000000000')) = 1 then (array_agg(d.org_id))[1] end, count(*)::numeric,
         format('%s updates of the last hour could not be applied; most often: %s.', count(*), mode() within group (order by d.reason))
    from private.dead_letters d where d.resolved_at is null and d.created_at > now() - interval '1 hour'
  having count(*) > (rule).threshold
$$;
comment on function private.alarm_on_dead_letters is 'More updates than the threshold became dead letters within an hour.';

create function private.alarm_on_payment_quarantined(rule private.alarm_rules) returns setof private.alarm_sign
  language sql stable security definer set search_path = ''
as $$
  (select 'event ' || e.id, null::uuid, null::numeric, format('A payment event of %s (%s) is %s: %s.', e.provider, e.type, e.status, coalesce(e.error, 'no reason noted'))
     from private.payment_events e where e.status in ('quarantined', 'failed') and e.received_at > now() - interval '30 days' order by e.id desc limit 20)
  union all
  (select 'payment ' || p.id, p.org_id, null::numeric, format('A payment that was captured is not booked: %s.', p.quarantine)
     from public.payments p where p.quarantine is not null order by p.created_at desc limit 20)
$$;
comment on function private.alarm_on_payment_quarantined is 'Events of payment suppliers that are not believed, and captured payments that are not booked; the newest 20 of each.';

-- Organizations ------------------------------------------------------------------------------------------------------------

create function private.is_unusually_quiet(org_id uuid) returns boolean
  language plpgsql stable security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_hour int := extract(hour from now() at time zone private.time_zone_of(is_unusually_quiet.org_id));
begin
  if v_hour not between 9 and 20 or not exists (select from public.whatsapp_numbers n where n.org_id = is_unusually_quiet.org_id and n.heard_at < now() - interval '15 minutes')
     or exists (select from public.whatsapp_numbers n where n.org_id = is_unusually_quiet.org_id and n.heard_at >= now() - interval '15 minutes') then
    return false;
  end if;
  -- The same quarter of an hour of the last seven days, the same weekday among them: at least five were as busy as three webhooks.
  return (
    select count(*) >= 5 and bool_or(d.back = 7) from generate_series(1, 7) d (back)
     where (select count(*) from (select from private.event_effects e where e.org_id = is_unusually_quiet.org_id
              and e.received_at > now() - make_interval(days => d.back) - interval '15 minutes' and e.received_at <= now() - make_interval(days => d.back) limit 3) x) = 3);
end;
$$;
comment on function private.is_unusually_quiet is
  'Whether nothing was heard of an organization''s numbers for 15 minutes of the day (9 to 21 o''clock where it is), though at this time it is never so quiet. Of all its numbers together: events are noted by the organization.';

create function private.alarm_on_number_silent(rule private.alarm_rules) returns setof private.alarm_sign
  language sql stable security definer set search_path = ''
as $$
  select 'number ' || h.number_id, h.org_id, null::numeric, string_agg(h.words, ' ' order by h.kind) from public.whatsapp_health h
   where h.kind in ('silence', 'statuses', 'quiet') and h.number_id is not null group by h.number_id, h.org_id
$$;
comment on function private.alarm_on_number_silent is 'A number fell silent, as private.watch_numbers found.';

create function private.alarm_on_credential_refused(rule private.alarm_rules) returns setof private.alarm_sign
  language sql stable security definer set search_path = ''
as $$
  select 'account ' || a.id, a.org_id, null::numeric, coalesce(a.status_reason, 'WhatsApp has to be connected again.') from public.whatsapp_accounts a where a.status = 'reconnect'
  union all
  select 'source ' || s.id, s.org_id, null::numeric, format('The source (%s) is refused: %s.', s.kind, s.state) from public.lead_sources s
   where s.state in ('key_rejected', 'key_unreadable', 'access_lost') and s.disconnected_at is null
$$;
comment on function private.alarm_on_credential_refused is 'Meta refuses an account''s token, or a source its key.';

create function private.alarm_on_source_differs(rule private.alarm_rules) returns setof private.alarm_sign
  language sql stable security definer set search_path = ''
as $$
  select 'source ' || s.id, s.org_id, null::numeric, string_agg(f.words, ' ' order by f.code)
    from public.lead_sources s cross join lateral private.indiamart_findings(s) f
   where s.kind = 'indiamart' and s.disconnected_at is null and s.push_token_sha256 is not null and s.credential_id is not null and f.code in ('push_silent', 'pull_misses')
   group by s.id, s.org_id
$$;
comment on function private.alarm_on_source_differs is 'What IndiaMART pushes and what it answers are not the same, as private.indiamart_findings finds.';

-- Promises -----------------------------------------------------------------------------------------------------------------

create function private.alarm_on_retention_missed(rule private.alarm_rules) returns setof private.alarm_sign
  language sql stable security definer set search_path = ''
as $$
  select p.value ->> 'class', null::uuid, null::numeric,
         case when (p.value ->> 'is_late')::boolean then format('Clearing out of %s: no run for 48 hours (last: %s).', p.value ->> 'class', coalesce(p.value ->> 'last_at', 'never'))
              else format('Clearing out of %s failed.', p.value ->> 'class') end
    from jsonb_array_elements(worker.retention_problems() -> 'problems') p
$$;
comment on function private.alarm_on_retention_missed is 'A class of what is too old was not cleared out for 48 hours, or its last run failed.';

create function private.alarm_on_deletion_late(rule private.alarm_rules) returns setof private.alarm_sign
  language sql stable security definer set search_path = ''
as $$
  select 'deletion ' || (d.value ->> 'deletion_id'), null::uuid, null::numeric, 'An organization that asked for deletion 25 days ago is not deleted yet.'
    from jsonb_array_elements(worker.late_deletions()) d
$$;
comment on function private.alarm_on_deletion_late is 'A deletion will not be done within the 30 days that are promised.';

create function private.alarm_on_inquiry_overdue(rule private.alarm_rules) returns setof private.alarm_sign
  language plpgsql stable security definer set search_path = ''
as $$
declare
  v_many bigint := private.overdue_inquiries();
begin
  return query select '', null::uuid, v_many::numeric, format('%s inquiries of people from outside were not settled in their time.', v_many) where v_many > (rule).threshold;
end;
$$;
comment on function private.alarm_on_inquiry_overdue is 'An inquiry about somebody''s own data, a grievance or a security report is past its time.';

create function private.alarm_on_isolation(rule private.alarm_rules) returns setof private.alarm_sign
  language sql stable security definer set search_path = ''
as $$
  select 'leak', null::uuid, null::numeric, format('Organizations are not kept apart: the last check came through at %s.',
           (select string_agg(distinct format('%s (%s)', l.value ->> 'table', l.value ->> 'what'), ', ') from jsonb_array_elements(s.state -> 'leaks') l))
    from (select worker.isolation_state() as state) s where s.state -> 'leaks' <> '[]'
  union all
  select 'late', null, null, 'Whether organizations are kept apart was not checked for 48 hours.'
    from (select worker.isolation_state() as state) s where (s.state ->> 'is_late')::boolean
$$;
comment on function private.alarm_on_isolation is 'The nightly check of the separation came through somewhere, or is missing.';
