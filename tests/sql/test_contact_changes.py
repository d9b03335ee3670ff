"""What members correct of a person stands, is told, and keeps to what may be corrected."""

import json
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest

from tests.business import Business, text
from tests.database import Database, Person
from tests.sql.merging import ask, lead, owner, refused


@pytest.fixture
def acme(org: Callable[..., UUID]) -> UUID:
    return org(name="Acme")


@pytest.fixture
def agent(member: Callable[..., Person], acme: UUID) -> Person:
    return member(acme)


@pytest.fixture
def asha(db: Database, acme: UUID) -> str:
    """A contact with a lead."""
    return lead(db, acme, name="Asha", phone="+919000000001", city="Anand", company="Verma & Co")


def change(db: Database, who: Person, org_id: UUID, contact: str, **fields: Any) -> Any:
    return ask(db, who, "change_contact", org_id=org_id, contact_id=contact, change=fields)


def test_given_fields_change_and_others_stay(db: Database, acme: UUID, agent: Person, asha: str) -> None:
    answer = change(
        db, agent, acme, asha,
        name="  Asha   Verma ", city=None, pincode="388001", address=" 4 Mill Road\nNear the gate ",
    )  # fmt: skip

    assert answer == {
        "contact_id": asha,
        "name": "Asha Verma",
        "company": "Verma & Co",
        "address": "4 Mill Road\nNear the gate",
        "city": None,
        "state": None,
        "pincode": "388001",
    }
    query = "select name, company, city, pincode from public.contacts where id = %s"
    assert db.row(query, asha) == ("Asha Verma", "Verma & Co", None, "388001")


def test_timeline_and_audit_name_the_fields_and_nothing_of_the_person(
    db: Database, acme: UUID, agent: Person, asha: str
) -> None:
    change(db, agent, acme, asha, name="Asha Verma", city="Anand", company="")

    assert db.rows(
        "select actor, details from public.lead_activities where org_id = %s and kind = 'contact_changed'",
        acme,
    ) == [(agent.id, {"fields": ["company", "name"]})]
    assert db.rows(
        "select actor, object_id, details from public.audit_log"
        " where org_id = %s and action = 'contact.changed'",
        acme,
    ) == [(agent.id, asha, {"fields": ["company", "name"]})]


def test_what_is_so_already_leaves_no_trace(db: Database, acme: UUID, agent: Person, asha: str) -> None:
    before = db.value("select updated_at from public.contacts where id = %s", asha)

    change(db, agent, acme, asha, name="Asha", state="")
    change(db, agent, acme, asha)

    assert db.value("select updated_at from public.contacts where id = %s", asha) == before
    assert db.value("select count(*) from public.audit_log where action = 'contact.changed'") == 0


def test_corrected_name_stands_against_later_leads_and_profile_names(business: Business) -> None:
    db, number = business.db, "919810000011"
    business.hear(text("w0", "Hello", at=business.now() - 50, sender=number), name="asha~pumps")
    contact = db.value("select id from public.contacts where org_id = %s", business.org_id)

    ask(
        db, owner(business), "change_contact",
        org_id=business.org_id, contact_id=contact, change={"name": "Asha Verma"},
    )  # fmt: skip
    business.hear(text("w1", "Again", at=business.now(), sender=number), name="asha new")
    lead(db, business.org_id, name="A.V.", phone=f"+{number}")

    assert db.row("select name, name_at from public.contacts where id = %s", contact) == ("Asha Verma", None)


def test_another_field_leaves_a_profile_name_one(business: Business) -> None:
    db, number = business.db, "919810000011"
    business.hear(text("w0", "Hello", at=business.now() - 50, sender=number), name="Asha")
    contact = db.value("select id from public.contacts where org_id = %s", business.org_id)

    ask(
        db, owner(business), "change_contact",
        org_id=business.org_id, contact_id=contact, change={"city": "Anand"},
    )  # fmt: skip
    business.hear(text("w1", "Again", at=business.now(), sender=number), name="Asha Verma")

    query = "select name, city from public.contacts where id = %s"
    assert db.row(query, contact) == ("Asha Verma", "Anand")


REFUSED = [
    pytest.param({"phone": "+919000000002"}, "field_unknown", id="a number"),
    pytest.param({"opted_out_at": None}, "field_unknown", id="consent"),
    pytest.param({"name": 5}, "field_invalid", id="no text"),
    pytest.param({"name": {"a": "b"}}, "field_invalid", id="an object"),
    pytest.param({"name": "x" * 201}, "field_invalid", id="a name too long"),
    pytest.param({"city": "Anand", "pincode": "1" * 21}, "field_invalid", id="one of two wrong"),
]


@pytest.mark.parametrize(("wrong", "slug"), REFUSED)
def test_what_may_not_be_changed_is_refused_whole(
    db: Database, acme: UUID, agent: Person, asha: str, wrong: dict[str, Any], slug: str
) -> None:
    before = db.row("select to_jsonb(c) from public.contacts c where id = %s", asha)

    detail, _ = refused(db, agent, "change_contact", org_id=acme, contact_id=asha, change=wrong)

    assert detail == slug
    assert db.row("select to_jsonb(c) from public.contacts c where id = %s", asha) == before


def test_something_else_than_an_object_is_refused(db: Database, acme: UUID, agent: Person, asha: str) -> None:
    db.as_person(agent)
    for given in ("null", "[]", '"name"'):
        said = db.refusal("select public.change_contact(%s, %s, %s)", acme, asha, given)
        assert said.detail == "field_invalid"


def test_contact_of_another_organization_is_not_there(
    db: Database, acme: UUID, org: Callable[..., UUID], member: Callable[..., Person], asha: str
) -> None:
    other = org(name="Other")
    stranger = member(other)

    for org_id in (other, acme):
        db.as_person(stranger)
        said = db.refusal(
            "select public.change_contact(%s, %s, %s)", org_id, asha, json.dumps({"name": "Mine"})
        )
        assert said.sqlstate == "PT404"
