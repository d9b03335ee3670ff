-- 955_sequence_sending.sql: who comes into a sequence by themselves, what a step waits for, and everything that ends it.

------------------------------------------------------------------------------------------------
-- In
------------------------------------------------------------------------------------------------
create function private.enroll(org_id uuid, sequence_id uuid, contact_id uuid, lead_id uuid, enrolled_by uuid) returns void
  language sql volatile security definer set search_path = ''
as $$
  insert into public.sequence_enrollments (org_id, sequence_id, contact_id, lead_id, enrolled_by, due_at)
  select k.org_id, k.sequence_id, enroll.contact_id, enroll.lead_id, enroll.enrolled_by, now() + k.wait
    from public.sequence_steps k where k.org_id = enroll.org_id and k.sequence_id = enroll.sequence_id and k.position = 1
  on conflict (org_id, sequence_id, contact_id) where state = 'active' do nothing
$$;
comment on function private.enroll is 'Puts a contact into a sequence, unless they are in it. Checks nothing: callers do.';

create function private.lead_is_closed(org_id uuid, lead_id uuid) returns boolean
  language sql stable security definer set search_path = ''
as $$
  select exists (select from public.leads l join public.pipeline_stages s on (s.org_id, s.id) = (l.org_id, l.stage_id)
                  where l.org_id = lead_is_closed.org_id and l.id = lead_is_closed.lead_id and s.kind <> 'open')
$$;
comment on function private.lead_is_closed is 'Whether a lead is won or lost; false for none.';

create function private.tg_leads__enrolls() returns trigger
  language plpgsql volatile security definer set search_path = ''
as $$
begin
  -- As greetings: not what nobody wanted greeted, nor catalogue views, nor old enquiries; of a sheet or a file only when that was ticked.
  perform private.enroll(n.org_id, s.id, n.contact_id, n.id, null)
     from new_leads n
     join public.sequences s on s.org_id = n.org_id and s.source_id = n.source_id and s.is_on
     join public.contacts c on c.org_id = n.org_id and c.id = n.contact_id and c.opted_out_at is null
     left join public.greeting_settings g on g.org_id = n.org_id
    where n.greet_requested is distinct from false and n.lead_type is distinct from 'BIZ'
      and (n.greet_requested or n.source_kind not in ('sheet', 'upload') and n.received_at >= now() - coalesce(g.max_lead_age, interval '7 days'))
      and num_nonnulls(c.wa_id, c.phone, c.user_id) > 0;
  return null;
end;
$$;
comment on function private.tg_leads__enrolls is 'New leads of a source come into its sequences, as greetings choose them.';
create trigger leads_are_enrolled after insert on public.leads referencing new table as new_leads
  for each statement execute function private.tg_leads__enrolls();

------------------------------------------------------------------------------------------------
-- Out
------------------------------------------------------------------------------------------------
create function private.tg_messages__stop_sequences() returns trigger
  language plpgsql volatile security definer set search_path = '' set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off
as $$
begin
  if exists (select from new_messages n where n.direction = 'inbound' and n.imported_at is null) then
    update public.sequence_enrollments e set state = 'stopped', reason = 'They have replied', ended_at = now()
      from (select i.org_id, i.contact_id, max(i.at) as at from new_messages i where i.direction = 'inbound' and i.imported_at is null group by 1, 2) n
     where e.org_id = n.org_id and e.contact_id = n.contact_id and e.state = 'active' and n.at >= date_trunc('second', e.started_at);
  end if;
  return null;
end;
$$;
comment on function private.tg_messages__stop_sequences is 'Whatever a person writes ends their sequences.';
create trigger messages_stop_sequences after insert on public.messages referencing new table as new_messages
  for each statement execute function private.tg_messages__stop_sequences();

create function private.tg_contacts__stop_sequences() returns trigger
  language plpgsql volatile security definer set search_path = ''
as $$
begin
  update public.sequence_enrollments e set state = 'stopped', reason = 'They asked not to receive messages', ended_at = now()
   where e.org_id = new.org_id and e.contact_id = new.id and e.state = 'active';
  return null;
end;
$$;
comment on function private.tg_contacts__stop_sequences is 'Who opts out is in no sequence any more.';
create trigger contacts_stop_sequences after update of opted_out_at on public.contacts
  for each row when (old.opted_out_at is null and new.opted_out_at is not null) execute function private.tg_contacts__stop_sequences();

create function private.tg_leads__stop_sequences() returns trigger
  language plpgsql volatile security definer set search_path = ''
as $$
begin
  if private.lead_is_closed(new.org_id, new.id) then
    update public.sequence_enrollments e set state = 'stopped', reason = 'The lead was won or lost', ended_at = now()
     where e.org_id = new.org_id and e.contact_id = new.contact_id and e.state = 'active' and (e.lead_id = new.id or e.lead_id is null);
  end if;
  return null;
end;
$$;
comment on function private.tg_leads__stop_sequences is 'A lead that is won or lost ends its sequences, and those of its contact that are about no lead.';
create trigger leads_stop_sequences after update of stage_id on public.leads
  for each row when (old.stage_id is distinct from new.stage_id) execute function private.tg_leads__stop_sequences();

create function private.tg_messages__takes_back_its_step() returns trigger
  language plpgsql volatile security definer set search_path = ''
as $$
begin
  update public.sequence_enrollments e
     set next_step = e.next_step - 1, attempt = e.attempt + 1, message_id = null, due_at = now() + interval '1 hour', problem = coalesce(new.error_message, 'Something stopped it')
   where e.org_id = new.org_id and e.message_id = new.id and e.state = 'active';
  return null;
end;
$$;
comment on function private.tg_messages__takes_back_its_step is 'A step that was stopped before it left (a cap, the wallet, a disconnect) is tried again in an hour.';
create trigger messages_take_back_their_step after update of status on public.messages
  for each row when (new.origin = 'sequence' and new.status = 'cancelled' and old.status <> 'cancelled')
  execute function private.tg_messages__takes_back_its_step();

create function private.merge_sequences(org_id uuid, kept uuid, gone uuid) returns void
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
begin
  update public.sequence_enrollments e set state = 'stopped', reason = 'The same person is in this sequence already', ended_at = now()
   where e.org_id = merge_sequences.org_id and e.contact_id = merge_sequences.gone and e.state = 'active'
     and exists (select from public.sequence_enrollments k where k.org_id = e.org_id and k.sequence_id = e.sequence_id
                    and k.contact_id = merge_sequences.kept and k.state = 'active');
  update public.sequence_enrollments e set contact_id = merge_sequences.kept where e.org_id = merge_sequences.org_id and e.contact_id = merge_sequences.gone;
end;
$$;
comment on function private.merge_sequences is 'Two contacts become one: in a sequence that both are in, the older contact goes on.';

------------------------------------------------------------------------------------------------
-- Steps
------------------------------------------------------------------------------------------------
create function private.step_obstacle(enrollment public.sequence_enrollments, contact public.contacts) returns text
  language plpgsql stable security definer set search_path = ''
as $$
begin
  return case
    when not exists (select from public.organizations o where o.id = (enrollment).org_id and o.deleted_at is null) then 'The organization was deleted'
    when (contact).opted_out_at is not null then 'They asked not to receive messages'
    when exists (select from public.messages m where m.contact_id = (contact).id and m.org_id = (contact).org_id and m.direction = 'inbound'
                    and m.at >= date_trunc('second', (enrollment).started_at)) then 'They have replied'
    when private.lead_is_closed((enrollment).org_id, (enrollment).lead_id) then 'The lead was won or lost' end;
end;
$$;
comment on function private.step_obstacle is 'Why a sequence ends rather than send its next step, in words; null: it goes on. Asked again at each step, whatever was told before.';

create function private.release_step(enrollment public.sequence_enrollments) returns boolean
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_contact public.contacts;
  v_step    public.sequence_steps;
  v_number  public.whatsapp_numbers;
  v_words   text;
  v_at      timestamptz := private.after_quiet_hours((enrollment).org_id, now());
  v_thread  uuid;
  v_id      bigint;
begin
  select c.* into v_contact from public.contacts c where c.org_id = (enrollment).org_id and c.id = (enrollment).contact_id for no key update skip locked;
  if not found then
    return false;                  -- somebody is busy with them: again in two seconds
  end if;
  select k.* into v_step from public.sequence_steps k
   where k.org_id = (enrollment).org_id and k.sequence_id = (enrollment).sequence_id and k.position = (enrollment).next_step;
  v_words := private.step_obstacle(enrollment, v_contact);
  if v_words is not null or v_step.position is null then
    update public.sequence_enrollments e set state = case when v_words is null then 'done' else 'stopped' end, reason = v_words, problem = null, ended_at = now()
     where e.org_id = (enrollment).org_id and e.id = (enrollment).id;
    return false;
  elsif exists (select from public.messages m where m.org_id = (enrollment).org_id and m.id = (enrollment).message_id and m.status in ('queued', 'sending')) then
    v_at := now() + interval '10 minutes';       -- the step before has not left yet: they cannot have answered it
  end if;
  if v_at > now() then
    update public.sequence_enrollments e set due_at = v_at where e.org_id = (enrollment).org_id and e.id = (enrollment).id;
    return false;
  end if;
  v_number := private.greeting_account((enrollment).org_id, (select s.number_id from public.sequences s where s.org_id = (enrollment).org_id and s.id = (enrollment).sequence_id));
  if exists (select from public.message_templates t where t.org_id = v_step.org_id and t.account_id = v_number.account_id
                and t.name = v_step.template_name and t.language = v_step.language and t.category <> v_step.category) then
    raise sqlstate 'PT409' using message = format('Meta changed the price class of template "%s": save the sequence again to accept it', v_step.template_name),
      detail = 'category_in_the_way';
  elsif not (select s.is_on from public.sequences s where s.org_id = v_step.org_id and s.id = v_step.sequence_id) then
    raise sqlstate 'PT409' using message = 'The sequence is switched off', detail = 'sequence_off';
  end if;
  v_thread := private.hold_thread((enrollment).org_id, v_number.id, v_contact.id);
  if v_thread is null then
    return false;
  end if;
  v_id := private.enqueue_message((enrollment).org_id, v_number.id, v_contact.id,
    private.template_message((enrollment).org_id, v_number.account_id, v_step.template_name, v_step.language,
      private.fill_template((enrollment).org_id, v_number.account_id, v_step.template_name, v_step.language, private.plain_mapping(v_step.mapping),
        coalesce((enrollment).lead_id, private.newest_lead((enrollment).org_id, v_contact.id)), v_contact.id), v_number.phone_number_id),
    'sequence', null, md5('sequence:' || (enrollment).id || ':' || v_step.position || ':' || (enrollment).attempt)::uuid);
  update public.sequence_enrollments e
     set next_step = e.next_step + 1, message_id = v_id, problem = null,
         due_at = now() + coalesce((select k.wait from public.sequence_steps k where k.org_id = e.org_id and k.sequence_id = e.sequence_id
                                       and k.position = e.next_step + 1), interval '1 day')
   where e.org_id = (enrollment).org_id and e.id = (enrollment).id;
  return true;
end;
$$;
comment on function private.release_step is
  'Queues the next step of an enrolment whose row is locked, ends it, or puts it off; returns whether it queued one. Raises PT4xx where the step cannot be sent now.';

create function private.release_sequences(batch int default 100) returns int
  language plpgsql volatile security definer set search_path = '' set lock_timeout = '2s'
as $$
declare
  v_due      public.sequence_enrollments;
  v_released int := 0;
  v_state    text;
  v_words    text;
begin
  for v_due in
    select e.* from public.sequence_enrollments e where e.state = 'active' and e.due_at <= now()
     order by e.due_at, e.org_id, e.id limit release_sequences.batch for update skip locked
  loop
    begin
      v_released := v_released + private.release_step(v_due)::int;
    exception when others then
      get stacked diagnostics v_state = returned_sqlstate, v_words = message_text;
      if v_state !~ '^(40|53|55|57|58)' then      -- else the moment's fault: again in two seconds
        update public.sequence_enrollments e
           set due_at = now() + interval '1 hour', problem = case when v_state ~ '^PT4' then left(v_words, 1000) else format('It could not be sent (%s)', v_state) end
         where e.org_id = v_due.org_id and e.id = v_due.id;
      end if;
    end;
  end loop;
  return v_released;
end;
$$;
comment on function private.release_sequences is
  'Every two seconds: the steps that are due go into the outbox, each by itself and once; any number of these may run at once. Returns how many were queued.';
