"""What a command computes on, and how precisely."""

from __future__ import annotations

from typing import TYPE_CHECKING

from caffe_mnist.engine.flags import Flags
from caffe_mnist.errors import CaffeMnistError

if TYPE_CHECKING:
    import torch

    from caffe_mnist.engine.precision import Precision


def find_device(gpu: str, place: str) -> torch.device:
    """The device of `-gpu`, the CPU without; `place` is where Caffe's log names it.

    Raises CaffeMnistError for a GPU that is not there, and for several.
    """
    import torch

    from caffe_mnist.engine.glog import info

    if not gpu:
        info(place, "Use CPU.")
        return torch.device("cpu")
    indices = find_gpus(gpu)
    if len(indices) > 1:
        raise CaffeMnistError(f"-gpu {gpu}: this runs on one GPU", hint="name one of them")
    # Else libraries would take memory of the first one, too.
    torch.cuda.set_device(indices[0])
    info(place, f"Using GPUs {indices[0]}")
    info(place, f"GPU {indices[0]}: {torch.cuda.get_device_name(indices[0])}")
    return torch.device("cuda", indices[0])


def precision_of(flags: Flags, device: torch.device) -> Precision:
    """That of `-precision`, which is in force from here on."""
    from caffe_mnist.engine.glog import info
    from caffe_mnist.engine.precision import find_precision, remark, set_products

    precision = find_precision(flags.precision, device)
    set_products(precision)
    if precision.name != "fp32":
        info("precision.py:1", f"Precision: {precision.name}")
    note = remark(precision, device)
    if note:
        info("precision.py:1", f"-precision {precision.name}: {note}")
    return precision


def find_gpus(wanted: str) -> list[int]:
    """The numbers of the GPUs in `0,1` or `all`; raises CaffeMnistError where one is not there."""
    import torch

    count = torch.cuda.device_count()
    if not count:
        raise CaffeMnistError(
            f"cannot use GPU {wanted}: PyTorch finds no CUDA device on this machine",
            hint="leave -gpu away and set solver_mode: CPU, or install a CUDA build of PyTorch",
        )
    if wanted == "all":
        return list(range(count))
    try:
        indices = [int(word) for word in wanted.split(",")]
    except ValueError:
        raise CaffeMnistError(f"-gpu {wanted!r} is no list of numbers") from None
    if any(not 0 <= index < count for index in indices):
        raise CaffeMnistError(f"-gpu {wanted}: this machine has GPUs 0 to {count - 1}")
    if len(set(indices)) < len(indices):
        raise CaffeMnistError(f"-gpu {wanted} names a GPU twice", hint="one worker runs on each")
    return indices
