"""MemoryData: which arrays it takes."""

from __future__ import annotations

import pytest
import torch

from caffe_mnist.engine.layer import Surroundings
from caffe_mnist.engine.layers.memory_data import MemoryData
from caffe_mnist.engine.net import Net
from caffe_mnist.errors import CaffeMnistError
from caffe_mnist.schema import caffe_pb2
from caffe_mnist.schema.messages import parse_text

TEXT = """
layer { name: "m" type: "MemoryData" top: "data" top: "label"
        memory_data_param { batch_size: 2 channels: 1 height: 2 width: 3 } }
"""


def _layer() -> tuple[Net, MemoryData]:
    net = Net(parse_text(TEXT, caffe_pb2.NetParameter, "test"), Surroundings())
    layer = net.layers[0]
    assert isinstance(layer, MemoryData)
    return net, layer


@pytest.mark.parametrize(
    ("shape", "labels", "message"),
    [
        ((4, 1, 3, 2), 4, r"takes pictures of \(1, 2, 3\)"),
        ((4, 6), 4, r"takes pictures of \(1, 2, 3\)"),
        ((3, 1, 2, 3), 3, "takes batches of 2, given are 3"),
        ((0, 1, 2, 3), 0, "takes batches of 2, given are 0"),
        ((4, 1, 2, 3), 3, "3 labels for 4 pictures"),
    ],
)
def test_arrays_that_do_not_fit(shape: tuple[int, ...], labels: int, message: str) -> None:
    """Each fault is one line with the layer's name."""
    _, layer = _layer()
    with pytest.raises(CaffeMnistError, match=f"layer 'm' .*{message}"):
        layer.give(torch.zeros(shape), torch.zeros(labels))


def test_other_types_are_converted() -> None:
    """Bytes and whole numbers become floats."""
    net, layer = _layer()
    layer.give(torch.full((2, 1, 2, 3), 200, dtype=torch.uint8), torch.tensor([3, 4]))
    net.forward()
    assert net.blobs["data"].data.dtype == torch.float32
    assert net.blobs["data"].data.unique().tolist() == [200]
    assert net.blobs["label"].data.flatten().tolist() == [3, 4]
