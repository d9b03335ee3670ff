-- 978_account_closing.sql: a person closes their account: at once, everywhere; what they did stays, and names nobody.
--
-- It is done in the moment it is asked for: nothing of a customer's goes with it, and whoever signs in again begins as somebody new.

create function private.account_closing(user_id uuid) returns jsonb
  language sql stable security definer set search_path = ''
as $$
  select jsonb_build_object('organizations', coalesce(jsonb_agg(x.one order by x.one ->> 'name'), '[]'), 'may_close', coalesce(bool_and(x.one ->> 'obstacle' is null), true)) from (
    select jsonb_build_object('org_id', o.id, 'name', o.name, 'role', m.role,
      'open_leads', (select count(*) from public.leads l join public.pipeline_stages s on (s.org_id, s.id) = (l.org_id, l.stage_id)
                      where l.org_id = o.id and l.owner_id = m.user_id and s.kind = 'open'),
      'open_tasks', (select count(*) from public.tasks t where t.org_id = o.id and t.assignee_id = m.user_id and t.status = 'open'),
      'obstacle', case when m.role <> 'owner' or exists (select from public.memberships k where k.org_id = o.id and k.user_id <> m.user_id and k.role = 'owner') then null
                       when o.deleted_at is not null then 'being_deleted' else 'last_owner' end) as one
      from public.memberships m join public.organizations o on o.id = m.org_id
     where m.user_id = account_closing.user_id) x
$$;
comment on function private.account_closing is 'What stands in the way of closing an account, and what it leaves behind. Definer: also counts in organizations that are hidden because they are being deleted.';

create function private.end_account(user_id uuid) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_user  uuid := end_account.user_id;
  v_left  jsonb;
  v_names text;
  r       record;
begin
  -- Teams change one at a time; of the last two owners who leave at once, the second is told.
  perform from public.organizations o where o.id in (select m.org_id from public.memberships m where m.user_id = v_user) order by o.id for no key update;
  v_left := private.account_closing(v_user);
  if not (v_left ->> 'may_close')::boolean then
    select string_agg(o ->> 'name', ', ') into v_names from jsonb_array_elements(v_left -> 'organizations') o where o ->> 'obstacle' is not null;
    raise sqlstate 'PT409' using message = 'You are the only owner of ' || v_names || '.', detail = 'last_owner',
      hint = 'Make somebody else an owner, or delete the organization: once it is deleted, this account goes with it.';
  end if;
  for r in select m.org_id, m.role from public.memberships m where m.user_id = v_user order by m.org_id loop
    perform private.audit(r.org_id, 'member.account_closed', 'person', v_user::text, jsonb_build_object('role', r.role));
    -- Their open leads go back to the rules; tasks are handed back by the membership's end.
    insert into private.assignment_queue (org_id, lead_id)
    select l.org_id, l.id from public.leads l join public.pipeline_stages s on (s.org_id, s.id) = (l.org_id, l.stage_id) and s.kind = 'open'
     where l.org_id = r.org_id and l.owner_id = v_user order by l.id
        on conflict do nothing;
    delete from public.saved_views v where v.org_id = r.org_id and v.owner_id = v_user and not v.is_shared;
    delete from public.memberships m where m.org_id = r.org_id and m.user_id = v_user;
  end loop;
  update public.invitations i set email = 'former member'
   where i.accepted_by = v_user or (i.accepted_at is not null or i.revoked_at is not null) and i.email = (select p.email from public.profiles p where p.id = v_user);
  -- With the account go profile, sessions and the ties to Google: the same address may sign up anew.
  delete from auth.users u where u.id = v_user;
  return jsonb_build_object('organizations', jsonb_array_length(v_left -> 'organizations'));
end;
$$;
comment on function private.end_account is
  'Ends memberships, personal things, sessions and the account of a person. What they did keeps their id, which leads to nobody any more. Raises PT409 last_owner. Definer: nobody may write these tables directly.';

create function private.close_account(email text) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_user uuid := auth.uid();
begin
  if v_user is null then
    raise sqlstate 'PT401' using message = 'Sign in first.', detail = 'not_signed_in';
  end if;
  perform private.require_recent_sign_in();
  if not exists (select from auth.users u where u.id = v_user and lower(u.email) = lower(btrim(close_account.email))) then
    raise sqlstate 'PT422' using message = 'This is not the address of your account.', detail = 'email_differs', hint = 'Type the address exactly as it is shown.';
  end if;
  return private.end_account(v_user);
end;
$$;
comment on function private.close_account is 'Body of public.close_account. Definer: an account is nobody''s to delete directly.';

create function private.my_account_closing() returns jsonb
  language plpgsql stable security definer set search_path = ''
as $$
begin
  if auth.uid() is null then
    raise sqlstate 'PT401' using message = 'Sign in first.', detail = 'not_signed_in';
  end if;
  return private.account_closing(auth.uid());
end;
$$;
comment on function private.my_account_closing is 'Body of public.my_account_closing. Definer: as private.account_closing.';

create function public.my_account_closing() returns jsonb
  language sql stable set search_path = ''
begin atomic
  select private.my_account_closing();
end;
comment on function public.my_account_closing is
  'What closing the person''s own account would mean: {organizations: [{org_id, name, role, open_leads, open_tasks, obstacle: last_owner, being_deleted or null}], may_close}. Whoever has signed in.';

create function public.close_account(email text) returns jsonb
  language sql volatile set search_path = ''
begin atomic
  select private.close_account(close_account.email);
end;
comment on function public.close_account is
  'Closes the person''s own account at once; email: theirs, typed. Memberships, sessions and personal settings end, open leads go back to the rules, tasks to the team; what they did stays without their name. Whoever signed in '
  'within 15 minutes. Returns {organizations: left}. Raises PT401, PT403 sign_in_again, PT409 last_owner, PT422 email_differs.';
grant execute on function private.close_account, public.close_account, private.my_account_closing, public.my_account_closing to authenticated;

create function worker.close_account(email text) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_users uuid[] := array(select u.id from auth.users u where lower(u.email) = lower(btrim(close_account.email)));
begin
  if cardinality(v_users) = 0 then
    raise sqlstate 'PT404' using message = 'There is no account with this address.', detail = 'account_unknown', hint = 'Compare the address.';
  elsif cardinality(v_users) > 1 then
    raise sqlstate 'PT409' using message = 'Several accounts have this address.', detail = 'account_ambiguous', hint = 'Close them in Supabase Auth.';
  end if;
  return private.end_account(v_users[1]);
end;
$$;
comment on function worker.close_account is 'An operator closes somebody''s account, for whom asked for it without being able to sign in. Returns {organizations: left}. Raises PT404 account_unknown, PT409 last_owner, account_ambiguous.';
grant execute on function worker.close_account to service_role;
