-- 985_alarms.sql: what is wrong, noticed by rules, once a minute: open, acknowledged, over; and told once. The rules' own looks are in 986.

create table private.alarm_rules (
  rule        text primary key,
  place       int not null unique,
  severity    text not null,
  threshold   numeric,
  unit        text,
  holds       interval not null default '0',
  clears      interval not null default '5 minutes',
  every       interval not null default '1 minute',
  is_finding  boolean not null default false,
  remedy      text not null,
  checked_at  timestamptz,
  failed      text,
  took_ms     int,
  constraint alarm_rule_is_a_slug check (rule ~ '^[a-z][a-z_]{1,39}$'),
  constraint alarm_severity_is_known check (severity in ('warning', 'critical')),
  constraint alarm_threshold_has_a_unit check ((threshold is null) = (unit is null))
);
comment on table private.alarm_rules is
  'What is watched, a row a rule; the function private.alarm_on_<rule>(rule) looks. The only place that decides what is an alarm: `flow doctor`, the operators'' page and what is sent all tell of these.';
comment on column private.alarm_rules.rule is 'Its name, and the end of its function''s.';
comment on column private.alarm_rules.place is 'Order in which they are looked at and listed.';
comment on column private.alarm_rules.severity is 'critical: customers feel it, or soon will, or a promise breaks; warning: somebody should look.';
comment on column private.alarm_rules.threshold is 'From where on it is wrong; null: there is nothing to measure.';
comment on column private.alarm_rules.unit is 'What the threshold counts: percent, ms, seconds, many.';
comment on column private.alarm_rules.holds is 'For how long it must be so, at every look, before the alarm opens.';
comment on column private.alarm_rules.clears is 'For how long it must be well again before the alarm is over; longer for one that comes back and back.';
comment on column private.alarm_rules.every is 'How often it is looked at.';
comment on column private.alarm_rules.is_finding is 'Whether it is told to the organization itself already, as a finding on its settings page.';
comment on column private.alarm_rules.remedy is 'What an operator does about it.';
comment on column private.alarm_rules.checked_at is 'When it was last looked at.';
comment on column private.alarm_rules.failed is 'SQLSTATE of a look that failed; null: it went well.';
comment on column private.alarm_rules.took_ms is 'How long the look took.';
alter table private.alarm_rules enable row level security;

create table private.alarms (
  id               bigint generated always as identity primary key,
  rule             text not null references private.alarm_rules,
  subject          text not null default '',
  org_id           uuid references public.organizations on delete restrict,
  value            numeric,
  words            text not null,
  since            timestamptz not null default now(),
  seen_at          timestamptz not null default now(),
  opened_at        timestamptz,
  acknowledged_at  timestamptz,
  acknowledged_by  uuid,
  resolved_at      timestamptz,
  flaps            int not null default 0,
  changes          int not null default 0,
  told             jsonb not null default '{}',
  constraint alarm_is_open_before_it_is_over check (opened_at is not null or resolved_at is null and acknowledged_at is null)
);
comment on table private.alarms is 'Alarms: one for each rule and subject at a time. Not open yet while it has not lasted as long as its rule asks.';
comment on column private.alarms.id is 'Running number.';
comment on column private.alarms.rule is 'The rule.';
comment on column private.alarms.subject is 'What of: a number, a source, a queue, a table, …; empty: Flow as a whole.';
comment on column private.alarms.org_id is 'The organization, where it is one''s; null: it is nobody''s alone.';
comment on column private.alarms.value is 'What was measured last, in the rule''s unit.';
comment on column private.alarms.words is 'What is wrong, in words; no person''s name or number, no content.';
comment on column private.alarms.since is 'Since when it is so.';
comment on column private.alarms.seen_at is 'When it was last so.';
comment on column private.alarms.opened_at is 'When it had lasted long enough; null: not yet.';
comment on column private.alarms.acknowledged_at is 'When somebody said that they look after it; null: nobody.';
comment on column private.alarms.acknowledged_by is 'Who of Flow''s people; null: by the command line. No foreign key: it outlives the account.';
comment on column private.alarms.resolved_at is 'When it was over; null: it is not.';
comment on column private.alarms.flaps is 'How often it came back within a quarter of an hour.';
comment on column private.alarms.changes is 'How often its state changed: opened, acknowledged, over.';
comment on column private.alarms.told is 'Which of the changes was told last on each channel: {channel: number}.';
create unique index alarms_current on private.alarms (rule, subject) where resolved_at is null;
create index alarms_of_a_subject on private.alarms (rule, subject, resolved_at);
create index alarms_over on private.alarms (resolved_at);
create index alarms_org on private.alarms (org_id) where org_id is not null;
alter table private.alarms enable row level security;

create table private.alarm_channels (
  channel      text primary key,
  is_wanted    boolean not null default false,
  lease        uuid,
  lease_until  timestamptz,
  attempts     int not null default 0,
  next_at      timestamptz not null default '-infinity',
  told_at      timestamptz,
  error        text,
  constraint alarm_channel_is_known check (channel in ('webhook', 'mail'))
);
comment on table private.alarm_channels is 'Where alarms are told; one telling at a time on each.';
comment on column private.alarm_channels.channel is 'webhook or mail.';
comment on column private.alarm_channels.is_wanted is 'Whether the workers that asked last have it set up.';
comment on column private.alarm_channels.lease is 'Set while a worker tells.';
comment on column private.alarm_channels.lease_until is 'When its lease runs out.';
comment on column private.alarm_channels.attempts is 'Tellings in a row that failed.';
comment on column private.alarm_channels.next_at is 'Not before.';
comment on column private.alarm_channels.told_at is 'When something was last told.';
comment on column private.alarm_channels.error is 'Slug of what failed last; null: it went well.';
alter table private.alarm_channels enable row level security;
insert into private.alarm_channels (channel) values ('webhook'), ('mail');

insert into private.table_classes (table_name, class, why) values ('private.alarms', 'purge', 'Flow''s alarms about the organization');
insert into private.export_tables (table_name, class, why) values ('private.alarms', 'none', 'Flow''s own notes on whether it runs well');
insert into private.erasure_rules (position, table_name, does, why)
select max(r.position) + 1, 'private.alarms', 'nothing', 'Names no customer' from private.erasure_rules r;
insert into private.retention_tables (table_name, class, expired) values ('private.alarms', 'diagnostics', 't.resolved_at < $1');

-- Looking -----------------------------------------------------------------------------------------------------------------

create type private.alarm_sign as (subject text, org_id uuid, value numeric, words text);
comment on type private.alarm_sign is 'What a rule saw just now: of what, of whom (null: nobody''s alone), how much, in words.';

create function private.alarm_signs(rule private.alarm_rules) returns setof private.alarm_sign
  language plpgsql stable security definer set search_path = ''
as $$
begin
  return query execute format(
    'select distinct on (left(s.subject, 120)) left(s.subject, 120), s.org_id, s.value, left(s.words, 500) from private.%I($1) s
      where s.org_id is null or private.known_organization(s.org_id) is not null order by left(s.subject, 120) limit 200', 'alarm_on_' || (rule).rule) using rule;
end;
$$;
comment on function private.alarm_signs is 'What a rule sees now: one sign a subject, 200 at most; none of organizations that are being deleted.';

create function private.note_signs(rule private.alarm_rules, signs private.alarm_sign[]) returns int
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_changes int;
  v_more    int;
begin
  -- One that comes back soon is the same one.
  update private.alarms a set resolved_at = null, acknowledged_at = null, acknowledged_by = null, flaps = a.flaps + 1, changes = a.changes + 1
    from unnest(signs) s
   where a.id = (select x.id from private.alarms x where x.rule = (note_signs.rule).rule and x.subject = s.subject order by x.resolved_at desc nulls first limit 1)
     and a.resolved_at > now() - interval '15 minutes';
  get diagnostics v_changes = row_count;
  insert into private.alarms as a (rule, subject, org_id, value, words)
  select (note_signs.rule).rule, s.subject, s.org_id, s.value, s.words from unnest(signs) s
      on conflict (rule, subject) where resolved_at is null do update
     set value = excluded.value, words = excluded.words, org_id = excluded.org_id, seen_at = now();
  -- What stopped before it had lasted long enough was never an alarm.
  delete from private.alarms a where a.rule = (note_signs.rule).rule and a.opened_at is null and a.subject <> all (array(select s.subject from unnest(signs) s));
  update private.alarms a
     set opened_at = coalesce(a.opened_at, now()), resolved_at = case when a.opened_at is not null then now() end, changes = a.changes + 1
   where a.rule = (note_signs.rule).rule and a.resolved_at is null
     and case when a.opened_at is null then a.since <= now() - (note_signs.rule).holds
              else a.subject <> all (array(select s.subject from unnest(signs) s)) and a.seen_at <= now() - (note_signs.rule).clears * least(1 + a.flaps, 12) end;
  get diagnostics v_more = row_count;
  return v_changes + v_more;
end;
$$;
comment on function private.note_signs is
  'Makes alarms of what a rule saw: one that has lasted as long as the rule asks opens; one that is gone for as long is over, the later the more often it came back. Returns how many changed.';

create function private.evaluate_alarms() returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_rule    private.alarm_rules;
  v_signs   private.alarm_sign[];
  v_state   text;
  v_changes int := 0;
  v_looked  int := 0;
  v_began   timestamptz;
begin
  if not pg_try_advisory_xact_lock(hashtextextended('flow.alarms', 0)) then
    return jsonb_build_object('looked', 0, 'changes', 0);
  end if;
  for v_rule in select r.* from private.alarm_rules r where coalesce(r.checked_at, '-infinity') <= now() - r.every + interval '5 seconds' order by r.place loop
    v_began := clock_timestamp();
    begin
      v_signs := array(select s from private.alarm_signs(v_rule) s);
      v_changes := v_changes + private.note_signs(v_rule, v_signs);
      v_state := null;
    exception when others then               -- one rule must not silence the others: rule_failed tells of it
      get stacked diagnostics v_state = returned_sqlstate;
    end;
    update private.alarm_rules r set checked_at = now(), failed = v_state, took_ms = extract(epoch from clock_timestamp() - v_began) * 1000 where r.rule = v_rule.rule;
    v_looked := v_looked + 1;
  end loop;
  if v_changes > 0 or exists (
    select from private.alarm_channels k where k.is_wanted and k.next_at <= now() and coalesce(k.lease_until, '-infinity') <= now() and exists (select from private.alarm_news(k.channel))) then
    perform private.wake('alarms');
  end if;
  return jsonb_build_object('looked', v_looked, 'changes', v_changes);
end;
$$;
comment on function private.evaluate_alarms is
  'Looks by every rule that is due, and wakes the job that tells when there is something to tell. One at a time; a rule that fails leaves its alarms as they are. Returns {looked: rules, changes}. Every minute, by cron.';

-- Telling -----------------------------------------------------------------------------------------------------------------

create function private.alarm_news(channel text) returns setof private.alarms
  language sql stable security definer set search_path = ''
as $$
  -- What is long over by the time that a channel is set up, or can be reached again, is on the page.
  select a.* from private.alarms a
   where (a.resolved_at is null or a.resolved_at > now() - interval '1 day') and a.opened_at is not null and coalesce((a.told ->> alarm_news.channel)::int, 0) < a.changes
$$;
comment on function private.alarm_news is 'Alarms whose last change is not told on a channel: open ones, and those that are over since a day at most.';

create function private.alarm_json(a private.alarms) returns jsonb
  language sql stable security definer set search_path = ''
as $$
  select jsonb_build_object('alarm_id', (a).id, 'rule', r.rule, 'severity', r.severity, 'state',
           case when (a).resolved_at is not null then 'resolved' when (a).acknowledged_at is not null then 'acknowledged' else 'open' end,
           'subject', (a).subject, 'org_id', (a).org_id, 'value', (a).value, 'threshold', r.threshold, 'unit', r.unit, 'words', (a).words, 'remedy', r.remedy,
           'since', (a).since, 'opened_at', (a).opened_at, 'seen_at', (a).seen_at, 'acknowledged_at', (a).acknowledged_at, 'resolved_at', (a).resolved_at, 'flaps', (a).flaps)
    from private.alarm_rules r where r.rule = (a).rule
$$;
comment on function private.alarm_json is
  'An alarm as it is told: {alarm_id, rule, severity, state: open, acknowledged or resolved, subject, org_id, value, threshold, unit, words, remedy, since, opened_at, seen_at, acknowledged_at, resolved_at, flaps}.';

create function worker.claim_alarm_news(channels text[], lease_seconds int default 120) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_channel private.alarm_channels;
  v_lease   uuid := gen_random_uuid();
  v_told    jsonb := '[]';
begin
  update private.alarm_channels k set is_wanted = k.channel = any (channels) where k.is_wanted is distinct from (k.channel = any (channels));
  for v_channel in
    select k.* from private.alarm_channels k
     where k.channel = any (channels) and k.next_at <= now() and coalesce(k.lease_until, '-infinity') <= now() and exists (select from private.alarm_news(k.channel))
     order by k.channel for update skip locked
  loop
    update private.alarm_channels k set lease = v_lease, lease_until = now() + make_interval(secs => lease_seconds) where k.channel = v_channel.channel;
    v_told := v_told || (
      select jsonb_build_object('channel', v_channel.channel, 'lease', v_lease, 'attempt', v_channel.attempts + 1,
                                'alarms', jsonb_agg(private.alarm_json(n) || jsonb_build_object('changes', n.changes) order by n.id))
        from (select x.* from private.alarm_news(v_channel.channel) x order by x.id limit 100) n);
  end loop;
  return jsonb_build_object('tellings', v_told);
end;
$$;
comment on function worker.claim_alarm_news is
  'What is to be told on the channels that a worker has set up (webhook, mail), each under a lease: {tellings: [{channel, lease, attempt, alarms: [as private.alarm_json, with changes: its number of changes]}]}. '
  'An alarm stands there once, as it is now, whatever happened to it since it was last told; 100 at most. Each is answered by worker.finish_alarm_news.';

create function worker.finish_alarm_news(channel text, lease uuid, told jsonb, error text default null) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_channel private.alarm_channels;
begin
  update private.alarm_channels k
     set lease = null, lease_until = null, error = left(finish_alarm_news.error, 80),
         attempts = case when finish_alarm_news.error is null then 0 else k.attempts + 1 end,
         told_at = case when finish_alarm_news.error is null then now() else k.told_at end,
         next_at = case when finish_alarm_news.error is null then '-infinity' else now() + least(private.backoff(k.attempts + 1), interval '10 minutes') end
   where k.channel = finish_alarm_news.channel and k.lease = finish_alarm_news.lease
  returning k.* into v_channel;
  if not found then
    raise sqlstate 'PT409' using message = 'Somebody else tells by now.', detail = 'lease_lost', hint = 'Claim again.';
  end if;
  if v_channel.error is null then
    update private.alarms a set told = a.told || jsonb_build_object(v_channel.channel, t.changes)
      from jsonb_to_recordset(finish_alarm_news.told) t (alarm_id bigint, changes int) where a.id = t.alarm_id;
  end if;
  return jsonb_build_object('more', v_channel.error is null and exists (select from private.alarm_news(v_channel.channel)), 'next_at', nullif(v_channel.next_at, '-infinity'));
end;
$$;
comment on function worker.finish_alarm_news is
  'How a telling ended; told: [{alarm_id, changes}] as they were claimed, so that what changed meanwhile is told again. error null: it went well; a slug: it is tried again, ten minutes later at most. Returns {more: something else is to be told, next_at}. Raises PT409 lease_lost.';
grant execute on function worker.claim_alarm_news, worker.finish_alarm_news to service_role;
