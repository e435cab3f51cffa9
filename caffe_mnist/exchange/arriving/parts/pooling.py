"""Pooling by any rule of rounding and of averages.

Caffe's: sizes round up, a window that would start behind the picture and its padding is dropped
(only where there is padding), and an average is divided by the window with its padding, as far
as that reaches. Most other programs round down.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from caffe_mnist.exchange.arriving.draft import Draft, UnfitError
from caffe_mnist.exchange.arriving.parts.convolving import axes_of, depthwise
from caffe_mnist.exchange.arriving.parts.neurons import never_negative
from caffe_mnist.exchange.arriving.parts.padding import Pairs, bare, strided, trimmed
from caffe_mnist.exchange.arriving.value import BATCH, Array, Value, words


def everywhere(draft: Draft, value: Value, method: str) -> Value:
    """One number a channel, of all the picture: N × C × 1 × 1."""
    axes = len(value.shape) - 2
    if axes not in (1, 2, 3) or BATCH in value.shape[1:]:
        raise UnfitError(f"pools {words(value.shape)}")
    value = draft.plain(value)
    flat = value.shape
    if axes != 2:  # over one axis or three: over two that hold as much
        flat = (*flat[:2], int(np.prod(flat[2:-1])), flat[-1]) if axes > 2 else (*flat, 1)
        value = draft.plain(value.seen_as(flat))
    param = {"pool": method, "global_pooling": True}
    made = draft.layer("Pooling", [value], (*flat[:2], 1, 1), pooling_param=param)
    return made.seen_as((*flat[:2], *(1,) * axes))


def pooled(
    draft: Draft,
    value: Value,
    method: str,
    kernel: Sequence[int],
    strides: Sequence[int],
    pads: Pairs,
    *,
    ceil: bool = False,
    with_padding: bool = True,
) -> Value:
    """MAX or AVE over windows; `with_padding`: averages are divided by padding, too."""
    axes = len(kernel)
    if axes == 1:
        shape = value.shape
        wide = draft.plain(value).seen_as((*shape, 1))
        made = pooled(
            draft, wide, method, (*kernel, 1), (*strides, 1), (*pads, (0, 0)),
            ceil=ceil, with_padding=with_padding,
        )  # fmt: skip
        return made.seen_as(made.shape[:3])
    if axes != 2 or len(value.shape) != 4 or BATCH in value.shape[1:]:
        raise UnfitError(f"pools {words(value.shape)} over {axes} axes; Caffe pools over 2")
    if set(kernel) == set(strides) == {1} and not any(map(any, pads)):
        return value
    average = method == "AVE"
    lowest = value.fill <= -3e38 and not average
    given = bare(draft, value, value.fill if lowest else 0.0)
    if any(map(any, given[1])) and (
        lowest or (average and with_padding) or never_negative(draft, given[0])
    ):
        value, outside = given
        pads = tuple((a + c, b + d) for (a, b), (c, d) in zip(outside, pads))
    else:
        value = draft.plain(value)
    windows = [
        _Windows(*each, ceil)
        for each in zip(
            value.shape[2:], kernel, strides, (a for a, _ in pads), (b for _, b in pads)
        )
    ]
    if min(one.count for one in windows) < 1:
        raise UnfitError("leaves nothing of the picture", hint="--input-shape gives a larger one")
    return (
        _averages(draft, value, windows, with_padding)
        if average
        else _maxima(draft, value, windows)
    )


class _Windows:
    """The windows along one axis of `size`, as the other program lays them."""

    def __init__(
        self, size: int, kernel: int, stride: int, before: int, after: int, ceil: bool
    ) -> None:
        self.size, self.kernel, self.stride = size, kernel, stride
        self.before, self.after = before, after
        room = size + before + after - kernel
        self.count = (-(-room // stride) if ceil else room // stride) + 1
        if ceil and (self.count - 1) * stride >= size + before:
            self.count -= 1  # it would start behind the picture
        self.starts = np.arange(max(self.count, 0)) * stride - before

    def caffes(self, pad: int, clipped: bool, floor: bool = False) -> int:
        """How many windows Caffe lays at this padding; `clipped`: some axis has padding."""
        room = self.size + 2 * pad - self.kernel
        found = (room // self.stride if floor else -(-room // self.stride)) + 1
        if clipped and (found - 1) * self.stride >= self.size + pad:
            found -= 1
        return found

    def valid(self) -> Array:
        """How much of each window is picture."""
        ends = np.minimum(self.starts + self.kernel, self.size)
        return np.asarray(np.maximum(ends - np.maximum(self.starts, 0), 0))

    def covered(self, before: int, after: int) -> Array:
        """How much of each window is picture or padding."""
        ends = np.minimum(self.starts + self.kernel, self.size + after)
        return np.asarray(np.maximum(ends - np.maximum(self.starts, -before), 0))


def _layer(
    draft: Draft, value: Value, method: str, windows: Sequence[_Windows], pads: Sequence[int],
    role: str = "", floor: bool = False,
) -> Value:  # fmt: skip
    clipped = any(pads)
    sizes = [one.caffes(pad, clipped, floor) for one, pad in zip(windows, pads)]
    param: dict[str, Any] = {"pool": method}
    for name, numbers, usual in (
        ("pad", list(pads), 0),
        ("kernel", [one.kernel for one in windows], None),
        ("stride", [one.stride for one in windows], 1),
    ):
        found = axes_of(name, numbers, usual)
        param.update({key: n[0] if isinstance(n, list) else n for key, n in found.items()})
    if floor:
        param["round_mode"] = "FLOOR"
    shape = (*value.shape[:2], *sizes)
    return draft.layer("Pooling", [value], shape, role=role, pooling_param=param)


def _maxima(draft: Draft, value: Value, windows: Sequence[_Windows]) -> Value:
    if any(one.starts[-1] >= one.size for one in windows) or any(
        one.before >= one.kernel for one in windows
    ):
        raise UnfitError("has windows that hold padding alone")
    wanted = [one.count for one in windows]
    pads = [one.before for one in windows]
    if any(one.stride > one.kernel for one in windows):
        return _sparse(draft, value, windows)
    if draft.style.floor == "round_mode" and pads == [one.after for one in windows]:
        floor = [one.caffes(pad, any(pads), True) for one, pad in zip(windows, pads)]
        up = [one.caffes(pad, any(pads)) for one, pad in zip(windows, pads)]
        if floor == wanted != up:
            return _layer(draft, value, "MAX", windows, pads, floor=True)
    # More padding in steps of the stride lays more windows: those in front are cut off again.
    cuts = [0, 0]
    for axis, one in enumerate(windows):
        while one.caffes(pads[axis], True) < wanted[axis] + cuts[axis]:
            pads[axis], cuts[axis] = pads[axis] + one.stride, cuts[axis] + 1
            if pads[axis] >= one.kernel:
                raise UnfitError("pads more behind the picture than Caffe's pooling can")
    found = [one.caffes(pad, any(pads)) for one, pad in zip(windows, pads)]
    if found == wanted:
        return _layer(draft, value, "MAX", windows, pads)
    made = _layer(draft, value, "MAX", windows, pads, role="ceil")
    ends = tuple((cut, n - cut - m) for cut, n, m in zip(cuts, found, wanted))
    return trimmed(draft, made, ends, role="")


def _sparse(draft: Draft, value: Value, windows: Sequence[_Windows]) -> Value:
    """Windows with gaps between them, of which Caffe may lay one behind the picture: every one."""
    dense = [_Windows(one.size, one.kernel, 1, one.before, one.after, False) for one in windows]
    if any(one.kernel > 1 for one in windows):
        value = _maxima(draft, value, dense)
    elif any(one.before or one.after for one in windows):
        raise UnfitError("has windows that hold padding alone")
    starts, steps, sizes = [0, 0], [o.stride for o in windows], [o.count for o in windows]
    return strided(draft, value, starts, steps, sizes, "")


def _averages(draft: Draft, value: Value, windows: Sequence[_Windows], with_padding: bool) -> Value:
    rows, columns = (
        one.covered(one.before, one.after) if with_padding else one.valid() for one in windows
    )
    divisors = np.outer(rows, columns).astype(np.float64)
    pads = [one.before for one in windows]
    even = pads == [one.after for one in windows] and all(
        one.before < one.kernel >= one.stride for one in windows
    )
    if even and [one.caffes(pad, any(pads)) for one, pad in zip(windows, pads)] == [
        one.count for one in windows
    ]:
        made = _layer(draft, value, "AVE", windows, pads)
        caffes = np.outer(*(one.covered(one.before, one.before) for one in windows))
    else:
        # A convolution by a constant rounds down, and takes padding of any kind.
        kernel = np.full([one.kernel for one in windows], 1 / np.prod([o.kernel for o in windows]))
        reach = [
            max((one.count - 1) * one.stride + one.kernel - one.size - one.before, 0)
            for one in windows
        ]
        around = tuple((one.before, after) for one, after in zip(windows, reach))
        made = depthwise(draft, value, kernel, [o.stride for o in windows], around, role="")
        caffes = np.full(divisors.shape, np.prod(kernel.shape))
        if made.shape[2:] != divisors.shape:
            raise UnfitError(f"averages to {words(divisors.shape)}")
    factors = caffes / np.where(divisors == 0, np.inf, divisors)
    if np.all(factors == 1):
        return made
    param = {"axis": 2, "num_axes": 2}
    return draft.layer(
        "Scale", [made], made.shape, role="divisor", blobs=[factors], scale_param=param
    )
