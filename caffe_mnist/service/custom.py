"""`customize_service.py` of a package: the platform's class, run here when it is trusted.

The file imports `CaffeBaseService` from `model_service.caffe_model_service`, and `caffe`; both
resolve to ours. The class's name is free: the one subclass that the file defines is taken (of
several, the one that no other is derived from).
"""

from __future__ import annotations

import io
import math
import sys
import traceback
import types
from collections.abc import Sequence
from typing import Any

import numpy as np

from caffe_mnist import pycaffe
from caffe_mnist.errors import CaffeMnistError
from caffe_mnist.service.custom_code import import_file, reason
from caffe_mnist.service.failure import CustomError
from caffe_mnist.service.package import CUSTOM, Package
from caffe_mnist.service.requests import File

BASE_MODULE = "model_service.caffe_model_service"


class CaffeBaseService:
    """The base of the platform's classes: `_preprocess`, `_inference` and `_postprocess` in turn.

    `net` is the package's net (pycaffe, TEST), `model_path` its folder. `_preprocess` gets field
    → {file name → binary file} for a form, the parsed object for JSON.
    """

    def __init__(self, model_name: str, model_path: str) -> None:
        from pathlib import Path

        from caffe_mnist.service.package import read_package

        package = read_package(Path(model_path))
        self.model_name, self.model_path = model_name, str(package.folder)
        self.net = pycaffe.Net(str(package.deploy), str(package.weights), pycaffe.TEST)

    def inference(self, data: Any) -> Any:
        """One request, from what came to what goes back."""
        return self._postprocess(self._inference(self._preprocess(data)))

    def _preprocess(self, data: Any) -> Any:
        return data

    def _inference(self, data: Any) -> Any:
        """A forward pass: output blob → array."""
        return self.net.forward()

    def _postprocess(self, data: Any) -> Any:
        return data


class CustomService:
    """The user's class of a package, at work."""

    def __init__(self, package: Package) -> None:
        """Import and construct it; raises CaffeMnistError, saying where it failed."""
        assert package.custom is not None
        self.name = package.name
        kind = _load(package)
        try:
            self._service = kind(package.name, str(package.folder))
        except (Exception, SystemExit) as error:
            raise CaffeMnistError(
                f"{kind.__name__} cannot be made: {reason(error)}", where=package.custom
            ) from error

    def answers(self, questions: Sequence[Any]) -> list[Any]:
        """What the class answers to each; raises CustomError when it raises."""
        return [self._answer(question) for question in questions]

    def _answer(self, question: Any) -> Any:
        data = question
        if isinstance(question, list) and all(isinstance(one, File) for one in question):
            data = {}
            for file in question:
                data.setdefault(file.field, {})[file.name] = io.BytesIO(file.content)
        try:
            service = self._service
            return plain(service._postprocess(service._inference(service._preprocess(data))))
        except (Exception, SystemExit) as error:
            traceback.print_exc()  # the author of the class needs it; it is no fault of ours
            raise CustomError(reason(error)) from None


def plain(value: Any) -> Any:
    """An answer as JSON has it: arrays as lists, NumPy's numbers as numbers, nan as null."""
    if isinstance(value, dict):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(each) for each in value]
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def _load(package: Package) -> Any:
    """The one subclass of a platform's base class that the file defines."""
    pycaffe.install()
    _install_base()
    assert package.custom is not None
    module = import_file(package.custom, "customize_service")
    found = [
        value
        for value in vars(module).values()
        if isinstance(value, type)
        and issubclass(value, CaffeBaseService)
        and value.__module__ == module.__name__
    ]
    found = [one for one in found if not any(one in other.__mro__[1:] for other in found)]
    if len(found) != 1:
        raise CaffeMnistError(
            f"defines {len(found)} subclasses of CaffeBaseService, expected one",
            where=package.folder / CUSTOM,
        )
    return found[0]


def _install_base() -> None:
    """Let `from model_service.caffe_model_service import CaffeBaseService` find ours."""
    parent = sys.modules.setdefault("model_service", types.ModuleType("model_service"))
    module = sys.modules.setdefault(BASE_MODULE, types.ModuleType(BASE_MODULE))
    module.__dict__["CaffeBaseService"] = CaffeBaseService
    parent.__dict__["caffe_model_service"] = module
