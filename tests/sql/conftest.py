"""Businesses that last, so that many can work at once; and such that pay."""

from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

import pytest

from tests.business import Business, fresh_org
from tests.database import Database, Person
from tests.sql.desk import Desk
from tests.sql.ledger import plan
from tests.sql.money import bill
from tests.sql.wallets import top_up


@pytest.fixture
def connect(dsn: str, warm: list[Database]) -> Iterator[Callable[[], Database]]:
    """Opens connections of their own, each statement committed at once."""
    opened: list[Database] = []

    def make() -> Database:
        opened.append(Database.borrow(dsn, warm))
        opened[-1].autocommit = True
        return opened[-1]

    yield make
    for connection in opened:
        connection.give_back(warm)


@pytest.fixture
def lasting(connect: Callable[[], Database]) -> Iterator[Callable[..., Business]]:
    """Makes businesses that others see; at the end they are disconnected, so that nothing of theirs is ever sent."""
    made: list[Business] = []

    def make(**given: Any) -> Business:
        db = connect()
        with db.transaction():
            made.append(Business(db, fresh_org(db), **given))
        return made[-1]

    yield make
    for business in made:
        db = connect()  # its own may have been killed
        db.execute("select worker.disconnect_whatsapp(%s)", [business.org_id])
        db.execute(
            "update private.send_lanes set lease = null, next_at = null where org_id = %s", [business.org_id]
        )
        db.execute("delete from private.signals where org_id = %s", [business.org_id])


@pytest.fixture
def billed(business: Business) -> Business:
    """A business with the plan of the ledger's tests."""
    plan(business)
    return business


@pytest.fixture
def prepaid(business: Business) -> Business:
    """A business that has paid 10 rupees in advance, and for which Flow pays Meta."""
    bill(business, per_message="0.10")
    top_up(business, "10")
    return business


@pytest.fixture
def desk(
    db: Database,
    person: Callable[..., Person],
    org: Callable[..., UUID],
    member: Callable[..., Person],
) -> Desk:
    """An organization whose people work on leads; rolled back."""
    owner = person("owner")
    return Desk(db, org(owner), owner, member)
