"""A run's values as TensorBoard reads them, in its own records (the extra `curves`).

Tags: `train/loss`, `train/learning_rate`, `train/iterations_per_second`, `train/NAME` for other
outputs of the train net, `testI/NAME` for those of test net I, `weights/LAYER/I` for
histograms. The step is the iteration.

TensorBoard reads the files of a folder by their names, which begin with the time: a name here sorts
behind all that are there, also when two begin in one second or the clock was set back.
"""

from __future__ import annotations

import os
import platform
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from caffe_mnist.errors import CaffeMnistError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

TAGS = {
    "loss": "train/loss",
    "lr": "train/learning_rate",
    "iterations_per_second": "train/iterations_per_second",
}
NAME = re.compile(r"events\.out\.tfevents\.(\d+)\.")
VERSION = "brain.Event:2"
BINS = 64


@dataclass
class Events:
    """One file of events in `folder`, made at the first value.

    `first` is the iteration that the run begins at: what an earlier, killed part of the run
    wrote beyond it is hidden by TensorBoard. Without TensorBoard, or on a full disk, it does
    nothing, and `fault` says why.
    """

    folder: str | os.PathLike[str]
    first: int = 0
    wall_clock: Callable[[], float] = time.time
    fault: str | None = None
    _writer: Any = field(default=None, repr=False)
    _lock: threading.RLock = field(default_factory=threading.RLock, repr=False)

    def value(self, column: str, iteration: int, value: float) -> None:
        """One value of a column of the metrics."""
        kinds = self._kinds()
        if kinds is not None:
            summary = kinds.Summary(
                value=[kinds.Summary.Value(tag=tag(column), simple_value=value)]
            )
            self._add(summary=summary, step=iteration)

    def histogram(self, name: str, iteration: int, values: npt.NDArray[np.float32]) -> None:
        """How the values of one blob are spread."""
        kinds = self._kinds()
        if kinds is None or not values.size:
            return
        found = kinds.Summary.Value(tag=f"weights/{name}", histo=_histogram(kinds, values))
        self._add(summary=kinds.Summary(value=[found]), step=iteration)

    def close(self) -> None:
        """End the file."""
        with self._lock:
            if self._writer is not None:
                self._try(self._writer.close)
                self._writer = None

    def _add(self, **content: Any) -> None:
        """One record, which a reader sees at once."""
        with self._lock:
            kinds = self._kinds()
            if kinds is not None and self._writer is not None:
                self._try(lambda: self._write(kinds, **content))

    def _write(self, kinds: Any, **content: Any) -> None:
        event = kinds.Event(wall_time=self.wall_clock(), **content)
        self._writer.write(event.SerializeToString())
        self._writer.flush()

    def _kinds(self) -> Any:
        """The library's messages, with its writer opened; None after a fault."""
        if self.fault is not None:
            return None
        try:
            kinds = load()
        except CaffeMnistError as error:
            self.fault = str(error)
            return None
        with self._lock:
            if self._writer is None:
                self._try(lambda: self._open(kinds))
        return kinds if self.fault is None else None

    def _open(self, kinds: Any) -> None:
        os.makedirs(self.folder, exist_ok=True)
        self._writer = kinds.RecordWriter(open(self._path(), "xb"))  # noqa: SIM115
        self._write(kinds, file_version=VERSION)
        log = kinds.SessionLog(status=kinds.SessionLog.START)
        self._write(kinds, step=self.first, session_log=log)

    def _path(self) -> Path:
        folder = Path(self.folder)
        found = [NAME.match(path.name) for path in folder.iterdir()]
        newest = max((int(one[1]) for one in found if one), default=-1)
        stamp = max(int(time.time()), newest + 1)
        return folder / f"events.out.tfevents.{stamp:010d}.{platform.node()}.{os.getpid()}.0"

    def _try(self, action: Callable[[], object]) -> None:
        """A training does not end because its curves cannot be written."""
        try:
            action()
        except OSError as error:
            self.fault = f"{self.folder}: no more events: {error.strerror or error}"
            self._writer = None


class _Kinds:
    """TensorBoard's records and messages."""

    def __init__(self) -> None:
        from tensorboard.compat.proto.event_pb2 import Event, SessionLog
        from tensorboard.compat.proto.summary_pb2 import HistogramProto, Summary
        from tensorboard.summary.writer.record_writer import RecordWriter

        self.Event, self.SessionLog, self.Summary = Event, SessionLog, Summary
        self.HistogramProto, self.RecordWriter = HistogramProto, RecordWriter


_loaded: list[Any] = []


def load() -> Any:
    """TensorBoard's records and messages; raises CaffeMnistError where it is not installed."""
    if not _loaded:
        try:
            _loaded.append(_Kinds())
        except ImportError:
            raise CaffeMnistError(
                "curves for TensorBoard need it installed",
                hint="pip install 'caffe-mnist[curves]'",
            ) from None
    return _loaded[0]


def tag(column: str) -> str:
    """TensorBoard's name of a column: `test0_accuracy` is `test0/accuracy`."""
    if column in TAGS:
        return TAGS[column]
    match = re.match(r"(train|test\d+)_(.*)", column)
    return f"{match[1]}/{match[2]}" if match else column


def _histogram(kinds: Any, values: npt.NDArray[np.float32]) -> Any:
    import numpy as np

    finite = values[np.isfinite(values)].astype(np.float64).ravel()
    if not finite.size:
        finite = np.zeros(1)
    counts, edges = np.histogram(finite, BINS)
    return kinds.HistogramProto(
        min=finite.min(),
        max=finite.max(),
        num=finite.size,
        sum=finite.sum(),
        sum_squares=(finite * finite).sum(),
        bucket_limit=edges[1:].tolist(),
        bucket=counts.astype(float).tolist(),
    )
