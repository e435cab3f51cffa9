"""One training job as a call from Python: `caffe_mnist.run(…)`, the same as the command `train`."""

from __future__ import annotations

import contextlib
import io
import json
import os
import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from caffe_mnist.errors import CaffeMnistError

if TYPE_CHECKING:
    from caffe_mnist.launch.plan import Plan
    from caffe_mnist.launch.settings import Settings
    from caffe_mnist.watch.metrics import Metrics

Row = dict[str, float]
WHERE = "caffe_mnist.run"
# What the command takes and a call has no use for.
NOT_HERE = {"config", "dry_run", "preflight_only", "set"}


@dataclass(frozen=True)
class Run:
    """What came of a training job.

    `results` are the last values (`loss`, `lr`, `test0_accuracy`, …), `final_url` is where the
    model is (for `predict`; None without a `train_url`), `model_folder` has the log, the curves and
    the snapshots. `metrics` are the rows of `metrics.csv`: `iteration`, and what was logged there.
    """

    results: dict[str, float]
    final_url: str | None
    model_folder: Path
    metrics: list[Row] = field(repr=False)


def run(
    solver: str | os.PathLike[str] | None = None,
    data_url: str | os.PathLike[str] | None = None,
    train_url: str | os.PathLike[str] | None = None,
    *,
    settings: Mapping[str, object] | None = None,
    on_metrics: Callable[[list[Row]], object] | None = None,
    verbose: bool = False,
    **options: object,
) -> Run:
    """Train, and return when the final model is in `train_url`.

    `settings` are fields of the solver or of a net (`--set`), `options` the other arguments of
    `train` with underscores: `snapshot="auto"`, `keep=3`, `model_local_path="m"`, …
    `on_metrics` is called about once a second, when something new was logged, and at the end, with
    all rows so far; what it raises stops the training with a snapshot and is then raised
    here. `verbose` shows the lines of the launcher and of the trainer on standard error; without,
    the trainer's are in `train.log` in the model folder.

    Raises CaffeMnistError for bad input and (JobError) for a job that failed; KeyboardInterrupt
    after a Ctrl-C or the notebook's stop button, when the trainer has written a snapshot and that
    is in the store: the same call with `snapshot="auto"` goes on.
    """
    from caffe_mnist.launch.job import run_job
    from caffe_mnist.launch.plan import make_plan
    from caffe_mnist.launch.process import StoppedError

    given = {"solver": solver, "data_url": data_url, "train_url": train_url, **options}
    plan = make_plan(_settings(given, settings or {}))
    told = _Told(on_metrics)
    with contextlib.ExitStack() as stack:
        if not verbose:
            stack.enter_context(contextlib.redirect_stderr(_Nowhere()))
        try:
            run_job(plan, told.hear)
        except StoppedError as error:
            if told.raised is None and error.status == 128 + signal.SIGINT:
                raise KeyboardInterrupt(f"{error}, with a snapshot") from None
            if told.raised is None:
                raise
        if told.raised is not None:
            raise told.raised
    found = _found(plan)
    told.end(found.metrics)
    return found


def _settings(given: Mapping[str, object], settings: Mapping[str, object]) -> Settings:
    from caffe_mnist.launch.settings import from_values

    refused = sorted(NOT_HERE & set(given))
    if refused:
        what = "settings={…}" if refused == ["set"] else "it belongs to the command"
        raise CaffeMnistError(f"takes no {refused[0]}", where=WHERE, hint=what)
    values: dict[str, Any] = {}
    for name, value in given.items():
        if value is not None:
            values[name] = os.fspath(value) if isinstance(value, os.PathLike) else value
    return from_values({**values, "set": dict(settings)}, WHERE)


def _found(plan: Plan) -> Run:
    """What the job left in its model folder."""
    from caffe_mnist.storage.survey import FINAL
    from caffe_mnist.storage.urls import join
    from caffe_mnist.watch.metrics import Metrics

    folder = plan.model_folder
    record = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    url = plan.settings.train_url
    metrics = _rows(Metrics.read(folder / "metrics.csv", plan.max_iter))
    return Run(record["results"], join(url, FINAL) if url else None, folder, metrics)


def _rows(metrics: Metrics) -> list[Row]:
    return [dict(metrics.rows[iteration]) for iteration in sorted(metrics.rows)]


@dataclass
class _Told:
    """A callback, told when there is something new; after it raised, never again."""

    callback: Callable[[list[Row]], object] | None
    raised: BaseException | None = None
    _count: int = 0

    def hear(self, metrics: Metrics) -> bool:
        """Whether the training is to stop."""
        count = sum(map(len, metrics.rows.values()))
        if self.callback is None or self.raised is not None or count == self._count:
            return False
        self._count = count
        try:
            self.callback(_rows(metrics))
        except BaseException as error:  # the trainer is running: it is stopped first
            self.raised = error
        return self.raised is not None

    def end(self, rows: list[Row]) -> None:
        """The last call, with all there is."""
        if self.callback is not None:
            self.callback(rows)


class _Nowhere(io.TextIOBase):
    """A stream that forgets."""

    def write(self, text: str) -> int:
        return len(text)

    def writable(self) -> bool:
        return True
