"""pycaffe's Net over the engine's."""

from __future__ import annotations

import os
import weakref
from collections import OrderedDict
from collections.abc import Sequence
from functools import cached_property
from typing import Any, Callable

import numpy as np
import numpy.typing as npt
import torch

from caffe_mnist.engine import hdf5_files
from caffe_mnist.engine.blob import Blob as EngineBlob
from caffe_mnist.engine.glog import info
from caffe_mnist.engine.layer import Surroundings
from caffe_mnist.engine.layers.memory_data import MemoryData
from caffe_mnist.engine.net import Net as EngineNet
from caffe_mnist.engine.weights import load_weights, save_weights
from caffe_mnist.pycaffe import memory, mode, placement
from caffe_mnist.pycaffe.blob import Blob
from caffe_mnist.pycaffe.failures import CaffeError, caffe_errors, check_file
from caffe_mnist.pycaffe.layer import layer_view
from caffe_mnist.pycaffe.passes import Passes
from caffe_mnist.pycaffe.watch import Watch
from caffe_mnist.schema import caffe_pb2
from caffe_mnist.schema.messages import read_text

Callback = Callable[[int], object]


class Net(Passes):
    """A net with its blobs and parameters.

    Net(network_file, phase), Net(network_file, weights, phase), or with keywords
    Net(network_file, phase, level=0, stages=None, weights=None). Raises CaffeError, a
    RuntimeError, for files that are not there and nets that cannot be.
    """

    @caffe_errors()
    def __init__(
        self,
        network_file: str | os.PathLike[str],
        phase: Any,
        level: int = 0,
        stages: Sequence[str] | None = None,
        weights: str | os.PathLike[str] | None = None,
    ) -> None:
        if not isinstance(phase, int):  # the older order: network, weights, phase
            phase, weights, level = level, phase, 0
        path = check_file(network_file)
        if weights is not None:
            check_file(weights)
        param = read_text(path, caffe_pb2.NetParameter)
        param.state.level = level
        param.state.stage.extend(stages or ())
        surroundings = Surroundings(
            phase, mode.current.device, mode.current.numbers, mode.current.team
        )
        self._adopt(EngineNet(param, surroundings, info))
        if weights is not None:
            self.copy_from(weights)

    @classmethod
    def of(cls, net: EngineNet) -> Net:
        """The pycaffe net of one that the engine has made (a solver's)."""
        made = cls.__new__(cls)
        made._adopt(net)
        return made

    def _adopt(self, net: EngineNet) -> None:
        self._net = net
        self._watch = net.watch = Watch(net)
        weakref.finalize(self, net.close)

    @cached_property
    def _named(self) -> list[tuple[str, EngineBlob]]:
        """Each blob once, in order of first appearance; tops made by layers unasked too."""
        seen: dict[int, tuple[str, EngineBlob]] = {}
        for names, tops in zip(self._net.top_names, self._net.tops):
            for name, blob in zip(names, tops):
                seen.setdefault(id(blob), (name, blob))
        return list(seen.values())

    @cached_property
    def _blobs(self) -> list[Blob]:
        return [Blob(blob) for _, blob in self._named]

    @property
    def _blob_names(self) -> list[str]:
        return [name for name, _ in self._named]

    @property
    def _layer_names(self) -> list[str]:  # type: ignore[override]
        return self._net.layer_names

    @property
    def _inputs(self) -> list[int]:
        return [self._blob_names.index(name) for name in self._net.inputs]

    @property
    def _outputs(self) -> list[int]:
        return [self._blob_names.index(name) for name in self._net.outputs]

    @property
    def _blob_loss_weights(self) -> list[float]:
        weights = self._net.blob_loss_weights
        return [weights.get(name, 0.0) for name in self._blob_names]

    @cached_property
    def blobs(self) -> OrderedDict[str, Blob]:  # type: ignore[override]
        """The blobs by name, from the net's beginning to its end."""
        return OrderedDict(zip(self._blob_names, self._blobs))

    @cached_property
    def blob_loss_weights(self) -> OrderedDict[str, float]:
        """The loss weight of each blob by name."""
        return OrderedDict(zip(self._blob_names, self._blob_loss_weights))

    @cached_property
    def params(self) -> OrderedDict[str, list[Blob]]:
        """The parameters of each layer that has any, by the layer's name."""
        return OrderedDict(
            (layer.name, [Blob(blob) for blob in layer.blobs])
            for layer in self._net.layers
            if layer.blobs
        )

    @cached_property
    def layers(self) -> list[Any]:
        """The layers in order; one written in Python is the user's own object."""
        return [layer_view(layer) for layer in self._net.layers]

    @cached_property
    def layer_dict(self) -> OrderedDict[str, Any]:
        """The layers by name."""
        return OrderedDict(zip(self._layer_names, self.layers))

    @cached_property
    def inputs(self) -> list[str]:  # type: ignore[override]
        """The names of the blobs that the user fills."""
        return list(self._net.inputs)

    @cached_property
    def outputs(self) -> list[str]:  # type: ignore[override]
        """The names of the blobs that no layer reads."""
        return list(self._net.outputs)

    @cached_property
    def top_names(self) -> OrderedDict[str, list[str]]:  # type: ignore[override]
        """The names of each layer's tops."""
        return OrderedDict(zip(self._layer_names, map(list, self._net.top_names)))

    @cached_property
    def bottom_names(self) -> OrderedDict[str, list[str]]:  # type: ignore[override]
        """The names of each layer's bottoms."""
        return OrderedDict(zip(self._layer_names, map(list, self._net.bottom_names)))

    def _top_ids(self, index: int) -> list[int]:
        return self._places(self._net.tops, index)

    def _bottom_ids(self, index: int) -> list[int]:
        return self._places(self._net.bottoms, index)

    @caffe_errors()
    def _forward(self, start: int, end: int) -> float:
        self._check_layers(start, end)
        placement.place([self._net], mode.current.device)
        return float(self._net.forward(start, end))

    @caffe_errors()
    def _backward(self, start: int, end: int) -> None:
        self._check_layers(start, end)
        placement.place([self._net], mode.current.device)
        self._net.backward(start, end)

    @caffe_errors()
    def reshape(self) -> None:
        """Give all blobs the shapes that follow from the inputs'."""
        self._net.reshape()

    @caffe_errors()
    def share_with(self, other: Net) -> None:
        """Use the values of the parameters of the layers of the same names in `other`."""
        placement.place([self._net, other._net], mode.current.device)
        self._net.share_parameters(other._net)

    @caffe_errors()
    def copy_from(self, weights: str | os.PathLike[str]) -> None:
        """Copy trained weights into the layers of the same names; .h5 files are HDF5."""
        memory.commit(self._parameters())
        load_weights(self._net, check_file(weights), info)
        memory.settle(self._parameters())

    @caffe_errors()
    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the weights as a .caffemodel."""
        memory.commit(self._parameters())
        save_weights(self._net, os.fspath(path))

    @caffe_errors()
    def save_hdf5(self, path: str | os.PathLike[str]) -> None:
        """Write the weights as HDF5."""
        memory.commit(self._parameters())
        hdf5_files.save_weights(self._net, os.fspath(path))

    @caffe_errors()
    def load_hdf5(self, path: str | os.PathLike[str]) -> None:
        """Copy weights from an HDF5 file, whatever its name."""
        hdf5_files.load_weights(self._net, check_file(path), info)
        memory.settle(self._parameters())

    def clear_param_diffs(self) -> None:
        """Set the gradients of the parameters to 0."""
        self._net.parameters.clear_diffs()
        memory.settle(self._parameters())

    @caffe_errors()
    def set_input_arrays(self, data: npt.NDArray[Any], labels: npt.NDArray[Any]) -> None:
        """Give the net's MemoryData layer (its first) pictures N × C × H × W and N labels.

        Both must be float32 in C order; they are used as they are, and stay the caller's.
        """
        if labels.ndim == 1:
            labels = np.ascontiguousarray(labels[:, np.newaxis, np.newaxis, np.newaxis])
        self._set_input_arrays(data, labels)

    @caffe_errors()
    def _set_input_arrays(self, data: npt.NDArray[Any], labels: npt.NDArray[Any]) -> None:
        layer = self._net.layers[0]
        if not isinstance(layer, MemoryData):
            raise CaffeError(
                "set_input_arrays may only be called if the first layer is a MemoryDataLayer"
            )
        for name, values in (("data", data), ("labels", labels)):
            if values.dtype != np.float32:
                raise CaffeError(f"{name} array must be float32")
            if values.ndim != 4:
                raise CaffeError(f"{name} array must be 4-d")
            if not values.flags.c_contiguous:
                raise CaffeError(f"{name} array must be C contiguous")
        for axis, name in enumerate(("number of channels", "height", "width"), 1):
            if data.shape[axis] != layer.shape[axis]:
                raise CaffeError(f"data array has wrong {name}")
        if labels.shape[1:] != (1, 1, 1):
            raise CaffeError(f"labels array has the wrong shape {labels.shape}")
        if len(data) != len(labels):
            raise CaffeError("data and labels must have the same first dimension")
        if not len(data) or len(data) % layer.shape[0]:
            raise CaffeError("first dimensions of input arrays must be a multiple of batch size")
        layer.give(torch.from_numpy(data), torch.from_numpy(labels))

    def before_forward(self, callback: Callback) -> None:
        """Call `callback(index)` before each layer's forward pass."""
        self._watch.callbacks["before_forward"].append(callback)

    def after_forward(self, callback: Callback) -> None:
        """Call `callback(index)` after each layer's forward pass."""
        self._watch.callbacks["after_forward"].append(callback)

    def before_backward(self, callback: Callback) -> None:
        """Call `callback(index)` before each layer's turn on the way back."""
        self._watch.callbacks["before_backward"].append(callback)

    def after_backward(self, callback: Callback) -> None:
        """Call `callback(index)` after each layer's turn on the way back."""
        self._watch.callbacks["after_backward"].append(callback)

    def _parameters(self) -> list[EngineBlob]:
        return [blob for layer in self._net.layers for blob in layer.blobs]

    def _places(self, blobs: list[list[EngineBlob]], index: int) -> list[int]:
        places = {id(blob): place for place, (_, blob) in enumerate(self._named)}
        return [places[id(blob)] for blob in blobs[index]]

    def _check_layers(self, *indices: int) -> None:
        count = len(self._net.layers)
        for index in indices:
            if not 0 <= index < count:
                raise CaffeError(f"there is no layer {index}: the net has {count}")
