"""Pictures of an evaluation: the confusion matrix, and a sheet of the worst mistakes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from caffe_mnist.evaluation.confusion import Confusion
from caffe_mnist.files import replacing

SIDE, GAP, LINE, COLUMNS = 112, 10, 17, 8
# A matrix of more classes has no numbers in its squares, and of more yet no names.
MOST_NUMBERS, MOST_NAMES = 20, 60


@dataclass(frozen=True)
class Mistake:
    """A picture that was taken for another class.

    `score` is that of the wrong class, `own` that of the true one; `pixels` are C × H × W.
    """

    name: str
    true: str
    predicted: str
    score: float
    own: float
    pixels: Any


def draw_matrix(path: Path, confusion: Confusion, title: str) -> bool:
    """The matrix as PNG, each row in shares of its class; False without matplotlib."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError:
        return False
    count = len(confusion.names)
    shares = confusion.counts / np.maximum(1, confusion.counts.sum(1, keepdims=True))
    side = min(16.0, max(4.5, 0.45 * count + 2.5))
    figure = Figure(figsize=(side, side), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    figure.colorbar(image, ax=axes, fraction=0.046, label="share of the true class")
    axes.set(xlabel="predicted", ylabel="true", title=title)
    if count <= MOST_NAMES:
        long = max(map(len, confusion.names)) > 2
        axes.set_xticks(range(count), confusion.names, rotation=90 if long else 0)
        axes.set_yticks(range(count), confusion.names)
    if count <= MOST_NUMBERS:
        for row in range(count):
            for column in range(count):
                if number := int(confusion.counts[row, column]):
                    colour = "white" if shares[row, column] > 0.5 else "black"
                    axes.text(
                        column, row, str(number), ha="center", va="center", color=colour, fontsize=9
                    )
    with replacing(path) as aside:
        figure.savefig(aside, format="png", dpi=110)
    return True


def draw_worst(path: Path, mistakes: Sequence[Mistake]) -> None:
    """The pictures that the net was surest of and wrong about, as PNG, worst first."""
    from PIL import Image, ImageDraw

    from caffe_mnist.datasets.pictures.contact_sheet import can_show, find_font, fitting

    columns = max(1, min(COLUMNS, len(mistakes)))
    rows = max(1, -(-len(mistakes) // columns))
    size = (columns * (SIDE + GAP) + GAP, rows * (SIDE + 2 * LINE + GAP) + GAP)
    sheet = Image.new("RGB", size, "white")
    draw, letters = ImageDraw.Draw(sheet), find_font()
    for number, one in enumerate(mistakes):
        x = GAP + number % columns * (SIDE + GAP)
        y = GAP + number // columns * (SIDE + 2 * LINE + GAP)
        sheet.paste(_thumbnail(one.pixels), (x, y))
        for line, (text, colour) in enumerate(
            [(f"is {one.true} ({one.own:.2f})", "#1a6b2a"),
             (f"not {one.predicted} ({one.score:.2f})", "#a11d22")]
        ):  # fmt: skip
            if not can_show(text, letters):
                text = text.encode("ascii", "replace").decode()
            place = (x, y + SIDE + line * LINE)
            draw.text(place, fitting(text, letters, SIDE), fill=colour, font=letters)
    with replacing(path) as aside:
        sheet.save(aside, "PNG", compress_level=1)


def _thumbnail(pixels: Any) -> Any:
    """A square with C × H × W (B, G, R or gray) in it; few pixels become large ones."""
    from PIL import Image

    values = np.clip(np.asarray(pixels, np.float32), 0, 255).astype(np.uint8)
    flat = values[0] if len(values) != 3 else values[::-1].transpose(1, 2, 0)
    image = Image.fromarray(np.ascontiguousarray(flat)).convert("RGB")
    scale = SIDE / max(image.size)
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    image = image.resize(size, Image.Resampling.NEAREST if scale >= 1 else Image.Resampling.LANCZOS)
    square = Image.new("RGB", (SIDE, SIDE), "#eeeeee")
    square.paste(image, ((SIDE - size[0]) // 2, (SIDE - size[1]) // 2))
    return square
