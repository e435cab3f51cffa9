"""Data: bytes, floats, and encoded pictures in an LMDB."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import lmdb
import numpy as np

from caffe_mnist.schema import caffe_pb2
from tests.parity.cases.case import Case


def _datum(kind: str, picture: np.ndarray, label: int) -> caffe_pb2.Datum:
    channels, height, width = picture.shape
    datum = caffe_pb2.Datum(channels=channels, height=height, width=width, label=label)
    if kind == "floats":
        datum.float_data.extend((picture / 7.0).ravel())
    elif kind == "bytes":
        datum.data = picture.tobytes()
    else:
        encoded = cv2.imencode(kind, picture.transpose(1, 2, 0))[1].tobytes()
        datum = caffe_pb2.Datum(data=encoded, encoded=True, label=label)
    return datum


def _database(kind: str, channels: int) -> Callable[[Path], None]:
    """A writer of five records of 9 × 11 pictures."""

    def write(folder: Path) -> None:
        random = np.random.default_rng(11)
        with lmdb.open(str(folder / "db")) as database, database.begin(write=True) as transaction:
            for number in range(5):
                picture = random.integers(0, 256, (channels, 9, 11)).astype(np.uint8)
                datum = _datum(kind, picture, number * 2)
                transaction.put(b"%08d" % number, datum.SerializeToString())

    return write


def _data(
    name: str,
    kind: str,
    channels: int,
    transform: str = "",
    tops: int = 2,
    phase: str = "TEST",
    more: str = "",
) -> Case:
    text = (
        f'data_param {{ source: "FOLDER/db" backend: LMDB batch_size: 2 {more} }} '
        f"transform_param {{ {transform} }}"
    )
    files = _database(kind, channels)
    return Case(f"data-{name}", "Data", text, (), tops, phase, files=files, passes=4)


CASES = [
    _data("bytes", "bytes", 3),
    _data("no-labels", "bytes", 1, tops=1),
    _data("crop", "bytes", 3, "crop_size: 4 scale: 0.5 mean_value: 9"),
    _data("floats", "floats", 2, "scale: 3"),
    _data("floats-crop", "floats", 2, "crop_size: 5 mean_value: 1 mean_value: 2"),
    _data("encoded", ".png", 3),
    _data("encoded-jpeg", ".jpg", 3, "crop_size: 6"),
    _data("encoded-grey", ".png", 1, "scale: 0.5"),
    _data("encoded-to-grey", ".png", 3, "force_gray: true"),
    _data("encoded-to-colour", ".png", 1, "force_color: true mean_value: 100"),
    _data("rand-skip", "bytes", 1, more="rand_skip: 4"),
    _data("mirror", "bytes", 2, "mirror: true"),
    _data("train", "bytes", 2, phase="TRAIN"),
    _data("train-crop", "bytes", 2, "crop_size: 5", phase="TRAIN"),
    _data("train-all", "bytes", 3, "crop_size: 6 mirror: true mean_value: 7", phase="TRAIN"),
    _data("train-floats", "floats", 2, "crop_size: 4 mirror: true", phase="TRAIN"),
    _data("train-encoded", ".png", 3, "crop_size: 4 mirror: true", phase="TRAIN"),
]
