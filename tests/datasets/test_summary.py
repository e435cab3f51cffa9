"""What info, check and export find in a database."""

from __future__ import annotations

from pathlib import Path

import lmdb
import numpy as np
import pytest

from caffe_mnist.datasets.conversion import convert
from caffe_mnist.datasets.export import export
from caffe_mnist.datasets.summary import summarise
from caffe_mnist.errors import CaffeMnistError
from caffe_mnist.schema.caffe_pb2 import Datum
from tests.datasets.idx_files import images, labels, pair


def database(folder: Path, count: int = 30, **changed: bytes) -> Path:
    """A database of small images; `changed` are values for keys, without the leading k."""
    path = folder / "db"
    convert(*pair(folder, count), path)
    with lmdb.open(str(path), map_size=1 << 28) as environment, environment.begin(write=True) as t:
        for key, value in changed.items():
            t.put(key[1:].encode(), value)
    return path


def test_counts_shapes_and_labels(tmp_path: Path) -> None:
    """The summary counts each kind of record and each label."""
    floats = Datum(channels=1, height=1, width=2, float_data=[1, 2], label=3)
    vector = Datum(channels=1, height=1, width=2, float_data=[1, 2])
    picture = Datum(data=b"\xff\xd8\xff", encoded=True, label=3)
    path = database(
        tmp_path,
        k00000030=floats.SerializeToString(),
        k00000031=picture.SerializeToString(),
        k00000032=vector.SerializeToString(),
    )
    found = summarise(path)
    assert (found.records, found.first_key, found.last_key) == (33, "00000000", "00000032")
    assert found.shapes == {"1 x 3 x 5 uint8": 30, "1 x 1 x 2 float": 2, "encoded JPEG": 1}
    assert found.labels[3] == 2
    assert sum(found.labels.values()) == 32  # the vector is itself a label
    assert found.bytes == (path / "data.mdb").stat().st_size
    assert "shape: 1 x 3 x 5 uint8 (30 records)" in list(found.lines())


def test_broken_records_are_collected(tmp_path: Path) -> None:
    """With keep_going every broken record is named; without, the first is the error."""
    path = database(tmp_path, k00000003=b"garbage", k00000007=b"")
    found = summarise(path, keep_going=True)
    assert found.records == 30
    assert [fault.split(": ")[1] for fault in found.faults] == [
        "record 00000003",
        "record 00000007",
    ]
    with pytest.raises(CaffeMnistError, match="record 00000003"):
        summarise(path)


def test_export_holds_everything(tmp_path: Path) -> None:
    """Images, labels and keys as arrays that NumPy reads back."""
    assert export(database(tmp_path, 2300), tmp_path / "out.npz") == 2300
    with np.load(tmp_path / "out.npz") as arrays:
        assert arrays["images"].shape == (2300, 1, 3, 5)
        assert arrays["images"].tobytes() == images(2300)[16:]
        assert arrays["labels"].astype(np.uint8).tobytes() == labels(2300)[8:]
        assert list(arrays["keys"][[0, -1]]) == [b"00000000", b"00002299"]


@pytest.mark.parametrize(
    "value",
    [
        b"garbage",
        Datum(channels=1, height=1, width=15, data=bytes(15)).SerializeToString(),
        Datum(channels=1, height=1, width=1, float_data=[1]).SerializeToString(),
    ],
    ids=["broken", "another size", "floats"],
)
@pytest.mark.parametrize("key", ["k00000000", "k00001000"])
def test_a_failed_export_leaves_the_old_file(tmp_path: Path, key: str, value: bytes) -> None:
    """Records that do not fit are an error, and the file that was there stays."""
    path = database(tmp_path, 1500, **{key: value})
    (tmp_path / "out.npz").write_text("old")
    with pytest.raises(CaffeMnistError, match="exists"):
        export(path, tmp_path / "out.npz")
    with pytest.raises(CaffeMnistError):
        export(path, tmp_path / "out.npz", overwrite=True)
    assert (tmp_path / "out.npz").read_text() == "old"
    assert not [name for name in tmp_path.iterdir() if name.name.startswith(".")]
