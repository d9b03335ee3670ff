"""Whatever Meta posts is stored, applied once, and never takes its neighbours down."""

import json
import threading
import time

import pytest

from tests.business import NUMBER, PAYLOADS, WABA, Business, call, fresh_org, post, status, text, webhook

EVENTS = sorted(path.stem for path in PAYLOADS.glob("*.json"))
OURS = "wamid.FLOWTESTOUT0001=="  # what the recorded quotes and reactions name
NOBODYS = {
    "batch_two_tenants",
    "account_update_partner_app_uninstalled",
}  # of a number, an account that nobody connected
ASHA, ASHA_ID = "919810000011", "IN.40001000200030004"


def payload(name):
    return json.loads((PAYLOADS / f"{name}.json").read_text())


def dead(db):
    """The dead letters of this test."""
    waiting = "resolved_at is null and created_at = now()"
    return db.rows(f"select reason, org_id, item from private.dead_letters where {waiting} order by id")


def reasons(db):
    return [reason for reason, _, _ in dead(db)]


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


# Every kind of event ------------------------------------------------------------------------------------------


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


# Identity -----------------------------------------------------------------------------------------------------


def test_one_who_wrote_without_phone_then_with_it_is_one_contact(business):
    business.hear(text("w1", sender=None, user=ASHA_ID), name="Asha")
    business.hear(text("w2", sender=ASHA, user=ASHA_ID, at=1795000001))
    business.hear(text("w3", sender=ASHA, at=1795000002))

    (contact,) = business.table("public.contacts")
    (thread,) = business.table("public.conversations")
    assert (contact["wa_id"], contact["user_id"], contact["phone"]) == (ASHA, ASHA_ID, f"+{ASHA}")
    assert thread["unread_count"] == 3


def test_two_contacts_become_one_when_an_event_carries_both_ids(business, db):
    business.hear(text("w1", "by number", sender=ASHA, at=1795000005), name="Asha")
    business.hear(text("w2", "by id", sender=None, user=ASHA_ID, at=1795000003), name="Asha V")
    business.hear(text("w3", "STOP", sender=None, user=ASHA_ID, at=1795000004))
    assert len(business.table("public.contacts")) == 2

    business.hear(text("w4", "both", sender=ASHA, user=ASHA_ID, at=1795000001))

    (contact,) = business.table("public.contacts")
    (thread,) = business.table("public.conversations")
    assert (contact["wa_id"], contact["user_id"], contact["name"]) == (ASHA, ASHA_ID, "Asha")
    assert contact["opted_out_at"]
    assert (thread["unread_count"], thread["last_message_text"]) == (4, "by number")
    assert {m["contact_id"] for m in business.table("public.messages")} == {contact["id"]}
    assert {e["contact_id"] for e in business.table("public.consent_events")} == {contact["id"]}


def test_lead_with_a_phone_and_the_one_who_writes_from_it_are_one_contact(business, db):
    lead = call(db, "add_lead", org_id=business.org_id, lead={"name": "Ravi", "phone": f"+{ASHA}"})
    business.hear(text("w1", sender=None, user=ASHA_ID), name="ravi ⭐")
    business.hear(text("w2", sender=ASHA, user=ASHA_ID))

    (contact,) = business.table("public.contacts")
    assert (contact["name"], contact["user_id"]) == ("Ravi", ASHA_ID)
    assert (
        db.value("select contact_id::text from public.leads where id = %s", lead["lead_id"]) == contact["id"]
    )


NUMBER_CHANGED = [
    pytest.param(["old", "change", "new"], id="in order"),
    pytest.param(["new", "change", "old"], id="the new number is met first"),
    pytest.param(["change", "new", "old"], id="the news comes first"),
    pytest.param(["old", "new", "change"], id="the news comes last"),
]


@pytest.mark.parametrize("order", NUMBER_CHANGED)
def test_person_who_changes_number_stays_one_contact(business, db, order):
    changed = payload("message_system_number_changed")
    for step in order:
        if step == "old":
            business.hear(text("w1", sender=ASHA, user=ASHA_ID), name="Asha")
        elif step == "new":
            business.hear(
                text("w2", sender="919810000099", user="IN.40001000200030099", at=1795000200), name="Asha V"
            )
        else:
            assert post(db, changed)["dead"] == 0

    (contact,) = business.table("public.contacts")
    assert (contact["wa_id"], contact["user_id"], contact["phone"]) == (
        "919810000099",
        "IN.40001000200030099",
        "+919810000099",
    )
    assert contact["name"] == "Asha V"
    assert len(business.table("public.contact_identities")) == 4
    assert len(business.table("public.conversations")) == 1


def test_username_only_person_whose_id_changes_stays_one_contact(business, db):
    business.hear(text("w1", sender=None, user=ASHA_ID), name="Meera")

    post(db, payload("message_system_user_id_changed"))
    business.hear(text("w2", sender=None, user="IN.40001000200030099", at=1795000200))

    (contact,) = business.table("public.contacts")
    assert contact["user_id"] == "IN.40001000200030099"


def at_once(connect, first, then):
    """Post both, the second while the first is not committed: it finds what was before, and has to wait."""
    one, two = connect(), connect()
    answers = []
    with one.transaction():
        answers.append(post(one, first))
        other = threading.Thread(target=lambda: answers.append(post(two, then)))
        other.start()
        end = time.monotonic() + 10
        while not one.value("select cardinality(pg_blocking_pids(%s)) > 0", two.info.backend_pid):
            assert time.monotonic() < end, "the second does not wait for the first"
            time.sleep(0.01)
    other.join(10)
    assert [answer["dead"] for answer in answers] == [0, 0]


def heard(business, item):
    return webhook(business.change({"contacts": [], "messages": [item]}), waba=business.waba)


def number_change(business, wamid, number, at, **more):
    news = {"type": "user_changed_number", "wa_id": number, **more}
    item = {"from": ASHA, "id": wamid, "timestamp": str(at), "type": "system", "system": news}
    return heard(business, item | ({"from_user_id": ASHA_ID} if "user_id" in more else {}))


def id_change(business, wamid, user, at):
    news = {
        "type": "user_changed_user_id",
        "user_id": user,
        "body": f"User A changed from {ASHA_ID} to {user}",
    }
    return heard(business, {"id": wamid, "timestamp": str(at), "type": "system", "system": news})


NEW, NEW_ID = "919810000099", "IN.40001000200030099"
NEWCOMERS = [
    pytest.param((ASHA, None), lambda b: number_change(b, "w2", NEW, 1795000009), id="by number"),
    pytest.param(
        (ASHA, ASHA_ID), lambda b: number_change(b, "w2", NEW, 1795000009, user_id=NEW_ID), id="by both"
    ),
    pytest.param((None, ASHA_ID), lambda b: id_change(b, "w2", NEW_ID, 1795000009), id="by user id"),
]


@pytest.mark.parametrize(("ids", "news"), NEWCOMERS)
def test_newcomer_who_changes_at_the_moment_of_the_first_message_is_one_contact(lasting, connect, ids, news):
    """The message finds nobody; once it need not wait any more, its ids are former ones of somebody known."""
    business = lasting()

    at_once(connect, news(business), heard(business, text("w1", sender=ids[0], user=ids[1])))

    (contact,) = business.table("public.contacts")
    assert (contact["wa_id"], contact["user_id"]) == (ids[0] and NEW, ids[1] and NEW_ID)
    assert business.message("w1")["contact_id"] == contact["id"]


def test_id_change_that_comes_at_the_moment_of_the_first_message_is_followed(lasting, connect):
    """The news finds the new id alone; somebody becomes known by the old one while it waits."""
    business = lasting()
    business.hear(text("w1", sender=None, user=NEW_ID, at=1795000100))

    at_once(
        connect,
        heard(business, text("w2", sender=None, user=ASHA_ID)),
        id_change(business, "w3", NEW_ID, 1795000009),
    )

    (contact,) = business.table("public.contacts")
    assert contact["user_id"] == NEW_ID


def test_of_two_number_changes_at_the_same_moment_the_later_stands(lasting, connect):
    business = lasting()
    for n, number in enumerate([ASHA, NEW, "919810000088"]):
        business.hear(text(f"w{n}", sender=number, user=ASHA_ID))

    at_once(
        connect,
        number_change(business, "w4", NEW, 1795000009),
        number_change(business, "w3", "919810000088", 1795000005),
    )

    (contact,) = business.table("public.contacts")
    assert (contact["wa_id"], contact["phone"]) == (NEW, f"+{NEW}")


def test_message_of_one_who_is_merged_at_that_moment_is_kept(lasting, connect):
    """It finds the contact and the conversation that are about to go."""
    business = lasting()
    business.hear(text("w1", sender=None, user=ASHA_ID))
    business.hear(text("w2", sender=ASHA))

    at_once(
        connect,
        heard(business, text("w3", sender=ASHA, user=ASHA_ID)),
        heard(business, text("w4", sender=ASHA)),
    )

    (contact,) = business.table("public.contacts")
    assert business.message("w4")["contact_id"] == contact["id"]


MERGED = [
    pytest.param([(None, ASHA_ID), (ASHA, None), (NEW, None)],
                 lambda b: number_change(b, "w5", NEW, 1795000009), (NEW, ASHA_ID), id="number"),
    pytest.param([(ASHA, None), (None, ASHA_ID), (None, NEW_ID)],
                 lambda b: id_change(b, "w5", NEW_ID, 1795000009), (ASHA, NEW_ID), id="user id"),
]  # fmt: skip


@pytest.mark.parametrize(("known", "news", "ids"), MERGED)
def test_change_of_one_who_is_merged_at_that_moment_is_followed(lasting, connect, known, news, ids):
    """Whoever has the new number or id becomes one with the contact that is left, not with the one that went."""
    business = lasting()
    for n, (sender, user) in enumerate(known):
        business.hear(text(f"w{n}", sender=sender, user=user))

    at_once(connect, heard(business, text("w4", sender=ASHA, user=ASHA_ID)), news(business))

    (contact,) = business.table("public.contacts")
    assert (contact["wa_id"], contact["user_id"]) == ids


def test_contacts_that_merge_while_a_message_is_under_way_keep_its_answer(business):
    """Both have a lane; the answer finds the message in the one that is left."""
    business.hear(text("w1", sender=ASHA, at=business.now()))
    business.hear(text("w2", sender=None, user=ASHA_ID, at=business.now()))
    (a,) = business.send(f"+{ASHA}", text="one")
    claim_a = business.claim()
    (b,) = business.send(ASHA_ID, text="two")
    (c,) = business.send(ASHA_ID, text="three")
    claim_b = business.claim()

    business.hear(text("w3", sender=ASHA, user=ASHA_ID, at=business.now()))
    business.record(claim_a)
    business.record(claim_b)
    business.record(business.claim())

    assert [m["message_id"] for m in claim_a["messages"] + claim_b["messages"]] == [a, b]
    assert [business.message(m)["status"] for m in (a, b, c)] == ["sent", "sent", "sent"]
    assert len(business.table("private.send_lanes")) == 1


def test_newer_profile_name_wins_and_a_name_from_a_lead_stands(business, db):
    call(db, "add_lead", org_id=business.org_id, lead={"name": "Ravi Kumar", "phone": "+919810000022"})

    business.hear(text("w1", sender=ASHA, at=1795000009), name="Newer")
    business.hear(text("w2", sender=ASHA, at=1795000001), name="Older")
    business.hear(text("w3", sender="919810000022"), name="ravi 🔥")

    assert business.contact(ASHA)["name"] == "Newer"
    assert business.contact("919810000022")["name"] == "Ravi Kumar"


def test_two_profile_names_of_one_second_end_the_same_way_in_any_order(business):
    business.hear(text("w1", sender=ASHA), name="Aaa")
    business.hear(text("w2", sender=ASHA), name="Bbb")
    business.hear(text("w3", sender=ASHA, at=1795000001), name="Abc")

    assert business.contact(ASHA)["name"] == "Abc"


# Routing ------------------------------------------------------------------------------------------------------


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


# Statuses before their message --------------------------------------------------------------------------------


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


# Failures, by the error table ---------------------------------------------------------------------------------

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


# Consent ------------------------------------------------------------------------------------------------------

WORDS = [("STOP", "out"), (" stop. ", "out"), ("Unsubscribe!", "out"), ("बंद करो", "out"), ("band karo", "out"), ("ＳＴＯＰ", "out"),
         ("please stop calling me", None), ("stopped", None), ("START", "in"), ("शुरू करो", "in"), ("start date?", None)]  # fmt: skip


@pytest.mark.parametrize(("words", "decision"), WORDS, ids=[words for words, _ in WORDS])
def test_whole_word_stops_or_starts_and_a_sentence_does_neither(business, words, decision):
    business.hear(text("w1", words))

    decided = [e["decision"] for e in business.table("public.consent_events")]
    assert decided == ([f"opt_{decision}"] if decision else [])
    assert (business.contact(ASHA)["opted_out_at"] is not None) == (decision == "out")


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0), (2, 0, 1)], ids=str)
def test_latest_word_stands_in_whatever_order_they_come(business, order):
    said = [text("w1", "STOP", 1795000001), text("w2", "START", 1795000002), text("w3", "STOP", 1795000003)]
    for i in order:
        business.hear(said[i])
    assert business.contact(ASHA)["opted_out_at"]
    assert len(business.table("public.consent_events")) == 3

    business.hear(text("w4", "START", 1795000004))

    assert business.contact(ASHA)["opted_out_at"] is None


@pytest.mark.parametrize("order", [("STOP", "START"), ("START", "STOP")], ids=str)
def test_stop_wins_over_start_of_the_same_second(business, order):
    for words in order:
        business.hear(text(f"w{words}", words))

    assert business.contact(ASHA)["opted_out_at"]


def preference(business: Business, value: object, at: object, sender: object = ASHA) -> dict:
    wish = {"wa_id": sender, "category": "marketing_messages", "value": value, "timestamp": at}
    change = business.change({"contacts": [], "user_preferences": [wish]})
    return webhook(change | {"field": "user_preferences"}, waba=business.waba)


@pytest.mark.parametrize("order", ["stop first", "resume first"])
def test_preference_told_to_whatsapp_is_consent_and_the_latest_stands(business, db, order):
    events = [preference(business, "resume", 1795000100), preference(business, "stop", 1795000900)]

    for body in reversed(events) if order == "stop first" else events:
        assert post(db, body)["dead"] == 0
        assert post(db, body)["dead"] == 0

    assert business.contact(ASHA)["opted_out_at"]
    assert db.value("select count(*) from public.consent_events where org_id = %s", business.org_id) == 2


@pytest.mark.parametrize(
    ("value", "at", "sender", "reason"),
    [
        pytest.param("stop", "soon", ASHA, "timestamp_invalid", id="no time"),
        pytest.param("stop", 1795000100, None, "sender_missing", id="nobody"),
    ],
)
def test_preference_that_cannot_be_read_is_put_aside(business, db, value, at, sender, reason):
    answer = post(db, preference(business, value, at, sender))

    assert answer["dead"] == 1
    assert db.value("select reason from private.dead_letters order by id desc limit 1") == reason


def test_preference_at_a_number_that_nobody_holds_waits_and_at_a_disconnected_one_is_only_kept(business, db):
    told = preference(business, "stop", 1795000900)
    db.value("select private.disconnect_whatsapp(%s, null)", business.org_id)

    assert post(db, told)["dead"] == 0
    assert business.table("public.consent_events") == []

    business.phone_number_id = "770299999999999"
    assert post(db, preference(business, "stop", 1795000900))["dead"] == 1
    assert reasons(db) == ["unknown_number"]


def test_two_words_at_the_same_moment_end_in_the_later_one(lasting, connect):
    """Two transactions, each blind to the other's word until it commits."""
    business = lasting()
    business.hear(text("w0", at=1795000000))
    contact = business.contact(ASHA)["id"]
    one, two = connect(), connect()
    consent = "select private.record_consent(%s, %s, to_timestamp(%s), %s, 'inbound', '{}', %s)"
    with one.transaction():
        one.execute(consent, [business.org_id, contact, 1795000009, "opt_out", "w2"])
        other = threading.Thread(
            target=two.execute, args=(consent, [business.org_id, contact, 1795000005, "opt_in", "w1"])
        )
        other.start()
        other.join(0.2)
    other.join(10)

    assert business.contact(ASHA)["opted_out_at"]


def test_consent_can_be_neither_changed_nor_removed(business, db):
    business.hear(text("w1", "STOP"))

    for statement in ("update public.consent_events set decision = 'opt_in'", "update public.consent_events set at = now()",
                      "delete from public.consent_events", "truncate public.consent_events"):  # fmt: skip
        assert db.refusal(statement).detail == "append_only"


# Duplicates ---------------------------------------------------------------------------------------------------


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


# Hostile bytes ------------------------------------------------------------------------------------------------


def nested(levels):
    """A body that is nested so many levels deep: object, list, object, list, object, then lists."""
    own = 5
    return (
        b'{"entry":[{"id":"%s","changes":[{"field":"flows","value":' % WABA.encode()
        + b"[" * (levels - own) + b"]" * (levels - own) + b"}]}]}"
    )  # fmt: skip


WHOLE = [
    pytest.param(b"", "not_json", id="nothing"),
    pytest.param(b"hello", "not_json", id="words"),
    pytest.param(b'{"a":NaN}', "not_json", id="NaN"),
    pytest.param(b'{"a":Infinity}', "not_json", id="Infinity"),
    pytest.param(b'{"a":1,}', "not_json", id="trailing comma"),
    pytest.param(b'\xff{"a":1}', "not_json", id="not UTF-8"),
    pytest.param(b'{"a":"\xed\xa0\x80"}', "not_json", id="a surrogate in UTF-8"),
    pytest.param(b'{"a":"\x00"}', "not_json", id="a raw NUL"),
    pytest.param(b'\xef\xbb\xbf{"entry":[]}', "not_json", id="a byte order mark"),
    pytest.param(nested(96), "too_deep", id="96 levels"),
    pytest.param(b"[" * 100_000 + b"]" * 100_000, "too_deep", id="100,000 levels"),
    pytest.param(b"[" * 100_000, ("too_deep", "not_json"), id="100,000 levels that never close"),
    pytest.param(b"[]", "not_a_webhook", id="a list"),
    pytest.param(b"{}", "not_a_webhook", id="an empty object"),
    pytest.param(b"null", "not_a_webhook", id="null"),
    pytest.param(b'{"entry":{}}', "not_a_webhook", id="entry is no list"),
    pytest.param(
        b'{"entry":{},"n":1e999999}', "not_a_webhook", id="entry is no list, and a number that fits nowhere"
    ),
]


@pytest.mark.parametrize(("body", "reason"), WHOLE)
def test_body_that_is_no_webhook_is_stored_and_put_aside_as_a_whole(business, db, body, reason):
    told = post(db, body)

    assert (told["applied"], told["dead"]) == (0, 1)
    assert reasons(db) == [reason] if isinstance(reason, str) else reasons(db)[0] in reason
    assert bytes(db.value("select body from private.webhook_events where id = %s", told["event_id"])) == body


def test_95_levels_are_taken(business, db):
    assert post(db, nested(95))["dead"] == 0


def raw_message(wamid, words=b'"Hi"', more=b""):
    return (
        b'{"id":"%s","from":"919810000011","timestamp":"1795000000","type":"text","text":{"body":%s}%s}'
        % (wamid, words, more)
    )  # fmt: skip


def around(*parts):
    metadata = b'"metadata":{"phone_number_id":"%s"}' % NUMBER.encode()
    return b'{"entry":[{"id":"%s","changes":[{"field":"messages","value":{%s,"messages":[%s]}}]}]}' % (
        WABA.encode(), metadata, b",".join(parts))  # fmt: skip


CLEANED = [
    pytest.param(rb'"a\u0000b"', "ab", id="NUL"),
    pytest.param(rb'"\u0000\u0000"', "", id="only NULs"),
    pytest.param(rb'"\\u0000"', "\\u0000", id="an escaped backslash before u0000"),
    pytest.param(rb'"\\\u0000x"', "\\x", id="a backslash, then NUL"),
    pytest.param(rb'"a\ud800b"', "a\ufffdb", id="a lone high surrogate"),
    pytest.param(rb'"a\udc00b"', "a\ufffdb", id="a lone low surrogate"),
    pytest.param(rb'"\ud800\ud800\udc00"', "\ufffd\U00010000", id="a lone one before a pair"),
    pytest.param(rb'"\udc00\ud800"', "\ufffd\ufffd", id="a pair the wrong way round"),
    pytest.param(rb'"\ud83d\ude4f\u0000"', "🙏", id="a pair beside a NUL"),
]


@pytest.mark.parametrize(("words", "kept"), CLEANED)
def test_text_that_postgres_cannot_hold_is_cleaned(business, db, words, kept):
    told = post(db, around(raw_message(b"bad", words), raw_message(b"good")))

    assert told["dead"] == 0, dead(db)
    assert business.message("bad")["text"] == kept
    assert business.message("good")["text"] == "Hi"


BROKEN = [
    pytest.param(b"5", "message_not_an_object", id="a number"),
    pytest.param(b"null", "message_not_an_object", id="null"),
    pytest.param(b"[]", "message_not_an_object", id="a list"),
    pytest.param(b"{}", "id_missing", id="an empty object"),
    pytest.param(b'{"id":"","timestamp":"1"}', "id_missing", id="an empty id"),
    pytest.param(b'{"id":"%s","timestamp":"1"}' % (b"x" * 513), "id_too_long", id="an endless id"),
    pytest.param(b'{"id":"x","from":"1","type":"text"}', "timestamp_invalid", id="no timestamp"),
    pytest.param(
        b'{"id":"x","from":"1","timestamp":"yesterday"}', "timestamp_invalid", id="a timestamp in words"
    ),
    pytest.param(
        b'{"id":"x","from":"1","timestamp":"1795000000000"}',
        "timestamp_invalid",
        id="a timestamp in milliseconds",
    ),
    pytest.param(b'{"id":"x","from":"1","timestamp":-5}', "timestamp_invalid", id="a time before time"),
    pytest.param(b'{"id":"x","timestamp":"1795000000","type":"text"}', "sender_missing", id="nobody sent it"),
    pytest.param(
        b'{"id":"x","from":"1","timestamp":"1795000000","type":"reaction"}',
        "target_missing",
        id="a reaction to nothing",
    ),
    pytest.param(
        b'{"id":"x","from":"1","timestamp":"1795000000","type":"edit","edit":7}',
        "target_missing",
        id="an edit of nothing",
    ),
    pytest.param(
        b'{"id":"x","timestamp":"1795000000","type":"system","system":{"type":"user_changed_user_id"}}',
        "sender_missing",
        id="a change of nobody",
    ),
    pytest.param(
        raw_message(b"x", b'"Hi"', b',"n":1e999999'), "value_out_of_range", id="a number that fits nowhere"
    ),
    pytest.param(rb'{"id":"x\ud800","n":1e999999}', "value_out_of_range", id="two troubles at once"),
]


@pytest.mark.parametrize(("item", "reason"), BROKEN)
def test_broken_update_is_put_aside_and_its_neighbours_go_through(business, db, item, reason):
    told = post(db, around(raw_message(b"before"), item, raw_message(b"after")))

    assert (told["updates"], told["applied"], told["dead"]) == (3, 2, 1)
    assert reasons(db) == [reason]
    assert business.message("before")["text"] == business.message("after")["text"] == "Hi"


def test_many_broken_updates_among_many_good_ones(business, db):
    parts = [
        raw_message(b"m%d" % i) if i % 50 else b'{"id":"b%d","timestamp":"1795000000","type":"text"}' % i
        for i in range(1000)
    ]

    told = post(db, around(*parts))

    assert (told["applied"], told["dead"]) == (980, 20)


ENTRIES = [
    pytest.param([1, None, "x"], 3, id="entries that are no objects"),
    pytest.param([{"id": WABA}], 1, id="an entry without changes"),
    pytest.param([{"id": WABA, "changes": 5}], 1, id="changes that are no list"),
    pytest.param(
        [{"id": WABA, "changes": [7, {}, {"field": "messages"}, {"field": "messages", "value": []}]}],
        4,
        id="broken changes",
    ),
    pytest.param(
        [{"id": WABA, "changes": [{"field": "messages", "value": {"messages": {}}}]}],
        1,
        id="messages that are no list",
    ),
    pytest.param([{"id": WABA, "changes": [{"field": "moonphase", "value": {}}]}], 1, id="an unknown field"),
    pytest.param(
        [{"id": WABA, "changes": [{"field": "messages", "value": {"messages": [text("w")]}}]}],
        1,
        id="no metadata",
    ),
    pytest.param([], 0, id="no entry"),
    pytest.param([{"id": WABA, "changes": []}], 0, id="no changes"),
]


@pytest.mark.parametrize(("entries", "number"), ENTRIES)
def test_broken_entries_are_counted_and_a_good_one_beside_them_is_applied(business, db, entries, number):
    good = webhook(business.change({"messages": [text("good")]}))["entry"]

    told = post(db, {"object": "whatsapp_business_account", "entry": entries + good})

    assert (told["applied"], told["dead"]) == (1, number)
    assert len(dead(db)) == number
    assert business.message("good")


UNKNOWN = "A message of a kind that Flow does not know ({})"
UNHEARD_OF = [
    pytest.param(
        {"type": "hologram", "hologram": {"a": 1}}, "hologram", UNKNOWN.format("hologram"), id="a new type"
    ),
    pytest.param({"type": "image"}, "image", None, id="a type without its object"),
    pytest.param({"type": "text", "text": "words"}, "text", None, id="text that is no object"),
    pytest.param({"type": "text", "text": {"body": 5}}, "text", "5", id="a number for words"),
    pytest.param({"type": 5}, "5", UNKNOWN.format(5), id="a number for a type"),
    pytest.param({}, "unknown", "A message of an unknown kind", id="no type"),
    pytest.param({"type": "x" * 5000}, "x" * 64, UNKNOWN.format("x" * 64), id="an endless type"),
    pytest.param(
        {"type": "text", "text": {"body": "Hi"}, "context": 7, "referral": None},
        "text",
        "Hi",
        id="odd extras",
    ),
    pytest.param({"type": "contacts", "contacts": {}}, "contacts", None, id="contacts that are no list"),
]


@pytest.mark.parametrize(("item", "kind", "words"), UNHEARD_OF)
def test_message_of_an_unheard_of_shape_is_stored_as_it_is(business, item, kind, words):
    told = business.hear({"id": "w1", "from": ASHA, "timestamp": "1795000000", **item})

    assert told["dead"] == 0
    stored = business.message("w1")
    assert (stored["kind"], stored["text"]) == (kind, words)


ODD_PEOPLE = [[], [7], {}, "x", [{"profile": 5, "wa_id": ASHA}], [{"profile": {"name": 7}, "wa_id": ASHA}], [{"wa_id": None}],
              [{"profile": {"name": "  "}, "wa_id": ASHA}], [{"profile": {"name": "x" * 10000}, "wa_id": ASHA}]]  # fmt: skip


@pytest.mark.parametrize("people", ODD_PEOPLE, ids=lambda people: str(people)[:40])
def test_odd_contacts_do_not_lose_the_message(business, db, people):
    told = post(db, webhook(business.change({"contacts": people, "messages": [text("w1")]})))

    assert told["dead"] == 0
    assert business.message("w1")
    assert len(business.contact(ASHA)["name"] or "") <= 200


ODD_IDS = ["abc", "1" * 400, "0123", "+919810000011", "91 98100"]


@pytest.mark.parametrize("sender", ODD_IDS, ids=lambda sender: sender[:20])
def test_sender_that_is_no_phone_number_is_a_contact_without_phone(business, sender):
    assert business.hear(text("w1", sender=sender))["dead"] == 0

    assert business.contact(sender)["phone"] is None


def test_3_megabytes_in_a_thousand_updates_are_one_event(business, db):
    parts = [raw_message(b"m%d" % i, b'"%s"' % (b"x" * 3000)) for i in range(1000)]

    told = post(db, around(*parts))

    assert (told["applied"], told["dead"]) == (1000, 0)


# Replay -------------------------------------------------------------------------------------------------------


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
