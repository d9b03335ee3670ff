"""`python -m tests.bench telemetry`: what telemetry costs under a flood, also while it is locked out.

Two servers as in production (gunicorn, a process of 8 threads), one with telemetry and one without, before
the same stack; floods of signed webhooks go to one and the other in turn, so that the machine's moods hit
both. Then somebody locks telemetry's tables, and the flood goes on. Prints ratios, never fails on time.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import httpx
import psycopg

from tests.bench.fill import Bench, prepare
from tests.bench.pages import note
from tests.bench.webhooks import PORT, _flow, at
from tests.local.flow_command import free_port
from workers.cli.context import settings_of_stack
from workers.database import Database

FLOOD = int(os.environ.get("FLOW_BENCH_FLOOD", "1000"))
"""Webhooks of one flood."""
ROUNDS = int(os.environ.get("FLOW_BENCH_ROUNDS", "12"))
"""Pairs of floods."""
LOCKED = "request_log, private.api_calls, private.job_runs, private.error_events, private.error_groups"


class Server:
    """One server, and what it is flooded with."""

    def __init__(self, port: int, bench: Bench, secret: bytes) -> None:
        self._bench, self._secret, self._names = bench, secret, count()
        self._port = port
        self._http = httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=30)

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def flood(self, many: int) -> tuple[float, list[float]]:
        """Post so many webhooks, four at a time: webhooks a second, and the sorted seconds of each."""
        bodies = [self._bench.one_message(f"p{self._port}.{next(self._names)}") for _ in range(many)]
        began = time.perf_counter()
        with ThreadPoolExecutor(4) as pool:
            times = list(pool.map(self._post, bodies))
        return many / (time.perf_counter() - began), sorted(times)

    def _post(self, body: bytes) -> float:
        signature = "sha256=" + hmac.new(self._secret, body, hashlib.sha256).hexdigest()
        began = time.perf_counter()
        answer = self._http.post("/webhooks/meta", content=body, headers={"X-Hub-Signature-256": signature})
        if answer.status_code != 200:
            raise SystemExit(f"the webhook answered {answer.status_code}")
        return time.perf_counter() - began


@contextmanager
def serving(folder: str, mode: str, bench: Bench, secret: bytes) -> Iterator[Server]:
    """A server with telemetry as told, before the stack in the folder."""
    port, settings = free_port(), settings_of_stack(Path(folder))
    given = {
        name.upper(): value.get_secret_value() if hasattr(value, "get_secret_value") else str(value)
        for name in ("supabase_url", "supabase_publishable_key", "supabase_secret_key", "meta_app_secret",
                     "meta_verify_token", "flow_public_url", "meta_graph_url")
        if (value := getattr(settings, name))
    }  # fmt: skip
    command = [sys.executable, "-m", "gunicorn", "--config", "python:workers.gunicorn"]
    command += [
        "--bind",
        f"127.0.0.1:{port}",
        "--worker-class",
        "gthread",
        "--threads",
        "8",
        "--graceful-timeout",
        "2",
    ]
    command += ["workers.wsgi:app"]
    env = os.environ | given | {"FLOW_TELEMETRY": mode, "FLOW_WORKERS": "meta"}
    with Path(folder, f"bench-{mode}.log").open("w") as log:
        process = subprocess.Popen(command, env=env, stdout=log, stderr=log)
    try:
        for _ in range(200):
            try:
                httpx.get(f"http://127.0.0.1:{port}/healthz", trust_env=False)
                break
            except httpx.TransportError:
                time.sleep(0.05)
        with Server(port, bench, secret) as server:
            yield server
    finally:
        process.terminate()
        process.wait(20)


def main() -> None:
    """Start a stack and both servers, flood them, stop all."""
    with tempfile.TemporaryDirectory(prefix="flow-bench-") as folder:
        status = _flow("up", "--detach", "--no-demo", "--data", folder, "--port", str(PORT), "--json")
        try:
            settings = settings_of_stack(Path(folder))
            secret = settings.secret("meta_app_secret").encode()
            with psycopg.connect(str(status["database_url"]), autocommit=True) as owner:
                bench = prepare(Database(settings), owner)
                with (
                    serving(folder, "off", bench, secret) as without,
                    serving(folder, "thread", bench, secret) as with_it,
                ):
                    measure(without, with_it, owner)
        finally:
            _flow("down", "--data", folder, "--json")


def measure(without: Server, with_it: Server, owner: psycopg.Connection[tuple[object, ...]]) -> None:
    """Print what telemetry costs, free and locked out."""
    note("warming up")
    for server in (without, with_it):
        server.flood(FLOOD)
    owner.execute("analyze")
    note(f"{ROUNDS} pairs of floods of {FLOOD}")
    _print("written", *_pairs(without, with_it))
    owner.execute("set session characteristics as transaction isolation level read committed")
    note("the same with telemetry's tables locked")
    with psycopg.connect(owner.info.dsn, password=owner.info.password) as holder:
        holder.execute(f"lock table private.{LOCKED} in access exclusive mode".encode())
        _print("locked out", *_pairs(without, with_it))
    rows = owner.execute("select count(*) from private.request_log where route = '/webhooks/meta'").fetchone()
    print(f"{'requests noted':<58} {rows[0] if rows else 0}")


def _pairs(without: Server, with_it: Server) -> tuple[list[float], list[float], list[float], list[float]]:
    """Flood both in turn: rates without and with, seconds of each webhook without and with."""
    rates: dict[int, list[float]] = {0: [], 1: []}
    times: dict[int, list[float]] = {0: [], 1: []}
    for turn in range(ROUNDS):
        order = [0, 1]
        random.Random(turn).shuffle(order)  # noqa: S311 (an order, not a secret)
        for index in order:
            rate, took = (without, with_it)[index].flood(FLOOD)
            rates[index].append(rate)
            times[index].extend(took)
    return rates[0], rates[1], sorted(times[0]), sorted(times[1])


def _print(
    how: str, without: list[float], with_it: list[float], before: list[float], after: list[float]
) -> None:
    ratios = [b / a for a, b in zip(without, with_it, strict=True)]
    print(f"{f'webhooks a second, telemetry off / {how}':<58} "
          f"{statistics.median(without):.0f} / {statistics.median(with_it):.0f}")  # fmt: skip
    print(f"{f'throughput with telemetry {how}, median of pairs':<58} {statistics.median(ratios):.3f} ×")
    print(f"{f'p99 of a webhook with telemetry {how}':<58} {at(after, 99) / at(before, 99):.2f} ×")


if __name__ == "__main__":
    main()
