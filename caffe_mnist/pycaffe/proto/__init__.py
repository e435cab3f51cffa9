"""Caffe's messages, under the name that scripts import."""

from __future__ import annotations

from caffe_mnist.pycaffe.proto import caffe_pb2

__all__ = ["caffe_pb2"]
