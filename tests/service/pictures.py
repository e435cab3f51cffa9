"""Pictures for the service's tests: digits, and what is sent by mistake or malice."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
from PIL import Image

from caffe_mnist.datasets import digits


def digit_picture(number: int, size: int = 28, kind: str = "PNG") -> bytes:
    """A generated digit (white on black) as a picture file."""
    images, labels = digits.draw(0, 200, seed=5)
    index = int(np.flatnonzero(np.asarray(labels) == number)[0])
    picture = Image.fromarray(np.asarray(images[index], np.uint8).reshape(28, 28))
    return encoded(picture.resize((size, size)), kind)


def encoded(picture: Image.Image, kind: str = "PNG") -> bytes:
    """A picture as a file of `kind`."""
    file = io.BytesIO()
    picture.save(file, kind)
    return file.getvalue()


def huge_png(width: int = 60000, height: int = 60000) -> bytes:
    """A few bytes that promise billions of pixels."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        code = struct.pack(">I", zlib.crc32(kind + content))
        return struct.pack(">I", len(content)) + kind + content + code

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    )  # fmt: skip


def hostile() -> dict[str, bytes]:
    """By name: what is no picture that can be recognised."""
    good = digit_picture(3)
    noise = np.random.default_rng(1).integers(0, 256, 3000, np.uint8).tobytes()
    return {
        "empty": b"",
        "text": b"this is no picture",
        "noise": noise,
        "cut": good[: len(good) // 2],
        "head": good[:20],
        "bomb": huge_png(),
        "wide": huge_png(2**31 - 1, 1),
        "svg": b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>',
        "zip": b"PK\x03\x04" + noise,
        "tiff": b"II*\x00\x08\x00\x00\x00" + b"\xff" * 200,
        "eps": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\nshowpage\n",
    }
