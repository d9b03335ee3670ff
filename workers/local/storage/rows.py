"""The rows of storage.buckets and storage.objects, asked for as the caller, or as the tables' owner."""

import json
from collections.abc import Mapping
from typing import Any

import psycopg
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb
from psycopg_pool import ConnectionPool

from workers.local.storage.errors import ERRORS, StorageError

Row = dict[str, Any]
Caller = Mapping[str, Any]

BUCKETS = (
    "select id, name, coalesce(owner::text, '') owner, public, file_size_limit, allowed_mime_types,"
    " created_at, updated_at, type from storage.buckets where id = coalesce(%s, id) order by id"
)
_OBJECT = (
    "id::text, name, bucket_id, owner::text, owner_id, version, created_at, updated_at, last_accessed_at,"
    " metadata, user_metadata"
)
FIND = f"select {_OBJECT} from storage.objects where bucket_id = %s and name = any (%s)"  # noqa: S608
SEARCH = (
    "select name, id::text, updated_at, created_at, last_accessed_at, metadata"
    " from storage.search(%s, %s, %s, 1, %s, %s, %s, %s)"
)
DELETE = f"delete from storage.objects where bucket_id = %s and name = any (%s) returning {_OBJECT}"  # noqa: S608
_INSERT = (
    "insert into storage.objects (bucket_id, name, version, owner, owner_id, metadata, user_metadata)"
    " values (%s, %s, %s, %s, %s, %s, %s)"
)
_CHANGED = "version, owner, owner_id, metadata, user_metadata"
_UPSERT = (
    f"{_INSERT} on conflict (bucket_id, name) do update set ({_CHANGED}) = "
    f"({', '.join('excluded.' + column for column in _CHANGED.split(', '))}) returning {_OBJECT}"
)
_SCOPE = "select " + ", ".join(
    f"set_config('{name}', %s, true)"
    for name in (
        "role",
        "request.jwt.claims",
        "request.jwt.claim.sub",
        "request.jwt.claim.role",
        "storage.operation",
        "storage.allow_delete_query",
        "statement_timeout",
    )
)


class Rows:
    """The two tables, behind a pool that outlives a restart of Postgres."""

    def __init__(self, dsn: str) -> None:
        self.pool = ConnectionPool(
            dsn,
            min_size=1,
            max_size=8,
            open=True,
            kwargs={"row_factory": dict_row},
            check=ConnectionPool.check_connection,
            reconnect_timeout=3600,
        )

    def run(
        self, who: Caller | None, operation: str, query: str, *args: object, keep: bool = True
    ) -> list[Row]:
        """Run one statement as the caller, or as the tables' owner (who=None); keep=False only tries it."""
        role, subject = (who["role"], who.get("sub", "")) if who else ("none", "")
        scope = [role, json.dumps(who or {}), subject, role, f"storage.{operation}", "true", "30s"]
        try:
            with self.pool.connection() as connection, connection.transaction(force_rollback=not keep):
                connection.execute(_SCOPE, scope)
                cursor = connection.execute(query.encode(), args)
                return cursor.fetchall() if cursor.description else []  # type: ignore[return-value]
        except psycopg.Error as error:
            if "row-level security" in str(error):  # hosted shortens this one
                raise StorageError("42501", "new row violates row-level security policy") from error
            known = error.sqlstate in ERRORS
            raise StorageError(
                error.sqlstate or "" if known else "database", None if known else str(error)
            ) from error

    def one(self, missing: str, who: Caller | None, operation: str, query: str, *args: object) -> Row:
        """Give the first row, or refuse with the error `missing`."""
        for row in self.run(who, operation, query, *args):
            return row
        raise StorageError(missing)

    def try_upload(
        self, who: Caller | None, operation: str, bucket: str, name: str, metadata: Row, *, upsert: bool
    ) -> None:
        """Ask Postgres whether the caller may store this object, before a byte is kept."""
        owner = who and who.get("sub")
        args = (bucket, name, "1", owner, owner, Jsonb(metadata), None)
        self.run(who, operation, _UPSERT if upsert else _INSERT, *args, keep=False)

    def store(
        self, operation: str, bucket: str, name: str, version: str, owner: str | None, *metadata: Row
    ) -> Row:
        """Write the row of an uploaded version; permission was given before."""
        kept, custom = metadata
        args = (bucket, name, version, owner, owner, Jsonb(kept), Jsonb(custom) if custom else None)
        return self.one("object", None, operation, _UPSERT, *args)

    def versions(self) -> set[str]:
        """Give the versions of all objects."""
        return {row["version"] for row in self.run(None, "sweep", "select version from storage.objects")}
