"""Every kind of event of Meta's, once or twice, reaches the organization it belongs to."""

import json

import pytest

from tests.business import NUMBER, PAYLOADS, WABA, Business, call, fresh_org, post, status, text, webhook
from tests.sql.ingest import ASHA, ASHA_ID, dead, payload

EVENTS = sorted(path.stem for path in PAYLOADS.glob("*.json"))

OURS = "wamid.FLOWTESTOUT0001=="  # what the recorded quotes and reactions name

NOBODYS = {
    "batch_two_tenants",
    "account_update_partner_app_uninstalled",
}  # of a number, an account that nobody connected


def state(business):
    """All that webhooks may change, without ids of our own and without times of storing."""
    skip = {"id", "created_at", "updated_at", "synced_at", "conversation_id", "contact_id", "number_id"}
    tables = ("public.contacts", "public.contact_identities", "public.conversations", "public.messages",
              "public.consent_events", "public.message_templates", "public.whatsapp_numbers", "public.whatsapp_accounts",
              "private.parked_updates")  # fmt: skip
    return {
        table: sorted(
            json.dumps({k: v for k, v in row.items() if k not in skip}, sort_keys=True)
            for row in business.table(table)
        )
        for table in tables
    }


@pytest.fixture
def outbound(business, db):
    """Messages of ours under the wamids that the recorded statuses name."""
    ids = business.send(*["+919810000011"] * 13)
    names = [OURS] + [f"wamid.FLOWTESTOUT01{n:02d}==" for n in range(12)]
    for message, wamid in zip(ids, names, strict=True):
        db.execute("update public.messages set wamid = %s, status = 'sent' where id = %s", [wamid, message])
    db.execute("update private.send_lanes set next_at = null where org_id = %s", [business.org_id])
    return business


# Every kind of event --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", EVENTS)
def test_every_recorded_event_is_applied_and_a_second_time_changes_nothing(outbound, db, name):
    told = post(db, payload(name))

    assert told["dead"] == (1 if name in NOBODYS else 0), dead(db)
    assert told["applied"] == told["updates"] - told["dead"]
    before = state(outbound)
    post(db, payload(name))
    assert state(outbound) == before


STORED = [
    ("message_text", "text", "Hi, is the blue kurta available in M?"),
    ("message_image", "image", "my receipt"),
    ("message_audio_voice", "audio", None),
    ("message_video", "video", None),
    ("message_document", "document", "quotation 12.pdf"),
    ("message_sticker", "sticker", None),
    ("message_location", "location", "Connaught Place, New Delhi"),
    ("message_contacts", "contacts", "Ravi Kumar"),
    ("message_button_template_quick_reply", "button", "Yes, call me"),
    ("message_interactive_button_reply", "interactive", "Book"),
    ("message_interactive_list_reply", "interactive", "Evening"),
    ("message_interactive_nfm_reply", "interactive", "Sent"),
    ("message_order", "order", "Order: 2 × SKU-77. by Friday"),
    ("message_unsupported", "unsupported", "WhatsApp does not pass on this kind of message (poll_creation)"),
]


@pytest.mark.parametrize(("name", "kind", "words"), [pytest.param(*case, id=case[0]) for case in STORED])
def test_inbound_message_is_stored_with_its_words_and_opens_the_window(business, db, name, kind, words):
    event = payload(name)
    sent = event["entry"][0]["changes"][0]["value"]["messages"][0]

    post(db, event)

    stored = business.message(sent["id"])
    (thread,) = business.table("public.conversations")
    assert (stored["kind"], stored["text"], stored["direction"], stored["status"]) == (
        kind,
        words,
        "inbound",
        "received",
    )
    assert stored["body"] == sent
    assert thread["unread_count"] == 1
    assert thread["last_message_text"] == (words or kind)
    window = "select extract(epoch from window_expires_at) from public.conversations where org_id = %s"
    assert db.value(window, business.org_id) == int(sent["timestamp"]) + 86400
    contact = business.contact(ASHA)
    assert (contact["name"], contact["phone"], contact["wa_id"], contact["user_id"]) == (
        "Asha Verma",
        f"+{ASHA}",
        ASHA,
        ASHA_ID,
    )


def test_quote_names_the_message_it_answers(business, db):
    post(db, payload("message_text_reply_context"))

    assert business.message("wamid.FLOWTEST0002TEX==")["context_wamid"] == OURS


def test_person_without_phone_is_known_by_user_id(business, db):
    post(db, payload("message_text_username_only"))

    contact = business.contact(ASHA_ID)
    assert (contact["name"], contact["phone"], contact["wa_id"], contact["country"]) == (
        "Meera",
        None,
        None,
        "IN",
    )


SETTLED = [
    ("status_sent_marketing", 100, "sent", ["sent_at"]),
    ("status_delivered_marketing_regular", 100, "delivered", ["delivered_at"]),
    ("status_read_without_pricing", 100, "read", ["read_at"]),
    ("status_read_only_with_pricing", 101, "read", ["read_at"]),
    ("status_played", 110, "read", ["read_at", "played_at"]),
    ("status_failed_window_closed", 107, "failed", ["failed_at"]),
    ("status_conversation_based_old", 111, "sent", ["sent_at"]),
]


@pytest.mark.parametrize(
    ("name", "n", "word", "instants"), [pytest.param(*case, id=case[0]) for case in SETTLED]
)
def test_status_sets_its_instant_from_metas_clock(outbound, db, name, n, word, instants):
    event = payload(name)
    said = event["entry"][0]["changes"][0]["value"]["statuses"][0]

    post(db, event)

    message = outbound.message(f"wamid.FLOWTESTOUT0{n}==")
    assert message["status"] == word
    for instant in ("sent_at", "delivered_at", "read_at", "played_at", "failed_at"):
        told = db.value(
            f"select extract(epoch from {instant}) from public.messages where id = %s", message["id"]
        )
        assert told == (int(said["timestamp"]) if instant in instants else None), instant
    assert message["pricing"] == ({said["status"]: said["pricing"]} if "pricing" in said else None)


def test_reaction_edit_and_revoke_change_the_message_they_name_and_have_no_row(outbound, db):
    for name in ("message_text", "message_reaction", "message_edit", "message_revoke"):
        post(db, payload(name))

    edited = outbound.message("wamid.FLOWTEST0001TEX==")
    assert edited["text"] == "Hi, is the blue kurta available in L?"
    assert edited["body"]["text"]["body"] == "Hi, is the blue kurta available in M?"
    assert list(edited["edits"]) == ["wamid.FLOWTEST0022EDI=="]
    assert edited["revoked_at"]
    assert outbound.message(OURS)["reactions"][ASHA_ID]["emoji"] == "👍"
    assert [m["wamid"] for m in outbound.table("public.messages") if m["direction"] == "inbound"] == [
        "wamid.FLOWTEST0001TEX=="
    ]
    post(db, payload("message_reaction_removed"))
    assert outbound.message(OURS)["reactions"][ASHA_ID]["emoji"] is None


def test_reaction_edit_and_revoke_that_come_first_wait_for_their_message(business, db):
    for name in ("message_revoke", "message_edit"):
        post(db, payload(name))
    assert len(business.table("private.parked_updates")) == 2

    post(db, payload("message_text"))

    message = business.message("wamid.FLOWTEST0001TEX==")
    assert message["text"] == "Hi, is the blue kurta available in L?"
    assert message["revoked_at"]
    assert business.table("private.parked_updates") == []


@pytest.mark.parametrize(
    ("name", "standing"),
    [
        ("template_status_approved", "APPROVED"),
        ("template_status_rejected", "REJECTED"),
        ("template_status_paused", "PAUSED"),
    ],
)
def test_template_status_is_taken_from_meta(business, db, name, standing):
    greeting = {
        "id": "9",
        "name": "greeting_v1",
        "language": "en",
        "status": "PENDING",
        "category": "UTILITY",
        "components": [],
    }
    call(db, "store_templates", org_id=business.org_id, account_id=business.account_id, templates=[greeting])

    post(db, payload(name))

    assert db.value("select status from public.message_templates where name = 'greeting_v1'") == standing


# Routing --------------------------------------------------------------------------------------------------


def test_one_post_for_two_tenants_reaches_each_its_own(business, db):
    second = Business(db, fresh_org(db, "Second"), waba="880100000000002", number="770200000000002")

    told = post(db, payload("batch_two_tenants"))

    assert (told["applied"], told["dead"]) == (2, 0)
    assert [m["text"] for m in business.table("public.messages")] == ["to tenant one"]
    assert [m["text"] for m in second.table("public.messages")] == ["to tenant two"]
    assert len(business.table("public.contacts")) == len(second.table("public.contacts")) == 1


def test_unknown_number_is_put_aside_and_applied_by_a_replay_after_connecting(db):
    told = post(db, payload("message_text"))
    assert (told["applied"], told["dead"]) == (0, 1)
    assert dead(db)[0][:2] == ("unknown_number", None)

    late = Business(db, fresh_org(db), waba=WABA, number=NUMBER)
    answer = call(db, "replay", event_id=told["event_id"])

    assert (answer["events"], answer["applied"], answer["dead"]) == (1, 1, 0)
    assert late.message("wamid.FLOWTEST0001TEX==")["status"] == "received"
    assert dead(db) == []


def test_number_under_an_account_that_is_not_its_own_belongs_to_nobody(business, db):
    told = post(db, webhook(business.change({"messages": [text("w1")]}), waba="880100000000999"))

    assert told["dead"] == 1
    assert dead(db)[0][:2] == ("number_not_in_account", None)
    assert business.table("public.messages") == []


def test_after_a_disconnect_new_messages_are_kept_unapplied_and_old_statuses_still_count(business, db):
    message = business.sent()
    call(db, "disconnect_whatsapp", org_id=business.org_id)

    kept = business.hear(text("w1"))
    told = business.told(status(f"wamid.{message}", "delivered"))

    assert (kept["kept"], kept["applied"], kept["dead"]) == (1, 0, 0)
    assert told["applied"] == 1
    assert business.message(message)["status"] == "delivered"
    assert business.message(message)["direction"] == "outbound"
    assert [m for m in business.table("public.messages") if m["direction"] == "inbound"] == []
    assert bytes(db.value("select body from private.webhook_events where id = %s", kept["event_id"]))


def test_number_that_moved_to_another_organization_writes_only_there_but_settles_old_sends(business, db):
    message = business.sent()
    call(db, "disconnect_whatsapp", org_id=business.org_id)
    successor = Business(db, fresh_org(db, "Successor"), waba=WABA, number=NUMBER)

    business.hear(text("w1"))
    business.told(status(f"wamid.{message}", "read"))

    assert len(successor.table("public.messages")) == 1
    assert business.message(message)["status"] == "read"
    assert [m["direction"] for m in business.table("public.messages")] == ["outbound"]


# Statuses before their message ----------------------------------------------------------------------------


def test_statuses_that_overtake_our_own_answer_are_applied_with_it(business):
    (message,) = business.send("+919810000011")
    claim = business.claim()
    business.told(
        status(f"wamid.{message}", "delivered", 1795000002), status(f"wamid.{message}", "sent", 1795000001)
    )
    assert business.message(message)["status"] == "sending"

    assert business.record(claim)["parked"] == 2

    assert business.message(message)["status"] == "delivered"
    assert business.table("private.parked_updates") == []


def test_status_with_our_callback_data_finds_its_message_before_the_answer(business):
    (first, second) = business.send("+919810000011", "+919810000011")
    claim = business.claim()
    assert claim["messages"][0]["payload"]["biz_opaque_callback_data"] == f"flow.{first}"

    business.told(status(f"wamid.{first}", "sent", biz_opaque_callback_data=f"flow.{first}"))

    assert business.message(first)["status"] == "sent"
    assert business.message(first)["wamid"] == f"wamid.{first}"
    after = business.claim()
    assert [m["message_id"] for m in after["messages"]] == [second], "a settled message holds nobody up"
    assert business.record(claim)["recorded"] == 0
    assert business.message(first)["status"] == "sent"
    assert business.message(second)["status"] == "sending"


FOREIGN = [
    "out_01JB0000000000000000000001",
    "flow.",
    "flow.x",
    "flow.99999999999999999999",
    "flow.0",
    7,
    None,
    {"a": 1},
]


@pytest.mark.parametrize("data", FOREIGN)
def test_callback_data_that_is_not_ours_names_no_message(business, data):
    told = business.told(status("wamid.other", "sent", biz_opaque_callback_data=data))

    assert told["dead"] == 0
    assert len(business.table("private.parked_updates")) == 1


def test_callback_data_never_reaches_another_organizations_message(business, db):
    second = Business(db, fresh_org(db, "Second"))
    (theirs,) = second.send("+919810000011")

    business.told(status("wamid.x", "read", biz_opaque_callback_data=f"flow.{theirs}"))

    assert second.message(theirs)["status"] == "queued"


def test_status_never_moves_backwards(business):
    message = business.sent()

    for word, at in (
        ("read", 1795000009),
        ("delivered", 1795000005),
        ("sent", 1795000001),
        ("read", 1795000030),
    ):
        business.told(status(f"wamid.{message}", word, at))

    stored = business.message(message)
    assert stored["status"] == "read"
    assert stored["sent_at"] < stored["delivered_at"] < stored["read_at"]


def test_unknown_status_is_noted_and_changes_nothing_else(business):
    message = business.sent()
    before = business.message(message)

    told = business.told(
        status(f"wamid.{message}", "deleted", 1795000009), status(f"wamid.{message}", "deleted", 1795000005)
    )

    assert (told["applied"], told["dead"]) == (2, 0)
    assert business.message(message) == before | {"status_notes": {"deleted": {"at": 1795000005}}}


@pytest.mark.parametrize("order", [("delivered", "failed"), ("failed", "delivered")], ids=str)
def test_failure_of_what_was_delivered_is_noted_and_the_status_stands(business, order):
    message = business.sent()
    for word in order:
        business.told(status(f"wamid.{message}", word, 1795000001, 131026 if word == "failed" else None))

    stored = business.message(message)
    assert stored["status"] == "delivered"
    assert stored["status_notes"]["failed"]["errors"][0]["code"] == 131026


def test_delivered_after_failed_counts_as_delivered(business):
    message = business.sent()
    business.told(status(f"wamid.{message}", "failed", 1795000001, 131026))
    assert business.message(message)["error_code"] == 131026

    business.told(status(f"wamid.{message}", "delivered", 1795000002))

    assert business.message(message)["status"] == "delivered"


# Failures, by the error table -----------------------------------------------------------------------------

RULES = [(0, "reauthorize"), (190, "reauthorize"), (131005, "reauthorize"), (250, "reauthorize"),
         (131042, "pause_number"), (131048, "pause_number"), (368, "pause_number"),
         (131050, "opt_out"), (131047, "window_closed"), (132015, "template_fix"), (132000, "template_fix"),
         (131026, "fail"), (131049, "fail"), (130429, "retry"), (131056, "retry"), (987654, "unknown")]  # fmt: skip


@pytest.mark.parametrize(
    ("code", "action"), [pytest.param(*rule, id=f"{rule[0]} {rule[1]}") for rule in RULES]
)
def test_failed_status_has_the_consequence_of_its_code(business, db, code, action):
    business.hear(text("w1", at=business.now() - 60))
    message = business.sent(template="hello", language="en", params=["Asha", "a kurta"])

    business.told(status(f"wamid.{message}", "failed", business.now(), code))

    failed = business.message(message)
    assert (failed["status"], failed["error_code"]) == ("failed", code)
    assert failed["error_message"]
    assert business.account()["status"] == ("reconnect" if action == "reauthorize" else "connected")
    assert business.number()["status"] == ("paused" if action == "pause_number" else "connected")
    assert (business.contact(ASHA)["opted_out_at"] is not None) == (action == "opt_out")
    blocked = db.value(
        "select blocked_reason from public.message_templates where name = 'hello' and org_id = %s",
        business.org_id,
    )
    assert (blocked is not None) == (action == "template_fix")
    is_open = db.value(
        "select window_expires_at > now() from public.conversations where org_id = %s", business.org_id
    )
    assert is_open == (action != "window_closed")


ODD_ERRORS = [
    [],
    [{}],
    None,
    "x",
    [7],
    [{"code": "131026"}],
    [{"code": 1e30}],
    [{"code": -1}],
    [{"code": None}],
]


@pytest.mark.parametrize("errors", ODD_ERRORS, ids=str)
def test_failed_status_with_an_odd_error_still_fails_the_message(business, errors):
    message = business.sent()

    told = business.told({**status(f"wamid.{message}", "failed"), "errors": errors})

    assert told["dead"] == 0
    assert business.message(message)["status"] == "failed"
    assert business.message(message)["error_message"]


def test_window_that_meta_closed_opens_again_only_when_they_write_later(business, db):
    now = business.now()
    message = business.sent()
    for words in (lambda: business.told(status(f"wamid.{message}", "failed", now - 100, 131047)),
                  lambda: business.hear(text("w1", at=now - 200))):  # fmt: skip
        words()
    assert not db.value(
        "select window_expires_at > now() from public.conversations where org_id = %s", business.org_id
    )

    business.hear(text("w2", at=now - 50))

    assert db.value(
        "select window_expires_at > now() from public.conversations where org_id = %s", business.org_id
    )


# Duplicates -----------------------------------------------------------------------------------------------


def test_batch_of_everything_twice_is_the_same_as_once(outbound, db):
    messages = [
        text(f"w{i % 40}", f"words {i % 40}", 1795000000 + i % 40, sender=f"9198100001{i % 7:02d}")
        for i in range(80)
    ]
    statuses = [
        status(
            f"wamid.FLOWTESTOUT01{i % 11:02d}==", ("sent", "delivered", "read")[i % 3], 1795000000 + i % 33
        )
        for i in range(99)
    ]
    both = webhook(outbound.change({"messages": messages}), outbound.change({"statuses": statuses}))

    first = post(db, both)
    once = state(outbound)
    post(db, both)

    assert first["dead"] == 0
    assert sum(c["unread_count"] for c in outbound.table("public.conversations")) == 40
    assert state(outbound) == once


def test_stored_bytes_are_the_bytes_that_came(business, db):
    raw = b'{"object" : "x",\n "entry":[],  "z":"\\u00fc\\/"}'

    told = post(db, raw)

    assert bytes(db.value("select body from private.webhook_events where id = %s", told["event_id"])) == raw


# Replay ---------------------------------------------------------------------------------------------------


def test_replay_of_everything_changes_nothing(outbound, db):
    events = [post(db, payload(name))["event_id"] for name in EVENTS]
    before = state(outbound)

    for event in events:
        call(db, "replay", event_id=event)

    assert state(outbound) == before


def test_replay_tries_waiting_dead_letters_again_and_counts_the_tries(db):
    event = post(db, payload("message_text"))["event_id"]

    first = call(db, "replay")
    second = call(db, "replay")

    assert (first["events"], first["dead"], second["events"]) == (1, 1, 1)
    assert db.rows("select attempts, resolved_at is null from private.dead_letters where event_id = %s order by id", event) == [
        (1, False), (2, False), (3, True)]  # fmt: skip


def test_replay_of_an_unknown_event_is_refused(db):
    with db.transaction():
        assert db.refusal("select worker.replay(999999999999)").sqlstate == "PT404"
