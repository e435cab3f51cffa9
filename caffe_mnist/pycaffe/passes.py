"""Forward and backward through a net by names of layers and blobs, alone and in batches."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from itertools import repeat
from typing import Any

import numpy as np
import numpy.typing as npt

from caffe_mnist.pycaffe.blob import Blob
from caffe_mnist.pycaffe.failures import CaffeError
from caffe_mnist.pycaffe.memory import Floats

Array = npt.NDArray[Any]


class Passes:
    """What `Net` offers for running it; the net itself gives names, blobs and single passes."""

    inputs: list[str]
    outputs: list[str]
    blobs: OrderedDict[str, Blob]
    top_names: OrderedDict[str, list[str]]
    bottom_names: OrderedDict[str, list[str]]
    _layer_names: list[str]

    def _forward(self, start: int, end: int) -> float:
        raise NotImplementedError

    def _backward(self, start: int, end: int) -> None:
        raise NotImplementedError

    def forward(
        self,
        blobs: Iterable[str] | None = None,
        start: str | None = None,
        end: str | None = None,
        **kwargs: Any,
    ) -> dict[str, Floats]:
        """Run the layers from `start` to `end` (inclusive), by name; all by default.

        Keyword arguments fill inputs, all or none of them. Returns the arrays of the net's
        outputs (with `end`, of that layer's tops) and of `blobs`, by name. Raises an Exception
        for inputs that do not fit.
        """
        first = 0 if start is None else self._layer_names.index(start)
        last, tops = len(self._layer_names) - 1, self.outputs
        if end is not None:
            last, tops = self._layer_names.index(end), self.top_names[end]
        if kwargs:
            if set(kwargs) != set(self.inputs):
                raise CaffeError("Input blob arguments do not match net inputs.")
            for name, values in kwargs.items():
                if values.shape[0] != self.blobs[name].shape[0]:
                    raise CaffeError("Input is not batch sized")
                self.blobs[name].data[...] = values
        self._forward(first, last)
        return {name: self.blobs[name].data for name in _united(tops, blobs)}

    def backward(
        self,
        diffs: Iterable[str] | None = None,
        start: str | None = None,
        end: str | None = None,
        **kwargs: Any,
    ) -> dict[str, Floats]:
        """Run back from layer `start` to `end` (inclusive); by default from the last to the first.

        Keyword arguments are gradients of the net's outputs, for all of them or for none.
        Returns the gradients of the net's inputs (with `end`, of that layer's bottoms) and of
        `diffs`, by name. Raises an Exception for gradients that do not fit.
        """
        first = len(self._layer_names) - 1
        if start is not None:
            first = self._layer_names.index(start)
        last, bottoms = 0, self.inputs
        if end is not None:
            last, bottoms = self._layer_names.index(end), self.bottom_names[end]
        if kwargs:
            if set(kwargs) != set(self.outputs):
                raise CaffeError("Top diff arguments do not match net outputs.")
            for name, values in kwargs.items():
                shape = self.blobs[name].shape
                if shape and values.shape[0] != shape[0]:
                    raise CaffeError("Diff is not batch sized")
                self.blobs[name].diff[...] = values
        self._backward(first, last)
        return {name: self.blobs[name].diff for name in _united(bottoms, diffs)}

    def forward_all(self, blobs: Iterable[str] | None = None, **kwargs: Any) -> dict[str, Array]:
        """Run over inputs of any length, a batch at a time; the last one is filled with zeros.

        Returns, by name, an array with a row for each given one.
        """
        outs: dict[str, list[Array]] = {name: [] for name in _united(self.outputs, blobs)}
        for batch in self._batch(kwargs):
            for name, values in self.forward(blobs=blobs, **batch).items():
                outs[name].extend(np.atleast_1d(values).copy())
        return _trimmed(outs, len(next(iter(kwargs.values()))))

    def forward_backward_all(
        self,
        blobs: Iterable[str] | None = None,
        diffs: Iterable[str] | None = None,
        **kwargs: Any,
    ) -> tuple[dict[str, Array], dict[str, Array]]:
        """Run both ways over inputs, and gradients of outputs, of any length.

        Returns arrays and gradients as `forward_all` does.
        """
        outs: dict[str, list[Array]] = {name: [] for name in _united(self.outputs, blobs)}
        grads: dict[str, list[Array]] = {name: [] for name in _united(self.inputs, diffs)}
        below = {name: values for name, values in kwargs.items() if name in self.inputs}
        above = {name: values for name, values in kwargs.items() if name in self.outputs}
        gradients: Iterator[dict[str, Any]] = self._batch(above) if above else repeat({})
        for batch, gradient in zip(self._batch(below), gradients):
            for name, values in self.forward(blobs=blobs, **batch).items():
                outs[name].extend(np.atleast_1d(values).copy())
            for name, values in self.backward(diffs=diffs, **gradient).items():
                grads[name].extend(np.atleast_1d(values).copy())
        count = len(next(iter(kwargs.values())))
        return _trimmed(outs, count), _trimmed(grads, count)

    def _batch(self, blobs: dict[str, Sequence[Any]]) -> Iterator[dict[str, Any]]:
        """Arrays of one batch each, from lists of equal length; zeros fill up the last one."""
        if not blobs:
            raise CaffeError("No inputs are given to run over in batches.")
        count = len(next(iter(blobs.values())))
        size = next(iter(self.blobs.values())).shape[0]
        for begin in range(0, count, size):
            batch = {}
            for name, values in blobs.items():
                rows = np.asarray(values[begin : begin + size])
                if len(rows) < size:
                    zeros = np.zeros((size - len(rows), *rows.shape[1:]), rows.dtype)
                    rows = np.concatenate([rows, zeros])
                batch[name] = rows
            yield batch


def _united(names: Iterable[str], more: Iterable[str] | None) -> list[str]:
    return list(dict.fromkeys([*names, *(more or ())]))


def _trimmed(rows: dict[str, list[Array]], count: int) -> dict[str, Array]:
    """As arrays, without the rows that the zeros of the last batch gave."""
    return {name: np.asarray(values[:count]) for name, values in rows.items()}
