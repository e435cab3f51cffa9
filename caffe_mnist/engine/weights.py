"""Weights into nets and out of them (`.caffemodel`)."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch

from caffe_mnist.engine import hdf5_files
from caffe_mnist.engine.blob import Parameter
from caffe_mnist.engine.misfit import other_count, other_shape
from caffe_mnist.engine.net import Net
from caffe_mnist.errors import CaffeMnistError
from caffe_mnist.schema.packed import fill_blob, numbers, packed, read_packed, shape, write_packed
from caffe_mnist.schema.upgrade import upgrade_net

if TYPE_CHECKING:
    from caffe_mnist.schema.packed import Floats


def load_weights(
    net: Net, path: str | os.PathLike[str], report: Callable[[str, str], None] | None = None
) -> list[str]:
    """Copy the weights of `path` into the layers of the same names in `net`.

    Layers that the net does not have are left out and reported, as a place and words of Caffe's;
    layers that the file does not have keep their values; the names of these are returned.
    Raises CaffeMnistError, naming the layer, where numbers or shapes of parameters differ.
    """
    if hdf5_files.is_hdf5(path):
        return hdf5_files.load_weights(net, path, report)
    source = read_packed(path, "NetParameter")
    given = upgrade_net(source, path).layer
    if not given:
        raise CaffeMnistError("holds no layers, so it is no caffemodel", where=path)
    targets = {layer.name: layer for layer in net.layers}
    for theirs in given:
        layer = targets.get(theirs.name)
        if layer is None:
            if report is not None:
                report("net.cpp:746", f"Ignoring source layer {theirs.name}")
            continue
        if len(theirs.blobs) != len(layer.blobs):
            raise other_count(layer.name, len(theirs.blobs), len(layer.blobs), path)
        for index, (blob, parameter) in enumerate(zip(theirs.blobs, layer.blobs)):
            theirs_shape = shape(blob)
            if not _fits(theirs_shape, parameter.shape, blob, layer.loose_shapes):
                raise other_shape(layer.name, index, theirs_shape, parameter.shape, path)
            _copy(blob, parameter, f"{path}: layer {layer.name!r}, parameter {index}")
    loaded = {theirs.name for theirs in given}
    return [layer.name for layer in net.layers if layer.blobs and layer.name not in loaded]


def save_weights(net: Net, path: str | os.PathLike[str], with_diffs: bool = False) -> None:
    """Write the weights (and gradients on request) as Caffe does; *.h5 with them alone."""
    if hdf5_files.is_hdf5(path):
        hdf5_files.save_weights(net, path, with_diffs)
        return
    write_packed(path, net_message(net, with_diffs))


def net_message(net: Net, with_diffs: bool = False) -> Any:
    """The net as a packed NetParameter: its layers as they run, with their parameters."""
    content = packed("NetParameter")()
    content.name = net.name  # type: ignore[attr-defined]
    for layer in net.layers:
        theirs = content.layer.add()  # type: ignore[attr-defined]
        param = type(layer.param)()
        param.CopyFrom(layer.param)
        param.ClearField("blobs")
        theirs.MergeFromString(param.SerializeToString())
        for parameter in layer.blobs:
            diff = array(parameter.diff) if with_diffs else None
            fill_blob(theirs.blobs.add(), array(parameter.data), diff)
    return content


def array(values: torch.Tensor) -> Floats:
    """A tensor's values in Caffe's order of axes."""
    return values.detach().cpu().contiguous().numpy()


def _copy(blob: Any, parameter: Parameter, where: str) -> None:
    values = torch.from_numpy(numbers(blob, where).copy()).reshape(parameter.shape)
    parameter.data = values.to(parameter.device)


def _fits(theirs: tuple[int, ...], ours: tuple[int, ...], blob: Any, loose: bool) -> bool:
    return _same(theirs, ours, blob) or (loose and _alike(theirs, ours))


def _same(theirs: tuple[int, ...], ours: tuple[int, ...], blob: Any) -> bool:
    """Whether shapes agree; old files write every blob with four axes, ones in front."""
    if blob.HasField("shape"):
        return theirs == ours
    return len(ours) <= 4 and theirs == (1,) * (4 - len(ours)) + ours


def _alike(theirs: tuple[int, ...], ours: tuple[int, ...]) -> bool:
    """Whether shapes agree but for axes of size 1."""
    return [size for size in theirs if size != 1] == [size for size in ours if size != 1]
