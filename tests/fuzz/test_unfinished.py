"""What is left to do that are nearly right: taken, or refused in one line."""

from __future__ import annotations

import pytest
from hypothesis import given

from tests.fuzz.judge import Judge, cases
from tests.fuzz.mutations import mutated_text
from tests.fuzz.targets import unfinished

# Each was found once, and was an exception, a hang or the end of the process.
FOUND: dict[str, tuple[bytes, str | None]] = {
    "infinite": (unfinished.seeds()[0].replace(b'"keep": 3', b'"keep": Infinity'), "is no list"),
}


@pytest.mark.parametrize("case", FOUND)
def test_found(judge: Judge, case: str) -> None:
    """What is said now."""
    data, line = FOUND[case]
    judge.expect("unfinished", data, line)


@pytest.mark.parametrize("number", range(len(unfinished.seeds())))
def test_valid_ones_are_read(judge: Judge, number: int) -> None:
    """What the others are made of is no nonsense."""
    judge("unfinished", unfinished.seeds()[number])


@cases(100)
@given(data=mutated_text(unfinished.seeds()))
def test_nearly_right(judge: Judge, data: bytes) -> None:
    """Any of them."""
    judge("unfinished", data)
