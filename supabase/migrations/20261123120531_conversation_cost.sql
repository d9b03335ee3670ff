-- 531_conversation_cost.sql: what the messages of one conversation have cost so far, for who is about to write another one.

create function private.conversation_cost(org_id uuid, conversation_id uuid) returns jsonb
  language plpgsql stable security definer set search_path = ''
as $$
#variable_conflict use_column
begin
  perform private.require_role(conversation_cost.org_id, 'agent');
  if not exists (select from public.conversations c where c.org_id = conversation_cost.org_id and c.id = conversation_cost.conversation_id) then
    raise sqlstate 'PT404' using message = 'There is no such conversation', detail = 'conversation_unknown', hint = 'Reload the inbox.';
  end if;
  return (
    with booked as (
      -- What was taken back stands in the ledger a second time, negative: the sum is the final figure.
      select e.currency, e.amount, e.wamid,
             e.needs_review and e.reverses is null
             and not exists (select from public.usage_ledger r where r.org_id = e.org_id and r.reverses = e.id) as is_open
        from public.messages m
        join public.usage_ledger e on e.org_id = m.org_id and e.wamid = m.wamid
       where m.org_id = conversation_cost.org_id and m.conversation_id = conversation_cost.conversation_id and m.direction = 'outbound')
    select jsonb_build_object(
      'totals', coalesce((select jsonb_agg(jsonb_build_object('currency', t.currency, 'amount', t.amount::text, 'messages', t.messages) order by t.currency)
                            from (select b.currency, sum(b.amount) as amount, count(distinct b.wamid) as messages from booked b group by b.currency) t), '[]'),
      'needs_review', (select count(distinct b.wamid) from booked b where b.is_open)));
end;
$$;
comment on function private.conversation_cost is 'Body of public.conversation_cost. Definer: row level security would be asked for each entry of the ledger.';
create function public.conversation_cost(org_id uuid, conversation_id uuid) returns jsonb
  language sql stable set search_path = ''
begin atomic
  select private.conversation_cost(org_id, conversation_id);
end;
comment on function public.conversation_cost is
  'What a conversation has cost so far, Meta''s part and Flow''s markup together, before GST: {totals: [{currency, amount: text, messages}], needs_review: '
  'messages whose price is not known yet}. Any member. Raises PT404.';
grant execute on function private.conversation_cost, public.conversation_cost to authenticated;
