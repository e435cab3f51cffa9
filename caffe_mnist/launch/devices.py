"""Whether the GPUs that a job asks for can be here at all, told without asking any library."""

from __future__ import annotations

import importlib.metadata
from pathlib import Path

# What drivers make: NVIDIA's a file a GPU; AMD's and that of Windows' subsystem one for all.
NVIDIA, OTHERS = "nvidia[0-9]*", ("kfd", "dxg")


def lacking(gpus: str, embedded: bool, folder: Path = Path("/dev")) -> str:
    """Why `-gpu gpus` cannot work, in words; nothing where it may.

    `embedded`: it is the engine that trains, whose PyTorch may be one for the CPU alone.
    """
    if not gpus:
        return ""
    count = len(list(folder.glob(NVIDIA)))
    if not count and not any((folder / name).exists() for name in OTHERS):
        return f"-gpu {gpus}: this machine has no GPU (no driver's {folder}/nvidia0)"
    asked = [int(one) for one in gpus.split(",")] if gpus != "all" else [0]
    if count and max(asked) >= count:
        return f"-gpu {gpus}: this machine has {count} GPU{'' if count == 1 else 's'}, from 0 on"
    version = _torch() if embedded else ""
    if version.endswith("+cpu"):
        return f"-gpu {gpus}: the installed PyTorch ({version}) is one for the CPU alone"
    return ""


def _torch() -> str:
    try:
        return importlib.metadata.version("torch")
    except importlib.metadata.PackageNotFoundError:
        return ""
