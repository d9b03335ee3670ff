"""Message templates: read from Meta, and written there; admins."""

from __future__ import annotations

from typing import Any

from flask import Response, jsonify, request
from pydantic import Field
from werkzeug.datastructures import FileStorage

from workers.api.asking import Body, Organization, as_admin, bp, person
from workers.errors import Refused
from workers.meta import templates
from workers.meta.graph import Graph
from workers.runtime import current

SAMPLE_LIMIT = 16_000_000
SAMPLE_TYPES = ("image/jpeg", "image/png", "video/mp4", "application/pdf")


class TemplateToWrite(Body):
    """A template: a new one whole, an existing one by its name and language with what changes."""

    account_id: str | None = Field(None, pattern=r"^[0-9a-fA-F-]{36}$")
    template: dict[str, Any]


class TemplateToDelete(Body):
    """A template by its name, in one language or in all."""

    account_id: str | None = Field(None, pattern=r"^[0-9a-fA-F-]{36}$")
    name: str = Field(max_length=512)
    language: str | None = Field(None, max_length=20)


def _graph() -> Graph:
    runtime = current()
    return Graph(runtime.http, runtime.settings)


@bp.post("/templates/sync")
def sync_templates() -> Response:
    """Read the organization's templates from Meta."""
    organization = as_admin(Organization)
    return jsonify(templates.sync_templates(current().database, _graph(), organization.org_id))


@bp.post("/templates/create")
def create_template() -> Response:
    """Submit a new template to Meta's review."""
    return _write("create")


@bp.post("/templates/edit")
def edit_template() -> Response:
    """Change a template's words; Meta reviews it again."""
    return _write("edit")


def _write(action: templates.Action) -> Response:
    asked = as_admin(TemplateToWrite)
    done = templates.write(
        current().database, _graph(), action, asked.org_id, asked.template, asked.account_id
    )
    return jsonify(done)


@bp.post("/templates/delete")
def delete_template() -> Response:
    """Delete a template at Meta, in one language or in all."""
    asked = as_admin(TemplateToDelete)
    draft = {"name": asked.name} | ({"language": asked.language} if asked.language else {})
    return jsonify(
        templates.write(current().database, _graph(), "delete", asked.org_id, draft, asked.account_id)
    )


@bp.post("/templates/sample")
def upload_sample() -> Response:
    """Upload the sample of a header with a file (multipart: org_id, file); gives {handle}."""
    asking = person()
    request.max_content_length = SAMPLE_LIMIT + 10_000
    org_id, file = request.form.get("org_id", ""), request.files.get("file")
    if not isinstance(file, FileStorage):
        raise Refused(422, "file: give the sample as multipart form data.", "body_invalid")
    asking.rpc("require_role", org_id=org_id, min_role="admin")
    if file.mimetype not in SAMPLE_TYPES:
        raise Refused(422, f"A sample is one of {', '.join(SAMPLE_TYPES)}.", "sample_type")
    content = file.read()
    if not 0 < len(content) <= SAMPLE_LIMIT:
        raise Refused(422, "A sample has 1 byte to 16 MB.", "sample_size")
    runtime = current()
    return jsonify(
        templates.upload_sample(runtime.database, _graph(), runtime.settings, org_id, content, file.mimetype)
    )
