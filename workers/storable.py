"""JSON that others wrote, made into what Postgres can keep."""

from __future__ import annotations

import json
import math
import re
from typing import Any

_LONGEST_NUMBER = 300


def load_json(text: str) -> object:
    """Parse JSON into what jsonb can take: no NaN, no infinity, no NUL, no half of a surrogate pair.

    Raises ValueError for what is no JSON, or nested beyond sense.
    """
    try:
        parsed: Any = json.loads(text, parse_constant=str, parse_float=_finite, parse_int=_whole)
        return clean_json(parsed)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _finite(literal: str) -> float | str:
    number = float(literal)
    return number if math.isfinite(number) else literal


def _whole(literal: str) -> int | str:
    return int(literal) if len(literal) <= _LONGEST_NUMBER else literal


_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def clean_json(value: object) -> object:
    """Give a JSON value without what jsonb refuses: NUL goes, half of a surrogate pair becomes U+FFFD."""
    match value:
        case str():
            return clean_string(value)
        case list():
            return [clean_json(item) for item in value]
        case dict():
            return {clean_string(str(name)): clean_json(item) for name, item in value.items()}
    return value


def clean_string(text: str) -> str:
    """Give a text that Postgres can store."""
    if not _UNSTORABLE.search(text):
        return text
    return _UNSTORABLE.sub(lambda found: "" if found[0] == "\x00" else "\ufffd", text)
