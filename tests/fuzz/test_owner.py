"""Whose place it is that are nearly right: taken, or refused in one line."""

from __future__ import annotations

import pytest
from hypothesis import given

from tests.fuzz.judge import Judge, cases
from tests.fuzz.mutations import mutated_text
from tests.fuzz.targets import owner

# Each was found once, and was an exception, a hang or the end of the process.
FOUND: dict[str, tuple[bytes, str | None]] = {
    "deep": (b"[" * 100_000, None),
    "infinite": (owner.seeds()[0].replace(b'"pid": 7', b'"pid": Infinity'), None),
}


@pytest.mark.parametrize("case", FOUND)
def test_found(judge: Judge, case: str) -> None:
    """What is said now."""
    data, line = FOUND[case]
    judge.expect("owner", data, line)


@pytest.mark.parametrize("number", range(len(owner.seeds())))
def test_valid_ones_are_read(judge: Judge, number: int) -> None:
    """What the others are made of is no nonsense."""
    judge("owner", owner.seeds()[number])


@cases(200)
@given(data=mutated_text(owner.seeds()))
def test_nearly_right(judge: Judge, data: bytes) -> None:
    """Any of them."""
    judge("owner", data)
