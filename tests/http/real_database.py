"""The real functions of a real database, called as the workers' role, without a gateway in between."""

import json
import threading
from typing import Any

import psycopg

from tests.database import LIMITS
from tests.http.recording import settings
from workers import database as gateway


class RealDatabase(gateway.Database):
    """Calls `worker.*`; each thread on a connection of its own."""

    def __init__(self, dsn: str) -> None:
        super().__init__(settings())
        self.dsn = dsn
        self._own = threading.local()
        self._made: list[psycopg.Connection[tuple[Any, ...]]] = []

    def _connection(self) -> psycopg.Connection[tuple[Any, ...]]:
        if not hasattr(self._own, "connection"):
            self._own.connection = psycopg.connect(self.dsn, autocommit=True, options=LIMITS)
            self._own.connection.execute("set role service_role")
            self._made.append(self._own.connection)
        connection: psycopg.Connection[tuple[Any, ...]] = self._own.connection
        return connection

    def rpc(self, name: str, /, **args: object) -> dict[str, Any]:
        """Call one function."""
        given = ", ".join(f"{key} => %({key})s" for key in args)
        values = {
            key: json.dumps(value) if isinstance(value, list | dict) else value for key, value in args.items()
        }
        row = self._connection().execute(f"select worker.{name}({given})", values).fetchone()
        assert row
        return row[0] or {}

    def close(self) -> None:
        """Close every thread's connection."""
        for connection in self._made:
            connection.close()
