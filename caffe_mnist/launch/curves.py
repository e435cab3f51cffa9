"""The curves of a running job: TensorBoard's events on the disk, and beside the snapshots.

Everything that may take long is done in threads of its own: the launcher's loop waits neither for
the store nor for large weights.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from pathlib import Path

from caffe_mnist.errors import CaffeMnistError
from caffe_mnist.schema import caffe_pb2
from caffe_mnist.schema.messages import read_binary
from caffe_mnist.storage.pairs import Pair, pairs
from caffe_mnist.storage.store import open_store
from caffe_mnist.storage.urls import join
from caffe_mnist.watch.events import Events
from caffe_mnist.watch.metrics import Metrics

FOLDER = "events"
# How long the end of a job waits for the last upload of its curves (seconds).
LAST = 5.0


class Curves:
    """The events of one run in `model/events`, and in `url/events`."""

    def __init__(
        self,
        model: Path,
        prefix: Path,
        url: str,
        histograms: bool,
        say: Callable[[str], object],
        check: Callable[[], object] = lambda: None,
    ) -> None:
        """`check` raises CaffeMnistError when the place at `url` has become another job's."""
        self._check = check
        self._folder, self._prefix, self._url, self._say = model / FOLDER, prefix, url, say
        self._histograms = histograms
        self._seen: set[int] = set()
        self._sent: dict[str, int] = {}
        self._safe = 0
        self._work: threading.Thread | None = None
        self._told = False
        self.events = Events(self._folder)

    def begin(self, metrics: Metrics, iteration: int, goes_on: bool) -> None:
        """Listen to `metrics`; of a run that begins anew, what is there is of another one."""
        if not goes_on:
            for path in self._folder.glob("events.out.tfevents.*"):
                with contextlib.suppress(OSError):
                    path.unlink()
        self.events.first = iteration
        self._seen = {pair.iteration for pair in pairs(self._prefix)}
        metrics.heard = self.events.value

    def tend(self, safe: int) -> None:
        """Once a second; `safe` is how many snapshots are in the store."""
        if self._work is not None and self._work.is_alive():
            return
        self._work = None
        new = [one for one in pairs(self._prefix) if one.iteration not in self._seen]
        self._seen |= {one.iteration for one in new}
        upload = bool(self._url) and safe > self._safe
        self._safe = safe
        if (new and self._histograms) or upload:
            self._start(new if self._histograms else [], upload)

    def end(self, lost: bool = False) -> None:
        """Close the file and bring it to the store, unless the place there was `lost`."""
        if self._work is not None:
            self._work.join(LAST)
        self.events.close()
        if self._url and self._folder.is_dir() and not lost:
            self._start([], True)
            assert self._work is not None
            self._work.join(LAST)
        if self.events.fault and "installed" not in self.events.fault and not self._told:
            self._told = True
            self._say(self.events.fault)

    def _start(self, new: list[Pair], upload: bool) -> None:
        self._work = threading.Thread(target=self._do, args=(new, upload), daemon=True)
        self._work.start()

    def _do(self, new: list[Pair], upload: bool) -> None:
        for pair in new:
            # A snapshot that is being written or was removed: the next one has its turn.
            with contextlib.suppress(CaffeMnistError):
                self._weights(pair)
        if upload:
            # Curves are not what a job fails for; the next snapshot brings them.
            with contextlib.suppress(CaffeMnistError, OSError):
                self._upload()

    def _weights(self, pair: Pair) -> None:
        """Histograms of all blobs of a snapshot."""
        import numpy as np

        if pair.weights.suffix != ".caffemodel":
            return
        net = read_binary(pair.weights, caffe_pb2.NetParameter)
        for layer in net.layer:
            for index, blob in enumerate(layer.blobs):
                values = np.array(blob.data or blob.double_data, np.float32)
                self.events.histogram(f"{layer.name}/{index}", pair.iteration, values)

    def _upload(self) -> None:
        self._check()
        store = open_store(join(self._url, FOLDER))
        for path in sorted(self._folder.iterdir()):
            size = path.stat().st_size
            if self._sent.get(path.name) != size:
                store.upload(path, path.name)
                self._sent[path.name] = size
