"""A person closes their account: it ends everywhere at once, and what they did names nobody."""

from collections.abc import Callable
from uuid import UUID

import pytest

from tests.business import call
from tests.database import Database, Person
from tests.sql.deleting import just_signed_in
from tests.sql.erasing import traces

MAIL, NAME = "meena.closing@example.test", "Meena Kulkarni"


@pytest.fixture
def meena(person: Callable[..., Person]) -> Person:
    return person(NAME, MAIL, avatar_url="https://pictures.test/meena.png")


@pytest.fixture
def shop(
    db: Database, org: Callable[..., UUID], meena: Person, member: Callable[..., Person]
) -> tuple[UUID, Person]:
    """An organization of somebody else, in which Meena works."""
    shop = org()
    member(shop, "agent", meena)
    return shop, meena


def close(db: Database, who: Person, email: str = MAIL) -> dict:
    just_signed_in(db, who)
    answer = db.value("select public.close_account(%s)", email)
    db.as_operator()
    return answer


def leads_of(db: Database, org_id: UUID, owner: Person, *stages: str) -> list[str]:
    made = []
    for stage in stages:
        lead = call(db, "add_lead", org_id=org_id, lead={"name": f"Buyer of {stage}"})["lead_id"]
        db.execute(
            "update public.leads set owner_id = %s, stage_id = (select id from public.pipeline_stages s where s.org_id = leads.org_id and s.kind = %s limit 1) where id = %s",
            [owner.id, stage, lead],
        )
        made.append(lead)
    db.execute("delete from private.assignment_queue where org_id = %s", [org_id])
    return made


def test_open_leads_go_back_to_the_rules_and_tasks_to_the_team(
    db: Database, shop: tuple[UUID, Person]
) -> None:
    org_id, meena = shop
    open_lead, won = leads_of(db, org_id, meena, "open", "won")
    task = db.value(
        "insert into public.tasks (org_id, kind, title, lead_id, assignee_id, due_at) values (%s, 'call', 'Call', %s, %s, now()) returning id",
        org_id, open_lead, meena.id,
    )  # fmt: skip
    db.as_person(meena)
    before = db.value("select public.my_account_closing()")
    assert before == {
        "may_close": True,
        "organizations": [
            {"org_id": str(org_id), "name": "Sharma Traders", "role": "agent", "open_leads": 1, "open_tasks": 1, "obstacle": None}
        ],
    }  # fmt: skip

    assert close(db, meena) == {"organizations": 1}

    assert [str(i) for (i,) in db.rows("select lead_id from private.assignment_queue where org_id = %s", org_id)] == [open_lead]  # fmt: skip
    assert db.rows("select owner_id from public.leads where id = any(%s)", [open_lead, won]) == [(None,)] * 2
    assert db.row("select assignee_id, former_assignee_id from public.tasks where id = %s", task) == (None, meena.id)  # fmt: skip


def test_what_they_did_stays_and_names_nobody(
    db: Database, shop: tuple[UUID, Person], person: Callable[..., Person]
) -> None:
    org_id, meena = shop
    (lead,) = leads_of(db, org_id, meena, "open")
    with db.transaction():
        db.as_person(meena)
        db.execute("select public.note_lead(%s, %s, 'Called them')", [org_id, lead])
        db.as_operator()
    db.execute("insert into public.saved_views (org_id, owner_id, name, filter, is_shared) values (%s, %s, 'Mine', '{}', false)", [org_id, meena.id])  # fmt: skip
    db.execute(
        "insert into public.invitations (org_id, email, role, token_sha256, invited_by, accepted_at, accepted_by) values (%s, %s, 'agent', sha256('x'), %s, now(), %s)",
        [org_id, MAIL, meena.id, meena.id],
    )
    db.execute("insert into auth.sessions (id, user_id, created_at, updated_at) values (gen_random_uuid(), %s, now(), now())", [meena.id])  # fmt: skip

    close(db, meena)

    assert traces(db, f"{MAIL}|{NAME}|pictures.test") == {}
    for table, column in (("auth.users", "id"), ("auth.sessions", "user_id"), ("public.profiles", "id"), ("public.memberships", "user_id"), ("public.saved_views", "owner_id")):  # fmt: skip
        assert db.value(f"select count(*) from {table} where {column} = %s", meena.id) == 0, table
    assert db.value("select details ->> 'text' from public.lead_activities where actor = %s", meena.id) == "Called them"  # fmt: skip
    told = db.rows("select action, actor, details from public.audit_log where org_id = %s and object_id = %s order by id desc limit 1", org_id, str(meena.id))  # fmt: skip
    assert told == [("member.account_closed", meena.id, {"role": "agent"})]
    assert person("again", MAIL).id != meena.id


def test_the_last_owner_is_told_what_to_do_first(
    db: Database, org: Callable[..., UUID], meena: Person, member: Callable[..., Person]
) -> None:
    org_id = org(meena, "Meena Pumps")
    just_signed_in(db, meena)

    said = db.refusal("select public.close_account(%s)", MAIL)

    assert (said.detail, said.message) == ("last_owner", "You are the only owner of Meena Pumps.")
    db.as_person(meena)
    (told,) = db.value("select public.my_account_closing()")["organizations"]
    assert told["obstacle"] == "last_owner"
    db.as_operator()
    member(org_id, "owner")
    assert close(db, meena) == {"organizations": 1}


def test_an_organization_that_is_being_deleted_takes_the_account_along(
    db: Database, org: Callable[..., UUID], meena: Person
) -> None:
    org_id = org(meena, "Meena Pumps")
    just_signed_in(db, meena)
    db.value("select public.delete_organization(%s, 'Meena Pumps')", org_id)

    told = db.value("select public.my_account_closing()")

    assert [o["obstacle"] for o in told["organizations"]] == ["being_deleted"]
    assert db.refusal("select public.close_account(%s)", MAIL).detail == "last_owner"


REFUSED = [
    pytest.param(10, "meena@example.test", "email_differs", id="another address"),
    pytest.param(1000, MAIL, "sign_in_again", id="signed in a while ago"),
]


@pytest.mark.parametrize(("ago", "typed", "slug"), REFUSED)
def test_an_account_is_closed_only_by_who_has_just_shown_who_they_are(
    db: Database, meena: Person, ago: int, typed: str, slug: str
) -> None:
    just_signed_in(db, meena, ago)

    assert db.refusal("select public.close_account(%s)", typed).detail == slug
    assert close(db, meena, f"  {MAIL.upper()} ") == {"organizations": 0}


def test_an_operator_closes_an_account_by_its_address(db: Database, shop: tuple[UUID, Person]) -> None:
    assert call(db, "close_account", email=MAIL) == {"organizations": 1}
    db.as_service()
    assert db.refusal("select worker.close_account(%s)", MAIL).detail == "account_unknown"


def test_of_the_last_two_owners_the_second_is_told(
    db: Database, org: Callable[..., UUID], meena: Person, member: Callable[..., Person]
) -> None:
    org_id = org(meena, "Meena Pumps")
    second = member(org_id, "owner")
    close(db, meena)

    just_signed_in(db, second)

    assert db.refusal("select public.close_account(%s)", second.email).detail == "last_owner"
