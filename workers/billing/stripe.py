"""Stripe over REST, for who is not paid through Razorpay. Loaded only where its key is set.

A subscription is known to Flow by the Checkout Session that begins it: it has a page before there is a
subscription, and afterwards each tells of the other. Every write carries an idempotency key, so nothing is
ever looked for before it is asked for again. The version of the API is fixed here; webhooks, which come in
the account's version, are read for ids only.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import quote

import httpx

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
)
from workers.billing.stripe_models import (
    EventBody,
    InvoicePage,
    InvoiceRow,
    PaymentIntentRow,
    PriceRow,
    RefundRow,
    SessionPage,
    SessionRow,
    SubscriptionRow,
    form,
)
from workers.settings import Settings

VERSION: Final = "2024-06-20"
_LONGEST_PAGE = timedelta(hours=23, minutes=30)  # a Checkout Session lives for a day at most
_PERIODS = {"monthly": "month", "yearly": "year"}


class Stripe:
    """One account, in the mode that its key names."""

    name = "stripe"

    def __init__(self, http: httpx.Client, settings: Settings) -> None:
        key = settings.secret("stripe_secret_key")
        self.mode: Mode = "live" if "_live_" in key[:8] else "test"
        self._back = f"{settings.flow_public_url or settings.stripe_url}/#/settings/billing"
        base = f"{settings.stripe_url}/v1/"
        self._api = Caller("stripe", http, base, httpx.BasicAuth(key, ""), {"Stripe-Version": VERSION})

    # What there is

    def named_in(self, body: Mapping[str, Any], at: datetime) -> Named:  # noqa: ARG002
        """Give what an event's body names: each thing is fetched, nothing in the body is taken for true."""
        about = EventBody.model_validate(body).data.object
        match about.object:
            case "checkout.session" if about.mode == "payment":
                return Named(link_id=about.id)
            case "checkout.session":
                return Named(subscription=self.subscription(about.id), is_fetched=True)
            case "subscription":
                session = self._session(subscription=about.id)
                return Named(subscription=self.subscription(session), is_fetched=True)
            case "invoice":
                return self._of_invoice(about.id)
            case "payment_intent":
                return Named(payment=self.payment(about.id), is_fetched=True)
            case "refund":
                return Named(refund=self.refund(about.id), is_fetched=True)
        return Named()

    def subscription(self, provider_id: str) -> Subscription:
        """Fetch a subscription by its Checkout Session; before it is paid there is only that."""
        at = datetime.now(UTC)
        session = self._read_session(provider_id)
        if session.subscription is None:
            return session.as_subscription(at)
        row = self._api.get(f"subscriptions/{_id(session.subscription)}", SubscriptionRow)
        return row.neutral(session, at)

    def payment(self, provider_id: str, subscription_id: str | None = None) -> Payment:
        """Fetch a payment: its invoice tells of the subscription, else it was a page's."""
        at = datetime.now(UTC)
        row = self._api.get(f"payment_intents/{_id(provider_id)}", PaymentIntentRow)
        link = None
        if row.invoice and subscription_id is None:
            invoice = self._api.get(f"invoices/{_id(row.invoice)}", InvoiceRow)
            subscription_id = (
                self._session(subscription=invoice.subscription) if invoice.subscription else None
            )
        elif not row.invoice:
            link = self._session(payment_intent=row.id)
        return row.neutral(at, subscription_id, link)

    def payments_of_subscription(self, provider_id: str) -> list[Payment]:
        """Fetch what a subscription's invoices were paid with lately."""
        session = self._read_session(provider_id)
        if session.subscription is None:
            return []
        since = int((datetime.now(UTC) - LATELY).timestamp())
        asked: dict[str, str | int] = {"subscription": session.subscription, "created[gte]": since}
        rows = self._api.get("invoices", InvoicePage, status="paid", **asked).data
        return [self.payment(row.payment_intent, provider_id) for row in rows if row.payment_intent]

    def payments_of_order(self, order_id: str) -> list[Payment]:  # noqa: ARG002
        """There are no orders at Stripe."""
        raise PaymentRefused("Stripe knows no orders.", "no_orders")

    def refund(self, provider_id: str) -> Refund:
        """Fetch a refund."""
        at = datetime.now(UTC)
        return self._api.get(f"refunds/{_id(provider_id)}", RefundRow).neutral(at)

    def link(self, provider_id: str) -> Link:
        """Fetch a page on which somebody pays once."""
        return self._read_session(provider_id).as_link()

    # What shall be

    def make_plan(self, plan: Plan) -> str:
        """Make a price for a plan's version."""
        asked = {
            "currency": plan.currency.lower(),
            "unit_amount": plan.amount_gross,
            "recurring": {"interval": _PERIODS[plan.period], "interval_count": plan.interval},
            "product_data": {"name": f"{plan.name} (v{plan.version})"},
            "tax_behavior": "inclusive",
            "metadata": {"flow_plan": plan.id},
        }
        return self._api.post("prices", PriceRow, data=form(asked), headers=_once(f"plan-{plan.id}")).id

    def subscribe(self, wanted: SubscriptionWanted, plan_id: str, *, again: bool) -> Subscription:  # noqa: ARG002
        """Make a Checkout Session for a subscription; what is charged once goes on its first invoice."""
        at = datetime.now(UTC)
        begins = wanted.start_at if wanted.start_at and wanted.start_at > at + timedelta(hours=48) else None
        extras = [
            {
                "quantity": 1,
                "price_data": {
                    "currency": addon.currency.lower(),
                    "unit_amount": addon.amount,
                    "product_data": {"name": addon.name},
                },
            }
            for addon in wanted.addons
        ]
        asked = {
            "mode": "subscription",
            "line_items": [{"price": plan_id, "quantity": wanted.quantity}, *extras],
            "subscription_data": {
                "metadata": wanted.notes,
                **({"trial_end": int(begins.timestamp())} if begins else {}),
            },
            **self._page(wanted.customer.id, wanted.customer.email, wanted.expire_by, wanted.notes),
        }
        key = _once(wanted.notes["flow_intent"])
        session = self._api.post("checkout/sessions", SessionRow, data=form(asked), headers=key)
        return session.as_subscription(at, plan_id, wanted.quantity)

    def cancel(self, provider_id: str, *, at_cycle_end: bool) -> Subscription:
        """End a subscription, or close the page on which it was to begin."""
        session = self._read_session(provider_id)
        if session.subscription is None:
            if session.status == "open":
                self._api.post(f"checkout/sessions/{_id(provider_id)}/expire", SessionRow, data={})
        elif (now := self.subscription(provider_id)).status in ("canceled", "incomplete_expired"):
            return now
        elif at_cycle_end:
            self._change(session.subscription, {"cancel_at_period_end": "true"})
        else:
            path = f"subscriptions/{_id(session.subscription)}"
            self._api.delete(path, SubscriptionRow)
        return self.subscription(provider_id)

    def pause(self, provider_id: str) -> Subscription:
        """Let no invoice be collected until the subscription is resumed."""
        self._change(self._begun(provider_id), {"pause_collection": {"behavior": "void"}})
        return self.subscription(provider_id)

    def resume(self, provider_id: str) -> Subscription:
        """Collect invoices again."""
        self._change(self._begun(provider_id), {"pause_collection": ""})
        return self.subscription(provider_id)

    def make_link(self, wanted: LinkWanted, *, again: bool) -> Link:  # noqa: ARG002
        """Make a Checkout Session on which somebody pays once."""
        price = {
            "currency": wanted.currency.lower(),
            "unit_amount": wanted.amount,
            "product_data": {"name": wanted.description},
        }
        asked = {
            "mode": "payment",
            "line_items": [{"quantity": 1, "price_data": price}],
            "client_reference_id": wanted.reference,
            "payment_intent_data": {"metadata": wanted.notes},
            **self._page(wanted.customer.id, wanted.customer.email, wanted.expire_by, wanted.notes),
        }
        key = _once(wanted.reference)
        return self._api.post("checkout/sessions", SessionRow, data=form(asked), headers=key).as_link()

    def cancel_link(self, provider_id: str) -> None:
        """Close a page; one that is closed or paid stays as it is."""
        if self._read_session(provider_id).status == "open":
            self._api.post(f"checkout/sessions/{_id(provider_id)}/expire", SessionRow, data={})

    def make_refund(self, wanted: RefundWanted) -> Refund:
        """Give money back, once an idempotency key."""
        at = datetime.now(UTC)
        asked = {
            "payment_intent": wanted.payment_provider_id,
            "amount": wanted.amount,
            "metadata": wanted.notes,
        }
        headers = _once(wanted.idempotency_key)
        return self._api.post("refunds", RefundRow, data=form(asked), headers=headers).neutral(at)

    # Sessions

    def _page(
        self, customer: str | None, email: str | None, expires: datetime | None, notes: Mapping[str, str]
    ) -> dict[str, Any]:
        latest = datetime.now(UTC) + _LONGEST_PAGE
        until = min(expires, latest) if expires else latest
        who: dict[str, Any] = (
            {"customer": customer} if customer else {"customer_email": email} if email else {}
        )
        back = {"success_url": self._back, "cancel_url": self._back}
        return {**who, **back, "expires_at": int(until.timestamp()), "metadata": dict(notes)}

    def _read_session(self, ident: str) -> SessionRow:
        asked = {"expand[]": "line_items"}
        return self._api.get(f"checkout/sessions/{_id(ident)}", SessionRow, **asked)

    def _session(self, **of: str) -> str:
        """Give the Checkout Session of a subscription or a payment; refused when none of Flow's began it."""
        found = self._api.get("checkout/sessions", SessionPage, **of).data
        if not found:
            raise PaymentRefused("No Checkout Session began this.", "not_begun_here")
        return found[0].id

    def _of_invoice(self, ident: str) -> Named:
        row = self._api.get(f"invoices/{_id(ident)}", InvoiceRow)
        if row.subscription is None:
            return Named()
        session = self._session(subscription=row.subscription)
        payment = self.payment(row.payment_intent, session) if row.payment_intent else None
        return Named(subscription=self.subscription(session), payment=payment, is_fetched=True)

    def _begun(self, ident: str) -> str:
        subscription = self._read_session(ident).subscription
        if subscription is None:
            raise PaymentRefused("This subscription has not begun.", "not_active")
        return subscription

    def _change(self, subscription: str, asked: dict[str, Any]) -> None:
        self._api.post(f"subscriptions/{_id(subscription)}", SubscriptionRow, data=form(asked))


def _id(value: str) -> str:
    return quote(value, safe="")


def _once(key: str) -> dict[str, str]:
    return {"Idempotency-Key": key}
