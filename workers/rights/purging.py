"""The job `purge`: deleted organizations go."""

from __future__ import annotations

import httpx
import structlog

from workers.database import Database
from workers.rights.steps import Step, take_steps
from workers.settings import Settings

log = structlog.stdlib.get_logger(__name__)

BATCH = 5000


def run(database: Database, http: httpx.Client, settings: Settings) -> dict[str, object]:
    """Take steps of deletions that are due; give {rows, files, finished: ids of deletions, more}."""

    def count(step: Step) -> None:
        found = step["files"]
        database.rpc(
            "files_purged",
            deletion_id=step["deletion_id"], bucket=found["bucket"], many=len(found["paths"]),
        )  # fmt: skip

    taken = take_steps(
        http, settings, lambda: database.rpc("purge_step", batch=BATCH), "deletion_id", files_gone=count
    )
    for deletion in taken.finished:
        log.info("An organization is deleted", deletion_id=deletion)
    return taken.as_answer()
