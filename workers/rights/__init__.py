"""What people have a right to: how the deletion of an organization stands, for whoever knows its id."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Blueprint, Response, jsonify, render_template, request

from workers import public_pages
from workers.errors import Refused
from workers.rights.words import FILES, KEPT, WORDS
from workers.runtime import current

bp = Blueprint("rights", __name__, template_folder="templates")


@bp.get("/deletions/<uuid:deletion_id>")
def deletion(deletion_id: UUID) -> Response:
    """Show a deletion and, once it is done, its certificate: to people as a page, to programs as JSON.

    Needs no session: the id is random, and what is told names nobody. Raises Refused 404 to programs.
    """
    found: dict[str, Any] | None = current().database.rpc(
        "deletion_certificate", deletion_id=str(deletion_id)
    )
    if request.accept_mimetypes.best_match(("text/html", "application/json")) == "application/json":
        if not found:
            raise Refused(404, "There is no deletion with this id.", "deletion_not_found")
        response = jsonify(found)
        response.headers["Vary"] = "Accept"
        return response
    language = public_pages.language(WORDS)
    page = render_template(
        "deletion.html",
        id=deletion_id,
        words=WORDS[language],
        language=language,
        day=public_pages.day,
        moment=public_pages.moment,
        **_shown(found, language),
    )
    response = public_pages.respond(page, 200 if found else 404)
    response.vary.add("Accept")
    return response


def _shown(found: dict[str, Any] | None, language: str) -> dict[str, Any]:
    """Give what the page shows: the deletion or None, and of its certificate the sums and the lists."""
    certificate = (found or {}).get("certificate")
    if not certificate:
        return {"deletion": found, "certificate": None}
    removed = sorted(certificate["removed"].items(), key=lambda one: (-one[1], one[0]))
    rows = [(table, _grouped(many)) for table, many in removed if many and not table.startswith(FILES)]
    files = sum(many for table, many in removed if table.startswith(FILES))
    words = KEPT.get(language, {})
    kept = [
        {
            "table": table,
            "why": words.get(table, why),
            "language": language if table in words else "en",
            "rows": _grouped(certificate["anonymized"].get(table, 0)),
        }
        for table, why in sorted(certificate["kept"].items())
    ]
    sums = {
        "rows": _grouped(sum(many for table, many in removed) - files),
        "tables": _grouped(len(rows)),
        "files": _grouped(files),
    }
    return {"deletion": found, "certificate": certificate, "sums": sums, "removed": rows, "kept": kept}


def _grouped(number: int) -> str:
    """Write a number as in India: 12,34,567."""
    head, tail = str(number)[:-3], str(number)[-3:]
    pairs = [head[max(0, end - 2) : end] for end in range(len(head), 0, -2)]
    return ",".join([*reversed(pairs), tail])
