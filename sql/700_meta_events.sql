-- 700_meta_events.sql: what Meta tells us, stored as it came; and what of it could not be applied.

create table private.webhook_events (
  id          bigint generated always as identity,
  received_at timestamptz not null default now(),
  provider    text not null default 'meta',
  body        bytea not null,
  primary key (received_at, id)
) partition by range (received_at);
comment on table private.webhook_events is
  'Every webhook body byte for byte, one partition a day (dropped whole when retention ends). The state of conversations can be rebuilt from it.';
comment on column private.webhook_events.id is 'Running number.';
comment on column private.webhook_events.received_at is 'When Flow stored it.';
comment on column private.webhook_events.provider is 'Who sent it: meta.';
comment on column private.webhook_events.body is 'The bytes; not jsonb, because an escaped NUL or a lone surrogate would not fit.';
alter table private.webhook_events enable row level security;
create index webhook_events_id on private.webhook_events (id);
create table private.webhook_events_default partition of private.webhook_events default;
comment on table private.webhook_events_default is 'Catches events of a day whose partition is missing: none is lost.';
alter table private.webhook_events_default enable row level security;

create function private.roll_webhook_events(keep_days int default 30, days_ahead int default 7) returns text[]
  language plpgsql volatile security definer set search_path = '' set timezone = 'UTC' set lock_timeout = '2s'
as $$
declare
  v_day  date;
  v_name text;
  v_log  text[] := '{}';
begin
  for v_day in select generate_series(current_date, current_date + days_ahead, interval '1 day')::date loop
    v_name := 'webhook_events_' || to_char(v_day, 'YYYYMMDD');
    if to_regclass('private.' || v_name) is null then
      -- Built apart, filled from the default partition, then attached: "partition of" fails once the default holds such rows.
      execute format('create table private.%I (like private.webhook_events including all excluding identity)', v_name);
      execute format('alter table private.%I enable row level security', v_name);
      execute format('comment on table private.%I is %L', v_name, 'Webhook events of ' || v_day);
      execute format('with moved as (delete from private.webhook_events_default where received_at >= %L and received_at < %L returning *)
                      insert into private.%I select * from moved', v_day::timestamptz, (v_day + 1)::timestamptz, v_name);
      execute format('alter table private.webhook_events attach partition private.%I for values from (%L) to (%L)',
                     v_name, v_day::timestamptz, (v_day + 1)::timestamptz);
      v_log := v_log || ('+' || v_name);
    end if;
  end loop;
  for v_name in
    select c.relname from pg_catalog.pg_inherits i join pg_catalog.pg_class c on c.oid = i.inhrelid
     where i.inhparent = 'private.webhook_events'::regclass and c.relname ~ '^webhook_events_[0-9]{8}$'
       and to_date(right(c.relname, 8), 'YYYYMMDD') < current_date - keep_days
  loop
    execute format('drop table private.%I', v_name);
    v_log := v_log || ('-' || v_name);
  end loop;
  return v_log;
end;
$$;
comment on function private.roll_webhook_events is
  'Makes the partitions of the coming days and drops those older than keep_days; returns what it made (+) and dropped (-). Run by cron, harmless to repeat.';

create table private.dead_letters (
  id          bigint generated always as identity primary key,
  event_id    bigint not null,
  org_id      uuid,
  reason      text not null,
  detail      text,
  item        jsonb,
  attempts    int not null default 1,
  created_at  timestamptz not null default now(),
  resolved_at timestamptz,
  constraint dead_letter_is_of_an_organization foreign key (org_id) references public.organizations (id) on delete restrict
);
comment on table private.dead_letters is
  'Updates (or whole bodies) that could not be applied, with the reason; flow replay tries them again. Their neighbours went through.';
comment on column private.dead_letters.id is 'Running number.';
comment on column private.dead_letters.event_id is 'The stored event that held it.';
comment on column private.dead_letters.org_id is 'The organization; null when it belongs to none that Flow knows.';
comment on column private.dead_letters.reason is 'A slug: not_json, too_deep, unknown_number, id_missing, …, or the SQLSTATE of an unforeseen error.';
comment on column private.dead_letters.detail is 'More words on the reason.';
comment on column private.dead_letters.item is 'The update; a JSON string when it is no JSON.';
comment on column private.dead_letters.attempts is 'How often it was tried.';
comment on column private.dead_letters.created_at is 'When it was put aside.';
comment on column private.dead_letters.resolved_at is 'When a replay tried it again (a new failure is a new row); null: waiting.';
create index dead_letters_waiting on private.dead_letters (event_id, id) where resolved_at is null;
create index dead_letters_org on private.dead_letters (org_id);
alter table private.dead_letters enable row level security;
