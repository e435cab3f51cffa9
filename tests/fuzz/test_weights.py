"""Weights that are nearly right: taken, or refused in one line."""

from __future__ import annotations

import pytest
from hypothesis import given

from tests.fuzz.judge import Judge, cases
from tests.fuzz.mutations import mutated
from tests.fuzz.targets import weights

# Each was found once, and was an exception, a hang or the end of the process.
FOUND: dict[str, tuple[bytes, str | None]] = {
    "name-is-no-text": (b'\n\3\xe8ld\x12\7"\4conv(', "do not parse"),
    "old-name-is-no-text": (b'\x12\x08"\4c\xeenv(\4', "name is no text"),
}


@pytest.mark.parametrize("case", FOUND)
def test_found(judge: Judge, case: str) -> None:
    """What is said now."""
    data, line = FOUND[case]
    judge.expect("weights", data, line)


@pytest.mark.parametrize("number", range(len(weights.seeds())))
def test_valid_ones_are_read(judge: Judge, number: int) -> None:
    """What the others are made of is no nonsense."""
    judge("weights", weights.seeds()[number])


@cases(100)
@given(data=mutated(weights.seeds()))
def test_nearly_right(judge: Judge, data: bytes) -> None:
    """Any of them."""
    judge("weights", data)
