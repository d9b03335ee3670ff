"""The job `push`: claims pushes in SQL, encrypts and sends them, records what the push services said.

The database decides who is told what and when. If this dies at any line, the lease runs out and the push is
sent again; a device shows two of the same tag as one.
"""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Literal
from urllib.parse import urlsplit

import httpx
import structlog
from pydantic import BaseModel

from workers.clients import is_among
from workers.database import Database
from workers.errors import FlowError
from workers.push.encryption import encrypt
from workers.push.vapid import authorization
from workers.retry_after import retry_after
from workers.settings import Settings

log = structlog.stdlib.get_logger(__name__)

BATCH = 40
AT_ONCE = 10
TIMEOUT = httpx.Timeout(10, connect=5)
LEASE_SECONDS = 120  # longer than a batch can take: four rounds of fifteen seconds

Outcome = Literal["sent", "gone", "retry", "refused"]


class Subscription(BaseModel):
    """Where a push goes and the keys of its receiver."""

    endpoint: str
    p256dh: str
    auth: str


class Push(BaseModel, extra="ignore"):
    """One push, as `worker.claim_pushes` hands it out."""

    org_id: str
    push_id: int
    subscription: Subscription
    topic: str
    urgency: str
    ttl: int
    payload: dict[str, object]


def run(database: Database, http: httpx.Client, settings: Settings) -> dict[str, object]:
    """Send until nothing is due or the job's time is up; `more` then asks for a continuation."""
    counts: dict[str, int] = {"sent": 0, "gone": 0, "retry": 0, "refused": 0}
    more = False
    if not settings.flow_vapid_private_key:
        log.error("pushes wait, and cannot be sent: FLOW_VAPID_PRIVATE_KEY is missing")
        return {**counts, "more": False}
    deadline = time.monotonic() + settings.flow_job_seconds
    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="push") as pool:
        while True:
            claim = database.rpc("claim_pushes", batch=BATCH, lease_seconds=LEASE_SECONDS)
            pushes = [Push.model_validate(push) for push in claim["pushes"]]
            if not pushes:
                break
            results = list(pool.map(lambda push: send(push, http, settings), pushes))
            for result in results:
                counts[str(result["outcome"])] += 1
            database.rpc("record_pushes", lease=claim["lease"], results=results)
            if time.monotonic() > deadline:
                more = True
                break
    return {**counts, "more": more}


def send(push: Push, http: httpx.Client, settings: Settings) -> dict[str, object]:
    """Send one push; gives what `worker.record_pushes` takes. Never raises, nor logs an endpoint."""
    outcome, after = _sent(push, http, settings)
    result = {"org_id": push.org_id, "push_id": push.push_id, "outcome": outcome}
    return {**result, "after_seconds": after} if after is not None else result


def _sent(push: Push, http: httpx.Client, settings: Settings) -> tuple[Outcome, int | None]:
    endpoint = push.subscription.endpoint
    if not may_call(endpoint, settings):
        log.error("a push names a host that FLOW_PUSH_HOSTS does not")
        return "refused", None
    try:
        payload = json.dumps(push.payload, ensure_ascii=False, separators=(",", ":")).encode()
        body = encrypt(payload, push.subscription.p256dh, push.subscription.auth)
    except ValueError:  # keys that are no point of the curve: nothing will ever reach this device
        log.warning("a device has keys that nothing can be encrypted for")
        return "gone", None
    headers = {
        "Authorization": authorization(
            endpoint, settings.secret("flow_vapid_private_key"), str(settings.flow_vapid_subject)
        ),
        "Content-Encoding": "aes128gcm",
        "Content-Type": "application/octet-stream",
        "TTL": str(push.ttl),
        "Topic": push.topic,
        "Urgency": push.urgency,
    }
    try:
        response = http.post(endpoint, content=body, headers=headers, timeout=TIMEOUT)
    except (httpx.HTTPError, FlowError) as error:
        log.warning("a push service was not reached", kind=type(error).__name__)
        return "retry", None
    status = response.status_code
    if response.is_success:
        return "sent", None
    if status in (404, 410):
        return "gone", None
    log.warning("a push was not taken", host=urlsplit(endpoint).hostname, status=status)
    if status == 429 or status >= 500:
        return "retry", retry_after(response)
    return "refused", None


def may_call(endpoint: str, settings: Settings) -> bool:
    """Tell whether an endpoint is of a service that FLOW_PUSH_HOSTS names, on its own port."""
    try:
        parts = urlsplit(endpoint)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return False
    if parts.username or parts.password or not is_among(host, settings.flow_push_hosts):
        return False
    return parts.scheme == "http" if host == "127.0.0.1" else parts.scheme == "https" and port is None
