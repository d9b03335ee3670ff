"""Meta's callbacks about a person: Flow's access was taken back, or their data is to be deleted.

Both carry a `signed_request`; nothing is looked at before its signature holds.
"""

from __future__ import annotations

from html import escape

from flask import Blueprint, Response, jsonify, request

from workers.errors import Refused
from workers.meta.signature import SignedRequest, parse_signed_request
from workers.runtime import current

bp = Blueprint("meta_callbacks", __name__, url_prefix="/meta")

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
def deletion_status(code: str) -> tuple[Response, int]:
    """Show a person what became of their request."""
    is_code = len(code) == 32 and all(letter in "0123456789abcdef" for letter in code)
    found = current().database.rpc("deletion_status", confirmation_code=code) if is_code else {}
    if not found:
        words = "There is no request with this code. Compare it with the one that Facebook shows."
        return _page("Request not found", words), 404
    day = str(found["requested_at"])[:10]
    if found.get("done_at") and not found.get("accounts"):
        words = (
            f"Flow held nothing under your Facebook id when your request of {day} came, so nothing had to be "
            "deleted. If you wrote to a business on WhatsApp, ask that business: it can erase you in Flow."
        )
        return _page("Nothing of you is held", words, code), 200
    if found.get("done_at"):
        words = f"Your request of {day} is done. Flow no longer holds your Facebook id or any access from it."
        return _page("Your data is deleted", words, code), 200
    return _page("Your data is being deleted", f"Your request of {day} is being worked on.", code), 200


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


def _page(title: str, words: str, code: str | None = None) -> Response:
    confirmation = f"<p>Confirmation code: <code>{escape(code)}</code></p>\n" if code else ""
    html = (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)} – Flow</title>\n</head>\n<body>\n<main>\n<h1>{escape(title)}</h1>\n"
        f"<p>{escape(words)}</p>\n{confirmation}</main>\n</body>\n</html>\n"
    )
    return Response(html, content_type="text/html; charset=utf-8")
