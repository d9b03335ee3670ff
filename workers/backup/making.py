"""Makes a backup: one snapshot of the database, then the files that it names."""

import hashlib
import json
import os
import zipfile
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import IO

import httpx
import psycopg

from workers.backup import BackupError, catalogue
from workers.backup.catalogue import File, Manifest, Rows, Table
from workers.backup.sealed import SealedWriter
from workers.settings import Settings
from workers.storage import Bucket, StorageRefused

Say = Callable[[str], None]


def make(
    known: Settings, folder: Path, passphrase: str, http: httpx.Client, say: Say
) -> tuple[Path, Manifest]:
    """Write one file into the folder, whole or not at all; give its path and what is in it.

    Raises BackupError: passphrase_short, schema_unknown.
    """
    folder.mkdir(parents=True, exist_ok=True)
    made_at = datetime.now(UTC)
    path = folder / f"flow-{made_at:%Y%m%dT%H%M%SZ}.backup"
    part = path.with_suffix(".part")
    try:
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
            sealed = SealedWriter(out, passphrase)
            with zipfile.ZipFile(sealed, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
                manifest = _fill(archive, known, http, say, made_at.isoformat())
            sealed.finish()
            os.fsync(out.fileno())
        part.rename(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    return path, manifest


def _fill(archive: zipfile.ZipFile, known: Settings, http: httpx.Client, say: Say, made_at: str) -> Manifest:
    with psycopg.connect(known.secret("flow_database_url"), connect_timeout=15) as connection:
        # One snapshot for all tables: what is written meanwhile is in none of them.
        connection.execute("set transaction isolation level repeatable read, read only")
        connection.execute("set local statement_timeout = 0")
        applied = catalogue.migrations(connection)
        if not applied:
            raise BackupError(
                "This database has no schema of Flow: there is nothing to back up.", "schema_unknown"
            )
        tables = catalogue.tables(connection)
        for table in tables:
            _copy(archive, connection, table)
        say(f"{sum(table.rows for table in tables)} rows of {len(tables)} tables")
        secrets = [list(row) for row in connection.execute(catalogue.SECRETS)]
        packed = json.dumps(secrets).encode()
        archive.writestr("vault.json", packed)
        partitions = catalogue.partitions(connection)
        sequences = [tuple(row) for row in connection.execute(catalogue.SEQUENCES)]
        listed = connection.execute(catalogue.FILES).fetchall()
    files = list(_files(archive, known, http, listed))
    say(f"{len(files)} files, {sum(file.size for file in files)} bytes")
    manifest = Manifest(
        made_at=made_at,
        release=version("nanocon-flow"),
        migrations=applied,
        tables=tables,
        partitions=partitions,
        sequences=sequences,
        secrets_sha256=hashlib.sha256(packed).hexdigest(),
        files=files,
    )
    archive.writestr("manifest.json", manifest.model_dump_json())
    return manifest


def _copy(archive: zipfile.ZipFile, connection: Rows, table: Table) -> None:
    digest = hashlib.sha256()
    statement = psycopg.sql.SQL("copy (select {} from {}) to stdout").format(table.listed(), table.named())
    with (
        archive.open(table.member, "w", force_zip64=True) as out,
        connection.cursor() as cursor,
        cursor.copy(statement) as copy,
    ):
        for data in copy:
            digest.update(data)
            table.rows += bytes(data).count(b"\n")  # COPY writes a newline inside a value as \n
            out.write(data)
    table.sha256 = digest.hexdigest()


def _files(
    archive: zipfile.ZipFile, known: Settings, http: httpx.Client, listed: list[tuple[str, ...]]
) -> Iterator[File]:
    """Copy each object; what went since the snapshot is left out: retention takes files all the time."""
    for bucket, name, mime_type in listed:
        try:
            with Bucket(http, known, bucket).stream(name) as chunks:
                file = File(bucket=bucket, name=name, mime_type=mime_type or "application/octet-stream")
                with archive.open(file.member, "w", force_zip64=True) as out:
                    file.size, file.sha256 = pour(chunks, out)
        except StorageRefused as refused:
            if not refused.is_gone:
                raise
        else:
            yield file


def pour(chunks: Iterable[bytes], into: IO[bytes] | None = None) -> tuple[int, str]:
    """Copy what comes; give its size and digest."""
    digest, size = hashlib.sha256(), 0
    for data in chunks:
        digest.update(data)
        size += len(data)
        if into is not None:
            into.write(data)
    return size, digest.hexdigest()
