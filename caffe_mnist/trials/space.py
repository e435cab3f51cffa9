"""What a sweep varies: `KEY=LOW:HIGH`, `KEY=LOW:HIGH:log`, `KEY=A,B,C`.

A KEY is one that `--set` takes: a field of the solver or of a net. Bounds that are both whole
numbers give whole numbers.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from caffe_mnist.errors import CaffeMnistError
from caffe_mnist.layouts.rules import parse_setting

Values = dict[str, str]


@dataclass(frozen=True)
class Dimension:
    """One key with its choices, or with its bounds (both inclusive) where it has no choices."""

    key: str
    choices: tuple[str, ...] = ()
    low: float = 0.0
    high: float = 0.0
    log: bool = False
    whole: bool = False

    def grid(self, points: int) -> list[str]:
        """All choices, or at most `points` values from bound to bound, evenly or by one factor."""
        if self.choices:
            return list(self.choices)
        found = []
        for index in range(points):
            share = index / (points - 1) if points > 1 else 0.5
            found.append(self.text(self._between(share)))
        return list(dict.fromkeys(found))

    def text(self, value: object) -> str:
        """A value as a prototxt has it."""
        if isinstance(value, str):
            return value
        number = float(value)  # type: ignore[arg-type]
        return str(round(number)) if self.whole else f"{number:.6g}"

    def _between(self, share: float) -> float:
        if share in (0.0, 1.0):
            return self.high if share else self.low
        if self.log:
            return math.exp(math.log(self.low) * (1 - share) + math.log(self.high) * share)
        return self.low * (1 - share) + self.high * share


def parse_dimension(text: str) -> Dimension:
    """Read one `--vary`; raises CaffeMnistError saying what is wrong with it."""
    key, value = _setting(text)
    parts = [part.strip() for part in value.split(":")]
    if len(parts) == 1:
        choices = tuple(part.strip() for part in value.split(","))
        if "" in choices or len(set(choices)) != len(choices):
            raise _error(text, "an empty or a double value")
        return Dimension(key, choices)
    if len(parts) > 3 or (len(parts) == 3 and parts[2] not in ("log", "linear")):
        raise _error(text, "no range")
    low, high = (_number(part, text) for part in parts[:2])
    log = parts[2:] == ["log"]
    if not low < high:
        raise _error(text, f"{parts[0]} is not below {parts[1]}")
    if log and low <= 0:
        raise _error(text, "a range by factors begins above 0")
    whole = all(part.lstrip("+-").isdigit() for part in parts[:2])
    return Dimension(key, (), low, high, log, whole)


def parse_space(texts: Sequence[str]) -> list[Dimension]:
    """All of `--vary`; raises CaffeMnistError for none, and for a key that comes twice."""
    space = [parse_dimension(text) for text in texts]
    if not space:
        raise CaffeMnistError("nothing to vary", hint="--vary base_lr=0.001:0.1:log")
    keys = [one.key for one in space]
    double = next((key for key in keys if keys.count(key) > 1), None)
    if double:
        raise CaffeMnistError(f"--vary gives {double} twice")
    return space


def grid(space: Sequence[Dimension], points: int) -> Iterator[Values]:
    """Every combination, the last key changing fastest."""
    for values in itertools.product(*(one.grid(points) for one in space)):
        yield {one.key: value for one, value in zip(space, values)}


def grid_size(space: Sequence[Dimension], points: int) -> int:
    """How many combinations there are."""
    return math.prod(len(one.grid(points)) for one in space)


def _setting(text: str) -> tuple[str, str]:
    try:
        return parse_setting(text)
    except CaffeMnistError:
        raise _error(text, "no KEY=VALUES") from None


def _number(part: str, text: str) -> float:
    try:
        number = float(part)
    except ValueError:
        raise _error(text, f"{part!r} is no number") from None
    if not math.isfinite(number):
        raise _error(text, f"{part!r} is no finite number")
    return number


def _error(text: str, what: str) -> CaffeMnistError:
    return CaffeMnistError(
        f"{text!r}: {what}", where="--vary", hint="KEY=A,B,C or KEY=LOW:HIGH or KEY=LOW:HIGH:log"
    )
