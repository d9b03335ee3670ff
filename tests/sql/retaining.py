"""The clock of what is kept: rows are set back, and a class is cleared out to its end."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from tests.database import Database


def retain(db: Database, *classes: str, batch: int = 5000) -> int:
    """Run each class to its end, due or not, as cron does batch by batch; how many rows went."""
    rows = 0
    for name in classes:
        for _ in range(500):
            step: dict[str, Any] = db.value("select private.retain(%s, %s)", batch, name)
            assert "error" not in step, error_of(db, name)
            rows += step.get("rows") or 0
            if step["is_done"]:
                break
        else:
            raise AssertionError(f"{name} does not end: {step}")
    return rows


def error_of(db: Database, name: str) -> str:
    """Why the last run of a class failed."""
    found: str = db.value(
        "select error from private.retention_runs where class = %s and org_id is null order by id desc limit 1",
        name,
    )
    return found


def keep(db: Database, org_id: UUID, name: str, months: int | None) -> None:
    """Set how long an organization keeps a class, as its owner would."""
    db.execute(
        "insert into private.retention_settings (org_id, class, months) values (%s, %s, %s)",
        [org_id, name, months],
    )


def hold(db: Database, org_id: UUID, contact_id: UUID | None = None) -> UUID:
    """Hold everything of an organization, or a contact of it; the hold."""
    found: UUID = db.value("select private.add_hold(%s, 'A dispute', %s, false)", org_id, contact_id)
    return found
