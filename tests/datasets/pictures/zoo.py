"""Picture files of every kind that a converter meets, whole and broken, by name."""

from __future__ import annotations

import io
import os
import struct
import zlib
from functools import lru_cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

HEIGHT, WIDTH = 73, 97


def write_zoo(folder: Path) -> None:
    """All of the pictures, and what is no file."""
    for name, content in {**whole(), **broken()}.items():
        (folder / name).write_bytes(content)
    (folder / "folder.jpg").mkdir()
    (folder / "loop.jpg").symlink_to("loop.jpg")
    os.mkfifo(folder / "pipe.jpg")


def photograph(seed: int = 1, height: int = HEIGHT, width: int = WIDTH) -> npt.NDArray[np.uint8]:
    """Something like a photograph: blots of all sizes and a little noise, B, G, R."""
    random = np.random.default_rng(seed)
    pixels = np.full((height, width, 3), 128, np.float32)
    for blots in (3, 9, 30):
        coarse = random.normal(0, 60 / blots**0.3, (blots, blots * width // height, 3))
        pixels += cv2.resize(
            coarse.astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC
        )
    pixels += random.normal(0, 4, pixels.shape)
    return np.clip(pixels, 0, 255).astype(np.uint8)


@lru_cache(1)
def whole() -> dict[str, bytes]:
    """Files that convert_imageset reads."""
    pixels = photograph()
    deep = (pixels.astype(np.uint16) << 8) + np.uint16(130)
    picture = Image.fromarray(pixels[:, :, ::-1])
    gray = picture.convert("L")
    clear = picture.convert("RGBA")
    clear.putalpha(Image.fromarray(np.tile(np.arange(WIDTH, dtype=np.uint8) * 2, (HEIGHT, 1))))
    others = [picture.transpose(Image.Transpose.ROTATE_180)]
    found = {
        "jpeg420.jpg": _file(picture, "JPEG", subsampling=2),
        "jpeg422.jpg": _file(picture, "JPEG", subsampling=1),
        "jpeg444.jpg": _file(picture, "JPEG", subsampling=0),
        "progressive.jpg": _file(picture, "JPEG", progressive=True),
        "gray.jpg": _file(gray, "JPEG"),
        "cmyk.jpg": _file(picture.convert("CMYK"), "JPEG"),
        "rgb.jpg": _file(picture, "JPEG", keep_rgb=True),
        "trailer.jpg": _file(picture, "JPEG") + b"more" * 99,
        "UPPER.JPEG": _file(picture, "JPEG"),
        "no_extension": _file(picture, "JPEG"),
        "a jpeg.png": _file(picture, "JPEG"),
        "png.jpg": _file(picture, "PNG"),
        "rgb.png": _file(picture, "PNG"),
        "gray.png": _file(gray, "PNG"),
        "bits.png": _file(picture.convert("1"), "PNG"),
        "palette.png": _file(picture.quantize(99), "PNG"),
        "clear_palette.png": _file(picture.quantize(16), "PNG", transparency=3),
        "alpha.png": _file(clear, "PNG"),
        "gray_alpha.png": _file(clear.convert("LA"), "PNG"),
        "deep.png": _encoded(".png", deep),
        "deep_gray.png": _encoded(".png", deep[:, :, 0]),
        "deep_alpha.png": _encoded(".png", np.dstack([deep, deep[:, :, 1]])),
        "animated.png": _file(picture, "PNG", save_all=True, append_images=others),
        "animated_too.png": _file(
            picture, "PNG", save_all=True, append_images=others * 2, default_image=True
        ),
        "rgb.bmp": _file(picture, "BMP"),
        "gray.bmp": _file(gray, "BMP"),
        "alpha.bmp": _file(clear, "BMP"),
        "palette.bmp": _file(picture.quantize(16), "BMP"),
        "lossy.webp": _file(picture, "WEBP"),
        "lossless.webp": _file(picture, "WEBP", lossless=True),
        "alpha.webp": _file(clear, "WEBP"),
        "alpha_lossless.webp": _file(clear, "WEBP", lossless=True),
        "rgb.tif": _file(picture, "TIFF"),
        "lzw.tif": _file(picture, "TIFF", compression="tiff_lzw"),
        "cmyk.tif": _file(picture.convert("CMYK"), "TIFF"),
        "alpha.tif": _file(clear, "TIFF"),
        "deep.tif": _encoded(".tiff", deep),
        "pages.tif": _file(picture, "TIFF", save_all=True, append_images=others),
        "rgb.ppm": _file(picture, "PPM"),
        "gray.pgm": _file(gray, "PPM"),
        "bits.pbm": _file(picture.convert("1"), "PPM"),
        "deep.ppm": _encoded(".ppm", deep),
        "sun.ras": _encoded(".ras", pixels),
        "one.png": _file(picture.resize((1, 1)), "PNG"),
        "row.jpg": _file(picture.resize((50, 1)), "JPEG"),
    }
    for turn in range(1, 9):
        exif = Image.Exif()
        exif[274] = turn
        found[f"turn{turn}.jpg"] = _file(picture, "JPEG", exif=exif)
        if turn in (3, 6):
            found[f"turn{turn}.png"] = _file(picture, "PNG", exif=exif)
            found[f"turn{turn}.webp"] = _file(picture, "WEBP", exif=exif)
            found[f"turn{turn}.tif"] = _file(picture, "TIFF", tiffinfo={274: turn})
    return found


@lru_cache(1)
def broken() -> dict[str, bytes]:
    """Files that become no record. Of the JPEGs cut short convert_imageset makes one."""
    pixels = photograph()
    picture = Image.fromarray(pixels[:, :, ::-1])
    others = [picture.transpose(Image.Transpose.ROTATE_180)]
    jpeg, png = _file(picture, "JPEG"), _file(picture, "PNG")
    bomb = bytearray(jpeg)
    at = bomb.index(b"\xff\xc0")
    bomb[at + 5 : at + 9] = struct.pack(">HH", 65000, 65000)
    damaged = bytearray(png)
    damaged[len(png) // 2] ^= 0xFF
    return {
        "empty.jpg": b"",
        "text.jpg": b"no picture at all\n" * 9,
        "noise.png": np.random.default_rng(2).bytes(999),
        "half.jpg": jpeg[: len(jpeg) // 2],
        "half_progressive.jpg": _file(picture, "JPEG", progressive=True)[:-1500],
        "head.jpg": jpeg[:100],
        "half.png": png[: len(png) // 2],
        "no_end.png": png[:-12],
        "damaged.png": bytes(damaged),
        "half.bmp": _file(picture, "BMP")[:9999],
        "half.webp": _file(picture, "WEBP")[:600],
        "half.tif": _file(picture, "TIFF")[:9999],
        "half.ppm": _file(picture, "PPM")[:9999],
        "bomb.jpg": bytes(bomb),
        "bomb.png": _png(30000, 30000),
        "endless.png": _png(2**31 - 1, 2**31 - 1),
        "nothing.png": _png(0, 9),
        "still.gif": _file(picture, "GIF"),
        "animated.gif": _file(picture, "GIF", save_all=True, append_images=others),
        "animated.webp": _file(picture, "WEBP", save_all=True, append_images=others),
    }


# convert_imageset makes records of these, the missing part gray; we say that they are broken.
CUT_SHORT = {"half.jpg", "half_progressive.jpg"}
# It ends on these.
ENDS_CAFFE = {"bomb.jpg"}


def _file(picture: Image.Image, kind: str, **options: Any) -> bytes:
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def _encoded(extension: str, pixels: npt.NDArray[Any]) -> bytes:
    return bytes(cv2.imencode(extension, pixels)[1])


def _png(width: int, height: int) -> bytes:
    """A PNG whose header promises more than its few bytes hold."""
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(bytes(1000))), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in chunks
    )
