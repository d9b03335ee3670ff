-- 822_indiamart_states.sql: how an organization's IndiaMART stands, in words, with what to do about it; all from stored facts.

create type private.indiamart_finding as (code text, level text, since timestamptz, until timestamptz, words text, remedy text);
comment on type private.indiamart_finding is
  'Something about an IndiaMART source that people should know. level: problem (leads are not coming), warning. until: when it ends by itself, null if it does not.';

-- Words ----------------------------------------------------------------------------------------------------

create function private.gap_words(state text, reason text) returns text
  language sql immutable security invoker set search_path = ''
as $$
  select case gap_words.state when 'lost' then 'lost, IndiaMART gives 365 days only; ' else '' end
      || case gap_words.reason
        when 'not_asked' then 'not asked for yet'
        when 'held_back' then 'a new key was in its first 24 hours, when IndiaMART holds older leads back'
        when 'incomplete' then 'IndiaMART left leads out of its answer'
        when 'quota' then 'IndiaMART''s limit of one call in five minutes was used up'
        when 'key_blocked' then 'IndiaMART had blocked the key for 15 minutes'
        when 'key_incorrect' then 'IndiaMART did not accept the key'
        when 'key_expired' then 'the key had expired unused'
        when 'key_replaced' then 'a newer key had been generated'
        when 'flow_fault' then 'IndiaMART did not understand the request'
        when 'supplier_error' then 'IndiaMART had an error'
        when 'no_answer' then 'no readable answer came'
        when 'worker_lost' then 'Flow was interrupted'
        when 'not_released' then 'IndiaMART had not released these leads yet'
        when 'disconnected' then 'IndiaMART was disconnected'
        else 'the call failed' end
$$;
comment on function private.gap_words is 'Why a time is not proven complete, for people, to stand in brackets.';

create function private.local_words(at timestamptz, time_zone text, beside timestamptz default null) returns text
  language sql stable security invoker set search_path = ''
as $$
  select case when (local_words.at at time zone local_words.time_zone)::date = (local_words.beside at time zone local_words.time_zone)::date
              then '' when (local_words.at at time zone local_words.time_zone)::date = (now() at time zone local_words.time_zone)::date
              then 'today ' else to_char(local_words.at at time zone local_words.time_zone, 'FMDD Mon YYYY ') end
      || to_char(local_words.at at time zone local_words.time_zone, 'HH24:MI')
$$;
comment on function private.local_words is 'An instant for people: "12 Nov 2026 14:05", "today 14:05"; only the clock when beside is on the same day.';

create function private.coverage_summary(source public.lead_sources, time_zone text, history_ends_at timestamptz) returns text
  language plpgsql stable security definer set search_path = ''
as $$
declare
  v_source public.lead_sources := coverage_summary.source;
  v_zone text := coverage_summary.time_zone;
  v_coverage private.source_coverage;
  v_from timestamptz;
  v_to timestamptz;
  v_gaps text[];
  v_words text;
  v_inner private.coverage_gap[];
  v_before record;
  v_after record;
begin
  select c.* into v_coverage from private.source_coverage c where c.org_id = v_source.org_id and c.source_id = v_source.id;
  if v_coverage.wanted_from is null then
    return case when v_source.credential_id is not null then 'Nothing was asked for yet; the first call comes within minutes.'
                when v_source.push_token_sha256 is not null
                  then 'IndiaMART pushes leads, but there is no key to fetch with: what a push loses is not noticed. Enter a key.'
                else 'IndiaMART is not connected.' end;
  end if;
  v_from := lower(v_coverage.covered);
  v_to := upper(v_coverage.covered);
  if v_from is null then
    select private.gap_words(g.state, g.reason) into v_words from private.coverage_gaps(v_source) g where g.calls > 0 order by g.tried_at desc limit 1;
    return 'Nothing could be fetched yet' || coalesce(': ' || v_words, '') || '.';
  end if;
  v_inner := array(select g from private.coverage_gaps(v_source) g where g.gap_from >= v_from and g.gap_to <= v_to order by g.gap_from);
  v_gaps := array(select format('%s to %s (%s)', private.local_words(g.gap_from, v_zone), private.local_words(g.gap_to, v_zone, g.gap_from),
                                private.gap_words(g.state, g.reason)) from unnest(v_inner[:5]) g);
  select min(g.gap_from) as since, max(g.gap_to) filter (where g.state = 'missing') as missing, max(g.gap_to) filter (where g.state = 'lost') as lost
    into v_before from private.coverage_gaps(v_source) g where g.gap_to <= v_from;
  select g.reason, g.state into v_after from private.coverage_gaps(v_source) g
   where g.gap_from >= v_to and v_to < now() - interval '30 minutes' order by g.calls > 0 desc, g.gap_from limit 1;
  return format('Everything from %s to %s was fetched', private.local_words(v_from, v_zone), private.local_words(v_to, v_zone))
      || case cardinality(v_inner) when 0 then '.' when 1 then '; 1 gap: ' else format('; %s gaps: ', cardinality(v_inner)) end
      || array_to_string(v_gaps, '; ')
      || case when cardinality(v_inner) > 5 then format('; and %s more.', cardinality(v_inner) - 5)
              when cardinality(v_inner) > 0 then '.' else '' end
      || case when v_after.reason is not null then format(' Since then nothing: %s.', private.gap_words(v_after.state, v_after.reason)) else '' end
      || case when v_before.lost is not null then format(' Before %s leads back to %s are lost: IndiaMART gives 365 days only.',
           private.local_words(v_before.lost, v_zone), private.local_words(v_before.since, v_zone)) else '' end
      || case when v_before.missing is not null then format(' Older leads, back to %s, are still to be fetched%s.',
           private.local_words(coalesce(v_before.lost, v_before.since), v_zone),
           coalesce(', until about ' || private.local_words(coverage_summary.history_ends_at, v_zone), '')) else '' end;
end;
$$;
comment on function private.coverage_summary is
  'Coverage in a few sentences, in the organization''s time zone. history_ends_at: the estimate of private.history_progress, null when there is none. Definer: reads coverage.';

create function private.history_progress(source public.lead_sources) returns jsonb
  language plpgsql stable security definer set search_path = ''
as $$
declare
  v_source public.lead_sources := history_progress.source;
  v_horizon timestamptz := now() - interval '365 days' + interval '1 hour';
  v_coverage private.source_coverage;
  v_wanted tstzmultirange;
  v_open tstzmultirange;
  v_calls int;
  v_interval int;
begin
  select c.* into v_coverage from private.source_coverage c where c.org_id = v_source.org_id and c.source_id = v_source.id;
  if v_coverage.wanted_from is null or v_source.live_at is null then
    return null;
  end if;
  v_wanted := tstzmultirange(tstzrange(least(v_coverage.wanted_from, v_source.live_at), v_source.live_at));
  v_open := (v_wanted - v_coverage.covered) * tstzmultirange(tstzrange(v_horizon, null));
  select coalesce(sum(ceil(extract(epoch from upper(u) - lower(u)) / greatest(coalesce(v_source.backfill_window_seconds, 603240) - 900, 30))), 0)::int
    into v_calls from unnest(v_open) u;
  select r.min_interval_seconds into v_interval from public.sync_runs r
   where r.org_id = v_source.org_id and r.source_id = v_source.id and r.kind <> 'push' order by r.started_at desc limit 1;
  return jsonb_build_object(
    'wanted_from', v_coverage.wanted_from, 'reachable_from', v_horizon,
    'wanted_seconds', extract(epoch from private.seconds_of(v_wanted))::bigint,
    'fetched_seconds', extract(epoch from private.seconds_of(v_wanted * v_coverage.covered))::bigint,
    'open_seconds', extract(epoch from private.seconds_of(v_open))::bigint,
    'lost_seconds', extract(epoch from private.seconds_of((v_wanted - v_coverage.covered) - v_open))::bigint,
    'calls_left', v_calls, 'held_until', case when v_source.backfill_after > now() then v_source.backfill_after end,
    'read_again_from', case when v_coverage.again <> '{}' then v_coverage.key_at + interval '24 hours' end,
    -- Every second call is for history.
    'ends_at', case when v_calls > 0 and v_source.credential_id is not null and v_source.is_active
                     and v_source.state not in ('key_rejected', 'key_unreadable', 'bad_request') then
      greatest(now(), v_source.next_allowed_at, v_source.backfill_after) + make_interval(secs => (2 * v_calls - 1) * coalesce(v_interval, 360)) end,
    'done_at', case when v_calls = 0 then v_source.backfill_done_at end);
end;
$$;
comment on function private.history_progress is
  'How far history is: {wanted_from, reachable_from, wanted_seconds, fetched_seconds, open_seconds, lost_seconds, calls_left, held_until, read_again_from, ends_at, done_at}; '
  'null before the first answer. ends_at supposes that every call succeeds. Definer: reads coverage.';

-- Findings -------------------------------------------------------------------------------------------------

create function private.indiamart_findings(source public.lead_sources) returns setof private.indiamart_finding
  language plpgsql stable security definer set search_path = ''
as $$
declare
  c_enter constant text := 'At seller.indiamart.com open Lead Manager, CRM API, generate a key and enter it in Flow at once.';
  c_share constant text := 'Stop the other program that uses this key, or give it up there; IndiaMART counts the calls of all together.';
  v_source public.lead_sources := indiamart_findings.source;
  v_coverage private.source_coverage;
  v_last public.sync_runs;
  v_good timestamptz;
  v_good_since timestamptz;
  v_bad_since timestamptz;
  v_reason text;
  v_limited int;
  v_pushed timestamptz;
  v_count int;
  v_missed int;
begin
  if v_source.kind <> 'indiamart' or v_source.disconnected_at is not null then
    return;
  end if;
  select c.* into v_coverage from private.source_coverage c where c.org_id = v_source.org_id and c.source_id = v_source.id;
  select r.* into v_last from public.sync_runs r
   where r.org_id = v_source.org_id and r.source_id = v_source.id and r.kind <> 'push' and r.finished_at is not null
   order by r.started_at desc limit 1;
  select r.started_at into v_good from public.sync_runs r
   where r.org_id = v_source.org_id and r.source_id = v_source.id and r.kind <> 'push' and r.is_complete order by r.started_at desc limit 1;
  select min(r.started_at) into v_bad_since from public.sync_runs r
   where r.org_id = v_source.org_id and r.source_id = v_source.id and r.kind <> 'push' and r.finished_at is not null
     and r.started_at > coalesce(v_good, '-infinity') and r.started_at >= coalesce(v_coverage.key_at, '-infinity');
  v_good_since := greatest(v_good, v_coverage.key_at);

  if v_source.credential_id is not null then
    if v_source.state = 'key_rejected' then
      select coalesce(r.reason, 'incorrect') into v_reason from public.sync_runs r
       where r.org_id = v_source.org_id and r.source_id = v_source.id and r.outcome = 'key_rejected' order by r.started_at desc limit 1;
      return next row('key_' || coalesce(v_reason, 'incorrect'), 'problem', v_bad_since, null, case v_reason
        when 'expired' then 'The IndiaMART key is dead: it was not used for seven days. No leads are fetched.'
        when 'replaced' then 'The IndiaMART key is dead: a newer key was generated for this account. No leads are fetched.'
        else 'IndiaMART does not know this key. No leads are fetched.' end, case v_reason
        when 'replaced' then 'Enter the newer key in Flow. If you did not generate it, ask who in your company did; each new key ends the one before.'
        when 'expired' then c_enter
        else 'Compare the key with the one shown at seller.indiamart.com, Lead Manager, CRM API, and enter that; keys of the old API do not work.' end
      )::private.indiamart_finding;
    elsif v_source.state = 'key_unreadable' then
      return next row('key_unreadable', 'problem', null, null, 'Flow cannot open the stored IndiaMART key. No leads are fetched.',
        'Enter the key again.')::private.indiamart_finding;
    elsif v_source.state = 'bad_request' then
      return next row('flow_fault', 'problem', v_bad_since, v_source.next_allowed_at,
        'IndiaMART did not understand Flow''s request. No leads are fetched.',
        'This is a fault of Flow: its operators must look at the run''s note and update Flow.')::private.indiamart_finding;
    elsif v_source.state = 'blocked' and v_source.next_allowed_at > now() then
      return next row('key_blocked', 'warning', v_last.started_at, v_source.next_allowed_at,
        'IndiaMART has blocked the key for 15 minutes, after more than five calls in a minute. Flow calls again by itself.',
        c_share)::private.indiamart_finding;
    elsif v_source.state = 'failing' and (v_source.failures >= 3 or v_good_since < now() - interval '1 hour') then
      return next row('failing', case when v_good_since < now() - interval '24 hours' then 'problem' else 'warning' end, v_bad_since, v_source.next_allowed_at,
        'IndiaMART does not answer, or answers with errors. Flow asks again by itself, and for the whole time missed.',
        'Nothing, if it passes. If it lasts a day, ask IndiaMART''s support whether the CRM API works for your account.')::private.indiamart_finding;
    end if;

    select count(*) into v_limited from public.sync_runs r
     where r.org_id = v_source.org_id and r.source_id = v_source.id and r.started_at > now() - interval '24 hours'
       and r.outcome in ('rate_limited', 'blocked');
    if v_limited >= 3 then
      return next row('quota', 'warning', now() - interval '24 hours', null,
        format('IndiaMART refused %s calls in 24 hours for its limit of one in five minutes, which Flow keeps: another program uses this key.', v_limited),
        c_share)::private.indiamart_finding;
    end if;

    if v_source.state not in ('key_rejected', 'key_unreadable')
       and coalesce(v_source.last_called_at, v_coverage.key_at) < now() - interval '3 days' then
      return next row('key_unused', case when coalesce(v_source.last_called_at, v_coverage.key_at) < now() - interval '6 days' then 'problem' else 'warning' end,
        coalesce(v_source.last_called_at, v_coverage.key_at), coalesce(v_source.last_called_at, v_coverage.key_at) + interval '7 days',
        'The IndiaMART key is not being used; IndiaMART switches off a key that is unused for seven days.',
        'See that the workers'' job `indiamart` runs; or press synchronize once to keep the key.')::private.indiamart_finding;
    elsif v_source.state in ('ok', 'rate_limited') and v_good_since < now() - interval '1 hour' then
      return next row('behind', 'warning', v_good_since, null, 'For more than an hour nothing was fetched completely from IndiaMART.',
        'See that the workers'' job `indiamart` runs.')::private.indiamart_finding;
    end if;
  end if;

  if v_source.push_token_sha256 is not null and v_source.credential_id is not null and v_source.push_token_at < now() - interval '24 hours' then
    select r.started_at into v_pushed from public.sync_runs r
     where r.org_id = v_source.org_id and r.source_id = v_source.id and r.kind = 'push' order by r.started_at desc limit 1;
    select count(*) into v_count from private.lead_arrivals a
     where a.org_id = v_source.org_id and a.source_id = v_source.id and a.way = 'pull' and a.received_at < now() - interval '1 hour'
       and a.received_at > greatest(v_source.push_token_at, v_pushed, now() - interval '7 days');
    if v_count >= 3 and coalesce(v_pushed, v_source.push_token_at) < now() - interval '24 hours' then
      return next row('push_silent', case when v_pushed < v_source.push_token_at or v_pushed is null then 'problem' else 'warning' end,
        coalesce(v_pushed, v_source.push_token_at), null,
        format('IndiaMART pushes nothing, while fetching found %s leads since. They came later than they could.', v_count),
        'At seller.indiamart.com look at Import/Export Leads, Push API: paste Flow''s address again. IndiaMART switches push off after 48 hours of failures.'
      )::private.indiamart_finding;
    end if;
  end if;
  select count(*) into v_missed from private.lead_arrivals a
   where a.org_id = v_source.org_id and a.source_id = v_source.id and a.way = 'push' and a.received_at > now() - interval '30 days'
     and a.pushed_at < now() - interval '2 days' and v_coverage.covered @> a.received_at;
  if v_missed >= 3 then
    return next row('pull_misses', 'warning', null, null,
      format('IndiaMART pushed %s leads in 30 days that its answers to the key do not hold.', v_missed),
      'See that the key and the push address belong to the same IndiaMART account.')::private.indiamart_finding;
  end if;
end;
$$;
comment on function private.indiamart_findings is
  'What is wrong with an IndiaMART source and what to do: key_incorrect, key_expired, key_replaced, key_unreadable, flow_fault, key_blocked, failing, quota, '
  'key_unused, behind, push_silent, pull_misses. None when all is well. Definer: called beneath RLS.';
