"""Picture files as convert_imageset reads them: OpenCV's pixels, its turns, its resizing.

What OpenCV 4.5 (which Caffe's last package is built with) and later releases do differently is
done as in the former: a turn noted in PNG and WebP files is not followed, and an animated PNG
gives the still picture that other programs show.
"""

from __future__ import annotations

import os
import stat
import struct
from typing import Any, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from caffe_mnist.datasets.pictures.header import MOST_PIXELS, BrokenPictureError, Header
from caffe_mnist.datasets.pictures.listing import Decoding

Bytes = npt.NDArray[np.uint8]

LARGEST_FILE = 2**29
NO_MEMORY = -4  # StsNoMem

# What an encoded record of a picture whose name does not tell is encoded as.
EXTENSIONS = {"JPEG": "jpg", "PNG": "png", "WebP": "webp", "TIFF": "tiff", "BMP": "bmp"}
# Kinds whose turns are followed, and that one whose gray form OpenCV does not make.
TURNED, COLOUR_ONLY = {"JPEG", "TIFF"}, {"HDR"}


class Picture(NamedTuple):
    """One picture: `pixels` H × W × 3 (B, G, R) or H × W, resized, and its sides before that.

    `encoded` are the bytes of a record that holds a file instead of pixels.
    """

    pixels: Bytes
    height: int
    width: int
    encoded: bytes | None = None

    @property
    def channels(self) -> int:
        """1 or 3."""
        return 1 if self.pixels.ndim == 2 else int(self.pixels.shape[2])


def read_file(path: str) -> bytes:
    """The content of a file; raises BrokenPictureError for what cannot be read or is no file."""
    try:
        # Opening a named pipe would wait for its writer.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            status = os.fstat(descriptor)
            if stat.S_ISDIR(status.st_mode):
                raise BrokenPictureError("a folder")
            if not stat.S_ISREG(status.st_mode):
                raise BrokenPictureError("no regular file")
            if status.st_size > LARGEST_FILE:
                raise BrokenPictureError(f"too large: {status.st_size} bytes")
            return _all(descriptor, status.st_size)
        finally:
            os.close(descriptor)
    except FileNotFoundError:
        raise BrokenPictureError(_missing(path)) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise BrokenPictureError(f"cannot be read: {reason}") from None


def _missing(path: str) -> str:
    """What to say of a file that is not there; a list's whole path behind a root is a slip."""
    whole = path[path.rfind("//") + 1 :]
    if whole != path and whole.startswith("/") and os.path.isfile(whole):
        return "there is no such file below the root folder, only one of this whole path (root: /)"
    return "there is no such file"


def read_picture(content: bytes, header: Header, name: str, decoding: Decoding) -> Picture:
    """The picture in a file's bytes; `name` tells as what kind a record encodes it.

    Raises BrokenPictureError, and MemoryError where a large picture finds no room.
    """
    kind = header.kind
    flag = cv2.IMREAD_COLOR
    if decoding.gray and kind not in COLOUR_ONLY:
        flag = cv2.IMREAD_GRAYSCALE
    if kind not in TURNED:
        flag |= cv2.IMREAD_IGNORE_ORIENTATION
    pixels = _decode(_still(content) if kind == "PNG" else content, flag, kind)
    height, width = pixels.shape[:2]
    size = _new_size(height, width, decoding)
    if size:
        pixels = _resized(pixels, size)
    if not (decoding.encoded or decoding.encode_type):
        return Picture(pixels, height, width)
    return Picture(pixels, height, width, _encoded(content, name, pixels, kind, decoding))


def pixels_of(encoded: bytes) -> Bytes | None:
    """The pixels that readers of an encoded record see: H × W × C, or H × W.

    None where they are no bytes, as those of a 16-bit PNG: Caffe's tools end there.
    """
    pixels = _imdecode(encoded, cv2.IMREAD_UNCHANGED)
    return None if pixels is None or pixels.dtype != np.uint8 else np.asarray(pixels)


def _all(descriptor: int, size: int) -> bytes:
    content = os.read(descriptor, size + 1)
    while len(content) < size:  # some file systems give less at once
        more = os.read(descriptor, size - len(content))
        if not more:
            break
        content += more
    return content


def _decode(content: bytes, flag: int, kind: str) -> Bytes:
    pixels = _imdecode(content, flag)
    if pixels is None or pixels.dtype != np.uint8:
        raise BrokenPictureError(f"a broken {kind}")
    return np.asarray(pixels)


def _imdecode(content: bytes, flag: int) -> Any:
    """OpenCV's array, or None."""
    try:
        return cv2.imdecode(np.frombuffer(content, np.uint8), flag)
    except cv2.error as error:
        if error.code == NO_MEMORY:
            raise MemoryError from None
        return None


def _still(content: bytes) -> bytes:
    """A PNG without the chunks of an animation, of which Caffe's OpenCV knows nothing."""
    if b"acTL" not in content:
        return content
    parts, at = [content[:8]], 8
    while at + 8 <= len(content):
        end = at + 12 + int(struct.unpack_from(">I", content, at)[0])
        if content[at + 4 : at + 8] not in (b"acTL", b"fcTL", b"fdAT"):
            parts.append(content[at:end])
        at = end
    return b"".join(parts)


def _new_size(height: int, width: int, decoding: Decoding) -> tuple[int, int] | None:
    """Width and height after resizing; as in convert_imageset both must be wanted."""
    if decoding.height and decoding.width:
        return decoding.width, decoding.height
    side = decoding.shorter_side
    if not side or side == min(height, width):
        return None
    if height <= width:
        return max(1, int(width * side / height + 0.5)), side
    return side, max(1, int(height * side / width + 0.5))


def _resized(pixels: Bytes, size: tuple[int, int]) -> Bytes:
    if size[0] * size[1] > MOST_PIXELS:
        raise BrokenPictureError(f"too large: {size[0]} x {size[1]} pixels after resizing")
    return np.asarray(cv2.resize(pixels, size), np.uint8)


def _encoded(content: bytes, name: str, pixels: Bytes, kind: str, decoding: Decoding) -> bytes:
    """The file's own bytes if nothing is to change, else the pixels encoded anew.

    Without a type the name's extension tells it; where that is none that can be written (and
    convert_imageset ends), the kind of the picture does.
    """
    wanted = (decoding.encode_type or _extension(name)).lower()
    changed = decoding.height or decoding.width or decoding.shorter_side
    as_wanted = (pixels.ndim == 3) != decoding.gray
    if not changed and as_wanted and (not wanted or _matches(_extension(name), wanted)):
        return content
    if not wanted or not cv2.haveImageWriter(f".{wanted}"):
        wanted = EXTENSIONS.get(kind, "png")
    try:
        done, encoded = cv2.imencode(f".{wanted}", pixels)
    except cv2.error:
        done = False
    if not done:
        raise BrokenPictureError(f"cannot be encoded as {wanted}")
    return encoded.tobytes()


def _extension(path: str) -> str:
    return os.path.splitext(path)[1][1:].lower()


def _matches(extension: str, wanted: str) -> bool:
    return extension == wanted or (extension == "jpeg" and wanted == "jpg")
