"""A blob: the array that passes between layers, with its gradient.

`data` and `diff` are float32 tensors of one shape (16 bits wide in a net of mixed precision,
parameters never). A layer's forward assigns its tops' `data`,
its backward assigns its bottoms' `diff`; either may have any memory format (channels-last is
faster for convolutions on a CPU), the logical order of axes is always Caffe's (N, C, H, W).
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import torch
from torch import Tensor

from caffe_mnist.errors import CaffeMnistError

MOST_ELEMENTS = 2**31 - 1
MOST_AXES = 32


class ShapeError(CaffeMnistError):
    """A shape that no blob of Caffe's can have."""


def checked_shape(shape: Sequence[int]) -> tuple[int, ...]:
    """`shape` as Caffe takes it: raises ShapeError for what its Blob::Reshape refuses."""
    sizes = tuple(shape)
    if sizes and min(sizes) < 0:
        raise ShapeError(f"makes a blob of shape {sizes}, which is negative")
    if len(sizes) > MOST_AXES:
        raise ShapeError(f"makes a blob of {len(sizes)} axes, the most are {MOST_AXES}")
    if max(prod(sizes), *sizes, 0) > MOST_ELEMENTS:
        raise ShapeError(f"makes a blob of shape {sizes}, more than {MOST_ELEMENTS} elements")
    return sizes


class Blob:
    """Data and gradient of one shape; both are made when they are first asked for."""

    def __init__(self, shape: Sequence[int] = (), device: torch.device | None = None) -> None:
        """A blob of zeros on `device` (the CPU by default)."""
        self.shape = checked_shape(shape)
        self.device = device or torch.device("cpu")
        self._data: Tensor | None = None
        self._diff: Tensor | None = None

    def reshape(self, shape: Sequence[int]) -> None:
        """Take another shape; contents are kept while the number of elements is the same."""
        self.shape = checked_shape(shape)

    @property
    def count(self) -> int:
        """The number of elements."""
        count = 1
        for size in self.shape:
            count *= size
        return count

    @property
    def data(self) -> Tensor:
        """The values, of shape `shape`."""
        self._data = self._fit(self._data)
        return self._data

    @data.setter
    def data(self, values: Tensor) -> None:
        self._data = values
        self.shape = tuple(values.shape)

    @property
    def has_diff(self) -> bool:
        """Whether a gradient of the present size is there."""
        return self._diff is not None and self._diff.numel() == self.count

    @property
    def diff(self) -> Tensor:
        """The gradient of the loss by the values, of shape `shape`."""
        self._diff = self._fit(self._diff)
        return self._diff

    @diff.setter
    def diff(self, values: Tensor) -> None:
        self._diff = values

    def _fit(self, values: Tensor | None) -> Tensor:
        if values is not None:
            if values.shape == self.shape:
                return values
            if values.numel() == self.count:
                return values.reshape(self.shape)
        return torch.zeros(self.shape, device=self.device)


class Parameter(Blob):
    """A learnable blob: its gradients add up until they are cleared.

    Clearing only marks the gradient as old, so the first gradient after it is taken over
    without a pass over memory. With `owner`, the parameter is a view of another one of as many
    elements (parameters shared by name).
    """

    def __init__(
        self,
        shape: Sequence[int],
        device: torch.device | None = None,
        owner: Parameter | None = None,
    ) -> None:
        """A parameter of zeros, or a view of `owner` in another shape."""
        super().__init__(shape, device)
        self.owner = owner
        self._fresh = True
        self._lent = False

    @property
    def data(self) -> Tensor:
        """The values; every reading gives the same memory."""
        if self.owner is not None:
            return self.owner.data.reshape(self.shape)
        return super().data

    @data.setter
    def data(self, values: Tensor) -> None:
        target = self.data
        target.copy_(values.reshape(target.shape))

    @property
    def diff(self) -> Tensor:
        """The sum of the gradients since `clear_diff`."""
        if self.owner is not None:
            return self.owner.diff.reshape(self.shape)
        if self._fresh:
            self._diff = torch.zeros_like(self.data)
            self._fresh = self._lent = False
        self._take_over()
        return super().diff

    @diff.setter
    def diff(self, values: Tensor) -> None:
        if self.owner is not None:
            self.owner.diff = values.reshape(self.owner.shape)
            return
        self._diff = values
        self._fresh = self._lent = False

    @property
    def has_gradient(self) -> bool:
        """Whether a gradient was added since `clear_diff`."""
        return self.owner.has_gradient if self.owner is not None else not self._fresh

    def share_data(self, other: Parameter) -> None:
        """Use the values of `other` as one's own from now on; gradients stay apart.

        Both must have one shape.
        """
        self.owner, self._data = None, other.data

    def lend_diff(self, values: Tensor) -> None:
        """Take `values` for the gradient; they are copied when somebody asks for them."""
        self._diff = values
        self._fresh, self._lent = False, True

    def clear_diff(self) -> None:
        """Start a new sum of gradients."""
        self._fresh = True

    def add_diff(self, gradient: Tensor) -> None:
        """Add one gradient of shape `shape`; the tensor may be kept, so it must not be reused."""
        if self.owner is not None:
            self.owner.add_diff(gradient.reshape(self.owner.shape))
        elif not self._fresh and self._diff is not None:
            self._take_over()
            self._diff.add_(gradient)
        else:
            data = self.data
            if gradient.stride() != data.stride() or gradient.dtype != data.dtype:
                gradient = torch.empty_like(data).copy_(gradient)
            self._diff = gradient
            self._fresh = self._lent = False

    def _take_over(self) -> None:
        if self._lent and self._diff is not None:
            self._diff = self._diff.clone()
            self._lent = False
