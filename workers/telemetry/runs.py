"""What is noted of one run of a job: how long it waited to begin, how long it took, and what it counted."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from workers.telemetry import metrics
from workers.telemetry.writer import Telemetry


@contextmanager
def noted_run(telemetry: Telemetry, job: str, asked: bytes) -> Iterator[dict[str, Any]]:
    """Give an object for the counts of a run, and note the run when it is over, well or not.

    `asked` is the body of the database's wake-up, {"asked_at": instant}; anything else tells nothing.
    """
    waited, began = _waited(asked), time.perf_counter()
    counts: dict[str, Any] = {}
    outcome = "failed"
    try:
        yield counts
        outcome = "more" if counts.get("more") else "done"
    finally:
        took = time.perf_counter() - began
        metrics.job(job, outcome, took, waited)
        telemetry.note("jobs", {
            "job": job,
            "queue_wait_ms": None if waited is None else round(waited * 1000, 1),
            "duration_ms": round(took * 1000, 1),
            "outcome": outcome,
            "counts": {name: count for name, count in counts.items() if isinstance(count, int | float)},
        })  # fmt: skip


def _waited(asked: bytes) -> float | None:
    try:
        at = datetime.fromisoformat(json.loads(asked)["asked_at"])
        return max(0.0, (datetime.now(UTC) - at).total_seconds())
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
