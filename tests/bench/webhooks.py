"""`python -m tests.bench webhooks`: webhooks, claims and the main job, in one run on a stack of its own.

Everything goes the way it goes in production: signed bodies through the Flask app, the supabase client, the
gateway, Postgres. Client and servers share this machine's processors, so read the ratios first. Prints, never
fails on time.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import psycopg

from tests.bench.fill import Bench, fill, prepare
from tests.bench.pages import note
from workers import create_app
from workers.cli.context import settings_of_stack
from workers.database import Database
from workers.settings import Settings

MESSAGES = int(os.environ.get("FLOW_BENCH_MESSAGES", "1000000"))
PORT = int(os.environ.get("FLOW_BENCH_PORT", "7900"))


def main() -> None:
    """Start a stack, measure, stop it."""
    with tempfile.TemporaryDirectory(prefix="flow-bench-") as folder:
        status = _flow("up", "--detach", "--no-demo", "--data", folder, "--port", str(PORT), "--json")
        try:
            settings = settings_of_stack(Path(folder))
            with psycopg.connect(status["database_url"], autocommit=True) as owner:
                figures = measure(settings, owner, folder)
        finally:
            _flow("down", "--data", folder, "--json")
    for name, value in figures.items():
        print(f"{name:<58} {value}")


def measure(settings: Settings, owner: psycopg.Connection[tuple[object, ...]], folder: str) -> dict[str, str]:
    """Give each figure with its unit."""
    database = Database(settings)
    client = create_app(settings, database=database).test_client()
    bench = prepare(database, owner)
    secret = settings.secret("meta_app_secret").encode()

    def post(body: bytes) -> None:
        signature = "sha256=" + hmac.new(secret, body, hashlib.sha256).hexdigest()
        answer = client.post("/webhooks/meta", data=body, headers={"X-Hub-Signature-256": signature})
        if answer.status_code != 200:
            raise SystemExit(f"the webhook answered {answer.status_code}")

    figures: dict[str, str] = {}
    note("warming up")
    for turn in range(200):
        post(bench.one_message(f"warm{turn}"))
        database.rpc("ping")
    owner.execute("analyze")  # as autovacuum does within seconds: plans made for empty tables are thrown away
    note("one update against an empty call")
    empty, single = paired(
        400, lambda _: database.rpc("ping"), lambda turn: post(bench.one_message(f"one{turn}"))
    )
    figures["empty rpc through the supabase client, p50 / p99"] = f"{ms(empty, 50)} / {ms(empty, 99)} ms"
    figures["webhook, one update, p50 / p99"] = f"{ms(single, 50)} / {ms(single, 99)} ms"
    figures["webhook over empty rpc, ratio of p50"] = f"{at(single, 50) / at(empty, 50):.2f} ×"
    note("1,000 updates in one webhook")
    thousand = timed(7, lambda turn: post(bench.messages(1000, f"k{turn}")))
    figures["webhook of 1,000 messages of 200 known people, p50"] = f"{ms(thousand, 50)} ms"
    strangers = timed(
        5, lambda turn: post(bench.messages(1000, f"s{turn}", people=10_000 * (turn + 1), width=1000))
    )
    figures["webhook of 1,000 messages of 1,000 new people, p50"] = f"{ms(strangers, 50)} ms"

    note(f"filling the table with {MESSAGES:,} messages")
    fill(owner, bench, MESSAGES)
    thousand = timed(7, lambda turn: post(bench.statuses(1000, turn)))
    figures["webhook of 1,000 statuses, p50, table full"] = f"{ms(thousand, 50)} ms"
    note("claim and record")
    figures["claim + record per message, table full"] = f"{claims(database, owner, bench):.2f} ms"
    note("the main job")
    demo = _flow("demo", "--leads", "50", "--data", folder, "--json")
    lead = demo["lead_to_greeting_ms"]
    figures["lead stored → greeting accepted, p50 / p95 / p99 (50 leads)"] = (
        f"{lead['p50']:.0f} / {lead['p95']:.0f} / {lead['p99']:.0f} ms"
    )
    return figures


def claims(database: Database, owner: psycopg.Connection[tuple[object, ...]], bench: Bench) -> float:
    """Queue 2,000 messages in 1,000 conversations, claim and record them all: milliseconds for each."""
    secrets = owner.execute(
        "select s.id, d.decrypted_secret from vault.secrets s join vault.decrypted_secrets d using (id)"
        " where s.name = 'flow_worker_url'"
    ).fetchall()
    # The stack's own dispatcher must not be woken: these messages are nobody's.
    owner.execute("delete from vault.secrets where name = 'flow_worker_url'")
    try:
        return _claims(database, owner, bench)
    finally:
        owner.execute("select vault.create_secret(%s, 'flow_worker_url')", (secrets[0][1],))


def _claims(database: Database, owner: psycopg.Connection[tuple[object, ...]], bench: Bench) -> float:
    bench.queue(owner, 2000)
    began, done, deadline = time.perf_counter(), 0, time.monotonic() + 120
    while done < 2000:
        if time.monotonic() > deadline:
            raise SystemExit(f"only {done} of 2000 messages could be claimed")
        claim = database.rpc("claim_messages", batch=40, lease_seconds=60, uncertain_after_seconds=900)
        results = [
            {
                "org_id": message["org_id"],
                "message_id": message["message_id"],
                "outcome": "accepted",
                "wamid": f"wamid.bench{message['message_id']}",
            }
            for message in claim["messages"]
        ]
        if not results:
            time.sleep(0.002)
            continue
        database.rpc("record_results", lease=claim["lease"], results=results, uncertain_after_seconds=900)
        done += len(results)
    return (time.perf_counter() - began) * 1000 / done


def paired(
    turns: int, first: Callable[[int], object], second: Callable[[int], object]
) -> tuple[list[float], list[float]]:
    """Time two calls in turn, so that the machine's moods hit both."""
    order = [(first, []), (second, [])]
    times: dict[int, list[float]] = {0: [], 1: []}
    for turn in range(turns):
        which = [0, 1]
        random.Random(turn).shuffle(which)  # noqa: S311 (an order, not a secret)
        for index in which:
            began = time.perf_counter()
            order[index][0](turn)
            times[index].append(time.perf_counter() - began)
    return sorted(times[0]), sorted(times[1])


def timed(turns: int, call: Callable[[int], object]) -> list[float]:
    """Time a call several times."""
    times = []
    for turn in range(turns):
        began = time.perf_counter()
        call(turn)
        times.append(time.perf_counter() - began)
    return sorted(times)


def at(times: list[float], percent: int) -> float:
    """Give a percentile of sorted times."""
    return times[min(len(times) - 1, len(times) * percent // 100)]


def ms(times: list[float], percent: int) -> str:
    """Give a percentile in milliseconds."""
    return f"{at(times, percent) * 1000:.1f}"


def _flow(*args: str) -> dict[str, object]:
    flow = Path(sys.executable).with_name("flow")
    done = subprocess.run([flow, *args], stdout=subprocess.PIPE, check=False, text=True)
    if done.returncode:
        raise SystemExit(f"flow {args[0]} failed: {done.stdout.strip()}")
    answer: dict[str, object] = json.loads(done.stdout)
    return answer


if __name__ == "__main__":
    main()
