"""Razorpay over REST: its SDK has no time-outs and takes error pages for JSON.

It knows no idempotency for subscriptions and plans, so what may have been made is looked for by its notes; a
payment link has a reference that is used once, a refund an idempotency key.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Generic, TypeVar
from urllib.parse import quote

import httpx
from pydantic import BaseModel, BeforeValidator

from workers.billing.calling import Caller
from workers.billing.provider import (
    LATELY,
    Link,
    LinkWanted,
    Mode,
    Named,
    Payment,
    PaymentRefused,
    Plan,
    Refund,
    RefundWanted,
    Subscription,
    SubscriptionWanted,
    once,
)
from workers.billing.razorpay_models import (
    EventBody,
    InvoiceRow,
    LinkRow,
    PaymentRow,
    PlanRow,
    RefundRow,
    Row,
    SubscriptionRow,
)
from workers.settings import Settings

R = TypeVar("R", bound=Row)

_PAGE = 100
_MOST_PAGES = 20
_AGO = timedelta(days=2)
"""How far back something is looked for whose making was not answered: intents are tried for a day."""
FINAL = ("cancelled", "completed", "expired")
_BEFORE_A_CYCLE = ("created", "authenticated")


class _Page(BaseModel, Generic[R], extra="ignore"):
    items: list[R] = []


class _Links(BaseModel, extra="ignore"):
    payment_links: Annotated[list[LinkRow], BeforeValidator(lambda value: value or [])] = []


class Razorpay:
    """One account, in the mode that its key names."""

    name = "razorpay"

    def __init__(self, http: httpx.Client, settings: Settings) -> None:
        key = settings.razorpay_key_id or ""
        self.mode: Mode = "live" if key.startswith("rzp_live_") else "test"
        auth = httpx.BasicAuth(key, settings.secret("razorpay_key_secret"))
        self._api = Caller("razorpay", http, f"{settings.razorpay_url}/v1/", auth, {})

    # What there is

    def named_in(self, body: Mapping[str, Any], at: datetime) -> Named:
        """Give what an event's body names; raises ValueError when it cannot be read."""
        payload = EventBody.model_validate(body).payload
        subscription = payload.subscription.entity.neutral(at) if payload.subscription else None
        payment = None
        if payload.payment:
            invoice = payload.invoice.entity if payload.invoice else None
            of = subscription.provider_id if subscription else invoice.subscription_id if invoice else None
            payment = payload.payment.entity.neutral(
                at, of, payload.payment_link.entity.id if payload.payment_link else None
            )
        return Named(
            subscription=subscription,
            payment=payment,
            refund=payload.refund.entity.neutral(at) if payload.refund else None,
            link_id=payload.payment_link.entity.id if payload.payment_link else None,
            order_id=payload.order.entity.id if payload.order else None,
        )

    def subscription(self, provider_id: str) -> Subscription:
        """Fetch a subscription."""
        at = datetime.now(UTC)
        return self._api.get(f"subscriptions/{_id(provider_id)}", SubscriptionRow).neutral(at)

    def payment(self, provider_id: str, subscription_id: str | None = None) -> Payment:
        """Fetch a payment; its invoice tells of the subscription, else a payment link may know it."""
        at = datetime.now(UTC)
        row = self._api.get(f"payments/{_id(provider_id)}", PaymentRow)
        link = None
        if subscription_id is None and row.invoice_id:
            invoice = self._api.get(f"invoices/{_id(row.invoice_id)}", InvoiceRow)
            subscription_id = invoice.subscription_id
        elif subscription_id is None and row.order_id:
            found = self._api.get("payment_links", _Links, payment_id=row.id).payment_links
            link = found[0].id if found else None
        return row.neutral(at, subscription_id, link)

    def payments_of_subscription(self, provider_id: str) -> list[Payment]:
        """Fetch what a subscription's invoices were paid with lately."""
        page = self._api.get("invoices", _Page[InvoiceRow], subscription_id=provider_id, count=10)
        since = datetime.now(UTC) - LATELY
        paid = [
            row.payment_id for row in page.items if row.payment_id and row.paid_at and row.paid_at > since
        ]
        return [self.payment(payment, provider_id) for payment in paid]

    def payments_of_order(self, order_id: str) -> list[Payment]:
        """Fetch the payments of an order."""
        at = datetime.now(UTC)
        page = self._api.get(f"orders/{_id(order_id)}/payments", _Page[PaymentRow])
        return [row.neutral(at) for row in page.items]

    def refund(self, provider_id: str) -> Refund:
        """Fetch a refund."""
        at = datetime.now(UTC)
        return self._api.get(f"refunds/{_id(provider_id)}", RefundRow).neutral(at)

    def link(self, provider_id: str) -> Link:
        """Fetch a payment link."""
        return self._api.get(f"payment_links/{_id(provider_id)}", LinkRow).neutral()

    # What shall be

    def make_plan(self, plan: Plan) -> str:
        """Make a plan, unless somebody just did; plans never change there, so it is as good."""
        words = f"{plan.name} (v{plan.version})"
        item = {"name": words, "amount": plan.amount_gross, "currency": plan.currency}
        asked = {
            "period": plan.period,
            "interval": plan.interval,
            "item": item,
            "notes": {"flow_plan": plan.id},
        }
        return once(
            lambda: self._api.post("plans", PlanRow, json=asked),
            lambda: self._noted("plans", _Page[PlanRow], "flow_plan", plan.id),
            again=True,
        ).id

    def subscribe(self, wanted: SubscriptionWanted, plan_id: str, *, again: bool) -> Subscription:
        """Make a subscription with its hosted page."""
        asked: dict[str, Any] = {
            "plan_id": plan_id,
            "total_count": wanted.total_count,
            "quantity": wanted.quantity,
            "customer_notify": wanted.customer_notify,
            "notes": wanted.notes,
        }
        if wanted.start_at:
            asked["start_at"] = int(wanted.start_at.timestamp())
        if wanted.expire_by:
            asked["expire_by"] = int(wanted.expire_by.timestamp())
        if wanted.addons:
            asked["addons"] = [{"item": addon.model_dump()} for addon in wanted.addons]
        at, intent = datetime.now(UTC), wanted.notes["flow_intent"]
        return once(
            lambda: self._api.post("subscriptions", SubscriptionRow, json=asked),
            lambda: self._noted(
                "subscriptions", _Page[SubscriptionRow], "flow_intent", intent, plan_id=plan_id
            ),
            again=again,
        ).neutral(at)

    def cancel(self, provider_id: str, *, at_cycle_end: bool) -> Subscription:
        """End a subscription. Before its first cycle there is no end to wait for: it ends at once."""
        try:
            return self._act(provider_id, "cancel", {"cancel_at_cycle_end": at_cycle_end})
        except PaymentRefused:
            now = self.subscription(provider_id)
            if now.status in FINAL:
                return now
            if at_cycle_end and now.status in _BEFORE_A_CYCLE:
                return self._act(provider_id, "cancel", {"cancel_at_cycle_end": False})
            raise

    def pause(self, provider_id: str) -> Subscription:
        """Pause an active subscription; one that is only authenticated would be cancelled by it."""
        now = self.subscription(provider_id)
        if now.status == "paused":
            return now
        if now.status != "active":
            raise PaymentRefused("Only an active subscription can be paused.", "not_active")
        return self._act(provider_id, "pause", {"pause_at": "now"})

    def resume(self, provider_id: str) -> Subscription:
        """Resume a paused subscription; what its customer paused in a UPI app only they can resume."""
        now = self.subscription(provider_id)
        if now.status == "active":
            return now
        return self._act(provider_id, "resume", {"resume_at": "now"})

    def make_link(self, wanted: LinkWanted, *, again: bool) -> Link:
        """Make a payment link; a reference that is taken is this very link."""
        customer = wanted.customer.model_dump(exclude={"id"}, exclude_none=True)
        asked: dict[str, Any] = {
            "amount": wanted.amount,
            "currency": wanted.currency,
            "description": wanted.description,
            "reference_id": wanted.reference,
            "customer": customer,
            "notify": {"email": False, "sms": False},  # Flow says it itself
            "reminder_enable": False,
            "notes": wanted.notes,
        }
        if wanted.expire_by:
            asked["expire_by"] = int(wanted.expire_by.timestamp())
        try:
            row = once(
                lambda: self._api.post("payment_links", LinkRow, json=asked),
                lambda: self._link_of(wanted.reference),
                again=again,
            )
        except PaymentRefused:
            found = self._link_of(wanted.reference)
            if found is None:
                raise
            row = found
        return row.neutral()

    def cancel_link(self, provider_id: str) -> None:
        """Close a payment link; one that is closed or paid already stays as it is."""
        try:
            self._api.post(f"payment_links/{_id(provider_id)}/cancel", LinkRow, json={})
        except PaymentRefused:
            if self.link(provider_id).status == "created":
                raise

    def make_refund(self, wanted: RefundWanted) -> Refund:
        """Give money back, once an idempotency key."""
        at = datetime.now(UTC)
        asked = {"amount": wanted.amount, "speed": "normal", "notes": wanted.notes}
        headers = {"X-Refund-Idempotency": wanted.idempotency_key}
        path = f"payments/{_id(wanted.payment_provider_id)}/refund"
        return self._api.post(path, RefundRow, json=asked, headers=headers).neutral(at)

    def _act(self, provider_id: str, act: str, asked: dict[str, Any]) -> Subscription:
        at = datetime.now(UTC)
        return self._api.post(f"subscriptions/{_id(provider_id)}/{act}", SubscriptionRow, json=asked).neutral(
            at
        )

    # What may have been made

    def _noted(self, path: str, model: type[_Page[R]], note: str, value: str, **where: str) -> R | None:
        """Look for what carries a note among the newest; lists cannot be asked by notes."""
        since = int((datetime.now(UTC) - _AGO).timestamp())
        for page in range(_MOST_PAGES):
            asked: dict[str, str | int] = {"count": _PAGE, "skip": page * _PAGE, "from": since, **where}
            items = self._api.get(path, model, **asked).items
            for row in items:
                if row.notes.get(note) == value:
                    return row
            if len(items) < _PAGE:
                break
        return None

    def _link_of(self, reference: str) -> LinkRow | None:
        found = self._api.get("payment_links", _Links, reference_id=reference).payment_links
        return next((row for row in found if row.reference_id == reference), None)


def _id(value: str) -> str:
    return quote(value, safe="")
