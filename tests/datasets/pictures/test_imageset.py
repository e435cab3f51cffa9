"""`convert imageset`: databases that grow, and labels of several numbers or classes."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("cv2")

import numpy as np

from caffe_mnist.convert import main
from caffe_mnist.datasets.database import Database
from caffe_mnist.datasets.index import read_index
from caffe_mnist.datasets.pictures import imageset
from caffe_mnist.schema import caffe_pb2
from tests.datasets.pictures.runs import ROOT, names, picture

RESIZED = ("-resize_height=8", "-resize_width=8")


def pictures(folder: Path, count: int) -> list[str]:
    """Pictures with blanks in their names."""
    found = [f"a {number}.png" for number in range(count)]
    for number, name in enumerate(found):
        picture(folder / name, number, (number, 2 * number, 255 - number))
    return found


def convert(folder: Path, lines: list[str], out: str, *more: str) -> int:
    """The exit status of one run over a list of those lines."""
    (folder / "list.txt").write_text("".join(f"{line}\n" for line in lines))
    arguments = ["imageset", f"{folder}/src", f"{folder}/list.txt", f"{folder}/{out}"]
    return main([*arguments, *RESIZED, *more])


def records(path: Path) -> list[tuple[bytes, bytes]]:
    """Keys and values."""
    with Database(path) as database:
        return [(key, bytes(value)) for key, value in database.records()]


def vectors(path: Path) -> list[list[float]]:
    """The numbers of each record of labels."""
    return [list(caffe_pb2.Datum.FromString(value).float_data) for _, value in records(path)]


def test_a_database_that_grew_is_that_of_the_whole_list(tmp_path: Path) -> None:
    """--append, twice, with a broken picture: keys go on, and the receipt tells of all."""
    lines = [f"{name} {number % 3}" for number, name in enumerate(pictures(tmp_path / "src", 9))]
    (tmp_path / "src/a 5.png").write_bytes(b"broken")
    assert convert(tmp_path, lines, "whole", "--allow-skips=1") == 0
    assert convert(tmp_path, lines[:4], "db", "--append") == 0  # there is none yet
    assert convert(tmp_path, lines[4:7], "db", "--append") == 1
    assert convert(tmp_path, lines[7:], "db", "--append") == 0
    assert records(tmp_path / "db") == records(tmp_path / "whole")
    made, whole = (read_index(tmp_path / f"{name}.dataset.json").get() for name in ("db", "whole"))
    assert made.shards[0].sha256 == whole.shards[0].sha256
    assert (made.labels, made.why, made.skipped) == (whole.labels, whole.why, 1)
    assert [one["pictures"] for one in made.arguments["appended"]] == [3, 2]
    assert main(["check", str(tmp_path / "db")]) == 0
    assert (tmp_path / "db.skipped.csv").read_text().count("a 5.png") == 1
    assert not [name for name in names(tmp_path) if name.startswith(".")]


def test_names_in_the_place_of_labels_are_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Which number each gets; also that numbers among them became names."""
    one, two, three = pictures(tmp_path / "src", 3)
    assert convert(tmp_path, [f"{one} rose", f"{two} daisy"], "names") == 0
    said = capsys.readouterr()
    assert "labels: 0 daisy, 1 rose" in said.out
    assert "taken for names" not in said.err
    assert convert(tmp_path, [f"{one} 7", f"{two} 0x10", f"{three} 3"], "mixed") == 0
    assert "2 of 3 labels are whole numbers, and '0x10' is none" in capsys.readouterr().err


def test_urls_are_refused_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Not as many missing pictures."""
    (tmp_path / "list").write_text("a.jpg 0\n")
    assert main(["imageset", "s3://b/c/", str(tmp_path / "list"), str(tmp_path / "db")]) == 2
    assert "s3://b/c/: is a URL" in capsys.readouterr().err
    assert names(tmp_path) == {"list"}


def test_one_side_alone_resizes_nothing_and_encodes_anew(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As convert_imageset has it: the picture's size, and not the bytes of the file."""
    (name,) = pictures(tmp_path / "src", 1)
    file = tmp_path / "src" / name
    file.write_bytes(file.read_bytes() + b"more")
    (tmp_path / "list").write_text(f"{name} 3\n")
    ends = {}
    for more in ((), ("-resize_height=5",)):
        out = str(tmp_path / f"db{len(more)}")
        arguments = [f"{tmp_path}/src", str(tmp_path / "list"), out, "-encoded", *more]
        assert main(["imageset", *arguments]) == 0
        ((_, value),) = records(Path(out))
        ends[len(more)] = caffe_pb2.Datum.FromString(value).data.endswith(b"more")
    assert ends == {0: True, 1: False}
    assert "alone resizes nothing" in capsys.readouterr().err


def test_other_options_are_no_more_of_the_same(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Records of another size, and --overwrite at once, are refused; the database stays."""
    lines = [f"{name} 0" for name in pictures(tmp_path / "src", 3)]
    assert convert(tmp_path, lines, "db") == 0
    before = records(tmp_path / "db")
    assert convert(tmp_path, lines, "db", "--append", "-gray") == 2
    said = "was made without -gray, and now is to grow with -gray (give the options of before"
    assert said in capsys.readouterr().err
    assert convert(tmp_path, lines, "db", "--append", "--overwrite") == 2
    assert convert(tmp_path, lines, "db") == 2
    assert "--append adds to it" in capsys.readouterr().err
    assert records(tmp_path / "db") == before


@pytest.mark.parametrize("step", ["before", "after", "receipt"])
def test_an_append_that_was_cut_short_is_finished(
    tmp_path: Path, step: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before the records are copied, after it, and before the receipt: none is there twice."""
    lines = [f"{name} {n} 0.5" for n, name in enumerate(pictures(tmp_path / "src", 8))]
    how = ("--append", "--labels=float")
    assert convert(tmp_path, lines, "whole_lmdb", "--labels=float") == 0
    assert convert(tmp_path, lines[:3], "db_lmdb", *how) == 0
    copy = imageset.append_all

    def cut(path: str, more: str) -> int:
        if step != "before":
            copy(path, more)
        if step == "receipt" and path.endswith("db_label_lmdb"):
            return 0
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(imageset, "append_all", cut)
        assert convert(tmp_path, lines[3:], "db_lmdb", *how) == 130
    if step == "receipt":
        assert convert(tmp_path, lines[3:], "db_lmdb", *how) == 2
        assert "--resume finishes it" in capsys.readouterr().err
    assert convert(tmp_path, lines[3:], "db_lmdb", *how, "--resume") == 0
    for name in ("_lmdb", "_label_lmdb"):
        assert records(tmp_path / f"db{name}") == records(tmp_path / f"whole{name}")
        assert main(["check", str(tmp_path / f"db{name}")]) == 0
    assert not [name for name in names(tmp_path) if name.startswith(".")]


@pytest.mark.parametrize("step", ["before", "half", "after"])
def test_an_append_that_was_cut_short_at_its_end_adds_nothing_more(
    tmp_path: Path, step: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A kill behind the receipts: --resume finds that all is done; without it, it is another."""
    lines = [f"{name} {n} 0.5" for n, name in enumerate(pictures(tmp_path / "src", 5))]
    (tmp_path / "src/a 4.png").write_bytes(b"broken")
    how = ("--append", "--labels=float", "--allow-skips=1")
    assert convert(tmp_path, lines[:3], "db_lmdb", *how) == 0

    def cut(work: imageset._Append) -> None:
        if step == "half":
            (Path(work.place) / "data.mdb").unlink()
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        if step != "after":
            patched.setattr(imageset._Append, "_tidy", cut)
        status = convert(tmp_path, lines[3:], "db_lmdb", *how)
        assert status == (0 if step == "after" else 130)
    before = [records(tmp_path / name) for name in ("db_lmdb", "db_label_lmdb")]
    receipt = (tmp_path / "db_lmdb.dataset.json").read_bytes()
    capsys.readouterr()
    assert convert(tmp_path, lines[3:], "db_lmdb", *how, "--resume") == 0
    said = capsys.readouterr()
    assert "complete already" in said.out
    assert "a 4.png" in said.err
    assert [records(tmp_path / name) for name in ("db_lmdb", "db_label_lmdb")] == before
    assert (tmp_path / "db_lmdb.dataset.json").read_bytes() == receipt
    assert not [name for name in names(tmp_path) if name.startswith(".")]
    assert convert(tmp_path, lines[3:], "db_lmdb", *how) == 0
    assert len(records(tmp_path / "db_lmdb")) == len(before[0]) + 1
    for name in ("db_lmdb", "db_label_lmdb"):
        assert main(["check", str(tmp_path / name)]) == 0


def test_a_reader_keeps_the_records_that_it_had(tmp_path: Path) -> None:
    """An epoch that began before records were appended ends where it would have."""
    lines = [f"{name} 0" for name in pictures(tmp_path / "src", 6)]
    assert convert(tmp_path, lines[:2], "db") == 0
    with Database(tmp_path / "db") as database:
        epoch = database.records()
        next(epoch)
        (tmp_path / "list.txt").write_text("".join(f"{line}\n" for line in lines[2:]))
        given = ["imageset", tmp_path / "src", tmp_path / "list.txt", tmp_path / "db", "--append"]
        command = [sys.executable, "-m", "caffe_mnist.convert", *given, *RESIZED]
        assert subprocess.run(command, cwd=ROOT).returncode == 0
        assert len(list(epoch)) == 1
        assert len(list(database.records())) == 2
    assert len(records(tmp_path / "db")) == 6


def test_float_labels_stand_beside_the_pictures(tmp_path: Path) -> None:
    """The same keys; a skipped picture has no label; lines that say something else are named."""
    some = pictures(tmp_path / "src", 6)
    (tmp_path / "src/a 1.png").write_bytes(b"")
    ends = [" 0.5 -1e-3", "\t1 2\r", " 3,4  ", " 5", " x 1", " 1e39 0"]
    lines = [name + end for name, end in zip(some, ends)]
    labels = tmp_path / "labels"
    assert convert(tmp_path, lines, "db", "--labels=float", f"--label-db={labels}") == 1
    assert [key for key, _ in records(labels)] == [key for key, _ in records(tmp_path / "db")]
    assert [key for key, _ in records(labels)] == [b"00000000_a 0.png", b"00000002_a 2.png"]
    assert vectors(labels) == [[0.5, pytest.approx(-1e-3)], [3, 4]]
    assert main(["export", str(labels), str(tmp_path / "labels.npz")]) == 0
    with np.load(tmp_path / "labels.npz") as arrays:
        assert arrays["images"].reshape(2, 2).tolist() == [[0.5, pytest.approx(-1e-3)], [3, 4]]
    reasons = dict(read_index(tmp_path / "db.dataset.json").get().why)
    assert reasons["a 1.png"] == "an empty file"
    assert "1 numbers, unlike 2" in reasons["a 3.png"]
    assert "'x' is no number" in reasons["a 4.png"]
    assert "too large" in reasons["a 5.png"]


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["{0}\tcat dog", "{1}", "{2} bird"], [[0, 1, 1], [0, 0, 0], [1, 0, 0]]),
        (["{0} 3 0", "{1} 1", "{2}"], [[1, 0, 0, 1], [0, 1, 0, 0], [0, 0, 0, 0]]),
    ],
)
def test_several_classes_a_picture(
    tmp_path: Path, lines: list[str], expected: list[list[int]]
) -> None:
    """Zeros and ones, a column for each class: by names in their order, or by numbers."""
    some = pictures(tmp_path / "src", 3)
    assert convert(tmp_path, [line.format(*some) for line in lines], "db", "--labels=multi") == 0
    assert vectors(tmp_path / "db_label") == expected


@pytest.mark.parametrize(
    ("table", "kind", "more", "expected"),
    [
        ("id,file,x,y\n1,{0},.5,2\n2,{1},1,-3\n", "float", (), [[0.5, 2], [1, -3]]),
        ("file,x,y\n{0},.5,2\n{1},1,-3\n", "float", ("--label-columns=y",), [[2], [-3]]),
        ("image;tags\n{0};b a\n{1};b\n", "multi", (), [[1, 1], [0, 1]]),
        ("file,smiles,old\n{0},-1,1\n{1},1,0\n", "multi", (), [[0, 1], [1, 0]]),
    ],
)
def test_tables_of_vectors(
    tmp_path: Path, table: str, kind: str, more: tuple[str, ...], expected: list[list[float]]
) -> None:
    """Columns of numbers, of names of classes, and a column for each class."""
    some = pictures(tmp_path / "src", 2)
    (tmp_path / "t.csv").write_text(table.format(*some))
    out = tmp_path / "out"
    given = ["images", tmp_path / "t.csv", out, "--root", tmp_path / "src", "--labels", kind]
    assert main([*map(str, given), *more]) == 0
    assert vectors(out / "train_label_lmdb") == expected
    assert main(["check", str(out)]) == 0


def test_pairs_of_vectors_in_shards(tmp_path: Path) -> None:
    """n.txt with numbers; as shards on several machines, merged, they are the whole."""
    for number, name in enumerate(pictures(tmp_path / "src", 7)):
        (tmp_path / f"src/{name[:-4]}.txt").write_text(f"{number}\n0.25\r\n")
    arguments = ["images", str(tmp_path / "src"), "", "--labels=float", *RESIZED]
    for out, more in (("whole", "--shards=2"), ("parts", "--shard=1/2"), ("parts", "--shard=0/2")):
        arguments[2] = str(tmp_path / out)
        assert main([*arguments, more]) == 0
    assert main(["merge", str(tmp_path / "parts")]) == 0
    for file in ("dataset.json", "mean.binaryproto", "std.binaryproto"):
        one, other = ((tmp_path / out / file).read_bytes() for out in ("whole", "parts"))
        assert one == other, file
    report = json.loads((tmp_path / "whole/report.json").read_text())
    assert report["values"][0] == {"name": "0", "min": 0, "mean": 3, "max": 6}
    assert re.fullmatch(
        r"\[\[0\.0, 0\.25\], .*", str(vectors(tmp_path / "whole/train_label_lmdb-00000-of-00002"))
    )


def test_folders_have_one_class_a_picture(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What cannot be asked of a source, or of labels, is refused in one line."""
    picture(tmp_path / "src/rose/1.png", 1, (1, 2, 3))
    picture(tmp_path / "src/tulip/1.png", 1, (1, 2, 3))
    given = ["images", str(tmp_path / "src"), str(tmp_path / "out")]
    for more, what in (
        (["--labels=float"], "one folder per class says one class a picture"),
        (["--labels=double"], "--labels double: unknown"),
        (["--label-columns=x"], "--label-columns is for tables"),
    ):
        assert main([*given, *more]) == 2
        assert what in capsys.readouterr().err
    assert names(tmp_path) == {"src"}


def test_databases_that_lists_did_not_make_grow(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One of IDX files, and one without a receipt: by what their records are."""
    images = b"\0\0\x08\x03" + np.array([2, 8, 8], ">u4").tobytes() + bytes(2 * 8 * 8)
    (tmp_path / "images").write_bytes(images)
    (tmp_path / "labels").write_bytes(b"\0\0\x08\x01\0\0\0\x02\x01\x02")
    lines = [f"{name} 0" for name in pictures(tmp_path / "src", 2)]
    for name in ("idx", "bare"):
        files = [str(tmp_path / file) for file in ("images", "labels", name)]
        assert main(["idx", *files]) == 0
    (tmp_path / "bare.dataset.json").unlink()
    for name in ("idx", "bare"):
        assert convert(tmp_path, lines, name, "--append") == 2
        said = capsys.readouterr().err
        assert "its records are 1 x 8 x 8, and the new ones would be 3 x 8 x 8" in said
        assert convert(tmp_path, lines, name, "--append", "-gray") == 0
        assert convert(tmp_path, lines, name, "--append", "-gray") == 0
        assert len(records(tmp_path / name)) == 6
    assert not [name for name in names(tmp_path) if name.startswith(".")]
