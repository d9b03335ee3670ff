-- 751_erased_senders.sql: webhooks of people who were erased: what comes late brings nothing back, and stored bodies lose their part.

alter table private.webhook_events add column redacted_at timestamptz;
comment on column private.webhook_events.redacted_at is 'When the part of an erased person was taken out: the bytes are not those that Meta signed any more. Null: they are.';

create function private.is_theirs(item jsonb, ids text[]) returns boolean
  language sql immutable security invoker set search_path = ''
as $$
  select exists (select from jsonb_each(case when jsonb_typeof(item) = 'object' then item else '{}' end) e
                  where e.key in ('id', 'from', 'from_user_id', 'to', 'to_user_id', 'recipient_id', 'recipient_user_id', 'wa_id', 'user_id', 'phone_number', 'from_parent_user_id', 'recipient_parent_user_id')
                    and ltrim(e.value #>> '{}', '+') = any (ids))
      or coalesce(regexp_replace(item #>> '{contact,phone_number}', '[^0-9]', '', 'g') = any (ids), false)
$$;
comment on function private.is_theirs is 'Whether an item of a webhook is by, to or about one of these numbers (digits), user ids or wamids. What others wrote about them is not.';

create function private.value_without(value jsonb, ids text[]) returns jsonb
  language sql immutable security invoker set search_path = ''
as $$
  select jsonb_object_agg(e.key, case when jsonb_typeof(e.value) = 'array' then
           (select coalesce(jsonb_agg(case when jsonb_typeof(i.item -> 'threads') = 'array' then jsonb_set(i.item, '{threads}',
                     (select coalesce(jsonb_agg(t) filter (where not private.is_theirs(t, ids)), '[]') from jsonb_array_elements(i.item -> 'threads') t)) else i.item end order by i.n), '[]')
              from jsonb_array_elements(e.value) with ordinality i (item, n) where not private.is_theirs(i.item, ids)) else e.value end)
    from jsonb_each(value) e
$$;
comment on function private.value_without is 'The value of a change without the items of these ids, in its lists and in the threads of a history.';

create function private.redact_event(org_id uuid, received_at timestamptz, event_id bigint, ids text[]) returns boolean
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_body  bytea;
  v_doc   jsonb;
  v_new   jsonb;
  v_wabas text[] := array(select a.waba_id from public.whatsapp_accounts a where a.org_id = redact_event.org_id);
begin
  select w.body into v_body from private.webhook_events w where w.received_at = redact_event.received_at and w.id = redact_event.event_id for update;
  if not found then
    return false;
  end if;
  begin
    begin
      v_doc := convert_from(v_body, 'UTF8')::jsonb;
    exception when others then
      v_doc := private.clean_json_text(convert_from(v_body, 'UTF8'))::jsonb;
    end;
    -- Of the organization's own accounts only: somebody else may know the same person.
    select v_doc || jsonb_build_object('entry', coalesce(jsonb_agg(x.entry order by x.n) filter (where x.entry is not null), '[]')) into v_new from (
      select e.n, case when not coalesce(e.entry ->> 'id' = any (v_wabas), false) or jsonb_typeof(e.entry -> 'changes') is distinct from 'array' then e.entry
                       else (select case when count(*) > 0 then e.entry || jsonb_build_object('changes', jsonb_agg(c.change order by c.n)) end
                               from (select k.n, case when jsonb_typeof(k.change -> 'value') = 'object' then jsonb_set(k.change, '{value}', private.value_without(k.change -> 'value', ids)) else k.change end as change,
                                            k.change as before
                                       from jsonb_array_elements(e.entry -> 'changes') with ordinality k (change, n)) c
                              where c.change = c.before
                                 or exists (select from jsonb_each(c.change -> 'value') l where jsonb_typeof(l.value) = 'array' and l.value <> '[]')) end as entry
        from jsonb_array_elements(v_doc -> 'entry') with ordinality e (entry, n)) x;
  exception when others then
    v_new := jsonb_build_object('entry', '[]'::jsonb);      -- cannot be read, so nothing was ever applied from it
  end;
  if v_new = v_doc then
    return false;
  elsif v_new -> 'entry' = '[]' then
    delete from private.webhook_events w where w.received_at = redact_event.received_at and w.id = redact_event.event_id;
  else
    update private.webhook_events w set body = convert_to(v_new::text, 'UTF8'), redacted_at = now() where w.received_at = redact_event.received_at and w.id = redact_event.event_id;
  end if;
  return true;
end;
$$;
comment on function private.redact_event is 'Takes out of a stored webhook what is of these ids, in the accounts of the organization; a body of which nothing is left goes. Returns whether it changed.';

create function private.ids_in(u private.meta_update) returns text[]
  language sql immutable security invoker set search_path = ''
as $$
  select coalesce(array_agg(distinct ltrim(x.id, '+')), '{}') from (
    select (u).item ->> k as id from unnest('{from,from_user_id,recipient_id,recipient_user_id}'::text[]) k where (u).kind <> 'field'
    union all select p #>> '{}' from unnest(array['$.value.message_echoes[*].to', '$.value.message_echoes[*].to_user_id', '$.value.history[*].threads[*].id', '$.value.state_sync[*].contact.phone_number',
                '$.value.user_preferences[*].wa_id', '$.value.user_preferences[*].user_id', '$.value.contacts[*].wa_id', '$.value.contacts[*].user_id']::jsonpath[]) j (path)
               cross join lateral jsonb_path_query((u).item, j.path) p where (u).kind = 'field') x
   where x.id is not null
$$;
comment on function private.ids_in is 'Whom an update is by, to or about: numbers as digits, and user ids.';

create function private.veil_erased(event_id bigint, received_at timestamptz, updates private.meta_update[]) returns private.meta_update[]
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_key   bytea;
  v_known jsonb;
  v_back  text[];
  v_mine  text[];
  v_gone  jsonb := '[]';
  v_left  private.meta_update[] := '{}';
  v_lives boolean;
  v_raw   boolean;
  v_stub  boolean;
  v_veil  text;
  u       private.meta_update;
begin
  -- Nearly every organization has erased nobody.
  if not exists (select from private.suppressions s where s.org_id in (select x.org_id from unnest(updates) x)) then
    return updates;
  end if;
  v_key := private.suppression_key();
  select jsonb_agg(jsonb_build_object('org', k.org_id, 'id', k.id, 'person', s.person_id, 'since', date_trunc('second', s.suppressed_at))) into v_known
    from (select distinct x.org_id, i.id from unnest(updates) x cross join lateral unnest(private.ids_in(x)) i (id)) k
    join private.suppressions s on s.org_id = k.org_id
     and s.hash = case when k.id ~ '^[0-9]+$' then private.suppression_hash(v_key, k.org_id, 'phone', '+' || k.id) else private.suppression_hash(v_key, k.org_id, 'user_id', k.id) end;
  if v_known is null then
    return updates;
  end if;
  -- A step of their erasure and this do not overlap: a message bears its own id or its pseudonym for both alike.
  perform from public.contacts c
   where (c.org_id, c.id) in (select (k ->> 'org')::uuid, (k ->> 'person')::uuid from jsonb_array_elements(v_known) k) order by c.org_id, c.id for share;
  v_back := array(select k ->> 'id' from unnest(updates) x join jsonb_array_elements(v_known) k on k ->> 'org' = x.org_id::text and k ->> 'id' = any (private.ids_in(x))
                   where x.kind = 'message' and x.at > (k ->> 'since')::timestamptz);
  foreach u in array updates loop
    v_mine := array(select k ->> 'id' from jsonb_array_elements(v_known) k where k ->> 'org' = (u).org_id::text and k ->> 'id' = any (private.ids_in(u)));
    if cardinality(v_mine) = 0 then
      v_left := v_left || u;
      continue;
    end if;
    v_lives := exists (select from public.contact_points p where p.org_id = (u).org_id and p.kind = 'phone' and ltrim(p.value, '+') = any (v_mine) and p.value = any (select '+' || m from unnest(v_mine) m))
            or exists (select from public.contact_identities i where i.org_id = (u).org_id and i.kind in ('wa_id', 'user_id') and i.value = any (v_mine));
    if (u).kind = 'field' then
      v_left := v_left || u;                            -- its handler turns away what is theirs
    else
      v_veil := private.veiled(v_key, (u).org_id, (u).item ->> 'id');
      v_raw := exists (select from public.messages m where m.org_id = (u).org_id and m.wamid = (u).item ->> 'id');
      v_stub := exists (select from public.messages m where m.org_id = (u).org_id and m.wamid = v_veil)
             or (u).kind = 'status' and not v_raw and exists (
                  select from public.messages m join public.contacts c on (c.org_id, c.id) = (m.org_id, m.contact_id) and c.erased_at is not null
                   where m.org_id = (u).org_id and m.id = substring((u).item ->> 'biz_opaque_callback_data' from '^flow\.([0-9]{1,18})$')::bigint);
      if (u).kind = 'status' and (v_stub or v_raw and not v_lives) then
        u.item := (u).item || jsonb_strip_nulls(jsonb_build_object('id', case when v_stub then v_veil else (u).item ->> 'id' end,
          'recipient_id', private.masked((u).item ->> 'recipient_id'), 'recipient_user_id', private.masked((u).item ->> 'recipient_user_id'))) - 'recipient_parent_user_id';
        v_left := v_left || u;
      elsif v_lives and not v_stub then
        v_left := v_left || u;
        continue;
      elsif (u).kind = 'message' and not v_stub and (u).problem is null then
        v_left := v_left || u;                          -- private.without_suppressed turns it away, or meets somebody new
        continue when v_mine && v_back;
      end if;
      v_gone := v_gone || jsonb_build_array(jsonb_build_object('org', (u).org_id, 'id', (u).item ->> 'id'));
    end if;
    if not v_lives and not v_mine && v_back then
      v_gone := v_gone || (select jsonb_agg(jsonb_build_object('org', (u).org_id, 'id', m)) from unnest(v_mine) m);
    end if;
  end loop;
  perform private.redact_event(g.org, veil_erased.received_at, veil_erased.event_id, g.ids)
     from (select (x ->> 'org')::uuid as org, array_agg(x ->> 'id') as ids from jsonb_array_elements(v_gone) x group by 1 order by 1) g;
  return v_left;
end;
$$;
comment on function private.veil_erased is
  'Routed updates of a stored webhook, those of erased people without numbers: a status finds its message under the pseudonym, what nothing can be done with is left out; the stored body loses their part. Who writes anew is let through.';
