"""The container's programs and modules: small scripts that start ours, or a real Caffe's."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Mapping
from pathlib import Path

import caffe_mnist

# Caffe's programs, and the module that does the same here with the words before its own. In the
# container each name ends in `.bin`; the plain name is there too.
PROGRAMS: dict[str, tuple[str, ...]] = {
    "caffe": ("caffe_mnist.job.caffe_program",),
    "compute_image_mean": ("caffe_mnist.compute_image_mean",),
    "convert_imageset": ("caffe_mnist.convert", "imageset"),
    "convert_mnist_data": ("caffe_mnist.job.convert_mnist_data",),
    "extract_features": ("caffe_mnist.extract_features",),
    "upgrade_net_proto_binary": ("caffe_mnist.upgrade", "--binary", "net"),
    "upgrade_net_proto_text": ("caffe_mnist.upgrade", "--text", "net"),
    "upgrade_solver_proto_text": ("caffe_mnist.upgrade", "--text", "solver"),
}
# What every file that is written here says, so that it is not taken for a real Caffe's.
OURS = "made by python -m caffe_mnist.job"
PARENT = str(Path(caffe_mnist.__file__).resolve().parents[1])
MODULE = """\
# {ours}
import sys

if {parent!r} not in sys.path:
    sys.path.append({parent!r})
del sys.modules[__name__]
from {package}.install import install

install()
"""


def python_line(module: str) -> str:
    """Python's `-c` text that runs a module's `main`; the working folder is not looked into."""
    return (
        f"import sys; sys.path.pop(0); sys.path.append({PARENT!r}); "
        f"from {module} import main; sys.exit(main())"
    )


def write_programs(folder: Path, real: Mapping[str, str]) -> None:
    """All programs into `folder`; `real` has paths of real ones by their names."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, (module, *words) in PROGRAMS.items():
        command = [sys.executable, "-c", python_line(module), *words]
        if name == "caffe":
            command.append(real.get(name, ""))
        elif name in real:
            command = [real[name]]
        lines = ["#!/bin/sh", f"# {OURS}", f'exec {shlex.join(command)} "$@"', ""]
        for path in (folder / f"{name}.bin", folder / name):
            _write(path, "\n".join(lines), 0o755)


def write_wrapper(path: Path) -> None:
    """The wrapper that starts the command of an image: `run_train.sh COMMAND …`."""
    _write(path, f'#!/bin/sh\n# {OURS}\nexec "$@"\n', 0o755)


def write_modules(folder: Path, with_caffe: bool) -> None:
    """`moxing`, and `caffe` unless a real one is to be found, for scripts to import."""
    for name, package in (("moxing", "caffe_mnist.moxing"), ("caffe", "caffe_mnist.pycaffe")):
        if name == "moxing" or with_caffe:
            text = MODULE.format(ours=OURS, parent=PARENT, package=package)
            _write(folder / name / "__init__.py", text, 0o644)


def _write(path: Path, text: str, mode: int) -> None:
    """Write it, but leave alone what others made."""
    if path.is_symlink() or (path.exists() and OURS not in path.read_text(errors="replace")):
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)
