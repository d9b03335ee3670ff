-- 392_notification_settings.sql: of what each person is told, where, and when they are left in peace.

alter table public.organizations add column push_shows_text boolean not null default false;
comment on column public.organizations.push_shows_text is 'Whether members may have the name and the first words of a message in a push, on the locked screen of their phones.';

create table private.notification_settings (
  org_id         uuid not null,
  user_id        uuid not null,
  in_app         text[] not null,
  push           text[] not null,
  new_lead       text not null,
  new_message    text not null,
  quiet_from     int,
  quiet_to       int,
  quiet_days     int[] not null,
  quiet_zone     text,
  urgent_passes  boolean not null,
  shows_text     boolean not null,
  primary key (org_id, user_id),
  constraint notification_settings_are_of_a_member foreign key (org_id, user_id) references public.memberships (org_id, user_id) on delete cascade,
  constraint told_of_leads_is_known check (new_lead in ('mine', 'unassigned', 'all')),
  constraint told_of_messages_is_known check (new_message in ('mine', 'unassigned', 'all')),
  constraint quiet_hours_have_both_ends check ((quiet_from is null) = (quiet_to is null)),
  constraint quiet_hours_are_within_a_day check (quiet_from between 0 and 1439 and quiet_to between 0 and 1439)
);
comment on table private.notification_settings is 'What each member chose about being told; no row: private.notification_settings_of says what holds then.';
comment on column private.notification_settings.org_id is 'The organization.';
comment on column private.notification_settings.user_id is 'Who chose.';
comment on column private.notification_settings.in_app is 'The groups of private.told_groups that the bell counts; the others are in its list, read.';
comment on column private.notification_settings.push is 'The groups that the person''s devices are told of.';
comment on column private.notification_settings.new_lead is 'Of which new leads: mine (given to them), unassigned (these, and those nobody has), all.';
comment on column private.notification_settings.new_message is 'Of messages in which conversations: mine, unassigned (these, and those nobody answers), all.';
comment on column private.notification_settings.quiet_from is 'Minutes after midnight from which devices stay silent; null: never.';
comment on column private.notification_settings.quiet_to is 'Minutes after midnight until which; not after quiet_from: on the next day.';
comment on column private.notification_settings.quiet_days is 'On which days quiet hours begin; 1 is Monday, 7 is Sunday.';
comment on column private.notification_settings.quiet_zone is 'The time zone of the person; null: the organization''s.';
comment on column private.notification_settings.urgent_passes is 'Whether a number that does not work is told in quiet hours and absences too.';
comment on column private.notification_settings.shows_text is 'Whether pushes carry name and first words of a message, where the organization allows it.';
alter table private.notification_settings enable row level security;

create function private.told_groups() returns text[]
  language sql immutable set search_path = ''
as $$
  select array['new_message', 'new_lead', 'lead_assigned', 'task_due', 'task_assigned', 'mention', 'number_needs_attention', 'billing']
$$;
comment on function private.told_groups is 'What a person chooses by: kinds of notifications, all of billing as one.';

create function private.told_group(kind text) returns text
  language sql immutable set search_path = ''
as $$
  select case when kind like 'billing%' then 'billing' else kind end
$$;
comment on function private.told_group is 'The group of a kind of notification.';

create function private.notification_settings_of(org_id uuid, user_id uuid) returns private.notification_settings
  language plpgsql stable security definer set search_path = ''
as $$
declare
  v_settings private.notification_settings;
begin
  select s.* into v_settings from private.notification_settings s
   where s.org_id = notification_settings_of.org_id and s.user_id = notification_settings_of.user_id;
  if not found then
    v_settings := row(notification_settings_of.org_id, notification_settings_of.user_id, private.told_groups(), private.told_groups(), 'unassigned', 'unassigned',
                      null, null, array[1, 2, 3, 4, 5, 6, 7], null, true, false);
  end if;
  return v_settings;
end;
$$;
comment on function private.notification_settings_of is 'What a member chose, or what holds for who never did: told of everything that is theirs or nobody''s, never quiet, no text in pushes.';

create function private.silent_until(s private.notification_settings, at timestamptz) returns timestamptz
  language plpgsql stable security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_zone  text := coalesce((s).quiet_zone, (select o.time_zone from public.organizations o where o.id = (s).org_id));
  v_until timestamptz;
  v_end   timestamptz;
begin
  select max(a.to_at) into v_until from public.absences a
   where a.org_id = (s).org_id and a.user_id = (s).user_id and a.from_at <= silent_until.at and a.to_at > silent_until.at;
  if (s).quiet_from is not null then
    -- Each wall-clock time becomes an instant by itself; a night that began yesterday may still go on.
    select max(q.ends) into v_end
      from generate_series(-1, 0) n
     cross join lateral (select ((silent_until.at at time zone v_zone)::date + n)::timestamp as day) d
     cross join lateral (select (d.day + make_interval(mins => (s).quiet_from)) at time zone v_zone as begins,
                                (d.day + make_interval(days => ((s).quiet_to <= (s).quiet_from)::int, mins => (s).quiet_to)) at time zone v_zone as ends) q
     where extract(isodow from d.day)::int = any ((s).quiet_days) and q.begins <= silent_until.at and q.ends > silent_until.at;
  end if;
  return greatest(v_until, v_end);
end;
$$;
comment on function private.silent_until is 'When the quiet hours or the absence that hold at that moment end; null: none does. Definer: reads beneath RLS.';

-- Choosing ---------------------------------------------------------------------------------------------------------

create function private.my_notification_settings(org_id uuid) returns jsonb
  language plpgsql stable security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  s     private.notification_settings;
  v_org public.organizations;
begin
  perform private.require_role(my_notification_settings.org_id, 'agent');
  s := private.notification_settings_of(my_notification_settings.org_id, auth.uid());
  select o.* into v_org from public.organizations o where o.id = my_notification_settings.org_id;
  return jsonb_build_object('in_app', s.in_app, 'push', s.push, 'new_lead', s.new_lead, 'new_message', s.new_message,
    'quiet', case when s.quiet_from is not null then jsonb_build_object('from', to_char(make_interval(mins => s.quiet_from), 'HH24:MI'),
               'to', to_char(make_interval(mins => s.quiet_to), 'HH24:MI'), 'days', s.quiet_days, 'time_zone', s.quiet_zone) end,
    'urgent_passes', s.urgent_passes, 'shows_text', s.shows_text, 'text_allowed', v_org.push_shows_text, 'time_zone', v_org.time_zone,
    'silent_until', private.silent_until(s, now()), 'devices', private.push_devices_of(my_notification_settings.org_id, auth.uid()));
end;
$$;
comment on function private.my_notification_settings is 'Body of public.my_notification_settings. Definer: the tables are closed; it tells the asking person''s own only.';

create function private.minutes_of(given text, field text) returns int
  language plpgsql immutable set search_path = ''
as $$
begin
  if coalesce(given, '') !~ '^([01][0-9]|2[0-3]):[0-5][0-9]$' then
    perform private.refuse_field(field, 'is not a time like 21:00', 'quiet_invalid');
  end if;
  return left(given, 2)::int * 60 + right(given, 2)::int;
end;
$$;
comment on function private.minutes_of is 'A wall-clock time in minutes after midnight. Raises PT422 quiet_invalid.';

create function private.save_notification_settings(org_id uuid, settings jsonb) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  g     jsonb := save_notification_settings.settings;
  q     jsonb := g -> 'quiet';
  s     private.notification_settings;
  v_key text;
begin
  perform private.require_role(save_notification_settings.org_id, 'agent');
  perform private.known_fields(g, 'settings', array['in_app', 'push', 'new_lead', 'new_message', 'quiet', 'urgent_passes', 'shows_text']);
  perform pg_advisory_xact_lock(hashtextextended(format('flow.notification_settings %s %s', save_notification_settings.org_id, auth.uid()), 0));
  s := private.notification_settings_of(save_notification_settings.org_id, auth.uid());
  foreach v_key in array array['in_app', 'push'] loop
    if g ? v_key and (jsonb_typeof(g -> v_key) <> 'array' or not to_jsonb(private.told_groups()) @> (g -> v_key)) then
      perform private.refuse_field('settings.' || v_key, 'names something that nobody is told of', 'field_invalid');
    end if;
  end loop;
  foreach v_key in array array['new_lead', 'new_message'] loop
    if g ? v_key and coalesce(g ->> v_key, '') not in ('mine', 'unassigned', 'all') then
      perform private.refuse_field('settings.' || v_key, 'is not mine, unassigned or all', 'field_invalid');
    end if;
  end loop;
  foreach v_key in array array['urgent_passes', 'shows_text'] loop
    if g ? v_key and jsonb_typeof(g -> v_key) <> 'boolean' then
      perform private.refuse_field('settings.' || v_key, 'is not true or false', 'field_invalid');
    end if;
  end loop;
  if g ? 'in_app' then s.in_app := array(select distinct e from jsonb_array_elements_text(g -> 'in_app') e order by e); end if;
  if g ? 'push' then s.push := array(select distinct e from jsonb_array_elements_text(g -> 'push') e order by e); end if;
  s.new_lead := coalesce(g ->> 'new_lead', s.new_lead);
  s.new_message := coalesce(g ->> 'new_message', s.new_message);
  s.urgent_passes := coalesce((g ->> 'urgent_passes')::boolean, s.urgent_passes);
  s.shows_text := coalesce((g ->> 'shows_text')::boolean, s.shows_text);
  if g ? 'quiet' and jsonb_typeof(q) = 'null' then
    s.quiet_from := null;
    s.quiet_to := null;
  elsif g ? 'quiet' then
    perform private.known_fields(q, 'settings.quiet', array['from', 'to', 'days', 'time_zone']);
    s.quiet_from := private.minutes_of(q ->> 'from', 'settings.quiet.from');
    s.quiet_to := private.minutes_of(q ->> 'to', 'settings.quiet.to');
    if jsonb_typeof(q -> 'days') is distinct from 'array' or q -> 'days' = '[]' or not jsonb '[1, 2, 3, 4, 5, 6, 7]' @> (q -> 'days') then
      perform private.refuse_field('settings.quiet.days', 'is not a list of days, Monday is 1', 'quiet_invalid');
    end if;
    s.quiet_days := array(select distinct e::int from jsonb_array_elements_text(q -> 'days') e order by 1);
    s.quiet_zone := q ->> 'time_zone';
    if s.quiet_zone is not null and private.known_zone(s.quiet_zone) is null then
      perform private.refuse_field('settings.quiet.time_zone', 'is not a time zone like Asia/Kolkata', 'quiet_invalid');
    end if;
  end if;
  insert into private.notification_settings select s.*
  on conflict (org_id, user_id) do update
    set in_app = excluded.in_app, push = excluded.push, new_lead = excluded.new_lead, new_message = excluded.new_message, quiet_from = excluded.quiet_from,
        quiet_to = excluded.quiet_to, quiet_days = excluded.quiet_days, quiet_zone = excluded.quiet_zone, urgent_passes = excluded.urgent_passes, shows_text = excluded.shows_text;
  -- What was held back is looked at anew: the hours may have changed.
  update public.notifications n set push_at = now()
   where n.org_id = save_notification_settings.org_id and n.user_id = auth.uid() and n.push_at > now();
  return private.my_notification_settings(save_notification_settings.org_id);
end;
$$;
comment on function private.save_notification_settings is 'Body of public.save_notification_settings. Definer: nobody may write settings directly.';

create function private.allow_push_text(org_id uuid, is_allowed boolean) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
begin
  perform private.require_role(allow_push_text.org_id, 'admin');
  update public.organizations o set push_shows_text = coalesce(allow_push_text.is_allowed, false)
   where o.id = allow_push_text.org_id and o.push_shows_text is distinct from coalesce(allow_push_text.is_allowed, false);
  if found then
    perform private.audit(allow_push_text.org_id, 'push_text.saved', 'organization', allow_push_text.org_id::text, jsonb_build_object('is_allowed', coalesce(allow_push_text.is_allowed, false)));
  end if;
  return jsonb_build_object('text_allowed', coalesce(allow_push_text.is_allowed, false));
end;
$$;
comment on function private.allow_push_text is 'Body of public.allow_push_text. Definer: nobody may write organizations directly.';
