"""Meta's callbacks about a person: Flow's access was taken back, or their data is to be deleted.

Both carry a `signed_request`; nothing is looked at before its signature holds.
"""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, jsonify, render_template, request

from workers import public_pages
from workers.errors import Refused
from workers.meta.callback_words import WORDS
from workers.meta.signature import SignedRequest, parse_signed_request
from workers.runtime import current

bp = Blueprint("meta_callbacks", __name__, url_prefix="/meta", template_folder="templates")

FORM_LIMIT = 65_536


@bp.post("/deauthorize")
def deauthorize() -> Response:
    """Ask for a new connection of each account that this person had connected."""
    person = _signed()
    counts = current().database.rpc("deauthorize", meta_user_id=person.user_id, issued_at=person.issued_at)
    return jsonify(accounts=counts.get("accounts", 0))


@bp.post("/data-deletion")
def delete_data() -> Response:
    """Forget the person, and say where the request can be looked up."""
    runtime, person = current(), _signed()
    answer = runtime.database.rpc("request_deletion", meta_user_id=person.user_id, issued_at=person.issued_at)
    code = str(answer["confirmation_code"])
    base = runtime.settings.flow_public_url or request.host_url.rstrip("/")
    return jsonify(url=f"{base}/meta/data-deletion/{code}", confirmation_code=code)


@bp.get("/data-deletion/<code>")
def deletion_status(code: str) -> Response:
    """Show a person what became of their request; 404 for a code that is none, which is not repeated."""
    is_code = len(code) == 32 and all(letter in "0123456789abcdef" for letter in code)
    found = current().database.rpc("deletion_status", confirmation_code=code) if is_code else {}
    language = public_pages.language(WORDS)
    page = render_template(
        "data_deletion.html",
        language=language,
        words=WORDS[language],
        outcome=_outcome(found),
        day=public_pages.day(found["requested_at"]) if found else None,
        code=code if found else None,
    )
    return public_pages.respond(page, 200 if found else 404)


def _outcome(found: dict[str, Any]) -> str:
    """Give what the page is about: a key of WORDS."""
    if not found:
        return "unknown"
    if not found.get("done_at"):
        return "working"
    return "done" if found.get("accounts") else "nothing"


def _signed() -> SignedRequest:
    """Give what Meta says, once it is proven that Meta says it. Raises Refused 400 and 401."""
    request.max_content_length = FORM_LIMIT
    value = request.form.get("signed_request", "")
    if not value:
        raise Refused(400, "The form has no signed_request.", "signed_request_missing")
    signed = parse_signed_request(value, current().settings.app_secrets)
    if signed is None:
        raise Refused(401, "The signed_request is not signed by this app's secret.", "signature_wrong")
    return signed
