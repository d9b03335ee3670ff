-- 943_lead_board.sql: leads as a list and as a board, by filters that are kept as views.

create function private.filter_ids(filter jsonb, name text) returns uuid[]
  language plpgsql immutable set search_path = ''
as $$
declare
  v_given jsonb := filter -> name;
  v_list  jsonb := case jsonb_typeof(v_given) when 'array' then v_given when 'string' then jsonb_build_array(v_given) else '[]' end;
begin
  if v_given is null or v_given = 'null' then
    return null;
  end if;
  if jsonb_array_length(v_list) not between 1 and 100
     or exists (select from jsonb_array_elements(v_list) e where jsonb_typeof(e) <> 'string' or not pg_input_is_valid(e #>> '{}', 'uuid')) then
    perform private.refuse_field('filter.' || name, 'is not an id, nor a list of 1 to 100 ids', 'field_invalid');
  end if;
  return array(select distinct e::uuid from jsonb_array_elements_text(v_list) e order by 1);
end;
$$;
comment on function private.filter_ids is 'The ids that a field of a filter names, one or a list; null when it names none. Raises PT422 field_invalid.';

create function private.filter_instant(filter jsonb, name text) returns timestamptz
  language plpgsql stable set search_path = ''
as $$
declare
  v_given text := filter ->> name;
begin
  if v_given is null then
    return null;
  elsif length(v_given) > 40 or not pg_input_is_valid(v_given, 'timestamptz') then
    perform private.refuse_field('filter.' || name, 'is not a time', 'field_invalid');
  end if;
  return v_given::timestamptz;
end;
$$;
comment on function private.filter_instant is 'A time in a filter, or null. Raises PT422 field_invalid.';

create function private.lead_condition(org_id uuid, filter jsonb) returns text
  language plpgsql stable security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_org    uuid := lead_condition.org_id;
  v_filter jsonb := jsonb_strip_nulls(coalesce(filter, '{}'));
  v_result text := format('l.org_id = %L::uuid', v_org);
  v_stages uuid[];
  v_id     uuid;
  v_from   timestamptz;
begin
  perform private.known_fields(coalesce(filter, '{}'), 'filter', array['lead', 'stage', 'pipeline', 'status', 'owner', 'source', 'type', 'tags', 'custom', 'received_from',
    'received_to', 'has_open_conversation', 'text']);
  if v_filter ? 'lead' then
    v_result := v_result || format(' and l.id = any (%L::uuid[])', private.filter_ids(v_filter, 'lead'));
  end if;
  v_stages := private.filter_ids(v_filter, 'stage');
  if v_filter ? 'pipeline' or v_filter ? 'status' then
    if v_filter ? 'status' and v_filter ->> 'status' not in ('open', 'won', 'lost') then
      perform private.refuse_field('filter.status', 'is not open, won or lost', 'field_invalid');
    end if;
    v_stages := array(
      select s.id from public.pipeline_stages s
       where s.org_id = v_org and (v_stages is null or s.id = any (v_stages))
         and (not v_filter ? 'pipeline' or s.pipeline_id = any (private.filter_ids(v_filter, 'pipeline')))
         and (not v_filter ? 'status' or s.kind = v_filter ->> 'status'));
  end if;
  if v_stages is not null then
    v_result := v_result || format(' and l.stage_id = any (%L::uuid[])', v_stages);
  end if;
  if v_filter -> 'owner' = '"none"' then
    v_result := v_result || ' and l.owner_id is null';
  elsif v_filter -> 'owner' = '"me"' then
    v_result := v_result || format(' and l.owner_id = %L::uuid', auth.uid());
  elsif v_filter ? 'owner' then
    v_result := v_result || format(' and l.owner_id = any (%L::uuid[])', private.filter_ids(v_filter, 'owner'));
  end if;
  if v_filter ? 'source' then
    v_result := v_result || format(' and l.source_id = any (%L::uuid[])', private.filter_ids(v_filter, 'source'));
  end if;
  if v_filter ? 'type' then
    if jsonb_typeof(v_filter -> 'type') <> 'string' then
      perform private.refuse_field('filter.type', 'is not a word', 'field_invalid');
    end if;
    v_result := v_result || format(' and l.lead_type = %L', left(v_filter ->> 'type', 40));
  end if;
  if v_filter ? 'tags' then
    if cardinality(private.filter_ids(v_filter, 'tags')) > 10 then
      perform private.refuse_field('filter.tags', 'are more than ten', 'field_invalid');
    end if;
    foreach v_id in array private.filter_ids(v_filter, 'tags') loop
      v_result := v_result || format(
        ' and l.id in (select t.lead_id from public.lead_tags t where t.org_id = %L::uuid and t.tag_id = %L::uuid)', v_org, v_id);
    end loop;
  end if;
  if v_filter ? 'custom' then
    if jsonb_typeof(v_filter -> 'custom') <> 'object' or length(v_filter ->> 'custom') > 4000 then
      perform private.refuse_field('filter.custom', 'is not an object of keys and values', 'field_invalid');
    elsif v_filter -> 'custom' <> '{}' then
      v_result := v_result || format(' and l.custom <> ''{}'' and private.custom_of(l.org_id, l.custom) @> %L::jsonb', private.custom_of(v_org, v_filter -> 'custom'));
    end if;
  end if;
  v_from := private.filter_instant(v_filter, 'received_from');
  if v_from is not null then
    v_result := v_result || format(' and l.received_at >= %L::timestamptz', v_from);
  end if;
  v_from := private.filter_instant(v_filter, 'received_to');
  if v_from is not null then
    v_result := v_result || format(' and l.received_at < %L::timestamptz', v_from);
  end if;
  if v_filter ? 'has_open_conversation' then
    if jsonb_typeof(v_filter -> 'has_open_conversation') <> 'boolean' then
      perform private.refuse_field('filter.has_open_conversation', 'is not true or false', 'field_invalid');
    end if;
    v_result := v_result || case when (v_filter ->> 'has_open_conversation')::boolean then ' and ' else ' and not ' end
      || 'exists (select from public.conversations v where v.contact_id = l.contact_id and v.org_id = l.org_id and v.status = ''open'')';
  end if;
  if v_filter ? 'text' then
    if jsonb_typeof(v_filter -> 'text') <> 'string' then
      perform private.refuse_field('filter.text', 'is not a text', 'field_invalid');
    elsif btrim(v_filter ->> 'text') <> '' then
      v_result := v_result || format(' and l.id = any (%L::uuid[])', private.leads_with_words(v_org, v_filter ->> 'text'));
    end if;
  end if;
  return v_result;
end;
$$;
comment on function private.lead_condition is
  'A filter as a condition on leads l of one organization; every value in it is quoted. {lead, stage, pipeline, source: id or ids, status: open, won or lost, owner: id, '
  'ids, "me" or "none", type, tags: ids, all of them, custom: {key: value}, received_from, received_to, has_open_conversation, text: among the newest 2,000 '
  'that have the words}. Raises PT422 field_unknown, field_invalid. Definer: called beneath RLS.';

create function private.lead_cards(org_id uuid, ids uuid[]) returns jsonb
  language sql stable security definer set search_path = ''
as $$
  select coalesce(jsonb_agg(jsonb_build_object(
      'id', l.id, 'contact_id', l.contact_id, 'name', c.name, 'phone', coalesce(c.phone, l.phone), 'company', c.company, 'city', c.city,
      'title', l.title, 'product', l.product, 'message', left(l.message, 300), 'stage_id', l.stage_id, 'owner_id', l.owner_id,
      'source_id', l.source_id, 'source_kind', l.source_kind, 'lead_type', l.lead_type, 'received_at', l.received_at, 'problems', to_jsonb(l.problems),
      'value', l.value::text, 'currency', l.currency, 'won_at', l.won_at, 'lost_at', l.lost_at, 'closed_reason', l.closed_reason,
      'custom', l.custom, 'version', l.version,
      'tags', (select coalesce(jsonb_agg(jsonb_build_object('id', t.id, 'name', t.name, 'colour', t.colour) order by lower(t.name)), '[]')
                 from public.lead_tags k join public.tags t on (t.org_id, t.id) = (k.org_id, k.tag_id) where k.org_id = l.org_id and k.lead_id = l.id),
      'conversation', (select jsonb_build_object('id', v.id, 'status', v.status, 'unread', v.unread_count, 'last_message_at', nullif(v.last_message_at, '-infinity'))
                         from public.conversations v where v.contact_id = l.contact_id and v.org_id = l.org_id order by v.last_message_at desc limit 1))
      order by u.n), '[]')
    from unnest(lead_cards.ids) with ordinality u (id, n)
    join public.leads l on l.org_id = lead_cards.org_id and l.id = u.id
    join public.contacts c on c.org_id = l.org_id and c.id = l.contact_id
$$;
comment on function private.lead_cards is 'Leads as lists and boards show them, in the order given. Definer: called beneath RLS, after its caller asked for membership.';

create function private.lead_list(org_id uuid, filter jsonb, before_at timestamptz, before_id uuid, page_size int, sort text, after jsonb) returns jsonb
  language plpgsql stable security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_limit int := least(greatest(coalesce(page_size, 50), 1), 200);
  v_sort  text;
  v_after jsonb := nullif(lead_list.after, 'null');
  v_ids   uuid[];
  v_cards jsonb;
begin
  perform private.require_role(lead_list.org_id, 'agent');
  v_sort := private.known_order(lead_list.sort);
  if v_sort = 'newest' then
    v_after := case when before_at is not null then
      jsonb_build_object('received_at', before_at, 'id', coalesce(before_id, '00000000-0000-0000-0000-000000000000')) end;
  end if;
  v_ids := private.leads_in_order(lead_list.org_id, private.lead_condition(lead_list.org_id, lead_list.filter), v_sort, v_after, v_limit + 1);
  v_cards := private.lead_cards(lead_list.org_id, v_ids[1:v_limit]);
  return jsonb_build_object('leads', v_cards, 'next', case
    when cardinality(v_ids) <= v_limit then null
    when v_sort = 'newest' then jsonb_build_object('before_at', v_cards -> -1 -> 'received_at', 'before_id', v_cards -> -1 -> 'id')
    else jsonb_build_object('after', private.order_after(lead_list.org_id, v_sort, v_ids[v_limit])) end);
end;
$$;
comment on function private.lead_list is 'Body of public.lead_list. Definer: row level security would keep some filters from their index; it asks for membership itself.';
create function public.lead_list(org_id uuid, filter jsonb default '{}', before_at timestamptz default null, before_id uuid default null, page_size int default 50,
                                 sort text default null, after jsonb default null) returns jsonb
  language sql stable set search_path = ''
begin atomic
  select private.lead_list(org_id, filter, before_at, before_id, page_size, sort, after);
end;
comment on function public.lead_list is
  'Leads that a filter lets through (private.lead_condition says what it may ask), newest first, at most 200: {leads: [...], next: {before_at, before_id} or '
  'null}. With stage in the filter it is the next page of a column of the board. sort: newest, oldest, a_to_z or z_to_a (the name of the person, else of the firm), '
  'highest or lowest (values as numbers, whatever the currency); who has no name or no value comes last, newest first. In an order other than newest, next is {after}. '
  'Raises PT400 order_unknown, PT404, PT422 field_unknown, field_invalid.';
grant execute on function private.lead_list, public.lead_list to authenticated;

create function private.board(org_id uuid, pipeline_id uuid, filter jsonb, page_size int) returns jsonb
  language plpgsql stable security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_limit  int := least(greatest(coalesce(page_size, 20), 1), 50);
  v_id     uuid := board.pipeline_id;
  v_where  text;
  v_sums   jsonb;
  v_pages  jsonb;
begin
  perform private.require_role(board.org_id, 'agent');
  if v_id is null then
    select p.id into v_id from public.pipelines p where p.org_id = board.org_id order by p.position, p.id limit 1;
  end if;
  perform private.require_pipeline(board.org_id, v_id);
  v_where := private.lead_condition(board.org_id, coalesce(board.filter, '{}') - 'pipeline');
  execute format($q$
    select coalesce(jsonb_object_agg(g.stage_id, jsonb_build_object('count', g.many, 'values', g.sums)), '{}')
      from (select s.stage_id, sum(s.many)::bigint as many,
                   coalesce(jsonb_agg(jsonb_build_object('currency', s.currency, 'value', s.total::text) order by s.currency)
                            filter (where s.currency is not null), '[]') as sums
              from (select l.stage_id, l.currency, count(*) as many, sum(l.value) as total from public.leads l
                     where %s and l.stage_id = any (array(select t.id from public.pipeline_stages t where t.org_id = %L and t.pipeline_id = %L))
                     group by 1, 2) s
             group by 1) g $q$, v_where, board.org_id, v_id) into v_sums;
  execute format($q$
    select jsonb_object_agg(t.id, x.ids)
      from public.pipeline_stages t
     cross join lateral (select array(select l.id from public.leads l where %s and l.stage_id = t.id
                                       order by l.received_at desc, l.id desc limit %s) as ids) x
     where t.org_id = %L and t.pipeline_id = %L $q$, v_where, v_limit + 1, board.org_id, v_id) into v_pages;
  return jsonb_build_object('pipeline_id', v_id, 'stages', (
    select coalesce(jsonb_agg(jsonb_build_object(
        'stage_id', s.id, 'name', s.name, 'kind', s.kind, 'count', coalesce((v_sums #>> array[s.id::text, 'count'])::bigint, 0),
        'values', coalesce(v_sums #> array[s.id::text, 'values'], '[]'), 'leads', s.cards,
        'next', case when jsonb_array_length(v_pages -> s.id::text) > v_limit then
          jsonb_build_object('before_at', s.cards -> -1 -> 'received_at', 'before_id', s.cards -> -1 -> 'id') end) order by s.position, s.id), '[]')
      from (select t.id, t.name, t.kind, t.position, private.lead_cards(board.org_id, array(
                     select e::uuid from jsonb_array_elements_text(v_pages -> t.id::text) with ordinality u (e, n) where n <= v_limit order by n)) as cards
              from public.pipeline_stages t where t.org_id = board.org_id and t.pipeline_id = v_id offset 0) s));
end;
$$;
comment on function private.board is 'Body of public.board. Definer: row level security would keep some filters from their index; it asks for membership itself.';
create function public.board(org_id uuid, pipeline_id uuid default null, filter jsonb default '{}', page_size int default 20) returns jsonb
  language sql stable set search_path = ''
begin atomic
  select private.board(org_id, pipeline_id, filter, page_size);
end;
comment on function public.board is
  'A pipeline, the first unless named, column by column: {pipeline_id, stages: [{stage_id, name, kind, count, values: [{currency, value}], leads: the newest, '
  'next}]}; lead_list with next and {stage} in the filter gives a column''s next page. Raises PT404, PT422 field_unknown, field_invalid.';
grant execute on function private.board, public.board to authenticated;

-- Views --------------------------------------------------------------------------------------------------------------

create table public.saved_views (
  org_id      uuid not null references public.organizations on delete restrict,
  id          uuid not null default gen_random_uuid(),
  owner_id    uuid,
  name        text not null,
  layout      text not null default 'list',
  filter      jsonb not null,
  sort        text not null default 'newest',
  is_shared   boolean not null default false,
  created_at  timestamptz not null default now(),
  updated_at  timestamptz not null default now(),
  primary key (org_id, id),
  constraint view_owner_is_a_member foreign key (org_id, owner_id) references public.memberships (org_id, user_id) on delete set null (owner_id),
  constraint view_name_has_1_to_60_characters check (name = btrim(name) and length(name) between 1 and 60),
  constraint view_layout_is_known check (layout in ('list', 'board')),
  constraint view_sort_is_known check (sort in ('newest', 'oldest', 'a_to_z', 'z_to_a', 'highest', 'lowest')),
  constraint view_filter_is_an_object check (jsonb_typeof(filter) = 'object')
);
comment on table public.saved_views is 'Filters that people keep, for themselves or for everybody in the organization.';
comment on column public.saved_views.org_id is 'The organization.';
comment on column public.saved_views.id is 'The view.';
comment on column public.saved_views.owner_id is 'Who made it; null when they have left. Then a view of their own is removed within a day.';
comment on column public.saved_views.name is 'Shown to people.';
comment on column public.saved_views.layout is 'list or board.';
comment on column public.saved_views.filter is 'What public.lead_list and public.board take.';
comment on column public.saved_views.sort is 'The order of the list, as public.lead_list names it; a board is newest first.';
comment on column public.saved_views.is_shared is 'Whether everybody in the organization sees it.';
comment on column public.saved_views.created_at is 'When it was made.';
comment on column public.saved_views.updated_at is 'Last change.';
create index saved_views_owner on public.saved_views (org_id, owner_id);
alter table public.saved_views enable row level security;
create policy "Members can read their own views and those that are shared"
  on public.saved_views for select to authenticated
  using (org_id = any (array(select private.my_org_ids())) and (is_shared or owner_id = (select auth.uid())));
grant select on public.saved_views to authenticated;
create trigger saved_views_touch
  before update on public.saved_views
  for each row execute function private.touch_updated_at();

create function private.view_for_change(org_id uuid, view_id uuid) returns void
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_role text := private.require_role(view_for_change.org_id, 'agent');
  v_view public.saved_views;
begin
  select v.* into v_view from public.saved_views v where v.org_id = view_for_change.org_id and v.id = view_for_change.view_id for no key update;
  if not found or not v_view.is_shared and v_view.owner_id is distinct from auth.uid() then
    raise sqlstate 'PT404' using message = 'There is no such view.', detail = 'view_not_found', hint = 'Reload the views.';
  elsif v_view.owner_id is distinct from auth.uid() and private.role_rank(v_role) < private.role_rank('admin') then
    raise sqlstate 'PT403' using message = 'Only who made this view, or an admin, may change it.', detail = 'role_too_low', hint = 'Save it under another name.';
  end if;
end;
$$;
comment on function private.view_for_change is
  'Locks a view of the person who asks, or a shared one for an admin. Raises PT403 role_too_low, PT404 view_not_found. Definer: nobody may write views directly.';

create function private.save_view(org_id uuid, name text, filter jsonb, layout text, is_shared boolean, view_id uuid, sort text) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_id   uuid := save_view.view_id;
  v_sort text;
  v_name text;
begin
  perform private.require_role(save_view.org_id, 'agent');
  v_name := private.name_for_people(save_view.name);
  perform private.lead_condition(save_view.org_id, save_view.filter);
  v_sort := private.known_order(save_view.sort);
  if save_view.layout is null or save_view.layout not in ('list', 'board') then
    raise sqlstate 'PT422' using message = 'A view is a list or a board.', detail = 'layout_unknown', hint = 'list or board.';
  end if;
  if v_id is null then
    if (select count(*) from public.saved_views v where v.org_id = save_view.org_id and v.owner_id = auth.uid()) >= 100 then
      raise sqlstate 'PT409' using message = 'You have 100 views.', detail = 'too_many_views', hint = 'Delete one that you do not use.';
    end if;
    insert into public.saved_views (org_id, owner_id, name, layout, filter, sort, is_shared)
    values (save_view.org_id, auth.uid(), v_name, save_view.layout, save_view.filter, v_sort, save_view.is_shared)
    returning id into v_id;
  else
    perform private.view_for_change(save_view.org_id, v_id);
    update public.saved_views v set name = v_name, layout = save_view.layout, filter = save_view.filter, sort = v_sort, is_shared = save_view.is_shared
     where v.org_id = save_view.org_id and v.id = v_id;
  end if;
  return jsonb_build_object('view_id', v_id);
end;
$$;
comment on function private.save_view is 'Body of public.save_view. Definer: nobody may write views directly.';
create function public.save_view(org_id uuid, name text, filter jsonb, layout text default 'list', is_shared boolean default false, view_id uuid default null,
                                 sort text default null) returns jsonb
  language sql volatile set search_path = ''
begin atomic
  select private.save_view(org_id, name, filter, layout, coalesce(is_shared, false), view_id, sort);
end;
comment on function public.save_view is
  'Keeps a filter, and the order of a list, under a name, or changes one that is kept: an own one, or a shared one for admins. Returns {view_id}. Raises PT400 order_unknown, '
  'PT403, PT404, PT409 too_many_views, PT422 name_invalid, layout_unknown, field_unknown, field_invalid.';
grant execute on function private.save_view, public.save_view to authenticated;

create function private.delete_view(org_id uuid, view_id uuid) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
begin
  perform private.view_for_change(delete_view.org_id, delete_view.view_id);
  delete from public.saved_views v where v.org_id = delete_view.org_id and v.id = delete_view.view_id;
  return jsonb_build_object('view_id', delete_view.view_id);
end;
$$;
comment on function private.delete_view is 'Body of public.delete_view. Definer: nobody may write views directly.';
create function public.delete_view(org_id uuid, view_id uuid) returns jsonb
  language sql volatile set search_path = ''
begin atomic
  select private.delete_view(org_id, view_id);
end;
comment on function public.delete_view is 'Deletes a view: an own one, or a shared one for admins; returns {view_id}. Raises PT403, PT404.';
grant execute on function private.delete_view, public.delete_view to authenticated;
