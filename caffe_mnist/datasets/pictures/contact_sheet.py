"""A few pictures of each class on one sheet (`contact_sheet.png`): wrong labels are seen at once.

The files are shown as they are, turned as cameras note it, before any resizing.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from caffe_mnist.datasets.pictures.listing import Entry, Listing
from caffe_mnist.datasets.pictures.report import Made
from caffe_mnist.datasets.pictures.skipped import printable
from caffe_mnist.errors import CaffeMnistError
from caffe_mnist.files import replacing

SIDE, GAP, LINE, MARGIN = 96, 4, 20, 12
# Up to so many classes get so many pictures each, in so many columns.
LAYOUTS = ((12, 8, 1), (40, 4, 2), (120, 3, 3), (400, 1, 10))
MOST_CLASSES = LAYOUTS[-1][0]
MOST_PIXELS = 50_000_000
# Fonts with Chinese letters first; the last ones are nearly everywhere.
FONTS = (
    "NotoSansCJK-Regular.ttc", "NotoSansSC-Regular.otf", "SourceHanSansCN-Regular.otf",
    "wqy-microhei.ttc", "wqy-zenhei.ttc", "DroidSansFallbackFull.ttf", "DroidSansFallback.ttf",
    "PingFang.ttc", "simhei.ttf", "msyh.ttc", "DejaVuSans.ttf", "Arial.ttf",
)  # fmt: skip


def write_contact_sheet(path: str | os.PathLike[str], made: Made) -> None:
    """Draw the sheet as PNG; raises CaffeMnistError where Pillow is missing."""
    try:
        from PIL import Image, ImageDraw
    except ImportError:
        raise CaffeMnistError(
            "the contact sheet needs Pillow", hint="pip install 'caffe-mnist[images]'"
        ) from None
    labels = [label for label in made.labels() if _count(made, label)]
    shown = labels[:MOST_CLASSES]
    _, each, columns = next(one for one in LAYOUTS if len(shown) <= one[0])
    width = each * (SIDE + GAP) + MARGIN
    height = LINE + SIDE + MARGIN
    rows = -(-len(shown) // columns)
    size = (columns * width + MARGIN, rows * height + 2 * MARGIN + LINE)
    sheet = Image.new("RGB", size, "white")
    draw, font = ImageDraw.Draw(sheet), find_font()
    samples = _samples(made, set(shown), each)
    for place, label in enumerate(shown):
        x = MARGIN + place // rows * width
        y = MARGIN + LINE + place % rows * height
        text = _caption(made, label, font)
        draw.text((x, y), fitting(text, font, width - MARGIN), fill="black", font=font)
        for number, thumbnail in enumerate(samples[label]):
            sheet.paste(thumbnail, (x + number * (SIDE + GAP), y + LINE))
    title = f"{made.records} records of {len(labels)} classes"
    if len(shown) < len(labels):
        title += f", {len(shown)} shown"
    draw.text((MARGIN, MARGIN // 2), fitting(title, font, size[0] - MARGIN), "black", font)
    with replacing(path) as aside:
        sheet.save(aside, "PNG", compress_level=1)


def _count(made: Made, label: int) -> int:
    return sum(written.labels.get(label, 0) for _, written in made.sets.values())


def _samples(made: Made, labels: set[int], each: int) -> dict[int, list[Any]]:
    """Thumbnails by label, of pictures spread evenly over those that became records."""
    skipped = {one.name for one in made.skipped}
    places: dict[int, list[tuple[Listing, Entry]]] = defaultdict(list)
    for listing, _ in made.sets.values():
        for entry in listing.entries:
            if entry.label in labels and entry.name and entry.name not in skipped:
                places[entry.label].append((listing, entry))
    found = {}
    for label in labels:
        thumbnails = (_thumbnail(one.path(entry)) for one, entry in _spread(places[label], each))
        found[label] = [thumbnail for thumbnail in thumbnails if thumbnail is not None]
    return found


def _spread(items: Sequence[Any], count: int) -> list[Any]:
    if len(items) <= count:
        return list(items)
    return [items[number * len(items) // count] for number in range(count)]


def _thumbnail(path: str) -> Any:
    """A square with the picture in it, as a whole; None for what Pillow cannot read."""
    from PIL import Image, ImageOps

    try:
        with Image.open(path) as image:
            if image.width * image.height > MOST_PIXELS:
                return None
            image.draft("RGB", (2 * SIDE, 2 * SIDE))
            small = ImageOps.exif_transpose(image).convert("RGB")
    except Exception:  # decoders raise what they like; a sheet may lack a picture
        return None
    small.thumbnail((SIDE, SIDE))
    square = Image.new("RGB", (SIDE, SIDE), "#eeeeee")
    square.paste(small, ((SIDE - small.width) // 2, (SIDE - small.height) // 2))
    return square


def find_font() -> Any:
    """A font of this machine with as many letters as there is one."""
    from PIL import ImageFont

    for name in FONTS:
        try:
            return ImageFont.truetype(name, LINE - 7)
        except OSError:
            continue
    return ImageFont.load_default()


def _caption(made: Made, label: int, font: Any) -> str:
    name = printable(made.class_name(label))
    if not can_show(name, font):
        name = f"label {label}"
    return f"{name} ({_count(made, label)})"


def can_show(text: str, font: Any) -> bool:
    """Whether the font has each letter: one that it lacks looks as one that nobody has."""
    try:
        nothing = bytes(font.getmask("\uffff"))
        return all(letter == " " or bytes(font.getmask(letter)) != nothing for letter in text)
    except UnicodeError:  # Pillow's own font knows Latin letters only
        return False


def fitting(text: str, font: Any, width: int) -> str:
    """The text, cut where it is wider than so many pixels."""
    if font.getlength(text) <= width:
        return text
    while text and font.getlength(text + "...") > width:
        text = text[:-1]
    return text + "..."
