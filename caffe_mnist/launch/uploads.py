"""What the uploader has done, as it tells in `uploads.jsonl`: nobody has to ask the store."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from caffe_mnist.launch.process import Follower


class Uploads:
    """The iterations that are safe in the store, the one under way, and whether it fails."""

    def __init__(self, report: Path, clock: Callable[[], float] = time.monotonic) -> None:
        """Read on from what is in `report` now."""
        report.touch()
        self._follower = Follower(report, report.stat().st_size)
        self._clock = clock
        self.safe: set[int] = set()
        self.under_way: int | None = None
        self.failing_since: float | None = None

    def read(self) -> None:
        """Take in what was told since the last time."""
        for line in self._follower.lines():
            try:
                told = json.loads(line)
                self._take(str(told["event"]), told.get("iteration"))
            except (ValueError, KeyError, TypeError, AttributeError):
                continue  # a line cut by a full disk

    def _take(self, event: str, iteration: Any) -> None:
        if event == "uploading":
            self.under_way = iteration
        elif event == "failed":
            self.under_way = None
            if self.failing_since is None:
                self.failing_since = self._clock()
        elif event == "changed":
            self.under_way = None
        elif event in ("published", "there", "passed over", "cut"):
            self.under_way = self.failing_since = None
            if event != "cut" and isinstance(iteration, int):
                self.safe.add(iteration)

    def close(self) -> None:
        """Close the report."""
        self._follower.close()
