-- 993_restoring.sql: what a restored database must not do by itself: say again what was said after the backup was made.

create function private.broken_credentials() returns int
  language plpgsql stable security definer set search_path = ''
as $$
declare
  v_credential private.credentials;
  v_broken     int := 0;
begin
  for v_credential in select c.* from private.credentials c where c.cipher is not null and c.broken_at is null loop
    begin
      perform private.unseal_credential(v_credential);
    exception when sqlstate 'PT500' then
      v_broken := v_broken + 1;
    end;
  end loop;
  return v_broken;
end;
$$;
comment on function private.broken_credentials is
  'How many sealed credentials their keys do not open. Raises PT503 when a key is missing. For the owner, after a restore: nothing that was opened is returned.';

create function private.settle_restored(is_live boolean) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_reason    constant text := 'Restored from a backup: what was sent after it is not known here';
  v_paused    int := 0;
  v_held      int;
  v_scheduled int;
  v_broadcast record;
  v_count     int := 0;
begin
  -- In the order in which rows are locked: lanes, then messages.
  perform from private.send_lanes l where l.next_at is not null order by l.org_id, l.conversation_id for update;
  update public.messages m set status = 'cancelled', error_message = v_reason where m.status = 'queued';
  get diagnostics v_held = row_count;
  update private.send_lanes l set next_at = null where l.next_at is not null and l.lease is null;
  update public.scheduled_messages s set status = 'cancelled', problem = v_reason, settled_at = now() where s.status = 'waiting' and s.send_at <= now();
  get diagnostics v_scheduled = row_count;
  for v_broadcast in select b.org_id, b.id from public.broadcasts b where b.state = 'running' order by b.org_id, b.id loop
    perform private.pause_broadcast(v_broadcast.org_id, v_broadcast.id, 'error', v_reason);
    v_count := v_count + 1;
  end loop;
  -- What the lost installation was asked to do is nothing that this one owes.
  update private.wakeups w set asked_at = '-infinity';
  -- The key may have been used a moment ago, elsewhere; IndiaMART blocks keys that call too often.
  update public.lead_sources s set next_allowed_at = greatest(s.next_allowed_at, now() + interval '10 minutes')
   where s.kind = 'indiamart' and s.is_active;
  if not is_live then
    update public.whatsapp_numbers n set status = 'paused', paused_until = null, paused_reason = v_reason where n.status = 'connected';
    get diagnostics v_paused = row_count;
  end if;
  return jsonb_build_object('cancelled', v_held, 'scheduled_cancelled', v_scheduled, 'broadcasts_paused', v_count, 'numbers_paused', v_paused);
end;
$$;
comment on function private.settle_restored is
  'In the transaction of a restore: what waited to leave is cancelled, for it may have left after the backup; running broadcasts and (unless is_live) connected numbers '
  'pause until a person has looked; IndiaMART is not called for ten minutes. Returns {cancelled, scheduled_cancelled, broadcasts_paused, numbers_paused}.';
