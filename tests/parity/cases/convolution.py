"""Convolution in many settings."""

from __future__ import annotations

from tests.parity.cases.case import FILL, Case


def _convolution(name: str, settings: str, bottoms: tuple[tuple[int, ...], ...]) -> Case:
    tops = len(bottoms)
    return Case(
        f"convolution-{name}",
        "Convolution",
        f"convolution_param {{ {settings} {FILL} }}",
        bottoms,
        tops,
    )


CASES = [
    _convolution("lenet1", "num_output: 20 kernel_size: 5", ((4, 1, 28, 28),)),
    _convolution("lenet2", "num_output: 50 kernel_size: 5", ((4, 20, 12, 12),)),
    _convolution("strided", "num_output: 6 kernel_size: 3 stride: 2 pad: 1", ((2, 4, 9, 7),)),
    _convolution("group", "num_output: 6 kernel_size: 3 group: 2 pad: 1", ((2, 4, 9, 7),)),
    _convolution("depthwise", "num_output: 4 kernel_size: 3 group: 4", ((2, 4, 9, 7),)),
    _convolution("dilated", "num_output: 3 kernel_size: 3 dilation: 2", ((2, 2, 9, 11),)),
    _convolution("one-by-one", "num_output: 7 kernel_size: 1", ((2, 5, 4, 6),)),
    _convolution("no-bias", "num_output: 4 kernel_size: 3 bias_term: false", ((2, 3, 6, 6),)),
    _convolution(
        "uneven",
        "num_output: 5 kernel_h: 2 kernel_w: 3 stride_h: 2 stride_w: 1 pad_h: 0 pad_w: 2",
        ((2, 3, 7, 8),),
    ),
    _convolution("large-patch", "num_output: 4 kernel_size: 7 stride: 3", ((2, 6, 20, 17),)),
    _convolution("3d", "num_output: 4 kernel_size: 3 pad: 1 stride: 2", ((2, 2, 6, 7, 5),)),
    _convolution("1d", "num_output: 4 kernel_size: 3 pad: 1", ((2, 3, 11),)),
    _convolution("two", "num_output: 4 kernel_size: 3", ((2, 3, 6, 6), (2, 3, 6, 6))),
    _convolution("0d", "num_output: 4 kernel_size: 1 group: 2", ((3, 6),)),
    _convolution("4d", "num_output: 4 kernel_size: 2 group: 2 pad: 1", ((2, 2, 3, 4, 3, 2),)),
    _convolution(
        "per-axis",
        "num_output: 3 kernel_size: 2 kernel_size: 3 stride: 2 stride: 1 pad: 1 pad: 0 "
        "dilation: 1 dilation: 2",
        ((2, 3, 6, 9),),
    ),
    _convolution(
        "3d-per-axis",
        "num_output: 2 kernel_size: 1 kernel_size: 3 kernel_size: 2 pad: 0 pad: 1 pad: 1 "
        "stride: 1 stride: 2 stride: 2 dilation: 1 dilation: 1 dilation: 3",
        ((2, 2, 3, 6, 7),),
    ),
    _convolution("force-nd", "num_output: 3 kernel_size: 3 force_nd_im2col: true", ((2, 3, 6, 7),)),
    _convolution(
        "group-dilated",
        "num_output: 6 kernel_size: 3 group: 3 dilation: 2 stride: 2 pad: 2",
        ((2, 3, 9, 8),),
    ),
    _convolution("axis", "num_output: 3 kernel_size: 2 axis: 2", ((2, 2, 3, 4, 5),)),
    _convolution("axis-0", "num_output: 3 kernel_size: 2 axis: 0", ((3, 4, 5),)),
    _convolution("negative-axis", "num_output: 3 kernel_size: 2 axis: -2", ((2, 2, 3, 5),)),
    _convolution("beyond", "num_output: 2 kernel_size: 4 stride: 3", ((2, 3, 3, 3),)),
    _convolution(
        "3d-beyond",
        "num_output: 2 kernel_size: 2 kernel_size: 3 kernel_size: 3 dilation: 3 dilation: 1 "
        "dilation: 2 stride: 2",
        ((2, 3, 3, 9, 4),),
    ),
    _convolution("one-by-one-strided", "num_output: 4 kernel_size: 1 stride: 2", ((2, 3, 5, 6),)),
]
