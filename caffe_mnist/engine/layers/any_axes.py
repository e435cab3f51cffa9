"""Convolution over any number of spatial axes, for those that PyTorch has none for (0, 4, …).

The functions take the arguments of PyTorch's own. Slow and plain: each axis is gathered in turn
into positions under the kernel and positions of the output; then it is one matrix product.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional


def convolution(
    x: Tensor,
    weights: Tensor,
    bias: Tensor | None,
    stride: Sequence[int],
    pad: Sequence[int],
    dilation: Sequence[int],
    transposed: bool,
    output_pad: Sequence[int],
    group: int,
) -> Tensor:
    """As `torch.convolution`; `output_pad` must be zeros."""
    columns = _spread if transposed else _gather
    y = columns(x, weights, stride, pad, dilation, group)
    return y if bias is None else y + bias.reshape(-1, *[1] * len(stride))


def convolution_backward(
    gradient: Tensor,
    x: Tensor,
    weights: Tensor,
    bias_sizes: Sequence[int],
    stride: Sequence[int],
    pad: Sequence[int],
    dilation: Sequence[int],
    transposed: bool,
    output_pad: Sequence[int],
    group: int,
    wanted: Sequence[bool],
) -> tuple[Tensor, Tensor, Tensor]:
    """As `torch.ops.aten.convolution_backward`; gives all three gradients."""
    with torch.enable_grad():
        x, weights = x.detach().requires_grad_(), weights.detach().requires_grad_()
        y = convolution(x, weights, None, stride, pad, dilation, transposed, output_pad, group)
        dx, dw = torch.autograd.grad(y, (x, weights), gradient.reshape(y.shape))
    return dx, dw, gradient.sum([0, *range(2, gradient.dim())])


def _gather(
    x: Tensor,
    weights: Tensor,
    stride: Sequence[int],
    pad: Sequence[int],
    dilation: Sequence[int],
    group: int,
) -> Tensor:
    """The convolution."""
    x = functional.pad(x, [p for size in reversed(pad) for p in (size, size)])
    sizes = []
    for axis, (k, s, d) in enumerate(zip(weights.shape[2:], stride, dilation)):
        sizes.append((x.shape[2 + 2 * axis] - d * (k - 1) - 1) // s + 1)
        places = _places(k, sizes[-1], s, d, x.device)
        before, after = x.shape[: 2 + 2 * axis], x.shape[3 + 2 * axis :]
        x = x.index_select(2 + 2 * axis, places).reshape(*before, k, sizes[-1], *after)
    axes = len(sizes)
    kernels, positions = range(2, 2 + 2 * axes, 2), range(3, 3 + 2 * axes, 2)
    columns = x.permute(1, *kernels, 0, *positions).reshape(
        group, _prod(weights.shape[1:]), x.shape[0] * _prod(sizes)
    )
    y = weights.reshape(group, weights.shape[0] // group, -1) @ columns
    return y.reshape(weights.shape[0], x.shape[0], *sizes).transpose(0, 1)


def _spread(
    x: Tensor,
    weights: Tensor,
    stride: Sequence[int],
    pad: Sequence[int],
    dilation: Sequence[int],
    group: int,
) -> Tensor:
    """Its transpose: every value spreads the kernel over the output."""
    number, channels, *sizes = x.shape
    kernel, axes = weights.shape[2:], len(sizes)
    rows = weights.reshape(group, channels // group, -1).transpose(1, 2)
    columns = rows @ x.transpose(0, 1).reshape(group, channels // group, number * _prod(sizes))
    y = columns.reshape(group * weights.shape[1], *kernel, number, *sizes)
    pairs = [place for axis in range(axes) for place in (1 + axis, 2 + axes + axis)]
    y = y.permute(1 + axes, 0, *pairs)
    for axis, (k, s, p, d) in enumerate(zip(kernel, stride, pad, dilation)):
        y = y.flatten(2 + axis, 3 + axis)
        full = s * (sizes[axis] - 1) + d * (k - 1) + 1
        shape = list(y.shape)
        shape[2 + axis] = full
        places = _places(k, sizes[axis], s, d, x.device)
        y = y.new_zeros(shape).index_add(2 + axis, places, y)
        y = y.narrow(2 + axis, p, full - 2 * p)
    return y


def _places(kernel: int, size: int, stride: int, dilation: int, device: torch.device) -> Tensor:
    """For each place in the kernel, the input's places under it: kernel × size, flat."""
    inside = torch.arange(kernel, device=device) * dilation
    return (inside[:, None] + torch.arange(size, device=device) * stride).reshape(-1)


def _prod(sizes: Sequence[int]) -> int:
    product = 1
    for size in sizes:
        product *= size
    return product
