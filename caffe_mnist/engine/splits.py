"""Split layers for blobs that several layers read.

Each reader gets a top of its own, so that every blob has one reader and gradients are added in
one place. Names are Caffe's: the layer is BLOB_LAYER_INDEX_split, its tops add _0, _1, … .
"""

from __future__ import annotations

from collections import defaultdict

from caffe_mnist.errors import CaffeMnistError
from caffe_mnist.schema import caffe_pb2

# A top of the net as it is written: the number of its layer, and its number there.
Place = tuple[int, int]


def insert_splits(net: caffe_pb2.NetParameter) -> caffe_pb2.NetParameter:
    """A copy of `net` in which every blob has at most one reader.

    A loss weight counts as a reader: it goes to the split's first top. As in Caffe, the layer
    then loses all its loss weights, so that a loss layer gets its usual one again.
    """
    readers, sources = _readers(net)
    result = caffe_pb2.NetParameter()
    result.CopyFrom(net)
    del result.layer[:]
    taken: defaultdict[Place, int] = defaultdict(int)
    for number, layer in enumerate(net.layer):
        copy = result.layer.add()
        copy.CopyFrom(layer)
        for index, blob in enumerate(layer.bottom):
            place = sources[number, index]
            if readers[place] > 1:
                copy.bottom[index] = _blob_name(net, place, blob, taken[place])
                taken[place] += 1
        for index, blob in enumerate(layer.top):
            place = (number, index)
            if readers[place] <= 1:
                continue
            weight = layer.loss_weight[index] if index < len(layer.loss_weight) else 0.0
            split = result.layer.add(
                name=_layer_name(net, place, blob), type="Split", bottom=[blob]
            )
            for k in range(readers[place]):
                split.top.append(_blob_name(net, place, blob, k))
                if weight:
                    split.loss_weight.append(0.0 if k else weight)
            if weight:
                copy.ClearField("loss_weight")
                taken[place] += 1
    return result


def _readers(net: caffe_pb2.NetParameter) -> tuple[dict[Place, int], dict[Place, Place]]:
    """How many readers each top has, and where each bottom comes from."""
    latest: dict[str, Place] = {}
    readers: defaultdict[Place, int] = defaultdict(int)
    sources: dict[Place, Place] = {}
    for number, layer in enumerate(net.layer):
        for index, blob in enumerate(layer.bottom):
            if blob not in latest:
                raise CaffeMnistError(
                    f"unknown bottom blob {blob!r} (bottom index {index})",
                    where=f"layer {layer.name!r}",
                    hint="known so far: " + (", ".join(sorted(latest)) or "none"),
                )
            sources[number, index] = latest[blob]
            readers[latest[blob]] += 1
        for index, blob in enumerate(layer.top):
            latest[blob] = (number, index)
            if index < len(layer.loss_weight) and layer.loss_weight[index]:
                readers[number, index] += 1
    return readers, sources


def _layer_name(net: caffe_pb2.NetParameter, place: Place, blob: str) -> str:
    return f"{blob}_{net.layer[place[0]].name}_{place[1]}_split"


def _blob_name(net: caffe_pb2.NetParameter, place: Place, blob: str, k: int) -> str:
    return f"{_layer_name(net, place, blob)}_{k}"
