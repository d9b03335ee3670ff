-- 942_lead_orders.sql: the orders of a list of leads, each page by page along an index.
--
-- What has no value, or no name, comes last, newest first. Of equal values highest gives the newest first and lowest the oldest: one index, read
-- both ways. By name the leads of one person stand together, newest first: two people of one name are not mixed, and a name that thousands bear
-- ("Customer") costs no page a sort of them all.

create function private.known_order(sort text) returns text
  language plpgsql immutable security invoker set search_path = ''
as $$
begin
  if known_order.sort not in ('newest', 'oldest', 'a_to_z', 'z_to_a', 'highest', 'lowest') then
    raise sqlstate 'PT400' using message = 'Leads cannot be sorted that way.', detail = 'order_unknown', hint = 'newest, oldest, a_to_z, z_to_a, highest or lowest.';
  end if;
  return coalesce(known_order.sort, 'newest');
end;
$$;
comment on function private.known_order is 'An order of leads, newest unless named. Raises PT400 order_unknown.';

create function private.order_place(after jsonb, name text, type text) returns text
  language plpgsql stable security invoker set search_path = ''
as $$
declare
  v_given text := after ->> name;
begin
  -- Each type by name: pg_input_is_valid looks at its type once a transaction where it is a variable.
  if v_given is null or length(v_given) > 200 or not (
       case order_place.type when 'uuid' then pg_input_is_valid(v_given, 'uuid') when 'timestamptz' then pg_input_is_valid(v_given, 'timestamptz')
                             when 'numeric' then pg_input_is_valid(v_given, 'numeric') else true end) then
    perform private.refuse_field('after', 'is not what a page gave as next', 'field_invalid');
  end if;
  return format('%L::%s', v_given, type);
end;
$$;
comment on function private.order_place is 'One part of the place after which a page begins, quoted, as SQL of that type. Raises PT422 field_invalid.';

create function private.leads_in_order(org_id uuid, condition text, sort text, after jsonb, many int) returns uuid[]
  language plpgsql stable security definer set search_path = ''
as $$
declare
  c_all    constant text := 'select l.id from public.leads l where ' || condition;
  c_people constant text := 'select l.id from public.contacts c join public.leads l on (l.org_id, l.contact_id) = (c.org_id, c.id) where '
                            || format('c.org_id = %L::uuid and ', org_id) || condition;
  c_name   constant text := $q$lower(left(coalesce(nullif(c.name, ''), nullif(c.company, '')), 100)) collate "C"$q$; -- as contacts_by_name has it
  v_way    text := case when sort in ('newest', 'highest', 'z_to_a') then ' desc' else '' end;
  v_beyond text := case v_way when '' then '>' else '<' end;
  v_key    text := case when sort in ('highest', 'lowest') then 'value' when sort in ('a_to_z', 'z_to_a') then 'name' end;
  v_among_last boolean := coalesce(after -> v_key = 'null', false);
  v_at     text;
  v_of     text; -- the person after whom the page begins
  v_first  text;
  v_last   text;
  v_lasts  text; -- their order
  v_ids    uuid[] := '{}';
  v_more   uuid[];
begin
  if after is not null then
    v_at := format('%s, %s', private.order_place(after, 'received_at', 'timestamptz'), private.order_place(after, 'id', 'uuid'));
  end if;
  if v_key is null then
    v_first := c_all;
    if after is not null then
      v_first := v_first || format(' and (l.received_at, l.id) %s (%s)', v_beyond, v_at);
    end if;
    v_first := v_first || format(' order by l.received_at%1$s, l.id%1$s', v_way);
  elsif v_key = 'value' then
    v_first := c_all || ' and l.value is not null';
    if after is not null and not v_among_last then
      v_first := v_first || format(' and (l.value, l.received_at, l.id) %s (%s, %s)', v_beyond, private.order_place(after, 'value', 'numeric'), v_at);
    end if;
    v_first := v_first || format(' order by l.value%1$s, l.received_at%1$s, l.id%1$s', v_way);
    v_last := c_all || ' and l.value is null';
    v_lasts := ' order by l.value desc, l.received_at desc, l.id desc'; -- the value, that is none, makes leads_by_value of use
  else
    v_first := c_people || format(' and %s is not null', c_name);
    if after is not null and not v_among_last then
      v_of := format('(%s, %s)', private.order_place(after, 'name', 'text'), private.order_place(after, 'contact_id', 'uuid'));
      v_first := v_first || format(' and (%1$s, c.id) %2$s= %3$s and ((%1$s, c.id) %2$s %3$s or (l.received_at, l.id) < (%4$s))', c_name, v_beyond, v_of, v_at);
    end if;
    v_first := v_first || format(' order by %1$s%2$s, c.id%2$s, l.received_at desc, l.id desc', c_name, v_way);
    v_last := c_people || format(' and %s is null', c_name);
    v_lasts := ' order by l.received_at desc, l.id desc';
  end if;
  if not v_among_last then
    execute format('select array(%s limit %s)', v_first, many) into v_ids;
  end if;
  if v_last is not null and cardinality(v_ids) < many then
    if v_among_last then
      v_last := v_last || format(' and (l.received_at, l.id) < (%s)', v_at);
    end if;
    execute format('select array(%s limit %s)', v_last || v_lasts, many - cardinality(v_ids)) into v_more;
  end if;
  return v_ids || v_more;
end;
$$;
comment on function private.leads_in_order is
  'So many leads l that meet a condition (as private.lead_condition gives it, which quotes), in an order, from the place after which the last page ended (private.order_after) '
  'or from the beginning. Raises PT422 field_invalid. Definer: called beneath RLS, after its caller asked for membership.';

create function private.order_after(org_id uuid, sort text, lead_id uuid) returns jsonb
  language sql stable security definer set search_path = ''
as $$
  select case when order_after.sort in ('highest', 'lowest') then jsonb_build_object('value', l.value::text)
              when order_after.sort in ('a_to_z', 'z_to_a') then jsonb_build_object('contact_id', c.id,
                'name', lower(left(coalesce(nullif(c.name, ''), nullif(c.company, '')), 100)))
              else '{}' end || jsonb_build_object('received_at', l.received_at, 'id', l.id)
    from public.leads l join public.contacts c on (c.org_id, c.id) = (l.org_id, l.contact_id)
   where l.org_id = order_after.org_id and l.id = order_after.lead_id
$$;
comment on function private.order_after is
  'The place of a lead in an order: {received_at, id}, with {value} or {name, contact_id} where that decides first; null where it has none. Definer: called beneath RLS, after its caller asked for membership.';
