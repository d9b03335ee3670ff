"""What fetching and pushing leave behind: by which way a lead came."""

from typing import Any
from uuid import UUID

from tests.database import Database


def plant_coverage(db: Database, org_id: UUID, ids: dict[str, Any]) -> None:
    """Note the arrival of the planted lead."""
    db.execute(
        """
        insert into private.lead_arrivals (org_id, lead_id, source_id, received_at, pulled_at, pulled_by)
        select org_id, id, %(source)s, received_at, now(), %(run)s from public.leads where org_id = %(org)s and id = %(lead)s
        """,
        {"org": org_id, "lead": ids["lead_id"], "source": ids["source_id"], "run": ids["run_id"]},
    )
