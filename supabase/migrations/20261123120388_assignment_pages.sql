-- 388_assignment_pages.sql: what rules would have done, leads that nobody has, and having rules look at leads again.

create function private.assignment_dry_run(org_id uuid, many int) returns jsonb
  language plpgsql stable security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_org    uuid := assignment_dry_run.org_id;
  v_items  jsonb := '[]';
  v_turns  jsonb := '{}';
  v_turn   int;
  v_plan   record;
  r        record;
begin
  perform private.require_role(v_org, 'admin');
  for r in
    select x.id, x.received_at, x.created_at, c.name, coalesce(x.product, x.title) as about
      from (select l.id, l.contact_id, l.received_at, l.created_at, l.product, l.title from public.leads l
             where l.org_id = v_org order by l.received_at desc, l.id desc limit least(greatest(coalesce(many, 50), 1), 200)) x
      join public.contacts c on c.org_id = v_org and c.id = x.contact_id
     order by x.received_at, x.id
  loop
    select p.* into v_plan from private.plan_assignment(v_org, array[r.id], r.created_at) p;
    v_turn := 0;
    if v_plan.group_id is not null and v_plan.candidates <> '{}' then
      v_turn := coalesce((v_turns ->> v_plan.group_id::text)::int, 0);
      v_turns := v_turns || jsonb_build_object(v_plan.group_id::text, v_turn + 1);
    end if;
    v_items := jsonb_build_object('lead_id', r.id, 'name', r.name, 'about', r.about, 'received_at', r.received_at, 'assignment_rule_id', v_plan.rule_id,
      'rule', (select x.name from public.assignment_rules x where x.org_id = v_org and x.id = v_plan.rule_id), 'group_id', v_plan.group_id,
      'outcome', case when v_plan.rule_id is null then 'no_rule' when v_plan.target = 'nobody' then 'nobody' when v_plan.candidates = '{}' then 'wait' else 'assigned' end,
      'user_id', case when v_plan.candidates <> '{}' then v_plan.candidates[1 + v_turn % cardinality(v_plan.candidates)] end, 'wait_until', v_plan.wait_until) || v_items;
  end loop;
  return jsonb_build_object('leads', v_items, 'summary', (
    select coalesce(jsonb_agg(jsonb_build_object('user_id', s.user_id, 'outcome', s.outcome, 'leads', s.many) order by s.many desc, s.outcome, s.user_id), '[]')
      from (select e ->> 'user_id' as user_id, e ->> 'outcome' as outcome, count(*) as many from jsonb_array_elements(v_items) e group by 1, 2) s));
end;
$$;
comment on function private.assignment_dry_run is 'Body of public.assignment_dry_run. Definer: it reads leads and contacts by key.';
create function public.assignment_dry_run(org_id uuid, many int default 50) returns jsonb
  language sql stable set search_path = ''
begin atomic
  select private.assignment_dry_run(org_id, many);
end;
comment on function public.assignment_dry_run is
  'What the rules as they stand would have done with the newest leads, at the moment each came, for admins; at most 200; nothing is changed. {leads: [{lead_id, name, '
  'about, received_at, assignment_rule_id, rule, group_id, outcome: assigned, wait, nobody or no_rule, user_id, wait_until}] newest first, summary: [{user_id, outcome, '
  'leads}]}. Raises PT403, PT404.';

create function private.unassigned_leads(org_id uuid, older_than_minutes int, after_at timestamptz, after_id uuid, page_size int) returns jsonb
  language plpgsql stable security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_org    uuid := unassigned_leads.org_id;
  v_limit  int := least(greatest(coalesce(page_size, 50), 1), 200);
  v_before timestamptz := now() - make_interval(mins => least(greatest(coalesce(older_than_minutes, 30), 0), 525600));
  v_after  timestamptz := coalesce(after_at, '-infinity');
  v_last   uuid := coalesce(after_id, '00000000-0000-0000-0000-000000000000');
  v_ids    uuid[];
  v_cards  jsonb;
begin
  perform private.require_role(v_org, 'agent');
  v_ids := array(
    select l.id from public.leads l
     where l.org_id = v_org and l.owner_id is null and l.received_at < v_before and (l.received_at, l.id) > (v_after, v_last)
       and l.stage_id = any (array(select s.id from public.pipeline_stages s where s.org_id = v_org and s.kind = 'open'))
     order by l.received_at, l.id limit v_limit + 1);
  v_cards := private.lead_cards(v_org, v_ids[1 : v_limit]);
  return jsonb_build_object(
    'leads', (select coalesce(jsonb_agg(e || jsonb_build_object('waits_until', (
                select q.due_at from private.assignment_queue q where q.org_id = v_org and q.lead_id = (e ->> 'id')::uuid and q.due_at > now())) order by n), '[]')
                from jsonb_array_elements(v_cards) with ordinality u (e, n)),
    'next', case when cardinality(v_ids) > v_limit then jsonb_build_object('after_at', v_cards -> -1 -> 'received_at', 'after_id', v_cards -> -1 -> 'id') end);
end;
$$;
comment on function private.unassigned_leads is 'Body of public.unassigned_leads. Definer, as private.lead_list.';
create function public.unassigned_leads(org_id uuid, older_than_minutes int default 30, after_at timestamptz default null, after_id uuid default null, page_size int default 50)
  returns jsonb
  language sql stable set search_path = ''
begin atomic
  select private.unassigned_leads(org_id, older_than_minutes, after_at, after_id, page_size);
end;
comment on function public.unassigned_leads is
  'Open leads that nobody has and that came longer ago than that, the oldest first, at most 200: {leads: as lead_list, with waits_until when a rule waits for somebody '
  'to work, next: {after_at, after_id} or null}. Raises PT404.';

create function private.apply_assignment_rules(org_id uuid, lead_ids uuid[]) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_count int;
begin
  perform private.require_role(apply_assignment_rules.org_id, 'admin');
  if coalesce(cardinality(apply_assignment_rules.lead_ids), 0) not between 1 and 5000 then
    raise sqlstate 'PT422' using message = 'Name 1 to 5,000 leads.', detail = 'too_many_leads', hint = 'Do it in parts.';
  end if;
  insert into private.assignment_queue as q (org_id, lead_id)
  select l.org_id, l.id from public.leads l
   where l.org_id = apply_assignment_rules.org_id and l.id = any (apply_assignment_rules.lead_ids) and l.owner_id is null order by l.id
      on conflict (org_id, lead_id) do update set due_at = excluded.due_at;
  get diagnostics v_count = row_count;
  perform private.audit(apply_assignment_rules.org_id, 'leads.rules_applied', 'organization', apply_assignment_rules.org_id::text, jsonb_build_object('leads', v_count));
  return jsonb_build_object('queued', v_count);
end;
$$;
comment on function private.apply_assignment_rules is 'Body of public.apply_assignment_rules. Definer: nobody may write the queue.';
create function public.apply_assignment_rules(org_id uuid, lead_ids uuid[]) returns jsonb
  language sql volatile set search_path = ''
begin atomic
  select private.apply_assignment_rules(org_id, lead_ids);
end;
comment on function public.apply_assignment_rules is
  'Has the rules look again, within seconds, at leads that nobody has: those from before there were rules, or that waited; for admins. Returns {queued}. Raises PT403, '
  'PT404, PT422 too_many_leads.';
grant execute on function private.assignment_dry_run, public.assignment_dry_run, private.unassigned_leads, public.unassigned_leads, private.apply_assignment_rules,
  public.apply_assignment_rules to authenticated;
