-- 155_paces.sql: how often somebody may ask. A bucket each, which fills with time; whoever finds it empty waits, and takes nothing.

create table private.paces (
  kind     text not null,
  key      text not null,
  left_at  numeric not null,
  lacked   numeric not null default 0,
  seen_at  timestamptz not null,
  primary key (kind, key),
  constraint pace_left_and_lacked_are_not_negative check (left_at >= 0 and lacked >= 0)
);
comment on table private.paces is 'How much may still be asked for, each by its key, person, organization, network, address or secret link: buckets that fill with time. Kept for a day.';
comment on column private.paces.kind is 'Of what the bucket is: api_key, browser_person, browser_network …';
comment on column private.paces.key is 'Whose it is: an id, a network''s prefix, or the keyed hash of a network, an address or a secret link.';
comment on column private.paces.left_at is 'What was in the bucket at seen_at.';
comment on column private.paces.lacked is 'What the last who asked found missing; 0: they were served.';
comment on column private.paces.seen_at is 'When it was last asked for.';
create index paces_seen on private.paces (seen_at);
alter table private.paces enable row level security;

create function private.draw(kind text, key text, bucket int, fills_in interval, cost int default 1, out remaining numeric, out wait interval)
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_each   constant numeric := extract(epoch from draw.fills_in) / draw.bucket;  -- seconds until one more is in it
  v_lacked numeric;
begin
  -- The clock of the statement, since a call waits here while another of the same key draws.
  insert into private.paces as p (kind, key, left_at, lacked, seen_at)
  values (draw.kind, draw.key, draw.bucket - case when draw.cost <= draw.bucket then draw.cost else 0 end, greatest(draw.cost - draw.bucket, 0), clock_timestamp())
      on conflict (kind, key) do update
     set (left_at, lacked, seen_at) = (
           select f.filled - case when draw.cost <= f.filled then draw.cost else 0 end, greatest(draw.cost - f.filled, 0), greatest(p.seen_at, clock_timestamp())
             from (select least(draw.bucket, p.left_at + greatest(extract(epoch from clock_timestamp() - p.seen_at), 0) / v_each) as filled) f)
  returning p.left_at, p.lacked into remaining, v_lacked;
  if v_lacked > 0 then
    wait := make_interval(secs => ceil(v_lacked * v_each)::int + 1);
  end if;
end;
$$;
comment on function private.draw is
  'Takes cost out of a bucket that holds so many and fills in so long: {remaining; wait: how long until there is enough, null when it was taken}. Whoever has to wait takes nothing. '
  'Definer: called beneath RLS.';
