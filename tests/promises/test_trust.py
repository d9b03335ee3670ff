"""P13, P25, P26 as the product shows them: the check finds planted leaks, the state is the catalogue's."""

from collections.abc import Callable
from itertools import count
from uuid import UUID

import pytest

from tests.database import Database, Person
from tests.sql.planted import Planted, plant

NUMBERS = count(60_001)


@pytest.fixture
def owner(person: Callable[..., Person]) -> Person:
    return person("Asha")


@pytest.fixture
def shop(db: Database, org: Callable[..., UUID], owner: Person) -> Planted:
    """An organization with something in every table."""
    return plant(db, org(owner), owner.id, next(NUMBERS))


def found(db: Database, shop: Planted, owner: Person) -> set[tuple[str, str]]:
    """What the owner is told by the button of the Trust page."""
    db.as_person(owner)
    leaks = db.value("select public.run_isolation_check(%s)", shop.org_id)["leaks"]
    db.as_operator()
    return {(leak["table"], leak["what"]) for leak in leaks}


UNGUARDED = "alter table public.tags disable row level security"
LEAKS = [
    ("alter table public.messages disable row level security", "public.messages", "read"),
    (f"grant insert on public.tags to authenticated; {UNGUARDED}", "public.tags", "add"),
    ("alter table public.contacts disable row level security", "public.contacts", "change"),
    (f"grant delete on public.tags to authenticated; {UNGUARDED}", "public.tags", "remove"),
    (
        ("create unique index zz on public.leads (id);"
        " create table private.zz (lead_id uuid references public.leads (id))"), "private.zz", "refer",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("breach", "table", "what"), LEAKS, ids=[what for *_, what in LEAKS])
def test_P13_self_test_finds_a_planted_leak(
    db: Database, shop: Planted, owner: Person, breach: str, table: str, what: str
) -> None:
    db.execute(breach.encode())

    assert (table, what) in found(db, shop, owner)


def test_P13_self_test_reports_zero_where_nothing_leaks(db: Database, shop: Planted, owner: Person) -> None:
    assert found(db, shop, owner) == set()


def test_P13_support_sees_nothing_without_an_owners_leave(
    db: Database, shop: Planted, owner: Person, person: Callable[..., Person]
) -> None:
    helper = person("helper")
    db.execute("select worker.set_support(%s, true)", [helper.email])
    leads = "select count(*) from public.leads where org_id = %s"

    assert db.as_person(helper).value(leads, shop.org_id) == 0
    db.as_person(owner).execute("select public.grant_support_access(%s, 1, 'Slow')", [shop.org_id])
    db.as_person(helper).execute("select public.begin_support(%s)", [shop.org_id])
    assert db.value(leads, shop.org_id) == 1
    refused = db.refusal("select public.note_lead(%s, %s, 'X')", shop.org_id, shop.ids["lead_id"])
    assert refused.detail == "support_reads_only"
    db.as_person(owner).execute("select public.revoke_support_access(%s)", [shop.org_id])
    assert db.as_person(helper).value(leads, shop.org_id) == 0


BREACHES = [
    ("select", 0, 0),
    ("alter table private.wakeups disable row level security", 1, 0),
    ("grant select (id) on public.leads to anon", 0, 1),
    ("grant execute on function worker.ping to public", 0, 1),
]


@pytest.mark.parametrize(("breach", "unguarded", "open_to_all"), BREACHES)
def test_P25_P26_the_page_tells_what_the_catalogue_says(
    db: Database, shop: Planted, owner: Person, breach: str, unguarded: int, open_to_all: int
) -> None:
    db.execute(breach.encode())

    state = db.as_person(owner).value("select public.trust_state(%s)", shop.org_id)["closed"]

    assert state["tables"] > 100
    assert (state["tables"] - state["protected"], state["anon_grants"]) == (unguarded, open_to_all)
