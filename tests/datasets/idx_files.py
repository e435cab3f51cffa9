"""IDX files for tests: what is in them, byte by byte."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path
from random import Random


def images(count: int, rows: int = 3, columns: int = 5, seed: int = 1) -> bytes:
    """The content of a file of random images."""
    header = struct.pack(">IIII", 0x803, count, rows, columns)
    return header + Random(seed).randbytes(count * rows * columns)


def labels(count: int) -> bytes:
    """The content of a file of labels, which run through all bytes."""
    return struct.pack(">II", 0x801, count) + bytes(i * 7 % 256 for i in range(count))


def pair(folder: Path, count: int, zipped: bool = False, seed: int = 1) -> tuple[Path, Path]:
    """Files of images and labels."""
    paths = folder / "images", folder / "labels"
    for path, content in zip(paths, (images(count, seed=seed), labels(count))):
        path.write_bytes(gzip.compress(content) if zipped else content)
    return paths
