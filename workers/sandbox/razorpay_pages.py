"""The hosted pages of the sandbox's Razorpay: who pays chooses how, and whether it works; no card asked."""

from __future__ import annotations

from typing import get_args

from flask import Blueprint, redirect, render_template_string, request
from werkzeug.wrappers import Response

from workers.sandbox.app import the_sandbox
from workers.sandbox.models import JsonObject
from workers.sandbox.razorpay_events import Account
from workers.sandbox.razorpay_models import Method, Pay

bp = Blueprint("razorpay_pages", __name__)

_METHODS = {"upi": "UPI", "card": "Indian card", "international_card": "Foreign card", "emandate": "eMandate"}
_PAGE = """<!doctype html><html lang="en"><meta charset="utf-8">
<meta name="viewport" content="width=device-width"><title>Sandbox: Razorpay's page</title>
<style>body{font:16px system-ui;margin:24px auto;max-width:420px;padding:0 16px}h1{font-size:20px}
label{display:block;padding:6px 0}button{display:block;width:100%;padding:12px;margin:8px 0;font:inherit}
.sum{font-size:28px;margin:8px 0}.state{color:#555}</style>
<h1>Stand-in for Razorpay's page</h1><p>{{ what }}</p><p class="sum">₹ {{ amount }}</p>
{% if open %}<form method="post">
{% for value, words in methods.items() %}<label><input type="radio" name="method" value="{{ value }}"
{{ "checked" if loop.first }}> {{ words }}</label>{% endfor %}
<button name="outcome" value="success">Pay: success</button>
<button name="outcome" value="failure">Pay: failure</button>
<button name="outcome" value="abandon">Leave without paying</button></form>
{% if said %}<p role="status">{{ said }}</p>{% endif %}
{% else %}<p class="state" role="status">Nothing is to be paid here: {{ status }}.</p>{% endif %}
<p class="state">{{ id }}</p></html>"""

OPEN = ("created", "attempted", "pending", "halted")
_SAID = {"failure": "The payment failed. Try again.", "abandon": "Nothing was paid."}


def pay(account: Account, given: Pay) -> JsonObject | None:
    """Does what somebody chose on a page; gives what it was for, None when there is no such thing open."""
    state = account.state
    row = state.find(given.id)
    if row is None or row["status"] not in OPEN or row["entity"] not in _WHAT:
        return None
    if given.outcome != "abandon":
        if row["entity"] == "subscription":
            account.cycle.authenticate(row, given.method, given.outcome)
        elif row["entity"] == "order":
            account.cycle.checkout(row, given.method, given.outcome)
        else:
            order = state.rows["order"][state.behind[row["id"]]["order_id"]]
            account.cycle.checkout(order, given.method, given.outcome, row)
        state.save()
    return row


_WHAT = {
    "subscription": "A mandate for a subscription",
    "order": "An order",
    "payment_link": "A payment link",
}


@bp.get("/razorpay/pay/<ident>")
def page(ident: str) -> tuple[str, int]:
    """Shows what is to be paid."""
    return _page(ident, "")


@bp.post("/razorpay/pay/<ident>")
def choose(ident: str) -> Response | tuple[str, int]:
    """Takes the choice; a payment link that is paid leads back to whoever made it."""
    account = the_sandbox().razorpay
    given = Pay.model_validate({"id": ident, **request.form.to_dict()})
    with account.state.lock:
        account.cycle.advance(0)
        row = pay(account, given)
        if row is None:
            return _page(ident, "")
        back = row.get("callback_url") if given.outcome == "success" else None
        payments = row.get("payments") or []
    if back and payments:
        query = f"razorpay_payment_id={payments[0]['payment_id']}&razorpay_payment_link_id={row['id']}"
        return redirect(f"{back}{'&' if '?' in back else '?'}{query}&razorpay_payment_link_status=paid")
    return _page(ident, _SAID.get(given.outcome, ""))


def _page(ident: str, said: str) -> tuple[str, int]:
    account = the_sandbox().razorpay
    with account.state.lock:
        account.cycle.advance(0)
        row = account.state.find(ident)
        if row is None or row["entity"] not in _WHAT:
            return "<!doctype html><title>Sandbox</title><p>There is no such page.", 404
        upfront = account.state.behind[ident]["upfront"] if row["entity"] == "subscription" else 0
        amount = row["amount"] if "amount" in row else account.cycle.amount(row) + upfront
        methods = {value: _METHODS[value] for value in get_args(Method)}
        if row["entity"] != "subscription":
            methods = {value: methods[value] for value in ("upi", "card", "international_card")}
        return render_template_string(
            _PAGE,
            what=row.get("description") or _WHAT[row["entity"]],
            amount=f"{amount // 100:,}.{amount % 100:02}",
            open=row["status"] in OPEN,
            status=row["status"],
            methods=methods,
            said=said,
            id=ident,
        ), 200
