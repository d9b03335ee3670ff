"""Nothing of a payment supplier is stored unless it signed it; what it signed is stored, and answered."""

import hashlib
import hmac
import json
import time
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.http.recording import RecordingDatabase, settings
from workers import create_app
from workers.billing import webhook
from workers.errors import FlowError, Refused, Unavailable

FILE = json.loads((Path(__file__).parents[1] / "payloads" / "razorpay_webhooks.json").read_text())
SECRET, OLD, STRIPE = FILE["secret"], "fixture-secret-previous", "whsec_fixture"
RAZORPAY_URL, STRIPE_URL = "/webhooks/razorpay", "/webhooks/stripe"
CONFIGURED = {
    "FLOW_WORKERS": "billing", "RAZORPAY_KEY_ID": "rzp_test_x", "RAZORPAY_KEY_SECRET": "k",
    "RAZORPAY_WEBHOOK_SECRET": SECRET, "RAZORPAY_WEBHOOK_SECRET_PREVIOUS": OLD,
    "STRIPE_SECRET_KEY": "sk_test_x", "STRIPE_WEBHOOK_SECRET": STRIPE,
}  # fmt: skip


@pytest.fixture(scope="module")
def one_database() -> RecordingDatabase:
    return RecordingDatabase()


@pytest.fixture(scope="module")
def client(one_database: RecordingDatabase) -> FlaskClient:
    return create_app(settings(**CONFIGURED), database=one_database).test_client()


@pytest.fixture
def database(one_database: RecordingDatabase, monkeypatch: pytest.MonkeyPatch) -> RecordingDatabase:
    monkeypatch.setattr("workers.database._PAUSES", (0, 0))
    one_database.calls.clear()
    one_database.replies = {"store_payment_event": [{"is_new": True, "id": 7, "status": "received"}]}
    return one_database


def raw(body: Any) -> bytes:
    return json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode()


def signed(body: bytes, secret: str = SECRET, **more: str) -> dict[str, str]:
    return {"X-Razorpay-Signature": hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()} | more


def by_stripe(body: bytes, at: float | None = None, secret: str = STRIPE) -> dict[str, str]:
    stamp = int(time.time() if at is None else at)
    digest = hmac.new(secret.encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
    return {"Stripe-Signature": f"t={stamp},v1={'0' * 64},v1={digest},v0=x"}


@pytest.mark.parametrize("sample", FILE["events"], ids=lambda sample: sample["name"])
def test_every_sample_is_stored_without_what_somebody_pays_with_or_is_reached_by(
    client: FlaskClient, database: RecordingDatabase, sample: dict[str, Any]
) -> None:
    body = raw(sample["body"])

    reply = client.post(RAZORPAY_URL, data=body, headers=sample["headers"])

    assert (reply.status_code, reply.text) == (sample["expect"]["http"], "OK")
    [stored] = database.named("store_payment_event")
    kept = stored.pop("body")
    assert stored == {
        "provider": "razorpay",
        "mode": "test",
        "event_id": sample["headers"]["x-razorpay-event-id"],
        "type": sample["body"]["event"],
        "provider_ts": webhook.datetime.fromtimestamp(sample["body"]["created_at"], webhook.UTC).isoformat(),
        "body_sha256": hashlib.sha256(body).hexdigest(),
    }
    assert kept["account_id"] == FILE["account_id"]
    for name, part in sample["body"]["payload"].items():
        assert kept["payload"][name]["entity"]["id"] == part["entity"]["id"]
    text = json.dumps(kept)
    for secret in ("4366", "Visa", "examplebank", "fixture@", "9000090000", "card_FX", "token_FX", "vpa"):
        assert secret not in text


BODY = raw({"event": "payment.captured", "created_at": 1_795_000_000, "account_id": "acc_1", "payload": {}})
FORGED = [
    pytest.param({}, id="no signature"),
    pytest.param(signed(BODY, "another secret"), id="another secret"),
    pytest.param({"X-Razorpay-Signature": "0" * 64}, id="another digest"),
    pytest.param({"X-Razorpay-Signature": signed(BODY)["X-Razorpay-Signature"].upper()}, id="in capitals"),
    pytest.param({"X-Razorpay-Signature": "é" * 64}, id="not ascii"),
    pytest.param({"X-Razorpay-Signature": signed(BODY + b" ")["X-Razorpay-Signature"]}, id="another body"),
    pytest.param(signed(BODY, ""), id="the empty secret"),
    pytest.param({"X-Hub-Signature-256": "sha256=" + signed(BODY)["X-Razorpay-Signature"]}, id="elsewhere"),
]


@pytest.mark.parametrize("headers", FORGED)
def test_forged_delivery_is_refused_and_nothing_is_stored(
    client: FlaskClient, database: RecordingDatabase, headers: dict[str, str]
) -> None:
    reply = client.post(RAZORPAY_URL, data=BODY, headers=headers)

    assert (reply.status_code, reply.json["detail"]) == (401, "signature_wrong")
    assert database.calls == []


def test_what_is_sent_again_with_the_secret_before_is_taken(
    client: FlaskClient, database: RecordingDatabase
) -> None:
    assert client.post(RAZORPAY_URL, data=BODY, headers=signed(BODY, OLD)).status_code == 200
    assert len(database.calls) == 1


@pytest.mark.parametrize("given", [None, "", "x" * 101, "a b", "ev\u00e9"])
def test_event_without_a_usable_id_is_known_by_its_hash(
    client: FlaskClient, database: RecordingDatabase, given: str | None
) -> None:
    headers = signed(BODY) | ({"x-razorpay-event-id": given} if given is not None else {})

    assert client.post(RAZORPAY_URL, data=BODY, headers=headers).status_code == 200

    [stored] = database.named("store_payment_event")
    assert (stored["event_id"], stored["body_sha256"]) == (None, hashlib.sha256(BODY).hexdigest())


MALFORMED = [
    pytest.param(b"", id="empty"),
    pytest.param(b"not json", id="no JSON"),
    pytest.param(b"[]", id="a list"),
    pytest.param(b"{}", id="no type"),
    pytest.param(b'{"event":7}', id="type is a number"),
    pytest.param(b'{"event":"A B"}', id="type of words"),
    pytest.param(b"\xff\xfe\x00", id="no UTF-8"),
    pytest.param(b"[" * 100_000, id="nested deeply"),
]


@pytest.mark.parametrize("body", MALFORMED)
def test_signed_bytes_that_are_no_event_are_stored_as_malformed_and_empty(
    client: FlaskClient, database: RecordingDatabase, body: bytes
) -> None:
    reply = client.post(RAZORPAY_URL, data=body, headers=signed(body))

    assert reply.status_code == 200
    [stored] = database.named("store_payment_event")
    assert (stored["type"], stored["body"], stored["provider_ts"]) == ("malformed", {}, None)


@pytest.mark.parametrize("at", [None, "1795000000", 0, -5, 10**12, 1.5, True])
def test_odd_instant_is_left_out(client: FlaskClient, database: RecordingDatabase, at: object) -> None:
    body = raw({"event": "payment.captured", "created_at": at})

    assert client.post(RAZORPAY_URL, data=body, headers=signed(body)).status_code == 200
    assert database.named("store_payment_event")[0]["provider_ts"] is None


@pytest.mark.parametrize(
    "stored",
    [
        {"is_new": False, "id": 7, "status": "processed"},
        {"is_new": True, "id": 7, "status": "ignored"},
        {"is_new": True, "id": 7, "status": "quarantined"},
    ],
    ids=["a duplicate", "a type that Flow does not know", "of another account"],
)
def test_whatever_the_database_makes_of_it_the_answer_is_200(
    client: FlaskClient, database: RecordingDatabase, stored: dict[str, Any]
) -> None:
    database.replies["store_payment_event"] = [stored]

    assert client.post(RAZORPAY_URL, data=BODY, headers=signed(BODY)).status_code == 200
    assert len(database.calls) == 1


FAILURES = [
    pytest.param(Unavailable(), 1, id="database down"),
    pytest.param(Unavailable(is_brief=True), 3, id="connection dropped again and again"),
    pytest.param(FlowError("unforeseen"), 1, id="a fault in SQL"),
    pytest.param(Refused(400, "No."), 1, id="SQL said no"),
]


@pytest.mark.parametrize(("failure", "calls"), FAILURES)
def test_event_that_is_not_stored_is_answered_503(
    client: FlaskClient, database: RecordingDatabase, failure: Exception, calls: int
) -> None:
    database.replies["store_payment_event"] = [failure]

    assert client.post(RAZORPAY_URL, data=BODY, headers=signed(BODY)).status_code == 503
    assert len(database.calls) == calls


def test_dropped_connection_is_tried_again_at_once(client: FlaskClient, database: RecordingDatabase) -> None:
    database.replies["store_payment_event"] = [Unavailable(is_brief=True), {"is_new": True, "id": 1}]

    assert client.post(RAZORPAY_URL, data=BODY, headers=signed(BODY)).status_code == 200


@pytest.mark.parametrize("sign", [lambda _: {}, signed], ids=["unsigned", "signed"])
def test_body_over_the_limit_is_refused(client: FlaskClient, database: RecordingDatabase, sign: Any) -> None:
    body = b" " * (1_048_576 + 1)

    assert client.post(RAZORPAY_URL, data=body, headers=sign(body)).status_code == 413
    assert database.calls == []


@pytest.mark.parametrize(("key", "mode"), [("rzp_live_x", "live"), ("rzp_test_x", "test")])
def test_mode_is_that_of_the_key(database: RecordingDatabase, key: str, mode: str) -> None:
    app = create_app(settings(**CONFIGURED | {"RAZORPAY_KEY_ID": key}), database=database)

    app.test_client().post(RAZORPAY_URL, data=BODY, headers=signed(BODY))

    assert database.named("store_payment_event")[0]["mode"] == mode


@pytest.mark.parametrize("url", [RAZORPAY_URL, STRIPE_URL])
def test_there_is_nothing_where_a_supplier_is_not_configured(database: RecordingDatabase, url: str) -> None:
    bare = create_app(settings(FLOW_WORKERS="billing"), database=database).test_client()

    assert bare.post(url, data=BODY, headers=signed(BODY) | by_stripe(BODY)).status_code == 404
    assert database.calls == []


EVENT = raw({
    "id": "evt_1", "type": "invoice.paid", "created": 1_795_000_000, "livemode": True,
    "data": {"object": {"id": "in_1", "object": "invoice", "customer_email": "a@example.com"}},
})  # fmt: skip


def test_event_of_stripe_is_stored_by_its_own_id_and_mode(
    client: FlaskClient, database: RecordingDatabase
) -> None:
    assert client.post(STRIPE_URL, data=EVENT, headers=by_stripe(EVENT)).status_code == 200

    [stored] = database.named("store_payment_event")
    assert (stored["provider"], stored["mode"], stored["event_id"], stored["type"]) == (
        "stripe",
        "live",
        "evt_1",
        "invoice.paid",
    )
    assert stored["body"]["data"] == {"object": {"id": "in_1", "object": "invoice"}}


NOW = time.time()
STRIPE_FORGED = [
    pytest.param({}, id="no signature"),
    pytest.param(by_stripe(EVENT, NOW - 330), id="too old"),
    pytest.param(by_stripe(EVENT, NOW + 7 * 86_400), id="of the future"),
    pytest.param(by_stripe(EVENT, secret="whsec_other"), id="another secret"),
    pytest.param({"Stripe-Signature": by_stripe(EVENT)["Stripe-Signature"].replace("t=", "t=1")}, id="stamp"),
    pytest.param({"Stripe-Signature": "t=é,v1=é"}, id="not ascii"),
    pytest.param({"Stripe-Signature": f"t={int(NOW)},v0={'0' * 64}"}, id="the old scheme alone"),
    pytest.param(signed(EVENT, STRIPE), id="as Razorpay signs"),
]


@pytest.mark.parametrize("headers", STRIPE_FORGED)
def test_forged_or_stale_event_of_stripe_is_refused(
    client: FlaskClient, database: RecordingDatabase, headers: dict[str, str]
) -> None:
    assert client.post(STRIPE_URL, data=EVENT, headers=headers).status_code == 401
    assert database.calls == []
