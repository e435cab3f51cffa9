"""`owner.json`, which says whose place in a store it is."""

from __future__ import annotations

from caffe_mnist.storage.holder import Holder


def seeds() -> list[bytes]:
    """A living owner's."""
    return [
        Holder(
            "run", "host", 7, "boot", "2026-01-31T12:00:00Z", "2026-01-31T12:00:15Z", 3
        ).to_json()
    ]


def run(data: bytes) -> None:
    """Whatever it is, it is read as some owner."""
    Holder.from_json(data)
