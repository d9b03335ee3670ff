-- 650_greetings.sql: a new lead is greeted by itself, if the organization wants it for that lead.
-- 690_greeting_settings.sql has what people do with the settings and the rules.

------------------------------------------------------------------------------------------------
-- Tables
------------------------------------------------------------------------------------------------
create table public.greeting_settings (
  org_id        uuid primary key references public.organizations (id) on delete restrict,
  is_on         boolean not null default true,
  repeat_after  interval not null default interval '30 days',
  max_lead_age  interval not null default interval '7 days',
  quiet_from    text,
  quiet_to      text,
  updated_at    timestamptz not null default now(),
  constraint greeting_periods_are_positive check (repeat_after >= interval '0' and max_lead_age > interval '0'),
  constraint greeting_quiet_hours_are_times_of_day check (quiet_from ~ '^([01][0-9]|2[0-3]):[0-5][0-9]$' and quiet_to ~ '^([01][0-9]|2[0-3]):[0-5][0-9]$'),
  constraint greeting_quiet_hours_begin_and_end check ((quiet_from is null) = (quiet_to is null) and quiet_from <> quiet_to)
);
comment on table public.greeting_settings is 'When and how often an organization greets, whatever the rule. No row: nobody is greeted.';
comment on column public.greeting_settings.org_id is 'The organization.';
comment on column public.greeting_settings.is_on is 'Off: new leads are not greeted; one asked for by hand still is.';
comment on column public.greeting_settings.repeat_after is 'The same person is not greeted again before this has passed, whatever the source.';
comment on column public.greeting_settings.max_lead_age is 'Older enquiries (a backfill, an outage) are stored but not greeted.';
comment on column public.greeting_settings.quiet_from is
  'Time of day, HH:MM in the organization''s time zone, from which nothing goes out by itself; null: no quiet hours. May be later than quiet_to: over midnight.';
comment on column public.greeting_settings.quiet_to is 'Time of day at which what waited goes out.';
comment on column public.greeting_settings.updated_at is 'When it was last changed.';
alter table public.greeting_settings enable row level security;
create policy "Members see their organization's greeting settings" on public.greeting_settings
  for select to authenticated using (org_id = any (array(select private.my_org_ids())));
grant select on public.greeting_settings to authenticated;

create table public.greeting_rules (
  org_id        uuid not null references public.organizations (id) on delete restrict,
  id            uuid not null default gen_random_uuid(),
  position      int not null,
  is_default    boolean not null default false,
  is_on         boolean not null default true,
  source_id     uuid,
  lead_types    text[] not null default '{W,P,WA}',
  template_name text not null,
  language      text not null default 'en',
  languages     jsonb not null default '{}',
  mapping       jsonb not null default '{}',
  number_id     uuid,
  delay         interval not null default interval '0',
  category      text not null,
  paused_for    text,
  paused_reason text,
  paused_at     timestamptz,
  created_at    timestamptz not null default now(),
  updated_at    timestamptz not null default now(),
  primary key (org_id, id),
  constraint rule_source_is_of_its_organization foreign key (org_id, source_id)
    references public.lead_sources (org_id, id) on delete cascade,
  constraint rule_number_is_of_its_organization foreign key (org_id, number_id)
    references public.whatsapp_numbers (org_id, id) on delete set null (number_id),
  constraint rule_never_answers_a_catalogue_view check (not 'BIZ' = any (lead_types)),
  constraint rule_delay_is_30_days_at_most check (delay between interval '0' and interval '30 days'),
  constraint rule_languages_is_an_object check (jsonb_typeof(languages) = 'object'),
  constraint rule_mapping_is_an_object check (jsonb_typeof(mapping) = 'object'),
  constraint rule_pause_has_a_reason check (
    paused_for in ('status', 'category') and paused_reason is not null and paused_at is not null
    or paused_for is null and paused_reason is null and paused_at is null)
);
comment on table public.greeting_rules is 'What an organization says to a new lead, by source and lead type. The first rule that fits wins; the default one is asked last.';
comment on column public.greeting_rules.org_id is 'The organization.';
comment on column public.greeting_rules.id is 'Flow''s id of the rule.';
comment on column public.greeting_rules.position is 'Rules are tried in this order, the default one after all others.';
comment on column public.greeting_rules.is_default is 'The rule for whoever no other fits; at most one.';
comment on column public.greeting_rules.is_on is 'Off: as if the rule were not there.';
comment on column public.greeting_rules.source_id is 'The source whose leads it is for; null: every source.';
comment on column public.greeting_rules.lead_types is
  'Which leads, by their type: IndiaMART W (enquiry), P (call), WA (WhatsApp), B (buy lead: only by choice); never BIZ (catalogue view). Empty: leads of sources that give no type.';
comment on column public.greeting_rules.template_name is 'The template.';
comment on column public.greeting_rules.language is 'The template''s language; also when languages names one that cannot be sent.';
comment on column public.greeting_rules.languages is
  'Language by the person''s state, {"Tamil Nadu": "ta"}: used while that language of the template is approved, of the same category and takes the same values.';
comment on column public.greeting_rules.mapping is
  'Where the template''s values come from: {header, body, buttons} of fields (name, company, product, title, city, state, phone, organization); "name|there" gives the words for an empty field.';
comment on column public.greeting_rules.number_id is 'The number that greets; null: the organization''s first.';
comment on column public.greeting_rules.delay is 'How long after the lead came the greeting goes out.';
comment on column public.greeting_rules.category is 'The template''s category that was accepted; another one pauses the rule, because the price changes with it.';
comment on column public.greeting_rules.paused_for is 'status: Meta does not let the template be sent; ends by itself. category: its price class changed; a person must accept it. Null: not paused.';
comment on column public.greeting_rules.paused_reason is 'Why nobody is greeted by this rule at the moment, in words.';
comment on column public.greeting_rules.paused_at is 'Since when.';
comment on column public.greeting_rules.created_at is 'When it was made.';
comment on column public.greeting_rules.updated_at is 'When it was last changed.';
create unique index greeting_rules_one_default on public.greeting_rules (org_id) where is_default;
create index greeting_rules_source on public.greeting_rules (org_id, source_id);
create index greeting_rules_number on public.greeting_rules (org_id, number_id);
alter table public.greeting_rules enable row level security;
create policy "Members see their organization's greeting rules" on public.greeting_rules
  for select to authenticated using (org_id = any (array(select private.my_org_ids())));
grant select on public.greeting_rules to authenticated;
create trigger greeting_rules_touch before update on public.greeting_rules
  for each row execute function private.touch_updated_at();

------------------------------------------------------------------------------------------------
-- Quiet hours
------------------------------------------------------------------------------------------------
create function private.after_quiet(at timestamptz, quiet_from text, quiet_to text, time_zone text) returns timestamptz
  language plpgsql stable set search_path = ''
as $$
declare
  v_local timestamp := after_quiet.at at time zone after_quiet.time_zone;
  v_from  time := after_quiet.quiet_from::time;
  v_to    time := after_quiet.quiet_to::time;
  v_day   date := v_local::date;
begin
  if v_from is null or not (case when v_from < v_to then v_local::time >= v_from and v_local::time < v_to
                                 else v_local::time >= v_from or v_local::time < v_to end) then
    return after_quiet.at;
  elsif v_from > v_to and v_local::time >= v_from then
    v_day := v_day + 1;
  end if;
  -- Where the clock jumps over quiet_to, Postgres gives the moment as much after the jump as it would have been.
  return greatest((v_day + v_to) at time zone after_quiet.time_zone, after_quiet.at);
end;
$$;
comment on function private.after_quiet is
  'The instant itself, or the end of the quiet hours that it falls into, by the wall clock of a time zone; quiet hours may span midnight.';

create function private.after_quiet_hours(org_id uuid, at timestamptz) returns timestamptz
  language plpgsql stable security definer set search_path = ''
as $$
declare
  v_at timestamptz := after_quiet_hours.at;
begin
  select private.after_quiet(v_at, g.quiet_from, g.quiet_to, o.time_zone) into v_at
    from public.greeting_settings g join public.organizations o on o.id = g.org_id
   where g.org_id = after_quiet_hours.org_id and g.quiet_from is not null;
  return coalesce(v_at, after_quiet_hours.at);
end;
$$;
comment on function private.after_quiet_hours is 'The instant itself, or the end of the organization''s quiet hours that it falls into.';

------------------------------------------------------------------------------------------------
-- Which greeting, and whether
------------------------------------------------------------------------------------------------
create type private.greeting_plan as (
  rule public.greeting_rules, settings public.greeting_settings, number_id uuid, language text, params jsonb, message jsonb,
  send_at timestamptz, reason text, is_wanted boolean
);
comment on type private.greeting_plan is
  'What is to be done about a lead: the rule and its message with the instant it may go, or the reason why not; is_wanted: the reason is worth a line in the lead''s timeline.';

create function private.choose_greeting(lead public.leads, is_rehearsal boolean) returns private.greeting_plan
  language plpgsql stable security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_plan     private.greeting_plan;
  v_settings public.greeting_settings;
  v_rule     public.greeting_rules;
  v_asked    boolean := (lead).greet_requested;
begin
  v_plan.is_wanted := coalesce(v_asked, false);
  if v_asked is false then
    v_plan.reason := 'Whoever added the lead did not want it greeted';
    return v_plan;
  elsif (lead).lead_type = 'BIZ' then
    v_plan.reason := 'Catalogue views are never greeted';
    return v_plan;
  end if;
  select g.* into v_settings from public.greeting_settings g where g.org_id = (lead).org_id;
  if not found then
    v_plan.reason := 'No greeting is set up';
    return v_plan;
  end if;
  v_plan.settings := v_settings;
  if v_asked is null then
    v_plan.reason := case
      when not v_settings.is_on and not is_rehearsal then 'Greeting is switched off'
      when (lead).source_kind in ('sheet', 'upload') then 'Leads of a sheet or a file are greeted only when that is ticked'
      when (lead).received_at < (case when is_rehearsal then (lead).created_at else now() end) - v_settings.max_lead_age
        then 'The enquiry was too old when it came' end;
    if v_plan.reason is not null then
      return v_plan;
    end if;
  end if;
  select r.* into v_rule from public.greeting_rules r
   cross join lateral (select case when (lead).lead_type is null then r.lead_types = '{}' else (lead).lead_type = any (r.lead_types) end as fits) t
   where r.org_id = (lead).org_id and r.is_on and (r.source_id is null or r.source_id = (lead).source_id) and (t.fits or v_asked)
   order by t.fits desc, r.is_default, r.position, r.id limit 1;
  if not found then
    v_plan.reason := case when exists (select from public.greeting_rules r where r.org_id = (lead).org_id and r.is_on)
                          then format('No rule greets leads of the type %s from this source', coalesce((lead).lead_type, '(none)'))
                          else 'No greeting is set up' end;
    return v_plan;
  end if;
  v_plan.rule := v_rule;
  v_plan.is_wanted := true;
  if v_rule.paused_at is not null then
    v_plan.reason := case when v_rule.paused_for = 'category' then 'The greeting is paused: ' else '' end || v_rule.paused_reason;
  end if;
  return v_plan;
end;
$$;
comment on function private.choose_greeting is
  'The rule for a lead, or the reason why there is none. A rehearsal looks at the lead as when it came, and not at whether greeting is on.';

create function private.greeting_account(org_id uuid, number_id uuid) returns public.whatsapp_numbers
  language plpgsql stable security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_number public.whatsapp_numbers;
begin
  select n.* into v_number from public.whatsapp_numbers n
   where n.org_id = greeting_account.org_id and n.id = greeting_account.number_id and n.status <> 'disconnected';
  if found then
    return v_number;
  end if;
  return private.sending_number(greeting_account.org_id);
end;
$$;
comment on function private.greeting_account is
  'The number that greets: the one named while it is connected, else the organization''s first. Raises PT409 number_not_connected.';

create function private.plain_mapping(mapping jsonb) returns jsonb
  language sql immutable set search_path = ''
as $$
  select case when plain_mapping.mapping - 'body' = '{}' then coalesce(plain_mapping.mapping -> 'body', '[]') else plain_mapping.mapping end
$$;
comment on function private.plain_mapping is 'A mapping as templates take it: the body alone when there is nothing else.';

create function private.plan_greeting(plan private.greeting_plan, lead public.leads, contact public.contacts, at timestamptz)
  returns private.greeting_plan
  language plpgsql stable security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_plan     private.greeting_plan := plan_greeting.plan;
  v_rule     public.greeting_rules := v_plan.rule;
  v_settings public.greeting_settings := v_plan.settings;
  v_number   public.whatsapp_numbers;
  v_template public.message_templates;
begin
  v_plan.reason := case
    when (contact).wa_id is null and ((contact).phone is null or
         -- A kind that nobody has looked up is trusted only when a person asked.
         coalesce((contact).phone_kind, case when (lead).greet_requested then 'mobile' else 'other' end) not in ('mobile', 'fixed_line_or_mobile'))
      then 'The contact has no mobile number'
    when (contact).opted_out_at is not null then 'They asked not to receive messages'
    when (contact).greeted_at > plan_greeting.at - v_settings.repeat_after then 'They were greeted lately' end;
  if v_plan.reason is not null then
    return v_plan;
  end if;
  v_number := private.greeting_account((lead).org_id, v_rule.number_id);
  v_plan.number_id := v_number.id;
  v_plan.language := v_rule.language;
  select t.* into v_template from public.message_templates t
   where t.org_id = (lead).org_id and t.account_id = v_number.account_id and t.name = v_rule.template_name and t.language = v_rule.language;
  if v_template.category <> v_rule.category then
    v_plan.reason := private.category_words(v_rule.template_name, v_rule.category, v_template.category);
    return v_plan;
  end if;
  if v_rule.languages <> '{}' and (contact).state is not null then
    select t.language into v_plan.language from jsonb_each_text(v_rule.languages) l (state, language)
      join public.message_templates t on t.org_id = (lead).org_id and t.account_id = v_number.account_id
           and t.name = v_rule.template_name and t.language = l.language
     where lower(btrim(l.state)) = lower(btrim((contact).state)) and t.status = 'APPROVED' and t.blocked_reason is null
       and t.category = v_rule.category and t.body_params = v_template.body_params and t.parameter_format = v_template.parameter_format
       and (t.body_param_names = v_template.body_param_names or jsonb_typeof(v_rule.mapping -> 'body') = 'object')
     order by l.state limit 1;
    v_plan.language := coalesce(v_plan.language, v_rule.language);
  end if;
  v_plan.params := private.fill_template((lead).org_id, v_number.account_id, v_rule.template_name, v_plan.language,
                                         private.plain_mapping(v_rule.mapping), (lead).id, (contact).id);
  v_plan.message := private.template_message((lead).org_id, v_number.account_id, v_rule.template_name, v_plan.language, v_plan.params,
                                             v_number.phone_number_id);
  v_plan.send_at := plan_greeting.at + v_rule.delay;
  if v_settings.quiet_from is not null then
    v_plan.send_at := (select private.after_quiet(v_plan.send_at, v_settings.quiet_from, v_settings.quiet_to, o.time_zone)
                         from public.organizations o where o.id = (lead).org_id);
  end if;
  return v_plan;
end;
$$;
comment on function private.plan_greeting is
  'Completes a plan that has its rule: the filled message and when it may go, or the reason why this person gets none. Raises PT409 and PT422 as sending does.';

create function private.category_words(template text, before text, after text) returns text
  language sql immutable set search_path = ''
as $$
  select format('Meta changed template "%s": %s → %s, which %s per message', category_words.template, lower(before), lower(after),
    case when after = 'MARKETING' then 'costs more' when before = 'MARKETING' then 'costs less' else 'is another class of price' end)
$$;
comment on function private.category_words is 'What a change of category means, in words: utility → marketing costs more per message.';

------------------------------------------------------------------------------------------------
-- Greeting
------------------------------------------------------------------------------------------------
create function private.greet_lead(lead public.leads) returns text
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_plan    private.greeting_plan := private.choose_greeting(lead, false);
  v_rule    public.greeting_rules := v_plan.rule;
  v_contact public.contacts;
  v_id      bigint;
  v_waiting uuid;
  v_state   text;
  v_words   text;
begin
  if v_plan.reason is not null then
    return case when v_plan.is_wanted then v_plan.reason end;
  end if;
  -- The row is locked: two leads of one person at the same moment are greeted once.
  select c.* into v_contact from public.contacts c where c.org_id = (lead).org_id and c.id = (lead).contact_id for no key update;
  begin
    v_plan := private.plan_greeting(v_plan, lead, v_contact, now());
    if v_plan.reason is not null then
      return v_plan.reason;
    elsif v_plan.send_at <= now() then
      v_id := private.enqueue_message((lead).org_id, v_plan.number_id, v_contact.id, v_plan.message, 'greeting');
    else
      v_waiting := private.schedule_message((lead).org_id, private.open_conversation((lead).org_id, v_plan.number_id, v_contact.id),
        jsonb_build_object('kind', 'template', 'template', v_rule.template_name, 'language', v_plan.language, 'params', v_plan.params),
        v_plan.send_at, 'greeting', null, lead_id => (lead).id, rule_id => v_rule.id, words => v_plan.message ->> 'text');
    end if;
  exception when others then
    get stacked diagnostics v_state = returned_sqlstate, v_words = message_text;
    if v_state ~ '^(40|53|55|57|58)' then
      raise;                       -- the moment's fault: the whole batch of leads is tried again
    end if;
    return case when v_state ~ '^PT4' then v_words else format('The greeting could not be made ready (%s)', v_state) end;
  end;
  update public.contacts c set greeted_at = now() where c.org_id = (lead).org_id and c.id = v_contact.id;
  insert into public.lead_activities (org_id, lead_id, kind, details)
  values ((lead).org_id, (lead).id, case when v_id is not null then 'greeting_queued' else 'greeting_scheduled' end,
          case when v_id is not null then jsonb_build_object('message_id', v_id)
               else jsonb_build_object('scheduled_id', v_waiting, 'send_at', v_plan.send_at) end);
  return null;
end;
$$;
comment on function private.greet_lead is
  'Queues the greeting of a new lead, or schedules it, if a rule wants it. Returns why not, in words, when it was wanted but cannot be; null otherwise.';

create function private.tg_leads__greets() returns trigger
  language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_lead   public.leads;
  v_reason text;
begin
  for v_lead in select n.* from new_leads n order by n.org_id, n.contact_id, n.received_at, n.id loop
    v_reason := private.greet_lead(v_lead);
    if v_reason is not null then
      insert into public.lead_activities (org_id, lead_id, kind, details)
      values (v_lead.org_id, v_lead.id, 'greeting_skipped', jsonb_build_object('reason', v_reason));
    end if;
  end loop;
  return null;
end;
$$;
comment on function private.tg_leads__greets is 'After leads are stored: greet each, or note in its timeline why not.';
create trigger leads_are_greeted after insert on public.leads referencing new table as new_leads
  for each statement execute function private.tg_leads__greets();
