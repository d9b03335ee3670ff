"""The job `indiamart`: claim what is due, call, hand in, until nothing is due or the time is up."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from datetime import datetime
from typing import Any
from uuid import UUID

import httpx
import structlog
from pydantic import BaseModel, SecretStr

from workers.database import Database
from workers.errors import FlowError, Unavailable
from workers.indiamart.answers import Answer
from workers.indiamart.client import fetch
from workers.indiamart.leads import to_items
from workers.settings import Settings
from workers.telemetry.trace import on_behalf

log = structlog.stdlib.get_logger(__name__)

LEASE_SECONDS = 90
"""More than the longest call (30 s, and 30 s for its last bytes) and the longest hand-in together."""
BATCH = 8
MOST_LEADS = 5000
"""Leads handed in at once; a fuller answer counts as incomplete: its window is asked for again in halves."""
_PAUSES = (0.2, 1.0, 3.0)


class Sync(BaseModel):
    """One call that the database has handed out."""

    run_id: UUID
    org_id: str
    kind: str
    key: SecretStr
    base_url: str | None = None
    window_from: datetime
    window_to: datetime


def run_syncs(database: Database, http: httpx.Client, settings: Settings) -> dict[str, Any]:
    """Run every synchronization that is due; `more` tells that the time was up before all were done."""
    until = time.monotonic() + settings.flow_job_seconds
    counts = {"runs": 0, "inserted": 0, "known": 0, "errors": 0, "failed": 0}
    more = False
    with ThreadPoolExecutor(BATCH, thread_name_prefix="indiamart") as pool:
        while syncs := _claim(database, settings):
            # All at once: a call that waited for another would come long after its claim was stamped.
            calls = [pool.submit(copy_context().run, _run, database, http, settings, sync) for sync in syncs]
            _count([call.result() for call in calls], counts)
            if time.monotonic() >= until:
                more = True
                break
    return {**counts, "more": more}


def sync_now(
    database: Database, http: httpx.Client, settings: Settings, org_id: UUID
) -> dict[str, Any] | None:
    """Run an organization's synchronization because a person asked for it.

    Raises Refused, with the time it may run, while one is under way or the interval is not over.
    None: its key cannot be read.
    """
    syncs = _claim(database, settings, manual=True, org_id=str(org_id))
    if not syncs:
        return None
    return _finish(database, syncs[0], _call(http, settings, syncs[0]))


def _claim(database: Database, settings: Settings, **which: object) -> list[Sync]:
    claimed = database.rpc(
        "claim_syncs",
        min_interval_seconds=settings.indiamart_min_interval_seconds,
        lease_seconds=LEASE_SECONDS,
        batch=BATCH,
        **which,
    )
    return [Sync.model_validate(sync) for sync in claimed["syncs"]]


def _run(database: Database, http: httpx.Client, settings: Settings, sync: Sync) -> dict[str, Any] | None:
    try:
        return _finish(database, sync, _call(http, settings, sync))
    except FlowError as error:
        # The lease ends by itself and the window is asked for again.
        log.error("run not handed in", run_id=str(sync.run_id), detail=error.detail)  # noqa: TRY400
        return None


def _call(http: httpx.Client, settings: Settings, sync: Sync) -> Answer:
    return on_behalf(
        sync.org_id,
        fetch,
        http,
        sync.base_url or settings.indiamart_url,
        sync.key.get_secret_value(),
        sync.window_from,
        sync.window_to,
    )


def _finish(database: Database, sync: Sync, answer: Answer) -> dict[str, Any]:
    """Hand in an answer; after a failure that may pass again, since a run is taken in once only."""
    leads = answer.leads[:MOST_LEADS]
    said = {
        "outcome": answer.outcome,
        "http_status": answer.http_status,
        "code": answer.code,
        "complete": answer.is_complete and len(leads) == len(answer.leads),
        "reason": answer.reason,
        "message": answer.note,
        "leads": to_items(leads),
    }
    for pause in (*_PAUSES, None):
        try:
            run = database.rpc("ingest_leads", run_id=str(sync.run_id), answer=said)
        except Unavailable:
            if pause is None:
                raise
            time.sleep(pause)
        else:
            _log(run)
            return run
    raise AssertionError("unreachable")


def _log(run: dict[str, Any]) -> None:
    level = log.error if run.get("outcome") == "bad_request" else log.info
    level(
        "sync run",
        run_id=run.get("run_id"),
        source_id=run.get("source_id"),
        kind=run.get("kind"),
        outcome=run.get("outcome"),
        received=run.get("received"),
        inserted=run.get("inserted"),
        rejected=len(run.get("errors") or []),
    )


def _count(runs: Sequence[dict[str, Any] | None], counts: dict[str, int]) -> None:
    for run in runs:
        counts["runs"] += 1
        if run is None:
            counts["failed"] += 1
            continue
        counts["inserted"] += int(run.get("inserted") or 0)
        counts["known"] += int(run.get("known") or 0)
        counts["errors"] += len(run.get("errors") or [])
        counts["failed"] += run.get("outcome") not in ("ok", "empty", "not_released")
