"""In which number format a net computes (`-precision`): fp32, tf32, bf16, fp16.

fp32 is the default and the one that equals Caffe. With tf32, products on the GPU's tensor cores
take 10 bits of mantissa. With bf16 and fp16, the heavy layers (convolutions and inner products)
compute in 16 bits and hand 16 bits on; parameters, their gradients and histories stay in 32 bits,
and so do losses, normalisations across channels and all layers that are not known to be safe.
fp16 has so little range that gradients are scaled up on their way back (`loss_scale.py`).
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

import torch

from caffe_mnist.errors import CaffeMnistError

# Compute capabilities of the first GPUs whose tensor cores take tf32 and bf16 (Ampere).
AMPERE = (8, 0)


class Part(enum.Enum):
    """What a layer does with 16 bits: wants them, takes what comes, or needs 32."""

    HEAVY = 1
    EITHER = 2
    FULL = 3


@dataclass(frozen=True)
class Precision:
    """A format by its name: what heavy layers compute in, and whether losses are scaled."""

    name: str = "fp32"
    dtype: torch.dtype = torch.float32
    scaled: bool = False

    @property
    def mixed(self) -> bool:
        """Whether some layers compute in 16 bits."""
        return self.dtype != torch.float32

    @property
    def tensor_cores(self) -> bool:
        """Whether products on a GPU go to its tensor cores, which want channels last."""
        return self.name != "fp32"


FP32 = Precision()
PRECISIONS = {
    "fp32": FP32,
    "tf32": Precision("tf32"),
    "bf16": Precision("bf16", torch.bfloat16),
    "fp16": Precision("fp16", torch.float16, scaled=True),
}


def find_precision(name: str, device: torch.device) -> Precision:
    """The format `name`; raises CaffeMnistError when `device` has no such numbers."""
    if name not in PRECISIONS:
        known = ", ".join(PRECISIONS)
        raise CaffeMnistError(f"-precision {name!r} is not known", hint=f"known: {known}")
    if device.type != "cuda":
        if name == "tf32":
            raise CaffeMnistError(
                "-precision tf32: only GPUs have it, and this runs on the CPU",
                hint="-precision fp32 or bf16, or give -gpu",
            )
        return PRECISIONS[name]
    ability = torch.cuda.get_device_capability(device)
    if name in ("tf32", "bf16") and ability < AMPERE:
        raise CaffeMnistError(
            f"-precision {name}: {torch.cuda.get_device_name(device)} (compute capability "
            f"{ability[0]}.{ability[1]}) does not have it, the first is 8.0",
            hint="-precision fp32 or fp16",
        )
    return PRECISIONS[name]


def set_products(precision: Precision) -> None:
    """Let the GPU's libraries round products to 10 bits with tf32, and never without it."""
    allowed = precision.name == "tf32"
    torch.backends.cuda.matmul.allow_tf32 = allowed
    torch.backends.cudnn.allow_tf32 = allowed


def remark(precision: Precision, device: torch.device) -> str | None:
    """What to tell a user whose machine has no instructions for the format; None if it has."""
    if device.type == "cuda" or not precision.mixed:
        return None
    supported = {
        "bf16": torch.ops.mkldnn._is_mkldnn_bf16_supported,
        "fp16": torch.ops.mkldnn._is_mkldnn_fp16_supported,
    }[precision.name]
    native = ("amx_" + precision.name, "avx512_" + precision.name)
    if supported() and any(word in _cpu_flags() for word in native):
        return None
    return f"this CPU has no {precision.name} instructions: fp32 is likely faster here"


def _cpu_flags() -> frozenset[str]:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            for line in file:
                if line.startswith("flags"):
                    return frozenset(line.split())
    except OSError:
        pass
    return frozenset()
