"""A month's statement as people get it: every figure of it, in a PDF and in a CSV, and only for members."""

import csv
import io
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from flask.testing import FlaskClient
from pydantic import ValidationError
from pypdf import PdfReader

import workers.api.statements  # noqa: F401 (registers its action)
from tests.business import Json, call, fresh_org
from tests.database import Database
from tests.http.recording import RecordingDatabase, settings
from workers import create_app
from workers.billing.statement import Statement, as_csv, as_pdf
from workers.database import Person
from workers.errors import Refused

ORG = str(uuid4())
TOKEN = {"Authorization": "Bearer head.body.sign"}
FREE, UNKNOWN = "free_customer_service", None


def detail(category: str, messages: int, cost: str, markup: str, **more: Any) -> Json:
    return {
        "category": category, "pricing_type": "regular", "number_id": str(uuid4()),
        "display_phone": "+91 98100 00011", "rate": "0.882200", "verified": True, "messages": messages,
        "meta_cost": cost, "markup": markup, "billed": markup,
    } | more  # fmt: skip


DETAILS = [
    detail("marketing", 139_941, "123456.781234", "12345.678123"),
    detail("marketing", -2, "-1.764400", "-0.176440", display_phone="+91 98100 00012", rate="0.882200"),
    detail("utility", 310, "35.650000", "3.565000", rate="0.115000", verified=False),
    detail("authentication", 3, "1.234567", "0.123457", rate=None, verified=None),
    detail("service", 40, "0.000000", "0.000000", pricing_type=FREE, rate=None, verified=None),
    detail("needs_review", 7, "0.000000", "0.000000", pricing_type=UNKNOWN, rate=None, verified=None),
    detail("carousel_shop", 1, "0.500000", "0.050000"),  # a category that Meta brings some day
]
NAMES = {
    "marketing": "Marketing", "utility": "Utility", "authentication": "Authentication",
    "service": "Service", "needs_review": "To be reviewed", "carousel_shop": "Carousel shop",
}  # fmt: skip
AMOUNTS = ("meta_cost", "markup", "billed")


def sums(details: list[Json]) -> Json:
    added = {key: str(sum((Decimal(one[key]) for one in details), Decimal("0.000000"))) for key in AMOUNTS}
    return {"messages": sum(one["messages"] for one in details)} | added


def document(details: list[Json] | None = None, **more: Any) -> Json:
    """A statement as the database gives it."""
    given = DETAILS if details is None else details
    categories = dict.fromkeys(one["category"] for one in given)
    lines = [
        {"category": category} | sums([one for one in given if one["category"] == category])
        for category in categories
    ]
    return {
        "org_id": ORG, "organization": "Asha Traders", "month": "2026-10", "closed": True,
        "closed_at": "2026-10-31T19:05:00+00:00", "currency": "INR", "meta_billing": "customer",
        "supply": "intra", "gst_percent": "18", "lines": lines, "details": given, **sums(given),
        "round_off": "-0.000140", "taxable": "12349.24", "cgst": "1111.43", "sgst": "1111.43",
        "igst": "0.00", "total": "14572.10", "wallet": None, "others": [], "of_the_future": {"a": [1]},
    } | more  # fmt: skip


NOTHING = dict.fromkeys((*AMOUNTS, "round_off"), "0.000000") | dict.fromkeys(
    ("taxable", "cgst", "sgst", "igst", "total"), "0.00"
)
WALLET = {
    "prepaid": True, "opening": "500.000000", "topups": "20000.000000", "usage": "12349.240140",
    "closing": "8150.759860", "tax_included": True,
}  # fmt: skip


def read(**more: Any) -> Statement:
    return Statement.model_validate(document(**more))


def pages(pdf: bytes) -> list[str]:
    """The text of each page."""
    return [page.extract_text() for page in PdfReader(io.BytesIO(pdf)).pages]


def text(**more: Any) -> str:
    return "\n".join(pages(as_pdf(read(**more))))


def sections(content: bytes) -> dict[tuple[str, ...], list[list[str]]]:
    """The sections of a CSV by their first row: name and currency."""
    assert content.startswith(b"\xef\xbb\xbf")
    found: dict[tuple[str, ...], list[list[str]]] = {}
    rows: list[list[str]] = []
    for row in csv.reader(io.StringIO(content.decode("utf-8-sig"), newline="")):
        if not row:
            rows = []
        elif not rows:
            rows = found.setdefault(tuple(row), [row])
        else:
            rows.append(row)
    return {name: rows[1:] for name, rows in found.items()}


def decimals(row: list[str]) -> list[Decimal]:
    return [Decimal(cell) for cell in row]


# What is read


@pytest.mark.parametrize("amount", [1.5, 0.1, "NaN", "Infinity", "", "1e999999", "12,5", None, True])
def test_an_amount_that_is_no_exact_decimal_is_refused(amount):
    with pytest.raises(ValidationError):
        read(total=amount)


def test_the_database_s_own_statement_is_read(db: Database) -> None:
    org_id = fresh_org(db)

    statement = Statement.model_validate(call(db, "statement", org_id=org_id, month="2026-10"))

    assert (statement.month, statement.messages, statement.total) == ("2026-10", 0, Decimal(0))
    assert as_pdf(statement).startswith(b"%PDF")
    assert ("Totals", "INR") in sections(as_csv(statement))


# CSV


def test_csv_parses_back_to_the_decimals_of_the_statement():
    given = document(wallet=WALLET)

    found = sections(as_csv(Statement.model_validate(given)))

    assert [decimals(row[1:]) for row in found["Lines", "INR"][1:]] == [
        [line["messages"], *(Decimal(line[key]) for key in AMOUNTS)] for line in given["lines"]
    ]
    assert [decimals(row[5:]) for row in found["Details", "INR"][1:]] == [
        [one["messages"], *(Decimal(one[key]) for key in AMOUNTS)] for one in DETAILS
    ]
    assert [row[3] for row in found["Details", "INR"][1:]] == [one["rate"] or "" for one in DETAILS]
    totals = {row[0]: row[1] for row in found["Totals", "INR"]}
    assert totals == {
        "Messages": str(given["messages"]), "Meta's cost": given["meta_cost"], "Markup": given["markup"],
        "Billed, exact sum": given["billed"], "Round-off": "-0.000140", "Taxable value": "12349.24",
        "CGST 9 %": "1111.43", "SGST 9 %": "1111.43", "IGST": "0.00", "Total": "14572.10",
    }  # fmt: skip
    assert [row[1] for row in found["Wallet", "INR"][1:5]] == [
        WALLET[key] for key in ("opening", "topups", "usage", "closing")
    ]


def test_csv_lines_add_up_to_its_totals():
    found = sections(as_csv(read()))
    totals = {row[0]: Decimal(row[1]) for row in found["Totals", "INR"]}

    for name, first in (("Lines", 1), ("Details", 5)):
        columns = list(zip(*(decimals(row[first:]) for row in found[name, "INR"][1:]), strict=True))
        assert [sum(column) for column in columns] == [
            totals[key] for key in ("Messages", "Meta's cost", "Markup", "Billed, exact sum")
        ]


FORMULAS = [
    '=cmd|"/c calc"!A1', "+1+1", "-1+1", "@SUM(A1)", "\t=1", "\r=1", " =1", "\u200b=1", "\u200d=1", "＝1",
    "-", "+91 98100 00011",
]  # fmt: skip


@pytest.mark.parametrize("name", FORMULAS, ids=ascii)
def test_no_cell_of_a_csv_is_a_formula(name):
    content = as_csv(read(organization=name, details=[detail("marketing", 1, "1", "1", display_phone=name)]))

    cells = [cell for rows in sections(content).values() for row in rows for cell in row]
    assert sum(cell.startswith("'") for cell in cells) == 2
    assert not [cell for cell in cells if cell.lstrip("\u200c\u200d \t")[:1] in tuple("=+@＝")]
    assert all(Decimal(cell) < 0 for cell in cells if cell.startswith("-"))


@pytest.mark.parametrize("amount", ["-12.500000", "-0.176440", "7", "0.000000"])
def test_a_plain_number_stays_a_number(amount):
    found = sections(as_csv(read(round_off=amount)))

    assert ["Round-off", amount] in found["Totals", "INR"]


def test_a_name_with_commas_quotes_and_lines_stays_one_cell():
    found = sections(as_csv(read(organization='Asha, "Sons"\nand\r\nCo; <script>alert(1)</script>')))

    assert ["Organization", 'Asha, "Sons" and Co; <script>alert(1)</script>'] in found["Usage statement",]


# PDF


def test_pdf_has_each_figure_of_the_statement():
    shown = text(wallet=WALLET)

    for figure in (
        "Usage statement", "Asha Traders", "October 2026", "1 to 31 October 2026",
        "Closed on 1 November 2026, 00:35 Indian time", "+91 98100 00011", "+91 98100 00012",
        "Marketing 1,39,939 1,23,455.016834 12,345.501683", "Utility 310 35.650000 3.565000",
        "0.8822 1,39,941 1,23,456.781234 12,345.678123", "0.8822 −2 −1.764400 −0.176440", "0.1150* 310",
        "by Meta 3 1.234567 0.123457 0.123457", "Carousel shop 1 0.500000", "Free: service window",
        "Meta's cost 1,23,492.401401", "Markup 12,349.240140", "Billed, exact sum 12,349.240140",
        "Round-off −0.000140", "Taxable value 12,349.24", "CGST 9 % 1,111.43", "SGST 9 % 1,111.43",
        "IGST 0.00", "Total ₹ 14,572.10", "Opening balance 500.000000", "Top-ups 20,000.000000",
        "Usage 12,349.240140", "Closing balance ₹ 8,150.759860", "not a tax invoice", "Prepaid: GST was paid",
        *NAMES.values(),
    ):  # fmt: skip
        assert figure in shown, figure
    assert "Preview" not in shown


GROUPED = [
    ("0.00", "INR", "₹ 0.00"),
    ("999.50", "INR", "₹ 999.50"),
    ("1000.00", "INR", "₹ 1,000.00"),
    ("123456.78", "INR", "₹ 1,23,456.78"),
    ("1234567890.10", "INR", "₹ 1,23,45,67,890.10"),
    ("-123456.785", "INR", "₹ −1,23,456.785"),
    ("9999999999999999999999.99", "INR", "₹ 9,99,99,99,99,99,99,99,99,99,999.99"),
    ("1234567.89", "USD", "USD 1,234,567.89"),
]


@pytest.mark.parametrize(("amount", "currency", "shown"), GROUPED)
def test_amounts_are_grouped_as_their_readers_group_and_never_rounded(amount, currency, shown):
    assert f"Total {shown}" in text(total=amount, currency=currency)


@pytest.mark.parametrize(("gst", "half"), [("18", "9"), ("5", "2.5"), ("18.5", "9.25"), ("20", "10")])
def test_tax_is_named_with_its_percentage(gst, half):
    assert f"CGST {half} % 1,111.43" in text(gst_percent=gst)
    assert f"IGST {gst} % 2,222.86" in text(gst_percent=gst, supply="inter", igst="2222.86")


def test_an_open_month_says_on_each_page_that_it_is_a_preview():
    details = [detail("marketing", 1, "0.882200", "0.088220") for _ in range(100)]

    shown = pages(as_pdf(read(details=details, closed=False, closed_at=None)))

    assert "Preview: this month is still open" in shown[0]
    assert len(shown) > 2
    assert all("Preview" in page for page in shown)
    assert ["Status", "Preview: this month is still open"] in sections(
        as_csv(read(closed=False, closed_at=None))
    )["Usage statement",]


@pytest.mark.parametrize(("closed", "status"), [(True, "Status Closed\n"), (False, "Status Preview")])
def test_an_empty_month_is_a_statement_too(closed, status):
    shown = text(details=[], closed=closed, closed_at=None, **NOTHING)

    assert status in shown
    assert "No messages were booked in this month" in shown
    assert "Details" not in shown
    assert "Total ₹ 0.00" in shown
    assert "Page 1 of 1" in shown


def test_500_details_make_several_pages_with_the_header_on_each():
    details = [
        detail("marketing", at, f"{at}.000001", "0.100000", display_phone=f"+91 98100 {at:05}")
        for at in range(500)
    ]

    shown = pages(as_pdf(read(details=details)))

    assert len(shown) > 8
    assert [f"Page {at} of {len(shown)}" in page for at, page in enumerate(shown, 1)] == [True] * len(shown)
    assert all("Category Number Rate Messages Meta's cost Markup Billed" in page for page in shown[1:])
    assert all(f"+91 98100 {at:05} 0.8822 {at} {at}.000001" in "\n".join(shown) for at in range(500))


def test_the_foot_of_each_page_looks_the_same():
    pdf = as_pdf(read(details=[detail("marketing", 1, "1", "1") for _ in range(80)]))
    sizes = []

    def look(text: str, _cm: object, _tm: object, _font: object, size: float) -> None:
        if "Not a tax invoice" in text:
            sizes.append(size)

    for page in (read_pages := PdfReader(io.BytesIO(pdf)).pages):
        page.extract_text(visitor_text=look)

    assert len(sizes) == len(read_pages) > 2
    assert len(set(sizes)) == 1


PAYERS = [
    ("customer", "12.000000", "2.000000", "2.000000", "The organization pays Meta itself", False),
    ("flow", "12.000000", "2.000000", "14.000000", "Flow pays Meta, and bills Meta's cost", False),
    ("flow", "12.000000", "2.000000", "9.000000", "Flow pays Meta, and bills Meta's cost", True),
]


@pytest.mark.parametrize(("payer", "cost", "markup", "billed", "words", "has_changed"), PAYERS)
def test_who_pays_meta_is_said(payer, cost, markup, billed, words, has_changed):
    one = detail("marketing", 10, cost, markup, billed=billed)

    shown = text(details=[one], meta_billing=payer)

    assert words in shown
    assert ("This has changed" in shown) == has_changed


def test_other_currencies_have_sections_of_their_own():
    dollars = document([detail("utility", 2, "1234.500000", "0.100000")], currency="USD", total="0.12")
    del dollars["others"]

    statement = read(others=[dollars])

    shown, found = "\n".join(pages(as_pdf(statement))), sections(as_csv(statement))
    assert "Total ₹ 14,572.10" in shown
    assert "Usage by category, in USD" in shown
    assert "Total USD 0.12" in shown
    assert "1,234.500000" in shown
    assert ["Total", "0.12"] in found["Totals", "USD"]
    assert ["Total", "14572.10"] in found["Totals", "INR"]


NAMED = [
    pytest.param("श्री गणेश ट्रेडर्स", id="Hindi"),
    pytest.param("முருகன் டெக்ஸ்டைல்ஸ்", id="Tamil"),
    pytest.param("తెలుగు", id="Telugu"),
    pytest.param("ગુજરાત", id="Gujarati"),
    pytest.param("বাংলা", id="Bengali"),
    pytest.param("ಕನ್ನಡ", id="Kannada"),
    pytest.param("മലയാളം", id="Malayalam"),
    pytest.param("ਪੰਜਾਬ", id="Punjabi"),
    pytest.param("ଓଡ଼ିଶା", id="Odia"),
    pytest.param("दर्\u200dया", id="Marathi with a joiner"),
    pytest.param("اردو", id="Urdu"),
    pytest.param("Sweets 24 🍬 & Sons", id="emoji"),
]


@pytest.mark.parametrize("name", NAMED)
def test_names_in_the_scripts_of_india_have_glyphs(name):
    statement = read(organization=name)

    shown = pages(as_pdf(statement))[0]

    assert "\N{REPLACEMENT CHARACTER}" not in shown
    # The order of what a reader takes out of shaped text is not that of the letters.
    assert set(statement.organization) - set(shown) - set("\u200d") == set()


def test_letters_of_one_syllable_are_joined_as_hindi_is_written():
    page = PdfReader(io.BytesIO(as_pdf(read(organization="क्षत्रिय")))).pages[0]

    fonts = [font.get_object() for font in page["/Resources"]["/Font"].values()]
    told = b"".join(font["/ToUnicode"].get_object().get_data() for font in fonts).upper()
    assert b"<0915094D0937>" in told  # one glyph for the three letters of kṣa


HOSTILE = [
    pytest.param("<script>alert(1)</script>", "<script>alert(1)</script>", id="markup"),
    pytest.param("{nb} pages", "{nb} pages", id="placeholder of the library"),
    pytest.param("a) Tj ET (b \\", "a) Tj ET (b \\", id="PDF operators"),
    pytest.param("Acme\u202excod.exe", "Acmexcod.exe", id="turned around"),
    pytest.param("Asha\ud800 Traders\x07", "Asha Traders", id="half a character and a bell"),
    pytest.param("漢字 Co", "\ufffd\ufffd Co", id="script without a font"),
    pytest.param("**bold** __x__", "**bold** __x__", id="markdown"),
    pytest.param("\u200b\u202e", "", id="nothing to see"),
]


@pytest.mark.parametrize(("name", "shown"), HOSTILE)
def test_hostile_names_are_only_text(name, shown):
    pdf = as_pdf(read(organization=name, closed=False, closed_at=None))

    assert f"Usage statement October 2026\n{shown}" in pages(pdf)[0]
    assert not [word for word in (b"/JavaScript", b"/Launch", b"/URI", b"/OpenAction <<") if word in pdf]


@pytest.mark.parametrize("name", ["W" * 200, "श्री " * 40, "ௐ" * 200, "A\u0301\u0302\u0303" * 50, "漢" * 200])
def test_a_name_of_200_characters_leaves_the_figures_where_they_are(name):
    details = [detail("marketing", 1, "0.882200", "0.088220", display_phone=name) for _ in range(40)]

    shown = pages(as_pdf(read(organization=name, details=details)))

    assert "Total ₹ 14,572.10" in shown[0]
    assert len(shown) == 2


def test_large_amounts_fit_their_columns():
    huge = "123456789012.123456"
    details = [detail("authentication_international", 2_000_000_000, huge, huge)] * 2

    (page, *_) = PdfReader(io.BytesIO(as_pdf(read(details=details)))).pages

    left: dict[str, float] = {}
    page.extract_text(visitor_text=lambda text, _cm, tm, *_: left.setdefault(text.strip(), tm[4]))
    shown = page.extract_text()
    assert "2,00,00,00,000 1,23,45,67,89,012.123456 1,23,45,67,89,012.123456" in shown
    assert left["+91 98100 00011"] - left["Authentication, international"] > 60  # points: the name has room


def test_making_a_pdf_tells_the_log_nothing(caplog):
    with caplog.at_level("INFO"):
        as_pdf(read(organization="श्री 漢字 \U000f0000 Traders"))

    assert caplog.records == []


@pytest.mark.parametrize("name", ["Asha Traders", "श्री तमिल் مثال 🍬"])
def test_the_same_statement_gives_the_same_bytes_in_every_process(name):
    code = (
        "import hashlib, sys; from workers.billing.statement import Statement, as_csv, as_pdf;"
        "s = Statement.model_validate_json(sys.stdin.read());"
        "print(hashlib.sha256(as_pdf(s) + as_csv(s)).hexdigest())"
    )
    made = {
        subprocess.run(
            [sys.executable, "-c", code],
            input=json.dumps(document(organization=name)),
            env=os.environ | {"PYTHONHASHSEED": seed, "TZ": zone},
            text=True, capture_output=True, check=True,
        ).stdout
        for seed, zone in (("1", "UTC"), ("2", "Asia/Kolkata"))
    }  # fmt: skip

    assert len(made) == 1


# The API


class Member(Person):
    """A person whom the recording database answers."""

    def __init__(self, database: RecordingDatabase, jwt: str) -> None:
        self.database, self.jwt = database, jwt

    def rpc(self, name: str, /, **args: object) -> Json:
        """Call one function of `public`."""
        return self.database.rpc(name, jwt=self.jwt, **args)


class Members(RecordingDatabase):
    """Answers people from the same table as workers."""

    def as_person(self, jwt: str) -> Person:
        """Give the functions as this person sees them."""
        super().as_person(jwt)
        return Member(self, jwt)


@pytest.fixture
def database() -> Iterator[Members]:
    made = Members(statement=document())
    yield made
    made.close()


@pytest.fixture
def client(database: Members) -> FlaskClient:
    return create_app(settings(FLOW_WORKERS="api"), database=database).test_client()


Ask = Callable[..., Any]


@pytest.fixture
def ask(client: FlaskClient) -> Ask:
    """Asks for a statement; keyword arguments change the body."""

    def asked(headers: dict[str, str] = TOKEN, **body: object) -> Any:
        whole = {"org_id": ORG, "month": "2026-10", "format": "pdf"} | body
        return client.post("/api/statement", json=whole, headers=headers)

    return asked


FILES = [("pdf", "application/pdf", b"%PDF-"), ("csv", "text/csv; charset=utf-8", b"\xef\xbb\xbfUsage")]


@pytest.mark.parametrize(("wanted", "kind", "begins"), FILES)
def test_a_statement_is_downloaded_as_a_file(ask, database, wanted, kind, begins):
    reply = ask(format=wanted)

    assert reply.status_code == 200
    assert reply.data.startswith(begins)
    assert reply.headers["Content-Type"] == kind
    assert reply.headers["Content-Disposition"] == f"attachment; filename=usage-2026-10.{wanted}"
    assert reply.headers["Cache-Control"] == "no-store"
    assert reply.headers["X-Content-Type-Options"] == "nosniff"


def test_the_database_is_asked_with_the_person_s_own_token(ask, database):
    ask()

    assert database.calls == [("statement", {"jwt": "head.body.sign", "org_id": ORG, "month": "2026-10"})]


def test_the_file_is_named_after_the_month_that_was_asked_for(ask, database):
    database.replies["statement"] = [document(organization="../../etc/passwd\r\nX: y")]

    reply = ask(month="2026-09", format="csv")

    assert reply.headers["Content-Disposition"] == "attachment; filename=usage-2026-09.csv"
    assert "X" not in reply.headers


def test_who_has_no_token_is_refused_before_the_database_is_asked(ask, database):
    reply = ask(headers={})

    assert (reply.status_code, reply.json["detail"]) == (401, "not_signed_in")
    assert database.calls == []


def test_what_the_database_refuses_is_no_file(ask, database):
    database.replies["statement"] = [Refused(404, "There is no such organization.", "organization_unknown")]

    reply = ask(format="csv")

    assert (reply.status_code, reply.json["detail"]) == (404, "organization_unknown")
    assert "Content-Disposition" not in reply.headers


@pytest.mark.parametrize(
    "wrong",
    [
        {"format": "xlsx"}, {"format": None}, {"month": "2026-13"}, {"month": "2026-1"}, {"month": "२०२६-१०"},
        {"month": "2026-10\n.pdf"}, {"month": 202610}, {"org_id": "x"}, {"more": 1},
    ],
    ids=str,
)  # fmt: skip
def test_a_wish_that_is_none_is_refused_before_the_database_is_asked(ask, database, wrong):
    reply = ask(**wrong)

    assert (reply.status_code, reply.json["detail"]) == (422, "body_invalid")
    assert database.calls == []


def test_a_statement_that_is_none_is_a_fault_of_ours_and_tells_nothing(ask, database):
    database.replies["statement"] = [document(total=14572.1)]

    reply = ask()

    assert (reply.status_code, reply.json["detail"]) == (500, "internal_error")
    assert b"14572" not in reply.data
