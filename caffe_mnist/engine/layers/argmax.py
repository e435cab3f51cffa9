"""ArgMax: where the `top_k` largest values are, or what they are.

With `axis`, the top has `top_k` in the place of that axis: places, or with `out_max_val`
values. Without, the top is N × 1 × top_k (× 1 …) places of each picture's largest values, with
`out_max_val` N × 2 × top_k: places, then values. Of equal values the last comes first.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import torch
from torch import Tensor

from caffe_mnist.engine.blob import Blob
from caffe_mnist.engine.layer import Layer, layers


@layers.register("ArgMax")
class ArgMax(Layer):
    """Options: out_max_val, top_k, axis. Has no gradient."""

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """See above for the shapes."""
        param, shape = self.param.argmax_param, bottom[0].shape
        if not shape:
            raise self.error("needs a bottom with axes")
        self.axis = None
        if param.HasField("axis"):
            self.axis = self.canonical_axis(param.axis, bottom[0])
            choices = shape[self.axis]
        else:
            choices = prod(shape[1:])
        if not 1 <= param.top_k <= choices:
            raise self.error(f"top_k {param.top_k} is not in 1 to {choices}, the number of values")
        if self.axis is not None:
            top[0].reshape((*shape[: self.axis], param.top_k, *shape[self.axis + 1 :]))
        else:
            rows = 2 if param.out_max_val else 1
            top[0].reshape((shape[0], rows, param.top_k, *[1] * (len(shape) - 3)))

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Find the largest."""
        param, x = self.param.argmax_param, bottom[0].data
        if self.axis is not None:
            values, places = self._largest(x, self.axis)
            top[0].data = values if param.out_max_val else places
            return
        values, places = self._largest(x.reshape(x.shape[0], prod(x.shape[1:])), 1)
        result = torch.cat([places, values], 1) if param.out_max_val else places
        top[0].data = result.view(top[0].shape)

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        """An error, whoever asks: Caffe has none either."""
        raise self.error("has no gradient")

    def _largest(self, x: Tensor, axis: int) -> tuple[Tensor, Tensor]:
        """Values and places; of equals, both ways below take the first, so run backward."""
        wanted, backward = self.param.argmax_param.top_k, x.flip(axis)
        if wanted == 1:
            values, places = backward.max(axis, keepdim=True)
        else:
            values, places = backward.sort(stable=True, dim=axis, descending=True)
            values, places = (part.narrow(axis, 0, wanted) for part in (values, places))
        return values, (x.shape[axis] - 1 - places).to(x.dtype)
