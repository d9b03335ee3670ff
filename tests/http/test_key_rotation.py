"""Keys rotate while messages leave: nothing is lost, nothing goes twice, nobody has to connect again."""

import threading
import time
from collections import Counter
from collections.abc import Iterator

import pytest

from tests.business import call
from tests.database import LIMITS, Database
from tests.http.real_database import RealDatabase
from tests.http.recording import settings
from tests.http.running_sandbox import RunningSandbox, running_sandbox
from tests.http.shop import Shop
from workers import dispatch
from workers.clients import outbound_client

ACCOUNTS, EACH = 5, 100


@pytest.fixture
def meta() -> Iterator[RunningSandbox]:
    with running_sandbox() as running:
        running.control.behave(sent_ms=None, delivered_ms=None, read_ms=None)
        yield running


@pytest.fixture
def shops(dsn: str, meta: RunningSandbox) -> Iterator[list[Shop]]:
    with Database.connect(dsn, options=LIMITS, autocommit=True) as db:
        made = [Shop(db, meta, None, rate=60) for _ in range(ACCOUNTS)]
        yield made
        for shop in made:
            call(db, "disconnect_whatsapp", org_id=shop.org_id)
            db.execute(
                "update private.meta_cleanups set next_at = 'infinity' where org_id = %s", [shop.org_id]
            )


def test_keys_rotate_under_load_and_every_message_leaves_once(
    dsn: str, meta: RunningSandbox, shops: list[Shop]
) -> None:
    database, rotations, done = RealDatabase(dsn), [], threading.Event()

    def keep_rotating() -> None:
        while not done.is_set():
            database.rpc("rotate_keys")
            left = 1
            while left:
                left = database.rpc("rotate_credentials", batch=3)["remaining"]
            rotations.append(time.monotonic())

    ids = [m for s in shops for m in s.send(*[f"+91983{n:07d}" for n in range(EACH)])]
    rotating = threading.Thread(target=keep_rotating)
    rotating.start()
    began = time.monotonic()
    try:
        with outbound_client(settings()) as http:
            counts = dispatch.run(database, http, settings(META_GRAPH_URL=meta.server.url))
    finally:
        done.set()
        rotating.join(30)
    took = time.monotonic() - began

    assert counts["accepted"] == len(ids)
    sent = Counter(send.callback for send in meta.control.sends())
    assert sent == {f"flow.{message}": 1 for message in ids}
    assert [set(s.statuses()) for s in shops] == [{"sent"}] * ACCOUNTS
    states = "select status from public.whatsapp_accounts where org_id = any (%s)"
    assert {state for (state,) in shops[0].db.rows(states, [s.org_id for s in shops])} == {"connected"}
    during = [at for at in rotations if at < began + took]
    assert len(during) >= 3, "the keys hardly rotated"
    broken = "select count(*) from private.credentials where broken_at is not null and org_id = any (%s)"
    assert shops[0].db.value(broken, [s.org_id for s in shops]) == 0
    # A key that went missing in between would have kept a number waiting for 30 seconds.
    assert took < 25
    database.close()
