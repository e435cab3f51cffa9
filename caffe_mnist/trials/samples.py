"""The digit samples: which solver stands for each here, and what the documents say of it.

`Quote`s are what others reported, on their machines; nothing here is a measurement of ours.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Quote:
    """A result that a document states: the accuracy (None if it gives none) and the words."""

    accuracy: float | None
    words: str


@dataclass(frozen=True)
class Sample:
    """One training of the comparison. `settings` are changes to the solver (KEY=VALUE)."""

    name: str
    network: str
    solver: str
    kind: str
    settings: tuple[str, ...]
    quote: Quote


SAMPLES = (
    Sample(
        "softmax",
        "softmax regression",
        "softmax/softmax_solver.prototxt",
        "SGD",
        (),
        Quote(0.91, "91 % in 1 min 24 s on 4 P100 (TensorFlow sample)"),
    ),
    Sample(
        "softmax-adam",
        "softmax regression",
        "softmax/softmax_adam_solver.prototxt",
        "Adam",
        (),
        Quote(0.92, "92 % with Adam 0.01 (the report's tuning)"),
    ),
    Sample(
        "mlp",
        "multilayer perceptron",
        "mlp/mlp_solver.prototxt",
        "Adam",
        (),
        Quote(0.97, "97 % in under 1 min on 4 P100 (MXNet sample)"),
    ),
    Sample(
        "lenet",
        "LeNet",
        "lenet/lenet_solver.prototxt",
        "SGD",
        ("max_iter=3000", "base_lr=0.03", "lr_policy=poly", "power=1", "test_interval=1000"),
        Quote(0.99, "about 99 % (Caffe's own example)"),
    ),
)
