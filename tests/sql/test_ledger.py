"""The ledger rule by rule, and which messages have an entry in it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

import pytest

from tests.business import PAYLOADS, Business, Json, fresh_org, post, webhook
from tests.database import LIMITS, Database
from tests.sql.ledger import (
    ASHA,
    CONFLICT,
    FREE,
    GERMANY,
    GULF,
    JUNE,
    JUNE_2025,
    MARKETING,
    NOW,
    PMP,
    REG,
    SERVICE,
    UTILITY,
    A,
    Expected,
    M,
    Row,
    U,
    W,
    cost,
    delivered,
    echo,
    found,
    from_phone,
    gulf,
    ledger,
    markup,
    named,
    number,
    read,
    review,
    said,
    sent,
    standing,
    tell,
)
from tests.sql.money import CBP, ist, price

# How it is told, and how it is read -----------------------------------------------------------------------


def history(business: Business, wamid: str = W) -> Json:
    """The history of the phone app names a message that was sent from it."""
    value = {
        "history": [{"metadata": {"phase": 1}, "threads": [{"id": ASHA, "messages": [from_phone(wamid)]}]}]
    }
    return post(business.db, webhook(business.change(value, field="history"), waba=business.waba))


# Rule by rule ---------------------------------------------------------------------------------------------


def cases() -> dict[str, tuple[list[Json], Expected]]:
    """One case for each claim: what arrives, and the live entry of Meta's cost that follows."""
    group = {"recipient_type": "group"}
    nobody: Json = {"recipient_id": ""}
    user = {"recipient_id": "", "recipient_user_id": "IN.1234567"}
    return {
        # Which messages have an entry
        "R1 delivered charges": ([delivered(MARKETING)], M),
        "R1 read without delivered charges": ([read(MARKETING)], M),
        "R1 played without delivered charges": ([said("played", MARKETING)], M),
        "R1 sent, delivered and read are one entry": ([sent(MARKETING), delivered(MARKETING), read(MARKETING)], M),
        "R2 sent alone costs nothing": ([sent(MARKETING)], None),
        "R2 failed alone costs nothing": ([said("failed", MARKETING, code=131026)], None),
        "R2 sent and failed cost nothing": ([sent(MARKETING), said("failed", MARKETING, code=131026)], None),
        "R2 deleted alone costs nothing": ([said("deleted", MARKETING)], None),
        "R2 an unknown status alone costs nothing": ([said("warning", MARKETING)], None),
        "R2 a status in another case is unknown": ([said("Delivered", MARKETING)], None),
        "R2 failed before delivered does not block": ([said("failed", at=NOW - 9, code=131026), delivered(MARKETING)], M),
        "R2 failed after delivered takes nothing back": ([delivered(MARKETING), said("failed", at=NOW + 9, code=131026)], M),
        "R2 deleted after read takes nothing back": ([read(MARKETING), said("deleted", at=NOW + 9)], M),
        "R2 unknown after delivered takes nothing back": ([delivered(MARKETING), said("warning", at=NOW + 9)], M),
        "R3 free in the customer service window": ([delivered(FREE)], ("0", "utility", "free_customer_service", None)),
        "R3 free needs no category and no market": ([delivered(price(None, "free_entry_point"), recipient_id=GERMANY)], ("0", None, "free_entry_point", None)),
        "R3 free needs no known category": ([delivered(price("news", "free_entry_point"))], ("0", "news", "free_entry_point", None)),
        "R3 free needs no known rest of its type": ([delivered(price("service", "free_new_thing"))], ("0", "service", "free_new_thing", None)),
        "R3 free needs no recipient": ([delivered(FREE, **nobody)], ("0", "utility", "free_customer_service", None)),
        "R3 exempt is free, though regular": ([delivered(price("service", subtype="paid_exempt"))], ("0", "service", REG, None)),
        "R3 exempt needs no type": ([delivered(PMP | {"subtype": "paid_exempt"})], ("0", None, None, None)),
        "R3 exempt needs no known type": ([delivered(price("service", "banana", subtype="paid_exempt"))], ("0", "service", "banana", None)),
        "R3 free in another case is not known": ([delivered(price("utility", "Free_customer_service"))], review("unknown_type", "utility", "Free_customer_service")),
        "R3 free alone is not known": ([delivered(price("utility", "free"))], review("unknown_type", "utility", "free")),
        "R3 exempt in another case is not known": ([delivered(price("service", subtype="PAID_EXEMPT"))], review("unknown_subtype", "service", REG)),
        "R4 a repeat brings the only price": ([delivered(), delivered(MARKETING)], M),
        "R4 a repeat of sent brings the price of sent": ([sent(), delivered(), sent(UTILITY)], U),
        "R4 a repeat without a price takes none away": ([read(MARKETING), read()], M),
        # When
        "R10 a moment in the future": ([delivered(MARKETING, ist("2031-01-01T00:00"))], M),
        "R10 a moment of another quarter": ([delivered(MARKETING, ist("2025-12-31T12:00"))], ("0.7846", "marketing", REG, None)),
        # Which price
        "R11 delivered goes before sent": ([sent(MARKETING), delivered(UTILITY)], U),
        "R11 read goes before sent": ([sent(MARKETING), delivered(), read(UTILITY)], U),
        "R11 sent prices what delivered does not": ([sent(UTILITY), delivered()], U),
        "R11 sent goes before failed": ([said("failed", MARKETING, code=131026), sent(UTILITY), delivered()], U),
        "R11 failed prices what nothing else does": ([said("failed", UTILITY, code=131026), delivered()], U),
        "R11 an unknown status prices what nothing else does": ([said("warning", UTILITY), delivered()], U),
        "R11 no category is filled in from sent": ([sent(UTILITY), delivered(price(None))], review("missing_category", None, REG)),
        "R11 no type is filled in from sent": ([sent(UTILITY), delivered(PMP | {"category": "utility"})], review("missing_type", "utility")),
        "R11 no cost is filled in from sent": ([sent(named("0.5")), delivered(MARKETING)], M),
        "R11 an unknown price is not replaced by a good one of sent": ([sent(UTILITY), delivered(price("utility", "banana"))], review("unknown_type", "utility", "banana")),
        "R11 free by sent, charged by delivered": ([sent(FREE), delivered(UTILITY)], U),
        "R11 charged by sent, free by delivered": ([sent(UTILITY), delivered(FREE)], ("0", "utility", "free_customer_service", None)),
        "R12 two categories": ([delivered(MARKETING), read(UTILITY)], CONFLICT),
        "R12 free and charged": ([delivered(FREE), read(UTILITY)], CONFLICT),
        "R12 with a cost and without": ([delivered(MARKETING), read(named("0.8631"))], CONFLICT),
        "R12 two costs": ([delivered(named("0.5")), read(named("0.6"))], CONFLICT),
        "R12 two currencies": ([delivered(named("0.5")), read(named("0.5", "USD"))], CONFLICT),
        "R12 two of sent, where they are asked": ([sent(MARKETING), sent(UTILITY), delivered()], CONFLICT),
        "R12 two of sent, where they are not asked": ([sent(MARKETING), sent(UTILITY), delivered(UTILITY)], U),
        "R12 two of failed, where they are not asked": ([said("failed", MARKETING), said("failed", FREE), sent(UTILITY), delivered()], U),
        "R12 a known and an unusable one": ([delivered(MARKETING), read(price(None))], CONFLICT),
        "R14 without a price": ([delivered()], review("missing_pricing")),
        "R14 billable false makes nothing free": ([delivered(MARKETING | {"billable": False})], M),
        "R14 billable alone is no price": ([delivered({"billable": False})], review("unknown_model")),
        "R14 a category alone is no price": ([delivered({"category": "utility", "billable": True})], review("unknown_model", "utility")),
        "R14 model and category are no price": ([delivered(PMP | {"category": "utility"})], review("missing_type", "utility")),
        "R14 an unknown model": ([delivered(UTILITY | {"pricing_model": "NBP"})], review("unknown_model", "utility", REG)),
        "R14 a model in another case": ([delivered(UTILITY | {"pricing_model": "pmp"})], review("unknown_model", "utility", REG)),
        "R14 an unknown type": ([delivered(price("utility", "banana"))], review("unknown_type", "utility", "banana")),
        "R14 regular in another case": ([delivered(price("utility", "Regular"))], review("unknown_type", "utility", "Regular")),
        "R14 an unknown subtype": ([delivered(price("utility", subtype="bulk"))], review("unknown_subtype", "utility", REG)),
        "R14 an unknown category": ([delivered(price("news"))], review("unknown_category", "news", REG)),
        "R14 a category in another case": ([delivered(price("Marketing"))], review("unknown_category", "Marketing", REG)),
        "R14 no category": ([delivered(price(None))], review("missing_category", None, REG)),
        # Conversations, groups
        "R15 conversation pricing before its end": ([delivered(CBP, JUNE_2025)], ("0", "utility", "cbp", None)),
        "R15 conversation pricing after its end": ([delivered(CBP)], review("cbp_after_end", "utility", "cbp")),
        "R15 conversation pricing needs no category": ([delivered({"pricing_model": "CBP"}, JUNE_2025)], ("0", None, "cbp", None)),
        "R15 conversation pricing needs no market": ([delivered(CBP, JUNE_2025, recipient_id=GERMANY)], ("0", "utility", "cbp", None)),
        "R15 conversation pricing that is free is conversation pricing": ([delivered(CBP | {"type": "free_entry_point"}, JUNE_2025)], ("0", "utility", "cbp", None)),
        "R15 conversation pricing with a cost has no cost": ([delivered(CBP | {"cost": {"amount": "5", "currency": "INR"}}, JUNE_2025)], ("0", "utility", "cbp", None)),
        "R15 message pricing before that is priced like any other": ([delivered(SERVICE, JUNE_2025)], ("0", "service", REG, None)),
        "R15 message pricing before the card has no rate": ([delivered(MARKETING, JUNE_2025)], review("no_rate", "marketing", REG)),
        "R16 to a group": ([delivered(MARKETING, **group)], review("group_message", "marketing", REG)),
        "R16 to a group, free": ([delivered(FREE, **group)], review("group_message", "utility", "free_customer_service")),
        "R16 to a group, as sent alone told": ([sent(**group), delivered(MARKETING)], review("group_message", "marketing", REG)),
        "R16 a category of groups": ([delivered(price("group_marketing"))], review("group_message", "group_marketing", REG)),
        "R16 a category of groups in what is not asked": ([sent(price("group_utility")), delivered(UTILITY)], review("group_message", "utility", REG)),
        "R16 free in a group": ([delivered(price("service", "free_group_customer_service"))], review("group_message", "service", "free_group_customer_service")),
        "R16 to an individual": ([delivered(MARKETING, recipient_type="individual")], M),
        # The cost that Meta names
        "R17 a cost is the cost": ([delivered(named("0.5"))], ("0.5", "marketing", REG, None)),
        "R17 a cost needs no known category": ([delivered(named("0.5", category="news"))], ("0.5", "news", REG, None)),
        "R17 a cost needs no category": ([delivered(named("0.5", category=None))], ("0.5", None, REG, None)),
        "R17 a cost needs no known market": ([delivered(named("0.5"), recipient_id=GERMANY)], ("0.5", "marketing", REG, None)),
        "R17 a cost needs no single market": ([delivered(named("0.5")), read(recipient_id=GERMANY)], ("0.5", "marketing", REG, None)),
        "R17 a cost needs no rate": ([delivered(named("0.5"), JUNE_2025)], ("0.5", "marketing", REG, None)),
        "R17 a cost of 0 is a cost": ([delivered(named("0"))], ("0", "marketing", REG, None)),
        "R17 a JSON number": ([delivered(named(number("0.1150")))], ("0.115", "marketing", REG, None)),
        "R17 a JSON number that binary would round down": ([delivered(named(number("0.0000014999999999999999999999")))], ("0.000001", "marketing", REG, None)),
        "R17 a JSON number that binary would round up": ([delivered(named(number("1.00000049999999999999999999")))], ("1", "marketing", REG, None)),
        "R17 a JSON number with an exponent": ([delivered(named(number("1.5E-3")))], ("0.0015", "marketing", REG, None)),
        "R17 text with an exponent": ([delivered(named("115e-3"))], ("0.115", "marketing", REG, None)),
        "R17 text with spaces around": ([delivered(named(" 0.7\n"))], ("0.7", "marketing", REG, None)),
        "R17 the most that there is": ([delivered(named("999999.9999994"))], ("999999.999999", "marketing", REG, None)),
        "R17 a currency without an amount": ([delivered(named(...))], review("bad_cost", "marketing", REG)),
        "R17 an amount without a currency": ([delivered(named("0.5", ...))], review("bad_cost", "marketing", REG)),
        "R17 an amount with an empty currency": ([delivered(named("0.5", ""))], review("bad_cost", "marketing", REG)),
        "R17 a currency with an empty amount": ([delivered(named(""))], review("bad_cost", "marketing", REG)),
        "R17 a currency with an amount of null": ([delivered(named(None))], review("bad_cost", "marketing", REG)),
        "R17 an empty cost is none": ([delivered(MARKETING | {"cost": {}})], M),
        "R17 a cost of null is none": ([delivered(MARKETING | {"cost": None})], M),
        "R17 a cost of nulls is none": ([delivered(MARKETING | {"cost": {"amount": None, "currency": ""}})], M),
        **{
            f"R17 an amount of {bad!r} is bad": ([delivered(named(bad))], review("bad_cost", "marketing", REG))
            for bad in ("-0.01", number("-1"), "1000000", "999999.9999995", number("1e6"), "1e400", number("1e400"), "1e999999", "NaN", "nan", "Infinity", "-Infinity",
                        "inf", "abc", "0x10", "1_000", "1,5", "1.2.3", "१.५", "₹1", ".", "e5", "0.5 INR", True, ["0.5"], {"value": "0.5"})
        },
        **{
            f"R17 a cost of {bad!r} is bad": ([delivered(MARKETING | {"cost": bad})], review("bad_cost", "marketing", REG))
            for bad in ("0.5", number("0.5"), ["0.5"], True)
        },
        "R17 another currency is not converted": ([delivered(named("0.5", "USD"))], review("cost_currency", "marketing", REG)),
        "R17 the currency in another case is another": ([delivered(named("0.5", "inr"))], review("cost_currency", "marketing", REG)),
        "R17 bad goes before the currency": ([delivered(named("-1", "USD"))], review("bad_cost", "marketing", REG)),
        "R17 free with a cost": ([delivered(FREE | {"cost": {"amount": "0.5", "currency": "INR"}})], review("free_with_cost", "utility", "free_customer_service")),
        "R17 free with a cost that is none": ([delivered(FREE | {"cost": {"amount": "x", "currency": "INR"}})], review("free_with_cost", "utility", "free_customer_service")),
        "R17 exempt with a cost": ([delivered(named("0.5", subtype="paid_exempt"))], review("free_with_cost", "marketing", REG)),
        "R17 free with a cost of 0": ([delivered(FREE | {"cost": {"amount": "0.000", "currency": "INR"}})], ("0", "utility", "free_customer_service", None)),
        "R17 free with a currency": ([delivered(FREE | {"cost": {"currency": "INR"}})], ("0", "utility", "free_customer_service", None)),
        # The market
        "R18 of the calling code": ([delivered(UTILITY, recipient_id=GULF)], ("1.3", "utility", REG, None)),
        "R18 of the calling code after a plus": ([delivered(UTILITY, recipient_id="+" + GULF)], ("1.3", "utility", REG, None)),
        "R18 of a phone that any status names": ([sent(recipient_id=GULF), delivered(UTILITY, **nobody)], ("1.3", "utility", REG, None)),
        "R18 of the user id, without a phone": ([delivered(UTILITY, **user)], U),
        "R18 of the phone, not of the user id": ([delivered(UTILITY, recipient_id=GULF, recipient_user_id="IN.1")], ("1.3", "utility", REG, None)),
        "R18 of the phone of one status, not of the user id of another": ([sent(recipient_id=GULF), delivered(UTILITY, **user)], ("1.3", "utility", REG, None)),
        "R18 of none": ([delivered(UTILITY, **nobody)], review("market_unknown", "utility", REG)),
        "R18 of no phone that is one": ([delivered(UTILITY, recipient_id="somebody")], review("market_unknown", "utility", REG)),
        "R18 of a phone that no card covers": ([delivered(UTILITY, recipient_id=GERMANY)], review("market_unknown", "utility", REG)),
        "R18 of a phone that no card covers, not of the user id": ([delivered(UTILITY, recipient_id=GERMANY, recipient_user_id="IN.1")], review("market_unknown", "utility", REG)),
        "R18 of a user id that no card covers": ([delivered(UTILITY, recipient_id="", recipient_user_id="DE.1")], review("market_unknown", "utility", REG)),
        "R18 of a user id in lower case": ([delivered(UTILITY, recipient_id="", recipient_user_id="in.1")], review("market_unknown", "utility", REG)),
        "R18 two markets": ([delivered(UTILITY), read(recipient_id=GULF)], review("recipient_conflict", "utility", REG)),
        "R18 a market and none": ([delivered(UTILITY), read(recipient_id=GERMANY)], review("recipient_conflict", "utility", REG)),
        "R18 two user ids of two markets": ([delivered(UTILITY, **user), read(recipient_id="", recipient_user_id="AE.5")], review("recipient_conflict", "utility", REG)),
        "R18 two phones of one market": ([delivered(UTILITY), read(recipient_id="+919876543210")], U),
        "R18 free asks for no market": ([delivered(FREE), read(recipient_id=GULF)], ("0", "utility", "free_customer_service", None)),
        # The rate
        "R19 marketing_lite at the rate of marketing": ([delivered(price("marketing_lite"))], ("0.8631", "marketing_lite", REG, None)),
        "R19 a rate of 0 is a price": ([delivered(SERVICE, JUNE)], ("0", "service", REG, None)),
        "R19 referral_conversion": ([delivered(price("referral_conversion"))], ("0", "referral_conversion", REG, None)),
        "R19 a category without a rate": ([delivered(price("general_purpose_ai"))], review("no_rate", "general_purpose_ai", REG)),
        "R19 a market without a rate of the category": ([delivered(SERVICE, recipient_id=GULF)], review("no_rate", "service", REG)),
        "R19 a day before the first rate": ([delivered(SERVICE, ist("2024-10-31T23:59:59"))], review("no_rate", "service", REG)),
        "R19 an unverified rate is used": ([delivered(price(A), ist("2026-01-15T12:00"))], ("2.3", A, REG, None)),
        "R26 with underscore": ([delivered(price("authentication-international"))], ("2.4971", A, REG, None)),
        "R26 the origin of the conversation says nothing": ([delivered(UTILITY, conversation={"id": "c", "origin": {"type": "marketing"}})], U),
        "R26 the origin of the conversation is no price": ([delivered(conversation={"id": "c", "origin": {"type": "marketing"}})], review("missing_pricing")),
        # What is asked first
        "order: group, then missing_pricing": ([delivered(**group)], review("group_message")),
        "order: group, then conflict": ([delivered(MARKETING, **group), read(UTILITY)], review("group_message")),
        "order: conflict, then all else": ([delivered({"pricing_model": "NBP"}), read(price("news", "banana"))], CONFLICT),
        "order: CBP, then exempt": ([delivered(CBP | {"subtype": "paid_exempt"})], review("cbp_after_end", "utility", "cbp")),
        "order: unknown_model, then free": ([delivered(FREE | {"pricing_model": "NBP"})], review("unknown_model", "utility", "free_customer_service")),
        "order: missing_type, then unknown_subtype": ([delivered(PMP | {"subtype": "bulk"})], review("missing_type")),
        "order: unknown_type, then unknown_subtype": ([delivered(price("utility", "banana", subtype="bulk"))], review("unknown_type", "utility", "banana")),
        "order: unknown_type, then cost": ([delivered(named("0.5") | {"type": "banana"})], review("unknown_type", "marketing", "banana")),
        "order: unknown_subtype, then cost": ([delivered(named("0.5", subtype="bulk"))], review("unknown_subtype", "marketing", REG)),
        "order: cost, then category": ([delivered(named("-1", category=None))], review("bad_cost", None, REG)),
        "order: category, then market": ([delivered(price("news"), **nobody)], review("unknown_category", "news", REG)),
        "order: no category, then market": ([delivered(price(None), **nobody)], review("missing_category", None, REG)),
        "order: market, then rate": ([delivered(price("general_purpose_ai"), recipient_id=GERMANY)], review("market_unknown", "general_purpose_ai", REG)),
    }  # fmt: skip


CASES = cases()


@dataclass(frozen=True)
class Outcome:
    """What became of a case: told once, told again, and told backwards, each status alone."""

    once: Expected
    rows: list[Row]
    again: list[Row]
    backwards: Expected


@pytest.fixture(scope="module")
def outcomes(dsn: str) -> dict[str, Outcome]:
    """All cases, each a message of its own; rolled back."""
    told = {name: [one | {"id": name} for one in statuses] for name, (statuses, _) in CASES.items()}
    every = [one for statuses in told.values() for one in statuses]
    with Database.connect(dsn, options=LIMITS) as db:
        gulf(db)
        forwards, backwards = (Business(db, fresh_org(db, name)) for name in ("Forwards", "Backwards"))
        for statuses in told.values():
            tell(forwards, *statuses)
        once = {name: (found(forwards, name), ledger(forwards, name)) for name in told}
        tell(forwards, *every, *every)
        for one in reversed(every):
            tell(backwards, one)
        tell(backwards, *every)
        assert forwards.table("private.dead_letters") == backwards.table("private.dead_letters") == []
        made = {name: Outcome(*once[name], ledger(forwards, name), found(backwards, name)) for name in told}
        db.rollback()
    return made


@pytest.mark.parametrize(("name", "expected"), [(name, case[1]) for name, case in CASES.items()], ids=CASES)
def test_price_is_what_the_rules_say_in_any_order_and_however_often(
    outcomes: dict[str, Outcome], name: str, expected: Expected
) -> None:
    outcome = outcomes[name]

    assert outcome.once == outcome.backwards == expected
    assert outcome.again == outcome.rows
    assert len(outcome.rows) == (expected is not None)


RECORDED = {
    "status_sent_marketing": None, "status_delivered_marketing_regular": M, "status_read_without_pricing": review("missing_pricing"),
    "status_read_only_with_pricing": U, "status_played": review("missing_pricing"), "status_delivered_utility_in_window_regular": U,
    "status_delivered_service_free_tier": ("0", "service", "free_customer_service", None),
    "status_delivered_service_regular": ("0.115", "service", REG, None),
    "status_delivered_free_entry_point": ("0", "referral_conversion", "free_entry_point", None),
    "status_delivered_marketing_lite_cost": ("0.71", "marketing_lite", REG, None),
    "status_conversation_based_old": None, "status_failed_payment": None,
    "status_failed_window_closed": None, "status_failed_marketing_opt_out": None,
}  # fmt: skip


@pytest.mark.parametrize("name", RECORDED)
def test_recorded_status_has_its_price(db: Database, business: Business, name: str) -> None:
    recorded = (PAYLOADS / f"{name}.json").read_bytes()
    wamid = json.loads(recorded)["entry"][0]["changes"][0]["value"]["statuses"][0]["id"]
    assert post(db, recorded)["dead"] == 0

    assert found(business, wamid) == RECORDED[name]
    assert {path.stem for path in PAYLOADS.glob("status_*.json")} == set(RECORDED)


# R1, R5, R6, R9: which messages ---------------------------------------------------------------------------


def test_message_that_flow_does_not_know_has_its_cost(business: Business) -> None:
    tell(business, delivered(MARKETING))
    (row,) = ledger(business)

    assert (row.entry, row.message_id, row.number_id, row.currency) == (
        "meta_cost",
        None,
        UUID(business.number_id),
        "INR",
    )
    assert business.table("public.messages") == []


def test_message_of_flow_that_failed_has_no_entry_at_all(billed: Business) -> None:
    message = billed.sent()
    tell(
        billed,
        sent(MARKETING, wamid=f"wamid.{message}"),
        said("failed", MARKETING, wamid=f"wamid.{message}", code=131026),
    )

    assert billed.message(message)["status"] == "failed"
    assert ledger(billed) == []


def test_message_of_flow_that_is_delivered_after_it_failed_is_charged(billed: Business) -> None:
    wamid = f"wamid.{billed.sent()}"
    tell(billed, said("failed", wamid=wamid, code=131026))
    tell(billed, delivered(UTILITY, wamid=wamid))

    assert (cost(billed, wamid).amount, markup(billed, wamid)) == (Decimal("0.115"), Decimal("0.615"))


def test_status_of_an_unknown_number_is_a_dead_letter_and_no_entry(db: Database, business: Business) -> None:
    value = {"metadata": {"phone_number_id": "770299999999999"}, "statuses": [delivered(MARKETING)]}
    before = db.value("select count(*) from public.usage_ledger")

    assert post(db, webhook({"field": "messages", "value": value}, waba=business.waba))["dead"] == 1
    assert db.value("select count(*) from public.usage_ledger") == before


def test_status_of_a_number_under_an_account_that_is_not_its_own_is_a_dead_letter_and_no_entry(
    db: Database, business: Business
) -> None:
    other = Business(db, fresh_org(db, "Other"))

    for waba in (other.waba, "880199999999999"):
        assert tell(business, delivered(MARKETING), waba=waba)["dead"] == 1
    assert ledger(business) == ledger(other) == []
    assert tell(business, delivered(MARKETING))["dead"] == 0
    assert len(ledger(business)) == 1


@pytest.mark.parametrize("told", [echo, history])
def test_message_from_the_phone_app_has_no_entry_whichever_comes_first(
    billed: Business, told: Callable[..., Json]
) -> None:
    assert told(billed, "wamid.before")["dead"] == 0
    tell(billed, delivered(MARKETING, wamid="wamid.before"), read(UTILITY, wamid="wamid.before"))
    assert ledger(billed, "wamid.before") == []

    tell(billed, delivered(MARKETING, wamid="wamid.after"))
    assert cost(billed, "wamid.after").amount == Decimal("0.8631")
    assert told(billed, "wamid.after")["dead"] == 0
    assert [row.amount for row in ledger(billed, "wamid.after")] == [Decimal("0.8631"), Decimal("-0.8631")]
    rows = ledger(billed)
    tell(billed, read(UTILITY, NOW - 60, wamid="wamid.after"), delivered(wamid="wamid.after"))
    told(billed, "wamid.after")
    assert ledger(billed) == rows
    assert standing(billed, wamid="wamid.after") is None


@pytest.mark.parametrize("told", [echo, history])
def test_message_of_flow_that_the_phone_app_names_loses_cost_and_markup(
    billed: Business, told: Callable[..., Json]
) -> None:
    wamid = f"wamid.{billed.sent()}"
    tell(billed, delivered(UTILITY, wamid=wamid))
    assert markup(billed, wamid)
    told(billed, wamid)

    assert standing(billed, "meta_cost", wamid) is standing(billed, "markup", wamid) is None


def test_echo_of_another_kind_names_its_message_too(billed: Business) -> None:
    tell(billed, delivered(MARKETING))
    reaction = {"message_id": "wamid.x", "emoji": "👍"}
    echo(billed, type="reaction", reaction=reaction)

    assert standing(billed) is None


def test_echo_of_another_organizations_phone_says_nothing_of_ours(db: Database, billed: Business) -> None:
    other = Business(db, fresh_org(db, "Other"))
    echo(other)
    tell(billed, delivered(MARKETING))
    tell(other, delivered(MARKETING))

    assert cost(billed).amount == Decimal("0.8631")
    assert ledger(other) == []


@pytest.mark.parametrize("at", ["1", "0", "000000000001", "999999999999", "1795000000"])
def test_moment_of_1_to_12_digits_counts(business: Business, at: str) -> None:
    assert tell(business, delivered(FREE, at))["dead"] == 0
    assert cost(business).seconds == int(at)


@pytest.mark.parametrize(
    "at", ["1795000000000", "", "soon", "-5", "1e9", "1795000000.5", " 1795000000", "१७९५००००००", "0x6b"]
)
def test_moment_that_is_none_is_a_dead_letter_and_counts_for_nothing(business: Business, at: str) -> None:
    assert tell(business, delivered(MARKETING, at))["dead"] == 1
    assert ledger(business) == []
    tell(business, delivered(UTILITY), read(MARKETING, at))
    assert (cost(business).category, cost(business).seconds) == ("utility", NOW)


def test_status_without_a_moment_is_a_dead_letter(business: Business) -> None:
    told = delivered(MARKETING)
    del told["timestamp"]

    assert tell(business, told)["dead"] == 1
    assert ledger(business) == []


# R4, R7, R10: the billable moment -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("statuses", "moment"),
    [
        pytest.param([delivered(MARKETING, NOW + 9), delivered(MARKETING, NOW + 5)], NOW + 5, id="of two copies the earlier"),
        pytest.param([delivered(MARKETING, NOW + 9), read(at=NOW + 5)], NOW + 5, id="read before delivered"),
        pytest.param([delivered(MARKETING, NOW + 9), said("played", at=NOW + 5)], NOW + 5, id="played before delivered"),
        pytest.param([sent(MARKETING, NOW), delivered(at=NOW + 9)], NOW + 9, id="not of sent, though it carries the price"),
        pytest.param([said("failed", at=NOW), delivered(MARKETING, NOW + 9)], NOW + 9, id="not of failed"),
        pytest.param([said("deleted", at=NOW), delivered(MARKETING, NOW + 9)], NOW + 9, id="not of deleted"),
        pytest.param([said("warning", at=NOW), delivered(MARKETING, NOW + 9)], NOW + 9, id="not of what is unknown"),
        pytest.param([read(MARKETING, NOW + 9), delivered(at=NOW + 5)], NOW + 5, id="not of the status with the price"),
    ],
)  # fmt: skip
def test_billable_moment_is_the_earliest_delivery(
    business: Business, statuses: list[Json], moment: int
) -> None:
    for one in statuses:
        tell(business, one)
    tell(business, *(one | {"id": "wamid.in.one.post"} for one in statuses))

    assert cost(business).seconds == cost(business, "wamid.in.one.post").seconds == moment


def test_earlier_moment_in_another_period_is_priced_by_its_own_rate(business: Business) -> None:
    tell(business, read(SERVICE, ist("2026-10-01T00:00:05")))
    assert cost(business).amount == Decimal("0.115")
    tell(business, delivered(SERVICE, ist("2026-09-30T23:59:55")))

    assert (cost(business).amount, cost(business).statement_month) == (0, "2026-09")


def test_moment_before_flow_sent_it_is_taken_as_given(billed: Business) -> None:
    wamid, at = f"wamid.{billed.sent()}", ist("2026-02-01T12:00")
    tell(billed, delivered(UTILITY, at, wamid=wamid))

    assert (cost(billed, wamid).seconds, cost(billed, wamid).statement_month) == (at, "2026-02")
    assert markup(billed, wamid) is None  # before the first version of the plan
