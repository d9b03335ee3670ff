"""P09, P18, P19, P20: what Meta is told and tells, how long Flow took, and who else hears of it: nobody."""

from __future__ import annotations

import hashlib
import hmac
import io
import json
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from flask.testing import FlaskClient

from tests.business import Business, webhook
from tests.database import Database
from tests.http.direct import DirectDatabase
from tests.http.recording import ENVIRONMENT, settings
from workers import create_app, dispatch
from workers.clients import named_hosts, outbound_client
from workers.errors import FlowError
from workers.logs import configure_logs
from workers.settings import Settings

CUSTOMER = "919810000011"
SUPPLIERS = {
    "graph.facebook.com", "connect.facebook.net", "mapi.indiamart.com", "sheets.googleapis.com",
    "www.googleapis.com", "oauth2.googleapis.com", "api.razorpay.com",
}  # fmt: skip


class Meta:
    """Takes messages, and keeps what it was sent."""

    def __init__(self) -> None:
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        return httpx.Response(200, json={"messages": [{"id": f"wamid.{len(self.requests)}"}]})

    @property
    def bodies(self) -> list[dict[str, Any]]:
        return [json.loads(request.content) for request in self.requests]


@pytest.fixture
def meta() -> Meta:
    return Meta()


@pytest.fixture
def client(db: Database) -> FlaskClient:
    """Flow's workers before the real database."""
    return create_app(settings(), database=DirectDatabase(db)).test_client()


@pytest.fixture
def send(db: Database, meta: Meta) -> Callable[[], object]:
    """Lets the dispatcher send what waits."""

    def run() -> object:
        with httpx.Client(transport=httpx.MockTransport(meta)) as http:
            return dispatch.run(DirectDatabase(db), http, settings(FLOW_SEND_CONCURRENCY="1"))

    return run


def deliver(client: FlaskClient, business: Business, value: dict[str, Any]) -> int:
    """Meta delivers one signed webhook."""
    body = json.dumps(webhook(business.change(value), waba=business.waba)).encode()
    mac = hmac.new(ENVIRONMENT["META_APP_SECRET"].encode(), body, hashlib.sha256).hexdigest()
    return client.post(
        "/webhooks/meta", data=body, headers={"X-Hub-Signature-256": f"sha256={mac}"}
    ).status_code


def test_P09_a_live_webhook_of_whatsapp_is_processed(
    db: Database, client: FlaskClient, business: Business
) -> None:
    message = {"from": CUSTOMER, "id": "wamid.live", "timestamp": "1795400000", "type": "text"}
    value = {
        "contacts": [{"profile": {"name": "Asha"}, "wa_id": CUSTOMER}],
        "messages": [message | {"text": {"body": "Is it in stock?"}}],
    }

    assert deliver(client, business, value) == 200

    stored = db.rows(
        "select m.text, c.name, v.unread_count from public.messages m"
        " join public.conversations v on (v.org_id, v.id) = (m.org_id, m.conversation_id)"
        " join public.contacts c on (c.org_id, c.id) = (v.org_id, v.contact_id) where m.org_id = %s",
        business.org_id,
    )
    assert stored == [("Is it in stock?", "Asha", 1)]


def test_P20_meta_gets_template_greetings_and_free_replies_and_its_webhooks_come_back(
    db: Database, client: FlaskClient, business: Business, meta: Meta, send: Callable[[], object]
) -> None:
    said = {"from": CUSTOMER, "id": "wamid.in", "timestamp": str(now(db)), "type": "text"}
    (greeting,) = business.send(f"+{CUSTOMER}", template="hello", language="en", params=["Asha", "valves"])
    send()
    deliver(client, business, {"messages": [said | {"text": {"body": "Yes, please"}}]})
    (reply,) = business.send(f"+{CUSTOMER}", text="It is on its way.")
    send()
    deliver(client, business, {"statuses": [read("wamid.1", now(db)), read("wamid.2", now(db))]})

    first, second = meta.bodies
    assert (first["type"], first["template"]["name"]) == ("template", "hello")
    assert (second["type"], second["text"]["body"]) == ("text", "It is on its way.")
    assert {business.message(one)["status"] for one in (greeting, reply)} == {"read"}


def now(db: Database) -> int:
    seconds: int = db.value("select extract(epoch from now())::bigint")
    return seconds


def read(wamid: str, at: int) -> dict[str, str]:
    return {"id": wamid, "status": "read", "timestamp": str(at), "recipient_id": CUSTOMER}


def test_P19_meta_gets_the_recipient_and_the_words_and_nothing_else_of_a_lead(
    db: Database, business: Business, meta: Meta, send: Callable[[], object]
) -> None:
    lead = {
        "name": "Asha Rao", "phone": f"+{CUSTOMER}", "email": "asha@example.test", "address": "14 MG Road",
        "city": "Pune", "title": "Ball valve", "message": "Cash on delivery?",
    }  # fmt: skip
    db.execute("select worker.add_lead(%s, %s)", [business.org_id, json.dumps(lead)])
    business.send(f"+{CUSTOMER}", template="hello", language="en", params=["Asha", "valves"])

    send()

    (request,) = meta.requests
    (body,) = meta.bodies
    assert set(body) == {
        "messaging_product", "recipient_type", "to", "type", "template", "biz_opaque_callback_data",
    }  # fmt: skip
    assert json.dumps(body["template"]).count("Asha") == 1
    assert not [word for word in ("example.test", "MG Road", "Pune", "Cash", "Rao") if word in str(body)]
    assert str(request.url).endswith(f"/{business.phone_number_id}/messages")
    assert request.headers["Authorization"] == "Bearer EAAtoken"


def test_P19_workers_call_the_named_providers_and_refuse_everybody_else() -> None:
    configured = Settings.load(ENVIRONMENT | {"META_GRAPH_URL": "", "SUPABASE_URL": ""}, needs=())

    assert named_hosts(configured) - {"127.0.0.1"} == SUPPLIERS
    with outbound_client(configured) as http, pytest.raises(FlowError) as refused:
        http.get("https://collector.example/")
    assert refused.value.detail == "foreign_host"


def test_P19_the_browser_may_connect_to_flow_and_its_supabase_only() -> None:
    configured = settings(FLOW_WORKERS="dashboard", SUPABASE_URL="https://abc.supabase.co")
    page = create_app(configured).test_client().get("/inbox")

    policy = dict(part.split(" ", 1) for part in page.headers["Content-Security-Policy"].split("; "))

    assert policy["default-src"] == "'none'"
    assert policy["connect-src"] == "'self' https://abc.supabase.co wss://abc.supabase.co"
    assert policy["script-src"] == "'self'"


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    stream = io.StringIO()
    yield stream
    configure_logs("INFO")


def test_P18_how_long_the_server_took_is_kept_for_every_request(
    client: FlaskClient, business: Business, log: io.StringIO
) -> None:
    configure_logs("INFO", log)

    deliver(client, business, {"statuses": []})
    client.get("/healthz")

    lines = [json.loads(line) for line in log.getvalue().splitlines()]
    timed = {line["route"]: line["ms"] for line in lines if line["event"] == "request"}
    assert set(timed) == {"/webhooks/meta", "/healthz"}
    assert all(0 < ms < 60_000 for ms in timed.values())


def test_P19_organization_is_never_named_to_meta(
    business: Business, meta: Meta, send: Callable[[], object]
) -> None:
    business.send(f"+{CUSTOMER}")

    send()

    assert str(business.org_id) not in str(meta.requests[0].url) + meta.requests[0].content.decode()
