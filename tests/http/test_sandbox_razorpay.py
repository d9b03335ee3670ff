"""The sandbox's Razorpay accepts, refuses, moves and tells what the real one does."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.http.razorpay_world import GROSS, World, razorpay_world
from workers.sandbox.client import SandboxRefusedError
from workers.sandbox.razorpay_state import RazorpayState, after

SAMPLES = json.loads((Path(__file__).parents[1] / "payloads" / "razorpay_webhooks.json").read_text())[
    "events"
]


@pytest.fixture(scope="module")
def one_world() -> Iterator[World]:
    with razorpay_world() as world:
        yield world


@pytest.fixture
def world(one_world: World) -> World:
    one_world.reset()
    return one_world


def test_somebody_without_the_key_is_refused(world: World) -> None:
    for auth in (None, ("rzp_test_sandbox", "wrong"), ("rzp_test_other", "a-key-secret-of-nobody")):
        answer = httpx.get(f"{world.server.url}/v1/plans", auth=auth, trust_env=False)

        assert (answer.status_code, answer.json()["error"]["description"]) == (401, "Authentication failed")


def test_first_charge_follows_the_mandate_and_is_told_four_times(world: World) -> None:
    ident = world.subscribe("upi")

    subscription = world.get(f"subscriptions/{ident}")
    [payment] = world.get("payments")["items"]
    [invoice] = world.get("invoices", subscription_id=ident)["items"]
    assert (subscription["status"], subscription["paid_count"], subscription["payment_method"]) == (
        "active",
        1,
        "upi",
    )
    assert (payment["amount"], payment["status"], payment["invoice_id"]) == (GROSS, "captured", invoice["id"])
    assert (invoice["status"], invoice["payment_id"]) == ("paid", payment["id"])
    assert sorted(world.settle()) == [
        "invoice.paid",
        "payment.captured",
        "subscription.activated",
        "subscription.authenticated",
        "subscription.charged",
    ]


def test_trial_is_authenticated_checked_with_rupees_that_come_back_and_charged_at_its_start(
    world: World,
) -> None:
    start = world.control.razorpay()["now"] + 14 * 86_400
    ident = world.subscribe("card", start_at=start)

    [check] = world.get("payments")["items"]
    assert world.status(ident) == "authenticated"
    assert (check["amount"], check["status"], check["captured"]) == (500, "refunded", False)
    assert world.control.advance_razorpay(days=13) == []
    assert "subscription.charged" in world.control.advance_razorpay(days=1.1)
    assert world.status(ident) == "active"
    assert world.get(f"subscriptions/{ident}")["current_start"] == start


def test_upfront_amount_of_a_trial_is_charged_with_its_mandate(world: World) -> None:
    addon = {"item": {"name": "Setup", "amount": 5_000, "currency": "INR"}}
    start = world.control.razorpay()["now"] + 86_400
    ident = world.subscribe("upi", start_at=start, addons=[addon])

    [payment] = world.get("payments")["items"]
    assert (world.status(ident), payment["amount"], payment["status"]) == ("authenticated", 5_000, "captured")
    world.control.advance_razorpay(days=2)
    assert [p["amount"] for p in world.get("payments")["items"]] == [GROSS, 5_000]


def test_failing_charges_are_tried_three_times_more_and_then_halt(world: World) -> None:
    ident = world.subscribe("card")
    world.control.razorpay_charges("failure", ident)

    until_charge = world.get(f"subscriptions/{ident}")["charge_at"] - world.control.razorpay()["now"]
    events = world.control.advance_razorpay(seconds=until_charge + 1)
    statuses = [world.status(ident)]
    for _ in range(3):
        events += world.control.advance_razorpay(days=1)
        statuses.append(world.status(ident))

    assert [e for e in events if e.startswith("subscription")] == [
        *["subscription.pending"] * 3,
        "subscription.halted",
    ]
    assert statuses == ["pending", "pending", "pending", "halted"]
    assert world.control.advance_razorpay(days=31) == []  # its invoices go on, nobody is charged
    assert [i["status"] for i in world.get("invoices", subscription_id=ident)["items"]] == [
        "issued",
        "issued",
        "paid",
    ]


def test_recovery_charges_the_open_invoice_and_leaves_older_ones(world: World) -> None:
    ident = world.subscribe("card")
    world.control.razorpay_charges("failure", ident)
    world.control.advance_razorpay(days=65)
    world.control.razorpay_charges("success", ident)
    before = len(world.get("payments", count=100)["items"])

    world.control.pay(ident, method="card")

    assert world.status(ident) == "active"
    assert len(world.get("payments", count=100)["items"]) == before + 1
    assert [i["status"] for i in world.get("invoices", subscription_id=ident)["items"]].count("issued") == 1


REFUSALS = [
    ("upi", "update", "payment mode is UPI"),
    ("upi", "add-on", "payment mode is UPI"),
    ("card", "update", "domestic cards"),
    ("card", "add-on", "domestic cards"),
    ("emandate", "update", "payment mode is emandate"),
    ("emandate", "add-on", "payment mode is emandate"),
]


@pytest.mark.parametrize(("method", "act", "words"), REFUSALS)
def test_indian_mandates_refuse_changes(world: World, method: str, act: str, words: str) -> None:
    ident = world.subscribe(method)
    item = {"name": "Usage", "amount": 1_000, "currency": "INR"}

    if act == "update":
        said = world.refused("PATCH", f"subscriptions/{ident}", quantity=2)
    else:
        said = world.refused("POST", f"subscriptions/{ident}/addons", item=item)

    assert words in said


def test_a_foreign_card_allows_both(world: World) -> None:
    ident = world.subscribe("international_card")
    item = {"name": "Usage", "amount": 1_000, "currency": "INR"}

    now = world.api.patch(f"subscriptions/{ident}", json={"quantity": 2}).json()
    later = world.api.patch(
        f"subscriptions/{ident}", json={"quantity": 3, "schedule_change_at": "cycle_end"}
    ).json()
    world.post(f"subscriptions/{ident}/addons", item=item)
    world.control.advance_razorpay(days=32)

    assert (now["quantity"], later["quantity"], later["has_scheduled_changes"]) == (2, 2, True)
    assert world.get("payments")["items"][0]["amount"] == 3 * GROSS + 1_000


def test_debits_above_fifteen_thousand_fail_without_the_customer(world: World) -> None:
    ident = world.subscribe("upi", amount=1_500_100)

    world.control.advance_razorpay(days=32)

    failed = world.get("payments")["items"][0]
    assert (world.status(ident), failed["status"]) == ("pending", "failed")
    assert "without authentication" in failed["error_description"]


def test_traps_of_pausing_resuming_and_cancelling(world: World) -> None:
    start = world.control.razorpay()["now"] + 86_400
    trial, running, theirs = world.subscribe(start_at=start), world.subscribe(), world.subscribe()

    paused_trial = world.post(f"subscriptions/{trial}/pause", pause_at="now")
    paused = world.post(f"subscriptions/{running}/pause", pause_at="now")
    resumed = world.post(f"subscriptions/{running}/resume", resume_at="now")
    world.control.customer_acts(theirs, "pause")

    assert paused_trial["status"] == "cancelled"
    assert (paused["status"], paused["pause_initiated_by"], resumed["status"]) == ("paused", "self", "active")
    assert "by the customer only" in world.refused("POST", f"subscriptions/{theirs}/resume")
    assert world.control.customer_acts(theirs, "resume")["status"] == "active"
    created = world.subscribe(method=None)
    said = world.refused("POST", f"subscriptions/{created}/cancel", cancel_at_cycle_end=True)
    assert "no billing cycle is going on" in said
    still = world.post(f"subscriptions/{running}/cancel", cancel_at_cycle_end=True)
    assert still["status"] == "active"
    assert "subscription.cancelled" in world.control.advance_razorpay(days=32)
    assert "not cancellable in cancelled" in world.refused("POST", f"subscriptions/{running}/cancel")
    told = next(e for e in world.settled() if e["event"] == "subscription.resumed")
    assert told["payload"]["subscription"]["entity"]["status"] == "active"


def test_cycles_are_used_up_and_an_unused_page_expires_without_a_word(world: World) -> None:
    ident = world.subscribe(total_count=2)
    idle = world.subscribe(method=None, expire_by=world.control.razorpay()["now"] + 3_600)

    events = world.control.advance_razorpay(days=70)

    assert (world.status(ident), world.status(idle)) == ("completed", "expired")
    assert events.count("subscription.charged") == 1
    assert events[-1] == "subscription.completed"
    assert not any("expired" in event for event in events)
    with pytest.raises(SandboxRefusedError):
        world.control.pay(idle)


def test_payment_link_is_paid_once_on_its_page_and_leads_back(world: World) -> None:
    link = world.post(
        "payment_links",
        amount=59_000,
        currency="INR",
        description="Usage of November",
        reference_id="intent1",
        callback_url="http://127.0.0.1:8/billing",
        notes={"flow_intent": "int"},
    )
    page = httpx.get(link["short_url"], trust_env=False).text

    failed = httpx.post(
        link["short_url"], data={"outcome": "failure", "method": "card"}, trust_env=False
    ).text
    left = httpx.post(link["short_url"], data={"outcome": "abandon"}, trust_env=False).text
    paid = httpx.post(link["short_url"], data={"outcome": "success", "method": "upi"}, trust_env=False)
    again = httpx.post(link["short_url"], data={"outcome": "success", "method": "upi"}, trust_env=False).text

    assert "₹ 590.00" in page
    assert 'value="abandon"' in page
    assert "The payment failed" in failed
    assert "Nothing was paid" in left
    assert paid.status_code == 302
    assert paid.headers["Location"].startswith("http://127.0.0.1:8/billing?razorpay_payment_id=pay_")
    assert "Nothing is to be paid here: paid" in again
    now = world.get(f"payment_links/{link['id']}")
    assert ("order_id" in link, now["status"], len(now["payments"])) == (False, "paid", 1)
    [by_payment] = world.get("payment_links", payment_id=now["payments"][0]["payment_id"])["payment_links"]
    assert by_payment["id"] == link["id"]
    assert sorted(world.settle()) == ["order.paid", "payment.captured", "payment.failed", "payment_link.paid"]
    taken = world.refused("POST", "payment_links", amount=59_000, reference_id="intent1")
    assert "already exists" in taken


def test_payment_link_can_be_cancelled_or_expires(world: World) -> None:
    link = world.post("payment_links", amount=100)
    late = world.post("payment_links", amount=100, expire_by=world.control.razorpay()["now"] + 1_000)

    cancelled = world.post(f"payment_links/{link['id']}/cancel")
    world.control.advance_razorpay(seconds=1_001)

    assert cancelled["status"] == "cancelled"
    assert "already cancelled" in world.refused("POST", f"payment_links/{link['id']}/cancel")
    assert world.get(f"payment_links/{late['id']}")["status"] == "expired"


def test_order_is_paid_and_its_payments_are_listed(world: World) -> None:
    order = world.post("orders", amount=118_000, currency="INR", receipt="tu_1")

    world.control.pay(order["id"], "failure")
    world.control.pay(order["id"])

    assert world.get(f"orders/{order['id']}")["status"] == "paid"
    assert [p["status"] for p in world.get(f"orders/{order['id']}/payments")["items"]] == [
        "captured",
        "failed",
    ]
    assert [o["id"] for o in world.get("orders", receipt="tu_1")["items"]] == [order["id"]]


def test_refund_happens_once_a_key(world: World) -> None:
    world.subscribe("card")
    [payment] = world.get("payments")["items"]
    path, key = f"payments/{payment['id']}/refund", {"X-Refund-Idempotency": "intent-00001"}

    first = world.api.post(path, json={"amount": 1_000}, headers=key).json()
    again = world.api.post(path, json={"amount": 1_000}, headers=key).json()
    other = world.api.post(path, json={"amount": 2_000}, headers=key)
    rest = world.post(path)

    assert first["id"] == again["id"]
    assert other.status_code == 400
    assert rest["amount"] == GROSS - 1_000
    assert world.get(f"payments/{payment['id']}")["status"] == "refunded"
    assert "fully refunded" in world.refused("POST", path)
    assert len(world.get(f"payments/{payment['id']}/refunds")["items"]) == 2
    assert world.get(f"refunds/{rest['id']}")["status"] == "processed"
    assert world.settle().count("refund.processed") == 2


ODD = [
    ("subscriptions", {"plan_id": "plan_none", "total_count": 1}, "id provided does not exist"),
    ("subscriptions", {"total_count": 1}, "plan id field is required"),
    ("orders", {"amount": 118_000, "currency": "INR", "colour": 1}, "colour is/are not required"),
    ("orders", {"amount": "1", "currency": "INR"}, "must be an integer"),
    ("orders", {"amount": 99, "currency": "INR"}, "less than minimum"),
    ("orders", {"amount": 100, "currency": "INR", "notes": dict.fromkeys(map(str, range(16)))}, "15"),
]


@pytest.mark.parametrize(("path", "body", "words"), ODD)
def test_odd_calls_are_refused(world: World, path: str, body: dict[str, Any], words: str) -> None:
    assert words in world.refused("POST", path, **body)


def test_customers_are_known_by_address(world: World) -> None:
    who = {"name": "Asha", "email": "asha@example.com"}

    made = world.post("customers", **who)

    assert world.post("customers", **who, fail_existing="0")["id"] == made["id"]
    assert "already exists" in world.refused("POST", "customers", **who)


WEBHOOK_FAULTS = [
    pytest.param({"kind": "duplicate", "copies": 2}, 3, id="twice more"),
    pytest.param({"kind": "delay", "ms": 30}, 1, id="late"),
    pytest.param({"kind": "shuffle", "ms": 30}, 1, id="shuffled"),
    pytest.param({"kind": "drop"}, 0, id="lost"),
]


@pytest.mark.parametrize(("fault", "times"), WEBHOOK_FAULTS)
def test_webhooks_have_faults(world: World, fault: dict[str, Any], times: int) -> None:
    world.control.razorpay_fault(key="subscription.charged", **fault)

    world.subscribe()

    assert world.settle().count("subscription.charged") == times


def test_forged_webhook_comes_besides_the_true_one_and_is_not_taken_for_it(world: World) -> None:
    world.control.razorpay_fault("forge", key="subscription.charged")

    world.subscribe()

    assert world.settle().count("subscription.charged") == 1
    assert world.heard.forged == 1


def test_webhooks_come_again_until_they_are_taken_with_the_same_id(world: World) -> None:
    world.heard.refusals = 2

    ident = world.control.razorpay_event("payment.captured", {}, event_id="evt1")

    world.settle()
    assert [name for name, _ in world.heard.events] == [ident] == ["evt1"]


CALL_FAULTS = [
    pytest.param("rate_limited", 429, 0, id="429"),
    pytest.param("error_500", 500, 0, id="500"),
    pytest.param("html_502", 502, 0, id="a gateway's page"),
    pytest.param("dropped", None, 0, id="not done"),
    pytest.param("lost_answer", None, 1, id="done, and no answer"),
]


@pytest.mark.parametrize(("kind", "status", "made"), CALL_FAULTS)
def test_calls_have_faults(world: World, kind: str, status: int | None, made: int) -> None:
    plan = world.plan()
    world.control.razorpay_fault(kind, key="POST subscriptions", ms=10)
    body = {"plan_id": plan, "total_count": 1}

    if status is None:
        with pytest.raises(httpx.RemoteProtocolError):
            world.api.post("subscriptions", json=body)
    else:
        assert world.api.post("subscriptions", json=body).status_code == status

    assert world.get("subscriptions", plan_id=plan)["count"] == made
    assert world.api.post("subscriptions", json=body).status_code == 200


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample["name"])
def test_every_published_shape_can_be_sent_as_it_is(world: World, sample: dict[str, Any]) -> None:
    body = sample["body"]

    world.control.razorpay_event(body["event"], body["payload"], account_id=body["account_id"])
    world.settle()

    [(_, heard)] = world.heard.events
    assert heard["payload"] == body["payload"]
    assert (heard["account_id"], heard["event"]) == (body["account_id"], body["event"])


SHAPES = {"subscription": "subscriptions", "payment": "payments", "refund": "refunds", "invoice": "invoices"}


def test_entities_have_what_the_published_ones_have(world: World) -> None:
    published: dict[str, set[str]] = {}
    for sample in SAMPLES:
        for name, part in sample["body"]["payload"].items():
            keys = set(part["entity"])
            published[name] = published.get(name, keys) & keys
    world.subscribe("card")
    [payment] = world.get("payments")["items"]
    world.post(f"payments/{payment['id']}/refund")
    ours = {e["event"]: e["payload"] for e in world.settled()}

    refund = ours["refund.processed"]
    charged = ours["subscription.charged"]
    missing = {
        "subscription": published["subscription"] - set(charged["subscription"]["entity"]),
        "payment": published["payment"] - set(charged["payment"]["entity"]),
        "refund": published["refund"] - set(refund["refund"]["entity"]),
    }
    assert missing == {
        "subscription": {"type"},
        "payment": {"amount_transferred", "token_id"},
        "refund": {"acquirer_data", "batch_id"},
    }


@pytest.mark.parametrize(
    ("period", "interval", "end"),
    [
        ("monthly", 1, 1_772_236_800), ("yearly", 1, 1_801_353_600), ("weekly", 2, 1_771_027_200),
        ("daily", 7, 1_770_422_400), ("quarterly", 1, 1_777_507_200),
    ],
)  # fmt: skip
def test_cycles_end_on_the_same_day_or_the_last(period: str, interval: int, end: int) -> None:
    assert after(1_769_817_600, period, interval) == end  # 31 January 2026


def test_what_it_knows_outlives_a_restart(tmp_path: Path, world: World) -> None:
    state = RazorpayState(tmp_path / "bills")
    plan = state.put("plan", "plan", item={})
    state.offset = 86_400.0
    state.save()

    again = RazorpayState(tmp_path / "bills")

    assert again.find(plan["id"]) == plan
    assert again.offset == 86_400.0
