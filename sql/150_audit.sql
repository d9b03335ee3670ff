-- 150_audit.sql: who did what, when; written by functions, changed by nobody.

create table public.audit_log (
  org_id       uuid not null references public.organizations on delete restrict,
  id           bigint generated always as identity,
  at           timestamptz not null default now(),
  actor        uuid,
  actor_role   text not null,
  action       text not null,
  object_type  text not null,
  object_id    text not null,
  details      jsonb not null default '{}',
  request_id   text,
  ip           text,
  primary key (org_id, id),
  constraint audit_action_is_object_dot_verb check (action ~ '^[a-z_]+\.[a-z_]+$'),
  constraint audit_details_is_an_object check (jsonb_typeof(details) = 'object')
);
comment on table public.audit_log is
  'What was done in an organization. Append-only, for its owner role too. Holds ids and field names, never names, '
  'phones, texts or secrets.';
comment on column public.audit_log.org_id is 'The organization in which it happened.';
comment on column public.audit_log.id is 'Grows with time; ties of `at` are ordered by it.';
comment on column public.audit_log.at is 'Start of the transaction that did it.';
comment on column public.audit_log.actor is
  'The person, by auth.uid(); null for a worker, an operator and a scheduled job. No foreign key: it outlives the '
  'account.';
comment on column public.audit_log.actor_role is
  'What the actor was then: owner, admin or agent; nonmember for somebody who had left or not yet joined; support for Flow''s support, let in by an owner; worker for '
  'the secret key; operator for a direct connection or a scheduled job.';
comment on column public.audit_log.action is 'What was done, as object.verb: member.removed.';
comment on column public.audit_log.object_type is 'Kind of the thing it was done to.';
comment on column public.audit_log.object_id is 'Id of that thing, as text.';
comment on column public.audit_log.details is
  'Field names that changed, and values only where they say nothing about a person: {"from": "agent", "to": '
  '"admin"}.';
comment on column public.audit_log.request_id is
  'X-Request-Id of the API request, as its caller gave it; null outside the API.';
comment on column public.audit_log.ip is
  'First address in X-Forwarded-For, as received: evidence, not proof. Null outside the API.';

create index audit_log_newest on public.audit_log (org_id, at desc, id desc);

alter table public.audit_log enable row level security;
create policy "Admins can read what was done in their organization"
  on public.audit_log for select to authenticated
  using (org_id = any (array(select private.my_org_ids_as('admin', 'owner'))));
grant select on public.audit_log to authenticated;

create function private.audit(org_id uuid, action text, object_type text, object_id text, details jsonb default '{}')
  returns void
  language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_actor uuid := auth.uid();
  v_role text;
begin
  if v_actor is not null then
    select m.role into v_role from public.memberships m where m.org_id = audit.org_id and m.user_id = v_actor;
    v_role := coalesce(v_role, case when private.is_visiting(audit.org_id) then 'support' else 'nonmember' end);
  else
    v_role := case auth.role() when 'service_role' then 'worker' else 'operator' end;
  end if;
  insert into public.audit_log (org_id, actor, actor_role, action, object_type, object_id, details, request_id, ip)
  values (
    audit.org_id, v_actor, v_role, audit.action, audit.object_type, audit.object_id,
    coalesce(audit.details, '{}') || private.program_key(),
    private.request_header('x-request-id'),
    nullif(btrim(split_part(private.request_header('x-forwarded-for'), ',', 1)), ''));
end;
$$;
comment on function private.audit is
  'Writes one row of the audit log, in the name of the person whose request this is. Details: ids and field names '
  'only. Definer: nobody may write the table directly.';

create trigger audit_log_forbid_change
  before update or delete on public.audit_log
  for each row execute function private.forbid_change();
create trigger audit_log_forbid_truncate
  before truncate on public.audit_log
  for each statement execute function private.forbid_change();
