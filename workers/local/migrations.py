"""The history of the schema, applied in order to any database: the embedded one or a hosted project's.

The same table keeps what was applied as `supabase db push` uses, so the two agree.
"""

from collections.abc import Callable
from pathlib import Path

import psycopg

from workers.local import StackError

PACKAGE = Path(__file__).parents[1]
HISTORY = """
    create schema if not exists supabase_migrations;
    create table if not exists supabase_migrations.schema_migrations
      (version text primary key, statements text[], name text)"""
LOCK = "select pg_advisory_lock(hashtextextended('flow migrations', 0))"


def folder() -> Path:
    """Give the folder of migrations: a package carries its own, a clone has supabase/migrations."""
    packed = PACKAGE / "migrations"
    return packed if packed.is_dir() else PACKAGE.parent / "supabase" / "migrations"


def apply(dsn: str, say: Callable[[str], None], source: Path | None = None) -> list[str]:
    """Apply what is missing, each file in a transaction of its own; give the versions applied."""
    applied = []
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(LOCK)  # released with the connection: two operators never apply at once
        row = connection.execute("select to_regclass('supabase_migrations.schema_migrations')").fetchone()
        if not row or row[0] is None:
            connection.execute(HISTORY)
        found = connection.execute("select version from supabase_migrations.schema_migrations")
        known = {version for (version,) in found}
        for path in sorted((source or folder()).glob("[0-9]*_*.sql")):
            version, name = path.stem.split("_", 1)
            if version in known:
                continue
            say(f"applying {path.name}")
            _apply_one(connection, path, version, name)
            applied.append(version)
    return applied


def configure(dsn: str, worker_url: str, job_secret: str) -> None:
    """Tell the database where the workers are, so that it can wake them."""
    with psycopg.connect(dsn) as connection:
        row = connection.execute("select to_regprocedure('private.configure(text,text)')").fetchone()
        if row and row[0] is not None:
            connection.execute("select private.configure(%s, %s)", (worker_url, job_secret))


def _apply_one(
    connection: "psycopg.Connection[tuple[object, ...]]", path: Path, version: str, name: str
) -> None:
    text = path.read_text(encoding="utf-8")
    note = "insert into supabase_migrations.schema_migrations (version, name, statements) values (%s, %s, %s)"
    try:
        with connection.transaction():
            connection.execute(text.encode())
            connection.execute(note, (version, name, [text]))
    except psycopg.Error as error:
        place = error.diag.statement_position
        line = f", line {text[: int(place)].count(chr(10)) + 1}" if place else ""
        sentence = error.diag.message_primary or str(error)
        raise StackError(f"{path.name}{line}: {sentence}", "migration_failed") from error
