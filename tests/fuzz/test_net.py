"""Nets that parse but make no sense: one line that names the layer, as real Caffe's checks."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as some

from tests.fuzz.hostile_nets import TYPES, hostile_net
from tests.fuzz.judge import Judge, cases
from tests.fuzz.mutations import mutated_text
from tests.fuzz.targets import net

BELOW = 'layer { name: "in" type: "Input" top: "in" input_param { shape { %s } } }\n'
USUAL = "dim: 2 dim: 4 dim: 5 dim: 5"
WIDE = "dim: 65536 dim: 65536"
CONVOLUTION = "convolution_param { num_output: 4 kernel_size: %d }"
POOLING = "pooling_param { pool: AVE kernel_size: 2 %s }"

# Each was found once: the bottom's shape, the layer's type and settings, what is said.
FOUND = {
    "shape-overflows": (WIDE, "ReLU", "", "in' (Input): makes a blob of shape (65536, 65536)"),
    "shape-is-negative": ("dim: 2 dim: -1", "ReLU", "", "makes a blob of shape (2, -1)"),
    "shape-of-33-axes": ("dim: 1 " * 33, "ReLU", "", "makes a blob of 33 axes"),
    "weights-overflow": (USUAL, "Convolution", CONVOLUTION % 2**31, "above 2147483647"),
    "weights-too-large": (USUAL, "Convolution", CONVOLUTION % 10**6, "makes a blob of shape (4, 4"),
    "num-output": (
        USUAL, "InnerProduct", "inner_product_param { num_output: 2147483648 }", "makes a blob of",
    ),
    "more-than-memory": (
        USUAL, "InnerProduct", "inner_product_param { num_output: 20000000 }",
        "layer 'layer' (InnerProduct): needs more memory than there is",
    ),
    "loss-of-no-memory": (
        "dim: 2000000000", "AbsVal", "loss_weight: 1", "needs more memory than there is",
    ),
    "empty-parameter": (
        "dim: 2 dim: 0", "InnerProduct", "inner_product_param { num_output: 3 }", "cannot fill",
    ),
    "empty-fan": (
        "dim: 2 dim: 0 dim: 4", "PReLU", 'prelu_param { filler { type: "msra" } }', "cannot fill",
    ),
    "endless-uniform": (
        USUAL, "Bias", 'bias_param { filler { type: "uniform" min: 0.5 max: 0 } }',
        "filler 'uniform' has no numbers between 0.5 and 0",
    ),
    "no-deviation": (
        USUAL, "Bias", 'bias_param { filler { type: "gaussian" std: 0 } }', "needs a positive std",
    ),
    "empty-lrn": ("dim: 2 dim: 4 dim: 5 dim: 0", "LRN", "", "takes no empty bottom"),
    "endless-lrn": (USUAL, "LRN", "lrn_param { local_size: 4294967295 }", "needs an odd local"),
    "wide-lrn": (USUAL, "LRN", "lrn_param { local_size: 2147483647 }", None),
    "wide-lrn-within": (
        USUAL, "LRN", "lrn_param { local_size: 4294967295 norm_region: WITHIN_CHANNEL }",
        "needs an odd local_size",
    ),
    "empty-pooling": ("dim: 2 dim: 0 dim: 5 dim: 5", "Pooling", POOLING % "", "takes no empty"),
    "stride-is-no-int": (USUAL, "Pooling", POOLING % "stride: 2147483648", "above 2147483647"),
    "empty-channels": (
        "dim: 2 dim: 0 dim: 5 dim: 5", "Convolution", CONVOLUTION % 3, "cannot fill an empty blob",
    ),
    "empty-pyramid": (
        "dim: 2 dim: 0 dim: 5 dim: 5", "SPP", "spp_param { pyramid_height: 2 }", "takes no empty",
    ),
    "no-items-in-patches": (
        "dim: 0 dim: 3 dim: 4 dim: 4", "Im2col", "convolution_param { kernel_size: 2 }", None,
    ),
    "no-items-in-space": (
        "dim: 0 dim: 2 dim: 3 dim: 3 dim: 3 dim: 3", "Convolution",
        "convolution_param { num_output: 2 kernel_size: 2 }", None,
    ),
    "no-items-to-choose": ("dim: 0 dim: 3", "ArgMax", "", None),
    "path-with-zero-byte": (
        USUAL, "ImageData", r'image_data_param { source: "a\0b" }', "source is no text",
    ),
}  # fmt: skip
PAIRS = {
    "axes-differ": ("Concat", "dim: 2 dim: 3 dim: 4", "dim: 2 dim: 3 ", "cannot join shapes"),
    "scale-of-nothing": ("Scale", "", "", None),
    "no-items-and-labels": ("HingeLoss", "dim: 0 dim: 3", "dim: 0", None),
    "no-items-and-targets": ("EuclideanLoss", "dim: 0 dim: 3", "dim: 0 dim: 3", None),
    "no-positions": ("SoftmaxWithLoss", "dim: 2 dim: 3 dim: 0", "dim: 2 dim: 0", None),
}


@pytest.mark.parametrize("case", FOUND)
def test_found_with_one_bottom(judge: Judge, case: str) -> None:
    """What was an exception, a hang or a death once is one line, or works."""
    shape, type, settings, line = FOUND[case]
    bottom = "" if type == "ImageData" else 'bottom: "in"'
    text = (
        BELOW % shape + f'layer {{ name: "layer" type: "{type}" {bottom} top: "out" {settings} }}'
    )
    judge.expect("net", text.encode(), line)


@pytest.mark.parametrize("case", PAIRS)
def test_found_with_two_bottoms(judge: Judge, case: str) -> None:
    """So with bottoms that do not fit each other."""
    type, first, second, line = PAIRS[case]
    text = BELOW % first + (BELOW % second).replace('"in"', '"more"')
    text += f'layer {{ name: "layer" type: "{type}" bottom: "in" bottom: "more" top: "out" }}'
    judge.expect("net", ("force_backward: true " + text).encode(), line)


@pytest.mark.parametrize("type", TYPES)
@cases(20)
@given(random=some.randoms(use_true_random=False))
def test_any_settings_of_any_shapes(judge: Judge, type: str, random: Random) -> None:
    """Every type of layer: built and run, or one line; it names a layer, a file or the net."""
    answer = judge("net", hostile_net(random, type).encode())
    assert answer is None or "layer '" in answer or "cannot read" in answer or "no text" in answer


@cases(150)
@given(text=mutated_text(net.seeds()))
def test_any_text(judge: Judge, text: bytes) -> None:
    """Nets with words changed, left out, put in."""
    judge("net", text)
