"""Messages for later: sent once, when their time has come, unless something stands in the way by then."""

import json
import threading
from uuid import uuid4

import pytest

from tests.business import call, text

ASHA = "919810000011"


@pytest.fixture
def chat(business):
    """A conversation whose window is open."""
    business.hear(text("w1", sender=ASHA, user="IN.1", at=business.now() - 60), name="Asha")
    (conversation,) = business.table("public.conversations")
    return conversation["id"]


@pytest.fixture
def agent(business, member):
    """Somebody who answers."""
    return member(business.org_id, "agent")


@pytest.fixture
def schedule(business, db, agent, chat):
    """Schedules as the agent."""

    def make(message=None, later="1 hour", token=None, conversation=None):
        db.as_person(agent)
        answer = db.value(
            "select public.schedule_message(%s, %s, %s, now() + %s::interval, %s)",
            business.org_id, conversation or chat, json.dumps(message or {"kind": "text", "text": "See you"}), later, token,
        )  # fmt: skip
        db.as_operator()
        return answer

    return make


def release(business):
    business.db.execute("select private.release_scheduled()")


def standing(business):
    return [
        (s["status"], s["problem"]) for s in business.table("public.scheduled_messages", "created_at, id")
    ]


def outbound(business):
    """What was written to customers, but for the answer to a STOP."""
    sent = [m for m in business.table("public.messages", "id") if m["direction"] == "outbound"]
    return [m for m in sent if m["origin"] != "confirmation"]


def test_message_leaves_once_its_time_has_come(business, schedule, agent):
    scheduled = schedule()
    release(business)
    assert outbound(business) == []

    business.let_pass(3601)
    business.db.execute("select private.sweep()")
    release(business)

    (message,) = outbound(business)
    assert (message["text"], message["origin"], message["sender_id"], message["status"]) == (
        "See you", "person", str(agent.id), "queued",
    )  # fmt: skip
    (settled,) = business.table("public.scheduled_messages")
    assert (settled["id"], settled["status"], settled["message_id"]) == (
        scheduled["scheduled_id"],
        "sent",
        message["id"],
    )
    assert settled["settled_at"] is not None
    assert message["client_token"] == settled["id"]


def test_every_kind_can_be_scheduled(business, schedule):
    kinds = [
        {"kind": "template", "template": "hello", "language": "en", "params": ["Asha", "Kurta"]},
        {"kind": "location", "latitude": 12.9, "longitude": 77.6},
    ]
    for message in kinds:
        schedule(message)

    business.let_pass(3601)
    release(business)

    assert sorted(m["kind"] for m in outbound(business)) == ["location", "template"]


REFUSED = [
    pytest.param({"kind": "text", "text": " "}, "1 hour", "text_empty", id="empty"),
    pytest.param(
        {"kind": "template", "template": "nope"}, "1 hour", "template_unknown", id="no such template"
    ),
    pytest.param({"kind": "smoke"}, "1 hour", "kind_unknown", id="no such kind"),
    pytest.param(None, "0 seconds", "send_at_passed", id="now"),
    pytest.param(None, "-1 minute", "send_at_passed", id="passed"),
    pytest.param(None, "91 days", "send_at_too_far", id="too far"),
    pytest.param(None, None, "send_at_passed", id="never"),
]


@pytest.mark.parametrize(("message", "later", "detail"), REFUSED)
def test_what_could_not_be_sent_is_refused_at_once(business, db, agent, chat, message, later, detail):
    db.as_person(agent)

    refused = db.refusal(
        "select public.schedule_message(%s, %s, %s, now() + %s::interval)",
        business.org_id, chat, json.dumps(message or {"kind": "text", "text": "See you"}), later,
    )  # fmt: skip

    assert (refused.sqlstate, refused.detail) == ("PT422", detail)


def test_the_same_token_is_one_scheduled_message(business, schedule):
    token = uuid4()

    first, second = schedule(token=token), schedule(token=token, later="2 hours")

    assert first == second
    assert len(business.table("public.scheduled_messages")) == 1


def test_scheduler_learns_that_the_window_will_be_closed(business, schedule):
    assert [schedule(later=later)["needs_answer"] for later in ("1 hour", "25 hours")] == [False, True]
    template = {"kind": "template", "template": "receipt", "language": "en"}
    assert schedule(template, later="25 hours")["needs_answer"] is False


def opted_out(business):
    business.hear(text("w2", "STOP", sender=ASHA, at=business.now()))


def disconnected(business):
    call(business.db, "disconnect_whatsapp", org_id=business.org_id)


def late(business):
    business.let_pass(86400)


def template_gone(business):
    business.db.execute(
        "update public.message_templates set status = 'PAUSED' where org_id = %s", [business.org_id]
    )


def organization_deleted(business):
    business.db.execute("update public.organizations set deleted_at = now() where id = %s", [business.org_id])


IN_THE_WAY = [
    pytest.param(opted_out, "cancelled", "They asked not to receive messages", id="opted out"),
    pytest.param(
        disconnected, "failed", "The number of this conversation is not connected", id="disconnected"
    ),
    pytest.param(late, "failed", "The 24-hour window of this conversation is closed", id="window closed"),
    pytest.param(
        organization_deleted, "cancelled", "The organization was deleted", id="organization deleted"
    ),
]


@pytest.mark.parametrize(("happens", "status", "problem"), IN_THE_WAY)
def test_what_stands_in_the_way_by_then_is_said_in_words(business, schedule, happens, status, problem):
    schedule()
    business.let_pass(3601)
    happens(business)

    release(business)

    assert standing(business) == [(status, problem)]
    assert outbound(business) == []


def test_who_writes_to_somebody_who_has_opted_out_knows_it(business, schedule):
    opted_out(business)
    business.let_pass(5)
    business.db.execute(
        "update public.contacts set opted_out_at = opted_out_at - interval '5 seconds' where org_id = %s",
        [business.org_id],
    )
    schedule()
    business.db.execute(
        "update public.scheduled_messages set send_at = now() where org_id = %s", [business.org_id]
    )

    release(business)

    assert standing(business) == [("sent", None)]


def test_one_that_fails_holds_up_nobody(business, db, schedule):
    schedule({"kind": "template", "template": "hello", "language": "en", "params": ["a", "b"]})
    schedule({"kind": "text", "text": "goes"})
    template_gone(business)
    business.let_pass(3601)

    release(business)

    assert sorted(standing(business), key=str) == [
        ("failed", 'Template "hello" is not approved (PAUSED)'),
        ("sent", None),
    ]
    assert [m["text"] for m in outbound(business)] == ["goes"]


def test_unforeseen_error_fails_that_message_alone(business, db, schedule):
    schedule()
    schedule({"kind": "text", "text": "goes"})
    db.execute(
        "update public.scheduled_messages set origin = 'operator' where text = 'See you' and org_id = %s",
        [business.org_id],
    )
    db.execute(
        "alter table public.messages add constraint zz check (origin <> 'operator' or body is null) not valid"
    )
    business.let_pass(3601)

    release(business)

    assert sorted(standing(business), key=str) == [("failed", "It could not be sent (23514)"), ("sent", None)]


# Changing one's mind --------------------------------------------------------------------------------------------


def test_cancelled_message_never_leaves_and_is_settled(business, db, schedule, agent):
    scheduled = schedule()["scheduled_id"]
    db.as_person(agent)
    assert (
        db.value("select public.cancel_scheduled(%s, %s)", business.org_id, scheduled)["status"]
        == "cancelled"
    )
    for again in ("cancel_scheduled(%s, %s)", "reschedule(%s, %s, now() + interval '1 hour')"):
        refused = db.refusal(f"select public.{again}", business.org_id, scheduled)
        assert (refused.sqlstate, refused.detail) == ("PT409", "scheduled_settled")
    db.as_operator()

    business.let_pass(3601)
    release(business)

    assert outbound(business) == []
    assert standing(business) == [("cancelled", "A member cancelled it")]


def test_message_put_off_leaves_later(business, db, schedule, agent):
    scheduled = schedule()["scheduled_id"]
    db.as_person(agent)
    db.execute("select public.reschedule(%s, %s, now() + interval '3 hours')", [business.org_id, scheduled])
    assert (
        db.refusal("select public.reschedule(%s, %s, now())", business.org_id, scheduled).detail
        == "send_at_passed"
    )
    db.as_operator()

    business.let_pass(3601)
    release(business)
    assert outbound(business) == []
    business.let_pass(7200)
    release(business)

    assert len(outbound(business)) == 1


# Two at once, two that are one ----------------------------------------------------------------------------------


def test_contacts_that_turn_out_to_be_one_keep_what_was_scheduled(business, db, schedule):
    business.hear(text("w2", sender=None, user="IN.2", at=business.now() - 30))
    by_id = next(
        c["id"]
        for c in business.table("public.conversations")
        if c["contact_id"] != business.contact(ASHA)["id"]
    )
    schedule({"kind": "text", "text": "to the number"})
    schedule({"kind": "text", "text": "to the id"}, conversation=by_id)

    business.hear(text("w3", sender=ASHA, user="IN.2", at=business.now()))
    business.let_pass(3601)
    release(business)

    (conversation,) = business.table("public.conversations")
    assert {s["conversation_id"] for s in business.table("public.scheduled_messages")} == {conversation["id"]}
    assert sorted(m["text"] for m in outbound(business)) == ["to the id", "to the number"]


def waiting(business, count):
    """Messages of many people that are due now."""
    with business.db.transaction():
        for n in range(count):
            call(business.db, "send_messages", org_id=business.org_id, items=[
                {"to": f"+9198200{n:05d}", "template": "receipt", "language": "en"}])  # fmt: skip
        business.db.execute(
            'select private.schedule_message(c.org_id, c.id, \'{"kind": "template", "template": "receipt", "language": "en"}\','
            " now() - interval '1 second', 'person', null) from public.conversations c where c.org_id = %s",
            [business.org_id],
        )


def test_two_sweeps_at_once_send_each_message_once(lasting, connect):
    business = lasting()
    waiting(business, 40)
    sweeps = [connect() for _ in range(4)]
    start = threading.Barrier(len(sweeps))

    def sweep(db):
        start.wait(10)
        for _ in range(3):
            db.execute("select private.release_scheduled(25)")

    threads = [threading.Thread(target=sweep, args=(db,)) for db in sweeps]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    business.db.execute("select private.release_scheduled()")

    assert standing(business) == [("sent", None)] * 40
    assert len(outbound(business)) == 80


def test_sweep_waits_for_nobody(lasting, connect):
    business = lasting()
    waiting(business, 2)
    busy = connect()
    with busy.transaction():
        busy.execute(
            "select from public.contacts where org_id = %s order by id limit 1 for update", [business.org_id]
        )
        assert business.db.value("select private.release_scheduled()") == 1

    assert business.db.value("select private.release_scheduled()") == 1


def test_nothing_due_costs_an_index_probe(business, db, chat):
    db.execute(
        "insert into public.scheduled_messages (org_id, conversation_id, spec, send_at, origin, status, settled_at)"
        " select %s, %s, '{}', now() - make_interval(mins => n), 'person', 'sent', now() from generate_series(1, 5000) n",
        [business.org_id, chat],
    )
    db.execute("analyze public.scheduled_messages")

    plan = db.value(
        "explain (format json, analyze) select s.org_id, s.id from public.scheduled_messages s"
        " where s.status = 'waiting' and s.send_at <= now() order by s.send_at, s.org_id, s.id limit 100"
    )

    assert '"scheduled_messages_due"' in json.dumps(plan)
    assert plan[0]["Plan"]["Actual Rows"] == 0
