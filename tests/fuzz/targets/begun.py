"""`begun.json`, which says where a training began in a place that holds an earlier one."""

from __future__ import annotations

from caffe_mnist.storage.begun import BEGUN, Begun


def seeds() -> list[bytes]:
    """With and without a final model."""
    return [Begun(7).to_json(), Begun(7, (30, "2026-01-31T12:00:00Z")).to_json()]


def run(data: bytes) -> None:
    """Read it."""
    Begun.from_json(data, BEGUN)
