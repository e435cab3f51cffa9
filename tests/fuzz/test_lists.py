"""Lists of pictures that are nearly right: taken, or refused in one line."""

from __future__ import annotations

import pytest
from hypothesis import given

from tests.fuzz.judge import Judge, cases
from tests.fuzz.mutations import mutated_text
from tests.fuzz.targets import lists

# Each was found once, and was an exception, a hang or the end of the process.
WINDOW = b"# 0 a.ppm %d 6 6 1 1 0.9 0 0 %d 4 # 1 a.ppm 3 6 6 1 0 0.1 0 0 4 4"
FOUND: dict[str, tuple[bytes, str | None]] = {
    "files-are-no-text": (b"\xff.h5\n", "cannot read as HDF5"),
    "files-with-zero-byte": (b"a\0.h5\n", "cannot read as HDF5"),
    "path-with-zero-byte": (b"a\0.ppm 3\na.ppm 0\n", "is not a path, a space and a label"),
    "label-is-no-int": (b"a.ppm 99999999999999999999\n", "is not a whole number"),
    "window-beside-int": (WINDOW % (3, 10**30), "is too large"),
    "negative-channels": (WINDOW % (-3, 4), "-3 channels"),
    "channels-no-int": (WINDOW % (10**11, 4), "is too large"),
    "channels-for-no-memory": (WINDOW % (2**31 - 1, 4), "makes a blob of shape"),
}


@pytest.mark.parametrize("case", FOUND)
def test_found(judge: Judge, case: str) -> None:
    """What is said now."""
    data, line = FOUND[case]
    judge.expect("lists", data, line)


@pytest.mark.parametrize("number", range(len(lists.seeds())))
def test_valid_ones_are_read(judge: Judge, number: int) -> None:
    """What the others are made of is no nonsense."""
    judge("lists", lists.seeds()[number])


@cases(100)
@given(data=mutated_text(lists.seeds()))
def test_nearly_right(judge: Judge, data: bytes) -> None:
    """Any of them."""
    judge("lists", data)
