"""Closed months: what a statement says, that it adds up to the paisa, and that nothing changes it afterwards."""

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import psycopg
import pytest

from tests.business import Business, Json, Maker, call, fresh_org, status, text
from tests.database import Database, Person
from tests.sql.money import (
    CBP,
    FREE_ENTRY,
    FREE_SERVICE,
    MARKETING,
    UTILITY,
    ZERO,
    amounts,
    bill,
    booked,
    close,
    costing,
    deliver,
    flow_delivers,
    ist,
    price,
    settle,
    statement,
    this_month,
)

OCTOBER, NOVEMBER = "2026-10", "2026-11"
IN_OCTOBER, IN_NOVEMBER = "2026-10-15T12:00", "2026-11-15T12:00"
SUMS = ("meta_cost", "markup", "billed", "round_off", "taxable", "cgst", "sgst", "igst", "total")


def lines(told: Json) -> dict[str, tuple[Any, ...]]:
    """The lines of a statement: messages, Meta's cost, markup and what is billed."""
    return {
        line["category"]: (line["messages"], *amounts(line, "meta_cost", "markup", "billed"))
        for line in told["lines"]
    }


def months(business: Business) -> list[str]:
    """The months that have a statement."""
    return [row["month"] for row in business.table("public.usage_statements", "month")]


def entries(business: Business) -> list[tuple[Any, ...]]:
    """The ledger: entry, amount, category, whether it takes back, month."""
    return business.db.rows(
        "select entry, amount, category, reverses is not null, statement_month from public.usage_ledger"
        " where org_id = %s order by id",
        business.org_id,
    )


# Which month ------------------------------------------------------------------------------------------------

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


# Lines ------------------------------------------------------------------------------------------------------


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


# Rounding and tax -------------------------------------------------------------------------------------------

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


# Who pays Meta ----------------------------------------------------------------------------------------------


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


# Late -------------------------------------------------------------------------------------------------------


def test_late_status_is_in_the_first_open_month_and_the_closed_one_stays(business: Business) -> None:
    bill(business)
    deliver(business, price("marketing"), at=IN_OCTOBER)
    closed = close(business, OCTOBER)
    deliver(business, price("utility"), price("utility"), None, at="2026-10-31T23:59:59")
    deliver(business, price("marketing"), at="2026-03-01T12:00")
    deliver(business, price("marketing"), at=IN_NOVEMBER)

    assert statement(business, OCTOBER) == closed
    assert lines(statement(business, NOVEMBER)) == {
        "marketing": (2, 2 * MARKETING, 0, 2 * MARKETING),
        "utility": (2, 2 * UTILITY, 0, 2 * UTILITY),
        "needs_review": (1, 0, 0, 0),
    }
    assert statement(business, "2026-03")["messages"] == 0
    assert statement(business, "2026-12")["messages"] == 0


def test_message_of_a_later_month_is_in_its_own(business: Business) -> None:
    close(business, OCTOBER)
    deliver(business, costing("1"), at="2026-12-31T23:59:59")

    assert [entry[-1] for entry in entries(business)] == ["2026-12"]


def test_price_that_changes_later_is_taken_back_under_the_old_category(business: Business) -> None:
    bill(business, percent="10")
    (wamid,) = flow_delivers(business, None, at=IN_OCTOBER)
    business.told(status(wamid, "sent", pricing=price("marketing")))
    closed = close(business, OCTOBER)
    assert lines(closed) == {"marketing": (1, MARKETING, Decimal("0.08631"), Decimal("0.94941"))}

    business.told(status(wamid, "read", ist(IN_NOVEMBER), pricing=price("utility")))

    assert statement(business, OCTOBER) == closed
    told = statement(business, NOVEMBER)
    assert lines(told) == {
        "marketing": (-1, -MARKETING, -Decimal("0.08631"), -Decimal("0.94941")),
        "utility": (1, UTILITY, Decimal("0.0115"), Decimal("0.1265")),
    }
    assert (told["messages"], Decimal(told["billed"])) == (0, Decimal("-0.82291"))
    assert sorted(entries(business)[-4:]) == [
        ("markup", -Decimal("0.08631"), "marketing", True, NOVEMBER), ("markup", Decimal("0.0115"), "utility", False, NOVEMBER),
        ("meta_cost", -MARKETING, "marketing", True, NOVEMBER), ("meta_cost", UTILITY, "utility", False, NOVEMBER),
    ]  # fmt: skip


def test_price_that_comes_later_takes_the_review_back(business: Business) -> None:
    (wamid,) = deliver(business, None, at=IN_OCTOBER)
    closed = close(business, OCTOBER)
    assert lines(closed) == {"needs_review": (1, 0, 0, 0)}

    business.told(status(wamid, "read", ist(IN_NOVEMBER), pricing=price("marketing")))

    assert statement(business, OCTOBER) == closed
    assert lines(statement(business, NOVEMBER)) == {
        "marketing": (1, MARKETING, 0, 0),
        "needs_review": (-1, 0, 0, 0),
    }


def test_price_that_turns_doubtful_later_is_taken_back_whole(business: Business) -> None:
    bill(business, per_message="0.10")
    (wamid,) = flow_delivers(business, price("marketing"), at=IN_OCTOBER)
    close(business, OCTOBER)

    business.told(status(wamid, "read", ist(IN_NOVEMBER), pricing=price("utility")))

    assert lines(statement(business, NOVEMBER)) == {
        "marketing": (-1, -MARKETING, -Decimal("0.10"), -MARKETING - Decimal("0.10")),
        "needs_review": (1, 0, 0, 0),
    }


def test_message_that_flow_turns_out_to_have_sent_gets_its_markup_in_the_open_month(
    business: Business,
) -> None:
    bill(business, per_message="0.10")
    (message,) = business.send("+919810000011")
    claim = business.claim()
    business.told(status(f"wamid.{message}", "delivered", ist(IN_OCTOBER), pricing=price("utility")))
    closed = close(business, OCTOBER)
    assert lines(closed) == {"utility": (1, UTILITY, 0, UTILITY)}

    business.record(claim)

    assert statement(business, OCTOBER) == closed
    assert lines(statement(business, NOVEMBER)) == {"utility": (0, 0, Decimal("0.10"), Decimal("0.10"))}


@pytest.mark.parametrize("moment", ["2026-10-14T12:00", "2026-09-30T12:00", "2026-10-01T00:00"])
def test_another_moment_alone_books_nothing_once_the_month_is_closed(business: Business, moment: str) -> None:
    bill(business, per_message="0.10")
    (wamid,) = flow_delivers(business, price("marketing"), at=IN_OCTOBER)
    closed = close(business, OCTOBER)
    before = entries(business)

    business.told(status(wamid, "read", ist(moment), pricing=price("marketing")))

    assert entries(business) == before
    assert statement(business, OCTOBER) == closed
    assert statement(business, NOVEMBER)["lines"] == []


def test_another_moment_moves_a_message_to_its_month_while_both_are_open(business: Business) -> None:
    (wamid,) = deliver(business, price("marketing"), at="2026-10-01T00:00:00")
    business.told(status(wamid, "read", ist("2026-09-30T23:59:59"), pricing=price("marketing")))

    assert statement(business, OCTOBER)["lines"] == []
    assert lines(statement(business, "2026-09")) == {"marketing": (1, MARKETING, 0, 0)}


def test_what_is_booked_and_taken_back_within_a_month_leaves_no_line(business: Business) -> None:
    (wamid,) = deliver(business, None, at=IN_OCTOBER)
    business.told(status(wamid, "sent", pricing=price("marketing")))
    business.told(status(wamid, "read", ist(IN_OCTOBER), pricing=price("utility")))

    told = close(business, OCTOBER)

    assert lines(told) == {"utility": (1, UTILITY, 0, 0)}
    assert [d["category"] for d in told["details"]] == ["utility"]


def test_correction_of_a_correction_goes_month_by_month(business: Business) -> None:
    bill(business)
    (wamid,) = deliver(business, None, at="2026-08-15T12:00")
    told = [close(business, "2026-08")]
    for month, word, said in [
        ("2026-09", "failed", price("utility")), ("2026-10", "sent", price("marketing")), ("2026-11", "read", costing("0.5")),
    ]:  # fmt: skip
        business.told(status(wamid, word, ist(f"{month}-10T12:00"), pricing=said))
        told.append(close(business, month) if month < "2026-11" else statement(business, month))

    assert [lines(one) for one in told] == [
        {"needs_review": (1, 0, 0, 0)},
        {"needs_review": (-1, 0, 0, 0), "utility": (1, UTILITY, 0, UTILITY)},
        {"utility": (-1, -UTILITY, 0, -UTILITY), "marketing": (1, MARKETING, 0, MARKETING)},
        {"marketing": (0, Decimal("0.5") - MARKETING, 0, Decimal("0.5") - MARKETING)},
    ]
    assert sum(Decimal(one["billed"]) for one in told) == booked(business) == Decimal("0.5")


# Order ------------------------------------------------------------------------------------------------------


def test_months_close_in_order(business: Business, db: Database) -> None:
    deliver(business, price("marketing"), at="2026-08-31T23:59:59")
    deliver(business, price("marketing"), at=IN_OCTOBER)

    for month in (OCTOBER, "2026-09"):
        refusal = db.refusal("select worker.close_month(%s, %s)", business.org_id, month)
        assert (refusal.sqlstate, refusal.detail) == ("PT409", "earlier_month_open")
        assert "2026-08" in refusal.message
    assert months(business) == []

    for month in ("2026-08", OCTOBER):
        close(business, month)
    assert months(business) == ["2026-08", OCTOBER]


def test_months_without_entries_close_with_a_later_one(business: Business, db: Database) -> None:
    deliver(business, price("marketing"), at=IN_OCTOBER)
    close(business, OCTOBER)

    before = statement(business, "2026-08")

    assert (before["closed"], before["closed_at"], before["lines"], before["total"]) == (
        True,
        None,
        [],
        "0.00",
    )
    assert close(business, "2026-08") == before
    assert months(business) == [OCTOBER]
    deliver(business, price("utility"), at="2026-08-15T12:00")
    assert statement(business, "2026-08") == before
    assert lines(statement(business, NOVEMBER)) == {"utility": (1, UTILITY, 0, 0)}


def test_month_that_is_not_over_stays_open_and_says_when_it_ends(business: Business, db: Database) -> None:
    month = this_month(db)
    end = db.value("select (date_trunc('month', now() at time zone 'Asia/Kolkata') + interval '1 month') at time zone 'Asia/Kolkata'")  # fmt: skip

    refusal = db.refusal("select worker.close_month(%s, %s)", business.org_id, month)
    later = db.refusal("select worker.close_month(%s, '2999-12')", business.org_id)

    assert (refusal.sqlstate, refusal.detail) == ("PT409", "month_not_over")
    assert month in refusal.message
    assert datetime.fromisoformat(refusal.hint.removeprefix("retry_at=")) == end.astimezone(UTC)
    assert later.detail == "month_not_over"
    assert months(business) == []
    last = db.value("select to_char(date_trunc('month', now() at time zone 'Asia/Kolkata') - interval '1 day', 'YYYY-MM')")  # fmt: skip
    assert close(business, last)["closed"]


def test_month_closed_again_is_as_it_was_closed(business: Business, db: Database) -> None:
    bill(business, per_message="0.10")
    flow_delivers(business, price("marketing"), None, at=IN_OCTOBER)
    first = close(business, OCTOBER)
    deliver(business, price("marketing"), at=IN_OCTOBER)
    db.execute("select pg_sleep(0.01)")

    assert close(business, OCTOBER) == first
    assert months(business) == [OCTOBER]
    assert [row["action"] for row in business.table("public.audit_log")].count("ledger.closed") == 1


def test_empty_month_closes_with_a_statement_of_nothing(business: Business) -> None:
    told = close(business, OCTOBER)

    assert (told["messages"], told["lines"], told["details"], told["others"]) == (0, [], [], [])
    assert amounts(told, *SUMS) == (ZERO,) * 9
    assert (told["meta_cost"], told["taxable"]) == ("0.000000", "0.00")
    assert months(business) == [OCTOBER]


@pytest.mark.parametrize(
    "month",
    [
        "2026-13",
        "2026-00",
        "0000-10",
        "26-10",
        "2026-1",
        "2026-10-01",
        "soon",
        "",
        None,
    ],
)
def test_month_that_is_none_is_refused(business: Business, db: Database, month: str | None) -> None:
    for function in ("close_month", "statement"):
        refusal = db.refusal(f"select worker.{function}(%s, %s)", business.org_id, month)
        assert (refusal.sqlstate, refusal.detail) == ("PT422", "month_invalid")


def test_unknown_organization_has_no_statement(db: Database) -> None:
    for function in ("close_month(gen_random_uuid(), '2026-10')", "statement(gen_random_uuid(), '2026-10')",
                     "check_ledger(gen_random_uuid())"):  # fmt: skip
        assert db.refusal(f"select worker.{function}").sqlstate == "PT404"


def test_closing_is_noted(business: Business) -> None:
    close(business, OCTOBER)

    (noted,) = [row for row in business.table("public.audit_log") if row["action"] == "ledger.closed"]
    assert (noted["object_type"], noted["object_id"], noted["actor_role"]) == (
        "usage_statement",
        OCTOBER,
        "worker",
    )


# Currencies -------------------------------------------------------------------------------------------------


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


# Nothing changes them ---------------------------------------------------------------------------------------

TABLES = ["public.usage_statements", "public.usage_statement_lines", "public.usage_ledger"]
CHANGES = [
    "update {} set {} = {} where org_id = %s", "delete from {} where org_id = %s", "truncate {} cascade",
]  # fmt: skip


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("change", CHANGES, ids=["update", "delete", "truncate"])
def test_what_is_booked_and_closed_is_changed_by_nobody(
    business: Business, db: Database, table: str, change: str
) -> None:
    deliver(business, price("marketing"), at=IN_OCTOBER)
    close(business, OCTOBER)
    before = business.table(table)
    column = "note" if table == "public.usage_ledger" else "month"
    given = [business.org_id] if "%s" in change else []

    refused = db.refusal(change.format(table, column, column), *given)

    assert db.value("select current_user") == "postgres"
    assert (refused.sqlstate, refused.detail) == ("PT405", "append_only")
    db.as_service()
    assert db.refusal(change.format(table, column, column), *given).sqlstate == "42501"
    db.as_operator()
    assert business.table(table) == before != []


# A statement that would not add up --------------------------------------------------------------------------


def corrupt(db: Database, function: str, old: str, new: str) -> None:
    """Put a mistake into a function, until the transaction ends."""
    source = db.value("select pg_get_functiondef(%s::regproc)", function)
    assert source.count(old) == 1, source
    db.execute(source.replace(old, new))


MISTAKES = [
    pytest.param("private.ledger_lines", "where l.org_id = ledger_lines.org_id and", "where l.id % 2 = 0 and l.org_id = ledger_lines.org_id and",
                 id="lines leave entries out"),
    pytest.param("private.ledger_lines", "where l.entry = 'markup'", "where l.entry <> 'markup'", id="lines take one for the other"),
    pytest.param("private.draft_statements", "sum(x.meta_cost)::", "(sum(x.meta_cost) + 0.000001)::", id="a millionth too much"),
    pytest.param("private.draft_statements", "sum(x.markup)::", "(sum(x.markup) * 2)::", id="markup twice"),
    pytest.param("private.draft_statements", "sum(x.billed)::", "(sum(x.billed) + 1)::", id="a rupee more is billed"),
    pytest.param("private.draft_statements", "sum(x.messages)::", "(sum(x.messages) + 1)::", id="a message more"),
]  # fmt: skip


def is_untouched(business: Business) -> bool:
    return not any(
        business.table(table)
        for table in (
            "public.usage_statements",
            "public.usage_statement_lines",
            "public.ledger_closings",
            "public.usage_days",
        )
    )


@pytest.mark.parametrize(("function", "old", "new"), MISTAKES)
def test_statement_that_does_not_add_up_is_refused_and_nothing_is_closed(
    business: Business, db: Database, function: str, old: str, new: str
) -> None:
    bill(business, per_message="0.10")
    flow_delivers(business, price("marketing"), price("utility"), at=IN_OCTOBER)
    corrupt(db, function, old, new)

    refusal = db.refusal("select worker.close_month(%s, %s)", business.org_id, OCTOBER)

    assert (refusal.sqlstate, refusal.detail) == ("PT500", "statement_does_not_add_up")
    assert OCTOBER in refusal.message
    assert is_untouched(business)
    assert "ledger.closed" not in [row["action"] for row in business.table("public.audit_log")]
    assert not statement(business, OCTOBER)["closed"]


WRONG_TAXES = [
    pytest.param("'total', v_taxable + 2 * v_half + v_whole", "'total', v_taxable + v_half + v_whole", "statement_total_adds_up", id="total"),
    pytest.param("v_taxable - billed", "v_taxable - billed + 0.01", "statement_is_rounded_by_half_a_paisa_at_most", id="round-off"),
    pytest.param("'cgst', v_half, 'sgst', v_half", "'cgst', v_half + 0.01, 'sgst', v_half - 0.01", "statement_tax_is_of_one_kind", id="uneven halves"),
    pytest.param("round(billed, 2)", "round(billed, 0)", "statement_is_rounded_by_half_a_paisa_at_most", id="rounded to rupees"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "constraint"), WRONG_TAXES)
def test_tax_that_does_not_add_up_is_refused_by_the_table_itself(
    business: Business, db: Database, old: str, new: str, constraint: str
) -> None:
    bill(business, supply="intra")
    deliver(business, costing("10.37"), at=IN_OCTOBER)
    corrupt(db, "private.taxed", old, new)

    refusal = db.refusal("select worker.close_month(%s, %s)", business.org_id, OCTOBER)

    assert refusal.sqlstate == "23514"
    assert constraint in refusal.message
    assert is_untouched(business)


# Recomputed -------------------------------------------------------------------------------------------------


def plant(business: Business, **changes: object) -> None:
    """Put an entry into the ledger that no booking would: a copy of the newest with some columns changed."""
    columns = [
        c for (c,) in business.db.rows(
            "select attname from pg_attribute where attrelid = 'public.usage_ledger'::regclass and attnum > 0"
            " and attname <> 'id' and not attisdropped"
        )
    ]  # fmt: skip
    taken = ", ".join(f"%({c})s" if c in changes else c for c in columns)
    business.db.execute(
        f"insert into public.usage_ledger ({', '.join(columns)}) select {taken} from public.usage_ledger"
        " where org_id = %(org)s order by id desc limit 1",
        changes | {"org": business.org_id},
    )


def check(business: Business) -> Json:
    found: Json = call(business.db, "check_ledger", org_id=business.org_id)
    return found


def a_history(business: Business) -> None:
    """Two closed months with corrections between them, and an open one."""
    bill(business, percent="7.5", minimum="0.03")
    wamids = flow_delivers(
        business, None, price("marketing"), price("utility"), FREE_SERVICE, at="2026-09-10T12:00"
    )
    deliver(business, price("marketing"), None, at="2026-09-30T23:59:59")
    close(business, "2026-09")
    business.told(status(wamids[0], "sent", pricing=price("marketing")))
    deliver(business, price("utility"), at="2026-09-11T12:00")
    deliver(business, price("service"), costing("0.000001"), at=IN_OCTOBER)
    close(business, OCTOBER)
    business.told(status(wamids[1], "read", ist(IN_OCTOBER), pricing=price("utility")))
    deliver(business, price("marketing"), at=IN_NOVEMBER)


def test_closed_months_recomputed_from_their_entries_are_the_same(business: Business, db: Database) -> None:
    a_history(business)

    found = check(business)

    assert (found["ok"], found["differences"], found["months"]) == (True, [], 2)
    assert found["entries"] == len(business.table("public.usage_ledger"))
    for month in ("2026-09", OCTOBER):
        told = statement(business, month)
        sums = [
            booked(business, where=f"statement_month = '{month}' and {which}")
            for which in ("entry = 'meta_cost'", "entry = 'markup'", "is_billed")
        ]
        assert amounts(told, "meta_cost", "markup", "billed") == tuple(sums)
        # By category, worked out another way than lines are.
        by_category = db.rows(
            """
            select case when needs_review then 'needs_review' else coalesce(category, 'unknown') end, sum(amount)
              from public.usage_ledger where org_id = %s and statement_month = %s group by 1
            """,
            business.org_id, month,
        )  # fmt: skip
        found_lines = {category: line[1] + line[2] for category, line in lines(told).items()}
        assert {c: a for c, a in by_category if c in found_lines} == found_lines


PLANTED = [
    pytest.param({"statement_month": OCTOBER, "amount": 1}, "statement_differs_from_entries", id="an entry in a closed month"),
    pytest.param({"statement_month": "2026-09", "is_billed": False, "amount": 0}, "statement_differs_from_entries", id="a free message in a closed month"),
    pytest.param({"version": 99}, "more_than_one_live_entry", id="booked twice"),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "what"), PLANTED)
def test_check_finds_what_does_not_belong(business: Business, changes: dict[str, object], what: str) -> None:
    a_history(business)
    assert check(business)["ok"]

    plant(business, **({} if "version" in changes else {"wamid": "planted"}), **changes)

    found = check(business)
    assert not found["ok"]
    assert [difference["what"] for difference in found["differences"]] == [what]


def test_check_finds_what_was_taken_back_with_another_amount(business: Business) -> None:
    a_history(business)
    newest = business.table("public.usage_ledger", "id")[-1]["id"]

    plant(business, reverses=newest, amount=Decimal("-0.5"))

    found = check(business)
    assert [difference["what"] for difference in found["differences"]] == ["taken_back_with_another_amount"]


def test_check_finds_an_entry_in_a_month_that_was_closed_with_a_later_one(business: Business) -> None:
    a_history(business)

    plant(business, wamid="planted", statement_month="2026-05")

    assert not check(business)["ok"]


# At once ----------------------------------------------------------------------------------------------------


def waits(db: Database, pid: int, thread: threading.Thread) -> bool:
    """Whether a connection comes to wait for a lock of another before its work is done."""
    query = "select coalesce(wait_event_type = 'Lock', false) from pg_stat_activity where pid = %s"
    while thread.is_alive():
        if db.value(query, pid):
            return True
        time.sleep(0.01)
    return False


def in_background(work: Callable[[], Any]) -> tuple[threading.Thread, list[Any]]:
    """Begin some work beside; its result, or what went wrong, comes into the list."""
    result: list[Any] = []

    def go() -> None:
        try:
            result.append(work())
        except BaseException as trouble:  # noqa: BLE001
            result.append(trouble)

    thread = threading.Thread(target=go)
    thread.start()
    return thread, result


def test_closing_waits_for_who_is_booking_and_counts_it(
    lasting: Maker, connect: Callable[[], Database]
) -> None:
    business, closer = lasting(), connect()
    with business.db.transaction():
        deliver(business, costing("1.5"), at=IN_OCTOBER)
        thread, result = in_background(
            lambda: call(closer, "close_month", org_id=business.org_id, month=OCTOBER)
        )
        assert waits(business.db, closer.info.backend_pid, thread)
        assert result == []
    thread.join(20)

    (told,) = result
    assert (told["closed"], told["messages"], told["meta_cost"]) == (True, 1, "1.500000")
    assert check(business)["ok"]


def test_booking_waits_for_who_is_closing_and_lands_in_the_next_month(
    lasting: Maker, connect: Callable[[], Database]
) -> None:
    business, closer = lasting(), connect()
    deliver(business, costing("1"), at=IN_OCTOBER)
    with closer.transaction():
        closed = call(closer, "close_month", org_id=business.org_id, month=OCTOBER)
        thread, result = in_background(lambda: deliver(business, costing("1.5"), at=IN_OCTOBER))
        assert waits(closer, business.db.info.backend_pid, thread)
        assert result == []
    thread.join(20)

    assert not isinstance(result[0], BaseException), result
    assert statement(business, OCTOBER) == closed
    assert [entry[-1] for entry in entries(business)] == [OCTOBER, NOVEMBER]
    assert lines(statement(business, NOVEMBER)) == {"marketing": (1, Decimal("1.5"), 0, 0)}
    settle(business)
    assert check(business)["ok"]


def test_closing_of_one_organization_holds_up_no_other(
    lasting: Maker, connect: Callable[[], Database]
) -> None:
    one, two, closer = lasting(), lasting(), connect()
    with closer.transaction():
        call(closer, "close_month", org_id=one.org_id, month=OCTOBER)
        two.db.execute("set lock_timeout = '2s'")
        deliver(two, costing("1"), at=IN_OCTOBER)

    assert [entry[-1] for entry in entries(two)] == [OCTOBER]
    settle(two)


def test_two_who_close_at_once_close_once(lasting: Maker, connect: Callable[[], Database]) -> None:
    business, others = lasting(), [connect() for _ in range(4)]
    deliver(business, costing("1"), at=IN_OCTOBER)

    begun = [
        in_background(lambda db=db: call(db, "close_month", org_id=business.org_id, month=OCTOBER))
        for db in others
    ]
    for thread, _ in begun:
        thread.join(20)

    told = [result for _, (result,) in begun]
    assert told == [told[0]] * 4
    assert told[0]["closed"]
    assert months(business) == [OCTOBER]


def test_bookings_amid_closings_are_each_in_one_month_and_none_is_lost(
    lasting: Maker, connect: Callable[[], Database]
) -> None:
    business, workers = lasting(), [connect() for _ in range(4)]
    closed: list[Json] = []

    def book(db: Database, n: int) -> None:
        mine = Business.__new__(Business)
        mine.__dict__ |= business.__dict__ | {"db": db}
        for month in ("07", "08", "09", "10"):
            for _ in range(5):
                deliver(mine, costing("0.01", ["utility", "marketing"][n % 2]), at=f"2026-{month}-15T12:00")

    begun = [in_background(lambda db=db, n=n: book(db, n)) for n, db in enumerate(workers)]
    for month in ("2026-07", "2026-08", "2026-09", "2026-10"):
        while not business.db.value(
            "select count(*) from public.usage_ledger where org_id = %s and statement_month = %s",
            business.org_id, month,
        ) and any(thread.is_alive() for thread, _ in begun):  # fmt: skip
            time.sleep(0.005)
        closed.append(close(business, month))
    for thread, _ in begun:
        thread.join(30)

    assert [result for _, result in begun] == [[None]] * 4
    settle(business)
    assert [statement(business, one["month"]) for one in closed] == closed
    whole = [*closed, statement(business, NOVEMBER)]
    assert sum(one["messages"] for one in whole) == 80
    assert sum(Decimal(one["meta_cost"]) for one in whole) == Decimal("0.80")
    assert check(business)["ok"]


def test_booking_of_a_transaction_that_began_before_the_closing_is_in_no_closed_month(
    lasting: Maker, connect: Callable[[], Database]
) -> None:
    """A rebuild sees one picture of the database from its first moment on, and replays what is missing."""
    business, closer = lasting(), connect()
    deliver(business, costing("1"), at=IN_OCTOBER)
    business.db.execute("begin isolation level repeatable read")
    business.db.execute("select count(*) from public.organizations")
    closed = call(closer, "close_month", org_id=business.org_id, month=OCTOBER)

    try:
        deliver(business, costing("5"), at=IN_OCTOBER)
        business.db.execute("commit")
    except psycopg.errors.SerializationFailure:
        business.db.execute("rollback")
        deliver(business, costing("5"), at=IN_OCTOBER)

    assert [entry[-1] for entry in entries(business)] == [OCTOBER, NOVEMBER]
    assert statement(business, OCTOBER) == closed
    settle(business)
    assert check(business)["ok"]


def test_closing_and_a_webhook_that_finds_two_people_to_be_one_wait_for_each_other_in_one_order(
    lasting: Maker, connect: Callable[[], Database]
) -> None:
    business, closer = lasting(), connect()
    (message,) = business.send("+919810000011")
    business.record(business.claim())
    business.told(status(f"wamid.{message}", "delivered", ist(IN_OCTOBER), pricing=price("utility")))
    business.hear(text("in1", at=business.now(), sender=None, user="IN.777"))

    with business.db.transaction():
        # One webhook does both: first the people, then the prices.
        business.hear(text("in2", at=business.now(), sender="919810000011", user="IN.777"))
        thread, result = in_background(
            lambda: call(closer, "close_month", org_id=business.org_id, month=OCTOBER)
        )
        waits(business.db, closer.info.backend_pid, thread)
        deliver(business, costing("1"), at=IN_OCTOBER)
    thread.join(20)

    assert not isinstance(result[0], BaseException), result
    assert result[0]["closed"]


# Who may read -----------------------------------------------------------------------------------------------


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
