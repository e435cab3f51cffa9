"""Records of databases: `Datum` messages of pixels, floats and encoded pictures."""

from __future__ import annotations

import io

from caffe_mnist.datasets.datum import decode, decode_batch
from caffe_mnist.engine.data.records import batch
from caffe_mnist.engine.data.transform import Transform
from caffe_mnist.engine.data.workers import Workers
from caffe_mnist.schema import caffe_pb2
from tests.fuzz.targets import each


def seeds() -> list[bytes]:
    """Pixels, floats, and pictures in three formats."""
    from PIL import Image

    datum = caffe_pb2.Datum
    found = [
        datum(channels=1, height=2, width=3, data=b"abcdef", label=7),
        datum(channels=2, height=1, width=2, float_data=[1, 2, 3, 4], label=-1),
    ]
    for form in ("PNG", "JPEG", "BMP"):
        content = io.BytesIO()
        Image.new("RGB", (4, 3), (1, 2, 3)).save(content, form)
        found.append(datum(data=content.getvalue(), encoded=True, label=3))
    return [one.SerializeToString() for one in found]


def run(data: bytes) -> None:
    """Alone, in a batch with itself, and on its way into a net."""
    records = [(b"00000000", data), (b"00000001", data)]
    settings = caffe_pb2.TransformationParameter(crop_size=1, mean_value=[1], mirror=True)
    each(
        lambda: decode(data, b"key", "database"),
        lambda: decode_batch(records, "database"),
        lambda: batch(
            records, Transform(settings, caffe_pb2.TRAIN, "layer"), "database", Workers(1)
        ),
    )
