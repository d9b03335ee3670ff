-- 470_templates.sql: the message templates of an account, read from Meta: what each takes, and when to read them again.

------------------------------------------------------------------------------------------------
-- What a template takes
------------------------------------------------------------------------------------------------
create function private.placeholders(words text) returns text[]
  language sql immutable set search_path = ''
as $$
  select coalesce(array_agg(p.name order by case when p.name ~ '^[0-9]{1,9}$' then p.name::int end nulls last, p.at), '{}') from (
    select m.hit[1] as name, min(m.at) as at
      from regexp_matches(placeholders.words, '\{\{\s*([A-Za-z0-9_]+)\s*\}\}', 'g') with ordinality m (hit, at)
     group by 1) p
$$;
comment on function private.placeholders is
  'The distinct placeholders of a text: numbered ones by their number, as Meta counts them, named ones as they first appear.';

create function private.template_parameters(components jsonb, category text) returns jsonb
  language plpgsql immutable set search_path = ''
as $$
declare
  v_part        jsonb;
  v_button      jsonb;
  v_at          int;
  v_kind        text;
  v_names       text[];
  v_header      jsonb;
  v_body        jsonb := '{"names": [], "count": 0}';
  v_buttons     jsonb := '[]';
  v_unsupported text;
begin
  for v_part in select c from jsonb_array_elements(case jsonb_typeof(components) when 'array' then components else '[]' end) c loop
    v_kind := upper(coalesce(v_part ->> 'type', ''));
    if v_kind = 'HEADER' then
      v_names := case when upper(coalesce(v_part ->> 'format', 'TEXT')) = 'TEXT' then private.placeholders(v_part ->> 'text') else '{}' end;
      v_header := jsonb_build_object('format', upper(coalesce(v_part ->> 'format', 'TEXT')), 'names', to_jsonb(v_names),
                                     'count', cardinality(v_names));
      if v_header ->> 'format' not in ('TEXT', 'IMAGE', 'VIDEO', 'DOCUMENT', 'LOCATION') then
        v_unsupported := 'header ' || (v_header ->> 'format');
      end if;
    elsif v_kind = 'BODY' then
      -- A code's template may be kept without its text, which is always the same and has one place, the code's.
      v_names := case when upper(category) = 'AUTHENTICATION' and v_part ->> 'text' is null then '{1}'
                      else private.placeholders(v_part ->> 'text') end;
      v_body := jsonb_build_object('names', to_jsonb(v_names), 'count', cardinality(v_names));
    elsif v_kind = 'BUTTONS' then
      for v_button, v_at in select b, i - 1 from jsonb_array_elements(case jsonb_typeof(v_part -> 'buttons') when 'array' then v_part -> 'buttons'
                                                                       else '[]' end) with ordinality u (b, i) loop
        v_kind := upper(coalesce(v_button ->> 'type', ''));
        v_buttons := v_buttons || jsonb_build_object('index', v_at,
          'type', case when upper(category) = 'AUTHENTICATION' and v_kind in ('URL', 'COPY_CODE') then 'OTP' else v_kind end,
          'needs', case
            when v_kind in ('COPY_CODE', 'OTP') or v_kind = 'URL' and cardinality(private.placeholders(v_button ->> 'url')) > 0 then 'required'
            when v_kind in ('QUICK_REPLY', 'FLOW') then 'optional' end);
        if v_kind not in ('URL', 'QUICK_REPLY', 'PHONE_NUMBER', 'COPY_CODE', 'OTP', 'FLOW', 'VOICE_CALL') then
          v_unsupported := 'button ' || v_kind;
        end if;
      end loop;
    elsif v_kind <> 'FOOTER' then
      v_unsupported := v_kind;
    end if;
  end loop;
  return jsonb_build_object('header', v_header, 'body', v_body, 'buttons', v_buttons, 'unsupported', v_unsupported);
end;
$$;
comment on function private.template_parameters is
  'The column parameters of a template: what each of its parts takes. A button''s needs: required, optional, or null for a button without a value.';

create function private.tg_message_templates__know_themselves() returns trigger
  language plpgsql volatile security definer set search_path = ''
as $$
begin
  if tg_op = 'INSERT' or (new.components, new.category, new.parameter_format) is distinct from (old.components, old.category, old.parameter_format) then
    new.parameters := private.template_parameters(new.components, new.category);
    new.body_params := (new.parameters #>> '{body,count}')::int;
    new.body_param_names := case when new.parameter_format = 'NAMED'
      then array(select n from jsonb_array_elements_text(new.parameters #> '{body,names}') n) else '{}' end;
  end if;
  if tg_op = 'UPDATE' and (new.status, new.category, new.components) is distinct from (old.status, old.category, old.components) then
    new.synced_at := clock_timestamp();
  end if;
  return new;
end;
$$;
comment on function private.tg_message_templates__know_themselves is
  'Whoever writes components, the columns that follow from them fit; whoever changes status, category or components dates the row.';
create trigger message_templates_know_themselves before insert or update on public.message_templates
  for each row execute function private.tg_message_templates__know_themselves();

create function private.tg_message_templates__tell() returns trigger
  language plpgsql volatile security definer set search_path = ''
as $$
begin
  if to_regprocedure('private.template_changed(uuid,uuid)') is not null then
    execute 'select private.template_changed($1, $2)' using new.org_id, new.id;
  end if;
  return null;
end;
$$;
comment on function private.tg_message_templates__tell is 'Tells what is built on a template (greetings) that it changed or is gone: private.template_changed.';
create trigger message_templates_tell after update on public.message_templates
  for each row when (old.status is distinct from new.status or old.components is distinct from new.components
                     or old.blocked_reason is distinct from new.blocked_reason)
  execute function private.tg_message_templates__tell();

------------------------------------------------------------------------------------------------
-- When to read them again
------------------------------------------------------------------------------------------------
create table private.template_syncs (
  org_id      uuid not null,
  account_id  uuid not null,
  next_at     timestamptz not null default now(),
  lease_until timestamptz,
  wanted_at   timestamptz,
  synced_at   timestamptz,
  failures    int not null default 0,
  problem     text,
  primary key (org_id, account_id),
  constraint template_sync_is_of_an_account_of_its_organization foreign key (org_id, account_id)
    references public.whatsapp_accounts (org_id, id) on delete cascade,
  constraint template_sync_failures_are_counted check (failures >= 0)
);
comment on table private.template_syncs is 'When the templates of an account are read from Meta again: once a day, and soon after somebody wanted it.';
comment on column private.template_syncs.org_id is 'The organization.';
comment on column private.template_syncs.account_id is 'The account.';
comment on column private.template_syncs.next_at is 'When it is due.';
comment on column private.template_syncs.lease_until is 'A worker reads them now, until then at most; null: nobody does.';
comment on column private.template_syncs.wanted_at is 'When somebody last wanted it.';
comment on column private.template_syncs.synced_at is 'When the whole list was last stored; null: never.';
comment on column private.template_syncs.failures is 'Failed readings in a row; decides how long to wait.';
comment on column private.template_syncs.problem is 'Why the last reading failed, in words; null when it did not.';
create index template_syncs_due on private.template_syncs (next_at);
alter table private.template_syncs enable row level security;

create function private.tg_whatsapp_accounts__templates_are_read() returns trigger
  language plpgsql volatile security definer set search_path = ''
as $$
begin
  -- A few seconds later: the calls that connect the number come first.
  insert into private.template_syncs as s (org_id, account_id, next_at) values (new.org_id, new.id, now() + interval '10 seconds')
  on conflict (org_id, account_id) do update set next_at = least(s.next_at, excluded.next_at), failures = 0;
  return null;
end;
$$;
comment on function private.tg_whatsapp_accounts__templates_are_read is 'The templates of an account are read soon after it was connected, or connected again.';
create trigger whatsapp_accounts_templates_are_read after insert on public.whatsapp_accounts
  for each row execute function private.tg_whatsapp_accounts__templates_are_read();
create trigger whatsapp_accounts_templates_are_read_again after update of status on public.whatsapp_accounts
  for each row when (new.status = 'connected' and old.status <> 'connected')
  execute function private.tg_whatsapp_accounts__templates_are_read();

create function private.want_template_sync(org_id uuid, account_id uuid) returns void
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
begin
  update private.template_syncs s
     set wanted_at = clock_timestamp(),
         -- A minute apart at least, however many changes Meta tells at once.
         next_at = least(s.next_at, greatest(now(), s.synced_at + interval '1 minute'))
   where s.org_id = want_template_sync.org_id and s.account_id = want_template_sync.account_id;
end;
$$;
comment on function private.want_template_sync is
  'Marks an account: its templates are read from Meta soon, at most once a minute. For webhooks that tell of a change, and after a write whose answer was lost.';

create function private.wake_templates() returns void
  language plpgsql volatile security definer set search_path = ''
as $$
begin
  if exists (select from private.template_syncs s
               join public.whatsapp_accounts a on (a.org_id, a.id) = (s.org_id, s.account_id)
              where s.next_at <= now() and coalesce(s.lease_until, '-infinity') <= now()
                and a.status = 'connected' and a.credential_id is not null) then
    perform private.wake('templates', interval '5 seconds');
  end if;
end;
$$;
comment on function private.wake_templates is 'The sweep''s part: wakes the job templates when an account is due.';

create function private.template_access(org_id uuid, account_id uuid, purpose text) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_account public.whatsapp_accounts;
  v_token   text;
begin
  select a.* into v_account from public.whatsapp_accounts a
   where a.org_id = template_access.org_id and a.id = template_access.account_id and a.status = 'connected' and a.credential_id is not null;
  v_token := private.open_credential(v_account.org_id, v_account.credential_id, template_access.purpose);
  if v_token is null then
    return null;
  end if;
  return jsonb_build_object('org_id', v_account.org_id, 'account_id', v_account.id, 'waba_id', v_account.waba_id, 'token', v_token,
                            'read_at', clock_timestamp());
end;
$$;
comment on function private.template_access is
  '{org_id, account_id, waba_id, token, read_at} of one connected account, for a call about its templates; null when it has no usable token. PT503 when its key is missing.';

create function worker.account_access(org_id uuid) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_accounts jsonb;
begin
  perform worker.organization(account_access.org_id);
  select jsonb_agg(x.access order by x.connected_at) filter (where x.access is not null) into v_accounts
    from (select a.connected_at, private.template_access(a.org_id, a.id, 'template_sync') as access
            from public.whatsapp_accounts a
           where a.org_id = account_access.org_id and a.status = 'connected' and a.credential_id is not null) x;
  return jsonb_build_object('accounts', coalesce(v_accounts, '[]'));
end;
$$;
comment on function worker.account_access is
  'The connected accounts of an organization with their tokens, for a template sync now: {accounts: [{org_id, account_id, waba_id, token, read_at}]}.';
grant execute on function worker.account_access to service_role;

create function worker.claim_template_syncs(batch int default 1, lease_seconds int default 300) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_sync     record;
  v_access   jsonb;
  v_accounts jsonb := '[]';
begin
  for v_sync in
    select s.org_id, s.account_id from private.template_syncs s
      join public.whatsapp_accounts a on (a.org_id, a.id) = (s.org_id, s.account_id)
     where s.next_at <= now() and coalesce(s.lease_until, '-infinity') <= now()
       and a.status = 'connected' and a.credential_id is not null
     order by s.next_at limit claim_template_syncs.batch
     for update of s skip locked
  loop
    begin
      v_access := private.template_access(v_sync.org_id, v_sync.account_id, 'template_sync');
    exception when sqlstate 'PT503' then
      v_access := null;                        -- its key is missing from Vault: only this account waits
    end;
    update private.template_syncs s
       set lease_until = case when v_access is not null then now() + make_interval(secs => claim_template_syncs.lease_seconds) end,
           next_at = case when v_access is null then now() + interval '15 minutes' else s.next_at end,
           problem = case when v_access is null then 'The access token cannot be read' else s.problem end
     where (s.org_id, s.account_id) = (v_sync.org_id, v_sync.account_id);
    if v_access is not null then
      v_accounts := v_accounts || v_access;
    end if;
  end loop;
  return jsonb_build_object('accounts', v_accounts);
end;
$$;
comment on function worker.claim_template_syncs is
  'Accounts whose templates are due to be read, each for one worker until its lease ends: {accounts: [{org_id, account_id, waba_id, token, '
  'read_at}]}. Each is answered by worker.store_templates or worker.template_sync_failed.';
grant execute on function worker.claim_template_syncs to service_role;

create function worker.template_sync_failed(org_id uuid, account_id uuid, problem text, code int default null, retry_seconds int default null)
  returns void
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
begin
  update private.template_syncs s
     set lease_until = null, failures = s.failures + 1, problem = left(template_sync_failed.problem, 500),
         next_at = now() + greatest(make_interval(secs => least(coalesce(template_sync_failed.retry_seconds, 0), 86400)),
                                    least(interval '5 minutes' * 2 ^ least(s.failures, 8), interval '6 hours'))
   where s.org_id = template_sync_failed.org_id and s.account_id = template_sync_failed.account_id;
  if template_sync_failed.code = 190 then
    perform private.ask_reconnect(template_sync_failed.org_id, template_sync_failed.account_id, 'Meta refuses the access token: connect WhatsApp again');
  end if;
end;
$$;
comment on function worker.template_sync_failed is
  'A reading of templates failed: it is tried again later, ever later (5 minutes to 6 hours). Meta''s code 190 asks the organization to connect again.';
grant execute on function worker.template_sync_failed to service_role;

create function worker.store_templates(org_id uuid, account_id uuid, templates jsonb, read_at timestamptz default null, is_last boolean default true)
  returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_begun timestamptz := coalesce(store_templates.read_at, clock_timestamp());
  v_count int;
begin
  if not exists (select from public.whatsapp_accounts a where a.org_id = store_templates.org_id and a.id = store_templates.account_id) then
    raise sqlstate 'PT404' using message = 'The organization has no such WhatsApp account', detail = 'account_unknown',
      hint = 'Connect the account first.';
  end if;
  with given as materialized (
    select distinct on (t ->> 'name', t ->> 'language') t, t ->> 'name' as name, t ->> 'language' as language
      from jsonb_array_elements(templates) t
     where t ->> 'name' is not null and t ->> 'language' is not null
     order by t ->> 'name', t ->> 'language'
  ), stored as (
    insert into public.message_templates as m (org_id, account_id, meta_id, name, language, status, category, parameter_format,
                                               components, rejected_reason, quality, synced_at)
    select store_templates.org_id, store_templates.account_id, g.t ->> 'id', g.name, g.language,
           upper(coalesce(g.t ->> 'status', 'PENDING')), upper(coalesce(g.t ->> 'category', 'UTILITY')),
           case when upper(g.t ->> 'parameter_format') = 'NAMED' then 'NAMED' else 'POSITIONAL' end,
           coalesce(g.t -> 'components', '[]'), nullif(g.t ->> 'rejected_reason', 'NONE'),
           upper(case jsonb_typeof(g.t -> 'quality_score') when 'object' then g.t #>> '{quality_score,score}' end), clock_timestamp()
      from given g order by g.name, g.language
    on conflict on constraint template_is_unique_in_account do update
      set meta_id = excluded.meta_id, status = excluded.status, category = excluded.category,
          parameter_format = excluded.parameter_format, components = excluded.components,
          rejected_reason = excluded.rejected_reason, quality = coalesce(excluded.quality, m.quality), synced_at = clock_timestamp(),
          category_was = case when excluded.category <> m.category then m.category else m.category_was end,
          category_at = case when excluded.category <> m.category then now() else m.category_at end,
          blocked_reason = case when (m.components, m.status) is distinct from (excluded.components, excluded.status)
                                then null else m.blocked_reason end
      where m.synced_at <= v_begun
    returning 1)
  select count(*) into v_count from given;
  if store_templates.is_last then
    -- What the list had is dated after its reading began; what is older is not there any more.
    update public.message_templates m set status = 'DELETED', synced_at = clock_timestamp()
     where m.org_id = store_templates.org_id and m.account_id = store_templates.account_id and m.status <> 'DELETED' and m.synced_at < v_begun;
    update private.template_syncs s
       set lease_until = null, failures = 0, problem = null, synced_at = now(),
           next_at = case when s.wanted_at > store_templates.read_at then now() + interval '1 minute' else now() + interval '1 day' end
     where s.org_id = store_templates.org_id and s.account_id = store_templates.account_id;
  end if;
  return jsonb_build_object('templates', v_count);
end;
$$;
comment on function worker.store_templates is
  'Stores the answer of GET /{waba}/message_templates (its data[]) for one account, whole or in parts; after the last part, what the answer does not '
  'have becomes DELETED. Rows that changed after read_at stay as they are: they are newer. Returns {templates}. Raises PT404.';
grant execute on function worker.store_templates to service_role;
