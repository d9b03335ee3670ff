"""`python -m tests.bench purge`: an organization with a million messages goes, its neighbour reads its inbox.

In a database of its own. The steps are those of the job, with the job's pauses, without HTTP in between.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import psycopg

from tests.bench.pages import become, fill, note
from tests.cluster import STATE, Cluster
from tests.local.flow_command import free_port
from workers.rights import purging
from workers.rights.steps import PAUSE

MESSAGES = int(os.environ.get("FLOW_BENCH_PURGE", "1000000"))
IDLE_SECONDS = 20
Connection = psycopg.Connection[tuple[Any, ...]]


def main() -> None:
    """Make a cluster with two organizations of that many messages each, purge one, remove the cluster."""
    with tempfile.TemporaryDirectory(prefix="flow-purge-") as folder:
        cluster = Cluster(Path(folder) / "data", free_port())
        try:
            cluster.start()
            cluster.database("purge", STATE)
            dsn = cluster.dsn("supabase_admin", "purge")
            with psycopg.connect(dsn, autocommit=True) as admin:
                fill(admin, 2 * MESSAGES, organizations=2)
                figures = measure(admin, dsn)
        finally:
            cluster.stop()
    for name, value in figures.items():
        print(f"{name:<58} {value}")


def measure(admin: Connection, dsn: str) -> dict[str, str]:
    """Time the neighbour's inbox alone, then while the other organization goes."""
    with psycopg.connect(dsn, autocommit=True) as neighbour:
        inbox(neighbour)  # plans are made
        note("idle")
        until = time.monotonic() + IDLE_SECONDS
        idle = []
        while time.monotonic() < until:
            idle.append(inbox(neighbour))
        note("purging")
        ask_for_deletion(admin)
        is_over, meanwhile = threading.Event(), []

        def read() -> None:
            while not is_over.is_set():
                meanwhile.append(inbox(neighbour))

        reader = threading.Thread(target=read)
        reader.start()
        try:
            steps, certificate = purge(admin)
        finally:
            is_over.set()
            reader.join()
    rows = sum(certificate["removed"].values()) + sum(certificate["anonymized"].values())
    quiet, busy = p95(idle), p95(meanwhile)
    return {
        "purge: rows, seconds, steps": f"{rows:,}, {sum(steps):.0f} s, {len(steps):,}",
        "purge: longest step, p95 of the steps": f"{max(steps):.2f} s, {p95(steps) * 1000:.0f} ms",
        "neighbour's inbox: p95 idle, p95 meanwhile": f"{quiet * 1000:.1f} ms, {busy * 1000:.1f} ms",
        "neighbour's inbox: meanwhile / idle": f"{busy / quiet:.2f} ×",
    }


def ask_for_deletion(admin: Connection) -> None:
    """The owner of the first organization deletes it, at once."""
    with admin.transaction():
        become(admin, "none", 1)
        admin.execute(
            "select set_config('request.jwt.claims',"
            " jsonb_build_object('sub', md5('person1')::uuid, 'amr', jsonb_build_array("
            "   jsonb_build_object('timestamp', extract(epoch from now())::bigint)))::text, true)"
        )
        admin.execute("select public.delete_organization(md5('org1')::uuid, 'Bench 1', true)")
    admin.execute(
        "select private.finish_cleanup(org_id, id, 'done', null)"
        " from private.meta_cleanups where status = 'open'"
    )


def purge(admin: Connection) -> tuple[list[float], dict[str, Any]]:
    """Take every step; the seconds of each, and the certificate."""
    steps = []
    while True:
        began = time.perf_counter()
        row = admin.execute("select worker.purge_step(%s)", (purging.BATCH,)).fetchone()
        steps.append(time.perf_counter() - began)
        assert row
        if certificate := row[0].get("certificate"):
            return steps, certificate
        assert row[0]["deletion_id"], "it is not due"
        time.sleep(PAUSE)


def inbox(neighbour: Connection) -> float:
    """The second organization's owner opens the inbox; seconds."""
    began = time.perf_counter()
    with neighbour.transaction():
        become(neighbour, "authenticated", 2)
        neighbour.execute("select * from public.inbox(md5('org2')::uuid)").fetchall()
    return time.perf_counter() - began


def p95(times: list[float]) -> float:
    """The time that 95 of 100 stay below."""
    return statistics.quantiles(times, n=20)[-1]
