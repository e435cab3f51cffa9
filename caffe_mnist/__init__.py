"""Caffe-compatible training launcher and dataset converter, with an embedded engine.

From Python: `run(…)` is one training job, `predict(…)` what a model sees in pictures and
`evaluate(…)` how good it is on labelled ones, as the commands `train`, `predict` and `evaluate` do
them (docs/python.md); what goes wrong is a `CaffeMnistError`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from caffe_mnist.errors import CaffeMnistError as CaffeMnistError
    from caffe_mnist.evaluate import Report as Report
    from caffe_mnist.evaluate import evaluate as evaluate
    from caffe_mnist.launch.run import Run as Run
    from caffe_mnist.launch.run import run as run
    from caffe_mnist.predict import Prediction as Prediction
    from caffe_mnist.predict import predict as predict

__version__ = "0.1.0"

# Where each name is found, once it is asked for: importing this package loads nothing.
# The modules `predict` and `evaluate` can be called, as they are in the place of the functions as
# soon as they are loaded.
_PLACES = {
    "CaffeMnistError": "caffe_mnist.errors",
    "Run": "caffe_mnist.launch.run",
    "run": "caffe_mnist.launch.run",
    "Prediction": "caffe_mnist.predict",
    "predict": "",
    "Report": "caffe_mnist.evaluate",
    "evaluate": "",
}


def __getattr__(name: str) -> Any:
    """The names of Python's API."""
    import importlib

    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if not _PLACES[name]:
        return importlib.import_module(f"{__name__}.{name}")
    return getattr(importlib.import_module(_PLACES[name]), name)


def __dir__() -> list[str]:
    """What is loaded, and what can be asked for."""
    return sorted({*globals(), *_PLACES})
