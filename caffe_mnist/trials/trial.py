"""One trial: an ordinary run of `python -m caffe_mnist.train` in a folder of its own.

NUMBER/trial.json   the values, written before the run begins
NUMBER/output.log   what the launcher and the trainer said
NUMBER/model/       the run's model folder: run.json, metrics.csv, curves.png, snapshots
"""

from __future__ import annotations

import ctypes
import fcntl
import json
import math
import os
import re
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from caffe_mnist.errors import CaffeMnistError
from caffe_mnist.files import replacing
from caffe_mnist.storage.urls import join
from caffe_mnist.trials.space import Values
from caffe_mnist.watch.metrics import Metrics, judged_by

SNAPSHOT = re.compile(r"_iter_(\d+)\.caffemodel(\.h5)?$")


@dataclass(frozen=True)
class Outcome:
    """How a trial ended: the last value of each metric, or why there are none."""

    results: dict[str, float]
    seconds: float
    iterations: int
    fault: str = ""


@dataclass(frozen=True)
class Trial:
    """The values of one run and its place; `arguments` are those that only this run gets."""

    number: int
    values: Values
    folder: Path
    arguments: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The folder's name, and that of its place in the store."""
        return self.folder.name

    def begin(self) -> None:
        """Make the folder and note the values."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise CaffeMnistError(f"cannot make: {error.strerror}", where=self.folder) from None
        with replacing(self.folder / "trial.json") as aside:
            content = {"number": self.number, "values": self.values}
            aside.write_text(json.dumps(content, indent=1) + "\n")

    def command(self, common: Sequence[str], store: str | None) -> list[str]:
        """The run, with what all trials have in common."""
        url = [f"--train-url={join(store, self.name)}"] if store else []
        return [
            sys.executable, "-m", "caffe_mnist.train", *common, *self.arguments, *url,
            f"--model-local-path={self.folder / 'model'}",
            *(f"--set={key}={value}" for key, value in self.values.items()),
        ]  # fmt: skip

    def start(
        self, common: Sequence[str], store: str | None, threads: int = 0
    ) -> subprocess.Popen[bytes]:
        """Start it in a session of its own; `threads` for its arithmetic, 0 for all.

        It is told to stop when this process dies. A run of this trial that an earlier, killed
        sweep has left is waited for: it holds the lock until it has stopped.
        """
        limit = {"OMP_NUM_THREADS": str(threads)} if threads else {}
        with (self.folder / "lock").open("ab") as lock, self._output() as log:
            fcntl.flock(lock, fcntl.LOCK_EX)
            return subprocess.Popen(
                self.command(common, store),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, **limit},
                start_new_session=True,
                pass_fds=[lock.fileno()],
                preexec_fn=_end_with_parent,
            )

    def _output(self) -> BinaryIO:
        return (self.folder / "output.log").open("ab")

    def outcome(self) -> Outcome | None:
        """What its record says; None where there is none, or the run was stopped."""
        try:
            record = json.loads((self.folder / "model" / "run.json").read_text())
        except (OSError, ValueError):
            return None
        if record.get("status") not in ("succeeded", "failed"):
            return None
        return _outcome(record, self.folder / "model")


def read_trial(folder: Path) -> Trial | None:
    """The trial that was begun in `folder`, if one was."""
    try:
        found = json.loads((folder / "trial.json").read_text())
        values = {str(key): str(value) for key, value in found["values"].items()}
        return Trial(int(found["number"]), values, folder)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def last_error(folder: Path) -> str:
    """The last line of a trial's output that is an error of the launcher's."""
    try:
        with (folder / "output.log").open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - 2**16))
            lines = file.read().decode(errors="replace").splitlines()
    except OSError:
        return ""
    found = [line for line in lines if ": error: " in line]
    return found[-1].partition(": error: ")[2] if found else (lines[-1] if lines else "")


def metric_of(results: dict[str, float], wanted: str | None) -> str:
    """The metric to judge by: `wanted`, or the first accuracy of a test, or a test's loss.

    Raises CaffeMnistError naming what there is when it is not among the results.
    """
    names = [name for name in results if name not in ("iteration", "test_iteration")]
    if wanted:
        if wanted in names:
            return wanted
        ends = [name for name in names if re.fullmatch(rf"test\d+_{re.escape(wanted)}", name)]
        if ends:
            return ends[0]
        raise CaffeMnistError(
            f"no run gave a {wanted!r}", where="--metric", hint="there are: " + ", ".join(names)
        )
    tests = [name for name in names if re.match(r"test\d+_", name)]
    return judged_by(tests) or (tests[0] if tests else "loss")


def _end_with_parent() -> None:
    """In the child: SIGTERM to it when the process that started it is gone."""
    set_parent_death_signal = 1
    ctypes.CDLL(None).prctl(set_parent_death_signal, signal.SIGTERM)


def _outcome(record: dict[str, Any], model: Path) -> Outcome:
    results = {str(key): float(value) for key, value in (record.get("results") or {}).items()}
    timings = record.get("timings") or {}
    # A run that was resumed timed its last part only; its table's seconds go on.
    before = Metrics.read(model / "metrics.csv", sys.maxsize).latest("seconds") or 0.0
    seconds = max(float(timings.get("train", 0.0)), before)
    fault = "" if record["status"] == "succeeded" else (record.get("notes") or ["failed"])[-1]
    loss = results.get("loss", 0.0)
    if not fault and not math.isfinite(loss):
        fault = f"the loss became {loss}"
    found = [SNAPSHOT.search(path.name) for path in model.glob("*_iter_*")]
    done = [int(match.group(1)) for match in found if match]
    return Outcome(results, seconds, max(done, default=int(results.get("iteration", 0))), fault)
