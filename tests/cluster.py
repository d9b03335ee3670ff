"""Databases for the SQL tests, away from the running stack: as many as wanted, from any folder of SQL files.

One Postgres is prepared as `flow up` prepares its own: roles, stand-ins, the gateway's `auth` schema, but
no migrations. Every database is a copy of it, to which a folder is then applied as role postgres.
"""

import dataclasses
import re
import shutil
import time
from contextlib import nullcontext
from pathlib import Path

import psycopg

from workers.local.child import Child
from workers.local.migrations import OUTSIDE
from workers.local.node import install_gateway
from workers.local.postgres import SQL, Postgres
from workers.local.services import AUTH_FUNCTIONS, Say, Service, ask, services
from workers.local.stack import Stack

ROOT = Path(__file__).parents[1]
STATE, HISTORY = ROOT / "sql", ROOT / "supabase" / "migrations"
# What Supabase granted in `public` by default until 2026, and older projects still have.
OPEN_GRANTS = re.search(r"\\if :open_grants\n(.*?)\\endif", (SQL / "bootstrap.sql").read_text(), re.DOTALL)


class Cluster:
    """One Postgres, without a gateway, of which databases are made."""

    def __init__(self, data: Path, port: int) -> None:
        self.stack = Stack.open(data, port)
        self.postgres = Postgres(self.stack)
        self.made: list[Child] = []

    def start(self) -> None:
        """Start Postgres, and let the gateway make its schema once."""
        self.postgres.initialize()
        found = services(self.stack, {}, install_gateway(self.stack.data, _quiet), self.postgres)
        by_name = {service.name: service for service in found}
        by_name["postgres"].command.append("--fsync=off")
        self._run(by_name["postgres"])
        self._run(dataclasses.replace(by_name["gateway"], once_ready=self._make_auth))
        self.made.pop().stop()

    def stop(self) -> None:
        """Stop what runs and remove its files."""
        while self.made:
            self.made.pop().stop()
        forget(self.stack.data)

    def dsn(self, role: str, database: str) -> str:
        """Give the connection string of a role for a database."""
        return self.stack.dsn(role).rsplit("/", 1)[0] + "/" + database

    def database(self, name: str, source: Path, *, open_grants: bool = False) -> str:
        """Make a database from a folder of SQL files; give its connection string as role postgres."""
        with psycopg.connect(self.dsn("supabase_admin", "template1"), autocommit=True) as admin:
            admin.execute(f"create database {name} template postgres owner postgres")
            admin.execute(f'alter database {name} set search_path = "$user", public, extensions')
        if open_grants:
            assert OPEN_GRANTS
            with psycopg.connect(self.dsn("supabase_admin", name)) as admin:
                admin.execute(OPEN_GRANTS.group(1).encode())
        with psycopg.connect(self.dsn("postgres", name), autocommit=True) as owner:
            for path in sorted(source.glob("*.sql")):
                text = path.read_bytes()
                with nullcontext() if text.startswith(OUTSIDE.encode()) else owner.transaction():
                    owner.execute(text)
        return self.dsn("postgres", name)

    def _run(self, service: Service) -> None:
        child = Child(service, self.stack)
        self.made.append(child)
        end = time.monotonic() + 60
        while not child.is_ready:
            child.advance(_quiet)
            assert child.failures == 0, child.last_words()
            assert time.monotonic() < end, child.last_words()
            time.sleep(0.02)

    def _make_auth(self, _say: Say) -> None:
        ask(self.stack, "/auth/v1/health")
        with psycopg.connect(self.stack.dsn("supabase_admin")) as admin:
            admin.execute(AUTH_FUNCTIONS)


def forget(data: Path) -> None:
    """Remove a stopped stack's database, also where it had to live outside the data directory."""
    home = Postgres(Stack.open(data)).home
    shutil.rmtree(home if home != data else home / "pgdata", ignore_errors=True)


def _quiet(_sentence: str) -> None:
    return None
