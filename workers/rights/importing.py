"""An archive into an empty organization: checked while it is read, loaded in one transaction or not at all.

Over a direct connection of the operator's (FLOW_DATABASE_URL): the rows of a table are copied beside it, and
`private.load_table` moves them. Files of messages go into Storage first, and out again when the rows fail.
"""

from __future__ import annotations

import json
import re
import tempfile
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, LiteralString
from uuid import UUID

import httpx
import psycopg

from workers.errors import FlowError, Refused
from workers.rights.archive import Archive, ArchiveRefused
from workers.settings import Settings
from workers.storage import Bucket

if TYPE_CHECKING:
    from collections.abc import Iterator

    Connection = psycopg.Connection[tuple[Any, ...]]

_REMOVED_AT_ONCE: Final = 100
_MIME: Final = re.compile(r"[a-z0-9.+-]+/[a-z0-9.+-]+")


def import_archive(archive: Archive, http: httpx.Client, settings: Settings, org_id: str) -> dict[str, Any]:
    """Load what can be loaded; give {loaded: {table: rows}, left: {table: rows that refer to nobody here},
    files, not_loaded: {table: why}}.

    Raises ArchiveRefused, and Refused when the organization is unknown or not empty: then nothing is loaded.
    """
    media = Bucket(http, settings, "media")
    stored: list[str] = []
    try:
        with psycopg.connect(settings.secret("flow_database_url")) as connection:
            connection.execute("set local statement_timeout = 0")
            return load(connection, archive, media, org_id, stored)
    except BaseException as error:
        for first in range(0, len(stored), _REMOVED_AT_ONCE):
            with suppress(FlowError):
                media.remove(stored[first : first + _REMOVED_AT_ONCE])
        if isinstance(error, psycopg.Error):
            raise as_ours(error) from error
        raise


def load(
    connection: Connection, archive: Archive, media: Bucket, org_id: str, stored: list[str]
) -> dict[str, Any]:
    """Load an archive over a connection, in the caller's transaction; `stored` gets the objects it made."""
    begun = _call(connection, "select private.begin_load(%s)", org_id)
    known = {table["table"]: set(table["columns"]) for table in begun["tables"]}
    told = _tables(archive)
    loaded: dict[str, int] = {}
    left: dict[str, int] = {}
    not_loaded = {name: str(table.get("why", "")) for name, table in told.items() if name not in known}
    for name, columns in known.items():
        if name not in told:
            continue
        if unknown := set(told[name]["columns"]) - columns:
            raise ArchiveRefused(f"{name} has columns that this release does not know: {sorted(unknown)}.")
        with connection.cursor().copy("copy pg_temp.loading (line) from stdin") as copy:
            for line in archive.rows(name):
                try:
                    copy.write_row((line.decode(),))
                except UnicodeDecodeError as error:
                    raise ArchiveRefused(f"{name} has a line that is no text.") from error
        answer = _call(connection, "select private.load_table(%s, %s)", org_id, name)
        loaded[name] = answer["rows"] - answer["left"]
        if answer["left"]:
            left[name] = answer["left"]
    for name in not_loaded:  # looked at, so that an archive is whole or refused
        for _ in archive.rows(name):
            pass
    connection.execute("select private.finish_load(%s, %s)", [org_id, json.dumps(loaded)])
    files = _put_files(connection, archive, media, org_id, stored)
    return {"loaded": loaded, "left": left, "files": files, "not_loaded": not_loaded}


def _call(connection: Connection, query: LiteralString, *args: str) -> dict[str, Any]:
    ((answer,),) = connection.execute(query, args).fetchall()
    return dict(answer)


def _tables(archive: Archive) -> dict[str, dict[str, Any]]:
    """Give the tables that the manifest names. Raises ArchiveRefused when their files are not there."""
    found: dict[str, dict[str, Any]] = {}
    for table in archive.manifest["tables"]:
        name, columns = table.get("table"), table.get("columns")
        if not isinstance(name, str) or not isinstance(columns, list) or not archive.paths(name):
            raise ArchiveRefused(f"The manifest names a table without its file: {str(name)[:80]!r}")
        found[name] = table
    if stray := {path for path in archive.files if path.startswith("data/")} - {
        path for name in found for path in archive.paths(name)
    }:
        raise ArchiveRefused(
            f"The archive has rows of a table that its manifest does not name: {min(stray)}."
        )
    return found


def _put_files(
    connection: Connection, archive: Archive, media: Bucket, org_id: str, stored: list[str]
) -> int:
    """Put the files of the rows that were loaded where those rows say."""
    for file in _files(archive):
        row = connection.execute(
            "select path, mime_type from public.media where org_id = %s and id = %s", [org_id, file["id"]]
        ).fetchone()
        with tempfile.SpooledTemporaryFile(8 << 20) as spooled:
            for chunk in archive.content(file["path"], file):
                spooled.write(chunk)
            if row is None:
                continue
            stored.append(row[0])
            media.put(
                row[0], spooled, row[1] if _MIME.fullmatch(row[1] or "") else "application/octet-stream"
            )
    return len(stored)


def _files(archive: Archive) -> Iterator[dict[str, Any]]:
    for path in archive.files:
        if path.startswith("media/index-"):
            for line in archive.lines(path):
                try:
                    file = json.loads(line)
                    UUID(file["id"])
                    is_there = not file.get("missing")
                    if is_there and not isinstance(file["path"], str):
                        raise TypeError
                except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
                    raise ArchiveRefused(f"{path} has a line that Flow does not write.") from error
                if is_there:
                    yield file


def as_ours(error: psycopg.Error) -> FlowError:
    """Give the database's refusal in our words; its own never name what is in the rows."""
    state, told = error.sqlstate or "", error.diag
    if state.startswith("PT"):
        return Refused(int(state[2:]), told.message_primary, told.message_detail)
    if state[:2] in ("22", "23"):
        where = told.constraint_name or told.column_name or state
        return ArchiveRefused(f"The rows of the archive do not fit together ({told.table_name}: {where}).")
    return FlowError(f"The database could not load it ({state}).", detail="load_failed")
