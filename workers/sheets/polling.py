"""The job `sheets`: looks whether connected sheets have changed, and hands what changed to the imports."""

from __future__ import annotations

import csv
import hashlib
import tempfile
import time
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import httpx
import structlog
from pydantic import BaseModel

from workers.database import Database
from workers.errors import ProviderError, Refused
from workers.settings import Settings
from workers.sheets.files import MOST_BYTES, MOST_ROWS
from workers.sheets.google import AccessLost, Failed, Google, TooOften
from workers.storage import Bucket, StorageRefused
from workers.telemetry.trace import on_behalf

BUCKET: Final = "imports"
LEASE_SECONDS: Final = 180
_READINGS: Final = 3

log = structlog.stdlib.get_logger(__name__)


class Claimed(BaseModel, extra="ignore"):
    """A sheet, as the database hands it out."""

    run_id: str
    org_id: str
    spreadsheet_id: str
    gid: int
    version: str | None = None
    sha256: str | None = None


class TooLargeError(Exception):
    """The tab holds more than a file of leads may."""


def run(database: Database, http: httpx.Client, settings: Settings) -> dict[str, Any]:
    """Look at every sheet that is due, until none is or the job's time is up."""
    if not settings.google_service_account_email:
        return {"sheets": 0, "changed": 0, "more": False}
    poller = Poller(database, http, settings)
    until, counts = time.monotonic() + settings.flow_job_seconds, {"sheets": 0, "changed": 0}
    while time.monotonic() < until:
        claimed = database.rpc("claim_sheets", lease_seconds=LEASE_SECONDS, batch=1)["sheets"]
        if not claimed:
            return {**counts, "more": False}
        counts["sheets"] += 1
        counts["changed"] += poller.look(Claimed.model_validate(claimed[0])).get("outcome") == "changed"
    return {**counts, "more": True}


def sync_now(
    database: Database, http: httpx.Client, settings: Settings, org_id: UUID, source_id: UUID | None
) -> dict[str, Any]:
    """Look at one sheet because a person asked. Raises Refused, with the time it may run."""
    poller = Poller(database, http, settings)
    asked = {"org_id": str(org_id), "source_id": str(source_id) if source_id else None, "manual": True}
    claimed = database.rpc("claim_sheets", lease_seconds=LEASE_SECONDS, **asked)["sheets"][0]
    return poller.look(Claimed.model_validate(claimed))


class Poller:
    """Reads sheets that `worker.claim_sheets` hands out."""

    def __init__(self, database: Database, http: httpx.Client, settings: Settings) -> None:
        self._database, self._google = database, Google(http, settings)
        self._bucket = Bucket(http, settings, BUCKET)

    def look(self, sheet: Claimed) -> dict[str, Any]:
        """Do one run, and tell the database how it ended."""
        structlog.contextvars.bind_contextvars(run_id=sheet.run_id)
        try:
            outcome, details = on_behalf(sheet.org_id, self._outcome, sheet)
            return self._tell(sheet, "finish_sheet_run", outcome=outcome, details=details)
        except Refused as error:
            if error.detail != "lease_lost":
                raise
            log.info("sheet let go", detail=error.detail)
            return {"run_id": sheet.run_id, "outcome": "disconnected"}

    def _outcome(self, sheet: Claimed) -> tuple[str, dict[str, Any]]:
        try:
            return self._read(sheet)
        except AccessLost as error:
            return "access_lost", {"words": error.message}
        except TooOften as error:
            return "rate_limited", {"seconds": error.seconds, "words": error.message}
        except TooLargeError as error:
            return "too_large", {"words": str(error)}
        except (Failed, StorageRefused) as error:
            return "failing", {"words": error.message, "status": getattr(error, "answered", None)}
        except ProviderError as error:
            return "failing", {"words": error.message}

    def _read(self, sheet: Claimed) -> tuple[str, dict[str, Any]]:
        self._go_on(sheet)
        version = self._google.file(sheet.spreadsheet_id).version
        if version and version == sheet.version:
            return "unchanged", {}
        self._go_on(sheet)
        tab = next(
            (t.title for t in self._google.tabs(sheet.spreadsheet_id) if t.sheet_id == sheet.gid), None
        )
        if tab is None:
            raise AccessLost("The tab that Flow reads is gone from the sheet.")
        with tempfile.TemporaryDirectory(prefix="flow-sheet-") as folder:
            path = Path(folder) / "sheet.csv"
            for _ in range(_READINGS):
                rows = self._write(sheet, tab, path)
                self._go_on(sheet)
                now = self._google.file(sheet.spreadsheet_id).version
                if now == version:
                    break
                version = now  # somebody typed while it was read
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
                if digest == sheet.sha256 or rows == 0:
                    return "unchanged", {"version": version}
                made = self._tell(sheet, "begin_sheet_import", bytes=path.stat().st_size, sha256=digest)
                self._bucket.put(made["path"], file, "text/csv")
        details = {"import_id": made["import_id"], "version": version, "tab": tab, "rows": rows}
        return "changed", details

    def _write(self, sheet: Claimed, tab: str, path: Path) -> int:
        """Write a tab as a CSV file; give how many rows it has."""
        rows = 0
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            pages = self._google.rows(sheet.spreadsheet_id, tab)
            while True:
                self._go_on(sheet)
                page = next(pages, None)
                if page is None:
                    return rows
                writer.writerows([cell.replace("\0", "") for cell in row] for row in page)
                rows += len(page)
                if rows > MOST_ROWS or file.tell() > MOST_BYTES:
                    raise TooLargeError("The tab has more than 100,000 rows or 20 MB: split it into several.")

    def _go_on(self, sheet: Claimed) -> None:
        self._tell(sheet, "sheet_run_goes_on")

    def _tell(self, sheet: Claimed, name: str, **more: object) -> dict[str, Any]:
        return self._database.rpc(name, org_id=sheet.org_id, run_id=sheet.run_id, **more)
