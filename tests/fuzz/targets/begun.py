"""`begun.json`, which says where a training began in a place that holds an earlier one."""

from __future__ import annotations

from caffe_mnist.storage.begun import BEGUN, Begun


def seeds() -> list[bytes]:
    """With and without a final model and a name."""
    final = (30, "2026-01-31T12:00:00Z")
    return [Begun(7).to_json(), Begun(7, final, "20260131-120000-1a2b3c").to_json()]


def run(data: bytes) -> None:
    """Read it."""
    Begun.from_json(data, BEGUN)
