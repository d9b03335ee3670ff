"""A broadcast, its recipient, and somebody in a sequence."""

from typing import Any
from uuid import UUID

from tests.database import Database


def plant_outreach(db: Database, org_id: UUID, member_id: UUID, ids: dict[str, Any]) -> dict[str, Any]:
    """Put a draft with a recipient and a sequence with a step and an enrolment there; none of them is ever due."""
    given = {"org": org_id, "member": member_id} | ids

    def add(query: str) -> Any:
        return db.execute(query, given).fetchone()[0]  # type: ignore[index]

    made = {
        "broadcast_id": add(
            """
            insert into public.broadcasts (org_id, name, number_id, template_name, language, mapping, category, created_by)
            values (%(org)s, 'Planted', %(number_id)s, 'welcome', 'en', '{"body": []}', 'MARKETING', %(member)s) returning id
            """
        ),
        "sequence_id": add(
            "insert into public.sequences (org_id, name) values (%(org)s, 'Planted') returning id"
        ),
    }
    given |= made
    db.execute(
        """
        insert into public.broadcast_recipients (org_id, broadcast_id, contact_id, outcome, message_id)
        values (%(org)s, %(broadcast_id)s, %(contact_id)s, 'sent', %(message_id)s)
        """,
        given,
    )
    db.execute(
        """
        insert into public.sequence_steps (org_id, sequence_id, position, wait, template_name, language, mapping, category)
        values (%(org)s, %(sequence_id)s, 1, '1 day', 'welcome', 'en', '{"body": []}', 'MARKETING')
        """,
        given,
    )
    made["enrollment_id"] = add(
        """
        insert into public.sequence_enrollments (org_id, sequence_id, contact_id, lead_id, message_id, due_at)
        values (%(org)s, %(sequence_id)s, %(contact_id)s, %(lead_id)s, %(message_id)s, 'infinity') returning id
        """
    )
    return made
