"""Reading pictures, resizing and cropping them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from caffe_mnist.pycaffe import resize
from caffe_mnist.pycaffe.failures import CaffeError

Array = npt.NDArray[Any]
Floats = npt.NDArray[np.float32]
# What of red, green and blue makes up gray (scikit-image's, of ITU-R BT.709).
LUMINANCE = (0.2125, 0.7154, 0.0721)


def load_image(filename: str | os.PathLike[str], color: bool = True) -> Floats:
    """A picture file as H × W × 3 (RGB) in 0 … 1, or H × W × 1 without `color`."""
    try:
        from PIL import Image
    except ImportError:
        raise CaffeError(
            "reading pictures needs Pillow", hint="pip install 'caffe-mnist[images]'"
        ) from None
    with Image.open(filename) as image:
        plain = image.mode in ("L", "RGB", "RGBA", "I", "I;16", "I;16B", "F")
        alpha = image.mode == "LA" or "transparency" in image.info
        other = "L" if image.mode == "1" else "RGBA" if alpha else "RGB"
        values: Array = np.asarray(image if plain else image.convert(other))
    if values.dtype == np.uint8:
        pixels = values.astype(np.float64) / 255
    else:  # 16 bits; Pillow gives those of some files as 32
        pixels = values / 65535.0 if values.dtype.kind in "iu" else values.astype(np.float64)
    if pixels.ndim == 3:
        if not color:  # what is transparent shows white
            opacity = pixels[:, :, 3:] if pixels.shape[2] == 4 else 1
            pixels = (pixels[:, :, :3] * opacity + 1 - opacity) @ np.array(LUMINANCE)
        else:
            pixels = pixels[:, :, :3]
    if pixels.ndim == 2:
        pixels = np.repeat(pixels[:, :, np.newaxis], 3 if color else 1, 2)
    result: Floats = pixels.astype(np.float32)
    return result


def resize_image(im: Array, new_dims: Sequence[int] | Array, interp_order: int = 1) -> Floats:
    """A picture H × W × C in the size `new_dims` (H', W'), float32.

    `interp_order` is 0 (nearest), 1 (linear) or, for 1 and 3 channels, 3 (cubic).
    """
    sizes = tuple(int(size) for size in new_dims)
    if im.shape[-1] not in (1, 3):
        zoomed: Floats = resize.zoom(im, sizes, interp_order).astype(np.float32)
        return zoomed
    low, high = im.min(), im.max()
    if not high > low:
        return np.full((*sizes, im.shape[-1]), low, np.float32)
    resized = resize.resize((im - low) / (high - low), sizes, interp_order)
    result: Floats = (resized * (high - low) + low).astype(np.float32)
    return result


def oversample(images: Sequence[Array] | Array, crop_dims: Sequence[int] | Array) -> Floats:
    """Ten crops of each picture: four corners and the middle, then the same mirrored.

    The pictures are H × W × C of one size; the result is (10 N) × H' × W' × C.
    """
    first = np.asarray(images[0])
    (height, width), (rows, columns) = first.shape[:2], (int(crop_dims[0]), int(crop_dims[1]))
    middle = (height / 2 - rows / 2, width / 2 - columns / 2)
    corners = [(y, x) for y in (0, height - rows) for x in (0, width - columns)]
    crops = []
    for image in images:
        parts = []
        for y, x in [*corners, (int(middle[0]), int(middle[1]))]:
            parts.append(np.asarray(image)[y : y + rows, x : x + columns, :])
        crops += [*parts, *(part[:, ::-1, :] for part in parts)]
    return np.stack(crops).astype(np.float32)
