-- 956_lead_audiences.sql: broadcasts to the people of filtered leads, how many that would be, and what a broadcast has cost and failed of.

create function private.known_audience(filter jsonb) returns void
  language plpgsql immutable set search_path = ''
as $$
begin
  perform private.known_fields(filter, 'filter', array['leads', 'source_id', 'stage_id', 'owner_id', 'lead_type', 'state', 'city', 'received_from', 'received_to',
                                                       'has_replied', 'not_written_for_days', 'contact_ids']);
end;
$$;
comment on function private.known_audience is 'Raises PT422 field_invalid, field_unknown unless private.broadcast_audience knows everything that a filter asks.';

create function private.lead_people(org_id uuid, filter jsonb) returns uuid[]
  language plpgsql stable security definer set search_path = ''
as $$
declare
  v_found uuid[];
begin
  if lead_people.filter is not null then
    execute format('select array(select distinct l.contact_id from public.leads l where %s)', private.lead_condition(lead_people.org_id, lead_people.filter)) into v_found;
  end if;
  return v_found;
end;
$$;
comment on function private.lead_people is 'The contacts who have a lead that a filter lets through, as private.lead_condition takes it; null for no filter. Raises PT422.';

create function private.count_audience(org_id uuid, filter jsonb) returns jsonb
  language plpgsql stable security definer set search_path = ''
as $$
begin
  perform private.require_role(count_audience.org_id, 'agent');
  perform private.known_audience(count_audience.filter);
  return (select jsonb_build_object('audience', count(*), 'recipients', count(*) filter (where a.reason is null),
                   'no_number', count(*) filter (where a.reason = 'no_number'), 'opted_out', count(*) filter (where a.reason = 'opted_out'),
                   'duplicate', count(*) filter (where a.reason = 'duplicate'))
            from private.broadcast_audience(count_audience.org_id, count_audience.filter) a);
end;
$$;
comment on function private.count_audience is 'public.count_audience behind its door.';
create function public.count_audience(org_id uuid, filter jsonb) returns jsonb
  language sql stable set search_path = ''
begin atomic
  select private.count_audience(org_id, filter);
end;
comment on function public.count_audience is
  'How many people a broadcast''s filter means, before there is a template: {audience, recipients, no_number, opted_out, duplicate}. Members. Raises PT404, PT422.';

create function private.broadcast_report(org_id uuid, broadcast_id uuid) returns jsonb
  language plpgsql stable security definer set search_path = ''
as $$
#variable_conflict use_column
begin
  perform private.require_role(broadcast_report.org_id, 'agent');
  perform private.find_broadcast(broadcast_report.org_id, broadcast_id);
  return (
    with sent as materialized (
      select r.outcome, r.words, m.wamid, m.error_code, m.error_message
        from public.broadcast_recipients r join public.messages m on (m.org_id, m.id) = (r.org_id, r.message_id)
       where r.org_id = broadcast_report.org_id and r.broadcast_id = broadcast_report.broadcast_id
    ), booked as materialized (
      -- As private.conversation_cost: the sum is the final figure.
      select e.currency, e.amount, e.wamid,
             e.needs_review and e.reverses is null
             and not exists (select from public.usage_ledger r where r.org_id = e.org_id and r.reverses = e.id) as is_open
        from sent s join public.usage_ledger e on e.org_id = broadcast_report.org_id and e.wamid = s.wamid)
    select jsonb_build_object(
      'totals', coalesce((select jsonb_agg(jsonb_build_object('currency', t.currency, 'amount', t.amount::text, 'messages', t.messages) order by t.currency)
                            from (select b.currency, sum(b.amount) as amount, count(distinct b.wamid) as messages from booked b group by b.currency) t), '[]'),
      'needs_review', (select count(distinct b.wamid) from booked b where b.is_open),
      'failures', coalesce((select jsonb_agg(jsonb_build_object('error_code', f.error_code, 'words', f.words, 'people', f.people) order by f.people desc, f.error_code)
                              from (select s.error_code, min(coalesce(s.words, s.error_message)) as words, count(*) as people
                                      from sent s where s.outcome = 'failed' group by s.error_code) f), '[]')));
end;
$$;
comment on function private.broadcast_report is 'public.broadcast_report behind its door. Definer: row level security would be asked for each entry of the ledger.';
create function public.broadcast_report(org_id uuid, broadcast_id uuid) returns jsonb
  language sql stable set search_path = ''
begin atomic
  select private.broadcast_report(org_id, broadcast_id);
end;
comment on function public.broadcast_report is
  'What a broadcast has cost so far, Meta''s part and Flow''s markup together, before GST, and why messages failed: {totals: [{currency, amount: text, messages}], '
  'needs_review: messages whose price is not known yet, failures: [{error_code: null where Meta gave none, words, people}], the most frequent first}. Members. Raises PT404.';
grant execute on function private.count_audience, public.count_audience, private.broadcast_report, public.broadcast_report to authenticated;
