"""Contacts that are likely one person are found by themselves, with reasons; what members say is remembered; the work does not grow with everybody."""

import json
import time
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest

from tests.business import Business
from tests.database import Database, Person

Json = dict[str, Any]


@pytest.fixture
def acme(db: Database, org: Callable[..., UUID]) -> UUID:
    db.execute("delete from private.duplicate_queue")
    return org(name="Acme")


@pytest.fixture
def agent(member: Callable[..., Person], acme: UUID) -> Person:
    return member(acme)


def contact(db: Database, org_id: UUID, **given: Any) -> UUID:
    columns = ", ".join(["org_id", *given])
    marks = ", ".join(["%s"] * (len(given) + 1))
    made: UUID = db.execute(
        f"insert into public.contacts ({columns}) values ({marks}) returning id", [org_id, *given.values()]
    ).fetchone()[0]  # type: ignore[index]
    return made


def find(db: Database) -> int:
    with db.operating():
        done: int = db.value("select private.find_duplicates()")
    return done


def ask(db: Database, who: Person, name: str, **args: Any) -> Json:
    db.as_person(who)
    given = ", ".join(f"{key} => %({key})s" for key in args)
    values = {k: json.dumps(v) if isinstance(v, dict) else v for k, v in args.items()}
    answer: Json = db.execute(f"select public.{name}({given})", values).fetchone()[0]  # type: ignore[index]
    db.as_operator()
    return answer


def found(db: Database, org_id: UUID) -> list[tuple[list[str], str]]:
    return [
        (reasons, words)
        for reasons, words in db.rows(
            "select reasons, private.likeness_words(score) from public.likely_duplicates where org_id = %s and denied_at is null order by score desc",
            org_id,
        )
    ]


RAJ = {"name": "Rajesh Kumar", "phone": "+919812345678", "company": "Sharma Pumps Pvt. Ltd.", "city": "Pune"}
ALIKE = [
    pytest.param(
        {"name": "Asha", "email": "a@x.in"}, {"name": "Asha", "email": "a@x.in"},
        ["same_email"], "very likely", id="the same address and name",
    ),
    pytest.param(
        {"name": "Asha", "email": "a@x.in"}, {"name": "Vikram Singh", "email": "a@x.in"},
        ["same_email"], "possible", id="the same address, quite another name",
    ),
    pytest.param(
        {"phone": "+919812345678"}, {"phone": "+9109812345678"},
        ["same_number_written_differently"], "very likely", id="a trunk zero",
    ),
    pytest.param(
        {"phone": "+971501234567"}, {"phone": "+910501234567"},
        ["same_number_other_country"], "likely", id="read for another country",
    ),
    pytest.param(
        {"phone": "+919812345678"}, {"phone_given": "98123-45678 ext"},
        ["same_number_written_differently"], "very likely", id="a number that was never valid",
    ),
    pytest.param(
        RAJ, {"name": "Mr. Kumar Rajesh", "company": "SHARMA PUMPS"},
        ["same_name_and_company"], "very likely", id="the same name and company, written in another way",
    ),
    pytest.param(
        RAJ, {"name": "Rajes Kumar", "city": "pune "},
        ["similar_name_and_place"], None, id="nearly the same name in the same city",
    ),
    pytest.param(
        {"name": "राजेश कुमार", "city": "पुणे"}, {"name": "कुमार राजेश", "city": "पुणे"},
        ["same_name_and_place"], "possible", id="in Hindi",
    ),
    pytest.param(
        RAJ, {"name": "Rajesh Kumar", "company": "Sharma Pumps", "city": "Pune"},
        ["same_name_and_company", "same_name_and_place"], "very likely", id="two reasons",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("one", "other", "reasons", "words"), ALIKE)
def test_likely_doubles_are_found_with_reasons(
    db: Database, acme: UUID, one: Json, other: Json, reasons: list[str], words: str | None
) -> None:
    contact(db, acme, **one)
    find(db)
    contact(db, acme, **other)
    find(db)

    assert found(db, acme) == ([(reasons, words)] if words else [])


UNLIKE = [
    pytest.param({"name": "Asha Verma", "city": "Pune"}, {"name": "Asha Verma", "city": "Delhi"}, id="another city"),
    pytest.param({"name": "Raj", "city": "Pune"}, {"name": "Raj", "city": "Pune"}, id="only a first name"),
    pytest.param({"phone": "+919812345678"}, {"phone": "+919812345679"}, id="another number"),
    pytest.param({}, {}, id="nothing known"),
    pytest.param({"name": "Asha Verma", "company": "A"}, {"name": "Vikram Singh", "company": "A"}, id="colleagues"),
]  # fmt: skip


@pytest.mark.parametrize(("one", "other"), UNLIKE)
def test_others_are_not(db: Database, acme: UUID, one: Json, other: Json) -> None:
    contact(db, acme, **one)
    contact(db, acme, **other)

    assert find(db) == 2
    assert found(db, acme) == []
    assert find(db) == 0


def test_pair_follows_its_contacts(db: Database, acme: UUID, agent: Person) -> None:
    one = contact(db, acme, name="Asha Verma", email="a@x.in")
    other = contact(db, acme, name="Asha Verma")
    find(db)
    assert found(db, acme) == []

    ask(db, agent, "add_contact_point", org_id=acme, contact_id=other, kind="email", value="b@x.in")
    db.execute("update public.contacts set email = 'b@x.in' where id = %s", [one])
    find(db)
    assert [reasons for reasons, _ in found(db, acme)] == [["same_email"]]

    ask(db, agent, "remove_contact_point", org_id=acme, contact_id=other, kind="email", value="b@x.in")
    find(db)
    assert found(db, acme) == []


def test_not_the_same_is_remembered_until_it_is_taken_back(db: Database, acme: UUID, agent: Person) -> None:
    one, other = (
        contact(db, acme, name="Asha", email="a@x.in"),
        contact(db, acme, name="Asha", email="a@x.in"),
    )
    find(db)

    ask(db, agent, "deny_duplicate", org_id=acme, contact_id=one, other_id=other)
    db.execute("update public.contacts set name = 'Asha V' where id = %s", [one])
    find(db)
    assert ask(db, agent, "list_duplicates", org_id=acme)["items"] == []

    ask(db, agent, "deny_duplicate", org_id=acme, contact_id=other, other_id=one, denied=False)
    find(db)
    assert len(ask(db, agent, "list_duplicates", org_id=acme)["items"]) == 1


def test_list_is_paged_by_key_and_misses_nobody(db: Database, acme: UUID, agent: Person) -> None:
    for n in range(7):
        for _ in range(2):
            contact(db, acme, name=f"Asha {n}" if n % 2 else None, email=f"a{n}@x.in")
    find(db)

    seen, after = [], None
    while True:
        page = ask(db, agent, "list_duplicates", org_id=acme, after=after, page_size=3)
        seen += [(-i["score"], i["one"]["contact_id"], i["other"]["contact_id"]) for i in page["items"]]
        after = page["next"]
        if after is None:
            break

    assert (len(seen), seen == sorted(set(seen))) == (7, True)
    (pair,) = ask(db, agent, "list_duplicates", org_id=acme, contact_id=seen[0][2])["items"]
    assert (pair["one"]["contact_id"], pair["reasons"][0]["words"]) == (seen[0][1], "The same e-mail address")


def test_organizations_are_never_compared(db: Database, acme: UUID, org: Callable[..., UUID]) -> None:
    other = org(name="Other")
    contact(db, acme, name="Asha", email="a@x.in")
    contact(db, other, name="Asha", email="a@x.in")
    find(db)

    assert found(db, acme) + found(db, other) == []


def test_change_while_it_is_compared_is_compared_again(
    lasting: Callable[..., Business], connect: Callable[[], Database]
) -> None:
    """The job has read the contact; before it ends somebody changes it, and neither waits long nor is lost."""
    business = lasting()
    job, member = connect(), connect()
    # What other tests left to compare is not waited for.
    job.execute("delete from private.duplicate_queue where org_id <> %s", [business.org_id])
    contact(business.db, business.org_id, name="Asha Verma", email="a@x.in")
    other = contact(business.db, business.org_id, name="Asha Verma")
    with job.transaction():
        job.execute("select private.compare_contacts(100000, null)")
        with member.transaction():
            member.execute("set local lock_timeout = '200ms'")
            member.execute("update public.contacts set email = 'a@x.in' where id = %s", [other])
    assert found(business.db, business.org_id) == []
    member.execute("select private.find_duplicates(100000, 20)")

    assert [r for r, _ in found(business.db, business.org_id)] == [["same_email"]]


def test_work_for_a_contact_is_bounded_however_many_there_are(db: Database, acme: UUID) -> None:
    """2,000 people of one name in one city: the key says nothing, and comparing one more costs no more."""
    db.execute(
        """
        insert into public.contacts (org_id, name, city, phone, company)
        select %s, 'Rajesh Kumar', 'Mumbai', '+9198' || lpad(n::text, 8, '0'), 'Tata' from generate_series(1, 2000) n
        """,
        [acme],
    )
    keys = "select c.org_id, c.id, k from public.contacts c cross join lateral unnest(private.contact_keys(c)) k where c.org_id = %s"
    db.execute(f"insert into private.duplicate_keys (org_id, contact_id, key) {keys}", [acme])
    db.execute("delete from private.duplicate_queue")
    contact(db, acme, name="Rajesh Kumar", city="Mumbai", phone="+9109800000042", company="Tata")

    began = time.monotonic()
    find(db)

    assert found(db, acme)[0][0][0] == "same_number_written_differently"
    assert len(found(db, acme)) == 1
    assert time.monotonic() - began < 2
