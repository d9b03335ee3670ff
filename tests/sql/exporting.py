"""An export as the job makes it, over a plain connection: the functions of `worker`, Storage in memory."""

from __future__ import annotations

import io
import json
import math
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import psycopg

from tests.business import call
from tests.database import Database
from workers.rights.archive import Archive, Stream
from workers.rights.importing import as_ours
from workers.rights.reading import Reader
from workers.rights.writing import Cursor, Sources, Writer
from workers.storage import StorageRefused


class Direct:
    """Calls `worker.*` as a worker does, over the test's own connection."""

    def __init__(self, db: Database) -> None:
        self.db = db

    def rpc(self, name: str, /, **args: Any) -> dict[str, Any]:
        try:
            with self.db.transaction():
                return call(self.db, name, **args) or {}
        except psycopg.Error as error:
            raise as_ours(error) from error


class Media:
    """Files of messages, by path."""

    def __init__(self, files: dict[str, bytes] | None = None) -> None:
        self.files = files or {}

    @contextmanager
    def stream(self, path):
        if path not in self.files:
            raise StorageRefused("not there", is_gone=True)
        yield iter([self.files[path]])


def export(db: Database, org_id: UUID, media: Media | None = None, limit: int = 1 << 40) -> list[bytes]:
    """The parts of an archive of everything."""
    worker: Any = Direct(db)
    plan = worker.rpc("plan_export", org_id=str(org_id))
    # What a test made in this transaction may be later than its now().
    plan["cutoff"] = db.value("select clock_timestamp()::text")
    reader = Reader(worker, str(org_id), plan["cutoff"], plan["tables"])
    pieces: dict[str, bytes] = {}
    listed = []
    at_table, after = None, None
    while True:
        piece = reader.piece(at_table, after, math.inf)
        pieces[str(len(pieces))] = bytes(piece.data)
        listed.append({"path": str(len(listed)), "segments": piece.segments})
        at_table, after = piece.at_table, piece.after
        if at_table is None:
            break
    head = {
        "organization": {"id": str(org_id), "name": plan["name"]}, "cutoff": plan["cutoff"],
        "tables": plan["tables"], "exclusions": plan["exclusions"],
    }  # fmt: skip
    sources = Sources(worker, str(org_id), plan["cutoff"], pieces.__getitem__, media or Media())  # type: ignore[arg-type]
    writer = Writer(sources, head, listed, limit)
    cursor, parts = Cursor(), []
    while not cursor.is_done:
        parts.append(b"".join(writer.part(cursor, Stream())))
    return parts


def opened(parts: list[bytes]) -> Archive:
    """The archive, to be read."""
    return Archive([io.BytesIO(part) for part in parts])


def rows_in(archive: Archive) -> dict[str, list[dict[str, Any]]]:
    """All rows of an archive, by table."""
    return {
        table["table"]: [json.loads(line) for line in archive.rows(table["table"])]
        for table in archive.manifest["tables"]
    }
