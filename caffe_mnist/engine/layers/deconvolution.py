"""Deconvolution: the transpose of a convolution, y = Wᵀ * x + b.

Shapes: bottom N × C × spatial, weights C × O/group × kernel, bias O, top N × O × spatial' with
spatial' = stride (size - 1) + dilation (kernel - 1) + 1 - 2 pad.
"""

from __future__ import annotations

from collections.abc import Sequence

from caffe_mnist.engine.layer import layers
from caffe_mnist.engine.layers.convolution import Convolution


@layers.register("Deconvolution")
class Deconvolution(Convolution):
    """Options: those of a Convolution (convolution_param)."""

    transposed = True

    def weights_shape(self) -> tuple[int, ...]:
        """Channels of the bottom first."""
        return (self.channels, self.outputs // self.group, *self.geometry.kernel)

    def sizes(self, sizes: Sequence[int]) -> list[int]:
        """Spatial sizes that a convolution of these settings would take back."""
        geometry, results = self.geometry, []
        for size, k, s, p, d in zip(
            sizes, geometry.kernel, geometry.stride, geometry.pad, geometry.dilation
        ):
            results.append(s * (size - 1) + d * (k - 1) + 1 - 2 * p)
            if results[-1] < 1:
                raise self.error(f"pad {p} leaves nothing of a bottom of size {size}")
        return results

    def missing(self, sizes: Sequence[int]) -> list[int]:
        """Nothing: there is no kernel that could reach beyond the bottom."""
        return self.geometry.zeros
