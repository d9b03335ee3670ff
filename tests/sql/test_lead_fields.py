"""Fields that an organization adds to its leads, typed and checked; and tags."""

import json
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest

from tests.database import Database, Person

Json = dict[str, Any]


@pytest.fixture
def acme(db: Database, org: Callable[..., UUID]) -> UUID:
    return org(name="Acme")


@pytest.fixture
def admin(acme: UUID, member: Callable[..., Person]) -> Person:
    return member(acme, "admin")


@pytest.fixture
def agent(acme: UUID, member: Callable[..., Person]) -> Person:
    return member(acme, "agent")


@pytest.fixture
def mine(db: Database, acme: UUID) -> str:
    return str(db.value('select private.add_lead_by_hand(%s, \'{"name": "Asha"}\')', acme)["lead_id"])


@pytest.fixture
def field(db: Database, acme: UUID, admin: Person) -> Callable[..., Json]:
    """Makes a field, or changes one."""

    def make(key: str, kind: str, choices: list[str] | None = None, **given: bool) -> Json:
        with db.operating():
            made: Json = db.as_person(admin).value(
                "select public.save_lead_field(%s, %s, %s, %s, %s, %s, %s)",
                acme, key, key.title(), kind, choices or [], given.get("required", False), given.get("archived", False),
            )  # fmt: skip
        return made

    return make


def fill(db: Database, org_id: UUID, lead_id: str, version: int, **values: Any) -> Json:
    done: Json = db.value(
        "select public.set_lead_fields(%s, %s, %s, %s)", org_id, lead_id, version, json.dumps(values)
    )
    return done


KEPT = [
    pytest.param("text", "  Blue  ", "Blue", id="text is trimmed"),
    pytest.param("number", 12.50, 12.5, id="number"),
    pytest.param("number", " -7.25 ", -7.25, id="number as text"),
    pytest.param("number", "999999999999999.123456", 999999999999999.123456, id="long number"),
    pytest.param("date", "2028-02-29", "2028-02-29", id="leap day"),
    pytest.param("yes_no", False, False, id="no is an answer"),
    pytest.param("choice", "Blue", "Blue", id="choice"),
    pytest.param("phone", "+919812345678", "+919812345678", id="phone"),
    pytest.param("url", "https://firm.example/x?y=1", "https://firm.example/x?y=1", id="url"),
]
REFUSED = [
    pytest.param("text", 5, id="number for a text"),
    pytest.param("text", "x" * 2001, id="endless text"),
    pytest.param("text", {"a": 1}, id="object"),
    pytest.param("number", "twelve", id="words for a number"),
    pytest.param("number", 1e300, id="astronomical"),
    pytest.param("number", 0.1234567, id="seven decimals"),
    pytest.param("number", "NaN", id="not a number"),
    pytest.param("number", True, id="yes for a number"),
    pytest.param("date", "2027-02-29", id="no such day"),
    pytest.param("date", "tomorrow", id="tomorrow"),
    pytest.param("date", "infinity", id="infinity"),
    pytest.param("yes_no", "yes", id="text for yes"),
    pytest.param("choice", "Green", id="no choice"),
    pytest.param("choice", ["Blue"], id="list"),
    pytest.param("phone", "98123 45678", id="number without country"),
    pytest.param("url", "javascript:alert(1)", id="script"),
    pytest.param("url", "https://", id="no host"),
    pytest.param("url", "ftp://firm.example", id="ftp"),
]


@pytest.mark.parametrize(("kind", "given", "kept"), KEPT)
def test_value_of_its_kind_is_kept(
    db: Database,
    acme: UUID,
    agent: Person,
    mine: str,
    field: Callable[..., Json],
    kind: str,
    given: Any,
    kept: Any,
) -> None:
    field("it", kind, ["Red", "Blue"] if kind == "choice" else None)
    db.as_person(agent)

    done = fill(db, acme, mine, 1, it=given)

    assert done == {"lead_id": mine, "custom": {"it": kept}, "version": 2}
    assert db.value("select custom from public.leads where id = %s", mine) == {"it": kept}


@pytest.mark.parametrize(("kind", "given"), REFUSED)
def test_value_of_another_kind_is_refused(
    db: Database, acme: UUID, agent: Person, mine: str, field: Callable[..., Json], kind: str, given: Any
) -> None:
    field("it", kind, ["Red", "Blue"] if kind == "choice" else None)
    db.as_person(agent)

    told = db.refusal("select public.set_lead_fields(%s, %s, 1, %s)", acme, mine, json.dumps({"it": given}))

    assert (told.sqlstate, told.detail) == ("PT422", "value_invalid")
    assert db.value("select custom from public.leads where id = %s", mine) == {}


@pytest.mark.parametrize(
    ("given", "slug"),
    [
        ({"other": 1}, "field_unknown"),
        ([], "not_an_object"),
        (None, "not_an_object"),
        ({"it'; drop": 1}, "field_unknown"),
    ],
)
def test_fields_that_are_none_are_refused(
    db: Database, acme: UUID, agent: Person, mine: str, field: Callable[..., Json], given: Any, slug: str
) -> None:
    field("it", "text")
    db.as_person(agent)

    assert (
        db.refusal("select public.set_lead_fields(%s, %s, 1, %s)", acme, mine, json.dumps(given)).detail
        == slug
    )


def test_change_is_noted_with_what_it_was_and_no_change_is_none(
    db: Database, acme: UUID, agent: Person, mine: str, field: Callable[..., Json]
) -> None:
    field("one", "text")
    field("two", "number")
    db.as_person(agent)
    fill(db, acme, mine, 1, one="a", two=2)

    done = fill(db, acme, mine, 2, one="b", two=2.0)
    again = fill(db, acme, mine, 3, one="b")

    assert (done["version"], again["version"]) == (3, 3)
    noted = db.rows(
        "select details from public.lead_activities where lead_id = %s and kind = 'fields_set' order by id",
        mine,
    )
    assert noted[1:] == [({"one": {"from": "a", "to": "b"}},)]
    assert db.refusal("select public.set_lead_fields(%s, %s, 2, '{}')", acme, mine).hint == "version=3"


def test_required_field_must_be_filled_in_and_stay_so(
    db: Database, acme: UUID, agent: Person, mine: str, field: Callable[..., Json]
) -> None:
    field("one", "text")
    field("must", "text", required=True)
    db.as_person(agent)

    assert (
        db.refusal('select public.set_lead_fields(%s, %s, 1, \'{"one": "x"}\')', acme, mine).detail
        == "value_missing"
    )
    fill(db, acme, mine, 1, one="x", must="y")
    assert (
        db.refusal('select public.set_lead_fields(%s, %s, 2, \'{"must": "  "}\')', acme, mine).detail
        == "value_missing"
    )
    assert fill(db, acme, mine, 2, one=None)["custom"] == {"must": "y"}


def test_archived_field_takes_nothing_and_keeps_its_values(
    db: Database, acme: UUID, agent: Person, mine: str, field: Callable[..., Json]
) -> None:
    field("it", "choice", ["Red"], required=True)
    db.as_person(agent)
    fill(db, acme, mine, 1, it="Red")
    field("it", "choice", ["Red"], archived=True, required=True)
    field("new", "text")

    assert (
        db.refusal('select public.set_lead_fields(%s, %s, 2, \'{"it": "Red"}\')', acme, mine).detail
        == "field_unknown"
    )
    assert fill(db, acme, mine, 2, new="x")["custom"] == {"it": "Red", "new": "x"}


def test_choice_that_is_no_longer_offered_stays_where_it_was(
    db: Database, acme: UUID, agent: Person, mine: str, field: Callable[..., Json]
) -> None:
    field("it", "choice", ["Red", "Blue"])
    field("one", "text")
    db.as_person(agent)
    fill(db, acme, mine, 1, it="Red")
    field("it", "choice", ["Blue", " Blue ", ""])

    assert fill(db, acme, mine, 2, it="Red", one="x")["custom"] == {"it": "Red", "one": "x"}
    fill(db, acme, mine, 3, it="Blue")
    assert (
        db.refusal('select public.set_lead_fields(%s, %s, 4, \'{"it": "Red"}\')', acme, mine).detail
        == "value_invalid"
    )


REFUSED_FIELDS = [
    pytest.param("'Bad key', 'X', 'text'", "key_invalid", id="key with a space"),
    pytest.param("'it', '', 'text'", "name_invalid", id="no label"),
    pytest.param("'it', 'X', 'colour'", "kind_unknown", id="no such kind"),
    pytest.param("'it', 'X', 'choice'", "choices_invalid", id="choice without choices"),
    pytest.param("'it', 'X', 'text', array['a']", "choices_invalid", id="text with choices"),
    pytest.param("'known', 'X', 'number'", "kind_is_fixed", id="another kind"),
]


@pytest.mark.parametrize(("given", "slug"), REFUSED_FIELDS)
def test_field_that_makes_no_sense_is_refused(
    db: Database, acme: UUID, admin: Person, field: Callable[..., Json], given: str, slug: str
) -> None:
    field("known", "text")
    db.as_person(admin)

    assert db.refusal(f"select public.save_lead_field(%s, {given})", acme).detail == slug


def test_fields_are_at_most_a_hundred(
    db: Database, acme: UUID, field: Callable[..., Json], admin: Person
) -> None:
    db.execute(
        "insert into public.lead_fields (org_id, key, label, kind, position) select %s, 'f' || n, 'F', 'text', n from generate_series(1, 100) n",
        [acme],
    )
    db.as_person(admin)

    assert (
        db.refusal("select public.save_lead_field(%s, 'more', 'More', 'text')", acme).detail
        == "too_many_fields"
    )
    assert field("f1", "text", archived=True)["archived_at"]
    assert field("more", "text")["position"] == 101


def test_fields_are_put_in_order_all_of_them(
    db: Database, acme: UUID, admin: Person, field: Callable[..., Json]
) -> None:
    field("one", "text")
    field("two", "text")
    db.as_person(admin)

    db.value("select public.order_lead_fields(%s, '{two,one}')", acme)

    assert db.rows("select key from public.lead_fields where org_id = %s order by position", acme) == [
        ("two",),
        ("one",),
    ]
    assert db.refusal("select public.order_lead_fields(%s, '{two}')", acme).detail == "order_incomplete"


# Tags


def test_tag_is_put_on_once_and_taken_off(db: Database, acme: UUID, agent: Person, mine: str) -> None:
    db.as_person(agent)
    tag = db.value("select public.save_tag(%s, ' Hot   lead ', '#FF0000')", acme)["tag_id"]

    on = db.value("select public.tag_lead(%s, %s, %s)", acme, mine, tag)
    again = db.value("select public.tag_lead(%s, %s, %s)", acme, mine, tag)
    off = db.value("select public.tag_lead(%s, %s, %s, false)", acme, mine, tag)

    assert (on["version"], again["version"], off["version"]) == (2, 2, 3)
    kinds = [
        k for (k,) in db.rows("select kind from public.lead_activities where lead_id = %s order by id", mine)
    ]
    assert kinds == ["received", "tagged", "untagged"]
    assert db.row("select name, colour from public.tags where id = %s", tag) == ("Hot lead", "#ff0000")


@pytest.mark.parametrize(
    ("given", "slug"),
    [
        ("'hot'", "tag_exists"),
        ("' '", "name_invalid"),
        ("repeat('x', 41)", "name_invalid"),
        ("'x', 'red'", "colour_invalid"),
    ],
)
def test_tag_that_makes_no_sense_is_refused(
    db: Database, acme: UUID, agent: Person, given: str, slug: str
) -> None:
    db.as_person(agent)
    db.value("select public.save_tag(%s, 'Hot')", acme)

    assert db.refusal(f"select public.save_tag(%s, {given})", acme).detail == slug


def test_deleted_tag_is_on_no_lead(db: Database, acme: UUID, agent: Person, admin: Person, mine: str) -> None:
    db.as_person(agent)
    tag = db.value("select public.save_tag(%s, 'Hot')", acme)["tag_id"]
    db.value("select public.tag_lead(%s, %s, %s)", acme, mine, tag)
    assert db.refusal("select public.delete_tag(%s, %s)", acme, tag).sqlstate == "PT403"
    db.as_person(admin)

    assert db.value("select public.delete_tag(%s, %s)", acme, tag) == {"tag_id": tag, "leads": 1}
    assert db.rows("select 1 from public.lead_tags where org_id = %s", acme) == []


def test_lead_carries_at_most_fifty_tags(db: Database, acme: UUID, agent: Person, mine: str) -> None:
    db.execute(
        "insert into public.tags (org_id, name) select %s, 'tag ' || n from generate_series(1, 51) n", [acme]
    )
    db.execute(
        "insert into public.lead_tags (org_id, lead_id, tag_id) select org_id, %s, id from public.tags where org_id = %s and name <> 'tag 51'",
        [mine, acme],
    )
    last = db.value("select id from public.tags where org_id = %s and name = 'tag 51'", acme)
    db.as_person(agent)

    assert db.refusal("select public.tag_lead(%s, %s, %s)", acme, mine, last).detail == "too_many_tags"
