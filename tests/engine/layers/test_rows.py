"""Layers that choose rows: what follows a filter, and numbers that name no row."""

from __future__ import annotations

import pytest
import torch

from caffe_mnist.engine.layer import Surroundings
from caffe_mnist.engine.net import Net
from caffe_mnist.errors import CaffeMnistError
from caffe_mnist.schema import caffe_pb2
from caffe_mnist.schema.messages import parse_text


def _input(name: str, *shape: int) -> str:
    dims = " ".join(f"dim: {size}" for size in shape)
    return (
        f'layer {{ name: "{name}" type: "Input" top: "{name}" '
        f"input_param {{ shape {{ {dims} }} }} }}"
    )


def _net(text: str) -> Net:
    return Net(parse_text(text, caffe_pb2.NetParameter, "test"), Surroundings())


def test_layers_after_a_filter_follow_its_batch() -> None:
    """The batch changes with the marks from pass to pass, down to nothing."""
    net = _net(
        _input("x", 4, 3)
        + _input("marks", 4)
        + 'layer { name: "f" type: "Filter" bottom: "x" bottom: "marks" top: "f" }'
        + 'layer { name: "ip" type: "InnerProduct" bottom: "f" top: "ip" '
        + "inner_product_param { num_output: 2 } }"
        + 'layer { name: "relu" type: "ReLU" bottom: "ip" top: "ip" }'
    )
    assert net.blobs["ip"].shape == (4, 2)
    for marks in ([0, 1, 0, 1], [1, 1, 1, 0], [0, 0, 0, 0], [1, 1, 1, 1]):
        net.blobs["marks"].data = torch.tensor(marks, dtype=torch.float32)
        net.forward()
        assert net.blobs["ip"].data.shape == (sum(marks), 2)


@pytest.mark.parametrize("number", [-1, 5])
def test_numbers_that_name_no_row(number: int) -> None:
    """Real Caffe would stop, or read beside the table; here it is an error."""
    embed = _net(
        _input("x", 2) + 'layer { name: "e" type: "Embed" bottom: "x" top: "y" '
        "embed_param { num_output: 3 input_dim: 5 } }"
    )
    embed.blobs["x"].data = torch.tensor([0.0, number])
    with pytest.raises(CaffeMnistError, match=f"found index {number} for 5 rows"):
        embed.forward()
    reindex = _net(
        _input("x", 5, 2)
        + _input("n", 2)
        + 'layer { name: "b" type: "BatchReindex" bottom: "x" bottom: "n" top: "y" }'
    )
    reindex.blobs["n"].data = torch.tensor([0.0, number])
    with pytest.raises(CaffeMnistError, match=f"found index {number} for 5 pictures"):
        reindex.forward()
