"""A setting, a hold that was lifted, and a run: what keeping data leaves behind."""

from typing import Any
from uuid import UUID

from tests.database import Database


def plant_retention(db: Database, org_id: UUID, member_id: UUID, ids: dict[str, Any]) -> dict[str, Any]:
    """Put something into each table of 979_retention.sql."""
    given = [org_id, member_id]
    db.execute(
        "insert into private.retention_settings (org_id, class, months, set_by) values (%s, 'media', 24, %s)",
        given,
    )
    db.execute(
        "insert into private.retention_runs (org_id, class, mode, finished_at, rows) values (%s, 'media', 'dry', now(), 1)",
        [org_id],
    )
    hold = db.value(
        """
        insert into private.legal_holds (org_id, reason, set_by, lifted_by, lifted_at)
        values (%s, 'Planted dispute', %s, %s, now()) returning id
        """,
        *given, member_id,
    )  # fmt: skip
    db.execute(
        """
        insert into private.legal_holds (org_id, contact_id, reason, set_by, lifted_by, lifted_at)
        values (%s, %s, 'Planted dispute with a person', %s, %s, now())
        """,
        [org_id, ids["contact_id"], member_id, member_id],
    )
    credential = db.value(
        "select credential_id from public.whatsapp_accounts where org_id = %s limit 1", org_id
    )
    return {"hold_id": hold, "credential_id": credential}
