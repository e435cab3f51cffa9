"""Results as a table: aligned on a terminal, Markdown and CSV in files."""

from __future__ import annotations

import csv
import io
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Table:
    """A head and rows of texts."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def lines(self) -> list[str]:
        """For a terminal, the columns aligned."""
        table = [self.head, *self.rows]
        widths = [max(map(_width, column)) for column in zip(*table)]
        lines = []
        for row in table:
            cells = (cell + " " * (width - _width(cell)) for cell, width in zip(row, widths))
            lines.append("  ".join(cells).rstrip())
        return lines

    def markdown(self) -> str:
        """For documents."""
        rows = [self.head, ("---",) * len(self.head), *self.rows]
        return "".join(f"| {' | '.join(cell.replace('|', '/') for cell in r)} |\n" for r in rows)

    def csv(self) -> str:
        """For programs."""
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows([self.head, *self.rows])
        return text.getvalue()


def seconds_text(seconds: float) -> str:
    """Seconds as people write them."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    return f"{int(seconds // 60)} min {int(seconds % 60):02d} s"


def value_text(metric: str, value: float) -> str:
    """An accuracy in per cent, anything else to four digits."""
    return f"{100 * value:.2f} %" if "accuracy" in metric else f"{value:.4g}"


def _width(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(one) in "WF" else 1 for one in text)


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    """A table of these."""
    return Table(tuple(head), tuple(map(tuple, rows)))
