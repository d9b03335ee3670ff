-- 895_reconciliation_pages.sql: what differs between the ledger and Meta's figures, for people to look at and to review.

create function private.difference_json(difference public.usage_reconciliations) returns jsonb
  language sql stable security definer set search_path = ''
as $$
  select jsonb_build_object('id', (difference).id, 'account_id', (difference).account_id, 'day', (difference).day, 'category', (difference).category, 'country', (difference).country,
    'kind', (difference).kind, 'currency', (difference).currency, 'ours_messages', (difference).ours_messages, 'ours_cost', (difference).ours_cost::text,
    'meta_messages', (difference).meta_messages, 'meta_cost', (difference).meta_cost::text, 'difference_messages', (difference).difference_messages,
    'difference_cost', (difference).difference_cost::text, 'status', (difference).status, 'reviewed_by', (difference).reviewed_by, 'reviewed_at', (difference).reviewed_at,
    'note', (difference).note, 'checked_at', (difference).checked_at)
$$;
comment on function private.difference_json is 'A compared row, its amounts as text.';

create function private.reconciliation_of(org_id uuid, month text) returns jsonb
  language plpgsql stable security definer set search_path = ''
as $$
declare
  v_from date := private.month_given(reconciliation_of.month);
  v_to   date := (v_from + interval '1 month')::date;
begin
  return jsonb_build_object(
    'org_id', reconciliation_of.org_id, 'month', reconciliation_of.month,
    'totals', (select coalesce(jsonb_agg(jsonb_build_object('currency', t.currency, 'ours_messages', t.ours_messages, 'ours_cost', t.ours_cost::text,
                 'meta_messages', t.meta_messages, 'meta_cost', t.meta_cost::text, 'difference_messages', t.meta_messages - t.ours_messages,
                 'difference_cost', (t.meta_cost - t.ours_cost)::text, 'days', t.days, 'equal', t.equal, 'differs', t.differs, 'reviewed', t.reviewed)
                 order by t.currency), '[]')
                 from (select r.currency, sum(r.ours_messages)::bigint as ours_messages, sum(r.ours_cost) as ours_cost,
                              sum(r.meta_messages)::bigint as meta_messages, sum(r.meta_cost) as meta_cost, count(distinct r.day) as days,
                              count(*) filter (where r.status = 'equal') as equal, count(*) filter (where r.status = 'differs') as differs,
                              count(*) filter (where r.status = 'reviewed') as reviewed
                         from public.usage_reconciliations r
                        where r.org_id = reconciliation_of.org_id and (v_from is null or r.day >= v_from and r.day < v_to)
                        group by r.currency) t),
    'differences', (select coalesce(jsonb_agg(private.difference_json(d) order by d.day desc, d.account_id, d.category, d.country, d.kind), '[]')
                      from (select r.* from public.usage_reconciliations r
                             where r.org_id = reconciliation_of.org_id and r.status = 'differs' and (v_from is null or r.day >= v_from and r.day < v_to)
                             order by r.day desc, r.account_id, r.category, r.country, r.kind limit 500) d),
    'accounts', (select coalesce(jsonb_agg(jsonb_build_object('account_id', a.id, 'waba_id', a.waba_id, 'name', a.name, 'time_zone', a.time_zone,
                   'currency', a.currency, 'compared_at', k.compared_at, 'problem', k.problem) order by a.connected_at, a.id), '[]')
                   from private.reconciliation_runs k join public.whatsapp_accounts a on (a.org_id, a.id) = (k.org_id, k.account_id)
                  where k.org_id = reconciliation_of.org_id and a.status <> 'disconnected'));
end;
$$;
comment on function private.reconciliation_of is 'Body of public.reconciliation and worker.reconciliation.';

create function private.reconciliation(org_id uuid, month text) returns jsonb
  language plpgsql stable security definer set search_path = ''
as $$
begin
  perform private.require_role(reconciliation.org_id, 'agent');
  return private.reconciliation_of(reconciliation.org_id, reconciliation.month);
end;
$$;
comment on function private.reconciliation is 'Body of public.reconciliation.';

create function public.reconciliation(org_id uuid, month text default null) returns jsonb
  language sql stable set search_path = ''
begin atomic
  select private.reconciliation(org_id, month);
end;
comment on function public.reconciliation is
  'How the ledger compares with Meta''s figures in a month (YYYY-MM, of the accounts'' time zones), or in all that was compared: {org_id, month, totals: '
  '[{currency, ours_messages, ours_cost, meta_messages, meta_cost, difference_messages, difference_cost, days, equal, differs, reviewed: rows}], differences: '
  'the 500 newest open ones as in usage_reconciliations, accounts: [{account_id, waba_id, name, time_zone, currency, compared_at, problem: why it could not '
  'be compared}]}. Amounts are text. Members. Raises PT404, PT422 month_invalid.';
grant execute on function private.reconciliation, public.reconciliation to authenticated;

create function worker.reconciliation(org_id uuid, month text default null) returns jsonb
  language plpgsql stable security definer set search_path = ''
as $$
begin
  perform private.require_organization(reconciliation.org_id);
  return private.reconciliation_of(reconciliation.org_id, reconciliation.month);
end;
$$;
comment on function worker.reconciliation is 'The same as public.reconciliation, for the operator. Raises PT404, PT422.';
grant execute on function worker.reconciliation to service_role;

create function private.review_difference(org_id uuid, difference_id uuid, note text) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_row public.usage_reconciliations;
begin
  perform private.require_role(review_difference.org_id, 'admin');
  if length(btrim(coalesce(review_difference.note, ''))) not between 1 and 1000 then
    raise sqlstate 'PT422' using message = 'Say in up to 1,000 characters what was found', detail = 'note_invalid', hint = 'The note explains the difference later.';
  end if;
  select r.* into v_row from public.usage_reconciliations r
   where r.org_id = review_difference.org_id and r.id = review_difference.difference_id for update;
  if not found then
    raise sqlstate 'PT404' using message = 'There is no such difference.', detail = 'difference_not_found';
  elsif v_row.status = 'equal' then
    raise sqlstate 'PT409' using message = 'Nothing differs here any more', detail = 'nothing_differs', hint = 'Load the list again.';
  end if;
  update public.usage_reconciliations r
     set status = 'reviewed', reviewed_by = auth.uid(), reviewed_at = now(), note = btrim(review_difference.note)
   where r.org_id = v_row.org_id and r.id = v_row.id
  returning r.* into v_row;
  perform private.audit(v_row.org_id, 'ledger.difference_reviewed', 'usage_reconciliation', v_row.id::text,
    jsonb_build_object('account_id', v_row.account_id, 'day', v_row.day, 'category', v_row.category, 'country', v_row.country, 'kind', v_row.kind,
      'difference_messages', v_row.difference_messages, 'difference_cost', v_row.difference_cost::text, 'currency', v_row.currency));
  return private.difference_json(v_row);
end;
$$;
comment on function private.review_difference is 'Body of public.review_difference.';

create function public.review_difference(org_id uuid, difference_id uuid, note text) returns jsonb
  language sql volatile set search_path = ''
begin atomic
  select private.review_difference(org_id, difference_id, note);
end;
comment on function public.review_difference is
  'Notes what a person found about a difference, which settles it until its figures change: the row as in public.reconciliation. Nothing in the ledger '
  'moves. Admins. Raises PT403, PT404, PT409 nothing_differs, PT422 note_invalid.';
grant execute on function private.review_difference, public.review_difference to authenticated;
