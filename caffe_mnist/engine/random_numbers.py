"""Random numbers, the very ones that Caffe draws from the same seed.

Caffe's source is Boost's mt19937 (initialised as in the original C code), shaped by Boost's
distributions in single precision, all made anew for each blob:

uniform    word / 2³² · (nextafter(high) - low) + low
normal     a ziggurat, see ziggurat.py
bernoulli  word ≤ p · (2³² - 1)
shuffle    Fisher and Yates from the end; a number up to n is word / bucket, too large ones again

Measured against real Caffe 1.0 with Boost 1.74: equal to the bit.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from caffe_mnist.engine.c_rand import CRand
from caffe_mnist.engine.ziggurat import unit_normals

Floats = npt.NDArray[np.float32]
f32 = np.float32
WORDS = f32(2.0**32)
# So many words are shaped at once: large blobs would take several times their own memory.
AT_ONCE = 2**18


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

    def state(self) -> dict[str, Any]:
        """Where the streams are, for `restore`: plain values, and arrays of whole numbers."""
        words = self._words.state["state"]
        found = {"key": words["key"].copy(), "pos": int(words["pos"]), "rand": self.c_rand.state()}
        if self._on_device is not None:
            found["device"] = self._on_device.get_state().cpu().numpy()
        return found

    def restore(self, state: Mapping[str, Any], device: torch.device | None = None) -> None:
        """Go on where `state` was taken; raises ValueError for what is none.

        The stream of a GPU is taken up only on such a `device`.
        """
        key = np.asarray(state["key"], np.uint32)
        if key.shape != (624,) or not 0 <= int(state["pos"]) <= 624:
            raise ValueError("no state of a mersenne twister")
        self._words.state = {
            "bit_generator": "MT19937",
            "state": {"key": key, "pos": int(state["pos"])},
        }
        self.c_rand.restore(state["rand"])
        if "device" in state and device is not None and device.type != "cpu":
            self._on_device = torch.Generator(device)
            values = np.array(state["device"], np.uint8)
            try:
                self._on_device.set_state(torch.from_numpy(values))
            except RuntimeError as error:
                raise ValueError(str(error)) from None

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
            drawn = (
                self.words(min(values.size - filled, AT_ONCE)).astype(f32) / WORDS * (end - first)
                + first
            )
            good = drawn[drawn < end]
            values[filled : filled + good.size] = good
            filled += good.size
        return torch.from_numpy(values.reshape(tuple(shape)))

    def normal(self, shape: Sequence[int], mean: float, deviation: float) -> Tensor:
        """Normal with a mean and a standard deviation."""
        values = np.empty(math.prod(shape), f32)
        filled = 0
        while filled < values.size:
            words = self.words(min(values.size - filled, AT_ONCE)).astype(np.uint32)
            drawn = unit_normals(words, self.word)
            values[filled : filled + len(drawn)] = drawn
            filled += len(drawn)
        values *= f32(deviation)
        values += f32(mean)
        return torch.from_numpy(values.reshape(tuple(shape)))

    def bernoulli(self, shape: Sequence[int], probability: float) -> Tensor:
        """Each element 1 with `probability`, else 0."""
        if probability <= 0:
            return torch.zeros(tuple(shape))
        limit = f32(probability) * f32(2**32 - 1)
        values = np.empty(math.prod(shape), f32)
        for start in range(0, values.size, AT_ONCE):
            words = self.words(min(values.size - start, AT_ONCE))
            values[start : start + AT_ONCE] = words.astype(f32) <= limit
        return torch.from_numpy(values.reshape(tuple(shape)))

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


def _start(seed: int) -> npt.NDArray[np.uint32]:
    """The first state of mt19937."""
    state = [seed]
    for index in range(1, 624):
        last = state[-1]
        state.append((1812433253 * (last ^ (last >> 30)) + index) & 0xFFFFFFFF)
    return np.array(state, np.uint32)
