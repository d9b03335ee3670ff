"""Letting WhatsApp go: halted here in one transaction; then Meta is told, until it has heard.

The database keeps the token sealed, and for this alone, while something is left to end at Meta: the app's
subscription to the account, and the permissions of the person who had connected it. What fails is tried
again, ever later, for a day.
"""

from __future__ import annotations

import time
from typing import Any
from urllib.parse import quote

import httpx
import structlog
from pydantic import BaseModel, SecretStr

from workers.database import Database
from workers.errors import FlowError, ProviderError
from workers.meta.graph import Graph, GraphError
from workers.settings import Settings
from workers.telemetry.trace import on_behalf

log = structlog.stdlib.get_logger(__name__)

LEASE_SECONDS = 120  # longer than two calls to Meta can take
_BATCH = 10
_SPENT = 0.5


class Cleanup(BaseModel, extra="ignore"):
    """What one account leaves to end at Meta."""

    org_id: str
    cleanup_id: str
    waba_id: str
    token: SecretStr
    unsubscribe: bool
    withdraw_user: str | None = None


def disconnect(
    database: Database, graph: Graph, settings: Settings, org_id: str, phone_number_id: str | None = None
) -> dict[str, int]:
    """Halt a number, or all of an organization; then tell Meta at once, as far as it can be reached."""
    answer = database.insist("disconnect_whatsapp", org_id=org_id, phone_number_id=phone_number_id)
    if answer.get("cleanups"):
        try:
            clean_up(database, graph, settings, org_id)
        except FlowError as error:  # the disconnect stands; the sweep has the rest done
            log.warning("Meta is told of the disconnect later", detail=error.detail)
    return {"disconnected": int(answer.get("disconnected") or 0)}


def run(database: Database, http: httpx.Client, settings: Settings) -> dict[str, object]:
    """End at Meta what is due; the job `cleanup`."""
    return clean_up(database, Graph(http, settings), settings)


def clean_up(
    database: Database, graph: Graph, settings: Settings, org_id: str | None = None
) -> dict[str, object]:
    """End what is due, of one organization or of all, until nothing is or the job's time is half up."""
    deadline = time.monotonic() + settings.flow_job_seconds * _SPENT
    counts = {"done": 0, "open": 0, "given_up": 0}
    while True:
        claim = database.rpc("claim_cleanups", batch=_BATCH, lease_seconds=LEASE_SECONDS, org_id=org_id)
        due = [Cleanup.model_validate(item) for item in claim.get("cleanups") or []]
        for cleanup in due:
            recorded = database.rpc(
                "record_cleanup",
                org_id=cleanup.org_id,
                cleanup_id=cleanup.cleanup_id,
                lease=claim["lease"],
                results=on_behalf(cleanup.org_id, _results, graph, cleanup),
            )
            status = str(recorded.get("status"))
            counts[status] = counts.get(status, 0) + 1
        if not due or time.monotonic() > deadline:
            return {**counts, "more": bool(due)}


def _results(graph: Graph, cleanup: Cleanup) -> dict[str, Any]:
    """Take the steps in order: the end of the permissions is the end of the token."""
    results: dict[str, Any] = {}
    token = cleanup.token.get_secret_value()
    if cleanup.unsubscribe:
        results["unsubscribe"] = _step(graph, cleanup.waba_id, "subscribed_apps", token)
        if not results["unsubscribe"]["ok"]:
            return results
    if cleanup.withdraw_user:
        results["withdraw"] = _step(graph, cleanup.withdraw_user, "permissions", token)
    return results


def _step(graph: Graph, owner: str, what: str, token: str) -> dict[str, Any]:
    try:
        answer = graph.delete(f"{quote(owner, safe='')}/{what}", token)
    except GraphError as error:
        log.warning("Meta refused a step of a disconnect", what=what, code=error.code)
        return {
            "ok": False,
            "code": error.code,
            "http_status": error.http_status,
            "words": error.details or error.title or "without a reason",
        }
    except ProviderError as error:
        log.warning("Meta did not hear of a disconnect", what=what, detail=error.detail)
        return {"ok": False, "words": error.message}
    if answer.get("success") is False:
        return {"ok": False, "words": "Meta did not confirm it"}
    return {"ok": True}
