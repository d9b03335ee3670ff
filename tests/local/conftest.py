"""Stacks that tests may break, each with its own data and ports; `stack` is the one that all share."""

from collections.abc import Iterator

import pytest

from tests.local.flow_command import Flow, free_port


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
