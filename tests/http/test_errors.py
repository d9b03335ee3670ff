"""Every error reaches its reader as one problem document, and tells nothing of the inside."""

import io

import pytest
from flask import abort
from postgrest.exceptions import APIError

from tests.http.recording import RecordingDatabase, settings
from workers import create_app
from workers.errors import (
    Busy,
    FlowError,
    ProviderError,
    Refused,
    Unavailable,
    from_api_error,
    install_error_handlers,
)
from workers.logs import configure_logs


def api_error(
    code: str | None, message: str = "A sentence.", details: str | None = None, hint: str | None = None
):
    return APIError({"code": code, "message": message, "details": details, "hint": hint})


TRANSLATIONS = [
    pytest.param("PT404", Refused, 404, id="not found"),
    pytest.param("PT409", Refused, 409, id="conflict"),
    pytest.param("PT503", Unavailable, 503, id="unavailable by our own word"),
    pytest.param("40001", Busy, 503, id="serialization failure"),
    pytest.param("40P01", Busy, 503, id="deadlock"),
    pytest.param("57014", Unavailable, 503, id="statement timeout"),
    pytest.param("53300", Unavailable, 503, id="too many connections"),
    pytest.param("PGRST001", Unavailable, 503, id="gateway without database"),
    pytest.param("PGRST202", Unavailable, 503, id="function missing"),
    pytest.param("PGRST301", Refused, 401, id="token expired"),
    pytest.param("42501", Refused, 403, id="no privilege"),
    pytest.param("23505", Refused, 409, id="duplicate"),
    pytest.param("22P02", Refused, 400, id="bad uuid"),
    pytest.param("23514", Refused, 400, id="check failed"),
    pytest.param("P0001", Refused, 400, id="plain raise"),
    pytest.param("502", Unavailable, 503, id="gateway's HTML page"),
    pytest.param("413", Refused, 413, id="too large for the gateway"),
    pytest.param("401", Unavailable, 503, id="our key refused"),
    pytest.param(None, Unavailable, 503, id="no code at all"),
    pytest.param("XX000", FlowError, 500, id="unforeseen"),
]


@pytest.mark.parametrize(("code", "kind", "status"), TRANSLATIONS)
def test_database_error_becomes_one_of_ours(code, kind, status):
    error = from_api_error(api_error(code))

    assert type(error) is kind
    assert error.status == status


def test_refusal_of_the_database_keeps_sentence_slug_and_time():
    error = from_api_error(api_error("PT409", "Too soon.", "sync_too_soon", "retry_at=2026-11-23T10:00:00Z"))

    assert (error.message, error.detail, error.retry_at) == (
        "Too soon.",
        "sync_too_soon",
        "2026-11-23T10:00:00Z",
    )


def test_only_brief_trouble_invites_another_try_at_once():
    assert from_api_error(api_error("502")).is_brief
    assert not from_api_error(api_error("57014")).is_brief
    assert not from_api_error(api_error("PT503")).is_brief


def test_message_defaults_to_the_docstring():
    assert str(ProviderError()) == "A service outside Flow failed. Try again later."


FAILURES = {
    "refused": Refused(409, "Too soon.", "sync_too_soon", "2999-01-01T00:00:00Z"),
    "unavailable": Unavailable(),
    "provider": ProviderError(),
    "own": FlowError("canary-inside"),
    "unforeseen": ValueError("canary-inside +919876543210"),
}


@pytest.fixture
def log():
    return io.StringIO()


@pytest.fixture
def client(log):
    app = create_app(settings(), database=RecordingDatabase())
    configure_logs("INFO", log)

    @app.post("/fail/<how>")
    def fail(how: str):
        if how == "large":
            abort(413)
        raise FAILURES[how]

    install_error_handlers(app)
    return app.test_client()


@pytest.mark.parametrize(
    ("method", "path", "status", "detail"),
    [
        ("POST", "/fail/refused", 409, "sync_too_soon"),
        ("POST", "/fail/unavailable", 503, "database_unavailable"),
        ("POST", "/fail/provider", 502, "provider_failed"),
        ("POST", "/fail/own", 500, "internal_error"),
        ("POST", "/fail/unforeseen", 500, "internal_error"),
        ("POST", "/fail/large", 413, "request_entity_too_large"),
        ("GET", "/fail/refused", 405, "method_not_allowed"),
        ("GET", "/nowhere", 404, "not_found"),
    ],
)
def test_every_error_is_a_problem_document(client, method, path, status, detail):
    reply = client.open(path, method=method)

    assert reply.status_code == status
    assert reply.content_type == "application/problem+json"
    assert reply.json["detail"] == detail
    assert reply.json["status"] == status
    assert reply.json["message"]
    assert reply.json["request_id"] == reply.headers["X-Request-ID"]
    assert "canary" not in reply.text


def test_time_to_try_again_is_told_twice(client):
    reply = client.post("/fail/refused")

    assert reply.json["retry_at"] == "2999-01-01T00:00:00Z"
    assert int(reply.headers["Retry-After"]) > 0


def test_wrong_method_names_the_right_one(client):
    assert "POST" in client.get("/fail/refused").headers["Allow"]


def test_unforeseen_error_is_in_the_log_without_the_person_in_it(client, log):
    client.post("/fail/unforeseen")

    assert "canary-inside" in log.getvalue()
    assert "9876543210" not in log.getvalue()
