"""Telemetry of the workers: never in the way, nothing of a body or a person, told when it is lost."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import BaseModel

from tests.http.recording import RecordingDatabase, settings
from workers import create_app
from workers.billing.calling import Caller
from workers.errors import FlowError, SettingsError, Unavailable
from workers.indiamart.client import fetch
from workers.jobs import JOBS
from workers.meta.graph import Graph
from workers.telemetry import agents, sentry, trace, writer
from workers.telemetry.calls import NotingTransport, template
from workers.telemetry.writer import Telemetry

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
TRACEPARENT = f"00-{TRACE}-00f067aa0ba902b7-01"
ANDROID = (
    "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko)"
    " Chrome/142.0.0.0 Mobile Safari/537.36"
)
IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko)"
    " Version/18.5 Mobile/15E148 Safari/604.1"
)


def rows(database: RecordingDatabase, kind: str) -> list[dict[str, Any]]:
    """All rows of a kind that were handed to the database."""
    given: list[dict[str, Any]] = [call["rows"] for call in database.named("record_telemetry")]  # type: ignore[misc]
    return [row for batch in given for row in batch.get(kind, ())]


def asked(*path: str, telemetry: str = "inline", **replies: Any) -> RecordingDatabase:
    """The calls of an app that answered these paths."""
    database = RecordingDatabase(**replies)
    client = create_app(settings(FLOW_TELEMETRY=telemetry), database=database).test_client()
    for one in path:
        client.get(one, headers={"User-Agent": "curl/8.5.0", "traceparent": TRACEPARENT})
    return database


# The queue ---------------------------------------------------------------------------------


def test_full_queue_lets_go_and_counts_and_the_next_batch_tells() -> None:
    holding, begun = threading.Event(), threading.Event()

    def slow(**_: object) -> dict[str, Any]:
        begun.set()
        holding.wait(10)
        return {}

    database = RecordingDatabase(record_telemetry=[slow, {}])
    telemetry = Telemetry(settings(FLOW_TELEMETRY="thread"), database)
    for _ in range(writer.BATCH):
        telemetry.note("jobs", {})
    begun.wait(10)
    started = time.perf_counter()
    for _ in range(writer.ROOM + 7):  # the database does not answer; nobody waits for it
        telemetry.note("jobs", {})
    took = time.perf_counter() - started
    holding.set()
    for _ in range(200):
        if len(rows(database, "jobs")) == writer.BATCH + writer.ROOM:
            break
        time.sleep(0.02)

    telemetry.flush()

    assert took < 2
    assert len(rows(database, "jobs")) == writer.BATCH + writer.ROOM
    told = [call["rows"]["dropped"] for call in database.named("record_telemetry")]  # type: ignore[index]
    assert told[:2] == [0, 7]
    assert set(told[2:]) == {0}


@pytest.mark.parametrize("failing", [Unavailable(), RuntimeError("boom"), ValueError()])
def test_database_that_fails_costs_rows_and_nothing_else(failing: Exception) -> None:
    database = asked("/nowhere", "/nowhere", record_telemetry=[failing, {}])

    assert len(database.named("record_telemetry")) == 1, "inline, nobody waits again so soon"


def test_request_is_answered_though_nothing_can_be_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threading.Thread, "start", lambda _: (_ for _ in ()).throw(RuntimeError("no thread")))
    database = RecordingDatabase()

    answer = create_app(settings(FLOW_TELEMETRY="thread"), database=database).test_client().get("/nowhere")

    assert answer.status_code == 404


def test_off_writes_nothing() -> None:
    assert asked("/nowhere", telemetry="off").calls == []


def test_what_is_left_is_written_at_the_end_of_the_process(tmp_path: Path) -> None:
    program = """
import json, os, sys
from tests.http.recording import RecordingDatabase, settings
from workers.telemetry.writer import Telemetry
def keep(rows):
    print(json.dumps([os.getpid(), [row["job"] for row in rows["jobs"]]]), flush=True)
    return {}
telemetry = Telemetry(settings(FLOW_TELEMETRY="thread"), RecordingDatabase(record_telemetry=keep))
telemetry.note("jobs", {"job": "parent"})
if (child := os.fork()) == 0:
    telemetry.note("jobs", {"job": "child"})
    sys.exit(0)
os.waitpid(child, 0)
"""
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout

    (child, first), (parent, second) = [json.loads(line) for line in said.splitlines()]
    assert child != parent
    assert (first, second) == (["child"], ["parent"]), "a fork has a queue of its own"


# Requests ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "taken"),
    [
        (TRACEPARENT, True),
        (f"00-{TRACE.upper()}-00f067aa0ba902b7-01", False),
        ("00-" + "0" * 32 + "-00f067aa0ba902b7-01", False),
        (f"00-{TRACE}-" + "0" * 16 + "-01", False),
        (f"ff-{TRACE}-00f067aa0ba902b7-01", False),
        (f"{TRACEPARENT}\n", False),
        ("", False),
    ],
)
def test_trace_of_the_browser_goes_on_when_it_is_one(given: str, taken: bool) -> None:
    work = trace.begin("request", given)

    assert (work.trace_id == TRACE) is taken
    assert trace.begin("again", work.traceparent).trace_id == work.trace_id


def test_words_that_anybody_may_send_do_not_stand_for_a_method_or_a_device() -> None:
    database = RecordingDatabase()
    client = create_app(settings(FLOW_TELEMETRY="inline"), database=database).test_client()
    agent = "Mozilla/5.0 (Linux; Android 14; asha@example.test Build/1) Chrome/142.0 Mobile"

    client.open("/nowhere", method="ASHA", headers={"User-Agent": agent})

    (row,) = rows(database, "requests")
    assert row["method"] == "OTHER"
    assert row["os"] == "Android"
    assert "asha" not in json.dumps(row).lower()


def test_request_is_noted_by_its_template() -> None:
    database = asked("/webhooks/meta?hub.verify_token=secret", "/healthz", "/deletions/9876543210?phone=1")

    noted = rows(database, "requests")

    assert [row["route"] for row in noted] == ["/webhooks/meta", None]
    assert {row["trace_id"] for row in noted} == {TRACE}
    assert "9876543210" not in json.dumps(noted)
    assert "secret" not in json.dumps(noted)


@pytest.mark.parametrize(
    ("agent", "os", "browser"),
    [
        (ANDROID, "Android", "Chrome Mobile"),
        (IPHONE, "iOS", "Mobile Safari"),
        ("", None, None),
        ("x" * 100_000, None, None),
    ],
)
def test_families_of_browser_and_system_are_told(agent: str, os: str | None, browser: str | None) -> None:
    assert agents.families(agent[: agents.LONGEST])[:2] == (os, browser)


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("103.27.8.219", "103.27.8.0/24"),
        ("2401:4900:1c2a:77d1::1", "2401:4900:1c2a::/48"),
        ("::ffff:103.27.8.219", "103.27.8.0/24"),
        ("", None),
        ("unix:", None),
    ],
)
def test_address_becomes_a_network(address: str, network: str | None) -> None:
    assert agents.network(address) == network


# Calls to providers ------------------------------------------------------------------------


def answered(status: int, body: object, **headers: str) -> httpx.Response:
    """An answer whose bytes come in as they do from a network."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return httpx.Response(status, headers=headers, stream=httpx.ByteStream(content))


@pytest.fixture
def noted() -> Callable[..., dict[str, Any]]:
    """The row of one call that a provider answered so."""

    def call(
        named: str | None, url: str, answer: httpx.Response | Exception, method: str = "GET", **more: Any
    ) -> dict[str, Any]:
        def provider(_: httpx.Request) -> httpx.Response:
            if isinstance(answer, Exception):
                raise answer
            return answer

        database = RecordingDatabase()
        telemetry = Telemetry(settings(FLOW_TELEMETRY="inline"), database)
        transport = NotingTransport(httpx.MockTransport(provider), telemetry)
        extensions = {"provider": named, "attempt": 2} if named else {}
        with httpx.Client(transport=transport) as http:
            try:
                http.request(method, url, extensions=extensions, **more).read()
            except httpx.TransportError:
                assert isinstance(answer, Exception)
        telemetry.flush()
        (row,) = rows(database, "calls") or [{}]
        return row

    return call


META_ERROR = {
    "error": {
        "message": "Re-engage Asha", "code": 131047, "error_subcode": 2494010, "fbtrace_id": "AbC_1-2",
    }
}  # fmt: skip


def test_error_of_meta_is_noted_by_its_codes_and_not_its_words(noted: Callable[..., dict[str, Any]]) -> None:
    body = gzip.compress(json.dumps(META_ERROR).encode())
    row = noted(
        "meta",
        "https://graph.facebook.com/v26.0/919810000011/messages?access_token=EAAsecret",
        answered(400, body, **{"Content-Encoding": "gzip"}),
        "POST",
        json={"to": "919810000011"},
    )

    assert {k: row[k] for k in ("provider", "operation", "endpoint", "status", "provider_code")} == {
        "provider": "meta",
        "operation": "POST messages",
        "endpoint": "/v26.0/{id}/messages",
        "status": 400,
        "provider_code": "131047",
    }
    assert (row["provider_subcode"], row["provider_request_id"]) == ("2494010", "AbC_1-2")
    assert not {word for word in ("9198", "EAA", "Asha", "Re-engage") if word in json.dumps(row)}


@pytest.mark.parametrize(
    ("url", "answer", "expected"),
    [
        (
            "https://api.razorpay.com/v1/subscriptions/sub_abcdefghijklmn/cancel",
            answered(400, {"error": {"code": "BAD_REQUEST_ERROR", "reason": "input_validation_failed"}}),
            ("razorpay", "/v1/subscriptions/{id}/cancel", "BAD_REQUEST_ERROR", "input_validation_failed"),
        ),
        (
            "https://mapi.indiamart.com/wservce/crm/crmListing/v2/?glusr_crm_key=k",
            answered(200, {"CODE": 429, "STATUS": "FAILURE"}),
            ("indiamart", "/wservce/crm/crmListing/v2", "429", None),
        ),
        (
            "https://sheets.googleapis.com/v4/spreadsheets/1AbC/values/customers!A1",
            answered(404, {"error": {"code": 404, "status": "NOT_FOUND"}}),
            ("google", "/v4/spreadsheets/{id}/values/{id}", "404", None),
        ),
        (
            "https://graph.facebook.com/v26.0/1",
            httpx.ReadTimeout("slow"),
            ("meta", "/v26.0/{id}", "timeout", None),
        ),
        (
            "https://graph.facebook.com/v26.0/1",
            httpx.ConnectError("x"),
            ("meta", "/v26.0/{id}", "no_connection", None),
        ),
        (
            "https://graph.facebook.com/v26.0/1",
            answered(500, b"<html>"),
            ("meta", "/v26.0/{id}", None, None),
        ),
    ],
)
def test_every_provider_is_noted(
    noted: Callable[..., dict[str, Any]],
    url: str,
    answer: httpx.Response | Exception,
    expected: tuple[str, ...],
) -> None:
    row = noted(expected[0], url, answer)

    assert (
        row["provider"],
        row["endpoint"],
        row.get("provider_code"),
        row.get("provider_subcode"),
    ) == expected


def test_who_is_no_provider_is_not_noted_and_the_answer_arrives_whole(
    noted: Callable[..., dict[str, Any]],
) -> None:
    assert noted(None, "https://elsewhere.example/v1/messages", answered(200, {})) == {}
    body = b'{"error": {"code": 1}}' + b" " * 200_000
    transport = NotingTransport(
        httpx.MockTransport(lambda _: answered(400, body)),
        Telemetry(settings(), RecordingDatabase()),
    )
    with httpx.Client(transport=transport) as http:
        assert http.get("https://graph.facebook.com/v26.0/1", extensions={"provider": "meta"}).content == body


def test_every_client_names_its_provider() -> None:
    named: list[tuple[str, object]] = []

    def answer(request: httpx.Request) -> httpx.Response:
        named.append((request.extensions["provider"], request.extensions.get("attempt")))
        return httpx.Response(400, json={})

    key = {"RAZORPAY_KEY_ID": "rzp_test_1", "RAZORPAY_KEY_SECRET": "s", "STRIPE_SECRET_KEY": "sk_test_1"}
    now, given = datetime.now(UTC), settings(**key)
    with httpx.Client(transport=httpx.MockTransport(answer)) as http:
        graph = Graph(http, given)
        graph.send_message("1", "token", {})
        fetch(http, "https://mapi.indiamart.com", "key", now, now)
        caller = Caller("razorpay", http, "https://api.razorpay.com/v1/", httpx.BasicAuth("a", "b"), {})
        for call in (lambda: graph.get("1", "token"), lambda: caller.get("plans", BaseModel)):
            with pytest.raises(FlowError):
                call()

    assert named == [("meta", None), ("indiamart", None), ("meta", None), ("razorpay", 1)]


def test_path_keeps_known_words_only() -> None:
    assert (
        template("/v26.0/oauth/access_token/EAAsecret/lowercasesecret")
        == "/v26.0/oauth/access_token/{id}/{id}"
    )


def test_call_in_another_thread_is_of_the_same_work_and_for_its_organization() -> None:
    work = trace.begin("request", TRACEPARENT)
    found: list[object] = []
    look = trace.carried(
        lambda: trace.on_behalf("org", lambda: found.extend([trace.work(), trace.organization()]))
    )

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()

    assert found == [work, "org"]
    assert trace.organization() is None


# Jobs, errors ------------------------------------------------------------------------------


def job(database: RecordingDatabase, **body: object) -> dict[str, Any]:
    client = create_app(settings(FLOW_TELEMETRY="inline"), database=database).test_client()
    secret = settings().secret("flow_job_secret")
    headers = {"Authorization": f"Bearer {secret}", "traceparent": TRACEPARENT}
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(JOBS, "sweep", lambda database, _http, _settings: database.rpc("counts"))
        client.post("/jobs/sweep", json=body, headers=headers)
    (row,) = rows(database, "jobs")
    return row


def test_run_of_a_job_is_noted_with_its_wait_its_counts_and_its_trace() -> None:
    row = job(
        RecordingDatabase(counts={"settled": 2, "words": "Asha", "more": True}),
        asked_at="2026-01-01T00:00:00Z",
    )

    assert (row["job"], row["outcome"], row["trace_id"]) == ("sweep", "more", TRACE)
    assert row["queue_wait_ms"] > 1000
    assert row["counts"] == {"settled": 2, "more": True}


def test_run_that_fails_is_noted_with_its_error() -> None:
    database = RecordingDatabase(counts=RuntimeError("for asha@example.test, +919810000011"))

    row = job(database)

    assert (row["outcome"], row["queue_wait_ms"]) == ("failed", None)
    (error,) = rows(database, "errors")
    assert (error["type"], error["route"]) == ("RuntimeError", "/jobs/<path:name>")
    assert error["message"] == "for [hidden], [hidden]"
    assert error["frames"][0]["in_app"] is False
    assert ("workers/jobs.py", "run_job") in {(f["file"], f["function"]) for f in error["frames"]}
    assert {key for frame in error["frames"] for key in frame} == {"file", "line", "function", "in_app"}


# Prometheus and Sentry ---------------------------------------------------------------------


def test_metrics_are_for_who_knows_the_token_and_name_nobody() -> None:
    assert (
        create_app(settings(), database=RecordingDatabase()).test_client().get("/metrics").status_code == 404
    )
    health = {"queues": {"messages": 12.5}, "missing_partitions": []}
    database = RecordingDatabase(telemetry_health=[health, Unavailable()], run_due={})
    client = create_app(settings(FLOW_METRICS_TOKEN="m" * 20), database=database).test_client()
    client.get("/deletions/9876543210")
    client.get("/webhooks/meta?hub.mode=x")
    client.post("/jobs/sweep", headers={"Authorization": f"Bearer {settings().secret('flow_job_secret')}"})

    assert client.get("/metrics").status_code == 401
    assert client.get("/metrics", headers={"Authorization": "Bearer no"}).status_code == 401
    bearer = {"Authorization": "Bearer " + "m" * 20}
    told = client.get("/metrics", headers=bearer).text
    assert 'http_route="/webhooks/meta",status_class="4xx"' in told
    assert 'flow_queue_age_seconds{queue="messages"} 12.5' in told
    assert 'flow_job_duration_seconds_count{job="sweep",outcome="done"}' in told
    assert "flow_telemetry_dropped_total" in told
    assert "9876543210" not in told
    assert client.get("/metrics", headers=bearer).status_code == 200, "also while the database cannot answer"


def test_sentry_without_its_package_is_told_at_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sentry_sdk", None)

    with pytest.raises(SettingsError, match=r"nanocon-flow\[sentry\]"):
        create_app(settings(SENTRY_DSN="https://key@sentry.example/1"), database=RecordingDatabase())


@pytest.mark.parametrize(
    "dsn", ["sentry.example/1", "https://sentry.example/1", "http://key@sentry.example/1"]
)
def test_what_is_no_dsn_is_refused_without_being_repeated(dsn: str) -> None:
    with pytest.raises(SettingsError, match="SENTRY_DSN is") as refused:
        settings(SENTRY_DSN=dsn)

    assert "sentry.example" not in str(refused.value)


def test_event_for_sentry_keeps_no_request_no_person_no_variable() -> None:
    frame = {"function": "f", "vars": {"token": "x"}, "abs_path": "b.py", "context_line": "x = 1"}
    thrown = {"type": "E", "value": "asha@example.test", "mechanism": {"data": 1}}
    event: Any = {
        "event_id": "1", "request": {"data": "x"}, "user": {"ip_address": "1.2.3.4"}, "server_name": "host",
        "breadcrumbs": {"values": []}, "extra": {"a": 1},
        "exception": {"values": [thrown | {"stacktrace": {"frames": [frame]}}]},
    }  # fmt: skip

    kept = sentry.only_what_is_harmless(event, {})

    left = {"type": "E", "value": "[hidden]", "stacktrace": {"frames": [{"function": "f"}]}}
    assert kept == {"event_id": "1", "exception": {"values": [left]}}
