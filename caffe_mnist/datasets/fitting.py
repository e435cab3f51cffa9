"""A decoded picture brought to the bytes that a net takes: flat, gray or colour, of its size.

`customize_service.py` of a package is made of the functions below (service/template.py), so
that a picture becomes the same bytes on the platform as here. They therefore keep to what
Python 2.7, Pillow and NumPy have, and use nothing of this module but each other.
"""

from __future__ import annotations

from typing import Any

# How a picture of another size becomes one of H × W: as a whole, its proportions kept and the
# rest filled with the colour of its border; or stretched, as convert_imageset and ImageData do;
# or with its shorter side brought to the size and the middle cut out.
WHOLE, STRETCH, SHORTER_SIDE = "whole", "stretch", "shorter side"


def fitted(image: Any, shape: Any, resize: str, invert: bool) -> Any:
    """A Pillow image as uint8 of `shape`, C × H × W (colour as B, G, R).

    EXIF turns are followed. Transparent parts become white where the picture is dark and with
    `invert` (which makes black on white into white on black), else black.
    """
    import numpy as np
    from PIL import ImageOps

    image.load()
    if hasattr(ImageOps, "exif_transpose"):
        image = ImageOps.exif_transpose(image)
    image = flat(image, invert).convert("L" if shape[0] == 1 else "RGB")
    values = np.asarray(sized(image, shape[1], shape[2], resize), np.uint8)
    if invert:
        values = 255 - values
    if shape[0] == 1:
        return values[None]
    return values.transpose(2, 0, 1)[::-1].copy()


def flat(image: Any, invert: bool) -> Any:
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
        ground = 255 if invert or is_dark(image) else 0
        below = Image.new("RGBA", image.size, (ground, ground, ground, 255))
        return Image.alpha_composite(below, image)
    return image


def is_dark(image: Any) -> bool:
    """Whether what is not transparent in an RGBA picture is dark."""
    import numpy as np

    small = image.copy()
    small.thumbnail((256, 256))
    gray, alpha = small.convert("RGB").convert("L"), small.split()[3]
    weights = np.asarray(alpha, np.float64)
    return bool((np.asarray(gray) * weights).sum() < 127.5 * weights.sum())


def sized(image: Any, height: int, width: int, resize: str) -> Any:
    """The picture in `width` × `height`, in one of the three ways."""
    import numpy as np
    from PIL import Image

    if image.size == (width, height):
        return image
    if resize == "stretch":
        return image.resize((width, height), Image.LANCZOS)  # type: ignore[attr-defined]
    ratios = (width / image.size[0], height / image.size[1])
    scale = max(ratios) if resize == "shorter side" else min(ratios)
    size = tuple(max(1, int(side * scale + 0.5)) for side in image.size)
    small = image.resize(size, Image.LANCZOS)  # type: ignore[attr-defined]
    left, top = (size[0] - width) // 2, (size[1] - height) // 2
    if resize == "shorter side":
        return small.crop((left, top, left + width, top + height))
    if size == (width, height):
        return small
    colour = np.median(border(np.asarray(small)), axis=0).astype(int).tolist()
    ground = colour if isinstance(colour, int) else tuple(colour)
    result = Image.new(image.mode, (width, height), ground)
    result.paste(small, ((width - size[0]) // 2, (height - size[1]) // 2))
    return result


def border(pixels: Any) -> Any:
    """The outermost pixels of H × W (× C) in one row."""
    import numpy as np

    return np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
