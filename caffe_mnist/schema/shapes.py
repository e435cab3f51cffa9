"""Shapes as a command line gives them: `64x1x28x28`, `data=64x1x28x28`."""

from __future__ import annotations

from caffe_mnist.errors import CaffeMnistError


def parse_shape(text: str) -> tuple[str, tuple[int, ...]]:
    """`NAME=64x1x28x28`, or the shape alone (with `x` or `,`), as a name (or "") and sizes."""
    name, _, sizes = text.rpartition("=")
    parts = sizes.replace(",", "x").split("x")
    if not all(part.isdecimal() and int(part) for part in parts):
        raise CaffeMnistError(f"{text!r} is no shape", hint="64x1x28x28, or data=64x1x28x28")
    return name, tuple(map(int, parts))
