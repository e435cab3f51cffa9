"""Moving a net from one device to another, with all that its layers remember."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from caffe_mnist.engine.blob import Blob
from caffe_mnist.engine.layer import Layer
from caffe_mnist.engine.net import Net
from caffe_mnist.pycaffe import memory


def place(nets: Iterable[Net], device: torch.device) -> None:
    """Bring nets to `device`, those that are not there; what they share they share afterwards."""
    known: dict[Any, Tensor] = {}
    for net in nets:
        if net.surroundings.device != device:
            _place(net, device, known)


def _place(net: Net, device: torch.device, known: dict[Any, Tensor]) -> None:
    blobs = list(_blobs(net))
    memory.commit(blobs)
    memory.forget(blobs)
    for blob in blobs:
        blob.device = device
        for name in ("_data", "_diff"):
            values = getattr(blob, name)
            if values is not None:
                key = values.data_ptr(), values.shape, values.stride()
                if key not in known:
                    known[key] = values.to(device)
                setattr(blob, name, known[key])
    for layer in net.layers:
        _move_layer(layer, device)
    net.surroundings = replace(net.surroundings, device=device)


def _blobs(net: Net) -> Iterator[Blob]:
    seen: set[int] = set()
    for layer, bottoms, tops in zip(net.layers, net.bottoms, net.tops):
        for blob in (*bottoms, *tops, *layer.blobs):
            if id(blob) not in seen:
                seen.add(id(blob))
                yield blob


def _move_layer(layer: Layer, device: torch.device) -> None:
    layer.device = device
    layer.surroundings = replace(layer.surroundings, device=device)
    for name, value in vars(layer).items():
        setattr(layer, name, _moved(value, device))


def _moved(value: Any, device: torch.device) -> Any:
    """Tensors in lists, tuples and dicts move; nets inside layers (recurrent ones') too."""
    if isinstance(value, Tensor):
        return value.detach().to(device)
    if isinstance(value, Net):
        place([value], device)
    elif isinstance(value, list):
        value[:] = [_moved(one, device) for one in value]
    elif type(value) is tuple:
        return tuple(_moved(one, device) for one in value)
    elif type(value) is dict:
        value.update((key, _moved(one, device)) for key, one in value.items())
    return value
