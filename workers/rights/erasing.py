"""People who are erased: rows go step by step in the database, files through the Storage API.

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

BATCH = 2000
_PAUSE = 0.02  # between two steps, so that others come first


def run(database: Database, http: httpx.Client, settings: Settings) -> dict[str, object]:
    """Take steps until nothing is due or the time of a job is over; the job `erasures`.

    Gives {rows, files, finished: how many people are erased, more: whether something is left}.
    """
    until = time.monotonic() + settings.flow_job_seconds
    rows = files = finished = 0
    while time.monotonic() < until:
        step: dict[str, Any] = database.rpc("erase_step", batch=BATCH)
        if step.get("erasure_id") is None:
            return {"rows": rows, "files": files, "finished": finished, "more": False}
        if found := step.get("files"):
            Bucket(http, settings, found["bucket"]).remove(found["paths"])
            files += len(found["paths"])
        elif step.get("is_finished"):
            finished += 1
            log.info("A person is erased", erasure_id=step["erasure_id"])
        else:
            rows += int(step["rows"])
            time.sleep(_PAUSE)
    return {"rows": rows, "files": files, "finished": finished, "more": True}
