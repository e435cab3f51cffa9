"""The best model in the store, `best/`: which snapshot it is to be, and when it changes.

The launcher writes `best.json` beside the snapshots (its `snapshot` is the iteration, `files` are
names of what goes with it); here it becomes a snapshot with a manifest, as any other, which no
retention touches.
"""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

from caffe_mnist.errors import CaffeMnistError
from caffe_mnist.storage.manifest import MANIFEST, Manifest
from caffe_mnist.storage.pairs import Pair, pairs
from caffe_mnist.storage.snapshots import publish, sha256
from caffe_mnist.storage.store import open_store
from caffe_mnist.storage.survey import read_begun, read_manifest
from caffe_mnist.storage.urls import join

BEST = "best"


class BestModel:
    """Brings what `best.json` names to `<to>/best`, once for each content."""

    def __init__(self, path: Path, prefix: str, to: str, training: str = "") -> None:
        self.path, self._prefix, self.url = path, prefix, join(to, BEST)
        self._training = training
        self._done: bytes | None = None

    def due(self) -> tuple[bytes, Pair, list[Path]] | None:
        """The content of `best.json` and the files that go with it, if it is new and they are
        there."""
        try:
            content = self.path.read_bytes()
        except OSError:
            return None
        found = _parsed(content)
        if content == self._done or found is None:
            return None
        pair = next((one for one in pairs(self._prefix) if one.iteration == found[0]), None)
        if pair is None:
            return None
        more = [self.path.parent / Path(name).name for name in found[1]]
        return content, pair, [path for path in more if path.is_file()]

    def bring(self, content: bytes, pair: Pair, more: list[Path]) -> bool:
        """Publish it; False where the store has the very same already."""
        if self._is_there(pair):
            self._done = content
            return False
        files = [*pair.files, *more, self.path]
        publish(self.url, files, pair.iteration, training=self._training)
        self._done = content
        return True

    def _is_there(self, pair: Pair) -> bool:
        """Whether `best/` holds this snapshot with this `best.json`."""
        store = open_store(self.url)
        if store.size(MANIFEST) is None:
            return False
        try:
            manifest = Manifest.from_json(store.read(MANIFEST), self.url)
        except CaffeMnistError:
            return False
        sums = {file.name: file.sha256 for file in manifest.files}
        if manifest.training != self._training:
            return False
        return all(sums.get(path.name) == sha256(path) for path in [*pair.files, self.path])


def read_best(to: str) -> bytes | None:
    """The `best.json` of the complete model in `<to>/best`; None where there is none, or it is of
    a training before the one that was begun last."""
    store = open_store(join(to, BEST))
    if store.size(MANIFEST) is None:
        return None
    begun = read_begun(to)
    with contextlib.suppress(CaffeMnistError):
        training = read_manifest(store.url).training
        if begun.training and training and training != begun.training:
            return None
    return store.read("best.json") if store.size("best.json") is not None else None


def _parsed(content: bytes) -> tuple[int, list[str]] | None:
    try:
        found: dict[str, Any] = json.loads(content)
        return int(found["snapshot"]), [str(name) for name in found.get("files", ())]
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None
