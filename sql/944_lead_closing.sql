-- 944_lead_closing.sql: closing a lead as won or lost, for a reason and for a value; opening it again; the reasons to choose from.

create function private.checked_value_of_lead(value numeric, currency text, out value_ numeric, out currency_ text)
  language plpgsql immutable set search_path = ''
as $$
begin
  value_ := round(checked_value_of_lead.value, 2);
  currency_ := case when value_ is not null then upper(coalesce(nullif(btrim(checked_value_of_lead.currency), ''), 'INR')) end;
  if value_ is not null and (value_ not between 0 and 999999999999.99) then
    raise sqlstate 'PT422' using message = 'A value is an amount from 0 up.', detail = 'value_invalid', hint = 'Check the amount.';
  elsif currency_ !~ '^[A-Z]{3}$' then
    raise sqlstate 'PT422' using message = 'A currency is three letters.', detail = 'currency_invalid', hint = 'For example INR.';
  end if;
end;
$$;
comment on function private.checked_value_of_lead is
  'A value with two decimals and its currency, INR unless said; both null without a value. Raises PT422 value_invalid, currency_invalid.';

create function private.closing_stage(org_id uuid, stage_id uuid, reason_id uuid) returns text
  language plpgsql stable security definer set search_path = ''
as $$
declare
  v_kind text;
begin
  select s.kind into v_kind from public.pipeline_stages s where s.org_id = closing_stage.org_id and s.id = closing_stage.stage_id;
  if v_kind is null then
    raise sqlstate 'PT422' using message = 'There is no such stage.', detail = 'stage_not_found', hint = 'Reload the pipeline.';
  elsif v_kind = 'open' then
    raise sqlstate 'PT422' using message = 'This stage does not close a lead.', detail = 'stage_is_open', hint = 'Choose a stage that is won or lost.';
  elsif closing_stage.reason_id is not null and not exists (
    select from public.close_reasons r where r.org_id = closing_stage.org_id and r.id = closing_stage.reason_id and r.kind = v_kind and r.archived_at is null
  ) then
    raise sqlstate 'PT422' using message = 'There is no such reason for this.', detail = 'reason_not_found', hint = 'Reload the reasons.';
  end if;
  return v_kind;
end;
$$;
comment on function private.closing_stage is
  'The kind of a stage that closes, with a reason that fits it or none. Raises PT422 stage_not_found, stage_is_open, reason_not_found.';

create function private.close_lead(org_id uuid, lead_id uuid, stage_id uuid, version int, reason_id uuid, value numeric, currency text) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_lead   public.leads := private.lead_for_change(close_lead.org_id, close_lead.lead_id, close_lead.version);
  v_kind   text := private.closing_stage(close_lead.org_id, close_lead.stage_id, close_lead.reason_id);
  v_after  public.leads;
  v_worth  record;
begin
  select * into v_worth from private.checked_value_of_lead(close_lead.value, close_lead.currency);
  -- In two steps: the first sets when it was closed and drops what does not fit.
  update public.leads l set stage_id = close_lead.stage_id where l.org_id = v_lead.org_id and l.id = v_lead.id and l.stage_id <> close_lead.stage_id;
  update public.leads l
     set closed_reason = close_lead.reason_id, value = coalesce(v_worth.value_, l.value), currency = coalesce(v_worth.currency_, l.currency),
         version = l.version + 1
   where l.org_id = v_lead.org_id and l.id = v_lead.id
  returning l.* into v_after;
  insert into public.lead_activities (org_id, lead_id, actor, kind, details)
  values (v_lead.org_id, v_lead.id, auth.uid(), v_kind, jsonb_strip_nulls(jsonb_build_object(
    'from', v_lead.stage_id, 'to', v_after.stage_id, 'reason', v_after.closed_reason, 'value', v_after.value::text, 'currency', v_after.currency)));
  return jsonb_build_object('lead_id', v_lead.id, 'stage_id', v_after.stage_id, 'kind', v_kind, 'reason_id', v_after.closed_reason,
    'value', v_after.value::text, 'currency', v_after.currency, 'version', v_after.version);
end;
$$;
comment on function private.close_lead is 'Body of public.close_lead. Definer: nobody may write leads directly.';
create function public.close_lead(org_id uuid, lead_id uuid, stage_id uuid, version int, reason_id uuid default null, value numeric default null,
                                  currency text default null) returns jsonb
  language sql volatile set search_path = ''
begin atomic
  select private.close_lead(org_id, lead_id, stage_id, version, reason_id, value, currency);
end;
comment on function public.close_lead is
  'Puts a lead into a stage that is won or lost, with a reason and a value (INR unless said; null keeps the one it has). Returns {lead_id, stage_id, kind, '
  'reason_id, value, currency, version}. Raises PT404, PT409 lead_changed, PT422 stage_not_found, stage_is_open, reason_not_found, value_invalid, currency_invalid.';
grant execute on function private.close_lead, public.close_lead to authenticated;

create function private.reopen_lead(org_id uuid, lead_id uuid, version int, stage_id uuid) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_lead     public.leads := private.lead_for_change(reopen_lead.org_id, reopen_lead.lead_id, reopen_lead.version);
  v_pipeline uuid;
  v_kind     text;
  v_to       uuid := reopen_lead.stage_id;
begin
  select s.pipeline_id, s.kind into v_pipeline, v_kind from public.pipeline_stages s where s.org_id = v_lead.org_id and s.id = v_lead.stage_id;
  if v_kind = 'open' then
    raise sqlstate 'PT409' using message = 'This lead is open already.', detail = 'lead_is_open', hint = 'Reload the lead.';
  elsif v_to is null then
    -- Where it was before it was closed, while there is such a stage; else where leads of its pipeline start.
    select s.id into v_to
      from (select a.details ->> 'from' as stage from public.lead_activities a
             where a.org_id = v_lead.org_id and a.lead_id = v_lead.id and a.kind in ('moved', 'won', 'lost') order by a.id desc limit 20) x
      join public.pipeline_stages s on s.org_id = v_lead.org_id and s.id::text = x.stage
     where s.kind = 'open' and s.pipeline_id = v_pipeline limit 1;
    v_to := coalesce(v_to, private.first_stage(v_lead.org_id, v_pipeline));
  elsif not exists (select from public.pipeline_stages s where s.org_id = v_lead.org_id and s.id = v_to and s.kind = 'open') then
    raise sqlstate 'PT422' using message = 'There is no such open stage.', detail = 'stage_not_found', hint = 'Reload the pipeline.';
  end if;
  update public.leads l set stage_id = v_to, version = l.version + 1 where l.org_id = v_lead.org_id and l.id = v_lead.id
  returning l.version into v_lead.version;
  insert into public.lead_activities (org_id, lead_id, actor, kind, details)
  values (v_lead.org_id, v_lead.id, auth.uid(), 'reopened', jsonb_build_object('from', v_lead.stage_id, 'to', v_to));
  return jsonb_build_object('lead_id', v_lead.id, 'stage_id', v_to, 'version', v_lead.version);
end;
$$;
comment on function private.reopen_lead is 'Body of public.reopen_lead. Definer: nobody may write leads directly.';
create function public.reopen_lead(org_id uuid, lead_id uuid, version int, stage_id uuid default null) returns jsonb
  language sql volatile set search_path = ''
begin atomic
  select private.reopen_lead(org_id, lead_id, version, stage_id);
end;
comment on function public.reopen_lead is
  'Takes a closed lead back into work: into an open stage, or the one it came from. Its value stays, its reason goes. Returns {lead_id, stage_id, version}. '
  'Raises PT404, PT409 lead_changed, lead_is_open, PT422 stage_not_found.';
grant execute on function private.reopen_lead, public.reopen_lead to authenticated;

create function private.set_lead_value(org_id uuid, lead_id uuid, version int, value numeric, currency text) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_lead  public.leads := private.lead_for_change(set_lead_value.org_id, set_lead_value.lead_id, set_lead_value.version);
  v_worth record;
begin
  select * into v_worth from private.checked_value_of_lead(set_lead_value.value, set_lead_value.currency);
  if (v_lead.value, v_lead.currency) is distinct from (v_worth.value_, v_worth.currency_) then
    update public.leads l set value = v_worth.value_, currency = v_worth.currency_, version = l.version + 1
     where l.org_id = v_lead.org_id and l.id = v_lead.id
    returning l.version into v_lead.version;
    insert into public.lead_activities (org_id, lead_id, actor, kind, details)
    values (v_lead.org_id, v_lead.id, auth.uid(), 'valued', jsonb_strip_nulls(jsonb_build_object(
      'from', v_lead.value::text, 'from_currency', v_lead.currency, 'to', v_worth.value_::text, 'currency', v_worth.currency_)));
  end if;
  return jsonb_build_object('lead_id', v_lead.id, 'value', v_worth.value_::text, 'currency', v_worth.currency_, 'version', v_lead.version);
end;
$$;
comment on function private.set_lead_value is 'Body of public.set_lead_value. Definer: nobody may write leads directly.';
create function public.set_lead_value(org_id uuid, lead_id uuid, version int, value numeric, currency text default null) returns jsonb
  language sql volatile set search_path = ''
begin atomic
  select private.set_lead_value(org_id, lead_id, version, value, currency);
end;
comment on function public.set_lead_value is
  'Says what a lead is worth (INR unless said), or with null that nobody knows; returns {lead_id, value, currency, version}. Raises PT404, PT409 lead_changed, '
  'PT422 value_invalid, currency_invalid.';
grant execute on function private.set_lead_value, public.set_lead_value to authenticated;

create function private.save_close_reason(org_id uuid, kind text, name text, reason_id uuid, is_archived boolean) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_name text;
  v_id   uuid := save_close_reason.reason_id;
begin
  perform private.require_role(save_close_reason.org_id, 'admin');
  v_name := private.name_for_people(save_close_reason.name);
  if save_close_reason.kind is null or save_close_reason.kind not in ('won', 'lost') then
    raise sqlstate 'PT422' using message = 'A reason is for won or lost leads.', detail = 'kind_unknown', hint = 'won or lost.';
  end if;
  begin
    if v_id is null then
      if (select count(*) from public.close_reasons r where r.org_id = save_close_reason.org_id) >= 200 then
        raise sqlstate 'PT409' using message = 'An organization has at most 200 reasons.', detail = 'too_many_reasons', hint = 'Rename one that is not used.';
      end if;
      insert into public.close_reasons (org_id, kind, name, archived_at)
      values (save_close_reason.org_id, save_close_reason.kind, v_name, case when save_close_reason.is_archived then now() end)
      returning id into v_id;
    else
      update public.close_reasons r
         set name = v_name, archived_at = case when save_close_reason.is_archived then coalesce(r.archived_at, now()) end
       where r.org_id = save_close_reason.org_id and r.id = v_id and r.kind = save_close_reason.kind
      returning r.id into v_id;
    end if;
  exception when unique_violation then
    raise sqlstate 'PT409' using message = format('There is already a reason "%s".', v_name), detail = 'reason_exists', hint = 'Use that one.';
  end;
  if v_id is null then
    raise sqlstate 'PT404' using message = 'There is no such reason.', detail = 'reason_not_found', hint = 'Reload the reasons.';
  end if;
  perform private.audit(save_close_reason.org_id, 'close_reason.saved', 'close_reason', v_id::text);
  return jsonb_build_object('reason_id', v_id);
end;
$$;
comment on function private.save_close_reason is 'Body of public.save_close_reason. Definer: nobody may write reasons directly.';
create function public.save_close_reason(org_id uuid, kind text, name text, reason_id uuid default null, is_archived boolean default false) returns jsonb
  language sql volatile set search_path = ''
begin atomic
  select private.save_close_reason(org_id, kind, name, reason_id, coalesce(is_archived, false));
end;
comment on function public.save_close_reason is
  'Makes a reason why leads are won or lost, renames one, archives it or brings it back; for admins. Returns {reason_id}. Raises PT403, PT404, '
  'PT409 reason_exists, too_many_reasons, PT422 name_invalid, kind_unknown.';
grant execute on function private.save_close_reason, public.save_close_reason to authenticated;
