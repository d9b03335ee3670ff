"""P30, P31: an organization that goes takes everything along but what the law keeps, within 30 days."""

from collections.abc import Callable
from itertools import count
from uuid import UUID

import pytest

from tests.database import Database, Person
from tests.sql.deleting import ask, contents_of, just_signed_in, purge, rows_of
from tests.sql.planted import Planted, plant, tenant_tables
from workers.rights.words import KEPT

NUMBERS = count(19_001)


@pytest.fixture
def owner(person: Callable[..., Person]) -> Person:
    return person("Asha")


@pytest.fixture
def doomed(db: Database, org: Callable[..., UUID], owner: Person) -> Planted:
    """An organization with something in every table."""
    return plant(db, org(owner), owner.id, next(NUMBERS))


def test_P30_every_table_of_organizations_says_what_becomes_of_its_rows(db: Database) -> None:
    assert {name for (name,) in db.rows("select table_name from private.table_classes")} == set(
        tenant_tables(db)
    )


def test_P30_what_stays_is_explained_in_hindi_too(db: Database) -> None:
    stays = db.rows("select table_name from private.table_classes where class <> 'purge'")

    assert {name for (name,) in stays} == set(KEPT["hi"])


def test_P30_profile_leads_and_message_logs_are_removed_and_only_statutory_records_stay(
    db: Database, doomed: Planted, owner: Person, org: Callable[..., UUID], person: Callable[..., Person]
) -> None:
    somebody = person("Vikram")
    neighbour = plant(db, org(somebody, name="Neighbours"), somebody.id, next(NUMBERS))
    theirs = contents_of(db, neighbour.org_id)
    ask(db, owner, doomed.org_id, now=True)

    certificate = purge(db)

    assert certificate
    left = {table for table, rows in rows_of(db, doomed.org_id).items() if rows}
    assert left <= set(certificate["kept"])
    assert not left & {
        "public.leads",
        "public.contacts",
        "public.messages",
        "public.memberships",
        "public.media",
    }
    assert db.value("select name from public.organizations where id = %s", doomed.org_id) != "Sharma Traders"
    assert contents_of(db, neighbour.org_id) == theirs


def test_P30_only_an_owner_who_proves_it_and_names_the_organization_may_ask(
    db: Database, doomed: Planted, owner: Person
) -> None:
    asking = "select public.delete_organization(%s, %s, true)"

    just_signed_in(db, owner, seconds_ago=16 * 60)
    too_long_ago = db.refusal(asking, doomed.org_id, "Sharma Traders")
    just_signed_in(db, owner)
    another_name = db.refusal(asking, doomed.org_id, "Sharma")

    assert (too_long_ago.detail, another_name.detail) == ("sign_in_again", "name_differs")


def test_P30_everything_stands_still_from_the_request_on(
    db: Database, doomed: Planted, owner: Person
) -> None:
    org_id = doomed.org_id
    alive = {
        "numbers": "select count(*) from public.whatsapp_numbers"
        " where org_id = %s and status <> 'disconnected'",
        "sources": "select count(*) from public.lead_sources where org_id = %s and disconnected_at is null",
        "keys": "select count(*) from public.api_keys where org_id = %s and revoked_at is null",
        "credentials": "select count(*) from private.credentials where org_id = %s and revoked_at is null",
    }
    before = {name: db.value(query, org_id) for name, query in alive.items()}

    ask(db, owner, org_id)

    assert min(before.values()) > 0
    assert {name: db.value(query, org_id) for name, query in alive.items()} == dict.fromkeys(alive, 0)
    db.as_person(owner)
    assert db.value("select count(*) from public.leads where org_id = %s", org_id) == 0
    assert db.refusal("select public.add_lead(%s, '{}')", org_id).sqlstate == "PT404"


def test_P31_a_deletion_is_done_within_30_days_by_the_database_and_told_on_day_25(
    db: Database, doomed: Planted, owner: Person
) -> None:
    deletion = ask(db, owner, doomed.org_id)

    within = "select %s::timestamptz - %s::timestamptz <= interval '21 days'"
    assert db.value(within, deletion["purge_at"], deletion["requested_at"])
    late = "update private.organization_deletions set purge_at = requested_at + interval '31 days'"
    assert db.refusal(late).sqlstate == "23514"
    aged = """
        update private.organization_deletions
           set requested_at = requested_at - interval '25 days 1 second',
               purge_at = purge_at - interval '25 days'
         where id = %s
    """
    db.execute(aged, [deletion["id"]])
    assert [late["deletion_id"] for late in db.value("select worker.late_deletions()")] == [deletion["id"]]
    assert purge(db)
    assert db.value("select worker.late_deletions()") == []
