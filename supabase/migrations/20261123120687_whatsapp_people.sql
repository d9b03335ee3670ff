-- 687_whatsapp_people.sql: what WhatsApp tells of a person, for their numbers (301_contact_points.sql) and for those who were erased (305_suppression.sql).

create function private.tg_contact_identities__add_points() returns trigger
  language plpgsql volatile security definer set search_path = ''
as $$
begin
  insert into public.contact_points (org_id, contact_id, kind, value, source)
  select n.org_id, n.contact_id, 'phone', '+' || n.value, 'whatsapp' from new_identities n
   where n.kind = 'wa_id' and n.value ~ '^[1-9][0-9]{6,14}$'
     and not exists (select from public.contact_points p where p.org_id = n.org_id and p.kind = 'phone' and p.value = '+' || n.value)
   order by 1, 4
      on conflict do nothing;
  return null;
end;
$$;
comment on function private.tg_contact_identities__add_points is 'A number from which somebody wrote leads to them, whoever hands it in later.';
create trigger contact_identities_add_points after insert on public.contact_identities referencing new table as new_identities
  for each statement execute function private.tg_contact_identities__add_points();

create function private.without_suppressed(updates anyarray) returns anyarray
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_left updates%type := '{}';
  v_keys bytea[];
  v_back timestamptz;
begin
  if not exists (select from private.suppressions s where s.lifted_at is null and s.org_id in (select x.org_id from unnest(updates) x)) then
    return updates;
  end if;
  for i in 1 .. cardinality(updates) loop
    v_keys := case when (updates[i]).contact_id is null then array_remove(private.suppressed_points((updates[i]).org_id, '{phone,user_id}',
                array['+' || ((updates[i]).item ->> 'from'), (updates[i]).item ->> 'from_user_id']), null) else '{}' end;
    if cardinality(v_keys) = 0 then
      v_left := v_left || updates[i];
      continue;
    end if;
    select max(s.suppressed_at) into v_back from private.suppressions s where s.org_id = (updates[i]).org_id and s.hash = any (v_keys);
    -- Meta's instants are whole seconds.
    if (updates[i]).kind <> 'outbound' and (updates[i]).at > date_trunc('second', v_back) then
      update private.suppressions s set returned_at = greatest(s.returned_at, (updates[i]).at)
       where s.org_id = (updates[i]).org_id and s.person_id in (select k.person_id from private.suppressions k where k.org_id = (updates[i]).org_id and k.hash = any (v_keys));
      v_left := v_left || updates[i];
    else
      update private.suppressions s set refused = s.refused + 1, refused_at = now() where s.org_id = (updates[i]).org_id and s.hash = any (v_keys);
    end if;
  end loop;
  return v_left;
end;
$$;
comment on function private.without_suppressed is
  'Updates (private.meta_update[]) without those of erased people whom nobody knows: old messages that come late, by replay or from the phone''s history, and what the business wrote to them from its phone. Who writes after the erasure is met as somebody new.';
