"""An export that failed, with a piece that is left of it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from tests.database import Database


def plant_exports(db: Database, org_id: UUID) -> dict[str, Any]:
    """Put an export and a piece there; gives its id. Its files are gone, so that no job has work with it."""
    export_id = db.value(
        """
        insert into private.organization_exports (org_id, requested_at, status, next_at, finished_at, tidied_at, removed_at, error)
        values (%s, now() - interval '2 days', 'failed', null, now(), now(), now(), 'Planted') returning id
        """,
        org_id,
    )
    db.execute(
        "insert into private.export_pieces (org_id, export_id, number, path, segments) values (%s, %s, 0, 'planted', '[]')",
        [org_id, export_id],
    )
    return {"export_id": export_id}
