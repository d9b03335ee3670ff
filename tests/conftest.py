"""What tests stand on: one running stack, one database apart from it, and people to act as.

`make test` runs files side by side, in processes with a stack and a database of their own each.
"""

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from tests.business import NUMBER, WABA, Business, fresh_org
from tests.cluster import STATE, Cluster, forget
from tests.database import Database, Person
from tests.local.flow_command import Flow, free_port


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Side by side, files that need a running stack come first, so that nobody waits for them in the end."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        slow = {item.path for item in items if {"stack", "up"} & set(getattr(item, "fixturenames", ()))}
        items.sort(key=lambda item: item.path not in slow)


@dataclass(frozen=True)
class RunningStack:
    """Where the stack that the tests share is, and its keys."""

    data: Path
    workers_url: str
    api_url: str
    sandbox_url: str
    database_url: str
    publishable_key: str
    secret_key: str


METRICS_TOKEN = "metrics-token-of-the-tests"


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    """The embedded stack, started with `flow up` once for the whole run. Tests leave it running, and tidy."""
    command = Flow(tmp_path_factory.mktemp("stack") / "data", free_port())
    try:
        found = command.up(env={"FLOW_WORKERS": "all", "FLOW_METRICS_TOKEN": METRICS_TOKEN})
        yield RunningStack(
            command.data, **{name: found[name] for name in RunningStack.__annotations__ if name != "data"}
        )
    finally:
        command.down()
        forget(command.data)


@pytest.fixture(scope="session")
def browser() -> Iterator[object]:
    """One Chromium for all tests; each person has a context of their own."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 (most runs open no browser)

    from tests.browser import chromium  # noqa: PLC0415

    path = chromium.find()
    if path is None:
        if os.environ.get("CI"):
            pytest.fail("There is no Chromium: apt install chromium")
        pytest.skip("there is no Chromium on this machine (apt install chromium)")
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield launched
        launched.close()


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A Postgres of the SQL tests' own, to make databases in."""
    made = Cluster(tmp_path_factory.mktemp("cluster") / "data", free_port())
    try:
        made.start()
        yield made
    finally:
        made.stop()


@pytest.fixture(scope="session")
def dsn(request: pytest.FixtureRequest) -> str:
    """A database with the schema applied, as role postgres: FLOW_TEST_DSN, else one made for this run."""
    if given := os.environ.get("FLOW_TEST_DSN"):
        if "PYTEST_XDIST_WORKER" in os.environ:
            pytest.fail("FLOW_TEST_DSN is one database: add -n 0, so that two tests never share it")
        return given
    cluster: Cluster = request.getfixturevalue("cluster")
    return cluster.database("flow", STATE)


@pytest.fixture(scope="session")
def warm(dsn: str) -> Iterator[list[Database]]:
    """Connections that are free: what a new one reads before it works is most of a small test."""
    free: list[Database] = []
    yield free
    for connection in free:
        connection.close()


@pytest.fixture
def db(dsn: str, warm: list[Database]) -> Iterator[Database]:
    """A connection whose work is rolled back."""
    connection = Database.borrow(dsn, warm)
    yield connection
    connection.give_back(warm)


@pytest.fixture
def other(dsn: str, warm: list[Database]) -> Iterator[Database]:
    """A second connection, for what two do at once; it sees only what `db` has committed."""
    connection = Database.borrow(dsn, warm)
    yield connection
    connection.give_back(warm)


@pytest.fixture
def person(db: Database) -> Callable[..., Person]:
    """Makes somebody who can sign in."""

    def make(name: str = "somebody", email: str | None = None, **given: str) -> Person:
        made = Person(uuid4(), email or f"{name}.{uuid4().hex[:10]}@example.test")
        with db.operating():
            db.execute(
                "insert into auth.users (id, email, raw_user_meta_data) values (%s, %s, %s)",
                [made.id, made.email, json.dumps({"name": name} | given)],
            )
        return made

    return make


@pytest.fixture
def org(db: Database, person: Callable[..., Person]) -> Callable[..., UUID]:
    """Makes an organization, with an owner of its own unless told whose."""

    def make(owner: Person | None = None, name: str = "Sharma Traders") -> UUID:
        owner = owner or person("owner")
        with db.operating():
            return db.value("select private.new_organization(%s, %s)", name, owner.id)

    return make


@pytest.fixture
def member(db: Database, person: Callable[..., Person]) -> Callable[..., Person]:
    """Makes somebody (or takes somebody) a member of an organization."""

    def make(org_id: UUID, role: str = "agent", who: Person | None = None) -> Person:
        who = who or person(role)
        with db.operating():
            db.execute(
                "insert into public.memberships (org_id, user_id, role) values (%s, %s, %s)",
                [org_id, who.id, role],
            )
        return who

    return make


@pytest.fixture
def business(db: Database) -> Business:
    """A business with the number of the recorded payloads; rolled back."""
    return Business(db, fresh_org(db), waba=WABA, number=NUMBER)
