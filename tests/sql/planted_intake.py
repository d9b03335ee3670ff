"""What the ways in leave behind: a key with its pace and an answer, a form with its counts."""

from typing import Any
from uuid import UUID

from tests.database import Database


def plant_intake(db: Database, org_id: UUID, ids: dict[str, Any]) -> dict[str, Any]:
    """Put something into each table of API keys and enquiry forms."""
    given = {"org": org_id, "text": str(org_id)}

    def add(query: str) -> Any:
        return db.execute(query, given).fetchone()[0]  # type: ignore[index]

    made = {
        "api_key_id": add(
            """
            insert into public.api_keys (org_id, name, hint, key_sha256, scopes)
            values (%(org)s, 'Planted', 'abcd', sha256(convert_to(%(text)s, 'UTF8')), '{leads:read}') returning id
            """
        ),
        "form_source": add(
            "insert into public.lead_sources (org_id, kind, name) values (%(org)s, 'form', 'F') returning id"
        ),
    }
    given |= made
    made["form_id"] = add(
        """
        insert into public.enquiry_forms (org_id, source_id, slug, title, fields)
        values (%(org)s, %(form_source)s, %(text)s, 'Planted', '{"phone": "required"}') returning id
        """
    )
    given |= made
    for query in (
        "insert into private.api_requests (org_id, request_key, body_sha256) values (%(org)s, 'r', '\\x00')",
        "insert into public.enquiry_form_days (org_id, form_id, day) values (%(org)s, %(form_id)s, '2026-10-01')",
        """
        insert into private.form_senders (org_id, form_id, sender_hash, hour)
        values (%(org)s, %(form_id)s, '\\x00', '2026-10-01T00:00Z')
        """,
    ):
        db.execute(query, given)
    made.pop("form_source")
    return made


def plant_sheet(db: Database, org_id: UUID) -> dict[str, Any]:
    """Put a sheet; its id."""
    planted = db.value(
        "insert into public.lead_sources (org_id, kind, name) values (%s, 'sheet', 'S') returning id", org_id
    )
    db.execute(
        """
        insert into public.sheet_sources (org_id, source_id, spreadsheet_id, gid, tab)
        values (%(org)s, %(sheet)s, replace(%(org)s::text, '-', ''), 1, 'T')
        """,
        {"org": org_id, "sheet": planted},
    )
    return {"sheet_id": planted}
