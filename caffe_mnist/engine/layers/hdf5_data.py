"""HDF5Data: rows of datasets in HDF5 files that a list names.

Each top takes the dataset of its name; all datasets of a file have as many rows. A batch goes on
from one file to the next; one file at a time is held in memory.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from caffe_mnist.engine.blob import Blob
from caffe_mnist.engine.c_rand import CRand
from caffe_mnist.engine.hdf5_files import HDF5_ERRORS, promises_too_much
from caffe_mnist.engine.layer import layers
from caffe_mnist.engine.layers.source import Source
from caffe_mnist.errors import CaffeMnistError

Rows = list[npt.NDArray[np.float32]]


@layers.register("HDF5Data")
class HDF5Data(Source):
    """Options: source (a file with a file's path in each line), batch_size, shuffle.

    `shuffle` changes the order of the files, and of the rows in each. Of several solvers each
    takes every so-manieth row while training.
    """

    tops = (1, None)
    rows: Rows
    places: list[int]

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Read the list and the first file."""
        param = self.param.hdf5_data_param
        if self.param.HasField("transform_param"):
            raise self.error("does not transform data")
        if not param.HasField("source"):
            raise self.error("needs hdf5_data_param.source")
        if param.batch_size < 1:
            raise self.error("needs a positive batch_size")
        try:
            self.files = Path(param.source).read_text(errors="surrogateescape").split()
        except OSError as error:
            raise CaffeMnistError(f"cannot read: {error.strerror}", where=param.source) from None
        if not self.files:
            raise CaffeMnistError("lists no HDF5 files", where=param.source)
        self._begin(self.surroundings.generator.c_rand)
        self.shapes = [rows.shape[1:] for rows in self.present]
        self.rank, self.solvers = self.share_of_data()
        self._forward_by(self.rank)

    def extent(self) -> str:
        """The files of the list."""
        return f"{len(self.files)} files"

    def skip_to(self, passes: int, taken: int) -> None:
        """Go on at the row after `taken` batches."""
        self._begin(CRand())
        self._forward_by(taken * self.param.hdf5_data_param.batch_size + self.rank)

    def state(self) -> dict[str, Any]:
        """The place in the files; shuffled, their order and that of the rows, too."""
        found: dict[str, Any] = {"file": self.file, "row": self.row}
        if self.param.hdf5_data_param.shuffle:
            found |= {"order": list(self.order), "places": np.array(self.places, np.int32)}
        return found

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on at that place, in that order."""
        count, shuffle = len(self.files), self.param.hdf5_data_param.shuffle
        order = [int(one) for one in state.get("order", range(count))]
        if sorted(order) != list(range(count)) or not 0 <= int(state["file"]) < count:
            raise ValueError("an order of other files")
        rows = self._read(self.files[order[int(state["file"])]])
        places = [int(one) for one in state.get("places", range(len(rows[0])))]
        if sorted(places) != list(range(len(rows[0]))) or not 0 <= int(state["row"]) < len(places):
            raise ValueError("an order of other rows")
        self.order, self.file, self.row = order, int(state["file"]), int(state["row"])
        self.rows, self.places = rows, places
        self.random = self.surroundings.generator.c_rand  # whose state the net restores
        self.present = [values[places] for values in rows] if shuffle else rows

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """A batch of rows."""
        for blob, shape in zip(top, self.shapes):
            blob.reshape((self.param.hdf5_data_param.batch_size, *shape))

    def forward(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """The next rows."""
        missing = self.param.hdf5_data_param.batch_size
        pieces: list[Rows] = []
        while missing:
            part = slice(self.row, self.row + missing * self.solvers, self.solvers)
            pieces.append([rows[part] for rows in self.present])
            taken = len(pieces[-1][0])
            missing -= taken
            self._forward_by(taken * self.solvers)
        for index, blob in enumerate(top):
            rows = np.concatenate([piece[index] for piece in pieces])
            blob.data = torch.from_numpy(rows).to(self.device)

    def _forward_by(self, rows: int) -> None:
        self.row += rows
        while self.row >= len(self.present[0]):
            self.row -= len(self.present[0])
            self._next_file()

    def _begin(self, random: CRand) -> None:
        self.random, self.order = random, list(range(len(self.files)))
        self.rows = []
        self.places = []
        self.file, self.row = -1, 0
        self._next_file()

    def _next_file(self) -> None:
        """The files over and over, each as an array for each top; a single one is read once.

        Shuffled as in Caffe: the order changes from where it was; a file is shuffled when it is
        read and, except for the very first, once more when it is used.
        """
        shuffle, first = self.param.hdf5_data_param.shuffle, self.file < 0
        self.file = (self.file + 1) % len(self.order)
        if shuffle and not self.file and (first or len(self.order) > 1):
            self.random.shuffle(self.order)
        if first or len(self.order) > 1:
            self.rows = self._read(self.files[self.order[self.file]])
            self.places = list(range(len(self.rows[0])))
            if shuffle:
                self.random.shuffle(self.places)
        if shuffle and not first:
            self.random.shuffle(self.places)
        self.present = [values[self.places] for values in self.rows] if shuffle else self.rows

    def _read(self, path: str) -> Rows:
        import h5py

        try:
            with h5py.File(path, "r") as file:
                rows = [self._dataset(file, name, path) for name in self.param.top]
        except HDF5_ERRORS as error:
            raise CaffeMnistError(f"cannot read as HDF5: {error}", where=path) from None
        counts = {len(values) for values in rows}
        if len(counts) > 1 or not min(counts):
            raise CaffeMnistError(
                f"needs as many rows in each dataset, found {[len(values) for values in rows]}",
                where=path,
            )
        shapes = [values.shape[1:] for values in rows]
        if shapes != getattr(self, "shapes", shapes):
            raise CaffeMnistError(
                f"holds rows of {shapes}, the first file's are {self.shapes}", where=path
            )
        return rows

    def _dataset(self, file: object, name: str, path: str) -> npt.NDArray[np.float32]:
        import h5py

        found = file.get(name) if isinstance(file, h5py.File) else None
        if not isinstance(found, h5py.Dataset):
            raise CaffeMnistError(f"has no dataset {name!r} (a top of {self.name!r})", where=path)
        if not found.ndim or found.dtype.kind not in "fiu":
            raise CaffeMnistError(f"dataset {name!r} holds no rows of numbers", where=path)
        if promises_too_much(found):
            raise CaffeMnistError(f"dataset {name!r} promises more than there is", where=path)
        return np.asarray(found[...], np.float32)
