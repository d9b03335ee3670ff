"""Google Sheets: connected by their link."""

from __future__ import annotations

from flask import Response, jsonify
from pydantic import Field

from workers.api.asking import Body, Organization, body_as, bp, person
from workers.errors import Refused
from workers.runtime import current
from workers.sheets import connecting


class SheetToConnect(Body):
    """A sheet by its link, as the browser's address bar shows it."""

    link: str = Field(min_length=1, max_length=2000)


@bp.post("/sheets/connect")
def connect_sheet() -> Response:
    """Begin to read a sheet that the person owns, or shared with Flow's address; admins."""
    asking, sheet, runtime = person(), body_as(SheetToConnect), current()
    who = asking.rpc("begin_sheet", org_id=sheet.org_id)
    made = connecting.connect(
        runtime.database, runtime.http, runtime.settings, sheet.org_id, sheet.link, person=who
    )
    return jsonify(made)


@bp.post("/sheets/address")
def sheets_address() -> Response:
    """Give the address with which people share their sheets; members."""
    asking, organization = person(), body_as(Organization)
    asking.rpc("require_role", org_id=organization.org_id, min_role="agent")
    address = current().settings.google_service_account_email
    if not address:
        raise Refused(409, "Google Sheets are not set up on this installation.", "sheets_not_set_up")
    return jsonify(address=address)
