-- 165_page_views.sql: the pages that people open and how fast they are, for whom it may be noted; and how much a browser may tell.

create table private.page_views (
  id           bigint generated always as identity,
  occurred_at  timestamptz not null default now(),
  org_id       uuid,
  user_id      uuid,
  trace_id     text,
  release      text,
  route        text not null,
  navigation   text not null,
  visible_ms   int not null,
  load_ms      int,
  ttfb_ms      int,
  lcp_ms       int,
  inp_ms       int,
  cls          numeric,
  ip_prefix    cidr,
  os           text,
  browser      text,
  device       text,
  primary key (occurred_at, id),
  constraint page_view_names_a_page_not_an_address check (route ~ '^(/|(/:?[a-z]+(-[a-z]+)*){1,5})$' and length(route) <= 100),
  constraint page_view_navigation_is_known check (navigation in ('navigate', 'reload', 'back_forward', 'prerender', 'restore', 'route', 'return')),
  constraint page_view_figures_are_of_a_day check (greatest(visible_ms, load_ms, ttfb_ms, lcp_ms, inp_ms) <= 86400000 and least(visible_ms, load_ms, ttfb_ms, lcp_ms, inp_ms) >= 0),
  constraint page_view_shift_is_sensible check (cls between 0 and 1000),
  constraint page_view_names_a_network_not_an_address check (masklen(ip_prefix) <= case family(ip_prefix) when 4 then 24 else 48 end),
  constraint page_view_trace_is_of_w3c check (trace_id ~ '^[0-9a-f]{32}$'),
  constraint page_view_words_are_short check (greatest(length(release), length(os), length(browser), length(device)) <= 64)
) partition by range (occurred_at);
comment on table private.page_views is 'One row a page of the dashboard that somebody looked at: which page, for how long, how fast; never whose or which lead it showed. Not of people who do not want it. One partition a day.';
comment on column private.page_views.id is 'Running number.';
comment on column private.page_views.occurred_at is 'When it was opened, or looked at again.';
comment on column private.page_views.org_id is 'The organization the person worked for; null: none. No foreign key: telemetry locks nobody''s rows.';
comment on column private.page_views.user_id is 'The person. No foreign key: telemetry locks nobody''s rows.';
comment on column private.page_views.trace_id is 'W3C trace id: the same in the calls that the page made. No foreign key: it is nobody''s row.';
comment on column private.page_views.release is 'The release of the page.';
comment on column private.page_views.route is 'The page by name, as /inbox/:id; never its address.';
comment on column private.page_views.navigation is 'How it was come to: navigate, reload, back_forward, prerender, restore (from the browser''s own memory), route (from page to page within Flow), return (the window was looked at again).';
comment on column private.page_views.visible_ms is 'Milliseconds it was to be seen.';
comment on column private.page_views.load_ms is 'Milliseconds until the document had loaded; null: it was not loaded anew.';
comment on column private.page_views.ttfb_ms is 'Milliseconds until the first byte of the answer.';
comment on column private.page_views.lcp_ms is 'Largest Contentful Paint: milliseconds until what matters was painted.';
comment on column private.page_views.inp_ms is 'Interaction to Next Paint: milliseconds that a press or a key waited, at worst.';
comment on column private.page_views.cls is 'Cumulative Layout Shift: how much moved by itself; 0.1 and less is good.';
comment on column private.page_views.ip_prefix is 'The network it was opened from: /24, or /48 of IPv6; never the address.';
comment on column private.page_views.os is 'Family of the operating system, as Android.';
comment on column private.page_views.browser is 'Family of the browser, as Chrome Mobile.';
comment on column private.page_views.device is 'Family of the device, as Generic Smartphone.';
create index page_views_org on private.page_views (org_id, occurred_at, id) where org_id is not null;
create index page_views_person on private.page_views (user_id) where user_id is not null;
create index page_views_trace on private.page_views (trace_id);
alter table private.page_views enable row level security;
create table private.page_views_default partition of private.page_views default;
comment on table private.page_views_default is 'Catches page views of a day whose partition is missing: none is lost.';
alter table private.page_views_default enable row level security;

create table private.page_view_refusals (
  user_id  uuid primary key references auth.users on delete cascade,
  since    timestamptz not null default now()
);
comment on table private.page_view_refusals is 'People who do not want the pages they open to be noted.';
comment on column private.page_view_refusals.user_id is 'The person.';
comment on column private.page_view_refusals.since is 'Since when.';
alter table private.page_view_refusals enable row level security;

create function private.draw_telemetry(kind text, key text, bucket int, fills_in interval) returns void
  language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_wait constant interval := (private.draw('browser_' || kind, key, bucket, fills_in)).wait;
begin
  if v_wait is not null then
    raise sqlstate 'PT429' using message = 'Too many reports.', detail = 'too_many_requests', hint = private.retry_at(clock_timestamp() + v_wait);
  end if;
end;
$$;
comment on function private.draw_telemetry is 'Takes one report of a person, network or organization. Raises PT429 too_many_requests with retry_at. Definer: called beneath RLS.';

-- What a person decides ------------------------------------------------------------------------------------------------

create function private.my_telemetry() returns jsonb
  language plpgsql stable security definer set search_path = ''
as $$
begin
  if auth.uid() is null then
    raise sqlstate 'PT401' using message = 'Sign in first.', detail = 'not_signed_in';
  end if;
  return jsonb_build_object('user_id', auth.uid(), 'page_views', not exists (select from private.page_view_refusals r where r.user_id = auth.uid()));
end;
$$;
comment on function private.my_telemetry is 'Body of public.my_telemetry. Definer: reads a closed table.';

create function public.my_telemetry() returns jsonb
  language sql stable set search_path = ''
begin atomic
  select private.my_telemetry();
end;
comment on function public.my_telemetry is
  'What the person who asks lets Flow note of the pages they open: {user_id, page_views: whether they are noted}. Whoever has signed in. Raises PT401.';

create function private.set_page_views(wanted boolean) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
begin
  if auth.uid() is null then
    raise sqlstate 'PT401' using message = 'Sign in first.', detail = 'not_signed_in';
  elsif set_page_views.wanted is null then
    raise sqlstate 'PT422' using message = 'Say yes or no.', detail = 'wanted_missing', hint = 'Field: wanted.';
  elsif set_page_views.wanted then
    delete from private.page_view_refusals r where r.user_id = auth.uid();
  else
    insert into private.page_view_refusals (user_id) values (auth.uid()) on conflict do nothing;
    -- What was noted so far no longer says whose it was.
    update private.page_views v set user_id = null, ip_prefix = null where v.user_id = auth.uid();
  end if;
  return private.my_telemetry();
end;
$$;
comment on function private.set_page_views is 'Body of public.set_page_views. Definer: nobody may write these tables directly.';

create function public.set_page_views(wanted boolean) returns jsonb
  language sql volatile set search_path = ''
begin atomic
  select private.set_page_views(set_page_views.wanted);
end;
comment on function public.set_page_views is
  'The person who asks allows Flow to note the pages they open, or forbids it; then page views of the last 30 days stay without person and network. Returns what public.my_telemetry tells. Whoever has signed in. Raises PT401, PT422.';
grant execute on function private.my_telemetry, public.my_telemetry, private.set_page_views, public.set_page_views to authenticated;

-- What browsers tell ---------------------------------------------------------------------------------------------------

create function private.note_view(item jsonb, about jsonb, org_id uuid, user_id uuid) returns void
  language sql volatile security definer set search_path = ''
as $$
  insert into private.page_views (occurred_at, org_id, user_id, trace_id, release, route, navigation, visible_ms, load_ms, ttfb_ms, lcp_ms, inp_ms, cls, ip_prefix, os, browser, device)
  select least(coalesce(x.occurred_at, now()), now()), note_view.org_id, note_view.user_id, x.trace_id, a.release, x.route, x.navigation, x.visible_ms, x.load_ms, x.ttfb_ms, x.lcp_ms, x.inp_ms, x.cls,
         private.network_of(a.ip_prefix), a.os, a.browser, a.device
    from jsonb_to_record(item) x (occurred_at timestamptz, trace_id text, route text, navigation text, visible_ms int, load_ms int, ttfb_ms int, lcp_ms int, inp_ms int, cls numeric),
         jsonb_to_record(about) a (release text, ip_prefix inet, os text, browser text, device text)
$$;
comment on function private.note_view is 'Notes one page view; item and about as worker.record_browser takes them. Raises what the table''s checks raise.';

create function worker.record_browser(user_id uuid, org_id uuid, about jsonb, items jsonb) returns jsonb
  language plpgsql volatile security definer set search_path = '' set lock_timeout = '300ms'
as $$
#variable_conflict use_column
declare
  v_org      uuid := (select m.org_id from public.memberships m join public.organizations o on o.id = m.org_id and o.deleted_at is null
                       where m.org_id = record_browser.org_id and m.user_id = record_browser.user_id);
  v_is_seen  boolean := record_browser.user_id is not null and not exists (select from private.page_view_refusals r where r.user_id = record_browser.user_id);
  v_recorded int := 0;
  v_refused  int := 0;
  x          record;
begin
  perform set_config('synchronous_commit', 'off', true);       -- a crash may cost the last rows; nobody waits for the disk
  if record_browser.user_id is not null then
    perform private.draw_telemetry('person', record_browser.user_id::text, 60, '1 minute');
  end if;
  perform private.draw_telemetry('network', coalesce(private.network_of((about ->> 'ip_prefix')::inet)::text, 'unknown'), 600, '1 minute');
  if v_org is not null then
    perform private.draw_telemetry('organization', v_org::text, 5000, '1 hour');
  end if;
  -- Groups of errors are locked in one order, as private.note_error asks for.
  for x in select i.value as item from jsonb_array_elements(items) i
            order by case when i.value ->> 'kind' = 'error' then private.fingerprint('browser', left(i.value ->> 'type', 200), i.value -> 'frames') end limit 20 loop
    begin
      if x.item ->> 'kind' = 'error' then
        perform private.note_error(x.item || jsonb_build_object('org_id', v_org, 'user_id', record_browser.user_id, 'release', about ->> 'release'), 'browser');
      elsif v_is_seen then
        perform private.note_view(x.item, about, v_org, record_browser.user_id);
      else
        continue;
      end if;
      v_recorded := v_recorded + 1;
    exception
      when lock_not_available or query_canceled or deadlock_detected then raise;
      when others then v_refused := v_refused + 1;
    end;
  end loop;
  return jsonb_build_object('recorded', v_recorded, 'refused', v_refused);
end;
$$;
comment on function worker.record_browser is
  'Notes what a browser told. user_id: whose session the database has confirmed, null before signing in; org_id: counts only where they are a member. about: {release, ip_prefix, os, browser, device}; items, at most 20, scrubbed: '
  '{kind: view, occurred_at, trace_id, route, navigation, visible_ms, load_ms, ttfb_ms, lcp_ms, inp_ms, cls} or {kind: error, occurred_at, trace_id, type, message, frames, route, source}. Views of nobody, and of whom does not want '
  'them, are left out; an item that no table takes is refused without its neighbours. Returns {recorded, refused}. Raises PT429 beyond 60 reports a minute of a person, 600 of a network, 5,000 an hour of an organization.';
grant execute on function worker.record_browser to service_role;

create function private.roll_up_pages(day date) returns void
  language sql volatile security definer set search_path = '' set timezone = 'UTC'
as $$
  with views as materialized (
    select v.*, count(*) over (partition by v.route) as often from private.page_views v
     where v.occurred_at >= roll_up_pages.day::timestamptz and v.occurred_at < (roll_up_pages.day + 1)::timestamptz),
  known as (                                                     -- a browser can make names up: the rest is one
    select distinct on (often, route) route from views order by often desc, route limit 100)
  insert into private.telemetry_daily (day, kind, name, outcome, count, total_ms, p50_ms, p75_ms, p95_ms, p99_ms, max_ms)
  select roll_up_pages.day, 'page', coalesce(k.route, '(other)'), m.name, count(m.ms), sum(m.ms), percentile_disc(0.5) within group (order by m.ms), percentile_disc(0.75) within group (order by m.ms),
         percentile_disc(0.95) within group (order by m.ms), percentile_disc(0.99) within group (order by m.ms), max(m.ms)
    from views v left join known k on k.route = v.route
    cross join lateral (values ('opened', case when v.navigation <> 'return' then v.visible_ms end), ('load', v.load_ms), ('ttfb', v.ttfb_ms), ('lcp', v.lcp_ms), ('inp', v.inp_ms), ('cls', v.cls * 1000)) m (name, ms)
   where m.ms is not null
   group by coalesce(k.route, '(other)'), m.name
  on conflict (day, kind, name, outcome) do nothing
$$;
comment on function private.roll_up_pages is
  'Sums up the page views of one day (UTC) into telemetry_daily, outcome: opened (how long it was to be seen, without returns); load, ttfb, lcp, inp; cls in thousandths. The hundred pages that were opened most; the rest as (other). Once.';
