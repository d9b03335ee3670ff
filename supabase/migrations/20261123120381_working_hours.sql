-- 381_working_hours.sql: when an organization and its people work: hours of the week, holidays, absences.

create table public.working_hours (
  org_id   uuid not null references public.organizations on delete restrict,
  id       uuid not null default gen_random_uuid(),
  user_id  uuid,
  weekday  int not null,
  opens    int not null,
  closes   int not null,
  primary key (org_id, id),
  constraint working_hours_are_of_a_member foreign key (org_id, user_id) references public.memberships (org_id, user_id) on delete cascade,
  constraint working_hours_weekday_is_1_to_7 check (weekday between 1 and 7),
  constraint working_hours_are_within_a_day check (opens >= 0 and closes <= 1440 and opens < closes)
);
comment on table public.working_hours is
  'Spans of the week in which somebody works, by the wall clock of the organization''s time zone. An organization without any is always open; a member without '
  'any works when the organization does.';
comment on column public.working_hours.org_id is 'The organization.';
comment on column public.working_hours.id is 'The span.';
comment on column public.working_hours.user_id is 'Whose hours; null: the organization''s.';
comment on column public.working_hours.weekday is '1 is Monday, 7 is Sunday.';
comment on column public.working_hours.opens is 'Minutes after midnight.';
comment on column public.working_hours.closes is 'Minutes after midnight, 1440 is the end of the day; the minute itself is not worked. Over midnight are two spans.';
create index working_hours_whose on public.working_hours (org_id, user_id, weekday);

create table public.holidays (
  org_id  uuid not null references public.organizations on delete restrict,
  day     date not null,
  name    text not null,
  primary key (org_id, day),
  constraint holiday_name_has_1_to_60_characters check (name = btrim(name) and length(name) between 1 and 60)
);
comment on table public.holidays is 'Days on which nobody of the organization works.';
comment on column public.holidays.org_id is 'The organization.';
comment on column public.holidays.day is 'The day in the organization''s time zone.';
comment on column public.holidays.name is 'Shown to people.';

create table public.absences (
  org_id      uuid not null references public.organizations on delete restrict,
  id          uuid not null default gen_random_uuid(),
  user_id     uuid not null,
  from_at     timestamptz not null,
  to_at       timestamptz not null,
  created_by  uuid,
  created_at  timestamptz not null default now(),
  primary key (org_id, id),
  constraint absence_is_of_a_member foreign key (org_id, user_id) references public.memberships (org_id, user_id) on delete cascade,
  constraint absence_ends_after_it_begins check (from_at < to_at)
);
comment on table public.absences is 'Who is away from when to when: leads are not given to them by rules.';
comment on column public.absences.org_id is 'The organization.';
comment on column public.absences.id is 'The absence.';
comment on column public.absences.user_id is 'Who is away.';
comment on column public.absences.from_at is 'From this instant.';
comment on column public.absences.to_at is 'Until just before this instant.';
comment on column public.absences.created_by is 'Who entered it. No foreign key: it outlives the membership.';
comment on column public.absences.created_at is 'When.';
create index absences_member on public.absences (org_id, user_id, to_at);

alter table public.working_hours enable row level security;
alter table public.holidays enable row level security;
alter table public.absences enable row level security;
create policy "Members can read the working hours of their organizations"
  on public.working_hours for select to authenticated using (org_id = any (array(select private.my_org_ids())));
create policy "Members can read the holidays of their organizations"
  on public.holidays for select to authenticated using (org_id = any (array(select private.my_org_ids())));
create policy "Members can read who is away in their organizations"
  on public.absences for select to authenticated using (org_id = any (array(select private.my_org_ids())));
grant select on public.working_hours, public.holidays, public.absences to authenticated;

-- The clock ------------------------------------------------------------------------------------------------------

create function private.working_spans(org_id uuid, user_id uuid, from_at timestamptz, to_at timestamptz)
  returns table (opens_at timestamptz, closes_at timestamptz)
  language plpgsql stable security definer set search_path = '' rows 20
as $$
#variable_conflict use_column
declare
  v_org   uuid := working_spans.org_id;
  v_zone  text := (select o.time_zone from public.organizations o where o.id = working_spans.org_id);
  v_whose uuid := (select h.user_id from public.working_hours h where h.org_id = v_org and h.user_id = working_spans.user_id limit 1);
  v_is_open boolean := not exists (select from public.working_hours h where h.org_id = v_org and h.user_id is not distinct from v_whose);
begin
  -- Each wall-clock time becomes an instant by itself: a day with a jump of the clock is an hour longer or shorter, and right.
  return query
    select s.begins, s.ends
      from generate_series((working_spans.from_at at time zone v_zone)::date::timestamp, (working_spans.to_at at time zone v_zone)::date::timestamp,
                           interval '1 day') d (day)
      join (select h.weekday, h.opens, h.closes from public.working_hours h where h.org_id = v_org and h.user_id is not distinct from v_whose
            union all select w, 0, 1440 from generate_series(1, 7) w where v_is_open) h on h.weekday = extract(isodow from d.day)
     cross join lateral (select (d.day + make_interval(mins => h.opens)) at time zone v_zone as begins,
                                (d.day + make_interval(mins => h.closes)) at time zone v_zone as ends) s
     where not exists (select from public.holidays f where f.org_id = v_org and f.day = d.day::date)
       and s.begins < s.ends and s.ends > working_spans.from_at and s.begins < working_spans.to_at
     order by 1;
end;
$$;
comment on function private.working_spans is
  'The spans, as instants, in which the organization (user_id null) or a member works and that touch from_at to to_at; absences are not looked at.';

create function private.is_away(org_id uuid, user_id uuid, at timestamptz) returns boolean
  language sql stable security definer set search_path = ''
as $$
  select exists (select from public.absences a
                  where a.org_id = is_away.org_id and a.user_id = is_away.user_id and a.to_at > is_away.at and a.from_at <= is_away.at)
$$;
comment on function private.is_away is 'Whether somebody has entered that this member is away at that moment.';

create function private.is_working(org_id uuid, user_id uuid, at timestamptz) returns boolean
  language plpgsql stable security definer set search_path = ''
as $$
begin
  return not private.is_away(is_working.org_id, is_working.user_id, is_working.at)
     and exists (select from private.working_spans(is_working.org_id, is_working.user_id, is_working.at, is_working.at + interval '1 second') s
                  where s.opens_at <= is_working.at and s.closes_at > is_working.at);
end;
$$;
comment on function private.is_working is 'Whether the organization (user_id null) is open at that moment, or a member works: in their hours, on no holiday, and not away.';

create function private.next_opening(org_id uuid, user_id uuid, at timestamptz) returns timestamptz
  language plpgsql stable security definer set search_path = ''
as $$
declare
  v_at   timestamptz := next_opening.at;
  v_next timestamptz;
  v_back timestamptz;
begin
  for i in 1 .. 50 loop
    v_next := (select greatest(s.opens_at, v_at) from private.working_spans(next_opening.org_id, next_opening.user_id, v_at, v_at + interval '14 days') s limit 1);
    if v_next is null then      -- a long holiday: rarely worth looking a year ahead
      v_next := (select greatest(s.opens_at, v_at) from private.working_spans(next_opening.org_id, next_opening.user_id, v_at, v_at + interval '400 days') s limit 1);
    end if;
    exit when v_next is null;
    select max(a.to_at) into v_back from public.absences a
     where a.org_id = next_opening.org_id and a.user_id = next_opening.user_id and a.from_at <= v_next and a.to_at > v_next;
    if v_back is null then
      return v_next;
    end if;
    v_at := v_back;
  end loop;
  return null;
end;
$$;
comment on function private.next_opening is
  'The moment itself when the organization (user_id null) or the member works then; else when they next do, within some 400 days; null: not in sight.';

create function private.working_seconds(org_id uuid, from_at timestamptz, to_at timestamptz) returns bigint
  language sql stable security definer set search_path = ''
as $$
  select coalesce(floor(extract(epoch from sum(least(s.closes_at, working_seconds.to_at) - greatest(s.opens_at, working_seconds.from_at)))), 0)::bigint
    from private.working_spans(working_seconds.org_id, null, working_seconds.from_at,
                               least(working_seconds.to_at, working_seconds.from_at + interval '400 days')) s
   where working_seconds.from_at < working_seconds.to_at
$$;
comment on function private.working_seconds is 'Whole seconds between two instants in which the organization was open; 0 when they are not in order. Looks 400 days ahead at most.';

-- What people enter ----------------------------------------------------------------------------------------------

create function private.require_self_or_admin(org_id uuid, user_id uuid) returns void
  language plpgsql stable security definer set search_path = ''
as $$
begin
  perform private.require_role(require_self_or_admin.org_id, case when require_self_or_admin.user_id = auth.uid() then 'agent' else 'admin' end);
  if require_self_or_admin.user_id is not null then
    perform private.member_role(require_self_or_admin.org_id, require_self_or_admin.user_id);
  end if;
end;
$$;
comment on function private.require_self_or_admin is
  'Lets a member through for themselves and an admin for everybody of the organization, and for the organization (null). Raises PT401, PT403, PT404 member_not_found.';

create function private.save_working_hours(org_id uuid, hours jsonb, user_id uuid) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  c_time constant text := '^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$';
  r      record;
begin
  perform private.require_self_or_admin(save_working_hours.org_id, save_working_hours.user_id);
  perform private.known_fields(coalesce(save_working_hours.hours, '{}'), 'hours', array['1', '2', '3', '4', '5', '6', '7']);
  perform pg_advisory_xact_lock(hashtextextended('flow.working_hours.' || save_working_hours.org_id, 0));
  delete from public.working_hours h where h.org_id = save_working_hours.org_id and h.user_id is not distinct from save_working_hours.user_id;
  for r in select e.key, e.value from jsonb_each(coalesce(save_working_hours.hours, '{}')) e loop
    if jsonb_typeof(r.value) <> 'array' or jsonb_array_length(r.value) > 10 or exists (
      select from jsonb_array_elements(r.value) s where jsonb_typeof(s) <> 'array' or jsonb_array_length(s) <> 2
         or coalesce(s ->> 0, '') !~ c_time or coalesce(s ->> 1, '') !~ c_time or s ->> 0 >= s ->> 1) then
      perform private.refuse_field('hours.' || r.key, 'is not a list of up to ten spans like ["09:00", "18:00"]', 'hours_invalid');
    end if;
    insert into public.working_hours (org_id, user_id, weekday, opens, closes)
    select save_working_hours.org_id, save_working_hours.user_id, r.key::int, left(s ->> 0, 2)::int * 60 + right(s ->> 0, 2)::int,
           left(s ->> 1, 2)::int * 60 + right(s ->> 1, 2)::int from jsonb_array_elements(r.value) s;
  end loop;
  if exists (select from public.working_hours a join public.working_hours b on b.org_id = a.org_id and b.weekday = a.weekday and b.id <> a.id
                and b.user_id is not distinct from a.user_id and b.opens < a.closes and a.opens < b.closes
              where a.org_id = save_working_hours.org_id and a.user_id is not distinct from save_working_hours.user_id) then
    perform private.refuse_field('hours', 'have spans of one day that overlap', 'hours_overlap');
  end if;
  perform private.look_again(save_working_hours.org_id);
  perform private.audit(save_working_hours.org_id, 'working_hours.saved', case when save_working_hours.user_id is null then 'organization' else 'person' end,
                        coalesce(save_working_hours.user_id, save_working_hours.org_id)::text);
  return jsonb_build_object('user_id', save_working_hours.user_id, 'hours', private.hours_of(save_working_hours.org_id, save_working_hours.user_id));
end;
$$;
comment on function private.save_working_hours is 'Body of public.save_working_hours. Definer: nobody may write hours directly.';
create function public.save_working_hours(org_id uuid, hours jsonb, user_id uuid default null) returns jsonb
  language sql volatile set search_path = ''
begin atomic
  select private.save_working_hours(org_id, hours, user_id);
end;
comment on function public.save_working_hours is
  'Sets the week of the organization (for admins), or of one member (themselves, or an admin): {"1": [["09:00", "13:00"], ["14:00", "18:00"]], …}, Monday is 1, '
  'days left out are off; {} forgets them: always open, or as the organization. Returns {user_id, hours}. Raises PT403, PT404, PT422 field_unknown, hours_invalid, hours_overlap.';

create function private.hours_of(org_id uuid, user_id uuid) returns jsonb
  language sql stable security definer set search_path = ''
as $$
  select coalesce(jsonb_object_agg(d.weekday, d.spans), '{}')
    from (select h.weekday, jsonb_agg(jsonb_build_array(to_char(make_interval(mins => h.opens), 'HH24:MI'), to_char(make_interval(mins => h.closes), 'HH24:MI'))
                                      order by h.opens) as spans
            from public.working_hours h where h.org_id = hours_of.org_id and h.user_id is not distinct from hours_of.user_id group by 1) d
$$;
comment on function private.hours_of is 'The week of the organization (user_id null) or of a member as save_working_hours takes it; {} when nobody has said.';

create function private.save_holiday(org_id uuid, day date, name text) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
begin
  perform private.require_role(save_holiday.org_id, 'admin');
  if save_holiday.day is null or save_holiday.day not between '2000-01-01' and '2100-12-31' then
    raise sqlstate 'PT422' using message = 'This is not a day.', detail = 'day_invalid', hint = 'Write it like 2026-08-15.';
  end if;
  if coalesce(btrim(save_holiday.name), '') = '' then
    delete from public.holidays h where h.org_id = save_holiday.org_id and h.day = save_holiday.day;
  else
    insert into public.holidays (org_id, day, name) values (save_holiday.org_id, save_holiday.day, private.name_for_people(save_holiday.name))
        on conflict (org_id, day) do update set name = excluded.name;
  end if;
  perform private.look_again(save_holiday.org_id);
  perform private.audit(save_holiday.org_id, 'holiday.saved', 'holiday', save_holiday.day::text);
  return jsonb_build_object('day', save_holiday.day);
end;
$$;
comment on function private.save_holiday is 'Body of public.save_holiday. Definer: nobody may write holidays directly.';
create function public.save_holiday(org_id uuid, day date, name text default null) returns jsonb
  language sql volatile set search_path = ''
begin atomic
  select private.save_holiday(org_id, day, name);
end;
comment on function public.save_holiday is
  'Makes a day a holiday of the organization, or without a name no holiday any more; for admins. Returns {day}. Raises PT403, PT404, PT422 day_invalid, name_invalid.';

create function private.add_absence(org_id uuid, user_id uuid, from_at timestamptz, to_at timestamptz) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_id uuid;
begin
  perform private.require_self_or_admin(add_absence.org_id, coalesce(add_absence.user_id, auth.uid()));
  if add_absence.from_at is null or add_absence.to_at is null or not (add_absence.from_at < add_absence.to_at)
     or add_absence.to_at not between '2000-01-01' and now() + interval '5 years' or add_absence.from_at < '2000-01-01' then
    raise sqlstate 'PT422' using message = 'An absence begins before it ends, within five years.', detail = 'absence_invalid', hint = 'Check both times.';
  end if;
  insert into public.absences (org_id, user_id, from_at, to_at, created_by)
  values (add_absence.org_id, coalesce(add_absence.user_id, auth.uid()), add_absence.from_at, add_absence.to_at, auth.uid())
  returning id into v_id;
  perform private.look_again(add_absence.org_id);
  perform private.audit(add_absence.org_id, 'absence.added', 'person', coalesce(add_absence.user_id, auth.uid())::text);
  return jsonb_build_object('absence_id', v_id);
end;
$$;
comment on function private.add_absence is 'Body of public.add_absence. Definer: nobody may write absences directly.';
create function public.add_absence(org_id uuid, from_at timestamptz, to_at timestamptz, user_id uuid default null) returns jsonb
  language sql volatile set search_path = ''
begin atomic
  select private.add_absence(org_id, user_id, from_at, to_at);
end;
comment on function public.add_absence is
  'Says that a member is away (themselves unless an admin names somebody): rules give them no leads meanwhile. Returns {absence_id}. Raises PT403, PT404, PT422 absence_invalid.';

create function private.remove_absence(org_id uuid, absence_id uuid) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_user uuid;
begin
  select a.user_id into v_user from public.absences a where a.org_id = remove_absence.org_id and a.id = remove_absence.absence_id;
  if not found then
    raise sqlstate 'PT404' using message = 'There is no such absence.', detail = 'absence_not_found', hint = 'Reload the team.';
  end if;
  perform private.require_self_or_admin(remove_absence.org_id, v_user);      -- the organization (null) is an admin's
  delete from public.absences a where a.org_id = remove_absence.org_id and a.id = remove_absence.absence_id;
  perform private.look_again(remove_absence.org_id);
  perform private.audit(remove_absence.org_id, 'absence.removed', 'person', v_user::text);
  return jsonb_build_object('absence_id', remove_absence.absence_id);
end;
$$;
comment on function private.remove_absence is 'Body of public.remove_absence. Definer: nobody may write absences directly.';
create function public.remove_absence(org_id uuid, absence_id uuid) returns jsonb
  language sql volatile set search_path = ''
begin atomic
  select private.remove_absence(org_id, absence_id);
end;
comment on function public.remove_absence is 'Takes an absence back: one''s own, or any for admins. Returns {absence_id}. Raises PT403, PT404.';

create function private.availability(org_id uuid) returns jsonb
  language plpgsql stable security definer set search_path = ''
as $$
#variable_conflict use_column
begin
  perform private.require_role(availability.org_id, 'agent');
  return (
    select jsonb_build_object('time_zone', o.time_zone, 'hours', private.hours_of(o.id, null), 'is_open', private.is_working(o.id, null, now()),
      'next_opening', private.next_opening(o.id, null, now()),
      'holidays', (select coalesce(jsonb_agg(jsonb_build_object('day', h.day, 'name', h.name) order by h.day), '[]') from public.holidays h
                    where h.org_id = o.id and h.day >= (now() at time zone o.time_zone)::date),
      'members', (select coalesce(jsonb_agg(jsonb_build_object('user_id', m.user_id, 'name', coalesce(p.name, p.email), 'role', m.role,
                           'hours', private.hours_of(o.id, m.user_id), 'is_working', private.is_working(o.id, m.user_id, now()),
                           'next_opening', private.next_opening(o.id, m.user_id, now()),
                           'absences', (select coalesce(jsonb_agg(jsonb_build_object('absence_id', a.id, 'from_at', a.from_at, 'to_at', a.to_at) order by a.from_at), '[]')
                                          from public.absences a where a.org_id = o.id and a.user_id = m.user_id and a.to_at > now()))
                           order by lower(coalesce(p.name, p.email)), m.user_id), '[]')
                    from public.memberships m join public.profiles p on p.id = m.user_id where m.org_id = o.id))
      from public.organizations o where o.id = availability.org_id);
end;
$$;
comment on function private.availability is 'Body of public.availability. Definer: it reads profiles by key; it asks for membership itself.';
create function public.availability(org_id uuid) returns jsonb
  language sql stable set search_path = ''
begin atomic
  select private.availability(org_id);
end;
comment on function public.availability is
  'Who works when: {time_zone, hours, is_open, next_opening, holidays: [{day, name}] to come, members: [{user_id, name, role, hours, is_working, next_opening, '
  'absences: [{absence_id, from_at, to_at}] that run or come}]}. Raises PT404.';
grant execute on function private.save_working_hours, public.save_working_hours, private.save_holiday, public.save_holiday, private.add_absence, public.add_absence,
  private.remove_absence, public.remove_absence, private.availability, public.availability to authenticated;
