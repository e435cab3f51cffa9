"""Manifests of snapshots in a store."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from caffe_mnist.predict import main as predict
from caffe_mnist.storage.manifest import Manifest
from caffe_mnist.storage.snapshots import fetch
from caffe_mnist.storage.survey import newest, published
from tests.fuzz.targets import command, each

FILES = {"x_iter_5.caffemodel": b"weights", "x_iter_5.solverstate": b"\x08\x05"}


def seeds() -> list[bytes]:
    """The manifest of the files."""
    files = [
        {"name": name, "size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        for name, content in FILES.items()
    ]
    whole = {"version": 1, "iteration": 5, "created": "2026-01-31T12:00:00Z", "files": files}
    return [json.dumps(one).encode() for one in (whole, {**whole, "training": "20260131-1a2b3c"})]


def run(data: bytes) -> None:
    """Alone; as the manifest of a snapshot that is listed, fetched, and asked for a model."""
    folder = Path("store/1")
    folder.mkdir(parents=True)
    for name, content in {**FILES, "manifest.json": data}.items():
        (folder / name).write_bytes(content)
    each(
        lambda: Manifest.from_json(data, "manifest"),
        lambda: published("store"),
        lambda: newest("store"),
        lambda: fetch("store/1", Path("here")),
    )
    assert {path.name for path in Path("here").glob("*")} <= set(FILES), "files of other names"
    command(predict, "store/1", "picture.pgm")
