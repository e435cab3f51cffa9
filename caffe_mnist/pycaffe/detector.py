"""Detector: scores for windows of pictures (R-CNN)."""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from caffe_mnist.pycaffe.classifier import PictureNet
from caffe_mnist.pycaffe.failures import CaffeError
from caffe_mnist.pycaffe.pictures import load_image, resize_image

Array = npt.NDArray[Any]


class Detector(PictureNet):
    """Crops windows, with `context_pad` pixels of context around each, and scores them."""

    def __init__(
        self,
        model_file: str | os.PathLike[str],
        pretrained_file: str | os.PathLike[str],
        mean: Array | None = None,
        input_scale: float | None = None,
        raw_scale: float | None = None,
        channel_swap: Sequence[int] | None = None,
        context_pad: int | None = None,
    ) -> None:
        super().__init__(model_file, pretrained_file, mean, input_scale, raw_scale, channel_swap)
        self.configure_crop(context_pad)

    def detect_windows(
        self, images_windows: Iterable[tuple[str, Sequence[Array]]]
    ) -> list[dict[str, Any]]:
        """Scores for windows (top, left, bottom, right) of pictures, given by file.

        Returns a dict with `window`, `prediction` and `filename` for each window.
        """
        crops, found = [], []
        for filename, windows in images_windows:
            image = load_image(filename).astype(np.float32)
            for window in windows:
                crops.append(self.crop(image, np.asarray(window)))
                found.append({"window": window, "filename": filename})
        if not crops:
            return []
        scores = self.scores(crops).reshape(len(crops), -1)
        return [
            {"window": one["window"], "prediction": score, "filename": one["filename"]}
            for one, score in zip(found, scores)
        ]

    def detect_selective_search(self, image_fnames: Sequence[str]) -> list[dict[str, Any]]:
        """Windows proposed by selective search, which is a MATLAB program of others.

        Raises CaffeError unless the module selective_search_ijcv_with_python is there.
        """
        try:
            search = importlib.import_module("selective_search_ijcv_with_python")
        except ImportError:
            raise CaffeError(
                "needs the module selective_search_ijcv_with_python",
                where="detect_selective_search",
                hint="or propose windows yourself and call detect_windows",
            ) from None
        names = [os.path.abspath(name) for name in image_fnames]
        windows = search.get_windows(names, cmd="selective_search_rcnn")
        return self.detect_windows(zip(image_fnames, windows))

    def crop(self, im: Array, window: Array) -> Array:
        """The window (top, left, bottom, right) of a picture H × W × C.

        With context, the window grows so that `context_pad` pixels of the net's input lie
        around it; what lies outside the picture is the mean.
        """
        top, left, bottom, right = (int(one) for one in window)
        if not self.context_pad:
            return im[top:bottom, left:right]
        size = self.blobs[self.inputs[0]].width
        scale = size / (1.0 * size - self.context_pad * 2)
        box = np.asarray(window, np.float64)
        half_height, half_width = (box[2] - box[0] + 1) / 2, (box[3] - box[1] + 1) / 2
        center = np.array([box[0] + half_height, box[1] + half_width])
        reach = scale * np.array([half_height, half_width])
        low, high = np.round(center - reach), np.round(center + reach)
        scale_y, scale_x = size / (high - low + 1)
        before = np.round(np.maximum(0, -low) * (scale_y, scale_x)).astype(int)
        limits = np.array(im.shape[:2])
        low, high = np.clip(low, 0, limits), np.clip(high, 0, limits)
        (top, left), (bottom, right) = low.astype(int), high.astype(int)
        part = im[top:bottom, left:right]
        rows, columns = np.round((high - low + 1) * (scale_y, scale_x)).astype(int)
        rows, columns = min(rows, size - before[0]), min(columns, size - before[1])
        crop = np.ones(self.crop_dims, np.float32) * self.crop_mean
        crop[before[0] : before[0] + rows, before[1] : before[1] + columns] = resize_image(
            part, (rows, columns)
        )
        return crop

    def configure_crop(self, context_pad: int | None) -> None:
        """Set the context; outside a picture lies what becomes 0 when the mean is subtracted."""
        name, transformer = self.inputs[0], self.transformer
        sizes = tuple(self.blobs[name].data.shape[1:])
        order = transformer.transpose[name]
        self.crop_dims = np.array([sizes[one] for one in np.argsort(order)])
        self.context_pad = context_pad
        if not self.context_pad:
            return
        mean = transformer.mean.get(name)
        if mean is None:
            self.crop_mean: Array = np.zeros(self.crop_dims, np.float32)
            return
        swap = transformer.channel_swap.get(name)
        crop_mean = np.broadcast_to(mean, sizes)
        if swap is not None:
            crop_mean = crop_mean[np.argsort(swap), :, :]
        scale = transformer.raw_scale.get(name, 1)
        self.crop_mean = crop_mean.transpose(np.argsort(order)) / scale
