"""rm: all of what is named, manifests first, and nothing that nobody means."""

from __future__ import annotations

from pathlib import Path

import pytest

from caffe_mnist.errors import CaffeMnistError
from caffe_mnist.storage.listing import look
from caffe_mnist.storage.removal import check_removable, removable, remove
from caffe_mnist.storage.store import Store, StoreError, open_store
from caffe_mnist.storage.urls import join
from tests.fixtures.swift import Swift
from tests.storage.conftest import make, tree


def test_a_folder_goes_and_its_neighbour_stays(root: str) -> None:
    """`run` is not `run2`."""
    store = open_store(root)
    for name in ("run/1/x", "run/y", "run2/z"):
        store.write(name, b"1")
    place = removable(join(root, "run"))
    assert place.size == 2
    remove(place)
    assert [entry.name for entry in store.list()] == ["run2/z"]


def test_one_file_goes(root: str) -> None:
    """Its neighbours stay."""
    store = open_store(root)
    for name in ("x", "x/y" if root.startswith("s3") else "z"):
        store.write(name, b"1")
    remove(removable(join(root, "x")))
    assert len(store.list()) == 1
    assert store.size("x") is None


def test_manifests_go_first(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that what is left by an end in the middle is no snapshot."""
    store = open_store(bucket)
    for name in ("1/a", "1/manifest.json", "newest.json", "2/manifest.json", "2/b"):
        store.write(name, b"1")
    asked: list[list[str]] = []

    def delete_all(self: Store, names: list[str]) -> None:
        asked.append(names)

    monkeypatch.setattr(Store, "delete_all", delete_all)
    remove(removable(bucket))
    assert asked == [["newest.json", "1/manifest.json", "2/manifest.json"], ["1/a", "2/b"]]


def test_more_than_one_request_of_names(bucket: str) -> None:
    """A store takes a thousand at a time; here they are counted down."""
    store = open_store(bucket)
    for number in range(30):
        store.write(f"many/{number}", b"")
    remove(removable(bucket))
    assert store.list() == []


def test_links_are_removed_and_not_followed(tmp_path: Path) -> None:
    """What they lead to stays."""
    make(tmp_path / "kept", x=b"1")
    target = make(tmp_path / "gone", y=b"2", z__w=b"3")
    (target / "link").symlink_to(tmp_path / "kept")
    remove(removable(str(target)))
    assert not target.exists()
    assert tree(tmp_path / "kept") == {"x": b"1"}
    (tmp_path / "alias").symlink_to(tmp_path / "kept")
    remove(removable(str(tmp_path / "alias")))
    assert tree(tmp_path / "kept") == {"x": b"1"}


@pytest.mark.parametrize("url", ["s3://bucket", "obs://bucket/", "/", "~", ".", ".."])
def test_what_is_never_removed(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A whole bucket without its flag, the disk, a home, where we are."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CaffeMnistError, match=r"whole bucket|more than should be removed"):
        check_removable(str(Path.home()) if url == "~" else url)
    check_removable("s3://bucket", bucket=True)
    check_removable(str(tmp_path / "x"))


def test_folders_that_consoles_made_go_too(swift: Swift, bucket: str) -> None:
    """The empty objects that show them; one alone is something to remove."""
    name = bucket.partition("//")[2].partition("/")[0]
    for folder in ("run", "run/deep", "run/deep/empty", "alone"):
        swift.make_bucket(f"{name}/{folder}/")
    root = f"s3://{name}"
    open_store(root).write("run/deep/x", b"1")
    assert look(f"{root}/alone") == ([], [])
    remove(removable(f"{root}/run"))
    assert open_store(root).markers() == ["alone"]
    remove(removable(f"{root}/alone"))
    assert look(root) == ([], [])


def test_nothing_to_remove_is_an_error(root: str) -> None:
    """A typing mistake does not pass for a clean-up."""
    open_store(root).write("x", b"1")
    with pytest.raises(StoreError, match=r"nothing here|no such file"):
        removable(join(root, "y"))
