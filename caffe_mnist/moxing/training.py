"""`mox.run`, the training loop for TensorFlow, which is not here."""

from __future__ import annotations

from typing import NoReturn


def run(*arguments: object, **settings: object) -> NoReturn:
    """Raises NotImplementedError: the loop needs TensorFlow and MoXing itself."""
    raise NotImplementedError(
        "mox.run is MoXing's training loop for TensorFlow and is not here; "
        "caffe_mnist.moxing has the functions of mox.file only"
    )
