"""Razorpay's side of webhooks in the sandbox: signed, five seconds each, again until taken, with faults."""

import hashlib
import hmac
import json
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from random import Random
from threading import Lock

from workers.sandbox.faults import Faults
from workers.sandbox.models import JsonObject
from workers.sandbox.razorpay_cycle import Cycle
from workers.sandbox.razorpay_models import RazorpayFault
from workers.sandbox.razorpay_state import ACCOUNT, RazorpayState, new_id

TIMEOUT = 5.0
_FORGER = "a-secret-that-nobody-was-given"


class Account:
    """The one account of the sandbox's Razorpay: what it knows, how it moves, whom it tells."""

    def __init__(self, secret: str, url: str | None, send: Callable[..., None], file: Path | None) -> None:
        self.state = RazorpayState(file)
        self.cycle = Cycle(self.state, self.tell)
        self.faults: Faults[RazorpayFault] = Faults()
        self._secret, self._url, self._send = secret, url, send
        self._random, self._lock = Random(11), Lock()  # noqa: S311 (repeatable on purpose)

    def reset(self) -> None:
        """Forgets everything."""
        self.state.reset()
        self.faults.clear()

    def tell(
        self,
        event: str,
        payload: JsonObject,
        *,
        account_id: str | None = None,
        event_id: str | None = None,
        secret: str | None = None,
    ) -> str:
        """Sends one event as things stand now; gives its id. Faults that were ordered befall it."""
        body = {
            "entity": "event",
            "account_id": account_id or ACCOUNT,
            "event": event,
            "contains": list(payload),
            "payload": deepcopy(payload),
            "created_at": self.state.now,
        }
        ident = event_id or new_id("evt")[4:]
        raw = json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode()
        fault = self.faults.take({"drop"}, event)
        fate = "dropped" if fault else "sent" if self._url else "nowhere"
        self.state.events.append({"event": event, "id": ident, "at": self.state.now, "fate": fate})
        if fate == "sent":
            self._deliver(event, raw, ident, secret or self._secret)
        return ident

    def _deliver(self, event: str, raw: bytes, ident: str, secret: str) -> None:
        wait = 0.0
        if late := self.faults.take({"delay"}, event):
            wait += late.ms / 1000
        if spread := self.faults.take({"shuffle"}, event):
            with self._lock:
                wait += self._random.uniform(0, spread.ms / 1000)
        if self.faults.take({"forge"}, event):
            forged = signed(raw, new_id("evt")[4:], _FORGER)
            self._send(self._url, raw, forged, timeout=TIMEOUT, is_once=True)
        again = self.faults.take({"duplicate"}, event)
        for copy in range(1 + (again.copies if again else 0)):
            self._send(self._url, raw, signed(raw, ident, secret), wait=wait + 0.02 * copy, timeout=TIMEOUT)


def signed(raw: bytes, ident: str, secret: str) -> dict[str, str]:
    """Gives Razorpay's headers for these bytes."""
    return {
        "User-Agent": "Razorpay-Webhook/v1",
        "X-Razorpay-Signature": hmac.new(secret.encode(), raw, hashlib.sha256).hexdigest(),
        "x-razorpay-event-id": ident,
    }
