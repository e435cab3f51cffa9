"""A dataset is made whole or not at all; what a kill interrupts is gone on with."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

pytest.importorskip("cv2")
pytest.importorskip("PIL")


from caffe_mnist.convert import main
from tests.datasets.pictures.runs import (
    PAPERS,
    SMALL,
    assert_same,
    images,
    killed,
    names,
    picture,
    records,
    source,
)


@pytest.mark.parametrize(
    ("place", "last"),
    [
        ("train_lmdb", 150),
        ("val_lmdb", 0),
        ("val_lmdb", 90),
        ("sheet", 0),
        ("half sheet", 0),
        ("published", 0),
    ],
)
def test_a_killed_run_is_gone_on_with(place: str, last: int, tmp_path: Path) -> None:
    """kill -9 anywhere: nothing stands at OUT_DIR that is not whole, and --resume makes the same
    bytes as a run that was left alone, without a trace of the first."""
    folder = source(tmp_path / "src", "folders", 300)
    (folder / "rose/4.jpg").write_bytes(b"broken")
    how = (folder, *SMALL, "--val=0.3", "--shuffle", "--allow-skips=1")
    done = killed(signal.SIGKILL, place, last, how[0], tmp_path / "out", *how[1:])
    assert done.returncode == -signal.SIGKILL
    assert names(tmp_path) - {".out.partial"} == {"src", *(["out"] if place == "published" else [])}
    assert ".out.partial" in names(tmp_path)
    assert images(how[0], tmp_path / "out", *how[1:], "--resume") == 0
    assert names(tmp_path) == {"src", "out"}
    assert images(how[0], tmp_path / "whole", *how[1:]) == 0
    assert_same(tmp_path / "out", tmp_path / "whole")
    assert main(["check", str(tmp_path / "out")]) == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_end_it_in_order(number: signal.Signals, tmp_path: Path) -> None:
    """One line says what is kept; the next run goes on with it, or begins anew."""
    folder = source(tmp_path / "src", "folders", 120)
    done = killed(number, "train_lmdb", 40, folder, tmp_path / "out", *SMALL)
    assert done.returncode == 128 + number
    assert "Traceback" not in done.stderr
    assert "--resume goes on" in done.stderr
    assert names(tmp_path) == {"src", ".out.partial"}
    more = ["--resume"] if number == signal.SIGINT else []
    assert images(folder, tmp_path / "out", *SMALL, *more) == 0
    assert names(tmp_path) == {"src", "out"}
    assert len(records(tmp_path / "out/train_lmdb")) == 120


def test_what_did_nothing_leaves_nothing(tmp_path: Path) -> None:
    """A signal before the first record, or an option that cannot be, keeps nothing aside."""
    folder = source(tmp_path / "src", "folders", 6)
    done = killed(signal.SIGINT, "train_lmdb", 0, folder, tmp_path / "out", *SMALL)
    assert done.returncode == 128 + signal.SIGINT
    assert images(folder, tmp_path / "out", "--encode-type=zzz") == 2
    assert names(tmp_path) == {"src"}


@pytest.mark.parametrize("below", ["", "sub"])
def test_a_dataset_among_its_pictures(below: str, tmp_path: Path) -> None:
    """Where OUT_DIR is the source, or in it, a second run finds the same pictures again."""
    folder = source(tmp_path / "src", "folders", 6)
    assert images(folder, folder / below, *SMALL) == 0
    before = (folder / below / "dataset.json").read_bytes()
    assert images(folder, folder / below, *SMALL, "--overwrite") == 0
    assert (folder / below / "dataset.json").read_bytes() == before
    assert {"daisy", "rose", "tulip"} < names(folder)


def test_going_on_with_something_else_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Other options are another dataset; without --resume it is begun anew."""
    folder = source(tmp_path / "src", "folders", 60)
    killed(signal.SIGKILL, "train_lmdb", 0, folder, tmp_path / "out", *SMALL)
    assert images(folder, tmp_path / "out", *SMALL, "--gray", "--resume") == 2
    assert "without --resume it starts anew" in capsys.readouterr().err
    assert images(folder, tmp_path / "out", *SMALL, "--gray") == 0
    assert names(tmp_path) == {"src", "out"}


def test_resume_of_what_is_complete(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Says so and changes nothing; what was skipped is still told by the exit status."""
    folder = source(tmp_path / "src", "folders", 6)
    (folder / "rose/4.jpg").write_bytes(b"broken")
    assert images(folder, tmp_path / "out", *SMALL) == 1
    before = (tmp_path / "out/train_lmdb/data.mdb").stat()
    assert images(folder, tmp_path / "out", *SMALL, "--resume") == 1
    assert "complete already" in capsys.readouterr().out
    assert images(folder, tmp_path / "out", *SMALL, "--resume", "--allow-skips=1") == 0
    assert (tmp_path / "out/train_lmdb/data.mdb").stat() == before
    assert images(folder, tmp_path / "out", *SMALL, "--gray", "--resume") == 2


@pytest.mark.parametrize("moved", [3, 8, 12])
def test_a_kill_between_two_files_of_the_dataset(moved: int, tmp_path: Path) -> None:
    """Beside files of somebody else the new ones come one by one: a kill there is mended."""
    folder, out = source(tmp_path / "src", "folders", 6), tmp_path / "out"
    assert images(folder, out, *SMALL, "--val=0.4") == 0
    (out / "notes.txt").write_text("mine")
    how = (*SMALL, "--gray", "--overwrite")
    done = killed(signal.SIGKILL, "move", moved, folder, out, *how)
    assert done.returncode == -signal.SIGKILL
    assert (out / "notes.txt").read_text() == "mine"
    assert images(folder, out, *how, "--resume") == 0
    assert names(out) == PAPERS | {"train_lmdb", "notes.txt"}
    assert names(tmp_path) == {"src", "out"}
    assert main(["check", str(out)]) == 0


@pytest.mark.parametrize("place", ["sheet", "published"])
def test_going_on_with_an_overwrite(place: str, tmp_path: Path) -> None:
    """That a dataset of the same names is there does not mean that the new one is made."""
    folder, out = source(tmp_path / "src", "folders", 6), tmp_path / "out"
    assert images(folder, out, *SMALL) == 0
    old = (out / "dataset.json").read_bytes()
    picture(folder / "daisy/0.jpg", 1, (9, 99, 199))
    done = killed(signal.SIGKILL, place, 0, folder, out, *SMALL, "--overwrite")
    assert done.returncode == -signal.SIGKILL
    assert ((out / "dataset.json").read_bytes() == old) == (place == "sheet")
    assert images(folder, out, *SMALL, "--overwrite", "--resume") == 0
    assert (out / "dataset.json").read_bytes() != old
    assert names(tmp_path) == {"src", "out"}
    assert main(["check", str(out)]) == 0
