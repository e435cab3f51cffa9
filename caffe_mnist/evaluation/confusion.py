"""How often pictures of each class are taken for each other one, and what follows from it."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

# On a terminal a matrix of more classes is no use: the commonest mistakes are listed instead.
MOST_SHOWN, MISTAKES = 20, 20


@dataclass(frozen=True)
class ClassResult:
    """One class: its pictures, and how well it was found. What divides by nothing is None.

    precision: how many of those taken for it are it; recall: how many of it were found;
    f1 = 2 · precision · recall / (precision + recall).
    """

    name: str
    pictures: int
    predicted: int
    right: int

    @property
    def precision(self) -> float | None:
        """right / predicted."""
        return self.right / self.predicted if self.predicted else None

    @property
    def recall(self) -> float | None:
        """right / pictures."""
        return self.right / self.pictures if self.pictures else None

    @property
    def f1(self) -> float | None:
        """The harmonic mean of both, 2 · right / (pictures + predicted)."""
        both = self.pictures + self.predicted
        return 2 * self.right / both if both else None


@dataclass
class Confusion:
    """Counts by true class (row) and predicted class (column)."""

    names: Sequence[str]
    counts: npt.NDArray[np.int64] = field(init=False)

    def __post_init__(self) -> None:
        self.counts = np.zeros((len(self.names), len(self.names)), np.int64)

    def add(self, true: int, predicted: int) -> None:
        """One picture."""
        self.counts[true, predicted] += 1

    @property
    def total(self) -> int:
        """All pictures."""
        return int(self.counts.sum())

    @property
    def accuracy(self) -> float:
        """The share of pictures that were recognised; 0 of none."""
        return float(np.trace(self.counts)) / max(1, self.total)

    def classes(self) -> list[ClassResult]:
        """A result for each class, in their order."""
        rows, columns, right = self.counts.sum(1), self.counts.sum(0), np.diag(self.counts)
        return [
            ClassResult(name, int(rows[i]), int(columns[i]), int(right[i]))
            for i, name in enumerate(self.names)
        ]

    def mistakes(self) -> list[tuple[int, str, str]]:
        """The commonest mistakes, most first: how often, the true class, the predicted one."""
        wrong = self.counts - np.diag(np.diag(self.counts))
        order = np.argsort(-wrong, axis=None, kind="stable")[:MISTAKES]
        places = [divmod(int(one), len(self.names)) for one in order]
        return [(int(wrong[r, c]), self.names[r], self.names[c]) for r, c in places if wrong[r, c]]

    def text(self) -> list[str]:
        """The matrix for a terminal; the commonest mistakes where it would be too large."""
        if len(self.names) > MOST_SHOWN:
            return [
                f"{count:6} × {true} taken for {other}" for count, true, other in self.mistakes()
            ]
        heads = [name if len(name) <= 8 else name[:7] + "…" for name in self.names]
        widths = [max(len(head), len(str(max(column, default=0))), 3)
                  for head, column in zip(heads, self.counts.T.tolist())]  # fmt: skip
        first = max(map(len, heads), default=0)
        lines = [" " * first + "  " + " ".join(h.rjust(w) for h, w in zip(heads, widths))]
        for head, row in zip(heads, self.counts.tolist()):
            cells = (str(one or ".").rjust(width) for one, width in zip(row, widths))
            lines.append(f"{head.ljust(first)}  {' '.join(cells)}")
        return lines

    def csv(self) -> str:
        """The matrix with names, rows true, columns predicted."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(["true \\ predicted", *self.names])
        writer.writerows([name, *row] for name, row in zip(self.names, self.counts.tolist()))
        return text.getvalue()
