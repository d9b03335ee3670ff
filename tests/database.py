"""A connection that can take somebody's part, the way the Data API does."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg.pq import TransactionStatus

LIMITS = "-c lock_timeout=20s -c statement_timeout=30s -c idle_in_transaction_session_timeout=60s"
# What a session leaves behind that no rollback takes back.
AS_NEW = """
    reset session authorization; reset all; unlisten *; discard temp; discard sequences;
    select pg_advisory_unlock_all();
"""
ENOUGH = 8  # connections that are kept for the next test


@dataclass(frozen=True)
class Person:
    """Somebody who can sign in."""

    id: UUID
    email: str


@dataclass(frozen=True)
class Refusal:
    """How the database said no."""

    sqlstate: str
    message: str
    detail: str
    hint: str


class Database(psycopg.Connection[tuple[Any, ...]]):
    """A connection that can take somebody's part, the way the Data API does."""

    def _act(self, role: str, claims: dict[str, str]) -> None:
        self.execute("select set_config('role', %s, true)", [role])
        self.execute(
            "select set_config('request.jwt.claims', %s, true)", [json.dumps(claims) if claims else ""]
        )

    def as_person(self, person: Person) -> "Database":
        """Act as somebody who signed in, until told otherwise or the transaction ends."""
        self._act("authenticated", {"sub": str(person.id), "email": person.email, "role": "authenticated"})
        return self

    def as_service(self) -> "Database":
        """Act as a worker with the secret key."""
        self._act("service_role", {"role": "service_role"})
        return self

    def as_anon(self) -> "Database":
        """Act as somebody without a session."""
        self._act("anon", {"role": "anon"})
        return self

    def as_operator(self) -> "Database":
        """Act as the role that runs the migrations."""
        self._act("none", {})
        return self

    @classmethod
    def borrow(cls, dsn: str, free: list["Database"]) -> "Database":
        """Give a connection that is free, or a new one."""
        return free.pop() if free else cls.connect(dsn, options=LIMITS, prepare_threshold=None)

    def give_back(self, free: list["Database"]) -> None:
        """Undo what was not committed and be free as a new one; closed when at work, or there are enough."""
        if self.info.transaction_status in (TransactionStatus.ACTIVE, TransactionStatus.UNKNOWN):
            self.close()
            return
        self.rollback()
        if len(free) >= ENOUGH:
            self.close()
            return
        self.autocommit = True
        self.execute(AS_NEW)
        self.autocommit = False
        free.append(self)

    @contextmanager
    def operating(self) -> Iterator[None]:
        """Act as the operator for a moment, then as whoever acted before."""
        before = self.row(
            "select current_setting('role'), coalesce(current_setting('request.jwt.claims', true), '')"
        )
        self.as_operator()
        yield
        self.execute(
            "select set_config('role', %s, true), set_config('request.jwt.claims', %s, true)", before
        )

    def rows(self, query: str, *params: object) -> list[tuple[Any, ...]]:
        """All rows of the answer."""
        return self.execute(query, params or None).fetchall()

    def row(self, query: str, *params: object) -> tuple[Any, ...]:
        """The only row of the answer."""
        (row,) = self.rows(query, *params)
        return row

    def value(self, query: str, *params: object) -> Any:
        """The only value of the answer."""
        (value,) = self.row(query, *params)
        return value

    def refusal(self, query: str, *params: object) -> Refusal:
        """The error that a statement must end in; the transaction goes on without it."""
        with pytest.raises(psycopg.Error) as caught, self.transaction():
            self.execute(query, params or None)
        told = caught.value.diag
        return Refusal(
            told.sqlstate or "",
            told.message_primary or "",
            told.message_detail or "",
            told.message_hint or "",
        )
