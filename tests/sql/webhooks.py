"""Webhook endpoints of businesses, for tests."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

from tests.business import call
from tests.database import Database

URL = "https://hooks.example.com/flow"


class Hook:
    """An endpoint of a business, and what is delivered to it."""

    def __init__(self, db: Database, org_id: UUID, *events: str, url: str = URL) -> None:
        self.db, self.org_id = db, org_id
        made = db.value(
            "select private.save_endpoint(%s, null, %s)",
            org_id,
            json.dumps({"url": url, "events": list(events)}),
        )
        self.id, self.secret = made["endpoint_id"], made["secret"]

    def claim(self, **args: int) -> list[dict[str, Any]]:
        """What a worker would post now to this endpoint."""
        found: list[dict[str, Any]] = call(self.db, "claim_webhooks", **args)["deliveries"]
        return [one for one in found if one["endpoint_id"] == self.id]

    def answer(self, claimed: list[dict[str, Any]], status_: int | None, **more: Any) -> dict[str, Any]:
        """Record the same answer for all of them."""
        results = [
            {key: one[key] for key in ("org_id", "endpoint_id", "event_id", "attempt")}
            | {"status": status_, **more}
            for one in claimed
        ]
        answer: dict[str, Any] = call(self.db, "record_webhooks", results=results)
        return answer

    def told(self) -> list[tuple[str, dict[str, Any]]]:
        """The events that are noted for the organization."""
        return self.db.rows(
            "select type, data from private.outgoing_events where org_id = %s order by id", self.org_id
        )

    def state(self) -> tuple[Any, ...]:
        """How the endpoint stands."""
        return self.db.row("select state, reason from public.webhook_endpoints where id = %s", self.id)

    def deliveries(self) -> list[str]:
        """The states of its deliveries."""
        rows = "select state from private.outgoing_deliveries where endpoint_id = %s order by event_id"
        return [one for (one,) in self.db.rows(rows, self.id)]

    def hasten(self) -> None:
        """Let every wait be over."""
        self.db.execute("update public.webhook_endpoints set retry_at = null where id = %s", [self.id])
        self.db.execute(
            "update private.outgoing_deliveries set next_at = now() where endpoint_id = %s and next_at is not null",
            [self.id],
        )
