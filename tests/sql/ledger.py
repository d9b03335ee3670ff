"""How Meta tells of a message that costs, and how the ledger is read."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from tests.business import Business, Json, call, post, status, webhook
from tests.database import Database
from tests.sql.money import ist, price

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


def found(business: Business, wamid: str = W) -> Expected:
    """What the live entry of Meta's cost says."""
    row = standing(business, "meta_cost", wamid)
    if not row:
        return None
    assert row.needs_review == (row.review_reason is not None)
    return f"{row.amount.normalize():f}", row.category, row.pricing_type, row.review_reason


OCTOBER, LATE_OCTOBER, NOVEMBER = (ist(f"2026-{day}T12:00") for day in ("10-10", "10-20", "11-10"))
