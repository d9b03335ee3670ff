"""The job `billing` does what is wanted once, believes the supplier and not its events, loses nothing."""

import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from tests.http.razorpay_world import GROSS, World, razorpay_world
from tests.http.recording import RecordingDatabase, settings
from workers import create_app
from workers.billing import calling, job
from workers.errors import FlowError, Refused, Unavailable

SAMPLES = json.loads((Path(__file__).parents[1] / "payloads" / "razorpay_webhooks.json").read_text())[
    "events"
]
INTENT, ORG = "0f0e0d0c-0000-4000-8000-000000000001", "11111111-aaaa-4aaa-8aaa-000000000001"
NOTES = {"flow_intent": INTENT, "flow_org_id": ORG}
AT = "2026-11-29T10:00:00+00:00"


@pytest.fixture(scope="module")
def one_world() -> Iterator[World]:
    with razorpay_world() as world:
        yield world


@pytest.fixture
def world(one_world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setattr(calling, "_PAUSES", (0.001, 0.001))
    one_world.reset()
    return one_world


class Billing(RecordingDatabase):
    """Hands out intents, events and work once, and takes every entity."""

    def __init__(self) -> None:
        super().__init__(
            claim_billing_intents=lambda **_: self._hand("intents", 1),
            claim_payment_events=lambda **asked: self._hand("events", int(asked["batch"])),
            due_billing_work=lambda **_: self.due,
            apply_subscription={"outcome": "applied"},
            record_payment={"outcome": "recorded"},
            record_refund={"outcome": "recorded"},
        )
        self.intents: list[dict[str, Any]] = []
        self.events: list[dict[str, Any]] = []
        self.due: dict[str, Any] = {}

    def _hand(self, what: str, many: int) -> dict[str, Any]:
        waiting = getattr(self, what)
        handed, rest = waiting[:many], waiting[many:]
        setattr(self, what, rest)
        return {what: handed, "more": bool(rest)}

    def entities(self, name: str) -> list[dict[str, Any]]:
        return [dict(args["entity"]) for args in self.named(name)]  # type: ignore[call-overload]

    @property
    def results(self) -> list[Any]:
        return [args["result"] for args in self.named("finish_billing_intent")]

    @property
    def verdicts(self) -> list[tuple[Any, Any]]:
        return [(args["status"], args["error"]) for args in self.named("finish_payment_event")]


@pytest.fixture
def database() -> Billing:
    return Billing()


def intent(kind: str, *, attempts: int = 1, **params: Any) -> dict[str, Any]:
    of = {"provider": "razorpay", "mode": "test", "org_id": ORG}
    return {"id": INTENT, "kind": kind, "attempts": attempts, "params": params, **of}


def creation(*, attempts: int = 1, provider_plan: str | None = None, **more: Any) -> dict[str, Any]:
    plan = {
        "id": "plan-1", "code": "starter", "version": 1, "name": "Starter", "period": "monthly",
        "interval": 1, "amount_gross": GROSS, "currency": "INR", "provider_plan": provider_plan,
    }  # fmt: skip
    params = {
        "plan": plan, "quantity": 1, "total_count": 120, "start_at": None, "expire_by": None, "addons": [],
        "customer_notify": True, "customer": {"id": None, "name": "Asha", "email": None}, "notes": NOTES,
    }  # fmt: skip
    return intent("subscription_create", attempts=attempts, **(params | more))


def event(kind: str, payload: dict[str, Any], number: int = 1, **more: Any) -> dict[str, Any]:
    entities = {name: {"entity": entity} for name, entity in payload.items()}
    body = {"event": kind, "payload": entities}
    at = {"provider_ts": AT, "received_at": AT, "attempts": 1}
    of = {"provider": "razorpay", "mode": "test", "event_id": f"ev{number}"}
    return {"id": number, "type": kind, "body": body, **at, **of, **more}


def run(world: World, database: Billing) -> dict[str, Any]:
    return job.run(database, world.http, world.settings)


def test_subscription_is_created_with_its_plan_and_handed_back_with_its_page(
    world: World, database: Billing
) -> None:
    database.intents = [creation()]

    counts = run(world, database)

    assert counts == {"intents": 1, "events": 0, "read": 0, "more": False}
    [made] = world.control.razorpay()["subscriptions"]
    [plan] = world.control.razorpay()["plans"]
    assert database.named("set_plan_provider") == [
        {"plan_id": "plan-1", "provider": "razorpay", "mode": "test", "provider_plan": plan["id"]}
    ]
    [result] = database.results
    assert (result["provider_id"], result["short_url"]) == (made["id"], made["short_url"])
    assert (result["entity"]["status"], result["entity"]["plan_provider_id"]) == ("created", plan["id"])


def test_plan_that_is_known_there_is_taken(world: World, database: Billing) -> None:
    database.intents = [creation(provider_plan=world.plan())]

    run(world, database)

    assert database.named("set_plan_provider") == []
    assert len(world.control.razorpay()["plans"]) == 1


def test_plan_made_twice_at_once_is_no_end(world: World, database: Billing) -> None:
    database.replies["set_plan_provider"] = [Refused(409, "Taken.", "plan_has_provider")]
    database.intents = [creation()]

    run(world, database)

    assert database.results == [{"error": "plan_has_provider", "final": False, "retry_at": None}]


@pytest.mark.parametrize("fault", ["lost_answer", "html_502", "dropped", "rate_limited"])
def test_intent_that_failed_is_carried_out_once_by_its_next_try(
    world: World, database: Billing, fault: str
) -> None:
    plan = world.plan()
    world.control.razorpay_fault(fault, key="POST subscriptions", count=3)
    world.control.razorpay_fault("dropped", key="GET subscriptions")
    database.intents = [creation(provider_plan=plan)]
    run(world, database)
    world.control.clear_faults()
    database.intents = [creation(provider_plan=plan, attempts=2)]

    run(world, database)

    first, second = database.results
    assert (first["final"], "retry_at" in first) == (False, True)
    assert first["retry_at"] if fault == "rate_limited" else first["retry_at"] is None
    assert [s["id"] for s in world.control.razorpay()["subscriptions"]] == [second["provider_id"]]


def test_refusal_is_final_and_told_in_words(world: World, database: Billing) -> None:
    database.intents = [creation(provider_plan="plan_00000000000000")]

    run(world, database)

    assert database.results == [{"error": "The id provided does not exist", "final": True, "retry_at": None}]


def test_every_kind_of_intent_is_carried_out(world: World, database: Billing) -> None:
    subscription = world.subscribe("card")
    [payment] = world.get("payments")["items"]
    link = {
        "amount": 59_000, "currency": "INR", "description": "Top-up", "reference": "abc", "notes": NOTES,
        "customer": {"name": "Asha", "email": None}, "expire_by": None, "purpose": "top_up",
    }  # fmt: skip
    refund = {"payment_provider_id": payment["id"], "amount": 100, "idempotency_key": INTENT, "notes": NOTES}
    database.intents = [
        intent("subscription_pause", provider_id=subscription),
        intent("subscription_resume", provider_id=subscription),
        intent("payment_link", **link),
        intent("refund", **refund),
        intent("subscription_cancel", provider_id=subscription, at_cycle_end=False),
        intent("wish"),
        intent("payment_link", amount="many"),
    ]

    run(world, database)

    paused, resumed, linked, refunded, cancelled, wish, unreadable = database.results
    assert [r["entity"]["status"] for r in (paused, resumed, cancelled)] == ["paused", "active", "cancelled"]
    assert linked["provider_id"].startswith("plink_")
    assert linked["short_url"].startswith(world.server.url)
    assert refunded["entity"]["amount"] == 100
    assert (wish["error"], wish["final"]) == ("kind_unknown", True)
    assert (unreadable["error"], unreadable["final"]) == ("params_unreadable", True)
    database.intents = [intent("payment_link_cancel", provider_id=linked["provider_id"])]
    run(world, database)
    assert database.results[-1] == {}
    assert world.get(f"payment_links/{linked['provider_id']}")["status"] == "cancelled"


def test_event_is_a_hint_and_the_supplier_is_believed(world: World, database: Billing) -> None:
    ident = world.subscribe("card")
    [payment] = world.get("payments")["items"]
    stale = world.get(f"subscriptions/{ident}") | {"status": "halted", "quantity": 900}
    database.events = [
        event("subscription.charged", {"subscription": stale, "payment": payment | {"amount": 1}})
    ]

    run(world, database)

    [subscription], [paid] = database.entities("apply_subscription"), database.entities("record_payment")
    assert (subscription["status"], subscription["quantity"]) == ("active", 1)
    assert (paid["amount"], paid["subscription_provider_id"], paid["status"]) == (GROSS, ident, "captured")
    assert database.verdicts == [("processed", None)]


def test_payment_alone_is_led_to_what_it_was_for(world: World, database: Billing) -> None:
    ident = world.subscribe()
    link = world.post("payment_links", amount=59_000, reference_id="abc")
    world.control.pay(link["id"])
    by_link, by_mandate = world.get("payments")["items"]
    database.events = [
        event("payment.captured", {"payment": by_mandate}, 1),
        event("payment.captured", {"payment": by_link}, 2),
        event("payment_link.paid", {"payment_link": world.get(f"payment_links/{link['id']}")}, 3),
    ]

    run(world, database)

    first, second, third = database.entities("record_payment")
    assert first["subscription_provider_id"] == ident
    assert second["payment_link_id"] == third["payment_link_id"] == link["id"]
    assert second["provider_id"] == third["provider_id"]


def test_events_of_one_charge_ask_the_supplier_once(world: World, database: Billing) -> None:
    ident = world.subscribe()
    subscription, [payment] = world.get(f"subscriptions/{ident}"), world.get("payments")["items"]
    whole = {"subscription": subscription, "payment": payment}
    kinds = ("subscription.activated", "subscription.charged", "subscription.authenticated")
    database.events = [event(kind, whole, number) for number, kind in enumerate(kinds)]
    before = len(world.control.razorpay()["calls"])

    run(world, database)

    asked = [call["call"] for call in world.control.razorpay()["calls"][before:]]
    assert sorted(asked) == ["GET payments", "GET subscriptions"]
    assert len(database.verdicts) == 3


def test_refund_of_a_payment_that_is_not_recorded_records_it_first(world: World, database: Billing) -> None:
    world.subscribe("card")
    [payment] = world.get("payments")["items"]
    refund = world.post(f"payments/{payment['id']}/refund")
    database.replies["record_refund"] = [{"outcome": "unknown"}, {"outcome": "recorded"}]
    database.events = [event("refund.processed", {"refund": refund})]

    run(world, database)

    names = [name for name, _ in database.calls if name.startswith("record")]
    assert names == ["record_refund", "record_payment", "record_refund"]
    assert database.entities("record_payment")[0]["status"] == "refunded"
    assert database.verdicts == [("processed", None)]


QUARANTINED = {"outcome": "quarantined"}
OUTCOMES = [
    ("apply_subscription", {"outcome": "unknown"}, ("retry", "subscription_unknown")),
    ("apply_subscription", QUARANTINED | {"quarantine": "plan_differs"}, ("quarantined", "plan_differs")),
    ("apply_subscription", {"outcome": "stale"}, ("processed", None)),
    ("apply_subscription", {"outcome": "final"}, ("processed", None)),
    ("record_payment", {"outcome": "unknown"}, ("retry", "payment_unknown")),
    ("record_payment", QUARANTINED | {"quarantine": "amount_differs"}, ("quarantined", "amount_differs")),
    ("record_payment", {"outcome": "mandate_check"}, ("processed", None)),
    ("record_payment", Refused(422, "No.", "entity_odd"), ("retry", "entity_odd")),
    ("record_payment", FlowError("unforeseen"), ("retry", "internal_error")),
]  # fmt: skip


@pytest.mark.parametrize(("name", "answer", "verdict"), OUTCOMES)
def test_what_the_database_makes_of_an_entity_ends_its_event(
    world: World, database: Billing, name: str, answer: Any, verdict: tuple[str, str | None]
) -> None:
    ident = world.subscribe()
    whole = {
        "subscription": world.get(f"subscriptions/{ident}"),
        "payment": world.get("payments")["items"][0],
    }
    database.replies[name] = [answer]
    database.events = [event("subscription.charged", whole), event("subscription.paused", {}, 2)]

    run(world, database)

    assert database.verdicts == [verdict, ("ignored", "names_nothing")]


def test_event_that_comes_while_the_job_works_does_not_wait_for_another(
    world: World, database: Billing
) -> None:
    late = event("payment.captured", {}, 2)
    first = event("payment.captured", {})

    def finish(**_: object) -> dict[str, Any]:
        if late not in taken:
            taken.append(late)
            database.events = [late]
        return {}

    taken: list[dict[str, Any]] = []
    database.events = [first]
    database.replies["finish_payment_event"] = [finish]

    assert run(world, database)["events"] == 2


def test_intent_that_an_event_leads_to_is_carried_out_in_the_same_run(
    world: World, database: Billing
) -> None:
    ident = world.subscribe()

    def applied(**_: object) -> dict[str, Any]:
        database.intents = [intent("subscription_pause", provider_id=ident)]
        return {"outcome": "applied"}

    database.replies["apply_subscription"] = [applied]
    database.events = [event("subscription.charged", {"subscription": world.get(f"subscriptions/{ident}")})]

    assert run(world, database)["intents"] == 1
    assert world.status(ident) == "paused"


def test_failed_attempt_and_a_mandate_check_are_let_go(world: World, database: Billing) -> None:
    order = world.post("orders", amount=118_000, currency="INR")["id"]
    world.control.pay(order, "failure")
    world.subscribe("card", start_at=world.control.razorpay()["now"] + 86_400)
    check, failed = world.get("payments")["items"]
    database.replies["record_payment"] = [{"outcome": "unknown"}]
    database.events = [
        event("payment.failed", {"payment": failed}, 1),
        event("payment.authorized", {"payment": check}, 2),
    ]

    run(world, database)

    assert [e["status"] for e in database.entities("record_payment")] == ["failed", "refunded"]
    assert database.verdicts == [("ignored", "payment_unknown")] * 2


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample["name"])
def test_sample_is_applied_as_it_was_told_when_the_supplier_is_away(
    world: World, database: Billing, sample: dict[str, Any]
) -> None:
    asked: list[httpx.Request] = []

    def away(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(502, html="<html>")

    body = sample["body"]
    database.events = [event(body["event"], {}) | {"body": body}]

    job.run(database, httpx.Client(transport=httpx.MockTransport(away)), world.settings)

    for name, function in (("subscription", "apply_subscription"), ("refund", "record_refund")):
        told = body["payload"].get(name)
        assert [e["provider_id"] for e in database.entities(function)] == (
            [told["entity"]["id"]] if told else []
        )
    for entity in [*database.entities("apply_subscription"), *database.entities("record_payment")]:
        assert entity["fetched_at"] == AT.replace("+00:00", "Z")
    assert database.verdicts == [("processed", None)]
    assert len(asked) == 1  # one that does not answer is waited for once


def test_event_whose_entity_the_supplier_does_not_know_is_set_aside(world: World, database: Billing) -> None:
    database.events = [event("", {}) | {"body": SAMPLES[0]["body"]}]

    run(world, database)

    assert database.verdicts == [("quarantined", "not_at_supplier")]
    assert database.entities("apply_subscription") == []


def test_patience_that_the_supplier_asks_for_is_an_instant(world: World, database: Billing) -> None:
    subscription = {"id": "sub_00000000000000", "plan_id": "plan_1", "status": "active"}
    world.control.razorpay_fault("rate_limited", key="GET subscriptions", count=3)
    database.events = [event("subscription.paused", {"subscription": subscription})]

    run(world, database)

    [finished] = database.named("finish_payment_event")
    assert (finished["status"], finished["error"]) == ("retry", "payment_busy")
    assert str(finished["retry_at"]) > AT


ODD_EVENTS = [
    (event("malformed", {}) | {"body": {}}, ("quarantined", "unreadable")),
    (event("subscription.paused", {"subscription": {"id": "sub_1"}}), ("quarantined", "unreadable")),
    (event("subscription.paused", {}, provider="stripe"), ("retry", "provider_not_configured")),
    (event("subscription.paused", {}, mode="live"), ("retry", "provider_not_configured")),
]


@pytest.mark.parametrize(("odd", "verdict"), ODD_EVENTS)
def test_odd_event_is_put_where_it_belongs(
    world: World, database: Billing, odd: dict[str, Any], verdict: tuple[str, str]
) -> None:
    database.events = [odd]

    run(world, database)

    assert database.verdicts == [verdict]


def test_hourly_what_is_not_final_is_read_again(world: World, database: Billing) -> None:
    ident = world.subscribe()
    gone = world.subscribe(method=None, expire_by=world.control.razorpay()["now"] + 60)
    link = world.post("payment_links", amount=59_000, reference_id="abc")["id"]
    world.control.pay(link)
    payment = world.get("payments")["items"][-1]["id"]
    refund = world.post(f"payments/{payment}/refund", amount=100)["id"]
    world.control.advance_razorpay(seconds=61)
    of = {"provider": "razorpay", "mode": "test"}
    unknown = {**of, "provider_id": "sub_00000000000000"}
    database.due = {
        "subscriptions": [unknown, {**of, "provider_id": ident}, {**of, "provider_id": gone}],
        "payments": [{**of, "provider_id": payment}],
        "payment_links": [{**of, "provider_id": link, "intent_id": INTENT}],
        "refunds": [{**of, "provider_id": refund}],
        "more": True,
    }

    counts = run(world, database)

    assert (counts["read"], counts["more"]) == (5, True)
    assert [e["status"] for e in database.entities("apply_subscription")] == ["active", "expired"]
    charge, by_link, alone = database.entities("record_payment")
    assert charge == alone | {"fetched_at": charge["fetched_at"]}  # what no webhook told of is found
    assert (by_link["payment_link_id"], by_link["amount"]) == (link, 59_000)
    assert alone["subscription_provider_id"] == ident
    assert database.entities("record_refund")[0]["amount"] == 100
    assert database.named("read_payment_link") == [{"intent_id": INTENT, "status": "paid"}]


def test_work_that_always_fails_does_not_go_on_forever(world: World, database: Billing) -> None:
    unknown = {"provider": "razorpay", "mode": "test", "provider_id": "sub_00000000000000"}
    database.due = {"subscriptions": [unknown], "more": True}

    assert run(world, database) == {"intents": 0, "events": 0, "read": 0, "more": False}


def test_job_ends_with_its_time_and_says_that_more_is_left(world: World, database: Billing) -> None:
    clock = iter([0.0, *[n * 0.3 for n in range(1, 99)]])
    database.intents = [intent("wish") for _ in range(50)]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(job, "time", SimpleNamespace(monotonic=lambda: next(clock)))
        counts = job.run(database, world.http, world.settings_with(FLOW_JOB_SECONDS="1"))

    assert counts["more"] is True
    assert 0 < counts["intents"] < 50
    assert len(database.intents) == 50 - counts["intents"]


def test_what_was_finished_meanwhile_is_let_go(world: World, database: Billing) -> None:
    database.replies["finish_billing_intent"] = [Refused(409, "Not yours.", "lease_lost")]
    database.replies["finish_payment_event"] = [Refused(409, "Not yours.", "lease_lost")]
    database.intents, database.events = [intent("wish")], [event("x", {})]

    assert run(world, database)["events"] == 1


def test_database_that_is_away_ends_the_job(world: World, database: Billing) -> None:
    database.replies["apply_subscription"] = [Unavailable()]
    ident = world.subscribe()
    database.events = [event("x", {"subscription": world.get(f"subscriptions/{ident}")})]

    with pytest.raises(Unavailable):
        run(world, database)


def test_without_a_supplier_nothing_is_claimed(world: World, database: Billing) -> None:
    assert job.run(database, world.http, settings())["more"] is False
    assert database.calls == []


def test_job_has_its_address(world: World, database: Billing, monkeypatch: pytest.MonkeyPatch) -> None:
    app = create_app(world.settings, database=database, http=world.http)
    headers: dict[str, str] = {"Authorization": "Bearer job-secret-of-the-tests"}

    reply = app.test_client().post("/jobs/billing", headers=headers)

    assert reply.json == {"intents": 0, "events": 0, "read": 0, "more": False}


def test_whole_life_from_intent_to_halt_by_webhooks_in_any_order(world: World, database: Billing) -> None:
    database.intents = [creation()]
    run(world, database)
    ident = database.results[0]["provider_id"]
    world.control.razorpay_fault("shuffle", ms=40, probability=1.0)
    world.control.razorpay_fault("duplicate", probability=0.5, seed=3)
    world.control.pay(ident, method="card")
    world.control.razorpay_charges("failure")
    world.control.advance_razorpay(days=36)
    world.settle()

    database.events = [
        {"id": number, "type": body["event"], "body": body, "provider": "razorpay", "mode": "test",
         "event_id": key, "provider_ts": AT, "received_at": AT, "attempts": 1}
        for number, (key, body) in enumerate(world.heard.events)
    ]  # fmt: skip
    run(world, database)

    assert {e["status"] for e in database.entities("apply_subscription")} == {"halted"}
    paid = {e["provider_id"]: e for e in database.entities("record_payment")}.values()
    assert sorted(e["status"] for e in paid) == ["captured", "failed", "failed", "failed", "failed"]
    assert {e["subscription_provider_id"] for e in paid} == {ident}
    assert {status for status, _ in database.verdicts} == {"processed"}
