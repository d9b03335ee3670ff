"""Files of leads: uploaded, shown, confirmed, followed; their errors as CSV that no spreadsheet executes."""

from __future__ import annotations

import csv
import hashlib
import io
import re
import unicodedata
from collections.abc import Iterator
from contextlib import suppress
from typing import IO, Any

from flask import Response, jsonify, request
from pydantic import Field
from werkzeug.datastructures import FileStorage

from workers.api.asking import Body, body_as, bp, person
from workers.database import Person
from workers.errors import FlowError, Refused
from workers.runtime import current
from workers.sheets.files import MOST_BYTES
from workers.sheets.job import BUCKET
from workers.sheets.values import guarded
from workers.storage import Bucket

_CHUNK = 65_536
_PAGE = 2_000
_NOT_IN_A_NAME = re.compile(r"[\x00-\x1f\x7f\u202a-\u202e\u2066-\u2069]")
_TYPE = "application/octet-stream"  # whatever it is, no browser may open it


class Import(Body):
    """One import of an organization."""

    import_id: str = Field(pattern=r"^[0-9a-fA-F-]{36}$")


class Choices(Import):
    """How to read the file, against what was detected."""

    choices: dict[str, str | int]


class Confirmation(Import):
    """Which column is which field, and what is to be done with the rows."""

    mapping: dict[str, Any]
    is_check: bool = False
    greet: bool = False
    greet_count: int | None = Field(None, ge=0)


@bp.post("/imports")
def upload_import() -> tuple[Response, int]:
    """Take a file of leads (multipart: org_id, is_confirmed, file); admins. The job reads it at once."""
    asking = person()
    request.max_content_length = MOST_BYTES + _CHUNK
    org_id, file = request.form.get("org_id", ""), request.files.get("file")
    if not isinstance(file, FileStorage):
        raise Refused(422, "file: give the file as multipart form data.", "body_invalid")
    if not re.fullmatch(r"[0-9a-fA-F-]{36}", org_id):
        raise Refused(422, "org_id: give the organization's id.", "body_invalid")
    asking.rpc("require_role", org_id=org_id, min_role="admin")
    size, sha256 = _measured(file.stream)
    begun = asking.rpc(
        "begin_import",
        org_id=org_id,
        filename=plain_name(file.filename),
        bytes=size,
        sha256=sha256,
        is_confirmed=request.form.get("is_confirmed") == "true",
    )
    runtime = current()
    try:
        Bucket(runtime.http, runtime.settings, BUCKET).put(begun["path"], file.stream, _TYPE)
    except FlowError:
        with suppress(FlowError):  # what stays is cleared away in an hour
            runtime.database.rpc("drop_import", org_id=org_id, import_id=begun["import_id"])
        raise
    answer = runtime.database.rpc("import_uploaded", org_id=org_id, import_id=begun["import_id"])
    return jsonify(answer), 201


@bp.post("/imports/preview")
def preview_import() -> Response:
    """Read the file again as somebody chose; admins."""
    asking, asked = person(), body_as(Choices)
    return jsonify(asking.rpc("preview_import", **asked.model_dump()))


@bp.post("/imports/start")
def start_import() -> Response:
    """Store the rows by a mapping, or count what would become of them; admins."""
    asking, asked = person(), body_as(Confirmation)
    return jsonify(asking.rpc("confirm_import", **asked.model_dump()))


@bp.post("/imports/cancel")
def cancel_import() -> Response:
    """Stop an import; admins."""
    asking, asked = person(), body_as(Import)
    return jsonify(asking.rpc("cancel_import", **asked.model_dump()))


@bp.post("/imports/undo")
def undo_import() -> Response:
    """Take back what an import stored; admins."""
    asking, asked = person(), body_as(Import)
    return jsonify(asking.rpc("undo_import", **asked.model_dump()))


@bp.post("/imports/status")
def import_status() -> Response:
    """Tell how an import stands: its preview, its progress, its counts; members."""
    asking, asked = person(), body_as(Import)
    return jsonify(asking.rpc("import_status", **asked.model_dump()))


@bp.post("/imports/errors")
def import_errors() -> Response:
    """Give the rows that could not be stored (after an undo: that stayed) as CSV; members."""
    asking, asked = person(), body_as(Import)
    first = asking.rpc("import_errors", org_id=asked.org_id, import_id=asked.import_id, page=_PAGE)
    return Response(
        _as_csv(asking, asked, first),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": 'attachment; filename="import-errors.csv"'},
    )


def _as_csv(asking: Person, asked: Import, page: dict[str, Any]) -> Iterator[str]:
    """Give the pages as they come; spreadsheets know UTF-8 by its mark."""
    yield "\ufeff" + _line(["row", "column", "code", "value"])
    while True:
        for row in page["rows"]:
            yield _line([str(row["row"]), row["column"] or "", row["code"] or "", row["raw"] or ""])
        if page["next"] is None:
            return
        page = asking.rpc(
            "import_errors",
            org_id=asked.org_id,
            import_id=asked.import_id,
            after_row=page["next"],
            page=_PAGE,
        )


def _line(cells: list[str]) -> str:
    out = io.StringIO()
    csv.writer(out).writerow([guarded(cell) for cell in cells])
    return out.getvalue()


def _measured(file: IO[bytes]) -> tuple[int, str]:
    """Give a file's size and digest, and go back to its begin. Raises Refused when it is too large."""
    digest, size = hashlib.sha256(), 0
    while chunk := file.read(_CHUNK):
        size += len(chunk)
        digest.update(chunk)
    if size > MOST_BYTES:
        raise Refused(413, "A file of leads has 20 MB at most: split it into several files.", "import_size")
    file.seek(0)
    return size, digest.hexdigest()


def plain_name(given: str | None) -> str | None:
    """Give a file's name without folders, control characters or tricks of direction."""
    name = unicodedata.normalize("NFC", re.split(r"[/\\]", given or "")[-1])
    return _NOT_IN_A_NAME.sub("", name).encode("utf-8", "replace").decode().strip()[-240:] or None
