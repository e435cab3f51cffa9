"""The report on a dataset, its table and its contact sheet: true, readable, and always the same."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip("PIL")

from PIL import Image

from caffe_mnist.datasets.pictures.contact_sheet import write_contact_sheet
from caffe_mnist.datasets.pictures.listing import Entry, Listing, Skipped, Written
from caffe_mnist.datasets.pictures.report import (
    Made,
    class_table,
    columns,
    report,
    spread,
    write_report,
)
from caffe_mnist.datasets.pictures.skipped import (
    MOST_LINES,
    read_skipped,
    skipped_lines,
    write_skipped,
)


def made(folder: Path, **more: object) -> Made:
    """Two red roses, a green tulip to validate with, and a broken picture."""
    for name, color in {"a": "red", "b": "red", "c": "#00ff00"}.items():
        Image.new("RGB", (40, 30), color).save(folder / f"{name}.png")
    (folder / "broken.png").write_bytes(b"broken")
    root = f"{folder}/"
    classes = ("rose", "郁金香")
    train = Listing(root, (Entry("a.png", 0), Entry("b.png", 0)), classes, "list")
    val = Listing(root, (Entry("broken.png", 0), Entry("c.png", 1)), classes, "list")
    skipped = (Skipped("broken.png", "no picture"),)
    sets = {
        "train": (train, Written(2, labels={0: 2}, sizes={(30, 40): 1, (10, 40): 1})),
        "val": (val, Written(1, skipped, labels={1: 1}, sizes={(20, 20): 1})),
    }
    return Made("list", classes, sets, skipped, ("a remark",))


def test_report(tmp_path: Path) -> None:
    """Counts by class and set, sizes before resizing, bytes of what was read, what is missing."""
    one = made(tmp_path)
    write_report(tmp_path / "report.json", one, ["report.json", "labels.txt"])
    found = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    assert found == report(one, ["labels.txt", "report.json"])
    assert (found["records"], found["sets"]) == (3, {"train": 2, "val": 1})
    assert found["classes"] == [
        {"label": 0, "name": "rose", "records": {"train": 2, "val": 0}},
        {"label": 1, "name": "郁金香", "records": {"train": 0, "val": 1}},
    ]
    assert found["height"] == {"min": 10, "median": 20, "max": 30}
    assert found["width"] == {"min": 20, "median": 40, "max": 40}
    assert found["aspect"] == {"min": 1, "median": 1.3333, "max": 4}
    assert found["sizes"][0] == {"height": 10, "width": 40, "pictures": 1}
    total = sum((tmp_path / f"{name}.png").stat().st_size for name in "abc")
    assert found["bytes"]["total"] == total
    assert found["skipped"] == [{"name": "broken.png", "reason": "no picture"}]
    assert found["remarks"] == ["a remark"]


def test_spread() -> None:
    """Smallest, the one in the middle, and largest; of nothing, nothing."""
    assert spread({}) is None
    assert spread({5: 1}) == {"min": 5, "median": 5, "max": 5}
    assert spread({1: 10, 100: 1, 7: 2}) == {"min": 1, "median": 1, "max": 100}


def test_class_table(tmp_path: Path) -> None:
    """A line for each class, numbers below each other; Chinese letters take two columns."""
    lines = class_table(made(tmp_path))
    assert [line.split() for line in lines] == [
        ["class", "train", "val"],
        ["rose", "2", "0"],
        ["郁金香", "0", "1"],
        ["all", "2", "1"],
    ]
    assert len({columns(line) for line in lines}) == 1


def test_the_table_of_a_thousand_classes_is_short() -> None:
    """Only its ends are shown, and the sum."""
    labels = dict.fromkeys(range(1000), 1)
    listing = Listing("", (), (), "list")
    lines = class_table(Made("list", (), {"train": (listing, Written(1000, labels=labels))}))
    assert len(lines) < 40
    assert lines[-1].split() == ["all", "1000"]


def test_contact_sheet(tmp_path: Path) -> None:
    """Every class has a row of its own pictures, in its color; what is broken is not there."""
    one = made(tmp_path)
    write_contact_sheet(tmp_path / "sheet.png", one)
    with Image.open(tmp_path / "sheet.png") as sheet:
        colors = sheet.convert("RGB")
    counts = {color: count for count, color in colors.getcolors(1 << 24) or []}
    assert counts[255, 0, 0] == 2 * counts[0, 255, 0] > 0
    write_contact_sheet(tmp_path / "again.png", one)
    assert (tmp_path / "sheet.png").read_bytes() == (tmp_path / "again.png").read_bytes()


def test_contact_sheet_of_many_classes(tmp_path: Path) -> None:
    """Hundreds of classes still give a sheet that can be looked at."""
    Image.new("RGB", (8, 8), "red").save(tmp_path / "a.png")
    entries = tuple(Entry("a.png", label) for label in range(500))
    written = Written(500, labels=dict.fromkeys(range(500), 1), sizes={(8, 8): 500})
    listing = Listing(f"{tmp_path}/", entries, (), "list")
    write_contact_sheet(tmp_path / "sheet.png", Made("list", (), {"train": (listing, written)}))
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert max(sheet.size) < 10_000


def test_skipped_table(tmp_path: Path) -> None:
    """Commas, line ends and bytes that are no text go to the table and come back."""
    skipped = [Skipped('a,"b.jpg', "no picture"), Skipped("c\nd\udcff.jpg", "empty, so to say")]
    write_skipped(tmp_path / "skipped.csv", skipped)
    assert (tmp_path / "skipped.csv").read_bytes().startswith(b"name,reason\n")
    assert read_skipped(tmp_path / "skipped.csv") == skipped
    (tmp_path / "other.csv").write_text("mine\n")
    assert read_skipped(tmp_path / "other.csv") is None
    assert read_skipped(tmp_path / "none.csv") is None


def test_skipped_lines() -> None:
    """One printable line for each, of the first twenty."""
    lines = skipped_lines([Skipped("c\n\x1b[31m\udcff.jpg", "no picture")] * 100)
    assert len(lines) == MOST_LINES + 1
    assert all(line.isprintable() for line in lines)
    assert lines[-1].endswith("80 more")
