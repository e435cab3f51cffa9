"""A model whose answers are plain to see, its pictures, and the predict command on them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from caffe_mnist.predict import main
from caffe_mnist.schema import caffe_pb2
from caffe_mnist.schema.messages import parse_text, write_binary
from caffe_mnist.storage.snapshots import publish

PROGRAM = "python -m caffe_mnist.predict"
SIZE = 8
DEPLOY = """\
name: "quarters"
layer {
  name: "data" type: "Input" top: "data" %s
  input_param { shape { dim: 1 dim: %d dim: 8 dim: 8 } }
}
layer {
  name: "ip" type: "InnerProduct" bottom: "data" top: "ip"
  inner_product_param { num_output: 4 bias_term: false }
}
layer { name: "prob" type: "Softmax" bottom: "ip" top: "prob" }
"""
SCALE = "transform_param { scale: 0.00390625 }"
Pixels = npt.NDArray[np.uint8]


def quarter(number: int) -> Pixels:
    """White in one quarter of a black square: the net's class `number`."""
    pixels = np.zeros((SIZE, SIZE), np.uint8)
    row, column = divmod(number, 2)
    pixels[4 * row : 4 * row + 4, 4 * column : 4 * column + 4] = 255
    return pixels


def model(folder: Path, channels: int = 1, transform: str = SCALE) -> tuple[Path, Path]:
    """A net that finds the white quarter: its deploy net and its weights.

    With three channels (B, G, R) it looks at the red one only.
    """
    folder.mkdir(exist_ok=True)
    deploy, weights = folder / "deploy.prototxt", folder / "q_iter_1.caffemodel"
    deploy.write_text(DEPLOY % (transform, channels))
    net = parse_text(deploy.read_text(), caffe_pb2.NetParameter, deploy)
    rows = np.zeros((4, channels, SIZE, SIZE), np.float32)
    for number in range(4):
        rows[number, -1] = quarter(number) / 255
    blob = net.layer[1].blobs.add(data=rows.ravel().tolist())
    blob.shape.dim.extend([4, channels * SIZE * SIZE])
    write_binary(weights, net)
    return deploy, weights


def published(folder: Path) -> Path:
    """The model as a complete snapshot in `folder`/final."""
    publish(str(folder / "final"), model(folder / "model"), 1)
    return folder / "final"


def saved(folder: Path, image: Any, name: str = "picture.png") -> Path:
    """A Pillow image, or the pixels of one, as a file."""
    from PIL import Image

    image = image if isinstance(image, Image.Image) else Image.fromarray(image)
    image.save(folder / name)
    return folder / name


def predict(*arguments: object) -> int:
    """The command in this process."""
    return main([str(argument) for argument in arguments])


def answers(capsys: pytest.CaptureFixture[str], *arguments: object) -> list[dict[str, Any]]:
    """What it says in JSON; there must be nothing else."""
    assert predict(*arguments, "--json") == 0
    out, err = capsys.readouterr()
    assert err == ""
    return [json.loads(line) for line in out.splitlines()]


def assert_refused(
    capsys: pytest.CaptureFixture[str], arguments: Sequence[object], *lines: str, status: int = 2
) -> None:
    """The status, nothing on standard output, and just these parts of lines on the other."""
    assert predict(*arguments) == status
    out, err = capsys.readouterr()
    found = err.splitlines()
    assert (out, len(found)) == ("", len(lines)), err
    for line, part in zip(found, lines):
        assert line.startswith(f"{PROGRAM}: error: ")
        assert part in line
