"""LevelDB databases that are nearly right: taken, or refused in one line."""

from __future__ import annotations

import pytest
from hypothesis import given

from tests.fuzz.judge import Judge, cases
from tests.fuzz.mutations import mutated
from tests.fuzz.targets import leveldb

pytest.importorskip("plyvel", reason="the extra leveldb is not installed")


@pytest.mark.parametrize("number", range(len(leveldb.seeds())))
def test_valid_ones_are_read(judge: Judge, number: int) -> None:
    """What the others are made of is no nonsense."""
    judge("leveldb", leveldb.seeds()[number])


@cases(100)
@given(data=mutated(leveldb.seeds()))
def test_nearly_right(judge: Judge, data: bytes) -> None:
    """Any of them."""
    judge("leveldb", data)
