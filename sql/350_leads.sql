-- 350_leads.sql: enquiries, where they came from, the stages they pass and what was done with them.

-- Tables ---------------------------------------------------------------------------------------------------

create table public.pipeline_stages (
  org_id    uuid not null references public.organizations on delete restrict,
  id        uuid not null default gen_random_uuid(),
  name      text not null,
  position  int not null,
  kind      text not null default 'open',
  primary key (org_id, id),
  constraint stage_name_has_1_to_60_characters check (name = btrim(name) and length(name) between 1 and 60),
  constraint stage_kind_is_known check (kind in ('open', 'won', 'lost'))
);
comment on table public.pipeline_stages is 'The stages of an organization''s pipelines (371_pipelines.sql). Every new organization starts with six.';
comment on column public.pipeline_stages.org_id is 'The organization.';
comment on column public.pipeline_stages.id is 'What leads.stage_id names.';
comment on column public.pipeline_stages.name is 'Shown at the head of the column.';
comment on column public.pipeline_stages.position is 'Order on the board; new leads start in the lowest open stage.';
comment on column public.pipeline_stages.kind is 'open while there is work to do; won and lost end it.';

create table public.lead_sources (
  org_id                   uuid not null references public.organizations on delete restrict,
  id                       uuid not null default gen_random_uuid(),
  kind                     text not null,
  name                     text not null,
  is_active                boolean not null default true,
  base_url                 text,
  created_at               timestamptz not null default now(),
  disconnected_at          timestamptz,
  state                    text not null default 'ok',
  state_message            text,
  covered_from             timestamptz,
  covered_to               timestamptz,
  backfill_done_at         timestamptz,
  last_called_at           timestamptz,
  next_allowed_at          timestamptz,
  requested_at             timestamptz,
  requested_by             uuid,
  credential_id            uuid,
  key_sha256               bytea,
  push_token_sha256        bytea,
  has_push_token           boolean generated always as (push_token_sha256 is not null) stored,
  live_at                  timestamptz,
  live_window_seconds      int,
  backfill_window_seconds  int,
  backfill_after           timestamptz,
  swept_at                 timestamptz,
  last_turn                text,
  failures                 int not null default 0,
  lease_run                uuid,
  lease_expires_at         timestamptz,
  push_token_at            timestamptz,
  primary key (org_id, id),
  foreign key (org_id, credential_id) references private.credentials (org_id, id) on delete set null (credential_id),
  constraint source_kind_is_known check (kind in ('indiamart', 'sheet', 'upload', 'manual', 'form', 'whatsapp', 'api')),
  constraint source_state_is_known check (
    state in ('ok', 'rate_limited', 'blocked', 'key_rejected', 'key_unreadable', 'bad_request', 'failing', 'disconnected',
              'access_lost', 'needs_mapping', 'header_changed', 'too_large')),
  constraint source_base_url_is_loopback check (
    base_url ~ '^https?://(localhost|127\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}|\[::1\])(:[0-9]{1,5})?$'),
  constraint source_lease_has_an_end check ((lease_run is null) = (lease_expires_at is null))
);
comment on table public.lead_sources is 'Where leads come from. Also the cursor, the lease and the clock of what is fetched: one row, so that one lock decides.';
comment on column public.lead_sources.org_id is 'The organization.';
comment on column public.lead_sources.id is 'What leads.source_id names.';
comment on column public.lead_sources.kind is 'indiamart is fetched and pushed; manual is typed; whatsapp are people who wrote first; api is posted with a key; a form is the organization''s own.';
comment on column public.lead_sources.name is 'Shown to people.';
comment on column public.lead_sources.is_active is 'False stops fetching and refuses pushes.';
comment on column public.lead_sources.base_url is 'Another scheme and host than INDIAMART_URL; loopback only, for the sandbox and tests.';
comment on column public.lead_sources.created_at is 'When it was first connected.';
comment on column public.lead_sources.disconnected_at is 'When somebody disconnected it; null while connected. Connecting again clears it.';
comment on column public.lead_sources.state is 'How the last call ended, as far as it needs somebody''s attention.';
comment on column public.lead_sources.state_message is 'A sentence for the owner; null when all is well. Never the provider''s own words.';
comment on column public.lead_sources.covered_from is 'From here to covered_to every lead is known to be stored.';
comment on column public.lead_sources.covered_to is 'End of what is completely stored; null before the first complete answer.';
comment on column public.lead_sources.backfill_done_at is 'When history was first complete back to the provider''s limit; null until then.';
comment on column public.lead_sources.last_called_at is 'Stamped before each call, whoever asked for it.';
comment on column public.lead_sources.next_allowed_at is 'Nobody may call before this.';
comment on column public.lead_sources.requested_at is 'A person asked for a sync that has not begun yet.';
comment on column public.lead_sources.requested_by is 'That person.';
comment on column public.lead_sources.credential_id is 'The key, encrypted, in private.credentials; null for sources without one.';
comment on column public.lead_sources.key_sha256 is 'Recognizes a key that another organization holds; kept after a disconnect so that the interval still binds.';
comment on column public.lead_sources.push_token_sha256 is 'Hash of the token in the push address; null while push is not set up.';
comment on column public.lead_sources.has_push_token is 'Whether push is set up.';
comment on column public.lead_sources.live_at is 'Where the next live window begins, before its overlap; null before the first call.';
comment on column public.lead_sources.live_window_seconds is 'Halved after an answer that left rows out; null is the longest window allowed.';
comment on column public.lead_sources.backfill_window_seconds is 'The same for windows of history.';
comment on column public.lead_sources.backfill_after is 'History is not asked for before this; null is at once.';
comment on column public.lead_sources.swept_at is
  'When late leads were last looked for: every time up to six days before it has been read again, six days after it or later.';
comment on column public.lead_sources.last_turn is 'live, backfill or sweep: they take turns.';
comment on column public.lead_sources.failures is 'Failed calls in a row; decides how long to wait.';
comment on column public.lead_sources.lease_run is 'The run that is under way; null when none is.';
comment on column public.lead_sources.lease_expires_at is 'After this the run counts as lost.';
comment on column public.lead_sources.push_token_at is 'Since when the push address in force may be pasted at the provider.';

create table public.leads (
  org_id             uuid not null references public.organizations on delete restrict,
  id                 uuid not null default gen_random_uuid(),
  contact_id         uuid not null,
  source_id          uuid not null,
  source_kind        text not null,
  external_id        text not null,
  lead_type          text,
  stage_id           uuid not null,
  owner_id           uuid,
  title              text,
  product            text,
  message            text,
  phone              text,
  received_at        timestamptz not null default now(),
  received_at_given  text,
  greet_requested    boolean,
  problems           text[] not null default '{}',
  version            int not null default 1,
  created_at         timestamptz not null default now(),
  updated_at         timestamptz not null default now(),
  raw                jsonb not null default '{}',
  primary key (org_id, id),
  foreign key (org_id, contact_id) references public.contacts (org_id, id) on delete restrict,
  foreign key (org_id, source_id) references public.lead_sources (org_id, id) on delete restrict,
  foreign key (org_id, stage_id) references public.pipeline_stages (org_id, id) on delete restrict,
  foreign key (org_id, owner_id) references public.memberships (org_id, user_id) on delete set null (owner_id),
  constraint lead_is_stored_once_per_source unique (org_id, source_id, external_id),
  constraint lead_external_id_has_1_to_200_characters check (length(external_id) between 1 and 200)
);
comment on table public.leads is 'One enquiry. The same buyer asking again is a new row on the same contact.';
comment on column public.leads.org_id is 'The organization.';
comment on column public.leads.id is 'Ours; the source''s own id is external_id.';
comment on column public.leads.contact_id is 'Who enquired.';
comment on column public.leads.source_id is 'Where it came from.';
comment on column public.leads.source_kind is 'Kind of that source.';
comment on column public.leads.external_id is 'The source''s id: an enquiry is stored once however often and by whatever way it arrives.';
comment on column public.leads.lead_type is 'As the source says. IndiaMART: W direct, P call, WA WhatsApp, B bought lead, BIZ catalogue view; anything else as sent.';
comment on column public.leads.stage_id is 'Where it stands in the pipeline.';
comment on column public.leads.owner_id is 'The member who works it; null when nobody does, or the member has left.';
comment on column public.leads.title is 'The source''s subject line.';
comment on column public.leads.product is 'What was asked for.';
comment on column public.leads.message is 'The buyer''s words, as plain text; as given in raw.';
comment on column public.leads.phone is 'E.164 number that this enquiry gave; the contact''s may have been corrected since.';
comment on column public.leads.received_at is 'When the buyer enquired; when it reached Flow if the source did not say so readably.';
comment on column public.leads.received_at_given is 'The time as the source wrote it.';
comment on column public.leads.greet_requested is 'true: greet, whatever the settings; false: never; null: as the settings say.';
comment on column public.leads.problems is 'What somebody should look at: unreachable, phone_invalid, received_at_unreadable, conflicting_copy, …';
comment on column public.leads.version is 'Grows with each change by a person; a change that names another version is refused.';
comment on column public.leads.created_at is 'When Flow stored it.';
comment on column public.leads.updated_at is 'Last change.';
comment on column public.leads.raw is 'The whole object as the source sent it.';

create table public.lead_activities (
  org_id   uuid not null references public.organizations on delete restrict,
  id       bigint generated always as identity,
  lead_id  uuid not null,
  at       timestamptz not null default now(),
  actor    uuid,
  kind     text not null,
  details  jsonb not null default '{}',
  primary key (org_id, id),
  foreign key (org_id, lead_id) references public.leads (org_id, id) on delete restrict,
  constraint activity_kind_is_a_word check (kind ~ '^[a-z_]{1,40}$')
);
comment on table public.lead_activities is 'What happened to a lead, in order. Written by functions only.';
comment on column public.lead_activities.org_id is 'The organization.';
comment on column public.lead_activities.id is 'Grows with time.';
comment on column public.lead_activities.lead_id is 'The lead.';
comment on column public.lead_activities.at is 'When.';
comment on column public.lead_activities.actor is 'The person who did it; null when Flow did.';
comment on column public.lead_activities.kind is 'received, moved, assigned, noted, conflicting_copy, greeted, …';
comment on column public.lead_activities.details is 'What the kind needs: from and to stage, the text of a note, the other copy.';

-- Kinds of which an organization has one source; looked up by it, made by it once.
create unique index lead_sources_one_of_a_kind on public.lead_sources (org_id, kind) where kind in ('indiamart', 'manual', 'whatsapp', 'api');
create unique index lead_sources_key on public.lead_sources (key_sha256) where disconnected_at is null;
create unique index lead_sources_push_token on public.lead_sources (push_token_sha256);
create index lead_sources_due on public.lead_sources (next_allowed_at) where is_active and kind = 'indiamart';
create index lead_sources_credential on public.lead_sources (org_id, credential_id);
create index leads_newest on public.leads (org_id, received_at desc, id desc);
create index leads_contact on public.leads (org_id, contact_id, received_at desc);
create index leads_owner on public.leads (org_id, owner_id, received_at desc, id desc);
create index lead_activities_lead on public.lead_activities (org_id, lead_id, id desc);

-- Row level security and grants ----------------------------------------------------------------------------

alter table public.pipeline_stages enable row level security;
alter table public.lead_sources enable row level security;
alter table public.leads enable row level security;
alter table public.lead_activities enable row level security;

create policy "Members can read the stages of their organizations"
  on public.pipeline_stages for select to authenticated
  using (org_id = any (array(select private.my_org_ids())));
create policy "Admins can rename and reorder stages"
  on public.pipeline_stages for update to authenticated
  using (org_id = any (array(select private.my_org_ids_as('admin', 'owner'))))
  with check (org_id = any (array(select private.my_org_ids_as('admin', 'owner'))));
create policy "Members can read the sources of their organizations"
  on public.lead_sources for select to authenticated
  using (org_id = any (array(select private.my_org_ids())));
create policy "Members can read the leads of their organizations"
  on public.leads for select to authenticated
  using (org_id = any (array(select private.my_org_ids())));
create policy "Members can read what happened to their leads"
  on public.lead_activities for select to authenticated
  using (org_id = any (array(select private.my_org_ids())));

grant select on public.pipeline_stages, public.leads, public.lead_activities to authenticated;
grant update (name, position) on public.pipeline_stages to authenticated;
-- Hashes, leases and the credential's id are nobody's business.
grant select (
  org_id, id, kind, name, is_active, base_url, created_at, disconnected_at, state, state_message, covered_from, covered_to,
  backfill_done_at, last_called_at, next_allowed_at, requested_at, requested_by, has_push_token
) on public.lead_sources to authenticated;

create trigger leads_touch
  before update on public.leads
  for each row execute function private.touch_updated_at();

-- Sources that Flow makes itself ------------------------------------------------------------------------------

create function private.own_source(org_id uuid, kind text) returns uuid
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_id uuid;
begin
  if own_source.kind not in ('manual', 'whatsapp', 'api') then
    raise sqlstate 'PT422' using message = 'Only manual, whatsapp and api are sources that Flow makes itself.', detail = 'bad_source_kind';
  end if;
  loop
    select s.id into v_id from public.lead_sources s where s.org_id = own_source.org_id and s.kind = own_source.kind;
    exit when found;
    insert into public.lead_sources (org_id, kind, name)
    values (own_source.org_id, own_source.kind, case own_source.kind when 'manual' then 'Added by hand' when 'api' then 'API' else 'WhatsApp' end)
        on conflict do nothing;
  end loop;
  return v_id;
end;
$$;
comment on function private.own_source is
  'The source for leads typed by hand (manual), begun by a message (whatsapp) or posted with a key (api), made when first needed. Definer: called beneath RLS.';
