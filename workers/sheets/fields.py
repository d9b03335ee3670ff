"""Which column is what: the names that people give to columns, in English and Hindi, and how they compare."""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Sequence
from typing import Final

FIELDS: Final = (
    "external_id", "name", "phone", "phone_2", "email", "email_2", "company", "address", "city", "state",
    "pincode", "country", "title", "product", "message", "received_at",
)  # fmt: skip
"""What a column may be matched to; the database takes no other."""

_SYNONYMS: Final[dict[str, tuple[str, ...]]] = {
    "external_id": (
        "id", "lead id", "leadid", "enquiry id", "inquiry id", "query id", "customer id", "record id",
        "unique id", "external id", "lead no", "enquiry no", "आईडी", "लीड आईडी",
    ),
    "name": (
        "name", "full name", "customer", "customer name", "client", "client name", "contact", "contact name",
        "contact person", "person", "person name", "buyer", "buyer name", "sender name", "lead name", "party",
        "party name", "first name", "नाम", "ग्राहक", "ग्राहक का नाम", "ग्राहक नाम", "पूरा नाम", "पार्टी का नाम",
        "खरीदार", "संपर्क व्यक्ति", "naam",
    ),
    "phone": (
        "phone", "phone no", "phone number", "mobile", "mobile no", "mobile number", "mob", "mob no", "cell",
        "contact no", "contact number", "whatsapp", "whatsapp no", "whatsapp number", "telephone", "tel",
        "number", "sender mobile", "primary phone", "phone 1", "mobile 1", "फोन", "फ़ोन", "फोन नंबर", "फ़ोन नंबर",
        "मोबाइल", "मोबाइल नंबर", "मोबाइल नं", "व्हाट्सएप", "व्हाट्सएप नंबर", "संपर्क नंबर", "नंबर", "दूरभाष",
    ),
    "phone_2": (
        "phone 2", "mobile 2", "alternate phone", "alternate number", "alternate mobile", "alt phone",
        "alt mobile", "alternate no", "other phone", "secondary phone", "landline", "दूसरा नंबर", "वैकल्पिक नंबर",
    ),
    "email": (
        "email", "e mail", "mail", "email id", "e mail id", "email address", "mail id", "sender email", "ईमेल",
        "ई मेल", "ईमेल आईडी", "मेल",
    ),
    "email_2": (
        "email 2", "alternate email", "alt email", "other email", "secondary email", "दूसरा ईमेल", "वैकल्पिक ईमेल",
    ),
    "company": (
        "company", "company name", "firm", "firm name", "organisation", "organization", "business",
        "business name", "shop", "shop name", "कंपनी", "कम्पनी", "कंपनी का नाम", "फर्म", "फर्म का नाम", "दुकान",
        "दुकान का नाम", "संस्था",
    ),
    "address": ("address", "full address", "street", "street address", "location", "पता", "पूरा पता"),
    "city": ("city", "town", "district", "place", "शहर", "नगर", "जिला", "ज़िला", "गांव", "गाँव", "स्थान"),
    "state": ("state", "province", "region", "राज्य", "प्रदेश"),
    "pincode": ("pincode", "pin code", "pin", "postal code", "zip", "zip code", "पिन", "पिन कोड", "पिनकोड"),
    "country": ("country", "country code", "nation", "देश"),
    "title": ("title", "subject", "enquiry subject", "query subject", "विषय", "शीर्षक"),
    "product": (
        "product", "product name", "products", "item", "item name", "requirement", "requirements", "service",
        "interested in", "product interest", "enquiry for", "category", "उत्पाद", "सामान", "वस्तु", "आवश्यकता",
        "जरूरत", "ज़रूरत", "प्रोडक्ट", "सेवा",
    ),
    "message": (
        "message", "enquiry", "inquiry", "query", "notes", "note", "remark", "remarks", "comment", "comments",
        "description", "details", "संदेश", "टिप्पणी", "विवरण", "पूछताछ", "नोट",
    ),
    "received_at": (
        "date", "enquiry date", "inquiry date", "query date", "lead date", "date time", "datetime",
        "received", "received on", "received at", "created", "created at", "created on", "timestamp",
        "time", "दिनांक", "तारीख", "तिथि", "समय",
    ),
}  # fmt: skip


def plain(name: str) -> str:
    """Give a column's name as names are compared: without case, punctuation and doubled spaces."""
    folded = unicodedata.normalize("NFKC", name).casefold()
    kept = (letter if unicodedata.category(letter)[0] in "LMN" else " " for letter in folded)
    return " ".join("".join(kept).split())


_BY_NAME: Final = {plain(name): field for field, names in _SYNONYMS.items() for name in names}


def field_of(name: str) -> str | None:
    """Give the field that a column's name stands for, or None."""
    return _BY_NAME.get(plain(name))


def known_names(row: Sequence[str]) -> int:
    """Count the cells of a row that are names of fields, each field once."""
    return len({field for cell in row if len(cell) <= 60 and (field := field_of(cell))})


def suggest(names: Sequence[str]) -> list[str | None]:
    """Give each column's field, each field once, the first column first; a second phone becomes phone_2."""
    taken: set[str] = set()
    found: list[str | None] = []
    for name in names:
        field = field_of(name)
        if field in ("phone", "email") and field in taken:
            field += "_2"
        if field in taken:
            field = None
        if field:
            taken.add(field)
        found.append(field)
    return found


def letters(index: int) -> str:
    """Give a column's letters, as spreadsheets count: A, …, Z, AA."""
    name = ""
    index += 1
    while index:
        index, rest = divmod(index - 1, 26)
        name = chr(ord("A") + rest) + name
    return name


def column_names(header: Sequence[str], width: int) -> list[str]:
    """Name every column: a blank one `column F`, a repeated one `Notes (2)`."""
    names: list[str] = []
    seen: dict[str, int] = {}
    for index in range(width):
        name = header[index][:200] if index < len(header) and header[index] else f"column {letters(index)}"
        seen[name] = seen.get(name, 0) + 1
        while seen[name] > 1 and f"{name} ({seen[name]})" in seen:
            seen[name] += 1
        if seen[name] > 1:
            name = f"{name} ({seen[name]})"
            seen[name] = 1
        names.append(name)
    return names


def fingerprint(names: Sequence[str]) -> str:
    """Give the digest by which the same headers are recognized again."""
    return hashlib.sha256("\x1f".join(plain(name) for name in names).encode()).hexdigest()
