"""An imitation of Meta, IndiaMART and Razorpay for the local stack: it refuses as they do, and tells all.

`python -m workers.sandbox --port N [--state FILE]` serves on 127.0.0.1 only, sends to 127.0.0.1 only, and
does not start beside a Supabase that is elsewhere. Production code never imports this package.

The outside world, at the addresses of `META_GRAPH_URL` and `INDIAMART_URL`:

    /v26.0/{phone_number_id}/messages · media · register · deregister · smb_app_data
    /v26.0/{waba_id}/message_templates · phone_numbers · subscribed_apps
    GET /v26.0/{waba_id, phone_number_id or media_id};  DELETE /v26.0/{user_id}/permissions
    GET /v26.0/{waba_id}?fields=pricing_analytics.start(…).end(…).granularity(DAILY)…: what was delivered
      since the sandbox's start, at the India card
    /v26.0/oauth/access_token · debug_token
    /wservce/crm/crmListing/v2/
    /v1/plans · customers · subscriptions (cancel, pause, resume, addons) · orders · payment_links · payments
      · refunds · invoices; hosted pages at /razorpay/pay/{id of a subscription, an order or a link}

The control API under `/_sandbox`, JSON in and out, unknown keys refused with 400; `models.py` has every key
with its default, `client.py` a Python client:

    GET  /                     {ready}
    POST /reset                {nonce?}: forgets all; with a nonce, the message ids to come repeat

    POST /meta/accounts        {waba_id, name?, currency?, timezone_id?, token?, user_id?, subscribed?,
      numbers: [{phone_number_id, display_phone, verified_name?, registered?, pin?, coexistence?,
      messages_per_second?, is_verified?, name_status?, limit_tier?}], templates: [{name, language?,
      category?, status?, parameter_format?, body? | components?}]}; idempotent. GET lists
    GET  /meta/sends           ?after=ORDER ?since=EPOCH ?limit ?to ?callback ?phone_number_id ?template:
      {sends: [{order, wamid, phone_number_id, to, type, template, text, callback, accepted_at, body,
      statuses: [{status, at, code?}], pricing}], last, counters}
    GET  /meta/signals         {signals: [{kind: read|typing|reaction, message_id, phone_number_id, at, to?,
      emoji?}]}, oldest first
    GET  /meta/counters        {calls, accepted, rejected by code, duplicates by callback, webhooks: {…}}
    POST /meta/inbound         {phone_number_id, from, name?, text | message, timestamp?, hide_phone?}
    POST /meta/media           {phone_number_id, mime_type?, content? (base64), trick?, count?, address?,
      pace?}: {id, mime_type, sha256}, for an inbound message. Tricks of the host: redirect, address (both to
      `address`), wrong_type, wrong_hash, wrong_size, endless, drip, drip_headers (`pace` seconds a byte or
      header), gone, expired, huge_length, gzip, cut. GET lists all files, with how often each was asked for
    POST /meta/webhook         {waba_id, field, value}: any change, signed
    POST /meta/verify          Meta's GET with hub.challenge: {verified}
    POST /meta/behaviour       {phone_number_id? | customer?, sent_ms?, delivered_ms?, read_ms?, answer_ms?
      (null: never), answer_text?, failed_code?, batch_max?}
    POST /meta/templates       {waba_id, name, language?, status, reason?}: a review's end, told by webhook
    POST /meta/review          {after_ms? (null: never), status?, reason?, creations_per_hour?,
                               most_templates?}: how reviews end by themselves, and Meta's limits
    POST /meta/code            {waba_ids, user_id?, scopes?, names_targets?, age_seconds?}: {code, user_id},
      good once and for 30 seconds
    POST /meta/change          {id of an account, a number or a token; properties}: what checks look at
    POST /meta/analytics       {waba_id, day? (yesterday there), category?, country?, add_volume?, add_cost?
      (text)}: pricing analytics of charged messages differ from what was delivered by so much
    GET  /meta/managed         {managed: [{method, path, at}]}: the management calls that came
    POST /meta/faults          {kind, phone_number_id?, endpoint?, call?, count? | probability?, seed?, code?,
      subcode?, http_status?, details?, ms?, copies?, accepted?}; GET lists, DELETE ends. Kinds: error,
      http_500 (accepted: after taking the message), latency, lost_answer (taken, connection closed),
      dropped (not taken), failed_status, no_statuses, delay_statuses, duplicate_webhooks,
      reorder_webhooks, webhook_outage (ms). phone_number_id: of a management call, the object that it names;
      call: the last part of its address, alone or with the method ("POST subscribed_apps")

    POST /indiamart/keys       {key, seller?, state? live|expired|replaced, created_at?, hold_seconds?,
      push_url?}; GET lists
    POST /indiamart/leads      {key, leads: […] and/or count, seed, types, query_time, spread_seconds; pull?,
      push?}: {leads}
    POST /indiamart/push       {url, body}: again until 200
    GET  /indiamart/calls      ?since=EPOCH: {calls: [{at, key, start_time, end_time, code, leads, fault}]}
    POST /indiamart/faults     {kind, key?, count? | probability?, seed?, ms?, extra?}; GET lists, DELETE
      ends. Kinds: server_error, http_500, html_502, html_200, malformed, timeout, dropped, more_records

    GET  /razorpay             {now, plans, customers, subscriptions, orders, payment_links, payments,
      invoices, refunds, addons, calls, events: [{event, id, at, fate: sent|dropped|nowhere}]}
    POST /razorpay/advance     {days?, seconds?}: the clock moves on, what falls due happens: {now, events}
    POST /razorpay/charges     {outcome: success|failure, subscription_id?}: how charges end from now on
    POST /razorpay/pay         {id, outcome? success|failure|abandon, method? upi|card|international_card|
      emandate}: what somebody does on a hosted page
    POST /razorpay/customer    {subscription_id, act: pause|resume|cancel}: in the UPI app
    POST /razorpay/webhook     {event, payload?, account_id?, event_id?, secret?}: any event, signed
    POST /razorpay/faults      {kind, key?, count? | probability?, seed?, ms?, copies?}; GET lists, DELETE
      ends. Kinds of calls (key: "POST subscriptions", "POST payments/refund"): rate_limited, error_500,
      html_502, dropped (not done), lost_answer (done; both close the connection after `ms`). Kinds of
      webhooks (key: the event): duplicate (copies), delay (ms), shuffle (up to ms), forge (as well), drop

    POST /alarms               (at the sandbox's address) an alarm as FLOW_ALARM_WEBHOOK_URL gets it, signed
    GET  /inbox                {alarms: as they came, mails: [{at, to, from, subject, reply_to, id, text}]}

    POST /receiver/{name}      {secrets?: [whsec_…], faults?: [a status, slow, drip, long]}: a program of a
      business at /receiver/{name}; it checks signatures with the secrets; its next answers are the faults
    GET  /receiver/{name}      {events: [{id, at, verified: how many secrets fit, is_known, body}]}

A fault without count and probability happens once. Webhooks are tried again until they get 200, first after
0.2 seconds, at most every 10.
"""
