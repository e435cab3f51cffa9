"""Finding a Caffe to train with: a real one where there is one, else the embedded engine."""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from caffe_mnist.errors import CaffeMnistError

CONTAINER = "/home/work/caffe/bin/caffe.bin"


@dataclass(frozen=True)
class Trainer:
    """A program that takes Caffe's command line: `command` and then `train -solver …`."""

    command: tuple[str, ...]
    embedded: bool
    found_by: str

    @property
    def description(self) -> str:
        """For the log and `run.json`."""
        name = "the embedded engine" if self.embedded else f"real Caffe ({self.command[0]})"
        return f"{name}, {self.found_by}"

    def arguments(
        self,
        solver: str,
        gpus: str,
        weights: str,
        snapshot: str,
        data_position: str,
        early: Sequence[int] = (),
        engine_flags: Sequence[str] = (),
    ) -> list[str]:
        """The whole command of a training; `early` are iterations with snapshots of their own.

        `engine_flags` are for the embedded engine alone.
        """
        command = [*self.command, "train", "-solver", solver]
        for flag, value in (("-weights", weights), ("-snapshot", snapshot), ("-gpu", gpus)):
            if value:
                command += [flag, value]
        if self.embedded and snapshot and data_position != "resume":
            command += ["-data_position", data_position]
        if self.embedded and early:
            command += ["-snapshot_at", ",".join(map(str, early))]
        return [*command, *engine_flags] if self.embedded else command


def find_trainer(choice: str, environment: Mapping[str, str] | None = None) -> Trainer:
    """The trainer of `choice` (auto, embedded or a path).

    `auto` looks at $CAFFE, $CAFFE_ROOT/build/tools/caffe, the container's place and PATH, in
    this order, and takes the embedded engine if there is none. Raises CaffeMnistError when what
    was asked for is not there.
    """
    environment = os.environ if environment is None else environment
    if choice == "embedded":
        return _embedded("as asked")
    if choice != "auto":
        return Trainer((_program(choice, "--caffe"),), False, "as asked")
    if environment.get("CAFFE"):
        return Trainer((_program(environment["CAFFE"], "$CAFFE"),), False, "by $CAFFE")
    places = [(CONTAINER, "in the container")]
    if environment.get("CAFFE_ROOT"):
        path = os.path.join(environment["CAFFE_ROOT"], "build", "tools", "caffe")
        places.insert(0, (path, "by $CAFFE_ROOT"))
    for path, how in places:
        if os.access(path, os.X_OK) and os.path.isfile(path):
            return Trainer((path,), False, how)
    on_path = shutil.which("caffe", path=environment.get("PATH"))
    if on_path:
        return Trainer((on_path,), False, "on PATH")
    return _embedded("no real Caffe found")


def _program(name: str, where: str) -> str:
    found = shutil.which(name)
    if found is None and Path(name).is_file():
        raise CaffeMnistError(f"{name} is not executable", where=where)
    if found is None:
        raise CaffeMnistError(f"there is no program {name}", where=where)
    return found


def _embedded(how: str) -> Trainer:
    if importlib.util.find_spec("torch") is None:
        raise CaffeMnistError(
            "the embedded engine needs PyTorch, which is not installed",
            hint="pip install 'caffe-mnist[engine]', or give a real Caffe by --caffe PATH",
        )
    return Trainer((sys.executable, "-m", "caffe_mnist.caffe"), True, how)
