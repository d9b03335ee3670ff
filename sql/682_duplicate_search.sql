-- 682_duplicate_search.sql: works the queue of 681_duplicates.sql off; what members see of it, and what they say to it.

create function private.compare_contacts(batch int, after private.duplicate_queue, out looked_at int, out last private.duplicate_queue, out done private.duplicate_queue[])
  language plpgsql volatile security definer set search_path = '' set plan_cache_mode = 'force_generic_plan'
as $$
#variable_conflict use_column
declare
  c_least constant int := 40;
  v_batch private.duplicate_queue[];
  v_pairs jsonb;
  v_found jsonb;
begin
  -- Nobody merges or removes these while they are compared; who is just being merged has time.
  v_batch := array(
    select q from private.duplicate_queue q join public.contacts c on (c.org_id, c.id) = (q.org_id, q.contact_id)
     where compare_contacts.after is null or (q.queued_at, q.org_id, q.contact_id) > ((after).queued_at, (after).org_id, (after).contact_id)
     order by q.queued_at, q.org_id, q.contact_id limit compare_contacts.batch for key share of c skip locked);
  looked_at := cardinality(v_batch);
  last := v_batch[looked_at];
  if looked_at = 0 then
    return;
  end if;
  with keys as materialized (
    select b.org_id, b.contact_id, k.key from unnest(v_batch) b join public.contacts c on (c.org_id, c.id) = (b.org_id, b.contact_id)
     cross join lateral unnest(private.contact_keys(c)) k (key)
  ), gone as (
    delete from private.duplicate_keys d using unnest(v_batch) b
     where (d.org_id, d.contact_id) = (b.org_id, b.contact_id)
       and not exists (select from keys k where (k.org_id, k.contact_id, k.key) = (d.org_id, d.contact_id, d.key))
  )
  insert into private.duplicate_keys (org_id, contact_id, key)
  select k.org_id, k.contact_id, k.key from keys k order by 1, 2, 3
      on conflict do nothing;

  with candidates as (
    select b.org_id, b.contact_id as one, o.others
      from unnest(v_batch) b
      join private.duplicate_keys k on (k.org_id, k.contact_id) = (b.org_id, b.contact_id)
     cross join lateral (
       -- What too many share says nothing; it is looked at no further than to see that.
       select array_agg(s.contact_id) as others from (
         select x.contact_id from private.duplicate_keys x where x.org_id = k.org_id and x.key = k.key
          limit case when k.key like 't:%' then 31 else 101 end) s
       having count(*) between 2 and case when k.key like 't:%' then 30 else 100 end) o
  ), pairs as (
    select distinct c.org_id, least(c.one, x) as one, greatest(c.one, x) as other from candidates c cross join lateral unnest(c.others) x where x <> c.one
  ), held as (
    select c.org_id, c.id from public.contacts c
     where (c.org_id, c.id) in (select p.org_id, p.one from pairs p union select p.org_id, p.other from pairs p)
     order by c.org_id, c.id for key share skip locked
  )
  select jsonb_agg(jsonb_build_object('org_id', p.org_id, 'one', p.one, 'other', p.other, 'held', a.id is not null and b.id is not null)) into v_pairs
    from pairs p left join held a on (a.org_id, a.id) = (p.org_id, p.one) left join held b on (b.org_id, b.id) = (p.org_id, p.other);

  select jsonb_agg(jsonb_build_object('org_id', p.org_id, 'one', p.one, 'other', p.other, 'reasons', to_jsonb(l.reasons), 'score', l.score)) into v_found
    from jsonb_to_recordset(v_pairs) p (org_id uuid, one uuid, other uuid, held boolean)
    join public.contacts a on (a.org_id, a.id) = (p.org_id, p.one)
    join public.contacts b on (b.org_id, b.id) = (p.org_id, p.other)
   cross join lateral private.likeness(a, b) l
   where p.held and l.score >= c_least;

  -- What is no longer alike goes, unless somebody has said something about it, or a number ties both.
  delete from public.likely_duplicates d using unnest(v_batch) b
   where d.org_id = b.org_id and b.contact_id in (d.one, d.other) and d.denied_at is null and not 'gave_their_number' = any (d.reasons)
     and not exists (select from jsonb_to_recordset(v_found) f (org_id uuid, one uuid, other uuid) where (f.org_id, f.one, f.other) = (d.org_id, d.one, d.other));
  insert into public.likely_duplicates as d (org_id, one, other, reasons, score)
  select f.org_id, f.one, f.other, array(select jsonb_array_elements_text(f.reasons)), f.score
    from jsonb_to_recordset(v_found) f (org_id uuid, one uuid, other uuid, reasons jsonb, score int) order by 1, 2, 3
      on conflict (org_id, one, other) do update
     set reasons = case when 'gave_their_number' = any (d.reasons) then 'gave_their_number'::text || excluded.reasons else excluded.reasons end,
         score = case when 'gave_their_number' = any (d.reasons) then greatest(excluded.score, 80) else excluded.score end
   where d.denied_at is null;
  -- Who has a pair that could not be looked at stays in the queue.
  done := array(
    select b from unnest(v_batch) b
     where not exists (select from jsonb_to_recordset(v_pairs) p (org_id uuid, one uuid, other uuid, held boolean)
                        where not p.held and p.org_id = b.org_id and b.contact_id in (p.one, p.other)));
end;
$$;
comment on function private.compare_contacts is
  'Compares at most batch queued contacts, those after the given row, with those who share a key, and notes who is likely the same. Returns how many, the last of them, and which may leave the queue.';

create function private.find_duplicates(batch int default 200, seconds int default 2) returns int
  language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_end  timestamptz := clock_timestamp() + make_interval(secs => find_duplicates.seconds);
  v_done private.duplicate_queue[] := '{}';
  v_last private.duplicate_queue;
  v_part record;
  v_many int := 0;
begin
  if not pg_try_advisory_xact_lock(hashtextextended('flow.find_duplicates', 0)) then
    return 0;                                  -- somebody is at it
  end if;
  loop
    select c.* into v_part from private.compare_contacts(find_duplicates.batch, v_last) c;
    v_many := v_many + v_part.looked_at;
    v_done := v_done || v_part.done;
    exit when v_part.looked_at < find_duplicates.batch or clock_timestamp() > v_end;
    v_last := v_part.last;
  end loop;
  -- Last of all, so that nobody who changes one of them has to wait for this. What has changed meanwhile has another time, and stays.
  delete from private.duplicate_queue q
   where (q.org_id, q.contact_id) in (
     select w.org_id, w.contact_id from private.duplicate_queue w
       join unnest(v_done) d on (d.org_id, d.contact_id, d.queued_at) = (w.org_id, w.contact_id, w.queued_at)
        for update of w skip locked);
  return v_many;
end;
$$;
comment on function private.find_duplicates is 'Every few seconds: works the queue of contacts off, for about so many seconds. Returns how many were compared.';

------------------------------------------------------------------------------------------------
-- What members see and say
------------------------------------------------------------------------------------------------
create function private.contact_card(org_id uuid, contact_id uuid) returns jsonb
  language sql stable security definer set search_path = ''
as $$
  select jsonb_build_object('contact_id', c.id, 'name', c.name, 'company', c.company, 'phone', c.phone, 'email', c.email, 'city', c.city, 'state', c.state,
           'created_at', c.created_at, 'opted_out', c.opted_out_at is not null,
           'points', (select count(*) from public.contact_points p where p.org_id = c.org_id and p.contact_id = c.id),
           'leads', (select count(*) from public.leads l where l.org_id = c.org_id and l.contact_id = c.id),
           'last_message_at', (select nullif(max(v.last_message_at), '-infinity') from public.conversations v where v.contact_id = c.id and v.org_id = c.org_id))
    from public.contacts c where c.org_id = contact_card.org_id and c.id = contact_card.contact_id
$$;
comment on function private.contact_card is
  'A contact beside its likely double: {contact_id, name, company, phone, email, city, state, created_at, opted_out, points, leads, last_message_at}.';

create function private.list_duplicates(org_id uuid, contact_id uuid, after jsonb, page_size int) returns jsonb
  language plpgsql stable security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_org   uuid := list_duplicates.org_id;
  v_limit int := least(greatest(coalesce(list_duplicates.page_size, 50), 1), 100);
  v_score int := coalesce((list_duplicates.after ->> 'score')::int, 100);
  v_one   uuid := coalesce((list_duplicates.after ->> 'one')::uuid, '00000000-0000-0000-0000-000000000000');
  v_other uuid := coalesce((list_duplicates.after ->> 'other')::uuid, '00000000-0000-0000-0000-000000000000');
  v_page  public.likely_duplicates[];
begin
  perform private.require_role(v_org, 'agent');
  if list_duplicates.contact_id is not null and not exists (select from public.contacts c where c.org_id = list_duplicates.org_id and c.id = list_duplicates.contact_id) then
    raise sqlstate 'PT404' using message = 'There is no such contact.', detail = 'contact_unknown', hint = 'Reload the page.';
  end if;
  if list_duplicates.contact_id is null then
    v_page := array(
      select d from public.likely_duplicates d
       where d.org_id = v_org and d.denied_at is null and d.score <= v_score and (d.score < v_score or (d.one, d.other) > (v_one, v_other))
       order by d.score desc, d.one, d.other limit v_limit + 1);
  else
    v_page := array(
      select x from (select d from public.likely_duplicates d where d.org_id = v_org and d.one = list_duplicates.contact_id
                     union all select d from public.likely_duplicates d where d.org_id = v_org and d.other = list_duplicates.contact_id) u (x)
       where (x).denied_at is null and (x).score <= v_score and ((x).score < v_score or ((x).one, (x).other) > (v_one, v_other))
       order by (x).score desc, (x).one, (x).other limit v_limit + 1);
  end if;
  return jsonb_build_object(
    'items', (select coalesce(jsonb_agg(jsonb_build_object('one', private.contact_card(v_org, d.one), 'other', private.contact_card(v_org, d.other),
                       'score', d.score, 'words', private.likeness_words(d.score), 'found_at', d.found_at,
                       'reasons', (select jsonb_agg(jsonb_build_object('reason', r, 'words', private.reason_words(r)) order by n) from unnest(d.reasons) with ordinality u (r, n)))
                       order by d.score desc, d.one, d.other), '[]') from unnest(v_page[1 : v_limit]) d),
    'next', case when cardinality(v_page) > v_limit then
      jsonb_build_object('score', v_page[v_limit].score, 'one', v_page[v_limit].one, 'other', v_page[v_limit].other) end);
end;
$$;
comment on function private.list_duplicates is 'Body of public.list_duplicates. Definer: counts of several tables in one question.';
create function public.list_duplicates(org_id uuid, contact_id uuid default null, after jsonb default null, page_size int default 50) returns jsonb
  language sql stable set search_path = ''
begin atomic
  select private.list_duplicates(org_id, contact_id, after, page_size);
end;
comment on function public.list_duplicates is
  'Contacts that are likely the same person, the likeliest first, at most 100 pairs; contact_id: only those of this one; after: next of the page before. {items: [{one, other: {contact_id, name, company, phone, '
  'email, city, state, created_at, opted_out, points, leads, last_message_at}, score, words, reasons: [{reason, words}], found_at}], next: {score, one, other} or null}. Raises PT404.';

create function private.deny_duplicate(org_id uuid, contact_id uuid, other_id uuid, denied boolean) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_one   uuid := least(deny_duplicate.contact_id, deny_duplicate.other_id);
  v_other uuid := greatest(deny_duplicate.contact_id, deny_duplicate.other_id);
begin
  perform private.require_role(deny_duplicate.org_id, 'agent');
  if v_one is not distinct from v_other or (select count(*) from public.contacts c where c.org_id = deny_duplicate.org_id and c.id in (v_one, v_other)) < 2 then
    raise sqlstate 'PT404' using message = 'There are no two such contacts.', detail = 'contact_unknown', hint = 'Reload the list.';
  end if;
  if coalesce(deny_duplicate.denied, true) then
    insert into public.likely_duplicates as d (org_id, one, other, reasons, score, denied_at, denied_by)
    values (deny_duplicate.org_id, v_one, v_other, '{}', 0, now(), auth.uid())
        on conflict (org_id, one, other) do update set denied_at = now(), denied_by = auth.uid() where d.denied_at is null;
  else
    update public.likely_duplicates d set denied_at = null, denied_by = null where d.org_id = deny_duplicate.org_id and d.one = v_one and d.other = v_other;
    perform private.queue_likeness(deny_duplicate.org_id, v_one);
  end if;
  return jsonb_build_object('one', v_one, 'other', v_other, 'denied', coalesce(deny_duplicate.denied, true));
end;
$$;
comment on function private.deny_duplicate is 'Body of public.deny_duplicate. Definer: nobody may write likely duplicates directly.';
create function public.deny_duplicate(org_id uuid, contact_id uuid, other_id uuid, denied boolean default true) returns jsonb
  language sql volatile set search_path = ''
begin atomic
  select private.deny_duplicate(org_id, contact_id, other_id, denied);
end;
comment on function public.deny_duplicate is
  'A member says that two contacts are not the same person, which is remembered; denied false takes it back. Returns {one, other, denied}. Raises PT404.';
grant execute on function private.list_duplicates, public.list_duplicates, private.deny_duplicate, public.deny_duplicate to authenticated;
