-- 981_retention_pages.sql: what owners see and set: how long things are kept, who used their tokens, who agreed to what.

create index credential_reads_newest on private.credential_reads (org_id, at desc, credential_id, purpose);
create index credential_reads_last on private.credential_reads (org_id, credential_id, at desc);
create index consent_events_decision on public.consent_events (org_id, decision, id desc);

-- How long ----------------------------------------------------------------------------------------------------------------

create function private.count_due(org_id uuid, class text, months int) returns jsonb
  language plpgsql stable security definer set search_path = ''
as $$
declare
  v_class  private.retention_classes;
  v_cutoff timestamptz;
  v_until  timestamptz;
  v_many   bigint;
  v_rows   bigint := 0;
  t        record;
begin
  select c.* into v_class from private.retention_classes c where c.class = count_due.class;
  v_cutoff := case when count_due.months is null then now() - v_class.keeps else now() - make_interval(months => count_due.months) end;
  if v_cutoff is null or private.is_held(count_due.org_id) and v_class.is_held then
    return case v_class.how when 'conversations' then '{"rows": 0, "messages": 0, "contacts": 0}' when 'files' then '{"rows": 0, "bytes": 0}' else '{"rows": 0}' end::jsonb;
  end if;
  case v_class.how
  when 'conversations' then
    select count(*) into v_many from public.messages m
     where m.org_id = count_due.org_id and m.created_at < v_cutoff and m.status not in ('queued', 'sending', 'uncertain')
       and not exists (select from private.legal_holds h where h.org_id = m.org_id and h.contact_id = m.contact_id and h.lifted_at is null);
    select count(*) into v_rows from public.contacts c
     where c.org_id = count_due.org_id and c.created_at < v_cutoff and c.retired_at is null and private.is_quiet(c.org_id, c.id, v_cutoff, true) and not private.is_held(c.org_id, c.id);
    return jsonb_build_object('rows', v_many + v_rows, 'messages', v_many, 'contacts', v_rows);
  when 'files' then
    return (
      select jsonb_build_object('rows', count(*), 'bytes', coalesce(sum(m.bytes), 0)) from public.media m
       where m.org_id = count_due.org_id and m.stored_at is not null and m.created_at < v_cutoff
         and not exists (select from public.messages x join private.legal_holds h on h.org_id = x.org_id and h.contact_id = x.contact_id and h.lifted_at is null
                          where x.org_id = m.org_id and x.id = m.message_id));
  when 'payloads' then
    select count(*) into v_rows from public.leads l
     where l.org_id = count_due.org_id and l.received_at < v_cutoff and l.created_at < v_cutoff and l.raw <> '{}' and not private.is_held(l.org_id, l.contact_id);
  when 'consent' then
    select count(*) into v_rows from public.contacts c join public.consent_events e on (e.org_id, e.contact_id) = (c.org_id, c.id)
     where c.org_id = count_due.org_id and c.retired_at < v_cutoff and private.is_quiet(c.org_id, c.id, v_cutoff);
  when 'partitions' then
    v_until := (current_date - extract(day from v_class.keeps)::int)::timestamptz;
    if v_class.class = 'webhooks' then
      select count(*) into v_rows from private.event_effects e where e.org_id = count_due.org_id and e.received_at < v_until;
    else
      v_rows := private.expired_telemetry(count_due.org_id, v_class.class);
    end if;
  else
    for t in select x.table_name, x.expired from private.retention_tables x
              where x.class = v_class.class and x.expired is not null
                and exists (select from pg_catalog.pg_attribute a where a.attrelid = to_regclass(x.table_name) and a.attname = 'org_id') loop
      execute format('select count(*) from %s t where %s and t.org_id = $2', t.table_name, t.expired) into v_many using v_cutoff, count_due.org_id;
      v_rows := v_rows + v_many;
    end loop;
  end case;
  return jsonb_build_object('rows', v_rows);
end;
$$;
comment on function private.count_due is 'What the next run of a class would take of an organization, with so many months, or null: as by default: {rows}; conversations: {rows, messages, contacts}; media: {rows, bytes}.';

create function private.check_retention(class text, months int) returns void
  language plpgsql stable security definer set search_path = ''
as $$
declare
  v_class private.retention_classes;
begin
  select c.* into v_class from private.retention_classes c where c.class = check_retention.class and c.least is not null;
  if not found then
    raise sqlstate 'PT422' using message = 'This is not yours to set.', detail = 'class_not_settable', hint = 'Messages and contacts, files, and enquiries as they came can be set.';
  elsif check_retention.months not between v_class.least and v_class.most then
    raise sqlstate 'PT422' using message = format('Give %s to %s months.', v_class.least, v_class.most), detail = 'months_out_of_bounds', hint = 'Or nothing, for the default.';
  end if;
end;
$$;
comment on function private.check_retention is 'Raises PT422 class_not_settable, months_out_of_bounds.';

create function private.retention(org_id uuid) returns jsonb
  language plpgsql stable security definer set search_path = ''
as $$
begin
  perform private.require_role(retention.org_id, 'admin');
  return jsonb_build_object(
    'classes', (
      select jsonb_agg(jsonb_build_object(
               'class', c.class, 'what', c.what, 'law', c.law, 'is_ours', not c.is_held, 'is_forever', c.how = 'never',
               'keeps', case when c.keeps is not null then jsonb_build_object('months', extract(year from c.keeps)::int * 12 + extract(month from c.keeps)::int,
                                                                             'days', extract(day from c.keeps)::int, 'hours', extract(hour from c.keeps)::int) end,
               'least', c.least, 'most', c.most, 'months', s.months, 'set_at', s.set_at, 'set_by', s.set_by,
               'last_at', (select r.finished_at from private.retention_runs r
                            where r.class = c.class and r.org_id is null and r.mode = 'real' and r.finished_at is not null and r.error is null order by r.started_at desc limit 1)) order by c.place)
        from private.retention_classes c left join private.retention_settings s on s.class = c.class and s.org_id = retention.org_id),
    'holds', (
      select coalesce(jsonb_agg(jsonb_build_object('id', h.id, 'contact_id', h.contact_id, 'contact', coalesce(c.name, c.phone), 'reason', h.reason, 'by_operator', h.by_operator,
                                                   'set_by', h.set_by, 'set_at', h.set_at) order by h.set_at desc), '[]')
        from private.legal_holds h left join public.contacts c on (c.org_id, c.id) = (h.org_id, h.contact_id)
       where h.org_id = retention.org_id and h.lifted_at is null),
    'runs', (
      select coalesce(jsonb_agg(jsonb_build_object('id', r.id, 'class', r.class, 'finished_at', r.finished_at, 'rows', r.rows, 'bytes', r.bytes) order by r.id desc), '[]')
        from (select x.* from private.retention_runs x where x.org_id = retention.org_id and x.mode = 'real' order by x.started_at desc limit 10) r));
end;
$$;
comment on function private.retention is 'Body of public.retention. Definer: reads closed tables; of runs over all organizations only when they ended.';
create function public.retention(org_id uuid) returns jsonb
  language sql stable set search_path = ''
begin atomic
  select private.retention(retention.org_id);
end;
comment on function public.retention is
  'How long everything is kept: {classes: [{class, what, law, keeps: {months, days, hours} or null, is_forever, is_ours: mere working data, least, most: months that may be set, or null, months: as set, set_at, set_by, last_at: last run}], '
  'holds: [{id, contact_id, contact, reason, by_operator, set_by, set_at}], runs: the last ten that took something of the organization: [{id, class, finished_at, rows, bytes}]}. Admins. Raises PT403, PT404.';

create function private.retention_preview(org_id uuid, settings jsonb) returns jsonb
  language plpgsql stable security definer set search_path = ''
as $$
begin
  perform private.require_role(retention_preview.org_id, 'owner');
  perform private.check_retention(k.key, k.value::int) from jsonb_each_text(coalesce(settings, '{}')) k;
  return (
    select jsonb_object_agg(c.class, private.count_due(retention_preview.org_id, c.class,
             case when settings ? c.class then (settings ->> c.class)::int else (select s.months from private.retention_settings s where s.class = c.class and s.org_id = retention_preview.org_id) end))
      from private.retention_classes c where c.least is not null);
end;
$$;
comment on function private.retention_preview is 'Body of public.retention_preview. Definer: counts without asking a policy for each row.';
create function public.retention_preview(org_id uuid, settings jsonb default '{}') returns jsonb
  language sql stable set search_path = ''
begin atomic
  select private.retention_preview(retention_preview.org_id, settings);
end;
comment on function public.retention_preview is
  'Removes nothing: counts what the next night would take with these settings, {class: months or null}; a class that is not given stays as it is set. Returns {conversations: {rows, messages, contacts}, media: {rows, bytes}, lead_payloads: {rows}}. '
  'Owners. Raises PT403, PT404, PT422 class_not_settable, months_out_of_bounds.';

create function private.set_retention(org_id uuid, class text, months int) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_before int;
begin
  perform private.require_role(set_retention.org_id, 'owner');
  perform private.check_retention(set_retention.class, set_retention.months);
  select s.months into v_before from private.retention_settings s where s.org_id = set_retention.org_id and s.class = set_retention.class for update;
  if set_retention.months is null then
    delete from private.retention_settings s where s.org_id = set_retention.org_id and s.class = set_retention.class;
  else
    insert into private.retention_settings as s (org_id, class, months, set_by) values (set_retention.org_id, set_retention.class, set_retention.months, auth.uid())
    on conflict on constraint retention_settings_pkey do update set months = excluded.months, set_by = excluded.set_by, set_at = now() where s.months <> excluded.months;
  end if;
  if v_before is distinct from set_retention.months then
    perform private.audit(set_retention.org_id, 'retention.changed', 'organization', set_retention.org_id::text,
                          jsonb_build_object('class', set_retention.class, 'from', v_before, 'to', set_retention.months));
  end if;
  return jsonb_build_object('class', set_retention.class, 'months', set_retention.months);
end;
$$;
comment on function private.set_retention is 'Body of public.set_retention. Definer: the settings are closed to all.';
create function public.set_retention(org_id uuid, class text, months int default null) returns jsonb
  language sql volatile set search_path = ''
begin atomic
  select private.set_retention(set_retention.org_id, class, months);
end;
comment on function public.set_retention is
  'Sets for how many months a class (conversations, media, lead_payloads) is kept; null: as by default. From the next night on what is older goes for good; look at retention_preview first. Returns {class, months}. Owners. '
  'Raises PT403, PT404, PT422 class_not_settable, months_out_of_bounds.';

create function private.start_legal_hold(org_id uuid, reason text, contact_id uuid) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
begin
  perform private.require_role(start_legal_hold.org_id, 'owner');
  return jsonb_build_object('hold_id', private.add_hold(start_legal_hold.org_id, start_legal_hold.reason, start_legal_hold.contact_id, false));
end;
$$;
comment on function private.start_legal_hold is 'Body of public.start_legal_hold. Definer: the holds are closed to all.';
create function public.start_legal_hold(org_id uuid, reason text, contact_id uuid default null) returns jsonb
  language sql volatile set search_path = ''
begin atomic
  select private.start_legal_hold(start_legal_hold.org_id, reason, contact_id);
end;
comment on function public.start_legal_hold is
  'Nothing goes by age any more, of the organization or of one contact, until the hold is lifted; nor can the organization be deleted. Returns {hold_id}. Owners. Raises PT403, PT404 contact_unknown, PT422 reason_missing.';

create function private.lift_legal_hold(org_id uuid, hold_id uuid) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
begin
  perform private.require_role(lift_legal_hold.org_id, 'owner');
  perform private.lift_hold(lift_legal_hold.org_id, lift_legal_hold.hold_id, false);
  return jsonb_build_object('hold_id', lift_legal_hold.hold_id);
end;
$$;
comment on function private.lift_legal_hold is 'Body of public.lift_legal_hold. Definer: the holds are closed to all.';
create function public.lift_legal_hold(org_id uuid, hold_id uuid) returns jsonb
  language sql volatile set search_path = ''
begin atomic
  select private.lift_legal_hold(lift_legal_hold.org_id, hold_id);
end;
comment on function public.lift_legal_hold is 'Ends a hold that an owner set; what is too old goes from the next night on. Returns {hold_id}. Owners. Raises PT403, PT404 hold_unknown, PT409 hold_of_flow.';
grant execute on function private.retention, public.retention, private.retention_preview, public.retention_preview, private.set_retention, public.set_retention,
  private.start_legal_hold, public.start_legal_hold, private.lift_legal_hold, public.lift_legal_hold to authenticated;

create function worker.set_legal_hold(org_id uuid, reason text default null, hold_id uuid default null, contact_id uuid default null) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
begin
  if set_legal_hold.hold_id is not null then
    perform private.lift_hold(set_legal_hold.org_id, set_legal_hold.hold_id, true);
    return jsonb_build_object('hold_id', set_legal_hold.hold_id, 'is_lifted', true);
  end if;
  return jsonb_build_object('hold_id', private.add_hold(set_legal_hold.org_id, set_legal_hold.reason, set_legal_hold.contact_id, true), 'is_lifted', false);
end;
$$;
comment on function worker.set_legal_hold is 'Flow holds an organization''s data, or a contact''s, for a reason that its owners see; with hold_id: lifts that hold, whoever set it. Returns {hold_id, is_lifted}. Raises as private.add_hold and lift_hold.';

create function worker.retention_dry_run(org_id uuid) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_counts jsonb;
begin
  select jsonb_object_agg(c.class, private.count_due(retention_dry_run.org_id, c.class,
           (select s.months from private.retention_settings s where s.class = c.class and s.org_id = retention_dry_run.org_id)))
    into v_counts from private.retention_classes c where c.how <> 'never';
  insert into private.retention_runs (org_id, class, mode, finished_at, rows, bytes)
  select retention_dry_run.org_id, k.key, 'dry', clock_timestamp(), (k.value ->> 'rows')::bigint, coalesce((k.value ->> 'bytes')::bigint, 0) from jsonb_each(v_counts) k;
  return v_counts;
end;
$$;
comment on function worker.retention_dry_run is 'Counts what the next run of each class would take of an organization, and notes it as a dry run: {class: {rows, …}}.';

create function worker.retention_problems() returns jsonb
  language sql stable security definer set search_path = ''
as $$
  select jsonb_build_object('problems', coalesce(jsonb_agg(jsonb_build_object('class', c.class, 'last_at', w.at, 'is_late', w.is_late, 'error', w.error) order by c.place), '[]'))
    from private.retention_classes c
   cross join lateral (
     select max(r.finished_at) filter (where r.error is null) as at,
            coalesce(max(r.finished_at) filter (where r.error is null), c.added_at) < now() - interval '48 hours' as is_late,
            (array_agg(r.error order by r.started_at desc))[1] as error
       from private.retention_runs r where r.class = c.class and r.org_id is null and r.mode = 'real' and r.started_at > now() - interval '10 days') w
   where c.how <> 'never' and (w.is_late or w.error is not null)
$$;
comment on function worker.retention_problems is 'Classes without a run that ended well for 48 hours, or whose last run failed: {problems: [{class, last_at, is_late, error}]}.';
grant execute on function worker.set_legal_hold, worker.retention_dry_run, worker.retention_problems to service_role;

-- Who used our tokens --------------------------------------------------------------------------------------------------------

create function private.credential_label(org_id uuid, credential_id uuid) returns text
  language sql stable security definer set search_path = ''
as $$
  select coalesce(
    (select coalesce(nullif(string_agg(coalesce(n.display_phone, n.verified_name), ', ' order by n.display_phone), ''), max(a.name))
       from public.whatsapp_accounts a left join public.whatsapp_numbers n on (n.org_id, n.account_id) = (a.org_id, a.id)
      where a.org_id = credential_label.org_id and (a.credential_id = credential_label.credential_id
            or exists (select from private.meta_cleanups k where k.org_id = a.org_id and k.account_id = a.id and k.credential_id = credential_label.credential_id))),
    (select n.display_phone from public.whatsapp_numbers n where n.org_id = credential_label.org_id and n.pin_credential_id = credential_label.credential_id limit 1),
    (select s.name from public.lead_sources s where s.org_id = credential_label.org_id and s.credential_id = credential_label.credential_id limit 1))
$$;
comment on function private.credential_label is 'What a credential opens, as people know it: its WhatsApp numbers, or its lead source; null when nothing uses it any more.';

create function private.list_credential_reads(org_id uuid, credential_id uuid, before_at timestamptz, before_key text, page_size int) returns jsonb
  language plpgsql stable security definer set search_path = ''
as $$
declare
  v_most int := least(greatest(coalesce(page_size, 50), 1), 200);
  v_id   uuid := case when before_key ~ '^[0-9a-f-]{36} ' then left(before_key, 36)::uuid end;
begin
  perform private.require_role(list_credential_reads.org_id, 'owner');
  if list_credential_reads.credential_id is not null
     and not exists (select from private.credentials c where c.org_id = list_credential_reads.org_id and c.id = list_credential_reads.credential_id)
     and not exists (select from private.credential_reads r where r.org_id = list_credential_reads.org_id and r.credential_id = list_credential_reads.credential_id) then
    raise sqlstate 'PT404' using message = 'There is no such token.', detail = 'credential_unknown', hint = 'Reload the page.';
  end if;
  return (
    with page as (
      select r.at, r.credential_id || ' ' || r.purpose as key, r.credential_id, r.purpose, r.reads
        from private.credential_reads r
       where r.org_id = list_credential_reads.org_id and (list_credential_reads.credential_id is null or r.credential_id = list_credential_reads.credential_id)
         and r.at <= coalesce(before_at, 'infinity') and (before_at is null or r.at < before_at or (r.credential_id, r.purpose) > (v_id, substr(before_key, 38)))
       order by r.at desc, r.credential_id, r.purpose limit v_most),
    labels as materialized (
      select d.credential_id, c.kind, private.credential_label(list_credential_reads.org_id, d.credential_id) as label
        from (select distinct p.credential_id from page p) d
        left join private.credentials c on c.org_id = list_credential_reads.org_id and c.id = d.credential_id)
    select jsonb_build_object(
      'items', coalesce(jsonb_agg(jsonb_build_object('at', p.at, 'key', p.key, 'credential_id', p.credential_id, 'purpose', p.purpose, 'reads', p.reads, 'kind', l.kind, 'label', l.label)
                                  order by p.at desc, p.credential_id, p.purpose), '[]'),
      'next', case when count(*) = v_most then (array_agg(jsonb_build_object('before_at', p.at, 'before_key', p.key) order by p.at, p.credential_id desc, p.purpose desc))[1] end)
      from page p join labels l on l.credential_id = p.credential_id);
end;
$$;
comment on function private.list_credential_reads is 'Body of public.list_credential_reads. Definer: the record is closed to all.';
create function public.list_credential_reads(org_id uuid, credential_id uuid default null, before_at timestamptz default null, before_key text default null, page_size int default 50) returns jsonb
  language sql stable set search_path = ''
begin atomic
  select private.list_credential_reads(list_credential_reads.org_id, credential_id, before_at, before_key, page_size);
end;
comment on function public.list_credential_reads is
  'Who used our tokens, newest first; of one credential, or null for all: {items: [{at: the minute, key, credential_id, purpose: dispatch, indiamart, media, templates…, health, signup, cleanup, reconcile, rotation …, reads: how often in it, kind, label: the numbers or the '
  'source, both null once it is gone}], next: {before_at, before_key} or null}. Kept as the class access says. Owners. Raises PT403, PT404 credential_unknown.';

create function private.credential_summary(org_id uuid) returns jsonb
  language plpgsql stable security definer set search_path = ''
as $$
begin
  perform private.require_role(credential_summary.org_id, 'owner');
  return jsonb_build_object(
    'key', (select jsonb_build_object('key_id', k.key_id, 'made_at', k.created_at) from private.credential_keys k where k.state = 'active'),
    'credentials', (
      select coalesce(jsonb_agg(jsonb_build_object(
               'credential_id', c.id, 'kind', c.kind, 'label', private.credential_label(c.org_id, c.id), 'sealed_at', c.created_at, 'key_id', c.key_id, 'key_made_at', k.created_at,
               'last_used_at', (select r.at from private.credential_reads r where r.org_id = c.org_id and r.credential_id = c.id order by r.at desc limit 1),
               'broken_at', c.broken_at, 'revoked_at', c.revoked_at, 'kept_until', c.kept_until, 'removed_at', c.removed_at) order by c.revoked_at is not null, c.created_at desc, c.id), '[]')
        from (select x.* from private.credentials x where x.org_id = credential_summary.org_id order by x.revoked_at is not null, x.created_at desc, x.id limit 100) c
        join private.credential_keys k on k.key_id = c.key_id));
end;
$$;
comment on function private.credential_summary is 'Body of public.credential_summary. Definer: reads closed tables; no ciphertext, no hint.';
create function public.credential_summary(org_id uuid) returns jsonb
  language sql stable set search_path = ''
begin atomic
  select private.credential_summary(credential_summary.org_id);
end;
comment on function public.credential_summary is
  'The tokens and keys that Flow holds, never a piece of one: {key: {key_id, made_at} of the active key, credentials: up to 100, in use first: [{credential_id, kind, label, sealed_at, key_id, key_made_at, last_used_at, broken_at, revoked_at, kept_until, removed_at}]}. '
  'Owners. Raises PT403, PT404.';

-- Who agreed to what -----------------------------------------------------------------------------------------------------------

create function private.list_consent_events(org_id uuid, contact_id uuid, decision text, before_id bigint, page_size int) returns jsonb
  language plpgsql stable security definer set search_path = ''
as $$
declare
  v_most int := least(greatest(coalesce(page_size, 50), 1), 1000);
begin
  perform private.require_role(list_consent_events.org_id, 'agent');
  if list_consent_events.contact_id is not null
     and not exists (select from public.contacts c where c.org_id = list_consent_events.org_id and c.id = list_consent_events.contact_id) then
    raise sqlstate 'PT404' using message = 'There is no such contact', detail = 'contact_unknown', hint = 'Reload the page.';
  end if;
  return (
    with page as (
      select e.* from public.consent_events e
       where e.org_id = list_consent_events.org_id and (list_consent_events.contact_id is null or e.contact_id = list_consent_events.contact_id)
         and (list_consent_events.decision is null or e.decision = list_consent_events.decision) and e.id < coalesce(before_id, 9223372036854775807)
       order by e.id desc limit v_most)
    select jsonb_build_object(
      'items', coalesce(jsonb_agg(jsonb_build_object('id', p.id, 'at', p.at, 'decision', p.decision, 'source', p.source, 'evidence', p.evidence, 'source_ref', p.source_ref,
                                                     'stored_at', p.created_at, 'contact_id', p.contact_id, 'name', c.name, 'phone', c.phone) order by p.id desc), '[]'),
      'next', case when count(*) = v_most then jsonb_build_object('before_id', min(p.id)) end)
      from page p join public.contacts c on (c.org_id, c.id) = (p.org_id, p.contact_id));
end;
$$;
comment on function private.list_consent_events is 'Body of public.list_consent_events. Definer: one policy for all rows of a page.';
create function public.list_consent_events(org_id uuid, contact_id uuid default null, decision text default null, before_id bigint default null, page_size int default 50) returns jsonb
  language sql stable set search_path = ''
begin atomic
  select private.list_consent_events(list_consent_events.org_id, contact_id, decision, before_id, page_size);
end;
comment on function public.list_consent_events is
  'The consent ledger as it was recorded, newest first; of one contact, of one decision (opt_in, opt_out), or all: {items: [{id, at, decision, source, evidence, source_ref, stored_at, contact_id, name, phone}], next: {before_id} or null}; up to 1,000 a page. '
  'Members. Raises PT404 contact_unknown.';
grant execute on function private.list_credential_reads, public.list_credential_reads, private.credential_summary, public.credential_summary, private.list_consent_events, public.list_consent_events to authenticated;
