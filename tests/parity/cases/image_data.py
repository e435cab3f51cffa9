"""ImageData: pictures of several sizes and kinds."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from caffe_mnist.schema import caffe_pb2
from caffe_mnist.schema.messages import write_binary
from tests.parity.cases.case import Case

NAMES = ["a.png", "b c.png", "d.jpg", "grey.png", "e.bmp"]


def write_pictures(folder: Path, same: bool = False) -> None:
    """Pictures with noise and with slopes, a list of them, and a mean image."""
    random = np.random.default_rng(3)
    for number, name in enumerate(NAMES):
        height, width = (20, 24) if same else (20 + 3 * number, 24 - 2 * number)
        shape = (height, width) if name.startswith("grey") else (height, width, 3)
        picture = random.integers(0, 256, shape)
        if number % 2:
            picture = np.add.outer(np.arange(height) * 5, np.arange(width) * 4) % 256
            picture = np.broadcast_to(
                picture.reshape(height, width, *[1] * (len(shape) - 2)), shape
            )
        cv2.imwrite(str(folder / name), np.ascontiguousarray(picture, np.uint8))
    lines = [f"{name} {number * 3}\n" for number, name in enumerate(NAMES)]
    (folder / "list.txt").write_text("".join(lines))
    (folder / "full.txt").write_text("".join(f"{folder}/{line}" for line in lines))
    mean = random.normal(120, 20, (3, 20, 24))
    blob = caffe_pb2.BlobProto(num=1, channels=3, height=20, width=24, data=mean.ravel())
    write_binary(folder / "mean.binaryproto", blob)


def _same(folder: Path) -> None:
    write_pictures(folder, same=True)


def _image(
    name: str, settings: str, transform: str = "", same: bool = False, phase: str = "TEST"
) -> Case:
    text = (
        f'image_data_param {{ source: "FOLDER/list.txt" root_folder: "FOLDER/" {settings} }} '
        f"transform_param {{ {transform} }}"
    )
    files = _same if same else write_pictures
    return Case(f"image-{name}", "ImageData", text, (), 2, phase, files=files, passes=4)


CASES = [
    _image("one", ""),
    _image("same", "batch_size: 3", same=True),
    _image("grey", "batch_size: 2 is_color: false", same=True),
    _image("smaller", "batch_size: 3 new_height: 9 new_width: 11"),
    _image("larger", "batch_size: 3 new_height: 45 new_width: 70"),
    _image("mixed", "batch_size: 2 new_height: 40 new_width: 12 is_color: false"),
    _image("crop", "batch_size: 4", "crop_size: 12"),
    _image("scale", "batch_size: 4", "crop_size: 12 scale: 0.00390625"),
    _image("mean-value", "batch_size: 4", "crop_size: 11 mean_value: 100"),
    _image(
        "mean-values",
        "batch_size: 4 new_height: 20 new_width: 24",
        "mean_value: 100 mean_value: 110 mean_value: 120 scale: 0.5",
    ),
    _image(
        "mean-file",
        "batch_size: 4 new_height: 20 new_width: 24",
        'mean_file: "FOLDER/mean.binaryproto"',
    ),
    _image(
        "mean-file-crop",
        "batch_size: 4 new_height: 20 new_width: 24",
        'mean_file: "FOLDER/mean.binaryproto" crop_size: 13 scale: 2',
    ),
    _image("shuffled", "batch_size: 3 shuffle: true", same=True),
    _image("skipped", "batch_size: 3 rand_skip: 5", same=True),
    _image("shuffled-skipped", "batch_size: 2 rand_skip: 4 shuffle: true", same=True),
    _image("mirror", "batch_size: 3 shuffle: true", "mirror: true crop_size: 15", same=True),
    _image("train", "batch_size: 3", "mirror: true crop_size: 14", phase="TRAIN"),
    _image(
        "train-mean",
        "batch_size: 3 shuffle: true rand_skip: 3 new_height: 20 new_width: 24",
        'mirror: true crop_size: 12 mean_file: "FOLDER/mean.binaryproto"',
        phase="TRAIN",
    ),
    Case(
        "image-full-paths",
        "ImageData",
        'image_data_param { source: "FOLDER/full.txt" batch_size: 1 }',
        (),
        2,
        "TEST",
        files=write_pictures,
        passes=6,
    ),
]
