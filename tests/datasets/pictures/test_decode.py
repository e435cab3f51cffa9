"""Decoding picture files; tests/parity/test_pictures.py compares with convert_imageset."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("cv2")
pytest.importorskip("PIL")
import numpy as np

from caffe_mnist.datasets.pictures.decode import Picture, pixels_of, read_file, read_picture
from caffe_mnist.datasets.pictures.header import BrokenPictureError, read_header
from caffe_mnist.datasets.pictures.listing import Decoding
from tests.datasets.pictures import zoo


def read(name: str, **options: Any) -> Picture:
    """One picture of the zoo."""
    content = {**zoo.whole(), **zoo.broken()}[name]
    return read_picture(content, read_header(content), name, Decoding(**options))


@pytest.mark.parametrize("name", zoo.whole())
def test_every_kind_becomes_bytes_in_colour_or_gray(name: str) -> None:
    """Whatever a file holds: three channels of bytes, or one."""
    assert read(name).channels == 3
    assert read(name, gray=True).channels == 1
    assert read(name).pixels.dtype == np.uint8


@pytest.mark.parametrize("name", zoo.broken())
def test_broken_pictures_have_a_reason(name: str) -> None:
    """Nothing that is cut, damaged or hostile becomes a record."""
    with pytest.raises(BrokenPictureError):
        read(name)


@pytest.mark.parametrize("turn", range(1, 9))
def test_turns_of_cameras_are_followed(turn: int) -> None:
    """A JPEG with an EXIF turn is turned, as its size is."""
    upright = read("turn1.jpg").pixels
    turned = {
        1: upright, 2: upright[:, ::-1], 3: upright[::-1, ::-1], 4: upright[::-1],
        5: upright.transpose(1, 0, 2), 6: np.rot90(upright, -1),
        7: np.rot90(upright.transpose(1, 0, 2), 2),
        8: np.rot90(upright),
    }  # fmt: skip
    assert np.array_equal(read(f"turn{turn}.jpg").pixels, turned[turn])


def test_what_is_transparent_or_deep_keeps_its_colours() -> None:
    """Alpha is dropped, 16 bits become their upper 8."""
    plain = zoo.photograph()
    for name in ("alpha.png", "deep.png", "deep_alpha.png", "deep.ppm", "rgb.bmp"):
        assert np.array_equal(read(name).pixels, plain), name


def test_an_animated_png_gives_its_still_picture() -> None:
    """The one that programs show that know nothing of animation."""
    for name in ("animated.png", "animated_too.png"):
        assert np.array_equal(read(name).pixels, zoo.photograph()), name


@pytest.mark.parametrize(
    ("options", "size"),
    [
        ({"height": 20, "width": 30}, (20, 30)),
        ({"height": 20}, (73, 97)),  # convert_imageset wants both
        ({"shorter_side": 32}, (32, 43)),
        ({"shorter_side": 146}, (146, 194)),
        ({"shorter_side": 73}, (73, 97)),
    ],
)
def test_pictures_are_resized(options: dict[str, int], size: tuple[int, int]) -> None:
    """To both sides, or to a shorter side in proportion; the sides before are told."""
    picture = read("rgb.png", **options)
    assert picture.pixels.shape[:2] == size
    assert (picture.height, picture.width) == (zoo.HEIGHT, zoo.WIDTH)


def test_the_shorter_side_is_meant_after_the_turn() -> None:
    """A picture turned upright is measured upright; a row of pixels keeps one."""
    assert read("turn6.jpg", shorter_side=32).pixels.shape[:2] == (43, 32)
    assert read("row.jpg", shorter_side=2).pixels.shape[:2] == (2, 100)


def test_encoded_pictures_keep_their_bytes_where_nothing_changes() -> None:
    """The file itself, whatever its name pretends, unless another kind or size is wanted."""
    for name in ("jpeg420.jpg", "UPPER.JPEG", "png.jpg", "no_extension", "alpha.png", "cmyk.jpg"):
        assert read(name, encoded=True).encoded == zoo.whole()[name], name
    assert read("UPPER.JPEG", encode_type="jpg").encoded == zoo.whole()["UPPER.JPEG"]


@pytest.mark.parametrize(
    ("name", "options", "kind"),
    [
        ("jpeg420.jpg", {"encode_type": "png"}, "PNG"),
        ("jpeg420.jpg", {"encode_type": "PNG"}, "PNG"),
        ("rgb.png", {"encoded": True, "shorter_side": 9}, "PNG"),
        ("png.jpg", {"encoded": True, "height": 9, "width": 9}, "JPEG"),
        ("no_extension", {"encoded": True, "height": 9, "width": 9}, "JPEG"),
        ("cmyk.tif", {"encode_type": "jpg", "gray": True}, "JPEG"),
    ],
)
def test_changed_pictures_are_encoded_anew(
    name: str, options: dict[str, object], kind: str
) -> None:
    """As the wanted kind, else the name's, else what the picture was."""
    picture = read(name, **options)
    assert picture.encoded is not None
    assert read_header(picture.encoded).kind == kind
    seen = pixels_of(picture.encoded)
    assert seen is not None
    assert seen.shape == picture.pixels.shape


def _null_byte() -> str:
    """How Python words it; releases differ."""
    try:
        os.open("no\0name", os.O_RDONLY)
    except ValueError as error:
        return str(error)
    raise AssertionError


def test_files_that_are_none_have_a_reason(tmp_path: Path) -> None:
    """Folders, loops of links, pipes (without waiting for a writer) and what is not there."""
    zoo.write_zoo(tmp_path)
    (tmp_path / "secret.jpg").write_bytes(b"x")
    (tmp_path / "secret.jpg").chmod(0)
    reasons = {
        "folder.jpg": "a folder",
        "loop.jpg": "cannot be read: Too many levels of symbolic links",
        "pipe.jpg": "no regular file",
        "none.jpg": "there is no such file",
        "no\0name": f"cannot be read: {_null_byte()}",
    }
    if os.geteuid():
        reasons["secret.jpg"] = "cannot be read: Permission denied"
    for name, reason in reasons.items():
        with pytest.raises(BrokenPictureError) as failure:
            read_file(f"{tmp_path}/{name}")
        assert str(failure.value) == reason
    assert read_file(f"{tmp_path}/jpeg420.jpg") == zoo.whole()["jpeg420.jpg"]


def test_a_whole_path_behind_a_root_is_told(tmp_path: Path) -> None:
    """As in `convert_imageset` the root comes before it; that there is such a file says why."""
    (tmp_path / "there.jpg").write_bytes(b"x")
    with pytest.raises(BrokenPictureError, match="only one of this whole path"):
        read_file(f"root/{tmp_path}/there.jpg")
    with pytest.raises(BrokenPictureError, match=r"there is no such file$"):
        read_file(f"root/{tmp_path}/none.jpg")


def test_a_sparse_file_of_any_size_takes_no_memory(tmp_path: Path) -> None:
    """What is too large to be a picture is not read."""
    with open(tmp_path / "large.jpg", "wb") as file:
        file.truncate(2**40)
    with pytest.raises(BrokenPictureError, match="too large"):
        read_file(str(tmp_path / "large.jpg"))
