"""Deliveries and what they cost: what the tests of statements, wallets, usage and estimates say over and over."""

from __future__ import annotations

import itertools
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

from tests.business import Business, Json, call, status
from tests.database import Database

# The India card from October 2026 on.
MARKETING, UTILITY, SERVICE = Decimal("0.8631"), Decimal("0.1150"), Decimal("0.1150")
ZERO = Decimal(0)
_people = itertools.count(1000000)


def people(count: int = 1) -> list[str]:
    """Phone numbers in India that nobody has used yet."""
    return [f"+91981{next(_people)}" for _ in range(count)]


def price(category: str | None = None, kind: str | None = "regular", **more: object) -> Json:
    """A price as Meta puts it into a status."""
    given = {"pricing_model": "PMP", "type": kind, "category": category, **more}
    return {key: value for key, value in given.items() if value is not None}


def costing(amount: str, category: str | None = "marketing", currency: str = "INR") -> Json:
    """A price that names its cost."""
    return price(category, cost={"amount": amount, "currency": currency})


CBP = {"pricing_model": "CBP", "category": "utility"}
FREE_SERVICE = price("service", "free_customer_service")
FREE_ENTRY = price(None, "free_entry_point")


def ist(moment: str, zone: str = "Asia/Kolkata") -> int:
    """A moment of India, or of another zone, in seconds as Meta writes them."""
    return int(datetime.fromisoformat(moment).replace(tzinfo=ZoneInfo(zone)).timestamp())


def deliver(business: Business, *prices: Json | None, at: int | str, **more: object) -> list[str]:
    """Messages of another app are delivered, one for each price; None is a status without one. Gives wamids."""
    moment = ist(at) if isinstance(at, str) else at
    wamids = [f"wamid.{uuid4().hex}" for _ in prices]
    business.told(
        *(
            status(wamid, "delivered", moment, **({"pricing": one} if one else {}), **more)
            for wamid, one in zip(wamids, prices, strict=True)
        )
    )
    return wamids


def flow_delivers(business: Business, *prices: Json | None, at: int | str, **item: object) -> list[str]:
    """Flow sends a message for each price, a receipt unless told otherwise, and all are delivered. Gives wamids."""
    moment = ist(at) if isinstance(at, str) else at
    ids = business.send(*people(len(prices)), **item)
    business.record(business.claim(batch=len(prices)))
    wamids = [f"wamid.{message}" for message in ids]
    business.told(
        *(
            status(wamid, "delivered", moment, **({"pricing": one} if one else {}))
            for wamid, one in zip(wamids, prices, strict=True)
        )
    )
    return wamids


def bill(
    business: Business,
    meta_billing: str = "flow",
    supply: str = "inter",
    gst_percent: str = "18",
    **markup: object,
) -> None:
    """Set the plan; the markup holds since 2020."""
    plan = {"meta_billing": meta_billing, "supply": supply, "gst_percent": gst_percent,
            "markup": [{"from": "2020-01-01", **markup}] if markup else []}  # fmt: skip
    call(business.db, "set_billing_plan", org_id=business.org_id, plan=plan)


def settle(business: Business) -> int:
    """Sum up and settle all that was booked."""
    count: int = business.db.value("select private.settle_usage(%s)", business.org_id)
    return count


def statement(business: Business, month: str) -> Json:
    """The statement of a month, or its preview."""
    answer: Json = call(business.db, "statement", org_id=business.org_id, month=month)
    return answer


def close(business: Business, month: str) -> Json:
    """Close a month."""
    answer: Json = call(business.db, "close_month", org_id=business.org_id, month=month)
    return answer


def this_month(db: Database) -> str:
    """The month that runs in India."""
    found: str = db.value("select to_char(now() at time zone 'Asia/Kolkata', 'YYYY-MM')")
    return found


def booked(business: Business, column: str = "amount", where: str = "true") -> Decimal:
    """What the ledger's entries add up to."""
    found: Decimal = business.db.value(
        f"select coalesce(sum({column}), 0) from public.usage_ledger where org_id = %s and {where}",
        business.org_id,
    )
    return found


def amounts(told: Any, *names: str) -> tuple[Decimal, ...]:
    """Some amounts of an answer, each of which must be text."""
    assert all(isinstance(told[name], str) for name in names), told
    return tuple(Decimal(told[name]) for name in names)
