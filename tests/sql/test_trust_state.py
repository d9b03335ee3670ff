"""How it stands with what Flow promises: one answer for the page Trust, with more in it for owners."""

from collections.abc import Callable
from itertools import count
from typing import Any
from uuid import UUID

import pytest

from tests.database import Database, Person
from tests.sql.planted import Planted, plant

NUMBERS = count(70_001)


@pytest.fixture
def owner(person: Callable[..., Person]) -> Person:
    return person("owner")


@pytest.fixture
def shop(db: Database, org: Callable[..., UUID], owner: Person) -> Planted:
    return plant(db, org(owner), owner.id, next(NUMBERS))


def state(db: Database, org_id: UUID, who: Person) -> dict[str, Any]:
    db.as_person(who)
    told: dict[str, Any] = db.value("select public.trust_state(%s)", org_id)
    db.as_operator()
    return told


def test_owners_are_told_what_leaked_and_who_used_a_token_and_others_how_many(
    db: Database, shop: Planted, owner: Person, member: Callable[..., Person]
) -> None:
    leak = '[{"table": "public.leads", "what": "read", "who": "member"}]'
    db.execute(
        "insert into private.isolation_checks (asked_by, took_ms, tables, with_rows, functions, attempts, leaks) values ('schedule', 9, 1, 1, 1, 8, %s)",
        [leak],
    )
    db.execute("select private.open_credential(org_id, id, 'dispatch') from private.credentials where org_id = %s and kind = 'meta_token'", [shop.org_id])  # fmt: skip

    to_owner, to_agent = state(db, shop.org_id, owner), state(db, shop.org_id, member(shop.org_id, "agent"))

    assert to_owner["isolation"]["found"][0]["table"] == "public.leads"
    assert {"purpose": "dispatch", "kind": "meta_token", "reads": 1} in [
        {key: use[key] for key in ("purpose", "kind", "reads")} for use in to_owner["uses"]
    ]
    assert to_agent["isolation"]["leaks"] == 1
    assert "found" not in to_agent["isolation"]
    assert to_agent["uses"] is None
    assert to_agent["secrets"] == to_owner["secrets"]
    assert to_owner["secrets"]["sealed"] == 5
    assert to_owner["secrets"]["reads"] >= 1
    assert to_owner["webhooks_last_at"]


def test_a_new_organization_has_a_state_too(db: Database, org: Callable[..., UUID], owner: Person) -> None:
    db.execute("delete from private.isolation_checks")

    told = state(db, org(owner), owner)

    assert told["isolation"] is None
    assert (told["secrets"]["sealed"], told["secrets"]["reads"]) == (0, 0)
    assert (told["uses"], told["support"], told["webhooks_last_at"], told["late_deletions"]) == (
        [],
        [],
        None,
        0,
    )


def test_a_check_is_old_after_two_days(db: Database, shop: Planted, owner: Person) -> None:
    db.execute("delete from private.isolation_checks")
    db.execute("select private.check_isolation_nightly()")
    assert state(db, shop.org_id, owner)["isolation"]["is_old"] is False

    db.execute("update private.isolation_checks set at = at - interval '49 hours'")

    assert state(db, shop.org_id, owner)["isolation"]["is_old"] is True


@pytest.mark.parametrize(
    ("address", "told"), [("https://flow.example.test", "https"), ("http://127.0.0.1:8000", "loopback")]
)
def test_the_workers_address_tells_whether_traffic_is_tls(
    db: Database, shop: Planted, owner: Person, address: str, told: str
) -> None:
    db.execute("select private.configure(%s, 'a-secret-of-24-characters-or-more')", [address])

    assert state(db, shop.org_id, owner)["address"] == told


def test_a_token_that_no_longer_opens_is_counted(db: Database, shop: Planted, owner: Person) -> None:
    db.execute(
        "update private.credentials set broken_at = now() where org_id = %s and kind = 'meta_token'",
        [shop.org_id],
    )

    assert state(db, shop.org_id, owner)["secrets"]["broken"] == 1


def test_clearing_out_is_told_without_its_dry_runs_and_with_its_failures(
    db: Database, shop: Planted, owner: Person, org: Callable[..., UUID]
) -> None:
    db.execute("delete from private.retention_runs")
    row = (
        "insert into private.retention_runs (class, org_id, mode, rows, error, finished_at)"
        " values ('media', %s, %s, %s, %s, now())"
    )
    for given in ((None, "real", 5, None), (shop.org_id, "dry", 7, None), (org(), "real", 11, "broken")):
        db.execute(row, given)
    told = state(db, shop.org_id, owner)["retention"]
    assert (told["rows"], told["failed"]) == (0, 0)
    assert told["finished_at"]

    db.execute(row, (shop.org_id, "real", 2, None))
    db.execute(row, (None, "real", 0, "broken"))

    told = state(db, shop.org_id, owner)["retention"]
    assert (told["rows"], told["failed"]) == (2, 1)


def test_the_last_export_is_told(
    db: Database, shop: Planted, owner: Person, org: Callable[..., UUID]
) -> None:
    db.execute("delete from private.organization_exports")
    assert state(db, shop.org_id, owner)["export"] == {"count": 0}

    for age, org_id in ((3, shop.org_id), (1, shop.org_id), (0, org())):
        db.execute(
            "insert into private.organization_exports (org_id, status, requested_at, finished_at, next_at, expires_at)"
            " values (%s, 'expired', now() - make_interval(days => %s), now(), null, now())",
            [org_id, age],
        )

    told = state(db, shop.org_id, owner)["export"]
    assert (told["count"], told["status"]) == (1, "expired")
    assert told["requested_at"] == db.value(
        "select to_jsonb(now() - make_interval(days => 1)) #>> array[]::text[]"
    )
