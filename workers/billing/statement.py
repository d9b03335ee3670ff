"""A month's usage statement, as the database gives it, for people: a PDF and a CSV.

Nothing is reckoned here but the shape of figures: every amount is the statement's own, none is rounded.
"""

from __future__ import annotations

import calendar
import csv
import io
import re
import unicodedata
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field

from workers.billing.sheet import Cell, Column, Sheet

_INDIA = timezone(timedelta(hours=5, minutes=30), "IST")
_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October",
    "November", "December",
)  # fmt: skip
_CATEGORIES = {
    "marketing": "Marketing",
    "marketing_lite": "Marketing Lite",
    "utility": "Utility",
    "authentication": "Authentication",
    "authentication_international": "Authentication, international",
    "service": "Service",
    "referral_conversion": "Referral conversion",
    "general_purpose_ai": "General-purpose AI",
    "unknown": "Without category",
    "needs_review": "To be reviewed",
    "cbp": "Conversations",
}
_PRICINGS = {
    "regular": "Regular",
    "free_customer_service": "Free: service window",
    "free_entry_point": "Free: entry point",
    "cbp": "Until June 2025",
}
_SUPPLIES = {"intra": "Within the state: CGST and SGST", "inter": "Between states: IGST"}
_NO_INVOICE = (
    "This is not a tax invoice, and no input tax credit can be claimed with it. It shows how the month's "
    "messages were counted and priced."
)
_PREPAID = (
    "Prepaid: GST was paid with each top-up. The tax above is shown, and not charged again; the wallet moves "
    "by amounts before GST."
)
_REVIEW = (
    "To be reviewed: Meta has not said clearly what these messages cost. They are not billed; once it is "
    "settled, they are booked in the month that is open then."
)
_UNVERIFIED = "* This rate has not been verified. What it turns out to differ by is booked in a later month."
_PREVIEW = "Preview: this month is still open"
_DASH = "–"


# The statement


def _amount(value: object) -> object:
    if not isinstance(value, str | Decimal):
        raise ValueError("an amount is text, never a float")  # noqa: TRY004 (pydantic tells of ValueError)
    return value


def _plain(text: str) -> str:
    """Give a text as one line, without control characters and tricks of direction."""
    words = " ".join(unicodedata.normalize("NFC", text).split())
    kept = (
        char
        for char in words
        if char in "\u200c\u200d" or unicodedata.category(char) not in ("Cc", "Cf", "Cs")
    )  # the two that stay shape letters in the scripts of India
    return "".join(kept).strip()


Amount = Annotated[Decimal, BeforeValidator(_amount), Field(max_digits=40, allow_inf_nan=False)]
Plain = Annotated[str, AfterValidator(_plain)]


class _Given(BaseModel):
    model_config = ConfigDict(extra="ignore", hide_input_in_errors=True)


class Line(_Given):
    """What one category came to."""

    category: Plain
    messages: int
    meta_cost: Amount
    markup: Amount
    billed: Amount


class Detail(Line):
    """What one category came to on one number at one rate."""

    pricing_type: Plain | None = None
    display_phone: Plain | None = None
    rate: Amount | None = None
    verified: bool | None = None


class Wallet(_Given):
    """How the wallet moved, before GST."""

    prepaid: bool
    opening: Amount
    topups: Amount
    usage: Amount
    closing: Amount


class Usage(_Given):
    """A month in one currency."""

    currency: str = Field(pattern=r"^[A-Z]{3}$")
    meta_billing: Literal["customer", "flow"]
    supply: Literal["intra", "inter"]
    gst_percent: Amount
    messages: int
    lines: list[Line]
    details: list[Detail]
    meta_cost: Amount
    markup: Amount
    billed: Amount
    round_off: Amount
    taxable: Amount
    cgst: Amount
    sgst: Amount
    igst: Amount
    total: Amount
    wallet: Wallet | None = None


class Statement(Usage):
    """A month of an organization: in its first currency, and in others if there are any."""

    org_id: Plain
    organization: Plain
    month: str = Field(pattern=r"^\d{4}-(0[1-9]|1[0-2])$")
    closed: bool
    closed_at: AwareDatetime | None = None
    others: list[Usage] = []

    @property
    def month_in_words(self) -> str:
        """The month as people write it: October 2026."""
        return f"{_MONTHS[int(self.month[5:]) - 1]} {self.month[:4]}"

    @property
    def status(self) -> str:
        """Whether the month is closed, and since when."""
        if not self.closed:
            return _PREVIEW
        if self.closed_at is None:
            return "Closed"
        at = self.closed_at.astimezone(_INDIA)
        return f"Closed on {at.day} {_MONTHS[at.month - 1]} {at.year}, {at:%H:%M} Indian time"


# Words and figures


def _category(slug: str) -> str:
    return _CATEGORIES.get(slug) or slug.replace("_", " ").capitalize()


def _pricing(slug: str | None) -> str:
    if not slug:
        return ""
    return _PRICINGS.get(slug) or slug.replace("free_", "free: ").replace("_", " ").capitalize()


def _days(month: str) -> int:
    return calendar.monthrange(int(month[:4]), int(month[5:]))[1]


def _percent(value: Decimal) -> str:
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def money(amount: Decimal, currency: str, decimals: int) -> str:
    """Give an amount grouped as its readers group, with more decimals where it has more."""
    whole, _, part = format(abs(amount), "f").partition(".")
    part = part.rstrip("0").ljust(decimals, "0")
    return f"{'−' if amount < 0 else ''}{grouped(whole, currency)}.{part}"


def _count(number: int, currency: str) -> str:
    return f"{'−' if number < 0 else ''}{grouped(str(abs(number)), currency)}"


def grouped(digits: str, currency: str) -> str:
    if currency != "INR":
        return f"{int(digits):,}"
    head, tail = digits[:-3], digits[-3:]
    pairs = [head[max(0, end - 2) : end] for end in range(len(head), 0, -2)]
    return ",".join([*reversed(pairs), tail])


def _unit(currency: str) -> str:
    return "₹" if currency == "INR" else currency


def _payer(usage: Usage) -> str:
    """Tell who pays Meta, and what that makes of the sum."""
    if usage.meta_billing == "customer":
        words = "The organization pays Meta itself; Flow bills its markup only."
        is_so = usage.billed == usage.markup
    else:
        words = "Flow pays Meta, and bills Meta's cost and its markup."
        is_so = usage.billed == usage.meta_cost + usage.markup
    return (
        words if is_so else f"{words} This has changed: “Billed” holds for each message what held on its day."
    )


def _totals(usage: Usage) -> list[tuple[str, Decimal, int]]:
    """Give the sums that lead to the total: name, amount, decimals."""
    half, whole = f" {_percent(usage.gst_percent / 2)} %", f" {_percent(usage.gst_percent)} %"
    intra, inter = (half, "") if usage.supply == "intra" else ("", whole)
    return [
        ("Meta's cost", usage.meta_cost, 6),
        ("Markup", usage.markup, 6),
        ("Billed, exact sum", usage.billed, 6),
        ("Round-off", usage.round_off, 6),
        ("Taxable value", usage.taxable, 2),
        (f"CGST{intra}", usage.cgst, 2),
        (f"SGST{intra}", usage.sgst, 2),
        (f"IGST{inter}", usage.igst, 2),
        ("Total", usage.total, 2),
    ]


def _wallet(wallet: Wallet) -> list[tuple[str, Decimal]]:
    return [
        ("Opening balance", wallet.opening),
        ("Top-ups", wallet.topups),
        ("Usage", wallet.usage),
        ("Closing balance", wallet.closing),
    ]


def _facts(statement: Statement) -> list[tuple[str, str]]:
    return [
        ("Organization", statement.organization),
        ("Month", f"1 to {_days(statement.month)} {statement.month_in_words}, by Indian time"),
        ("Status", statement.status),
        ("Who pays Meta", _payer(statement)),
        ("GST", f"{_percent(statement.gst_percent)} %. {_SUPPLIES[statement.supply]}"),
    ]


# CSV

_NUMBER = re.compile(r"-?\d+(\.\d+)?")
_FORMULA = re.compile(r"[\s\u200c\u200d]*[=+\-@＝＋－＠]|[\t\r\n]")


def as_csv(statement: Statement) -> bytes:
    """Give the statement as comma-separated values in UTF-8, with a mark by which Excel knows it."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerows([_harmless(cell) for cell in row] for row in _rows(statement))
    return text.getvalue().encode("utf-8-sig")


def _harmless(cell: str) -> str:
    """Give a cell that no spreadsheet takes for a formula; a number stays one."""
    return f"'{cell}" if _FORMULA.match(cell) and not _NUMBER.fullmatch(cell) else cell


def _rows(statement: Statement) -> Iterator[Sequence[str]]:
    yield ["Usage statement"]
    yield from _facts(statement)
    yield ["Organization id", statement.org_id]
    yield ["Month (YYYY-MM)", statement.month]
    yield ["Note", _NO_INVOICE]
    for usage in (statement, *statement.others):
        yield from _usage_rows(usage)


def _usage_rows(usage: Usage) -> Iterator[Sequence[str]]:
    amounts = ["Messages", "Meta's cost", "Markup", "Billed"]
    yield []
    yield ["Lines", usage.currency]
    yield ["Category", *amounts]
    for line in usage.lines:
        yield [_category(line.category), *_exact(line)]
    yield []
    yield ["Details", usage.currency]
    yield ["Category", "Pricing", "Number", "Rate", "Rate verified", *amounts]
    for detail in usage.details:
        rate = "" if detail.rate is None else format(detail.rate, "f")
        verified = {None: "", True: "yes", False: "no"}[detail.verified]
        name, phone = _category(detail.category), detail.display_phone or ""
        yield [name, _pricing(detail.pricing_type), phone, rate, verified, *_exact(detail)]
    yield []
    yield ["Totals", usage.currency]
    yield ["Messages", str(usage.messages)]
    for name, amount, _ in _totals(usage):
        yield [name, format(amount, "f")]
    if usage.wallet:
        yield []
        yield ["Wallet", usage.currency]
        yield ["Prepaid", "yes" if usage.wallet.prepaid else "no"]
        for name, amount in _wallet(usage.wallet):
            yield [name, format(amount, "f")]
        if usage.wallet.prepaid:
            yield ["Note", _PREPAID]


def _exact(line: Line) -> list[str]:
    return [
        str(line.messages),
        *(format(amount, "f") for amount in (line.meta_cost, line.markup, line.billed)),
    ]


# PDF

_LINE_COLUMNS = [
    Column("Category", 68, is_figure=False),
    Column("Messages", 22),
    Column("Meta's cost", 30),
    Column("Markup", 30),
    Column("Billed", 30),
]
_DETAIL_COLUMNS = [
    Column("Category", 46, is_figure=False),
    Column("Number", 32, is_figure=False),
    Column("Rate", 18),
    Column("Messages", 17),
    Column("Meta's cost", 23),
    Column("Markup", 22),
    Column("Billed", 22),
]


def as_pdf(statement: Statement) -> bytes:
    """Give the statement as A4 pages: first what is due, then the details. Same statement, same bytes."""
    name = f"Usage statement, {statement.month_in_words}"
    sheet = Sheet(
        title=f"{name}, {statement.organization}",
        running=(statement.organization, name if statement.closed else f"{name} · Preview"),
        footer="Not a tax invoice",
        made_at=statement.closed_at
        or datetime(int(statement.month[:4]), int(statement.month[5:]), 1, tzinfo=UTC),
    )
    sheet.masthead("Usage statement", statement.month_in_words, statement.organization)
    if not statement.closed:
        sheet.notice(f"{_PREVIEW}. Its figures will change.")
    sheet.facts([fact for fact in _facts(statement) if fact[0] != "Organization"])
    usages = (statement, *statement.others)
    for usage in usages:
        _summary(sheet, usage)
    sheet.note(_NO_INVOICE)
    for usage in usages:
        _details(sheet, usage)
    return sheet.as_bytes()


def _summary(sheet: Sheet, usage: Usage) -> None:
    unit, currency = _unit(usage.currency), usage.currency
    sheet.heading(f"Usage by category, in {unit}")
    if usage.lines:
        rows = [[_category(line.category), *_figures(line, currency)] for line in usage.lines]
        sheet.table(_LINE_COLUMNS, rows, ["Sum", *_figures(usage, currency)])
    else:
        sheet.note("No messages were booked in this month.")
    if any(line.category == "needs_review" for line in usage.lines):
        sheet.note(_REVIEW)
    *totals, total = _totals(usage)
    sheet.heading(f"Total, in {unit}", followed_by=60)
    sheet.sums(
        [(name, money(amount, currency, decimals)) for name, amount, decimals in totals],
        (total[0], f"{unit} {money(total[1], currency, 2)}"),
    )
    if usage.wallet:
        *moves, closing = _wallet(usage.wallet)
        sheet.heading(f"Wallet, in {unit}", followed_by=40)
        sheet.sums(
            [(name, money(amount, currency, 6)) for name, amount in moves],
            (closing[0], f"{unit} {money(closing[1], currency, 6)}"),
        )
        if usage.wallet.prepaid:
            sheet.note(_PREPAID)


def _details(sheet: Sheet, usage: Usage) -> None:
    if not usage.details:
        return
    sheet.heading(f"Details by number and rate, in {_unit(usage.currency)}", followed_by=24)
    rows = [
        [
            _kind(detail),
            detail.display_phone or _DASH,
            _rate(detail, usage.currency),
            *_figures(detail, usage.currency),
        ]
        for detail in usage.details
    ]
    sheet.table(_DETAIL_COLUMNS, rows, ["Sum", "", "", *_figures(usage, usage.currency)])
    if any(detail.verified is False and detail.rate is not None for detail in usage.details):
        sheet.note(_UNVERIFIED)


def _kind(detail: Detail) -> str | Cell:
    name, pricing = _category(detail.category), _pricing(detail.pricing_type)
    return name if not pricing or detail.pricing_type == "regular" else Cell(name, pricing)


def _rate(detail: Detail, currency: str) -> str:
    if detail.rate is not None:
        return money(detail.rate, currency, 4) + ("*" if detail.verified is False else "")
    return "by Meta" if detail.pricing_type == "regular" else _DASH


def _figures(line: Line | Usage, currency: str) -> list[str]:
    amounts = (line.meta_cost, line.markup, line.billed)
    return [_count(line.messages, currency), *(money(amount, currency, 6) for amount in amounts)]
