"""What the statement of a month says: its days, lines, rounding, tax, currencies, and who may read it."""

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from uuid import UUID

import psycopg
import pytest

from tests.business import Business, call, fresh_org, status
from tests.database import Database, Person
from tests.sql.closing import IN_NOVEMBER, IN_OCTOBER, NOVEMBER, OCTOBER, SUMS, TABLES, entries, lines
from tests.sql.money import (
    CBP,
    FREE_ENTRY,
    FREE_SERVICE,
    MARKETING,
    UTILITY,
    ZERO,
    amounts,
    bill,
    close,
    costing,
    deliver,
    flow_delivers,
    ist,
    price,
    statement,
)

# Which month ----------------------------------------------------------------------------------------------

ENDS = [
    ("2026-10-31T23:59:59", "2026-10"), ("2026-11-01T00:00:00", "2026-11"), ("2025-12-31T23:59:59", "2025-12"),
    ("2026-01-01T00:00:00", "2026-01"), ("2024-02-29T23:59:59", "2024-02"), ("2024-03-01T00:00:00", "2024-03"),
]  # fmt: skip


@pytest.mark.parametrize("zone", ["Asia/Kolkata", "America/Los_Angeles", "Pacific/Auckland"])
@pytest.mark.parametrize(("moment", "month"), ENDS)
def test_month_is_that_of_india_to_the_second_wherever_the_account_is(
    business: Business, zone: str, moment: str, month: str
) -> None:
    business.db.execute(
        "update public.whatsapp_accounts set time_zone = %s where org_id = %s", [zone, business.org_id]
    )
    deliver(business, costing("1"), at=moment)

    assert [entry[-1] for entry in entries(business)] == [month]
    assert statement(business, month)["messages"] == 1


def test_rate_is_of_the_accounts_day_in_the_month_of_india(business: Business, db: Database) -> None:
    """At 2 o'clock of New Year's night in India it is still 2025 in New York, and so is the rate."""
    db.execute("update public.whatsapp_accounts set time_zone = 'America/New_York' where org_id = %s", [business.org_id])  # fmt: skip
    for moment in ("2026-01-01T02:00", "2026-01-01T10:29:59", "2026-01-01T10:30"):
        deliver(business, price("marketing"), at=moment)

    told = statement(business, "2026-01")

    assert [(d["rate"], d["messages"], d["meta_cost"]) for d in told["details"]] == [
        ("0.784600", 2, "1.569200"),
        ("0.863100", 1, "0.863100"),
    ]
    assert lines(told) == {"marketing": (3, Decimal("2.4323"), 0, 0)}


# Lines ----------------------------------------------------------------------------------------------------


def test_every_kind_of_message_has_its_line_and_all_lines_add_up(business: Business) -> None:
    bill(business, percent="10", minimum="0.02")
    given = [
        CBP, None, price("utility", "new_type"), FREE_ENTRY, FREE_SERVICE, costing("0.25", "service"), costing("2", None),
        costing("0.5", "authentication-international"), costing("0.004", "marketing_lite"), costing("0.3", "marketing"),
        price("marketing", "free_entry_point"), price("marketing", subtype="paid_exempt"), costing("0.1", "news"),
    ]  # fmt: skip
    flow_delivers(business, *given, at="2025-06-30T12:00")

    told = close(business, "2025-06")

    found = lines(told)
    assert found == {
        "marketing": (3, Decimal("0.3"), Decimal("0.03"), Decimal("0.33")),
        "marketing_lite": (1, Decimal("0.004"), Decimal("0.02"), Decimal("0.024")),
        "authentication_international": (1, Decimal("0.5"), Decimal("0.05"), Decimal("0.55")),
        "service": (2, Decimal("0.25"), Decimal("0.025"), Decimal("0.275")),
        "unknown": (2, Decimal(2), Decimal("0.2"), Decimal("2.2")),
        "news": (1, Decimal("0.1"), Decimal("0.02"), Decimal("0.12")),
        "needs_review": (2, ZERO, ZERO, ZERO),
        "cbp": (1, ZERO, ZERO, ZERO),
    }
    assert told["messages"] == len(given) == sum(line[0] for line in found.values())
    for n, name in enumerate(("meta_cost", "markup", "billed"), 1):
        assert sum(line[n] for line in found.values()) == Decimal(told[name])
        assert sum(Decimal(one[name]) for one in told["details"]) == Decimal(told[name])


def test_details_are_by_category_number_and_rate(db: Database) -> None:
    org_id = fresh_org(db)
    one, two = Business(db, org_id), Business(db, org_id)
    db.execute("update public.whatsapp_numbers set display_phone = '+91 2' where id = %s", [two.number_id])
    deliver(one, price("authentication_international"), at="2026-03-31T23:59:59")
    deliver(one, *[price("marketing")] * 2, price("utility"), costing("0.5"), at="2026-03-01T12:00")
    deliver(two, price("marketing"), at="2026-03-01T12:00")
    deliver(two, price("marketing", "free_entry_point"), at="2026-03-01T12:00")

    found = statement(one, "2026-03")["details"]

    assert sorted(
        (d["category"], d["pricing_type"], d["display_phone"], d["rate"] or "", d["verified"], d["messages"], d["meta_cost"])
        for d in found
    ) == sorted([
        ("marketing", "regular", "+91 11400 00001", "0.863100", True, 2, "1.726200"),
        ("marketing", "regular", "+91 11400 00001", "", None, 1, "0.500000"),
        ("marketing", "regular", "+91 2", "0.863100", True, 1, "0.863100"),
        ("marketing", "free_entry_point", "+91 2", "", None, 1, "0.000000"),
        ("utility", "regular", "+91 11400 00001", "0.115000", True, 1, "0.115000"),
        ("authentication_international", "regular", "+91 11400 00001", "2.300000", False, 1, "2.300000"),
    ])  # fmt: skip
    assert {d["number_id"] for d in found} == {one.number_id, two.number_id}


def test_statement_is_of_text_with_six_decimals_and_paise(business: Business, db: Database) -> None:
    db.execute("update public.organizations set name = 'Mehta & Sons' where id = %s", [business.org_id])
    bill(business, supply="intra", per_message="0.05")
    flow_delivers(business, price("marketing"), at=IN_OCTOBER)

    told = close(business, OCTOBER)

    closed_at = datetime.fromisoformat(told.pop("closed_at"))
    assert closed_at == db.value("select now()")
    del told["details"]
    assert told == {
        "org_id": str(business.org_id), "organization": "Mehta & Sons", "month": OCTOBER, "closed": True, "currency": "INR",
        "meta_billing": "flow", "supply": "intra", "gst_percent": "18", "messages": 1,
        "lines": [{"category": "marketing", "messages": 1, "meta_cost": "0.863100", "markup": "0.050000", "billed": "0.913100"}],
        "meta_cost": "0.863100", "markup": "0.050000", "billed": "0.913100", "round_off": "-0.003100", "taxable": "0.91",
        "cgst": "0.08", "sgst": "0.08", "igst": "0.00", "total": "1.07", "wallet": None, "others": [],
    }  # fmt: skip


def test_preview_of_an_open_month_is_what_closing_says_but_for_the_closing(business: Business) -> None:
    bill(business, percent="3.3333")
    flow_delivers(business, price("marketing"), price("utility"), None, at=IN_OCTOBER)

    preview = statement(business, OCTOBER)
    closed = close(business, OCTOBER)

    assert (preview["closed"], preview["closed_at"]) == (False, None)
    assert closed.pop("closed_at")
    assert closed == {name: value for name, value in preview.items() if name != "closed_at"} | {
        "closed": True
    }


# Rounding and tax -----------------------------------------------------------------------------------------

ROUND_OFFS = [
    ("0.004999", "0.00", "-0.004999"), ("0.005", "0.01", "0.005"), ("0.005001", "0.01", "0.004999"),
    ("0.014999", "0.01", "-0.004999"), ("0.015", "0.02", "0.005"), ("0.025", "0.03", "0.005"), ("0.01", "0.01", "0"),
    ("999999.994999", "999999.99", "-0.004999"), ("999999.995", "1000000.00", "0.005"), ("0", "0.00", "0"),
]  # fmt: skip


@pytest.mark.parametrize(("cost", "taxable", "round_off"), ROUND_OFFS)
def test_exact_sum_is_rounded_once_to_paise(
    business: Business, cost: str, taxable: str, round_off: str
) -> None:
    bill(business)
    deliver(business, costing(cost), at=IN_OCTOBER)

    told = close(business, OCTOBER)

    assert told["taxable"] == taxable
    assert amounts(told, "billed", "round_off") == (Decimal(cost), Decimal(round_off))


@pytest.mark.parametrize(("cost", "taxable", "round_off"), ROUND_OFFS)
def test_month_that_gives_back_is_rounded_as_far_the_other_way(
    business: Business, cost: str, taxable: str, round_off: str
) -> None:
    """What October charged, November takes back: the message was free after all."""
    bill(business, supply="intra")
    business.told(status("w", "sent", pricing=costing(cost)), status("w", "delivered", ist(IN_OCTOBER)))
    before = close(business, OCTOBER)
    business.told(status("w", "read", ist(IN_NOVEMBER), pricing=price("marketing", "free_entry_point")))

    after = statement(business, NOVEMBER)

    assert amounts(after, *SUMS) == tuple(-amount for amount in amounts(before, *SUMS))
    assert amounts(after, "taxable", "round_off") == (-Decimal(taxable), -Decimal(round_off))
    assert after["messages"] == 0


def test_lines_are_not_rounded_one_by_one(business: Business) -> None:
    bill(business)
    deliver(business, *[costing("0.004", c) for c in ("marketing", "utility", "service")], at=IN_OCTOBER)

    told = close(business, OCTOBER)

    assert (told["billed"], told["taxable"], told["round_off"]) == ("0.012000", "0.01", "-0.002000")
    assert {line["billed"] for line in told["lines"]} == {"0.004000"}


TAXES = [
    # Of a supply, a percentage and an exact sum: each half, the whole, and what is due.
    ("intra", "18", "100", "9.00", "0.00", "118.00"), ("inter", "18", "100", "0.00", "18.00", "118.00"),
    ("intra", "5", "100", "2.50", "0.00", "105.00"), ("inter", "5", "100", "0.00", "5.00", "105.00"),
    ("intra", "0", "100", "0.00", "0.00", "100.00"), ("inter", "0", "100", "0.00", "0.00", "100.00"),
    # Two halves against the whole: a paisa apart either way.
    ("intra", "18", "0.50", "0.05", "0.00", "0.60"), ("inter", "18", "0.50", "0.00", "0.09", "0.59"),
    ("intra", "18", "0.05", "0.00", "0.00", "0.05"), ("inter", "18", "0.05", "0.00", "0.01", "0.06"),
    ("intra", "5", "1.00", "0.03", "0.00", "1.06"), ("inter", "5", "1.00", "0.00", "0.05", "1.05"),
    ("intra", "12.5", "0.08", "0.01", "0.00", "0.10"), ("inter", "12.5", "0.08", "0.00", "0.01", "0.09"),
    ("intra", "0.25", "2", "0.00", "0.00", "2.00"), ("inter", "0.25", "2", "0.00", "0.01", "2.01"),
    ("intra", "18", "123456.78", "11111.11", "0.00", "145679.00"), ("inter", "18", "123456.78", "0.00", "22222.22", "145679.00"),
    # The tax is on the rounded amount: 0.03 both times.
    ("inter", "50", "0.025", "0.00", "0.02", "0.05"), ("inter", "16", "0.034", "0.00", "0.00", "0.03"),
    ("intra", "100", "0.025", "0.02", "0.00", "0.07"), ("intra", "32", "0.034", "0.00", "0.00", "0.03"),
    # A total has paise: it is not rounded to rupees.
    ("inter", "18", "10.49", "0.00", "1.89", "12.38"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("supply", "percent", "billed", "half", "whole", "total"),
    TAXES,
    ids=[f"{supply} {percent} % of {billed}" for supply, percent, billed, *_ in TAXES],
)
def test_tax_is_two_halves_within_a_state_and_one_across(
    business: Business, supply: str, percent: str, billed: str, half: str, whole: str, total: str
) -> None:
    bill(business, supply=supply, gst_percent=percent)
    deliver(business, costing(billed), at=IN_OCTOBER)

    told = close(business, OCTOBER)

    assert (told["cgst"], told["sgst"], told["igst"], told["total"]) == (half, half, whole, total)
    assert (told["supply"], told["gst_percent"]) == (supply, percent)


def test_tax_is_the_one_in_force_when_the_month_closes(business: Business) -> None:
    bill(business, supply="intra", gst_percent="18")
    deliver(business, costing("100"), at=IN_OCTOBER)
    bill(business, supply="inter", gst_percent="12")
    told = close(business, OCTOBER)
    bill(business, supply="intra", gst_percent="5")

    assert (told["igst"], told["total"]) == ("12.00", "112.00")
    assert statement(business, OCTOBER) == told


# Who pays Meta --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("payer", "billed"), [("customer", "0.10"), ("flow", "0.9631")])
def test_who_pays_meta_is_billed_for_it_and_both_see_what_it_cost(
    business: Business, payer: str, billed: str
) -> None:
    bill(business, meta_billing=payer, per_message="0.10")
    flow_delivers(business, price("marketing"), at=IN_OCTOBER)

    told = close(business, OCTOBER)

    assert lines(told) == {"marketing": (1, MARKETING, Decimal("0.10"), Decimal(billed))}
    assert amounts(told, "meta_cost", "markup", "billed") == (MARKETING, Decimal("0.10"), Decimal(billed))
    assert told["meta_billing"] == payer


def test_without_a_plan_nothing_is_billed(business: Business) -> None:
    flow_delivers(business, price("marketing"), at=IN_OCTOBER)

    told = close(business, OCTOBER)

    assert amounts(told, *SUMS) == (MARKETING, *[ZERO] * 8)
    assert (told["meta_billing"], told["supply"], told["gst_percent"]) == ("customer", "inter", "18")


def test_plan_that_changes_within_a_month_bills_what_is_priced_from_then_on(business: Business) -> None:
    bill(business, meta_billing="customer", per_message="0.10")
    flow_delivers(business, price("marketing"), price("marketing"), at=IN_OCTOBER)
    bill(business, meta_billing="flow", per_message="0.20")
    flow_delivers(business, price("marketing"), at="2026-10-16T12:00")

    told = close(business, OCTOBER)

    assert lines(told) == {
        "marketing": (3, 3 * MARKETING, Decimal("0.40"), Decimal("0.40") + MARKETING),
    }
    assert told["meta_billing"] == "flow"


def test_what_is_priced_keeps_its_payer_when_its_price_changes(business: Business) -> None:
    bill(business, meta_billing="flow", per_message="0.10")
    (wamid,) = flow_delivers(business, None, at=IN_OCTOBER)
    business.told(status(wamid, "sent", pricing=price("marketing")))
    bill(business, meta_billing="customer", per_message="5")
    business.told(status(wamid, "read", ist(IN_OCTOBER) + 60, pricing=price("utility")))

    assert lines(statement(business, OCTOBER)) == {
        "utility": (1, UTILITY, Decimal("0.10"), UTILITY + Decimal("0.10"))
    }


# Currencies -----------------------------------------------------------------------------------------------


def test_another_currency_has_a_statement_of_its_own(db: Database) -> None:
    org_id = fresh_org(db)
    rupees, dollars = Business(db, org_id), Business(db, org_id)
    db.execute("update public.whatsapp_accounts set currency = 'USD' where id = %s", [dollars.account_id])
    bill(rupees, per_message="0.10")
    deliver(rupees, costing("1"), at=IN_OCTOBER)
    deliver(dollars, costing("0.0099", currency="USD"), costing("2", currency="USD"), at=IN_OCTOBER)

    told = close(rupees, OCTOBER)

    (other,) = told["others"]
    assert (told["currency"], told["messages"], told["billed"]) == ("INR", 1, "1.000000")
    assert (other["currency"], other["messages"], other["billed"], other["total"], other["closed"]) == (
        "USD", 2, "2.009900", "2.37", True,
    )  # fmt: skip
    assert {d["number_id"] for d in other["details"]} == {dollars.number_id}
    assert [(r["month"], r["currency"]) for r in rupees.table("public.usage_statements", "currency")] == [
        (OCTOBER, "INR"), (OCTOBER, "USD"),
    ]  # fmt: skip
    assert call(db, "check_ledger", org_id=org_id)["ok"]


def test_business_without_rupees_has_its_own_currency_first(business: Business, db: Database) -> None:
    db.execute("update public.whatsapp_accounts set currency = 'USD' where id = %s", [business.account_id])
    deliver(business, costing("2", currency="USD"), at=IN_OCTOBER)

    for told in (statement(business, OCTOBER), close(business, OCTOBER)):
        assert (told["currency"], told["meta_cost"], told["others"]) == ("USD", "2.000000", [])


# Who may read ---------------------------------------------------------------------------------------------


@pytest.fixture
def closed_business(business: Business) -> Business:
    """A business with a closed and an open month."""
    bill(business, per_message="0.10")
    flow_delivers(business, price("marketing"), at=IN_OCTOBER)
    close(business, OCTOBER)
    deliver(business, price("utility"), at=IN_NOVEMBER)
    return business


@pytest.mark.parametrize("role", ["agent", "admin", "owner"])
def test_members_read_statements_and_their_tables(
    closed_business: Business, db: Database, member: Callable[..., Person], role: str
) -> None:
    org_id = closed_business.org_id
    expected = [statement(closed_business, month) for month in (OCTOBER, NOVEMBER)]
    db.as_person(
        member(org_id, role)
        if role != "owner"
        else Person(db.value("select user_id from public.memberships where org_id = %s", org_id), "o@x")
    )

    assert [db.value("select public.statement(%s, %s)", org_id, m) for m in (OCTOBER, NOVEMBER)] == expected
    assert db.rows("select org_id, month, total from public.usage_statements") == [
        (org_id, OCTOBER, Decimal(expected[0]["total"]))
    ]
    assert db.rows("select month, category, billed from public.usage_statement_lines") == [
        (OCTOBER, "marketing", MARKETING + Decimal("0.10"))
    ]
    assert db.rows("select closed_through::text from public.ledger_closings") == [("2026-10-01",)]
    assert db.value("select count(*) from public.usage_ledger") == 3
    for table in (*TABLES, "public.ledger_closings"):
        assert db.refusal(f"delete from {table}").sqlstate == "42501"
    assert db.refusal("select worker.close_month(%s, %s)", org_id, OCTOBER).sqlstate == "42501"


def test_stranger_reads_no_statement(
    closed_business: Business, db: Database, member: Callable[..., Person], org: Callable[..., UUID]
) -> None:
    db.as_person(member(org(), "owner"))

    for month in (OCTOBER, NOVEMBER, "2020-01"):
        refusal = db.refusal("select public.statement(%s, %s)", closed_business.org_id, month)
        assert refusal.sqlstate == "PT404"
    for table in (*TABLES, "public.ledger_closings", "public.billing_plans"):
        assert db.value(f"select count(*) from {table} where org_id = %s", closed_business.org_id) == 0


def test_nobody_reads_statements_without_signing_in(closed_business: Business, db: Database) -> None:
    db.as_anon()

    with pytest.raises(psycopg.Error), db.transaction():
        db.value("select public.statement(%s, %s)", closed_business.org_id, OCTOBER)


def test_member_is_told_of_a_month_that_is_none(
    closed_business: Business, db: Database, member: Callable[..., Person]
) -> None:
    db.as_person(member(closed_business.org_id))

    refusal = db.refusal("select public.statement(%s, '2026-13')", closed_business.org_id)

    assert (refusal.sqlstate, refusal.detail) == ("PT422", "month_invalid")
