"""Which values come next: every combination of a grid, or what Optuna's sampler asks for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

from caffe_mnist.errors import CaffeMnistError
from caffe_mnist.trials.space import Dimension, Values, grid, grid_size

if TYPE_CHECKING:
    import optuna


class Search(Protocol):
    """Gives values and is told what came of them. Trials are numbered from 0."""

    total: int

    def values(self, number: int) -> Values:
        """The values of trial `number` (below `total`), each asked for once and in order."""

    def known(self, number: int, values: Values) -> None:
        """Trial `number` was given `values` by an earlier start of the same sweep."""

    def tell(self, number: int, score: float | None) -> None:
        """What came of it, the larger the better; None if it failed."""


class GridSearch:
    """Every combination once."""

    def __init__(self, space: Sequence[Dimension], points: int) -> None:
        self._space, self._points = space, points
        self.total = grid_size(space, points)

    def values(self, number: int) -> Values:
        """The combination of that number."""
        for index, values in enumerate(grid(self._space, self._points)):
            if index == number:
                return values
        raise IndexError(number)

    def known(self, number: int, values: Values) -> None:
        """The number tells the values; others mean another sweep in the same folder."""
        if self.values(number) != values:
            raise CaffeMnistError(
                f"trial {number} was of another sweep: {values}", hint="give another --out"
            )

    def tell(self, number: int, score: float | None) -> None:
        """Nothing depends on it."""


class OptunaSearch:
    """`total` trials, each where the earlier results promise most (tree-structured Parzen)."""

    def __init__(self, space: Sequence[Dimension], total: int, seed: int) -> None:
        """Raises CaffeMnistError where Optuna is not installed."""
        try:
            import optuna
        except ImportError:
            raise CaffeMnistError(
                "--trials needs Optuna", hint="pip install 'caffe-mnist[sweep]'"
            ) from None
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self.total, self._space, self._optuna, self._seed = total, space, optuna, seed
        self._study = optuna.create_study(direction="maximize")
        self._asked: dict[int, Any] = {}

    def values(self, number: int) -> Values:
        """What the sampler asks for next, drawn from a seed of the trial's own: a sweep that goes
        on does not draw again what its earlier start has drawn."""
        seed = self._seed * self.total + number
        self._study.sampler = self._optuna.samplers.TPESampler(seed=seed, constant_liar=True)
        trial = self._study.ask(self._distributions())
        self._asked[number] = trial
        return {one.key: one.text(trial.params[one.key]) for one in self._space}

    def known(self, number: int, values: Values) -> None:
        """Let the study ask for these values."""
        try:
            params = {one.key: _param(one, values[one.key]) for one in self._space}
            self._study.enqueue_trial(params)
            trial = self._study.ask(self._distributions())
        except (KeyError, ValueError):
            raise CaffeMnistError(
                f"trial {number} was of another sweep: {values}", hint="give another --out"
            ) from None
        self._asked[number] = trial

    def tell(self, number: int, score: float | None) -> None:
        """Learn from a trial."""
        state = self._optuna.trial.TrialState
        if score is None:
            self._study.tell(self._asked[number], state=state.FAIL)
        else:
            self._study.tell(self._asked[number], score)

    def _distributions(self) -> dict[str, optuna.distributions.BaseDistribution]:
        return {one.key: _distribution(one, self._optuna.distributions) for one in self._space}


def _distribution(one: Dimension, kinds: Any) -> Any:
    if one.choices:
        return kinds.CategoricalDistribution(one.choices)
    if one.whole:
        return kinds.IntDistribution(int(one.low), int(one.high), log=one.log)
    return kinds.FloatDistribution(one.low, one.high, log=one.log)


def _param(one: Dimension, text: str) -> str | int | float:
    if one.choices:
        if text not in one.choices:
            raise ValueError(text)
        return text
    value = int(text) if one.whole else float(text)
    if not one.low <= value <= one.high:
        raise ValueError(text)
    return value
