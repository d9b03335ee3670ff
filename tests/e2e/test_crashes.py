"""Processes are killed in the middle of their work: nothing is lost, nobody hears the same thing twice."""

import json
import os
import signal
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.cluster import forget
from tests.e2e.commands import Business, Commands, Meta, eventually, hello
from tests.local.flow_command import Flow, free_port
from workers.local.processes import running
from workers.local.stack import Stack

QUICK = {"FLOW_UNCERTAIN_AFTER_SECONDS": "4"}
LEASE_AND_LONGER = 90  # seconds: a lease, until it is certain that no trace comes, and the way out


@dataclass(frozen=True)
class Breakable:
    """A stack whose processes may be killed."""

    command: Flow
    workers_url: str
    sandbox_url: str
    database_url: str

    @property
    def data(self) -> Path:
        return self.command.data

    def kill(self, name: str) -> None:
        """Kill a process and all that it started, as soon as it runs."""
        folder = Stack.open(self.data).pids
        os.killpg(eventually(lambda: running(folder, [name]), every=0.01)[name], signal.SIGKILL)

    def repair(self) -> None:
        """Run `flow up` once more."""
        self.command.up(env=QUICK)

    def rows(self, query: str, *params: object) -> list[tuple[Any, ...]]:
        """Ask the database, over a connection that is new: an old one may have been killed."""
        with psycopg.connect(self.database_url) as connection:
            return connection.execute(query, params).fetchall()  # type: ignore[call-overload, no-any-return]


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Breakable]:
    """A stack of this module's own, that soon gives up waiting for a trace."""
    command = Flow(tmp_path_factory.mktemp("crashes") / "data", free_port())
    try:
        found = command.up(env=QUICK)
        yield Breakable(
            command, **{key: found[key] for key in ("workers_url", "sandbox_url", "database_url")}
        )
    finally:
        command.down()
        forget(command.data)


@pytest.fixture
def shop(business: Business, flow: Commands, org: str) -> Business:
    """A connected business."""
    return business.connected(flow, org)


def statuses(stack: Breakable, org: str) -> Counter[str]:
    """How many of an organization's messages to customers have come how far."""
    rows = stack.rows(
        "select status, count(*) from public.messages where org_id = %s and origin <> 'customer' group by 1",
        org,
    )
    return Counter(dict(rows))


def test_every_message_leaves_once_though_the_workers_are_killed_three_times(
    stack: Breakable, flow: Commands, org: str, shop: Business
) -> None:
    slowly = {"phone_number_id": shop.phone_number_id, "probability": 1, "ms": 300}
    shop.sandbox.fault("latency", **slowly)  # so that many calls are in the air when their caller dies
    ids = flow.done("message", "send", "--org", org, "--batch-stdin", stdin=hello(range(300)))["message_ids"]

    for sent in (30, 110, 190):
        eventually(lambda sent=sent: len(shop.sends()) >= sent, 30, every=0.01)  # type: ignore[misc]
        shop.sandbox.fault("dropped", phone_number_id=shop.phone_number_id, count=3)
        stack.kill("workers")

    eventually(lambda: statuses(stack, org) == {"read": 300}, LEASE_AND_LONGER, every=0.5)
    assert shop.times_sent() == {f"flow.{message}": 1 for message in ids}


def test_nobody_gets_a_message_twice_when_metas_answers_are_lost(
    stack: Breakable, flow: Commands, org: str, shop: Business
) -> None:
    people = [n % 30 for n in range(60)]
    shop.sandbox.fault("lost_answer", phone_number_id=shop.phone_number_id, count=20)

    ids = flow.done("message", "send", "--org", org, "--batch-stdin", stdin=hello(people))["message_ids"]

    eventually(lambda: statuses(stack, org) == {"read": 60})
    assert shop.times_sent() == {f"flow.{message}": 1 for message in ids}
    by_person: dict[str, list[int]] = {}
    for send in shop.sends():
        by_person.setdefault(send.to, []).append(int(str(send.callback).removeprefix("flow.")))
    assert all(order == sorted(order) for order in by_person.values())


def test_templates_that_never_reached_meta_are_sent_once_more(
    stack: Breakable, flow: Commands, org: str, shop: Business
) -> None:
    shop.sandbox.fault("dropped", phone_number_id=shop.phone_number_id, count=10)

    ids = flow.done("message", "send", "--org", org, "--batch-stdin", stdin=hello(range(20)))["message_ids"]

    eventually(lambda: statuses(stack, org) == {"read": 20}, 30)
    assert shop.times_sent() == {f"flow.{message}": 1 for message in ids}


def test_what_was_answered_with_200_is_stored_though_the_database_is_killed_meanwhile(
    stack: Breakable, org: str, shop: Business
) -> None:
    meta, answers = Meta(stack), []
    wamids = [f"wamid.crash.{shop.waba_id}.{number}" for number in range(400)]
    texts = [
        {"from": f"9191{number % 40:08d}", "id": wamid, "text": {"body": f"No {number}"}}
        for number, wamid in enumerate(wamids)
    ]
    posts = [json.dumps(shop.heard(text)).encode() for text in texts]

    def deliver(body: bytes) -> None:
        """Post until it is taken, as Meta does."""
        while (answer := meta.post(body)) != 200:
            answers.append(answer)
            time.sleep(0.1)
        answers.append(answer)

    with ThreadPoolExecutor(8) as pool:
        posting = pool.map(deliver, posts)
        for taken, victim in ((60, "gateway"), (160, "storage"), (260, "postgres")):
            eventually(lambda taken=taken: answers.count(200) >= taken, 60, every=0.005)  # type: ignore[misc]
            stack.kill(victim)
        list(posting)

    assert set(answers) <= {200, 503}
    assert 503 in answers
    assert answers.count(200) == 400
    stored = {bytes(body) for (body,) in stack.rows("select body from private.webhook_events")}
    assert set(posts) <= stored
    heard = stack.rows("select wamid from public.messages where org_id = %s and direction = 'inbound'", org)
    assert sorted(heard) == sorted((wamid,) for wamid in wamids)
    assert stack.rows("select sum(unread_count) from public.conversations where org_id = %s", org) == [(400,)]
    assert stack.rows("select count(*) from private.dead_letters") == [(0,)]


def test_up_repairs_a_stack_without_supervisor_and_the_main_job_goes_on(
    stack: Breakable, flow: Commands
) -> None:
    stack.kill("supervisor")

    stack.repair()

    assert flow.done("demo", "--leads", "5")["ok"]
