"""What the database takes apart step by step: rows go within a step, files through the Storage API.

The database says what is next; this asks it again and again until nothing is due or the time is up. A step
that fails is simply asked for again: each is whole by itself.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx

from workers.settings import Settings
from workers.storage import Bucket

PAUSE = 0.02  # between two steps, so that others come first

Step = dict[str, Any]


@dataclass
class Taken:
    """What a run did."""

    rows: int = 0
    files: int = 0
    finished: list[str] = field(default_factory=list)
    more: bool = True

    def as_answer(self) -> dict[str, object]:
        """Give the job's answer: {rows, files, finished: ids, more: whether something is left}."""
        return vars(self)


def take_steps(
    http: httpx.Client,
    settings: Settings,
    step: Callable[[], Step],
    ident: str,
    files_gone: Callable[[Step], object] = lambda _: None,
) -> Taken:
    """Take steps until nothing is due or the time of a job is over.

    A step is {ident: null} when nothing is due; with files {bucket, paths} when these are to be deleted, of
    which `files_gone` hears; with rows when that many went; otherwise what ident names is finished.
    """
    until = time.monotonic() + settings.flow_job_seconds
    taken = Taken()
    while time.monotonic() < until:
        told = step()
        if told.get(ident) is None:
            taken.more = False
            break
        if found := told.get("files"):
            Bucket(http, settings, found["bucket"]).remove(found["paths"])
            files_gone(told)
            taken.files += len(found["paths"])
        elif "rows" in told:
            taken.rows += int(told["rows"])
            time.sleep(PAUSE)
        else:
            taken.finished.append(str(told[ident]))
    return taken
