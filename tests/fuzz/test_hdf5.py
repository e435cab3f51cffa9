"""HDF5 files that are nearly right: taken, or refused in one line."""

from __future__ import annotations

import pytest
from hypothesis import given

from tests.fuzz.judge import Judge, cases
from tests.fuzz.mutations import mutated
from tests.fuzz.targets import hdf5

DATA, MODEL, STATE = hdf5.seeds()
# What was changed, and what is said; each was an exception of the library's.
FOUND = {
    "no-heap": (MODEL.replace(b"HEAP", b"HEEP"), "cannot read as HDF5"),
    "no-tree": (STATE.replace(b"TREE", b"TREK"), "cannot read as HDF5"),
    "no-names": (STATE.replace(b"SNOD", b"SNOT"), "cannot read as HDF5"),
    "no-such-floats": (STATE.replace(b"\x17\x08\0\x17\x7f", b"\xfe\x08\0\x17\x7f"), "data"),
    "no-rows": (DATA.replace(b"label", b"lebal"), "has no dataset 'label'"),
    "empty": (b"", "cannot read as HDF5"),
    "cut": (MODEL[:3000], "cannot read as HDF5"),
}


@pytest.mark.parametrize("case", FOUND)
def test_found(judge: Judge, case: str) -> None:
    """What is said now."""
    data, line = FOUND[case]
    judge.expect("hdf5", data, line)


@pytest.mark.parametrize("number", range(len(hdf5.seeds())))
def test_valid_ones_are_read(judge: Judge, number: int) -> None:
    """What the others are made of is no nonsense."""
    judge("hdf5", hdf5.seeds()[number])


@cases(150)
@given(data=mutated(hdf5.seeds()))
def test_nearly_right(judge: Judge, data: bytes) -> None:
    """Any of them."""
    judge("hdf5", data)
