-- 550_error_codes.sql: what each error code of Meta means for a send, decided here and nowhere else.

create table private.meta_error_codes (
  code          int primary key,
  action        text not null,
  max_attempts  int not null,
  base_seconds  int,
  cap_seconds   int,
  delay_scope   text not null,
  pause_seconds int,
  words         text not null,
  remedy        text not null,
  constraint error_action_is_known check (action in
    ('retry', 'fail', 'pause_number', 'reauthorize', 'opt_out', 'template_fix', 'window_closed')),
  constraint error_delay_scope_is_known check (delay_scope in ('message', 'number', 'account'))
);
comment on table private.meta_error_codes is
  'Error code of the Cloud API → what dispatch does. From Meta''s page "Error codes" (copy of 2026-09-11) and current client code; actions are Flow''s choice.';
comment on column private.meta_error_codes.code is 'Meta''s error.code. Codes 200 to 299 that have no row of their own mean: permission trouble.';
comment on column private.meta_error_codes.action is
  'retry with backoff; fail; pause_number; reauthorize (account needs a new token); opt_out (of marketing); template_fix (block the template); window_closed.';
comment on column private.meta_error_codes.max_attempts is 'After so many attempts a retried message fails.';
comment on column private.meta_error_codes.base_seconds is 'First delay of a retry; doubles with each attempt (131056: times four).';
comment on column private.meta_error_codes.cap_seconds is 'Longest delay of a retry.';
comment on column private.meta_error_codes.delay_scope is 'message: only this conversation waits. number: the whole number waits. account: every number of the account is paused.';
comment on column private.meta_error_codes.pause_seconds is 'How long a number is paused before it tries again; null: until Meta or a person says so.';
comment on column private.meta_error_codes.words is 'The reason as people read it.';
comment on column private.meta_error_codes.remedy is 'What to do about it, as people read it.';
alter table private.meta_error_codes enable row level security;

insert into private.meta_error_codes (code, action, max_attempts, base_seconds, cap_seconds, delay_scope, pause_seconds, words, remedy) values
  (0, 'reauthorize', 8, null, null, 'message', null, 'Meta no longer accepts the access token: connect WhatsApp again', 'An owner connects WhatsApp again in the settings.'),
  (1, 'retry', 2, 30, 30, 'message', null, 'Meta could not handle the request', 'Flow tries again by itself; if it fails for good, send it again later.'),
  (2, 'retry', 8, 2, 600, 'message', null, 'Meta is down or overloaded for the moment', 'Flow tries again by itself; if it fails for good, send it again later.'),
  (3, 'reauthorize', 8, null, null, 'message', null, 'Flow lacks a permission for this', 'An owner connects WhatsApp again in the settings.'),
  (4, 'retry', 8, 2, 600, 'number', null, 'Flow has asked Meta too often', 'Flow tries again by itself; if it fails for good, send it again later.'),
  (10, 'reauthorize', 8, null, null, 'message', null, 'The permission was not granted, or was taken back', 'An owner connects WhatsApp again in the settings.'),
  (33, 'pause_number', 8, null, null, 'message', null, 'The number no longer exists at Meta', 'Check the number in WhatsApp Manager, then connect it again.'),
  (100, 'fail', 1, null, null, 'message', null, 'Meta does not accept a part of the message', 'Try another text or file; if it happens again, tell support the message.'),
  (102, 'reauthorize', 8, null, null, 'message', null, 'Meta no longer accepts the session', 'An owner connects WhatsApp again in the settings.'),
  (104, 'reauthorize', 8, null, null, 'message', null, 'Meta no longer accepts the session', 'An owner connects WhatsApp again in the settings.'),
  (190, 'reauthorize', 8, null, null, 'message', null, 'Meta no longer accepts the access token: connect WhatsApp again', 'An owner connects WhatsApp again in the settings.'),
  (200, 'reauthorize', 8, null, null, 'message', null, 'Meta refuses permission', 'An owner connects WhatsApp again in the settings.'),
  (368, 'pause_number', 8, null, null, 'account', null, 'Meta has blocked the account for breaking its policies', 'Read the notice in WhatsApp Manager and ask Meta for a review.'),
  (613, 'retry', 8, 2, 600, 'message', null, 'Flow has asked Meta too often', 'Flow tries again by itself; if it fails for good, send it again later.'),
  (80007, 'retry', 8, 900, 900, 'number', null, 'The account has reached Meta''s hourly limit of calls', 'Flow tries again by itself; if it fails for good, send it again later.'),
  (80008, 'retry', 8, 900, 900, 'number', null, 'The account has reached Meta''s hourly limit of calls', 'Flow tries again by itself; if it fails for good, send it again later.'),
  (130403, 'fail', 1, null, null, 'message', null, 'Your business has blocked this person', 'Unblock them in WhatsApp, then write again.'),
  (130429, 'retry', 12, 1, 60, 'number', null, 'The number has reached its sending speed: waits and sends', 'Flow tries again by itself; if it fails for good, send it again later.'),
  (130472, 'fail', 1, null, null, 'message', null, 'Meta holds marketing messages back from this person in a test of its own', 'Write about something else than marketing, or wait for their message.'),
  (130497, 'fail', 1, null, null, 'message', null, 'Meta does not let this kind of business write to that country', 'Write to people of other countries only.'),
  (131000, 'retry', 3, 5, 60, 'message', null, 'Something went wrong at Meta', 'Flow tries again by itself; if it fails for good, send it again later.'),
  (131005, 'reauthorize', 8, null, null, 'message', null, 'Meta denies access to the number', 'An owner connects WhatsApp again in the settings.'),
  (131008, 'fail', 1, null, null, 'message', null, 'A part of the message is missing', 'Try another text or file; if it happens again, tell support the message.'),
  (131009, 'fail', 1, null, null, 'message', null, 'A value in the message is not valid', 'Try another text or file; if it happens again, tell support the message.'),
  (131016, 'retry', 8, 2, 600, 'message', null, 'WhatsApp is not available for the moment', 'Flow tries again by itself; if it fails for good, send it again later.'),
  (131020, 'fail', 1, null, null, 'message', null, 'The group has no other member', 'Flow does not write to groups.'),
  (131021, 'fail', 1, null, null, 'message', null, 'The recipient is the number that sends', 'Write to another number.'),
  (131026, 'fail', 1, null, null, 'message', null, 'Not delivered: this number is not on WhatsApp, or cannot receive this message', 'Check the number, or ask them to write to you first.'),
  (131030, 'fail', 1, null, null, 'message', null, 'The recipient is not among the test numbers', 'Add the number to the test numbers of the app, or use a live number.'),
  (131031, 'pause_number', 8, null, null, 'account', null, 'Meta has locked the account', 'Read the notice in WhatsApp Manager and ask Meta for a review.'),
  (131037, 'pause_number', 8, null, null, 'message', null, 'Meta has not approved the display name of the number', 'Ask for a display name in WhatsApp Manager; sending goes on once Meta approves it.'),
  (131041, 'fail', 1, null, null, 'message', null, 'Meta does not know the group', 'Flow does not write to groups.'),
  (131042, 'pause_number', 8, null, null, 'account', 3600, 'Meta has a payment problem with the account: check the payment method in WhatsApp Manager', 'Check the payment method, currency and time zone in WhatsApp Manager.'),
  (131044, 'pause_number', 8, null, null, 'message', 3600, 'Meta has a payment problem with calls', 'Check the payment method in WhatsApp Manager.'),
  (131045, 'pause_number', 8, null, null, 'message', null, 'The number is not properly registered', 'Connect the number again.'),
  (131047, 'window_closed', 1, null, null, 'message', null, 'The 24-hour window is closed: send a template instead', 'Send a template; their answer opens the window.'),
  (131048, 'pause_number', 8, null, null, 'message', 86400, 'Too many people blocked or reported this number: Meta limits it for now', 'Write only to those who expect it; look at the quality of the number.'),
  (131049, 'fail', 1, null, null, 'message', null, 'Meta holds back marketing messages to this person: try again after 24 hours', 'Wait at least a day before the next marketing message to them.'),
  (131050, 'opt_out', 1, null, null, 'message', null, 'They asked not to receive marketing messages', 'Wait until they ask for messages again.'),
  (131051, 'fail', 1, null, null, 'message', null, 'WhatsApp does not know this kind of message', 'Send it as text or as a file.'),
  (131052, 'fail', 1, null, null, 'message', null, 'WhatsApp could not fetch what they sent', 'Ask them to send it again.'),
  (131053, 'fail', 1, null, null, 'message', null, 'WhatsApp could not take the file', 'Check its kind and size, then send it again.'),
  (131055, 'fail', 1, null, null, 'message', null, 'This way of sending takes marketing templates only', 'Choose a marketing template.'),
  (131056, 'retry', 6, 4, 4096, 'message', null, 'Too many messages to this person in a short time: waits and sends', 'Flow tries again by itself; if it fails for good, send it again later.'),
  (131057, 'retry', 20, 30, 30, 'number', null, 'The account is in maintenance for a minute', 'Flow tries again by itself; if it fails for good, send it again later.'),
  (131059, 'fail', 1, null, null, 'message', null, 'Meta no longer knows the page that was asked for', 'Start again from the first page.'),
  (131061, 'template_fix', 1, null, null, 'message', null, 'The template has a maximum price and is sent another way', 'Correct the template in WhatsApp Manager, then synchronize templates.'),
  (131062, 'fail', 1, null, null, 'message', null, 'This message needs a phone number, and only a user id is known', 'Ask the person for their number.'),
  (131063, 'template_fix', 1, null, null, 'message', null, 'The account does not let marketing templates be sent this way', 'Switch it on in WhatsApp Manager, or choose another template.'),
  (131064, 'pause_number', 8, null, null, 'account', 86400, 'Meta limits the account because a template has the wrong category', 'Set the right category; the limit ends by itself.'),
  (131065, 'template_fix', 1, null, null, 'message', null, 'A maximum price is not possible in that country', 'Take the maximum price off the template.'),
  (131070, 'fail', 1, null, null, 'message', null, 'Another app holds this conversation', 'Release the conversation there, then write again.'),
  (131201, 'fail', 1, null, null, 'message', null, 'Groups are not a matter of Flow', 'Tell support: this is a matter of Flow, not of your account.'),
  (131202, 'fail', 1, null, null, 'message', null, 'Groups are not a matter of Flow', 'Tell support: this is a matter of Flow, not of your account.'),
  (131204, 'fail', 1, null, null, 'message', null, 'Groups are not a matter of Flow', 'Tell support: this is a matter of Flow, not of your account.'),
  (131207, 'fail', 1, null, null, 'message', null, 'Groups are not a matter of Flow', 'Tell support: this is a matter of Flow, not of your account.'),
  (131208, 'retry', 2, 5, 60, 'message', null, 'Meta limits calls about groups', 'Flow tries again by itself; if it fails for good, send it again later.'),
  (131209, 'fail', 1, null, null, 'message', null, 'Groups are not a matter of Flow', 'Tell support: this is a matter of Flow, not of your account.'),
  (131210, 'fail', 1, null, null, 'message', null, 'Groups are not a matter of Flow', 'Tell support: this is a matter of Flow, not of your account.'),
  (131211, 'fail', 1, null, null, 'message', null, 'Groups are not a matter of Flow', 'Tell support: this is a matter of Flow, not of your account.'),
  (131212, 'fail', 1, null, null, 'message', null, 'Groups are not a matter of Flow', 'Tell support: this is a matter of Flow, not of your account.'),
  (131213, 'fail', 1, null, null, 'message', null, 'Groups are not a matter of Flow', 'Tell support: this is a matter of Flow, not of your account.'),
  (131214, 'fail', 1, null, null, 'message', null, 'Groups are not a matter of Flow', 'Tell support: this is a matter of Flow, not of your account.'),
  (131215, 'fail', 1, null, null, 'message', null, 'Groups are not a matter of Flow', 'Tell support: this is a matter of Flow, not of your account.'),
  (132000, 'template_fix', 1, null, null, 'message', null, 'The template takes a different number of values', 'Synchronize templates, then fill every value.'),
  (132001, 'template_fix', 1, null, null, 'message', null, 'The template does not exist in this language or is not approved', 'Choose an approved template, or synchronize templates.'),
  (132005, 'template_fix', 1, null, null, 'message', null, 'The text is too long once the values are filled in', 'Use shorter values.'),
  (132007, 'template_fix', 1, null, null, 'message', null, 'The template breaks Meta''s policies', 'Correct the template in WhatsApp Manager, then synchronize templates.'),
  (132008, 'template_fix', 1, null, null, 'message', null, 'A value of the template is not valid', 'Check the values.'),
  (132012, 'template_fix', 1, null, null, 'message', null, 'A value has the wrong format for the template', 'Write values without line breaks, tabs or long gaps.'),
  (132015, 'template_fix', 1, null, null, 'message', null, 'Meta paused the template for low quality', 'Improve the template, or wait until Meta approves it again.'),
  (132016, 'template_fix', 1, null, null, 'message', null, 'Meta disabled the template for low quality', 'Make a new template.'),
  (132018, 'template_fix', 1, null, null, 'message', null, 'The values do not fit the template', 'Synchronize templates, then check the values.'),
  (132068, 'template_fix', 1, null, null, 'message', null, 'Meta has blocked the form in this template', 'Correct the form in WhatsApp Manager.'),
  (132069, 'template_fix', 1, null, null, 'message', null, 'Meta limits how often this form is sent', 'Wait an hour.'),
  (133000, 'retry', 2, 5, 60, 'message', null, 'The number was not properly released before', 'Flow tries again by itself; if it fails for good, send it again later.'),
  (133004, 'retry', 8, 2, 600, 'message', null, 'Meta is not available for the moment', 'Flow tries again by itself; if it fails for good, send it again later.'),
  (133005, 'fail', 1, null, null, 'message', null, 'The two-step PIN is wrong', 'Enter the PIN of the number, or set a new one in WhatsApp Manager.'),
  (133006, 'reauthorize', 8, null, null, 'message', null, 'The number is not verified', 'Verify the number, then connect again.'),
  (133008, 'fail', 1, null, null, 'message', null, 'The PIN was guessed too often', 'Wait for the time that Meta names, then enter the right PIN.'),
  (133009, 'retry', 8, 2, 600, 'message', null, 'The PIN was entered too fast', 'Flow tries again by itself; if it fails for good, send it again later.'),
  (133010, 'pause_number', 8, null, null, 'message', null, 'The number is not registered', 'Connect the number again.'),
  (133015, 'retry', 2, 300, 300, 'message', null, 'The number was deleted a moment ago', 'Flow tries again by itself; if it fails for good, send it again later.'),
  (133016, 'fail', 1, null, null, 'message', null, 'The number was registered too often', 'Wait 72 hours, then connect again.'),
  (134011, 'fail', 1, null, null, 'message', null, 'The terms of WhatsApp Payments are not accepted', 'Accept them in WhatsApp Manager.'),
  (134100, 'fail', 1, null, null, 'message', null, 'This way of sending takes marketing templates only', 'Choose a marketing template.'),
  (134101, 'retry', 2, 600, 600, 'message', null, 'Meta still prepares the template', 'Flow tries again by itself; if it fails for good, send it again later.'),
  (134102, 'template_fix', 1, null, null, 'message', null, 'Meta cannot use the template', 'Correct the template in WhatsApp Manager, then synchronize templates.'),
  (135000, 'fail', 1, null, null, 'message', null, 'Meta does not accept the message', 'Try another text or file; if it happens again, tell support the message.'),
  (137000, 'fail', 1, null, null, 'message', null, 'The person''s identity at WhatsApp has changed', 'Make sure that it is still them, then write again.'),
  (138000, 'fail', 1, null, null, 'message', null, 'Calls are not a matter of Flow', 'Tell support: this is a matter of Flow, not of your account.'),
  (138001, 'fail', 1, null, null, 'message', null, 'Calls are not a matter of Flow', 'Tell support: this is a matter of Flow, not of your account.'),
  (138002, 'fail', 1, null, null, 'message', null, 'Calls are not a matter of Flow', 'Tell support: this is a matter of Flow, not of your account.'),
  (138003, 'fail', 1, null, null, 'message', null, 'Calls are not a matter of Flow', 'Tell support: this is a matter of Flow, not of your account.'),
  (138004, 'fail', 1, null, null, 'message', null, 'Calls are not a matter of Flow', 'Tell support: this is a matter of Flow, not of your account.'),
  (138005, 'fail', 1, null, null, 'message', null, 'Calls are not a matter of Flow', 'Tell support: this is a matter of Flow, not of your account.'),
  (138006, 'fail', 1, null, null, 'message', null, 'Calls are not a matter of Flow', 'Tell support: this is a matter of Flow, not of your account.'),
  (138007, 'fail', 1, null, null, 'message', null, 'Calls are not a matter of Flow', 'Tell support: this is a matter of Flow, not of your account.'),
  (138009, 'fail', 1, null, null, 'message', null, 'Calls are not a matter of Flow', 'Tell support: this is a matter of Flow, not of your account.'),
  (138012, 'fail', 1, null, null, 'message', null, 'Calls are not a matter of Flow', 'Tell support: this is a matter of Flow, not of your account.'),
  (138013, 'fail', 1, null, null, 'message', null, 'Calls are not a matter of Flow', 'Tell support: this is a matter of Flow, not of your account.'),
  (138018, 'fail', 1, null, null, 'message', null, 'Calls are not a matter of Flow', 'Tell support: this is a matter of Flow, not of your account.'),
  (138038, 'fail', 1, null, null, 'message', null, 'Calls are not a matter of Flow', 'Tell support: this is a matter of Flow, not of your account.'),
  (139000, 'fail', 1, null, null, 'message', null, 'Meta does not take the form', 'Correct the form in WhatsApp Manager.'),
  (139001, 'fail', 1, null, null, 'message', null, 'Meta does not take the form', 'Correct the form in WhatsApp Manager.'),
  (139002, 'fail', 1, null, null, 'message', null, 'Meta does not take the form', 'Correct the form in WhatsApp Manager.'),
  (139003, 'fail', 1, null, null, 'message', null, 'Meta does not take the form', 'Correct the form in WhatsApp Manager.'),
  (139004, 'fail', 1, null, null, 'message', null, 'Meta does not take the form', 'Correct the form in WhatsApp Manager.'),
  (139100, 'retry', 2, 5, 60, 'message', null, 'Some people could not be blocked or unblocked', 'Flow tries again by itself; if it fails for good, send it again later.'),
  (139101, 'fail', 1, null, null, 'message', null, 'The list of blocked people is full', 'Unblock somebody first.'),
  (139102, 'retry', 2, 5, 60, 'message', null, 'The list of blocked people is just being changed', 'Flow tries again by itself; if it fails for good, send it again later.'),
  (139103, 'retry', 2, 5, 60, 'message', null, 'Meta could not change the list of blocked people', 'Flow tries again by itself; if it fails for good, send it again later.'),
  (147001, 'fail', 1, null, null, 'message', null, 'The username is taken', 'Choose another one.'),
  (147002, 'fail', 1, null, null, 'message', null, 'The account may not have a username yet', 'Look at the account in WhatsApp Manager.'),
  (147003, 'fail', 1, null, null, 'message', null, 'The Facebook page is not linked', 'Look at the account in WhatsApp Manager.'),
  (147004, 'fail', 1, null, null, 'message', null, 'The Instagram account is not linked', 'Look at the account in WhatsApp Manager.'),
  (147005, 'fail', 1, null, null, 'message', null, 'The username must be moved from another account', 'Look at the account in WhatsApp Manager.'),
  (200005, 'fail', 1, null, null, 'message', null, 'Meta has no figures of the template', 'Look again later.'),
  (200006, 'fail', 1, null, null, 'message', null, 'Figures of templates cannot be switched off', 'Nothing to do.'),
  (200007, 'fail', 1, null, null, 'message', null, 'Figures of templates are not switched on', 'Switch them on in WhatsApp Manager.'),
  (1752041, 'fail', 1, null, null, 'message', null, 'Meta has this invitation already', 'Nothing to do.'),
  (2388012, 'fail', 1, null, null, 'message', null, 'The number is already in the account', 'Choose it from the list.'),
  (2388019, 'template_fix', 1, null, null, 'message', null, 'The account holds as many templates as Meta allows', 'Delete templates that nobody uses, or verify the business.'),
  (2388023, 'template_fix', 1, null, null, 'message', null, 'A template of this name is being deleted', 'Choose another name, or wait 30 days.'),
  (2388024, 'template_fix', 1, null, null, 'message', null, 'The template exists in this language already', 'Choose another name, or edit the existing one.'),
  (2388039, 'template_fix', 1, null, null, 'message', null, 'The template cannot be changed now', 'Wait until its review is over, at most a day.'),
  (2388040, 'template_fix', 1, null, null, 'message', null, 'A part of the template is too long', 'Shorten it.'),
  (2388047, 'template_fix', 1, null, null, 'message', null, 'The header of the template is not right', 'Correct the header.'),
  (2388072, 'template_fix', 1, null, null, 'message', null, 'The body of the template is not right', 'Correct the body.'),
  (2388073, 'template_fix', 1, null, null, 'message', null, 'The footer of the template is not right', 'Correct the footer.'),
  (2388091, 'fail', 1, null, null, 'message', null, 'The number is not being moved', 'Start the move of the number in WhatsApp Manager.'),
  (2388093, 'fail', 1, null, null, 'message', null, 'The number is not being moved', 'Start the move of the number in WhatsApp Manager.'),
  (2388103, 'fail', 1, null, null, 'message', null, 'The number cannot be moved', 'Read the reason in WhatsApp Manager.'),
  (2388293, 'template_fix', 1, null, null, 'message', null, 'The template has too many values for its length', 'Write more words, or use fewer values.'),
  (2388299, 'template_fix', 1, null, null, 'message', null, 'The template begins or ends with a value', 'Put words before and after it.'),
  (2494100, 'retry', 10, 120, 120, 'message', null, 'The number is in maintenance', 'Flow tries again by itself; if it fails for good, send it again later.'),
  (2593107, 'fail', 1, null, null, 'message', null, 'The phone app was asked for its history too often', 'Disconnect the number and connect it again.'),
  (2593108, 'fail', 1, null, null, 'message', null, 'The phone app gives its history only within a day of connecting', 'Disconnect the number and connect it again.'),
  (2593109, 'fail', 1, null, null, 'message', null, 'The business does not share its history', 'Switch history sharing on in the WhatsApp Business app.');

create function private.meta_error_rule(code int, http_status int) returns private.meta_error_codes
  language plpgsql stable security definer set search_path = ''
as $$
declare
  v_rule private.meta_error_codes;
begin
  select r.* into v_rule from private.meta_error_codes r where r.code = meta_error_rule.code;
  if found then
    return v_rule;
  elsif meta_error_rule.code between 200 and 299 then
    return row (meta_error_rule.code, 'reauthorize', 8, null, null, 'message', null, 'Meta refuses permission: connect WhatsApp again',
                'An owner connects WhatsApp again in the settings.')::private.meta_error_codes;
  elsif meta_error_rule.http_status = 429 or meta_error_rule.http_status >= 500 then
    return row (meta_error_rule.code, 'retry', 8, 2, 600, 'message', null, 'Meta had a problem: waits and sends', 'Flow tries again by itself; if it fails for good, send it again later.')::private.meta_error_codes;
  end if;
  return row (meta_error_rule.code, 'fail', 1, null, null, 'message', null, null, null)::private.meta_error_codes;
end;
$$;
comment on function private.meta_error_rule is
  'The rule for an error: its own row, else permissions for 200–299, else retry for HTTP 429 and 5xx, else fail (words null: Meta''s own).';

create function private.meta_errors(org_id uuid) returns table (code int, words text, remedy text)
  language plpgsql stable security definer set search_path = ''
as $$
#variable_conflict use_column
begin
  perform private.require_role(meta_errors.org_id, 'agent');
  return query select r.code, r.words, r.remedy from private.meta_error_codes r order by r.code;
end;
$$;
comment on function private.meta_errors is 'public.meta_errors behind its door.';
create function public.meta_errors(org_id uuid) returns table (code int, words text, remedy text)
  language sql stable set search_path = ''
begin atomic
  select e.code, e.words, e.remedy from private.meta_errors(org_id) e;
end;
comment on function public.meta_errors is
  'What each error_code of a message means and what to do about it, in words. Raises PT401, PT404.';
grant execute on function private.meta_errors, public.meta_errors to authenticated;
