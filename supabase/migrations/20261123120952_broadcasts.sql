-- 952_broadcasts.sql: one template to many people: who gets it, what it may cost, and how it is started and stopped. 953_broadcast_sending.sql sends it.

------------------------------------------------------------------------------------------------
-- Tables
------------------------------------------------------------------------------------------------
create table public.broadcasts (
  org_id        uuid not null references public.organizations (id) on delete restrict,
  id            uuid not null default gen_random_uuid(),
  name          text not null,
  state         text not null default 'draft',
  number_id     uuid not null,
  template_name text not null,
  language      text not null,
  mapping       jsonb not null default '{}',
  category      text not null,
  filter        jsonb not null default '{}',
  total         int not null default 0,
  created_by    uuid,
  client_token  uuid,
  created_at    timestamptz not null default now(),
  starts_at     timestamptz,
  next_at       timestamptz not null default now(),
  released_at   timestamptz,
  waits_for     text,
  paused_for    text,
  paused_reason text,
  paused_at     timestamptz,
  ended_at      timestamptz,
  primary key (org_id, id),
  constraint broadcast_is_from_a_number_of_its_organization foreign key (org_id, number_id)
    references public.whatsapp_numbers (org_id, id) on delete restrict,
  constraint broadcast_name_has_1_to_120_characters check (length(name) between 1 and 120),
  constraint broadcast_state_is_known check (state in ('draft', 'running', 'paused', 'done', 'cancelled')),
  constraint broadcast_filter_is_an_object check (jsonb_typeof(filter) = 'object'),
  constraint broadcast_pause_has_a_reason check (
    (state = 'paused') = (paused_for is not null) and num_nonnulls(paused_for, paused_reason, paused_at) in (0, 3)
    and paused_for in ('person', 'template', 'category', 'number', 'spending', 'error')),
  constraint broadcast_has_ended_when_it_is_over check ((state in ('done', 'cancelled')) = (ended_at is not null)),
  constraint broadcast_runs_from_a_moment check (state in ('draft', 'cancelled') or starts_at is not null)
);
comment on table public.broadcasts is 'One template to a filtered audience: draft → running ⇄ paused → done, or cancelled. Locked before its recipients.';
comment on column public.broadcasts.org_id is 'The organization.';
comment on column public.broadcasts.id is 'Flow''s id.';
comment on column public.broadcasts.name is 'What members call it; recipients never see it.';
comment on column public.broadcasts.state is 'draft, running (also while it waits for its moment, see waits_for), paused, done (nothing is left to send) or cancelled.';
comment on column public.broadcasts.number_id is 'The number that sends.';
comment on column public.broadcasts.template_name is 'The template.';
comment on column public.broadcasts.language is 'The template''s language.';
comment on column public.broadcasts.mapping is 'Where its values come from, as in greeting_rules.mapping: fields of the contact and of the newest lead.';
comment on column public.broadcasts.category is 'The template''s category that was accepted; another one pauses the broadcast, because the price changes with it.';
comment on column public.broadcasts.filter is 'Who was meant, as private.broadcast_audience takes it; recipients are fixed at the start.';
comment on column public.broadcasts.total is 'People in the audience at the start, those who were skipped at once included; fewer when two turn out to be one.';
comment on column public.broadcasts.created_by is 'The member who made it. No foreign key: it outlives their membership.';
comment on column public.broadcasts.client_token is 'The maker''s own id of the request: the same token twice is one broadcast.';
comment on column public.broadcasts.created_at is 'When it was made.';
comment on column public.broadcasts.starts_at is 'Not before this; null while a draft.';
comment on column public.broadcasts.next_at is 'When the sweep looks at it again.';
comment on column public.broadcasts.released_at is 'When it last put messages into the outbox; who has waited longest comes first.';
comment on column public.broadcasts.waits_for is 'Why nothing leaves at the moment though it runs (quiet hours, Meta''s daily limit), in words; null: it goes.';
comment on column public.broadcasts.paused_for is
  'person (a member), template (not approved any more), category (its price class changed), number (paused or disconnected), spending (wallet or cap), error.';
comment on column public.broadcasts.paused_reason is 'Why it is paused, in words.';
comment on column public.broadcasts.paused_at is 'Since when.';
comment on column public.broadcasts.ended_at is 'When it was done or cancelled.';
create index broadcasts_newest on public.broadcasts (org_id, created_at desc, id desc);
create index broadcasts_number on public.broadcasts (org_id, number_id);
create index broadcasts_due on public.broadcasts (next_at) where state = 'running';
create unique index broadcast_client_token_is_unique_in_organization on public.broadcasts (org_id, client_token) where client_token is not null;
alter table public.broadcasts enable row level security;
create policy "Members see their organization's broadcasts" on public.broadcasts
  for select to authenticated using (org_id = any (array(select private.my_org_ids())));
grant select on public.broadcasts to authenticated;

create table public.broadcast_recipients (
  org_id       uuid not null,
  broadcast_id uuid not null,
  contact_id   uuid not null,
  outcome      text not null default 'waiting',
  reason       text,
  words        text,
  message_id   bigint,
  attempt      int not null default 0,
  replied_at   timestamptz,
  primary key (org_id, broadcast_id, contact_id),
  constraint recipient_is_of_a_broadcast foreign key (org_id, broadcast_id) references public.broadcasts (org_id, id) on delete cascade,
  constraint recipient_is_a_contact_of_its_organization foreign key (org_id, contact_id) references public.contacts (org_id, id) on delete cascade,
  constraint recipient_got_a_message_of_its_organization foreign key (org_id, message_id)
    references public.messages (org_id, id) on delete set null (message_id),
  constraint recipient_outcome_is_known check (outcome in ('waiting', 'queued', 'uncertain', 'sent', 'delivered', 'read', 'failed', 'skipped')),
  constraint recipient_is_skipped_for_a_reason check (
    (outcome = 'skipped') = (reason is not null) and reason in ('no_number', 'opted_out', 'duplicate', 'values', 'cancelled')),
  constraint recipient_attempts_are_counted check (attempt >= 0)
) with (fillfactor = 80);
comment on table public.broadcast_recipients is 'The audience of a broadcast as it was at the start, and what became of each; one row a person, so that nobody gets it twice.';
comment on column public.broadcast_recipients.org_id is 'The organization.';
comment on column public.broadcast_recipients.broadcast_id is 'The broadcast.';
comment on column public.broadcast_recipients.contact_id is 'The person.';
comment on column public.broadcast_recipients.outcome is
  'waiting (not in the outbox), queued (in it), uncertain (Meta''s answer was lost: a person decides), sent, delivered, read, failed, or skipped. Follows the message.';
comment on column public.broadcast_recipients.reason is 'Skipped: no_number, opted_out, duplicate (another contact has the same number), values (the template lacks one) or cancelled.';
comment on column public.broadcast_recipients.words is 'Why they were skipped or wait again, in words; null otherwise.';
comment on column public.broadcast_recipients.message_id is 'The message; null while there is none.';
comment on column public.broadcast_recipients.attempt is 'How often a queued message was taken back before it left: by a pause, a cap, a disconnect.';
comment on column public.broadcast_recipients.replied_at is 'When they first wrote within seven days of it.';
create index broadcast_recipients_outcome on public.broadcast_recipients (org_id, broadcast_id, outcome, contact_id);
create index broadcast_recipients_replied on public.broadcast_recipients (org_id, broadcast_id, contact_id) where replied_at is not null;
create index broadcast_recipients_contact on public.broadcast_recipients (org_id, contact_id);
create index broadcast_recipients_message on public.broadcast_recipients (org_id, message_id);
alter table public.broadcast_recipients enable row level security;
create policy "Members see who their organization's broadcasts are for" on public.broadcast_recipients
  for select to authenticated using (org_id = any (array(select private.my_org_ids())));
grant select on public.broadcast_recipients to authenticated;

------------------------------------------------------------------------------------------------
-- Making one
------------------------------------------------------------------------------------------------
create function private.read_broadcast(org_id uuid, given jsonb) returns public.broadcasts
  language plpgsql stable security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_new    public.broadcasts;
  v_number public.whatsapp_numbers;
begin
  perform private.known_fields(given, 'broadcast', array['name', 'template', 'language', 'mapping', 'params', 'number', 'filter']);
  v_new.org_id := read_broadcast.org_id;
  v_new.name := btrim(private.text_field(given, 'name', 'broadcast', 120));
  v_new.template_name := private.text_field(given, 'template', 'broadcast', 512);
  v_new.language := coalesce(private.text_field(given, 'language', 'broadcast', 20, false), 'en');
  v_new.mapping := private.greeting_mapping(coalesce(nullif(given -> 'mapping', 'null'), nullif(given -> 'params', 'null'), '[]'));
  v_new.filter := coalesce(nullif(given -> 'filter', 'null'), '{}');
  perform private.known_audience(v_new.filter);
  v_number := private.sending_number(read_broadcast.org_id, private.text_field(given, 'number', 'broadcast', 40, false));
  v_new.number_id := v_number.id;
  -- The same checks as a send, with every field empty.
  perform private.template_message(v_new.org_id, v_number.account_id, v_new.template_name, v_new.language,
    private.fill_template(v_new.org_id, v_number.account_id, v_new.template_name, v_new.language, private.plain_mapping(v_new.mapping), null, null),
    v_number.phone_number_id);
  select t.category into v_new.category from public.message_templates t
   where t.org_id = v_new.org_id and t.account_id = v_number.account_id and t.name = v_new.template_name and t.language = v_new.language;
  return v_new;
end;
$$;
comment on function private.read_broadcast is
  'A broadcast as given: {name, template, language, mapping or params: [field], number: phone number id, filter}, checked as a send would be. Raises PT409 number_not_connected, PT422.';

create function private.find_broadcast(org_id uuid, broadcast_id uuid) returns public.broadcasts
  language plpgsql stable security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_found public.broadcasts;
begin
  select b.* into v_found from public.broadcasts b where b.org_id = find_broadcast.org_id and b.id = find_broadcast.broadcast_id;
  if not found then
    raise sqlstate 'PT404' using message = 'There is no such broadcast', detail = 'broadcast_unknown', hint = 'Reload the list.';
  end if;
  return v_found;
end;
$$;
comment on function private.find_broadcast is 'One broadcast of an organization. Raises PT404 broadcast_unknown.';

create function private.work_out_broadcast(org_id uuid, broadcast jsonb, broadcast_id uuid) returns jsonb
  language plpgsql stable security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_plan   public.broadcasts;
  v_number public.whatsapp_numbers;
  v_limit  int;
  v_whole  record;
  v_wallet public.wallets;
  v_day    date := private.india_day(now());
begin
  v_plan := case when broadcast_id is not null then private.find_broadcast(work_out_broadcast.org_id, broadcast_id)
                 else private.read_broadcast(work_out_broadcast.org_id, broadcast) end;
  select n.* into v_number from public.whatsapp_numbers n where n.org_id = v_plan.org_id and n.id = v_plan.number_id;
  select a.messaging_limit into v_limit from public.whatsapp_accounts a where a.org_id = v_plan.org_id and a.id = v_number.account_id;
  with audience as materialized (
    select a.* from private.broadcast_audience(v_plan.org_id, v_plan.filter) a
  ), grouped as materialized (
    -- One price for each market and each way in which Meta may let it be free.
    select k.market, k.is_open, k.is_led, count(*) as messages, (array_agg(k.contact_id))[1] as contact_id, (array_agg(k.conversation_id))[1] as conversation_id
      from (select c.id as contact_id, v.id as conversation_id, coalesce(private.market_of_phone(coalesce(c.wa_id, c.phone)), left(c.user_id, 2)) as market,
                   coalesce(v.window_expires_at > now(), false) as is_open,
                   coalesce((v.referral #>> '{latest,at}')::bigint > extract(epoch from now())::bigint - 72 * 3600
                     or exists (select from public.conversation_windows w where w.org_id = v.org_id and w.conversation_id = v.id
                                   and w.kind = 'entry_point' and w.closes_at > now()), false) as is_led
              from audience a
              join public.contacts c on c.org_id = v_plan.org_id and c.id = a.contact_id
              left join public.conversations v on (v.org_id, v.number_id, v.contact_id) = (c.org_id, v_plan.number_id, c.id)
             where a.reason is null) k
     group by 1, 2, 3
  ), priced as materialized (
    select g.*, private.estimate_one(v_plan.org_id, v_plan.number_id, g.contact_id, g.conversation_id, lower(v_plan.category)) as e from grouped g)
  select (select jsonb_build_object('audience', count(*), 'recipients', count(*) filter (where a.reason is null),
                   'no_number', count(*) filter (where a.reason = 'no_number'), 'opted_out', count(*) filter (where a.reason = 'opted_out'),
                   'duplicate', count(*) filter (where a.reason = 'duplicate')) from audience a) as counts,
         coalesce(sum(p.messages), 0) as messages, coalesce(sum(p.messages) filter (where not p.is_open), 0) as outside,
         coalesce(sum(p.messages) filter (where (p.e).reason is not null), 0) as unknown, min((p.e).currency) as currency,
         coalesce(sum(p.messages * ((p.e).meta_low + (p.e).markup_low)), 0) as low, coalesce(sum(p.messages * ((p.e).meta_high + (p.e).markup_high)), 0) as high,
         coalesce(sum(p.messages * (p.e).billed_low), 0) as billed_low, coalesce(sum(p.messages * (p.e).billed_high), 0) as billed_high,
         (select coalesce(jsonb_agg(jsonb_build_object('market', m.market, 'messages', m.messages, 'low', round(m.low, 6)::text, 'high', round(m.high, 6)::text,
                                                       'words', private.estimate_words(m.reason)) order by m.messages desc, m.market), '[]')
            from (select (q.e).market as market, (q.e).reason as reason, sum(q.messages) as messages,
                         sum(q.messages * ((q.e).meta_low + (q.e).markup_low)) as low, sum(q.messages * ((q.e).meta_high + (q.e).markup_high)) as high
                    from priced q group by 1, 2) m) as markets
    into v_whole from priced p;
  select w.* into v_wallet from public.wallets w where w.org_id = v_plan.org_id;
  return v_whole.counts || jsonb_build_object('category', v_plan.category, 'currency', v_whole.currency, 'markets', v_whole.markets,
    'low', round(v_whole.low, 6)::text, 'high', round(v_whole.high, 6)::text, 'unknown', v_whole.unknown,
    'billed_low', round(v_whole.billed_low, 6)::text, 'billed_high', round(v_whole.billed_high, 6)::text,
    'fits_wallet', case when v_wallet.is_prepaid then v_wallet.allow_negative or v_whole.unknown = 0 and v_whole.billed_high <= v_wallet.balance - v_wallet.held end,
    'fits_daily_cap', case when v_wallet.daily_cap is not null
      then v_whole.unknown = 0 and private.spent(v_plan.org_id, v_day) + v_whole.high <= v_wallet.daily_cap end,
    'fits_monthly_cap', case when v_wallet.monthly_cap is not null
      then v_whole.unknown = 0 and private.spent(v_plan.org_id, date_trunc('month', v_day::timestamp)::date) + v_whole.high <= v_wallet.monthly_cap end,
    'daily_limit', v_limit, 'days', case when v_limit > 0 then greatest(1, ceil(v_whole.outside / private.broadcast_share(v_limit))::int) else 1 end,
    'minutes', ceil(v_whole.messages / private.broadcast_pace(v_number.messages_per_second) / 60)::int);
end;
$$;
comment on function private.work_out_broadcast is 'What public.preview_broadcast tells. Asks nobody''s leave: callers do.';
create function private.preview_broadcast(org_id uuid, broadcast jsonb, broadcast_id uuid) returns jsonb
  language plpgsql stable security definer set search_path = ''
as $$
begin
  perform private.require_role(preview_broadcast.org_id, 'agent');
  return private.work_out_broadcast(preview_broadcast.org_id, preview_broadcast.broadcast, preview_broadcast.broadcast_id);
end;
$$;
comment on function private.preview_broadcast is 'public.preview_broadcast behind its door.';
create function public.preview_broadcast(org_id uuid, broadcast jsonb default null, broadcast_id uuid default null) returns jsonb
  language sql stable set search_path = ''
begin atomic
  select private.preview_broadcast(org_id, broadcast, broadcast_id);
end;
comment on function public.preview_broadcast is
  'What a broadcast, stored (broadcast_id) or as given, would come to now: {audience, recipients, no_number, opted_out, duplicate, category, currency, low, high, '
  'billed_low, billed_high (text, before GST), unknown: messages of no known price, markets: [{market, messages, low, high, words}], fits_wallet, fits_daily_cap, '
  'fits_monthly_cap (null: none), daily_limit: Meta''s, days, minutes: how long it takes at least}. Members. Raises PT404, PT409, PT422.';
grant execute on function private.preview_broadcast, public.preview_broadcast to authenticated;

create function private.create_broadcast(org_id uuid, broadcast jsonb, client_token uuid) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_new public.broadcasts;
begin
  perform private.require_role(create_broadcast.org_id, 'admin');
  v_new := private.read_broadcast(create_broadcast.org_id, broadcast);
  -- The filter is read once, so that what it cannot mean is told now.
  perform from private.broadcast_audience(v_new.org_id, v_new.filter) a limit 1;
  insert into public.broadcasts (org_id, name, number_id, template_name, language, mapping, category, filter, created_by, client_token)
  values (v_new.org_id, v_new.name, v_new.number_id, v_new.template_name, v_new.language, v_new.mapping, v_new.category, v_new.filter, auth.uid(),
          create_broadcast.client_token)
  on conflict (org_id, client_token) where client_token is not null do nothing
  returning * into v_new;
  if not found then
    select b.* into v_new from public.broadcasts b where b.org_id = create_broadcast.org_id and b.client_token = create_broadcast.client_token;
  else
    perform private.audit(v_new.org_id, 'broadcast.created', 'broadcast', v_new.id::text, jsonb_build_object('template', v_new.template_name));
  end if;
  return private.broadcast_shown(v_new.org_id, v_new.id);
end;
$$;
comment on function private.create_broadcast is 'public.create_broadcast behind its door.';
create function public.create_broadcast(org_id uuid, broadcast jsonb, client_token uuid default null) returns jsonb
  language sql volatile set search_path = ''
begin atomic
  select private.create_broadcast(org_id, broadcast, client_token);
end;
comment on function public.create_broadcast is
  'Makes a draft: {name, template, language, mapping: {header, body, buttons} or params: [field], number: phone number id or null for the first, filter}; the same '
  'client_token again gives the same one. Admins. Returns the broadcast as public.list_broadcasts. Raises PT403, PT404, PT409 number_not_connected, PT422.';
grant execute on function private.create_broadcast, public.create_broadcast to authenticated;

------------------------------------------------------------------------------------------------
-- Starting and stopping
------------------------------------------------------------------------------------------------
create function private.steer_broadcast(org_id uuid, broadcast_id uuid, step text, send_at timestamptz default null) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_broadcast public.broadcasts;
  v_obstacle  record;
  v_new       public.broadcasts;
  v_people    uuid[];
  v_reasons   text[];
begin
  perform private.find_broadcast(steer_broadcast.org_id, broadcast_id);
  select b.* into v_broadcast from public.broadcasts b
   where b.org_id = steer_broadcast.org_id and b.id = steer_broadcast.broadcast_id for no key update;
  if v_broadcast.state <> all (case step when 'start' then '{draft}' when 'pause' then '{running}' when 'resume' then '{paused}'
                                         when 'cancel' then '{draft,running,paused}' end::text[]) then
    raise sqlstate 'PT409' using message = format('The broadcast is %s', v_broadcast.state), detail = 'broadcast_' || v_broadcast.state, hint = 'Reload the list.';
  end if;
  v_new := v_broadcast;
  if step in ('start', 'resume') then
    select * into v_obstacle from private.broadcast_obstacle(v_broadcast);
    if v_obstacle.kind = 'category' and step = 'resume' then
      select t.category into v_new.category from public.message_templates t join public.whatsapp_numbers n on (n.org_id, n.account_id) = (t.org_id, t.account_id)
       where n.org_id = v_broadcast.org_id and n.id = v_broadcast.number_id and t.name = v_broadcast.template_name and t.language = v_broadcast.language;
    elsif v_obstacle.kind is not null then
      raise sqlstate 'PT409' using message = v_obstacle.words, detail = v_obstacle.kind || '_in_the_way',
        hint = case v_obstacle.kind when 'category' then 'Look at the price, and make the broadcast anew.' else 'Remove the cause first.' end;
    end if;
  end if;
  case step
  when 'start' then
    if send_at is not null then
      perform private.require_send_at(send_at);
    end if;
    select array_agg(a.contact_id), array_agg(a.reason) into v_people, v_reasons from private.broadcast_audience(v_broadcast.org_id, v_broadcast.filter) a;
    if array_position(v_reasons, null) is null then
      raise sqlstate 'PT422' using message = 'Nobody would get this broadcast', detail = 'audience_empty', hint = 'Look at the preview: it counts who is skipped, and why.';
    elsif cardinality(v_people) > 50000 then
      raise sqlstate 'PT422' using message = format('%s people are more than a broadcast takes: 50,000', cardinality(v_people)), detail = 'audience_too_large',
        hint = 'Narrow the filter: by source, by place or by when they came.';
    end if;
    -- Contacts are held, in their order, so that none is merged away in between.
    with held as materialized (
      select c.id from public.contacts c where c.org_id = v_broadcast.org_id and c.id = any (v_people) order by c.id for key share)
    insert into public.broadcast_recipients (org_id, broadcast_id, contact_id, outcome, reason)
    select v_broadcast.org_id, v_broadcast.id, h.id, case when a.reason is null then 'waiting' else 'skipped' end, a.reason
      from held h join unnest(v_people, v_reasons) a (id, reason) on a.id = h.id;
    get diagnostics v_new.total = row_count;
    v_new.starts_at := coalesce(send_at, now());
    v_new.next_at := v_new.starts_at;
    v_new.state := 'running';
  when 'pause' then
    perform private.pause_broadcast(v_broadcast.org_id, v_broadcast.id, 'person', 'A member paused it');
    return private.broadcast_shown(v_broadcast.org_id, v_broadcast.id);
  when 'resume' then
    v_new.next_at := greatest(v_broadcast.starts_at, now());
    v_new.state := 'running';
  when 'cancel' then
    update public.broadcast_recipients r set outcome = 'skipped', reason = 'cancelled'
     where r.org_id = v_broadcast.org_id and r.broadcast_id = v_broadcast.id and r.outcome = 'waiting';
    v_new.state := 'cancelled';
    v_new.ended_at := now();
  end case;
  update public.broadcasts b
     set state = v_new.state, category = v_new.category, total = v_new.total, starts_at = v_new.starts_at, next_at = v_new.next_at, ended_at = v_new.ended_at,
         waits_for = null, paused_for = null, paused_reason = null, paused_at = null
   where b.org_id = v_broadcast.org_id and b.id = v_broadcast.id
  returning b.* into v_new;
  perform private.audit(v_new.org_id, 'broadcast.' || case step when 'start' then 'started' when 'resume' then 'resumed' else 'cancelled' end, 'broadcast', v_new.id::text,
                        jsonb_build_object('total', v_new.total, 'category', v_new.category));
  return private.broadcast_shown(v_new.org_id, v_new.id);
end;
$$;
comment on function private.steer_broadcast is
  'start (fixes the recipients), pause, resume (accepts the template as it is now, price class included) or cancel. Returns the broadcast. Raises PT404 broadcast_unknown, '
  'PT409 broadcast_<state>, number_in_the_way, template_in_the_way, category_in_the_way, PT422 audience_empty, audience_too_large (50,000), send_at_….';

create function private.steer_my_broadcast(org_id uuid, broadcast_id uuid, step text, send_at timestamptz default null) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
begin
  perform private.require_role(steer_my_broadcast.org_id, 'admin');
  return private.steer_broadcast(steer_my_broadcast.org_id, steer_my_broadcast.broadcast_id, steer_my_broadcast.step, steer_my_broadcast.send_at);
end;
$$;
comment on function private.steer_my_broadcast is 'private.steer_broadcast for an admin.';
create function public.start_broadcast(org_id uuid, broadcast_id uuid, send_at timestamptz default null) returns jsonb
  language sql volatile set search_path = ''
begin atomic
  select private.steer_my_broadcast(org_id, broadcast_id, 'start', send_at);
end;
comment on function public.start_broadcast is 'Starts a draft, at once or at a moment in the coming 90 days, never in quiet hours; its recipients are fixed now. Admins. Returns it as public.list_broadcasts. Raises PT403, PT404, PT409, PT422.';
create function public.pause_broadcast(org_id uuid, broadcast_id uuid) returns jsonb
  language sql volatile set search_path = ''
begin atomic
  select private.steer_my_broadcast(org_id, broadcast_id, 'pause');
end;
comment on function public.pause_broadcast is 'Pauses a running broadcast at once: what it has in the outbox does not leave either. Admins. Returns it as public.list_broadcasts. Raises PT403, PT404, PT409, PT422.';
create function public.resume_broadcast(org_id uuid, broadcast_id uuid) returns jsonb
  language sql volatile set search_path = ''
begin atomic
  select private.steer_my_broadcast(org_id, broadcast_id, 'resume');
end;
comment on function public.resume_broadcast is 'Lets a paused broadcast go on, and accepts its template as it is now, price class included. Admins. Returns it as public.list_broadcasts. Raises PT403, PT404, PT409, PT422.';
create function public.cancel_broadcast(org_id uuid, broadcast_id uuid) returns jsonb
  language sql volatile set search_path = ''
begin atomic
  select private.steer_my_broadcast(org_id, broadcast_id, 'cancel');
end;
comment on function public.cancel_broadcast is 'Ends a broadcast for good; who has not got it is skipped. Admins. Returns it as public.list_broadcasts. Raises PT403, PT404, PT409, PT422.';
grant execute on function private.steer_my_broadcast, public.start_broadcast, public.pause_broadcast, public.resume_broadcast, public.cancel_broadcast to authenticated;
