-- 410_messaging_settings.sql: what an organization chooses about sending: uncertain messages, read receipts.

create table public.messaging_settings (
  org_id             uuid primary key references public.organizations (id) on delete restrict,
  uncertain_template text not null default 'resend_once',
  uncertain_text     text not null default 'ask_person',
  send_read_receipts boolean not null default true,
  leads_from         text not null default 'everyone',
  updated_at         timestamptz not null default now(),
  constraint uncertain_template_choice_is_known check (uncertain_template in ('resend_once', 'ask_person')),
  constraint uncertain_text_choice_is_known check (uncertain_text in ('resend_once', 'ask_person')),
  constraint leads_from_choice_is_known check (leads_from in ('everyone', 'ads', 'nobody'))
);
comment on table public.messaging_settings is 'An organization''s choices about sending. No row: each as its default.';
comment on column public.messaging_settings.org_id is 'The organization.';
comment on column public.messaging_settings.uncertain_template is
  'A template whose answer Meta lost: resend_once (it may arrive twice) or ask_person (it may never arrive).';
comment on column public.messaging_settings.uncertain_text is 'The same for everything that is not a template.';
comment on column public.messaging_settings.send_read_receipts is
  'Whether customers see blue ticks when somebody opens their message. Off turns the typing indicator off too: at Meta it marks as read.';
comment on column public.messaging_settings.leads_from is
  'Whose first message makes a lead: everyone who is unknown, only who comes from an ad, or nobody.';
comment on column public.messaging_settings.updated_at is 'When it was last changed.';
alter table public.messaging_settings enable row level security;
create policy "Members see their organization's messaging settings" on public.messaging_settings
  for select to authenticated using (org_id = any (array(select private.my_org_ids())));
grant select on public.messaging_settings to authenticated;
create trigger messaging_settings_touch_updated_at before update on public.messaging_settings
  for each row execute function private.touch_updated_at();

create function private.set_messaging_settings(org_id uuid, setting jsonb) returns jsonb
  language plpgsql volatile security definer set search_path = ''
as $$
#variable_conflict use_column
declare
  v_new public.messaging_settings;
  r     record;
begin
  perform private.require_role(set_messaging_settings.org_id, 'admin');
  for r in select k, setting -> k as v from jsonb_object_keys(case jsonb_typeof(setting) when 'object' then setting else '{"": null}' end) k loop
    if r.k in ('uncertain_template', 'uncertain_text') and (r.v #>> '{}' in ('resend_once', 'ask_person')) is not true then
      raise sqlstate 'PT422' using message = format('%s must be resend_once or ask_person', r.k), detail = 'setting_invalid', hint = 'One of the two.';
    elsif r.k = 'send_read_receipts' and jsonb_typeof(r.v) <> 'boolean' then
      raise sqlstate 'PT422' using message = 'send_read_receipts must be true or false', detail = 'setting_invalid', hint = 'One of the two.';
    elsif r.k = 'leads_from' and (r.v #>> '{}' in ('everyone', 'ads', 'nobody')) is not true then
      raise sqlstate 'PT422' using message = 'leads_from must be everyone, ads or nobody', detail = 'setting_invalid', hint = 'One of the three.';
    elsif r.k not in ('uncertain_template', 'uncertain_text', 'send_read_receipts', 'leads_from') then
      raise sqlstate 'PT422' using message = format('There is no setting "%s"', r.k), detail = 'setting_unknown',
        hint = 'Settings: uncertain_template, uncertain_text, send_read_receipts, leads_from.';
    end if;
  end loop;
  insert into public.messaging_settings (org_id) values (set_messaging_settings.org_id) on conflict do nothing;
  update public.messaging_settings s
     set uncertain_template = coalesce(setting ->> 'uncertain_template', s.uncertain_template),
         uncertain_text = coalesce(setting ->> 'uncertain_text', s.uncertain_text),
         send_read_receipts = coalesce((setting ->> 'send_read_receipts')::boolean, s.send_read_receipts),
         leads_from = coalesce(setting ->> 'leads_from', s.leads_from)
   where s.org_id = set_messaging_settings.org_id
  returning s.* into v_new;
  if setting <> '{}' then
    perform private.audit(set_messaging_settings.org_id, 'messaging.changed', 'messaging_settings', set_messaging_settings.org_id::text, setting);
  end if;
  return to_jsonb(v_new) - 'org_id' - 'updated_at';
end;
$$;
comment on function private.set_messaging_settings is 'public.set_messaging_settings behind its door.';
create function public.set_messaging_settings(org_id uuid, setting jsonb) returns jsonb
  language sql volatile set search_path = ''
begin atomic
  select private.set_messaging_settings(org_id, setting);
end;
comment on function public.set_messaging_settings is
  'Changes {uncertain_template, uncertain_text: resend_once or ask_person, send_read_receipts: true or false, leads_from: everyone, ads or nobody}; what is not given stays. '
  'Admins. Returns the settings. Raises PT403, PT404, PT422 setting_unknown, setting_invalid.';
grant execute on function private.set_messaging_settings, public.set_messaging_settings to authenticated;
