"""The judge of fuzzed files."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.fuzz.judge import Judge


@pytest.fixture(scope="session")
def judge() -> Iterator[Judge]:
    """The judge, and one process for all tests."""
    judge = Judge()
    yield judge
    judge.close()
