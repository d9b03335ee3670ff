"""A request to erase somebody, taken back."""

from typing import Any
from uuid import UUID

from tests.database import Database


def plant_erasure(db: Database, org_id: UUID, ids: dict[str, Any]) -> dict[str, Any]:
    """Put a request there that nothing is done for any more; its id."""
    erasure = db.value(
        """
        insert into private.erasures (org_id, contact_id, requested_at, erase_at, status, cancelled_at)
        values (%s, %s, now() - interval '2 days', now() - interval '1 day', 'cancelled', now() - interval '2 days') returning id
        """,
        org_id, ids["contact_id"],
    )  # fmt: skip
    return {"erasure_id": erasure}
