"""What becomes of a path: exact ones, maps, and the folder of its role, in this order."""

from __future__ import annotations

import pytest

from caffe_mnist.errors import CaffeMnistError
from caffe_mnist.layouts.layout import find_layout
from caffe_mnist.layouts.rules import Rules, parse_map, parse_setting

FOLDERS = {"code": "/c", "data": "/d", "model": "/m"}


@pytest.mark.parametrize(
    ("old", "role", "new"),
    [
        ("/home/work/dataset/mnist_train_lmdb", "data", "/d/mnist_train_lmdb"),
        ("examples/mnist/mnist_train_lmdb", "data", "/d/mnist_train_lmdb"),
        ("mnist_train_lmdb", "data", "/d/mnist_train_lmdb"),
        ("./mnist_train_lmdb/", "data", "/d/mnist_train_lmdb/"),
        ("a//b///", "data", "/d/b/"),
        ("../a/lmdb", "data", "/d/lmdb"),
        ("a/b/../lmdb", "data", "/d/lmdb"),
        ("a/b/..", "data", "/d/a"),
        ("C:\\data\\mnist\\lmdb", "data", "/d/lmdb"),
        ("data\\lmdb", "data", "/d/lmdb"),
        ("/a/with space/ü b", "data", "/d/ü b"),
        ("nets/lenet.prototxt", "code", "/c/lenet.prototxt"),
        ("snapshots/lenet", "model", "/m/lenet"),
        ("snapshots/lenet/", "model", "/m/"),
        ("", "data", ""),
        ("/", "data", "/"),
        ("..", "data", ".."),
        (".", "data", "/d"),
    ],
)
def test_a_path_keeps_its_last_name_in_the_folder_of_its_role(
    old: str, role: str, new: str
) -> None:
    """Absolute, relative, of Windows, with slashes at the end; what has no name stays."""
    assert Rules(FOLDERS).path(old, role) == new


@pytest.mark.parametrize("folders", [{}, {"data": ""}, {"model": "/m"}])
def test_without_a_folder_a_path_stays(folders: dict[str, str]) -> None:
    """A role that is missing or empty keeps its paths."""
    assert Rules(folders).path("a/b", "data") == "a/b"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("/old/data/x/lmdb", "/new/x/lmdb"),
        ("/old/data", "/new"),
        ("/old/data/", "/new/"),
        ("/old/data/deep/x", "/deeper/x"),
        ("/old/database", "/old/database"),
        ("/old//data/./x", "/new/x"),
        ("examples/mnist/x", "/e/x"),
        ("./examples/mnist/x", "/e/x"),
        ("my/examples/mnist/x", "my/examples/mnist/x"),
        ("C:\\mnist\\train\\lmdb", "/win/train/lmdb"),
        ("gone/x", "x"),
        ("", ""),
    ],
)
def test_a_map_replaces_the_beginning(old: str, new: str) -> None:
    """Whole folders only, the longest map first, all below kept; the rest stays."""
    maps = map(parse_map, ["/old/data=/new", "/old/data/deep/=/deeper", "examples/mnist/=/e/",
                           "C:\\mnist=/win", "gone="])  # fmt: skip
    assert Rules(maps=tuple(maps)).path(old, "data") == new


def test_a_map_of_the_root_takes_absolute_paths_only() -> None:
    """Also not the empty path, which means: none."""
    rules = Rules(maps=(("/", "/mnt"),))
    assert [rules.path(old, "data") for old in ("/a/b", "a/b", "", "/")] == [
        "/mnt/a/b", "a/b", "", "/mnt/",
    ]  # fmt: skip


def test_exact_places_go_before_maps_and_maps_before_folders() -> None:
    """The three ways in their order."""
    rules = Rules(FOLDERS, maps=(("a", "/map"),), exact=(("a/x", "/exact"),))
    assert [rules.path(old, "data") for old in ("a/x", "a/y", "b/z")] == [
        "/exact", "/map/y", "/d/z",
    ]  # fmt: skip


def test_different_paths_do_not_become_the_same() -> None:
    """Those of one last name keep as much of their folders as tells them apart."""
    olds = ["x/train/lmdb", "x/test/lmdb", "x/mean.binaryproto", "x/test/lmdb"]
    rules = Rules(FOLDERS).keeping_apart((old, "data") for old in olds)
    assert [rules.path(old, "data") for old in olds] == [
        "/d/train/lmdb", "/d/test/lmdb", "/d/mean.binaryproto", "/d/test/lmdb",
    ]  # fmt: skip


def test_two_ways_to_write_one_path_stay_one() -> None:
    """`./a/lmdb` and `a/lmdb/` are the same database."""
    olds = ["./a/lmdb", "a/lmdb/"]
    rules = Rules(FOLDERS).keeping_apart((old, "data") for old in olds)
    assert [rules.path(old, "data") for old in olds] == ["/d/lmdb", "/d/lmdb/"]


def test_what_maps_make_the_same_is_meant_so() -> None:
    """Maps are given by hand."""
    maps = (("a", "/one"), ("b", "/one"))
    rules = Rules(maps=maps).keeping_apart([("a/lmdb", "data"), ("b/lmdb", "data")])
    assert {rules.path(old, "data") for old in ("a/lmdb", "b/lmdb")} == {"/one/lmdb"}


def test_the_rules_of_a_layout() -> None:
    """Every role gets its folder; an empty one keeps its paths."""
    rules = Rules.of_layout(find_layout("local"))
    assert rules.path("x/net.prototxt", "code") == "x/net.prototxt"
    assert rules.path("/x/lmdb", "data") == "data/lmdb"


@pytest.mark.parametrize(
    ("text", "pair"),
    [
        ("max_iter=3", ("max_iter", "3")),
        (" max_iter = 3 ", ("max_iter", "3")),
        ("snapshot_prefix=a=b", ("snapshot_prefix", "a=b")),
        ("layer[a=b].name=c", ("layer[a=b].name", "c")),
        ("lr_policy=", ("lr_policy", "")),
    ],
)
def test_a_setting_is_split_at_its_equals_sign(text: str, pair: tuple[str, str]) -> None:
    """The first one outside brackets."""
    assert parse_setting(text) == pair


@pytest.mark.parametrize("text", ["max_iter", "=3", "", " = 3", "[x=3"])
def test_what_is_no_setting(text: str) -> None:
    """A key, an equals sign, a value."""
    with pytest.raises(CaffeMnistError, match=r"--set: .* is no setting \(KEY=VALUE\)"):
        parse_setting(text)


@pytest.mark.parametrize("text", ["a", "=b", ""])
def test_what_is_no_map(text: str) -> None:
    """The old beginning may not be empty."""
    with pytest.raises(CaffeMnistError, match=r"--map: .* is no map \(OLD=NEW\)"):
        parse_map(text)
