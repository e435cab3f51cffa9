"""Unit normals by the ziggurat of Marsaglia and Tsang, in Doornik's form, as Boost draws them.

128 layers of equal area lie under exp(-x²/2). Of each random word the lowest bit is the sign,
seven more the layer, the other 24 the place in it. Within the layer above, the place is the
number; at the edge one more word decides; in the tail, which two exponentials give (from a
ziggurat of 256 layers), as many as it takes. Single precision throughout, as in Caffe.
"""

from __future__ import annotations

import math
from typing import Callable

import numpy as np
import numpy.typing as npt
import torch

Floats = npt.NDArray[np.float32]
Words = npt.NDArray[np.uint32]
f32 = np.float32
WORDS = f32(2.0**32)
# From here on a word divided by 2³² rounds to 1, and Boost draws another one.
TOO_LARGE = 2**32 - 128


def unit_normals(words: Words, more: Callable[[], int]) -> Floats:
    """At most one number a word, in order; `more` gives further words for the last of them."""
    count = len(words)
    bits = torch.from_numpy(words.view(np.int32))
    layers = (bits >> 1).bitwise_and_(127)
    places = (bits >> 8).bitwise_and_(0xFFFFFF).float().mul_(2.0**-24)
    places.mul_(torch.from_numpy(NORMAL_X).index_select(0, layers))
    outside = places >= torch.from_numpy(NORMAL_EDGE).index_select(0, layers)
    edges = outside.nonzero().flatten().numpy()
    values = torch.where((bits & 1).bool(), places, -places).numpy()
    kept = np.ones(count, bool)
    kept[edges] = False
    following = words[np.minimum(edges + 1, count - 1)]
    of_edges = layers.numpy()[edges]
    special = (of_edges == 0) | (following >= TOO_LARGE) | (edges == count - 1)
    fresh, spent = _resolve_specials(words, edges, special, places.numpy(), values, kept, more)
    active = _alternate(edges, fresh) & ~spent
    kept[edges[active] + 1] = False
    active &= ~special
    chosen = edges[active]
    units = following[active].astype(f32) / WORDS
    kept[chosen] = _inside(of_edges[active], places.numpy()[chosen], units)
    return values[kept]


def _resolve_specials(
    words: Words,
    edges: npt.NDArray[np.int64],
    special: npt.NDArray[np.bool_],
    places: Floats,
    values: Floats,
    kept: npt.NDArray[np.bool_],
    more: Callable[[], int],
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Draw the edges that take other than one word, one by one.

    Returns for each edge whether counting begins anew there, and whether its word was taken or
    is done with.
    """
    fresh, spent = np.zeros(len(edges), bool), np.zeros(len(edges), bool)
    for index in np.flatnonzero(special).tolist():
        if spent[index] or _taken(edges, fresh, index):
            continue
        edge = int(edges[index])
        reader = _Reader(words, edge + 1, more)
        layer = int(words[edge] >> 1) & 127
        value = _beyond(layer, places[edge], reader)
        kept[edge : reader.place] = False
        if value is not None:
            kept[edge] = True
            values[edge] = value if words[edge] & 1 else -value
        spent[index] = True
        index += 1
        while index < len(edges) and edges[index] < reader.place:
            spent[index] = True
            index += 1
        if index < len(edges):
            fresh[index] = True
    return fresh, spent


def _taken(edges: npt.NDArray[np.int64], fresh: npt.NDArray[np.bool_], index: int) -> bool:
    """Whether the edge before took this one's word: every second of neighbouring edges did."""
    steps = 0
    while index > 0 and not fresh[index] and edges[index - 1] == edges[index] - 1:
        index -= 1
        steps += 1
    return steps % 2 == 1


def _alternate(edges: npt.NDArray[np.int64], fresh: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """The first, third, … of each run of neighbouring edges; runs also begin where `fresh`."""
    begins = fresh.copy()
    begins[:1] = True
    begins[1:] |= np.diff(edges) != 1
    starts = np.flatnonzero(begins)
    number = np.arange(len(edges)) - np.repeat(starts, np.diff([*starts, len(edges)]))
    first: npt.NDArray[np.bool_] = number % 2 == 0
    return first


def _inside(layers: npt.NDArray[np.int32], places: Floats, units: Floats) -> npt.NDArray[np.bool_]:
    """Whether points at the edges of layers 1 to 127 lie under the density."""
    outer, low = NORMAL_X[layers], NORMAL_Y[layers]
    left = outer - places
    y = low + units * NORMAL_RISE[layers]
    over_chord = NORMAL_WIDTH[layers] * units - left
    over_tangent = y - (low + left * low * outer)
    # The density turns at 1: outside it lies below its chord, inside below its tangent.
    beyond = np.array(_NORMAL_X)[layers] >= 1
    above = np.where(beyond, over_chord, over_tangent)
    below = np.where(beyond, over_tangent, over_chord)
    half = places * places / f32(2)
    density = np.exp(-half.astype(np.float64)).astype(f32)
    result: npt.NDArray[np.bool_] = (above < 0) & ((below < 0) | (y < density))
    return result


class _Reader:
    """Words from `place` on; after the last one, from `more`."""

    def __init__(self, words: Words, place: int, more: Callable[[], int]) -> None:
        self.words, self.place, self.more = words, place, more

    def next(self) -> int:
        self.place += 1
        if self.place <= len(self.words):
            return int(self.words[self.place - 1])
        return self.more()

    def unit(self) -> np.float32:
        """Even in [0, 1)."""
        while True:
            value = f32(self.next()) / WORDS
            if value < 1:
                return value


def _beyond(layer: int, place: np.float32, reader: _Reader) -> np.float32 | None:
    """A place outside a layer's certain part: in the tail or at the edge; None if rejected."""
    if layer:
        point = np.array([layer]), np.array([place], f32), np.array([reader.unit()], f32)
        return place if _inside(*point)[0] else None
    start = f32(_NORMAL_X[1])
    while True:
        x, y = f32(_exponential(reader) / start), _exponential(reader)
        if f32(2) * y > x * x:
            return f32(x + start)


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
NORMAL_Y = np.array(_NORMAL_Y, f32)
NORMAL_WIDTH = np.array([x - inner for x, inner in zip(_NORMAL_X, _NORMAL_X[1:])], f32)
NORMAL_RISE = np.array([upper - y for y, upper in zip(_NORMAL_Y, _NORMAL_Y[1:])], f32)
# The first number of single precision that is not below the layer above.
_ROUNDED = np.array(_NORMAL_X[1:], f32)
NORMAL_EDGE = np.where(_NORMAL_X[1:] > _ROUNDED, np.nextafter(_ROUNDED, f32(9)), _ROUNDED)
