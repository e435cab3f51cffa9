"""A net as it is drawn: layers so far, what blobs they leave, and chance."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from math import prod

Shape = tuple[int, ...]
WEIGHTS = (
    'type: "xavier"',
    'type: "gaussian" std: 0.4 mean: 0.1',
    'type: "gaussian" std: 0.5 sparse: 3',
    'type: "uniform" min: -0.5 max: 0.7',
    'type: "positive_unitball"',
    'type: "msra" variance_norm: AVERAGE',
)
BIASES = (
    'type: "constant" value: 0.2',
    'type: "gaussian" std: 0.3',
    'type: "uniform" max: 0.3',
)
# Later layers take what was made last, mostly: so nets become deep.
NEWEST = 6
MOST = 400


def dims(shape: Sequence[int]) -> str:
    """A shape's sizes as a BlobShape's fields."""
    return " ".join(f"dim: {size}" for size in shape)


class Draft:
    """What is drawn so far; `forced` nets say force_backward."""

    def __init__(self, seed: int) -> None:
        """All chance comes from `seed`."""
        self.random = random.Random(seed)
        self.forced = self.chance(0.5)
        self.layers: list[str] = []
        # Inputs; tops in the memory of other blobs; what nobody reads yet.
        self.blobs: dict[str, Shape] = {}
        self.given: set[str] = set()
        self.lending: set[str] = set()
        self.unread: list[str] = []
        self._count = 0

    def chance(self, share: float) -> bool:
        """True in this share of all cases."""
        return self.random.random() < share

    def choice(self, *of: str) -> str:
        """One of these texts."""
        return self.random.choice(of)

    def name(self, start: str) -> str:
        """A name that nothing else has."""
        self._count += 1
        return f"{start}{self._count}"

    def layer(self, kind: str, bottoms: Sequence[str], tops: Sequence[str], more: str = "") -> None:
        """One more layer; `more` is what its message holds beside type, bottoms and tops."""
        names = "".join(f' bottom: "{one}"' for one in bottoms)
        names += "".join(f' top: "{one}"' for one in tops)
        name = self.name(kind.lower())
        self.layers.append(f'layer {{ name: "{name}" type: "{kind}"{names} {more} }}\n')
        self.unread = [one for one in self.unread if one not in bottoms and one not in tops]
        self.unread += tops

    def top(self, shape: Sequence[int]) -> str:
        """The name of a new blob of this shape."""
        name = self.name("b")
        self.blobs[name] = tuple(shape)
        return name

    def lent(self, shape: Sequence[int]) -> str:
        """A new blob whose gradient lies in that of another, in Caffe."""
        name = self.top(shape)
        self.lending.add(name)
        return name

    def input(self, shape: Sequence[int], below: int = 0) -> str:
        """An input of normal numbers, or of whole ones below `below`, which few layers take."""
        name = self.name(f"k{below}_" if below else "x")
        self.layer("Input", [], [name], f"input_param {{ shape {{ {dims(shape)} }} }}")
        self.given.add(name)
        if not below:
            self.blobs[name] = tuple(shape)
        return name

    def pick(self, fits: Callable[[Shape], bool] = bool) -> str | None:
        """One of the newest blobs that fit; None where none does."""
        found = [n for n, shape in self.blobs.items() if fits(shape) and prod(shape) <= MOST]
        return self.random.choice(found[-NEWEST:]) if found else None

    def like(self, shape: Sequence[int]) -> str:
        """A blob of this shape: one that is there, or a new input."""
        found = [name for name, one in self.blobs.items() if one == tuple(shape)]
        return self.random.choice(found) if found and self.chance(0.6) else self.input(shape)

    def place(self, axis: int, count: int) -> int:
        """The axis, counted from the end in a third of all cases."""
        return axis - count if self.chance(0.33) else axis

    def may_change(self, name: str) -> bool:
        """Whether a layer may work in place there: nobody else reads it, nobody sets it."""
        return name in self.unread and name not in self.given and self.chance(0.35)

    def weights(self, field: str = "weight_filler") -> str:
        """A filler of weights."""
        return f"{field} {{ {self.choice(*WEIGHTS)} }} "

    def bias(self, field: str = "bias_filler") -> str:
        """A filler of biases, or none."""
        return f"{field} {{ {self.choice(*BIASES)} }} " if self.chance(0.7) else ""

    def rates(self, parameters: int) -> str:
        """Multipliers for some of the parameters, in a third of all layers."""
        if not self.chance(0.33):
            return ""
        count = self.random.randint(1, parameters)
        return "".join(f" param {{ lr_mult: {self.choice('0', '1', '2')} }}" for _ in range(count))
