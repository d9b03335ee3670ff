"""The control API's part for Razorpay; the package's docstring lists it."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify, request

from workers.sandbox.app import json_body, the_sandbox
from workers.sandbox.control_meta import Answer, refused
from workers.sandbox.models import JsonObject
from workers.sandbox.razorpay_models import Advance, Charges, CustomerActs, Event, Pay, RazorpayFault
from workers.sandbox.razorpay_pages import pay
from workers.sandbox.razorpay_state import DAY, RazorpayState

bp = Blueprint("razorpay_control", __name__, url_prefix="/_sandbox/razorpay")

_NAMES = {
    "plan": "plans", "cust": "customers", "sub": "subscriptions", "order": "orders", "pay": "payments",
    "plink": "payment_links", "inv": "invoices", "rfnd": "refunds", "ao": "addons",
}  # fmt: skip
_ALLOWED = {"pause": ("active",), "resume": ("paused",), "cancel": ("active", "authenticated", "paused")}


def _told(state: RazorpayState, **more: object) -> Response:
    return jsonify({"now": state.now, **more})


@bp.get("")
def everything() -> Response:
    """Tells all that Razorpay knows: its clock, entities by kind, calls and events."""
    state = the_sandbox().razorpay.state
    with state.lock:
        rows: JsonObject = {_NAMES[kind]: list(found.values()) for kind, found in state.rows.items()}
        return _told(state, **rows, calls=state.calls, events=state.events)


@bp.post("/advance")
def advance() -> Response:
    """Moves the clock on; tells the events of it."""
    account, given = the_sandbox().razorpay, Advance.model_validate(json_body())
    with account.state.lock:
        before = len(account.state.events)
        account.cycle.advance(given.days * DAY + given.seconds)
        account.state.save()
        return _told(account.state, events=account.state.events[before:])


@bp.post("/charges")
def charges() -> Answer:
    """Says how charges end from now on."""
    state, given = the_sandbox().razorpay.state, Charges.model_validate(json_body())
    with state.lock:
        if given.subscription_id and given.subscription_id not in state.rows["sub"]:
            return refused("There is no such subscription.", "subscription_unknown")
        state.outcomes[given.subscription_id] = given.outcome
        state.save()
        return _told(state, outcomes=state.outcomes)


@bp.post("/pay")
def pay_here() -> Answer:
    """Does what somebody does on a hosted page, also for an order."""
    account, given = the_sandbox().razorpay, Pay.model_validate(json_body())
    with account.state.lock:
        account.cycle.advance(0)
        row = pay(account, given)
        return refused("Nothing is to be paid there.", "not_open") if row is None else jsonify(row)


@bp.post("/customer")
def customer() -> Answer:
    """Lets a customer pause, resume or cancel in their UPI app."""
    account, given = the_sandbox().razorpay, CustomerActs.model_validate(json_body())
    with account.state.lock:
        account.cycle.advance(0)
        sub = account.state.rows["sub"].get(given.subscription_id)
        if sub is None or sub["status"] not in _ALLOWED[given.act]:
            return refused("The customer cannot do that now.", "not_possible")
        if given.act == "pause":
            account.cycle.pause(sub, "customer")
        elif given.act == "resume":
            account.cycle.resume(sub)
        else:
            sub["cancel_initiated_by"] = "customer"
            account.cycle.end(sub, "cancelled")
        account.state.save()
        return jsonify(sub)


@bp.post("/webhook")
def webhook() -> Response:
    """Sends any event as it is, signed as told."""
    account, given = the_sandbox().razorpay, Event.model_validate(json_body())
    with account.state.lock:
        ident = account.tell(
            given.event,
            given.payload,
            account_id=given.account_id,
            event_id=given.event_id,
            secret=given.secret,
        )
        return jsonify({"event_id": ident})


@bp.route("/faults", methods=["GET", "POST", "DELETE"])
def faults() -> Response:
    """Orders a fault, lists the rules in force, or ends them all."""
    rules = the_sandbox().razorpay.faults
    if request.method == "DELETE":
        rules.clear()
    elif request.method == "POST":
        return jsonify(rules.add(RazorpayFault.model_validate(json_body())).model_dump())
    return jsonify({"faults": rules.listing()})
