"""The stack that all share, an operator before it, and a business that is new."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.database import Database
from tests.e2e.commands import Business, Commands, RunningStack


@pytest.fixture
def flow(stack: RunningStack, tmp_path: Path) -> Commands:
    """Runs flow commands against the stack."""
    return Commands(stack, tmp_path)


@pytest.fixture
def org(flow: Commands) -> str:
    """An organization of its own."""
    return flow.organization()


@pytest.fixture
def business(stack: RunningStack) -> Business:
    """A business that is not connected yet."""
    return Business(stack)


@pytest.fixture
def database(stack: RunningStack) -> Iterator[Database]:
    """The stack's database, as its owner; each statement is a transaction."""
    with Database.connect(stack.database_url, autocommit=True) as connection:
        yield connection
