"""Deleted organizations: rows go step by step in the database, files through the Storage API.

The database says what is next; this asks it again and again until nothing is due or the time is up. A step
that fails is simply asked for again: each is whole by itself.
"""

from __future__ import annotations

import time
from typing import Any

import httpx
import structlog

from workers.database import Database
from workers.settings import Settings
from workers.storage import Bucket

log = structlog.stdlib.get_logger(__name__)

BATCH = 5000
PAUSE = 0.02  # between two steps, so that neighbours come first


def run(database: Database, http: httpx.Client, settings: Settings) -> dict[str, object]:
    """Take steps until nothing is due or the time of a job is over; the job `purge`.

    Gives {rows, files, finished: ids of deletions that are done, more: whether something is left}.
    """
    until = time.monotonic() + settings.flow_job_seconds
    rows = files = 0
    finished: list[str] = []
    while time.monotonic() < until:
        step: dict[str, Any] = database.rpc("purge_step", batch=BATCH)
        if step.get("deletion_id") is None:
            return {"rows": rows, "files": files, "finished": finished, "more": False}
        if found := step.get("files"):
            Bucket(http, settings, found["bucket"]).remove(found["paths"])
            database.rpc(
                "files_purged",
                deletion_id=step["deletion_id"], bucket=found["bucket"], many=len(found["paths"]),
            )  # fmt: skip
            files += len(found["paths"])
        elif "certificate" in step:
            finished.append(str(step["deletion_id"]))
            log.info("An organization is deleted", deletion_id=step["deletion_id"])
        else:
            rows += int(step["rows"])
            time.sleep(PAUSE)
    return {"rows": rows, "files": files, "finished": finished, "more": True}
