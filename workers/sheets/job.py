"""The job `imports`: files are read, their rows stored in batches, imports undone.

The database says what is due. If the worker dies, its lease runs out and the import goes on with the row
after the last batch that was stored.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final

import httpx
import structlog
from pydantic import BaseModel

from workers.database import Database
from workers.errors import FlowError, ProviderError, Refused, Unavailable
from workers.settings import Settings
from workers.sheets.files import MOST_BYTES
from workers.sheets.parent import NotRead, lines
from workers.storage import Bucket, StorageRefused

BUCKET: Final = "imports"
LEASE_SECONDS: Final = 120
SLICE_SECONDS: Final = 10.0  # of one import, while another organization's waits
UNDO_ROWS: Final = 1000
_PAUSES: Final = (0.2, 1.0, 3.0)

log = structlog.stdlib.get_logger(__name__)


class Claimed(BaseModel, extra="ignore"):
    """An import, as the database hands it out."""

    lease: str
    org_id: str
    import_id: str
    task: str
    path: str
    choices: dict[str, Any]
    mapping: dict[str, Any] | None = None
    reading: dict[str, Any] | None = None
    next_row: int
    number: int

    @property
    def key(self) -> dict[str, str]:
        """What every report names."""
        return {"org_id": self.org_id, "import_id": self.import_id, "lease": self.lease}


def run(database: Database, http: httpx.Client, settings: Settings) -> dict[str, Any]:
    """Do what is due until nothing is, or the job's time is up."""
    worker = Worker(database, Bucket(http, settings, BUCKET), time.monotonic() + settings.flow_job_seconds)
    done = 0
    while time.monotonic() < worker.until:
        claimed = worker.claim()
        if claimed is None:
            return {"done": done, "more": False, "removed": worker.remove_files()}
        worker.work(claimed)
        done += 1
    return {"done": done, "more": True, "removed": worker.remove_files()}


class Worker:
    """Does what `worker.claim_import` hands out."""

    def __init__(self, database: Database, bucket: Bucket, until: float) -> None:
        self.database, self.bucket, self.until = database, bucket, until
        self.peak = 0
        """The most memory that a child held, in bytes."""

    def claim(self, **which: object) -> Claimed | None:
        """Claim the import that is due, or the one asked for."""
        answer = self.database.rpc("claim_import", lease_seconds=LEASE_SECONDS, **which)
        return Claimed.model_validate(answer["import"]) if answer["import"] else None

    def work(self, claimed: Claimed) -> None:
        """Do one task as far as the time allows, and give the lease back."""
        structlog.contextvars.bind_contextvars(import_id=claimed.import_id)
        try:
            outcome = self._outcome(claimed)
            if outcome is not None:
                self._tell("finish_import", claimed, outcome=outcome)
        except Refused as error:
            if error.detail != "lease_lost":
                raise
            log.info("import let go", detail=error.detail)  # cancelled, or another worker has it

    def _outcome(self, claimed: Claimed) -> dict[str, Any] | None:
        """Give how a task ended; None when its last report ended it."""
        try:
            if claimed.task == "undo":
                return self._undo(claimed)
            with self._file(claimed) as path:
                if claimed.task == "run":
                    return self._store(claimed, path)
                self._read(claimed, path)
                return None
        except NotRead as error:
            return {"outcome": "failed", "slug": error.slug, "words": error.words}
        except ProviderError as error:
            if isinstance(error, StorageRefused) and error.is_gone:
                return {
                    "outcome": "failed",
                    "slug": "file_gone",
                    "words": "The file is gone: upload it again.",
                }
            log.warning("import waits", detail=error.detail)
            return {"outcome": "later", "seconds": 30}

    @contextmanager
    def _file(self, claimed: Claimed) -> Iterator[Path]:
        with tempfile.TemporaryDirectory(prefix="flow-import-") as folder:
            path = Path(folder) / "file"
            with path.open("w+b") as file:
                self.bucket.get(claimed.path, file)
            if path.stat().st_size > MOST_BYTES:
                raise NotRead("too_large", "The file is larger than 20 MB: split it into several files.")
            yield path

    def _read(self, claimed: Claimed, path: Path) -> None:
        country = self.database.rpc("organization", org_id=claimed.org_id).get("country") or "IN"
        told = {"path": str(path), "task": "read", "choices": claimed.choices, "country": country}
        for line in lines(told):
            self._tell("record_import_reading", claimed, reading=line["reading"])

    def _store(self, claimed: Claimed, path: Path) -> dict[str, Any]:
        told = {
            "path": str(path), "task": "run", "choices": _as_read(claimed), "reading": claimed.reading,
            "mapping": claimed.mapping, "next_row": claimed.next_row, "number": claimed.number,
        }  # fmt: skip
        turn = time.monotonic() + SLICE_SECONDS
        with closing(lines(told)) as said:
            for line in said:
                if "done" in line:
                    self.peak = max(self.peak, line["done"]["peak"])
                    break
                answer = self._tell(
                    "record_import_rows", claimed, batch=line["batch"], lease_seconds=LEASE_SECONDS
                )
                now = time.monotonic()
                if now > self.until or (now > turn and answer.get("others_wait")):
                    return {"outcome": "later"}
        return {"outcome": "done"}

    def _undo(self, claimed: Claimed) -> dict[str, Any] | None:
        while self._tell("undo_import_rows", claimed, batch=UNDO_ROWS, lease_seconds=LEASE_SECONDS)["more"]:
            if time.monotonic() > self.until:
                return {"outcome": "later"}
        return None

    def _tell(self, name: str, claimed: Claimed, **more: object) -> dict[str, Any]:
        """Report; once more after a failure that may pass, since each report counts once only."""
        for pause in (*_PAUSES, None):
            try:
                return self.database.rpc(name, **claimed.key, **more)
            except Unavailable:
                if pause is None:
                    raise
                time.sleep(pause)
        raise AssertionError("unreachable")

    def remove_files(self) -> int:
        """Delete the files of imports that ended."""
        paths: list[str] = self.database.rpc("import_files_to_remove")["paths"]
        if not paths:
            return 0
        try:
            self.bucket.remove(paths)
            self.database.rpc("import_files_removed", paths=paths)
        except FlowError as error:
            log.warning("files of imports not removed yet", detail=error.detail)
            return 0
        return len(paths)


def _as_read(claimed: Claimed) -> dict[str, Any]:
    """Give the choices by which the file was read, so that it is read the same way again."""
    found = claimed.reading or {}
    return {name: found[name] for name in ("sheet", "encoding", "delimiter") if found.get(name)}
