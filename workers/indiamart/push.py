"""IndiaMART's push: a secret in the path, one lead or several in the body, 200 once they are stored.

Nothing is signed, so the token is all there is; only its hash is looked up. Whatever a known sender posts as
JSON is answered with 200, be it known already or unmappable: IndiaMART repeats what is refused, and switches
push off after two days of it.
"""

from __future__ import annotations

import hashlib
from typing import Any

import structlog
from flask import Blueprint, Response, jsonify, request
from werkzeug.exceptions import RequestEntityTooLarge

from workers.errors import Refused
from workers.indiamart.leads import Item, to_items
from workers.runtime import current
from workers.storable import load_json
from workers.telemetry.calls import note_webhook

bp = Blueprint("indiamart", __name__)
log = structlog.stdlib.get_logger(__name__)

BODY_LIMIT = 256 * 1024
_FRAMES = ("RESPONSE", "body", "Response", "response")


@bp.post("/webhooks/indiamart/<token>")
def receive_leads(token: str) -> Response:
    """Store what IndiaMART, or a relay, posts to an organization's address."""
    request.max_content_length = BODY_LIMIT
    body = request.get_data(cache=False)
    if len(body) > BODY_LIMIT:
        raise RequestEntityTooLarge
    hashed = hashlib.sha256(token.encode()).hexdigest()
    try:
        items = to_items(find_leads(load_json(body.decode("utf-8-sig"))))
    except ValueError:
        _store(hashed, [])  # whoever has no token learns that first
        raise Refused(400, "The body is not JSON.", "not_json") from None
    run = _store(hashed, items)
    if run.get("errors"):
        log.warning("push kept aside", run_id=run.get("run_id"), rejected=len(run["errors"]))
    note_webhook(current().telemetry, "indiamart", "leads", None)
    return jsonify({"CODE": 200, "STATUS": "SUCCESS"})


def find_leads(sent: object) -> list[object]:
    """Give the leads in a push: {RESPONSE: …}, {body: …} from relays, a list, or one lead by itself."""
    for _ in range(4):
        if not isinstance(sent, dict) or "UNIQUE_QUERY_ID" in sent:
            break
        inner = next((sent[name] for name in _FRAMES if name in sent), None)
        if isinstance(inner, str):
            try:
                inner = load_json(inner)
            except ValueError:
                break
        if not isinstance(inner, (dict, list)):
            break
        sent = inner
    return sent if isinstance(sent, list) else [sent]


def _store(hashed: str, items: list[Item]) -> dict[str, Any]:
    return current().database.insist("push_leads", token_sha256=hashed, items=items)
