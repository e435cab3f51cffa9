"""Kernel, stride, pad and dilation along each spatial axis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from caffe_mnist.engine.layer import LARGEST, Layer


@dataclass(frozen=True)
class Geometry:
    """One number for each spatial axis."""

    kernel: list[int]
    stride: list[int]
    pad: list[int]
    dilation: list[int]

    @property
    def zeros(self) -> list[int]:
        """A zero for each axis."""
        return [0] * len(self.kernel)

    @classmethod
    def of_convolution(cls, layer: Layer, axes: int) -> Geometry:
        """The settings of `layer`'s convolution_param for `axes` spatial axes.

        A repeated field gives one number for all axes or one for each; with two axes, _h and
        _w may be given instead. Raises CaffeMnistError when both or neither are there.
        """
        kernel = _each(layer, "kernel_size", "kernel", axes, None)
        stride = _each(layer, "stride", "stride", axes, 1)
        pad = _each(layer, "pad", "pad", axes, 0)
        dilation = _each(layer, "dilation", None, axes, 1)
        if min([*kernel, *stride, *dilation], default=1) < 1:
            raise layer.error("kernel, stride and dilation must be positive")
        if max([*kernel, *stride, *pad, *dilation], default=1) > LARGEST:
            raise layer.error(f"takes no kernel, stride, pad or dilation above {LARGEST}")
        return cls(kernel, stride, pad, dilation)

    def convolved(self, layer: Layer, sizes: Sequence[int]) -> list[int]:
        """Spatial sizes after a convolution; raises CaffeMnistError if the kernel is too big.

        A kernel that reaches less than a stride beyond the padded input has one place, as in
        Caffe, whose division rounds towards zero; what it finds there is `missing`.
        """
        results = []
        for size, k, s, p, d in zip(sizes, self.kernel, self.stride, self.pad, self.dilation):
            extent = d * (k - 1) + 1
            room = size + 2 * p - extent
            if room <= -s:
                raise layer.error(f"kernel {extent} is larger than the padded input {size + 2 * p}")
            results.append(max(room, 0) // s + 1)
        return results

    def missing(self, sizes: Sequence[int]) -> list[int]:
        """How far the kernel reaches beyond the padded input on its far side: zeros there."""
        return [
            max(d * (k - 1) + 1 - size - 2 * p, 0)
            for size, k, p, d in zip(sizes, self.kernel, self.pad, self.dilation)
        ]


def _each(layer: Layer, many: str, pair: str | None, axes: int, default: int | None) -> list[int]:
    param = layer.param.convolution_param
    given = list(getattr(param, many))
    if pair is not None and (param.HasField(f"{pair}_h") or param.HasField(f"{pair}_w")):
        if given:
            raise layer.error(f"gives both {many} and {pair}_h / {pair}_w")
        if axes != 2:
            raise layer.error(f"{pair}_h and {pair}_w need 2 spatial axes, found {axes}")
        return [getattr(param, f"{pair}_h"), getattr(param, f"{pair}_w")]
    if not given:
        if default is None:
            raise layer.error(f"needs {many}")
        return [default] * axes
    if len(given) not in (1, axes):
        raise layer.error(f"gives {many} {len(given)} times for {axes} spatial axes")
    return given * axes if len(given) == 1 else given
