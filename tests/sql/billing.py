"""A seller, plans, a supplier; an organization that subscribes; and what a supplier would tell of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from typing import Any
from uuid import UUID

from tests.database import Database, Person

Json = dict[str, Any]
IDS = count(1)
SELLER = {
    "legal_name": "Flow Software LLP", "gstin": "29AAGCB7383J1Z4", "address": "1 MG Road, Bengaluru", "email": "billing@flow.test",
}  # fmt: skip
PLANS = {
    "gst_percent": "18",
    "plans": [
        {"code": "starter", "name": "Starter", "amount_net": 199900, "features": {"seats": 3, "numbers": 1, "leads_per_month": 2}},
        {"code": "growth", "name": "Growth", "amount_net": 499900, "features": {"seats": 10}},
        {"code": "seat", "name": "Seats", "amount_net": 49900, "per_seat": True, "features": {"seats": 1}},
        {"code": "growth-yearly", "name": "Growth", "period": "yearly", "amount_net": 4999000, "features": {"seats": 10}},
        {"code": "trial", "name": "Trial", "amount_net": 100000, "trial_days": 14},
    ],
}  # fmt: skip


def call(db: Database, function: str, **args: Any) -> Any:
    """One of the workers' functions, by its arguments' names."""
    names = ", ".join(
        f'"{name}" => %({name})s' + ("::jsonb" if isinstance(value, dict) else "")
        for name, value in args.items()
    )
    values = {name: json.dumps(value) if isinstance(value, dict) else value for name, value in args.items()}
    return db.execute(f"select worker.{function}({names})".encode(), values).fetchone()[0]  # type: ignore[index]


def set_up(db: Database, plans: Json = PLANS, seller: Json = SELLER) -> None:
    """What an operator does once."""
    call(db, "set_seller", seller=seller)
    call(db, "set_payment_provider", provider="razorpay", mode="test", account="acc_ours")
    call(db, "import_plans", file=plans)


@dataclass
class Buyer:
    """An organization that can be invoiced, its owner, and the supplier's side of it."""

    db: Database
    org_id: UUID
    owner: Person
    links: dict[str, Json] = field(default_factory=dict)

    def asks(self, function: str, *args: Any) -> Any:
        """What the owner gets from one of the people's functions."""
        self.db.as_person(self.owner)
        marks = ", ".join(["%s"] * (len(args) + 1))
        told = self.db.value(f"select public.{function}({marks})", self.org_id, *args)
        self.db.as_operator()
        return told

    def is_refused(self, function: str, *args: Any) -> str:
        """The slug by which the owner is refused."""
        self.db.as_person(self.owner)
        marks = ", ".join(["%s"] * (len(args) + 1))
        told = self.db.refusal(f"select public.{function}({marks})", self.org_id, *args)
        self.db.as_operator()
        return told.detail

    def bill_to(self, gstin: str | None = None, state: str = "29") -> None:
        self.asks(
            "set_billing_account",
            json.dumps(
                {"legal_name": "Sharma Traders", "gstin": gstin, "state_code": state, "address": "2 Road", "email": "a@b.test"}
            ),
        )  # fmt: skip

    def works(self) -> list[Json]:
        """The job does what is wanted, as a supplier that says yes."""
        intents: list[Json] = call(self.db, "claim_billing_intents")["intents"]
        for intent in intents:
            kind, params, number = intent["kind"], intent["params"], next(IDS)
            result: Json = {}
            if kind == "subscription_create":
                provider_plan = params["plan"]["provider_plan"] or f"plan_{number}"
                call(
                    self.db, "set_plan_provider", plan_id=params["plan"]["id"], provider="razorpay", mode="test", provider_plan=provider_plan
                )  # fmt: skip
                result = {"provider_id": f"sub_{number}", "short_url": f"https://rzp.test/sub_{number}"}
            elif kind == "payment_link":
                result = {"provider_id": f"plink_{number}", "short_url": f"https://rzp.test/{number}", "order_id": f"order_{number}"}  # fmt: skip
                self.links[intent["id"]] = result | {"amount": params["amount"]}
            call(self.db, "finish_billing_intent", id=intent["id"], result=result)
        return intents

    def subscription(self, place: str | None = "current") -> Json:
        """The row in a place, as JSON."""
        rows = self.db.rows(
            "select to_jsonb(s) from public.subscriptions s where org_id = %s and place is not distinct from %s",
            self.org_id, place,
        )  # fmt: skip
        return rows[0][0] if rows else {}

    def now(self) -> datetime:
        told: datetime = self.db.value("select now()")
        return told

    def told(self, status: str, place: str = "current", seen: datetime | None = None, **more: Any) -> Json:
        """Apply what the supplier says of the subscription in a place."""
        row, now = self.subscription(place), self.now()
        entity = {
            "provider_id": row["provider_id"], "status": status, "quantity": row["quantity"], "paid_count": 1 if status == "active" else row["paid_count"],
            "current_start": now - timedelta(days=10), "current_end": now + timedelta(days=20), "fetched_at": seen or now,
        } | more  # fmt: skip
        entity = {k: v.isoformat() if isinstance(v, datetime) else v for k, v in entity.items()}
        answer: Json = call(self.db, "apply_subscription", provider="razorpay", mode="test", entity=entity)
        return answer

    def pays(self, amount: int, *, link: Json | None = None, place: str = "current", name: str | None = None, status: str = "captured",
             currency: str = "INR") -> Json:  # fmt: skip
        """Record a payment, of a link or else of the subscription in a place."""
        entity = {
            "provider_id": name or f"pay_{next(IDS)}",
            "amount": amount,
            "currency": currency,
            "status": status,
            "method": "upi",
        }
        entity |= (
            {"order_id": link["order_id"]}
            if link
            else {"subscription_provider_id": self.subscription(place)["provider_id"]}
        )
        answer: Json = call(self.db, "record_payment", provider="razorpay", mode="test", entity=entity)
        return answer | {"entity": entity}

    def subscribes(self, plan: str = "starter", quantity: int = 1, status: str | None = "active") -> Json:
        """Subscribe, and have the supplier say so."""
        told: Json = self.asks("start_subscription", plan, quantity)
        self.works()
        if status:
            self.told(status)
        return told

    def access(self, days: float = 0) -> tuple[str, str, str | None]:
        """Status, access and banner, so many days from now."""
        told = self.db.value("select private.access(%s, now() + %s)", self.org_id, timedelta(days=days))
        return told["status"], told["access"], told["banner"]

    def invoices(self) -> list[Json]:
        rows = self.db.rows(
            "select to_jsonb(n) from public.invoices n where org_id = %s order by id", self.org_id
        )
        return [row for (row,) in rows]


def a_buyer(
    db: Database, org: Callable[..., UUID], person: Callable[..., Person], *, state: str = "29"
) -> Buyer:
    """An organization with its owner, to be invoiced in a state."""
    owner = person("owner")
    buyer = Buyer(db, org(owner), owner)
    buyer.bill_to(state=state)
    return buyer
