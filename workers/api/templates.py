"""Message templates."""

from __future__ import annotations

from flask import Response, jsonify

from workers.api.asking import Organization, as_admin, bp
from workers.meta import connect
from workers.meta.graph import Graph
from workers.runtime import current


@bp.post("/templates/sync")
def sync_templates() -> Response:
    """Read the organization's templates from Meta; admins."""
    organization = as_admin(Organization)
    runtime = current()
    graph = Graph(runtime.http, runtime.settings)
    return jsonify(connect.sync_templates(runtime.database, graph, organization.org_id))
