"""What messages cost, summed up for people: by every dimension the same whole as the ledger's, at any moment."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest

from tests.business import Business, Json, call, fresh_org, status, text
from tests.database import LIMITS, Database, Person
from tests.sql.money import (
    CBP,
    FREE_ENTRY,
    FREE_SERVICE,
    MARKETING,
    UTILITY,
    ZERO,
    bill,
    booked,
    close,
    costing,
    deliver,
    flow_delivers,
    ist,
    people,
    price,
    settle,
    statement,
    this_month,
)

DIMENSIONS = ["day", "category", "number", "template", "agent", "source"]
FIGURES = ["messages", "meta_cost", "markup", "total", "billed"]
COUNTS = ["messages", "charged", "free", "needs_review"]
OCTOBER, NOVEMBER = "2026-10", "2026-11"
IN_OCTOBER = "2026-10-15T12:00"


@pytest.fixture
def agent(business: Business, member: Callable[..., Person], person: Callable[..., Person]) -> Person:
    """Somebody who works there."""
    return member(business.org_id, "agent", person("Anil"))


def usage(business: Business, who: Person, month: str) -> Json:
    with acting(business.db, who):
        answer: Json = business.db.value("select public.usage(%s, %s)", business.org_id, month)
    return answer


def usage_by(business: Business, who: Person, month: str, dimension: str) -> list[Json]:
    with acting(business.db, who):
        answer: list[Json] = business.db.value(
            "select public.usage_by(%s, %s, %s)", business.org_id, month, dimension
        )
    return answer


def page(
    business: Business,
    who: Person,
    month: str,
    after: int | None = None,
    size: int | None = None,
    **asked: Any,
) -> Json:
    with acting(business.db, who):
        answer: Json = business.db.value(
            "select public.usage_messages(%s, %s, %s, %s, %s)",
            business.org_id, month, json.dumps(asked), after, size,
        )  # fmt: skip
    return answer


class acting:  # noqa: N801
    """Act as somebody, then as the operator again."""

    def __init__(self, db: Database, who: Person) -> None:
        self.db, self.who = db, who

    def __enter__(self) -> None:
        self.db.as_person(self.who)

    def __exit__(self, *_: object) -> None:
        self.db.as_operator()


def figures(told: Json) -> tuple[Any, ...]:
    """Messages and amounts."""
    return tuple(told[name] if name == "messages" else Decimal(told[name]) for name in FIGURES)


def whole(parts: list[Json], names: list[str]) -> tuple[Any, ...]:
    """The sums of a list."""
    return tuple(sum(Decimal(part[name]) for part in parts) for name in names)


def ledger(business: Business, month: str) -> tuple[Any, ...]:
    """The same figures from the ledger's entries alone."""
    in_month = f"statement_month = '{month}'"
    count = booked(
        business, "case when reverses is null then 1 else -1 end", f"{in_month} and entry = 'meta_cost'"
    )
    cost, markup = (booked(business, where=f"{in_month} and entry = '{e}'") for e in ("meta_cost", "markup"))
    return (count, cost, markup, cost + markup, booked(business, where=f"{in_month} and is_billed"))


# A month of everything --------------------------------------------------------------------------------------


@dataclass
class Month:
    """A month in which people, greetings and another app sent of everything, from two numbers, to leads of two sources."""

    business: Business
    second: Business
    anil: Person
    beena: Person
    month: str
    sources: dict[str, UUID] = field(default_factory=dict)
    leads: dict[str, list[str]] = field(default_factory=dict)
    wamids: dict[str, str] = field(default_factory=dict)

    @property
    def db(self) -> Database:
        """Its connection."""
        return self.business.db

    def day(self, number: int, hour: int = 12) -> int:
        """An hour of a day of the month."""
        return ist(f"{self.month}-{number:02d}T{hour:02d}:00")

    def lead(self, source: str, phone: str, **more: object) -> str:
        """A lead comes from a source."""
        person = {"name": "Asha", "phone": phone, "phone_kind": "mobile"}
        item = {"external_id": uuid4().hex, "lead_type": "W", "product": "Kurta", "person": person, **more}
        told = self.db.value(
            "select private.store_leads(%s, %s, %s)",
            self.business.org_id,
            self.sources[source],
            json.dumps([item]),
        )
        self.leads.setdefault(source, []).extend(told["lead_ids"])
        return str(told["lead_ids"][0])

    def send(
        self, who: Person | None, phone: str, template: str = "receipt", business: Business | None = None
    ) -> int:
        """A person, or else the operator, sends a template; it leaves."""
        of = business or self.business
        params = ["Asha", "kurta"] if template == "hello" else []
        if who is None:
            (message,) = of.send(phone, template=template, language="en", params=params)
        else:
            contact = self.db.value("select private.contact_for_sending(%s, %s)", of.org_id, phone)
            with acting(self.db, who):
                thread = self.db.value("select public.start_conversation(%s, %s, %s)", of.org_id, contact, of.number_id)  # fmt: skip
                told = self.db.value(
                    "select public.send_template(%s, %s, %s, 'en', %s)",
                    of.org_id, thread["conversation_id"], template, json.dumps(params),
                )  # fmt: skip
                message = told["message_id"]
        of.record(of.claim(), only=[message])
        return int(message)

    def win(self, lead: str) -> None:
        """A lead is won."""
        self.db.execute(
            "update public.leads set stage_id = (select id from public.pipeline_stages where org_id = %(org)s and kind = 'won')"
            " where org_id = %(org)s and id = %(lead)s",
            {"org": self.business.org_id, "lead": lead},
        )


@pytest.fixture(scope="module")
def prepared(dsn: str) -> Iterator[Month]:
    """The month that runs, made once for all tests."""
    with Database.connect(dsn, options=LIMITS, prepare_threshold=None) as db:
        yield a_month(db)
        db.rollback()


@pytest.fixture
def db(prepared: Month) -> Iterator[Database]:
    """The connection of the month; what a test does is rolled back to it."""
    with prepared.db.transaction(force_rollback=True):
        yield prepared.db


@pytest.fixture
def everything(prepared: Month, db: Database) -> Month:
    """The month that runs."""
    leads = {source: list(ids) for source, ids in prepared.leads.items()}
    return replace(prepared, sources=dict(prepared.sources), leads=leads, wamids=dict(prepared.wamids))


def joined(db: Database, org_id: UUID, name: str, role: str) -> Person:
    """Somebody who signed in and works there."""
    who = Person(uuid4(), f"{name}.{uuid4().hex[:10]}@example.test")
    db.execute(
        "insert into auth.users (id, email, raw_user_meta_data) values (%s, %s, %s)",
        [who.id, who.email, json.dumps({"name": name})],
    )
    db.execute(
        "insert into public.memberships (org_id, user_id, role) values (%s, %s, %s)", [org_id, who.id, role]
    )
    return who


def a_month(db: Database) -> Month:
    """Make the month."""
    org_id = fresh_org(db)
    one = Business(db, org_id)
    two = Business(db, org_id)
    db.execute("update public.whatsapp_numbers set display_phone = '+91 2' where id = %s", [two.number_id])
    anil, beena = joined(db, org_id, "Anil", "agent"), joined(db, org_id, "Beena", "admin")
    made = Month(one, two, anil, beena, this_month(db))
    for name in ("IndiaMART", "Fair"):
        made.sources[name] = db.value(
            "insert into public.lead_sources (org_id, kind, name) values (%s, 'upload', %s) returning id",
            org_id,
            name,
        )
    bill(one, percent="10", per_message="0.02")
    asha, ravi, meena, tara = people(4)
    first = made.lead("IndiaMART", asha)
    made.lead("IndiaMART", ravi)
    made.lead("Fair", meena)
    made.win(first)
    told = [
        ("a", made.send(made.anil, asha, "hello"), 1, {"pricing": price("marketing")}),
        ("b", made.send(made.anil, ravi), 1, {"pricing": price("utility")}),
        ("c", made.send(made.beena, meena), 2, {"pricing": price("utility")}),
        ("d", made.send(made.beena, tara, "hello"), 2, {"pricing": price("marketing", "free_entry_point")}),
        ("e", made.send(None, asha), 3, {"pricing": costing("0.07", "utility")}),
        ("f", made.send(made.anil, asha), 3, {}),
    ]
    for key, message, day, more in told:
        made.wamids[key] = f"wamid.{message}"
        one.told(status(f"wamid.{message}", "delivered", made.day(day), **more))
    message = made.send(made.anil, meena, business=two)
    made.wamids["g"] = f"wamid.{message}"
    two.told(status(f"wamid.{message}", "delivered", made.day(3), pricing=price("utility")))
    deliver(two, FREE_SERVICE, FREE_SERVICE, FREE_ENTRY, costing("0.333333", "service"), at=made.day(4))
    deliver(one, price("marketing"), None, at=made.day(4))
    return made


@pytest.fixture(params=["all waits", "half is summed up", "all is summed up"])
def at_any_time(request: pytest.FixtureRequest, everything: Month) -> Month:
    """The month before, amid and after settling."""
    if request.param == "half is summed up":
        everything.db.value("select private.settle_usage(null, 9)")
        left = "select count(*) from private.usage_pending where org_id = %s"
        assert everything.db.value(left, everything.business.org_id) > 0
    elif request.param == "all is summed up":
        assert settle(everything.business) > 0
        assert settle(everything.business) == 0
    return everything


@pytest.mark.parametrize("dimension", DIMENSIONS)
def test_every_dimension_adds_up_to_the_ledger_at_any_time(at_any_time: Month, dimension: str) -> None:
    found = usage_by(at_any_time.business, at_any_time.anil, at_any_time.month, dimension)

    assert whole(found, FIGURES) == ledger(at_any_time.business, at_any_time.month)
    keys = [part["key"] for part in found]
    assert len(keys) == len(set(keys))
    totals = [Decimal(part["total"]) for part in found]
    assert totals == sorted(totals, reverse=True), "the dearest first"


def test_month_at_a_glance_adds_up_to_the_ledger_at_any_time(at_any_time: Month) -> None:
    told = usage(at_any_time.business, at_any_time.anil, at_any_time.month)

    expected = ledger(at_any_time.business, at_any_time.month)
    assert figures(told["totals"]) == expected
    for part in ("days", "categories", "numbers"):
        assert whole(told[part], FIGURES) == expected, part
        assert whole(told[part], COUNTS) == tuple(told["totals"][name] for name in COUNTS), part
    assert [told["totals"][name] for name in COUNTS] == [13, 7, 4, 2]
    assert (told["month"], told["currency"], told["closed"], told["other_currencies"]) == (
        at_any_time.month, "INR", False, [],
    )  # fmt: skip
    own = statement(at_any_time.business, at_any_time.month)
    assert figures(told["totals"])[0] == own["messages"]
    assert told["totals"]["billed"] == own["billed"]


def by_key(parts: list[Json]) -> dict[Any, tuple[Any, ...]]:
    return {
        part["label"]: (part["messages"], Decimal(part["meta_cost"]), Decimal(part["markup"]))
        for part in parts
    }


def markup(*costs: Decimal) -> Decimal:
    return sum((cost / 10 + Decimal("0.02") for cost in costs), ZERO)


SEVEN, THIRD = Decimal("0.07"), Decimal("0.333333")


def test_by_template_agent_source_number_day_and_category(at_any_time: Month) -> None:
    of = at_any_time
    found = {d: by_key(usage_by(of.business, of.beena, of.month, d)) for d in DIMENSIONS}

    m, u = MARKETING, UTILITY
    others = (6, m + THIRD, ZERO)
    assert found["template"] == {
        "hello": (2, m, markup(m)), "receipt": (5, 3 * u + SEVEN, markup(u, u, u, SEVEN)), None: others,
    }  # fmt: skip
    assert found["agent"] == {
        "Anil": (4, m + 2 * u, markup(m, u, u)), "Beena": (2, u, markup(u)), None: (7, SEVEN + m + THIRD, markup(SEVEN)),
    }  # fmt: skip
    assert found["source"] == {
        "IndiaMART": (4, m + u + SEVEN, markup(m, u, SEVEN)), "Fair": (2, 2 * u, markup(u, u)), None: (7, m + THIRD, ZERO),
    }  # fmt: skip
    assert found["number"] == {
        "+91 11400 00001": (8, 2 * m + 2 * u + SEVEN, markup(m, u, u, SEVEN)), "+91 2": (5, u + THIRD, markup(u)),
    }  # fmt: skip
    assert found["day"] == {
        f"{of.month}-01": (2, m + u, markup(m, u)), f"{of.month}-02": (2, u, markup(u)),
        f"{of.month}-03": (3, u + SEVEN, markup(u, SEVEN)), f"{of.month}-04": others,
    }  # fmt: skip
    assert found["category"] == {
        "marketing": (3, 2 * m, markup(m)), "utility": (4, 3 * u + SEVEN, markup(u, u, u, SEVEN)), "service": (3, THIRD, 0),
        "unknown": (1, 0, 0), "needs_review": (2, 0, 0),
    }  # fmt: skip


def test_keys_lead_to_what_they_name(everything: Month) -> None:
    of = everything
    keys = {
        d: {p["label"]: p["key"] for p in usage_by(of.business, of.anil, of.month, d)} for d in DIMENSIONS
    }

    assert keys["agent"] == {"Anil": str(of.anil.id), "Beena": str(of.beena.id), None: None}
    assert keys["source"] == {name: str(of.sources[name]) for name in of.sources} | {None: None}
    assert keys["number"] == {"+91 11400 00001": of.business.number_id, "+91 2": of.second.number_id}


def test_cost_of_a_lead_is_the_sources_cost_over_its_leads_of_the_month(at_any_time: Month) -> None:
    of = at_any_time
    found = {part["label"]: part for part in usage_by(of.business, of.anil, of.month, "source")}

    mart = MARKETING + UTILITY + SEVEN + markup(MARKETING, UTILITY, SEVEN)
    assert (found["IndiaMART"]["leads"], found["IndiaMART"]["won"]) == (2, 1)
    assert Decimal(found["IndiaMART"]["cost_per_lead"]) == round(mart / 2, 6)
    assert Decimal(found["IndiaMART"]["cost_per_won_lead"]) == mart
    fair = 2 * UTILITY + markup(UTILITY, UTILITY)
    assert (found["Fair"]["leads"], found["Fair"]["won"], found["Fair"]["cost_per_won_lead"]) == (1, 0, None)
    assert Decimal(found["Fair"]["cost_per_lead"]) == fair
    assert "leads" not in found[None]


def test_source_without_a_lead_this_month_has_no_cost_of_a_lead(everything: Month, db: Database) -> None:
    """Its leads are of another month, its messages of this one."""
    db.execute(
        "update public.leads set received_at = received_at - interval '70 days' where source_id = %s",
        [everything.sources["Fair"]],
    )

    found = {
        p["label"]: p for p in usage_by(everything.business, everything.anil, everything.month, "source")
    }

    assert (found["Fair"]["leads"], found["Fair"]["cost_per_lead"]) == (0, None)


def test_source_is_that_of_the_newest_lead_before_the_message(everything: Month, db: Database) -> None:
    of, (phone,) = everything, people()
    for source, ago in (("Fair", "2 days"), ("IndiaMART", "1 day"), ("Fair", "-1 day")):
        of.lead(source, phone, received_at=db.value("select to_jsonb(now() - %s::interval)", ago))
    before = by_key(usage_by(of.business, of.anil, of.month, "source"))
    message = of.send(None, phone)
    of.business.told(status(f"wamid.{message}", "delivered", of.day(5), pricing=costing("1")))

    after = by_key(usage_by(of.business, of.anil, of.month, "source"))

    assert after["IndiaMART"][0] == before["IndiaMART"][0] + 1
    assert after["Fair"] == before["Fair"]


def test_correction_leaves_no_trace_in_its_own_month(everything: Month) -> None:
    """Before it is summed up, amid it and after it."""
    of = everything
    settle(of.business)
    before = usage(of.business, of.anil, of.month)
    cost = {"pricing": costing("0.115", "utility")}
    of.business.told(status(of.wamids["f"], "sent", pricing=price("marketing")))
    seen = [usage(of.business, of.anil, of.month)]
    of.business.told(status(of.wamids["f"], "read", of.day(3), **cost))
    seen.append(usage(of.business, of.anil, of.month))
    settle(of.business)
    seen.append(usage(of.business, of.anil, of.month))

    counts = [[told["totals"][name] for name in COUNTS] for told in (before, *seen)]
    assert counts == [[13, 7, 4, 2], [13, 8, 4, 1], [13, 8, 4, 1], [13, 8, 4, 1]]
    assert seen[1]["totals"] == seen[2]["totals"]
    assert figures(seen[2]["totals"]) == ledger(of.business, of.month)


def test_late_correction_counts_in_the_month_that_is_open(business: Business, agent: Person) -> None:
    bill(business)
    (wamid,) = deliver(business, None, at=IN_OCTOBER)
    business.told(status(wamid, "sent", pricing=price("marketing")))
    close(business, OCTOBER)
    before = usage(business, agent, OCTOBER)
    business.told(status(wamid, "read", ist(IN_OCTOBER), pricing=price("utility")))
    settle(business)

    after = usage(business, agent, NOVEMBER)

    assert usage(business, agent, OCTOBER) == before
    assert (before["closed"], after["closed"]) == (True, False)
    assert figures(after["totals"])[:2] == (0, UTILITY - MARKETING)
    assert [(d["day"], d["meta_cost"]) for d in after["days"]] == [("2026-10-15", "-0.748100")]
    assert after["totals"]["charged"] == 0, "one more and one less"


def test_free_and_charged_of_one_category_and_day_are_told_apart_at_any_time(
    business: Business, agent: Person
) -> None:
    month = this_month(business.db)
    deliver(
        business,
        price("marketing"),
        price("marketing", subtype="paid_exempt"),
        costing("0"),
        at=business.now(),
    )
    before = usage(business, agent, month)["totals"]
    settle(business)
    after = usage(business, agent, month)["totals"]

    assert before == after
    assert (after["messages"], after["charged"], after["free"]) == (3, 1, 2)


def test_charged_message_that_turns_out_free_is_no_longer_charged_at_once(
    business: Business, agent: Person
) -> None:
    """Summed up already, and taken back by an entry that still waits."""
    month = this_month(business.db)
    (wamid,) = deliver(business, None, at=business.now())
    business.told(status(wamid, "sent", pricing=price("marketing")))
    settle(business)
    business.told(status(wamid, "read", business.now(), pricing=price("marketing", "free_entry_point")))

    amid = usage(business, agent, month)["totals"]
    settle(business)
    after = usage(business, agent, month)["totals"]

    assert [after[name] for name in COUNTS] == [1, 0, 1, 0]
    assert amid == after


def test_message_whose_status_overtook_its_answer_is_of_its_template(
    business: Business, agent: Person
) -> None:
    """Delivered, as Meta says, before Meta's answer to the send was recorded: all its cost is the template's."""
    bill(business, per_message="0.10")
    (message,) = business.send("+919810000011")
    claim = business.claim()
    business.told(status(f"wamid.{message}", "delivered", ist(IN_OCTOBER), pricing=price("utility")))
    business.record(claim)

    (told,) = page(business, agent, OCTOBER)["messages"]
    by_template = by_key(usage_by(business, agent, OCTOBER, "template"))

    assert (told["message_id"], told["template"]) == (message, "receipt")
    assert by_template == {"receipt": (1, UTILITY, Decimal("0.10"))}


def test_conversation_priced_messages_are_neither_charged_nor_free(business: Business, agent: Person) -> None:
    deliver(business, CBP, None, at="2025-06-15T12:00")

    told = usage(business, agent, "2025-06")

    assert [told["totals"][name] for name in COUNTS] == [2, 0, 0, 1]
    assert {c["category"]: c["messages"] for c in told["categories"]} == {"cbp": 1, "needs_review": 1}


def test_month_of_nothing_is_of_zeros(business: Business, agent: Person) -> None:
    told = usage(business, agent, "2020-01")

    assert figures(told["totals"]) == (0, ZERO, ZERO, ZERO, ZERO)
    assert (told["days"], told["categories"], told["currency"]) == ([], [], "INR")
    assert [(n["display_phone"], n["messages"]) for n in told["numbers"]] == [("+91 11400 00001", 0)]
    assert all(usage_by(business, agent, "2020-01", d) == [] for d in DIMENSIONS)
    assert page(business, agent, "2020-01") == {"messages": [], "next": None}


def test_day_is_that_of_india(business: Business, agent: Person) -> None:
    for moment in ("2026-10-31T23:59:59", "2026-11-01T00:00:00"):
        deliver(business, price("marketing"), at=moment)

    assert [d["day"] for d in usage(business, agent, OCTOBER)["days"]] == ["2026-10-31"]
    assert [d["day"] for d in usage(business, agent, NOVEMBER)["days"]] == ["2026-11-01"]


def test_other_currencies_are_named_and_not_added(db: Database, member: Callable[..., Person]) -> None:
    org_id = fresh_org(db)
    rupees, dollars = Business(db, org_id), Business(db, org_id)
    db.execute("update public.whatsapp_accounts set currency = 'USD' where id = %s", [dollars.account_id])
    who = member(org_id)
    deliver(rupees, costing("1"), at=IN_OCTOBER)
    deliver(dollars, costing("50", currency="USD"), at=IN_OCTOBER)

    told = usage(rupees, who, OCTOBER)

    assert (told["currency"], told["totals"]["total"], told["other_currencies"]) == (
        "INR",
        "1.000000",
        ["USD"],
    )
    assert {p["total"] for p in usage_by(rupees, who, OCTOBER, "category")} == {"1.000000"}


# Free allowance ---------------------------------------------------------------------------------------------


def test_free_service_messages_are_counted_by_number(everything: Month) -> None:
    of = everything
    settle(of.business)

    told = usage(of.business, of.anil, of.month)

    assert {(n["display_phone"], n["free_service_used"], n["free_service_limit"]) for n in told["numbers"]} == {
        ("+91 11400 00001", 0, 1000), ("+91 2", 2, 1000),
    }  # fmt: skip
    assert {n["number_id"] for n in told["numbers"]} == {of.business.number_id, of.second.number_id}


# Messages ---------------------------------------------------------------------------------------------------


def test_pages_lose_and_repeat_no_message(at_any_time: Month) -> None:
    of = at_any_time
    for size in (1, 3, 4, 13, 200):
        seen: list[Json] = []
        after, pages = None, 0
        while pages == 0 or after is not None:
            told = page(of.business, of.anil, of.month, after, size)
            assert len(told["messages"]) <= size
            seen, after, pages = seen + told["messages"], told["next"], pages + 1
        assert len({m["wamid"] for m in seen}) == len(seen) == 13
        assert [m["id"] for m in seen] == sorted((m["id"] for m in seen), reverse=True)
        sums = whole(seen, ["meta_cost", "markup"])
        assert sums == ledger(of.business, of.month)[1:3]


def test_pages_stay_whole_while_new_messages_come(everything: Month) -> None:
    of = everything
    first = page(of.business, of.anil, of.month, size=5)
    deliver(of.business, price("marketing"), price("utility"), at=of.day(6))
    rest = page(of.business, of.anil, of.month, first["next"], 200)

    wamids = [m["wamid"] for m in first["messages"] + rest["messages"]]
    assert len(set(wamids)) == len(wamids) == 13


@pytest.mark.parametrize(("size", "most"), [(None, 50), (0, 1), (-5, 1), (200, 60), (1000, 60)])
def test_page_has_1_to_200_messages(business: Business, agent: Person, size: int | None, most: int) -> None:
    deliver(business, *[price("utility")] * 60, at=IN_OCTOBER)

    assert len(page(business, agent, OCTOBER, size=size)["messages"]) == most


def test_longest_page_has_200_messages(business: Business, agent: Person) -> None:
    deliver(business, *[price("utility")] * 201, at=IN_OCTOBER)

    told = page(business, agent, OCTOBER, size=201)

    assert len(told["messages"]) == 200
    assert len(page(business, agent, OCTOBER, told["next"], 201)["messages"]) == 1


def test_filters_leave_what_they_ask_for(everything: Month) -> None:
    of = everything

    def found(**asked: Any) -> set[str]:
        keys = {wamid: key for key, wamid in of.wamids.items()}
        messages = page(of.business, of.anil, of.month, **asked)["messages"]
        return {keys.get(m["wamid"], "other") for m in messages}

    assert found(category="marketing") == {"a", "d", "other"}
    assert found(category="needs_review") == found(review=True) == {"f", "other"}
    assert found(category="unknown") == {"other"}
    assert found(category="cbp") == set()
    assert found(number_id=of.second.number_id) == {"g", "other"}
    assert found(day=f"{of.month}-02") == {"c", "d"}
    assert found(template="hello") == {"a", "d"}
    assert found(agent=str(of.beena.id)) == {"c", "d"}
    assert found(wamid=of.wamids["e"]) == {"e"}
    assert found(agent=str(of.anil.id), day=f"{of.month}-03", template="receipt") == {"f", "g"}
    assert found(review=False) == found() == {*"abcdefg", "other"}
    assert found(number_id=str(uuid4())) == found(day="2020-01-01") == set()


def test_filters_page_too(business: Business, agent: Person) -> None:
    for _ in range(7):
        deliver(business, price("utility"), price("marketing"), at=IN_OCTOBER)
    first = page(business, agent, OCTOBER, size=4, category="utility")
    rest = page(business, agent, OCTOBER, first["next"], 4, category="utility")

    assert [len(first["messages"]), len(rest["messages"]), rest["next"]] == [4, 3, None]
    assert {m["category"] for m in first["messages"] + rest["messages"]} == {"utility"}


@pytest.mark.parametrize(("asked", "detail"), [
    ('{"colour": "red"}', "field_unknown"), ('{"review": "yes"}', "field_invalid"), ("[]", "field_invalid"), ("null", "field_invalid"),
])  # fmt: skip
def test_filter_that_means_nothing_is_refused(
    business: Business, db: Database, agent: Person, asked: str, detail: str
) -> None:
    db.as_person(agent)

    refusal = db.refusal("select public.usage_messages(%s, '2026-10', %s)", business.org_id, asked)

    assert (refusal.sqlstate, refusal.detail) == ("PT422", detail)


def test_message_says_all_of_its_price(business: Business, db: Database, agent: Person) -> None:
    bill(business, per_message="0.05")
    business.hear(text("in", at=ist(IN_OCTOBER) - 60, sender="919810000011"), name="Asha Rao")
    (message,) = business.send("+919810000011")
    business.record(business.claim())
    business.told(status(f"wamid.{message}", "delivered", ist(IN_OCTOBER), pricing=price("utility")))
    settle(business)

    (told,) = page(business, agent, OCTOBER)["messages"]

    stored = business.message(message)
    assert told.pop("id") == db.value("select max(id) from public.usage_ledger where org_id = %s and entry = 'meta_cost'", business.org_id)  # fmt: skip
    assert {w["kind"] for w in told.pop("windows")} == {"customer_service", "utility"}
    assert told.pop("billable_at").startswith("2026-10-15T06:30:00")
    assert told == {
        "wamid": f"wamid.{message}", "message_id": message, "conversation_id": stored["conversation_id"], "contact": "Asha Rao",
        "text": "Paid.", "template": "receipt", "category": "utility", "pricing_type": "regular", "currency": "INR", "source": "card",
        "market": "IN", "rate": "0.115000", "rate_verified": True, "number_id": business.number_id, "needs_review": False,
        "review_reason": None, "meta_cost": "0.115000", "markup": "0.050000",
    }  # fmt: skip


def test_message_is_listed_once_with_its_newest_price(business: Business, agent: Person) -> None:
    bill(business, per_message="0.05")
    (wamid,) = flow_delivers(business, None, at=IN_OCTOBER)
    business.told(status(wamid, "sent", pricing=price("marketing")))
    business.told(status(wamid, "read", ist(IN_OCTOBER), pricing=price("utility")))

    (told,) = page(business, agent, OCTOBER)["messages"]

    assert (told["category"], told["meta_cost"], told["markup"], told["review_reason"]) == ("utility", "0.115000", "0.050000", None)  # fmt: skip


def test_messages_of_a_closed_month_stay_as_it_was_closed(business: Business, agent: Person) -> None:
    """The list is what the closed sums consist of, also when a price is corrected in a later month."""
    (wamid,) = deliver(business, None, at=IN_OCTOBER)
    business.told(status(wamid, "sent", pricing=price("marketing")))
    close(business, OCTOBER)
    before = page(business, agent, OCTOBER)
    business.told(status(wamid, "read", ist(IN_OCTOBER), pricing=price("utility")))

    after = page(business, agent, OCTOBER)

    assert [(m["wamid"], m["meta_cost"]) for m in before["messages"]] == [(wamid, "0.863100")]
    assert after == before


def test_operator_reads_entries_with_the_same_figures(everything: Month) -> None:
    of = everything
    told = call(of.db, "ledger_entries", org_id=of.business.org_id, month=of.month)
    review = call(of.db, "ledger_entries", org_id=of.business.org_id, month=of.month, review_only=True)
    one = call(of.db, "ledger_entries", org_id=of.business.org_id, month=of.month, wamid=of.wamids["a"])

    assert told["messages"] == page(of.business, of.anil, of.month)["messages"]
    assert {m["review_reason"] for m in review["messages"]} == {"missing_pricing"}
    assert [m["wamid"] for m in one["messages"]] == [of.wamids["a"]]


# Text, and who may read -------------------------------------------------------------------------------------

AMOUNTS = {
    "meta_cost", "markup", "total", "billed", "balance", "held", "available", "daily_cap", "monthly_cap", "spent_today",
    "spent_this_month", "cap", "cost_per_lead", "cost_per_won_lead", "rate",
}  # fmt: skip


def amounts_of(told: Any) -> list[tuple[str, Any]]:
    """Every amount of an answer, however deep."""
    if isinstance(told, list):
        return [found for one in told for found in amounts_of(one)]
    if isinstance(told, dict):
        here = [(name, value) for name, value in told.items() if name in AMOUNTS]
        return here + [found for value in told.values() for found in amounts_of(value)]
    assert not isinstance(told, float), told
    return []


def test_every_amount_is_text_that_is_an_exact_number(everything: Month) -> None:
    of = everything
    call(of.db, "set_spending_caps", org_id=of.business.org_id, caps={"daily": "1", "monthly": "1.50"})
    call(of.db, "top_up", org_id=of.business.org_id, amount="5")
    settle(of.business)
    answers = [
        usage(of.business, of.anil, of.month), page(of.business, of.anil, of.month), statement(of.business, of.month),
        call(of.db, "wallet", org_id=of.business.org_id), *[usage_by(of.business, of.anil, of.month, d) for d in DIMENSIONS],
    ]  # fmt: skip

    found = amounts_of(answers)

    assert {name for name, _ in found} == AMOUNTS
    for name, value in found:
        assert value is None or isinstance(value, str), (name, value)
        assert value is None or Decimal(value).is_finite()
        assert value is None or "E" not in value.upper()


FUNCTIONS = [
    ("usage(%s, '2026-10')", "agent"), ("usage_by(%s, '2026-10', 'day')", "agent"), ("usage_messages(%s, '2026-10')", "agent"),
]  # fmt: skip


@pytest.mark.parametrize(("function", "role"), FUNCTIONS)
def test_members_read_usage_and_strangers_do_not(
    business: Business,
    db: Database,
    member: Callable[..., Person],
    org: Callable[..., UUID],
    function: str,
    role: str,
) -> None:
    deliver(business, price("utility"), at=IN_OCTOBER)
    stranger, mine = member(org(), "owner"), member(business.org_id, role)
    db.as_person(mine)
    assert "0.115" in json.dumps(db.value(f"select public.{function}", business.org_id))

    db.as_person(stranger)

    assert db.refusal(f"select public.{function}", business.org_id).sqlstate == "PT404"
    for table in ("usage_days", "usage_ledger", "free_allowance"):
        assert db.rows(f"select * from public.{table}") == []
    db.as_operator()
    settle(business)
    db.as_person(mine)
    assert db.value("select messages from public.usage_days") == 1
    assert db.refusal("delete from public.usage_days").sqlstate == "42501"


@pytest.mark.parametrize("month", ["2026-13", "soon", "", None])
@pytest.mark.parametrize("function", ["usage(%s, %s)", "usage_by(%s, %s, 'day')", "usage_messages(%s, %s)"])
def test_month_that_is_none_is_refused(
    business: Business, db: Database, agent: Person, function: str, month: str | None
) -> None:
    db.as_person(agent)

    refusal = db.refusal(f"select public.{function}", business.org_id, month)

    assert (refusal.sqlstate, refusal.detail) == ("PT422", "month_invalid")


@pytest.mark.parametrize("dimension", ["colour", "", "Day", None])
def test_dimension_that_is_none_is_refused(
    business: Business, db: Database, agent: Person, dimension: str | None
) -> None:
    db.as_person(agent)

    refusal = db.refusal("select public.usage_by(%s, '2026-10', %s)", business.org_id, dimension)

    assert (refusal.sqlstate, refusal.detail) == ("PT422", "dimension_unknown")
