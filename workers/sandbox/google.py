"""Google in small: the service account's token, Drive's word on a file, and the values of a sheet.

Sheets are put with POST /_sandbox/google/sheets: {id, name, owner, sharing_user, is_shared, tabs: [{gid,
title, rows}]}; each put moves the version. GET /_sandbox/google/calls counts what was asked.
"""

from __future__ import annotations

import re
import threading
from collections import Counter
from typing import Any

import jwt
from flask import Blueprint, Response, jsonify, request
from pydantic import BaseModel

bp = Blueprint("google", __name__)

_lock = threading.Lock()
_sheets: dict[str, Spreadsheet] = {}
_calls: Counter[str] = Counter()
_faults: list[Fault] = []
_RANGE = re.compile(r"'(.*)'!A(\d+):GR(\d+)")


class Tab(BaseModel):
    """One tab with its rows."""

    gid: int = 0
    title: str = "Sheet1"
    rows: list[list[str | int | float | bool | None]] = []


class Spreadsheet(BaseModel):
    """A file: whose it is, whether Flow may read it, and its tabs."""

    id: str
    name: str = "Enquiries"
    owner: str = "owner@example.test"
    sharing_user: str | None = None
    is_shared: bool = True
    trashed: bool = False
    version: int = 1
    tabs: list[Tab] = [Tab()]


class Fault(BaseModel):
    """What the next calls are answered with."""

    status: int
    reason: str = ""
    times: int = 1


@bp.post("/_sandbox/google/sheets")
def put_sheet() -> Response:
    """Puts a sheet, or changes one: its version moves."""
    with _lock:
        given = request.get_json()
        old = _sheets.get(given["id"])
        sheet = Spreadsheet.model_validate({**(old.model_dump() if old else {}), **given})
        sheet.version = old.version + 1 if old else 1
        _sheets[sheet.id] = sheet
        return jsonify(sheet.model_dump())


@bp.post("/_sandbox/google/faults")
def put_fault() -> Response:
    """Orders a fault for the next calls of Drive and Sheets."""
    with _lock:
        _faults.append(Fault.model_validate(request.get_json()))
        return jsonify(ok=True)


@bp.get("/_sandbox/google/calls")
def calls() -> Response:
    """Counts the calls for each file, and for tokens."""
    with _lock:
        return jsonify(dict(_calls))


@bp.post("/token")
def token() -> tuple[Response, int]:
    """Gives a token for a signed claim of the service account."""
    with _lock:
        _calls["token"] += 1
    try:
        claims = jwt.decode(request.form["assertion"], options={"verify_signature": False})
    except (jwt.PyJWTError, KeyError):
        return jsonify(error="invalid_grant"), 400
    if not {"iss", "scope", "aud", "exp", "iat"} <= set(claims):
        return jsonify(error="invalid_request"), 400
    return jsonify(access_token=f"ya29.{claims['iss']}", expires_in=3600, token_type="Bearer"), 200  # noqa: S106


@bp.get("/drive/v3/files/<file_id>")
def drive_file(file_id: str) -> tuple[Response, int]:
    """Gives what Drive tells of a file."""
    sheet = _asked(file_id)
    if isinstance(sheet, tuple):
        return sheet
    told: dict[str, Any] = {
        "name": sheet.name,
        "version": str(sheet.version),
        "trashed": sheet.trashed,
        "mimeType": "application/vnd.google-apps.spreadsheet",
        "owners": [{"emailAddress": sheet.owner}],
    }
    if sheet.sharing_user:
        told["sharingUser"] = {"emailAddress": sheet.sharing_user}
    return jsonify(told), 200


@bp.get("/v4/spreadsheets/<file_id>")
def spreadsheet(file_id: str) -> tuple[Response, int]:
    """Gives the tabs of a file."""
    sheet = _asked(file_id)
    if isinstance(sheet, tuple):
        return sheet
    tabs = [{"properties": {"sheetId": tab.gid, "title": tab.title}} for tab in sheet.tabs]
    return jsonify(sheets=tabs), 200


@bp.get("/v4/spreadsheets/<file_id>/values/<path:cells>")
def values(file_id: str, cells: str) -> tuple[Response, int]:
    """Gives a range of one tab; rows and cells at the end that are empty are left out, as Google does."""
    sheet = _asked(file_id)
    if isinstance(sheet, tuple):
        return sheet
    found = _RANGE.fullmatch(cells)
    tab = next((t for t in sheet.tabs if found and t.title == found[1].replace("''", "'")), None)
    if found is None or tab is None:
        return _error(400, "badRequest", f"Unable to parse range: {cells}")
    rows = [list(row) for row in tab.rows[int(found[2]) - 1 : int(found[3])]]
    for row in rows:
        while row and row[-1] in ("", None):
            row.pop()
    while rows and not rows[-1]:
        rows.pop()
    return jsonify(range=cells, majorDimension="ROWS", **({"values": rows} if rows else {})), 200


def _asked(file_id: str) -> Spreadsheet | tuple[Response, int]:
    if not request.headers.get("Authorization", "").startswith("Bearer ya29."):
        return _error(401, "authError", "Invalid Credentials")
    with _lock:
        _calls[file_id] += 1
        if _faults:
            fault = _faults[0]
            fault.times -= 1
            if fault.times <= 0:
                _faults.pop(0)
            return _error(fault.status, fault.reason, "As ordered")
        sheet = _sheets.get(file_id)
    if sheet is None or not sheet.is_shared:
        return _error(404, "notFound", "Requested entity was not found.")
    return sheet


def _error(status: int, reason: str, message: str) -> tuple[Response, int]:
    return jsonify(error={"code": status, "message": message, "errors": [{"reason": reason}]}), status
