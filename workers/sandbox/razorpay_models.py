"""What the control API of the sandbox's Razorpay takes."""

from typing import Literal

from pydantic import Field

from workers.sandbox.models import JsonObject, Strict

Method = Literal["upi", "card", "international_card", "emandate"]
Outcome = Literal["success", "failure", "abandon"]


class Advance(Strict):
    """How far the clock moves on; what falls due on the way happens in its order."""

    days: float = Field(default=0, ge=0, le=4000)
    seconds: float = Field(default=0, ge=0)


class Pay(Strict):
    """What somebody does on a hosted page: of a subscription, an order or a payment link."""

    id: str
    outcome: Outcome = "success"
    method: Method = "upi"


class Charges(Strict):
    """How the charges to come end, of one subscription or of all that are not named."""

    subscription_id: str = ""
    outcome: Literal["success", "failure"]


class CustomerActs(Strict):
    """What a customer does to a mandate in a UPI app."""

    subscription_id: str
    act: Literal["pause", "resume", "cancel"]


class Event(Strict):
    """Any event, sent as it is, signed; `secret` signs with another one."""

    event: str
    payload: JsonObject = Field(default_factory=dict)
    account_id: str | None = None
    event_id: str | None = None
    secret: str | None = None


RazorpayFaultKind = Literal[
    "rate_limited",
    "error_500",
    "html_502",
    "dropped",
    "lost_answer",
    "duplicate",
    "delay",
    "shuffle",
    "forge",
    "drop",
]


class RazorpayFault(Strict):
    """One thing that goes wrong, with calls (`key`: "POST subscriptions") or webhooks (`key`: the event).

    A call: refused with 429, 500 or a page with 502; `dropped` before it was done, or its answer lost after
    it was (`ms` later). A webhook: `copies` more, `ms` late, up to `ms` late at random, forged as well, lost.
    """

    kind: RazorpayFaultKind
    key: str | None = None
    count: int | None = Field(default=None, ge=1)
    probability: float | None = Field(default=None, gt=0, le=1)
    seed: int = 0
    ms: int = Field(default=0, ge=0)
    copies: int = Field(default=1, ge=1, le=10)
    id: int = 0
