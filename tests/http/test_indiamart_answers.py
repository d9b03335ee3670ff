"""What IndiaMART's answers mean: by the CODE in the body, whatever the HTTP status says."""

import json
from pathlib import Path

import pytest

from workers.indiamart.answers import KEPT, hide, read_answer
from workers.storable import load_json

PAYLOADS = Path(__file__).parent.parent / "payloads" / "indiamart"
KEY = "mRyw/E7r+secret=="


def body_of(event) -> bytes:
    body = event["body"]
    return (body if isinstance(body, str) else json.dumps(body)).encode()


def recorded(name: str):
    return json.loads((PAYLOADS / f"{name}.json").read_text(encoding="utf-8"))


RECORDED = {
    "success_mixed_types": ("ok", True, 5),
    "success_single": ("ok", True, 1),
    "success_abroad": ("ok", True, 1),
    "success_old_field_set": ("ok", True, 1),
    "empty_204": ("empty", True, 0),
    "history_not_released_204": ("not_released", False, 0),
    "rate_limited_429": ("rate_limited", False, 0),
    "blocked_429": ("blocked", False, 0),
    "key_incorrect_401": ("key_rejected", False, 0),
    "key_expired_unused_401": ("key_rejected", False, 0),
    "key_replaced_401": ("key_rejected", False, 0),
    "date_format_400": ("bad_request", False, 0),
    "older_than_365_days_400": ("bad_request", False, 0),
    "server_error_500": ("server_error", False, 0),
    "html_bad_gateway": ("server_error", False, 0),
    "html_maintenance_200": ("unreadable", False, 0),
    "malformed_json": ("unreadable", False, 0),
}


def test_every_recorded_pull_has_an_expected_meaning():
    pulls = {path.stem for path in PAYLOADS.glob("*.json") if recorded(path.stem)["channel"] == "pull"}

    assert pulls == set(RECORDED)


@pytest.mark.parametrize("name", RECORDED)
def test_recorded_answer_is_understood(name):
    event = recorded(name)

    answer = read_answer(event["http_status"], body_of(event), KEY)

    assert (answer.outcome, answer.is_complete, len(answer.leads)) == RECORDED[name]


REASONS = {
    "key_incorrect_401": "incorrect",
    "key_expired_unused_401": "expired",
    "key_replaced_401": "replaced",
}


@pytest.mark.parametrize(("name", "reason"), REASONS.items())
def test_rejected_key_says_why(name, reason):
    assert read_answer(200, body_of(recorded(name))).reason == reason


ODD = [
    pytest.param(200, {"CODE": "200", "RESPONSE": [{}]}, ("ok", True), id="code as text"),
    pytest.param(200, {"CODE": " 200 ", "RESPONSE": [{}]}, ("ok", True), id="code with blanks"),
    pytest.param(200, {"CODE": 200.0, "RESPONSE": [{}]}, ("ok", True), id="code as a float"),
    pytest.param(500, {"CODE": 200, "RESPONSE": [{}]}, ("ok", True), id="success inside HTTP 500"),
    pytest.param(
        200, {"CODE": 200, "RESPONSE": {"UNIQUE_QUERY_ID": "1"}}, ("ok", True), id="one lead, no list"
    ),
    pytest.param(200, {"CODE": 200, "RESPONSE": []}, ("ok", True), id="no leads"),
    pytest.param(200, {"CODE": 200, "RESPONSE": None}, ("ok", True), id="null, nothing counted"),
    pytest.param(200, {"CODE": 200, "TOTAL_RECORDS": 3, "RESPONSE": [{}]}, ("ok", False), id="rows left out"),
    pytest.param(
        200, {"CODE": 200, "TOTAL_RECORDS": "3", "RESPONSE": [{}]}, ("ok", False), id="count as text"
    ),
    pytest.param(
        200, {"CODE": 200, "TOTAL_RECORDS": 0, "RESPONSE": [{}]}, ("ok", True), id="count below rows"
    ),
    pytest.param(
        200, {"CODE": 200, "TOTAL_RECORDS": "many", "RESPONSE": [{}]}, ("ok", True), id="count no number"
    ),
    pytest.param(200, {"CODE": 200, "TOTAL_RECORDS": 2}, ("unreadable", False), id="counted, not sent"),
    pytest.param(200, {"CODE": 200, "RESPONSE": "none"}, ("unreadable", False), id="rows of the wrong type"),
    pytest.param(200, {"CODE": 777, "RESPONSE": []}, ("unreadable", False), id="unknown code"),
    pytest.param(200, {"CODE": True}, ("unreadable", False), id="code of the wrong type"),
    pytest.param(200, {"CODE": None}, ("unreadable", False), id="code null"),
    pytest.param(200, {"STATUS": "SUCCESS"}, ("unreadable", False), id="no code"),
    pytest.param(200, [], ("unreadable", False), id="a list"),
    pytest.param(200, "text", ("unreadable", False), id="a text"),
    pytest.param(200, {"CODE": 204, "MESSAGE": None}, ("empty", True), id="message null"),
    pytest.param(429, {"CODE": 204}, ("empty", True), id="empty inside HTTP 429"),
]


@pytest.mark.parametrize(("status", "body", "meaning"), ODD)
def test_odd_answer_is_understood(status, body, meaning):
    answer = read_answer(status, json.dumps(body).encode())

    assert (answer.outcome, answer.is_complete) == meaning


NO_JSON = [
    pytest.param(200, b"", "unreadable", id="empty"),
    pytest.param(204, b"", "unreadable", id="empty, HTTP 204"),
    pytest.param(429, b"slow down", "rate_limited", id="HTTP 429"),
    pytest.param(503, b"<html>", "server_error", id="HTTP 503"),
    pytest.param(401, b"<html>", "unreadable", id="HTTP 401 of some proxy"),
    pytest.param(200, b"\xff\xfe\x00\x01", "unreadable", id="no UTF-8"),
    pytest.param(200, b"[" * 200_000, "unreadable", id="nested deeply"),
]


@pytest.mark.parametrize(("status", "body", "outcome"), NO_JSON)
def test_http_status_decides_only_where_there_is_no_json(status, body, outcome):
    assert read_answer(status, body).outcome == outcome


def test_byte_order_mark_does_not_matter():
    assert read_answer(200, b'\xef\xbb\xbf{"CODE":204}').outcome == "empty"


UNSTORABLE = [
    pytest.param(r'"a\u0000b"', "ab", id="NUL"),
    pytest.param(r'"\ud83d"', "�", id="half of a surrogate pair"),
    pytest.param(r'"\ud83d\ude00"', "😀", id="a whole pair"),
    pytest.param("NaN", "NaN", id="not a number"),
    pytest.param("-Infinity", "-Infinity", id="infinity"),
    pytest.param("1e400", "1e400", id="a number beyond floats"),
    pytest.param("9" * 5000, "9" * 5000, id="a number of 5000 digits"),
    pytest.param(r'{"a\u0000": [null, true, 1.5]}', {"a": [None, True, 1.5]}, id="inside"),
]


@pytest.mark.parametrize(("text", "value"), UNSTORABLE)
def test_json_is_read_into_what_postgres_can_store(text, value):
    assert load_json(text) == value


WRITTEN = [
    pytest.param(KEY, id="as it is"),
    pytest.param("mRyw%2FE7r%2Bsecret%3D%3D", id="percent-encoded"),
    pytest.param("mRyw/E7r%2bsecret%3d%3d", id="in small letters"),
    pytest.param("mRyw\\/E7r+secret==", id="as JSON of PHP"),
]


@pytest.mark.parametrize("form", WRITTEN)
def test_key_is_hidden_however_an_answer_repeats_it(form):
    body = f"<html>no such page: /v2/?glusr_crm_key={form}&start_time=1 or {form}</html>".encode()

    assert "secret" not in read_answer(502, body, KEY).note


def test_half_a_key_at_the_cut_is_hidden_too():
    for padding in range(16_300, 16_400):
        note = read_answer(502, b"x" * padding + KEY.encode() + b"x" * 9000, KEY).note
        assert len(note) <= KEPT
        assert "mRyw" not in note


def test_what_stands_in_the_place_of_a_key_is_hidden_too():
    assert "other" not in hide("glusr_crm_key=other&x", KEY)
