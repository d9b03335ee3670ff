"""What the sandbox's Razorpay knows, in the shapes of its API, and its clock. Callers hold `lock`."""

import calendar
import json
import secrets
import string
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import RLock

from workers.sandbox.models import JsonObject

DAY = 86400
ACCOUNT = "acc_FlowSandbox001"
_LETTERS = string.ascii_letters + string.digits
_KINDS = ("plan", "cust", "sub", "order", "plink", "pay", "inv", "rfnd", "ao")

_KEPT = ("offset", "rows", "behind", "refund_keys", "outcomes")

Emit = Callable[[str, JsonObject], object]


def new_id(kind: str) -> str:
    """Gives an id in Razorpay's form."""
    return f"{kind}_{''.join(secrets.choice(_LETTERS) for _ in range(14))}"


def after(at: int, period: str, interval: int) -> int:
    """Gives the end of a cycle that begins at an instant."""
    began = datetime.fromtimestamp(at, UTC)
    if period in ("daily", "weekly"):
        return int((began + timedelta(days=interval * (7 if period == "weekly" else 1))).timestamp())
    months = interval * {"monthly": 1, "quarterly": 3, "yearly": 12}[period]
    year, month = divmod(began.year * 12 + began.month - 1 + months, 12)
    day = min(began.day, calendar.monthrange(year, month + 1)[1])
    return int(began.replace(year=year, month=month + 1, day=day).timestamp())


class RazorpayState:
    """Everything of one account: entities by id, what is behind each subscription, and the clock."""

    def __init__(self, file: Path | None = None) -> None:
        self.lock = RLock()
        self.file = file
        self._clear()
        if file and file.exists():
            for name, kept in json.loads(file.read_text(encoding="utf-8")).items():
                setattr(self, name, kept)

    def _clear(self) -> None:
        self.offset = 0.0
        self.at: int | None = None
        self.rows: dict[str, dict[str, JsonObject]] = {kind: {} for kind in _KINDS}
        self.behind: dict[str, JsonObject] = {}
        self.refund_keys: dict[str, JsonObject] = {}
        self.outcomes: dict[str, str] = {"": "success"}
        self.calls: list[JsonObject] = []
        self.events: list[JsonObject] = []

    def reset(self) -> None:
        """Forgets everything, and sets the clock right."""
        self._clear()
        self.save()

    def save(self) -> None:
        """Writes what a restart must not lose, if there is a file for it."""
        if not self.file:
            return
        kept = {name: getattr(self, name) for name in _KEPT}
        temporary = self.file.with_suffix(".new")
        temporary.write_text(json.dumps(kept), encoding="utf-8")
        temporary.replace(self.file)

    @property
    def now(self) -> int:
        """The clock: the real one moved on, or the instant at which something falls due just now."""
        return self.at if self.at is not None else int(time.time() + self.offset)

    def meant(self, at: int | None) -> int | None:
        """Gives an instant of a caller whose clock was left behind when this one was moved on."""
        return int(at + self.offset) if at and time.time() < at <= self.now else at

    def put(self, kind: str, entity: str, **fields: object) -> JsonObject:
        """Keeps a new entity, and gives it."""
        row: JsonObject = {"id": new_id(kind), "entity": entity, **fields, "created_at": self.now}
        self.rows[kind][row["id"]] = row
        return row

    def find(self, ident: str) -> JsonObject | None:
        """Gives an entity by its id."""
        return self.rows.get(ident.partition("_")[0], {}).get(ident)

    def listed(self, kind: str, **wanted: object) -> list[JsonObject]:
        """Gives the entities of a kind that have these properties, the newest first."""
        found = [row for row in self.rows[kind].values() if all(row.get(k) == v for k, v in wanted.items())]
        return found[::-1]

    def outcome(self, subscription_id: str) -> str:
        """Says how the next charge of a subscription ends."""
        return self.outcomes.get(subscription_id, self.outcomes[""])

    def pay(
        self, amount: int, method: str, *, fails: str | None = None, status: str = "captured", **more: object
    ) -> JsonObject:
        """Keeps a payment, captured or failed, as Razorpay tells of it."""
        captured = status == "captured" and fails is None
        fee = round(amount * 0.0236) if captured else None
        kind = "card" if method == "international_card" else method
        row: JsonObject = {
            "amount": amount,
            "currency": "INR",
            "status": "failed" if fails else status,
            "order_id": None,
            "invoice_id": None,
            "international": method == "international_card",
            "method": kind,
            "amount_refunded": 0,
            "refund_status": None,
            "captured": ("1" if kind == "card" else True) if captured else False,  # so the published samples
            "description": None,
            "card_id": new_id("card") if kind == "card" else None,
            "bank": "HDFC" if kind == "emandate" else None,
            "wallet": None,
            "vpa": "asha@sandboxbank" if kind == "upi" else None,
            "email": "asha@example.com",
            "contact": "+919000000011",
            "customer_id": None,
            "notes": [],
            "fee": fee,
            "tax": round(fee * 18 / 118) if fee is not None else None,
            "error_code": "BAD_REQUEST_ERROR" if fails else None,
            "error_description": fails,
            "error_source": "customer" if fails else None,
            "error_step": "payment_authorization" if fails else None,
            "error_reason": "payment_failed" if fails else None,
            "acquirer_data": {},
        }
        if kind == "card":  # as the real one: a part of the card, which nobody may keep
            row["card"] = {"id": row["card_id"], "entity": "card", "last4": "4366", "network": "Visa"}
        return self.put("pay", "payment", **(row | more))


def collection(rows: Iterable[JsonObject]) -> JsonObject:
    """Gives a list as the API answers with it."""
    items = list(rows)
    return {"entity": "collection", "count": len(items), "items": items}


def wrapped(**entities: JsonObject | None) -> JsonObject:
    """Gives the payload of an event."""
    return {name: {"entity": entity} for name, entity in entities.items() if entity is not None}
