"""Meta's pricing analytics: what delivered messages cost, by day, category, type, country and number.

The field, its parameters and their upper-case values are those of Meta's Graph API reference, "WhatsApp
Business Account Pricing Analytics". Of the granularities there is DAILY, of the dimensions all but TIER. A
day begins at midnight in the account's time zone. Everybody is charged by the India card of October 2026.
"""

import json
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import phonenumbers
from flask import Response, current_app
from phonenumbers import region_code_for_country_code

from workers.meta.described import TIME_ZONES
from workers.sandbox.app import the_sandbox
from workers.sandbox.graph_errors import GraphError
from workers.sandbox.models import Account, JsonObject
from workers.sandbox.state import MetaState

FIELD = "pricing_analytics"
CARD = {
    "marketing": Decimal("0.8631"),
    "marketing_lite": Decimal("0.8631"),
    "utility": Decimal("0.1150"),
    "authentication": Decimal("0.1150"),
    "service": Decimal("0.1150"),
}
DIMENSIONS = {
    "PHONE": "phone_number",
    "COUNTRY": "country",
    "PRICING_TYPE": "pricing_type",
    "PRICING_CATEGORY": "pricing_category",
}
METRICS = {"VOLUME": "volume", "COST": "cost"}
DELIVERED = ("delivered", "read", "played")
_PARAMETER = re.compile(r"\.([a-z_]+)\(([^()]*)\)")
_EXACT = re.compile(r'"exact:(-?[0-9.]+)"')


@dataclass(frozen=True)
class Priced:
    """Messages that were delivered within one day, and what Meta asks for them."""

    day: date
    phone_number: str
    country: str
    pricing_type: str
    pricing_category: str
    volume: int
    cost: Decimal


@dataclass(frozen=True)
class Asked:
    """What a call wants to know."""

    start: int
    end: int
    metrics: list[str]
    dimensions: list[str]


def exact_json(whole: JsonObject) -> Response:
    """Gives an answer in which a Decimal is a JSON number with just these digits."""
    text = json.dumps(whole, default=lambda value: f"exact:{value:f}")
    return current_app.response_class(_EXACT.sub(r"\1", text), mimetype="application/json")


def zone_of(account: Account) -> ZoneInfo:
    """Gives the time zone in which the account's days begin."""
    return ZoneInfo(TIME_ZONES.get(account.timezone_id, "UTC"))


def day_begins(day: date, zone: ZoneInfo) -> int:
    """Gives the second in which a day begins."""
    return int(datetime(day.year, day.month, day.day, tzinfo=zone).timestamp())


def country_of(wa_id: str) -> str:
    """Gives the country of a customer's number."""
    try:
        code = phonenumbers.parse(f"+{wa_id}").country_code
    except phonenumbers.NumberParseException:
        return "ZZ"
    return region_code_for_country_code(code or 0)


def pricing_analytics(account: Account, field: str) -> JsonObject:
    """Answers the field of an account with its parameters. The caller holds the state's lock."""
    asked, zone = _read(field), zone_of(account)
    groups: dict[tuple[date, tuple[str, ...]], tuple[int, Decimal]] = {}
    for one in _priced(the_sandbox().meta, account, zone, time.time(), asked):
        key = (one.day, tuple(getattr(one, DIMENSIONS[name]) for name in asked.dimensions))
        volume, cost = groups.get(key, (0, Decimal(0)))
        groups[key] = (volume + one.volume, cost + one.cost)
    points = []
    for (day, values), (volume, cost) in sorted(groups.items()):
        if volume or cost:
            point: JsonObject = {
                "start": day_begins(day, zone),
                "end": day_begins(day + timedelta(days=1), zone),
            }
            point |= dict(zip((DIMENSIONS[name] for name in asked.dimensions), values, strict=True))
            known: JsonObject = {"volume": volume, "cost": cost.normalize()}
            points.append(point | {METRICS[name]: known[METRICS[name]] for name in asked.metrics})
    return {"data": [{"data_points": points}]}


def _priced(state: MetaState, account: Account, zone: ZoneInfo, now: float, asked: Asked) -> Iterator[Priced]:
    numbers = {number.phone_number_id: number.digits for number in account.numbers}
    for send in state.sends:
        times = [s["at"] for s in send.statuses if s["status"] in DELIVERED and s["at"] <= now]
        if send.phone_number_id not in numbers or not send.pricing or not times:
            continue
        at, pricing = int(min(times)), send.pricing
        if not asked.start <= at < asked.end:
            continue
        yield Priced(
            datetime.fromtimestamp(at, UTC).astimezone(zone).date(),
            numbers[send.phone_number_id],
            country_of(state.people.get(send.to, send.to)),
            pricing["type"].upper(),
            pricing["category"].upper(),
            1,
            CARD[pricing["category"]] if pricing["type"] == "regular" else Decimal(0),
        )
    for change in state.analytics_changes:
        day = change.day if change.waba_id == account.waba_id else None
        if day and asked.start <= day_begins(day, zone) < asked.end:
            number, category = next(iter(numbers.values()), ""), change.category.upper()
            cost = Decimal(change.add_cost)
            yield Priced(day, number, change.country, "REGULAR", category, change.add_volume, cost)


def _read(field: str) -> Asked:
    given = dict(_PARAMETER.findall(field))
    if f"{FIELD}{''.join(f'.{k}({v})' for k, v in given.items())}" != field:
        raise GraphError(100, message=f"(#100) Syntax error in the field {FIELD}.")
    for name in ("start", "end", "granularity"):
        if name not in given:
            raise GraphError(100, message=f"(#100) The parameter {name} is required.")
    start, end = (_epoch(given, name) for name in ("start", "end"))
    if given["granularity"] != "DAILY" or end <= start:
        raise GraphError(100, message="(#100) Param granularity must be DAILY, and end after start.")
    if unknown := set(given) - {"start", "end", "granularity", "metric_types", "dimensions"}:
        raise GraphError(100, message=f"(#100) The sandbox does not know the parameter {min(unknown)}.")
    metrics = _list(given, "metric_types", METRICS) or list(METRICS)
    return Asked(start, end, metrics, _list(given, "dimensions", DIMENSIONS))


def _epoch(given: dict[str, str], name: str) -> int:
    if not re.fullmatch(r"[0-9]{1,12}", given[name]):
        raise GraphError(100, message=f"(#100) Param {name} must be an integer")
    return int(given[name])


def _list(given: dict[str, str], name: str, known: dict[str, str]) -> list[str]:
    try:
        wanted = json.loads(given.get(name, "[]"))
    except ValueError:
        wanted = None
    if not isinstance(wanted, list) or not all(isinstance(w, str) and w in known for w in wanted):
        words = ", ".join(known)
        raise GraphError(100, message=f"(#100) Param {name} must be an array of {{{words}}}")
    return wanted
