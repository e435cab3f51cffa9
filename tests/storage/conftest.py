"""Places for the tests of this room."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from caffe_mnist.storage import store as stores
from caffe_mnist.storage.backends import Limits
from caffe_mnist.storage.pace import Pace
from tests.fixtures.swift import Swift


def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few attempts, and short pauses between them."""
    monkeypatch.setattr(stores, "ASKING", Limits(request=10, retries=1))
    monkeypatch.setattr(stores, "PACES", (Pace(4, Limits(request=10, retries=1)),))
    monkeypatch.setattr(stores, "PAUSE", 0.01)


@pytest.fixture
def bucket(swift: Swift, monkeypatch: pytest.MonkeyPatch) -> str:
    """A new bucket on Swift, with the keys in the environment."""
    for name, value in swift.env().items():
        monkeypatch.setenv(name, value)
    return f"s3://{swift.bucket()}"


@pytest.fixture(params=["s3", "folder"])
def root(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """An empty place in a bucket, and one on this machine."""
    if request.param == "folder":
        yield str(tmp_path / "root")
    else:
        yield request.getfixturevalue("bucket") + "/root"


def tree(folder: Path) -> dict[str, bytes]:
    """Every file below, by name."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def make(folder: Path, **files: bytes) -> Path:
    """Files in a new folder; two underscores in a name stand for a slash."""
    for name, content in files.items():
        path = folder / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder
