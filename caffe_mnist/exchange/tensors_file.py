"""A net's weights as safetensors: each parameter by the names of Caffe, LAYER/0, LAYER/1, …"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from caffe_mnist.engine.net import Net
from caffe_mnist.engine.weights import array


def write_tensors(net: Net, path: Path, metadata: Mapping[str, str]) -> int:
    """Write them, in float32 and Caffe's shapes; the number of tensors."""
    from safetensors.numpy import save

    tensors = {
        f"{layer.name}/{index}": array(blob.data).copy()
        for layer in net.layers
        for index, blob in enumerate(layer.blobs)
    }
    types = {f"type:{one.name}": one.param.type for one in net.layers if one.blobs}
    path.write_bytes(save(tensors, {"format": "caffe", **metadata, **types}))
    return len(tensors)
