"""Jobs: what the database asks the workers to do, by `POST /jobs/<name>` with a bearer secret.

A job that is not done when its time is up answers `"more": true`; then the database is asked to call again.
"""

from __future__ import annotations

import hmac
import importlib
import time
from collections.abc import Callable
from typing import Any

import httpx
import structlog
from flask import Blueprint, Response, jsonify, request

from workers.database import Database
from workers.errors import FlowError, Refused
from workers.runtime import current
from workers.settings import Settings
from workers.telemetry.runs import noted_run

bp = Blueprint("jobs", __name__)
log = structlog.stdlib.get_logger(__name__)

Job = Callable[[Database, httpx.Client, Settings], dict[str, Any]]


def _sweep(database: Database, _http: httpx.Client, settings: Settings) -> dict[str, Any]:
    """Run the database's chores that are due, each in a transaction of its own: hosts without pg_cron ask."""
    until = time.monotonic() + settings.flow_job_seconds
    ran: list[str] = []
    failed: dict[str, str] = {}
    while time.monotonic() < until:
        done = database.rpc("run_due")
        if not done.get("ran"):
            return {"ran": ran, "failed": failed, "jobs": done.get("jobs", [])}
        ran.append(done["ran"])
        if "failed" in done:
            failed[done["ran"]] = done["failed"]
    return {"ran": ran, "failed": failed, "jobs": []}


def _from(module: str, name: str) -> Job:
    """Give a job that loads its module at its first run."""

    def job(database: Database, http: httpx.Client, settings: Settings) -> dict[str, Any]:
        run: Job = getattr(importlib.import_module(module), name)
        return run(database, http, settings)

    return job


JOBS: dict[str, Job] = {
    "alarms": _from("workers.alarms", "run"),
    "billing": _from("workers.billing.job", "run"),
    "cleanup": _from("workers.meta.cleanup", "run"),
    "deliveries": _from("workers.deliveries.job", "run"),
    "dispatch": _from("workers.dispatch", "run"),
    "exports": _from("workers.rights.exporting", "run"),
    "erasures": _from("workers.rights.erasing", "run"),
    "health": _from("workers.meta.health", "run"),
    "imports": _from("workers.sheets.job", "run"),
    "indiamart": _from("workers.indiamart.job", "run_syncs"),
    "media": _from("workers.media.job", "run"),
    "purge": _from("workers.rights.purging", "run"),
    "push": _from("workers.push.job", "run"),
    "reconcile": _from("workers.meta.analytics", "run"),
    "retention": _from("workers.rights.retention", "run"),
    "sheets": _from("workers.sheets.polling", "run"),
    "support": _from("workers.inquiries", "run"),
    "sweep": _sweep,
    "templates": _from("workers.meta.templates", "run"),
}


@bp.post("/jobs/<path:name>")
def run_job(name: str) -> Response:
    """Run one job and answer with its counts."""
    runtime = current()
    _require_secret(runtime.settings.secret("flow_job_secret"))
    if name not in JOBS:
        raise Refused(404, "There is no such job.", "job_unknown")
    structlog.contextvars.bind_contextvars(job=name)
    with noted_run(runtime.telemetry, name, request.get_data()) as counts:
        counts.update(JOBS[name](runtime.database, runtime.http, runtime.settings))
    if counts.get("more"):
        _ask_to_go_on(runtime.database, name)
    return jsonify(counts)


def _require_secret(secret: str) -> None:
    """Refuse a caller without the bearer secret, before anything else is looked at."""
    given = request.headers.get("Authorization", "").encode("latin-1", "replace")
    if not hmac.compare_digest(given, b"Bearer " + secret.encode()):
        raise Refused(401, "This address needs the job secret.", "not_allowed")


def _ask_to_go_on(database: Database, name: str) -> None:
    try:
        database.rpc("wake", job=name)
    except FlowError as error:  # the database's own schedule calls again, a little later
        log.warning("could not ask to go on", detail=error.detail)
