"""Im2col in many settings."""

from __future__ import annotations

from tests.parity.cases.case import Case


def _im2col(name: str, settings: str, shape: tuple[int, ...] = (2, 3, 8, 9)) -> Case:
    return Case(f"im2col-{name}", "Im2col", f"convolution_param {{ {settings} }}", (shape,))


CASES = [
    _im2col("plain", "kernel_size: 3"),
    _im2col("strided", "kernel_size: 3 stride: 2 pad: 1"),
    _im2col("dilated", "kernel_size: 3 dilation: 2 pad: 2"),
    _im2col("uneven", "kernel_h: 2 kernel_w: 4 stride_h: 3 stride_w: 1 pad_h: 0 pad_w: 3"),
    _im2col("one", "kernel_size: 1 stride: 2"),
    _im2col("3d", "kernel_size: 2 stride: 2 pad: 1 dilation: 2", (2, 2, 5, 6, 4)),
    _im2col("1d", "kernel_size: 3 pad: 1", (2, 3, 11)),
    _im2col("axis-2", "kernel_size: 3 axis: 2 pad: 1", (2, 2, 3, 5, 4)),
    _im2col("negative-axis", "kernel_size: 2 axis: -3", (2, 3, 5, 4)),
    _im2col("beyond", "kernel_size: 4 stride: 3 pad: 1", (2, 3, 1, 9)),
    _im2col("nd", "kernel_size: 3 pad: 1 force_nd_im2col: true"),
]
