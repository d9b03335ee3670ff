"""What a file holds: which row is the header, what its columns seem to be, and how its first rows look."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from workers.sheets import fields, values
from workers.sheets.files import HEADER_ROWS, MOST_ROWS, Table, Unreadable

PREVIEW_ROWS: Final = 20
_PREVIEW_CELL: Final = 200
_SAMPLE: Final = 200


def read(table: Table, choices: Mapping[str, Any], country: str) -> dict[str, Any]:
    """Read a table to its end; give what `lead_imports.reading` holds. Raises Unreadable."""
    head: list[list[str]] = []
    for row in table.rows:
        head.append(row)
        if len(head) == HEADER_ROWS + _SAMPLE:
            break
    header_row = int(choices.get("header_row", _header_row(head, country)))
    header = head[header_row - 1] if 0 < header_row <= len(head) else []
    columns = _Columns()
    last, number = header_row, 0
    for number, row in enumerate(_chained(head, table.rows), 1):
        if number <= header_row:
            continue
        if any(row):
            last = number
            columns.look(row)
        if last - header_row > MOST_ROWS:
            raise Unreadable(
                "too_many_rows", f"The file has more than {MOST_ROWS:,} rows: split it into several files."
            )
    if last == header_row:
        raise Unreadable("no_rows", "There is no row below the header.")
    while header and not header[-1]:
        header = header[:-1]
    names = fields.column_names(header, max(len(header), columns.width))
    preview = [[cell[:_PREVIEW_CELL] for cell in row] for row in head[header_row:] if any(row)][:PREVIEW_ROWS]
    found: list[str | None] = fields.suggest(names) if header_row else [None for _ in names]
    return {
        **table.about,
        "header_row": header_row,
        "rows": last - header_row,
        "fingerprint": fields.fingerprint(names),
        "columns": [
            {"name": name, "field": field, "date_order": columns.order(index)}
            for index, (name, field) in enumerate(
                zip(names, _by_content(found, head[header_row:], country), strict=True)
            )
        ],
        "preview": preview,
        "notes": columns.notes(),
    }


def _chained(head: Sequence[list[str]], rest: Iterator[list[str]]) -> Iterator[list[str]]:
    yield from head
    yield from rest


def _header_row(head: Sequence[list[str]], country: str) -> int:
    """Give the row (from 1) with most known names; else the first of words alone; 0 when there is none."""
    first = head[:HEADER_ROWS]
    best = max(range(len(first)), key=lambda at: fields.known_names(first[at]), default=0)
    if first and fields.known_names(first[best]):
        return best + 1
    for at, row in enumerate(first):
        filled = [cell for cell in row if cell]
        if len(filled) > 1:
            is_data = any(values.phone_of(cell, country) or values.email_of(cell) for cell in filled)
            return 0 if is_data else at + 1
    return 0


def _by_content(found: list[str | None], rows: Sequence[list[str]], country: str) -> list[str | None]:
    """Complete what the names tell by the cells: numbers and e-mail addresses show themselves."""
    tests = {
        "phone": lambda cell: values.phone_of(cell, country) is not None,
        "email": lambda cell: values.email_of(cell) is not None,
    }
    for field, is_one in tests.items():
        if field in found:
            continue
        for index, taken in enumerate(found):
            cells = [row[index] for row in rows[:50] if index < len(row) and row[index]]
            if taken is None and cells and sum(map(is_one, cells)) * 10 >= len(cells) * 6:
                found[index] = field
                break
    return found


class _Columns:
    """What a whole column proves, though no single row does."""

    def __init__(self) -> None:
        self.width = 0
        self._orders: dict[int, set[str]] = {}
        self._ragged = False
        self._lost = 0

    def look(self, row: Sequence[str]) -> None:
        """Take one row into account."""
        filled = len(row)
        while filled and not row[filled - 1]:
            filled -= 1
        self._ragged |= bool(self.width) and filled > self.width
        self.width = max(self.width, filled)
        for index, cell in enumerate(row):
            if not cell or not cell[0].isdecimal() or len(cell) > 30:
                continue
            if order := values.order_of(cell):
                self._orders.setdefault(index, set()).add(order)
            elif values.has_lost_digits(cell):
                self._lost += 1

    def order(self, index: int) -> str:
        """Give the order of a column's dates: the day first, unless the column disproves it."""
        return "mdy" if self._orders.get(index) == {"mdy"} else "dmy"

    def notes(self) -> list[str]:
        """Give what a person should know before confirming."""
        notes = []
        if self._lost:
            notes.append("digits_lost")  # numbers like 9.8E+09
        if any(len(orders) > 1 for orders in self._orders.values()):
            notes.append("dates_disagree")
        return notes
