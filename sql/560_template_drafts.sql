-- 560_template_drafts.sql: templates written in Flow: checked, made, changed and removed at Meta by a worker.

------------------------------------------------------------------------------------------------
-- The check
------------------------------------------------------------------------------------------------
create function private.refuse_draft(field text, problem text, hint text default 'Correct it, then submit again.') returns void
  language plpgsql immutable set search_path = ''
as $$
begin
  raise sqlstate 'PT422' using message = format('The template''s %s %s', field, problem),
    detail = 'template_' || regexp_replace(regexp_replace(lower(field), '^(button|example|variable).*$', '\1s'), '[^a-z]+', '_', 'g'), hint = refuse_draft.hint;
end;
$$;
comment on function private.refuse_draft is 'Raises PT422 template_<field> with a sentence that names the field.';

create function private.check_draft_text(field text, words text, longest int, is_named boolean, example jsonb) returns void
  language plpgsql immutable set search_path = ''
as $$
declare
  v_names text[] := private.placeholders(words);
  v_bare  text := regexp_replace(words, '\{\{[A-Za-z0-9_]+\}\}', '', 'g');
  v_given jsonb;
begin
  if btrim(coalesce(words, '')) = '' then
    perform private.refuse_draft(field, 'is empty');
  elsif length(words) > longest then
    perform private.refuse_draft(field, format('has %s characters, Meta takes %s', length(words), longest));
  elsif v_bare ~ '\{\{|\}\}' then
    perform private.refuse_draft(field, 'has a broken variable', 'Write {{1}} or {{name}}: letters, digits and underscores, no spaces.');
  elsif is_named and exists (select from unnest(v_names) n where n !~ '^[a-z_][a-z0-9_]*$') then
    perform private.refuse_draft(field, 'mixes numbered and named variables, or names one in capitals', 'Named variables are lower-case letters, digits and underscores.');
  elsif not is_named and v_names <> array(select i::text from generate_series(1, cardinality(v_names)) i) then
    perform private.refuse_draft(field, 'does not number its variables 1, 2, 3 …', 'Begin with {{1}} and leave no number out.');
  elsif cardinality(v_names) = 0 then
    return;
  end if;
  v_given := case when is_named then example -> (field || '_text_named_params')
                  when field = 'body' then example #> '{body_text,0}' else example -> (field || '_text') end;
  if is_named then
    if coalesce(jsonb_typeof(v_given), '') <> 'array' or exists (select from unnest(v_names) n where not exists (
         select from jsonb_array_elements(v_given) e where e ->> 'param_name' = n and jsonb_typeof(e -> 'example') = 'string' and btrim(e ->> 'example') <> '')) then
      perform private.refuse_draft('examples', format('lack one for a variable of the %s', field),
        format('Give example.%s_text_named_params: [{"param_name", "example"}] for each.', field));
    end if;
  elsif coalesce(jsonb_typeof(v_given), '') <> 'array' or jsonb_array_length(v_given) <> cardinality(v_names)
        or exists (select from jsonb_array_elements(v_given) e where jsonb_typeof(e) <> 'string' or btrim(e #>> '{}') = '') then
    perform private.refuse_draft('examples', format('must be %s for the %s, one for each variable', cardinality(v_names), field),
      case field when 'body' then 'Give example.body_text: [["first", "second"]].' else 'Give example.header_text: ["first"].' end);
  end if;
end;
$$;
comment on function private.check_draft_text is 'Refuses a header''s or body''s text that Meta would refuse: length, variables, examples.';

create function private.check_draft_buttons(buttons jsonb, is_code boolean) returns void
  language plpgsql immutable set search_path = ''
as $$
declare
  v_button jsonb;
  v_at     int;
  v_type   text;
  v_types  text[] := '{}';
  v_url    text;
  v_field  text;
begin
  if coalesce(jsonb_typeof(buttons), '') <> 'array' or jsonb_array_length(buttons) not between 1 and 10 then
    perform private.refuse_draft('buttons', 'are 1 to 10');
  end if;
  for v_button, v_at in select b, i from jsonb_array_elements(buttons) with ordinality u (b, i) loop
    v_field := format('button %s', v_at);
    v_type := upper(coalesce(v_button ->> 'type', ''));
    if v_type not in ('QUICK_REPLY', 'URL', 'PHONE_NUMBER', 'COPY_CODE', 'FLOW', 'OTP') then
      perform private.refuse_draft(v_field, 'is of an unknown type', 'Types: QUICK_REPLY, URL, PHONE_NUMBER, COPY_CODE, FLOW; OTP for codes.');
    elsif (v_type = 'OTP') <> is_code then
      perform private.refuse_draft(v_field, 'does not fit the category', 'OTP belongs to AUTHENTICATION, and nothing else does.');
    end if;
    v_types := v_types || v_type;
    if v_type not in ('COPY_CODE', 'OTP') and (btrim(coalesce(v_button ->> 'text', '')) = '' or length(v_button ->> 'text') > 25) then
      perform private.refuse_draft(v_field, 'needs a text of 1 to 25 characters');
    elsif v_button ->> 'text' ~ '\{\{|[\r\n]' then
      perform private.refuse_draft(v_field, 'may have no variable or line break in its text');
    end if;
    if v_type = 'URL' then
      v_url := coalesce(v_button ->> 'url', '');
      if v_url !~ '^https?://[^\s/{}]+' or v_url ~ '\s' or length(v_url) > 2000 then
        perform private.refuse_draft(v_field, 'needs an address (url) of at most 2000 characters, beginning with https://');
      elsif v_url ~ '[{}]' and v_url !~ '^[^{}]+\{\{1\}\}$' then
        perform private.refuse_draft(v_field, 'may have one variable, {{1}}, at the very end of its address');
      elsif v_url ~ '\{\{1\}\}$' and coalesce(v_button #>> '{example,0}', case jsonb_typeof(v_button -> 'example') when 'string' then v_button ->> 'example' end, '') = '' then
        perform private.refuse_draft('examples', format('lack one for the address of button %s', v_at), 'Give the button example: ["https://…whole address"].');
      end if;
    elsif v_type = 'PHONE_NUMBER' and coalesce(v_button ->> 'phone_number', '') !~ '^\+?[0-9]{7,19}$' then
      perform private.refuse_draft(v_field, 'needs a phone_number: digits, at most 20 characters', 'Write it like +919810000011.');
    elsif v_type = 'COPY_CODE' and coalesce(v_button ->> 'example', v_button #>> '{example,0}', '') !~ '^\S.{0,14}$' then
      perform private.refuse_draft('examples', format('lack the code of button %s: 1 to 15 characters', v_at), 'Give the button example: "SAVE20".');
    elsif v_type = 'FLOW' and coalesce(v_button ->> 'flow_id', v_button ->> 'flow_name', v_button ->> 'flow_json') is null then
      perform private.refuse_draft(v_field, 'needs a flow_id');
    elsif v_type = 'OTP' and coalesce(v_button ->> 'otp_type', '') not in ('COPY_CODE', 'ONE_TAP', 'ZERO_TAP') then
      perform private.refuse_draft(v_field, 'needs an otp_type: COPY_CODE, ONE_TAP or ZERO_TAP');
    elsif v_type = 'OTP' and v_button ->> 'otp_type' <> 'COPY_CODE' and coalesce(jsonb_typeof(v_button -> 'supported_apps'), '') <> 'array' then
      perform private.refuse_draft(v_field, 'needs supported_apps for this otp_type', 'COPY_CODE needs none.');
    end if;
  end loop;
  if is_code and cardinality(v_types) <> 1 then
    perform private.refuse_draft('buttons', 'are one OTP for a code');
  end if;
  select t into v_type from unnest(v_types) t
   where t in ('URL', 'PHONE_NUMBER', 'COPY_CODE', 'FLOW')
   group by t having count(*) > case t when 'URL' then 2 else 1 end limit 1;
  if v_type is not null then
    perform private.refuse_draft('buttons', format('have too many of type %s', v_type), 'At most two URL, one PHONE_NUMBER, one COPY_CODE and one FLOW.');
  elsif array_to_string(array(select case t when 'QUICK_REPLY' then 'Q' else 'C' end from unnest(v_types) with ordinality u (t, i) order by i), '') ~ 'QC+Q|CQ+C' then
    perform private.refuse_draft('buttons', 'mix quick replies and others', 'Put all quick replies first, or all last.');
  end if;
end;
$$;
comment on function private.check_draft_buttons is 'Refuses buttons that Meta would refuse: number, kinds, order, texts, addresses, examples.';

create function private.check_template(draft jsonb) returns jsonb
  language plpgsql immutable set search_path = ''
as $$
declare
  v_category text := upper(coalesce(draft ->> 'category', ''));
  v_parts    jsonb := draft -> 'components';
  v_part     jsonb;
  v_type     text;
  v_types    text[] := '{}';
  v_text     text;
  v_names    text[] := '{}';
  v_is_code  boolean := v_category = 'AUTHENTICATION';
  v_is_named boolean;
  v_wrong    text;
begin
  select string_agg(k, ', ' order by k) into v_wrong from jsonb_object_keys(case jsonb_typeof(draft) when 'object' then draft else '{}' end) k
   where k not in ('name', 'language', 'category', 'parameter_format', 'components');
  if coalesce(jsonb_typeof(draft), '') <> 'object' or v_wrong is not null then
    perform private.refuse_draft('draft', coalesce('has an unknown key: ' || left(v_wrong, 100), 'is not an object'), 'Keys: name, language, category, parameter_format, components.');
  elsif coalesce(draft ->> 'name', '') !~ '^[a-z0-9_]+$' or length(draft ->> 'name') > 512 then
    perform private.refuse_draft('name', 'has lower-case letters, digits and underscores only, at most 512');
  elsif coalesce(draft ->> 'language', '') !~ '^[a-z]{2,3}(_[A-Z]{2,3})?$' then
    perform private.refuse_draft('language', 'is a code of Meta''s, like en, en_US or hi');
  elsif v_category not in ('MARKETING', 'UTILITY', 'AUTHENTICATION') then
    perform private.refuse_draft('category', 'is MARKETING, UTILITY or AUTHENTICATION');
  elsif coalesce(jsonb_typeof(v_parts), '') <> 'array' or exists (select from jsonb_array_elements(v_parts) c where jsonb_typeof(c) <> 'object') then
    perform private.refuse_draft('components', 'are a list of parts: HEADER, BODY, FOOTER, BUTTONS');
  end if;
  select coalesce(array_agg(n), '{}') into v_names from jsonb_array_elements(v_parts) c, unnest(private.placeholders(c ->> 'text')) n
   where upper(c ->> 'type') in ('HEADER', 'BODY');
  v_is_named := coalesce(upper(draft ->> 'parameter_format') = 'NAMED', exists (select from unnest(v_names) n where n !~ '^[0-9]+$'));
  if upper(coalesce(draft ->> 'parameter_format', 'NAMED')) not in ('NAMED', 'POSITIONAL') then
    perform private.refuse_draft('parameter_format', 'is POSITIONAL or NAMED');
  end if;
  for v_part in select c from jsonb_array_elements(v_parts) c loop
    v_type := upper(coalesce(v_part ->> 'type', ''));
    v_text := v_part ->> 'text';
    if v_type not in ('HEADER', 'BODY', 'FOOTER', 'BUTTONS') then
      perform private.refuse_draft('components', format('have a part that Flow cannot make: %s', left(v_type, 40)), 'Parts: HEADER, BODY, FOOTER, BUTTONS.');
    elsif v_type = any (v_types) then
      perform private.refuse_draft(v_type, 'is given twice');
    end if;
    v_types := v_types || v_type;
    if v_type = 'HEADER' then
      if v_is_code then
        perform private.refuse_draft('header', 'does not belong to a code');
      elsif upper(coalesce(v_part ->> 'format', '')) = 'TEXT' then
        perform private.check_draft_text('header', v_text, 60, v_is_named, v_part -> 'example');
        if cardinality(private.placeholders(v_text)) > 1 then
          perform private.refuse_draft('header', 'may have one variable');
        elsif v_text ~ '[\r\n*]|[\U0001F000-\U0001FAFF]' then
          perform private.refuse_draft('header', 'may have no line break, asterisk or emoji');
        end if;
      elsif upper(coalesce(v_part ->> 'format', '')) in ('IMAGE', 'VIDEO', 'DOCUMENT') then
        if coalesce(v_part #>> '{example,header_handle,0}', '') = '' then
          perform private.refuse_draft('header', 'needs a sample file', 'Upload one first (POST /api/templates/sample) and give its handle as example.header_handle: ["…"].');
        end if;
      elsif upper(coalesce(v_part ->> 'format', '')) <> 'LOCATION' then
        perform private.refuse_draft('header', 'has a format: TEXT, IMAGE, VIDEO, DOCUMENT or LOCATION');
      end if;
    elsif v_type = 'BODY' and v_is_code then
      if v_text is not null then
        perform private.refuse_draft('body', 'of a code is Meta''s own: give no text', 'add_security_recommendation: true adds a sentence.');
      end if;
    elsif v_type = 'BODY' then
      perform private.check_draft_text('body', v_text, 1024, v_is_named, v_part -> 'example');
      if btrim(v_text, E' \n\r\t') ~ '^\{\{[^}]*\}\}|\{\{[^}]*\}\}$' then
        perform private.refuse_draft('body', 'begins or ends with a variable', 'Put words before and after every variable.');
      end if;
    elsif v_type = 'FOOTER' and v_is_code then
      if v_text is not null or coalesce(v_part ->> 'code_expiration_minutes', '') !~ '^([1-9]|[1-8][0-9]|90)$' then
        perform private.refuse_draft('footer', 'of a code is code_expiration_minutes: 1 to 90');
      end if;
    elsif v_type = 'FOOTER' then
      if btrim(coalesce(v_text, '')) = '' or length(v_text) > 60 then
        perform private.refuse_draft('footer', 'has 1 to 60 characters');
      elsif v_text ~ '\{\{|[\r\n]' then
        perform private.refuse_draft('footer', 'may have no variable or line break');
      end if;
    else
      perform private.check_draft_buttons(v_part -> 'buttons', v_is_code);
    end if;
  end loop;
  if not 'BODY' = any (v_types) then
    perform private.refuse_draft('body', 'is missing');
  elsif v_is_code and not 'BUTTONS' = any (v_types) then
    perform private.refuse_draft('buttons', 'are one OTP for a code');
  end if;
  return jsonb_build_object('name', draft -> 'name', 'language', draft -> 'language', 'category', v_category,
    'parameter_format', case when v_is_named then 'NAMED' else 'POSITIONAL' end, 'components', v_parts);
end;
$$;
comment on function private.check_template is
  'A draft {name, language, category, parameter_format?, components in Meta''s form} as it goes to Meta, or PT422 with the field that Meta would refuse: '
  'template_name, template_language, template_category, template_header, template_body, template_footer, template_buttons, template_examples, ….';

------------------------------------------------------------------------------------------------
-- Writes at Meta
------------------------------------------------------------------------------------------------
create table private.template_writes (
  org_id     uuid not null,
  id         uuid not null default gen_random_uuid(),
  account_id uuid not null,
  action     text not null,
  name       text not null,
  language   text,
  draft      jsonb not null default '{}',
  counts     boolean not null default true,
  outcome    text,
  begun_at   timestamptz not null default clock_timestamp(),
  primary key (org_id, id),
  constraint template_write_is_of_an_account_of_its_organization foreign key (org_id, account_id)
    references public.whatsapp_accounts (org_id, id) on delete cascade,
  constraint template_write_action_is_known check (action in ('create', 'edit', 'delete')),
  constraint template_write_outcome_is_known check (outcome in ('done', 'refused', 'unknown'))
);
comment on table private.template_writes is 'Templates made, changed and removed at Meta by Flow: what is under way, and what counts against Meta''s limits. Kept for 31 days.';
comment on column private.template_writes.org_id is 'The organization.';
comment on column private.template_writes.id is 'The write.';
comment on column private.template_writes.account_id is 'The account.';
comment on column private.template_writes.action is 'create, edit or delete.';
comment on column private.template_writes.name is 'The template''s name.';
comment on column private.template_writes.language is 'Its language; null: all of that name.';
comment on column private.template_writes.draft is 'What goes to Meta.';
comment on column private.template_writes.counts is 'Whether it counts against Meta''s limits: creations, and edits of approved templates.';
comment on column private.template_writes.outcome is 'done, refused by Meta, or unknown (its answer was lost); null: under way.';
comment on column private.template_writes.begun_at is 'When it began.';
create index template_writes_account on private.template_writes (org_id, account_id, begun_at);
alter table private.template_writes enable row level security;

create function worker.begin_template_write(org_id uuid, action text, draft jsonb, account_id uuid default null) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_account  uuid;
  v_accounts uuid[];
  v_draft    jsonb := begin_template_write.draft;
  v_template public.message_templates;
  v_counts   boolean := true;
  v_count    int;
  v_oldest   timestamptz;
  v_access   jsonb;
  v_id       uuid;
begin
  perform worker.organization(begin_template_write.org_id);
  if action = 'create' then
    v_draft := private.check_template(v_draft);
  elsif coalesce(jsonb_typeof(v_draft), '') <> 'object' or coalesce(v_draft ->> 'name', '') = '' then
    perform private.refuse_draft('name', 'is missing', 'Name the template.');
  end if;
  select array_agg(a.id order by a.connected_at) into v_accounts from public.whatsapp_accounts a
   where a.org_id = begin_template_write.org_id and a.status = 'connected' and a.credential_id is not null
     and (begin_template_write.account_id is null or a.id = begin_template_write.account_id);
  if v_accounts is null then
    raise sqlstate 'PT409' using message = 'The organization has no connected WhatsApp account', detail = 'not_connected', hint = 'Connect WhatsApp first.';
  elsif cardinality(v_accounts) > 1 and action <> 'create' then
    select t.account_id into v_account from public.message_templates t
     where t.org_id = begin_template_write.org_id and t.account_id = any (v_accounts) and t.name = v_draft ->> 'name' and t.status <> 'DELETED'
     order by array_position(v_accounts, t.account_id) limit 1;
  end if;
  v_account := coalesce(v_account, v_accounts[1]);
  -- One at a time begins in an account: limits are counted and names looked up in order.
  perform from private.template_syncs s where s.org_id = begin_template_write.org_id and s.account_id = v_account for update;
  select t.* into v_template from public.message_templates t
   where t.org_id = begin_template_write.org_id and t.account_id = v_account and t.name = v_draft ->> 'name'
     and (v_draft ->> 'language' is null and action = 'delete' or t.language = v_draft ->> 'language') and t.status <> 'DELETED'
   order by t.language limit 1;

  if action = 'create' then
    if v_template.id is not null or exists (select from private.template_writes w
         where w.org_id = begin_template_write.org_id and w.account_id = v_account and w.action = 'create' and w.outcome is null
           and (w.name, w.language) = (v_draft ->> 'name', v_draft ->> 'language') and w.begun_at > now() - interval '2 minutes') then
      raise sqlstate 'PT409' using message = format('There is a template "%s" in language "%s" already', v_draft ->> 'name', v_draft ->> 'language'),
        detail = 'template_exists', hint = 'Edit that one, or choose another name. After a lost answer it is the one you made.';
    end if;
    select count(*), min(w.begun_at) into v_count, v_oldest from (
      select w.begun_at from private.template_writes w
       where w.org_id = begin_template_write.org_id and w.account_id = v_account and w.action = 'create' and w.counts
         and w.begun_at > now() - interval '1 hour' order by w.begun_at desc limit 100) w;
    if v_count >= 100 then
      raise sqlstate 'PT429' using message = 'Meta takes 100 new templates an hour, and so many were made', detail = 'template_limit',
        hint = private.retry_at(v_oldest + interval '1 hour');
    end if;
  elsif v_template.id is null then
    raise sqlstate 'PT404' using message = format('There is no template "%s"%s', v_draft ->> 'name', coalesce(' in language "' || (v_draft ->> 'language') || '"', '')),
      detail = 'template_unknown', hint = 'Sync the templates, or look at their names.';
  elsif action = 'edit' then
    v_draft := private.check_template(jsonb_build_object('name', v_template.name, 'language', v_template.language,
      'category', coalesce(v_draft ->> 'category', v_template.category), 'components', coalesce(v_draft -> 'components', v_template.components))
      || case when v_draft ->> 'parameter_format' is not null then jsonb_build_object('parameter_format', v_draft ->> 'parameter_format') else '{}' end);
    if v_template.status not in ('APPROVED', 'REJECTED', 'PAUSED') or v_template.meta_id is null then
      raise sqlstate 'PT409' using message = format('A template can be changed when it is approved, rejected or paused; this one is %s', v_template.status),
        detail = 'template_not_editable', hint = 'Wait for the end of Meta''s review.';
    elsif v_template.status = 'APPROVED' and v_draft ->> 'category' <> v_template.category then
      perform private.refuse_draft('category', 'cannot be changed once the template is approved', 'Make a new template.');
    end if;
    v_counts := v_template.status = 'APPROVED';
    select w.begun_at + case when w.begun_at > now() - interval '1 day' and w.n = 1 then interval '1 day' else interval '30 days' end into v_oldest from (
      select w.begun_at, row_number() over (order by w.begun_at desc) as n from private.template_writes w
       where w.org_id = begin_template_write.org_id and w.account_id = v_account and w.action = 'edit' and w.counts
         and (w.name, w.language) = (v_template.name, v_template.language) and coalesce(w.outcome, '') <> 'refused' and w.begun_at > now() - interval '30 days') w
     where w.n = 10 or w.n = 1 and w.begun_at > now() - interval '1 day' order by w.n desc limit 1;
    if v_counts and v_oldest is not null then
      raise sqlstate 'PT429' using message = 'Meta takes one change of an approved template a day, and ten in 30 days', detail = 'template_edit_limit',
        hint = private.retry_at(v_oldest);
    end if;
  elsif action <> 'delete' then
    raise sqlstate 'PT422' using message = 'A template is created, edited or deleted', detail = 'action_unknown', hint = 'create, edit or delete.';
  end if;

  v_access := private.template_access(begin_template_write.org_id, v_account, 'template_write');
  if v_access is null then
    raise sqlstate 'PT409' using message = 'The access token cannot be read: connect WhatsApp again', detail = 'not_connected', hint = 'Connect WhatsApp again.';
  end if;
  if action = 'edit' then
    -- Meta tells whole seconds: the review of this change may end in the second in which the one before it ended, and is news all the same.
    update private.field_marks f set at = date_trunc('second', clock_timestamp()) - interval '1 microsecond', digest = ''
     where f.org_id = begin_template_write.org_id and f.key = 'template:' || v_template.id || ':status';
  end if;
  insert into private.template_writes as w (org_id, account_id, action, name, language, draft, counts)
  values (begin_template_write.org_id, v_account, action, v_draft ->> 'name', v_draft ->> 'language', v_draft, v_counts) returning w.id into v_id;
  return v_access || jsonb_build_object('write_id', v_id, 'draft', v_draft, 'meta_id', v_template.meta_id);
end;
$$;
comment on function worker.begin_template_write is
  'Asked before a template is created, edited or deleted at Meta: everything that Meta would refuse is refused here. The draft of an edit names the '
  'template by name and language, that of a delete by name and, if not all languages, language. Returns {write_id, org_id, account_id, waba_id, token, '
  'draft, meta_id}. Raises PT404, PT409 not_connected, template_exists, template_not_editable, PT422 template_…, PT429 template_limit, template_edit_limit.';
grant execute on function worker.begin_template_write to service_role;

create function worker.finish_template_write(org_id uuid, write_id uuid, outcome text, answer jsonb default '{}', code int default null) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_write private.template_writes;
  v_row   public.message_templates;
  v_count int := 0;
begin
  update private.template_writes w set outcome = finish_template_write.outcome
   where w.org_id = finish_template_write.org_id and w.id = finish_template_write.write_id and w.outcome is null returning w.* into v_write;
  if not found then
    raise sqlstate 'PT404' using message = 'There is no such write under way', detail = 'write_unknown', hint = 'Sync the templates.';
  end if;
  if v_write.outcome = 'done' and v_write.action = 'delete' then
    update public.message_templates t set status = 'DELETED', synced_at = clock_timestamp()
     where t.org_id = v_write.org_id and t.account_id = v_write.account_id and t.name = v_write.name and t.status <> 'DELETED'
       and (v_write.language is null or t.language = v_write.language);
    get diagnostics v_count = row_count;
  elsif v_write.outcome = 'done' then
    insert into public.message_templates as t (org_id, account_id, meta_id, name, language, status, category, parameter_format, components, synced_at)
    values (v_write.org_id, v_write.account_id, answer ->> 'id', v_write.name, v_write.language, upper(coalesce(answer ->> 'status', 'PENDING')),
            upper(coalesce(answer ->> 'category', v_write.draft ->> 'category')), v_write.draft ->> 'parameter_format', v_write.draft -> 'components', clock_timestamp())
    on conflict on constraint template_is_unique_in_account do update
      set meta_id = coalesce(excluded.meta_id, t.meta_id), category = excluded.category, parameter_format = excluded.parameter_format,
          components = excluded.components, rejected_reason = null, blocked_reason = null, synced_at = clock_timestamp(),
          -- Meta's review may have ended before its answer to us was stored; a webhook told of that.
          status = case when t.status <> 'DELETED' and t.synced_at > v_write.begun_at then t.status else excluded.status end
    returning t.* into v_row;
  end if;
  -- In any case: the answer was lost, the name was taken at Meta, or the review ended before this row was there to be told.
  perform private.want_template_sync(v_write.org_id, v_write.account_id);
  if v_write.outcome = 'done' then
    perform private.audit(v_write.org_id, 'template.' || case v_write.action when 'create' then 'created' when 'edit' then 'edited' else 'deleted' end,
      'message_template', v_write.name, jsonb_strip_nulls(jsonb_build_object('language', v_write.language, 'account_id', v_write.account_id)));
  end if;
  if code = 190 then
    perform private.ask_reconnect(v_write.org_id, v_write.account_id, 'Meta refuses the access token: connect WhatsApp again');
  end if;
  return jsonb_strip_nulls(jsonb_build_object('template_id', v_row.id, 'name', v_write.name, 'language', v_write.language, 'status', v_row.status,
    'category', v_row.category, 'deleted', case when v_write.action = 'delete' then v_count end));
end;
$$;
comment on function worker.finish_template_write is
  'What became of a write: done with Meta''s answer (stored at once), refused with Meta''s code (nothing is stored), or unknown (the templates are read '
  'again soon). Returns {template_id, name, language, status, category} or {name, deleted}. Raises PT404 write_unknown.';
grant execute on function worker.finish_template_write to service_role;

create function worker.list_templates(org_id uuid) returns jsonb
  language plpgsql stable security definer set search_path = ''
as $$
begin
  perform worker.organization(list_templates.org_id);
  return jsonb_build_object('templates', coalesce((
    select jsonb_agg(jsonb_build_object('template_id', t.id, 'name', t.name, 'language', t.language, 'status', t.status, 'category', t.category,
             'parameters', t.parameters, 'blocked_reason', t.blocked_reason, 'rejected_reason', t.rejected_reason) order by t.name, t.language)
      from public.message_templates t where t.org_id = list_templates.org_id and t.status <> 'DELETED'), '[]'));
end;
$$;
comment on function worker.list_templates is 'The templates of an organization as Flow knows them, for the operator: {templates: [{template_id, name, language, status, category, parameters, …}]}.';
grant execute on function worker.list_templates to service_role;
