"""The history of the schema, applied in order to any database: the embedded one or a hosted project's.

The same table keeps what was applied as `supabase db push` uses, so the two agree.
"""

import time
from collections.abc import Callable
from pathlib import Path

import psycopg

from workers.local import StackError

Connection = psycopg.Connection[tuple[object, ...]]
PACKAGE = Path(__file__).parents[1]
HISTORY = """
    create schema if not exists supabase_migrations;
    create table if not exists supabase_migrations.schema_migrations
      (version text primary key, statements text[], name text)"""
NOTE = "insert into supabase_migrations.schema_migrations (version, name, statements) values (%s, %s, %s)"
OUTSIDE = "-- outside a transaction"
LOCK_TIMEOUT = "set lock_timeout = '3s'"
TRIES = 6
LOCK = "select pg_advisory_lock(hashtextextended('flow migrations', 0))"


def folder() -> Path:
    """Give the folder of migrations: a package carries its own, a clone has supabase/migrations."""
    packed = PACKAGE / "migrations"
    return packed if packed.is_dir() else PACKAGE.parent / "supabase" / "migrations"


def apply(dsn: str, say: Callable[[str], None], source: Path | None = None, pause: float = 1.0) -> list[str]:
    """Apply what is missing, each file in a transaction of its own; give the versions applied.

    No statement waits long for a lock, with everybody else queueing behind it: the file is tried again a
    little later. Raises StackError `migration_failed`; what was applied before stays.
    """
    applied = []
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(LOCK)  # released with the connection: two operators never apply at once
        row = connection.execute("select to_regclass('supabase_migrations.schema_migrations')").fetchone()
        if not row or row[0] is None:
            connection.execute(HISTORY)
        found = connection.execute("select version from supabase_migrations.schema_migrations")
        known = {version for (version,) in found}
        connection.execute(LOCK_TIMEOUT)
        for path in sorted((source or folder()).glob("[0-9]*_*.sql")):
            version, name = path.stem.split("_", 1)
            if version in known:
                continue
            say(f"applying {path.name}")
            _apply_one(connection, path, version, name, say, pause)
            applied.append(version)
    return applied


def configure(dsn: str, worker_url: str, job_secret: str) -> None:
    """Tell the database where the workers are, so that it can wake them."""
    with psycopg.connect(dsn) as connection:
        row = connection.execute("select to_regprocedure('private.configure(text,text)')").fetchone()
        if row and row[0] is not None:
            connection.execute("select private.configure(%s, %s)", (worker_url, job_secret))


def _apply_one(
    connection: Connection,
    path: Path,
    version: str,
    name: str,
    say: Callable[[str], None],
    pause: float,
) -> None:
    text = path.read_text(encoding="utf-8")
    try:
        for attempt in range(TRIES):
            try:
                _run(connection, text, version, name)
            except (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected):
                if attempt + 1 == TRIES:
                    raise
                say(f"{path.name} waits for a table that is in use ({attempt + 1} of {TRIES})")
                time.sleep(pause * 2**attempt)
            else:
                return
    except psycopg.Error as error:
        place = error.diag.statement_position
        line = f", line {text[: int(place)].count(chr(10)) + 1}" if place else ""
        sentence = error.diag.message_primary or str(error)
        raise StackError(f"{path.name}{line}: {sentence}", "migration_failed") from error


def _run(connection: Connection, text: str, version: str, name: str) -> None:
    """Apply one file. What cannot run in a transaction (an index made concurrently) has a file of its own."""
    if text.startswith(OUTSIDE):
        connection.execute(text.encode())
        connection.execute(NOTE, (version, name, [text]))
        return
    with connection.transaction():
        connection.execute(text.encode())
        connection.execute(NOTE, (version, name, [text]))
