"""ONNX's operators in PyTorch, as far as `layers/` use them.

Each takes the node's inputs and attributes. Whole numbers (shapes, axes, places) come as lists,
so that PyTorch's export sees them as constants.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Callable

import torch
from torch import Tensor
from torch.nn import functional

from caffe_mnist.registry import Registry

Operator = Callable[..., Any]
operators: Registry[Operator] = Registry("operator")
KINDS = {"float32": torch.float32, "int64": torch.int64, "bool": torch.bool}

_PLAIN: dict[str, Operator] = {
    "Abs": torch.abs, "Add": torch.add, "Div": torch.div, "Exp": torch.exp, "Greater": torch.gt,
    "Log": torch.log, "MatMul": torch.matmul, "Mul": torch.mul, "Pow": torch.pow,
    "PRelu": lambda x, slope: torch.where(x > 0, x, x * slope), "Relu": torch.relu,
    "Sigmoid": torch.sigmoid, "Softplus": functional.softplus, "Sqrt": torch.sqrt,
    "Sub": torch.sub, "Tanh": torch.tanh, "Identity": torch.clone,
    "Cast": lambda x, to: x.to(KINDS[to]),
    "Clip": lambda x, low, high: torch.minimum(torch.maximum(x, low), high),
    "Concat": lambda *parts, axis: torch.cat(parts, axis),
    "Elu": lambda x, alpha: functional.elu(x, alpha),
    "LeakyRelu": lambda x, alpha: functional.leaky_relu(x, alpha),
    "Mod": lambda x, by: torch.remainder(x, _tensor(by)),
    "ReduceMean": lambda x, axes, keepdims: x.mean(axes, keepdim=bool(keepdims)),
    "ReduceSum": lambda x, axes, keepdims: x.sum(axes, keepdim=bool(keepdims)),
    "Softmax": lambda x, axis: torch.softmax(x, axis),
    "Tile": lambda x, repeats: x.repeat(repeats),
    "Transpose": lambda x, perm: x.permute(perm),
}  # fmt: skip
for _name, _function in _PLAIN.items():
    operators.add(_name, _function)


@operators.register("Reshape")
def reshape(x: Tensor, sizes: Sequence[int]) -> Tensor:
    """To sizes of which one may be -1."""
    return x.reshape(list(sizes))


@operators.register("Max")
def largest(*values: Tensor) -> Tensor:
    """Element by element."""
    result = values[0]
    for value in values[1:]:
        result = torch.maximum(result, value)
    return result


@operators.register("Gather")
def gather(x: Tensor, places: Any, axis: int) -> Tensor:
    """The parts of an axis at `places`, of any shape."""
    places = _tensor(places)
    picked = x.index_select(axis, places.reshape(-1))
    return picked.reshape((*x.shape[:axis], *places.shape, *x.shape[axis + 1 :]))


@operators.register("Compress")
def compress(x: Tensor, marks: Tensor, axis: int) -> Tensor:
    """The marked parts of an axis."""
    return x.index_select(axis, marks.nonzero().reshape(-1))


@operators.register("Slice")
def cut(
    x: Tensor,
    starts: Sequence[int],
    ends: Sequence[int],
    axes: Sequence[int],
    steps: Sequence[int] = (1,),
) -> Tensor:
    """A range along each axis; a step of -1 turns the whole axis round."""
    for start, end, axis in zip(starts, ends, axes):
        if steps[0] < 0:
            x = x.flip(axis)
        else:
            index = [slice(None)] * axis + [slice(start, None if end >= 2**62 else end)]
            x = x[tuple(index)]
    return x


@operators.register("Split")
def split(
    x: Tensor, sizes: Sequence[int] = (), axis: int = 0, num_outputs: int = 0
) -> tuple[Tensor, ...]:
    """Parts of given sizes, or that many equal ones."""
    if sizes:
        return torch.split(x, list(sizes), axis)
    return torch.split(x, x.shape[axis] // num_outputs, axis)


@operators.register("Pad")
def pad(x: Tensor, pads: Sequence[int], value: Tensor) -> Tensor:
    """Zeros around; ONNX lists all beginnings and then all ends."""
    axes = len(pads) // 2
    pairs = [(pads[axis], pads[axis + axes]) for axis in reversed(range(axes))]
    return functional.pad(x, [size for pair in pairs for size in pair])


@operators.register("TopK")
def top(x: Tensor, count: Sequence[int], axis: int) -> tuple[Tensor, Tensor]:
    """The largest first; of equal ones that of the lower place."""
    values, places = torch.sort(x, dim=axis, descending=True, stable=True)
    return values.narrow(axis, 0, count[0]), places.narrow(axis, 0, count[0])


@operators.register("Gemm")
def product(x: Tensor, weights: Tensor, bias: Any = None, transB: int = 0) -> Tensor:  # noqa: N803
    """x W + b or x Wᵀ + b."""
    weights = weights.t() if transB else weights
    return x @ weights if bias is None else torch.addmm(bias, x, weights)


@operators.register("BatchNormalization")
def normalised(
    x: Tensor, scale: Tensor, shift: Tensor, mean: Tensor, variance: Tensor, epsilon: float
) -> Tensor:
    """By given statistics."""
    return functional.batch_norm(x, mean, variance, scale, shift, eps=epsilon)


@operators.register("LRN")
def local_response(x: Tensor, size: int, alpha: float, beta: float, bias: float) -> Tensor:
    """Across channels, cut at the first and the last one."""
    squares = functional.pad((x * x).unsqueeze(1), (0, 0, 0, 0, size // 2, size // 2))
    sums = functional.avg_pool3d(squares, (size, 1, 1), 1).squeeze(1)
    return x * (sums * alpha + bias).pow(-beta)


@operators.register("Conv")
def convolution(x: Tensor, *rest: Any, **settings: Any) -> Tensor:
    """Over 1 to 3 axes."""
    return _convolution(x, rest, settings, transposed=False)


@operators.register("ConvTranspose")
def transposed_convolution(x: Tensor, *rest: Any, **settings: Any) -> Tensor:
    """Its transpose."""
    return _convolution(x, rest, settings, transposed=True)


def _convolution(
    x: Tensor, rest: Sequence[Any], settings: dict[str, Any], transposed: bool
) -> Tensor:
    axes = len(settings["kernel_shape"])
    bias = rest[1] if len(rest) > 1 else None
    return torch.convolution(
        x, rest[0], bias, settings["strides"], settings["pads"][:axes], settings["dilations"],
        transposed, [0] * axes, settings["group"],
    )  # fmt: skip


@operators.register("MaxPool")
def max_pool(x: Tensor, kernel_shape: Any, strides: Any, pads: Any) -> tuple[Tensor, Tensor]:
    """The largest values, and their places in the picture without the padding."""
    top_, left, bottom, right = pads
    width, padded = x.shape[3], x.shape[3] + left + right
    x = functional.pad(x, (left, right, top_, bottom), value=float("-inf"))
    y, places = functional.max_pool2d(x, kernel_shape, strides, return_indices=True)
    rows = torch.div(places, padded, rounding_mode="floor") - top_
    return y, rows * width + torch.remainder(places, padded) - left


@operators.register("AveragePool")
def average_pool(
    x: Tensor, kernel_shape: Any, strides: Any, pads: Any, count_include_pad: int
) -> Tensor:
    """The average over whole windows."""
    top_, left, bottom, right = pads
    x = functional.pad(x, (left, right, top_, bottom))
    return functional.avg_pool2d(x, kernel_shape, strides)


def _tensor(values: Any) -> Tensor:
    return values if isinstance(values, Tensor) else torch.tensor(values)
