"""`convert images` and `convert imageset` with odd and broken pictures."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("cv2")
pytest.importorskip("PIL")

import cv2
import numpy as np

from caffe_mnist.convert import main
from caffe_mnist.datasets.database import Database
from caffe_mnist.datasets.pictures.skipped import read_skipped
from caffe_mnist.datasets.writer import DatabaseWriter
from tests.datasets.pictures import zoo
from tests.datasets.pictures.runs import (
    PAPERS,
    SMALL,
    images,
    list_of,
    names,
    picture,
    pixels,
    records,
    skipped,
    source,
)


def test_odd_pictures_become_records(tmp_path: Path) -> None:
    """Wrong extensions, EXIF turns, CMYK, 16 bits, alpha, animations: 8-bit B, G, R, upright."""
    odd = zoo.whole()
    assert images(list_of(tmp_path / "src", odd), tmp_path / "out") == 0
    found = {key[9:]: pixels(one) for key, one in records(tmp_path / "out/train_lmdb").items()}
    assert set(found) == set(odd)
    assert {one.shape[2] for one in found.values()} == {3}
    photograph = zoo.photograph().astype(float)
    for name in ("cmyk.jpg", "deep.png", "alpha.png", "png.jpg", "a jpeg.png", "animated.png"):
        assert np.abs(found[name] - photograph).mean() < 12, name
    upright = found["turn1.jpg"]
    turns = {
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        6: np.rot90(upright, 3),
        8: np.rot90(upright),
    }
    for turn, turned in turns.items():
        assert np.array_equal(found[f"turn{turn}.jpg"], turned), turn


def test_broken_pictures_are_named_and_the_others_converted(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Bombs, empty, cut and damaged files, one that is missing: no hang (BVLC/caffe #5276), no
    crash (#5348, #7055), no mere line in a log (#5255)."""
    whole = {f"{number}.png": zoo.whole()["rgb.png"] for number in range(3)}
    listed = list_of(tmp_path / "src", {**whole, **zoo.broken(), "missing.jpg": b""})
    (tmp_path / "src/missing.jpg").unlink()
    assert images(listed, tmp_path / "out") == 1
    wrong = skipped(tmp_path / "out")
    assert set(wrong) == {*zoo.broken(), "missing.jpg"}
    assert all(len(reason.splitlines()) == 1 for reason in wrong.values())
    assert wrong["empty.jpg"] == "an empty file"
    assert "no such file" in wrong["missing.jpg"]
    assert "pixels" in wrong["bomb.png"]
    assert len(records(tmp_path / "out/train_lmdb")) == 3
    err = capfd.readouterr().err
    assert "skipped: empty.jpg: an empty file\n" in err
    assert err.splitlines()[-1].endswith(f"(--allow-skips {len(wrong)} is content with that)")
    again = ("--overwrite", "--allow-skips")
    assert images(listed, tmp_path / "out", *again, len(wrong) - 1) == 1
    assert images(listed, tmp_path / "out", *again, len(wrong)) == 0
    assert set(skipped(tmp_path / "out")) == set(wrong)


def test_no_database_without_a_record(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An empty database is never made without a word (BVLC/caffe #3019); a second run may try."""
    listed = list_of(tmp_path / "src", {"a.jpg": b"broken", "b.jpg": b""})
    for _ in range(2):
        assert images(listed, tmp_path / "out") == 1
        assert "none of 2 pictures can be read: no database is made" in capsys.readouterr().err
        assert names(tmp_path / "out") == {"skipped.csv"}
        assert names(tmp_path) == {"src", "out"}
    (tmp_path / "src/a.jpg").write_bytes(zoo.whole()["rgb.png"])
    (tmp_path / "src/b.jpg").write_bytes(zoo.whole()["rgb.png"])
    assert images(listed, tmp_path / "out") == 0
    assert names(tmp_path / "out") == PAPERS | {"train_lmdb"}


def test_a_database_without_a_record_replaces_nothing(tmp_path: Path) -> None:
    """With --overwrite, what was there stays when nothing can be read."""
    good, bad = source(tmp_path / "src", "pairs", 3), tmp_path / "bad"
    assert images(good, tmp_path / "out", *SMALL) == 0
    before = (tmp_path / "out/dataset.json").read_bytes()
    assert images(list_of(bad, {"a.jpg": b""}), tmp_path / "out", "--overwrite") == 1
    assert (tmp_path / "out/dataset.json").read_bytes() == before
    assert names(tmp_path / "out") == PAPERS | {"train_lmdb"}


def test_the_map_grows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """More pictures than the map has room for (BVLC/caffe #2128), and pages that are full: what
    is appended does not slow down as the database grows (#2681)."""
    defaults = {"overwrite": False, "map_size": 1 << 16}
    monkeypatch.setattr(DatabaseWriter.__init__, "__kwdefaults__", defaults)
    content = bytes(cv2.imencode(".jpg", zoo.photograph(1, 20, 20))[1])
    listed = list_of(tmp_path / "src", {f"{number}.jpg": content for number in range(1500)})
    assert images(listed, tmp_path / "out", *SMALL) == 0
    assert len(records(tmp_path / "out/train_lmdb")) == 1500
    size = (tmp_path / "out/train_lmdb/data.mdb").stat().st_size
    assert size < 1.5 * 1500 * 3 * 16 * 16


def test_imageset_is_convert_imageset(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Root, list and name of one database, its flags as scripts have them; nothing else made."""
    listed = source(tmp_path / "src", "list", 9)
    flags = ["-resize_height=12", "--resize_width", "10", "-gray=true", "-logtostderr"]
    assert main(["imageset", *flags, f"{listed.parent}/", str(listed), str(tmp_path / "db")]) == 0
    found = records(tmp_path / "db")
    assert next(iter(found)) == "00000000_0.jpg"
    assert {(one.channels, one.height, one.width) for one in found.values()} == {(1, 12, 10)}
    assert [one.label for one in found.values()] == [0, 1, 2] * 3
    assert names(tmp_path) == {"src", "db", "db.dataset.json"}
    assert main(["imageset", f"{listed.parent}/", str(listed), str(tmp_path / "db")]) == 2
    assert "exists already" in capsys.readouterr().err


def test_imageset_of_broken_pictures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Skipped ones are named beside the database; of nothing there is none; later runs clear up."""
    listed = source(tmp_path / "src", "list", 6)
    places = ["imageset", f"{listed.parent}/", str(listed), str(tmp_path / "db")]
    table = tmp_path / "db.skipped.csv"
    (tmp_path / "src/1.jpg").unlink()
    assert main(places) == 1
    assert len(records(tmp_path / "db")) == 5
    assert read_skipped(table) == [("1.jpg", "there is no such file")]
    picture(tmp_path / "src/1.jpg", 1, (1, 2, 3))
    assert main([*places, "--overwrite"]) == 0
    assert names(tmp_path) == {"src", "db", "db.dataset.json"}
    listed.write_text("none.jpg 0\n")
    assert main([*places[:3], str(tmp_path / "none")]) == 1
    assert "none of 1 pictures can be read" in capsys.readouterr().err
    assert names(tmp_path) == {"src", "db", "db.dataset.json", "none.skipped.csv"}
    listed.write_text("")
    assert main([*places[:3], str(tmp_path / "empty")]) == 2
    assert "is empty" in capsys.readouterr().err


def test_one_encoded_picture(tmp_path: Path) -> None:
    """As many as one, and pictures of which all but the first have another size."""
    listed = source(tmp_path / "src", "list", 6)
    places = ["imageset", f"{listed.parent}/", str(listed), str(tmp_path / "db")]
    assert main([*places, "-encode_type=png", "-check_size", "--allow-skips=5"]) == 0
    listed.write_text("0.jpg 3\n")
    assert main([*places, "-encoded", "--overwrite"]) == 0
    with Database(tmp_path / "db") as database:
        (value,) = [bytes(value) for _, value in database.records()]
    assert (tmp_path / "src/0.jpg").read_bytes() in value
