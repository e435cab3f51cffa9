"""The values of a net's blobs over many batches of its own data."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
import torch

from caffe_mnist.engine.layer import Surroundings
from caffe_mnist.engine.net import Net
from caffe_mnist.engine.weights import load_weights
from caffe_mnist.errors import CaffeMnistError
from caffe_mnist.schema import caffe_pb2
from caffe_mnist.schema.messages import read_text

Floats = npt.NDArray[np.float32]


class FeatureNet:
    """A net in the TEST phase with its weights, from which blobs are read by name.

    `warnings` says what makes the features worth little: layers without weights, and a net that
    reads no data.
    """

    def __init__(
        self,
        net: str | os.PathLike[str],
        weights: str | os.PathLike[str],
        blobs: Sequence[str],
        gpu: int | None = None,
    ) -> None:
        """Build the net; raises CaffeMnistError for unknown blobs, and as Net and weights do."""
        surroundings = Surroundings(caffe_pb2.TEST, _device(gpu))
        self.net = Net(read_text(net, caffe_pb2.NetParameter), surroundings)
        self.blobs = list(blobs)
        known = [name for name in self.net.blobs if "_split_" not in name]
        unknown = [name for name in blobs if name not in self.net.blobs]
        if unknown:
            self.close()
            raise CaffeMnistError(
                f"has no blob {', '.join(map(repr, unknown))}",
                where=net,
                hint=f"its blobs: {', '.join(known)}",
            )
        bare = load_weights(self.net, weights)
        self.warnings = [f"{weights} holds no weights for layer {name!r}" for name in bare]
        feeding = [layer.param.type for layer in self.net.layers if not layer.param.bottom]
        if not set(feeding) - {"Input", "Parameter"}:
            self.warnings.append(f"{net} reads no data: its inputs are zeros")

    def __enter__(self) -> FeatureNet:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let the net go of its data."""
        self.net.close()

    def run(self, batches: int) -> Iterator[dict[str, Floats]]:
        """For each forward pass, every blob's values, N × its shape (a single number as 1)."""
        for _ in range(batches):
            self.net.forward()
            yield {name: self._values(name) for name in self.blobs}

    def _values(self, name: str) -> Floats:
        values = self.net.blobs[name].data.detach().cpu().contiguous().numpy()
        return np.array(values, np.float32, ndmin=1)


def _device(gpu: int | None) -> torch.device:
    if gpu is None:
        return torch.device("cpu")
    count = torch.cuda.device_count()
    if not 0 <= gpu < count:
        raise CaffeMnistError(f"there is no GPU {gpu}: {count} found", hint="use CPU")
    # Caffe computes in full single precision; these would round products to 10 bits.
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    return torch.device("cuda", gpu)
