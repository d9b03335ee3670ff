"""Leads as a board and a list, found by words, changed by the thousand and back, with all that happened around one."""

import json
import threading
from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from tests.business import Business, text
from tests.database import Database, Person
from tests.sql.retaining import retain

Json = dict[str, Any]
Lead = Callable[..., str]


@pytest.fixture
def acme(db: Database, org: Callable[..., UUID]) -> UUID:
    return org(name="Acme")


@pytest.fixture
def agent(acme: UUID, member: Callable[..., Person]) -> Person:
    return member(acme, "agent")


@pytest.fixture
def colleague(acme: UUID, member: Callable[..., Person]) -> Person:
    return member(acme, "agent")


@pytest.fixture
def admin(acme: UUID, member: Callable[..., Person]) -> Person:
    return member(acme, "admin")


@pytest.fixture
def lead(db: Database, acme: UUID) -> Lead:
    """Makes a lead of the organization, as a source hands it in."""

    def make(name: str = "Asha", **given: Any) -> str:
        person = {"name": name} | {k: given.pop(k) for k in ("phone", "company", "email") if k in given}
        item = {"external_id": uuid4().hex, "person": person, "raw": {}} | given
        with db.operating():
            source = db.value("select private.own_source(%s, 'manual')", acme)
            stored: Json = db.value(
                "select private.store_leads(%s, %s, %s)", acme, source, json.dumps([item])
            )
        return str(stored["lead_ids"][0])

    return make


@pytest.fixture
def crowd(db: Database, acme: UUID) -> Callable[[int], list[str]]:
    """Makes many leads at once."""

    def make(many: int) -> list[str]:
        with db.operating():
            source = db.value("select private.own_source(%s, 'manual')", acme)
            contact = db.value(
                "insert into public.contacts (org_id, name) values (%s, 'Crowd') returning id", acme
            )
            rows = db.rows(
                """
                insert into public.leads (org_id, contact_id, source_id, source_kind, external_id, stage_id)
                select %s, %s, %s, 'manual', n::text, private.first_stage(%s) from generate_series(1, %s) n returning id::text
                """,
                acme, contact, source, acme, many,
            )  # fmt: skip
        return [i for (i,) in rows]

    return make


def stage(db: Database, org_id: UUID, name: str) -> str:
    return str(
        db.value("select id from public.pipeline_stages where org_id = %s and name = %s", org_id, name)
    )


def listed(db: Database, org_id: UUID, **filter_: Any) -> list[str]:
    found = db.value("select public.lead_list(%s, %s)", org_id, json.dumps(filter_))
    return [one["id"] for one in found["leads"]]


def state(db: Database, ids: list[str]) -> list[tuple[Any, ...]]:
    """What a change to many may change, but for the version."""
    return db.rows(
        "select l.id::text, stage_id, owner_id, won_at, lost_at, closed_reason, value, currency,"
        " array(select tag_id from public.lead_tags t where t.lead_id = l.id order by 1) from public.leads l where id = any (%s::uuid[]) order by 1",
        ids,
    )


def bulk(
    db: Database,
    org_id: UUID,
    action: str,
    change: Json,
    ids: list[str] | None = None,
    filter_: Json | None = None,
) -> Json:
    done: Json = db.value(
        "select public.bulk_leads(%s, %s, %s, %s::uuid[], %s)",
        org_id,
        action,
        json.dumps(change),
        ids,
        None if filter_ is None else json.dumps(filter_),
    )
    return done


# Board and list


def test_board_shows_columns_with_counts_sums_and_the_newest(
    db: Database, acme: UUID, agent: Person, lead: Lead
) -> None:
    ids = [
        lead(f"Buyer {n}", phone=f"+91981000000{n}", received_at=f"2026-11-0{n + 1}T00:00:00Z")
        for n in range(5)
    ]
    db.as_person(agent)
    for n, one in enumerate(ids[:3]):
        db.value("select public.set_lead_value(%s, %s, 1, %s, %s)", acme, one, 100, "USD" if n else "INR")
    db.value("select public.move_lead(%s, %s, %s, 1)", acme, ids[4], stage(db, acme, "Won"))

    board = db.value("select public.board(%s, page_size => 3)", acme)

    new, *middle, won, lost = board["stages"]
    assert [s["name"] for s in board["stages"]] == [
        "New",
        "Contacted",
        "Qualified",
        "Proposal sent",
        "Won",
        "Lost",
    ]
    assert (new["count"], new["values"]) == (
        4,
        [{"currency": "INR", "value": "100.00"}, {"currency": "USD", "value": "200.00"}],
    )
    assert [one["name"] for one in new["leads"]] == ["Buyer 3", "Buyer 2", "Buyer 1"]
    assert [s["count"] for s in [*middle, won, lost]] == [0, 0, 0, 1, 0]
    assert [s["next"] for s in [*middle, won, lost]] == [None] * 5
    rest = db.value(
        "select public.lead_list(%s, %s, %s, %s)",
        acme,
        json.dumps({"stage": new["stage_id"]}),
        new["next"]["before_at"],
        new["next"]["before_id"],
    )
    assert [one["name"] for one in rest["leads"]] == ["Buyer 0"]
    assert rest["next"] is None


def test_board_of_nothing_is_empty_columns(db: Database, acme: UUID, agent: Person) -> None:
    db.as_person(agent)

    assert {(s["count"], len(s["leads"])) for s in db.value("select public.board(%s)", acme)["stages"]} == {
        (0, 0)
    }
    assert db.value("select public.lead_list(%s)", acme) == {"leads": [], "next": None}


def test_pages_of_leads_of_one_instant_join_without_a_gap(
    db: Database, acme: UUID, agent: Person, crowd: Callable[[int], list[str]]
) -> None:
    ids, seen, at, key = crowd(45), [], None, None
    db.as_person(agent)

    while True:
        page = db.value("select public.lead_list(%s, '{}', %s, %s, 20)", acme, at, key)
        seen += [one["id"] for one in page["leads"]]
        if page["next"] is None:
            break
        at, key = page["next"]["before_at"], page["next"]["before_id"]

    assert len(seen) == 45
    assert set(seen) == set(ids)


def test_filters_say_what_they_say(
    db: Database, acme: UUID, agent: Person, colleague: Person, lead: Lead, business: Business
) -> None:
    one = lead("One", lead_type="W", received_at="2026-11-01T00:00:00Z", message="Ten pumps")
    two = lead("Two", lead_type="B", received_at="2026-11-05T00:00:00Z")
    with db.operating():
        db.execute(
            'update public.leads set custom = \'{"colour": "red"}\', owner_id = %s where id = %s',
            [colleague.id, one],
        )
        tag = db.value("insert into public.tags (org_id, name) values (%s, 'Hot') returning id::text", acme)
        db.execute(
            "insert into public.lead_tags (org_id, lead_id, tag_id) values (%s, %s, %s)", [acme, two, tag]
        )
        source = db.value("select private.own_source(%s, 'manual')::text", acme)
        pipeline = db.value("select id::text from public.pipelines where org_id = %s", acme)
    db.as_person(agent)
    new, won = stage(db, acme, "New"), stage(db, acme, "Won")
    db.value("select public.assign_lead(%s, %s, %s, 1)", acme, two, agent.id)

    both = [two, one]
    asked: list[tuple[Json, list[str]]] = [
        ({}, both), ({"stage": new}, both), ({"stage": [new, won]}, both), ({"stage": won}, []), ({"status": "open"}, both), ({"status": "won"}, []),
        ({"pipeline": pipeline}, both), ({"pipeline": str(uuid4())}, []), ({"owner": "me"}, [two]), ({"owner": str(colleague.id)}, [one]),
        ({"owner": "none"}, []), ({"source": source}, both), ({"source": str(uuid4())}, []), ({"type": "W"}, [one]), ({"tags": [tag]}, [two]),
        ({"tags": [tag, str(uuid4())]}, []), ({"custom": {"colour": "red"}}, [one]), ({"custom": {"colour": "blue"}}, []), ({"custom": {}}, both),
        ({"received_from": "2026-11-02T00:00:00Z"}, [two]), ({"received_to": "2026-11-05T00:00:00Z"}, [one]), ({"has_open_conversation": True}, []),
        ({"has_open_conversation": False}, both), ({"text": "pumps"}, [one]), ({"text": "two"}, [two]), ({"text": " "}, both), ({"owner": None}, both), ({"lead": two}, [two]),
        ({"lead": [one, str(uuid4())]}, [one]), ({"lead": [one], "type": "B"}, []),
    ]  # fmt: skip
    assert [(f, listed(db, acme, **f)) for f, _ in asked] == asked


def test_open_conversation_is_one_with_the_leads_person(
    db: Database, business: Business, member: Callable[..., Person]
) -> None:
    source = db.value("select private.own_source(%s, 'manual')", business.org_id)
    item = [{"external_id": "1", "person": {"phone": "+919810000011"}, "raw": {}}]
    db.value("select private.store_leads(%s, %s, %s)", business.org_id, source, json.dumps(item))
    business.hear(text("wamid.1", "Hi"), name="Asha")
    db.as_person(member(business.org_id))

    (card,) = db.value("select public.lead_list(%s, '{\"has_open_conversation\": true}')", business.org_id)[
        "leads"
    ]

    assert (card["name"], card["conversation"]["unread"]) == ("Asha", 1)


HOSTILE = [
    {"stage": "x'); drop table public.leads; --"}, {"stage": []}, {"stage": {"a": 1}}, {"stage": [None]}, {"source": 5}, {"owner": "us"},
    {"owner": ["me"]}, {"type": ["W"]}, {"type": {"$ne": 1}}, {"tags": "x"}, {"tags": [str(UUID(int=n)) for n in range(11)]}, {"custom": "x"},
    {"custom": {"a": "x" * 5000}}, {"received_from": "now(); select 1"}, {"received_to": {"a": 1}}, {"has_open_conversation": "yes"}, {"text": ["x"]},
    {"org_id": "x"}, {"status": "any"}, {"raw": {}}, {"lead": "x' or true"}, {"lead": []},
]  # fmt: skip


@pytest.mark.parametrize("given", HOSTILE, ids=lambda given: json.dumps(given)[:40])
@pytest.mark.parametrize(
    "call",
    [
        "lead_list(%s, %s)",
        "board(%s, null, %s)",
        "save_view(%s, 'x', %s)",
        "bulk_leads(%s, 'assign', '{}', null, %s)",
    ],
)
def test_filter_that_makes_no_sense_is_refused(
    db: Database, acme: UUID, agent: Person, call: str, given: Json
) -> None:
    db.as_person(agent)

    told = db.refusal(f"select public.{call}", acme, json.dumps(given))

    assert (told.sqlstate, told.detail in ("field_invalid", "field_unknown")) == ("PT422", True)


QUOTES = ["'", "''", "\\'", "$$", "%L", "%s", "'::text) or true --", "{}", "\u2019", "a'b\"c\\d"]


@pytest.mark.parametrize("words", QUOTES)
def test_words_with_quotes_find_nothing_and_break_nothing(
    db: Database, acme: UUID, agent: Person, lead: Lead, words: str
) -> None:
    lead("Asha", lead_type="W")
    db.as_person(agent)

    assert listed(db, acme, type=words) == []
    assert listed(db, acme, custom={words: words}) == []
    assert len(db.rows("select * from public.search_leads(%s, %s)", acme, words)) == 0


# Orders


ORDERS = ["newest", "oldest", "a_to_z", "z_to_a", "highest", "lowest"]
NAMES = [("Asha", None), ("asha", "Zed"), ("Bina", "Alpha"), (None, "bolt Ltd"), ("", "Coil"), (None, None), (None, ""), ("आशा", None)]  # fmt: skip
VALUES = [None, 100, 100, "5.50", None]


def populate(db: Database, org_id: UUID) -> None:
    """Stores 40 leads of eight people: some share a name, a value, an instant; some have no name, some no value."""
    with db.operating():
        source = db.value("select private.own_source(%s, 'manual')", org_id)
        for who, (name, company) in enumerate(NAMES):
            contact = db.value(
                "insert into public.contacts (org_id, name, company) values (%s, %s, %s) returning id",
                org_id, name, company,
            )  # fmt: skip
            for number, value in enumerate(VALUES):
                db.execute(
                    "insert into public.leads (org_id, contact_id, source_id, source_kind, external_id, stage_id, value, currency, received_at)"
                    " values (%s, %s, %s, 'manual', gen_random_uuid(), private.first_stage(%s), %s, %s, %s)",
                    [org_id, contact, source, org_id, value, None if value is None else "INR", f"2026-11-0{1 + (who * number) % 3}T00:00:00Z"],
                )  # fmt: skip


def in_order(db: Database, org_id: UUID, sort: str) -> list[str]:
    """The leads as the order is meant: what has no name or value last, newest first."""
    rows = db.rows(
        "select l.id::text, l.value, lower(coalesce(nullif(c.name, ''), nullif(c.company, ''))), c.id::text"
        " from public.leads l join public.contacts c on c.id = l.contact_id where l.org_id = %s order by l.received_at desc, l.id desc",
        org_id,
    )
    if sort in ("newest", "oldest"):
        return [r[0] for r in (rows if sort == "newest" else reversed(rows))]
    key = 1 if sort in ("highest", "lowest") else 2
    has, lacks = [r for r in rows if r[key] is not None], [r for r in rows if r[key] is None]
    if key == 1:
        has = sorted(has, key=lambda r: r[1], reverse=True)
        has = has if sort == "highest" else has[::-1]
    else:
        has = sorted(has, key=lambda r: (r[2].encode(), r[3]), reverse=sort == "z_to_a")
    return [r[0] for r in has + lacks]


def page_of(db: Database, org_id: UUID, sort: str, after: Json, filter_: Json | None = None) -> Json:
    page: Json = db.value(
        "select public.lead_list(%s, %s, %s, %s, page_size => 7, sort => %s, after => %s)",
        org_id, json.dumps(filter_ or {}), after.get("before_at"), after.get("before_id"), sort, json.dumps(after["after"]) if "after" in after else None,
    )  # fmt: skip
    return page


@pytest.mark.parametrize("sort", ORDERS)
def test_every_order_pages_to_its_end_without_a_gap_while_leads_arrive(
    db: Database, acme: UUID, agent: Person, org: Callable[..., UUID], sort: str
) -> None:
    other = org(name="Other")
    populate(db, other)
    populate(db, acme)
    with db.operating():
        meant = in_order(db, acme, sort)
        strangers = {i for (i,) in db.rows("select id::text from public.leads where org_id = %s", other)}
    seen: list[str] = []
    after: Json = {}

    for _ in range(60):
        page = page_of(db.as_person(agent), acme, sort, after)
        seen += [one["id"] for one in page["leads"]]
        if page["next"] is None:
            break
        after = page["next"]
        if len(seen) < 30:
            db.execute("reset role")
            populate(db, acme)

    assert page["next"] is None
    assert [i for i in seen if i in set(meant)] == meant
    assert len(seen) == len(set(seen))
    assert not strangers & set(seen)
    assert db.as_person(agent).refusal("select public.lead_list(%s, sort => %s)", other, sort).sqlstate == "PT404"  # fmt: skip


@pytest.mark.parametrize("sort", ORDERS)
def test_order_and_filter_go_together(db: Database, acme: UUID, agent: Person, sort: str) -> None:
    populate(db, acme)
    some = set(in_order(db, acme, sort)[::3])
    meant = [i for i in in_order(db, acme, sort) if i in some]
    db.as_person(agent)
    seen: list[str] = []
    after: Json | None = {}

    while after is not None:
        page = page_of(db, acme, sort, after, {"lead": sorted(some), "status": "open"})
        seen, after = seen + [one["id"] for one in page["leads"]], page["next"]

    assert seen == meant


def test_order_nobody_knows_is_refused(db: Database, acme: UUID, agent: Person) -> None:
    db.as_person(agent)

    for call in ("lead_list(%s, sort => %s)", "save_view(%s, 'x', '{}', sort => %s)"):
        for sort in ("", "received_at desc; select 1", "NEWEST"):
            told = db.refusal(f"select public.{call}", acme, sort)
            assert (told.sqlstate, told.detail) == ("PT400", "order_unknown")
    assert db.value("select public.lead_list(%s, sort => null)", acme) == {"leads": [], "next": None}


PLACES: list[Any] = [
    5, [], {}, {"id": "x", "received_at": "2026-11-01"}, {"id": str(UUID(int=1)), "received_at": "x'; select 1"},
    {"id": str(UUID(int=1)), "received_at": "2026-11-01"}, {"id": str(UUID(int=1)), "received_at": "2026-11-01", "value": "x"},
    {"id": str(UUID(int=1)), "received_at": "2026-11-01", "name": "x" * 201, "contact_id": str(UUID(int=1))},
]  # fmt: skip


@pytest.mark.parametrize("sort", ["a_to_z", "lowest"])
def test_place_that_no_page_gave_is_refused(db: Database, acme: UUID, agent: Person, sort: str) -> None:
    db.as_person(agent)

    for place in PLACES:
        told = db.refusal("select public.lead_list(%s, sort => %s, after => %s)", acme, sort, json.dumps(place))  # fmt: skip
        assert (place, told.sqlstate, told.detail) == (place, "PT422", "field_invalid")


@pytest.mark.parametrize("name", ["x" * 9000, "'; drop table public.leads; --", "%1$s %L", "\\'"])
def test_names_of_any_length_and_kind_are_sorted(
    db: Database, acme: UUID, agent: Person, lead: Lead, name: str
) -> None:
    ids = [lead(given) for given in ("Asha", "Zoya", name)]
    with db.operating():
        # As a member may write it: longer than a source can.
        db.execute("update public.contacts c set name = %s from public.leads l where l.id = %s and c.id = l.contact_id", [name, ids[2]])  # fmt: skip
    db.as_person(agent)
    first = db.value("select public.lead_list(%s, sort => 'a_to_z', page_size => 1)", acme)

    rest = db.value("select public.lead_list(%s, sort => 'a_to_z', after => %s)", acme, json.dumps(first["next"]["after"]))  # fmt: skip

    assert sorted(one["id"] for one in first["leads"] + rest["leads"]) == sorted(ids)


def test_view_keeps_its_order(db: Database, acme: UUID, agent: Person) -> None:
    db.as_person(agent)
    view = db.value("select public.save_view(%s, 'Big', '{}', sort => 'highest')", acme)["view_id"]
    db.value("select public.save_view(%s, 'Plain', '{}')", acme)

    assert db.rows("select name, sort from public.saved_views order by 1") == [("Big", "highest"), ("Plain", "newest")]  # fmt: skip
    db.value("select public.save_view(%s, 'Big', '{}', sort => 'oldest', view_id => %s)", acme, view)
    assert db.value("select sort from public.saved_views where id = %s", view) == "oldest"


# Views


def test_own_view_is_seen_by_its_owner_and_a_shared_one_by_all(
    db: Database, acme: UUID, agent: Person, colleague: Person, admin: Person
) -> None:
    db.as_person(agent)
    own = db.value("select public.save_view(%s, 'Mine', '{\"owner\": \"me\"}')", acme)["view_id"]
    shared = db.value("select public.save_view(%s, 'Ours', '{\"status\": \"open\"}', 'board', true)", acme)[
        "view_id"
    ]

    seen = {
        who.id: {n for (n,) in db.as_person(who).rows("select name from public.saved_views")}
        for who in (agent, colleague, admin)
    }

    assert seen == {agent.id: {"Mine", "Ours"}, colleague.id: {"Ours"}, admin.id: {"Ours"}}
    change = "select public.save_view(%s, 'Other', '{}', 'list', true, %s)"
    assert db.as_person(colleague).refusal(change, acme, own).sqlstate == "PT404"
    assert db.refusal(change, acme, shared).sqlstate == "PT403"
    assert db.refusal("select public.delete_view(%s, %s)", acme, shared).sqlstate == "PT403"
    assert db.as_person(admin).refusal("select public.delete_view(%s, %s)", acme, own).sqlstate == "PT404"
    assert db.value(change, acme, shared)["view_id"] == shared
    db.as_person(agent).value("select public.delete_view(%s, %s)", acme, own)
    assert db.rows("select name from public.saved_views") == [("Other",)]


def test_who_leaves_leaves_shared_views_behind_and_takes_their_own_along(
    db: Database, acme: UUID, agent: Person, admin: Person
) -> None:
    db.as_person(agent)
    db.value("select public.save_view(%s, 'Mine', '{}')", acme)
    db.value("select public.save_view(%s, 'Ours', '{}', is_shared => true)", acme)
    db.as_person(admin).value("select public.remove_member(%s, %s)", acme, agent.id)
    db.as_operator().execute("select private.sweep_lead_work()")

    assert db.rows("select name, owner_id from public.saved_views where org_id = %s", acme) == [
        ("Ours", None)
    ]


# Search


SEARCHES = [
    pytest.param("ravi", ["valve"], id="name"),
    pytest.param("SHAH rav", ["valve"], id="names, the last as a beginning"),
    pytest.param("98250 12345", ["valve"], id="number as people write it"),
    pytest.param("12345", ["valve"], id="end of a number"),
    pytest.param("gujarat", ["valve"], id="company"),
    pytest.param("brass", ["valve", "hindi"], id="word of a message and of a product"),
    pytest.param("ravi brass", ["valve"], id="name and word of the message"),
    pytest.param("brass ravi qty", ["valve"], id="name between words"),
    pytest.param("ravi meena", [], id="two people"),
    pytest.param('"brass valves"', ["valve"], id="phrase"),
    pytest.param('"valves brass"', [], id="phrase the other way round"),
    pytest.param("पीतल", ["hindi"], id="Hindi"),
    pytest.param("meena पीतल", ["hindi"], id="Latin name and Hindi word"),
    pytest.param("", [], id="nothing"),
    pytest.param("zzzzzz", [], id="nothing like it"),
]


@pytest.fixture
def said(lead: Lead) -> dict[str, str]:
    return {
        lead("Ravi Shah", phone="+919825012345", company="Gujarat Fasteners", product="Ball valve", message="Need 500 brass valves, qty urgent",
             received_at="2026-11-02T00:00:00Z"): "valve",
        lead("Meena", phone="+919800000001", product="Brass sheet", message="पीतल की चादर का भाव", received_at="2026-11-01T00:00:00Z"): "hindi",
    }  # fmt: skip


@pytest.mark.parametrize(("query", "expected"), SEARCHES)
def test_leads_are_found_by_words(
    db: Database, acme: UUID, agent: Person, said: dict[str, str], query: str, expected: list[str]
) -> None:
    db.as_person(agent)

    rows = db.rows("select lead_id::text from public.search_leads(%s, %s) where match = 'words'", acme, query)

    assert [said[i] for (i,) in rows] == expected


@pytest.mark.parametrize(
    ("query", "first"),
    [
        ("fastners", "valve"),
        ("gujrat", "valve"),
        ("astene", "valve"),
        ("shaah", "valve"),
        ("meenna", "hindi"),
        ("8250123", "valve"),
        ("sheeet", "hindi"),
    ],
)
def test_misspelt_words_and_parts_find_what_is_like_them(
    db: Database, acme: UUID, agent: Person, said: dict[str, str], query: str, first: str
) -> None:
    db.as_person(agent)

    rows = db.rows("select lead_id::text, match, likeness from public.search_leads(%s, %s)", acme, query)

    assert (said[rows[0][0]], rows[0][1]) == (first, "similar")
    assert 45 <= rows[0][2] <= 100


def test_correction_of_a_person_or_an_enquiry_is_found_at_once(
    db: Database, acme: UUID, agent: Person, said: dict[str, str]
) -> None:
    valve = next(i for i, name in said.items() if name == "valve")
    db.execute("update public.leads set message = 'Need gaskets' where id = %s", [valve])
    db.as_person(agent)
    db.execute("update public.contacts set name = 'Ravindra' where name = 'Ravi Shah'")

    def found(query: str) -> list[str]:
        return [
            i
            for (i,) in db.rows(
                "select lead_id::text from public.search_leads(%s, %s) where match = 'words'", acme, query
            )
        ]

    assert found("ravindra gaskets") == [valve]
    assert (found("shah"), found("urgent")) == ([], [])


def test_found_leads_are_marked_and_paged_newest_first(
    db: Database, acme: UUID, agent: Person, lead: Lead
) -> None:
    ids = [
        lead(
            f"B{n}",
            message="A common request",
            received_at=f"2026-0{1 + n % 9}-10T00:00:00Z",
            phone=f"+9198000000{n:02d}",
        )
        for n in range(30)
    ]
    db.as_person(agent)
    page = "select lead_id::text, received_at, snippet from public.search_leads(%s, 'common', %s, %s, 7)"
    seen: list[tuple[Any, ...]] = []
    while rows := db.rows(page, acme, *((seen[-1][1], seen[-1][0]) if seen else (None, None))):
        seen += rows

    assert [i for i, *_ in seen] == [
        i for i, *_ in sorted(seen, key=lambda one: (one[1], UUID(one[0])), reverse=True)
    ]
    assert {i for i, *_ in seen} == set(ids)
    assert len(seen) == 30
    assert seen[0][2] == "A \ue000common\ue001 request"


def test_word_of_thousands_is_read_month_by_month(
    db: Database, acme: UUID, agent: Person, crowd: Callable[[int], list[str]]
) -> None:
    ids = crowd(1200)
    db.execute(
        "update public.leads set message = 'daily', received_at = now() - external_id::int * interval '6 hours' where org_id = %s",
        [acme],
    )
    db.as_person(agent)

    rows = db.rows(
        "select lead_id::text, received_at from public.search_leads(%s, 'daily', now() - interval '100 days', null, 100)",
        acme,
    )

    newest = db.rows(
        "select id::text, received_at from public.leads where org_id = %s and received_at < now() - interval '100 days'"
        " order by received_at desc, id desc limit 100",
        acme,
    )
    assert rows == newest
    assert {i for i, _ in rows} <= set(ids)


def test_search_and_board_keep_to_one_organization(
    db: Database,
    acme: UUID,
    agent: Person,
    said: dict[str, str],
    org: Callable[..., UUID],
    member: Callable[..., Person],
) -> None:
    other = org(name="Other")
    outsider = member(other)
    mine = list(said)
    db.as_person(outsider)

    for call in (
        "search_leads(%s, 'brass')",
        "board(%s)",
        "lead_list(%s)",
        "bulk_leads(%s, 'assign', '{}', '{}')",
    ):
        assert db.refusal(f"select public.{call}", acme).sqlstate == "PT404"
    assert db.rows("select * from public.search_leads(%s, 'brass')", other) == []
    assert db.rows("select * from public.search_leads(%s, 'fastners')", other) == []
    assert bulk(db, other, "assign", {"owner_id": str(outsider.id)}, mine) == {
        "undo_token": None,
        "changed": 0,
        "unchanged": 0,
        "not_found": 2,
    }
    theirs = stage(db.as_person(agent), acme, "Won")
    told = db.as_person(outsider).refusal(
        "select public.bulk_leads(%s, 'move', %s, '{}')", other, json.dumps({"stage_id": theirs})
    )
    assert told.detail == "stage_not_found"


# Many at once


@pytest.fixture
def three(db: Database, acme: UUID, lead: Lead) -> list[str]:
    return sorted(lead(f"Buyer {n}", phone=f"+91981000000{n}") for n in range(3))


@pytest.mark.parametrize("action", ["assign", "move", "tag", "untag", "close"])
def test_change_to_many_is_noted_on_each_and_taken_back_as_a_whole(
    db: Database, acme: UUID, agent: Person, three: list[str], action: str
) -> None:
    tag = db.value("insert into public.tags (org_id, name) values (%s, 'Hot') returning id::text", acme)
    if action == "untag":
        db.execute(
            "insert into public.lead_tags (org_id, lead_id, tag_id) select org_id, id, %s from public.leads where org_id = %s",
            [tag, acme],
        )
    lost = stage(db, acme, "Lost")
    why = db.value(
        "select id::text from public.close_reasons where org_id = %s and kind = 'lost' limit 1", acme
    )
    db.as_person(agent)
    db.value("select public.close_lead(%s, %s, %s, 1, null, 5)", acme, three[0], stage(db, acme, "Won"))
    change = {
        "assign": {"owner_id": str(agent.id)}, "move": {"stage_id": lost}, "tag": {"tag_id": tag}, "untag": {"tag_id": tag},
        "close": {"stage_id": lost, "reason_id": why, "value": 7, "currency": "usd"},
    }[action]  # fmt: skip
    before = state(db, three)

    done = bulk(db, acme, action, change, three)
    again = bulk(db, acme, action, change, filter_={})
    during = state(db, three)
    undone = db.value("select public.undo_bulk(%s, %s)", acme, done["undo_token"])

    assert {k: v for k, v in done.items() if k != "undo_token"} == {
        "changed": 3,
        "unchanged": 0,
        "not_found": 0,
    }
    assert again == {"undo_token": None, "changed": 0, "unchanged": 3, "not_found": 0}
    assert all(was != now for was, now in zip(before, during, strict=True))
    assert undone == {"restored": 3, "stayed": []}
    assert state(db, three) == before
    word = {"assign": "assigned", "move": "moved", "tag": "tagged", "untag": "untagged", "close": "lost"}[
        action
    ]
    noted = db.rows(
        "select lead_id::text, kind from public.lead_activities where details ->> 'bulk' = %s order by id",
        done["undo_token"],
    )
    assert noted == [(i, word) for i in three] + [(i, "undone") for i in three]
    assert db.refusal("select public.undo_bulk(%s, %s)", acme, done["undo_token"]).detail == "already_undone"


def test_undo_leaves_what_somebody_has_changed_since_and_says_so(
    db: Database, acme: UUID, agent: Person, colleague: Person, three: list[str]
) -> None:
    db.as_person(agent)
    done = bulk(db, acme, "move", {"stage_id": stage(db, acme, "Won")}, three)
    db.as_person(colleague).value("select public.assign_lead(%s, %s, %s, 2)", acme, three[1], colleague.id)
    assert db.refusal("select public.undo_bulk(%s, %s)", acme, done["undo_token"]).sqlstate == "PT403"

    undone = db.as_person(agent).value("select public.undo_bulk(%s, %s)", acme, done["undo_token"])

    assert undone == {"restored": 2, "stayed": [{"lead_id": three[1], "reason": "changed_since"}]}
    assert listed(db, acme, status="won") == [three[1]]


def test_undo_does_not_bring_back_a_stage_or_an_owner_that_is_gone(
    db: Database, acme: UUID, agent: Person, colleague: Person, admin: Person, three: list[str]
) -> None:
    db.as_person(agent)
    bulk(db, acme, "assign", {"owner_id": str(colleague.id)}, three)
    given = bulk(db, acme, "assign", {"owner_id": str(agent.id)}, three)
    moved = bulk(db, acme, "move", {"stage_id": stage(db, acme, "Contacted")}, three[:1])
    new = stage(db, acme, "New")
    db.as_person(admin)
    db.value("select public.delete_stage(%s, %s, %s)", acme, new, stage(db, acme, "Qualified"))
    db.value("select public.remove_member(%s, %s)", acme, colleague.id)

    stage_gone = db.value("select public.undo_bulk(%s, %s)", acme, moved["undo_token"])
    owner_gone = db.value("select public.undo_bulk(%s, %s)", acme, given["undo_token"])

    assert stage_gone == {"restored": 0, "stayed": [{"lead_id": three[0], "reason": "stage_removed"}]}
    assert {one["reason"] for one in owner_gone["stayed"]} == {"changed_since"}  # by the stage that went
    assert owner_gone["restored"] == 0


def test_undo_ends_after_a_day(db: Database, acme: UUID, agent: Person, three: list[str]) -> None:
    db.as_person(agent)
    done = bulk(db, acme, "assign", {"owner_id": str(agent.id)}, three)
    with db.operating():
        db.execute(
            "update public.bulk_actions set at = at - interval '24 hours 1 second' where org_id = %s", [acme]
        )
        retain(db, "day")
        assert db.rows("select 1 from private.bulk_items where org_id = %s", acme) == []

    assert (
        db.refusal("select public.undo_bulk(%s, %s)", acme, done["undo_token"]).detail == "too_late_to_undo"
    )


REFUSED_BULK = [
    pytest.param("'explode', '{}', '{}'", "action_unknown", id="no such action"),
    pytest.param("null, '{}', '{}'", "action_unknown", id="no action"),
    pytest.param("'move', '{}', '{}'", "stage_not_found", id="no stage"),
    pytest.param("'move', '{\"stage_id\": 5}', '{}'", "field_invalid", id="no id"),
    pytest.param("'move', '{\"owner_id\": null}', '{}'", "field_unknown", id="field of another action"),
    pytest.param(
        "'assign', '{\"owner_id\": \"00000000-0000-0000-0000-000000000001\"}', '{}'",
        "not_a_member",
        id="stranger",
    ),
    pytest.param("'tag', '{}', '{}'", "tag_not_found", id="no tag"),
    pytest.param("'assign', '{}'", "leads_or_filter", id="no leads"),
    pytest.param("'assign', '{}', '{}', '{}'", "leads_or_filter", id="leads and a filter"),
    pytest.param("'assign', '[]', '{}'", "field_invalid", id="a list"),
    pytest.param(
        "'assign', '{}', array(select gen_random_uuid() from generate_series(1, 5001))",
        "too_many_leads",
        id="5,001",
    ),
]


@pytest.mark.parametrize(("given", "slug"), REFUSED_BULK)
def test_change_to_many_that_makes_no_sense_is_refused(
    db: Database, acme: UUID, agent: Person, given: str, slug: str
) -> None:
    db.as_person(agent)

    assert db.refusal(f"select public.bulk_leads(%s, {given})", acme).detail == slug


def test_five_thousand_are_changed_at_once_and_one_more_are_not(
    db: Database, acme: UUID, agent: Person, crowd: Callable[[int], list[str]]
) -> None:
    ids = crowd(5001)
    db.as_person(agent)

    told = db.refusal(
        "select public.bulk_leads(%s, 'assign', %s, null, '{}')",
        acme,
        json.dumps({"owner_id": str(agent.id)}),
    )
    done = bulk(db, acme, "assign", {"owner_id": str(agent.id)}, [*ids[:5000], ids[0]])
    undone = db.value("select public.undo_bulk(%s, %s)", acme, done["undo_token"])

    assert told.detail == "too_many_leads"
    assert (done["changed"], undone) == (5000, {"restored": 5000, "stayed": []})


def test_changes_to_the_same_leads_at_once_wait_for_each_other(connect: Callable[[], Database]) -> None:
    setting = connect()
    owner = Person(uuid4(), f"{uuid4().hex}@example.test")
    setting.execute("insert into auth.users (id, email) values (%s, %s)", [owner.id, owner.email])
    org_id = setting.value("select private.new_organization('Busy', %s)", owner.id)
    source = setting.value("select private.own_source(%s, 'manual')", org_id)
    items = json.dumps([{"external_id": str(n), "person": {"name": "B"}, "raw": {}} for n in range(40)])
    ids = setting.value("select private.store_leads(%s, %s, %s)", org_id, source, items)["lead_ids"]
    stages = [stage(setting, org_id, name) for name in ("Contacted", "Qualified", "Won", "Lost")]
    start, done, failures = threading.Barrier(4), [], []

    def move(n: int) -> None:
        connection = connect()
        try:
            with connection.transaction():
                connection.as_person(owner)
                start.wait()
                done.append(
                    bulk(connection, org_id, "move", {"stage_id": stages[n]}, ids if n % 2 else ids[::-1])
                )
        except psycopg.Error as error:
            failures.append(error)

    threads = [threading.Thread(target=move, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failures == []
    assert [one["changed"] for one in done] == [40] * 4
    assert setting.rows("select distinct version from public.leads where org_id = %s", org_id) == [(5,)]
    # Only the last of the four can be taken back: the others were overwritten since.
    with setting.transaction():
        setting.as_person(owner)
        undone = [
            setting.value("select public.undo_bulk(%s, %s)", org_id, one["undo_token"])["restored"]
            for one in done
        ]
    assert sorted(undone) == [0, 0, 0, 40]


# The timeline


@pytest.fixture
def story(db: Database, business: Business, member: Callable[..., Person]) -> tuple[str, Person]:
    """A lead that was noted, answered, noted again on its conversation, and written to for money."""
    agent = member(business.org_id)
    source = db.value("select private.own_source(%s, 'manual')", business.org_id)
    item = [{"external_id": "1", "person": {"phone": "+919810000011", "name": "Asha"}, "raw": {}}]
    mine = db.value("select private.store_leads(%s, %s, %s)", business.org_id, source, json.dumps(item))[
        "lead_ids"
    ][0]
    business.hear(text("wamid.in", "Hello", business.now() - 100))
    sent = business.sent()
    then = business.now()
    status = {"id": f"wamid.{sent}", "status": "delivered", "timestamp": str(then), "recipient_id": "919810000011",
              "pricing": {"pricing_model": "PMP", "type": "free_customer_service", "category": "service"}}  # fmt: skip
    business.told(status)
    db.as_person(agent)
    db.value("select public.note_lead(%s, %s, 'Call on Monday')", business.org_id, mine)
    thread = db.value("select id from public.conversations where org_id = %s", business.org_id)
    db.value("select public.add_note(%s, %s, 'She prefers Hindi')", business.org_id, thread)
    return mine, agent


def test_timeline_has_everything_around_a_lead_newest_first(
    db: Database, business: Business, story: tuple[str, Person]
) -> None:
    mine, _ = story

    items = db.value("select public.lead_timeline(%s, %s)", business.org_id, mine)["items"]

    told = {(i["type"], i.get("kind"), i.get("text") or i.get("details", {}).get("text")) for i in items}
    assert told >= {
        ("activity", "received", None), ("activity", "noted", "Call on Monday"), ("message", "text", "Hello"), ("message", "template", "Paid."),
        ("note", None, "She prefers Hindi"),
    }  # fmt: skip
    assert [i["at"] for i in items] == sorted((i["at"] for i in items), reverse=True)
    costs = {i["text"]: i["cost"] for i in items if i["type"] == "message"}
    assert costs == {"Hello": None, "Paid.": {"amount": "0.000000", "currency": "INR"}}


def test_pages_of_a_timeline_join_without_a_gap(
    db: Database, business: Business, story: tuple[str, Person]
) -> None:
    mine, _ = story
    whole = db.value("select public.lead_timeline(%s, %s)", business.org_id, mine)["items"]
    seen: list[Json] = []
    place: Json | None = {"before_at": None, "before_key": None}
    while place:
        page = db.value(
            "select public.lead_timeline(%s, %s, %s, %s, 2)",
            business.org_id,
            mine,
            place["before_at"],
            place["before_key"],
        )
        seen += page["items"]
        place = page["next"]

    assert seen == whole
    assert len(whole) > 4


def test_timeline_of_another_organizations_lead_is_none(
    db: Database,
    business: Business,
    story: tuple[str, Person],
    org: Callable[..., UUID],
    member: Callable[..., Person],
) -> None:
    other = org(name="Other")
    db.as_person(member(other))

    assert db.refusal("select public.lead_timeline(%s, %s)", other, story[0]).detail == "lead_not_found"
    assert (
        db.refusal("select public.lead_timeline(%s, %s)", business.org_id, story[0]).detail
        == "organization_not_found"
    )
