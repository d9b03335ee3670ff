"""Carries out what the database wants from a payment supplier: each intent once, whatever gets lost.

The intent's row is there first, its id travels in the notes of what is made, and one that was tried before
is looked for before it is made again.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from random import uniform
from typing import Any, Literal

import structlog
from pydantic import BaseModel, ValidationError

from workers.billing.provider import (
    LinkWanted,
    PaymentBusy,
    PaymentError,
    PaymentRefused,
    Plan,
    Provider,
    RefundWanted,
    Subscription,
    SubscriptionWanted,
)
from workers.database import Database
from workers.errors import Refused

log = structlog.stdlib.get_logger(__name__)


class Intent(BaseModel, extra="ignore"):
    """Something that the database wants done, as it is claimed."""

    id: str
    org_id: str
    kind: str
    provider: str
    mode: Literal["test", "live"]
    attempts: int = 1
    params: dict[str, Any]


class Intents:
    """Carries out intents with one supplier."""

    def __init__(self, database: Database, provider: Provider) -> None:
        self._database, self._provider = database, provider
        self._kinds: dict[str, Callable[[Intent], dict[str, Any]]] = {
            "subscription_create": self._subscribe,
            "subscription_cancel": self._cancel,
            "subscription_pause": lambda intent: _applied(provider.pause(_named(intent))),
            "subscription_resume": lambda intent: _applied(provider.resume(_named(intent))),
            "payment_link": self._link,
            "payment_link_cancel": self._cancel_link,
            "refund": self._refund,
        }

    def result(self, intent: Intent) -> dict[str, Any]:
        """Carry out one intent; give the result that `finish_billing_intent` takes, also when it failed."""
        act = self._kinds.get(intent.kind)
        if act is None:
            return _failed("kind_unknown", final=True)
        try:
            return act(intent)
        except ValidationError:
            log.exception("a billing intent cannot be read", kind=intent.kind)
            return _failed("params_unreadable", final=True)
        except PaymentRefused as error:
            log.warning("payment supplier refused", kind=intent.kind, code=error.code, words=error.words)
            return _failed(error.words, final=True)
        except PaymentError as error:
            log.warning("payment supplier failed", kind=intent.kind, detail=error.detail)
            return _failed(error.detail, final=False, retry_at=later(error))
        except Refused as error:  # as when the plan was made twice at once: the next time there is the other
            log.warning("the database refused", kind=intent.kind, detail=error.detail)
            return _failed(error.detail, final=False)

    def _subscribe(self, intent: Intent) -> dict[str, Any]:
        wanted = SubscriptionWanted.model_validate(intent.params)
        plan_id = wanted.plan.provider_plan or self._plan(wanted.plan)
        made = self._provider.subscribe(wanted, plan_id, again=intent.attempts > 1)
        return {
            "provider_id": made.provider_id,
            "short_url": made.short_url,
            "customer_id": made.customer_id,
            "entity": made.as_json(),
        }

    def _plan(self, plan: Plan) -> str:
        made, provider = self._provider.make_plan(plan), self._provider
        self._database.rpc(
            "set_plan_provider",
            plan_id=plan.id,
            provider=provider.name,
            mode=provider.mode,
            provider_plan=made,
        )
        return made

    def _cancel(self, intent: Intent) -> dict[str, Any]:
        at_cycle_end = bool(intent.params.get("at_cycle_end"))
        return _applied(self._provider.cancel(_named(intent), at_cycle_end=at_cycle_end))

    def _link(self, intent: Intent) -> dict[str, Any]:
        wanted = LinkWanted.model_validate(intent.params)
        link = self._provider.make_link(wanted, again=intent.attempts > 1)
        return {"provider_id": link.provider_id, "short_url": link.short_url, "order_id": link.order_id}

    def _cancel_link(self, intent: Intent) -> dict[str, Any]:
        self._provider.cancel_link(_named(intent))
        return {}

    def _refund(self, intent: Intent) -> dict[str, Any]:
        refund = self._provider.make_refund(RefundWanted.model_validate(intent.params))
        return {"provider_id": refund.provider_id, "entity": refund.as_json()}


def later(error: PaymentError) -> str | None:
    """Give when to try again, if the supplier asked for patience: not all at the same instant."""
    if not isinstance(error, PaymentBusy):
        return None
    seconds = max(error.seconds, 30) * uniform(1, 2)  # noqa: S311 (no secret)
    return (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()


def _named(intent: Intent) -> str:
    return _Named.model_validate(intent.params).provider_id


class _Named(BaseModel, extra="ignore"):
    provider_id: str


def _applied(subscription: Subscription) -> dict[str, Any]:
    return {"entity": subscription.as_json()}


def _failed(error: str, *, final: bool, retry_at: str | None = None) -> dict[str, Any]:
    return {"error": error[:200], "final": final, "retry_at": retry_at}
