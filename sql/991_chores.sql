-- 991_chores.sql: what has to run again and again, in one catalogue: pg_cron runs it, or whoever calls worker.run_due.

create table private.chores (
  name     text primary key,
  schedule text not null,
  every    interval not null,
  command  text not null,
  done_at  timestamptz not null default '-infinity',
  failed   text,
  constraint chore_comes_again check (every >= interval '1 second')
);
comment on table private.chores is 'The chores of the database: pg_cron runs them under these names; without pg_cron worker.run_due does.';
comment on column private.chores.name is 'The name of the job of pg_cron.';
comment on column private.chores.schedule is 'When, as pg_cron writes it.';
comment on column private.chores.every is 'How long after its last run it is due again, for worker.run_due.';
comment on column private.chores.command is 'The statement.';
comment on column private.chores.done_at is 'When worker.run_due last ran it; pg_cron keeps its own record in cron.job_run_details.';
comment on column private.chores.failed is 'The SQLSTATE with which worker.run_due saw it fail last time; null when it did not.';
alter table private.chores enable row level security;

insert into private.chores (name, schedule, every, command) values
  ('flow-sweep', '2 seconds', '2 seconds', 'select private.sweep()'),
  ('flow-leads', '2 seconds', '2 seconds', 'select private.tend_leads()'),
  ('flow-news', '2 seconds', '2 seconds', 'select private.tend_news()'),
  ('flow-duplicates', '5 seconds', '5 seconds', 'select private.find_duplicates()'),
  ('flow-retention', '5 seconds', '5 seconds', 'select private.retain()'),
  ('flow-billing', '17 * * * *', '1 hour', 'select private.tend_billing()'),
  ('flow-clean-up', '7 * * * *', '1 hour', 'select private.clean_up()'),
  ('flow-alarms', '* * * * *', '1 minute', 'select private.evaluate_alarms()'),
  ('flow-isolation', '* * * * *', '1 minute', 'select private.check_isolation_nightly()');

create function private.unscheduled_chores() returns setof text
  language plpgsql stable security definer set search_path = ''
as $$
begin
  if to_regclass('cron.job') is not null then
    return query execute
      'select c.name from private.chores c where not exists (select from cron.job j
         where (j.jobname, j.schedule, j.command) = (c.name, c.schedule, c.command) and j.active) order by 1';
  end if;
end;
$$;
comment on function private.unscheduled_chores is 'The chores that pg_cron does not run as the catalogue says; none where there is no pg_cron.';

create function private.schedule_chores() returns text[]
  language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_name text;
  v_set  text[] := '{}';
begin
  for v_name in select private.unscheduled_chores() loop
    execute 'select cron.schedule(c.name, c.schedule, c.command), cron.alter_job(j.jobid, active => true)
               from private.chores c left join cron.job j on j.jobname = c.name where c.name = $1' using v_name;
    v_set := v_set || v_name;
  end loop;
  return v_set;
end;
$$;
comment on function private.schedule_chores is
  'Gives pg_cron what it lacks of the chores: where it was switched on after the migrations, or somebody removed a job. Returns their names. Called by the owner.';

create function worker.run_due() returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_chore private.chores;
  v_state text;
begin
  -- Whoever else runs the same chore is passed over: as under pg_cron, no chore overlaps itself.
  select c.* into v_chore from private.chores c
   where c.done_at + c.every <= clock_timestamp() order by c.done_at + c.every, c.every, c.name limit 1 for update skip locked;
  if not found then
    return jsonb_build_object('ran', null, 'jobs', case when to_regprocedure('net.http_post(text,jsonb,jsonb,jsonb,integer)') is null
      then (select coalesce(jsonb_agg(w.job order by w.job), '[]') from private.wakeups w) else '[]' end);
  end if;
  begin
    execute v_chore.command;
  exception when others then      -- its neighbours' turn comes all the same, and its own again when it is due
    v_state := sqlstate;
  end;
  update private.chores c set done_at = clock_timestamp(), failed = v_state where c.name = v_chore.name;
  return jsonb_build_object('ran', v_chore.name) || case when v_state is null then '{}' else jsonb_build_object('failed', v_state) end;
end;
$$;
comment on function worker.run_due is
  'For hosts without pg_cron: runs the chore that is due longest, in this transaction; call again until ran is null. Returns {ran: name or null, failed: SQLSTATE when it failed} '
  'and, when nothing is due, jobs: those that nobody wakes because pg_net is missing.';
grant execute on function worker.run_due to service_role;

select private.schedule_chores();
