"""What several numbers, likely doubles, a merge and an erasure leave behind."""

from typing import Any
from uuid import UUID

from tests.database import Database


def plant_people(db: Database, org_id: UUID, member_id: UUID, ids: dict[str, Any]) -> dict[str, Any]:
    """Put something into each table of contact points, likely duplicates, merges and the suppression list."""
    given = {"org": org_id, "member": member_id, "contact": ids["contact_id"]}

    def add(query: str) -> Any:
        return db.execute(query, given).fetchone()[0]  # type: ignore[index]

    made = {
        "other_id": add("insert into public.contacts (org_id, name) values (%(org)s, 'Planted other') returning id"),
        "survivor_id": ids["contact_id"],
        "merge_id": add(
            """
            insert into public.contact_merges (org_id, survivor_id, merged_id, merged_by, moved)
            values (%(org)s, %(contact)s, gen_random_uuid(), %(member)s, '{}') returning id
            """
        ),
    }  # fmt: skip
    given |= made
    for query in (
        """
        insert into private.contact_merge_changes (org_id, merge_id, tab, key, before)
        values (%(org)s, %(merge_id)s, 'public.contacts', '{}', '{}')
        """,
        "insert into private.duplicate_keys (org_id, contact_id, key) values (%(org)s, %(contact)s, 'm:planted@example.test')",
        # One pair's ids are the lowest and the highest, so that it stays in order whatever id is put in their place.
        """
        with made as (
          insert into public.contacts (org_id, id) select %(org)s, overlay(gen_random_uuid()::text placing p from 1 for 8)::uuid
            from unnest(array['00000000', 'ffffffff']) p returning id
        )
        insert into public.likely_duplicates (org_id, one, other, reasons, score)
        select %(org)s, min(m.id::text)::uuid, max(m.id::text)::uuid, '{same_email}', 60 from made m
        """,
        "select private.suppress_points(%(org)s, gen_random_uuid(), '{email}', '{planted.erased@example.test}')",
    ):
        db.execute(query, given)
    return made
