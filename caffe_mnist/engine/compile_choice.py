"""Whether compiled passes were faster: a small file for each net, device and release of PyTorch.

    {"version": 1, "kept": true, "plain_ms": 95.1, "compiled_ms": 71.3}

They lie in $XDG_CACHE_HOME/caffe_mnist/compile (else ~/.cache/…); without the file, or with one
that says nothing, it is measured again.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import platform
from dataclasses import dataclass
from pathlib import Path

import torch

from caffe_mnist.engine.net import Net
from caffe_mnist.files import replacing

VERSION = 1


@dataclass(frozen=True)
class Choice:
    """What was measured (milliseconds for both passes), and which way is taken."""

    kept: bool
    plain_ms: float
    compiled_ms: float

    @property
    def words(self) -> str:
        """For the log."""
        verdict = "kept" if self.kept else "dropped"
        return f"{verdict} ({self.plain_ms:.3g} ms plain, {self.compiled_ms:.3g} ms compiled)"


class Choices:
    """The files in one folder."""

    def __init__(self, folder: Path | None = None) -> None:
        """In the user's cache folder unless another one is given."""
        cache = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
        self._folder = folder or Path(cache, "caffe_mnist", "compile")

    def path(self, net: Net) -> Path:
        """The file for a net as it stands: layers, shapes, precision, device, PyTorch."""
        device = net.surroundings.device
        name = platform.processor() or platform.machine()
        if device.type == "cuda":
            name = torch.cuda.get_device_name(device)
        text = "\n".join(
            [
                str(net.param),
                str({key: blob.shape for key, blob in net.blobs.items()}),
                net.surroundings.precision.name,
                f"{device.type} {name} {torch.get_num_threads()} {platform.node()}",
                torch.__version__,
            ]
        )
        return self._folder / f"{hashlib.sha256(text.encode()).hexdigest()[:32]}.json"

    def read(self, net: Net) -> Choice | None:
        """What was measured before, if that can be read."""
        try:
            found = json.loads(self.path(net).read_text())
            times = float(found["plain_ms"]), float(found["compiled_ms"])
            if found["version"] != VERSION or not all(map(math.isfinite, times)):
                return None
            return Choice(bool(found["kept"]), *times)
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def write(self, net: Net, choice: Choice) -> str:
        """Remember; returns where, or why not: a cache that cannot be written is no failure."""
        path = self.path(net)
        content = {
            "version": VERSION,
            "kept": choice.kept,
            "plain_ms": round(choice.plain_ms, 4),
            "compiled_ms": round(choice.compiled_ms, 4),
        }
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with replacing(path) as aside:
                aside.write_text(json.dumps(content) + "\n")
        except OSError as error:
            return f"no file ({error.strerror})"
        return str(path)
