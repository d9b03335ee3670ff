-- 800_indiamart.sql: fetching IndiaMART's leads: who may call when, for which window, and what an answer changes.

-- Tables ---------------------------------------------------------------------------------------------------

create table public.sync_runs (
  org_id                uuid not null references public.organizations on delete restrict,
  id                    uuid not null default gen_random_uuid(),
  source_id             uuid not null,
  kind                  text not null,
  requested_by          uuid,
  started_at            timestamptz not null default now(),
  finished_at           timestamptz,
  window_from           timestamptz,
  window_to             timestamptz,
  gap_from              timestamptz,
  gap_to                timestamptz,
  outcome               text,
  http_status           int,
  code                  text,
  is_complete           boolean,
  received              int not null default 0,
  inserted              int not null default 0,
  known                 int not null default 0,
  errors                jsonb not null default '[]',
  message               text,
  note                  text,
  min_interval_seconds  int,
  reason                text,
  suppressed            int not null default 0,
  primary key (org_id, id),
  foreign key (org_id, source_id) references public.lead_sources (org_id, id) on delete restrict,
  constraint run_kind_is_known check (kind in ('live', 'backfill', 'manual', 'push', 'sweep')),
  constraint run_outcome_is_known check (outcome in (
    'ok', 'empty', 'not_released', 'rate_limited', 'blocked', 'key_rejected', 'bad_request', 'server_error', 'unreadable',
    'lost', 'disconnected')),
  constraint run_has_an_outcome_when_finished check ((finished_at is null) = (outcome is null)),
  constraint run_window_is_not_empty check (window_from < window_to),
  constraint run_errors_are_a_list check (jsonb_typeof(errors) = 'array')
);
comment on table public.sync_runs is 'The API sync log: every call to a lead source and every push from one, with what came of it.';
comment on column public.sync_runs.org_id is 'The organization.';
comment on column public.sync_runs.id is 'Handed to the worker, which answers with it.';
comment on column public.sync_runs.source_id is 'The source.';
comment on column public.sync_runs.kind is
  'live: what is new; backfill: history, backwards; manual: live, asked for by a person; sweep: the last seven days again; push: sent to us.';
comment on column public.sync_runs.requested_by is 'Who asked for a manual run; null for operators and for runs by the clock.';
comment on column public.sync_runs.started_at is 'When the run was handed out, just before the call.';
comment on column public.sync_runs.finished_at is 'When its answer was stored; null while it is under way.';
comment on column public.sync_runs.window_from is 'Begin of the time asked for; null for pushes.';
comment on column public.sync_runs.window_to is 'End of it, exclusive for what counts as covered.';
comment on column public.sync_runs.gap_from is 'Begin of a time that is lost: too old for the source before it could be asked for.';
comment on column public.sync_runs.gap_to is 'End of it.';
comment on column public.sync_runs.outcome is 'What the answer meant; lost: no answer before the lease ended; disconnected: thrown away.';
comment on column public.sync_runs.http_status is 'HTTP status of the answer; null when there was none.';
comment on column public.sync_runs.code is 'CODE in the answer''s body, as text.';
comment on column public.sync_runs.is_complete is 'Whether the answer held every lead of the window, by its own count.';
comment on column public.sync_runs.received is 'Leads in the answer.';
comment on column public.sync_runs.inserted is 'Of these, stored now.';
comment on column public.sync_runs.known is 'Of these, stored before.';
comment on column public.sync_runs.errors is 'Of these, not stored or to be looked at: [{index, reason, item}], item as it was sent.';
comment on column public.sync_runs.message is 'A sentence for people; null when there is nothing to say.';
comment on column public.sync_runs.note is 'Begin of an answer that was no success, without the key; for operators, not for people.';
comment on column public.sync_runs.min_interval_seconds is 'The interval in force when the run was handed out.';
comment on column public.sync_runs.reason is 'Of a key that was rejected: incorrect, expired or replaced; null otherwise.';
comment on column public.sync_runs.suppressed is 'Leads of erased people, of whom nothing was kept (305_suppression.sql).';

create table private.source_coverage (
  org_id       uuid not null,
  source_id    uuid not null,
  covered      tstzmultirange not null default '{}',
  lost         tstzmultirange not null default '{}',
  wanted_from  timestamptz,
  key_at       timestamptz,
  again        tstzmultirange not null default '{}',
  primary key (org_id, source_id),
  foreign key (org_id, source_id) references public.lead_sources (org_id, id) on delete cascade
);
comment on table private.source_coverage is
  'Which stretches of time of a source are completely stored. What is neither covered nor lost is still to be fetched.';
comment on column private.source_coverage.org_id is 'The organization.';
comment on column private.source_coverage.source_id is 'The source.';
comment on column private.source_coverage.covered is 'Grows only in the transaction that stored a complete answer.';
comment on column private.source_coverage.lost is 'Stretches that grew too old before they could be asked for.';
comment on column private.source_coverage.wanted_from is
  'How far back history went at the first call. What is neither covered nor to come since then is a gap; null before the first call.';

comment on column private.source_coverage.key_at is
  'When the key in force was entered. IndiaMART holds back leads from before a key was generated, for 24 hours.';
comment on column private.source_coverage.again is
  'Of covered: times before key_at that only answers of the key''s first 24 hours speak of; read again after that.';

create unique index sync_runs_id on public.sync_runs (id);
create index sync_runs_newest on public.sync_runs (org_id, started_at desc, id desc);
create index sync_runs_source on public.sync_runs (org_id, source_id, started_at desc);

alter table public.sync_runs enable row level security;
alter table private.source_coverage enable row level security;
create policy "Members can read the sync log of their organizations"
  on public.sync_runs for select to authenticated
  using (org_id = any (array(select private.my_org_ids())));
grant select (
  org_id, id, source_id, kind, requested_by, started_at, finished_at, window_from, window_to, gap_from, gap_to, outcome,
  http_status, code, is_complete, received, inserted, known, errors, message, reason, suppressed
) on public.sync_runs to authenticated;

create function private.sync_run(run public.sync_runs) returns jsonb
  language sql stable security invoker set search_path = ''
as $$
  select jsonb_build_object('run_id', (sync_run.run).id) || (to_jsonb(sync_run.run) - array['id', 'note', 'min_interval_seconds'])
$$;
comment on function private.sync_run is 'A run as workers and operators see it.';

-- Connecting -----------------------------------------------------------------------------------------------

create function worker.connect_indiamart(org_id uuid, key text, base_url text default null) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_org_id uuid := connect_indiamart.org_id;
  v_key text := btrim(connect_indiamart.key, E' \t\r\n');
  v_hash bytea := sha256(convert_to(v_key, 'UTF8'));
  v_base_url text := nullif(rtrim(connect_indiamart.base_url, '/'), '');
  v_source public.lead_sources;
  v_old_credential uuid;
begin
  perform private.require_organization(v_org_id);
  if coalesce(v_key, '') = '' or length(v_key) > 500 or v_key ~ '[[:space:][:cntrl:]]' then
    raise sqlstate 'PT422' using message = 'This is not an IndiaMART key.', detail = 'key_invalid',
      hint = 'Copy it from seller.indiamart.com: Lead Manager, CRM API.';
  end if;
  if v_base_url !~ '^https?://(localhost|127\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}|\[::1\])(:[0-9]{1,5})?$' then
    raise sqlstate 'PT422' using message = 'Another address than IndiaMART''s must be on this machine.',
      detail = 'base_url_not_loopback', hint = 'Scheme and host only: http://127.0.0.1:8080';
  end if;
  -- Two organizations with one key at once: the second one sees the first.
  perform pg_advisory_xact_lock(hashtextextended('flow.indiamart_key ' || encode(v_hash, 'hex'), 0));
  if exists (select from public.lead_sources s
              where s.key_sha256 = v_hash and s.disconnected_at is null and s.org_id <> v_org_id) then
    raise sqlstate 'PT409' using message = 'Another organization uses this IndiaMART key.', detail = 'key_taken',
      hint = 'Disconnect it there, or generate a key for this account.';
  end if;

  insert into public.lead_sources (org_id, kind, name) values (v_org_id, 'indiamart', 'IndiaMART') on conflict do nothing;
  select s.* into v_source from public.lead_sources s
   where s.org_id = v_org_id and s.kind = 'indiamart' for no key update;
  insert into private.source_coverage (org_id, source_id) values (v_org_id, v_source.id) on conflict do nothing;
  if v_source.key_sha256 = v_hash and v_source.disconnected_at is null and v_source.credential_id is not null then
    update public.lead_sources s set base_url = v_base_url where s.org_id = v_org_id and s.id = v_source.id;
    return jsonb_build_object('source_id', v_source.id);
  end if;

  v_old_credential := v_source.credential_id;
  update public.lead_sources s
     set credential_id = private.put_credential(v_org_id, 'indiamart_key', v_key),
         key_sha256 = v_hash, base_url = v_base_url, is_active = true, disconnected_at = null,
         state = 'ok', state_message = null, failures = 0, backfill_after = null, swept_at = coalesce(s.swept_at, now()),
         -- The interval belongs to the key: whoever called with it last, in whatever organization, counts.
         last_called_at = (select max(o.last_called_at) from public.lead_sources o where o.key_sha256 = v_hash),
         next_allowed_at = (select max(o.next_allowed_at) from public.lead_sources o where o.key_sha256 = v_hash)
   where s.org_id = v_org_id and s.id = v_source.id;
  update private.source_coverage c set key_at = now() where c.org_id = v_org_id and c.source_id = v_source.id;
  perform private.revoke_credential(v_org_id, v_old_credential);
  perform private.audit(v_org_id, 'source.connected', 'lead_source', v_source.id::text, '{"kind": "indiamart"}');
  return jsonb_build_object('source_id', v_source.id);
end;
$$;
comment on function worker.connect_indiamart is
  'Gives an organization''s IndiaMART source a key, the first or a new one; what is covered stays covered. 409 key_taken when another organization holds it. Returns {"source_id"}. Definer: service_role holds no tables.';
grant execute on function worker.connect_indiamart(uuid, text, text) to service_role;

create function worker.indiamart_source(org_id uuid) returns jsonb
  language plpgsql stable security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_source jsonb;
begin
  perform private.require_organization(indiamart_source.org_id);
  select jsonb_build_object(
           'source_id', s.id, 'is_active', s.is_active, 'state', s.state, 'state_message', s.state_message,
           'covered_from', s.covered_from, 'covered_to', s.covered_to, 'backfill_done_at', s.backfill_done_at,
           'last_called_at', s.last_called_at, 'next_allowed_at', s.next_allowed_at,
           'has_key', s.credential_id is not null, 'has_push_token', s.has_push_token)
    into v_source
    from public.lead_sources s where s.org_id = indiamart_source.org_id and s.kind = 'indiamart';
  if v_source is null then
    raise sqlstate 'PT404' using message = 'IndiaMART is not connected.', detail = 'source_not_found';
  end if;
  return v_source;
end;
$$;
comment on function worker.indiamart_source is
  'How an organization''s IndiaMART source stands; 404 when it has none. Definer: service_role holds no tables.';
grant execute on function worker.indiamart_source(uuid) to service_role;

create function private.drop_source(org_id uuid, source_id uuid) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_source public.lead_sources;
begin
  select s.* into v_source from public.lead_sources s
   where s.org_id = drop_source.org_id and s.id = drop_source.source_id for no key update;
  if not found then
    raise sqlstate 'PT404' using message = 'There is no such source of leads.', detail = 'source_not_found';
  end if;
  if v_source.disconnected_at is null then
    update public.sync_runs r
       set finished_at = now(), outcome = 'disconnected', message = 'Disconnected while the call was under way; its answer is thrown away.'
     where r.org_id = v_source.org_id and r.source_id = v_source.id and r.finished_at is null;
    update public.lead_sources s
       set is_active = false, disconnected_at = now(), state = 'disconnected', state_message = null, credential_id = null,
           push_token_sha256 = null, lease_run = null, lease_expires_at = null, requested_at = null, requested_by = null
     where s.org_id = v_source.org_id and s.id = v_source.id;
    perform private.revoke_credential(v_source.org_id, v_source.credential_id);
    perform private.audit(v_source.org_id, 'source.disconnected', 'lead_source', v_source.id::text,
                          jsonb_build_object('kind', v_source.kind));
  end if;
  return jsonb_build_object('source_id', v_source.id, 'disconnected', 1);
end;
$$;
comment on function private.drop_source is
  'Stops calls and pushes in this transaction, blanks the key, throws away the answer of a call under way. Definer: called beneath RLS.';

create function worker.disconnect_source(org_id uuid, source_id uuid) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
begin
  perform private.require_organization(disconnect_source.org_id);
  return private.drop_source(disconnect_source.org_id, disconnect_source.source_id);
end;
$$;
comment on function worker.disconnect_source is 'Disconnects a source for an operator. Definer: service_role holds no tables.';
grant execute on function worker.disconnect_source(uuid, uuid) to service_role;

create function private.disconnect_source(org_id uuid, source_id uuid) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
begin
  perform private.require_role(disconnect_source.org_id, 'admin');
  return private.drop_source(disconnect_source.org_id, disconnect_source.source_id);
end;
$$;
comment on function private.disconnect_source is 'Body of public.disconnect_source. Definer: nobody may write sources directly.';

create function public.disconnect_source(org_id uuid, source_id uuid) returns jsonb
  language sql volatile security invoker set search_path = ''
begin atomic
  select private.disconnect_source(disconnect_source.org_id, disconnect_source.source_id);
end;
comment on function public.disconnect_source is 'Disconnects a source of leads at once; for admins. Leads stay.';
grant execute on function public.disconnect_source(uuid, uuid), private.disconnect_source(uuid, uuid) to authenticated;
