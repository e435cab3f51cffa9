"""verify: what is complete passes, every kind of fault is found and named."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from caffe_mnist.storage.snapshots import publish
from caffe_mnist.storage.store import StoreError, open_store
from caffe_mnist.storage.urls import join
from caffe_mnist.storage.verification import verify
from tests.storage.conftest import make


def fill(root: str, folder: Path) -> None:
    """Two numbered snapshots and a final one, a pointer, and a folder without a manifest."""
    for number, iteration in (("1", 10), ("2", 20), ("final", 20)):
        name = f"net_iter_{iteration}"
        files = make(folder / number, **{f"{name}_caffemodel": b"w" * 3000, "log": b"l"})
        (files / f"{name}_caffemodel").rename(files / f"{name}.caffemodel")
        publish(join(root, number), sorted(files.iterdir()), iteration)
    store = open_store(root)
    store.write("newest.json", json.dumps({"version": 1, "folder": "2"}).encode())
    store.write("failed/run.json", b"{}")


def faults(root: str) -> list[str]:
    """All that is wrong below, without the root in front."""
    return [
        fault.replace(root, "").lstrip("/") for verdict in verify(root) for fault in verdict.faults
    ]


def test_complete_snapshots_pass(root: str, tmp_path: Path) -> None:
    """All of them, a single one, and one named by its manifest."""
    fill(root, tmp_path / "model")
    verdicts = verify(root)
    assert [v.manifest.iteration for v in verdicts if v.manifest] == [10, 20, 20]
    assert not faults(root)
    for url in (join(root, "2"), join(root, "2", "manifest.json")):
        assert [v.manifest.iteration for v in verify(url) if v.manifest] == [20]


def test_every_fault_is_named(root: str, tmp_path: Path) -> None:
    """A changed byte, a shorter file, a missing one, no manifest, one that is none or newer."""
    fill(root, tmp_path / "model")
    store = open_store(root)
    store.write("1/net_iter_10.caffemodel", b"w" * 2999 + b"W")
    store.write("1/log", b"")
    store.delete("2/log")
    store.delete("final/manifest.json")
    store.write("3/manifest.json", b"{")
    store.write("4/manifest.json", b'{"version": 9}')
    store.write("5/net_iter_5.solverstate", b"half")
    found = faults(root)
    assert found[:2] == [
        "1/log: damaged: 0 bytes, the manifest says 1",
        "1/net_iter_10.caffemodel: damaged: its SHA-256 is not that in the manifest",
    ]
    assert found[2] == "2/log: missing"
    assert found[3].startswith("3/manifest.json: is no manifest")
    assert found[4].startswith("4/manifest.json: is of version 9")
    missing = "no manifest.json: not a complete snapshot"
    assert found[5:] == [f"5: {missing}", f"final: {missing}"]


def test_a_pointer_to_nothing_is_a_fault(root: str, tmp_path: Path) -> None:
    """It is written after the snapshot that it names."""
    fill(root, tmp_path / "model")
    open_store(root).write("newest.json", b'{"version": 1, "folder": "7"}')
    assert faults(root) == ["newest.json: names 7, no complete snapshot"]
    open_store(root).write("newest.json", b"[]")
    assert faults(root) == ["newest.json: cannot be read"]


def test_what_is_no_snapshot_is_said(root: str) -> None:
    """A dataset, say; classes with numbers for names are no snapshots without manifests."""
    open_store(root).write("data/0/a.png", b"1")
    with pytest.raises(StoreError, match="no snapshot here"):
        verify(root)
    with pytest.raises(StoreError, match="is no snapshot"):
        verify(join(root, "data/0/a.png"))
    with pytest.raises(StoreError, match=r"nothing here|no such file or folder"):
        verify(join(root, "elsewhere"))
