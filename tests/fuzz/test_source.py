"""Sources of data layers that are nearly right: taken, or refused in one line."""

from __future__ import annotations

import pytest
from hypothesis import given

from tests.fuzz.judge import Judge, cases
from tests.fuzz.mutations import mutated_text
from tests.fuzz.targets import source


@pytest.mark.parametrize("number", range(len(source.seeds())))
def test_valid_ones_are_read(judge: Judge, number: int) -> None:
    """What the others are made of is no nonsense."""
    judge("source", source.seeds()[number])


@cases(150)
@given(data=mutated_text(source.seeds()))
def test_nearly_right(judge: Judge, data: bytes) -> None:
    """Any of them."""
    judge("source", data)
