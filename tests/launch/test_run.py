"""A training job as a call from Python: what it returns, tells and raises."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

import caffe_mnist
from tests.fixtures.jobs import ROOT, SOLVER, Job

SETTINGS = {"max_iter": 30, "snapshot": 10, "display": 5, "test_interval": 10}


@pytest.fixture
def call(job: Job, monkeypatch: pytest.MonkeyPatch) -> Any:
    """`caffe_mnist.run` of a job whose trainer trains nothing."""
    monkeypatch.chdir(job.folder)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))

    def call(**options: Any) -> caffe_mnist.Run:
        given = {"solver": SOLVER, "data_url": job.dataset, "train_url": job.store,
                 "settings": SETTINGS, "caffe": os.fspath(job.trainer), **options}  # fmt: skip
        return caffe_mnist.run(**given)

    return call


def test_a_job(call: Any, job: Job, capfd: pytest.CaptureFixture[str]) -> None:
    """Results, the model's place, the rows; everything in the store; not a word said."""
    found = call()
    assert found.results["test0_accuracy"] == pytest.approx(0.99)
    assert (found.final_url, found.model_folder) == (str(job.store / "final"), Path("model"))
    assert [row["iteration"] for row in found.metrics][:3] == [0, 5, 10]
    assert found.metrics[-1]["test0_accuracy"] == pytest.approx(0.99)
    assert job.snapshots() == {"1": 10, "2": 20, "3": 30, "final": 30}
    assert capfd.readouterr() == ("", "")
    assert "metrics" not in repr(found)


def test_verbose(call: Any, capfd: pytest.CaptureFixture[str]) -> None:
    """What the command says, and the trainer's log; without a store nothing has a URL."""
    assert call(verbose=True, train_url=None).final_url is None
    said = capfd.readouterr().err
    assert "train: no --train-url: the model stays in model" in said
    assert "Optimization Done." in said


def test_metrics_are_told_while_it_runs(call: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The rows so far, more each time, and all of them in the end."""
    monkeypatch.setenv("FAKE_PACE", "0.1")
    told: list[list[dict[str, float]]] = []
    found = call(on_metrics=told.append)
    assert len(told) > 1
    assert told[0] != told[-1] == found.metrics
    assert [len(rows) for rows in told] == sorted(len(rows) for rows in told)


def test_what_the_callback_raises_stops_the_training(
    call: Any, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a snapshot in the store, and comes out of the call; the same call goes on."""
    monkeypatch.setenv("FAKE_WAIT_AT", "12")

    def enough(rows: list[dict[str, float]]) -> None:
        if any(row["iteration"] >= 10 for row in rows):
            raise StopIteration("good enough")

    with pytest.raises(StopIteration, match="good enough"):
        call(on_metrics=enough)
    assert job.snapshots() == {"1": 10, "2": 12}
    assert json.loads((job.model / "run.json").read_text())["status"] == "stopped"
    monkeypatch.delenv("FAKE_WAIT_AT")
    assert call(snapshot="auto").metrics[-1]["iteration"] == 30
    assert job.snapshots()["final"] == 30


def test_an_interrupt_stops_with_a_snapshot(
    call: Any, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C, the notebook's stop button: KeyboardInterrupt, and signals are handled as before."""
    monkeypatch.setenv("FAKE_WAIT_AT", "12")
    before = signal.getsignal(signal.SIGINT)

    def interrupt(rows: list[dict[str, float]]) -> None:
        if any(row["iteration"] >= 10 for row in rows):
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt, match="with a snapshot"):
        call(on_metrics=interrupt)
    assert job.snapshots() == {"1": 10, "2": 12}
    assert signal.getsignal(signal.SIGINT) is before


def test_failures_are_exceptions(call: Any, job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bad input with status 2, a failed trainer with its own; never the end of the process."""
    for options, what in (
        ({"solver": "none"}, "none: there is no such solver"),
        ({"solvr": "x"}, "unknown key solvr \\(did you mean solver\\?\\)"),
        ({"keep": "three"}, "keep cannot be 'three'"),
        ({"keep": -1}, "--keep: cannot be negative"),
        ({"settings": {"max_itr": 3}}, "max_itr"),
        ({"dry_run": True}, "takes no dry_run"),
        ({"set": {}}, "takes no set \\(settings="),
        ({"data_url": "nowhere"}, "nowhere"),
    ):
        with pytest.raises(caffe_mnist.CaffeMnistError, match=what):
            call(**options)
    monkeypatch.setenv("FAKE_FAIL_AT", "7")
    monkeypatch.setenv("FAKE_STATUS", "3")
    with pytest.raises(caffe_mnist.CaffeMnistError, match="failed as it was told") as caught:
        call(train_url=job.folder / "other")
    assert caught.value.status == 3


def test_from_another_thread(call: Any, job: Job) -> None:
    """Only the first thread may ask for signals; a job works without."""
    found: list[caffe_mnist.Run] = []
    thread = threading.Thread(target=lambda: found.append(call()))
    thread.start()
    thread.join(120)
    assert found
    assert job.snapshots()["final"] == 30


IMPORTS = """
import sys
import caffe_mnist
heavy = {"numpy", "torch", "lmdb", "google.protobuf", "obstore", "caffe_mnist.launch"}
assert not heavy & set(sys.modules), heavy & set(sys.modules)
assert {"run", "predict", "Run", "CaffeMnistError", "__version__"} <= set(dir(caffe_mnist))
assert callable(caffe_mnist.predict) and callable(caffe_mnist.run)
from caffe_mnist import CaffeMnistError, predict
assert predict is caffe_mnist.predict and callable(predict.main)
assert not {"numpy", "torch"} & set(sys.modules)
try:
    predict("nowhere", "nothing.png")
except CaffeMnistError as error:
    print(error)
try:
    caffe_mnist.nothing
except AttributeError as error:
    print(error)
"""


@pytest.mark.parametrize("before", ["", "import caffe_mnist.predict\n"])
def test_importing_is_light(before: str, tmp_path: Path) -> None:
    """`predict` is both the function and the module of the command, whichever comes first."""
    command = [sys.executable, "-c", before + IMPORTS]
    surroundings = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, env=surroundings)
    assert done.returncode == 0, done.stderr
    said = "nothing.png: cannot read: No such file or directory\n"
    assert done.stdout == said + "module 'caffe_mnist' has no attribute 'nothing'\n"
