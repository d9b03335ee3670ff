-- 689_erasure_requests.sql: that one person is to be erased: asked for by an admin, taken back within 24 hours; everything to them stops at once.
-- What is done then: 976_erasure_rules.sql, 977_erasing.sql.

alter table public.contacts add column erase_at timestamptz, add column erased_at timestamptz;
comment on column public.contacts.erase_at is 'When they will be erased: a member asked for it, and until then it can be taken back. Null: nobody asked.';
comment on column public.contacts.erased_at is 'When they were erased: the row is a stub that names nobody, and stays one. Null: they were not.';

create table private.erasures (
  org_id       uuid not null,
  id           uuid not null default gen_random_uuid(),
  contact_id   uuid not null,
  requested_by uuid,
  requested_at timestamptz not null default now(),
  erase_at     timestamptz not null default now() + interval '24 hours',
  status       text not null default 'scheduled',
  cancelled_at timestamptz,
  started_at   timestamptz,
  finished_at  timestamptz,
  next_at      timestamptz,
  undo         jsonb,
  pattern      text,
  ids          text[],
  rule         int not null default 0,
  after_at     timestamptz not null default '-infinity',
  after_event  bigint not null default 0,
  is_dirty     boolean not null default false,
  counts       jsonb not null default '{}',
  primary key (org_id, id),
  constraint erasure_is_of_a_contact_of_the_organization foreign key (org_id, contact_id) references public.contacts (org_id, id) on delete cascade,
  constraint erasure_status_is_known check (status in ('scheduled', 'cancelled', 'erasing', 'erased')),
  constraint erasure_ends_as_it_says check ((status = 'cancelled') = (cancelled_at is not null) and (status = 'erased') = (finished_at is not null)),
  constraint erasure_waits_while_it_is_open check ((status in ('scheduled', 'erasing')) = (next_at is not null)),
  constraint erasure_forgets_whom_it_erased check (status = 'erasing' or pattern is null and ids is null)
);
comment on table private.erasures is 'Requests to erase one person: scheduled → erasing → erased, or cancelled within 24 hours. What the person is known by stands here only while it is under way.';
comment on column private.erasures.org_id is 'The organization.';
comment on column private.erasures.id is 'Names the request.';
comment on column private.erasures.contact_id is 'The contact; follows it when it becomes one with another before the erasure begins.';
comment on column private.erasures.requested_by is 'The member who asked. No foreign key: it outlives the membership.';
comment on column private.erasures.requested_at is 'When.';
comment on column private.erasures.erase_at is 'From when on the data goes: until then it can be cancelled.';
comment on column private.erasures.status is 'scheduled, cancelled, erasing or erased.';
comment on column private.erasures.cancelled_at is 'When a member took it back.';
comment on column private.erasures.started_at is 'When the person lost their name, and messages of theirs became a new beginning.';
comment on column private.erasures.finished_at is 'When nothing was left that a rule could find.';
comment on column private.erasures.next_at is 'When the next step is due; null when there is none.';
comment on column private.erasures.undo is 'While it can be cancelled: what was stopped, by id, and what the suppression list said before.';
comment on column private.erasures.pattern is 'While it is under way: a regular expression that finds their numbers, addresses and ids in text; null: they have none.';
comment on column private.erasures.ids is 'While it is under way: their WhatsApp numbers (digits) and user ids, by which webhooks name them.';
comment on column private.erasures.rule is 'The rule that is being applied: all before it have found nothing more.';
comment on column private.erasures.after_at is 'When the last stored webhook that was looked at had come.';
comment on column private.erasures.after_event is 'That webhook.';
comment on column private.erasures.is_dirty is 'Something was found since the rules began from the first: they begin once more.';
comment on column private.erasures.counts is 'Rows done so far, by table; files.';
create unique index contact_is_erased_once on private.erasures (org_id, contact_id) where status <> 'cancelled';
create index erasures_contact on private.erasures (org_id, contact_id);
create index erasures_newest on private.erasures (org_id, requested_at desc);
create index erasures_due on private.erasures (next_at) where next_at is not null;
alter table private.erasures enable row level security;
-- No policies and no grants: public.erasure_of tells members how it stands.

create function private.points_of(org_id uuid, contact_id uuid) returns table (kind text, value text)
  language sql stable security definer set search_path = ''
as $$
  select p.kind, p.value from public.contact_points p where p.org_id = points_of.org_id and p.contact_id = points_of.contact_id
  union select 'phone', l.phone from public.leads l where l.org_id = points_of.org_id and l.contact_id = points_of.contact_id and l.phone is not null
  union select case i.kind when 'wa_id' then 'phone' else 'user_id' end, case i.kind when 'wa_id' then '+' || i.value else i.value end
          from public.contact_identities i where i.org_id = points_of.org_id and i.contact_id = points_of.contact_id
  union select x.kind, x.value from public.contacts c
          cross join lateral (values ('phone', c.phone), ('phone', '+' || c.wa_id), ('email', c.email), ('user_id', c.user_id), ('user_id', c.parent_user_id)) x (kind, value)
         where c.org_id = points_of.org_id and c.id = points_of.contact_id and x.value is not null
$$;
comment on function private.points_of is 'All that a contact is or was known by: kind phone (E.164), email or user_id. Definer: called beneath RLS.';

------------------------------------------------------------------------------------------------
-- Asking
------------------------------------------------------------------------------------------------
create function private.erasure_as_told(erasure private.erasures) returns jsonb
  language sql stable set search_path = ''
as $$
  select case when (erasure).id is not null then jsonb_build_object(
    'erasure_id', (erasure).id, 'contact_id', (erasure).contact_id, 'status', (erasure).status, 'requested_at', (erasure).requested_at, 'requested_by', (erasure).requested_by,
    'erase_at', (erasure).erase_at, 'started_at', (erasure).started_at, 'finished_at', (erasure).finished_at, 'may_cancel', (erasure).status = 'scheduled', 'counts', (erasure).counts) end
$$;
comment on function private.erasure_as_told is 'A request as members see it; null when there is none.';

create function private.hold_for_erasing(org_id uuid, contact_id uuid) returns public.contacts
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_contact public.contacts;
begin
  perform private.require_role(hold_for_erasing.org_id, 'admin');
  perform private.hold_people(hold_for_erasing.org_id, array[hold_for_erasing.contact_id]);
  select c.* into v_contact from public.contacts c where c.org_id = hold_for_erasing.org_id and c.id = hold_for_erasing.contact_id;
  if not found then
    raise sqlstate 'PT404' using message = 'There is no such contact.', detail = 'contact_unknown', hint = 'Reload the page.';
  end if;
  return v_contact;
end;
$$;
comment on function private.hold_for_erasing is 'The contact, for an admin; until the transaction ends nothing of it arrives or leaves. Raises PT403, PT404.';

create function private.stop_outreach(org_id uuid, contact_id uuid, words text) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_threads uuid[] := array(select c.id from public.conversations c where c.org_id = stop_outreach.org_id and c.contact_id = stop_outreach.contact_id order by c.id);
  v_undo    jsonb;
begin
  -- Lanes, then messages. What is under way at Meta cannot be called back; what nobody knows the fate of is not sent again.
  perform from private.send_lanes l where l.org_id = stop_outreach.org_id and l.conversation_id = any (v_threads) order by l.conversation_id for update;
  update public.messages m set status = 'cancelled', error_message = stop_outreach.words
   where m.org_id = stop_outreach.org_id and m.conversation_id = any (v_threads) and m.status = 'queued';
  update private.send_lanes l set next_at = null where l.org_id = stop_outreach.org_id and l.conversation_id = any (v_threads) and l.lease is null;
  with stopped as (
    update public.scheduled_messages s set status = 'cancelled', problem = stop_outreach.words, settled_at = now()
     where s.org_id = stop_outreach.org_id and s.conversation_id = any (v_threads) and s.status = 'waiting' returning s.id),
  left_sequences as (
    update public.sequence_enrollments e set state = 'stopped', reason = stop_outreach.words, ended_at = now()
     where e.org_id = stop_outreach.org_id and e.contact_id = stop_outreach.contact_id and e.state = 'active' returning e.id),
  skipped as (
    update public.broadcast_recipients r set outcome = 'skipped', reason = 'cancelled', words = stop_outreach.words
     where r.org_id = stop_outreach.org_id and r.contact_id = stop_outreach.contact_id and r.outcome = 'waiting' returning r.broadcast_id)
  select jsonb_build_object('scheduled', (select coalesce(jsonb_agg(s.id), '[]') from stopped s), 'enrollments', (select coalesce(jsonb_agg(e.id), '[]') from left_sequences e),
                            'broadcasts', (select coalesce(jsonb_agg(r.broadcast_id), '[]') from skipped r)) into v_undo;
  return v_undo;
end;
$$;
comment on function private.stop_outreach is 'Nothing that waits goes to a contact any more: queued messages are cancelled for good, scheduled ones, sequences and broadcasts until private.cancel_erasure. Returns their ids.';

create function private.erase_contact(org_id uuid, contact_id uuid) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_contact public.contacts := private.hold_for_erasing(erase_contact.org_id, erase_contact.contact_id);
  v_erasure private.erasures;
  v_points  record;
  v_undo    jsonb;
begin
  select e.* into v_erasure from private.erasures e where e.org_id = v_contact.org_id and e.contact_id = v_contact.id and e.status <> 'cancelled';
  if found and v_erasure.status = 'scheduled' then
    return private.erasure_as_told(v_erasure);         -- the second of two who ask at once
  elsif found then
    perform private.raise_erased();
  elsif private.is_held(v_contact.org_id, v_contact.id) then
    raise sqlstate 'PT409' using message = 'A legal hold says that this must be kept.', detail = 'legal_hold', hint = 'See Keeping data, in the settings.';
  end if;
  v_undo := private.stop_outreach(v_contact.org_id, v_contact.id, 'This person is to be erased');
  select array_agg(p.kind) as kinds, array_agg(p.value) as given,
         array_agg(private.suppression_hash(private.suppression_key(), v_contact.org_id, p.kind, p.value)) as hashes
    into v_points from private.points_of(v_contact.org_id, v_contact.id) p;
  v_undo := v_undo || jsonb_build_object('opted_out_at', v_contact.opted_out_at,
    'suppressions', (select coalesce(jsonb_agg(to_jsonb(s)), '[]') from private.suppressions s where s.org_id = v_contact.org_id and s.hash = any (v_points.hashes)),
    'merges', (select coalesce(jsonb_agg(m.id), '[]') from public.contact_merges m
                where m.org_id = v_contact.org_id and m.survivor_id = v_contact.id and m.undone_at is null and m.closed_at is null));
  perform private.suppress_points(v_contact.org_id, v_contact.id, v_points.kinds, v_points.given);
  update public.contact_merges m set closed_at = now(), closed_for = 'erased'
   where m.org_id = v_contact.org_id and m.id in (select i::uuid from jsonb_array_elements_text(v_undo -> 'merges') i);
  insert into private.erasures (org_id, contact_id, requested_by, undo, next_at) values (v_contact.org_id, v_contact.id, auth.uid(), v_undo, now() + interval '24 hours')
  returning * into v_erasure;
  update public.contacts c set erase_at = v_erasure.erase_at, opted_out_at = coalesce(c.opted_out_at, now()) where c.org_id = v_contact.org_id and c.id = v_contact.id;
  perform private.audit(v_contact.org_id, 'contact.erasure_requested', 'contact', v_contact.id::text);
  return private.erasure_as_told(v_erasure);
end;
$$;
comment on function private.erase_contact is 'Body of public.erase_contact. Definer: stops what nobody may stop directly.';

create function private.cancel_erasure(org_id uuid, contact_id uuid) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_contact public.contacts := private.hold_for_erasing(cancel_erasure.org_id, cancel_erasure.contact_id);
  v_erasure private.erasures;
begin
  select e.* into v_erasure from private.erasures e where e.org_id = v_contact.org_id and e.contact_id = v_contact.id and e.status <> 'cancelled' for update;
  if not found then
    raise sqlstate 'PT409' using message = 'Nobody has asked to erase this person.', detail = 'erasure_unknown', hint = 'Reload the page.';
  elsif v_erasure.status <> 'scheduled' then
    perform private.raise_erased();
  end if;
  update public.scheduled_messages s set status = 'waiting', problem = null, settled_at = null
   where s.org_id = v_contact.org_id and s.status = 'cancelled' and s.send_at > now() and s.id in (select i::uuid from jsonb_array_elements_text(v_erasure.undo -> 'scheduled') i);
  -- What had asked to stop before had stopped before.
  update public.contacts c set erase_at = null, opted_out_at = (v_erasure.undo ->> 'opted_out_at')::timestamptz where c.org_id = v_contact.org_id and c.id = v_contact.id;
  if exists (select from public.consent_events e where e.org_id = v_contact.org_id and e.contact_id = v_contact.id and e.created_at > v_erasure.requested_at) then
    perform private.settle_consent(v_contact.org_id, v_contact.id);
  end if;
  update public.sequence_enrollments e set state = 'active', reason = null, ended_at = null
    from public.contacts c
   where e.org_id = v_contact.org_id and e.state = 'stopped' and e.id in (select i::uuid from jsonb_array_elements_text(v_erasure.undo -> 'enrollments') i)
     and c.org_id = e.org_id and c.id = e.contact_id and c.opted_out_at is null
     and not exists (select from public.sequence_enrollments o where o.org_id = e.org_id and o.sequence_id = e.sequence_id and o.contact_id = e.contact_id and o.state = 'active');
  update public.broadcast_recipients r set outcome = 'waiting', reason = null, words = null
    from public.broadcasts b
   where r.org_id = v_contact.org_id and r.contact_id = v_contact.id and r.outcome = 'skipped' and b.org_id = r.org_id and b.id = r.broadcast_id and b.ended_at is null
     and r.broadcast_id in (select i::uuid from jsonb_array_elements_text(v_erasure.undo -> 'broadcasts') i);
  update public.contact_merges m set closed_at = null, closed_for = null
   where m.org_id = v_contact.org_id and m.closed_for = 'erased' and m.id in (select i::uuid from jsonb_array_elements_text(v_erasure.undo -> 'merges') i);
  delete from private.suppressions s where s.org_id = v_contact.org_id and s.person_id = v_contact.id and s.suppressed_at = v_erasure.requested_at;
  insert into private.suppressions select s.* from jsonb_populate_recordset(null::private.suppressions, v_erasure.undo -> 'suppressions') s
      on conflict (org_id, hash) do nothing;
  update private.erasures e set status = 'cancelled', cancelled_at = now(), next_at = null, undo = null where e.org_id = v_erasure.org_id and e.id = v_erasure.id
  returning * into v_erasure;
  perform private.audit(v_contact.org_id, 'contact.erasure_cancelled', 'contact', v_contact.id::text);
  return private.erasure_as_told(v_erasure);
end;
$$;
comment on function private.cancel_erasure is 'Body of public.cancel_erasure. Definer: restores what nobody may write directly.';

create function private.raise_erased() returns void
  language plpgsql immutable security invoker set search_path = ''
as $$
begin
  raise sqlstate 'PT409' using message = 'This person was erased.', detail = 'contact_erased', hint = 'Nothing can be written to them or kept of them here. If they write again, they are met as somebody new.';
end;
$$;
comment on function private.raise_erased is 'Raises PT409 contact_erased.';

create function private.refuse_erasing(org_id uuid, contact_ids uuid[]) returns void
  language plpgsql stable security definer set search_path = ''
as $$
#variable_conflict use_column
begin
  if exists (select from public.contacts c where c.org_id = refuse_erasing.org_id and c.id = any (refuse_erasing.contact_ids) and c.erased_at is not null) then
    perform private.raise_erased();
  elsif exists (select from public.contacts c where c.org_id = refuse_erasing.org_id and c.id = any (refuse_erasing.contact_ids) and c.erase_at is not null) then
    raise sqlstate 'PT409' using message = 'This person is about to be erased.', detail = 'contact_to_be_erased', hint = 'An administrator can take the erasure back on the page of their lead.';
  end if;
end;
$$;
comment on function private.refuse_erasing is 'Raises PT409 contact_to_be_erased or contact_erased when one of these contacts is. Definer: called beneath RLS.';

create function private.tg_contacts__stay_erased() returns trigger
  language plpgsql volatile security definer set search_path = ''
as $$
begin
  if (new.name, new.erased_at) is distinct from (old.name, old.erased_at) or new.custom <> '{}'
     or num_nonnulls(new.phone, new.phone_given, new.email, new.company, new.address, new.city, new.state, new.pincode, new.wa_id, new.user_id, new.username) > 0 then
    perform private.raise_erased();
  end if;
  return new;
end;
$$;
comment on function private.tg_contacts__stay_erased is 'Nobody writes a name or number into a stub. Raises PT409 contact_erased.';
create trigger contacts_stay_erased before update on public.contacts
  for each row when (old.erased_at is not null) execute function private.tg_contacts__stay_erased();

------------------------------------------------------------------------------------------------
-- The doors
------------------------------------------------------------------------------------------------
create function public.erase_contact(org_id uuid, contact_id uuid) returns jsonb
  language sql volatile set search_path = ''
begin atomic
  select private.erase_contact(org_id, contact_id);
end;
comment on function public.erase_contact is
  'Asks to erase a person, with all who were made one with them: nothing goes to them from now on, no file or source brings them back, and after 24 hours all that tells of them goes. Admins. Asked twice: the first request. '
  'Returns {erasure_id, contact_id, status, requested_at, requested_by, erase_at, started_at, finished_at, may_cancel, counts}. Raises PT403, PT404 contact_unknown, PT409 contact_erased.';

create function public.cancel_erasure(org_id uuid, contact_id uuid) returns jsonb
  language sql volatile set search_path = ''
begin atomic
  select private.cancel_erasure(org_id, contact_id);
end;
comment on function public.cancel_erasure is
  'Takes an erasure back before it begins: scheduled messages whose time is still to come, sequences, broadcasts, consent and the suppression list are as they were; messages that were in the outbox stay cancelled. Admins. '
  'Returns as public.erase_contact. Raises PT403, PT404 contact_unknown, PT409 erasure_unknown, contact_erased.';

create function private.erasure_of(org_id uuid, contact_id uuid) returns jsonb
  language plpgsql stable security definer set search_path = ''
as $$
#variable_conflict use_column
begin
  perform private.require_role(erasure_of.org_id, 'agent');
  if not exists (select from public.contacts c where c.org_id = erasure_of.org_id and c.id = erasure_of.contact_id) then
    raise sqlstate 'PT404' using message = 'There is no such contact.', detail = 'contact_unknown', hint = 'Reload the page.';
  end if;
  return (select private.erasure_as_told(e) from private.erasures e
           where e.org_id = erasure_of.org_id and e.contact_id = erasure_of.contact_id and e.status <> 'cancelled');
end;
$$;
comment on function private.erasure_of is 'Body of public.erasure_of. Definer: requests are in a closed table.';
create function public.erasure_of(org_id uuid, contact_id uuid) returns jsonb
  language sql stable set search_path = ''
begin atomic
  select private.erasure_of(org_id, contact_id);
end;
comment on function public.erasure_of is 'How the erasure of a contact stands, as public.erase_contact returns it; null when nobody has asked for one. Members. Raises PT404 contact_unknown.';

create function private.list_erasures(org_id uuid) returns jsonb
  language plpgsql stable security definer set search_path = ''
as $$
#variable_conflict use_column
begin
  perform private.require_role(list_erasures.org_id, 'admin');
  return jsonb_build_object('items', (
    select coalesce(jsonb_agg(private.erasure_as_told(e) || jsonb_build_object('lead_id',
             (select l.id from public.leads l where l.org_id = e.org_id and l.contact_id = e.contact_id order by l.received_at desc limit 1)) order by e.requested_at desc), '[]')
      from (select x.* from private.erasures x where x.org_id = list_erasures.org_id order by x.requested_at desc limit 100) e));
end;
$$;
comment on function private.list_erasures is 'Body of public.list_erasures. Definer: requests are in a closed table.';
create function public.list_erasures(org_id uuid) returns jsonb
  language sql stable set search_path = ''
begin atomic
  select private.list_erasures(org_id);
end;
comment on function public.list_erasures is 'The newest 100 requests to erase a person: {items: [as public.erase_contact, with lead_id: the newest lead of theirs]}. Admins.';
grant execute on function private.erase_contact, public.erase_contact, private.cancel_erasure, public.cancel_erasure, private.erasure_of, public.erasure_of,
  private.list_erasures, public.list_erasures to authenticated;
