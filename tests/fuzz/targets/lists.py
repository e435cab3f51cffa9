"""Lists of pictures: those of ImageData and WindowData layers; and of HDF5 files."""

from __future__ import annotations

from pathlib import Path

from caffe_mnist.engine.net import Net
from caffe_mnist.schema import caffe_pb2
from caffe_mnist.schema.messages import parse_text
from tests.fuzz.targets import each, hdf5

IMAGES = """
layer { name: "data" type: "ImageData" top: "data" top: "label"
  image_data_param { source: "list" batch_size: 2 } }
"""
WINDOWS = """
layer { name: "data" type: "WindowData" top: "data" top: "label"
  transform_param { crop_size: 4 }
  window_data_param { source: "list" batch_size: 4 fg_threshold: 0.5 fg_fraction: 0.5
    context_pad: 1 } }
"""
HDF5 = """
layer { name: "data" type: "HDF5Data" top: "data" top: "label"
  hdf5_data_param { source: "list" batch_size: 2 } }
"""


def seeds() -> list[bytes]:
    """A list of each kind."""
    windows = "# 0\na.ppm\n3\n6\n6\n2\n1 0.9 0 0 4 4\n0 0.1 1 1 5 5\n"
    return [b"a.ppm 3\na.ppm 0\n", windows.encode(), b"a.h5\na.h5"]


def run(data: bytes) -> None:
    """A batch of each layer."""
    Path("a.ppm").write_bytes(b"P6 6 6 255\n" + bytes(range(108)))
    Path("list").write_bytes(data)
    Path("a.h5").write_bytes(hdf5.seeds()[0])
    each(lambda: _forward(IMAGES), lambda: _forward(WINDOWS), lambda: _forward(HDF5))


def _forward(text: str) -> None:
    net = Net(parse_text(text, caffe_pb2.NetParameter, "net"))
    try:
        net.forward()
    finally:
        net.close()
