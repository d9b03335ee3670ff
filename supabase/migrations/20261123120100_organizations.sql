-- 100_organizations.sql: people, organizations, who belongs to which, and the helpers that every policy stands on.

-- Tables ---------------------------------------------------------------------------------------------------

-- auth.users is closed to people. What members of one organization may know of each other is copied here by trigger.
create table public.profiles (
  id          uuid primary key references auth.users on delete cascade,
  email       text,
  name        text,
  avatar_url  text,
  created_at  timestamptz not null default now(),
  updated_at  timestamptz not null default now(),
  constraint profile_email_is_lower_case check (email = lower(email)),
  constraint profile_avatar_is_an_https_address check (avatar_url ~ '^https://')
);
comment on table public.profiles is
  'A person who can sign in, as colleagues see them; kept by trigger from auth.users.';
comment on column public.profiles.id is 'The id in auth.users.';
comment on column public.profiles.email is 'Lower-cased sign-in address; null for a person without one.';
comment on column public.profiles.name is
  'The name the person or their Google account gave; null until one is known.';
comment on column public.profiles.avatar_url is
  'Picture given by the sign-in provider; null unless it is an https address.';
comment on column public.profiles.created_at is 'When Flow first knew the person.';
comment on column public.profiles.updated_at is 'Last time auth.users changed what is copied here.';

create table public.organizations (
  id          uuid primary key default gen_random_uuid(),
  name        text not null,
  time_zone   text not null default 'Asia/Kolkata',
  country     text not null default 'IN',
  created_at  timestamptz not null default now(),
  deleted_at  timestamptz,
  constraint organization_name_has_1_to_200_characters check (name = btrim(name) and length(name) between 1 and 200),
  constraint organization_country_is_iso_3166 check (country ~ '^[A-Z]{2}$')
);
comment on table public.organizations is
  'A business that uses Flow: the tenant that org_id names in every other table.';
comment on column public.organizations.id is 'org_id everywhere else.';
comment on column public.organizations.name is 'Shown to members and in invitations.';
comment on column public.organizations.time_zone is 'IANA name; days and months of reports are cut by it.';
comment on column public.organizations.country is 'ISO 3166 code: the country of a phone number given without one.';
comment on column public.organizations.created_at is 'When the first owner made it.';
comment on column public.organizations.deleted_at is
  'Set when an owner asks for deletion; from then on nobody sees it and no work is done for it. Rows are purged '
  'later.';

create table public.memberships (
  org_id      uuid not null references public.organizations on delete restrict,
  user_id     uuid not null references auth.users on delete cascade,
  role        text not null,
  created_at  timestamptz not null default now(),
  primary key (org_id, user_id),
  constraint membership_role_is_known check (role in ('owner', 'admin', 'agent'))
);
comment on table public.memberships is
  'Who belongs to which organization, and as what. Written only by the functions of 120_members.sql; there is always '
  'an owner.';
comment on column public.memberships.org_id is 'The organization.';
comment on column public.memberships.user_id is 'The person; a person may belong to several organizations.';
comment on column public.memberships.role is
  'agent works leads and chats; admin also settings and team; owner also billing, export and deletion.';
comment on column public.memberships.created_at is 'When the person joined.';

create index profiles_email on public.profiles (email);
create index memberships_user on public.memberships (user_id, org_id);

-- Helpers of policies --------------------------------------------------------------------------------------

create function private.my_org_ids() returns setof uuid
  language plpgsql stable security definer set search_path = '' rows 3
as $$
begin      -- plpgsql: its plan is kept, that of an SQL function is made anew for every query that asks
  return query
    select m.org_id
      from public.memberships m
      join public.organizations o on o.id = m.org_id
     where m.user_id = (select auth.uid()) and o.deleted_at is null
    union all      -- those that let Flow's support look (983_support.sql): for almost everybody one look into a tiny table
    select v.org_id
      from private.support_staff s
      join public.support_visits v on v.user_id = s.user_id and v.ends_at > now()
      join public.support_grants g on g.org_id = v.org_id and g.id = v.grant_id and g.ended_at is null and g.expires_at > now()
      join public.organizations o on o.id = v.org_id and o.deleted_at is null
     where s.user_id = (select auth.uid());
end;
$$;
comment on function private.my_org_ids is
  'Organizations that the person who asks may see. A policy that lets write asks my_org_ids_as instead. For policies: org_id = any (array(select private.my_org_ids())) runs once a '
  'query. Definer: it reads memberships beneath their own policy.';
grant execute on function private.my_org_ids() to authenticated;

create function private.my_org_ids_as(variadic roles text[]) returns setof uuid
  language plpgsql stable security definer set search_path = '' rows 3
as $$
begin      -- plpgsql: its plan is kept, that of an SQL function is made anew for every query that asks
  return query
    select m.org_id
      from public.memberships m
      join public.organizations o on o.id = m.org_id
     where m.user_id = (select auth.uid()) and m.role = any (my_org_ids_as.roles) and o.deleted_at is null;
end;
$$;
comment on function private.my_org_ids_as is
  'Organizations in which the person who asks has one of these roles. Definer, as my_org_ids.';
grant execute on function private.my_org_ids_as(text[]) to authenticated;

create function private.my_colleague_ids() returns setof uuid
  language plpgsql stable security definer set search_path = '' rows 20
as $$
begin      -- plpgsql: its plan is kept, that of an SQL function is made anew for every query that asks
  return query
    select m.user_id from public.memberships m where m.org_id = any (array(select private.my_org_ids()));
end;
$$;
comment on function private.my_colleague_ids is
  'Everybody who shares an organization with the person who asks. Definer, as my_org_ids.';
grant execute on function private.my_colleague_ids() to authenticated;

-- Row level security and grants ----------------------------------------------------------------------------

alter table public.profiles enable row level security;
alter table public.organizations enable row level security;
alter table public.memberships enable row level security;

create policy "People can read their own profile and those of colleagues"
  on public.profiles for select to authenticated
  using (id = (select auth.uid()) or id = any (array(select private.my_colleague_ids())));
create policy "Members can read their organizations"
  on public.organizations for select to authenticated
  using (id = any (array(select private.my_org_ids())));
create policy "Members can read who belongs to their organizations"
  on public.memberships for select to authenticated
  using (org_id = any (array(select private.my_org_ids())));

grant select on public.profiles, public.organizations, public.memberships to authenticated;

-- Who may do what ------------------------------------------------------------------------------------------

create function private.role_rank(role text) returns int
  language sql immutable security invoker set search_path = ''
as $$
  select case role_rank.role when 'owner' then 3 when 'admin' then 2 when 'agent' then 1 else 0 end
$$;
comment on function private.role_rank is 'Orders the roles: owner 3, admin 2, agent 1; 0 for what is no role.';

create function private.require_role(org_id uuid, min_role text) returns text
  language plpgsql stable security definer set search_path = ''
as $$
declare
  v_person uuid := auth.uid();
  v_role text;
begin
  if v_person is null and private.is_program(require_role.org_id) and require_role.min_role = 'agent' then
    return 'program';
  elsif v_person is null then
    raise sqlstate 'PT401' using message = 'Sign in first.', detail = 'not_signed_in';
  end if;
  select m.role into v_role
    from public.memberships m
    join public.organizations o on o.id = m.org_id
   where m.org_id = require_role.org_id and m.user_id = v_person and o.deleted_at is null;
  if v_role is null and private.is_visiting(require_role.org_id) then
    return private.visitor_role(require_role.min_role);
  end if;
  if v_role is null then
    raise sqlstate 'PT404' using
      message = 'There is no such organization, or you do not belong to it.', detail = 'organization_not_found';
  end if;
  if private.role_rank(v_role) < private.role_rank(require_role.min_role) then
    raise sqlstate 'PT403' using
      message = format('This needs the role %s; yours is %s.', require_role.min_role, v_role),
      detail = 'role_too_low', hint = 'Ask an owner of the organization.';
  end if;
  return v_role;
end;
$$;
comment on function private.require_role is
  'The role of the person who asks, or a refusal: 401 nobody, 404 unknown or foreign (the same, so that ids tell '
  'nothing), 403 too low. First line of every private function behind an RPC. A visitor of Flow''s support (983_support.sql) '
  'passes as ''support'' where an agent would, in a transaction that can only read; a call with an API key (364_api_calls.sql) as ''program''. Definer, as my_org_ids.';

grant execute on function private.require_role to authenticated;

create function private.require_organization(org_id uuid) returns void
  language plpgsql stable security definer set search_path = ''
as $$
begin
  if not exists (
    select from public.organizations o where o.id = require_organization.org_id and o.deleted_at is null
  ) then
    raise sqlstate 'PT404' using message = 'There is no such organization.', detail = 'organization_not_found';
  end if;
end;
$$;
comment on function private.require_organization is
  'Refuses (404) an organization that does not exist or is deleted: for worker functions, which act for nobody. '
  'Definer: it reads beneath RLS.';

-- Profiles follow auth.users -------------------------------------------------------------------------------

create function private.tg_users__keep_profile() returns trigger
  language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_given jsonb := coalesce(new.raw_user_meta_data, '{}'::jsonb);
  v_avatar text := coalesce(v_given ->> 'avatar_url', v_given ->> 'picture');
begin
  insert into public.profiles as p (id, email, name, avatar_url)
  values (
    new.id,
    lower(nullif(btrim(new.email), '')),
    left(nullif(btrim(coalesce(v_given ->> 'full_name', v_given ->> 'name')), ''), 200),
    case when v_avatar ~ '^https://' and length(v_avatar) <= 2000 then v_avatar end
  )
  on conflict (id) do update
    set email = excluded.email,
        name = coalesce(excluded.name, p.name),
        avatar_url = coalesce(excluded.avatar_url, p.avatar_url),
        updated_at = now();
  return null;
end;
$$;
comment on function private.tg_users__keep_profile is
  'Copies what colleagues may know of a person. Never refuses: a sign-up must not fail for a picture. Definer: the '
  'auth server owns no table of ours.';

create trigger users_keep_profile_on_insert
  after insert on auth.users
  for each row execute function private.tg_users__keep_profile();
create trigger users_keep_profile_on_update
  after update of email, raw_user_meta_data on auth.users
  for each row execute function private.tg_users__keep_profile();

-- People who signed up before this file was applied.
insert into public.profiles (id, email, name)
select u.id, lower(nullif(btrim(u.email), '')),
       left(nullif(btrim(coalesce(u.raw_user_meta_data ->> 'full_name', u.raw_user_meta_data ->> 'name')), ''), 200)
  from auth.users u
    on conflict (id) do nothing;

-- There is always an owner ---------------------------------------------------------------------------------

-- The row lock makes two owners who step down at once queue up; without it both count the other and none is left.
-- "no key update", because "for update" would also hold up every foreign key check against the organization.
create function private.tg_memberships__keep_an_owner() returns trigger
  language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_org_id uuid;
begin
  for v_org_id in select distinct r.org_id from old_rows r where r.role = 'owner' order by 1 loop
    perform from public.organizations o where o.id = v_org_id and o.deleted_at is null for no key update;
    if found and not exists (select from public.memberships m where m.org_id = v_org_id and m.role = 'owner') then
      raise sqlstate 'PT409' using
        message = 'An organization needs an owner.', detail = 'last_owner', hint = 'Make somebody else an owner first.';
    end if;
  end loop;
  return null;
end;
$$;
comment on function private.tg_memberships__keep_an_owner is
  'Refuses (409) what would leave an organization without an owner, including deleting the account of its only one. '
  'Definer: it must see every membership.';

create trigger memberships_keep_an_owner_on_update
  after update on public.memberships referencing old table as old_rows
  for each statement execute function private.tg_memberships__keep_an_owner();
create trigger memberships_keep_an_owner_on_delete
  after delete on public.memberships referencing old table as old_rows
  for each statement execute function private.tg_memberships__keep_an_owner();

-- Organizations --------------------------------------------------------------------------------------------

create function private.valid_organization_name(name text) returns text
  language plpgsql immutable security invoker set search_path = ''
as $$
declare
  v_name text := btrim(regexp_replace(coalesce(valid_organization_name.name, ''), '\s+', ' ', 'g'));
begin
  if length(v_name) not between 1 and 200 then
    raise sqlstate 'PT422' using
      message = 'The name of an organization has 1 to 200 characters.', detail = 'bad_name';
  end if;
  return v_name;
end;
$$;
comment on function private.valid_organization_name is
  'The name with single spaces and none around it, or a refusal (422).';

create function private.new_organization(name text, owner_id uuid) returns uuid
  language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_org_id uuid;
begin
  insert into public.organizations (name)
  values (private.valid_organization_name(new_organization.name))
  returning id into v_org_id;
  insert into public.memberships (org_id, user_id, role) values (v_org_id, new_organization.owner_id, 'owner');
  perform private.audit(v_org_id, 'organization.created', 'organization', v_org_id::text,
                        jsonb_build_object('owner_id', new_organization.owner_id));
  return v_org_id;
end;
$$;
comment on function private.new_organization is
  'Makes an organization with its first owner; both doors below end here. Definer: nobody may write these tables '
  'directly.';

create function private.create_organization(name text) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
begin
  if auth.uid() is null then
    raise sqlstate 'PT401' using message = 'Sign in first.', detail = 'not_signed_in';
  end if;
  return jsonb_build_object('org_id', private.new_organization(create_organization.name, auth.uid()));
end;
$$;
comment on function private.create_organization is
  'Body of public.create_organization. Definer: nobody may write these tables directly.';

create function public.create_organization(name text) returns jsonb
  language sql volatile security invoker set search_path = ''
begin atomic
  select private.create_organization(create_organization.name);
end;
comment on function public.create_organization is
  'Makes an organization owned by the person who asks; returns {"org_id"}.';
grant execute on function public.create_organization(text), private.create_organization(text) to authenticated;

create function private.rename_organization(org_id uuid, name text) returns void
  language plpgsql volatile security definer set search_path = ''
as $$
begin
  perform private.require_role(rename_organization.org_id, 'admin');
  update public.organizations o
     set name = private.valid_organization_name(rename_organization.name)
   where o.id = rename_organization.org_id;
  perform private.audit(rename_organization.org_id, 'organization.renamed', 'organization',
                        rename_organization.org_id::text, '{"fields": ["name"]}');
end;
$$;
comment on function private.rename_organization is
  'Body of public.rename_organization. Definer: nobody may write these tables directly.';

create function public.rename_organization(org_id uuid, name text) returns void
  language sql volatile security invoker set search_path = ''
begin atomic
  select private.rename_organization(rename_organization.org_id, rename_organization.name);
end;
comment on function public.rename_organization is 'Gives an organization another name; for its admins.';
grant execute on function public.rename_organization(uuid, text), private.rename_organization(uuid, text)
  to authenticated;

create function worker.create_organization(name text, owner_id uuid) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
begin
  if not exists (select from auth.users u where u.id = create_organization.owner_id) then
    raise sqlstate 'PT404' using message = 'There is no such person.', detail = 'person_not_found';
  end if;
  return jsonb_build_object(
    'org_id', private.new_organization(create_organization.name, create_organization.owner_id),
    'owner_id', create_organization.owner_id);
end;
$$;
comment on function worker.create_organization is
  'Makes an organization for somebody else (flow org create); returns {"org_id", "owner_id"}. Definer: service_role '
  'holds no tables.';
grant execute on function worker.create_organization(text, uuid) to service_role;

create function worker.find_person(email text) returns jsonb
  language sql stable security definer set search_path = ''
as $$
  select jsonb_build_object('user_id', p.id)
    from public.profiles p
   where p.email = lower(btrim(find_person.email))
   order by p.created_at, p.id
   limit 1
$$;
comment on function worker.find_person is
  'The person with this sign-in address as {"user_id"}, or null. Definer: service_role holds no tables.';
grant execute on function worker.find_person(text) to service_role;

create function worker.organization(org_id uuid) returns jsonb
  language plpgsql stable security definer set search_path = ''
as $$
begin
  perform private.require_organization(organization.org_id);
  return (
    select jsonb_build_object('org_id', o.id, 'name', o.name, 'time_zone', o.time_zone, 'country', o.country,
                              'created_at', o.created_at)
      from public.organizations o where o.id = organization.org_id);
end;
$$;
comment on function worker.organization is
  'One organization, or 404 when it does not exist or is deleted. Definer: service_role holds no tables.';
grant execute on function worker.organization(uuid) to service_role;
