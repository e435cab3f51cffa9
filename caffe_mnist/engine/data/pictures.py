"""Picture files and encoded records as arrays, by OpenCV as in Caffe (so the same pixels).

OpenCV is the optional extra `images`, imported when the first picture is read.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from caffe_mnist.datasets.pictures.header import MOST_PIXELS, BrokenPictureError, check_size
from caffe_mnist.errors import CaffeMnistError

Bytes = npt.NDArray[np.uint8]


LIMIT = "OPENCV_IO_MAX_IMAGE_PIXELS"


def read_picture(
    path: str | os.PathLike[str], colour: bool = True, height: int = 0, width: int = 0
) -> Bytes:
    """The picture of a file as C × H × W (B, G, R, or one channel of grey).

    Resized to `height` × `width` if these are given. Raises CaffeMnistError if it cannot be read.
    """
    opencv = load_opencv(path)
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise CaffeMnistError(f"cannot read: {error.strerror}", where=path) from None
    flag = opencv.IMREAD_COLOR if colour else opencv.IMREAD_GRAYSCALE
    picture = _decode(opencv, content, flag, path)
    if picture is None:
        raise CaffeMnistError("no picture that OpenCV can read", where=path)
    if height and width:
        picture = opencv.resize(picture, (width, height))
    return channels_first(picture)


def decode_picture(content: bytes, colour: bool | None, where: object) -> Bytes:
    """An encoded picture as C × H × W; with `colour` None, with the channels that it has."""
    opencv = load_opencv(where)
    flag = {None: opencv.IMREAD_UNCHANGED, True: opencv.IMREAD_COLOR}.get(
        colour, opencv.IMREAD_GRAYSCALE
    )
    picture = _decode(opencv, content, flag, where)
    if picture is None or picture.dtype != np.uint8:
        raise CaffeMnistError("an encoded picture that OpenCV cannot read as bytes", where=where)
    return channels_first(picture)


def channels_first(picture: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """OpenCV's H × W × C, or H × W, as C × H × W."""
    return picture[None] if picture.ndim == 2 else picture.transpose(2, 0, 1)


def load_opencv(where: object) -> Any:
    """The library; raises CaffeMnistError where it is not installed."""
    # Read when the library is loaded: what a picture may claim, at three bytes a pixel. Programs
    # that are started from here are to decide for themselves.
    limited = LIMIT in os.environ or "cv2" in sys.modules
    if not limited:
        os.environ[LIMIT] = str(MOST_PIXELS)
    try:
        import cv2
    except ImportError:
        raise CaffeMnistError(
            "reading pictures needs OpenCV", where=where, hint="pip install 'caffe-mnist[images]'"
        ) from None
    finally:
        if not limited:
            del os.environ[LIMIT]
    return cv2


def _decode(opencv: Any, content: bytes, flag: int, where: object) -> Any:
    """The decoded picture, or None; raises CaffeMnistError for one too large to be honest."""
    if not content:
        return None
    try:
        check_size(content)
        return opencv.imdecode(np.frombuffer(content, np.uint8), flag)
    except BrokenPictureError as error:
        raise CaffeMnistError(str(error), where=where) from None
    except (opencv.error, MemoryError):
        return None
