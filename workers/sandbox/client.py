"""A client of the control API, for the demo and for tests."""

from base64 import b64encode
from time import monotonic, sleep
from types import TracebackType
from typing import Self

import httpx
from pydantic import BaseModel

from workers.sandbox.models import JsonObject


class SandboxRefusedError(RuntimeError):
    """The control API refused; its sentence is the message."""


class Status(BaseModel):
    """One status of a send, and when it happened."""

    status: str
    at: float
    code: int | None = None


class Send(BaseModel):
    """One send that the sandbox's Meta accepted."""

    order: int
    wamid: str
    phone_number_id: str
    to: str
    type: str
    template: str | None
    text: str | None
    callback: str | None
    accepted_at: float
    body: JsonObject
    statuses: list[Status]

    @property
    def reached(self) -> set[str]:
        """Gives the names of the statuses so far."""
        return {status.status for status in self.statuses}


class Counters(BaseModel):
    """What happened so far: calls, refusals by code, sends that carry a callback already seen."""

    calls: dict[str, int]
    accepted: int
    rejected: dict[str, int]
    duplicates: int
    duplicate_callbacks: list[str]
    reads: int
    webhooks: JsonObject


class SandboxControl:
    """Talks to `/_sandbox/…` of one sandbox."""

    def __init__(self, url: str, timeout: float = 10.0) -> None:
        self.url = url.rstrip("/")
        self._http = httpx.Client(base_url=f"{self.url}/_sandbox", timeout=timeout, trust_env=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connections."""
        self._http.close()

    def _call(self, method: str, path: str, body: object = None, **query: object) -> JsonObject:
        asked = {name: str(value) for name, value in query.items() if value is not None}
        answer = self._http.request(method, path, json=body, params=asked)
        if answer.status_code != 200:
            try:
                message = str(answer.json()["error"]["message"])
            except (ValueError, KeyError, TypeError):
                message = f"The sandbox answered HTTP {answer.status_code}."
            raise SandboxRefusedError(message)
        given: JsonObject = answer.json()
        return given

    def is_there(self) -> bool:
        """Says whether a sandbox answers at the address."""
        try:
            return self._call("GET", "/").get("ready") is True
        except (httpx.HTTPError, SandboxRefusedError, ValueError):
            return False

    def reset(self, nonce: str | None = None) -> None:
        """Forgets everything; a nonce makes the message ids to come foretellable."""
        self._call("POST", "/reset", {"nonce": nonce} if nonce else {})

    # Meta

    def put_account(self, account: JsonObject) -> JsonObject:
        """Adds or updates an account; see `models.Account` for its keys."""
        return self._call("POST", "/meta/accounts", account)

    def accounts(self) -> list[JsonObject]:
        """Lists the accounts."""
        return list(self._call("GET", "/meta/accounts")["accounts"])

    def sends(
        self, *, after: int = 0, since: float = 0.0, to: str | None = None, callback: str | None = None
    ) -> list[Send]:
        """Lists accepted sends: those after a position (how many are known already) or an instant."""
        found = self._call("GET", "/meta/sends", after=after, since=since, to=to, callback=callback)
        return [Send.model_validate(send) for send in found["sends"]]

    def signals(self) -> list[JsonObject]:
        """Lists the read receipts, typing indicators and reactions that came."""
        return list(self._call("GET", "/meta/signals")["signals"])

    def counters(self) -> Counters:
        """Gives the counters."""
        return Counters.model_validate(self._call("GET", "/meta/counters"))

    def webhooks_waiting(self) -> int:
        """Counts the webhooks that are due later, waiting or on their way."""
        state = self.counters().webhooks
        return int(state["pending"]) + int(state["in_flight"])

    def wait_until_idle(self, seconds: float = 10.0) -> bool:
        """Waits until no webhook is left; False when some are."""
        until = monotonic() + seconds
        while self.webhooks_waiting():
            if monotonic() > until:
                return False
            sleep(0.02)
        return True

    def inbound(
        self,
        phone_number_id: str,
        sender: str,
        *,
        text: str | None = None,
        message: JsonObject | None = None,
        name: str = "Sandbox Customer",
        timestamp: int | None = None,
        hide_phone: bool = False,
    ) -> str:
        """Lets a customer write; gives the message's id."""
        body: JsonObject = {"phone_number_id": phone_number_id, "from": sender, "name": name}
        body |= {"text": text, "message": message, "timestamp": timestamp, "hide_phone": hide_phone}
        return str(self._call("POST", "/meta/inbound", body)["wamid"])

    def keep_media(
        self, phone_number_id: str, content: bytes = b"", mime_type: str = "image/jpeg", **tricks: object
    ) -> JsonObject:
        """Puts a file at Meta, with a trick of its host (`models.MediaFile`); gives its webhook part."""
        file = {"phone_number_id": phone_number_id, "mime_type": mime_type, **tricks}
        return self._call("POST", "/meta/media", file | {"content": b64encode(content).decode()})

    def inbound_media(
        self,
        phone_number_id: str,
        sender: str,
        kind: str,
        content: bytes,
        mime_type: str = "image/jpeg",
        *,
        more: JsonObject | None = None,
        **tricks: object,
    ) -> str:
        """Lets a customer send a file (`more`: caption, filename, …); gives the message's id."""
        file = self.keep_media(phone_number_id, content, mime_type, **tricks)
        return self.inbound(phone_number_id, sender, message={"type": kind, kind: {**file, **(more or {})}})

    def media(self) -> list[JsonObject]:
        """Lists the files that Meta has, and how often each was asked for."""
        return list(self._call("GET", "/meta/media")["media"])

    def webhook(self, waba_id: str, field: str, value: JsonObject) -> None:
        """Sends any change, signed, as it is."""
        self._call("POST", "/meta/webhook", {"waba_id": waba_id, "field": field, "value": value})

    def verify_webhook(self) -> bool:
        """Lets Meta ask the webhook address to prove itself."""
        return self._call("POST", "/meta/verify", {})["verified"] is True

    def behave(
        self, *, phone_number_id: str | None = None, customer: str | None = None, **change: object
    ) -> JsonObject:
        """Changes how customers behave; see `models.BehaviourChange` for what can change."""
        scope = {"phone_number_id": phone_number_id, "customer": customer}
        return self._call("POST", "/meta/behaviour", {**scope, **change})

    def review_template(self, waba_id: str, name: str, status: str = "APPROVED", **more: str) -> JsonObject:
        """Ends a template's review, and tells the webhook."""
        return self._call(
            "POST", "/meta/templates", {"waba_id": waba_id, "name": name, "status": status, **more}
        )

    def reviews(self, **change: object) -> JsonObject:
        """Changes how reviews of templates end by themselves; see `models.Review`."""
        return self._call("POST", "/meta/review", change)

    def signup_code(self, *waba_ids: str, user_id: str | None = None, **more: object) -> str:
        """Ends an Embedded Signup; gives the code, good once and for 30 seconds. See `models.CodeRequest`."""
        given = {"waba_ids": list(waba_ids), "user_id": user_id, **more}
        return str(self._call("POST", "/meta/code", given)["code"])

    def change(self, name: str, **properties: object) -> JsonObject:
        """Changes properties of an account, a number or a token; see `models` for their names."""
        return self._call("POST", "/meta/change", {"id": name, "properties": properties})

    def change_analytics(self, waba_id: str, **change: object) -> JsonObject:
        """Makes Meta's pricing analytics differ; see `models.AnalyticsChange`, `add_cost` is text."""
        return self._call("POST", "/meta/analytics", {"waba_id": waba_id, **change})

    def managed(self, ending: str = "") -> list[JsonObject]:
        """Lists the management calls that came, those whose `METHOD path` ends so."""
        calls = self._call("GET", "/meta/managed")["managed"]
        return [call for call in calls if f"{call['method']} {call['path']}".endswith(ending)]

    def fault(self, kind: str, **more: object) -> int:
        """Orders a fault of Meta's; see `models.MetaFault`."""
        return int(self._call("POST", "/meta/faults", {"kind": kind, **more})["id"])

    def clear_faults(self) -> None:
        """Ends all faults, Meta's, IndiaMART's and Razorpay's."""
        self._call("DELETE", "/meta/faults")
        self._call("DELETE", "/indiamart/faults")
        self._call("DELETE", "/razorpay/faults")

    # IndiaMART

    def put_indiamart_key(self, key: str, **more: object) -> JsonObject:
        """Adds or changes a pull key; see `models.IndiaMartKey`."""
        return self._call("POST", "/indiamart/keys", {"key": key, **more})

    def add_leads(self, key: str, leads: list[JsonObject]) -> list[JsonObject]:
        """Lets these buyers enquire."""
        return list(self._call("POST", "/indiamart/leads", {"key": key, "leads": leads})["leads"])

    def invent_leads(self, key: str, count: int, *, seed: int = 1, **more: object) -> list[JsonObject]:
        """Lets invented buyers enquire; see `models.Leads`."""
        body = {"key": key, "count": count, "seed": seed, **more}
        return list(self._call("POST", "/indiamart/leads", body)["leads"])

    def push_lead(self, url: str, body: JsonObject | list[JsonObject]) -> None:
        """Pushes any body to any loopback address, again until it is answered with 200."""
        self._call("POST", "/indiamart/push", {"url": url, "body": body})

    def indiamart_calls(self, since: float = 0.0) -> list[JsonObject]:
        """Lists the pulls that came."""
        return list(self._call("GET", "/indiamart/calls", since=since)["calls"])

    def indiamart_fault(self, kind: str, **more: object) -> int:
        """Orders a fault of IndiaMART's; see `models.IndiaMartFault`."""
        return int(self._call("POST", "/indiamart/faults", {"kind": kind, **more})["id"])

    # Razorpay

    def razorpay(self) -> JsonObject:
        """Tells all that Razorpay knows: its clock, entities by kind, calls and events."""
        return self._call("GET", "/razorpay")

    def advance_razorpay(self, days: float = 0, seconds: float = 0) -> list[str]:
        """Moves Razorpay's clock on; gives the names of the events of it."""
        told = self._call("POST", "/razorpay/advance", {"days": days, "seconds": seconds})
        return [str(event["event"]) for event in told["events"]]

    def razorpay_charges(self, outcome: str, subscription_id: str = "") -> None:
        """Says how charges end from now on: success or failure."""
        self._call("POST", "/razorpay/charges", {"outcome": outcome, "subscription_id": subscription_id})

    def pay(self, ident: str, outcome: str = "success", method: str = "upi") -> JsonObject:
        """Does what somebody does on the page of a subscription, an order or a payment link."""
        return self._call("POST", "/razorpay/pay", {"id": ident, "outcome": outcome, "method": method})

    def customer_acts(self, subscription_id: str, act: str) -> JsonObject:
        """Lets a customer pause, resume or cancel in their UPI app."""
        return self._call("POST", "/razorpay/customer", {"subscription_id": subscription_id, "act": act})

    def razorpay_event(self, event: str, payload: JsonObject, **more: object) -> str:
        """Sends any event, signed; see `razorpay_models.Event`. Gives its id."""
        given = {"event": event, "payload": payload, **more}
        return str(self._call("POST", "/razorpay/webhook", given)["event_id"])

    def razorpay_fault(self, kind: str, **more: object) -> int:
        """Orders a fault of Razorpay's; see `razorpay_models.RazorpayFault`."""
        return int(self._call("POST", "/razorpay/faults", {"kind": kind, **more})["id"])
