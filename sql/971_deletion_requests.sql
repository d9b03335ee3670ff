-- 971_deletion_requests.sql: an organization asks to be deleted: everything stops at once, and is purged after a grace.

create table private.organization_deletions (
  org_id        uuid not null references public.organizations on delete restrict,
  id            uuid not null default gen_random_uuid(),
  requested_by  uuid,
  requested_at  timestamptz not null default now(),
  purge_at      timestamptz not null,
  status        text not null default 'scheduled',
  cancelled_at  timestamptz,
  started_at    timestamptz,
  finished_at   timestamptz,
  counts        jsonb not null default '{}',
  certificate   jsonb,
  primary key (org_id, id),
  constraint deletion_status_is_known check (status in ('scheduled', 'cancelled', 'purging', 'purged')),
  constraint deletion_ends_as_it_says check ((status = 'cancelled') = (cancelled_at is not null) and (status = 'purged') = (finished_at is not null)),
  constraint deletion_is_done_within_30_days check (purge_at <= requested_at + interval '30 days')
);
comment on table private.organization_deletions is
  'Requests to delete an organization: scheduled → purging → purged, or cancelled before it begins. From the request on organizations.deleted_at is set, and everything stands still.';
comment on column private.organization_deletions.org_id is 'The organization.';
comment on column private.organization_deletions.id is 'Names the request; random, and all that is needed to look its certificate up.';
comment on column private.organization_deletions.requested_by is 'The owner who asked; null once everything is purged, and for an operator.';
comment on column private.organization_deletions.requested_at is 'When.';
comment on column private.organization_deletions.purge_at is 'From when on rows go: until then it can be cancelled.';
comment on column private.organization_deletions.status is 'scheduled, cancelled, purging or purged.';
comment on column private.organization_deletions.cancelled_at is 'When an owner took it back.';
comment on column private.organization_deletions.started_at is 'When the first row went.';
comment on column private.organization_deletions.finished_at is 'When the last had gone and the check had found none.';
comment on column private.organization_deletions.counts is 'Rows that were done so far, by table (gone, or without names, by its class); files by bucket.';
comment on column private.organization_deletions.certificate is 'What was done: dates, counts, what is kept and why, and the SHA-256 of all that. Names nobody.';
create unique index organization_is_deleted_once on private.organization_deletions (org_id) where status <> 'cancelled';
create index organization_deletions_due on private.organization_deletions (purge_at) where status in ('scheduled', 'purging');
create unique index organization_deletions_id on private.organization_deletions (id);
alter table private.organization_deletions enable row level security;
insert into private.table_classes values ('private.organization_deletions', 'keep', 'The request and its certificate');

-- Who does something that cannot be taken back has just proved who they are ----------------------------------------------

create function private.require_recent_sign_in(within_time interval default '15 minutes') returns void
  language plpgsql stable security definer set search_path = ''
as $$
declare
  v_claims jsonb := auth.jwt();
  v_at     timestamptz;
begin
  -- Supabase tells in the token how and when the person proved who they are; a refresh does not renew it.
  select to_timestamp(max((m.value ->> 'timestamp')::numeric)) into v_at
    from jsonb_array_elements(case when jsonb_typeof(v_claims -> 'amr') = 'array' then v_claims -> 'amr' else '[]' end) m
   where m.value ->> 'timestamp' ~ '^[0-9]{1,12}$';
  if v_at is null then
    select s.created_at into v_at from auth.sessions s
     where s.id::text = v_claims ->> 'session_id' and s.user_id = auth.uid();
  end if;
  if v_at is null or v_at < now() - require_recent_sign_in.within_time then
    raise sqlstate 'PT403' using message = 'Sign in again, to show that it is you.', detail = 'sign_in_again',
      hint = 'This cannot be taken back, so it is asked for within 15 minutes after signing in.';
  end if;
end;
$$;
comment on function private.require_recent_sign_in is
  'Refuses (PT403 sign_in_again) a person whose last proof of identity (amr of the token, else the beginning of the session) is older. Definer: reads sessions.';

-- Asking -----------------------------------------------------------------------------------------------------------------

create function private.halt_organization(org_id uuid) returns void
  language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_source uuid;
begin
  perform private.disconnect_whatsapp(halt_organization.org_id, null);
  for v_source in select s.id from public.lead_sources s where s.org_id = halt_organization.org_id and s.disconnected_at is null order by s.id loop
    perform private.drop_source(halt_organization.org_id, v_source);
  end loop;
  update public.api_keys k set revoked_at = now() where k.org_id = halt_organization.org_id and k.revoked_at is null;
  perform private.revoke_credential(c.org_id, c.id) from private.credentials c
   where c.org_id = halt_organization.org_id and c.revoked_at is null;
  perform private.halt_billing(halt_organization.org_id);
  update public.organizations o set deleted_at = now() where o.id = halt_organization.org_id;
end;
$$;
comment on function private.halt_organization is
  'Everything an organization does stops in this transaction: numbers and sources are disconnected, credentials and API keys revoked, and nobody sees it any more.';

create function private.end_sessions(org_id uuid, but uuid) returns int
  language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_ended int;
begin
  delete from auth.sessions s
   where s.user_id in (
     select m.user_id from public.memberships m
      where m.org_id = end_sessions.org_id and m.user_id is distinct from end_sessions.but
        and not exists (select from public.memberships o join public.organizations g on g.id = o.org_id and g.deleted_at is null
                         where o.user_id = m.user_id and o.org_id <> m.org_id));
  get diagnostics v_ended = row_count;
  return v_ended;
end;
$$;
comment on function private.end_sessions is 'Signs out, everywhere, the members who belong to no other organization; but one. Returns how many sessions ended.';

create function private.delete_organization(org_id uuid, name text, is_now boolean) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_name text;
  v_deletion private.organization_deletions;
begin
  perform private.require_role(delete_organization.org_id, 'owner');
  perform private.require_recent_sign_in();
  select o.name into v_name from public.organizations o where o.id = delete_organization.org_id for no key update;
  if delete_organization.name is distinct from v_name then
    raise sqlstate 'PT422' using message = 'This is not the name of the organization.', detail = 'name_differs', hint = 'Type the name exactly as it is shown.';
  end if;
  insert into private.organization_deletions (org_id, requested_by, purge_at)
  values (delete_organization.org_id, auth.uid(), now() + case when delete_organization.is_now then interval '0' else interval '14 days' end)
  returning * into v_deletion;
  perform private.audit(delete_organization.org_id, 'organization.deletion_requested', 'organization', delete_organization.org_id::text,
                        jsonb_build_object('is_now', delete_organization.is_now));
  perform private.halt_organization(delete_organization.org_id);
  perform private.end_sessions(delete_organization.org_id, auth.uid());
  return private.deletion_as_told(v_deletion);
end;
$$;
comment on function private.delete_organization is 'Body of public.delete_organization. Definer: stops what nobody may stop directly.';

create function private.deletion_as_told(deletion private.organization_deletions) returns jsonb
  language sql stable set search_path = ''
as $$
  select jsonb_build_object('id', (deletion).id, 'org_id', (deletion).org_id,
    'name', (select o.name from public.organizations o where o.id = (deletion).org_id),
    'status', (deletion).status, 'requested_at', (deletion).requested_at, 'purge_at', (deletion).purge_at,
    'finished_at', (deletion).finished_at, 'may_cancel', (deletion).status = 'scheduled')
$$;
comment on function private.deletion_as_told is 'A request as its owners see it.';

create function public.delete_organization(org_id uuid, name text, is_now boolean default false) returns jsonb
  language sql volatile set search_path = ''
begin atomic
  select private.delete_organization(delete_organization.org_id, delete_organization.name, delete_organization.is_now);
end;
comment on function public.delete_organization is
  'Deletes the organization: everything stops at once, rows and files go after 14 days (is_now: as soon as possible), and are gone within 30. name: of the organization, typed. Owners who signed in within 15 minutes. '
  'Returns {id, org_id, name, status, requested_at, purge_at, finished_at, may_cancel}. Raises PT403 sign_in_again, PT422 name_differs.';

create function private.my_deletions() returns jsonb
  language sql stable security definer set search_path = ''
as $$
  select coalesce(jsonb_agg(private.deletion_as_told(d) order by d.requested_at desc), '[]')
    from private.organization_deletions d
    join public.memberships m on m.org_id = d.org_id and m.user_id = (select auth.uid()) and m.role = 'owner'
   where d.status in ('scheduled', 'purging')
$$;
comment on function private.my_deletions is 'Body of public.my_deletions. Definer: the organizations are hidden.';

create function public.my_deletions() returns jsonb
  language sql stable set search_path = ''
begin atomic
  select private.my_deletions();
end;
comment on function public.my_deletions is
  'Organizations of the person (as owner) that are about to be deleted, newest first: [{id, org_id, name, status, requested_at, purge_at, finished_at, may_cancel}].';

create function private.cancel_deletion(deletion_id uuid) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_deletion private.organization_deletions;
begin
  select d.* into v_deletion from private.organization_deletions d
    join public.memberships m on m.org_id = d.org_id and m.user_id = auth.uid() and m.role = 'owner'
   where d.id = cancel_deletion.deletion_id and d.status <> 'cancelled' for update of d;
  if not found then
    raise sqlstate 'PT404' using message = 'There is no such deletion.', detail = 'deletion_not_found', hint = 'Only owners of the organization see it.';
  elsif v_deletion.status <> 'scheduled' then
    raise sqlstate 'PT409' using message = 'It is too late: rows are gone already.', detail = 'deletion_under_way', hint = 'Make a new organization.';
  end if;
  update private.organization_deletions d set status = 'cancelled', cancelled_at = now() where d.id = v_deletion.id returning * into v_deletion;
  update public.organizations o set deleted_at = null where o.id = v_deletion.org_id;
  perform private.audit(v_deletion.org_id, 'organization.deletion_cancelled', 'organization', v_deletion.org_id::text);
  return private.deletion_as_told(v_deletion);
end;
$$;
comment on function private.cancel_deletion is 'Body of public.cancel_deletion. Definer: the organization is hidden.';

create function public.cancel_deletion(deletion_id uuid) returns jsonb
  language sql volatile set search_path = ''
begin atomic
  select private.cancel_deletion(cancel_deletion.deletion_id);
end;
comment on function public.cancel_deletion is
  'Takes a deletion back before it has begun: everybody sees the organization again; numbers and sources must be connected anew. Owners. Raises PT404 deletion_not_found, PT409 deletion_under_way.';
grant execute on function private.delete_organization, public.delete_organization, private.my_deletions, public.my_deletions, private.cancel_deletion, public.cancel_deletion to authenticated;

create function private.organization_size(org_id uuid) returns jsonb
  language plpgsql stable security definer set search_path = ''
as $$
#variable_conflict use_column
begin
  perform private.require_role(organization_size.org_id, 'owner');
  return jsonb_build_object(
    'leads', (select count(*) from public.leads l where l.org_id = organization_size.org_id),
    'contacts', (select count(*) from public.contacts c where c.org_id = organization_size.org_id),
    'messages', (select count(*) from public.messages m where m.org_id = organization_size.org_id),
    'files', (select count(*) from public.media f where f.org_id = organization_size.org_id),
    'members', (select count(*) from public.memberships m where m.org_id = organization_size.org_id));
end;
$$;
comment on function private.organization_size is 'Body of public.organization_size. Definer: counts without asking a policy for each row.';

create function public.organization_size(org_id uuid) returns jsonb
  language sql stable set search_path = ''
begin atomic
  select private.organization_size(organization_size.org_id);
end;
comment on function public.organization_size is 'How much there is of an organization, before it is deleted: {leads, contacts, messages, files, members}. Owners.';
grant execute on function private.organization_size, public.organization_size to authenticated;
