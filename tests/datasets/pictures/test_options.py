"""convert_imageset's flags, in every spelling that its users have in their scripts."""

from __future__ import annotations

import argparse

import pytest

from caffe_mnist.datasets.pictures.listing import Decoding
from caffe_mnist.datasets.pictures.options import (
    add_images,
    add_imageset,
    decoding_of,
    respelled,
)
from caffe_mnist.errors import CaffeMnistError


def parsed(*words: str) -> argparse.Namespace:
    """The options of `convert imageset ROOT/ LIST DB` with more."""
    parser = argparse.ArgumentParser()
    add_imageset(parser)
    return parser.parse_args(respelled([*words, "root/", "list.txt", "db"]))


@pytest.mark.parametrize("dash", ["-", "--"])
def test_flags_of_convert_imageset(dash: str) -> None:
    """One dash or two, "=" or a word, and what else its parser takes."""
    words = [
        "resize_height=256", "resize_width=128", "gray", "shuffle=true", "encoded=1",
        "encode_type=png", "check_size=T", "backend=lmdb", "logtostderr", "minloglevel=1",
    ]  # fmt: skip
    options = parsed(*(dash + word for word in words))
    assert (options.root, options.source, options.out) == ("root/", "list.txt", "db")
    assert options.shuffle
    assert decoding_of(options) == Decoding(256, 128, 0, True, True, "png", True)
    options = parsed(f"{dash}resize_height", "32", f"{dash}resize-width", "33", f"{dash}v", "2")
    assert (options.resize_height, options.resize_width) == (32, 33)
    assert parsed("-resize_height", "8", "-resize_height=9", "-nogray", "-gray").resize_height == 9


@pytest.mark.parametrize("words", [["-nogray"], ["--gray=false"], ["-gray", "-gray=0"], []])
def test_switches_are_turned_off(words: list[str]) -> None:
    """As its parser turns them off: the last word counts."""
    assert not parsed(*words).gray


def test_neither_true_nor_false() -> None:
    """A value that says neither is refused."""
    with pytest.raises(CaffeMnistError, match="neither true nor false"):
        parsed("-gray=maybe")


def test_what_follows_two_dashes_is_left() -> None:
    """Files may be called like flags."""
    assert respelled(["-gray", "--", "-gray", "a_b"]) == ["--gray", "--", "-gray", "a_b"]
    assert respelled(["pictures_of_roses", "-"]) == ["pictures_of_roses", "-"]


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (["--resize-height=3"], "go together"),
        (["--resize-height=3", "--resize-width=3", "--shorter-side=4"], "goes without"),
    ],
)
def test_options_that_disagree(words: list[str], what: str) -> None:
    """`convert images` refuses sizes that contradict each other."""
    parser = argparse.ArgumentParser()
    add_images(parser)
    with pytest.raises(CaffeMnistError, match=what):
        decoding_of(parser.parse_args([*words, "pictures", "out"]))
