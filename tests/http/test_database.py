"""What a gateway may answer, over a real socket, becomes an object or one of our errors."""

import json
import os
import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import structlog

from tests.http.recording import settings
from workers.database import Database
from workers.errors import Busy, FlowError, Refused, Unavailable

Reply = tuple[int, str, str]
JSON = "application/json"


class Gateway:
    """A server on a socket of this machine that answers as told and keeps what it was asked."""

    def __init__(self) -> None:
        self.reply: Reply | Callable[[BaseHTTPRequestHandler], None] = (200, JSON, "{}")
        self.asked: list[tuple[str, dict[str, str], bytes]] = []
        self.connections: set[tuple[str, int]] = set()
        gateway = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                headers = {name.lower(): value for name, value in self.headers.items()}
                gateway.asked.append((self.path, headers, body))
                gateway.connections.add(self.client_address)
                if callable(gateway.reply):
                    gateway.reply(self)
                    return
                status, kind, text = gateway.reply
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(text.encode())))
                self.end_headers()
                self.wfile.write(text.encode())

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()


@pytest.fixture
def gateway() -> Iterator[Gateway]:
    made = Gateway()
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture
def database(gateway: Gateway) -> Iterator[Database]:
    made = Database(settings(SUPABASE_URL=gateway.url))
    yield made
    made.close()


def test_function_of_the_worker_schema_is_called_with_the_secret_key(gateway, database):
    gateway.reply = (200, JSON, '{"event_id": 7}')

    answer = database.rpc("ingest_meta", body="aGk=")

    path, headers, body = gateway.asked[0]
    assert answer == {"event_id": 7}
    assert path == "/rest/v1/rpc/ingest_meta"
    assert json.loads(body) == {"body": "aGk="}
    assert headers["apikey"] == "sb_secret_test"
    assert headers["content-profile"] == "worker"
    assert "Mozilla" not in headers["user-agent"]


def test_request_id_travels_along(gateway, database):
    structlog.contextvars.bind_contextvars(request_id="req-12345")

    database.rpc("ping")

    structlog.contextvars.clear_contextvars()
    assert gateway.asked[0][1]["x-request-id"] == "req-12345"


@pytest.mark.parametrize(
    "reply", [(200, JSON, "null"), (204, JSON, ""), (200, JSON, "{}")], ids=["null", "204", "{}"]
)
def test_nothing_is_an_empty_object(gateway, database, reply):
    gateway.reply = reply

    assert database.rpc("wake", job="dispatch") == {}


def test_refusal_keeps_its_words(gateway, database):
    error = {
        "code": "PT409",
        "message": "Too soon.",
        "details": "sync_too_soon",
        "hint": "retry_at=2026-11-23T10:00:00Z",
    }
    gateway.reply = (409, JSON, json.dumps(error))

    with pytest.raises(Refused) as caught:
        database.rpc("claim_syncs")

    error = caught.value
    assert (error.status, error.message, error.detail) == (409, "Too soon.", "sync_too_soon")
    assert error.retry_at == "2026-11-23T10:00:00Z"


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        pytest.param((503, "text/html", "<h1>no</h1>"), Unavailable, id="HTML page"),
        pytest.param(
            (503, JSON, '{"code":"PGRST001","message":"no"}'), Unavailable, id="gateway without database"
        ),
        pytest.param((401, JSON, '{"message":"Invalid API key"}'), Unavailable, id="key refused"),
        pytest.param((500, JSON, '{"code":"XX000","message":"no"}'), FlowError, id="fault in SQL"),
        pytest.param((200, JSON, "[1]"), FlowError, id="not an object"),
        pytest.param((200, "text/html", "<h1>hello</h1>"), FlowError, id="success that is no JSON"),
        pytest.param((409, JSON, '["odd"]'), Unavailable, id="error that is no object"),
        pytest.param(
            (400, JSON, '{"code":7,"message":"odd"}'), Unavailable, id="error whose code is no text"
        ),
    ],
)
def test_other_answers_become_errors_of_ours(gateway, database, reply, kind):
    gateway.reply = reply

    with pytest.raises(FlowError) as caught:
        database.rpc("ping")

    assert type(caught.value) is kind


def test_hanging_up_is_brief_and_not_tried_again(gateway, database):
    gateway.reply = lambda handler: handler.connection.shutdown(socket.SHUT_RDWR)

    with pytest.raises(Unavailable) as caught:
        database.rpc("ping")

    assert caught.value.is_brief
    assert len(gateway.asked) == 1


def in_turn(*replies: Reply) -> Callable[[BaseHTTPRequestHandler], None]:
    """One answer after the other."""
    left = list(replies)

    def answer(handler: BaseHTTPRequestHandler) -> None:
        status, kind, text = left.pop(0)
        if status == 0:
            handler.connection.shutdown(socket.SHUT_RDWR)
            return
        handler.send_response(status)
        handler.send_header("Content-Type", kind)
        handler.send_header("Content-Length", str(len(text)))
        handler.end_headers()
        handler.wfile.write(text.encode())

    return answer


HANGS_UP: Reply = (0, JSON, "")
DEADLOCK: Reply = (500, JSON, '{"code":"40P01","message":"deadlock detected"}')
DONE: Reply = (200, JSON, '{"done":1}')


@pytest.mark.parametrize("code", ["40P01", "40001", "55P03"])
def test_what_the_database_undid_whole_is_called_again(gateway, database, code):
    undone = (500, JSON, json.dumps({"code": code, "message": "no"}))
    gateway.reply = in_turn(undone, undone, DONE)

    assert database.rpc("ping") == {"done": 1}
    assert len({body for _, _, body in gateway.asked}) == 1


def test_deadlock_after_deadlock_is_told_after_the_third(gateway, database):
    gateway.reply = DEADLOCK

    with pytest.raises(Busy):
        database.insist("ping")

    assert len(gateway.asked) == 3


def test_who_insists_calls_again_after_a_dropped_connection(gateway, database):
    gateway.reply = in_turn(HANGS_UP, DEADLOCK, HANGS_UP, DONE)

    assert database.insist("ping") == {"done": 1}


def test_who_insists_is_told_after_the_third_dropped_connection(gateway, database):
    gateway.reply = in_turn(*[HANGS_UP] * 4)

    with pytest.raises(Unavailable):
        database.insist("ping")

    assert len(gateway.asked) == 3


def test_nobody_insists_on_what_was_refused(gateway, database):
    gateway.reply = (409, JSON, '{"code":"PT409","message":"no"}')

    with pytest.raises(Refused):
        database.insist("ping")

    assert len(gateway.asked) == 1


def test_closed_port_is_unavailable():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        database = Database(settings(SUPABASE_URL=f"http://127.0.0.1:{free.getsockname()[1]}"))

        with pytest.raises(Unavailable):
            database.rpc("ping")


def test_calls_share_one_connection(gateway, database):
    for _ in range(5):
        database.rpc("ping")

    assert len(gateway.connections) == 1


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_child_process_opens_a_connection_of_its_own(gateway, database):
    database.rpc("ping")

    child = os.fork()
    if child == 0:
        database.rpc("ping")
        os._exit(0)
    os.waitpid(child, 0)

    database.rpc("ping")
    assert len(gateway.connections) == 2


def test_person_is_known_by_their_own_token_and_the_publishable_key(gateway, database):
    gateway.reply = (200, JSON, '{"ok": true}')

    database.as_person("head.body.sign").rpc("add_lead", org_id="o")

    path, headers, _ = gateway.asked[0]
    assert path == "/rest/v1/rpc/add_lead"
    assert headers["authorization"] == "Bearer head.body.sign"
    assert headers["apikey"] == "sb_publishable_test"
    assert headers["content-profile"] == "public"


@pytest.mark.parametrize("token", ["", "x", "a.b.c\nX: y", "a.b.c d"])
def test_person_without_a_token_is_refused_before_the_call(gateway, database, token):
    with pytest.raises(Refused) as caught:
        database.as_person(token)

    assert caught.value.status == 401
    assert gateway.asked == []


def test_database_opens_again_after_it_was_closed(gateway, database):
    database.rpc("ping")
    database.close()

    assert database.rpc("ping") == {}
