"""Tells Meta what is no message: that one was read, that somebody is typing, reactions.

The database decides what is due and what an answer means; repeating does no harm at Meta.
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from urllib.parse import quote

import structlog
from pydantic import BaseModel

from workers.database import Database
from workers.errors import FlowError, ProviderError
from workers.meta.graph import Graph, GraphError
from workers.telemetry.trace import carried, on_behalf

log = structlog.stdlib.get_logger(__name__)

BATCH = 8  # all of them start at once
LEASE_SECONDS = 30  # longer than a call to Meta can take
START_WITHIN = 1.0  # seconds from claim to call, as with messages


class Signal(BaseModel, extra="ignore"):
    """One signal, as `worker.claim_signals` hands it out."""

    signal_id: int
    org_id: str
    account_id: str
    kind: str
    phone_number_id: str
    payload: dict[str, object]


class Claim(BaseModel, extra="ignore"):
    """What one claim gave."""

    lease: str
    signals: list[Signal]
    tokens: dict[str, str]


@dataclass
class Signals:
    """Sends signals until none is due."""

    database: Database
    graph: Graph

    def drain(self, deadline: float) -> None:
        """Claim, tell, record, until nothing is due or the time (of the monotonic clock) is up."""
        try:
            with ThreadPoolExecutor(BATCH, thread_name_prefix="signal") as pool:
                while time.monotonic() < deadline and self._round(pool):
                    pass
        except FlowError as error:  # the leases run out, and they are due again
            log.warning("signals wait", detail=error.detail)

    def _round(self, pool: ThreadPoolExecutor) -> bool:
        claim = Claim.model_validate(
            self.database.rpc("claim_signals", batch=BATCH, lease_seconds=LEASE_SECONDS)
        )
        claimed_at = time.monotonic()

        def tell(one: Signal) -> dict[str, object]:
            return on_behalf(one.org_id, self._tell, one, claim.tokens[one.account_id], claimed_at)

        results = pool.map(carried(tell), claim.signals)
        if claim.signals:
            self.database.rpc("record_signals", lease=claim.lease, results=list(results))
        return bool(claim.signals)

    def _tell(self, signal: Signal, token: str, claimed_at: float) -> dict[str, object]:
        result: dict[str, object] = {"org_id": signal.org_id, "signal_id": signal.signal_id}
        if time.monotonic() - claimed_at > START_WITHIN:
            return {**result, "outcome": "released"}
        try:
            if signal.kind == "reaction":
                sent = self.graph.send_message(signal.phone_number_id, token, signal.payload)
                return {**result, **sent.as_result()}
            self.graph.post(f"{quote(signal.phone_number_id, safe='')}/messages", token, signal.payload)
        except GraphError as error:
            told = {"code": error.code, "title": error.title, "details": error.details}
            told |= {"http_status": error.http_status, "retry_after": error.retry_after}
            known = {key: value for key, value in told.items() if value is not None}
            return {**result, "outcome": "error", **known}
        except ProviderError:
            return {**result, "outcome": "unknown"}
        except Exception:  # one signal must not take the answers of its neighbours with it
            log.exception("telling failed in an unforeseen way")
            return {**result, "outcome": "unknown"}
        return {**result, "outcome": "accepted"}
