"""Layouts in TOML that are nearly right: taken, or refused in one line."""

from __future__ import annotations

import pytest
from hypothesis import given

from tests.fuzz.judge import Judge, cases
from tests.fuzz.mutations import mutated_text
from tests.fuzz.targets import layout

# Each was found once, and was an exception, a hang or the end of the process.
FOUND: dict[str, tuple[bytes, str | None]] = {"deep": (b"code = " + b"[" * 100_000, None)}


@pytest.mark.parametrize("case", FOUND)
def test_found(judge: Judge, case: str) -> None:
    """What is said now."""
    data, line = FOUND[case]
    judge.expect("layout", data, line)


@pytest.mark.parametrize("number", range(len(layout.seeds())))
def test_valid_ones_are_read(judge: Judge, number: int) -> None:
    """What the others are made of is no nonsense."""
    judge("layout", layout.seeds()[number])


@cases(60)
@given(data=mutated_text(layout.seeds()))
def test_nearly_right(judge: Judge, data: bytes) -> None:
    """Any of them."""
    judge("layout", data)
