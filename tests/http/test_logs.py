"""No log line holds a person, a secret or the query of a URL, whatever was logged and by whom."""

import io
import json
import logging

import httpx
import pytest
import structlog

from workers.logs import HIDDEN, configure_logs, scrub_text, scrub_value

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJjYW5hcnkifQ.c2lnbmF0dXJl"

CANARIES = [
    pytest.param("+919876543210", id="E.164"),
    pytest.param("+91 98765 43210", id="E.164 with spaces"),
    pytest.param("+1 (415) 555-2671", id="E.164 with brackets"),
    pytest.param("9876543210", id="ten Indian digits"),
    pytest.param("98765 43210", id="ten Indian digits in two groups"),
    pytest.param("919876543210", id="wa_id"),
    pytest.param("09876543210", id="with trunk zero"),
    pytest.param("asha.rao+leads@example.co.in", id="e-mail"),
    pytest.param("asha@okaxis", id="UPI address"),
    pytest.param(JWT, id="JWT"),
    pytest.param("Bearer abc123.def", id="bearer"),
    pytest.param("EAAGm0PX4ZCpsBAKZCvB7canary", id="Meta token"),
    pytest.param("880100000000009|0f1e2d3c4b5a69788796a5b4c3d2e1f0", id="Meta app token"),
    pytest.param("sb_secret_N7UND0UgjKTVK", id="Supabase key"),
    pytest.param("rzp_test_1DP5mmOlF5G5ag", id="Razorpay key"),
    pytest.param("glusr_crm_key=mR2yFr+x/7w=", id="IndiaMART key"),
    pytest.param("access_token=abc123", id="token in a parameter"),
    pytest.param('"access_token": "abc123"', id="token in JSON"),
    pytest.param("postgresql://postgres:hunter2@db.example/postgres", id="password in a DSN"),
    pytest.param("ABCDE1234F", id="PAN"),
    pytest.param("27ABCDE1234F1Z5", id="GSTIN"),
    pytest.param("1234 5678 9012", id="Aadhaar-like"),
    pytest.param("wamid.HBgMOTE5ODc2NTQzMjEwFQIAERgS", id="wamid, which holds the number"),
    pytest.param("/webhooks/indiamart/s3cr3tt0ken", id="push address"),
]


@pytest.fixture
def log():
    stream = io.StringIO()
    configure_logs("DEBUG", stream)
    yield stream
    configure_logs("INFO")
    structlog.contextvars.clear_contextvars()


def essence(canary: str) -> str:
    """Give the part that must not be seen: what follows a name, a scheme or a path."""
    for mark in ("Bearer ", "/webhooks/indiamart/", "glusr_crm_key=", "access_token=", '"access_token": '):
        canary = canary.removeprefix(mark)
    return "hunter2" if "hunter2" in canary else canary.strip('"')


@pytest.mark.parametrize("canary", CANARIES)
@pytest.mark.parametrize("frame", ["{}", "call of {} failed", "({})", "a={}; b", "{}."])
def test_canary_is_hidden_wherever_it_stands(canary, frame):
    scrubbed = scrub_text(frame.format(canary))

    assert essence(canary) not in scrubbed
    assert HIDDEN in scrubbed


@pytest.mark.parametrize("canary", CANARIES)
def test_canary_reaches_no_log_line(log, canary):
    structlog.get_logger("flow").info("event " + canary, note=canary, deep=[{"more": (canary,)}])
    logging.getLogger("a.library").warning("said %s", canary, extra={"note": canary})
    try:
        raise ValueError(canary)
    except ValueError:
        structlog.get_logger("flow").exception("failed")
        logging.getLogger("a.library").exception("failed")

    assert essence(canary) not in log.getvalue()
    assert len(log.getvalue().splitlines()) == 4


@pytest.mark.parametrize(
    "key",
    [
        "phone",
        "wa_id",
        "email",
        "password",
        "meta_app_secret",
        "access_token",
        "Authorization",
        "apikey",
        "body",
        "contact.mobile",
        "job-secret",
        "pin",
        "tokens",
        "payload",
        "text",
    ],
)
def test_value_under_a_telling_key_is_hidden(key):
    assert scrub_value({"outer": {key: "plain words"}}) == {"outer": {key: HIDDEN}}


@pytest.mark.parametrize("number", [9876543210, 919876543210])
def test_telephone_number_as_a_number_is_hidden(number):
    assert scrub_value({"n": number}) == {"n": HIDDEN}


HARMLESS = [
    "request",
    "/jobs/<path:name>",
    "/webhooks/indiamart/<token>",
    "2026-11-23T10:15:00.123456Z",
    "0192d3a4-7b1c-7def-8a90-123456789012",
    "106540352242922",
    "Error code 131047, HTTP 400",
    "took 1234.5678 ms",
    "http://127.0.0.1:8000/webhooks/meta",
    "key_id",
    "sha256",
    "1732356900",
]


@pytest.mark.parametrize("text", HARMLESS)
def test_what_operators_need_stays_readable(text):
    assert scrub_text(text) == text


def test_ids_and_counts_stay_readable():
    entry = {
        "phone_number_id": "106540352242922",
        "key_id": 2,
        "ms": 12.5,
        "status": 200,
        "route": None,
        "ok": True,
    }

    assert scrub_value(entry) == entry


def test_url_keeps_its_path_and_loses_its_query():
    scrubbed = scrub_text("GET https://graph.example/v26.0/debug_token?input_token=x&a=b 200")

    assert scrubbed == f"GET https://graph.example/v26.0/debug_token?{HIDDEN} 200"


def test_httpx_writes_no_url_even_at_debug(log):
    with httpx.Client(transport=httpx.MockTransport(lambda _: httpx.Response(200))) as http:
        http.get("https://mapi.example/leads?glusr_crm_key=canary")

    assert log.getvalue() == ""


def test_line_is_json_with_what_was_bound(log):
    structlog.contextvars.bind_contextvars(request_id="req-12345")

    structlog.get_logger("flow").info("done", count=3)

    line = json.loads(log.getvalue())
    assert (line["event"], line["request_id"], line["count"], line["level"]) == (
        "done",
        "req-12345",
        3,
        "info",
    )


def test_libraries_log_in_the_same_form(log):
    logging.getLogger("a.library").warning("careful %d", 7)

    assert json.loads(log.getvalue())["event"] == "careful 7"


def test_level_is_kept():
    stream = io.StringIO()
    configure_logs("ERROR", stream)

    structlog.get_logger("flow").info("unseen")

    assert stream.getvalue() == ""
    configure_logs("INFO")
