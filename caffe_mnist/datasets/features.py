"""Rows of floats on disk: as a database of `Datum`, as `.npz` or as HDF5.

A record of the database is what Caffe's extract_features writes: the key is the row's number in
ten digits, the value

    08 C 10 H 18 W      channels, height, width (varints; 1 where a blob has fewer axes)
    35 f f f f  35 …    float_data, one tag for each of the C * H * W numbers (little-endian)

`.npz` and HDF5 hold an array for each blob, rows × the blob's other axes.
"""

from __future__ import annotations

import os
import tempfile
import zipfile
from collections.abc import Sequence
from contextlib import ExitStack
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from caffe_mnist.datasets.record import varint
from caffe_mnist.datasets.writer import DatabaseWriter
from caffe_mnist.errors import CaffeMnistError
from caffe_mnist.files import replacing

Floats = npt.NDArray[np.float32]
HDF5 = (".h5", ".hdf5")


class FeatureFiles:
    """One target for each blob, or one `.npz` or HDF5 file for all of them.

    The targets appear when the `with` block ends cleanly; else nothing is left. Raises
    CaffeMnistError for targets that exist (unless `overwrite`), that do not fit the number of
    blobs, or that cannot be written.
    """

    def __init__(
        self, blobs: Sequence[str], targets: Sequence[str], overwrite: bool = False
    ) -> None:
        together = len(targets) == 1 and _is_file(targets[0])
        if not together and len(targets) != len(blobs):
            raise CaffeMnistError(
                f"{len(targets)} targets for {len(blobs)} blobs",
                hint="give one for each, or one .npz or .h5 for all",
            )
        if len(set(targets)) < len(targets) or len(set(blobs)) < len(blobs):
            raise CaffeMnistError("a blob or a target is named twice")
        for target in targets:
            if os.path.lexists(target) and not overwrite:
                raise CaffeMnistError("exists already", where=target, hint="--overwrite")
        self._overwrite = overwrite
        each = list(targets) * (len(blobs) if together else 1)
        self._places = dict(zip(blobs, each))
        self._stack = ExitStack()
        self._writers: dict[str, Any] = {}

    def __enter__(self) -> FeatureFiles:
        try:
            for target in dict.fromkeys(self._places.values()):
                self._writers[target] = self._stack.enter_context(self._writer(target))
        except BaseException as error:
            self._stack.__exit__(type(error), error, None)
            raise
        return self

    def __exit__(self, *failure: Any) -> None:
        self._stack.__exit__(*failure)

    def put(self, values: dict[str, Floats]) -> None:
        """Add rows of each blob: N × its other axes."""
        for blob, rows in values.items():
            self._writers[self._places[blob]].put(blob, rows)

    def _writer(self, target: str) -> Any:
        if target.endswith(".npz"):
            return _Arrays(target)
        if target.endswith(HDF5):
            return _Hdf5(target)
        return _Records(target, self._overwrite)


def _is_file(target: str) -> bool:
    return target.endswith((".npz", *HDF5))


class _Records:
    """A database of Datum."""

    def __init__(self, target: str, overwrite: bool) -> None:
        self._writer = DatabaseWriter(target, overwrite=overwrite)
        self._where = target
        self._done = 0

    def __enter__(self) -> _Records:
        self._writer.__enter__()
        return self

    def __exit__(self, *failure: Any) -> None:
        self._writer.__exit__(*failure)

    def put(self, blob: str, rows: Floats) -> None:
        if rows.ndim > 4:
            what = f"blob {blob!r} has {rows.ndim} axes, a Datum has 4 at most"
            raise CaffeMnistError(what, where=self._where, hint="write .npz or .h5")
        sizes = (*rows.shape[1:], 1, 1, 1)[:3]
        head = b"".join(bytes([i << 3]) + varint(n) for i, n in enumerate(sizes, 1))
        tagged = np.empty((len(rows), rows[0].size), np.dtype([("tag", "u1"), ("value", "<f4")]))
        tagged["tag"] = 6 << 3 | 5
        tagged["value"] = rows.reshape(len(rows), -1)
        first = self._done
        self._writer.put(
            [(b"%010d" % k, head + row.tobytes()) for k, row in enumerate(tagged, first)]
        )
        self._done += len(rows)


class _Arrays:
    """An .npz; rows wait in unnamed files beside it."""

    def __init__(self, target: str) -> None:
        self._target = target
        self._stack = ExitStack()
        self._waiting: dict[str, tuple[IO[bytes], list[int], tuple[int, ...]]] = {}

    def __enter__(self) -> _Arrays:
        self._aside = self._stack.enter_context(replacing(self._target))
        return self

    def __exit__(self, *failure: Any) -> None:
        try:
            if failure[0] is None:
                self._finish()
        except BaseException as error:
            failure = (type(error), error, None)
            raise
        finally:
            for file, _, _ in self._waiting.values():
                file.close()
            self._stack.__exit__(*failure)

    def put(self, blob: str, rows: Floats) -> None:
        if blob not in self._waiting:
            folder = self._aside.parent
            new = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 (closed at the end)
            self._waiting[blob] = (new, [0], rows.shape[1:])
        file, count, shape = self._waiting[blob]
        _check_shape(blob, rows, shape, self._target)
        file.write(np.ascontiguousarray(rows, "<f4").tobytes())
        count[0] += len(rows)

    def _finish(self) -> None:
        with zipfile.ZipFile(self._aside, "w") as archive:
            for blob, (file, count, shape) in self._waiting.items():
                header = {"descr": "<f4", "fortran_order": False, "shape": (count[0], *shape)}
                file.seek(0)
                with archive.open(f"{blob}.npy", "w", force_zip64=True) as member:
                    np.lib.format.write_array_header_1_0(member, header)
                    while content := file.read(1 << 20):
                        member.write(content)


class _Hdf5:
    """An HDF5 file with a growing dataset for each blob."""

    def __init__(self, target: str) -> None:
        self._target = target

    def __enter__(self) -> _Hdf5:
        try:
            import h5py
        except ImportError:
            raise CaffeMnistError(
                "needs h5py", where=self._target, hint="pip install 'caffe-mnist[engine]'"
            ) from None
        with ExitStack() as stack:
            aside = stack.enter_context(replacing(self._target))
            self._file = stack.enter_context(h5py.File(aside, "w"))
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *failure: Any) -> None:
        self._stack.__exit__(*failure)

    def put(self, blob: str, rows: Floats) -> None:
        try:
            if blob not in self._file:
                shape = rows.shape[1:]
                self._file.create_dataset(blob, (0, *shape), "<f4", maxshape=(None, *shape))
            dataset = self._file[blob]
            _check_shape(blob, rows, dataset.shape[1:], self._target)
            done = len(dataset)
            dataset.resize(done + len(rows), axis=0)
            dataset[done:] = rows
        except (OSError, ValueError, AttributeError, TypeError) as error:
            what = f"blob {blob!r}: {' '.join(str(error).split())}"
            raise CaffeMnistError(what, where=self._target) from None


def _check_shape(blob: str, rows: Floats, shape: tuple[int, ...], where: str) -> None:
    if rows.shape[1:] != shape:
        what = f"blob {blob!r} changes its shape from {shape} to {rows.shape[1:]}"
        raise CaffeMnistError(what, where=where)
