"""InfogainLoss in many settings."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from caffe_mnist.schema import caffe_pb2
from caffe_mnist.schema.messages import write_binary
from tests.parity.cases.case import Case

SOURCE = 'infogain_loss_param { source: "FOLDER/h.binaryproto" }'
NO_LABELS = "propagate_down: true propagate_down: false propagate_down: false"


def _matrix(folder: Path) -> None:
    """Five classes, the mistakes between some of which cost more."""
    values = np.random.default_rng(5).random((5, 5)) + np.eye(5)
    blob = caffe_pb2.BlobProto(data=values.ravel(), num=1, channels=1, height=5, width=5)
    write_binary(folder / "h.binaryproto", blob)


def _flat_matrix(folder: Path) -> None:
    """The same as a blob of the newer form."""
    _matrix(folder)
    blob = caffe_pb2.BlobProto.FromString((folder / "h.binaryproto").read_bytes())
    blob = caffe_pb2.BlobProto(data=blob.data)
    blob.shape.dim.extend([1, 1, 5, 5])
    write_binary(folder / "h.binaryproto", blob)


CASES = [
    Case("infogain", "InfogainLoss", SOURCE, ((6, 5), "labels:5"), files=_matrix),
    Case("infogain-shape", "InfogainLoss", SOURCE, ((6, 5), "labels:5"), files=_flat_matrix),
    Case(
        "infogain-spatial",
        "InfogainLoss",
        f"{SOURCE} loss_weight: 0.5",
        ((2, 5, 3, 4), "labels:5"),
        files=_matrix,
    ),
    Case(
        "infogain-axis",
        "InfogainLoss",
        'infogain_loss_param { source: "FOLDER/h.binaryproto" axis: -1 }',
        ((2, 3, 5), "labels:5:2,3"),
        files=_matrix,
    ),
    Case(
        "infogain-bottom",
        "InfogainLoss",
        NO_LABELS,
        ((6, 4), "labels:4:6", (1, 1, 4, 4)),
        force=False,
    ),
    *(
        Case(
            f"infogain-{mode.lower()}",
            "InfogainLoss",
            f"{NO_LABELS} loss_param {{ ignore_label: 1 normalization: {mode} }}",
            ((2, 4, 3, 2), "labels:4", (1, 1, 4, 4)),
            force=False,
        )
        for mode in ("FULL", "VALID", "BATCH_SIZE", "NONE")
    ),
]
