-- 47_templates.sql: the message templates of an account, read from Meta.

create function worker.account_access(org_id uuid) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_accounts jsonb;
begin
  perform worker.organization(account_access.org_id);
  select jsonb_agg(jsonb_build_object('account_id', a.id, 'waba_id', a.waba_id,
           'token', private.open_credential(a.org_id, a.credential_id, 'template_sync')) order by a.connected_at) into v_accounts
    from public.whatsapp_accounts a
   where a.org_id = account_access.org_id and a.status = 'connected' and a.credential_id is not null;
  return jsonb_build_object('accounts', coalesce(v_accounts, '[]'));
end;
$$;
comment on function worker.account_access is
  'The connected accounts of an organization with their tokens, for one template sync: {accounts: [{account_id, waba_id, token}]}.';
grant execute on function worker.account_access to service_role;

create function private.template_parameters(components jsonb) returns text[]
  language sql immutable set search_path = ''
as $$
  select coalesce(array_agg(p.name order by p.first), '{}') from (
    select m.hit[1] as name, min(m.at) as first
      from jsonb_array_elements(case when jsonb_typeof(components) = 'array' then components else '[]' end) c,
           regexp_matches(c ->> 'text', '\{\{\s*([A-Za-z0-9_]+)\s*\}\}', 'g') with ordinality m (hit, at)
     where upper(c ->> 'type') = 'BODY'
     group by 1) p
$$;
comment on function private.template_parameters is
  'The placeholders of a template''s body in the order of their first appearance: {1,2} or {name,product}.';

create function worker.store_templates(org_id uuid, account_id uuid, templates jsonb) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_count int;
begin
  if not exists (select from public.whatsapp_accounts a where a.org_id = store_templates.org_id and a.id = store_templates.account_id) then
    raise sqlstate 'PT404' using message = 'The organization has no such WhatsApp account', detail = 'account_unknown',
      hint = 'Connect the account first.';
  end if;
  with given as (
    select distinct on (t ->> 'name', t ->> 'language') t, private.template_parameters(t -> 'components') as params
      from jsonb_array_elements(templates) t
     where t ->> 'name' is not null and t ->> 'language' is not null
     order by t ->> 'name', t ->> 'language'
  ), gone as (
    update public.message_templates m set status = 'DELETED', synced_at = now()
     where m.org_id = store_templates.org_id and m.account_id = store_templates.account_id and m.status <> 'DELETED'
       and not exists (select from given g where (g.t ->> 'name', g.t ->> 'language') = (m.name, m.language))
  )
  insert into public.message_templates as m (org_id, account_id, meta_id, name, language, status, category, parameter_format,
                                             body_params, body_param_names, components, rejected_reason)
  select store_templates.org_id, store_templates.account_id, g.t ->> 'id', g.t ->> 'name', g.t ->> 'language',
         upper(coalesce(g.t ->> 'status', 'PENDING')), upper(coalesce(g.t ->> 'category', 'UTILITY')),
         case when upper(g.t ->> 'parameter_format') = 'NAMED' then 'NAMED' else 'POSITIONAL' end,
         cardinality(g.params), case when upper(g.t ->> 'parameter_format') = 'NAMED' then g.params else '{}' end,
         coalesce(g.t -> 'components', '[]'), nullif(g.t ->> 'rejected_reason', 'NONE')
    from given g order by g.t ->> 'name', g.t ->> 'language'
  on conflict on constraint template_is_unique_in_account do update
    set meta_id = excluded.meta_id, status = excluded.status, category = excluded.category,
        parameter_format = excluded.parameter_format, body_params = excluded.body_params,
        body_param_names = excluded.body_param_names, components = excluded.components,
        rejected_reason = excluded.rejected_reason, synced_at = now(),
        blocked_reason = case when (m.components, m.status) is distinct from (excluded.components, excluded.status)
                              then null else m.blocked_reason end;
  get diagnostics v_count = row_count;
  return jsonb_build_object('templates', v_count);
end;
$$;
comment on function worker.store_templates is
  'Stores the whole answer of GET /{waba}/message_templates (its data[]) for one account; what the answer no longer has becomes '
  'DELETED. Returns {templates}. Raises PT404.';
grant execute on function worker.store_templates to service_role;
