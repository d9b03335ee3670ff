"""A sheet for documents between two parties, with a QR code where the law wants one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import segno
from fpdf.enums import Align

from workers.billing.sheet import WIDTH, Millimetres, Sheet

QR: Final = 34.0
"""Millimetres of a QR code's side."""

_GAP: Final = 8.0
_SOFT, _INK = (98, 107, 118), (28, 33, 40)


class Paper(Sheet):
    """A sheet on which two parties face each other, and a QR code stands beside text."""

    def parties(self, left: tuple[str, Sequence[str]], right: tuple[str, Sequence[str]]) -> None:
        """Write two blocks beside each other: a soft heading, a name, and what is known of it."""
        width = (WIDTH - _GAP) / 2
        top = self._pdf.get_y()
        bottoms = []
        for x, (heading, lines) in ((self._pdf.l_margin, left), (self._pdf.l_margin + width + _GAP, right)):
            self._pdf.set_xy(x, top)
            self._write(heading, width, 8, 5, color=_SOFT)
            y = top + 5.4
            for at, line in enumerate(lines):
                size, height = (10.5, 5.6) if at == 0 else (9.0, 4.7)
                for part in self._broken(line, width, size):
                    self._pdf.set_xy(x, y)
                    self._write(part, width, size, height, bold=at == 0)
                    y += height
            bottoms.append(y)
        self._pdf.set_xy(self._pdf.l_margin, max(bottoms))
        self._space(4)

    def stamped(self, facts: Sequence[tuple[str, str]], qr: str | None) -> None:
        """Write facts with a QR code at their right."""
        top = self._pdf.get_y()
        width = WIDTH - (QR + _GAP if qr else 0) - 38
        for name, fact in facts:
            y = self._pdf.get_y()
            self._write(name, 38, 9.5, 5.2, color=_SOFT)
            for part in self._broken(fact, width, 9.5):
                self._pdf.set_xy(self._pdf.l_margin + 38, y)
                self._write(part, width, 9.5, 5.2)
                y += 5.2
            self._pdf.set_xy(self._pdf.l_margin, y + 0.6)
        if qr:
            self._draw(qr, self._pdf.l_margin + WIDTH - QR, top)
            self._pdf.set_xy(self._pdf.l_margin, max(self._pdf.get_y(), top + QR))

    def _draw(self, text: str, x: Millimetres, y: Millimetres) -> None:
        rows = list(segno.make(text, error="l", micro=False).matrix)
        cell = QR / len(rows)
        self._pdf.set_fill_color(0, 0, 0)
        for down, row in enumerate(rows):
            across = 0
            while across < len(row):  # a run is one rectangle: no hairlines between its cells
                run = across
                while run < len(row) and row[run] == row[across]:
                    run += 1
                if row[across]:
                    self._pdf.rect(
                        x + across * cell, y + down * cell, (run - across) * cell, cell + 0.01, style="F"
                    )
                across = run

    def _broken(self, text: str, width: Millimetres, size: Millimetres) -> list[str]:
        """Give a text in lines that fit, broken between words, within words that are too long alone."""
        with self._set(text, size, _INK) as shown:
            lines = self._pdf.multi_cell(width, 5, shown, align=Align.L, dry_run=True, output="LINES")
        return [str(line) for line in lines] if isinstance(lines, list) and lines else [text]
