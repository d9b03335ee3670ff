"""An export straight to a file, for operators: the same pieces and writer, in a folder of this machine."""

from __future__ import annotations

import math
import tempfile
from pathlib import Path
from typing import Any

import httpx

from workers.database import Database
from workers.rights.archive import Archive, Stream
from workers.rights.reading import Reader
from workers.rights.writing import Cursor, Sources, Writer
from workers.settings import Settings
from workers.storage import Bucket


def export_to_file(
    database: Database, http: httpx.Client, settings: Settings, org_id: str, to: Path
) -> dict[str, Any]:
    """Write everything of an organization into one ZIP file, read it again, and give its manifest.

    The file appears under its name when it is whole. Raises Refused 404, FlowError.
    """
    plan = database.rpc("plan_export", org_id=org_id)
    head = {
        "software": "Flow", "organization": {"id": org_id, "name": plan["name"]}, "export_id": None,
        "requested_by": None, "requested_at": plan["cutoff"], "cutoff": plan["cutoff"],
        "tables": plan["tables"], "exclusions": plan["exclusions"],
    }  # fmt: skip
    unfinished = to.with_name(f"{to.name}.part")
    with tempfile.TemporaryDirectory(prefix="flow-export-", dir=to.parent) as folder:
        pieces = _read(Reader(database, org_id, plan["cutoff"], plan["tables"]), Path(folder))
        sources = Sources(
            database,
            org_id,
            plan["cutoff"],
            lambda path: Path(path).read_bytes(),
            Bucket(http, settings, "media"),
        )
        try:
            with unfinished.open("wb") as file:
                for chunk in Writer(sources, head, pieces, 1 << 62).part(Cursor(), Stream()):
                    file.write(chunk)
            with Archive([unfinished]) as archive:
                archive.check()
                manifest = archive.manifest
            unfinished.replace(to)
        finally:
            unfinished.unlink(missing_ok=True)
    return manifest


def _read(reader: Reader, folder: Path) -> list[dict[str, Any]]:
    pieces: list[dict[str, Any]] = []
    at_table: str | None = None
    after: list[Any] | None = None
    while True:
        piece = reader.piece(at_table, after, math.inf)
        path = folder / str(len(pieces))
        path.write_bytes(piece.data)
        pieces.append({"path": str(path), "segments": piece.segments})
        at_table, after = piece.at_table, piece.after
        if at_table is None:
            return pieces
