-- 520_search.sql: finding words in messages, and conversations by name, number or address; in any script of India.
-- Every indexed word begins with its organization, so that a search reads nothing of anybody else, however common the word.

create function private.search_text(text text) returns text
  language plpgsql immutable set search_path = ''
as $$
declare
  v_text text := left(text, 8000);
begin
  if octet_length(v_text) > length(v_text) then
    v_text := normalize(v_text, NFKC);      -- one spelling of letters with a nukta, of full-width letters, of ligatures
    if v_text ~ '[०-९০-৯੦-੯૦-૯୦-୯௦-௯౦-౯೦-೯൦-൯۰-۹\u200b-\u200d]' then
      -- Digits of any script are one; invisible joiners are none.
      v_text := translate(v_text, '०१२३४५६७८९০১২৩৪৫৬৭৮৯੦੧੨੩੪੫੬੭੮੯૦૧૨૩૪૫૬૭૮૯୦୧୨୩୪୫୬୭୮୯௦௧௨௩௪௫௬௭௮௯౦౧౨౩౪౫౬౭౮౯೦೧೨೩೪೫೬೭೮೯൦൧൨൩൪൫൬൭൮൯۰۱۲۳۴۵۶۷۸۹' || U&'\200B\200C\200D',
                          repeat('0123456789', 10));
    end if;
  end if;
  -- Without these the parser knows words and numbers only: no addresses, paths or signs, which it would cut by rules of its own.
  return regexp_replace(v_text, '[!-/:-@\[-`{-~]+', ' ', 'g');
end;
$$;
comment on function private.search_text is 'A text as search reads it, for what is stored and for what is asked alike: at most 8,000 characters.';

create function private.search_vector(org_id uuid, text text, at timestamptz) returns tsvector
  language plpgsql immutable set search_path = '' cost 2000
as $$
declare
  v_org text := ' ''' || left(search_vector.org_id::text, 8);
begin
  -- Part of each message's way in: plain text goes the short way. No word contains a quote or a backslash: search_text leaves none.
  return (replace(' ' || to_tsvector('pg_catalog.simple',
                   case when octet_length(text) = length(text) and length(text) <= 8000
                        then regexp_replace(text, '[!-/:-@\[-`{-~]+', ' ', 'g') else private.search_text(text) end)::text, ' ''', v_org || ':')
          || coalesce(v_org || '/' || to_char(at at time zone 'UTC', 'YYYYMM') || '''', ''))::tsvector;
end;
$$;
comment on function private.search_vector is
  'The words of a text with their places, each as "<beginning of the organization''s id>:<word>", and its month as "<…>/<month>" when it has one.';

create function private.search_query(org_id uuid, query text) returns tsquery
  language plpgsql immutable set search_path = ''
as $$
declare
  v_org    text := left(search_query.org_id::text, 8) || ':';
  v_parts  text[] := string_to_array(translate(left(query, 200), '“”„«»', '"""""'), '"');
  v_terms  text[] := '{}';
  v_words  text[];
  v_phrase boolean;
begin
  for i in 1 .. coalesce(cardinality(v_parts), 0) loop
    v_phrase := i % 2 = 0;
    v_words := array(
      select '''' || v_org || w.lexeme || '''' from unnest(to_tsvector('pg_catalog.simple', private.search_text(v_parts[i]))) w, unnest(w.positions) p
       order by p limit 16);
    if v_phrase and cardinality(v_words) > 0 then
      v_terms := v_terms || ('(' || array_to_string(v_words, ' <-> ') || ')');
    elsif cardinality(v_words) > 0 then
      if i = cardinality(v_parts) then      -- somebody may still be writing the last word
        v_words[cardinality(v_words)] := v_words[cardinality(v_words)] || ':*';
      end if;
      v_terms := v_terms || v_words;
    end if;
  end loop;
  return nullif(array_to_string(v_terms[1:16], ' & '), '')::tsquery;
end;
$$;
comment on function private.search_query is
  'What to look for: all words, the last one as a beginning, and "phrases" in quotes as they stand. Null when there is no word in it.';

create index messages_search on public.messages using gin (private.search_vector(org_id, text, at))
  with (fastupdate = on, gin_pending_list_limit = 512) where text is not null;

create function private.search_snippet(text text, query tsquery) returns text
  language plpgsql stable set search_path = ''
as $$
declare
  v_text   text := translate(left(text, 8000), U&'\E000\E001', '');
  -- Character for character as long as the text, so that places in one are places in the other.
  v_marked text := ts_headline('pg_catalog.simple', regexp_replace(v_text, '[!-/:-@\[-`{-~]', ' ', 'g'), query,
                               U&'HighlightAll=true, StartSel=\E000, StopSel=\E001');
  v_parts  text[] := string_to_array(v_marked, U&'\E000');
  v_result text := '';
  v_from   int;
  v_place  int;
  v_length int;
begin
  v_place := length(v_parts[1]) + 1;
  v_from := case when cardinality(v_parts) > 1 then greatest(1, v_place - 40) else 1 end;
  -- Back to the beginning of a word.
  while v_from > 1 and v_from > v_place - 60 and substr(v_text, v_from - 1, 1) !~ '\s' loop
    v_from := v_from - 1;
  end loop;
  v_result := substr(v_text, v_from, v_place - v_from);
  for i in 2 .. cardinality(v_parts) loop
    exit when v_place - v_from > 160;
    v_length := length(split_part(v_parts[i], U&'\E001', 1));
    v_result := v_result || U&'\E000' || substr(v_text, v_place, v_length) || U&'\E001'
             || substr(v_text, v_place + v_length, length(v_parts[i]) - 1 - v_length);
    v_place := v_place + length(v_parts[i]) - 1;
  end loop;
  if length(v_result) > 200 then
    v_result := left(v_result, 200);
    if length(v_result) - length(replace(v_result, U&'\E000', '')) > length(v_result) - length(replace(v_result, U&'\E001', '')) then
      v_result := v_result || U&'\E001';
    end if;
    v_result := v_result || '…';
  end if;
  return case when v_from > 1 then '…' else '' end || v_result;
end;
$$;
comment on function private.search_snippet is
  'About 160 characters around the first match, as plain text; U+E000 and U+E001 stand before and after each match and nowhere else.';

create type public.found_message as (
  message_id bigint, conversation_id uuid, contact_id uuid, contact_name text, direction text, kind text, at timestamptz, snippet text
);
comment on type public.found_message is 'A message that was found: snippet is plain text, with U+E000 before and U+E001 after each match.';

create function private.search_messages(org_id uuid, query text, conversation_id uuid, before_at timestamptz, before_id bigint, page_size int)
  returns setof public.found_message
  language plpgsql stable security definer set search_path = '' set enable_seqscan = off set enable_indexscan = off
as $$
#variable_conflict use_column
declare
  v_limit int := least(greatest(coalesce(page_size, 30), 1), 100);
  v_at    timestamptz := coalesce(before_at, 'infinity');
  v_id    bigint := coalesce(before_id, 9223372036854775807);
  v_query tsquery;
  v_plain tsquery;
  v_found public.found_message[];
  v_more  public.found_message[];
  v_org8  text := left(search_messages.org_id::text, 8);
  v_month timestamp;
  v_many  boolean;
begin
  perform private.require_role(search_messages.org_id, 'agent');
  v_query := private.search_query(search_messages.org_id, search_messages.query);
  if v_query is null then
    return;
  end if;
  -- (The organization is in the words already; as text it is compared, but no index on it is read besides.)
  -- A word of everyday is in thousands of messages: then month by month, newest first, until the page is full.
  select count(*) > 1000 into v_many from (
    select from public.messages m
     where m.org_id::text = search_messages.org_id::text and m.text is not null and private.search_vector(m.org_id, m.text, m.at) @@ v_query limit 1001) n;
  v_month := least(v_at, now() + interval '1 day') at time zone 'UTC';
  for i in 0 .. case when v_many then 180 else 0 end loop
    select array_agg(row(f.id, f.conversation_id, f.contact_id, null, f.direction, f.kind, f.at, f.text)::public.found_message order by f.at desc, f.id desc)
      into v_more
      from (select m.* from public.messages m
             where m.org_id::text = search_messages.org_id::text and m.text is not null
               and private.search_vector(m.org_id, m.text, m.at)
                   @@ (v_query && case when v_many then ('''' || v_org8 || '/' || to_char(v_month - make_interval(months => i), 'YYYYMM') || '''')::tsquery else ''::tsquery end)
               and (search_messages.conversation_id is null or m.conversation_id = search_messages.conversation_id)
               and (m.at, m.id) < (v_at, v_id) and m.revoked_at is null
             order by m.at desc, m.id desc limit v_limit) f;
    v_found := v_found || v_more;
    exit when cardinality(v_found) >= v_limit;
  end loop;
  v_plain := replace(v_query::text, v_org8 || ':', '')::tsquery;
  return query
  select f.message_id, f.conversation_id, f.contact_id, p.name, f.direction, f.kind, f.at, private.search_snippet(f.snippet, v_plain)
    from (select * from unnest(v_found) with ordinality u order by u.ordinality limit v_limit) f
    join public.contacts p on p.org_id = search_messages.org_id and p.id = f.contact_id
   order by f.ordinality;
end;
$$;
comment on function private.search_messages is
  'Body of public.search_messages. Definer: row level security would keep the search from its index; private.cards, which is handed them, asks for membership.';
create function public.search_messages(org_id uuid, query text, conversation_id uuid default null, before_at timestamptz default null,
                                       before_id bigint default null, page_size int default 30) returns setof public.found_message
  language sql stable set search_path = ''
begin atomic
  select * from private.search_messages(org_id, query, conversation_id, before_at, before_id, page_size);
end;
comment on function public.search_messages is
  'Messages that contain all the words (the last as a beginning) and "phrases", newest first, at most 100, of one conversation or all; the last row''s '
  'at and message_id ask for the next page. A message deleted for everyone is not found. Raises PT404.';
grant execute on function private.search_messages, public.search_messages to authenticated;

------------------------------------------------------------------------------------------------
-- People
------------------------------------------------------------------------------------------------
create function private.contact_vector(org_id uuid, name text, company text, email text, phone text) returns tsvector
  language plpgsql immutable security definer set search_path = '' cost 2000
as $$
declare
  v_digits text := ltrim(phone, '+');
begin
  return private.search_vector(org_id,
    concat_ws(' ', left(name, 200), left(company, 300), left(email, 254), v_digits,
              right(v_digits, 10), right(v_digits, 7), right(v_digits, 6), right(v_digits, 5), right(v_digits, 4)), null);
end;
$$;
comment on function private.contact_vector is
  'The words of a contact''s name, company and address, and their number: whole, and its last 10, 7, 6, 5 and 4 digits, since people remember endings. '
  'Definer: members correct contacts themselves, and an index is kept with the rights of who writes.';
grant execute on function private.contact_vector to authenticated;
create index contacts_search on public.contacts using gin (private.contact_vector(org_id, name, company, email, phone))
  with (fastupdate = on, gin_pending_list_limit = 256);

create function private.search_conversations(org_id uuid, query text, page_size int) returns setof uuid
  language plpgsql stable security definer set search_path = '' set enable_seqscan = off
as $$
#variable_conflict use_column
declare
  v_digits text := regexp_replace(left(query, 200), '[-+() .]', '', 'g');
  v_query  tsquery := private.search_query(search_conversations.org_id, query);
begin
  if v_digits ~ '^[0-9]{4,}$' then
    -- However it is written, a number is its digits, with the zero of a long-distance call or without.
    v_query := v_query || private.search_query(search_conversations.org_id, v_digits)
                       || coalesce(private.search_query(search_conversations.org_id, ltrim(v_digits, '0')), ''::tsquery);
  end if;
  return query
  with people as materialized (
    select p.id from public.contacts p
     where p.org_id = search_conversations.org_id
       and private.contact_vector(p.org_id, p.name, p.company, p.email, p.phone) @@ v_query
     limit 1000)
  select c.id from people p
    join public.conversations c on c.contact_id = p.id and c.org_id = search_conversations.org_id
   order by c.last_message_at desc, c.id desc
   limit least(greatest(coalesce(page_size, 20), 1), 100);
end;
$$;
comment on function private.search_conversations is
  'Body of public.search_conversations: which, newest first. Definer: row level security would keep the search from its index; private.cards, which is handed them, asks for membership.';
grant execute on function private.search_conversations to authenticated;
