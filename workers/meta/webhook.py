"""Meta's webhook: check the signature over the raw bytes, hand them to one SQL function, answer.

Whatever signed bytes say, the answer is 200 once they are stored; sense is made of them in SQL. Any other
answer makes Meta send the same again for days, so it is given only when the bytes are not stored.
"""

from __future__ import annotations

import base64
import re

import structlog
from flask import Blueprint, Response, request
from werkzeug.exceptions import RequestEntityTooLarge

from workers.database import Database
from workers.errors import FlowError, Refused, Unavailable
from workers.meta.signature import is_signed, is_verify_token
from workers.runtime import current
from workers.telemetry.calls import note_webhook

bp = Blueprint("meta", __name__)
log = structlog.stdlib.get_logger(__name__)

BODY_LIMIT = 4_194_304
_HEAD = 4096
"""Bytes in which a delivery's first field and instant are looked for, for telemetry."""
_FIELD = re.compile(rb'"field"\s*:\s*"([a-z_]{1,64})"')
_TIMESTAMP = re.compile(rb'"timestamp"\s*:\s*"?([0-9]{10})\b')


@bp.get("/webhooks/meta")
def confirm_subscription() -> Response:
    """Echo the challenge to whoever knows the verify token."""
    token = current().settings.secret("meta_verify_token")
    challenge = request.args.get("hub.challenge", "")
    is_known = is_verify_token(request.args.get("hub.verify_token"), token)
    if request.args.get("hub.mode") != "subscribe" or not is_known or not challenge:
        raise Refused(403, "The verify token is not this app's.", "verify_token_wrong")
    return Response(challenge, content_type="text/plain; charset=utf-8")


@bp.post("/webhooks/meta")
def receive_event() -> Response:
    """Store and apply one delivery exactly as Meta sent it."""
    request.max_content_length = BODY_LIMIT + 1  # one more, for a chunked body is cut there without a word
    body = request.get_data(cache=False)
    if len(body) > BODY_LIMIT:
        raise RequestEntityTooLarge
    runtime = current()
    if not is_signed(body, request.headers.get("X-Hub-Signature-256"), runtime.settings.app_secrets):
        raise Refused(401, "X-Hub-Signature-256 does not sign this body.", "signature_wrong")
    _store(runtime.database, base64.b64encode(body).decode("ascii"))
    kind, sent_at = _FIELD.search(body, 0, _HEAD), _TIMESTAMP.search(body, 0, _HEAD)
    note_webhook(
        runtime.telemetry, "meta", kind[1].decode() if kind else None, float(sent_at[1]) if sent_at else None
    )
    return Response("EVENT_RECEIVED", content_type="text/plain; charset=utf-8")


def _store(database: Database, body: str) -> None:
    try:
        counts = database.insist("ingest_meta", body=body)
    except Unavailable:
        raise
    except FlowError as error:
        log.error("event not stored", detail=error.detail, error=error.message)  # noqa: TRY400
        raise Unavailable("The event could not be stored. Send it again.", detail="not_stored") from error
    if counts.get("dead") or counts.get("unrouted"):
        log.warning("event has leftovers", **{k: v for k, v in counts.items() if isinstance(v, int)})
