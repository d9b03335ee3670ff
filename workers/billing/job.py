"""The job `billing`: what the database wants from payment suppliers, what they told, what they may not have.

First intents, for somebody waits for them; then events; then, hourly by the database's own reckoning, what
is not final is read again, because webhooks get lost and some things no webhook tells of.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Final

import httpx
import structlog
from pydantic import BaseModel

from workers.billing.events import Event, Events, Seen, Verdict
from workers.billing.intents import Intent, Intents, later
from workers.billing.provider import PaymentError, PaymentRefused, Provider
from workers.billing.suppliers import Suppliers, suppliers
from workers.database import Database
from workers.errors import FlowError, Refused, Unavailable
from workers.settings import Settings

log = structlog.stdlib.get_logger(__name__)

LEASE_SECONDS: Final = 300  # longer than a batch can take where every call times out
_INTENTS, _EVENTS, _DUE = 1, 10, 50


class _Work(BaseModel, extra="ignore"):
    """Something to read again."""

    provider: str
    mode: str
    provider_id: str
    intent_id: str | None = None


def run(database: Database, http: httpx.Client, settings: Settings) -> dict[str, Any]:
    """Do what is due until nothing is or the time of a job is over; the job `billing`.

    Gives {intents, events, read: how many, more: whether something is left}.
    """
    known = suppliers(http, settings)
    counts: dict[str, Any] = {"intents": 0, "events": 0, "read": 0, "more": False}
    if not known:
        return counts
    work = _Job(database, known, settings)
    # An event may lead to an intent, as a charge that was paid does to the next subscription.
    steps = (
        ("intents", work.intents),
        ("events", work.events),
        ("intents", work.intents),
        ("read", work.read_again),
    )
    for name, step in steps:
        done, counts["more"] = step()
        counts[name] += done
        if counts["more"]:
            break
    return counts


class _Job:
    """One run."""

    def __init__(self, database: Database, known: Suppliers, settings: Settings) -> None:
        self._database, self._known = database, known
        self._until = time.monotonic() + settings.flow_job_seconds

    def intents(self) -> tuple[int, bool]:
        """Carry out intents; give how many, and whether some are left."""
        done = 0
        while not self._is_over():
            claimed = self._database.rpc("claim_billing_intents", batch=_INTENTS, lease_seconds=LEASE_SECONDS)
            for item in claimed.get("intents") or []:
                intent = Intent.model_validate(item)
                provider = self._provider(intent.provider, intent.mode)
                result = (
                    Intents(self._database, provider).result(intent)
                    if provider
                    else {"error": "provider_not_configured", "final": False, "retry_at": None}
                )
                self._finish("finish_billing_intent", id=intent.id, result=result)
                done += 1
            if not claimed.get("more"):
                return done, False
        return done, True

    def events(self) -> tuple[int, bool]:
        """Apply events; give how many, and whether some are left."""
        done = 0
        while not self._is_over():
            claimed = self._database.rpc("claim_payment_events", batch=_EVENTS, lease_seconds=LEASE_SECONDS)
            seen: dict[Provider, Seen] = {}
            for item in claimed.get("events") or []:
                event = Event.model_validate(item)
                provider = self._provider(event.provider, event.mode)
                if provider is None:
                    verdict = Verdict("retry", "provider_not_configured")
                else:
                    verdict = self._apply(event, provider, seen.setdefault(provider, Seen(provider)))
                self._finish(
                    "finish_payment_event",
                    id=event.id,
                    status=verdict.status,
                    error=verdict.error,
                    retry_at=verdict.retry_at,
                )
                done += 1
            if not claimed.get("events"):  # what came meanwhile may have woken nobody
                return done, False
        return done, True

    def _apply(self, event: Event, provider: Provider, seen: Seen) -> Verdict:
        try:
            return Events(self._database, provider).apply(event, seen)
        except PaymentRefused as error:
            log.error("a payment event names what its supplier does not know", code=error.code)  # noqa: TRY400
            return Verdict("quarantined", "not_at_supplier")
        except PaymentError as error:
            log.warning("payment supplier failed", detail=error.detail)
            return Verdict("retry", error.detail, later(error))
        except Unavailable:
            raise
        except FlowError as error:  # of this event; it must not hold up those behind it
            log.error("payment event not applied", detail=error.detail, error=error.message)  # noqa: TRY400
            return Verdict("retry", error.detail)

    def read_again(self) -> tuple[int, bool]:
        """Read again what is not final; give how many were read, and whether more is due."""
        due, done = self._database.rpc("due_billing_work", batch=_DUE), 0
        kinds: tuple[tuple[str, Callable[[Events, Provider, _Work], object]], ...] = (
            ("subscriptions", self._read_subscription),
            ("payment_links", self._read_link),
            ("payments", lambda to, at, it: to.record_payment(at.payment(it.provider_id))),
            ("refunds", lambda to, at, it: to.record_refund(at.refund(it.provider_id))),
        )
        for name, read in kinds:
            for item in due.get(name) or []:
                if self._is_over():
                    return done, True
                work = _Work.model_validate(item)
                if provider := self._provider(work.provider, work.mode):
                    done += self._read(read, provider, work)
        return done, bool(due.get("more")) and done > 0

    def _read(
        self, read: Callable[[Events, Provider, _Work], object], provider: Provider, work: _Work
    ) -> bool:
        try:
            read(Events(self._database, provider), provider, work)
        except (PaymentError, Refused) as error:  # the next hour asks again
            log.warning("not read again", detail=error.detail, what=work.provider_id)
            return False
        return True

    @staticmethod
    def _read_subscription(events: Events, provider: Provider, work: _Work) -> None:
        events.apply_subscription(provider.subscription(work.provider_id))
        for payment in provider.payments_of_subscription(work.provider_id):
            events.record_payment(payment)

    def _read_link(self, events: Events, provider: Provider, work: _Work) -> None:
        link = provider.link(work.provider_id)
        for payment in events.payments_of(link):
            events.record_payment(payment)
        self._database.rpc("read_payment_link", intent_id=work.intent_id, status=link.status)

    def _finish(self, name: str, **given: object) -> None:
        try:
            self._database.rpc(name, **given)
        except Refused as error:  # somebody else finished it meanwhile, or it went with its organization
            log.warning("billing work let go", function=name, detail=error.detail)

    def _provider(self, name: str, mode: str) -> Provider | None:
        return next((found for key, found in self._known.items() if key == (name, mode)), None)

    def _is_over(self) -> bool:
        return time.monotonic() > self._until
