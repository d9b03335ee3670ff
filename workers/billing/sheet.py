"""A4 pages with headings, facts, tables and sums, in the scripts that names in India are written in.

The fonts come from a package, not from the host: the same text makes the same bytes everywhere. Noto Sans has
figures of one width, so that columns align; the other scripts are opened only when a text needs them. The
files are variable fonts, whose outlines as they stand are the regular weight; bold is drawn with a stroke,
for to cut a bold instance out of them takes seconds.
"""

from __future__ import annotations

import importlib.resources
import logging
import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final, NamedTuple, cast

from fpdf import FPDF
from fpdf.enums import Align, MethodReturnValue, TextMode, XPos, YPos
from fpdf.fonts import TTFFont

# It tells of every table that it leaves out of a font.
logging.getLogger("fontTools").setLevel(logging.WARNING)

Millimetres = float
WIDTH: Final = 180.0
"""Millimetres between the margins."""

_MARGIN, _TOP, _BOTTOM, _BELOW, _PADDING = 15.0, 15.0, 277.0, 284.0, 1.5
_INK, _SOFT, _LINE, _PALE, _AMBER, _AMBER_PALE = (
    (28, 33, 40), (98, 107, 118), (214, 219, 225), (244, 246, 248), (138, 84, 0), (255, 244, 220),
)  # fmt: skip
_BASE = "latin"
_FONTS: Final = {
    _BASE: "NotoSans[wght].ttf",
    "arabic": "NotoSansArabic[wght].ttf",
    "bengali": "NotoSansBengali[wght].ttf",
    "devanagari": "NotoSansDevanagari[wght].ttf",
    "gujarati": "NotoSansGujarati[wght].ttf",
    "gurmukhi": "NotoSansGurmukhi[wght].ttf",
    "kannada": "NotoSansKannada[wght].ttf",
    "malayalam": "NotoSansMalayalam[wght].ttf",
    "oriya": "NotoSansOriya[wght].ttf",
    "tamil": "NotoSansTamil[wght].ttf",
    "telugu": "NotoSansTelugu[wght].ttf",
    "emoji": "NotoEmoji[wght].ttf",
}
_CELL = 8.5  # the size of letters in a table, in points
_UNKNOWN = "\N{REPLACEMENT CHARACTER}"


class Column(NamedTuple):
    """A column of a table; figures stand at its right."""

    title: str
    width: float
    is_figure: bool = True


@dataclass(frozen=True)
class Cell:
    """A cell with a second line, smaller and softer."""

    text: str
    below: str = ""


Row = Sequence[str | Cell]


class Sheet:
    """Pages that are filled from the top; a table goes on over the page with its header repeated."""

    def __init__(self, title: str, running: tuple[str, str], footer: str, made_at: datetime) -> None:
        self._pdf = pdf = FPDF(format="A4")
        pdf.set_title(title)
        pdf.set_lang("en-IN")
        pdf.set_creation_date(made_at)  # else the clock's, and the same text would make other bytes
        pdf.set_auto_page_break(False)
        pdf.set_margins(_MARGIN, _TOP, _MARGIN)
        pdf.str_alias_nb_pages = ""  # a name that says {nb} is a name
        pdf.c_margin = 0
        self._running, self._footer = running, footer
        self._font(_BASE)
        self._page()

    def masthead(self, title: str, beside: str, below: str) -> None:
        """Write the title, what stands right of it, and for whom it is."""
        y = self._pdf.get_y()
        self._write(title, WIDTH * 0.6, 20, 10, bold=True)
        self._pdf.set_xy(_MARGIN + WIDTH * 0.6, y)
        self._write(beside, WIDTH * 0.4, 13, 10, Align.R)
        self._pdf.set_xy(_MARGIN, y + 12)
        self._paragraph(below, 12, 6.4)
        self._space(3)
        self._rule(_INK, 0.4)
        self._space(4)

    def notice(self, text: str) -> None:
        """Write a line that nobody should miss."""
        self._room(10)
        y = self._pdf.get_y()
        self._pdf.set_fill_color(*_AMBER_PALE)
        self._pdf.rect(_MARGIN, y, WIDTH, 7.5, style="F")
        self._pdf.set_xy(_MARGIN + 3, y)
        self._write(text, WIDTH - 6, 9.5, 7.5, color=_AMBER, bold=True)
        self._pdf.set_xy(_MARGIN, y + 7.5)
        self._space(4)

    def facts(self, facts: Sequence[tuple[str, str]]) -> None:
        """Write what is known in words: a name at the left, what it is at its right."""
        for name, fact in facts:
            height = self._height(fact, 9.5, 5.2, WIDTH - 38)
            self._room(height)
            y = self._pdf.get_y()
            self._write(name, 38, 9.5, 5.2, color=_SOFT)
            self._pdf.set_xy(_MARGIN + 38, y)
            self._paragraph(fact, 9.5, 5.2, WIDTH - 38)
            self._pdf.set_xy(_MARGIN, y + height + 0.6)

    def heading(self, text: str, *, followed_by: float = 18) -> None:
        """Write a heading, on the page on which what follows begins."""
        if not self._room(14 + followed_by) and self._pdf.get_y() > _TOP + 12:
            self._space(6)
        self._write(text, WIDTH, 11.5, 6, bold=True)
        self._pdf.set_xy(_MARGIN, self._pdf.get_y() + 7)

    def table(self, columns: Sequence[Column], rows: Sequence[Row], sums: Row | None = None) -> None:
        """Write rows under a header that every page repeats, and under them their sums."""
        columns, size = self._fitting(columns, rows if sums is None else [*rows, sums])
        self._header(columns)
        for row in rows:
            height = 8.4 if any(isinstance(cell, Cell) for cell in row) else 5.6
            if self._room(height):
                self._header(columns)
            self._row(columns, row, height, size)
            self._rule(_LINE, 0.15)
        if sums is not None:
            if self._room(6.6):
                self._header(columns)
            self._rule(_INK, 0.3)
            self._row(columns, sums, 6.6, size, bold=True)

    def sums(self, rows: Sequence[tuple[str, str]], last: tuple[str, str]) -> None:
        """Write amounts below each other in the right half, the last of them as the result."""
        left, width, height = _MARGIN + WIDTH - 96, 96 - _PADDING, 5.6
        self._room(height * len(rows) + 9)
        for name, amount in rows:
            y = self._pdf.get_y()
            self._pdf.set_x(left)
            self._write(name, width / 2, 9.5, height, color=_SOFT)
            self._pdf.set_xy(left + width / 2, y)
            self._write(amount, width / 2, 9.5, height, Align.R)
            self._pdf.set_xy(_MARGIN, y + height)
        y = self._pdf.get_y() + 1
        self._pdf.set_fill_color(*_PALE)
        self._pdf.rect(left - _PADDING, y, width + 2 * _PADDING, 8, style="F")
        self._pdf.set_xy(left, y)
        self._write(last[0], width / 2, 11, 8, bold=True)
        self._pdf.set_xy(left + width / 2, y)
        self._write(last[1], width / 2, 11, 8, Align.R, bold=True)
        self._pdf.set_xy(_MARGIN, y + 8)

    def note(self, text: str) -> None:
        """Write a paragraph of small print."""
        height = self._height(text, 8.5, 4.4, WIDTH)
        self._room(height + 2)
        self._space(2)
        self._paragraph(text, 8.5, 4.4, color=_SOFT)

    def as_bytes(self) -> bytes:
        """Give the PDF."""
        pages = self._pdf.pages_count
        for page in range(1, pages + 1):  # how many there are is known only now
            self._pdf.page = page
            self._pdf.current_font_is_set_on_page = False
            self._pdf.set_xy(_MARGIN, _BELOW)
            self._write(self._footer, WIDTH * 0.8, 8, 4, color=_SOFT)
            self._pdf.set_xy(_MARGIN + WIDTH * 0.8, _BELOW)
            self._write(f"Page {page} of {pages}", WIDTH * 0.2, 8, 4, Align.R, color=_SOFT)
        made = bytes(self._pdf.output())
        for font in self._pdf.fonts.values():
            cast(TTFFont, font).ttfont.close()
        return made

    # Pages

    def _page(self) -> None:
        self._pdf.add_page()
        self._pdf.set_xy(_MARGIN, _TOP)
        if self._pdf.page > 1:
            left, right = self._running
            self._write(left, WIDTH * 0.5, 8, 5, color=_SOFT)
            self._pdf.set_xy(_MARGIN + WIDTH * 0.5, _TOP)
            self._write(right, WIDTH * 0.5, 8, 5, Align.R, color=_SOFT)
            self._pdf.set_xy(_MARGIN, _TOP + 6)
            self._rule(_LINE, 0.2)
            self._space(4)

    def _room(self, height: float) -> bool:
        """Go to a new page where the height does not fit; tell whether it was needed."""
        if self._pdf.get_y() + height <= _BOTTOM:
            return False
        self._page()
        return True

    def _space(self, height: float) -> None:
        self._pdf.set_xy(_MARGIN, self._pdf.get_y() + height)

    def _rule(self, color: tuple[int, int, int], width: float) -> None:
        self._pdf.set_draw_color(*color)
        self._pdf.set_line_width(width)
        y = self._pdf.get_y()
        self._pdf.line(_MARGIN, y, _MARGIN + WIDTH, y)

    # Tables

    def _fitting(self, columns: Sequence[Column], rows: Sequence[Row]) -> tuple[list[Column], float]:
        """Give the columns as wide as what is in them, and the size of letters at which all of them fit.

        The first takes what the others leave, and half of its width at least.
        """
        first, *others = columns
        self._pdf.set_font(_BASE, size=_CELL)
        needs = [
            max((self._pdf.get_string_width(_text(row[at])) for row in rows), default=0) + 2 * _PADDING
            for at in range(1, len(columns))
        ]
        wide = [max(column.width, need) for column, need in zip(others, needs, strict=True)]
        room, size = WIDTH - first.width / 2, _CELL
        if sum(wide) > room:
            shrink = min(1.0, room / sum(needs))
            wide, size = [need * shrink for need in needs], _CELL * shrink
        widths = [WIDTH - sum(wide), *wide]
        return [column._replace(width=width) for column, width in zip(columns, widths, strict=True)], size

    def _header(self, columns: Sequence[Column]) -> None:
        y = self._pdf.get_y()
        self._pdf.set_fill_color(*_PALE)
        self._pdf.rect(_MARGIN, y, WIDTH, 6.2, style="F")
        self._row(columns, [column.title for column in columns], 6.2, 8, color=_SOFT)
        self._rule(_LINE, 0.2)

    def _row(
        self,
        columns: Sequence[Column],
        row: Row,
        height: float,
        size: float,
        *,
        color: tuple[int, int, int] = _INK,
        bold: bool = False,
    ) -> None:
        x, y = _MARGIN, self._pdf.get_y()
        for column, cell in zip(columns, row, strict=True):
            text, below = _text(cell), cell.below if isinstance(cell, Cell) else ""
            align, inner = Align.R if column.is_figure else Align.L, column.width - 2 * _PADDING
            self._pdf.set_xy(x + _PADDING, y + (0.5 if below else 0))
            self._write(text, inner, size, 4.4 if below else height, align, color=color, bold=bold)
            if below:
                self._pdf.set_xy(x + _PADDING, y + 4.5)
                self._write(below, inner, 7, 3.4, align, color=_SOFT)
            x += column.width
        self._pdf.set_xy(_MARGIN, y + height)

    # Text

    def _write(
        self,
        text: str,
        width: float,
        size: float,
        height: float,
        align: Align = Align.L,
        *,
        color: tuple[int, int, int] = _INK,
        bold: bool = False,
    ) -> None:
        """Write one line: smaller where it does not fit, down to two thirds, then cut."""
        pdf = self._pdf
        with self._set(text, size, color, bold=bold) as readable:
            shown, needs = readable, pdf.get_string_width(readable)
            if needs > width:
                pdf.set_font_size(max(size * width / needs * 0.995, size * 2 / 3))
                while len(shown) > 1 and pdf.get_string_width(shown) > width:
                    shown = shown[:-2].rstrip() + "…"
            pdf.cell(width, height, shown, align=align, new_x=XPos.LEFT, new_y=YPos.TOP)

    def _paragraph(
        self,
        text: str,
        size: float,
        height: float,
        width: float = WIDTH,
        *,
        color: tuple[int, int, int] = _INK,
    ) -> None:
        with self._set(text, size, color) as shown:
            self._pdf.multi_cell(width, height, shown, align=Align.L, new_x=XPos.LMARGIN, new_y=YPos.NEXT)

    def _height(self, text: str, size: float, height: float, width: float) -> float:
        with self._set(text, size, _INK) as shown:
            lines = self._pdf.multi_cell(
                width, height, shown, align=Align.L, dry_run=True, output=MethodReturnValue.LINES
            )
        return height * max(1, len(lines)) if isinstance(lines, list) else height

    @contextmanager
    def _set(
        self, text: str, size: float, color: tuple[int, int, int], *, bold: bool = False
    ) -> Iterator[str]:
        """Set the fonts for a text, and give it as far as they have glyphs for it."""
        pdf, needed = self._pdf, [_BASE]
        if not text.isascii():
            text, needed = self._readable(text)
        pdf.set_font(needed[0], size=size)
        pdf.set_fallback_fonts(needed[1:])
        pdf.set_text_color(*color)
        if len(needed) > 1:
            pdf.set_text_shaping(True)
        if bold:
            pdf.text_mode = TextMode.FILL_STROKE
            pdf.set_draw_color(*color)
            pdf.set_line_width(size * 0.0106)
        try:
            yield text
        finally:
            pdf.text_mode = TextMode.FILL
            if len(needed) > 1:
                pdf.set_text_shaping(False)

    def _readable(self, text: str) -> tuple[str, list[str]]:
        """Give a text without what no font has, and its fonts: first that of its first script."""
        fonts: list[str] = []
        made: list[str] = []
        for char in text:
            if 0xFE00 <= ord(char) <= 0xFE0F:  # asks for another look of the character before it
                continue
            found = next((name for name in (_BASE, _script(char)) if name and self._has(name, char)), None)
            if found and found != _BASE and found not in fonts:
                fonts.append(found)
            made.append(char if found or char.isspace() else _UNKNOWN)
        return "".join(made), sorted([*fonts, _BASE], key=lambda name: (name == "emoji", name == _BASE))

    def _has(self, name: str, char: str) -> bool:
        return ord(char) in self._font(name).cmap

    def _font(self, name: str) -> TTFFont:
        if name not in self._pdf.fonts:
            folder = importlib.resources.files("manimgx_fonts")
            self._pdf.add_font(name, fname=Path(str(folder / _FONTS[name])))
        return cast(TTFFont, self._pdf.fonts[name])


def _text(cell: str | Cell) -> str:
    return cell.text if isinstance(cell, Cell) else cell


def _script(char: str) -> str | None:
    """Give the font that a character's script is in."""
    first = unicodedata.name(char, "").split(" ", 1)[0].lower()
    if first in _FONTS:
        return first
    return "emoji" if unicodedata.category(char) == "So" else None
