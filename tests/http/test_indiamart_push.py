"""IndiaMART's push: whoever knows the token and sends JSON gets 200, once it is stored."""

import hashlib
import json
from pathlib import Path

import pytest

from tests.http.recording import RecordingDatabase, settings
from workers import create_app
from workers.errors import Refused, Unavailable

PAYLOADS = Path(__file__).parent.parent / "payloads" / "indiamart"
URL = "/webhooks/indiamart/the-token"
LEAD = {"UNIQUE_QUERY_ID": "1", "QUERY_TYPE": "W", "SENDER_MOBILE": "+91-9000000001"}


@pytest.fixture
def database():
    return RecordingDatabase(push_leads={"run_id": "r", "inserted": 1, "errors": []})


@pytest.fixture
def client(database):
    return create_app(settings(FLOW_WORKERS="indiamart"), database=database).test_client()


@pytest.fixture(autouse=True)
def _without_pauses(monkeypatch):
    monkeypatch.setattr("workers.database._PAUSES", (0, 0))


def handed(database):
    return [item["external_id"] for call in database.named("push_leads") for item in call["items"]]


@pytest.mark.parametrize("path", sorted(PAYLOADS.glob("push_*.json")), ids=lambda path: path.stem)
def test_recorded_push_is_stored_and_answered(client, database, path):
    body = json.loads(path.read_text(encoding="utf-8"))["body"]

    reply = client.post(URL, json=body)

    assert (reply.status_code, reply.json) == (200, {"CODE": 200, "STATUS": "SUCCESS"})
    sent = body["RESPONSE"] if isinstance(body["RESPONSE"], list) else [body["RESPONSE"]]
    assert handed(database) == [lead["UNIQUE_QUERY_ID"] for lead in sent]


SHAPES = [
    pytest.param(LEAD, ["1"], id="a bare lead"),
    pytest.param([LEAD, LEAD | {"UNIQUE_QUERY_ID": 2}], ["1", "2"], id="a list"),
    pytest.param({"RESPONSE": LEAD}, ["1"], id="without code"),
    pytest.param({"body": {"CODE": 200, "RESPONSE": LEAD}}, ["1"], id="from a relay"),
    pytest.param({"body": json.dumps({"RESPONSE": [LEAD]})}, ["1"], id="from a relay, as text"),
    pytest.param({"hello": "world"}, [None], id="something else: kept aside"),
    pytest.param("text", [None], id="a text: kept aside"),
    pytest.param(None, [None], id="null: kept aside"),
    pytest.param([], [], id="nothing"),
    pytest.param({"RESPONSE": []}, [], id="nothing in it"),
    pytest.param([LEAD, 7], ["1", None], id="a lead and a number"),
]


@pytest.mark.parametrize(("body", "ids"), SHAPES)
def test_every_shape_is_understood(client, database, body, ids):
    reply = client.post(URL, data=json.dumps(body), content_type="text/plain")

    assert reply.status_code == 200
    assert handed(database) == ids


def test_token_is_handed_on_only_as_a_hash(client, database):
    client.post(URL, json=LEAD)

    (call,) = database.named("push_leads")
    assert call["token_sha256"] == hashlib.sha256(b"the-token").hexdigest()
    assert "the-token" not in json.dumps(call)


BAD = [
    pytest.param(b"", id="empty"),
    pytest.param(b"not json", id="text"),
    pytest.param(b"\xff\xfe", id="no UTF-8"),
    pytest.param(b"a=b", id="a form"),
    pytest.param(b"[" * 100_000, id="nested deeply"),
]


@pytest.mark.parametrize("body", BAD)
def test_what_is_no_json_is_refused(client, database, body):
    reply = client.post(URL, data=body)

    assert (reply.status_code, reply.json["detail"]) == (400, "not_json")
    assert handed(database) == []


@pytest.mark.parametrize("body", [b"not json", b"{}"])
def test_unknown_token_is_refused_before_anything_else(client, database, body):
    database.replies["push_leads"] = [Refused(401, "This address takes no leads.", "push_token_unknown")]

    assert client.post(URL, data=body).status_code == 401


SIZES = [(256 * 1024, 200), (256 * 1024 + 1, 413)]


@pytest.mark.parametrize(("size", "status"), SIZES)
def test_body_is_limited_to_256_kilobytes(client, size, status):
    body = json.dumps(LEAD).encode()

    assert client.post(URL, data=body + b" " * (size - len(body))).status_code == status


def test_lead_is_not_acknowledged_while_the_database_is_away(client, database):
    database.replies["push_leads"] = [Unavailable()]

    assert client.post(URL, json=LEAD).status_code == 503


def test_push_is_repeated_after_a_dropped_connection(client, database):
    database.replies["push_leads"] = [Unavailable(is_brief=True), {"errors": []}]

    assert client.post(URL, json=LEAD).status_code == 200


def test_token_never_shows_in_the_log(capsys, client):
    client.post(URL, json=LEAD)
    client.post(URL, data=b"no json")

    logged = capsys.readouterr().err
    assert "/webhooks/indiamart/<token>" in logged
    assert "the-token" not in logged


@pytest.mark.parametrize("method", ["get", "put", "delete"])
def test_only_post_is_taken(client, method):
    assert getattr(client, method)(URL).status_code == 405
