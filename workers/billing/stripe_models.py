"""What Stripe answers and sends, as far as Flow reads it, and the form in which it wants to be asked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, StrictInt

from workers.billing.provider import Link, Payment, Refund, Subscription

Id = Annotated[str, Field(pattern=r"^[A-Za-z0-9_]{1,255}$")]
Ref = Annotated[
    Id | None, BeforeValidator(lambda value: value.get("id") if isinstance(value, dict) else value)
]
Instant = AwareDatetime | None
Currency = Annotated[str, Field(pattern=r"^[a-zA-Z]{3}$"), AfterValidator(str.upper)]


class Row(BaseModel):
    """Something with an id."""

    model_config = ConfigDict(extra="ignore", hide_input_in_errors=True)

    id: Id


class PriceRow(Row):
    """A price."""


class _Item(BaseModel, extra="ignore"):
    price: PriceRow | None = None
    quantity: int | None = None


class _Items(BaseModel, extra="ignore"):
    data: list[_Item] = []


class SessionRow(Row):
    """A Checkout Session."""

    mode: Literal["payment", "subscription", "setup"] = "payment"
    status: Literal["open", "complete", "expired"] | None = None
    payment_status: str | None = None
    url: str | None = None
    subscription: Ref = None
    payment_intent: Ref = None
    customer: Ref = None
    line_items: _Items | None = None

    def as_link(self) -> Link:
        """Give it as a page on which somebody pays once."""
        paid: Literal["paid", "expired", "created"]
        paid = (
            "paid" if self.payment_status == "paid" else "expired" if self.status == "expired" else "created"
        )
        payments = (self.payment_intent,) if self.payment_intent and paid == "paid" else ()
        return Link(provider_id=self.id, short_url=self.url, status=paid, payments=payments)

    def as_subscription(
        self, at: datetime, plan_id: str | None = None, quantity: int | None = None
    ) -> Subscription:
        """Give it as a subscription that has not begun."""
        first = self.line_items.data[0] if self.line_items and self.line_items.data else _Item()
        return Subscription(
            provider_id=self.id,
            plan_provider_id=plan_id or (first.price.id if first.price else ""),
            status="incomplete_expired" if self.status == "expired" else "incomplete",
            quantity=quantity or first.quantity or 1,
            customer_id=self.customer,
            short_url=self.url,
            fetched_at=at,
        )


class SessionPage(BaseModel, extra="ignore"):
    """A list of Checkout Sessions."""

    data: list[SessionRow] = []


class SubscriptionRow(Row):
    """A subscription."""

    status: str = Field(pattern=r"^[a-z_]{1,40}$")
    customer: Ref = None
    items: _Items
    current_period_start: Instant = None
    current_period_end: Instant = None
    trial_end: Instant = None
    ended_at: Instant = None
    pause_collection: dict[str, Any] | None = None

    def neutral(self, session: SessionRow, at: datetime) -> Subscription:
        """Give it as the database takes it, under the name of its session."""
        first = self.items.data[0]
        is_paused = self.pause_collection is not None and self.status in ("active", "trialing")
        return Subscription(
            provider_id=session.id,
            plan_provider_id=first.price.id if first.price else "",
            status="paused" if is_paused else self.status,
            quantity=first.quantity or 1,
            current_start=self.current_period_start,
            current_end=self.current_period_end,
            start_at=self.trial_end,
            charge_at=self.current_period_end,
            ended_at=self.ended_at,
            customer_id=self.customer,
            fetched_at=at,
        )


class InvoiceRow(Row):
    """An invoice of Stripe's."""

    subscription: Ref = None
    payment_intent: Ref = None


class InvoicePage(BaseModel, extra="ignore"):
    """A list of invoices."""

    data: list[InvoiceRow] = []


class _Error(BaseModel, extra="ignore"):
    code: str | None = None
    decline_code: str | None = None


_PAYMENTS: Mapping[str, Literal["created", "authorized", "captured", "failed"]] = {
    "succeeded": "captured",
    "requires_capture": "authorized",
    "canceled": "failed",
}


class PaymentIntentRow(Row):
    """A payment."""

    amount: StrictInt
    currency: Currency
    status: str
    invoice: Ref = None
    payment_method_types: list[str] = []
    last_payment_error: _Error | None = None
    created: AwareDatetime

    def neutral(self, at: datetime, subscription_id: str | None, link_id: str | None) -> Payment:
        """Give it as the database takes it."""
        status = _PAYMENTS.get(self.status, "failed" if self.last_payment_error else "created")
        error = self.last_payment_error if status == "failed" else None
        return Payment(
            provider_id=self.id,
            payment_link_id=link_id,
            invoice_provider_id=self.invoice,
            subscription_provider_id=subscription_id,
            amount=self.amount,
            currency=self.currency,
            status=status,
            method=self.payment_method_types[0] if len(self.payment_method_types) == 1 else None,
            error_code=(error.decline_code or error.code) if error else None,
            captured_at=self.created if status == "captured" else None,
            fetched_at=at,
        )


_REFUNDS: Mapping[str, Literal["processed", "failed"]] = {
    "succeeded": "processed",
    "failed": "failed",
    "canceled": "failed",
}


class RefundRow(Row):
    """A refund."""

    payment_intent: Ref = None
    amount: StrictInt
    currency: Currency
    status: str

    def neutral(self, at: datetime) -> Refund:
        """Give it as the database takes it."""
        return Refund(
            provider_id=self.id,
            payment_provider_id=self.payment_intent or "",
            amount=self.amount,
            currency=self.currency,
            status=_REFUNDS.get(self.status, "pending"),
            fetched_at=at,
        )


class _About(BaseModel, extra="ignore"):
    id: Id
    object: str
    mode: str | None = None


class _Data(BaseModel, extra="ignore"):
    object: _About


class EventBody(BaseModel):
    """An event: what it is about."""

    model_config = ConfigDict(extra="ignore", hide_input_in_errors=True)

    type: str
    data: _Data


def form(asked: Mapping[str, Any]) -> dict[str, str]:
    """Give nested values in the brackets that Stripe wants: `{"a": [{"b": 1}]}` is `a[0][b]=1`."""
    return dict(_flat("", asked))


def _flat(name: str, value: object) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for key, part in value.items():
            yield from _flat(f"{name}[{key}]" if name else str(key), part)
    elif isinstance(value, list):
        for at, part in enumerate(value):
            yield from _flat(f"{name}[{at}]", part)
    else:
        yield name, str(value)
