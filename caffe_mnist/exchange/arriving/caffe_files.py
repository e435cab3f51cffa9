"""The net as Caffe's two files: prototxt and caffemodel."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from google.protobuf import text_format

from caffe_mnist.exchange.arriving.convert import Arrived
from caffe_mnist.exchange.arriving.value import BATCH
from caffe_mnist.schema import caffe_pb2
from caffe_mnist.schema.messages import write_binary
from caffe_mnist.schema.packed import fill_blob, packed


def net_message(arrived: Arrived, name: str, batch: int) -> caffe_pb2.NetParameter:
    """The net without weights, for a batch of that size where it is open."""
    net = caffe_pb2.NetParameter(name=name)
    for drawn in arrived.draft.layers:
        layer = net.layer.add()
        layer.CopyFrom(drawn.param)
        for shape in layer.input_param.shape:
            shape.dim[:] = [batch if size == BATCH else size for size in shape.dim]
    return net


def write_prototxt(net: caffe_pb2.NetParameter, path: Path, words: list[str]) -> None:
    """With comments in front."""
    lines = "".join(f"# {line}\n" for line in words)
    text = text_format.MessageToString(net)
    path.write_text(lines + text, encoding="utf-8")


def write_caffemodel(arrived: Arrived, net: caffe_pb2.NetParameter, path: Path) -> int:
    """Names, types and blobs; the number of parameters. Refuses more than 2 GiB."""
    content: Any = packed("NetParameter")()
    content.name = net.name
    total = 0
    for drawn, param in zip(arrived.draft.layers, net.layer):
        layer = content.layer.add()
        layer.ParseFromString(param.SerializeToString())
        for values in drawn.blobs:
            fill_blob(layer.blobs.add(), values)
            total += values.size
    write_binary(path, content)
    return total
