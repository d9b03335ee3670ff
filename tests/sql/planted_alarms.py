"""What Flow notes of an organization when something of it is wrong: an alarm that is over."""

from uuid import UUID

from tests.database import Database


def plant_alarms(db: Database, org_id: UUID) -> dict[str, int]:
    """One alarm."""
    made = db.value(
        "insert into private.alarms (rule, subject, org_id, words, opened_at, resolved_at)"
        " values ('credential_refused', %s, %s, 'Planted', now(), now()) returning id",
        f"planted {org_id}", org_id,
    )  # fmt: skip
    return {"alarm_id": made}
