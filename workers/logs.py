"""Logs: one JSON object a line, on standard error, with nothing in it that could hurt anybody.

Whatever is logged, by Flow or by a library, passes `scrub` last, just before it becomes text. It hides what
stands under a telling key, and what looks like a telephone number, an address, a token or the query of a URL
wherever it stands.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any, TextIO

import structlog
from structlog.stdlib import ProcessorFormatter
from structlog.typing import Processor

HIDDEN = "[hidden]"

_TELLING_KEY = re.compile(
    r"(?i)(^|[_.-])(pass(word|wd|phrase)?|secret|token|jwt|key|apikey|credential|authorization|cookie|pin|otp"
    r"|signature|phone|mobile|msisdn|wa_?id|e?mail|address|body|text|payload|content|dsn|query_string"
    r"|recipient|vpa|pan|gstin|aadhaar)s?($|[_.-])"
)
_HARMLESS_KEYS = frozenset({"key_id", "phone_number_id", "content_type", "content_length", "token_kind"})

_PATTERNS: tuple[tuple[re.Pattern[str], str], ...] = (
    # Queries first: what they hold needs no second look.
    (re.compile(r"(?i)\b(https?://[^\s?#\"'<>]*)[?#][^\s\"'<>]*"), rf"\1?{HIDDEN}"),
    (re.compile(r"([a-z][a-z0-9+.-]*://)[^\s/@\"']+@"), rf"\1{HIDDEN}@"),
    (re.compile(r"(?i)(/webhooks/indiamart/)(?!<token>)[^\s/\"'?]+"), rf"\1{HIDDEN}"),
    (
        re.compile(
            r"(?i)\b((?:[\w.-]*(?:crm_key|token|secret|password|passwd|api_?key|authorization|appsecret_proof)|pin)"
            r"[\"']?\s*[=:]\s*[\"']?)(?!\s|\[hidden\])[^\s&\"',;})]+"
        ),
        rf"\1{HIDDEN}",
    ),
    (re.compile(r"(?i)\b(bearer|basic)\s+[\w.~+/|=-]+"), rf"\1 {HIDDEN}"),
    (re.compile(r"\beyJ[\w-]{5,}(?:\.[\w-]*){1,2}"), HIDDEN),
    (re.compile(r"\bEAA[A-Za-z0-9]{12,}"), HIDDEN),
    (re.compile(r"\b\d{6,}\|[\w-]{8,}"), HIDDEN),  # a Meta app's token: id|secret
    (re.compile(r"\b(?:sb_secret_|rzp_(?:test|live)_|sk_(?:test|live)_|whsec_|ya29\.|1//0)[\w.-]+"), HIDDEN),
    (re.compile(r"\bwamid\.[\w+/=-]+"), HIDDEN),  # base64 of the customer's number
    (re.compile(r"[\w.+%-]+@[\w-]+(?:\.[\w-]+)*"), HIDDEN),  # e-mail, and UPI addresses
    (re.compile(r"\b\d{2}[A-Z]{5}\d{4}[A-Z][A-Z\d]Z[A-Z\d]\b"), HIDDEN),  # GSTIN
    (re.compile(r"\b[A-Z]{5}\d{4}[A-Z]\b"), HIDDEN),  # PAN
    (re.compile(r"(?<![\w+])\+\d(?:[ ().-]{0,2}\d){6,14}(?!\d)"), HIDDEN),  # E.164, also with spaces
    (
        re.compile(r"(?<![\w.+-])(?:0|91[ -]?)?[6-9]\d{4}[ -]?\d{5}(?![\w-]|\.\d)"),
        HIDDEN,
    ),  # Indian mobile numbers
    (
        re.compile(r"(?<![\w.-])\d{4}([ -]?)\d{4}\1\d{4}(?![\w-]|\.\d)"),
        HIDDEN,
    ),  # twelve digits, like Aadhaar's
)
# Set by Flow itself to what cannot hold a person or a secret.
_OWN_KEYS = frozenset({"at", "level", "logger", "request_id", "trace_id"})
# Most values are short words; one look tells that none of the patterns can match.
_SUSPECT = re.compile(
    r"[@|?]|://|\d{4}|\+\d|/webhooks/i|EAA|eyJ|ya29|wamid|sk_|rzp_|sb_|whsec_"
    r"|(?i:bearer|basic|token|secret|key|passw|pin|authoriz|_proof)"
)


def scrub_text(text: str) -> str:
    """Give the text with everything hidden that looks like a secret or a person."""
    if not _SUSPECT.search(text):
        return text
    for pattern, replacement in _PATTERNS:
        text = pattern.sub(replacement, text)
    return text


def scrub_value(value: object) -> object:
    """Give a value of any shape, scrubbed throughout."""
    match value:
        case None | bool() | float():
            return value
        case str():
            return scrub_text(value)
        case int():
            text = str(value)
            return value if scrub_text(text) == text else HIDDEN
        case Mapping():
            return {scrub_text(str(key)): _scrub_entry(str(key), item) for key, item in value.items()}
        case list() | tuple() | set() | frozenset():
            return [scrub_value(item) for item in value]
        case _:
            return scrub_text(str(value))


def _scrub_entry(key: str, value: object) -> object:
    if value is not None and _TELLING_KEY.search(key) and key not in _HARMLESS_KEYS:
        return HIDDEN
    return scrub_value(value)


def scrub(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Hide in a whole log entry; the last processor before the entry becomes text."""
    return {key: value if key in _OWN_KEYS else _scrub_entry(key, value) for key, value in event.items()}


def configure_logs(level: str = "INFO", stream: TextIO | None = None) -> None:
    """Send all that is logged, through structlog or `logging`, to one stream as scrubbed JSON lines."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(
        ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.ExtraAdder()],
            processors=[
                ProcessorFormatter.remove_processors_meta,
                structlog.processors.StackInfoRenderer(),
                structlog.processors.format_exc_info,
                structlog.processors.UnicodeDecoder(),
                scrub,
                structlog.processors.JSONRenderer(ensure_ascii=False),
            ],
        )
    )
    root = logging.getLogger()
    for old in root.handlers[:]:
        if getattr(old, "is_flows", False):
            root.removeHandler(old)
    handler.is_flows = True  # type: ignore[attr-defined]
    root.addHandler(handler)
    root.setLevel(level)
    # These write whole URLs, with queries that hold keys, or every header; not even at DEBUG.
    for name in ("httpx", "httpcore", "hpack", "urllib3", "werkzeug"):
        logging.getLogger(name).setLevel(logging.WARNING)
