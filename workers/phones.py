"""Telephone numbers as people write them, read with libphonenumber."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal

import phonenumbers
from phonenumbers import PhoneNumberType

Kind = Literal["mobile", "fixed_line", "fixed_line_or_mobile", "other"]

GREETABLE: Final = frozenset[Kind]({"mobile", "fixed_line_or_mobile"})
"""Kinds of number that WhatsApp may reach."""

_KINDS: Final[dict[int, Kind]] = {
    PhoneNumberType.MOBILE: "mobile",
    PhoneNumberType.FIXED_LINE: "fixed_line",
    PhoneNumberType.FIXED_LINE_OR_MOBILE: "fixed_line_or_mobile",
}
_LONGEST: Final = 60
_E164: Final = re.compile(r"\+[1-9][0-9]{6,14}")


@dataclass(frozen=True, slots=True)
class Phone:
    """A number that exists by its country's numbering plan."""

    e164: str
    kind: Kind
    given: str
    """As it was written."""

    @property
    def is_greetable(self) -> bool:
        """Whether WhatsApp may reach it."""
        return self.kind in GREETABLE


def parse(given: str, country: str | None = "IN") -> Phone | None:
    """Give the number that a text holds, or None when it holds no valid one.

    The country (ISO 3166) is for numbers without plus sign; digits may be Devanagari or any other.
    """
    region = (country or "").strip().upper()
    if region not in phonenumbers.SUPPORTED_REGIONS:
        region = "IN"
    text = given.strip()
    if len(text) > _LONGEST:
        return None
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_valid_number(number):
        return None
    e164 = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    if not _E164.fullmatch(e164):
        return None
    return Phone(e164, _KINDS.get(phonenumbers.number_type(number), "other"), given)


def further(candidates: Iterable[str], first: Phone | None, country: str | None = "IN") -> list[str]:
    """Give the other valid numbers of several (E.164), each once, in their order; without the first."""
    found = [phone.e164 for given in candidates if given and (phone := parse(given, country))]
    return [number for number in dict.fromkeys(found) if first is None or number != first.e164]


def first_valid(candidates: Iterable[str], country: str | None = "IN") -> Phone | None:
    """Give the first valid number of several, or None."""
    for given in candidates:
        if given and (phone := parse(given, country)):
            return phone
    return None
