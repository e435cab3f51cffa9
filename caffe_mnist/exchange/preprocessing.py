"""What happens to pictures before a net's input, inside a graph or said in words.

Caffe's Input layer takes prepared values. With `kind` the graph takes the bytes of pictures
itself and does to them what the Input layer's transform_param says: crop, less the mean, times
the scale; with `rgb` it takes red, green, blue and puts them into Caffe's order.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from caffe_mnist.engine.picture_input import PictureInput
from caffe_mnist.errors import CaffeMnistError
from caffe_mnist.exchange.graph import Array, Graph


class Preprocessing:
    """Of the one input that takes pictures; without `pictures` nothing is known of it."""

    def __init__(self, pictures: PictureInput | None, raw: str = "", rgb: bool = False) -> None:
        """`raw`: "uint8" or "float32" for pictures of bytes 0 … 255, "" for prepared values."""
        self.pictures, self.raw, self.rgb = pictures, raw, rgb
        self.kind = raw or "float32"
        self.name = pictures.name if pictures is not None else None
        if rgb and (pictures is None or pictures.channels != 3):
            raise CaffeMnistError("takes no pictures of three channels", where="--rgb")

    def taken(self, sizes: tuple[int, int, int]) -> tuple[int, int, int]:
        """Channels, height and width that the graph takes, where the net takes `sizes`."""
        return self.pictures.taken if self.raw and self.pictures is not None else sizes

    def write(self, graph: Graph, value: str) -> str:
        """The nodes between the port and the net."""
        if self.rgb:
            order = graph.constant(np.array([2, 1, 0]), "preprocessing/order")
            value = graph.add("Gather", [value, order], name="preprocessing/bgr", axis=1)[0]
        if not self.raw or self.pictures is None:
            return value
        if self.raw != "float32":
            value = graph.add("Cast", [value], name="preprocessing/float", to="float32")[0]
        return self._transformed(graph, value, self.pictures)

    def _transformed(self, graph: Graph, value: str, pictures: PictureInput) -> str:
        transform = pictures.transform
        if transform.param.crop_size:
            value = self._cropped(graph, value, pictures)
        mean = self.mean
        if mean is not None:
            constant = graph.constant(mean, "preprocessing/mean")
            value = graph.add("Sub", [value, constant], name="preprocessing/less_mean")[0]
        if transform.param.scale != 1:
            scale = graph.constant(np.array(transform.param.scale), "preprocessing/scale")
            value = graph.add("Mul", [value, scale], name="preprocessing/scaled")[0]
        return value

    def _cropped(self, graph: Graph, value: str, pictures: PictureInput) -> str:
        crop = pictures.transform.param.crop_size
        starts = [(side - crop) // 2 for side in pictures.taken[1:]]
        if not any(starts):
            return value
        lists = (starts, [start + crop for start in starts], [2, 3])
        constants = [graph.constant(np.array(one), "preprocessing/crop") for one in lists]
        return graph.add("Slice", [value, *constants], name="preprocessing/cropped")[0]

    @property
    def mean(self) -> Array | None:
        """The mean C × 1 × 1 or C × H × W, cut as the pictures are."""
        if self.pictures is None or self.pictures.transform.mean is None:
            return None
        mean, crop = self.pictures.transform.mean, self.pictures.transform.param.crop_size
        if crop and mean.shape[1:] != (1, 1):
            rows, columns = ((side - crop) // 2 for side in mean.shape[1:])
            mean = mean[:, rows : rows + crop, columns : columns + crop]
        return mean

    def description(self) -> dict[str, str]:
        """What a caller must know, as words for a file's metadata."""
        if self.pictures is None:
            return {}
        param, mean = self.pictures.transform.param, self.mean
        _, height, width = self.pictures.taken
        order = {1: "GRAY", 3: "BGR"}.get(self.pictures.channels, "as trained")
        words = {
            "input": self.pictures.name,
            "input_layout": "NCHW",
            "channel_order": "RGB" if self.rgb else order,
            "preprocessing": "in the graph" if self.raw else "by the caller",
            "input_values": "0..255" if self.raw else "(pixel - mean) * scale",
            "scale": f"{param.scale:.9g}",
        }
        if not self.raw and not param.ListFields():
            words.update(preprocessing="by the caller, the net does not say which")
            words.update(input_values="as trained (mean and scale are not in the net)")
            del words["scale"]
        if mean is not None:
            words["mean"] = _mean_words(mean.mean((1, 2)), self.rgb)
            if mean.shape[1:] != (1, 1):
                words["mean_image"] = "subtracted pixel by pixel; mean: its average"
        if param.crop_size:
            words["crop_size"] = str(param.crop_size)
        if self.pictures.resized:
            words["resize"] = f"{self.pictures.resize}, {height} × {width}"
        return words


def _mean_words(channels: Sequence[float], rgb: bool) -> str:
    ordered = list(channels)[::-1] if rgb else list(channels)
    return ",".join(f"{value:.6g}" for value in ordered)
