"""Rows of a file as the database takes them: cleaned, identified, in batches; or why they are no leads."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from workers.sheets import fields, values

BATCH_ROWS: Final = 2_000
BATCH_BYTES: Final = 4_000_000
_RAW_CELL: Final = 2_000
_LENGTHS: Final = {
    "name": 200, "company": 300, "address": 1000, "city": 200, "state": 200, "pincode": 20, "title": 500,
    "product": 500, "message": 20_000,
}  # fmt: skip
_PERSON: Final = ("name", "company", "address", "city", "state", "pincode")

Item = dict[str, Any]


class RowError(Exception):
    """A row that cannot be a lead: which column, why, and the cell."""

    def __init__(self, column: str, code: str, raw: str) -> None:
        super().__init__(code)
        self.column, self.code, self.raw = column, code, raw


@dataclass(frozen=True)
class Columns:
    """Which column is which field."""

    index: Mapping[str, int]
    names: Sequence[str]
    orders: Sequence[values.DateOrder]
    country: str

    @classmethod
    def of(cls, mapping: Mapping[str, Any], reading: Mapping[str, Any]) -> Columns:
        """Read it from what a person confirmed and what reading found."""
        index = {str(name): int(column) for column, name in mapping["columns"].items()}
        columns = reading["columns"]
        return cls(
            index,
            [str(column["name"]) for column in columns],
            [column["date_order"] for column in columns],
            str(mapping.get("country") or "IN"),
        )

    def cell(self, row: Sequence[str], name: str) -> str:
        """Give a row's cell for a field; empty when there is none."""
        at = self.index.get(name)
        return row[at] if at is not None and at < len(row) else ""

    def column(self, name: str) -> str:
        """Give the name of a field's column."""
        return self.names[self.index[name]] if name in self.index else ""


def item_of(row: Sequence[str], number: int, mapping: Columns) -> Item:
    """Give a row as a lead. Raises RowError."""
    country = values.country_of(mapping.cell(row, "country"), mapping.country)
    given = mapping.cell(row, "phone") or mapping.cell(row, "phone_2")
    phone = values.phone_of(mapping.cell(row, "phone"), country)
    second = values.phone_of(mapping.cell(row, "phone_2"), country)
    phone = phone or second
    email = values.email_of(mapping.cell(row, "email"))
    second_email = values.email_of(mapping.cell(row, "email_2"))
    email = email or second_email
    if phone is None and email is None:
        raise _unreachable(mapping, given, mapping.cell(row, "email"))
    person: dict[str, Any] = {name: text for name in _PERSON if (text := _short(mapping, row, name))}
    if phone:
        person |= {"phone": phone.e164, "phone_kind": phone.kind, "phone_given": phone.given[:100]}
    elif given:
        person["phone_given"] = given[:100]
    if second and phone and second.e164 != phone.e164:
        person["phones"] = [second.e164]
    if email:
        person["email"] = email
    if second_email and second_email != email:
        person["emails"] = [second_email]
    if "country" in mapping.index:
        person["country"] = country
    item: dict[str, Any] = {
        name: text for name in ("title", "product", "message") if (text := _short(mapping, row, name))
    }
    problems = [] if phone or not given else ["phone_invalid"]
    moment = ""
    if date := mapping.cell(row, "received_at"):
        item["received_at_given"] = date[:100]
        found = values.instant_of(date, mapping.orders[mapping.index["received_at"]])
        moment = found.isoformat() if found else ""
        if found:
            item["received_at"] = moment
        else:
            problems.append("received_at_unreadable")
    raw = {
        mapping.names[at]: cell[:_RAW_CELL] for at, cell in enumerate(row) if cell and at < len(mapping.names)
    }
    digest = hashlib.sha256(json.dumps([person, item], sort_keys=True).encode()).hexdigest()[:32]
    who = ("p", phone.e164) if phone else ("e", str(email))
    return {
        "row": number,
        "external_id": _identity(mapping, row, who, item.get("product", ""), moment),
        "row_hash": digest,
        "item": {**item, "problems": problems, "person": person, "raw": raw},
    }


def _short(mapping: Columns, row: Sequence[str], name: str) -> str:
    return mapping.cell(row, name)[: _LENGTHS[name]].strip()


def _identity(mapping: Columns, row: Sequence[str], who: tuple[str, str], product: str, moment: str) -> str:
    """Give what makes a row the same as another: the mapped id, else the person with product and date."""
    if given := mapping.cell(row, "external_id"):
        if given.endswith(".0") and given[:-2].isdecimal():
            given = given[:-2]
        column = fields.plain(mapping.column("external_id"))
        key = f"id:{column}:{given}"
        return key if len(key) <= 200 else f"id:{hashlib.sha256(key.encode()).hexdigest()}"
    kind, value = who
    more = "".join(f"\x1f{part}" for part in (fields.plain(product), moment[:10]) if part)
    return f"{kind}:{hashlib.sha256((value + more).encode()).hexdigest()}"


def _unreachable(mapping: Columns, phone: str, email: str) -> RowError:
    if phone:
        column = mapping.column("phone" if "phone" in mapping.index else "phone_2")
        return RowError(
            column, "phone_lost_digits" if values.has_lost_digits(phone) else "phone_invalid", phone
        )
    column = mapping.column("phone") or mapping.column("email")
    return RowError(column, "email_invalid" if email else "no_phone_or_email", email)


@dataclass
class Batch:
    """Rows that are stored in one transaction."""

    number: int
    first: int
    last: int
    items: list[Item] = field(default_factory=list)
    errors: list[Item] = field(default_factory=list)
    blank: int = 0
    size: int = 0

    def as_json(self) -> dict[str, Any]:
        """Give it as worker.record_import_rows takes it."""
        return {
            "number": self.number, "from": self.first, "to": self.last, "items": self.items,
            "blank": self.blank, "errors": self.errors,
        }  # fmt: skip


def batches(
    rows: Iterator[list[str]], mapping: Columns, first: int, last: int, number: int
) -> Iterator[Batch]:
    """Give the rows from `first` to `last` in batches, counting batches from `number`."""
    batch = Batch(number, first, first - 1)
    for at, row in enumerate(rows, 1):
        if at < first:
            continue
        if at > last:
            break
        batch.last = at
        if not any(row):
            batch.blank += 1
        else:
            try:
                item = item_of(row, at, mapping)
            except RowError as error:
                batch.errors.append(
                    {"row": at, "column": error.column, "code": error.code, "raw": error.raw[:200]}
                )
            else:
                batch.items.append(item)
                batch.size += sum(map(len, row)) * 2 + 400
        if at + 1 - batch.first >= BATCH_ROWS or batch.size > BATCH_BYTES:
            yield batch
            batch = Batch(batch.number + 1, at + 1, at)
    if batch.last >= batch.first:
        yield batch
