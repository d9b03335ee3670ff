"""What the pages have in common that anybody may send: they tell people from programs, without a script."""

from __future__ import annotations

import hmac
import ipaddress
import time
from uuid import uuid4

from flask import request
from itsdangerous import BadData, URLSafeTimedSerializer

from workers.runtime import current

FASTEST, SLOWEST = 2, 12 * 3600
"""Seconds between a page and what people send with it: faster is a program, slower has to be shown again."""
TRAP = "website"
"""A field that people do not see."""


def _serializer() -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(current().settings.secret("flow_job_secret"), salt="enquiry form")


def new_visit(page: str, visit: str | None = None) -> str:
    """Give the signed hidden field of a page that is shown now; `visit` is the id that it had before."""
    return str(_serializer().dumps([page, visit or str(uuid4())]))


def visit_of(page: str) -> tuple[str, float] | tuple[None, float]:
    """Give the id of the page that was shown and its age, or None when it was not ours or is too old."""
    try:
        (shown, visit), at = _serializer().loads(
            request.form.get("visit", ""), max_age=SLOWEST, return_timestamp=True
        )
    except (BadData, ValueError, TypeError):
        return None, 0
    return (str(visit), time.time() - at.timestamp()) if shown == page else (None, 0)


def is_program(age: float) -> bool:
    """Tell whether what was sent, that many seconds after its page, is no person's."""
    return bool(request.form.get(TRAP)) or age < FASTEST


def keyed(words: str) -> str:
    """Give a keyed hash of words: enough to count, not to find anybody."""
    secret = current().settings.secret("flow_job_secret")
    return hmac.digest(secret.encode(), words.encode(), "sha256").hex()


def network() -> str:
    """Give the network that the request comes from (/24 or /48)."""
    try:
        address = ipaddress.ip_address(request.remote_addr or "0.0.0.0")
    except ValueError:
        address = ipaddress.ip_address("0.0.0.0")
    return str(ipaddress.ip_network((address, 24 if address.version == 4 else 48), strict=False))


def is_email(text: str) -> bool:
    """Tell whether a text may be an e-mail address; whether it is one, only a mail tells."""
    return "@" in text.strip("@") and " " not in text
