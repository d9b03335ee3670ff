-- 440_signup_steps.sql: the worker takes an attempt to connect from step to step: one call before Meta is asked, one after it.

create function private.open_signup(org_id uuid, signup_id uuid) returns public.whatsapp_signups
  language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_signup public.whatsapp_signups;
begin
  select s.* into v_signup from public.whatsapp_signups s
   where s.org_id = open_signup.org_id and s.id = open_signup.signup_id for update;
  if not found then
    raise sqlstate 'PT404' using message = 'There is no such sign-up in this organization', detail = 'signup_unknown',
      hint = 'Look at the sign-ups of the organization.';
  elsif v_signup.status = 'begun' then
    raise sqlstate 'PT409' using message = 'Meta''s window has not been finished yet', detail = 'signup_not_finished',
      hint = 'Finish it in the browser, or begin again.';
  elsif v_signup.finished_at is not null and v_signup.problem_code is null then
    raise sqlstate 'PT409' using message = 'This sign-up is done: there is nothing to continue', detail = 'signup_done',
      hint = 'Look at the numbers of the organization.';
  elsif v_signup.status in ('cancelled', 'failed') then
    raise sqlstate 'PT409' using message = 'This sign-up has ended and cannot be continued', detail = 'signup_ended', hint = 'Begin again.';
  end if;
  return v_signup;
end;
$$;
comment on function private.open_signup is 'A sign-up that can go on, locked. Raises PT404 signup_unknown, PT409 signup_not_finished, signup_done, signup_ended.';

create function worker.begin_connect(org_id uuid, waba_id text, phone_number_id text) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_id uuid;
begin
  if begin_connect.waba_id !~ '^[0-9]{1,32}$' or begin_connect.phone_number_id !~ '^[0-9]{1,32}$' then
    raise sqlstate 'PT422' using message = 'A WABA id and a phone number id are digits only',
      detail = 'id_wrong', hint = 'Copy both from WhatsApp Manager.';
  end if;
  perform worker.organization(begin_connect.org_id);
  perform private.refuse_taken_number(begin_connect.org_id, begin_connect.phone_number_id);
  insert into public.whatsapp_signups as s (org_id, method, status, waba_id, phone_number_id)
  values (begin_connect.org_id, 'token', 'running', begin_connect.waba_id, begin_connect.phone_number_id)
  returning s.id into v_id;
  return jsonb_build_object('signup_id', v_id);
end;
$$;
comment on function worker.begin_connect is
  'Begins connecting with a token given by hand; worker.keep_signup_token takes it next (apart, for a refused statement is logged whole). '
  'Returns {signup_id}. Raises PT404 for an unknown organization, PT409 number_taken, PT422 id_wrong.';
grant execute on function worker.begin_connect to service_role;

create function worker.keep_signup_token(org_id uuid, signup_id uuid, token text) returns void
  language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_signup public.whatsapp_signups := private.open_signup(keep_signup_token.org_id, keep_signup_token.signup_id);
begin
  perform private.revoke_credential(v_signup.org_id, v_signup.credential_id);
  update public.whatsapp_signups s
     set credential_id = private.put_credential(s.org_id, 'meta_token', keep_signup_token.token), step = 'exchange',
         steps = s.steps || jsonb_build_object('exchange', now())
   where s.org_id = v_signup.org_id and s.id = v_signup.id;
end;
$$;
comment on function worker.keep_signup_token is
  'Seals the token that was given by hand or exchanged for the code, before anything else is done with it. Raises as private.open_signup, PT422 bad_credential.';
grant execute on function worker.keep_signup_token to service_role;

create function worker.claim_signup(org_id uuid, signup_id uuid, waba_id text default null, phone_number_id text default null) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_signup public.whatsapp_signups;
  v_token  text;
begin
  perform worker.organization(claim_signup.org_id);
  v_signup := private.open_signup(claim_signup.org_id, claim_signup.signup_id);
  if v_signup.leased_until > now() then
    raise sqlstate 'PT409' using message = 'This sign-up is being worked on', detail = 'signup_running',
      hint = private.retry_at(v_signup.leased_until);
  elsif concat(claim_signup.waba_id, claim_signup.phone_number_id) !~ '^[0-9]{0,64}$' then
    raise sqlstate 'PT422' using message = 'Meta''s ids have digits only', detail = 'id_wrong', hint = 'Choose one of those offered.';
  end if;
  v_token := private.open_credential(v_signup.org_id, v_signup.credential_id, 'signup');
  if v_token is null then
    raise sqlstate 'PT409' using message = 'The access token of this sign-up is gone', detail = 'signup_ended', hint = 'Begin again.';
  end if;
  update public.whatsapp_signups s
     set status = case when s.status = 'connected' then s.status else 'running' end, leased_until = now() + interval '2 minutes',
         waba_id = coalesce(claim_signup.waba_id, s.waba_id), phone_number_id = coalesce(claim_signup.phone_number_id, s.phone_number_id),
         -- What was done for another account or number does not count.
         steps = case when claim_signup.waba_id <> s.waba_id then s.steps - '{proof,subscribe,register}'::text[] else s.steps end,
         pin_credential_id = case when claim_signup.phone_number_id <> s.phone_number_id then null else s.pin_credential_id end,
         failed_step = null, problem_code = null, problem = null, remedy = null
   where s.org_id = v_signup.org_id and s.id = v_signup.id
  returning s.* into v_signup;
  return jsonb_build_object('signup_id', v_signup.id, 'method', v_signup.method, 'event', v_signup.event, 'waba_id', v_signup.waba_id,
                            'phone_number_id', v_signup.phone_number_id, 'steps', v_signup.steps, 'token', v_token);
end;
$$;
comment on function worker.claim_signup is
  'Hands a sign-up with its token to one worker for two minutes; what a person chose takes the place of what was named before. Returns '
  '{signup_id, method, event, waba_id, phone_number_id, steps, token}. Raises as private.open_signup, PT409 signup_running (with retry_at), PT422.';
grant execute on function worker.claim_signup to service_role;

create function worker.record_signup(org_id uuid, signup_id uuid, step text, facts jsonb default '{}') returns void
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_signup public.whatsapp_signups := private.open_signup(record_signup.org_id, record_signup.signup_id);
begin
  if facts ->> 'phone_number_id' is not null then
    perform private.refuse_taken_number(record_signup.org_id, facts ->> 'phone_number_id');
  end if;
  update public.whatsapp_signups s
     set step = record_signup.step, steps = s.steps || jsonb_build_object(record_signup.step, now()),
         leased_until = case when s.status <> 'connected' then now() + interval '2 minutes' end,
         waba_id = coalesce(facts ->> 'waba_id', s.waba_id), phone_number_id = coalesce(facts ->> 'phone_number_id', s.phone_number_id),
         meta_user_id = coalesce(facts ->> 'meta_user_id', s.meta_user_id), choices = null,
         finished_at = case when s.status = 'connected' and s.steps || jsonb_build_object(record_signup.step, 1) ?& '{contacts,history}' then now() end
   where s.org_id = v_signup.org_id and s.id = v_signup.id;
end;
$$;
comment on function worker.record_signup is
  'Notes that a step is done, with what it proved: {waba_id?, phone_number_id?, meta_user_id?}. Raises as private.open_signup, PT409 number_taken.';
grant execute on function worker.record_signup to service_role;

create function worker.stop_signup(org_id uuid, signup_id uuid, problem jsonb) returns void
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_final boolean := coalesce((stop_signup.problem ->> 'is_final')::boolean, false);
begin
  update public.whatsapp_signups s
     set status = case when s.status = 'connected' then s.status else 'waiting' end, leased_until = null,
         failed_step = stop_signup.problem ->> 'step', problem_code = stop_signup.problem ->> 'code',
         problem = left(stop_signup.problem ->> 'problem', 1000), remedy = left(stop_signup.problem ->> 'remedy', 1000),
         choices = nullif(stop_signup.problem -> 'choices', 'null')
   where s.org_id = stop_signup.org_id and s.id = stop_signup.signup_id and s.status in ('running', 'waiting', 'connected');
  if found and v_final then
    perform private.fail_signup(stop_signup.org_id, stop_signup.signup_id);
  end if;
end;
$$;
comment on function worker.stop_signup is
  'Notes what stopped a sign-up: {step, code, problem, remedy, choices?, is_final?}. One that is final gives up its token; any other waits.';
grant execute on function worker.stop_signup to service_role;

create function worker.signup_pin(org_id uuid, signup_id uuid) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_signup public.whatsapp_signups := private.open_signup(signup_pin.org_id, signup_pin.signup_id);
  v_id     uuid := v_signup.pin_credential_id;
  v_pin    text;
begin
  perform private.lock_waba(v_signup.org_id, v_signup.waba_id);
  -- The PIN that the number may be registered with already: by an attempt that broke off, by one at this moment, or in earlier days.
  v_id := coalesce(v_id,
    (select n.pin_credential_id from public.whatsapp_numbers n
      where n.org_id = v_signup.org_id and n.phone_number_id = v_signup.phone_number_id),
    (select s.pin_credential_id from public.whatsapp_signups s
      where s.org_id = v_signup.org_id and s.phone_number_id = v_signup.phone_number_id and s.pin_credential_id is not null
      order by s.started_at desc limit 1));
  v_pin := private.open_credential(v_signup.org_id, v_id, 'registration');
  if v_pin is null then
    v_pin := lpad((('x' || encode(extensions.gen_random_bytes(7), 'hex'))::bit(56)::bigint % 1000000)::text, 6, '0');
    v_id := private.put_credential(v_signup.org_id, 'registration_pin', v_pin);
  end if;
  update public.whatsapp_signups s set pin_credential_id = v_id where s.org_id = v_signup.org_id and s.id = v_signup.id;
  return jsonb_build_object('pin', v_pin);
end;
$$;
comment on function worker.signup_pin is
  'The PIN to register the number of a sign-up with: the one that Flow has for it, else a new one, kept before Meta hears of it. Returns {pin}.';
grant execute on function worker.signup_pin to service_role;

------------------------------------------------------------------------------------------------
-- What finish_connect asks and tells
------------------------------------------------------------------------------------------------
create function private.signup_credentials(org_id uuid, signup_id uuid, waba_id text, out token uuid, out pin uuid)
  language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_signup public.whatsapp_signups := private.open_signup(signup_credentials.org_id, signup_credentials.signup_id);
begin
  if v_signup.waba_id is distinct from signup_credentials.waba_id or not v_signup.steps ? 'proof'
     or not exists (select from private.credentials c
                     where c.org_id = v_signup.org_id and c.id = v_signup.credential_id and c.revoked_at is null) then
    raise sqlstate 'PT409' using message = 'This sign-up has ended and cannot be continued', detail = 'signup_ended', hint = 'Begin again.';
  end if;
  token := v_signup.credential_id;
  -- Registered by an attempt that broke off: its PIN is the number's.
  pin := coalesce(v_signup.pin_credential_id,
    (select s.pin_credential_id from public.whatsapp_signups s
       join private.credentials c on (c.org_id, c.id) = (s.org_id, s.pin_credential_id) and c.revoked_at is null
      where s.org_id = v_signup.org_id and s.phone_number_id = v_signup.phone_number_id order by s.started_at desc limit 1));
end;
$$;
comment on function private.signup_credentials is 'The sealed token and PIN of a sign-up that proved this account. Raises as private.open_signup.';

create function private.settle_signup(org_id uuid, signup_id uuid, account_id uuid, number_id uuid) returns void
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_waba text;
begin
  update public.whatsapp_signups s
     set account_id = settle_signup.account_id, number_id = settle_signup.number_id, step = 'connect',
         steps = s.steps || jsonb_build_object('connect', now()), leased_until = null, choices = null, failed_step = null,
         status = case when settle_signup.number_id is null then 'waiting' else 'connected' end,
         finished_at = (select now() from public.whatsapp_numbers n
                         where n.org_id = s.org_id and n.id = settle_signup.number_id and not n.is_on_phone_app),
         problem_code = case when settle_signup.number_id is null then 'number_missing' end,
         problem = case when settle_signup.number_id is null then 'The WhatsApp Business account is connected, but has no number yet' end,
         remedy = case when settle_signup.number_id is null then 'Add a number to the account in WhatsApp Manager, then continue.' end
   where s.org_id = settle_signup.org_id and s.id = settle_signup.signup_id
  returning s.waba_id into v_waba;
  if settle_signup.number_id is not null then
    perform private.end_signups(settle_signup.org_id, v_waba, settle_signup.signup_id, 'signup_replaced', 'A later sign-up connected the account');
  end if;
end;
$$;
comment on function private.settle_signup is
  'A sign-up''s account is stored: with a number it is connected, without one it waits for a number. Others that waited for the same account end.';
