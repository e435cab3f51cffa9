"""Small nets and solvers whose every log line real Caffe and the engine must agree on.

With debug_info, the log holds the mean size of all blobs, parameters and gradients, which layers
work backward, and every loss: so it shows what loss weights, sharing, states and solvers do.
"""

from __future__ import annotations

DATA = """
layer { name: "data" type: "DummyData" top: "data" top: "label" dummy_data_param {
  shape { dim: 4 dim: 2 dim: 6 dim: 6 } shape { dim: 4 }
  data_filler { type: "gaussian" std: 1 } data_filler { type: "uniform" max: 3 } } }
"""


def layer(name: str, kind: str, bottoms: str, tops: str | None = None, settings: str = "") -> str:
    """A layer; bottoms and tops separated by spaces, the top called as the layer by default."""
    bottom = "".join(f' bottom: "{blob}"' for blob in bottoms.split())
    top = "".join(f' top: "{blob}"' for blob in (name if tops is None else tops).split())
    return f'layer {{ name: "{name}" type: "{kind}"{bottom}{top} {settings} }}\n'


def full(name: str, bottom: str, number: int = 3, settings: str = "") -> str:
    """A fully connected layer."""
    filler = 'weight_filler { type: "xavier" } bias_filler { type: "constant" value: 0.1 }'
    param = f"inner_product_param {{ num_output: {number} {filler} }}"
    return layer(name, "InnerProduct", bottom, settings=f"{settings} {param}")


def conv(name: str, bottom: str, size: int = 3, settings: str = "", bias: str = "true") -> str:
    """A convolution with four maps."""
    param = f'num_output: 4 kernel_size: {size} bias_term: {bias} weight_filler {{ type: "msra" }}'
    return layer(
        name, "Convolution", bottom, settings=f"{settings} convolution_param {{ {param} }}"
    )


def loss(bottom: str, settings: str = "", name: str = "loss") -> str:
    """A softmax loss."""
    return layer(name, "SoftmaxWithLoss", f"{bottom} label", settings=settings)


def shared(first: str = "", second: str = "") -> str:
    """The names of shared weights and biases."""
    return f'param {{ name: "w" {first} }} param {{ name: "b" {second} }}'


PERMISSIVE = shared("share_mode: PERMISSIVE", "share_mode: PERMISSIVE")
ONE_LAYER = DATA + full("ip", "data") + loss("ip")
TESTED = "test_iter: 2 test_interval: 2"

CASES = {
    "plain": (ONE_LAYER, TESTED),
    "multistep": (ONE_LAYER, 'lr_policy: "multistep" gamma: 0.5 stepvalue: 1 stepvalue: 1'),
    "multistep-unsorted": (
        ONE_LAYER,
        'lr_policy: "multistep" gamma: 0.5 stepvalue: 2 stepvalue: 1 stepvalue: 9',
    ),
    "old-solver-type": (ONE_LAYER, "solver_type: NESTEROV"),
    "loss-weight-on-any-top": (
        DATA + conv("c", "data", settings="loss_weight: 0.1") + full("ip", "c") + loss("ip"),
        TESTED,
    ),
    "loss-weight-in-place": (
        DATA
        + full("a", "data")
        + layer("act", "Sigmoid", "a", "a", "loss_weight: 0.3")
        + full("ip", "a")
        + loss("ip"),
        "",
    ),
    "loss-that-is-read": (
        DATA
        + full("ip", "data")
        + loss("ip", "loss_weight: 2")
        + layer("s", "Silence", "loss", ""),
        "",
    ),
    "loss-of-a-loss": (
        DATA
        + full("ip", "data")
        + loss("ip")
        + layer("p", "Power", "loss", settings="loss_weight: 0.5 power_param { scale: 3 }"),
        "",
    ),
    "losses-zero-and-negative": (
        DATA
        + full("a", "data")
        + full("b", "data")
        + loss("a", "loss_weight: 0")
        + loss("b", "loss_weight: -0.5", "other")
        + layer(
            "r",
            "Reduction",
            "a",
            settings="loss_weight: 0.1 reduction_param { operation: SUMSQ }",
        ),
        "",
    ),
    "shared": (
        DATA
        + full("a", "data", settings=shared("lr_mult: 0"))
        + full("b", "data", settings=shared("decay_mult: 2", "lr_mult: 3"))
        + layer("sum", "Eltwise", "a b")
        + loss("sum"),
        "",
    ),
    "shared-by-size": (
        DATA
        + conv("c", "data", 6, PERMISSIVE)
        + layer("flat", "Flatten", "c")
        + full("a", "data", 4, PERMISSIVE)
        + layer("sum", "Eltwise", "flat a")
        + loss("sum"),
        "",
    ),
    "propagate-down": (
        DATA
        + full("a", "data")
        + full("b", "a", settings="propagate_down: false")
        + full("c", "a")
        + layer("sum", "Eltwise", "b c")
        + loss("sum"),
        "",
    ),
    "force-backward": (
        "force_backward: true\n" + ONE_LAYER + full("u", "data") + layer("s", "Silence", "u", ""),
        "",
    ),
    "without-a-loss-below": (
        ONE_LAYER + full("u", "ip") + layer("soft", "Softmax", "u"),
        "",
    ),
    "in-place-chain": (
        DATA
        + conv("c", "data", bias="false")  # BatchNorm would cancel its gradient out
        + layer("bn", "BatchNorm", "c", "c")
        + layer("scale", "Scale", "c", "c", "scale_param { bias_term: true }")
        + layer("prelu", "PReLU", "c", "c")
        + layer("drop", "Dropout", "c", "c")
        + layer("power", "Power", "c", "c", "power_param { scale: 2 shift: 0.1 }")
        + layer("tanh", "TanH", "c", "c")
        + full("ip", "c")
        + loss("ip"),
        TESTED,
    ),
    "phases-levels-stages": (
        'state { level: 2 stage: "a" }\n'
        + ONE_LAYER
        + layer("acc", "Accuracy", "ip label", settings="include { phase: TEST }")
        + layer("s1", "Softmax", "ip", settings='include { stage: "a" }')
        + layer("s2", "Softmax", "ip", settings='include { stage: "b" }')
        + layer("s3", "Softmax", "ip", settings="include { min_level: 2 max_level: 2 }")
        + layer("s4", "Softmax", "ip", settings='exclude { stage: "a" not_stage: "c" }')
        + layer("s5", "Softmax", "ip", settings="include { max_level: 1 } include { phase: TEST }")
        + layer("s6", "Softmax", "ip", settings='include { not_stage: "a" not_stage: "b" }'),
        'test_iter: 1 test_iter: 2 test_interval: 2 test_state { stage: "b" level: 1 } '
        'test_state { stage: "c" } train_state { stage: "t" }',
    ),
    "layers-only-to-train": (
        ONE_LAYER + layer("soft", "Softmax", "ip", settings="include { phase: TRAIN }"),
        TESTED,
    ),
    "phase-of-a-layer": (
        DATA
        + full("a", "data")
        + layer("drop", "Dropout", "a", "a", "phase: TEST")
        + full("ip", "a")
        + loss("ip"),
        "",
    ),
    "iter-size": (ONE_LAYER, "iter_size: 3 clip_gradients: 0.5"),
    "quiet-start": (ONE_LAYER, TESTED + " test_initialization: false"),
    "test-loss": (ONE_LAYER, TESTED + " test_compute_loss: true average_loss: 3"),
    "debug-info-of-the-net": ("debug_info: true\n" + ONE_LAYER, TESTED),
}
