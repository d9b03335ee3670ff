-- 362_lead_api.sql: leads that an organization's programs post and read with an API key.

create function private.post_lead(org_id uuid, source_id uuid, item jsonb) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_custom jsonb := private.checked_custom(post_lead.org_id, coalesce(post_lead.item -> 'custom', '{}'));
  v_tags   text[] := array(select distinct left(regexp_replace(btrim(t), '\s+', ' ', 'g'), 41)
                             from jsonb_array_elements_text(coalesce(post_lead.item -> 'tags', '[]')) t);
  v_stored jsonb;
  v_lead   public.leads;
begin
  if exists (select from unnest(v_tags) t where length(t) not between 1 and 40) or cardinality(v_tags) > 20 then
    raise sqlstate 'PT422' using message = 'A lead has at most 20 tags of 1 to 40 characters.', detail = 'tags_invalid', hint = 'Field: tags.';
  end if;
  v_stored := private.store_leads(post_lead.org_id, post_lead.source_id, jsonb_build_array(post_lead.item - 'custom' - 'tags'));
  if v_stored #> '{errors,0}' is not null and v_stored #>> '{errors,0,reason}' <> 'conflicting_copy' then
    raise sqlstate 'PT422' using message = 'This lead cannot be stored.', detail = 'lead_refused', hint = v_stored #>> '{errors,0,reason}';
  end if;
  if (v_stored ->> 'suppressed')::int > 0 then
    raise sqlstate 'PT422' using message = 'This lead cannot be stored.', detail = 'lead_refused', hint = 'suppressed';
  end if;
  select l.* into strict v_lead from public.leads l
   where l.org_id = post_lead.org_id and l.source_id = post_lead.source_id and l.external_id = btrim(post_lead.item ->> 'external_id');
  if v_stored -> 'inserted' = '1' then
    if v_custom <> '{}' then
      update public.leads l set custom = v_custom where (l.org_id, l.id) = (v_lead.org_id, v_lead.id);
    end if;
    insert into public.tags (org_id, name) select v_lead.org_id, t from unnest(v_tags) t order by t on conflict do nothing;
    insert into public.lead_tags (org_id, lead_id, tag_id)
    select v_lead.org_id, v_lead.id, g.id from public.tags g
     where g.org_id = v_lead.org_id and lower(g.name) in (select lower(t) from unnest(v_tags) t)
        on conflict do nothing;
  end if;
  return jsonb_build_object('lead_id', v_lead.id, 'contact_id', v_lead.contact_id, 'is_new', v_stored -> 'inserted' = '1');
end;
$$;
comment on function private.post_lead is
  'Stores one lead, as private.read_lead takes it, with custom (values of the organization''s fields) and tags (names; made when new). Returns {lead_id, contact_id, is_new}; a known external_id changes nothing. Raises PT422. Definer: called beneath RLS.';

create function worker.post_leads(key_sha256 text, items jsonb, request_key text default null, body_sha256 text default null) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_key     public.api_keys;
  v_source  uuid;
  v_known   private.api_requests;
  v_results jsonb := '[]';
  v_answer  jsonb;
  v_message text;
  v_detail  text;
  v_hint    text;
  r         record;
begin
  if jsonb_typeof(items) is distinct from 'array' or jsonb_array_length(items) not between 1 and 100 then
    raise sqlstate 'PT422' using message = 'Give 1 to 100 leads.', detail = 'leads_invalid', hint = 'Send more in several requests.';
  end if;
  v_key := private.use_api_key(key_sha256, 'leads:write', jsonb_array_length(items));
  if request_key is not null then
    -- Whoever comes second with the same key waits here for the first, and then reads its answer.
    insert into private.api_requests (org_id, request_key, body_sha256) values (v_key.org_id, request_key, decode(body_sha256, 'hex'))
        on conflict do nothing;
    if not found then
      select q.* into v_known from private.api_requests q where q.org_id = v_key.org_id and q.request_key = post_leads.request_key;
      if v_known.body_sha256 <> decode(body_sha256, 'hex') then
        raise sqlstate 'PT409' using message = 'This Idempotency-Key was used for another request.', detail = 'idempotency_key_reused',
          hint = 'Choose a new one for each request.';
      end if;
      return v_known.answer || '{"is_repeat": true}';
    end if;
  end if;
  v_source := private.own_source(v_key.org_id, 'api');
  for r in select value as item, ordinality::int - 1 as index from jsonb_array_elements(items) with ordinality loop
    begin
      if r.item ? 'refused' then
        v_results := v_results || (r.item -> 'refused');
        continue;
      end if;
      v_results := v_results || private.post_lead(v_key.org_id, v_source, r.item);
    exception when sqlstate 'PT422' then
      get stacked diagnostics v_message = message_text, v_detail = pg_exception_detail, v_hint = pg_exception_hint;
      v_results := v_results || jsonb_build_object('error', jsonb_build_object('message', v_message, 'detail', v_detail, 'hint', v_hint));
    end;
  end loop;
  v_answer := jsonb_build_object('results', v_results, 'is_repeat', false);
  if request_key is not null then
    update private.api_requests q set answer = v_answer where q.org_id = v_key.org_id and q.request_key = post_leads.request_key;
  end if;
  return v_answer;
end;
$$;
comment on function worker.post_leads is
  'Stores 1 to 100 leads for the holder of an API key (SHA-256, hexadecimal): items as private.post_lead takes them, or {refused: {error}} for what the worker could not read. request_key and body_sha256 make a repeat harmless. '
  'Returns {results: [{lead_id, contact_id, is_new} or {error: {message, detail, hint}}], is_repeat}, one a lead, in order. Raises PT401, PT403, PT409 idempotency_key_reused, PT422 leads_invalid, PT429. Definer: service_role holds no tables.';
grant execute on function worker.post_leads(text, jsonb, text, text) to service_role;

create function worker.api_leads(key_sha256 text, since timestamptz default null, after_at timestamptz default null, after_id uuid default null, page_size int default 50) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_key  public.api_keys := private.use_api_key(key_sha256, 'leads:read', 1);
  v_size int := least(greatest(coalesce(page_size, 50), 1), 100);
  v_page jsonb;
begin
  select coalesce(jsonb_agg(jsonb_build_object(
           'lead_id', l.id, 'contact_id', l.contact_id, 'source', l.source_kind, 'external_id', l.external_id, 'received_at', l.received_at,
           'title', l.title, 'product', l.product, 'message', l.message, 'stage', s.name, 'stage_kind', s.kind, 'value', l.value, 'currency', l.currency,
           'custom', l.custom, 'name', c.name, 'phone', c.phone, 'email', c.email, 'company', c.company, 'city', c.city, 'state', c.state)
           order by l.received_at, l.id), '[]')
    into v_page
    from (select n.* from public.leads n
           where n.org_id = v_key.org_id and n.received_at >= coalesce(since, '-infinity')
             and (n.received_at, n.id) > (coalesce(after_at, '-infinity'), coalesce(after_id, '00000000-0000-0000-0000-000000000000'))
           order by n.received_at, n.id limit v_size) l
    join public.contacts c on (c.org_id, c.id) = (l.org_id, l.contact_id)
    join public.pipeline_stages s on (s.org_id, s.id) = (l.org_id, l.stage_id);
  return jsonb_build_object('leads', v_page, 'next', case when jsonb_array_length(v_page) = v_size then
    jsonb_build_object('after_at', v_page -> -1 -> 'received_at', 'after_id', v_page -> -1 -> 'lead_id') end);
end;
$$;
comment on function worker.api_leads is
  'A page of leads, oldest first, at most 100, for the holder of an API key with leads:read: those received since an instant, after the last of the page before. Returns {leads: [...], next: {after_at, after_id} or null}. Raises PT401, PT403, PT429. Definer: service_role holds no tables.';
grant execute on function worker.api_leads(text, timestamptz, timestamptz, uuid, int) to service_role;
