"""Databases of pictures beside real convert_imageset's, for the same lists and options."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import NamedTuple

import pytest

pytest.importorskip("cv2")
pytest.importorskip("PIL")

import cv2
import numpy as np
import numpy.typing as npt

from caffe_mnist.datasets.database import Database
from caffe_mnist.datasets.mean import write_mean
from caffe_mnist.datasets.pictures.listing import Decoding, Entry, Listing, Written
from caffe_mnist.datasets.pictures.writing import write_pictures
from caffe_mnist.schema import caffe_pb2
from caffe_mnist.schema.messages import parse_binary
from tests.datasets.pictures import zoo

pytestmark = pytest.mark.parity

OPTIONS = {
    "plain": Decoding(),
    "gray": Decoding(gray=True),
    "resized": Decoding(height=40, width=50),
    "enlarged": Decoding(height=300, width=200),
    "gray_resized": Decoding(height=33, width=21, gray=True),
    "encoded": Decoding(encoded=True),
    "encoded_resized": Decoding(encoded=True, height=40, width=50),
    "encoded_one_side": Decoding(encoded=True, height=40),
    "as_png": Decoding(encoded=True, encode_type="png"),
    "as_jpg_gray": Decoding(encode_type="jpg", gray=True),
}
# convert_imageset ends where OpenCV does not write colour as what the extension says.
NOT_TO_BE_ENCODED = {
    "encoded": {"no_extension"},
    "encoded_resized": {"no_extension", "bits.pbm", "gray.pgm"},
    "encoded_one_side": {"no_extension", "bits.pbm", "gray.pgm"},
}


class Difference(NamedTuple):
    """By how many levels pixels differ, and what part of all pixels does."""

    levels: int
    part: float


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All kinds of pictures, and 60 photographs of different sizes."""
    made = tmp_path_factory.mktemp("pictures")
    zoo.write_zoo(made)
    (made / "pipe.jpg").unlink()  # convert_imageset waits for its writer, for ever
    (made / "photographs").mkdir()
    for number in range(60):
        pixels = zoo.photograph(number, 150 + 3 * number, 200 + 5 * number % 71)
        quality = [cv2.IMWRITE_JPEG_QUALITY, 50 + number % 50]
        cv2.imwrite(str(made / "photographs" / f"{number}.jpg"), pixels, quality)
    return made


def both(
    folder: Path, out: Path, real_caffe: Path, entries: list[Entry], how: Decoding
) -> tuple[Path, Path, Written]:
    """The databases of real convert_imageset and of ours, and what ours holds."""
    (out / "list").write_text("".join(f"{one.name} {one.label}\n" for one in entries))
    flags: list[str] = ["-gray"] if how.gray else []
    flags += ["-encoded"] if how.encoded or how.encode_type else []
    flags += [f"-encode_type={how.encode_type}"] if how.encode_type else []
    flags += [f"-resize_height={how.height}", f"-resize_width={how.width}"]
    places = [f"{folder}/", str(out / "list"), str(out / "real")]
    command = [str(real_caffe / "convert_imageset"), *flags, *places]
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL, timeout=120)
    listing = Listing(f"{folder}/", tuple(entries), (), "list")
    written = write_pictures(listing, out / "ours", how)
    return out / "real", out / "ours", written


def records(path: Path) -> dict[bytes, caffe_pb2.Datum]:
    """The messages of a database by key."""
    with Database(path) as database:
        return {key: parse_binary(bytes(v), caffe_pb2.Datum) for key, v in database.records()}


def pixels_of(datum: caffe_pb2.Datum) -> npt.NDArray[np.float32]:
    """What a record shows."""
    content = np.frombuffer(datum.data, np.uint8)
    if not datum.encoded:
        return content.astype(np.float32)
    shown = cv2.imdecode(content, cv2.IMREAD_UNCHANGED)
    assert shown is not None
    return shown.astype(np.float32)


def difference(one: caffe_pb2.Datum, other: caffe_pb2.Datum) -> Difference:
    """How far two records are apart; all of their other fields must be the same."""
    for field in ("channels", "height", "width", "label", "encoded"):
        assert getattr(one, field) == getattr(other, field)
        assert one.HasField(field) == other.HasField(field)
    if one.data == other.data:
        return Difference(0, 0)
    apart = np.abs(pixels_of(one) - pixels_of(other))
    return Difference(int(apart.max()), float((apart > 0).mean()))


@pytest.mark.parametrize("name", OPTIONS)
def test_every_kind_of_picture_gives_the_same_record(
    name: str, folder: Path, tmp_path: Path, real_caffe: Path
) -> None:
    """Keys, labels, fields and pixels; what is broken is in neither, but for JPEGs cut short."""
    left_out = zoo.ENDS_CAFFE | NOT_TO_BE_ENCODED.get(name, set())
    names = sorted({*zoo.whole(), *zoo.broken(), "folder.jpg", "loop.jpg", "none.jpg"} - left_out)
    entries = [Entry(one, number - 5) for number, one in enumerate(names)]
    real, ours, _ = both(folder, tmp_path, real_caffe, entries, OPTIONS[name])
    theirs, mine = records(real), records(ours)
    more = {key.partition(b"_")[2].decode() for key in theirs.keys() - mine.keys()}
    assert more == zoo.CUT_SHORT
    assert mine.keys() <= theirs.keys()
    for key, datum in mine.items():
        assert difference(datum, theirs[key]) <= Difference(1, 0.01), key


@pytest.mark.parametrize("name", ["resized", "gray_resized", "encoded_resized"])
def test_photographs_and_their_mean_are_the_same(
    name: str, folder: Path, tmp_path: Path, real_caffe: Path
) -> None:
    """Of many sizes, down to one; and the mean of the same pass is compute_image_mean's."""
    entries = [Entry(f"photographs/{number}.jpg", number % 7) for number in range(60)]
    real, ours, written = both(folder, tmp_path, real_caffe, entries, OPTIONS[name])
    theirs, mine = records(real), records(ours)
    assert theirs.keys() == mine.keys()
    assert max(difference(mine[key], theirs[key]) for key in mine) <= Difference(1, 0.01)
    command = [real_caffe / "compute_image_mean", real, tmp_path / "real.binaryproto"]
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL, timeout=120)
    assert written.sums is not None
    write_mean(tmp_path / "ours.binaryproto", written.sums / np.float32(written.records))
    means = [
        np.array(
            parse_binary((tmp_path / f"{one}.binaryproto").read_bytes(), caffe_pb2.BlobProto).data
        )
        for one in ("real", "ours")
    ]
    assert np.abs(means[0] - means[1]).max() < 1e-4
