"""Prototxts as text: their paths change, and nothing else does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from caffe_mnist.errors import CaffeMnistError
from caffe_mnist.layouts.rules import Rules
from caffe_mnist.layouts.source import NET, SOLVER, kind_of_text, prototxt, read_prototxt

RULES = Rules({"code": "/c", "data": "/d", "model": "/m"})

STRANGE = """\
# net: "a/comment.prototxt"\r
   net : 'nets/lenet.prototxt'  ;# behind\r
snapshot_prefix:"snap/"   # first half
                'shots/lenet'\t# second half
weights: [ "w/a.caffemodel, w/b.caffemodel" ,'w/c.caffemodel' ] , lr_policy: "a/b"
net_param < name: "source: \\"x/y\\"" layer: < type: "Data" data_param{source:"x\\\\y\\\\l"}
 transform_param <mean_file : "q/\\303\\274.binaryproto">
> >
# the end, without a line end"""


def test_formatting_of_every_kind_stays() -> None:
    """Comments, quotes, spaces, separators, brackets and line ends, to the letter."""
    changed = prototxt("x", STRANGE).with_paths(RULES)
    expected = STRANGE
    for old, new in (
        ("'nets/lenet.prototxt'", "'/c/lenet.prototxt'"),
        ('"snap/"', '"/m/lenet"'),
        ("'shots/lenet'", ""),
        ('"w/a.caffemodel, w/b.caffemodel"', '"/m/a.caffemodel, /m/b.caffemodel"'),
        ("'w/c.caffemodel'", "'/m/c.caffemodel'"),
        ('source:"x\\\\y\\\\l"', 'source:"/d/l"'),
        ('"q/\\303\\274.binaryproto"', '"/d/ü.binaryproto"'),
    ):
        assert old in expected
        expected = expected.replace(old, new, 1)
    assert changed == expected


def test_paths_that_stay_keep_their_writing() -> None:
    """Where no rule concerns a path, its escapes and halves stay too."""
    assert prototxt("x", STRANGE).with_paths(Rules()) == STRANGE
    assert prototxt("x", STRANGE).with_paths(Rules({"data": ""}, (("/none", "/x"),))) == STRANGE


@pytest.mark.parametrize(
    ("new", "written"),
    [
        ('say "hi"', '"say \\"hi\\"/l"'),
        ("it's", '"it\'s/l"'),
        ("back\\slash", '"back\\\\slash/l"'),
        ("ta\tb", '"ta\\tb/l"'),
        ("naïve", '"naïve/l"'),
    ],
)
def test_new_paths_are_escaped(new: str, written: str) -> None:
    """Whatever a folder is called, the result means it."""
    text = 'layer { data_param { source: "l" } }'
    changed = prototxt("x", text, NET).with_paths(Rules({"data": new}))
    assert changed == text.replace('"l"', written)
    assert [item.value for item in prototxt("x", changed, NET).paths()] == [f"{new}/l"]


def test_bytes_that_are_no_utf8_stay(tmp_path: Path) -> None:
    """Old files have Latin-1 in comments and paths; both come out as they went in."""
    path = tmp_path / "solver.prototxt"
    path.write_bytes(b'# caf\xe9\nnet: "gr\xfc\xdf/n.prototxt"\nsnapshot_prefix: "gr\xfc\xdf/x"\n')
    changed = read_prototxt(path).with_paths(Rules({"model": "/m"}))
    expected = path.read_bytes().replace(b"gr\xfc\xdf/x", b"/m/x")
    assert changed.encode("utf-8", "surrogateescape") == expected


@pytest.mark.parametrize(
    ("text", "name", "solver"),
    [
        ('net: "x"', "a.prototxt", True),
        ("max_iter: 3 base_lr: 1", "a.prototxt", True),
        ('train_net: "x" test_net: "y"', "a.prototxt", True),
        ("net_param { layer { } }", "a.prototxt", True),
        ('name: "x" layer { }', "solver.prototxt", False),
        ("layers { }", "solver.prototxt", False),
        ('input: "data" input_dim: 1', "a.prototxt", False),
        ("debug_info: true", "my_solver.prototxt", True),
        ("debug_info: true", "a.prototxt", False),
        ("", "a.prototxt", False),
        ("max_itr: 3 base_lr: 1", "a.prototxt", True),
    ],
)
def test_solvers_and_nets_are_told_apart(text: str, name: str, solver: bool) -> None:
    """By what stands in them; where that says nothing, by the file's name."""
    assert (kind_of_text(text, name) is SOLVER) is solver


def test_where_a_path_stands() -> None:
    """Line and column, from 1, of the value."""
    source = prototxt("f", 'name: "x"\nlayer {\n  data_param { source: "l" }\n}\n', NET)
    assert [source.at(item.start) for item in source.paths()] == ["f:3:24"]


def test_every_fault_of_a_file_at_once() -> None:
    """Unknown fields, wrong values, doubled ones: a line each, with line and column."""
    text = 'net: "x"\nmax_itr: 1\ntest_state {\n  levle: 2\n}\nbase_lr: "1"\nnet: "y"\n'
    with pytest.raises(CaffeMnistError) as caught:
        prototxt("s.prototxt", text)
    assert [re.sub(r": .*", "", fault) for fault in caught.value.faults] == [
        "s.prototxt:2:1", "s.prototxt:4:3", "s.prototxt:6:10", "s.prototxt:7:1",
    ]  # fmt: skip
    assert "SolverParameter has no field 'max_itr' (did you mean max_iter?)" in str(caught.value)


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"\x89PNG\0\0", "is no text, so no prototxt"),
        (b'\xef\xbb\xbfnet: "x"', "x.prototxt:1:1: a byte order mark"),
        (b'net: "x', "x.prototxt:1:6: a string without its end"),
        (b"layer { ", "x.prototxt:1:9: expected a field's name or '}', found the end of the file"),
        (b"<html>", "x.prototxt:1:1: expected a field's name, found '<'"),
    ],
)
def test_files_that_are_no_prototxt(tmp_path: Path, content: bytes, what: str) -> None:
    """Pictures, pages, halves: said in a line."""
    path = tmp_path / "x.prototxt"
    path.write_bytes(content)
    with pytest.raises(CaffeMnistError) as caught:
        read_prototxt(path)
    assert what in str(caught.value)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    """Missing ones and folders."""
    with pytest.raises(CaffeMnistError, match="none: cannot read: No such file"):
        read_prototxt(tmp_path / "none")
    with pytest.raises(CaffeMnistError, match="cannot read: Is a directory"):
        read_prototxt(tmp_path)


def test_parts_and_mixtures_of_datasets_keep_their_options() -> None:
    """Each path of a source is moved; what stands behind it stays."""
    text = 'layer { data_param { source: "x/flowers?set=val&first=0.5;y/b_lmdb?weight=2" } }'
    changed = prototxt("x", text, NET).with_paths(RULES)
    assert changed == text.replace("x/flowers", "/d/flowers").replace("y/b_lmdb", "/d/b_lmdb")
    assert [one.value for one in prototxt("x", text, NET).paths()] == ["x/flowers", "y/b_lmdb"]
