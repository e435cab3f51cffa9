"""A picture file brought to what a net takes."""

from __future__ import annotations

import contextlib
import os
import stat
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

from caffe_mnist.datasets.fitting import WHOLE, border, fitted
from caffe_mnist.errors import CaffeMnistError, ManyFaultsError

LARGEST_FILE = 64 * 2**20
MOST_PIXELS = 50_000_000
# What strangers may send: no format whose decoder starts other programs (EPS) or reads other files.
SAFE_FORMATS = ("PNG", "JPEG", "BMP", "GIF", "WEBP", "TIFF", "PPM")


class PictureError(CaffeMnistError):
    """A file that is no picture, or a broken one."""


def check_pictures(paths: Sequence[str | os.PathLike[str]]) -> None:
    """Look at the heads of picture files; raises ManyFaultsError naming each that is none."""
    faults = []
    for path in paths:
        try:
            with _head(path):
                pass
        except CaffeMnistError as error:
            if not isinstance(error, PictureError):
                raise
            faults += error.faults
    if faults:
        raise ManyFaultsError(faults)


def read_picture(
    path: str | os.PathLike[str],
    channels: int,
    height: int,
    width: int,
    invert: bool = False,
    resize: str = WHOLE,
) -> Any:
    """The picture of `path` as uint8 of `channels` × `height` × `width` (colour as B, G, R).

    How it gets there, and what `invert` and `resize` do, stands in `fitting`. Raises
    PictureError for what is no picture, a broken one, or one too large to be honest.
    """
    _check_channels(channels, path)
    with _head(path) as image:
        return _values(image, path, (channels, height, width), invert, resize)


def picture_of_bytes(
    content: bytes,
    channels: int,
    height: int,
    width: int,
    invert: bool = False,
    most_pixels: int = MOST_PIXELS,
    resize: str = WHOLE,
) -> Any:
    """The same for the content of a picture file, of a format that may come from strangers."""
    import io

    _check_channels(channels, None)
    if not content:
        raise PictureError("the picture is empty")
    with _image(io.BytesIO(content), "the picture", most_pixels, SAFE_FORMATS) as image:
        return _values(image, "the picture", (channels, height, width), invert, resize)


def _check_channels(channels: int, where: object) -> None:
    if channels not in (1, 3):
        raise CaffeMnistError(f"the net takes {channels} channels, not a picture", where=where)


def _values(
    image: Any, where: object, shape: tuple[int, int, int], invert: bool, resize: str
) -> Any:
    """The picture of an open file as uint8 of `shape`."""
    with _decoding(where):
        image.load()
    return fitted(image, shape, resize, invert)


def is_light(picture: Any) -> bool:
    """Whether the border of a C × H × W picture is light, as of black on white."""
    import numpy as np

    return bool(np.median(border(picture[0])) > 127)


def _head(path: str | os.PathLike[str]) -> Any:
    """The picture of a file, its pixels not yet decoded."""
    try:
        status = os.stat(path)
    except OSError as error:
        raise PictureError(f"cannot read: {error.strerror}", where=path) from None
    if not stat.S_ISREG(status.st_mode):
        raise PictureError("is no file", where=path)
    if not status.st_size:
        raise PictureError("is an empty file, no picture", where=path)
    if status.st_size > LARGEST_FILE:
        raise PictureError(f"{status.st_size} bytes are too many for a picture", where=path)
    return _image(path, path, MOST_PIXELS)


def _image(
    file: Any, where: object, most_pixels: int, formats: tuple[str, ...] | None = None
) -> Any:
    """The picture of a file or path, its pixels not yet decoded."""
    try:
        from PIL import Image
    except ImportError:
        raise CaffeMnistError(
            "reading pictures needs Pillow", hint="pip install 'caffe-mnist[images]'"
        ) from None
    with _decoding(where):
        image = Image.open(file, formats=formats)
    if image.width * image.height > most_pixels:
        image.close()
        raise PictureError(f"{image.width} × {image.height} pixels are too many", where=where)
    return image


@contextlib.contextmanager
def _decoding(path: object) -> Iterator[None]:
    """Whatever decoders raise for broken files, as a PictureError."""
    from PIL import Image, UnidentifiedImageError

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except (Image.DecompressionBombError, MemoryError):
        raise PictureError("has too many pixels", where=path) from None
    except UnidentifiedImageError:
        raise PictureError("is no picture that can be read", where=path) from None
    except PermissionError as error:
        raise PictureError(f"cannot read: {error.strerror}", where=path) from None
    except Exception as error:  # decoders raise what they like
        text = " ".join(str(error).split()) or type(error).__name__
        raise PictureError(f"is a broken picture: {text}", where=path) from None
