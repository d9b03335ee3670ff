-- 55_error_codes.sql: what each error code of Meta means for a send, decided here and nowhere else.

create table private.meta_error_codes (
  code          int primary key,
  action        text not null,
  max_attempts  int not null,
  base_seconds  int,
  cap_seconds   int,
  delay_scope   text not null,
  pause_seconds int,
  words         text not null,
  constraint error_action_is_known check (action in
    ('retry', 'fail', 'pause_number', 'reauthorize', 'opt_out', 'template_fix', 'window_closed')),
  constraint error_delay_scope_is_known check (delay_scope in ('message', 'number'))
);
comment on table private.meta_error_codes is
  'Error code of the Cloud API → what dispatch does. From Meta''s page "Error codes" (copy of 2026-09-11) and current client code; actions are Flow''s choice.';
comment on column private.meta_error_codes.code is 'Meta''s error.code. Codes 200 to 299 that have no row of their own mean: permission trouble.';
comment on column private.meta_error_codes.action is
  'retry with backoff; fail; pause_number; reauthorize (account needs a new token); opt_out (of marketing); template_fix (block the template); window_closed.';
comment on column private.meta_error_codes.max_attempts is 'After so many attempts a retried message fails.';
comment on column private.meta_error_codes.base_seconds is 'First delay of a retry; doubles with each attempt (131056: times four).';
comment on column private.meta_error_codes.cap_seconds is 'Longest delay of a retry.';
comment on column private.meta_error_codes.delay_scope is 'message: only this conversation waits. number: the whole number waits.';
comment on column private.meta_error_codes.pause_seconds is 'How long a number is paused before it tries again; null: until Meta or a person says so.';
comment on column private.meta_error_codes.words is 'The reason as people read it.';
alter table private.meta_error_codes enable row level security;

insert into private.meta_error_codes (code, action, max_attempts, base_seconds, cap_seconds, delay_scope, pause_seconds, words) values
  (0, 'reauthorize', 8, null, null, 'message', null, 'Meta no longer accepts the access token: connect WhatsApp again'),
  (1, 'retry', 2, 30, 30, 'message', null, 'Invalid request or possible server error'),
  (2, 'retry', 8, 2, 600, 'message', null, 'Temporary downtime or overload'),
  (3, 'reauthorize', 8, null, null, 'message', null, 'Capability or permission issue'),
  (4, 'retry', 8, 2, 600, 'number', null, 'App API call rate limit reached'),
  (10, 'reauthorize', 8, null, null, 'message', null, 'Permission not granted or removed'),
  (33, 'pause_number', 8, null, null, 'message', null, 'Phone number (object) deleted'),
  (100, 'fail', 1, null, null, 'message', null, 'Invalid parameter'),
  (102, 'reauthorize', 8, null, null, 'message', null, 'Session key invalid / API session'),
  (104, 'reauthorize', 8, null, null, 'message', null, 'Access token signature / token required'),
  (190, 'reauthorize', 8, null, null, 'message', null, 'Meta no longer accepts the access token: connect WhatsApp again'),
  (200, 'reauthorize', 8, null, null, 'message', null, 'No token / permission denied'),
  (368, 'pause_number', 8, null, null, 'message', null, 'Temporarily blocked for policy violations'),
  (613, 'retry', 8, 2, 600, 'message', null, 'Calls to this API exceeded the rate limit'),
  (80007, 'retry', 8, 900, 900, 'number', null, 'WABA rate limit (business use case)'),
  (80008, 'retry', 8, 900, 900, 'number', null, 'WABA management BUC limit'),
  (130403, 'fail', 1, null, null, 'message', null, 'Business has blocked this user'),
  (130429, 'retry', 12, 1, 60, 'number', null, 'The number has reached its sending speed: waits and sends'),
  (130472, 'fail', 1, null, null, 'message', null, 'User in marketing experiment'),
  (130497, 'fail', 1, null, null, 'message', null, 'Account restricted for this country'),
  (131000, 'retry', 3, 5, 60, 'message', null, 'Something went wrong'),
  (131005, 'reauthorize', 8, null, null, 'message', null, 'Access denied'),
  (131008, 'fail', 1, null, null, 'message', null, 'Required parameter missing'),
  (131009, 'fail', 1, null, null, 'message', null, 'Parameter value not valid'),
  (131016, 'retry', 8, 2, 600, 'message', null, 'Service unavailable'),
  (131020, 'fail', 1, null, null, 'message', null, 'Group not eligible'),
  (131021, 'fail', 1, null, null, 'message', null, 'Recipient is the sender'),
  (131026, 'fail', 1, null, null, 'message', null, 'Not delivered: this number is not on WhatsApp, or cannot receive this message'),
  (131030, 'fail', 1, null, null, 'message', null, 'Recipient not in allowed list'),
  (131031, 'pause_number', 8, null, null, 'message', null, 'Account locked'),
  (131037, 'pause_number', 8, null, null, 'message', null, 'Display name not approved'),
  (131041, 'fail', 1, null, null, 'message', null, 'Group unknown'),
  (131042, 'pause_number', 8, null, null, 'message', 3600, 'Meta has a payment problem with the account: check the payment method in WhatsApp Manager'),
  (131044, 'pause_number', 8, null, null, 'message', 3600, 'Payment issue (calling)'),
  (131045, 'pause_number', 8, null, null, 'message', null, 'Number registration / certificate error'),
  (131047, 'window_closed', 1, null, null, 'message', null, 'The 24-hour window is closed: send a template instead'),
  (131048, 'pause_number', 8, null, null, 'message', 86400, 'Too many people blocked or reported this number: Meta limits it for now'),
  (131049, 'fail', 1, null, null, 'message', null, 'Meta holds back marketing messages to this person: try again after 24 hours'),
  (131050, 'opt_out', 1, null, null, 'message', null, 'They asked not to receive marketing messages'),
  (131051, 'fail', 1, null, null, 'message', null, 'Unsupported message type'),
  (131052, 'fail', 1, null, null, 'message', null, 'Media download failed (inbound)'),
  (131053, 'fail', 1, null, null, 'message', null, 'Media upload failed (outbound)'),
  (131055, 'fail', 1, null, null, 'message', null, 'Method not allowed'),
  (131056, 'retry', 6, 4, 4096, 'message', null, 'Too many messages to this person in a short time: waits and sends'),
  (131057, 'retry', 20, 30, 30, 'number', null, 'Account in maintenance mode'),
  (131059, 'fail', 1, null, null, 'message', null, 'Invalid paging cursor'),
  (131061, 'template_fix', 1, null, null, 'message', null, 'Template needs marketing_messages endpoint'),
  (131062, 'fail', 1, null, null, 'message', null, 'BSUID recipient not supported'),
  (131063, 'template_fix', 1, null, null, 'message', null, 'Marketing templates disabled on Cloud API'),
  (131064, 'pause_number', 8, null, null, 'message', 86400, 'Messaging limit: template misclassification'),
  (131065, 'template_fix', 1, null, null, 'message', null, 'Max price unavailable in this country'),
  (131070, 'fail', 1, null, null, 'message', null, 'Thread owned by another app'),
  (132000, 'template_fix', 1, null, null, 'message', null, 'The template takes a different number of values'),
  (132001, 'template_fix', 1, null, null, 'message', null, 'The template does not exist in this language or is not approved'),
  (132005, 'template_fix', 1, null, null, 'message', null, 'Translated text too long'),
  (132007, 'template_fix', 1, null, null, 'message', null, 'Template content violates policy'),
  (132008, 'template_fix', 1, null, null, 'message', null, 'Template parameter value invalid'),
  (132012, 'template_fix', 1, null, null, 'message', null, 'A value has the wrong format for the template'),
  (132015, 'template_fix', 1, null, null, 'message', null, 'Meta paused the template for low quality'),
  (132016, 'template_fix', 1, null, null, 'message', null, 'Meta disabled the template for low quality'),
  (132018, 'template_fix', 1, null, null, 'message', null, 'Template validation error'),
  (132068, 'template_fix', 1, null, null, 'message', null, 'Flow blocked'),
  (132069, 'template_fix', 1, null, null, 'message', null, 'Flow throttled'),
  (133000, 'retry', 2, 5, 60, 'message', null, 'Previous deregistration failed'),
  (133004, 'retry', 8, 2, 600, 'message', null, 'Server temporarily unavailable'),
  (133005, 'fail', 1, null, null, 'message', null, 'Two-step PIN wrong'),
  (133006, 'reauthorize', 8, null, null, 'message', null, 'Number not verified'),
  (133008, 'fail', 1, null, null, 'message', null, 'Too many PIN guesses'),
  (133009, 'retry', 8, 2, 600, 'message', null, 'PIN entered too fast'),
  (133010, 'pause_number', 8, null, null, 'message', null, 'Number not registered'),
  (133015, 'retry', 2, 300, 300, 'message', null, 'Number recently deleted'),
  (133016, 'fail', 1, null, null, 'message', null, 'Too many register/deregister calls'),
  (134011, 'fail', 1, null, null, 'message', null, 'Payments terms pending'),
  (134100, 'fail', 1, null, null, 'message', null, 'Only marketing messages supported'),
  (134101, 'retry', 2, 600, 600, 'message', null, 'Template still syncing'),
  (134102, 'template_fix', 1, null, null, 'message', null, 'Template unavailable for use'),
  (135000, 'fail', 1, null, null, 'message', null, 'Generic user error'),
  (137000, 'fail', 1, null, null, 'message', null, 'Recipient identity key mismatch'),
  (1752041, 'fail', 1, null, null, 'message', null, 'Duplicate request (MM API onboarding)'),
  (2388012, 'fail', 1, null, null, 'message', null, 'Number already in your list'),
  (2388019, 'template_fix', 1, null, null, 'message', null, 'Template limit exceeded'),
  (2388023, 'template_fix', 1, null, null, 'message', null, 'Template name being deleted (language)'),
  (2388024, 'template_fix', 1, null, null, 'message', null, 'Template content in this language already exists'),
  (2388039, 'template_fix', 1, null, null, 'message', null, 'Template status cannot be changed'),
  (2388040, 'template_fix', 1, null, null, 'message', null, 'Template field too long'),
  (2388047, 'template_fix', 1, null, null, 'message', null, 'Template header format'),
  (2388072, 'template_fix', 1, null, null, 'message', null, 'Template body format'),
  (2388073, 'template_fix', 1, null, null, 'message', null, 'Template footer format'),
  (2388091, 'fail', 1, null, null, 'message', null, 'Number not being migrated'),
  (2388093, 'fail', 1, null, null, 'message', null, 'Number not being migrated'),
  (2388103, 'fail', 1, null, null, 'message', null, 'Cannot migrate number'),
  (2388293, 'template_fix', 1, null, null, 'message', null, 'Too many variables for the length'),
  (2388299, 'template_fix', 1, null, null, 'message', null, 'Variable at start or end'),
  (2494100, 'retry', 10, 120, 120, 'message', null, 'Number in maintenance mode'),
  (2593107, 'fail', 1, null, null, 'message', null, 'Coexistence sync called too often'),
  (2593108, 'fail', 1, null, null, 'message', null, 'Coexistence sync after 24 h');

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
    return row (meta_error_rule.code, 'reauthorize', 8, null, null, 'message', null, 'Meta refuses permission: connect WhatsApp again')::private.meta_error_codes;
  elsif meta_error_rule.http_status = 429 or meta_error_rule.http_status >= 500 then
    return row (meta_error_rule.code, 'retry', 8, 2, 600, 'message', null, 'Meta had a problem: waits and sends')::private.meta_error_codes;
  end if;
  return row (meta_error_rule.code, 'fail', 1, null, null, 'message', null, null)::private.meta_error_codes;
end;
$$;
comment on function private.meta_error_rule is
  'The rule for an error: its own row, else permissions for 200–299, else retry for HTTP 429 and 5xx, else fail (words null: Meta''s own).';
