"""A picture file brought to what a net takes."""

from __future__ import annotations

import contextlib
import os
import stat
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

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
    path: str | os.PathLike[str], channels: int, height: int, width: int, invert: bool = False
) -> Any:
    """The picture of `path` as uint8 of `channels` × `height` × `width` (colour as B, G, R).

    EXIF turns are followed. Transparent parts become white where the picture is dark and with
    `invert` (which makes black on white into white on black), else black. A picture of another
    shape keeps its proportions: it is fitted into the net's input, and the rest takes the
    colour of its border. Raises PictureError for what is no picture, a broken one, or one too
    large to be honest.
    """
    _check_channels(channels, path)
    with _head(path) as image:
        return _values(image, path, (channels, height, width), invert)


def picture_of_bytes(
    content: bytes,
    channels: int,
    height: int,
    width: int,
    invert: bool = False,
    most_pixels: int = MOST_PIXELS,
) -> Any:
    """The same for the content of a picture file, of a format that may come from strangers."""
    import io

    _check_channels(channels, None)
    if not content:
        raise PictureError("the picture is empty")
    with _image(io.BytesIO(content), "the picture", most_pixels, SAFE_FORMATS) as image:
        return _values(image, "the picture", (channels, height, width), invert)


def _check_channels(channels: int, where: object) -> None:
    if channels not in (1, 3):
        raise CaffeMnistError(f"the net takes {channels} channels, not a picture", where=where)


def _values(image: Any, where: object, shape: tuple[int, int, int], invert: bool) -> Any:
    """The decoded picture as uint8 of `shape`."""
    import numpy as np
    from PIL import ImageOps

    with _decoding(where):
        image.load()
        turned = ImageOps.exif_transpose(image)
    flat = _flat(turned, invert).convert("L" if shape[0] == 1 else "RGB")
    values = np.asarray(_fit(flat, *shape[1:]), np.uint8)
    if invert:
        values = 255 - values
    if shape[0] == 1:
        return values[None]
    return values.transpose(2, 0, 1)[::-1].copy()


def is_light(picture: Any) -> bool:
    """Whether the border of a C × H × W picture is light, as of black on white."""
    import numpy as np

    return bool(np.median(_border(picture[0])) > 127)


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


def _flat(image: Any, invert: bool) -> Any:
    """Without transparency; gray of 16 bits, or of numbers from 0 to 1, brought to 8 bits."""
    from PIL import Image

    if image.mode.startswith("I") or image.mode == "F":
        high = image.getextrema()[1]
        scale = 255 / 65535 if high > 255 else 1.0
        if image.mode == "F" and high <= 1:
            scale = 255.0
        return image.convert("F").point(lambda value: value * scale).convert("L")
    if image.mode in ("LA", "RGBA", "PA", "La", "RGBa") or "transparency" in image.info:
        image = image.convert("RGBA")
        ground = 255 if invert or _is_dark(image) else 0
        flat = Image.new("RGBA", image.size, (ground, ground, ground, 255))
        return Image.alpha_composite(flat, image)
    return image


def _is_dark(image: Any) -> bool:
    """Whether what is not transparent in an RGBA picture is dark."""
    import numpy as np

    small = image.copy()
    small.thumbnail((256, 256))
    gray, alpha = small.convert("RGB").convert("L"), small.getchannel("A")
    weights = np.asarray(alpha, np.float64)
    return bool((np.asarray(gray) * weights).sum() < 127.5 * weights.sum())


def _fit(image: Any, height: int, width: int) -> Any:
    """Scaled as a whole into `width` × `height`, centred on the colour of its border."""
    import numpy as np
    from PIL import Image

    if image.size == (width, height):
        return image
    scale = min(width / image.width, height / image.height)
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    small = image.resize(size, Image.Resampling.LANCZOS)
    if size == (width, height):
        return small
    colour = np.median(_border(np.asarray(small)), axis=0).astype(int).tolist()
    ground = colour if isinstance(colour, int) else tuple(colour)
    result = Image.new(image.mode, (width, height), ground)
    result.paste(small, ((width - size[0]) // 2, (height - size[1]) // 2))
    return result


def _border(pixels: Any) -> Any:
    """The outermost pixels of H × W (× C) in one row."""
    import numpy as np

    return np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
