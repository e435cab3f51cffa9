"""Solvers with their nets: found, changed together, written all or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from caffe_mnist.errors import CaffeMnistError
from caffe_mnist.layouts.rewrite import (
    nets_of,
    places_of_nets,
    replace_texts,
    rewrite,
    with_nets,
    write_tree,
)
from caffe_mnist.layouts.rules import Rules
from caffe_mnist.layouts.source import read_prototxt

NET_TEXT = 'name: "n"\nlayer { name: "d" type: "Data" top: "x" data_param { source: "old/l" } }\n'


def files(folder: Path, **texts: str) -> Path:
    """Prototxts by name in a folder; returns the solver."""
    for name, text in texts.items():
        (folder / f"{name}.prototxt").write_text(text, encoding="utf-8")
    return folder / "solver.prototxt"


def test_a_net_is_looked_for_as_caffe_does_then_beside_the_solver(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the working folder, from the solver's folder, by its bare name beside the solver."""
    here, there = tmp_path / "here", tmp_path / "there"
    for folder in (here, here / "nets", there, there / "nets"):
        folder.mkdir()
    monkeypatch.chdir(here)
    solver = files(there, solver='net: "nets/n.prototxt"\n')
    places = [here / "nets", there / "nets", there]
    for place in places:
        files(place, n=NET_TEXT)
    for place in places:
        (found,) = places_of_nets(read_prototxt(solver)).values()
        assert found.resolve() == place / "n.prototxt"
        (place / "n.prototxt").unlink()


@pytest.mark.parametrize("path", ["/container/codes/n.prototxt", "C:\\\\nets\\\\n.prototxt"])
def test_a_net_of_a_container_is_found_beside_its_solver(tmp_path: Path, path: str) -> None:
    """Its path is of no use here; its name is."""
    solver = files(tmp_path, solver=f'net: "{path}"\n', n=NET_TEXT)
    assert nets_of(read_prototxt(solver)) == [tmp_path / "n.prototxt"]


def test_a_missing_net_is_named_with_its_place(tmp_path: Path) -> None:
    """All of them, or none where missing ones are passed over."""
    solver = files(tmp_path, solver='train_net: "a.prototxt"\n  test_net: "/q/b.prototxt"\n')
    source = read_prototxt(solver)
    with pytest.raises(CaffeMnistError) as caught:
        nets_of(source)
    assert caught.value.faults == [
        f"{solver}:1:12: the net 'a.prototxt' is not there",
        f"{solver}:2:13: the net '/q/b.prototxt' is not there, nor {tmp_path / 'b.prototxt'}",
    ]
    assert nets_of(source, missing=True) == []


def test_a_net_that_is_named_twice_is_there_once(tmp_path: Path) -> None:
    """As train_net and test_net, and given beside its solver."""
    text = 'train_net: "n.prototxt"\ntest_net: "./n.prototxt"\n'
    solver = files(tmp_path, solver=text, n=NET_TEXT)
    found = with_nets([solver, tmp_path / "n.prototxt", solver], [])
    assert [Path(one.path).name for one in found] == ["solver.prototxt", "n.prototxt"]


def test_the_faults_of_all_files_come_together(tmp_path: Path) -> None:
    """A typo in the solver does not hide the one in its net."""
    solver = files(tmp_path, solver='net: "n.prototxt"\nmax_iter: 1\n', n="layer { nam: 1 }")
    other = tmp_path / "other_solver.prototxt"
    other.write_text("max_itr: 1\nbase_lr: 1")
    with pytest.raises(CaffeMnistError) as caught:
        with_nets([other, solver, tmp_path / "none"], [])
    assert len(caught.value.faults) == 3


def test_what_a_net_is_called_for_is_a_net(tmp_path: Path) -> None:
    """A solver that names a solver is wrong at that place."""
    solver = files(tmp_path, solver='net: "other.prototxt"\n', other="max_iter: 1\n")
    with pytest.raises(CaffeMnistError, match="NetParameter has no field 'max_iter'"):
        with_nets([solver], [])


@pytest.mark.parametrize(
    ("key", "what"),
    [("max_iter", "a solver"), ("layer[q].name", "a net with such a layer")],
)
def test_a_setting_that_concerns_no_file_is_refused(tmp_path: Path, key: str, what: str) -> None:
    """It would be lost."""
    files(tmp_path, n=NET_TEXT)
    with pytest.raises(CaffeMnistError, match=f"needs {what}, there is none"):
        with_nets([tmp_path / "n.prototxt"], [(key, "1")])


def test_a_set_path_stays_as_it_is_given(tmp_path: Path) -> None:
    """In the solver and in its net: the layout is for the others."""
    solver = files(tmp_path, solver='net: "n.prototxt"\nweights: "a/w"\n', n=NET_TEXT)
    rules = Rules(
        {"data": "/d", "model": "/m", "code": "/c"},
        settings=(
            ("snapshot_prefix", "/given/prefix"),
            ("layer[d].data_param.source", "/given/lmdb"),
            ("net", str(tmp_path / "n.prototxt")),
        ),
    )
    out = tmp_path / "out"
    assert write_tree(solver, out, rules) == out / "solver.prototxt"
    assert (out / "solver.prototxt").read_text() == (
        'net: "/c/n.prototxt"\nweights: "/m/w"\nsnapshot_prefix: "/given/prefix"\n'
    )
    assert (out / "n.prototxt").read_text() == NET_TEXT.replace("old/l", "/given/lmdb")


def test_a_tree_names_its_own_nets(tmp_path: Path) -> None:
    """Without a code folder the new solver names the new net."""
    solver = files(tmp_path, solver='net: "n.prototxt"\n', n=NET_TEXT)
    out = tmp_path / "deep" / "out"
    assert f'net: "{out}/n.prototxt"' in write_tree(solver, out, Rules()).read_text()


def test_a_tree_is_of_a_solver(tmp_path: Path) -> None:
    """A net alone is refused."""
    files(tmp_path, n=NET_TEXT)
    with pytest.raises(CaffeMnistError, match="is a net, expected a solver"):
        write_tree(tmp_path / "n.prototxt", tmp_path / "out", Rules())
    assert not (tmp_path / "out").exists()


def test_nets_of_one_name_are_not_written_over_each_other(tmp_path: Path) -> None:
    """Two folders, one name: refused before anything is written."""
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        files(tmp_path / name, n=NET_TEXT)
    solver = files(tmp_path, solver='train_net: "a/n.prototxt"\ntest_net: "b/n.prototxt"\n')
    with pytest.raises(CaffeMnistError, match=r"two files are called n\.prototxt"):
        write_tree(solver, tmp_path / "out", Rules())
    assert not (tmp_path / "out").exists()


def test_paths_of_a_solver_and_its_nets_are_kept_apart(tmp_path: Path) -> None:
    """`train/lmdb` and `test/lmdb` do not become one."""
    text = NET_TEXT.replace("old/l", "train/l") + NET_TEXT.replace("old/l", "test/l")
    text = text.replace('name: "n"\n', "")
    (tmp_path / "n.prototxt").write_text(text)
    changed = rewrite(read_prototxt(tmp_path / "n.prototxt"), Rules({"data": "/d"}))
    assert changed == text.replace("train/l", "/d/train/l").replace("test/l", "/d/test/l")


def test_all_files_are_written_or_none(tmp_path: Path) -> None:
    """Where the last one cannot be, the first ones stay as they were, with nothing beside them."""
    first, last = tmp_path / "a", tmp_path / "none" / "b"
    first.write_text("old")
    with pytest.raises(CaffeMnistError, match="none/b: cannot write: No such file"):
        replace_texts({first: "new", last: "new"})
    assert first.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_a_full_disk_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The text goes aside first."""

    def full(path: Path, content: bytes) -> int:
        raise OSError(28, "No space left on device")

    (tmp_path / "a").write_text("old")
    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(CaffeMnistError, match="cannot write: No space left on device"):
        replace_texts({tmp_path / "a": "new"})
    assert (tmp_path / "a").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
