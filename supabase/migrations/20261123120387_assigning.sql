-- 387_assigning.sql: new leads wait here for a moment until a rule gives them to somebody.
-- Intake only notes that a lead is to be assigned; one assigner at a time, in transactions of its own, takes them a set at a time. So turns are exact however many
-- leads come at once, and no import waits for another.

create table private.assignment_queue (
  org_id      uuid not null,
  lead_id     uuid not null,
  due_at      timestamptz not null default now(),
  created_at  timestamptz not null default now(),
  primary key (org_id, lead_id),
  constraint queued_lead_is_of_its_organization foreign key (org_id, lead_id) references public.leads (org_id, id) on delete cascade
);
comment on table private.assignment_queue is 'Leads that rules have not looked at yet, or that wait until somebody works.';
comment on column private.assignment_queue.org_id is 'The organization.';
comment on column private.assignment_queue.lead_id is 'The lead.';
comment on column private.assignment_queue.due_at is 'When rules look at it next.';
comment on column private.assignment_queue.created_at is 'When it began to wait.';
create index assignment_queue_due on private.assignment_queue (due_at);
alter table private.assignment_queue enable row level security;

create function private.tg_leads__wait_for_assignment() returns trigger
  language plpgsql volatile security definer set search_path = ''
as $$
begin
  insert into private.assignment_queue (org_id, lead_id)
  select n.org_id, n.id from new_leads n
   where n.owner_id is null and n.org_id in (select r.org_id from public.assignment_rules r where r.is_on and r.org_id in (select distinct x.org_id from new_leads x))
      on conflict do nothing;
  return null;
end;
$$;
comment on function private.tg_leads__wait_for_assignment is 'New leads that nobody has wait for the rules, where there are rules. Definer: nobody may write the queue.';
create trigger leads_wait_for_assignment after insert on public.leads referencing new table as new_leads
  for each statement execute function private.tg_leads__wait_for_assignment();

create function private.look_again(org_id uuid) returns void
  language sql volatile security definer set search_path = ''
as $$
  update private.assignment_queue q set due_at = now() where q.org_id = look_again.org_id and q.due_at > now()
$$;
comment on function private.look_again is 'Hours, absences, groups or rules have changed: what waits for somebody to work is looked at anew.';

-- What the rules say -------------------------------------------------------------------------------------------------

create function private.rules_at(org_id uuid, at timestamptz)
  returns table (rule public.assignment_rules, candidates uuid[], wait_until timestamptz)
  language plpgsql stable security definer set search_path = ''
as $$
#variable_conflict use_column
begin
  return query
    with targets as (
      select r.id as rule_id, m.user_id, 0::bigint as last_turn
        from public.assignment_rules r join public.memberships m on m.org_id = r.org_id and m.user_id = r.user_id
       where r.org_id = rules_at.org_id and r.is_on
      union all
      select r.id, m.user_id, m.last_turn
        from public.assignment_rules r join public.assignment_members m on m.org_id = r.org_id and m.group_id = r.group_id
       where r.org_id = rules_at.org_id and r.is_on
    ), people as materialized (
      select t.user_id, private.is_away(rules_at.org_id, t.user_id, rules_at.at) as is_away, private.is_working(rules_at.org_id, t.user_id, rules_at.at) as is_working
        from (select distinct x.user_id from targets x) t
    ), manned as materialized (
      select r, coalesce(g.outside_hours, r.outside_hours) as outside_hours,
             array(select t.user_id from targets t join people p on p.user_id = t.user_id
                    where t.rule_id = r.id and not p.is_away and (p.is_working or coalesce(g.outside_hours, r.outside_hours) = 'assign')
                    order by t.last_turn, t.user_id) as candidates
        from public.assignment_rules r left join public.assignment_groups g on g.org_id = r.org_id and g.id = r.group_id
       where r.org_id = rules_at.org_id and r.is_on
    )
    select m.r, m.candidates,
           case when m.outside_hours = 'wait' and m.candidates = '{}' then
             (select min(private.next_opening(rules_at.org_id, t.user_id, rules_at.at)) from targets t join people p on p.user_id = t.user_id
               where t.rule_id = (m.r).id and not p.is_away) end
      from manned m;
end;
$$;
comment on function private.rules_at is
  'The rules that are on, each with the people whom it could give a lead to at that moment, the next one first, or, when none works but some will, when the first does.';

create function private.plan_assignment(org_id uuid, lead_ids uuid[], at timestamptz)
  returns table (lead_id uuid, received_at timestamptz, rule_id uuid, target text, group_id uuid, candidates uuid[], wait_until timestamptz)
  language plpgsql stable security definer set search_path = ''
as $$
#variable_conflict use_column
begin
  return query
    with rules as materialized (
      select r.rule, r.candidates, r.wait_until from private.rules_at(plan_assignment.org_id, plan_assignment.at) r
       where (r.rule).target = 'nobody' or r.candidates <> '{}' or r.wait_until is not null)
    select l.id, l.received_at, (f.rule).id, (f.rule).target, (f.rule).group_id, f.candidates, f.wait_until
      from unnest(plan_assignment.lead_ids) u (id)
     cross join lateral (select x.* from public.leads x where x.org_id = plan_assignment.org_id and x.id between u.id and u.id order by x.id limit 1) l
     cross join lateral (select lower(btrim(y.state)) as state, lower(btrim(y.city)) as city from public.contacts y
                          where y.org_id = l.org_id and y.id between l.contact_id and l.contact_id order by y.id limit 1) c
     cross join lateral (select lower(concat_ws(' ', l.product, l.title)) as words) w
      left join lateral (
        select r.* from rules r
         where ((r.rule).source_kinds = '{}' or l.source_kind = any ((r.rule).source_kinds))
           and ((r.rule).source_ids = '{}' or l.source_id = any ((r.rule).source_ids))
           and ((r.rule).states = '{}' or c.state = any ((r.rule).states))
           and ((r.rule).cities = '{}' or c.city = any ((r.rule).cities))
           and ((r.rule).products = '{}' or exists (select from unnest((r.rule).products) p where strpos(w.words, p) > 0))
           and ((r.rule).custom = '{}' or l.custom @> (r.rule).custom)
           and ((r.rule).tag_ids = '{}' or exists (select from public.lead_tags t where t.org_id = l.org_id and t.lead_id = l.id and t.tag_id = any ((r.rule).tag_ids)))
         order by (r.rule).position, (r.rule).id limit 1) f on true;
end;
$$;
comment on function private.plan_assignment is
  'For each lead the first rule that fits it and can give it to somebody at that moment, makes it wait, or leaves it to nobody; rule_id null: none does.';

-- Giving -------------------------------------------------------------------------------------------------------------

create function private.assign_by_rules(org_id uuid, lead_ids uuid[]) returns int
  language plpgsql volatile security definer set search_path = '' set enable_seqscan = off
as $$
#variable_conflict use_column
declare
  v_org    uuid := assign_by_rules.org_id;
  v_free   uuid[];
  v_leads  uuid[];
  v_users  uuid[];
  v_rules  uuid[];
  v_groups uuid[];
  v_turns  bigint[];
begin
  -- Whoever holds a lead at this moment may be giving it to somebody: it keeps its place in the queue.
  v_free := array(
    select k.id from (select i from unnest(assign_by_rules.lead_ids) i order by i) u
     cross join lateral (select l.id, l.owner_id, l.stage_id from public.leads l where l.org_id = v_org and l.id between u.i and u.i
                          order by l.id limit 1 for no key update skip locked) k
     where k.owner_id is null and exists (select from public.pipeline_stages s where s.org_id = v_org and s.id = k.stage_id and s.kind = 'open'));
  delete from private.assignment_queue q
   where q.org_id = v_org and q.lead_id = any (assign_by_rules.lead_ids) and q.lead_id <> all (v_free)
     and not exists (select from public.leads l join public.pipeline_stages s on s.org_id = l.org_id and s.id = l.stage_id
                      where l.org_id = v_org and l.id = q.lead_id and l.owner_id is null and s.kind = 'open');
  with plan as materialized (
    select p.*, row_number() over (partition by coalesce(p.group_id, p.rule_id) order by p.received_at, p.lead_id) as turn
      from private.plan_assignment(v_org, v_free, now()) p
  ), waiting as (
    update private.assignment_queue q set due_at = p.wait_until from plan p
     where q.org_id = v_org and q.lead_id = p.lead_id and p.candidates = '{}' and p.wait_until is not null
  ), settled as (
    delete from private.assignment_queue q using plan p
     where q.org_id = v_org and q.lead_id = p.lead_id and (p.candidates <> '{}' or p.wait_until is null)
  )
  select array_agg(p.lead_id), array_agg(p.candidates[1 + (p.turn - 1) % cardinality(p.candidates)]), array_agg(p.rule_id), array_agg(p.group_id), array_agg(p.turn)
    into v_leads, v_users, v_rules, v_groups, v_turns from plan p where p.candidates <> '{}';
  if v_leads is null then
    return 0;
  end if;
  -- No new version: it counts what people do, and a person who decides at this moment is right.
  update public.leads l set owner_id = u.user_id from unnest(v_leads, v_users) u (lead_id, user_id) where l.org_id = v_org and l.id = u.lead_id;
  insert into public.lead_activities (org_id, lead_id, kind, details)
  select v_org, u.lead_id, 'assigned', jsonb_build_object('from', null, 'to', u.user_id, 'rule', u.rule_id)
    from unnest(v_leads, v_users, v_rules) u (lead_id, user_id, rule_id) order by u.lead_id;
  update public.assignment_members m set last_turn = g.turns + t.last, leads = m.leads + t.many
    from (select u.group_id, u.user_id, max(u.turn) as last, count(*) as many from unnest(v_groups, v_users, v_turns) u (group_id, user_id, turn)
           where u.group_id is not null group by 1, 2) t
    join public.assignment_groups g on g.org_id = v_org and g.id = t.group_id
   where m.org_id = v_org and m.group_id = t.group_id and m.user_id = t.user_id;
  update public.assignment_groups g set turns = g.turns + t.many
    from (select u.group_id, count(*) as many from unnest(v_groups) u (group_id) where u.group_id is not null group by 1) t
   where g.org_id = v_org and g.id = t.group_id;
  return cardinality(v_leads);
end;
$$;
comment on function private.assign_by_rules is
  'Gives leads of one organization to people as its rules say, a set at a time: those that somebody has, or that are closed, leave the queue. Returns how many were given.';

create function private.assign_waiting(batch int default 2000) returns int
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_began timestamptz := clock_timestamp();
  v_org   uuid;
  v_ids   uuid[];
  v_total int := 0;
  v_state text;
begin
  -- One at a time: turns are counted. Each organization gets one helping a run, however long its queue.
  if not pg_try_advisory_xact_lock(hashtextextended('flow.assign_waiting', 0)) then
    return 0;
  end if;
  for v_org in
    select q.org_id from private.assignment_queue q join public.organizations o on o.id = q.org_id and o.deleted_at is null
     where q.due_at <= now() group by 1 order by min(q.due_at) limit 100
  loop
    exit when clock_timestamp() > v_began + interval '2 seconds';
    v_ids := array(select q.lead_id from private.assignment_queue q where q.org_id = v_org and q.due_at <= now() order by q.due_at, q.lead_id limit assign_waiting.batch);
    begin
      v_total := v_total + private.assign_by_rules(v_org, v_ids);
    exception when others then
      get stacked diagnostics v_state = returned_sqlstate;
      if v_state ~ '^(53|57|58)' then
        raise;
      end if;
      -- Somebody left at this moment, or two waited for each other: the neighbours go on, these come again soon.
      update private.assignment_queue q set due_at = now() + interval '10 seconds' where q.org_id = v_org and q.lead_id = any (v_ids);
      raise warning 'leads of organization % are assigned later: %', v_org, sqlerrm;
    end;
  end loop;
  return v_total;
end;
$$;
comment on function private.assign_waiting is 'Gives leads that wait to people, organization by organization: every two seconds. Two schedulers at once are one. Returns how many.';
