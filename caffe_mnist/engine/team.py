"""The solvers that train one net together: alone by default, many by `group.Group`.

Caffe's meaning: each takes the solver's batch size and its share of the data, gradients are
averaged over all, and the root (rank 0) alone logs, tests and writes snapshots.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from caffe_mnist.engine.asked import Action

if TYPE_CHECKING:
    from collections.abc import Callable

    from caffe_mnist.engine.solver import Solver


class Team:
    """One solver alone; the base of those that are several."""

    def __init__(
        self, asked: Callable[[], Action] = lambda: Action.NONE, rank: int = 0, size: int = 1
    ) -> None:
        """`asked` is what this process alone was asked for since the last call.

        With a `rank` below `size`, data is shared with others that somebody else keeps together.
        """
        self._asked, self.rank, self.size = asked, rank, size

    @property
    def is_root(self) -> bool:
        """Whether this solver logs, tests and writes snapshots."""
        return self.rank == 0

    def action(self) -> Action:
        """What all of them are to do now, after an iteration or while testing."""
        return self._asked()

    def agree(self, number: int) -> int:
        """The root's `number` (below 2⁶³); all call it at the same place."""
        return number

    def same(self, value: float) -> float:
        """The root's `value`; all call it at the same place."""
        return value

    def tell(self, content: bytes) -> bytes:
        """The root's `content`; all call it at the same place."""
        return content

    def gather(self, content: bytes) -> list[bytes]:
        """Everybody's `content` in the order of ranks; all call it at the same place."""
        return [content]

    def is_noting(self) -> bool:
        """Whether the root is about to write or test, for which it notes where the others are.

        All have the same answer, after an iteration and its `action`.
        """
        return False

    def join(self, solver: Solver) -> None:
        """Take part with `solver`, once its nets are there."""

    def share(self, solver: Solver) -> None:
        """Bring everybody to the root's weights, histories and iteration."""

    def testing(self) -> contextlib.AbstractContextManager[None]:
        """While the root tests and the others wait."""
        return contextlib.nullcontext()

    def wait_for_root(self, stopped: bool) -> bool:
        """Until the root has tested, too; whether it was asked to stop meanwhile."""
        return stopped
