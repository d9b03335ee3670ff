-- 570_consent.sql: the words that stop messages and start them again, who may decide for a person, and the answer to a stop.

------------------------------------------------------------------------------------------------
-- Words
------------------------------------------------------------------------------------------------
create table public.consent_words (
  org_id     uuid not null references public.organizations (id) on delete restrict,
  word       text not null,
  decision   text not null,
  created_at timestamptz not null default now(),
  primary key (org_id, word),
  constraint consent_word_decides_something_known check (decision in ('opt_in', 'opt_out')),
  constraint consent_word_is_short check (length(word) between 1 and 32)
);
comment on table public.consent_words is 'What an organization''s customers say beyond Flow''s own words to stop messages, or to have them again.';
comment on column public.consent_words.org_id is 'The organization.';
comment on column public.consent_words.word is 'The whole message, folded by private.fold_word.';
comment on column public.consent_words.decision is 'opt_out or opt_in.';
comment on column public.consent_words.created_at is 'When it was added.';
alter table public.consent_words enable row level security;
create policy "Members see their organization's consent words" on public.consent_words
  for select to authenticated using (org_id = any (array(select private.my_org_ids())));
grant select on public.consent_words to authenticated;

create table public.consent_settings (
  org_id          uuid primary key references public.organizations (id) on delete restrict,
  confirm_opt_out boolean not null default true,
  text            text not null default 'You will get no more messages from us. Send START if you change your mind.',
  updated_at      timestamptz not null default now(),
  constraint confirmation_fits_a_message check (length(btrim(text)) between 1 and 1024)
);
comment on table public.consent_settings is 'How an organization answers a customer who asks it to stop. No row: as the defaults say.';
comment on column public.consent_settings.org_id is 'The organization.';
comment on column public.consent_settings.confirm_opt_out is 'Whether a stop is confirmed, once, by a text.';
comment on column public.consent_settings.text is 'The text of the confirmation.';
comment on column public.consent_settings.updated_at is 'When it was last changed.';
alter table public.consent_settings enable row level security;
create policy "Members see how their organization answers a stop" on public.consent_settings
  for select to authenticated using (org_id = any (array(select private.my_org_ids())));
grant select on public.consent_settings to authenticated;
create trigger consent_settings_touch_updated_at before update on public.consent_settings
  for each row execute function private.touch_updated_at();

create function private.fold_word(words text) returns text
  language plpgsql immutable set search_path = ''
as $$
begin
  return btrim(regexp_replace(lower(normalize(left(words, 64), NFKC)), '[\s.!?,;:।॥"''*_~()\[\]…“”‘’\u200b-\u200d\ufe0f\u2060\ufeff-]+', ' ', 'g'));
end;
$$;
comment on function private.fold_word is 'Words as they are compared: lower case, compatible forms made one, punctuation and invisible characters gone.';

create function private.consent_word(text text) returns text
  language plpgsql immutable set search_path = ''
as $$      -- plpgsql: its plan is kept, that of an SQL function is made anew for each caller
begin
  return case
    when text in ('stop', 'stop all', 'stopall', 'unsubscribe', 'cancel', 'end', 'quit', 'opt out', 'optout', 'remove', 'stop promotions',
                  'बंद करो', 'बन्द करो', 'बंद करें', 'बन्द करें', 'बंद कर दो', 'रोकें', 'रोको', 'रोक दो', 'स्टॉप', 'मत भेजो', 'मैसेज मत भेजो',
                  'band karo', 'band kar do', 'band kardo', 'band karen', 'band kare', 'roko', 'rok do', 'mat bhejo', 'msg mat bhejo',
                  'message mat bhejo', 'stop karo', 'stop kar do') then 'opt_out'
    when text in ('start', 'unstop', 'subscribe', 'opt in', 'optin', 'resume', 'शुरू करो', 'शुरू करें', 'चालू करो', 'चालू करें', 'स्टार्ट',
                  'chalu karo', 'shuru karo', 'shuru kar do', 'start karo') then 'opt_in'
  end;
end;
$$;
comment on function private.consent_word is
  'opt_out or opt_in when the folded words are one of Flow''s (English, Hindi, Hinglish); null for anything longer: a person reads that.';

create function private.consent_decision(org_id uuid, words text) returns text
  language plpgsql stable security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_word     text;
  v_decision text;
begin
  if words is null or length(words) > 40 then
    return null;
  end if;
  v_word := private.fold_word(words);
  v_decision := private.consent_word(v_word);
  if v_decision is null and v_word <> '' then
    select w.decision into v_decision from public.consent_words w where w.org_id = consent_decision.org_id and w.word = v_word;
  end if;
  return v_decision;
end;
$$;
comment on function private.consent_decision is 'opt_out or opt_in when these words are one of Flow''s or of the organization''s; null otherwise.';

create function private.said_consent(org_id uuid, item jsonb) returns text
  language plpgsql stable security definer set search_path = ''
as $$
declare
  v_words   text;
  v_payload text;
begin
  case item ->> 'type'
  when 'text' then
    v_words := item #>> '{text,body}';
  when 'button' then
    v_words := item #>> '{button,text}';
    v_payload := item #>> '{button,payload}';
  when 'interactive' then
    v_words := coalesce(item #>> '{interactive,button_reply,title}', item #>> '{interactive,list_reply,title}');
    v_payload := coalesce(item #>> '{interactive,button_reply,id}', item #>> '{interactive,list_reply,id}');
  else
    return null;
  end case;
  return coalesce(private.consent_decision(said_consent.org_id, v_words), private.consent_decision(said_consent.org_id, v_payload));
end;
$$;
comment on function private.said_consent is
  'What a message decides: its whole text, or the words or payload of the button that was pressed, is such a word; null otherwise.';

create function private.consent_evidence(item jsonb) returns jsonb
  language plpgsql immutable set search_path = ''
as $$
begin
  return case item ->> 'type' when 'text' then jsonb_build_object('text', item #>> '{text,body}')
                              else jsonb_build_object('button', item -> (item ->> 'type')) end;
end;
$$;
comment on function private.consent_evidence is 'The exact words, or the whole button, that decided.';

------------------------------------------------------------------------------------------------
-- The answer to a stop
------------------------------------------------------------------------------------------------
create function private.confirm_opt_out(org_id uuid, conversation_id uuid, contact_id uuid, at timestamptz, wamid text) returns bigint
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_number public.whatsapp_numbers;
  v_on     boolean;
  v_text   text;
begin
  -- Late news (a retry of Meta, a replay) is obeyed, but not answered any more.
  if confirm_opt_out.at < now() - interval '1 hour' then
    return null;
  end if;
  select n.* into v_number from public.conversations c
    join public.whatsapp_numbers n on (n.org_id, n.id) = (c.org_id, c.number_id)
   where c.org_id = confirm_opt_out.org_id and c.id = confirm_opt_out.conversation_id and n.status <> 'disconnected'
     and c.window_expires_at > now();
  if not found or exists (select from public.messages m
                           where m.contact_id = confirm_opt_out.contact_id and m.org_id = confirm_opt_out.org_id
                             and m.at > now() - interval '24 hours' and m.origin = 'confirmation') then
    return null;
  end if;
  select s.confirm_opt_out, s.text into v_on, v_text from public.consent_settings s where s.org_id = confirm_opt_out.org_id;
  if v_on is false then
    return null;
  end if;
  return private.enqueue_message(confirm_opt_out.org_id, v_number.id, confirm_opt_out.contact_id,
    private.text_message(coalesce(v_text, 'You will get no more messages from us. Send START if you change your mind.')),
    'confirmation', null, md5('confirmation:' || confirm_opt_out.wamid)::uuid);
end;
$$;
comment on function private.confirm_opt_out is
  'Queues the one confirmation of a stop that a customer has just sent, if the organization wants it: at most one a day and person, and '
  'never for old news. Returns its message id, or null.';

create function private.take_consent(org_id uuid, conversation_id uuid, contact_id uuid, at timestamptz, decision text, evidence jsonb, wamid text,
                                     answers boolean) returns void
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_before timestamptz;
  v_after  timestamptz;
begin
  select c.opted_out_at into v_before from public.contacts c
   where c.org_id = take_consent.org_id and c.id = take_consent.contact_id for no key update;
  perform private.record_consent(take_consent.org_id, take_consent.contact_id, take_consent.at, take_consent.decision, 'inbound',
                                 take_consent.evidence, take_consent.wamid);
  if take_consent.answers and take_consent.decision = 'opt_out' and v_before is null then
    select c.opted_out_at into v_after from public.contacts c where c.org_id = take_consent.org_id and c.id = take_consent.contact_id;
    if v_after = take_consent.at then
      perform private.confirm_opt_out(take_consent.org_id, take_consent.conversation_id, take_consent.contact_id, take_consent.at, take_consent.wamid);
    end if;
  end if;
end;
$$;
comment on function private.take_consent is
  'Records what a customer''s message decided; a stop that is news is answered, if answers says so (an import is not).';

create function private.lock_for_answers(decided jsonb) returns void
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
begin
  perform from public.contacts c
   where (c.org_id, c.id) in (select d.org_id, d.contact_id from jsonb_to_recordset(decided) d (org_id uuid, contact_id uuid))
   order by c.org_id, c.id for no key update;
  perform from private.send_lanes l
   where (l.org_id, l.conversation_id) in (
     select c.org_id, c.id from jsonb_to_recordset(decided) d (org_id uuid, number_id uuid, contact_id uuid)
       join public.conversations c on (c.org_id, c.number_id, c.contact_id) = (d.org_id, d.number_id, d.contact_id))
   order by l.org_id, l.conversation_id for update;
end;
$$;
comment on function private.lock_for_answers is 'Before conversations are locked: the contacts that decided, and the lanes in which a stop is answered.';

------------------------------------------------------------------------------------------------
-- Decisions of members
------------------------------------------------------------------------------------------------
create function private.set_contact_consent(org_id uuid, contact_id uuid, decision text, evidence text) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_out timestamptz;
begin
  perform private.require_role(set_contact_consent.org_id, 'agent');
  if not exists (select from public.contacts c where c.org_id = set_contact_consent.org_id and c.id = set_contact_consent.contact_id) then
    raise sqlstate 'PT404' using message = 'There is no such contact', detail = 'contact_unknown', hint = 'Reload the page.';
  elsif set_contact_consent.decision is null or set_contact_consent.decision not in ('opt_in', 'opt_out') then
    raise sqlstate 'PT422' using message = 'Decide opt_in or opt_out', detail = 'decision_unknown', hint = 'One of the two.';
  elsif set_contact_consent.decision = 'opt_in' and coalesce(btrim(set_contact_consent.evidence), '') = '' then
    raise sqlstate 'PT422' using message = 'Say how they agreed', detail = 'evidence_missing',
      hint = 'For instance: asked on the phone on Monday; signed the form in the shop.';
  end if;
  perform private.record_consent(set_contact_consent.org_id, set_contact_consent.contact_id, now(), set_contact_consent.decision, 'person',
    jsonb_strip_nulls(jsonb_build_object('words', left(nullif(btrim(set_contact_consent.evidence), ''), 2000), 'person', auth.uid())),
    'person:' || gen_random_uuid());
  perform private.audit(set_contact_consent.org_id, 'contact.consent_set', 'contact', set_contact_consent.contact_id::text,
                        jsonb_build_object('decision', set_contact_consent.decision));
  select c.opted_out_at into v_out from public.contacts c
   where c.org_id = set_contact_consent.org_id and c.id = set_contact_consent.contact_id;
  return jsonb_build_object('contact_id', set_contact_consent.contact_id, 'opted_out_at', v_out);
end;
$$;
comment on function private.set_contact_consent is 'public.set_contact_consent behind its door.';
create function public.set_contact_consent(org_id uuid, contact_id uuid, decision text, evidence text default null) returns jsonb
  language sql volatile set search_path = ''
begin atomic
  select private.set_contact_consent(org_id, contact_id, decision, evidence);
end;
comment on function public.set_contact_consent is
  'A member records what a person told them: opt_out, or opt_in with how they agreed. Returns {contact_id, opted_out_at}. Raises PT404 '
  'contact_unknown, PT422 decision_unknown, evidence_missing.';
grant execute on function private.set_contact_consent, public.set_contact_consent to authenticated;

create function private.set_consent_words(org_id uuid, opt_out text[], opt_in text[]) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_bad text;
begin
  perform private.require_role(set_consent_words.org_id, 'admin');
  select string_agg(quote_literal(left(w, 40)), ', ') into v_bad
    from unnest(set_consent_words.opt_out || set_consent_words.opt_in) w where length(private.fold_word(w)) not between 1 and 32 or w is null;
  if v_bad is not null then
    raise sqlstate 'PT422' using message = format('A word has 1 to 32 letters: %s', v_bad), detail = 'word_invalid', hint = 'It must be the whole message.';
  elsif cardinality(set_consent_words.opt_out || set_consent_words.opt_in) > 100 then
    raise sqlstate 'PT422' using message = 'At most 100 words', detail = 'words_too_many', hint = 'Keep those that people use.';
  elsif exists (select from unnest(set_consent_words.opt_in) w where private.consent_word(private.fold_word(w)) = 'opt_out') then
    raise sqlstate 'PT422' using message = 'A word that stops cannot start', detail = 'word_stops', hint = 'Leave it out.';
  end if;
  delete from public.consent_words w where w.org_id = set_consent_words.org_id;
  insert into public.consent_words (org_id, word, decision)
  select set_consent_words.org_id, k.word, max(k.decision)          -- said of both, it stops
    from (select private.fold_word(w) as word, 'opt_out' as decision from unnest(set_consent_words.opt_out) w
          union all select private.fold_word(w), 'opt_in' from unnest(set_consent_words.opt_in) w) k
   group by k.word;
  perform private.audit(set_consent_words.org_id, 'consent_words.changed', 'organization', set_consent_words.org_id::text,
    jsonb_build_object('opt_out', to_jsonb(set_consent_words.opt_out), 'opt_in', to_jsonb(set_consent_words.opt_in)));
  return (select jsonb_build_object(
            'opt_out', coalesce(jsonb_agg(w.word order by w.word) filter (where w.decision = 'opt_out'), '[]'),
            'opt_in', coalesce(jsonb_agg(w.word order by w.word) filter (where w.decision = 'opt_in'), '[]'))
            from public.consent_words w where w.org_id = set_consent_words.org_id);
end;
$$;
comment on function private.set_consent_words is 'public.set_consent_words behind its door.';
create function public.set_consent_words(org_id uuid, opt_out text[] default '{}', opt_in text[] default '{}') returns jsonb
  language sql volatile set search_path = ''
begin atomic
  select private.set_consent_words(org_id, opt_out, opt_in);
end;
comment on function public.set_consent_words is
  'Sets the organization''s own words, whole messages, that stop (opt_out) and start (opt_in) messages, beside Flow''s. Admins. Returns '
  '{opt_out, opt_in} as they are compared. Raises PT403, PT404, PT422 word_invalid, words_too_many, word_stops.';
grant execute on function private.set_consent_words, public.set_consent_words to authenticated;

create function private.set_opt_out_answer(org_id uuid, confirm boolean, text text) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_new public.consent_settings;
begin
  perform private.require_role(set_opt_out_answer.org_id, 'admin');
  if length(btrim(set_opt_out_answer.text)) not between 1 and 1024 then
    raise sqlstate 'PT422' using message = 'The text has 1 to 1,024 characters', detail = 'text_invalid', hint = 'Write a sentence or two.';
  end if;
  insert into public.consent_settings (org_id) values (set_opt_out_answer.org_id) on conflict (org_id) do nothing;
  update public.consent_settings s
     set confirm_opt_out = coalesce(set_opt_out_answer.confirm, s.confirm_opt_out), text = coalesce(set_opt_out_answer.text, s.text)
   where s.org_id = set_opt_out_answer.org_id
  returning s.* into v_new;
  perform private.audit(set_opt_out_answer.org_id, 'opt_out_answer.changed', 'organization', set_opt_out_answer.org_id::text,
                        jsonb_build_object('confirm', v_new.confirm_opt_out));
  return jsonb_build_object('confirm', v_new.confirm_opt_out, 'text', v_new.text);
end;
$$;
comment on function private.set_opt_out_answer is 'public.set_opt_out_answer behind its door.';
create function public.set_opt_out_answer(org_id uuid, confirm boolean default null, text text default null) returns jsonb
  language sql volatile set search_path = ''
begin atomic
  select private.set_opt_out_answer(org_id, confirm, text);
end;
comment on function public.set_opt_out_answer is
  'Whether a customer''s stop is confirmed, and with which text; null leaves it as it is. Admins. Returns {confirm, text}. Raises PT403, PT404, PT422 text_invalid.';
grant execute on function private.set_opt_out_answer, public.set_opt_out_answer to authenticated;
