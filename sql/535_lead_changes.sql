-- 535_lead_changes.sql: leads that come, change and go show up by themselves where somebody is looking (530_live.sql).

create function private.tg_leads__tell() returns trigger
  language plpgsql volatile security definer set search_path = ''
as $$
begin
  if not exists (select from private.listeners l where l.until > now()) then
    return null;
  end if;
  -- Many at once, as an import stores them, are not named: who looks reads the page again that they see.
  perform private.tell(o.org_id, o.items) from (
    select n.org_id, case when count(*) <= 200 then jsonb_agg(jsonb_build_object('lead_id', n.id, 'kind', tg_argv[0]))
                          else '[{"kind": "many_leads"}]' end as items
      from new_rows n
     where n.org_id in (select l.org_id from private.listeners l where l.until > now())
     group by n.org_id) o;
  return null;
end;
$$;
comment on function private.tg_leads__tell is 'Tells of leads that came, changed or went. Definer: nobody may write changes directly.';
create trigger leads_tell_added after insert on public.leads referencing new table as new_rows
  for each statement execute function private.tg_leads__tell('lead');
create trigger leads_tell_changed after update on public.leads referencing new table as new_rows
  for each statement execute function private.tg_leads__tell('lead');
create trigger leads_tell_gone after delete on public.leads referencing old table as new_rows
  for each statement execute function private.tg_leads__tell('lead_gone');

create function private.tg_lead_activities__tell() returns trigger
  language plpgsql volatile security definer set search_path = ''
as $$
begin
  if not exists (select from private.listeners l where l.until > now()) then
    return null;
  end if;
  perform private.tell(o.org_id, o.items) from (
    select t.org_id, case when count(*) <= 200 then jsonb_agg(jsonb_build_object('lead_id', t.lead_id, 'kind', 'activity'))
                          else '[{"kind": "many_leads"}]' end as items
      from (select distinct n.org_id, n.lead_id from new_rows n
             where n.org_id in (select l.org_id from private.listeners l where l.until > now())) t
     group by t.org_id) o;
  return null;
end;
$$;
comment on function private.tg_lead_activities__tell is 'Tells of notes on leads and whatever else happened to them. Definer: nobody may write changes directly.';
create trigger lead_activities_tell after insert on public.lead_activities referencing new table as new_rows
  for each statement execute function private.tg_lead_activities__tell();
