"""What work on leads leaves behind: a field, a tag on a lead, a view, a change to many with what it overwrote."""

from typing import Any
from uuid import UUID

from tests.database import Database


def plant_work(db: Database, org_id: UUID, member_id: UUID, ids: dict[str, Any]) -> dict[str, Any]:
    """Put something into each table of pipelines, fields, views and bulk actions; the rest came with the organization."""
    given = {"org": org_id, "member": member_id, "lead": ids["lead_id"]}

    def add(query: str) -> Any:
        return db.execute(query, given).fetchone()[0]  # type: ignore[index]

    made = {
        "pipeline_id": add("select id from public.pipelines where org_id = %(org)s"),
        "move_to_stage_id": add("select id from public.pipeline_stages where org_id = %(org)s order by position limit 1"),
        "reason_id": add("select id from public.close_reasons where org_id = %(org)s and kind = 'lost' order by name limit 1"),
        "tag_id": add("insert into public.tags (org_id, name) values (%(org)s, 'Planted') returning id"),
        "view_id": add(
            """
            insert into public.saved_views (org_id, owner_id, name, filter, is_shared)
            values (%(org)s, %(member)s, 'Planted', '{}', true) returning id
            """
        ),
        "undo_token": add(
            """
            insert into public.bulk_actions (org_id, actor, action, details, leads)
            values (%(org)s, %(member)s, 'assign', '{}', 1) returning id
            """
        ),
    }  # fmt: skip
    given |= made
    for query in (
        "insert into public.lead_fields (org_id, key, label, kind, position) values (%(org)s, 'planted', 'Planted', 'text', 1)",
        "insert into public.lead_tags (org_id, lead_id, tag_id) values (%(org)s, %(lead)s, %(tag_id)s)",
        """
        insert into private.bulk_items (org_id, bulk_id, lead_id, version, before)
        values (%(org)s, %(undo_token)s, %(lead)s, 99, '{}')
        """,
        "update public.leads set closed_reason = %(reason_id)s where org_id = %(org)s and id = %(lead)s",
    ):
        db.execute(query, given)
    return made
