"""A picture file brought to what a net takes."""

from __future__ import annotations

import os
import warnings
from typing import Any

from caffe_mnist.errors import CaffeMnistError

LARGEST_FILE = 64 * 2**20
MOST_PIXELS = 50_000_000


def read_picture(
    path: str | os.PathLike[str], channels: int, height: int, width: int, invert: bool = False
) -> Any:
    """The picture of `path` as uint8 of `channels` × `height` × `width` (colour as B, G, R).

    EXIF turns are followed; transparent parts become black (white with `invert`, which makes
    black on white into white on black). A picture of another shape keeps its proportions: it is
    fitted into the net's input and the rest is black. Raises CaffeMnistError for what is no
    picture, a broken one, or one too large to be honest.
    """
    import numpy as np

    image = _open(path)
    mode = "L" if channels == 1 else "RGB"
    if channels not in (1, 3):
        raise CaffeMnistError(f"the net takes {channels} channels, not a picture", where=path)
    image = _flat(image, 255 if invert else 0).convert(mode)
    values = np.asarray(_fit(image, height, width, 255 if invert else 0), np.uint8)
    if invert:
        values = 255 - values
    if channels == 1:
        return values[None]
    return values.transpose(2, 0, 1)[::-1].copy()


def _open(path: str | os.PathLike[str]) -> Any:
    try:
        from PIL import Image, ImageOps
    except ImportError:
        raise CaffeMnistError(
            "reading pictures needs Pillow", hint="pip install 'caffe-mnist[images]'"
        ) from None
    try:
        size = os.stat(path).st_size
    except OSError as error:
        raise CaffeMnistError(f"cannot read: {error.strerror}", where=path) from None
    if not size:
        raise CaffeMnistError("is an empty file, no picture", where=path)
    if size > LARGEST_FILE:
        raise CaffeMnistError(f"{size} bytes are too many for a picture", where=path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            image = Image.open(path)
            if image.width * image.height > MOST_PIXELS:
                raise CaffeMnistError(
                    f"{image.width} × {image.height} pixels are too many", where=path
                )
            image.load()
            return ImageOps.exif_transpose(image)
    except (Image.DecompressionBombError, MemoryError):
        raise CaffeMnistError("has too many pixels", where=path) from None
    except CaffeMnistError:
        raise
    except Exception as error:  # decoders raise what they like for broken files
        text = " ".join(str(error).split()) or type(error).__name__
        if "cannot identify image file" in text:
            text = "is no picture that can be read"
        else:
            text = f"is a broken picture: {text}"
        raise CaffeMnistError(text, where=path) from None


def _flat(image: Any, ground: int) -> Any:
    """Without transparency, and with 16-bit gray brought to 8 bits."""
    from PIL import Image

    if image.mode.startswith("I") or image.mode == "F":
        high = image.getextrema()[1]
        scale = 255 / 65535 if high > 255 else 1.0
        return image.convert("F").point(lambda value: value * scale).convert("L")
    if image.mode in ("LA", "RGBA", "PA") or "transparency" in image.info:
        image = image.convert("RGBA")
        flat = Image.new("RGBA", image.size, (ground, ground, ground, 255))
        return Image.alpha_composite(flat, image)
    return image


def _fit(image: Any, height: int, width: int, ground: int) -> Any:
    """Scaled as a whole into `width` × `height`, centred on `ground`."""
    from PIL import Image

    if image.size == (width, height):
        return image
    scale = min(width / image.width, height / image.height)
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    small = image.resize(size, Image.Resampling.LANCZOS)
    colour = ground if image.mode == "L" else (ground,) * 3
    result = Image.new(image.mode, (width, height), colour)
    result.paste(small, ((width - size[0]) // 2, (height - size[1]) // 2))
    return result
