"""A ticket to Flow's support, with an answer and a note that the organization never sees."""

from typing import Any
from uuid import UUID

from tests.database import Database


def plant_support(db: Database, org_id: UUID, member_id: UUID) -> dict[str, Any]:
    """A ticket of the member, who has read it."""
    ticket = db.value(
        "insert into private.tickets (org_id, opened_by, category, subject) values (%s, %s, 'problem', 'Planted') returning id",
        org_id, member_id,
    )  # fmt: skip
    db.execute(
        """
        with said as (
          insert into private.ticket_messages (org_id, ticket_id, side, author, is_internal, body)
          values (%(org)s, %(ticket)s, 'person', %(member)s, false, 'Planted'),
                 (%(org)s, %(ticket)s, 'staff', null, false, 'Planted answer'),
                 (%(org)s, %(ticket)s, 'staff', null, true, 'Planted note') returning id, is_internal),
        moved as (
          update private.tickets set last_id = (select max(id) from said where not is_internal) where id = %(ticket)s)
        insert into private.ticket_reads (org_id, ticket_id, user_id, read_to)
        select %(org)s, %(ticket)s, %(member)s, max(id) from said
        """,
        {"org": org_id, "ticket": ticket, "member": member_id},
    )
    return {"ticket_id": ticket}
