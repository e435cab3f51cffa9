"""Solver states that are nearly right: taken, or refused in one line."""

from __future__ import annotations

import pytest
from hypothesis import given

from tests.fuzz.judge import Judge, cases
from tests.fuzz.mutations import mutated
from tests.fuzz.targets import solverstate

# Each was found once, and was an exception, a hang or the end of the process.
FOUND: dict[str, tuple[bytes, str | None]] = {
    "path-is-no-text": (b"\x08\7\x12\3x\x94y", "learned_net is no text"),
}


@pytest.mark.parametrize("case", FOUND)
def test_found(judge: Judge, case: str) -> None:
    """What is said now."""
    data, line = FOUND[case]
    judge.expect("solverstate", data, line)


@pytest.mark.parametrize("number", range(len(solverstate.seeds())))
def test_valid_ones_are_read(judge: Judge, number: int) -> None:
    """What the others are made of is no nonsense."""
    judge("solverstate", solverstate.seeds()[number])


@cases(150)
@given(data=mutated(solverstate.seeds()))
def test_nearly_right(judge: Judge, data: bytes) -> None:
    """Any of them."""
    judge("solverstate", data)
