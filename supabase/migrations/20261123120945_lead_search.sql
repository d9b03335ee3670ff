-- 945_lead_search.sql: leads by the words of an enquiry and of the person, in any script, and in Latin letters also misspelt or in part.
-- As in 520_search.sql every indexed word begins with its organization; so does every trigram. What the lead says is kept apart from the lead,
-- so that moving one does not write its words again; what the person is called is indexed on the contact, so that a correction is found at once.

create function private.gram_keys(org_id uuid, text text) returns int[]
  language sql immutable set search_path = ''
as $$
  select array(select distinct hashtext(left(gram_keys.org_id::text, 8) || g) from unnest(extensions.show_trgm(gram_keys.text)) g)
$$;
comment on function private.gram_keys is 'The trigrams of a text, each hashed with its organization: what is not there is certain, what is there is looked at again.';

create function private.contact_grams(org_id uuid, name text, company text, phone text) returns int[]
  language plpgsql immutable security definer set search_path = '' cost 1000
as $$
begin
  return private.gram_keys(org_id, concat_ws(' ', left(name, 100), left(company, 100), ltrim(phone, '+')));
end;
$$;
comment on function private.contact_grams is
  'Trigrams of a contact''s name, company and number. Definer: members correct contacts themselves, and an index is kept with the rights of who writes.';
grant execute on function private.contact_grams to authenticated;
create index contacts_grams on public.contacts using gin (private.contact_grams(org_id, name, company, phone))
  with (fastupdate = on, gin_pending_list_limit = 1024);

create table private.lead_words (
  org_id       uuid not null,
  lead_id      uuid not null,
  received_at  timestamptz not null,
  words        tsvector not null,
  grams        int[] not null,
  primary key (org_id, lead_id),
  constraint words_are_of_a_lead_of_its_organization foreign key (org_id, lead_id) references public.leads (org_id, id) on delete cascade
);
comment on table private.lead_words is 'What search reads of each lead.';
comment on column private.lead_words.org_id is 'The organization.';
comment on column private.lead_words.lead_id is 'The lead.';
comment on column private.lead_words.received_at is 'leads.received_at, for the order of what is found.';
comment on column private.lead_words.words is 'Words of title, product, message and number with the organization before each, and the month (private.search_vector).';
comment on column private.lead_words.grams is 'Trigrams of title and product and of the beginning of the message (private.gram_keys).';
alter table private.lead_words enable row level security;
create index lead_words_words on private.lead_words using gin (words) with (fastupdate = on, gin_pending_list_limit = 1024);
create index lead_words_grams on private.lead_words using gin (grams) with (fastupdate = on, gin_pending_list_limit = 1024);

create function private.lead_text(title text, product text, message text) returns text
  language sql immutable set search_path = ''
as $$ select concat_ws(' ', title, nullif(product, title), message) $$;
comment on function private.lead_text is 'What a lead says, as one text.';

create function private.tg_leads__keep_words() returns trigger
  language plpgsql volatile security definer set search_path = ''
as $$
begin
  insert into private.lead_words (org_id, lead_id, received_at, words, grams)
  select n.org_id, n.id, n.received_at,
         private.search_vector(n.org_id, concat_ws(' ', private.lead_text(n.title, n.product, n.message), ltrim(n.phone, '+'), right(n.phone, 10)), n.received_at),
         private.gram_keys(n.org_id, left(private.lead_text(n.title, n.product, n.message), 160))
    from new_leads n
      on conflict (org_id, lead_id) do update set received_at = excluded.received_at, words = excluded.words, grams = excluded.grams;
  return null;
end;
$$;
comment on function private.tg_leads__keep_words is 'Trigger after leads are stored: keeps what search reads of them. Definer: nobody may write it.';
create trigger leads_keep_words_on_insert after insert on public.leads referencing new table as new_leads
  for each statement execute function private.tg_leads__keep_words();

create function private.tg_leads__renew_words() returns trigger
  language plpgsql volatile security definer set search_path = ''
as $$
begin
  update private.lead_words w
     set received_at = new.received_at,
         words = private.search_vector(new.org_id, concat_ws(' ', private.lead_text(new.title, new.product, new.message), ltrim(new.phone, '+'), right(new.phone, 10)),
                                       new.received_at),
         grams = private.gram_keys(new.org_id, left(private.lead_text(new.title, new.product, new.message), 160))
   where w.org_id = new.org_id and w.lead_id = new.id;
  return null;
end;
$$;
comment on function private.tg_leads__renew_words is 'Trigger after what a lead says has changed, when a sheet was edited for instance. Definer: nobody may write the words.';
create trigger leads_renew_words after update of title, product, message, phone, received_at on public.leads
  for each row when ((old.title, old.product, old.message, old.phone, old.received_at) is distinct from
                     (new.title, new.product, new.message, new.phone, new.received_at))
  execute function private.tg_leads__renew_words();

-- Words ----------------------------------------------------------------------------------------------------------------

create function private.search_terms(org_id uuid, query text) returns tsquery[]
  language plpgsql immutable set search_path = ''
as $$
declare
  v_digits text := regexp_replace(left(query, 200), '[-+() .]', '', 'g');
begin
  -- However it is written, a number is its digits, with the zero of a long-distance call or without.
  if v_digits ~ '^[0-9]{4,}$' then
    return array[private.search_query(org_id, query) || private.search_query(org_id, v_digits) || coalesce(private.search_query(org_id, ltrim(v_digits, '0')), ''::tsquery)];
  end if;
  return (string_to_array(private.search_query(org_id, query)::text, ' & ')::tsquery[])[1:8];
end;
$$;
comment on function private.search_terms is
  'private.search_query term by term, at most eight: a word, a phrase, or a telephone number however it is written. Null when there is no word in it.';

create function private.leads_found(org_id uuid, query text, before_at timestamptz, before_id uuid, most int) returns table (lead_id uuid, received_at timestamptz)
  language plpgsql stable security definer set search_path = '' set enable_seqscan = off
as $$
#variable_conflict use_column
declare
  v_org   uuid := leads_found.org_id;
  v_org8  text := left(leads_found.org_id::text, 8);
  v_terms tsquery[] := private.search_terms(leads_found.org_id, leads_found.query);
  v_at    timestamptz := coalesce(before_at, 'infinity');
  v_id    uuid := coalesce(before_id, '00000000-0000-0000-0000-000000000000');
  v_all   tsquery := '';
  v_rest  tsquery;
  v_month timestamp := least(coalesce(before_at, 'infinity'), now() + interval '2 days') at time zone 'UTC';
  v_ids   uuid[] := '{}';
  v_more  uuid[];
  v_group record;
begin
  if cardinality(v_terms) is null then
    return;
  end if;
  foreach v_rest in array v_terms loop
    v_all := v_all && v_rest;
  end loop;
  -- All words in the lead itself. A word of everyday is in thousands: then month by month, newest first, until there are enough.
  if (select count(*) from (select from private.lead_words w where w.words @@ v_all limit 1001) n) <= 1000 then
    v_ids := array(select w.lead_id from private.lead_words w where w.words @@ v_all and w.org_id = v_org and (w.received_at, w.lead_id) < (v_at, v_id)
                    order by w.received_at desc, w.lead_id desc limit most);
  else
    for i in 0 .. 180 loop
      v_more := array(select w.lead_id from private.lead_words w
                       where w.words @@ (v_all && ('''' || v_org8 || '/' || to_char(v_month - make_interval(months => i), 'YYYYMM') || '''')::tsquery)
                         and w.org_id = v_org and (w.received_at, w.lead_id) < (v_at, v_id)
                       order by w.received_at desc, w.lead_id desc limit most);
      v_ids := v_ids || v_more;
      exit when cardinality(v_ids) >= most;
    end loop;
  end if;
  -- Some words in the person, the rest in what they wrote: a group of people for each set of words that theirs have.
  for v_group in
    with hits as (
      select k.id, t.n from unnest(v_terms) with ordinality t (q, n)
       cross join lateral (select c.id from public.contacts c
                            where c.org_id = v_org and private.contact_vector(c.org_id, c.name, c.company, c.email, c.phone) @@ t.q limit 1000) k
    ), people as (
      select h.id, array_agg(h.n::int order by h.n) as has from hits h group by 1
    )
    select p.has, array_agg(p.id) as ids from people p group by 1
  loop
    v_rest := null;
    for i in 1 .. cardinality(v_terms) loop
      if i <> all (v_group.has) then
        v_rest := case when v_rest is null then v_terms[i] else v_rest && v_terms[i] end;
      end if;
    end loop;
    -- Few leads have the rest, or none: then from there; else from the people.
    v_more := array(select w.lead_id from private.lead_words w where v_rest is not null and w.words @@ v_rest limit 1001);
    if v_rest is null or cardinality(v_more) > 1000 then
      v_ids := v_ids || array(
        select l.id from unnest(v_group.ids) p (id)
         cross join lateral (select e.id, e.received_at from public.leads e
                              where e.org_id = v_org and e.contact_id = p.id and (e.received_at, e.id) < (v_at, v_id)
                              order by e.received_at desc limit 100) l
         where v_rest is null or exists (select from private.lead_words w where w.org_id = v_org and w.lead_id = l.id and w.words @@ v_rest)
         order by l.received_at desc, l.id desc limit most);
    elsif cardinality(v_more) > 0 then
      v_ids := v_ids || array(
        select l.id from unnest(v_more) u (id)
         cross join lateral (select e.id, e.contact_id, e.received_at from public.leads e where e.org_id = v_org and e.id between u.id and u.id order by e.id limit 1) l
         where l.contact_id = any (v_group.ids) and (l.received_at, l.id) < (v_at, v_id)
         order by l.received_at desc, l.id desc limit most);
    end if;
  end loop;
  return query
    select w.lead_id, w.received_at from private.lead_words w where w.org_id = v_org and w.lead_id = any (v_ids)
     order by w.received_at desc, w.lead_id desc limit most;
end;
$$;
comment on function private.leads_found is
  'Leads that have all the words, in themselves or in their person, newest first. Of people who share a word, 1,000 are looked at. Definer: called beneath RLS.';

create function private.leads_with_words(org_id uuid, query text) returns uuid[]
  language sql stable security definer set search_path = ''
as $$
  select array(select f.lead_id from private.leads_found(leads_with_words.org_id, left(leads_with_words.query, 200), null, null, 2000) f)
$$;
comment on function private.leads_with_words is 'The newest 2,000 leads that have all the words. Definer: called beneath RLS.';

-- Misspelt, or in part -------------------------------------------------------------------------------------------------

create function private.leads_like(org_id uuid, query text, most int) returns table (lead_id uuid, likeness int)
  language plpgsql stable security definer set search_path = '' set enable_seqscan = off
as $$
#variable_conflict use_column
declare
  v_org   uuid := leads_like.org_id;
  v_query text := left(regexp_replace(lower(btrim(leads_like.query)), '[^a-z0-9]+', ' ', 'g'), 80);
  v_word  text;
  v_half  int;
  v_keys  int[][];
  v_start int[];
  v_end   int[];
  v_part  int[];
begin
  -- The longest word decides where to look: one letter wrong leaves one of its halves as it is, and a part of a word is within one.
  select w into v_word from regexp_split_to_table(v_query, ' ') w order by length(w) desc limit 1;
  if length(v_word) < 4 then
    return;
  end if;
  v_half := length(v_word) / 2;
  v_start := array(select hashtext(left(v_org::text, 8) || g) from unnest(extensions.show_trgm(left(v_word, v_half))) g where g !~ ' $');
  v_end := array(select hashtext(left(v_org::text, 8) || g) from unnest(extensions.show_trgm(right(v_word, -v_half))) g where g !~ '^ ');
  v_part := array(select hashtext(left(v_org::text, 8) || g) from unnest(extensions.show_trgm(v_word)) g where g !~ '^ | $');
  return query
    with people as materialized (
      select c.id, extensions.word_similarity(v_query, concat_ws(' ', c.name, c.company, c.phone)) as alike from public.contacts c
       where c.ctid = any (array(
         select k.ctid from public.contacts k
          where k.org_id = v_org and (private.contact_grams(k.org_id, k.name, k.company, k.phone) @> v_start
             or private.contact_grams(k.org_id, k.name, k.company, k.phone) @> v_end or private.contact_grams(k.org_id, k.name, k.company, k.phone) @> v_part)
          limit 500))
    ), said as materialized (
      select l.id, extensions.word_similarity(v_query, left(private.lead_text(l.title, l.product, l.message), 160)) as alike from public.leads l
       where l.org_id = v_org and l.id = any (array(
         select w.lead_id from private.lead_words w
          where w.org_id = v_org and (w.grams @> v_start or w.grams @> v_end or w.grams @> v_part) limit 500))
    ), both_ as (
      select s.id, s.alike from said s
      union all
      select l.id, p.alike from (select * from people where alike >= 0.45 order by alike desc limit 100) p
       cross join lateral (select e.id from public.leads e where e.org_id = v_org and e.contact_id = p.id order by e.received_at desc limit 5) l
    )
    select b.id, round(max(b.alike)::numeric * 100)::int from both_ b where b.alike >= 0.45 group by 1 order by max(b.alike) desc, b.id limit most;
end;
$$;
comment on function private.leads_like is
  'Leads whose person or beginning is spelt almost like the query, or has it within a word: likeness from 45 to 100. Definer: called beneath RLS.';

create type public.found_lead as (
  lead_id uuid, contact_id uuid, name text, phone text, company text, title text, product text, snippet text, stage_id uuid, owner_id uuid,
  received_at timestamptz, match text, likeness int
);
comment on type public.found_lead is
  'A lead that was found: snippet is its text, with U+E000 before and U+E001 after each match; match is words (all of them are there) or similar, with likeness up to 100.';

create function private.search_leads(org_id uuid, query text, before_at timestamptz, before_id uuid, page_size int) returns setof public.found_lead
  language plpgsql stable security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_limit int := least(greatest(coalesce(page_size, 20), 1), 100);
  v_query text := left(query, 200);
  v_plain tsquery;
  v_ids   uuid[];
  v_like  jsonb := '{}';
begin
  perform private.require_role(search_leads.org_id, 'agent');
  v_plain := replace(private.search_query(search_leads.org_id, v_query)::text, left(search_leads.org_id::text, 8) || ':', '')::tsquery;
  if v_plain is null then
    return;
  end if;
  v_ids := array(select f.lead_id from private.leads_found(search_leads.org_id, v_query, before_at, before_id, v_limit) f order by f.received_at desc, f.lead_id desc);
  if before_at is null and cardinality(v_ids) = 0 then
    select coalesce(jsonb_object_agg(k.lead_id, k.likeness), '{}') into v_like
      from private.leads_like(search_leads.org_id, v_query, v_limit) k;
  end if;
  return query
    select l.id, l.contact_id, c.name, coalesce(c.phone, l.phone), c.company, l.title, l.product,
           private.search_snippet(private.lead_text(l.title, l.product, l.message), v_plain), l.stage_id, l.owner_id, l.received_at,
           case when u.likeness is null then 'words' else 'similar' end, u.likeness
      from (select i.id, null::int as likeness from unnest(v_ids) i (id)
            union all select e.key::uuid, e.value::int from jsonb_each_text(v_like) e) u
      join public.leads l on l.org_id = search_leads.org_id and l.id = u.id
      join public.contacts c on c.org_id = l.org_id and c.id = l.contact_id
     order by u.likeness is not null, u.likeness desc, l.received_at desc, l.id desc limit v_limit;
end;
$$;
comment on function private.search_leads is 'Body of public.search_leads. Definer: row level security would keep the search from its indexes; it asks for membership itself.';
create function public.search_leads(org_id uuid, query text, before_at timestamptz default null, before_id uuid default null, page_size int default 20)
  returns setof public.found_lead
  language sql stable set search_path = ''
begin atomic
  select * from private.search_leads(org_id, query, before_at, before_id, page_size);
end;
comment on function public.search_leads is
  'Leads by words of name, company, number, address, title, product and message: all the words (the last as a beginning) and "phrases", newest first, at most '
  '100; the last row''s received_at and lead_id ask for the next page. When no lead has them, those spelt alike or with it inside a word, likest first. Raises PT404.';
grant execute on function private.search_leads, public.search_leads to authenticated;
