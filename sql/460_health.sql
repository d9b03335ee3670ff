-- 460_health.sql: how each WhatsApp account and number stands at Meta: looked at every hour, told in words with what to do.

------------------------------------------------------------------------------------------------
-- Findings
------------------------------------------------------------------------------------------------
create table public.whatsapp_health (
  org_id     uuid not null,
  id         uuid not null default gen_random_uuid(),
  account_id uuid not null,
  number_id  uuid,
  kind       text not null,
  level      text not null,
  words      text not null,
  remedy     text not null,
  since      timestamptz not null default now(),
  checked_at timestamptz not null default now(),
  primary key (org_id, id),
  constraint finding_is_of_an_account_of_its_organization foreign key (org_id, account_id)
    references public.whatsapp_accounts (org_id, id) on delete cascade,
  constraint finding_is_of_a_number_of_its_organization foreign key (org_id, number_id)
    references public.whatsapp_numbers (org_id, id) on delete cascade,
  constraint finding_is_told_once unique nulls not distinct (org_id, account_id, number_id, kind),
  constraint finding_level_is_known check (level in ('warning', 'problem')),
  constraint finding_kind_is_a_slug check (kind ~ '^[a-z][a-z0-9_]{0,62}$')
);
comment on table public.whatsapp_health is 'What is wrong with a WhatsApp account or number now, for the settings page. What is well again has no row.';
comment on column public.whatsapp_health.org_id is 'The organization.';
comment on column public.whatsapp_health.id is 'The finding.';
comment on column public.whatsapp_health.account_id is 'The account.';
comment on column public.whatsapp_health.number_id is 'The number; null: the whole account.';
comment on column public.whatsapp_health.kind is 'What it is about, once for each account or number: access, subscription, quality, currency, silence, …';
comment on column public.whatsapp_health.level is 'warning: something may stop soon. problem: messages are not sent or not received.';
comment on column public.whatsapp_health.words is 'What is wrong, for people.';
comment on column public.whatsapp_health.remedy is 'What to do about it.';
comment on column public.whatsapp_health.since is 'Since when it has been on this level.';
comment on column public.whatsapp_health.checked_at is 'When it was last found so.';
create index whatsapp_health_since on public.whatsapp_health (since);
create index whatsapp_health_number on public.whatsapp_health (org_id, number_id);
alter table public.whatsapp_health enable row level security;
create policy "Members see what is wrong with their WhatsApp" on public.whatsapp_health
  for select to authenticated using (org_id = any (array(select private.my_org_ids())));
grant select on public.whatsapp_health to authenticated;

create function private.note_health(org_id uuid, account_id uuid, number_id uuid, kind text, level text, words text, remedy text) returns void
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
begin
  if note_health.level = 'ok' then
    delete from public.whatsapp_health h
     where h.org_id = note_health.org_id and h.account_id = note_health.account_id
       and h.number_id is not distinct from note_health.number_id and h.kind = note_health.kind;
    return;
  end if;
  insert into public.whatsapp_health as h (org_id, account_id, number_id, kind, level, words, remedy)
  values (note_health.org_id, note_health.account_id, note_health.number_id, note_health.kind, note_health.level,
          left(note_health.words, 500), left(coalesce(note_health.remedy, 'Look at the account in WhatsApp Manager.'), 500))
  on conflict on constraint finding_is_told_once do update
    set level = excluded.level, words = excluded.words, remedy = excluded.remedy, checked_at = now(),
        since = case when h.level = excluded.level then h.since else now() end;
end;
$$;
comment on function private.note_health is
  'Notes one finding about an account, or (number_id) one of its numbers: level warning or problem, words, remedy; ok clears that kind.';

------------------------------------------------------------------------------------------------
-- When to look
------------------------------------------------------------------------------------------------
create table private.account_checks (
  org_id          uuid not null,
  account_id      uuid not null,
  next_at         timestamptz not null default now() + interval '1 minute',
  watch_at        timestamptz not null default now() + interval '10 minutes',
  lease           uuid,
  checked_at      timestamptz,
  failures        int not null default 0,
  resubscribed_at timestamptz,
  token_ends_at   timestamptz,
  primary key (org_id, account_id),
  constraint check_is_of_an_account_of_its_organization foreign key (org_id, account_id)
    references public.whatsapp_accounts (org_id, id) on delete cascade
);
comment on table private.account_checks is 'When each connected account is looked at next; one worker at a time.';
comment on column private.account_checks.org_id is 'The organization.';
comment on column private.account_checks.account_id is 'The account.';
comment on column private.account_checks.next_at is 'When it is due at Meta; while leased, when the lease runs out.';
comment on column private.account_checks.watch_at is 'When its numbers'' silence is looked at next.';
comment on column private.account_checks.lease is 'Set while a worker has it.';
comment on column private.account_checks.checked_at is 'When Meta last answered in full.';
comment on column private.account_checks.failures is 'Checks in a row that Meta did not answer.';
comment on column private.account_checks.resubscribed_at is 'When Flow last renewed a subscription that was gone: once a day at most.';
comment on column private.account_checks.token_ends_at is 'When the token or the access to data ends, whichever is first; null: never.';
create index account_checks_due on private.account_checks (next_at);
create index account_checks_watched on private.account_checks (watch_at);
alter table private.account_checks enable row level security;

create table private.number_pulses (
  org_id        uuid not null,
  number_id     uuid not null,
  heard_at      timestamptz,
  longest_gap   interval,
  waiting_since timestamptz,
  since         timestamptz not null default now(),
  primary key (org_id, number_id),
  constraint pulse_is_of_a_number foreign key (org_id, number_id)
    references public.whatsapp_numbers (org_id, id) on delete cascade
);
comment on table private.number_pulses is 'How regularly Meta is heard about a number: enough to notice that it fell silent.';
comment on column private.number_pulses.org_id is 'The organization.';
comment on column private.number_pulses.number_id is 'The number.';
comment on column private.number_pulses.heard_at is 'The newest webhook at the last look.';
comment on column private.number_pulses.longest_gap is 'The longest pause between two looks that had heard something; an old one counts half as much every two weeks.';
comment on column private.number_pulses.waiting_since is 'When something was sent after which nothing at all was heard; null: nothing waits.';
comment on column private.number_pulses.since is 'Since when the number is watched.';
alter table private.number_pulses enable row level security;

create function private.check_soon(org_id uuid, account_id uuid) returns void
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
begin
  insert into private.account_checks as k (org_id, account_id, next_at) values (check_soon.org_id, check_soon.account_id, now())
  on conflict (org_id, account_id) do update set next_at = now(), lease = null, resubscribed_at = null;
end;
$$;
comment on function private.check_soon is 'Has an account looked at now; a subscription that is gone may be renewed again.';

create function private.tg_whatsapp_accounts__is_looked_at() returns trigger
  language plpgsql volatile security definer set search_path = ''
as $$
begin
  if new.status = 'connected' then
    insert into private.account_checks as k (org_id, account_id) values (new.org_id, new.id)
    on conflict (org_id, account_id) do update
      set next_at = excluded.next_at, lease = null, failures = 0, resubscribed_at = null, token_ends_at = null;
    delete from public.whatsapp_health h
     where h.org_id = new.org_id and h.account_id = new.id and h.number_id is null
       and h.kind in ('access', 'token_end', 'permissions', 'subscription', 'check');
  elsif new.status = 'disconnected' then
    delete from private.account_checks k where k.org_id = new.org_id and k.account_id = new.id;
    delete from public.whatsapp_health h where h.org_id = new.org_id and h.account_id = new.id;
  end if;
  return null;
end;
$$;
comment on function private.tg_whatsapp_accounts__is_looked_at is
  'A connected account is looked at a minute later, and its access counts as mended; of a disconnected one nothing is found any more.';
create trigger whatsapp_accounts_are_looked_at after insert or update of status, credential_id on public.whatsapp_accounts
  for each row execute function private.tg_whatsapp_accounts__is_looked_at();

------------------------------------------------------------------------------------------------
-- Silence
------------------------------------------------------------------------------------------------
create function private.watch_numbers(org_id uuid, account_id uuid) returns void
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  r         record;
  v_gap     interval;
  v_longest interval;
  v_waits   timestamptz;
  v_mute    boolean;
begin
  for r in
    select n.org_id, n.id, n.account_id, n.heard_at, n.connected_at, b.refilled_at as sent_at,
           p.number_id is not null as is_known, p.heard_at as known_at, p.longest_gap, p.waiting_since, p.since
      from public.whatsapp_numbers n
      left join private.number_pulses p on (p.org_id, p.number_id) = (n.org_id, n.id)
      left join private.number_lanes b on (b.org_id, b.number_id) = (n.org_id, n.id)
     where n.org_id = watch_numbers.org_id and n.account_id = watch_numbers.account_id and n.status <> 'disconnected'
     order by n.id
  loop
    v_gap := case when r.heard_at > r.known_at then r.heard_at - r.known_at end;
    v_longest := case when v_gap is null then r.longest_gap
                      else greatest(v_gap, r.longest_gap * power(0.5, extract(epoch from v_gap) / (14 * 86400))::float8) end;
    -- heard_at is noted once a minute: what was sent within that minute may have been heard of.
    v_waits := case when r.sent_at > coalesce(r.heard_at, r.connected_at) + interval '1 minute'
                    then coalesce(case when r.waiting_since > coalesce(r.heard_at, '-infinity') then r.waiting_since end, r.sent_at) end;
    insert into private.number_pulses as p (org_id, number_id, heard_at, longest_gap, waiting_since)
    values (r.org_id, r.id, r.heard_at, v_longest, v_waits)
    on conflict (org_id, number_id) do update
      set heard_at = excluded.heard_at, longest_gap = excluded.longest_gap, waiting_since = excluded.waiting_since
    where (p.heard_at, p.longest_gap, p.waiting_since) is distinct from (excluded.heard_at, excluded.longest_gap, excluded.waiting_since);

    -- What was taken from the outbox may have been refused before it left: among the newest messages, is there one that Meta took?
    v_mute := v_waits < now() - interval '30 minutes' and exists (
      select from (select m.conversation_id, m.direction, m.status, m.sent_at from public.messages m
                    where m.org_id = r.org_id order by m.org_id desc, m.id desc limit 500) m
        join public.conversations c on c.org_id = r.org_id and c.id = m.conversation_id
       where m.direction = 'outbound' and m.status = 'sent' and m.sent_at is null and c.number_id = r.id);
    perform private.note_health(r.org_id, r.account_id, r.id, 'statuses', case when v_mute then 'problem' else 'ok' end,
      'Messages were sent, but for over 30 minutes Meta has told nothing about them.',
      'Look at the app''s webhook in Meta''s dashboard: its address, its fields and its last deliveries.');
    perform private.note_health(r.org_id, r.account_id, r.id, 'silence',
      case when r.since < now() - interval '8 days' and now() - r.heard_at > greatest(interval '6 hours', v_longest * 2) then 'warning' else 'ok' end,
      format('Nothing has been heard from this number for %s hours; until now the longest pause was %s hours.',
             floor(extract(epoch from now() - r.heard_at) / 3600), ceil(extract(epoch from v_longest) / 3600)),
      'Write to the number from a phone. If the message does not appear here, look at the app''s webhook in Meta''s dashboard.');
    perform private.note_health(r.org_id, r.account_id, r.id, 'quiet', case when private.is_unusually_quiet(r.org_id) then 'warning' else 'ok' end,
      'Nothing has been heard for a quarter of an hour, at a time of the day at which this number is never so quiet.',
      'Write to the number from a phone. If the message does not appear here, look at the app''s webhook in Meta''s dashboard.');
  end loop;
end;
$$;
comment on function private.watch_numbers is
  'Notices numbers of an account that fell silent: sends of which Meta tells nothing for 30 minutes, or twice the longest pause of its past '
  'without a word. From two instants that are kept anyway; messages are read (500 at most) only to confirm a suspicion.';

create function private.wake_health() returns void
  language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_account record;
begin
  for v_account in
    select k.org_id, k.account_id from private.account_checks k where k.watch_at <= now()
     order by k.org_id, k.account_id limit 20 for update skip locked
  loop
    update private.account_checks k set watch_at = now() + interval '10 minutes'
     where k.org_id = v_account.org_id and k.account_id = v_account.account_id;
    perform private.watch_numbers(v_account.org_id, v_account.account_id);
  end loop;
  if exists (select from private.account_checks k
               join public.whatsapp_accounts a on (a.org_id, a.id) = (k.org_id, k.account_id)
              where k.next_at <= now() and a.status = 'connected') then
    perform private.wake('health', interval '10 seconds');
  end if;
  if exists (select from private.meta_cleanups c where c.status = 'open' and c.next_at <= now()) then
    perform private.wake('cleanup', interval '5 seconds');
  end if;
end;
$$;
comment on function private.wake_health is
  'Part of the sweep: looks for silent numbers (each account every ten minutes), wakes the jobs health and cleanup when something is due.';

------------------------------------------------------------------------------------------------
-- The check
------------------------------------------------------------------------------------------------
create function worker.claim_health_checks(batch int default 5, lease_seconds int default 180, org_id uuid default null) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_lease    uuid := gen_random_uuid();
  v_accounts jsonb := '[]';
  v_token    text;
  r          record;
begin
  for r in
    select a.org_id, a.id, a.waba_id, a.credential_id, coalesce(k.resubscribed_at < now() - interval '1 day', true) as may_resubscribe
      from private.account_checks k
      join public.whatsapp_accounts a on (a.org_id, a.id) = (k.org_id, k.account_id)
     where a.status = 'connected'
       and (k.next_at <= now()
            -- Asked for by a person: before its time, but not twice at once, nor twice a minute.
            or k.org_id = claim_health_checks.org_id and k.lease is null and coalesce(k.checked_at < now() - interval '1 minute', true))
       and (claim_health_checks.org_id is null or k.org_id = claim_health_checks.org_id)
     order by k.next_at limit claim_health_checks.batch for update of k skip locked
  loop
    begin
      v_token := private.open_credential(r.org_id, r.credential_id, 'health');
    exception when sqlstate 'PT503' then
      update private.account_checks k set next_at = now() + interval '10 minutes' where k.org_id = r.org_id and k.account_id = r.id;
      continue;
    end;
    if v_token is null then
      perform private.ask_reconnect(r.org_id, r.id, 'The access token cannot be read: connect WhatsApp again');
      continue;
    end if;
    update private.account_checks k set lease = v_lease, next_at = now() + make_interval(secs => claim_health_checks.lease_seconds)
     where k.org_id = r.org_id and k.account_id = r.id;
    v_accounts := v_accounts || jsonb_build_object('org_id', r.org_id, 'account_id', r.id, 'waba_id', r.waba_id, 'token', v_token,
                                                   'may_resubscribe', r.may_resubscribe);
  end loop;
  return jsonb_build_object('lease', v_lease, 'accounts', v_accounts);
end;
$$;
comment on function worker.claim_health_checks is
  'Hands out accounts that are due to be looked at, or (org_id) those of one organization before their time: {lease, accounts: [{org_id, '
  'account_id, waba_id, token, may_resubscribe}]}. Each is answered by worker.record_health.';
grant execute on function worker.claim_health_checks to service_role;

create function private.judge_sending(org_id uuid, account_id uuid, number_id uuid, health jsonb) returns void
  language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_can   text := upper(health ->> 'can_send_message');
  v_words text;
  v_cure  text;
begin
  if v_can is null then
    return;
  end if;
  select string_agg(distinct e ->> 'error_description', ' '), string_agg(distinct e ->> 'possible_solution', ' ') into v_words, v_cure
    from jsonb_path_query(health, 'lax $.entities[*].errors[*]') e;
  perform private.note_health(judge_sending.org_id, judge_sending.account_id, judge_sending.number_id, 'sending',
    case v_can when 'BLOCKED' then 'problem' when 'LIMITED' then 'warning' else 'ok' end,
    concat_ws(' ', case v_can when 'BLOCKED' then 'Meta lets nothing be sent.' else 'Meta limits what may be sent.' end, v_words),
    coalesce(v_cure, 'Look at the number''s messaging health in WhatsApp Manager.'));
end;
$$;
comment on function private.judge_sending is 'Meta''s health_status: whether messages can be sent, and its own words when not.';

create function private.judge_account(account public.whatsapp_accounts, said jsonb) returns void
  language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_org      uuid := (account).org_id;
  v_id       uuid := (account).id;
  v_currency text := coalesce(said ->> 'currency', (account).currency);
  v_india    boolean;
  v_verified text := lower(said ->> 'business_verification_status');
  v_review   text := upper(said ->> 'account_review_status');
  v_zone     text := coalesce(private.known_zone(said ->> 'time_zone'), (account).time_zone);
begin
  update public.whatsapp_accounts a
     set name = coalesce(said ->> 'name', a.name), currency = v_currency, time_zone = v_zone,
         business_id = coalesce(said #>> '{owner_business_info,id}', a.business_id),
         review_status = coalesce(v_review, a.review_status)
   where a.org_id = v_org and a.id = v_id
     and (a.name, a.currency, a.time_zone, a.business_id, a.review_status) is distinct from
         (coalesce(said ->> 'name', a.name), v_currency, v_zone, coalesce(said #>> '{owner_business_info,id}', a.business_id),
          coalesce(v_review, a.review_status));
  v_india := coalesce(said ->> 'country' = 'IN', (account).time_zone = 'Asia/Kolkata' or exists (
    select from public.whatsapp_numbers n where n.org_id = v_org and n.account_id = v_id and n.display_phone like '+91%'));
  if v_currency is not null then
    perform private.note_health(v_org, v_id, null, 'currency',
      case when v_currency = 'INR' or not v_india then 'ok' when now() < '2026-12-01 00:00+05:30' then 'warning' else 'problem' end,
      case when now() < '2027-01-01 00:00+05:30'
           then format('The account is billed in %s. A business that Meta bills in India needs an account in INR by 31 December 2026; '
                       'after that Meta delivers nothing from this one.', v_currency)
           else format('The account is billed in %s. Since 1 January 2027 Meta delivers nothing for a business in India from an account '
                       'that is not in INR.', v_currency) end,
      'Make a WhatsApp Business account in INR in WhatsApp Manager, move the number to it, and connect again.');
  end if;
  if v_verified is not null then
    perform private.note_health(v_org, v_id, null, 'business_verification',
      case when v_verified = 'verified' then 'ok' else 'warning' end,
      case when v_verified like 'pending%' then 'Meta has not finished verifying the business; until then it may write to few people a day.'
           when v_verified in ('failed', 'rejected', 'revoked', 'expired') then format('Meta did not verify the business (%s).', v_verified)
           else 'The business is not verified at Meta: it may write to 250 people outside conversations in 24 hours.' end,
      'Verify the business under Security Centre in Meta Business Suite.');
  end if;
  if v_review is not null then
    perform private.note_health(v_org, v_id, null, 'review', case when v_review = 'REJECTED' then 'problem' else 'ok' end,
      'Meta rejected the WhatsApp Business account.', 'Ask for another review in WhatsApp Manager (Business support home).');
  end if;
end;
$$;
comment on function private.judge_account is 'What Meta says of an account, stored and judged: currency, verification, review.';

create function private.judge_number(account public.whatsapp_accounts, number public.whatsapp_numbers, said jsonb) returns void
  language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_org     uuid := (number).org_id;
  v_id      uuid := (number).id;
  v_account uuid := (account).id;
  v_status  text := upper(said ->> 'status');
  v_quality text := upper(said ->> 'quality_rating');
  v_name    text := upper(said ->> 'name_status');
  v_limit   int;
  v_tier    text := upper(coalesce(said ->> 'whatsapp_business_manager_messaging_limit', said ->> 'messaging_limit_tier'));
  v_speed   int  := (said ->> 'messages_per_second')::int;
begin
  if said is null then
    perform private.note_health(v_org, v_account, v_id, 'number', 'problem', 'The number is no longer in this WhatsApp Business account.',
      'Look at the account''s numbers in WhatsApp Manager; connect the number where it is now.');
    return;
  end if;
  update public.whatsapp_numbers n
     set display_phone = coalesce(said ->> 'display_phone_number', n.display_phone), verified_name = coalesce(said ->> 'verified_name', n.verified_name),
         quality_rating = coalesce(v_quality, n.quality_rating), name_status = coalesce(v_name, n.name_status),
         verification_status = coalesce(upper(said ->> 'code_verification_status'), n.verification_status),
         platform_type = coalesce(upper(said ->> 'platform_type'), n.platform_type),
         is_on_phone_app = coalesce((said ->> 'is_on_biz_app')::boolean, n.is_on_phone_app),
         messages_per_second = coalesce(v_speed, n.messages_per_second)
   where n.org_id = v_org and n.id = v_id
     and (n.display_phone, n.verified_name, n.quality_rating, n.name_status, n.verification_status, n.platform_type, n.is_on_phone_app,
          n.messages_per_second) is distinct from
         (coalesce(said ->> 'display_phone_number', n.display_phone), coalesce(said ->> 'verified_name', n.verified_name),
          coalesce(v_quality, n.quality_rating), coalesce(v_name, n.name_status),
          coalesce(upper(said ->> 'code_verification_status'), n.verification_status), coalesce(upper(said ->> 'platform_type'), n.platform_type),
          coalesce((said ->> 'is_on_biz_app')::boolean, n.is_on_phone_app), coalesce(v_speed, n.messages_per_second));
  if v_tier is not null then
    begin
      v_limit := private.read_limit(to_jsonb(v_tier));
      update public.whatsapp_accounts a set messaging_limit = v_limit
       where a.org_id = v_org and a.id = v_account and a.messaging_limit is distinct from v_limit;
    exception when sqlstate 'PT422' then
      null;                                    -- a word that Flow does not know lifts no limit
    end;
  end if;
  perform private.note_health(v_org, v_account, v_id, 'number',
    case when v_status is null or v_status in ('CONNECTED', 'UNKNOWN') then 'ok' when v_status in ('FLAGGED', 'RATE_LIMITED') then 'warning' else 'problem' end,
    case v_status
      when 'FLAGGED' then 'Meta flagged the number: people block or report it, and it will be limited if that goes on.'
      when 'RATE_LIMITED' then 'Meta slows the number down.'
      when 'RESTRICTED' then 'Meta restricted the number: it cannot begin conversations.'
      when 'BANNED' then 'Meta banned the number.'
      when 'PENDING' then 'The number is not registered for sending.'
      else format('The number cannot send: Meta calls it %s.', lower(v_status)) end,
    case v_status when 'PENDING' then 'Connect the number again; that registers it.'
                  else 'Look at the number in WhatsApp Manager, and ask for a review there.' end);
  if v_quality is not null then
    perform private.note_health(v_org, v_account, v_id, 'quality',
      case v_quality when 'RED' then 'problem' when 'YELLOW' then 'warning' else 'ok' end,
      case v_quality when 'RED' then 'The number''s quality is low: many people blocked or reported it.'
                     else 'The number''s quality is falling: some people blocked or reported it.' end,
      'Write only to people who expect it, and less often; the rating follows the last seven days.');
  end if;
  if v_name is not null then
    perform private.note_health(v_org, v_account, v_id, 'name',
      case when v_name = 'DECLINED' then 'problem' when v_name = 'EXPIRED' then 'warning' else 'ok' end,
      case v_name when 'DECLINED' then 'Meta declined the number''s display name.' else 'The approval of the number''s display name ran out.' end,
      'Ask for another display name in WhatsApp Manager.');
  end if;
  perform private.judge_sending(v_org, v_account, v_id, said -> 'health_status');
end;
$$;
comment on function private.judge_number is
  'What Meta says of a number, stored and judged: status, quality, name, sending; null: Meta''s list of the account lacks it.';

create function worker.record_health(org_id uuid, account_id uuid, lease uuid, report jsonb) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_check   private.account_checks;
  v_account public.whatsapp_accounts;
  v_number  public.whatsapp_numbers;
  v_token   jsonb := report -> 'token';
  v_ends    timestamptz;
  v_lacks   text;
  v_failed  boolean := report -> 'failure' is not null and report -> 'failure' <> 'null';
begin
  select k.* into v_check from private.account_checks k
   where k.org_id = record_health.org_id and k.account_id = record_health.account_id and k.lease = record_health.lease for update;
  if not found then
    return jsonb_build_object('recorded', false);
  end if;
  select a.* into v_account from public.whatsapp_accounts a where a.org_id = v_check.org_id and a.id = v_check.account_id and a.status = 'connected';
  if not found then
    update private.account_checks k set lease = null where k.org_id = v_check.org_id and k.account_id = v_check.account_id;
    return jsonb_build_object('recorded', false);
  elsif v_token ->> 'is_valid' = 'false' or report ->> 'access_lost' = 'true' then
    update private.account_checks k set lease = null, checked_at = now() where k.org_id = v_check.org_id and k.account_id = v_check.account_id;
    perform private.ask_reconnect(v_account.org_id, v_account.id, 'Meta says that the access token is no longer valid');
    return jsonb_build_object('recorded', true, 'reconnect', true);
  end if;

  -- The token: how long it lives, and what it may do. Zero is never.
  if v_token is not null then
    v_ends := to_timestamp(least(nullif((v_token ->> 'expires_at')::bigint, 0), nullif((v_token ->> 'data_access_expires_at')::bigint, 0)));
    perform private.note_health(v_account.org_id, v_account.id, null, 'token_end',
      case when v_ends is null or v_ends > now() + interval '14 days' then 'ok' when v_ends > now() + interval '3 days' then 'warning' else 'problem' end,
      format('Meta''s permission for Flow ends on %s.', to_char(v_ends at time zone 'Asia/Kolkata', 'FMDD Month YYYY')),
      'Connect WhatsApp again before that day; nothing is lost by it.');
    select string_agg(s, ' and ' order by s) into v_lacks from unnest(array['whatsapp_business_management', 'whatsapp_business_messaging']) s
     where not coalesce(v_token -> 'scopes', '[]') ? s;
    perform private.note_health(v_account.org_id, v_account.id, null, 'permissions', case when v_lacks is null then 'ok' else 'problem' end,
      format('The access token lacks the permission %s.', v_lacks), 'Connect WhatsApp again and grant both WhatsApp permissions.');
  end if;

  -- The subscription: without it nothing comes in.
  if report ? 'is_subscribed' then
    perform private.note_health(v_account.org_id, v_account.id, null, 'subscription',
      case when report ->> 'is_subscribed' = 'true' then 'ok' when report ->> 'resubscribed' = 'true' then 'warning' else 'problem' end,
      case when report ->> 'resubscribed' = 'true' then 'Meta had stopped telling Flow about this account; Flow subscribed again. Messages of the time between may be missing.'
           else 'Meta does not tell Flow about this account: messages and statuses do not come in.' end,
      'Look who removed the app from the account in WhatsApp Manager; if it happens again, connect WhatsApp again.');
  end if;
  if report -> 'account' is not null then
    perform private.judge_account(v_account, report -> 'account');
  end if;
  if jsonb_typeof(report -> 'numbers') = 'array' then
    for v_number in
      select n.* from public.whatsapp_numbers n
       where n.org_id = v_account.org_id and n.account_id = v_account.id and n.status <> 'disconnected' order by n.id
    loop
      perform private.judge_number(v_account, v_number,
        (select x from jsonb_array_elements(report -> 'numbers') x where x ->> 'id' = v_number.phone_number_id limit 1));
    end loop;
  end if;
  perform private.watch_numbers(v_account.org_id, v_account.id);

  update private.account_checks k
     set lease = null, token_ends_at = case when v_token is not null then v_ends else k.token_ends_at end,
         failures = case when v_failed then k.failures + 1 else 0 end,
         checked_at = case when v_failed then k.checked_at else now() end,
         resubscribed_at = case when report ->> 'resubscribed' = 'true' then now() else k.resubscribed_at end,
         next_at = now() + (case when v_failed then interval '10 minutes' else interval '1 hour' end) * (0.75 + random() / 2)
   where k.org_id = v_check.org_id and k.account_id = v_check.account_id
  returning k.* into v_check;
  perform private.note_health(v_account.org_id, v_account.id, null, 'check', case when v_check.failures < 3 then 'ok' else 'warning' end,
    concat_ws(' ', 'Meta does not answer questions about this account.', report #>> '{failure,words}'), 'Nothing, unless it lasts: Flow asks again every ten minutes.');
  return jsonb_build_object('recorded', true, 'reconnect', false);
end;
$$;
comment on function worker.record_health is
  'Records what Meta said of an account: {token?: {is_valid, expires_at, data_access_expires_at, scopes}, is_subscribed?, resubscribed?, '
  'account?, numbers?: as Meta gives them, messages_per_second worked out, access_lost?: Meta refused the token, failure?: {words}}. '
  'Returns {recorded, reconnect}.';
grant execute on function worker.record_health to service_role;

------------------------------------------------------------------------------------------------
-- Telling it
------------------------------------------------------------------------------------------------
create function private.whatsapp_status(org_id uuid) returns jsonb
  language plpgsql stable security definer set search_path = ''
as $$
begin
  perform private.require_role(whatsapp_status.org_id, 'agent');
  return jsonb_build_object('accounts', (
    select coalesce(jsonb_agg(jsonb_build_object(
      'account_id', a.id, 'waba_id', a.waba_id, 'name', a.name, 'status', a.status, 'status_reason', a.status_reason,
      'currency', a.currency, 'time_zone', a.time_zone, 'messaging_limit', a.messaging_limit, 'review_status', a.review_status,
      'connected_at', a.connected_at, 'disconnected_at', a.disconnected_at, 'checked_at', k.checked_at, 'token_ends_at', k.token_ends_at,
      'cleanup', (select jsonb_build_object('status', c.status, 'note', c.note, 'since', c.created_at) from private.meta_cleanups c
                   where c.org_id = a.org_id and c.account_id = a.id and a.status = 'disconnected' order by c.created_at desc limit 1),
      'findings', private.findings_of(a.org_id, a.id, null),
      'numbers', (
        select coalesce(jsonb_agg(jsonb_build_object(
          'number_id', n.id, 'phone_number_id', n.phone_number_id, 'display_phone', n.display_phone, 'verified_name', n.verified_name,
          'username', n.username, 'status', n.status, 'paused_until', n.paused_until, 'paused_reason', n.paused_reason,
          'quality_rating', n.quality_rating, 'name_status', n.name_status, 'verification_status', n.verification_status,
          'platform_type', n.platform_type, 'is_on_phone_app', n.is_on_phone_app, 'messages_per_second', n.messages_per_second,
          'heard_at', n.heard_at, 'connected_at', n.connected_at, 'disconnected_at', n.disconnected_at,
          'waiting_conversations', (select count(*) from private.send_lanes l
                                     where l.org_id = n.org_id and l.number_id = n.id and l.next_at is not null and l.lease is null),
          'findings', private.findings_of(a.org_id, a.id, n.id)) order by n.connected_at, n.id), '[]')
          from public.whatsapp_numbers n where n.org_id = a.org_id and n.account_id = a.id)) order by a.connected_at, a.id), '[]')
      from public.whatsapp_accounts a
      left join private.account_checks k on (k.org_id, k.account_id) = (a.org_id, a.id)
     where a.org_id = whatsapp_status.org_id));
end;
$$;
comment on function private.whatsapp_status is 'How an organization''s WhatsApp stands, for a member.';

create function private.findings_of(org_id uuid, account_id uuid, number_id uuid) returns jsonb
  language sql stable security definer set search_path = ''
as $$
  select coalesce(jsonb_agg(jsonb_build_object('kind', h.kind, 'level', h.level, 'words', h.words, 'remedy', h.remedy, 'since', h.since,
                                               'checked_at', h.checked_at) order by h.level, h.since), '[]')
    from public.whatsapp_health h
   where h.org_id = findings_of.org_id and h.account_id = findings_of.account_id and h.number_id is not distinct from findings_of.number_id
$$;
comment on function private.findings_of is 'The findings about an account, or (number_id) about a number, problems first.';

create function public.whatsapp_status(org_id uuid) returns jsonb
  language sql stable set search_path = ''
begin atomic
  select private.whatsapp_status(org_id);
end;
comment on function public.whatsapp_status is
  'Everything the WhatsApp settings show: {accounts: [{account_id, waba_id, status, …, cleanup: what a disconnect left to do at Meta, '
  'findings: [{kind, level, words, remedy, since}], numbers: [{number_id, display_phone, status, quality_rating, …, findings}]}]}. '
  'Members. Raises PT403, PT404.';
grant execute on function private.whatsapp_status, public.whatsapp_status to authenticated;

create function worker.whatsapp_problems() returns jsonb
  language plpgsql stable security definer set search_path = ''
as $$
begin
  return jsonb_build_object(
    'accounts', (select count(*) from public.whatsapp_accounts a where a.status <> 'disconnected'),
    'late', (select count(*) from private.account_checks k join public.whatsapp_accounts a on (a.org_id, a.id) = (k.org_id, k.account_id)
              where a.status = 'connected' and k.next_at < now() - interval '2 hours'),
    'findings', (select coalesce(jsonb_agg(jsonb_build_object('level', f.level, 'words', f.words, 'remedy', f.remedy,
                                                              'who', f.who)), '[]')
                   from (select h.level, h.words, h.remedy, concat_ws(', ', o.name, coalesce(n.display_phone, a.name, a.waba_id)) as who
                           from public.whatsapp_health h
                           join public.organizations o on o.id = h.org_id
                           join public.whatsapp_accounts a on (a.org_id, a.id) = (h.org_id, h.account_id)
                           left join public.whatsapp_numbers n on (n.org_id, n.id) = (h.org_id, h.number_id)
                          order by h.level, h.since limit 20) f));
end;
$$;
comment on function worker.whatsapp_problems is
  'For the operator: {accounts: how many are in use, late: checks that are overdue by two hours, findings: the first 20, problems first}.';
grant execute on function worker.whatsapp_problems to service_role;
