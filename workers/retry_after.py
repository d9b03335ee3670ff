"""How long an answer asks to be left alone: the header Retry-After (RFC 9110, section 10.2.3)."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx

DAY = 86_400


def retry_after(response: httpx.Response, longest: int = DAY) -> int | None:
    """Give the seconds that an answer asks to wait, at most `longest`; None when it does not clearly say.

    Both of the header's forms are read, seconds and an instant; and fractions of seconds, which some send.
    """
    value = response.headers.get("Retry-After", "").strip()
    try:
        seconds = float(value)
    except ValueError:
        try:
            instant = parsedate_to_datetime(value)
        except ValueError:
            return None
        seconds = (instant.replace(tzinfo=instant.tzinfo or UTC) - datetime.now(UTC)).total_seconds()
    return min(max(0, math.ceil(seconds)), longest) if math.isfinite(seconds) else None
