"""The sandbox's Razorpay: subscriptions, with what the method of the mandate refuses."""

from flask import Blueprint, request

from workers.sandbox.models import JsonObject
from workers.sandbox.razorpay_border import Refusal, api, given_body, known, listing, the_account
from workers.sandbox.razorpay_cycle import FINAL
from workers.sandbox.razorpay_state import wrapped

bp = Blueprint("razorpay_mandates", __name__, url_prefix="/v1/subscriptions")

_UPDATE_REFUSED = {
    "upi": "subscriptions cannot be updated when payment mode is UPI",
    "emandate": "subscriptions cannot be updated when payment mode is emandate",
    "card": "Subscription cannot be updated: only the offer can be changed for domestic cards",
}
_ADDON_REFUSED = {
    "upi": "Add-ons cannot be created when payment mode is UPI",
    "emandate": "Add-ons cannot be created when payment mode is emandate",
    "card": "Add-ons cannot be created for subscriptions on domestic cards",
}


@bp.post("")
@api
def make() -> JsonObject:
    """Makes a subscription with its page. There is no idempotency: twice makes two."""
    optional = (
        "quantity", "start_at", "expire_by", "customer_notify", "addons", "notes", "customer_id", "offer_id",
    )  # fmt: skip
    body = given_body(("plan_id", "total_count"), optional)
    state = the_account().state
    known(body["plan_id"], "plan")
    if body["total_count"] < 1:
        raise Refusal("The total count must be at least 1.", field="total_count")
    for name in ("start_at", "expire_by"):
        body[name] = state.meant(body.get(name))
        if body[name] and body[name] <= state.now:
            raise Refusal(f"{name} cannot be lesser than the current time.", field=name)
    sub = state.put(
        "sub",
        "subscription",
        plan_id=body["plan_id"],
        customer_id=body.get("customer_id"),
        status="created",
        current_start=None,
        current_end=None,
        ended_at=None,
        quantity=body.get("quantity") or 1,
        notes=body["notes"],
        charge_at=body.get("start_at"),
        start_at=body.get("start_at"),
        end_at=None,
        auth_attempts=0,
        total_count=body["total_count"],
        paid_count=0,
        remaining_count=body["total_count"],
        customer_notify=bool(body.get("customer_notify", True)),
        expire_by=body.get("expire_by"),
        has_scheduled_changes=False,
        change_scheduled_at=None,
        source="api",
        offer_id=None,
        payment_method=None,
        pause_initiated_by=None,
        cancel_initiated_by=None,
    )
    sub["short_url"] = f"{request.host_url}razorpay/pay/{sub['id']}"
    upfront = sum(a["item"]["amount"] * a.get("quantity", 1) for a in body.get("addons") or [])
    state.behind[sub["id"]] = {
        "method": None, "upfront": upfront, "cycles": 0, "cancel_at_end": False, "retry_at": 0,
        "invoice": None, "change": {}, "short_url": sub["short_url"],
    }  # fmt: skip
    return sub


@bp.get("")
@api
def list_all() -> JsonObject:
    """Lists subscriptions, of a plan if it is given; notes are not searched."""
    return listing("sub", plan_id=request.args.get("plan_id"))


@bp.get("/<ident>")
@api
def read(ident: str) -> JsonObject:
    """Gives a subscription."""
    return known(ident, "sub")


@bp.patch("/<ident>")
@api
def update(ident: str) -> JsonObject:
    """Changes plan or quantity, if the mandate allows it: an international card's does."""
    optional = ("plan_id", "quantity", "schedule_change_at", "customer_notify", "offer_id", "total_count")
    body, sub = given_body((), (*optional, "notes")), known(ident, "sub")
    account, behind = the_account(), the_account().state.behind[ident]
    if sub["status"] not in ("authenticated", "active"):
        raise Refusal(f"Subscription cannot be updated in {sub['status']} status.")
    wanted: JsonObject = {k: body[k] for k in ("plan_id", "quantity", "total_count") if k in body}
    if wanted and (said := _UPDATE_REFUSED.get(behind["method"])):
        raise Refusal(said)
    if "plan_id" in wanted:
        known(wanted["plan_id"], "plan")
    if body.get("schedule_change_at") == "cycle_end":
        behind["change"] = wanted
        sub |= {"has_scheduled_changes": True, "change_scheduled_at": sub["current_end"]}
        return sub
    sub |= wanted
    account.tell("subscription.updated", wrapped(subscription=sub))
    return sub


@bp.post("/<ident>/cancel")
@api
def cancel(ident: str) -> JsonObject:
    """Ends a subscription now, or with its cycle when there is one."""
    body, sub = given_body((), ("cancel_at_cycle_end", "notes")), known(ident, "sub")
    if sub["status"] in FINAL:
        raise Refusal(f"Subscription is not cancellable in {sub['status']} status.")
    if body.get("cancel_at_cycle_end") in (True, 1, "1"):
        if sub["status"] in ("created", "authenticated"):
            raise Refusal("Subscription cannot be cancelled since no billing cycle is going on")
        the_account().state.behind[ident]["cancel_at_end"] = True
        return sub
    sub["cancel_initiated_by"] = "self"
    the_account().cycle.end(sub, "cancelled")
    return sub


@bp.post("/<ident>/pause")
@api
def pause(ident: str) -> JsonObject:
    """Pauses; what is only authenticated is cancelled by that."""
    given_body((), ("pause_at", "notes"))
    sub = known(ident, "sub")
    if sub["status"] not in ("active", "authenticated"):
        raise Refusal("Only active subscriptions can be paused.")
    the_account().cycle.pause(sub, "self")
    return sub


@bp.post("/<ident>/resume")
@api
def resume(ident: str) -> JsonObject:
    """Resumes what was paused here; what the customer paused only they can resume."""
    given_body((), ("resume_at", "notes"))
    sub = known(ident, "sub")
    if sub["status"] != "paused":
        raise Refusal("Only paused subscriptions can be resumed.")
    if sub["pause_initiated_by"] == "customer":
        raise Refusal("Subscription paused by the customer can be resumed by the customer only.")
    the_account().cycle.resume(sub)
    return sub


@bp.post("/<ident>/addons")
@api
def add_on(ident: str) -> JsonObject:
    """Adds to the next invoice, if the mandate allows it."""
    body, sub = given_body(("item",), ("quantity", "notes")), known(ident, "sub")
    behind, state = the_account().state.behind[ident], the_account().state
    if sub["status"] != "active":
        raise Refusal(f"Addon cannot be created in {sub['status']} status of the subscription.")
    if said := _ADDON_REFUSED.get(behind["method"]):
        raise Refusal(said)
    quantity = body.get("quantity") or 1
    behind["upfront"] += int(body["item"]["amount"]) * quantity
    made = {"item": body["item"], "quantity": quantity, "subscription_id": ident, "invoice_id": None}
    return state.put("ao", "addon", **made)
