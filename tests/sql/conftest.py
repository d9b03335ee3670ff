"""Businesses that last, so that many can work at once."""

from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest

from tests.business import Business, fresh_org
from tests.database import LIMITS, Database


@pytest.fixture
def connect(dsn: str) -> Iterator[Callable[[], Database]]:
    """Opens connections of their own, each statement committed at once."""
    opened: list[Database] = []

    def make() -> Database:
        opened.append(Database.connect(dsn, options=LIMITS, autocommit=True))
        return opened[-1]

    yield make
    for connection in opened:
        connection.close()


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
        with psycopg.connect(business.db.info.dsn, password=business.db.info.password, autocommit=True) as db:
            db.execute("select worker.disconnect_whatsapp(%s)", [business.org_id])
            db.execute(
                "update private.send_lanes set lease = null, next_at = null where org_id = %s",
                [business.org_id],
            )
            db.execute("delete from private.signals where org_id = %s", [business.org_id])
