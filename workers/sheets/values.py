"""Cells as people type them, made plain: text, telephone numbers, e-mail addresses, dates."""

from __future__ import annotations

import re
import unicodedata
from datetime import date, datetime, time, timedelta, timezone
from typing import Final, Literal

from workers import phones
from workers.phones import Phone

IST: Final = timezone(timedelta(hours=5, minutes=30))
LONGEST: Final = 20_000  # of a message, the longest field that a lead has
DateOrder = Literal["dmy", "mdy"]
Cell = str | int | float | bool | datetime | date | time | timedelta | None

_NOTHING: Final = frozenset(
    {
        "#n/a", "#na", "n/a", "na", "-", "--", "—", "null", "none", "nil", "#ref!", "#value!", "#name?",
        "#div/0!",        "#null!", "#num!", "nan", "(blank)",
    }
)  # fmt: skip
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")
_INVISIBLE: Final = "\u200b\u200c\u200d\u200e\u200f\u2060\ufeff\u00ad \u00a0\t\r\n"
_FORMULA: Final = ("=", "+", "-", "@")
_FLOAT: Final = re.compile(r"[+-]?\d+\.0+")
_LOST: Final = re.compile(r"\d(?:\.\d+)?[eE]\+?\d{1,2}")
_SEPARATORS: Final = re.compile(r"[/,;\n|]|\bor\b|\band\b", re.IGNORECASE)
_EMAIL: Final = re.compile(r"[^@\s,;<>\"']+@[^@\s,;<>\"']+\.[^@\s,;<>\"']+")
_DAY: Final = re.compile(r"(\d{1,2})[/.\-](\d{1,2})[/.\-](\d{4}|\d{2})(?:[ T,]+(.*))?")
_CLOCK: Final = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2})(?:\.\d+)?)?\s*([ap])?\.?(?:m\.?)?", re.IGNORECASE)
_MONTHS: Final = ("%d %b %Y", "%d %B %Y", "%b %d %Y", "%B %d %Y", "%d %b %y")
_EPOCH: Final = datetime(1899, 12, 30, tzinfo=IST)


def text_of(cell: Cell) -> str:
    """Give a cell as text: whole floats as integers, instants in ISO form, never an exponent."""
    match cell:
        case None:
            return ""
        case str():
            return cell
        case bool():
            return "true" if cell else "false"
        case float():
            if cell.is_integer():
                return str(int(cell)) if abs(cell) < 1e18 else f"{cell:.0f}"
            return f"{cell:.10f}".rstrip("0").rstrip(".")
        case datetime():
            return cell.isoformat(" ", "seconds")
        case date() | time():
            return cell.isoformat()
        case _:
            return str(cell)


def clean(text: str) -> str:
    """Give a cell's text without what nobody sees, as NFC; empty for what spreadsheets write for nothing."""
    text = _CONTROL.sub("", text[: 8 * LONGEST]).strip(_INVISIBLE)
    if text.startswith("'") and text[1:2] in _FORMULA and len(text) > 1:
        text = text[1:]  # as an export guards it
    if text.casefold() in _NOTHING:
        return ""
    return unicodedata.normalize("NFC", text)[:LONGEST]


def guarded(text: str) -> str:
    """Give a cell for an export, so that no spreadsheet takes it for a formula."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r", "\0") else text


def has_lost_digits(text: str) -> bool:
    """Tell whether a number was written with an exponent: its last digits are gone."""
    return bool(_LOST.fullmatch(text.strip()))


def phone_of(text: str, country: str) -> Phone | None:
    """Give the first valid number of a cell that may hold several, or None."""
    if not text or has_lost_digits(text):
        return None
    if _FLOAT.fullmatch(text):
        text = text.split(".", maxsplit=1)[0]
    return phones.parse(text, country) or phones.first_valid(_SEPARATORS.split(text)[:10], country)


def email_of(text: str) -> str | None:
    """Give the first e-mail address of a cell, lower-cased, or None."""
    found = _EMAIL.search(text[:1000])
    return found[0].strip(".").lower() if found and len(found[0]) <= 254 else None


def country_of(text: str, otherwise: str) -> str:
    """Give an ISO code: as it stands there, of India by name, else the other."""
    word = text.strip().casefold()
    if word in ("india", "bharat", "भारत", "इंडिया"):
        return "IN"
    return word.upper() if re.fullmatch(r"[a-z]{2}", word) else otherwise


def order_of(text: str) -> DateOrder | None:
    """Give what a date proves of its column: the day first, or the month; None when it proves nothing."""
    found = _DAY.fullmatch(text.strip())
    if not found:
        return None
    first, second = int(found[1]), int(found[2])
    return "dmy" if first > 12 >= second else "mdy" if second > 12 >= first else None


def instant_of(text: str, order: DateOrder) -> datetime | None:
    """Read a date, with or without a time, as a clock in India shows it; None when it is none."""
    text = text.strip()
    if re.fullmatch(r"\d{5}(\.\d+)?", text):
        days = float(text)
        return _EPOCH + timedelta(seconds=round(days * 86400)) if 36_000 < days < 80_000 else None
    try:
        if re.match(r"\d{4}-\d{2}-\d{2}", text):
            found = datetime.fromisoformat(text)
            return found if found.tzinfo else found.replace(tzinfo=IST)
        if found_day := _DAY.fullmatch(text):
            one, two, year = int(found_day[1]), int(found_day[2]), int(found_day[3])
            day, month = (one, two) if order == "dmy" else (two, one)
            return _at_clock(datetime(year + 2000 * (year < 100), month, day, tzinfo=IST), found_day[4])
    except ValueError:
        return None
    words = re.sub(r"[\s,\-/]+", " ", text).strip()
    for form in _MONTHS:
        try:
            return datetime.strptime(words, form).replace(tzinfo=IST)
        except ValueError:
            continue
    return None


def _at_clock(day: datetime, clock: str | None) -> datetime:
    """Give the day at a time like 4:05 pm. Raises ValueError."""
    if not clock or not clock.strip():
        return day
    found = _CLOCK.fullmatch(clock.strip())
    if not found:
        raise ValueError(clock)
    hour = int(found[1])
    if found[4]:
        hour = hour % 12 + 12 * (found[4].lower() == "p")
    return day.replace(hour=hour, minute=int(found[2]), second=int(found[3] or 0))
