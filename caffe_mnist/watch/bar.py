"""A running training on a terminal: one bar; elsewhere the log itself."""

from __future__ import annotations

import os
import sys
from typing import Any, TextIO

from caffe_mnist.watch.log import Display, Event, Output, Testing, level


class Bar:
    """Shows the lines of a trainer's log and what they say."""

    def __init__(self, total: int, start: int = 0, stream: TextIO | None = None) -> None:
        """`total` iterations in all, of which `start` are done."""
        self._stream = stream or sys.stderr
        self._bar: Any = None
        # The loss first: what a narrow terminal cuts off is the end. Test losses are in the log.
        self._values: dict[str, str] = {"loss": "?"}
        if self._stream.isatty():
            from tqdm import tqdm

            tqdm.monitor_interval = 0
            self._bar = tqdm(
                total=total,
                initial=start,
                unit="it",
                file=self._stream,
                **_size(self._stream),
            )

    @property
    def on_terminal(self) -> bool:
        """Whether there is a bar; without one the whole log is passed through."""
        return self._bar is not None

    def say(self, line: str) -> None:
        """A line that is not of the trainer's log, above the bar."""
        if self._bar is not None:
            self._bar.write(line, file=self._stream)
        else:
            print(line, file=self._stream, flush=True)

    def show(self, line: str, event: Event | None) -> None:
        """One line and its event."""
        if self._bar is None:
            self._stream.write(line if line.endswith("\n") else line + "\n")
            return
        if level(line) in ("W", "E", "F"):
            self._bar.write(line.rstrip("\n"), file=self._stream)
        if isinstance(event, (Display, Testing)):
            self._bar.update(max(event.iteration - self._bar.n, 0))
        if isinstance(event, Display):
            self._values["loss"] = f"{event.loss:.4g}"
        elif isinstance(event, Output) and event.phase == "test" and "loss" not in event.name:
            self._values[event.name] = f"{event.value:.4g}"
        else:
            return
        self._bar.set_postfix(self._values)

    def close(self, finished: bool) -> None:
        """End the bar; a training that ran to its end fills it."""
        if self._bar is not None:
            if finished:
                self._bar.update(max(self._bar.total - self._bar.n, 0))
            self._bar.close()
            self._bar = None


def _size(stream: TextIO) -> dict[str, Any]:
    """The terminal's, or one for those that tell none (as under `script`): tqdm needs it."""
    try:
        columns, rows = os.get_terminal_size(stream.fileno())
    except (OSError, ValueError):
        return {}
    if columns and rows:
        return {"dynamic_ncols": True}
    return {"ncols": columns or 80, "nrows": rows or 24}
