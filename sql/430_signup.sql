-- 430_signup.sql: every attempt to connect a WhatsApp number, so that one that broke off goes on where it stopped.

create table public.whatsapp_signups (
  org_id                uuid not null references public.organizations (id) on delete restrict,
  id                    uuid not null default gen_random_uuid(),
  method                text not null,
  person_id             uuid,
  state_hash            bytea,
  state_expires_at      timestamptz,
  status                text not null default 'begun',
  event                 text,
  waba_id               text,
  phone_number_id       text,
  business_id           text,
  meta_user_id          text,
  credential_id         uuid,
  pin_credential_id     uuid,
  account_id            uuid,
  number_id             uuid,
  step                  text,
  steps                 jsonb not null default '{}',
  failed_step           text,
  problem_code          text,
  problem               text,
  remedy                text,
  choices               jsonb,
  partner_event         text,
  partner_at            timestamptz,
  leased_until          timestamptz,
  started_at            timestamptz not null default now(),
  updated_at            timestamptz not null default now(),
  finished_at           timestamptz,
  primary key (org_id, id),
  constraint signup_method_is_known check (method in ('embedded', 'token')),
  constraint signup_status_is_known check (status in ('begun', 'running', 'waiting', 'connected', 'cancelled', 'failed')),
  constraint signup_event_is_known check (event in ('FINISH', 'FINISH_ONLY_WABA', 'FINISH_WHATSAPP_BUSINESS_APP_ONBOARDING', 'CANCEL', 'ERROR')),
  constraint signup_ids_are_digits check (concat(waba_id, phone_number_id, business_id) ~ '^[0-9]{0,96}$'),
  constraint signup_steps_is_an_object check (jsonb_typeof(steps) = 'object'),
  constraint signup_token_is_of_organization foreign key (org_id, credential_id)
    references private.credentials (org_id, id) on delete set null (credential_id),
  constraint signup_pin_is_of_organization foreign key (org_id, pin_credential_id)
    references private.credentials (org_id, id) on delete set null (pin_credential_id),
  constraint signup_account_is_of_organization foreign key (org_id, account_id)
    references public.whatsapp_accounts (org_id, id) on delete set null (account_id),
  constraint signup_number_is_of_organization foreign key (org_id, number_id)
    references public.whatsapp_numbers (org_id, id) on delete set null (number_id)
);
comment on table public.whatsapp_signups is
  'One row an attempt to connect WhatsApp, by Embedded Signup or with a token: what was done, what failed and what to do.';
comment on column public.whatsapp_signups.org_id is 'The organization.';
comment on column public.whatsapp_signups.id is 'Flow''s id of the attempt.';
comment on column public.whatsapp_signups.method is 'embedded: Meta''s window in the browser. token: a system user''s token, given by hand.';
comment on column public.whatsapp_signups.person_id is 'Who began it; null for an operator. No foreign key: it outlives the account.';
comment on column public.whatsapp_signups.state_hash is 'SHA-256 of the one-time state that the browser was given; null with a token.';
comment on column public.whatsapp_signups.state_expires_at is 'Until when the state can be used, once.';
comment on column public.whatsapp_signups.status is
  'begun: the browser has not come back. running: at work, or broken off. waiting: something must be put right, then it can be continued. '
  'connected: the number is in use (unfinished while the phone''s app has not been asked for its contacts and history). cancelled: by the '
  'person. failed: begin again.';
comment on column public.whatsapp_signups.event is 'How Meta''s window ended, as the browser said.';
comment on column public.whatsapp_signups.waba_id is 'The WhatsApp Business account: as the browser said until the step proof is done, then proven.';
comment on column public.whatsapp_signups.phone_number_id is 'The number: as the browser said until the step proof is done, then proven. Null: none yet.';
comment on column public.whatsapp_signups.business_id is 'The business portfolio as the browser said; nothing depends on it.';
comment on column public.whatsapp_signups.meta_user_id is 'App-scoped id of the person at Meta, by debug_token.';
comment on column public.whatsapp_signups.credential_id is 'The sealed token; the account''s own once it is connected.';
comment on column public.whatsapp_signups.pin_credential_id is 'The sealed PIN that the number is registered with; kept before Meta hears of it.';
comment on column public.whatsapp_signups.account_id is 'The account that came of it; null before.';
comment on column public.whatsapp_signups.number_id is 'The number that came of it; null before.';
comment on column public.whatsapp_signups.step is
  'The last step that was done: exchange (the token is sealed), proof, subscribe, register, connect, contacts, history. Null: none.';
comment on column public.whatsapp_signups.steps is 'When each step was done: {"exchange": instant, …}.';
comment on column public.whatsapp_signups.failed_step is 'The step that failed; null when none did, or once it is done.';
comment on column public.whatsapp_signups.problem_code is 'What failed, as a slug; null as failed_step.';
comment on column public.whatsapp_signups.problem is 'What failed, in words.';
comment on column public.whatsapp_signups.remedy is 'What to do about it, in words.';
comment on column public.whatsapp_signups.choices is
  'What can be chosen from, [{phone_number_id, display_phone, verified_name}] or [{waba_id}]; null when nothing is asked.';
comment on column public.whatsapp_signups.partner_event is 'What Meta''s webhook said of the account meanwhile: PARTNER_ADDED or PARTNER_APP_INSTALLED.';
comment on column public.whatsapp_signups.partner_at is 'When the webhook said so.';
comment on column public.whatsapp_signups.leased_until is 'Until when a worker is at it; past: it died, and anybody may continue.';
comment on column public.whatsapp_signups.started_at is 'When it began.';
comment on column public.whatsapp_signups.updated_at is 'When it last changed.';
comment on column public.whatsapp_signups.finished_at is 'When it ended; null while it can go on.';
create unique index signup_state_is_of_one_signup on public.whatsapp_signups (state_hash);
create index whatsapp_signups_newest on public.whatsapp_signups (org_id, started_at desc);
create index whatsapp_signups_open on public.whatsapp_signups (waba_id) where finished_at is null;
create index whatsapp_signups_token on public.whatsapp_signups (org_id, credential_id);
create index whatsapp_signups_pin on public.whatsapp_signups (org_id, pin_credential_id);
create index whatsapp_signups_account on public.whatsapp_signups (org_id, account_id);
create index whatsapp_signups_number on public.whatsapp_signups (org_id, number_id);

alter table public.whatsapp_signups enable row level security;
create policy "Members see their organization's attempts to connect WhatsApp" on public.whatsapp_signups
  for select to authenticated using (org_id = any (array(select private.my_org_ids())));
grant select (org_id, id, method, person_id, status, event, waba_id, phone_number_id, business_id, account_id, number_id, step, steps,
              failed_step, problem_code, problem, remedy, choices, partner_event, partner_at, leased_until, started_at, updated_at,
              finished_at)
  on public.whatsapp_signups to authenticated;
create trigger whatsapp_signups_touch before update on public.whatsapp_signups
  for each row execute function private.touch_updated_at();

------------------------------------------------------------------------------------------------
-- The person's part: a state for the browser, used once
------------------------------------------------------------------------------------------------
create function private.begin_signup(org_id uuid) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_state text := encode(extensions.gen_random_bytes(32), 'hex');
  v_id    uuid;
  v_until timestamptz;
begin
  perform private.require_role(begin_signup.org_id, 'admin');
  insert into public.whatsapp_signups as s (org_id, method, person_id, state_hash, state_expires_at)
  values (begin_signup.org_id, 'embedded', auth.uid(), sha256(convert_to(v_state, 'UTF8')), now() + interval '30 minutes')
  returning s.id, s.state_expires_at into v_id, v_until;
  perform private.audit(begin_signup.org_id, 'signup.begun', 'whatsapp_signup', v_id::text);
  return jsonb_build_object('signup_id', v_id, 'state', v_state, 'expires_at', v_until);
end;
$$;
comment on function private.begin_signup is 'A one-time state for Embedded Signup, bound to the person and the organization; only its hash is kept.';

create function public.begin_signup(org_id uuid) returns jsonb
  language sql volatile set search_path = ''
begin atomic
  select private.begin_signup(org_id);
end;
comment on function public.begin_signup is
  'Begins an Embedded Signup: a state for the person who asks, good for 30 minutes and once. Admins. Returns {signup_id, state, expires_at}.';
grant execute on function private.begin_signup, public.begin_signup to authenticated;

create function private.use_signup(org_id uuid, state text, outcome jsonb) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_signup public.whatsapp_signups;
  v_event  text := outcome ->> 'event';
  v_status text;
begin
  perform private.require_role(use_signup.org_id, 'admin');
  if coalesce(v_event, '') not in ('FINISH', 'FINISH_ONLY_WABA', 'FINISH_WHATSAPP_BUSINESS_APP_ONBOARDING', 'CANCEL', 'ERROR') then
    raise sqlstate 'PT422' using message = 'Meta''s window ended in a way that Flow does not know', detail = 'event_unknown',
      hint = 'Begin again.';
  elsif exists (select from jsonb_each_text(outcome) o
                 where o.key in ('waba_id', 'phone_number_id', 'business_id') and o.value !~ '^[0-9]{1,32}$') then
    raise sqlstate 'PT422' using message = 'Meta''s ids have digits only', detail = 'id_wrong', hint = 'Begin again.';
  end if;
  select s.* into v_signup from public.whatsapp_signups s
   where s.org_id = use_signup.org_id and s.state_hash = sha256(convert_to(use_signup.state, 'UTF8')) for update;
  if not found then
    raise sqlstate 'PT422' using message = 'This sign-up was not begun here', detail = 'state_unknown',
      hint = 'Begin again, in this organization.';
  elsif v_signup.person_id is distinct from auth.uid() then
    raise sqlstate 'PT422' using message = 'This sign-up was begun by somebody else', detail = 'state_of_another',
      hint = 'Begin one of your own.';
  elsif v_signup.status <> 'begun' then
    raise sqlstate 'PT409' using message = 'This sign-up was handed in already: it counts once', detail = 'state_used',
      hint = 'See how far it came; continue it, or begin again.';
  elsif v_signup.state_expires_at <= now() then
    raise sqlstate 'PT409' using message = 'This sign-up was begun more than 30 minutes ago', detail = 'state_expired',
      hint = 'Begin again.';
  end if;
  v_status := case v_event when 'CANCEL' then 'cancelled' when 'ERROR' then 'failed' else 'running' end;
  update public.whatsapp_signups s
     set status = v_status, event = v_event, waba_id = outcome ->> 'waba_id', phone_number_id = outcome ->> 'phone_number_id',
         business_id = outcome ->> 'business_id',
         finished_at = case when v_status <> 'running' then now() end,
         failed_step = case when v_status <> 'running' then 'window' end,
         problem_code = case v_status when 'cancelled' then 'signup_cancelled' when 'failed' then 'signup_error' end,
         problem = case v_status when 'cancelled' then 'Meta''s window was closed before the end'
                                 when 'failed' then 'Meta''s window reported an error' end
                   || coalesce(': ' || left(nullif(btrim(outcome ->> 'said'), ''), 300), ''),
         remedy = case when v_status <> 'running' then 'Begin again.' end
   where s.org_id = v_signup.org_id and s.id = v_signup.id;
  return jsonb_build_object('signup_id', v_signup.id, 'status', v_status);
end;
$$;
comment on function private.use_signup is
  'Takes a state, once and from its person only, with how Meta''s window ended: {event, waba_id?, phone_number_id?, business_id?, said?}.';

create function public.use_signup(org_id uuid, state text, outcome jsonb) returns jsonb
  language sql volatile set search_path = ''
begin atomic
  select private.use_signup(org_id, state, outcome);
end;
comment on function public.use_signup is
  'Hands in how an Embedded Signup ended; the worker asks before it exchanges the code. Admins. Returns {signup_id, status: running, '
  'cancelled or failed}. Raises PT409 state_used, state_expired, PT422 state_unknown, state_of_another, event_unknown, id_wrong.';
grant execute on function private.use_signup, public.use_signup to authenticated;

------------------------------------------------------------------------------------------------
-- What ends or touches an attempt from outside
------------------------------------------------------------------------------------------------
create function private.end_signups(org_id uuid, waba_id text, but uuid, code text, words text) returns void
  language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_signup record;
begin
  for v_signup in
    update public.whatsapp_signups s
       set status = 'failed', finished_at = now(), leased_until = null, choices = null,
           problem_code = end_signups.code, problem = end_signups.words, remedy = 'Begin again.'
     where s.org_id = end_signups.org_id and s.waba_id = end_signups.waba_id and s.id is distinct from end_signups.but
       and (s.status = 'waiting' or s.status = 'running' and coalesce(s.leased_until, s.updated_at + interval '2 minutes') < now())
    returning s.credential_id, s.pin_credential_id
  loop
    if not exists (select from public.whatsapp_accounts a
                    where a.org_id = end_signups.org_id and a.credential_id = v_signup.credential_id and a.status <> 'disconnected') then
      perform private.revoke_credential(end_signups.org_id, v_signup.credential_id);
    end if;
    if not exists (select from public.whatsapp_numbers n
                    where n.org_id = end_signups.org_id and n.pin_credential_id = v_signup.pin_credential_id)
       and not exists (select from public.whatsapp_signups o
                    where o.org_id = end_signups.org_id and o.pin_credential_id = v_signup.pin_credential_id and o.finished_at is null) then
      perform private.revoke_credential(end_signups.org_id, v_signup.pin_credential_id);
    end if;
  end loop;
end;
$$;
comment on function private.end_signups is
  'Ends the sign-ups of an account that wait for somebody, all but one: their tokens and PINs, unless in use, are blanked.';

create function private.fail_signup(org_id uuid, signup_id uuid) returns boolean
  language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_credential uuid;
begin
  update public.whatsapp_signups s set status = 'failed', finished_at = now(), leased_until = null, choices = null
   where s.org_id = fail_signup.org_id and s.id = fail_signup.signup_id and s.status in ('begun', 'running', 'waiting')
  returning s.credential_id into v_credential;
  if not found then
    return false;
  elsif not exists (select from public.whatsapp_accounts a
                  where a.org_id = fail_signup.org_id and a.credential_id = v_credential and a.status <> 'disconnected') then
    perform private.revoke_credential(fail_signup.org_id, v_credential);
  end if;
  return true;
end;
$$;
comment on function private.fail_signup is 'Ends one sign-up that is not finished; its token is blanked unless an account uses it. Returns whether it did.';

create function private.tg_whatsapp_accounts__end_signups() returns trigger
  language plpgsql volatile security definer set search_path = ''
as $$
begin
  perform private.end_signups(new.org_id, new.waba_id, null, 'account_disconnected', 'The account was disconnected');
  return null;
end;
$$;
comment on function private.tg_whatsapp_accounts__end_signups is 'With an account that is disconnected go the tokens of sign-ups that waited for it.';
create trigger whatsapp_accounts_end_signups after update of status on public.whatsapp_accounts
  for each row when (new.status = 'disconnected' and old.status is distinct from new.status)
  execute function private.tg_whatsapp_accounts__end_signups();

create function private.note_partner(waba_id text, event text) returns void
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
begin
  update public.whatsapp_signups s set partner_event = left(note_partner.event, 100), partner_at = now()
   where s.waba_id = note_partner.waba_id and s.finished_at is null;
end;
$$;
comment on function private.note_partner is
  'Meta''s webhook says that an account was shared with the app (PARTNER_ADDED, PARTNER_APP_INSTALLED): noted at sign-ups that wait for it, no more.';

create function private.cancel_signup(org_id uuid, signup_id uuid) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_done boolean;
begin
  perform private.require_role(cancel_signup.org_id, 'admin');
  perform from public.whatsapp_signups s where s.org_id = cancel_signup.org_id and s.id = cancel_signup.signup_id for update;
  if not found then
    raise sqlstate 'PT404' using message = 'There is no such sign-up in this organization', detail = 'signup_unknown',
      hint = 'Look at the sign-ups of the organization.';
  end if;
  v_done := private.fail_signup(cancel_signup.org_id, cancel_signup.signup_id);
  if v_done then
    update public.whatsapp_signups s
       set status = 'cancelled', problem_code = 'signup_cancelled', problem = 'Given up by a person', remedy = 'Begin again.'
     where s.org_id = cancel_signup.org_id and s.id = cancel_signup.signup_id;
    perform private.audit(cancel_signup.org_id, 'signup.cancelled', 'whatsapp_signup', cancel_signup.signup_id::text);
  end if;
  return jsonb_build_object('cancelled', v_done);
end;
$$;
comment on function private.cancel_signup is 'Gives up a sign-up that is not finished; its token is blanked. Raises PT404 signup_unknown.';

create function public.cancel_signup(org_id uuid, signup_id uuid) returns jsonb
  language sql volatile set search_path = ''
begin atomic
  select private.cancel_signup(org_id, signup_id);
end;
comment on function public.cancel_signup is
  'Gives up a sign-up that waits; its token is removed unless an account uses it. Admins. Returns {cancelled}. Raises PT403, PT404.';
grant execute on function private.cancel_signup, public.cancel_signup to authenticated;

create function private.clean_signups() returns void
  language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_signup record;
begin
  update public.whatsapp_signups s set finished_at = now()      -- Meta hands contacts and history out for a day only
   where s.status = 'connected' and s.finished_at is null and s.updated_at < now() - interval '1 day';
  for v_signup in
    select s.org_id, s.id from public.whatsapp_signups s
     where s.status in ('running', 'waiting') and s.updated_at < now() - interval '14 days' limit 500
  loop
    perform private.fail_signup(v_signup.org_id, v_signup.id);
  end loop;
end;
$$;
comment on function private.clean_signups is
  'Ends sign-ups that nobody continued for 14 days, with their tokens.';
