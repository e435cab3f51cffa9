"""Pictures as files: SVG by ourselves, PNG by matplotlib (in the images extra)."""

from __future__ import annotations

import zlib
from html import escape
from pathlib import Path

from caffe_mnist.drawing.picture import Picture
from caffe_mnist.errors import CaffeMnistError
from caffe_mnist.files import replacing

FONT = "DejaVu Sans, Verdana, Helvetica, Arial, sans-serif"
BORDER, ARROW = "#555555", "#777777"
# A PNG has so many pixels a unit, and fewer where its sides or its area would be too large.
SHARP, LONGEST, MOST = 2.0, 32_000, 120_000_000


def check_ending(path: str) -> None:
    """Raise CaffeMnistError unless `path` ends in .svg or .png."""
    if Path(path).suffix.lower() not in (".svg", ".png"):
        raise CaffeMnistError("is neither .svg nor .png", where=path)


def paint(picture: Picture, path: str) -> None:
    """Write `picture` to `path`, as its ending says; raises CaffeMnistError for unknown ones."""
    check_ending(path)
    if path.lower().endswith(".svg"):
        _svg(picture, path)
    else:
        _png(picture, path)


def svg(picture: Picture) -> str:
    """The picture as SVG text."""
    width, height = f"{picture.width:.0f}", f"{picture.height:.0f}"
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" font-family="{FONT}" text-anchor="middle">',
        '<rect width="100%" height="100%" fill="#ffffff"/>',
    ]
    for arrow in picture.arrows:
        (x, y), *rest = arrow.points
        curve = f"M{x:.1f},{y:.1f}C" + " ".join(f"{a:.1f},{b:.1f}" for a, b in rest)
        head = " ".join(f"{a:.1f},{b:.1f}" for a, b in arrow.head)
        parts.append(f'<path d="{curve}" fill="none" stroke="{ARROW}"/>')
        parts.append(f'<polygon points="{head}" fill="{ARROW}"/>')
    for box in picture.boxes:
        parts.append(
            f'<rect x="{box.x:.1f}" y="{box.y:.1f}" width="{box.width:.1f}" '
            f'height="{box.height:.1f}" rx="4" fill="{box.fill}" stroke="{BORDER}"/>'
        )
    for text in picture.texts:
        bold = ' font-weight="bold"' if text.bold else ""
        parts.append(
            f'<text x="{text.x:.1f}" y="{text.y:.1f}" font-size="{text.size:.1f}" '
            f'fill="{text.colour}"{bold}>{escape(_printable(text.text))}</text>'
        )
    return "\n".join([*parts, "</svg>", ""])


def _svg(picture: Picture, path: str) -> None:
    with replacing(path) as aside:
        aside.write_text(svg(picture), encoding="utf-8")


def _png(picture: Picture, path: str) -> None:
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
        from matplotlib.patches import FancyBboxPatch, PathPatch, Polygon
        from matplotlib.path import Path as Curve
    except ImportError:
        raise CaffeMnistError(
            "drawing PNG needs matplotlib",
            where=path,
            hint="write .svg, or pip install 'caffe-mnist[images]'",
        ) from None
    width, height = picture.width, picture.height
    sharp = min(SHARP, LONGEST / max(width, height), (MOST / (width * height)) ** 0.5)
    figure = Figure(figsize=(width / 72, height / 72), dpi=72 * sharp, facecolor="white")
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    axes.set_xlim(0, width)
    axes.set_ylim(height, 0)
    for arrow in picture.arrows:
        codes = [Curve.MOVETO, *[Curve.CURVE4] * (len(arrow.points) - 1)]
        curve = Curve(list(arrow.points), codes)
        axes.add_patch(PathPatch(curve, facecolor="none", edgecolor=ARROW, linewidth=1))
        axes.add_patch(Polygon(arrow.head, facecolor=ARROW, linewidth=0))
    for box in picture.boxes:
        shape = FancyBboxPatch(
            (box.x + 4, box.y + 4),
            box.width - 8,
            box.height - 8,
            boxstyle="round,pad=4,rounding_size=4",
            facecolor=box.fill,
            edgecolor=BORDER,
            linewidth=1,
        )
        axes.add_patch(shape)
    for text in picture.texts:
        axes.text(
            text.x,
            text.y,
            _printable(text.text),
            fontsize=text.size,
            fontweight="bold" if text.bold else "normal",
            color=text.colour,
            horizontalalignment="center",
            verticalalignment="baseline",
            fontfamily="DejaVu Sans",
            parse_math=False,
        )
    with replacing(path) as aside:
        # Plain areas: their runs pack nearly as well as what is searched for, in half the time.
        figure.savefig(aside, format="png", pil_kwargs={"compress_type": zlib.Z_RLE})


def _printable(text: str) -> str:
    """Names may hold any bytes; what no XML takes is shown as its escape."""
    return "".join(
        one if one.isprintable() else one.encode("unicode_escape").decode() for one in text
    )
