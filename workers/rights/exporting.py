"""The job `exports`: everything of an organization, built piece by piece, written as an archive, read again.

The database says what is due and where to go on. Every object has a name of its own, so that a worker that
was thought dead harms nobody; what is left lying about is removed once the export has ended.
"""

from __future__ import annotations

import hashlib
import io
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from copy import deepcopy
from typing import IO, Any, Final, cast
from uuid import uuid4

import httpx
import structlog
from pydantic import BaseModel

from workers.database import Database
from workers.errors import FlowError, ProviderError, Refused, Unavailable
from workers.rights.archive import Archive, ArchiveRefused, Stream
from workers.rights.reading import Reader
from workers.rights.writing import Cursor, Sources, Writer
from workers.settings import Settings
from workers.storage import Bucket, StorageRefused

BUCKET: Final = "exports"
LEASE_SECONDS: Final = 120
_KEEP: Final = 30.0  # seconds between two signs of life
_WAIT: Final = 30  # seconds until what failed for the moment is tried again
_WINDOW: Final = 1 << 20
_SMALLEST: Final = 45_000_000  # bytes of a part that any project takes

log = structlog.stdlib.get_logger(__name__)


class Claimed(BaseModel, extra="ignore"):
    """An export, as the database hands it out."""

    org_id: str
    export_id: str
    lease: str
    status: str
    name: str
    requested_by: str | None
    requested_at: str
    cutoff: str
    at_table: str | None = None
    after: list[Any] | None = None
    pieces: int
    parts: list[dict[str, Any]]
    cursor: dict[str, Any] | None = None
    tables: list[dict[str, Any]]
    exclusions: list[dict[str, Any]]

    @property
    def key(self) -> dict[str, str]:
        """What every report names."""
        return {"org_id": self.org_id, "export_id": self.export_id, "lease": self.lease}

    @property
    def head(self) -> dict[str, Any]:
        """What the manifest begins with."""
        return {
            "software": "Flow", "organization": {"id": self.org_id, "name": self.name},
            "export_id": self.export_id, "requested_by": self.requested_by, "requested_at": self.requested_at,
            "cutoff": self.cutoff, "tables": self.tables, "exclusions": self.exclusions,
        }  # fmt: skip


def run(database: Database, http: httpx.Client, settings: Settings) -> dict[str, Any]:
    """Do what is due until nothing is, or the job's time is up; then remove what is over."""
    worker = Worker(database, http, settings)
    turns = 0
    while time.monotonic() < worker.until:
        claimed = worker.claim()
        if claimed is None:
            return {"turns": turns, "removed": worker.remove_files(), "more": False}
        worker.work(claimed)
        turns += 1
    return {"turns": turns, "removed": worker.remove_files(), "more": True}


class Worker:
    """Does what `worker.claim_export` hands out."""

    def __init__(self, database: Database, http: httpx.Client, settings: Settings) -> None:
        self.database = database
        self.bucket, self.media = Bucket(http, settings, BUCKET), Bucket(http, settings, "media")
        self.limit = settings.flow_export_part_mb * 1_000_000
        self.until = time.monotonic() + settings.flow_job_seconds

    def claim(self, **which: object) -> Claimed | None:
        """Claim the export that is due."""
        answer = self.database.rpc("claim_export", lease_seconds=LEASE_SECONDS, **which)
        return Claimed.model_validate(answer["export"]) if answer["export"] else None

    def work(self, claimed: Claimed) -> None:
        """Take one export as far as the time allows, and give the lease back."""
        try:
            self.database.rpc("finish_export", **claimed.key, outcome=self._outcome(claimed))
        except Refused as error:
            if error.detail != "lease_lost":
                raise
            log.info("export let go", export_id=claimed.export_id)  # cancelled, deleted, or another has it

    def _outcome(self, claimed: Claimed) -> dict[str, Any]:
        try:
            if claimed.status == "reading" and not self._read(claimed):
                return {"outcome": "later"}
            self._write(claimed)
        except StorageRefused as error:
            log.warning("export refused by Storage", export_id=claimed.export_id, detail=error.detail)
            if error.is_too_large:
                words = "Storage takes no file this large: raise its limit (Settings of Storage)."
                return {"outcome": "failed", "slug": "part_too_large", "words": words}
            return _later(error.detail, "Storage refuses the archive just now; it is tried again.")
        except (ProviderError, Unavailable) as error:
            log.warning("export waits", export_id=claimed.export_id, detail=error.detail)
            return _later(
                error.detail, "Storage or the database does not answer just now; it is tried again."
            )
        except ArchiveRefused as error:
            log.exception("export is not as it was written", export_id=claimed.export_id)
            return {"outcome": "failed", "slug": "archive_differs", "words": error.message}
        except OSError as error:
            log.warning("export waits", export_id=claimed.export_id, detail=f"os_{error.errno}")
            return _later("no_room", "The worker has no room for its work just now; it is tried again.")
        return {"outcome": "ready"}

    # Rows into pieces ------------------------------------------------------------------------------------

    def _read(self, claimed: Claimed) -> bool:
        """Read on until all rows are in pieces; False when the time is up before."""
        reader = Reader(self.database, claimed.org_id, claimed.cutoff, claimed.tables)
        at_table, after, number = claimed.at_table, claimed.after, claimed.pieces
        while True:
            piece = reader.piece(at_table, after, self.until)
            path = self._path(claimed, f"pieces/{number}")
            self.bucket.put(path, io.BytesIO(piece.data), "application/octet-stream")
            self._tell(
                "record_export_piece", claimed, path,
                piece={"number": number, "path": path, "segments": piece.segments},
                read=piece.read, at_table=piece.at_table, after=piece.after, lease_seconds=LEASE_SECONDS,
            )  # fmt: skip
            at_table, after, number = piece.at_table, piece.after, number + 1
            if at_table is None:
                return True
            if time.monotonic() > self.until:
                return False

    # Pieces into parts -----------------------------------------------------------------------------------

    def _write(self, claimed: Claimed) -> None:
        """Write the parts that are missing, each in one go, and read the whole archive again."""
        found = self.database.rpc("export_pieces", **claimed.key)
        sources = Sources(self.database, claimed.org_id, claimed.cutoff, self._piece, self.media)
        cursor = Cursor(**(claimed.cursor or {}))
        parts = list(claimed.parts)
        writer = Writer(sources, claimed.head, found["pieces"], self.limit)
        alive = self._sign_of_life(claimed)
        while not cursor.is_done:
            zipped, number = Stream(), cursor.part
            path = self._path(claimed, f"part-{number + 1}.zip")
            begins = deepcopy(cursor)
            try:
                self.bucket.put_stream(path, _ticking(writer.part(cursor, zipped), alive), "application/zip")
            except ProviderError as error:
                is_other = isinstance(error, StorageRefused) and not error.is_too_large
                if is_other or zipped.bytes <= _SMALLEST or self.limit <= _SMALLEST:
                    raise
                # Storage does not say what it takes (50 MB, unless that was raised), and may just hang up.
                self.limit = max(_SMALLEST, self.limit // 10)
                cursor, writer = begins, Writer(sources, claimed.head, found["pieces"], self.limit)
                continue
            part = {
                "path": path, "name": _name(claimed, number), "bytes": zipped.bytes,
                "sha256": zipped.sha256.hexdigest(), "files": len(zipped.files),
            }  # fmt: skip
            self._tell(
                "record_export_part", claimed, path,
                part=part, cursor=cursor.as_json(), lease_seconds=LEASE_SECONDS,
            )  # fmt: skip
            parts.append(part)
        for part in parts:
            self._compare(part, alive)
        files = [
            cast(
                IO[bytes],
                io.BufferedReader(_Remote(self.bucket, part["path"], part["bytes"], alive), _WINDOW),
            )
            for part in parts
        ]
        with Archive(files) as archive:
            archive.check()

    def _compare(self, part: dict[str, Any], alive: Callable[[], None]) -> None:
        """Read a part again: Storage must hold the very bytes that were written. Raises ArchiveRefused."""
        digest = hashlib.sha256()
        with self.bucket.stream(part["path"]) as chunks:
            for chunk in _ticking(chunks, alive):
                digest.update(chunk)
        if digest.hexdigest() != part["sha256"]:
            raise ArchiveRefused("Storage holds other bytes than were written.")

    def _piece(self, path: str) -> bytes:
        held = io.BytesIO()
        self.bucket.get(path, held)
        return held.getvalue()

    def _path(self, claimed: Claimed, name: str) -> str:
        return f"{claimed.org_id}/{claimed.export_id}/{uuid4().hex[:12]}/{name}"

    def _tell(self, name: str, claimed: Claimed, path: str, **more: object) -> None:
        """Report an object that is stored; one that nobody wants any more is removed again."""
        try:
            self.database.rpc(name, **claimed.key, **more)
        except Refused:
            with suppress(FlowError):
                self.bucket.remove([path])
            raise

    def _sign_of_life(self, claimed: Claimed) -> Callable[[], None]:
        told = time.monotonic()

        def alive() -> None:
            nonlocal told
            if time.monotonic() - told > _KEEP:
                told = time.monotonic()
                self.database.rpc("keep_export", **claimed.key, lease_seconds=LEASE_SECONDS)

        return alive

    def remove_files(self) -> int:
        """Delete the pieces of exports that ended, and archives whose time is over."""
        removed = 0
        while paths := self.database.rpc("exports_to_remove")["paths"]:
            try:
                self.bucket.remove(paths)
            except FlowError as error:
                log.warning("files of exports not removed yet", detail=error.detail)
                break
            removed += len(paths)
        return removed


class _Remote(io.RawIOBase):
    """An object in Storage as a file that can be sought."""

    def __init__(self, bucket: Bucket, path: str, size: int, alive: Callable[[], None]) -> None:
        self._bucket, self._path, self._size, self._alive = bucket, path, size, alive
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._at = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, into: Any) -> int:
        self._alive()
        last = min(self._at + len(into), self._size) - 1
        if last < self._at:
            return 0
        data = self._bucket.read(self._path, self._at, last)
        into[: len(data)] = data
        self._at += len(data)
        return len(data)


def _ticking(chunks: Iterator[bytes], alive: Callable[[], None]) -> Iterator[bytes]:
    for chunk in chunks:
        alive()
        yield chunk


def _later(slug: str, words: str) -> dict[str, Any]:
    return {"outcome": "later", "seconds": _WAIT, "slug": slug, "words": words}


def _name(claimed: Claimed, number: int) -> str:
    """Give what the file is called where it is downloaded to."""
    return f"flow-export-{claimed.cutoff[:10]}{f'-{number + 1}' if number else ''}.zip"
