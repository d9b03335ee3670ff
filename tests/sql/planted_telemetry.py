"""What telemetry notes of an organization: a request, a page, a call to Meta, an error."""

from uuid import UUID

from tests.database import Database


def plant_telemetry(db: Database, org_id: UUID, member_id: UUID) -> None:
    """One row of each."""
    db.execute(
        "insert into private.request_log (org_id, user_id, method, route, status, duration_ms)"
        " values (%s, %s, 'GET', '/planted', 200, 1)",
        [org_id, member_id],
    )
    db.execute(
        "insert into private.page_views (org_id, user_id, route, navigation, visible_ms)"
        " values (%s, %s, '/inbox/:id', 'route', 1)",
        [org_id, member_id],
    )
    db.execute(
        "insert into private.api_calls (org_id, provider, operation) values (%s, 'meta', 'POST messages')",
        [org_id],
    )
    error = "jsonb_build_object('org_id', %s::uuid, 'user_id', %s::uuid, 'type', 'Planted')"
    db.execute(f"select private.note_error({error}, 'server')", [org_id, member_id])
