"""Lists and tables of pictures that are nearly right: taken, or refused in one line."""

from __future__ import annotations

import pytest
from hypothesis import given

from tests.fuzz.judge import Judge, cases
from tests.fuzz.mutations import mutated_text
from tests.fuzz.targets import images

# Each was found once, and was an exception.
FOUND: dict[str, tuple[bytes, str | None]] = {
    "no-names": (b"\xfea\0.\0p\x004\0m2 \x001\0\n\0", "gives no picture with a class"),
}


@pytest.mark.parametrize("case", FOUND)
def test_found(judge: Judge, case: str) -> None:
    """What is said now."""
    data, line = FOUND[case]
    judge.expect("images", data, line)


@pytest.mark.parametrize("number", range(len(images.seeds())))
def test_valid_ones_are_read(judge: Judge, number: int) -> None:
    """What the others are made of is no nonsense."""
    judge("images", images.seeds()[number])


@cases(80)
@given(data=mutated_text(images.seeds()))
def test_nearly_right(judge: Judge, data: bytes) -> None:
    """Any of them."""
    judge("images", data)
