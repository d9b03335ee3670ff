"""Meta's rates: what of a file is refused and where, what an import changes, and what it never changes."""

from __future__ import annotations

import copy
import json
import threading
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg.pq import TransactionStatus

from tests.business import Business, Json, call, post, status, webhook
from tests.database import Database, Person
from tests.sql.money import ist, price

INDIA = Path(__file__).parents[1] / "payloads" / "rate_card_india.json"
CARD: Json = {
    "market": "Testland", "iso": "AE", "calling_codes": ["971"], "currency": "INR", "source": "a test",
    "rates": [
        {"category": "marketing", "rate": "3.141593", "from": "2025-07-01", "to": "2026-03-31", "verified": True},
        {"category": "marketing", "rate": "3.25", "from": "2026-04-01", "to": None},
        {"category": "utility", "rate": "0", "from": "2026-01-01"},
    ],
}  # fmt: skip
NOVEMBER = ist("2026-11-10T12:00")
Rows = list[tuple[Any, ...]]


def changed(card: Json = CARD, row: int | None = None, **values: object) -> Json:
    """The card, or one row of it, with other values; `...` takes a key away."""
    made = copy.deepcopy(card)
    target = made if row is None else made["rates"][row]
    for key, value in values.items():
        if value is ...:
            target.pop(key, None)
        else:
            target[key.rstrip("_")] = value
    return made


def of(*rates: Json, market: str = "India", currency: str = "INR", **more: object) -> Json:
    """A card of a known market with these rates."""
    return {"market": market, "currency": currency, "rates": list(rates), **more}


def rate(category: str, amount: str, first: str, last: str | None = None, **more: object) -> Json:
    """One rate of a card."""
    return {"category": category, "rate": amount, "from": first, "to": last, **more}


def known(db: Database) -> tuple[Rows, Rows]:
    """All that imports write."""
    return (
        db.rows("select to_jsonb(r) from public.rate_cards r order by r.id"),
        db.rows("select kind, code, market from private.market_codes order by 1, 2"),
    )


def in_force(db: Database, market: str, category: str, currency: str = "INR") -> Rows:
    """The rates of a category that are in force, in order."""
    return db.rows(
        "select rate::text, valid_from::text, valid_to::text, verified from public.rate_cards"
        " where (market, category, currency) = (%s, %s, %s) and superseded_at is null order by valid_from",
        market, category, currency,
    )  # fmt: skip


def imported(db: Database, card: Json) -> Json:
    """Import a card, as a worker does."""
    answer: Json = call(db, "import_rates", card=card)
    return answer


def costs(business: Business, *wamids: str) -> list[tuple[Decimal, str | None]]:
    """What the live entries of Meta's costs say: amount and reason of review."""
    return [
        business.db.row(
            "select l.amount, l.review_reason from public.usage_ledger l where (org_id, wamid, entry) = (%s, %s, 'meta_cost') and reverses is null"
            " and not exists (select from public.usage_ledger r where (r.org_id, r.reverses) = (l.org_id, l.id))",
            business.org_id, wamid,
        )
        for wamid in wamids
    ]  # fmt: skip


def rows_of(business: Business) -> int:
    """How many rows the ledger has."""
    return len(business.table("public.usage_ledger", order="id"))


# Refusals -------------------------------------------------------------------------------------------------


INVALID, OVERLAP, UNKNOWN, TAKEN = "rate_card_invalid", "rates_overlap", "market_unknown", "market_taken"
TOO_MANY = [rate("utility", "1", f"{year:04}-01-01", f"{year:04}-12-31") for year in range(2000, 4001)]
REFUSED = [
    # The file
    pytest.param([CARD], "the file", INVALID, "is not an object", id="a list of cards"),
    pytest.param("card", "the file", INVALID, "is not an object", id="a text"),
    pytest.param(None, "the file", INVALID, "is not an object", id="null"),
    pytest.param(changed(rates=...), "rates", INVALID, "is missing", id="no rates"),
    pytest.param(changed(rates=[]), "rates", INVALID, "is missing", id="an empty list of rates"),
    pytest.param(changed(rates={"marketing": "1"}), "rates", INVALID, "is missing", id="rates that are no list"),
    pytest.param(changed(rates=TOO_MANY), "rates", INVALID, "more than 2,000", id="too many rows"),
    pytest.param(changed(currency=...), "currency", INVALID, "INR", id="no currency"),
    pytest.param(changed(currency="inr"), "currency", INVALID, "INR", id="currency in lower case"),
    pytest.param(changed(currency="Rs."), "currency", INVALID, "INR", id="currency that is no code"),
    # The market
    pytest.param(changed(market=...), "market", INVALID, "is missing", id="no market"),
    pytest.param(changed(market="  "), "market", INVALID, "is missing", id="blank market"),
    pytest.param(changed(market="x" * 101), "market", INVALID, "is missing", id="endless market"),
    pytest.param(changed(iso="ae"), "iso", INVALID, "is not an ISO", id="iso in lower case"),
    pytest.param(changed(iso="ARE"), "iso", INVALID, "is not an ISO", id="iso of three letters"),
    pytest.param(changed(iso=["AE", None]), "iso", INVALID, "is not an ISO", id="null among isos"),
    pytest.param(changed(iso=784), "iso", INVALID, "is not a list", id="iso that is a number"),
    pytest.param(changed(iso=...), "iso", UNKNOWN, "is missing", id="unknown market without iso"),
    pytest.param(changed(iso=[]), "iso", UNKNOWN, "is missing", id="unknown market with no isos"),
    pytest.param(changed(calling_codes=...), "calling_codes", UNKNOWN, "is missing", id="unknown market without calling codes"),
    pytest.param(changed(calling_codes=["0971"]), "calling_codes", INVALID, "is not a list of", id="calling code that begins with 0"),
    pytest.param(changed(calling_codes=["97 1"]), "calling_codes", INVALID, "is not a list of", id="calling code with a space"),
    pytest.param(changed(calling_codes=["97155512"]), "calling_codes", INVALID, "is not a list of", id="calling code of eight digits"),
    pytest.param(changed(calling_codes={"0": "971"}), "calling_codes", INVALID, "is not a list", id="calling codes in an object"),
    pytest.param(changed(calling_codes=["971", "91"]), "calling_codes", TAKEN, "91 belongs to the market IN already", id="calling code of another market"),
    pytest.param(changed(calling_codes=["+91"]), "calling_codes", TAKEN, "91 belongs to the market IN already", id="calling code of another market, with plus"),
    # Rows
    pytest.param(changed(rates=["1"]), "rates[0]", INVALID, "is not an object", id="row that is no object"),
    pytest.param(changed(row=1, category=...), "rates[1].category", INVALID, "is missing", id="no category"),
    pytest.param(changed(row=1, category="news"), "rates[1].category", INVALID, "news is not a category", id="unknown category"),
    pytest.param(changed(row=1, category="Marketing"), "rates[1].category", INVALID, "Marketing is not", id="category in another case"),
    pytest.param(changed(row=1, category="marketing_lite"), "rates[1].category", INVALID, "marketing_lite is not", id="category without rates of its own"),
    pytest.param(changed(row=0, rate=3.141593), "rates[0].rate", "rate_is_a_number", 'write it as text, "3.141593"', id="rate that is a JSON number"),
    pytest.param(changed(row=0, rate=3), "rates[0].rate", "rate_is_a_number", 'write it as text, "3"', id="rate that is a whole JSON number"),
    *[
        pytest.param(changed(row=2, rate=bad), "rates[2].rate", INVALID, "six decimals", id=f"rate {bad!r}")
        for bad in (..., None, "", "1e-1", "1E2", "-0.1", "+0.1", "0.1234567", "0,1150", ".5", "5.", " 1", "1234567", "NaN", "Infinity", "₹1", "१", True, ["1"])
    ],
    pytest.param(changed(row=0, pricing_type="free_entry_point"), "rates[0].pricing_type", INVALID, "is not regular", id="free type"),
    pytest.param(changed(row=0, type="free_customer_service"), "rates[0].pricing_type", INVALID, "is not regular", id="free type by its other name"),
    pytest.param(changed(row=0, tier_from="0"), "rates[0].tier_from", INVALID, "numbers of messages", id="tier from 0"),
    pytest.param(changed(row=0, tier_from=1.5), "rates[0].tier_from", INVALID, "numbers of messages", id="tier from half a message"),
    pytest.param(changed(row=0, tier_to="many"), "rates[0].tier_from", INVALID, "numbers of messages", id="tier to nowhere"),
    pytest.param(changed(row=0, pricing_category=["marketing", "utility"]), "rates[0].pricing_category", INVALID, "another category", id="foreign pricing_category"),
    pytest.param(changed(row=2, pricing_category=["marketing_lite"]), "rates[2].pricing_category", INVALID, "another category", id="marketing_lite with utility"),
    pytest.param(changed(row=1, from_=None), "rates[1].from", INVALID, "is missing", id="no first day"),
    *[
        pytest.param(changed(row=1, from_=bad), "rates[1].from", INVALID, words, id=f"first day {bad!r}")
        for bad, words in (("2026-4-1", "is not a day like"), ("01-04-2026", "is not a day like"), ("2026-04-01T00:00", "is not a day like"), ("today", "is not a day like"),
                           ("infinity", "is not a day like"), ("2026-02-30", "of the calendar"), ("2026-13-01", "of the calendar"), ("2026-00-01", "of the calendar"))
    ],
    pytest.param(changed(row=0, to="31.03.2026"), "rates[0].to", INVALID, "is not a day like", id="last day that is none"),
    pytest.param(changed(row=0, to="2026-02-29"), "rates[0].to", INVALID, "of the calendar", id="last day beyond the calendar"),
    pytest.param(changed(row=0, to="2025-06-30"), "rates[0].to", INVALID, "is before from", id="last day before the first"),
    *[
        pytest.param(changed(row=0, verified=bad), "rates[0]", INVALID, "verified is neither", id=f"verified {bad!r}")
        for bad in ("maybe", "", 7, ["true"])
    ],
    # Periods
    pytest.param(changed(row=0, to="2026-04-01"), "rates[1].from", OVERLAP, "marketing", id="overlap of one day in the file"),
    pytest.param(changed(row=0, to=None), "rates[1].from", OVERLAP, "marketing", id="open rate before another in the file"),
    pytest.param(changed(row=1, from_="2025-07-01"), "rates[1].from", OVERLAP, "marketing", id="two rates from one day in the file"),
    pytest.param(changed(row=0, to="2026-03-30"), "rates", "rates_have_a_gap", "marketing: no rate from 2026-03-31 to 2026-03-31", id="gap of one day in the file"),
    pytest.param(of(rate("authentication", "1", "2025-01-01", "2025-07-01")), "rates", OVERLAP,
                 "authentication: the rate from 2025-01-01 overlaps the one from 2025-07-01", id="overlap with what is known"),
    pytest.param(of(rate("marketing", "1", "2025-10-01", "2025-12-31")), "rates", OVERLAP,
                 "marketing: the rate from 2025-07-01 overlaps the one from 2025-10-01", id="overlap amid what is known"),
    pytest.param(of(rate("authentication", "1", "2025-01-01")), "rates", OVERLAP, "authentication", id="open rate before what is known"),
    pytest.param(of(rate("authentication", "1", "2025-01-01", "2025-05-31")), "rates", "rates_have_a_gap",
                 "authentication: no rate from 2025-06-01 to 2025-06-30", id="gap before what is known"),
    pytest.param(of(rate("marketing", "1", "2025-07-01", "2025-11-30")), "rates", "rates_have_a_gap",
                 "marketing: no rate from 2025-12-01 to 2025-12-31", id="gap where a known rate ends earlier"),
]  # fmt: skip


@pytest.mark.parametrize(("card", "place", "slug", "words"), REFUSED)
def test_card_that_is_wrong_is_refused_at_its_place_and_nothing_of_it_is_imported(
    db: Database, card: object, place: str, slug: str, words: str
) -> None:
    before = known(db)
    db.as_service()
    refusal = db.refusal("select worker.import_rates(%s)", json.dumps(card))
    db.as_operator()

    assert (refusal.sqlstate, refusal.detail) == ("PT422", slug)
    assert refusal.message.startswith(f"{place}: ")
    assert words in refusal.message
    assert refusal.hint == "Correct the file; nothing of it was imported."
    assert known(db) == before


def test_card_of_the_refusals_is_right_without_their_change(db: Database) -> None:
    answer = imported(db, CARD)

    assert answer == {
        "market": "AE",
        "currency": "INR",
        "added": 3,
        "replaced": 0,
        "closed": 0,
        "unchanged": 0,
        "priced": 0,
    }
    assert in_force(db, "AE", "marketing") == [
        ("3.141593", "2025-07-01", "2026-03-31", True), ("3.250000", "2026-04-01", None, False),
    ]  # fmt: skip
    assert in_force(db, "AE", "utility") == [("0.000000", "2026-01-01", None, False)]


def test_country_of_another_market_is_refused(db: Database) -> None:
    imported(db, CARD)
    before = known(db)
    refusal = db.refusal("select worker.import_rates(%s)", json.dumps(of(CARD["rates"][2], iso=["IN", "AE"])))

    assert (refusal.sqlstate, refusal.detail) == ("PT422", "market_taken")
    assert refusal.message == "iso: AE belongs to the market AE already"
    assert known(db) == before


def test_tier_that_ends_before_it_begins_is_refused(db: Database) -> None:
    card = changed(row=0, tier_from="10", tier_to="9")
    refusal = db.refusal("select worker.import_rates(%s)", json.dumps(card))

    assert (refusal.sqlstate, refusal.detail) == ("PT422", "rate_card_invalid")


def test_one_wrong_row_undoes_the_right_ones_before_it(db: Database) -> None:
    before = known(db)
    good = [
        rate("marketing", "0.9", "2027-01-01"), rate("utility", "0.2", "2026-10-01"), rate("general_purpose_ai", "1", "2026-01-01"),
    ]  # fmt: skip
    for bad in (rate("service", "1e1", "2027-01-01"), rate("service", "1", "2026-09-01", "2026-09-30")):
        assert db.refusal("select worker.import_rates(%s)", json.dumps(of(*good, bad))).sqlstate == "PT422"
        assert known(db) == before

    assert imported(db, of(*good))["added"] == 2


def test_refused_card_makes_no_market_known(db: Database) -> None:
    card = changed(row=2, rate="dear")
    assert db.refusal("select worker.import_rates(%s)", json.dumps(card)).detail == "rate_card_invalid"

    assert db.rows("select from private.market_codes where market = 'AE'") == []


# What an import changes -----------------------------------------------------------------------------------


def test_same_card_twice_is_unchanged(db: Database) -> None:
    imported(db, CARD)
    before = known(db)
    answer = imported(db, CARD)

    assert (answer["added"], answer["replaced"], answer["closed"], answer["unchanged"]) == (0, 0, 0, 3)
    assert known(db) == before


def test_order_of_the_rows_does_not_matter(db: Database) -> None:
    imported(db, changed(rates=CARD["rates"][::-1]))

    assert [row[:3] for row in in_force(db, "AE", "marketing")] == [
        ("3.141593", "2025-07-01", "2026-03-31"), ("3.250000", "2026-04-01", None),
    ]  # fmt: skip


def test_open_rate_ends_where_the_next_begins(db: Database) -> None:
    answer = imported(db, of(rate("marketing", "0.9", "2027-01-01")))

    assert (answer["added"], answer["closed"], answer["replaced"]) == (1, 1, 0)
    assert [row[:3] for row in in_force(db, "IN", "marketing")] == [
        ("0.784600", "2025-07-01", "2025-12-31"), ("0.863100", "2026-01-01", "2026-12-31"), ("0.900000", "2027-01-01", None),
    ]  # fmt: skip


def test_end_that_is_told_later_ends_an_open_rate(db: Database) -> None:
    card = of(rate("marketing", "0.8631", "2026-01-01", "2026-12-31", verified=True))
    answer = imported(db, card)

    assert (answer["added"], answer["closed"], answer["replaced"], answer["unchanged"]) == (0, 1, 0, 0)
    assert in_force(db, "IN", "marketing")[-1] == ("0.863100", "2026-01-01", "2026-12-31", True)
    assert imported(db, card)["unchanged"] == 1


def test_rate_that_proves_to_be_another_supersedes_the_old_one_and_nothing_is_removed(db: Database) -> None:
    (before,) = db.row(
        "select to_jsonb(r) from public.rate_cards r where market = 'IN' and category = 'marketing' and valid_from = '2025-07-01'"
    )
    answer = imported(db, of(rate("marketing", "0.7850", "2025-07-01", verified=True)))
    (after,) = db.row("select to_jsonb(r) from public.rate_cards r where id = %s", before["id"])

    assert (answer["added"], answer["replaced"], answer["closed"]) == (0, 1, 0)
    assert after.pop("superseded_at") is not None
    assert after == {key: value for key, value in before.items() if key != "superseded_at"}
    # Where the file names no end, the known one stays.
    assert in_force(db, "IN", "marketing")[0] == ("0.785000", "2025-07-01", "2025-12-31", True)


def test_rate_that_is_verified_later_replaces_the_unverified_one(db: Database) -> None:
    answer = imported(
        db, of(rate("authentication_international", "2.3", "2025-07-01", "2026-03-31", verified=True))
    )

    assert answer["replaced"] == 1
    assert in_force(db, "IN", "authentication_international")[0] == (
        "2.300000",
        "2025-07-01",
        "2026-03-31",
        True,
    )


def test_category_may_be_written_with_a_hyphen_and_tiers_do_not_overlap_each_other(db: Database) -> None:
    answer = imported(db, changed(rates=[
        rate("authentication-international", "2.5", "2026-01-01", pricing_category=["authentication-international"], tier_to="1000"),
        rate("authentication_international", "2.1", "2026-01-01", pricing_category=["authentication_international"], tier_from="1001"),
        rate("marketing", "3", "2026-01-01", pricing_category=["marketing", "marketing_lite"]),
    ]))  # fmt: skip

    assert answer["added"] == 3
    assert [row[0] for row in in_force(db, "AE", "authentication_international")] == ["2.500000", "2.100000"]
    # Flow books the list rate, of the first tier.
    assert db.row(
        "select (private.rate_at('AE', 'authentication_international', 'INR', '2026-02-01', 'infinity')).rate"
    ) == (Decimal("2.5"),)


def test_card_of_another_currency_stands_by_itself(db: Database, business: Business) -> None:
    before = in_force(db, "IN", "utility")
    answer = imported(db, of(rate("utility", "0.0014", "2025-07-01"), currency="USD"))

    assert (answer["market"], answer["added"], answer["closed"]) == ("IN", 1, 0)
    assert in_force(db, "IN", "utility") == before
    assert [row[0] for row in in_force(db, "IN", "utility", "USD")] == ["0.001400"]
    business.told(status("w1", "delivered", NOVEMBER, pricing=price("utility")))
    assert costs(business, "w1") == [(Decimal("0.115"), None)]


def test_known_market_is_known_by_its_name_in_any_case_or_by_its_country(db: Database) -> None:
    new = rate("general_purpose_ai", "1", "2026-01-01")

    assert imported(db, of(new, market="INDIA"))["added"] == 1
    assert imported(db, of(new, market="Bharat", iso="IN"))["unchanged"] == 1
    assert imported(db, of(new, market="bharat"))["unchanged"] == 1


# The longest calling code ---------------------------------------------------------------------------------


def test_longest_calling_code_that_fits_decides(db: Database, business: Business) -> None:
    imported(db, of(rate("utility", "0.3", "2026-01-01"), market="Northland", iso="US", calling_codes=["1"]))
    imported(
        db,
        of(
            rate("utility", "6.000001", "2026-01-01"),
            market="Island",
            iso="JM",
            calling_codes=["+1876", "1658"],
        ),
    )
    people = {
        "w.us": "12025550123", "w.jm": "18765550123", "w.jm.too": "+16585550123", "w.almost": "18755550123", "w.in": "919810000011",
        "w.nobody": "4915112345678",
    }  # fmt: skip
    business.told(
        *(
            status(wamid, "delivered", NOVEMBER, pricing=price("utility"), recipient_id=phone)
            for wamid, phone in people.items()
        )
    )

    assert costs(business, *people) == [
        (Decimal("0.3"), None), (Decimal("6.000001"), None), (Decimal("6.000001"), None), (Decimal("0.3"), None),
        (Decimal("0.115"), None), (Decimal(0), "market_unknown"),
    ]  # fmt: skip


# What is priced, and what waits ---------------------------------------------------------------------------


def test_replaced_rate_prices_what_is_not_priced_yet_and_leaves_what_is(
    db: Database, business: Business
) -> None:
    business.told(status("w.before", "delivered", NOVEMBER, pricing=price("marketing")))
    business.told(status("w.waiting", "delivered", NOVEMBER))
    rows = rows_of(business)
    assert imported(db, of(rate("marketing", "0.9", "2026-01-01")))["replaced"] == 1
    assert rows_of(business) == rows

    # An earlier moment books the old message anew, by the rate that it was priced by.
    business.told(
        status("w.before", "read", NOVEMBER - 60, pricing=price("marketing")),
        status("w.waiting", "read", NOVEMBER, pricing=price("marketing")),
        status("w.after", "delivered", NOVEMBER, pricing=price("marketing")),
    )
    assert rows_of(business) == rows + 2 + 2 + 1
    assert costs(business, "w.before", "w.waiting", "w.after") == [
        (Decimal("0.8631"), None), (Decimal("0.9"), None), (Decimal("0.9"), None),
    ]  # fmt: skip


@pytest.mark.parametrize("last", [None, "2027-12-31"])
def test_next_rate_that_is_imported_late_leaves_what_the_open_one_had_priced(
    db: Database, business: Business, last: str | None
) -> None:
    """A message of January is priced by the open rate before the card of January arrives."""
    at = ist("2027-01-05T12:00")
    business.told(status("w.before", "delivered", at, pricing=price("marketing")))
    imported(db, of(rate("marketing", "0.9", "2027-01-01", last)))
    business.told(
        status("w.before", "read", at - 60), status("w.after", "delivered", at, pricing=price("marketing"))
    )

    assert costs(business, "w.before", "w.after") == [(Decimal("0.8631"), None), (Decimal("0.9"), None)]


def test_import_prices_what_waited_for_a_rate_or_a_market(db: Database, business: Business) -> None:
    ai, gulf = price("general_purpose_ai"), {"recipient_id": "971501234567"}
    business.told(
        status("w.rate", "delivered", NOVEMBER, pricing=ai),
        status("w.market", "delivered", NOVEMBER, pricing=price("marketing"), **gulf),
        status(
            "w.user",
            "delivered",
            NOVEMBER,
            pricing=price("utility"),
            recipient_id="",
            recipient_user_id="AE.55",
        ),
        status("w.both", "delivered", NOVEMBER, pricing=ai, **gulf),
        status("w.price", "delivered", NOVEMBER),
    )
    waiting = ["w.rate", "w.market", "w.user", "w.both", "w.price"]
    assert [reason for _, reason in costs(business, *waiting)] == [
        "no_rate", "market_unknown", "market_unknown", "market_unknown", "missing_pricing",
    ]  # fmt: skip

    assert imported(db, CARD)["priced"] == 3  # of one only the reason changes
    assert imported(db, of(rate("general_purpose_ai", "1.5", "2026-01-01")))["priced"] == 1
    assert costs(business, *waiting) == [
        (Decimal("1.5"), None), (Decimal("3.25"), None), (Decimal(0), None), (Decimal(0), "no_rate"), (Decimal(0), "missing_pricing"),
    ]  # fmt: skip
    # The review was taken back, not overwritten.
    assert [(row["review_reason"], row["reverses"] is not None, row["amount"]) for row in business.table("public.usage_ledger", "id")
            if row["wamid"] == "w.rate"] == [("no_rate", False, 0), ("no_rate", True, 0), (None, False, 1.5)]  # fmt: skip


def test_import_settles_recipients_who_turn_out_to_be_of_one_market(db: Database, business: Business) -> None:
    imported(db, CARD)
    business.told(
        status("w1", "delivered", NOVEMBER, pricing=price("marketing"), recipient_id="971501234567"),
        status("w1", "read", NOVEMBER, recipient_id="96812345678"),
    )
    assert costs(business, "w1") == [(Decimal(0), "recipient_conflict")]

    assert imported(db, changed(calling_codes=["971", "968"]))["priced"] == 1
    assert costs(business, "w1") == [(Decimal("3.25"), None)]


def test_import_prices_what_turned_doubtful_after_it_had_a_price(db: Database, business: Business) -> None:
    ai = price("general_purpose_ai")
    business.told(
        status("w.rate", "sent", NOVEMBER, pricing=price("utility")), status("w.rate", "delivered", NOVEMBER),
        status("w.market", "delivered", NOVEMBER, pricing=price("marketing"), recipient_id="", recipient_user_id="IN.1"),
    )  # fmt: skip
    assert costs(business, "w.rate", "w.market") == [(Decimal("0.115"), None), (Decimal("0.8631"), None)]
    business.told(
        status("w.rate", "read", NOVEMBER, pricing=ai),
        status("w.market", "read", NOVEMBER, recipient_id="971501234567"),
    )
    assert costs(business, "w.rate", "w.market") == [(Decimal(0), "no_rate"), (Decimal(0), "market_unknown")]

    imported(db, CARD)
    imported(db, of(rate("general_purpose_ai", "1.5", "2026-01-01")))
    assert costs(business, "w.rate", "w.market") == [(Decimal("1.5"), None), (Decimal("3.25"), None)]


def test_import_prices_more_messages_than_fit_in_one_round(db: Database, business: Business) -> None:
    waiting = [
        status(f"w{n:04}", "delivered", NOVEMBER, pricing=price("general_purpose_ai")) for n in range(1205)
    ]
    business.told(*waiting)

    assert imported(db, of(rate("general_purpose_ai", "0.5", "2026-01-01")))["priced"] == 1205
    sums = "select sum(amount), count(*) filter (where reverses is not null) from public.usage_ledger where org_id = %s"
    assert db.row(sums, business.org_id) == (Decimal("602.5"), 1205)


# Who may ---------------------------------------------------------------------------------------------------


def test_member_reads_the_rates(
    db: Database, org: Callable[..., UUID], member: Callable[..., Person]
) -> None:
    db.as_person(member(org()))

    assert db.rows(
        "select rate, valid_from::text, verified from public.rate_cards where category = 'authentication_international' order by valid_from"
    ) == [(Decimal("2.3"), "2025-07-01", False), (Decimal("2.4971"), "2026-04-01", True)]  # fmt: skip


@pytest.mark.parametrize(
    "attempt",
    [
        "update public.rate_cards set rate = 0",
        "delete from public.rate_cards",
        "insert into public.rate_cards (market, market_name, currency, category, rate, valid_from) values ('IN', 'India', 'INR', 'utility', 0, '2030-01-01')",
        "select worker.import_rates('{}')",
        "select private.import_rates('{}')",
        "select * from private.market_codes",
    ],
)
@pytest.mark.parametrize("role", ["agent", "owner"])
def test_member_changes_no_rate(
    db: Database, org: Callable[..., UUID], member: Callable[..., Person], role: str, attempt: str
) -> None:
    org_id = org()
    db.as_person(member(org_id, role))

    assert db.refusal(attempt).sqlstate == "42501"


# Two at once -----------------------------------------------------------------------------------------------


def test_two_imports_come_one_after_the_other(db: Database, other: Database) -> None:
    imported(db, of(rate("marketing", "0.9", "2027-01-01")))
    other.execute("set lock_timeout = '200ms'")
    with pytest.raises(psycopg.errors.LockNotAvailable), other.transaction():
        imported(other, of(rate("marketing", "0.8", "2027-01-01")))
    # Who prices reads on meanwhile.
    assert other.info.transaction_status != TransactionStatus.INERROR
    assert in_force(other, "IN", "marketing")[-1][:2] == ("0.863100", "2026-01-01")


# The shipped card ------------------------------------------------------------------------------------------


def test_shipped_card_of_india_is_the_recorded_one(db: Database) -> None:
    card = json.loads(INDIA.read_text(encoding="utf-8"))
    recorded = [
        (row["category"], Decimal(row["rate"]), row["from"], row["to"], row["verified"])
        for row in card["rates"]
    ]
    shipped = db.rows(
        "select category, rate, valid_from::text, valid_to::text, verified from public.rate_cards"
        " where market = 'IN' and currency = 'INR' and tier_from = 1 and superseded_at is null"
    )

    assert sorted(shipped, key=lambda row: row[::2]) == sorted(recorded, key=lambda row: row[::2])
    assert len(recorded) == 10


def test_import_of_the_recorded_card_changes_nothing(db: Database) -> None:
    before = known(db)
    answer = imported(db, json.loads(INDIA.read_text(encoding="utf-8")))

    assert answer == {
        "market": "IN",
        "currency": "INR",
        "added": 0,
        "replaced": 0,
        "closed": 0,
        "unchanged": 10,
        "priced": 0,
    }
    assert known(db) == before


def test_nobody_prices_while_rates_are_imported(
    lasting: Callable[..., Business], connect: Callable[[], Database]
) -> None:
    """Else a message would have the old rate now, and the new one when it is looked at again."""
    business, operator, poster = lasting(), connect(), connect()
    at = ist("2026-11-05T12:00")
    change = business.change({"statuses": [status("w.meanwhile", "delivered", at, pricing=price("utility"))]})
    thread = threading.Thread(target=post, args=(poster, webhook(change, waba=business.waba)))

    with operator.transaction(force_rollback=True):
        imported(operator, of(rate("utility", "0.2", "2026-10-01")))
        thread.start()
        thread.join(0.5)
        waited = thread.is_alive()
    thread.join(20)

    assert waited
    assert costs(business, "w.meanwhile") == [(Decimal("0.115"), None)]
