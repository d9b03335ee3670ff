"""The payment suppliers' webhooks: check the signature over the raw bytes, have SQL store them, answer.

What is signed is answered with 200 once it is stored, whatever it says: the job `billing` makes sense of it
later, by asking the supplier. Only a database that cannot take it is told with 503, so that it comes again.
"""

from __future__ import annotations

import hashlib
import re
import time
from datetime import UTC, datetime
from typing import Any, Final

import structlog
from flask import Blueprint, Response, request
from werkzeug.exceptions import NotFound, RequestEntityTooLarge

from workers.billing.signature import is_from_razorpay, is_from_stripe
from workers.database import Database
from workers.errors import FlowError, Refused, Unavailable
from workers.runtime import current
from workers.storable import load_json
from workers.telemetry.calls import note_webhook

bp = Blueprint("billing", __name__)
log = structlog.stdlib.get_logger(__name__)

BODY_LIMIT: Final = 1_048_576
MALFORMED: Final = "malformed"
"""The type under which signed bytes that are no event are stored; nothing is ever done with them."""
_EVENT_ID = re.compile(r"[A-Za-z0-9_.:-]{1,100}")
_TYPE = re.compile(r"[a-z0-9_.]{1,100}")
_LATEST: Final = 32_503_680_000  # the year 3000


@bp.post("/webhooks/razorpay")
def receive_razorpay() -> Response:
    """Store one delivery of Razorpay's. There is nothing here unless its secret is set."""
    body, settings = _body(), current().settings
    if not settings.razorpay_secrets or not settings.razorpay_key_id:
        raise NotFound
    if not is_from_razorpay(body, request.headers.get("X-Razorpay-Signature"), settings.razorpay_secrets):
        raise Refused(401, "X-Razorpay-Signature does not sign this body.", "signature_wrong")
    mode = "live" if settings.razorpay_key_id.startswith("rzp_live_") else "test"
    given = request.headers.get("x-razorpay-event-id", "")
    event_id = given if _EVENT_ID.fullmatch(given) else None
    parsed = _parsed(body)
    return _keep("razorpay", mode, event_id, parsed.get("event"), parsed.get("created_at"), body, parsed)


@bp.post("/webhooks/stripe")
def receive_stripe() -> Response:
    """Store one delivery of Stripe's. There is nothing here unless Stripe is configured."""
    body, settings = _body(), current().settings
    if settings.stripe_secret_key is None or settings.stripe_webhook_secret is None:
        raise NotFound
    secret = settings.stripe_webhook_secret.get_secret_value().encode()
    if not is_from_stripe(body, request.headers.get("Stripe-Signature"), secret, int(time.time())):
        raise Refused(401, "Stripe-Signature does not sign this body, or not now.", "signature_wrong")
    parsed = _parsed(body)
    mode = "live" if parsed.get("livemode") is True else "test"
    given = parsed.get("id")
    event_id = given if isinstance(given, str) and _EVENT_ID.fullmatch(given) else None
    return _keep("stripe", mode, event_id, parsed.get("type"), parsed.get("created"), body, parsed)


def _body() -> bytes:
    request.max_content_length = BODY_LIMIT + 1  # one more, for a chunked body is cut there without a word
    body = request.get_data(cache=False)
    if len(body) > BODY_LIMIT:
        raise RequestEntityTooLarge
    return body


def _parsed(body: bytes) -> dict[str, Any]:
    """Give the event; {} for what is none."""
    try:
        parsed = load_json(body.decode("utf-8"))
    except ValueError:
        return {}
    return parsed if isinstance(parsed, dict) else {}


def _keep(
    provider: str,
    mode: str,
    event_id: str | None,
    kind: object,
    at: object,
    body: bytes,
    parsed: dict[str, Any],
) -> Response:
    """Have an event stored, with everything taken out of it that tells of a card, a bank or a UPI address."""
    is_event = isinstance(kind, str) and _TYPE.fullmatch(kind) is not None
    instant = at if type(at) is int and 0 < at < _LATEST else None
    stored = _store(
        current().database,
        provider=provider,
        mode=mode,
        event_id=event_id,
        type=kind if is_event else MALFORMED,
        provider_ts=datetime.fromtimestamp(instant, UTC).isoformat() if instant else None,
        body_sha256=hashlib.sha256(body).hexdigest(),
        body=without_instruments(parsed) if is_event else {},
    )
    note_webhook(current().telemetry, provider, kind if isinstance(kind, str) else None, instant)
    log.info("payment event", provider=provider, is_event=is_event, kept=stored.get("status"))
    return Response("OK", content_type="text/plain; charset=utf-8")


_INSTRUMENTS = frozenset({
    "acquirer_data", "bank", "bank_account", "bank_transfer", "billing_details", "card", "card_id", "contact",
    "customer_contact", "customer_details", "customer_email", "customer_phone", "email", "last4",
    "payment_method_details", "payment_method_options", "receipt_email", "source", "token", "token_id", "upi",
    "vpa", "wallet",
})  # fmt: skip


def without_instruments(value: Any) -> Any:
    """Give JSON without what somebody pays with and how to reach them: no part of that is ever stored."""
    if isinstance(value, dict):
        return {
            name: without_instruments(part)
            for name, part in value.items()
            if name not in _INSTRUMENTS and not (name == "customer" and isinstance(part, dict))
        }
    return [without_instruments(part) for part in value] if isinstance(value, list) else value


def _store(database: Database, **event: object) -> dict[str, Any]:
    try:
        return database.insist("store_payment_event", **event)
    except Unavailable:
        raise
    except FlowError as error:
        log.error("payment event not stored", detail=error.detail, error=error.message)  # noqa: TRY400
        raise Unavailable("The event could not be stored. Send it again.", detail="not_stored") from error
