"""The usage ledger, rule by rule: what a message costs by what Meta told of it, whatever the order and number of statuses."""

from __future__ import annotations

import ast
import json
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from tests.business import PAYLOADS, Business, Json, call, fresh_org, post, status, webhook
from tests.database import LIMITS, Database
from tests.sql.catalogue import OURS
from tests.sql.money import CBP, ist, price

ROOT = Path(__file__).parents[2]
W = "wamid.w"
NOW = ist("2026-11-10T12:00")
JUNE, JUNE_2025 = ist("2026-06-15T12:00"), ist("2025-06-15T12:00")
ASHA, GULF, GERMANY = "919810000011", "971501234567", "4915112345678"
MARKETING, UTILITY, SERVICE = (price(name) for name in ("marketing", "utility", "service"))
FREE = price("utility", "free_customer_service")
PLAN = {
    "meta_billing": "flow",
    "markup": [
        {"from": "2026-04-01", "percent": "10", "per_message": "0.01", "minimum": "0.05"},
        {"from": "2026-11-01", "percent": "100", "per_message": "0.5", "minimum": "0.02",
         "categories": {"marketing": {"percent": "12.5"}, "service": {"minimum": "0.30"}, "authentication": {}}},
    ],
}  # fmt: skip
Maker = Callable[..., Business]

# How it is told, and how it is read ------------------------------------------------------------------------


def said(word: str, pricing: object = None, at: int | str = NOW, wamid: str = W, **more: object) -> Json:
    """A status, to Asha in India unless told otherwise; with a price if one is given."""
    return status(wamid, word, **({} if pricing is None else {"pricing": pricing}), **more) | {
        "timestamp": str(at)
    }


def delivered(pricing: object = None, at: int | str = NOW, wamid: str = W, **more: object) -> Json:
    """A status `delivered`."""
    return said("delivered", pricing, at, wamid, **more)


def read(pricing: object = None, at: int | str = NOW, wamid: str = W, **more: object) -> Json:
    """A status `read`."""
    return said("read", pricing, at, wamid, **more)


def sent(pricing: object = None, at: int | str = NOW, wamid: str = W, **more: object) -> Json:
    """A status `sent`."""
    return said("sent", pricing, at, wamid, **more)


def number(digits: str) -> str:
    """Stands for a JSON number of exactly these digits."""
    return f"#{digits}#"


def tell(business: Business, *statuses: Json, waba: str | None = None) -> Json:
    """Take statuses in one POST; what stands for a number is one there."""
    body = json.dumps(webhook(business.change({"statuses": list(statuses)}), waba=waba or business.waba))
    return post(business.db, re.sub('"#(.*?)#"', r"\1", body).encode())


def from_phone(wamid: str) -> Json:
    """A message as the phone app has it."""
    ids = {"from": "911140000001", "to": ASHA, "id": wamid}
    return {**ids, "timestamp": str(NOW), "type": "text", "text": {"body": "hi"}}


def echo(business: Business, wamid: str = W, **more: object) -> Json:
    """The phone app names a message that was sent from it."""
    value = {"message_echoes": [from_phone(wamid) | more]}
    return post(business.db, webhook(business.change(value, field="smb_message_echoes"), waba=business.waba))


def history(business: Business, wamid: str = W) -> Json:
    """The history of the phone app names a message that was sent from it."""
    value = {
        "history": [{"metadata": {"phase": 1}, "threads": [{"id": ASHA, "messages": [from_phone(wamid)]}]}]
    }
    return post(business.db, webhook(business.change(value, field="history"), waba=business.waba))


@dataclass(frozen=True)
class Row:
    """A row of the ledger."""

    id: int
    wamid: str
    entry: str
    amount: Decimal
    currency: str
    category: str | None
    pricing_type: str | None
    seconds: int
    needs_review: bool
    review_reason: str | None
    reverses: int | None
    statement_month: str
    is_billed: bool
    number_id: UUID
    message_id: int | None
    source: str
    market: str | None
    time_zone: str | None
    rate: Decimal | None
    rate_verified: bool | None
    note: str | None


def ledger(business: Business, wamid: str | None = None, by: Database | None = None) -> list[Row]:
    """The ledger's rows in the order in which they were booked, of one message or of all."""
    columns = ", ".join(Row.__annotations__).replace(
        "seconds", "floor(extract(epoch from billable_at))::bigint"
    )
    rows = (by or business.db).rows(
        f"select {columns} from public.usage_ledger where org_id = %s and wamid = coalesce(%s, wamid) order by id",
        business.org_id, wamid,
    )  # fmt: skip
    return [Row(*row) for row in rows]


def standing(business: Business, entry: str = "meta_cost", wamid: str = W) -> Row | None:
    """The live entry of a message, after proof that there is one at most and that the rows add up to it."""
    rows = [row for row in ledger(business, wamid) if row.entry == entry]
    taken_back = [row.reverses for row in rows if row.reverses]
    live = [row for row in rows if not row.reverses and row.id not in taken_back]
    assert len(live) <= 1, live
    assert len(taken_back) == len(set(taken_back))
    assert sum(row.amount for row in rows) == sum(row.amount for row in live), rows
    return live[0] if live else None


def cost(business: Business, wamid: str = W) -> Row:
    """The live entry of Meta's cost, which there must be."""
    found = standing(business, "meta_cost", wamid)
    assert found, ledger(business)
    return found


def markup(business: Business, wamid: str = W) -> Decimal | None:
    """The amount of the live markup."""
    found = standing(business, "markup", wamid)
    assert not found or found.source == "markup"
    return found and found.amount


def plan(business: Business, given: Json = PLAN) -> None:
    """Set the plan."""
    call(business.db, "set_billing_plan", org_id=business.org_id, plan=given)


def closed(business: Business, month: str) -> None:
    """Close a month, as far as the ledger is concerned."""
    business.db.execute(
        "insert into public.ledger_closings (org_id, closed_through) values (%s, %s)"
        " on conflict (org_id) do update set closed_through = excluded.closed_through",
        [business.org_id, f"{month}-01"],
    )


def account(business: Business, **values: str | None) -> None:
    """Change the account."""
    changes = ", ".join(f"{column} = %s" for column in values)
    business.db.execute(
        f"update public.whatsapp_accounts set {changes} where id = %s",
        [*values.values(), business.account_id],
    )


def gulf(db: Database) -> None:
    """Make a second market known."""
    rates = [{"category": name, "rate": rate, "from": "2025-07-01"} for name, rate in (("marketing", "3.141593"), ("utility", "1.3"))]  # fmt: skip
    call(db, "import_rates", card={"market": "Testland", "iso": "AE", "calling_codes": ["971"], "currency": "INR", "rates": rates})  # fmt: skip


@pytest.fixture
def billed(business: Business) -> Business:
    """A business with the plan of these tests."""
    plan(business)
    return business


# Rule by rule ----------------------------------------------------------------------------------------------

Expected = tuple[str, str | None, str | None, str | None] | None  # amount, category, pricing type, reason


def review(reason: str, category: str | None = None, pricing_type: str | None = None) -> Expected:
    """What waits for a person or a later status."""
    return "0", category, pricing_type, reason


REG = "regular"
M, U = ("0.8631", "marketing", REG, None), ("0.115", "utility", REG, None)
A = "authentication_international"
PMP = {"pricing_model": "PMP"}
CONFLICT = review("conflicting_pricing")


def named(
    amount: object, currency: object = "INR", category: str | None = "marketing", **more: object
) -> Json:
    """A price that names its cost; the currency may be left out."""
    unit = {} if currency is ... else {"currency": currency}
    return price(category, cost=({} if amount is ... else {"amount": amount}) | unit, **more)


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


def found(business: Business, wamid: str = W) -> Expected:
    """What the live entry of Meta's cost says."""
    row = standing(business, "meta_cost", wamid)
    if not row:
        return None
    assert row.needs_review == (row.review_reason is not None)
    return f"{row.amount.normalize():f}", row.category, row.pricing_type, row.review_reason


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


# R1, R5, R6, R9: which messages ------------------------------------------------------------------------------


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


# R4, R7, R10: the billable moment ----------------------------------------------------------------------------


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


# R8: zones ----------------------------------------------------------------------------------------------------

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


# R11 to R14: the price -----------------------------------------------------------------------------------------

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


# R20, R21: money -----------------------------------------------------------------------------------------------


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


# R22, R23, R25: the plan ---------------------------------------------------------------------------------------


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


# R24: whose message --------------------------------------------------------------------------------------------


def test_message_of_another_app_has_a_cost_and_no_markup(billed: Business) -> None:
    tell(billed, delivered(UTILITY))

    assert [(row.entry, row.amount) for row in ledger(billed)] == [("meta_cost", Decimal("0.115"))]


def test_markup_is_written_when_flow_learns_late_that_it_sent_the_message(billed: Business) -> None:
    (message,) = billed.send("+919810000011")
    claim = billed.claim()
    tell(billed, delivered(UTILITY, wamid=f"wamid.{message}"))
    rows = ledger(billed, f"wamid.{message}")
    assert [row.entry for row in rows] == ["meta_cost"]
    billed.record(claim)

    late = ledger(billed, f"wamid.{message}")
    assert late[:1] == rows
    assert [(row.entry, row.amount, row.message_id) for row in late[1:]] == [
        ("markup", Decimal("0.615"), message)
    ]
    billed.record(claim)
    assert ledger(billed, f"wamid.{message}") == late


def test_markup_is_written_when_the_answer_comes_after_its_lease_has_passed_to_another(
    billed: Business,
) -> None:
    (message,) = billed.send("+919810000011")
    claim = billed.claim()
    tell(billed, delivered(UTILITY, wamid=f"wamid.{message}"))
    billed.record(claim | {"lease": str(uuid4())})

    assert billed.message(message)["status"] == "delivered"
    assert markup(billed, f"wamid.{message}") == Decimal("0.615")


def test_markup_is_written_when_a_later_status_names_the_message(billed: Business) -> None:
    message = billed.sent()
    tell(billed, delivered(UTILITY))
    assert markup(billed) is None
    tell(billed, sent(biz_opaque_callback_data=f"flow.{message}"))

    assert markup(billed) == Decimal("0.615")


def test_callback_id_names_a_message_whose_answer_never_came(billed: Business) -> None:
    (message,) = billed.send("+919810000011")
    billed.record(billed.claim(), outcome="unknown")
    tell(billed, delivered(UTILITY, biz_opaque_callback_data=f"flow.{message}"))

    assert (billed.message(message)["wamid"], markup(billed)) == (W, Decimal("0.615"))


def test_message_that_went_out_twice_is_charged_twice(billed: Business) -> None:
    message = billed.sent()
    known = f"wamid.{message}"
    tell(
        billed, delivered(UTILITY, wamid=known, biz_opaque_callback_data=f"flow.{message}"),
        delivered(UTILITY, wamid="wamid.again", biz_opaque_callback_data=f"flow.{message}"),
    )  # fmt: skip

    for wamid in (known, "wamid.again"):
        assert (cost(billed, wamid).amount, markup(billed, wamid)) == (Decimal("0.115"), Decimal("0.615"))
        assert cost(billed, wamid).message_id == message


def test_callback_id_of_another_organizations_message_gives_no_markup(db: Database, billed: Business) -> None:
    other = Business(db, fresh_org(db, "Other"))
    plan(other)
    theirs = other.sent()
    tell(billed, delivered(UTILITY, biz_opaque_callback_data=f"flow.{theirs}"))

    assert [(row.entry, row.message_id) for row in ledger(billed)] == [("meta_cost", None)]
    assert ledger(other) == []


def test_wamid_of_another_organizations_message_gives_no_markup(db: Database, billed: Business) -> None:
    other = Business(db, fresh_org(db, "Other"))
    plan(other)
    theirs = f"wamid.{other.sent()}"
    tell(billed, delivered(UTILITY, wamid=theirs))

    assert [row.entry for row in ledger(billed)] == ["meta_cost"]
    assert ledger(other) == []


@pytest.mark.parametrize(
    "callback", ["flow.999999999999999999", "flow.", "flow.x", "{id}", "Flow.{id}", "flow.{id} ", "flow.-1"]
)
def test_callback_that_names_no_message_gives_no_markup(billed: Business, callback: str) -> None:
    told = callback.format(id=billed.sent())
    assert tell(billed, delivered(UTILITY, biz_opaque_callback_data=told))["dead"] == 0

    assert [row.entry for row in ledger(billed)] == ["meta_cost"]


def test_callback_id_of_a_message_that_was_received_gives_no_markup(billed: Business) -> None:
    billed.hear(
        {"from": ASHA, "id": "wamid.in", "timestamp": str(NOW), "type": "text", "text": {"body": "Hi"}}
    )
    inbound = billed.message("wamid.in")["id"]
    tell(billed, delivered(UTILITY, biz_opaque_callback_data=f"flow.{inbound}"))

    assert [row.entry for row in ledger(billed)] == ["meta_cost"]


# Disconnected, and moved ---------------------------------------------------------------------------------------


def test_disconnected_number_is_charged_for_what_it_sent_and_for_nothing_else(
    db: Database, billed: Business
) -> None:
    wamid = f"wamid.{billed.sent()}"
    tell(billed, delivered(UTILITY, wamid="wamid.before"))
    call(db, "disconnect_whatsapp", org_id=billed.org_id)
    tell(
        billed,
        delivered(UTILITY, wamid=wamid),
        delivered(UTILITY, wamid="wamid.foreign"),
        read(MARKETING, wamid="wamid.before"),
    )

    assert (cost(billed, wamid).amount, markup(billed, wamid)) == (Decimal("0.115"), Decimal("0.615"))
    assert ledger(billed, "wamid.foreign") == []
    assert cost(billed, "wamid.before").review_reason == "conflicting_pricing"  # a message of its time


def test_paused_number_is_charged_like_any_other(db: Database, business: Business) -> None:
    db.execute(
        "update public.whatsapp_numbers set status = 'paused', paused_reason = 'x' where id = %s",
        [business.number_id],
    )
    tell(business, delivered(UTILITY))

    assert cost(business).amount == Decimal("0.115")


@pytest.fixture
def moved(db: Database) -> tuple[Business, Business, int, int]:
    """A number that moved from one organization to another: what each sent by it, the first before the move."""
    first = Business(db, fresh_org(db, "First"))
    plan(first)
    one, late = first.send("+919810000011", "+919810000022")
    claim = first.claim()
    first.record(claim, only=[one])
    call(db, "disconnect_whatsapp", org_id=first.org_id)
    second = Business(db, fresh_org(db, "Second"), waba=first.waba, number=first.phone_number_id)
    plan(second, {"markup": [{"from": "2020-01-01", "per_message": "3"}]})
    first.late = lambda: first.record(claim, only=[late])  # type: ignore[attr-defined]
    return first, second, one, late


def holders(wamid: str, *businesses: Business) -> list[int]:
    """Which of them have a live entry of the message."""
    return [n for n, business in enumerate(businesses) if standing(business, "meta_cost", wamid)]


def test_message_is_in_the_ledger_of_who_sent_it_though_the_number_moved(
    moved: tuple[Business, Business, int, int],
) -> None:
    first, second, one, _ = moved
    theirs = second.sent("+919810000033")
    tell(
        second,
        *(delivered(UTILITY, wamid=wamid) for wamid in (f"wamid.{one}", f"wamid.{theirs}", "wamid.foreign")),
    )

    assert holders(f"wamid.{one}", first, second) == [0]
    assert holders(f"wamid.{theirs}", first, second) == [1]
    assert holders("wamid.foreign", first, second) == [1]
    assert markup(first, f"wamid.{one}") == Decimal("0.615")
    assert markup(second, f"wamid.{theirs}") == Decimal(3)
    assert ledger(second, f"wamid.{one}") == ledger(first, f"wamid.{theirs}") == []


@pytest.mark.parametrize("is_named", [False, True], ids=["bare", "with the callback id"])
def test_message_whose_answer_comes_after_the_move_leaves_the_other_ledger(
    moved: tuple[Business, Business, int, int], is_named: bool
) -> None:
    first, second, _, late = moved
    wamid = f"wamid.{late}"
    callback = {"biz_opaque_callback_data": f"flow.{late}"} if is_named else {}
    tell(second, delivered(UTILITY, wamid=wamid, **callback))
    first.late()  # type: ignore[attr-defined]
    tell(second, read(UTILITY, wamid=wamid, **callback))

    assert holders(wamid, first, second) == [0]
    assert (markup(first, wamid), markup(second, wamid)) == (Decimal("0.615"), None)
    assert sum(row.amount for row in ledger(second, wamid)) == 0


def test_message_that_was_charged_before_the_move_is_not_charged_again_by_a_later_status(
    db: Database,
) -> None:
    first = Business(db, fresh_org(db, "First"))
    tell(first, delivered(UTILITY))
    call(db, "disconnect_whatsapp", org_id=first.org_id)
    second = Business(db, fresh_org(db, "Second"), waba=first.waba, number=first.phone_number_id)
    tell(second, read(UTILITY))

    assert holders(W, first, second) == [0]


# R27, R28: months ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("at", "month"),
    [
        ("2026-10-31T23:59:59", "2026-10"),
        ("2026-11-01T00:00:00", "2026-11"),
        ("2026-12-31T23:59:59", "2026-12"),
        ("2028-02-29T12:00", "2028-02"),
    ],
)
@pytest.mark.parametrize("zone", ["Asia/Kolkata", "America/New_York", "Pacific/Auckland"])
def test_month_is_that_of_india(business: Business, zone: str, at: str, month: str) -> None:
    account(business, time_zone=zone)
    tell(business, delivered(MARKETING, ist(at)))

    assert cost(business).statement_month == month


def test_month_of_a_moment_beyond_the_year_9999_is_one(business: Business) -> None:
    tell(business, delivered(FREE, "999999999999"))
    assert cost(business).statement_month == "33658-09"


OCTOBER, LATE_OCTOBER, NOVEMBER = (ist(f"2026-{day}T12:00") for day in ("10-10", "10-20", "11-10"))
Brief = tuple[str, str, str | None, str, bool]


def brief(rows: list[Row]) -> list[Brief]:
    """What rows say, without what never differs."""
    return [
        (row.entry, f"{row.amount:.4f}", row.category, row.statement_month, row.reverses is not None)
        for row in rows
    ]


def test_new_message_of_a_closed_month_is_booked_as_itself_in_the_first_open_one(billed: Business) -> None:
    wamid = f"wamid.{billed.sent()}"
    closed(billed, "2026-11")
    tell(billed, delivered(UTILITY, OCTOBER, wamid))

    assert brief(ledger(billed)) == [
        ("markup", "0.0500", "utility", "2026-12", False), ("meta_cost", "0.1150", "utility", "2026-12", False),
    ]  # fmt: skip
    assert cost(billed, wamid).seconds == OCTOBER


def test_price_that_changes_after_the_closing_is_taken_back_and_booked_in_the_next_month(
    billed: Business,
) -> None:
    wamid = f"wamid.{billed.sent()}"
    tell(billed, sent(MARKETING, OCTOBER, wamid), delivered(at=OCTOBER, wamid=wamid))
    rows = ledger(billed)
    closed(billed, "2026-10")
    tell(billed, read(UTILITY, LATE_OCTOBER, wamid))

    assert ledger(billed)[:2] == rows
    assert brief(ledger(billed)) == [
        ("markup", "0.0963", "marketing", "2026-10", False), ("meta_cost", "0.8631", "marketing", "2026-10", False),
        ("markup", "-0.0963", "marketing", "2026-11", True), ("meta_cost", "-0.8631", "marketing", "2026-11", True),
        ("markup", "0.0500", "utility", "2026-11", False), ("meta_cost", "0.1150", "utility", "2026-11", False),
    ]  # fmt: skip


def test_price_that_comes_after_the_closing_takes_the_review_back_in_the_next_month(
    business: Business,
) -> None:
    tell(business, delivered(at=OCTOBER))
    closed(business, "2026-10")
    tell(business, read(MARKETING, LATE_OCTOBER))

    assert brief(ledger(business)) == [
        ("meta_cost", "0.0000", None, "2026-10", False), ("meta_cost", "0.0000", None, "2026-11", True),
        ("meta_cost", "0.8631", "marketing", "2026-11", False),
    ]  # fmt: skip
    assert [row.needs_review for row in ledger(business)] == [True, True, False]


def test_category_that_changes_alone_is_a_changed_price(business: Business) -> None:
    tell(business, sent(UTILITY, OCTOBER), delivered(at=OCTOBER))
    closed(business, "2026-10")
    tell(business, read(price("authentication"), LATE_OCTOBER))

    assert brief(ledger(business))[1:] == [
        ("meta_cost", "-0.1150", "utility", "2026-11", True), ("meta_cost", "0.1150", "authentication", "2026-11", False),
    ]  # fmt: skip


def test_correction_of_a_correction_goes_to_the_month_that_is_open_then(business: Business) -> None:
    tell(business, said("failed", MARKETING, OCTOBER), delivered(at=OCTOBER))
    closed(business, "2026-10")
    tell(business, sent(UTILITY, OCTOBER))
    closed(business, "2026-11")
    tell(business, read(FREE, OCTOBER))

    assert brief(ledger(business)) == [
        ("meta_cost", "0.8631", "marketing", "2026-10", False), ("meta_cost", "-0.8631", "marketing", "2026-11", True),
        ("meta_cost", "0.1150", "utility", "2026-11", False), ("meta_cost", "-0.1150", "utility", "2026-12", True),
        ("meta_cost", "0.0000", "utility", "2026-12", False),
    ]  # fmt: skip


def test_moment_alone_books_nothing_in_a_closed_month(billed: Business) -> None:
    wamid = f"wamid.{billed.sent()}"
    tell(billed, delivered(UTILITY, LATE_OCTOBER, wamid))
    rows = ledger(billed)
    closed(billed, "2026-10")
    for at in (LATE_OCTOBER - 60, OCTOBER, ist("2026-09-30T12:00")):
        tell(billed, read(UTILITY, at, wamid))
    assert ledger(billed) == rows

    # The moment is known all the same, where it changes the rate.
    tell(billed, said("played", at=ist("2025-06-30T12:00"), wamid=wamid))
    assert cost(billed, wamid).review_reason == "no_rate"


def test_moment_alone_moves_a_message_while_its_month_is_open(billed: Business) -> None:
    wamid = f"wamid.{billed.sent()}"
    tell(billed, delivered(MARKETING, NOVEMBER, wamid))
    tell(billed, read(MARKETING, LATE_OCTOBER, wamid))
    assert brief(ledger(billed)) == [
        ("markup", "0.1079", "marketing", "2026-11", False), ("meta_cost", "0.8631", "marketing", "2026-11", False),
        ("markup", "-0.1079", "marketing", "2026-11", True), ("meta_cost", "-0.8631", "marketing", "2026-11", True),
        ("markup", "0.0963", "marketing", "2026-10", False), ("meta_cost", "0.8631", "marketing", "2026-10", False),
    ]  # fmt: skip

    rows = ledger(billed)
    tell(billed, read(MARKETING, LATE_OCTOBER - 60, wamid))
    assert [row.statement_month for row in ledger(billed)[len(rows) :]] == ["2026-10"] * 4
    assert cost(billed, wamid).seconds == LATE_OCTOBER - 60


def test_moment_in_a_closed_month_leaves_a_message_of_the_open_one_where_it_is(business: Business) -> None:
    closed(business, "2026-10")
    tell(business, delivered(MARKETING, NOVEMBER))
    tell(business, read(MARKETING, OCTOBER))

    assert {row.statement_month for row in ledger(business)} == {"2026-11"}
    assert (cost(business).amount, cost(business).seconds) == (Decimal("0.8631"), OCTOBER)


def test_markup_that_is_due_late_is_booked_in_the_open_month_beside_the_closed_cost(billed: Business) -> None:
    (message,) = billed.send("+919810000011")
    claim = billed.claim()
    tell(billed, delivered(UTILITY, OCTOBER, f"wamid.{message}"))
    closed(billed, "2026-10")
    billed.record(claim)

    assert brief(ledger(billed)) == [
        ("meta_cost", "0.1150", "utility", "2026-10", False), ("markup", "0.0500", "utility", "2026-11", False),
    ]  # fmt: skip


def test_echo_after_the_closing_is_taken_back_in_the_open_month(business: Business) -> None:
    tell(business, delivered(MARKETING, OCTOBER))
    closed(business, "2026-10")
    echo(business)

    assert brief(ledger(business)) == [
        ("meta_cost", "0.8631", "marketing", "2026-10", False), ("meta_cost", "-0.8631", "marketing", "2026-11", True),
    ]  # fmt: skip


def test_closing_of_one_organization_says_nothing_of_another(db: Database, business: Business) -> None:
    other = Business(db, fresh_org(db, "Other"))
    closed(other, "2026-12")
    tell(business, delivered(MARKETING, OCTOBER))

    assert cost(business).statement_month == "2026-10"


# Append-only ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "attempt",
    [
        "update public.usage_ledger set amount = 0",
        "update public.usage_ledger set note = 'x'",
        "update public.usage_ledger set statement_month = '2026-12', is_billed = false",
        "delete from public.usage_ledger",
        "truncate public.usage_ledger",
        "truncate public.usage_ledger cascade",
    ],
)
def test_ledger_is_append_only_for_its_owner_too(db: Database, business: Business, attempt: str) -> None:
    tell(business, delivered(MARKETING))
    rows = ledger(business)
    assert db.value("select tableowner from pg_tables where tablename = 'usage_ledger'") == db.value(
        "select current_user"
    )
    refusal = db.refusal(attempt)

    assert (refusal.sqlstate, refusal.detail) == ("PT405", "append_only")
    assert ledger(business) == rows


COPIED = (
    "org_id, wamid, entry, amount, currency, category, pricing_type, billable_at, needs_review, review_reason, reverses, statement_month,"
    " version, is_billed, account_id, number_id, source"
)


def copied(**other: str) -> str:
    """A statement that inserts a row like the first of the ledger, with other values."""
    columns = [other.get(column, column) for column in COPIED.split(", ")]
    return f"insert into public.usage_ledger ({COPIED}) select {', '.join(columns)} from public.usage_ledger where id = %s"


@pytest.mark.parametrize(
    ("other", "constraint"),
    [
        pytest.param({}, "ledger_entry_is_booked_once", id="two live rows"),
        pytest.param({"amount": "-amount"}, "ledger_amount_is_negative_only_when_it_reverses", id="negative amount"),
        pytest.param({"version": "99", "reverses": "id"}, "ledger_amount_is_negative_only_when_it_reverses", id="reversal with a positive amount"),
        pytest.param({"version": "99", "needs_review": "true"}, "ledger_review_has_a_reason_and_no_amount", id="review without a reason"),
        pytest.param({"version": "99", "needs_review": "true", "review_reason": "'no_rate'"}, "ledger_review_has_a_reason_and_no_amount", id="review with an amount"),
        pytest.param({"version": "99", "entry": "'tax'"}, "ledger_entry_kind_is_known", id="unknown kind"),
        pytest.param({"version": "99", "statement_month": "'2026-13'"}, "ledger_month_is_a_month", id="month that is none"),
        pytest.param({"version": "99", "reverses": "id + 999999", "amount": "-amount"}, "ledger_entry_reverses_one_of_its_organization", id="reversal of nothing"),
    ],
)  # fmt: skip
def test_table_itself_refuses_what_the_ledger_never_writes(
    db: Database, business: Business, other: dict[str, str], constraint: str
) -> None:
    tell(business, delivered(MARKETING))
    row = cost(business)
    refusal = db.refusal(copied(**other), row.id)

    assert constraint in refusal.message
    assert ledger(business) == [row]


def test_row_is_taken_back_once(db: Database, business: Business) -> None:
    tell(business, delivered(MARKETING))
    row = cost(business)
    db.execute(copied(reverses="id", amount="-amount"), [row.id])

    assert (
        "ledger_entry_is_taken_back_once"
        in db.refusal(copied(reverses="id", amount="-amount"), row.id).message
    )


# Many at once ----------------------------------------------------------------------------------------------------


def at_once(connect: Callable[[], Database], *works: Callable[[Database], object]) -> None:
    """Let everybody work on a connection of their own, all from one moment on."""
    barrier = threading.Barrier(len(works))
    troubles: list[BaseException] = []

    def run(work: Callable[[Database], object], db: Database) -> None:
        try:
            barrier.wait(20)
            work(db)
        except BaseException as trouble:  # noqa: BLE001
            troubles.append(trouble)

    threads = [threading.Thread(target=run, args=(work, connect())) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert troubles == []


def posted(db: Database, body: Json) -> Json:
    """Hand a webhook to the database, after a deadlock once more and at most twice, as the worker does."""
    for left in (2, 1, 0):
        try:
            return post(db, body)
        except psycopg.errors.DeadlockDetected:
            if not left:
                raise
    raise AssertionError


def test_same_statuses_from_8_connections_at_once_give_one_live_entry_each(
    lasting: Maker, connect: Callable[[], Database]
) -> None:
    business = lasting()
    plan(business)
    ids = business.send(*(f"+91981000{n:04}" for n in range(12)))
    business.record(business.claim())
    wamids = [*(f"wamid.{message}" for message in ids), *(f"wamid.foreign.{n}" for n in range(12))]
    told = [
        one
        for n, wamid in enumerate(wamids)
        for one in (
            sent(MARKETING, NOW, wamid),
            delivered(None, NOW + 30 + n, wamid),
            read(UTILITY if n % 2 else None, NOW + 60, wamid),
        )
    ]

    def work(mine: int) -> Callable[[Database], object]:
        # Each in an order and in POSTs of its own.
        order = told[mine * 7 :] + told[: mine * 7]
        order = order[::-1] if mine % 2 else order
        size = (len(order), 9, 1, 25)[mine % 4]
        bodies = [
            webhook(business.change({"statuses": order[i : i + size]}), waba=business.waba)
            for i in range(0, len(order), size)
        ]
        return lambda db: [posted(db, body) for body in bodies]

    at_once(connect, *(work(mine) for mine in range(8)))

    assert business.table("private.dead_letters") == []
    for n, wamid in enumerate(wamids):
        row = cost(business, wamid)
        assert (row.category, row.amount) == (
            ("utility", Decimal("0.115")) if n % 2 else ("marketing", Decimal("0.8631"))
        )
        assert row.seconds == NOW + 30 + n
        expected = (Decimal("0.615") if n % 2 else Decimal("0.107888")) if n < 12 else None
        assert markup(business, wamid) == expected
    rows = ledger(business)
    tell(business, *told)
    assert ledger(business) == rows


def test_one_status_from_8_connections_at_once_is_one_row(
    lasting: Maker, connect: Callable[[], Database]
) -> None:
    business = lasting()
    for n in range(10):
        body = webhook(
            business.change({"statuses": [delivered(UTILITY, wamid=f"wamid.{n}")]}), waba=business.waba
        )
        at_once(connect, *([lambda db, body=body: post(db, body)] * 8))

    assert [(row.wamid, row.amount) for row in ledger(business)] == [
        (f"wamid.{n}", Decimal("0.115")) for n in range(10)
    ]


def test_answer_and_status_at_once_are_one_cost_and_one_markup(
    lasting: Maker, connect: Callable[[], Database]
) -> None:
    business = lasting()
    plan(business)
    for n in range(10):
        (message,) = business.send(f"+9198100{n:05}")
        claim = business.claim()
        results = [
            {
                "org_id": str(business.org_id),
                "message_id": message,
                "outcome": "accepted",
                "wamid": f"wamid.{message}",
            }
        ]
        body = webhook(
            business.change({"statuses": [delivered(UTILITY, wamid=f"wamid.{message}")]}), waba=business.waba
        )
        at_once(
            connect,
            lambda db, body=body: post(db, body),  # type: ignore[misc]
            lambda db, claim=claim, results=results: call(  # type: ignore[misc]
                db, "record_results", lease=claim["lease"], results=results, uncertain_after_seconds=900
            ),
        )

    # Stored at the same moment they do not see each other; what is swept up for the message is for its markup too.
    business.db.execute("select private.sweep()")
    for (message,) in business.db.rows("select id from public.messages where org_id = %s", business.org_id):
        assert business.message(message)["status"] == "delivered"
        assert sorted(row.entry for row in ledger(business, f"wamid.{message}")) == ["markup", "meta_cost"]
        assert markup(business, f"wamid.{message}") == Decimal("0.615")


def until_it_waits(db: Database, other: Database) -> None:
    """Wait until a connection waits for a lock of another."""
    for _ in range(400):
        if db.value("select cardinality(pg_blocking_pids(%s)) > 0", other.info.backend_pid):
            return
        time.sleep(0.01)
    raise AssertionError("it waits for nobody")


def test_booking_waits_for_a_closing_and_goes_to_the_next_month(
    lasting: Maker, connect: Callable[[], Database]
) -> None:
    business, closer, poster, watcher = lasting(), connect(), connect(), connect()
    body = webhook(business.change({"statuses": [delivered(UTILITY, OCTOBER)]}), waba=business.waba)
    thread = threading.Thread(target=post, args=(poster, body))
    with closer.transaction():
        closer.execute("select pg_advisory_xact_lock(private.ledger_lock(%s))", [business.org_id])
        closer.execute(
            "insert into public.ledger_closings (org_id, closed_through) values (%s, '2026-10-01')",
            [business.org_id],
        )
        thread.start()
        until_it_waits(watcher, poster)
        assert ledger(business, by=watcher) == []
    thread.join(20)

    (row,) = ledger(business)
    assert (row.seconds, row.statement_month, row.amount) == (OCTOBER, "2026-11", Decimal("0.115"))


def test_correction_waits_for_a_closing_and_leaves_the_closed_month_alone(
    lasting: Maker, connect: Callable[[], Database]
) -> None:
    business, closer, poster, watcher = lasting(), connect(), connect(), connect()
    tell(business, sent(MARKETING, OCTOBER), delivered(at=OCTOBER))
    body = webhook(business.change({"statuses": [read(UTILITY, OCTOBER - 60)]}), waba=business.waba)
    thread = threading.Thread(target=post, args=(poster, body))
    with closer.transaction():
        closer.execute("select pg_advisory_xact_lock(private.ledger_lock(%s))", [business.org_id])
        closer.execute(
            "insert into public.ledger_closings (org_id, closed_through) values (%s, '2026-10-01')",
            [business.org_id],
        )
        thread.start()
        until_it_waits(watcher, poster)
    thread.join(20)

    assert [(row.category, row.statement_month) for row in ledger(business)] == [
        ("marketing", "2026-10"), ("marketing", "2026-11"), ("utility", "2026-11"),
    ]  # fmt: skip


def test_plan_that_is_being_replaced_while_a_message_is_priced_reprices_nothing_later(
    lasting: Maker, connect: Callable[[], Database]
) -> None:
    business, poster = lasting(), connect()
    plan(business, {"markup": [{"from": "2020-01-01", "per_message": "1"}]})
    message = business.sent()
    wamid, operator = f"wamid.{message}", connect()
    body = webhook(business.change({"statuses": [delivered(UTILITY, wamid=wamid)]}), waba=business.waba)
    thread = threading.Thread(target=post, args=(poster, body))
    with operator.transaction():
        given = {"markup": [{"from": "2020-01-01", "per_message": "7"}]}
        call(operator, "set_billing_plan", org_id=business.org_id, plan=given)
        thread.start()
        thread.join(1)  # it may go on by the old plan, or wait for the new one
    thread.join(20)
    priced = markup(business, wamid)
    assert priced in (1, 7)
    tell(business, read(UTILITY, NOW - 60, wamid))

    assert cost(business, wamid).seconds == NOW - 60
    assert markup(business, wamid) == priced


def test_closing_of_one_organization_holds_up_no_other(
    lasting: Maker, connect: Callable[[], Database]
) -> None:
    business, other, closer = lasting(), lasting(), connect()
    with closer.transaction():
        closer.execute("select pg_advisory_xact_lock(private.ledger_lock(%s))", [other.org_id])
        business.db.execute("set lock_timeout = '2s'")
        assert tell(business, delivered(UTILITY))["dead"] == 0

    assert cost(business).amount == Decimal("0.115")


# Never binary -----------------------------------------------------------------------------------------------------

MONEY_SQL = sorted(path for path in (ROOT / "sql").glob("*.sql") if re.match("8[4-9]|9[0-8]", path.name))
SHEET = ROOT / "workers/billing/sheet.py"  # draws: millimetres and points are binary, amounts come as text
MONEY_PYTHON = sorted(
    {
        *ROOT.glob("workers/billing/**/*.py"), *ROOT.glob("workers/cli/ledger*.py"), *ROOT.glob("workers/cli/rates*.py"),
        *ROOT.glob("workers/cli/wallet*.py"), *ROOT.glob("workers/meta/analytics.py"),
    } - {SHEET}
)  # fmt: skip
BINARY_SQL = re.compile(r"\b(float[48]?|double\s+precision|real)\b(?!\s*\()", re.IGNORECASE)


def code_of(sql: str) -> str:
    """SQL without its comments and its texts, among them `comment on`."""
    return re.sub(r"'(?:[^']|'')*'|--[^\n]*", " ", sql)


@pytest.mark.parametrize("path", MONEY_SQL, ids=lambda path: path.name)
def test_sql_of_money_names_no_binary_number(path: Path) -> None:
    assert BINARY_SQL.findall(code_of(path.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize(
    "sql",
    ["select x::float", "v float8;", "a double  precision", "cast(x as REAL)", "returns float4"],
)
def test_search_for_binary_numbers_finds_them(sql: str) -> None:
    assert BINARY_SQL.findall(code_of(f"-- real\nselect 'a float' || {sql}")) != []
    assert len(MONEY_SQL) >= 10


BINARY = """
  select f.name from fn f
   where exists (select from unnest(coalesce(f.proallargtypes, f.proargtypes::oid[]) || f.prorettype) t
                  where t in ('real'::regtype, 'float8'::regtype, 'money'::regtype, 'real[]'::regtype, 'float8[]'::regtype, 'money[]'::regtype))
  union all
  select c.oid::regclass || '.' || a.attname from pg_class c
    join ns on ns.oid = c.relnamespace join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
   where a.atttypid in ('real'::regtype, 'float8'::regtype, 'money'::regtype, 'real[]'::regtype, 'float8[]'::regtype, 'money[]'::regtype)
  union all
  select f.name from fn f
   cross join lateral (select f.prosrc || coalesce(pg_get_function_sqlbody(f.oid), '') as body) b
   where b.body ~* '\\m(usage_ledger|rate_cards|billing_plans|billing_facts|usage_statements|wallets|wallet_entries|spend_holds)\\M'
     -- Seconds are no money.
     and regexp_replace(b.body, '[^\n]*make_interval\\(secs[^\n]*', '', 'g') ~* '\\m(float[48]?|double precision|real)\\M'
"""


def test_no_function_type_or_column_holds_money_in_binary(db: Database) -> None:
    assert db.rows(OURS + BINARY) == []


@pytest.mark.parametrize(
    "breach",
    [
        "create function private.zz(amount float8) returns int language sql begin atomic select 1; end",
        "create function private.zz() returns real language sql begin atomic select 1::real; end",
        "create function private.zz(out a int, out b float8) language sql begin atomic select 1, 1::float8; end",
        "create type private.zz as (amount float8)",
        "create table private.zz (amounts float8[])",
        "create function private.zz() returns int language plpgsql as $$ begin return (select sum(amount)::float8::int from public.usage_ledger); end $$",
        "create function private.zz() returns int language sql begin atomic select sum(amount)::float8::int from public.usage_ledger; end",
    ],
)
def test_search_of_the_catalogue_finds_binary_numbers(db: Database, breach: str) -> None:
    db.execute(breach)

    ((name,),) = db.rows(OURS + BINARY)
    assert name.startswith("private.zz")


def binary_in(source: str) -> list[int]:
    """The lines of Python that name float, or read JSON without saying what its fractions become."""
    tree, lines = ast.parse(source), []
    # Text alone, or a class of the module that holds nothing else.
    exact = {"Decimal", "str"} | {
        node.name for node in tree.body if isinstance(node, ast.ClassDef)
        and {ast.unparse(field.annotation) for field in node.body if isinstance(field, ast.AnnAssign)} == {"str"}
    }  # fmt: skip
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith(
            ("json.load", "json.loads", ".json")
        ):
            reads = [ast.unparse(given.value) for given in node.keywords if given.arg == "parse_float"]
            lines += [node.lineno] if not set(reads) & exact else []
        elif isinstance(node, ast.Name) and node.id == "float":
            lines.append(node.lineno)
    return lines


@pytest.mark.parametrize("path", MONEY_PYTHON, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_python_of_money_knows_no_float(path: Path) -> None:
    assert binary_in(path.read_text(encoding="utf-8")) == []


def test_sheet_that_draws_knows_no_amounts() -> None:
    assert not re.search("Decimal|numeric|round\\(", SHEET.read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("source", "is_binary"),
    [
        ("float(x)", True), ("def f(a: float) -> None: ...", True), ("def f() -> list[float]: ...", True),
        ("json.loads(t, parse_float=float)", True), ("json.loads(t, parse_float=Other)", True), ("json.loads(t, parse_float=lambda t: t)", True),
        ("json.loads(t)", True), ("response.json()", True), ("class Other:\n  x: int\njson.loads(t, parse_float=Other)", True),
        ("json.loads(t, parse_float=Decimal)", False), ("json.loads(t, parse_float=str)", False), ("'never a float'", False), ("Decimal('1.5')", False),
        ("class Written:\n  digits: str\njson.loads(t, parse_float=Written)", False),
    ],
)  # fmt: skip
def test_search_for_float_finds_it(source: str, is_binary: bool) -> None:
    assert bool(binary_in(source)) == is_binary
    assert len(MONEY_PYTHON) >= 4


def test_echo_that_names_nobody_is_a_dead_letter_and_its_wamid_has_no_entry_all_the_same(
    business: Business,
) -> None:
    echo = {key: value for key, value in from_phone(W).items() if key not in ("to", "to_user_id")}
    change = business.change({"message_echoes": [echo]}, field="smb_message_echoes")

    post(business.db, webhook(change, waba=business.waba))
    tell(business, delivered(UTILITY))

    letters = "select reason from private.dead_letters where org_id = %s"
    assert business.db.rows(letters, business.org_id) == [("sender_missing",)]
    assert ledger(business) == []
