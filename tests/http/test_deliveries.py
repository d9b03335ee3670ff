"""Deliveries of webhooks go to the public internet by TLS, to nobody else, and never wait for long."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from tests.http.recording import RecordingDatabase, settings
from workers.deliveries import job, sending

PUBLIC = settings(FLOW_PUBLIC_URL="https://flow.example.com")
LOCAL = settings()
CLAIMED = {
    "org_id": "00000000-0000-4000-8000-000000000001", "endpoint_id": "00000000-0000-4000-8000-000000000002",
    "event_id": 7, "attempt": 1, "url": "", "headers": {"webhook-id": "evt_7"}, "body": '{"id": "evt_7"}',
}  # fmt: skip


def post(url: str, configured: Any = PUBLIC) -> sending.Outcome:
    """Post one event."""
    with sending.client(configured) as http:
        return sending.post(http, url, {"webhook-id": "evt_7"}, "{}")


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """Says what names lead to; gives which were looked up."""

    def lead(*answers: list[str]) -> list[str]:
        asked: list[str] = []
        left = list(answers)

        def look_up(host: str, port: int, **_: object) -> list[tuple[Any, ...]]:
            asked.append(host)
            found = left.pop(0) if len(left) > 1 else left[0]
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in found]

        monkeypatch.setattr(sending.socket, "getaddrinfo", look_up)
        return asked

    return lead


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0",
        "224.0.0.1", "255.255.255.255", "::1", "::", "fe80::1%eth0", "fc00::1", "ff02::1",
        "::ffff:127.0.0.1", "::ffff:10.0.0.1", "2002:7f00:1::", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe",
        "2001:0:4136:e378::1", "192.0.2.1", "198.18.0.1", "fd00:ec2::254",
    ],
)  # fmt: skip
def test_a_name_that_leads_anywhere_but_to_the_public_internet_is_not_called(
    names: Callable[..., list[str]], address: str
) -> None:
    names(["93.184.216.34", address])

    assert post("https://hooks.example.com/").problem == "address_not_allowed"


@pytest.mark.parametrize(
    "url",
    [
        "http://hooks.example.com/",
        "https://hooks.example.com:25/",
        "https://u:p@hooks.example.com/",
        "http://127.0.0.1:9/",
    ],
)
def test_only_tls_and_ports_of_the_web_are_called(names: Callable[..., list[str]], url: str) -> None:
    names(["93.184.216.34"])

    assert post(url).problem == "address_not_allowed"


def test_the_connection_goes_to_the_address_that_was_looked_at(names: Callable[..., list[str]]) -> None:
    asked = names(["93.184.216.34"], ["127.0.0.1"])
    seen: list[httpx.Request] = []

    def connect(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200)

    transport = sending.PublicOnly(httpx.MockTransport(connect), allow_loopback=False)
    with httpx.Client(transport=transport) as http:
        assert sending.post(http, "https://hooks.example.com/a?b", {}, "{}").status == 200

    (request,) = seen
    assert (str(request.url), request.headers["Host"], request.extensions["sni_hostname"], asked) == (
        "https://93.184.216.34/a?b", "hooks.example.com", "hooks.example.com", ["hooks.example.com"],
    )  # fmt: skip


@pytest.fixture
def server() -> Iterator[Callable[[bytes, float], str]]:
    """A server on this machine that says some bytes, slowly if told so; gives its address."""
    opened: list[socket.socket] = []

    def serve(answer: bytes, pause: float = 0) -> str:
        listening = socket.create_server(("127.0.0.1", 0))
        opened.append(listening)

        def talk() -> None:
            try:
                line, _ = listening.accept()
                with line:
                    line.recv(65536)
                    for part in [answer[i : i + 8] for i in range(0, len(answer), 8)] if pause else [answer]:
                        line.sendall(part)
                        time.sleep(pause)
            except OSError:
                pass

        threading.Thread(target=talk, daemon=True).start()
        return f"http://127.0.0.1:{listening.getsockname()[1]}/hook"

    yield serve
    for one in opened:
        one.close()


def test_a_redirect_is_an_answer_and_nothing_is_followed(server: Callable[..., str]) -> None:
    elsewhere = server(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    url = server(f"HTTP/1.1 307 Temporary\r\nLocation: {elsewhere}\r\nContent-Length: 0\r\n\r\n".encode())

    assert post(url, LOCAL).status == 307


def test_what_a_receiver_asks_to_wait_is_handed_on(server: Callable[..., str]) -> None:
    url = server(b"HTTP/1.1 429 Slowly\r\nRetry-After: 120\r\nContent-Length: 0\r\n\r\n")

    assert post(url, LOCAL).retry_after == 120


def test_of_an_answer_the_beginning_is_kept_without_secrets_and_people(server: Callable[..., str]) -> None:
    body = b"no: Bearer abc.def token=whsec_MfKQ9r8GKYqrTwjU +919810000011 \x00\xff" + b"x" * 5000
    url = server(b"HTTP/1.1 500 Oops\r\n\r\n" + body)

    answer = post(url, LOCAL)

    assert answer.status == 500
    assert answer.response is not None
    assert len(answer.response) <= 500
    assert not [word for word in ("whsec_MfKQ", "9810000011", "\x00", "abc.def") if word in answer.response]


@pytest.mark.parametrize(
    "answer",
    [b"HTTP/1.1 200 OK\r\nX-Slow: " + b"y" * 4000, b"HTTP/1.1 200 OK\r\n\r\n" + b"z" * 400],
    ids=["headers", "body"],
)
def test_whoever_drips_is_hung_up_on(
    server: Callable[..., str], monkeypatch: pytest.MonkeyPatch, answer: bytes
) -> None:
    monkeypatch.setattr(sending, "TOTAL_SECONDS", 0.3)
    began = time.monotonic()

    post(server(answer, 0.3), LOCAL)

    assert time.monotonic() - began < 10, "the shorter one drips for 15 seconds"


def test_one_delivery_that_fails_takes_no_other_with_it(
    server: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    good, bad = server(b"HTTP/1.1 204 No Content\r\n\r\n"), "http://127.0.0.1:1/"
    broken = CLAIMED | {"event_id": 9, "url": "https://bro ken\x00/"}
    database = RecordingDatabase(
        claim_webhooks=[
            {"deliveries": [CLAIMED | {"url": good}, CLAIMED | {"event_id": 8, "url": bad}, broken]},
            {"deliveries": []},
        ],
        record_webhooks={"recorded": 3, "disabled": 0},
    )

    assert job.run(database, httpx.Client(), LOCAL) == {"sent": 3, "disabled": 0, "more": False}

    ((results),) = [call["results"] for call in database.named("record_webhooks")]
    assert [(one["event_id"], one["status"], one["problem"]) for one in results] == [  # type: ignore[attr-defined]
        (7, 204, None), (8, None, "no_connection"), (9, None, "answer_broken"),
    ]  # fmt: skip
