"""A `customize_service.py` that prepares pictures as the training did.

It needs only what the platform has: its own base class, pycaffe, NumPy and Pillow, on Python 2.7
or 3. The numbers in it are those of the deploy net's transform_param, which Caffe itself
ignores in an Input layer.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from caffe_mnist.errors import CaffeMnistError
from caffe_mnist.schema import caffe_pb2
from caffe_mnist.schema.messages import read_text
from caffe_mnist.schema.upgrade import upgrade_net

TEXT = '''\
# -*- coding: utf-8 -*-
"""Prepares pictures for the net beside it as its training did."""
import os

import numpy as np
from PIL import Image

from model_service.caffe_model_service import CaffeBaseService

INPUT = {input!r}
SHAPE = {shape!r}  # channels, height, width
SCALE = {scale!r}
MEANS = {means!r}  # of blue, green, red, or of gray
MEAN_FILE = {mean_file!r}
LABELS = {labels!r}  # empty: the numbers of the classes


class PictureService(CaffeBaseService):
    def __init__(self, model_name, model_path):
        super(PictureService, self).__init__(model_name, model_path)
        self.mean = np.array(MEANS, np.float32).reshape(-1, 1, 1) if MEANS else 0.0
        if MEAN_FILE:
            self.mean = self._read_mean(os.path.join(self.model_path, MEAN_FILE))

    def _read_mean(self, path):
        import caffe

        blob = caffe.proto.caffe_pb2.BlobProto()
        with open(path, "rb") as content:
            blob.ParseFromString(content.read())
        mean = caffe.io.blobproto_to_array(blob)
        mean = mean.reshape(mean.shape[-3:])
        top = (mean.shape[1] - SHAPE[1]) // 2
        left = (mean.shape[2] - SHAPE[2]) // 2
        return mean[:, top:top + SHAPE[1], left:left + SHAPE[2]]

    def _preprocess(self, data):
        pictures = []
        for field in data.values():
            for content in field.values():
                pictures.append(self._values(Image.open(content)))
        blob = self.net.blobs[INPUT]
        blob.reshape(*((len(pictures),) + SHAPE))
        blob.data[...] = np.stack(pictures)

    def _values(self, picture):
        picture = picture.convert("L" if SHAPE[0] == 1 else "RGB")
        if picture.size != (SHAPE[2], SHAPE[1]):
            picture = picture.resize((SHAPE[2], SHAPE[1]), Image.BILINEAR)
        values = np.asarray(picture, np.float32)
        if SHAPE[0] == 1:
            values = values[None]
        else:
            values = values.transpose(2, 0, 1)[::-1]
        return (values - self.mean) * SCALE

    def _postprocess(self, data):
        name = {output!r}
        scores = self.net.blobs[name].data[0].reshape(-1)
        best = np.argsort(-scores)[:5]
        labels = LABELS or [str(index) for index in range(len(scores))]
        return {{
            "predicted_label": labels[best[0]],
            "scores": [[labels[index], float(scores[index])] for index in best],
        }}
'''


def customize_service(deploy: Path, labels: Sequence[str]) -> str:
    """The file's text for a deploy net; raises CaffeMnistError if it has not one input."""
    net = upgrade_net(read_text(deploy, caffe_pb2.NetParameter), deploy)
    inputs = [layer for layer in net.layer if layer.type == "Input"]
    if len(inputs) != 1 or len(inputs[0].top) != 1 or not inputs[0].input_param.shape:
        raise CaffeMnistError("has not one input of a given shape", where=deploy)
    param = inputs[0].transform_param
    return TEXT.format(
        input=inputs[0].top[0],
        shape=tuple(inputs[0].input_param.shape[0].dim)[1:],
        scale=round(param.scale, 12),
        means=[round(value, 6) for value in param.mean_value],
        mean_file=Path(param.mean_file).name,
        labels=list(labels),
        output=net.layer[-1].top[-1],
    )
