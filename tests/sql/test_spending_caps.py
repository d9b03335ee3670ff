"""Caps of a day and a month, warnings before they are reached, and who sets and sees them."""

import json
from collections.abc import Callable
from decimal import Decimal
from uuid import UUID, uuid4

import pytest

from tests.business import Business, Json, call, text
from tests.database import Database, Person
from tests.sql.money import (
    ZERO,
    amounts,
    bill,
    costing,
    deliver,
    people,
    price,
    settle,
)
from tests.sql.wallets import ASHA, HELLO, RAVI, delivered, holds, ids, spending

# Caps -----------------------------------------------------------------------------------------------------


def set_caps(business: Business, **caps: str | None) -> Json:
    answer: Json = call(business.db, "set_spending_caps", org_id=business.org_id, caps=caps)
    return answer


@pytest.fixture
def greeter(business: Business) -> Business:
    """A business that greets enquiries with a marketing template."""
    setting = {"template": "hello", "language": "en", "params": ["name", "product"], "on": True}
    call(business.db, "set_greeting", org_id=business.org_id, setting=setting)
    return business


def greet(business: Business, *phones: str) -> list[int]:
    """Enquiries come, and are greeted. Gives the greetings."""
    db = business.db
    source = db.value("select private.own_source(%s, 'manual')", business.org_id)
    items = [
        {"external_id": uuid4().hex, "lead_type": "W", "product": "Kurta", "person": {"name": "Asha", "phone": p, "phone_kind": "mobile"}}
        for p in phones
    ]  # fmt: skip
    before = {m["id"] for m in business.table("public.messages")}
    db.value("select private.store_leads(%s, %s, %s)", business.org_id, source, json.dumps(items))
    made = [m["id"] for m in business.table("public.messages", "id") if m["id"] not in before]
    assert len(made) == len(phones)
    return made


PERIODS = [("daily", "today", "daily"), ("monthly", "this month", "monthly")]


@pytest.mark.parametrize(("cap", "when", "word"), PERIODS)
def test_cap_stops_greetings_and_says_so(greeter: Business, cap: str, when: str, word: str) -> None:
    set_caps(greeter, **{cap: "2"})
    first, second, third = greet(greeter, *people(3))

    assert ids(greeter.claim()) == [first, second]

    refused = greeter.message(third)
    assert (refused["status"], refused["error_code"]) == ("cancelled", 0)
    assert (
        refused["error_message"]
        == f"The {word} cap of ₹2.00 is reached: nothing more goes out by itself {when}"
    )


@pytest.mark.parametrize(("cap", "when", "word"), PERIODS)
def test_cap_stops_confirmations_of_a_stop(business: Business, cap: str, when: str, word: str) -> None:
    set_caps(business, **{cap: "0.10"})
    business.hear(text("w1", "STOP", at=business.now()))
    (message,) = [m["id"] for m in business.table("public.messages") if m["origin"] == "confirmation"]

    assert business.claim()["messages"] == []

    assert business.message(message)["status"] == "cancelled"
    assert f"The {word} cap of ₹0.10 is reached" in business.message(message)["error_message"]


def test_cap_never_stops_a_person_nor_the_operator(
    business: Business, db: Database, member: Callable[..., Person]
) -> None:
    set_caps(business, daily="0", monthly="0")
    (operators,) = business.send(ASHA, **HELLO)
    business.hear(text("w1", at=business.now() - 60, sender=RAVI.lstrip("+")))
    thread = db.value(
        "select c.id from public.conversations c join public.contacts p on p.id = c.contact_id where c.org_id = %s and p.wa_id = %s",
        business.org_id, RAVI.lstrip("+"),
    )  # fmt: skip
    db.as_person(member(business.org_id))
    told = db.value("select public.send_text(%s, %s, 'Hello')", business.org_id, thread)
    db.as_operator()

    assert sorted(ids(business.claim())) == sorted([operators, told["message_id"]])


def test_what_a_person_sends_counts_towards_the_cap(greeter: Business) -> None:
    set_caps(greeter, daily="0.90")
    (persons,) = greeter.send(people()[0])
    greeter.claim()
    (greeting,) = greet(greeter, *people())

    assert greeter.claim()["messages"] == []
    assert greeter.message(persons)["status"] == "sending"
    assert greeter.message(greeting)["status"] == "cancelled"


def test_cap_is_reached_to_the_paisa(greeter: Business) -> None:
    bill(greeter, minimum="0.1369")  # 0.8631 + 0.1369 = 1
    set_caps(greeter, daily="2")
    greetings = greet(greeter, *people(3))

    assert ids(greeter.claim()) == greetings[:2]


def test_cap_counts_what_is_delivered_and_what_is_under_way_each_once(greeter: Business) -> None:
    """Between the delivery and the next sweep a message is in the ledger and still held: it must not count twice."""
    set_caps(greeter, daily="2")
    (first,) = greet(greeter, *people())
    greeter.record(greeter.claim())
    delivered(greeter, first, pricing=price("marketing"))
    (second,) = greet(greeter, *people())

    assert ids(greeter.claim()) == [second]


def test_cap_counts_both_parts_of_the_price_whoever_pays_meta(greeter: Business) -> None:
    bill(greeter, meta_billing="customer", minimum="0.1369")
    set_caps(greeter, daily="1.99")
    greetings = greet(greeter, *people(2))

    assert ids(greeter.claim()) == greetings[:1]
    assert holds(greeter) == {greetings[0]: 0}


def test_failed_greeting_makes_room_again(greeter: Business) -> None:
    set_caps(greeter, daily="1")
    greet(greeter, *people())
    greeter.record(greeter.claim(), "error", code=131026)
    (second,) = greet(greeter, *people())

    assert ids(greeter.claim()) == [second]


def test_spending_of_yesterday_is_not_todays(greeter: Business, db: Database) -> None:
    set_caps(greeter, daily="1", monthly="100")
    midnight = int(db.value("select extract(epoch from private.india_day(now())::timestamp at time zone 'Asia/Kolkata')::bigint"))  # fmt: skip
    deliver(greeter, costing("50"), at=midnight - 1)
    (message,) = greet(greeter, *people())

    assert ids(greeter.claim()) == [message]
    deliver(greeter, costing("0.5"), at=midnight)
    assert spending(greeter)["spent_today"] == "0.500000"
    settle(greeter)
    assert spending(greeter)["spent_today"] == "0.500000"


def test_spending_of_tomorrow_is_not_todays(business: Business, db: Database) -> None:
    """A status from the future is taken as given: it counts when its day comes, not on every day until then."""
    midnight = int(db.value("select extract(epoch from (private.india_day(now()) + 1)::timestamp at time zone 'Asia/Kolkata')::bigint"))  # fmt: skip
    deliver(business, costing("50"), at=midnight)
    deliver(business, costing("0.5"), at=midnight - 1)

    assert spending(business)["spent_today"] == "0.500000"
    settle(business)
    assert spending(business)["spent_today"] == "0.500000"


def test_spending_of_last_month_is_not_this_months(business: Business, db: Database) -> None:
    first = int(db.value("select extract(epoch from date_trunc('month', private.india_day(now())::timestamp) at time zone 'Asia/Kolkata')::bigint"))  # fmt: skip
    deliver(business, costing("50"), at=first - 1)
    deliver(business, costing("0.5"), at=first)

    assert spending(business)["spent_this_month"] == "0.500000"
    settle(business)
    assert spending(business)["spent_this_month"] == "0.500000"


def test_greeting_without_a_known_price_is_stopped_by_a_cap(greeter: Business) -> None:
    set_caps(greeter, monthly="100")
    (greeting,) = greet(greeter, "+971501234567")

    assert greeter.claim()["messages"] == []
    assert greeter.message(greeting)["error_message"] == (
        "Its price is not known in advance (no rate card covers the recipient's country), and spending is capped"
    )


def test_without_a_cap_nothing_is_stopped(greeter: Business) -> None:
    set_caps(greeter, daily="0")
    set_caps(greeter, daily=None)
    greetings = greet(greeter, *people(2))

    assert ids(greeter.claim()) == greetings
    assert greeter.table("private.spend_holds") == []


def test_greeting_that_the_wallet_cannot_pay_is_cancelled(greeter: Business) -> None:
    bill(greeter)
    call(greeter.db, "set_wallet", org_id=greeter.org_id, settings={"prepaid": True})
    (greeting,) = greet(greeter, ASHA)

    assert greeter.claim()["messages"] == []
    assert greeter.message(greeting)["status"] == "cancelled"
    assert "The wallet has ₹0.00 left" in greeter.message(greeting)["error_message"]


# Warnings -------------------------------------------------------------------------------------------------


def warnings(business: Business) -> list[tuple[str, int]]:
    return [(w["period"], w["percent"]) for w in spending(business)["warnings"]]


def test_half_four_fifths_and_all_of_a_cap_are_warned_of_once_each(business: Business) -> None:
    set_caps(business, daily="10", monthly="20")
    seen = []
    for amount in ("4.999999", "0.000001", "3", "1.999999", "0.000001", "5", "5", "1"):
        deliver(business, costing(amount), at=business.now())
        settle(business)
        seen.append(warnings(business))

    half, most, whole = ("day", 50), ("day", 80), ("day", 100)
    assert seen == [
        [], [half], [half, most], [half, most], [half, most, whole, ("month", 50)], [half, most, whole, ("month", 50)],
        [half, most, whole, ("month", 50), ("month", 80), ("month", 100)],
        [half, most, whole, ("month", 50), ("month", 80), ("month", 100)],
    ]  # fmt: skip
    rows = business.table("public.spending_warnings", "period, percent")
    assert [(r["percent"], Decimal(str(r["cap"])), Decimal(str(r["spent"]))) for r in rows] == [
        (50, 10, Decimal(5)), (80, 10, Decimal(8)), (100, 10, Decimal(10)),
        (50, 20, Decimal(10)), (80, 20, Decimal(20)), (100, 20, Decimal(20)),
    ]  # fmt: skip


def test_nothing_spent_is_warned_of_by_no_cap(business: Business) -> None:
    set_caps(business, daily="0", monthly="0")
    deliver(business, price("utility", "free_entry_point"), at=business.now())
    settle(business)

    assert warnings(business) == []


def test_warning_of_yesterday_is_not_shown_today(business: Business, db: Database) -> None:
    set_caps(business, daily="1")
    deliver(business, costing("5"), at=business.now())
    settle(business)
    db.execute("update public.spending_warnings set begins = begins - 1 where org_id = %s", [business.org_id])

    assert warnings(business) == []


# Who sets and sees ----------------------------------------------------------------------------------------

CAPS = '{"daily": "100.50", "monthly": "2000"}'


def owner_of(db: Database, business: Business) -> Person:
    return Person(db.value("select user_id from public.memberships where org_id = %s and role = 'owner'", business.org_id), "o@example.test")  # fmt: skip


def test_owner_sets_caps_and_they_are_noted(business: Business, db: Database) -> None:
    db.as_person(owner_of(db, business))
    first = db.value("select public.set_spending_caps(%s, %s)", business.org_id, CAPS)
    second = db.value("select public.set_spending_caps(%s, %s)", business.org_id, '{"daily": null}')
    db.as_operator()

    assert (first["daily_cap"], first["monthly_cap"], first["prepaid"]) == ("100.50", "2000.00", False)
    assert (second["daily_cap"], second["monthly_cap"]) == (None, "2000.00")
    noted = [
        a["details"] for a in business.table("public.audit_log", "id") if a["action"] == "spending.caps_set"
    ]
    assert noted == [
        {"from": {"daily": None, "monthly": None}, "to": {"daily": "100.50", "monthly": "2000"}},
        {"from": {"daily": "100.50", "monthly": "2000.00"}, "to": {"daily": None}},
    ]


@pytest.mark.parametrize("role", ["agent", "admin"])
def test_nobody_but_the_owner_sets_caps(
    business: Business, db: Database, member: Callable[..., Person], role: str
) -> None:
    db.as_person(member(business.org_id, role))

    refusal = db.refusal("select public.set_spending_caps(%s, %s)", business.org_id, CAPS)

    assert refusal.sqlstate == "PT403"
    for change in (
        "update public.wallets set daily_cap = 1",
        "insert into public.wallets (org_id) values (gen_random_uuid())",
    ):
        assert db.refusal(change).sqlstate == "42501"
    db.as_operator()
    assert business.table("public.wallets") == []


@pytest.mark.parametrize(("caps", "detail"), [
    ('{"daily": 100}', "amount_invalid"), ('{"daily": "-1"}', "amount_invalid"), ('{"monthly": "1.005"}', "amount_invalid"),
    ('{"monthly": "1e5"}', "amount_invalid"), ('{"daily": ""}', "amount_invalid"), ('{"daily": true}', "amount_invalid"),
    ('{"weekly": "1"}', "field_unknown"), ("[]", "field_invalid"), ("null", "field_invalid"),
])  # fmt: skip
def test_cap_that_is_no_amount_is_refused(business: Business, db: Database, caps: str, detail: str) -> None:
    db.as_person(owner_of(db, business))

    refusal = db.refusal("select public.set_spending_caps(%s, %s)", business.org_id, caps)

    assert (refusal.sqlstate, refusal.detail) == ("PT422", detail)
    db.as_operator()
    assert business.table("public.wallets") == []


def test_members_see_their_wallet_and_strangers_do_not(
    prepaid: Business, db: Database, member: Callable[..., Person], org: Callable[..., UUID]
) -> None:
    expected = spending(prepaid)
    db.as_person(member(prepaid.org_id))
    assert db.value("select public.spending(%s)", prepaid.org_id) == expected
    assert db.value("select balance from public.wallets") == 10
    assert db.value("select amount from public.wallet_entries") == 10
    assert db.refusal("select worker.top_up(%s, '5')", prepaid.org_id).sqlstate == "42501"

    db.as_person(member(org(), "owner"))

    for function in ("spending(%s)", "set_spending_caps(%s, '{}')"):
        assert db.refusal(f"select public.{function}", prepaid.org_id).sqlstate == "PT404"
    for table in ("wallets", "wallet_entries", "spending_warnings"):
        assert db.rows(f"select * from public.{table}") == []


def test_amounts_of_an_organization_without_a_wallet_are_zero(business: Business) -> None:
    told = spending(business)

    assert (told["prepaid"], told["allow_negative"], told["daily_cap"]) == (False, False, None)
    assert amounts(told, "balance", "held", "available", "spent_today", "spent_this_month") == (ZERO,) * 5
    assert told["balance"] == "0.000000"
