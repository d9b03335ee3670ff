"""The job `deliveries`: claims what is due, already signed, posts it, and records the answers."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from typing import Any

import httpx
import structlog
from pydantic import BaseModel

from workers.database import Database
from workers.deliveries import sending
from workers.settings import Settings

log = structlog.stdlib.get_logger(__name__)

BATCH = 64
THREADS = 16
LEASE_SECONDS = 120  # longer than a batch can take: four turns of 15 seconds, and a margin


class Delivery(BaseModel, extra="ignore"):
    """One event for one endpoint, as `worker.claim_webhooks` hands it out."""

    org_id: str
    endpoint_id: str
    event_id: int
    attempt: int
    url: str
    headers: dict[str, str]
    body: str


def run(database: Database, _http: httpx.Client, settings: Settings) -> dict[str, Any]:
    """Deliver until nothing is due or the time is up: {sent, disabled, more}."""
    deadline = time.monotonic() + settings.flow_job_seconds
    sent = disabled = 0
    with sending.client(settings) as http, ThreadPoolExecutor(THREADS, "delivery") as pool:
        while time.monotonic() < deadline:
            claim = database.rpc("claim_webhooks", batch=BATCH, lease_seconds=LEASE_SECONDS)
            claimed = [Delivery.model_validate(one) for one in claim["deliveries"]]
            if not claimed:
                return {"sent": sent, "disabled": disabled, "more": False}
            results = list(pool.map(lambda one: _deliver(http, one), claimed))
            noted = database.rpc("record_webhooks", results=results)
            sent, disabled = sent + len(results), disabled + noted["disabled"]
    return {"sent": sent, "disabled": disabled, "more": True}


def _deliver(http: httpx.Client, one: Delivery) -> dict[str, Any]:
    result = one.model_dump(include={"org_id", "endpoint_id", "event_id", "attempt"})
    try:
        return result | asdict(sending.post(http, one.url, one.headers, one.body))
    except Exception:  # one delivery must not take the results of its neighbours with it
        log.exception("delivering failed in an unforeseen way")
        return result | {"status": None, "response": None, "problem": "unforeseen", "duration_ms": None}
