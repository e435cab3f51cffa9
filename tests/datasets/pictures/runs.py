"""Sources of pictures, and runs of `convert images` over them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from caffe_mnist.convert import main
from caffe_mnist.datasets.database import Database
from caffe_mnist.datasets.datum import Image, decode
from caffe_mnist.datasets.pictures.skipped import read_skipped

ROOT = Path(__file__).parents[3]
SMALL = ("--resize-height=16", "--resize-width=16")
COLORS = {"daisy": (250, 250, 250), "rose": (20, 20, 200), "tulip": (20, 180, 220)}
PAPERS = {"dataset.json", "labels.txt", "mean.binaryproto", "std.binaryproto", "report.json",
          "contact_sheet.png"}  # fmt: skip

# The command, killed by what it comes to: a database's record, the sheet, or its own end.
KILLED = """
import os, signal, sys
from caffe_mnist import convert
from caffe_mnist.datasets.pictures import contact_sheet, dataset
from caffe_mnist.datasets.stopping import StoppableProgress
place, number, last = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
end = lambda *_, **__: os.kill(os.getpid(), number)
whole = StoppableProgress.__call__
def progress(self, name, done, total):
    if name == place and done >= last:
        end()
    whole(self, name, done, total)
StoppableProgress.__call__ = progress
if place == "sheet":
    contact_sheet.write_contact_sheet = end
if place == "half sheet":
    from PIL import Image
    Image.Image.save = end
if place == "published":
    publish = dataset.publish
    dataset.publish = lambda *some, **more: (publish(*some, **more), end())
if place.startswith("move"):
    rename = os.rename
    moves = iter(range(last))
    os.rename = lambda *some: rename(*some) if next(moves, None) is not None else end()
sys.exit(convert.main(sys.argv[4:]))
"""


def picture(path: Path, number: int, color: tuple[int, int, int]) -> None:
    """A JPEG of one color, of a size of its own."""
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.full((20 + number, 50 - number, 3), color, np.uint8))


def source(folder: Path, form: str, count: int = 24) -> Path:
    """Pictures of three kinds of flowers in one of the forms; what `convert images` is given."""
    names = list(COLORS)
    rows = []
    for number in range(count):
        kind = names[number % 3]
        name = f"{kind}/{number}.jpg" if form == "folders" else f"{number}.jpg"
        picture(folder / name, number % 30, COLORS[kind])
        if form == "pairs":
            (folder / f"{number}.txt").write_text(f"{kind}\n")
        rows.append((name, kind))
    if form == "list":
        lines = (f"{name} {names.index(kind)}\n" for name, kind in rows)
        (folder / "list.txt").write_text("".join(lines))
        return folder / "list.txt"
    if form == "csv":
        lines = (f"{name},{kind}\n" for name, kind in rows)
        (folder / "list.csv").write_text("path,label\n" + "".join(lines))
        return folder / "list.csv"
    return folder


def images(*arguments: object) -> int:
    """The command's exit status."""
    return main(["images", *map(str, arguments)])


def records(path: Path) -> dict[str, Image]:
    """What a database holds."""
    with Database(path) as database:
        found = {key.decode(): decode(bytes(value)) for key, value in database.records()}
    return {key: one for key, one in found.items() if isinstance(one, Image)}


def pixels(one: Image) -> npt.NDArray[np.float64]:
    """A record as OpenCV has pictures: height x width x B, G, R."""
    shape = (one.channels, one.height, one.width)
    return np.frombuffer(one.pixels, np.uint8).reshape(shape).transpose(1, 2, 0).astype(float)


def names(folder: Path) -> set[str]:
    """All that stands in a folder, hidden files too."""
    return set(os.listdir(folder))


def skipped(out: Path) -> dict[str, str]:
    """The table of what was skipped."""
    return {one.name: one.reason for one in read_skipped(out / "skipped.csv") or ()}


def list_of(folder: Path, files: dict[str, bytes]) -> Path:
    """A list of files of those contents, each with label 0."""
    folder.mkdir(exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    (folder / "list.txt").write_text("".join(f"{name} 0\n" for name in files))
    return folder / "list.txt"


def killed(
    number: int, place: str, last: int, *arguments: object
) -> subprocess.CompletedProcess[str]:
    """The command, which sends itself a signal at a place."""
    command = [sys.executable, "-c", KILLED, place, str(int(number)), str(last), "images"]
    return subprocess.run(
        [*command, *map(str, arguments)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        preexec_fn=_hear,
    )


def _hear() -> None:
    """What the tests' own caller ignores, as a shell's background does, is heard here."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


def assert_same(one: Path, other: Path) -> None:
    """Two datasets hold the same records, and all other files byte for byte."""
    assert names(one) == names(other)
    for path in one.iterdir():
        if path.is_dir():
            assert records(path) == records(other / path.name), path
        else:
            assert path.read_bytes() == (other / path.name).read_bytes(), path
