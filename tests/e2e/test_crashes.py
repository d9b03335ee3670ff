"""Processes are killed in the middle of their work: nothing is lost, nobody hears the same thing twice."""

import os
import signal
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.cluster import forget
from tests.e2e.commands import Business, Commands, eventually, hello
from tests.local.flow_command import Flow, free_port
from workers.local.processes import running
from workers.local.stack import Stack

QUICK = {"FLOW_UNCERTAIN_AFTER_SECONDS": "4"}


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


def test_up_repairs_a_stack_without_supervisor_and_the_main_job_goes_on(
    stack: Breakable, flow: Commands
) -> None:
    stack.kill("supervisor")

    stack.repair()

    assert flow.done("demo", "--leads", "5")["ok"]
