"""What an answer of IndiaMART's Pull API means.

The body's CODE decides; the HTTP status only where there is none.
"""

from __future__ import annotations

import html
import re
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import quote, quote_plus, unquote_plus

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from workers.storable import load_json

Outcome = Literal[
    "ok",
    "empty",
    "not_released",
    "rate_limited",
    "blocked",
    "key_rejected",
    "bad_request",
    "server_error",
    "unreadable",
]
Reason = Literal["incorrect", "expired", "replaced"]

KEPT = 2048
"""Characters kept of an answer that was no success."""

_HIDDEN = "[hidden]"
_TOO_MANY = 429
_LOOKED_AT = 16_384


@dataclass(frozen=True, slots=True)
class Answer:
    """What IndiaMART said to one call."""

    outcome: Outcome
    http_status: int | None = None
    code: str | None = None
    is_complete: bool = False
    """Whether the answer holds every lead of its window."""
    reason: Reason | None = None
    note: str = ""
    """The begin of an answer that was no success, without the key: for operators."""
    leads: list[object] = field(default_factory=list)
    """The leads as sent."""


class Envelope(BaseModel):
    """The frame of every answer; whatever else is in it is ignored."""

    model_config = ConfigDict(extra="ignore")

    CODE: str
    MESSAGE: str = ""
    TOTAL_RECORDS: int | None = None
    RESPONSE: object = None
    APP_AUTH_FAILURE_CODE: object = Field(default=None)

    @field_validator("CODE", mode="before")
    @classmethod
    def _code_as_text(cls, value: object) -> object:
        if isinstance(value, bool):
            return ""
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        return str(value).strip() if isinstance(value, (str, int, float)) else ""

    @field_validator("MESSAGE", mode="before")
    @classmethod
    def _message_as_text(cls, value: object) -> object:
        return value if isinstance(value, str) else ""

    @field_validator("TOTAL_RECORDS", mode="before")
    @classmethod
    def _count_or_none(cls, value: object) -> object:
        try:
            return None if value is None or isinstance(value, bool) else int(float(str(value).strip()))
        except (ValueError, OverflowError):
            return None


def read_answer(http_status: int, body: bytes, key: str = "") -> Answer:
    """Give the meaning of an answer; the key is hidden wherever the answer repeats it."""
    text = body.decode("utf-8-sig", "replace")
    note = _begin(text, key)
    try:
        envelope = Envelope.model_validate(load_json(text))
    except (ValueError, ValidationError):
        return _without_code(http_status, note)
    meaning = _by_code(envelope, http_status, note)
    return meaning or Answer("unreadable", http_status, envelope.CODE[:20], note=note)


def unanswered(note: str) -> Answer:
    """Give the meaning of no answer at all: not reached, too slow, too large, redirected."""
    return Answer("unreadable", note=note[:KEPT])


def _without_code(http_status: int, note: str) -> Answer:
    if http_status == _TOO_MANY:
        return Answer("rate_limited", http_status, note=note)
    return Answer("server_error" if http_status >= 500 else "unreadable", http_status, note=note)


def _by_code(envelope: Envelope, http_status: int, note: str) -> Answer | None:
    code, said = envelope.CODE, " ".join(envelope.MESSAGE.lower().split())

    def meaning(outcome: Outcome, reason: Reason | None = None) -> Answer:
        return Answer(outcome, http_status, code, reason=reason, note=note)

    match code:
        case "200":
            return _success(envelope, http_status)
        case "204" if "24 hour" in said or "24 hrs" in said:
            return meaning("not_released")
        case "204":
            return Answer("empty", http_status, code, is_complete=True)
        case "429" if envelope.APP_AUTH_FAILURE_CODE is not None or "too many" in said:
            return meaning("blocked")
        case "429":
            return meaning("rate_limited")
        case "401":
            return meaning("key_rejected", _why_rejected(said))
        case "400":
            return meaning("bad_request")
        case "500":
            return meaning("server_error")
    return None


def _success(envelope: Envelope, http_status: int) -> Answer | None:
    rows = envelope.RESPONSE
    if isinstance(rows, dict) and rows:
        rows = [rows]
    if rows in (None, "", {}) and not envelope.TOTAL_RECORDS:
        rows = []
    if not isinstance(rows, list):
        return None
    is_complete = len(rows) >= (envelope.TOTAL_RECORDS or 0)
    return Answer("ok", http_status, "200", is_complete=is_complete, leads=rows)


def _why_rejected(said: str) -> Reason:
    if "new key has been generated" in said or "newer key" in said:
        return "replaced"
    return "expired" if "expired" in said else "incorrect"


def hide(text: str, key: str) -> str:
    """Give the text without the key, in whatever way a URL or JSON writes it, or what stands in its place."""
    forms = {
        key,
        quote(key),
        quote(key, safe=""),
        quote_plus(key),
        unquote_plus(key),
        key.replace("/", "\\/"),
        html.escape(key),
    }
    for form in sorted(forms - {""}, key=len, reverse=True):
        text = re.sub(re.escape(form), _HIDDEN, text, flags=re.IGNORECASE)
    return re.sub(r"(?i)(glusr_crm_key\W{0,6})[^\s&\"'<>]+", rf"\1{_HIDDEN}", text)


def _begin(text: str, key: str) -> str:
    """Give the begin of an answer without the key, also where the cut would have left half of it."""
    shown = hide(text[:_LOOKED_AT], key)
    if len(text) > _LOOKED_AT:
        shown = shown[: max(0, len(shown) - 3 * len(key))]
    return shown[:KEPT]
