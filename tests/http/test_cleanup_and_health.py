"""A disconnect and a health check: the real functions of the database, and a Meta that answers like Meta."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from tests.business import call
from tests.database import LIMITS, Database
from tests.http.real_database import RealDatabase
from tests.http.recording import settings
from tests.http.running_sandbox import SECRET, RunningSandbox, running_sandbox
from tests.http.shop import Shop
from workers.clients import outbound_client
from workers.meta import cleanup, health
from workers.meta.graph import Graph

PERSON = "6600000000077"


@pytest.fixture(scope="module")
def meta() -> Iterator[RunningSandbox]:
    with running_sandbox() as running:
        yield running


@pytest.fixture
def db(dsn: str) -> Iterator[Database]:
    with Database.connect(dsn, options=LIMITS, autocommit=True) as connection:
        yield connection


@pytest.fixture
def shop(db: Database, meta: RunningSandbox) -> Iterator[Callable[..., Shop]]:
    """Makes businesses that others see; let go at the end."""
    made: list[Shop] = []

    def make(person: str | None = PERSON) -> Shop:
        made.append(Shop(db, meta, person))
        return made[-1]

    yield make
    for one in made:
        call(db, "disconnect_whatsapp", org_id=one.org_id)
        db.execute("update private.meta_cleanups set next_at = 'infinity' where org_id = %s", [one.org_id])
        db.execute("delete from private.account_checks where org_id = %s", [one.org_id])


@pytest.fixture
def database(dsn: str) -> Iterator[RealDatabase]:
    made = RealDatabase(dsn)
    yield made
    made.close()


@pytest.fixture
def graph(meta: RunningSandbox) -> Iterator[Graph]:
    meta.control.clear_faults()
    with outbound_client(KNOWN) as http:
        yield Graph(http, settings(META_GRAPH_URL=meta.server.url))
    meta.control.clear_faults()


KNOWN = settings(META_APP_ID="4406", META_APP_SECRET=SECRET)


def of(meta: RunningSandbox, shop: Shop) -> dict[str, Any]:
    """The account as Meta sees it."""
    (found,) = [a for a in meta.control.accounts() if a["waba_id"] == shop.waba]
    return found


def works(meta: RunningSandbox, shop: Shop) -> bool:
    """Whether Meta still takes the token."""
    return meta.graph("GET", shop.waba, shop.token).status_code == httpx.codes.OK


def left(db: Database, shop: Shop) -> list[tuple[Any, ...]]:
    """The cleanups of a business, and its ciphertexts."""
    return db.rows(
        "select c.status, c.attempts, exists (select from private.credentials s where s.org_id = c.org_id"
        " and s.kind = 'meta_token' and s.cipher is not null)"
        " from private.meta_cleanups c where c.org_id = %s",
        shop.org_id,
    )


# Disconnect


def test_disconnect_ends_subscription_and_permissions_at_meta_at_once(shop, db, database, graph, meta):
    mine = shop()

    assert cleanup.disconnect(database, graph, KNOWN, str(mine.org_id)) == {"disconnected": 1}

    assert of(meta, mine)["subscribed"] is False
    assert not works(meta, mine)
    assert left(db, mine) == [("done", 1, False)]
    ended = [call["path"] for call in meta.control.managed() if call["method"] == "DELETE"]
    assert ended == [f"{mine.waba}/subscribed_apps", f"{PERSON}/permissions"], (
        "the token dies with the second"
    )


def test_disconnect_of_a_token_given_by_hand_leaves_the_token_alone(shop, db, database, graph, meta):
    mine = shop(person=None)

    cleanup.disconnect(database, graph, KNOWN, str(mine.org_id))

    assert of(meta, mine)["subscribed"] is False
    assert works(meta, mine)
    assert left(db, mine) == [("done", 1, False)]


FAILURES = [
    pytest.param({"kind": "http_500"}, id="an outage"),
    pytest.param({"kind": "dropped"}, id="hung up"),
    pytest.param({"kind": "error", "code": 4, "http_status": 400}, id="too many calls"),
]


@pytest.mark.parametrize("fault", FAILURES)
def test_disconnect_stands_while_meta_fails_and_is_told_later(shop, db, database, graph, meta, fault):
    mine = shop()
    meta.control.fault(**fault, endpoint="management", phone_number_id=mine.waba)

    assert cleanup.disconnect(database, graph, KNOWN, str(mine.org_id)) == {"disconnected": 1}

    assert of(meta, mine)["subscribed"] is True
    assert left(db, mine) == [("open", 1, True)]
    db.execute("update private.meta_cleanups set next_at = now() where org_id = %s", [mine.org_id])
    counts = cleanup.clean_up(database, graph, KNOWN, str(mine.org_id))
    assert counts["done"] == 1
    assert of(meta, mine)["subscribed"] is False
    assert left(db, mine) == [("done", 2, False)]


def test_two_accounts_of_one_person_are_both_unsubscribed_before_the_permissions_end(
    shop, db, database, graph, meta
):
    first, second = shop("6600000000078"), shop("6600000000078")

    cleanup.disconnect(database, graph, KNOWN, str(first.org_id))
    assert works(meta, second)
    cleanup.disconnect(database, graph, KNOWN, str(second.org_id))

    assert [of(meta, s)["subscribed"] for s in (first, second)] == [False, False]
    assert not works(meta, second)
    assert [left(db, s)[0][0] for s in (first, second)] == ["done", "done"]


def test_account_that_is_connected_again_before_meta_heard_stays_subscribed(shop, db, database, graph, meta):
    mine = shop()
    meta.control.fault("http_500", endpoint="management", phone_number_id=mine.waba)
    cleanup.disconnect(database, graph, KNOWN, str(mine.org_id))
    mine.connect()

    cleanup.clean_up(database, graph, KNOWN, str(mine.org_id))

    assert of(meta, mine)["subscribed"] is True
    assert works(meta, mine)
    assert left(db, mine)[0][0] == "cancelled"


def test_unsubscribing_that_overtook_a_new_connection_is_mended(shop, db, database, graph, meta):
    """The account is connected again while the call of the disconnect is in the air."""
    mine = shop()
    real = graph.delete

    def connects_meanwhile(path: str, token: str) -> dict[str, Any]:
        if path.endswith("subscribed_apps"):
            mine.connect()
        return real(path, token)

    graph.delete = connects_meanwhile
    cleanup.disconnect(database, graph, KNOWN, str(mine.org_id))
    meta.control.change(mine.token, is_valid=True)

    health.check(database, graph, KNOWN, str(mine.org_id))

    assert of(meta, mine)["subscribed"] is True


# Health


def test_account_that_is_well_has_no_findings(shop, db, database, graph, meta):
    mine = shop()

    assert health.check(database, graph, KNOWN, str(mine.org_id))["checked"] == 1

    assert findings(db, mine) == {}
    query = "select messaging_limit, currency, review_status from public.whatsapp_accounts where org_id = %s"
    assert db.row(query, mine.org_id) == (2000, "INR", "APPROVED")
    checked = "select checked_at is not null from private.account_checks where org_id = %s"
    assert db.value(checked, mine.org_id)


def findings(db: Database, shop: Shop) -> dict[str, str]:
    return dict(db.rows("select kind, level from public.whatsapp_health where org_id = %s", shop.org_id))


UNVERIFIED = {"business_verification": "not_verified"}
SIGNS = [
    pytest.param("number", {"quality_rating": "RED"}, "quality", "problem", id="quality"),
    pytest.param("number", {"name_status": "DECLINED"}, "name", "problem", id="name"),
    pytest.param("number", {"status": "FLAGGED"}, "number", "warning", id="status"),
    pytest.param("account", UNVERIFIED, "business_verification", "warning", id="verification"),
    pytest.param("account", {"review_status": "REJECTED"}, "review", "problem", id="review"),
    pytest.param("account", {"numbers": []}, "number", "problem", id="number moved away"),
    pytest.param("token", {"scopes": ["public_profile"]}, "permissions", "problem", id="permission"),
    pytest.param("token", {"expires_at": int(time.time()) + 86_400}, "token_end", "problem", id="token ends"),
]


@pytest.mark.parametrize(("what", "change", "kind", "level"), SIGNS)
def test_sign_at_meta_becomes_a_finding(shop, db, database, graph, meta, what, change, kind, level):
    mine = shop()
    meta.control.change(
        {"number": mine.phone_number_id, "account": mine.waba, "token": mine.token}[what], **change
    )

    health.check(database, graph, KNOWN, str(mine.org_id))

    assert findings(db, mine) == {kind: level}


def test_subscription_that_is_gone_is_renewed_once(shop, db, database, graph, meta):
    mine = shop()
    meta.control.change(mine.waba, subscribed=False)

    health.check(database, graph, KNOWN, str(mine.org_id))

    assert of(meta, mine)["subscribed"] is True
    assert findings(db, mine) == {"subscription": "warning"}
    meta.control.change(mine.waba, subscribed=False)
    again(db, mine)
    health.check(database, graph, KNOWN, str(mine.org_id))
    assert of(meta, mine)["subscribed"] is False, "somebody takes it away: a person must look"
    assert findings(db, mine) == {"subscription": "problem"}


def status(db: Database, shop: Shop) -> Any:
    return db.value("select status from public.whatsapp_accounts where org_id = %s", shop.org_id)


def again(db: Database, shop: Shop) -> None:
    db.execute("update private.account_checks set checked_at = null where org_id = %s", [shop.org_id])


DEAD = [pytest.param({"is_valid": False}, id="withdrawn"), pytest.param({"expires_at": 1}, id="expired")]


@pytest.mark.parametrize("change", DEAD)
def test_dead_token_asks_to_reconnect(shop, db, database, graph, meta, change):
    mine = shop()
    meta.control.change(mine.token, **change)

    assert health.check(database, graph, KNOWN, str(mine.org_id))["reconnect"] == 1

    assert (
        db.value("select status from public.whatsapp_accounts where org_id = %s", mine.org_id) == "reconnect"
    )
    assert findings(db, mine) == {"access": "problem"}


def test_wrong_secret_of_the_app_costs_no_account_its_connection(shop, db, database, graph, meta):
    """Meta refuses debug_token with 190 then: that is about the operator's setting."""
    mine = shop()

    health.check(database, graph, settings(META_APP_ID="4406", META_APP_SECRET="wrong"), str(mine.org_id))

    assert (
        db.value("select status from public.whatsapp_accounts where org_id = %s", mine.org_id) == "connected"
    )
    assert findings(db, mine) == {}


def test_outage_of_meta_changes_nothing(shop, db, database, graph, meta):
    mine = shop()
    meta.control.fault("http_500", endpoint="management", count=10)

    health.check(database, graph, KNOWN, str(mine.org_id))

    assert db.value("select failures from private.account_checks where org_id = %s", mine.org_id) == 1
    assert findings(db, mine) == {}


def test_fields_that_this_app_may_not_read_cost_none_of_the_others(shop, db, database, graph, meta):
    mine = shop()
    real = graph.get

    def keeps_to_itself(path: str, token: str, **params: str) -> dict[str, Any]:
        if "business_verification_status" in params.get("fields", "") or "health_status" in params.get(
            "fields", ""
        ):
            params["fields"] += ",no_such_field"
        return real(path, token, **params)

    graph.get = keeps_to_itself
    meta.control.change(mine.phone_number_id, quality_rating="RED")
    health.check(database, graph, KNOWN, str(mine.org_id))

    assert findings(db, mine) == {"quality": "problem"}
