"""`import caffe` and its submodules, for scripts that nobody wants to edit."""

from __future__ import annotations

import importlib
import sys

PACKAGE = "caffe_mnist.pycaffe"
# The names that scripts import, and the modules here.
MODULES = {
    "caffe": PACKAGE,
    "caffe._caffe": f"{PACKAGE}.engine_face",
    "caffe.classifier": f"{PACKAGE}.classifier",
    "caffe.coord_map": f"{PACKAGE}.coord_map",
    "caffe.detector": f"{PACKAGE}.detector",
    "caffe.draw": f"{PACKAGE}.draw",
    "caffe.io": f"{PACKAGE}.caffe_io",
    "caffe.net_spec": f"{PACKAGE}.net_spec",
    "caffe.proto": f"{PACKAGE}.proto",
    "caffe.proto.caffe_pb2": f"{PACKAGE}.proto.caffe_pb2",
    "caffe.pycaffe": f"{PACKAGE}.engine_face",
}


def install() -> None:
    """Let `import caffe` find this package, in this process.

    Names of NumPy and of `six` that such scripts use are given back where they are gone.

    Raises ImportError where another caffe was imported before.
    """
    from caffe_mnist.pycaffe import old_names

    package = importlib.import_module(PACKAGE)
    if sys.modules.get("caffe", package) is not package:
        raise ImportError("another caffe is imported already: call install() before it is")
    for name, module in MODULES.items():
        sys.modules[name] = importlib.import_module(module)
    old_names.provide()
