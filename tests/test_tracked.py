"""What belongs to the project, and what only lies in a checkout."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = {
    ".ci", ".github", "benchmarks", "caffe_mnist", "docs", "notebooks", "prototxt", "scripts",
    "tests",
}  # fmt: skip


def test_what_runs_leave_is_not_tracked() -> None:
    """Datasets, models and stores lie beside the code of whoever tries it, and never in it."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("no checkout of git")
    names = [name for name in listed.stdout.split("\0") if name]
    assert {name.partition("/")[0] for name in names if "/" in name} <= FOLDERS
    there = [path for path in (ROOT / name for name in names) if path.is_file()]
    assert max(path.stat().st_size for path in there) < 2**20
