-- 660_quick_replies.sql: texts that people send often, kept under a shortcut, with placeholders.

create table public.quick_replies (
  org_id     uuid not null references public.organizations (id) on delete restrict,
  id         uuid not null default gen_random_uuid(),
  owner_id   uuid,
  shortcut   text not null,
  title      text not null,
  body       text not null,
  media_id   uuid,
  created_by uuid,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  primary key (org_id, id),
  constraint quick_reply_owner_is_a_member foreign key (org_id, owner_id)
    references public.memberships (org_id, user_id) on delete cascade,
  constraint quick_reply_shortcut_is_unique unique nulls not distinct (org_id, owner_id, shortcut),
  constraint quick_reply_shortcut_is_a_word check (shortcut ~ '^[a-z0-9_-]{1,32}$'),
  constraint quick_reply_title_has_1_to_100_characters check (title = btrim(title) and length(title) between 1 and 100),
  constraint quick_reply_body_has_1_to_4096_characters check (length(body) between 1 and 4096)
);
comment on table public.quick_replies is 'Texts kept under a shortcut. Shared ones are everybody''s and edited by admins; personal ones are seen by their owner only and leave with them.';
comment on column public.quick_replies.org_id is 'The organization.';
comment on column public.quick_replies.id is 'Flow''s id of the quick reply.';
comment on column public.quick_replies.owner_id is 'The member whose own it is; null: shared.';
comment on column public.quick_replies.shortcut is 'What is typed to find it: lower-case letters, digits, - and _. One meaning for each person; shared ones are unique in the organization.';
comment on column public.quick_replies.title is 'What the list shows.';
comment on column public.quick_replies.body is
  'The text, with placeholders {name}, {company}, {product}, {title}, {city}, {state}, {phone}, {agent}, {organization}; {name|there} gives the words for an empty one.';
comment on column public.quick_replies.media_id is 'A stored file that goes with it; null: none. No foreign key: a file that is gone is told when the reply is used.';
comment on column public.quick_replies.created_by is 'Who made it. No foreign key: it outlives the account.';
comment on column public.quick_replies.created_at is 'When it was made.';
comment on column public.quick_replies.updated_at is 'When it was last changed.';
alter table public.quick_replies enable row level security;
create policy "Members see shared quick replies and their own" on public.quick_replies
  for select to authenticated
  using (org_id = any (array(select private.my_org_ids())) and (owner_id is null or owner_id = (select auth.uid())));
grant select on public.quick_replies to authenticated;
create trigger quick_replies_touch before update on public.quick_replies
  for each row execute function private.touch_updated_at();

create function private.save_quick_reply(org_id uuid, reply jsonb, quick_reply_id uuid) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_me    uuid := auth.uid();
  v_role  text := private.require_role(save_quick_reply.org_id, 'agent');
  v_reply public.quick_replies;
  v_bad   text;
begin
  if jsonb_typeof(reply) is distinct from 'object' then
    raise sqlstate 'PT422' using message = 'A quick reply is an object', detail = 'reply_invalid', hint = 'Give {shortcut, title, body}.';
  elsif save_quick_reply.quick_reply_id is not null then
    v_reply := private.my_quick_reply(save_quick_reply.org_id, save_quick_reply.quick_reply_id, true);
  elsif reply -> 'personal' is distinct from 'true' then
    perform private.require_role(save_quick_reply.org_id, 'admin');
  else
    v_reply.owner_id := v_me;
  end if;
  v_reply.shortcut := lower(ltrim(btrim(coalesce(reply ->> 'shortcut', v_reply.shortcut, '')), '/'));
  v_reply.title := coalesce(private.clean_text(reply ->> 'title', 100), v_reply.title, v_reply.shortcut);
  v_reply.body := btrim(coalesce(reply ->> 'body', v_reply.body, ''));
  if reply ? 'media_id' then
    v_reply.media_id := case when pg_input_is_valid(reply ->> 'media_id', 'uuid') then (reply ->> 'media_id')::uuid end;
    if reply ->> 'media_id' is not null and not private.is_own_media(save_quick_reply.org_id, v_reply.media_id) then
      raise sqlstate 'PT404' using message = 'There is no such file', detail = 'media_unknown', hint = 'Upload it first.';
    end if;
  end if;
  if v_reply.shortcut !~ '^[a-z0-9_-]{1,32}$' then
    raise sqlstate 'PT422' using message = 'A shortcut has 1 to 32 letters a–z, digits, - or _', detail = 'shortcut_invalid', hint = 'For instance price-list.';
  elsif length(v_reply.body) not between 1 and 4096 then
    raise sqlstate 'PT422' using message = format('The text has %s characters; 1 to 4,096 are possible', length(v_reply.body)),
      detail = case when v_reply.body = '' then 'text_empty' else 'text_too_long' end, hint = 'WhatsApp takes 4,096 characters.';
  end if;
  select string_agg(distinct '{' || p[1] || '}', ', ') into v_bad from regexp_matches(v_reply.body, '\{([[:alpha:]_]+)(\|[^{}]*)?\}', 'g') p
   where lower(p[1]) not in ('name', 'company', 'product', 'title', 'city', 'state', 'phone', 'agent', 'organization');
  if v_bad is not null then
    raise sqlstate 'PT422' using message = format('There is no placeholder %s', v_bad), detail = 'placeholder_unknown',
      hint = 'Placeholders: {name}, {company}, {product}, {title}, {city}, {state}, {phone}, {agent}, {organization}.';
  elsif exists (select from public.quick_replies q where q.org_id = save_quick_reply.org_id and q.shortcut = v_reply.shortcut
                   and (q.owner_id is null or q.owner_id = v_reply.owner_id) and q.id is distinct from v_reply.id) then
    raise sqlstate 'PT409' using message = format('The shortcut "%s" is taken', v_reply.shortcut), detail = 'shortcut_taken', hint = 'Choose another one.';
  end if;
  insert into public.quick_replies as q (org_id, id, owner_id, shortcut, title, body, media_id, created_by)
  values (save_quick_reply.org_id, coalesce(v_reply.id, gen_random_uuid()), v_reply.owner_id, v_reply.shortcut, v_reply.title, v_reply.body,
          v_reply.media_id, v_me)
  on conflict (org_id, id) do update
    set shortcut = excluded.shortcut, title = excluded.title, body = excluded.body, media_id = excluded.media_id
  returning q.* into v_reply;
  return jsonb_build_object('quick_reply_id', v_reply.id, 'shortcut', v_reply.shortcut, 'title', v_reply.title, 'body', v_reply.body,
                            'media_id', v_reply.media_id, 'personal', v_reply.owner_id is not null);
exception when unique_violation then
  raise sqlstate 'PT409' using message = format('The shortcut "%s" is taken', v_reply.shortcut), detail = 'shortcut_taken', hint = 'Choose another one.';
end;
$$;
comment on function private.save_quick_reply is 'public.save_quick_reply behind its door.';

create function private.is_own_media(org_id uuid, media_id uuid) returns boolean
  language plpgsql stable security definer set search_path = ''
as $$
declare
  v_is_own boolean := false;
begin
  if to_regclass('public.media') is not null then
    execute 'select exists (select from public.media m where m.org_id = $1 and m.id = $2)' into v_is_own using org_id, media_id;
  end if;
  return v_is_own;
end;
$$;
comment on function private.is_own_media is 'Whether the organization has a stored file with this id.';

create function private.my_quick_reply(org_id uuid, quick_reply_id uuid, to_change boolean) returns public.quick_replies
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_reply public.quick_replies;
begin
  perform private.require_role(my_quick_reply.org_id, 'agent');
  select q.* into v_reply from public.quick_replies q
   where q.org_id = my_quick_reply.org_id and q.id = my_quick_reply.quick_reply_id and (q.owner_id is null or q.owner_id = auth.uid());
  if not found then
    raise sqlstate 'PT404' using message = 'There is no such quick reply', detail = 'quick_reply_unknown', hint = 'Reload the list.';
  elsif to_change and v_reply.owner_id is null then
    perform private.require_role(my_quick_reply.org_id, 'admin');
  end if;
  return v_reply;
end;
$$;
comment on function private.my_quick_reply is
  'A quick reply that the member may use, or with to_change may change: shared ones are changed by admins. Raises PT403, PT404 quick_reply_unknown.';

create function public.save_quick_reply(org_id uuid, reply jsonb, quick_reply_id uuid default null) returns jsonb
  language sql volatile set search_path = ''
begin atomic
  select private.save_quick_reply(org_id, reply, quick_reply_id);
end;
comment on function public.save_quick_reply is
  'Makes a quick reply {shortcut, title, body, media_id, personal}, or changes the one named; what is not given stays. Shared ones: admins; personal ones: any member, '
  'for themselves. Returns it. Raises PT403, PT404 quick_reply_unknown, media_unknown, PT409 shortcut_taken, PT422 shortcut_invalid, text_empty, text_too_long, placeholder_unknown.';

create function private.delete_quick_reply(org_id uuid, quick_reply_id uuid) returns void
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_reply public.quick_replies := private.my_quick_reply(delete_quick_reply.org_id, delete_quick_reply.quick_reply_id, true);
begin
  delete from public.quick_replies q where q.org_id = v_reply.org_id and q.id = v_reply.id;
end;
$$;
comment on function private.delete_quick_reply is 'public.delete_quick_reply behind its door.';
create function public.delete_quick_reply(org_id uuid, quick_reply_id uuid) returns void
  language sql volatile set search_path = ''
begin atomic
  select private.delete_quick_reply(org_id, quick_reply_id);
end;
comment on function public.delete_quick_reply is 'Deletes a quick reply: a shared one by an admin, a personal one by its owner. Raises PT403, PT404 quick_reply_unknown.';

create function private.fill_quick_reply(org_id uuid, quick_reply_id uuid, conversation_id uuid) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  c_pattern constant text := '\{([[:alpha:]_]+)(?:\|([^{}]*))?\}';
  v_reply   public.quick_replies := private.my_quick_reply(fill_quick_reply.org_id, fill_quick_reply.quick_reply_id, false);
  v_parts   text[] := regexp_split_to_array(v_reply.body, '\{[[:alpha:]_]+(\|[^{}]*)?\}');
  v_values  jsonb;
  v_hit     text[];
  v_value   text;
  v_text    text := v_parts[1];
  v_at      int := 1;
  v_missing text[] := '{}';
begin
  select jsonb_build_object('name', p.name, 'company', p.company, 'city', p.city, 'state', p.state, 'phone', p.phone,
           'product', coalesce(nullif(l.product, ''), l.title), 'title', l.title, 'organization', o.name,
           'agent', (select coalesce(a.name, split_part(a.email, '@', 1)) from public.profiles a where a.id = auth.uid())) into v_values
    from public.conversations c
    join public.contacts p on (p.org_id, p.id) = (c.org_id, c.contact_id)
    join public.organizations o on o.id = c.org_id
    left join lateral (select k.product, k.title from public.leads k where k.org_id = p.org_id and k.contact_id = p.id
                        order by k.received_at desc limit 1) l on true
   where c.org_id = fill_quick_reply.org_id and c.id = fill_quick_reply.conversation_id;
  if not found then
    raise sqlstate 'PT404' using message = 'There is no such conversation', detail = 'conversation_unknown', hint = 'Reload the inbox.';
  end if;
  -- From left to right, once: braces in a value are no placeholders.
  for v_hit in select m from regexp_matches(v_reply.body, c_pattern, 'g') m loop
    v_value := coalesce(nullif(btrim(v_values ->> lower(v_hit[1])), ''), nullif(btrim(v_hit[2]), ''));
    if v_value is null then
      v_missing := v_missing || lower(v_hit[1]);
    end if;
    v_at := v_at + 1;
    v_text := v_text || coalesce(v_value, '') || v_parts[v_at];
  end loop;
  if length(v_text) > 4096 then
    raise sqlstate 'PT422' using message = format('The text has %s characters, WhatsApp takes 4096', length(v_text)),
      detail = 'text_too_long', hint = 'Send it in parts.';
  end if;
  return jsonb_build_object('text', v_text, 'media_id', v_reply.media_id,
                            'missing', (select coalesce(jsonb_agg(distinct m), '[]') from unnest(v_missing) m));
end;
$$;
comment on function private.fill_quick_reply is 'public.fill_quick_reply behind its door.';
create function public.fill_quick_reply(org_id uuid, quick_reply_id uuid, conversation_id uuid) returns jsonb
  language sql volatile set search_path = ''
begin atomic
  select private.fill_quick_reply(org_id, quick_reply_id, conversation_id);
end;
comment on function public.fill_quick_reply is
  'A quick reply with its placeholders filled for a conversation, the product from the newest lead; sends nothing. Any member. Returns {text, media_id, missing: '
  'placeholders that were empty and had no words of their own}. Raises PT404 quick_reply_unknown, conversation_unknown, PT422 text_too_long.';
grant execute on function private.save_quick_reply, public.save_quick_reply, private.delete_quick_reply, public.delete_quick_reply,
  private.fill_quick_reply, public.fill_quick_reply to authenticated;
