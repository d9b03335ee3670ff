"""P28: all lead payloads, ledger rows and message histories can be viewed, and exported, at any time."""

from collections.abc import Callable
from itertools import count
from uuid import UUID

import pytest

from tests.database import Database, Person
from tests.sql.deleting import just_signed_in
from tests.sql.exporting import export, opened, rows_in
from tests.sql.planted import Planted, plant

NUMBERS = count(51_000)
OF_THE_PROMISE = ("public.leads", "public.usage_ledger", "public.messages")


@pytest.fixture
def owner(person: Callable[..., Person]) -> Person:
    return person("Asha")


@pytest.fixture
def ours(db: Database, org: Callable[..., UUID], owner: Person) -> Planted:
    """An organization with something in every table."""
    return plant(db, org(owner), owner.id, next(NUMBERS))


def test_P28_a_member_views_lead_payloads_ledger_rows_and_message_histories_at_any_time(
    db: Database, ours: Planted, member: Callable[..., Person]
) -> None:
    there = {
        table: db.value(f"select count(*) from {table} where org_id = %s", ours.org_id)
        for table in OF_THE_PROMISE
    }

    db.as_person(member(ours.org_id, "agent"))

    seen = {table: db.value(f"select count(*) from {table}") for table in OF_THE_PROMISE}
    assert seen == there
    assert all(seen.values())
    assert db.value("select count(*) from public.leads where raw is not null") == there["public.leads"]
    assert db.value("select count(*) from public.messages where body is not null") == there["public.messages"]


def test_P28_an_owner_exports_every_row_of_them_and_of_everything_else(
    db: Database, ours: Planted, owner: Person
) -> None:
    just_signed_in(db, owner)
    assert db.value("select public.request_export(%s)", ours.org_id)["status"] == "reading"
    db.as_operator()
    whole = {
        table: sorted(
            row for (row,) in db.rows(f"select id::text from {table} where org_id = %s", ours.org_id)
        )
        for table in OF_THE_PROMISE
    }

    with opened(export(db, ours.org_id)) as archive:
        archive.check()
        rows = rows_in(archive)

    assert {table: sorted(str(row["id"]) for row in rows[table]) for table in OF_THE_PROMISE} == whole
    raw = db.value("select raw from public.leads where org_id = %s", ours.org_id)
    assert [row["raw"] for row in rows["public.leads"]] == [raw]
    kept = {name for (name,) in db.rows("select table_name from private.export_tables where class <> 'none'")}
    assert {table for table, found in rows.items() if found} >= kept
    why = {one["table"]: one["why"] for one in archive.manifest["exclusions"]}
    assert why["private.credentials"] == "Secrets"
    assert all(why.values()), "what is left out says why"
