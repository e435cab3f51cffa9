"""Solver files that are nearly right: taken, or refused in one line."""

from __future__ import annotations

import pytest
from hypothesis import given

from tests.fuzz.judge import Judge, cases
from tests.fuzz.mutations import mutated_text
from tests.fuzz.targets import solver

SOLVER = b"""
net: "net.prototxt" test_iter: 1 test_interval: 2 base_lr: 0.1 max_iter: 2 display: 1
snapshot_prefix: "x" snapshot_after_train: false
"""
# Each was found once, and was an exception, a hang or the end of the process.
FOUND: dict[str, tuple[bytes, str | None]] = {
    "rate-is-complex": (SOLVER + b'lr_policy: "inv" gamma: -2 power: 0.75', "needs a gamma of 0"),
    "rate-is-infinite": (SOLVER + b'lr_policy: "inv" gamma: 0.1 power: -9e18', None),
    "rate-of-zero": (SOLVER + b'lr_policy: "poly" power: -1 max_iter: 0', "max_iter"),
    "no-steps": (SOLVER + b'lr_policy: "sigmoid" gamma: 1 stepsize: 0', "a positive stepsize"),
    "correction-by-zero": (SOLVER + b'lr_policy: "fixed" type: "Adam" momentum: -1', None),
    "correction-of-none": (SOLVER + b'lr_policy: "fixed" type: "Adam" momentum2: -inf', None),
    "no-test": (
        SOLVER.replace(b"test_iter: 1", b"test_iter: 0") + b'lr_policy: "fixed"', None,
    ),
    "no-losses": (SOLVER + b'lr_policy: "fixed" average_loss: 0', "average_loss 0 is not 1"),
    "tests-without-a-net": (
        SOLVER.replace(b"net:", b"train_net:") + b'lr_policy: "fixed"',
        "gives test_iter 1 times for 0 test net",
    ),
    "nowhere-for-snapshots": (
        SOLVER.replace(b'"x"', b'"no/x"') + b'lr_policy: "fixed" snapshot: 1',
        "Cannot write to snapshot prefix 'no/x'",
    ),
    "path-with-zero-byte": (
        SOLVER.replace(b"net.proto", b"net\0.proto") + b'lr_policy: "fixed"', "is no text",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", FOUND)
def test_found(judge: Judge, case: str) -> None:
    """What is said now."""
    data, line = FOUND[case]
    judge.expect("solver", data, line)


@pytest.mark.parametrize("number", range(len(solver.seeds())))
def test_valid_ones_are_read(judge: Judge, number: int) -> None:
    """What the others are made of is no nonsense."""
    judge("solver", solver.seeds()[number])


@cases(100)
@given(data=mutated_text(solver.seeds()))
def test_nearly_right(judge: Judge, data: bytes) -> None:
    """Any of them."""
    judge("solver", data)
