"""A person may have several numbers and addresses; any number leads to them, and to nobody else."""

import json
import threading
from collections.abc import Callable
from typing import Any
from uuid import UUID

import psycopg
import pytest

from tests.business import Business, call, text
from tests.database import Database, Person

P1, P2, P3 = "+919000000001", "+919000000002", "+919000000003"


@pytest.fixture
def acme(org: Callable[..., UUID]) -> UUID:
    return org(name="Acme")


@pytest.fixture
def agent(member: Callable[..., Person], acme: UUID) -> Person:
    return member(acme)


def lead(db: Database, org_id: UUID, **given: Any) -> str:
    made: dict[str, str] = call(db, "add_lead", org_id=org_id, lead=given)
    return made["contact_id"]


def ask(db: Database, who: Person, name: str, *args: object) -> Any:
    with db.transaction():
        db.as_person(who)
        marks = ", ".join(["%s"] * len(args))
        answer = db.value(f"select public.{name}({marks})", *args)
        db.as_operator()
    return answer


def points(db: Database, contact: str) -> dict[str, bool]:
    return dict(db.rows("select value, is_primary from public.contact_points where contact_id = %s", contact))


def test_further_numbers_and_addresses_of_an_enquiry_are_points_of_its_contact(
    db: Database, acme: UUID
) -> None:
    contact = lead(db, acme, name="Asha", phone=P1, phones=[P2, P1], email="A@x.in", emails=["b@x.in"])

    assert points(db, contact) == {P1: True, P2: False, "a@x.in": True, "b@x.in": False}


KNOWN = [
    pytest.param({"phone": P2}, id="a further number"),
    pytest.param({"phone": P2, "email": "else@x.in"}, id="a further number, another address"),
    pytest.param({"email": "b@x.in"}, id="a further address alone"),
    pytest.param({"phones": [P2]}, id="only further numbers given"),
]


@pytest.mark.parametrize("again", KNOWN)
def test_enquiry_by_any_point_joins_the_contact(db: Database, acme: UUID, again: dict[str, Any]) -> None:
    contact = lead(db, acme, name="Asha", phone=P1, phones=[P2], email="a@x.in", emails=["b@x.in"])

    assert lead(db, acme, name="Somebody", **again) == contact


def test_same_address_with_another_number_stays_two_contacts(db: Database, acme: UUID) -> None:
    contact = lead(db, acme, phone=P1, email="firm@x.in")
    db.execute(
        "update public.contact_points set created_at = now() - interval '1 day' where contact_id = %s",
        [contact],
    )

    other = lead(db, acme, phone=P2, email="firm@x.in")

    assert other != contact
    assert lead(db, acme, email="firm@x.in") == contact


def test_further_number_that_is_somebody_elses_joins_nobody_but_is_shown(db: Database, acme: UUID) -> None:
    contact = lead(db, acme, phone=P1)

    other = lead(db, acme, phone=P2, phones=[P1])

    assert (other != contact, points(db, other)) == (True, {P2: True})
    assert db.row("select reasons, score from public.likely_duplicates where org_id = %s", acme) == (
        ["gave_their_number"],
        80,
    )


def test_message_and_lead_meet_in_any_number(business: Business, db: Database) -> None:
    contact = lead(db, business.org_id, phone="+919810000011", phones=["+919810000012"])

    business.hear(text("w1", sender="919810000012"))

    assert business.contact("919810000012")["id"] == contact
    assert len(business.table("public.contacts")) == 1


def test_number_that_whatsapp_told_leads_a_lead_to_its_contact(business: Business, db: Database) -> None:
    business.hear(text("w1", sender="919810000011", user="IN.900"))
    business.hear(text("w2", sender="919810000012", user="IN.900"))
    contact = business.contact("IN.900")["id"]

    assert lead(db, business.org_id, phone="+919810000012") == contact


def test_member_adds_makes_primary_and_removes(db: Database, acme: UUID, agent: Person) -> None:
    contact = lead(db, acme, phone=P1, email="a@x.in")

    ask(db, agent, "add_contact_point", acme, contact, "phone", f" {P2} ", "office")
    ask(db, agent, "add_contact_point", acme, contact, "email", " B@X.in")
    ask(db, agent, "make_contact_point_primary", acme, contact, "phone", P2)
    ask(db, agent, "make_contact_point_primary", acme, contact, "email", "b@x.in")
    left = ask(db, agent, "remove_contact_point", acme, contact, "phone", P1)

    assert [(p["value"], p["is_primary"], p["label"]) for p in left["points"]] == [
        (P2, True, "office"), ("b@x.in", True, None), ("a@x.in", False, None),
    ]  # fmt: skip
    assert db.row("select phone, email from public.contacts where id = %s", contact) == (P2, "b@x.in")


REFUSED = [
    pytest.param("add_contact_point", ("phone", P2), "point_taken", id="somebody else's number"),
    pytest.param("add_contact_point", ("email", "B@x.in"), "point_taken", id="somebody else's address"),
    pytest.param("add_contact_point", ("phone", "98123"), "phone_invalid", id="no number"),
    pytest.param("add_contact_point", ("email", "nobody"), "email_invalid", id="no address"),
    pytest.param("add_contact_point", ("fax", P2), "kind_unknown", id="fax"),
    pytest.param("remove_contact_point", ("phone", P1), "point_in_use", id="the primary number"),
    pytest.param("make_contact_point_primary", ("phone", P3), "point_unknown", id="not theirs"),
]


@pytest.mark.parametrize(("name", "args", "slug"), REFUSED)
def test_what_cannot_be_is_refused(
    db: Database, acme: UUID, agent: Person, name: str, args: tuple[str, str], slug: str
) -> None:
    contact, other = lead(db, acme, phone=P1), lead(db, acme, phone=P2, email="b@x.in")
    db.as_person(agent)

    said = db.refusal(f"select public.{name}(%s, %s, %s, %s)", acme, contact, *args)

    assert said.detail == slug
    assert slug != "point_taken" or said.hint == f"contact_id={other}"


def test_corrected_address_leaves_no_trace_and_a_changed_number_stays(
    db: Database, acme: UUID, agent: Person
) -> None:
    contact = lead(db, acme, phone=P1, email="typo@x.in")
    db.as_person(agent)
    db.execute("update public.contacts set email = 'Right@x.in' where id = %s", [contact])
    db.as_operator()
    db.execute("update public.contacts set phone = %s where id = %s", [P2, contact])

    assert points(db, contact) == {P1: False, P2: True, "right@x.in": True}


def test_of_two_contacts_that_get_one_number_at_once_only_one_has_it(
    lasting: Callable[..., Business], connect: Callable[[], Database]
) -> None:
    """A member adds a number in the moment in which its owner writes for the first time."""
    business = lasting()
    contact = lead(business.db, business.org_id, phone="+919810000011")
    owner = Person(
        business.db.value("select user_id from public.memberships where org_id = %s", business.org_id), ""
    )
    start, said = threading.Barrier(2), []

    def write() -> None:
        start.wait()
        business.hear(text("w1", sender="919810000099"))

    def add() -> None:
        db = connect()
        start.wait()
        try:
            ask(db, owner, "add_contact_point", business.org_id, contact, "phone", "+919810000099")
        except psycopg.Error as error:
            said.append(error.diag.message_detail)

    threads = [threading.Thread(target=one) for one in (write, add)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    holders = [
        p["contact_id"] for p in business.table("public.contact_points") if p["value"] == "+919810000099"
    ]
    assert len(holders) == 1
    assert business.message("w1")["contact_id"] == holders[0]
    assert said in ([], ["point_taken"])


def test_hostile_points_of_a_lead_change_nothing(db: Database, acme: UUID) -> None:
    given = {"phone": P1, "phones": {"a": 1}, "emails": [None, 5, "x", "a@b c", "o@k.in", "'; drop table x"]}

    contact = db.value("select private.resolve_contact(%s, %s)", acme, json.dumps(given))

    assert points(db, contact) == {P1: True, "o@k.in": True}
