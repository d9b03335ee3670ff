"""P07, P18: what Flow captures of how it is used and how it runs: exactly this, and how long servers took."""

from __future__ import annotations

import gzip
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any
from uuid import uuid4

import brotli
import httpx
import pytest
import sentry_sdk

from tests.conftest import RunningStack
from tests.database import Database
from tests.e2e.commands import Commands, eventually
from tests.http.real_database import RealDatabase
from tests.http.recording import settings
from workers import create_app

PHONE, MAIL, TOKEN = "919810055501", "asha.captured@example.test", "EAAGm0PX4ZCpsBAKZCvB7canary"
ANDROID = (
    "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko)"
    " Chrome/142.0.0.0 Mobile Safari/537.36"
)
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
OF_ALL = {"id", "occurred_at", "request_id", "trace_id", "release"}
CAPTURED = {
    "private.request_log": OF_ALL | {
        "org_id", "user_id", "method", "route", "status", "duration_ms", "db_ms", "db_calls", "upstream_ms",
        "bytes_out", "ip_prefix", "os", "browser", "device",
    },
    "private.api_calls": OF_ALL | {
        "org_id", "direction", "provider", "operation", "endpoint", "type", "status", "provider_code",
        "provider_subcode", "duration_ms", "attempt", "provider_request_id", "idempotency_key", "lag_ms",
    },
    "private.job_runs": OF_ALL | {"job", "queue_wait_ms", "duration_ms", "attempt", "outcome", "counts"},
    "private.error_events": OF_ALL | {
        "org_id", "user_id", "side", "type", "message", "frames", "fingerprint", "route", "source",
    },
    "private.error_groups": {
        "fingerprint", "side", "type", "message", "first_seen", "last_seen", "count", "state", "settled_at",
        "settled_by", "reopened_at",
    },
    "private.telemetry_daily": {
        "day", "kind", "name", "outcome", "count", "total_ms", "p50_ms", "p75_ms", "p95_ms",
        "p99_ms", "max_ms",
    },
    "private.telemetry_losses": {"hour", "dropped", "refused"},
}  # fmt: skip
"""All that the servers capture, column by column."""


def test_P07_servers_capture_exactly_this_and_nothing_more(db: Database) -> None:
    found: dict[str, set[str]] = {}
    for table, column in db.rows(
        "select a.attrelid::regclass::text, a.attname from pg_attribute a"
        " where a.attrelid = any (%s::regclass[]) and a.attnum > 0 and not a.attisdropped",
        list(CAPTURED),
    ):
        found.setdefault(table, set()).add(column)
    of_the_classes = db.rows(
        "select table_name from private.retention_tables"
        " where class in ('requests', 'diagnostics', 'figures')"
    )

    assert found == CAPTURED
    # What browsers tell has a test of its own; alarms are worked out from what is here.
    others = {"private.page_views", "private.alarms"}
    assert {name for (name,) in of_the_classes} - set(CAPTURED) == others


@pytest.fixture
def signed_in(stack: RunningStack, tmp_path: Path) -> tuple[str, str, httpx.Response]:
    """An owner's request from a phone, in a trace of their browser: organization, person, answer."""
    flow, email, word = Commands(stack, tmp_path), f"asha.{uuid4().hex[:12]}@example.com", uuid4().hex
    made = flow.done("org", "create", "Captured", "--owner", email, "--password-stdin", stdin=f"{word}\n")
    session = httpx.post(
        f"{stack.api_url}/auth/v1/token?grant_type=password",
        json={"email": email, "password": word},
        headers={"apikey": stack.publishable_key}, trust_env=False,
    ).json()  # fmt: skip
    answer = httpx.post(
        f"{stack.workers_url}/api/templates/sync?phone={PHONE}",
        json={"org_id": made["org_id"]},
        headers={
            "Authorization": f"Bearer {session['access_token']}", "User-Agent": ANDROID,
            "traceparent": f"00-{TRACE}-00f067aa0ba902b7-01", "Cookie": f"c={TOKEN}", "X-Note": MAIL,
        },
        trust_env=False,
    )  # fmt: skip
    return str(made["org_id"]), str(session["user"]["id"]), answer


def test_P07_P18_request_of_a_person_is_captured_with_its_times_and_without_its_words(
    signed_in: tuple[str, str, httpx.Response], stack: RunningStack
) -> None:
    org, user, answer = signed_in
    with Database.connect(stack.database_url, autocommit=True) as db:
        query = "select to_jsonb(r) from private.request_log r where request_id = %s"
        ((row,),) = eventually(lambda: db.rows(query, answer.headers["X-Request-ID"]))

    assert {name: row[name] for name in ("org_id", "user_id", "trace_id", "method", "route", "status")} == {
        "org_id": org, "user_id": user, "trace_id": TRACE, "method": "POST",
        "route": "/api/templates/sync", "status": answer.status_code,
    }  # fmt: skip
    assert (row["os"], row["browser"], row["ip_prefix"]) == ("Android", "Chrome Mobile", "127.0.0.0/24")
    assert 0 < row["db_ms"] < row["duration_ms"] < 60_000
    assert row["db_calls"] >= 1
    assert [word for word in (PHONE, MAIL, TOKEN, "AppleWebKit") if word in json.dumps(row)] == []
    timing = dict(part.split(";dur=") for part in answer.headers["Server-Timing"].split(", "))
    assert set(timing) == {"app", "db", "meta"}
    assert 0 < float(timing["db"]) < float(timing["app"])


def test_P18_who_has_not_signed_in_is_not_told_what_the_server_waited_for(stack: RunningStack) -> None:
    for path in ("/webhooks/meta", "/nowhere", "/api/templates/sync"):
        answer = httpx.post(f"{stack.workers_url}{path}", json={}, trust_env=False)
        assert "Server-Timing" not in answer.headers


class _Sentry(BaseHTTPRequestHandler):
    envelopes: list[bytes]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        unpack = {"br": brotli.decompress, "gzip": gzip.decompress}.get(
            self.headers["Content-Encoding"], bytes
        )
        type(self).envelopes.append(unpack(body))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def envelopes() -> Iterator[tuple[str, list[bytes]]]:
    """The address of a Sentry on this machine, and what it was sent."""
    kept: list[bytes] = []
    handler = type("Handler", (_Sentry,), {"envelopes": kept})
    with HTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://key@127.0.0.1:{server.server_address[1]}/1", kept
        server.shutdown()


def test_P07_error_is_captured_by_its_place_and_holds_no_person_and_no_secret(
    dsn: str, db: Database, envelopes: tuple[str, list[bytes]]
) -> None:
    database, (address, kept) = RealDatabase(dsn), envelopes
    kind = f"Planted{uuid4().hex}"

    def broken(*_: object) -> dict[str, Any]:
        secret_of_the_frame = TOKEN  # stands in a variable of the frame
        raise type(kind, (Exception,), {})(f"{MAIL} +{PHONE} {secret_of_the_frame}")

    database.rpc = lambda name, **args: (  # type: ignore[method-assign]
        RealDatabase.rpc(database, name, **args) if name == "record_telemetry" else broken()
    )
    configured = settings(FLOW_TELEMETRY="inline", SENTRY_DSN=address)
    client = create_app(configured, database=database).test_client()
    secret = settings().secret("flow_job_secret")

    client.post("/jobs/sweep", headers={"Authorization": f"Bearer {secret}", "Cookie": MAIL}, data=PHONE)
    sentry_sdk.flush(2)
    sentry_sdk.get_client().close()
    sentry_sdk.Scope.get_global_scope().set_client(None)

    row = db.value(
        "select to_jsonb(e) from private.error_events e where type like '%%' || %s and side = 'server'", kind
    )
    db.execute("delete from private.error_events where id = %s", [row["id"]])
    assert row["frames"][0]["function"] == "broken"
    assert {"workers/jobs.py"} <= {frame["file"] for frame in row["frames"]}
    assert row["message"] == "[hidden] [hidden] [hidden]"
    assert len(kept) == 1
    told = kept[0].decode()
    assert kind in told
    for text in (json.dumps(row), told):
        assert [word for word in (MAIL, PHONE, TOKEN, "secret_of_the_frame", secret) if word in text] == []
    database.close()
