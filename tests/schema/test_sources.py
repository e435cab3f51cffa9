"""A Data layer's source: databases, parts of datasets and mixtures."""

from __future__ import annotations

import pytest

from caffe_mnist.schema.sources import Piece, split_source, with_paths


@pytest.mark.parametrize(
    ("source", "pieces"),
    [
        ("a/train_lmdb", [Piece("a/train_lmdb")]),
        ("a?first=0.5", [Piece("a", (("first", "0.5"),))]),
        ("a?shuffle=1&seed=7", [Piece("a", (("shuffle", "1"), ("seed", "7")))]),
        ("a?sample=0.1&seed=7", [Piece("a", (("sample", "0.1"), ("seed", "7")))]),
        (
            "a/dataset.json?weight=3; b_lmdb?weight=1",
            [Piece("a/dataset.json", (("weight", "3"),)), Piece("b_lmdb", (("weight", "1"),))],
        ),
        ("a;b", [Piece("a"), Piece("b")]),
        ("what?", [Piece("what?")]),
        ("what?ever=1", [Piece("what?ever=1")]),
        ("what?first=1?set=val", [Piece("what?first=1", (("set", "val"),))]),
        ("a?first=0.5&other=1", [Piece("a?first=0.5&other=1")]),
        ("?first=1", [Piece("?first=1")]),
        ("a;", [Piece("a;")]),
        (";", [Piece(";")]),
        ("", [Piece("")]),
        (" ", [Piece(" ")]),
    ],
)
def test_sources(source: str, pieces: list[Piece]) -> None:
    """Known options are split off; everything else is a path, as in Caffe."""
    assert split_source(source) == pieces


@pytest.mark.parametrize(
    ("source", "changed"),
    [
        ("a/b", "/d/b"),
        ("a/b?first=0.5", "/d/b?first=0.5"),
        ("a/b?weight=1 ;  c/d?set=val&weight=2", "/d/b?weight=1 ;  /d/d?set=val&weight=2"),
        ("x/a;a", "/d/a;/d/a"),
        ("a/b;", "/d/b;"),
    ],
)
def test_paths_change_and_nothing_else(source: str, changed: str) -> None:
    """Options, separators and spaces stay to the letter."""
    assert with_paths(source, lambda path: "/d/" + path.rsplit("/", 1)[-1]) == changed
