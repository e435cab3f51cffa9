"""HDF5Output: writes its bottoms into an HDF5 file, as the datasets `data` and `label`.

Both have four axes there, as in Caffe: missing ones are 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from caffe_mnist.engine.blob import Blob
from caffe_mnist.engine.layer import Layer, layers


@layers.register("HDF5Output")
class HDF5Output(Layer):
    """Options: hdf5_output_param.file_name. Takes one forward pass, as Caffe's does."""

    bottoms = (2, 2)
    tops = (0, 0)
    repeats = False

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Open the file, which loses what it held."""
        import h5py

        name = self.param.hdf5_output_param.file_name
        if not name:
            raise self.error("needs hdf5_output_param.file_name")
        if self.share_of_data()[1] > 1:
            raise self.error("writes one file, and several workers cannot share it",
                             hint="include { phase: TEST }, or train with one worker")  # fmt: skip
        try:
            self.file: Any = h5py.File(name, "w")
        except OSError as error:
            raise self.error(f"cannot write {name}: {error}") from None

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """As many items in both bottoms, of at most four axes."""
        if bottom[0].shape[:1] != bottom[1].shape[:1]:
            raise self.error(
                f"needs as many data as labels, found {bottom[0].shape} and {bottom[1].shape}"
            )
        if max(len(blob.shape) for blob in bottom) > 4:
            raise self.error("takes bottoms of at most 4 axes")

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Write both datasets."""
        if "data" in self.file:
            raise self.error(
                "has written its file already", hint="it takes one forward pass, as in Caffe"
            )
        for name, blob in zip(("data", "label"), bottom):
            values = blob.data.reshape([*blob.shape, *[1] * (4 - len(blob.shape))])
            self.file.create_dataset(name, data=values.cpu().contiguous().numpy())
        self.file.flush()

    def backward(
        self, top: Sequence[Blob], propagate_down: Sequence[bool], bottom: Sequence[Blob]
    ) -> None:
        """No gradient comes from here."""

    def close(self) -> None:
        """Close the file."""
        self.file.close()
