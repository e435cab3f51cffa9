"""Picture files that are nearly right: taken, or refused in one line."""

from __future__ import annotations

import pytest
from hypothesis import given

from tests.fuzz.judge import Judge, cases
from tests.fuzz.mutations import mutated
from tests.fuzz.targets import picture

# Each was found once, and was an exception.
FOUND = {
    "tiff-beyond-any-file": (b"II+\0\xda\0" + b"\xff" * 20, "OpenCV cannot read"),
}


@pytest.mark.parametrize("case", FOUND)
def test_found(judge: Judge, case: str) -> None:
    """What is said now."""
    data, line = FOUND[case]
    judge.expect("picture", data, line)


@pytest.mark.parametrize("number", range(len(picture.seeds())))
def test_valid_ones_are_read(judge: Judge, number: int) -> None:
    """What the others are made of is no nonsense."""
    judge("picture", picture.seeds()[number])


@cases(150)
@given(data=mutated(picture.seeds()))
def test_nearly_right(judge: Judge, data: bytes) -> None:
    """Any of them."""
    judge("picture", data)
