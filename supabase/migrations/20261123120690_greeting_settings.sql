-- 690_greeting_settings.sql: how people and operators set up greetings (650_greetings.sql), rehearse them, and what pauses them.

------------------------------------------------------------------------------------------------
-- Rules
------------------------------------------------------------------------------------------------
create function private.greeting_mapping(given jsonb) returns jsonb
  language plpgsql immutable set search_path = ''
as $$
declare
  v_mapping jsonb := case jsonb_typeof(given)
    when 'array' then jsonb_build_object('body', given)
    -- An object of named body values, or of parts.
    when 'object' then case when given - array['header', 'body', 'buttons'] = '{}' then jsonb_strip_nulls(given) else jsonb_build_object('body', given) end end;
  v_bad     text;
begin
  if v_mapping is null then
    raise sqlstate 'PT422' using message = 'The values of a greeting are a list of fields, or {header, body, buttons}', detail = 'mapping_invalid',
      hint = 'For instance {"body": ["name|there", "product"]}.';
  end if;
  select string_agg(f.field, ', ') into v_bad
    from (select v #>> '{}' as field from jsonb_path_query(v_mapping, 'lax $.body.*') v where jsonb_typeof(v_mapping -> 'body') = 'object'
          union all
          select v #>> '{}' from jsonb_array_elements(case jsonb_typeof(v_mapping -> 'body') when 'array' then v_mapping -> 'body' else '[]' end) v) f
   where split_part(f.field, '|', 1) not in ('name', 'company', 'product', 'title', 'city', 'state', 'phone', 'organization', 'text') or f.field is null;
  if v_bad is not null then
    raise sqlstate 'PT422' using message = format('A lead has no field %s', v_bad), detail = 'field_unknown',
      hint = 'Fields: name, company, product, title, city, state, phone, organization; text|… is the same for everybody.';
  end if;
  return v_mapping;
end;
$$;
comment on function private.greeting_mapping is
  'Where the values come from, as {header, body, buttons}; a list or an object of names is the body. Raises PT422 mapping_invalid, field_unknown.';

create function private.put_greeting_rule(org_id uuid, rule_id uuid, given jsonb, is_default boolean) returns public.greeting_rules
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_old      public.greeting_rules;
  v_new      public.greeting_rules;
  v_number   public.whatsapp_numbers;
  v_template public.message_templates;
begin
  if jsonb_typeof(given) is distinct from 'object' then
    raise sqlstate 'PT422' using message = 'A greeting rule is an object', detail = 'rule_invalid', hint = 'Give {template, language, params, …}.';
  end if;
  if put_greeting_rule.rule_id is not null then
    select r.* into v_old from public.greeting_rules r where r.org_id = put_greeting_rule.org_id and r.id = put_greeting_rule.rule_id for update;
    if not found then
      raise sqlstate 'PT404' using message = 'There is no such greeting rule', detail = 'rule_unknown', hint = 'Reload the settings.';
    end if;
  elsif (select count(*) from public.greeting_rules r where r.org_id = put_greeting_rule.org_id) >= 100 then
    raise sqlstate 'PT422' using message = 'An organization has 100 greeting rules at most', detail = 'rules_too_many', hint = 'Delete one first.';
  end if;
  v_new := v_old;
  v_new.org_id := put_greeting_rule.org_id;
  v_new.id := coalesce(v_old.id, gen_random_uuid());
  v_new.is_default := coalesce(v_old.is_default, put_greeting_rule.is_default);
  v_new.template_name := coalesce(given ->> 'template', v_old.template_name);
  v_new.language := coalesce(given ->> 'language', v_old.language, 'en');
  v_new.mapping := case when given ? 'mapping' then private.greeting_mapping(given -> 'mapping')
                        when jsonb_typeof(given -> 'params') = 'array' then private.greeting_mapping(given -> 'params')
                        else coalesce(v_old.mapping, '{"body": []}') end;
  if jsonb_typeof(given -> 'lead_types') = 'array' then
    v_new.lead_types := array(select distinct t from jsonb_array_elements_text(given -> 'lead_types') t order by t);
    if v_new.lead_types @> v_old.lead_types and v_old.lead_types @> v_new.lead_types then
      v_new.lead_types := v_old.lead_types;
    end if;
  end if;
  v_new.lead_types := coalesce(v_new.lead_types, '{W,P,WA}');
  v_new.is_on := coalesce(case when jsonb_typeof(given -> 'on') = 'boolean' then (given ->> 'on')::boolean end, v_old.is_on, true);
  v_new.languages := coalesce(case jsonb_typeof(given -> 'languages') when 'object' then given -> 'languages' when 'null' then '{}' end, v_old.languages, '{}');
  if v_new.template_name is null then
    raise sqlstate 'PT422' using message = 'A greeting needs a template', detail = 'template_missing', hint = 'Name an approved template.';
  elsif 'BIZ' = any (v_new.lead_types) then
    raise sqlstate 'PT422' using message = 'Catalogue views (BIZ) are never greeted: the buyer did not write to you', detail = 'lead_type_refused',
      hint = 'Leave BIZ out.';
  elsif exists (select from jsonb_each(v_new.languages) l where jsonb_typeof(l.value) <> 'string') or length(v_new.languages::text) > 8000 then
    raise sqlstate 'PT422' using message = 'The languages are given by state', detail = 'languages_invalid', hint = 'For instance {"Tamil Nadu": "ta"}.';
  end if;
  if given ? 'source' then
    v_new.source_id := case when pg_input_is_valid(given ->> 'source', 'uuid') then (given ->> 'source')::uuid end;
    if given ->> 'source' is not null and not exists (
         select from public.lead_sources s where s.org_id = put_greeting_rule.org_id and s.id = v_new.source_id) then
      raise sqlstate 'PT404' using message = 'There is no such source of leads', detail = 'source_not_found', hint = 'Reload the settings.';
    elsif v_new.source_id is not null and v_new.is_default then
      raise sqlstate 'PT422' using message = 'The default greeting is for every source', detail = 'rule_is_default', hint = 'Make a rule of its own for the source.';
    end if;
  end if;
  if given ? 'delay_minutes' then
    if coalesce(given ->> 'delay_minutes', '0') !~ '^[0-9]{1,5}$' or (given ->> 'delay_minutes')::int > 43200 then
      raise sqlstate 'PT422' using message = 'A greeting waits 0 to 43,200 minutes (30 days)', detail = 'delay_invalid', hint = 'Give whole minutes.';
    end if;
    v_new.delay := make_interval(mins => coalesce(given ->> 'delay_minutes', '0')::int);
  end if;
  v_new.delay := coalesce(v_new.delay, interval '0');
  if given ->> 'number' is not null then
    v_number := private.sending_number(put_greeting_rule.org_id, given ->> 'number');
    v_new.number_id := v_number.id;
  else
    v_new.number_id := case when given ? 'number' then null else v_old.number_id end;
    v_number := private.greeting_account(put_greeting_rule.org_id, v_new.number_id);
  end if;
  -- The same checks as a send, with every field empty: the template exists, is approved and takes these values.
  perform private.template_message(put_greeting_rule.org_id, v_number.account_id, v_new.template_name, v_new.language,
    private.fill_template(put_greeting_rule.org_id, v_number.account_id, v_new.template_name, v_new.language,
                          private.plain_mapping(v_new.mapping), null, null), v_number.phone_number_id);
  select t.* into v_template from public.message_templates t
   where t.org_id = put_greeting_rule.org_id and t.account_id = v_number.account_id and t.name = v_new.template_name and t.language = v_new.language;
  if (v_new.template_name, v_new.language) is distinct from (v_old.template_name, v_old.language) then
    v_new.category := v_template.category;
  end if;
  -- Another category than was accepted stays a reason to pause, however the rule is saved: public.resume_greeting accepts it.
  if v_new.category = v_template.category then
    v_new.paused_for := null;
    v_new.paused_reason := null;
    v_new.paused_at := null;
  end if;
  insert into public.greeting_rules as r (org_id, id, position, is_default, is_on, source_id, lead_types, template_name, language, languages,
                                          mapping, number_id, delay, category)
  values (v_new.org_id, v_new.id,
          coalesce(v_old.position, (select coalesce(max(k.position), 0) + 1 from public.greeting_rules k where k.org_id = put_greeting_rule.org_id)),
          v_new.is_default, v_new.is_on, v_new.source_id, v_new.lead_types, v_new.template_name, v_new.language, v_new.languages, v_new.mapping,
          v_new.number_id, v_new.delay, v_new.category)
  on conflict (org_id, id) do update
    set is_on = excluded.is_on, source_id = excluded.source_id, lead_types = excluded.lead_types, template_name = excluded.template_name,
        language = excluded.language, languages = excluded.languages, mapping = excluded.mapping, number_id = excluded.number_id,
        delay = excluded.delay, category = excluded.category,
        paused_for = v_new.paused_for, paused_reason = v_new.paused_reason, paused_at = v_new.paused_at
  returning r.* into v_new;
  insert into public.greeting_settings (org_id) values (put_greeting_rule.org_id) on conflict (org_id) do nothing;
  if v_old.is_on and not v_new.is_on then
    perform private.cancel_greetings(put_greeting_rule.org_id, v_new.id, 'The greeting was switched off');
  end if;
  return v_new;
end;
$$;
comment on function private.put_greeting_rule is
  'Makes a rule (rule_id null) or changes one; what is not given stays. Raises PT404 rule_unknown, source_not_found, PT409 number_not_connected, '
  'PT422 template_…, field_unknown, mapping_invalid, lead_type_refused, languages_invalid, delay_invalid, rule_is_default.';

create function private.greeting_rule_shown(rule public.greeting_rules) returns jsonb
  language sql stable security definer set search_path = ''
as $$
  select jsonb_build_object(
    'rule_id', (rule).id, 'position', (rule).position, 'default', (rule).is_default, 'on', (rule).is_on, 'source', (rule).source_id,
    'lead_types', to_jsonb((rule).lead_types), 'template', (rule).template_name, 'language', (rule).language, 'languages', (rule).languages,
    'mapping', (rule).mapping, 'number', (select n.phone_number_id from public.whatsapp_numbers n where n.org_id = (rule).org_id and n.id = (rule).number_id),
    'delay_minutes', extract(epoch from (rule).delay)::bigint / 60, 'category', (rule).category,
    'paused_for', (rule).paused_for, 'paused_reason', (rule).paused_reason, 'paused_at', (rule).paused_at)
$$;
comment on function private.greeting_rule_shown is 'A rule as people and commands see it; delays are whole minutes.';

create function private.save_greeting_rule(org_id uuid, rule jsonb, rule_id uuid) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_rule public.greeting_rules;
begin
  perform private.require_role(save_greeting_rule.org_id, 'admin');
  v_rule := private.put_greeting_rule(save_greeting_rule.org_id, save_greeting_rule.rule_id, save_greeting_rule.rule, false);
  perform private.audit(v_rule.org_id, 'greeting.changed', 'greeting_rule', v_rule.id::text,
    jsonb_build_object('fields', (select coalesce(jsonb_agg(k), '[]') from jsonb_object_keys(save_greeting_rule.rule) k)));
  return private.greeting_rule_shown(v_rule);
end;
$$;
comment on function private.save_greeting_rule is 'public.save_greeting_rule behind its door.';
create function public.save_greeting_rule(org_id uuid, rule jsonb, rule_id uuid default null) returns jsonb
  language sql volatile set search_path = ''
begin atomic
  select private.save_greeting_rule(org_id, rule, rule_id);
end;
comment on function public.save_greeting_rule is
  'Adds a greeting rule, or changes the one named: {source: source id or null, lead_types, template, language, languages: {state: language}, mapping: '
  '{header, body, buttons} or params: [field], number: phone number id or null, delay_minutes, on}; what is not given stays. Admins. Returns the rule. Raises PT403, PT404, PT409, PT422.';

create function private.delete_greeting_rule(org_id uuid, rule_id uuid) returns void
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
begin
  perform private.require_role(delete_greeting_rule.org_id, 'admin');
  perform private.cancel_greetings(r.org_id, r.id, 'The greeting was deleted') from public.greeting_rules r
    where r.org_id = delete_greeting_rule.org_id and r.id = delete_greeting_rule.rule_id;
  delete from public.greeting_rules r where r.org_id = delete_greeting_rule.org_id and r.id = delete_greeting_rule.rule_id;
  if not found then
    raise sqlstate 'PT404' using message = 'There is no such greeting rule', detail = 'rule_unknown', hint = 'Reload the settings.';
  end if;
  perform private.audit(delete_greeting_rule.org_id, 'greeting.deleted', 'greeting_rule', delete_greeting_rule.rule_id::text);
end;
$$;
comment on function private.delete_greeting_rule is 'public.delete_greeting_rule behind its door.';
create function public.delete_greeting_rule(org_id uuid, rule_id uuid) returns void
  language sql volatile set search_path = ''
begin atomic
  select private.delete_greeting_rule(org_id, rule_id);
end;
comment on function public.delete_greeting_rule is 'Deletes a greeting rule and cancels what waits because of it. Admins. Raises PT403, PT404 rule_unknown.';

create function private.order_greeting_rules(org_id uuid, rule_ids uuid[]) returns void
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
begin
  perform private.require_role(order_greeting_rules.org_id, 'admin');
  perform from public.greeting_rules r where r.org_id = order_greeting_rules.org_id order by r.id for update;
  if (select coalesce(array_agg(r.id order by r.id), '{}') from public.greeting_rules r where r.org_id = order_greeting_rules.org_id and not r.is_default)
     is distinct from (select coalesce(array_agg(i order by i), '{}') from unnest(order_greeting_rules.rule_ids) i) then
    raise sqlstate 'PT422' using message = 'Give every rule but the default one, each once', detail = 'rules_incomplete', hint = 'Reload the settings.';
  end if;
  update public.greeting_rules r set position = u.n
    from unnest(order_greeting_rules.rule_ids) with ordinality u (id, n)
   where r.org_id = order_greeting_rules.org_id and r.id = u.id and r.position <> u.n;
  perform private.audit(order_greeting_rules.org_id, 'greeting.ordered', 'greeting', order_greeting_rules.org_id::text);
end;
$$;
comment on function private.order_greeting_rules is 'public.order_greeting_rules behind its door.';
create function public.order_greeting_rules(org_id uuid, rule_ids uuid[]) returns void
  language sql volatile set search_path = ''
begin atomic
  select private.order_greeting_rules(org_id, rule_ids);
end;
comment on function public.order_greeting_rules is
  'The order in which rules are tried: all of them but the default one, which is always last. Admins. Raises PT403, PT404, PT422 rules_incomplete.';
grant execute on function private.save_greeting_rule, public.save_greeting_rule, private.delete_greeting_rule, public.delete_greeting_rule,
  private.order_greeting_rules, public.order_greeting_rules to authenticated;

------------------------------------------------------------------------------------------------
-- The default rule and the settings
------------------------------------------------------------------------------------------------
create function private.set_greeting(org_id uuid, setting jsonb) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_rule     public.greeting_rules;
  v_settings public.greeting_settings;
  v_was_on   boolean;
  v_given    jsonb;
begin
  select r.* into v_rule from public.greeting_rules r where r.org_id = set_greeting.org_id and r.is_default;
  if v_rule.id is null and setting ->> 'template' is null and exists (select from public.greeting_rules r where r.org_id = set_greeting.org_id)
     or setting - array['on', 'repeat_days', 'max_age_days'] = '{}'
        and (setting -> 'on' = 'false' or setting -> 'on' is null and v_rule.id is not null) then
    -- The settings alone: the rules are others, or stay as they are, whether or not their template can be sent.
    insert into public.greeting_settings (org_id) values (set_greeting.org_id) on conflict (org_id) do nothing;
  else
    v_given := setting - array['on', 'mapping', 'source'];
    if v_given ->> 'number' is null then
      v_given := v_given - 'number';          -- not given: it stays
    end if;
    if setting -> 'on' = 'true' then
      v_given := v_given || '{"on": true}';
    end if;
    v_rule := private.put_greeting_rule(set_greeting.org_id, v_rule.id, v_given, true);
  end if;
  if coalesce(setting ->> 'repeat_days', '1') !~ '^[0-9]{1,4}$' or coalesce(setting ->> 'max_age_days', '1') !~ '^[1-9][0-9]{0,3}$' then
    raise sqlstate 'PT422' using message = 'Periods are whole days: repeat_days from 0, max_age_days from 1, up to 9999', detail = 'period_invalid',
      hint = 'Give a number of days.';
  end if;
  select g.is_on into v_was_on from public.greeting_settings g where g.org_id = set_greeting.org_id for update;
  insert into public.greeting_settings as g (org_id) values (set_greeting.org_id)
  on conflict (org_id) do update
    set is_on = coalesce((setting ->> 'on')::boolean, g.is_on),
        repeat_after = coalesce(make_interval(days => (setting ->> 'repeat_days')::int), g.repeat_after),
        max_lead_age = coalesce(make_interval(days => (setting ->> 'max_age_days')::int), g.max_lead_age), updated_at = now()
  returning g.* into v_settings;
  if v_was_on and not v_settings.is_on then
    perform private.cancel_greetings(set_greeting.org_id, null, 'Greeting was switched off');
  end if;
  perform private.audit(set_greeting.org_id, 'greeting.changed', 'greeting', set_greeting.org_id::text, setting);
  return jsonb_build_object('on', v_settings.is_on, 'template', v_rule.template_name, 'language', v_rule.language,
      'params', coalesce(v_rule.mapping -> 'body', '[]'), 'lead_types', to_jsonb(v_rule.lead_types))
    || case when v_rule.paused_at is not null then jsonb_build_object('paused_reason', v_rule.paused_reason) else '{}' end;
end;
$$;
comment on function private.set_greeting is
  'Changes the default greeting and the settings: {template, language, params: [field], on, lead_types, number: phone number id, repeat_days, max_age_days}; '
  'what is not given stays. Returns the setting, with paused_reason while it is paused. Raises PT409 number_not_connected, PT422 template_…, field_unknown, lead_type_refused, period_invalid.';

create function private.set_my_greeting(org_id uuid, setting jsonb) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
begin
  perform private.require_role(set_my_greeting.org_id, 'admin');
  return private.set_greeting(set_my_greeting.org_id, set_my_greeting.setting);
end;
$$;
comment on function private.set_my_greeting is 'private.set_greeting for an admin.';
create function public.set_greeting(org_id uuid, setting jsonb) returns jsonb
  language sql volatile set search_path = ''
begin atomic
  select private.set_my_greeting(org_id, setting);
end;
comment on function public.set_greeting is
  'Changes the default greeting and when anybody is greeted: {template, language, params: [field], on, lead_types, number, repeat_days, max_age_days}. '
  'Admins. Returns the setting. Raises PT403, PT404, PT409, PT422.';
grant execute on function private.set_my_greeting, public.set_greeting to authenticated;

create function worker.set_greeting(org_id uuid, setting jsonb) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
begin
  perform worker.organization(set_greeting.org_id);
  return private.set_greeting(set_greeting.org_id, set_greeting.setting);
end;
$$;
comment on function worker.set_greeting is 'private.set_greeting for the operator. Raises PT404 too.';
grant execute on function worker.set_greeting to service_role;

create function private.set_quiet_hours(org_id uuid, quiet_from text, quiet_to text) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  c_time constant text := '^([01][0-9]|2[0-3]):[0-5][0-9]$';
begin
  perform private.require_role(set_quiet_hours.org_id, 'admin');
  if num_nonnulls(set_quiet_hours.quiet_from, set_quiet_hours.quiet_to) = 1
     or set_quiet_hours.quiet_from !~ c_time or set_quiet_hours.quiet_to !~ c_time or set_quiet_hours.quiet_from = set_quiet_hours.quiet_to then
    raise sqlstate 'PT422' using message = 'Quiet hours have a beginning and another end, both like 21:30', detail = 'quiet_hours_invalid',
      hint = 'Leave both out for no quiet hours.';
  end if;
  insert into public.greeting_settings as g (org_id, quiet_from, quiet_to)
  values (set_quiet_hours.org_id, set_quiet_hours.quiet_from, set_quiet_hours.quiet_to)
  on conflict (org_id) do update set quiet_from = excluded.quiet_from, quiet_to = excluded.quiet_to, updated_at = now();
  perform private.audit(set_quiet_hours.org_id, 'greeting.quieted', 'greeting', set_quiet_hours.org_id::text,
    jsonb_build_object('from', set_quiet_hours.quiet_from, 'to', set_quiet_hours.quiet_to));
  return (select jsonb_build_object('quiet_from', set_quiet_hours.quiet_from, 'quiet_to', set_quiet_hours.quiet_to, 'time_zone', o.time_zone)
            from public.organizations o where o.id = set_quiet_hours.org_id);
end;
$$;
comment on function private.set_quiet_hours is 'public.set_quiet_hours behind its door.';
create function public.set_quiet_hours(org_id uuid, quiet_from text default null, quiet_to text default null) returns jsonb
  language sql volatile set search_path = ''
begin atomic
  select private.set_quiet_hours(org_id, quiet_from, quiet_to);
end;
comment on function public.set_quiet_hours is
  'From when to when (HH:MM, the organization''s time zone, over midnight too) nothing goes out by itself; both null: never quiet. Admins. '
  'Returns {quiet_from, quiet_to, time_zone}. Raises PT403, PT404, PT422 quiet_hours_invalid.';
grant execute on function private.set_quiet_hours, public.set_quiet_hours to authenticated;

create function worker.greeting(org_id uuid) returns jsonb
  language plpgsql stable security definer set search_path = ''
as $$
declare
  v_settings jsonb;
begin
  perform worker.organization(greeting.org_id);
  select jsonb_build_object('on', g.is_on, 'repeat_days', extract(day from g.repeat_after)::int, 'max_age_days', extract(day from g.max_lead_age)::int,
                            'quiet_from', g.quiet_from, 'quiet_to', g.quiet_to) into v_settings
    from public.greeting_settings g where g.org_id = greeting.org_id;
  return coalesce(v_settings, '{"on": false}') || (
    select jsonb_build_object('time_zone', o.time_zone,
             'waiting', (select count(*) from public.scheduled_messages s where s.org_id = o.id and s.origin = 'greeting' and s.status = 'waiting'),
             'rules', coalesce((select jsonb_agg(private.greeting_rule_shown(r) order by r.is_default, r.position, r.id)
                                  from public.greeting_rules r where r.org_id = o.id), '[]'))
      from public.organizations o where o.id = greeting.org_id);
end;
$$;
comment on function worker.greeting is
  'The greeting of an organization: {on, repeat_days, max_age_days, quiet_from, quiet_to, time_zone, waiting, rules in the order they are tried}. Raises PT404.';
grant execute on function worker.greeting to service_role;

------------------------------------------------------------------------------------------------
-- Pauses
------------------------------------------------------------------------------------------------
create function private.template_changed(org_id uuid, template_id uuid) returns void
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_template public.message_templates;
  v_rule     public.greeting_rules;
  v_account  uuid;
  v_for      text;
  v_words    text;
begin
  select t.* into v_template from public.message_templates t where t.org_id = template_changed.org_id and t.id = template_changed.template_id;
  if not found then
    return;
  end if;
  perform private.check_broadcasts(v_template.org_id, v_template);
  for v_rule in
    select r.* from public.greeting_rules r
     where r.org_id = v_template.org_id and r.template_name = v_template.name and r.language = v_template.language
     order by r.id for update
  loop
    -- The account that this rule greets from; with no number left, that of the template.
    select n.account_id into v_account from public.whatsapp_numbers n
     where n.org_id = v_rule.org_id and n.status <> 'disconnected'
     order by n.id is distinct from v_rule.number_id, n.connected_at, n.id limit 1;
    continue when coalesce(v_account, v_template.account_id) <> v_template.account_id;
    v_for := case when v_template.category <> v_rule.category then 'category' when v_template.status <> 'APPROVED' then 'status' end;
    v_words := case v_for
      when 'category' then private.category_words(v_template.name, v_rule.category, v_template.category)
      when 'status' then format('Template "%s" is not approved (%s)', v_template.name, v_template.status) || coalesce(': ' || v_template.rejected_reason, '') end;
    continue when (v_for, v_words) is not distinct from (v_rule.paused_for, v_rule.paused_reason);
    update public.greeting_rules r
       set paused_for = v_for, paused_reason = v_words, paused_at = case when v_for is not null then coalesce(r.paused_at, now()) end
     where r.org_id = v_rule.org_id and r.id = v_rule.id;
    perform private.audit(v_rule.org_id, case when v_for is null then 'greeting.resumed' else 'greeting.paused' end, 'greeting_rule', v_rule.id::text,
      jsonb_build_object('for', coalesce(v_for, v_rule.paused_for), 'template_id', v_template.id, 'status', v_template.status,
                         'accepted', v_rule.category, 'category', v_template.category));
  end loop;
end;
$$;
comment on function private.template_changed is
  'Called when a template''s status or category may have changed: rules that greet with it pause, with the reason in words, or resume where the reason is gone. '
  'A category that nobody accepted stays a reason until public.resume_greeting. Any number of times, with one result.';

create function private.accept_greeting(org_id uuid, rule_id uuid) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_rule     public.greeting_rules;
  v_number   public.whatsapp_numbers;
  v_category text;
begin
  select r.* into v_rule from public.greeting_rules r where r.org_id = accept_greeting.org_id and r.id = accept_greeting.rule_id for update;
  if not found then
    raise sqlstate 'PT404' using message = 'There is no such greeting rule', detail = 'rule_unknown', hint = 'Reload the settings.';
  end if;
  v_number := private.greeting_account(v_rule.org_id, v_rule.number_id);
  perform private.template_message(v_rule.org_id, v_number.account_id, v_rule.template_name, v_rule.language,
    private.fill_template(v_rule.org_id, v_number.account_id, v_rule.template_name, v_rule.language, private.plain_mapping(v_rule.mapping), null, null),
    v_number.phone_number_id);
  select t.category into v_category from public.message_templates t
   where t.org_id = v_rule.org_id and t.account_id = v_number.account_id and t.name = v_rule.template_name and t.language = v_rule.language;
  update public.greeting_rules r set category = v_category, paused_for = null, paused_reason = null, paused_at = null
   where r.org_id = v_rule.org_id and r.id = v_rule.id;
  perform private.audit(v_rule.org_id, 'greeting.resumed', 'greeting_rule', v_rule.id::text,
    jsonb_build_object('for', v_rule.paused_for, 'accepted', v_rule.category, 'category', v_category));
  return (select private.greeting_rule_shown(r) from public.greeting_rules r where r.org_id = v_rule.org_id and r.id = v_rule.id);
end;
$$;
comment on function private.accept_greeting is
  'Ends the pause of a rule and accepts its template as it is now, price class included. Raises PT404 rule_unknown, PT409 number_not_connected, PT422 while the template cannot be sent.';

create function private.resume_greeting(org_id uuid, rule_id uuid) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
begin
  perform private.require_role(resume_greeting.org_id, 'admin');
  return private.accept_greeting(resume_greeting.org_id, resume_greeting.rule_id);
end;
$$;
comment on function private.resume_greeting is 'private.accept_greeting for an admin.';
create function public.resume_greeting(org_id uuid, rule_id uuid) returns jsonb
  language sql volatile set search_path = ''
begin atomic
  select private.resume_greeting(org_id, rule_id);
end;
comment on function public.resume_greeting is
  'Ends the pause of a greeting rule and accepts its template as it is now, price class included. Admins. Returns the rule. Raises PT403, PT404 rule_unknown, PT409, PT422.';
grant execute on function private.resume_greeting, public.resume_greeting to authenticated;

create function worker.resume_greeting(org_id uuid, rule_id uuid) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
begin
  perform worker.organization(resume_greeting.org_id);
  return private.accept_greeting(resume_greeting.org_id, resume_greeting.rule_id);
end;
$$;
comment on function worker.resume_greeting is 'private.accept_greeting for the operator. Raises PT404 too.';
grant execute on function worker.resume_greeting to service_role;

------------------------------------------------------------------------------------------------
-- The rehearsal
------------------------------------------------------------------------------------------------
create function private.blank_fields(mapping jsonb, lead public.leads, contact public.contacts) returns jsonb
  language sql stable security definer set search_path = ''
as $$
  -- A field with the sign for "nothing" as its only words comes back as that sign when it is empty.
  select coalesce(jsonb_agg(distinct split_part(v #>> '{}', '|', 1)), '[]')
    from jsonb_path_query(mapping, 'strict $.**') v
   where jsonb_typeof(v) = 'string' and private.greeting_value(split_part(v #>> '{}', '|', 1) || '|␀', lead, contact) = '␀'
     and split_part(v #>> '{}', '|', 1) in ('name', 'company', 'product', 'title', 'city', 'state', 'phone', 'organization')
$$;
comment on function private.blank_fields is 'The fields of a mapping that a lead does not have, so that other words stand in.';

create function private.rehearse_greetings(org_id uuid, page_size int) returns jsonb
  language plpgsql stable security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_lead    public.leads;
  v_contact public.contacts;
  v_plan    private.greeting_plan;
  v_rule    public.greeting_rules;
  v_greeted jsonb := '{}';
  v_rows    jsonb := '[]';
  v_words   text;
  v_state   text;
begin
  for v_lead in
    select l.* from (select k.* from public.leads k where k.org_id = rehearse_greetings.org_id
                      order by k.received_at desc, k.id desc limit least(greatest(coalesce(rehearse_greetings.page_size, 50), 1), 200)) l
     order by l.created_at, l.received_at, l.id
  loop
    select c.* into v_contact from public.contacts c where c.org_id = v_lead.org_id and c.id = v_lead.contact_id;
    -- As the world was when the lead came: greeted before it, or by this rehearsal.
    if v_contact.greeted_at >= v_lead.created_at then
      v_contact.greeted_at := null;
    end if;
    v_contact.greeted_at := greatest(v_contact.greeted_at, (v_greeted ->> v_contact.id::text)::timestamptz);
    v_plan := private.choose_greeting(v_lead, true);
    v_rule := v_plan.rule;
    if v_plan.reason is null then
      begin
        v_plan := private.plan_greeting(v_plan, v_lead, v_contact, v_lead.created_at);
      exception when others then
        get stacked diagnostics v_state = returned_sqlstate, v_words = message_text;
        v_plan.reason := case when v_state ~ '^PT4' then v_words else format('The greeting could not be made ready (%s)', v_state) end;
      end;
    end if;
    if v_plan.reason is null then
      v_greeted := v_greeted || jsonb_build_object(v_contact.id::text, v_lead.created_at);
    end if;
    v_rows := jsonb_build_array(jsonb_build_object(
        'lead_id', v_lead.id, 'contact_id', v_lead.contact_id, 'name', v_contact.name, 'source_kind', v_lead.source_kind, 'lead_type', v_lead.lead_type,
        'received_at', v_lead.received_at, 'greeted', v_plan.reason is null, 'rule_id', v_rule.id)
      || case when v_plan.reason is null
              then jsonb_build_object('template', v_rule.template_name, 'language', v_plan.language, 'category', v_rule.category,
                     'text', v_plan.message ->> 'text', 'send_at', v_plan.send_at, 'blank', private.blank_fields(v_rule.mapping, v_lead, v_contact))
              else jsonb_build_object('reason', v_plan.reason) end) || v_rows;
  end loop;
  return jsonb_build_object(
    'on', coalesce((select g.is_on from public.greeting_settings g where g.org_id = rehearse_greetings.org_id), false),
    'greeted', (select count(*) from jsonb_array_elements(v_rows) r where r -> 'greeted' = 'true'),
    'skipped', (select count(*) from jsonb_array_elements(v_rows) r where r -> 'greeted' = 'false'),
    'by_category', (select coalesce(jsonb_object_agg(k.category, k.n), '{}')
                      from (select r ->> 'category' as category, count(*) as n from jsonb_array_elements(v_rows) r where r -> 'greeted' = 'true' group by 1) k),
    'leads', v_rows);
end;
$$;
comment on function private.rehearse_greetings is
  'What today''s rules would have done with the newest leads (200 at most), each as when it came: {on, greeted, skipped, by_category: {category: messages}, leads: '
  '[{lead_id, contact_id, name, source_kind, lead_type, received_at, greeted, rule_id, and template, language, category, text, send_at, blank: [fields replaced by other words], or reason}]}. Writes nothing.';

create function private.greeting_dry_run(org_id uuid, page_size int) returns jsonb
  language plpgsql stable security definer set search_path = ''
as $$
begin
  perform private.require_role(greeting_dry_run.org_id, 'admin');
  return private.rehearse_greetings(greeting_dry_run.org_id, greeting_dry_run.page_size);
end;
$$;
comment on function private.greeting_dry_run is 'private.rehearse_greetings for an admin.';
create function public.greeting_dry_run(org_id uuid, page_size int default 50) returns jsonb
  language sql stable set search_path = ''
begin atomic
  select private.greeting_dry_run(org_id, page_size);
end;
comment on function public.greeting_dry_run is
  'What today''s rules would have done with the newest leads, whether greeting is on or not; writes nothing. Admins. Returns {on, greeted, skipped, by_category, '
  'leads: [{lead_id, greeted, rule_id, and text, send_at, category, blank, …, or reason}]}. Raises PT403, PT404.';
grant execute on function private.greeting_dry_run, public.greeting_dry_run to authenticated;

create function worker.greeting_dry_run(org_id uuid, page_size int default 50) returns jsonb
  language plpgsql stable security definer set search_path = ''
as $$
begin
  perform worker.organization(greeting_dry_run.org_id);
  return private.rehearse_greetings(greeting_dry_run.org_id, greeting_dry_run.page_size);
end;
$$;
comment on function worker.greeting_dry_run is 'private.rehearse_greetings for the operator. Raises PT404.';
grant execute on function worker.greeting_dry_run to service_role;
