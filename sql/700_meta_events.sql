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

create table private.event_effects (
  org_id       uuid not null,
  received_at  timestamptz not null default now(),
  event_id     bigint not null,
  messages     int not null,
  statuses     int not null,
  fields       text[] not null,
  kept         int not null,
  dead         int not null,
  lag          interval,
  replayed_at  timestamptz,
  primary key (org_id, received_at, event_id),
  constraint effects_are_of_an_organization foreign key (org_id) references public.organizations (id) on delete restrict
) partition by range (received_at);
comment on table private.event_effects is
  'What each stored event held for an organization and what became of it: the organization''s webhook log. One partition a day, as the events.';
comment on column private.event_effects.org_id is 'The organization.';
comment on column private.event_effects.received_at is 'When Flow stored the event, as on the event.';
comment on column private.event_effects.event_id is 'The event. No foreign key: its partition goes by itself.';
comment on column private.event_effects.messages is 'Messages that customers wrote.';
comment on column private.event_effects.statuses is 'Statuses of messages that were sent.';
comment on column private.event_effects.fields is 'Other updates, by the name of Meta''s webhook field.';
comment on column private.event_effects.kept is 'Updates stored but applied to nothing (all of a disconnected number).';
comment on column private.event_effects.dead is 'Updates that wait among the dead letters.';
comment on column private.event_effects.lag is 'How long after Meta''s time the oldest update came; null where Meta gave none.';
comment on column private.event_effects.replayed_at is 'When it was last applied again; null: only once.';
alter table private.event_effects enable row level security;
create table private.event_effects_default partition of private.event_effects default;
comment on table private.event_effects_default is 'Catches effects of a day whose partition is missing: none is lost.';
alter table private.event_effects_default enable row level security;

create function private.roll_partitions(parent text, keep_days int, days_ahead int, cut_by text default 'received_at', span text default 'day') returns text[]
  language plpgsql volatile security definer set search_path = '' set timezone = 'UTC' set lock_timeout = '2s'
as $$
declare
  v_step   interval := ('1 ' || span)::interval;
  v_format text := case span when 'day' then 'YYYYMMDD' else 'YYYYMM' end;
  v_from   timestamptz;
  v_name   text;
  v_log    text[] := '{}';
begin
  for v_from in select generate_series(date_trunc(span, now()), now() + make_interval(days => days_ahead), v_step) loop
    v_name := parent || '_' || to_char(v_from, v_format);
    if to_regclass('private.' || v_name) is null then
      -- Built apart, filled from the default partition, then attached: "partition of" fails once the default holds such rows.
      execute format('create table private.%I (like private.%I including all excluding identity)', v_name, parent);
      execute format('alter table private.%I enable row level security', v_name);
      execute format('comment on table private.%I is %L', v_name, initcap(replace(parent, '_', ' ')) || ' of the ' || span || ' ' || v_from::date);
      execute format('with moved as (delete from private.%1$I where %2$I >= %3$L and %2$I < %4$L returning *)
                      insert into private.%5$I select * from moved', parent || '_default', cut_by, v_from, v_from + v_step, v_name);
      execute format('alter table private.%I attach partition private.%I for values from (%L) to (%L)', parent, v_name, v_from, v_from + v_step);
      v_log := v_log || ('+' || v_name);
    end if;
  end loop;
  for v_name in
    select c.relname from pg_catalog.pg_inherits i join pg_catalog.pg_class c on c.oid = i.inhrelid
     where i.inhparent = format('private.%I', parent)::regclass and c.relname ~ format('_[0-9]{%s}$', length(v_format))
       and to_date(right(c.relname, length(v_format)), v_format) + v_step <= current_date - keep_days
  loop
    perform private.keep_held_events(parent, v_name);
    execute format('drop table private.%I', v_name);
    v_log := v_log || ('-' || v_name);
  end loop;
  return v_log;
end;
$$;
comment on function private.roll_partitions is
  'Makes the partitions of the coming days (UTC) of a table of this schema that is cut by an instant, one a day or one a month (span), and drops those of which all is older than keep_days. Returns what it made (+) and dropped (-).';

create function private.roll_webhook_events(keep_days int default 30, days_ahead int default 7) returns text[]
  language sql volatile security definer set search_path = ''
as $$
  select private.roll_partitions('webhook_events', keep_days, days_ahead) || private.roll_partitions('event_effects', keep_days, days_ahead)
$$;
comment on function private.roll_webhook_events is
  'private.roll_partitions for the stored events and their effects. Run by cron, harmless to repeat.';

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
comment on column private.dead_letters.event_id is 'The stored event that held it. No foreign key: its partition goes by itself.';
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
