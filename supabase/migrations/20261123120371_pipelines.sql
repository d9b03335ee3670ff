-- 371_pipelines.sql: several pipelines, their stages in order, and leads that are won or lost for a reason and for a value.

create table public.pipelines (
  org_id      uuid not null references public.organizations on delete restrict,
  id          uuid not null default gen_random_uuid(),
  name        text not null,
  position    int not null,
  created_at  timestamptz not null default now(),
  primary key (org_id, id),
  constraint pipeline_name_is_unique_in_organization unique (org_id, name),
  constraint pipeline_name_has_1_to_60_characters check (name = btrim(name) and length(name) between 1 and 60)
);
comment on table public.pipelines is 'Ways that leads go, each with stages of its own. Every new organization starts with one, Sales.';
comment on column public.pipelines.org_id is 'The organization.';
comment on column public.pipelines.id is 'What pipeline_stages.pipeline_id names.';
comment on column public.pipelines.name is 'Shown to people.';
comment on column public.pipelines.position is 'Order in lists; new leads start in the first.';
comment on column public.pipelines.created_at is 'When it was made.';

alter table public.pipeline_stages
  add column pipeline_id uuid not null,
  add constraint stage_is_of_a_pipeline_of_its_organization foreign key (org_id, pipeline_id)
    references public.pipelines (org_id, id) on delete restrict,
  add constraint stage_name_is_unique_in_pipeline unique (org_id, pipeline_id, name);
comment on column public.pipeline_stages.pipeline_id is 'The pipeline; a lead changes its pipeline by moving to a stage of another.';

create table public.close_reasons (
  org_id       uuid not null references public.organizations on delete restrict,
  id           uuid not null default gen_random_uuid(),
  kind         text not null,
  name         text not null,
  archived_at  timestamptz,
  created_at   timestamptz not null default now(),
  primary key (org_id, id),
  constraint close_reason_is_unique_in_organization unique (org_id, kind, name),
  constraint close_reason_is_for_won_or_lost check (kind in ('won', 'lost')),
  constraint close_reason_has_1_to_60_characters check (name = btrim(name) and length(name) between 1 and 60)
);
comment on table public.close_reasons is 'Why leads of an organization are won or lost, to choose from.';
comment on column public.close_reasons.org_id is 'The organization.';
comment on column public.close_reasons.id is 'What leads.closed_reason names.';
comment on column public.close_reasons.kind is 'won or lost.';
comment on column public.close_reasons.name is 'Shown to people.';
comment on column public.close_reasons.archived_at is 'Since when it is no longer offered; leads keep it. Null: offered.';
comment on column public.close_reasons.created_at is 'When it was made.';

alter table public.leads
  add column value numeric(14, 2),
  add column currency text,
  add column won_at timestamptz,
  add column lost_at timestamptz,
  add column closed_reason uuid,
  add constraint lead_value_is_not_negative_and_has_a_currency check ((value is null) = (currency is null) and value >= 0),
  add constraint lead_currency_has_three_letters check (currency ~ '^[A-Z]{3}$'),
  add constraint lead_is_not_won_and_lost check (won_at is null or lost_at is null),
  add constraint lead_is_closed_for_a_reason_of_its_organization foreign key (org_id, closed_reason)
    references public.close_reasons (org_id, id) on delete restrict;
comment on column public.leads.value is 'What the deal is worth, or was; null: nobody has said.';
comment on column public.leads.currency is 'ISO 4217 code of the value; null without one.';
comment on column public.leads.won_at is 'When it came into a stage that is won; null while it is in no such stage.';
comment on column public.leads.lost_at is 'When it came into a stage that is lost; null while it is in no such stage.';
comment on column public.leads.closed_reason is 'The close reason that somebody chose; null: open, or nobody chose one.';
-- Counts and sums of a board are read from this index alone.
create index leads_stage on public.leads (org_id, stage_id, received_at desc, id desc) include (value, currency);
-- With those that have no value: they are the end of a list sorted by it, which is read by pages too.
create index leads_by_value on public.leads (org_id, value, received_at, id);
create index leads_closed_reason on public.leads (org_id, closed_reason) where closed_reason is not null;

alter table public.pipelines enable row level security;
alter table public.close_reasons enable row level security;
create policy "Members can read the pipelines of their organizations"
  on public.pipelines for select to authenticated
  using (org_id = any (array(select private.my_org_ids())));
create policy "Members can read the close reasons of their organizations"
  on public.close_reasons for select to authenticated
  using (org_id = any (array(select private.my_org_ids())));
grant select on public.pipelines, public.close_reasons to authenticated;

-- What an organization starts with ---------------------------------------------------------------------------

create function private.tg_organizations__add_stages() returns trigger
  language plpgsql volatile security definer set search_path = ''
as $$
begin
  insert into public.pipelines (org_id, name, position) values (new.id, 'Sales', 1);
  insert into public.pipeline_stages (org_id, pipeline_id, name, position, kind)
  select new.id, p.id, s.name, s.position, s.kind
    from public.pipelines p,
         (values ('New', 1, 'open'), ('Contacted', 2, 'open'), ('Qualified', 3, 'open'),
                 ('Proposal sent', 4, 'open'), ('Won', 5, 'won'), ('Lost', 6, 'lost')) s (name, position, kind)
   where p.org_id = new.id;
  insert into public.close_reasons (org_id, kind, name)
  values (new.id, 'won', 'Price'), (new.id, 'won', 'Quality'), (new.id, 'won', 'Quick answer'),
         (new.id, 'lost', 'Price too high'), (new.id, 'lost', 'Bought elsewhere'), (new.id, 'lost', 'No answer'),
         (new.id, 'lost', 'Not what we sell');
  return null;
end;
$$;
comment on function private.tg_organizations__add_stages is
  'The pipeline, its six stages and the close reasons that every organization starts with. Definer: nobody may insert them directly.';
create trigger organizations_add_stages
  after insert on public.organizations
  for each row execute function private.tg_organizations__add_stages();

create function private.first_stage(org_id uuid, pipeline_id uuid default null) returns uuid
  language sql stable security definer set search_path = ''
as $$
  select s.id from public.pipeline_stages s join public.pipelines p on (p.org_id, p.id) = (s.org_id, s.pipeline_id)
   where s.org_id = first_stage.org_id and (first_stage.pipeline_id is null or s.pipeline_id = first_stage.pipeline_id)
   order by s.kind <> 'open', p.position, p.id, s.position, s.id limit 1
$$;
comment on function private.first_stage is
  'Where a new lead starts: the first open stage of the first pipeline, or of the one that is named. Definer: called beneath RLS.';

create function private.tg_leads__note_closing() returns trigger
  language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_kind   text;
  v_before text;
begin
  select s.kind into v_kind from public.pipeline_stages s where s.org_id = new.org_id and s.id = new.stage_id;
  if tg_op = 'UPDATE' and new.closed_reason is not distinct from old.closed_reason then
    select s.kind into v_before from public.pipeline_stages s where s.org_id = old.org_id and s.id = old.stage_id;
    if v_before is distinct from v_kind then
      new.closed_reason := null;
    end if;
  end if;
  new.won_at := case when v_kind = 'won' then coalesce(new.won_at, now()) end;
  new.lost_at := case when v_kind = 'lost' then coalesce(new.lost_at, now()) end;
  return new;
end;
$$;
comment on function private.tg_leads__note_closing is
  'Trigger before a lead comes into a stage: keeps won_at and lost_at true to the stage''s kind, and a reason only while it fits. Definer: called beneath RLS.';
create trigger leads_note_closing_on_insert
  before insert on public.leads
  for each row execute function private.tg_leads__note_closing();
create trigger leads_note_closing_on_update
  before update on public.leads
  for each row when (old.stage_id is distinct from new.stage_id) execute function private.tg_leads__note_closing();

-- Pipelines and stages, for admins -----------------------------------------------------------------------------

create function private.lock_pipelines(org_id uuid) returns void
  language plpgsql volatile security definer set search_path = ''
as $$
begin
  perform private.require_role(lock_pipelines.org_id, 'admin');
  perform pg_advisory_xact_lock(hashtextextended('flow.pipelines.' || lock_pipelines.org_id, 0));
end;
$$;
comment on function private.lock_pipelines is
  'Asks for an admin, and lets one at a time change pipelines of an organization, so that two cannot remove the last two stages. Raises PT403, PT404.';

create function private.name_for_people(name text) returns text
  language plpgsql immutable set search_path = ''
as $$
declare
  v_name text := regexp_replace(btrim(name_for_people.name), '\s+', ' ', 'g');
begin
  if v_name is null or length(v_name) not between 1 and 60 then
    raise sqlstate 'PT422' using message = 'A name has 1 to 60 characters.', detail = 'name_invalid', hint = 'Choose a shorter name.';
  end if;
  return v_name;
end;
$$;
comment on function private.name_for_people is 'A name with single spaces, or a refusal: PT422 name_invalid.';

create function private.require_pipeline(org_id uuid, pipeline_id uuid) returns void
  language plpgsql stable security definer set search_path = ''
as $$
begin
  if not exists (select from public.pipelines p where p.org_id = require_pipeline.org_id and p.id = require_pipeline.pipeline_id) then
    raise sqlstate 'PT404' using message = 'There is no such pipeline.', detail = 'pipeline_not_found', hint = 'Reload the pipelines.';
  end if;
end;
$$;
comment on function private.require_pipeline is 'Refuses a pipeline that the organization does not have: PT404 pipeline_not_found.';

create function private.save_pipeline(org_id uuid, name text, pipeline_id uuid) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_name  text;
  v_id    uuid := save_pipeline.pipeline_id;
  v_count int;
begin
  perform private.lock_pipelines(save_pipeline.org_id);
  v_name := private.name_for_people(save_pipeline.name);
  if exists (select from public.pipelines p where p.org_id = save_pipeline.org_id and p.name = v_name and p.id is distinct from v_id) then
    raise sqlstate 'PT409' using message = format('There is already a pipeline "%s".', v_name), detail = 'pipeline_exists', hint = 'Choose another name.';
  end if;
  if v_id is not null then
    perform private.require_pipeline(save_pipeline.org_id, v_id);
    update public.pipelines p set name = v_name where p.org_id = save_pipeline.org_id and p.id = v_id;
  else
    select count(*) into v_count from public.pipelines p where p.org_id = save_pipeline.org_id;
    if v_count >= 50 then
      raise sqlstate 'PT409' using message = 'An organization has at most 50 pipelines.', detail = 'too_many_pipelines', hint = 'Remove one that is not used.';
    end if;
    insert into public.pipelines (org_id, name, position)
    select save_pipeline.org_id, v_name, coalesce(max(p.position), 0) + 1 from public.pipelines p where p.org_id = save_pipeline.org_id
    returning id into v_id;
    insert into public.pipeline_stages (org_id, pipeline_id, name, position, kind)
    values (save_pipeline.org_id, v_id, 'New', 1, 'open'), (save_pipeline.org_id, v_id, 'Won', 2, 'won'),
           (save_pipeline.org_id, v_id, 'Lost', 3, 'lost');
  end if;
  perform private.audit(save_pipeline.org_id, 'pipeline.saved', 'pipeline', v_id::text);
  return jsonb_build_object('pipeline_id', v_id);
end;
$$;
comment on function private.save_pipeline is 'Body of public.save_pipeline. Definer: nobody may write pipelines directly.';
create function public.save_pipeline(org_id uuid, name text, pipeline_id uuid default null) returns jsonb
  language sql volatile set search_path = ''
begin atomic
  select private.save_pipeline(org_id, name, pipeline_id);
end;
comment on function public.save_pipeline is
  'Makes a pipeline with the stages New, Won and Lost, or renames one, for admins; returns {pipeline_id}. Raises PT403, PT404, PT409 pipeline_exists, '
  'too_many_pipelines, PT422 name_invalid.';
grant execute on function private.save_pipeline, public.save_pipeline to authenticated;

create function private.order_pipelines(org_id uuid, pipeline_ids uuid[]) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
begin
  perform private.lock_pipelines(order_pipelines.org_id);
  if array(select p.id from public.pipelines p where p.org_id = order_pipelines.org_id order by p.id)
     is distinct from array(select i from unnest(order_pipelines.pipeline_ids) i order by i) then
    raise sqlstate 'PT422' using message = 'Name every pipeline once.', detail = 'order_incomplete', hint = 'Reload the pipelines.';
  end if;
  update public.pipelines p set position = u.position from unnest(order_pipelines.pipeline_ids) with ordinality u (id, position)
   where p.org_id = order_pipelines.org_id and p.id = u.id;
  perform private.audit(order_pipelines.org_id, 'pipeline.ordered', 'organization', order_pipelines.org_id::text);
  return jsonb_build_object('pipelines', cardinality(order_pipelines.pipeline_ids));
end;
$$;
comment on function private.order_pipelines is 'Body of public.order_pipelines. Definer: nobody may write pipelines directly.';
create function public.order_pipelines(org_id uuid, pipeline_ids uuid[]) returns jsonb
  language sql volatile set search_path = ''
begin atomic
  select private.order_pipelines(org_id, pipeline_ids);
end;
comment on function public.order_pipelines is
  'Puts all pipelines in order, for admins: new leads start in the first. Returns {pipelines}. Raises PT403, PT404, PT422 order_incomplete.';
grant execute on function private.order_pipelines, public.order_pipelines to authenticated;

create function private.delete_pipeline(org_id uuid, pipeline_id uuid) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
begin
  perform private.lock_pipelines(delete_pipeline.org_id);
  perform private.require_pipeline(delete_pipeline.org_id, delete_pipeline.pipeline_id);
  if not exists (select from public.pipelines p where p.org_id = delete_pipeline.org_id and p.id <> delete_pipeline.pipeline_id) then
    raise sqlstate 'PT409' using message = 'This is the only pipeline.', detail = 'last_pipeline', hint = 'Make another one first.';
  end if;
  begin
    delete from public.pipeline_stages s where s.org_id = delete_pipeline.org_id and s.pipeline_id = delete_pipeline.pipeline_id;
  exception when foreign_key_violation then
    raise sqlstate 'PT409' using message = 'There are leads in this pipeline.', detail = 'pipeline_in_use', hint = 'Move them to another pipeline first.';
  end;
  delete from public.pipelines p where p.org_id = delete_pipeline.org_id and p.id = delete_pipeline.pipeline_id;
  perform private.audit(delete_pipeline.org_id, 'pipeline.deleted', 'pipeline', delete_pipeline.pipeline_id::text);
  return jsonb_build_object('pipeline_id', delete_pipeline.pipeline_id);
end;
$$;
comment on function private.delete_pipeline is 'Body of public.delete_pipeline. Definer: nobody may write pipelines directly.';
create function public.delete_pipeline(org_id uuid, pipeline_id uuid) returns jsonb
  language sql volatile set search_path = ''
begin atomic
  select private.delete_pipeline(org_id, pipeline_id);
end;
comment on function public.delete_pipeline is
  'Removes a pipeline without leads, and its stages, for admins; returns {pipeline_id}. Raises PT403, PT404, PT409 last_pipeline, pipeline_in_use.';
grant execute on function private.delete_pipeline, public.delete_pipeline to authenticated;

create function private.save_stage(org_id uuid, pipeline_id uuid, name text, kind text, stage_id uuid) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_name  text;
  v_stage public.pipeline_stages;
  v_id    uuid := save_stage.stage_id;
begin
  perform private.lock_pipelines(save_stage.org_id);
  perform private.require_pipeline(save_stage.org_id, save_stage.pipeline_id);
  v_name := private.name_for_people(save_stage.name);
  if save_stage.kind is null or save_stage.kind not in ('open', 'won', 'lost') then
    raise sqlstate 'PT422' using message = 'A stage is open, won or lost.', detail = 'stage_kind_unknown', hint = 'One of the three.';
  end if;
  if exists (select from public.pipeline_stages s where s.org_id = save_stage.org_id and s.pipeline_id = save_stage.pipeline_id
                and s.name = v_name and s.id is distinct from v_id) then
    raise sqlstate 'PT409' using message = format('There is already a stage "%s".', v_name), detail = 'stage_exists', hint = 'Choose another name.';
  end if;
  if v_id is null then
    if (select count(*) from public.pipeline_stages s where s.org_id = save_stage.org_id and s.pipeline_id = save_stage.pipeline_id) >= 50 then
      raise sqlstate 'PT409' using message = 'A pipeline has at most 50 stages.', detail = 'too_many_stages', hint = 'Remove one that is not used.';
    end if;
    insert into public.pipeline_stages (org_id, pipeline_id, name, kind, position)
    select save_stage.org_id, save_stage.pipeline_id, v_name, save_stage.kind, coalesce(max(s.position), 0) + 1
      from public.pipeline_stages s where s.org_id = save_stage.org_id and s.pipeline_id = save_stage.pipeline_id
    returning id into v_id;
  else
    select s.* into v_stage from public.pipeline_stages s
     where s.org_id = save_stage.org_id and s.pipeline_id = save_stage.pipeline_id and s.id = v_id for no key update;
    if not found then
      raise sqlstate 'PT404' using message = 'There is no such stage in this pipeline.', detail = 'stage_not_found', hint = 'Reload the pipeline.';
    end if;
    if v_stage.kind <> save_stage.kind then
      -- What its leads are would change with it: won yesterday, open today.
      if exists (select from public.leads l where l.org_id = save_stage.org_id and l.stage_id = v_id) then
        raise sqlstate 'PT409' using message = 'A stage with leads keeps its kind.', detail = 'stage_in_use', hint = 'Move its leads first.';
      end if;
      perform private.require_open_stage(save_stage.org_id, save_stage.pipeline_id, v_id);
    end if;
    update public.pipeline_stages s set name = v_name, kind = save_stage.kind where s.org_id = save_stage.org_id and s.id = v_id;
  end if;
  perform private.audit(save_stage.org_id, 'stage.saved', 'stage', v_id::text);
  return jsonb_build_object('stage_id', v_id);
end;
$$;
comment on function private.save_stage is 'Body of public.save_stage. Definer: nobody may write stages directly.';
create function public.save_stage(org_id uuid, pipeline_id uuid, name text, kind text default 'open', stage_id uuid default null) returns jsonb
  language sql volatile set search_path = ''
begin atomic
  select private.save_stage(org_id, pipeline_id, name, kind, stage_id);
end;
comment on function public.save_stage is
  'Adds a stage at the end of a pipeline, or changes one, for admins; returns {stage_id}. A stage with leads keeps its kind. Raises PT403, PT404, '
  'PT409 stage_exists, stage_in_use, last_open_stage, too_many_stages, PT422 name_invalid, stage_kind_unknown.';
grant execute on function private.save_stage, public.save_stage to authenticated;

create function private.require_open_stage(org_id uuid, pipeline_id uuid, without uuid) returns void
  language plpgsql stable security definer set search_path = ''
as $$
begin
  if not exists (select from public.pipeline_stages s where s.org_id = require_open_stage.org_id and s.pipeline_id = require_open_stage.pipeline_id
                    and s.kind = 'open' and s.id <> require_open_stage.without) then
    raise sqlstate 'PT409' using message = 'A pipeline needs a stage that is open.', detail = 'last_open_stage', hint = 'Add another open stage first.';
  end if;
end;
$$;
comment on function private.require_open_stage is 'Refuses to go on when the pipeline has no open stage but this one: PT409 last_open_stage.';

create function private.order_stages(org_id uuid, pipeline_id uuid, stage_ids uuid[]) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
begin
  perform private.lock_pipelines(order_stages.org_id);
  perform private.require_pipeline(order_stages.org_id, order_stages.pipeline_id);
  if array(select s.id from public.pipeline_stages s where s.org_id = order_stages.org_id and s.pipeline_id = order_stages.pipeline_id order by s.id)
     is distinct from array(select i from unnest(order_stages.stage_ids) i order by i) then
    raise sqlstate 'PT422' using message = 'Name every stage of the pipeline once.', detail = 'order_incomplete', hint = 'Reload the pipeline.';
  end if;
  update public.pipeline_stages s set position = u.position from unnest(order_stages.stage_ids) with ordinality u (id, position)
   where s.org_id = order_stages.org_id and s.id = u.id;
  perform private.audit(order_stages.org_id, 'stage.ordered', 'pipeline', order_stages.pipeline_id::text);
  return jsonb_build_object('stages', cardinality(order_stages.stage_ids));
end;
$$;
comment on function private.order_stages is 'Body of public.order_stages. Definer: nobody may write stages directly.';
create function public.order_stages(org_id uuid, pipeline_id uuid, stage_ids uuid[]) returns jsonb
  language sql volatile set search_path = ''
begin atomic
  select private.order_stages(org_id, pipeline_id, stage_ids);
end;
comment on function public.order_stages is
  'Puts all stages of a pipeline in order, for admins; returns {stages}. Raises PT403, PT404, PT422 order_incomplete.';
grant execute on function private.order_stages, public.order_stages to authenticated;

create function private.delete_stage(org_id uuid, stage_id uuid, move_to_stage_id uuid) returns jsonb
  language plpgsql volatile security definer set search_path = '' set enable_seqscan = off
as $$
#variable_conflict use_column
declare
  c_most  constant int := 5000;
  v_stage public.pipeline_stages;
  v_ids   uuid[];
  v_moved int := 0;
  v_left  boolean;
begin
  perform private.lock_pipelines(delete_stage.org_id);
  select s.* into v_stage from public.pipeline_stages s where s.org_id = delete_stage.org_id and s.id = delete_stage.stage_id;
  if not found then
    raise sqlstate 'PT404' using message = 'There is no such stage.', detail = 'stage_not_found', hint = 'Reload the pipeline.';
  end if;
  if delete_stage.move_to_stage_id is not null and (delete_stage.move_to_stage_id = v_stage.id or not exists (
       select from public.pipeline_stages s where s.org_id = delete_stage.org_id and s.id = delete_stage.move_to_stage_id)) then
    raise sqlstate 'PT422' using message = 'Its leads need another stage to go to.', detail = 'stage_not_found', hint = 'Reload the pipeline.';
  end if;
  perform private.require_open_stage(delete_stage.org_id, v_stage.pipeline_id, v_stage.id);
  if delete_stage.move_to_stage_id is not null then
    v_ids := array(select l.id from public.leads l where l.org_id = delete_stage.org_id and l.stage_id = v_stage.id
                    order by l.id limit c_most for no key update);
    v_moved := cardinality(v_ids);
    -- By key, and then by place, whatever the statistics say (300_contacts.sql).
    update public.leads l set stage_id = delete_stage.move_to_stage_id, version = l.version + 1
      from (select k.at from unnest(v_ids) i (id)
             cross join lateral (select x.ctid as at from public.leads x where x.org_id = delete_stage.org_id and x.id between i.id and i.id
                                  order by x.id limit 1) k) c
     where l.ctid = c.at;
    insert into public.lead_activities (org_id, lead_id, actor, kind, details)
    select delete_stage.org_id, i, auth.uid(), 'moved',
           jsonb_build_object('from', v_stage.id, 'to', delete_stage.move_to_stage_id, 'because', 'stage_removed', 'from_name', v_stage.name)
      from unnest(v_ids) i;
  end if;
  v_left := exists (select from public.leads l where l.org_id = delete_stage.org_id and l.stage_id = v_stage.id);
  if v_left and v_moved = 0 then
    raise sqlstate 'PT409' using message = 'There are leads in this stage.', detail = 'stage_in_use', hint = 'Say which stage they go to.';
  elsif not v_left then
    begin
      delete from public.pipeline_stages s where s.org_id = delete_stage.org_id and s.id = v_stage.id;
    exception when foreign_key_violation then
      raise sqlstate 'PT409' using message = 'Leads came into this stage meanwhile.', detail = 'stage_in_use', hint = 'Try again.';
    end;
    perform private.audit(delete_stage.org_id, 'stage.deleted', 'stage', v_stage.id::text);
  end if;
  return jsonb_build_object('stage_id', v_stage.id, 'removed', not v_left, 'moved', v_moved);
end;
$$;
comment on function private.delete_stage is 'Body of public.delete_stage. Definer: nobody may write stages directly.';
create function public.delete_stage(org_id uuid, stage_id uuid, move_to_stage_id uuid default null) returns jsonb
  language sql volatile set search_path = ''
begin atomic
  select private.delete_stage(org_id, stage_id, move_to_stage_id);
end;
comment on function public.delete_stage is
  'Removes a stage, for admins, after its leads went to another: at most 5,000 a call, so call again while removed is false. Returns {stage_id, removed, '
  'moved}. Raises PT403, PT404, PT409 stage_in_use, last_open_stage, PT422 stage_not_found.';
grant execute on function private.delete_stage, public.delete_stage to authenticated;
