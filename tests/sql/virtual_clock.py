"""A database whose clock is the test's, and whose connections die in mid-transaction when the test says so.

Nothing of Flow is changed for it: in a database of its own, a superuser puts other bodies under the names
`pg_catalog.now` and `pg_catalog.clock_timestamp`, so that functions, defaults and triggers all tell the same time.
The planner writes those bodies into every expression; they must stay plain enough for that (SQL, not strict).
"""

import json
from datetime import UTC, datetime
from typing import Any

import psycopg

from tests.cluster import STATE, Cluster
from tests.http.recording import settings
from workers import database as gateway
from workers.errors import Unavailable

CLOCK = """
    create or replace function pg_catalog.now() returns timestamptz language sql stable parallel safe
      as $$ select coalesce(nullif(current_setting('simulated.now', true), '')::timestamptz, statement_timestamp()) $$;
    create or replace function pg_catalog.clock_timestamp() returns timestamptz language sql volatile parallel safe
      as $$ select now() $$;
"""
# Counts rows as they are written; at the one it was told it ends its own connection, as a crash would.
KILL = """
    create schema simulated;
    create function simulated.die() returns trigger language plpgsql security definer as $$
    declare
      v_left int := nullif(current_setting('simulated.rows_to_live', true), '')::int - 1;
    begin
      if v_left = 0 then
        perform pg_catalog.pg_terminate_backend(pg_catalog.pg_backend_pid()), pg_catalog.pg_sleep(1);
      elsif v_left > 0 then
        perform pg_catalog.set_config('simulated.rows_to_live', v_left::text, false);
      end if;
      return new;
    end $$;
"""
WRITTEN = (
    "public.leads", "public.contacts", "public.lead_activities", "public.lead_sources", "public.sync_runs",
    "private.source_coverage", "private.lead_arrivals",
)  # fmt: skip


class Killed(Exception):  # noqa: N818 (read as a sentence)
    """The runner is gone; nobody of it tries again."""


def virtual_database(cluster: Cluster, name: str) -> str:
    """Make such a database; give its connection string as role postgres."""
    dsn = cluster.database(name, STATE)
    with psycopg.connect(cluster.dsn("supabase_admin", name), autocommit=True) as admin:
        admin.execute(CLOCK)
        admin.execute(KILL)
        for table in WRITTEN:
            admin.execute(
                f"create trigger simulated_death before insert or update on {table} for each row execute function simulated.die()".encode()
            )
    return dsn


class VirtualDatabase(gateway.Database):
    """Calls `worker.*` at the time of the test; one call may be told to die, or its reply to be lost."""

    def __init__(self, dsn: str, now: float) -> None:
        super().__init__(settings())
        self.dsn, self.now = dsn, now
        self.rows_to_live: int | None = None
        self.reply_is_lost = False
        self.runner_survives = False
        self.deaths = 0
        self._connection = psycopg.connect(dsn, autocommit=True)

    def ask(self, query: str, *params: object) -> list[tuple[Any, ...]]:
        """Run a statement now."""
        when = datetime.fromtimestamp(self.now, UTC).isoformat()
        rows = self.rows_to_live or ""
        self._connection.execute(
            "select set_config('simulated.now', %s, false), set_config('simulated.rows_to_live', %s, false)",
            [when, str(rows)],
        )
        done = self._connection.execute(query.encode(), params or None)
        return done.fetchall() if done.description else []

    def rpc(self, name: str, /, **args: object) -> dict[str, Any]:
        """Call one function. Raises Killed, or Unavailable where only the connection died."""
        given = ", ".join(f"{key} => %s" for key in args)
        values = [json.dumps(value) if isinstance(value, list | dict) else value for value in args.values()]
        failure: type[Exception] = Unavailable if self.runner_survives else Killed
        try:
            ((answer,),) = self.ask(f"select worker.{name}({given})", *values)
        except psycopg.OperationalError as error:
            self.deaths += 1
            self._connection.close()
            self._connection = psycopg.connect(self.dsn, autocommit=True)
            raise failure from error
        finally:
            self.rows_to_live, self.runner_survives = None, False
        if self.reply_is_lost:
            self.reply_is_lost = False
            raise failure
        return answer or {}

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()
