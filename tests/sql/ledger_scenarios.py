"""What may happen to the messages of an organization, at random: what Meta tells of them, likely or not."""

from __future__ import annotations

import random
import re
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from tests.business import Json
from tests.oracle import IST, Markets

# The world -----------------------------------------------------------------------------------------------


def card(
    market: str, iso: str, codes: list[str], currency: str, *rates: tuple[str, str, str, str | None]
) -> Json:
    """A card in the shape of `flow rates import`."""
    rows = [
        {"category": category, "pricing_category": [category], "rate": rate, "from": first, "to": last}
        for category, rate, first, last in rates
    ]
    return {"market": market, "iso": iso, "calling_codes": codes, "currency": currency, "rates": rows}


INDIA = card(  # as the migrations ship it
    "India", "IN", ["91"], "INR",
    ("marketing", "0.7846", "2025-07-01", "2025-12-31"), ("marketing", "0.8631", "2026-01-01", None),
    ("utility", "0.1150", "2025-07-01", "2026-09-30"), ("utility", "0.1150", "2026-10-01", None),
    ("authentication", "0.1150", "2025-07-01", None),
    ("authentication_international", "2.3000", "2025-07-01", "2026-03-31"),
    ("authentication_international", "2.4971", "2026-04-01", None),
    ("service", "0.0000", "2024-11-01", "2026-09-30"), ("service", "0.1150", "2026-10-01", None),
    ("referral_conversion", "0.0000", "2024-11-01", None),
)  # fmt: skip
IMPORTED = [
    card(
        "Testland", "AE", ["971"], "INR",
        ("marketing", "3.141593", "2025-07-01", "2026-03-31"), ("marketing", "3.25", "2026-04-01", None),
        ("utility", "1.3", "2025-07-01", "2026-09-30"), ("utility", "1.4", "2026-10-01", None),
        ("service", "0", "2025-01-01", None),
    ),
    card(
        "Northland", "US", ["1"], "INR",
        ("marketing", "2.1", "2025-07-01", None), ("utility", "0.3", "2026-01-01", "2026-12-31"),
    ),
    card("Island", "JM", ["1876", "1658"], "INR", ("marketing", "6.000001", "2025-07-01", None)),
    card(
        "India", "IN", ["91"], "USD",
        ("marketing", "0.0099", "2025-07-01", "2026-09-30"), ("utility", "0.0014", "2025-07-01", None),
    ),
]  # fmt: skip
MARKETS = Markets.of(INDIA, *IMPORTED)
ZONES = [
    *["Asia/Kolkata"] * 6, *["America/New_York"] * 2, *["Europe/London"] * 2, "Asia/Kathmandu", "Pacific/Auckland",
    None, "Nowhere/Land",
]  # fmt: skip
DAYS = [
    date(2024, 11, 1), *[date(2025, 7, 1)] * 3, date(2026, 1, 1), date(2026, 3, 29), *[date(2026, 4, 1)] * 2,
    date(2026, 7, 1), *[date(2026, 10, 1)] * 2, date(2026, 11, 1), date(2027, 1, 1), date(2029, 12, 31),
]  # fmt: skip
OFFSETS = [0, -1, 1, -1, 0, 9000, -9000, 40000, -40000]


def midnights(zone: str | None) -> list[int]:
    """The moments around which prices and months change: in the account's zone, in India and in UTC."""
    zones = [ZoneInfo(zone) if zone and zone != "Nowhere/Land" else IST, IST, ZoneInfo("UTC")]
    return [int(datetime(d.year, d.month, d.day, tzinfo=z).timestamp()) for d in DAYS for z in zones]


# Prices --------------------------------------------------------------------------------------------------

MODELS = [*["PMP"] * 14, *[None] * 4, *["CBP"] * 4, "NBP", ""]
TYPES = [
    *["regular"] * 24, "free_customer_service", "free_customer_service", "free_entry_point", "free_new_thing",
    "free_group_customer_service", "Regular", "banana", None, "",
]  # fmt: skip
KNOWN = [
    *["marketing"] * 3, "marketing_lite", *["utility"] * 3, "authentication", "authentication-international",
    "authentication_international", "service", "service", "referral_conversion", "general_purpose_ai",
]  # fmt: skip
CATEGORIES = [*KNOWN, "group_marketing", "Marketing", "news", None, ""]
SUBTYPES = [*[None] * 24, "", "", "paid_exempt", "paid_exempt", "Paid_Exempt", "bulk"]
GOOD_AMOUNTS = [
    "0.8631", "0.10", Decimal("0.1150"), Decimal("0.5"), 1, "0.0000005", "0.00000049", Decimal("1E-7"), "2.3456785",
    "1.5e-3", Decimal("0.1234564999999999999999999999"), " 0.7 ", "12345.678901", "999999.9999994", "0", "1e-30",
]  # fmt: skip
AMOUNTS = [
    *GOOD_AMOUNTS, 0, "-0", "0.000", "-0.01", Decimal(-1), *["999999.9999995"] * 3, Decimal(1000000), "1e400",
    "1e999999", "NaN", "Infinity", "-Infinity", "abc", "१.५", "0x10", "1_000", "1,5", "1.2.3", True, [1],
    {"value": 1}, None, "",
]  # fmt: skip
NO_OBJECTS = ["0.5", 5, [1], True, {}, None, ""]


def a_cost(chance: random.Random, currency: str) -> Any:
    """A cost, of whatever sort."""
    if chance.random() < 0.1:
        return chance.choice(NO_OBJECTS)
    unit = chance.choice([*[currency] * 8, "EUR", currency.lower(), None, "", "absent"])
    return ({} if unit == "absent" else {"currency": unit}) | {"amount": chance.choice(AMOUNTS)}


def a_price(chance: random.Random, currency: str) -> Json:
    """A pricing object: as often as not such as Meta sends for what it bills."""
    if chance.random() < 0.5:
        made = {"pricing_model": "PMP", "type": "regular", "category": chance.choice(KNOWN)}
        cost = {"amount": chance.choice(GOOD_AMOUNTS), "currency": currency}
        return made | ({"cost": cost} if chance.random() < 0.25 else {})
    made = {
        "pricing_model": chance.choice(MODELS),
        "type": chance.choice(TYPES),
        "category": chance.choice(CATEGORIES),
        "subtype": chance.choice(SUBTYPES),
        "cost": a_cost(chance, currency) if chance.random() < 0.5 else None,
    }
    return {key: value for key, value in made.items() if value is not None}


def restated(price: Json, way: int) -> Json:
    """The same price, told in another way (R13)."""
    if way == 1:
        return price | {"billable": price.get("type") == "regular", "news": 1}
    if way == 2 and str(price.get("category")).startswith("authentication"):
        return price | {"category": price["category"].translate(str.maketrans("-_", "_-"))}
    if way == 3 and price.get("type") and price.get("pricing_model") in (None, "", "PMP"):
        return {**price, "pricing_model": None if price.get("pricing_model") else "PMP"}
    if way == 4:
        return dict.fromkeys(("pricing_model", "category", "subtype", "cost")) | price
    cost = price.get("cost")
    if way == 5 and isinstance(cost, dict) and re.fullmatch(r"[0-9]+\.[0-9]+", str(cost.get("amount"))):
        text = f"{cost['amount']}00"
        return price | {"cost": cost | {"amount": Decimal(text) if isinstance(cost["amount"], str) else text}}
    return price


# Messages ------------------------------------------------------------------------------------------------

INDIAN, INDIAN_TOO, GERMAN = "919810000011", "+919810000022", "4915112345678"
PHONES = [
    *[INDIAN] * 6, INDIAN_TOO, "971501234567", "971507654321", "12025550123", "18765550123", GERMAN, "+" + GERMAN,
    *[None] * 4, "", "somebody",
]  # fmt: skip
USERS = [*[None] * 8, "IN.1234567", "IN.1234567", "AE.55", "JM.7", "DE.99", "in.12", "1234", ""]
WORDS = [
    *["sent"] * 4,
    *["delivered"] * 6,
    *["read"] * 4,
    "played",
    "failed",
    "failed",
    "deleted",
    "odd",
    None,
]
BARE = [[], [], [], ["sent"], ["delivered"], ["delivered", "read", "played"], ["delivered", "read", "played", "sent"]]  # fmt: skip
LATER = [0, 0, 0, 1, 60, 3600, 86400, -1, -3600, -86400, 40 * 86400]
SENDERS = [*["early"] * 4, *["late"] * 2, *["again"] * 2, *["other"] * 3, "phone"]
ODD_TYPES = [
    {"pricing": {"type": 5, "category": "utility"}}, {"pricing": {"type": "regular", "category": True}},
    {"pricing": {"type": "regular", "category": "utility", "subtype": False}}, {"pricing": {"pricing_model": [1]}},
    {"pricing": {"type": "regular", "category": "utility", "cost": {"amount": "1", "currency": 356}}},
    {"recipient_id": 919810000011}, {"recipient_user_id": 5}, {"recipient_type": {"group": 1}}, {"status": ["read"]},
    {"biz_opaque_callback_data": {"id": 1}},
]  # fmt: skip
TIMES = ["", "soon", "1e9", "-5", "१७९५००००००", "1795000000000", 1795000000, None]
NO_PRICES = [{}, [], "free", None, [{"type": "regular"}], {"billable": True}]


def an_oddity(chance: random.Random, currency: str) -> Json:
    """What makes one status differ from its fellows."""
    return chance.choice([
        {}, {}, {}, {"pricing": a_price(chance, currency)}, {"pricing": a_price(chance, currency)},
        {"pricing": chance.choice(NO_PRICES)}, {"recipient_id": chance.choice(PHONES)},
        {"recipient_user_id": chance.choice(USERS)}, {"recipient_type": chance.choice(["group", "individual"])},
        {"timestamp": chance.choice(TIMES)}, chance.choice(ODD_TYPES),
    ])  # fmt: skip


@dataclass(frozen=True)
class Message:
    """One message: who sent it, and what of Meta's statuses arrives, or strays to a number that is not theirs.

    The sender is Flow, its send recorded `early` or `late`, or `again`: under a second wamid, that only the
    callback id tells; or some `other` app, or the `phone`.
    """

    sender: str
    to: str
    statuses: list[Json]
    strays: list[Json]


def a_message(chance: random.Random, currency: str, moments: list[int]) -> Message:
    """A message, mostly as Meta would tell of it, sometimes not at all so."""
    at, is_odd = chance.choice(moments) + chance.choice(OFFSETS), chance.random() < 0.25
    who = {"recipient_id": chance.choice(PHONES), "recipient_user_id": chance.choice(USERS)}
    price, bare = a_price(chance, currency), chance.choice(BARE)
    arrived: list[Json] = []
    strays: list[Json] = []
    lost: list[Json] = []
    for word in chance.choices(WORDS, k=chance.randint(1, 6)):
        status = {"status": word, "timestamp": str(at + chance.choice(LATER)), **who}
        if word not in bare and chance.random() < 0.85:
            status["pricing"] = restated(price, chance.randint(0, 5))
        if word == "failed" and chance.random() < 0.3:
            status["errors"] = [{"code": 131026, "title": "Message undeliverable"}]
        if chance.random() < 0.4:
            status["biz_opaque_callback_data"] = "own"
        if is_odd:
            status |= an_oddity(chance, currency)
        fate = chance.choices([arrived, strays, lost], [88, 4, 8])[0]
        fate.append({key: value for key, value in status.items() if value is not None})
    to = chance.choice(["+919{}", "+919{}", "+919{}", "+97150{}", "+4915{}", "+1876{}"])
    return Message(chance.choice(SENDERS), to, arrived, strays)


# Plans and scenarios -------------------------------------------------------------------------------------

PARTS = {
    "percent": ["10", "2.5", "33.3333", "0.001", "0", None], "per_message": ["0.05", "0.123456", "1", "0", None],
    "minimum": ["0.10", "0.000001", "3", "0", None, None],
}  # fmt: skip
STARTS = ["2020-01-01", "2025-07-01", "2026-01-01", "2026-10-01", "2027-01-01"]
RULED = ["marketing", "utility", "service", "authentication_international"]


def a_rule(chance: random.Random) -> Json:
    """A rule of a plan, with any of its parts."""
    drawn = {part: chance.choice(values) for part, values in PARTS.items()}
    return {part: value for part, value in drawn.items() if value is not None}


def a_plan(chance: random.Random) -> Json:
    """A plan of the shape of R33."""
    versions = []
    for start in chance.sample(STARTS, chance.randint(0, 4)):
        named = chance.sample(RULED, chance.choice([0, 1, 2, 4]))
        categories = {"categories": {name: a_rule(chance) for name in named}} if named else {}
        versions.append({"from": start, **a_rule(chance), **categories})
    return {
        "meta_billing": chance.choice(["customer", "flow", "flow"]), "supply": chance.choice(["intra", "inter"]),
        "gst_percent": chance.choice(["18", "18", "5", "12.5", "0"]), "markup": versions,
    }  # fmt: skip


@dataclass(frozen=True)
class Scenario:
    """An organization and what happens to it."""

    zone: str | None
    currency: str
    plan: Json
    messages: list[Message] = field(repr=False)


def scenario_of(seed: int, fewest: int = 20, most: int = 60) -> Scenario:
    """The scenario of a seed."""
    chance = random.Random(seed)  # noqa: S311
    zone, currency = chance.choice(ZONES), chance.choice([*["INR"] * 5, "USD"])
    moments = midnights(zone)
    many = [a_message(chance, currency, moments) for _ in range(chance.randint(fewest, most))]
    return Scenario(zone, currency, a_plan(chance), many)
