"""The predict command on pictures of all kinds, and on what is none."""

from __future__ import annotations

import io
import zlib
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.quarters import (
    SIZE,
    Pixels,
    answers,
    assert_refused,
    model,
    predict,
    published,
    quarter,
    saved,
)  # fmt: skip

pytest.importorskip("torch", reason="the embedded engine needs torch")
Image = pytest.importorskip("PIL.Image", reason="reading pictures needs Pillow")


@pytest.fixture(scope="module")
def final(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A complete `final` folder. Read it only."""
    return published(tmp_path_factory.mktemp("predict"))


@pytest.fixture
def picture(tmp_path: Path) -> Callable[..., Path]:
    """A function that saves an image under a name."""
    return partial(saved, tmp_path)


def big(pixels: Pixels, width: int, height: int) -> Any:
    """A picture of another size, every pixel a block."""
    return Image.fromarray(pixels).resize((width, height), Image.Resampling.NEAREST)


def alpha(pixels: Pixels, ink: int) -> Any:
    """Ink of one colour on a transparent ground."""
    image = Image.new("RGBA", (SIZE, SIZE), (ink, ink, ink, 0))
    image.putalpha(Image.fromarray(pixels))
    return image


WHITE_ON_BLACK: dict[str, tuple[str, Callable[[Pixels], Any]]] = {
    "gray": ("x.png", lambda q: q),
    "RGB": ("x.png", lambda q: Image.fromarray(q).convert("RGB")),
    "RGBA": ("x.png", lambda q: Image.fromarray(q).convert("RGBA")),
    "gray with alpha": ("x.png", lambda q: Image.fromarray(q).convert("LA")),
    "palette": ("x.png", lambda q: Image.fromarray(q).convert("P")),
    "GIF": ("x.gif", lambda q: Image.fromarray(q).convert("P")),
    "one bit": ("x.png", lambda q: Image.fromarray(q).convert("1")),
    "16 bits": ("x.png", lambda q: q.astype(np.uint16) * 257),
    "16 bits, all small": ("x.png", lambda q: q.astype(np.uint16)),
    "32 bits": ("x.tiff", lambda q: q.astype(np.int32) * 257),
    "floats from 0 to 1": ("x.tiff", lambda q: (q / 255).astype(np.float32)),
    "floats from 0 to 255": ("x.tiff", lambda q: q.astype(np.float32)),
    "CMYK": ("x.jpg", lambda q: big(q, 64, 64).convert("CMYK")),
    "JPEG, large": ("x.jpg", lambda q: big(q, 1600, 1600)),
    "BMP": ("x.bmp", lambda q: q),
    "tiny": ("x.png", lambda q: q[::4, ::4]),
    "wide": ("x.png", lambda q: big(q, 64, 48)),
    "high": ("x.png", lambda q: big(q, 30, 40)),
    "turned by EXIF": ("x.jpg", lambda q: big(np.rot90(q), 64, 64)),
    "white ink on nothing": ("x.png", lambda q: alpha(q, 255)),
    "wrong ending": ("x.png", lambda q: q),
}
NUMBERS = pytest.mark.parametrize("number", [1, 2])


@NUMBERS
@pytest.mark.parametrize("kind", WHITE_ON_BLACK)
def test_pictures_of_any_size_and_colour(
    kind: str, number: int, final: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """All are brought to 8 × 8 gray bytes."""
    name, made = WHITE_ON_BLACK[kind]
    image = made(quarter(number))
    image = image if isinstance(image, Image.Image) else Image.fromarray(image)
    extra = {}
    if kind == "turned by EXIF":
        extra["exif"] = Image.Exif()
        extra["exif"][274] = 6  # to be turned clockwise for showing
    image.save(tmp_path / name, **extra)
    if kind == "wrong ending":
        (tmp_path / name).rename(tmp_path / "x.jpg")
        name = "x.jpg"
    (answer,) = answers(capsys, final, tmp_path / name)
    assert answer["predicted_label"] == str(number)


@NUMBERS
@pytest.mark.parametrize("kind", ["gray", "RGB", "one bit", "black ink on nothing", "wide"])
def test_black_on_white(
    kind: str,
    number: int,
    final: Path,
    picture: Callable[..., Path],
    capsys: pytest.CaptureFixture[str],
) -> None:
    """--invert makes it white on black; without, a line on standard error advises it."""
    inverted = 255 - quarter(number)
    image = {
        "gray": Image.fromarray(inverted),
        "RGB": Image.fromarray(inverted).convert("RGB"),
        "one bit": Image.fromarray(inverted).convert("1"),
        "black ink on nothing": alpha(quarter(number), 0),
        "wide": big(inverted, 64, 48),
    }[kind]
    path = picture(image)
    (answer,) = answers(capsys, final, path, "--invert")
    assert answer["predicted_label"] == str(number)
    assert predict(final, path) == 0
    assert f"{path} looks like black on white: try --invert" in capsys.readouterr().err


def test_colour_goes_in_as_blue_green_red(
    tmp_path: Path, picture: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    """A net of three channels gets them in Caffe's order; gray pictures become colour."""
    deploy, weights = model(tmp_path / "colour", channels=3)
    pixels = np.stack([quarter(3), quarter(1), quarter(0)], axis=2)  # R, G, B
    paths = [picture(pixels, "colour.png"), picture(quarter(2), "gray.png")]
    found = answers(capsys, weights, "--deploy", deploy, *paths)
    assert [one["predicted_label"] for one in found] == ["3", "2"]


def encoded(image: Any, kind: str) -> bytes:
    """The bytes of a picture file."""
    file = io.BytesIO()
    image.save(file, kind)
    return file.getvalue()


def half(kind: str) -> bytes:
    """The first half of a picture of noise."""
    noise = np.random.default_rng(0).integers(0, 256, (64, 64), np.uint8)
    whole = encoded(Image.fromarray(noise), kind)
    return whole[: len(whole) // 2]


def bomb() -> bytes:
    """A small PNG that says it has 60,000 × 60,000 pixels."""
    content = bytearray(encoded(Image.new("1", (8, 8)), "PNG"))
    content[16:24] = (60000).to_bytes(4, "big") * 2
    content[29:33] = zlib.crc32(content[12:29]).to_bytes(4, "big")
    return bytes(content)


NO_PICTURES: dict[str, tuple[Callable[[], bytes], str]] = {
    "an empty file": (lambda: b"", "is an empty file, no picture"),
    "text": (lambda: b"hello", "is no picture that can be read"),
    "zeros": (lambda: bytes(500), "is no picture that can be read"),
    "a head only": (lambda: b"\x89PNG\r\n\x1a\n" + bytes(50), "is no picture that can be read"),
    "half a PNG": (lambda: half("PNG"), "is a broken picture: "),
    "half a JPEG": (lambda: half("JPEG"), "is a broken picture: "),
    "a bomb": (bomb, "has too many pixels"),
    "a huge one": (lambda: encoded(Image.new("1", (7100, 7100)), "PNG"),
                   "7100 × 7100 pixels are too many"),
}  # fmt: skip


@pytest.mark.parametrize("kind", NO_PICTURES)
def test_what_is_no_picture(
    kind: str, final: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Named in one line, before a result of another picture is printed."""
    good, bad = tmp_path / "good.png", tmp_path / "bad.png"
    Image.fromarray(quarter(0)).save(good)
    content, what = NO_PICTURES[kind]
    bad.write_bytes(content())
    assert_refused(capsys, [final, good, bad], f"{bad}: {what}")


def test_what_is_no_file(final: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Folders without pictures, devices and names of nothing."""
    for path, what in (
        (tmp_path, "holds no pictures"),
        (Path("/dev/zero"), "is no file"),
        (tmp_path / "none.png", "cannot read: No such file or directory"),
    ):
        assert_refused(capsys, [final, path], f"{path}: {what}")


def test_all_that_are_no_pictures_are_named(
    final: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A line for each."""
    assert_refused(capsys, [final, tmp_path / "a", tmp_path / "b"], "a: cannot", "b: cannot")
