"""An import of leads that is under way, with a row, a batch and a remembered mapping."""

from typing import Any
from uuid import UUID

from tests.database import Database

FINGERPRINT = "f" * 64


def plant_imports(db: Database, org_id: UUID, member_id: UUID, ids: dict[str, Any]) -> dict[str, Any]:
    """Plant an import whose columns wait to be confirmed; nothing of it is due."""
    made = db.value("select worker.begin_import(%s, 'planted.csv', 10, %s)", org_id, "d" * 64)
    given = {"org": org_id, "import": made["import_id"], "member": member_id, "lead": ids["lead_id"]}
    for query in (
        """
        update public.lead_imports set status = 'read', next_at = null, rows_total = 1, created_by = %(member)s,
               reading = jsonb_build_object('fingerprint', repeat('f', 64), 'columns', '[{"name": "Mobile"}]'::jsonb)
         where org_id = %(org)s and id = %(import)s
        """,
        """
        insert into public.import_mappings (org_id, fingerprint, mapping)
        values (%(org)s, repeat('f', 64), '{"columns": {"0": "phone"}}')
        """,
        """
        insert into private.lead_import_batches (org_id, import_id, pass, number, row_from, row_to, counts)
        values (%(org)s, %(import)s, 1, 0, 2, 2, '{}')
        """,
        """
        insert into private.lead_import_rows (org_id, import_id, pass, row, outcome, code)
        values (%(org)s, %(import)s, 1, 2, 'error', 'phone_invalid')
        """,
        """
        insert into private.imported_leads (org_id, lead_id, import_id, row_hash, given)
        values (%(org)s, %(lead)s, %(import)s, 'x', '{}')
        """,
    ):
        db.execute(query, given)
    return {"import_id": made["import_id"]}
