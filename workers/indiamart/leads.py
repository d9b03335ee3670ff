"""One lead of IndiaMART, as the SQL function that stores leads takes it.

The object itself is kept whole, as `raw`.
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta, timezone

import structlog

from workers import phones
from workers.storable import clean_json

log = structlog.stdlib.get_logger(__name__)

IST = timezone(timedelta(hours=5, minutes=30))

Item = dict[str, object]

_PHONES = ("SENDER_MOBILE", "SENDER_MOBILE_ALT", "SENDER_PHONE", "SENDER_PHONE_ALT")
_EMAILS = ("SENDER_EMAIL", "SENDER_EMAIL_ALT")
_PLACEHOLDER = re.compile(r"(?i)india\s*mart\s+buyer")
_TIMES = (
    "%Y-%m-%d %H:%M:%S",
    "%Y-%m-%dT%H:%M:%S",
    "%Y-%m-%d %H:%M",
    "%d-%b-%Y %H:%M:%S",
    "%d-%m-%Y %H:%M:%S",
)
_BREAK = re.compile(r"(?i)<\s*(?:br|/p|/div|/li)\b[^<>]*>")
_TAG = re.compile(r"<[/!]?[a-zA-Z][^<>]*>|<!--.*?-->", re.DOTALL)
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")


def to_item(lead: object) -> Item:
    """Give the item for one lead; never raises: what cannot be read becomes a row error, with its object."""
    try:
        return _read(lead)
    except Exception as error:  # one record must not sink its neighbours, whatever is wrong with it
        log.exception("lead not readable", error_type=type(error).__name__)
        return {"external_id": None, "error": f"unreadable: {type(error).__name__}", "raw": clean_json(lead)}


def to_items(leads: Iterable[object]) -> list[Item]:
    """Give the items for several leads, in their order."""
    return [to_item(lead) for lead in leads]


def _read(lead: object) -> Item:
    if not isinstance(lead, Mapping):
        return {"external_id": None, "error": "not_an_object", "raw": clean_json(lead)}
    problems: list[str] = []

    def word(name: str, longest: int = 500) -> str | None:
        return plain_line(lead.get(name), longest)

    country = word("SENDER_COUNTRY_ISO", 2)
    numbers = [text for name in _PHONES if (text := as_text(lead.get(name)))]
    phone = phones.first_valid(numbers, country)
    if numbers and phone is None:
        problems.append("phone_invalid")
    given_at = as_text(lead.get("QUERY_TIME"))
    received_at = read_time(given_at)
    if given_at and received_at is None:
        problems.append("received_at_unreadable")
    name = word("SENDER_NAME", 200)
    emails = [text for field in _EMAILS if (text := word(field)) and _EMAIL.fullmatch(text)]
    return {
        "external_id": read_id(lead.get("UNIQUE_QUERY_ID")),
        "lead_type": word("QUERY_TYPE", 20),
        "received_at": received_at and received_at.isoformat(),
        "received_at_given": given_at,
        "title": word("SUBJECT"),
        "product": word("QUERY_PRODUCT_NAME") or word("QUERY_MCAT_NAME"),
        "message": plain_text(lead.get("QUERY_MESSAGE")),
        "problems": problems,
        "person": {
            "name": None if name and _PLACEHOLDER.fullmatch(name) else name,
            "phone": phone and phone.e164,
            "phone_kind": phone and phone.kind,
            "phone_given": phone.given if phone else next(iter(numbers), None),
            "country": country,
            "email": next(iter(emails), None),
            "phones": phones.further(numbers, phone, country),
            "emails": emails[1:],
            "company": word("SENDER_COMPANY", 300),
            "address": word("SENDER_ADDRESS", 1000),
            "city": word("SENDER_CITY", 200),
            "state": word("SENDER_STATE", 200),
            "pincode": word("SENDER_PINCODE", 20),
        },
        "raw": clean_json(lead),
    }


def as_text(value: object) -> str | None:
    """Give a value as text; None for what stands for nothing: null, "", "null", blanks, a list, an object."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        return None
    text = _CONTROLS.sub("", str(value)).strip()
    return None if not text or text.lower() == "null" else text


def read_id(value: object) -> str | None:
    """Give UNIQUE_QUERY_ID as text: it comes as text or as a number."""
    return as_text(value)


def read_time(given: str | None) -> datetime | None:
    """Give the instant that QUERY_TIME names, in UTC. It is written in Indian time, without saying so."""
    for form in _TIMES if given else ():
        try:
            return datetime.strptime(str(given), form).replace(tzinfo=IST).astimezone(UTC)
        except (ValueError, OverflowError):
            continue
    return None


def plain_line(value: object, longest: int) -> str | None:
    """Give a value as one line of plain text: single spaces, entities and tags resolved."""
    text = plain_text(value)
    return " ".join(text.split())[:longest].strip() or None if text else None


def plain_text(value: object, longest: int = 20_000) -> str | None:
    """Give a value as plain text: breaks become lines, tags go, entities are resolved once, in that order."""
    if isinstance(value, str):
        value = _CONTROLS.sub(lambda found: "\n" if found[0] == "\r" else "", value.replace("\r\n", "\n"))
    text = as_text(value)
    if text is None:
        return None
    text = html.unescape(_TAG.sub("", _BREAK.sub("\n", text)))
    text = unicodedata.normalize("NFC", _CONTROLS.sub("", text.replace("\r\n", "\n").replace("\r", "\n")))
    lines = [re.sub(" {2,}", " ", line).strip(" ") for line in text.split("\n")]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()[:longest] or None
