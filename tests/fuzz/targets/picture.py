"""Picture files, as `predict` and as data layers read them."""

from __future__ import annotations

import functools
import io
from pathlib import Path

from caffe_mnist.datasets.picture import check_pictures, read_picture
from caffe_mnist.engine.data import pictures
from tests.fuzz.targets import each


@functools.cache
def seeds() -> list[bytes]:
    """The usual formats, and PNGs of every kind of pixels."""
    from PIL import Image

    found = []
    image = Image.linear_gradient("L").resize((7, 5))
    for form, mode in (
        ("PNG", "L"), ("PNG", "RGBA"), ("PNG", "P"), ("PNG", "I;16"), ("PNG", "1"), ("JPEG", "RGB"),
        ("BMP", "RGB"), ("GIF", "P"), ("PPM", "RGB"), ("TIFF", "RGB"), ("WEBP", "RGB"),
    ):  # fmt: skip
        content = io.BytesIO()
        image.convert(mode).save(content, form)
        found.append(content.getvalue())
    return found


def run(data: bytes) -> None:
    """Its head, and its pixels in gray and in colour."""
    Path("picture").write_bytes(data)
    each(
        lambda: check_pictures(["picture"]),
        lambda: read_picture("picture", 1, 4, 4),
        lambda: read_picture("picture", 3, 4, 4, True),
        lambda: pictures.read_picture("picture", True, 4, 4),
        lambda: pictures.decode_picture(data, None, "picture"),
    )
