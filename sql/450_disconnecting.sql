-- 450_disconnecting.sql: letting a WhatsApp number go, at once here and soon at Meta; and what happens when Meta lets go first.

------------------------------------------------------------------------------------------------
-- What is left to do at Meta
------------------------------------------------------------------------------------------------
create table private.meta_cleanups (
  org_id           uuid not null,
  id               uuid not null default gen_random_uuid(),
  account_id       uuid not null,
  credential_id    uuid,
  waba_id          text not null,
  meta_user_id     text,
  must_unsubscribe boolean not null,
  must_withdraw    boolean not null,
  unsubscribed_at  timestamptz,
  withdrawn_at     timestamptz,
  status           text not null default 'open',
  note             text,
  attempts         int not null default 0,
  next_at          timestamptz not null default now(),
  lease            uuid,
  created_at       timestamptz not null default now(),
  finished_at      timestamptz,
  primary key (org_id, id),
  constraint cleanup_is_of_an_account_of_its_organization foreign key (org_id, account_id)
    references public.whatsapp_accounts (org_id, id) on delete restrict,
  constraint cleanup_credential_is_of_organization foreign key (org_id, credential_id)
    references private.credentials (org_id, id) on delete set null (credential_id),
  constraint cleanup_status_is_known check (status in ('open', 'done', 'given_up', 'cancelled')),
  constraint cleanup_finishes_at_an_instant check ((status = 'open') = (finished_at is null))
);
comment on table private.meta_cleanups is
  'What a disconnect leaves to do at Meta: end the subscription, give back the person''s permissions. The token stays sealed, and '
  'opens for nothing else, while its cleanup is open. No secrets in here.';
comment on column private.meta_cleanups.org_id is 'The organization.';
comment on column private.meta_cleanups.id is 'The cleanup.';
comment on column private.meta_cleanups.account_id is 'The account that was disconnected.';
comment on column private.meta_cleanups.credential_id is 'Its revoked token; null once the row is swept.';
comment on column private.meta_cleanups.waba_id is 'Meta''s id of the account.';
comment on column private.meta_cleanups.meta_user_id is 'The person who had connected it; null for a token given by hand, and when finished.';
comment on column private.meta_cleanups.must_unsubscribe is 'Whether the app''s subscription ends: not while another organization uses the same account.';
comment on column private.meta_cleanups.must_withdraw is
  'Whether the person''s permissions are given back: they end every token of that person, so not while another account lives by them.';
comment on column private.meta_cleanups.unsubscribed_at is 'When Meta confirmed the end of the subscription.';
comment on column private.meta_cleanups.withdrawn_at is 'When Meta confirmed that the permissions are gone.';
comment on column private.meta_cleanups.status is
  'open; done; given_up: not within a day, or Meta keeps refusing; cancelled: the account was connected again.';
comment on column private.meta_cleanups.note is 'What went wrong last, or why it ended, in words.';
comment on column private.meta_cleanups.attempts is 'How often a worker has taken it.';
comment on column private.meta_cleanups.next_at is 'When it is due; while leased, when the lease runs out.';
comment on column private.meta_cleanups.lease is 'Set while a worker has it.';
comment on column private.meta_cleanups.created_at is 'When the account was disconnected.';
comment on column private.meta_cleanups.finished_at is 'When it ended; the token is blanked in the same moment.';
create unique index cleanup_is_open_once_for_an_account on private.meta_cleanups (org_id, account_id) where status = 'open';
create index meta_cleanups_account on private.meta_cleanups (org_id, account_id);
create index meta_cleanups_credential on private.meta_cleanups (org_id, credential_id);
create index meta_cleanups_due on private.meta_cleanups (next_at) where status = 'open';
create index whatsapp_accounts_person on public.whatsapp_accounts (meta_user_id) where meta_user_id is not null;
alter table private.meta_cleanups enable row level security;

create function private.finish_cleanup(org_id uuid, cleanup_id uuid, status text, note text) returns void
  language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_cleanup private.meta_cleanups;
begin
  update private.meta_cleanups c
     set status = finish_cleanup.status, note = left(finish_cleanup.note, 500), finished_at = now(), lease = null, meta_user_id = null
   where c.org_id = finish_cleanup.org_id and c.id = finish_cleanup.cleanup_id and c.status = 'open'
  returning c.* into v_cleanup;
  if not found then
    return;
  end if;
  perform private.revoke_credential(v_cleanup.org_id, v_cleanup.credential_id);
  perform private.audit(v_cleanup.org_id, 'whatsapp.cleaned_up', 'whatsapp_account', v_cleanup.account_id::text,
    jsonb_build_object('status', v_cleanup.status, 'unsubscribed', v_cleanup.unsubscribed_at is not null,
                       'withdrawn', v_cleanup.withdrawn_at is not null));
end;
$$;
comment on function private.finish_cleanup is 'Ends an open cleanup and blanks its token in the same moment.';

create function private.begin_cleanup(org_id uuid, account_id uuid) returns boolean
  language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_account     public.whatsapp_accounts;
  v_unsubscribe boolean;
  v_withdraw    boolean;
begin
  select a.* into v_account from public.whatsapp_accounts a
   where a.org_id = begin_cleanup.org_id and a.id = begin_cleanup.account_id;
  update public.whatsapp_accounts a set credential_id = null where a.org_id = v_account.org_id and a.id = v_account.id;
  v_unsubscribe := not exists (select from public.whatsapp_accounts o
    where o.waba_id = v_account.waba_id and (o.org_id, o.id) <> (v_account.org_id, v_account.id) and o.status <> 'disconnected');
  v_withdraw := v_account.meta_user_id is not null and not exists (select from public.whatsapp_accounts o
    where o.meta_user_id = v_account.meta_user_id and (o.org_id, o.id) <> (v_account.org_id, v_account.id) and o.status <> 'disconnected');
  if not (v_unsubscribe or v_withdraw) or not exists (
       select from private.credentials c
        where c.org_id = v_account.org_id and c.id = v_account.credential_id and c.revoked_at is null and c.broken_at is null) then
    perform private.revoke_credential(v_account.org_id, v_account.credential_id);
    return false;
  end if;
  perform private.keep_revoked_credential(v_account.org_id, v_account.credential_id, interval '25 hours');
  insert into private.meta_cleanups (org_id, account_id, credential_id, waba_id, meta_user_id, must_unsubscribe, must_withdraw)
  values (v_account.org_id, v_account.id, v_account.credential_id, v_account.waba_id,
          v_account.meta_user_id, v_unsubscribe, v_withdraw);
  return true;
end;
$$;
comment on function private.begin_cleanup is
  'Revokes the token of a disconnected account at once; keeps its ciphertext for a day only if there is something to end at Meta with '
  'it. Returns whether there is.';

create function private.give_up_cleanups() returns int
  language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_cleanup record;
  v_count   int := 0;
begin
  for v_cleanup in
    select c.org_id, c.id, c.note from private.meta_cleanups c
     where c.status = 'open' and c.created_at < now() - interval '24 hours' and (c.lease is null or c.next_at <= now())
     order by c.org_id, c.id for update skip locked
  loop
    perform private.finish_cleanup(v_cleanup.org_id, v_cleanup.id, 'given_up',
      'Meta was not told within a day' || coalesce(': ' || v_cleanup.note, ''));
    v_count := v_count + 1;
  end loop;
  return v_count;
end;
$$;
comment on function private.give_up_cleanups is 'Ends cleanups that did not succeed within a day.';

create function worker.claim_cleanups(batch int default 10, lease_seconds int default 120, org_id uuid default null) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_lease    uuid := gen_random_uuid();
  v_cleanup  private.meta_cleanups;
  v_cleanups jsonb := '[]';
  v_token    text;
begin
  perform private.give_up_cleanups();
  for v_cleanup in
    select c.* from private.meta_cleanups c
     where c.status = 'open' and c.next_at <= now() and (claim_cleanups.org_id is null or c.org_id = claim_cleanups.org_id)
     order by c.next_at limit claim_cleanups.batch for update skip locked
  loop
    v_token := private.open_kept_credential(v_cleanup.org_id, v_cleanup.credential_id, 'cleanup');
    if v_token is null then
      perform private.finish_cleanup(v_cleanup.org_id, v_cleanup.id, 'given_up', 'The token could not be read any more');
      continue;
    end if;
    update private.meta_cleanups c
       set lease = v_lease, attempts = c.attempts + 1, next_at = now() + make_interval(secs => claim_cleanups.lease_seconds)
     where c.org_id = v_cleanup.org_id and c.id = v_cleanup.id;
    v_cleanups := v_cleanups || jsonb_build_object(
      'org_id', v_cleanup.org_id, 'cleanup_id', v_cleanup.id, 'waba_id', v_cleanup.waba_id, 'token', v_token,
      'unsubscribe', v_cleanup.must_unsubscribe and v_cleanup.unsubscribed_at is null,
      -- The end of the permissions is the end of all tokens of that person: what else needs one goes first.
      'withdraw_user', case when v_cleanup.must_withdraw and v_cleanup.withdrawn_at is null and not exists (
          select from private.meta_cleanups o
           where o.status = 'open' and o.meta_user_id = v_cleanup.meta_user_id and o.must_unsubscribe and o.unsubscribed_at is null
             and (o.org_id, o.id) <> (v_cleanup.org_id, v_cleanup.id)) then v_cleanup.meta_user_id end);
  end loop;
  return jsonb_build_object('lease', v_lease, 'cleanups', v_cleanups);
end;
$$;
comment on function worker.claim_cleanups is
  'Hands out what is due to be ended at Meta, of one organization or (null) of all: {lease, cleanups: [{org_id, cleanup_id, waba_id, '
  'token, unsubscribe: bool, withdraw_user: Meta''s id of the person, or null}]}. Each is answered by worker.record_cleanup.';
grant execute on function worker.claim_cleanups to service_role;

create function worker.record_cleanup(org_id uuid, cleanup_id uuid, lease uuid, results jsonb) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_cleanup private.meta_cleanups;
  v_failure jsonb;
  v_action  text;
  v_words   text;
begin
  select c.* into v_cleanup from private.meta_cleanups c
   where c.org_id = record_cleanup.org_id and c.id = record_cleanup.cleanup_id for update;
  if not found then
    return jsonb_build_object('status', 'unknown');
  end if;
  if results #>> '{unsubscribe,ok}' = 'true' then
    -- Somebody may have connected the account while the call was under way: its subscription is looked at again, and renewed.
    perform private.check_soon(a.org_id, a.id) from public.whatsapp_accounts a
     where a.waba_id = v_cleanup.waba_id and a.status = 'connected';
  end if;
  if v_cleanup.status <> 'open' then
    return jsonb_build_object('status', v_cleanup.status);
  end if;
  update private.meta_cleanups c
     set unsubscribed_at = case when results #>> '{unsubscribe,ok}' = 'true' then now() else c.unsubscribed_at end,
         withdrawn_at = case when results #>> '{withdraw,ok}' = 'true' then now() else c.withdrawn_at end
   where c.org_id = v_cleanup.org_id and c.id = v_cleanup.id
  returning c.* into v_cleanup;
  if (v_cleanup.unsubscribed_at is not null or not v_cleanup.must_unsubscribe)
     and (v_cleanup.withdrawn_at is not null or not v_cleanup.must_withdraw) then
    perform private.finish_cleanup(v_cleanup.org_id, v_cleanup.id, 'done', null);
    return jsonb_build_object('status', 'done');
  elsif v_cleanup.lease is distinct from record_cleanup.lease then
    return jsonb_build_object('status', 'open');           -- somebody else has it by now
  end if;
  v_failure := case when results #>> '{unsubscribe,ok}' = 'false' then results -> 'unsubscribe'
                    when results #>> '{withdraw,ok}' = 'false' then results -> 'withdraw' end;
  if v_failure is null then                                -- one step went well, the next may follow
    update private.meta_cleanups c set lease = null, next_at = now() where c.org_id = v_cleanup.org_id and c.id = v_cleanup.id;
    return jsonb_build_object('status', 'open');
  end if;
  v_words := left(coalesce(v_failure ->> 'words', 'Meta could not be reached'), 300);
  if v_failure ? 'code' or v_failure ? 'http_status' then
    v_action := (private.meta_error_rule((v_failure ->> 'code')::int, (v_failure ->> 'http_status')::int)).action;
    if v_action = 'reauthorize' then
      perform private.finish_cleanup(v_cleanup.org_id, v_cleanup.id, 'done', 'Meta had withdrawn the access already: ' || v_words);
      return jsonb_build_object('status', 'done');
    elsif v_action <> 'retry' and v_cleanup.attempts >= 5 then
      perform private.finish_cleanup(v_cleanup.org_id, v_cleanup.id, 'given_up', 'Meta keeps refusing: ' || v_words);
      return jsonb_build_object('status', 'given_up');
    end if;
  end if;
  update private.meta_cleanups c
     set lease = null, note = v_words,
         next_at = now() + make_interval(secs => least(7200, 30 * power(2, least(c.attempts, 12) - 1)) * (0.75 + random() / 2))
   where c.org_id = v_cleanup.org_id and c.id = v_cleanup.id;
  return jsonb_build_object('status', 'open');
end;
$$;
comment on function worker.record_cleanup is
  'Records what came of a cleanup''s steps: {unsubscribe?, withdraw?: {ok} or {ok: false, code?, http_status?, words?}}. A failure is '
  'tried again, ever later, for a day; an access that is gone already ends it. Safe to repeat. Returns {status}.';
grant execute on function worker.record_cleanup to service_role;

create function private.tg_whatsapp_accounts__keeps_what_it_needs() returns trigger
  language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_cleanup private.meta_cleanups;
begin
  for v_cleanup in
    select c.* from private.meta_cleanups c
     where c.status = 'open' and (c.waba_id = new.waba_id or c.meta_user_id = new.meta_user_id)
     order by c.org_id, c.id for update
  loop
    if (v_cleanup.org_id, v_cleanup.account_id) = (new.org_id, new.id) then
      perform private.finish_cleanup(v_cleanup.org_id, v_cleanup.id, 'cancelled', 'The account was connected again');
      continue;
    end if;
    update private.meta_cleanups c
       set must_unsubscribe = c.must_unsubscribe and c.waba_id <> new.waba_id,
           must_withdraw = c.must_withdraw and c.meta_user_id is distinct from new.meta_user_id
     where c.org_id = v_cleanup.org_id and c.id = v_cleanup.id
    returning c.* into v_cleanup;
    if not (v_cleanup.must_unsubscribe and v_cleanup.unsubscribed_at is null) and not (v_cleanup.must_withdraw and v_cleanup.withdrawn_at is null) then
      perform private.finish_cleanup(v_cleanup.org_id, v_cleanup.id, 'done', 'Somebody else uses the same account now');
    end if;
  end loop;
  return null;
end;
$$;
comment on function private.tg_whatsapp_accounts__keeps_what_it_needs is
  'An account that is connected again keeps its subscription and its person: cleanups that would end them are called off.';
create trigger whatsapp_accounts_keep_what_they_need after insert or update of credential_id on public.whatsapp_accounts
  for each row when (new.status = 'connected') execute function private.tg_whatsapp_accounts__keeps_what_it_needs();

------------------------------------------------------------------------------------------------
-- Disconnecting
------------------------------------------------------------------------------------------------
create function private.disconnect_whatsapp(org_id uuid, number_id uuid) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_numbers  int := 0;
  v_cleanups int := 0;
  v_accounts uuid[];
  v_account  uuid;
begin
  -- The lanes first, in the order that everybody keeps, then the buckets: a claim that is under way ends before this goes on, and
  -- the next one finds the numbers gone.
  perform from private.send_lanes l
   where l.org_id = disconnect_whatsapp.org_id and l.next_at is not null
     and (disconnect_whatsapp.number_id is null or l.number_id = disconnect_whatsapp.number_id)
   order by l.org_id, l.conversation_id for update;
  perform from private.number_lanes b
   where b.org_id = disconnect_whatsapp.org_id and (disconnect_whatsapp.number_id is null or b.number_id = disconnect_whatsapp.number_id)
   order by b.org_id, b.number_id for update;
  update public.whatsapp_numbers n
     set status = 'disconnected', disconnected_at = now(), paused_until = null, paused_reason = null
   where n.org_id = disconnect_whatsapp.org_id and n.status <> 'disconnected'
     and (disconnect_whatsapp.number_id is null or n.id = disconnect_whatsapp.number_id);
  get diagnostics v_numbers = row_count;
  perform private.cancel_queued(disconnect_whatsapp.org_id, 'The WhatsApp number was disconnected');
  with gone as (
    select a.id from public.whatsapp_accounts a
     where a.org_id = disconnect_whatsapp.org_id and a.status <> 'disconnected'
       and (disconnect_whatsapp.number_id is null or a.id = (
             select n.account_id from public.whatsapp_numbers n
              where n.org_id = disconnect_whatsapp.org_id and n.id = disconnect_whatsapp.number_id))
       and not exists (select from public.whatsapp_numbers n
                        where n.org_id = a.org_id and n.account_id = a.id and n.status <> 'disconnected')
     order by a.id for update)
  select array_agg(g.id) into v_accounts from gone g;
  update public.whatsapp_accounts a
     set status = 'disconnected', disconnected_at = now(), status_reason = 'Disconnected by the organization'
   where a.org_id = disconnect_whatsapp.org_id and a.id = any (v_accounts);
  foreach v_account in array coalesce(v_accounts, '{}') loop
    v_cleanups := v_cleanups + private.begin_cleanup(disconnect_whatsapp.org_id, v_account)::int;
  end loop;
  if v_numbers > 0 or v_accounts is not null then
    perform private.audit(disconnect_whatsapp.org_id, 'whatsapp.disconnected', 'whatsapp_number',
                          coalesce(disconnect_whatsapp.number_id::text, 'all'),
                          jsonb_build_object('numbers', v_numbers));
  end if;
  return jsonb_build_object('disconnected', v_numbers, 'cleanups', v_cleanups);
end;
$$;
comment on function private.disconnect_whatsapp is
  'Halts one number (or all, null) in one transaction: nothing new is claimed, queued messages are cancelled, what is under way is '
  'recorded when it ends, the token of an account without a live number is revoked. Returns {disconnected, cleanups: how many accounts '
  'Meta is still to be told of}.';

create function worker.disconnect_whatsapp(org_id uuid, phone_number_id text default null) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_number uuid;
begin
  perform worker.organization(disconnect_whatsapp.org_id);
  if disconnect_whatsapp.phone_number_id is not null then
    select n.id into v_number from public.whatsapp_numbers n
     where n.org_id = disconnect_whatsapp.org_id and n.phone_number_id = disconnect_whatsapp.phone_number_id;
    if not found then
      raise sqlstate 'PT404' using message = 'The organization has no such WhatsApp number', detail = 'number_unknown',
        hint = 'Look at the numbers of the organization.';
    end if;
  end if;
  return private.disconnect_whatsapp(disconnect_whatsapp.org_id, v_number);
end;
$$;
comment on function worker.disconnect_whatsapp is
  'private.disconnect_whatsapp for the operator; the number by Meta''s id, null for all. The caller runs the cleanups at once, as far as '
  'they go; the sweep has the rest run. Raises PT404.';
grant execute on function worker.disconnect_whatsapp to service_role;

create function private.disconnect_my_whatsapp(org_id uuid, number_id uuid) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_answer jsonb;
begin
  perform private.require_role(disconnect_my_whatsapp.org_id, 'admin');
  if disconnect_my_whatsapp.number_id is not null and not exists (
       select from public.whatsapp_numbers n
        where n.org_id = disconnect_my_whatsapp.org_id and n.id = disconnect_my_whatsapp.number_id) then
    raise sqlstate 'PT404' using message = 'The organization has no such WhatsApp number', detail = 'number_unknown',
      hint = 'Look at the numbers of the organization.';
  end if;
  v_answer := private.disconnect_whatsapp(disconnect_my_whatsapp.org_id, disconnect_my_whatsapp.number_id);
  if (v_answer ->> 'cleanups')::int > 0 then
    perform private.wake('cleanup');
  end if;
  return v_answer - 'cleanups';
end;
$$;
comment on function private.disconnect_my_whatsapp is 'private.disconnect_whatsapp for an admin; has Meta told right after the commit.';

create function public.disconnect_whatsapp(org_id uuid, number_id uuid default null) returns jsonb
  language sql volatile set search_path = ''
begin atomic
  select private.disconnect_my_whatsapp(org_id, number_id);
end;
comment on function public.disconnect_whatsapp is
  'Disconnects a WhatsApp number (null: all) at once; queued messages are cancelled. Admins. Returns {disconnected}. Raises PT403, PT404.';
grant execute on function private.disconnect_my_whatsapp, public.disconnect_whatsapp to authenticated;

------------------------------------------------------------------------------------------------
-- Meta lets go first
------------------------------------------------------------------------------------------------
create function private.ask_reconnect(org_id uuid, account_id uuid, reason text) returns void
  language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_credential uuid;
begin
  update public.whatsapp_accounts a set status = 'reconnect', status_reason = ask_reconnect.reason
   where a.org_id = ask_reconnect.org_id and a.id = ask_reconnect.account_id and a.status = 'connected'
  returning a.credential_id into v_credential;
  if not found then
    return;
  end if;
  perform private.revoke_credential(ask_reconnect.org_id, v_credential);
  perform private.note_health(ask_reconnect.org_id, ask_reconnect.account_id, null, 'access', 'problem', ask_reconnect.reason,
                              'Connect WhatsApp again; what waits is sent then.');
  perform private.audit(ask_reconnect.org_id, 'whatsapp.reconnect_asked', 'whatsapp_account', ask_reconnect.account_id::text,
                        jsonb_build_object('reason', ask_reconnect.reason));
end;
$$;
comment on function private.ask_reconnect is
  'Meta withdrew the access of a connected account: its token is revoked, nothing is claimed any more, the queue waits, and the '
  'settings page says why. Connecting again restores everything. Any other account: nothing happens.';

create function private.drop_person(meta_user_id text, issued_at timestamptz, reason text) returns int
  language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_account record;
  v_count   int := 0;
begin
  -- Who connected again after Meta wrote this is not meant; Meta's clock may be a minute away from ours.
  for v_account in
    select a.org_id, a.id from public.whatsapp_accounts a
     where a.meta_user_id = drop_person.meta_user_id and a.status = 'connected'
       and a.connected_at <= drop_person.issued_at + interval '1 minute'
     order by a.org_id, a.id
  loop
    perform private.ask_reconnect(v_account.org_id, v_account.id, drop_person.reason);
    v_count := v_count + 1;
  end loop;
  perform private.finish_cleanup(c.org_id, c.id, 'done', 'The person withdrew the access at Meta')
     from private.meta_cleanups c where c.status = 'open' and c.meta_user_id = drop_person.meta_user_id;
  return v_count;
end;
$$;
comment on function private.drop_person is 'A person took Flow''s access back at Meta: every account that they had connected asks for a new connection.';

create function worker.deauthorize(meta_user_id text, issued_at bigint) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
begin
  return jsonb_build_object('accounts', private.drop_person(deauthorize.meta_user_id, to_timestamp(deauthorize.issued_at),
    'The person who connected WhatsApp removed Flow at Meta'));
end;
$$;
comment on function worker.deauthorize is
  'Meta''s deauthorize callback, verified: the accounts that this person had connected before issued_at (Unix seconds) ask for a new '
  'connection. Safe to repeat. Returns {accounts}.';
grant execute on function worker.deauthorize to service_role;

------------------------------------------------------------------------------------------------
-- Requests to delete a person's data
------------------------------------------------------------------------------------------------
create table private.deletion_requests (
  confirmation_code text primary key,
  person_hash       bytea not null,
  issued_at         timestamptz not null,
  accounts          int not null default 0,
  requested_at      timestamptz not null default now(),
  done_at           timestamptz,
  constraint deletion_is_requested_once unique (person_hash, issued_at)
);
comment on table private.deletion_requests is
  'Requests of Meta''s users to delete what Flow knows of them: the id under which they connected an account. Kept as proof that it went.';
comment on column private.deletion_requests.confirmation_code is 'Random; the person looks the request up by it.';
comment on column private.deletion_requests.person_hash is 'Keyed hash of Meta''s id of the person, which is not kept; the key is in Vault.';
comment on column private.deletion_requests.issued_at is 'When Meta wrote the request.';
comment on column private.deletion_requests.accounts is 'How many accounts knew the person.';
comment on column private.deletion_requests.requested_at is 'When the request came.';
comment on column private.deletion_requests.done_at is 'When everything was deleted; null before.';
alter table private.deletion_requests enable row level security;

create function private.person_hash(meta_user_id text) returns bytea
  language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_key text;
begin
  select s.decrypted_secret into v_key from vault.decrypted_secrets s where s.name = 'flow_person_key';
  if v_key is null then
    perform pg_advisory_xact_lock(hashtextextended('flow.person_key', 0));
    select s.decrypted_secret into v_key from vault.decrypted_secrets s where s.name = 'flow_person_key';
    if v_key is null then
      v_key := encode(extensions.gen_random_bytes(32), 'base64');
      perform vault.create_secret(v_key, 'flow_person_key', 'Hashes Meta''s ids of people who asked to be forgotten.');
    end if;
  end if;
  return extensions.hmac(person_hash.meta_user_id, v_key, 'sha256');
end;
$$;
comment on function private.person_hash is
  'Keyed hash of Meta''s id of a person: the same for the same id, and no way back by trying all ids. Makes its key at first use.';

create function worker.request_deletion(meta_user_id text, issued_at bigint) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_person   bytea := private.person_hash(request_deletion.meta_user_id);
  v_issued   timestamptz := to_timestamp(request_deletion.issued_at);
  v_code     text;
  v_accounts int;
begin
  insert into private.deletion_requests as d (confirmation_code, person_hash, issued_at)
  values (encode(extensions.gen_random_bytes(16), 'hex'), v_person, v_issued)
  on conflict on constraint deletion_is_requested_once do nothing
  returning d.confirmation_code into v_code;
  if not found then
    return (select jsonb_build_object('confirmation_code', d.confirmation_code) from private.deletion_requests d
             where d.person_hash = v_person and d.issued_at = v_issued);
  end if;
  perform private.drop_person(request_deletion.meta_user_id, v_issued, 'The person who connected WhatsApp removed their data at Meta');
  update public.whatsapp_accounts a set meta_user_id = null
   where a.meta_user_id = request_deletion.meta_user_id and a.connected_at <= v_issued + interval '1 minute';
  get diagnostics v_accounts = row_count;
  update public.whatsapp_signups s set meta_user_id = null
   where s.meta_user_id = request_deletion.meta_user_id and s.started_at <= v_issued + interval '1 minute';
  update private.deletion_requests d set done_at = now(), accounts = v_accounts where d.confirmation_code = v_code;
  return jsonb_build_object('confirmation_code', v_code);
end;
$$;
comment on function worker.request_deletion is
  'Meta''s data-deletion callback, verified: forgets the person who connected accounts, which ask for a new connection. The same request '
  '(person and Unix second) again gives the same code and does nothing. Returns {confirmation_code}.';
grant execute on function worker.request_deletion to service_role;

create function worker.deletion_status(confirmation_code text) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
begin
  -- Not what was noted then, but what is so now: nothing from before the request bears the person's id.
  return (select jsonb_build_object('requested_at', d.requested_at, 'accounts', d.accounts, 'done_at', case when not exists (
                   select from public.whatsapp_accounts a where a.connected_at <= d.issued_at + interval '1 minute' and private.person_hash(a.meta_user_id) = d.person_hash
                   union all select from public.whatsapp_signups s where s.started_at <= d.issued_at + interval '1 minute' and private.person_hash(s.meta_user_id) = d.person_hash
                   union all select from private.meta_cleanups c where c.created_at <= d.issued_at + interval '1 minute' and private.person_hash(c.meta_user_id) = d.person_hash) then d.done_at end)
            from private.deletion_requests d where d.confirmation_code = deletion_status.confirmation_code);
end;
$$;
comment on function worker.deletion_status is 'A request to delete, by its confirmation code: {requested_at, accounts: how many knew the person, done_at: null while anything still bears their id}; null when there is none.';
grant execute on function worker.deletion_status to service_role;
