"""What the checks ask of a net: its layers as today's Caffe sees them, and how it was written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from caffe_mnist.schema import caffe_pb2
from caffe_mnist.schema.filter import filter_net
from caffe_mnist.schema.messages import read_text
from caffe_mnist.schema.packed import numbers, read_packed, shape
from caffe_mnist.schema.upgrade import old_ways, upgrade_net

Shape = tuple[int, ...]


@dataclass
class Facts:
    """`layers` are those of the TEST phase, upgraded; `shapes` those of blobs, if they are known.

    A blob that is worked on in place has one shape, so that its name is enough.
    """

    written: caffe_pb2.NetParameter
    layers: Sequence[Any]
    old: Sequence[str]
    shapes: Mapping[str, Shape] = field(default_factory=dict)
    # Of the caffemodel: how it was written, and each layer's blobs.
    model_old: Sequence[str] = ()
    blobs: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    has_weights: bool = False

    def channels(self, layer: Any) -> int | None:
        """How many channels come in."""
        known = self.shapes.get(layer.bottom[0]) if layer.bottom else None
        if known is not None and len(known) > 1:
            return known[1]
        blobs = self.blobs.get(layer.name, ())
        if blobs and layer.type == "Convolution" and len(shape(blobs[0])) > 1:
            return shape(blobs[0])[1] * (layer.convolution_param.group or 1)
        return None


def read_facts(net: Path, weights: Path | None) -> Facts:
    """Read both files; raises CaffeMnistError for what is no net or no caffemodel."""
    written = read_text(net, caffe_pb2.NetParameter)
    tested = caffe_pb2.NetParameter()
    tested.CopyFrom(upgrade_net(written, net))
    tested.state.phase = caffe_pb2.TEST
    facts = Facts(written, filter_net(tested).layer, old_ways(written))
    if weights is not None:
        content = read_packed(weights, "NetParameter")
        facts.model_old = old_ways(content)
        facts.blobs = {one.name: list(one.blobs) for one in upgrade_net(content, weights).layer}
        facts.has_weights = True
    return facts


def values(blob: Any, where: str) -> Any:
    """A blob's numbers."""
    return numbers(blob, where)
