"""Complete snapshots: published last byte first, fetched with every byte checked."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from caffe_mnist.errors import CaffeMnistError
from caffe_mnist.storage.manifest import LARGEST_MANIFEST, Manifest
from caffe_mnist.storage.snapshots import ChangedFileError, fetch, publish, remove, sha256
from caffe_mnist.storage.store import Store, StoreError, open_store
from caffe_mnist.storage.survey import newest, published, read_manifest, survey
from caffe_mnist.storage.urls import is_local, join, parse
from tests.fixtures.swift import Swift


@pytest.fixture(params=["folder", "s3"])
def root(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[str]:
    """An empty root in each kind of store."""
    if request.param == "folder":
        yield str(tmp_path / "store")
        return
    swift: Swift = request.getfixturevalue("swift")
    for name, value in swift.env().items():
        monkeypatch.setenv(name, value)
    yield f"s3://{swift.bucket()}/run"


def pair(folder: Path, iteration: int, size: int = 1000) -> list[Path]:
    """The two files of a snapshot."""
    folder.mkdir(exist_ok=True)
    files = [folder / f"net_iter_{iteration}.{kind}" for kind in ("caffemodel", "solverstate")]
    for file in files:
        file.write_bytes(f"{file.name} ".encode() * size)
    return files


def test_a_published_snapshot_has_a_manifest_of_its_bytes(root: str, tmp_path: Path) -> None:
    """Iteration, time, and name, size and SHA-256 of each file."""
    files = pair(tmp_path / "model", 500)
    publish(join(root, "1"), files, 500)
    found = json.loads(open_store(root).read("1/manifest.json"))
    assert found["iteration"] == 500
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", found["created"])
    assert found["files"] == [
        {"name": file.name, "size": file.stat().st_size, "sha256": sha256(file)} for file in files
    ]


def test_what_has_no_manifest_does_not_exist(root: str, tmp_path: Path) -> None:
    """Half uploads, and folders that are none, are invisible."""
    publish(join(root, "1"), pair(tmp_path / "model", 10), 10)
    publish(join(root, "2"), pair(tmp_path / "model", 20), 20)
    store = open_store(root)
    store.delete("2/manifest.json")
    store.write("other/manifest.json", b"{}")
    store.write("3/manifest.json", b"no json")
    assert [one.folder for one in published(root)] == ["1"]
    with pytest.raises(StoreError, match="no complete snapshot"):
        read_manifest(join(root, "2"))
    with pytest.raises(StoreError, match="no complete snapshot"):
        fetch(join(root, "2"), tmp_path / "copy")


def test_a_snapshot_that_lost_a_file_does_not_exist(root: str, tmp_path: Path) -> None:
    """A manifest whose files are gone or of another size is not believed."""
    publish(join(root, "1"), pair(tmp_path / "model", 10), 10)
    publish(join(root, "2"), pair(tmp_path / "model", 20), 20)
    open_store(root).write("2/net_iter_20.caffemodel", b"short")
    assert [one.folder for one in published(root)] == ["1"]


def test_newest_goes_by_iteration(root: str, tmp_path: Path) -> None:
    """Not by the folder's number; a snapshot without a solver state cannot be resumed."""
    publish(join(root, "1"), pair(tmp_path / "model", 900), 900)
    publish(join(root, "2"), pair(tmp_path / "model", 100), 100)
    publish(join(root, "final"), pair(tmp_path / "model", 2000)[:1], 2000)
    assert [one.folder for one in published(root)] == ["2", "1", "final"]
    found = newest(root)
    assert found is not None
    assert found.folder == "1"
    assert newest(join(root, "empty")) is None


def test_fetching_checks_every_byte(root: str, tmp_path: Path) -> None:
    """A damaged object is an error and leaves no file; a whole one arrives."""
    files = pair(tmp_path / "model", 10)
    publish(join(root, "1"), files, 10)
    got = fetch(join(root, "1"), tmp_path / "copy")
    assert [path.read_bytes() for path in got] == [path.read_bytes() for path in files]
    damaged = bytearray(files[1].read_bytes())
    damaged[5] ^= 1
    open_store(root).write("1/net_iter_10.solverstate", bytes(damaged))
    with pytest.raises(StoreError, match="is not what its manifest says"):
        fetch(join(root, "1"), tmp_path / "second")
    assert not (tmp_path / "second" / "net_iter_10.solverstate").exists()
    assert not [p for p in (tmp_path / "second").iterdir() if p.name.startswith(".")]


def test_publishing_again_replaces_the_whole(root: str, tmp_path: Path) -> None:
    """What the new manifest does not name is gone."""
    publish(join(root, "final"), pair(tmp_path / "model", 10), 10)
    publish(join(root, "final"), pair(tmp_path / "model", 20), 20)
    names = [entry.name for entry in open_store(join(root, "final")).list()]
    assert names == ["manifest.json", "net_iter_20.caffemodel", "net_iter_20.solverstate"]
    assert read_manifest(join(root, "final")).iteration == 20


def test_a_file_that_changes_meanwhile_is_not_published(
    root: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bytes of two versions never get a manifest."""
    files = pair(tmp_path / "model", 10)
    whole = Store.upload

    def upload(self: Store, path: Path, name: str, moved: None = None) -> str:
        digest = whole(self, path, name, moved)
        if name.endswith("solverstate"):
            files[1].write_bytes(b"another version")
        return digest

    monkeypatch.setattr(Store, "upload", upload)
    with pytest.raises(ChangedFileError, match="changed while it was uploaded"):
        publish(join(root, "1"), files, 10)
    assert published(root) == []


def test_the_final_model_is_replaced_as_late_as_can_be(
    root: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The old one is complete until the new one's own files have arrived."""
    log = tmp_path / "train.log"
    log.write_text("first")
    publish(join(root, "final"), [*pair(tmp_path / "model", 10), log], 10)
    log.write_text("second")
    states = []
    whole = Store.upload

    def upload(self: Store, path: Path, name: str, moved: None = None) -> str:
        digest = whole(self, path, name, moved)
        states.append((name, [one.manifest.iteration for one in published(root)]))
        return digest

    monkeypatch.setattr(Store, "upload", upload)
    publish(join(root, "final"), [log, *pair(tmp_path / "model", 20)], 20)
    new = ["net_iter_20.caffemodel", "net_iter_20.solverstate", "train.log"]
    assert states == [(new[0], [10]), (new[1], [10]), (new[2], [])]
    assert [file.name for file in published(root)[0].manifest.files] == [new[2], *new[:2]]


def test_a_manifest_that_cannot_be_read_keeps_its_number(root: str, tmp_path: Path) -> None:
    """One of a newer release is no snapshot for us, and nothing to write over."""
    publish(join(root, "1"), pair(tmp_path / "model", 10), 10)
    store = open_store(root)
    store.write("3/manifest.json", b'{"version": 9}')
    store.write("4/net_iter_5.caffemodel", b"half")
    store.write("5/manifest.json", b" " * (LARGEST_MANIFEST + 1))
    found = survey(root)
    assert [one.folder for one in found.complete] == ["1"]
    assert (found.taken, found.leftovers) == ({1, 3, 5}, {4})


def test_removing_takes_the_manifest_first(root: str, tmp_path: Path) -> None:
    """And then everything below."""
    publish(join(root, "1"), pair(tmp_path / "model", 10), 10)
    remove(root, "1")
    assert open_store(root).list() == []
    if is_local(root):
        assert not (Path(parse(root).path) / "1").exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is no manifest"),
        (b"[]", "is no manifest"),
        (b'{"iteration": 1, "created": "x"}', "is no manifest"),
        (b'{"version": 2, "iteration": 1}', "is of version 2, this program knows 1"),
        (b'{"version": "1", "iteration": 1}', "is of version"),
        (b"[" * 100_000, "is no manifest"),
        (b'{"iteration": Infinity, "created": "x", "files": []}', "is no manifest"),
        (b'{"iteration": true, "created": "x", "files": []}', "is no manifest"),
        (b'{"iteration": -1, "created": "x", "files": []}', "is no manifest"),
        (
            b'{"iteration": 1, "created": "x", "files": [{"name": "x", "size": 1, "sha256": "0"}]}',
            "is no SHA-256",
        ),
        (
            b'{"iteration": 1, "created": "x", "files": [{"name": "../x", "size": 1, '
            b'"sha256": "0"}]}',
            "not a plain one",
        ),
    ],
)
def test_manifests_that_are_none(content: bytes, message: str) -> None:
    """Each says what is wrong; names that leave the folder are refused."""
    with pytest.raises(CaffeMnistError, match=message):
        Manifest.from_json(content, "m")
