"""What is installed and reachable, and what lacks: python -m caffe_mnist.doctor."""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import metadata, util
from pathlib import Path

from caffe_mnist.errors import CaffeMnistError, exit_status, one_line_usage

PROGRAM = "python -m caffe_mnist.doctor"
# What an extra is for, by the package that shows whether it is there.
NEEDED = ("lmdb", "numpy", "obstore", "protobuf", "tqdm")
EXTRAS = {
    "torch": ("engine", "the embedded engine: train without a real Caffe, predict, serve"),
    "h5py": ("engine", "HDF5 data and snapshots"),
    "opencv-python-headless": ("images", "datasets of pictures"),
    "pillow": ("images", "predict, serve"),
    "matplotlib": ("images", "curves as pictures"),
    "tensorboard": ("curves", "curves in TensorBoard"),
    "plyvel": ("leveldb", "reading LevelDB"),
    "onnx": ("export", "trained nets as ONNX"),
    "safetensors": ("export", "weights as safetensors"),
    "starlette": ("service", "the online service"),
    "optuna": ("sweep", "searching settings"),
}
LITTLE_DISK = 2 * 2**30
# Nobody waits for the list of a large bucket.
MANY = 1000


@dataclass(frozen=True)
class Finding:
    """One line: what was looked at, what was found, and what to do if it lacks.

    `state` is ok, lacks (something works less) or fails (nothing works without it).
    """

    state: str
    subject: str
    found: str
    remedy: str = ""

    def __str__(self) -> str:
        mark = {"ok": "ok   ", "lacks": "-    ", "fails": "FAIL "}[self.state]
        remedy = f"  -> {self.remedy}" if self.remedy else ""
        return f"{mark}{self.subject}: {self.found}{remedy}"


def main(argv: Sequence[str] | None = None) -> int:
    """Look at everything; the exit status is 1 if something fails that is needed."""
    parser = argparse.ArgumentParser(
        prog=PROGRAM, description="What is installed and reachable, and what to do about lacks."
    )
    one_line_usage(parser)
    parser.add_argument("urls", nargs="*", metavar="URL", help="stores to look into, too")
    parser.add_argument("--write", action="store_true", help="also try to write to each URL")
    parser.add_argument("--folder", default=".", metavar="DIR", help="whose disk (here)")

    def command() -> int:
        options = parser.parse_args(argv)
        failed = False
        for finding in findings(options.urls, options.write, options.folder):
            print(finding, flush=True)
            failed = failed or finding.state == "fails"
        return 1 if failed else 0

    return exit_status(command, PROGRAM)


def findings(urls: Sequence[str], write: bool, folder: str) -> Iterator[Finding]:
    """Everything, one after the other."""
    yield _python()
    yield from _packages()
    yield from _caffe()
    yield _gpu()
    yield _machine()
    yield _disk(folder)
    yield from _keys()
    for url in urls:
        yield _store(url, write)


def _python() -> Finding:
    import caffe_mnist

    found = f"{platform.python_version()} on {platform.platform()}"
    return Finding("ok", f"caffe-mnist {caffe_mnist.__version__}, Python", found)


def _packages() -> Iterator[Finding]:
    for name in NEEDED:
        version = _version(name)
        if version:
            yield Finding("ok", name, version)
        else:
            yield Finding("fails", name, "not installed", f"pip install {name}")
    for name, (extra, use) in EXTRAS.items():
        version = _version(name)
        if name == "opencv-python-headless" and not version and util.find_spec("cv2"):
            version = "another build of OpenCV"
        if version:
            yield Finding("ok", name, f"{version} ({use})")
        else:
            remedy = f"pip install 'caffe-mnist[{extra}]'"
            yield Finding("lacks", name, f"not installed ({use})", remedy)


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""


def _caffe() -> Iterator[Finding]:
    from caffe_mnist.launch.record import caffe_version
    from caffe_mnist.launch.trainer import find_trainer

    try:
        trainer = find_trainer("auto")
    except CaffeMnistError as error:
        remedy = "install torch, or set CAFFE to the program of a real Caffe"
        yield Finding("fails", "trainer", str(error), remedy)
        return
    found = trainer.description
    if not trainer.embedded:
        version = caffe_version(trainer.command[0])
        if "caffe" not in version.lower():
            yield Finding("fails", "trainer", f"{found}: --version does not answer as Caffe does",
                          "--caffe embedded trains without it")  # fmt: skip
            return
        found += f"; {version}"
    yield Finding("ok", "trainer", found)


def _gpu() -> Finding:
    """By the driver's own program: asking PyTorch would take seconds."""
    program = shutil.which("nvidia-smi")
    if not program:
        return Finding("lacks", "GPU", "no driver (nvidia-smi) here", "training uses the CPU")
    query = [program, "--query-gpu=name,memory.total,driver_version", "--format=csv,noheader"]
    try:
        done = subprocess.run(query, capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return Finding("lacks", "GPU", f"nvidia-smi fails: {error}", "look at the driver")
    if done.returncode or not done.stdout.strip():
        reason = (done.stderr or done.stdout).strip().split("\n")[0]
        return Finding("lacks", "GPU", f"nvidia-smi fails: {reason}", "look at the driver")
    found = "; ".join(line.strip() for line in done.stdout.strip().splitlines())
    if "+cpu" in _version("torch"):
        return Finding("lacks", "GPU", f"{found}, but torch is built for the CPU",
                       "pip install torch from an index with CUDA builds")  # fmt: skip
    return Finding("ok", "GPU", found)


def _machine() -> Finding:
    cores = len(os.sched_getaffinity(0))
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return Finding("ok", "machine", f"{cores} cores, {memory:.1f} GiB of memory")


def _disk(folder: str) -> Finding:
    where = f"disk of {Path(folder).resolve()}"
    try:
        free = shutil.disk_usage(folder).free
    except OSError as error:
        return Finding("fails", where, error.strerror or str(error), "give another --folder")
    if not os.access(folder, os.W_OK):
        return Finding("fails", where, "may not be written", "give another --folder")
    found = f"{free / 2**30:.1f} GiB free"
    if free < LITTLE_DISK:
        return Finding("lacks", where, found, "snapshots need room: train --keep-local N")
    return Finding("ok", where, found)


def _keys() -> Iterator[Finding]:
    from caffe_mnist.storage.credentials import ENDPOINTS, KEYS, SECRETS

    for subject, names in (("store's key", KEYS), ("store's secret", SECRETS)):
        name = next((name for name in names if os.environ.get(name)), None)
        remedy = f"for s3:// and obs://: set {names[0]} or {names[1]}"
        yield (
            Finding("ok", subject, f"in {name}")
            if name
            else Finding("lacks", subject, "not in the environment", remedy)
        )
    endpoint = next((name for name in ENDPOINTS if os.environ.get(name)), None)
    if endpoint:
        host = os.environ[endpoint].rpartition("@")[2]  # a password before it is not shown
        yield Finding("ok", "store's endpoint", f"{host} ({endpoint})")


def _store(url: str, write: bool) -> Finding:
    from caffe_mnist.storage.store import open_store
    from caffe_mnist.storage.urls import is_local, parse

    name = f".doctor-{os.getpid()}"
    try:
        if is_local(url) and not Path(parse(url).path).exists():  # opening it would make it
            return Finding("lacks", url, "no such folder", "train makes it, if this is its name")
        store = open_store(url)
        number = store.count(MANY)
        found = f"{number} objects{' or more' * (number == MANY)}"
        if write:
            store.write(name, b"written by caffe-mnist doctor; may be removed\n")
            store.delete(name)
            found += ", can be written"
    except CaffeMnistError as error:
        return Finding("fails", url, error.what, error.hint or "")
    return Finding("ok", url, found)


if __name__ == "__main__":
    sys.exit(main())
