-- 988_tickets.sql: tickets: what members write to Flow's support, and, without an organization, what anybody asks by the page /contact.
--
-- One kind of conversation for both. Nobody reads the tables: members by functions that show an agent their own tickets and administrators
-- all of the organization's, Flow's people by functions that ask whether they are such (989). Notes that Flow's people make for themselves
-- are rows of ticket_messages too, and every query for somebody else leaves them out.

create table private.tickets (
  id               uuid primary key default gen_random_uuid(),
  number           bigint generated always as identity (start with 1001) unique,
  org_id           uuid references public.organizations on delete restrict,
  opened_by        uuid,
  category         text not null,
  urgency          text not null default 'normal',
  rank             smallint not null generated always as (case urgency when 'urgent' then 3 when 'high' then 2 when 'normal' then 1 else 0 end) stored,
  subject          text not null,
  state            text not null default 'open',
  assignee_id      uuid,
  diagnostics      jsonb not null default '{}',
  last_id          bigint not null default 0,
  created_at       timestamptz not null default now(),
  changed_at       timestamptz not null default now(),
  due_at           timestamptz,
  first_answer_at  timestamptz,
  solved_at        timestamptz,
  closed_at        timestamptz,
  access_asked_at  timestamptz,
  grant_id         uuid,
  confirmed_at     timestamptz,
  constraint ticket_of_an_organization_is_named_with_it unique (org_id, id),
  constraint ticket_grant_is_of_its_organization foreign key (org_id, grant_id) references public.support_grants (org_id, id) on delete set null (grant_id),
  constraint ticket_category_is_known check (case when org_id is null then category in ('access', 'correction', 'erasure', 'grievance', 'security', 'other')
    else category in ('question', 'problem', 'whatsapp', 'leads', 'billing', 'privacy', 'other') end),
  constraint ticket_urgency_is_known check (urgency in ('low', 'normal', 'high', 'urgent')),
  constraint ticket_state_is_known check (state in ('unconfirmed', 'open', 'waiting_for_you', 'waiting_for_us', 'solved', 'closed')),
  constraint ticket_is_confirmed_from_outside check (state <> 'unconfirmed' or org_id is null),
  constraint ticket_subject_is_short check (length(subject) between 1 and 200),
  constraint ticket_of_a_member_has_one check ((org_id is null) = (opened_by is null)),
  constraint ticket_from_outside_is_due check ((org_id is null) = (due_at is not null)),
  constraint ticket_diagnostics_are_small check (jsonb_typeof(diagnostics) = 'object' and length(diagnostics::text) <= 8000)
);
comment on table private.tickets is 'Tickets of members, and, without organization, inquiries of people from outside. The latter stay as proof, without names and words, after inquiry_people and their messages went.';
comment on column private.tickets.id is 'The ticket. Of an inquiry: the id of the page it was written on, so that what is sent twice is one.';
comment on column private.tickets.number is 'Running number: the reference F-<number>.';
comment on column private.tickets.org_id is 'The organization; null: from outside.';
comment on column private.tickets.opened_by is 'The member who wrote. No foreign key: the ticket outlives the membership.';
comment on column private.tickets.category is 'Of members: question, problem, whatsapp, leads, billing, privacy, other; from outside: access, correction, erasure, grievance, security, other.';
comment on column private.tickets.urgency is 'low, normal, high, urgent; Flow''s people may change it.';
comment on column private.tickets.rank is 'The urgency as a number, for order.';
comment on column private.tickets.subject is 'In the member''s words; of an inquiry its category alone.';
comment on column private.tickets.state is 'unconfirmed: its address was not proved; open: nobody has answered; waiting_for_you: who wrote is asked; waiting_for_us; solved; closed. A reply opens it again.';
comment on column private.tickets.assignee_id is 'Who of Flow answers. No foreign key: it outlives the account.';
comment on column private.tickets.diagnostics is 'What the member saw and agreed to send, as private.clean_diagnostics lets through; else {}.';
comment on column private.tickets.last_id is 'The last message that both sides see: lists are ordered by it. No foreign key: a message points here already.';
comment on column private.tickets.created_at is 'When it came in.';
comment on column private.tickets.changed_at is 'When somebody last wrote, or its state changed.';
comment on column private.tickets.due_at is 'Of an inquiry: until when the law, or Flow''s own word, wants it settled (private.inquiry_due); null for tickets of members.';
comment on column private.tickets.first_answer_at is 'When Flow first answered; null: not yet.';
comment on column private.tickets.solved_at is 'When it was last solved; null: it is not.';
comment on column private.tickets.closed_at is 'When it was closed; null: it is not.';
comment on column private.tickets.access_asked_at is 'When Flow asked to be let in; null: never.';
comment on column private.tickets.grant_id is 'The grant that an owner gave from this ticket.';
comment on column private.tickets.confirmed_at is 'Of an inquiry: when its address was proved by the mailed link; null: never.';
create index tickets_newest on private.tickets (org_id, last_id desc);
create index tickets_of_a_member on private.tickets (org_id, opened_by, last_id desc);
create index tickets_grant on private.tickets (org_id, grant_id) where grant_id is not null;
create index tickets_queue on private.tickets ((-rank), last_id) where state in ('open', 'waiting_for_us');
create index tickets_by_age on private.tickets (last_id) where state in ('open', 'waiting_for_us');
create index tickets_of_staff on private.tickets (assignee_id, last_id) where state not in ('solved', 'closed', 'unconfirmed');
create index tickets_due on private.tickets (due_at) where due_at is not null and state not in ('solved', 'closed', 'unconfirmed');
create index tickets_settled on private.tickets ((-last_id)) where state in ('solved', 'closed');
create index tickets_unconfirmed on private.tickets ((-last_id)) where state = 'unconfirmed';
create index tickets_left on private.tickets (state, changed_at) where state in ('solved', 'waiting_for_you');
create index tickets_closed on private.tickets (closed_at) where closed_at is not null;
alter table private.tickets enable row level security;

create table private.ticket_messages (
  id           bigint generated always as identity primary key,
  org_id       uuid,
  ticket_id    uuid not null,
  at           timestamptz not null default now(),
  side         text not null,
  author       uuid,
  is_internal  boolean not null default false,
  body         text not null,
  mail_at      timestamptz,
  mail_tries   int not null default 0,
  constraint message_is_of_a_ticket_of_its_organization foreign key (org_id, ticket_id) references private.tickets (org_id, id) on delete cascade,
  constraint ticket_side_is_known check (side in ('person', 'staff')),
  constraint only_staff_notes_for_itself check (side = 'staff' or not is_internal),
  constraint note_is_not_mailed check (mail_at is null or not is_internal),
  constraint ticket_words_are_short check (length(body) between 1 and 5000)
);
comment on table private.ticket_messages is 'What both sides wrote in a ticket, and notes of Flow''s people, which nobody else sees.';
comment on column private.ticket_messages.id is 'Grows with time.';
comment on column private.ticket_messages.org_id is 'The organization of its ticket; null: from outside.';
comment on column private.ticket_messages.ticket_id is 'The ticket. From outside, no foreign key holds it: such tickets are deleted only with their messages (979_retention.sql).';
comment on column private.ticket_messages.at is 'When.';
comment on column private.ticket_messages.side is 'person: who asks; staff: Flow.';
comment on column private.ticket_messages.author is 'Who wrote; null: from outside, or an operator on the command line. No foreign key: it outlives the account.';
comment on column private.ticket_messages.is_internal is 'A note of Flow''s people for themselves: shown, mailed and exported to nobody else.';
comment on column private.ticket_messages.body is 'The words.';
comment on column private.ticket_messages.mail_at is 'When a mail about it is to be tried (again); null: none is.';
comment on column private.ticket_messages.mail_tries is 'How often it was tried.';
create index ticket_messages_of on private.ticket_messages (ticket_id, id desc);
create index ticket_messages_org on private.ticket_messages (org_id, ticket_id);
create index ticket_messages_to_mail on private.ticket_messages (mail_at) where mail_at is not null;
alter table private.ticket_messages enable row level security;

create table private.inquiry_people (
  ticket_id     uuid primary key,
  name          text not null,
  email         text not null,
  business      text,
  token_sha256  bytea not null unique,
  constraint inquirer_is_short check (length(name) between 1 and 200 and length(email) between 3 and 254 and length(business) <= 200),
  constraint inquiry_token_is_a_sha256 check (length(token_sha256) = 32)
);
comment on table private.inquiry_people is 'Who asked from outside, apart from the inquiry itself, which stays without them as proof.';
comment on column private.inquiry_people.ticket_id is 'The inquiry. No foreign key: it outlives this row, and is deleted only with it.';
comment on column private.inquiry_people.name is 'As given.';
comment on column private.inquiry_people.email is 'As given, in lower case; proved where the inquiry is confirmed.';
comment on column private.inquiry_people.business is 'The business it is about, as given; null: Flow itself.';
comment on column private.inquiry_people.token_sha256 is 'Hash of the secret link''s word. The word itself is not kept.';
alter table private.inquiry_people enable row level security;

create table private.ticket_reads (
  org_id     uuid not null,
  ticket_id  uuid not null,
  user_id    uuid not null,
  read_to    bigint not null,
  primary key (org_id, ticket_id, user_id),
  constraint read_is_of_a_ticket foreign key (org_id, ticket_id) references private.tickets (org_id, id) on delete cascade,
  constraint ticket_is_read_by_a_member foreign key (org_id, user_id) references public.memberships (org_id, user_id) on delete cascade
);
comment on table private.ticket_reads is 'How far each member has read a ticket.';
comment on column private.ticket_reads.org_id is 'The organization.';
comment on column private.ticket_reads.ticket_id is 'The ticket.';
comment on column private.ticket_reads.user_id is 'The member.';
comment on column private.ticket_reads.read_to is 'The last message they have read.';
create index ticket_reads_of_a_member on private.ticket_reads (org_id, user_id);
alter table private.ticket_reads enable row level security;

alter table public.notifications add column ticket_id uuid;
comment on column public.notifications.ticket_id is 'The ticket. No foreign key: it may be gone.';

create function private.draw_member_pace() returns void
  language plpgsql volatile security definer set search_path = '' as $$
declare
  v_wait constant interval := (private.draw('support_member', auth.uid()::text, 20, interval '1 hour')).wait;
begin
  if v_wait is not null then
    raise sqlstate 'PT429' using message = 'You wrote to support very often just now.', detail = 'too_many_tickets', hint = private.retry_at(clock_timestamp() + v_wait);
  end if;
end;
$$;
comment on function private.draw_member_pace is 'Lets a member write to support 20 times an hour. Raises PT429 too_many_tickets with retry_at.';

create function private.clean_diagnostics(given jsonb) returns jsonb
  language sql immutable set search_path = '' as $$
  -- What may go has a form that words, numbers of people and secrets do not have; everything else stays behind.
  with single (key, form) as (values
    ('browser', '^(Chrome|Edge|Firefox|Opera|Safari|Samsung Internet) [0-9]{1,4}$'), ('os', '^(Android|ChromeOS|iOS|Linux|macOS|Windows)( [0-9]{1,3})?$'), ('route', '^(/|(/(:[a-z]{1,20}|[a-z][a-z-]{0,29})){1,5})$'),
    ('release', '^[0-9a-f]{8,16}$'), ('language', '^(en|hi)$'), ('screen', '^[0-9]{2,4}x[0-9]{2,4}$')),
  many (key, form) as (values
    ('requests', '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'), ('traces', '^[0-9a-f]{32}$'), ('errors', '^[0-9a-f]{16,64}$'), ('health', '^[a-z][a-z0-9_]{0,62}$')),
  kept (key, value) as (
    select s.key, clean_diagnostics.given -> s.key from single s
     where jsonb_typeof(clean_diagnostics.given -> s.key) = 'string' and clean_diagnostics.given ->> s.key ~ s.form
    union all
    select m.key, jsonb_agg(e.value order by e.n)
      from many m, jsonb_array_elements(case when jsonb_typeof(clean_diagnostics.given -> m.key) = 'array' then clean_diagnostics.given -> m.key else '[]' end) with ordinality e (value, n)
     where e.n <= 10 and jsonb_typeof(e.value) = 'string' and e.value #>> '{}' ~ m.form group by m.key)
  select coalesce(jsonb_object_agg(k.key, k.value), '{}') from kept k
$$;
comment on function private.clean_diagnostics is
  'Of what a browser tells of itself, what has the expected form: {browser, os, route (with :id for ids), release, language, screen, requests: [id], traces: [id], errors: [fingerprint], health: [kind]}, lists of ten at most.';

create function private.inquiry_due(category text, at timestamptz) returns timestamptz
  language sql immutable set search_path = '' as $$ select inquiry_due.at + case inquiry_due.category when 'security' then interval '72 hours' else interval '30 days' end $$;
comment on function private.inquiry_due is
  'Until when an inquiry is to be settled: 30 days for requests and grievances (SPDI Rules 2011, Rule 5(9): a month; GDPR Art. 12(3): a month; DPDP Rule 14: 90 days), 72 hours for reports about security (Flow''s own word).';

create function private.ticket_reference(number bigint) returns text
  language sql immutable set search_path = '' as $$ select 'F-' || ticket_reference.number $$;
comment on function private.ticket_reference is 'How a ticket is called: F-1001.';

create function private.write_in_ticket(ticket private.tickets, side text, body text, is_internal boolean default false, mails boolean default false) returns bigint
  language plpgsql volatile security definer set search_path = '' as $$
#variable_conflict use_column
declare
  v_body text := btrim(coalesce(write_in_ticket.body, ''), e' \t\r\n');
  v_id   bigint;
begin
  if length(v_body) not between 1 and 5000 then
    raise sqlstate 'PT422' using message = 'A message has 1 to 5,000 characters.', detail = 'text_invalid', hint = 'Field: text.';
  end if;
  -- Sent twice within a minute it is one: whoever got no answer sends again.
  select m.id into v_id from private.ticket_messages m
   where m.ticket_id = (ticket).id and m.id >= (ticket).last_id and m.side = write_in_ticket.side and m.is_internal = write_in_ticket.is_internal
     and m.author is not distinct from auth.uid() and m.body = v_body and m.at > now() - interval '1 minute';
  if found then
    return v_id;
  end if;
  insert into private.ticket_messages (org_id, ticket_id, side, author, is_internal, body, mail_at)
  values ((ticket).org_id, (ticket).id, write_in_ticket.side, auth.uid(), write_in_ticket.is_internal, v_body, case when write_in_ticket.mails then now() end)
  returning id into v_id;
  if write_in_ticket.is_internal then
    return v_id;
  end if;
  update private.tickets t
     set last_id = v_id, changed_at = now(), solved_at = null, closed_at = null,
         state = case when t.last_id = 0 or t.state = 'unconfirmed' then t.state when write_in_ticket.side = 'staff' then 'waiting_for_you' when t.first_answer_at is null then 'open' else 'waiting_for_us' end,
         first_answer_at = case when write_in_ticket.side = 'staff' then coalesce(t.first_answer_at, now()) else t.first_answer_at end
   where t.id = (ticket).id;
  return v_id;
end;
$$;
comment on function private.write_in_ticket is
  'Adds a message, or a note, to a ticket whose row the caller has locked, and moves its state: any answer opens a solved or closed one again. mails: a mail tells of it. Returns its id. Raises PT422 text_invalid. Definer: called beneath RLS.';

create function private.ticket_page(ticket_id uuid, before_id bigint, with_notes boolean) returns jsonb
  language sql stable security definer set search_path = '' as $$
  select jsonb_build_object('messages', coalesce(jsonb_agg(jsonb_build_object('id', p.id, 'at', p.at, 'side', p.side, 'body', p.body,
             'name', case when p.side = 'person' or ticket_page.with_notes then coalesce(f.name, f.email) end)
             || case when ticket_page.with_notes then jsonb_build_object('is_internal', p.is_internal) else '{}' end order by p.id) filter (where p.place <= 50), '[]'),
           'next', min(p.id) filter (where p.place = 50 and p.of > 50))
    from (select m.*, row_number() over (order by m.id desc) as place, count(*) over () as of
            from (select x.* from private.ticket_messages x
                   where x.ticket_id = ticket_page.ticket_id and x.id < coalesce(ticket_page.before_id, 9223372036854775807) and (ticket_page.with_notes or not x.is_internal)
                   order by x.id desc limit 51) m) p
    left join public.profiles f on f.id = p.author
$$;
comment on function private.ticket_page is
  'The last 50 messages of a ticket before an id: {messages: [{id, at, side, body, name}], next: before_id of earlier ones or null}. with_notes: for Flow''s people, with is_internal and their names. Definer: closed tables.';

-- Members ------------------------------------------------------------------------------------------------------------------

create function private.own_ticket(org_id uuid, ticket_id uuid) returns private.tickets
  language plpgsql volatile security definer set search_path = '' as $$
#variable_conflict use_column
declare
  v_role   text := private.require_role(own_ticket.org_id, 'agent');
  v_ticket private.tickets;
begin
  select t.* into v_ticket from private.tickets t
   where t.org_id = own_ticket.org_id and t.id = own_ticket.ticket_id and (v_role in ('admin', 'owner') or t.opened_by = auth.uid()) for no key update;
  if not found then
    raise sqlstate 'PT404' using message = 'There is no such ticket.', detail = 'ticket_not_found', hint = 'It may be somebody else''s.';
  end if;
  return v_ticket;
end;
$$;
comment on function private.own_ticket is 'A ticket that the member who asks may see, and write in: their own, or, for administrators, any of the organization; locked. Raises PT404 ticket_not_found.';

create function private.ticket_diagnostics(org_id uuid) returns jsonb
  language plpgsql volatile security definer set search_path = '' as $$
declare
  v_found jsonb;
begin
  perform private.require_role(ticket_diagnostics.org_id, 'agent');
  v_found := jsonb_build_object(
    'health', (select coalesce(jsonb_agg(distinct h.kind), '[]') from public.whatsapp_health h where h.org_id = ticket_diagnostics.org_id),
    'requests', (select coalesce(jsonb_agg(x.request_id), '[]') from (select r.request_id from private.request_log r
                  where r.user_id = auth.uid() and r.occurred_at > now() - interval '1 hour' order by r.occurred_at desc limit 10) x),
    'errors', (select coalesce(jsonb_agg(x.fingerprint), '[]') from (select e.fingerprint from private.error_events e
                where e.user_id = auth.uid() and e.occurred_at > now() - interval '1 day' group by 1 order by max(e.occurred_at) desc limit 10) x));
  return private.clean_diagnostics(v_found);
end;
$$;
comment on function private.ticket_diagnostics is 'Body of public.ticket_diagnostics. Definer: telemetry is closed to all; it tells the asking person''s own.';
create function public.ticket_diagnostics(org_id uuid) returns jsonb
  language sql volatile set search_path = '' begin atomic select private.ticket_diagnostics(org_id); end;
comment on function public.ticket_diagnostics is
  'What Flow knows that may help with a ticket, for the person to look at before they send it: {requests: ids of their last hour, errors: fingerprints of theirs of a day, health: kinds of findings}, no words of anybody. Members. Raises PT404.';

create function private.open_ticket(org_id uuid, ticket jsonb) returns jsonb
  language plpgsql volatile security definer set search_path = '' as $$
#variable_conflict use_column
declare
  v_subject text := regexp_replace(btrim(coalesce(open_ticket.ticket ->> 'subject', '')), '\s+', ' ', 'g');
  v_ticket  private.tickets;
begin
  perform private.require_caller(open_ticket.org_id, 'agent');
  if length(v_subject) not between 1 and 200 then
    raise sqlstate 'PT422' using message = 'A subject has 1 to 200 characters.', detail = 'subject_invalid', hint = 'Field: subject.';
  elsif coalesce(open_ticket.ticket ->> 'category', '') not in ('question', 'problem', 'whatsapp', 'leads', 'billing', 'privacy', 'other')
     or coalesce(open_ticket.ticket ->> 'urgency', 'normal') not in ('low', 'normal', 'high', 'urgent') then
    raise sqlstate 'PT422' using message = 'Choose what it is about and how urgent it is.', detail = 'ticket_invalid', hint = 'Fields: category, urgency.';
  end if;
  perform private.draw_member_pace();
  insert into private.tickets (org_id, opened_by, category, urgency, subject, diagnostics)
  values (open_ticket.org_id, auth.uid(), open_ticket.ticket ->> 'category', coalesce(open_ticket.ticket ->> 'urgency', 'normal'), v_subject,
          private.clean_diagnostics(open_ticket.ticket -> 'diagnostics'))
  returning * into v_ticket;
  perform private.mark_ticket_read(v_ticket, private.write_in_ticket(v_ticket, 'person', open_ticket.ticket ->> 'text'));
  perform private.audit(v_ticket.org_id, 'ticket.opened', 'ticket', v_ticket.id::text);
  return jsonb_build_object('ticket_id', v_ticket.id, 'reference', private.ticket_reference(v_ticket.number));
end;
$$;
comment on function private.open_ticket is 'Body of public.open_ticket. Definer: nobody may write the tables.';
create function public.open_ticket(org_id uuid, ticket jsonb) returns jsonb
  language sql volatile set search_path = '' begin atomic select private.open_ticket(org_id, ticket); end;
comment on function public.open_ticket is
  'Writes to Flow''s support: {subject, text, category: question, problem, whatsapp, leads, billing, privacy or other, urgency: low, normal, high or urgent, diagnostics: what the person agreed to send}. Members. '
  'Returns {ticket_id, reference}. Raises PT404, PT422 subject_invalid, ticket_invalid, text_invalid, PT429 too_many_tickets.';

create function private.mark_ticket_read(ticket private.tickets, read_to bigint) returns void
  language sql volatile security definer set search_path = '' as $$
  insert into private.ticket_reads as r (org_id, ticket_id, user_id, read_to)
  select (mark_ticket_read.ticket).org_id, (mark_ticket_read.ticket).id, auth.uid(), mark_ticket_read.read_to
      on conflict (org_id, ticket_id, user_id) do update set read_to = excluded.read_to where r.read_to < excluded.read_to
$$;
comment on function private.mark_ticket_read is 'Notes how far the person who asks has read a ticket. Definer: nobody may write the table.';

create function private.my_tickets(org_id uuid, before_id bigint) returns jsonb
  language plpgsql stable security definer set search_path = '' as $$
#variable_conflict use_column
declare
  v_role  text := private.require_role(my_tickets.org_id, 'agent');
  v_last  bigint := coalesce(before_id, 9223372036854775807);
  v_ids   uuid[];
  v_items jsonb;
begin
  -- Each of the two has an index that ends in its order.
  if v_role in ('admin', 'owner') then
    v_ids := array(select t.id from private.tickets t where t.org_id = my_tickets.org_id and t.last_id < v_last order by t.last_id desc limit 31);
  else
    v_ids := array(select t.id from private.tickets t where t.org_id = my_tickets.org_id and t.opened_by = auth.uid() and t.last_id < v_last order by t.last_id desc limit 31);
  end if;
  select jsonb_agg(jsonb_build_object('id', t.id, 'reference', private.ticket_reference(t.number), 'subject', t.subject, 'category', t.category, 'urgency', t.urgency, 'state', t.state,
           'opened_by', t.opened_by, 'created_at', t.created_at, 'changed_at', t.changed_at, 'last_id', t.last_id, 'is_unread', t.last_id > coalesce(r.read_to, 0)) order by t.last_id desc)
    into v_items
    from private.tickets t left join private.ticket_reads r on r.org_id = t.org_id and r.ticket_id = t.id and r.user_id = auth.uid()
   where t.id = any (v_ids[1:30]);
  return jsonb_build_object('items', coalesce(v_items, '[]'), 'next', case when cardinality(v_ids) > 30 then v_items -> 29 -> 'last_id' end);
end;
$$;
comment on function private.my_tickets is 'Body of public.my_tickets. Definer: nobody may read the tables.';
create function public.my_tickets(org_id uuid, before_id bigint default null) returns jsonb
  language sql stable set search_path = '' begin atomic select private.my_tickets(org_id, before_id); end;
comment on function public.my_tickets is
  'Tickets to Flow''s support, those written in last first, 30 a page: an agent''s own, for administrators all of the organization: {items: [{id, reference, subject, category, urgency, state, opened_by, created_at, changed_at, last_id, is_unread}], '
  'next: before_id of the next page or null}. Raises PT404.';

create function private.read_ticket(org_id uuid, ticket_id uuid, before_id bigint) returns jsonb
  language plpgsql volatile security definer set search_path = '' as $$
declare
  v_ticket private.tickets;
begin
  perform private.require_caller(read_ticket.org_id, 'agent');
  v_ticket := private.own_ticket(read_ticket.org_id, read_ticket.ticket_id);
  perform private.mark_ticket_read(v_ticket, v_ticket.last_id);
  return jsonb_build_object('id', v_ticket.id, 'reference', private.ticket_reference(v_ticket.number), 'subject', v_ticket.subject, 'category', v_ticket.category, 'urgency', v_ticket.urgency,
      'state', v_ticket.state, 'opened_by', v_ticket.opened_by, 'created_at', v_ticket.created_at, 'diagnostics', v_ticket.diagnostics, 'access_asked_at', v_ticket.access_asked_at,
      'access', (select jsonb_build_object('expires_at', g.expires_at, 'ended_at', g.ended_at, 'is_open', g.ended_at is null and g.expires_at > now())
                   from public.support_grants g where g.org_id = v_ticket.org_id and g.id = v_ticket.grant_id))
    || private.ticket_page(v_ticket.id, read_ticket.before_id, false);
end;
$$;
comment on function private.read_ticket is 'Body of public.read_ticket. Definer: nobody may read the tables.';
create function public.read_ticket(org_id uuid, ticket_id uuid, before_id bigint default null) returns jsonb
  language sql volatile set search_path = '' begin atomic select private.read_ticket(org_id, ticket_id, before_id); end;
comment on function public.read_ticket is
  'A ticket as its organization sees it, from now on read by who asks: {id, reference, subject, category, urgency, state, opened_by, created_at, diagnostics, access_asked_at, access: {expires_at, ended_at, is_open} or null, '
  'messages: the last 50 before an id, [{id, at, side: person or staff, body, name}], next}. Agents their own, administrators any. Raises PT404 ticket_not_found.';
grant execute on function private.ticket_diagnostics, public.ticket_diagnostics, private.open_ticket, public.open_ticket, private.my_tickets, public.my_tickets,
  private.read_ticket, public.read_ticket to authenticated;
