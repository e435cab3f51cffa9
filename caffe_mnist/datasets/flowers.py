"""Generated pictures of flowers, in pairs n.jpg + n.txt: for trying things out. No photographs.

Five kinds (those of a well-known set of photographs), each picture drawn by chance: how many
flowers, how large, turned and tilted how, on which background, in which light, sharp or blurred,
with or without noise. Every picture follows from the seed and its own number by whole-number
arithmetic; what the JPEG encoder makes of it is its own.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context

from caffe_mnist.datasets.aside import Aside, folder
from caffe_mnist.datasets.blossoms import KINDS
from caffe_mnist.datasets.chance import Chance
from caffe_mnist.datasets.conversion import Progress
from caffe_mnist.datasets.index import NAME, VERSION
from caffe_mnist.errors import CaffeMnistError

CLASSES = tuple(KINDS)

# So many pictures are drawn between two reports of progress.
BATCH = 32
SMALLEST, LARGEST = 16, 4096


def write(
    out: str | os.PathLike[str],
    *,
    count: int = 4000,
    size: int = 320,
    seed: int = 0,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> None:
    """Write `count` pictures, their longer side `size` pixels, to the folder `out`, with labels.

    Every five pictures are one of each class, in an order drawn by chance. The folder appears
    whole or not at all. Raises CaffeMnistError when it exists and is not empty; `overwrite`
    replaces it if it holds nothing but such pairs.
    """
    _check_opencv()
    if not SMALLEST <= size <= LARGEST:
        raise CaffeMnistError(f"{size}: a side has {SMALLEST} to {LARGEST} pixels", where="--size")
    target = os.path.realpath(os.fspath(out))
    with folder(os.path.dirname(target)):
        _check_target(target, overwrite)
        try:
            aside = Aside(target)
            try:
                _write_pairs(aside.path, count, size, seed, progress)
                _write_receipt(aside.path, count, size, seed)
                aside.publish(replace=True)
            finally:
                aside.discard()
        except OSError as error:
            raise CaffeMnistError(f"cannot write: {error.strerror}", where=out) from None


def label(number: int, seed: int = 0) -> int:
    """The class of picture `number` (from 0), as a place in CLASSES."""
    order, chance = list(range(len(CLASSES))), Chance(seed, number // len(CLASSES))
    return [order.pop(chance.below(len(order))) for _ in CLASSES][number % len(CLASSES)]


def picture(number: int, size: int = 320, seed: int = 0) -> bytes:
    """Picture `number` (from 0) as a JPEG."""
    import cv2

    from caffe_mnist.datasets.flower_picture import draw

    # Streams above those that order the classes.
    chance = Chance(seed, (1 << 40) + number)
    pixels = draw(CLASSES[label(number, seed)], size, chance)
    quality = [cv2.IMWRITE_JPEG_QUALITY, chance.between(75, 95)]
    return bytes(cv2.imencode(".jpg", pixels, quality)[1])


def _write_pairs(out: str, count: int, size: int, seed: int, progress: Progress | None) -> None:
    """In processes: what takes the time is Python's, and its threads take turns."""
    digits = max(5, len(str(count)))
    with ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("fork")) as pool:
        work = partial(_write_some, out, digits, size, seed)
        for numbers in pool.map(work, _batches(count)):
            if progress is not None:
                progress("flowers", numbers.stop, count)


def _write_some(out: str, digits: int, size: int, seed: int, numbers: range) -> range:
    """The pairs of some numbers; returns these."""
    for number in numbers:
        path = os.path.join(out, f"{number + 1:0{digits}}")
        with open(path + ".jpg", "wb") as file:
            file.write(picture(number, size, seed))
        with open(path + ".txt", "w", encoding="ascii") as file:
            file.write(CLASSES[label(number, seed)] + "\n")
    return numbers


def _batches(count: int) -> Iterator[range]:
    for first in range(0, count, BATCH):
        yield range(first, min(first + BATCH, count))


def _write_receipt(folder: str, count: int, size: int, seed: int) -> None:
    """How many pictures of each class, of what they were drawn, and a checksum of all files."""
    total = hashlib.sha256()
    for name in sorted(os.listdir(folder)):
        with open(os.path.join(folder, name), "rb") as file:
            total.update(name.encode("ascii") + b"\0" + file.read())
    classes = Counter(CLASSES[label(number, seed)] for number in range(count))
    content = {
        "version": VERSION,
        "pictures": count,
        "classes": dict(sorted(classes.items())),
        "skipped": 0,
        "arguments": {"generated": "flowers", "count": count, "size": size, "seed": seed},
        "sha256": total.hexdigest(),
    }
    with open(os.path.join(folder, NAME), "w", encoding="ascii") as file:
        file.write(json.dumps(content, indent=2) + "\n")


def _check_target(target: str, overwrite: bool) -> None:
    if not os.path.lexists(target):
        return
    if not os.path.isdir(target):
        raise CaffeMnistError("is no folder", where=target)
    names = os.listdir(target)
    foreign = [name for name in names if not re.fullmatch(r"\d{5,}\.(jpg|txt)", name)]
    foreign = [name for name in foreign if name != NAME]
    if foreign and overwrite:
        raise CaffeMnistError(f"holds other things too, such as {foreign[0]}", where=target)
    if names and not overwrite:
        raise CaffeMnistError("is not empty", where=target, hint="--overwrite replaces pictures")


def _check_opencv() -> None:
    import importlib.util

    if importlib.util.find_spec("cv2") is None:
        raise CaffeMnistError(
            "drawing flowers needs OpenCV, which is not installed",
            hint="pip install 'caffe-mnist[images]'",
        )
