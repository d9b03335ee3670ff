"""P27: nothing of Flow travels in the clear, whoever speaks and whoever listens."""

from __future__ import annotations

import pytest
from werkzeug.test import TestResponse

from tests.http.recording import ENVIRONMENT, RecordingDatabase, settings
from workers import create_app
from workers.clients import outbound_client
from workers.errors import FlowError
from workers.settings import WEB_ADDRESSES, Settings, SettingsError

FAR = {"REMOTE_ADDR": "203.0.113.9"}
FLOW = "http://flow.example"


def ask(path: str, *, proxies: int = 0, said: str | None = None) -> TestResponse:
    """The answer to a request from another machine."""
    app = create_app(settings(FLOW_TRUSTED_PROXIES=str(proxies)), database=RecordingDatabase())
    headers = {"X-Forwarded-Proto": said, "X-Forwarded-For": "203.0.113.9"} if said else {}
    return app.test_client().get(path, headers=headers, environ_overrides=FAR, base_url=FLOW)


def is_refused(answer: TestResponse) -> bool:
    return answer.status_code == 403 and answer.get_json()["detail"] == "https_required"


@pytest.mark.parametrize("path", ["/webhooks/meta", "/jobs/dispatch", "/deletions/x", "/nothing-here"])
def test_P27_plain_http_from_another_machine_is_refused(path: str) -> None:
    assert is_refused(ask(path))
    assert is_refused(ask(path, proxies=1, said="http"))
    assert is_refused(ask(path, said="https")), "nobody vouches for the header"
    assert not is_refused(ask(path, proxies=1, said="https"))


def test_P27_browsers_are_told_to_come_with_tls_only() -> None:
    hsts = ask("/webhooks/meta", proxies=1, said="https").headers["Strict-Transport-Security"]

    assert int(hsts.split("max-age=")[1].split(";")[0]) >= 365 * 24 * 3600


@pytest.mark.parametrize("name", WEB_ADDRESSES)
def test_P27_no_address_of_another_machine_may_be_plain_http(name: str) -> None:
    with pytest.raises(SettingsError) as refused:
        Settings.load(ENVIRONMENT | {name.upper(): "http://somewhere.example"}, needs=())

    assert "plain http to another machine" in refused.value.problems[0]
    assert Settings.load(ENVIRONMENT | {name.upper(): "http://127.0.0.1:9"}, needs=())


@pytest.mark.parametrize(
    "mode", ["", "?sslmode=disable", "?sslmode=prefer", "?sslmode=require&sslmode=allow"]
)
def test_P27_the_database_is_never_spoken_to_in_the_clear(mode: str) -> None:
    address = "postgresql://postgres:word@db.example/postgres"

    with pytest.raises(SettingsError) as refused:
        Settings.load(ENVIRONMENT | {"FLOW_DATABASE_URL": address + mode}, needs=())

    assert "without TLS" in refused.value.problems[0]
    assert Settings.load(ENVIRONMENT | {"FLOW_DATABASE_URL": address + "?sslmode=verify-full"}, needs=())


def test_P27_no_supplier_is_called_in_the_clear() -> None:
    configured = settings()

    with outbound_client(configured) as http, pytest.raises(FlowError) as refused:
        http.get("http://graph.facebook.com/")

    assert refused.value.detail == "plain_http"
    # httpx verifies certificates unless it is told not to.
    assert http._transport._pool._ssl_context.verify_mode.name == "CERT_REQUIRED"  # type: ignore[attr-defined]
