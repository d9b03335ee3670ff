"""Numbers as people write them."""

import pytest

from workers import phones

NUMBERS = [
    pytest.param("+91-9876500000", "IN", ("+919876500000", "mobile"), id="as IndiaMART writes it"),
    pytest.param("98765 00000", "IN", ("+919876500000", "mobile"), id="national"),
    pytest.param("09876500000", "IN", ("+919876500000", "mobile"), id="with a zero before"),
    pytest.param("९८७६५०००००", "IN", ("+919876500000", "mobile"), id="Devanagari digits"),
    pytest.param("8048900000", "IN", ("+918048900000", "fixed_line"), id="landline without zero"),
    pytest.param("0120-2222222", None, ("+911202222222", "fixed_line"), id="no country is India"),
    pytest.param("+1 201 555 0123", "IN", ("+12015550123", "fixed_line_or_mobile"), id="American"),
    pytest.param("0501234567", "ae", ("+971501234567", "mobile"), id="country in small letters"),
    pytest.param("+911800111222", "IN", ("+911800111222", "other"), id="toll-free"),
]


@pytest.mark.parametrize(("given", "country", "read"), NUMBERS)
def test_number_is_read(given, country, read):
    phone = phones.parse(given, country)

    assert (phone.e164, phone.kind) == read
    assert phone.given == given


NO_NUMBERS = ["", "   ", "hello", "+91-1983000000", "12345", "+", "9876500000/9876500001", "9" * 200, "\x00"]


@pytest.mark.parametrize("given", NO_NUMBERS, ids=repr)
def test_what_is_no_valid_number_is_none(given):
    assert phones.parse(given) is None


def test_first_valid_of_several_is_taken():
    assert phones.first_valid(["", "123", "9876500000", "9876500001"]).e164 == "+919876500000"


GREETABLE = [
    ("+919876500000", True),
    ("+12015550123", True),
    ("+911202222222", False),
    ("+911800111222", False),
]


@pytest.mark.parametrize(("given", "is_greetable"), GREETABLE)
def test_only_numbers_that_can_be_mobile_are_greeted(given, is_greetable):
    assert phones.parse(given).is_greetable is is_greetable
