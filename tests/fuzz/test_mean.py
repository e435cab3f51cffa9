"""Mean images that are nearly right: taken, or refused in one line."""

from __future__ import annotations

import pytest
from hypothesis import given

from tests.fuzz.judge import Judge, cases
from tests.fuzz.mutations import mutated
from tests.fuzz.targets import mean

# Each was found once, and was an exception, a hang or the end of the process.
FOUND: dict[str, tuple[bytes, str | None]] = {
    "no-height": (b"\x08\1\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\1", "are no mean image"),
    "negative": (b"\x08\1\x10\1\x18\xff\xff\x8a\xff\x0f", "are no mean image"),
    "sizes-overflow": (
        b":\x0d\n\x0b\x80\x80\x80\x80\x10\x80\x80\x80\x80\x10\1", "are no mean image",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", FOUND)
def test_found(judge: Judge, case: str) -> None:
    """What is said now."""
    data, line = FOUND[case]
    judge.expect("mean", data, line)


@pytest.mark.parametrize("number", range(len(mean.seeds())))
def test_valid_ones_are_read(judge: Judge, number: int) -> None:
    """What the others are made of is no nonsense."""
    judge("mean", mean.seeds()[number])


@cases(200)
@given(data=mutated(mean.seeds()))
def test_nearly_right(judge: Judge, data: bytes) -> None:
    """Any of them."""
    judge("mean", data)
