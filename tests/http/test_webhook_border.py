"""Nothing reaches the database unless Meta signed it; what it signed is never lost, nor answered with 500."""

import base64
import hashlib
import hmac

import pytest

from tests.http.recording import RecordingDatabase, settings
from workers import create_app
from workers.errors import FlowError, Refused, Unavailable

URL = "/webhooks/meta"
LIMIT = 4_194_304


@pytest.fixture
def database():
    return RecordingDatabase(ingest_meta={"event_id": 1, "updates": 1, "applied": 1})


@pytest.fixture
def client(database):
    return create_app(settings(), database=database).test_client()


@pytest.fixture(autouse=True)
def _without_pauses(monkeypatch):
    monkeypatch.setattr("workers.database._PAUSES", (0, 0))


def signed(body: bytes, secret: bytes = b"flow_test_secret_0001") -> dict[str, str]:
    return {"X-Hub-Signature-256": "sha256=" + hmac.new(secret, body, hashlib.sha256).hexdigest()}


SIGNED_BODIES = [
    pytest.param(b'{"object":"whatsapp_business_account","entry":[]}', id="an event"),
    pytest.param(b"", id="empty"),
    pytest.param(b"not json", id="no JSON"),
    pytest.param(b'{"a":"\\u0000\\ud800"}', id="NUL and a lone surrogate"),
    pytest.param(b"\xff\xfe\x00", id="no UTF-8"),
    pytest.param(b"[" * 100_000, id="nested deeply"),
    pytest.param(b"a=b&c=d", id="a form"),
]


@pytest.mark.parametrize("body", SIGNED_BODIES)
@pytest.mark.parametrize("kind", ["application/json", "application/x-www-form-urlencoded", None])
def test_signed_bytes_are_stored_as_they_came(client, database, body, kind):
    reply = client.post(URL, data=body, headers=signed(body), content_type=kind)

    assert reply.status_code == 200
    assert reply.text == "EVENT_RECEIVED"
    assert [base64.b64decode(str(call["body"])) for call in database.named("ingest_meta")] == [body]


FORGED = [
    pytest.param({}, id="no signature"),
    pytest.param({"X-Hub-Signature-256": "sha256=" + "0" * 64}, id="another digest"),
    pytest.param({"X-Hub-Signature-256": "sha256=é"}, id="not ascii"),
    pytest.param(signed(b"{}", b"another secret"), id="another app's secret"),
    pytest.param({"X-Hub-Signature": signed(b"{}")["X-Hub-Signature-256"]}, id="in the old header"),
]


@pytest.mark.parametrize("headers", FORGED)
def test_forged_delivery_is_refused_and_nothing_is_stored(client, database, headers):
    reply = client.post(URL, data=b"{}", headers=headers)

    assert reply.status_code == 401
    assert reply.content_type == "application/problem+json"
    assert database.calls == []


def test_body_of_the_greatest_size_is_stored(client, database):
    body = b" " * LIMIT

    assert client.post(URL, data=body, headers=signed(body)).status_code == 200
    assert len(database.calls) == 1


@pytest.mark.parametrize("headers", [{}, signed(b" " * (LIMIT + 1))], ids=["unsigned", "signed"])
def test_body_over_the_limit_is_refused_before_its_signature(client, database, headers):
    reply = client.post(URL, data=b" " * (LIMIT + 1), headers=headers)

    assert reply.status_code == 413
    assert database.calls == []


FAILURES = [
    pytest.param(Unavailable(), 1, id="database down"),
    pytest.param(Unavailable(is_brief=True), 3, id="connection dropped again and again"),
    pytest.param(FlowError("unforeseen"), 1, id="a fault in SQL"),
    pytest.param(Refused(400, "No."), 1, id="SQL said no"),
]


@pytest.mark.parametrize(("failure", "calls"), FAILURES)
def test_event_that_is_not_stored_is_answered_503(database, client, failure, calls):
    database.replies["ingest_meta"] = [failure]

    reply = client.post(URL, data=b"{}", headers=signed(b"{}"))

    assert reply.status_code == 503
    assert len(database.calls) == calls


def test_dropped_connection_is_tried_again_at_once(database, client):
    database.replies["ingest_meta"] = [
        Unavailable(is_brief=True),
        Unavailable(is_brief=True),
        {"event_id": 1},
    ]

    reply = client.post(URL, data=b"{}", headers=signed(b"{}"))

    assert reply.status_code == 200


def test_subscription_is_confirmed_with_the_challenge(client):
    asked = {"hub.mode": "subscribe", "hub.verify_token": "verify-me", "hub.challenge": "<b>115</b>"}

    reply = client.get(URL, query_string=asked)

    assert (reply.status_code, reply.text, reply.mimetype) == (200, "<b>115</b>", "text/plain")
    assert reply.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    "asked",
    [
        pytest.param({}, id="nothing asked"),
        pytest.param({"hub.mode": "subscribe", "hub.challenge": "1"}, id="no token"),
        pytest.param(
            {"hub.mode": "subscribe", "hub.verify_token": "é", "hub.challenge": "1"}, id="wrong token"
        ),
        pytest.param(
            {"hub.mode": "x", "hub.verify_token": "verify-me", "hub.challenge": "1"}, id="other mode"
        ),
    ],
)
def test_subscription_is_not_confirmed_to_strangers(client, asked):
    assert client.get(URL, query_string=asked).status_code == 403


def test_webhook_takes_no_other_method(client):
    assert client.put(URL, data=b"{}").status_code == 405
