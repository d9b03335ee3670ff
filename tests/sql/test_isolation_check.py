"""The check of the separation of organizations, as the product runs it: it finds what leaks, and nothing else."""

from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import count
from typing import Any
from uuid import UUID

import pytest

from tests.database import Database, Person
from tests.sql.planted import Planted, plant, tenant_tables

NUMBERS = count(40_001)


@pytest.fixture
def owner(person: Callable[..., Person]) -> Person:
    """Who asks for the check."""
    return person("owner")


@pytest.fixture
def shop(db: Database, org: Callable[..., UUID], owner: Person) -> Planted:
    """Their organization, with something in every table."""
    return plant(db, org(owner), owner.id, next(NUMBERS))


def check(db: Database, shop: Planted, owner: Person) -> dict[str, Any]:
    db.as_person(owner)
    found: dict[str, Any] = db.value("select public.run_isolation_check(%s)", shop.org_id)
    db.as_operator()
    return found


def leaks(db: Database, shop: Planted) -> list[tuple[str, str, str]]:
    found = db.value("select private.try_isolation(%s)", shop.org_id)["leaks"]
    return sorted((leak["table"], leak["what"], leak["who"]) for leak in found)


def test_everything_is_attacked_and_nothing_leaks(db: Database, shop: Planted, owner: Person) -> None:
    functions = db.value(
        "select count(*) from pg_proc where pronamespace = 'public'::regnamespace and proargnames @> '{org_id}'"
        " and 'uuid'::regtype = any (proargtypes::oid[])"
    )

    found = check(db, shop, owner)

    assert found["leaks"] == []
    assert found["tables"] >= len(tenant_tables(db)) + 2
    assert found["with_rows"] >= len(tenant_tables(db)) + 2
    assert functions - 5 <= found["functions"] <= functions
    assert found["attempts"] >= 8 * found["tables"] + 2 * found["functions"]
    assert found["took_ms"] < 5000


def test_nothing_of_a_check_stays_but_its_result(db: Database, shop: Planted, owner: Person) -> None:
    counted = (
        "select (select count(*) from auth.users), (select count(*) from public.organizations),"
        " (select count(*) from public.memberships), (select count(*) from private.isolation_checks)"
    )
    before = db.row(counted)

    check(db, shop, owner)

    assert db.row(counted) == (*before[:3], before[3] + 1)
    kept = db.value("select to_jsonb(c)::text from private.isolation_checks c order by at desc limit 1")
    assert not [mark for mark in shop.marks | {str(shop.org_id)} if mark in kept]
    assert db.value("select action from public.audit_log where org_id = %s order by id desc limit 1", shop.org_id) == "isolation.checked"  # fmt: skip


def test_who_asked_is_themselves_again_afterwards(db: Database, shop: Planted, owner: Person) -> None:
    check(db, shop, owner)

    db.as_person(owner)
    assert db.value("select auth.uid()") == owner.id
    assert db.value("select count(*) from public.leads where org_id = %s", shop.org_id) == 1


BREACHES = [
    pytest.param("alter table public.leads disable row level security", {("public.leads", "read", "member")}, id="row level security is off"),
    pytest.param(
        'create policy "Anybody can read" on public.tasks for select to authenticated using (true)',
        {("public.tasks", "read", "member")}, id="a policy shows everything",
    ),
    pytest.param(
        'alter policy "Members can correct the contacts of their organizations" on public.contacts using (true) with check (true);'
        ' alter policy "Members can read the contacts of their organizations" on public.contacts using (true)',
        {("public.contacts", "read", "member"), ("public.contacts", "change", "member")}, id="a policy lets everybody change",
    ),
    pytest.param(
        'grant insert on public.tags to authenticated;'
        ' create policy "Anybody can add" on public.tags for insert to authenticated with check (true)',
        {("public.tags", "add", "member")}, id="a policy lets everybody add",
    ),
    pytest.param(
        "grant delete on public.tags to authenticated; alter table public.tags disable row level security",
        {("public.tags", "read", "member"), ("public.tags", "remove", "member")}, id="everybody may remove",
    ),
    pytest.param(
        "grant usage on schema private to authenticated; grant select on private.credentials to authenticated;"
        ' create policy "All" on private.credentials for select to authenticated using (true)',
        {("private.credentials", "read", "member")}, id="a closed table is opened",
    ),
    pytest.param(
        "grant usage on schema public to anon; grant select on public.messages to anon;"
        ' create policy "All" on public.messages for select to anon using (true)',
        {("public.messages", "read", "anon")}, id="a table is opened to everybody",
    ),
    pytest.param(
        "create function public.zz(org_id uuid) returns jsonb language sql security definer set search_path = ''"
        " as 'select to_jsonb(count(*)) from public.leads l where l.org_id = zz.org_id'; grant execute on function public.zz to authenticated",
        {("public.zz()", "call", "member")}, id="a function does not ask who calls",
    ),
    pytest.param(
        "create unique index zz on public.leads (id); create table private.zz (lead_id uuid references public.leads (id))",
        {("private.zz", "refer", "member")}, id="a row may refer to another's",
    ),
    pytest.param(
        "create or replace function private.my_org_ids() returns setof uuid language sql stable security definer set search_path = ''"
        " as 'select id from public.organizations'",
        {("public.leads", "read", "member"), ("public.messages", "read", "member"), ("public.profiles", "read", "member"), ("public.organizations", "read", "member")},
        id="the membership function lets everybody in",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("breach", "found"), BREACHES)
def test_what_leaks_is_named(
    db: Database, shop: Planted, breach: str, found: set[tuple[str, str, str]]
) -> None:
    db.execute(breach.encode())

    told = set(leaks(db, shop))

    assert found <= told
    if "my_org_ids" not in breach:
        assert told == found


def test_a_leak_of_somebody_elses_rows_is_found_by_who_has_none(
    db: Database, shop: Planted, org: Callable[..., UUID]
) -> None:
    empty = Planted(org(), {})
    db.execute("alter table public.leads disable row level security")

    assert leaks(db, empty) == [("public.leads", "read", "member")]


def test_it_is_for_owners_and_once_a_minute(
    db: Database, shop: Planted, owner: Person, member: Callable[..., Person]
) -> None:
    db.as_person(member(shop.org_id, "admin"))
    assert db.refusal("select public.run_isolation_check(%s)", shop.org_id).sqlstate == "PT403"

    check(db, shop, owner)
    db.as_person(owner)
    again = db.refusal("select public.run_isolation_check(%s)", shop.org_id)

    assert (again.sqlstate, again.detail) == ("PT429", "isolation_checked_just_now")
    assert again.hint.startswith("retry_at=")


NIGHT = (
    "(date_trunc('day', now() at time zone 'Asia/Kolkata' - interval '2:17') + interval '2:17')"
    " at time zone 'Asia/Kolkata'"
)


def test_every_night_one_organization_is_checked(db: Database, shop: Planted) -> None:
    def checks_of_the_schedule() -> int:
        db.execute("select private.check_isolation_nightly()")
        return len(
            db.rows("select from private.isolation_checks where asked_by = 'schedule' and leaks = '[]'")
        )

    db.execute("delete from private.isolation_checks")
    assert checks_of_the_schedule() == 1
    db.execute(f"update private.isolation_checks set at = {NIGHT}")
    assert checks_of_the_schedule() == 1, "that night has had its check"

    db.execute("update private.isolation_checks set at = at - interval '1 second'")
    db.execute("select private.check_isolation(%s, 'owner')", [shop.org_id])

    assert checks_of_the_schedule() == 2, (
        "an owner's check is of their organization, and does not stand for it"
    )


def test_a_check_that_is_missing_for_two_days_is_told(db: Database, shop: Planted) -> None:
    db.execute("delete from private.isolation_checks")
    db.execute("update public.organizations set created_at = now() - interval '3 days' where id = %s", [shop.org_id])  # fmt: skip
    assert db.value("select worker.isolation_state()") == {"at": None, "leaks": [], "is_late": True}

    db.execute("select private.check_isolation_nightly()")
    state = db.value("select worker.isolation_state()")
    assert (state["leaks"], state["is_late"]) == ([], False)
    assert datetime.fromisoformat(state["at"]).astimezone() > datetime.now().astimezone() - timedelta(minutes=5)  # fmt: skip

    db.execute("update private.isolation_checks set at = at - interval '49 hours'")
    assert db.value("select worker.isolation_state()")["is_late"]
