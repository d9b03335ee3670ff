"""What comes late brings nobody back who was erased; who writes anew is met anew; and what happens at once."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.business import Business, Json, call, post, text, webhook
from tests.database import Database
from tests.sql.erasing import (
    MAIL,
    MARKS,
    NAME,
    OTHER,
    PHONE,
    SECOND,
    USER,
    WORD,
    Marked,
    delivered,
    late_lead,
    let_a_day_pass,
    mark,
    said,
    steps,
    traces,
)
from tests.sql.merging import owner


@pytest.fixture
def marked(billed: Business) -> Marked:
    return mark(billed)


@pytest.fixture
def lasting_shop(lasting: Callable[..., Business], connect: Callable[[], Database]) -> Iterator[Business]:
    """A business that others see; whoever was erased in it is forgotten by the list, too."""
    business = lasting()
    yield business
    connect().execute("delete from private.suppressions where org_id = %s", [business.org_id])


def late_status(b: Business) -> None:
    b.told(delivered("wamid.MARKOUT", PHONE, b.now(), "read"))


def late_message(b: Business) -> None:
    b.hear(text("wamid.MARK1", WORD, b.now() - 7000, PHONE, USER), name=NAME)


def unheard_message(b: Business) -> None:
    b.hear(text("wamid.MARKLATE", WORD, b.now() - 7000, PHONE, USER), text("wamid.NEXT9", "Hi", b.now(), OTHER, "IN.other"))  # fmt: skip


def unheard_status(b: Business) -> None:
    b.told(delivered("wamid.MARKUNHEARD", PHONE, b.now()))


def echo(b: Business) -> None:
    value = {
        "message_echoes": [
            {**text("wamid.MARKECHO", WORD, b.now(), None), "to": PHONE, "from": "911140000001"}
        ]
    }
    post(b.db, webhook(b.change(value, "smb_message_echoes"), waba=b.waba))


def history(b: Business) -> None:
    threads = [{"id": PHONE, "messages": [text("wamid.MARKOLD", WORD, b.now() - 9000, PHONE)]}]
    value = {"history": [{"metadata": {"progress": 50}, "threads": threads}]}
    post(b.db, webhook(b.change(value, "history"), waba=b.waba))


def address_book(b: Business) -> None:
    entry = {"type": "contact", "action": "add", "contact": {"full_name": NAME, "phone_number": PHONE}, "metadata": {"timestamp": str(b.now())}}  # fmt: skip
    post(b.db, webhook(b.change({"state_sync": [entry]}, "smb_app_state_sync"), waba=b.waba))


def broken_message(b: Business) -> None:
    b.hear(
        {"from": PHONE, "id": "wamid.MARKBROKEN", "timestamp": "then", "type": "text", "text": {"body": WORD}}
    )


def lead_again(b: Business) -> None:
    assert late_lead(b, f"+{SECOND}") == {"inserted": 0, "suppressed": 1}


def replay(b: Business) -> None:
    for (event,) in b.db.rows("select event_id from private.event_effects where org_id = %s", b.org_id):
        if b.db.value("select count(*) from private.webhook_events where id = %s", event):
            call(b.db, "replay", event_id=event)


LATE = [late_status, late_message, unheard_message, unheard_status, echo, history, address_book, broken_message, lead_again, replay]  # fmt: skip


def test_whatever_comes_late_brings_nothing_back(marked: Marked) -> None:
    business, db = marked.business, marked.db
    marked.erase()
    db.execute("update private.suppressions set suppressed_at = suppressed_at - interval '1 hour'")
    people = len(business.table("public.contacts"))

    for way in LATE:
        way(business)
        assert len(business.table("public.contacts")) == people, way.__name__

    assert traces(db) == {}


def test_a_late_status_finds_its_stub_and_is_charged(billed: Business) -> None:
    business, db = billed, billed.db
    marked = mark(business)
    (message,) = business.send(f"+{PHONE}")
    business.record(business.claim(), wamid="wamid.MARKSLOW")
    marked.erase()

    business.told(delivered("wamid.MARKSLOW", PHONE, business.now() + 5))

    assert business.message(message)["status"] == "delivered"
    db.execute("select private.settle_usage(%s)", [business.org_id])
    charged = "select amount > 0, market, needs_review from public.usage_ledger where org_id = %s and message_id = %s and entry = 'meta_cost'"
    assert db.rows(charged, business.org_id, message) == [(True, "IN", False)]
    assert traces(db) == {}


def test_a_send_under_way_ends_as_a_stub(marked: Marked) -> None:
    business = marked.business
    (message,) = business.send(f"+{PHONE}")
    claim = business.claim()

    marked.erase()
    assert business.table("private.erasures")[0]["status"] == "erasing", "it waits for Meta's answer"
    business.record(claim, wamid="wamid.MARKFLIGHT")
    marked.finish()

    assert business.table("private.erasures")[0]["status"] == "erased"
    assert business.message(message)["status"] == "sent"
    assert marked.traces() == {}


def test_who_writes_after_the_erasure_has_begun_is_somebody_new(lasting_shop: Business) -> None:
    business = lasting_shop
    db, marked = business.db, mark(business)
    marked.ask("erase_contact", contact_id=marked.contact)
    business.hear(text("wamid.MARK9", f"{WORD}: before", business.now(), PHONE, USER))
    let_a_day_pass(db, business.org_id)
    for _ in range(3):
        call(db, "erase_step", batch=1)

    business.hear(text("wamid.ANEW", "Good morning", business.now() + 5, PHONE, USER))
    steps(db)

    new = business.contact(PHONE)
    assert new["id"] != str(marked.contact)
    assert new["name"] is None
    assert business.message("wamid.ANEW")["text"] == "Good morning"
    bodies = [b for (b,) in db.rows("select encode(body, 'escape') from private.webhook_events w join private.event_effects e on e.event_id = w.id where e.org_id = %s", business.org_id)]  # fmt: skip
    assert sum("wamid.ANEW" in b for b in bodies) == 1, "what they write now can be rebuilt"
    assert traces(db, f"{NAME}|{MAIL}|{WORD}|wamid.MARK|{SECOND}") == {}
    assert business.send(f"+{PHONE}")
    again = Marked(business, new["id"], marked.other)
    again.erase()
    assert traces(db) == {}, "once more"


def test_a_webhook_of_several_people_loses_one_and_rebuilds_the_others(lasting_shop: Business) -> None:
    business = lasting_shop
    db = business.db
    marked = mark(business)
    marked.erase()

    db.execute("begin isolation level repeatable read")
    found = db.value("select private.rebuild(%s, true)", business.org_id)
    db.execute("commit")

    assert found["equal"], found["examples"]
    assert found["messages"] >= 2
    assert found["corrected"] == 0
    body, redacted = db.row(
        "select convert_from(body, 'UTF8')::jsonb, redacted_at is not null from private.webhook_events where encode(body, 'escape') like '%%wamid.NEXT1%%' and encode(body, 'escape') like %s",
        f"%{business.phone_number_id}%",
    )  # fmt: skip
    value = body["entry"][0]["changes"][0]["value"]
    assert redacted
    assert [m["id"] for m in value["messages"]] == ["wamid.NEXT1"]
    assert [c["wa_id"] for c in value["contacts"]] == [OTHER]
    assert traces(db, MARKS) == {}


def test_the_same_person_at_another_organization_keeps_everything(
    marked: Marked, org: Callable[..., Any]
) -> None:
    db = marked.db
    other = Business(db, org(), waba="990000000001", number="990000000002")
    both = said(marked.business, marked.business.now())["entry"] + said(other, other.now())["entry"]
    for n, entry in enumerate(both):
        entry["changes"][0]["value"]["messages"] = [text(f"wamid.BOTH{n}", "Both", other.now(), PHONE)]
    post(db, {"object": "whatsapp_business_account", "entry": both})
    before = {t: other.table(t) for t in ("public.contacts", "public.messages", "public.conversations")}

    marked.erase()

    assert {t: other.table(t) for t in before} == before
    body = db.value("select convert_from(body, 'UTF8') from private.webhook_events where encode(body, 'escape') like '%%wamid.BOTH1%%'")  # fmt: skip
    assert "wamid.BOTH0" not in body
    assert PHONE in body


# At once ----------------------------------------------------------------------------------------------


def test_when_whatsapp_makes_them_one_with_somebody_the_erasure_goes_along(marked: Marked) -> None:
    db, org_id = marked.db, marked.business.org_id
    marked.ask("erase_contact", contact_id=marked.contact)

    db.execute("select private.merge_contacts(%s, %s, %s, %s)", [org_id, marked.other, marked.contact, marked.other])  # fmt: skip

    assert db.value("select erase_at is not null from public.contacts where id = %s", marked.other)
    marked.finish()
    assert db.value("select erased_at is not null from public.contacts where id = %s", marked.other)
    assert marked.traces() == {}


def test_an_organization_that_is_purged_takes_the_erasure_along(marked: Marked) -> None:
    db, org_id = marked.db, marked.business.org_id
    marked.ask("erase_contact", contact_id=marked.contact)
    db.execute(
        "insert into private.organization_deletions (org_id, purge_at, status) values (%s, now(), 'purging')",
        [org_id],
    )

    assert marked.finish() == 0, "one of the two works at a time"


def test_two_who_erase_at_once_make_one_erasure(lasting_shop: Business, connect: Callable[[], Database]) -> None:  # fmt: skip
    business = lasting_shop
    marked = mark(business)
    erase = "select public.erase_contact(%s, %s)"
    first, second = connect(), connect()
    who = owner(business)
    first.execute("begin")
    first.as_person(who)
    asked: Json = first.value(erase, business.org_id, marked.contact)
    second.execute("set lock_timeout = '200ms'")
    second.execute("begin")
    second.as_person(who)
    assert second.refusal(erase, business.org_id, marked.contact).sqlstate == "55P03", "it waits"  # fmt: skip
    second.execute("rollback")
    first.execute("commit")

    second.execute("begin")
    second.as_person(who)
    assert second.value(erase, business.org_id, marked.contact) == asked
    second.execute("rollback")
    first.as_operator()
    second.as_operator()
    second.execute("reset lock_timeout")
    marked.finish()
    assert business.table("private.erasures")[0]["status"] == "erased"


def test_who_writes_to_them_in_that_moment_waits_and_is_refused(
    lasting_shop: Business, connect: Callable[[], Database]
) -> None:
    business = lasting_shop
    marked = mark(business)
    send = "select worker.send_messages(%s, %s)"
    item = json.dumps([{"to": f"+{PHONE}", "template": "receipt", "language": "en"}])
    agent = connect()
    agent.execute("set lock_timeout = '200ms'")
    business.db.execute("begin")
    business.db.as_person(owner(business))
    business.db.value("select public.erase_contact(%s, %s)", business.org_id, marked.contact)
    agent.execute("begin")
    assert agent.refusal(send, business.org_id, item).sqlstate == "55P03", "it waits"
    agent.execute("rollback")
    business.db.execute("commit")
    business.db.as_operator()

    agent.execute("begin")
    assert agent.refusal(send, business.org_id, item).detail == "contact_to_be_erased"
    agent.execute("rollback")
    agent.execute("reset lock_timeout")
    marked.finish()
    assert traces(business.db) == {}
