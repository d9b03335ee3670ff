"""Stacks that tests may break, each with its own data and ports; `stack` is the one that all share."""

from collections.abc import Iterator
from types import SimpleNamespace

import psycopg
import pytest

from tests.local.flow_command import Flow, free_port
from tests.local.gateway import SETUP, TEARDOWN, Gateway, Person


@pytest.fixture(scope="module")
def flow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flow]:
    """The command, for a data directory that does not exist yet; stopped afterwards."""
    command = Flow(tmp_path_factory.mktemp("stack") / "data", free_port())
    yield command
    command.down()


@pytest.fixture(scope="module")
def up(flow: Flow) -> dict:
    """The status of a running stack that tests may break."""
    return flow.up()


@pytest.fixture(scope="module")
def gateway(stack: SimpleNamespace) -> Iterator[Gateway]:
    """The gateway of the shared stack, with tables and functions for these tests."""
    gateway = Gateway(stack)
    with psycopg.connect(gateway.database_url, autocommit=True) as con:
        con.execute(SETUP)
    gateway.send("GET", "/_system/introspect", gateway.secret)
    yield gateway
    gateway.client.close()
    with psycopg.connect(gateway.database_url, autocommit=True) as con:
        con.execute(TEARDOWN)


@pytest.fixture(scope="module")
def asha(gateway: Gateway) -> Person:
    """Somebody who has just signed up."""
    return gateway.sign_up()
