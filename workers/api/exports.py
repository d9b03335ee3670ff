"""Exports: an address for one download, made anew at each click."""

from __future__ import annotations

from uuid import UUID

from flask import Response, jsonify
from pydantic import Field

from workers.api.asking import Body, body_as, bp, person
from workers.rights.exporting import BUCKET
from workers.runtime import current
from workers.storage import Bucket

LINK_SECONDS = 600


class Part(Body):
    """Which part of the archive."""

    part: int = Field(0, ge=0, le=10_000)


@bp.post("/exports/<uuid:export_id>/link")
def export_link(export_id: UUID) -> Response:
    """Give {url, name, seconds} for one part of an export; owners who have just signed in. Each is audited.

    The address opens the file for ten minutes to whoever has it: it goes to the person, and into no log.
    """
    asking, asked = person(), body_as(Part)
    found = asking.rpc("open_export", org_id=asked.org_id, export_id=str(export_id), part=asked.part)
    runtime = current()
    url = Bucket(runtime.http, runtime.settings, BUCKET).link(found["path"], LINK_SECONDS, found["name"])
    return jsonify({"url": url, "name": found["name"], "seconds": LINK_SECONDS})
