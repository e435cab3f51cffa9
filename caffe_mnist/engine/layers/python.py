"""Python: a layer of the user's own class."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import Any

from caffe_mnist.engine.arrays import BlobArrays, ParameterArrays
from caffe_mnist.engine.blob import Blob
from caffe_mnist.engine.layer import Layer, layers
from caffe_mnist.engine.user_layer import UserLayer


@layers.register("Python")
class Python(Layer):
    """Options: module (on Python's path), layer (the class in it), param_str.

    The class is a UserLayer, or any class with its methods. What its methods raise passes
    through, with its traceback: it is the user's code that fails.
    """

    bottoms = (0, None)
    tops = (0, None)
    repeats = False
    in_place = True
    shapes: list[tuple[int, ...]]

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Import the module, make the layer and let it set itself up."""
        self.user = self._make()
        self.user.param_str = self.param.python_param.param_str
        self.user.phase = self.phase
        self.user.blobs = ParameterArrays(self.blobs, self.device)
        self._call("setup", bottom, top)

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """As the user's class says."""
        self._call("reshape", bottom, top)

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """As the user's class says; it may give its tops another shape each time, as in Caffe."""
        self._call("reshape", bottom, top)
        self._call("forward", bottom, top)

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        """As the user's class says."""
        tops, bottoms = _views(top), _views(bottom)
        self.user.backward(tops, list(propagate_down), bottoms)
        self._commit(tops, bottoms)

    def _call(self, method: str, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        bottoms, tops = _views(bottom), _views(top)
        getattr(self.user, method)(bottoms, tops)
        self._commit(bottoms, tops)

    def _commit(self, *views: list[BlobArrays]) -> None:
        for view in [one for several in views for one in several]:
            view.commit()
        self.user.blobs.commit()

    def _make(self) -> Any:
        param = self.param.python_param
        if not param.module or not param.layer:
            raise self.error("needs python_param.module and layer")
        try:
            module = importlib.import_module(param.module)
        except ModuleNotFoundError as error:
            if error.name != param.module.partition(".")[0] and error.name != param.module:
                raise
            raise self.error(
                f"finds no module {param.module!r}", hint="put its folder on PYTHONPATH"
            ) from None
        kind = getattr(module, param.layer, None)
        if not isinstance(kind, type):
            raise self.error(f"finds no class {param.layer!r} in module {param.module!r}")
        return kind(self.param) if issubclass(kind, UserLayer) else kind()


def _views(blobs: Sequence[Blob]) -> list[BlobArrays]:
    return [BlobArrays(blob) for blob in blobs]
