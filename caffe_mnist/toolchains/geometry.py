"""Kernel, stride, pad and dilation of layers that have such, height first."""

from __future__ import annotations

from typing import Any


def pair(layer: Any, what: str, shape: tuple[int, ...] | None = None) -> tuple[int, int] | None:
    """`what` is kernel, stride, pad or dilation; None where the layer has none, or not known.

    With the shape of its bottom, global pooling has the picture as its kernel.
    """
    if layer.type == "Pooling":
        param = layer.pooling_param
        if param.global_pooling:
            if what == "kernel":
                return (shape[2], shape[3]) if shape and len(shape) == 4 else None
            return (1, 1) if what in ("stride", "dilation") else (0, 0)
        if what == "dilation":
            return (1, 1)
        whole = "kernel_size" if what == "kernel" else what
        if param.HasField(f"{what}_h") or param.HasField(f"{what}_w"):
            return getattr(param, f"{what}_h"), getattr(param, f"{what}_w")
        return (getattr(param, whole),) * 2
    if layer.HasField("convolution_param") and "onvolution" in layer.type:
        param = layer.convolution_param
        if what != "dilation" and (param.HasField(f"{what}_h") or param.HasField(f"{what}_w")):
            return getattr(param, f"{what}_h"), getattr(param, f"{what}_w")
        found = list(getattr(param, "kernel_size" if what == "kernel" else what))
        usual = {"stride": 1, "pad": 0, "dilation": 1}
        found = found or [usual.get(what, 0)]
        return (found[0], found[0]) if len(found) == 1 else (found[0], found[1])
    return None
