-- gateway.sql: what test_gateway.py calls. The first statements also take everything away again.
-- Functions for the secret key are in `worker`, those for people in `public`: service_role may not enter `public`.
drop function if exists worker.gw_args, worker.gw_fail, worker.gw_who, worker.gw_rows, worker.gw_void, worker.gw_whole,
  worker.gw_sleep, worker.gw_write, worker.gw_headers, worker.gw_over(int), worker.gw_over(text), worker.gw_size,
  public.gw_who, public.gw_rows, public.gw_void, public.gw_sleep;
drop table if exists public.gw_notes, public.gw_parts, public.gw_wholes;
create table public.gw_notes (
  id int primary key, owner uuid default auth.uid(), at timestamptz default '2026-01-02 03:04:05.6+00', day date default '2026-01-02',
  n numeric default 1.50, big bigint default 9007199254740993, raw bytea default '\x00ff', doc jsonb,
  e text default 'ok' check (e <> 'bad'));
alter table public.gw_notes enable row level security;
revoke all on public.gw_notes from public, anon, authenticated, service_role;
grant select, insert, update, delete on public.gw_notes to authenticated;
create policy "People see their own notes" on public.gw_notes for select to authenticated using (owner = (select auth.uid()));
create policy "People add their own notes" on public.gw_notes for insert to authenticated with check (owner = (select auth.uid()));
create policy "People change their own notes" on public.gw_notes for update to authenticated using (owner = (select auth.uid()));
create table public.gw_wholes (org int, id int, name text, primary key (org, id));
create table public.gw_parts (org int, id int primary key, whole int, other int,
  constraint gw_part_of_whole foreign key (org, whole) references public.gw_wholes, foreign key (org, other) references public.gw_wholes);
insert into public.gw_wholes values (1, 1, 'one'), (1, 2, 'two'), (1, 3, 'three');
insert into public.gw_parts values (1, 10, 2, 3);
revoke all on public.gw_wholes, public.gw_parts from public, anon, authenticated, service_role;
grant select on public.gw_wholes, public.gw_parts to authenticated;
create function worker.gw_args(a int, d jsonb default null, c int[] default '{}') returns jsonb language sql
  as $$ select jsonb_build_object('a', a, 'd', d, 'c', c, 't', jsonb_typeof(d)) $$;
create function worker.gw_fail(code text) returns int language plpgsql
  as $$ begin raise exception using errcode = code, message = 'm', detail = 'd', hint = 'h'; end $$;
create function worker.gw_who() returns jsonb language sql stable as $$ select jsonb_build_object(
  'role', current_user, 'timeout', current_setting('statement_timeout'), 'read_only', current_setting('transaction_read_only'),
  'uid', auth.uid(), 'path', current_setting('search_path'), 'headers', current_setting('request.headers')::jsonb) $$;
create function worker.gw_rows(n int) returns table (at timestamptz, num numeric, big bigint) language sql
  as $$ select '2026-01-02 03:04:05+00'::timestamptz, 1.50, 9007199254740993 from generate_series(1, n) $$;
create function worker.gw_void() returns void language sql as 'select';
create function worker.gw_sleep(seconds float) returns int language sql as $$ select 1 from pg_sleep(seconds) $$;
create function worker.gw_write() returns int language plpgsql stable security definer
  as $$ begin execute 'delete from public.gw_notes'; return 1; end $$;
create function worker.gw_headers() returns int language sql as $$ select set_config('response.status', '202', true) is null,
  set_config('response.headers', '[{"x-flow": "yes"}]', true); select 7 $$;
create function worker.gw_whole(jsonb) returns text language sql as $$ select jsonb_typeof($1) $$;
create function worker.gw_over(a int) returns int language sql as 'select 1';
create function worker.gw_over(a text) returns int language sql as 'select 2';
create function worker.gw_size(body jsonb, other text default '') returns int language sql
  as $$ select jsonb_array_length(body) + length(other) $$;
create function public.gw_who() returns jsonb language sql stable as $$ select jsonb_build_object(
  'role', current_user, 'timeout', current_setting('statement_timeout'),
  'read_only', current_setting('transaction_read_only'), 'uid', auth.uid(),
  'path', current_setting('search_path'), 'headers', current_setting('request.headers')::jsonb) $$;
create function public.gw_rows(n int) returns setof int language sql as 'select generate_series(1, n)';
create function public.gw_void() returns void language sql as 'select';
create function public.gw_sleep(seconds float) returns int language sql as $$ select 1 from pg_sleep(seconds) $$;
do $$
declare
  f regprocedure;
begin
  for f in select p.oid from pg_proc p where p.proname like 'gw\_%' loop
    execute format('revoke execute on function %s from public, anon, authenticated, service_role', f);
    execute format('grant execute on function %s to %s', f,
      case when f::text like 'worker.%' then 'service_role' else 'authenticated' end);
  end loop;
end;
$$;
