-- 688_contact_changes.sql: what members know better of a person than the source that brought them.

create function private.checked_contact_field(field text, given jsonb) returns text
  language plpgsql immutable security invoker set search_path = ''
as $$
declare
  c_most constant jsonb := '{"name": 200, "company": 300, "address": 1000, "city": 200, "state": 200, "pincode": 20}';
  v_most int := (c_most ->> checked_contact_field.field)::int;
  v_text text := checked_contact_field.given #>> '{}';
begin
  if jsonb_typeof(checked_contact_field.given) not in ('string', 'null') then
    perform private.refuse_field(checked_contact_field.field, 'is not text', 'field_invalid');
  end if;
  -- Only an address has lines.
  v_text := nullif(btrim(case checked_contact_field.field when 'address' then v_text else regexp_replace(v_text, '\s+', ' ', 'g') end, E' \t\r\n'), '');
  if length(v_text) > v_most then
    perform private.refuse_field(checked_contact_field.field, format('has more than %s characters', v_most), 'field_invalid');
  end if;
  return v_text;
end;
$$;
comment on function private.checked_contact_field is 'A field of a contact as it is stored: trimmed, null when nothing is left. Raises PT422 field_invalid: not text, or longer than what lead sources may give.';

create function private.change_contact(org_id uuid, contact_id uuid, change jsonb) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  c_fields constant text[] := '{name,company,address,city,state,pincode}';
  v_before public.contacts;
  v_after  public.contacts;
  v_new    jsonb;
  v_fields text[];
begin
  perform private.require_role(change_contact.org_id, 'agent');
  perform private.known_fields(change_contact.change, 'contact', c_fields);
  select jsonb_object_agg(e.key, private.checked_contact_field(e.key, e.value)) into v_new from jsonb_each(change_contact.change) e;
  select c.* into v_before from public.contacts c where c.org_id = change_contact.org_id and c.id = change_contact.contact_id for no key update;
  if not found then
    raise sqlstate 'PT404' using message = 'There is no such contact.', detail = 'contact_unknown', hint = 'Reload the page.';
  end if;
  v_after := jsonb_populate_record(v_before, coalesce(v_new, '{}'));
  v_fields := array(select f from unnest(c_fields) f where to_jsonb(v_after) -> f <> to_jsonb(v_before) -> f order by f);
  if v_fields <> '{}' then
    update public.contacts c
       set name = v_after.name, company = v_after.company, address = v_after.address, city = v_after.city, state = v_after.state, pincode = v_after.pincode,
           -- A name that a person gave is no profile name: later ones from WhatsApp leave it.
           name_at = case when 'name' = any (v_fields) then null else c.name_at end
     where c.org_id = v_before.org_id and c.id = v_before.id;
    insert into public.lead_activities (org_id, lead_id, actor, kind, details)
    select l.org_id, l.id, auth.uid(), 'contact_changed', jsonb_build_object('fields', to_jsonb(v_fields))
      from public.leads l where l.org_id = v_before.org_id and l.contact_id = v_before.id
     order by l.received_at desc limit 200;
    perform private.audit(v_before.org_id, 'contact.changed', 'contact', v_before.id::text, jsonb_build_object('fields', to_jsonb(v_fields)));
  end if;
  return jsonb_build_object('contact_id', v_before.id, 'name', v_after.name, 'company', v_after.company, 'address', v_after.address, 'city', v_after.city,
                            'state', v_after.state, 'pincode', v_after.pincode);
end;
$$;
comment on function private.change_contact is 'Body of public.change_contact. Definer: the audit log and timelines are written by functions only.';
create function public.change_contact(org_id uuid, contact_id uuid, change jsonb) returns jsonb
  language sql volatile set search_path = ''
begin atomic
  select private.change_contact(org_id, contact_id, change);
end;
comment on function public.change_contact is
  'A member corrects what is known of a person: some of {name, company, address, city, state, pincode}, null or empty to remove one; numbers and addresses are points (add_contact_point). What a member gave stands against '
  'later leads, files and WhatsApp profile names. Returns {contact_id, name, company, address, city, state, pincode}. Raises PT404 contact_unknown, PT422 field_unknown, field_invalid.';
grant execute on function private.change_contact, public.change_contact to authenticated;
