"""A training that came to nothing: losses that are no numbers, seen in the log of any Caffe."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable
from pathlib import Path

from caffe_mnist.errors import CaffeMnistError
from caffe_mnist.storage.pairs import Pair
from caffe_mnist.watch.log import Display, Event, Testing

# Of a train or test net's outputs, those that are part of the loss.
WEIGHTED = re.compile(
    r"(Train|Test) net output #\d+: (.+?) = ([-+]?(?:nan|inf)) \(\* ", re.IGNORECASE
)
# Caffe's logarithm of the smallest number that it takes for a probability: softmax gave a zero.
STUCK = 87.3365


class Divergence:
    """Listens to a log; `found` says what it heard, once."""

    def __init__(self, start: int) -> None:
        """`start` is the iteration that the training begins at.

        What a test net says there does not count: before the first iteration BatchNorm has no
        statistics, and its outputs are no numbers.
        """
        self.start, self.iteration, self.found, self.stuck = start, start, "", 0

    def see(self, line: str, event: Event | None) -> None:
        """Take in one line, and what it says."""
        if self.found:
            return
        if isinstance(event, (Display, Testing)):
            self.iteration = event.iteration
        if isinstance(event, Display):
            if not math.isfinite(event.loss):
                self.found = f"the loss is {event.loss} at iteration {self.iteration}"
            self.stuck = self.stuck + 1 if abs(event.loss - STUCK) < 1e-3 else 0
        match = WEIGHTED.search(line) if "net output" in line else None
        if match and not self.found:
            phase, name, value = match.groups()
            if phase == "Test" and self.iteration <= self.start:
                return
            net = "train" if phase == "Train" else "test"
            self.found = f"{name} of the {net} net is {value} at iteration {self.iteration}"


def last_good(here: Iterable[Pair], until: int) -> Pair | None:
    """The snapshot of the highest iteration up to `until` whose weights are all numbers."""
    before = [pair for pair in here if pair.iteration <= until]
    return next((pair for pair in reversed(before) if is_finite(pair.weights)), None)


def is_finite(weights: Path, say: Callable[[str], object] = lambda text: None) -> bool:
    """Whether all weights of a snapshot are finite; HDF5 files are only looked at by the engine.

    One that cannot be read is no good one either.
    """
    if weights.name.endswith(".h5"):
        return _is_finite_hdf5(weights)
    import numpy as np  # which no job needs that goes well: it starts sooner without

    from caffe_mnist.schema.packed import numbers, read_packed

    try:
        net = read_packed(weights, "NetParameter")
        blobs = [blob for layer in [*net.layer, *net.layers] for blob in layer.blobs]
        return all(bool(np.isfinite(numbers(blob, weights)).all()) for blob in blobs)
    except CaffeMnistError as error:
        say(str(error))
        return False


def _is_finite_hdf5(weights: Path) -> bool:
    try:
        import h5py
        import numpy as np
    except ImportError:
        return True
    found: list[bool] = []

    def look(name: str, thing: object) -> None:
        if isinstance(thing, h5py.Dataset) and thing.dtype.kind == "f":
            found.append(bool(np.isfinite(thing[()]).all()))

    try:
        with h5py.File(weights, "r") as file:
            file["data"].visititems(look)
    except (OSError, RuntimeError, LookupError, ValueError):
        return False
    return all(found)
