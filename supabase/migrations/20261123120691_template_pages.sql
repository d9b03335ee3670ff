-- 691_template_pages.sql: what the pages of templates and greetings show: templates by name, what a message of each category
-- costs, and how the greetings of the last days went.

create function private.template_state(status text, blocked_reason text) returns text
  language sql immutable security invoker set search_path = ''
as $$
  select case when template_state.status = 'APPROVED' and template_state.blocked_reason is null then 'approved'
              when template_state.status in ('PENDING', 'IN_APPEAL') then 'review'
              when template_state.status = 'REJECTED' then 'rejected'
              else 'stopped' end
$$;
comment on function private.template_state is
  'Meta''s many statuses as people ask for them: approved (can be sent), review, rejected, or stopped (paused, disabled, blocked, …).';

create function private.list_templates(org_id uuid, filter jsonb, after jsonb, page_size int) returns jsonb
  language plpgsql stable security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_words     text[] := array(select w from regexp_split_to_table(lower(coalesce(filter ->> 'query', '')), '\s+') w where w <> '' limit 20);
  v_size      int := least(greatest(coalesce(page_size, 50), 1), 100);
  v_account   uuid := case when pg_input_is_valid(after ->> 'account_id', 'uuid') then (after ->> 'account_id')::uuid end;
  v_templates jsonb;
  v_next      jsonb;
begin
  perform private.require_role(list_templates.org_id, 'agent');
  with each as (
    select t.*, private.template_state(t.status, t.blocked_reason) as state,
           jsonb_path_query_first(t.components, '$[*] ? (@.type like_regex "^body$" flag "i").text') #>> '{}' as words
      from public.message_templates t
     where t.org_id = list_templates.org_id and t.status <> 'DELETED'
       and (after is null or (t.name, t.account_id) > (after ->> 'name', coalesce(v_account, '00000000-0000-0000-0000-000000000000')))
  ), named as (
    select e.name, e.account_id, min(e.category) as category,
           (array_agg(e.words order by e.language) filter (where e.words is not null))[1] as words,
           jsonb_agg(jsonb_build_object('template_id', e.id, 'language', e.language, 'status', e.status, 'state', e.state, 'category', e.category,
             'quality', e.quality, 'rejected_reason', e.rejected_reason, 'blocked_reason', e.blocked_reason) order by e.language) as languages
      from each e
     group by e.name, e.account_id
    having bool_or((filter ->> 'state' is null or e.state = filter ->> 'state')
               and (filter ->> 'category' is null or e.category = upper(filter ->> 'category'))
               and not exists (select from unnest(v_words) w
                                where strpos(lower(e.name || ' ' || e.language || ' ' || coalesce(e.words, '')), w) = 0))
     order by e.name, e.account_id limit v_size + 1
  ), shown as (
    select n.*, row_number() over (order by n.name, n.account_id) as at from named n
  )
  select coalesce(jsonb_agg(jsonb_build_object('name', s.name, 'account_id', s.account_id, 'category', s.category, 'text', left(s.words, 300),
                   'languages', s.languages) order by s.at) filter (where s.at <= v_size), '[]'),
         case when count(*) > v_size then (array_agg(jsonb_build_object('name', s.name, 'account_id', s.account_id)) filter (where s.at = v_size))[1] end
    into v_templates, v_next from shown s;
  return jsonb_build_object('templates', v_templates, 'next', v_next) || case when after is not null then '{}' else jsonb_build_object(
    'counts', (select coalesce(jsonb_object_agg(c.state, c.n), '{}') from (
                 select private.template_state(t.status, t.blocked_reason) as state, count(distinct (t.account_id, t.name)) as n
                   from public.message_templates t where t.org_id = list_templates.org_id and t.status <> 'DELETED' group by 1) c),
    'accounts', (select coalesce(jsonb_agg(jsonb_build_object('account_id', a.id, 'name', a.name, 'read_at', s.synced_at, 'problem', s.problem) order by a.connected_at), '[]')
                   from public.whatsapp_accounts a left join private.template_syncs s on (s.org_id, s.account_id) = (a.org_id, a.id)
                  where a.org_id = list_templates.org_id and a.status = 'connected')) end;
end;
$$;
comment on function private.list_templates is 'public.list_templates behind its door. Definer: when templates were last read is nobody''s table.';
create function public.list_templates(org_id uuid, filter jsonb default '{}', after jsonb default null, page_size int default 50) returns jsonb
  language sql stable set search_path = ''
begin atomic
  select private.list_templates(org_id, filter, after, page_size);
end;
comment on function public.list_templates is
  'Templates by name, at most 100 a page, those of which a language fits filter {query: words of name and text, state: approved, review, rejected or stopped, category}: '
  '{templates: [{name, account_id, category, text, languages: [{template_id, language, status, state, category, quality, rejected_reason, blocked_reason}]}], '
  'next: after of the next page or null; on the first page also counts: {state: names} of all, and accounts: [{account_id, name, read_at, problem}], the connected ones}. Members. Raises PT404.';

create function private.template_prices(org_id uuid, country text) returns jsonb
  language plpgsql stable security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_zone     text;
  v_currency text;
  v_market   text;
  v_rate     numeric;
  v_prices   jsonb := '{}';
  v_category text;
begin
  perform private.require_role(template_prices.org_id, 'agent');
  select a.time_zone, a.currency into v_zone, v_currency from public.whatsapp_accounts a
   where a.org_id = template_prices.org_id and a.status = 'connected' order by a.connected_at, a.id limit 1;
  v_currency := coalesce(v_currency, 'INR');
  select k.market into v_market from private.market_codes k where k.kind = 'iso' and k.code = template_prices.country;
  foreach v_category in array array['marketing', 'utility', 'authentication'] loop
    select x.rate into v_rate from private.rate_at(v_market, v_category, v_currency,
      (now() at time zone coalesce(v_zone, 'Asia/Kolkata'))::date, clock_timestamp()) x;
    v_prices := v_prices || jsonb_build_object(v_category, round(v_rate + private.markup_on(v_rate, private.markup_rule(private.billing_plan(template_prices.org_id), v_category, now())), 6)::text);
  end loop;
  return jsonb_build_object('country', template_prices.country, 'currency', v_currency, 'prices', v_prices);
end;
$$;
comment on function private.template_prices is 'Body of public.template_prices. Definer: rates of markets are nobody''s table to read.';
create function public.template_prices(org_id uuid, country text default 'IN') returns jsonb
  language sql stable set search_path = ''
begin atomic
  select private.template_prices(org_id, country);
end;
comment on function public.template_prices is
  'What a template of each category costs today to a person of a country (ISO, two letters): {country, currency, prices: {marketing, utility, authentication: text, '
  'with markup, before GST; null when no rate covers it}}. Members. Raises PT404.';

create function private.greeting_report(org_id uuid, days int) returns jsonb
  language plpgsql stable security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_days int := least(greatest(coalesce(greeting_report.days, 7), 1), 31);
begin
  perform private.require_role(greeting_report.org_id, 'agent');
  return (
    with recent as (
      select l.id from public.leads l
       where l.org_id = greeting_report.org_id and l.received_at > now() - make_interval(days => v_days)
       order by l.received_at desc, l.id desc limit 10000
    ), told as (
      -- The message, once there is one; else the last word about a greeting in the timeline.
      select coalesce(m.status, case a.kind when 'greeting_scheduled' then 'waiting' when 'greeting_skipped' then 'skipped' else 'none' end) as state,
             case when m.id is null and a.kind = 'greeting_skipped' then a.details ->> 'reason' end as reason
        from recent r
        left join public.lead_clocks k on (k.org_id, k.lead_id) = (greeting_report.org_id, r.id)
        left join public.messages m on (m.org_id, m.id) = (greeting_report.org_id, k.greeting_id)
        left join lateral (select x.kind, x.details from public.lead_activities x
                            where x.org_id = greeting_report.org_id and x.lead_id = r.id and x.kind in ('greeting_scheduled', 'greeting_skipped')
                            order by x.id desc limit 1) a on m.id is null
    )
    select jsonb_build_object('days', v_days, 'leads', count(*),
        'arrived', count(*) filter (where t.state in ('delivered', 'read')), 'read', count(*) filter (where t.state = 'read'),
        'under_way', count(*) filter (where t.state in ('queued', 'sending', 'sent', 'uncertain', 'waiting')),
        'failed', count(*) filter (where t.state in ('failed', 'cancelled')),
        'skipped', coalesce((select jsonb_agg(jsonb_build_object('reason', s.reason, 'leads', s.n) order by s.n desc, s.reason)
                               from (select x.reason, count(*) as n from told x where x.state = 'skipped' group by 1) s), '[]'))
      from told t);
end;
$$;
comment on function private.greeting_report is 'Body of public.greeting_report. Definer: it joins by key what row level security would look at row by row.';
create function public.greeting_report(org_id uuid, days int default 7) returns jsonb
  language sql stable set search_path = ''
begin atomic
  select private.greeting_report(org_id, days);
end;
comment on function public.greeting_report is
  'What became of the greetings of the leads that came in the last days (1 to 31; of the newest 10,000): {days, leads, arrived, read: of those, under_way (waiting ones too), '
  'failed, skipped: [{reason, leads}], the commonest first}. The rest was not wanted to be greeted. Members. Raises PT404.';
grant execute on function private.list_templates, public.list_templates, private.template_prices, public.template_prices,
  private.greeting_report, public.greeting_report to authenticated;
