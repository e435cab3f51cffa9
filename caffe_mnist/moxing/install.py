"""`import moxing` and its submodules, for scripts that nobody wants to edit."""

from __future__ import annotations

import importlib
import sys

PACKAGE = "caffe_mnist.moxing"
# The names that scripts import, and the modules here.
MODULES = {
    "moxing": PACKAGE,
    "moxing.file": f"{PACKAGE}.file",
    "moxing.framework": f"{PACKAGE}.framework",
    "moxing.framework.file": f"{PACKAGE}.file",
    "moxing.mxnet": f"{PACKAGE}.mxnet",
    "moxing.tensorflow": f"{PACKAGE}.tensorflow",
}


def install() -> None:
    """Let `import moxing` find this package, in this process.

    Raises ImportError where another moxing was imported before.
    """
    package = importlib.import_module(PACKAGE)
    if sys.modules.get("moxing", package) is not package:
        raise ImportError("another moxing is imported already: call install() before it is")
    for name, module in MODULES.items():
        sys.modules[name] = importlib.import_module(module)
