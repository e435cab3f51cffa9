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


def _database(kind: str, channels: int, step: int = 0) -> Callable[[Path], None]:
    """A writer of five records of 9 × 11 pictures (each larger by `step`), and of a mean image."""

    def write(folder: Path) -> None:
        random = np.random.default_rng(11)
        with lmdb.open(str(folder / "db")) as database, database.begin(write=True) as transaction:
            for number in range(5):
                size = (channels, 9 + number * step, 11 + number % 2 * step)
                picture = random.integers(0, 256, size).astype(np.uint8)
                datum = _datum(kind, picture, number * 2)
                transaction.put(b"%08d" % number, datum.SerializeToString())
        for count in (1, 3):
            mean = caffe_pb2.BlobProto(num=1, channels=count, height=9, width=11)
            mean.data.extend((random.random(count * 99) * 255).tolist())
            (folder / f"mean{count}.binaryproto").write_bytes(mean.SerializeToString())

    return write


def _data(
    name: str,
    kind: str,
    channels: int,
    transform: str = "",
    tops: int = 2,
    phase: str = "TEST",
    more: str = "",
    step: int = 0,
) -> Case:
    text = (
        f'data_param {{ source: "FOLDER/db" backend: LMDB batch_size: 2 {more} }} '
        f"transform_param {{ {transform} }}"
    )
    files = _database(kind, channels, step)
    return Case(f"data-{name}", "Data", text, (), tops, phase, files=files, passes=4)


MEAN1, MEAN3 = (f'mean_file: "FOLDER/mean{count}.binaryproto"' for count in (1, 3))
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
    *(
        _data(f"{phase.lower()}-{name}", kind, channels, transform, phase=phase)
        for phase in ("TRAIN", "TEST")
        for name, kind, channels, transform in (
            ("mean-file", "bytes", 3, f"{MEAN3} scale: 0.5"),
            ("mean-file-crop", "bytes", 3, f"{MEAN3} crop_size: 5 mirror: true"),
            ("encoded-mean-crop", ".png", 3, f"{MEAN3} crop_size: 6 mirror: true scale: 0.25"),
            ("encoded-jpeg-mean", ".jpg", 3, f"{MEAN3} mirror: true"),
            ("colour-mean-crop", ".png", 1, f"{MEAN3} force_color: true crop_size: 5 mirror: true"),
            ("grey-mean-crop", ".png", 3, f"{MEAN1} force_gray: true crop_size: 5 mirror: true"),
            ("grey-jpeg", ".jpg", 3, "force_gray: true crop_size: 8 mean_value: 128"),
            ("colour-no-need", ".png", 3, "force_color: true mirror: true mean_value: 4"),
            ("force-on-bytes", "bytes", 3, "force_gray: true crop_size: 4"),
        )
    ),
    _data("encoded-alpha", ".png", 4, "crop_size: 4"),
    _data("encoded-sizes", ".png", 3, "crop_size: 7 mirror: true", phase="TRAIN", step=2),
    _data("encoded-sizes-test", ".jpg", 3, "crop_size: 7 mean_value: 3", step=3),
]
