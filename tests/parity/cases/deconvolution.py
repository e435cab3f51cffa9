"""Deconvolution in many settings."""

from __future__ import annotations

from tests.parity.cases.case import FILL, Case


def _deconvolution(name: str, settings: str, *bottoms: tuple[int, ...]) -> Case:
    return Case(
        f"deconvolution-{name}",
        "Deconvolution",
        f"convolution_param {{ {settings} {FILL} }}",
        bottoms,
        len(bottoms),
    )


CASES = [
    _deconvolution("plain", "num_output: 4 kernel_size: 3", (2, 3, 5, 6)),
    _deconvolution("strided", "num_output: 4 kernel_size: 3 stride: 2 pad: 1", (2, 3, 5, 6)),
    _deconvolution("group", "num_output: 6 kernel_size: 4 stride: 2 group: 2", (2, 4, 5, 3)),
    _deconvolution(
        "depthwise", "num_output: 3 kernel_size: 4 stride: 2 pad: 1 group: 3", (2, 3, 4, 4)
    ),
    _deconvolution("dilated", "num_output: 2 kernel_size: 3 dilation: 2 pad: 1", (2, 2, 5, 4)),
    _deconvolution("one-by-one", "num_output: 7 kernel_size: 1", (2, 5, 4, 6)),
    _deconvolution("no-bias", "num_output: 2 kernel_size: 3 bias_term: false", (2, 3, 4, 4)),
    _deconvolution(
        "uneven",
        "num_output: 3 kernel_h: 2 kernel_w: 5 stride_h: 3 stride_w: 1 pad_h: 0 pad_w: 2",
        (2, 3, 4, 5),
    ),
    _deconvolution(
        "per-axis",
        "num_output: 3 kernel_size: 2 kernel_size: 3 stride: 2 stride: 1 pad: 1 pad: 0 "
        "dilation: 1 dilation: 2",
        (2, 3, 4, 5),
    ),
    _deconvolution("1d", "num_output: 4 kernel_size: 3 stride: 2", (2, 3, 7)),
    _deconvolution("3d", "num_output: 4 kernel_size: 3 stride: 2 pad: 1", (2, 2, 3, 4, 2)),
    _deconvolution("4d", "num_output: 2 kernel_size: 2 stride: 2 group: 2", (2, 2, 2, 3, 2, 2)),
    _deconvolution("axis", "num_output: 3 kernel_size: 2 axis: 2", (2, 2, 3, 4, 5)),
    _deconvolution("two", "num_output: 4 kernel_size: 3", (2, 3, 4, 4), (2, 3, 4, 4)),
]
