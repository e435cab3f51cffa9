"""`convert images` as a user meets it: every form of a source, and every option."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

pytest.importorskip("cv2")
pytest.importorskip("PIL")

import numpy as np

from caffe_mnist.convert import main
from tests.datasets.pictures.runs import (
    COLORS,
    PAPERS,
    ROOT,
    SMALL,
    assert_same,
    images,
    killed,
    names,
    picture,
    pixels,
    records,
    skipped,
    source,
)
from tests.fixtures.swift import Swift


@pytest.mark.parametrize("form", ["pairs", "folders", "list", "csv"])
def test_every_form(form: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Recognised and said; two databases, balanced, and all that belongs to them."""
    out = tmp_path / "out"
    assert images(source(tmp_path / "src", form), out, *SMALL, "--val", "0.25") == 0
    said = capsys.readouterr().out
    assert said.startswith(f"{form}: 24 pictures of 3 classes\n")
    assert names(out) == PAPERS | {"train_lmdb", "val_lmdb"}
    assert names(tmp_path) == {"src", "out"}
    train, val = (records(out / f"{name}_lmdb") for name in ("train", "val"))
    assert Counter(one.label for one in train.values()) == {0: 6, 1: 6, 2: 6}
    assert Counter(one.label for one in val.values()) == {0: 2, 1: 2, 2: 2}
    colors = list(COLORS.values())
    for one in (*train.values(), *val.values()):
        assert np.abs(pixels(one).mean(axis=(0, 1)) - colors[one.label]).max() < 5
    kinds = ["0", "1", "2"] if form == "list" else list(COLORS)
    assert (out / "labels.txt").read_text().splitlines() == kinds
    index = json.loads((out / "dataset.json").read_text())
    assert index["sets"]["train"]["classes"] == ([] if form == "list" else kinds)
    assert json.loads((out / "report.json").read_text())["sets"] == {"train": 18, "val": 6}
    assert main(["check", str(out)]) == 0


@pytest.mark.parametrize(
    ("files", "what"),
    [
        ({}, "is an empty folder"),
        ({"notes.doc": b"-"}, "no pictures"),
        ({"a.jpg": b"-"}, ""),
        ({"a.txt": b"rose"}, ""),
        ({"a.jpg": b"-", "a.txt": b"rose", "tulip/b.jpg": b"-"}, "several forms at once"),
        ({"list.txt": b""}, ""),
    ],
)
def test_sources_that_are_none(
    files: dict[str, bytes], what: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line, exit status 2, and nothing is made."""
    (tmp_path / "src").mkdir()
    for name, content in files.items():
        (tmp_path / "src" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "src" / name).write_bytes(content)
    assert images(tmp_path / "src", tmp_path / "out") == 2
    out, err = capsys.readouterr()
    assert (out, len(err.splitlines())) == ("", 1)
    assert what in err
    assert names(tmp_path) == {"src"}


def test_halves_of_pairs_and_files_listed_twice(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A picture without its text, and the other way round, are skipped by name; a name that is
    in a list twice is remarked on, and is two records as in convert_imageset."""
    folder = source(tmp_path / "src", "pairs", 6)
    (folder / "0.txt").unlink()
    (folder / "1.jpg").unlink()
    assert images(folder, tmp_path / "out", *SMALL, "--allow-skips", 2) == 0
    assert set(skipped(tmp_path / "out")) == {"0.jpg", "1.txt"}
    listed = source(tmp_path / "listed", "list", 3)
    listed.write_text(listed.read_text() * 2)
    capsys.readouterr()
    assert images(listed, tmp_path / "twice", *SMALL) == 0
    assert "more than once" in capsys.readouterr().err
    assert len(records(tmp_path / "twice/train_lmdb")) == 6


def test_root_and_form(tmp_path: Path) -> None:
    """--root says where a list's paths start, --form what a folder of several forms is."""
    listed = source(tmp_path / "src", "list", 3)
    moved = tmp_path / "elsewhere.txt"
    listed.rename(moved)
    assert images(moved, tmp_path / "out", *SMALL, "--root", tmp_path / "src") == 0
    for name in ("a/1.jpg", "b/2.jpg", "3.jpg"):
        picture(tmp_path / "mixed" / name, 1, (1, 2, 3))
    (tmp_path / "mixed/3.txt").write_text("c")
    assert images(tmp_path / "mixed", tmp_path / "none") == 2
    assert (
        images(tmp_path / "mixed", tmp_path / "pairs", *SMALL, "--form=pairs", "--allow-skips=2")
        == 0
    )
    assert (tmp_path / "pairs/labels.txt").read_text() == "c\n"


def test_a_dry_run_says_what_there_is_and_writes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Form, classes and how many of each would go where."""
    folder = source(tmp_path / "src", "folders", 9)
    assert images(folder, tmp_path / "out", "--dry-run", "--val", "0.3") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "folders: 9 pictures of 3 classes"
    assert lines[2].split() == ["daisy", "2", "1"]
    assert lines[-1].split() == ["all", "6", "3"]
    assert names(tmp_path) == {"src"}


def test_a_url_is_as_the_folder(tmp_path: Path) -> None:
    """The same bytes; what was fetched is gone afterwards."""
    folder = source(tmp_path / "src", "pairs", 6)
    assert images(folder, tmp_path / "one", *SMALL) == 0
    assert images(folder.as_uri(), tmp_path / "two", *SMALL) == 0
    assert_same(tmp_path / "one", tmp_path / "two")
    assert images(f"file://{tmp_path}/none", tmp_path / "three") == 2
    assert names(tmp_path) == {"src", "one", "two"}


def test_a_store_is_as_the_folder(
    tmp_path: Path, swift: Swift, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pictures in a bucket give the same bytes; a kill keeps what was fetched, the end does not."""
    from caffe_mnist.storage.copies import upload_folder

    for key, value in swift.env().items():
        monkeypatch.setenv(key, value)
    folder, url = source(tmp_path / "src", "pairs", 60), f"s3://{swift.bucket()}/flowers"
    upload_folder(folder, url)
    how = (*SMALL, "--val=0.2")
    done = killed(signal.SIGKILL, "train_lmdb", 40, url, tmp_path / "two", *how)
    assert done.returncode == -signal.SIGKILL
    assert images(url, tmp_path / "two", *how, "--resume") == 0
    assert images(folder, tmp_path / "one", *how) == 0
    assert_same(tmp_path / "one", tmp_path / "two")
    assert images(f"{url}/none", tmp_path / "three") in (1, 2)
    assert names(tmp_path) == {"src", "one", "two"}


def test_a_list_in_a_store(
    tmp_path: Path,
    swift: Swift,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The URL of a list or a table is as the file: its pictures come from the folder around it."""
    from caffe_mnist.storage.copies import upload_folder

    for key, value in swift.env().items():
        monkeypatch.setenv(key, value)
    for form in ("list", "csv"):
        file, url = source(tmp_path / form, form, 6), f"s3://{swift.bucket()}/{form}"
        upload_folder(tmp_path / form, url)
        assert images(f"{url}/{file.name}", tmp_path / "two", *SMALL) == 0
        assert images(file, tmp_path / "one", *SMALL) == 0
        assert_same(tmp_path / "one", tmp_path / "two")
        assert images(f"{url}/0.jpg", tmp_path / "three") == 2
        assert f"{url}/0.jpg" in capsys.readouterr().err
        shutil.rmtree(tmp_path / "one")
        shutil.rmtree(tmp_path / "two")
    assert names(tmp_path) == {"list", "csv"}


def test_the_same_seed_is_the_same_dataset(tmp_path: Path) -> None:
    """Whatever the number of workers; another seed is another order and another split."""
    folder = source(tmp_path / "src", "folders")
    how = (*SMALL, "--val", "0.25", "--shuffle")
    assert images(folder, tmp_path / "one", *how, "--seed=5", "--workers=1") == 0
    assert images(folder, tmp_path / "two", *how, "--seed=5", "--workers=2") == 0
    assert images(folder, tmp_path / "other", *how, "--seed=6") == 0
    assert_same(tmp_path / "one", tmp_path / "two")
    one, other = (list(records(tmp_path / name / "train_lmdb")) for name in ("one", "other"))
    assert len(one) == len(other)
    assert one != other


def test_shards_are_the_parts_of_the_one(tmp_path: Path) -> None:
    """--shards N makes them all, --shard I/N one each and convert merge the same of them."""
    folder = source(tmp_path / "src", "folders")
    for name in ("tulip/8.jpg", "rose/7.jpg"):  # train's last one and val's first one
        (folder / name).write_bytes(b"broken")
    how = (*SMALL, "--val=0.25", "--shuffle", "--allow-skips=2")
    assert images(folder, tmp_path / "all", *how, "--shards=2") == 0
    for number in range(2):
        assert images(folder, tmp_path / "parts", *how, f"--shard={number}/2") == 0
    assert main(["merge", str(tmp_path / "parts")]) == 0
    for name in ("dataset.json", "mean.binaryproto", "labels.txt", "skipped.csv"):
        one, other = (tmp_path / made / name for made in ("all", "parts"))
        assert one.read_bytes() == other.read_bytes(), name
    assert images(folder, tmp_path / "one", *how) == 0
    mean = "mean.binaryproto"
    assert (tmp_path / "one" / mean).read_bytes() == (tmp_path / "all" / mean).read_bytes()
    whole = records(tmp_path / "one/train_lmdb")
    parts = [records(tmp_path / f"all/train_lmdb-0000{n}-of-00002") for n in range(2)]
    assert {**parts[0], **parts[1]} == whole


def test_help_loads_nothing_heavy() -> None:
    """--help needs neither OpenCV nor NumPy nor torch."""
    code = (
        "import sys; from caffe_mnist.convert import main\n"
        "try: main(['images', '--help'])\n"
        "except SystemExit: pass\n"
        "print(sorted({'cv2', 'numpy', 'torch', 'lmdb', 'PIL'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"
