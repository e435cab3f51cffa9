"""Notes of where a training began that are nearly right: taken, or refused in one line."""

from __future__ import annotations

import pytest
from hypothesis import given

from tests.fuzz.judge import Judge, cases
from tests.fuzz.mutations import mutated_text
from tests.fuzz.targets import begun

# Each would be an exception, a hang or the end of the process.
FOUND: dict[str, tuple[bytes, str | None]] = {
    "infinite": (begun.seeds()[1].replace(b"30", b"Infinity"), "does not say where"),
    "deep": (b'{"version": 1, "above": ' + b"[" * 100000, "does not say where"),
}


@pytest.mark.parametrize("case", FOUND)
def test_found(judge: Judge, case: str) -> None:
    """What is said now."""
    data, line = FOUND[case]
    judge.expect("begun", data, line)


@pytest.mark.parametrize("number", range(len(begun.seeds())))
def test_valid_ones_are_read(judge: Judge, number: int) -> None:
    """What the others are made of is no nonsense."""
    judge("begun", begun.seeds()[number])


@cases(100)
@given(data=mutated_text(begun.seeds()))
def test_nearly_right(judge: Judge, data: bytes) -> None:
    """Any of them."""
    judge("begun", data)
