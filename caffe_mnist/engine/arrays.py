"""A blob as user code sees it: NumPy arrays that the net really uses, under pycaffe's names.

On the CPU the arrays are the tensors' own memory. For other devices they are copies that
`commit` writes back.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from caffe_mnist.engine.blob import Blob, Parameter

Floats = npt.NDArray[np.float32]


class Sized:
    """A view of a blob with its sizes, also under the names that old code gives four axes."""

    fault: type[Exception] = ValueError

    def __init__(self, blob: Blob) -> None:
        """A view of `blob`."""
        self.blob = blob

    @property
    def shape(self) -> tuple[int, ...]:
        """The sizes of the axes."""
        return self.blob.shape

    @property
    def count(self) -> int:
        """The number of elements."""
        return self.blob.count

    @property
    def num(self) -> int:
        """The first of four axes, as old code calls it."""
        return self._legacy(0)

    @property
    def channels(self) -> int:
        """The second of four axes."""
        return self._legacy(1)

    @property
    def height(self) -> int:
        """The third of four axes."""
        return self._legacy(2)

    @property
    def width(self) -> int:
        """The fourth of four axes."""
        return self._legacy(3)

    def _legacy(self, axis: int) -> int:
        if len(self.shape) > 4:
            raise self.fault(
                f"a blob of {len(self.shape)} axes has no num, channels, height and width"
            )
        return self.shape[axis] if axis < len(self.shape) else 1


class BlobArrays(Sized):
    """`data` and `diff` of a Blob as writable float32 arrays in C order."""

    def __init__(self, blob: Blob) -> None:
        """A view of `blob`; several views of one blob see the same values on the CPU."""
        super().__init__(blob)
        self._copies: dict[str, Floats] = {}

    @property
    def data(self) -> Floats:
        """The values."""
        return self._array("data")

    @property
    def diff(self) -> Floats:
        """The gradient."""
        return self._array("diff")

    def reshape(self, *shape: int) -> None:
        """Take another shape; the layers above follow at the next forward pass."""
        if any(size < 0 for size in shape):
            raise ValueError(f"a blob cannot have the shape {shape}")
        self._copies.clear()
        self.blob.reshape([int(size) for size in shape])

    def commit(self) -> None:
        """Write arrays that are copies back to the device."""
        for name, values in self._copies.items():
            setattr(self.blob, name, torch.from_numpy(values).to(self.blob.device))
        self._copies.clear()

    def _array(self, name: str) -> Floats:
        values: Tensor = getattr(self.blob, name)
        if values.device.type != "cpu":
            if name not in self._copies:
                self._copies[name] = values.detach().cpu().contiguous().numpy()
            return self._copies[name]
        if not values.is_contiguous() and not isinstance(self.blob, Parameter):
            values = values.contiguous()
            setattr(self.blob, name, values)
        array: Floats = values.detach().numpy()
        return array


class ParameterArrays(Sequence[BlobArrays]):
    """The parameters of a layer; user code may add some in its `setup`."""

    def __init__(self, blobs: list[Parameter], device: torch.device) -> None:
        """A view of the list `blobs` itself."""
        self._blobs, self._device = blobs, device
        self._seen: list[BlobArrays] = []

    def add_blob(self, *shape: int) -> None:
        """Append a parameter of zeros."""
        self._blobs.append(Parameter([int(size) for size in shape], self._device))

    def __len__(self) -> int:
        return len(self._blobs)

    def __getitem__(self, index: Any) -> Any:
        return self._views()[index]

    def __iter__(self) -> Iterator[BlobArrays]:
        return iter(self._views())

    def commit(self) -> None:
        """Write arrays that are copies back to the device."""
        for view in self._seen:
            view.commit()

    def _views(self) -> list[BlobArrays]:
        """A view of each parameter; the same object as long as the parameter is the same."""
        old = {id(view.blob): view for view in self._seen}
        self._seen = [old.get(id(blob)) or BlobArrays(blob) for blob in self._blobs]
        return self._seen
