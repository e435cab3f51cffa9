"""A value of the other program's graph, as a blob of Caffe holds it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Shape = tuple[int, ...]
# An open batch has this size while a net is drawn: a prime that no axis of a net has, so that
# it is seen again in whatever was made of it. Nothing of this size is ever computed.
BATCH = 1_000_003


@dataclass(frozen=True)
class Value:
    """A blob, and what the other program takes it for.

    `held` is the blob's shape, `shape` that of the value: the same numbers in the same order.
    `pads` are still to be put around, before and after each axis behind the channels. Both become
    layers only where the next layer cannot do without.
    """

    blob: str
    held: Shape
    shape: Shape
    pads: tuple[tuple[int, int], ...] = ()
    # What the pads are filled with.
    fill: float = 0.0

    @property
    def plain(self) -> bool:
        """Whether the blob is the value as it is."""
        return self.held == self.shape and not self.pads

    def seen_as(self, shape: Shape) -> Value:
        """The same numbers in another shape; the pads must have been put."""
        return replace(self, shape=shape)


def count(shape: Shape) -> int:
    """How many numbers."""
    return int(np.prod([int(size) for size in shape], dtype=object)) if shape else 1


def words(shape: Shape) -> str:
    """A shape for a message."""
    return " × ".join("N" if size == BATCH else str(size) for size in shape) or "a number"
