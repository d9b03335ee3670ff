"""What kind of file it is, by its bytes, and its rows as cells.

Runs in the child process: the file is not to be trusted.
"""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, Final

from python_calamine import CalamineError, CalamineWorkbook, PasswordError, SheetTypeEnum, SheetVisibleEnum

from workers.sheets import fields, values

MOST_BYTES: Final = 20_971_520
MOST_UNZIPPED: Final = 200_000_000
MOST_ENTRIES: Final = 5_000
MOST_ROWS: Final = 100_000
MOST_COLUMNS: Final = 200
MOST_CELL: Final = 4_000_000  # longer than any cell: a quote that is never closed
HEADER_ROWS: Final = 20
DELIMITERS: Final = (",", ";", "\t", "|")
_SAVE_AS: Final = "Open it in your spreadsheet program and save it as XLSX or CSV."


class Unreadable(Exception):  # noqa: N818 (read as a sentence)
    """The file cannot be read, in words, with a slug."""

    def __init__(self, slug: str, words: str) -> None:
        super().__init__(words)
        self.slug, self.words = slug, words


@dataclass
class Table:
    """The rows of a file, from its first, and how they were read."""

    rows: Iterator[list[str]]
    about: dict[str, Any] = field(default_factory=dict)


def table_of(path: Path, choices: Mapping[str, Any]) -> Table:
    """Open a file as a person chose, else as its bytes say. Raises Unreadable."""
    with path.open("rb") as file:
        head = file.read(8192)
    if path.stat().st_size > MOST_BYTES:
        raise Unreadable("too_large", "The file is larger than 20 MB: split it into several files.")
    if head.startswith(b"PK\x03\x04"):
        return _workbook(path, choices)
    _refuse_others(head)
    return _text(path, choices, head)


def _refuse_others(head: bytes) -> None:
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n")[:200].lower()
    if start.startswith((b"<!doctype", b"<html", b"<table", b"<?xml", b"<head", b"<meta")):
        raise Unreadable("html_file", f"This is a web page that is named as a spreadsheet. {_SAVE_AS}")
    if head.startswith(b"\xd0\xcf\x11\xe0"):
        raise Unreadable(
            "old_excel",
            f"This is a file of an old Excel, or one with a password. {_SAVE_AS} (without password)",
        )
    if start.startswith(
        (b"%pdf", b"{\\rtf", b"\x89png", b"\xff\xd8\xff", b"gif8", b"\x1f\x8b", b"rar!", b"7z\xbc")
    ):
        raise Unreadable("not_a_table", f"This is no table of rows and columns. {_SAVE_AS}")
    if not head.strip():
        raise Unreadable("empty", "The file is empty.")


def _workbook(path: Path, choices: Mapping[str, Any]) -> Table:
    try:
        with zipfile.ZipFile(path) as parts:
            entries = parts.infolist()
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError):
        raise Unreadable("broken_file", f"The file is broken. {_SAVE_AS}") from None
    if len(entries) > MOST_ENTRIES or sum(entry.file_size for entry in entries) > MOST_UNZIPPED:
        raise Unreadable(
            "too_large", "Unpacked, the file is larger than 200 MB: split it into several files."
        )
    names = {entry.filename for entry in entries}
    if "xl/workbook.xml" not in names:
        raise Unreadable("not_a_table", f"This is no Excel workbook (XLSX). {_SAVE_AS}")
    try:
        book = CalamineWorkbook.from_path(path)
        sheets = [
            sheet.name
            for sheet in book.sheets_metadata
            if sheet.visible == SheetVisibleEnum.Visible and sheet.typ == SheetTypeEnum.WorkSheet
        ]
        if not sheets:
            raise Unreadable("no_sheet", "The workbook has no visible sheet.")
        chosen = choices.get("sheet")
        if chosen is not None and chosen not in sheets:
            raise Unreadable("no_such_sheet", "The workbook has no visible sheet of that name.")
        sheet = book.get_sheet_by_name(chosen or sheets[0])
        start = sheet.start or (0, 0)
        if sheet.width + start[1] > MOST_COLUMNS:
            raise Unreadable("too_many_columns", f"The sheet has more than {MOST_COLUMNS} columns.")
    except PasswordError:
        raise Unreadable("old_excel", f"The file has a password. {_SAVE_AS} (without password)") from None
    except CalamineError:
        raise Unreadable("broken_file", f"The file is broken. {_SAVE_AS}") from None
    margin = [""] * start[1]
    rows = (margin + [values.clean(values.text_of(cell)) for cell in row] for row in sheet.iter_rows())
    return Table(rows, {"format": "xlsx", "sheets": sheets[:100], "sheet": chosen or sheets[0]})


def _text(path: Path, choices: Mapping[str, Any], head: bytes) -> Table:
    encoding = choices.get("encoding") or _encoding_of(path, head)
    delimiter, skip = _declared(path, encoding)
    if "\0" in head.decode("latin-1") and encoding != "utf-16" and head.count(0) > len(head) // 4:
        raise Unreadable("not_a_table", f"This is no table of rows and columns. {_SAVE_AS}")
    delimiter = choices.get("delimiter") or delimiter or _delimiter_of(path, encoding)
    rows = _records(path, encoding, delimiter, skip)
    return Table(rows, {"format": "csv", "encoding": encoding, "delimiter": delimiter})


def _encoding_of(path: Path, head: bytes) -> str:
    """BOM, else strict UTF-8, else cp1252; `mixed` when some lines are the one and some the other."""
    if head.startswith((b"\xff\xfe", b"\xfe\xff")) or head[1::2].count(0) > len(head) // 3:
        return "utf-16"
    is_utf8, is_other = False, False
    with path.open("rb") as file:
        for line in file:
            if line.isascii():
                continue
            try:
                line.decode()
                is_utf8 = True
            except UnicodeDecodeError:
                is_other = True
    return "mixed" if is_utf8 and is_other else "cp1252" if is_other else "utf-8"


def _lines(path: Path, encoding: str) -> Iterator[str]:
    """Give the lines of a text file, without NUL; a byte that means nothing becomes a question mark."""
    if encoding == "utf-16":
        raw = path.open("rb")
        with raw:
            bom = raw.read(2)
            raw.seek(0)
            name = "utf-16" if bom in (b"\xff\xfe", b"\xfe\xff") else "utf-16-le"
            with io.TextIOWrapper(raw, name, errors="replace", newline="") as text:
                for line in text:
                    yield line.replace("\0", "")
        return
    with path.open("rb") as file:
        for number, given in enumerate(file):
            mine = given.removeprefix(b"\xef\xbb\xbf") if number == 0 else given
            yield _decoded(mine, encoding).replace("\0", "")


def _decoded(line: bytes, encoding: str) -> str:
    if encoding == "mixed":
        try:
            return line.decode()
        except UnicodeDecodeError:
            return line.decode("cp1252", "replace")
    return line.decode(encoding, "replace")


def _records(path: Path, encoding: str, delimiter: str, skip: int) -> Iterator[list[str]]:
    csv.field_size_limit(MOST_CELL)
    lines = islice(_lines(path, encoding), skip, None)
    # A return alone ends a line too (old Macs); within quotes csv keeps it.
    reader = csv.reader(lines, delimiter=delimiter)
    for _ in range(skip):
        yield []
    while True:
        try:
            record = next(reader)
        except StopIteration:
            return
        except csv.Error:
            raise Unreadable(
                "quote_not_closed",
                f"From about line {reader.line_num + skip} on a quotation mark is not closed.",
            ) from None
        if len(record) > MOST_COLUMNS and any(cell.strip() for cell in record[MOST_COLUMNS:]):
            raise Unreadable("too_many_columns", f"A row has more than {MOST_COLUMNS} columns.")
        yield [values.clean(cell) for cell in record[:MOST_COLUMNS]]


def _declared(path: Path, encoding: str) -> tuple[str | None, int]:
    """Give the delimiter that a first line `sep=;` names, and how many lines that takes."""
    first = next(_lines(path, encoding), "").strip("\r\n\ufeff ")
    if first[:4].lower() == "sep=" and first[4:5] in DELIMITERS:
        return first[4], 1
    return None, 0


def _delimiter_of(path: Path, encoding: str) -> str:
    """Give the delimiter with which the header has most known names, and most rows fit it."""
    best, choice = (-1, -1, -1), ","
    for delimiter in DELIMITERS:
        try:
            sample = list(islice(_records(path, encoding, delimiter, 0), 60))
        except Unreadable as error:
            if error.slug == "too_many_columns" and best < (0, 2, 2):
                best, choice = (0, 2, 2), delimiter  # to be refused for it, unless another fits
            continue
        if not sample:
            continue
        header = max(sample[:HEADER_ROWS], key=fields.known_names)
        width = len(header)
        fitting = sum(len(row) == width for row in sample) if width > 1 else 0
        score = (fields.known_names(header) if width > 1 else 0, fitting, width)
        if score > best:
            best, choice = score, delimiter
    return choice
