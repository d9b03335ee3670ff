"""What Flow asks of a payment supplier, whichever it is, and what can go wrong with that.

Entities have the shapes that `worker.apply_subscription`, `record_payment` and `record_refund` take: money in
whole paise, instants with a zone. They have no field that a card, a bank account or a UPI address fits in.

* PaymentError            (a ProviderError) the supplier failed
  + PaymentRefused        whoever asked: it said no, and says why; asking again changes nothing
  + PaymentBusy           nobody: it asks for patience; nothing was done
  + PaymentUnreachable    nobody: nothing was done; try again later
  + PaymentUnknown        nobody: whether it was done is not known; look before asking again
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final, Literal, Protocol, TypeVar

from pydantic import AwareDatetime, BaseModel, ConfigDict

from workers.errors import ProviderError
from workers.logs import scrub_text

T = TypeVar("T")
_WORDS = 180

Mode = Literal["test", "live"]
LATELY: Final = timedelta(days=8)
"""For how long it is looked whether a charge was missed: longer than suppliers send an event again."""


class PaymentError(ProviderError):
    """The payment supplier failed. Try again later."""

    detail = "payment_failed"


class PaymentRefused(PaymentError):  # noqa: N818 (read as a sentence)
    """The payment supplier refused."""

    detail = "payment_refused"

    def __init__(self, words: str, code: str | None = None) -> None:
        self.words, self.code = scrub_text(words)[:_WORDS], code
        super().__init__(f"The payment supplier refused: {self.words}")


class PaymentBusy(PaymentError):  # noqa: N818 (read as a sentence)
    """The payment supplier asks for patience. Try again later."""

    detail = "payment_busy"

    def __init__(self, seconds: int) -> None:
        self.seconds = seconds
        super().__init__()


class PaymentUnreachable(PaymentError):  # noqa: N818 (read as a sentence)
    """The payment supplier could not be reached. Try again later."""

    detail = "payment_unreachable"


class PaymentUnknown(PaymentError):  # noqa: N818 (read as a sentence)
    """The payment supplier gave no answer; whether it did what was asked is not known."""

    detail = "payment_unknown"


class Entity(BaseModel):
    """Something that the supplier keeps, as it was at an instant."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    provider_id: str
    fetched_at: AwareDatetime

    def as_json(self) -> dict[str, Any]:
        """Give what the database's functions take."""
        return self.model_dump(mode="json")


class Subscription(Entity):
    """A subscription; its status is the supplier's own word."""

    plan_provider_id: str
    status: str
    quantity: int = 1
    current_start: AwareDatetime | None = None
    current_end: AwareDatetime | None = None
    start_at: AwareDatetime | None = None
    paid_count: int = 0
    charge_at: AwareDatetime | None = None
    ended_at: AwareDatetime | None = None
    payment_method: str | None = None
    customer_id: str | None = None
    short_url: str | None = None
    has_scheduled_changes: bool = False
    paused_by: str | None = None


class Payment(Entity):
    """A payment, with everything that tells what it was for."""

    order_id: str | None = None
    payment_link_id: str | None = None
    invoice_provider_id: str | None = None
    subscription_provider_id: str | None = None
    amount: int
    currency: str
    status: Literal["created", "authorized", "captured", "refunded", "failed"]
    method: str | None = None
    error_code: str | None = None
    captured_at: AwareDatetime | None = None

    @property
    def is_kept(self) -> bool:
        """Whether somebody paid, and the money did not all go back."""
        return self.status == "captured"


class Refund(Entity):
    """Money that went back."""

    payment_provider_id: str
    amount: int
    currency: str
    status: Literal["pending", "processed", "failed"]


class Link(BaseModel):
    """A page on which somebody can pay once."""

    model_config = ConfigDict(frozen=True)

    provider_id: str
    short_url: str | None
    status: Literal["created", "partially_paid", "paid", "expired", "cancelled"]
    order_id: str | None = None
    payments: tuple[str, ...] = ()


class Named(BaseModel):
    """What an event names: entities as they were when it was sent, and ids."""

    model_config = ConfigDict(frozen=True)

    subscription: Subscription | None = None
    payment: Payment | None = None
    refund: Refund | None = None
    link_id: str | None = None
    order_id: str | None = None
    is_fetched: bool = False
    """Whether the entities were asked for just now, instead of read in the event."""


class Plan(BaseModel, extra="ignore"):
    """A plan of Flow's, as an intent describes it."""

    id: str
    code: str
    version: int
    name: str
    period: Literal["monthly", "yearly"]
    interval: int = 1
    amount_gross: int
    currency: str
    provider_plan: str | None = None


class Customer(BaseModel, extra="ignore"):
    """Who is asked to pay."""

    id: str | None = None
    name: str | None = None
    email: str | None = None


class Addon(BaseModel, extra="ignore"):
    """An amount that is charged once, with the first cycle."""

    name: str
    amount: int
    currency: str


class SubscriptionWanted(BaseModel, extra="ignore"):
    """What the intent `subscription_create` asks for."""

    plan: Plan
    quantity: int = 1
    total_count: int
    start_at: AwareDatetime | None = None
    expire_by: AwareDatetime | None = None
    customer_notify: bool = True
    customer: Customer = Customer()
    addons: list[Addon] = []
    notes: dict[str, str]


class LinkWanted(BaseModel, extra="ignore"):
    """What the intent `payment_link` asks for."""

    amount: int
    currency: str
    description: str
    reference: str
    customer: Customer = Customer()
    expire_by: AwareDatetime | None = None
    notes: dict[str, str]


class RefundWanted(BaseModel, extra="ignore"):
    """What the intent `refund` asks for."""

    payment_provider_id: str
    amount: int
    idempotency_key: str
    notes: dict[str, str] = {}


class Provider(Protocol):
    """A supplier. Everything raises PaymentError; `again` says that the same was asked for before."""

    name: str
    mode: Mode

    def named_in(self, body: Mapping[str, Any], at: datetime) -> Named:
        """Give what an event's body names; raises ValueError when it cannot be read."""

    def subscription(self, provider_id: str) -> Subscription:
        """Fetch a subscription."""

    def payment(self, provider_id: str, subscription_id: str | None = None) -> Payment:
        """Fetch a payment and what it was for; `subscription_id` when that is known already."""

    def payments_of_subscription(self, provider_id: str) -> list[Payment]:
        """Fetch what a subscription's invoices were paid with lately."""

    def payments_of_order(self, order_id: str) -> list[Payment]:
        """Fetch the payments of an order."""

    def refund(self, provider_id: str) -> Refund:
        """Fetch a refund."""

    def link(self, provider_id: str) -> Link:
        """Fetch a payment page."""

    def make_plan(self, plan: Plan) -> str:
        """Make a plan, unless it is there already; give its id there."""

    def subscribe(self, wanted: SubscriptionWanted, plan_id: str, *, again: bool) -> Subscription:
        """Make a subscription with its page."""

    def cancel(self, provider_id: str, *, at_cycle_end: bool) -> Subscription:
        """End a subscription; one that has ended is given as it is."""

    def pause(self, provider_id: str) -> Subscription:
        """Pause an active subscription."""

    def resume(self, provider_id: str) -> Subscription:
        """Resume a paused subscription."""

    def make_link(self, wanted: LinkWanted, *, again: bool) -> Link:
        """Make a payment page."""

    def cancel_link(self, provider_id: str) -> None:
        """Close a payment page; one that is closed already stays so."""

    def make_refund(self, wanted: RefundWanted) -> Refund:
        """Give money back, once an idempotency key."""


def once(make: Callable[[], T], find: Callable[[], T | None], *, again: bool) -> T:
    """Make something at a supplier that does not know idempotency: look first, and after a lost answer."""
    if again and (found := find()) is not None:
        return found
    try:
        return make()
    except PaymentUnknown:
        if (found := find()) is not None:
            return found
        raise
