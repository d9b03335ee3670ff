-- 954_sequences.sql: a few templates one after the other to somebody who does not answer. 955_sequence_sending.sql sends them and ends it.

------------------------------------------------------------------------------------------------
-- Tables
------------------------------------------------------------------------------------------------
create table public.sequences (
  org_id     uuid not null references public.organizations (id) on delete restrict,
  id         uuid not null default gen_random_uuid(),
  name       text not null,
  is_on      boolean not null default true,
  source_id  uuid,
  number_id  uuid,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  primary key (org_id, id),
  constraint sequence_source_is_of_its_organization foreign key (org_id, source_id)
    references public.lead_sources (org_id, id) on delete set null (source_id),
  constraint sequence_number_is_of_its_organization foreign key (org_id, number_id)
    references public.whatsapp_numbers (org_id, id) on delete set null (number_id),
  constraint sequence_name_has_1_to_120_characters check (length(name) between 1 and 120)
);
comment on table public.sequences is 'What an organization sends by itself to people who do not answer, step by step.';
comment on column public.sequences.org_id is 'The organization.';
comment on column public.sequences.id is 'Flow''s id.';
comment on column public.sequences.name is 'What members call it.';
comment on column public.sequences.is_on is 'Off: nobody new, and no step leaves until it is on again.';
comment on column public.sequences.source_id is 'New leads of this source are enrolled by themselves; null: people are enrolled by hand.';
comment on column public.sequences.number_id is 'The number that sends; null: the organization''s first.';
comment on column public.sequences.created_at is 'When it was made.';
comment on column public.sequences.updated_at is 'When it was last changed.';
create index sequences_source on public.sequences (org_id, source_id);
create index sequences_number on public.sequences (org_id, number_id);
alter table public.sequences enable row level security;
create policy "Members see their organization's sequences" on public.sequences
  for select to authenticated using (org_id = any (array(select private.my_org_ids())));
grant select on public.sequences to authenticated;
create trigger sequences_touch before update on public.sequences for each row execute function private.touch_updated_at();

create table public.sequence_steps (
  org_id        uuid not null,
  sequence_id   uuid not null,
  position      int not null,
  wait          interval not null,
  template_name text not null,
  language      text not null,
  mapping       jsonb not null,
  category      text not null,
  primary key (org_id, sequence_id, position),
  constraint step_is_of_a_sequence foreign key (org_id, sequence_id) references public.sequences (org_id, id) on delete cascade,
  constraint step_position_is_1_to_10 check (position between 1 and 10),
  constraint step_waits_an_hour_to_90_days check (wait between interval '1 hour' and interval '90 days')
);
comment on table public.sequence_steps is 'The steps of a sequence in their order.';
comment on column public.sequence_steps.org_id is 'The organization.';
comment on column public.sequence_steps.sequence_id is 'The sequence.';
comment on column public.sequence_steps.position is 'From 1.';
comment on column public.sequence_steps.wait is 'So long without an answer after the step before, or after the enrolment.';
comment on column public.sequence_steps.template_name is 'The template.';
comment on column public.sequence_steps.language is 'Its language.';
comment on column public.sequence_steps.mapping is 'Where its values come from, as in greeting_rules.mapping.';
comment on column public.sequence_steps.category is 'The category that was accepted; while the template has another, the step waits until the sequence is saved again.';
alter table public.sequence_steps enable row level security;
create policy "Members see the steps of their organization's sequences" on public.sequence_steps
  for select to authenticated using (org_id = any (array(select private.my_org_ids())));
grant select on public.sequence_steps to authenticated;

create table public.sequence_enrollments (
  org_id      uuid not null,
  id          uuid not null default gen_random_uuid(),
  sequence_id uuid not null,
  contact_id  uuid not null,
  lead_id     uuid,
  state       text not null default 'active',
  next_step   int not null default 1,
  due_at      timestamptz not null,
  message_id  bigint,
  attempt     int not null default 0,
  problem     text,
  reason      text,
  enrolled_by uuid,
  started_at  timestamptz not null default now(),
  ended_at    timestamptz,
  primary key (org_id, id),
  constraint enrollment_is_in_a_sequence foreign key (org_id, sequence_id) references public.sequences (org_id, id) on delete cascade,
  constraint enrollment_is_of_a_contact_of_its_organization foreign key (org_id, contact_id) references public.contacts (org_id, id) on delete cascade,
  constraint enrollment_is_for_a_lead_of_its_organization foreign key (org_id, lead_id) references public.leads (org_id, id) on delete set null (lead_id),
  constraint enrollment_sent_a_message_of_its_organization foreign key (org_id, message_id)
    references public.messages (org_id, id) on delete set null (message_id),
  constraint enrollment_state_is_known check (state in ('active', 'done', 'stopped')),
  constraint enrollment_has_ended_unless_active check ((state = 'active') = (ended_at is null)),
  constraint enrollment_is_stopped_for_a_reason check ((state = 'stopped') = (reason is not null))
);
comment on table public.sequence_enrollments is 'Who is in a sequence, how far they are, and why it ended; once at a time in the same one.';
comment on column public.sequence_enrollments.org_id is 'The organization.';
comment on column public.sequence_enrollments.id is 'Flow''s id.';
comment on column public.sequence_enrollments.sequence_id is 'The sequence.';
comment on column public.sequence_enrollments.contact_id is 'The person.';
comment on column public.sequence_enrollments.lead_id is 'The lead that it is about: its values fill the templates, and won or lost ends it; null: the contact''s newest, and any.';
comment on column public.sequence_enrollments.state is 'active, done (a day after the last step) or stopped.';
comment on column public.sequence_enrollments.next_step is 'The step that is sent next.';
comment on column public.sequence_enrollments.due_at is 'When it is looked at again.';
comment on column public.sequence_enrollments.message_id is 'The message of the newest step.';
comment on column public.sequence_enrollments.attempt is 'How often a step''s message was taken back before it left.';
comment on column public.sequence_enrollments.problem is 'Why a step that is due waits, in words; tried again every hour. Null: nothing is wrong.';
comment on column public.sequence_enrollments.reason is 'Why it was stopped, in words.';
comment on column public.sequence_enrollments.enrolled_by is 'The member who enrolled them; null: the rule. No foreign key: it outlives their membership.';
comment on column public.sequence_enrollments.started_at is 'When they were enrolled.';
comment on column public.sequence_enrollments.ended_at is 'When it ended; null while active.';
create unique index enrollment_is_active_once on public.sequence_enrollments (org_id, sequence_id, contact_id) where state = 'active';
create index sequence_enrollments_due on public.sequence_enrollments (due_at, org_id, id) where state = 'active';
create index sequence_enrollments_sequence on public.sequence_enrollments (org_id, sequence_id, started_at desc, id desc);
create index sequence_enrollments_contact on public.sequence_enrollments (org_id, contact_id);
create index sequence_enrollments_lead on public.sequence_enrollments (org_id, lead_id);
create index sequence_enrollments_message on public.sequence_enrollments (org_id, message_id);
alter table public.sequence_enrollments enable row level security;
create policy "Members see who is in their organization's sequences" on public.sequence_enrollments
  for select to authenticated using (org_id = any (array(select private.my_org_ids())));
grant select on public.sequence_enrollments to authenticated;

------------------------------------------------------------------------------------------------
-- What people do
------------------------------------------------------------------------------------------------
create function private.sequence_shown(org_id uuid, sequence_id uuid) returns jsonb
  language sql stable security definer set search_path = ''
as $$
  select jsonb_build_object('sequence_id', s.id, 'name', s.name, 'on', s.is_on, 'source', s.source_id,
    'number', (select n.phone_number_id from public.whatsapp_numbers n where n.org_id = s.org_id and n.id = s.number_id),
    'steps', (select coalesce(jsonb_agg(jsonb_build_object('after_hours', extract(epoch from k.wait)::bigint / 3600, 'template', k.template_name,
                                'language', k.language, 'mapping', k.mapping, 'category', k.category) order by k.position), '[]')
                from public.sequence_steps k where k.org_id = s.org_id and k.sequence_id = s.id),
    'people', (select jsonb_build_object('active', count(*) filter (where e.state = 'active'), 'done', count(*) filter (where e.state = 'done'),
                        'stopped', count(*) filter (where e.state = 'stopped'), 'waiting', count(*) filter (where e.state = 'active' and e.problem is not null))
                 from public.sequence_enrollments e where e.org_id = s.org_id and e.sequence_id = s.id))
    from public.sequences s where s.org_id = sequence_shown.org_id and s.id = sequence_shown.sequence_id
$$;
comment on function private.sequence_shown is 'A sequence as people see it: {sequence_id, name, on, source, number, steps, people: {active, done, stopped, waiting: held up by a problem}}.';

create function private.save_sequence(org_id uuid, sequence jsonb, sequence_id uuid) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_new    public.sequences;
  v_number public.whatsapp_numbers;
  v_steps  jsonb;
  v_item   jsonb;
  v_step   public.sequence_steps;
begin
  perform private.require_role(save_sequence.org_id, 'admin');
  if save_sequence.sequence_id is not null then
    select s.* into v_new from public.sequences s where s.org_id = save_sequence.org_id and s.id = save_sequence.sequence_id for update;
    if not found then
      raise sqlstate 'PT404' using message = 'There is no such sequence', detail = 'sequence_unknown', hint = 'Reload the list.';
    end if;
  end if;
  perform private.known_fields(sequence, 'sequence', array['name', 'on', 'source', 'number', 'steps']);
  if v_new.id is null or sequence ? 'name' then
    v_new.name := btrim(private.text_field(sequence, 'name', 'sequence', 120));
  end if;
  if sequence ? 'source' then
    v_new.source_id := case when pg_input_is_valid(sequence ->> 'source', 'uuid') then (sequence ->> 'source')::uuid end;
    if sequence ->> 'source' is not null
       and not exists (select from public.lead_sources s where s.org_id = save_sequence.org_id and s.id = v_new.source_id) then
      raise sqlstate 'PT404' using message = 'There is no such source of leads', detail = 'source_not_found', hint = 'Reload the settings.';
    end if;
  end if;
  if sequence ->> 'number' is not null then
    v_number := private.sending_number(save_sequence.org_id, sequence ->> 'number');
    v_new.number_id := v_number.id;
  else
    v_new.number_id := case when sequence ? 'number' then null else v_new.number_id end;
    v_number := private.greeting_account(save_sequence.org_id, v_new.number_id);
  end if;
  insert into public.sequences as s (org_id, id, name, is_on, source_id, number_id)
  values (save_sequence.org_id, coalesce(v_new.id, gen_random_uuid()), v_new.name,
          coalesce(private.flag_field(sequence, 'on', 'sequence'), v_new.is_on, true), v_new.source_id, v_new.number_id)
  on conflict (org_id, id) do update set name = excluded.name, is_on = excluded.is_on, source_id = excluded.source_id, number_id = excluded.number_id
  returning s.* into v_new;
  if sequence ? 'steps' or save_sequence.sequence_id is null then
    v_steps := private.list_field(sequence, 'steps', 'sequence', 10);
    delete from public.sequence_steps k where k.org_id = v_new.org_id and k.sequence_id = v_new.id;
    for v_item, v_step.position in select i, n from jsonb_array_elements(v_steps) with ordinality u (i, n) loop
      perform private.known_fields(v_item, 'step', array['after_hours', 'after_days', 'template', 'language', 'mapping', 'params', 'category']);
      if num_nonnulls(v_item ->> 'after_hours', v_item ->> 'after_days') <> 1 or coalesce(v_item ->> 'after_hours', v_item ->> 'after_days') !~ '^[1-9][0-9]{0,3}$'
         or coalesce((v_item ->> 'after_hours')::int, (v_item ->> 'after_days')::int * 24) > 2160 then
        perform private.refuse_field(format('steps.%s', v_step.position), 'waits after_hours or after_days, an hour to 90 days', 'wait_invalid');
      end if;
      v_step.wait := make_interval(hours => coalesce((v_item ->> 'after_hours')::int, (v_item ->> 'after_days')::int * 24));
      v_step.template_name := private.text_field(v_item, 'template', 'step', 512);
      v_step.language := coalesce(private.text_field(v_item, 'language', 'step', 20, false), 'en');
      v_step.mapping := private.greeting_mapping(coalesce(nullif(v_item -> 'mapping', 'null'), nullif(v_item -> 'params', 'null'), '[]'));
      perform private.template_message(v_new.org_id, v_number.account_id, v_step.template_name, v_step.language,
        private.fill_template(v_new.org_id, v_number.account_id, v_step.template_name, v_step.language, private.plain_mapping(v_step.mapping), null, null),
        v_number.phone_number_id);
      insert into public.sequence_steps (org_id, sequence_id, position, wait, template_name, language, mapping, category)
      select v_new.org_id, v_new.id, v_step.position, v_step.wait, v_step.template_name, v_step.language, v_step.mapping, t.category
        from public.message_templates t where t.org_id = v_new.org_id and t.account_id = v_number.account_id
         and t.name = v_step.template_name and t.language = v_step.language;
    end loop;
  end if;
  -- What waited for the cause to go is looked at again.
  update public.sequence_enrollments e set due_at = now(), problem = null
   where e.org_id = v_new.org_id and e.sequence_id = v_new.id and e.state = 'active' and e.problem is not null;
  perform private.audit(v_new.org_id, 'sequence.saved', 'sequence', v_new.id::text, jsonb_build_object('on', v_new.is_on, 'steps', jsonb_array_length(v_steps)));
  return private.sequence_shown(v_new.org_id, v_new.id);
end;
$$;
comment on function private.save_sequence is 'public.save_sequence behind its door.';
create function public.save_sequence(org_id uuid, sequence jsonb, sequence_id uuid default null) returns jsonb
  language sql volatile set search_path = ''
begin atomic
  select private.save_sequence(org_id, sequence, sequence_id);
end;
comment on function public.save_sequence is
  'Makes a sequence or changes one: {name, on, source: enrolls its new leads by itself, number: phone number id, steps: 1 to 10 of {after_hours or after_days, template, '
  'language, mapping or params}}; what is not given stays. Admins. Returns it as public.list_sequences. Raises PT403, PT404 sequence_unknown, source_not_found, PT409, PT422.';

create function private.list_sequences(org_id uuid) returns jsonb
  language plpgsql stable security definer set search_path = ''
as $$
begin
  perform private.require_role(list_sequences.org_id, 'agent');
  return (select coalesce(jsonb_agg(private.sequence_shown(s.org_id, s.id) order by s.created_at, s.id), '[]')
            from public.sequences s where s.org_id = list_sequences.org_id);
end;
$$;
comment on function private.list_sequences is 'public.list_sequences behind its door.';
create function public.list_sequences(org_id uuid) returns jsonb
  language sql stable set search_path = ''
begin atomic
  select private.list_sequences(org_id);
end;
comment on function public.list_sequences is
  'All sequences: [{sequence_id, name, on, source, number, steps: [{after_hours, template, language, mapping, category}], people: {active, done, stopped, waiting}}]. Members. Raises PT404.';

create function private.enroll_contact(org_id uuid, sequence_id uuid, contact_id uuid, lead_id uuid) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_enrollment public.sequence_enrollments;
  v_contact    public.contacts;
begin
  perform private.require_role(enroll_contact.org_id, 'agent');
  select c.* into v_contact from public.contacts c where c.org_id = enroll_contact.org_id and c.id = enroll_contact.contact_id for no key update;
  if not found then
    raise sqlstate 'PT404' using message = 'There is no such contact', detail = 'contact_unknown', hint = 'Reload the page.';
  elsif enroll_contact.lead_id is not null and not exists (select from public.leads l where l.org_id = enroll_contact.org_id and l.id = enroll_contact.lead_id
                                                              and l.contact_id = enroll_contact.contact_id) then
    raise sqlstate 'PT404' using message = 'The contact has no such lead', detail = 'lead_unknown', hint = 'Reload the page.';
  elsif not exists (select from public.sequences s where s.org_id = enroll_contact.org_id and s.id = enroll_contact.sequence_id) then
    raise sqlstate 'PT404' using message = 'There is no such sequence', detail = 'sequence_unknown', hint = 'Reload the list.';
  elsif v_contact.opted_out_at is not null then
    raise sqlstate 'PT422' using message = 'They asked not to receive messages', detail = 'contact_opted_out', hint = 'Only they can change that.';
  elsif num_nonnulls(v_contact.wa_id, v_contact.phone, v_contact.user_id) = 0 then
    raise sqlstate 'PT422' using message = 'The contact has no WhatsApp address', detail = 'contact_without_address', hint = 'Ask for the number first.';
  elsif private.lead_is_closed(enroll_contact.org_id, enroll_contact.lead_id) then
    raise sqlstate 'PT409' using message = 'The lead is won or lost', detail = 'lead_closed', hint = 'Open it again first.';
  end if;
  perform private.enroll(enroll_contact.org_id, enroll_contact.sequence_id, enroll_contact.contact_id, enroll_contact.lead_id, auth.uid());
  select e.* into v_enrollment from public.sequence_enrollments e
   where e.org_id = enroll_contact.org_id and e.sequence_id = enroll_contact.sequence_id and e.contact_id = enroll_contact.contact_id and e.state = 'active';
  return jsonb_build_object('enrollment_id', v_enrollment.id, 'state', v_enrollment.state, 'next_step', v_enrollment.next_step, 'due_at', v_enrollment.due_at);
end;
$$;
comment on function private.enroll_contact is 'public.enroll_contact behind its door.';
create function public.enroll_contact(org_id uuid, sequence_id uuid, contact_id uuid, lead_id uuid default null) returns jsonb
  language sql volatile set search_path = ''
begin atomic
  select private.enroll_contact(org_id, sequence_id, contact_id, lead_id);
end;
comment on function public.enroll_contact is
  'Puts a contact, for one of its leads or as such, into a sequence; who is in it stays where they are. Members. Returns {enrollment_id, state, next_step, due_at}. '
  'Raises PT404 sequence_unknown, contact_unknown, lead_unknown, PT409 lead_closed, PT422 contact_opted_out, contact_without_address.';

create function private.stop_enrollment(org_id uuid, enrollment_id uuid) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_enrollment public.sequence_enrollments;
begin
  perform private.require_role(stop_enrollment.org_id, 'agent');
  update public.sequence_enrollments e set state = 'stopped', reason = 'A member stopped it', ended_at = now()
   where e.org_id = stop_enrollment.org_id and e.id = stop_enrollment.enrollment_id and e.state = 'active';
  select e.* into v_enrollment from public.sequence_enrollments e where e.org_id = stop_enrollment.org_id and e.id = stop_enrollment.enrollment_id;
  if not found then
    raise sqlstate 'PT404' using message = 'Nobody is enrolled so', detail = 'enrollment_unknown', hint = 'Reload the page.';
  end if;
  return jsonb_build_object('enrollment_id', v_enrollment.id, 'state', v_enrollment.state, 'reason', v_enrollment.reason);
end;
$$;
comment on function private.stop_enrollment is 'public.stop_enrollment behind its door.';
create function public.stop_enrollment(org_id uuid, enrollment_id uuid) returns jsonb
  language sql volatile set search_path = ''
begin atomic
  select private.stop_enrollment(org_id, enrollment_id);
end;
comment on function public.stop_enrollment is
  'Takes somebody out of a sequence; a step in the outbox does not leave either. Members. Returns {enrollment_id, state, reason}; one that had ended is left as it was. Raises PT404.';
grant execute on function private.save_sequence, public.save_sequence, private.list_sequences, public.list_sequences, private.enroll_contact, public.enroll_contact,
  private.stop_enrollment, public.stop_enrollment to authenticated;
