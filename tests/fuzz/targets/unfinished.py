"""`unfinished.json`, which says what a job could not bring to its store."""

from __future__ import annotations

import json
from pathlib import Path

from caffe_mnist.storage.unfinished import UNFINISHED, read_unfinished


def seeds() -> list[bytes]:
    """A job that lacks two snapshots and its final model."""
    content = {
        "version": 1, "run": "r", "url": "store", "prefix": "x", "keep": 3, "snapshots": [5, 10],
        "final": {"iteration": 10, "files": ["x_iter_10.caffemodel"]}, "failed": ["failed/log"],
        "training": "20260131-1a2b3c",
    }  # fmt: skip
    return [json.dumps(content).encode()]


def run(data: bytes) -> None:
    """Read it."""
    Path(UNFINISHED).write_bytes(data)
    read_unfinished(Path())
