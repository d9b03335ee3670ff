"""Proofs that a webhook comes from the payment supplier. All is compared as bytes, in constant time."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Sequence
from typing import Final

_HEX = re.compile(r"[0-9a-f]{64}")
_STAMP = re.compile(r"[0-9]{1,12}")
TOLERANCE: Final = 300
"""Seconds by which a time stamp of Stripe's may differ from ours."""


def is_from_razorpay(body: bytes, header: str | None, secrets: Sequence[bytes]) -> bool:
    """Tell whether `X-Razorpay-Signature` signs these very bytes with one of the webhook's secrets."""
    return _HEX.fullmatch(header or "") is not None and _fits(body, [header or ""], secrets)


def is_from_stripe(body: bytes, header: str | None, secret: bytes, now: int) -> bool:
    """Tell whether a `v1` of `Stripe-Signature` signs these very bytes with their time, not long ago."""
    parts = [part.strip().partition("=")[::2] for part in (header or "").split(",")]
    stamps = [value for name, value in parts if name == "t"]
    if len(stamps) != 1 or not _STAMP.fullmatch(stamps[0]) or abs(now - int(stamps[0])) > TOLERANCE:
        return False
    given = [value for name, value in parts if name == "v1" and _HEX.fullmatch(value)]
    return _fits(stamps[0].encode("ascii") + b"." + body, given, [secret])


def _fits(signed: bytes, given: Sequence[str], secrets: Sequence[bytes]) -> bool:
    matches = [
        hmac.compare_digest(hmac.digest(secret, signed, hashlib.sha256).hex().encode(), one.encode("ascii"))
        for secret in secrets
        if secret
        for one in given
    ]
    return any(matches)
