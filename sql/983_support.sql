-- 983_support.sql: Flow's own people see nothing of an organization, until an owner lets them look: for hours, and only look.
--
-- An owner grants. Somebody of the staff begins a visit, which leaves a row in the audit log before there is anything to see. While both
-- last, private.my_org_ids() counts the organization among the visitor's, so that policies show its rows; policies that let members write
-- ask for a role, which a visitor has not. private.require_role() lets a visitor through where an agent may pass, but only in a transaction
-- that Postgres itself has made read-only, as the API does for every function that reads. Both look at the clock: nothing has to run for a
-- grant to end. Files and the live channel are not shown: a signed link, or an open line, would outlast the grant.

create table private.support_staff (
  user_id   uuid primary key references auth.users on delete cascade,
  added_at  timestamptz not null default now()
);
comment on table private.support_staff is 'People of Flow who may be let in. By itself it opens nothing. Kept by operators: flow support add.';
comment on column private.support_staff.user_id is 'The person.';
comment on column private.support_staff.added_at is 'Since when.';
alter table private.support_staff enable row level security;

create table public.support_grants (
  org_id      uuid not null references public.organizations on delete restrict,
  id          uuid not null default gen_random_uuid(),
  reason      text not null,
  granted_by  uuid not null,
  granted_at  timestamptz not null default now(),
  expires_at  timestamptz not null,
  ended_at    timestamptz,
  ended_by    uuid,
  primary key (org_id, id),
  constraint support_reason_is_short check (length(reason) between 1 and 500),
  constraint support_lasts_72_hours_at_most check (expires_at > granted_at and expires_at <= granted_at + interval '72 hours'),
  constraint support_is_ended_at_an_instant check (ended_by is null or ended_at is not null)
);
comment on table public.support_grants is 'When owners let Flow''s support look. Open: not ended, and not expired. At most one at a time.';
comment on column public.support_grants.org_id is 'The organization that is shown.';
comment on column public.support_grants.id is 'Named by visits.';
comment on column public.support_grants.reason is 'What support is to look at, in the owner''s words.';
comment on column public.support_grants.granted_by is 'The owner. No foreign key: it outlives the account.';
comment on column public.support_grants.granted_at is 'When.';
comment on column public.support_grants.expires_at is 'From then on nothing is shown any more; 72 hours later at most.';
comment on column public.support_grants.ended_at is 'When an owner ended it; or, noted within an hour, when it had expired. Null before.';
comment on column public.support_grants.ended_by is 'The owner who ended it; null when it expired.';
create unique index support_is_granted_once on public.support_grants (org_id) where ended_at is null;
create index support_grants_newest on public.support_grants (org_id, granted_at desc);
create index support_grants_expiring on public.support_grants (expires_at) where ended_at is null;
alter table public.support_grants enable row level security;
create policy "Members can read whom their organization let in"
  on public.support_grants for select to authenticated
  using (org_id = any (array(select private.my_org_ids())));
grant select on public.support_grants to authenticated;

create table public.support_visits (
  org_id    uuid not null,
  grant_id  uuid not null,
  user_id   uuid not null,
  began_at  timestamptz not null default now(),
  ends_at   timestamptz not null,
  primary key (org_id, grant_id, user_id, began_at),
  constraint visit_is_within_a_grant foreign key (org_id, grant_id) references public.support_grants (org_id, id) on delete cascade,
  constraint visit_lasts_12_hours_at_most check (ends_at > began_at and ends_at <= began_at + interval '12 hours')
);
comment on table public.support_visits is 'When somebody of Flow''s support looked. Nothing is shown without one; after 12 hours another is begun.';
comment on column public.support_visits.org_id is 'The organization.';
comment on column public.support_visits.grant_id is 'By which grant.';
comment on column public.support_visits.user_id is 'Who. No foreign key: it outlives the account.';
comment on column public.support_visits.began_at is 'Since when they could look.';
comment on column public.support_visits.ends_at is 'Until when at most: not beyond the grant.';
create index support_visits_of_a_person on public.support_visits (user_id, ends_at);
alter table public.support_visits enable row level security;
create policy "Members can read who of support looked"
  on public.support_visits for select to authenticated
  using (org_id = any (array(select private.my_org_ids())));
grant select on public.support_visits to authenticated;

insert into private.table_classes (table_name, class, why) values
  ('public.support_grants', 'purge', 'Data of the organization'), ('public.support_visits', 'purge', 'Data of the organization');

-- Who is looking ---------------------------------------------------------------------------------------------------------

create function private.is_visiting(org_id uuid) returns boolean
  language sql stable security definer set search_path = ''
as $$
  -- As in private.my_org_ids(), which is asked by every policy and so says it once more by itself.
  select exists (
    select from private.support_staff s
      join public.support_visits v on v.user_id = s.user_id and v.ends_at > now()
      join public.support_grants g on g.org_id = v.org_id and g.id = v.grant_id and g.ended_at is null and g.expires_at > now()
      join public.organizations o on o.id = v.org_id and o.deleted_at is null
     where s.user_id = (select auth.uid()) and v.org_id = is_visiting.org_id)
$$;
comment on function private.is_visiting is 'Whether the person who asks is of Flow''s support and looks at this organization just now. Definer: staff is closed to all.';

create function private.visitor_role(min_role text) returns text
  language plpgsql stable security definer set search_path = ''
as $$
begin
  if private.role_rank(visitor_role.min_role) > 1 or current_setting('transaction_read_only') <> 'on' then
    raise sqlstate 'PT403' using message = 'Support can look, and change nothing.', detail = 'support_reads_only';
  end if;
  return 'support';
end;
$$;
comment on function private.visitor_role is
  'What require_role says to a visitor: support where an agent may pass and the transaction can only read, else PT403 support_reads_only.';

create function private.require_caller(org_id uuid, min_role text) returns text
  language plpgsql stable security definer set search_path = ''
as $$
declare
  v_role text := private.require_role(require_caller.org_id, require_caller.min_role);
begin
  if v_role = 'support' and require_caller.min_role <> 'support' then
    raise sqlstate 'PT403' using message = 'Support can look, and change nothing.', detail = 'support_reads_only';
  end if;
  return v_role;
end;
$$;
comment on function private.require_caller is
  'As require_role, for who does something afterwards in another transaction: a visitor of support does not pass, unless support is what is asked for. Definer, as require_role.';

create function public.require_role(org_id uuid, min_role text) returns jsonb
  language sql stable set search_path = ''
begin atomic
  select jsonb_build_object('role', private.require_caller(org_id, min_role));
end;
comment on function public.require_role is
  'What the workers ask, with the person''s own token, before they do something for them: {role}. min_role may be support: whoever may look. Raises PT401, PT403, PT404.';
grant execute on function private.require_caller, public.require_role to authenticated;

-- Owners ---------------------------------------------------------------------------------------------------------------------

create function private.note_expired_support() returns int
  language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_grant public.support_grants;
  v_noted int := 0;
begin
  for v_grant in select g.* from public.support_grants g where g.ended_at is null and g.expires_at <= now() for update skip locked loop
    update public.support_grants g set ended_at = g.expires_at where g.org_id = v_grant.org_id and g.id = v_grant.id;
    perform private.audit(v_grant.org_id, 'support.expired', 'support', v_grant.id::text);
    v_noted := v_noted + 1;
  end loop;
  return v_noted;
end;
$$;
comment on function private.note_expired_support is 'Notes grants that have expired, for the record: they were closed already. Returns how many. For the schedule.';

create function private.grant_support_access(org_id uuid, hours int, reason text) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_reason text := btrim(coalesce(grant_support_access.reason, ''));
  v_grant  public.support_grants;
begin
  perform private.require_role(grant_support_access.org_id, 'owner');
  if coalesce(grant_support_access.hours, 0) not between 1 and 72 then
    raise sqlstate 'PT422' using message = 'Support can be let in for 1 to 72 hours.', detail = 'bad_hours';
  elsif length(v_reason) not between 1 and 500 then
    raise sqlstate 'PT422' using message = 'Say in up to 500 characters what support is to look at.', detail = 'bad_reason';
  end if;
  perform from public.organizations o where o.id = grant_support_access.org_id for no key update;
  perform private.note_expired_support();
  insert into public.support_grants (org_id, reason, granted_by, expires_at)
  values (grant_support_access.org_id, v_reason, auth.uid(), now() + make_interval(hours => grant_support_access.hours))
  on conflict (org_id) where ended_at is null do nothing
  returning * into v_grant;
  if v_grant.id is null then
    raise sqlstate 'PT409' using message = 'Support is let in already.', detail = 'support_already_granted', hint = 'End it first, to grant it for another time.';
  end if;
  perform private.audit(v_grant.org_id, 'support.granted', 'support', v_grant.id::text, jsonb_build_object('hours', grant_support_access.hours));
  return jsonb_build_object('grant_id', v_grant.id, 'expires_at', v_grant.expires_at);
end;
$$;
comment on function private.grant_support_access is 'Body of public.grant_support_access. Definer: nobody may write grants directly.';

create function public.grant_support_access(org_id uuid, hours int, reason text) returns jsonb
  language sql volatile set search_path = ''
begin atomic
  select private.grant_support_access(org_id, hours, reason);
end;
comment on function public.grant_support_access is
  'Lets Flow''s support look, and change nothing, for 1 to 72 hours: {grant_id, expires_at}. For owners. Raises PT403, PT404, PT409 support_already_granted, PT422 bad_hours, bad_reason.';

create function private.revoke_support_access(org_id uuid) returns void
  language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_id uuid;
begin
  perform private.require_role(revoke_support_access.org_id, 'owner');
  update public.support_grants g set ended_at = now(), ended_by = auth.uid()
   where g.org_id = revoke_support_access.org_id and g.ended_at is null and g.expires_at > now()
  returning g.id into v_id;
  if v_id is not null then
    perform private.audit(revoke_support_access.org_id, 'support.revoked', 'support', v_id::text);
  end if;
end;
$$;
comment on function private.revoke_support_access is 'Body of public.revoke_support_access. Definer: nobody may write grants directly.';

create function public.revoke_support_access(org_id uuid) returns void
  language sql volatile set search_path = ''
begin atomic
  select private.revoke_support_access(org_id);
end;
comment on function public.revoke_support_access is 'Ends what was granted to Flow''s support, at once; when nothing is open, nothing happens. For owners. Raises PT403, PT404.';
grant execute on function private.grant_support_access, public.grant_support_access, private.revoke_support_access, public.revoke_support_access to authenticated;

-- Staff --------------------------------------------------------------------------------------------------------------------

create function private.is_staff() returns boolean
  language sql stable security definer set search_path = ''
as $$
  select exists (select from private.support_staff s where s.user_id = (select auth.uid()))
$$;
comment on function private.is_staff is 'Whether the person who asks is one of Flow''s own. Definer: staff is closed to all.';

create function private.require_staff() returns uuid
  language plpgsql stable security definer set search_path = ''
as $$
begin
  if not private.is_staff() then
    raise sqlstate 'PT404' using message = 'There is no such page.', detail = 'not_found';
  end if;
  return auth.uid();
end;
$$;
comment on function private.require_staff is
  'The person who asks, when they are one of Flow''s own; else PT404: to everybody else what Flow''s people see is not there. The first statement of whatever they alone may do.';

create function public.am_i_staff() returns jsonb
  language sql stable set search_path = ''
begin atomic
  select jsonb_build_object('is_staff', private.is_staff());
end;
comment on function public.am_i_staff is 'Whether the caller is one of Flow''s own, so that the dashboard shows them the operators'' pages: {is_staff}.';
grant execute on function private.is_staff, public.am_i_staff to authenticated;

create function private.my_support() returns table (
  org_id uuid, name text, time_zone text, country text, reason text, granted_at timestamptz, expires_at timestamptz, is_begun boolean)
  language sql stable security definer set search_path = ''
as $$
  select g.org_id, o.name, o.time_zone, o.country, g.reason, g.granted_at, g.expires_at,
         exists (select from public.support_visits v where v.org_id = g.org_id and v.grant_id = g.id and v.user_id = s.user_id and v.ends_at > now())
    from private.support_staff s
    join public.support_grants g on g.ended_at is null and g.expires_at > now()
    join public.organizations o on o.id = g.org_id and o.deleted_at is null
   where s.user_id = (select auth.uid())
   order by g.expires_at
   limit 100
$$;
comment on function private.my_support is 'Body of public.my_support. Definer: staff is closed to all.';

create function public.my_support() returns table (
  org_id uuid, name text, time_zone text, country text, reason text, granted_at timestamptz, expires_at timestamptz, is_begun boolean)
  language sql stable set search_path = ''
begin atomic
  select * from private.my_support();
end;
comment on function public.my_support is 'Organizations that let Flow''s support look just now, for its people: none for everybody else. is_begun: whether the caller has begun a visit.';

create function private.begin_support(org_id uuid) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_grant public.support_grants;
  v_ends  timestamptz;
begin
  select g.* into v_grant
    from private.support_staff s
    join public.support_grants g on g.org_id = begin_support.org_id and g.ended_at is null and g.expires_at > now()
    join public.organizations o on o.id = g.org_id and o.deleted_at is null
   where s.user_id = auth.uid() for share of g;
  if not found then
    raise sqlstate 'PT404' using message = 'There is no such organization, or it has not let support in.', detail = 'organization_not_found';
  end if;
  perform pg_advisory_xact_lock(hashtextextended(format('flow.support %s %s', v_grant.id, auth.uid()), 0));
  select v.ends_at into v_ends from public.support_visits v
   where v.org_id = v_grant.org_id and v.grant_id = v_grant.id and v.user_id = auth.uid() and v.ends_at > now();
  if v_ends is null then
    insert into public.support_visits (org_id, grant_id, user_id, ends_at)
    values (v_grant.org_id, v_grant.id, auth.uid(), least(v_grant.expires_at, now() + interval '12 hours'))
    returning ends_at into v_ends;
    perform private.audit(v_grant.org_id, 'support.looked', 'support', v_grant.id::text);
  end if;
  return jsonb_build_object('ends_at', v_ends);
end;
$$;
comment on function private.begin_support is 'Body of public.begin_support. Definer: nobody may write visits directly.';

create function public.begin_support(org_id uuid) returns jsonb
  language sql volatile set search_path = ''
begin atomic
  select private.begin_support(org_id);
end;
comment on function public.begin_support is
  'Somebody of Flow''s support begins to look at an organization that let them in; the audit log says so from then on: {ends_at}. Once begun, the same again. Raises PT404 for everybody else.';
grant execute on function private.my_support, public.my_support, private.begin_support, public.begin_support to authenticated;

-- Operators ----------------------------------------------------------------------------------------------------------------

create function worker.set_support(email text, is_staff boolean) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_person uuid := (worker.find_person(set_support.email) ->> 'user_id')::uuid;
begin
  if v_person is null then
    raise sqlstate 'PT404' using message = 'There is no such person.', detail = 'person_not_found', hint = 'They sign in to Flow once; then they are known.';
  elsif set_support.is_staff then
    insert into private.support_staff (user_id) values (v_person) on conflict do nothing;
  else
    delete from private.support_staff s where s.user_id = v_person;
  end if;
  return jsonb_build_object('user_id', v_person, 'is_staff', set_support.is_staff);
end;
$$;
comment on function worker.set_support is 'Takes a person, by their address, into Flow''s support or out of it: {user_id, is_staff}. Opens nothing by itself; out of it ends all they see. Raises PT404. For operators.';

create function worker.support_staff() returns jsonb
  language sql stable security definer set search_path = ''
as $$
  select jsonb_build_object('staff', coalesce(jsonb_agg(jsonb_build_object('user_id', s.user_id, 'email', p.email, 'added_at', s.added_at) order by s.added_at, s.user_id), '[]'))
    from private.support_staff s join public.profiles p on p.id = s.user_id
$$;
comment on function worker.support_staff is 'Who is of Flow''s support: {staff: [{user_id, email, added_at}]}. For operators.';
grant execute on function worker.set_support, worker.support_staff to service_role;
