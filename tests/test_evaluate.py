"""The evaluate command on sets of every form, and what it refuses."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch", reason="the embedded engine needs torch")
pytest.importorskip("PIL", reason="reading pictures needs Pillow")

from PIL import Image

from caffe_mnist import convert
from caffe_mnist.datasets.writer import DatabaseWriter
from caffe_mnist.evaluate import main
from caffe_mnist.schema import caffe_pb2
from tests.quarters import model, published, quarter, saved

# Which quarter is white in each picture, and which class it is said to be: two are mistakes.
WHITE = [0, 1, 2, 3, 0, 1, 2, 3, 3, 2]
LABEL = [0, 1, 2, 3, 0, 1, 2, 3, 0, 3]


@pytest.fixture(scope="module")
def final(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A complete `final` folder of a net that finds the white quarter. Read it only."""
    return published(tmp_path_factory.mktemp("evaluate"))


def pixels(number: int) -> Any:
    """The picture of that number, the later the paler, so that mistakes have an order."""
    return (quarter(WHITE[number]) // 255 * (250 - 20 * number)).astype(np.uint8)


def database(folder: Path) -> Path:
    """The pictures as records."""
    with DatabaseWriter(folder) as writer:
        writer.put(
            [(b"%08d" % number,
              caffe_pb2.Datum(channels=1, height=8, width=8, data=pixels(number).tobytes(),
                              label=LABEL[number]).SerializeToString())
             for number in range(10)]
        )  # fmt: skip
    return folder


def folders(place: Path) -> Path:
    """The pictures in a folder for each class."""
    for number, label in enumerate(LABEL):
        (place / str(label)).mkdir(parents=True, exist_ok=True)
        saved(place / str(label), pixels(number), f"{number}.png")
    return place


def listed(place: Path) -> Path:
    """The pictures in a list file."""
    place.mkdir()
    lines = []
    for number, label in enumerate(LABEL):
        saved(place, pixels(number), f"{number}.png")
        lines.append(f"{number}.png {label}\n")
    (place / "list.txt").write_text("".join(lines))
    return place / "list.txt"


@pytest.mark.parametrize("make", [database, folders, listed])
def test_sets_of_every_form(
    final: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], make: Any
) -> None:
    """Each picture once: counts, shares and loss as by hand."""
    place = make(tmp_path / "set")
    assert main([str(final), str(place), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["pictures"], found["skipped"], found["accuracy"]) == (10, 0, 0.8)
    assert found["confusion"] == [[2, 0, 0, 1], [0, 2, 0, 0], [0, 0, 2, 0], [0, 0, 1, 2]]
    zero, one, _, three = found["classes"]
    assert (zero["precision"], zero["recall"]) == (1, pytest.approx(2 / 3))
    assert (one["precision"], one["recall"], one["f1"]) == (1, 1, 1)
    assert (three["precision"], three["recall"]) == (pytest.approx(2 / 3), pytest.approx(2 / 3))
    assert found["top5_accuracy"] == 1
    assert found["loss"] > 0.5


def test_a_report(final: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Tables for people and programs, the matrix and the mistakes as pictures, worst first."""
    names = tmp_path / "names"
    names.write_text("north-west\nnorth-east\nsouth-west\nsouth-east\n")
    arguments = [str(final), str(database(tmp_path / "db")), f"--out={tmp_path / 'out'}"]
    assert main([*arguments, f"--labels={names}"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert "accuracy 0.8000" in out
    assert any(line.split()[:2] == ["north-west", "3"] for line in out.splitlines())
    folder = tmp_path / "out"
    with (folder / "predictions.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [(row["picture"], row["right"]) for row in rows[:3]][:2] == [
        ("00000008", "0"), ("00000009", "0"),
    ]  # fmt: skip
    assert [row["true"] for row in rows[:2]] == ["north-west", "south-east"]
    assert {row["right"] for row in rows[2:]} == {"1"}
    sure = [float(row["score"]) for row in rows[2:]]
    assert sure == sorted(sure)
    for name in ("confusion.png", "worst.png"):
        with Image.open(folder / name) as picture:
            assert picture.format == "PNG"
    with (folder / "confusion.csv").open() as file:
        table = list(csv.reader(file))
    assert table[1] == ["north-west", "2", "0", "0", "1"]
    assert json.loads((folder / "evaluation.json").read_text())["accuracy"] == 0.8
    with (folder / "classes.csv").open() as file:
        assert [row["class"] for row in csv.DictReader(file)] == names.read_text().split()


def test_classes_by_name(final: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A folder's classes are matched with the net's by name, not by their place in an alphabet."""
    place = tmp_path / "set"
    for name, number in (("zero", 0), ("two", 2)):
        (place / name).mkdir(parents=True)
        saved(place / name, quarter(number), "a.png")
    names = tmp_path / "names"
    names.write_text("zero\none\ntwo\nthree\n")
    assert main([str(final), str(place), f"--labels={names}", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["accuracy"] == 1
    (place / "four").mkdir()
    saved(place / "four", quarter(0), "a.png")
    assert main([str(final), str(place), f"--labels={names}"]) == 2
    assert "the class 'four' is none of the net's: zero, one" in capsys.readouterr().err
    assert main([str(final), str(place)]) == 2
    assert "has 3 classes, the net 4 (--labels FILE" in capsys.readouterr().err


def test_broken_pictures_are_named(
    final: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The others are measured; the exit status tells."""
    place = folders(tmp_path / "set")
    (place / "0" / "4.png").write_bytes(b"none")
    assert main([str(final), str(place)]) == 2
    out, err = capsys.readouterr()
    assert "9 pictures of" in out
    assert "4.png: is no picture that can be read" in err


def test_what_is_refused(final: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One line for sets and models that do not fit."""
    with DatabaseWriter(tmp_path / "wide") as writer:
        writer.put([(b"0", caffe_pb2.Datum(channels=1, height=8, width=9,
                                           data=bytes(72)).SerializeToString())])  # fmt: skip
    with DatabaseWriter(tmp_path / "label") as writer:
        writer.put([(b"0", caffe_pb2.Datum(channels=1, height=8, width=8, label=4,
                                           data=bytes(64)).SerializeToString())])  # fmt: skip
    (tmp_path / "empty").mkdir()
    deploy, weights = model(tmp_path / "m")
    good = str(database(tmp_path / "db"))
    for arguments, words in (
        ([str(final), str(tmp_path / "wide")], "0 is 1 × 8 × 9, the net takes 1 × 8 × 8"),
        ([str(final), str(tmp_path / "label")], "0 has the label 4, the net has 4 classes"),
        ([str(final), str(tmp_path / "empty")], "is an empty folder"),
        ([str(final), str(tmp_path / "none")], "there is no such file or folder"),
        ([str(weights), good], "needs its deploy net (--deploy NET)"),
        ([str(final), good, f"--labels={deploy}"], "names for 4 classes"),
        ([str(final), good, f"--out={deploy}/x"], "cannot make the folder"),
    ):
        assert main(arguments) == 2
        out, err = capsys.readouterr()
        assert (out, len(err.splitlines())) == ("", 1), err
        assert words in err


def test_labels_that_are_more_than_one_class(
    final: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Pictures whose true labels stand elsewhere are not all taken for class 0."""
    from PIL import Image

    Image.new("L", (28, 28)).save(tmp_path / "a.png")
    (tmp_path / "list").write_text("a.png 0.25 0.5\n")
    arguments = ["imageset", f"{tmp_path}/", str(tmp_path / "list"), str(tmp_path / "p_lmdb")]
    assert convert.main([*arguments, "-gray", "--labels=float"]) == 0
    assert main([str(final), str(tmp_path / "p_lmdb")]) == 2
    said = capsys.readouterr().err
    assert "p_lmdb: its labels are 2 numbers each (--labels float)" in said


def test_from_python(final: Path, tmp_path: Path) -> None:
    """`caffe_mnist.evaluate(…)` is what the command does: as a value, as text, in files."""
    import caffe_mnist

    place, steps = folders(tmp_path / "set"), []
    report = caffe_mnist.evaluate(
        final, place, out=tmp_path / "out", progress=lambda *step: steps.append(step)
    )
    assert isinstance(report, caffe_mnist.Report)
    assert report.accuracy == report.summary()["accuracy"] == 0.8
    assert report.confusion.tolist() == [[2, 0, 0, 1], [0, 2, 0, 0], [0, 0, 2, 0], [0, 0, 1, 2]]
    wrong = sorted((row.true, row.predicted) for row in report.rows if row.true != row.predicted)
    assert wrong == [(0, 3), (3, 2)]
    assert str(report).startswith(f"10 pictures of {place}\naccuracy 0.8000")
    assert {path.name for path in (tmp_path / "out").iterdir()} == set(report.written)
    assert steps[-1] == (10, 10)
    with pytest.raises(caffe_mnist.CaffeMnistError, match="there is no such model"):
        caffe_mnist.evaluate(tmp_path / "none", place)
