"""Second numbers and addresses are read wherever they come from: IndiaMART's fields, columns of a file."""

import pytest

from workers import phones
from workers.indiamart.leads import to_item
from workers.sheets import fields
from workers.sheets.rows import Columns, item_of

ENQUIRIES = [
    pytest.param(
        {
            "SENDER_MOBILE": "+91-9000000001",
            "SENDER_MOBILE_ALT": "+91-9000000002",
            "SENDER_PHONE": "0120-2222222",
            "SENDER_EMAIL": "a@x.in",
            "SENDER_EMAIL_ALT": "b@x.in",
        },
        ("+919000000001", ["+919000000002", "+911202222222"], "a@x.in", ["b@x.in"]),
        id="all of them",
    ),
    pytest.param(
        {"SENDER_MOBILE": "+91-1983000000", "SENDER_MOBILE_ALT": "9000000002", "SENDER_EMAIL_ALT": "b@x.in"},
        ("+919000000002", [], "b@x.in", []),
        id="the first is none",
    ),
    pytest.param(
        {"SENDER_MOBILE": "9000000001", "SENDER_MOBILE_ALT": "+919000000001", "SENDER_EMAIL": "null"},
        ("+919000000001", [], None, []),
        id="twice the same",
    ),
    pytest.param({}, (None, [], None, []), id="none"),
]


@pytest.mark.parametrize(("lead", "expected"), ENQUIRIES)
def test_enquiry_carries_all_its_numbers_and_addresses(lead: dict[str, str], expected: object) -> None:
    person = to_item({"UNIQUE_QUERY_ID": "1", **lead})["person"]

    assert isinstance(person, dict)
    assert (person["phone"], person["phones"], person["email"], person["emails"]) == expected


ROWS = [
    pytest.param(
        ["98100 00011", "98100 00012", "a@x.in", "b@x.in"],
        {"phone": "+919810000011", "phones": ["+919810000012"], "email": "a@x.in", "emails": ["b@x.in"]},
        id="two of each",
    ),
    pytest.param(
        ["", "98100 00012", "", "b@x.in"],
        {"phone": "+919810000012", "email": "b@x.in"},
        id="only the second",
    ),
    pytest.param(
        ["98100 00011", "+919810000011", "a@x.in", "A@x.in"],
        {"phone": "+919810000011", "email": "a@x.in"},
        id="twice the same",
    ),
]


@pytest.mark.parametrize(("row", "expected"), ROWS)
def test_row_carries_its_second_number_and_address(row: list[str], expected: dict[str, object]) -> None:
    header = ["Mobile", "Alternate Number", "Email", "Email 2"]
    index = {str(name): at for at, name in enumerate(fields.suggest(header))}

    person = item_of(row, 2, Columns(index, header, [None] * 4, "IN"))["item"]["person"]

    assert {k: v for k, v in person.items() if k in ("phone", "phones", "email", "emails")} == expected


def test_second_column_of_addresses_is_suggested_as_such() -> None:
    assert fields.suggest(["E-mail", "Email ID", "mail"]) == ["email", "email_2", None]


def test_further_numbers_come_in_their_order_and_once() -> None:
    first = phones.parse("9810000011")

    found = phones.further(["9810000013", "9810000011", "", "none", "+919810000012", "9810000013"], first)

    assert found == ["+919810000013", "+919810000012"]
