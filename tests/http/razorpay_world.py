"""The sandbox's Razorpay, running, and an address that hears its webhooks."""

import hashlib
import hmac
import json
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Any

import httpx
from flask import Flask, request

from tests.http.recording import settings
from tests.http.running_sandbox import until
from workers.billing.razorpay import Razorpay
from workers.clients import outbound_client
from workers.sandbox.app import Config, create_sandbox
from workers.sandbox.client import SandboxControl
from workers.sandbox.server import LoopbackServer
from workers.settings import Settings

KEY, SECRET, WEBHOOKS = "rzp_test_sandbox", "a-key-secret-of-nobody", "a-webhook-secret"
NET, GROSS = 199_900, 235_882


class Heard:
    """The webhooks that came: events whose signature fits, and how many did not."""

    def __init__(self) -> None:
        self.lock, self.events, self.forged, self.refusals = Lock(), [], 0, 0
        app = Flask("heard")

        @app.post("/webhooks/razorpay")
        def receive() -> tuple[str, int]:
            body = request.get_data()
            good = hmac.new(WEBHOOKS.encode(), body, hashlib.sha256).hexdigest()
            with self.lock:
                if self.refusals:
                    self.refusals -= 1
                    return "", 503
                if request.headers["X-Razorpay-Signature"] != good:
                    self.forged += 1
                    return "", 401
                self.events.append((request.headers["x-razorpay-event-id"], json.loads(body)))
            return "", 200

        self.server = LoopbackServer(app, 0)

    @property
    def names(self) -> list[str]:
        with self.lock:
            return [event["event"] for _, event in self.events]


class World:
    """A sandbox with its control, its API as it is, and Flow's client of it."""

    def __init__(self) -> None:
        self.heard = Heard()
        config = Config(
            razorpay_key_id=KEY,
            razorpay_key_secret=SECRET,
            razorpay_webhook_secret=WEBHOOKS,
            razorpay_webhook_url=f"{self.heard.server.url}/webhooks/razorpay",
        )
        self.app = create_sandbox(config)
        self.server = LoopbackServer(self.app, 0)
        self.control = SandboxControl(self.server.url)
        self.api = httpx.Client(
            base_url=f"{self.server.url}/v1/", auth=(KEY, SECRET), timeout=10, trust_env=False
        )
        self.settings = self.settings_with()
        self.http = outbound_client(self.settings)
        self.client = Razorpay(self.http, self.settings)

    def settings_with(self, **changes: str) -> Settings:
        return settings(
            RAZORPAY_URL=self.server.url,
            RAZORPAY_KEY_ID=KEY,
            RAZORPAY_KEY_SECRET=SECRET,
            RAZORPAY_WEBHOOK_SECRET=WEBHOOKS,
            **changes,
        )

    def post(self, path: str, **body: Any) -> Any:
        answer = self.api.post(path, json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def refused(self, method: str, path: str, **body: Any) -> str:
        answer = self.api.request(method, path, json=body)
        assert answer.status_code == 400, answer.text
        return str(answer.json()["error"]["description"])

    def get(self, path: str, **query: Any) -> Any:
        return self.api.get(path, params=query).json()

    def plan(self, amount: int = GROSS, period: str = "monthly") -> str:
        item = {"name": "Starter", "amount": amount, "currency": "INR"}
        return str(self.post("plans", period=period, interval=1, item=item)["id"])

    def subscribe(self, method: str | None = "upi", amount: int = GROSS, **more: Any) -> str:
        """A subscription; with a method its mandate is given."""
        given = {"plan_id": self.plan(amount), "total_count": 12} | more
        ident = str(self.post("subscriptions", **given)["id"])
        if method:
            self.control.pay(ident, method=method)
        return ident

    def status(self, ident: str) -> str:
        return str(self.get(f"subscriptions/{ident}")["status"])

    def settle(self) -> list[str]:
        """The events that were heard, once nothing is on its way."""
        assert self.control.wait_until_idle()
        return self.heard.names

    def settled(self) -> list[dict[str, Any]]:
        """The same events, as they came."""
        self.settle()
        return [event for _, event in self.heard.events]

    def reset(self) -> None:
        self.control.reset()
        until(lambda: not self.control.webhooks_waiting())
        with self.heard.lock:
            self.heard.events.clear()
            self.heard.forged = self.heard.refusals = 0


@contextmanager
def razorpay_world() -> Iterator[World]:
    """Runs it in threads."""
    world = World()
    for server in (world.heard.server, world.server):
        server.start()
    try:
        yield world
    finally:
        world.app.extensions["sandbox"].webhooks.stop()
        for server in (world.heard.server, world.server):
            server.shutdown()
            server.server_close()
        world.control.close()
        world.api.close()
        world.http.close()
