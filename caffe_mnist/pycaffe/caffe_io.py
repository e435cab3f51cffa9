"""`caffe.io`: pictures, messages, and what a net takes.

(A module of its name would hide Python's own `io` from scripts in this folder.)
"""

from __future__ import annotations

from caffe_mnist.pycaffe.messages import (
    array_to_blobproto,
    array_to_datum,
    arraylist_to_blobprotovector_str,
    blobproto_to_array,
    blobprotovector_str_to_arraylist,
    datum_to_array,
)
from caffe_mnist.pycaffe.pictures import load_image, oversample, resize_image
from caffe_mnist.pycaffe.proto import caffe_pb2
from caffe_mnist.pycaffe.transformer import Transformer

__all__ = [
    "Transformer",
    "array_to_blobproto",
    "array_to_datum",
    "arraylist_to_blobprotovector_str",
    "blobproto_to_array",
    "blobprotovector_str_to_arraylist",
    "caffe_pb2",
    "datum_to_array",
    "load_image",
    "oversample",
    "resize_image",
]
