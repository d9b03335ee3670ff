-- 977_erasing.sql: one person is erased: looked at before, and done in small steps that can stop and go on at any time.

------------------------------------------------------------------------------------------------
-- Before it is done
------------------------------------------------------------------------------------------------
create function private.erasure_preview(org_id uuid, contact_id uuid) returns jsonb
  language plpgsql stable security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_org     uuid := erasure_preview.org_id;
  v_contact public.contacts;
  v_pattern text;
  v_threads uuid[];
  v_leads   uuid[];
  v_name    text;
begin
  perform private.require_role(v_org, 'admin');
  select c.* into v_contact from public.contacts c where c.org_id = v_org and c.id = erasure_preview.contact_id;
  if not found then
    raise sqlstate 'PT404' using message = 'There is no such contact.', detail = 'contact_unknown', hint = 'Reload the page.';
  elsif v_contact.erased_at is not null then
    perform private.raise_erased();
  end if;
  v_pattern := private.pattern_of(v_org, v_contact.id);
  v_threads := array(select c.id from public.conversations c where c.org_id = v_org and c.contact_id = v_contact.id);
  v_leads := array(select l.id from public.leads l where l.org_id = v_org and l.contact_id = v_contact.id);
  v_name := case when length(v_contact.name) >= 4 then '(?<!\w)' || regexp_replace(v_contact.name, '([^[:alnum:] ])', '\\\1', 'g') || '(?!\w)' end;
  return jsonb_build_object(
    'messages', (select count(*) from public.messages m where m.org_id = v_org and m.conversation_id = any (v_threads)),
    'files', (select count(*) from public.messages m join public.media f on f.org_id = m.org_id and f.message_id = m.id where m.org_id = v_org and m.conversation_id = any (v_threads)),
    'notes', (select count(*) from public.conversation_notes n where n.org_id = v_org and n.conversation_id = any (v_threads)),
    'leads', cardinality(v_leads),
    'activities', (select count(*) from public.lead_activities a where a.org_id = v_org and a.lead_id = any (v_leads)),
    'tasks', (select count(*) from public.tasks t where t.org_id = v_org and (t.lead_id = any (v_leads) or t.contact_id = v_contact.id)),
    'waiting', (select count(*) from public.scheduled_messages s where s.org_id = v_org and s.conversation_id = any (v_threads) and s.status = 'waiting')
             + (select count(*) from public.messages m where m.org_id = v_org and m.conversation_id = any (v_threads) and m.status = 'queued'),
    'sequences', (select count(*) from public.sequence_enrollments e where e.org_id = v_org and e.contact_id = v_contact.id and e.state = 'active'),
    'broadcasts', (select count(*) from public.broadcast_recipients r where r.org_id = v_org and r.contact_id = v_contact.id),
    'import_rows', (select count(*) from private.lead_import_rows r where r.org_id = v_org and (r.lead_id = any (v_leads) or r.contact_id = v_contact.id)),
    'webhooks', (select count(*) from (select e.received_at, e.event_id from private.event_effects e where e.org_id = v_org order by e.received_at desc, e.event_id desc limit 5000) e
                   join private.webhook_events w on w.received_at = e.received_at and w.id = e.event_id where private.tells(encode(w.body, 'escape'), v_pattern)),
    'dead_letters', (select count(*) from private.dead_letters d where d.org_id = v_org and private.tells(d.item::text, v_pattern)),
    'audit', (select count(*) from public.audit_log l where l.org_id = v_org and l.object_id = any (array[v_contact.id::text] || v_threads::text[] || v_leads::text[])),
    'merged', (select count(*) from public.contact_merges m where m.org_id = v_org and m.survivor_id = v_contact.id and m.undone_at is null),
    'mentions', (
      select coalesce(jsonb_agg(jsonb_strip_nulls(jsonb_build_object('kind', x.kind, 'conversation_id', x.conversation_id, 'lead_id', x.lead_id, 'text', left(x.words, 200))) order by x.at desc), '[]') from (
        select y.* from (
          select 'note' as kind, n.conversation_id, null::uuid as lead_id, n.text as words, n.created_at as at from public.conversation_notes n where n.org_id = v_org and n.conversation_id <> all (v_threads)
          union all select 'lead_note', null, a.lead_id, a.details ->> 'text', a.at from public.lead_activities a where a.org_id = v_org and a.details ? 'text' and a.lead_id <> all (v_leads)
          union all select 'task', null, t.lead_id, concat_ws(': ', t.title, t.note), t.created_at from public.tasks t
                     where t.org_id = v_org and coalesce(t.lead_id <> all (v_leads), true) and coalesce(t.contact_id <> v_contact.id, true)) y
         where private.tells(y.words, v_pattern) or y.words ~* v_name order by y.at desc limit 50) x));
end;
$$;
comment on function private.erasure_preview is 'Body of public.erasure_preview. Definer: counts in closed tables, without asking a policy for each row.';
create function public.erasure_preview(org_id uuid, contact_id uuid) returns jsonb
  language sql stable set search_path = ''
begin atomic
  select private.erasure_preview(org_id, contact_id);
end;
comment on function public.erasure_preview is
  'What an erasure of a person would take: {messages, files, notes, leads, activities, tasks, waiting: messages that would have been sent, sequences, broadcasts, import_rows, webhooks: among the newest 5,000, dead_letters, audit, merged: '
  'contacts made one with them, mentions: [{kind: note, lead_note, task, conversation_id?, lead_id?, text}] of their name or numbers elsewhere, at most 50, which a person has to look at}. Admins. Raises PT403, PT404, PT409 contact_erased.';
grant execute on function private.erasure_preview, public.erasure_preview to authenticated;

------------------------------------------------------------------------------------------------
-- Doing it
------------------------------------------------------------------------------------------------
create function private.begin_erasing(erasure private.erasures) returns private.erasures
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_org     uuid := (erasure).org_id;
  v_contact uuid := (erasure).contact_id;
  v_threads uuid[] := array(select c.id from public.conversations c where c.org_id = v_org and c.contact_id = v_contact order by c.id);
begin
  update private.erasures e
     set status = 'erasing', started_at = now(), undo = null, next_at = now(), pattern = private.pattern_of(v_org, v_contact),
         ids = array(select ltrim(p.value, '+') from private.points_of(v_org, v_contact) p where p.kind <> 'email')
   where e.org_id = v_org and e.id = (erasure).id returning * into erasure;
  perform private.stop_outreach(v_org, v_contact, 'This person was erased');
  update public.messages m set status = 'failed', failed_at = now(), settle_at = null, needs_attention = false
   where m.org_id = v_org and m.conversation_id = any (v_threads) and m.status = 'uncertain';
  perform private.suppress_contact(v_org, v_contact);
  -- From here on nobody finds them: what they write is a new beginning.
  delete from public.contact_identities i where i.org_id = v_org and i.contact_id = v_contact;
  update public.contacts c
     set name = 'Erased contact', name_at = null, phone = null, phone_given = null, phone_kind = null, country = null, email = null, company = null, address = null, city = null, state = null,
         pincode = null, wa_id = null, user_id = null, username = null, username_at = null, parent_user_id = null, custom = '{}', erase_at = null, erased_at = now()
   where c.org_id = v_org and c.id = v_contact;
  delete from public.contact_points p where p.org_id = v_org and p.contact_id = v_contact;
  update public.conversations c set last_message_text = null, referral = null, unread_count = 0, window_expires_at = null, status = 'resolved' where c.org_id = v_org and c.id = any (v_threads);
  update public.tasks t set status = 'cancelled', closed_at = now(), version = t.version + 1
   where t.org_id = v_org and t.status = 'open' and (t.contact_id = v_contact or t.lead_id in (select l.id from public.leads l where l.org_id = v_org and l.contact_id = v_contact));
  return erasure;
end;
$$;
comment on function private.begin_erasing is 'The person loses name, numbers and addresses at once, and goes on the suppression list as of now; the caller holds the contact.';

create function private.erase_messages(erasure private.erasures, threads uuid[], key bytea, batch int) returns bigint
  language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_ids    bigint[];
  v_wamids text[];
  v_sets   text;
  v_table  text;
begin
  select string_agg(format('%I = %s', c.column_name, c.becomes), ', ') into v_sets from private.erased_columns c where c.table_name = 'public.messages';
  v_ids := array(select m.id from public.messages m
                  where m.org_id = (erasure).org_id and m.conversation_id = any (threads) and m.status <> 'sending'
                    and (m.text is not null or m.wamid not like 'erased.%' or m.context_wamid is not null or m.error_message is not null or m.reactions is not null or m.edits is not null
                         or m.status_notes is not null or m.body <> '{}' and (m.kind <> 'template' or m.body ? 'template' is false or m.body - 'template' <> '{}' or (m.body -> 'template') - 'name' <> '{}'))
                  limit batch for update);
  v_wamids := array(select m.wamid from public.messages m where m.org_id = (erasure).org_id and m.id = any (v_ids) and m.wamid not like 'erased.%');
  foreach v_table in array '{private.billing_facts,private.noted_costs}'::text[] loop
    execute format('update %s t set wamid = private.veiled($3, $1, t.wamid) where t.org_id = $1 and t.wamid = any ($2)', v_table) using (erasure).org_id, v_wamids, key;
  end loop;
  with booked as (select l.id from public.usage_ledger l where l.org_id = (erasure).org_id and l.wamid = any (v_wamids) and l.reverses is null)
  update public.usage_ledger t set wamid = private.veiled(key, t.org_id, t.wamid)
   where t.org_id = (erasure).org_id and t.id in (select b.id from booked b union all select r.id from public.usage_ledger r join booked b on r.org_id = (erasure).org_id and r.reverses = b.id);
  execute format('update public.messages t set %s where t.org_id = $1 and t.id = any ($2)', v_sets) using (erasure).org_id, v_ids, null::uuid[], null::uuid[], null::text, key;
  return cardinality(v_ids);
end;
$$;
comment on function private.erase_messages is 'A batch of messages becomes stubs, and books, facts and windows name them by the same pseudonym. What is being sent waits for its end. Returns how many.';

create function private.erase_events(erasure private.erasures, batch int) returns bigint
  language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_event record;
  v_many  bigint := 0;
begin
  for v_event in
    select e.received_at, e.event_id from private.event_effects e
     where e.org_id = (erasure).org_id and (e.received_at, e.event_id) > ((erasure).after_at, (erasure).after_event) and e.received_at <= (erasure).started_at order by e.received_at, e.event_id limit batch
  loop
    v_many := v_many + 1;
    if exists (select from private.webhook_events w where w.received_at = v_event.received_at and w.id = v_event.event_id and private.tells(encode(w.body, 'escape'), (erasure).pattern)) then
      perform private.redact_event((erasure).org_id, v_event.received_at, v_event.event_id, (erasure).ids);
    end if;
  end loop;
  if v_many > 0 then
    update private.erasures e set after_at = v_event.received_at, after_event = v_event.event_id where e.org_id = (erasure).org_id and e.id = (erasure).id;
  end if;
  return v_many;
end;
$$;
comment on function private.erase_events is 'Looks at the next webhooks that were stored before the erasure began, and takes their part out; later ones lost it as they came (private.veil_erased). Returns how many it looked at.';

create function private.erase_rows(erasure private.erasures, rule private.erasure_rules, threads uuid[], leads uuid[], key bytea, batch int) returns bigint
  language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_set  text;
  v_left text := 'true';
  v_many bigint;
begin
  if (rule).does = 'blank' then
    select string_agg(format('%I = %s', c.column_name, c.becomes), ', '), string_agg(format('t.%I is distinct from %s', c.column_name, c.becomes), ' or ') into v_set, v_left
      from private.erased_columns c where c.table_name = (rule).table_name;
  end if;
  execute format(case (rule).does when 'blank' then 'update %1$s t set ' || replace(v_set, '%', '%%') else 'delete from %1$s t' end
                 || ' where t.org_id = $1 and t.ctid = any (array(select t.ctid from %1$s t where t.org_id = $1 and (%2$s) and (%3$s) limit $7))', (rule).table_name, (rule).mine, v_left)
    using (erasure).org_id, (erasure).contact_id, threads, leads, (erasure).pattern, key, batch;
  get diagnostics v_many = row_count;
  return v_many;
end;
$$;
comment on function private.erase_rows is 'Applies a rule to the next rows that it concerns. Returns how many.';

create function private.erasure_files(erasure private.erasures) returns jsonb
  language plpgsql stable security definer set search_path = ''
as $$
declare
  v_files jsonb;
begin
  if to_regclass('storage.objects') is null then
    return null;
  end if;
  execute $q$
    select jsonb_build_object('bucket', 'media', 'paths', jsonb_agg(f.path)) from (
      select distinct d.path from public.messages m join public.media d on d.org_id = m.org_id and d.message_id = m.id
        join storage.objects o on o.bucket_id = 'media' and o.name = d.path
       where m.org_id = $1 and m.conversation_id in (select c.id from public.conversations c where c.org_id = $1 and c.contact_id = $2)
         and not exists (select from public.quick_replies q where q.org_id = $1 and q.media_id = d.id) limit 100) f having count(*) > 0 $q$
    into v_files using (erasure).org_id, (erasure).contact_id;
  return v_files;
end;
$$;
comment on function private.erasure_files is 'Up to 100 files of the person: {bucket, paths}; null when there is none left. They are deleted through the Storage API.';

create function private.finish_erasing(erasure private.erasures) returns void
  language plpgsql volatile security definer set search_path = ''
as $$
begin
  update private.erasures e set status = 'erased', finished_at = now(), next_at = null, pattern = null, ids = null where e.org_id = (erasure).org_id and e.id = (erasure).id;
  perform private.audit((erasure).org_id, 'contact.erased', 'contact', (erasure).contact_id::text, jsonb_build_object('rows', (select coalesce(sum(n.value::bigint), 0) from jsonb_each_text((erasure).counts) n)));
end;
$$;
comment on function private.finish_erasing is 'Nothing is left: what they were known by is forgotten, and the audit log says that somebody was erased, naming nobody.';

create function worker.erase_step(batch int default 2000) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_erasure private.erasures;
  v_key     bytea;
  v_threads uuid[];
  v_leads   uuid[];
  v_rule    private.erasure_rules;
  v_files   jsonb;
  v_many    bigint := 0;
begin
  select e.* into v_erasure from private.erasures e
   where e.next_at <= now() and not exists (select from private.organization_deletions d where d.org_id = e.org_id and d.status = 'purging')
     and not private.is_held(e.org_id, e.contact_id)      -- it waits for a hold to be lifted
   order by random() limit 1;
  if not found then
    return jsonb_build_object('erasure_id', null);
  end if;
  -- The person first, as everywhere, then the request, which may have been taken back or carried on meanwhile.
  perform private.hold_people(v_erasure.org_id, array[v_erasure.contact_id]);
  select e.* into v_erasure from private.erasures e where e.org_id = v_erasure.org_id and e.id = v_erasure.id and e.next_at <= now() for update;
  if not found then
    return jsonb_build_object('erasure_id', v_erasure.id, 'rows', 0);
  elsif v_erasure.status = 'scheduled' then
    v_erasure := private.begin_erasing(v_erasure);
    return jsonb_build_object('erasure_id', v_erasure.id, 'rows', 1);
  end if;
  v_files := private.erasure_files(v_erasure);
  if v_files is not null then
    return jsonb_build_object('erasure_id', v_erasure.id, 'files', v_files);
  end if;
  perform set_config('flow.erasing', v_erasure.org_id::text, true);
  v_key := private.suppression_key();
  v_threads := array(select c.id from public.conversations c where c.org_id = v_erasure.org_id and c.contact_id = v_erasure.contact_id);
  v_leads := array(select l.id from public.leads l where l.org_id = v_erasure.org_id and l.contact_id = v_erasure.contact_id);
  for v_rule in select r.* from private.erasure_rules r where r.position >= v_erasure.rule and r.does not in ('nothing', 'with') order by r.position loop
    v_many := case v_rule.does when 'messages' then private.erase_messages(v_erasure, v_threads, v_key, erase_step.batch)
                               when 'events' then private.erase_events(v_erasure, least(erase_step.batch, 500))
                               else private.erase_rows(v_erasure, v_rule, v_threads, v_leads, v_key, erase_step.batch) end;
    exit when v_many > 0;
  end loop;
  if v_many > 0 then
    update private.erasures e set rule = v_rule.position, is_dirty = e.is_dirty or v_rule.does <> 'events',
           counts = e.counts || jsonb_build_object(v_rule.table_name, coalesce((e.counts ->> v_rule.table_name)::bigint, 0) + v_many)
     where e.org_id = v_erasure.org_id and e.id = v_erasure.id;
  elsif v_erasure.is_dirty then
    update private.erasures e set rule = 0, is_dirty = false where e.org_id = v_erasure.org_id and e.id = v_erasure.id;
  elsif exists (select from public.messages m where m.org_id = v_erasure.org_id and m.conversation_id = any (v_threads) and m.status in ('queued', 'sending', 'uncertain')) then
    update private.erasures e set next_at = now() + interval '1 minute' where e.org_id = v_erasure.org_id and e.id = v_erasure.id;
    perform private.stop_outreach(v_erasure.org_id, v_erasure.contact_id, 'This person was erased');
  else
    perform private.finish_erasing(v_erasure);
    return jsonb_build_object('erasure_id', v_erasure.id, 'is_finished', true);
  end if;
  return jsonb_build_object('erasure_id', v_erasure.id, 'table', v_rule.table_name, 'rows', v_many);
end;
$$;
comment on function worker.erase_step is
  'One small transaction of an erasure that is due. Returns {erasure_id: null} when none is; {erasure_id, files: {bucket, paths}}: delete these through the Storage API and call again; {erasure_id, table, rows}: '
  'that many were done, call again; {erasure_id, is_finished}: nothing of the person is left.';
grant execute on function worker.erase_step to service_role;
