-- 990_schedule.sql: who wakes the workers: a wake-up after each commit that makes work, and sweeps that catch what a lost one missed.

create table private.wakeups (
  job      text primary key,
  asked_at timestamptz not null default '-infinity'
);
comment on table private.wakeups is 'One row a job: when it was last asked to run, so that a burst asks once.';
comment on column private.wakeups.job is 'The job: /jobs/<name>.';
comment on column private.wakeups.asked_at is 'The last wake-up.';
alter table private.wakeups enable row level security;
insert into private.wakeups (job) values ('dispatch'), ('indiamart'), ('templates'), ('media'), ('health'), ('cleanup'), ('reconcile'), ('imports'), ('sheets'), ('purge'), ('retention'), ('exports'), ('billing'), ('erasures'), ('alarms'), ('push'), ('deliveries'), ('support');

create function private.set_secret(name text, secret text, description text) returns void
  language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_id uuid;
begin
  select s.id into v_id from vault.secrets s where s.name = set_secret.name;
  if found then
    perform vault.update_secret(v_id, set_secret.secret);
  else
    perform vault.create_secret(set_secret.secret, set_secret.name, set_secret.description);
  end if;
end;
$$;
comment on function private.set_secret is 'Creates or replaces a named Vault secret.';

create function private.configure(worker_url text, job_secret text) returns void
  language plpgsql volatile security definer set search_path = ''
as $$
begin
  if coalesce(worker_url, '') !~* '^https://' and coalesce(worker_url, '') !~* '^http://(127\.[0-9.]+|localhost|\[::1\])(:[0-9]+)?(/|$)' then
    raise sqlstate 'PT422' using message = 'The workers'' address must be https', detail = 'worker_url_not_https',
      hint = 'Plain http is for loopback only.';
  elsif length(coalesce(job_secret, '')) < (case when worker_url ~* '^https:' then 16 else 1 end) then
    raise sqlstate 'PT422' using message = 'The job secret is too short', detail = 'job_secret_short', hint = 'Use at least 16 random characters.';
  end if;
  perform private.set_secret('flow_worker_url', rtrim(worker_url, '/'), 'Where pg_net finds Flow''s workers');
  perform private.set_secret('flow_job_secret', job_secret, 'Bearer secret of /jobs/*');
end;
$$;
comment on function private.configure is
  'Tells the database where its workers are and the bearer secret they expect: called over a direct connection by flow up and flow migrate. Raises PT422.';

create function private.wake(job text, at_most_every interval default interval '100 milliseconds') returns boolean
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_asked  timestamptz;
  v_url    text;
  v_secret text;
  v_trace  text;
begin
  if to_regprocedure('net.http_post(text,jsonb,jsonb,jsonb,integer)') is null
     or current_setting('transaction_isolation') <> 'read committed' then      -- a rebuild: it must not trip over another's wake-up
    return false;
  end if;
  -- A row that somebody else is just changing is passed over: nobody waits for a wake-up, and one too many does no harm.
  select w.asked_at into v_asked from private.wakeups w where w.job = wake.job for update skip locked;
  if found then
    if v_asked > clock_timestamp() - at_most_every then
      return false;
    end if;
    update private.wakeups w set asked_at = clock_timestamp() where w.job = wake.job;
  end if;
  select s.decrypted_secret into v_url from vault.decrypted_secrets s where s.name = 'flow_worker_url';
  select s.decrypted_secret into v_secret from vault.decrypted_secrets s where s.name = 'flow_job_secret';
  if v_url is null or v_secret is null then
    return false;
  end if;
  v_trace := private.trace_id();      -- the job goes on in the trace of the request that made its work
  execute 'select net.http_post($1, $2, ''{}''::jsonb, $3, 30000)'
    using v_url || '/jobs/' || wake.job, jsonb_build_object('asked_at', clock_timestamp()),
          jsonb_build_object('Content-Type', 'application/json', 'Authorization', 'Bearer ' || v_secret)
          || case when v_trace is null then '{}' else jsonb_build_object('traceparent', '00-' || v_trace || '-' || encode(extensions.gen_random_bytes(8), 'hex') || '-01') end;
  return true;
end;
$$;
comment on function private.wake is
  'Asks a job to run, after commit, at most ten times a second; a hint only (pg_net never repeats): the sweep catches a lost one. Returns whether it asked.';

create function worker.wake(job text) returns void
  language plpgsql volatile security definer set search_path = ''
as $$
begin
  if not exists (select from private.wakeups w where w.job = wake.job) then
    raise sqlstate 'PT404' using message = 'There is no such job', detail = 'job_unknown';
  end if;
  perform private.wake(wake.job, interval '0');
end;
$$;
comment on function worker.wake is 'A job asks for its own continuation. Raises PT404.';
grant execute on function worker.wake to service_role;

create function private.tg_messages__wake_dispatch() returns trigger
  language plpgsql volatile security definer set search_path = ''
as $$
begin
  if exists (select from new_messages n where n.status = 'queued') then
    perform private.wake('dispatch');
  end if;
  return null;
end;
$$;
comment on function private.tg_messages__wake_dispatch is 'Queued messages wake the dispatcher once they are committed.';
create trigger messages_wake_dispatch after insert on public.messages referencing new table as new_messages
  for each statement execute function private.tg_messages__wake_dispatch();

create function private.sweep() returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
declare
  -- It takes what many conversations need, in no order: so it waits for none of them, and who is busy comes next time.
  v_settled int := private.settle_uncertain();
  v_late    int := 0;
  v_orgs    uuid[];
  v_wamids  text[];
begin
  update public.whatsapp_numbers n set status = 'connected', paused_until = null, paused_reason = null
   where n.status = 'paused' and n.paused_until <= now();
  perform private.release_scheduled();
  -- Queued in the moment of a disconnect, or after it by a retry.
  perform private.cancel_queued(d.org_id, 'The WhatsApp number was disconnected')
     from (select distinct n.org_id from public.whatsapp_numbers n
            where n.status = 'disconnected' and exists (select from private.send_lanes l
                    where l.org_id = n.org_id and l.number_id = n.id and l.next_at is not null and l.lease is null)) d;
  -- An update and its message that were stored at the same moment did not see each other.
  select array_agg(p.org_id), array_agg(p.wamid) into v_orgs, v_wamids
    from (select distinct q.org_id, q.wamid from private.parked_updates q where q.created_at > now() - interval '2 minutes') p
   cross join lateral (
     select from public.messages m
      where (m.org_id, m.wamid) = (p.org_id, p.wamid)
        and (m.status not in ('uncertain', 'queued', 'sending') or private.hold_lane(m.org_id, m.conversation_id))
        for no key update skip locked) m;
  select coalesce(sum(private.apply_parked(array[p.wamid], array[p.org_id])), 0) into v_late from unnest(v_orgs, v_wamids) p (org_id, wamid);
  perform private.meter_known(v_orgs, v_wamids);
  perform private.settle_usage();
  perform private.release_broadcasts();       -- after wallets: a claim that a cap stops locks them in this order
  perform private.release_sequences();
  if exists (select from private.send_lanes l where l.next_at <= now()) or exists (select from private.signals s where s.next_at <= now()) then
    perform private.wake('dispatch');
  end if;
  if exists (select from public.lead_sources s
              where s.kind = 'indiamart' and s.is_active and s.credential_id is not null
                and (s.lease_run is null and coalesce(s.next_allowed_at, '-infinity') <= now() or s.lease_expires_at <= now())) then
    perform private.wake('indiamart', interval '5 seconds');
  end if;
  if exists (select from public.lead_sources s
              where s.kind = 'sheet' and s.is_active and s.disconnected_at is null
                and (s.lease_run is null and coalesce(s.next_allowed_at, '-infinity') <= now() and (s.requested_at is not null or s.state in ('ok', 'rate_limited', 'failing'))
                     or s.lease_expires_at <= now())) then
    perform private.wake('sheets', interval '30 seconds');
  end if;
  if exists (select from private.organization_deletions d where d.status in ('scheduled', 'purging') and d.purge_at <= now() and private.is_due(d)) then
    perform private.wake('purge', interval '5 seconds');
  end if;
  if exists (select from private.erasures e where e.next_at <= now() and not private.is_held(e.org_id, e.contact_id)) then
    perform private.wake('erasures', interval '5 seconds');
  end if;
  perform private.wake_templates();
  perform private.wake_media();
  perform private.wake_health();
  perform private.wake_reconciliation();
  perform private.wake_imports();
  perform private.wake_exports();
  perform private.wake_billing();
  perform private.wake_deliveries();
  perform private.wake_support();
  return jsonb_build_object('settled', v_settled, 'late', v_late);
end;
$$;
comment on function private.sweep is 'Every few seconds: settles uncertain messages, resumes paused numbers, wakes the jobs that have work.';

create function private.tend_leads() returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
begin
  return jsonb_build_object('assigned', private.assign_waiting(), 'reminded', private.remind_tasks());
end;
$$;
comment on function private.tend_leads is 'Every two seconds, in a transaction of its own: gives new leads to people, reminds people of tasks.';

create function private.clean_up() returns void
  language plpgsql volatile security definer set search_path = ''
as $$
begin
  perform private.give_up_cleanups();
  perform private.clean_signups();
  perform private.sweep_credentials();
  perform private.renew_media();
  perform private.clean_imports();
  perform private.sweep_lead_work();
  perform private.note_expired_support();
  perform private.end_webhook_secrets();
  perform private.close_solved_tickets();
end;
$$;
comment on function private.clean_up is 'Hourly: ends what nobody finished, and removes revoked credentials. What goes by age, private.retain removes.';

create function worker.ping() returns void
  language sql stable security definer set search_path = ''
as $$
$$;
comment on function worker.ping is 'Does nothing; what a round trip costs by itself.';
grant execute on function worker.ping to service_role;

create function worker.readiness() returns jsonb
  language plpgsql stable security definer set search_path = ''
as $$
declare
  v_migration text;
begin
  if to_regclass('supabase_migrations.schema_migrations') is not null then
    execute 'select max(version) from supabase_migrations.schema_migrations' into v_migration;
  end if;
  return jsonb_build_object('ok', true, 'migration', v_migration,
    'configured', exists (select from vault.secrets s where s.name = 'flow_worker_url'),
    'cron', to_regclass('cron.job') is not null, 'net', to_regprocedure('net.http_post(text,jsonb,jsonb,jsonb,integer)') is not null);
end;
$$;
comment on function worker.readiness is 'Whether the database is ready for the workers: {ok, migration: newest version, configured, cron, net}.';
grant execute on function worker.readiness to service_role;
