"""A tax invoice or credit note, as the database gives it, as a PDF. Nothing is reckoned here.

What CGST rule 46 (rule 53 for credit notes) asks for stands on it; amounts come in whole paise. The same
document makes the same bytes.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Annotated, Any, Final

from num2words import num2words
from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, StrictInt

from workers.billing.paper import QR, Paper
from workers.billing.sheet import Cell, Column
from workers.billing.statement import Plain, money

_INDIA: Final = timezone(timedelta(hours=5, minutes=30), "IST")
_MONTHS: Final = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October",
    "November", "December",
)  # fmt: skip
_METHODS = {"card": "card", "upi": "UPI", "emandate": "eMandate", "netbanking": "net banking"}
_UNSIGNED = (
    "Issued electronically: under rule 46 of the CGST Rules, 2017 no signature is needed on an invoice that "
    "is issued in accordance with the Information Technology Act, 2000."
)
_COLUMNS = [
    Column("Description", 78, is_figure=False),
    Column("SAC", 18, is_figure=False),
    Column("Quantity", 18),
    Column("Rate", 30),
    Column("Amount", 36),
]


def _lines(value: object) -> list[str]:
    """Give an address as lines, whether it came as text, as a list or as an object."""
    match value:
        case None:
            return []
        case str():
            parts: list[object] = list(value.splitlines())
        case dict():
            parts = list(value.values())
        case list():
            parts = list(value)
        case _:
            raise ValueError("an address is text")
    return [str(part).strip() for part in parts if part is not None and str(part).strip()]


Lines = Annotated[list[Plain], BeforeValidator(_lines)]
Text = Annotated[Plain, BeforeValidator(lambda value: "" if value is None else str(value))]


class _Given(BaseModel):
    model_config = ConfigDict(extra="ignore", hide_input_in_errors=True)


class Party(_Given):
    """Who sells, or who buys."""

    legal_name: Text
    gstin: Text = ""
    address: Lines = []
    state_code: Text = ""
    state: Text = ""
    email: Text = ""


class Place(_Given):
    """A state, as GST knows it."""

    code: Text
    name: Text


class Line(_Given):
    """What was sold."""

    description: Text
    sac: Text
    quantity: int
    unit_net: StrictInt
    amount: StrictInt


class PaidBy(_Given):
    """The payment that the document is for."""

    provider_id: Text
    method: Text = ""
    captured_at: AwareDatetime | None = None


class Invoice(_Given):
    """A document with its number."""

    number: Text
    kind: str
    issued_on: date
    fy: Text = ""
    seller: Party
    buyer: Party
    place_of_supply: Place
    lines: list[Line]
    taxable: StrictInt
    gst_percent: Annotated[Decimal, BeforeValidator(str)] = Field(max_digits=6)
    cgst: StrictInt
    sgst: StrictInt
    sgst_label: Text = "SGST"
    igst: StrictInt
    round_off: StrictInt = 0
    total: StrictInt
    currency: str = Field(pattern=r"^[A-Z]{3}$")
    payment: PaidBy | None = None
    corrects: Text = ""
    irn: Text = ""
    ack_no: Text = ""
    ack_at: datetime | None = None
    signed_qr: str | None = None

    @property
    def title(self) -> str:
        """What the document is called."""
        return "Credit note" if self.kind == "credit_note" else "Tax invoice"


def render(invoice: dict[str, Any]) -> bytes:
    """Give the PDF of what `worker.invoice` or `public.get_invoice` gives; ValueError when it is none."""
    given = Invoice.model_validate(invoice)
    paper = Paper(
        title=f"{given.title} {given.number}",
        running=(given.seller.legal_name, f"{given.title} {given.number}"),
        footer=f"{given.title} {given.number}",
        made_at=datetime.combine(given.issued_on, time(), UTC),
    )
    paper.masthead(given.title, f"No. {given.number}", f"{_day(given.issued_on)} · Original for recipient")
    is_credit = given.kind == "credit_note"
    paper.parties(
        ("From", _party(given.seller, given.place_of_supply)),
        ("Credited to" if is_credit else "Billed to", _party(given.buyer, given.place_of_supply)),
    )
    paper.facts(_facts(given))
    unit = "₹" if given.currency == "INR" else given.currency
    paper.heading(f"Services, in {unit}")
    paper.table(_COLUMNS, [_row(line, given.currency) for line in given.lines])
    paper.heading(f"{'Credited' if is_credit else 'Total'}, in {unit}", followed_by=50)
    paper.sums(_sums(given), (f"Total {given.currency}", f"{unit} {_amount(given.total, given.currency)}"))
    paper.note(in_words(given.total, given.currency))
    if given.irn:
        paper.heading("e-Invoice", followed_by=QR)
        paper.stamped(_einvoice(given), given.signed_qr)
    paper.note(_UNSIGNED)
    return paper.as_bytes()


def in_words(paise: int, currency: str) -> str:
    """Give an amount in words, counted in lakh and crore where it is in rupees."""
    whole, part = divmod(abs(paise), 100)
    if currency == "INR":
        said = f"Rupees {_words(whole, 'en_IN')}" + (f" and {_words(part, 'en_IN')} paise" if part else "")
    else:
        said = f"{currency} {_words(whole, 'en')}" + (f" and {part}/100" if part else "")
    return f"{said} only".replace("  ", " ")


def _words(number: int, language: str) -> str:
    return str(num2words(number, lang=language)).replace(",", "")


def _amount(paise: int, currency: str) -> str:
    return money(Decimal(paise) / 100, currency, 2)


def _row(line: Line, currency: str) -> list[str | Cell]:
    return [
        line.description,
        line.sac,
        str(line.quantity),
        _amount(line.unit_net, currency),
        _amount(line.amount, currency),
    ]


def _sums(given: Invoice) -> list[tuple[str, str]]:
    """Give the sums that lead to the total; of the taxes those that apply, or that none does."""
    half, whole = _percent(given.gst_percent / 2), _percent(given.gst_percent)
    rows = [("Taxable value", given.taxable)]
    if given.cgst or given.sgst:
        rows += [(f"CGST {half} %", given.cgst), (f"{given.sgst_label} {half} %", given.sgst)]
    else:
        rows.append((f"IGST {whole if given.igst else '0'} %", given.igst))
    if given.round_off:
        rows.append(("Round-off", given.round_off))
    return [(name, _amount(amount, given.currency)) for name, amount in rows]


def _facts(given: Invoice) -> list[tuple[str, str]]:
    facts = []
    if given.corrects:
        facts.append(("Against invoice", given.corrects))
    facts.append(("Place of supply", f"{given.place_of_supply.name} ({given.place_of_supply.code})"))
    facts.append(("Reverse charge", "No"))
    if given.payment:
        method = _METHODS.get(given.payment.method, given.payment.method)
        parts = [given.payment.provider_id, f"by {method}" if method else ""]
        if given.payment.captured_at:
            parts.append(f"on {_day(given.payment.captured_at.astimezone(_INDIA).date())}")
        facts.append(("Payment", " ".join(part for part in parts if part)))
    return facts


def _party(party: Party, place: Place) -> list[str]:
    name = party.state or (place.name if party.state_code == place.code else "")
    state = f"State: {name} ({party.state_code})" if name else f"State code: {party.state_code}"
    gstin = f"GSTIN: {party.gstin}" if party.gstin else "GSTIN: not registered"
    return [
        line
        for line in (party.legal_name, *party.address, state if party.state_code else "", gstin, party.email)
        if line
    ]


def _einvoice(given: Invoice) -> list[tuple[str, str]]:
    facts = [("IRN", given.irn)]
    if given.ack_no:
        facts.append(("Ack. no.", given.ack_no))
    if given.ack_at:
        facts.append(("Ack. date", _day(given.ack_at.date())))
    return facts


def _day(day: date) -> str:
    return f"{day.day} {_MONTHS[day.month - 1]} {day.year}"


def _percent(value: Decimal) -> str:
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text
