"""One lead of IndiaMART becomes one item: times in UTC, text plain, phones E.164, the object kept whole."""

import json
from pathlib import Path

import pytest

from workers.indiamart.leads import plain_line, plain_text, read_time, to_item

PAYLOADS = Path(__file__).parent.parent / "payloads" / "indiamart"


def rows(name):
    body = json.loads((PAYLOADS / f"{name}.json").read_text(encoding="utf-8"))["body"]["RESPONSE"]
    return body if isinstance(body, list) else [body]


def test_direct_enquiry_is_read_whole():
    raw = rows("success_single")[0]

    item = to_item(raw)

    assert item["external_id"] == "3100450001"
    assert item["lead_type"] == "W"
    assert item["received_at"] == "2026-11-20T04:45:00+00:00"
    assert item["received_at_given"] == "2026-11-20 10:15:00"
    assert item["product"] == "Stainless Steel Ball Valve"
    assert item["message"] == (
        "I want to buy Stainless Steel Ball Valve.\n\nKindly send me price and other details.\n"
        "Quantity : 40\nQuantity Unit : piece\nProbable Order Value : Rs. 50,000 to 1 Lakh"
    )
    assert item["person"]["phone"] == "+919000000001"
    assert item["person"]["phone_kind"] == "mobile"
    assert item["person"]["phone_given"] == "+91-9000000001"
    assert item["person"]["address"] == "14, SIDCO Estate, Ambattur, Chennai, Tamil Nadu, 600098"
    assert item["raw"] == raw
    assert item["problems"] == []


def test_every_known_type_is_kept_as_sent():
    assert [to_item(row)["lead_type"] for row in rows("success_mixed_types")] == ["W", "B", "P", "WA", "BIZ"]


def test_placeholder_is_no_name():
    call = to_item(rows("push_call")[0])

    assert call["person"]["name"] is None
    assert call["raw"]["SENDER_NAME"] == "IndiaMART Buyer"


def test_number_from_abroad_is_read_with_its_country():
    assert to_item(rows("success_abroad")[0])["person"]["phone"] == "+971500000007"


def test_fields_that_are_absent_are_null():
    item = to_item(rows("success_old_field_set")[0])

    assert item["title"] is None
    assert item["person"]["pincode"] is None


NOTHING = [None, "", "  ", "null", "NULL", [], {}, True, "\x00"]


@pytest.mark.parametrize("value", NOTHING, ids=repr)
def test_whatever_stands_for_nothing_is_null(value):
    names = ("UNIQUE_QUERY_ID", "QUERY_TIME", "SENDER_NAME", "SENDER_MOBILE", "SENDER_EMAIL", "QUERY_MESSAGE")

    item = to_item(dict.fromkeys(names, value))

    assert item["external_id"] is None
    assert item["received_at"] is None
    assert item["message"] is None
    assert item["problems"] == []
    assert {item["person"][name] for name in ("name", "phone", "phone_given", "email")} == {None}


IDS = [
    (3100450001, "3100450001"),
    ("3100450001 ", "3100450001"),
    (3100450001.0, "3100450001"),
    ("a-1", "a-1"),
]


@pytest.mark.parametrize(("given", "read"), IDS)
def test_id_is_text_whatever_its_type(given, read):
    assert to_item({"UNIQUE_QUERY_ID": given})["external_id"] == read


PHONES = [
    pytest.param({"SENDER_MOBILE": "+91-9000000001"}, "+919000000001", id="as usual"),
    pytest.param({"SENDER_MOBILE": 9000000001}, "+919000000001", id="a number"),
    pytest.param({"SENDER_MOBILE": "९०००००००01"}, "+919000000001", id="Devanagari digits"),
    pytest.param(
        {"SENDER_MOBILE": "+91-1983000000", "SENDER_MOBILE_ALT": "9000000002"},
        "+919000000002",
        id="first is not valid",
    ),
    pytest.param({"SENDER_MOBILE": "", "SENDER_PHONE": "0120-2222222"}, "+911202222222", id="landline"),
    pytest.param(
        {"SENDER_MOBILE": "+1 (201) 555-0123", "SENDER_COUNTRY_ISO": "IN"},
        "+12015550123",
        id="its own country code",
    ),
    pytest.param(
        {"SENDER_MOBILE": "0501234567", "SENDER_COUNTRY_ISO": "AE"},
        "+971501234567",
        id="country of the sender",
    ),
    pytest.param(
        {"SENDER_MOBILE": "9000000001", "SENDER_COUNTRY_ISO": "XX"}, "+919000000001", id="unknown country"
    ),
]


@pytest.mark.parametrize(("given", "phone"), PHONES)
def test_first_valid_number_counts(given, phone):
    assert to_item({"UNIQUE_QUERY_ID": "1"} | given)["person"]["phone"] == phone


NO_PHONES = ["+91-1983000000", "12345", "9000000001/9000000002", "call me", "9" * 100]


@pytest.mark.parametrize("given", NO_PHONES)
def test_number_that_is_not_valid_is_flagged_and_kept_as_given(given):
    item = to_item({"UNIQUE_QUERY_ID": "1", "SENDER_MOBILE": given})

    assert item["person"]["phone"] is None
    assert item["person"]["phone_given"] == given
    assert item["problems"] == ["phone_invalid"]


def test_unreadable_time_is_flagged_and_kept_as_given():
    item = to_item({"UNIQUE_QUERY_ID": "1", "QUERY_TIME": "yesterday"})

    assert (item["received_at"], item["received_at_given"]) == (None, "yesterday")
    assert item["problems"] == ["received_at_unreadable"]


def test_indian_midnight_is_the_evening_before_in_utc():
    assert read_time("2026-01-01 00:00:00").isoformat() == "2025-12-31T18:30:00+00:00"


TEXTS = [
    pytest.param("a<br>b<BR/>c", "a\nb\nc", id="breaks"),
    pytest.param("a\r\nb\rc\nd", "a\nb\nc\nd", id="ends of lines"),
    pytest.param("<b>bold</b> <script>x</script>", "bold x", id="tags"),
    pytest.param("Tom &amp; Co &lt;b&gt;", "Tom & Co <b>", id="entities, after tags"),
    pytest.param("&amp;lt;", "&lt;", id="entities once"),
    pytest.param("5 < 6 and 7 > 3", "5 < 6 and 7 > 3", id="no tags"),
    pytest.param("a\x00\x01\x7fb\tc", "ab\tc", id="controls"),
    pytest.param("cafe\u0301", "caf\u00e9", id="composed"),
    pytest.param("&#xD800;&#0;x", "��x", id="entities that are no letters"),
    pytest.param("x" * 30_000, "x" * 20_000, id="endless"),
    pytest.param(12, "12", id="a number"),
]


@pytest.mark.parametrize(("given", "plain"), TEXTS)
def test_text_is_plain(given, plain):
    assert plain_text(given) == plain


def test_line_has_single_spaces():
    assert plain_line(" Chennai,\r\n   Tamil&nbsp;Nadu ", 100) == "Chennai, Tamil Nadu"


UNREADABLE = [pytest.param(value, id=repr(value)) for value in (None, 7, "text", ["list"], 1.5, True)]


@pytest.mark.parametrize("value", UNREADABLE)
def test_what_is_no_lead_becomes_an_error_of_its_own(value):
    item = to_item(value)

    assert item["error"] == "not_an_object"
    assert item["raw"] == value


def test_fields_nobody_knows_are_kept_and_what_postgres_refuses_is_not():
    item = to_item({"UNIQUE_QUERY_ID": "1", "NEW_FIELD": {"deep": ["a\x00", "\ud800"]}})

    assert item["raw"] == {"UNIQUE_QUERY_ID": "1", "NEW_FIELD": {"deep": ["a", "\ufffd"]}}
    json.dumps(item, ensure_ascii=False).encode()
