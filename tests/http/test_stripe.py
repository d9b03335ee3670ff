"""Stripe behind the same face as Razorpay: a subscription has a page before it begins, each write its key."""

import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs

import httpx
import pytest

from tests.http.recording import RecordingDatabase, settings
from workers.billing import job
from workers.billing.provider import (
    Addon,
    Customer,
    LinkWanted,
    PaymentRefused,
    PaymentUnknown,
    Plan,
    RefundWanted,
    SubscriptionWanted,
)
from workers.billing.stripe import VERSION, Stripe
from workers.billing.suppliers import suppliers
from workers.settings import Settings

KEY = "sk_test_of_nobody"
CONFIGURED = settings(STRIPE_URL="http://127.0.0.1:6", STRIPE_SECRET_KEY=KEY)
NOTES = {"flow_intent": "0f0e0d0c-0000-4000-8000-000000000001", "flow_org_id": "org"}
PLAN = Plan(
    id="plan-1", code="growth", version=3, name="Growth", period="yearly", amount_gross=49_900, currency="USD"
)
NOW = int(datetime.now(UTC).timestamp())
SUBSCRIPTION = {
    "id": "sub_1", "object": "subscription", "status": "active", "customer": "cus_1", "ended_at": None,
    "current_period_start": NOW, "current_period_end": NOW + 86_400, "trial_end": None,
    "pause_collection": None,
    "items": {"data": [{"price": {"id": "price_1"}, "quantity": 3}]}, "default_payment_method": "pm_1",
}  # fmt: skip
BEGUN = {
    "id": "cs_1", "object": "checkout.session", "mode": "subscription", "status": "complete", "url": None,
    "subscription": "sub_1", "customer": "cus_1", "payment_status": "paid", "payment_intent": None,
}  # fmt: skip
OPEN = BEGUN | {
    "status": "open", "subscription": None, "url": "https://checkout.example/cs_1",
    "payment_status": "unpaid",
    "line_items": {"data": [{"price": {"id": "price_1"}, "quantity": 3}]},
}  # fmt: skip
PAYMENT = {
    "id": "pi_1", "object": "payment_intent", "amount": 49_900, "currency": "usd", "status": "succeeded",
    "invoice": "in_1", "payment_method_types": ["card"], "last_payment_error": None, "created": NOW,
    "payment_method": {"id": "pm_1", "card": {"last4": "4242"}},
}  # fmt: skip
INVOICE = {"id": "in_1", "object": "invoice", "subscription": "sub_1", "payment_intent": "pi_1"}
REFUND = {
    "id": "re_1", "object": "refund", "payment_intent": "pi_1", "amount": 900, "currency": "usd",
    "status": "succeeded",
}  # fmt: skip


class Fake:
    """Stripe's API in small: rows by address, and what was asked."""

    def __init__(self, **rows: Any) -> None:
        self.asked: list[tuple[str, str, dict[str, Any], httpx.Headers]] = []
        self.rows: dict[str, Any] = {
            "checkout/sessions/cs_1": BEGUN, "subscriptions/sub_1": SUBSCRIPTION, "invoices/in_1": INVOICE,
            "payment_intents/pi_1": PAYMENT, "refunds/re_1": REFUND, "refunds": REFUND,
            "checkout/sessions": {"data": [BEGUN]}, "prices": {"id": "price_1"},
        } | {name.replace("__", "/"): row for name, row in rows.items()}  # fmt: skip
        self.http = httpx.Client(transport=httpx.MockTransport(self.answer))
        self.client = Stripe(self.http, CONFIGURED)

    def answer(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path.removeprefix("/v1/")
        form = {name: values[0] for name, values in parse_qs(request.content.decode()).items()}
        self.asked.append((request.method, path, form | dict(request.url.params), request.headers))
        key = f"{request.method} {path}" if f"{request.method} {path}" in self.rows else path
        row = self.rows.get(key)
        if isinstance(row, httpx.Response):
            return row
        error = {"error": {"type": "invalid_request_error", "message": f"No such thing: {path}"}}
        return httpx.Response(200, json=row) if row is not None else httpx.Response(404, json=error)

    def writes(self) -> list[tuple[str, dict[str, Any]]]:
        return [(path, form) for method, path, form, _ in self.asked if method != "GET"]


def wanted(**more: Any) -> SubscriptionWanted:
    return SubscriptionWanted(plan=PLAN, total_count=10, notes=NOTES, **more)


def test_price_is_made_for_a_version_under_its_own_key() -> None:
    fake = Fake()

    assert fake.client.make_plan(PLAN) == "price_1"

    [(_, _, form, headers)] = fake.asked
    assert form == {
        "currency": "usd", "unit_amount": "49900", "recurring[interval]": "year", "tax_behavior": "inclusive",
        "recurring[interval_count]": "1", "product_data[name]": "Growth (v3)",
        "metadata[flow_plan]": "plan-1",
    }  # fmt: skip
    assert (headers["Idempotency-Key"], headers["Stripe-Version"]) == ("plan-plan-1", VERSION)


def test_subscription_begins_with_a_checkout_session() -> None:
    fake = Fake(**{"POST checkout__sessions": OPEN})
    start = datetime.now(UTC) + timedelta(days=14)
    given = wanted(
        quantity=3, start_at=start, customer=Customer(email="asha@example.com"),
        addons=[Addon(name="Set-up", amount=500, currency="USD")],
    )  # fmt: skip

    made = fake.client.subscribe(given, "price_1", again=True)

    assert (made.provider_id, made.status, made.short_url, made.quantity) == (
        "cs_1",
        "incomplete",
        "https://checkout.example/cs_1",
        3,
    )
    [(_, _, form, headers)] = fake.asked
    assert form["mode"] == "subscription"
    assert (form["line_items[0][price]"], form["line_items[0][quantity]"]) == ("price_1", "3")
    assert form["line_items[1][price_data][unit_amount]"] == "500"
    assert form["subscription_data[trial_end]"] == str(int(start.timestamp()))
    assert form["subscription_data[metadata][flow_intent]"] == NOTES["flow_intent"]
    assert form["customer_email"] == "asha@example.com"
    assert form["success_url"] == "http://127.0.0.1:8/#/settings/billing"
    assert int(form["expires_at"]) <= NOW + 86_400
    assert headers["Idempotency-Key"] == NOTES["flow_intent"]


STATES = [
    (OPEN, SUBSCRIPTION, "incomplete"),
    (OPEN | {"status": "expired", "url": None}, SUBSCRIPTION, "incomplete_expired"),
    (BEGUN, SUBSCRIPTION, "active"),
    (BEGUN, SUBSCRIPTION | {"status": "past_due"}, "past_due"),
    (BEGUN, SUBSCRIPTION | {"status": "canceled", "ended_at": NOW}, "canceled"),
    (BEGUN, SUBSCRIPTION | {"pause_collection": {"behavior": "void"}}, "paused"),
]


@pytest.mark.parametrize(("session", "subscription", "status"), STATES)
def test_subscription_is_read_by_its_session(session: Any, subscription: Any, status: str) -> None:
    fake = Fake(checkout__sessions__cs_1=session, subscriptions__sub_1=subscription)

    entity = fake.client.subscription("cs_1")

    assert (entity.provider_id, entity.status) == ("cs_1", status)
    assert (entity.plan_provider_id, entity.quantity, entity.customer_id) == ("price_1", 3, "cus_1")
    assert (entity.current_end is None) == (session is not BEGUN)


EVENTS = [
    pytest.param(INVOICE, "cs_1", "pi_1", None, id="an invoice"),
    pytest.param(SUBSCRIPTION, "cs_1", None, None, id="a subscription"),
    pytest.param(BEGUN, "cs_1", None, None, id="a session that began one"),
    pytest.param(PAYMENT, None, "pi_1", None, id="a payment"),
    pytest.param(REFUND, None, None, "re_1", id="a refund"),
    pytest.param({"id": "tr_1", "object": "transfer"}, None, None, None, id="something else"),
]


@pytest.mark.parametrize(("row", "subscription", "payment", "refund"), EVENTS)
def test_event_is_led_to_the_neutral_entities(
    row: Any, subscription: str | None, payment: str | None, refund: str | None
) -> None:
    named = Fake().client.named_in({"type": "x.y", "data": {"object": row}}, datetime.now(UTC))

    assert (named.subscription and named.subscription.provider_id) == subscription
    assert (named.payment and named.payment.provider_id) == payment
    assert (named.refund and named.refund.provider_id) == refund
    if named.payment:
        assert named.payment.subscription_provider_id == "cs_1"
        assert (named.payment.amount, named.payment.currency, named.payment.status, named.payment.method) == (
            49_900,
            "USD",
            "captured",
            "card",
        )
    assert "4242" not in named.model_dump_json()


@pytest.mark.parametrize(
    "body", [{}, {"type": "x", "data": {"object": {"id": 1}}}, {"type": "x", "data": []}]
)
def test_what_is_no_event_is_a_value_error(body: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="validation"):
        Fake().client.named_in(body, datetime.now(UTC))


def test_page_for_one_payment_and_what_was_paid_on_it() -> None:
    paid = BEGUN | {"mode": "payment", "payment_intent": "pi_1", "subscription": None}
    fake = Fake(**{"POST checkout__sessions": OPEN | {"mode": "payment"}, "checkout__sessions__cs_1": paid,
                   "payment_intents__pi_1": PAYMENT | {"invoice": None}})  # fmt: skip
    asked = LinkWanted(
        amount=900, currency="USD", description="Top-up", reference="r1", notes=NOTES,
        expire_by=datetime.now(UTC) + timedelta(hours=1),
    )  # fmt: skip

    made, now = fake.client.make_link(asked, again=False), fake.client.link("cs_1")

    assert (made.provider_id, made.status, made.payments) == ("cs_1", "created", ())
    assert (now.status, now.payments) == ("paid", ("pi_1",))
    assert fake.client.payment("pi_1").payment_link_id == "cs_1"
    form, headers = fake.asked[0][2:]
    assert (form["line_items[0][price_data][unit_amount]"], form["client_reference_id"]) == ("900", "r1")
    assert headers["Idempotency-Key"] == "r1"
    event = {"type": "checkout.session.completed", "data": {"object": paid}}
    assert fake.client.named_in(event, datetime.now(UTC)).link_id == "cs_1"


CANCELLED = {"subscriptions__sub_1": SUBSCRIPTION | {"status": "canceled"}}
WAITING = {"checkout__sessions__cs_1": OPEN, "checkout__sessions__cs_1__expire": OPEN}
EXPIRE, CHANGE = "checkout/sessions/cs_1/expire", "subscriptions/sub_1"
ACTS: list[tuple[Callable[[Stripe], object], dict[str, Any], list[tuple[str, dict[str, Any]]]]] = [
    (lambda s: s.cancel("cs_1", at_cycle_end=True), {}, [(CHANGE, {"cancel_at_period_end": "true"})]),
    (lambda s: s.cancel("cs_1", at_cycle_end=False), {}, [(CHANGE, {})]),
    (lambda s: s.cancel("cs_1", at_cycle_end=False), CANCELLED, []),
    (lambda s: s.cancel("cs_1", at_cycle_end=True), WAITING, [(EXPIRE, {})]),
    (lambda s: s.pause("cs_1"), {}, [(CHANGE, {"pause_collection[behavior]": "void"})]),
    (lambda s: s.cancel_link("cs_1"), {}, []),
    (lambda s: s.cancel_link("cs_1"), WAITING, [(EXPIRE, {})]),
]


@pytest.mark.parametrize(("act", "rows", "writes"), ACTS)
def test_acts_are_those_of_stripe(
    act: Callable[[Stripe], object], rows: dict[str, Any], writes: list[tuple[str, dict[str, Any]]]
) -> None:
    fake = Fake(**rows)

    act(fake.client)

    assert fake.writes() == writes


def test_resuming_takes_the_pause_away_and_needs_a_beginning() -> None:
    fake = Fake()
    fake.client.resume("cs_1")

    [(method, path, _, _)] = [one for one in fake.asked if one[0] != "GET"]
    assert (method, path) == ("POST", "subscriptions/sub_1")
    with pytest.raises(PaymentRefused, match="has not begun"):
        Fake(checkout__sessions__cs_1=OPEN).client.resume("cs_1")


def test_charges_of_a_subscription_are_found_without_any_webhook() -> None:
    fake = Fake(invoices={"data": [INVOICE, INVOICE | {"payment_intent": None}]})

    [payment] = fake.client.payments_of_subscription("cs_1")

    assert (payment.provider_id, payment.subscription_provider_id) == ("pi_1", "cs_1")
    asked = next(form for _, path, form, _ in fake.asked if path == "invoices")
    assert (asked["subscription"], asked["status"]) == ("sub_1", "paid")
    assert Fake(checkout__sessions__cs_1=OPEN).client.payments_of_subscription("cs_1") == []


def test_refund_has_its_key_and_its_state_in_our_words() -> None:
    fake = Fake(**{"POST refunds": REFUND | {"status": "pending"}})
    asked = RefundWanted(payment_provider_id="pi_1", amount=900, idempotency_key="refund-0001", notes=NOTES)

    assert fake.client.make_refund(asked).status == "pending"
    assert fake.asked[0][3]["Idempotency-Key"] == "refund-0001"
    assert fake.client.refund("re_1").status == "processed"
    assert Fake(refunds__re_1=REFUND | {"status": "canceled"}).client.refund("re_1").status == "failed"


def test_failures_are_typed_as_everywhere_and_the_key_is_not_told() -> None:
    with pytest.raises(PaymentRefused, match="No such thing") as caught:
        Fake().client.refund("re_2")
    with pytest.raises(PaymentUnknown):
        Fake(prices=httpx.Response(500, json={"error": {"type": "api_error"}})).client.make_plan(PLAN)
    with pytest.raises(PaymentRefused, match="No Checkout Session"):
        Fake(**{"GET checkout__sessions": {"data": []}}).client.payment("pi_1")
    with pytest.raises(PaymentRefused):
        Fake().client.payments_of_order("order_1")
    assert KEY not in str(caught.value)


def test_it_is_loaded_only_where_it_is_configured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "workers.billing.stripe")
    http = httpx.Client()

    assert suppliers(http, settings()) == {}
    assert "workers.billing.stripe" not in sys.modules
    assert list(suppliers(http, CONFIGURED)) == [("stripe", "test")]
    live: Settings = settings(STRIPE_SECRET_KEY="rk_live_x")
    assert list(suppliers(http, live)) == [("stripe", "live")]


def test_job_applies_an_event_of_stripes_with_what_it_fetched() -> None:
    fake = Fake()
    event = {
        "id": 1, "provider": "stripe", "mode": "test", "type": "invoice.paid", "provider_ts": None,
        "received_at": "2026-11-29T10:00:00+00:00",
        "body": {"type": "invoice.paid", "data": {"object": INVOICE}},
    }  # fmt: skip
    database = RecordingDatabase(claim_payment_events=[{"events": [event]}, {}])

    job.run(database, fake.http, CONFIGURED)

    names = [name for name, _ in database.calls]
    assert names[1:5] == [
        "claim_payment_events",
        "apply_subscription",
        "record_payment",
        "finish_payment_event",
    ]
    assert database.named("finish_payment_event")[0]["status"] == "processed"
    asked = [path for _, path, _, _ in fake.asked]
    assert len(asked) == len(set(asked))  # nothing is fetched twice
