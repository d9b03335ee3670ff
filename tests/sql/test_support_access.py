"""Flow's support: sees nothing, until an owner lets them look; changes nothing, ever; and is out again by the clock alone."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from typing import Any
from uuid import UUID

import pytest
from psycopg import Rollback

from tests.database import Database, Person
from tests.promises.test_isolation import ANYBODY, OWNERS_ONLY, REFUSED, UPDATABLE, attempt, unchanged
from tests.sql.attacks import SHARED, functions, key_of, relations
from tests.sql.planted import Planted, plant

NUMBERS = count(50_001)
HIDDEN = {
    "public.audit_log",
    "public.invitations",
    "public.api_keys",
    "public.webhook_endpoints",
} | OWNERS_ONLY
OWN = {"public.notifications"}  # each person's


@dataclass(frozen=True)
class World:
    """An organization, its owner, and somebody of support."""

    shop: Planted
    owner: Person
    helper: Person

    @property
    def org_id(self) -> UUID:
        return self.shop.org_id


@pytest.fixture
def world(db: Database, org: Callable[..., UUID], person: Callable[..., Person]) -> World:
    owner, helper = person("owner"), person("helper")
    shop = plant(db, org(owner), owner.id, next(NUMBERS))
    db.execute("select worker.set_support(%s, true)", [helper.email])
    return World(shop, owner, helper)


def grant(db: Database, world: World, hours: int = 4) -> None:
    db.as_person(world.owner)
    db.execute("select public.grant_support_access(%s, %s, 'The inbox is slow')", [world.org_id, hours])


def begin(db: Database, world: World) -> Any:
    db.as_person(world.helper)
    return db.value("select public.begin_support(%s)", world.org_id)


@contextmanager
def reading(db: Database) -> Iterator[None]:
    """A transaction that Postgres lets read only, as the API opens it for functions that read."""
    with db.transaction():
        db.execute("set transaction read only")
        yield
        raise Rollback


def sees(db: Database, world: World) -> set[str]:
    """Tables of which the helper sees rows."""
    with db.operating():
        found = [t for t in relations(db, "public") if key_of(t) == "org_id" and t not in SHARED]
    db.as_person(world.helper)
    seen = {t for t in found if db.value(f"select count(*) from {t} where org_id = %s", world.org_id)}
    if db.value("select count(*) from public.organizations where id = %s", world.org_id):
        seen.add("public.organizations")
    return seen


def actions(db: Database, world: World) -> list[tuple[str, str]]:
    with db.operating():
        return db.rows(
            "select action, actor_role from public.audit_log where org_id = %s and action like 'support.%%' order by id",
            world.org_id,
        )


def test_only_staff_are_told_that_they_are_staff(db: Database, world: World) -> None:
    told = {}
    for person in (world.owner, world.helper):
        db.as_person(person)
        told[person.id] = db.value("select public.am_i_staff() ->> 'is_staff'")
    assert told == {world.owner.id: "false", world.helper.id: "true"}


def test_without_a_grant_support_is_a_stranger(db: Database, world: World) -> None:
    assert sees(db, world) == set()
    assert db.rows("select * from public.my_support()") == []
    assert db.refusal("select public.begin_support(%s)", world.org_id).sqlstate == "PT404"
    with reading(db):
        assert db.refusal("select public.usage(%s, '2026-10')", world.org_id).sqlstate == "PT404"


def test_a_grant_alone_shows_nothing_before_it_is_noted_that_somebody_looks(
    db: Database, world: World
) -> None:
    grant(db, world)
    assert sees(db, world) == set()
    ((told, is_begun),) = db.rows("select org_id, is_begun from public.my_support()")
    assert (told, is_begun) == (world.org_id, False)

    begin(db, world)

    assert {"public.leads", "public.messages", "public.organizations"} < sees(db, world)
    assert actions(db, world) == [("support.granted", "owner"), ("support.looked", "support")]
    assert db.value("select is_begun from public.my_support()")
    begin(db, world)
    assert len(actions(db, world)) == 2


def test_support_sees_what_an_agent_sees(db: Database, world: World) -> None:
    grant(db, world)
    begin(db, world)

    tables = {t for t in relations(db, "public") if key_of(t) == "org_id" and t not in SHARED}
    assert sees(db, world) - {"public.organizations"} == tables - HIDDEN - OWN


def test_support_changes_no_row_of_any_table(db: Database, world: World) -> None:
    grant(db, world)
    begin(db, world)
    found = [r for r in relations(db, "public") if r not in SHARED]
    with db.operating():
        columns = {r: [c for (c,) in db.rows(UPDATABLE, r)] or [key_of(r)] for r in found}

    with unchanged(db, world.org_id):
        db.as_person(world.helper)
        changed = []
        for relation in found:
            key = key_of(relation)
            for query in (
                f"insert into {relation} ({key}) values (%s)",
                f"delete from {relation} where {key} = %s",
                *(f"update {relation} set {column} = {column} where {key} = %s" for column in columns[relation]),
            ):  # fmt: skip
                state, rows, _ = attempt(db, query, [world.org_id], undo=False)
                if state not in REFUSED and (state, rows) != ("00000", 0):
                    changed.append((query, state, rows))

    assert changed == []


def test_support_is_refused_by_every_function_that_might_write(db: Database, world: World) -> None:
    grant(db, world)
    begin(db, world)
    found = [f for f in functions(db, "public") if f.name not in ANYBODY]
    reads = {  # under row level security, by the caller's own rights: there is nothing they could write
        name for (name,) in db.rows("select proname from pg_proc where pronamespace = 'public'::regnamespace and provolatile = 's'")
    }  # fmt: skip

    with unchanged(db, world.org_id):
        db.as_person(world.helper)
        answers = {f.name: attempt(db, *f.call(world.shop.ids), undo=False)[0] for f in found}

    assert {name for name, state in answers.items() if state not in ("PT403", "PT404")} <= reads
    assert {"send_text", "add_lead", "change_contact", "delete_organization", "require_role"} <= {
        name for name, state in answers.items() if state == "PT403"
    }


def test_support_reads_with_the_functions_of_agents_where_the_transaction_can_only_read(
    db: Database, world: World
) -> None:
    grant(db, world)
    begin(db, world)

    with reading(db):
        assert db.value("select count(*) from public.inbox(%s, 'any')", world.org_id) >= 0
        assert db.value("select public.conversation_timeline(%s, %s)", world.org_id, world.shop.ids["conversation_id"])  # fmt: skip
        assert db.value("select public.usage(%s, '2026-10')", world.org_id)
        assert db.value("select public.trust_state(%s)", world.org_id)["uses"] is None
        assert db.refusal("select public.organization_size(%s)", world.org_id).detail == "support_reads_only"
        assert db.refusal("select public.suppression_counts(%s)", world.org_id).detail == "support_reads_only"
        assert db.refusal("select public.require_role(%s, 'agent')", world.org_id).detail == "support_reads_only"  # fmt: skip


def test_support_is_out_the_moment_the_grant_expires(db: Database, world: World) -> None:
    grant(db, world)
    begin(db, world)
    assert sees(db, world)
    with db.operating():  # five hours later; nothing else has run
        for table, columns in (
            ("public.support_grants", ("granted_at", "expires_at")),
            ("public.support_visits", ("began_at", "ends_at")),
        ):
            moved = ", ".join(f"{c} = {c} - interval '5 hours'" for c in columns)
            db.execute(f"update {table} set {moved} where org_id = %s".encode(), [world.org_id])

    assert sees(db, world) == set()
    assert db.refusal("select public.begin_support(%s)", world.org_id).sqlstate == "PT404"
    with reading(db):
        assert db.refusal("select public.usage(%s, '2026-10')", world.org_id).sqlstate == "PT404"

    with db.operating():
        db.execute("select private.clean_up()")
    assert actions(db, world)[-1] == ("support.expired", "operator")


ENDS = [
    pytest.param("select public.revoke_support_access(%s)", "owner", "support.revoked", id="an owner ends it"),
    pytest.param("update public.organizations set deleted_at = now() where id = %s", None, "support.looked", id="the organization is deleted"),
    pytest.param("delete from private.support_staff where %s is not null", None, "support.looked", id="they leave the staff"),
]  # fmt: skip


@pytest.mark.parametrize(("query", "who", "last"), ENDS)
def test_support_is_out_at_once_when(
    db: Database, world: World, query: str, who: str | None, last: str
) -> None:
    grant(db, world)
    begin(db, world)
    assert sees(db, world)

    if who:
        db.as_person(world.owner)
    else:
        db.as_operator()
    db.execute(query.encode(), [world.org_id])

    assert sees(db, world) == set()
    assert actions(db, world)[-1][0] == last


def test_who_is_no_support_gets_nothing_from_a_grant(
    db: Database, world: World, person: Callable[..., Person]
) -> None:
    grant(db, world)
    db.as_person(person("stranger"))

    assert db.refusal("select public.begin_support(%s)", world.org_id).sqlstate == "PT404"
    assert db.rows("select * from public.my_support()") == []


def test_a_grant_shows_one_organization_only(
    db: Database, world: World, org: Callable[..., UUID], person: Callable[..., Person]
) -> None:
    boss = person("other")
    other = plant(db, org(boss), boss.id, next(NUMBERS))
    grant(db, world)
    begin(db, world)

    assert db.value("select count(*) from public.leads where org_id = %s", other.org_id) == 0
    assert db.value("select count(*) from public.leads") == 1


@pytest.mark.parametrize(
    ("hours", "reason", "detail"),
    [(0, "x", "bad_hours"), (73, "x", "bad_hours"), (None, "x", "bad_hours"), (1, " ", "bad_reason")],
)
def test_a_grant_has_an_end_and_a_reason(
    db: Database, world: World, hours: int | None, reason: str, detail: str
) -> None:
    db.as_person(world.owner)

    refused = db.refusal("select public.grant_support_access(%s, %s, %s)", world.org_id, hours, reason)

    assert (refused.sqlstate, refused.detail) == ("PT422", detail)


def test_one_grant_at_a_time_and_revoking_twice_is_harmless(db: Database, world: World) -> None:
    grant(db, world, 72)
    again = db.refusal("select public.grant_support_access(%s, 1, 'x')", world.org_id)
    assert again.detail == "support_already_granted"

    for _ in range(2):
        db.execute("select public.revoke_support_access(%s)", [world.org_id])
    db.execute("select public.grant_support_access(%s, 1, 'x')", [world.org_id])

    assert [action for action, _ in actions(db, world)] == ["support.granted", "support.revoked", "support.granted"]  # fmt: skip


def test_a_visit_lasts_twelve_hours_and_the_next_is_noted_again(db: Database, world: World) -> None:
    grant(db, world, 72)
    begin(db, world)
    with db.operating():
        db.execute(
            "update public.support_visits set began_at = began_at - interval '13 hours', ends_at = ends_at - interval '13 hours' where org_id = %s",
            [world.org_id],
        )
    assert sees(db, world) == set()

    begin(db, world)

    assert sees(db, world)
    assert [action for action, _ in actions(db, world)].count("support.looked") == 2


def test_operators_keep_the_staff(db: Database, world: World) -> None:
    db.as_service()
    assert world.helper.email in [who["email"] for who in db.value("select worker.support_staff()")["staff"]]
    assert db.refusal("select worker.set_support('nobody@example.test', true)").sqlstate == "PT404"

    db.execute("select worker.set_support(%s, false)", [world.helper.email])

    assert world.helper.email not in [who["email"] for who in db.value("select worker.support_staff()")["staff"]]  # fmt: skip
