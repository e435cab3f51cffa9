"""python -m caffe_mnist.compare."""

from __future__ import annotations

import csv
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fixtures.jobs import Job

COMMAND = [sys.executable, "-m", "caffe_mnist.compare"]


def _run(job: Job, *arguments: str, **fake: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, f"--out={job.folder / 'out'}", *arguments],
        cwd=job.folder,
        env=job.surroundings(fake),
        capture_output=True,
        text=True,
        timeout=600,
    )


def test_measured_beside_what_is_quoted(job: Job) -> None:
    """Every sample is trained by the engine; its accuracy is that of its own record."""
    pytest.importorskip("torch")
    done = _run(
        job, f"--data-url={job.dataset}", "--caffe=embedded", "--set=max_iter=20",
        "--set=display=10", "--set=test_iter=2", "--only=softmax,mlp",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    rows = list(csv.DictReader((job.folder / "out" / "table.csv").open()))
    assert [row["network"] for row in rows] == ["softmax regression", "multilayer perceptron"]
    for row, name in zip(rows, ("softmax", "mlp")):
        table = (job.folder / "out" / "trials" / name / "model" / "metrics.csv").read_text()
        last = list(csv.DictReader(table.splitlines()))[-1]
        assert row["accuracy"] == f"{100 * float(last['test0_accuracy']):.2f} %"
        assert row["iterations"] == last["iteration"] == "20"
        assert "%" in row["quoted"]


def test_again_begins_anew(job: Job) -> None:
    """A second comparison trains again: what it prints is measured in it."""
    arguments = (f"--data-url={job.dataset}", f"--caffe={job.trainer}", "--only=softmax",
                 "--set=max_iter=10", f"--train-url={job.store}")  # fmt: skip
    assert _run(job, *arguments).returncode == 0
    assert _run(job, *arguments).returncode == 0
    assert len(job.calls()) == 2
    assert not any("-snapshot" in call for call in job.calls())


def test_a_failed_training_fails_the_comparison(job: Job) -> None:
    """The table shows which; the status is 1."""
    done = _run(
        job, f"--data-url={job.dataset}", f"--caffe={job.trainer}", "--only=softmax",
        "--set=max_iter=10", FAKE_FAIL_AT="5",
    )  # fmt: skip
    assert done.returncode == 1
    assert "failed" in (job.folder / "out" / "table.csv").read_text()
    assert done.stderr.count("the trainer ended with exit status 1") == 1
    assert "1 of 1 failed: " in done.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--only=softmaxx",), "known: softmax, softmax-adam, mlp, lenet"),
        (("--only=",), "known: softmax, softmax-adam, mlp, lenet"),
        (("--prototxt=nowhere",), "there are no nets"),
        (("--data-url=nowhere",), "nowhere"),
    ],
)
def test_bad_arguments_are_one_line(job: Job, arguments: tuple[str, ...], words: str) -> None:
    """Before anything is trained."""
    done = _run(job, *arguments)
    assert done.returncode in (1, 2)
    assert words in done.stderr.splitlines()[-1]
    assert not Path(job.folder / "calls").exists()
