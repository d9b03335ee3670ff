"""What people have a right to: how the deletion of an organization stands, for whoever knows its id."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Blueprint, Response, jsonify, render_template, request

from workers.errors import Refused
from workers.runtime import current

bp = Blueprint("rights", __name__, template_folder="templates")


@bp.get("/deletions/<uuid:deletion_id>")
def deletion(deletion_id: UUID) -> Response:
    """Show a deletion and, once it is done, its certificate: to people as a page, to programs as JSON.

    Needs no session: the id is random, and what is told names nobody. Raises Refused 404.
    """
    found: dict[str, Any] | None = current().database.rpc(
        "deletion_certificate", deletion_id=str(deletion_id)
    )
    if not found:
        raise Refused(404, "There is no deletion with this id.", "deletion_not_found")
    if request.accept_mimetypes.best_match(("text/html", "application/json")) == "application/json":
        return jsonify(found)
    page = Response(render_template("deletion.html", id=deletion_id, **found))
    page.headers["Content-Security-Policy"] = "default-src 'none'; frame-ancestors 'none'"
    return page
