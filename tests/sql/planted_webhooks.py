"""A webhook endpoint with an event and its delivery."""

from typing import Any
from uuid import UUID

from tests.database import Database


def plant_webhooks(db: Database, org_id: UUID) -> dict[str, Any]:
    """Put something into each table of outgoing webhooks."""
    made = db.value(
        """
        select private.save_endpoint(%s, null, %s::jsonb) ->> 'endpoint_id'
        """,
        org_id,
        f'{{"url": "https://hooks.example.com/{org_id}", "events": ["lead.won"], "description": "Planted {org_id}"}}',
    )
    event = db.value(
        "insert into private.outgoing_events (org_id, type, data) values (%s, 'lead.won', '{}') returning id",
        org_id,
    )
    db.execute(
        "insert into private.outgoing_deliveries (org_id, endpoint_id, event_id) values (%s, %s, %s)",
        [org_id, made, event],
    )
    return {"endpoint_id": UUID(made), "outgoing_id": event}
