-- 540_messaging_limits.sql: how many people Meta lets a business write to in a day, and numbers that pause.

------------------------------------------------------------------------------------------------
-- Meta's messaging limit: different people written to outside their windows, in 24 rolling hours, per portfolio
------------------------------------------------------------------------------------------------
create table private.tier_portfolios (
  org_id    uuid not null references public.organizations (id) on delete restrict,
  portfolio text not null,
  used      int not null default 0,
  slot_at   timestamptz not null default '-infinity',
  primary key (org_id, portfolio)
);
comment on table private.tier_portfolios is
  'One row for each business portfolio with a known messaging limit that has sent: how much of it is used. Locked after lanes, before messages.';
comment on column private.tier_portfolios.org_id is 'The organization.';
comment on column private.tier_portfolios.portfolio is 'Meta''s id of the portfolio; the account''s own id while it is not known.';
comment on column private.tier_portfolios.used is 'Rows in private.tier_uses, those that ran out and were not removed yet included.';
comment on column private.tier_portfolios.slot_at is 'The last place that was promised to a waiting message: the next one gets a later place.';
alter table private.tier_portfolios enable row level security;

create table private.tier_uses (
  org_id     uuid not null,
  portfolio  text not null,
  contact_id uuid not null,
  at         timestamptz not null,
  message_id bigint,
  primary key (org_id, portfolio, contact_id),
  constraint tier_use_is_of_a_portfolio foreign key (org_id, portfolio)
    references private.tier_portfolios (org_id, portfolio) on delete cascade
);
comment on table private.tier_uses is
  'Whom a portfolio wrote to outside the window, kept for 24 hours. No key to contacts: that would lock them after the lanes.';
comment on column private.tier_uses.org_id is 'The organization.';
comment on column private.tier_uses.portfolio is 'The portfolio.';
comment on column private.tier_uses.contact_id is 'The person; counts once, however often they are written to. No foreign key: it lives a day, and outlives the contact.';
comment on column private.tier_uses.at is 'When they were last written to.';
comment on column private.tier_uses.message_id is 'The message, while it is the only one: should it fail, the person does not count. No foreign key: it lives a day.';
create index tier_uses_oldest on private.tier_uses (org_id, portfolio, at);
create index tier_uses_message on private.tier_uses (message_id) where message_id is not null;
alter table private.tier_uses enable row level security;

create function private.tg_tier_uses__counts() returns trigger
  language plpgsql volatile security definer set search_path = ''
as $$
begin
  if tg_op = 'INSERT' then
    update private.tier_portfolios t set used = t.used + n.used
      from (select c.org_id, c.portfolio, count(*) as used from changed c group by 1, 2) n
     where (t.org_id, t.portfolio) = (n.org_id, n.portfolio);
  else
    update private.tier_portfolios t set used = t.used - n.used
      from (select c.org_id, c.portfolio, count(*) as used from changed c group by 1, 2) n
     where (t.org_id, t.portfolio) = (n.org_id, n.portfolio);
  end if;
  return null;
end;
$$;
comment on function private.tg_tier_uses__counts is 'Keeps tier_portfolios.used, so that a claim never counts.';
create trigger tier_uses_are_counted after insert on private.tier_uses referencing new table as changed
  for each statement execute function private.tg_tier_uses__counts();
create trigger tier_uses_are_counted_off after delete on private.tier_uses referencing old table as changed
  for each statement execute function private.tg_tier_uses__counts();

create function private.hold_over_limit(heads jsonb, dead uuid[]) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_heads  jsonb := heads;
  v_used   int;
  v_slot   timestamptz;
  v_until  timestamptz;
  v_zone   text;
  p        record;
  h        record;
begin
  for p in
    select distinct x.org_id, x.tier ->> 'portfolio' as portfolio
      from jsonb_to_recordset(heads) x (org_id uuid, account_id uuid, tier jsonb, refusal jsonb)
     where x.tier is not null and x.refusal is null and x.account_id <> all (dead) order by 1, 2
  loop
    insert into private.tier_portfolios (org_id, portfolio) values (p.org_id, p.portfolio) on conflict do nothing;
    perform from private.tier_portfolios t where t.org_id = p.org_id and t.portfolio = p.portfolio for no key update;
    delete from private.tier_uses u where u.org_id = p.org_id and u.portfolio = p.portfolio and u.at <= now() - interval '24 hours';
    select t.used, t.slot_at into v_used, v_slot from private.tier_portfolios t where t.org_id = p.org_id and t.portfolio = p.portfolio;
    select o.time_zone into v_zone from public.organizations o where o.id = p.org_id;
    for h in
      select x.n - 1 as place, (x.head ->> 'message_id')::bigint as message_id, (x.head #>> '{tier,contact_id}')::uuid as contact_id,
             (x.head #>> '{tier,limit}')::int as most
        from jsonb_array_elements(heads) with ordinality x (head, n)
       where (x.head ->> 'org_id')::uuid = p.org_id and x.head #>> '{tier,portfolio}' = p.portfolio
         and coalesce(x.head -> 'refusal', 'null') = 'null' and (x.head ->> 'account_id')::uuid <> all (dead)
       order by 2
    loop
      update private.tier_uses u
         set at = clock_timestamp(), message_id = case when u.message_id = h.message_id then u.message_id end
       where u.org_id = p.org_id and u.portfolio = p.portfolio and u.contact_id = h.contact_id;
      if found then
        continue;
      elsif v_used < h.most then
        insert into private.tier_uses (org_id, portfolio, contact_id, at, message_id)
        values (p.org_id, p.portfolio, h.contact_id, clock_timestamp(), h.message_id);
        v_used := v_used + 1;
        continue;
      end if;
      -- Each waits for a place of its own, so that one free place does not wake them all.
      select u.at + interval '24 hours' into v_until from private.tier_uses u
       where u.org_id = p.org_id and u.portfolio = p.portfolio and u.at > v_slot - interval '24 hours' order by u.at limit 1;
      if v_until is null then
        v_until := now() + interval '24 hours';
      else
        v_slot := v_until;
      end if;
      v_heads := jsonb_set(v_heads, array[h.place::text], (v_heads -> h.place::int) || jsonb_build_object('hold_until', v_until,
        'refusal', jsonb_build_object('status', 'queued', 'words', format('Meta''s daily limit of %s people is reached; goes on at %s',
          h.most, to_char(v_until at time zone v_zone, 'HH24:MI')))));
    end loop;
    update private.tier_portfolios t set slot_at = v_slot where t.org_id = p.org_id and t.portfolio = p.portfolio and t.slot_at <> v_slot;
  end loop;
  return v_heads;
end;
$$;
comment on function private.hold_over_limit is
  'Of the claimed heads {org_id, account_id, message_id, refusal, tier: {portfolio, limit, contact_id}}: counts those to people outside '
  'their window, and gives those over the limit hold_until, a place of their own in the next 24 hours, and the words to show.';

create function private.tg_whatsapp_accounts__limit_changes() returns trigger
  language plpgsql volatile security definer set search_path = ''
as $$
begin
  update private.tier_portfolios t set slot_at = '-infinity'
   where t.org_id = new.org_id and t.portfolio = coalesce(new.business_id, new.id::text);
  with held as (
    select l.org_id, l.conversation_id from private.send_lanes l
      join public.whatsapp_numbers n on (n.org_id, n.id) = (l.org_id, l.number_id)
     where l.org_id = new.org_id and l.is_held and l.lease is null and n.account_id = new.id
     order by l.org_id, l.conversation_id for update of l skip locked)
  update private.send_lanes l set next_at = now(), is_held = false
    from held h where (l.org_id, l.conversation_id) = (h.org_id, h.conversation_id) and l.next_at is not null;
  if found then
    perform private.wake('dispatch');
  end if;
  return null;
end;
$$;
comment on function private.tg_whatsapp_accounts__limit_changes is 'Another messaging limit: what waits for it is looked at again.';
create trigger accounts_look_again_at_what_waits after update on public.whatsapp_accounts
  for each row when ((old.messaging_limit, old.business_id) is distinct from (new.messaging_limit, new.business_id))
  execute function private.tg_whatsapp_accounts__limit_changes();

------------------------------------------------------------------------------------------------
-- Paused numbers
------------------------------------------------------------------------------------------------
create function private.resume_number(org_id uuid, number_id uuid) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_number public.whatsapp_numbers;
begin
  perform private.require_role(resume_number.org_id, 'admin');
  select n.* into v_number from public.whatsapp_numbers n
   where n.org_id = resume_number.org_id and n.id = resume_number.number_id for no key update;
  if not found then
    raise sqlstate 'PT404' using message = 'The organization has no such WhatsApp number', detail = 'number_unknown',
      hint = 'Look at the numbers of the organization.';
  elsif v_number.status <> 'paused' then
    raise sqlstate 'PT409' using message = 'The number is not paused', detail = 'number_not_paused', hint = 'Reload the page.';
  end if;
  update public.whatsapp_numbers n set status = 'connected', paused_until = null, paused_reason = null
   where n.org_id = resume_number.org_id and n.id = resume_number.number_id;
  perform private.audit(resume_number.org_id, 'number.resumed', 'whatsapp_number', resume_number.number_id::text,
                        jsonb_build_object('reason', v_number.paused_reason));
  perform private.wake('dispatch');
  return jsonb_build_object('number_id', resume_number.number_id, 'status', 'connected');
end;
$$;
comment on function private.resume_number is 'public.resume_number behind its door.';
create function public.resume_number(org_id uuid, number_id uuid) returns jsonb
  language sql volatile set search_path = ''
begin atomic
  select private.resume_number(org_id, number_id);
end;
comment on function public.resume_number is
  'Lets a paused number send again before, or without, an end of its own: somebody has removed the cause. Admins. Returns {number_id, '
  'status}. Raises PT403, PT404 number_unknown, PT409 number_not_paused.';
grant execute on function private.resume_number, public.resume_number to authenticated;
