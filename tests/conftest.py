"""What every test may use: real Caffe, MNIST, and a real store with keys."""

from __future__ import annotations

import os
import signal

import pytest

# Tests run beside each other, and nearly all arrays in them are small: more threads than one in
# PyTorch and in real Caffe, here and in what tests start, would only wait for each other.
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(name, "1")

# A shell starts what runs in its background with SIGINT ignored, and programs that we start would
# inherit that: their tests press Ctrl-C.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

pytest_plugins = [
    "tests.fixtures.caffe",
    "tests.fixtures.mnist",
    "tests.fixtures.swift",
    "tests.fixtures.faults",
    "tests.fixtures.jobs",
    "tests.fixtures.light",
    "tests.fixtures.browser",
    "tests.fixtures.service",
]


# Files of minutes: begun first, none of them is still running when all others are done. Not so
# test_contributing.py: later, it finds what mypy has read for scripts/test.sh, and not twice.
LONG = (
    "tests/test_stories.py",
    "tests/test_pages.py",
    "tests/test_fine_tuning.py",
    "tests/test_notebooks.py",
    "tests/test_ready_nets.py",
    "tests/faults/",
    "tests/cluster/",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long files first; skip tests marked `gpu` where there is no CUDA device, saying so."""
    items.sort(key=lambda item: not item.nodeid.startswith(LONG))
    gpu_tests = [item for item in items if item.get_closest_marker("gpu")]
    if not gpu_tests:
        return
    import torch

    if not torch.cuda.is_available():
        for item in gpu_tests:
            item.add_marker(pytest.mark.skip(reason="no CUDA device here"))
