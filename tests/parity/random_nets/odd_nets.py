"""Nets that differed once: what the random ones found, cut down."""

from __future__ import annotations


def _input(name: str, *sizes: int) -> str:
    dims = " ".join(f"dim: {size}" for size in sizes)
    shape = f"input_param {{ shape {{ {dims} }} }}"
    return f'layer {{ name: "{name}" type: "Input" top: "{name}" {shape} }}\n'


def _layer(kind: str, bottoms: str, tops: str, settings: str = "") -> str:
    names = [f'bottom: "{name}"' for name in bottoms.split()]
    names += [f'top: "{name}"' for name in tops.split()]
    name = f"{kind.lower()}_{tops.split()[0] if tops else bottoms}"
    return f'layer {{ name: "{name}" type: "{kind}" {" ".join(names)} {settings} }}\n'


def _loss(bottom: str) -> str:
    settings = "reduction_param { operation: SUMSQ } loss_weight: 1"
    return _layer("Reduction", bottom, f"loss_{bottom}", settings)


FORCE = "force_backward: true\n"
GAUSSIAN = 'weight_filler { type: "gaussian" std: 0.5 }'
PICTURE = _input("x", 2, 3, 5, 5)
CONVOLVED = PICTURE + _layer(
    "Convolution",
    "x",
    "c",
    f"convolution_param {{ num_output: 4 bias_term: false kernel_size: 3 {GAUSSIAN} }}",
)
TIED = _input("k2_a", 2, 3, 4) + _input("k2_b", 2, 3, 4)
MAX = "eltwise_param { operation: MAX }"
MARKED = _input("x", 3, 2, 4) + _input("k2_marks", 3, 2)
RECURRENT = f"recurrent_param {{ num_output: 2 {GAUSSIAN} }}"
FROZEN = "param { lr_mult: 0 } param { lr_mult: 0 } param { lr_mult: 0 }"
SMALL = _input("x", 2, 3, 3, 3)


def _in_place(kind: str, hands_on: str, settings: str = "") -> str:
    """A layer in place on what lies in the memory of a blob that another layer reads, too."""
    net = FORCE + CONVOLVED + _layer(hands_on, "c", "f", settings)
    return net + _layer(kind, "f", "f") + _layer("Power", "c", "p") + _loss("p") + _loss("f")


NETS = {
    "equals": FORCE + TIED + _layer("Eltwise", "k2_a k2_b", "m", MAX) + _loss("m"),
    "scale-of-one-picture": FORCE
    + _input("x", 1, 3, 4, 4)
    + _layer("Scale", "x", "y", "scale_param { bias_term: true }")
    + _loss("y"),
    "scale-of-everything": _input("x", 2, 3)
    + _layer("Scale", "x", "y", "scale_param { axis: 0 num_axes: -1 }")
    + _loss("y"),
    "scale-by-one-number": FORCE
    + _input("x", 1, 3)
    + _layer("Scale", "x", "y", "scale_param { num_axes: 0 }")
    + _loss("y"),
    "frozen-lstm": MARKED + _layer("LSTM", "x k2_marks", "y", RECURRENT + FROZEN) + _loss("y"),
    "frozen-rnn": MARKED + _layer("RNN", "x k2_marks", "y", RECURRENT + FROZEN) + _loss("y"),
    "flattened-dropout": _in_place("Dropout", "Flatten"),
    "reshaped-batch-norm": _in_place(
        "BatchNorm", "Reshape", "reshape_param { shape { dim: 0 dim: -1 } }"
    ),
    "flattened-prelu": _in_place("PReLU", "Flatten"),
    "cells-changed-in-place": FORCE
    + _input("c", 1, 2, 3)
    + _input("x", 1, 2, 12)
    + _input("k2_marks", 1, 2)
    + _layer("LSTMUnit", "c x k2_marks", "after h")
    + _layer("Clip", "after", "after", "clip_param { min: -0.3 max: 0.3 }")
    + _loss("after")
    + _loss("h"),
    "power-below-in-place": FORCE
    + PICTURE
    + _layer("Sigmoid", "x", "s")
    + _layer("Power", "s", "p", "power_param { power: 0.5 scale: 1.1 shift: 0.2 }")
    + _layer("Softmax", "p", "p")
    + _loss("p"),
    "loss-of-what-is-changed-later": FORCE
    + PICTURE
    + _input("k2_t", 2, 3, 5, 5)
    + _layer("Flatten", "x", "f")
    + _layer("SigmoidCrossEntropyLoss", "x k2_t", "l")
    + _layer("ReLU", "f", "f")
    + _loss("f"),
    "two-sizes-convolved": _input("x", 1, 1, 6)
    + _input("y", 1, 1, 7)
    + _layer("Convolution", "x y", "a b", "convolution_param { num_output: 1 kernel_size: 2 }"),
    "told-not-to-propagate": CONVOLVED
    + _layer("BatchNorm", "c", "b", "propagate_down: false")
    + _layer("Flatten", "c", "f", "propagate_down: false")
    + _layer("Softmax", "c", "s", "propagate_down: false")
    + _loss("b")
    + _loss("f")
    + _loss("s"),
    "classes-along-the-batch": _input("x", 3, 5)
    + _input("k3_y", 5)
    + _layer("SoftmaxWithLoss", "x k3_y", "l", "softmax_param { axis: 0 }"),
    "five-axes-compared": _input("x", 1, 2, 2, 2, 2)
    + _input("y", 1, 2, 2, 2, 2)
    + _layer("EuclideanLoss", "x y", "l"),
    "five-axes-bent": _input("x", 1, 2, 2, 2, 2) + _layer("PReLU", "x", "y"),
    "forced-below-a-table": FORCE
    + _input("k3_n", 4)
    + _layer("Embed", "k3_n", "y", f"embed_param {{ num_output: 2 input_dim: 3 {GAUSSIAN} }}")
    + _loss("y"),
    "forced-below-numbers": FORCE
    + _input("x", 3, 2)
    + _input("k3_n", 4)
    + _layer("BatchReindex", "x k3_n", "y")
    + _loss("y"),
    "forced-below-marks": FORCE
    + _input("x", 3, 2)
    + _input("k2_marks", 3)
    + _layer("Filter", "x k2_marks", "y"),
    "sparser-than-possible": SMALL
    + _layer(
        "Convolution",
        "x",
        "c",
        "convolution_param { num_output: 2 kernel_size: 1 "
        'weight_filler { type: "gaussian" sparse: 3 } }',
    ),
    "a-weight-too-few": _input("x", 2, 4) + _layer("Slice", "x", "a b", "loss_weight: 1"),
    "threshold-above-what-learns": CONVOLVED
    + _layer("Threshold", "c", "t", "propagate_down: false")
    + _loss("t"),
    "kernel-far-beyond": SMALL
    + _layer("Convolution", "x", "c", "convolution_param { num_output: 1 kernel_size: 5 }"),
}
