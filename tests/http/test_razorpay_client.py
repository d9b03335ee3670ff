"""Flow's client of Razorpay makes each thing once, whatever is lost, and never tells its key."""

import json
import logging
import traceback
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.http.razorpay_world import GROSS, SECRET, World, razorpay_world
from workers.billing import calling
from workers.billing.provider import (
    Customer,
    LinkWanted,
    PaymentBusy,
    PaymentError,
    PaymentRefused,
    PaymentUnknown,
    PaymentUnreachable,
    Plan,
    RefundWanted,
    SubscriptionWanted,
)
from workers.billing.razorpay import Razorpay
from workers.errors import SettingsError

SAMPLES = json.loads((Path(__file__).parents[1] / "payloads" / "razorpay_webhooks.json").read_text())[
    "events"
]
NOTES = {"flow_intent": "0f0e0d0c-0000-4000-8000-000000000001", "flow_org_id": "org"}
PLAN = Plan(
    id="plan-1",
    code="starter",
    version=2,
    name="Starter",
    period="monthly",
    amount_gross=GROSS,
    currency="INR",
)
LINK = LinkWanted(
    amount=59_000, currency="INR", description="Top-up", reference="0f0e0d0c1", notes=NOTES,
    customer=Customer(name="Asha", email="asha@example.com"),
)  # fmt: skip


@pytest.fixture(scope="module")
def one_world() -> Iterator[World]:
    with razorpay_world() as world:
        yield world


@pytest.fixture
def world(one_world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setattr(calling, "_PAUSES", (0.001, 0.001))
    one_world.reset()
    return one_world


def wanted(**more: Any) -> SubscriptionWanted:
    return SubscriptionWanted(plan=PLAN, total_count=120, notes=NOTES, **more)


def answering(answer: Callable[[httpx.Request], httpx.Response], world: World) -> Razorpay:
    return Razorpay(httpx.Client(transport=httpx.MockTransport(answer)), world.settings)


def test_subscription_is_made_with_its_page_and_read_neutrally(world: World) -> None:
    start = datetime.now(UTC) + timedelta(days=14)
    plan = world.client.make_plan(PLAN)

    made = world.client.subscribe(wanted(quantity=2, start_at=start), plan, again=False)

    assert (made.status, made.quantity, made.plan_provider_id) == ("created", 2, plan)
    assert made.short_url == f"{world.server.url}/razorpay/pay/{made.provider_id}"
    assert made.start_at == start.replace(microsecond=0)
    world.control.pay(made.provider_id, method="card")
    assert world.client.subscription(made.provider_id).as_json() | {"fetched_at": 0} == {
        "provider_id": made.provider_id, "plan_provider_id": plan, "status": "authenticated", "quantity": 2,
        "current_start": None, "current_end": None, "paid_count": 0, "ended_at": None, "fetched_at": 0,
        "start_at": start.strftime("%Y-%m-%dT%H:%M:%SZ"), "charge_at": start.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "payment_method": "card", "customer_id": None, "short_url": None, "has_scheduled_changes": False,
        "paused_by": None,
    }  # fmt: skip
    assert world.get(f"subscriptions/{made.provider_id}")["notes"] == NOTES


def test_plan_of_a_version_is_made_once(world: World) -> None:
    assert world.client.make_plan(PLAN) == world.client.make_plan(PLAN)
    assert world.client.make_plan(PLAN.model_copy(update={"id": "plan-2"})) != world.client.make_plan(PLAN)
    assert world.get("plans")["items"][-1]["item"]["amount"] == GROSS


@pytest.mark.parametrize("again", [False, True], ids=["in the same breath", "by a later try"])
def test_subscription_whose_answer_was_lost_is_found_and_not_made_twice(world: World, again: bool) -> None:
    plan = world.client.make_plan(PLAN)
    world.control.razorpay_fault("lost_answer", key="POST subscriptions")
    if again:
        world.control.razorpay_fault("dropped", key="GET subscriptions")
        with pytest.raises(PaymentUnreachable):
            world.client.subscribe(wanted(), plan, again=False)

    made = world.client.subscribe(wanted(), plan, again=again)

    assert [s["id"] for s in world.get("subscriptions", plan_id=plan)["items"]] == [made.provider_id]


@pytest.mark.parametrize("kind", ["dropped", "html_502", "error_500"])
def test_subscription_of_which_nobody_knows_is_told_as_unknown(world: World, kind: str) -> None:
    plan = world.client.make_plan(PLAN)
    world.control.razorpay_fault(kind, key="POST subscriptions")

    with pytest.raises(PaymentUnknown):
        world.client.subscribe(wanted(), plan, again=False)

    assert world.get("subscriptions", plan_id=plan)["count"] == 0


def test_subscription_of_another_intent_is_not_taken_for_this_one(world: World) -> None:
    plan = world.client.make_plan(PLAN)
    for number in range(101):  # more than a page
        world.post("subscriptions", plan_id=plan, total_count=1, notes={"flow_intent": str(number)})

    made = world.client.subscribe(wanted(), plan, again=True)
    found = world.client.subscribe(
        wanted().model_copy(update={"notes": {"flow_intent": "0"}}), plan, again=True
    )

    assert made.provider_id != found.provider_id
    assert world.get(f"subscriptions/{found.provider_id}")["notes"] == {"flow_intent": "0"}


def test_patience_is_kept_and_ends(world: World) -> None:
    plan = world.client.make_plan(PLAN)
    world.control.razorpay_fault("rate_limited", key="POST subscriptions", count=2)
    world.client.subscribe(wanted(), plan, again=False)
    world.control.razorpay_fault("rate_limited", key="POST subscriptions", count=3)

    with pytest.raises(PaymentBusy):
        world.client.subscribe(wanted(), plan, again=False)

    assert world.get("subscriptions", plan_id=plan)["count"] == 1


def test_a_wait_that_the_supplier_names_is_handed_on_at_once(world: World) -> None:
    client = answering(lambda _: httpx.Response(429, headers={"Retry-After": "120"}), world)

    with pytest.raises(PaymentBusy) as caught:
        client.subscription("sub_1")

    assert caught.value.seconds == 120


def test_cancelling_waits_for_the_cycle_where_there_is_one(world: World) -> None:
    start = world.control.razorpay()["now"] + 86_400
    running, trial, created = world.subscribe(), world.subscribe(start_at=start), world.subscribe(method=None)

    kept = world.client.cancel(running, at_cycle_end=True)
    gone = world.client.cancel(trial, at_cycle_end=True)

    assert (kept.status, gone.status) == ("active", "cancelled")
    assert world.client.cancel(created, at_cycle_end=False).status == "cancelled"
    assert world.client.cancel(created, at_cycle_end=False).status == "cancelled"
    assert world.client.cancel(running, at_cycle_end=False).ended_at is not None


def test_pausing_never_cancels_by_accident(world: World) -> None:
    trial = world.subscribe(start_at=world.control.razorpay()["now"] + 86_400)
    running, theirs = world.subscribe(), world.subscribe()
    world.control.customer_acts(theirs, "pause")

    with pytest.raises(PaymentRefused, match="Only an active"):
        world.client.pause(trial)
    with pytest.raises(PaymentRefused, match="by the customer only"):
        world.client.resume(theirs)

    assert world.status(trial) == "authenticated"
    assert [world.client.pause(running).status for _ in range(2)] == ["paused", "paused"]
    assert world.client.subscription(theirs).paused_by == "customer"
    assert [world.client.resume(running).status for _ in range(2)] == ["active", "active"]


@pytest.mark.parametrize("fault", [None, "lost_answer"])
def test_payment_link_is_made_once_a_reference(world: World, fault: str | None) -> None:
    if fault:
        world.control.razorpay_fault(fault, key="POST payment_links")

    links = [world.client.make_link(LINK, again=again) for again in (False, True, False)]

    assert len({link.provider_id for link in links}) == 1
    assert links[0].short_url
    assert (links[0].status, links[0].order_id, links[0].payments) == ("created", None, ())
    [made] = world.control.razorpay()["payment_links"]
    assert made["customer"] == {"name": "Asha", "email": "asha@example.com"}
    assert made["notes"] == NOTES


def test_payment_of_a_link_names_the_link_and_one_of_a_subscription_the_subscription(world: World) -> None:
    link = world.client.make_link(LINK, again=False)
    world.control.pay(link.provider_id)
    subscription = world.subscribe("card")
    by_card, by_upi = (row["id"] for row in world.get("payments")["items"])

    paid = world.client.link(link.provider_id)
    first, second = world.client.payment(by_upi), world.client.payment(by_card)

    assert (paid.status, paid.payments) == ("paid", (by_upi,))
    assert (first.payment_link_id, first.order_id, first.subscription_provider_id) == (
        link.provider_id,
        paid.order_id,
        None,
    )
    assert (second.subscription_provider_id, second.payment_link_id) == (subscription, None)
    assert (second.status, second.amount, second.method, second.is_kept) == (
        "captured",
        GROSS,
        "card",
        True,
    )
    assert second.captured_at is not None
    assert second.invoice_provider_id is not None


def test_charges_of_a_subscription_are_found_without_any_webhook(world: World) -> None:
    ident, other = world.subscribe(), world.subscribe()
    world.control.razorpay_charges("failure", ident)
    world.control.advance_razorpay(days=32)

    [first] = world.client.payments_of_subscription(ident)

    assert (first.status, first.subscription_provider_id) == ("captured", ident)
    assert len(world.client.payments_of_subscription(other)) == 2


def test_failed_payment_of_an_order_says_why(world: World) -> None:
    order = world.post("orders", amount=118_000, currency="INR")["id"]
    world.control.pay(order, "failure")

    [payment] = world.client.payments_of_order(order)

    assert (payment.status, payment.error_code, payment.captured_at) == ("failed", "payment_failed", None)


def test_link_is_closed_once_and_one_that_is_paid_stays(world: World) -> None:
    open_link = world.client.make_link(LINK, again=False).provider_id
    paid = world.client.make_link(LINK.model_copy(update={"reference": "other"}), again=False).provider_id
    world.control.pay(paid)

    for link in (open_link, open_link, paid):
        world.client.cancel_link(link)

    assert [world.client.link(link).status for link in (open_link, paid)] == ["cancelled", "paid"]


@pytest.mark.parametrize("fault", [None, "lost_answer"])
def test_refund_is_made_once_a_key(world: World, fault: str | None) -> None:
    world.subscribe("card")
    [payment] = world.get("payments")["items"]
    asked = RefundWanted(payment_provider_id=payment["id"], amount=1_000, idempotency_key="refund-0001")
    if fault:
        world.control.razorpay_fault(fault, key="POST payments/refund")
        with pytest.raises(PaymentUnknown):
            world.client.make_refund(asked)

    first, again = world.client.make_refund(asked), world.client.make_refund(asked)

    assert first.provider_id == again.provider_id
    assert world.get(f"payments/{payment['id']}")["amount_refunded"] == 1_000
    assert world.client.refund(first.provider_id).status == "processed"
    with pytest.raises(PaymentRefused, match="greater than"):
        world.client.make_refund(asked.model_copy(update={"amount": GROSS, "idempotency_key": "refund-0002"}))


ANSWERS = [
    pytest.param(lambda _: httpx.Response(502, html="<html>"), PaymentUnreachable, id="a page"),
    pytest.param(lambda _: httpx.Response(200, text="{"), PaymentUnreachable, id="half an answer"),
    pytest.param(lambda _: httpx.Response(200, json=[]), PaymentUnreachable, id="a list"),
    pytest.param(lambda _: httpx.Response(200, json={"id": "sub_1"}), PaymentUnreachable, id="no status"),
    pytest.param(lambda _: httpx.Response(404, text="no"), PaymentUnreachable, id="404 of a proxy"),
    pytest.param(lambda _: httpx.Response(401, json={"error": {"code": "BAD_REQUEST_ERROR"}}),
                 PaymentUnreachable, id="our key is wrong"),
    pytest.param(lambda _: httpx.Response(400, json={"error": {"code": "GATEWAY_ERROR"}}), PaymentUnreachable,
                 id="who stands behind it"),
    pytest.param(lambda _: httpx.Response(400, json={"error": {"code": "BAD_REQUEST_ERROR",
                 "description": "The id provided does not exist"}}), PaymentRefused, id="no such thing"),
]  # fmt: skip


@pytest.mark.parametrize(("answer", "error"), ANSWERS)
def test_answers_are_told_apart(
    world: World, answer: Callable[[httpx.Request], httpx.Response], error: type[PaymentError]
) -> None:
    with pytest.raises(error):
        answering(answer, world).subscription("sub_1")


@pytest.mark.parametrize(
    ("failure", "error"),
    [
        (httpx.ConnectError("x"), PaymentUnreachable),
        (httpx.ConnectTimeout("x"), PaymentUnreachable),
        (httpx.ReadTimeout("x"), PaymentUnknown),
        (httpx.RemoteProtocolError("x"), PaymentUnknown),
        (httpx.WriteError("x"), PaymentUnknown),
    ],
    ids=lambda value: getattr(value, "__name__", type(value).__name__),
)
def test_write_without_an_answer_is_unknown_unless_nothing_was_sent(
    world: World, failure: Exception, error: type[PaymentError]
) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        raise failure

    refund = RefundWanted(payment_provider_id="pay_1", amount=1, idempotency_key="key-0000001")

    with pytest.raises(error):
        answering(answer, world).make_refund(refund)


def test_every_call_has_a_time_out_and_its_key_in_the_header_alone(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(400, json={"error": {"code": "BAD_REQUEST_ERROR", "description": "No"}})

    caplog.set_level(logging.DEBUG)
    with pytest.raises(PaymentRefused) as caught:
        answering(answer, world).subscription("sub_1/../x?y")

    [request] = asked
    told = "".join(traceback.format_exception(caught.value)) + caplog.text + str(request.url)
    assert SECRET not in told
    assert "Basic" not in told
    assert request.url.raw_path == b"/v1/subscriptions/sub_1%2F..%2Fx%3Fy"
    assert request.extensions["timeout"] == {"connect": 5, "read": 15, "write": 15, "pool": 15}
    assert request.headers["Authorization"].startswith("Basic ")


def test_words_of_a_refusal_are_short_and_without_people(world: World) -> None:
    said = "Not for asha@example.com, +91 98765 43210" + "x" * 900
    client = answering(
        lambda _: httpx.Response(400, json={"error": {"code": "X", "description": said}}), world
    )

    with pytest.raises(PaymentRefused) as caught:
        client.refund("rfnd_1")

    assert "asha" not in str(caught.value)
    assert "98765" not in str(caught.value)
    assert len(caught.value.words) <= 180


@pytest.mark.parametrize(("key", "mode"), [("rzp_test_x", "test"), ("rzp_live_x", "live")])
def test_mode_is_that_of_the_key(world: World, key: str, mode: str) -> None:
    assert Razorpay(world.http, world.settings.model_copy(update={"razorpay_key_id": key})).mode == mode


def test_a_key_without_its_secret_is_told(world: World) -> None:
    with pytest.raises(SettingsError, match="RAZORPAY_KEY_SECRET"):
        Razorpay(world.http, world.settings.model_copy(update={"razorpay_key_secret": None}))


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample["name"])
def test_every_sample_is_read_and_nothing_that_somebody_pays_with_is_kept(
    world: World, sample: dict[str, Any]
) -> None:
    at = datetime.fromtimestamp(sample["body"]["created_at"], UTC)
    payload = sample["body"]["payload"]

    named = world.client.named_in(sample["body"], at)

    for name in ("subscription", "payment", "refund"):
        entity = getattr(named, name)
        assert (entity and entity.provider_id) == payload.get(name, {}).get("entity", {}).get("id")
    if named.subscription and named.payment:
        assert named.payment.subscription_provider_id == named.subscription.provider_id
    text = named.model_dump_json()
    for secret in ("4366", "Visa", "examplebank", "asha", "+919000090000", "card_FX", "token_FX"):
        assert secret not in text


def test_captured_is_read_whether_it_is_true_or_one(world: World) -> None:
    samples = {sample["name"]: sample["body"] for sample in SAMPLES}
    at = datetime.now(UTC)

    for name in ("first_charge_upi", "renewal_charge_domestic_card", "full_refund_processed"):
        payment = world.client.named_in(samples[name], at).payment
        assert payment is not None
        assert payment.captured_at is not None


@pytest.mark.parametrize(
    "body",
    [{}, {"event": 1}, {"event": "x", "payload": []}, {"event": "x", "payload": {"payment": {"entity": {}}}}],
)
def test_what_is_no_event_is_a_value_error(world: World, body: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="validation"):
        world.client.named_in(body, datetime.now(UTC))
