"""Split layers: one reader for every blob, under Caffe's names."""

from __future__ import annotations

import pytest

from caffe_mnist.engine.splits import insert_splits
from caffe_mnist.errors import CaffeMnistError
from caffe_mnist.schema import caffe_pb2
from caffe_mnist.schema.messages import parse_text


def _net(text: str) -> caffe_pb2.NetParameter:
    return parse_text(text, caffe_pb2.NetParameter, "test")


def test_a_blob_with_two_readers_is_split() -> None:
    """The split is called BLOB_LAYER_INDEX_split, its tops add a number each."""
    net = insert_splits(
        _net(
            """
            layer { name: "d" type: "Input" top: "x" top: "y" }
            layer { name: "a" type: "ReLU" bottom: "y" top: "a" }
            layer { name: "b" type: "ReLU" bottom: "y" top: "b" }
            """
        )
    )
    assert [layer.name for layer in net.layer] == ["d", "y_d_1_split", "a", "b"]
    assert list(net.layer[1].top) == ["y_d_1_split_0", "y_d_1_split_1"]
    assert net.layer[2].bottom[0] == "y_d_1_split_0"
    assert net.layer[3].bottom[0] == "y_d_1_split_1"


def test_in_place_tops_are_told_apart() -> None:
    """Readers before and after an in-place layer read different versions: no split."""
    net = insert_splits(
        _net(
            """
            layer { name: "d" type: "Input" top: "x" }
            layer { name: "a" type: "ReLU" bottom: "x" top: "x" }
            layer { name: "b" type: "ReLU" bottom: "x" top: "b" }
            """
        )
    )
    assert [layer.name for layer in net.layer] == ["d", "a", "b"]


def test_a_loss_weight_counts_as_a_reader() -> None:
    """A weighted top that is read too gets a split, which takes over the weight."""
    net = insert_splits(
        _net(
            """
            layer { name: "d" type: "Input" top: "x" }
            layer { name: "a" type: "ReLU" bottom: "x" top: "a" loss_weight: 2 }
            layer { name: "b" type: "ReLU" bottom: "a" top: "b" }
            """
        )
    )
    split = net.layer[2]
    assert split.name == "a_a_0_split"
    assert list(split.loss_weight) == [2, 0]
    assert net.layer[3].bottom[0] == "a_a_0_split_1"


def test_an_unknown_bottom_is_named() -> None:
    """The error names blob and layer."""
    with pytest.raises(CaffeMnistError, match=r"layer 'a'.*unknown bottom blob 'z'"):
        insert_splits(_net('layer { name: "a" type: "ReLU" bottom: "z" top: "a" }'))
