"""A short soak: jobs killed and started again through faults. The long one is scripts/soak.sh."""

from __future__ import annotations

import re
import subprocess
import sys

from tests.fixtures.jobs import ROOT
from tests.fixtures.swift import Swift


def test_a_few_rounds_without_a_loss(swift: Swift) -> None:
    """Six of them, by a seed; what was published is counted, what was lost would be."""
    del swift  # only where it can be had
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults.soak", "--rounds=6", "--seed=7", "--lanes=4"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    (line,) = done.stdout.splitlines()[-1:]
    found = re.search(r": rounds 6, .* snapshots published (\d+), losses: 0$", line)
    assert found, line
    assert int(found.group(1)) >= 4
