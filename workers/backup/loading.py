"""Loads a backup into an installation that holds nothing yet: in one transaction, or not at all."""

import io
import json
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

import httpx
import psycopg
from psycopg import errors, sql
from pydantic import ValidationError

from workers.backup import BackupError, catalogue
from workers.backup.catalogue import Manifest, Rows
from workers.backup.making import Say, pour
from workers.backup.sealed import PIECE, SealedReader
from workers.settings import Settings
from workers.storage import Bucket

CHUNK = 1 << 18
TRIES = 10


@contextmanager
def opened(path: Path, passphrase: str) -> Iterator[tuple[zipfile.ZipFile, Manifest]]:
    """Open a backup and check every byte of it; nothing else is touched meanwhile.

    Raises BackupError: not_a_backup, backup_unreadable, backup_damaged, backup_newer.
    """
    try:
        with (
            io.BufferedReader(SealedReader(path, passphrase), PIECE) as sealed,
            zipfile.ZipFile(sealed) as archive,
        ):
            manifest = Manifest.model_validate_json(archive.read("manifest.json"))
            if manifest.format != 1:
                raise BackupError("The backup is of a form that this release does not know.", "backup_newer")
            _check(archive, manifest)
            yield archive, manifest
    except FileNotFoundError:
        raise BackupError(f"{path} is not there.", "not_a_backup") from None
    except (zipfile.BadZipFile, KeyError, ValidationError, EOFError) as error:
        raise BackupError(f"The backup is damaged: {type(error).__name__}.", "backup_damaged") from error


def _check(archive: zipfile.ZipFile, manifest: Manifest) -> None:
    wanted = {"vault.json": manifest.secrets_sha256}
    wanted |= {table.member: table.sha256 for table in manifest.tables}
    wanted |= {file.member: file.sha256 for file in manifest.files}
    names = archive.namelist()
    if sorted(names) != sorted([*wanted, "manifest.json"]):
        raise BackupError("The backup does not hold what its manifest names.", "backup_damaged")
    for name, digest in wanted.items():
        with archive.open(name) as member:
            if pour(_chunks(member))[1] != digest:
                raise BackupError(f"The backup is damaged at {name}.", "backup_damaged")


def load(
    known: Settings, archive: zipfile.ZipFile, manifest: Manifest, http: httpx.Client, say: Say, *, live: bool
) -> dict[str, Any]:
    """Load everything; give counts of what was loaded and of what now stands still.

    Raises BackupError: schema_differs, not_empty, may_not_load, busy, rows_missing, credentials_broken.
    """
    with psycopg.connect(known.secret("flow_database_url"), connect_timeout=15) as connection:
        connection.execute("set local statement_timeout = 0")
        _refuse(connection, manifest)
        _be_quiet(connection)
        _empty(connection)
        _rows(connection, archive, manifest)
        _secrets(connection, archive)
        connection.execute("set local session_replication_role = origin")
        broken = _value(connection, "select private.broken_credentials()")
        if broken:
            raise BackupError(
                f"{broken} credentials do not open with the backup's keys.", "credentials_broken"
            )
        settled = _value(connection, "select private.settle_restored(%s)", live)
        say("storing files")
        for file in manifest.files:
            with archive.open(file.member) as member:
                Bucket(http, known, file.bucket).put(file.name, member, file.mime_type)
    _analyze(known, say)
    return {
        "rows": sum(table.rows for table in manifest.tables),
        "tables": len(manifest.tables),
        "files": len(manifest.files),
        **settled,
    }


def _refuse(connection: Rows, manifest: Manifest) -> None:
    """Refuse a target that is of another schema, or that somebody uses."""
    here = catalogue.migrations(connection)
    if here != manifest.migrations:
        newest, wanted = (here or ["none"])[-1], manifest.migrations[-1]
        raise BackupError(
            f"The backup is of migration {wanted} (release {manifest.release}), this database of {newest}: "
            "restore it with the release that made it, then migrate.",
            "schema_differs",
        )
    for table in ("public.organizations", "auth.users"):
        if _value(connection, f"select exists (select from {table})"):  # noqa: S608 (two names of ours)
            raise BackupError(
                f"This installation is in use ({table} has rows): restore into an empty one.", "not_empty"
            )
    if missing := catalogue.missing_columns(manifest.tables, catalogue.tables(connection)):
        raise BackupError(f"This database has no place for {', '.join(missing)}.", "schema_differs")
    lacking = {file.bucket for file in manifest.files} - {
        name for (name,) in connection.execute("select id from storage.buckets")
    }
    if lacking:
        raise BackupError(f"Storage lacks the buckets {', '.join(sorted(lacking))}.", "schema_differs")


def _be_quiet(connection: Rows) -> None:
    """Let no trigger act on what arrives, and no foreign key ask for what comes later."""
    try:
        connection.execute("set local session_replication_role = replica")
    except errors.InsufficientPrivilege:
        raise BackupError(
            "This role may not load rows without triggers: give the connection string of the role postgres.",
            "may_not_load",
        ) from None


def _empty(connection: Rows) -> None:
    """Take out what the migrations put in: the backup has its own. The schedule may be at work in them."""
    listed = [table.named() for table in catalogue.tables(connection) if table.schema_name != "auth"]
    statement = sql.SQL("truncate {}").format(sql.SQL(", ").join(listed))
    connection.execute("set local lock_timeout = '3s'")
    for attempt in range(TRIES):
        try:
            with connection.transaction():
                connection.execute(statement)
        except (errors.LockNotAvailable, errors.DeadlockDetected):
            time.sleep(0.2 * (attempt + 1))
        else:
            return
    raise BackupError("The database is at work all the time: stop the workers, then try again.", "busy")


def _rows(connection: Rows, archive: zipfile.ZipFile, manifest: Manifest) -> None:
    held = {(part.schema_name, part.name) for part in catalogue.partitions(connection)}
    for part in manifest.partitions:
        if (part.schema_name, part.name) not in held:
            _partition(connection, part)
    for table in manifest.tables:
        if not table.rows:
            continue
        statement = sql.SQL("copy {} ({}) from stdin").format(table.named(), table.listed())
        with archive.open(table.member) as member, connection.cursor() as cursor:
            with cursor.copy(statement) as copy:
                for data in _chunks(member):
                    copy.write(data)
            if cursor.rowcount != table.rows:
                raise BackupError(f"{table.key} took {cursor.rowcount} of {table.rows} rows.", "rows_missing")
    for schema, name, value in manifest.sequences:
        connection.execute(
            "select setval(format('%%I.%%I', %s::text, %s::text)::regclass, %s)", (schema, name, value)
        )


def _partition(connection: Rows, part: catalogue.Partition) -> None:
    name, parent = sql.Identifier(part.schema_name, part.name), sql.Identifier(part.schema_name, part.parent)
    connection.execute(
        sql.SQL(
            "create table {0} (like {1} including all excluding identity); "
            "alter table {0} enable row level security; comment on table {0} is {2}; "
        ).format(name, parent, sql.Literal(part.comment))
        + sql.SQL("alter table {} attach partition {} ").format(parent, name)
        + sql.SQL(part.bound)
    )


def _secrets(connection: Rows, archive: zipfile.ZipFile) -> None:
    """Put the keys into this installation's Vault, which seals them under a key of its own."""
    held = {
        name
        for (name,) in connection.execute("select name from vault.secrets where starts_with(name, 'flow_')")
    }
    for name, description, secret in json.loads(archive.read("vault.json")):
        if name in catalogue.OWN_SECRETS and name in held:
            continue
        connection.execute("select private.set_secret(%s, %s, %s)", (name, secret, description))


def _analyze(known: Settings, say: Say) -> None:
    """Let the planner know the tables; a backup is whole without, so a refusal is told and no more."""
    say("analyzing")
    with (
        suppress(psycopg.Error),
        psycopg.connect(known.secret("flow_database_url"), autocommit=True) as connection,
    ):
        connection.execute("analyze")


def _value(connection: Rows, query: str, *params: object) -> Any:
    row = connection.execute(query.encode(), params or None).fetchone()
    return row and row[0]


def _chunks(member: IO[bytes]) -> Iterator[bytes]:
    while data := member.read(CHUNK):
        yield data
