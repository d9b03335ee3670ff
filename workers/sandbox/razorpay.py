"""The sandbox's Razorpay: plans, customers, orders, payment links, payments, refunds, invoices."""

from flask import Blueprint, request

from workers.sandbox.models import JsonObject
from workers.sandbox.razorpay_border import (
    Refusal,
    api,
    check_amount,
    given_body,
    known,
    listing,
    the_account,
)
from workers.sandbox.razorpay_state import collection, new_id, wrapped

bp = Blueprint("razorpay", __name__, url_prefix="/v1")


@bp.post("/plans")
@api
def make_plan() -> JsonObject:
    """Makes a plan; nothing of it ever changes."""
    body = given_body(("period", "interval", "item"), ("notes",))
    if body["period"] not in ("daily", "weekly", "monthly", "quarterly", "yearly"):
        raise Refusal("Not a valid period", field="period")
    if body["period"] == "daily" and body["interval"] < 7:
        raise Refusal("The interval must be at least 7 for daily plans.", field="interval")
    item = body["item"]
    check_amount(int(item.get("amount", 0)))
    state = the_account().state
    made = {"id": new_id("item"), "active": True, "unit_amount": item["amount"], "type": "plan"}
    times = {"interval": body["interval"], "period": body["period"]}
    return state.put("plan", "plan", **times, item=made | item, notes=body["notes"])


@bp.get("/plans/<ident>")
@api
def read_plan(ident: str) -> JsonObject:
    """Gives a plan."""
    return known(ident, "plan")


@bp.get("/plans")
@api
def list_plans() -> JsonObject:
    """Lists plans."""
    return listing("plan")


@bp.post("/customers")
@api
def make_customer() -> JsonObject:
    """Makes a customer; one with the same address and number is refused, or given if that is asked."""
    body = given_body((), ("name", "email", "contact", "fail_existing", "gstin", "notes"))
    state = the_account().state
    who = {"email": body.get("email"), "contact": body.get("contact")}
    if (same := state.listed("cust", **who)) and any(who.values()):
        if str(body.get("fail_existing", "1")) != "0":
            raise Refusal("Customer already exists for the merchant")
        return same[0]
    kept = {"name": body.get("name"), "gstin": body.get("gstin"), "notes": body["notes"]}
    return state.put("cust", "customer", **who, **kept)


@bp.post("/orders")
@api
def make_order() -> JsonObject:
    """Makes an order; receipts may repeat."""
    body = given_body(("amount", "currency"), ("receipt", "notes", "partial_payment"))
    check_amount(body["amount"])
    if len(body.get("receipt") or "") > 40:
        raise Refusal("The receipt may not be greater than 40 characters.", field="receipt")
    return the_account().cycle.order(body["amount"], body.get("receipt"), notes=body["notes"])


@bp.get("/orders")
@api
def list_orders() -> JsonObject:
    """Lists orders, those with a receipt if it is given."""
    return listing("order", receipt=request.args.get("receipt"))


@bp.get("/orders/<ident>")
@api
def read_order(ident: str) -> JsonObject:
    """Gives an order."""
    return known(ident, "order")


@bp.get("/orders/<ident>/payments")
@api
def payments_of_order(ident: str) -> JsonObject:
    """Lists the payments of an order, the failed ones too."""
    known(ident, "order")
    return collection(the_account().state.listed("pay", order_id=ident))


@bp.post("/payment_links")
@api
def make_link() -> JsonObject:
    """Makes a payment link with its page; a reference is used once."""
    optional = (
        "currency", "description", "customer", "notify", "reminder_enable", "notes", "reference_id",
        "callback_url", "callback_method", "expire_by", "accept_partial",
    )  # fmt: skip
    body = given_body(("amount",), optional)
    check_amount(body["amount"])
    account, reference = the_account(), body.get("reference_id") or ""
    if len(reference) > 40:
        raise Refusal("The reference id may not be greater than 40 characters.", field="reference_id")
    if reference and account.state.listed("plink", reference_id=reference):
        raise Refusal(
            f"payment link with given reference_id: ({reference}) already exists. "
            "Please use a different reference_id",
            field="reference_id",
        )
    expires = account.state.meant(body.get("expire_by"))
    if expires and expires < account.state.now + 900:
        raise Refusal("expire_by should be at least 15 minutes after current time", field="expire_by")
    order = account.cycle.order(body["amount"], None, notes=body["notes"])
    link = account.state.put(
        "plink",
        "payment_link",
        amount=body["amount"],
        amount_paid=0,
        currency="INR",
        customer=body.get("customer") or {},
        description=body.get("description") or "",
        expire_by=expires or 0,
        callback_url=body.get("callback_url") or "",
        notes=body["notes"] or None,
        payments=None,
        reference_id=reference,
        status="created",
        cancelled_at=0,
    )
    account.state.behind[link["id"]] = {"order_id": order["id"]}  # told once it is paid
    link["short_url"] = f"{request.host_url}razorpay/pay/{link['id']}"
    return link


@bp.get("/payment_links")
@api
def list_links() -> JsonObject:
    """Lists payment links under a name of their own, by reference or by a payment if that is given."""
    rows = listing("plink", reference_id=request.args.get("reference_id"))["items"]
    if paid := request.args.get("payment_id"):
        rows = [row for row in rows if any(p["payment_id"] == paid for p in row["payments"] or [])]
    return {"payment_links": rows}


@bp.get("/payment_links/<ident>")
@api
def read_link(ident: str) -> JsonObject:
    """Gives a payment link."""
    return known(ident, "plink")


@bp.post("/payment_links/<ident>/cancel")
@api
def cancel_link(ident: str) -> JsonObject:
    """Cancels a payment link that nobody paid."""
    link = known(ident, "plink")
    if link["status"] != "created":
        raise Refusal(f"Payment Link cannot be cancelled as it is already {link['status']}")
    account = the_account()
    link |= {"status": "cancelled", "cancelled_at": account.state.now}
    account.tell("payment_link.cancelled", wrapped(payment_link=link))
    return link


@bp.get("/payments")
@api
def list_payments() -> JsonObject:
    """Lists payments."""
    return listing("pay")


@bp.get("/payments/<ident>")
@api
def read_payment(ident: str) -> JsonObject:
    """Gives a payment."""
    return known(ident, "pay")


@bp.post("/payments/<ident>/refund")
@api
def make_refund(ident: str) -> JsonObject:
    """Gives money back, once a key: the same call again gives the same refund, another one is refused."""
    body = given_body((), ("amount", "speed", "notes", "receipt"))
    payment, account = known(ident, "pay"), the_account()
    key = request.headers.get("X-Refund-Idempotency", "")
    if key and len(key) < 10:
        raise Refusal("The idempotency key must be at least 10 characters.")
    if key and (kept := account.state.refund_keys.get(key)):
        if kept["asked"] != [ident, body]:
            raise Refusal("Different request with the same idempotency key")
        return known(kept["refund_id"], "rfnd")
    left = payment["amount"] - payment["amount_refunded"]
    amount = body.get("amount") or left
    if payment["status"] not in ("captured", "refunded"):
        raise Refusal("The payment status should be captured for action to be taken")
    if left == 0:
        raise Refusal("The payment has been fully refunded already")
    if amount > left:
        raise Refusal("The total refund amount is greater than the refund payment amount", field="amount")
    asked = {"notes": body["notes"], "receipt": body.get("receipt"), "currency": "INR"}
    speed = {"speed_requested": "normal", "speed_processed": "normal"}
    refund = account.state.put(
        "rfnd", "refund", amount=amount, payment_id=ident, status="processed", **asked, **speed
    )
    payment["amount_refunded"] += amount
    is_full = payment["amount_refunded"] == payment["amount"]
    payment |= {"refund_status": "full" if is_full else "partial"}
    payment |= {"status": "refunded"} if is_full else {}
    if key:
        account.state.refund_keys[key] = {"asked": [ident, body], "refund_id": refund["id"]}
    for event in ("refund.created", "refund.processed"):
        account.tell(event, wrapped(refund=refund, payment=payment))
    return refund


@bp.get("/payments/<ident>/refunds")
@api
def refunds_of_payment(ident: str) -> JsonObject:
    """Lists the refunds of a payment."""
    known(ident, "pay")
    return collection(the_account().state.listed("rfnd", payment_id=ident))


@bp.get("/refunds/<ident>")
@api
def read_refund(ident: str) -> JsonObject:
    """Gives a refund."""
    return known(ident, "rfnd")


@bp.get("/invoices")
@api
def list_invoices() -> JsonObject:
    """Lists invoices, of a subscription if it is given."""
    return listing("inv", subscription_id=request.args.get("subscription_id"))


@bp.get("/invoices/<ident>")
@api
def read_invoice(ident: str) -> JsonObject:
    """Gives an invoice."""
    return known(ident, "inv")
