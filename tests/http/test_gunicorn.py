"""The server as it is deployed: gunicorn with Flow's configuration, behind a proxy where TLS would end."""

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.http.recording import ENVIRONMENT
from tests.local.flow_command import free_port

CHALLENGE = "/webhooks/meta?hub.mode=subscribe&hub.verify_token=verify-me&hub.challenge=42"
PUBLIC = {"Host": "flow.example.test"}


@contextmanager
def running(trusted: str) -> Iterator[tuple[int, "subprocess.Popen[str]"]]:
    """A gunicorn that believes so many proxies; the port and the process."""
    port = free_port()
    command = [sys.executable, "-m", "gunicorn", "--config", "python:workers.gunicorn", "workers.wsgi:app"]
    clean = {k: v for k, v in os.environ.items() if k not in ("WEB_CONCURRENCY", "PORT")}
    more = {"FLOW_TRUSTED_PROXIES": trusted, "PORT": str(port)}
    process = subprocess.Popen(
        command, env=clean | ENVIRONMENT | more, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    try:
        assert process.stdout
        assert process.stdout.readline().startswith("Ready: worker")
        yield port, process
    finally:
        process.kill()
        process.communicate()


@pytest.fixture(scope="module")
def behind() -> Iterator[int]:
    """A gunicorn that believes the proxy before it."""
    with running("1") as (port, _):
        yield port


@pytest.fixture(scope="module")
def alone() -> Iterator[tuple[int, "subprocess.Popen[str]"]]:
    """A gunicorn that believes nobody."""
    with running("0") as server:
        yield server


@pytest.fixture(scope="module")
def proxy(behind: int) -> Iterator[int]:
    """A proxy that says what a caller used: https, and from where."""

    class Forward(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            said = dict(self.headers) | {"X-Forwarded-Proto": "https", "X-Forwarded-For": "203.0.113.7"}
            status, headers, body = ask(behind, self.path, said)
            self.send_response(status)
            for name in ("Strict-Transport-Security", "Content-Type"):
                self.send_header(name, headers.get(name, ""))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Forward)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_port
    server.shutdown()
    server.server_close()


def ask(port: int, path: str, headers: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", path, headers=headers)
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer.status, dict(answer.getheaders()), body


def test_behind_its_proxy_a_caller_over_https_is_served_and_told_to_stay_with_it(proxy: int) -> None:
    status, headers, body = ask(proxy, CHALLENGE, PUBLIC)

    assert (status, body) == (200, b"42")
    assert headers["Strict-Transport-Security"].startswith("max-age=")


def test_nobody_is_believed_about_https_unless_a_proxy_is_trusted(
    alone: tuple[int, "subprocess.Popen[str]"],
) -> None:
    """gunicorn by itself would take the word of anybody on this machine."""
    status, _, body = ask(alone[0], CHALLENGE, PUBLIC | {"X-Forwarded-Proto": "https"})

    assert (status, b"https_required" in body) == (403, True)


def test_a_stop_lets_what_is_under_way_end_and_idle_connections_hold_nobody_up(
    alone: tuple[int, "subprocess.Popen[str]"],
) -> None:
    port, process = alone
    idle, slow = (socket.create_connection(("127.0.0.1", port)) for _ in range(2))
    idle.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert b"200 OK" in idle.recv(4096)
    slow.sendall(b"POST /webhooks/meta HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n\r\nab")
    assert ask(port, "/healthz", {})[0] == 200  # by now the slow one is being served
    process.send_signal(signal.SIGTERM)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0.5)

    slow.sendall(b"cd")

    assert slow.recv(4096).startswith(b"HTTP/1.1 401 ")
    assert process.wait(5) == 0
    idle.close()
    slow.close()
