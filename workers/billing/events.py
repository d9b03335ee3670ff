"""Makes sense of stored payment events: each is a hint, what counts is what the supplier says when asked.

When it cannot be asked, the entity in the event is taken, as of the instant when it was sent: the database
leaves aside what is older than what it knows.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Any, Literal, TypeVar, cast

import structlog
from pydantic import AwareDatetime, BaseModel

from workers.billing.provider import (
    Entity,
    Link,
    Named,
    Payment,
    PaymentBusy,
    PaymentError,
    PaymentRefused,
    Provider,
    Refund,
    Subscription,
)
from workers.database import Database

log = structlog.stdlib.get_logger(__name__)

E = TypeVar("E", bound=Entity)


class Event(BaseModel, extra="ignore"):
    """A stored event, as it is claimed."""

    id: int
    provider: str
    mode: Literal["test", "live"]
    event_id: str | None = None
    type: str
    provider_ts: AwareDatetime | None = None
    received_at: AwareDatetime
    body: dict[str, Any]


@dataclass(frozen=True)
class Verdict:
    """How an event ends: a status of `finish_payment_event`, and why."""

    status: Literal["processed", "ignored", "quarantined", "retry"]
    error: str | None = None
    retry_at: str | None = None


@dataclass
class Seen:
    """What was fetched for the events of one claim: all of them came before, so once is fresh enough."""

    provider: Provider
    entities: dict[str, Entity] = field(default_factory=dict)
    is_down: bool = False

    def get(self, key: str, fetch: Callable[[], E], told: E | None, *, is_fetched: bool = False) -> E:
        """Give an entity as the supplier has it now; as it was told if the supplier cannot be reached."""
        if is_fetched and told is not None:
            return told
        if self.is_down and told is not None:  # one that does not answer is waited for once
            return told
        if key not in self.entities:
            try:
                self.entities[key] = fetch()
            except (PaymentRefused, PaymentBusy):
                raise
            except PaymentError as error:
                if told is None:
                    raise
                self.is_down = True
                log.warning("payment entities taken from their events", detail=error.detail)
                return told
        return cast(E, self.entities[key])


class Events:
    """Applies events of one supplier."""

    def __init__(self, database: Database, provider: Provider) -> None:
        self._database, self._provider = database, provider

    def apply(self, event: Event, seen: Seen) -> Verdict:
        """Apply one event; raises PaymentError when the supplier must be asked again later."""
        try:
            at = min(event.provider_ts or event.received_at, event.received_at)
            named = self._provider.named_in(event.body, at)
        except ValueError:
            return Verdict("quarantined", "unreadable")
        for step in (self._subscription, self._payments, self._refund):
            if (verdict := step(named, seen)) is not None:
                return verdict
        if named == Named():
            return Verdict("ignored", "names_nothing")
        return Verdict("processed")

    def _subscription(self, named: Named, seen: Seen) -> Verdict | None:
        if (told := named.subscription) is None:
            return None
        ident = told.provider_id
        entity = seen.get(
            ident, lambda: self._provider.subscription(ident), told, is_fetched=named.is_fetched
        )
        return _verdict(self.apply_subscription(entity), "subscription")

    def _payments(self, named: Named, seen: Seen) -> Verdict | None:
        payments: list[Payment] = []
        if (told := named.payment) is not None:
            ident, of = told.provider_id, told.subscription_provider_id
            fetch = partial(self._provider.payment, ident, of)
            payments = [seen.get(ident, fetch, told, is_fetched=named.is_fetched)]
        elif named.link_id:
            payments = self.payments_of(self._provider.link(named.link_id))
        elif named.order_id:
            payments = self._provider.payments_of_order(named.order_id)
        for payment in payments:
            if payment.payment_link_id is None and named.link_id:
                payment = payment.model_copy(update={"payment_link_id": named.link_id})  # noqa: PLW2901
            answer = self.record_payment(payment)
            if answer.get("outcome") == "unknown" and not payment.is_kept:
                # A failed attempt, or the rupees that try a mandate and come back: there is nothing to book.
                return Verdict("ignored", "payment_unknown")
            if (verdict := _verdict(answer, "payment")) is not None:
                return verdict
        return None

    def _refund(self, named: Named, seen: Seen) -> Verdict | None:
        if (told := named.refund) is None:
            return None
        ident = told.provider_id
        refund = seen.get(ident, lambda: self._provider.refund(ident), told, is_fetched=named.is_fetched)
        answer = self.record_refund(refund)
        if answer.get("outcome") == "unknown":
            of = refund.payment_provider_id
            payment = seen.get(of, lambda: self._provider.payment(of), named.payment)
            if (verdict := _verdict(self.record_payment(payment), "payment")) is not None:
                return verdict
            answer = self.record_refund(refund)
        return _verdict(answer, "refund")

    # The database

    def apply_subscription(self, entity: Subscription) -> dict[str, Any]:
        """Tell the database how a subscription stands."""
        return self._tell("apply_subscription", entity, seen_at=datetime.now(UTC).isoformat())

    def record_payment(self, entity: Payment) -> dict[str, Any]:
        """Tell the database of a payment."""
        return self._tell("record_payment", entity)

    def record_refund(self, entity: Refund) -> dict[str, Any]:
        """Tell the database of a refund."""
        return self._tell("record_refund", entity)

    def payments_of(self, link: Link) -> list[Payment]:
        """Fetch the payments of a payment page, each with the page that it was for."""
        also = {"payment_link_id": link.provider_id} | ({"order_id": link.order_id} if link.order_id else {})
        return [self._provider.payment(payment).model_copy(update=also) for payment in link.payments]

    def _tell(self, name: str, entity: Entity, **more: object) -> dict[str, Any]:
        provider = self._provider
        answer = self._database.rpc(
            name, provider=provider.name, mode=provider.mode, entity=entity.as_json(), **more
        )
        if answer.get("outcome") == "quarantined":
            log.error("payment entity set aside", function=name, reason=answer.get("quarantine"))
        return answer


def _verdict(answer: dict[str, Any], what: str) -> Verdict | None:
    """Give the end of an event whose entity the database did not take; None when it did."""
    match answer.get("outcome"):
        case "unknown":
            return Verdict("retry", f"{what}_unknown")
        case "quarantined":
            return Verdict("quarantined", str(answer.get("quarantine") or f"{what}_quarantined"))
    return None
