"""What is too old goes: rows batch by batch in the database, files through the Storage API.

pg_cron takes the rows by itself; this job is woken for the files, and takes both where there is no pg_cron.
"""

from __future__ import annotations

import time
from typing import Any

import httpx

from workers.database import Database
from workers.settings import Settings
from workers.storage import Bucket

_PAUSE = 0.05  # between two batches, so that neighbours come first


def run(database: Database, http: httpx.Client, settings: Settings) -> dict[str, object]:
    """Take batches until nothing is due or the time of a job is over; the job `retention`.

    Gives {rows, files, more: whether something is left}.
    """
    until = time.monotonic() + settings.flow_job_seconds
    media = Bucket(http, settings, "media")
    rows = files = 0
    are_files_done = False
    while time.monotonic() < until:
        if are_files_done:
            step: dict[str, Any] = database.rpc("retain")
            if step.get("class") is None:  # nothing is due, or pg_cron is at it
                return {"rows": rows, "files": files, "more": False}
            rows += int(step["rows"])
        else:
            found: dict[str, Any] = database.rpc("files_to_expire")
            if given := found.get("files"):
                media.remove([one["path"] for one in given])
                database.rpc("files_expired", run=found["run_id"], org_id=found["org_id"], files=given)
                files += len(given)
            are_files_done = found["run_id"] is None or found["org_id"] is None
        time.sleep(_PAUSE)
    return {"rows": rows, "files": files, "more": True}
