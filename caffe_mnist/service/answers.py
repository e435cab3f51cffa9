"""What the net of a package says of pictures, as the contract's answers."""

from __future__ import annotations

import base64
import io
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from caffe_mnist.datasets.picture import MOST_PIXELS, is_light, picture_of_bytes
from caffe_mnist.engine.classifier import Classifier
from caffe_mnist.errors import CaffeMnistError
from caffe_mnist.service.package import Package

BEST = 5
Bytes = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Seen:
    """A picture as the net takes it: C × H × W, and whether it was turned to its negative."""

    values: Bytes
    inverted: bool


class Model:
    """The net of a package: pictures in, answers out."""

    def __init__(self, package: Package) -> None:
        """Load it, and try it once; raises CaffeMnistError for what does not fit together."""
        # A core is left for reading requests and pictures.
        torch.set_num_threads(max(1, (os.cpu_count() or 1) - 1))
        self.package = package
        self.classifier = Classifier(package.deploy, package.weights)
        shape = self.classifier.input.taken
        self.channels, self.height, self.width = shape
        taken = self.classifier.input
        self.input = [taken.channels, taken.height, taken.width]
        classes = self.classifier.scores(np.zeros((1, *shape), np.uint8)).shape[1]
        if package.labels and len(package.labels) != classes:
            raise CaffeMnistError(
                f"has {len(package.labels)} names for {classes} classes", where=package.folder
            )
        self.labels = package.labels or tuple(map(str, range(classes)))

    def see(
        self, content: bytes, invert: bool | None = False, most_pixels: int = MOST_PIXELS
    ) -> Seen:
        """Decode a picture file; `invert` None decides by whether its border is light.

        Raises PictureError for what is no picture that the net can take.
        """
        shape = (self.channels, self.height, self.width)
        resize = self.classifier.input.resize
        values = picture_of_bytes(content, *shape, bool(invert), most_pixels, resize)
        if invert is None and self.channels == 1 and is_light(values):
            return Seen(picture_of_bytes(content, *shape, True, most_pixels, resize), True)
        return Seen(values, bool(invert))

    def scores(self, pictures: Sequence[Bytes]) -> list[npt.NDArray[np.float32]]:
        """A row of scores for each picture."""
        return list(self.classifier.scores(np.stack(pictures)))

    def picture_url(self, seen: Seen) -> str:
        """What goes into the net of a picture, as a PNG in a data: URL."""
        return picture_url(self.classifier.input.cut(seen.values))

    def answer(self, scores: npt.NDArray[np.float32]) -> dict[str, Any]:
        """`predicted_label` and the five best `scores`, best first (all if there are fewer)."""
        order = np.argsort(-scores, kind="stable")[:BEST]
        best = [[self.labels[index], _number(scores[index])] for index in order]
        return {"predicted_label": best[0][0], "scores": best}


def picture_url(values: Bytes) -> str:
    """C × H × W (B, G, R or gray) as a PNG in a data: URL."""
    from PIL import Image

    pixels = values[0] if len(values) == 1 else values[::-1].transpose(1, 2, 0)
    file = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(file, "PNG")
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()


def _number(value: np.float32) -> float:
    """JSON has no nan: a net that gives one is not sure of anything."""
    number = float(value)
    return number if np.isfinite(number) else 0.0
