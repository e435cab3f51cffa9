"""Jobs of these tests leave no TensorBoard events unless a test is about them, which costs time."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fixtures.jobs import Job


@pytest.fixture
def job(request: pytest.FixtureRequest, tmp_path: Path, small_mnist: Path) -> Job:
    """A job in a folder of its own; with the mark `events`, it has TensorBoard."""
    events = request.node.get_closest_marker("events") is not None
    return Job(tmp_path, small_mnist, events=events)
