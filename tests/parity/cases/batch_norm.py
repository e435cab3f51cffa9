"""BatchNorm in many settings."""

from __future__ import annotations

from tests.parity.cases.case import Case


def _batch_norm(
    name: str,
    settings: str = "",
    shape: tuple[int, ...] = (4, 3, 5, 6),
    phase: str = "TRAIN",
    in_place: bool = False,
) -> Case:
    return Case(
        f"batch-norm-{name}",
        "BatchNorm",
        f"batch_norm_param {{ {settings} }}",
        (shape,),
        phase=phase,
        in_place=in_place,
        positive_parameters=True,
    )


CASES = [
    _batch_norm("train"),
    _batch_norm("train-in-place", in_place=True),
    _batch_norm("train-eps", "eps: 0.3 moving_average_fraction: 0.9"),
    _batch_norm("test", phase="TEST"),
    _batch_norm("test-eps-in-place", "eps: 0.1", phase="TEST", in_place=True),
    _batch_norm("global", "use_global_stats: true"),
    _batch_norm("global-in-place", "use_global_stats: true", in_place=True),
    _batch_norm("batch-in-test", "use_global_stats: false", phase="TEST"),
    _batch_norm("vectors", shape=(9, 4)),
    _batch_norm("vectors-in-place", shape=(9, 4), in_place=True),
    _batch_norm("three-axes", shape=(3, 4, 5)),
    _batch_norm("five-axes", shape=(2, 3, 4, 2, 3)),
    _batch_norm("one-picture", shape=(1, 3, 4, 5)),
    _batch_norm("one-value", "eps: 0.01", shape=(1, 3)),
    Case("batch-norm-default", "BatchNorm", positive_parameters=True),
]
