"""An organization with a WhatsApp number, as workers and Meta see it: calls, webhooks, time."""

from __future__ import annotations

import base64
import itertools
import json
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from psycopg.pq import TransactionStatus

from tests.database import Database

Json = dict[str, Any]
PAYLOADS = Path(__file__).parent / "payloads" / "meta"
WABA, NUMBER = "880100000000001", "770200000000001"  # of the recorded payloads
TEMPLATES = [
    {"id": "1", "name": "hello", "language": "en", "status": "APPROVED", "category": "MARKETING",
     "components": [{"type": "BODY", "text": "Hi {{1}}, about {{2}}"}]},
    {"id": "2", "name": "receipt", "language": "en", "status": "APPROVED", "category": "UTILITY",
     "components": [{"type": "BODY", "text": "Paid."}]},
    {"id": "3", "name": "named", "language": "en", "status": "APPROVED", "category": "UTILITY",
     "parameter_format": "NAMED",
     "components": [{"type": "BODY", "text": "Dear {{who}}, {{what}} is ready"}]},
    {"id": "4", "name": "waiting", "language": "en", "status": "PENDING", "category": "UTILITY",
     "components": [{"type": "BODY", "text": "Soon."}]},
]  # fmt: skip
_numbers = itertools.count(time.time_ns() % 10**12 * 1000)


def call(db: Database, name: str, **args: object) -> Any:
    """Call a function of the schema `worker` as a worker does."""
    given = ", ".join(f"{key} => %({key})s" for key in args)
    values = {
        key: json.dumps(value) if isinstance(value, dict | list) else value for key, value in args.items()
    }
    before = db.value("select current_setting('role')")
    db.as_service()
    try:
        return db.execute(f"select worker.{name}({given})", values).fetchone()[0]  # type: ignore[index]
    finally:
        if db.info.transaction_status != TransactionStatus.INERROR:
            db.execute("select set_config('role', %s, true)", [before])


def post(db: Database, body: bytes | Json) -> Json:
    """Hand a webhook to the database, as the worker does once the signature holds."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    answer: Json = call(db, "ingest_meta", body=base64.b64encode(raw).decode())
    return answer


def webhook(*changes: Json, waba: str = WABA) -> Json:
    """One POST with these changes of one account."""
    return {"object": "whatsapp_business_account", "entry": [{"id": waba, "changes": list(changes)}]}


class Business:
    """One organization, its account and its number."""

    def __init__(
        self, db: Database, org_id: UUID, *, waba: str = "", number: str = "", rate: int = 1000
    ) -> None:
        self.db, self.org_id = db, org_id
        self.waba, self.phone_number_id, self.rate = (
            waba or str(next(_numbers)),
            number or str(next(_numbers)),
            rate,
        )
        self.connect()
        call(db, "store_templates", org_id=org_id, account_id=self.account_id, templates=TEMPLATES)

    def connect(self) -> Json:
        """Connect, or connect again."""
        answer: Json = call(
            self.db, "finish_connect", org_id=self.org_id,
            connection={
                "waba_id": self.waba,
                "account": {"name": "Shop", "currency": "INR", "time_zone": "Asia/Kolkata"},
                "token": "EAAtoken",
                "number": {"phone_number_id": self.phone_number_id, "display_phone": "+91 11400 00001",
                           "verified_name": "Shop", "messages_per_second": self.rate},
            },
        )  # fmt: skip
        self.account_id, self.number_id = answer["account_id"], answer["number_id"]
        return answer

    # What Meta tells -----------------------------------------------------------------------------------

    def change(self, value: Json, field: str = "messages") -> Json:
        """One change about this number."""
        metadata = {"display_phone_number": "911140000001", "phone_number_id": self.phone_number_id}
        return {"field": field, "value": {"messaging_product": "whatsapp", "metadata": metadata, **value}}

    def hear(self, *messages: Json, name: str | None = None) -> Json:
        """Take messages of customers in one POST."""
        people = {(m.get("from"), m.get("from_user_id")) for m in messages}
        contacts = [{"profile": {"name": name}, "wa_id": wa, "user_id": user} for wa, user in people if name]
        return post(
            self.db, webhook(self.change({"contacts": contacts, "messages": list(messages)}), waba=self.waba)
        )

    def told(self, *statuses: Json) -> Json:
        """Take statuses in one POST."""
        return post(self.db, webhook(self.change({"statuses": list(statuses)}), waba=self.waba))

    # What Flow sends -----------------------------------------------------------------------------------

    def send(self, *to: str, **item: object) -> list[int]:
        """Queue the same message for each recipient; a receipt unless told otherwise."""
        item = item or {"template": "receipt", "language": "en"}
        items = [{"to": one, "from": self.phone_number_id, **item} for one in to]
        ids: list[int] = call(self.db, "send_messages", org_id=self.org_id, items=items)["message_ids"]
        return ids

    def claim(self, batch: int = 100, lease_seconds: int = 60) -> Json:
        """Claim what is due; only this organization's messages count for a test."""
        answer: Json = call(
            self.db, "claim_messages", batch=batch, lease_seconds=lease_seconds, uncertain_after_seconds=900
        )
        assert all(UUID(m["org_id"]) == self.org_id for m in answer["messages"]), (
            "somebody left messages behind"
        )
        return answer

    def record(
        self, claim: Json, outcome: str = "accepted", only: Iterable[int] | None = None, **more: object
    ) -> Json:
        """Report one outcome for a claim's messages; accepted ones get the wamid `wamid.<message id>`."""
        ids = [m["message_id"] for m in claim["messages"] if only is None or m["message_id"] in only]
        results = [
            {"org_id": str(self.org_id), "message_id": i, "outcome": outcome,
             **({"wamid": f"wamid.{i}"} if outcome == "accepted" else {}), **more}
            for i in ids
        ]  # fmt: skip
        answer: Json = call(
            self.db, "record_results", lease=claim["lease"], results=results, uncertain_after_seconds=900
        )
        return answer

    def sent(self, to: str = "+919810000011", **item: object) -> int:
        """Send one message all the way to Meta and give its id."""
        (message,) = self.send(to, **item)
        self.record(self.claim())
        assert self.message(message)["status"] == "sent"
        return message

    def let_pass(self, seconds: float) -> None:
        """Let time pass for everything that waits: the clock stands still, so what waits moves."""
        waits = {
            "private.send_lanes": ["next_at", "pair_refilled_at"],
            "private.number_lanes": ["refilled_at", "blocked_until"],
            "public.messages": ["settle_at", "created_at"],
            "public.conversations": ["window_expires_at"],
            "public.whatsapp_numbers": ["paused_until"],
            "public.contacts": ["greeted_at"],
            "public.scheduled_messages": ["send_at", "created_at"],
        }
        for table, columns in waits.items():
            moved = ", ".join(
                f"{column} = {column} - make_interval(secs => %(seconds)s)" for column in columns
            )
            self.db.execute(
                f"update {table} set {moved} where org_id = %(org)s", {"seconds": seconds, "org": self.org_id}
            )

    def now(self) -> int:
        """The database's clock, in whole seconds, as Meta writes it."""
        return int(self.db.value("select floor(extract(epoch from now()))::bigint"))

    # What is stored ------------------------------------------------------------------------------------

    def message(self, of: int | str) -> Json:
        """A message by its id or wamid."""
        key = "id" if isinstance(of, int) else "wamid"
        found: Json = self.db.value(
            f"select to_jsonb(m) from public.messages m where org_id = %s and {key} = %s", self.org_id, of
        )
        return found

    def statuses(self) -> list[str]:
        """The statuses of what was sent, in order."""
        outbound = (
            "select status from public.messages where org_id = %s and direction = 'outbound' order by id"
        )
        return [status for (status,) in self.db.rows(outbound, self.org_id)]

    def table(self, name: str, order: str = "1") -> list[Json]:
        """The organization's rows of a table."""
        rows = f"select to_jsonb(t) from {name} t where org_id = %s order by {order}"
        return [row for (row,) in self.db.rows(rows, self.org_id)]

    def contact(self, wa_id: str) -> Json:
        """The contact that a WhatsApp number leads to."""
        found: Json = self.db.value(
            """
            select to_jsonb(c) from public.contact_identities i
              join public.contacts c on (c.org_id, c.id) = (i.org_id, i.contact_id)
             where i.org_id = %s and i.value = %s
            """,
            self.org_id, wa_id,
        )  # fmt: skip
        return found

    def number(self) -> Json:
        """The number's row."""
        found: Json = self.db.value(
            "select to_jsonb(n) from public.whatsapp_numbers n where id = %s", self.number_id
        )
        return found

    def account(self) -> Json:
        """The account's row."""
        found: Json = self.db.value(
            "select to_jsonb(a) from public.whatsapp_accounts a where id = %s", self.account_id
        )
        return found


def text(
    wamid: str,
    words: str = "Hi",
    at: int = 1795000000,
    sender: str | None = "919810000011",
    user: str | None = None,
) -> Json:
    """A text message of a customer."""
    ids = {k: v for k, v in (("from", sender), ("from_user_id", user)) if v}
    return {**ids, "id": wamid, "timestamp": str(at), "type": "text", "text": {"body": words}}


def status(wamid: str, word: str, at: int = 1795000000, code: int | None = None, **more: object) -> Json:
    """A status of a message that Flow sent."""
    errors = (
        {"errors": [{"code": code, "title": "Refused", "error_data": {"details": "Because."}}]}
        if code is not None
        else {}
    )
    return {
        "id": wamid,
        "status": word,
        "timestamp": str(at),
        "recipient_id": "919810000011",
        **errors,
        **more,
    }


Maker = Callable[..., Business]


def fresh_org(db: Database, name: str = "Sharma Traders") -> UUID:
    """An organization and its owner, made by the operator."""
    owner = uuid4()
    db.execute(
        "insert into auth.users (id, email, raw_user_meta_data) values (%s, %s, '{}')",
        [owner, f"{owner}@example.test"],
    )
    made: UUID = db.value("select private.new_organization(%s, %s)", name, owner)
    return made
