"""The life of subscriptions in the sandbox: mandates, charges, retries, halts, ends; by a clock that moves.

Behind each subscription stands what its entity does not tell: the method of the mandate, what is due when,
whether it ends with its cycle, who paused it, the retries of the open charge, the add-ons that wait.
"""

from workers.sandbox.models import JsonObject
from workers.sandbox.razorpay_state import DAY, Emit, RazorpayState, after, wrapped

FINAL = ("cancelled", "completed", "expired")
RETRIES = 3
FRICTIONLESS = 1_500_000
"""Paise that an Indian card or UPI mandate is debited without asking the customer."""
_DECLINED = "Your payment could not be completed due to insufficient account balance."
_ABOVE = "Your payment could not be completed as the amount is above what is debited without authentication."
_MANDATE_CHECK = {"card": 500, "international_card": 500, "upi": 100, "emandate": 0}


class Cycle:
    """Moves the subscriptions of one state; what happens is told to `emit`."""

    def __init__(self, state: RazorpayState, emit: Emit) -> None:
        self.state, self.emit = state, emit

    # What is due

    def advance(self, seconds: float) -> None:
        """Moves the clock on; what falls due happens at its own instant, the earliest first."""
        state, began = self.state, self.state.now
        until = began + int(seconds)
        while True:
            due = [(at, sid) for sid in state.rows["sub"] if (at := self._due(sid)) is not None]
            if not due or min(due)[0] > until:
                break
            at, sid = min(due)
            state.at = max(at, state.at or began)
            self._happen(state.rows["sub"][sid], state.behind[sid])
        state.at = None
        state.offset += seconds
        self._expire_links()

    def _due(self, sid: str) -> int | None:
        sub, behind = self.state.rows["sub"][sid], self.state.behind[sid]
        match sub["status"]:
            case "created":
                times = [at for at in (sub["start_at"], sub["expire_by"]) if at]
                return int(min(times)) if times else None
            case "authenticated":
                return int(sub["start_at"])
            case "active":
                return int(sub["current_end"])
            case "pending":
                return int(min(behind["retry_at"], sub["current_end"]))
            case "halted":
                return int(sub["current_end"])
        return None

    def _happen(self, sub: JsonObject, behind: JsonObject) -> None:
        now = self.state.now
        match sub["status"]:
            case "created":
                sub["status"] = "expired"  # and no webhook tells of it
            case "authenticated":
                self._begin_cycle(sub, behind, int(sub["start_at"]))
            case "pending" if behind["retry_at"] <= now:
                self._charge(sub, behind)
            case _:
                if behind["cancel_at_end"]:
                    self.end(sub, "cancelled")
                elif behind["cycles"] >= sub["total_count"]:
                    self.end(sub, "completed")
                else:
                    self._begin_cycle(sub, behind, int(sub["current_end"]))

    def _expire_links(self) -> None:
        for link in self.state.rows["plink"].values():
            if link["status"] == "created" and link["expire_by"] and link["expire_by"] <= self.state.now:
                link["status"] = "expired"
                self.emit("payment_link.expired", wrapped(payment_link=link))

    # Mandates

    def authenticate(self, sub: JsonObject, method: str, outcome: str) -> None:
        """Takes the customer's mandate: the trial begins, the first cycle, or the charge that was open."""
        behind = self.state.behind[sub["id"]]
        amount = self.amount(sub) + behind["upfront"]
        if outcome == "failure":
            at = {"customer_id": sub["customer_id"], "description": "Recurring Payment via Subscription"}
            payment = self.state.pay(amount, method, fails=_DECLINED, **at)
            self.emit("payment.failed", wrapped(payment=payment))
            return
        behind["method"] = method
        sub["payment_method"] = "card" if method == "international_card" else method
        sub["short_url"] = None
        if sub["status"] in ("pending", "halted"):
            self._charge(sub, behind, is_present=True)
            return
        sub["status"] = "authenticated"
        if sub["start_at"] and sub["start_at"] > self.state.now:
            sub["charge_at"] = sub["start_at"]
            if behind["upfront"]:
                self._invoice(sub, behind, behind["upfront"], self.state.now, sub["start_at"])
                self._take(sub, behind)
            else:
                self._check_mandate(sub, method)
            behind["upfront"] = 0
            self.emit("subscription.authenticated", wrapped(subscription=sub))
            return
        sub["start_at"] = self.state.now
        self.emit("subscription.authenticated", wrapped(subscription=sub))
        self._begin_cycle(sub, behind, self.state.now, is_present=True)

    def _check_mandate(self, sub: JsonObject, method: str) -> None:
        """Debits a few rupees that come back by themselves: they are nobody's income."""
        if amount := _MANDATE_CHECK[method]:
            given = {"customer_id": sub["customer_id"], "description": "Mandate check"}
            payment = self.state.pay(amount, method, status="authorized", **given)
            self.emit("payment.authorized", wrapped(payment=payment))
            payment |= {"status": "refunded", "amount_refunded": amount, "refund_status": "full"}

    # Charges

    def plan(self, sub: JsonObject) -> JsonObject:
        """Gives the plan of a subscription."""
        return self.state.rows["plan"][sub["plan_id"]]

    def amount(self, sub: JsonObject) -> int:
        """Gives what a cycle costs."""
        return int(self.plan(sub)["item"]["amount"]) * int(sub["quantity"])

    def _begin_cycle(self, sub: JsonObject, behind: JsonObject, at: int, *, is_present: bool = False) -> None:
        plan = self.plan(sub)
        if behind["change"]:
            sub |= behind["change"]
            behind["change"] = {}
            sub |= {"has_scheduled_changes": False, "change_scheduled_at": None}
            plan = self.plan(sub)
            self.emit("subscription.updated", wrapped(subscription=sub))
        end = after(at, plan["period"], plan["interval"])
        sub |= {"current_start": at, "current_end": end, "charge_at": end, "auth_attempts": 0}
        sub["remaining_count"] = max(0, sub["total_count"] - behind["cycles"] - 1)
        behind["cycles"] += 1
        self._invoice(sub, behind, self.amount(sub) + behind["upfront"], at, end)
        behind["upfront"] = 0
        if sub["status"] != "halted":  # its invoices go on, and nobody is charged for them
            self._charge(sub, behind, is_present=is_present)

    def _invoice(self, sub: JsonObject, behind: JsonObject, due: int, start: int, end: int) -> None:
        order = self.order(due, receipt=None)
        invoice = self.state.put(
            "inv",
            "invoice",
            type="invoice",
            status="issued",
            subscription_id=sub["id"],
            customer_id=sub["customer_id"],
            order_id=order["id"],
            payment_id=None,
            amount=due,
            amount_paid=0,
            amount_due=due,
            currency="INR",
            billing_start=start,
            billing_end=end,
            issued_at=self.state.now,
            paid_at=None,
            notes=[],
        )
        behind["invoice"] = invoice["id"]

    def _charge(self, sub: JsonObject, behind: JsonObject, *, is_present: bool = False) -> None:
        amount, fails = self.state.rows["inv"][behind["invoice"]]["amount"], None
        if not is_present:
            if self.state.outcome(sub["id"]) == "failure":
                fails = _DECLINED
            elif behind["method"] in ("card", "upi") and amount > FRICTIONLESS:
                fails = _ABOVE
        if fails:
            self._fail(sub, behind, self._pay(sub, behind, fails))
            return
        was = sub["status"]
        sub |= {"status": "active", "auth_attempts": 0, "paid_count": sub["paid_count"] + 1}
        sub["charge_at"] = sub["current_end"]
        payment, invoice = self._take(sub, behind)
        if was != "active":
            self.emit("subscription.activated", wrapped(subscription=sub, payment=payment))
        self.emit("subscription.charged", wrapped(subscription=sub, payment=payment))
        self.emit("invoice.paid", wrapped(payment=payment, invoice=invoice))

    def _take(self, sub: JsonObject, behind: JsonObject) -> tuple[JsonObject, JsonObject]:
        """Lets the open invoice be paid."""
        payment, invoice = self._pay(sub, behind), self.state.rows["inv"][behind["invoice"]]
        self.pay_order(self.state.rows["order"][invoice["order_id"]], payment)
        invoice |= {"status": "paid", "payment_id": payment["id"], "paid_at": self.state.now}
        invoice |= {"amount_paid": invoice["amount"], "amount_due": 0}
        self.emit("payment.captured", wrapped(payment=payment))
        return payment, invoice

    def _pay(self, sub: JsonObject, behind: JsonObject, fails: str | None = None) -> JsonObject:
        invoice = self.state.rows["inv"][behind["invoice"]]
        return self.state.pay(
            invoice["amount"],
            behind["method"],
            fails=fails,
            order_id=invoice["order_id"],
            invoice_id=invoice["id"],
            customer_id=sub["customer_id"],
            description="Recurring Payment via Subscription",
        )

    def _fail(self, sub: JsonObject, behind: JsonObject, payment: JsonObject) -> None:
        sub["auth_attempts"] += 1
        self.emit("payment.failed", wrapped(payment=payment))
        sub["short_url"] = behind["short_url"]
        if sub["auth_attempts"] > RETRIES:
            sub |= {"status": "halted", "charge_at": None}
            self.emit("subscription.halted", wrapped(subscription=sub))
            return
        behind["retry_at"] = self.state.now + DAY
        sub |= {"status": "pending", "charge_at": behind["retry_at"]}
        self.emit("subscription.pending", wrapped(subscription=sub, payment=payment))

    # Orders, links and ends

    def order(self, amount: int, receipt: str | None, **more: object) -> JsonObject:
        """Keeps a new order."""
        money: JsonObject = {"amount": amount, "amount_paid": 0, "amount_due": amount, "currency": "INR"}
        at: JsonObject = {"receipt": receipt, "status": "created", "attempts": 0, "notes": []}
        return self.state.put("order", "order", **(money | at | more))

    def pay_order(self, order: JsonObject, payment: JsonObject) -> None:
        """Marks an order as paid by a payment."""
        order |= {"status": "paid", "amount_paid": order["amount"], "amount_due": 0}
        order["attempts"] += 1
        payment["order_id"] = order["id"]

    def checkout(self, order: JsonObject, method: str, outcome: str, link: JsonObject | None = None) -> None:
        """Lets somebody pay an order, or the one behind a payment link."""
        fails = _DECLINED if outcome == "failure" else None
        told: JsonObject = {
            "description": (link or {}).get("description"),
            "notes": (link or order)["notes"] or [],
        }
        payment = self.state.pay(order["amount"], method, fails=fails, **told | {"order_id": order["id"]})
        if fails:
            order |= {"attempts": order["attempts"] + 1, "status": "attempted"}
            self.emit("payment.failed", wrapped(payment=payment))
            return
        self.pay_order(order, payment)
        self.emit("payment.captured", wrapped(payment=payment))
        self.emit("order.paid", wrapped(payment=payment, order=order))
        if link:
            paid = {"payment_id": payment["id"], "amount": payment["amount"], "status": "captured"}
            link |= {
                "order_id": order["id"],
                "status": "paid",
                "amount_paid": payment["amount"],
                "payments": [paid],
            }
            self.emit("payment_link.paid", wrapped(payment_link=link, order=order, payment=payment))

    def end(self, sub: JsonObject, status: str) -> None:
        """Ends a subscription for good."""
        sub |= {"status": status, "ended_at": self.state.now, "charge_at": None, "short_url": None}
        self.emit(f"subscription.{status}", wrapped(subscription=sub))

    def pause(self, sub: JsonObject, who: str) -> None:
        """Pauses; before the first charge that ends it."""
        if sub["status"] == "authenticated":
            self.end(sub, "cancelled")
            return
        sub |= {"status": "paused", "pause_initiated_by": who, "charge_at": None}
        self.emit("subscription.paused", wrapped(subscription=sub))

    def resume(self, sub: JsonObject) -> None:
        """Resumes: the event says resumed, the status active; what was missed falls due at once."""
        sub |= {"status": "active", "pause_initiated_by": None, "charge_at": sub["current_end"]}
        self.emit("subscription.resumed", wrapped(subscription=sub))
