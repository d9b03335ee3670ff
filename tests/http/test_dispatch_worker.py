"""The dispatcher against the real functions in a real database; only Meta is played, at the transport."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import psycopg
import pytest

from tests.business import Business, fresh_org, status, text
from tests.database import LIMITS, Database
from tests.http.recording import settings
from workers import database as gateway
from workers import dispatch
from workers import signals as sender
from workers.errors import FlowError, Unavailable

ASHA = "+919810000011"
PHONES = [f"+9198100{n:05d}" for n in range(60)]


class SqlDatabase(gateway.Database):
    """Calls `worker.*` as the role of the workers, without a gateway in between; fails when told to."""

    def __init__(self, dsn: str) -> None:
        super().__init__(settings())
        self.connection = psycopg.connect(dsn, autocommit=True, options=LIMITS)
        self.connection.execute("set role service_role")
        self.failures: dict[str, list[Exception]] = {}
        self.calls: list[str] = []

    def rpc(self, name: str, /, **args: object) -> dict[str, Any]:
        """Call one function, unless its next failure is due."""
        self.calls.append(name)
        if self.failures.get(name):
            raise self.failures[name].pop(0)
        given = ", ".join(f"{key} => %({key})s" for key in args)
        values = {key: json.dumps(value) if isinstance(value, list) else value for key, value in args.items()}
        row = self.connection.execute(f"select worker.{name}({given})", values).fetchone()
        assert row
        return row[0] or {}


class Meta:
    """Answers sends as told, and keeps count of them."""

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []
        self.at_once = self.most_at_once = 0
        self.answer: Callable[[dict[str, Any]], httpx.Response] = self.accept
        self._lock = threading.Lock()

    def accept(self, body: dict[str, Any]) -> httpx.Response:
        """Say what Meta says when it takes a message."""
        return httpx.Response(200, json={"messages": [{"id": f"wamid.{body['biz_opaque_callback_data']}"}]})

    def __call__(self, request: httpx.Request) -> httpx.Response:
        body = json.loads(request.content)
        assert request.headers["Authorization"] == "Bearer EAAtoken"
        with self._lock:
            self.sent.append(body)
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            return self.answer(body)
        finally:
            with self._lock:
                self.at_once -= 1

    def names(self) -> list[int]:
        """The ids of the messages that arrived, in order."""
        return [int(body["biz_opaque_callback_data"].removeprefix("flow.")) for body in self.sent]


@pytest.fixture
def meta() -> Meta:
    return Meta()


@pytest.fixture
def database(dsn: str) -> Iterator[SqlDatabase]:
    made = SqlDatabase(dsn)
    yield made
    made.connection.close()


@pytest.fixture
def business(dsn: str) -> Iterator[Business]:
    """A business that others see; disconnected at the end, so that nothing of it is ever sent again."""
    with Database.connect(dsn, options=LIMITS, autocommit=True) as db:
        with db.transaction():
            made = Business(db, fresh_org(db))
        yield made
        db.execute("select worker.disconnect_whatsapp(%s)", [made.org_id])
        db.execute(
            "update private.send_lanes set lease = null, next_at = null where org_id = %s", [made.org_id]
        )


@pytest.fixture
def run(database: SqlDatabase, meta: Meta) -> Callable[..., dict[str, Any]]:
    def dispatch_with(transport: httpx.BaseTransport | None = None, **changes: str) -> dict[str, Any]:
        with httpx.Client(transport=transport or httpx.MockTransport(meta)) as http:
            return dispatch.run(database, http, settings(**changes))

    return dispatch_with


def test_everything_queued_is_sent_once_and_recorded(run, business, meta):
    ids = business.send(*PHONES)

    counts = run()

    assert counts == {"claimed": 60, "accepted": 60, "other": 0, "more": False}
    assert sorted(meta.names()) == ids
    assert set(business.statuses()) == {"sent"}
    assert business.message(ids[0])["wamid"] == f"wamid.flow.{ids[0]}"


def test_sends_are_concurrent_but_one_conversation_is_in_order(run, business, meta):
    def slowly(body):
        time.sleep(0.05)
        return meta.accept(body)

    meta.answer = slowly
    thread = business.send(*[ASHA] * 4)
    business.send(*PHONES[:40])

    run(FLOW_SEND_CONCURRENCY="20")

    assert 10 <= meta.most_at_once <= 20
    assert [m for m in meta.names() if m in thread] == thread
    assert set(business.statuses()) == {"sent"}


def test_empty_outbox_calls_nobody(run, meta, business):
    assert run() == {"claimed": 0, "accepted": 0, "other": 0, "more": False}
    assert meta.sent == []


def test_message_that_is_queued_right_after_the_outbox_emptied_is_still_sent(run, business, meta):
    """Its wake-up is throttled away: the dispatcher must look once more before it goes."""
    business.send(ASHA)
    late = threading.Timer(0.1, lambda: business.send(PHONES[0]))
    late.start()

    run()
    late.join()

    assert business.statuses() == ["sent", "sent"]


LOST = [
    pytest.param(httpx.ReadTimeout("slow"), id="no answer in time"),
    pytest.param(httpx.ReadError("reset"), id="reset"),
    pytest.param(httpx.RemoteProtocolError("gone"), id="hung up"),
    pytest.param(httpx.Response(502, text="<html>"), id="a broken gateway"),
    pytest.param(RuntimeError("a bug"), id="an unforeseen error"),
]


@pytest.mark.parametrize("trouble", LOST)
def test_answer_that_was_lost_makes_one_message_uncertain_and_no_other(run, business, meta, trouble):
    first, *others = business.send(ASHA, *PHONES[:5])

    def lose(body):
        if body["to"] != ASHA.lstrip("+"):
            return meta.accept(body)
        if isinstance(trouble, Exception):
            raise trouble
        return trouble

    meta.answer = lose
    counts = run()

    assert (counts["accepted"], counts["other"]) == (5, 1)
    assert business.message(first)["status"] == "uncertain"
    assert {business.message(m)["status"] for m in others} == {"sent"}
    assert meta.names().count(first) == 1


UNREACHABLE = [
    pytest.param(httpx.ConnectError("refused"), id="connection refused"),
    pytest.param(FlowError("plain http"), id="refused by ourselves"),
]


@pytest.mark.parametrize("trouble", UNREACHABLE)
def test_message_that_never_left_waits_a_little_and_is_sent(run, business, meta, trouble):
    (message,) = business.send(ASHA)

    def refuse_once(body):
        if len(meta.sent) == 1:
            raise trouble
        return meta.accept(body)

    meta.answer = refuse_once
    began = time.monotonic()
    run()

    assert meta.names() == [message, message]
    assert time.monotonic() - began > 0.9, "not at once"
    assert business.message(message)["status"] == "sent"
    assert business.message(message)["attempts"] == 1


def test_error_of_meta_is_judged_by_the_table(run, business, meta):
    refused, fine = business.send(ASHA, PHONES[0])
    error = httpx.Response(400, json={"error": {"code": 131026, "message": "Message undeliverable"}})
    meta.answer = lambda body: error if body["to"] == ASHA.lstrip("+") else meta.accept(body)

    run()

    assert (business.message(refused)["status"], business.message(refused)["error_code"]) == (
        "failed",
        131026,
    )
    assert business.message(fine)["status"] == "sent"


def test_send_that_would_start_late_is_given_back(run, business, meta, monkeypatch):
    """More than a second after the claim the number may have been disconnected."""
    monkeypatch.setattr(dispatch, "START_WITHIN", -1.0)
    (message,) = business.send(ASHA)
    given_back = []

    def claim_once(real):
        def rpc(name, **args):
            if name == "record_results":
                given_back.extend(args["results"])
                monkeypatch.setattr(dispatch, "START_WITHIN", 1.0)
            return real(name, **args)

        return rpc

    monkeypatch.setattr(SqlDatabase, "rpc", lambda self, name, real=SqlDatabase.rpc, **args: claim_once(
        lambda n, **a: real(self, n, **a))(name, **args))  # fmt: skip
    run()

    assert given_back[0]["outcome"] == "released"
    assert business.message(message)["status"] == "sent"
    assert business.message(message)["attempts"] == 1
    assert meta.names() == [message]


def test_results_are_recorded_again_while_the_database_is_away(run, business, database):
    ids = business.send(*PHONES[:5])
    database.failures["record_results"] = [Unavailable(is_brief=True), Unavailable(detail="timeout")]

    run()

    assert {business.message(m)["status"] for m in ids} == {"sent"}


def test_one_result_that_the_database_refuses_costs_no_other(run, business, database, meta, monkeypatch):
    poisoned, *others = business.send(*PHONES[:6])
    real = SqlDatabase.rpc

    def refusing(self, name, **args):
        if name == "record_results" and any(r["message_id"] == poisoned for r in args["results"]):
            raise FlowError("refused", detail="sqlstate_22P05")
        return real(self, name, **args)

    monkeypatch.setattr(SqlDatabase, "rpc", refusing)
    run()

    assert {business.message(m)["status"] for m in others} == {"sent"}
    assert business.message(poisoned)["status"] == "sending"


def test_claim_that_fails_does_not_lose_what_is_in_the_air(run, business, database, meta):
    (message,) = business.send(ASHA)
    meta.answer = lambda body: (time.sleep(0.1), meta.accept(body))[1]
    database.failures["claim_messages"] = []
    real = database.rpc

    def second_claim_fails(name, **args):
        if name == "claim_messages" and database.calls.count("claim_messages") == 1:
            database.failures["claim_messages"].append(Unavailable())
        return real(name, **args)

    database.rpc = second_claim_fails
    with pytest.raises(Unavailable):
        run()

    assert business.message(message)["status"] == "sent"


def test_dispatcher_that_dies_leaves_messages_that_only_a_status_can_settle(run, business, database, meta):
    """Killed between the answer of Meta and its report: nothing is sent twice."""
    first, second = business.send(ASHA, ASHA)
    database.failures["record_results"] = [Unavailable() for _ in range(dispatch.RECORD_TRIES)]
    dispatch_sleep, dispatch.time.sleep = dispatch.time.sleep, lambda _: None
    try:
        run()
    finally:
        dispatch.time.sleep = dispatch_sleep
    assert business.message(first)["status"] == "sending"
    business.let_pass(61)
    run()
    assert business.message(first)["status"] == "uncertain"

    business.told(status(f"wamid.flow.{first}", "sent", biz_opaque_callback_data=f"flow.{first}"))
    run()

    assert business.statuses() == ["sent", "sent"]
    assert meta.names() == [first, second]


def test_time_that_is_up_asks_to_be_called_again(run, business, meta):
    business.send(*[ASHA] * 30)
    meta.answer = lambda body: (time.sleep(0.1), meta.accept(body))[1]

    counts = run(FLOW_JOB_SECONDS="1")

    assert counts["more"] is True
    assert 3 <= counts["accepted"] < 30
    assert "sending" not in business.statuses()


def test_two_wake_ups_at_once_are_one_dispatcher_a_process(business, dsn, meta):
    business.send(*PHONES)
    meta.answer = lambda body: (time.sleep(0.05), meta.accept(body))[1]
    counts = []

    def wake():
        database = SqlDatabase(dsn)
        with httpx.Client(transport=httpx.MockTransport(meta)) as http:
            counts.append(dispatch.run(database, http, settings(FLOW_SEND_CONCURRENCY="10")))
        database.connection.close()

    threads = [threading.Thread(target=wake) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert sum(c["accepted"] for c in counts) == 60
    assert meta.most_at_once <= 10
    assert len(set(meta.names())) == len(meta.names()) == 60


def test_message_that_is_due_soon_is_waited_for(run, business, meta):
    """A retry after one second is not worth a wake-up of its own."""
    (message,) = business.send(ASHA)
    busy = httpx.Response(
        429, json={"error": {"code": 131056, "message": "Too many"}}, headers={"Retry-After": "1"}
    )
    meta.answer = lambda body: busy if len(meta.sent) == 1 else meta.accept(body)

    assert run()["accepted"] == 1

    assert business.message(message)["attempts"] == 2


# Signals ----------------------------------------------------------------------------------------------------


@pytest.fixture
def signals(business):
    """Queues a receipt, a typing indicator and a reaction; gives what is left of them."""
    business.hear(text("wamid.asked", at=business.now() - 60))
    thread = business.table("public.conversations")[0]["id"]
    for kind in ("read", "typing", "reaction"):
        business.db.execute(
            "insert into private.signals (org_id, conversation_id, kind, wamid, emoji, next_at)"
            " values (%s, %s, %s, 'wamid.asked', '👍', now())",
            [business.org_id, thread, kind],
        )
    yield lambda: [s["kind"] for s in business.table("private.signals", "id") if s["next_at"]]
    business.db.execute("delete from private.signals where org_id = %s", [business.org_id])


def test_signals_are_told_in_the_same_run_as_messages(run, business, meta, signals, database):
    (message,) = business.send(ASHA)
    meta.answer = lambda body: (
        httpx.Response(200, json={"success": True})
        if "status" in body
        else httpx.Response(200, json={"messages": [{"id": f"wamid.{body['type']}"}]})
    )

    counts = run()

    assert counts == {"claimed": 1, "accepted": 1, "other": 0, "more": False}
    told = [body for body in meta.sent if body.get("type") != "template"]
    assert len(told) == 3
    assert [body["typing_indicator"] for body in told if "typing_indicator" in body] == [{"type": "text"}]
    assert [body["reaction"]["emoji"] for body in told if "reaction" in body] == ["👍"]
    assert business.message(message)["status"] == "sent"
    assert signals() == []
    assert database.calls.count("claim_signals") == 2


def test_run_without_signals_asks_for_none(run, business, database):
    business.send(ASHA)

    run()

    assert "claim_signals" not in database.calls


@pytest.mark.parametrize("trouble", [*LOST, *UNREACHABLE])
def test_signal_whose_answer_was_lost_is_due_again_and_typing_is_not(run, business, meta, signals, trouble):
    def lose(_body):
        if isinstance(trouble, Exception):
            raise trouble
        return trouble

    meta.answer = lose

    run()

    assert len(meta.sent) == 3
    assert signals() == ["read", "reaction"]


def test_signal_that_meta_refuses_is_judged_by_the_table(run, business, meta, signals):
    refused = {"error": {"code": 131009, "message": "Parameter value is not valid"}}
    meta.answer = lambda _body: httpx.Response(400, json=refused)

    run()

    assert signals() == []


def test_signal_that_would_start_late_is_given_back(run, business, meta, signals, monkeypatch):
    monkeypatch.setattr(sender, "START_WITHIN", -1.0)

    run(FLOW_JOB_SECONDS="1")

    assert meta.sent == []
    assert signals() == ["read", "typing", "reaction"]


def test_trouble_with_signals_stops_no_message(run, business, meta, signals, database):
    (message,) = business.send(ASHA)
    database.failures["claim_signals"] = [Unavailable(detail="timeout")]
    done = httpx.Response(200, json={"success": True})
    meta.answer = lambda body: meta.accept(body) if body.get("type") == "template" else done

    run()

    assert business.message(message)["status"] == "sent"
