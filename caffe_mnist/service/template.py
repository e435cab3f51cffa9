"""A `customize_service.py` that prepares pictures as the training did.

It needs only what the platform has: its own base class, pycaffe, NumPy and Pillow, on Python 2.7
or 3. The numbers in it are those of the deploy net's transform_param, which Caffe itself ignores
in an Input layer; its functions are those of `datasets/fitting.py`, so that `predict`, `serve`
and the platform give a net the same bytes.
"""

from __future__ import annotations

import ast
import inspect
import json
from collections.abc import Sequence
from pathlib import Path

from caffe_mnist.datasets import fitting
from caffe_mnist.engine.picture_input import PictureInput
from caffe_mnist.errors import CaffeMnistError
from caffe_mnist.schema import caffe_pb2
from caffe_mnist.schema.messages import read_text
from caffe_mnist.schema.upgrade import upgrade_net

TEXT = '''\
# -*- coding: utf-8 -*-
"""Prepares pictures for the net beside it as its training did."""
from __future__ import division

import json
import os

import numpy as np
from PIL import Image

from model_service.caffe_model_service import CaffeBaseService

INPUT = {input!r}
OUTPUT = {output!r}
SHAPE = {shape!r}  # of pictures before a crop: channels, height, width
RESIZE = {resize!r}
CROP = {crop!r}  # (height, width) in the middle, which the net takes
SCALE = {scale!r}
MEANS = {means!r}  # of blue, green, red, or of gray
MEAN_FILE = {mean_file!r}
LABELS = json.loads({labels!r})  # empty: the numbers of the classes


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
        return self._cut(mean.reshape(mean.shape[-3:]))

    def _cut(self, values):
        top = (values.shape[1] - CROP[0]) // 2
        left = (values.shape[2] - CROP[1]) // 2
        return values[:, top:top + CROP[0], left:left + CROP[1]]

    def _preprocess(self, data):
        pictures = []
        for field in data.values():
            for content in field.values():
                pictures.append(self._values(Image.open(content)))
        blob = self.net.blobs[INPUT]
        blob.reshape(*((len(pictures), SHAPE[0]) + CROP))
        blob.data[...] = np.stack(pictures)

    def _values(self, picture):
        values = self._cut(fitted(picture, SHAPE, RESIZE, False)).astype(np.float32)
        return (values - self.mean) * SCALE

    def _postprocess(self, data):
        answers = []
        for row in self.net.blobs[OUTPUT].data:
            scores = row.reshape(-1)
            best = np.argsort(-scores, kind="mergesort")[:5]
            labels = LABELS or [str(index) for index in range(len(scores))]
            answers.append({{
                "predicted_label": labels[best[0]],
                "scores": [[labels[index], float(scores[index])] for index in best],
            }})
        return answers[0] if len(answers) == 1 else answers


'''


def customize_service(deploy: Path, labels: Sequence[str]) -> str:
    """The file's text for a deploy net, its mean image beside it.

    Raises CaffeMnistError if it has not one input of pictures.
    """
    param = read_text(deploy, caffe_pb2.NetParameter)
    pictures = PictureInput(param, deploy)
    transform = pictures.transform.param
    text = TEXT.format(
        input=pictures.name,
        output=_output(param, deploy),
        shape=tuple(map(int, pictures.taken)),
        resize=pictures.resize,
        crop=(pictures.height, pictures.width),
        scale=_short(transform.scale),
        means=[_short(value) for value in transform.mean_value],
        mean_file=Path(transform.mean_file).name,
        labels=json.dumps(list(labels), ensure_ascii=True),
    )
    return text + fitting_source()


def fitting_source() -> str:
    """The functions of `fitting` without what Python 2.7 does not know: annotations."""
    functions = []
    for node in ast.parse(inspect.getsource(fitting)).body:
        if isinstance(node, ast.FunctionDef):
            node.returns = None
            for argument in node.args.args:
                argument.annotation = None
            node.body = [one for one in node.body if not _is_docstring(one)]
            functions.append(ast.unparse(node))
    return "\n\n\n".join(functions) + "\n"


def _is_docstring(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _output(param: caffe_pb2.NetParameter, deploy: Path) -> str:
    """The blob of scores, as the classifier takes it: `prob`, else the last that nobody reads."""
    layers = upgrade_net(param, deploy).layer
    read = {name for layer in layers for name in layer.bottom if name not in layer.top}
    ends = [name for layer in layers for name in layer.top if name not in read]
    if not ends:
        raise CaffeMnistError("has no outputs", where=deploy)
    return "prob" if "prob" in ends else str(ends[-1])


def _short(value: float) -> float:
    """A float of 32 bits with the fewest digits that name it."""
    return float(f"{value:.9g}")
