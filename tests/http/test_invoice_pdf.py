"""A tax invoice says on paper what the law asks for, in the scripts of India, the same bytes each time."""

import io
from typing import Any

import pytest
from pydantic import ValidationError
from pypdf import PdfReader

import workers.api  # noqa: F401 (registers its actions)
from tests.http.recording import RecordingDatabase, settings
from workers import create_app
from workers.billing.invoice import in_words, render
from workers.database import Person
from workers.errors import Refused

ORG, ID = "11111111-aaaa-4aaa-8aaa-000000000001", 42
INVOICE: dict[str, Any] = {
    "number": "FL/2627/000042", "kind": "invoice", "issued_on": "2026-11-29", "fy": "2026-27",
    "seller": {"legal_name": "Nanocon Flow Private Limited", "gstin": "27AAPFU0939F1ZV", "state_code": "27",
               "state": "Maharashtra", "address": "4th Floor, Trade Tower\nMumbai 400013",
               "email": "billing@flow.example"},
    "buyer": {"legal_name": "Asha Engineering", "gstin": "29AAGCB7383J1Z4", "state_code": "29",
              "address": "12, Peenya\nBengaluru 560058"},
    "place_of_supply": {"code": "29", "name": "Karnataka"},
    "lines": [{"description": "Flow Growth, one month", "sac": "998315", "quantity": 2, "unit_net": 5_000_050,
               "amount": 10_000_100}],
    "taxable": 10_000_100, "gst_percent": "18", "cgst": 0, "sgst": 0, "sgst_label": "SGST", "igst": 1_800_018,
    "round_off": -18, "total": 11_800_100, "currency": "INR", "corrects": None, "irn": None, "ack_no": None,
    "payment": {"provider_id": "pay_FX1", "method": "upi", "captured_at": "2026-11-28T20:00:00+00:00"},
    "ack_at": None, "signed_qr": None,
}  # fmt: skip


def text(**changes: Any) -> str:
    pages = PdfReader(io.BytesIO(render(INVOICE | changes))).pages
    return "\n".join(page.extract_text() for page in pages)


def test_it_says_who_sold_what_to_whom_and_what_tax_it_bore() -> None:
    said = text()

    for words in (
        "Tax invoice", "No. FL/2627/000042", "29 November 2026", "Original for recipient",
        "Nanocon Flow Private Limited", "GSTIN: 27AAPFU0939F1ZV", "4th Floor, Trade Tower",
        "State: Maharashtra (27)",
        "Asha Engineering", "GSTIN: 29AAGCB7383J1Z4", "State: Karnataka (29)", "12, Peenya",
        "Karnataka (29)", "Flow Growth, one month", "998315", "50,000.50", "1,00,001.00", "IGST 18 %",
        "18,000.18", "−0.18", "₹ 1,18,001.00", "pay_FX1 by UPI on 29 November 2026",
        "Rupees one lakh eighteen thousand and one only",
    ):  # fmt: skip
        assert words in said
    assert "Reverse charge\nNo" in said or "Reverse charge No" in said
    assert "CGST 9" not in said


@pytest.mark.parametrize("label", ["SGST", "UTGST"])
def test_within_a_state_the_tax_is_halved(label: str) -> None:
    said = text(cgst=900_009, sgst=900_009, igst=0, sgst_label=label, round_off=0)

    assert said.count("9,000.09") == 2
    assert "CGST 9 %" in said
    assert f"{label} 9 %" in said
    assert "IGST" not in said
    assert "Round-off" not in said


def test_credit_note_names_the_invoice_that_it_corrects() -> None:
    said = text(kind="credit_note", number="FC/2627/000003", corrects="FL/2627/000042", payment=None)

    assert "Credit note" in said
    assert "Tax invoice" not in said
    assert "Against invoice" in said
    assert "FL/2627/000042" in said


def test_buyer_without_a_number_and_supply_without_tax_are_said() -> None:
    said = text(buyer={"legal_name": "Ravi", "gstin": None, "state_code": "29"}, igst=0, gst_percent="18")

    assert "GSTIN: not registered" in said
    assert "IGST 0 %" in said


def test_e_invoice_has_its_number_and_code() -> None:
    plain, coded = render(INVOICE), render(INVOICE | {"irn": "a5c1" * 16, "ack_no": "112010036563310",
        "ack_at": "2026-11-29T10:00:00+05:30", "signed_qr": "eyJ" + "A1b2" * 250})  # fmt: skip
    said = PdfReader(io.BytesIO(coded)).pages[0].extract_text().replace("\n", "")

    assert "a5c1" * 16 in said
    assert "112010036563310" in said
    assert len(coded) > len(plain) + 10_000  # the modules of the code


@pytest.mark.parametrize("name", ["श्री गणेश इंजीनियरिंग वर्क्स", "ಗಣೇಶ ಎಂಜಿನಿಯರಿಂಗ್", "கணேஷ்", "A" * 300, "Asha " * 80])
def test_names_in_any_script_and_length_fit(name: str) -> None:
    made = render(INVOICE | {"buyer": INVOICE["buyer"] | {"legal_name": name}})

    assert len(PdfReader(io.BytesIO(made)).pages) == 1


def test_many_lines_go_over_the_page_with_the_number_on_each() -> None:
    pages = PdfReader(io.BytesIO(render(INVOICE | {"lines": INVOICE["lines"] * 90}))).pages

    assert len(pages) == 3
    assert all("FL/2627/000042" in page.extract_text() for page in pages)


def test_same_document_makes_the_same_bytes() -> None:
    assert render(INVOICE) == render(dict(INVOICE))


@pytest.mark.parametrize(
    "change",
    [
        {"total": 118_001.0},
        {"total": None},
        {"total": "1180"},
        {"number": None, "lines": None},
        {"currency": "₹"},
    ],
)
def test_what_is_no_document_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        render(INVOICE | change)


TWELVE_CRORE = (
    "Rupees twelve crore thirty-four lakh fifty-six thousand seven hundred and "
    "eighty-nine and five paise only"
)
MILLION = "USD one million two hundred and thirty-four thousand five hundred and sixty-seven only"


@pytest.mark.parametrize(
    ("paise", "currency", "words"),
    [
        (0, "INR", "Rupees zero only"),
        (100, "INR", "Rupees one only"),
        (235_882, "INR", "Rupees two thousand three hundred and fifty-eight and eighty-two paise only"),
        (1_00_00_000_00, "INR", "Rupees one crore only"),
        (12_34_56_789_05, "INR", TWELVE_CRORE),
        (123_456_700, "USD", MILLION),
        (150, "USD", "USD one and 50/100 only"),
    ],
)  # fmt: skip
def test_amounts_are_said_as_their_readers_count(paise: int, currency: str, words: str) -> None:
    assert in_words(paise, currency) == words


class Asker(Person):
    """A person to whom one document is shown."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, object]]] = []

    def rpc(self, name: str, /, **args: object) -> dict[str, Any]:
        self.asked.append((name, args))
        if args["invoice_id"] != ID:
            raise Refused(404, "There is no such document.", "invoice_unknown")
        return INVOICE


def test_member_downloads_it_and_others_are_told_what_the_database_says(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    database, asker = RecordingDatabase(), Asker()
    monkeypatch.setattr(database, "as_person", lambda _: asker)
    client = create_app(settings(FLOW_WORKERS="api"), database=database).test_client()
    headers = {"Authorization": "Bearer head.body.sign"}

    given = client.post("/api/invoice", json={"org_id": ORG, "invoice_id": ID}, headers=headers)
    other = client.post("/api/invoice", json={"org_id": ORG, "invoice_id": 43}, headers=headers)

    assert given.data == render(INVOICE)
    assert given.headers["Content-Disposition"] == "attachment; filename=FL-2627-000042.pdf"
    assert asker.asked[0] == ("get_invoice", {"org_id": ORG, "invoice_id": ID})
    assert (other.status_code, other.json["detail"]) == (404, "invoice_unknown")
    assert client.post("/api/invoice", json={"org_id": ORG, "invoice_id": ID}).status_code == 401
