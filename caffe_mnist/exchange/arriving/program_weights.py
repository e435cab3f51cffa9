"""The numbers in an exported program's archive, as numpy arrays by their names."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import torch

from caffe_mnist.errors import CaffeMnistError
from caffe_mnist.exchange.arriving.value import Array

# PyTorch's numbers of types in this format; others are no weights of a net.
_TYPES = {
    1: torch.uint8, 2: torch.int8, 3: torch.int16, 4: torch.int32, 5: torch.int64, 6: torch.float16,
    7: torch.float32, 8: torch.float64, 12: torch.bool, 13: torch.bfloat16,
}  # fmt: skip


def read_tensors(archive: zipfile.ZipFile, path: Path) -> dict[str, Array]:
    """Parameters, buffers and constants of either layout. Nothing is unpickled but tensors."""
    found: dict[str, Array] = {}
    for name in archive.namelist():
        if name.endswith("_config.json") and "/data/" in f"/{name}":
            folder = name.rsplit("/", 1)[0]
            for title, about in json.loads(archive.read(name))["config"].items():
                one = _one(archive.read(f"{folder}/{about['path_name']}"), about, title, path)
                if one is not None:
                    found[title] = one
        elif name in ("serialized_state_dict.pt", "serialized_constants.pt"):
            content = _load(archive.read(name), name, path)
            for title, tensor in content.items() if isinstance(content, dict) else ():
                if isinstance(tensor, torch.Tensor):
                    found[title] = _array(tensor)
    return found


def _one(content: bytes, about: Any, title: str, path: Path) -> Array | None:
    if about.get("use_pickle"):
        tensor = _load(content, title, path)
        return _array(tensor) if isinstance(tensor, torch.Tensor) else None
    meta = about["tensor_meta"]
    kind = _TYPES.get(meta["dtype"])
    if kind is None:
        raise CaffeMnistError(f"{title}: numbers of type {meta['dtype']}", where=path)
    sizes, strides = ([int(one["as_int"]) for one in meta[key]] for key in ("sizes", "strides"))
    if 0 in sizes:
        return _array(torch.zeros(sizes))
    try:
        flat = torch.frombuffer(bytearray(content), dtype=kind)
        return _array(flat.as_strided(sizes, strides, int(meta["storage_offset"]["as_int"])))
    except (RuntimeError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise CaffeMnistError(f"{title}: {reason}", where=path) from None


def _array(tensor: torch.Tensor) -> Array:
    tensor = tensor.detach()
    tensor = tensor.float() if tensor.is_floating_point() else tensor
    result: Array = tensor.contiguous().numpy().copy()
    return result


def _load(content: bytes, name: str, path: Path) -> Any:
    import pickle

    try:
        return torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, KeyError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else "unreadable"
        raise CaffeMnistError(
            f"{name} holds more than tensors, and is not opened: {reason}", where=path
        ) from None
