"""A sandbox on a port of its own, and the webhook address that its Meta knows."""

import hashlib
import hmac
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Any

import httpx
from flask import Flask, request

from workers.sandbox.app import Config, create_sandbox
from workers.sandbox.client import SandboxControl
from workers.sandbox.server import LoopbackServer

SECRET = "a-secret-of-the-app"
VERIFY_TOKEN = "a-verify-token"
TOKEN = "EAAone"
WABA, PHONE = "880100000000001", "770200000000001"
CUSTOMER = "919000000011"
HELLO = {"name": "hello", "language": "en", "body": "Hello {{1}}, about {{2}}."}


class Receiver:
    """What Flow's webhook address heard: every body whose signature fits; and how it answers."""

    def __init__(self) -> None:
        self.lock = Lock()
        self.bodies: list[bytes] = []
        self.forged = 0
        self.refusals = 0
        app = Flask("receiver")

        @app.get("/webhooks/meta")
        def verify() -> tuple[str, int]:
            good = request.args.get("hub.verify_token") == VERIFY_TOKEN
            return (request.args["hub.challenge"], 200) if good else ("", 403)

        @app.post("/webhooks/meta")
        @app.post("/push")
        def receive() -> tuple[str, int]:
            body = request.get_data()
            signature = "sha256=" + hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
            with self.lock:
                if self.refusals:
                    self.refusals -= 1
                    return "", 503
                if request.path != "/push":
                    self.forged += not hmac.compare_digest(
                        signature, request.headers.get("X-Hub-Signature-256", "")
                    )
                self.bodies.append(body)
            return "", 200

        self.server = LoopbackServer(app, 0)

    def posts(self) -> list[Any]:
        with self.lock:
            return [json.loads(body) for body in self.bodies]

    def values(self) -> list[Any]:
        return [c["value"] for p in self.posts() for e in p["entry"] for c in e["changes"]]

    def statuses(self) -> list[Any]:
        return [status for value in self.values() for status in value.get("statuses", [])]

    def messages(self) -> list[Any]:
        return [message for value in self.values() for message in value.get("messages", [])]


class RunningSandbox:
    """A sandbox, a client of its outside and one of its control API."""

    def __init__(self, interval: float) -> None:
        self.receiver = Receiver()
        webhook_url = f"{self.receiver.server.url}/webhooks/meta"
        config = Config("4406", SECRET, VERIFY_TOKEN, webhook_url, interval)
        self.app = create_sandbox(config)
        self.server = LoopbackServer(self.app, 0)
        self.control = SandboxControl(self.server.url)
        self.http = httpx.Client(base_url=self.server.url, timeout=10, trust_env=False)

    def seed(self) -> None:
        number = {"phone_number_id": PHONE, "display_phone": "+91 11400 00001"}
        self.control.put_account(
            {"waba_id": WABA, "token": TOKEN, "numbers": [number], "templates": [HELLO], "subscribed": True}
        )
        self.control.behave(sent_ms=0, delivered_ms=1, read_ms=2)

    def graph(self, method: str, path: str, token: str | None = TOKEN, **more: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return self.http.request(method, f"/v26.0/{path}", headers=headers, **more)

    def send(self, **body: Any) -> httpx.Response:
        whole = {"messaging_product": "whatsapp", "to": CUSTOMER, **body}
        return self.graph("POST", f"{PHONE}/messages", json=whole)

    def send_hello(self, *values: str, **more: Any) -> httpx.Response:
        return self.send(type="template", template=hello(*(values or ("Asha", "valves"))), **more)

    def settle(self) -> None:
        assert self.control.wait_until_idle()


def hello(*values: str, **more: Any) -> dict[str, Any]:
    """The template as it is sent."""
    parameters = [{"type": "text", "text": value} for value in values]
    body = {"type": "body", "parameters": parameters}
    return {"name": "hello", "language": {"code": "en"}, "components": [body], **more}


@contextmanager
def running_sandbox(interval: float = 300) -> Iterator[RunningSandbox]:
    """Runs a sandbox and its webhook address in threads."""
    sandbox = RunningSandbox(interval)
    servers = (sandbox.receiver.server, sandbox.server)
    for server in servers:
        server.start()
    try:
        yield sandbox
    finally:
        sandbox.app.extensions["sandbox"].webhooks.stop()
        for server in servers:
            server.shutdown()
            server.server_close()
        sandbox.control.close()
        sandbox.http.close()


def until(holds: Callable[[], object], seconds: float = 5) -> None:
    """Waits until something holds."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it never came true"
        time.sleep(0.01)
