"""The job `erasures`: people who are to be forgotten go."""

from __future__ import annotations

import httpx
import structlog

from workers.database import Database
from workers.rights.steps import take_steps
from workers.settings import Settings

log = structlog.stdlib.get_logger(__name__)

BATCH = 2000


def run(database: Database, http: httpx.Client, settings: Settings) -> dict[str, object]:
    """Take steps of erasures that are due; give {rows, files, finished: ids of erasures, more}."""
    taken = take_steps(http, settings, lambda: database.rpc("erase_step", batch=BATCH), "erasure_id")
    for erasure in taken.finished:
        log.info("A person is erased", erasure_id=erasure)
    return taken.as_answer()
