"""Logs that are nearly right: taken, or refused in one line."""

from __future__ import annotations

import pytest
from hypothesis import given

from tests.fuzz.judge import Judge, cases
from tests.fuzz.mutations import mutated_text
from tests.fuzz.targets import log

# Each was found once, and was an exception, a hang or the end of the process.
FOUND: dict[str, tuple[bytes, str | None]] = {
    "two-points": (log.LOG.encode().replace(b"lr = 0.01", b"lr = 0.010.01"), None),
    "long-number": (log.LOG.encode().replace(b"Iteration 10", b"Iteration " + b"9" * 5000), None),
}


@pytest.mark.parametrize("case", FOUND)
def test_found(judge: Judge, case: str) -> None:
    """What is said now."""
    data, line = FOUND[case]
    judge.expect("log", data, line)


@pytest.mark.parametrize("number", range(len(log.seeds())))
def test_valid_ones_are_read(judge: Judge, number: int) -> None:
    """What the others are made of is no nonsense."""
    judge("log", log.seeds()[number])


@cases(60)
@given(data=mutated_text(log.seeds()))
def test_nearly_right(judge: Judge, data: bytes) -> None:
    """Any of them."""
    judge("log", data)
