"""Whether the engine's libraries are there, for commands that need it."""

from __future__ import annotations

from caffe_mnist.errors import CaffeMnistError


def require_engine() -> None:
    """Raise CaffeMnistError, saying how to install it, where torch is missing."""
    try:
        import torch  # noqa: F401
    except ImportError as error:
        if error.name != "torch":
            raise
        raise CaffeMnistError(
            "the embedded engine needs torch", hint="pip install 'caffe-mnist[engine]'"
        ) from None
