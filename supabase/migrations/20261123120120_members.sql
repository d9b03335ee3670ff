-- 120_members.sql: how people come into an organization, change rank in it, and leave it.

create table public.invitations (
  org_id        uuid not null references public.organizations on delete restrict,
  id            uuid not null default gen_random_uuid(),
  email         text not null,
  role          text not null,
  token_sha256  bytea not null,
  invited_by    uuid not null,
  created_at    timestamptz not null default now(),
  expires_at    timestamptz not null default now() + interval '7 days',
  accepted_at   timestamptz,
  accepted_by   uuid,
  revoked_at    timestamptz,
  primary key (org_id, id),
  constraint invitation_token_is_unique unique (token_sha256),
  constraint invitation_token_is_a_sha256 check (octet_length(token_sha256) = 32),
  constraint invitation_email_is_lower_case check (email = lower(email)),
  constraint invitation_role_is_known check (role in ('owner', 'admin', 'agent')),
  constraint invitation_is_accepted_by_somebody check ((accepted_at is null) = (accepted_by is null)),
  constraint invitation_is_accepted_or_revoked_not_both check (accepted_at is null or revoked_at is null)
);
comment on table public.invitations is
  'An offer of membership to one e-mail address. Open until accepted, revoked or expired; at most one open for an '
  'address.';
comment on column public.invitations.org_id is 'The organization that invites.';
comment on column public.invitations.id is 'Named when it is revoked.';
comment on column public.invitations.email is 'Lower-cased; whoever accepts must be signed in with this address.';
comment on column public.invitations.role is 'What the person becomes; never above the rank of who invited.';
comment on column public.invitations.token_sha256 is
  'Hash of the token in the link. The token itself is handed out once and stored nowhere; the hash cannot be '
  'selected.';
comment on column public.invitations.invited_by is 'The person who invited. No foreign key: it outlives the account.';
comment on column public.invitations.created_at is 'When the address was first invited.';
comment on column public.invitations.expires_at is
  'From then on it cannot be accepted; inviting again renews it, with another token.';
comment on column public.invitations.accepted_at is 'When it was accepted; null while it was not.';
comment on column public.invitations.accepted_by is
  'The person who accepted; null while nobody did. No foreign key: it outlives the account.';
comment on column public.invitations.revoked_at is
  'When it was withdrawn, by an admin or because who invited left or lost the rank; null while it was not.';

create unique index invitation_is_open_once_for_an_address
  on public.invitations (org_id, email) where accepted_at is null and revoked_at is null;

alter table public.invitations enable row level security;
create policy "Admins can read the invitations of their organization"
  on public.invitations for select to authenticated
  using (org_id = any (array(select private.my_org_ids_as('admin', 'owner'))));
grant select (org_id, id, email, role, invited_by, created_at, expires_at, accepted_at, accepted_by, revoked_at)
  on public.invitations to authenticated;

-- Changing a team ------------------------------------------------------------------------------------------

create function private.lock_team(org_id uuid, min_role text) returns text
  language plpgsql volatile security definer set search_path = ''
as $$
begin
  perform private.require_role(lock_team.org_id, lock_team.min_role);
  perform from public.organizations o where o.id = lock_team.org_id for no key update;
  return private.require_role(lock_team.org_id, lock_team.min_role);
end;
$$;
comment on function private.lock_team is
  'As require_role, but lets one change of a team happen at a time, and looks again once it is alone: an admin who '
  'is dismissed meanwhile no longer counts. Definer: it locks a row that nobody may update.';

create function private.member_role(org_id uuid, user_id uuid) returns text
  language plpgsql stable security definer set search_path = ''
as $$
declare
  v_role text;
begin
  select m.role into v_role from public.memberships m
   where m.org_id = member_role.org_id and m.user_id = member_role.user_id;
  if v_role is null then
    raise sqlstate 'PT404' using
      message = 'This person does not belong to the organization.', detail = 'member_not_found';
  end if;
  return v_role;
end;
$$;
comment on function private.member_role is 'The role of a member, or 404. Definer: it reads beneath RLS.';

create function private.require_rank(mine text, needed text) returns void
  language plpgsql immutable security invoker set search_path = ''
as $$
begin
  if private.role_rank(require_rank.needed) = 0 then
    raise sqlstate 'PT422' using
      message = 'A role is owner, admin or agent.', detail = 'unknown_role';
  elsif private.role_rank(require_rank.needed) > private.role_rank(require_rank.mine) then
    raise sqlstate 'PT403' using
      message = format('Only an %s can do this: it concerns a role above your own.', require_rank.needed),
      detail = 'above_own_rank', hint = 'Ask an owner of the organization.';
  end if;
end;
$$;
comment on function private.require_rank is
  'Nobody gives, takes or withdraws a role above their own: 403; 422 for what is no role.';

create function private.tg_memberships__withdraw_invitations() returns trigger
  language plpgsql volatile security definer set search_path = ''
as $$
begin
  update public.invitations i
     set revoked_at = now()
   where i.org_id = old.org_id and i.invited_by = old.user_id
     and i.accepted_at is null and i.revoked_at is null
     and (tg_op = 'DELETE' or private.role_rank(new.role) < 2
          or private.role_rank(i.role) > private.role_rank(new.role));
  return null;
end;
$$;
comment on function private.tg_memberships__withdraw_invitations is
  'Who left, or lost the rank to invite, must not come back by an invitation sent before. Definer: nobody may write '
  'invitations directly.';

create trigger memberships_withdraw_invitations
  after delete or update of role on public.memberships
  for each row execute function private.tg_memberships__withdraw_invitations();

-- Invitations ----------------------------------------------------------------------------------------------

create function private.invite_member(org_id uuid, email text, role text) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_mine text := private.lock_team(invite_member.org_id, 'admin');
  v_email text := lower(btrim(coalesce(invite_member.email, '')));
  v_token text := encode(extensions.gen_random_bytes(24), 'hex');
  v_open public.invitations;
  v_invitation public.invitations;
begin
  perform private.require_rank(v_mine, invite_member.role);
  if v_email !~ '^[^@[:space:][:cntrl:]]+@[^@[:space:][:cntrl:]]+$' or length(v_email) > 254 then
    raise sqlstate 'PT422' using message = 'This is not an e-mail address.', detail = 'bad_email';
  end if;
  if exists (
    select from public.memberships m join public.profiles p on p.id = m.user_id
     where m.org_id = invite_member.org_id and p.email = v_email
  ) then
    raise sqlstate 'PT409' using
      message = 'This person already belongs to the organization.', detail = 'already_a_member',
      hint = 'Change their role instead.';
  end if;
  select i.* into v_open from public.invitations i
   where i.org_id = invite_member.org_id and i.email = v_email and i.accepted_at is null and i.revoked_at is null
     for update;
  if found then
    perform private.require_rank(v_mine, v_open.role);
    update public.invitations i
       set role = invite_member.role, token_sha256 = sha256(convert_to(v_token, 'UTF8')),
           invited_by = auth.uid(), expires_at = now() + interval '7 days'
     where i.org_id = v_open.org_id and i.id = v_open.id
    returning i.* into v_invitation;
  else
    insert into public.invitations as i (org_id, email, role, token_sha256, invited_by)
    values (invite_member.org_id, v_email, invite_member.role, sha256(convert_to(v_token, 'UTF8')), auth.uid())
    returning i.* into v_invitation;
  end if;
  perform private.audit(invite_member.org_id, 'member.invited', 'invitation', v_invitation.id::text,
                        jsonb_build_object('role', v_invitation.role, 'renewed', v_open.id is not null));
  return jsonb_build_object(
    'invitation_id', v_invitation.id, 'token', v_token, 'expires_at', v_invitation.expires_at);
end;
$$;
comment on function private.invite_member is
  'Body of public.invite_member. Definer: nobody may write invitations directly.';

create function public.invite_member(org_id uuid, email text, role text) returns jsonb
  language sql volatile security invoker set search_path = ''
begin atomic
  select private.invite_member(invite_member.org_id, invite_member.email, invite_member.role);
end;
comment on function public.invite_member is
  'Invites an address, for admins; inviting it again renews the invitation and makes the earlier link worthless. '
  'Returns {"invitation_id", "token", "expires_at"}; the token is shown this once.';
grant execute on function public.invite_member(uuid, text, text), private.invite_member(uuid, text, text)
  to authenticated;

create function private.revoke_invitation(org_id uuid, invitation_id uuid) returns void
  language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_mine text := private.lock_team(revoke_invitation.org_id, 'admin');
  v_invitation public.invitations;
begin
  select i.* into v_invitation from public.invitations i
   where i.org_id = revoke_invitation.org_id and i.id = revoke_invitation.invitation_id
     for update;
  if not found then
    raise sqlstate 'PT404' using message = 'There is no such invitation.', detail = 'invitation_not_found';
  elsif v_invitation.accepted_at is not null then
    raise sqlstate 'PT409' using
      message = 'This invitation was already accepted.', detail = 'invitation_used',
      hint = 'Remove the member instead.';
  elsif v_invitation.revoked_at is not null then
    return;
  end if;
  perform private.require_rank(v_mine, v_invitation.role);
  update public.invitations i set revoked_at = now()
   where i.org_id = v_invitation.org_id and i.id = v_invitation.id;
  perform private.audit(v_invitation.org_id, 'member.uninvited', 'invitation', v_invitation.id::text);
end;
$$;
comment on function private.revoke_invitation is
  'Body of public.revoke_invitation. Definer: nobody may write invitations directly.';

create function public.revoke_invitation(org_id uuid, invitation_id uuid) returns void
  language sql volatile security invoker set search_path = ''
begin atomic
  select private.revoke_invitation(revoke_invitation.org_id, revoke_invitation.invitation_id);
end;
comment on function public.revoke_invitation is
  'Withdraws an open invitation, for admins; doing it twice changes nothing.';
grant execute on function public.revoke_invitation(uuid, uuid), private.revoke_invitation(uuid, uuid) to authenticated;

create function private.accept_invitation(token text) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_person uuid := auth.uid();
  v_email text;
  v_invitation public.invitations;
  v_hash bytea := sha256(convert_to(coalesce(accept_invitation.token, ''), 'UTF8'));
  v_role text;
begin
  if v_person is null then
    raise sqlstate 'PT401' using message = 'Sign in first.', detail = 'not_signed_in';
  end if;
  -- The organization before the invitation, as everywhere: two locks taken in two orders would be a deadlock.
  perform from public.organizations o
   where o.id = (select i.org_id from public.invitations i where i.token_sha256 = v_hash) and o.deleted_at is null
     for no key update;
  if found then
    select i.* into v_invitation from public.invitations i where i.token_sha256 = v_hash for update;
  end if;
  if v_invitation.id is null then
    raise sqlstate 'PT404' using
      message = 'There is no such invitation.', detail = 'invitation_not_found', hint = 'Ask to be invited again.';
  end if;
  select lower(u.email) into v_email from auth.users u where u.id = v_person;
  select m.role into v_role from public.memberships m where m.org_id = v_invitation.org_id and m.user_id = v_person;
  if v_invitation.accepted_by = v_person and v_role is not null then
    return jsonb_build_object('org_id', v_invitation.org_id, 'role', v_role);
  elsif v_email is distinct from v_invitation.email then
    raise sqlstate 'PT403' using
      message = 'This invitation was sent to another address.', detail = 'invitation_for_another_address',
      hint = 'Sign in with the address that was invited.';
  elsif v_invitation.accepted_at is not null then
    raise sqlstate 'PT409' using
      message = 'This invitation was already used.', detail = 'invitation_used', hint = 'Ask to be invited again.';
  elsif v_invitation.revoked_at is not null then
    raise sqlstate 'PT410' using
      message = 'This invitation was withdrawn.', detail = 'invitation_revoked', hint = 'Ask to be invited again.';
  elsif v_invitation.expires_at <= now() then
    raise sqlstate 'PT410' using
      message = 'This invitation has expired.', detail = 'invitation_expired', hint = 'Ask to be invited again.';
  end if;
  update public.invitations i set accepted_at = now(), accepted_by = v_person
   where i.org_id = v_invitation.org_id and i.id = v_invitation.id;
  if v_role is null then
    insert into public.memberships (org_id, user_id, role) values (v_invitation.org_id, v_person, v_invitation.role);
    v_role := v_invitation.role;
    perform private.audit(v_invitation.org_id, 'member.joined', 'person', v_person::text,
                          jsonb_build_object('role', v_role, 'invitation_id', v_invitation.id));
  end if;
  return jsonb_build_object('org_id', v_invitation.org_id, 'role', v_role);
end;
$$;
comment on function private.accept_invitation is
  'Body of public.accept_invitation. The address compared is the one in auth.users, not the older one a token may '
  'carry. Definer: nobody may write memberships directly.';

create function public.accept_invitation(token text) returns jsonb
  language sql volatile security invoker set search_path = ''
begin atomic
  select private.accept_invitation(accept_invitation.token);
end;
comment on function public.accept_invitation is
  'Joins the organization that sent the token; returns {"org_id", "role"}. A member who accepts again gets the same '
  'answer; a token works once, so it does not bring back who was removed.';
grant execute on function public.accept_invitation(text), private.accept_invitation(text) to authenticated;

-- Roles ----------------------------------------------------------------------------------------------------

create function private.set_member_role(org_id uuid, user_id uuid, role text) returns void
  language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_mine text := private.lock_team(set_member_role.org_id, 'admin');
  v_theirs text := private.member_role(set_member_role.org_id, set_member_role.user_id);
begin
  perform private.require_rank(v_mine, set_member_role.role);
  perform private.require_rank(v_mine, v_theirs);
  if v_theirs = set_member_role.role then
    return;
  end if;
  perform private.audit(set_member_role.org_id, 'member.role_changed', 'person', set_member_role.user_id::text,
                        jsonb_build_object('from', v_theirs, 'to', set_member_role.role));
  update public.memberships m set role = set_member_role.role
   where m.org_id = set_member_role.org_id and m.user_id = set_member_role.user_id;
end;
$$;
comment on function private.set_member_role is
  'Body of public.set_member_role. Definer: nobody may write memberships directly.';

create function public.set_member_role(org_id uuid, user_id uuid, role text) returns void
  language sql volatile security invoker set search_path = ''
begin atomic
  select private.set_member_role(set_member_role.org_id, set_member_role.user_id, set_member_role.role);
end;
comment on function public.set_member_role is
  'Makes a member owner, admin or agent; for admins, and never above or against a rank higher than their own.';
grant execute on function public.set_member_role(uuid, uuid, text), private.set_member_role(uuid, uuid, text)
  to authenticated;

create function private.remove_member(org_id uuid, user_id uuid) returns void
  language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_mine text := private.lock_team(remove_member.org_id, 'admin');
  v_theirs text := private.member_role(remove_member.org_id, remove_member.user_id);
begin
  perform private.require_rank(v_mine, v_theirs);
  perform private.audit(remove_member.org_id, 'member.removed', 'person', remove_member.user_id::text,
                        jsonb_build_object('role', v_theirs));
  delete from public.memberships m where m.org_id = remove_member.org_id and m.user_id = remove_member.user_id;
end;
$$;
comment on function private.remove_member is
  'Body of public.remove_member. Definer: nobody may write memberships directly.';

create function public.remove_member(org_id uuid, user_id uuid) returns void
  language sql volatile security invoker set search_path = ''
begin atomic
  select private.remove_member(remove_member.org_id, remove_member.user_id);
end;
comment on function public.remove_member is
  'Takes a person out of the organization, at once and for every session; for admins, an owner only by an owner.';
grant execute on function public.remove_member(uuid, uuid), private.remove_member(uuid, uuid) to authenticated;

create function private.leave_organization(org_id uuid) returns void
  language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_mine text := private.lock_team(leave_organization.org_id, 'agent');
begin
  perform private.audit(leave_organization.org_id, 'member.left', 'person', auth.uid()::text,
                        jsonb_build_object('role', v_mine));
  delete from public.memberships m where m.org_id = leave_organization.org_id and m.user_id = auth.uid();
end;
$$;
comment on function private.leave_organization is
  'Body of public.leave_organization. Definer: nobody may write memberships directly.';

create function public.leave_organization(org_id uuid) returns void
  language sql volatile security invoker set search_path = ''
begin atomic
  select private.leave_organization(leave_organization.org_id);
end;
comment on function public.leave_organization is 'Ends the membership of the person who asks; the last owner cannot.';
grant execute on function public.leave_organization(uuid), private.leave_organization(uuid) to authenticated;

create function private.transfer_ownership(org_id uuid, user_id uuid) returns void
  language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_theirs text;
begin
  perform private.lock_team(transfer_ownership.org_id, 'owner');
  v_theirs := private.member_role(transfer_ownership.org_id, transfer_ownership.user_id);
  if transfer_ownership.user_id = auth.uid() then
    raise sqlstate 'PT422' using
      message = 'You own this organization already.', detail = 'already_the_owner', hint = 'Choose another member.';
  end if;
  perform private.audit(transfer_ownership.org_id, 'organization.transferred', 'person',
                        transfer_ownership.user_id::text, jsonb_build_object('from', auth.uid(), 'was', v_theirs));
  update public.memberships m
     set role = case when m.user_id = transfer_ownership.user_id then 'owner' else 'admin' end
   where m.org_id = transfer_ownership.org_id and m.user_id in (auth.uid(), transfer_ownership.user_id);
end;
$$;
comment on function private.transfer_ownership is
  'Body of public.transfer_ownership. Definer: nobody may write memberships directly.';

create function public.transfer_ownership(org_id uuid, user_id uuid) returns void
  language sql volatile security invoker set search_path = ''
begin atomic
  select private.transfer_ownership(transfer_ownership.org_id, transfer_ownership.user_id);
end;
comment on function public.transfer_ownership is
  'Makes another member owner and the person who asks an admin, in one step; for owners.';
grant execute on function public.transfer_ownership(uuid, uuid), private.transfer_ownership(uuid, uuid)
  to authenticated;
