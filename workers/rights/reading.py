"""Rows of an organization, page by page, into pieces: some megabytes each, packed, every page by itself.

A piece is kept before the next is begun, and with it where the next begins. Whoever dies is followed by
somebody who goes on there.
"""

from __future__ import annotations

import csv
import io
import json
import time
import zlib
from dataclasses import dataclass, field
from typing import Any, Final

from workers.database import Database
from workers.sheets.values import guarded

BATCH: Final = 2000
_ENOUGH: Final = 6 << 20  # bytes of a piece
_LEVEL: Final = 1


@dataclass
class Piece:
    """What was read in one go, its size as JSON, and where the next begins (`at_table` None: all is read)."""

    data: bytearray = field(default_factory=bytearray)
    segments: list[dict[str, Any]] = field(default_factory=list)
    tables: dict[str, int] = field(default_factory=dict)
    size: int = 0
    at_table: str | None = None
    after: list[Any] | None = None

    def add(self, file: str, text: bytes, rows: int) -> None:
        """Pack some lines of a file."""
        packed = zlib.compress(text, _LEVEL)
        self.segments.append({"file": file, "offset": len(self.data), "length": len(packed), "rows": rows})
        self.data += packed

    @property
    def read(self) -> dict[str, Any]:
        """The counts that the database adds up."""
        return {"rows": sum(self.tables.values()), "bytes": self.size, "tables": self.tables}


class Reader:
    """Reads the tables of a plan, in its order, up to a cut-off."""

    def __init__(self, database: Database, org_id: str, cutoff: str, tables: list[dict[str, Any]]) -> None:
        self._database, self._org_id, self._cutoff = database, org_id, cutoff
        self._tables = sorted(tables, key=lambda table: str(table["table"]))

    def piece(self, at_table: str | None, after: list[Any] | None, until: float) -> Piece:
        """Read from a place on until the piece is full, `until` (of time.monotonic) is past, or all is read.

        A table that is gone by now, as after an update of Flow, is passed over.
        """
        made = Piece()
        for table in self._tables:
            if at_table is not None and table["table"] < at_table:
                continue
            if table["table"] != at_table:
                after = None
            while True:
                if made.segments and (len(made.data) >= _ENOUGH or time.monotonic() > until):
                    made.at_table, made.after = table["table"], after
                    return made
                after = self._page(made, table, after)
                if after is None:
                    break
        return made

    def _page(self, made: Piece, table: dict[str, Any], after: list[Any] | None) -> list[Any] | None:
        page = self._database.rpc(
            "export_page",
            org_id=self._org_id, table_name=table["table"], after=after, cutoff=self._cutoff, batch=BATCH,
        )  # fmt: skip
        rows, lines, name = page["rows"], page["lines"], table["table"].removeprefix("public.")
        text = f"{lines}\n".encode() if rows else b""
        made.add(f"data/{name}.jsonl", text, rows)
        made.add(f"csv/{name}.csv", as_csv(table["columns"], lines, is_first=after is None), rows)
        made.tables[table["table"]] = made.tables.get(table["table"], 0) + rows
        made.size += len(text)
        last: list[Any] | None = page["last"]
        return last


class _Number(str):
    """A number as it was written: no digit is lost, and no spreadsheet takes it for a formula."""

    __slots__ = ()


_decode = json.JSONDecoder(parse_int=_Number, parse_float=_Number).decode


def as_csv(columns: list[str], lines: str, *, is_first: bool) -> bytes:
    """Give lines of JSON as CSV; spreadsheets know UTF-8 by its mark, and run what looks like a formula."""
    out = io.StringIO()
    write = csv.writer(out).writerow
    if is_first:
        out.write("\ufeff")
        write(columns)
    for line in lines.split("\n") if lines else ():
        write([_cell(value) for value in _decode(line).values()])
    return out.getvalue().encode()


def _cell(value: object) -> str:
    if value is None:
        return ""
    if type(value) is str:
        return guarded(value)
    if isinstance(value, _Number):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return json.dumps(value, ensure_ascii=False)
