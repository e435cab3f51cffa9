"""python -m caffe_mnist.watch: logs of any Caffe, live and finished."""

from __future__ import annotations

import csv
import gzip
import subprocess
import sys
import time
from pathlib import Path

import pytest

from caffe_mnist.watch.foreign import watch
from tests.fixtures.jobs import until
from tests.watch.test_metrics import LOG

COMMAND = [sys.executable, "-m", "caffe_mnist.watch"]
DONE = "I1121 03:19:55.000000  6541 caffe.cpp:259] Optimization Done.\n"


def _watch(*arguments: object, **more: str) -> subprocess.CompletedProcess[str]:
    words = [*COMMAND, *map(str, arguments)]
    return subprocess.run(words, capture_output=True, text=True, timeout=120, **more)


def _rows(out: Path) -> list[dict[str, str]]:
    with (out / "metrics.csv").open() as file:
        return list(csv.DictReader(file))


def test_a_finished_log(tmp_path: Path) -> None:
    """Table, picture and events, with the times of the log's own lines; here one packed by gzip."""
    log = tmp_path / "caffe.log.gz"
    log.write_bytes(gzip.compress(LOG.encode()))
    done = _watch(log)
    assert done.returncode == 0, done.stderr
    out = tmp_path / "caffe.log.gz.watch"
    rows = _rows(out)
    assert [row["iteration"] for row in rows] == ["0", "50", "100"]
    assert float(rows[1]["seconds"]) == pytest.approx(2.035, abs=0.01)
    assert "iteration 100: test0_accuracy 0.887, test1_accuracy 0.5" in done.stderr
    pytest.importorskip("matplotlib")
    assert (out / "curves.png").read_bytes().startswith(b"\x89PNG")
    pytest.importorskip("tensorboard")
    from tests.watch.test_events import read

    found = read(out / "events").Scalars("test0/accuracy")
    assert [(one.step, round(one.value, 3)) for one in found] == [(0, 0.153), (100, 0.887)]
    assert found[1].wall_time - found[0].wall_time == pytest.approx(3.617, abs=0.01)


def test_a_live_log_is_followed(tmp_path: Path) -> None:
    """As long as somebody has it open for writing; then the watch ends by itself."""
    log = tmp_path / "caffe.log"
    lines = LOG.splitlines(keepends=True)
    with log.open("w") as file:
        file.writelines(lines[:6])
        file.flush()
        process = subprocess.Popen([*COMMAND, log], stderr=subprocess.PIPE, text=True)
        out = tmp_path / "caffe.log.watch"
        until(lambda: (out / "metrics.csv").exists())
        assert process.poll() is None
        file.writelines(lines[6:])
    assert process.communicate(timeout=60)[1]
    assert process.returncode == 0
    assert len(_rows(out)) == 3


def test_it_ends_with_the_training(tmp_path: Path) -> None:
    """Also when the log stays open."""
    log = tmp_path / "caffe.log"
    with log.open("w") as file:
        file.write(LOG + DONE.replace("caffe.cpp:259", "solver.cpp:326"))
        file.flush()
        begun = time.monotonic()
        assert _watch(log).returncode == 0
    assert time.monotonic() - begun < 60


def test_a_pipe(tmp_path: Path) -> None:
    """`caffe train 2>&1 | watch -`."""
    done = _watch("-", "--out", tmp_path / "out", input=LOG + DONE)
    assert done.returncode == 0, done.stderr
    assert len(_rows(tmp_path / "out")) == 3


def test_a_folder_is_a_run(tmp_path: Path) -> None:
    """Its train.log is the log."""
    (tmp_path / "train.log").write_text(LOG)
    assert _watch(tmp_path, "--once").returncode == 0
    assert len(_rows(tmp_path / "train.log.watch")) == 3


def test_bad_input_is_one_line(tmp_path: Path) -> None:
    """No file, no log, a folder without one, binary rubbish."""
    (tmp_path / "text").write_text("nothing of a training\n")
    (tmp_path / "rubbish").write_bytes(bytes(range(256)) * 20000)
    for name, status in (("nowhere", 2), ("text", 1), ("rubbish", 1), (".", 2)):
        done = _watch(tmp_path / name)
        assert done.returncode == status
        assert len(done.stderr.splitlines()) == 1
        assert "error: " in done.stderr
    assert not list(tmp_path.glob("*.watch"))


def test_what_others_put_before_the_lines(tmp_path: Path) -> None:
    """Containers' and platforms' time stamps do no harm; the values are those without them."""
    lines = [
        "I0612 10:00:03.000000  1234 solver.cpp:222] Iteration 0, loss = 2.3",
        "I0612 10:00:03.000000  1234 solver.cpp:571] Iteration 0, lr = 0.01",
        "I0612 10:00:13.000000  1234 solver.cpp:310] Iteration 100, Testing net (#0)",
        "I0612 10:00:14.000000  1234 solver.cpp:359]     Test net output #0: accuracy = 0.9",
    ]
    tables = []
    for number, before in enumerate(("", "2017-06-12T10:00:00Z stdout F ", "[worker 3] ")):
        log = tmp_path / f"{number}.log"
        log.write_text("".join(f"{before}{line}\n" for line in lines))
        tables.append((watch(str(log), follow=False) / "metrics.csv").read_text())
        assert "0.9" in tables[-1]
    assert len(set(tables)) == 1
