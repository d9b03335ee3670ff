-- 949_api_leads.sql: operations of the API on leads. Each is called by worker.call_api alone, with an organization that its key proved.

create function private.api_lead_objects(org_id uuid, ids uuid[]) returns jsonb
  language sql stable security definer set search_path = ''
as $$
  select coalesce(jsonb_agg(jsonb_build_object(
           'lead_id', l.id, 'contact_id', l.contact_id, 'source', l.source_kind, 'external_id', l.external_id, 'received_at', l.received_at,
           'title', l.title, 'product', l.product, 'message', l.message, 'pipeline_id', s.pipeline_id, 'stage_id', l.stage_id, 'stage', s.name, 'stage_kind', s.kind,
           'owner_id', l.owner_id, 'value', l.value::text, 'currency', l.currency, 'won_at', l.won_at, 'lost_at', l.lost_at, 'reason_id', l.closed_reason, 'custom', l.custom,
           'tags', (select coalesce(jsonb_agg(g.name order by lower(g.name)), '[]') from public.lead_tags k
                      join public.tags g on (g.org_id, g.id) = (k.org_id, k.tag_id) where k.org_id = l.org_id and k.lead_id = l.id),
           'name', c.name, 'phone', c.phone, 'email', c.email, 'company', c.company, 'city', c.city, 'state', c.state, 'version', l.version, 'updated_at', l.updated_at)
           order by u.n), '[]')
    from unnest(api_lead_objects.ids) with ordinality u (id, n)
    join public.leads l on l.org_id = api_lead_objects.org_id and l.id = u.id
    join public.contacts c on (c.org_id, c.id) = (l.org_id, l.contact_id)
    join public.pipeline_stages s on (s.org_id, s.id) = (l.org_id, l.stage_id)
$$;
comment on function private.api_lead_objects is 'Leads as programs see them, in the order given. Definer: called beneath RLS.';

create function private.api_leads_list(org_id uuid, args jsonb) returns jsonb
  language plpgsql stable security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_size   int := (args ->> 'page_size')::int;
  v_newest boolean := coalesce(args ->> 'order' = 'newest', false);
  v_list   text := 'leads ' || case when v_newest then 'newest' else 'oldest' end;
  v_after  record;
  v_ids    uuid[];
  v_leads  jsonb;
begin
  select * into v_after from private.read_cursor(v_list, args ->> 'cursor', 'timestamptz', 'uuid');
  execute format('select array_agg(x.id order by x.n) from (select l.id, row_number() over (order by l.received_at %1$s, l.id %1$s) as n from public.leads l
                   where %2$s%3$s%4$s order by l.received_at %1$s, l.id %1$s limit %5$s) x', case when v_newest then 'desc' else 'asc' end,
      private.lead_condition(org_id, jsonb_strip_nulls(jsonb_build_object('stage', args -> 'stage_id', 'pipeline', args -> 'pipeline_id', 'status', args -> 'status',
        'owner', args -> 'owner_id', 'tags', args -> 'tag_id', 'received_from', args -> 'since', 'received_to', args -> 'until', 'text', args -> 'text'))),
      case when args ->> 'contact_id' is not null then format(' and l.contact_id = %L::uuid', args ->> 'contact_id') end,
      case when v_after.key is not null then format(' and (l.received_at, l.id) %s (%L::timestamptz, %L::uuid)', case when v_newest then '<' else '>' end, v_after.key, v_after.id) end,
      v_size + 1)
    into v_ids;
  v_leads := private.api_lead_objects(org_id, v_ids[1:v_size]);
  return jsonb_build_object('leads', v_leads, 'next', case when cardinality(v_ids) > v_size then
    private.make_cursor(v_list, v_leads -> -1 ->> 'received_at', v_leads -> -1 ->> 'lead_id') end);
end;
$$;
comment on function private.api_leads_list is
  'Operation leads.list: args {page_size, cursor, order: oldest or newest, since, until, pipeline_id, stage_id, status, owner_id or "none", contact_id, tag_id, text}. Returns {leads, next}. Raises PT422. Definer: '
  'called beneath RLS.';

create function private.api_leads_show(org_id uuid, args jsonb) returns jsonb
  language plpgsql stable security definer set search_path = ''
as $$
declare
  v_lead jsonb := private.api_lead_objects(org_id, array[(args ->> 'lead_id')::uuid]) -> 0;
begin
  if v_lead is null then
    raise sqlstate 'PT404' using message = 'There is no such lead.', detail = 'lead_not_found';
  end if;
  return v_lead;
end;
$$;
comment on function private.api_leads_show is 'Operation leads.show: args {lead_id}. Raises PT404. Definer: called beneath RLS.';

create function private.api_leads_add(org_id uuid, args jsonb) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_source  uuid;
  v_results jsonb := '[]';
  v_message text;
  v_detail  text;
  v_hint    text;
  r         record;
begin
  if jsonb_typeof(args -> 'items') is distinct from 'array' or jsonb_array_length(args -> 'items') not between 1 and 100 then
    raise sqlstate 'PT422' using message = 'Give 1 to 100 leads.', detail = 'leads_invalid', hint = 'Send more in several requests.';
  end if;
  v_source := private.own_source(org_id, 'api');
  for r in select value as item from jsonb_array_elements(args -> 'items') with ordinality u (value, n) order by n loop
    begin
      if r.item ? 'refused' then
        v_results := v_results || (r.item -> 'refused');
        continue;
      end if;
      v_results := v_results || private.post_lead(org_id, v_source, r.item);
    exception when sqlstate 'PT422' then
      get stacked diagnostics v_message = message_text, v_detail = pg_exception_detail, v_hint = pg_exception_hint;
      v_results := v_results || jsonb_build_object('error', jsonb_build_object('message', v_message, 'detail', v_detail, 'hint', v_hint));
    end;
  end loop;
  return jsonb_build_object('results', v_results);
end;
$$;
comment on function private.api_leads_add is
  'Operation leads.add: args {items: 1 to 100 as private.post_lead takes them, or {refused: {error}} for what the worker could not read}. Returns {results: [{lead_id, contact_id, is_new} or {error: {message, detail, '
  'hint}}]}, one a lead, in order. Raises PT422 leads_invalid. Definer: called beneath RLS.';

create function private.api_leads_change(org_id uuid, args jsonb) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_id      uuid := (args ->> 'lead_id')::uuid;
  v_change  jsonb := args -> 'change';
  v_lead    public.leads;
  v_stage   uuid;
  v_version int := (args #>> '{change,version}')::int;
begin
  select l.* into v_lead from public.leads l where l.org_id = api_leads_change.org_id and l.id = v_id for no key update;
  if not found then
    raise sqlstate 'PT404' using message = 'There is no such lead.', detail = 'lead_not_found';
  end if;
  v_version := coalesce(v_version, v_lead.version);
  if v_change ->> 'stage_id' is not null or v_change ->> 'reason_id' is not null then
    v_stage := coalesce((v_change ->> 'stage_id')::uuid, v_lead.stage_id);
    if v_change ->> 'reason_id' is not null or v_stage <> v_lead.stage_id
       and exists (select from public.pipeline_stages s where s.org_id = api_leads_change.org_id and s.id = v_stage and s.kind <> 'open') then
      v_version := private.close_lead(org_id, v_id, v_stage, v_version, (v_change ->> 'reason_id')::uuid, null, null) ->> 'version';
    else
      v_version := private.move_lead(org_id, v_id, v_stage, v_version) ->> 'version';
    end if;
  end if;
  if v_change ? 'owner_id' then
    v_version := private.assign_lead(org_id, v_id, (v_change ->> 'owner_id')::uuid, v_version) ->> 'version';
  end if;
  if v_change ? 'value' then
    v_version := private.set_lead_value(org_id, v_id, v_version, (v_change ->> 'value')::numeric, coalesce(v_change ->> 'currency', v_lead.currency)) ->> 'version';
  end if;
  if v_change ? 'custom' then
    v_version := private.set_lead_fields(org_id, v_id, v_version, v_change -> 'custom') ->> 'version';
  end if;
  return private.api_lead_objects(org_id, array[v_id]) -> 0;
end;
$$;
comment on function private.api_leads_change is
  'Operation leads.change: args {lead_id, change: some of {version, stage_id, reason_id, owner_id, value, currency, custom}}; without a version the lead is changed as it stands. Returns the lead. Raises PT404, PT409 '
  'lead_changed, PT422 as private.move_lead, close_lead, assign_lead, set_lead_value, set_lead_fields. Definer: called beneath RLS.';

create function private.api_leads_note(org_id uuid, args jsonb) returns jsonb
  language sql volatile security definer set search_path = ''
as $$
  select private.note_lead(api_leads_note.org_id, (args ->> 'lead_id')::uuid, args ->> 'text')
$$;
comment on function private.api_leads_note is 'Operation leads.note: args {lead_id, text}. Returns {activity_id}. Raises PT404, PT422. Definer: called beneath RLS.';

create function private.api_leads_activities(org_id uuid, args jsonb) returns jsonb
  language plpgsql stable security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_size  int := (args ->> 'page_size')::int;
  v_after record;
  v_rows  jsonb;
begin
  perform private.api_leads_show(org_id, args);
  select * into v_after from private.read_cursor('activities', args ->> 'cursor', 'timestamptz', 'bigint');
  select jsonb_agg(jsonb_build_object('activity_id', a.id, 'at', a.at, 'kind', a.kind, 'actor_id', a.actor, 'details', a.details) order by a.id desc) into v_rows
    from (select x.* from public.lead_activities x
           where x.org_id = api_leads_activities.org_id and x.lead_id = (args ->> 'lead_id')::uuid and x.id < coalesce(v_after.id::bigint, 9223372036854775807)
           order by x.id desc limit v_size + 1) a;
  return private.api_page('activities', v_rows, v_size, 'activities', 'at', 'activity_id');
end;
$$;
comment on function private.api_leads_activities is 'Operation leads.activities: args {lead_id, page_size, cursor}, the newest first. Returns {activities, next}. Raises PT404, PT422. Definer: called beneath RLS.';

create function private.api_page(name text, found jsonb, page_size int, list text, key text, id text) returns jsonb
  language sql immutable security invoker set search_path = ''
as $$
  select jsonb_build_object(api_page.name, coalesce((select jsonb_agg(e order by n) from jsonb_array_elements(found) with ordinality u (e, n) where n <= page_size), '[]'),
    'next', case when jsonb_array_length(found) > page_size then
      private.make_cursor(api_page.list, found -> (page_size - 1) ->> api_page.key, found -> (page_size - 1) ->> api_page.id) end)
$$;
comment on function private.api_page is 'A page {name: rows, next} of rows that were looked up one more than it holds; key and id: the fields that the list is ordered by.';

create function private.api_pipelines_list(org_id uuid, args jsonb) returns jsonb
  language sql stable security definer set search_path = ''
as $$
  select jsonb_build_object(
    'pipelines', (select coalesce(jsonb_agg(jsonb_build_object('pipeline_id', p.id, 'name', p.name, 'stages',
        (select coalesce(jsonb_agg(jsonb_build_object('stage_id', s.id, 'name', s.name, 'kind', s.kind) order by s.position, s.id), '[]')
           from public.pipeline_stages s where s.org_id = p.org_id and s.pipeline_id = p.id)) order by p.position, p.id), '[]')
      from public.pipelines p where p.org_id = api_pipelines_list.org_id),
    'reasons', (select coalesce(jsonb_agg(jsonb_build_object('reason_id', r.id, 'kind', r.kind, 'name', r.name) order by r.kind, r.name), '[]')
      from public.close_reasons r where r.org_id = api_pipelines_list.org_id and r.archived_at is null))
$$;
comment on function private.api_pipelines_list is 'Operation pipelines.list: {pipelines: [{pipeline_id, name, stages}], reasons: why leads are won or lost}. Definer: called beneath RLS.';

create function private.api_members_list(org_id uuid, args jsonb) returns jsonb
  language sql stable security definer set search_path = ''
as $$
  select jsonb_build_object('members', coalesce(jsonb_agg(jsonb_build_object('user_id', m.user_id, 'name', p.name, 'role', m.role) order by p.name, m.user_id), '[]'))
    from public.memberships m join public.profiles p on p.id = m.user_id where m.org_id = api_members_list.org_id
$$;
comment on function private.api_members_list is 'Operation members.list: {members: [{user_id, name, role}]}, who leads and tasks can belong to. Definer: called beneath RLS.';
