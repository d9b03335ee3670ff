"""Many who want to synchronize at once, over HTTP to IndiaMART; and a runner that is killed in its call."""

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from threading import Barrier
from uuid import uuid4

import httpx
import psycopg
import pytest

from tests.http.real_database import RealDatabase
from tests.http.recording import settings
from tests.http.running_sandbox import running_sandbox, until
from workers.indiamart import job

CROWD = 64
RUNNER = """
import sys, uuid, httpx
from tests.http.real_database import RealDatabase
from tests.http.recording import settings
from workers.indiamart import job
job.LEASE_SECONDS = 2
known = settings(INDIAMART_URL=sys.argv[2], INDIAMART_MIN_INTERVAL_SECONDS="1")
http = httpx.Client(timeout=60, trust_env=False)
job.sync_now(RealDatabase(sys.argv[1]), http, known, uuid.UUID(sys.argv[3]))
"""


@pytest.fixture(scope="module")
def sandbox():
    with running_sandbox(0.01) as running:
        yield running


@pytest.fixture
def org_id(dsn, sandbox):
    """An organization with a key that the sandbox knows."""
    key = f"crowd-{uuid4().hex}"
    sandbox.control.put_indiamart_key(key, hold_seconds=0)
    with psycopg.connect(dsn, autocommit=True) as db:
        owner = uuid4()
        db.execute("insert into auth.users (id, email) values (%s, %s)", [owner, f"{owner}@example.test"])
        made = db.execute("select private.new_organization('Crowd', %s)", [owner]).fetchone()[0]
        source = db.execute("select worker.connect_indiamart(%s, %s)", [made, key]).fetchone()[0]["source_id"]
        yield made
        db.execute("select worker.disconnect_source(%s, %s)", [made, source])


def refusal(error):
    hint = error.diag.message_hint or ""
    assert hint.startswith("retry_at=")
    return error.sqlstate, error.diag.message_detail, datetime.fromisoformat(hint.removeprefix("retry_at="))


def test_of_64_manual_syncs_at_once_one_calls_indiamart_and_63_are_told_when(dsn, sandbox, org_id):
    database, start = RealDatabase(dsn), Barrier(CROWD)
    known = settings(INDIAMART_URL=sandbox.server.url)
    calls = sandbox.app.extensions["sandbox"].indiamart.calls
    before = len(calls)

    def press(_):
        with httpx.Client(timeout=30, trust_env=False) as http:
            start.wait()
            try:
                return job.sync_now(database, http, known, org_id)
            except psycopg.Error as error:
                return refusal(error)

    with ThreadPoolExecutor(CROWD) as pool:
        answers = list(pool.map(press, range(CROWD)))
    database.close()

    told = [answer for answer in answers if isinstance(answer, tuple)]
    (run,) = [answer for answer in answers if isinstance(answer, dict)]
    assert run["outcome"] in ("ok", "empty")
    assert len(calls) - before == 1
    assert {state for state, _, _ in told} == {"PT409"}
    assert {detail for _, detail, _ in told} <= {"sync_running", "sync_too_soon"}
    assert all(when > datetime.now(UTC) for _, _, when in told)
    assert len(told) == CROWD - 1


def test_runner_that_is_killed_holds_the_source_until_its_lease_is_over(dsn, sandbox, org_id):
    sandbox.control.indiamart_fault("timeout", ms=20_000, count=1)
    root = str(Path(__file__).parents[2])
    runner = subprocess.Popen(
        [sys.executable, "-c", RUNNER, dsn, sandbox.server.url, str(org_id)],
        cwd=root,
        env=os.environ | {"PYTHONPATH": root},
    )
    with psycopg.connect(dsn, autocommit=True) as db:

        def claim():
            return db.execute("select worker.claim_syncs(0, 90, 10, true, null, %s)", [org_id]).fetchone()[0][
                "syncs"
            ]

        def run():
            return db.execute(
                "select id, outcome from public.sync_runs where org_id = %s order by started_at limit 1",
                [org_id],
            ).fetchone()

        until(run, 15)
        runner.send_signal(signal.SIGKILL)
        runner.wait()
        with pytest.raises(psycopg.Error) as caught:
            claim()
        assert refusal(caught.value)[:2] == ("PT409", "sync_running")

        time.sleep(2.1)
        (sync,) = claim()

        assert run()[1] == "lost"
        assert sync["run_id"] != str(run()[0])
