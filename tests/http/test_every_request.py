"""What holds for every request: TLS, ids, headers, one log line, and probes that tell nothing."""

import io
import json
import re

import pytest
from flask import request

from tests.http.recording import RecordingDatabase, settings
from workers import create_app
from workers.errors import Unavailable
from workers.logs import configure_logs

HTTPS = {"X-Forwarded-Proto": "https", "X-Forwarded-For": "203.0.113.9"}
FAR = {"REMOTE_ADDR": "203.0.113.9"}


def client_of(database: RecordingDatabase | None = None, **changes: str):
    return create_app(settings(**changes), database=database or RecordingDatabase()).test_client()


@pytest.fixture
def log():
    stream = io.StringIO()
    yield stream
    configure_logs("INFO")


PLAIN = [
    pytest.param("0", {}, FAR, "http://localhost", id="from another machine"),
    pytest.param(
        "0", {}, {}, "http://flow.example", id="for a public name, through a proxy that says nothing"
    ),
    pytest.param(
        "0", {"X-Forwarded-Proto": "http"}, {}, "http://localhost", id="through a proxy that says so"
    ),
    pytest.param(
        "1",
        {"X-Forwarded-Proto": "http", "X-Forwarded-For": "203.0.113.9"},
        {},
        "http://flow.example",
        id="through a trusted proxy",
    ),
    pytest.param(
        "1", {"X-Forwarded-Proto": "https, http"}, {}, "http://flow.example", id="behind a forged header"
    ),
    pytest.param(
        "0", {"X-Forwarded-Proto": "https"}, FAR, "http://flow.example", id="claiming https unproven"
    ),
    pytest.param(
        "1",
        {"X-Forwarded-For": "127.0.0.1, 203.0.113.9"},
        {},
        "http://localhost",
        id="claiming to be this machine",
    ),
]


@pytest.mark.parametrize(("proxies", "headers", "environ", "base"), PLAIN)
def test_plain_http_is_refused(proxies, headers, environ, base):
    reply = client_of(FLOW_TRUSTED_PROXIES=proxies).post(
        "/webhooks/meta", headers=headers, environ_base=environ, base_url=base
    )

    assert (reply.status_code, reply.json["detail"]) == (403, "https_required")


def test_plain_http_within_this_machine_is_served():
    assert client_of().get("/webhooks/meta").json["detail"] == "verify_token_wrong"


def test_https_through_the_trusted_proxy_is_served_with_hsts():
    reply = client_of(FLOW_TRUSTED_PROXIES="1").get(
        "/webhooks/meta", headers=HTTPS, base_url="http://flow.example"
    )

    assert reply.json["detail"] == "verify_token_wrong"
    assert "max-age" in reply.headers["Strict-Transport-Security"]


@pytest.mark.parametrize("path", ["/healthz", "/nowhere", "/webhooks/meta"])
def test_every_answer_carries_the_security_headers(path):
    headers = client_of().get(path).headers

    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    ("proxies", "given", "is_kept"),
    [
        pytest.param("1", "abc-DEF_123", True, id="from the proxy"),
        pytest.param("0", "abc-DEF_123", False, id="without a proxy"),
        pytest.param("1", "short", False, id="too short"),
        pytest.param("1", "x" * 65, False, id="too long"),
        pytest.param("1", "abc def 123", False, id="with spaces"),
    ],
)
def test_request_id_is_taken_from_the_trusted_proxy_only(proxies, given, is_kept):
    reply = client_of(FLOW_TRUSTED_PROXIES=proxies).get("/healthz", headers={"X-Request-ID": given})

    assert (reply.headers["X-Request-ID"] == given) is is_kept


def test_new_request_id_is_a_uuid_of_version_7():
    assert re.fullmatch(
        r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}",
        client_of().get("/healthz").headers["X-Request-ID"],
    )


def test_request_is_one_log_line_with_the_route_and_never_the_path(log):
    client = client_of()
    configure_logs("INFO", log)

    reply = client.post("/jobs/canary-path?canary=query")

    line = json.loads(log.getvalue())
    assert (line["method"], line["route"], line["status"]) == ("POST", "/jobs/<path:name>", 401)
    assert line["request_id"] == reply.headers["X-Request-ID"]
    assert "canary" not in log.getvalue()


def test_alive_whatever_the_database_does():
    database = RecordingDatabase(readiness=Unavailable())

    reply = client_of(database).get("/healthz", base_url="http://10.0.0.7", environ_base=FAR)

    assert (reply.status_code, reply.json) == (200, {"ok": True})
    assert database.calls == []


@pytest.mark.parametrize(
    ("readiness", "status"),
    [
        pytest.param({"ok": True, "queued": 5}, 200, id="ready"),
        pytest.param({"ok": False, "why": "canary"}, 503, id="not ready"),
        pytest.param(Unavailable("canary"), 503, id="database away"),
        pytest.param({}, 503, id="no answer"),
    ],
)
def test_readiness_is_the_databases_and_tells_nothing_more(readiness, status):
    reply = client_of(RecordingDatabase(readiness=readiness)).get("/readyz")

    assert (reply.status_code, reply.json) == (status, {"ok": status == 200})


def test_body_over_a_megabyte_is_refused_elsewhere():
    app = create_app(settings(), database=RecordingDatabase())

    @app.post("/echo")
    def echo() -> bytes:
        return request.get_data()

    assert app.test_client().post("/echo", data=b" " * 1_048_577).status_code == 413


def test_only_the_enabled_workers_are_served():
    client = client_of(FLOW_WORKERS="jobs")

    assert client.get("/webhooks/meta").status_code == 404
    assert client.post("/jobs/sweep").status_code == 401
