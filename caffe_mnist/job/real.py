"""A real Caffe for the container: its programs, and its Python module if this Python takes it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from caffe_mnist.job.programs import OURS, PROGRAMS
from caffe_mnist.launch.trainer import find_trainer

CHECK = "import caffe, sys; sys.exit('caffe_mnist' in caffe.__name__ or not hasattr(caffe, 'Net'))"


@dataclass(frozen=True)
class Caffe:
    """Paths of real programs by name, folders with a real `caffe` module; both may be empty."""

    description: str
    programs: dict[str, str] = field(default_factory=dict)
    python: tuple[str, ...] = ()
    module: bool = False


def find_caffe(choice: str) -> Caffe:
    """What `--caffe` asks for: auto, embedded or the path of a real one.

    Raises CaffeMnistError when that is not there.
    """
    trainer = find_trainer(choice)
    if not trainer.embedded and not _is_ours(trainer.command[0]):
        return _real(Path(os.path.abspath(trainer.command[0])), trainer.description)
    if not trainer.embedded:
        trainer = find_trainer("embedded")
    return Caffe(trainer.description)


def _is_ours(program: str) -> bool:
    with open(program, "rb") as file:
        return OURS.encode() in file.read(500)


def _real(program: Path, description: str) -> Caffe:
    found = {"caffe": str(program)}
    for name in PROGRAMS:
        for path in (program.parent / f"{name}.bin", program.parent / name):
            if name not in found and os.access(path, os.X_OK) and not _is_ours(str(path)):
                found[name] = str(path)
    folders = [program.parents[1] / "python", program.resolve().parents[1] / "python"]
    if os.environ.get("CAFFE_ROOT"):
        folders.insert(0, Path(os.environ["CAFFE_ROOT"]) / "python")
    python = [str(folder) for folder in folders if (folder / "caffe").is_dir()][:1]
    if _imports(python):
        return Caffe(f"{description}, with its pycaffe", found, tuple(python), module=True)
    return Caffe(f"{description}; `import caffe` is ours: this Python has no other", found)


def _imports(folders: Sequence[str]) -> bool:
    """Whether this Python can import a real pycaffe, with these folders to look in."""
    before = [os.environ["PYTHONPATH"]] if os.environ.get("PYTHONPATH") else []
    surroundings = {**os.environ, "PYTHONPATH": os.pathsep.join([*folders, *before])}
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.pop(0); {CHECK}"],
        env=surroundings,
        capture_output=True,
        check=False,
    )
    return done.returncode == 0
