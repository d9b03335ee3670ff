"""Outgoing webhooks: what becomes an event, for whom; who is handed what, signed how; and what ends it."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest

from tests.business import Business, call, status, text
from tests.database import Database, Person
from tests.sql.webhooks import Hook


@pytest.fixture
def lead(db: Database, business: Business) -> Callable[..., dict[str, Any]]:
    """Adds leads."""

    def add(phone: str = "+919810000011") -> dict[str, Any]:
        made: dict[str, Any] = call(
            db, "add_lead", org_id=business.org_id, lead={"name": "Asha", "phone": phone}
        )
        return made

    return add


def verify(one: dict[str, Any], secret: str) -> bool:
    """Check a signature as Standard Webhooks says, apart from Flow's own code."""
    headers = one["headers"]
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.{one['body']}".encode()
    digest = hmac.digest(base64.b64decode(secret.removeprefix("whsec_")), signed, hashlib.sha256)
    return "v1," + base64.b64encode(digest).decode() in headers["webhook-signature"].split()


def test_what_happens_is_told_once_to_who_wants_it(
    db: Database, business: Business, lead: Callable[..., dict[str, Any]], member: Callable[..., Person]
) -> None:
    hook = Hook(db, business.org_id, *db.value("select private.webhook_types()"))
    someone = member(business.org_id, "agent")
    made = lead()
    stages = dict(
        db.rows(
            "select kind, id from public.pipeline_stages where org_id = %s order by position desc",
            business.org_id,
        )
    )
    business.hear(text("wamid.in", at=business.now(), sender="919810000011"))
    message = business.sent(template="receipt")
    wamid = db.value("select wamid from public.messages where id = %s", message)
    for _ in range(2):
        business.told(status(wamid, "delivered", at=business.now()))
    db.as_person(someone)
    task = db.value(
        "select public.add_task(%s, %s)", business.org_id,
        json.dumps({"title": "Call", "lead_id": made["lead_id"], "due_at": "2026-12-01T10:00:00Z"}),
    )  # fmt: skip
    db.execute("select public.set_task_status(%s, %s, 1, 'done')", [business.org_id, task["id"]])
    db.execute("select public.assign_lead(%s, %s, %s, 1)", [business.org_id, made["lead_id"], someone.id])
    db.execute("select public.close_lead(%s, %s, %s, 2)", [business.org_id, made["lead_id"], stages["won"]])
    db.execute("select public.set_contact_consent(%s, %s, 'opt_out')", [business.org_id, made["contact_id"]])
    db.as_operator()
    db.execute(
        "insert into public.whatsapp_health (org_id, account_id, kind, level, words, remedy) values (%s, %s, 'silence', 'problem', 'w', 'r')",
        [business.org_id, business.account_id],
    )

    assert [kind for kind, _ in hook.told()] == [
        "lead.created", "message.received", "message.status", "message.status", "task.completed",
        "conversation.assigned", "lead.assigned",  # the conversation follows its lead
        "lead.stage_changed", "lead.won", "contact.opted_out", "number.attention",
    ]  # fmt: skip
    assert [data["status"] for kind, data in hook.told() if kind == "message.status"] == ["sent", "delivered"]
    # Ids and words of Flow's own: nothing that somebody said, no number, no name.
    assert not [data for _, data in hook.told() if "Asha" in str(data) or "98100" in str(data)]
    assert len(hook.deliveries()) == 11


def test_only_what_is_wanted_is_noted_and_nothing_where_nobody_wants_it(
    db: Database, business: Business, org: Callable[..., UUID], lead: Callable[..., dict[str, Any]]
) -> None:
    hook, other = Hook(db, business.org_id, "lead.lost"), Hook(db, org(), "lead.created")

    lead()

    assert (hook.told(), other.told()) == ([], [])


def test_deliveries_are_signed_and_for_a_day_after_a_rotation_with_both_secrets(
    db: Database, business: Business, lead: Callable[..., dict[str, Any]]
) -> None:
    hook = Hook(db, business.org_id, "lead.created")
    lead()
    (first,) = hook.claim()
    new = db.value("select private.rotate_endpoint(%s, %s) ->> 'secret'", business.org_id, hook.id)
    hook.hasten()
    (both,) = hook.claim()
    db.execute("update public.webhook_endpoints set previous_until = now() where id = %s", [hook.id])
    db.execute("select private.end_webhook_secrets()")
    hook.hasten()
    (last,) = hook.claim()

    assert [[verify(one, secret) for secret in (hook.secret, new)] for one in (first, both, last)] == [
        [True, False], [True, True], [False, True],
    ]  # fmt: skip
    body = json.loads(first["body"])
    assert (body["id"], body["type"], body["version"]) == (first["headers"]["webhook-id"], "lead.created", 1)
    assert hook.secret not in str(first)
    stored = db.value(
        "select string_agg(c::text, '') from private.credentials c where org_id = %s", business.org_id
    )
    assert hook.secret not in stored
    revoked = "select count(*) from private.credentials where org_id = %s and kind = 'webhook_secret' and revoked_at is not null"
    assert db.value(revoked, business.org_id) == 1


def test_what_is_not_taken_comes_again_later_and_a_late_answer_is_not_believed(
    db: Database, business: Business, lead: Callable[..., dict[str, Any]]
) -> None:
    hook = Hook(db, business.org_id, "lead.created")
    lead()
    first = hook.claim()
    assert hook.claim() == []  # leased
    hook.answer(first, 500, response="no")
    assert hook.claim() == []  # not before its time
    hook.hasten()
    second = hook.claim()

    hook.answer(first, 200)
    assert hook.deliveries() == ["pending"]
    hook.answer(second, 204)

    assert hook.deliveries() == ["delivered"]
    waits = [db.value("select private.webhook_wait(%s)", n).total_seconds() for n in (1, 2, 7, 99)]
    assert [
        4 <= waits[0] <= 6,
        240 <= waits[1] <= 360,
        40_320 <= waits[2] <= 60_480,
        40_320 <= waits[3] <= 60_480,
    ] == [True] * 4


@pytest.mark.parametrize(
    ("answer", "seconds"),
    [
        pytest.param({"status_": 503}, (4, 6), id="refuses"),
        pytest.param({"status_": None, "problem": "name_unknown"}, (4, 6), id="is not there"),
        pytest.param({"status_": 429, "retry_after": 900}, (900, 900), id="asks to wait"),
    ],
)
def test_who_takes_nothing_is_left_alone_a_while_or_as_long_as_they_ask(
    db: Database,
    business: Business,
    lead: Callable[..., dict[str, Any]],
    answer: dict[str, Any],
    seconds: Any,
) -> None:
    hook = Hook(db, business.org_id, "lead.created")
    lead()

    hook.answer(hook.claim(), **answer)

    until = "select extract(epoch from {} - now())::float from {} where {} = %s"
    endpoint = db.value(until.format("retry_at", "public.webhook_endpoints", "id"), hook.id)
    delivery = db.value(until.format("next_at", "private.outgoing_deliveries", "endpoint_id"), hook.id)
    assert seconds[0] <= endpoint <= seconds[1]
    assert seconds[0] <= delivery <= seconds[1]


def test_an_endpoint_that_takes_nothing_for_days_or_is_gone_is_disabled_and_admins_are_told(
    db: Database, business: Business, lead: Callable[..., dict[str, Any]], member: Callable[..., Person]
) -> None:
    admin = member(business.org_id, "admin")
    gone, failing = Hook(db, business.org_id, "lead.created"), Hook(db, business.org_id, "lead.created")
    lead()
    gone.answer(gone.claim(), 410)
    failing.hasten()
    failing.answer(failing.claim(), None, problem="timeout")
    db.execute(
        "update public.webhook_endpoints set failing_since = now() - interval '73 hours' where id = %s",
        [failing.id],
    )
    failing.hasten()
    failing.answer(failing.claim(), 503)

    assert (gone.state(), failing.state()) == (("disabled", "gone"), ("disabled", "failing"))
    assert gone.deliveries() + failing.deliveries() == ["failed", "failed"]
    told = "select count(*) from public.notifications where user_id = %s and kind = 'webhook_disabled'"
    assert db.value(told, admin.id) == 2
    lead("+919810000012")
    assert gone.deliveries() == ["failed"]  # nothing new is lined up, but the log has it
    db.execute('select private.save_endpoint(%s, %s, \'{"state": "active"}\')', [business.org_id, gone.id])
    db.execute(
        "select private.replay_endpoint(%s, %s, null, now() - interval '1 hour')", [business.org_id, gone.id]
    )
    assert gone.deliveries() == ["pending", "pending"]


def test_a_paused_endpoint_gets_what_waited_when_it_goes_on(
    db: Database, business: Business, lead: Callable[..., dict[str, Any]]
) -> None:
    hook = Hook(db, business.org_id, "lead.created")
    lead()
    set_state = "select private.save_endpoint(%s, %s, jsonb_build_object('state', %s::text))"
    db.execute(set_state, [business.org_id, hook.id, "paused"])
    lead("+919810000012")
    assert hook.claim() == []

    db.execute(set_state, [business.org_id, hook.id, "active"])

    assert len(hook.claim()) == 2


def test_a_failing_endpoint_is_asked_one_at_a_time_and_does_not_hold_up_another(
    db: Database, business: Business, org: Callable[..., UUID], lead: Callable[..., dict[str, Any]]
) -> None:
    bad, good = Hook(db, business.org_id, "lead.created"), Hook(db, business.org_id, "lead.created")
    for n in range(12):
        lead(f"+9198100000{n:02}")
    bad.answer(bad.claim(), 500)
    db.execute("update public.webhook_endpoints set retry_at = null where id = %s", [bad.id])
    good.hasten()
    claimed: list[dict[str, Any]] = call(db, "claim_webhooks")["deliveries"]

    assert sorted(sum(one["endpoint_id"] == hook.id for one in claimed) for hook in (bad, good)) == [1, 10]


@pytest.mark.parametrize(
    "url",
    [
        "http://hooks.example.com/", "https://127.0.0.1/", "https://10.0.0.1/", "https://[::1]/", "https://localhost/",
        "https://intranet/", "https://db.internal/", "https://user:pw@hooks.example.com/", "https://hooks.example.com:22/",
        "https://hooks.example.com/#x", "https://2130706433/", "https://0x7f.1/", "ftp://hooks.example.com/", "https://hooks.example.com:99999/",
        "http://127.0.0.1:8080/",
    ],
)  # fmt: skip
def test_addresses_that_cannot_be_public_are_not_stored(db: Database, business: Business, url: str) -> None:
    refused = db.refusal(
        "select private.save_endpoint(%s, null, %s)",
        business.org_id,
        json.dumps({"url": url, "events": ["lead.won"]}),
    )
    assert (refused.sqlstate, refused.detail) == ("PT422", "url_invalid")
