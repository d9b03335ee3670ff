"""The database itself in place of the gateway before it: the same functions, for workers and people."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import psycopg
from postgrest.exceptions import APIError

from tests import database
from tests.http.recording import settings
from workers.database import Database, Person
from workers.errors import from_api_error


class DirectDatabase(Database):
    """Calls `worker.*` over one connection, each call a savepoint; it refuses as it does over HTTP."""

    def __init__(self, connection: database.Database) -> None:
        super().__init__(settings())
        self.connection = connection
        self.called: list[str] = []
        self.broken: dict[str, Exception] = {}

    def rpc(self, name: str, /, **args: object) -> dict[str, Any]:
        """Call one function; one that is broken fails instead, as often as it is asked."""
        self.called.append(name)
        if error := self.broken.get(name):
            raise error
        return _call(self.connection, self.connection.as_service, f"worker.{name}", args)

    def person(self, who: database.Person) -> DirectPerson:
        """The functions of people, as somebody who signed in."""
        return DirectPerson(self.connection, who)


class DirectPerson(Person):
    """The functions of the schema `public`, as one person."""

    def __init__(self, connection: database.Database, who: database.Person) -> None:
        self.connection, self.who = connection, who

    def rpc(self, name: str, /, **args: object) -> dict[str, Any]:
        """Call one function."""
        return _call(self.connection, lambda: self.connection.as_person(self.who), f"public.{name}", args)


def _call(
    connection: database.Database, act: Callable[[], object], name: str, args: dict[str, object]
) -> dict[str, Any]:
    given = ", ".join(f"{key} => %({key})s" for key in args)
    values = {
        key: json.dumps(value) if isinstance(value, dict | list) else value for key, value in args.items()
    }
    try:
        with connection.transaction():
            act()
            row = connection.execute(f"select {name}({given})".encode(), values).fetchone()
            connection.as_operator()
    except psycopg.Error as error:
        told = error.diag
        raise from_api_error(
            APIError(
                {
                    "code": told.sqlstate,
                    "message": told.message_primary,
                    "details": told.message_detail,
                    "hint": told.message_hint,
                }
            )
        ) from error
    return (row and isinstance(row[0], dict) and row[0]) or {}
