"""Webhooks of every kind, twice and in any order, while messages leave and processes are killed.

The rows must be those of a calm day, and every message must leave once. `make chaos` runs it with 100,000
webhooks, 5,000 sends and 20 kills; the suite with fewer.
"""

import json
import os
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import cycle
from threading import Event
from typing import Any

import httpx
import psycopg
import pytest

from tests.business import post, webhook
from tests.cluster import forget
from tests.database import LIMITS, Database
from tests.e2e.commands import Business, Commands, Meta, eventually
from tests.e2e.test_crashes import Breakable, statuses
from tests.e2e.test_two_organizations import Organization
from tests.local.flow_command import Flow, free_port
from tests.sql.test_meta_order import events_of, in_posts

WEBHOOKS = int(os.environ.get("FLOW_CHAOS_WEBHOOKS", "1000"))
SENDS = int(os.environ.get("FLOW_CHAOS_SENDS", "200"))
KILLS = int(os.environ.get("FLOW_CHAOS_KILLS", "4"))
SIDES = 2 if WEBHOOKS < 20_000 else 10
# Seconds without a trace until a template is sent once more; a killed stack is back well before.
TRACE_AFTER = 12
POSTERS = 6
VICTIMS = ("workers", "gateway", "postgres", "storage", "workers", "scheduler")
SEED = 5


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Breakable]:
    """A stack of this test's own, for it will be killed: its processes, not the machine, so without fsync."""
    command = Flow(tmp_path_factory.mktemp("chaos") / "data", free_port())
    env = {"FLOW_UNCERTAIN_AFTER_SECONDS": str(TRACE_AFTER)}
    try:
        found = command.up(env=env)
        yield Breakable(
            command, **{key: found[key] for key in ("workers_url", "sandbox_url", "database_url")}
        )
    finally:
        command.down()
        forget(command.data)


def test_kills_repeats_and_disorder_leave_the_rows_of_a_calm_day_and_every_message_leaves_once(
    stack: Breakable, flow: Commands, org: str, business: Business
) -> None:
    shop = business.connected(flow, org)
    calm, calm_events = a_day(stack)
    hectic, events = a_day(stack)
    with connected(stack) as db:
        for body in in_posts([event for day in calm_events for event in day], cycle([150])):
            assert post(db, body)["dead"] == 0
    deliveries = disorder(events)
    slowly = {"phone_number_id": shop.phone_number_id, "probability": 1, "ms": 200}
    shop.sandbox.fault("latency", **slowly)  # so that calls are in the air when their caller dies
    shop.sandbox.fault("lost_answer", phone_number_id=shop.phone_number_id, probability=0.05, seed=SEED)
    taken: Counter[int] = Counter()
    is_over = Event()

    with ThreadPoolExecutor(POSTERS + 2) as pool:

        def progress() -> float:
            return 1.0 if is_over.is_set() else taken[200] / len(deliveries)

        sending = pool.submit(send_all, stack, org, shop, progress)
        killing = pool.submit(kill_all, stack, progress)
        posting = [pool.submit(deliver, stack, deliveries[n::POSTERS], taken) for n in range(POSTERS)]
        finish(posting)
        is_over.set()
        finish([killing, sending])

    ids = sending.result()
    assert killing.result() == KILLS
    assert taken[200] == len(deliveries)
    assert set(taken) <= {200, 502, 503, 0}
    with connected(stack) as db:  # half a minute passes, for what dead dispatchers had taken
        db.execute("update private.send_lanes set next_at = now() where lease is not null")
    eventually(lambda: statuses(stack, org) == {"read": SENDS}, 60 + 2 * TRACE_AFTER, every=0.5)
    assert shop.times_sent() == {f"flow.{message}": 1 for message in ids}
    eventually(lambda: not waiting(stack), 20, every=0.5)
    assert stack.rows("select reason, detail, item from private.dead_letters limit 3") == []
    for one, other in zip(calm, hectic, strict=True):
        one.db = other.db = connected(stack)  # those that made them were killed
        expected, found = one.rows(), other.rows()
        assert len(expected["messages"]) > WEBHOOKS / SIDES / 3
        for table, rows in expected.items():
            assert sorted(set(found[table]) - set(rows))[:3] == [], table
            assert sorted(set(rows) - set(found[table]))[:3] == [], table
            assert found[table] == rows, table
    assert {bytes(body) for (body,) in stack.rows("select body from private.webhook_events")} >= set(
        deliveries
    )
    for organization in (hectic[0].org_id, org):
        rebuilt = flow.done("rebuild", "--org", str(organization))
        assert rebuilt["equal"], rebuilt["examples"]


def a_day(stack: Breakable) -> tuple[list[Organization], list[list[Any]]]:
    """Organizations, and what happens to each in one day: the same for every day."""
    organizations = [Organization(connected(stack), side) for side in range(1, SIDES + 1)]
    chance = random.Random(SEED)  # noqa: S311 (for tests)
    return organizations, [
        events_of(one.side, one, one.sent_before, chance, WEBHOOKS // SIDES) for one in organizations
    ]


def disorder(events: list[list[Any]]) -> list[bytes]:
    """Every event a POST of its own, one in four twice, in any order."""
    chance = random.Random(SEED)  # noqa: S311 (for tests)
    bodies = [json.dumps(webhook(change, waba=one.waba)).encode() for day in events for one, change in day]
    bodies += chance.sample(bodies, len(bodies) // 4)
    chance.shuffle(bodies)
    return bodies


def connected(stack: Breakable) -> Database:
    """A new connection as the owner; each statement is a transaction."""
    return Database.connect(stack.database_url, autocommit=True, options=LIMITS)


def deliver(stack: Breakable, bodies: list[bytes], taken: Counter[int]) -> None:
    """Post each body until it is taken, as Meta does."""
    meta = Meta(stack)
    for body in bodies:
        while True:
            try:
                answer = meta.post(body)
            except httpx.TransportError:
                answer = 0
            taken[answer] += 1
            if answer == 200:
                break
            time.sleep(0.1)


def kill_all(stack: Breakable, progress: Callable[[], float]) -> int:
    """Kill one process after the other, spread over the whole delivery; how many."""
    for turn, victim in zip(range(KILLS), cycle(VICTIMS), strict=False):
        while progress() < (turn + 0.5) / KILLS:
            time.sleep(0.02)
        stack.kill(victim)
    return KILLS


def send_all(stack: Breakable, org: str, shop: Business, progress: Callable[[], float]) -> list[int]:
    """Queue all messages, spread over the whole delivery; what got no answer is asked for again, same ids."""
    ids: list[int] = []
    portion = max(1, SENDS // 20)
    for first in range(0, SENDS, portion):
        while progress() < first / SENDS:
            time.sleep(0.02)
        items = [
            {
                "to": f"+9190{n % (SENDS // 3):08d}", "from": shop.phone_number_id, "template": "hello",
                "language": "en", "params": [f"No {n}", "pumps"], "client_token": f"{n:032x}",
            }
            for n in range(first, min(first + portion, SENDS))
        ]  # fmt: skip
        while True:
            try:
                with connected(stack) as db:
                    ids += db.value("select worker.send_messages(%s, %s)", org, json.dumps(items))[
                        "message_ids"
                    ]
                break
            except psycopg.OperationalError:
                time.sleep(0.2)
    return ids


def finish(futures: list[Future[Any]]) -> None:
    """Wait for all, and raise what any of them raised."""
    for future in futures:
        future.result()


def waiting(stack: Breakable) -> bool:
    """Whether an update and its message, stored at the same moment, have not met yet."""
    found = stack.rows(
        """select count(*) from private.parked_updates p
            where exists (select from public.messages m where (m.org_id, m.wamid) = (p.org_id, p.wamid))"""
    )
    return found != [(0,)]
