"""What is queued leaves in order, at the number's speed, and not when it must not."""

import json
import threading
import time
from uuid import uuid4

import pytest

from tests.business import Business, call, fresh_org, text
from tests.sql.sending import ASHA, RAVI, UNSURE, ids, write


def lane(business):
    (found,) = business.table("private.send_lanes")
    return found


# Order ----------------------------------------------------------------------------------------------------


def test_messages_of_one_conversation_leave_in_order_and_one_at_a_time(business):
    queued = business.send(*[ASHA] * 4)
    sent = []
    for _ in queued:
        claim = business.claim()
        assert business.claim()["messages"] == []
        sent += ids(claim)
        business.record(claim)

    assert sent == queued
    assert business.statuses() == ["sent"] * 4


def test_one_conversation_does_not_hold_up_another(business):
    slow, fast = business.send(ASHA)[0], business.send(RAVI)[0]
    claim = business.claim()
    business.record(claim, only=[fast])
    (next_one,) = business.send(RAVI)

    assert ids(claim) == [slow, fast]
    assert ids(business.claim()) == [next_one]


def test_payload_is_what_meta_takes(business):
    write(business)
    business.send(ASHA, text="See https://example.test")
    business.send(
        RAVI, template="named", language="en", params={"who": "Asha", "what": "kurta\n\t   of  silk      "}
    )

    free, template = business.claim()["messages"]

    assert free["phone_number_id"] == business.phone_number_id
    assert free["payload"] == {
        "messaging_product": "whatsapp", "recipient_type": "individual", "to": "919810000011", "type": "text",
        "text": {"body": "See https://example.test", "preview_url": True},
        "biz_opaque_callback_data": f"flow.{free['message_id']}",
    }  # fmt: skip
    assert template["payload"]["template"] == {
        "name": "named", "language": {"code": "en"}, "components": [{"type": "body", "parameters": [
            {"type": "text", "parameter_name": "who", "text": "Asha"},
            {"type": "text", "parameter_name": "what", "text": "kurta of  silk"}]}],
    }  # fmt: skip


def test_person_without_phone_is_written_to_by_user_id(business):
    business.hear(text("w1", at=business.now(), sender=None, user="IN.4000"))
    business.send("IN.4000", text="Hi")

    payload = business.claim()["messages"][0]["payload"]

    assert payload["recipient"] == "IN.4000"
    assert "to" not in payload


def test_token_is_handed_out_once_for_each_account_that_sends(business):
    assert business.claim()["tokens"] == {}
    business.send(ASHA, RAVI)

    assert business.claim()["tokens"] == {business.account_id: "EAAtoken"}


def test_4_dispatchers_at_once_send_2000_messages_once_each_and_in_order(lasting, connect):
    business = lasting(rate=100_000)
    phones = [f"+9198100{n:05d}" for n in range(500)]
    queued = [
        m for _ in range(2) for part in (phones[:250], phones[250:]) for m in business.send(*part, *part)
    ]
    assert len(queued) == 2000
    taken: list[list[int]] = [[] for _ in range(4)]
    troubles: list[BaseException] = []

    def dispatch(mine):
        db, idle = connect(), 0
        try:
            while idle < 20:
                claim = call(db, "claim_messages", batch=40, lease_seconds=60, uncertain_after_seconds=UNSURE)
                idle = 0 if claim["messages"] else idle + 1
                mine.extend(ids(claim))
                results = [{"org_id": m["org_id"], "message_id": m["message_id"], "outcome": "accepted",
                            "wamid": f"wamid.{m['message_id']}"} for m in claim["messages"]]  # fmt: skip
                if results:
                    call(
                        db,
                        "record_results",
                        lease=claim["lease"],
                        results=results,
                        uncertain_after_seconds=UNSURE,
                    )
                else:
                    time.sleep(0.005)
        except BaseException as trouble:  # noqa: BLE001
            troubles.append(trouble)

    threads = [threading.Thread(target=dispatch, args=(mine,)) for mine in taken]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert troubles == []
    assert sorted(m for mine in taken for m in mine) == sorted(queued)
    assert set(business.statuses()) == {"sent"}
    assert (
        business.db.value("select max(attempts) from public.messages where org_id = %s", business.org_id) == 1
    )


def test_messages_queued_at_once_from_many_sides_leave_in_the_order_of_their_ids(lasting, connect):
    business = lasting()
    write(business)

    def write_ten(name):
        db = connect()
        for i in range(10):
            item = {"to": ASHA, "text": f"{name} {i}"}
            call(db, "send_messages", org_id=business.org_id, items=[item])

    threads = [threading.Thread(target=write_ten, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    rows = business.db.rows(
        "select id, text from public.messages where org_id = %s and direction = 'outbound' order by id",
        business.org_id,
    )
    assert [[t for _, t in rows if t[0] == name] for name in "abcd"] == [
        [f"{name} {i}" for i in range(10)] for name in "abcd"
    ]
    sent = []
    for _ in rows:
        claim = business.claim()
        sent += ids(claim)
        business.record(claim)
    assert sent == [i for i, _ in rows]


# Speed ----------------------------------------------------------------------------------------------------


def test_number_sends_no_faster_than_meta_grants(db):
    """80 a second: 8 in store, and 72 that flow in. A bucket that nobody empties holds no more than 8."""
    business = Business(db, fresh_org(db), rate=80)
    business.send(*[f"+9198100{n:05d}" for n in range(300)])

    def burst():
        began, taken = time.monotonic(), 0
        while claim := ids(business.claim()):
            taken += len(claim)
        return taken, 8 + 72 * (time.monotonic() - began) + 1

    for pause in (0, 0.05, 1, 1):
        business.let_pass(pause)
        taken, most = burst()
        assert min(8, int(72 * pause)) <= taken <= most


def test_dispatcher_that_asks_all_the_time_gets_the_speed_and_never_more(lasting):
    business = lasting(rate=80)
    business.send(*[f"+9198100{n:05d}" for n in range(300)])
    began, taken, busy = time.monotonic(), 0, 0.0
    while busy < 1.5:
        taken += len(ids(business.claim()))
        busy = time.monotonic() - began
        time.sleep(0.005)

    assert 8 + 72 * busy * 0.4 <= taken <= 9 + 72 * (busy + 0.1)


def test_wait_says_when_an_empty_bucket_has_a_message_again(db):
    business = Business(db, fresh_org(db), rate=1)
    business.send(ASHA, RAVI)

    claim = business.claim()

    assert len(ids(claim)) == 1
    assert 900 <= claim["wait_ms"] <= 1200
    assert business.claim()["messages"] == []


def test_busy_number_does_not_starve_another(db):
    busy = Business(db, fresh_org(db, "Busy"))
    busy.send(*[f"+9198100{n:05d}" for n in range(400)])
    quiet = Business(db, fresh_org(db, "Quiet"))
    (message,) = quiet.send(ASHA)

    for _ in range(3):
        call(db, "claim_messages", batch=20, lease_seconds=60, uncertain_after_seconds=UNSURE)

    assert quiet.message(message)["status"] == "sending"


def test_one_person_gets_45_at_once_then_one_in_6_seconds(business):
    business.send(*[ASHA] * 50)

    def burst():
        taken = 0
        while (claim := business.claim())["messages"]:
            taken += len(claim["messages"])
            business.record(claim)
        return taken, claim["wait_ms"]

    first, wait = burst()
    assert first == 45
    assert 5000 < wait <= 6100
    business.let_pass(6.1)
    assert burst()[0] == 1
    business.let_pass(12.2)
    assert burst()[0] == 2


def test_batch_bounds_a_claim(business):
    business.send(*[f"+9198100{n:05d}" for n in range(20)])

    assert len(ids(business.claim(batch=7))) == 7
    assert business.claim(batch=0)["messages"] == []


# Refused at the last moment -------------------------------------------------------------------------------


def test_window_that_closed_meanwhile_fails_the_text_with_words_and_the_next_message_goes_on(business):
    write(business)
    (free,) = business.send(ASHA, text="Hello?")
    (template,) = business.send(ASHA)
    business.let_pass(86_400)

    assert business.claim()["messages"] == []
    assert ids(business.claim()) == [template]

    refused = business.message(free)
    assert (refused["status"], refused["error_code"]) == ("failed", 0)
    assert "window" in refused["error_message"]


def test_person_who_opted_out_gets_no_marketing_but_an_answer_and_a_receipt(business, db):
    write(business)
    (marketing,) = business.send(ASHA, template="hello", language="en", params=["a", "b"])
    (receipt,) = business.send(ASHA)
    (answer,) = business.send(ASHA, text="You are off the list.")
    business.hear(text("w-stop", "STOP", at=business.now() - 30))

    gone = []
    for _ in range(4):
        claim = business.claim()
        gone += ids(claim)
        business.record(claim)

    assert gone[:2] == [receipt, answer]
    assert [business.message(m)["origin"] for m in gone[2:]] == ["confirmation"]
    assert business.message(marketing)["status"] == "cancelled"
    assert "asked not" in business.message(marketing)["error_message"]


def test_greeting_of_one_who_said_stop_meanwhile_is_cancelled(business, db):
    call(db, "set_greeting", org_id=business.org_id, setting={"template": "receipt", "on": True})
    call(db, "add_lead", org_id=business.org_id, lead={"name": "Asha", "phone": ASHA, "greet": True})
    business.hear(text("w-stop", "STOP", sender=ASHA.lstrip("+"), at=business.now()))

    assert business.claim()["messages"] == []

    assert business.statuses() == ["cancelled", "queued"], "only the confirmation of the stop is left"


@pytest.mark.parametrize("trouble", ["status = 'PAUSED'", "blocked_reason = 'Meta refuses it'"])
def test_template_that_was_stopped_meanwhile_is_not_sent(business, db, trouble):
    business.send(ASHA)
    db.execute(f"update public.message_templates set {trouble} where org_id = %s", [business.org_id])

    assert business.claim()["messages"] == []

    (row,) = business.table("public.messages")
    assert (row["status"], row["error_code"]) == ("failed", 0)
    assert "template" in row["error_message"]


# Halted ---------------------------------------------------------------------------------------------------


def test_disconnect_cancels_the_queue_and_nothing_is_claimed(business, db):
    under_way, waiting = business.send(ASHA, ASHA)
    claim = business.claim()

    answer = call(db, "disconnect_whatsapp", org_id=business.org_id)

    assert answer["disconnected"] == 1
    assert answer["cleanups"] == 1
    assert business.claim()["messages"] == []
    business.record(claim)
    assert business.message(under_way)["status"] == "sent"
    assert business.message(waiting)["status"] == "cancelled"
    assert lane(business)["next_at"] is None
    assert business.claim()["messages"] == []


LATER = [("error", {"code": 131016}), ("not_sent", {}), ("released", {})]


@pytest.mark.parametrize(("outcome", "more"), LATER, ids=[outcome for outcome, _ in LATER])
def test_message_under_way_at_a_disconnect_is_not_queued_again(business, db, outcome, more):
    (message,) = business.send(ASHA)
    claim = business.claim()
    call(db, "disconnect_whatsapp", org_id=business.org_id)

    business.record(claim, outcome, **more)
    business.connect()

    assert business.message(message)["status"] == "cancelled"
    business.let_pass(3600)
    assert business.claim()["messages"] == []


def test_uncertain_template_of_a_disconnected_number_is_not_sent_again(business, db):
    (message,) = business.send(ASHA)
    business.record(business.claim(), "unknown")
    call(db, "disconnect_whatsapp", org_id=business.org_id)

    business.let_pass(UNSURE)
    db.execute("select private.sweep()")

    assert business.message(message)["status"] == "uncertain"
    assert business.message(message)["needs_attention"]
    assert (
        db.refusal("select worker.resolve_uncertain(%s, %s, 'resend')", business.org_id, message).detail
        == "number_not_connected"
    )


def test_message_queued_in_the_moment_of_a_disconnect_is_cancelled_by_the_sweep(business, db):
    call(db, "disconnect_whatsapp", org_id=business.org_id)
    contact = db.value("select private.resolve_contact(%s, %s)", business.org_id, json.dumps({"phone": ASHA}))
    body = {"kind": "text", "text": "x", "body": {"text": {"body": "x"}}}
    db.value(
        "select private.enqueue_message(%s, %s, %s, %s, 'person')",
        business.org_id,
        business.number_id,
        contact,
        json.dumps(body),
    )

    db.execute("select private.sweep()")

    assert business.statuses() == ["cancelled"]


def test_paused_number_keeps_its_queue_and_resumes(business):
    first, second = business.send(ASHA, RAVI)
    business.record(business.claim(), "error", code=131042)

    assert business.number()["status"] == "paused"
    assert business.number()["paused_reason"]
    assert business.claim()["messages"] == []
    assert business.statuses() == ["queued", "queued"]
    business.let_pass(3601)
    assert sorted(ids(business.claim())) == [first, second]
    business.db.execute("select private.sweep()")
    assert business.number()["status"] == "connected"


@pytest.mark.parametrize(("code", "also"), [(368, True), (131031, True), (131048, False), (131037, False)])
def test_a_block_of_the_account_pauses_all_its_numbers_and_one_of_a_number_it_alone(business, db, code, also):
    call(
        db, "finish_connect", org_id=business.org_id,
        connection={"waba_id": business.waba, "account": {"currency": "INR"}, "token": "EAAtoken",
                    "number": {"phone_number_id": "770200000000009", "display_phone": "+91 11400 00009"}},
    )  # fmt: skip
    business.send(ASHA)
    business.record(business.claim(), "error", code=code, http_status=400)

    found = {n["phone_number_id"]: n["status"] for n in business.table("public.whatsapp_numbers")}
    assert found[business.phone_number_id] == "paused"
    assert (found["770200000000009"] == "paused") is also


def test_account_whose_token_meta_refuses_waits_and_goes_on_when_connected_again(business):
    (message,) = business.send(ASHA)
    business.record(business.claim(), "error", code=190, http_status=401)

    assert business.account()["status"] == "reconnect"
    assert business.account()["status_reason"]
    business.let_pass(60)
    assert business.claim()["messages"] == []
    business.connect()
    assert ids(business.claim()) == [message]


def test_token_that_cannot_be_opened_stops_its_own_account_only(db):
    broken, whole = Business(db, fresh_org(db, "Broken")), Business(db, fresh_org(db, "Whole"))
    db.execute("update private.credentials set cipher = '\\x00' where org_id = %s", [broken.org_id])
    (stuck,), (message,) = broken.send(ASHA), whole.send(ASHA)

    claim = call(db, "claim_messages", batch=10, lease_seconds=60, uncertain_after_seconds=UNSURE)

    assert ids(claim) == [message]
    assert broken.account()["status"] == "reconnect"
    assert broken.message(stuck)["status"] == "queued"
    broken.connect()
    assert ids(broken.claim()) == [stuck]


def test_missing_vault_key_makes_its_accounts_wait_and_no_other(db):
    lost = Business(db, fresh_org(db, "Lost"))
    db.execute(
        "insert into private.credential_keys (key_id, vault_name, state) values (900, 'flow_key_v900', 'decrypt_only')"
    )
    db.execute("update private.credentials set key_id = 900 where org_id = %s", [lost.org_id])
    whole = Business(db, fresh_org(db, "Whole"))
    (stuck,), (message,) = lost.send(ASHA), whole.send(ASHA)

    claim = call(db, "claim_messages", batch=10, lease_seconds=60, uncertain_after_seconds=UNSURE)

    assert ids(claim) == [message]
    assert lost.account()["status"] == "connected"
    assert lost.message(stuck)["status"] == "queued"
    assert (
        call(db, "claim_messages", batch=10, lease_seconds=60, uncertain_after_seconds=UNSURE)["wait_ms"]
        > 1000
    )


# Into the outbox ------------------------------------------------------------------------------------------


def test_same_client_token_is_one_message(business, db, member):
    write(business)
    thread = db.value("select id from public.conversations where org_id = %s", business.org_id)
    token = uuid4()
    db.as_person(member(business.org_id))
    send = "select public.send_text(%s, %s, 'Hello', %s)"

    first = db.value(send, business.org_id, thread, token)
    second = db.value(send, business.org_id, thread, token)
    third = db.value(send, business.org_id, thread, uuid4())
    db.as_operator()

    assert first == second != third
    assert business.statuses() == ["queued", "queued"]


def test_same_client_token_at_the_same_moment_is_one_message(lasting, connect):
    business = lasting()
    write(business)
    item = {"to": ASHA, "text": "Hello", "client_token": str(uuid4())}
    found = []

    def send():
        found.extend(call(connect(), "send_messages", org_id=business.org_id, items=[item])["message_ids"])

    threads = [threading.Thread(target=send) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)

    assert len(found) == 6
    assert len(set(found)) == 1


REFUSALS = [
    ({"text": "x"}, "PT422", "window_closed"), ({"text": " "}, "PT422", "text_empty"), ({"text": "x" * 4097}, "PT422", "text_too_long"),
    ({}, "PT422", "message_invalid"), ({"text": "x", "template": "hello"}, "PT422", "message_invalid"),
    ({"template": "nope"}, "PT422", "template_unknown"), ({"template": "receipt", "language": "hi"}, "PT422", "template_unknown"),
    ({"template": "waiting"}, "PT422", "template_not_approved"), ({"template": "hello", "params": ["a"]}, "PT422", "template_parameters"),
    ({"template": "hello", "params": ["a", " "]}, "PT422", "template_parameters"), ({"template": "hello", "params": {"a": 1}}, "PT422", "template_parameters"),
    ({"template": "hello", "params": ["a", {}]}, "PT422", "template_parameters"), ({"template": "named", "params": {"who": "a"}}, "PT422", "template_parameters"),
    ({"template": "named", "params": {"who": "a", "what": "b", "x": "c"}}, "PT422", "template_parameters"), ({"template": "hello", "params": "ab"}, "PT422", "template_parameters"),
    ({"to": "12", "text": "x"}, "PT422", "recipient_invalid"), ({"to": "+0123456789", "text": "x"}, "PT422", "phone_invalid"),
    ({"to": None, "text": "x"}, "PT422", "recipient_invalid"), ({"to": "IN.9999", "text": "x"}, "PT404", "contact_unknown"),
    ({"from": "1", "text": "x"}, "PT409", "number_not_connected"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("item", "state", "detail"), REFUSALS, ids=[f"{d} {str(i)[:30]}" for i, _, d in REFUSALS]
)
def test_message_that_cannot_be_sent_is_refused_and_none_of_its_batch_is_queued(
    business, db, item, state, detail
):
    good = {"to": RAVI, "template": "receipt", "language": "en"}
    items = [good, {"to": ASHA, **item}, good]

    refused = db.refusal("select worker.send_messages(%s, %s)", business.org_id, json.dumps(items))

    assert (refused.sqlstate, refused.detail) == (state, detail)
    assert refused.message.startswith("Message 2 of 3: ")
    assert business.table("public.messages") == []


def test_message_shows_its_words_with_the_values_filled_in(business):
    (message,) = business.send(ASHA, template="hello", language="en", params=[r"A\1 & $2", "{{1}}"])

    assert business.message(message)["text"] == r"Hi A\1 & $2, about {{1}}"


def test_empty_outbox_needs_no_wait(business):
    assert business.claim()["wait_ms"] is None
