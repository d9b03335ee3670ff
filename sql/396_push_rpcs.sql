-- 396_push_rpcs.sql: what people ask about being told; the bodies are in 392_notification_settings.sql and 394_push_devices.sql.

create function public.my_notification_settings(org_id uuid) returns jsonb
  language sql stable set search_path = ''
begin atomic
  select private.my_notification_settings(org_id);
end;
comment on function public.my_notification_settings is
  'Of what the person who asks is told: {in_app, push: [new_message, new_lead, lead_assigned, task_due, task_assigned, mention, number_needs_attention, billing], new_lead, new_message: '
  'mine | unassigned | all, quiet: {from, to: "21:00", days: [1 is Monday], time_zone or null} or null, urgent_passes, shows_text, text_allowed by the organization, time_zone of the '
  'organization, silent_until or null, devices: [{device_id, name, created_at, pushed_at}]}. Raises PT404.';

create function public.save_notification_settings(org_id uuid, settings jsonb) returns jsonb
  language sql volatile set search_path = ''
begin atomic
  select private.save_notification_settings(org_id, settings);
end;
comment on function public.save_notification_settings is
  'Changes what is given of {in_app, push, new_lead, new_message, quiet, urgent_passes, shows_text} for the person who asks. Returns what my_notification_settings does. '
  'Raises PT404, PT422 field_unknown, field_invalid, quiet_invalid.';

create function public.allow_push_text(org_id uuid, is_allowed boolean) returns jsonb
  language sql volatile set search_path = ''
begin atomic
  select private.allow_push_text(org_id, is_allowed);
end;
comment on function public.allow_push_text is 'Whether members may have name and first words of a message in a push; for admins. Returns {text_allowed}. Raises PT403, PT404.';

create function public.add_push_device(org_id uuid, subscription jsonb, name text default null, language text default 'en') returns jsonb
  language sql volatile set search_path = ''
begin atomic
  select private.add_push_device(org_id, subscription, name, language);
end;
comment on function public.add_push_device is
  'Has the person who asks told on this device too: subscription is the browser''s {endpoint, keys: {p256dh, auth}}; twice is once, and renews it. Returns {device_id}. '
  'Raises PT404, PT409 too_many_devices, PT422 endpoint_unknown, keys_invalid.';

create function public.remove_push_device(org_id uuid, device_id uuid) returns jsonb
  language sql volatile set search_path = ''
begin atomic
  select private.remove_push_device(org_id, device_id);
end;
comment on function public.remove_push_device is 'Ends a device of the person who asks. Returns {devices}, those left. Raises PT404, PT409 device_of_somebody_else.';

create function public.forget_push_devices(device_id uuid default null) returns jsonb
  language sql volatile set search_path = ''
begin atomic
  select private.forget_push_devices(device_id);
end;
comment on function public.forget_push_devices is
  'Who signs out: ends this device of theirs in all their organizations, or with null all their devices. Returns {forgotten}. Raises PT401.';

create function public.test_push(org_id uuid, device_id uuid) returns jsonb
  language sql volatile set search_path = ''
begin atomic
  select private.test_push(org_id, device_id);
end;
comment on function public.test_push is 'Sends a push to a device of the person who asks, also in quiet hours. Returns {device_id}. Raises PT404, PT409 device_of_somebody_else.';

grant execute on function private.my_notification_settings, public.my_notification_settings, private.save_notification_settings, public.save_notification_settings,
  private.allow_push_text, public.allow_push_text, private.add_push_device, public.add_push_device, private.remove_push_device, public.remove_push_device,
  private.forget_push_devices, public.forget_push_devices, private.test_push, public.test_push to authenticated;
