-- 160_telemetry.sql: what Flow notes of its own running: requests, calls to other services, runs of jobs, errors; scrubbed, for a while.
--
-- Tables are cut by time: requests by the day, the others by the month; old parts are dropped whole (162_telemetry_retention.sql). They
-- have no foreign keys: a lock on telemetry must never reach an organization's or a person's row. Nothing of a body, a query, a header or a
-- path as it came is in any of them; of an address only the network.

create table private.request_log (
  id           bigint generated always as identity,
  occurred_at  timestamptz not null default now(),
  org_id       uuid,
  user_id      uuid,
  request_id   text,
  trace_id     text,
  release      text,
  method       text not null,
  route        text,
  status       int not null,
  duration_ms  numeric not null,
  db_ms        numeric,
  db_calls     int,
  upstream_ms  numeric,
  bytes_out    bigint,
  ip_prefix    cidr,
  os           text,
  browser      text,
  device       text,
  primary key (occurred_at, id),
  constraint request_has_a_status check (status between 100 and 599),
  constraint request_method_is_a_word check (method ~ '^[A-Z]{1,10}$'),
  constraint request_took_no_less_than_nothing check (least(duration_ms, db_ms, db_calls, upstream_ms, bytes_out) >= 0),
  constraint request_names_a_network_not_an_address check (masklen(ip_prefix) <= case family(ip_prefix) when 4 then 24 else 48 end),
  constraint request_trace_is_of_w3c check (trace_id ~ '^[0-9a-f]{32}$'),
  constraint request_words_are_short check (greatest(length(request_id), length(release), length(os), length(browser), length(device)) <= 64 and length(route) <= 200),
  constraint request_route_is_a_template check (route !~ '[?#]')
) partition by range (occurred_at);
comment on table private.request_log is 'One row a request that the workers answered: how long it took, and where it came from, roughly. One partition a day.';
comment on column private.request_log.id is 'Running number.';
comment on column private.request_log.occurred_at is 'When it came in.';
comment on column private.request_log.org_id is 'The organization, where the request''s own rights decided it; null: none, or it is being deleted. No foreign key: telemetry locks nobody''s rows.';
comment on column private.request_log.user_id is 'The person who had signed in. No foreign key: telemetry locks nobody''s rows.';
comment on column private.request_log.request_id is 'The id that the answer bore. No foreign key: it is nobody''s row.';
comment on column private.request_log.trace_id is 'W3C trace id: 32 hexadecimal digits, the same in the browser, the worker, the database and the job that followed. No foreign key: it is nobody''s row.';
comment on column private.request_log.release is 'The release of the workers.';
comment on column private.request_log.method is 'GET, POST, ….';
comment on column private.request_log.route is 'The template of the path, as /webhooks/indiamart/<token>; null: there is nothing at the address.';
comment on column private.request_log.status is 'HTTP status of the answer.';
comment on column private.request_log.duration_ms is 'Milliseconds until the answer was made.';
comment on column private.request_log.db_ms is 'Of these, waiting for the database.';
comment on column private.request_log.db_calls is 'Calls to the database.';
comment on column private.request_log.upstream_ms is 'Of these, waiting for other services.';
comment on column private.request_log.bytes_out is 'Bytes of the answer''s body; null: it was streamed.';
comment on column private.request_log.ip_prefix is 'The network the request came from: /24, or /48 of IPv6; never the address.';
comment on column private.request_log.os is 'Family of the operating system, as Android.';
comment on column private.request_log.browser is 'Family of the browser, as Chrome Mobile.';
comment on column private.request_log.device is 'Family of the device, as Generic Smartphone.';
create index request_log_org on private.request_log (org_id, occurred_at, id) where org_id is not null;
create index request_log_trace on private.request_log (trace_id);
alter table private.request_log enable row level security;
create table private.request_log_default partition of private.request_log default;
comment on table private.request_log_default is 'Catches requests of a day whose partition is missing: none is lost.';
alter table private.request_log_default enable row level security;

create table private.api_calls (
  id                   bigint generated always as identity,
  occurred_at          timestamptz not null default now(),
  org_id               uuid,
  request_id           text,
  trace_id             text,
  release              text,
  direction            text not null default 'out',
  provider             text not null,
  operation            text not null,
  endpoint             text,
  type                 text,
  status               int,
  provider_code        text,
  provider_subcode     text,
  duration_ms          numeric,
  attempt              int,
  provider_request_id  text,
  idempotency_key      text,
  lag_ms               bigint,
  primary key (occurred_at, id),
  constraint api_call_goes_out_or_comes_in check (direction in ('out', 'in')),
  constraint api_call_has_a_status check (status between 100 and 599),
  constraint api_call_took_no_less_than_nothing check (least(duration_ms, attempt) >= 0),
  constraint api_call_trace_is_of_w3c check (trace_id ~ '^[0-9a-f]{32}$'),
  constraint api_call_endpoint_is_a_template check (endpoint !~ '[?#]|[0-9]{6}|@'),
  constraint api_call_words_are_short check (greatest(length(request_id), length(release), length(provider), length(operation), length(type), length(provider_code), length(provider_subcode)) <= 64
                                             and greatest(length(endpoint), length(provider_request_id), length(idempotency_key)) <= 200)
) partition by range (occurred_at);
comment on table private.api_calls is 'The API sync log: one row a call to Meta, IndiaMART, Google, Razorpay or Stripe, and one a webhook of theirs. No bodies, no ids in paths. One partition a month.';
comment on column private.api_calls.id is 'Running number.';
comment on column private.api_calls.occurred_at is 'When the call began, or the webhook came.';
comment on column private.api_calls.org_id is 'The organization it was for, where the worker knew it. No foreign key: telemetry locks nobody''s rows.';
comment on column private.api_calls.request_id is 'The request or the job''s call within which it was made. No foreign key: it is nobody''s row.';
comment on column private.api_calls.trace_id is 'W3C trace id, as in request_log. No foreign key: it is nobody''s row.';
comment on column private.api_calls.release is 'The release of the workers.';
comment on column private.api_calls.direction is 'out: Flow called; in: a webhook.';
comment on column private.api_calls.provider is 'meta, indiamart, google, razorpay or stripe.';
comment on column private.api_calls.operation is 'What was asked for: the method and the last words of the template, as POST messages; of a webhook: webhook.';
comment on column private.api_calls.endpoint is 'Template of the path, ids as {id}; null for a webhook.';
comment on column private.api_calls.type is 'Of a webhook: which of the provider''s kinds it was.';
comment on column private.api_calls.status is 'HTTP status; null: no answer came.';
comment on column private.api_calls.provider_code is 'The provider''s error code; where no answer came: timeout or no_connection.';
comment on column private.api_calls.provider_subcode is 'The provider''s finer code.';
comment on column private.api_calls.duration_ms is 'Milliseconds until the answer''s headers.';
comment on column private.api_calls.attempt is 'Which attempt it was; null: the caller does not count.';
comment on column private.api_calls.provider_request_id is 'The provider''s own id of the call (fbtrace_id, request-id), to quote to their support. No foreign key: it is the provider''s.';
comment on column private.api_calls.idempotency_key is 'The key that makes the call safe to repeat, where one was sent.';
comment on column private.api_calls.lag_ms is 'Of a webhook: how long after the provider''s time it came.';
create index api_calls_org on private.api_calls (org_id, occurred_at, id) where org_id is not null;
create index api_calls_provider on private.api_calls (provider, occurred_at);
create index api_calls_trace on private.api_calls (trace_id);
alter table private.api_calls enable row level security;
create table private.api_calls_default partition of private.api_calls default;
comment on table private.api_calls_default is 'Catches calls of a month whose partition is missing: none is lost.';
alter table private.api_calls_default enable row level security;

create table private.job_runs (
  id             bigint generated always as identity,
  occurred_at    timestamptz not null default now(),
  request_id     text,
  trace_id       text,
  release        text,
  job            text not null,
  queue_wait_ms  numeric,
  duration_ms    numeric not null,
  attempt        int,
  outcome        text not null,
  counts         jsonb not null default '{}',
  primary key (occurred_at, id),
  constraint job_run_has_an_outcome check (outcome in ('done', 'more', 'failed')),
  constraint job_run_took_no_less_than_nothing check (least(queue_wait_ms, duration_ms, attempt) >= 0),
  constraint job_run_trace_is_of_w3c check (trace_id ~ '^[0-9a-f]{32}$'),
  constraint job_run_words_are_short check (greatest(length(request_id), length(release), length(job)) <= 64),
  constraint job_run_counts_are_numbers check (not jsonb_path_exists(counts, '$.* ? (@.type() != "number" && @.type() != "boolean")'))
) partition by range (occurred_at);
comment on table private.job_runs is 'One row a run of a job of the workers. One partition a month.';
comment on column private.job_runs.id is 'Running number.';
comment on column private.job_runs.occurred_at is 'When it began.';
comment on column private.job_runs.request_id is 'The call that ran it. No foreign key: it is nobody''s row.';
comment on column private.job_runs.trace_id is 'W3C trace id of what woke it, as in request_log; of its own where nobody did. No foreign key: it is nobody''s row.';
comment on column private.job_runs.release is 'The release of the workers.';
comment on column private.job_runs.job is 'The job: /jobs/<name>.';
comment on column private.job_runs.queue_wait_ms is 'From when the database asked until it began; null: it was not the database that asked.';
comment on column private.job_runs.duration_ms is 'Milliseconds it ran.';
comment on column private.job_runs.attempt is 'Which attempt it was; null: it is not counted.';
comment on column private.job_runs.outcome is 'done; more: its time was up and it asked to go on; failed.';
comment on column private.job_runs.counts is 'What it counted: {name: number or yes and no}.';
create index job_runs_job on private.job_runs (job, occurred_at);
create index job_runs_trace on private.job_runs (trace_id);
alter table private.job_runs enable row level security;
create table private.job_runs_default partition of private.job_runs default;
comment on table private.job_runs_default is 'Catches runs of a month whose partition is missing: none is lost.';
alter table private.job_runs_default enable row level security;

create table private.error_groups (
  fingerprint  text primary key,
  side         text not null,
  type         text not null,
  message      text not null,
  first_seen   timestamptz not null,
  last_seen    timestamptz not null,
  count        bigint not null default 1,
  state        text not null default 'open',
  settled_at   timestamptz,
  settled_by   uuid,
  reopened_at  timestamptz,
  constraint error_group_state_is_known check (state in ('open', 'resolved', 'ignored')),
  constraint error_group_is_of_a_side check (side in ('server', 'browser')),
  constraint error_group_counts_its_errors check (count > 0)
);
comment on table private.error_groups is 'Errors that are the same one: of one type, from one place in the code. Names no organization and nobody.';
comment on column private.error_groups.fingerprint is 'SHA-256 of side, type and the innermost five frames of Flow''s own code, without lines; hexadecimal.';
comment on column private.error_groups.side is 'server or browser.';
comment on column private.error_groups.type is 'Class of the error.';
comment on column private.error_groups.message is 'Message of the last one, scrubbed.';
comment on column private.error_groups.first_seen is 'When it first happened.';
comment on column private.error_groups.last_seen is 'When it last happened.';
comment on column private.error_groups.count is 'How often.';
comment on column private.error_groups.state is 'open; resolved: it opens again when it comes back; ignored: it does not.';
comment on column private.error_groups.settled_at is 'When somebody of Flow''s own last said so; null: nobody has.';
comment on column private.error_groups.settled_by is 'Who that was. No foreign key: telemetry locks nobody''s rows.';
comment on column private.error_groups.reopened_at is 'When it came back after it had been resolved; null: it has not.';
create index error_groups_last_seen on private.error_groups (last_seen);
create index error_groups_of_a_state on private.error_groups (state, last_seen, fingerprint);
alter table private.error_groups enable row level security;

create table private.error_events (
  id           bigint generated always as identity,
  occurred_at  timestamptz not null default now(),
  org_id       uuid,
  user_id      uuid,
  request_id   text,
  trace_id     text,
  release      text,
  side         text not null,
  type         text not null,
  message      text not null,
  frames       jsonb not null default '[]',
  fingerprint  text not null,
  route        text,
  source       text,
  primary key (occurred_at, id),
  constraint error_is_of_a_side check (side in ('server', 'browser')),
  constraint error_trace_is_of_w3c check (trace_id ~ '^[0-9a-f]{32}$'),
  constraint error_frames_are_a_list check (jsonb_typeof(frames) = 'array' and jsonb_array_length(frames) <= 50 and length(frames::text) <= 20000),
  constraint error_words_are_short check (greatest(length(request_id), length(release)) <= 64 and greatest(length(type), length(route), length(source)) <= 200 and length(message) <= 1000)
) partition by range (occurred_at);
comment on table private.error_events is 'Errors that nobody foresaw, on servers and in browsers: scrubbed, without the values of variables. One partition a month.';
comment on column private.error_events.id is 'Running number.';
comment on column private.error_events.occurred_at is 'When.';
comment on column private.error_events.org_id is 'The organization, where the request''s own rights decided it. No foreign key: telemetry locks nobody''s rows.';
comment on column private.error_events.user_id is 'The person who had signed in. No foreign key: telemetry locks nobody''s rows.';
comment on column private.error_events.request_id is 'The request. No foreign key: it is nobody''s row.';
comment on column private.error_events.trace_id is 'W3C trace id, as in request_log. No foreign key: it is nobody''s row.';
comment on column private.error_events.release is 'The release of the workers, or of the page.';
comment on column private.error_events.side is 'server or browser.';
comment on column private.error_events.type is 'Class of the error.';
comment on column private.error_events.message is 'Its message, scrubbed.';
comment on column private.error_events.frames is 'Where in the code, innermost first: [{file, line, function, in_app}]; no values of variables.';
comment on column private.error_events.fingerprint is 'Its group. No foreign key: a group is counted, not locked.';
comment on column private.error_events.route is 'Template of the path, or name of the page.';
comment on column private.error_events.source is 'Of a browser''s: file:line:column.';
create index error_events_org on private.error_events (org_id, occurred_at, id) where org_id is not null;
create index error_events_group on private.error_events (fingerprint, occurred_at);
create index error_events_trace on private.error_events (trace_id);
alter table private.error_events enable row level security;
create table private.error_events_default partition of private.error_events default;
comment on table private.error_events_default is 'Catches errors of a month whose partition is missing: none is lost.';
alter table private.error_events_default enable row level security;

create table private.telemetry_daily (
  day       date not null,
  kind      text not null,
  name      text not null,
  outcome   text not null,
  count     bigint not null,
  total_ms  numeric,
  p50_ms    numeric,
  p75_ms    numeric,
  p95_ms    numeric,
  p99_ms    numeric,
  max_ms    numeric,
  primary key (day, kind, name, outcome)
);
comment on table private.telemetry_daily is 'Figures of each day (UTC), without people and organizations, for when the rows they were made of have gone.';
comment on column private.telemetry_daily.day is 'The day.';
comment on column private.telemetry_daily.kind is 'request, call, job, error, page.';
comment on column private.telemetry_daily.name is 'Of a request: method and route; of a call: provider and operation; of a job: its name; of an error: side and type; of a page: its route.';
comment on column private.telemetry_daily.outcome is 'Of a request or call: 2xx, 4xx, … or none (no answer came); of a job: its outcome; of a page: what was measured (private.roll_up_pages); else empty.';
comment on column private.telemetry_daily.count is 'How many.';
comment on column private.telemetry_daily.total_ms is 'Milliseconds of all of them.';
comment on column private.telemetry_daily.p50_ms is 'Median.';
comment on column private.telemetry_daily.p75_ms is 'Three of four took no longer.';
comment on column private.telemetry_daily.p95_ms is 'Nineteen of twenty took no longer.';
comment on column private.telemetry_daily.p99_ms is '99 of a hundred took no longer.';
comment on column private.telemetry_daily.max_ms is 'The slowest.';
alter table private.telemetry_daily enable row level security;

create table private.telemetry_losses (
  hour     timestamptz primary key,
  dropped  bigint not null default 0,
  refused  bigint not null default 0
);
comment on table private.telemetry_losses is 'Telemetry that was not written, by the hour in which it was told.';
comment on column private.telemetry_losses.hour is 'The hour''s beginning.';
comment on column private.telemetry_losses.dropped is 'Rows that the workers let go: their queue was full, or the database did not take them in time.';
comment on column private.telemetry_losses.refused is 'Rows that no table took.';
alter table private.telemetry_losses enable row level security;
