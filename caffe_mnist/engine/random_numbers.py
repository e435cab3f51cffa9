"""Random numbers, the very ones that Caffe draws from the same seed.

Caffe's source is Boost's mt19937 (initialised as in the original C code), shaped by Boost's
distributions in single precision, all made anew for each blob:

uniform    word / 2³² · (nextafter(high) - low) + low
normal     the ziggurat of Marsaglia and Tsang in Doornik's form: 128 layers, of each word the
           lowest bit the sign, seven more the layer, the other 24 the place in it; the tail by
           two exponentials, which come from a ziggurat of 256 layers
bernoulli  word ≤ p · (2³² - 1)
shuffle    Fisher and Yates from the end; a number up to n is word / bucket, too large ones again

Measured against real Caffe 1.0 with Boost 1.74: equal to the bit.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from caffe_mnist.engine.c_rand import CRand

Floats = npt.NDArray[np.float32]
f32 = np.float32
WORDS = f32(2.0**32)


class RandomNumbers:
    """One stream of random numbers; beside it that of C's rand(), which no seed changes."""

    def __init__(self, seed: int | None = None) -> None:
        """The stream of `seed` (its lowest 32 bits), or one that nobody has seen before."""
        if seed is None:
            seed = int.from_bytes(os.urandom(4), "little")
        self.c_rand = CRand()
        self._on_device: torch.Generator | None = None
        self._words = np.random.MT19937()
        self._words.state = {
            "bit_generator": "MT19937",
            "state": {"key": _start(seed & 0xFFFFFFFF), "pos": 624},
        }

    def word(self) -> int:
        """A whole number below 2³²."""
        return int(self._words.random_raw())

    def words(self, count: int) -> npt.NDArray[np.uint64]:
        """So many of them."""
        return np.asarray(self._words.random_raw(count))

    def uniform(self, shape: Sequence[int], low: float, high: float) -> Tensor:
        """Even in [low, high]."""
        first, end = f32(low), np.nextafter(f32(high), np.finfo(f32).max)
        values = np.empty(math.prod(shape), f32)
        filled = 0
        while filled < values.size:
            drawn = self.words(values.size - filled).astype(f32) / WORDS * (end - first) + first
            good = drawn[drawn < end]
            values[filled : filled + good.size] = good
            filled += good.size
        return torch.from_numpy(values.reshape(tuple(shape)))

    def normal(self, shape: Sequence[int], mean: float, deviation: float) -> Tensor:
        """Normal with a mean and a standard deviation."""
        values = np.empty(math.prod(shape), f32)
        filled = 0
        while filled < values.size:
            for run in self._normal_runs(values.size - filled):
                values[filled : filled + len(run)] = run
                filled += len(run)
        values = values * f32(deviation) + f32(mean)
        return torch.from_numpy(values.reshape(tuple(shape)))

    def bernoulli(self, shape: Sequence[int], probability: float) -> Tensor:
        """Each element 1 with `probability`, else 0."""
        if probability <= 0:
            return torch.zeros(tuple(shape))
        limit = f32(probability) * f32(2**32 - 1)
        hits = self.words(math.prod(shape)).astype(f32) <= limit
        return torch.from_numpy(hits.astype(f32).reshape(tuple(shape)))

    def mask(self, like: Tensor, probability: float) -> Tensor:
        """`bernoulli` in the shape and place of a tensor; on a GPU from a stream of its own."""
        if like.device.type == "cpu":
            return self.bernoulli(like.shape, probability)
        if self._on_device is None:
            self._on_device = torch.Generator(like.device).manual_seed(self.word())
        return torch.empty_like(like).bernoulli_(probability, generator=self._on_device)

    def shuffle(self, things: list[Any]) -> None:
        """Bring a list into a random order, in place."""
        for last in range(len(things) - 1, 0, -1):
            other = self.below(last + 1)
            things[last], things[other] = things[other], things[last]

    def below(self, count: int) -> int:
        """A whole number below `count`, all equally likely."""
        if count == 1:
            return 0
        bucket, rest = divmod(2**32 - 1, count)
        bucket += rest == count - 1
        while True:
            number = self.word() // bucket
            if number < count:
                return number

    def _normal_runs(self, count: int) -> Iterator[Sequence[np.float32] | Floats]:
        """At most `count` unit normals, in runs; words beyond the first `count` only as needed."""
        words = self.words(count)
        layers = (words >> np.uint64(1)).astype(np.intp) & 127
        signs = (words & np.uint64(1)).astype(f32) * 2 - 1
        places = (words >> np.uint64(8)).astype(f32) * f32(2.0**-24) * NORMAL_X[layers]
        start = 0
        for edge in np.flatnonzero(places >= NORMAL_EDGE[layers]).tolist():
            if edge < start:
                continue
            yield places[start:edge] * signs[start:edge]
            reader = _Reader(words, edge + 1, self)
            value = _beyond(int(layers[edge]), places[edge], reader)
            if value is not None:
                yield [value * signs[edge]]
            start = reader.place
        yield places[start:] * signs[start:]


class _Reader:
    """Words from `place` on; after the last one, from the stream."""

    def __init__(self, words: npt.NDArray[np.uint64], place: int, more: RandomNumbers) -> None:
        self.words, self.place, self.more = words, place, more

    def next(self) -> int:
        self.place += 1
        if self.place <= len(self.words):
            return int(self.words[self.place - 1])
        return self.more.word()

    def unit(self) -> np.float32:
        """Even in [0, 1)."""
        while True:
            value = f32(self.next()) / WORDS
            if value < 1:
                return value


def _beyond(layer: int, place: np.float32, reader: _Reader) -> np.float32 | None:
    """A place outside a layer's certain part: in the tail or at the edge; None if rejected."""
    if layer == 0:
        start = f32(_NORMAL_X[1])
        while True:
            x, y = f32(_exponential(reader) / start), _exponential(reader)
            if f32(2) * y > x * x:
                return f32(x + start)
    outer, low = _NORMAL_X[layer], _NORMAL_Y[layer]
    unit = reader.unit()
    y = f32(low) + unit * f32(_NORMAL_Y[layer + 1] - low)
    over_chord = f32(outer - _NORMAL_X[layer + 1]) * unit - (f32(outer) - place)
    over_tangent = y - (f32(low) + (f32(outer) - place) * f32(low) * f32(outer))
    # The density turns at 1: outside it lies below its chord, inside below its tangent.
    above, below = (over_chord, over_tangent) if outer >= 1 else (over_tangent, over_chord)
    inside = above < 0 and (below < 0 or y < _exp(-(place * place / f32(2))))
    return place if inside else None


def _exponential(reader: _Reader) -> np.float32:
    """An exponential with mean 1."""
    shift = f32(0)
    while True:
        word = reader.next()
        layer = word & 255
        x = f32(word >> 8) * f32(2.0**-24) * f32(_EXPONENTIAL_X[layer])
        if x < f32(_EXPONENTIAL_X[layer + 1]):
            return f32(shift + x)
        if layer == 0:
            shift = f32(shift + f32(_EXPONENTIAL_X[1]))
            continue
        outer, inner = _EXPONENTIAL_X[layer], _EXPONENTIAL_X[layer + 1]
        low, high = _EXPONENTIAL_Y[layer], _EXPONENTIAL_Y[layer + 1]
        unit = reader.unit()
        y = f32(low) + unit * f32(high - low)
        over_chord = f32(outer - inner) * unit - (f32(outer) - x)
        over_tangent = y - (f32(high) + (f32(inner) - x) * f32(high))
        if over_chord < 0 and (over_tangent < 0 or y < _exp(-x)):
            return f32(shift + x)


def _exp(x: np.float32) -> np.float32:
    """exp(x), correctly rounded (NumPy's own in single precision is not)."""
    return f32(math.exp(float(x)))


def _start(seed: int) -> npt.NDArray[np.uint32]:
    """The first state of mt19937."""
    state = [seed]
    for index in range(1, 624):
        last = state[-1]
        state.append((1812433253 * (last ^ (last >> 30)) + index) & 0xFFFFFFFF)
    return np.array(state, np.uint32)


def _normal_edges() -> list[float]:
    """The right edges of 128 layers of equal area under exp(-x²/2); the last one is 0."""
    tail, area = 3.442619855899, 9.91256303526217e-3
    edges = [area / math.exp(-tail * tail / 2), tail]
    while len(edges) < 128:
        height = area / edges[-1] + math.exp(-(edges[-1] ** 2) / 2)
        edges.append(math.sqrt(-2 * math.log(height)))
    return [*edges, 0.0]


def _exponential_edges() -> list[float]:
    """The right edges of 256 layers of equal area under exp(-x); the last one is 0."""
    tail, area = 7.69711747013104972, 0.0039496598225815571993
    edges = [area / math.exp(-tail), tail]
    while len(edges) < 256:
        edges.append(-math.log(area / edges[-1] + math.exp(-edges[-1])))
    return [*edges, 0.0]


_NORMAL_X = _normal_edges()
_NORMAL_Y = [math.exp(-x * x / 2) for x in _NORMAL_X]
_EXPONENTIAL_X = _exponential_edges()
_EXPONENTIAL_Y = [math.exp(-x) for x in _EXPONENTIAL_X]
NORMAL_X = np.array(_NORMAL_X, f32)
NORMAL_EDGE = np.array(_NORMAL_X[1:], np.float64)
