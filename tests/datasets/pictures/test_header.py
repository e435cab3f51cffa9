"""Headers of picture files, read before memory is taken for pixels."""

from __future__ import annotations

import pytest

pytest.importorskip("cv2")
pytest.importorskip("PIL")

from caffe_mnist.datasets.pictures.header import MOST_PIXELS, BrokenPictureError, read_header
from tests.datasets.pictures import zoo

SIDES = {"one.png": (1, 1), "row.jpg": (50, 1)}
# What the header of a file does not tell, its decoder does.
TOLD_BY_DECODERS = {
    "half.png", "no_end.png", "damaged.png", "half.bmp", "half.webp", "half.tif", "half.ppm",
}  # fmt: skip


@pytest.mark.parametrize("name", zoo.whole())
def test_sides_are_found_in_every_kind_of_file(name: str) -> None:
    """The sides are known without decoding, whatever the file is called."""
    header = read_header(zoo.whole()[name])
    assert (header.width, header.height) == SIDES.get(name, (zoo.WIDTH, zoo.HEIGHT))


@pytest.mark.parametrize("name", sorted(zoo.broken().keys() - TOLD_BY_DECODERS))
def test_what_is_no_picture_is_named(name: str) -> None:
    """A short reason in one line."""
    with pytest.raises(BrokenPictureError) as failure:
        read_header(zoo.broken()[name])
    assert 5 < len(str(failure.value)) < 100
    assert "\n" not in str(failure.value)


@pytest.mark.parametrize("name", [*zoo.whole(), *zoo.broken()])
def test_any_cut_is_survived(name: str) -> None:
    """However little there is of a file, it is a header or a reason."""
    content = {**zoo.whole(), **zoo.broken()}[name]
    for size in [*range(64), *range(64, len(content), 97)]:
        try:
            header = read_header(content[:size])
        except BrokenPictureError:
            continue
        assert 0 < header.width * header.height <= MOST_PIXELS


def test_a_jpeg_of_many_scans_is_refused() -> None:
    """Each scan costs the time of a whole picture: some files have thousands of them."""
    jpeg = zoo.whole()["progressive.jpg"]
    with pytest.raises(BrokenPictureError, match="scans"):
        read_header(jpeg[:-2] + b"\xff\xda\0\x08\1\1\0\0\x3f\0" * 500 + jpeg[-2:])


def test_a_picture_of_a_large_camera_is_read() -> None:
    """200 million pixels in a file of its size are no bomb; in a tiny one they are."""
    jpeg = bytearray(zoo.whole()["jpeg420.jpg"])
    at = jpeg.index(b"\xff\xc0")
    jpeg[at + 5 : at + 9] = (12240).to_bytes(2, "big") + (16320).to_bytes(2, "big")
    assert read_header(bytes(jpeg) + bytes(2**21))[1:] == (16320, 12240)
    with pytest.raises(BrokenPictureError, match="too large: a JPEG of 16320 x 12240 pixels"):
        read_header(bytes(jpeg))
