-- 989_public_inquiries.sql: tickets are answered; and inquiries of people without an account, who follow them under a secret link.

-- Members: answering, and letting support in -------------------------------------------------------------------------------

create function private.reply_ticket(org_id uuid, ticket_id uuid, body text) returns jsonb
  language plpgsql volatile security definer set search_path = '' as $$
declare
  v_ticket private.tickets;
  v_id     bigint;
begin
  perform private.require_caller(reply_ticket.org_id, 'agent');
  v_ticket := private.own_ticket(reply_ticket.org_id, reply_ticket.ticket_id);
  perform private.draw_member_pace();
  v_id := private.write_in_ticket(v_ticket, 'person', reply_ticket.body);
  perform private.mark_ticket_read(v_ticket, v_id);
  return jsonb_build_object('message_id', v_id);
end;
$$;
comment on function private.reply_ticket is 'Body of public.reply_ticket. Definer: nobody may write the tables.';
create function public.reply_ticket(org_id uuid, ticket_id uuid, body text) returns jsonb
  language sql volatile set search_path = '' begin atomic select private.reply_ticket(org_id, ticket_id, body); end;
comment on function public.reply_ticket is
  'Writes in a ticket; one that was solved or closed is open again. Agents in their own, administrators in any: {message_id}. Raises PT404 ticket_not_found, PT422 text_invalid, PT429 too_many_tickets.';

create function private.solve_ticket(org_id uuid, ticket_id uuid) returns void
  language plpgsql volatile security definer set search_path = '' as $$
declare
  v_ticket private.tickets;
begin
  perform private.require_caller(solve_ticket.org_id, 'agent');
  v_ticket := private.own_ticket(solve_ticket.org_id, solve_ticket.ticket_id);
  perform private.settle_ticket(v_ticket, 'solved');
end;
$$;
comment on function private.solve_ticket is 'Body of public.solve_ticket. Definer: nobody may write the tables.';
create function public.solve_ticket(org_id uuid, ticket_id uuid) returns void
  language sql volatile set search_path = '' begin atomic select private.solve_ticket(org_id, ticket_id); end;
comment on function public.solve_ticket is 'The organization needs no more help with a ticket. Agents with their own, administrators with any. Raises PT404 ticket_not_found.';
create function private.settle_ticket(ticket private.tickets, state text) returns void
  language sql volatile security definer set search_path = '' as $$
  update private.tickets t
     set state = settle_ticket.state, changed_at = now(), closed_at = case when settle_ticket.state = 'closed' then now() end,
         solved_at = case when settle_ticket.state in ('solved', 'closed') then coalesce(t.solved_at, now()) end
   where t.id = (settle_ticket.ticket).id and t.state <> settle_ticket.state and t.state <> 'unconfirmed'
$$;
comment on function private.settle_ticket is 'Puts a ticket into a state, with when it was solved and closed. Definer: called beneath RLS.';

create function private.grant_ticket_access(org_id uuid, ticket_id uuid, hours int) returns jsonb
  language plpgsql volatile security definer set search_path = '' as $$
declare
  v_ticket private.tickets;
  v_grant  jsonb;
begin
  perform private.require_role(grant_ticket_access.org_id, 'owner');
  v_ticket := private.own_ticket(grant_ticket_access.org_id, grant_ticket_access.ticket_id);
  v_grant := private.grant_support_access(v_ticket.org_id, grant_ticket_access.hours, private.ticket_reference(v_ticket.number) || ': ' || v_ticket.subject);
  update private.tickets t set grant_id = (v_grant ->> 'grant_id')::uuid where t.id = v_ticket.id;
  return v_grant;
end;
$$;
comment on function private.grant_ticket_access is 'Body of public.grant_ticket_access. Definer: nobody may write the tables.';
create function public.grant_ticket_access(org_id uuid, ticket_id uuid, hours int) returns jsonb
  language sql volatile set search_path = '' begin atomic select private.grant_ticket_access(org_id, ticket_id, hours); end;
comment on function public.grant_ticket_access is
  'Lets Flow''s support look because of a ticket, as public.grant_support_access; the ticket shows until when: {grant_id, expires_at}. Owners. Raises PT403, PT404 ticket_not_found, PT409 support_already_granted, PT422 bad_hours.';
grant execute on function private.reply_ticket, public.reply_ticket, private.solve_ticket, public.solve_ticket, private.grant_ticket_access, public.grant_ticket_access to authenticated;

-- Flow's people --------------------------------------------------------------------------------------------------------------

create function private.ticket_line(t private.tickets) returns jsonb
  language sql stable security definer set search_path = '' as $$
  select jsonb_build_object('id', (t).id, 'reference', private.ticket_reference((t).number), 'subject', (t).subject, 'category', (t).category, 'urgency', (t).urgency, 'state', (t).state,
    'organization', (select o.name from public.organizations o where o.id = (t).org_id), 'is_public', (t).org_id is null, 'is_confirmed', (t).org_id is not null or (t).confirmed_at is not null,
    'assignee', (select coalesce(p.name, p.email) from public.profiles p where p.id = (t).assignee_id), 'is_mine', coalesce((t).assignee_id = auth.uid(), false),
    'created_at', (t).created_at, 'changed_at', (t).changed_at, 'due_at', (t).due_at, 'is_overdue', coalesce((t).due_at < now(), false) and (t).state not in ('solved', 'closed'),
    'first_answer_at', (t).first_answer_at, 'solved_at', (t).solved_at)
$$;
comment on function private.ticket_line is 'A ticket as a line of the queue. Definer: called for Flow''s people, who see nothing else of the organization.';

create function private.overdue_inquiries() returns bigint
  language sql stable security definer set search_path = '' as $$
  select count(*) from private.tickets t where t.due_at < now() and t.state not in ('solved', 'closed', 'unconfirmed')
$$;
comment on function private.overdue_inquiries is 'How many inquiries from outside are past their time and not settled. Definer: a closed table.';
create function private.queue_page(listed text, sort text, after_rank int, after_id bigint) returns jsonb
  language plpgsql stable security definer set search_path = '' as $$
declare
  v_order text := case when queue_page.listed in ('settled', 'unconfirmed') then '-t.last_id' when queue_page.listed = 'mine' or queue_page.sort = 'age' then 't.last_id' else '-t.rank, t.last_id' end;
  v_where text := case queue_page.listed
    when 'mine' then $q$t.assignee_id = $1 and t.state not in ('solved', 'closed', 'unconfirmed')$q$
    when 'unassigned' then $q$t.assignee_id is null and t.state in ('open', 'waiting_for_us')$q$
    when 'waiting' then $q$t.state in ('open', 'waiting_for_us')$q$
    when 'inquiries' then $q$t.due_at is not null and t.state not in ('solved', 'closed', 'unconfirmed')$q$
    when 'overdue' then $q$t.due_at < now() and t.state not in ('solved', 'closed', 'unconfirmed')$q$
    when 'settled' then $q$t.state in ('solved', 'closed')$q$
    when 'unconfirmed' then $q$t.state = 'unconfirmed'$q$ end;
  v_items jsonb;
  v_last  jsonb;
begin
  if v_where is null then
    raise sqlstate 'PT422' using message = 'There is no such list.', detail = 'list_unknown', hint = 'mine, unassigned, waiting, inquiries, overdue, settled, unconfirmed.';
  elsif after_id is not null then
    v_where := v_where || case v_order when 't.last_id' then ' and t.last_id > $3' when '-t.last_id' then ' and -t.last_id > -$3' else ' and (-t.rank, t.last_id) > (-$2, $3)' end;
  end if;
  execute format($q$
    select jsonb_agg(private.ticket_line(q.t) order by q.place), (array_agg(jsonb_build_object('after_rank', (q.t).rank, 'after_id', (q.t).last_id) order by q.place desc))[1]
      from (select t, row_number() over (order by %1$s) as place from private.tickets t where %2$s order by %1$s limit 50) q $q$, v_order, v_where)
    into v_items, v_last using auth.uid(), queue_page.after_rank, queue_page.after_id;
  return jsonb_build_object('items', coalesce(v_items, '[]'), 'next', case when jsonb_array_length(v_items) = 50 then v_last end, 'overdue', private.overdue_inquiries());
end;
$$;
comment on function private.queue_page is 'A page of the queue, as public.support_queue. Definer: called for Flow''s people and for operators. Raises PT422 list_unknown.';

create function private.support_queue(listed text, sort text, after_rank int, after_id bigint) returns jsonb
  language plpgsql stable security definer set search_path = '' as $$
begin
  perform private.require_staff();
  return private.queue_page(support_queue.listed, support_queue.sort, support_queue.after_rank, support_queue.after_id);
end;
$$;
comment on function private.support_queue is 'Body of public.support_queue. Definer: closed tables.';
create function public.support_queue(listed text default 'waiting', sort text default 'urgency', after_rank int default null, after_id bigint default null) returns jsonb
  language sql stable set search_path = '' begin atomic select private.support_queue(listed, sort, after_rank, after_id); end;
comment on function public.support_queue is
  'Tickets and inquiries for Flow''s people, 50 a page: listed mine, unassigned, waiting, inquiries, overdue, settled or unconfirmed; sort urgency or age: {items: [{id, reference, subject, category, urgency, state, organization, is_public, is_confirmed, assignee, '
  'is_mine, created_at, changed_at, due_at, is_overdue, first_answer_at, solved_at}], next: {after_rank, after_id} or null, overdue}. Raises PT404 for everybody else, PT422 list_unknown.';
create function private.staff_ticket(ticket_id uuid) returns private.tickets
  language plpgsql volatile security definer set search_path = '' as $$
declare
  v_ticket private.tickets;
begin
  select t.* into v_ticket from private.tickets t where t.id = staff_ticket.ticket_id for no key update;
  if not found then
    raise sqlstate 'PT404' using message = 'There is no such ticket.', detail = 'ticket_not_found';
  end if;
  return v_ticket;
end;
$$;
comment on function private.staff_ticket is 'Any ticket, locked, for a caller that has looked who asks. Raises PT404 ticket_not_found.';

create function private.support_ticket(ticket_id uuid, before_id bigint) returns jsonb
  language plpgsql volatile security definer set search_path = '' as $$
declare
  t private.tickets;
begin
  perform private.require_staff();
  t := private.staff_ticket(support_ticket.ticket_id);
  return private.ticket_line(t) || private.ticket_page(t.id, support_ticket.before_id, true) || jsonb_build_object('diagnostics', t.diagnostics, 'assignee_id', t.assignee_id,
    'person', coalesce((select jsonb_build_object('name', p.name, 'email', p.email) from public.profiles p where p.id = t.opened_by),
                       (select jsonb_build_object('name', i.name, 'email', i.email, 'business', i.business) from private.inquiry_people i where i.ticket_id = t.id)),
    'access_asked_at', t.access_asked_at,
    'access', (select jsonb_build_object('expires_at', g.expires_at, 'is_open', g.ended_at is null and g.expires_at > now()) from public.support_grants g where g.org_id = t.org_id and g.id = t.grant_id),
    'staff', (select coalesce(jsonb_agg(jsonb_build_object('id', s.user_id, 'name', coalesce(p.name, p.email)) order by p.email), '[]') from private.support_staff s join public.profiles p on p.id = s.user_id));
end;
$$;
comment on function private.support_ticket is 'Body of public.support_ticket. Definer: closed tables.';
create function public.support_ticket(ticket_id uuid, before_id bigint default null) returns jsonb
  language sql volatile set search_path = '' begin atomic select private.support_ticket(ticket_id, before_id); end;
comment on function public.support_ticket is
  'A ticket for Flow''s people: what support_queue tells of it, and {diagnostics, assignee_id, person: {name, email, business} or null, access_asked_at, access: {expires_at, is_open} or null, staff: [{id, name}], '
  'messages: [{id, at, side, body, name, is_internal}], next}. Nothing else of the organization. Raises PT404.';

create function private.answer(t private.tickets, body text, is_internal boolean) returns jsonb
  language plpgsql volatile security definer set search_path = '' as $$
declare
  v_id bigint;
begin
  if (t).state = 'unconfirmed' and not answer.is_internal then
    raise sqlstate 'PT409' using message = 'The address of this inquiry was not confirmed.', detail = 'inquiry_unconfirmed', hint = 'Nobody knows who would read the answer.';
  end if;
  v_id := private.write_in_ticket(t, 'staff', answer.body, answer.is_internal, not answer.is_internal);
  insert into public.notifications (org_id, user_id, kind, key, ticket_id)
  select m.org_id, m.user_id, 'ticket_answered', 'ticket:' || v_id, (t).id from public.memberships m where m.org_id = (t).org_id and m.user_id = (t).opened_by and not answer.is_internal
      on conflict (org_id, user_id, key) where key is not null do nothing;
  return jsonb_build_object('message_id', v_id);
end;
$$;
comment on function private.answer is 'Flow answers in a ticket, and its member is told; or makes a note. Returns {message_id}. Raises PT409 inquiry_unconfirmed, PT422 text_invalid. Definer: called beneath RLS.';

create function private.answer_ticket(ticket_id uuid, body text, is_internal boolean) returns jsonb
  language plpgsql volatile security definer set search_path = '' as $$
begin
  perform private.require_staff();
  return private.answer(private.staff_ticket(answer_ticket.ticket_id), answer_ticket.body, coalesce(answer_ticket.is_internal, false));
end;
$$;
comment on function private.answer_ticket is 'Body of public.answer_ticket. Definer: closed tables.';
create function public.answer_ticket(ticket_id uuid, body text, is_internal boolean default false) returns jsonb
  language sql volatile set search_path = '' begin atomic select private.answer_ticket(ticket_id, body, is_internal); end;
comment on function public.answer_ticket is
  'One of Flow''s people answers a ticket or an inquiry, or (is_internal) makes a note that only Flow''s people see: {message_id}. Raises PT404, PT409 inquiry_unconfirmed, PT422 text_invalid.';

create function private.change_ticket(ticket_id uuid, changes jsonb) returns void
  language plpgsql volatile security definer set search_path = '' as $$
declare
  v_ticket private.tickets;
begin
  perform private.require_staff();
  v_ticket := private.staff_ticket(change_ticket.ticket_id);
  if coalesce(changes ->> 'urgency', 'low') not in ('low', 'normal', 'high', 'urgent') or coalesce(changes ->> 'state', 'open') not in ('open', 'waiting_for_you', 'waiting_for_us', 'solved', 'closed')
     or changes ->> 'assignee_id' is not null and not exists (select from private.support_staff s where s.user_id::text = changes ->> 'assignee_id') then
    raise sqlstate 'PT422' using message = 'A ticket cannot be changed so.', detail = 'ticket_invalid', hint = 'Fields: assignee_id (one of Flow''s people, or null), urgency, state.';
  end if;
  update private.tickets t
     set urgency = coalesce(changes ->> 'urgency', t.urgency), assignee_id = case when changes ? 'assignee_id' then (changes ->> 'assignee_id')::uuid else t.assignee_id end
   where t.id = v_ticket.id;
  if changes ? 'state' then
    perform private.settle_ticket(v_ticket, changes ->> 'state');
  end if;
end;
$$;
comment on function private.change_ticket is 'Body of public.change_ticket. Definer: closed tables.';
create function public.change_ticket(ticket_id uuid, changes jsonb) returns void
  language sql volatile set search_path = '' begin atomic select private.change_ticket(ticket_id, changes); end;
comment on function public.change_ticket is 'One of Flow''s people changes a ticket: {assignee_id: one of them or null, urgency, state}; what is not given stays. Raises PT404, PT422 ticket_invalid.';

create function private.ask_ticket_access(ticket_id uuid) returns void
  language plpgsql volatile security definer set search_path = '' as $$
declare
  v_ticket private.tickets;
begin
  perform private.require_staff();
  v_ticket := private.staff_ticket(ask_ticket_access.ticket_id);
  if v_ticket.org_id is null then
    raise sqlstate 'PT422' using message = 'An inquiry from outside has nothing to look at.', detail = 'ticket_invalid';
  end if;
  update private.tickets t set access_asked_at = now() where t.id = v_ticket.id;
  insert into public.notifications (org_id, user_id, kind, key, ticket_id)
  select m.org_id, m.user_id, 'ticket_access', format('access:%s:%s', v_ticket.id, current_date), v_ticket.id from public.memberships m where m.org_id = v_ticket.org_id and m.role = 'owner'
      on conflict (org_id, user_id, key) where key is not null do nothing;
  perform private.audit(v_ticket.org_id, 'support.asked', 'ticket', v_ticket.id::text);
end;
$$;
comment on function private.ask_ticket_access is 'Body of public.ask_ticket_access. Definer: closed tables.';
create function public.ask_ticket_access(ticket_id uuid) returns void
  language sql volatile set search_path = '' begin atomic select private.ask_ticket_access(ticket_id); end;
comment on function public.ask_ticket_access is 'One of Flow''s people asks the owners to be let in because of a ticket; their audit log says so. It opens nothing. Raises PT404, PT422 ticket_invalid.';
grant execute on function private.support_queue, public.support_queue, private.support_ticket, public.support_ticket, private.answer_ticket, public.answer_ticket,
  private.change_ticket, public.change_ticket, private.ask_ticket_access, public.ask_ticket_access to authenticated;

-- People from outside, and what workers ask ----------------------------------------------------------------------------------

create function worker.open_inquiry(visit uuid, inquiry jsonb, token_sha256 text, network_sha256 text, address_sha256 text, must_confirm boolean) returns jsonb
  language plpgsql volatile security definer set search_path = '' as $$
#variable_conflict use_column
declare
  v_ticket private.tickets;
begin
  select t.* into v_ticket from private.tickets t where t.id = open_inquiry.visit and t.org_id is null;
  if not found then
    if (private.draw('support_network', network_sha256, 20, interval '1 hour')).wait is not null
       or (private.draw('support_address', address_sha256, 3, interval '1 day')).wait is not null then
      return '{"too_many": true}';
    end if;
    insert into private.tickets (id, category, urgency, subject, state, due_at)
    values (open_inquiry.visit, inquiry ->> 'category', case inquiry ->> 'category' when 'security' then 'urgent' else 'normal' end, inquiry ->> 'category',
            case when open_inquiry.must_confirm then 'unconfirmed' else 'open' end, private.inquiry_due(inquiry ->> 'category', now()))
    returning * into v_ticket;
    insert into private.inquiry_people (ticket_id, name, email, business, token_sha256)
    values (v_ticket.id, private.clean_text(inquiry ->> 'name', 200), lower(private.clean_text(inquiry ->> 'email', 254)), private.clean_text(inquiry ->> 'business', 200), decode(open_inquiry.token_sha256, 'hex'));
    perform private.write_in_ticket(v_ticket, 'person', inquiry ->> 'text', false, open_inquiry.must_confirm);
  end if;
  return jsonb_build_object('too_many', false, 'reference', private.ticket_reference(v_ticket.number), 'due_at', v_ticket.due_at);
end;
$$;
comment on function worker.open_inquiry is
  'Takes an inquiry {category, name, email, business, text} from outside. visit: the page it was written on: sent twice it is one. must_confirm: mails can be sent, so the address is to be proved first. The hashes are of the secret link''s word and, keyed, of the sender''s network and address. '
  'Returns {reference, due_at, too_many: false}, or {too_many: true}: 20 an hour a network, 3 a day an address. It tells nothing of accounts. Raises PT422.';

create function private.ticket_by_link(token_sha256 text) returns private.tickets
  language sql volatile security definer set search_path = '' as $$
  select t.* from private.inquiry_people i join private.tickets t on t.id = i.ticket_id where i.token_sha256 = decode(ticket_by_link.token_sha256, 'hex') for no key update of t
$$;
comment on function private.ticket_by_link is 'The inquiry whose secret link''s hash this is, locked; null when there is none. Definer: closed tables.';

create function worker.inquiry(token_sha256 text) returns jsonb
  language plpgsql volatile security definer set search_path = '' as $$
declare
  t private.tickets := private.ticket_by_link(inquiry.token_sha256);
begin
  return case when t.id is not null then jsonb_build_object('reference', private.ticket_reference(t.number), 'category', t.category, 'state', t.state, 'created_at', t.created_at, 'due_at', t.due_at)
    || private.ticket_page(t.id, null, false) end;
end;
$$;
comment on function worker.inquiry is 'What the secret link shows: {reference, category, state, created_at, due_at, messages: the last 50, [{at, side, body}]}; null: there is none. Notes and people are not in it.';

create function worker.confirm_inquiry(token_sha256 text) returns void
  language plpgsql volatile security definer set search_path = '' as $$
declare
  v_ticket private.tickets := private.ticket_by_link(confirm_inquiry.token_sha256);
begin
  update private.tickets t set state = 'open', confirmed_at = now(), changed_at = now() where t.id = v_ticket.id and t.state = 'unconfirmed';
end;
$$;
comment on function worker.confirm_inquiry is 'Who was mailed the secret link has opened it: the inquiry joins the queue. Twice it is the same. Its time counts from when it came in.';

create function worker.reply_inquiry(token_sha256 text, body text) returns jsonb
  language plpgsql volatile security definer set search_path = '' as $$
declare
  v_ticket private.tickets := private.ticket_by_link(reply_inquiry.token_sha256);
begin
  if v_ticket.id is null or v_ticket.state = 'unconfirmed' then
    raise sqlstate 'PT404' using message = 'There is no such inquiry.', detail = 'ticket_not_found';
  elsif (private.draw('support_link', reply_inquiry.token_sha256, 10, interval '1 hour')).wait is not null then
    return '{"too_many": true}';
  end if;
  perform private.write_in_ticket(v_ticket, 'person', reply_inquiry.body);
  return '{"too_many": false}';
end;
$$;
comment on function worker.reply_inquiry is 'Adds what the person writes under their secret link, 10 times an hour: {too_many}. Raises PT404 ticket_not_found, PT422 text_invalid.';

create function worker.claim_support_mails(batch int default 20) returns jsonb
  language sql volatile security definer set search_path = '' as $$
  with due as (
    select m.id from private.ticket_messages m where m.mail_at <= now() order by m.mail_at limit claim_support_mails.batch for update skip locked
  ), claimed as (
    update private.ticket_messages m set mail_tries = m.mail_tries + 1, mail_at = case when m.mail_tries < 8 then now() + interval '2 minutes' * 2 ^ m.mail_tries end
      from due d where m.id = d.id returning m.*)
  select jsonb_build_object('mails', coalesce(jsonb_agg(jsonb_build_object('message_id', c.id, 'ticket_id', t.id, 'reference', private.ticket_reference(t.number), 'is_public', t.org_id is null,
           'is_confirmation', c.side = 'person', 'to', coalesce(i.email, p.email), 'token_sha256', encode(i.token_sha256, 'hex')) order by c.id), '[]'))
    from claimed c join private.tickets t on t.id = c.ticket_id
    left join private.inquiry_people i on i.ticket_id = t.id left join public.profiles p on p.id = t.opened_by
$$;
comment on function worker.claim_support_mails is
  'Mails that are due: {mails: [{message_id, ticket_id, reference, is_public, is_confirmation, to: null when the person is gone, token_sha256}]}. One that is not finished comes again, later each time, nine times in all. They carry no words of a ticket.';
create function worker.finish_support_mail(message_id bigint) returns void
  language sql volatile security definer set search_path = '' as $$
  update private.ticket_messages m set mail_at = null where m.id = finish_support_mail.message_id
$$;
comment on function worker.finish_support_mail is 'A mail was sent, or never can be.';

create function private.wake_support() returns void
  language plpgsql volatile security definer set search_path = '' as $$
begin
  perform private.wake('support', interval '5 seconds') where exists (select from private.ticket_messages m where m.mail_at <= now());
end;
$$;
comment on function private.wake_support is 'Wakes the job that mails, when something is due. For the schedule.';
create function private.close_solved_tickets() returns void
  language sql volatile security definer set search_path = '' as $$
  update private.tickets t set state = 'closed', closed_at = now(), solved_at = coalesce(t.solved_at, now())
   where t.state = 'solved' and t.changed_at < now() - interval '14 days' or t.state = 'waiting_for_you' and t.changed_at < now() - interval '60 days'
$$;
comment on function private.close_solved_tickets is 'Closes what was solved two weeks ago, and what nobody has come back to for 60 days; a reply opens it again. Hourly.';
create function private.ticket_called(reference text) returns private.tickets
  language sql volatile security definer set search_path = '' as $$
  select private.staff_ticket((select t.id from private.tickets t where t.number = substring(upper(ticket_called.reference) from '^F-([0-9]{1,15})$')::bigint))
$$;
comment on function private.ticket_called is 'The ticket with a reference, locked. Raises PT404 ticket_not_found.';

create function worker.support_inbox(listed text default 'waiting') returns jsonb
  language sql stable security definer set search_path = '' as $$ select private.queue_page(support_inbox.listed, 'urgency', null, null) $$;
comment on function worker.support_inbox is 'The first 50 of the queue, as public.support_queue. For operators. Raises PT422 list_unknown.';
create function worker.support_conversation(reference text) returns jsonb
  language plpgsql volatile security definer set search_path = '' as $$
declare
  t private.tickets := private.ticket_called(support_conversation.reference);
begin
  return private.ticket_line(t) || private.ticket_page(t.id, null, true);
end;
$$;
comment on function worker.support_conversation is 'A ticket by its reference (F-1001), with its last 50 messages and notes. For operators. Raises PT404 ticket_not_found.';
create function worker.support_answer(reference text, body text, is_internal boolean default false) returns jsonb
  language sql volatile security definer set search_path = '' as $$ select private.answer(private.ticket_called(support_answer.reference), support_answer.body, support_answer.is_internal) $$;
comment on function worker.support_answer is 'Answers a ticket by its reference, or makes a note: {message_id}. For operators. Raises PT404 ticket_not_found, PT409 inquiry_unconfirmed, PT422 text_invalid.';
grant execute on function worker.open_inquiry, worker.inquiry, worker.confirm_inquiry, worker.reply_inquiry, worker.claim_support_mails, worker.finish_support_mail,
  worker.support_inbox, worker.support_conversation, worker.support_answer to service_role;

-- What becomes of it -------------------------------------------------------------------------------------------------------

insert into private.table_classes (table_name, class, why) values
  ('private.tickets', 'purge', 'Data of the organization; inquiries from outside are of none, and stay'), ('private.ticket_messages', 'purge', 'Data of the organization'),
  ('private.ticket_reads', 'purge', 'Data of the organization');
insert into private.export_tables (table_name, class, why, born, hidden, keys, source) values
  ('private.tickets', 'record', 'What was written to Flow''s support', 'created_at', '{assignee_id}', null, null),
  ('private.ticket_reads', 'none', 'Work of Flow that is under way', null, '{}', null, null),
  ('private.ticket_messages', 'record', 'What was written to Flow''s support, and answered', 'at', '{mail_at,mail_tries,is_internal}', '{id}',
   $$select m.org_id, m.id, m.ticket_id, m.at, m.side, case m.side when 'person' then m.author end as author, m.body from private.ticket_messages m where not m.is_internal$$);
insert into private.erased_columns (table_name, column_name, becomes) values
  ('private.tickets', 'subject', $$case when private.tells(t.subject, $5) then 'Erased' else t.subject end$$),
  ('private.ticket_messages', 'body', $$'Erased: it named somebody who asked to be forgotten.'$$);
insert into private.erasure_rules (position, table_name, does, mine, keeps, why) values
  (340, 'private.tickets', 'blank', 'private.tells(t.subject, $5)', '{category,urgency,state,diagnostics}', 'That Flow''s support was asked stays, without words about them'),
  (341, 'private.ticket_messages', 'blank', 'private.tells(t.body, $5)', '{side}', 'What was written to Flow''s support about them'),
  (342, 'private.ticket_reads', 'nothing', null, '{}', 'Members, not contacts');
insert into private.retention_classes (class, place, what, how, keeps, is_held, law) values
  ('inquiries', 115, 'Tickets to Flow''s support, and inquiries from outside with the names and addresses of who asked: from when they were closed', 'rows', '1 year', true,
   'DPDP Rule 8(3): at least a year. That an inquiry was answered in time stays as proof, without people.'),
  ('unconfirmed', 116, 'Inquiries from outside whose address nobody confirmed', 'rows', '30 days', false, null);
insert into private.retention_tables (table_name, class, expired) values
  -- Alphabetical order is that of the batches: people and words find their inquiry before it goes.
  ('private.inquiry_people', 'inquiries', 'exists (select from private.tickets x where x.id = t.ticket_id and x.closed_at < $1)'),
  ('private.ticket_messages', 'inquiries', 'exists (select from private.tickets x where x.id = t.ticket_id and x.closed_at < $1)'),
  ('private.tickets', 'inquiries', 't.org_id is not null and t.closed_at < $1'), ('private.ticket_reads', 'inquiries', null),
  ('private.inquiry_people', 'unconfirmed', $$exists (select from private.tickets x where x.id = t.ticket_id and x.state = 'unconfirmed' and x.created_at < $1)$$),
  ('private.ticket_messages', 'unconfirmed', $$exists (select from private.tickets x where x.id = t.ticket_id and x.state = 'unconfirmed' and x.created_at < $1)$$),
  ('private.tickets', 'unconfirmed', $$t.state = 'unconfirmed' and t.created_at < $1 and not exists (select from private.ticket_messages m where m.ticket_id = t.id)$$);
