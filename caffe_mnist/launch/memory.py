"""How much memory is free here: of the machine, of its container, of a GPU.

A container's use counts the files that it has read, which the kernel lets go of when memory is
wanted; they are taken off.
"""

from __future__ import annotations

import subprocess
from collections import Counter
from collections.abc import Iterable, Sequence
from math import prod
from pathlib import Path
from typing import Any

# Layers whose top is their bottom in another shape, and those that nothing hangs on.
SAME_MEMORY = ("Flatten", "Reshape")
ENDS = ("Accuracy", "ArgMax", "Silence")

# Where the limit and the use of a container stand, of either version of control groups; and the
# line of memory.stat with the bytes of files that are not in use.
GROUPS = (
    ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current", "inactive_file"),
    (
        "/sys/fs/cgroup/memory/memory.limit_in_bytes",
        "/sys/fs/cgroup/memory/memory.usage_in_bytes",
        "total_inactive_file",
    ),
)


def free_memory(gpus: str) -> tuple[int | None, str]:
    """Bytes, and whose they are; None where that cannot be told.

    Of several GPUs that with the least counts: each holds the whole net.
    """
    if gpus:
        return _of_gpus(gpus), "the GPU"
    found = [_of_machine(), *(_of_group(*paths) for paths in GROUPS)]
    known = [one for one in found if one is not None]
    return (min(known) if known else None), "this machine"


def held_numbers(
    layers: Iterable[tuple[Any, Sequence[str], Sequence[Sequence[int]], int]], gradients: bool
) -> int:
    """How many numbers a net's blobs hold: each layer with its tops, shapes and parameters.

    What works in place, and what only gives another shape, holds nothing of its own. Gradients
    there are of blobs that hang on parameters, once more for each that reads one of several.
    """
    count, readers = 0, Counter[str]()
    hanging: set[str] = set()
    sizes: dict[str, int] = {}
    for layer, tops, shapes, parameters in layers:
        back = parameters > 0 or any(name in hanging for name in layer.bottom)
        for name in set(layer.bottom) & hanging:
            readers[name] += 1
            if readers[name] > 1 and gradients and name not in tops:
                count += sizes[name]
        for name, shape in zip(tops, shapes):
            if back and not (parameters == 0 and layer.type in ENDS):
                hanging.add(name)
            if name in layer.bottom:
                readers[name] = 0
                continue
            sizes[name], readers[name] = prod(shape), 0
            if layer.type not in SAME_MEMORY:
                count += sizes[name] * (2 if gradients and name in hanging else 1)
    return count


def size_words(size: float) -> str:
    """A number of bytes for people."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if size < 1024 or unit == "GiB":
            break
        size /= 1024
    return f"{size:.0f} {unit}" if unit in ("B", "KiB") else f"{size:.1f} {unit}"


def _of_machine() -> int | None:
    try:
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except (OSError, ValueError, IndexError):
        pass
    return None


def _of_group(limit: str, used: str, files: str) -> int | None:
    try:
        most = int(Path(limit).read_text())
        if most >= 2**60:
            return None
        held = int(Path(used).read_text()) - _files(Path(limit).with_name("memory.stat"), files)
        return min(max(most - held, 0), most)
    except (OSError, ValueError):  # "max": without a limit
        return None


def _files(stat: Path, name: str) -> int:
    try:
        rows = (line.split() for line in stat.read_text().splitlines())
        return next((int(row[1]) for row in rows if row and row[0] == name), 0)
    except (OSError, ValueError, IndexError):
        return 0


def _of_gpus(gpus: str) -> int | None:
    command = ["nvidia-smi", "--query-gpu=index,memory.free", "--format=csv,noheader,nounits"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True)
        rows = [line.split(",") for line in done.stdout.splitlines()]
        free = {row[0].strip(): int(row[1]) * 2**20 for row in rows}
    except (OSError, subprocess.SubprocessError, ValueError, IndexError):
        return None
    wanted = list(free) if gpus == "all" else gpus.split(",")
    known = [free[one] for one in wanted if one in free]
    return min(known) if known else None
