"""python -m caffe_mnist.plot: curves of one or several runs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from caffe_mnist import plot
from caffe_mnist.errors import CaffeMnistError
from tests.fixtures.swift import Swift
from tests.watch.test_metrics import LOG, metrics

pytest.importorskip("matplotlib")


def test_runs_beside_each_other(tmp_path: Path) -> None:
    """A folder, a table, a log and a store's folder: each with its name in the legend."""
    (tmp_path / "run" / "final").mkdir(parents=True)
    metrics().write(tmp_path / "run" / "metrics.csv")
    metrics().write(tmp_path / "run" / "final" / "metrics.csv")
    (tmp_path / "caffe.log").write_text(LOG)
    out = tmp_path / "runs.svg"
    words = ["run", "mine=run/metrics.csv", "caffe.log", f"url=file://{tmp_path}/run/final"]
    done = subprocess.run(
        [sys.executable, "-m", "caffe_mnist.plot", *words, "--out", str(out)],
        cwd=tmp_path, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "4 runs" in done.stdout
    picture = out.read_text()
    for name in ("run", "mine", "caffe.log", "url"):
        assert f"{name}: test0_accuracy: 0.887" in picture or "<path" in picture


def test_a_run_in_a_store(swift: Swift, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The table of the final model of a run."""
    from caffe_mnist.storage.store import open_store

    for key, value in swift.env().items():
        monkeypatch.setenv(key, value)
    url = f"s3://{swift.bucket()}/run"
    open_store(url).write("final/metrics.csv", metrics().to_csv().encode())
    assert sorted(plot.read_run(url).rows) == [0, 50, 100]
    assert sorted(plot.read_run(f"{url}/final").rows) == [0, 50, 100]


@pytest.mark.parametrize("place", ["nowhere", "empty", "text"])
def test_bad_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    """One line, naming the run."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    (tmp_path / "text").write_text("nothing\n")
    with pytest.raises(CaffeMnistError, match=place):
        plot.read_run(place)


def test_formats(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """By the ending of the name; an unknown one is refused before anything is read."""
    assert plot.main(["nowhere", "--out", "curves.bmp"]) == 2
    assert "png, svg, pdf" in capsys.readouterr().err
    metrics().write(tmp_path / "metrics.csv")
    for kind, start in (("png", b"\x89PNG"), ("pdf", b"%PDF"), ("svg", b"<?xml")):
        out = tmp_path / f"curves.{kind}"
        assert plot.main([str(tmp_path), "--out", str(out)]) == 0
        assert out.read_bytes().startswith(start)
