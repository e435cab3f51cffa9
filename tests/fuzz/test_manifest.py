"""Manifests of snapshots that are nearly right: taken, or refused in one line."""

from __future__ import annotations

import pytest
from hypothesis import given

from tests.fuzz.judge import Judge, cases
from tests.fuzz.mutations import mutated_text
from tests.fuzz.targets import manifest

# Each was found once, and was an exception, a hang or the end of the process.
VALID = manifest.seeds()[0]
FOUND: dict[str, tuple[bytes, str | None]] = {
    "long-name": (VALID.replace(b".solverstate", b".solverstate" * 30), "is no manifest"),
    "deep": (b"[" * 100_000, "is no manifest"),
    "infinite": (VALID.replace(b'"size": 7', b'"size": Infinity'), "is no count"),
    "half-a-letter": (VALID.replace(b"x_iter_5.c", b"\\ud800.c"), "is not a plain one"),
}


@pytest.mark.parametrize("case", FOUND)
def test_found(judge: Judge, case: str) -> None:
    """What is said now."""
    data, line = FOUND[case]
    judge.expect("manifest", data, line)


@pytest.mark.parametrize("number", range(len(manifest.seeds())))
def test_valid_ones_are_read(judge: Judge, number: int) -> None:
    """What the others are made of is no nonsense."""
    judge("manifest", manifest.seeds()[number])


@cases(200)
@given(data=mutated_text(manifest.seeds()))
def test_nearly_right(judge: Judge, data: bytes) -> None:
    """Any of them."""
    judge("manifest", data)
