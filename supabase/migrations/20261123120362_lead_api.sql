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
