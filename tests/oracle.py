"""What the ledger must say, worked out anew from the ledger rules (R1 to R33), sharing nothing with the SQL.

It looks at all statuses of a wamid at once, so order and repetition cannot matter. Numbers are `Decimal`:
statuses are to be read with `json.loads(…, parse_float=Decimal)`. Closed months (R28) are not its matter.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

Json = Mapping[str, Any]

EXACT = Context(prec=120, rounding=ROUND_HALF_UP)
IST = ZoneInfo("Asia/Kolkata")
MICRO, PAISA, ZERO = Decimal("0.000001"), Decimal("0.01"), Decimal(0)
LIMIT = Decimal(1_000_000)
DELIVERED = {"delivered", "read", "played"}
END_OF_CBP = date(2025, 7, 1)
CATEGORIES = {
    "marketing", "marketing_lite", "utility", "authentication", "authentication_international", "service",
    "referral_conversion", "general_purpose_ai",
}  # fmt: skip
PLAIN_NUMBER = re.compile(r"\s*-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?\s*", re.ASCII)


def rounded(amount: Decimal, to: Decimal = MICRO) -> Decimal:
    """Round once, half away from zero (R20, R30)."""
    return amount.quantize(to, context=EXACT)


# What the ledger knows beside the statuses ---------------------------------------------------------------


@dataclass(frozen=True)
class Rate:
    """One rate of a card, in force from its first to its last day, both included."""

    iso: str
    currency: str
    category: str
    rate: Decimal
    first: date
    last: date | None

    def covers(self, day: date) -> bool:
        """Whether the rate is in force on that day of the account (R8)."""
        return self.first <= day and (self.last is None or day <= self.last)


@dataclass
class Markets:
    """The markets of some cards and their rates."""

    by_code: dict[str, str] = field(default_factory=dict)
    isos: set[str] = field(default_factory=set)
    rates: list[Rate] = field(default_factory=list)

    @classmethod
    def of(cls, *cards: Json) -> Markets:
        """Read cards of the shape of R33."""
        made = cls()
        for card in cards:
            made.isos.add(card["iso"])
            made.by_code |= dict.fromkeys(card["calling_codes"], card["iso"])
            for row in card["rates"]:
                last = date.fromisoformat(row["to"]) if row["to"] else None
                first = date.fromisoformat(row["from"])
                made.rates.append(
                    Rate(card["iso"], card["currency"], row["category"], Decimal(row["rate"]), first, last)
                )
        return made

    def of_phone(self, phone: str | None) -> str | None:
        """Give the market of a number's calling code: "" is one that nobody knows, None is no number."""
        digits = (phone or "").removeprefix("+")
        if not re.fullmatch("[0-9]+", digits, re.ASCII):
            return None
        known = [code for code in self.by_code if digits.startswith(code)]
        return self.by_code[max(known, key=len)] if known else ""

    def of_user(self, user: str | None) -> str | None:
        """Give the market of a user id's ISO prefix, with "" and None as above."""
        prefix = re.match(r"([A-Z]{2})\.", user or "")
        return prefix and (prefix[1] if prefix[1] in self.isos else "")

    def rate(self, iso: str, category: str, currency: str, day: date) -> Decimal | None:
        """Find the list rate in force on a day (R19)."""
        listed = "marketing" if category == "marketing_lite" else category
        found = [
            rate.rate
            for rate in self.rates
            if (rate.iso, rate.category, rate.currency) == (iso, listed, currency) and rate.covers(day)
        ]
        assert len(found) < 2, "cards overlap"
        return found[0] if found else None


@dataclass(frozen=True)
class Plan:
    """A billing plan of the shape of R33."""

    given: Json

    @property
    def is_metas_cost_billed(self) -> bool:
        """Whether Flow pays Meta, and bills it (R25)."""
        return bool(self.given["meta_billing"] == "flow")

    def markup(self, cost: Decimal, category: str | None, day: date) -> Decimal:
        """Work out the markup of a message that Flow sent (R21 to R23); 0 is none."""
        versions = [v for v in self.given.get("markup", []) if date.fromisoformat(v["from"]) <= day]
        if cost <= 0 or not versions:
            return ZERO
        version: Json = max(versions, key=lambda v: date.fromisoformat(v["from"]))
        named = "marketing" if category == "marketing_lite" else category
        rule = (version.get("categories") or {}).get(named, version)
        percent, per_message, minimum = (
            Decimal(rule.get(part) or 0) for part in ("percent", "per_message", "minimum")
        )
        share = EXACT.add(EXACT.divide(EXACT.multiply(cost, percent), Decimal(100)), per_message)
        return rounded(max(minimum, rounded(share)))


# One price, in normal form -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Price:
    """A pricing object in normal form (R13). The amount is a number, None, or the text of what is none."""

    model: str | None
    type: str | None
    category: str | None
    subtype: str | None
    amount: Decimal | str | None
    currency: str | None

    @classmethod
    def of(cls, status: Json) -> Price | None:
        """Read a status's price; None when it carries none."""
        given = status.get("pricing")
        if not isinstance(given, dict) or not given:
            return None
        type_ = word(given.get("type"))
        model = word(given.get("pricing_model")) or ("PMP" if type_ else None)
        category = word(given.get("category"))
        if category == "authentication-international":
            category = "authentication_international"
        cost = given.get("cost")
        if cost in (None, ""):
            amount, currency = None, None
        elif isinstance(cost, dict):
            amount, currency = number(cost.get("amount")), word(cost.get("currency"))
        else:
            amount, currency = f"no object: {cost!r}", None
        return cls(model, type_, category, word(given.get("subtype")), amount, currency)

    @property
    def names_cost(self) -> bool:
        """Whether it names a cost at all."""
        return self.amount is not None or self.currency is not None

    @property
    def is_free(self) -> bool:
        """Whether Meta says that it is free (R3)."""
        return self.subtype == "paid_exempt" or (self.type or "").startswith("free_")


def word(value: Any) -> str | None:
    """Read a name; what is no string stands for its JSON text, and is known to nobody."""
    return value or None if value is None or isinstance(value, str) else json.dumps(value)


def number(value: Any) -> Decimal | str | None:
    """Read an amount from its JSON text: a number, or text when it is none."""
    if value in (None, ""):
        return None
    assert not isinstance(value, float), "amounts never pass through float"
    if isinstance(value, bool | list | dict) or not PLAIN_NUMBER.fullmatch(str(value)):
        return f"no number: {value!r}"
    return Decimal(str(value).strip())


# Entries -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Entry:
    """What the ledger finally says of one message."""

    amount: Decimal
    currency: str
    category: str | None
    pricing_type: str | None
    billable_at: datetime
    review_reason: str | None
    markup: Decimal | None
    is_metas_cost_billed: bool

    @property
    def needs_review(self) -> bool:
        """Whether a person must look at it."""
        return self.review_reason is not None

    @property
    def billed(self) -> Decimal:
        """What the organization owes to Flow for it (R25)."""
        return (self.markup or ZERO) + (self.amount if self.is_metas_cost_billed else ZERO)

    @property
    def statement_month(self) -> str:
        """The month of its statement, in IST (R27)."""
        return self.billable_at.astimezone(IST).strftime("%Y-%m")

    @property
    def line(self) -> str:
        """The line of the statement that it is in (R29)."""
        if self.needs_review:
            return "needs_review"
        return "cbp" if self.pricing_type == "cbp" else self.category or "unknown"


class NeedsReviewError(Exception):
    """The entry is for a person; the reason's slug is the message."""


@dataclass
class Oracle:
    """The ledger of one organization: its account, cards and plan, and the messages that it knows.

    `rows` are its message rows (wamid → recipient), `callbacks` the callback ids of its messages
    (→ recipient), `phone` the wamids that its phone app named.
    """

    zone: str | None
    currency: str
    markets: Markets
    plan: Plan
    rows: Mapping[str, str | None] = field(default_factory=dict)
    callbacks: Mapping[str, str | None] = field(default_factory=dict)
    phone: Collection[str] = ()

    def entries(self, statuses: Iterable[Json]) -> dict[str, Entry]:
        """Give the entry of each wamid that has one, from all statuses that arrived."""
        by_wamid: dict[str, list[Json]] = defaultdict(list)
        for status in statuses:
            by_wamid[status["id"]].append(status)
        made = {wamid: self.entry(wamid, told) for wamid, told in by_wamid.items()}
        return {wamid: entry for wamid, entry in made.items() if entry}

    def entry(self, wamid: str, statuses: Iterable[Json]) -> Entry | None:
        """Give the entry of one wamid; None when it has none (R1, R2, R6)."""
        told = [status for status in statuses if counts(status)]
        moments = [int(s["timestamp"]) for s in told if word(s.get("status")) in DELIVERED]
        if not moments or wamid in self.phone:
            return None
        at = datetime.fromtimestamp(min(moments), UTC)
        prices = self.prices(told)
        price = next(iter(prices)) if len(prices) == 1 else Price(None, None, None, None, None, None)
        amount, reason = ZERO, None
        try:
            amount = rounded(self.cost(wamid, told, prices, at))
        except NeedsReviewError as review:
            reason = str(review)
        is_cbp = price.model == "CBP" and reason in (None, "cbp_after_end", "zone_unknown")
        markup = ZERO
        if wamid in self.rows or any(called_back(s) in self.callbacks for s in told):
            markup = self.plan.markup(amount, price.category, at.astimezone(IST).date())
        return Entry(
            amount=amount, currency=self.currency, category=price.category,
            pricing_type="cbp" if is_cbp else price.type, billable_at=at, review_reason=reason,
            markup=markup or None, is_metas_cost_billed=self.plan.is_metas_cost_billed,
        )  # fmt: skip

    @staticmethod
    def prices(told: Collection[Json]) -> set[Price]:
        """Give the prices of the highest class of statuses that carries any (R11)."""
        classes: list[set[Price]] = [set(), set(), set()]
        for status in told:
            said = word(status.get("status"))
            rank = 0 if said in DELIVERED else 1 if said == "sent" else 2
            if price := Price.of(status):
                classes[rank].add(price)
        return next((prices for prices in classes if prices), set())

    def cost(self, wamid: str, told: Collection[Json], prices: set[Price], at: datetime) -> Decimal:
        """Give Meta's cost, by the checks in the order after R26."""
        if any(is_of_group(status) for status in told):
            raise NeedsReviewError("group_message")
        if not prices:
            raise NeedsReviewError("missing_pricing")
        if len(prices) > 1:
            raise NeedsReviewError("conflicting_pricing")
        (price,) = prices
        if price.model == "CBP":
            if self.day(at) < END_OF_CBP:
                return ZERO
            raise NeedsReviewError("cbp_after_end")
        if price.model != "PMP":
            raise NeedsReviewError("unknown_model")
        if price.is_free:
            if price.amount is not None and price.amount != 0:
                raise NeedsReviewError("free_with_cost")
            return ZERO
        if price.type is None:
            raise NeedsReviewError("missing_type")
        if price.type != "regular":
            raise NeedsReviewError("unknown_type")
        if price.subtype is not None:
            raise NeedsReviewError("unknown_subtype")
        if price.names_cost:
            return self.named_cost(price)
        if price.category is None:
            raise NeedsReviewError("missing_category")
        if price.category not in CATEGORIES:
            raise NeedsReviewError("unknown_category")
        market = self.market(wamid, told)
        rate = self.markets.rate(market, price.category, self.currency, self.day(at))
        if rate is None:
            raise NeedsReviewError("no_rate")
        return rate

    def named_cost(self, price: Price) -> Decimal:
        """Give the cost that Meta named (R17)."""
        amount = price.amount
        if price.currency is None or not isinstance(amount, Decimal) or amount < 0 or amount >= LIMIT:
            raise NeedsReviewError("bad_cost")
        if rounded(amount) >= LIMIT:
            raise NeedsReviewError("bad_cost")
        if price.currency != self.currency:
            raise NeedsReviewError("cost_currency")
        return amount

    def market(self, wamid: str, told: Collection[Json]) -> str:
        """Give the market of the recipient (R18)."""
        own = [self.callbacks.get(called_back(status)) for status in told]
        for found in (
            {self.markets.of_phone(word(status.get("recipient_id"))) for status in told},
            {self.markets.of_user(word(status.get("recipient_user_id"))) for status in told},
            {self.markets.of_phone(recipient) for recipient in [self.rows.get(wamid), *own]},
        ):
            markets = found - {None}
            if len(markets) > 1:
                raise NeedsReviewError("recipient_conflict")
            for market in markets:
                if market:
                    return market
                raise NeedsReviewError("market_unknown")
        raise NeedsReviewError("market_unknown")

    def day(self, at: datetime) -> date:
        """Give the day of the account at a moment (R8)."""
        try:
            return at.astimezone(ZoneInfo(self.zone or "")).date()
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise NeedsReviewError("zone_unknown") from error


def counts(status: Json) -> bool:
    """Whether a status has a time; without one it is a dead letter (R9)."""
    return re.fullmatch("[0-9]{1,12}", word(status.get("timestamp")) or "", re.ASCII) is not None


def called_back(status: Json) -> str:
    """Give the callback id that a status carries."""
    return word(status.get("biz_opaque_callback_data")) or ""


def is_of_group(status: Json) -> bool:
    """Whether a status, of whatever class, tells of a message to a group (R16)."""
    pricing = status.get("pricing")
    price = pricing if isinstance(pricing, dict) else {}
    return (
        status.get("recipient_type") == "group"
        or str(price.get("category")).startswith("group_")
        or price.get("type") == "free_group_customer_service"
    )


# Statements ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Line:
    """One line of a statement: exact sums."""

    messages: int
    meta_cost: Decimal
    markup: Decimal
    billed: Decimal


@dataclass(frozen=True)
class Statement:
    """A month (R29 to R32)."""

    lines: dict[str, Line]
    meta_cost: Decimal
    markup: Decimal
    billed: Decimal
    round_off: Decimal
    taxable: Decimal
    cgst: Decimal
    sgst: Decimal
    igst: Decimal
    total: Decimal


def sums(entries: Collection[Entry]) -> Line:
    """Add entries up, exactly."""
    return Line(
        len(entries),
        sum((e.amount for e in entries), ZERO),
        sum((e.markup or ZERO for e in entries), ZERO),
        sum((e.billed for e in entries), ZERO),
    )


def statement(entries: Iterable[Entry], month: str, plan: Plan) -> Statement:
    """Make the statement of a month from the entries of one currency."""
    by_line: dict[str, list[Entry]] = defaultdict(list)
    for entry in entries:
        if entry.statement_month == month:
            by_line[entry.line].append(entry)
    whole = sums([entry for line in by_line.values() for entry in line])
    taxable = rounded(whole.billed, PAISA)
    percent, is_intra = Decimal(plan.given["gst_percent"]), plan.given["supply"] == "intra"
    tax = EXACT.divide(EXACT.multiply(taxable, percent), Decimal(200 if is_intra else 100))
    half, igst = (rounded(tax, PAISA), ZERO) if is_intra else (ZERO, rounded(tax, PAISA))
    return Statement(
        lines={name: sums(line) for name, line in by_line.items()},
        meta_cost=whole.meta_cost, markup=whole.markup, billed=whole.billed, round_off=taxable - whole.billed,
        taxable=taxable, cgst=half, sgst=half, igst=igst, total=taxable + half + half + igst,
    )  # fmt: skip
