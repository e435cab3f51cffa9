"""`run.json`: what was run, on what, how long it took, and what came of it."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import time
from dataclasses import dataclass, field
from datetime import datetime, timezone
from importlib import metadata
from pathlib import Path
from typing import Any

import caffe_mnist
from caffe_mnist.files import replacing
from caffe_mnist.watch.metrics import Metrics

PACKAGES = ("lmdb", "numpy", "obstore", "protobuf", "torch")


@dataclass
class RunRecord:
    """Filled in as the job goes on."""

    arguments: dict[str, Any]
    trainer: str = ""
    run: str = ""
    start: str = ""
    status: str = "running"
    exit_status: int | None = None
    started: str = field(default_factory=lambda: _now())
    ended: str | None = None
    data: list[dict[str, Any]] = field(default_factory=list)
    solver: dict[str, Any] = field(default_factory=dict)
    net: dict[str, Any] = field(default_factory=dict)
    timings: dict[str, float] = field(default_factory=dict)
    results: dict[str, float] = field(default_factory=dict)
    best: dict[str, dict[str, float]] = field(default_factory=dict)
    best_model: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def timed(self, name: str) -> _Timer:
        """A context that notes how many seconds a step took."""
        return _Timer(self.timings, name)

    def measured(self, metrics: Metrics) -> None:
        """Note the last and the best values."""
        self.results, self.best = metrics.results(), metrics.best()

    def end(self, status: str, exit_status: int) -> None:
        """Note how the job ended."""
        self.status, self.exit_status, self.ended = status, exit_status, _now()

    def to_dict(self) -> dict[str, Any]:
        """Everything, with versions and the machine."""
        return {**self.__dict__, "versions": versions(), "machine": machine()}

    def to_json(self) -> bytes:
        """The bytes of `run.json`."""
        return (json.dumps(self.to_dict(), indent=1) + "\n").encode()

    def write(self, path: Path) -> None:
        """Write it as JSON, aside first and then renamed."""
        with replacing(path) as aside:
            aside.write_bytes(self.to_json())


class _Timer:
    def __init__(self, timings: dict[str, float], name: str) -> None:
        self._timings, self._name = timings, name

    def __enter__(self) -> None:
        self._begun = time.monotonic()

    def __exit__(self, *_: object) -> None:
        self._timings[self._name] = round(time.monotonic() - self._begun, 3)


def versions() -> dict[str, str]:
    """Python's, this package's and its libraries' versions."""
    found = {"caffe_mnist": caffe_mnist.__version__, "python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def machine() -> dict[str, Any]:
    """Host, system and cores."""
    return {
        "host": platform.node(),
        "system": platform.platform(),
        "cores": os.cpu_count(),
        "gpus": gpu_models(),
    }


def gpu_models() -> list[str]:
    """The models of NVIDIA's cards, as their driver names them."""
    found = []
    for path in sorted(Path("/proc/driver/nvidia/gpus").glob("*/information")):
        try:
            text = path.read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue
        models = [line.partition(":")[2].strip() for line in text.splitlines() if "Model:" in line]
        found += models[:1]
    return found


def caffe_version(command: str) -> str:
    """What a real Caffe says of its version; empty if it says nothing."""
    try:
        result = subprocess.run(
            [command, "--version"], capture_output=True, text=True, timeout=20, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return result.stdout.strip().splitlines()[0] if result.stdout.strip() else ""


def _now() -> str:
    return datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
