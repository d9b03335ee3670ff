"""One app of Meta's, two organizations: their webhooks come mixed, and neither's end in the other's rows."""

import json
import random
import re
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from itertools import repeat
from typing import Any

from tests.business import Business, fresh_org, post, webhook
from tests.database import Database
from tests.e2e.commands import Meta, RunningStack, eventually
from tests.sql.test_meta_order import START, events_of, in_posts, outcome

SEED = 3
WEBHOOKS = 600
Told = list[tuple[Business, Any]]
# Updates that did not see their message, nor it them, when both were stored at the same moment.
APART = """
    select count(*) from private.parked_updates p
      join public.messages m on (m.org_id, m.wamid) = (p.org_id, p.wamid) where p.org_id = any (%s)
"""


class Organization(Business):
    """An organization with messages that have just left: the same for everybody who is on the same side."""

    def __init__(self, db: Database, side: int) -> None:
        self.side = side
        with db.transaction():  # no dispatcher ever sees them queued
            super().__init__(db, fresh_org(db, f"Side {side}"))
            self.ids = self.send(*[f"+9198{side * 1000 + n % 25:06d}00" for n in range(60)])
            for message, wamid in zip(self.ids, self.sent_before, strict=True):
                db.execute(
                    "update public.messages set wamid = %s, status = 'sent' where id = %s", [wamid, message]
                )
            for table, column in (("messages", "at"), ("conversations", "last_message_at")):
                db.execute(
                    f"update public.{table} set {column} = to_timestamp(%s) where org_id = %s",
                    [START, self.org_id],
                )
            db.execute("update private.send_lanes set next_at = null where org_id = %s", [self.org_id])

    @property
    def sent_before(self) -> list[str]:
        """The wamids of what has left."""
        return [f"wamid.out.{self.side}.{n}" for n in range(60)]

    def rows(self) -> dict[str, list[str]]:
        """What the organization sees, without the ids by which it differs from others on its side."""
        differs = {str(self.org_id): "ORG", self.number_id: "NUMBER", self.account_id: "ACCOUNT"}
        differs |= {f"error:{message}": f"error:No {n}" for n, message in enumerate(self.ids)}
        word = re.compile("|".join(rf"{re.escape(one)}\b" for one in differs))

        def told(row: Any) -> str:
            return word.sub(lambda hit: differs[hit[0]], json.dumps(row, sort_keys=True))

        return {table: sorted(map(told, rows)) for table, rows in outcome(self).items()}


def pair(db: Database) -> tuple[list[Organization], Told]:
    """Two organizations and 600 updates in the order in which things happened, as for every other pair."""
    organizations = [Organization(db, side) for side in (1, 2)]
    chance = random.Random(SEED)  # noqa: S311 (for tests)
    days = [events_of(one.side, one, one.sent_before, chance, WEBHOOKS // 2) for one in organizations]
    told = sorted((entry for day in days for entry in enumerate(day)), key=lambda entry: entry[0])
    return organizations, [event for _, event in told]


def test_updates_in_order_and_webhooks_twice_in_disorder_from_four_threads_end_in_the_same_rows(
    stack: RunningStack, database: Database
) -> None:
    meta = Meta(stack)
    calm, in_order = pair(database)
    hectic, events = pair(database)
    shuffled = [json.dumps(webhook(change, waba=one.waba)).encode() for one, change in events] * 2
    random.Random(SEED).shuffle(shuffled)  # noqa: S311 (for tests)

    for body in in_posts(in_order, repeat(150)):
        assert post(database, body)["dead"] == 0
    with ThreadPoolExecutor(4) as pool:
        answers = Counter(pool.map(meta.post, shuffled))

    assert answers == {200: 2 * len(in_order)}
    assert len(in_order) > 0.95 * WEBHOOKS
    eventually(lambda: database.value(APART, [one.org_id for one in hectic]) == 0)  # a sweep joins them
    for one, other in zip(calm, hectic, strict=True):
        expected: dict[str, Any] = one.rows()
        found = other.rows()
        assert len(expected["messages"]) > 100
        for table, rows in expected.items():
            assert [row for row in found[table] if row not in rows] == [], table
            assert found[table] == rows, table
