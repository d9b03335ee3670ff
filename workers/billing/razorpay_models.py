"""What Razorpay answers and sends, as far as Flow reads it. A card, a bank, a UPI address is not read at all.

Quirks of the real thing: empty notes are a list or null, `captured` is true or "1", instants that are not
set are null or 0, a link's payments are null until there is one.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, StrictInt

from workers.billing.provider import Link, Payment, Refund, Subscription

Notes = Annotated[dict[str, Any], BeforeValidator(lambda value: value if isinstance(value, dict) else {})]
Instant = Annotated[AwareDatetime | None, BeforeValidator(lambda value: value or None)]
Id = Annotated[str, Field(pattern=r"^[A-Za-z0-9_]{1,64}$")]
_Text = Annotated[str | None, BeforeValidator(lambda value: value or None)]
Truth = Annotated[bool, BeforeValidator(lambda value: value in (True, 1, "1", "true"))]


class Row(BaseModel):
    """Something with an id."""

    model_config = ConfigDict(extra="ignore", hide_input_in_errors=True)

    id: Id
    notes: Notes = {}


class PlanRow(Row):
    """A plan."""


class SubscriptionRow(Row):
    """A subscription."""

    plan_id: Id
    status: str = Field(pattern=r"^[a-z_]{1,40}$")
    customer_id: Id | None = None
    quantity: StrictInt = 1
    current_start: Instant = None
    current_end: Instant = None
    start_at: Instant = None
    charge_at: Instant = None
    ended_at: Instant = None
    paid_count: int = 0
    payment_method: _Text = None
    short_url: _Text = None
    has_scheduled_changes: Truth = False
    pause_initiated_by: _Text = None

    def neutral(self, at: datetime) -> Subscription:
        """Give it as the database takes it."""
        kept = self.model_dump(exclude={"id", "plan_id", "notes", "pause_initiated_by"})
        return Subscription(
            provider_id=self.id,
            plan_provider_id=self.plan_id,
            paused_by=self.pause_initiated_by,
            fetched_at=at,
            **kept,
        )


class InvoiceRow(Row):
    """An invoice of Razorpay's, which tells whose subscription a payment was for."""

    subscription_id: Id | None = None
    payment_id: Id | None = None
    order_id: Id | None = None
    paid_at: Instant = None


class PaymentRow(Row):
    """A payment."""

    amount: StrictInt
    currency: str = Field(pattern=r"^[A-Z]{3}$")
    status: Literal["created", "authorized", "captured", "refunded", "failed"]
    captured: Truth = False
    order_id: Id | None = None
    invoice_id: Id | None = None
    method: Annotated[str, Field(pattern=r"^[a-z_]{1,30}$")] | None = None
    error_code: _Text = None
    error_reason: _Text = None
    created_at: AwareDatetime

    def neutral(
        self, at: datetime, subscription_id: str | None = None, link_id: str | None = None
    ) -> Payment:
        """Give it as the database takes it."""
        is_paid = self.captured or self.status in ("captured", "refunded")
        return Payment(
            provider_id=self.id,
            order_id=self.order_id,
            payment_link_id=link_id,
            invoice_provider_id=self.invoice_id,
            subscription_provider_id=subscription_id,
            amount=self.amount,
            currency=self.currency,
            status=self.status,
            method=self.method,
            error_code=self.error_reason or self.error_code,
            captured_at=self.created_at if is_paid else None,  # it tells of no other instant
            fetched_at=at,
        )


class RefundRow(Row):
    """A refund."""

    payment_id: Id
    amount: StrictInt
    currency: str = Field(pattern=r"^[A-Z]{3}$")
    status: Literal["pending", "processed", "failed"]

    def neutral(self, at: datetime) -> Refund:
        """Give it as the database takes it."""
        return Refund(
            provider_id=self.id,
            payment_provider_id=self.payment_id,
            amount=self.amount,
            currency=self.currency,
            status=self.status,
            fetched_at=at,
        )


class LinkPayment(BaseModel, extra="ignore"):
    """A payment, as a link tells of it."""

    payment_id: Id


class LinkRow(Row):
    """A payment link."""

    status: Literal["created", "partially_paid", "paid", "expired", "cancelled"]
    short_url: _Text = None
    order_id: Annotated[Id | None, BeforeValidator(lambda value: value or None)] = None
    reference_id: _Text = None
    payments: Annotated[list[LinkPayment], BeforeValidator(lambda value: value or [])] = []

    def neutral(self) -> Link:
        """Give it as the job takes it."""
        return Link(
            provider_id=self.id,
            short_url=self.short_url,
            status=self.status,
            order_id=self.order_id,
            payments=tuple(payment.payment_id for payment in self.payments),
        )


class _Ref(BaseModel, extra="ignore"):
    id: Id


class _About(BaseModel, extra="ignore"):
    entity: _Ref


class _WholeSubscription(BaseModel, extra="ignore"):
    entity: SubscriptionRow


class _WholePayment(BaseModel, extra="ignore"):
    entity: PaymentRow


class _WholeRefund(BaseModel, extra="ignore"):
    entity: RefundRow


class _WholeInvoice(BaseModel, extra="ignore"):
    entity: InvoiceRow


class Payload(BaseModel, extra="ignore"):
    """What an event carries; `contains` is not believed, it leaves out what is there."""

    subscription: _WholeSubscription | None = None
    payment: _WholePayment | None = None
    refund: _WholeRefund | None = None
    invoice: _WholeInvoice | None = None
    payment_link: _About | None = None
    order: _About | None = None


class EventBody(BaseModel):
    """An event."""

    model_config = ConfigDict(extra="ignore", hide_input_in_errors=True)

    event: str = Field(min_length=1, max_length=100)
    payload: Payload = Payload()
