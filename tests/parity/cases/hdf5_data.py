"""HDF5Data in many settings."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np

from tests.parity.cases.case import Case

SHAPES: dict[str, tuple[int, ...]] = {"out0": (2, 3), "out1": (), "out2": (4,)}


def _files(*rows: int, kind: str = "float32") -> Callable[[Path], None]:
    """A writer of a list of files of so many rows each."""

    def write(folder: Path) -> None:
        random = np.random.default_rng(7)
        for number, count in enumerate(rows):
            with h5py.File(folder / f"{number}.h5", "w") as file:
                for name, shape in SHAPES.items():
                    values = random.normal(scale=50, size=(count, *shape))
                    file[name] = values.astype(kind)
        lines = [f"{folder}/{number}.h5\n" for number in range(len(rows))]
        (folder / "list.txt").write_text("".join(lines))

    return write


def _hdf5(
    name: str,
    batch: int,
    rows: tuple[int, ...],
    tops: int,
    kind: str = "float32",
    more: str = "",
) -> Case:
    settings = f'hdf5_data_param {{ source: "FOLDER/list.txt" batch_size: {batch} {more} }}'
    write = _files(*rows, kind=kind)
    return Case(f"hdf5-{name}", "HDF5Data", settings, (), tops, "TEST", files=write, passes=5)


CASES = [
    _hdf5("one", 3, (7,), 2),
    _hdf5("many", 4, (3, 5, 1), 3),
    _hdf5("whole", 6, (6,), 1),
    _hdf5("larger", 9, (2, 2), 1),
    _hdf5("doubles", 2, (4, 4), 2, "float64"),
    _hdf5("integers", 2, (4, 3), 2, "int32"),
    _hdf5("shuffled", 3, (7,), 2, more="shuffle: true"),
    _hdf5("shuffled-many", 4, (3, 5, 1), 3, more="shuffle: true"),
    _hdf5("shuffled-whole", 6, (6, 6), 1, more="shuffle: true"),
]
