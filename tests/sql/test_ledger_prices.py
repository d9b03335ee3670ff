"""What an entry comes to: the rate of its zone and day, the price among many, the money, the plan."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from tests.business import Business, Json, fresh_org, post, webhook
from tests.database import Database
from tests.sql.ledger import (
    CONFLICT,
    FREE,
    GULF,
    JUNE,
    JUNE_2025,
    MARKETING,
    NOW,
    PLAN,
    PMP,
    SERVICE,
    UTILITY,
    A,
    M,
    U,
    W,
    account,
    cost,
    delivered,
    found,
    gulf,
    ledger,
    markup,
    named,
    number,
    plan,
    read,
    sent,
    tell,
)
from tests.sql.money import CBP, ist, price

# R8: zones ------------------------------------------------------------------------------------------------

# The first second of a day, by hand: 4 zones with their summer time.
FIRST_SECONDS = {
    "Asia/Kolkata": ("2025-06-30T18:30", "2025-12-31T18:30", "2026-03-31T18:30", "2026-09-30T18:30"),
    "America/New_York": ("2025-07-01T04:00", "2026-01-01T05:00", "2026-04-01T04:00", "2026-10-01T04:00"),
    "Europe/London": ("2025-06-30T23:00", "2026-01-01T00:00", "2026-03-31T23:00", "2026-09-30T23:00"),
    "Pacific/Auckland": ("2025-06-30T12:00", "2025-12-31T11:00", "2026-03-31T11:00", "2026-09-30T11:00"),
}

DAYS = ("2025-07-01", "2026-01-01", "2026-04-01", "2026-10-01")

AROUND = {
    "2025-07-01": {
        "marketing": ("no_rate", "0.7846"), "utility": ("no_rate", "0.115"), "authentication": ("no_rate", "0.115"), A: ("no_rate", "2.3"),
        "service": ("0", "0"), "referral_conversion": ("0", "0"), "CBP": ("0", "cbp_after_end"),
    },
    "2026-01-01": {
        "marketing": ("0.7846", "0.8631"), "marketing_lite": ("0.7846", "0.8631"), "utility": ("0.115", "0.115"), A: ("2.3", "2.3"),
        "service": ("0", "0"), "CBP": ("cbp_after_end", "cbp_after_end"),
    },
    "2026-04-01": {
        "marketing": ("0.8631", "0.8631"), A: ("2.3", "2.4971"), "authentication-international": ("2.3", "2.4971"), "service": ("0", "0"),
        "authentication": ("0.115", "0.115"),
    },
    "2026-10-01": {
        "marketing": ("0.8631", "0.8631"), A: ("2.4971", "2.4971"), "service": ("0", "0.115"), "utility": ("0.115", "0.115"),
        "referral_conversion": ("0", "0"),
    },
}  # fmt: skip


@pytest.mark.parametrize("day", DAYS)
@pytest.mark.parametrize("zone", FIRST_SECONDS)
def test_rate_changes_with_the_first_second_of_the_accounts_day(
    business: Business, zone: str, day: str
) -> None:
    account(business, time_zone=zone)
    moment = datetime.fromisoformat(FIRST_SECONDS[zone][DAYS.index(day)]).replace(tzinfo=UTC)
    first, told = int(moment.timestamp()), []
    for category in AROUND[day]:
        given = {"pricing_model": "CBP"} if category == "CBP" else price(category)
        told += [
            delivered(given, first - 1, f"{category} before"),
            delivered(given, first, f"{category} after"),
        ]
    tell(business, *told)

    def outcome(wamid: str) -> str:
        row = cost(business, wamid)
        assert row.review_reason in ("no_rate", "cbp_after_end") or row.time_zone == zone
        return row.review_reason or f"{row.amount.normalize():f}"

    assert {c: (outcome(f"{c} before"), outcome(f"{c} after")) for c in AROUND[day]} == AROUND[day]
    if day == "2026-04-01":
        assert [cost(business, f"{A} {when}").rate_verified for when in ("before", "after")] == [False, True]


def test_account_without_a_zone_waits_where_a_day_decides_and_is_priced_when_it_is_known(
    db: Database, business: Business
) -> None:
    account(business, time_zone=None)
    told = {"rate": MARKETING, "cbp": CBP, "free": FREE, "cost": named("0.5"), "missing": price(None)}
    tell(
        business,
        *(delivered(given, JUNE_2025 if name == "cbp" else NOW, name) for name, given in told.items()),
    )
    reasons = {name: cost(business, name).review_reason for name in told}
    assert reasons == {
        "rate": "zone_unknown",
        "cbp": "zone_unknown",
        "free": None,
        "cost": None,
        "missing": "missing_category",
    }

    account(business, time_zone="Asia/Kolkata")
    reasons = {name: cost(business, name).review_reason for name in told}
    assert reasons == {"rate": None, "cbp": None, "free": None, "cost": None, "missing": "missing_category"}
    assert (cost(business, "rate").amount, cost(business, "rate").time_zone) == (
        Decimal("0.8631"),
        "Asia/Kolkata",
    )
    assert cost(business, "cbp").pricing_type == "cbp"


def test_entry_keeps_the_zone_that_it_was_priced_in(business: Business) -> None:
    evening = ist("2026-09-30T20:00")  # in Auckland it is October
    tell(business, delivered(SERVICE, evening))
    rows = ledger(business)
    account(business, time_zone="Pacific/Auckland")
    tell(business, delivered(SERVICE, evening), read(at=evening + 60))
    assert ledger(business) == rows

    tell(business, read(SERVICE, evening - 60), delivered(SERVICE, evening, "wamid.new"))
    assert (cost(business).amount, cost(business).time_zone) == (0, "Asia/Kolkata")
    assert (cost(business, "wamid.new").amount, cost(business, "wamid.new").time_zone) == (
        Decimal("0.115"),
        "Pacific/Auckland",
    )


def test_entry_keeps_the_currency_that_it_was_priced_in(business: Business) -> None:
    tell(business, delivered(UTILITY))
    account(business, currency="USD")
    tell(business, read(UTILITY, NOW - 60))

    assert (cost(business).amount, cost(business).currency, cost(business).seconds) == (
        Decimal("0.115"),
        "INR",
        NOW - 60,
    )


def test_what_turned_doubtful_for_want_of_a_zone_is_priced_when_it_is_known(business: Business) -> None:
    account(business, time_zone=None)
    tell(business, sent(named("0.5")), delivered())
    assert cost(business).amount == Decimal("0.5")
    tell(business, read(MARKETING))
    assert cost(business).review_reason == "zone_unknown"

    account(business, time_zone="Asia/Kolkata")
    assert found(business) == M


def test_free_message_of_an_account_without_a_currency_decides_on_none(business: Business) -> None:
    account(business, currency=None)
    tell(business, sent(FREE), delivered())
    assert cost(business).amount == 0
    account(business, currency="USD")
    tell(business, read(named("0.0099", "USD")))

    assert (cost(business).amount, cost(business).currency) == (Decimal("0.0099"), "USD")


def test_account_without_a_currency_has_no_price_until_it_is_known(business: Business) -> None:
    account(business, currency=None)
    tell(
        business,
        delivered(MARKETING),
        delivered(named("0.5"), wamid="wamid.cost"),
        delivered(FREE, wamid="wamid.free"),
    )
    assert [cost(business, w).review_reason for w in (W, "wamid.cost", "wamid.free")] == [
        "no_rate",
        "cost_currency",
        None,
    ]

    account(business, currency="INR")
    assert [cost(business, w).amount for w in (W, "wamid.cost")] == [Decimal("0.8631"), Decimal("0.5")]


def test_account_in_dollars_is_not_priced_by_the_card_in_rupees(db: Database, business: Business) -> None:
    account(business, currency="USD")
    tell(
        business,
        delivered(MARKETING),
        delivered(named("0.0099", "USD"), wamid="wamid.cost"),
        delivered(named("0.5"), wamid="wamid.inr"),
    )

    assert [cost(business, w).review_reason for w in (W, "wamid.cost", "wamid.inr")] == [
        "no_rate",
        None,
        "cost_currency",
    ]
    assert (cost(business, "wamid.cost").amount, cost(business, "wamid.cost").currency) == (
        Decimal("0.0099"),
        "USD",
    )


# R11 to R14: the price ------------------------------------------------------------------------------------

SAME = [
    pytest.param(MARKETING, MARKETING | {"billable": True, "news": {"a": 1}}, id="billable and other keys"),
    pytest.param(MARKETING | {"billable": True}, MARKETING | {"billable": False}, id="two billables"),
    pytest.param(price("authentication-international"), price(A), id="authentication-international"),
    pytest.param({"type": "regular", "category": "utility"}, UTILITY, id="absent model with a type"),
    pytest.param({"type": "regular", "category": "utility", "pricing_model": ""}, UTILITY, id="empty model with a type"),
    pytest.param(UTILITY, UTILITY | {"subtype": None, "cost": None}, id="null is absent"),
    pytest.param(UTILITY, UTILITY | {"subtype": "", "cost": ""}, id="empty is absent"),
    pytest.param(UTILITY, UTILITY | {"cost": {}}, id="empty cost"),
    pytest.param(UTILITY, UTILITY | {"cost": {"amount": "", "currency": None}}, id="cost of nothing"),
    pytest.param(named("1.00"), named(number("1.0")), id="1.0 and 1.00 as text"),
    pytest.param(named("1"), named(number("1.0e0")), id="1 as text and 1.0e0"),
    pytest.param(named("0.1150"), named("115e-3"), id="0.1150 and 115e-3"),
    pytest.param(named("0"), named("-0.00"), id="0 and -0.00"),
    pytest.param(named("0.5") | {"cost": {"amount": "0.5", "currency": "INR", "tax": "18"}}, named("0.5"), id="more in the cost"),
]  # fmt: skip

OTHER = [
    pytest.param(UTILITY, price("Utility"), id="case of the category"),
    pytest.param(UTILITY, price("utility", "Regular"), id="case of the type"),
    pytest.param(UTILITY, UTILITY | {"pricing_model": "pmp"}, id="case of the model"),
    pytest.param(UTILITY, PMP | {"category": "utility"}, id="no type"),
    pytest.param({"category": "utility"}, PMP | {"category": "utility"}, id="absent model without a type"),
    pytest.param(UTILITY, UTILITY | {"subtype": "bulk"}, id="subtype"),
    pytest.param(price("marketing-lite"), price("marketing_lite"), id="hyphen of another category"),
    pytest.param(named("0.5"), named("0.5000000000000000000000000001"), id="the 28th digit"),
    pytest.param(named("0.5"), named("0.5", "inr"), id="case of the currency"),
    pytest.param(named("0.5"), named("0.5", ""), id="no currency"),
    pytest.param(UTILITY, UTILITY | {"cost": {"amount": "0", "currency": "INR"}}, id="cost of 0 and none"),
    pytest.param(UTILITY, UTILITY | {"category": " utility"}, id="space before the category"),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_two_prices_of_one_normal_form_are_no_conflict(
    db: Database, business: Business, one: Json, other: Json
) -> None:
    tell(business, delivered(one))
    rows = ledger(business)
    tell(business, read(other))
    assert ledger(business) == rows
    assert cost(business).review_reason is None

    for_the_other = Business(db, fresh_org(db, "Other"))
    tell(for_the_other, delivered(other))
    assert found(for_the_other) == found(business)


@pytest.mark.parametrize(("one", "other"), OTHER)
def test_two_prices_of_two_normal_forms_are_a_conflict(business: Business, one: Json, other: Json) -> None:
    tell(business, delivered(one))
    tell(business, read(other))

    assert found(business) == CONFLICT


@pytest.mark.parametrize("nothing", [{}, [], "free", 5, True, "", [MARKETING], None])
def test_pricing_that_is_no_object_or_empty_is_none(business: Business, nothing: object) -> None:
    tell(business, delivered() | {"pricing": nothing})
    assert cost(business).review_reason == "missing_pricing"
    tell(business, sent(UTILITY))
    assert found(business) == U


def test_conflict_is_reviewed_and_its_amounts_are_taken_back(billed: Business) -> None:
    wamid = f"wamid.{billed.sent()}"
    tell(billed, delivered(UTILITY, wamid=wamid))
    tell(billed, read(MARKETING, wamid=wamid))

    rows = [
        (row.entry, row.amount, row.review_reason, row.reverses is not None) for row in ledger(billed, wamid)
    ]
    assert rows == [
        ("markup", Decimal("0.615"), None, False), ("meta_cost", Decimal("0.115"), None, False),
        ("markup", Decimal("-0.615"), None, True), ("meta_cost", Decimal("-0.115"), None, True),
        ("meta_cost", 0, "conflicting_pricing", False),
    ]  # fmt: skip


def test_review_resolves_by_itself_when_a_later_status_brings_the_price(billed: Business) -> None:
    wamid = f"wamid.{billed.sent()}"
    tell(billed, delivered(wamid=wamid))
    row = cost(billed, wamid)
    assert (row.amount, row.review_reason, row.source, markup(billed, wamid)) == (
        0,
        "missing_pricing",
        "review",
        None,
    )
    tell(billed, read(UTILITY, wamid=wamid))

    row = cost(billed, wamid)
    assert (row.amount, row.review_reason, row.source, markup(billed, wamid)) == (
        Decimal("0.115"),
        None,
        "card",
        Decimal("0.615"),
    )
    (taken_back,) = [row for row in ledger(billed, wamid) if row.reverses]
    assert (taken_back.review_reason, taken_back.note) == ("missing_pricing", "The price is known now")


def test_estimate_of_sent_gives_way_to_what_delivered_says(billed: Business) -> None:
    wamid = f"wamid.{billed.sent()}"
    tell(billed, sent(MARKETING, wamid=wamid), delivered(wamid=wamid))
    assert (cost(billed, wamid).category, markup(billed, wamid)) == ("marketing", Decimal("0.107888"))
    tell(billed, read(UTILITY, wamid=wamid))

    assert (cost(billed, wamid).category, markup(billed, wamid)) == ("utility", Decimal("0.615"))
    assert sum(row.amount for row in ledger(billed, wamid)) == Decimal("0.73")


def test_category_of_the_template_and_its_change_never_enter(db: Database, billed: Business) -> None:
    wamid = f"wamid.{billed.sent()}"  # a utility template
    update = {"message_template_id": "2", "message_template_name": "receipt", "message_template_language": "en",
              "previous_category": "UTILITY", "new_category": "MARKETING"}  # fmt: skip
    tell(billed, delivered(wamid=wamid))
    post(db, webhook({"field": "template_category_update", "value": update}, waba=billed.waba))
    tell(
        billed,
        delivered(
            price("authentication"),
            wamid="wamid.other",
            biz_opaque_callback_data=wamid.replace("wamid", "flow"),
        ),
    )

    assert cost(billed, wamid).review_reason == "missing_pricing"
    assert cost(billed, "wamid.other").category == "authentication"


def test_entry_names_where_its_amount_comes_from(db: Database, business: Business) -> None:
    gulf(db)
    tell(
        business, delivered(price(A), ist("2026-01-15T12:00"), "card"), delivered(UTILITY, wamid="gulf", recipient_id=GULF),
        delivered(named("0.5"), wamid="meta"), delivered(FREE, wamid="free"), delivered(CBP, JUNE_2025, "cbp"), delivered(wamid="review"),
    )  # fmt: skip

    def told(wamid: str) -> tuple[Any, ...]:
        row = cost(business, wamid)
        return row.source, row.market, row.time_zone, row.rate, row.rate_verified

    assert told("card") == ("card", "IN", "Asia/Kolkata", Decimal("2.3"), False)
    assert told("gulf") == ("card", "AE", "Asia/Kolkata", Decimal("1.3"), False)
    assert told("meta") == ("meta", None, None, None, None)
    assert told("free") == ("free", None, None, None, None)
    assert told("cbp") == ("cbp", None, "Asia/Kolkata", None, None)
    assert told("review") == ("review", None, None, None, None)


def test_market_is_of_the_messages_recipient_only_when_no_status_names_one(
    db: Database, business: Business
) -> None:
    gulf(db)
    (message,) = business.send("+" + GULF)
    business.record(business.claim())
    own = {"wamid": f"wamid.{message}", "recipient_id": ""}
    tell(business, delivered(UTILITY, **own))
    assert cost(business, f"wamid.{message}").amount == Decimal("1.3")

    tell(business, read(**own | {"recipient_user_id": "IN.5"}))
    assert cost(business, f"wamid.{message}").amount == Decimal("0.115")
    tell(business, sent(**own | {"recipient_id": "+" + GULF}))
    assert cost(business, f"wamid.{message}").amount == Decimal("1.3")


def test_market_is_of_the_recipient_of_the_message_that_the_callback_id_names(
    db: Database, business: Business
) -> None:
    gulf(db)
    message = business.sent("+" + GULF)
    tell(business, delivered(UTILITY, recipient_id="", biz_opaque_callback_data=f"flow.{message}"))

    assert (cost(business).amount, cost(business).market) == (Decimal("1.3"), "AE")


# R20, R21: money ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("told", "booked"),
    [
        ("0.0000005", "0.000001"), ("0.00000049", "0"), ("0.00000050000000000000000001", "0.000001"), ("0.00000049999999999999999999", "0"),
        ("2.3456785", "2.345679"), ("2.3456775", "2.345678"), ("2.3456784999", "2.345678"), ("-0", "0"), ("-0.0000000", "0"), ("1e-30", "0"),
        ("0.000001", "0.000001"), ("123456.7890125", "123456.789013"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("as_number", [False, True], ids=["text", "number"])
def test_cost_is_rounded_once_to_six_decimals_half_away_from_zero(
    billed: Business, told: str, booked: str, as_number: bool
) -> None:
    wamid = f"wamid.{billed.sent()}"
    tell(billed, delivered(named(number(told) if as_number else told, category="utility"), wamid=wamid))

    row = cost(billed, wamid)
    assert (row.amount, row.review_reason) == (Decimal(booked), None)
    # As text: a negative zero would show its sign, and a missing or seventh decimal itself.
    assert (
        billed.db.value("select amount::text from public.usage_ledger where id = %s", row.id)
        == f"{Decimal(booked):.6f}"
    )
    assert (markup(billed, wamid) is None) == (Decimal(booked) == 0)


@pytest.mark.parametrize(
    ("rule", "told", "booked"),
    [
        pytest.param({"percent": "50"}, "0.000001", "0.000001", id="0.0000005"),
        pytest.param({"percent": "49"}, "0.000001", None, id="0.00000049"),
        pytest.param({"percent": "12.5"}, "0.8631", "0.107888", id="0.1078875"),
        pytest.param({"percent": "50", "per_message": "0.1"}, "0.000001", "0.100001", id="0.1000005"),
        pytest.param({"percent": "33.333333"}, "0.000003", "0.000001", id="0.00000099999999"),
        pytest.param({"percent": "50"}, "0.0000005", "0.000001", id="of the cost as booked"),
        pytest.param({"percent": "10", "per_message": "0.05", "minimum": "0.13"}, "0.8631", "0.13631", id="percent and amount, above the minimum"),
        pytest.param({"percent": "10", "per_message": "0.05", "minimum": "0.13631"}, "0.8631", "0.13631", id="equal to the minimum"),
        pytest.param({"percent": "10", "per_message": "0.05", "minimum": "0.2"}, "0.8631", "0.2", id="below the minimum"),
        pytest.param({"minimum": "0.2"}, "0.8631", "0.2", id="minimum alone"),
        pytest.param({"per_message": "0.2"}, "0.8631", "0.2", id="amount alone"),
        pytest.param({"percent": "0", "per_message": "0", "minimum": "0"}, "0.8631", None, id="nothing"),
        pytest.param({}, "0.8631", None, id="no part at all"),
        pytest.param({"percent": "1000", "per_message": "99999", "minimum": "1"}, "1", "100009", id="the most"),
        pytest.param({"percent": "10", "per_message": "1", "minimum": "5"}, "0", None, id="none on nothing"),
        pytest.param({"percent": "10", "per_message": "1", "minimum": "5"}, "0.0000004", None, id="none on what is rounded to nothing"),
    ],
)  # fmt: skip
def test_markup_is_the_greater_of_the_minimum_and_the_rounded_parts(
    business: Business, rule: Json, told: str, booked: str | None
) -> None:
    plan(business, {"markup": [{"from": "2020-01-01", **rule}]})
    wamid = f"wamid.{business.sent()}"
    tell(business, delivered(named(told), wamid=wamid))

    assert markup(business, wamid) == (booked and Decimal(booked))


@pytest.mark.parametrize(
    ("told", "at"),
    [(FREE, NOW), (price("service", subtype="paid_exempt"), NOW), (SERVICE, JUNE), (price("referral_conversion"), NOW),
     (CBP, JUNE_2025), (None, NOW), (price("news"), NOW), (CBP, NOW)],
    ids=["free", "exempt", "rated 0", "referral_conversion", "CBP", "without a price", "in review", "CBP after its end"],
)  # fmt: skip
def test_no_markup_where_meta_takes_nothing(business: Business, told: Json | None, at: int) -> None:
    plan(business, {"markup": [{"from": "2020-01-01", "percent": "10", "per_message": "1", "minimum": "5"}]})
    wamid = f"wamid.{business.sent()}"
    tell(business, delivered(told, at, wamid))

    assert [(row.entry, row.amount) for row in ledger(business, wamid)] == [("meta_cost", 0)]


def test_markup_that_no_column_holds_is_for_a_person(business: Business) -> None:
    plan(business, {"markup": [{"from": "2020-01-01", "percent": "1000"}]})
    most, wamid = [f"wamid.{message}" for message in business.send(*(f"+91981000{n:04}" for n in range(2)))]
    business.record(business.claim())
    tell(
        business, delivered(named("99999.9999999"), wamid=most), delivered(named("99999.999999"), wamid=wamid)
    )

    assert (cost(business, most).review_reason, markup(business, most)) == ("markup_too_large", None)
    assert (cost(business, wamid).review_reason, markup(business, wamid)) == (None, Decimal("999999.99999"))


# R22, R23, R25: the plan ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("category", "at", "booked"),
    [
        pytest.param("utility", "2026-03-31T23:59:59", None, id="before the first version"),
        pytest.param("utility", "2026-04-01T00:00:00", "0.05", id="first second of the first version: its minimum"),
        pytest.param("marketing", "2026-10-31T23:59:59", "0.09631", id="last second of the first version: percent and amount"),
        pytest.param("utility", "2026-11-01T00:00:00", "0.615", id="first second of the second version"),
        pytest.param("marketing", "2026-11-01T00:00:00", "0.107888", id="rule of the category, without the general amount and minimum"),
        pytest.param("marketing_lite", "2026-11-01T00:00:00", "0.107888", id="marketing_lite follows marketing"),
        pytest.param("service", "2026-11-01T00:00:00", "0.3", id="rule of the category with the minimum alone"),
        pytest.param("authentication", "2026-11-01T00:00:00", None, id="empty rule of the category"),
        pytest.param(A, "2026-11-01T00:00:00", "2.9971", id="category without a rule"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("zone", ["Asia/Kolkata", "America/New_York", "Pacific/Auckland"])
def test_version_is_of_the_day_in_india_and_rule_is_of_the_category(
    billed: Business, category: str, at: str, booked: str | None, zone: str
) -> None:
    account(billed, time_zone=zone)
    wamid = f"wamid.{billed.sent()}"
    tell(billed, delivered(price(category), ist(at), wamid))

    assert markup(billed, wamid) == (booked and Decimal(booked))


def test_order_of_the_versions_in_the_plan_does_not_matter(business: Business) -> None:
    plan(business, PLAN | {"markup": PLAN["markup"][::-1]})
    wamid = f"wamid.{business.sent()}"
    tell(business, delivered(UTILITY, JUNE, wamid))

    assert markup(business, wamid) == Decimal("0.05")


def test_cost_without_a_category_follows_the_general_rule(billed: Business) -> None:
    wamid = f"wamid.{billed.sent()}"
    tell(billed, delivered(named("2", category=None), wamid=wamid))

    assert markup(billed, wamid) == Decimal("2.5")


@pytest.mark.parametrize(
    ("payer", "billed_entries"), [("flow", ["markup", "meta_cost"]), ("customer", ["markup"])]
)
def test_both_are_booked_and_who_pays_meta_decides_what_is_billed(
    business: Business, payer: str, billed_entries: list[str]
) -> None:
    plan(business, PLAN | {"meta_billing": payer})
    wamid = f"wamid.{business.sent()}"
    tell(business, delivered(UTILITY, wamid=wamid))

    rows = ledger(business, wamid)
    assert sorted(row.entry for row in rows) == ["markup", "meta_cost"]
    assert sorted(row.entry for row in rows if row.is_billed) == billed_entries


def test_without_a_plan_there_is_no_markup_and_nothing_is_billed(business: Business) -> None:
    wamid = f"wamid.{business.sent()}"
    tell(business, delivered(UTILITY, wamid=wamid))

    assert [(row.entry, row.amount, row.is_billed) for row in ledger(business)] == [
        ("meta_cost", Decimal("0.115"), False)
    ]


def test_plan_that_is_replaced_later_reprices_nothing(billed: Business) -> None:
    priced, waiting = [f"wamid.{message}" for message in billed.send("+919810000011", "+919810000022")]
    billed.record(billed.claim())
    tell(billed, delivered(UTILITY, wamid=priced), delivered(wamid=waiting))
    rows = ledger(billed)
    plan(billed, {"meta_billing": "customer", "markup": [{"from": "2020-01-01", "per_message": "7"}]})
    tell(billed, delivered(UTILITY, wamid=priced), read(UTILITY, wamid=priced))
    assert ledger(billed) == rows

    # An earlier moment, within the month and in another, is booked anew by the plan of its day as it was known then.
    for at, booked in ((NOW - 60, "0.615"), (ist("2026-10-31T23:59:59"), "0.05")):
        tell(billed, read(UTILITY, at, priced))
        assert (cost(billed, priced).seconds, cost(billed, priced).is_billed, markup(billed, priced)) == (
            at,
            True,
            Decimal(booked),
        )
    # What had no price yet is priced by the new plan.
    tell(billed, read(UTILITY, wamid=waiting))
    assert (cost(billed, waiting).is_billed, markup(billed, waiting)) == (False, Decimal(7))


def test_price_that_changes_later_is_marked_up_by_the_plan_of_its_first_price(billed: Business) -> None:
    wamid = f"wamid.{billed.sent()}"
    tell(billed, sent(MARKETING, wamid=wamid), delivered(wamid=wamid))
    plan(billed, {"markup": [{"from": "2020-01-01", "per_message": "7"}]})
    tell(billed, delivered(UTILITY, wamid=wamid))

    assert markup(billed, wamid) == Decimal("0.615")
